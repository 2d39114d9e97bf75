/* inline: calls become part of the caller.
 *
 *   %r = call f(x + 1)            %p = x + 1
 *                          →      block B {
 *                                     if %p < 0 { %r = 0; break B }
 *                                     %r = %p * 2
 *                                 }
 *
 * Parameters become variables of the caller that are assigned the arguments (arrays share memory, as in a call); RETURN
 * becomes assignments and a BREAK out of a BLOCK, and when the only RETURN ends the body there is no BLOCK. Callees are
 * done before their callers, so a body is copied in its final form. Not inlined: what calls itself (also in a circle),
 * what is marked no_inline, and bodies above a size. Functions that nobody calls any more are removed.
 * Cost: linear in the size of what comes out. */
#include "passes/passes.h"
#include "passes/vars.h"
#include <string.h>

enum { BODY_MAX = 600, CALLER_MAX = 30000 };

typedef enum visit_state { UNSEEN, ACTIVE, DONE } visit_state;

typedef struct fn_state {
    visit_state state;
    bool is_called;
    uint32_t size;
} fn_state;

typedef struct inliner {
    kir_module *m;
    arena *scratch;
    fn_state *fns;
} inliner;

static uint32_t fn_index(const kir_module *m, const kir_fn *f) {
    for (uint32_t i = 0; i < m->fns.len; i++)
        if (m->fns.at[i] == f)
            return i;
    return 0;
}

static bool count_stmt(kir_stmt *s, void *context) {
    (void)s;
    ++*(uint32_t *)context;
    return true;
}

static uint32_t block_size(kir_block *b) {
    uint32_t n = 0;
    kir_each_stmt(b, count_stmt, &n);
    return n;
}

static bool count_return(kir_stmt *s, void *context) {
    *(uint32_t *)context += s->kind == KIR_RETURN;
    return true;
}

static bool has_early_return(kir_block *b) {
    uint32_t n = 0;
    kir_each_stmt(b, count_return, &n);
    return n > 1 || (n == 1 && (b->len == 0 || b->at[b->len - 1]->kind != KIR_RETURN));
}

/* ---- one call ------------------------------------------------------------------------------------------------------- */

static void assign_results(inliner *in, kir_stmt *call, kir_stmt *ret, kir_block *out) {
    for (uint32_t i = 0; i < call->results.len && i < ret->index.len; i++)
        if (call->results.at[i])
            vec_push(in->m->a, out, kir_assign(in->m, call->results.at[i], ret->index.at[i], ret->at));
}

/* Replaces each RETURN in a copied body by assignments and, when `leave` is not NULL, a BREAK of it. */
static void replace_returns(inliner *in, kir_block *b, kir_stmt *call, kir_stmt *leave) {
    kir_block out = {0};
    for (uint32_t i = 0; i < b->len; i++) {
        kir_stmt *s = b->at[i];
        if (s->kind != KIR_RETURN) {
            replace_returns(in, &s->body, call, leave);
            replace_returns(in, &s->orelse, call, leave);
            vec_push(in->m->a, &out, s);
            continue;
        }
        assign_results(in, call, s, &out);
        if (leave) {
            kir_stmt *jump = kir_stmt_new(in->m, KIR_BREAK, s->at);
            jump->target = leave;
            vec_push(in->m->a, &out, jump);
        }
        break;
    }
    *b = out;
}

static kir_map *map_variables(inliner *in, kir_fn *caller, kir_stmt *call, kir_block *out) {
    kir_fn *callee = call->fn;
    kir_map *map = kir_map_new(in->m);
    var_set written = vars_new(in->scratch, callee);
    vars_written_in(&callee->body, &written);
    for (uint32_t i = 0; i < callee->vars.len; i++) {
        kir_var *v = callee->vars.at[i], *copy = kir_var_new(in->m, caller, v->name, v->ty, v->at);
        copy->called = v->called;
        copy->owner = v->owner ? v->owner : callee->user_name;
        copy->is_temp = v->is_temp || (v->is_param && !vars_has(&written, v));
        kir_map_var(map, v, copy);
        for (uint32_t k = 0; v->is_param && k < callee->params.len && k < call->index.len; k++)
            if (callee->params.at[k] == v)
                vec_push(in->m->a, out, kir_assign(in->m, copy, call->index.at[k], call->at));
    }
    return map;
}

static void inline_call(inliner *in, kir_fn *caller, kir_stmt *call, kir_block *out) {
    kir_map *map = map_variables(in, caller, call, out);
    kir_block body = kir_copy_block(in->m, &call->fn->body, map);
    if (!has_early_return(&body)) {
        replace_returns(in, &body, call, NULL);
        for (uint32_t i = 0; i < body.len; i++)
            vec_push(in->m->a, out, body.at[i]);
        return;
    }
    kir_stmt *leave = kir_stmt_new(in->m, KIR_BLOCK, call->at);
    replace_returns(in, &body, call, leave);
    for (uint32_t i = 0; i < call->results.len; i++)
        if (call->results.at[i])
            call->results.at[i]->is_temp = false;
    leave->body = body;
    vec_push(in->m->a, out, leave);
}

/* ---- the call graph --------------------------------------------------------------------------------------------------- */

static void visit_fn(inliner *in, kir_fn *f);

static bool is_wanted(inliner *in, uint32_t caller, kir_fn *callee) {
    fn_state *c = &in->fns[fn_index(in->m, callee)];
    if (callee->is_recursive || callee->no_inline || c->state != DONE || callee->kind != KIR_FN_CALLEE)
        return false;
    return callee->always_inline || (c->size <= BODY_MAX && in->fns[caller].size + c->size <= CALLER_MAX);
}

static void visit_block(inliner *in, kir_fn *f, uint32_t index, kir_block *b) {
    kir_block out = {0};
    for (uint32_t i = 0; i < b->len; i++) {
        kir_stmt *s = b->at[i];
        visit_block(in, f, index, &s->body);
        visit_block(in, f, index, &s->orelse);
        if (s->kind == KIR_CALL || s->kind == KIR_REGION)
            visit_fn(in, s->fn);
        if (s->kind == KIR_CALL && is_wanted(in, index, s->fn)) {
            in->fns[index].size += in->fns[fn_index(in->m, s->fn)].size;
            inline_call(in, f, s, &out);
        } else {
            vec_push(in->m->a, &out, s);
        }
    }
    *b = out;
}

static void visit_fn(inliner *in, kir_fn *f) {
    uint32_t index = fn_index(in->m, f);
    fn_state *state = &in->fns[index];
    if (state->state == ACTIVE)
        f->is_recursive = true;
    if (state->state != UNSEEN)
        return;
    state->state = ACTIVE;
    state->size = block_size(&f->body);
    visit_block(in, f, index, &f->body);
    state->size = block_size(&f->body);
    state->state = DONE;
}

static void mark_called(inliner *in, kir_fn *f);

static bool mark_stmt(kir_stmt *s, void *context) {
    if (s->fn)
        mark_called(context, s->fn);
    return true;
}

static void mark_called(inliner *in, kir_fn *f) {
    fn_state *state = &in->fns[fn_index(in->m, f)];
    if (state->is_called)
        return;
    state->is_called = true;
    kir_each_stmt(&f->body, mark_stmt, in);
}

static void remove_uncalled(inliner *in) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < in->m->fns.len; i++)
        in->fns[i].is_called = false;
    mark_called(in, in->m->fns.at[0]);
    for (uint32_t i = 0; i < in->m->fns.len; i++)
        if (in->fns[i].is_called)
            in->m->fns.at[kept++] = in->m->fns.at[i];
    in->m->fns.len = kept;
}

bool inline_run(pass_context *c) {
    inliner in = {c->m, c->scratch, arena_array(c->scratch, fn_state, c->m->fns.len + 1)};
    visit_fn(&in, c->m->fns.at[0]);
    remove_uncalled(&in);
    return true;
}
