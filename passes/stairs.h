/* Inside of the dependence analysis: functions of the loop's index that are not affine, but only ever rise. */
#ifndef PLAIT_PASSES_STAIRS_H
#define PLAIT_PASSES_STAIRS_H

#include "passes/affine.h"

/* From here on the walk's sets have dimensions for such functions, and subscripts that are not affine stand for any element
 * along their axis. All sets and maps made before are gone. */
void stairs_begin(access_walk *w);
/* The same again, with functions that rise by at least 1 wherever that can be asked for at run time. False: nowhere. */
bool stairs_begin_strictly(access_walk *w);
/* How many such functions are known by now: what they rest on (w->require) must stay. */
uint32_t stairs_found(const access_walk *w);
/* Is there something in the loop that is worth it? */
bool stairs_may_help(access_walk *w);
/* Is there an access that takes place only where what is asked for fails? Then its independence is of no use. */
bool stairs_leave_nothing(access_walk *w);
/* `e` over the iterators of access x and those functions; NULL: it needs none of them, or is something else. */
isl_pw_aff *stairs_of(access_walk *w, kir_expr *e, const access *x);
/* Restricts { d → d' : d0 != d0' … } to what the loop's step and the functions' values allow. */
isl_map *stairs_restrict(access_walk *w, isl_map *conflict);

#endif
