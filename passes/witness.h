/* Inside of the dependence analysis: what is said of a relation { d → d' } between iterations that touch one element. */
#ifndef PLAIT_PASSES_WITNESS_H
#define PLAIT_PASSES_WITNESS_H

#include "passes/affine.h"

/* Two iterations and the element: "iterations i = 1 and i = 2 both touch a[1]" (may: they are not exactly known);
 * NULL when isl finds none, or when the numbers of iterations are not the values of the loop's variable. */
const char *witness_describe(access_walk *w, const access *a, const access *b, isl_map *relation);
/* "1", "at least 1" …: how many iterations lie between them; NULL: not known. */
const char *witness_distance(access_walk *w, isl_map *relation);
/* Does it happen whenever the trip counts and extents are large? */
bool witness_always(access_walk *w, access *a, access *b, isl_map *relation);

#endif
