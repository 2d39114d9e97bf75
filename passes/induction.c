/* induction: variables that count with a loop become functions of its index.
 *
 *   %k = 1                                   %k = 1
 *   for %i in range(0, %n, 1) {              for %i in range(0, %n, 1) {
 *       %a[%k] = …                   →           %p = %k + %i * 2
 *       %k = %k + 2                              %a[%p] = …
 *   }                                        }
 *                                            %k = %k + trips * 2
 *
 * A variable is one when everything that the body does to it is adding invariant values, the same in every iteration: at
 * the top level of the body, which is neither left early nor continued, or alike in both arms of an IF. A sum may take a
 * detour through another variable (%j = %k + 1; %k = %j + 1). Then %k stays what it was before the loop, iterations have
 * a variable of their own, and the subscripts are affine. Loops are taken from the inside outwards, so that a counter of
 * an inner loop advances by a known amount in the outer one. (Behind an update the body looks at %p + 2.) A loop of unknown
 * step that has such a variable becomes one over the numbers of its iterations.
 *
 * Only int64 variables that the body looks at (a mere sum is a reduction). Arithmetic wraps on both sides alike; the
 * index is divided by a step only where that cannot overflow. Under parallel=True alone: it is there to free loops, and
 * costs a multiplication that LLVM takes back out of serial ones. Cost: linear in the nest's size for each variable. */
#include "passes/cost.h"
#include "passes/passes.h"
#include "passes/vars.h"

enum { DEEPEST = 12 };

typedef struct finder {
    kir_module *m;
    kir_fn *f;
    arena *scratch;
    bool changed;
} finder;

typedef struct counting { /* one variable of one loop */
    kir_stmt *loop;
    kir_var *v;
    var_set written;
    kir_expr *step; /* what it grows by in an iteration */
    uint32_t updates, assigned;
    bool read, ok;
} counting;

/* ---- is it one? ----------------------------------------------------------------------------------------------------- */

static kir_expr *sum(finder *z, kir_expr *a, kir_expr *b) {
    return a && b ? kir_binary(z->m, KIR_OP_ADD, a, b, b->at) : b;
}

static kir_expr *growth(finder *z, const counting *c, const kir_block *b, uint32_t position);

/* What the variable of `e` was more than v when statement `position` of the block reads it: nothing when it is v, what it
 * was assigned before when v has not changed since. NULL: not known; the constant 0 otherwise. */
static kir_expr *ahead(finder *z, const counting *c, const kir_block *b, uint32_t position, const kir_expr *e) {
    if (e->kind != KIR_VAR)
        return NULL;
    if (e->var == c->v)
        return kir_int(z->m, 0, e->at);
    for (uint32_t k = position; k-- > 0;) {
        const kir_stmt *s = b->at[k];
        if (s->kind == KIR_ASSIGN && s->var == e->var)
            return growth(z, c, b, k);
        var_set written = vars_new(z->scratch, z->f);
        kir_block single = {.at = &b->at[k], .len = 1, .cap = 1};
        vars_written_in(&single, &written);
        if (vars_has(&written, c->v) || vars_has(&written, e->var))
            return NULL;
    }
    return NULL;
}

/* What statement `position`, an ASSIGN, makes its variable more than v was before it: e in `v + e`, `e + v`, `v - e`
 * (negated), and through a variable that is such a sum. NULL: another form. */
static kir_expr *growth(finder *z, const counting *c, const kir_block *b, uint32_t position) {
    const kir_expr *e = b->at[position]->value;
    if (e->kind != KIR_BINARY || (e->op != KIR_OP_ADD && e->op != KIR_OP_SUB))
        return NULL;
    kir_expr *by = e->args[1], *more = ahead(z, c, b, position, e->args[0]);
    if (!more && e->op == KIR_OP_ADD) {
        by = e->args[0];
        more = ahead(z, c, b, position, e->args[1]);
    }
    if (!more || vars_mentions_any(by, &c->written))
        return NULL;
    by = kir_copy_expr(z->m, by, NULL);
    return sum(z, more, e->op == KIR_OP_SUB ? kir_unary(z->m, KIR_OP_NEG, by, by->at) : by);
}

static void take_updates(finder *z, counting *c, kir_block *b, kir_expr **step);

/* Both arms add the same, or neither does. */
static void take_arms(finder *z, counting *c, kir_stmt *s, kir_expr **step) {
    kir_expr *body = NULL, *orelse = NULL;
    take_updates(z, c, &s->body, &body);
    take_updates(z, c, &s->orelse, &orelse);
    c->ok &= !body == !orelse && (!body || kir_expr_equal(body, orelse));
    if (c->ok && body)
        *step = sum(z, *step, body);
}

/* Adds up what the block makes v grow by; NULL stays NULL where it does nothing to v. */
static void take_updates(finder *z, counting *c, kir_block *b, kir_expr **step) {
    for (uint32_t k = 0; k < b->len && c->ok; k++) {
        kir_stmt *s = b->at[k];
        if (s->kind == KIR_IF)
            take_arms(z, c, s, step);
        if (s->kind != KIR_ASSIGN || s->var != c->v)
            continue;
        kir_expr *by = growth(z, c, b, k);
        c->ok = by != NULL;
        c->updates++;
        if (by)
            *step = sum(z, *step, by);
    }
}

static void note_write(kir_var *v, void *context) {
    counting *c = context;
    c->assigned += v == c->v;
}

static void note_read(kir_var *v, void *context) {
    counting *c = context;
    c->read |= v == c->v;
}

static void note_slot(kir_expr **slot, void *context) {
    vars_in_expr(*slot, note_read, context);
}

static bool note_stmt(kir_stmt *s, void *context) {
    counting *c = context;
    vars_written_by(s, note_write, c);
    if (s->kind != KIR_ASSIGN || s->var != c->v)
        kir_each_expr(s, note_slot, c);
    c->ok &= !((s->kind == KIR_CONTINUE || s->kind == KIR_BREAK) && s->target == c->loop);
    return true;
}

static bool counts(finder *z, counting *c) {
    c->ok = true;
    take_updates(z, c, &c->loop->body, &c->step);
    kir_each_stmt(&c->loop->body, note_stmt, c);
    return c->ok && c->updates > 0 && c->updates == c->assigned && c->read;
}

/* ---- the number of the iteration -------------------------------------------------------------------------------------- */

/* (index - lo) / step, where every value of it is representable; NULL where that is not sure. */
static kir_expr *iteration(finder *z, const kir_stmt *loop) {
    kir_module *m = z->m;
    span at = loop->at;
    int64_t step, edge;
    if (!kir_is_const_int(loop->step, &step) || step == 0)
        return NULL;
    kir_expr *index = kir_ref(m, loop->var, at), *lo = kir_copy_expr(m, loop->lo, NULL);
    kir_expr *way = step > 0 ? kir_binary(m, KIR_OP_SUB, index, lo, at) : kir_binary(m, KIR_OP_SUB, lo, index, at);
    if (step == 1 || step == -1)
        return way;
    bool fits = step > 0 ? kir_is_const_int(loop->lo, &edge) && edge >= 0
                         : kir_is_const_int(loop->hi, &edge) && edge >= -1 && step != INT64_MIN;
    return fits ? kir_binary(m, KIR_OP_FLOORDIV, way, kir_int(m, step > 0 ? step : -step, at), at) : NULL;
}

/* ---- rewriting ----------------------------------------------------------------------------------------------------------- */

static kir_var *next_value(finder *z, const counting *c) {
    kir_var *v = kir_var_new(z->m, z->f, c->v->name, c->v->ty, c->v->at);
    v->is_temp = true;
    return v;
}

/* Is v assigned in the statement? */
static bool changes(const counting *c, kir_stmt *s) {
    counting seen = *c;
    kir_block single = {.at = &s, .len = 1, .cap = 1};
    seen.assigned = 0;
    kir_each_stmt(&single, note_stmt, &seen);
    return seen.assigned > 0;
}

static void rewrite_block(finder *z, counting *c, kir_block *b, kir_var *now);

/* An IF whose arms both add the same: behind it, that is known without them. */
static kir_var *rewrite_arms(finder *z, counting *c, kir_stmt *s, kir_var *now, kir_block *out) {
    counting arms = *c;
    kir_expr *by = NULL;
    take_arms(z, &arms, s, &by);
    rewrite_block(z, c, &s->body, now);
    rewrite_block(z, c, &s->orelse, now);
    kir_var *next = next_value(z, c);
    kir_expr *grown = kir_binary(z->m, KIR_OP_ADD, kir_ref(z->m, now, s->at), by, s->at);
    kir_map *map = kir_map_new(z->m);
    kir_map_var(map, c->v, now);
    s->value = kir_copy_expr(z->m, s->value, map);
    vec_push(z->m->a, out, s);
    vec_push(z->m->a, out, kir_assign(z->m, next, grown, s->at));
    return next;
}

/* The value between two updates is a variable that is assigned once. */
static void rewrite_block(finder *z, counting *c, kir_block *b, kir_var *now) {
    kir_block out = {0};
    for (uint32_t k = 0; k < b->len; k++) {
        kir_stmt *s = b->at[k];
        bool updates = s->kind == KIR_ASSIGN && s->var == c->v;
        if (s->kind == KIR_IF && changes(c, s)) {
            now = rewrite_arms(z, c, s, now, &out);
            continue;
        }
        vars_rename(s, c->v, now);
        if (updates)
            s->var = now = next_value(z, c);
        vec_push(z->m->a, &out, s);
    }
    *b = out;
}

static void rewrite(finder *z, counting *c, kir_block *after) {
    kir_module *m = z->m;
    kir_stmt *loop = c->loop;
    span at = loop->at;
    kir_var *now = next_value(z, c);
    kir_expr *grown = kir_binary(m, KIR_OP_MUL, iteration(z, loop), kir_copy_expr(m, c->step, NULL), at);
    kir_block body = {0};
    vec_push(m->a, &body, kir_assign(m, now, kir_binary(m, KIR_OP_ADD, kir_ref(m, c->v, at), grown, at), at));
    rewrite_block(z, c, &loop->body, now);
    kir_block_append(m, &body, &loop->body);
    loop->body = body;
    z->changed = true;
    kir_expr *in_all = kir_binary(m, KIR_OP_MUL, cost_trip_expr(m, loop), kir_copy_expr(m, c->step, NULL), at);
    vec_push(m->a, after, kir_assign(m, c->v, kir_binary(m, KIR_OP_ADD, kir_ref(m, c->v, at), in_all, at), at));
}

static bool is_int64(const type *t) {
    return t->kind == TYPE_INT && t->bits == 64 && t->is_signed;
}

/* for %i in [%lo, %hi, %step), the step not known, as for %t in [0, trips, 1) { %i = %lo + %t * %step … }: no value of the
 * index wraps, so the sum may. */
static void number_iterations(finder *z, kir_stmt *loop, kir_block *before) {
    kir_module *m = z->m;
    span at = loop->at;
    kir_var *trips = kir_temp_new(m, z->f, type_int64(m->types), at);
    kir_var *number = kir_temp_new(m, z->f, type_int64(m->types), at);
    vec_push(m->a, before, kir_assign(m, trips, cost_trip_expr(m, loop), at));
    kir_expr *gone = kir_binary(m, KIR_OP_MUL, kir_ref(m, number, at), loop->step, at);
    kir_block body = {0};
    vec_push(m->a, &body, kir_assign(m, loop->var, kir_binary(m, KIR_OP_ADD, loop->lo, gone, at), at));
    kir_block_append(m, &body, &loop->body);
    loop->body = body;
    loop->var = number;
    loop->lo = kir_int(m, 0, at);
    loop->hi = kir_ref(m, trips, at);
    loop->step = kir_int(m, 1, at);
}

/* Every variable of the loop that counts with it; what goes before the loop and behind it goes to `before` and `after`. */
static void take_loop(finder *z, kir_stmt *loop, kir_block *before, kir_block *after) {
    if (loop->loop->cold || body_escapes(loop))
        return;
    bool numbered = iteration(z, loop) != NULL;
    int64_t step;
    if (!numbered && kir_is_const_int(loop->step, &step))
        return;
    var_set written = vars_new(z->scratch, z->f);
    vars_written_in(&loop->body, &written);
    vars_add(&written, loop->var);
    if (vars_mentions_any(loop->lo, &written) || vars_mentions_any(loop->hi, &written) ||
        vars_mentions_any(loop->step, &written))
        return;
    uint32_t n = z->f->vars.len;
    for (uint32_t k = 0; k < n; k++) {
        kir_var *v = z->f->vars.at[k];
        if (v == loop->var || v->is_temp || !is_int64(v->ty) || !vars_has(&written, v))
            continue;
        counting c = {.loop = loop, .v = v, .written = written};
        if (!counts(z, &c))
            continue;
        if (!numbered) {
            number_iterations(z, loop, before);
            numbered = true;
        }
        rewrite(z, &c, after);
    }
}

static void take_block(finder *z, kir_block *b, uint32_t depth) {
    kir_block out = {0};
    for (uint32_t k = 0; k < b->len; k++) {
        kir_stmt *s = b->at[k];
        kir_block before = {0}, after = {0};
        if (depth < DEEPEST) {
            take_block(z, &s->body, depth + 1);
            take_block(z, &s->orelse, depth + 1);
        }
        if (s->kind == KIR_FOR)
            take_loop(z, s, &before, &after);
        kir_block_append(z->m, &out, &before);
        vec_push(z->m->a, &out, s);
        kir_block_append(z->m, &out, &after);
    }
    *b = out;
}

bool induction_run(pass_context *c) {
    c->unchanged = true;
    for (uint32_t i = 0; i < c->m->fns.len && c->m->options.parallel; i++) {
        finder z = {.m = c->m, .f = c->m->fns.at[i], .scratch = c->scratch};
        if (z.f->kind != KIR_FN_REGION)
            take_block(&z, &z.f->body, 0);
        c->unchanged = c->unchanged && !z.changed;
    }
    return true;
}
