/* The last stage: KIR → LLVM module → optimised → object. LLVM's C API stays behind this door (and behind
 * driver/load.c, which links the object into the process). Nothing here keeps state between calls but LLVM's own
 * one-time initialisation and the description of the host. */
#ifndef PLAIT_LLVM_LLVM_H
#define PLAIT_LLVM_LLVM_H

#include "kir/kir.h"

#include <pthread.h>

typedef struct llvm_target { /* NULL strings: the host's */
    const char *triple, *cpu, *features;
} llvm_target;

typedef enum llvm_math_library {                 /* where vectorised math functions come from; see vector_math.c */
                                 LLVM_MATH_AUTO, /* what this process can load: SLEEF, else libmvec, else none */
                                 LLVM_MATH_NONE,
                                 LLVM_MATH_SLEEF,
                                 LLVM_MATH_LIBMVEC
} llvm_math_library;

enum {                          /* what else to write down */
       LLVM_TEXT_BUILT = 1,     /* the module as built */
       LLVM_TEXT_OPTIMIZED = 2, /* and as optimised */
       LLVM_TEXT_ASM = 4
};

typedef struct llvm_argument { /* of the call that a compile is for */
    bool is_int;
    int64_t value;
    uint32_t ndim; /* 0: not an array */
    const int64_t *shape;
} llvm_argument;

typedef struct llvm_request {
    llvm_target target;
    llvm_math_library math;
    uint32_t texts; /* LLVM_TEXT_* */
    bool verify;
    bool lazy; /* to be loaded here and now: parts that may never run are left for llvm_emit_aside */
    /* The arguments of the call that the compile is for, by parameter, or n_call == 0: parts that it is going to need are
     * compiled beside the rest, by a second thread. The code does not depend on it. */
    uint32_t n_call;
    const llvm_argument *call;
    bool
        tiered; /* where that call has little to do: baseline code, made quickly, slow, with the same results to the bit */
    const char *pipeline; /* pass pipeline for experiments; NULL: ours */
} llvm_request;

#define LLVM_ASIDE "plait_aside_" /* and a number: symbols of parts */

typedef struct llvm_object {
    const void *at; /* NULL: there is none */
    size_t size;
} llvm_object;

typedef struct llvm_asides { /* what is left to compile, as values that can be kept */
    uint32_t n;
    const llvm_object *ready; /* those compiled already, by number; or NULL */
    const void *bitcode;      /* the module as built */
    size_t size;
    const char *entry;
    llvm_target target;
    int opt;
    bool wide_vectors;
} llvm_asides;

typedef struct llvm_result { /* everything in the module's arena */
    const void *object;
    size_t object_size;
    const char *entry; /* symbol of the entry */
    uint32_t regions;
    llvm_asides asides;                       /* n == 0: none */
    const char *built, *optimized, *assembly; /* NULL unless asked for */
    bool uses_sleef, uses_libmvec;            /* a vector math symbol is called: link with -lsleef / -lmvec */
    bool is_baseline;                         /* see llvm_request.tiered */
    double build_ms, optimize_ms, emit_ms;
    double ahead_ms; /* of the second thread, beside the others */
} llvm_result;

/* Emits the whole module. False after reporting to m->diags: an unknown target or CPU (DIAG_REQUEST), or a bug of ours
 * (DIAG_INTERNAL). */
bool llvm_emit(kir_module *m, const llvm_request *r, llvm_result *result);

/* Compiles one part; its code depends on the module alone. The object is to be freed with free(); NULL when that fails. */
void *llvm_emit_aside(const llvm_asides *asides, uint32_t number, size_t *size);
/* Starts a thread with stack enough for LLVM, to be joined by the caller, who has what the thread reads until then; it takes
 * no signals. False: no thread could be had. */
bool llvm_start_thread(pthread_t *thread, void *(*work)(void *), void *context);

/* Handles for loading objects: address of a vector math function in the libraries that LLVM_MATH_AUTO found, or NULL. */
void *llvm_math_symbol(const char *name);

/* The host as LLVM knows it; constant for the process. */
typedef struct llvm_host {
    const char *triple, *cpu, *features;
} llvm_host;
const llvm_host *llvm_host_get(void);

/* Bytes of the widest vectors that code for this target uses, and how many registers hold them. Unknown targets have 0. */
void llvm_vectors(const llvm_target *t, int64_t *bytes, int64_t *registers);

#endif
