/* Inside of the dependence analysis: subscripts as polynomials of iterators and of values that the loop does not change. */
#ifndef PLAIT_PASSES_POLYNOMIAL_H
#define PLAIT_PASSES_POLYNOMIAL_H

#include "passes/affine.h"

enum { POLYNOMIAL_TERMS = 12, POLYNOMIAL_DEGREE = 4 };

typedef struct monomial { /* times * factor * factor … */
    int64_t times;
    kir_expr *factor[POLYNOMIAL_DEGREE];
    uint32_t n;
} monomial;

typedef struct polynomial {
    monomial at[POLYNOMIAL_TERMS];
    uint32_t n;
} polynomial;

/* False: too many terms, of too high a degree, or with too large numbers. */
bool polynomial_add_term(polynomial *p, const monomial *m);
bool polynomial_add(polynomial *p, const polynomial *q, int64_t times); /* p += q * times */
bool polynomial_multiply(const polynomial *a, const polynomial *b, polynomial *out);
bool polynomial_same_factors(const monomial *a, const monomial *b);
uint32_t polynomial_degree(const polynomial *p);
kir_expr *polynomial_expr(kir_module *m, const polynomial *p, span at);

/* Is `e` the index of one of the loops around x? */
bool polynomial_is_iterator(const access_walk *w, const access *x, const kir_expr *e);
/* Has the entry of the loop ask whether the product, times 64, and a dozen of them, stay far from where int64 wraps; false
 * when that cannot be asked there. */
bool polynomial_require_small(access_walk *w, const access *x, const monomial *t);

#endif
