/* Neighbouring statements that become one loop over iterations side by side, and the scalars that they exchange with
 * other groups (passes lanes and march). */
#ifndef PLAIT_PASSES_GROUP_H
#define PLAIT_PASSES_GROUP_H

#include "passes/vars.h"

typedef struct group {
    const kir_fn *f;
    kir_stmt **at;
    uint32_t n;
    var_set used, written, surely, exposed; /* exposed: read, or perhaps not written, before the group's end */
    const var_set *varying;                 /* others are the same in all iterations, and are not looked at */
    const kir_var *counter;                 /* the iteration's number: not exchanged either */
} group;

group group_scan(arena *scratch, const kir_fn *f, const var_set *varying, const kir_var *counter, kir_stmt **at,
                 uint32_t n);
/* A scalar needs an array when two groups use it, or one reads what an earlier run of it left: `expanded` grows by those,
 * `seen` by all that the group uses. */
void group_expand(const group *g, var_set *seen, var_set *expanded);

#endif
