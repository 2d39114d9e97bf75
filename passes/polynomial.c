/* See polynomial.h. */
#include "passes/polynomial.h"

enum { MOST_TIMES = 64 };

bool polynomial_same_factors(const monomial *a, const monomial *b) {
    bool taken[POLYNOMIAL_DEGREE] = {0};
    for (uint32_t i = 0; i < a->n; i++) {
        uint32_t k = 0;
        while (k < b->n && (taken[k] || !kir_expr_equal(a->factor[i], b->factor[k])))
            k++;
        if (k == b->n)
            return false;
        taken[k] = true;
    }
    return a->n == b->n;
}

bool polynomial_add_term(polynomial *p, const monomial *m) {
    for (uint32_t i = 0; i < p->n; i++)
        if (polynomial_same_factors(&p->at[i], m)) {
            p->at[i].times += m->times;
            if (p->at[i].times == 0)
                p->at[i] = p->at[--p->n];
            return true;
        }
    if (p->n == POLYNOMIAL_TERMS)
        return false;
    p->at[p->n++] = *m;
    return true;
}

bool polynomial_multiply(const polynomial *a, const polynomial *b, polynomial *out) {
    out->n = 0;
    for (uint32_t i = 0; i < a->n; i++)
        for (uint32_t k = 0; k < b->n; k++) {
            monomial m = a->at[i];
            m.times *= b->at[k].times;
            if (m.n + b->at[k].n > POLYNOMIAL_DEGREE || !affine_is_small(m.times))
                return false;
            for (uint32_t f = 0; f < b->at[k].n; f++)
                m.factor[m.n++] = b->at[k].factor[f];
            if (!polynomial_add_term(out, &m))
                return false;
        }
    return true;
}

bool polynomial_add(polynomial *p, const polynomial *q, int64_t times) {
    for (uint32_t i = 0; i < q->n; i++) {
        monomial m = q->at[i];
        m.times *= times;
        if (!affine_is_small(m.times) || !polynomial_add_term(p, &m))
            return false;
    }
    return true;
}

bool polynomial_is_iterator(const access_walk *w, const access *x, const kir_expr *e) {
    for (uint32_t k = 0; e->kind == KIR_VAR && k < x->depth; k++)
        if (x->loops[k]->var == e->var && w->writes[e->var->id] == 1)
            return true;
    return false;
}

uint32_t polynomial_degree(const polynomial *p) {
    uint32_t most = 0;
    for (uint32_t i = 0; i < p->n; i++)
        most = p->at[i].n > most ? p->at[i].n : most;
    return most;
}

static kir_expr *monomial_expr(kir_module *m, const monomial *t, span at) {
    kir_expr *e = NULL;
    for (uint32_t f = 0; f < t->n; f++) {
        kir_expr *factor = kir_copy_expr(m, t->factor[f], NULL);
        e = e ? kir_binary(m, KIR_OP_MUL, e, factor, at) : factor;
    }
    kir_expr *times = kir_int(m, t->times, at);
    return e ? kir_binary(m, KIR_OP_MUL, e, times, at) : times;
}

kir_expr *polynomial_expr(kir_module *m, const polynomial *p, span at) {
    kir_expr *sum = kir_int(m, 0, at);
    for (uint32_t i = 0; i < p->n; i++)
        sum = kir_binary(m, KIR_OP_ADD, sum, monomial_expr(m, &p->at[i], at), at);
    return sum;
}

/* |e| as a float; of an iterator the largest one, which must be known where the analysed loop starts. NULL: it is not. */
static kir_expr *magnitude(access_walk *w, const access *x, kir_expr *e) {
    kir_module *m = w->s->m;
    if (!polynomial_is_iterator(w, x, e)) {
        kir_expr *real = kir_cast(m, kir_copy_expr(m, e, NULL), type_float64(m->types), e->at);
        return e->kind == KIR_DIM ? real : kir_unary(m, KIR_OP_ABS, real, e->at);
    }
    kir_expr *most = NULL;
    for (uint32_t k = 0; k < x->depth; k++) {
        kir_stmt *loop = x->loops[k];
        access_bounds known = access_ends(w, loop);
        kir_expr *ends[2] = {known.lo, known.hi};
        for (uint32_t end = 0; loop->var == e->var && end < 2; end++) {
            int64_t c;
            if (!access_is_invariant(w, ends[end]))
                return NULL;
            if (kir_is_const_int(ends[end], &c) && c == 0)
                continue;
            kir_expr *real = magnitude(w, x, ends[end]);
            most = most ? kir_binary(m, KIR_OP_MAX, most, real, e->at) : real;
        }
    }
    return most ? most : kir_const_float(m, type_float64(m->types), 0.0, e->at);
}

/* Products below this, times 64, and a dozen of them, do not wrap. */
bool polynomial_require_small(access_walk *w, const access *x, const monomial *t) {
    kir_module *m = w->s->m;
    kir_expr *product = NULL;
    for (uint32_t f = 0; f < t->n; f++) {
        kir_expr *factor = magnitude(w, x, t->factor[f]);
        if (!factor)
            return false;
        product = product ? kir_binary(m, KIR_OP_MUL, product, factor, factor->at) : factor;
    }
    span at = product->at;
    access_require(w, kir_binary(m, KIR_OP_LE, product, kir_const_float(m, type_float64(m->types), 0x1p50, at), at));
    return t->times <= MOST_TIMES && t->times >= -MOST_TIMES;
}
