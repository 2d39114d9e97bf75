/* Loops over time steps as tiles of steps and space. */
#ifndef PLAIT_PASSES_TIMETILE_H
#define PLAIT_PASSES_TIMETILE_H

#include "passes/reorder.h"

/* Puts the nest at `loop`, in tiles, into `out` together with the nest as it is for when they may not or need not be made;
 * false when the nest is none of that kind or its dependences forbid it. `loop` is then as it was. */
bool timetile_nest(reorderer *z, kir_stmt *loop, kir_block *out);

#endif
