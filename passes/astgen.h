/* From an isl schedule to KIR loops. */
#ifndef PLAIT_PASSES_ASTGEN_H
#define PLAIT_PASSES_ASTGEN_H

#include "passes/scop.h"

struct isl_ast_node;

/* A loop of dimension `level` of the schedule has loop->slot == level (0: outermost). NULL: isl gave up. The statements of
 * runs are copied, their temporaries renamed. `parameter` has the values of the nest's parameters (see scop). */
typedef struct astgen {
    scop *s;
    kir_expr *const *parameter;
    uint32_t n_parameters;
    kir_var *tile[2];             /* parameters `t` and `u`, or NULL */
    uint32_t stretch[SCOP_DEPTH]; /* by level: what a loop that counts tiles is stretched by; 0: nothing */
    span at;
    /* What stands for a statement `F[x, y]`, or NULL. */
    bool (*fill)(void *context, kir_expr *x, kir_expr *y, kir_block *out);
    void *context;
} astgen;

struct isl_pw_aff;

/* A piecewise affine function of the parameters (taken) as an expression; NULL when isl gave up. */
kir_expr *astgen_value(const astgen *g, struct isl_pw_aff *value);

bool astgen_block(const astgen *g, struct isl_ast_node *tree, kir_block *out);

#endif
