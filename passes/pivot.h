/* Loops cut at the iteration that the others meet. */
#ifndef PLAIT_PASSES_PIVOT_H
#define PLAIT_PASSES_PIVOT_H

#include "passes/pass.h"

/* When the nest at `loop` is worth cutting: the three loops that take its place, in `out`. */
bool pivot_loop(kir_module *m, kir_fn *f, arena *scratch, kir_stmt *loop, kir_block *out);

#endif
