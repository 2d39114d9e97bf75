/* guard: checks inside a loop nest become one test at its entry.
 *
 *   for %i in range(0, %n, 1) {                if dim(%x, 0) >= %n {
 *       check %i < dim(%x, 0)                      for %i … { %t = load %x[%i] }            (simplify drops the check)
 *       %t = load %x[%i]                  →    } else {
 *   }                                              for %i … cold { check %i < dim(%x, 0); %t = load %x[%i] }
 *                                              }
 *
 * For each check in the nest whose condition is linear in the loops' variables and in values that the nest does not
 * change, the extreme over the iterations is found by putting the loops' bounds for their variables, innermost first.
 * What is left is a condition on values known at entry. Wrapping of negative indices goes the same way: the test asks
 * for the index to be >= 0 everywhere, unless it is known to be negative somewhere. Conditions that do not change in
 * the nest at all (a divisor != 0) are taken as they are. The test may be stronger than needed (an inner loop that does
 * not run, a check under a condition): then the exact copy runs, which raises Python's exception at its iteration, or
 * none. It is never too weak: the checks in the fast copy are dropped by simplify alone, which proves them again from
 * the test.
 *
 * Forms with products, a[i*n + j], go to corners.c. Simplify knows nothing of products, so in such a nest what was hoisted
 * is dropped here.
 *
 * Index arithmetic must not wrap, so int64 values that take part in it are asked to lie within 2^55.
 * Checks that are not linear (x[idx[i]]) stay in place, and the nests inside are tried on their own. Measured cost: the
 * facts' walk, about that of simplify. */
#include "passes/corners.h"
#include "passes/passes.h"
#include "passes/vars.h"

#include <string.h>

enum { NEST_MAX = 1500, DEPTH_MAX = 16, BEHIND_MAX = 24, CASES_DEEP = 3 };
#define SMALL (INT64_C(1) << 55)

typedef struct guarding { /* of one nest */
    struct guard *g;
    facts *facts;
    var_set written;
    corner_loop bounds[DEPTH_MAX];
    uint32_t depth;
    VEC(kir_expr *) test;
    VEC(kir_stmt *) proven; /* checks that hold behind the test, and wraps of what is not negative there */
    VEC(kir_expr **) plain;
    struct corner_test *products; /* asked for */
    uint32_t cases;               /* choices that are being told apart */
    bool left;                    /* some check could not be hoisted */
    bool hoists;                  /* some check was */
    bool bends;                   /* some test is about a product, with which simplify cannot prove the checks again */
} guarding;

typedef struct guard {
    kir_module *m;
    kir_fn *f;
    arena *scratch;
    facts *facts;
} guard;

/* ---- forms over values that the nest does not change ------------------------------------------------------------------------ */

static bool lin_is_outer(guarding *n, const lin *l);

static bool atom_is_outer(guarding *n, uint32_t index) {
    const atom *a = facts_atom(n->facts, index);
    switch (a->kind) {
    case ATOM_VAR:
    case ATOM_DIM:
        return !vars_has(&n->written, a->var) && facts_version(n->facts, a->var) == a->version;
    case ATOM_FLOORDIV:
        return lin_is_outer(n, a->a);
    case ATOM_OP:
        return (a->op == KIR_OP_MIN || a->op == KIR_OP_MAX || (a->op == KIR_OP_MUL && a->hi <= SMALL)) &&
               lin_is_outer(n, a->a) && lin_is_outer(n, a->b);
    default:
        return false;
    }
}

static bool lin_is_outer(guarding *n, const lin *l) {
    for (uint32_t i = 0; i < l->n; i++)
        if (!atom_is_outer(n, l->term[i].atom))
            return false;
    return true;
}

static kir_expr *lin_expr(guarding *n, const lin *l, span at);

static kir_expr *atom_expr(guarding *n, uint32_t index, span at) {
    const atom *a = facts_atom(n->facts, index);
    kir_module *m = n->g->m;
    switch (a->kind) {
    case ATOM_VAR: {
        kir_expr *v = kir_ref(m, a->var, at);
        return v->ty == type_int64(m->types) ? v : kir_cast(m, v, type_int64(m->types), at);
    }
    case ATOM_DIM:
        return kir_dim(m, a->var, a->axis, at);
    case ATOM_FLOORDIV:
        return kir_binary(m, KIR_OP_FLOORDIV, lin_expr(n, a->a, at), kir_int(m, a->c, at), at);
    default:
        return kir_binary(m, a->op, lin_expr(n, a->a, at), lin_expr(n, a->b, at), at);
    }
}

/* The terms of one sign: the sum of coef * atom for sign * coef > 0, and of k likewise. */
static kir_expr *side_expr(guarding *n, const lin *l, int64_t sign, span at) {
    kir_module *m = n->g->m;
    kir_expr *sum = NULL;
    for (uint32_t i = 0; i < l->n; i++) {
        int64_t c = sign * l->term[i].coef;
        if (c <= 0)
            continue;
        kir_expr *term = kir_binary(m, KIR_OP_MUL, atom_expr(n, l->term[i].atom, at), kir_int(m, c, at), at);
        sum = sum ? kir_binary(m, KIR_OP_ADD, sum, term, at) : term;
    }
    int64_t k = sign * l->k > 0 ? sign * l->k : 0;
    if (!sum)
        return kir_int(m, k, at);
    return k ? kir_binary(m, KIR_OP_ADD, sum, kir_int(m, k, at), at) : sum;
}

static kir_expr *lin_expr(guarding *n, const lin *l, span at) {
    kir_expr *plus = side_expr(n, l, 1, at), *minus = side_expr(n, l, -1, at);
    return kir_binary(n->g->m, KIR_OP_SUB, plus, minus, at);
}

static bool has_small_numbers(const lin *l) {
    int64_t sum = 0;
    for (uint32_t i = 0; i < l->n; i++) {
        int64_t c = l->term[i].coef;
        if (c > 64 || c < -64)
            return false;
        sum += c < 0 ? -c : c;
    }
    return sum <= 64 && l->k < SMALL && l->k > -SMALL;
}

/* Can the form be evaluated in int64, term by term? */
static bool is_evaluable(guarding *n, const lin *l) {
    for (uint32_t i = 0; i < l->n; i++) {
        lin one = {.n = 1, .term = &l->term[i]};
        wide lo, hi, limit = (wide)1 << 61;
        facts_range(n->facts, &one, &lo, &hi);
        if (lo < -limit || hi > limit)
            return false;
    }
    return has_small_numbers(l);
}

/* ---- extremes ------------------------------------------------------------------------------------------------------------------ */

/* A form below `l` in every iteration, over values known at entry; NULL when there is none. */
static const lin *least_value(guarding *n, const lin *l) {
    for (uint32_t d = n->depth; d-- > 0 && l;) {
        const corner_loop *b = &n->bounds[d];
        if (!b->var || b->var->n != 1)
            continue;
        for (uint32_t i = 0; i < l->n; i++) {
            if (l->term[i].atom != b->var->term[0].atom)
                continue;
            int64_t c = l->term[i].coef;
            const lin *extreme = c > 0 ? b->least : b->most;
            const lin *rest = facts_add(n->facts, l, b->var, -c);
            l = rest && extreme ? facts_add(n->facts, rest, extreme, c) : NULL;
            break;
        }
    }
    return l && lin_is_outer(n, l) && is_evaluable(n, l) ? l : NULL;
}

static int64_t coefficient(const lin *l, uint32_t name) {
    for (uint32_t i = 0; i < l->n; i++)
        if (l->term[i].atom == name)
            return l->term[i].coef;
    return 0;
}

/* `l` less a multiple of `fact` >= 0 that takes the variable out of it: a form below `l`, or NULL. */
static const lin *trade(guarding *n, const lin *l, const lin *fact, uint32_t name) {
    int64_t c = coefficient(l, name), q = fact ? coefficient(fact, name) : 0;
    bool helps = q != 0 && (c > 0) == (q > 0) && c % q == 0;
    return helps ? facts_add(n->facts, l, fact, -(c / q)) : NULL;
}

static const lin *higher(guarding *n, const lin *a, const lin *b) {
    if (!a || !b)
        return a ? a : b;
    const lin *more = facts_add(n->facts, b, a, -1);
    return more && facts_nonneg(n->facts, more) ? b : a;
}

/* As least_value, also by way of the loops inside, whose bounds say more about an outer variable than its own where they
 * do not run for all of its values: in `for j in range(i + 1, n)` i is at most n - 2. */
static const lin *least_by_inner_loops(guarding *n, const lin *l) {
    const lin *best = least_value(n, l);
    for (uint32_t d = 1; d < n->depth; d++) {
        const corner_loop *b = &n->bounds[d];
        if (!b->var || !b->least || !b->most)
            continue;
        const lin *inside[2] = {facts_add(n->facts, b->var, b->least, -1), facts_add(n->facts, b->most, b->var, -1)};
        for (uint32_t e = 0; e < d; e++)
            for (uint32_t k = 0; k < 2 && n->bounds[e].var && n->bounds[e].var->n == 1; k++) {
                const lin *other = trade(n, l, inside[k], n->bounds[e].var->term[0].atom);
                best = higher(n, best, other ? least_value(n, other) : NULL);
            }
    }
    return best;
}

static bool is_known(guarding *n, const kir_expr *test) {
    for (uint32_t i = 0; i < n->test.len; i++)
        if (kir_expr_equal(n->test.at[i], test))
            return true;
    return false;
}

static void require(guarding *n, kir_expr *test) {
    if (!is_known(n, test))
        vec_push(n->g->scratch, &n->test, test);
}

/* A condition around the place may do better than the loops' bounds: where q >= 0 is known, l - q >= 0 is enough. Behind
 * `if i + 1 < n`, a[i + 1] asks for n <= len(a), not for n + 1. Gives `least` or a form that asks for less. */
static const lin *least_behind(guarding *n, const lin *l, const lin *least) {
    uint32_t count;
    if (!least)
        return NULL;
    const lin *const *known = facts_known(n->facts, &count);
    const lin *const *last = arena_array(n->g->scratch, const lin *, BEHIND_MAX);
    uint32_t taken = count < BEHIND_MAX ? count : BEHIND_MAX;
    memcpy((void *)(uintptr_t)last, known + (count - taken), taken * sizeof *known);
    for (uint32_t i = 0; i < taken; i++) {
        const lin *rest = facts_add(n->facts, l, last[i], -1);
        if (!rest || rest->n == 0 || !lin_is_outer(n, rest) || !is_evaluable(n, rest))
            continue;
        const lin *gain = facts_add(n->facts, rest, least, -1);
        if (gain && (gain->n ? rest->n <= least->n && facts_nonneg(n->facts, gain) : gain->k > 0))
            least = rest;
    }
    return least;
}

static bool ask_outer(void *context, uint32_t index) {
    return atom_is_outer(context, index);
}

static kir_expr *ask_value(void *context, uint32_t index, span at) {
    return atom_expr(context, index, at);
}

static bool hoist(guarding *n, const lin *l, span at);

static bool ask_nonneg(void *context, const lin *l, span at) {
    return hoist(context, l, at);
}

static void ask_test(void *context, kir_expr *test) {
    if (test->kind != KIR_CONST || !test->value.i)
        require(context, test);
}

typedef struct progress { /* what has been asked for so far */
    uint32_t tests;
    struct corner_test *products;
    bool hoists, bends;
    facts_scope known;
} progress;

static progress remember(const guarding *n) {
    return (progress){n->test.len, n->products, n->hoists, n->bends, facts_mark(n->facts)};
}

static void take_back(guarding *n, const progress *before) {
    n->test.len = before->tests;
    n->products = before->products;
    n->hoists = before->hoists;
    n->bends = before->bends;
    facts_reset(n->facts, before->known);
}

/* Forms with products. */
static bool hoist_product(guarding *n, const lin *l, span at) {
    progress before = remember(n);
    corner_nest nest = {n->g->m,   n->g->scratch, n->facts, n->bounds, n->depth,   ask_outer,
                        ask_value, ask_nonneg,    ask_test, n,         n->products};
    if (!corners_hoist(&nest, l, at)) {
        take_back(n, &before);
        return false;
    }
    n->products = nest.tests;
    return n->bends = true;
}

static bool hoist_where(guarding *n, const lin *test, const lin *l, span at) {
    facts_scope scope = facts_mark(n->facts);
    facts_assume_nonneg(n->facts, test);
    bool done = hoist(n, l, at);
    facts_reset(n->facts, scope);
    return done;
}

/* Forms with a choice: a[i - 1 if i > 0 else n - 1]. */
static bool hoist_cases(guarding *n, const lin *l, span at) {
    const lin *when, *yes, *unless, *no;
    if (n->cases == CASES_DEEP || !facts_cases(n->facts, l, &when, &yes, &unless, &no))
        return false;
    progress before = remember(n);
    n->cases++;
    bool done = hoist_where(n, when, yes, at) && hoist_where(n, unless, no, at);
    n->cases--;
    if (!done)
        take_back(n, &before);
    n->bends |= done;
    return done;
}

/* Asks at entry for l >= 0 in all iterations. False when that is impossible or not expressible. */
static bool hoist(guarding *n, const lin *l, span at) {
    wide lo, hi;
    if (facts_nonneg(n->facts, l))
        return true;
    const lin *least = least_behind(n, l, least_by_inner_loops(n, l));
    if (!least) {
        if (!hoist_cases(n, l, at) && !hoist_product(n, l, at))
            return false;
        facts_assume_nonneg(n->facts, l);
        return n->hoists = true;
    }
    facts_range(n->facts, least, &lo, &hi);
    const lin *never = facts_add(n->facts, facts_const(n->facts, -1), least, -1);
    if (hi < 0 || (never && facts_nonneg(n->facts, never)))
        return false;
    kir_expr *plus = side_expr(n, least, 1, at), *minus = side_expr(n, least, -1, at);
    require(n, kir_binary(n->g->m, KIR_OP_GE, plus, minus, at));
    facts_assume_nonneg(n->facts, l);
    n->hoists = true;
    return true;
}

/* ---- the walk through a nest ------------------------------------------------------------------------------------------------------ */

static void hoist_wrap(kir_expr **slot, void *context) {
    guarding *n = context;
    kir_expr *e = *slot;
    if (e->kind != KIR_WRAP)
        return;
    const lin *index = facts_lin(n->facts, e->args[0]), *extent = facts_lin(n->facts, e->args[1]);
    if (hoist(n, index, e->at)) {
        vec_push(n->g->scratch, &n->plain, slot);
        return;
    }
    const lin *from_end = facts_add(n->facts, index, extent, 1), *room = facts_add(n->facts, extent, index, -1);
    room = room ? facts_add(n->facts, room, facts_const(n->facts, 1), -1) : NULL;
    if (from_end && room && hoist(n, from_end, e->at))
        (void)hoist(n, room, e->at);
}

static void hoist_wraps(kir_expr **slot, void *context) {
    kir_each_subexpr(slot, hoist_wrap, context);
}

static bool hoist_condition(guarding *n, kir_expr *e) {
    if (facts_decide(n->facts, e) == 1)
        return true;
    if (e->kind == KIR_BINARY && e->op == KIR_OP_AND && e->ty->kind == TYPE_BOOL) {
        bool left = hoist_condition(n, e->args[0]), right = hoist_condition(n, e->args[1]);
        return left && right;
    }
    const lin *form = facts_ordering(n->facts, e);
    if (form && hoist(n, form, e->at))
        return true;
    if (facts_decide(n->facts, e) == 0 || vars_mentions_any(e, &n->written))
        return false;
    require(n, kir_copy_expr(n->g->m, e, NULL));
    return n->hoists = true;
}

static void walk_block(guarding *n, kir_block *b);

/* 1: the loop counts upwards, -1: downwards, 0: not known. A step known at entry is asked to be positive there. */
static int direction(guarding *n, const kir_stmt *loop) {
    const lin *step = facts_lin(n->facts, loop->step), *one = facts_const(n->facts, 1);
    const lin *up = facts_add(n->facts, step, one, -1),
              *down = facts_add(n->facts, facts_const(n->facts, -1), step, -1);
    if (up && facts_nonneg(n->facts, up))
        return 1;
    if (down && facts_nonneg(n->facts, down))
        return -1;
    bool hoisted = n->hoists, asked = up && hoist(n, up, loop->at);
    n->hoists = hoisted; /* of no use alone */
    return asked;
}

static void enter(guarding *n, kir_stmt *loop) {
    if (loop->kind != KIR_FOR) {
        n->bounds[n->depth++] = (corner_loop){0};
        facts_enter_loop(n->facts, loop);
        return;
    }
    int way = direction(n, loop);
    corner_loop *b = &n->bounds[n->depth++];
    *b = (corner_loop){0};
    const lin *lo = facts_lin(n->facts, loop->lo), *hi = facts_lin(n->facts, loop->hi);
    facts_enter_loop(n->facts, loop);
    if (way == 0)
        return;
    b->var = facts_var(n->facts, loop->var);
    b->least = way > 0 ? lo : facts_add(n->facts, hi, facts_const(n->facts, 1), 1);
    b->most = way > 0 ? facts_add(n->facts, hi, facts_const(n->facts, 1), -1) : lo;
}

static void walk_nested(guarding *n, kir_stmt *loop) {
    facts_scope scope = facts_mark(n->facts);
    if (n->depth >= DEPTH_MAX) {
        n->left = true;
        facts_kill_written(n->facts, &loop->body);
        return;
    }
    enter(n, loop);
    walk_block(n, &loop->body);
    n->depth--;
    facts_reset(n->facts, scope);
    facts_kill_written(n->facts, &loop->body);
    if (loop->kind == KIR_FOR)
        facts_kill(n->facts, loop->var);
}

static void walk_arm(guarding *n, kir_block *b, kir_expr *cond, bool truth) {
    facts_scope scope = facts_mark(n->facts);
    if (cond)
        facts_assume(n->facts, cond, truth);
    walk_block(n, b);
    facts_reset(n->facts, scope);
    facts_kill_written(n->facts, b);
}

static void walk_stmt(guarding *n, kir_stmt *s) {
    kir_each_expr(s, hoist_wraps, n);
    switch (s->kind) {
    case KIR_FOR:
    case KIR_LOOP:
        walk_nested(n, s);
        return;
    case KIR_IF:
        walk_arm(n, &s->body, s->value, true);
        walk_arm(n, &s->orelse, s->value, false);
        return;
    case KIR_BLOCK:
        walk_arm(n, &s->body, NULL, true);
        return;
    case KIR_CHECK:
        if (hoist_condition(n, s->value)) {
            n->hoists = true;
            vec_push(n->g->scratch, &n->proven, s);
        } else {
            n->left = true;
        }
        break;
    default:
        break;
    }
    facts_after(n->facts, s);
}

static void walk_block(guarding *n, kir_block *b) {
    for (uint32_t i = 0; i < b->len; i++)
        walk_stmt(n, b->at[i]);
}

/* ---- values that must be small -------------------------------------------------------------------------------------------------------- */

typedef struct index_scan { /* which variables take part in checks, bounds and subscripts */
    guarding *n;
    var_set wanted;
    bool grew;
} index_scan;

static void want_var(kir_var *v, void *context) {
    index_scan *x = context;
    if (!vars_has(&x->wanted, v)) {
        vars_add(&x->wanted, v);
        x->grew = true;
    }
}

static bool want_in_stmt(kir_stmt *s, void *context) {
    index_scan *x = context;
    if (s->kind == KIR_CHECK)
        vars_in_expr(s->value, want_var, x);
    if (s->kind == KIR_FOR) {
        vars_in_expr(s->lo, want_var, x);
        vars_in_expr(s->hi, want_var, x);
        vars_in_expr(s->step, want_var, x);
    }
    if (s->kind == KIR_ASSIGN && vars_has(&x->wanted, s->var) && s->value->kind != KIR_LOAD)
        vars_in_expr(s->value, want_var, x);
    return true;
}

/* Values that may be larger than an extent can be. */
static bool is_unbounded(guarding *n, kir_var *v) {
    wide lo, hi;
    if (v->ty->kind != TYPE_INT || v->ty->bits != 64 || !v->ty->is_signed)
        return false;
    facts_range(n->facts, facts_var(n->facts, v), &lo, &hi);
    return lo < -2 * SMALL || hi > 2 * SMALL;
}

/* Asks that the int64 values known at entry, which index arithmetic reads, are small. */
static void limit_values(guarding *n, kir_block *nest) {
    index_scan x = {.n = n, .wanted = vars_new(n->g->scratch, n->g->f)};
    do {
        x.grew = false;
        kir_each_stmt(nest, want_in_stmt, &x);
    } while (x.grew);
    for (uint32_t i = 0; i < n->g->f->vars.len; i++) {
        kir_var *v = n->g->f->vars.at[i];
        if (!vars_has(&x.wanted, v) || vars_has(&n->written, v) || !is_unbounded(n, v))
            continue;
        const lin *form = facts_var(n->facts, v);
        kir_module *m = n->g->m;
        kir_expr *low = kir_binary(m, KIR_OP_GE, kir_ref(m, v, v->at), kir_int(m, -SMALL, v->at), v->at);
        kir_expr *high = kir_binary(m, KIR_OP_LE, kir_ref(m, v, v->at), kir_int(m, SMALL, v->at), v->at);
        require(n, low);
        require(n, high);
        facts_assume_nonneg(n->facts, facts_add(n->facts, form, facts_const(n->facts, SMALL), 1));
        facts_assume_nonneg(n->facts, facts_add(n->facts, facts_const(n->facts, SMALL), form, -1));
    }
}

/* ---- versions ---------------------------------------------------------------------------------------------------------------------------- */

/* One of the bounds that keep index arithmetic away from the ends of int64. */
static bool is_range_of_index(const kir_expr *e) {
    int64_t c;
    if (e->kind == KIR_BINARY && e->op == KIR_OP_LE && e->args[0]->ty->kind == TYPE_FLOAT)
        return e->args[1]->kind == KIR_CONST && e->args[1]->value.f == 0x1p50;
    return e->kind == KIR_BINARY && e->n_args == 2 && kir_is_const_int(e->args[1], &c) && (c >= SMALL || c <= -SMALL);
}

/* Does another test ask for more of the same: x.shape[0] >= 3 beside x.shape[0] >= 1? */
static bool is_covered(const guarding *n, uint32_t i) {
    const kir_expr *e = n->test.at[i];
    int64_t c, more;
    if (e->kind != KIR_BINARY || e->op != KIR_OP_GE || !kir_is_const_int(e->args[1], &c))
        return false;
    for (uint32_t k = 0; k < n->test.len; k++) {
        const kir_expr *other = n->test.at[k];
        if (k != i && other->kind == KIR_BINARY && other->op == KIR_OP_GE && kir_is_const_int(other->args[1], &more) &&
            more > c && kir_expr_equal(e->args[0], other->args[0]))
            return true;
    }
    return false;
}

static void note_guard(guard *g, kir_stmt *loop, const guarding *n) {
    uint32_t id = loop->loop->id;
    if (!id || id >= g->m->report.len)
        return;
    var_defs defs = vars_defs(g->scratch, g->f);
    for (uint32_t i = 0; i < n->test.len; i++) {
        if (is_covered(n, i))
            continue;
        text t = text_new(g->scratch);
        if (is_range_of_index(n->test.at[i]))
            text_put(&t, "index arithmetic does not overflow");
        else
            pass_put_condition(g->m, &defs, n->test.at[i], &t);
        pass_add_guard(g->m, &g->m->report.at[id], t.at);
    }
}

/* What simplify could not prove again is dropped here. */
static void drop_proven(const guarding *n) {
    for (uint32_t i = 0; n->bends && i < n->proven.len; i++)
        n->proven.at[i]->value = kir_bool(n->g->m, true, n->proven.at[i]->at);
    for (uint32_t i = 0; n->bends && i < n->plain.len; i++)
        *n->plain.at[i] = (*n->plain.at[i])->args[0];
}

static kir_stmt *make_versions(guard *g, kir_stmt *loop, const guarding *n) {
    kir_stmt *versions = kir_stmt_new(g->m, KIR_IF, loop->at);
    versions->value = kir_bool(g->m, true, loop->at);
    for (uint32_t i = 0; i < n->test.len; i++)
        versions->value = kir_binary(g->m, KIR_OP_AND, versions->value, n->test.at[i], loop->at);
    versions->orelse = pass_cold_copy(g->m, g->f, g->scratch, loop);
    drop_proven(n);
    vec_push(g->m->a, &versions->body, loop);
    pass_mark_versions(g->m, versions);
    note_guard(g, loop, n);
    return versions;
}

static bool count_check(kir_stmt *s, void *context) {
    uint32_t *n = context;
    n[0]++;
    n[1] += s->kind == KIR_CHECK;
    return true;
}

/* Analyses the nest at `loop` on a facts object of its own, which starts from what is known at the loop's entry. */
static bool analyse(guard *g, kir_stmt *loop, guarding *n) {
    uint32_t counts[2] = {0};
    kir_block single = {.at = &loop, .len = 1, .cap = 1};
    kir_each_stmt(&loop->body, count_check, counts);
    if (counts[1] == 0 || counts[0] > NEST_MAX)
        return false;
    *n = (guarding){.g = g, .facts = g->facts, .written = vars_new(g->scratch, g->f)};
    vars_written_in(&single, &n->written);
    facts_scope scope = facts_mark(g->facts);
    limit_values(n, &single);
    walk_nested(n, loop);
    facts_reset(g->facts, scope);
    return n->hoists && n->test.len > 0;
}

static void guard_block(guard *g, kir_block *b);

static void guard_loop(guard *g, kir_stmt *loop, kir_block *out) {
    guarding n = {0};
    bool hoists = loop->kind == KIR_FOR && !loop->loop->cold && analyse(g, loop, &n);
    facts_scope scope = facts_mark(g->facts);
    if (hoists)
        for (uint32_t i = 0; i < n.test.len; i++)
            facts_assume(g->facts, n.test.at[i], true);
    kir_stmt *placed = hoists ? make_versions(g, loop, &n) : loop;
    if (!hoists || n.left) {
        facts_enter_loop(g->facts, loop);
        guard_block(g, &loop->body);
    }
    facts_reset(g->facts, scope);
    facts_kill_written(g->facts, &loop->body);
    if (loop->kind == KIR_FOR)
        facts_kill(g->facts, loop->var);
    vec_push(g->m->a, out, placed);
}

static void guard_arm(guard *g, kir_block *b, kir_expr *cond, bool truth) {
    facts_scope scope = facts_mark(g->facts);
    if (cond)
        facts_assume(g->facts, cond, truth);
    guard_block(g, b);
    facts_reset(g->facts, scope);
    facts_kill_written(g->facts, b);
}

static void guard_block(guard *g, kir_block *b) {
    kir_block out = {0};
    for (uint32_t i = 0; i < b->len; i++) {
        kir_stmt *s = b->at[i];
        if (s->kind == KIR_FOR || s->kind == KIR_LOOP) {
            guard_loop(g, s, &out);
            continue;
        }
        if (s->kind == KIR_IF) {
            guard_arm(g, &s->body, s->value, true);
            guard_arm(g, &s->orelse, s->value, false);
        } else if (s->kind == KIR_BLOCK) {
            guard_arm(g, &s->body, NULL, true);
        } else {
            facts_after(g->facts, s);
        }
        vec_push(g->m->a, &out, s);
    }
    *b = out;
}

bool guard_run(pass_context *c) {
    for (uint32_t i = 0; i < c->m->fns.len; i++) {
        guard g = {c->m, c->m->fns.at[i], c->scratch, NULL};
        if (g.f->kind == KIR_FN_REGION || g.f->cold)
            continue;
        g.facts = facts_new(c->scratch, c->m, g.f);
        guard_block(&g, &g.f->body);
    }
    return true;
}
