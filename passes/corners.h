/* Inside of guard: what a product of unknowns comes to at the corners of a loop nest. */
#ifndef PLAIT_PASSES_CORNERS_H
#define PLAIT_PASSES_CORNERS_H

#include "passes/facts.h"

typedef struct corner_loop { /* a loop of the nest, its variable's extremes as forms at its head; NULL: not known */
    const lin *var, *least, *most;
} corner_loop;

struct corner_test; /* asked for already: a polynomial >= 0 */

typedef struct corner_nest {
    kir_module *m;
    arena *scratch;
    facts *facts; /* at the place of the check */
    const corner_loop *loops;
    uint32_t depth;
    bool (*is_outer)(void *context, uint32_t atom);            /* known at the nest's entry */
    kir_expr *(*value)(void *context, uint32_t atom, span at); /* of an outer one */
    bool (*demand)(void *context, const lin *l, span at);      /* asks at entry for l >= 0 */
    void (*require)(void *context, kir_expr *test);            /* asks at entry for a test */
    void *context;
    struct corner_test *tests; /* the latest one */
} corner_nest;

/* Asks at the nest's entry for what makes l >= 0 in every iteration. False: that is not possible; the tests asked for on
 * the way are of no use. */
bool corners_hoist(corner_nest *n, const lin *l, span at);

#endif
