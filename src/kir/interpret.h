/* Interpreter of KIR: a second opinion on passes and on parallel regions, in tests.
 *
 * It runs functions in which no whole-array operation is left (after `scalarize`), statement by statement, with the
 * meaning of kir.h. A region's iterations run one after the other, in order or shuffled, and every access to an array
 * element can be watched with the iteration it belongs to: two iterations of one region that touch one address, one of
 * them writing, are a race that exists, whatever the analysis said. It is slow and exact.
 */
#ifndef PLAIT_KIR_INTERPRET_H
#define PLAIT_KIR_INTERPRET_H

#include "kir/kir.h"
#include "plait/runtime.h"

typedef struct kir_array { /* an array at run time */
    char *data;
    int64_t shape[TYPE_MAX_NDIM], strides[TYPE_MAX_NDIM]; /* strides in bytes */
} kir_array;

typedef struct kir_value { /* by the variable's type */
    union {
        int64_t i; /* bool, ints: sign- or zero-extended */
        double f;  /* floats */
        double c[2];
        kir_array *array;
    };
} kir_value;

typedef struct kir_conflict { /* two iterations of a region that touch one element, at least one writing */
    const kir_fn *region;
    int64_t first, second; /* iterations, in the region's 0-based trip space; first < second */
    span first_at, second_at;
    bool first_writes, second_writes;
} kir_conflict;

typedef struct kir_run_options {
    int64_t max_steps; /* statements; 0: no bound */
    uint64_t shuffle;  /* nonzero: iterations of regions that do not reduce run in an order shuffled from this seed */
    bool watch;        /* look for conflicts between iterations of a region */
} kir_run_options;

typedef enum kir_outcome {
    KIR_DONE,
    KIR_RAISED,
    KIR_STUCK /* too many steps, or something it cannot run: see message */
} kir_outcome;

typedef struct kir_run_result {
    kir_outcome outcome;
    plrt_error error;            /* RAISED: site and arguments as compiled code reports them */
    const char *message;         /* STUCK */
    VEC(kir_conflict) conflicts; /* at most 16 */
} kir_run_result;

/* Runs `f` on `args` (one per parameter) and writes one value per result type. Memory comes from `a`. */
kir_run_result kir_interpret(kir_module *m, kir_fn *f, const kir_value *args, kir_value *results, arena *a,
                             const kir_run_options *options);

#endif
