/* What the iterations of a loop only combine in: elements of arrays (y[e] = y[e] op x), and extremes with what belongs to
 * them (if x < best: best = x; where = i). A loop whose iterations meet nowhere else may run in blocks with results of
 * their own, which are put together in order (blocks.c). */
#ifndef PLAIT_PASSES_COMBINE_H
#define PLAIT_PASSES_COMBINE_H

#include "passes/dependence.h"

typedef struct combine_array { /* an accumulator */
    kir_var *array;            /* not reassigned in the loop */
    kir_op op;                 /* that combines partial results */
} combine_array;

typedef struct combine_update { /* load = array[index]; store: array[index] = load op x */
    kir_stmt *load, *store;
    uint32_t array;   /* into arrays */
    kir_expr **index; /* of the element */
    uint32_t n;
} combine_update;

typedef struct combine_extreme { /* if value cmp best { best = value; payload… } */
    VEC(kir_stmt *) tests;       /* one, or as many as there are copies of it or values to compare with */
    kir_var *best;
    kir_op cmp; /* LT LE GT GE: `value cmp best` lets the value in */
    VEC(kir_var *) payload;
} combine_extreme;

struct kir_plan {
    VEC(combine_array) arrays;
    VEC(combine_update) updates;
    VEC(combine_extreme) extremes;
    VEC(kir_stmt *) taken; /* IFs whose first arm is always taken when `when` holds */
    kir_expr *when;        /* the plan holds when this does; NULL: always */
};

/* How `loop`, of which the analysis says `v`, may run in blocks, in the module's arena; NULL: it may not, or need not. */
struct kir_plan *combine_find(dep_session *s, kir_module *m, kir_fn *f, arena *scratch, kir_stmt *loop,
                              const dep_verdict *v);

/* Is e = v op … op …, v once, in a place from where it may be regrouped, every operator on the way to v being *op (or -
 * beside +)? *op INVALID: the first operator decides. */
bool combine_is_chain(kir_expr *e, const kir_var *v, kir_op *op);

/* The value that leaves every element as it is, also the sign of its zero; NULL when there is none. */
kir_expr *combine_identity(kir_module *m, kir_op op, type *ty, span at);

#endif
