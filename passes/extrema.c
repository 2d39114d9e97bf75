/* extrema: the greatest and least of many floats, found in any order where that cannot be told.
 *
 *   for %j in [lo, hi) {                        %before = %m
 *       %x = x[%j]                              for %j in [lo, hi) {
 *       %m = max(%m, %x)                 →          %x = x[%j]
 *   } reductions(max %m)                            %m = npmax(%m, %x)
 *                                               } reductions(npmax %m)
 *                                               if not((%m < 0.0) | (%m > 0.0)) {
 *                                                   %m = %before
 *                                                   for %j in [lo, hi) { as it was } cold
 *                                               }
 *
 * Python's max(m, x) is `x > m ? x : m`: a NaN among the x is passed over, one in m stays, and of two zeros the earlier one
 * stays. So the order of operands matters, and neither the processor's vectors nor LLVM may change it. But it matters in
 * these two cases only. NumPy's maximum, which vectors do have, is NaN as soon as any operand is; when it is a number, there
 * was no NaN, and when that is not zero, everybody who has it has the same bits. So the loop runs with NumPy's
 * operator, and once more, as the source says, when the outcome is NaN or zero. Sums beside it keep what the first run gave.
 *
 * Few iterations are quicker as written: vectors have lanes to combine at their end, and the rest to see whether a NaN came.
 * Where nothing is summed beside it, both are one test, and the loop as written serves both:
 *
 *   %many = hi - lo >= 64
 *   if %many { … npmax … }
 *   if not(%many & ((%m < 0.0) | (%m > 0.0))) { %m = %before; for %j in [lo, hi) { as it was } }
 *
 * Taken are innermost vector loops that assign scalars and do nothing else, so that they may run twice. With the flags nnan
 * and nsz of fastmath the loop is a vector loop as it is. Cost: a walk over the loops. */
#include "passes/passes.h"
#include "passes/vars.h"

typedef struct extrema {
    kir_module *m;
    kir_fn *f;
    arena *scratch;
} extrema;

static kir_op any_order(kir_op op) {
    return op == KIR_OP_MAX ? KIR_OP_NPMAX : op == KIR_OP_MIN ? KIR_OP_NPMIN : KIR_OP_INVALID;
}

static bool is_extreme(const kir_reduction *r) {
    return r->var->ty->kind == TYPE_FLOAT && any_order(r->op) != KIR_OP_INVALID;
}

static bool may_run_twice(const extrema *z, kir_stmt *s) {
    var_set written = vars_new(z->scratch, z->f);
    vars_written_in(&s->body, &written);
    for (uint32_t i = 0; i < s->body.len; i++)
        if (s->body.at[i]->kind != KIR_ASSIGN || s->body.at[i]->var->ty->kind == TYPE_ARRAY)
            return false;
    return !vars_has(&written, s->var) && !vars_mentions_any(s->lo, &written) && !vars_mentions_any(s->hi, &written);
}

enum { MANY = 64 };

static bool has_few(const kir_stmt *s) {
    int64_t lo, hi;
    return kir_is_const_int(s->lo, &lo) && kir_is_const_int(s->hi, &hi) && lo >= 0 && hi < lo + MANY;
}

static bool is_candidate(const extrema *z, kir_stmt *s) {
    const kir_loop_info *l = s->loop;
    bool found = false;
    for (uint32_t i = 0; i < l->reductions.len; i++)
        found |= is_extreme(&l->reductions.at[i]);
    return found && !has_few(s) && l->vector && !l->cold && !l->few && !l->abreast && may_run_twice(z, s);
}

/* The operators on the way down to v. */
static void change_chain(kir_expr *e, const kir_reduction *r) {
    while (e->kind == KIR_BINARY && e->op == r->op) {
        e->op = any_order(r->op);
        e = e->args[vars_mentions(e->args[0], r->var) ? 0 : 1];
    }
}

static void change(kir_stmt *loop, kir_reduction *r) {
    for (uint32_t i = 0; i < loop->body.len; i++)
        if (loop->body.at[i]->var == r->var)
            change_chain(loop->body.at[i]->value, r);
    r->op = any_order(r->op);
}

/* Neither NaN nor zero. */
static kir_expr *is_settled(extrema *z, kir_var *v, span at) {
    kir_expr *zero = kir_const_float(z->m, v->ty, 0.0, at);
    kir_expr *below = kir_binary(z->m, KIR_OP_LT, kir_ref(z->m, v, at), zero, at);
    kir_expr *above = kir_binary(z->m, KIR_OP_GT, kir_ref(z->m, v, at), kir_copy_expr(z->m, zero, NULL), at);
    return kir_binary(z->m, KIR_OP_OR, below, above, at);
}

/* Sums depend on who adds them up: with some beside it, a loop of few iterations goes the same ways as one of many. */
static bool is_alone(const kir_stmt *s) {
    int64_t step;
    bool alone = kir_is_const_int(s->step, &step) && step == 1;
    for (uint32_t i = 0; i < s->loop->reductions.len; i++)
        alone &= is_extreme(&s->loop->reductions.at[i]);
    return alone;
}

static kir_var *has_many(extrema *z, kir_stmt *s, kir_block *out) {
    kir_module *m = z->m;
    kir_expr *length = kir_binary(m, KIR_OP_SUB, kir_copy_expr(m, s->hi, NULL), kir_copy_expr(m, s->lo, NULL), s->at);
    kir_expr *many = kir_binary(m, KIR_OP_GE, length, kir_const_int(m, length->ty, MANY, s->at), s->at);
    kir_var *v = kir_temp_new(m, z->f, many->ty, s->at);
    vec_push(m->a, out, kir_assign(m, v, many, s->at));
    return v;
}

/* The loop as it was, which runs often: not a copy that is compiled when it is needed. */
static void make_usual(kir_block *exact) {
    for (uint32_t i = 0; i < exact->len; i++)
        if (exact->at[i]->kind == KIR_FOR)
            exact->at[i]->loop->cold = exact->at[i]->loop->vector = false;
}

static kir_stmt *run_many(extrema *z, kir_stmt *s, kir_var *many) {
    kir_stmt *choice = kir_stmt_new(z->m, KIR_IF, s->at);
    choice->value = kir_ref(z->m, many, s->at);
    vec_push(z->m->a, &choice->body, s);
    return choice;
}

static void find_in_any_order(extrema *z, kir_stmt *s, kir_block *out) {
    kir_module *m = z->m;
    kir_block exact = pass_cold_copy(m, z->f, z->scratch, s);
    kir_stmt *again = kir_stmt_new(m, KIR_IF, s->at);
    kir_var *many = is_alone(s) ? has_many(z, s, out) : NULL;
    kir_expr *settled = many ? kir_ref(m, many, s->at) : NULL;
    for (uint32_t i = 0; i < s->loop->reductions.len; i++) {
        kir_reduction *r = &s->loop->reductions.at[i];
        kir_var *kept = kir_temp_new(m, z->f, r->var->ty, s->at);
        kir_stmt *keep = kir_assign(m, kept, kir_ref(m, r->var, s->at), s->at);
        kir_stmt *put_back = kir_assign(m, r->var, kir_ref(m, kept, s->at), s->at);
        if (!is_extreme(r)) {
            vec_push(m->a, &again->body, keep);
            vec_push(m->a, &exact, put_back);
            continue;
        }
        vec_push(m->a, out, keep);
        vec_push(m->a, &again->body, put_back);
        change(s, r);
        kir_expr *one = is_settled(z, r->var, s->at);
        settled = settled ? kir_binary(m, KIR_OP_AND, settled, one, s->at) : one;
    }
    vec_push(m->a, out, many ? run_many(z, s, many) : s);
    if (many)
        make_usual(&exact);
    again->value = kir_unary(m, KIR_OP_NOT, settled, s->at);
    kir_block_append(m, &again->body, &exact);
    vec_push(m->a, out, again);
}

static void look_in_block(extrema *z, kir_block *b) {
    kir_block out = {0};
    for (uint32_t i = 0; i < b->len; i++) {
        kir_stmt *s = b->at[i];
        if (s->kind == KIR_FOR && is_candidate(z, s)) {
            find_in_any_order(z, s, &out);
            continue;
        }
        look_in_block(z, &s->body);
        look_in_block(z, &s->orelse);
        vec_push(z->m->a, &out, s);
    }
    *b = out;
}

bool extrema_run(pass_context *c) {
    uint32_t both = KIR_FAST_NNAN | KIR_FAST_NSZ;
    if ((c->m->options.fastmath & both) == both)
        return true;
    for (uint32_t i = 0; i < c->m->fns.len; i++) {
        extrema z = {c->m, c->m->fns.at[i], c->scratch};
        look_in_block(&z, &z.f->body);
    }
    return true;
}
