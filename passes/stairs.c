/* Blocks of a size that is known only at run time, packed triangles, the shares of threads: which elements an iteration
 * touches is not affine in its index, but where its elements begin is where those of the iteration before ended.
 *
 *   for b in range(nb):                          begin(b) = b*B           begin(b + 1) = begin(b) + B
 *       for k in range(b*B, min(b*B + B, n)): …
 *   for i in range(n):                           begin(i) = i*(i+1)//2    begin(i + 1) = begin(i) + i + 1
 *       for j in range(i + 1): p[i*(i+1)//2 + j] = …
 *   for t in range(p):                           begin(t) = t*n // p      begin(t + 1): a number of its own
 *       for k in range(t*n // p, (t + 1)*n // p): …
 *
 * Such a function g of the index i is a stair: it rises (or falls) over all of the loop. Its value becomes a dimension of
 * isl's sets, of which isl is told only this: of two iterations i < i', g(i') >= g(i + s) and g(i) <= g(i' - s), s being
 * the loop's step, where g(i + s) = g(i) + D(i) with D affine, or a second dimension; and that no value is below the
 * first one. That is enough to see that [begin(i), begin(i + 1)) and [begin(i'), begin(i' + 1)) have nothing in common.
 * For a loop of unknown step the index itself is such a function: i' >= i + step. And p // d * d is p - p % d, of which
 * the next value is larger by d at least (butterflies).
 *
 * To find g, an expression is taken apart into a polynomial over a common denominator (i*(i+1)//2 is one: all its values
 * are even before they are halved, which is tried out on the residues). All terms in the index and values that the loop
 * does not change, except for multiples of the index, are g: what remains is affine. So everything that is addressed
 * alike has the same g. That it rises is for isl to see from D and the loop's bounds; else it is asked for at run time,
 * and so are a step of at least 1, and factors small enough for products not to wrap. A rise of 0 will do for blocks that
 * are then empty; where it does not (a[i * s]), a third look asks for a rise of at least 1. Nothing but independence is ever
 * concluded from sets with stairs. Cost: a second look at loops that are not independent and have such expressions. */
#include "passes/stairs.h"
#include "passes/polynomial.h"

#include <isl/aff.h>
#include <isl/constraint.h>
#include <isl/ctx.h>
#include <isl/map.h>
#include <isl/set.h>
#include <isl/space.h>
#include <isl/val.h>
#include <string.h>

enum {
    STAIRS = 4,
    DIMENSIONS = 6,
    OF_QUOTIENT = 3,
    SLOPES = 4,
    LARGEST_DIVISOR = 16,
    MOST_TRIALS = 4096,
    LONGEST_STEP = 4096
};

typedef struct ratio { /* a polynomial whose values are multiples of `over` */
    polynomial p;
    int64_t over;
} ratio;

typedef struct stair {
    ratio g;           /* of the loop's index; of a quotient the number above */
    kir_expr *divisor; /* of a quotient, else NULL */
    polynomial rise;   /* not of a quotient: g(i + s) - g(i) */
    polynomial growth; /* of a quotient: what the number above grows by from i to i + 1 */
    int way;           /* 1: rises, -1: falls */
    uint32_t dim;      /* its value at i; of a quotient come behind that its value at i + 1, and the remainder at i */
    int64_t slope[SLOPES]; /* g(i) + slope * i rises or falls as well, wherever that has been asked for */
    uint32_t n_slopes;
    int64_t remains; /* the remainder is used: what the number above grows by, a constant; else 0 */
} stair;

struct access_stairs {
    stair at[STAIRS];
    uint32_t n;
    uint32_t dims;               /* taken */
    uint32_t first;              /* of the dimensions */
    VEC(kir_expr *) products;    /* of values that do not change, as parameters */
    VEC(monomial) product_terms; /* what they are the product of */
    VEC(polynomial) asked;       /* rises that do not change, but may be 0 */
    bool strictly;               /* they shall be at least 1, where else 0 will do */
};

/* ---- expressions as ratios of polynomials ----------------------------------------------------------------------------- */

static bool is_index(const access_walk *w, const kir_expr *e) {
    return e->kind == KIR_VAR && e->var == w->loop->var && w->writes[e->var->id] == 1;
}

/* e / d with d not known. */
static bool is_division(access_walk *w, const kir_expr *e, kir_op op) {
    int64_t c;
    return e->kind == KIR_BINARY && e->op == op && affine_is_int64(e) && !kir_is_const_int(e->args[1], &c) &&
           access_is_invariant(w, e->args[1]) && !access_is_invariant(w, e->args[0]);
}

/* floor(e / d), or what remains. */
static bool is_quotient(access_walk *w, const kir_expr *e) {
    return is_division(w, e, KIR_OP_FLOORDIV) || is_division(w, e, KIR_OP_MOD);
}

static bool gives_atom(kir_expr *e, ratio *out) {
    *out = (ratio){.over = 1};
    out->p.n = 1;
    out->p.at[0] = (monomial){.times = 1, .factor = {e}, .n = 1};
    return true;
}

static int64_t residue(int64_t x, int64_t of) {
    int64_t r = x % of;
    return r < 0 ? r + of : r;
}

static uint32_t list_factors(const polynomial *p, kir_expr **list, uint32_t room) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->n; i++)
        for (uint32_t f = 0; f < p->at[i].n; f++) {
            uint32_t k = 0;
            while (k < n && !kir_expr_equal(list[k], p->at[i].factor[f]))
                k++;
            if (k == n && n == room)
                return room + 1;
            list[k] = p->at[i].factor[f];
            n += k == n;
        }
    return n;
}

static int64_t value_modulo(const polynomial *p, kir_expr *const *factors, const int64_t *values, int64_t of) {
    int64_t sum = 0;
    for (uint32_t i = 0; i < p->n; i++) {
        int64_t product = residue(p->at[i].times, of);
        for (uint32_t f = 0; f < p->at[i].n; f++) {
            uint32_t k = 0;
            while (!kir_expr_equal(factors[k], p->at[i].factor[f]))
                k++;
            product = product * values[k] % of;
        }
        sum = (sum + product) % of;
    }
    return sum;
}

/* Is the value a multiple of `of` whatever the factors are? All residues are tried. */
static bool is_multiple(const polynomial *p, int64_t of) {
    enum { ROOM = 4 };
    kir_expr *factors[ROOM];
    int64_t values[ROOM] = {0}, trials = 1;
    uint32_t n = list_factors(p, factors, ROOM);
    for (uint32_t k = 0; k < n && trials <= MOST_TRIALS; k++)
        trials *= of;
    if (n > ROOM || trials > MOST_TRIALS)
        return false;
    for (int64_t t = 0; t < trials; t++) {
        int64_t rest = t;
        for (uint32_t k = 0; k < n; k++, rest /= of)
            values[k] = rest % of;
        if (value_modulo(p, factors, values, of) != 0)
            return false;
    }
    return true;
}

static int64_t common_divisor(int64_t a, int64_t b) {
    while (b) {
        int64_t r = a % b;
        a = b;
        b = r;
    }
    return a < 0 ? -a : a;
}

static void shorten(ratio *r) {
    int64_t d = r->over;
    for (uint32_t k = 0; k < r->p.n; k++)
        d = common_divisor(d, r->p.at[k].times);
    for (uint32_t k = 0; k < r->p.n; k++)
        r->p.at[k].times /= d;
    r->over /= d;
}

static bool read(access_walk *w, kir_expr *e, const access *x, ratio *out);

static bool read_sum(access_walk *w, kir_expr *e, const access *x, ratio *out) {
    ratio a, b;
    *out = (ratio){.over = 1};
    if (!read(w, e->args[0], x, &a) || !read(w, e->args[1], x, &b) || a.over * b.over > LARGEST_DIVISOR)
        return false;
    bool minus = e->op == KIR_OP_SUB;
    out->over = a.over * b.over;
    bool ok = polynomial_add(&out->p, &a.p, b.over) && polynomial_add(&out->p, &b.p, minus ? -a.over : a.over);
    shorten(out);
    return ok;
}

/* The factor that is a quotient by another factor; NULL: none. *by: which. */
static kir_expr *quotient_in(access_walk *w, const monomial *m, uint32_t *at, uint32_t *by) {
    for (uint32_t f = 0; f < m->n; f++)
        for (uint32_t d = 0; d < m->n && is_division(w, m->factor[f], KIR_OP_FLOORDIV); d++)
            if (d != f && kir_expr_equal(m->factor[f]->args[1], m->factor[d])) {
                *at = f;
                *by = d;
                return m->factor[f];
            }
    return NULL;
}

/* p // d * d is p - p % d. */
static bool take_quotients_back(access_walk *w, const access *x, polynomial *p) {
    polynomial sum = {0};
    for (uint32_t k = 0; k < p->n; k++) {
        uint32_t at = 0, by = 0;
        kir_expr *quotient = quotient_in(w, &p->at[k], &at, &by);
        polynomial rest = {.n = 1, .at = {{.times = p->at[k].times}}}, product;
        ratio above;
        if (!quotient) {
            if (!polynomial_add_term(&sum, &p->at[k]))
                return false;
            continue;
        }
        for (uint32_t f = 0; f < p->at[k].n; f++)
            if (f != at && f != by)
                rest.at[0].factor[rest.at[0].n++] = p->at[k].factor[f];
        kir_expr *remains = kir_binary(w->s->m, KIR_OP_MOD, quotient->args[0], quotient->args[1], quotient->at);
        monomial back = {.times = -1, .factor = {remains}, .n = 1};
        if (!read(w, quotient->args[0], x, &above) || above.over != 1 || !polynomial_add_term(&above.p, &back) ||
            !polynomial_multiply(&rest, &above.p, &product) || !polynomial_add(&sum, &product, 1))
            return false;
    }
    *p = sum;
    return true;
}

static bool read_product(access_walk *w, kir_expr *e, const access *x, ratio *out) {
    ratio a, b;
    if (!read(w, e->args[0], x, &a) || !read(w, e->args[1], x, &b) || a.over * b.over > LARGEST_DIVISOR)
        return false;
    out->over = a.over * b.over;
    bool ok = polynomial_multiply(&a.p, &b.p, &out->p) && take_quotients_back(w, x, &out->p);
    shorten(out);
    return ok;
}

/* Only where nothing is rounded, nor wraps before. */
static bool read_division(access_walk *w, kir_expr *e, int64_t by, const access *x, ratio *out) {
    if (by < 1 || by > LARGEST_DIVISOR || !read(w, e->args[0], x, out) || out->over * by > LARGEST_DIVISOR)
        return false;
    out->over *= by;
    if (!is_multiple(&out->p, out->over))
        return false;
    for (uint32_t k = 0; k < out->p.n; k++)
        if (out->p.at[k].n && !polynomial_require_small(w, x, &out->p.at[k]))
            return false;
    shorten(out);
    return true;
}

static bool read_binary(access_walk *w, kir_expr *e, const access *x, ratio *out) {
    int64_t c;
    if (e->op == KIR_OP_ADD || e->op == KIR_OP_SUB)
        return read_sum(w, e, x, out);
    if (e->op == KIR_OP_MUL)
        return read_product(w, e, x, out);
    if (is_quotient(w, e))
        return gives_atom(e, out);
    if (kir_is_const_int(e->args[1], &c) && e->op == KIR_OP_FLOORDIV && read_division(w, e, c, x, out))
        return true;
    if (kir_is_const_int(e->args[1], &c) && e->op == KIR_OP_SHR && c > 0 && c < 5 &&
        read_division(w, e, 1 << c, x, out))
        return true;
    return access_is_invariant(w, e) && gives_atom(e, out);
}

static bool read(access_walk *w, kir_expr *e, const access *x, ratio *out) {
    int64_t c;
    *out = (ratio){.over = 1};
    if (kir_is_const_int(e, &c)) {
        out->p.n = c != 0;
        out->p.at[0] = (monomial){.times = c};
        return affine_is_small(c);
    }
    if (!affine_is_int64(e))
        return false;
    if (polynomial_is_iterator(w, x, e))
        return gives_atom(e, out);
    if (e->kind == KIR_BINARY)
        return read_binary(w, e, x, out);
    if (e->kind == KIR_UNARY && e->op == KIR_OP_NEG) {
        ratio a;
        out->over = 1;
        if (!read(w, e->args[0], x, &a))
            return false;
        out->over = a.over;
        return polynomial_add(&out->p, &a.p, -1);
    }
    return access_is_invariant(w, e) && gives_atom(e, out);
}

/* ---- polynomials of the index ------------------------------------------------------------------------------------------- */

static uint32_t count_index(const access_walk *w, const monomial *m) {
    uint32_t n = 0;
    for (uint32_t f = 0; f < m->n; f++)
        n += is_index(w, m->factor[f]);
    return n;
}

/* Does it consist of the loop's index and of values that the loop does not change? */
static bool is_of_index(access_walk *w, const monomial *m) {
    for (uint32_t f = 0; f < m->n; f++)
        if (!is_index(w, m->factor[f]) && !access_is_invariant(w, m->factor[f]))
            return false;
    return true;
}

/* The loop's step, or a shorter one of the same sign; of one that is not known it is asked that it is positive. */
static int64_t step_of(const access_walk *w) {
    int64_t step;
    if (!kir_is_const_int(w->loop->step, &step) || step > LONGEST_STEP)
        return 1;
    return step < -LONGEST_STEP ? -1 : step;
}

static int64_t step_length(const access_walk *w) {
    int64_t step = step_of(w);
    return step < 0 ? -step : step;
}

static kir_expr *index_of(const access_walk *w) {
    return kir_ref(w->s->m, w->loop->var, w->loop->at);
}

/* p with the index replaced by index * grow + shift, or by shift alone. False: of too high a degree. */
static bool substitute(access_walk *w, const polynomial *p, int64_t grow, const polynomial *shift, polynomial *out) {
    polynomial index = *shift;
    monomial i = {.times = grow, .factor = {index_of(w)}, .n = 1};
    *out = (polynomial){0};
    if (grow && !polynomial_add_term(&index, &i))
        return false;
    for (uint32_t k = 0; k < p->n; k++) {
        polynomial product = {.n = 1, .at = {{.times = p->at[k].times}}};
        for (uint32_t f = 0; f < p->at[k].n; f++) {
            polynomial factor = {.n = 1, .at = {{.times = 1, .factor = {p->at[k].factor[f]}, .n = 1}}}, longer;
            bool is = is_index(w, p->at[k].factor[f]);
            if (!polynomial_multiply(&product, is ? &index : &factor, &longer))
                return false;
            product = longer;
        }
        if (!polynomial_add(out, &product, 1))
            return false;
    }
    return true;
}

/* p(i + by) - p(i) */
static bool difference(access_walk *w, const polynomial *p, int64_t by, polynomial *out) {
    polynomial shift = {.n = 1, .at = {{.times = by}}};
    return substitute(w, p, 1, &shift, out) && polynomial_add(out, p, -1);
}

static bool divide(polynomial *p, int64_t by) {
    for (uint32_t k = 0; k < p->n; k++) {
        if (p->at[k].times % by)
            return false;
        p->at[k].times /= by;
    }
    return true;
}

/* ---- to isl --------------------------------------------------------------------------------------------------------------- */

static isl_pw_aff *dimension(const access_walk *w, uint32_t dim) {
    isl_local_space *ls = isl_local_space_from_space(affine_space(w));
    return isl_pw_aff_from_aff(isl_aff_var_on_domain(ls, isl_dim_set, dim));
}

/* A product of values that the loop does not change is one parameter, in whatever order it was written. */
static isl_pw_aff *product_of(access_walk *w, const monomial *m) {
    struct access_stairs *s = w->stairs;
    for (uint32_t k = 0; k < s->products.len; k++)
        if (polynomial_same_factors(&s->product_terms.at[k], m))
            return affine_parameter(w, s->products.at[k]);
    polynomial p = {.n = 1, .at = {*m}};
    p.at[0].times = 1;
    kir_expr *e = polynomial_expr(w->s->m, &p, w->loop->at);
    vec_push(w->s->a, &s->product_terms, p.at[0]);
    vec_push(w->s->a, &s->products, e);
    return affine_parameter(w, e);
}

static isl_pw_aff *quotient_of(access_walk *w, kir_expr *e, const access *x);
static isl_pw_aff *remainder_of(access_walk *w, kir_expr *e, const access *x);

static isl_pw_aff *monomial_of(access_walk *w, const monomial *m, const access *x) {
    isl_pw_aff *value = NULL;
    if (m->n == 0)
        return affine_constant(w, m->times);
    bool invariant = is_of_index(w, m) && count_index(w, m) == 0;
    if (m->n == 1 && is_quotient(w, m->factor[0]))
        value = (m->factor[0]->op == KIR_OP_MOD ? remainder_of : quotient_of)(w, m->factor[0], x);
    else if (m->n == 1)
        value = affine_of(w, m->factor[0], x);
    else if (invariant)
        value = product_of(w, m);
    return value ? isl_pw_aff_scale_val(value, isl_val_int_from_si(w->s->isl, (long)m->times)) : NULL;
}

/* A polynomial that is affine but for products of values that do not change. */
static isl_pw_aff *polynomial_of(access_walk *w, const polynomial *p, const access *x) {
    isl_pw_aff *sum = affine_constant(w, 0);
    for (uint32_t k = 0; k < p->n; k++) {
        isl_pw_aff *term = monomial_of(w, &p->at[k], x);
        if (!term) {
            isl_pw_aff_free(sum);
            return NULL;
        }
        sum = isl_pw_aff_add(sum, term);
    }
    return sum;
}

static access at_loop(const access_walk *w) { /* where only the loop's own index is known */
    access x = {.depth = 1};
    x.loops[0] = w->loop;
    return x;
}

/* ---- does it rise? ---------------------------------------------------------------------------------------------------------- */

/* The lowest index, and one above the highest; NULL when it cannot be said where the loop starts. */
static kir_expr *lowest(access_walk *w, bool end) {
    kir_module *m = w->s->m;
    bool down = step_of(w) < 0;
    access_bounds ends = access_ends(w, w->loop);
    kir_expr *e = down != end ? ends.hi : ends.lo;
    if (!access_is_invariant(w, e))
        return NULL;
    return down ? kir_binary(m, KIR_OP_ADD, kir_copy_expr(m, e, NULL), kir_int(m, 1, e->at), e->at) : e;
}

/* Iterations behind which there may be another one. */
static isl_set *all_but_last(access_walk *w) {
    isl_set *all = isl_set_universe(affine_space(w));
    const access nowhere = {0};
    kir_expr *ends[2] = {lowest(w, false), lowest(w, true)};
    isl_pw_aff *low = ends[0] ? affine_of(w, ends[0], &nowhere) : NULL;
    isl_pw_aff *high = ends[1] ? affine_of(w, ends[1], &nowhere) : NULL;
    if (low)
        all = isl_set_intersect(all, isl_pw_aff_ge_set(dimension(w, 0), low));
    if (high) {
        isl_pw_aff *next = isl_pw_aff_add(dimension(w, 0), affine_constant(w, step_length(w)));
        all = isl_set_intersect(all, isl_pw_aff_lt_set(next, high));
    }
    for (uint32_t k = 0; k < w->parameters.len; k++)
        if (w->parameters.at[k]->kind == KIR_DIM)
            all = isl_set_intersect(all, isl_pw_aff_nonneg_set(affine_parameter(w, w->parameters.at[k])));
    return all;
}

static bool is_never_negative(access_walk *w, isl_pw_aff *value) {
    isl_set *all = all_but_last(w), *good = isl_pw_aff_nonneg_set(value);
    bool yes = isl_set_is_subset(all, good) == isl_bool_true;
    isl_set_free(all);
    isl_set_free(good);
    return yes;
}

static bool require_at_least(access_walk *w, const polynomial *p, int64_t least) {
    kir_module *m = w->s->m;
    kir_expr *e = polynomial_expr(m, p, w->loop->at);
    if (p->n == 1 && p->at[0].n == 1 && p->at[0].times > 0)
        e = kir_copy_expr(m, p->at[0].factor[0], NULL);
    if (e->kind == KIR_CONST)
        return e->value.i >= least;
    if (e->kind != KIR_DIM || least > 0)
        access_require(w, kir_binary(m, KIR_OP_GE, e, kir_int(m, least, e->at), e->at));
    return true;
}

static bool require_not_negative(access_walk *w, const polynomial *p) {
    return require_at_least(w, p, 0);
}

/* A rise that is the same from each iteration to the next; known: never negative. */
static bool require_rise(access_walk *w, const polynomial *rise, bool known) {
    bool constant = rise->n == 0 || (rise->n == 1 && rise->at[0].n == 0);
    if (!constant)
        vec_push(w->s->a, &w->stairs->asked, *rise);
    return (known && !(w->stairs->strictly && !constant)) || require_at_least(w, rise, w->stairs->strictly);
}

/* An affine function is not negative anywhere when it is not at both ends. */
static bool require_at_ends(access_walk *w, const polynomial *p) {
    const access nowhere = {0};
    for (int end = 0; end < 2; end++) {
        polynomial there;
        ratio at;
        kir_expr *e = lowest(w, end);
        if (!e || !read(w, e, &nowhere, &at) || at.over != 1)
            return false;
        monomial back = {.times = -step_length(w)};
        if ((end && !polynomial_add_term(&at.p, &back)) || !substitute(w, p, 0, &at.p, &there) ||
            !require_not_negative(w, &there))
            return false;
    }
    return true;
}

/* 1: it rises, or that is asked for, -1: falls, 0: no. */
static int way_of(access_walk *w, const polynomial *rise) {
    access x = at_loop(w);
    isl_pw_aff *up = polynomial_of(w, rise, &x);
    if (!up)
        return 0;
    bool falls = is_never_negative(w, isl_pw_aff_neg(isl_pw_aff_copy(up))), changes = false;
    bool rises = is_never_negative(w, up);
    for (uint32_t k = 0; k < rise->n; k++)
        changes |= count_index(w, &rise->at[k]) > 0;
    if (falls && !rises)
        return -1;
    if (changes)
        return rises || require_at_ends(w, rise);
    return require_rise(w, rise, rises);
}

/* ---- stairs ------------------------------------------------------------------------------------------------------------------- */

static bool is_same(const polynomial *a, const polynomial *b) {
    polynomial d = *a;
    return polynomial_add(&d, b, -1) && d.n == 0;
}

static bool require_all_small(access_walk *w, const polynomial *p, uint32_t degree) {
    access x = at_loop(w);
    for (uint32_t k = 0; k < p->n; k++)
        if (p->at[k].n >= degree && !polynomial_require_small(w, &x, &p->at[k]))
            return false;
    return true;
}

/* g(i + s) + slope * (i + s) - g(i) - slope * i */
static bool sloping(access_walk *w, const stair *s, int64_t slope, polynomial *rise) {
    monomial more = {.times = slope * step_length(w)};
    *rise = s->rise;
    return more.times == 0 || (affine_is_small(more.times) && polynomial_add_term(rise, &more));
}

/* Elements begin at g(i) + slope * i. */
static void note_slope(access_walk *w, stair *s, const polynomial *affine) {
    int64_t slope = 0;
    for (uint32_t k = 0; k < affine->n; k++)
        if (affine->at[k].n == 1 && is_index(w, affine->at[k].factor[0]))
            slope = affine->at[k].times;
    for (uint32_t k = 0; k < s->n_slopes; k++)
        if (s->slope[k] == slope)
            return;
    polynomial rise;
    access x = at_loop(w);
    isl_pw_aff *up = s->n_slopes < SLOPES && sloping(w, s, slope, &rise) ? polynomial_of(w, &rise, &x) : NULL;
    if (up && is_never_negative(w, s->way > 0 ? up : isl_pw_aff_neg(up)))
        s->slope[s->n_slopes++] = slope;
}

/* The dimension of g. */
static isl_pw_aff *place(access_walk *w, const ratio *g, const polynomial *affine) {
    struct access_stairs *s = w->stairs;
    for (uint32_t k = 0; k < s->n; k++)
        if (!s->at[k].divisor && s->at[k].g.over == g->over && is_same(&s->at[k].g.p, &g->p)) {
            note_slope(w, &s->at[k], affine);
            return dimension(w, s->at[k].dim);
        }
    stair new = {.g = *g, .dim = s->first + s->dims, .n_slopes = 1};
    if (s->n == STAIRS || s->dims + 1 > DIMENSIONS || !difference(w, &g->p, step_length(w), &new.rise) ||
        !divide(&new.rise, g->over) || !require_all_small(w, &g->p, 2))
        return NULL;
    new.way = way_of(w, &new.rise);
    if (!new.way)
        return NULL;
    note_slope(w, &new, affine);
    s->at[s->n++] = new;
    s->dims++;
    return dimension(w, new.dim);
}

static bool is_linear_in_index(access_walk *w, const polynomial *p) {
    for (uint32_t k = 0; k < p->n; k++)
        if (!is_of_index(w, &p->at[k]) || count_index(w, &p->at[k]) > 1)
            return false;
    return true;
}

static stair *add_quotient(access_walk *w, const stair *like) {
    struct access_stairs *s = w->stairs;
    kir_module *m = w->s->m;
    stair new = *like;
    if (s->n == STAIRS || s->dims + OF_QUOTIENT > DIMENSIONS || !is_linear_in_index(w, &new.g.p) ||
        !difference(w, &new.g.p, 1, &new.growth) || new.growth.n == 0 || !require_all_small(w, &new.g.p, 1) ||
        !require_not_negative(w, &new.growth))
        return NULL;
    kir_expr *d = kir_copy_expr(m, new.divisor, NULL);
    access_require(w, kir_binary(m, KIR_OP_GE, d, kir_int(m, 1, d->at), d->at));
    s->at[s->n] = new;
    s->dims += OF_QUOTIENT;
    return &s->at[s->n++];
}

/* The stair of floor(p / d), p being args[0] and d args[1] of e. *next: it is that at i + 1 of the one that was seen. */
static stair *find_quotient(access_walk *w, kir_expr *e, const access *x, bool *next) {
    struct access_stairs *s = w->stairs;
    stair new = {.divisor = e->args[1], .dim = s->first + s->dims, .way = 1};
    *next = false;
    if (!read(w, e->args[0], x, &new.g) || new.g.over != 1)
        return NULL;
    for (uint32_t k = 0; k < s->n; k++) {
        stair *old = &s->at[k];
        polynomial later = old->g.p;
        if (!old->divisor || !kir_expr_equal(old->divisor, new.divisor))
            continue;
        if (is_same(&later, &new.g.p))
            return old;
        *next = polynomial_add(&later, &old->growth, 1) && is_same(&later, &new.g.p);
        if (*next)
            return old;
    }
    return add_quotient(w, &new);
}

static isl_pw_aff *quotient_of(access_walk *w, kir_expr *e, const access *x) {
    bool next;
    const stair *s = find_quotient(w, e, x, &next);
    return s ? dimension(w, s->dim + next) : NULL;
}

/* p % d, where p grows by a constant: within one quotient remainders differ as their numbers do. */
static isl_pw_aff *remainder_of(access_walk *w, kir_expr *e, const access *x) {
    bool next;
    stair *s = find_quotient(w, e, x, &next);
    if (!s || next || s->growth.n != 1 || s->growth.at[0].n != 0)
        return NULL;
    s->remains = s->growth.at[0].times;
    return dimension(w, s->dim + 2);
}

/* Parts what is affine from what is g: of multiples of the index, and of values that do not change, g keeps what the
 * denominator leaves of them. */
static bool part(access_walk *w, const ratio *r, ratio *g, polynomial *affine, bool *stairs) {
    *g = (ratio){.over = r->over};
    *affine = (polynomial){0};
    *stairs = false;
    for (uint32_t k = 0; k < r->p.n; k++) {
        monomial whole = r->p.at[k], rest = whole;
        bool ours = is_of_index(w, &whole), curved = ours && count_index(w, &whole) > 0 && whole.n > 1;
        rest.times = curved ? whole.times : residue(whole.times, r->over);
        whole.times = (whole.times - rest.times) / r->over;
        if (rest.times && (!ours || !polynomial_add_term(&g->p, &rest)))
            return false;
        if (whole.times && !polynomial_add_term(affine, &whole))
            return false;
        *stairs |= curved || (whole.n == 1 && is_quotient(w, whole.factor[0]));
    }
    return true;
}

static isl_pw_aff *invariant_product(access_walk *w, kir_expr *e, const access *x) {
    ratio r;
    bool product = read(w, e, x, &r) && r.over == 1 && r.p.n == 1 && r.p.at[0].n > 1;
    return product ? monomial_of(w, &r.p.at[0], x) : NULL;
}

uint32_t stairs_found(const access_walk *w) {
    return w->stairs ? w->stairs->n : 0;
}

isl_pw_aff *stairs_of(access_walk *w, kir_expr *e, const access *x) {
    ratio r, g;
    polynomial affine;
    bool stairs;
    uint32_t known = w->require.len, n = w->stairs->n, asked = w->stairs->asked.len;
    isl_pw_aff *value = NULL;
    if (access_is_invariant(w, e))
        return e->op == KIR_OP_MUL ? invariant_product(w, e, x) : NULL;
    if (x->depth && read(w, e, x, &r) && part(w, &r, &g, &affine, &stairs) && stairs) {
        isl_pw_aff *step = g.p.n ? place(w, &g, &affine) : affine_constant(w, 0);
        value = step ? polynomial_of(w, &affine, x) : NULL;
        if (value)
            return isl_pw_aff_add(value, step);
        isl_pw_aff_free(step);
    }
    if (w->stairs->n == n) { /* what those that were found rest on stays */
        w->require.len = known;
        w->stairs->asked.len = asked;
    }
    return NULL;
}

/* ---- what is known of them --------------------------------------------------------------------------------------------------- */

/* { d → d' : a(d) <= b(d') }; takes both. */
static isl_map *at_most(access_walk *w, isl_pw_aff *a, isl_pw_aff *b) {
    isl_map *first = isl_map_from_pw_aff(a), *second = isl_map_from_pw_aff(b);
    isl_space *line = isl_space_set_alloc(w->s->isl, 0, 1);
    return isl_map_apply_range(isl_map_apply_range(first, isl_map_lex_le(line)), isl_map_reverse(second));
}

/* { d → d' : a(d) = a(d') }; takes it. */
static isl_map *equal(isl_pw_aff *a) {
    isl_map *value = isl_map_from_pw_aff(a);
    isl_map *back = isl_map_reverse(isl_map_copy(value));
    return isl_map_apply_range(value, back);
}

static isl_pw_aff *divisor_of(access_walk *w, const stair *s) {
    const access nowhere = {0};
    return affine_of(w, s->divisor, &nowhere);
}

/* The number above less what remains. */
static isl_pw_aff *multiple_of(access_walk *w, const stair *s) {
    access x = at_loop(w);
    isl_pw_aff *above = polynomial_of(w, &s->g.p, &x);
    return above ? isl_pw_aff_sub(above, dimension(w, s->dim + 2)) : NULL;
}

/* Either the quotient is larger, or the remainders differ as the numbers above do. */
static isl_map *add_remainder(access_walk *w, isl_map *later, const stair *s) {
    isl_pw_aff *here = dimension(w, s->dim), *rest = dimension(w, s->dim + 2);
    isl_val *grows = isl_val_int_from_si(w->s->isl, (long)s->remains);
    isl_pw_aff *base = isl_pw_aff_sub(rest, isl_pw_aff_scale_val(dimension(w, 0), grows));
    isl_pw_aff *more = isl_pw_aff_add(isl_pw_aff_copy(here), affine_constant(w, 1));
    isl_map *larger = at_most(w, more, isl_pw_aff_copy(here));
    isl_pw_aff *whole = multiple_of(w, s), *by = whole ? divisor_of(w, s) : NULL;
    if (by) { /* then by the divisor at least */
        isl_pw_aff *next = isl_pw_aff_add(isl_pw_aff_copy(whole), by);
        larger = isl_map_intersect(larger, at_most(w, next, isl_pw_aff_copy(whole)));
    }
    isl_pw_aff_free(whole);
    isl_map *same = isl_map_intersect(equal(here), equal(base));
    return isl_map_intersect(later, isl_map_union(larger, same));
}

static isl_map *add_quotients(access_walk *w, isl_map *later, const stair *s) {
    polynomial one = {.n = 1, .at = {{.times = 1}}};
    isl_pw_aff *here = dimension(w, s->dim);
    if (kir_expr_equal(s->divisor, access_substituted(w, w->loop->step, 0)) && is_same(&s->growth, &one)) {
        isl_pw_aff *more = isl_pw_aff_add(isl_pw_aff_copy(here), affine_constant(w, 1));
        later = isl_map_intersect(later, at_most(w, more, isl_pw_aff_copy(here))); /* the divisor is the step */
    }
    later = isl_map_intersect(later, at_most(w, dimension(w, s->dim + 1), here));
    return s->remains ? add_remainder(w, later, s) : later;
}

/* What g(i) + slope * i rises by from one iteration to the next it rises by at least until any later one. */
static isl_map *add_slope(access_walk *w, isl_map *later, const stair *s, int64_t slope) {
    access x = at_loop(w);
    polynomial rise, before, back = {.n = 1, .at = {{.times = -step_length(w)}}};
    if (!sloping(w, s, slope, &rise) || !substitute(w, &rise, 1, &back, &before))
        return later;
    isl_val *times = isl_val_int_from_si(w->s->isl, (long)slope);
    isl_pw_aff *here = isl_pw_aff_add(dimension(w, s->dim), isl_pw_aff_scale_val(dimension(w, 0), times));
    isl_pw_aff *more = polynomial_of(w, &rise, &x), *was = polynomial_of(w, &before, &x);
    if (!more || !was) {
        isl_pw_aff_free(here);
        isl_pw_aff_free(more);
        isl_pw_aff_free(was);
        return later;
    }
    if (s->way < 0) { /* -g rises */
        here = isl_pw_aff_neg(here);
        more = isl_pw_aff_neg(more);
        was = isl_pw_aff_neg(was);
    }
    isl_pw_aff *next = isl_pw_aff_add(isl_pw_aff_copy(here), more);
    later = isl_map_intersect(later, at_most(w, next, isl_pw_aff_copy(here)));
    isl_pw_aff *last = isl_pw_aff_sub(isl_pw_aff_copy(here), was);
    return isl_map_intersect(later, at_most(w, here, last));
}

/* Holds of i < i' when the function rises. */
static isl_map *add_stair(access_walk *w, isl_map *later, const stair *s) {
    if (s->divisor)
        return add_quotients(w, later, s);
    for (uint32_t k = 0; k < s->n_slopes; k++)
        later = add_slope(w, later, s, s->slope[k]);
    return later;
}

/* What a quotient is at i is not above what it is at i + 1; nothing is below what it is at the start. */
static isl_set *bounds_of(access_walk *w, isl_set *set, const stair *s) {
    int64_t from;
    if (s->divisor)
        set = isl_set_intersect(set, isl_pw_aff_le_set(dimension(w, s->dim), dimension(w, s->dim + 1)));
    if (s->remains) {
        isl_pw_aff *by = divisor_of(w, s), *rest = dimension(w, s->dim + 2);
        set = isl_set_intersect(set, isl_pw_aff_nonneg_set(isl_pw_aff_copy(rest)));
        if (by)
            set = isl_set_intersect(set, isl_pw_aff_lt_set(isl_pw_aff_copy(rest), by));
        isl_pw_aff_free(rest);
    }
    kir_expr *low = step_of(w) >= -1 ? lowest(w, false) : NULL; /* else it may lie between two iterations */
    if (!low || !kir_is_const_int(low, &from) || !affine_is_small(from) || s->way < 0)
        return set;
    polynomial start = {.n = from != 0, .at = {{.times = from}}}, first;
    if (!substitute(w, &s->g.p, 0, &start, &first))
        return set;
    if (s->divisor) {
        bool positive = true;
        for (uint32_t k = 0; k < first.n; k++)
            positive &= first.at[k].n == 0 && first.at[k].times >= 0;
        isl_pw_aff *whole = positive && s->remains ? multiple_of(w, s) : NULL;
        if (whole)
            set = isl_set_intersect(set, isl_pw_aff_nonneg_set(whole));
        return positive ? isl_set_intersect(set, isl_pw_aff_nonneg_set(dimension(w, s->dim))) : set;
    }
    access x = at_loop(w);
    isl_pw_aff *least = divide(&first, s->g.over) ? polynomial_of(w, &first, &x) : NULL;
    for (uint32_t k = 0; least && k < s->n_slopes; k++) {
        isl_val *times = isl_val_int_from_si(w->s->isl, (long)s->slope[k]);
        isl_pw_aff *further = isl_pw_aff_add(dimension(w, 0), affine_constant(w, -from));
        isl_pw_aff *above = isl_pw_aff_sub(dimension(w, s->dim), isl_pw_aff_copy(least));
        above = isl_pw_aff_add(above, isl_pw_aff_scale_val(further, times));
        set = isl_set_intersect(set, isl_pw_aff_nonneg_set(above));
    }
    isl_pw_aff_free(least);
    return set;
}

/* { d → d' : i' >= i + step }; a step that is not known has to be positive, which *values says. NULL: that cannot be asked. */
static isl_map *later_iterations(access_walk *w, isl_set **values) {
    int64_t step;
    const access nowhere = {0};
    kir_module *m = w->s->m;
    kir_expr *e = access_substituted(w, w->loop->step, 0);
    isl_pw_aff *gap = affine_constant(w, step_length(w)), *least = NULL;
    if (!kir_is_const_int(e, &step)) {
        ratio r;
        if (!access_is_invariant(w, e)) {
            isl_pw_aff_free(gap);
            return NULL;
        }
        access_require(w, kir_binary(m, KIR_OP_GE, kir_copy_expr(m, e, NULL), kir_int(m, 1, e->at), e->at));
        if (read(w, e, &nowhere, &r) && r.over == 1 && require_all_small(w, &r.p, 1))
            least = polynomial_of(w, &r.p, &nowhere);
    }
    if (least) {
        *values = isl_set_intersect(*values, isl_pw_aff_ge_set(isl_pw_aff_copy(least), gap));
        gap = least;
    }
    return at_most(w, isl_pw_aff_add(dimension(w, 0), gap), dimension(w, 0));
}

/* Of these iterations, those where all that is asked for at run time holds. */
static isl_set *where_asked(access_walk *w, isl_set *values) {
    for (uint32_t k = 0; k < w->stairs->asked.len; k++) {
        access x = at_loop(w);
        isl_pw_aff *rise = polynomial_of(w, &w->stairs->asked.at[k], &x);
        if (rise)
            values = isl_set_intersect(values, isl_pw_aff_ge_set(rise, affine_constant(w, 1)));
    }
    return values;
}

bool stairs_leave_nothing(access_walk *w) {
    if (!w->stairs->strictly)
        return false;
    for (uint32_t k = 0; k < w->found.len; k++) {
        const access *x = &w->found.at[k];
        if (!x->domain)
            continue;
        isl_set *left = where_asked(w, isl_set_copy(x->domain));
        bool none = isl_set_is_empty(left) != isl_bool_false;
        isl_set_free(left);
        if (none)
            return true;
    }
    return false;
}

isl_map *stairs_restrict(access_walk *w, isl_map *conflict) {
    struct access_stairs *s = w->stairs;
    isl_set *values = isl_set_universe(affine_space(w));
    isl_map *later = later_iterations(w, &values);
    if (!later) {
        isl_set_free(values);
        return conflict;
    }
    for (uint32_t k = 0; k < s->n; k++) {
        later = add_stair(w, later, &s->at[k]);
        values = bounds_of(w, values, &s->at[k]);
    }
    values = s->strictly ? where_asked(w, values) : values;
    if (s->strictly && isl_set_is_empty(values) != isl_bool_false) { /* never all of what is asked for */
        isl_set_free(values);
        isl_map_free(later);
        return conflict;
    }
    isl_map *earlier = isl_map_reverse(isl_map_copy(later));
    conflict = isl_map_intersect(conflict, isl_map_union(later, earlier));
    conflict = isl_map_intersect_domain(conflict, isl_set_copy(values));
    return isl_map_intersect_range(conflict, values);
}

/* ---- is it worth it? ----------------------------------------------------------------------------------------------------------- */

static bool has_product(access_walk *w, kir_expr *e) {
    int64_t c;
    if (e->kind == KIR_BINARY && affine_is_int64(e) && !access_is_invariant(w, e)) {
        bool known = kir_is_const_int(e->args[1], &c) || kir_is_const_int(e->args[0], &c);
        if (!known && (e->op == KIR_OP_MUL || e->op == KIR_OP_FLOORDIV))
            return true;
    }
    for (uint32_t k = 0; k < e->n_args; k++)
        if (has_product(w, e->args[k]))
            return true;
    return false;
}

bool stairs_may_help(access_walk *w) {
    int64_t step;
    if (!kir_is_const_int(w->loop->step, &step))
        return true;
    for (uint32_t i = 0; i < w->found.len; i++) {
        const access *x = &w->found.at[i];
        for (uint32_t k = 0; x->index && k < x->n; k++)
            if (has_product(w, x->index[k]))
                return true;
        for (uint32_t k = 1; k < x->depth; k++) {
            access_bounds ends = access_ends(w, x->loops[k]);
            if (has_product(w, ends.lo) || has_product(w, ends.hi))
                return true;
        }
    }
    return false;
}

static void forget_maps(access_walk *w) {
    for (uint32_t i = 0; i < w->found.len; i++) {
        access *x = &w->found.at[i];
        isl_set_free(x->domain);
        isl_map_free(x->map);
        x->domain = NULL;
        x->map = NULL;
    }
}

void stairs_begin(access_walk *w) {
    forget_maps(w);
    w->stairs = arena_make(w->s->a, struct access_stairs);
    *w->stairs = (struct access_stairs){.first = w->dims};
    w->dims += DIMENSIONS;
}

bool stairs_begin_strictly(access_walk *w) {
    if (w->stairs->asked.len == 0)
        return false;
    forget_maps(w);
    *w->stairs = (struct access_stairs){.first = w->stairs->first, .strictly = true};
    return true;
}
