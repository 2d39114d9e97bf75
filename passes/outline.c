/* outline: the body of a parallel loop becomes a function of its own.
 *
 *   for %i in range(%lo, %hi, %step) parallel reductions(+ %s) { … }
 *
 *   →   region f.1(%lo, %step, %x, …) over trips(%lo, %hi, %step) results(%s)
 *
 *   region function f.1(%lo, %step, %x, …; %begin, %end) reductions(+ %s):
 *       for %k in range(%begin, %end, 1) is_region {
 *           %i = %lo + %k * %step
 *           …
 *       }
 *
 * Captured are the variables that the body reads and does not assign; arrays are borrowed. Private variables, partial
 * results and last privates are variables of the function; each assignment of a last private also sets its flag. The
 * trip count is exact for every lo, hi and step, in unsigned arithmetic. `work` estimates the operations of the whole
 * loop from trip counts that are known at its entry (loop variables of outer loops stand for the middle of their range),
 * so that the runtime can keep small work on one thread. */
#include "passes/cost.h"
#include "passes/passes.h"
#include "passes/vars.h"

enum { GRAIN_WORK = 8192 };

typedef struct outliner {
    kir_module *m;
    kir_fn *f;
    arena *scratch;
    uint32_t count;
} outliner;

typedef struct outlining {
    outliner *z;
    kir_stmt *loop, *region;
    kir_fn *fn;
    kir_map *map;
    var_set inside;      /* variables of the parent that become the function's own */
    kir_expr *lo, *step; /* in the function */
} outlining;

static kir_var *own_copy(outlining *o, kir_var *v) {
    kir_var *copy = kir_var_new(o->z->m, o->fn, v->name, v->ty, v->at);
    copy->called = v->called;
    copy->is_temp = v->is_temp;
    copy->borrowed = v->borrowed;
    kir_map_var(o->map, v, copy);
    vars_add(&o->inside, v);
    return copy;
}

static kir_var *capture(outlining *o, kir_var *v) {
    kir_var *param = kir_var_new(o->z->m, o->fn, v->name, v->ty, v->at);
    param->called = v->called;
    param->is_param = true;
    param->borrowed = v->ty->kind == TYPE_ARRAY;
    vec_push(o->z->m->a, &o->fn->params, param);
    vec_push(o->z->m->a, &o->region->index, kir_ref(o->z->m, v, o->loop->at));
    kir_map_var(o->map, v, param);
    return param;
}

/* Something evaluated before the region and captured; constants are repeated inside. */
static kir_expr *capture_value(outlining *o, kir_block *out, kir_expr *e) {
    kir_module *m = o->z->m;
    if (e->kind == KIR_CONST)
        return kir_copy_expr(m, e, NULL);
    kir_var *t = kir_temp_new(m, o->z->f, e->ty, e->at);
    vec_push(m->a, out, kir_assign(m, t, kir_copy_expr(m, e, NULL), e->at));
    return kir_ref(m, capture(o, t), e->at);
}

static void make_reductions(outlining *o) {
    const kir_loop_info *l = o->loop->loop;
    for (uint32_t i = 0; i < l->reductions.len; i++) {
        kir_var *v = l->reductions.at[i].var;
        kir_reduction partial = {own_copy(o, v), l->reductions.at[i].op};
        vec_push(o->z->m->a, &o->fn->reductions, partial);
        vec_push(o->z->m->a, &o->region->results, v);
        v->is_temp = false;
    }
}

static void make_last_privates(outlining *o) {
    const kir_loop_info *l = o->loop->loop;
    uint32_t n = l->last_privates.len;
    o->fn->last.n = n;
    o->fn->last.value = arena_array(o->z->m->a, kir_var *, n + 1);
    o->fn->last.was_set = arena_array(o->z->m->a, kir_var *, n + 1);
    for (uint32_t i = 0; i < n; i++) {
        kir_var *v = l->last_privates.at[i];
        o->fn->last.value[i] = own_copy(o, v);
        o->fn->last.value[i]->is_temp = false;
        o->fn->last.was_set[i] = kir_var_new(o->z->m, o->fn, NULL, type_bool(o->z->m->types), v->at);
        vec_push(o->z->m->a, &o->region->results, v);
        v->is_temp = false;
    }
}

static void map_body(outlining *o) {
    kir_fn *f = o->z->f;
    var_set read = vars_new(o->z->scratch, f), written = vars_new(o->z->scratch, f);
    vars_read_in(&o->loop->body, &read);
    vars_written_in(&o->loop->body, &written);
    uint32_t n = f->vars.len;
    for (uint32_t i = 0; i < n; i++) {
        kir_var *v = f->vars.at[i];
        if (v == o->loop->var || (vars_has(&o->inside, v)))
            continue;
        if (vars_has(&written, v))
            own_copy(o, v);
        else if (vars_has(&read, v))
            capture(o, v);
    }
}

/* ---- flags of last privates -------------------------------------------------------------------------------------------------- */

static kir_var *flag_of(outlining *o, const kir_var *v) {
    for (uint32_t i = 0; i < o->fn->last.n; i++)
        if (o->fn->last.value[i] == v)
            return o->fn->last.was_set[i];
    return NULL;
}

static void set_flag(outlining *o, kir_block *out, const kir_var *v, span at) {
    kir_var *flag = v ? flag_of(o, v) : NULL;
    if (flag)
        vec_push(o->z->m->a, out, kir_assign(o->z->m, flag, kir_bool(o->z->m, true, at), at));
}

static void set_flags(outlining *o, kir_block *b) {
    kir_block out = {0};
    for (uint32_t i = 0; i < b->len; i++) {
        kir_stmt *s = b->at[i];
        set_flags(o, &s->body);
        set_flags(o, &s->orelse);
        vec_push(o->z->m->a, &out, s);
        if (s->kind == KIR_ASSIGN)
            set_flag(o, &out, s->var, s->at);
        for (uint32_t k = 0; k < s->results.len; k++)
            set_flag(o, &out, s->results.at[k], s->at);
    }
    *b = out;
}

/* ---- the function ------------------------------------------------------------------------------------------------------------- */

static bool is_number(const kir_expr *e, int64_t x) {
    int64_t value;
    return kir_is_const_int(e, &value) && value == x;
}

/* The sets of variables have served; they may name what later changes took out of the body. */
static bool forget_privates(kir_stmt *s, void *context) {
    (void)context;
    if (s->kind == KIR_FOR)
        s->loop->privates.len = s->loop->last_privates.len = 0;
    return true;
}

/* Copies the loop, then makes it run over [begin, end) of the trip space. */
static void build_body(outlining *o) {
    kir_module *m = o->z->m;
    kir_block single = {0};
    span at = o->loop->at;
    kir_var *index = own_copy(o, o->loop->var);
    vec_push(m->a, &single, o->loop);
    o->fn->body = kir_copy_block(m, &single, o->map);
    kir_stmt *loop = o->fn->body.at[0];
    set_flags(o, &loop->body);
    kir_each_stmt(&o->fn->body, forget_privates, NULL);
    if (!is_number(o->lo, 0) || !is_number(o->step, 1)) {
        kir_var *k = kir_temp_new(m, o->fn, type_int64(m->types), at);
        kir_expr *offset = kir_binary(m, KIR_OP_MUL, kir_ref(m, k, at), kir_copy_expr(m, o->step, NULL), at);
        kir_expr *value = kir_binary(m, KIR_OP_ADD, kir_copy_expr(m, o->lo, NULL), offset, at);
        kir_block body = {0};
        vec_push(m->a, &body, kir_assign(m, index, value, at));
        for (uint32_t i = 0; i < loop->body.len; i++)
            vec_push(m->a, &body, loop->body.at[i]);
        loop->body = body;
        loop->var = k;
    }
    loop->lo = kir_ref(m, o->fn->begin, at);
    loop->hi = kir_ref(m, o->fn->end, at);
    loop->step = kir_int(m, 1, at);
    loop->loop->is_region = true;
    loop->loop->parallel = false;
    loop->loop->vector = true;
    loop->loop->carried.len = 0;
    loop->loop->when = NULL;
}

static kir_fn *new_region(outliner *z, kir_stmt *loop) {
    const char *name = arena_printf(z->m->a, "%s.%u", z->f->name->text, ++z->count);
    kir_fn *fn = kir_fn_new(z->m, KIR_FN_REGION, sym_of(z->m->syms, name), loop->at);
    fn->user_name = z->f->user_name;
    fn->begin = kir_var_new(z->m, fn, sym_of(z->m->syms, "begin"), type_int64(z->m->types), loop->at);
    fn->end = kir_var_new(z->m, fn, sym_of(z->m->syms, "end"), type_int64(z->m->types), loop->at);
    fn->begin->is_param = fn->end->is_param = true;
    fn->schedule = loop->loop->schedule;
    fn->chunk = loop->loop->chunk;
    int64_t cost = cost_of_block(&loop->body) + 1;
    fn->grain = loop->loop->grain ? loop->loop->grain : GRAIN_WORK / cost + 1;
    return fn;
}

static void outline_loop(outliner *z, kir_stmt *loop, kir_block *out) {
    outlining o = {.z = z, .loop = loop, .fn = new_region(z, loop), .map = kir_map_new(z->m)};
    o.region = kir_stmt_new(z->m, KIR_REGION, loop->at);
    o.region->fn = o.fn;
    o.inside = vars_new(z->scratch, z->f);
    o.lo = capture_value(&o, out, loop->lo);
    o.step = capture_value(&o, out, loop->step);
    o.region->value = cost_trip_expr(z->m, loop);
    o.region->work = cost_work_expr(z->m, z->f, z->scratch, loop);
    make_reductions(&o);
    make_last_privates(&o);
    map_body(&o);
    build_body(&o);
    vec_push(z->m->a, out, o.region);
}

static void outline_block(outliner *z, kir_block *b) {
    kir_block out = {0};
    for (uint32_t i = 0; i < b->len; i++) {
        kir_stmt *s = b->at[i];
        if (s->kind == KIR_FOR && s->loop->parallel) {
            outline_loop(z, s, &out);
            continue;
        }
        outline_block(z, &s->body);
        outline_block(z, &s->orelse);
        vec_push(z->m->a, &out, s);
    }
    *b = out;
}

bool outline_run(pass_context *c) {
    uint32_t n = c->m->fns.len;
    for (uint32_t i = 0; i < n; i++) {
        outliner z = {c->m, c->m->fns.at[i], c->scratch, 0};
        if (z.f->kind != KIR_FN_REGION)
            outline_block(&z, &z.f->body);
    }
    return true;
}
