/* Register blocking: unroll-and-jam of the two loops around an innermost one. */
#ifndef PLAIT_PASSES_JAM_H
#define PLAIT_PASSES_JAM_H

#include "passes/pass.h"
#include "passes/vars.h"

enum { JAM_ROWS_TO_PACK = 4 };

typedef struct jam {
    kir_module *m;
    kir_fn *f;
    arena *scratch;
    kir_stmt *outer, *middle, *inner; /* perfectly nested, steps 1, permutable; outer may be NULL */
    uint32_t rows, columns;           /* copies of outer and of middle (rows 1 when there is no outer) */
    int64_t strip;                    /* iterations of inner that stay in registers while middle runs; 0: none */
    int64_t depth;          /* most iterations of middle, when what strips load is worth packing; 0: it is not */
    const kir_expr *enough; /* are there rows enough to pay for packing? NULL: look at outer */
    const kir_var *pays;    /* a bool: has the nest work enough for blocks over packed memory? NULL: yes */
    bool masks;             /* strips that end early load and store under masks: the processor has them */
    kir_stmt *load, *store; /* in the inner body: x = a[e], a[e] = y; NULL: elements stay in memory */
    const var_set *written; /* arrays whose loads may not move */
} jam;

/* The loops that take the place of the nest. */
void jam_nest(const jam *j, kir_block *out);

#endif
