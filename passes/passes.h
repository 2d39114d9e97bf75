/* The run functions of the rows of pipeline.c; each stands in the file of its name. */
#ifndef PLAIT_PASSES_PASSES_H
#define PLAIT_PASSES_PASSES_H

#include "passes/pass.h"

bool inline_run(pass_context *c);
bool simplify_run(pass_context *c);
bool scalarize_run(pass_context *c);
bool induction_run(pass_context *c);
bool wraparound_run(pass_context *c);
bool guard_run(pass_context *c);
bool split_run(pass_context *c);
bool fuse_run(pass_context *c);
bool contract_run(pass_context *c);
bool reorder_run(pass_context *c);
bool conditions_run(pass_context *c);
bool promote_run(pass_context *c);
bool reduction_run(pass_context *c);
bool privatize_run(pass_context *c);
bool classify_run(pass_context *c);
bool watch_run(pass_context *c);
bool blocks_run(pass_context *c);
bool schedule_run(pass_context *c);
bool parallelize_run(pass_context *c);
bool march_run(pass_context *c);
bool lanes_run(pass_context *c);
bool outline_run(pass_context *c);
bool indices_run(pass_context *c);
bool precheck_run(pass_context *c);
bool rows_run(pass_context *c);
bool extrema_run(pass_context *c);
bool scratch_run(pass_context *c);
bool borrow_run(pass_context *c);

/* Arguments that iterations use as work arrays become arrays of the iterations, where that lets a loop run in parallel.
 * (stand_in.c) */
bool stand_in(pass_context *c, kir_fn *f);

/* The value that leaves x as it is in `x op value` (ADD of floats: the start of a sum). */
kir_expr *pass_identity(kir_module *m, kir_op op, type *ty, span at);

/* Does everything that the loop does with v amount to `v = v op e`, e free of v? */
bool pass_is_reduction(kir_stmt *loop, kir_var *v, kir_op *op);

/* A map that gives every single-assignment temporary which `b` assigns a new name, for a second copy of the block. */
kir_map *pass_renamed_temps(kir_module *m, kir_fn *f, arena *scratch, kir_block *b);

/* Loops of the block become cold and lose their entries in the report. */
void pass_make_cold(kir_block *b);

/* The statement once more, for the slow side of a guard: its loops are cold and have no entry in the report. */
kir_block pass_cold_copy(kir_module *m, kir_fn *f, arena *scratch, kir_stmt *s);

/* The loops that stand in the arms of this IF are versions of one loop. */
void pass_mark_versions(kir_module *m, kir_stmt *versions);

/* Holds when arrays a and b share no memory. */
kir_expr *pass_apart(kir_module *m, kir_var *a, kir_var *b, span at);

/* Holds (sufficient, not necessary) when different elements of the array are different memory. */
kir_expr *pass_distinct(kir_module *m, kir_var *v, span at);

#endif
