/* Interpreter of KIR: the second opinion on what the passes did with loops.
 *
 * It runs functions in which no whole-array operation is left (from `scalarize` to before `outline`), statement by
 * statement, with the meaning of kir.h. Where it watches, a loop marked `parallel` runs as the mark says: each iteration
 * has variables of its own, undefined at its start, and partial results that start from the operator's identity; a loop
 * marked `vector` runs in order. In both every access to memory is noted with the iteration it belongs to: two
 * iterations that touch one address, one of them writing, are a conflict that exists, whatever the analysis said.
 * It is slow and exact, for the one input it is given.
 */
#ifndef PLAIT_TESTS_INTERPRET_H
#define PLAIT_TESTS_INTERPRET_H

#include "kir/kir.h"
#include "passes/vars.h"
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

typedef struct kir_problem { /* something that contradicts a mark */
    const kir_stmt *loop;    /* or NULL: outside such loops */
    span first, second;      /* the accesses, or the reading twice */
    const char *what;
} kir_problem;

typedef struct kir_run_options {
    int64_t max_steps; /* statements */
    bool watch;        /* run parallel loops as marked, and look for conflicts; else everything in order */
} kir_run_options;

typedef enum kir_outcome {
    KIR_DONE,
    KIR_RAISED,
    KIR_STUCK /* too many steps, or something it cannot run: see message */
} kir_outcome;

typedef struct kir_run_result {
    kir_outcome outcome;
    plrt_error error;          /* RAISED: site and arguments as compiled code reports them */
    const char *message;       /* STUCK */
    int64_t parallel_loops;    /* executions of loops marked parallel */
    VEC(kir_problem) problems; /* at most 16, one per pair of places */
} kir_run_result;

/* Runs `f` on `args` (one per parameter) and writes one value per result type. Memory comes from `a`. */
kir_run_result kir_interpret(kir_module *m, kir_fn *f, const kir_value *args, kir_value *results, arena *a,
                             const kir_run_options *options);

#endif
