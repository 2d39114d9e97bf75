/* watch: race='check' makes every access of an unproven prange loop known to the runtime.
 *
 *   for %i … prange {                          call plrt_race_begin(8)
 *       %t = %x[%k]                            for %i … prange {
 *       %y[%j] = %t               →                call plrt_race_iteration(%i)
 *   }                                              %c = plrt_race_read(%x, %k, LINE)
 *                                                  if %c != 0 { … raise 7(earlier, later, %k, line) }
 *                                                  %t = %x[%k]
 *                                                  … the same for the write of %y …
 *                                              }
 *                                              call plrt_race_end()
 *
 * The loop then runs in order, so that results are sequential execution's up to the first conflict, and raises
 * ParallelRaceError with both iterations, the element and both lines. What is proven independent or a reduction runs in
 * parallel as ever and is not watched; of nested prange loops the outermost counts. Variables that iterations hand on
 * are watched by number: an iteration that reads another one's value is a conflict. Arrays that an iteration allocates
 * are its own. Functions that such a loop calls are watched throughout; outside such loops the runtime looks away.
 *
 * Passes that would change what iterates (schedule, parallelize) leave these loops alone: their class is unknown, with
 * CHECKED as its reason. Cost: linear; the code runs 10 to 50 times longer. */
#include "passes/passes.h"
#include "passes/vars.h"
#include "plait/runtime.h"

#include <string.h>

enum { SHOWN_AXES = 3 };

typedef struct watcher {
    kir_module *m;
    kir_fn *f;
    arena *scratch;
    var_defs defs;
    kir_stmt *loop;  /* the checked loop around, NULL: none (a callee that is watched throughout) */
    var_set written; /* in it */
    bool any, calls; /* a loop is checked; one of them calls functions */
} watcher;

/* ---- is it to be checked? ----------------------------------------------------------------------------------------- */

static bool is_proven(const kir_stmt *s) {
    const kir_loop_info *l = s->loop;
    if (l->plan)
        return true; /* iterations meet in array elements that blocks will combine */
    bool known = l->class == KIR_CLASS_INDEPENDENT || l->class == KIR_CLASS_REDUCTION;
    return known && !l->when && !l->carried.len;
}

static bool is_checked(const kir_stmt *s) {
    return s->kind == KIR_FOR && s->loop->kind == KIR_LOOP_PRANGE && !is_proven(s);
}

static bool note_checked(kir_stmt *s, void *context) {
    *(bool *)context |= is_checked(s);
    return s->kind != KIR_FOR || s->loop->kind != KIR_LOOP_PRANGE;
}

static bool holds_checked(kir_block *b) {
    bool found = false;
    kir_each_stmt(b, note_checked, &found);
    return found;
}

static bool note_call(kir_stmt *s, void *context) {
    *(bool *)context |= s->kind == KIR_CALL;
    return true;
}

/* Leaves the loop to itself: no pass behind this one is to move or split it. */
static void keep_in_order(kir_stmt *s, const char *why) {
    kir_loop_info *l = s->loop;
    l->class = KIR_CLASS_UNKNOWN;
    l->why = why;
    l->why_detail = l->why_second = "";
    l->when = NULL;
    l->vector = l->parallel = false;
    l->reductions.len = 0;
}

static bool keep_inner(kir_stmt *s, void *context) {
    (void)context;
    if (s->kind == KIR_FOR)
        keep_in_order(s, "INSIDE_CHECKED");
    return true;
}

/* ---- calls of the runtime ------------------------------------------------------------------------------------------- */

static kir_stmt *call(watcher *w, const char *name, span at) {
    kir_stmt *s = kir_stmt_new(w->m, KIR_RUNTIME, at);
    s->name = name;
    return s;
}

static void give(watcher *w, kir_stmt *s, kir_expr *e) {
    vec_push(w->m->a, &s->index, e);
}

static kir_expr *result(watcher *w, kir_stmt *s) {
    kir_var *v = kir_temp_new(w->m, w->f, type_int64(w->m->types), s->at);
    vec_push(w->m->a, &s->results, v);
    return kir_ref(w->m, v, s->at);
}

static kir_expr *asked(watcher *w, kir_block *out, const char *name, span at) {
    kir_stmt *s = call(w, name, at);
    kir_expr *value = result(w, s);
    vec_push(w->m->a, out, s);
    return value;
}

/* "y[%d, %d]": the element in the user's words; its indices are arguments of the site. */
static const char *element_text(watcher *w, kir_var *array, uint32_t n) {
    text t = text_new(w->m->a);
    if (array->name || array->called)
        text_put(&t, pass_array_name(w->m, &w->defs, array));
    else
        text_printf(&t, "%s, at ", pass_array_name(w->m, &w->defs, array));
    text_put(&t, "[");
    for (uint32_t k = 0; k < n && k < SHOWN_AXES; k++)
        text_put(&t, k ? ", %d" : "%d");
    text_put(&t, n > SHOWN_AXES ? ", …]" : "]");
    return t.at;
}

static const char *loop_text(watcher *w) {
    if (!w->loop)
        return "iterations %d and %d of a prange loop";
    const char *name = w->loop->var->name ? w->loop->var->name->text : "number";
    return arena_printf(w->m->a, "iterations %s = %%d and %s = %%d of the prange loop in line %u", name, name,
                        w->loop->at.line);
}

typedef struct sight { /* what is looked at */
    const char *what;  /* "y[%d]" */
    bool writes;       /* the later iteration does */
    kir_expr *const *index;
    uint32_t n;
    span at;
} sight;

static kir_stmt *raise(watcher *w, const sight *x, const char *earlier_verb, kir_expr *const *args, uint32_t n) {
    kir_site site = {.exception = "ParallelRaceError", .n_args = n, .function = w->f->user_name, .at = x->at};
    site.message =
        arena_printf(w->m->a, "%s are not independent: the later one %s %s (line %u), the earlier one %s it (line %%d)",
                     loop_text(w), x->writes ? "writes" : "reads", x->what, x->at.line, earlier_verb);
    for (uint32_t k = 0; k < n; k++)
        site.arg_types[k] = type_int64(w->m->types);
    kir_stmt *s = kir_stmt_new(w->m, KIR_RAISE, x->at);
    s->site = kir_site_new(w->m, site);
    for (uint32_t k = 0; k < n; k++)
        vec_push(w->m->a, &s->index, kir_copy_expr(w->m, args[k], NULL));
    return s;
}

/* After the runtime's answer: raises if there is a conflict. All sites have the same arguments: the two iterations, the
 * first indices, the earlier line. */
static void refuse(watcher *w, kir_block *out, kir_expr *found, const sight *x) {
    kir_module *m = w->m;
    kir_stmt *bad = kir_stmt_new(m, KIR_IF, x->at);
    bad->value = kir_binary(m, KIR_OP_NE, found, kir_int(m, PLRT_RACE_NONE, x->at), x->at);
    kir_expr *args[SHOWN_AXES + 3];
    uint32_t n = 0;
    args[n++] = asked(w, &bad->body, "plrt_race_earlier", x->at);
    args[n++] = asked(w, &bad->body, "plrt_race_later", x->at);
    for (uint32_t k = 0; k < x->n && k < SHOWN_AXES; k++)
        args[n++] = x->index[k];
    args[n++] = asked(w, &bad->body, "plrt_race_line", x->at);
    if (!x->writes) { /* only a write can have been in the way */
        vec_push(m->a, &bad->body, raise(w, x, "wrote", args, n));
        vec_push(m->a, out, bad);
        return;
    }
    kir_stmt *which = kir_stmt_new(m, KIR_IF, x->at);
    kir_expr *again = kir_copy_expr(m, found, NULL);
    which->value = kir_binary(m, KIR_OP_EQ, again, kir_int(m, PLRT_RACE_WRITTEN, x->at), x->at);
    vec_push(m->a, &which->body, raise(w, x, "wrote", args, n));
    vec_push(m->a, &which->orelse, raise(w, x, "read", args, n));
    vec_push(m->a, &bad->body, which);
    vec_push(m->a, out, bad);
}

/* ---- accesses --------------------------------------------------------------------------------------------------------- */

/* Was the array's memory made in this iteration? */
static bool is_own(const watcher *w, const kir_var *v) {
    for (int steps = 0; steps < 64; steps++) {
        const kir_stmt *d = w->defs.only[v->id];
        if (!d || v->is_param)
            return false;
        switch (d->value->kind) {
        case KIR_ALLOC:
            return !w->loop || vars_has(&w->written, v);
        case KIR_VAR:
        case KIR_VIEW:
        case KIR_TRANSPOSE:
        case KIR_RESHAPE:
        case KIR_REINTERPRET:
            v = d->value->var;
            break;
        default:
            return false;
        }
    }
    return false;
}

static void look_at_element(watcher *w, kir_block *out, kir_var *array, kir_expr *const *index, uint32_t n, bool writes,
                            span at) {
    if (is_own(w, array))
        return;
    kir_stmt *s = call(w, writes ? "plrt_race_write" : "plrt_race_read", at);
    give(w, s, kir_ref(w->m, array, at));
    for (uint32_t k = 0; k < n; k++)
        give(w, s, kir_copy_expr(w->m, index[k], NULL));
    give(w, s, kir_int(w->m, at.line, at));
    kir_expr *found = result(w, s);
    vec_push(w->m->a, out, s);
    sight x = {element_text(w, array, n), writes, index, n, at};
    refuse(w, out, found, &x);
}

/* An array that a function of the runtime reads or writes: of plrt_gemm(a, b, c) the last is written. */
static void look_at_array(watcher *w, kir_block *out, kir_var *array, bool writes, span at) {
    if (is_own(w, array))
        return;
    kir_stmt *s = call(w, "plrt_race_all", at);
    give(w, s, kir_ref(w->m, array, at));
    give(w, s, kir_int(w->m, array->ty->ndim, at));
    give(w, s, kir_int(w->m, (int64_t)type_size(array->ty->dtype), at));
    give(w, s, kir_int(w->m, writes, at));
    give(w, s, kir_int(w->m, at.line, at));
    kir_expr *found = result(w, s);
    vec_push(w->m->a, out, s);
    sight x = {pass_array_name(w->m, &w->defs, array), writes, NULL, 0, at};
    refuse(w, out, found, &x);
}

static void look_at_arguments(watcher *w, kir_block *out, const kir_stmt *s) {
    bool product = strcmp(s->name, "plrt_gemm") == 0;
    for (uint32_t k = 0; k < s->index.len; k++)
        if (s->index.at[k]->kind == KIR_VAR && kir_is_array(s->index.at[k]))
            look_at_array(w, out, s->index.at[k]->var, product && k == 2, s->at);
}

/* An array that is made in an iteration may lie where another iteration's lay. Functions that it is given to do not know
 * that it is new. */
static void look_at_fresh(watcher *w, kir_block *out, const kir_stmt *s) {
    kir_stmt *fresh = call(w, "plrt_race_fresh", s->at);
    give(w, fresh, kir_ref(w->m, s->var, s->at));
    give(w, fresh, kir_int(w->m, s->var->ty->ndim, s->at));
    give(w, fresh, kir_int(w->m, (int64_t)type_size(s->var->ty->dtype), s->at));
    vec_push(w->m->a, out, fresh);
}

/* ---- variables ---------------------------------------------------------------------------------------------------------- */

static void note_same(kir_var *v, void *context) {
    void **c = context;
    *(bool *)c[1] |= c[0] == (void *)v;
}

static bool assigns(kir_stmt *s, kir_var *v) {
    bool found = false;
    vars_written_by(s, note_same, (void *[]){v, &found});
    return found;
}

static void look_at_variables(watcher *w, kir_block *out, kir_stmt *s) {
    uint32_t n = w->loop ? w->loop->loop->carried.len : 0;
    var_set reads = vars_new(w->scratch, w->f);
    if (n)
        vars_read_by(s, &reads);
    for (uint32_t k = 0; k < n; k++) {
        kir_var *v = w->loop->loop->carried.at[k];
        if (vars_has(&reads, v)) {
            kir_stmt *use = call(w, "plrt_race_use", s->at);
            give(w, use, kir_int(w->m, v->id, s->at));
            give(w, use, kir_int(w->m, s->at.line, s->at));
            kir_expr *found = result(w, use);
            vec_push(w->m->a, out, use);
            sight x = {v->name ? arena_printf(w->m->a, "variable `%s`", v->name->text) : "a variable", false, NULL, 0,
                       s->at};
            refuse(w, out, found, &x);
        }
        if (assigns(s, v)) {
            kir_stmt *set = call(w, "plrt_race_assign", s->at);
            give(w, set, kir_int(w->m, v->id, s->at));
            give(w, set, kir_int(w->m, s->at.line, s->at));
            vec_push(w->m->a, out, set);
        }
    }
}

/* ---- the walk ------------------------------------------------------------------------------------------------------------- */

static void watch_inside(watcher *w, kir_block *b) {
    kir_block out = {0};
    for (uint32_t k = 0; k < b->len; k++) {
        kir_stmt *s = b->at[k];
        look_at_variables(w, &out, s);
        if (s->kind == KIR_ASSIGN && s->value->kind == KIR_LOAD)
            look_at_element(w, &out, s->value->var, s->value->args, s->value->n_args, false, s->at);
        else if (s->kind == KIR_STORE)
            look_at_element(w, &out, s->var, s->index.at, s->index.len, true, s->at);
        else if (s->kind == KIR_RUNTIME)
            look_at_arguments(w, &out, s);
        watch_inside(w, &s->body);
        watch_inside(w, &s->orelse);
        vec_push(w->m->a, &out, s);
        if (s->kind == KIR_ASSIGN && s->value->kind == KIR_ALLOC)
            look_at_fresh(w, &out, s);
    }
    *b = out;
}

static int64_t smallest_element(const kir_module *m) {
    int64_t least = 8;
    for (uint32_t i = 0; i < m->fns.len; i++)
        for (uint32_t k = 0; k < m->fns.at[i]->vars.len; k++) {
            type *t = m->fns.at[i]->vars.at[k]->ty;
            if (t->kind == TYPE_ARRAY && (int64_t)type_size(t->dtype) < least)
                least = (int64_t)type_size(t->dtype);
        }
    return least;
}

static void watch_loop(watcher *w, kir_stmt *s, kir_block *out) {
    span at = s->at;
    w->loop = s;
    w->written = vars_new(w->scratch, w->f);
    vars_written_in(&s->body, &w->written);
    w->any = true;
    kir_each_stmt(&s->body, note_call, &w->calls);
    watch_inside(w, &s->body);
    kir_each_stmt(&s->body, keep_inner, NULL);
    keep_in_order(s, "CHECKED");
    kir_stmt *begin = call(w, "plrt_race_begin", at), *iteration = call(w, "plrt_race_iteration", at);
    give(w, begin, kir_int(w->m, smallest_element(w->m), at));
    give(w, iteration, kir_ref(w->m, s->var, at));
    kir_block body = {0};
    vec_push(w->m->a, &body, iteration);
    for (uint32_t k = 0; k < s->body.len; k++)
        vec_push(w->m->a, &body, s->body.at[k]);
    s->body = body;
    vec_push(w->m->a, out, begin);
    vec_push(w->m->a, out, s);
    vec_push(w->m->a, out, call(w, "plrt_race_end", at));
    w->loop = NULL;
}

static void watch_block(watcher *w, kir_block *b) {
    kir_block out = {0};
    for (uint32_t k = 0; k < b->len; k++) {
        kir_stmt *s = b->at[k];
        if (is_checked(s)) {
            watch_loop(w, s, &out);
            continue;
        }
        if (s->kind == KIR_FOR && s->loop->kind == KIR_LOOP_PRANGE) { /* proven: it counts, not what is inside */
            vec_push(w->m->a, &out, s);
            continue;
        }
        if (s->kind == KIR_FOR && holds_checked(&s->body))
            keep_in_order(s, "INSIDE_CHECKED");
        watch_block(w, &s->body);
        watch_block(w, &s->orelse);
        vec_push(w->m->a, &out, s);
    }
    *b = out;
}

static watcher watcher_of(pass_context *c, kir_fn *f) {
    return (watcher){.m = c->m, .f = f, .scratch = c->scratch, .defs = vars_defs(c->scratch, f)};
}

/* The last kernel may have left by an exception. */
static void start_afresh(watcher *w) {
    kir_block body = {0};
    vec_push(w->m->a, &body, call(w, "plrt_race_reset", w->f->at));
    for (uint32_t k = 0; k < w->f->body.len; k++)
        vec_push(w->m->a, &body, w->f->body.at[k]);
    w->f->body = body;
}

/* What a function does when a checked loop calls it; its own checked loops are watched already. */
static void watch_callee(watcher *w, kir_block *b) {
    kir_block out = {0};
    for (uint32_t k = 0; k < b->len; k++) {
        kir_stmt *s = b->at[k];
        bool checked = s->kind == KIR_FOR && s->loop->why && strcmp(s->loop->why, "CHECKED") == 0;
        kir_block alone = {.at = &s, .len = 1, .cap = 1};
        if (!checked && !s->body.len && !s->orelse.len) {
            watch_inside(w, &alone);
            for (uint32_t i = 0; i < alone.len; i++)
                vec_push(w->m->a, &out, alone.at[i]);
            continue;
        }
        if (!checked) {
            watch_callee(w, &s->body);
            watch_callee(w, &s->orelse);
            if (s->kind == KIR_FOR)
                keep_in_order(s, "INSIDE_CHECKED");
        }
        vec_push(w->m->a, &out, s);
    }
    *b = out;
}

bool watch_run(pass_context *c) {
    const kir_options *o = &c->m->options;
    if (!o->parallel || !o->par_prange || o->race != KIR_RACE_CHECK)
        return true;
    bool any = false, calls = false;
    for (uint32_t i = 0; i < c->m->fns.len; i++) {
        watcher w = watcher_of(c, c->m->fns.at[i]);
        watch_block(&w, &w.f->body);
        any |= w.any;
        calls |= w.calls;
    }
    for (uint32_t i = 1; i < c->m->fns.len && calls; i++) {
        watcher w = watcher_of(c, c->m->fns.at[i]);
        watch_callee(&w, &w.f->body);
    }
    if (any) {
        watcher w = watcher_of(c, c->m->fns.at[0]);
        start_afresh(&w);
    }
    return true;
}
