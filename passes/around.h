/* What is known to hold where a loop starts, because of what stands around it and before it. */
#ifndef PLAIT_PASSES_AROUND_H
#define PLAIT_PASSES_AROUND_H

#include "kir/kir.h"
#include "passes/vars.h"

typedef struct around_fact {
    kir_expr *test; /* bool; shared with the program: copy before changing */
    bool negated;
} around_fact;

typedef struct around_facts {
    around_fact *at;
    uint32_t len, cap;
} around_facts;

/* Conditions of the IFs around `loop` and of the CHECKs before it, as far as every variable in them has one definition in
 * the function, so that the values are still the same. Outermost first, at most 24. */
around_facts around_loop(arena *a, kir_fn *f, const var_defs *defs, const kir_stmt *loop);

#endif
