/* reduction: variables through which iterations only combine.
 *
 *   for %i in range(0, %n, 1) {              for %i in range(0, %n, 1) reductions(+ %s) {
 *       %t = load %x[%i]             →           %t = load %x[%i]
 *       %s = %s + %t                             %s = %s + %t
 *   }                                        }
 *
 * A variable that an iteration may read before writing it is a reduction when everything the loop does with it is
 * `v = v op e`, with one operator, v once and in a place where the operator may be regrouped, and e free of v:
 *   + - : v on the left of every -          *  : anywhere in the product        & | ^ and or : anywhere
 *   min max : for floats v must be the first operand (min(v, e) keeps v when e is NaN; min(e, v) forgets it)
 * `x - v`, mixed operators and a second reading of v are not reductions. Conditions around the update do not matter.
 *
 * Partial results start from the operator's identity and are merged onto the value that v had before the loop, in the
 * order of the blocks: so the start value counts once, and the result depends on the trip count alone. Marking a float
 * reduction permits regrouping, so loops the user wrote are marked under parallel=True only. Cost: linear. */
#include "passes/combine.h"
#include "passes/passes.h"
#include "passes/vars.h"

typedef struct update_scan {
    kir_stmt *loop;
    kir_var *v;
    kir_op op; /* the operator seen so far */
    bool ok;
} update_scan;

static void find_mention(kir_var *x, void *context) {
    update_scan *u = context;
    u->ok &= x != u->v;
}

static void find_in_slot(kir_expr **slot, void *context) {
    vars_in_expr(*slot, find_mention, context);
}

static void find_written(kir_var *x, void *context) {
    find_mention(x, context);
}

static bool check_stmt(kir_stmt *s, void *context) {
    update_scan *u = context;
    kir_op op = u->op;
    if (s->kind == KIR_ASSIGN && s->var == u->v) {
        bool ok = s->value->kind != KIR_VAR && combine_is_chain(s->value, u->v, &op) && op != KIR_OP_INVALID;
        u->ok &= ok;
        u->op = op;
        return u->ok;
    }
    kir_each_expr(s, find_in_slot, u);
    vars_written_by(s, find_written, u);
    return u->ok;
}

bool pass_is_reduction(kir_stmt *loop, kir_var *v, kir_op *op) {
    update_scan u = {.loop = loop, .v = v, .ok = true};
    kir_each_stmt(&loop->body, check_stmt, &u);
    *op = u.op;
    return u.ok && u.op != KIR_OP_INVALID;
}

typedef struct scan {
    pass_context *c;
    kir_fn *f;
} scan;

static bool may_regroup(const kir_module *m, const kir_stmt *loop, const kir_var *v) {
    if (v->ty->kind == TYPE_INT || v->ty->kind == TYPE_BOOL)
        return true;
    return loop->loop->kind == KIR_LOOP_ARRAY || m->options.parallel || (m->options.fastmath & KIR_FAST_REASSOC);
}

static bool mark_loop(kir_stmt *s, void *context) {
    scan *x = context;
    if (s->kind != KIR_FOR)
        return true;
    var_set exposed = live_exposed(x->c->scratch, x->f, s), written = vars_new(x->c->scratch, x->f);
    vars_written_in(&s->body, &written);
    s->loop->reductions.len = 0;
    for (uint32_t i = 0; i < x->f->vars.len; i++) {
        kir_var *v = x->f->vars.at[i];
        kir_op op;
        if (v->ty->kind == TYPE_ARRAY || !vars_has(&exposed, v) || !vars_has(&written, v))
            continue;
        if (may_regroup(x->c->m, s, v) && pass_is_reduction(s, v, &op))
            vec_push(x->c->m->a, &s->loop->reductions, (kir_reduction){v, op});
    }
    return true;
}

bool reduction_run(pass_context *c) {
    for (uint32_t i = 0; i < c->m->fns.len; i++) {
        scan x = {c, c->m->fns.at[i]};
        if (x.f->kind != KIR_FN_REGION)
            kir_each_stmt(&x.f->body, mark_loop, &x);
    }
    return true;
}
