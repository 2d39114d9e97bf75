/* plait_compile: the house from front to back.
 *
 *     request → tree → (elaborate) → KIR → (passes) → KIR → (llvm) → object;  beside it the report and what is to be
 *     printed on the way.
 *
 * Everything of one compile lives in one arena; running out of memory anywhere below jumps back here. */
#include "driver/driver.h"

#include "passes/pass.h"
#include "syntax/syntax.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const char *plait_version(void) {
    return "0.1.0";
}

typedef struct pass_time { /* of all runs of a pass */
    const char *pass;
    double milliseconds;
} pass_time;

typedef struct compile {
    session s;
    request *r;
    kir_module *m;
    elab_result elaborated;
    llvm_result emitted;
    plait_artifact *out;
    VEC(pass_time) pass_times;
    double started, parsed, elaborated_at, passed;
    bool starved;
} compile;

static double now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* ---- dumps ------------------------------------------------------------------------------------------------------------------- */

static void dump_source(compile *c) {
    if (request_wants_dump(c->r, "tokens")) {
        text t = text_new(c->s.a);
        syntax_print_tokens(&c->s.diags->sources.at[c->r->file], &t);
        artifact_put_dump(c->out, "tokens", t.at);
    }
    if (request_wants_dump(c->r, "ast")) {
        text t = text_new(c->s.a);
        ast_print(c->r->entry->function, false, &t);
        artifact_put_dump(c->out, "ast", t.at);
    }
}

static void dump_types(compile *c) {
    if (!request_wants_dump(c->r, "types"))
        return;
    text t = text_new(c->s.a);
    for (uint32_t i = 0; i < c->elaborated.notes.len; i++) {
        const elab_note *n = &c->elaborated.notes.at[i];
        text_printf(&t, "%u:%u: %s: %s\n", n->at.line, n->at.col, n->name ? n->name->text : "",
                    type_name(c->s.types, n->ty));
    }
    artifact_put_dump(c->out, "types", t.at);
}

static void dump_kir(compile *c, const char *name, const char *previous) {
    text t = text_new(c->s.a);
    kir_print_module(c->m, &t);
    bool same = previous && t.at && strcmp(previous, t.at) == 0;
    artifact_put_dump(c->out, name, same ? "(unchanged)\n" : t.at);
}

static void add_time(compile *c, const char *pass_name, double milliseconds) {
    for (uint32_t i = 0; i < c->pass_times.len; i++)
        if (strcmp(c->pass_times.at[i].pass, pass_name) == 0) {
            c->pass_times.at[i].milliseconds += milliseconds;
            return;
        }
    vec_push(c->s.a, &c->pass_times, (pass_time){pass_name, milliseconds});
}

static void after_pass(const char *pass_name, const kir_module *m, double milliseconds, void *context) {
    compile *c = context;
    (void)m;
    add_time(c, pass_name, milliseconds);
    char name[80];
    snprintf(name, sizeof name, "after:%.60s", pass_name);
    if (request_wants_dump(c->r, name))
        dump_kir(c, name, NULL);
}

static uint32_t llvm_texts(const request *r) {
    return (request_wants_dump(r, "llvm") ? LLVM_TEXT_BUILT : 0u) |
           (request_wants_dump(r, "optimized") ? LLVM_TEXT_OPTIMIZED : 0u) |
           (request_wants_dump(r, "asm") ? LLVM_TEXT_ASM : 0u);
}

static void dump_llvm(compile *c) {
    if (c->emitted.built)
        artifact_put_dump(c->out, "llvm", c->emitted.built);
    if (c->emitted.optimized)
        artifact_put_dump(c->out, "optimized", c->emitted.optimized);
    if (c->emitted.assembly)
        artifact_put_dump(c->out, "asm", c->emitted.assembly);
}

/* ---- the stages ---------------------------------------------------------------------------------------------------------------- */

static bool elaborate_request(compile *c) {
    c->m = kir_module_new(c->s.a, c->s.syms, c->s.types, c->s.diags);
    c->m->options = c->r->options;
    llvm_vectors(&c->r->target, &c->m->options.vector_bytes, &c->m->options.vector_registers);
    return elaborate(c->m, c->r->entry, c->r->args, c->r->n_args, c->r->result, &c->elaborated);
}

static bool run_passes(compile *c) {
    pass_run_options o = {.disable = c->r->disable, .verify = c->r->verify, .after = after_pass, .context = c};
#ifdef PLAIT_DEBUG
    o.verify = true;
#endif
    return passes_run(c->m, &o);
}

static bool emit(compile *c) {
    c->starved = !memory_is_left();
    if (c->starved)
        return false;
    llvm_request l = {.target = c->r->target,
                      .math = c->r->math,
                      .texts = llvm_texts(c->r),
                      .verify = c->r->verify,
                      .lazy = c->r->lazy,
                      .tiered = c->r->tiered,
                      .n_call = c->r->n_call,
                      .call = c->r->call};
#ifdef PLAIT_DEBUG
    l.verify = true;
#endif
    return llvm_emit(c->m, &l, &c->emitted);
}

static char kind_of_slot(type *t) {
    if (t->kind == TYPE_BOOL)
        return 'b';
    if (t->kind == TYPE_FLOAT)
        return t->bits == 32 ? 's' : 'f';
    return t->kind == TYPE_INT && !t->is_signed ? 'u' : 'i';
}

static void keep_sites(compile *c) {
    plait_artifact *o = c->out;
    for (uint32_t i = 0; i < c->m->sites.len; i++) {
        const kir_site *from = &c->m->sites.at[i];
        artifact_site to = {artifact_copy(o, from->exception),
                            artifact_copy(o, from->message),
                            artifact_copy(o, from->args_json),
                            from->n_args,
                            {0}};
        for (uint32_t k = 0; k < from->n_args && k < 6; k++)
            to.kinds[k] = kind_of_slot(from->arg_types[k]);
        vec_push(o->a, &o->sites, to);
    }
}

static const char *describe_times(compile *c) {
    const llvm_result *l = &c->emitted;
    text passes = text_new(c->s.a);
    for (uint32_t i = 0; i < c->pass_times.len; i++)
        text_printf(&passes, "%s\"%s\":%.4f", i ? "," : "", c->pass_times.at[i].pass, c->pass_times.at[i].milliseconds);
    return arena_printf(c->out->a,
                        "{\"parse\":%.4f,\"elaborate\":%.4f,\"passes\":{%s},\"llvm_build\":%.4f,\"llvm_opt\":%.4f,"
                        "\"llvm_codegen\":%.4f,\"ahead\":%.4f,\"total\":%.4f}",
                        c->parsed - c->started, c->elaborated_at - c->parsed, passes.len ? passes.at : "", l->build_ms,
                        l->optimize_ms, l->emit_ms, l->ahead_ms, now_ms() - c->started);
}

static void keep_ready(compile *c) {
    const llvm_asides *from = &c->emitted.asides;
    if (!from->ready)
        return;
    llvm_object *to = arena_array(c->out->a, llvm_object, from->n);
    for (uint32_t i = 0; i < from->n; i++)
        if (from->ready[i].at)
            to[i] =
                (llvm_object){arena_strndup(c->out->a, from->ready[i].at, from->ready[i].size), from->ready[i].size};
    c->out->asides.ready = to;
}

static void keep_asides(compile *c) {
    const llvm_asides *from = &c->emitted.asides;
    llvm_asides *to = &c->out->asides;
    if (from->n == 0)
        return;
    *to = *from;
    void *copy = arena_alloc(c->out->a, from->size);
    to->bitcode = memcpy(copy, from->bitcode, from->size);
    to->entry = artifact_copy(c->out, from->entry);
    keep_ready(c);
    to->target = (llvm_target){artifact_copy(c->out, from->target.triple), artifact_copy(c->out, from->target.cpu),
                               artifact_copy(c->out, from->target.features)};
}

static void fill_artifact(compile *c) {
    plait_artifact *o = c->out;
    arena *a = c->s.a;
    const llvm_result *l = &c->emitted;
    char *object = arena_alloc(o->a, l->object_size);
    memcpy(object, l->object, l->object_size);
    o->object = object;
    o->object_size = l->object_size;
    o->uses_sleef = l->uses_sleef;
    o->uses_libmvec = l->uses_libmvec;
    o->entry = artifact_copy(o, l->entry);
    o->function = artifact_copy(o, c->r->entry->name->text);
    o->signature = artifact_copy(o, describe_signature(a, c->r, c->elaborated.result));
    o->metadata = artifact_copy(o, describe_metadata(a, c->m, c->r, &c->elaborated, l));
    o->report = artifact_copy(o, report_json(a, c->m));
    o->explain = artifact_copy(o, report_explain(a, c->m, c->r, o->signature));
    o->header = artifact_copy(o, header_text(a, c->m, c->r, l->entry, o->signature));
    keep_sites(c);
    keep_asides(c);
    o->timings = describe_times(c);
}

static bool run_stages(compile *c, const char *json, size_t len) {
    c->started = now_ms();
    c->r = request_read(&c->s, json, len);
    if (!c->r)
        return false;
    dump_source(c);
    c->parsed = now_ms();
    if (!elaborate_request(c))
        return false;
    c->elaborated_at = now_ms();
    dump_types(c);
    if (request_wants_dump(c->r, "kir"))
        dump_kir(c, "kir", NULL);
    if (!run_passes(c))
        return false;
    c->passed = now_ms();
    if (!emit(c))
        return false;
    dump_llvm(c);
    fill_artifact(c);
    return true;
}

/* ---- the door -------------------------------------------------------------------------------------------------------------------- */

static plait_status compile_in(compile *c, const char *json, size_t len, plait_diagnostics **diagnostics) {
    c->s.syms = sym_table_new(c->s.a);
    c->s.diags = diags_new(c->s.a);
    c->s.types = types_new(c->s.a, c->s.syms);
    bool good = run_stages(c, json, len);
    if (c->starved)
        return PLAIT_OUT_OF_MEMORY;
    if (!good && c->s.diags->errors == 0)
        diag_report(c->s.diags, DIAG_INTERNAL, (span){0}, NULL, "a stage failed without saying why");
    good = good && c->s.diags->errors == 0;
    if (diagnostics)
        *diagnostics = diagnostics_copy(c->s.diags);
    return good ? PLAIT_OK : PLAIT_ERROR;
}

plait_status plait_compile(const char *request_json, size_t len, plait_artifact **artifact,
                           plait_diagnostics **diagnostics) {
    *artifact = NULL;
    if (diagnostics)
        *diagnostics = NULL;
    jmp_buf exhausted;
    compile *c = calloc(1, sizeof *c);
    if (!c)
        return PLAIT_OUT_OF_MEMORY;
    c->out = artifact_new();
    c->s.a = c->out ? arena_new(&exhausted) : NULL;
    plait_status status = PLAIT_OUT_OF_MEMORY;
    if (c->s.a && memory_is_left() && setjmp(exhausted) == 0)
        status = compile_in(c, request_json, len, diagnostics);
    if (c->s.a)
        arena_free(c->s.a);
    if (status == PLAIT_OK)
        *artifact = c->out;
    else
        plait_artifact_free(c->out);
    free(c);
    return status;
}
