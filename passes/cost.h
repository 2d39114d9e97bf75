/* How much work a piece of code is, in scalar operations. Estimates: they decide what is worth a fork, nothing else. */
#ifndef PLAIT_PASSES_COST_H
#define PLAIT_PASSES_COST_H

#include "kir/kir.h"

/* One execution of the block; loops of unknown length are taken to run 16 times. */
int64_t cost_of_block(kir_block *b);
/* Iterations of a FOR with constant bounds and step; -1 when they are not constant. */
int64_t cost_trips(const kir_stmt *loop);
/* Number of iterations as an int64 expression, exact for every lo, hi and step != 0, clamped to INT64_MAX. */
kir_expr *cost_trip_expr(kir_module *m, const kir_stmt *loop);
/* Work of all iterations of `loop` as an int64 expression that can be evaluated before it. */
kir_expr *cost_work_expr(kir_module *m, kir_fn *f, arena *scratch, kir_stmt *loop);

#endif
