/* blocks: a loop whose iterations only combine in arrays, or look for an extreme, runs in blocks with results of their
 * own.
 *
 *   for %i in range(0, %n, 1) { y[f(i)] = y[f(i)] + e }
 *
 *   →   %count = blocks that pay, by the trip count, the size of y and the estimated work alone
 *       if %count >= 4 and y shares no memory with what the loop reads {
 *           %p = alloc(%count, dim(y) + pad)
 *           for %b in range(0, %count, 1) independent {
 *               %p[%b, :] = -0.0
 *               for %i in iterations of block %b { %p[%b, f(i)] = %p[%b, f(i)] + e }
 *           }
 *           for %k in chunks of y independent { for %b in range(0, %count, 1) { y[k] = y[k] + %p[%b, k] } }
 *       } else { the loop as it was }
 *
 * An extreme (if x < best: best = x; where = i) needs no identity: each block starts from the value before the loop and
 * notes whether it changed it; afterwards the blocks' results go through the same comparison in order, with their
 * payload. That is exactly what the loop in order finds.
 *
 * So the result depends on the sizes alone, never on threads or schedule. What copies cost (filling and merging) is kept
 * below 1/32 of the work and 64 MiB; a large accumulator, or a loop with little work, takes the second arm, in
 * which loops inside may still be parallel. When those cover all the work and are long, they are preferred: they add in
 * the source's order. An exception leaves the accumulators as they were before the loop.
 * Loops inside a loop that will run in parallel are left alone. Cost: linear. */
#include "passes/combine.h"
#include "passes/cost.h"
#include "passes/passes.h"
#include "plait/tile.h"
#include <string.h>

enum {
    BLOCKS_MOST = 240, /* divides evenly among most numbers of cores */
    BLOCKS_LEAST = 4,
    SHARE = 64,              /* work of the loop per element of copies */
    ELEMENTS_MOST = 1 << 23, /* of all copies */
    MERGE_CHUNK = 1024,
    FORK = 4000,        /* operations that entering a region costs, roughly */
    LONG_BODY = 200000, /* operations in loops inside that make forks cheap beside them */
    LEAST_WORK = 20000,
    FEW_TRIPS = 8,
    PAD_BYTES = 128
};

typedef struct blocker {
    kir_module *m;
    kir_fn *f;
    arena *scratch;
} blocker;

/* Iterations of a block, where the options say it: a nest's outermost loop is cut. */
static int64_t block_length(const kir_module *m) {
    return plait_tile_edge(m->options.tile, 0);
}

typedef struct blocking { /* of one loop */
    blocker *z;
    struct kir_plan *plan;
    kir_stmt *loop;
    span at;
    kir_var *count;   /* blocks */
    kir_stmt *blocks; /* the loop over them */
    kir_var **copies; /* by accumulator */
} blocking;

/* ---- expressions --------------------------------------------------------------------------------------------------------- */

static kir_expr *ref(blocking *k, kir_var *v) {
    return kir_ref(k->z->m, v, k->at);
}

static kir_expr *number(blocking *k, int64_t x) {
    return kir_int(k->z->m, x, k->at);
}

static kir_expr *op(blocking *k, kir_op o, kir_expr *a, kir_expr *b) {
    return kir_binary(k->z->m, o, a, b, k->at);
}

static kir_expr *copy(blocking *k, const kir_expr *e) {
    return kir_copy_expr(k->z->m, e, NULL);
}

static kir_expr *real(blocking *k, double x) {
    return kir_const_float(k->z->m, type_float64(k->z->m->types), x, k->at);
}

static kir_expr *real_of(blocking *k, kir_expr *e) {
    return kir_cast(k->z->m, e, type_float64(k->z->m->types), k->at);
}

static void emit(blocking *k, kir_block *out, kir_stmt *s) {
    vec_push(k->z->m->a, out, s);
}

static kir_var *hold(blocking *k, kir_block *out, kir_expr *e) {
    kir_var *t = kir_temp_new(k->z->m, k->z->f, e->ty, k->at);
    emit(k, out, kir_assign(k->z->m, t, e, k->at));
    return t;
}

/* A loop made here; what runs under it is put into its body. */
static kir_stmt *new_loop(blocking *k, kir_block *out, kir_expr *lo, kir_expr *hi, kir_class class) {
    kir_module *m = k->z->m;
    kir_var *v = kir_temp_new(m, k->z->f, type_int64(m->types), k->at);
    kir_stmt *loop = kir_for(m, v, lo, hi, number(k, 1), KIR_LOOP_RANGE, k->at);
    loop->loop->class = class;
    emit(k, out, loop);
    return loop;
}

static kir_expr *index_of(blocking *k, const kir_stmt *loop) {
    return ref(k, loop->var);
}

/* ---- how many blocks ------------------------------------------------------------------------------------------------------- */

static kir_expr *elements(blocking *k) {
    kir_expr *all = NULL;
    for (uint32_t i = 0; i < k->plan->arrays.len; i++) {
        kir_var *v = k->plan->arrays.at[i].array;
        kir_expr *n = real(k, 1.0);
        for (uint32_t axis = 0; axis < v->ty->ndim; axis++)
            n = op(k, KIR_OP_MUL, n, real_of(k, kir_dim(k->z->m, v, axis, k->at)));
        all = all ? op(k, KIR_OP_ADD, all, n) : n;
    }
    return all ? all : real(k, 0.0);
}

static bool is_parallel_inside(const kir_loop_info *l) {
    return (l->class == KIR_CLASS_INDEPENDENT || l->class == KIR_CLASS_REDUCTION) && !l->carried.len && !l->cold;
}

/* Is all the work of the loop done by loops inside that may run in parallel themselves? */
static bool is_covered(const kir_stmt *loop) {
    bool any = false;
    for (uint32_t i = 0; i < loop->body.len; i++) {
        const kir_stmt *s = loop->body.at[i];
        if (s->kind == KIR_FOR && !is_parallel_inside(s->loop))
            return false;
        if (s->kind == KIR_IF || s->kind == KIR_LOOP || s->kind == KIR_BLOCK)
            return false;
        any |= s->kind == KIR_FOR;
    }
    return any;
}

/* As a float, as it was before it became an integer. */
static kir_expr *work_of(blocking *k) {
    kir_expr *work = cost_work_expr(k->z->m, k->z->f, k->z->scratch, k->loop);
    bool was_float = work->kind == KIR_CAST && work->args[0]->ty->kind == TYPE_FLOAT;
    return was_float ? work->args[0] : real_of(k, work);
}

/* min(trips, 240, work / (64 * (elements + 256)), 2^23 / elements) in floating point, so that nothing overflows; where
 * loops inside could be parallel, also as many as cost less than a fork per trip. The option tile sets the length of a
 * block instead, so that tests see several of them. */
static kir_expr *count_blocks(blocking *k, kir_block *out) {
    kir_module *m = k->z->m;
    kir_expr *work = work_of(k);
    kir_var *trips = hold(k, out, real_of(k, cost_trip_expr(m, k->loop))), *size = hold(k, out, elements(k));
    if (block_length(m) > 0) {
        kir_expr *most = op(k, KIR_OP_DIV, ref(k, trips), real(k, (double)block_length(m)));
        return kir_cast(m, op(k, KIR_OP_MIN, most, real(k, BLOCKS_MOST)), type_int64(m->types), k->at);
    }
    kir_var *total = hold(k, out, work);
    kir_expr *cost = op(k, KIR_OP_MUL, op(k, KIR_OP_ADD, ref(k, size), real(k, 256.0)), real(k, SHARE));
    kir_expr *room = op(k, KIR_OP_DIV, real(k, ELEMENTS_MOST), op(k, KIR_OP_ADD, ref(k, size), real(k, 1.0)));
    kir_expr *n = op(k, KIR_OP_MIN, op(k, KIR_OP_DIV, ref(k, total), cost), room);
    n = op(k, KIR_OP_MIN, n, op(k, KIR_OP_MIN, ref(k, trips), real(k, BLOCKS_MOST)));
    if (!is_covered(k->loop))
        return kir_cast(m, n, type_int64(m->types), k->at);
    kir_expr *forks = op(k, KIR_OP_MUL, ref(k, trips), real(k, (double)FORK / 3.0));
    kir_expr *cheap = op(k, KIR_OP_DIV, forks, op(k, KIR_OP_ADD, ref(k, size), real(k, 1.0)));
    kir_expr *body = op(k, KIR_OP_LT, ref(k, total), op(k, KIR_OP_MUL, ref(k, trips), real(k, LONG_BODY)));
    n = kir_select(m, body, op(k, KIR_OP_MIN, n, cheap), real(k, 0.0), k->at);
    return kir_cast(m, n, type_int64(m->types), k->at);
}

/* work >= limit; where the work is a multiple of an integer, that is compared: other ways take longer than a few iterations. */
static kir_expr *is_at_least(blocking *k, kir_expr *work, double limit) {
    kir_expr *many = work->kind == KIR_BINARY && work->op == KIR_OP_MIN && work->args[0]->kind == KIR_CONST &&
                             work->args[0]->value.f >= 1e18
                         ? work->args[1]
                         : work;
    bool scaled = many->kind == KIR_BINARY && many->op == KIR_OP_MUL && many->args[0]->kind == KIR_CAST &&
                  many->args[0]->args[0]->ty->kind == TYPE_INT && many->args[1]->kind == KIR_CONST &&
                  many->args[1]->value.f >= 1;
    if (!scaled)
        return op(k, KIR_OP_GE, work, real(k, limit));
    int64_t least = (int64_t)(limit / many->args[1]->value.f);
    while ((double)least * many->args[1]->value.f < limit)
        least++;
    return op(k, KIR_OP_GE, many->args[0]->args[0], number(k, least));
}

/* A call with little work pays for one comparison: below BLOCKS_LEAST * SHARE * 256 operations the count is less than
 * BLOCKS_LEAST for every accumulator. */
static void choose_count(blocking *k, kir_block *out) {
    kir_module *m = k->z->m;
    if (block_length(m) > 0) {
        k->count = hold(k, out, count_blocks(k, out));
        return;
    }
    kir_stmt *much = kir_stmt_new(m, KIR_IF, k->at);
    k->count = kir_var_new(m, k->z->f, NULL, type_int64(m->types), k->at);
    emit(k, out, kir_assign(m, k->count, number(k, 0), k->at));
    much->value = is_at_least(k, work_of(k), (double)BLOCKS_LEAST * (double)SHARE * 256);
    emit(k, &much->body, kir_assign(m, k->count, count_blocks(k, &much->body), k->at));
    emit(k, out, much);
}

/* ---- the copies ----------------------------------------------------------------------------------------------------------- */

/* [blocks, dims…], the first extent longer so that neighbours do not share a cache line. */
static kir_var *new_copies(blocking *k, kir_block *out, type *dtype, kir_var *array) {
    kir_module *m = k->z->m;
    uint32_t ndim = array ? array->ty->ndim : 0;
    type *ty = type_array(m->types, dtype, ndim + 1, LAYOUT_C, false, true);
    kir_expr *alloc = kir_expr_new(m, KIR_ALLOC, ty, ndim + 1, k->at);
    alloc->args[0] = ref(k, k->count);
    for (uint32_t axis = 0; axis < ndim; axis++)
        alloc->args[axis + 1] = kir_dim(m, array, axis, k->at);
    int64_t line = PAD_BYTES / (int64_t)type_size(dtype);
    if (ndim)
        alloc->args[1] = op(k, KIR_OP_ADD, alloc->args[1], number(k, ndim == 1 ? line : 1));
    kir_var *v = kir_temp_new(m, k->z->f, ty, k->at);
    emit(k, out, kir_assign(m, v, alloc, k->at));
    return v;
}

/* Loops over the axes [first, ndim) of `array`; index gets their variables. Returns the innermost body. */
static kir_block *loops_over(blocking *k, kir_block *out, kir_var *array, uint32_t first, kir_expr **index) {
    for (uint32_t axis = first; axis < array->ty->ndim; axis++) {
        kir_stmt *loop = new_loop(k, out, number(k, 0), kir_dim(k->z->m, array, axis, k->at), KIR_CLASS_INDEPENDENT);
        loop->loop->vector = true;
        index[axis] = index_of(k, loop);
        out = &loop->body;
    }
    return out;
}

/* index[0] is the block, the element's subscripts follow. */
static void fill(blocking *k, kir_block *out, uint32_t which) {
    const combine_array *y = &k->plan->arrays.at[which];
    kir_expr *index[TYPE_MAX_NDIM + 1];
    index[0] = index_of(k, k->blocks);
    kir_block *body = loops_over(k, out, y->array, 0, index + 1);
    kir_expr *start = combine_identity(k->z->m, y->op, y->array->ty->dtype, k->at);
    emit(k, body, kir_store(k->z->m, k->copies[which], index, y->array->ty->ndim + 1, start, k->at));
}

static void redirect(blocking *k, const combine_update *u) {
    kir_module *m = k->z->m;
    kir_var *to = k->copies[u->array];
    kir_expr *index[TYPE_MAX_NDIM + 1];
    index[0] = index_of(k, k->blocks);
    for (uint32_t i = 0; i < u->n; i++)
        index[i + 1] = copy(k, u->index[i]);
    u->load->value = kir_load(m, to, index, u->n + 1, u->load->at);
    u->store->var = to;
    u->store->index.len = 0;
    index[0] = index_of(k, k->blocks);
    for (uint32_t i = 0; i <= u->n; i++)
        vec_push(m->a, &u->store->index, i ? copy(k, u->index[i - 1]) : index[0]);
}

/* y[index] = y[index] op copies[b, index] */
static void merge_element(blocking *k, kir_block *out, uint32_t which, kir_expr *block, kir_expr *const *index) {
    kir_module *m = k->z->m;
    const combine_array *y = &k->plan->arrays.at[which];
    uint32_t n = y->array->ty->ndim;
    kir_expr *own[TYPE_MAX_NDIM + 1], *to[TYPE_MAX_NDIM + 1], *from[TYPE_MAX_NDIM + 1];
    own[0] = block;
    for (uint32_t i = 0; i < n; i++) {
        own[i + 1] = copy(k, index[i]);
        to[i] = copy(k, index[i]);
        from[i] = copy(k, index[i]);
    }
    kir_var *old = hold(k, out, kir_load(m, y->array, from, n, k->at));
    kir_var *part = hold(k, out, kir_load(m, k->copies[which], own, n + 1, k->at));
    emit(k, out, kir_store(m, y->array, to, n, op(k, y->op, ref(k, old), ref(k, part)), k->at));
}

/* Parallel over chunks of a vector, over rows of anything else; the blocks in order inside. */
static void merge(blocking *k, kir_block *out, uint32_t which) {
    kir_var *y = k->plan->arrays.at[which].array;
    kir_expr *index[TYPE_MAX_NDIM + 1], *extent = kir_dim(k->z->m, y, 0, k->at);
    if (y->ty->ndim > 1) {
        kir_stmt *rows = new_loop(k, out, number(k, 0), extent, KIR_CLASS_INDEPENDENT);
        kir_stmt *blocks = new_loop(k, &rows->body, number(k, 0), ref(k, k->count), KIR_CLASS_CARRIED);
        index[0] = index_of(k, rows);
        kir_block *body = loops_over(k, &blocks->body, y, 1, index);
        merge_element(k, body, which, index_of(k, blocks), index);
        return;
    }
    kir_expr *up = op(k, KIR_OP_ADD, copy(k, extent), number(k, MERGE_CHUNK - 1));
    kir_expr *chunks = op(k, KIR_OP_FLOORDIV, up, number(k, MERGE_CHUNK));
    kir_stmt *chunk = new_loop(k, out, number(k, 0), ref(k, hold(k, out, chunks)), KIR_CLASS_INDEPENDENT);
    kir_expr *lo = op(k, KIR_OP_MUL, index_of(k, chunk), number(k, MERGE_CHUNK));
    kir_stmt *blocks = new_loop(k, &chunk->body, number(k, 0), ref(k, k->count), KIR_CLASS_CARRIED);
    kir_expr *hi = op(k, KIR_OP_MIN, op(k, KIR_OP_ADD, copy(k, lo), number(k, MERGE_CHUNK)), extent);
    kir_stmt *inner = new_loop(k, &blocks->body, lo, hi, KIR_CLASS_INDEPENDENT);
    inner->loop->vector = true;
    index[0] = index_of(k, inner);
    merge_element(k, &inner->body, which, index_of(k, blocks), index);
}

/* ---- extremes -------------------------------------------------------------------------------------------------------------- */

/* The block's own variable in place of `v`. */
static kir_var *own_variable(blocking *k, kir_var *v) {
    kir_var *own = kir_var_new(k->z->m, k->z->f, v->name, v->ty, v->at);
    for (uint32_t i = 0; i < k->loop->body.len; i++)
        vars_rename(k->loop->body.at[i], v, own);
    return own;
}

static kir_expr *zero_of(blocking *k, type *ty) {
    kir_module *m = k->z->m;
    if (ty->kind == TYPE_BOOL)
        return kir_bool(m, false, k->at);
    if (ty->kind == TYPE_INT)
        return kir_const_int(m, ty, 0, k->at);
    if (ty->kind == TYPE_COMPLEX)
        return kir_const_complex(m, ty, 0.0, 0.0, k->at);
    return kir_const_float(m, ty, 0.0, k->at);
}

typedef struct result { /* of the blocks, for one variable of the parent */
    kir_var *of, *own, *parts;
} result;

static result new_result(blocking *k, kir_block *before, kir_block *start, kir_var *v, kir_expr *first) {
    result r = {v, own_variable(k, v), new_copies(k, before, v->ty, NULL)};
    emit(k, start, kir_assign(k->z->m, r.own, first, k->at));
    return r;
}

static void put_result(blocking *k, kir_block *out, const result *r) {
    kir_expr *index[1] = {index_of(k, k->blocks)};
    emit(k, out, kir_store(k->z->m, r->parts, index, 1, ref(k, r->own), k->at));
}

static kir_var *get_result(blocking *k, kir_block *out, kir_var *parts, const kir_stmt *blocks) {
    kir_expr *index[1] = {index_of(k, blocks)};
    return hold(k, out, kir_load(k->z->m, parts, index, 1, k->at));
}

/* Around one extreme: what precedes the loop over blocks, begins and ends a block, and what merges the blocks after. */
static kir_var *place_extreme(blocking *k, const combine_extreme *x, kir_block *before, kir_block *start,
                              kir_block *end, kir_block *after) {
    kir_module *m = k->z->m;
    type *truth = type_bool(m->types);
    kir_var *flag = kir_var_new(m, k->z->f, NULL, truth, k->at);
    result changed = {flag, flag, new_copies(k, before, truth, NULL)};
    emit(k, start, kir_assign(m, flag, kir_bool(m, false, k->at), k->at));
    for (uint32_t i = 0; i < x->tests.len; i++)
        emit(k, &x->tests.at[i]->body, kir_assign(m, flag, kir_bool(m, true, k->at), k->at));
    result best = new_result(k, before, start, x->best, ref(k, x->best));
    put_result(k, end, &changed);
    put_result(k, end, &best);
    kir_stmt *blocks = new_loop(k, after, number(k, 0), ref(k, k->count), KIR_CLASS_CARRIED);
    kir_stmt *some = kir_stmt_new(m, KIR_IF, k->at), *better = kir_stmt_new(m, KIR_IF, k->at);
    some->value = ref(k, get_result(k, &blocks->body, changed.parts, blocks));
    kir_var *value = get_result(k, &some->body, best.parts, blocks);
    better->value = op(k, x->cmp, ref(k, value), ref(k, x->best));
    emit(k, &better->body, kir_assign(m, x->best, ref(k, value), k->at));
    for (uint32_t i = 0; i < x->payload.len; i++) {
        kir_var *v = x->payload.at[i];
        result w = new_result(k, before, start, v, zero_of(k, v->ty));
        put_result(k, end, &w);
        kir_var *part = get_result(k, &better->body, w.parts, blocks);
        emit(k, &better->body, kir_assign(m, v, ref(k, part), k->at));
    }
    emit(k, &some->body, better);
    emit(k, &blocks->body, some);
    return best.own;
}

/* ---- skimming ---------------------------------------------------------------------------------------------------------------
 *
 * A branch that is hardly ever taken keeps a loop from running in vectors. Where a loop does nothing but look for an
 * extreme, the extreme of each chunk is found first, in vectors, and only a chunk that has something to offer is gone
 * through in order:
 *
 *   for %c in range(lo, hi, 1024) { %m = least of the chunk; if not(%m >= %best) { for %i in the chunk { as it was } } }
 *
 * NaN makes %m NaN, and the chunk is gone through. */

enum { SKIM_CHUNK = 1024 };

typedef struct skim {
    blocking *k;
    kir_stmt *test, *loop; /* the loop whose body ends with the test */
    kir_var *best;
    kir_op cmp;
} skim;

static bool find_loop_of_test(kir_stmt *s, void *context) {
    skim *x = context;
    if (s->kind == KIR_FOR && s->body.len && s->body.at[s->body.len - 1] == x->test)
        x->loop = s;
    return !x->loop;
}

static bool may_skim(const skim *x) {
    const kir_stmt *loop = x->loop;
    const kir_expr *e = x->test->value;
    int64_t step;
    int64_t trips = loop ? cost_trips(loop) : 0;
    if (!loop || (trips >= 0 && trips < SKIM_CHUNK / 4) || !kir_is_const_int(loop->step, &step) || step != 1 ||
        !loop->var->is_temp || e->kind != KIR_BINARY || e->op == KIR_OP_AND ||
        (x->best->ty->kind != TYPE_INT && x->best->ty->kind != TYPE_FLOAT))
        return false;
    for (uint32_t i = 0; i + 1 < loop->body.len; i++) {
        const kir_stmt *s = loop->body.at[i];
        if (s->kind != KIR_ASSIGN || !s->var->is_temp || s->var->ty->kind == TYPE_ARRAY)
            return false;
    }
    return true;
}

/* %m = extreme over [c, end) of the value compared; c is the chunk's first iteration. */
static kir_var *skim_chunk(skim *x, kir_block *out, kir_expr *from, kir_expr *to, kir_op least) {
    blocking *k = x->k;
    kir_module *m = k->z->m;
    kir_map *map = pass_renamed_temps(m, k->z->f, k->z->scratch, &x->loop->body);
    kir_var *extreme = kir_var_new(m, k->z->f, NULL, x->best->ty, k->at);
    emit(k, out, kir_assign(m, extreme, pass_identity(m, least, extreme->ty, k->at), k->at));
    kir_stmt *loop = new_loop(k, out, from, to, KIR_CLASS_REDUCTION);
    loop->loop->vector = true;
    vec_push(m->a, &loop->loop->reductions, (kir_reduction){extreme, least});
    kir_map_var(map, x->loop->var, loop->var);
    kir_block plain = x->loop->body;
    plain.len--;
    loop->body = kir_copy_block(m, &plain, map);
    const kir_expr *test = x->test->value;
    bool right = test->args[1]->kind == KIR_VAR && test->args[1]->var == x->best;
    kir_expr *value = kir_copy_expr(m, test->args[right ? 0 : 1], map);
    emit(k, &loop->body, kir_assign(m, extreme, op(k, least, ref(k, extreme), value), k->at));
    return extreme;
}

static kir_op negated(kir_op cmp) {
    return cmp == KIR_OP_LT ? KIR_OP_GE : cmp == KIR_OP_LE ? KIR_OP_GT : cmp == KIR_OP_GT ? KIR_OP_LE : KIR_OP_LT;
}

static void skim_loop(skim *x) {
    blocking *k = x->k;
    kir_module *m = k->z->m;
    kir_stmt *outer = x->loop, *scan = kir_stmt_new(m, KIR_FOR, outer->at),
             *better = kir_stmt_new(m, KIR_IF, outer->at);
    bool low = x->cmp == KIR_OP_LT || x->cmp == KIR_OP_LE;
    kir_var *first = kir_temp_new(m, k->z->f, type_int64(m->types), k->at);
    kir_expr *room = op(k, KIR_OP_SUB, copy(k, outer->hi), ref(k, first));
    kir_expr *full = op(k, KIR_OP_ADD, ref(k, first), number(k, SKIM_CHUNK));
    kir_expr *end = kir_select(m, op(k, KIR_OP_GT, room, number(k, SKIM_CHUNK)), full, copy(k, outer->hi), k->at);
    kir_block body = {0};
    kir_var *extreme = skim_chunk(x, &body, ref(k, first), end, low ? KIR_OP_NPMIN : KIR_OP_NPMAX);
    better->value = kir_unary(m, KIR_OP_NOT, op(k, negated(x->cmp), ref(k, extreme), ref(k, x->best)), k->at);
    emit(k, &body, better);
    emit(k, &better->body, scan);
    scan->var = outer->var;
    scan->lo = ref(k, first);
    scan->hi = copy(k, end);
    scan->step = outer->step;
    scan->body = outer->body;
    scan->loop->kind = KIR_LOOP_RANGE;
    scan->loop->class = KIR_CLASS_CARRIED;
    outer->loop->class = KIR_CLASS_CARRIED;
    outer->loop->last_privates.len = 0;
    outer->var = first;
    outer->step = number(k, SKIM_CHUNK);
    outer->body = body;
}

static void skim_extreme(blocking *k, const combine_extreme *x, kir_var *own) {
    for (uint32_t i = 0; i < x->tests.len; i++) {
        skim s = {k, x->tests.at[i], NULL, own, x->cmp};
        kir_block single = {.at = &k->loop, .len = 1, .cap = 1};
        kir_each_stmt(&single, find_loop_of_test, &s);
        if (may_skim(&s))
            skim_loop(&s);
    }
}

/* ---- the loop over blocks ------------------------------------------------------------------------------------------------------ */

/* first(b) = trips/count * b + min(b, trips % count): blocks of equal size but for one iteration. */
static kir_expr *first_of(blocking *k, kir_var *size, kir_var *rest, kir_expr *b) {
    kir_expr *full = op(k, KIR_OP_MUL, ref(k, size), copy(k, b));
    return op(k, KIR_OP_ADD, full, op(k, KIR_OP_MIN, b, ref(k, rest)));
}

static void limit_loop(blocking *k, kir_block *out, kir_expr *lo, kir_expr *hi, kir_expr *trips) {
    kir_module *m = k->z->m;
    kir_stmt *loop = k->loop;
    kir_var *all = hold(k, out, trips);
    kir_var *size = hold(k, out, op(k, KIR_OP_TRUNCDIV, ref(k, all), ref(k, k->count)));
    kir_var *rest = hold(k, out, op(k, KIR_OP_TRUNCMOD, ref(k, all), ref(k, k->count)));
    kir_expr *b = index_of(k, k->blocks), *next = op(k, KIR_OP_ADD, copy(k, b), number(k, 1));
    kir_expr *begin = op(k, KIR_OP_MUL, first_of(k, size, rest, b), copy(k, loop->step));
    kir_expr *end = op(k, KIR_OP_MUL, first_of(k, size, rest, copy(k, next)), copy(k, loop->step));
    loop->lo = op(k, KIR_OP_ADD, copy(k, lo), begin);
    kir_expr *inside = op(k, KIR_OP_LT, next, ref(k, k->count));
    loop->hi = kir_select(m, inside, op(k, KIR_OP_ADD, copy(k, lo), end), copy(k, hi), k->at);
}

static bool is_payload(const struct kir_plan *plan, const kir_var *v) {
    for (uint32_t i = 0; i < plan->extremes.len; i++)
        for (uint32_t p = 0; p < plan->extremes.at[i].payload.len; p++)
            if (plan->extremes.at[i].payload.at[p] == v)
                return true;
    return false;
}

static const char *name_of(blocking *k, const kir_var *v) {
    if (v->ty->kind != TYPE_ARRAY)
        return pass_var_name(k->z->m, v, KIR_OP_INVALID);
    var_defs defs = vars_defs(k->z->scratch, k->z->f);
    return pass_array_name(k->z->m, &defs, v);
}

static void describe(blocking *k) {
    text names = text_new(k->z->m->a), list = text_new(k->z->m->a);
    const char *comma = "";
    for (uint32_t i = 0; i < k->plan->arrays.len; i++, comma = ", ") {
        const combine_array *y = &k->plan->arrays.at[i];
        const char *part = y->array->name || y->array->called ? "[:]" : "";
        text_printf(&names, "%s%s%s", comma, name_of(k, y->array), part);
        text_printf(&list, "%s%s %s%s", comma, kir_op_name(y->op), name_of(k, y->array), part);
    }
    for (uint32_t i = 0; i < k->plan->extremes.len; i++, comma = ", ") {
        const combine_extreme *x = &k->plan->extremes.at[i];
        bool least = x->cmp == KIR_OP_LT || x->cmp == KIR_OP_LE;
        const char *word = x->payload.len ? "arg" : "";
        text_printf(&names, "%s%s", comma, name_of(k, x->best));
        text_printf(&list, "%s%s%s %s", comma, word, least ? "min" : "max", name_of(k, x->best));
        for (uint32_t p = 0; p < x->payload.len; p++)
            text_printf(&list, ", %s", name_of(k, x->payload.at[p]));
    }
    k->blocks->loop->why = "REDUCTION";
    k->blocks->loop->why_detail = names.at;
    k->blocks->loop->why_second = list.at;
}

/* The loop over blocks stands for the loop in the report. */
static void make_loop_over_blocks(blocking *k) {
    kir_module *m = k->z->m;
    kir_loop_info *from = k->loop->loop;
    kir_var *b = kir_temp_new(m, k->z->f, type_int64(m->types), k->at);
    k->blocks = kir_for(m, b, number(k, 0), ref(k, k->count), number(k, 1), from->kind, k->at);
    kir_loop_info *to = k->blocks->loop;
    to->id = from->id;
    to->class = KIR_CLASS_REDUCTION;
    to->schedule = from->schedule;
    for (uint32_t i = 0; i < from->privates.len; i++)
        vec_push(m->a, &to->privates, from->privates.at[i]);
    for (uint32_t i = 0; i < from->last_privates.len; i++)
        if (!is_payload(k->plan, from->last_privates.at[i]))
            vec_push(m->a, &to->last_privates, from->last_privates.at[i]);
    for (uint32_t i = 0; i < from->reductions.len; i++)
        vec_push(m->a, &to->reductions, from->reductions.at[i]);
    to->grain = to->reductions.len || to->last_privates.len ? 1 : 0;
    from->combines = k->plan->extremes.len + from->reductions.len + from->last_privates.len + from->carried.len == 0;
    from->id = 0;
    from->class = KIR_CLASS_CARRIED;
    from->kind = KIR_LOOP_RANGE;
    from->carried.len = from->last_privates.len = 0;
    from->plan = NULL;
    describe(k);
}

/* Puts what an IF whose first arm is always taken holds in its place. */
static void drop_second_arms(blocking *k, kir_block *b) {
    kir_block out = {0};
    for (uint32_t i = 0; i < b->len; i++) {
        kir_stmt *s = b->at[i];
        bool taken = false;
        for (uint32_t t = 0; t < k->plan->taken.len; t++)
            taken |= k->plan->taken.at[t] == s;
        drop_second_arms(k, &s->body);
        drop_second_arms(k, &s->orelse);
        for (uint32_t j = 0; taken && j < s->body.len; j++)
            emit(k, &out, s->body.at[j]);
        if (!taken)
            emit(k, &out, s);
    }
    *b = out;
}

/* The plan's condition covers what loops inside ask for: their arrays are the loop's, and copies share with nobody. */
static bool drop_condition(kir_stmt *s, void *context) {
    (void)context;
    if (s->kind == KIR_FOR && s->loop->when && is_parallel_inside(s->loop)) {
        s->loop->when = NULL;
        s->loop->vector = true;
    }
    return true;
}

static void build_fast(blocking *k, kir_block *out, kir_expr *trips) {
    kir_var *lo = hold(k, out, k->loop->lo), *hi = hold(k, out, k->loop->hi);
    kir_block after = {0}, end = {0};
    make_loop_over_blocks(k);
    drop_second_arms(k, &k->loop->body);
    kir_each_stmt(&k->loop->body, drop_condition, NULL);
    k->copies = arena_array(k->z->scratch, kir_var *, k->plan->arrays.len + 1);
    for (uint32_t i = 0; i < k->plan->arrays.len; i++) {
        kir_var *y = k->plan->arrays.at[i].array;
        k->copies[i] = new_copies(k, out, y->ty->dtype, y);
        fill(k, &k->blocks->body, i);
        merge(k, &after, i);
    }
    for (uint32_t i = 0; i < k->plan->updates.len; i++)
        redirect(k, &k->plan->updates.at[i]);
    kir_var **own = arena_array(k->z->scratch, kir_var *, k->plan->extremes.len + 1);
    for (uint32_t i = 0; i < k->plan->extremes.len; i++)
        own[i] = place_extreme(k, &k->plan->extremes.at[i], out, &k->blocks->body, &end, &after);
    limit_loop(k, out, ref(k, lo), ref(k, hi), trips);
    for (uint32_t i = 0; i < k->plan->extremes.len; i++)
        skim_extreme(k, &k->plan->extremes.at[i], own[i]);
    emit(k, &k->blocks->body, k->loop);
    for (uint32_t i = 0; i < end.len; i++)
        emit(k, &k->blocks->body, end.at[i]);
    emit(k, out, k->blocks);
    for (uint32_t i = 0; i < after.len; i++)
        emit(k, out, after.at[i]);
}

static bool forget(kir_stmt *s, void *context) {
    (void)context;
    if (s->kind == KIR_FOR)
        s->loop->id = 0;
    return true;
}

static void note_guards(blocking *k) {
    kir_module *m = k->z->m;
    uint32_t id = k->loop->loop->id;
    if (!id || id >= m->report.len)
        return;
    for (uint32_t i = 0; i < k->plan->arrays.len; i++)
        pass_add_guard(
            m, &m->report.at[id],
            arena_printf(m->a, "copies of %s cost less than the loop", name_of(k, k->plan->arrays.at[i].array)));
    var_defs defs = vars_defs(k->z->scratch, k->z->f);
    if (k->plan->when)
        pass_add_memory_guards(m, &m->report.at[id], &defs, k->plan->when);
}

static void place_blocks(blocker *z, kir_stmt *loop, kir_block *out) {
    kir_module *m = z->m;
    blocking k = {.z = z, .plan = loop->loop->plan, .loop = loop, .at = loop->at};
    kir_block single = {0};
    kir_stmt *versions = kir_stmt_new(m, KIR_IF, loop->at);
    note_guards(&k);
    vec_push(m->a, &single, loop);
    choose_count(&k, out);
    versions->value = op(&k, KIR_OP_GE, ref(&k, k.count), number(&k, block_length(m) > 0 ? 2 : BLOCKS_LEAST));
    if (k.plan->when)
        versions->value = op(&k, KIR_OP_AND, versions->value, k.plan->when);
    versions->orelse = kir_copy_block(m, &single, pass_renamed_temps(m, z->f, z->scratch, &single));
    kir_each_stmt(&versions->orelse, forget, NULL);
    versions->orelse.at[0]->loop->kind = KIR_LOOP_RANGE; /* no race, whatever prange says: in the source's order */
    build_fast(&k, &versions->body, cost_trip_expr(m, loop));
    emit(&k, out, versions);
}

/* ---- which loops ------------------------------------------------------------------------------------------------------------------ */

static bool is_small(const blocker *z, kir_stmt *loop) {
    int64_t trips = cost_trips(loop);
    return !block_length(z->m) && trips >= 0 &&
           (trips < BLOCKS_LEAST || (double)trips * (double)cost_of_block(&loop->body) < (double)LEAST_WORK);
}

/* Will it run in parallel as it is? Then nothing inside has to. */
static bool is_parallel_itself(kir_stmt *loop) {
    const kir_loop_info *l = loop->loop;
    int64_t trips = cost_trips(loop);
    return is_parallel_inside(l) && !(trips >= 0 && trips <= FEW_TRIPS) && !body_escapes(loop);
}

static void block_block(blocker *z, kir_block *b) {
    kir_block out = {0};
    for (uint32_t i = 0; i < b->len; i++) {
        kir_stmt *s = b->at[i];
        if (s->kind == KIR_FOR && s->loop->plan && !is_small(z, s)) {
            place_blocks(z, s, &out);
            continue;
        }
        if (s->kind != KIR_FOR || !is_parallel_itself(s)) {
            block_block(z, &s->body);
            block_block(z, &s->orelse);
        }
        vec_push(z->m->a, &out, s);
    }
    *b = out;
}

bool blocks_run(pass_context *c) {
    if (!c->m->options.parallel || !c->m->options.par_reduction)
        return true;
    for (uint32_t i = 0; i < c->m->fns.len; i++) {
        blocker z = {c->m, c->m->fns.at[i], c->scratch};
        if (z.f->kind != KIR_FN_REGION)
            block_block(&z, &z.f->body);
    }
    return true;
}
