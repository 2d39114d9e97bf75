/* A matrix in a flat array is addressed as a[i*n + j], blocks of unknown size as a[b*s + i]. A product of two unknowns is
 * not affine, and isl has no word for it. But when 0 <= j < n holds for every access, i and j are the digits of the
 * subscript in base n:
 *
 *   for b in range(m):                                          touches element (b, i) of a plane: no two iterations of
 *       for i in range(s): a[b*s + i] = …               →       the outer loop meet, nor of the inner one
 *
 * The subscript is taken apart into a polynomial of iterators and values that the loop does not change. A value that is
 * multiplied with something becomes the base: what contains it is the quotient, the others are the remainder, which isl
 * has to find within [0, base) (or the base above or below: a[i*n + n - 1 - j]) for every iteration. Quotients are taken
 * apart again: (i*n + j)*m + k has three digits. All accesses of an array must agree on the bases, and on a start that
 * they share (a[start + i*n + j]), which is left away.
 *
 * Subscripts that wrap around are those of Python's negative indices: they are taken apart where the value is not negative,
 * for which the first digit has to be >= 0, and the start, which is asked for at run time. So is that factors are small,
 * lest the product wraps: then equal subscripts are equal numbers. Cost: one pass over subscripts, a few questions to isl. */
#include "passes/delinear.h"
#include "passes/polynomial.h"
#include "passes/stairs.h"

#include <isl/aff.h>
#include <isl/set.h>
#include <isl/val.h>
#include <string.h>

enum { DIGITS = 4 };

typedef struct number { /* a subscript of an access */
    access *x;
    polynomial rest;         /* what is not taken apart yet */
    kir_expr *digit[DIGITS]; /* the last one first */
    bool wraps;
} number;

typedef struct job { /* one axis of one array */
    access_walk *w;
    number *numbers;
    uint32_t n, digits;
    polynomial start; /* common, left away */
} job;

/* ---- subscripts as polynomials --------------------------------------------------------------------------------------- */

static bool take_apart(access_walk *w, const access *x, kir_expr *e, polynomial *out);

static bool take_binary(access_walk *w, const access *x, kir_expr *e, polynomial *out) {
    polynomial a, b;
    if ((e->op != KIR_OP_ADD && e->op != KIR_OP_SUB && e->op != KIR_OP_MUL) || !take_apart(w, x, e->args[0], &a) ||
        !take_apart(w, x, e->args[1], &b))
        return false;
    if (e->op == KIR_OP_MUL)
        return polynomial_multiply(&a, &b, out);
    *out = a;
    return polynomial_add(out, &b, e->op == KIR_OP_SUB ? -1 : 1);
}

static bool is_sum(const kir_expr *e) {
    return e->kind == KIR_BINARY && (e->op == KIR_OP_ADD || e->op == KIR_OP_SUB);
}

/* A sum of values that do not change stays one factor when it is multiplied: i*(n + 2) + j has the base n + 2. */
static bool is_factor(access_walk *w, const access *x, kir_expr *e) {
    if (polynomial_is_iterator(w, x, e))
        return true;
    bool splits = e->kind == KIR_BINARY && e->op == KIR_OP_MUL;
    return !splits && access_is_invariant(w, e);
}

static bool take_factor(access_walk *w, const access *x, kir_expr *e, polynomial *out) {
    int64_t c;
    if (kir_is_const_int(e, &c) || !is_sum(e) || !access_is_invariant(w, e))
        return take_apart(w, x, e, out);
    out->n = 1;
    out->at[0] = (monomial){.times = 1, .factor = {e}, .n = 1};
    return true;
}

static bool take_product(access_walk *w, const access *x, kir_expr *e, polynomial *out) {
    polynomial a, b;
    return take_factor(w, x, e->args[0], &a) && take_factor(w, x, e->args[1], &b) && polynomial_multiply(&a, &b, out);
}

static bool take_apart(access_walk *w, const access *x, kir_expr *e, polynomial *out) {
    int64_t c;
    *out = (polynomial){0};
    if (kir_is_const_int(e, &c)) {
        out->n = c != 0;
        out->at[0] = (monomial){.times = c};
        return affine_is_small(c);
    }
    if (!affine_is_int64(e))
        return false;
    if (affine_is_widening(e) && e->args[0]->ty->kind == TYPE_INT && !access_is_invariant(w, e))
        return false;
    if (e->kind == KIR_UNARY && e->op == KIR_OP_NEG) {
        polynomial a;
        return take_apart(w, x, e->args[0], &a) && polynomial_add(out, &a, -1);
    }
    if (e->kind == KIR_BINARY && e->op == KIR_OP_MUL)
        return take_product(w, x, e, out);
    if (is_sum(e))
        return take_binary(w, x, e, out);
    out->n = 1;
    out->at[0] = (monomial){.times = 1, .factor = {e}, .n = 1};
    return is_factor(w, x, e);
}

/* ---- digits ----------------------------------------------------------------------------------------------------------- */

static bool varies(const job *j, const number *v, const monomial *m) {
    for (uint32_t f = 0; f < m->n; f++)
        if (polynomial_is_iterator(j->w, v->x, m->factor[f]))
            return true;
    return false;
}

/* p = quotient * base + remainder, term by term. */
static void divide(const polynomial *p, const kir_expr *base, polynomial *quotient, polynomial *remainder) {
    quotient->n = remainder->n = 0;
    for (uint32_t i = 0; i < p->n; i++) {
        monomial m = p->at[i];
        uint32_t f = 0;
        while (f < m.n && !kir_expr_equal(m.factor[f], base))
            f++;
        if (f < m.n) {
            m.factor[f] = m.factor[--m.n];
            (void)polynomial_add_term(quotient, &m);
        } else {
            (void)polynomial_add_term(remainder, &m);
        }
    }
}

static bool lies_within(isl_set *domain, isl_set *set) {
    bool yes = isl_set_is_subset(domain, set) == isl_bool_true;
    isl_set_free(set);
    return yes;
}

static isl_set *domain_of(const job *j, access *x) {
    if (!x->domain)
        affine_domain(j->w, x);
    return x->domain;
}

/* Is shift * base <= value < (shift + 1) * base in every iteration? */
static bool is_digit(const job *j, access *x, kir_expr *value, kir_expr *base, int64_t shift) {
    isl_pw_aff *v = affine_of(j->w, value, x), *s = v ? affine_of(j->w, base, x) : NULL;
    if (!s) {
        isl_pw_aff_free(v);
        return false;
    }
    v = isl_pw_aff_sub(v, isl_pw_aff_scale_val(isl_pw_aff_copy(s), isl_val_int_from_si(j->w->s->isl, (long)shift)));
    isl_set *within = isl_pw_aff_nonneg_set(isl_pw_aff_copy(v));
    within = isl_set_intersect(within, isl_pw_aff_lt_set(v, s));
    return lies_within(domain_of(j, x), within);
}

/* Divides one number; the base above or below is a one more or less in the quotient. */
static bool divide_number(const job *j, number *v, kir_expr *base) {
    static const int64_t shifts[] = {0, -1, 1};
    kir_module *m = j->w->s->m;
    polynomial quotient, remainder;
    divide(&v->rest, base, &quotient, &remainder);
    if (polynomial_degree(&remainder) > 1)
        return false;
    kir_expr *value = polynomial_expr(m, &remainder, base->at);
    for (uint32_t k = 0; k < 3; k++) {
        int64_t shift = shifts[k];
        if (!is_digit(j, v->x, value, base, shift))
            continue;
        monomial more = {.times = shift};
        kir_expr *shifted =
            kir_binary(m, KIR_OP_MUL, kir_copy_expr(m, base, NULL), kir_int(m, shift, base->at), base->at);
        if (shift != 0 && !polynomial_add_term(&quotient, &more))
            return false;
        v->digit[j->digits] = shift ? kir_binary(m, KIR_OP_SUB, value, shifted, base->at) : value;
        v->rest = quotient;
        return true;
    }
    return false;
}

static bool divide_all(job *j, kir_expr *base) {
    number *before = arena_array(j->w->s->a, number, j->n);
    memcpy(before, j->numbers, j->n * sizeof *before);
    for (uint32_t i = 0; i < j->n; i++)
        if (!divide_number(j, &j->numbers[i], base)) {
            memcpy(j->numbers, before, j->n * sizeof *before);
            return false;
        }
    j->digits++;
    return true;
}

static uint32_t count_factor(const job *j, const kir_expr *e) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < j->n; i++)
        for (uint32_t k = 0; k < j->numbers[i].rest.n; k++)
            for (uint32_t f = 0; f < j->numbers[i].rest.at[k].n; f++)
                n += kir_expr_equal(j->numbers[i].rest.at[k].factor[f], e);
    return n;
}

/* The base to try next: a value multiplied with an iterator, of those not tried yet the one in most terms. */
static kir_expr *next_base(const job *j, kir_expr *const *tried, uint32_t n_tried) {
    kir_expr *best = NULL;
    for (uint32_t i = 0; i < j->n; i++)
        for (uint32_t k = 0; k < j->numbers[i].rest.n; k++) {
            const monomial *m = &j->numbers[i].rest.at[k];
            for (uint32_t f = 0; m->n > 1 && varies(j, &j->numbers[i], m) && f < m->n; f++) {
                bool known = polynomial_is_iterator(j->w, j->numbers[i].x, m->factor[f]);
                for (uint32_t t = 0; t < n_tried && !known; t++)
                    known = kir_expr_equal(tried[t], m->factor[f]);
                if (!known && (!best || count_factor(j, m->factor[f]) > count_factor(j, best)))
                    best = m->factor[f];
            }
        }
    return best;
}

static uint32_t degree_left(const job *j) {
    uint32_t most = 0;
    for (uint32_t i = 0; i < j->n; i++) {
        uint32_t d = polynomial_degree(&j->numbers[i].rest);
        most = d > most ? d : most;
    }
    return most;
}

static bool find_digits(job *j) {
    kir_expr *tried[8];
    uint32_t n_tried = 0;
    while (degree_left(j) > 1) {
        kir_expr *base = n_tried < 8 && j->digits + 1 < DIGITS ? next_base(j, tried, n_tried) : NULL;
        if (!base || affine_over_budget(j->w->s))
            return false;
        tried[n_tried++] = base;
        if (divide_all(j, base))
            n_tried = 0;
    }
    return j->digits > 0;
}

/* ---- what has to hold ------------------------------------------------------------------------------------------------- */

static bool require_small(const job *j) {
    for (uint32_t i = 0; i < j->n; i++)
        for (uint32_t k = 0; k < j->numbers[i].rest.n; k++)
            if (j->numbers[i].rest.at[k].n > 1 &&
                !polynomial_require_small(j->w, j->numbers[i].x, &j->numbers[i].rest.at[k]))
                return false;
    return true;
}

/* A number that is not negative does not wrap. */
static bool require_no_wrap(const job *j) {
    kir_module *m = j->w->s->m;
    for (uint32_t i = 0; i < j->n; i++) {
        const number *v = &j->numbers[i];
        if (!v->wraps)
            continue;
        isl_pw_aff *first = affine_of(j->w, polynomial_expr(m, &v->rest, (span){0}), v->x);
        if (!first || !lies_within(domain_of(j, v->x), isl_pw_aff_nonneg_set(first)))
            return false;
        if (j->start.n == 0)
            continue;
        kir_expr *start = polynomial_expr(m, &j->start, (span){0});
        access_require(j->w,
                       kir_binary(m, KIR_OP_GE, kir_copy_expr(m, start, NULL), kir_int(m, 0, start->at), start->at));
        access_require(j->w, kir_binary(m, KIR_OP_LE, start, kir_int(m, INT64_C(1) << 61, start->at), start->at));
    }
    return true;
}

/* ---- an axis ---------------------------------------------------------------------------------------------------------- */

static polynomial invariant_part(const job *j, const number *v) {
    polynomial p = {0};
    for (uint32_t k = 0; k < v->rest.n; k++)
        if (v->rest.at[k].n > 0 && !varies(j, v, &v->rest.at[k]))
            (void)polynomial_add_term(&p, &v->rest.at[k]);
    return p;
}

static bool is_same(const polynomial *a, const polynomial *b) {
    polynomial d = *a;
    return polynomial_add(&d, b, -1) && d.n == 0;
}

/* The terms without iterators, when all numbers have the same. */
static void leave_start_away(job *j) {
    polynomial start = invariant_part(j, &j->numbers[0]);
    for (uint32_t i = 1; i < j->n; i++) {
        polynomial other = invariant_part(j, &j->numbers[i]);
        if (!is_same(&start, &other))
            return;
    }
    for (uint32_t i = 0; i < j->n; i++)
        (void)polynomial_add(&j->numbers[i].rest, &start, -1);
    j->start = start;
}

static bool read_numbers(job *j, const kir_var *root, uint32_t axis) {
    access_walk *w = j->w;
    j->numbers = arena_array(w->s->a, number, w->found.len + 1);
    for (uint32_t i = 0; i < w->found.len; i++) {
        access *x = &w->found.at[i];
        if (x->root != root)
            continue;
        number *v = &j->numbers[j->n++];
        kir_expr *e = x->index[axis];
        v->x = x;
        v->wraps = e->kind == KIR_WRAP;
        if (!take_apart(w, x, v->wraps ? e->args[0] : e, &v->rest))
            return false;
    }
    return degree_left(j) > 1;
}

/* The digits in place of the subscript, first digit first. */
static void replace_axis(const job *j, uint32_t axis) {
    for (uint32_t i = 0; i < j->n; i++) {
        const number *v = &j->numbers[i];
        access *x = v->x;
        kir_expr **index = arena_array(j->w->s->a, kir_expr *, x->n + j->digits);
        memcpy(index, x->index, axis * sizeof *index);
        memcpy(index + axis + 1 + j->digits, x->index + axis + 1, (x->n - axis - 1) * sizeof *index);
        index[axis] = polynomial_expr(j->w->s->m, &v->rest, (span){0});
        for (uint32_t k = 0; k < j->digits; k++)
            index[axis + j->digits - k] = v->digit[k];
        x->index = index;
        x->n += j->digits;
    }
}

/* `m` in i*m + m - 1 - j belongs to the quotient; `start` in start + i*m + j is in the way. */
static bool try_axis(access_walk *w, const kir_var *root, uint32_t axis, bool keep_start) {
    job j = {.w = w};
    uint32_t known = w->require.len, stairs = stairs_found(w);
    if (!read_numbers(&j, root, axis))
        return false;
    if (!keep_start)
        leave_start_away(&j);
    if ((keep_start || j.start.n > 0) && require_small(&j) && find_digits(&j) && require_no_wrap(&j)) {
        replace_axis(&j, axis);
        return true;
    }
    if (stairs_found(w) == stairs) /* what those that were found on the way rest on stays */
        w->require.len = known;
    return false;
}

bool delinear_root(access_walk *w, const kir_var *root) {
    uint32_t axes = 0;
    for (uint32_t i = 0; i < w->found.len; i++) {
        const access *x = &w->found.at[i];
        if (x->root != root)
            continue;
        if (!x->index || x->map || (axes && x->n != axes))
            return false;
        axes = x->n;
    }
    bool changed = false;
    for (uint32_t axis = axes; axis-- > 0;)
        changed |= try_axis(w, root, axis, true) || try_axis(w, root, axis, false);
    return changed;
}
