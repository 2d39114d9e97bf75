/* privatize: variables whose values live within one iteration.
 *
 *   for %i in range(0, %n, 1) {                 for %i in range(0, %n, 1) privates(%t) last_privates(%y) {
 *       %t = load %x[%i]                            …
 *       %y = %t * 2.0                    →
 *       store %z[%i] = %y
 *   }
 *   return %y
 *
 * A variable that no iteration reads before writing it is private to the iteration. When it is read after the loop it
 * is a last private: the value of the last iteration *that assigned it* goes out, so assignments under conditions are
 * right, and a loop without iterations leaves the old value. What is neither private nor a reduction hands values from
 * one iteration to the next: it is listed as carried, and the loop is not parallel. Array variables are descriptors:
 * privately assigned ones are private too, but cannot leave a loop. Cost: one liveness of the function, one of each
 * loop's body. */
#include "passes/passes.h"
#include "passes/vars.h"

typedef struct scan {
    pass_context *c;
    kir_fn *f;
    live_map *live;
} scan;

static bool is_reduction_of(const kir_stmt *loop, const kir_var *v) {
    for (uint32_t i = 0; i < loop->loop->reductions.len; i++)
        if (loop->loop->reductions.at[i].var == v)
            return true;
    return false;
}

static bool mark_loop(kir_stmt *s, void *context) {
    scan *x = context;
    if (s->kind != KIR_FOR)
        return true;
    kir_loop_info *info = s->loop;
    arena *a = x->c->m->a;
    var_set exposed = live_exposed(x->c->scratch, x->f, s), written = vars_new(x->c->scratch, x->f);
    vars_written_in(&s->body, &written);
    info->privates.len = info->last_privates.len = info->carried.len = 0;
    for (uint32_t i = 0; i < x->f->vars.len; i++) {
        kir_var *v = x->f->vars.at[i];
        if (!vars_has(&written, v) || is_reduction_of(s, v))
            continue;
        if (vars_has(&exposed, v))
            vec_push(a, &info->carried, v);
        else if (vars_has(live_after(x->live, s), v))
            vec_push(a, &info->last_privates, v);
        else
            vec_push(a, &info->privates, v);
    }
    return true;
}

bool privatize_run(pass_context *c) {
    for (uint32_t i = 0; i < c->m->fns.len; i++) {
        scan x = {.c = c, .f = c->m->fns.at[i]};
        if (x.f->kind == KIR_FN_REGION)
            continue;
        x.live = live_new(c->scratch, x.f);
        kir_each_stmt(&x.f->body, mark_loop, &x);
    }
    return true;
}
