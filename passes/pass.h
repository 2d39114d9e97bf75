/* Passes: KIR → KIR, one a file, in the table of passes/pipeline.c. A pass never prints, times, frees or exits; its
 * decisions about loops go into the module's report with a reason from reasons.def. */
#ifndef PLAIT_PASSES_PASS_H
#define PLAIT_PASSES_PASS_H

#include "kir/kir.h"

typedef enum pass_fact { /* what is known to hold of the module */
                         FACT_NONE = 0,
                         FACT_INLINED = 1u << 0, /* no call of an inlinable function is left */
                         FACT_SIMPLE = 1u << 1,  /* constants folded, loops canonical */
                         FACT_SCALAR = 1u << 2,  /* no whole-array operation is left */
                         FACT_ACCESS = 1u << 3,  /* affine accesses known */
                         FACT_DEPS = 1u << 4,    /* loops classified */
                         FACT_REDUCED = 1u << 5, /* reductions marked */
                         FACT_PRIVATE = 1u << 6, /* private variables marked */
                         FACT_GUARDED = 1u << 7, /* checks hoisted where possible */
                         FACT_PLACED = 1u << 8,  /* parallel loops chosen */
                         FACT_OUTLINED = 1u << 9 /* parallel loops are regions */
} pass_fact;

typedef struct pass_context {
    kir_module *m;
    arena *scratch; /* emptied after the pass */
    bool unchanged; /* set by a pass that changed nothing: then no fact is broken */
} pass_context;

typedef struct pass {
    const char *name;
    bool (*run)(pass_context *c); /* false: an error was reported */
    uint32_t needs, gives, breaks;
    int level; /* least opt level at which it runs; 0: always (the pipeline is incomplete without it) */
    const char *question;
} pass;

extern const pass pass_table[]; /* ends with a NULL name */

typedef struct pass_run_options {
    const char *const *disable; /* names of passes switched off, NULL-terminated, or NULL. Level-0 passes cannot be. */
    bool verify;                /* kir_verify after every pass */
    void (*after)(const char *pass, const kir_module *m, double milliseconds, void *context); /* may be NULL */
    void *context;
} pass_run_options;

/* Runs the table. False when an error is in m->diags (an internal one names the pass). */
bool passes_run(kir_module *m, const pass_run_options *options);
/* Runs the pass of that name alone, whatever it needs (tests). */
bool passes_run_one(kir_module *m, const char *name, bool verify);

/* Records a decision about report entry `loop`: the sentence of `reason` (a code of reasons.def) with %s arguments. */
void pass_decide(kir_module *m, uint32_t loop, kir_decision decision, const char *reason, ...);

/* The sentence of a reason, filled in with at most two arguments. */
const char *pass_sentence(kir_module *m, const char *reason, const char *first, const char *second);
/* An array in the user's words: its name, or what a temporary is: "a view of x", "an array made in line 3". */
struct var_defs;
const char *pass_array_name(kir_module *m, const struct var_defs *defs, const kir_var *v);
/* A variable in the user's words: its name, or what the operator `op` that combines it makes of a temporary: "a sum made
 * in line 3" (INVALID: not known). */
const char *pass_var_name(kir_module *m, const kir_var *v, kir_op op);
/* A condition in the user's words: names, x.shape[0], no numbers of variables. With `defs` a temporary is shown as what
 * it holds. */
void pass_put_condition(kir_module *m, const struct var_defs *defs, const kir_expr *e, text *out);
/* Adds `what` to the guards that a report entry lists; the same words are listed once, long lists are cut. */
void pass_add_guard(kir_module *m, kir_report *entry, const char *what);
/* Adds what a condition says of memory that arrays do not share. */
void pass_add_memory_guards(kir_module *m, kir_report *entry, const struct var_defs *defs, const kir_expr *when);
/* parallel='require': reports an error for every prange loop that stays serial, and for a kernel in which no loop runs
 * in parallel. False when there was one. */
bool pass_demand_parallel(kir_module *m);
/* Code of the i-th reason of reasons.def, NULL after the last. */
const char *pass_reason_code(size_t i);

#endif
