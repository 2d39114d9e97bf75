/* Linear forms, facts, and a prover by bounded elimination.
 *
 * To show g >= 0: if the numeric range of g says so, done. Otherwise pick the youngest atom whose term may be negative
 * without bound, and for every fact f >= 0 with the same sign on that atom prove g*p - f*q >= 0, where p and q are the
 * least positive factors that cancel the atom. The search is bounded by depth and by a number of steps, shallow proofs
 * first; what it does not find is simply not known. Loop bounds, extents and comparisons make chains of two or three steps. */
#include "passes/facts.h"
#include "passes/vars.h"
#include <string.h>

#define DIM_MAX ((wide)1 << 56)
enum { PROOF_DEPTH = 7, PROOF_STEPS = 200, FACTS_MAX = 400, TERMS_MAX = 24, CASES_DEEP = 3 };

typedef enum float_sign { SIGN_UNKNOWN, SIGN_NOT_BELOW_ZERO, SIGN_ABOVE_ZERO } float_sign; /* or NaN */

typedef struct var_state {
    uint32_t version;
    const lin *value; /* linear form of the current value, or NULL */
    uint32_t atom1;   /* atom of the current version + 1, or 0 */
    float_sign sign;  /* of floats */
} var_state;

typedef struct seen_var {
    const kir_var *var;
    uint32_t version;
} seen_var;

typedef struct condition { /* one that is no comparison of integers, known by its structure */
    const kir_expr *e;
    bool truth;
    VEC(seen_var) vars;
} condition;

typedef struct mention { /* of an atom in a known fact */
    const lin *fact;
    uint32_t term;
    uint32_t older; /* the atom's one before with the same sign, + 1 */
} mention;

/* What became of a goal, for the same facts not worth a second search: kept where its hash says, until the next one that
 * belongs there. */
enum { ANSWERS_KEPT = 128 };
typedef struct answer {
    const lin *goal;
    uint32_t epoch, cases;
    bool holds;
} answer;

struct facts {
    arena *a;
    kir_module *m;
    kir_fn *fn;
    VEC(atom) atoms;
    uint32_t *slots; /* open addressing: number of an atom that is not opaque + 1, or 0 */
    uint32_t n_slots, n_used;
    var_state *vars; /* by id; grows when a pass makes variables */
    uint32_t n_vars;
    VEC(const lin *) known; /* each >= 0 */
    VEC(uint32_t) numbers;  /* of the known facts, each its own */
    uint32_t last_number;
    VEC(mention) mentions; /* of the known facts, a fact's together; each atom's are a list that starts at the newest */
    VEC(condition) conditions;
    uint32_t steps;
    uint32_t epoch; /* number of the newest known fact: it stands on the same facts whenever it is the newest one */
    answer answers[ANSWERS_KEPT];
    uint32_t cases; /* SELECTs that are being told apart */
};

facts *facts_new(arena *a, kir_module *m, kir_fn *fn) {
    facts *f = arena_make(a, facts);
    f->a = a;
    f->m = m;
    f->fn = fn;
    f->n_vars = fn->next_var + 1;
    f->vars = arena_array(a, var_state, f->n_vars);
    return f;
}

const atom *facts_atom(const facts *f, uint32_t i) {
    return &f->atoms.at[i];
}

static var_state *state_of(facts *f, const kir_var *v) {
    if (v->id >= f->n_vars) {
        uint32_t n = 2 * v->id + 1;
        var_state *grown = arena_array(f->a, var_state, n);
        memcpy(grown, f->vars, f->n_vars * sizeof *grown);
        f->vars = grown;
        f->n_vars = n;
    }
    return &f->vars[v->id];
}

uint32_t facts_version(const facts *f, const kir_var *v) {
    return v->id < f->n_vars ? f->vars[v->id].version : 0;
}

/* ---- forms ---------------------------------------------------------------------------------------------------------- */

static lin *new_lin(facts *f, int64_t k, uint32_t room) {
    lin *l = arena_make(f->a, lin);
    l->k = k;
    l->term = room ? arena_array(f->a, lin_term, room) : NULL;
    return l;
}

const lin *facts_const(facts *f, int64_t k) {
    return new_lin(f, k, 0);
}

static const lin *atom_lin(facts *f, uint32_t atom_index) {
    lin *l = new_lin(f, 0, 1);
    l->term[l->n++] = (lin_term){atom_index, 1};
    return l;
}

bool facts_equal(const lin *a, const lin *b) {
    if (a == b)
        return true;
    if (!a || !b || a->k != b->k || a->n != b->n)
        return false;
    for (uint32_t i = 0; i < a->n; i++)
        if (a->term[i].atom != b->term[i].atom || a->term[i].coef != b->term[i].coef)
            return false;
    return true;
}

static bool add_scaled(int64_t a, int64_t b, int64_t p, int64_t q, int64_t *out) {
    int64_t ap, bq;
    if (!__builtin_mul_overflow(a, p, &ap) && !__builtin_mul_overflow(b, q, &bq))
        return !__builtin_add_overflow(ap, bq, out);
    wide x = (wide)a * p + (wide)b * q;
    *out = (int64_t)x;
    return x >= INT64_MIN && x <= INT64_MAX;
}

/* p*a + q*b, or NULL when a number gets too large or an operand is NULL. */
/* p * a + q * b into `r`, which has room for the terms of both. */
static bool combine_into(lin *r, const lin *a, int64_t p, const lin *b, int64_t q) {
    r->n = 0;
    if (!add_scaled(a->k, b->k, p, q, &r->k))
        return false;
    for (uint32_t i = 0, j = 0; i < a->n || j < b->n;) {
        bool left = i < a->n && (j >= b->n || a->term[i].atom <= b->term[j].atom);
        bool right = j < b->n && (i >= a->n || b->term[j].atom <= a->term[i].atom);
        uint32_t at = left ? a->term[i].atom : b->term[j].atom;
        int64_t coef;
        if (!add_scaled(left ? a->term[i].coef : 0, right ? b->term[j].coef : 0, p, q, &coef))
            return false;
        if (coef)
            r->term[r->n++] = (lin_term){at, coef};
        i += left;
        j += right;
    }
    return true;
}

static const lin *combine(facts *f, const lin *a, int64_t p, const lin *b, int64_t q) {
    if (!a || !b || a->n + b->n > TERMS_MAX)
        return NULL;
    lin *r = new_lin(f, 0, a->n + b->n);
    return combine_into(r, a, p, b, q) ? r : NULL;
}

const lin *facts_add(facts *f, const lin *a, const lin *b, int64_t scale) {
    return combine(f, a, 1, b, scale);
}

/* ---- ranges ----------------------------------------------------------------------------------------------------------- */

/* Bounds of one atom, sharpened by the facts that speak of it alone, as long as they hold. */
static void find_atom_range(facts *f, uint32_t index, wide *lo, wide *hi) {
    *lo = f->atoms.at[index].lo;
    *hi = f->atoms.at[index].hi;
    for (uint32_t side = 0; side < 2; side++)
        for (uint32_t at = f->atoms.at[index].newest[side]; at; at = f->mentions.at[at - 1].older) {
            const lin *g = f->mentions.at[at - 1].fact;
            if (g->n != 1)
                continue;
            wide c = g->term[0].coef, k = g->k; /* c*x + k >= 0 */
            wide bound = c > 0 ? -k : k, size = c > 0 ? c : -c;
            wide q = bound / size, r = bound % size;
            if (c > 0) {
                q += r > 0; /* x >= ceil(-k / c) */
                *lo = q > *lo ? q : *lo;
            } else {
                q -= r < 0; /* x <= floor(k / -c) */
                *hi = q < *hi ? q : *hi;
            }
        }
}

/* A search asks for the same few atoms thousands of times. */
static void atom_range(facts *f, uint32_t index, wide *lo, wide *hi) {
    atom *x = &f->atoms.at[index];
    if (x->now != f->epoch + 1) {
        find_atom_range(f, index, &x->now_lo, &x->now_hi);
        x->now = f->epoch + 1;
    }
    *lo = x->now_lo;
    *hi = x->now_hi;
}

/* Most bounds are an int64's, for which one multiplication does. */
static wide times(wide x, int64_t c) {
    int64_t narrow = (int64_t)x;
    return narrow == x ? (wide)narrow * c : x * c;
}

#define WIDEST ((wide)1 << 120)

static wide at_least(wide lo) {
    return lo < -WIDEST ? -WIDEST : lo;
}

static void add_ranges(facts *f, const lin *a, bool now, wide *lo, wide *hi) {
    *lo = *hi = a->k;
    for (uint32_t i = 0; i < a->n; i++) {
        wide x = f->atoms.at[a->term[i].atom].lo, y = f->atoms.at[a->term[i].atom].hi;
        int64_t c = a->term[i].coef;
        if (now)
            atom_range(f, a->term[i].atom, &x, &y);
        *lo = at_least(*lo + times(c > 0 ? x : y, c));
        *hi += times(c > 0 ? y : x, c);
        *hi = *hi > WIDEST ? WIDEST : *hi;
    }
}

void facts_range(facts *f, const lin *a, wide *lo, wide *hi) {
    add_ranges(f, a, true, lo, hi);
}

/* Bounds that hold wherever the atoms do. Atoms outlive the scope in which they were first met, so theirs come from
 * these. */
static void lasting_range(facts *f, const lin *a, wide *lo, wide *hi) {
    add_ranges(f, a, false, lo, hi);
}

static void scalar_range(type *t, wide *lo, wide *hi) {
    *lo = INT64_MIN;
    *hi = INT64_MAX;
    if (t->kind == TYPE_BOOL) {
        *lo = 0;
        *hi = 1;
    } else if (t->kind == TYPE_INT) {
        *hi = ((wide)1 << (t->bits - (t->is_signed ? 1 : 0))) - 1;
        *lo = t->is_signed ? -*hi - 1 : 0;
    }
}

static bool fits(facts *f, const lin *l, type *t) {
    wide lo, hi, least, most;
    if (!l)
        return false;
    facts_range(f, l, &lo, &hi);
    scalar_range(t, &least, &most);
    if (lo >= least && hi <= most)
        return true;
    if (t->kind != TYPE_INT || t->bits != 64 || !t->is_signed)
        return false;
    const lin *max = facts_const(f, INT64_MAX), *min = facts_const(f, INT64_MIN);
    const lin *above = combine(f, max, 1, l, -1), *below = combine(f, l, 1, min, -1);
    return (hi <= most || (above && facts_nonneg(f, above))) && (lo >= least || (below && facts_nonneg(f, below)));
}

static bool compares_integers(const kir_expr *e);
static bool is_ordering(kir_op op);
static const lin *comparison_form(facts *f, kir_op op, const lin *a, const lin *b);

/* ---- atoms ------------------------------------------------------------------------------------------------------------ */

static bool same_atom(const atom *x, const atom *y) {
    return x->kind == y->kind && x->op == y->op && x->var == y->var && x->version == y->version && x->axis == y->axis &&
           x->c == y->c && facts_equal(x->a, y->a) && facts_equal(x->b, y->b) && facts_equal(x->test, y->test);
}

static uint64_t mix(uint64_t h, uint64_t x) {
    h = (h ^ x) * 0x9e3779b97f4a7c15u;
    return h ^ h >> 29;
}

static uint64_t hash_lin(const lin *a, uint64_t h) {
    h = mix(h, a ? (uint64_t)a->k : 1);
    for (uint32_t i = 0; a && i < a->n; i++)
        h = mix(mix(h, a->term[i].atom), (uint64_t)a->term[i].coef);
    return h;
}

static uint64_t hash_atom(const atom *x) {
    uint64_t h = mix(mix((uint64_t)x->kind, (uint64_t)x->op), x->var ? x->var->id + 1 : 0);
    h = mix(mix(mix(h, x->version), x->axis), (uint64_t)x->c);
    return hash_lin(x->test, hash_lin(x->b, hash_lin(x->a, h)));
}

/* The slot of an atom equal to x, or the free one where it belongs. */
static uint32_t *find_slot(facts *f, const atom *x) {
    uint32_t at = (uint32_t)hash_atom(x) & (f->n_slots - 1);
    while (f->slots[at] && !same_atom(&f->atoms.at[f->slots[at] - 1], x))
        at = (at + 1) & (f->n_slots - 1);
    return &f->slots[at];
}

static void grow_slots(facts *f) {
    const uint32_t *old = f->slots;
    uint32_t n = f->n_slots;
    f->n_slots = n ? 2 * n : 64;
    f->slots = arena_array(f->a, uint32_t, f->n_slots);
    for (uint32_t i = 0; i < n; i++)
        if (old[i])
            *find_slot(f, &f->atoms.at[old[i] - 1]) = old[i];
}

static uint32_t intern_atom(facts *f, atom x) {
    uint32_t *slot = NULL;
    if (x.kind != ATOM_OPAQUE) {
        if (2 * f->n_used >= f->n_slots)
            grow_slots(f);
        slot = find_slot(f, &x);
        if (*slot)
            return *slot - 1;
        f->n_used++;
    }
    vec_push(f->a, &f->atoms, x);
    if (slot)
        *slot = f->atoms.len;
    return f->atoms.len - 1;
}

const lin *facts_var(facts *f, kir_var *v) {
    var_state *s = state_of(f, v);
    if (s->value)
        return s->value;
    if (!s->atom1) {
        atom x = {.kind = ATOM_VAR, .var = v, .version = s->version};
        scalar_range(v->ty, &x.lo, &x.hi);
        vec_push(f->a, &f->atoms, x);
        s->atom1 = f->atoms.len;
    }
    return atom_lin(f, s->atom1 - 1);
}

static const lin *dim_lin(facts *f, kir_var *v, uint32_t axis) {
    atom x = {.kind = ATOM_DIM, .var = v, .version = facts_version(f, v), .axis = axis, .lo = 0, .hi = DIM_MAX};
    return atom_lin(f, intern_atom(f, x));
}

static const lin *opaque(facts *f, type *t) {
    atom x = {.kind = ATOM_OPAQUE};
    scalar_range(t, &x.lo, &x.hi);
    return atom_lin(f, intern_atom(f, x));
}

static wide floor_div(wide a, wide b) {
    wide q = a / b;
    return q - (a % b != 0 && (a < 0) != (b < 0));
}

/* A fact that comes with an atom; it may have been dropped with the scope in which the atom was first met. */
static void know_once(facts *f, const lin *a) {
    if (!a || a->n == 0)
        return;
    for (uint32_t at = f->atoms.at[a->term[0].atom].newest[a->term[0].coef > 0]; at; at = f->mentions.at[at - 1].older)
        if (facts_equal(f->mentions.at[at - 1].fact, a))
            return;
    facts_assume_nonneg(f, a);
}

/* Bounds of an atom that hold now, where they are sharper than its own. */
static void know_range(facts *f, const lin *x, wide lo, wide hi) {
    wide least, most;
    facts_range(f, x, &least, &most);
    if (lo > least && lo <= INT64_MAX)
        know_once(f, combine(f, x, 1, facts_const(f, (int64_t)lo), -1));
    if (hi < most && hi >= INT64_MIN)
        know_once(f, combine(f, x, -1, facts_const(f, (int64_t)hi), 1));
}

/* floor(a / c): its defining inequalities become known with it. */
static const lin *floordiv_lin(facts *f, const lin *a, int64_t c) {
    atom x = {.kind = ATOM_FLOORDIV, .a = a, .c = c};
    wide lo, hi;
    lasting_range(f, a, &x.lo, &x.hi);
    x.lo = floor_div(x.lo, c);
    x.hi = floor_div(x.hi, c);
    const lin *q = atom_lin(f, intern_atom(f, x));
    facts_range(f, a, &lo, &hi);
    know_range(f, q, floor_div(lo, c), floor_div(hi, c));
    const lin *rest = combine(f, a, 1, q, -c); /* 0 <= a - c*q <= c - 1 */
    if (rest) {
        know_once(f, rest);
        know_once(f, combine(f, facts_const(f, c - 1), 1, rest, -1));
    }
    return q;
}

static void corner_range(kir_op op, wide x, wide y, wide *lo, wide *hi) {
    wide z = op == KIR_OP_ADD ? x + y : op == KIR_OP_SUB ? x - y : x * y;
    *lo = z < *lo ? z : *lo;
    *hi = z > *hi ? z : *hi;
}

/* Bounds of op(a, b) in type t from the bounds of a and b. */
static void op_range(kir_op op, const wide a[2], const wide b[2], type *t, wide out[2]) {
    wide least, most, lo = (wide)1 << 126, hi = -lo, al = a[0], ah = a[1], bl = b[0], bh = b[1];
    scalar_range(t, &least, &most);
    bool small = al >= INT64_MIN && ah <= INT64_MAX && bl >= INT64_MIN && bh <= INT64_MAX;
    if (small && (op == KIR_OP_ADD || op == KIR_OP_SUB || (op == KIR_OP_MUL && ah < DIM_MAX && bh < DIM_MAX))) {
        corner_range(op, al, bl, &lo, &hi);
        corner_range(op, al, bh, &lo, &hi);
        corner_range(op, ah, bl, &lo, &hi);
        corner_range(op, ah, bh, &lo, &hi);
    } else if (op == KIR_OP_MIN) {
        lo = al < bl ? al : bl;
        hi = ah < bh ? ah : bh;
    } else if (op == KIR_OP_MAX) {
        lo = al > bl ? al : bl;
        hi = ah > bh ? ah : bh;
    } else if (op == KIR_OP_AND && (al >= 0 || bl >= 0)) {
        lo = 0;
        hi = al >= 0 && (bl < 0 || ah < bh) ? ah : bh;
    } else {
        lo = least;
        hi = most;
    }
    bool inside = lo >= least && hi <= most;
    out[0] = inside ? lo : least;
    out[1] = inside ? hi : most;
}

/* op(a, b) as an atom of its own: same operands, same atom. */
static const lin *op_lin(facts *f, kir_op op, const lin *a, const lin *b, type *t) {
    atom x = {.kind = ATOM_OP, .op = op, .a = a, .b = b};
    wide p[2], q[2], range[2];
    lasting_range(f, a, &p[0], &p[1]);
    lasting_range(f, b, &q[0], &q[1]);
    op_range(op, p, q, t, range);
    x.lo = range[0];
    x.hi = range[1];
    const lin *r = atom_lin(f, intern_atom(f, x));
    facts_range(f, a, &p[0], &p[1]);
    facts_range(f, b, &q[0], &q[1]);
    op_range(op, p, q, t, range);
    know_range(f, r, range[0], range[1]);
    if (op == KIR_OP_MIN || op == KIR_OP_MAX) {
        int64_t sign = op == KIR_OP_MIN ? 1 : -1; /* a - min >= 0; max - a >= 0 */
        know_once(f, combine(f, a, sign, r, -sign));
        know_once(f, combine(f, b, sign, r, -sign));
    }
    const lin *most = op == KIR_OP_MOD ? combine(f, b, 1, facts_const(f, 1), -1) : NULL;
    if (most && facts_nonneg(f, most)) { /* 0 <= r <= b - 1 */
        know_once(f, r);
        know_once(f, combine(f, most, 1, r, -1));
    }
    return r;
}

static bool is_int64(type *t) {
    return t->kind == TYPE_INT && t->bits == 64 && t->is_signed;
}

static const lin *binary_lin(facts *f, kir_expr *e) {
    const lin *a = facts_lin(f, e->args[0]), *b = facts_lin(f, e->args[1]);
    if (!a || !b)
        return opaque(f, e->ty);
    const lin *r = NULL;
    if (e->op == KIR_OP_ADD || e->op == KIR_OP_SUB)
        r = combine(f, a, 1, b, e->op == KIR_OP_ADD ? 1 : -1);
    else if (e->op == KIR_OP_MUL && (a->n == 0 || b->n == 0))
        r = a->n == 0 ? combine(f, b, a->k, b, 0) : combine(f, a, b->k, a, 0);
    else if (e->op == KIR_OP_SHL && b->n == 0 && b->k >= 0 && b->k < 62)
        r = combine(f, a, (int64_t)1 << b->k, a, 0);
    else if ((e->op == KIR_OP_FLOORDIV || e->op == KIR_OP_MOD) && b->n == 0 && b->k > 0) {
        const lin *q = floordiv_lin(f, a, b->k);
        r = e->op == KIR_OP_FLOORDIV ? q : combine(f, a, 1, q, -b->k);
    } else if (e->op == KIR_OP_SHR && b->n == 0 && b->k >= 0 && b->k < 62)
        r = floordiv_lin(f, a, (int64_t)1 << b->k);
    if (fits(f, r, e->ty))
        return r;
    return op_lin(f, e->op, a, b, e->ty);
}

static const lin *select_atom(facts *f, const lin *test, const lin *a, const lin *b) {
    atom x = {.kind = ATOM_SELECT, .a = a, .b = b, .test = test};
    wide lo, hi;
    lasting_range(f, a, &x.lo, &x.hi);
    lasting_range(f, b, &lo, &hi);
    x.lo = lo < x.lo ? lo : x.lo;
    x.hi = hi > x.hi ? hi : x.hi;
    return atom_lin(f, intern_atom(f, x));
}

/* A form that is >= 0 exactly where the condition holds; an equality has one where one side is known not to be the larger
 * one. */
static const lin *test_form(facts *f, kir_expr *e) {
    if (!compares_integers(e) || (!is_ordering(e->op) && e->op != KIR_OP_EQ))
        return NULL;
    const lin *a = facts_lin(f, e->args[0]), *b = facts_lin(f, e->args[1]);
    if (is_ordering(e->op))
        return comparison_form(f, e->op, a, b);
    const lin *above = combine(f, a, 1, b, -1), *below = combine(f, b, 1, a, -1);
    return above && below && facts_nonneg(f, above) ? below : above && below && facts_nonneg(f, below) ? above : NULL;
}

static const lin *select_lin(facts *f, kir_expr *e) {
    int known = facts_decide(f, e->args[0]);
    if (known >= 0)
        return facts_lin(f, e->args[known ? 1 : 2]);
    const lin *a = facts_lin(f, e->args[1]), *b = facts_lin(f, e->args[2]);
    if (facts_equal(a, b))
        return a;
    const lin *test = a && b && is_int64(e->ty) ? test_form(f, e->args[0]) : NULL;
    return test ? select_atom(f, test, a, b) : opaque(f, e->ty);
}

static const lin *wrap_lin(facts *f, kir_expr *e) {
    const lin *i = facts_lin(f, e->args[0]), *n = facts_lin(f, e->args[1]);
    if (facts_nonneg(f, i))
        return i;
    const lin *below = combine(f, facts_const(f, -1), 1, i, -1), *sum = combine(f, i, 1, n, 1);
    if (below && facts_nonneg(f, below) && fits(f, sum, e->ty))
        return sum;
    atom x = {.kind = ATOM_OP, .op = KIR_OP_MOD, .a = i, .b = n, .c = 1};
    scalar_range(e->ty, &x.lo, &x.hi);
    const lin *w = atom_lin(f, intern_atom(f, x)), *one = facts_const(f, 1);
    const lin *room = combine(f, combine(f, n, 1, i, -1), 1, one, -1);
    if (sum && facts_nonneg(f, sum)) { /* -n <= i */
        know_once(f, w);
        if (room && facts_nonneg(f, room)) /* i < n */
            know_once(f, combine(f, combine(f, n, 1, w, -1), 1, one, -1));
    }
    return w;
}

const lin *facts_lin(facts *f, kir_expr *e) {
    if (e->ty->kind != TYPE_INT && e->ty->kind != TYPE_BOOL)
        return NULL;
    if (e->ty->kind == TYPE_INT && e->ty->bits == 64 && !e->ty->is_signed) /* half of its values are not int64's */
        return e->kind == KIR_CONST && e->value.i >= 0 ? facts_const(f, e->value.i) : opaque(f, e->ty);
    switch (e->kind) {
    case KIR_CONST:
        return facts_const(f, e->value.i);
    case KIR_VAR:
        return facts_var(f, e->var);
    case KIR_DIM:
        return dim_lin(f, e->var, (uint32_t)e->axis);
    case KIR_BINARY:
        return is_int64(e->ty) ? binary_lin(f, e) : opaque(f, e->ty);
    case KIR_SELECT:
        return select_lin(f, e);
    case KIR_WRAP:
        return wrap_lin(f, e);
    case KIR_UNARY:
        if (e->op == KIR_OP_NEG && is_int64(e->ty)) {
            const lin *a = facts_lin(f, e->args[0]), *r = combine(f, a, -1, a, 0);
            return fits(f, r, e->ty) ? r : op_lin(f, KIR_OP_NEG, a, facts_const(f, 0), e->ty);
        }
        return opaque(f, e->ty);
    case KIR_CAST: {
        type *from = e->args[0]->ty;
        const lin *a = from->kind == TYPE_INT || from->kind == TYPE_BOOL ? facts_lin(f, e->args[0]) : NULL;
        bool exact = a && !(from->bits == 64 && !from->is_signed) && e->ty->kind == TYPE_INT;
        return exact && fits(f, a, e->ty) ? a : opaque(f, e->ty);
    }
    default:
        return opaque(f, e->ty);
    }
}

/* ---- proving ------------------------------------------------------------------------------------------------------------ */

static int64_t gcd(int64_t a, int64_t b) {
    while (b) {
        int64_t t = a % b;
        a = b;
        b = t;
    }
    return a;
}

static int64_t magnitude(int64_t x) {
    return x < 0 ? -x : x;
}

static bool prove(facts *f, const lin *g, uint32_t depth);

/* The last step of a search, which looks at ranges alone: is p * a + q * b >= 0 by them? Nothing is put together for it. */
static bool is_sum_nonneg(facts *f, const lin *a, int64_t p, const lin *b, int64_t q) {
    int64_t coef;
    if (!add_scaled(a->k, b->k, p, q, &coef))
        return false;
    wide least = coef, lo, hi;
    for (uint32_t i = 0, j = 0; i < a->n || j < b->n;) {
        bool left = i < a->n && (j >= b->n || a->term[i].atom <= b->term[j].atom);
        bool right = j < b->n && (i >= a->n || b->term[j].atom <= a->term[i].atom);
        uint32_t at = left ? a->term[i].atom : b->term[j].atom;
        if (!add_scaled(left ? a->term[i].coef : 0, right ? b->term[j].coef : 0, p, q, &coef))
            return false;
        if (coef) {
            atom_range(f, at, &lo, &hi);
            least = at_least(least + times(coef > 0 ? lo : hi, coef));
        }
        i += left;
        j += right;
    }
    f->steps--;
    return least >= 0;
}

/* Cancels `term` of g with every fact that has the atom on the same side. */
static bool eliminate(facts *f, const lin *g, lin_term term, uint32_t depth) {
    lin_term terms[TERMS_MAX];
    for (uint32_t at = f->atoms.at[term.atom].newest[term.coef > 0]; at && f->steps;
         at = f->mentions.at[at - 1].older) {
        const mention *m = &f->mentions.at[at - 1];
        const lin *h = m->fact;
        int64_t x = magnitude(term.coef), y = magnitude(h->term[m->term].coef), d = gcd(x, y);
        lin rest = {.term = terms}; /* not from the arena: a search makes thousands */
        if (g->n + h->n > TERMS_MAX)
            continue;
        if (depth == 1 ? is_sum_nonneg(f, g, y / d, h, -(x / d))
                       : combine_into(&rest, g, y / d, h, -(x / d)) && prove(f, &rest, depth - 1))
            return true;
    }
    return false;
}

static bool prove(facts *f, const lin *g, uint32_t depth) {
    wide lo, hi;
    if (f->steps == 0)
        return false;
    f->steps--;
    facts_range(f, g, &lo, &hi);
    if (lo >= 0)
        return true;
    if (hi < 0)
        return false;
    for (uint32_t i = g->n; i-- > 0;)
        if (eliminate(f, g, g->term[i], depth))
            return true;
    return false;
}

static answer *answer_to(facts *f, const lin *a) {
    return &f->answers[hash_lin(a, f->epoch) % ANSWERS_KEPT];
}

bool facts_cases(facts *f, const lin *a, const lin **when, const lin **yes, const lin **unless, const lin **no) {
    for (uint32_t i = a->n; i-- > 0;) {
        const atom *x = &f->atoms.at[a->term[i].atom];
        if (x->kind != ATOM_SELECT)
            continue;
        const lin *self = atom_lin(f, a->term[i].atom), *rest = combine(f, a, 1, self, -a->term[i].coef);
        *when = x->test;
        *unless = combine(f, x->test, -1, facts_const(f, 1), -1);
        *yes = rest ? combine(f, rest, 1, x->a, a->term[i].coef) : NULL;
        *no = rest ? combine(f, rest, 1, x->b, a->term[i].coef) : NULL;
        return *unless && *yes && *no;
    }
    return false;
}

static bool holds_where(facts *f, const lin *test, const lin *a) {
    facts_scope scope = facts_mark(f);
    facts_assume_nonneg(f, test);
    bool holds = facts_nonneg(f, a);
    facts_reset(f, scope);
    return holds;
}

static bool holds_in_both_cases(facts *f, const lin *a) {
    const lin *when, *yes, *unless, *no;
    if (f->cases == CASES_DEEP || !facts_cases(f, a, &when, &yes, &unless, &no))
        return false;
    f->cases++;
    bool holds = holds_where(f, when, yes) && holds_where(f, unless, no);
    f->cases--;
    return holds;
}

bool facts_nonneg(facts *f, const lin *a) {
    if (!a)
        return false;
    answer *old = answer_to(f, a);
    if (old->goal && old->epoch == f->epoch && old->cases == f->cases && facts_equal(old->goal, a))
        return old->holds;
    uint32_t saved = f->steps;
    bool ok = false;
    f->steps = PROOF_STEPS;
    for (uint32_t depth = 1; !ok && depth <= PROOF_DEPTH && f->steps; depth += 2)
        ok = prove(f, a, depth);
    f->steps = saved;
    ok = ok || holds_in_both_cases(f, a);
    *answer_to(f, a) = (answer){a, f->epoch, f->cases, ok};
    return ok;
}

bool facts_zero(facts *f, const lin *a) {
    const lin *minus = combine(f, a, -1, a, 0);
    return a->n == 0 ? a->k == 0 : minus && facts_nonneg(f, a) && facts_nonneg(f, minus);
}

/* The comparison `op` of two integers as forms: *ge >= 0 says that it holds. EQ and NE have no single one. */
static const lin *comparison_form(facts *f, kir_op op, const lin *a, const lin *b) {
    const lin *d = op == KIR_OP_LT || op == KIR_OP_LE ? combine(f, b, 1, a, -1) : combine(f, a, 1, b, -1);
    bool strict = op == KIR_OP_LT || op == KIR_OP_GT;
    return d && strict ? combine(f, d, 1, facts_const(f, 1), -1) : d;
}

static kir_op negated(kir_op op) {
    switch (op) {
    case KIR_OP_LT:
        return KIR_OP_GE;
    case KIR_OP_LE:
        return KIR_OP_GT;
    case KIR_OP_GT:
        return KIR_OP_LE;
    case KIR_OP_GE:
        return KIR_OP_LT;
    case KIR_OP_EQ:
        return KIR_OP_NE;
    case KIR_OP_NE:
        return KIR_OP_EQ;
    default:
        return KIR_OP_INVALID;
    }
}

static bool is_ordering(kir_op op) {
    return op == KIR_OP_LT || op == KIR_OP_LE || op == KIR_OP_GT || op == KIR_OP_GE;
}

static bool compares_integers(const kir_expr *e) {
    return e->kind == KIR_BINARY && negated(e->op) != KIR_OP_INVALID &&
           (e->args[0]->ty->kind == TYPE_INT || e->args[0]->ty->kind == TYPE_BOOL) &&
           !(e->args[0]->ty->bits == 64 && !e->args[0]->ty->is_signed && e->args[0]->ty->kind == TYPE_INT);
}

const lin *facts_ordering(facts *f, kir_expr *e) {
    if (!compares_integers(e) || !is_ordering(e->op))
        return NULL;
    return comparison_form(f, e->op, facts_lin(f, e->args[0]), facts_lin(f, e->args[1]));
}

static int decide_comparison(facts *f, kir_expr *e) {
    const lin *a = facts_lin(f, e->args[0]), *b = facts_lin(f, e->args[1]);
    if (is_ordering(e->op)) {
        const lin *yes = comparison_form(f, e->op, a, b), *no = comparison_form(f, negated(e->op), a, b);
        return yes && facts_nonneg(f, yes) ? 1 : no && facts_nonneg(f, no) ? 0 : -1;
    }
    const lin *d = combine(f, a, 1, b, -1);
    if (!d)
        return -1;
    if (facts_zero(f, d))
        return e->op == KIR_OP_EQ;
    const lin *above = combine(f, d, 1, facts_const(f, 1), -1), *below = combine(f, d, -1, facts_const(f, 1), -1);
    bool differ = (above && facts_nonneg(f, above)) || (below && facts_nonneg(f, below));
    return differ ? e->op == KIR_OP_NE : -1;
}

/* ---- signs of floats: enough for denominators such as 1 + x * x ---------------------------------------------------------- */

static float_sign sign_of(facts *f, const kir_expr *e);

static float_sign lesser(float_sign a, float_sign b) {
    return a < b ? a : b;
}

/* Sums of numbers above zero do not round to zero; products may. */
static float_sign sign_of_binary(facts *f, const kir_expr *e) {
    float_sign a = sign_of(f, e->args[0]), b = sign_of(f, e->args[1]);
    bool known = a && b;
    switch (e->op) {
    case KIR_OP_ADD:
        return !known ? SIGN_UNKNOWN : a > b ? a : b;
    case KIR_OP_MUL:
        return known || kir_expr_equal(e->args[0], e->args[1]) ? SIGN_NOT_BELOW_ZERO : SIGN_UNKNOWN;
    case KIR_OP_DIV:
        return known ? SIGN_NOT_BELOW_ZERO : SIGN_UNKNOWN;
    case KIR_OP_MIN:
    case KIR_OP_MAX:
        return lesser(a, b);
    default:
        return SIGN_UNKNOWN;
    }
}

static float_sign sign_of(facts *f, const kir_expr *e) {
    if (e->ty->kind != TYPE_FLOAT)
        return SIGN_UNKNOWN;
    switch (e->kind) {
    case KIR_CONST:
        return e->value.f > 0.0 ? SIGN_ABOVE_ZERO : e->value.f == 0.0 ? SIGN_NOT_BELOW_ZERO : SIGN_UNKNOWN;
    case KIR_VAR:
        return state_of(f, e->var)->sign;
    case KIR_UNARY:
        return e->op == KIR_OP_ABS ? SIGN_NOT_BELOW_ZERO : SIGN_UNKNOWN;
    case KIR_MATH:
        if (e->op == KIR_OP_SQRT && sign_of(f, e->args[0]) == SIGN_ABOVE_ZERO)
            return SIGN_ABOVE_ZERO;
        return e->op == KIR_OP_SQRT || e->op == KIR_OP_EXP || e->op == KIR_OP_EXP2 ? SIGN_NOT_BELOW_ZERO : SIGN_UNKNOWN;
    case KIR_SELECT:
        return lesser(sign_of(f, e->args[1]), sign_of(f, e->args[2]));
    case KIR_BINARY:
        return sign_of_binary(f, e);
    default:
        return SIGN_UNKNOWN;
    }
}

/* Comparisons with zero that NaN does not decide otherwise. */
static int decide_sign(facts *f, const kir_expr *e) {
    bool compares = e->kind == KIR_BINARY && (e->op == KIR_OP_NE || e->op == KIR_OP_EQ || e->op == KIR_OP_LT);
    if (!compares || e->args[0]->ty->kind != TYPE_FLOAT || e->args[1]->kind != KIR_CONST || e->args[1]->value.f != 0.0)
        return -1;
    float_sign sign = sign_of(f, e->args[0]);
    if (e->op == KIR_OP_LT)
        return sign == SIGN_UNKNOWN ? -1 : 0;
    return sign == SIGN_ABOVE_ZERO ? e->op == KIR_OP_NE : -1;
}

static int find_condition(const facts *f, const kir_expr *e) {
    for (uint32_t i = f->conditions.len; i-- > 0;) {
        const condition *c = &f->conditions.at[i];
        bool same = kir_expr_equal(c->e, e);
        for (uint32_t k = 0; same && k < c->vars.len; k++)
            same = facts_version(f, c->vars.at[k].var) == c->vars.at[k].version;
        if (same)
            return c->truth;
    }
    return -1;
}

int facts_decide(facts *f, kir_expr *e) {
    if (e->kind == KIR_CONST)
        return e->ty->kind == TYPE_BOOL || e->ty->kind == TYPE_INT ? e->value.i != 0 : -1;
    if (e->kind == KIR_UNARY && e->op == KIR_OP_NOT) {
        int x = facts_decide(f, e->args[0]);
        return x < 0 ? -1 : !x;
    }
    if (e->kind == KIR_BINARY && (e->op == KIR_OP_AND || e->op == KIR_OP_OR) && e->ty->kind == TYPE_BOOL) {
        int x = facts_decide(f, e->args[0]), y = facts_decide(f, e->args[1]), stop = e->op == KIR_OP_OR;
        return x == stop || y == stop ? stop : x < 0 || y < 0 ? -1 : !stop;
    }
    if (compares_integers(e))
        return decide_comparison(f, e);
    if (e->kind == KIR_VAR && e->ty->kind == TYPE_BOOL) {
        wide lo, hi;
        facts_range(f, facts_var(f, e->var), &lo, &hi);
        return lo > 0 ? 1 : hi <= 0 ? 0 : -1;
    }
    int by_sign = decide_sign(f, e);
    return by_sign >= 0 ? by_sign : e->ty->kind == TYPE_BOOL ? find_condition(f, e) : -1;
}

/* ---- learning ------------------------------------------------------------------------------------------------------------- */

void facts_assume_nonneg(facts *f, const lin *a) {
    if (!a || a->n == 0 || f->known.len >= FACTS_MAX)
        return;
    vec_push(f->a, &f->known, a);
    vec_push(f->a, &f->numbers, ++f->last_number);
    f->epoch = f->last_number;
    for (uint32_t k = 0; k < a->n; k++) {
        uint32_t *newest = &f->atoms.at[a->term[k].atom].newest[a->term[k].coef > 0];
        vec_push(f->a, &f->mentions, ((mention){a, k, *newest}));
        *newest = f->mentions.len;
    }
}

static void assume_zero(facts *f, const lin *d) {
    if (d) {
        facts_assume_nonneg(f, d);
        facts_assume_nonneg(f, combine(f, d, -1, d, 0));
    }
}

static void assume_not_zero(facts *f, const lin *d) {
    const lin *minus = d ? combine(f, d, -1, d, 0) : NULL;
    if (d && facts_nonneg(f, d))
        facts_assume_nonneg(f, combine(f, d, 1, facts_const(f, 1), -1));
    else if (minus && facts_nonneg(f, minus))
        facts_assume_nonneg(f, combine(f, minus, 1, facts_const(f, 1), -1));
}

typedef struct var_note {
    facts *f;
    condition *c;
} var_note;

static void note_var(kir_var *v, void *context) {
    var_note *n = context;
    vec_push(n->f->a, &n->c->vars, (seen_var){v, facts_version(n->f, v)});
}

static void assume_condition(facts *f, kir_expr *e, bool truth) {
    condition c = {.e = kir_copy_expr(f->m, e, NULL), .truth = truth};
    var_note n = {f, &c};
    vars_in_expr(e, note_var, &n);
    vec_push(f->a, &f->conditions, c);
}

void facts_assume(facts *f, kir_expr *e, bool truth) {
    if (e->kind == KIR_UNARY && e->op == KIR_OP_NOT) {
        facts_assume(f, e->args[0], !truth);
    } else if (e->kind == KIR_BINARY && e->ty->kind == TYPE_BOOL && e->op == (truth ? KIR_OP_AND : KIR_OP_OR)) {
        facts_assume(f, e->args[0], truth);
        facts_assume(f, e->args[1], truth);
    } else if (compares_integers(e)) {
        kir_op op = truth ? e->op : negated(e->op);
        const lin *a = facts_lin(f, e->args[0]), *b = facts_lin(f, e->args[1]);
        if (is_ordering(op))
            facts_assume_nonneg(f, comparison_form(f, op, a, b));
        else if (op == KIR_OP_EQ)
            assume_zero(f, combine(f, a, 1, b, -1));
        else
            assume_not_zero(f, combine(f, a, 1, b, -1));
    } else if (e->kind == KIR_VAR && e->ty->kind == TYPE_BOOL) {
        const lin *v = facts_var(f, e->var);
        facts_assume_nonneg(f, truth ? combine(f, v, 1, facts_const(f, 1), -1) : combine(f, v, -1, v, 0));
    } else if (e->kind != KIR_CONST) {
        assume_condition(f, e, truth);
    }
}

static void forget_newest(facts *f) {
    const lin *a = f->known.at[--f->known.len];
    for (uint32_t k = a->n; k-- > 0; f->mentions.len--)
        f->atoms.at[a->term[k].atom].newest[a->term[k].coef > 0] = f->mentions.at[f->mentions.len - 1].older;
    f->numbers.len--;
    f->epoch = f->numbers.len ? f->numbers.at[f->numbers.len - 1] : 0;
}

facts_scope facts_mark(const facts *f) {
    return (facts_scope){f->known.len, f->conditions.len};
}

void facts_reset(facts *f, facts_scope scope) {
    while (f->known.len > scope.len)
        forget_newest(f);
    f->conditions.len = scope.conditions;
}

const lin *const *facts_known(const facts *f, uint32_t *n) {
    *n = f->known.len;
    return f->known.at;
}

void facts_kill(facts *f, kir_var *v) {
    var_state *s = state_of(f, v);
    s->version++;
    s->value = NULL;
    s->atom1 = 0;
    s->sign = SIGN_UNKNOWN;
}

static void kill_var(kir_var *v, void *context) {
    facts_kill(context, v);
}

static bool kill_written(kir_stmt *s, void *context) {
    vars_written_by(s, kill_var, context);
    return true;
}

void facts_kill_written(facts *f, kir_block *b) {
    kir_each_stmt(b, kill_written, f);
}

static void know_dim(facts *f, kir_var *v, uint32_t axis, const lin *value) {
    if (value)
        assume_zero(f, combine(f, dim_lin(f, v, axis), 1, value, -1));
}

/* Extents of an array variable that was just made by a view, an allocation or a copy of the descriptor. `old`: forms of
 * the extents, taken before the variable changed. */
static void know_shape(facts *f, kir_var *v, const lin *const *old, uint32_t n) {
    for (uint32_t k = 0; k < n; k++)
        know_dim(f, v, k, old[k]);
}

static uint32_t shape_of(facts *f, kir_expr *e, const lin **dims) {
    uint32_t n = e->ty->ndim, k = 0;
    switch (e->kind) {
    case KIR_VAR:
    case KIR_REINTERPRET:
        for (; k < n; k++)
            dims[k] = dim_lin(f, e->var, k);
        return n;
    case KIR_TRANSPOSE:
        for (; k < n; k++)
            dims[k] = dim_lin(f, e->var, e->axes.at[k]);
        return n;
    case KIR_RESHAPE:
    case KIR_ALLOC:
        for (; k < n; k++)
            dims[k] = facts_lin(f, e->args[k]);
        return n;
    case KIR_VIEW:
        for (uint32_t i = 0; i < e->subs.n; i++)
            if (e->subs.at[i].kind != KIR_SUB_INDEX)
                dims[k++] =
                    e->subs.at[i].kind == KIR_SUB_RANGE ? facts_lin(f, e->subs.at[i].length) : facts_const(f, 1);
        return k;
    case KIR_GLOBAL:
        for (; k < n; k++)
            dims[k] = facts_const(f, f->m->globals.at[e->global].shape[k]);
        return n;
    default:
        return 0;
    }
}

static void after_assign(facts *f, kir_stmt *s) {
    if (s->var->ty->kind == TYPE_ARRAY) {
        const lin *dims[TYPE_MAX_NDIM];
        uint32_t n = shape_of(f, s->value, dims);
        facts_kill(f, s->var);
        know_shape(f, s->var, dims, n);
        return;
    }
    bool is_int = s->var->ty->kind == TYPE_INT || s->var->ty->kind == TYPE_BOOL;
    bool is_load = s->value->kind == KIR_LOAD;
    const lin *value = is_int && !is_load && s->var->ty->kind == TYPE_INT ? facts_lin(f, s->value) : NULL;
    float_sign sign = sign_of(f, s->value);
    facts_kill(f, s->var);
    state_of(f, s->var)->sign = sign;
    if (value && !(s->var->ty->bits == 64 && !s->var->ty->is_signed))
        state_of(f, s->var)->value = value;
}

void facts_after(facts *f, kir_stmt *s) {
    if (s->kind == KIR_ASSIGN)
        after_assign(f, s);
    else
        vars_written_by(s, kill_var, f);
    if (s->kind == KIR_CHECK)
        facts_assume(f, s->value, true);
}

/* Bounds of a FOR's variable from the forms of lo and hi taken before the loop. */
static void know_counter(facts *f, kir_stmt *loop, const lin *lo, const lin *hi, const lin *step) {
    const lin *one = facts_const(f, 1);
    const lin *up = combine(f, step, 1, one, -1), *down = combine(f, step, -1, one, -1);
    bool ascending = up && facts_nonneg(f, up), descending = !ascending && down && facts_nonneg(f, down);
    if (!ascending && !descending)
        return;
    const lin *v = facts_var(f, loop->var);
    wide l1, l2, h1, h2;
    facts_range(f, lo, &l1, &l2);
    facts_range(f, hi, &h1, &h2);
    atom *at = &f->atoms.at[v->term[0].atom];
    wide least = ascending ? l1 : h1 + 1, most = ascending ? h2 - 1 : l2;
    if (at->kind == ATOM_VAR && least <= most) {
        at->lo = least > at->lo ? least : at->lo;
        at->hi = most < at->hi ? most : at->hi;
        at->now = 0;
    }
    int64_t sign = ascending ? 1 : -1;
    facts_assume_nonneg(f, combine(f, v, sign, lo, -sign));
    const lin *room = combine(f, hi, sign, v, -sign);
    if (room)
        facts_assume_nonneg(f, combine(f, room, 1, one, -1));
    if (room && step->n == 0) /* the first iteration ran: hi is beyond lo */
        facts_assume_nonneg(f, combine(f, combine(f, hi, sign, lo, -sign), 1, one, -1));
}

void facts_enter_loop(facts *f, kir_stmt *loop) {
    if (loop->kind != KIR_FOR) {
        facts_kill_written(f, &loop->body);
        return;
    }
    const lin *lo = facts_lin(f, loop->lo), *hi = facts_lin(f, loop->hi), *step = facts_lin(f, loop->step);
    facts_kill_written(f, &loop->body);
    facts_kill(f, loop->var);
    know_counter(f, loop, lo, hi, step);
}
