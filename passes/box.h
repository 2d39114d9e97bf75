/* Loops of a plan whose statement runs over a box: those that isl would find, written down. */
#ifndef PLAIT_PASSES_BOX_H
#define PLAIT_PASSES_BOX_H

#include "passes/reorder.h"

struct isl_set;

/* The loops in `out`, as astgen_block makes them of isl's; false: the plan or the domain `where` (kept) is not so simple. */
bool box_put(nest *n, const plan *p, struct isl_set *where, kir_block *out);

#endif
