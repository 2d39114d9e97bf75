/* indices: those that are computed from data are computed, and checked, for a block of iterations at once.
 *
 *   for %i in [lo, hi) {                          %at = alloc(256)
 *       %x = x[%i]                                for %b in [lo, hi, 256) {
 *       %k = int(%x * n)                              %end = the lesser of hi and %b + 256;  %ok = true
 *       check 0 <= wrap(%k, n) < n raise …   →        for %j in [%b, %end) vector {
 *       h[wrap(%k, n)] += 1                               %x = x[%j];  %k = int(%x * n)
 *   }                                                     %ok = %ok & 0 <= wrap(%k, n) < n
 *                                                         %at[%j - %b] = wrap(%k, n)
 *                                                     }
 *                                                     if %ok { for %i in [%b, %end) { h[%at[%i - %b]] += 1 } }
 *                                                     else   { for %i in [%b, %end) { as it was } cold }
 *                                                 }
 *
 * A loop that adds into elements picked by data (a histogram) does one iteration after the other. Turning a float into
 * Python's integer, counting from the end and comparing with the extent are a dozen instructions of it, but they need
 * nothing from the iterations before, so they are done in vectors; what is left in order is the update.
 *
 * Indices that count from the end, and numbers too large for an integer, are rare: in vectors the first ones fail the check,
 * and the others become -1, which does too. That is half of the instructions.
 *
 * Computed early is what hangs on the loop's variable, on what the loop does not change, and on loads from arrays that
 * share no memory with those it stores into; each variable by its only assignment, before any use. Functions that may
 * round differently in vectors, and whatever may trap, are not computed early. Checks of early values are made early;
 * others stay where they are. When one of the early ones fails, the block runs as the source says and raises where it
 * should: nothing has been stored for it. Taken are innermost loops of straight code with an early check of a number
 * that was a float; where the index was an integer in memory, the check in place costs less than the way through the
 * block. Cost: a walk over innermost loops. */
#include "passes/alias.h"
#include "passes/passes.h"
#include "passes/vars.h"

enum { BLOCK = 256, FEW_TRIPS = 64, MOST_STATEMENTS = 40, MOST_KEPT = 4, AT_A_TIME = 4 };

typedef struct indexer {
    kir_module *m;
    kir_fn *f;
    arena *scratch;
    const alias_map *aliases;
    /* of one loop */
    kir_stmt *loop;
    span at;
    var_set written;                /* in the body */
    var_set early;                  /* computed early */
    var_set rounded;                /* of these, what hangs on an integer that was a float */
    bool is_early[MOST_STATEMENTS]; /* by statement of the body: assignments and checks */
    kir_expr *kept[MOST_KEPT];      /* what the later loop reads: wrapped indices, variables */
    kir_var *memory[MOST_KEPT];     /* of these for a block */
    kir_var *value[MOST_KEPT];      /* and for the iteration */
    uint32_t n_kept;
    kir_var *begin, *end, *ok;
} indexer;

/* ---- what is computed early ------------------------------------------------------------------------------------------------ */

static bool is_plain_op(const kir_expr *e) {
    static const kir_op not_early[] = {KIR_OP_FLOORDIV, KIR_OP_MOD, KIR_OP_TRUNCDIV, KIR_OP_TRUNCMOD, KIR_OP_POW};
    for (size_t i = 0; i < sizeof not_early / sizeof not_early[0]; i++)
        if (e->kind == KIR_BINARY && e->op == not_early[i])
            return false;
    return true;
}

static bool is_exact_math(const kir_expr *e) {
    return e->op == KIR_OP_SQRT || e->op == KIR_OP_FLOOR || e->op == KIR_OP_CEIL || e->op == KIR_OP_TRUNC ||
           e->op == KIR_OP_RINT;
}

static bool is_scalar(const type *t) {
    return t->kind == TYPE_BOOL || t->kind == TYPE_INT || t->kind == TYPE_FLOAT;
}

static void look_at_kind(kir_expr **slot, void *context) {
    const kir_expr *e = *slot;
    bool *plain = context;
    switch (e->kind) {
    case KIR_CONST:
    case KIR_DIM:
    case KIR_STRIDE:
        break;
    case KIR_VAR:
    case KIR_UNARY:
    case KIR_BINARY:
    case KIR_SELECT:
    case KIR_CAST:
    case KIR_WRAP:
        *plain &= is_scalar(e->ty) && is_plain_op(e);
        break;
    case KIR_MATH:
        *plain &= is_exact_math(e);
        break;
    default:
        *plain = false;
    }
}

typedef struct reading {
    const indexer *z;
    bool early, rounded;
} reading;

static void look_at_var(kir_var *v, void *context) {
    reading *r = context;
    r->early &= v == r->z->loop->var || vars_has(&r->z->early, v) || !vars_has(&r->z->written, v);
    r->rounded |= vars_has(&r->z->rounded, v);
}

static void look_for_rounding(kir_expr **slot, void *context) {
    const kir_expr *e = *slot;
    *(bool *)context |= e->kind == KIR_CAST && e->ty->kind == TYPE_INT && e->args[0]->ty->kind == TYPE_FLOAT;
}

/* Can the value be computed early, and does it hang on an integer that was a float? */
static bool is_early_value(const indexer *z, kir_expr *e, bool *rounded) {
    reading r = {z, true, false};
    bool plain = true;
    kir_each_subexpr(&e, look_at_kind, &plain);
    vars_in_expr(e, look_at_var, &r);
    kir_each_subexpr(&e, look_for_rounding, &r.rounded);
    *rounded = r.rounded;
    return plain && r.early;
}

static bool is_stored_into(const indexer *z, const kir_var *array) {
    for (uint32_t i = 0; i < z->loop->body.len; i++) {
        const kir_stmt *s = z->loop->body.at[i];
        if (s->kind == KIR_STORE && alias_may_share(z->aliases, s->var, array))
            return true;
    }
    return false;
}

/* A load is safe behind the checks made for it, which share a variable with it. */
static bool stands_behind_check(const indexer *z, kir_expr *load, uint32_t at) {
    var_set read = vars_new(z->scratch, z->f);
    vars_read_by_expr(load, &read);
    for (uint32_t i = 0; i < at; i++)
        if (z->loop->body.at[i]->kind == KIR_CHECK && vars_mentions_any(z->loop->body.at[i]->value, &read))
            return true;
    return false;
}

static bool is_early_load(const indexer *z, kir_expr *e, uint32_t at) {
    bool rounded;
    for (uint32_t k = 0; k < e->n_args; k++)
        if (!is_early_value(z, e->args[k], &rounded))
            return false;
    return is_scalar(e->ty) && !is_stored_into(z, e->var) && !stands_behind_check(z, e, at);
}

static uint32_t count_assignments(const indexer *z, const kir_var *v) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < z->loop->body.len; i++)
        n += z->loop->body.at[i]->kind == KIR_ASSIGN && z->loop->body.at[i]->var == v;
    return n;
}

/* Finds the early statements; true when a check of a rounded number is among them. */
static bool find_early(indexer *z) {
    var_set read = vars_new(z->scratch, z->f);
    bool found = false;
    for (uint32_t i = 0; i < z->loop->body.len; i++) {
        kir_stmt *s = z->loop->body.at[i];
        bool rounded = false, load = s->kind == KIR_ASSIGN && s->value->kind == KIR_LOAD;
        vars_read_by(s, &read);
        if (s->kind == KIR_STORE)
            continue;
        z->is_early[i] = load ? is_early_load(z, s->value, i) : is_early_value(z, s->value, &rounded);
        if (s->kind == KIR_ASSIGN) {
            z->is_early[i] &= !vars_has(&read, s->var) && count_assignments(z, s->var) == 1 && s->var != z->loop->var;
            if (z->is_early[i])
                vars_add(&z->early, s->var);
            if (z->is_early[i] && rounded)
                vars_add(&z->rounded, s->var);
        }
        found |= s->kind == KIR_CHECK && z->is_early[i] && rounded;
    }
    return found;
}

/* ---- is it a loop for us? -------------------------------------------------------------------------------------------------- */

static bool is_straight(const kir_stmt *s) {
    if (s->body.len == 0 || s->body.len > MOST_STATEMENTS)
        return false;
    bool stores = false;
    for (uint32_t i = 0; i < s->body.len; i++) {
        const kir_stmt *t = s->body.at[i];
        bool array = t->kind == KIR_ASSIGN && t->var->ty->kind == TYPE_ARRAY;
        if ((t->kind != KIR_ASSIGN && t->kind != KIR_STORE && t->kind != KIR_CHECK) || array)
            return false;
        stores |= t->kind == KIR_STORE;
    }
    return stores;
}

static bool is_candidate(indexer *z) {
    const kir_stmt *s = z->loop;
    int64_t step = 0, lo, hi;
    if (s->kind != KIR_FOR || s->loop->cold || s->loop->parallel || !kir_is_const_int(s->step, &step) || step != 1 ||
        s->loop->abreast || s->loop->few || !is_straight(s))
        return false;
    if (kir_is_const_int(s->lo, &lo) && kir_is_const_int(s->hi, &hi) && hi - lo < FEW_TRIPS)
        return false;
    z->written = vars_new(z->scratch, z->f);
    z->early = vars_new(z->scratch, z->f);
    z->rounded = vars_new(z->scratch, z->f);
    z->n_kept = 0;
    vars_written_in(&z->loop->body, &z->written);
    if (vars_has(&z->written, s->var) || vars_mentions_any(s->hi, &z->written))
        return false;
    for (uint32_t i = 0; i < MOST_STATEMENTS; i++)
        z->is_early[i] = false;
    return find_early(z);
}

/* ---- what the later loop reads --------------------------------------------------------------------------------------------- */

static kir_expr *kept_value(indexer *z, kir_expr *e) {
    for (uint32_t k = 0; k < z->n_kept; k++)
        if (kir_expr_equal(z->kept[k], e))
            return kir_ref(z->m, z->value[k], e->at);
    if (z->n_kept == MOST_KEPT)
        return NULL;
    z->kept[z->n_kept] = kir_copy_expr(z->m, e, NULL);
    z->value[z->n_kept] = kir_temp_new(z->m, z->f, e->ty, z->at);
    return kir_ref(z->m, z->value[z->n_kept++], e->at);
}

/* Wrapped indices, and integers that were floats, are read from memory. */
static void take_index(kir_expr **slot, void *context) {
    indexer *z = context;
    kir_expr *e = *slot;
    bool rounded = false, index = e->kind == KIR_WRAP || (e->kind == KIR_VAR && e->ty->kind == TYPE_INT);
    if (!index || !is_early_value(z, e, &rounded) || !rounded)
        return;
    kir_expr *value = kept_value(z, e);
    *slot = value ? value : e;
}

static void take_indices(kir_expr **slot, void *context) {
    kir_each_subexpr(slot, take_index, context);
}

/* ---- the loops --------------------------------------------------------------------------------------------------------------- */

static kir_expr *ref(indexer *z, kir_var *v) {
    return kir_ref(z->m, v, z->at);
}

static kir_expr *op(indexer *z, kir_op o, kir_expr *a, kir_expr *b) {
    return kir_binary(z->m, o, a, b, z->at);
}

static void put(indexer *z, kir_block *out, kir_var *v, kir_expr *e) {
    vec_push(z->m->a, out, kir_assign(z->m, v, e, z->at));
}

static kir_stmt *block_loop(indexer *z, kir_var *v, kir_block *out) {
    kir_stmt *s =
        kir_for(z->m, v, ref(z, z->begin), ref(z, z->end), kir_int(z->m, 1, z->at), z->loop->loop->kind, z->at);
    vec_push(z->m->a, out, s);
    return s;
}

typedef struct shortening {
    indexer *z;
    VEC(kir_expr *) tested; /* wrapped indices of which early checks ask that they are not negative */
} shortening;

static void find_tested(shortening *h, kir_expr *e) {
    int64_t zero;
    if (e->kind != KIR_BINARY)
        return;
    for (uint32_t k = 0; e->op == KIR_OP_AND && k < 2; k++)
        find_tested(h, e->args[k]);
    if (e->op == KIR_OP_GE && e->args[0]->kind == KIR_WRAP && kir_is_const_int(e->args[1], &zero) && zero == 0)
        vec_push(h->z->scratch, &h->tested, e->args[0]);
}

static bool is_long_rounding(const kir_expr *e) {
    return e->kind == KIR_CAST && e->ty->kind == TYPE_INT && e->ty->bits == 64 && e->ty->is_signed &&
           e->args[0]->ty->kind == TYPE_FLOAT;
}

/* The index `e` of an early check: -1 where it is a float too large for an integer, or none. */
static kir_expr *fit(shortening *h, kir_expr *e) {
    if (!is_long_rounding(e))
        return e;
    kir_module *m = h->z->m;
    kir_expr *x = e->args[0], *most = kir_const_float(m, x->ty, 0x1p63, x->at);
    kir_expr *fits = kir_binary(m, KIR_OP_LT, kir_unary(m, KIR_OP_ABS, kir_copy_expr(m, x, NULL), x->at), most, x->at);
    return kir_select(m, fits, e, kir_int(m, -1, x->at), x->at);
}

/* Those that count from the end are left to the exact loop. */
static void drop_wrap(kir_expr **slot, void *context) {
    shortening *h = context;
    for (uint32_t i = 0; i < h->tested.len; i++)
        if (kir_expr_equal(*slot, h->tested.at[i])) {
            *slot = fit(h, (*slot)->args[0]);
            return;
        }
}

/* `value`, which is assigned to v (NULL: to nothing), with the shorter ways. */
static kir_expr *shorten(shortening *h, const kir_var *v, kir_expr *value) {
    bool tested = false;
    value = kir_copy_expr(h->z->m, value, NULL);
    for (uint32_t i = 0; i < h->tested.len; i++) {
        const kir_expr *index = h->tested.at[i]->args[0];
        tested |= v && index->kind == KIR_VAR && index->var == v;
    }
    kir_each_subexpr(&value, drop_wrap, h);
    return tested ? fit(h, value) : value;
}

/* The early statements of a block, in vectors. */
static void put_early(indexer *z, kir_block *out) {
    kir_map *map = kir_map_new(z->m);
    kir_var *j = kir_temp_new(z->m, z->f, z->loop->var->ty, z->at);
    kir_stmt *loop = block_loop(z, j, out);
    loop->loop->class = KIR_CLASS_INDEPENDENT;
    loop->loop->vector = true;
    kir_map_expr(map, z->loop->var, ref(z, j));
    shortening h = {.z = z};
    for (uint32_t i = 0; i < z->loop->body.len; i++)
        if (z->is_early[i] && z->loop->body.at[i]->kind == KIR_CHECK)
            find_tested(&h, z->loop->body.at[i]->value);
    for (uint32_t i = 0; i < z->loop->body.len; i++) {
        kir_stmt *s = z->loop->body.at[i];
        if (!z->is_early[i])
            continue;
        kir_expr *value = kir_copy_expr(z->m, shorten(&h, s->kind == KIR_ASSIGN ? s->var : NULL, s->value), map);
        if (s->kind == KIR_ASSIGN) {
            kir_var *own = kir_temp_new(z->m, z->f, s->var->ty, s->at);
            put(z, &loop->body, own, value);
            kir_map_expr(map, s->var, ref(z, own));
        } else {
            put(z, &loop->body, z->ok, op(z, KIR_OP_AND, ref(z, z->ok), value));
        }
    }
    for (uint32_t k = 0; k < z->n_kept; k++) {
        kir_expr *at = op(z, KIR_OP_SUB, ref(z, j), ref(z, z->begin));
        kir_expr *value = kir_copy_expr(z->m, shorten(&h, NULL, z->kept[k]), map);
        vec_push(z->m->a, &loop->body, kir_store(z->m, z->memory[k], &at, 1, value, z->at));
    }
}

/* The loop as it was, for a block in which a check fails. */
static void put_exact(indexer *z, kir_block *out) {
    kir_map *map = pass_renamed_temps(z->m, z->f, z->scratch, &z->loop->body);
    kir_var *v = z->loop->var;
    if (v->is_temp) {
        v = kir_temp_new(z->m, z->f, v->ty, z->at);
        kir_map_expr(map, z->loop->var, ref(z, v));
    }
    kir_stmt *s = block_loop(z, v, out);
    s->body = kir_copy_block(z->m, &z->loop->body, map);
    s->loop->cold = true;
}

static kir_stmt *late_loop(indexer *z, kir_var *v, kir_expr *lo, kir_expr *hi, int64_t step, kir_block *out) {
    kir_stmt *s = kir_for(z->m, v, lo, hi, kir_int(z->m, step, z->at), z->loop->loop->kind, z->at);
    *s->loop = *z->loop->loop;
    s->loop->id = 0;
    vec_push(z->m->a, out, s);
    return s;
}

/* What was early is read from memory, and its checks are made. Four iterations at a time: little is left of each. */
static void put_late(indexer *z, kir_block *out) {
    kir_block body = {0};
    for (uint32_t k = 0; k < z->n_kept; k++) {
        kir_expr *at = op(z, KIR_OP_SUB, ref(z, z->loop->var), ref(z, z->begin));
        put(z, &body, z->value[k], kir_load(z->m, z->memory[k], &at, 1, z->at));
    }
    for (uint32_t i = 0; i < z->loop->body.len; i++)
        if (z->loop->body.at[i]->kind != KIR_CHECK || !z->is_early[i])
            vec_push(z->m->a, &body, z->loop->body.at[i]);
    kir_var *v = kir_temp_new(z->m, z->f, z->loop->var->ty, z->at);
    kir_var *rest = kir_temp_new(z->m, z->f, z->loop->var->ty, z->at);
    kir_expr *whole = op(z, KIR_OP_SHR, op(z, KIR_OP_SUB, ref(z, z->end), ref(z, z->begin)), kir_int(z->m, 2, z->at));
    whole = op(z, KIR_OP_MUL, whole, kir_int(z->m, AT_A_TIME, z->at));
    put(z, out, rest, op(z, KIR_OP_ADD, ref(z, z->begin), whole));
    kir_stmt *fours = late_loop(z, v, ref(z, z->begin), ref(z, rest), AT_A_TIME, out);
    for (int64_t q = 0; q < AT_A_TIME; q++) {
        kir_map *map = pass_renamed_temps(z->m, z->f, z->scratch, &body);
        kir_map_expr(map, z->loop->var, q ? op(z, KIR_OP_ADD, ref(z, v), kir_int(z->m, q, z->at)) : ref(z, v));
        kir_block copy = kir_copy_block(z->m, &body, map);
        kir_block_append(z->m, &fours->body, &copy);
    }
    late_loop(z, z->loop->var, ref(z, rest), ref(z, z->end), 1, out)->body = body;
    if (!z->loop->var->is_temp) /* which keeps what the last iteration had */
        put(z, out, z->loop->var, op(z, KIR_OP_SUB, ref(z, z->end), kir_int(z->m, 1, z->at)));
}

static kir_expr *end_of_block(indexer *z) {
    type *u64 = type_int(z->m->types, 64, false);
    kir_expr *left =
        kir_cast(z->m, op(z, KIR_OP_SUB, kir_copy_expr(z->m, z->loop->hi, NULL), ref(z, z->begin)), u64, z->at);
    kir_expr *is_last = op(z, KIR_OP_LE, left, kir_const_int(z->m, u64, BLOCK, z->at));
    kir_expr *next = op(z, KIR_OP_ADD, ref(z, z->begin), kir_int(z->m, BLOCK, z->at));
    return kir_select(z->m, is_last, kir_copy_expr(z->m, z->loop->hi, NULL), next, z->at);
}

static void put_memory(indexer *z, kir_block *out) {
    for (uint32_t k = 0; k < z->n_kept; k++) {
        type *ty = type_array(z->m->types, z->kept[k]->ty, 1, LAYOUT_C, false, true);
        kir_expr *alloc = kir_expr_new(z->m, KIR_ALLOC, ty, 1, z->at);
        alloc->args[0] = kir_int(z->m, BLOCK, z->at);
        z->memory[k] = kir_temp_new(z->m, z->f, ty, z->at);
        put(z, out, z->memory[k], alloc);
    }
}

static void tell(indexer *z) {
    for (uint32_t i = 1; i < z->m->report.len; i++) {
        kir_report *r = &z->m->report.at[i];
        if (r->at.line == z->at.line && r->at.col == z->at.col && !r->tile)
            r->tile = "indices of 256 iterations at a time";
    }
}

static void cut(indexer *z, kir_block *out) {
    kir_module *m = z->m;
    type *i64 = type_int64(m->types);
    z->begin = kir_temp_new(m, z->f, i64, z->at);
    z->end = kir_temp_new(m, z->f, i64, z->at);
    z->ok = kir_var_new(m, z->f, NULL, type_bool(m->types), z->at);
    kir_stmt *versions = kir_stmt_new(m, KIR_IF, z->at);
    put_exact(z, &versions->orelse);
    for (uint32_t i = 0; i < z->loop->body.len; i++)
        if (!z->is_early[i])
            kir_each_expr(z->loop->body.at[i], take_indices, z);
    put_memory(z, out);
    kir_expr *hi = kir_copy_expr(m, z->loop->hi, NULL), *size = kir_int(m, BLOCK, z->at);
    kir_stmt *blocks = kir_for(m, z->begin, z->loop->lo, hi, size, z->loop->loop->kind, z->at);
    blocks->loop->id = z->loop->loop->id;
    blocks->loop->class = KIR_CLASS_CARRIED;
    put(z, &blocks->body, z->end, end_of_block(z));
    put(z, &blocks->body, z->ok, kir_bool(m, true, z->at));
    put_early(z, &blocks->body);
    versions->value = ref(z, z->ok);
    put_late(z, &versions->body);
    vec_push(m->a, &blocks->body, versions);
    vec_push(m->a, out, blocks);
    tell(z);
}

static void cut_in_block(indexer *z, kir_block *b) {
    kir_block out = {0};
    for (uint32_t i = 0; i < b->len; i++) {
        kir_stmt *s = b->at[i];
        z->loop = s;
        z->at = s->at;
        if (is_candidate(z)) {
            cut(z, &out);
            continue;
        }
        cut_in_block(z, &s->body);
        cut_in_block(z, &s->orelse);
        vec_push(z->m->a, &out, s);
    }
    *b = out;
}

bool indices_run(pass_context *c) {
    for (uint32_t i = 0; i < c->m->fns.len; i++) {
        kir_fn *f = c->m->fns.at[i];
        indexer z = {.m = c->m, .f = f, .scratch = c->scratch, .aliases = alias_new(c->scratch, f)};
        if (f->kind != KIR_FN_REGION && !f->cold)
            cut_in_block(&z, &f->body);
    }
    return true;
}
