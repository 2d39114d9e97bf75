/* Target, optimisation, emission: everything around the module that gen.c builds.
 *
 * One LLVM context and one target machine a compile: no state is shared, any number of threads may compile. LLVM's
 * messages never reach stderr; what it has to say in earnest becomes a diagnostic. */
#define _GNU_SOURCE /* sched_getaffinity */
#include "support/arena.h"
#include "llvm/broadcast.h"
#include "llvm/gen.h"
#include "llvm/llvm.h"
#include "llvm/remainder.h"
#include "llvm/stream.h"

#include <llvm-c/Analysis.h>
#include <llvm-c/BitReader.h>
#include <llvm-c/BitWriter.h>
#include <llvm-c/IRReader.h>
#include <llvm-c/Target.h>
#include <llvm-c/TargetMachine.h>
#include <llvm-c/Transforms/PassBuilder.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- the host ---------------------------------------------------------------------------------------------------------- */

static pthread_once_t initialised = PTHREAD_ONCE_INIT, others_initialised = PTHREAD_ONCE_INIT;
static llvm_host host;

static void initialise(void) {
    LLVMInitializeNativeTarget();
    LLVMInitializeNativeAsmPrinter();
    host.triple = LLVMGetDefaultTargetTriple();
    host.cpu = LLVMGetHostCPUName();
    host.features = LLVMGetHostCPUFeatures();
}

/* Targets other than the host's, once one is asked for. */
static void initialise_others(void) {
    LLVMInitializeAllTargetInfos();
    LLVMInitializeAllTargets();
    LLVMInitializeAllTargetMCs();
    LLVMInitializeAllAsmPrinters();
}

const llvm_host *llvm_host_get(void) {
    pthread_once(&initialised, initialise);
    return &host;
}

/* ---- the target ---------------------------------------------------------------------------------------------------------- */

typedef enum architecture { ARCH_OTHER, ARCH_X86, ARCH_PPC, ARCH_ARM } architecture;

static const struct {
    const char *name;
    architecture arch;
    int level;
} cpus[] = {
#define CPU(name, arch, level) {name, ARCH_##arch, level},
#include "llvm/cpus.def"
#undef CPU
};

static architecture architecture_of(const char *triple) {
    if (strncmp(triple, "x86_64", 6) == 0)
        return ARCH_X86;
    if (strncmp(triple, "powerpc64le", 11) == 0 || strncmp(triple, "ppc64le", 7) == 0)
        return ARCH_PPC;
    return strncmp(triple, "aarch64", 7) == 0 ? ARCH_ARM : ARCH_OTHER;
}

static int find_level(const char *cpu, architecture arch) {
    for (size_t i = 0; i < sizeof cpus / sizeof cpus[0]; i++)
        if (cpus[i].arch == arch && strcmp(cpus[i].name, cpu) == 0)
            return cpus[i].level;
    return 0;
}

/* Features of x86 are those that LLVM lists for the host, on or off; of the others the few worth naming. */
static bool is_known_feature(const char *name, size_t len, architecture arch) {
    static const char *const others[] = {
        "altivec", "vsx", "power8-vector", "power9-vector", "power10-vector", "mma",  "crypto",
        "neon",    "sve", "sve2",          "fullfp16",      "dotprod",        "bf16", "lse"};
    const llvm_host *h = llvm_host_get();
    for (const char *p = architecture_of(h->triple) == arch ? h->features : NULL; p && *p;
         p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
        if (strncmp(p + 1, name, len) == 0 && (p[len + 1] == ',' || p[len + 1] == '\0'))
            return true;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (strlen(others[i]) == len && memcmp(others[i], name, len) == 0 && arch != ARCH_X86)
            return true;
    return false;
}

typedef struct target { /* of one compile */
    const char *triple, *cpu, *features;
    const char *known_features; /* for the choice of vector functions */
    architecture arch;
} target;

static bool report_target(kir_module *m, const char *what, const char *name, const char *hint) {
    diag_report(m->diags, DIAG_REQUEST, (span){0}, hint, "unknown %s '%s'", what, name);
    return false;
}

static const char target_hint[] =
    "a triple such as x86_64-linux-gnu, powerpc64le-linux-gnu or aarch64-linux-gnu is meant";

static bool check_features(kir_module *m, const char *features, architecture arch) {
    for (const char *p = features; p && *p;) {
        size_t len = strcspn(p, ",");
        if ((*p != '+' && *p != '-') || !is_known_feature(p + 1, len - 1, arch))
            return report_target(m, "CPU feature", arena_strndup(m->a, p, len), "a list such as +avx2,+fma is meant");
        p += len + (p[len] == ',');
    }
    return true;
}

static const char *cpu_features(int level) {
    static const char *const levels[] = {"", "", "+sse4.2", "+avx2,+fma", "+avx2,+fma,+avx512f,+avx512vl"};
    return levels[level];
}

static bool names_feature(const char *list, const char *name) {
    size_t len = strlen(name);
    for (const char *p = list; (p = strstr(p, name)) != NULL; p += len)
        if (p > list && p[-1] == '+' && (p[len] == ',' || p[len] == '\0'))
            return true;
    return false;
}

static bool names_wide_vectors(const char *features) {
    return names_feature(features, "avx512f") && names_feature(features, "avx512vl");
}

static int level_of_host(void) {
    const char *has = llvm_host_get()->features;
    if (architecture_of(llvm_host_get()->triple) != ARCH_X86)
        return 1;
    return names_wide_vectors(has)                                   ? 4
           : names_feature(has, "avx2") && names_feature(has, "fma") ? 3
           : names_feature(has, "sse4.2")                            ? 2
                                                                     : 1;
}

/* A request's CPU means that CPU's own features; "native" and an absent one the host's. */
static bool choose_target(kir_module *m, const llvm_target *wanted, bool is_to_run, target *t) {
    const llvm_host *h = llvm_host_get();
    t->triple = wanted->triple && *wanted->triple ? wanted->triple : h->triple;
    t->arch = architecture_of(t->triple);
    bool native =
        architecture_of(h->triple) == t->arch && (!wanted->cpu || !*wanted->cpu || strcmp(wanted->cpu, "native") == 0);
    t->cpu = native ? h->cpu : wanted->cpu && *wanted->cpu ? wanted->cpu : "generic";
    t->features = wanted->features && *wanted->features ? wanted->features : native ? h->features : "";
    if (t->arch == ARCH_OTHER && strcmp(t->triple, h->triple) != 0)
        return report_target(m, "target", t->triple, target_hint);
    int level = native ? 1 : find_level(t->cpu, t->arch);
    if (wanted->features && !check_features(m, wanted->features, t->arch))
        return false;
    if (level == 0 && t->arch != ARCH_OTHER)
        return report_target(m, "CPU", t->cpu, "LLVM's names are meant, such as x86-64-v3, znver3 or pwr9");
    if (is_to_run && level > level_of_host()) {
        diag_report(m->diags, DIAG_REQUEST, (span){0}, "name one that this machine can run, or \"native\"",
                    "code for CPU '%s' has instructions that this machine does not have", t->cpu);
        return false;
    }
    t->known_features = *t->features ? t->features : cpu_features(level);
    return true;
}

static bool has_wide_vectors(const target *t) {
    return t->arch == ARCH_X86 && names_wide_vectors(t->known_features);
}

void llvm_vectors(const llvm_target *wanted, int64_t *bytes, int64_t *registers) {
    const llvm_host *h = llvm_host_get();
    const char *triple = wanted->triple && *wanted->triple ? wanted->triple : h->triple;
    architecture arch = architecture_of(triple);
    bool native =
        architecture_of(h->triple) == arch && (!wanted->cpu || !*wanted->cpu || strcmp(wanted->cpu, "native") == 0);
    const char *features = wanted->features && *wanted->features ? wanted->features : native ? h->features : "";
    if (!*features && wanted->cpu)
        features = cpu_features(find_level(wanted->cpu, arch));
    *bytes = *registers = 0;
    if (arch == ARCH_OTHER)
        return;
    *bytes = 16;
    *registers = arch == ARCH_PPC ? 64 : arch == ARCH_ARM ? 32 : 16;
    if (arch == ARCH_X86 && names_wide_vectors(features)) {
        *bytes = 64;
        *registers = 32;
    } else if (arch == ARCH_X86 && names_feature(features, "avx2")) {
        *bytes = 32;
    }
}

static LLVMCodeGenOptLevel codegen_level(int opt) {
    return opt == 0 ? LLVMCodeGenLevelNone : LLVMCodeGenLevelDefault;
}

/* ---- machines that wait for the next compile --------------------------------------------------------------------------------
 *
 * A target machine reads the CPU's tables when it is made, and again for every set of attributes that it meets: 1.5 ms,
 * a third of a small kernel's compile. So one that has done its work waits for the next compile for the same target. It
 * keeps nothing of the modules that went through it; only one compile has it at a time. */

typedef struct spare_machine {
    LLVMTargetMachineRef machine;
    LLVMCodeGenOptLevel level;
    char *name; /* triple, CPU and features */
} spare_machine;

enum { N_SPARES = 4 };

static _Atomic(spare_machine *) optimising[N_SPARES], fast[N_SPARES];

static _Atomic(spare_machine *) *spares_of(LLVMCodeGenOptLevel level) {
    return level == LLVMCodeGenLevelNone ? fast : optimising;
}

static void dispose_machine(spare_machine *s) {
    if (!s)
        return;
    LLVMDisposeTargetMachine(s->machine);
    free(s->name);
    free(s);
}

static void put_back_machine(spare_machine *s) {
    for (size_t i = 0; i < N_SPARES; i++) {
        spare_machine *none = NULL;
        if (atomic_compare_exchange_strong(&spares_of(s->level)[i], &none, s))
            return;
    }
    dispose_machine(s);
}

/* Those for other targets give way: they would fill the places. */
static bool is_named(const char *name, const char *triple, const char *cpu, const char *features) {
    size_t a = strlen(triple), b = strlen(cpu);
    return strncmp(name, triple, a) == 0 && name[a] == ' ' && strncmp(name + a + 1, cpu, b) == 0 &&
           name[a + 1 + b] == ' ' && strcmp(name + a + b + 2, features) == 0;
}

static spare_machine *take_machine(const llvm_target *t, LLVMCodeGenOptLevel level) {
    for (size_t i = 0; i < N_SPARES; i++) {
        spare_machine *s = atomic_exchange(&spares_of(level)[i], NULL);
        if (s && s->level == level && is_named(s->name, t->triple, t->cpu, t->features))
            return s;
        dispose_machine(s);
    }
    return NULL;
}

static char *name_target(const llvm_target *t) {
    size_t size = strlen(t->triple) + strlen(t->cpu) + strlen(t->features) + 3;
    char *name = malloc(size);
    if (name)
        snprintf(name, size, "%s %s %s", t->triple, t->cpu, t->features);
    return name;
}

/* NULL: there is no such target, or no memory. */
static spare_machine *open_machine(const llvm_target *t, int opt) {
    LLVMTargetRef which = NULL;
    char *message = NULL;
    spare_machine *s = take_machine(t, codegen_level(opt));
    if (s)
        return s;
    if (strcmp(t->triple, llvm_host_get()->triple) != 0)
        pthread_once(&others_initialised, initialise_others);
    if (LLVMGetTargetFromTriple(t->triple, &which, &message)) {
        LLVMDisposeMessage(message);
        return NULL;
    }
    s = calloc(1, sizeof *s);
    char *name = name_target(t);
    if (!s || !name) {
        free(s);
        free(name);
        return NULL;
    }
    *s = (spare_machine){.level = codegen_level(opt), .name = name};
    s->machine =
        LLVMCreateTargetMachine(which, t->triple, t->cpu, t->features, s->level, LLVMRelocPIC, LLVMCodeModelDefault);
    return s;
}

/* ---- one compile ----------------------------------------------------------------------------------------------------------- */

typedef struct emission {
    kir_module *m; /* NULL in an aside */
    int opt;
    bool wide_vectors;
    const llvm_request *request;
    llvm_result *result;
    target target;
    LLVMContextRef context;
    spare_machine *spare;
    LLVMTargetMachineRef machine; /* the spare's */
    LLVMModuleRef module;
    bool is_baseline;
    uint32_t n_ahead; /* asides that the call at hand needs */
    const uint32_t *ahead;
} emission;

static double now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void hear_llvm(LLVMDiagnosticInfoRef info, void *context) {
    emission *e = context;
    if (LLVMGetDiagInfoSeverity(info) != LLVMDSError || !e->m)
        return;
    char *message = LLVMGetDiagInfoDescription(info);
    diag_report(e->m->diags, DIAG_INTERNAL, (span){0}, NULL, "LLVM: %s", message);
    LLVMDisposeMessage(message);
}

static void open_context(emission *e) {
    e->context = LLVMContextCreate();
    LLVMContextSetDiagnosticHandler(e->context, hear_llvm, e);
}

static bool report_message(emission *e, const char *what, char *message) {
    diag_report(e->m->diags, DIAG_INTERNAL, (span){0}, NULL, "%s: %s", what, message ? message : "");
    LLVMDisposeMessage(message);
    return false;
}

static bool count_independent(kir_stmt *s, void *context) {
    if (s->kind == KIR_FOR)
        *(uint32_t *)context += s->loop->vector;
    return true;
}

/* Access groups are distinct metadata nodes, which the C API cannot make: the module starts as a text that has them, one
 * for each loop. NULL ends them: what is generated a second time goes without. */
static bool start_module(emission *e, gen *g) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < e->m->fns.len; i++)
        kir_each_stmt(&e->m->fns.at[i]->body, count_independent, &n);
    if (n == 0) {
        e->module = LLVMModuleCreateWithNameInContext("plait", e->context);
        return true;
    }
    text t = text_new(e->m->a);
    text_put(&t, "!plait.groups = !{");
    for (uint32_t i = 0; i < n; i++)
        text_printf(&t, "%s!%u", i ? ", " : "", i);
    text_put(&t, "}\n");
    for (uint32_t i = 0; i < n; i++)
        text_printf(&t, "!%u = distinct !{}\n", i);
    LLVMMemoryBufferRef buffer = LLVMCreateMemoryBufferWithMemoryRange(t.at, t.len, "plait", true);
    char *message = NULL;
    if (LLVMParseIRInContext(e->context, buffer, &e->module, &message))
        return report_message(e, "metadata", message);
    g->groups = arena_array(e->m->a, LLVMValueRef, n + 1);
    LLVMGetNamedMetadataOperands(e->module, "plait.groups", g->groups);
    g->groups[n] = NULL;
    return true;
}

static void dispose(emission *e) {
    if (e->module)
        LLVMDisposeModule(e->module);
    if (e->context)
        LLVMContextDispose(e->context);
    if (e->spare)
        put_back_machine(e->spare);
    e->module = NULL;
    e->context = NULL;
    e->spare = NULL;
}

/* Names of values are for people: without them LLVM spares a table of names for each function. */
static void drop_names(emission *e) {
    LLVMContextSetDiscardValueNames(e->context, !e->request || e->request->texts == 0);
}

/* ---- baseline code ----------------------------------------------------------------------------------------------------------
 *
 * A call that has less to do than optimising its code would take gets code that is made at once: the module with the asides
 * that the call passes through, its variables in registers and no more, by LLVM's fast instruction selection. That takes a
 * tenth of the time. Whoever asked for it (llvm_request.tiered) has optimised code made when there is more to do.
 *
 * Both give the same results to the last bit: kernels of which LLVM may choose how results are rounded get no baseline code,
 * which are those with fastmath and those with sums of floats that may be spread over lanes. */

static const double BASELINE_WORK = 1 << 23;

static bool suits_baseline(const emission *e, const gen *g) {
    const llvm_request *r = e->request;
    return r->tiered && r->lazy && r->texts == 0 && e->opt > 0 && !e->m->options.fastmath && !e->m->options.debug &&
           !g->is_loose && g->work <= BASELINE_WORK;
}

static bool build(emission *e) {
    vector_math math = vector_math_for(e->request->math, e->target.known_features, e->target.arch == ARCH_X86,
                                       (e->m->options.fastmath & KIR_FAST_AFN) != 0);
    math.narrow = gen_wants_narrow(e->m, &math);
    gen g = {.m = e->m,
             .a = e->m->a,
             .context = e->context,
             .request = e->request,
             .math = &math,
             .is_x86 = e->target.arch == ARCH_X86};
    if (!start_module(e, &g))
        return false;
    g.module = e->module;
    drop_names(e);
    LLVMSetTarget(e->module, e->target.triple);
    LLVMTargetDataRef layout = LLVMCreateTargetDataLayout(e->machine);
    LLVMSetModuleDataLayout(e->module, layout);
    LLVMDisposeTargetData(layout);
    g.b = LLVMCreateBuilderInContext(e->context);
    g.entry_b = LLVMCreateBuilderInContext(e->context);
    uint32_t errors = e->m->diags->errors;
    gen_module(&g);
    LLVMDisposeBuilder(g.b);
    LLVMDisposeBuilder(g.entry_b);
    e->result->regions = g.regions;
    e->result->asides.n = g.n_asides;
    e->is_baseline = suits_baseline(e, &g);
    e->n_ahead = g.ahead.len;
    e->ahead = g.ahead.at;
    sym name = e->m->fns.at[0]->user_name ? e->m->fns.at[0]->user_name : e->m->fns.at[0]->name;
    e->result->entry = gen_symbol(&g, "plait_entry_", name);
    return e->m->diags->errors == errors;
}

static bool verify(emission *e, const char *when) {
    char *message = NULL;
    bool broken = LLVMVerifyModule(e->module, LLVMReturnStatusAction, &message);
    if (broken)
        return report_message(e, when, message);
    LLVMDisposeMessage(message);
    return true;
}

/* What of LLVM's own pipelines pays here. The passes of plait have inlined, simplified and decided about loops already;
 * left is what LLVM is good at: registers, redundancies, invariants, vectors. Against default<O3> half of the time goes
 * and no measured kernel gets slower (docs/decisions.md). */
#define CLEAN_UP "function(sroa<modify-cfg>,early-cse,simplifycfg),always-inline,cgscc(inline)"
#define SIMPLIFY                                                                                                       \
    "sroa<modify-cfg>,early-cse<memssa>,instcombine<no-verify-fixpoint>,simplifycfg,"                                  \
    "loop-mssa(loop-rotate,licm<allowspeculation>,simple-loop-unswitch<no-nontrivial;trivial>),reassociate,"           \
    "simplifycfg,loop(loop-idiom,indvars,loop-deletion,loop-unroll-full),sroa<modify-cfg>,gvn,"                        \
    "instcombine<no-verify-fixpoint>,correlated-propagation,adce,loop-mssa(licm<allowspeculation>),simplifycfg"
#define VECTORISE                                                                                                      \
    "loop-vectorize,loop-load-elim,instcombine<no-verify-fixpoint>,"                                                   \
    "simplifycfg<hoist-common-insts;sink-common-insts;switch-range-to-icmp;switch-to-lookup;no-keep-loops>,"           \
    "loop-unroll<O3;no-runtime>,loop-mssa(licm<allowspeculation>),div-rem-pairs,"                                      \
    "simplifycfg,sroa<preserve-cfg>,instcombine<no-verify-fixpoint>,jump-threading,simplifycfg"

#define BASELINE "function(sroa<modify-cfg>)"

static const char *choose_pipeline(const emission *e) {
    if (e->request && e->request->pipeline)
        return e->request->pipeline;
    if (e->is_baseline)
        return BASELINE;
    static const char *const by_level[] = {
        "function(sroa)", CLEAN_UP ",function(sroa<modify-cfg>,early-cse,instcombine<no-verify-fixpoint>,simplifycfg)",
        CLEAN_UP ",function<eager-inv>(" SIMPLIFY "),globaldce",
        CLEAN_UP ",function<eager-inv>(" SIMPLIFY "," VECTORISE "),globaldce"};
    int level = e->opt;
    return by_level[level < 0 ? 0 : level > 3 ? 3 : level];
}

static bool optimise(emission *e, const char *pipeline) {
    LLVMPassBuilderOptionsRef options = LLVMCreatePassBuilderOptions();
    LLVMErrorRef error = LLVMRunPasses(e->module, pipeline, e->machine, options);
    LLVMDisposePassBuilderOptions(options);
    if (!error)
        return true;
    char *message = LLVMGetErrorMessage(error);
    if (e->m)
        diag_report(e->m->diags, DIAG_INTERNAL, (span){0}, NULL, "LLVM's passes: %s", message);
    LLVMDisposeErrorMessage(message);
    return false;
}

/* Our pipeline and what comes after it; before it, if asked, what nobody calls is taken out. */
static bool optimise_all(emission *e, bool prunes) {
    char all[2048];
    snprintf(all, sizeof all, "%s%s", prunes ? "globaldce," : "", choose_pipeline(e));
    if (!optimise(e, all))
        return false;
    if (e->is_baseline)
        return true;
    if (e->wide_vectors) {
        llvm_repeat_broadcasts(e->module);
        llvm_stream_stores(e->module);
    }
    if (e->opt >= 3)
        llvm_part_remainders(e->module);
    return true;
}

static const char *print_module(emission *e) {
    char *printed = LLVMPrintModuleToString(e->module);
    const char *copy = arena_strndup(e->m->a, printed, strlen(printed));
    LLVMDisposeMessage(printed);
    return copy;
}

/* NULL after reporting. */
static LLVMMemoryBufferRef emit_buffer(emission *e, LLVMCodeGenFileType kind) {
    LLVMMemoryBufferRef buffer = NULL;
    char *message = NULL;
    if (!LLVMTargetMachineEmitToMemoryBuffer(e->machine, e->module, kind, &message, &buffer))
        return buffer;
    report_message(e, "emission", message);
    return NULL;
}

static const void *keep_buffer(emission *e, LLVMMemoryBufferRef buffer, size_t *size) {
    *size = LLVMGetBufferSize(buffer);
    const void *kept = arena_strndup(e->m->a, LLVMGetBufferStart(buffer), *size);
    LLVMDisposeMemoryBuffer(buffer);
    return kept;
}

/* Emission changes the module: the assembly is written from a copy. */
static bool emit_assembly(emission *e) {
    LLVMModuleRef whole = e->module;
    size_t size = 0;
    e->module = LLVMCloneModule(whole);
    LLVMMemoryBufferRef written = emit_buffer(e, LLVMAssemblyFile);
    LLVMDisposeModule(e->module);
    e->module = whole;
    e->result->assembly = written ? keep_buffer(e, written, &size) : NULL;
    return written != NULL;
}

static void note_libraries(emission *e) {
    for (LLVMValueRef f = LLVMGetFirstFunction(e->module); f; f = LLVMGetNextFunction(f)) {
        size_t len = 0;
        const char *name = LLVMGetValueName2(f, &len);
        if (!LLVMGetFirstUse(f))
            continue;
        e->result->uses_sleef |= strncmp(name, "Sleef_", 6) == 0;
        e->result->uses_libmvec |= strncmp(name, "_ZGV", 4) == 0;
    }
}

/* Keeps the module as it is for llvm_emit_aside. */
static void keep_module(emission *e) {
    llvm_asides *x = &e->result->asides;
    if (x->n == 0)
        return;
    x->bitcode = keep_buffer(e, LLVMWriteBitcodeToMemoryBuffer(e->module), &x->size);
    x->entry = e->result->entry;
    x->target = (llvm_target){e->target.triple, e->target.cpu, e->target.features};
    x->opt = e->opt;
    x->wide_vectors = e->wide_vectors;
}

/* ---- asides ahead --------------------------------------------------------------------------------------------------------------
 *
 * What the call at hand is expected to need (gen_guess.c) is compiled by a thread of its own while this one compiles the
 * rest, and both share what is left then. The thread ends before the compile does: nothing of it is left when the process
 * forks or ends. While it runs this one takes nothing from the arena, whose end would be the end of what the thread reads. */

typedef struct ahead {
    const llvm_asides *asides;
    const uint32_t *numbers;
    uint32_t n;
    atomic_uint next;     /* to be compiled, by whoever comes first */
    llvm_object *objects; /* from malloc */
    double took_ms;
    pthread_t thread;
    bool runs;
} ahead;

static void compile_next(ahead *x) {
    uint32_t i;
    while ((i = atomic_fetch_add(&x->next, 1)) < x->n && memory_is_left())
        x->objects[i].at = llvm_emit_aside(x->asides, x->numbers[i], &x->objects[i].size);
}

static void *compile_ahead(void *context) {
    ahead *x = context;
    double start = now_ms();
    compile_next(x);
    x->took_ms = now_ms() - start;
    return NULL;
}

enum { STACK_BYTES = 8 << 20 };

bool llvm_start_thread(pthread_t *thread, void *(*work)(void *), void *context) {
    pthread_attr_t attributes;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are for the program's threads */
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    bool runs = pthread_create(thread, &attributes, work, context) == 0;
    pthread_attr_destroy(&attributes);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return runs;
}

/* A second thread pays where it has a processor of its own. */
static bool has_processors(void) {
    cpu_set_t mine;
    return sched_getaffinity(0, sizeof mine, &mine) == 0 && CPU_COUNT(&mine) > 1;
}

static ahead *start_ahead(emission *e) {
    ahead *x = arena_make(e->m->a, ahead);
    *x = (ahead){.asides = &e->result->asides, .numbers = e->ahead, .n = e->n_ahead};
    if (x->n == 0 || e->is_baseline || e->request->n_call == 0 || e->request->texts || !has_processors())
        return x;
    x->objects = arena_array(e->m->a, llvm_object, x->n);
    x->runs = llvm_start_thread(&x->thread, compile_ahead, x);
    return x;
}

/* Takes part when its own work is done. */
static void finish_ahead(emission *e, ahead *x) {
    if (!x->runs)
        return;
    compile_next(x);
    pthread_join(x->thread, NULL);
    llvm_object *ready = arena_array(e->m->a, llvm_object, e->result->asides.n);
    for (uint32_t i = 0; i < x->n; i++) {
        llvm_object made = x->objects[i];
        if (made.at)
            ready[x->numbers[i]] = (llvm_object){arena_strndup(e->m->a, made.at, made.size), made.size};
        free((void *)(uintptr_t)made.at);
    }
    e->result->asides.ready = ready;
    e->result->ahead_ms = x->took_ms;
}

static LLVMValueRef find_aside(const emission *e, uint32_t number) {
    char name[40];
    snprintf(name, sizeof name, LLVM_ASIDE "%u", number);
    return LLVMGetNamedFunction(e->module, name);
}

/* Those that nothing mentions. */
static void drop_asides(emission *e) {
    for (uint32_t i = 0; i < e->result->asides.n; i++) {
        LLVMValueRef aside = find_aside(e, i);
        if (!LLVMGetFirstUse(aside))
            LLVMDeleteFunction(aside);
    }
}

/* The asides that the call needs stay, and their slots hold them from the start. */
static void keep_expected(emission *e) {
    char name[40];
    for (uint32_t i = 0; i < e->n_ahead; i++) {
        snprintf(name, sizeof name, LLVM_SLOT "%u", e->ahead[i]);
        LLVMValueRef slot = LLVMGetNamedGlobal(e->module, name), first = LLVMGetInitializer(slot);
        LLVMValueRef fields[3] = {find_aside(e, e->ahead[i]), LLVMGetOperand(first, 1), LLVMGetOperand(first, 2)};
        LLVMSetInitializer(slot, LLVMConstStructInContext(e->context, fields, 3, false));
    }
}

/* The module without its asides, as an object. */
static LLVMMemoryBufferRef compile_rest(emission *e) {
    llvm_result *r = e->result;
    double start = now_ms();
    if (e->is_baseline)
        keep_expected(e);
    drop_asides(e);
    if (!optimise_all(e, e->result->asides.n > 0))
        return NULL;
    r->optimize_ms = now_ms() - start;
    if (e->request->texts & LLVM_TEXT_OPTIMIZED)
        r->optimized = print_module(e);
    note_libraries(e);
    if ((e->request->texts & LLVM_TEXT_ASM) && !emit_assembly(e))
        return NULL;
    start = now_ms();
    LLVMMemoryBufferRef object = emit_buffer(e, LLVMObjectFile);
    r->emit_ms = now_ms() - start;
    return object;
}

static bool change_machine(emission *e) {
    put_back_machine(e->spare);
    e->spare = open_machine(&(llvm_target){e->target.triple, e->target.cpu, e->target.features}, 0);
    e->machine = e->spare ? e->spare->machine : NULL;
    return e->spare || report_target(e->m, "target", e->target.triple, target_hint);
}

static bool run(emission *e) {
    llvm_result *r = e->result;
    double start = now_ms();
    if (!build(e) || (e->is_baseline && !change_machine(e)))
        return false;
    if (e->request->texts & LLVM_TEXT_BUILT)
        r->built = print_module(e);
    if (e->request->verify && !verify(e, "built module"))
        return false;
    keep_module(e);
    ahead *x = start_ahead(e);
    r->build_ms = now_ms() - start;
    r->is_baseline = e->is_baseline;
    LLVMMemoryBufferRef object = compile_rest(e);
    dispose(e);
    finish_ahead(e, x);
    if (object)
        r->object = keep_buffer(e, object, &r->object_size);
    return object != NULL;
}

bool llvm_emit(kir_module *m, const llvm_request *r, llvm_result *result) {
    emission e = {.m = m, .opt = m->options.opt, .request = r, .result = result};
    *result = (llvm_result){0};
    if (!choose_target(m, &r->target, r->lazy, &e.target))
        return false;
    e.wide_vectors = has_wide_vectors(&e.target);
    e.spare = open_machine(&(llvm_target){e.target.triple, e.target.cpu, e.target.features}, e.opt);
    if (!e.spare)
        return report_target(m, "target", e.target.triple, target_hint);
    e.machine = e.spare->machine;
    open_context(&e);
    uint32_t errors = m->diags->errors;
    bool good = run(&e) && m->diags->errors == errors;
    dispose(&e);
    return good;
}

/* ---- asides ------------------------------------------------------------------------------------------------------------------ */

static bool keep_aside(emission *e, const llvm_asides *x, uint32_t number) {
    LLVMValueRef aside = find_aside(e, number), entry = LLVMGetNamedFunction(e->module, x->entry);
    if (!aside || !entry)
        return false;
    LLVMSetLinkage(aside, LLVMExternalLinkage);
    LLVMSetLinkage(entry, LLVMInternalLinkage);
    return optimise_all(e, true);
}

static void *write_aside(emission *e, size_t *size) {
    LLVMMemoryBufferRef buffer = NULL;
    char *message = NULL;
    if (LLVMTargetMachineEmitToMemoryBuffer(e->machine, e->module, LLVMObjectFile, &message, &buffer)) {
        LLVMDisposeMessage(message);
        return NULL;
    }
    *size = LLVMGetBufferSize(buffer);
    void *object = malloc(*size);
    if (object)
        memcpy(object, LLVMGetBufferStart(buffer), *size);
    LLVMDisposeMemoryBuffer(buffer);
    return object;
}

void *llvm_emit_aside(const llvm_asides *x, uint32_t number, size_t *size) {
    emission e = {.opt = x->opt, .wide_vectors = x->wide_vectors, .spare = open_machine(&x->target, x->opt)};
    void *object = NULL;
    if (!e.spare)
        return NULL;
    e.machine = e.spare->machine;
    open_context(&e);
    drop_names(&e);
    LLVMMemoryBufferRef buffer = LLVMCreateMemoryBufferWithMemoryRange(x->bitcode, x->size, "plait", false);
    if (!LLVMParseBitcodeInContext2(e.context, buffer, &e.module) && keep_aside(&e, x, number))
        object = write_aside(&e, size);
    LLVMDisposeMemoryBuffer(buffer);
    dispose(&e);
    return object;
}
