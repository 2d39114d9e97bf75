/* Scalars that hand values from one run of statements to another get an element for each iteration. */
#ifndef PLAIT_PASSES_EXPAND_H
#define PLAIT_PASSES_EXPAND_H

#include "passes/scop.h"

enum { EXPAND_MAX = 4 };

typedef struct expanded { /* a scalar that became an array */
    kir_var *array;
    uint32_t depth; /* its dimensions: the outermost loops of the nest on the way to it */
    kir_stmt *loops[SCOP_DEPTH];
} expanded;

/* A copy of the nest in which such scalars are arrays (which nobody has allocated yet), and in which each STORE has
 * statements of its own; NULL when there is nothing to expand or cut, or it cannot be done. *n arrays in `out`. */
kir_stmt *expand_nest(kir_module *m, kir_fn *f, arena *scratch, const live_map *live, kir_stmt *nest, expanded *out,
                      uint32_t *n);

#endif
