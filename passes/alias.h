/* Which array variables may share memory. Flow-insensitive: each variable has a set of origins (allocation sites, and
 * "outside": parameters and results of calls); variables that share an origin may share memory. */
#ifndef PLAIT_PASSES_ALIAS_H
#define PLAIT_PASSES_ALIAS_H

#include "kir/kir.h"

typedef struct alias_map alias_map;

alias_map *alias_new(arena *a, kir_fn *f);
/* Variables made after alias_new answer true. */
bool alias_may_share(const alias_map *m, const kir_var *x, const kir_var *y);
/* All memory of v was allocated in this function. */
bool alias_is_local(const alias_map *m, const kir_var *v);
/* Two subscripts of v may be one element: v is, or looks into, an array from outside whose strides are not known. */
bool alias_may_fold(const alias_map *m, const kir_var *v);

#endif
