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
#include "passes/passes.h"
#include "passes/vars.h"

typedef struct update_scan {
    kir_stmt *loop;
    kir_var *v;
    kir_op op; /* the operator seen so far */
    bool ok;
} update_scan;

static uint32_t mentions(kir_expr *e, const kir_var *v) {
    uint32_t n = e->var == v;
    for (uint32_t i = 0; i < e->n_args; i++)
        n += mentions(e->args[i], v);
    return n;
}

/* The operator that combines partial results of `op`: differences are sums. */
static kir_op combining(kir_op op) {
    return op == KIR_OP_SUB ? KIR_OP_ADD : op;
}

static bool regroups(kir_op op, const type *ty) {
    switch (op) {
    case KIR_OP_ADD:
    case KIR_OP_SUB:
    case KIR_OP_MUL:
        return ty->kind == TYPE_INT || ty->kind == TYPE_FLOAT || ty->kind == TYPE_COMPLEX;
    case KIR_OP_MIN:
    case KIR_OP_MAX:
    case KIR_OP_NPMIN:
    case KIR_OP_NPMAX:
    case KIR_OP_FMIN:
    case KIR_OP_FMAX:
        return ty->kind != TYPE_COMPLEX;
    case KIR_OP_AND:
    case KIR_OP_OR:
    case KIR_OP_XOR:
        return true;
    default:
        return false;
    }
}

/* May v stand in operand `side` of an operation of the chain? */
static bool may_stand(kir_op op, uint32_t side, const type *ty) {
    bool ordered = op == KIR_OP_SUB || ((op == KIR_OP_MIN || op == KIR_OP_MAX) && ty->kind == TYPE_FLOAT);
    return side == 0 || !ordered;
}

/* Is e = v op … op …, v once, every operator on the way to v being `op` (or - beside +)? */
static bool is_chain(kir_expr *e, const kir_var *v, kir_op *op) {
    if (e->kind == KIR_VAR)
        return e->var == v;
    if (e->kind != KIR_BINARY || e->ty != v->ty || !regroups(e->op, e->ty))
        return false;
    if (*op != KIR_OP_INVALID && combining(e->op) != *op)
        return false;
    *op = combining(e->op);
    uint32_t left = mentions(e->args[0], v), right = mentions(e->args[1], v);
    if (left + right != 1 || !may_stand(e->op, left ? 0 : 1, e->ty))
        return false;
    return is_chain(e->args[left ? 0 : 1], v, op);
}

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
        bool ok = s->value->kind != KIR_VAR && is_chain(s->value, u->v, &op) && op != KIR_OP_INVALID;
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
