/* A matrix in a flat array, a[i*n + j]: whether the subscript stays within the array is no question about a linear form.
 *
 *   for i in range(m):                        i*n + j is least at i = 0, j = 0 and largest at i = m - 1, j = n - 1: the
 *       for j in range(n): a[i*n + j]    →    test at entry is len(a) >= m*n, and that |m*n| is below 2^50
 *
 * The form is taken apart into a polynomial of iterators and values known at entry. Then its iterators are replaced one by
 * one, innermost first, by an end of their range. With P = A*j + B, where the sign of A is known wherever the check is
 * reached, that is j's least or largest value; with powers of j all coefficients must have one sign and j must not be
 * negative. Other parts are replaced likewise: `x % n` lies between 0 and n - 1, `x // c`, min and max are monotone. The sign
 * of a value known at entry may be asked for there. A sign that is known in the loop only (n >= 1, since a loop up to n
 * runs) is no less good: where nothing reaches the check, nothing hangs on the test.
 *
 * Overflow. KIR's arithmetic is that of a ring, modulo 2^64, so only the result must fit: the value at both corners, whose
 * products are asked to be below 2^50, with coefficients of 64 at most. The same for what is divided.
 *
 * Refused: mixed signs (i*n - i*m), products of two iterators that may be negative, and what is not known at entry. */
#include "passes/corners.h"

#include <string.h>

enum { MONOMIALS = 16, DEGREE = 4, STEPS = 40, MADE = 16, WRAPPED = 16, MOST_TIMES = 64, NESTED = 4 };
#define MADE_FIRST (UINT32_C(1) << 31)
#define LARGEST ((wide)1 << 57)

typedef struct monomial { /* times * factor * factor …; factors are atoms, ascending, or values made here */
    int64_t times;
    uint32_t factor[DEGREE];
    uint32_t n;
} monomial;

typedef struct polynomial {
    monomial at[MONOMIALS];
    uint32_t n;
} polynomial;

typedef struct corner_test {
    polynomial least;
    struct corner_test *before;
} corner_test;

typedef struct job {
    const corner_nest *n;
    span at;
    kir_expr *made[MADE]; /* values over what is known at entry: factor MADE_FIRST + k */
    uint32_t n_made, depth;
    uint32_t wrapped[WRAPPED]; /* atoms that stand for their polynomials only if these fit int64 */
    uint32_t n_wrapped;
    bool bends; /* something is not linear */
    bool asks;  /* a sign that is not known may be asked for */
} job;

/* ---- polynomials ----------------------------------------------------------------------------------------------------- */

static bool is_small(int64_t x) {
    return x > -(INT64_C(1) << 31) && x < (INT64_C(1) << 31);
}

static bool add_monomial(polynomial *p, const monomial *m) {
    for (uint32_t i = 0; i < p->n; i++) {
        monomial *own = &p->at[i];
        if (own->n != m->n || memcmp(own->factor, m->factor, m->n * sizeof *m->factor) != 0)
            continue;
        own->times += m->times;
        bool fits = is_small(own->times);
        if (own->times == 0)
            *own = p->at[--p->n];
        return fits;
    }
    if (m->times == 0)
        return true;
    if (p->n == MONOMIALS)
        return false;
    p->at[p->n++] = *m;
    return true;
}

static bool add_scaled(polynomial *p, const polynomial *q, int64_t times) {
    for (uint32_t i = 0; i < q->n; i++) {
        monomial m = q->at[i];
        m.times *= times;
        if (!is_small(m.times) || !add_monomial(p, &m))
            return false;
    }
    return true;
}

static bool multiply_by(monomial *m, uint32_t factor) {
    if (m->n == DEGREE)
        return false;
    uint32_t k = m->n++;
    for (; k > 0 && m->factor[k - 1] > factor; k--)
        m->factor[k] = m->factor[k - 1];
    m->factor[k] = factor;
    return true;
}

static bool multiply(const polynomial *a, const polynomial *b, polynomial *out) {
    out->n = 0;
    for (uint32_t i = 0; i < a->n; i++)
        for (uint32_t k = 0; k < b->n; k++) {
            monomial m = a->at[i];
            m.times *= b->at[k].times;
            for (uint32_t f = 0; f < b->at[k].n; f++)
                if (!multiply_by(&m, b->at[k].factor[f]))
                    return false;
            if (!is_small(m.times) || !add_monomial(out, &m))
                return false;
        }
    return true;
}

static polynomial single(uint32_t factor) {
    return (polynomial){.n = 1, .at[0] = {.times = 1, .factor = {factor}, .n = 1}};
}

/* Takes the powers of a factor out of p: p = rest + coefficient[1] * factor + coefficient[2] * factor^2 … */
static bool collect(const polynomial *p, uint32_t factor, polynomial coefficient[DEGREE + 1]) {
    memset(coefficient, 0, (DEGREE + 1) * sizeof *coefficient);
    for (uint32_t i = 0; i < p->n; i++) {
        monomial m = {.times = p->at[i].times};
        uint32_t power = 0;
        for (uint32_t f = 0; f < p->at[i].n; f++)
            if (p->at[i].factor[f] == factor)
                power++;
            else
                m.factor[m.n++] = p->at[i].factor[f];
        if (!add_monomial(&coefficient[power], &m))
            return false;
    }
    return true;
}

/* rest + coefficient[1] * value + coefficient[2] * value^2 … */
static bool put_in(const polynomial coefficient[DEGREE + 1], const polynomial *value, polynomial *out) {
    polynomial sum = coefficient[0], power = {.n = 1, .at[0] = {.times = 1}};
    for (uint32_t k = 1; k <= DEGREE; k++) {
        polynomial next, term;
        bool used = false;
        for (uint32_t more = k; more <= DEGREE; more++)
            used |= coefficient[more].n > 0;
        if (!used)
            break;
        if (!multiply(&power, value, &next) || !multiply(&coefficient[k], &next, &term) || !add_scaled(&sum, &term, 1))
            return false;
        power = next;
    }
    *out = sum;
    return true;
}

/* ---- from forms -------------------------------------------------------------------------------------------------------- */

static bool take_apart(job *j, const lin *l, polynomial *out);

static bool is_ring(kir_op op) {
    return op == KIR_OP_ADD || op == KIR_OP_SUB || op == KIR_OP_MUL || op == KIR_OP_NEG;
}

static bool take_atom(job *j, uint32_t index, polynomial *out) {
    const atom *x = facts_atom(j->n->facts, index);
    if (x->kind != ATOM_OP || !is_ring(x->op)) {
        j->bends |= x->kind == ATOM_OP || x->kind == ATOM_FLOORDIV;
        *out = single(index);
        return true;
    }
    kir_op op = x->op;
    const lin *left = x->a, *right = x->b;
    polynomial a, b;
    j->bends = true;
    if (!take_apart(j, left, &a) || !take_apart(j, right, &b))
        return false;
    if (op == KIR_OP_MUL)
        return multiply(&a, &b, out);
    *out = (polynomial){0};
    return add_scaled(out, &a, op == KIR_OP_NEG ? -1 : 1) && add_scaled(out, &b, op == KIR_OP_SUB ? -1 : 1);
}

static bool take_apart(job *j, const lin *l, polynomial *out) {
    monomial k = {.times = l->k};
    *out = (polynomial){0};
    if (!is_small(l->k) || !add_monomial(out, &k))
        return false;
    for (uint32_t i = 0; i < l->n; i++) {
        polynomial part;
        if (!is_small(l->term[i].coef) || !take_atom(j, l->term[i].atom, &part) ||
            !add_scaled(out, &part, l->term[i].coef))
            return false;
    }
    return true;
}

static bool note_wrapped(job *j, uint32_t index) {
    for (uint32_t i = 0; i < j->n_wrapped; i++)
        if (j->wrapped[i] == index)
            return true;
    if (j->n_wrapped == WRAPPED)
        return false;
    j->wrapped[j->n_wrapped++] = index;
    return true;
}

/* Forms are mathematical: in them an operation is its polynomial only where that does not wrap. (Within an operation it
 * does not matter: a ring.) */
static bool take_form(job *j, const lin *l, polynomial *out) {
    for (uint32_t i = 0; i < l->n; i++) {
        const atom *x = facts_atom(j->n->facts, l->term[i].atom);
        if (x->kind == ATOM_OP && is_ring(x->op) && !note_wrapped(j, l->term[i].atom))
            return false;
    }
    return take_apart(j, l, out);
}

/* ---- signs ----------------------------------------------------------------------------------------------------------------- */

static bool is_known_at_entry(const job *j, uint32_t factor) {
    return factor >= MADE_FIRST || j->n->is_outer(j->n->context, factor);
}

/* The polynomial as a form, when it is one. */
static const lin *form_of(const job *j, const polynomial *p, int64_t scale) {
    lin *l = arena_make(j->n->scratch, lin);
    l->term = arena_array(j->n->scratch, lin_term, p->n + 1);
    for (uint32_t i = 0; i < p->n; i++) {
        const monomial *m = &p->at[i];
        if (m->n > 1 || (m->n == 1 && m->factor[0] >= MADE_FIRST))
            return NULL;
        if (m->n == 0) {
            l->k = scale * m->times;
            continue;
        }
        uint32_t k = l->n++;
        for (; k > 0 && l->term[k - 1].atom > m->factor[0]; k--)
            l->term[k] = l->term[k - 1];
        l->term[k] = (lin_term){m->factor[0], scale * m->times};
    }
    return l;
}

/* 1: not negative, -1: not positive, wherever the check is reached; 0: not known. */
static int sign_of_form(const job *j, const polynomial *p) {
    const lin *plus = form_of(j, p, 1), *minus = form_of(j, p, -1);
    if (!plus || !minus)
        return 0;
    if (facts_nonneg(j->n->facts, plus))
        return 1;
    if (facts_nonneg(j->n->facts, minus))
        return -1;
    for (uint32_t i = 0; i < plus->n; i++)
        if (!j->asks || !is_known_at_entry(j, plus->term[i].atom))
            return 0;
    return j->n->demand(j->n->context, plus, j->at);
}

static int sign_of_monomial(const job *j, const monomial *m) {
    int sign = m->times < 0 ? -1 : 1;
    for (uint32_t f = 0; f < m->n; f++) {
        if (f + 1 < m->n && m->factor[f] == m->factor[f + 1]) { /* a square */
            f++;
            continue;
        }
        polynomial factor = single(m->factor[f]);
        sign *= sign_of_form(j, &factor);
    }
    return sign;
}

static int sign_of(const job *j, const polynomial *p) {
    int sign = sign_of_form(j, p);
    if (sign || p->n == 0)
        return sign;
    sign = sign_of_monomial(j, &p->at[0]);
    for (uint32_t i = 1; i < p->n && sign; i++)
        sign = sign_of_monomial(j, &p->at[i]) == sign ? sign : 0;
    return sign;
}

/* ---- tests at entry ------------------------------------------------------------------------------------------------------- */

static kir_expr *factor_expr(const job *j, uint32_t factor) {
    if (factor >= MADE_FIRST)
        return kir_copy_expr(j->n->m, j->made[factor - MADE_FIRST], NULL);
    return j->n->value(j->n->context, factor, j->at);
}

/* The product below 2^50. */
static void require_small(const job *j, const monomial *t) {
    kir_module *m = j->n->m;
    kir_expr *product = NULL;
    for (uint32_t f = 0; f < t->n; f++) {
        kir_expr *e = factor_expr(j, t->factor[f]), *real = kir_cast(m, e, type_float64(m->types), j->at);
        real = e->kind == KIR_DIM ? real : kir_unary(m, KIR_OP_ABS, real, j->at);
        product = product ? kir_binary(m, KIR_OP_MUL, product, real, j->at) : real;
    }
    kir_expr *limit = kir_const_float(m, type_float64(m->types), 0x1p50, j->at);
    j->n->require(j->n->context, kir_binary(m, KIR_OP_LE, product, limit, j->at));
}

/* Can p be evaluated in int64? Asks for what is missing. */
static bool is_evaluable(const job *j, const polynomial *p) {
    int64_t sum = 0;
    for (uint32_t i = 0; i < p->n; i++) {
        const monomial *m = &p->at[i];
        int64_t size = m->times < 0 ? -m->times : m->times;
        sum += m->n ? size : 0;
        for (uint32_t f = 0; f < m->n; f++)
            if (!is_known_at_entry(j, m->factor[f]))
                return false;
        wide lo = 0, hi = 0;
        if (m->n == 1 && m->factor[0] < MADE_FIRST) {
            polynomial factor = single(m->factor[0]);
            facts_range(j->n->facts, form_of(j, &factor, 1), &lo, &hi);
        }
        if (lo < -LARGEST || hi > LARGEST)
            return false;
        if (m->n > 1 || (m->n == 1 && m->factor[0] >= MADE_FIRST))
            require_small(j, m);
    }
    return sum <= MOST_TIMES / 2; /* 32 times 2^57, and a constant of 32 bits */
}

/* The terms of one sign. */
static kir_expr *side(const job *j, const polynomial *p, int64_t sign) {
    kir_module *m = j->n->m;
    kir_expr *sum = NULL;
    for (uint32_t i = 0; i < p->n; i++) {
        const monomial *t = &p->at[i];
        if (sign * t->times <= 0)
            continue;
        kir_expr *term = NULL;
        for (uint32_t f = 0; f < t->n; f++) {
            kir_expr *e = factor_expr(j, t->factor[f]);
            term = term ? kir_binary(m, KIR_OP_MUL, term, e, j->at) : e;
        }
        kir_expr *times = kir_int(m, sign * t->times, j->at);
        term = term ? kir_binary(m, KIR_OP_MUL, term, times, j->at) : times;
        sum = sum ? kir_binary(m, KIR_OP_ADD, sum, term, j->at) : term;
    }
    return sum ? sum : kir_int(m, 0, j->at);
}

static kir_expr *value_of(const job *j, const polynomial *p) {
    return kir_binary(j->n->m, KIR_OP_SUB, side(j, p, 1), side(j, p, -1), j->at);
}

/* ---- corners ------------------------------------------------------------------------------------------------------------------ */

static bool find_corners(job *j, const polynomial *p, polynomial *least, polynomial *most);

/* A new value known at entry. */
static bool make_value(job *j, kir_expr *e, polynomial *out) {
    if (j->n_made == MADE)
        return false;
    j->made[j->n_made] = e;
    *out = single(MADE_FIRST + j->n_made++);
    return true;
}

/* The value of a form's corner as an expression. */
static kir_expr *corner_value(job *j, const lin *l, int way) {
    polynomial p, least, most;
    bool found = take_form(j, l, &p) && find_corners(j, &p, &least, &most);
    return found ? value_of(j, way < 0 ? &least : &most) : NULL;
}

/* min(a, b) is at most either of them. */
static bool bound_choice(job *j, kir_op op, const lin *a, const lin *b, int way, polynomial *out) {
    kir_expr *x = corner_value(j, a, way), *y = corner_value(j, b, way);
    bool either = (op == KIR_OP_MIN) == (way > 0);
    if (x && y)
        return make_value(j, kir_binary(j->n->m, op, x, y, j->at), out);
    return either && (x || y) && make_value(j, x ? x : y, out);
}

/* 0 <= a % b < b for b > 0. */
static bool bound_remainder(job *j, const lin *b, int way, polynomial *out) {
    const lin *most = facts_add(j->n->facts, b, facts_const(j->n->facts, 1), -1);
    polynomial p;
    if (!most || !take_form(j, most, &p) || sign_of_form(j, &p) != 1)
        return false;
    *out = way < 0 ? (polynomial){0} : p;
    return true;
}

/* Bounds of a factor that is neither an iterator nor known at entry. */
static bool bound_part(job *j, uint32_t factor, int way, polynomial *out) {
    atom x = *facts_atom(j->n->facts, factor);
    if (x.kind == ATOM_OP && x.op == KIR_OP_MOD && x.c == 0)
        return bound_remainder(j, x.b, way, out);
    if (x.kind == ATOM_OP && (x.op == KIR_OP_MIN || x.op == KIR_OP_MAX))
        return bound_choice(j, x.op, x.a, x.b, way, out);
    if (x.kind != ATOM_FLOORDIV)
        return false;
    kir_expr *whole = corner_value(j, x.a, way);
    kir_module *m = j->n->m;
    return whole && make_value(j, kir_binary(m, KIR_OP_FLOORDIV, whole, kir_int(m, x.c, j->at), j->at), out);
}

static int64_t loop_of(const job *j, uint32_t factor) {
    for (uint32_t d = j->n->depth; d-- > 0;) {
        const corner_loop *l = &j->n->loops[d];
        if (l->var && l->var->n == 1 && l->var->k == 0 && l->var->term[0].coef == 1 && l->var->term[0].atom == factor)
            return d;
    }
    return -1;
}

/* What is to be replaced next: parts before iterators, inner iterators before outer ones. */
static bool next_factor(const job *j, const polynomial *p, uint32_t *factor) {
    int64_t deepest = -2;
    for (uint32_t i = 0; i < p->n; i++)
        for (uint32_t f = 0; f < p->at[i].n; f++) {
            uint32_t x = p->at[i].factor[f];
            int64_t d = is_known_at_entry(j, x) ? -2 : loop_of(j, x);
            if (d == -2 || (deepest != -2 && (deepest == -1 || (d >= 0 && d <= deepest))))
                continue;
            deepest = d;
            *factor = x;
        }
    return deepest != -2;
}

/* 1: p grows with the factor, -1: it falls, 0: not known. */
static int direction(const job *j, const polynomial coefficient[DEGREE + 1], const lin *least) {
    int all = 0;
    for (uint32_t k = 1; k <= DEGREE; k++) {
        if (coefficient[k].n == 0)
            continue;
        if (k > 1 && !(least && facts_nonneg(j->n->facts, least)))
            return 0;
        int sign = sign_of(j, &coefficient[k]);
        if (sign == 0 || (all && sign != all))
            return 0;
        all = sign;
    }
    return all;
}

static bool replace(job *j, polynomial *p, uint32_t factor, int way) {
    polynomial coefficient[DEGREE + 1], end;
    int64_t d = loop_of(j, factor);
    const corner_loop *l = d >= 0 ? &j->n->loops[d] : NULL;
    if (!collect(p, factor, coefficient))
        return false;
    int grows = direction(j, coefficient, l ? l->least : NULL);
    if (grows == 0)
        return false;
    const lin *extreme = l ? grows * way > 0 ? l->most : l->least : NULL;
    bool found = l ? extreme && take_form(j, extreme, &end) : bound_part(j, factor, grows * way, &end);
    return found && put_in(coefficient, &end, p);
}

/* A polynomial of values known at entry that is at least (way 1) or at most (way -1) p in every iteration. */
static bool find_corner(job *j, const polynomial *p, int way, polynomial *out) {
    uint32_t factor = 0, steps = 0;
    bool ok = ++j->depth <= NESTED;
    *out = *p;
    while (ok && next_factor(j, out, &factor))
        ok = ++steps < STEPS && replace(j, out, factor, way);
    j->depth--;
    return ok;
}

/* Both corners of p, which can be evaluated. */
static bool find_corners(job *j, const polynomial *p, polynomial *least, polynomial *most) {
    return find_corner(j, p, -1, least) && find_corner(j, p, 1, most) && is_evaluable(j, least) &&
           is_evaluable(j, most);
}

static bool fit(job *j) {
    for (uint32_t i = 0; i < j->n_wrapped; i++) { /* which may become more on the way */
        polynomial p, least, most;
        if (!take_atom(j, j->wrapped[i], &p) || !find_corners(j, &p, &least, &most))
            return false;
    }
    return true;
}

/* Is p >= 0 wherever the check is reached, as is known there or follows from what was asked for? */
static bool is_known(const job *j, const polynomial *p) {
    const lin *form = form_of(j, p, 1);
    bool known = form && facts_nonneg(j->n->facts, form);
    for (const corner_test *t = j->n->tests; t && !known; t = t->before) {
        polynomial more = *p;
        form = add_scaled(&more, &t->least, -1) ? form_of(j, &more, 1) : NULL;
        known = form && facts_nonneg(j->n->facts, form);
    }
    return known;
}

static bool has_made(const polynomial *p) {
    for (uint32_t i = 0; i < p->n; i++)
        for (uint32_t f = 0; f < p->at[i].n; f++)
            if (p->at[i].factor[f] >= MADE_FIRST)
                return true;
    return false;
}

static void ask(const job *j, corner_nest *n, const polynomial *least) {
    n->require(n->context, kir_binary(n->m, KIR_OP_GE, side(j, least, 1), side(j, least, -1), j->at));
    if (has_made(least))
        return;
    corner_test *t = arena_make(n->scratch, corner_test);
    *t = (corner_test){*least, n->tests};
    n->tests = t;
}

bool corners_hoist(corner_nest *n, const lin *l, span at) {
    job j = {.n = n, .at = at, .asks = true};
    polynomial p, least, most;
    if (!take_form(&j, l, &p) || !find_corners(&j, &p, &least, &most) || !j.bends || !fit(&j))
        return false;
    j.asks = false;
    int sign = is_known(&j, &least) ? 1 : sign_of(&j, &least);
    if (sign) /* if it is not positive, the test would hold where nothing runs */
        return sign > 0;
    ask(&j, n, &least);
    return true;
}
