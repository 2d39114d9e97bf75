/* jam: a block of iterations of two outer loops inside the innermost one.
 *
 *   for %i in [..) { for %k in [..) { for %j in [l(i,k), h(i,k)) { body(i, k, j) } } }
 *   →   for %i by 4 { for %k by 4 {
 *           %l = max of l over the block; %h = min of h
 *           for %j in [l, %l) …                                         one iteration after the other
 *           for %j in [%l, %h) { body(i, k, j); body(i, k+1, j); …; body(i+3, k+3, j) }
 *           for %j in [%h, h) …
 *       } } and the iterations that fill no block
 *
 * The three loops are permutable (every dependence goes forward or nowhere in each of them), so that any cut of the
 * iteration space into blocks whose corners follow one another may run block by block. Bounds of an inner loop are
 * maxima and minima of affine functions of the outer variables: their extremes over a block are at its corners.
 *
 * Where a whole strip of the innermost loop fits the registers, the middle loop, which is the sum, goes inside instead:
 *
 *       %r0[l] = a[%i, %j + l], %r1[l] = a[%i + 1, %j + l], …                  for all l of the strip
 *       for %k in [..) { for %l of the strip { %r0[l] = %r0[l] + f(i, k, j + l); %r1[l] = … } }
 *       a[%i, %j + l] = %r0[l], …
 *
 * Each loop over %l becomes one vector and the arrays %r registers (`abreast`): nothing is stored while the sum runs, and
 * what is loaded serves all rows. That is done only when nothing else in the nest reads the array that is updated.
 *
 * Of strips that end early, lanes beyond the end are computed and not stored: elements come and go through memory with room
 * for them, or under masks where the processor has them.
 *
 * A nest over packed memory with little work runs row by row, in the loops that are there for rows which fill no block; the blocks are then
 * code that a call may never need, and stand apart (kir_loop_info.apart).
 *
 * The element that body updates (a[e] = a[e] + …) lives in a variable: through the copies over k when e does not mention k,
 * and through the whole inner loop when e does not mention j. Loads that do not depend on j are made before it. */
#include "passes/jam.h"
#include "passes/passes.h"

enum { PACKED_MOST = 2 };

typedef struct jamming {
    const jam *j;
    kir_module *m;
    span at;
    kir_var *x, *z;         /* first row and column of the block; x may be NULL */
    kir_var *first, *count; /* iteration of the strip, and how many it has */
    kir_var *base;          /* first iteration of middle that is packed; NULL: nothing is */
    kir_var *packed[PACKED_MOST];
    const kir_stmt *packed_load[PACKED_MOST];
    uint32_t n_packed;
} jamming;

/* ---- expressions ------------------------------------------------------------------------------------------------------- */

static kir_expr *number(jamming *g, int64_t x) {
    return kir_int(g->m, x, g->at);
}

static kir_expr *op(jamming *g, kir_op o, kir_expr *a, kir_expr *b) {
    return kir_binary(g->m, o, a, b, g->at);
}

static kir_expr *copy(jamming *g, const kir_expr *e) {
    return kir_copy_expr(g->m, e, NULL);
}

static kir_expr *shifted(jamming *g, kir_var *v, int64_t by) {
    kir_expr *e = kir_ref(g->m, v, g->at);
    return by ? op(g, KIR_OP_ADD, e, number(g, by)) : e;
}

static kir_expr *hold(jamming *g, kir_block *out, kir_expr *e) {
    if (e->kind == KIR_CONST || (e->kind == KIR_VAR && e->var->is_temp))
        return e;
    kir_var *t = kir_temp_new(g->m, g->j->f, type_int64(g->m->types), g->at);
    vec_push(g->m->a, out, kir_assign(g->m, t, e, g->at));
    return kir_ref(g->m, t, g->at);
}

static kir_map *block_map(jamming *g, int64_t row, int64_t column) {
    kir_map *map = kir_map_new(g->m);
    if (g->x)
        kir_map_expr(map, g->j->outer->var, shifted(g, g->x, row));
    if (g->z)
        kir_map_expr(map, g->j->middle->var, shifted(g, g->z, column));
    return map;
}

static bool mentions(const kir_expr *e, const kir_stmt *loop) {
    return loop && vars_mentions((kir_expr *)(uintptr_t)e, loop->var);
}

/* Extreme of a bound over the corners of the block. */
static kir_expr *extreme(jamming *g, const kir_expr *e, kir_op which, bool columns) {
    int64_t rows[2] = {0, g->j->rows - 1}, across[2] = {0, g->j->columns - 1};
    int n_rows = mentions(e, g->j->outer) ? 2 : 1, n_across = columns && mentions(e, g->j->middle) ? 2 : 1;
    kir_expr *all = NULL;
    for (int r = 0; r < n_rows; r++)
        for (int c = 0; c < n_across; c++) {
            kir_expr *corner = kir_copy_expr(g->m, e, block_map(g, rows[r], across[c]));
            all = all ? op(g, which, all, corner) : corner;
        }
    return all;
}

/* ---- loops --------------------------------------------------------------------------------------------------------------- */

static kir_stmt *like(jamming *g, const kir_stmt *loop, kir_block *out, kir_expr *lo, kir_expr *hi, int64_t step) {
    kir_var *v = kir_temp_new(g->m, g->j->f, loop->var->ty, g->at);
    kir_stmt *s = kir_for(g->m, v, lo, hi, number(g, step), loop->loop->kind, g->at);
    *s->loop = *loop->loop;
    s->loop->id = 0;
    vec_push(g->m->a, out, s);
    return s;
}

static void put_copy(jamming *g, const kir_block *b, kir_map *map, kir_block *out) {
    kir_block c = kir_copy_block(g->m, b, map);
    kir_block_append(g->m, out, &c);
}

/* Row after row: for y in [first row of the block, + rows) … with the outer variable standing for y. */
static kir_block *one_by_one(jamming *g, const kir_stmt *loop, kir_var *first, uint32_t n, kir_block *out,
                             kir_var **v) {
    if (!loop) {
        *v = NULL;
        return out;
    }
    kir_stmt *s = like(g, loop, out, shifted(g, first, 0), shifted(g, first, n), 1);
    *v = s->var;
    return &s->body;
}

static bool forget_id(kir_stmt *s, void *context) {
    (void)context;
    if (s->kind == KIR_FOR)
        s->loop->id = 0;
    return true;
}

static bool make_scalar(kir_stmt *s, void *context) {
    (void)context;
    if (s->kind == KIR_FOR)
        s->loop->vector = false;
    return true;
}

/* A plain loop over the part [lo, hi) of `loop`, where the outer variables stand for y (and w). */
static void put_part(jamming *g, const kir_stmt *loop, kir_var *y, kir_var *w, kir_expr *lo, kir_expr *hi, bool narrow,
                     kir_block *out) {
    kir_block one = {0};
    kir_stmt *part = like(g, loop, &one, lo, hi, 1);
    kir_map *map = pass_renamed_temps(g->m, g->j->f, g->j->scratch, (kir_block *)(uintptr_t)&loop->body);
    if (y)
        kir_map_expr(map, g->j->outer->var, shifted(g, y, 0));
    if (w)
        kir_map_expr(map, g->j->middle->var, shifted(g, w, 0));
    kir_map_expr(map, loop->var, shifted(g, part->var, 0));
    put_copy(g, &loop->body, map, &part->body);
    kir_each_stmt(&part->body, forget_id, NULL);
    if (narrow)
        kir_each_stmt(&one, make_scalar, NULL);
    vec_push(g->m->a, out, part);
}

static kir_expr *at_row(jamming *g, const kir_expr *e, kir_var *y, kir_var *w) {
    kir_map *map = kir_map_new(g->m);
    if (y)
        kir_map_expr(map, g->j->outer->var, shifted(g, y, 0));
    if (w)
        kir_map_expr(map, g->j->middle->var, shifted(g, w, 0));
    return kir_copy_expr(g->m, e, map);
}

/* ---- the block --------------------------------------------------------------------------------------------------------------- */

typedef struct element { /* the updated element of one row or one copy, in a variable */
    kir_var *value;
} element;

static bool store_mentions(const jam *j, const kir_stmt *loop) {
    for (uint32_t i = 0; i < j->store->index.len; i++)
        if (mentions(j->store->index.at[i], loop))
            return true;
    return false;
}

/* A load of an array that the nest only reads, by subscripts of the loops' variables. */
static bool is_movable(const jam *j, const kir_stmt *s) {
    if (s == j->load || s->kind != KIR_ASSIGN || s->value->kind != KIR_LOAD || !s->var->is_temp ||
        vars_has(j->written, s->value->var))
        return false;
    for (uint32_t i = 0; i < s->value->n_args; i++) {
        kir_expr *e = s->value->args[i];
        for (uint32_t k = 0; k < j->inner->body.len; k++) {
            const kir_stmt *t = j->inner->body.at[k];
            if (t->kind != KIR_ASSIGN && t->kind != KIR_STORE)
                return false;
            if (t->kind == KIR_ASSIGN && vars_mentions(e, t->var))
                return false;
        }
    }
    return true;
}

static bool changes_within(const jam *j, const kir_stmt *load) {
    for (uint32_t i = 0; i < load->value->n_args; i++)
        if (mentions(load->value->args[i], j->inner))
            return true;
    return false;
}

static kir_expr *element_load(jamming *g, kir_map *map) {
    const kir_stmt *s = g->j->store;
    kir_expr *index[TYPE_MAX_NDIM];
    for (uint32_t i = 0; i < s->index.len; i++)
        index[i] = kir_copy_expr(g->m, s->index.at[i], map);
    return kir_load(g->m, s->var, index, s->index.len, g->at);
}

static kir_stmt *element_store(jamming *g, kir_map *map, kir_var *value) {
    const kir_stmt *s = g->j->store;
    kir_expr *index[TYPE_MAX_NDIM];
    for (uint32_t i = 0; i < s->index.len; i++)
        index[i] = kir_copy_expr(g->m, s->index.at[i], map);
    return kir_store(g->m, s->var, index, s->index.len, kir_ref(g->m, value, g->at), g->at);
}

typedef struct places { /* where the copies' statements go: before the loop, first and then in its body, after it */
    kir_block early, first, body, late;
} places;

/* One copy of the body at (row, column), whose update reads `from` (NULL: memory) and leaves its value in `to` (NULL:
 * memory). Loads that may move come first, where equal ones of several copies are seen to be equal. */
static void put_body(jamming *g, kir_map *map, kir_var *from, kir_var *to, places *out) {
    const jam *j = g->j;
    for (uint32_t i = 0; i < j->inner->body.len; i++) {
        kir_stmt *s = j->inner->body.at[i];
        kir_block one = {.at = &s, .len = 1, .cap = 1};
        kir_stmt *c = kir_copy_block(g->m, &one, map).at[0];
        if (s == j->load && from)
            c->value = kir_ref(g->m, from, g->at);
        if (s == j->store && to)
            c = kir_assign(g->m, to, c->value, g->at);
        kir_block *b = !is_movable(j, s) ? &out->body : changes_within(j, s) ? &out->first : &out->early;
        vec_push(g->m->a, b, c);
    }
}

static kir_map *body_map(jamming *g, const kir_stmt *inner, int64_t row, int64_t column) {
    const jam *j = g->j;
    kir_map *map = pass_renamed_temps(g->m, j->f, j->scratch, &j->inner->body);
    if (g->x)
        kir_map_expr(map, j->outer->var, shifted(g, g->x, row));
    kir_map_expr(map, j->middle->var, shifted(g, g->z, column));
    kir_map_expr(map, j->inner->var, shifted(g, inner->var, 0));
    return map;
}

static kir_var *value_var(jamming *g, bool temp) {
    kir_var *v = kir_var_new(g->m, g->j->f, NULL, g->j->store->var->ty->dtype, g->at);
    v->is_temp = temp;
    return v;
}

/* All copies; the element stays in memory but within a chain over the columns. */
static void put_copies(jamming *g, kir_stmt *inner, places *out) {
    const jam *j = g->j;
    bool chains = j->store && !store_mentions(j, j->middle);
    for (uint32_t r = 0; r < j->rows; r++) {
        kir_var *last = NULL;
        for (uint32_t c = 0; c < j->columns; c++) {
            kir_var *to = chains && c + 1 < j->columns ? value_var(g, true) : NULL;
            put_body(g, body_map(g, inner, r, c), last, to, out);
            last = to;
        }
    }
}

/* The elements live in variables during the inner loop. */
static void put_accumulators(jamming *g, kir_stmt *inner, places *out) {
    const jam *j = g->j;
    bool chains = !store_mentions(j, j->middle);
    for (uint32_t r = 0; r < j->rows; r++) {
        kir_var *v = NULL;
        for (uint32_t c = 0; c < j->columns; c++) {
            if (!v || !chains) {
                v = value_var(g, false);
                vec_push(g->m->a, &out->early, kir_assign(g->m, v, element_load(g, block_map(g, r, c)), g->at));
                vec_push(g->m->a, &out->late, element_store(g, block_map(g, r, c), v));
            }
            put_body(g, body_map(g, inner, r, c), v, v, out);
        }
    }
}

static void jam_inner(jamming *g, kir_block *out) {
    const jam *j = g->j;
    const kir_stmt *loop = j->inner;
    bool low = mentions(loop->lo, j->outer) || mentions(loop->lo, j->middle);
    bool high = mentions(loop->hi, j->outer) || mentions(loop->hi, j->middle);
    kir_expr *lo = hold(g, out, extreme(g, loop->lo, KIR_OP_MAX, true));
    kir_expr *hi = hold(g, out, extreme(g, loop->hi, KIR_OP_MIN, true));
    kir_var *y, *w;
    if (low) {
        kir_block *b = one_by_one(g, j->outer, g->x, j->rows, out, &y);
        b = one_by_one(g, j->middle, g->z, j->columns, b, &w);
        kir_expr *end = op(g, KIR_OP_MIN, copy(g, lo), at_row(g, loop->hi, y, w));
        put_part(g, loop, y, w, at_row(g, loop->lo, y, w), end, true, b);
    }
    kir_stmt *some = kir_stmt_new(g->m, KIR_IF, g->at);
    some->value = op(g, KIR_OP_LT, copy(g, lo), copy(g, hi));
    vec_push(g->m->a, out, some);
    places made = {0};
    kir_block main = {0};
    kir_stmt *inner = like(g, loop, &main, copy(g, lo), copy(g, hi), 1);
    inner->loop->id = loop->loop->id;
    if (j->store && !store_mentions(j, loop) && (!j->outer || store_mentions(j, j->outer)))
        put_accumulators(g, inner, &made);
    else
        put_copies(g, inner, &made);
    kir_block_append(g->m, &some->body, &made.early);
    kir_block_append(g->m, &inner->body, &made.first);
    kir_block_append(g->m, &inner->body, &made.body);
    kir_block_append(g->m, &some->body, &main);
    kir_block_append(g->m, &some->body, &made.late);
    if (low || high) {
        kir_block *b = one_by_one(g, j->outer, g->x, j->rows, out, &y);
        b = one_by_one(g, j->middle, g->z, j->columns, b, &w);
        kir_expr *from = op(g, KIR_OP_MAX, copy(g, lo), copy(g, hi));
        put_part(g, loop, y, w, from, at_row(g, loop->hi, y, w), true, b);
    }
}

/* ---- strips in registers ---------------------------------------------------------------------------------------------- */

static kir_stmt *lane_loop(jamming *g, kir_block *out) {
    kir_module *m = g->m;
    kir_var *lane = kir_temp_new(m, g->j->f, type_int64(m->types), g->at);
    kir_stmt *loop =
        kir_for(m, lane, number(g, 0), number(g, g->j->strip), number(g, 1), g->j->inner->loop->kind, g->at);
    loop->loop->class = KIR_CLASS_INDEPENDENT;
    loop->loop->vector = loop->loop->abreast = loop->loop->few = true;
    vec_push(m->a, out, loop);
    return loop;
}

static kir_map *lane_map(jamming *g, kir_var *first, const kir_stmt *lanes, uint32_t row) {
    kir_map *map = block_map(g, row, 0);
    kir_expr *at = op(g, KIR_OP_ADD, kir_ref(g->m, first, g->at), kir_ref(g->m, lanes->var, g->at));
    kir_map_expr(map, g->j->inner->var, at);
    return map;
}

static kir_expr *kept(jamming *g, kir_var *array, const kir_stmt *lanes) {
    kir_expr *at = kir_ref(g->m, lanes->var, g->at);
    return kir_load(g->m, array, &at, 1, g->at);
}

static kir_expr *packed_value(jamming *g, const kir_stmt *load, const kir_stmt *sum, const kir_stmt *lanes) {
    for (uint32_t i = 0; i < g->n_packed; i++)
        if (g->packed_load[i] == load) {
            kir_expr *depth = op(g, KIR_OP_SUB, kir_ref(g->m, sum->var, g->at), kir_ref(g->m, g->base, g->at));
            kir_expr *at[2] = {depth, kir_ref(g->m, lanes->var, g->at)};
            return kir_load(g->m, g->packed[i], at, 2, g->at);
        }
    return NULL;
}

static void keep(jamming *g, kir_var *array, kir_stmt *lanes, kir_expr *value) {
    kir_expr *at = kir_ref(g->m, lanes->var, g->at);
    vec_push(g->m->a, &lanes->body, kir_store(g->m, array, &at, 1, value, g->at));
}

/* One row's copy of the body: what is the same for all lanes goes in front of their loop, loads first in it, where equal
 * ones of several rows are seen to be equal. */
static void put_row(jamming *g, kir_map *map, kir_var *array, kir_stmt *sum, kir_block *loads, kir_stmt *lanes) {
    const jam *j = g->j;
    kir_map_expr(map, j->inner->var, op(g, KIR_OP_ADD, shifted(g, g->first, 0), shifted(g, lanes->var, 0)));
    var_set own = vars_new(j->scratch, j->f);
    vars_add(&own, j->inner->var);
    for (uint32_t i = 0; i < j->inner->body.len; i++) {
        kir_stmt *s = j->inner->body.at[i];
        kir_block one = {.at = &s, .len = 1, .cap = 1};
        kir_stmt *c = kir_copy_block(g->m, &one, map).at[0];
        if (s == j->store) {
            keep(g, array, lanes, c->value);
            continue;
        }
        var_set read = vars_new(j->scratch, j->f);
        vars_read_by_expr(s->value, &read);
        bool varies = s == j->load;
        for (uint32_t w = 0; w < read.words && w < own.words; w++)
            varies |= (read.bits[w] & own.bits[w]) != 0;
        if (varies)
            vars_add(&own, s->var);
        if (s == j->load)
            c->value = kept(g, array, lanes);
        kir_expr *packed = packed_value(g, s, sum, lanes);
        if (packed)
            c->value = packed;
        vec_push(g->m->a, !varies ? &sum->body : is_movable(j, s) ? loads : &lanes->body, c);
    }
}

static kir_var *row_array(jamming *g, kir_block *out) {
    type *row = type_array(g->m->types, g->j->store->var->ty->dtype, 1, LAYOUT_C, false, true);
    kir_expr *alloc = kir_expr_new(g->m, KIR_ALLOC, row, 1, g->at);
    alloc->args[0] = number(g, g->j->strip);
    kir_var *v = kir_temp_new(g->m, g->j->f, row, g->at);
    vec_push(g->m->a, out, kir_assign(g->m, v, alloc, g->at));
    return v;
}

static kir_expr *zero_of(jamming *g, type *ty) {
    return ty->kind == TYPE_FLOAT ? kir_const_float(g->m, ty, 0.0, g->at) : kir_const_int(g->m, ty, 0, g->at);
}

/* The lanes of a row that there are. */
static kir_stmt *part_loop(jamming *g, kir_block *out) {
    kir_var *lane = kir_temp_new(g->m, g->j->f, type_int64(g->m->types), g->at);
    kir_expr *count = kir_ref(g->m, g->count, g->at);
    kir_stmt *loop = kir_for(g->m, lane, number(g, 0), count, number(g, 1), g->j->inner->loop->kind, g->at);
    loop->loop->class = KIR_CLASS_INDEPENDENT;
    loop->loop->vector = true;
    vec_push(g->m->a, out, loop);
    return loop;
}

/* to[l] = from[l] for the lanes of a loop; NULL: the elements of row r. */
static void put_moves(jamming *g, kir_stmt *lanes, kir_var *to, kir_var *from, uint32_t r) {
    kir_var *value = kir_temp_new(g->m, g->j->f, g->j->store->var->ty->dtype, g->at);
    kir_map *map = lane_map(g, g->first, lanes, r);
    kir_expr *e = from ? kept(g, from, lanes) : element_load(g, map);
    vec_push(g->m->a, &lanes->body, kir_assign(g->m, value, e, g->at));
    if (to)
        keep(g, to, lanes, kir_ref(g->m, value, g->at));
    else
        vec_push(g->m->a, &lanes->body, element_store(g, map, value));
}

/* Opens `if` the lane is one that there is. */
static kir_block *when_there(jamming *g, kir_stmt *lanes) {
    kir_stmt *s = kir_stmt_new(g->m, KIR_IF, g->at);
    s->value = op(g, KIR_OP_LT, kir_ref(g->m, lanes->var, g->at), kir_ref(g->m, g->count, g->at));
    vec_push(g->m->a, &lanes->body, s);
    return &s->body;
}

/* to[l] = e(l) for the lanes that there are, zero beyond. */
static void put_masked_load(jamming *g, kir_stmt *lanes, kir_var *const *to, kir_expr *const *e, uint32_t n) {
    kir_module *m = g->m;
    kir_var **value = arena_array(g->j->scratch, kir_var *, n + 1);
    for (uint32_t r = 0; r < n; r++) {
        value[r] = kir_var_new(m, g->j->f, NULL, e[r]->ty, g->at);
        vec_push(m->a, &lanes->body, kir_assign(m, value[r], zero_of(g, e[r]->ty), g->at));
    }
    kir_block *there = when_there(g, lanes);
    for (uint32_t r = 0; r < n; r++) {
        kir_var *loaded = kir_temp_new(m, g->j->f, e[r]->ty, g->at);
        vec_push(m->a, there, kir_assign(m, loaded, e[r], g->at));
        vec_push(m->a, there, kir_assign(m, value[r], kir_ref(m, loaded, g->at), g->at));
    }
    for (uint32_t r = 0; r < n; r++)
        keep(g, to[r], lanes, kir_ref(m, value[r], g->at));
}

/* The rows' elements come and go under masks: before the sum runs, and after it. */
static void put_masked_moves(jamming *g, kir_stmt *begin, kir_stmt *end, kir_var *const *arrays, uint32_t rows) {
    kir_module *m = g->m;
    kir_expr **loads = arena_array(g->j->scratch, kir_expr *, rows + 1);
    kir_var **value = arena_array(g->j->scratch, kir_var *, rows + 1);
    for (uint32_t r = 0; r < rows; r++) {
        loads[r] = element_load(g, lane_map(g, g->first, begin, r));
        value[r] = kir_temp_new(m, g->j->f, loads[r]->ty, g->at);
        vec_push(m->a, &end->body, kir_assign(m, value[r], kept(g, arrays[r], end), g->at));
    }
    put_masked_load(g, begin, arrays, loads, rows);
    kir_block *there = when_there(g, end);
    for (uint32_t r = 0; r < rows; r++)
        vec_push(m->a, there, element_store(g, lane_map(g, g->first, end, r), value[r]));
}

/* rows × strip elements in registers while the middle loop runs from lo to hi. Of a strip that may not be whole (`part`)
 * the elements come and go by way of memory that has room for all lanes: what is computed in lanes beyond stays there. */
static void put_strip(jamming *g, uint32_t rows, bool part, bool named, kir_expr *lo, kir_expr *hi, kir_block *out) {
    const jam *j = g->j;
    bool masked = part && j->masks;
    kir_block ends = {0}, lasts = {0}, body = {0}, loads = {0};
    kir_var **arrays = arena_array(j->scratch, kir_var *, rows), **room = arena_array(j->scratch, kir_var *, rows);
    for (uint32_t r = 0; r < rows; r++) {
        arrays[r] = row_array(g, out);
        room[r] = part && !masked ? row_array(g, out) : NULL;
    }
    if (part && !masked) {
        kir_stmt *clear = lane_loop(g, out), *first = part_loop(g, out), *last = part_loop(g, &lasts);
        for (uint32_t r = 0; r < rows; r++) {
            keep(g, room[r], clear, zero_of(g, j->store->var->ty->dtype));
            put_moves(g, first, room[r], NULL, r);
            put_moves(g, last, NULL, room[r], r);
        }
    }
    kir_stmt *begin = lane_loop(g, out), *end = lane_loop(g, &ends);
    kir_stmt *sum = like(g, j->middle, out, lo, hi, 1);
    sum->loop->id = named ? j->middle->loop->id : 0;
    sum->loop->vector = false;
    kir_stmt *lanes = lane_loop(g, &body);
    lanes->loop->id = named ? j->inner->loop->id : 0;
    if (masked)
        put_masked_moves(g, begin, end, arrays, rows);
    for (uint32_t r = 0; r < rows; r++) {
        if (!masked)
            put_moves(g, begin, arrays[r], room[r], r);
        kir_map *map = pass_renamed_temps(g->m, j->f, j->scratch, &j->inner->body);
        if (g->x)
            kir_map_expr(map, j->outer->var, shifted(g, g->x, r));
        kir_map_expr(map, j->middle->var, shifted(g, sum->var, 0));
        put_row(g, map, arrays[r], sum, &loads, lanes);
        if (!masked)
            put_moves(g, end, room[r], arrays[r], r);
    }
    kir_block_append(g->m, &loads, &lanes->body);
    lanes->body = loads;
    kir_block_append(g->m, &sum->body, &body);
    kir_block_append(g->m, out, &ends);
    kir_block_append(g->m, out, &lasts);
}

/* How many iterations the inner loop has for every row: as many as a strip, or fewer. It starts at g->first. */
static void count_lanes(jamming *g, kir_block *out) {
    const kir_stmt *loop = g->j->inner;
    g->first = kir_temp_new(g->m, g->j->f, type_int64(g->m->types), g->at);
    g->count = kir_temp_new(g->m, g->j->f, type_int64(g->m->types), g->at);
    vec_push(g->m->a, out, kir_assign(g->m, g->first, extreme(g, loop->lo, KIR_OP_MAX, false), g->at));
    kir_expr *all = op(g, KIR_OP_SUB, extreme(g, loop->hi, KIR_OP_MIN, false), shifted(g, g->first, 0));
    vec_push(g->m->a, out, kir_assign(g->m, g->count, all, g->at));
}

static kir_stmt *when_whole(jamming *g, kir_block *out) {
    kir_stmt *s = kir_stmt_new(g->m, KIR_IF, g->at);
    s->value = op(g, KIR_OP_EQ, kir_ref(g->m, g->count, g->at), number(g, g->j->strip));
    vec_push(g->m->a, out, s);
    return s;
}

/* Opens `if` the inner loop is a whole strip: there the strip goes; the rest goes to the other side, which is returned. */
static kir_block *choose_strip(jamming *g, const kir_expr *lo, const kir_expr *hi, kir_block *out) {
    if (!g->j->strip)
        return out;
    count_lanes(g, out);
    kir_stmt *whole = when_whole(g, out);
    put_strip(g, g->j->rows, false, true, copy(g, lo), copy(g, hi), &whole->body);
    return &whole->orelse;
}

/* First iteration that fills no block: lo + (number of whole blocks) * n. */
static kir_expr *rest_of(jamming *g, const kir_expr *lo, const kir_expr *hi, int64_t n) {
    kir_expr *trips = op(g, KIR_OP_MAX, op(g, KIR_OP_SUB, copy(g, hi), copy(g, lo)), number(g, 0));
    kir_expr *blocks = op(g, KIR_OP_MUL, op(g, KIR_OP_FLOORDIV, trips, number(g, n)), number(g, n));
    return op(g, KIR_OP_ADD, copy(g, lo), blocks);
}

static void jam_middle(jamming *g, kir_block *out) {
    const jam *j = g->j;
    const kir_stmt *loop = j->middle;
    kir_expr *lo = hold(g, out, extreme(g, loop->lo, KIR_OP_MAX, false));
    kir_expr *hi = hold(g, out, extreme(g, loop->hi, KIR_OP_MIN, false));
    kir_var *y;
    if (mentions(loop->lo, j->outer)) {
        kir_block *b = one_by_one(g, j->outer, g->x, j->rows, out, &y);
        kir_expr *end = op(g, KIR_OP_MIN, copy(g, lo), at_row(g, loop->hi, y, NULL));
        put_part(g, loop, y, NULL, at_row(g, loop->lo, y, NULL), end, false, b);
    }
    kir_block *blocks = choose_strip(g, lo, hi, out);
    kir_expr *rest = hold(g, blocks, rest_of(g, lo, hi, j->columns));
    kir_stmt *main = like(g, loop, blocks, copy(g, lo), copy(g, rest), j->columns);
    main->loop->id = j->strip ? 0 : loop->loop->id;
    g->z = main->var;
    jam_inner(g, &main->body);
    g->z = NULL;
    kir_block *b = one_by_one(g, j->outer, g->x, j->rows, blocks, &y);
    kir_expr *end = at_row(g, loop->hi, y, NULL);
    if (blocks != out && mentions(loop->hi, j->outer)) {
        put_part(g, loop, y, NULL, copy(g, rest), op(g, KIR_OP_MAX, copy(g, rest), copy(g, hi)), false, b);
        b = one_by_one(g, j->outer, g->x, j->rows, out, &y);
        rest = op(g, KIR_OP_MAX, copy(g, lo), copy(g, hi));
        end = at_row(g, loop->hi, y, NULL);
    }
    put_part(g, loop, y, NULL, rest, end, false, b);
}

/* ---- packing ------------------------------------------------------------------------------------------------------------- */

static void look_for_trap(kir_expr **slot, void *context) {
    const kir_expr *e = *slot;
    bool divides = e->kind == KIR_BINARY && (e->op == KIR_OP_FLOORDIV || e->op == KIR_OP_MOD ||
                                             e->op == KIR_OP_TRUNCDIV || e->op == KIR_OP_TRUNCMOD);
    *(bool *)context |= divides && type_is_integer(e->ty);
}

/* Loads that all rows make, along the strip. None are packed when there are other loads along it, or divisions that lanes
 * without a number could not do. */
static void find_packed(jamming *g) {
    const jam *j = g->j;
    bool even = j->outer && !mentions(j->middle->lo, j->outer) && !mentions(j->middle->hi, j->outer) &&
                !mentions(j->inner->lo, j->outer) && !mentions(j->inner->hi, j->outer);
    bool traps = false;
    for (uint32_t i = 0; even && i < j->inner->body.len; i++) {
        kir_stmt *s = j->inner->body.at[i];
        kir_each_subexpr(&s->value, look_for_trap, &traps);
        if (s == j->load || s->kind != KIR_ASSIGN || s->value->kind != KIR_LOAD || !changes_within(j, s))
            continue;
        for (uint32_t k = 0; k < s->value->n_args; k++)
            even &= !mentions(s->value->args[k], j->outer);
        even &= g->n_packed < PACKED_MOST && is_movable(j, s);
        if (even)
            g->packed_load[g->n_packed++] = s;
    }
    if (!even || traps)
        g->n_packed = 0;
}

/* Load i of those that are packed, at iteration `loop` of middle and lane `lanes`, and where it goes. */
static kir_expr *load_to_pack(jamming *g, uint32_t i, const kir_stmt *loop, const kir_stmt *lanes) {
    kir_map *map = kir_map_new(g->m);
    kir_map_expr(map, g->j->middle->var, shifted(g, loop->var, 0));
    kir_map_expr(map, g->j->inner->var, op(g, KIR_OP_ADD, shifted(g, g->first, 0), shifted(g, lanes->var, 0)));
    return kir_copy_expr(g->m, g->packed_load[i]->value, map);
}

static kir_stmt *store_packed(jamming *g, uint32_t i, const kir_stmt *loop, const kir_stmt *lanes, kir_expr *value) {
    kir_expr *at[2] = {op(g, KIR_OP_SUB, shifted(g, loop->var, 0), shifted(g, g->base, 0)), shifted(g, lanes->var, 0)};
    return kir_store(g->m, g->packed[i], at, 2, value, g->at);
}

static void pack_masked(jamming *g, kir_stmt *loop) {
    for (uint32_t i = 0; i < g->n_packed; i++) {
        kir_stmt *lanes = lane_loop(g, &loop->body);
        kir_var *value = kir_var_new(g->m, g->j->f, NULL, g->packed_load[i]->value->ty, g->at);
        kir_var *loaded = kir_temp_new(g->m, g->j->f, value->ty, g->at);
        vec_push(g->m->a, &lanes->body, kir_assign(g->m, value, zero_of(g, value->ty), g->at));
        kir_block *there = when_there(g, lanes);
        vec_push(g->m->a, there, kir_assign(g->m, loaded, load_to_pack(g, i, loop, lanes), g->at));
        vec_push(g->m->a, there, kir_assign(g->m, value, kir_ref(g->m, loaded, g->at), g->at));
        vec_push(g->m->a, &lanes->body, store_packed(g, i, loop, lanes, kir_ref(g->m, value, g->at)));
    }
}

/* Copies what the rows will load, for all of the middle loop, into memory that is contiguous; zeros where a strip ends
 * early. */
static void pack(jamming *g, kir_block *out) {
    const jam *j = g->j;
    kir_stmt *loop = like(g, j->middle, out, kir_ref(g->m, g->base, g->at), copy(g, j->middle->hi), 1);
    loop->loop->class = KIR_CLASS_INDEPENDENT;
    loop->loop->vector = true;
    if (j->masks) {
        pack_masked(g, loop);
        return;
    }
    kir_stmt *whole = when_whole(g, &loop->body);
    kir_stmt *lanes[3] = {lane_loop(g, &whole->body), part_loop(g, &whole->orelse), part_loop(g, &whole->orelse)};
    lanes[2]->lo = kir_ref(g->m, g->count, g->at);
    lanes[2]->hi = number(g, j->strip);
    for (uint32_t i = 0; i < g->n_packed; i++)
        for (uint32_t k = 0; k < 3; k++) {
            type *ty = g->packed_load[i]->value->ty;
            kir_expr *value = zero_of(g, ty);
            if (k < 2) {
                kir_var *v = kir_temp_new(g->m, j->f, ty, g->at);
                vec_push(g->m->a, &lanes[k]->body, kir_assign(g->m, v, load_to_pack(g, i, loop, lanes[k]), g->at));
                value = kir_ref(g->m, v, g->at);
            }
            vec_push(g->m->a, &lanes[k]->body, store_packed(g, i, loop, lanes[k], value));
        }
}

static void put_rows(jamming *g, const kir_expr *lo, const kir_expr *hi, uint32_t rows, bool part, bool named,
                     kir_block *out) {
    const jam *j = g->j;
    kir_stmt *loop = like(g, j->outer, out, copy(g, lo), copy(g, hi), rows);
    loop->loop->id = named ? j->outer->loop->id : 0;
    g->x = loop->var;
    put_strip(g, rows, part, named, kir_ref(g->m, g->base, g->at), copy(g, j->middle->hi), &loop->body);
    g->x = NULL;
}

/* Opens `if` there is work enough for blocks, and `also` holds: code that a call may do without. */
static kir_block *when_blocks_pay(jamming *g, kir_expr *also, kir_block *out) {
    kir_expr *pays = g->j->pays ? kir_ref(g->m, (kir_var *)(uintptr_t)g->j->pays, g->at) : NULL;
    kir_stmt *s = kir_stmt_new(g->m, KIR_IF, g->at);
    s->value = pays ? op(g, KIR_OP_AND, pays, also) : also;
    vec_push(g->m->a, out, s);
    return &s->body;
}

static void set_apart(const jamming *g, kir_block *b) {
    for (uint32_t i = 0; i < b->len && g->j->pays; i++)
        if (b->at[i]->kind == KIR_FOR)
            b->at[i]->loop->apart = true;
}

/* The nest over packed memory, when there are rows enough to pay for packing, else as it was. */
static void put_packed(jamming *g, const kir_expr *lo, const kir_expr *rest, const kir_expr *hi, kir_block *out) {
    const jam *j = g->j;
    kir_module *m = g->m;
    const kir_expr *from = rest;
    if (j->pays) {
        kir_expr *pays = kir_ref(m, (kir_var *)(uintptr_t)j->pays, g->at);
        from = hold(g, out, kir_select(m, pays, copy(g, rest), copy(g, lo), g->at));
    }
    for (uint32_t i = 0; i < g->n_packed; i++) {
        type *ty = type_array(m->types, g->packed_load[i]->value->ty, 2, LAYOUT_C, false, true);
        kir_expr *alloc = kir_expr_new(m, KIR_ALLOC, ty, 2, g->at);
        alloc->args[0] = number(g, j->depth);
        alloc->args[1] = number(g, j->strip);
        g->packed[i] = kir_temp_new(m, j->f, ty, g->at);
        vec_push(m->a, out, kir_assign(m, g->packed[i], alloc, g->at));
    }
    count_lanes(g, out);
    g->base = kir_temp_new(m, j->f, type_int64(m->types), g->at);
    vec_push(m->a, out, kir_assign(m, g->base, copy(g, j->middle->lo), g->at));
    kir_stmt *pays = kir_stmt_new(m, KIR_IF, g->at);
    kir_expr *rows = op(g, KIR_OP_GE, op(g, KIR_OP_SUB, copy(g, rest), copy(g, lo)), number(g, JAM_ROWS_TO_PACK));
    kir_expr *some = op(g, KIR_OP_GT, kir_ref(m, g->count, g->at), number(g, 0));
    pays->value = op(g, KIR_OP_AND, some, j->enough ? copy(g, j->enough) : rows);
    vec_push(m->a, out, pays);
    pack(g, &pays->body);
    for (int part = 0; part < 2; part++) {
        kir_expr *count = kir_ref(m, g->count, g->at);
        kir_expr *fits = op(g, part ? KIR_OP_LT : KIR_OP_EQ, count, number(g, j->strip));
        kir_block *blocks = when_blocks_pay(g, fits, &pays->body);
        put_rows(g, lo, rest, j->rows, part, !part, blocks);
        set_apart(g, blocks);
    }
    put_rows(g, from, hi, 1, true, false, &pays->body);
    put_part(g, j->outer, NULL, NULL, copy(g, lo), copy(g, hi), false, &pays->orelse);
    set_apart(g, &pays->orelse);
}

void jam_nest(const jam *j, kir_block *out) {
    jamming g = {.j = j, .m = j->m, .at = j->inner->at};
    if (!j->outer) {
        jam_middle(&g, out);
        return;
    }
    kir_expr *lo = hold(&g, out, copy(&g, j->outer->lo)), *hi = hold(&g, out, copy(&g, j->outer->hi));
    kir_expr *rest = hold(&g, out, rest_of(&g, lo, hi, j->rows));
    if (j->strip && j->depth)
        find_packed(&g);
    if (g.n_packed) {
        put_packed(&g, lo, rest, hi, out);
        return;
    }
    kir_stmt *main = like(&g, j->outer, out, copy(&g, lo), copy(&g, rest), j->rows);
    main->loop->id = j->outer->loop->id;
    g.x = main->var;
    jam_middle(&g, &main->body);
    put_part(&g, j->outer, NULL, NULL, copy(&g, rest), copy(&g, hi), false, out);
}
