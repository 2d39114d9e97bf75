/* The way through the passes, on one screen. The runner checks what each row needs, re-runs what a later row broke, and
 * verifies the module after each pass when asked. A pass that is switched off (by name, or by the optimisation level)
 * is not asked for the facts that it would have given. */
#include "passes/pass.h"
#include "passes/passes.h"
#include <stdio.h>
#include <string.h>
#include <time.h>

#define ALL_LATER (FACT_ACCESS | FACT_DEPS | FACT_REDUCED | FACT_PRIVATE)

const pass pass_table[] = {
    /* name         run              needs                          gives          breaks      level question */
    {"inline", inline_run, 0, FACT_INLINED, FACT_SIMPLE, 1, "which calls become part of the caller?"},
    {"simplify", simplify_run, 0, FACT_SIMPLE, ALL_LATER, 1, "what is constant, proven or dead?"},
    {"scalarize", scalarize_run, 0, FACT_SCALAR, FACT_SIMPLE | ALL_LATER, 0, "which loops compute an array operation?"},
    {"induction", induction_run, FACT_SCALAR | FACT_SIMPLE, 0, FACT_SIMPLE | ALL_LATER, 1,
     "which variables count with a loop?"},
    {"wraparound", wraparound_run, FACT_SCALAR | FACT_SIMPLE, 0, FACT_SIMPLE | ALL_LATER, 1,
     "which variables hold what the iteration before computed?"},
    {"guard", guard_run, FACT_SCALAR | FACT_SIMPLE, FACT_GUARDED, FACT_SIMPLE | ALL_LATER, 1,
     "which checks can be made once, at entry?"},
    {"split", split_run, FACT_SCALAR | FACT_SIMPLE, 0, FACT_SIMPLE | ALL_LATER, 1,
     "which part of a carried loop is independent?"},
    {"fuse", fuse_run, FACT_SCALAR | FACT_SIMPLE, 0, FACT_SIMPLE | ALL_LATER, 1,
     "which neighbouring loops run as one?"},
    {"contract", contract_run, FACT_SCALAR, 0, FACT_SIMPLE | ALL_LATER, 1, "which arrays need no memory?"},
    {"reorder", reorder_run, FACT_SCALAR | FACT_SIMPLE, 0, FACT_SIMPLE | ALL_LATER, 1,
     "which order of iterations suits caches, registers and vectors?"},
    {"conditions", conditions_run, FACT_SCALAR | FACT_SIMPLE, 0, ALL_LATER, 1,
     "which conditional updates are minima, which flags conditions?"},
    {"promote", promote_run, FACT_SCALAR | FACT_SIMPLE, 0, FACT_SIMPLE | ALL_LATER, 1,
     "which array elements are accumulators?"},
    {"reduction", reduction_run, FACT_SCALAR | FACT_SIMPLE, FACT_REDUCED, 0, 1, "which variables combine iterations?"},
    {"privatize", privatize_run, FACT_SCALAR | FACT_REDUCED, FACT_PRIVATE, 0, 0, /* what it finds forbids, too */
     "which variables live in an iteration?"},
    {"classify", classify_run, FACT_PRIVATE, FACT_DEPS, 0, 1, "which iterations need one another?"},
    {"watch", watch_run, 0, 0, FACT_SIMPLE, 0, "which accesses does race='check' look at?"},
    {"blocks", blocks_run, FACT_DEPS, 0, 0, 1, "which loops run in blocks with results of their own?"},
    {"schedule", schedule_run, FACT_DEPS, 0, 0, 1, "which order of iterations leaves some of them independent?"},
    {"parallelize", parallelize_run, FACT_DEPS, FACT_PLACED, FACT_SIMPLE, 1, "which loops run in parallel?"},
    {"march", march_run, FACT_PLACED | FACT_SIMPLE, 0, FACT_SIMPLE, 1,
     "which loops without count run side by side, each until it is through?"},
    {"lanes", lanes_run, FACT_PLACED | FACT_SIMPLE, 0, FACT_SIMPLE, 1, "which chains run side by side?"},
    {"indices", indices_run, FACT_PLACED | FACT_SIMPLE, 0, FACT_SIMPLE, 1,
     "which indices can be computed and checked for a block of iterations at once?"},
    {"outline", outline_run, FACT_PLACED | FACT_SIMPLE, FACT_OUTLINED, FACT_SIMPLE | ALL_LATER, 1,
     "what does a region capture?"},
    {"precheck", precheck_run, 0, 0, FACT_SIMPLE | ALL_LATER, 1,
     "which checks can be made for a block of iterations at once?"},
    {"rows", rows_run, 0, 0, FACT_SIMPLE, 1, "which arrays have rows of a few elements?"},
    {"extrema", extrema_run, 0, 0, FACT_SIMPLE, 1, "which greatest and least of floats can be found in any order?"},
    {"scratch", scratch_run, FACT_SCALAR, 0, 0, 1, "which arrays of an iteration can use the same memory again?"},
    {"borrow", borrow_run, 0, 0, 0, 1, "which array variables need no reference count?"},
    {0}};

static bool is_off(const pass *p, const kir_module *m, const pass_run_options *o) {
    if (p->level == 0)
        return false;
    if (m->options.opt < p->level)
        return true;
    for (const char *const *name = o->disable; name && *name; name++)
        if (strcmp(*name, p->name) == 0)
            return true;
    return false;
}

static double milliseconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

typedef struct run_state {
    kir_module *m;
    const pass_run_options *options;
    uint32_t have;
} run_state;

static bool fail(run_state *s, const pass *p, const char *what) {
    diag_report(s->m->diags, DIAG_INTERNAL, (span){0}, NULL, "pass %s: %s", p->name, what);
    return false;
}

/* The pass with a scratch arena of its own, which is freed also when it runs out of memory. */
static bool run_with_scratch(kir_module *m, const pass *p, bool *unchanged) {
    jmp_buf exhausted;
    arena *volatile scratch = arena_new(&exhausted);
    bool ok = false;
    if (scratch && setjmp(exhausted) == 0) {
        pass_context context = {m, scratch, false};
        ok = p->run(&context);
        *unchanged = context.unchanged;
    }
    if (scratch)
        arena_free(scratch);
    return ok;
}

static bool run_pass(run_state *s, const pass *p) {
    uint32_t errors = s->m->diags->errors;
    double start = milliseconds();
    bool unchanged = false, ok = run_with_scratch(s->m, p, &unchanged);
    if (!ok || s->m->diags->errors > errors)
        return s->m->diags->errors > errors ? false : fail(s, p, "failed");
    double took = milliseconds() - start;
    s->have = (unchanged ? s->have : s->have & ~p->breaks) | p->gives;
    if (s->options->verify) {
        const char *wrong = kir_verify(s->m);
        if (wrong)
            return fail(s, p, wrong);
    }
    if (s->options->after)
        s->options->after(p->name, s->m, took, s->options->context);
    return true;
}

/* Runs the rows before `p` that give what it needs and is missing. */
static bool supply(run_state *s, const pass *p) {
    for (const pass *q = pass_table; q != p; q++)
        if ((p->needs & q->gives & ~s->have) && !is_off(q, s->m, s->options)) {
            if (!supply(s, q) || !run_pass(s, q))
                return false;
        } else if (p->needs & q->gives) {
            s->have |= q->gives;
        }
    return (p->needs & ~s->have) == 0 || fail(s, p, "its needs are given by no earlier pass");
}

bool passes_run(kir_module *m, const pass_run_options *options) {
    run_state s = {m, options, 0};
    for (const pass *p = pass_table; p->name; p++)
        if (!is_off(p, m, options) && (!supply(&s, p) || !run_pass(&s, p)))
            return false;
    return !m->options.require_parallel || pass_demand_parallel(m);
}

bool passes_run_one(kir_module *m, const char *name, bool verify) {
    pass_run_options options = {.verify = verify};
    run_state s = {m, &options, ~0u};
    for (const pass *p = pass_table; p->name; p++)
        if (strcmp(p->name, name) == 0)
            return run_pass(&s, p);
    diag_report(m->diags, DIAG_REQUEST, (span){0}, NULL, "there is no pass `%s`", name);
    return false;
}
