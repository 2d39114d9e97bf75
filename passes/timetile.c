/* timetile: sweeps that follow one another in time, as tiles of time and space.
 *
 *   for %t { for %i { b[i] = f(a[i-1], a[i], a[i+1]) }        Each sweep walks through all of memory; between two of them
 *            for %i { a[i] = f(b[i-1], b[i], b[i+1]) } }      all threads wait.
 *
 * Each statement k gets numbers, up[k] and down[k], and all get a slope each, a and b, such that along every dependence
 *
 *   u = x + a*t + up[k]        and        v = -x + b*t + down[k]                    (x: the outermost loop of the sweep)
 *
 * both stay or grow. Then the plane (u, v) may be cut into squares of W × W, and the squares with one U + V need nothing
 * from one another. Seen in (t, x) they are diamonds: a row of them starts at once and spans about 2*W/(a+b) steps.
 *
 *        t |  \  /\  /\  /         for %w in rows of diamonds {
 *          |   \/  \/  \/              for %U in the diamonds of the row, in parallel {
 *          |   /\  /\  /\                  for %z in pieces of (y + c*t + along[k]), for the second loop y of the sweep {
 *          |  /  \/  \/  \                     for %t { for each statement { for %x, %y, … in the tile, as in the source
 *          +---------------- x                     { … } } } } } }
 *
 * Inside a tile everything runs in the source's order, so the slopes and numbers are the whole proof: they come from the
 * exact dependences (scop.h), least slopes first, as longest paths over differences of positions. The innermost loop stays
 * whole or as long as a piece is, and contiguous.
 *
 * The tiles' sizes are computed when the kernel runs, from extents, steps and caches; with few steps, or when all sweeps
 * together are little work, the nest as it is runs instead. So it does when arrays overlap.
 *
 * Sweeps that are array expressions come with the views, checks and versions that elaboration and scalarize put between
 * them. What of that does not depend on the time step becomes part of the condition, evaluated once. */
#include "passes/timetile.h"
#include "passes/passes.h"
#include "plait/tile.h"

#include <isl/ctx.h>
#include <isl/ilp.h>
#include <isl/map.h>
#include <isl/set.h>
#include <isl/space.h>
#include <isl/val.h>
#include <stddef.h>
#include <string.h>

enum {
    OPERATIONS = 3000000, /* of isl, for one nest */
    SLOPE_MOST = 24,
    OFFSET_MOST = 4096,
    PLACES = 2,
    TRIPS_MOST = 1 << 20,
    LEAST_WORK = 2000000, /* bytes touched in all steps, from which on several threads pay */
    LEAST_WIDTH = 8,      /* of a diamond */
    LEAST_ROW = 256       /* the same where it is the length of vector loops */
};
#define EXTENT_MAX (INT64_C(1) << 40)

typedef struct place { /* of a statement along one axis of space: loop's variable + shift, or a value */
    uint32_t dim;      /* of the statement; 0: none */
    int64_t shift;
    kir_expr *fixed;
    uint32_t axis; /* of the store, that has the value */
} place;

typedef struct member { /* a statement */
    const kir_stmt *store;
    place at[PLACES];
    int64_t up, down, along;
    bool vector; /* its innermost loop carries nothing within a sweep */
} member;

typedef struct range { /* of a position, or of a number */
    kir_expr *lo, *hi; /* hi: the end */
} range;

typedef struct tiling {
    reorderer *z;
    kir_module *m;
    scop *s;
    kir_stmt *loop;
    span at;
    uint32_t places; /* axes of space that are cut: 1 or 2 */
    uint32_t full;   /* depth of the deepest statements */
    member k[SCOP_STATEMENTS];
    int64_t a, b, c; /* slopes */
    int64_t spread;  /* greatest up + down; the least is 0 */
    int64_t bytes;   /* of all arrays for one point */
    /* What stands between the sweeps. */
    kir_expr *when, *apart; /* what holds, and arrays do not overlap; NULL: always */
    kir_block hoisted, buffers;
    kir_map *names; /* of what is hoisted, in the new nest */
    /* The new nest. */
    range x, y; /* positions */
    kir_expr *threads, *start, *steps, *width, *piece, *inside, *from, *to, *wave, *tile, *strip, *t;
} tiling;

/* ---- what stands between the sweeps ----------------------------------------------------------------------------------- */

static kir_expr *both(const tiling *n, kir_expr *a, kir_expr *b) {
    return a && b ? kir_binary(n->m, KIR_OP_AND, a, b, n->at) : a ? a : b;
}

/* May it be computed where the statements before it have not run? Integer divisions may not. */
static void find_partial(kir_expr **slot, void *context) {
    const kir_expr *e = *slot;
    bool divides = e->kind == KIR_BINARY && (e->op == KIR_OP_FLOORDIV || e->op == KIR_OP_MOD ||
                                             e->op == KIR_OP_TRUNCDIV || e->op == KIR_OP_TRUNCMOD);
    if (divides && e->args[1]->kind != KIR_CONST)
        *(bool *)context = true;
}

static bool is_total(kir_expr *e) {
    bool partial = false;
    kir_each_subexpr(&e, find_partial, &partial);
    return !partial;
}

static bool can_hoist(const kir_stmt *s, const var_set *varying) {
    bool array = s->var->ty->kind == TYPE_ARRAY;
    kir_expr_kind kind = s->value->kind;
    return s->var->is_temp && kind != KIR_LOAD && !vars_mentions_any(s->value, varying) &&
           (!array || kind == KIR_VIEW || kind == KIR_TRANSPOSE || kind == KIR_VAR) && is_total(s->value);
}

/* An array that each step makes anew, and writes before it reads: all steps may use the same memory. */
static bool is_buffer(const kir_stmt *s, const var_set *varying) {
    return s->var->is_temp && s->value->kind == KIR_ALLOC && s->value->op == KIR_OP_INVALID &&
           !vars_mentions_any(s->value, varying) && is_total(s->value);
}

/* The sweeps alone, as they are when n->when holds, in `out`. False: something else happens there. */
static bool strip_block(tiling *n, const kir_block *b, var_set *varying, kir_block *out) {
    for (uint32_t i = 0; i < b->len; i++) {
        kir_stmt *s = b->at[i];
        if (s->kind == KIR_ASSIGN && can_hoist(s, varying)) {
            vars_remove(varying, s->var);
            vec_push(n->m->a, &n->hoisted, s);
            continue;
        }
        if (s->kind == KIR_ASSIGN && is_buffer(s, varying)) {
            vars_remove(varying, s->var);
            vec_push(n->m->a, &n->buffers, s);
            continue;
        }
        bool tests = s->kind == KIR_CHECK || s->kind == KIR_IF;
        if (!tests || vars_mentions_any(s->value, varying) || !is_total(s->value)) {
            vec_push(n->m->a, out, s);
            continue;
        }
        n->when = both(n, n->when, kir_copy_expr(n->m, s->value, NULL));
        if (!strip_block(n, &s->body, varying, out))
            return false;
    }
    return true;
}

/* ---- a look at the nest ------------------------------------------------------------------------------------------------- */

typedef struct look {
    tiling *n;
    const var_set *varying; /* assigned in the nest, loops' variables included */
    var_set written;        /* arrays */
    bool shifted, unfit;
} look;

/* v + shift, v a loop's variable; false for all else. */
static bool split_shift(const kir_expr *e, const kir_var **v, int64_t *shift) {
    *shift = 0;
    if (e->kind == KIR_BINARY && (e->op == KIR_OP_ADD || e->op == KIR_OP_SUB) && kir_is_const_int(e->args[1], shift)) {
        *shift = e->op == KIR_OP_ADD ? *shift : -*shift;
        e = e->args[0];
    }
    *v = e->var;
    return e->kind == KIR_VAR && *shift < OFFSET_MOST && *shift > -OFFSET_MOST;
}

static uint32_t dim_of(const scop_stmt *t, const kir_var *v) {
    for (uint32_t d = 1; d < t->depth; d++)
        if (t->loops[d]->var == v)
            return d;
    return 0;
}

static bool note_store(kir_stmt *s, void *context) {
    look *l = context;
    if (s->kind == KIR_STORE)
        vars_add(&l->written, s->var);
    return true;
}

/* Subscripts of arrays that the nest writes: a loop of the sweep, shifted, or a value. */
static void look_at_access(look *l, const scop_stmt *t, const kir_var *array, kir_expr *const *index, uint32_t count) {
    if (!vars_has(&l->written, array))
        return;
    for (uint32_t i = 0; i < count; i++) {
        const kir_var *v;
        int64_t shift;
        bool simple = split_shift(index[i], &v, &shift) && dim_of(t, v);
        l->unfit |= !simple && vars_mentions_any(index[i], l->varying);
        l->shifted |= simple && shift != 0;
    }
}

static void look_at_run(look *l, const scop_stmt *t, kir_stmt *const *at, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        const kir_stmt *s = at[i];
        if (s->kind == KIR_ASSIGN && s->value->kind == KIR_LOAD)
            look_at_access(l, t, s->value->var, s->value->args, s->value->n_args);
        if (s->kind == KIR_STORE)
            look_at_access(l, t, s->var, s->index.at, s->index.len);
        look_at_run(l, t, s->body.at, s->body.len);
        look_at_run(l, t, s->orelse.at, s->orelse.len);
    }
}

static const kir_stmt *first_store(kir_stmt *const *at, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        const kir_stmt *s = at[i]->kind == KIR_STORE ? at[i] : first_store(at[i]->body.at, at[i]->body.len);
        if (!s)
            s = first_store(at[i]->orelse.at, at[i]->orelse.len);
        if (s)
            return s;
    }
    return NULL;
}

/* Loops that count upwards, over the same range in every step. */
static bool has_plain_loops(const look *l, const scop_stmt *t) {
    for (uint32_t d = 0; d < t->depth; d++) {
        kir_stmt *loop = t->loops[d];
        bool plain = d == 0 || (!vars_mentions_any(loop->lo, l->varying) && !vars_mentions_any(loop->hi, l->varying));
        if (t->way[d] < 0 || !plain || loop->loop->schedule || loop->loop->chunk)
            return false;
    }
    return true;
}

static bool is_stencil(tiling *n, const var_set *varying) {
    const scop *s = n->s;
    look l = {.n = n, .varying = varying, .written = vars_new(n->z->scratch, n->z->f)};
    kir_each_stmt(&n->loop->body, note_store, &l);
    for (uint32_t k = 0; k < s->n; k++) {
        const scop_stmt *t = &s->stmt[k];
        n->full = t->depth > n->full ? t->depth : n->full;
        n->k[k].store = first_store(t->at, t->n);
        look_at_run(&l, t, t->at, t->n);
        if (l.unfit || !n->k[k].store || !has_plain_loops(&l, t))
            return false;
    }
    n->places = n->full > 2 ? PLACES : 1;
    return l.shifted && n->full > 1 && !s->raises;
}

/* ---- where statements are in space -------------------------------------------------------------------------------------- */

/* The axis of `array` that a statement of full depth walks with its loop `dim`, and the shift there. */
static bool axis_in_run(const scop_stmt *t, kir_stmt *const *at, uint32_t count, const kir_var *array, uint32_t dim,
                        uint32_t *axis) {
    for (uint32_t i = 0; i < count; i++) {
        const kir_stmt *s = at[i];
        bool load = s->kind == KIR_ASSIGN && s->value->kind == KIR_LOAD && s->value->var == array;
        bool store = s->kind == KIR_STORE && s->var == array;
        kir_expr *const *index = load ? s->value->args : s->index.at;
        for (uint32_t x = 0; (load || store) && x < array->ty->ndim; x++) {
            const kir_var *v;
            int64_t shift;
            *axis = x;
            if (split_shift(index[x], &v, &shift) && v == t->loops[dim]->var)
                return true;
        }
        if (axis_in_run(t, s->body.at, s->body.len, array, dim, axis) ||
            axis_in_run(t, s->orelse.at, s->orelse.len, array, dim, axis))
            return true;
    }
    return false;
}

static bool find_axis(const tiling *n, const kir_var *array, uint32_t dim, uint32_t *axis) {
    for (uint32_t k = 0; k < n->s->n; k++) {
        const scop_stmt *t = &n->s->stmt[k];
        if (t->depth == n->full && axis_in_run(t, t->at, t->n, array, dim, axis))
            return true;
    }
    return false;
}

/* Statements of fewer loops (boundaries) are where their store is. */
static bool find_place(const tiling *n, uint32_t k, uint32_t p) {
    const scop_stmt *t = &n->s->stmt[k];
    place *at = &((tiling *)(uintptr_t)n)->k[k].at[p];
    *at = (place){0};
    if (t->depth == n->full) {
        at->dim = p + 1;
        return true;
    }
    const kir_stmt *store = n->k[k].store;
    const kir_var *v;
    if (!find_axis(n, store->var, p + 1, &at->axis))
        return false;
    kir_expr *index = store->index.at[at->axis];
    if (split_shift(index, &v, &at->shift) && dim_of(t, v)) {
        at->dim = dim_of(t, v);
        return true;
    }
    at->fixed = index;
    return true;
}

static isl_ctx *ctx_of(const tiling *n) {
    return dep_nest_isl(n->s->accesses);
}

/* { S1[i0, i1] -> [i1 + 1] } */
static isl_map *place_map(const tiling *n, uint32_t k, uint32_t p) {
    const place *at = &n->k[k].at[p];
    int64_t value;
    if (at->fixed && !kir_is_const_int(at->fixed, &value)) {
        isl_map *all = scop_elements(n->s, k, n->k[k].store);
        isl_size axes = all ? isl_map_dim(all, isl_dim_out) : 0;
        if (axes != (isl_size)n->k[k].store->var->ty->ndim)
            return isl_map_free(all);
        all = isl_map_project_out(all, isl_dim_out, at->axis + 1, (unsigned)axes - at->axis - 1);
        all = isl_map_project_out(all, isl_dim_out, 0, at->axis);
        return isl_map_reset_tuple_id(all, isl_dim_out);
    }
    text s = text_new(n->z->scratch);
    text_printf(&s, "{ S%u[", k);
    for (uint32_t d = 0; d < n->s->stmt[k].depth; d++)
        text_printf(&s, "%si%u", d ? ", " : "", d);
    text_put(&s, "] -> [");
    if (at->fixed)
        text_printf(&s, "%lld] }", (long long)value);
    else
        text_printf(&s, "i%u + %lld] }", at->dim, (long long)at->shift);
    return isl_map_read_from_str(ctx_of(n), s.at);
}

/* { S1[i0, i1] -> [i0, i1 + 1, …] }: the step, then the places. */
static isl_map *whole_map(const tiling *n, uint32_t k) {
    text s = text_new(n->z->scratch);
    text_printf(&s, "{ S%u[", k);
    for (uint32_t d = 0; d < n->s->stmt[k].depth; d++)
        text_printf(&s, "%si%u", d ? ", " : "", d);
    text_put(&s, "] -> [i0] }");
    isl_map *map = isl_map_read_from_str(ctx_of(n), s.at);
    for (uint32_t p = 0; map && p < n->places; p++) {
        isl_map *next = place_map(n, k, p);
        map = next ? isl_map_flat_range_product(map, next) : isl_map_free(map);
    }
    return map;
}

/* ---- slopes -------------------------------------------------------------------------------------------------------------- */

typedef struct
    reach { /* of the dependences between two statements, by axis: least and greatest way, [0] in one step, [1]
                          to a later one */
    bool any[2];
    int64_t least[PLACES][2], most[PLACES][2];
} reach;

static bool value_of(isl_val *v, int64_t *x) {
    bool fine = v && isl_val_is_int(v) == isl_bool_true && isl_val_cmp_si(v, OFFSET_MOST) < 0 &&
                isl_val_cmp_si(v, -OFFSET_MOST) > 0;
    *x = fine ? isl_val_get_num_si(v) : 0;
    isl_val_free(v);
    return fine;
}

/* The ways that the dependences go in part `later`: of a set { [step, x, y] }. */
static bool measure(const tiling *n, isl_set *ways, reach *r, int later) {
    ways = later ? isl_set_lower_bound_si(ways, isl_dim_set, 0, 1) : isl_set_fix_si(ways, isl_dim_set, 0, 0);
    isl_bool empty = isl_set_is_empty(ways);
    r->any[later] = empty == isl_bool_false;
    bool fine = empty != isl_bool_error;
    for (uint32_t p = 0; fine && r->any[later] && p < n->places; p++)
        fine = value_of(isl_set_dim_min_val(isl_set_copy(ways), (int)p + 1), &r->least[p][later]) &&
               value_of(isl_set_dim_max_val(isl_set_copy(ways), (int)p + 1), &r->most[p][later]);
    isl_set_free(ways);
    return fine;
}

static bool measure_pair(const tiling *n, uint32_t a, uint32_t b, isl_map *const *whole, reach *r) {
    *r = (reach){0};
    if (!n->s->dep[a][b])
        return true;
    if (!whole[a] || !whole[b])
        return false;
    isl_map *d = isl_map_apply_domain(isl_map_copy(n->s->dep[a][b]), isl_map_copy(whole[a]));
    d = isl_map_apply_range(d, isl_map_copy(whole[b]));
    isl_set *ways = isl_map_deltas(d);
    bool fine = measure(n, isl_set_copy(ways), r, 0);
    return measure(n, ways, r, 1) && fine;
}

/* Numbers for all statements such that position + slope * t + number never goes back along a dependence; `sign` -1: of the
 * negative position. False: there are none. */
static bool solve(const tiling *n, const reach *r, uint32_t p, int sign, int64_t slope, int64_t *number) {
    uint32_t count = n->s->n;
    memset(number, 0, sizeof(int64_t) * count);
    for (uint32_t round = 0; round <= count; round++) {
        bool changed = false;
        for (uint32_t a = 0; a < count; a++)
            for (uint32_t b = 0; b < count; b++)
                for (int later = 0; later < 2; later++) {
                    const reach *w = &r[a * SCOP_STATEMENTS + b];
                    int64_t way = (sign > 0 ? w->least[p][later] : -w->most[p][later]) + (later ? slope : 0);
                    if (!w->any[later] || number[b] + way >= number[a])
                        continue;
                    number[b] = number[a] - way;
                    changed = true;
                }
        if (!changed)
            return true;
    }
    return false;
}

static bool least_slope(const tiling *n, const reach *r, uint32_t p, int sign, int64_t *slope, int64_t *number) {
    for (*slope = 0; *slope <= SLOPE_MOST; ++*slope)
        if (solve(n, r, p, sign, *slope, number))
            return true;
    return false;
}

/* Does the statement's innermost loop carry nothing while all else stands still? */
static bool is_free_inside(const tiling *n, uint32_t k) {
    const scop_stmt *t = &n->s->stmt[k];
    if (!t->carried)
        return true;
    isl_map *d = isl_map_copy(t->carried);
    for (uint32_t x = 0; x + 1 < t->depth; x++)
        d = isl_map_equate(d, isl_dim_in, (int)x, isl_dim_out, (int)x);
    isl_bool empty = isl_map_is_empty(d);
    isl_map_free(d);
    return empty == isl_bool_true;
}

/* Statements that share loops are put one after the other: nothing leads from a later one to an earlier one. */
static bool can_part(const tiling *n, const reach *r) {
    for (uint32_t a = 0; a < n->s->n; a++)
        for (uint32_t b = a + 1; b < n->s->n; b++) {
            const scop_stmt *x = &n->s->stmt[a], *y = &n->s->stmt[b];
            bool shares = x->depth > 1 && y->depth > 1 && x->loops[1] == y->loops[1];
            if (shares && r[b * SCOP_STATEMENTS + a].any[0])
                return false;
        }
    return true;
}

static bool measure_pairs(const tiling *n, reach *r) {
    isl_map *whole[SCOP_STATEMENTS];
    uint32_t count = n->s->n;
    bool fine = true;
    for (uint32_t k = 0; k < count; k++)
        whole[k] = whole_map(n, k);
    for (uint32_t a = 0; a < count; a++)
        for (uint32_t b = 0; b < count && fine; b++)
            fine = measure_pair(n, a, b, whole, &r[a * SCOP_STATEMENTS + b]);
    for (uint32_t k = 0; k < count; k++)
        isl_map_free(whole[k]);
    return fine;
}

static bool find_slopes(tiling *n) {
    uint32_t count = n->s->n;
    reach *r = arena_array(n->z->scratch, reach, SCOP_STATEMENTS * SCOP_STATEMENTS);
    if (!measure_pairs(n, r) || !can_part(n, r))
        return false;
    int64_t up[SCOP_STATEMENTS], down[SCOP_STATEMENTS], along[SCOP_STATEMENTS] = {0};
    if (!least_slope(n, r, 0, 1, &n->a, up) || !least_slope(n, r, 0, -1, &n->b, down) ||
        (n->places > 1 && !least_slope(n, r, 1, 1, &n->c, along)))
        return false;
    if (n->a + n->b == 0)
        n->a = 1;
    int64_t least = up[0] + down[0];
    for (uint32_t k = 1; k < count; k++)
        least = up[k] + down[k] < least ? up[k] + down[k] : least;
    for (uint32_t k = 0; k < count; k++) {
        member *q = &n->k[k];
        q->up = up[k];
        q->down = down[k] - least;
        q->along = along[k];
        n->spread = q->up + q->down > n->spread ? q->up + q->down : n->spread;
        q->vector = n->s->stmt[k].depth > 1 && is_free_inside(n, k);
    }
    return isl_ctx_last_error(ctx_of(n)) == isl_error_none;
}

/* ---- expressions --------------------------------------------------------------------------------------------------------- */

static kir_expr *copy(const tiling *n, const kir_expr *e) {
    return kir_copy_expr(n->m, e, NULL);
}

static kir_expr *number(const tiling *n, int64_t x) {
    return kir_int(n->m, x, n->at);
}

static kir_expr *op(const tiling *n, kir_op o, kir_expr *a, kir_expr *b) {
    return kir_binary(n->m, o, a, b, n->at);
}

static kir_expr *plus(const tiling *n, kir_expr *a, kir_expr *b) {
    return op(n, KIR_OP_ADD, a, b);
}

static kir_expr *plus_number(const tiling *n, kir_expr *a, int64_t x) {
    return x ? plus(n, a, number(n, x)) : a;
}

static kir_expr *minus(const tiling *n, kir_expr *a, kir_expr *b) {
    return op(n, KIR_OP_SUB, a, b);
}

static kir_expr *times(const tiling *n, int64_t c, kir_expr *a) {
    return op(n, KIR_OP_MUL, a, number(n, c));
}

static kir_expr *product(const tiling *n, const kir_expr *a, const kir_expr *b) {
    return op(n, KIR_OP_MUL, copy(n, a), copy(n, b));
}

static kir_expr *least(const tiling *n, kir_expr *a, kir_expr *b) {
    return a ? op(n, KIR_OP_MIN, a, b) : b;
}

static kir_expr *most(const tiling *n, kir_expr *a, kir_expr *b) {
    return a ? op(n, KIR_OP_MAX, a, b) : b;
}

static kir_expr *floor_of(const tiling *n, kir_expr *a, const kir_expr *b) {
    return op(n, KIR_OP_FLOORDIV, a, copy(n, b));
}

static kir_expr *hold(const tiling *n, kir_block *out, kir_expr *e) {
    if (e->kind == KIR_CONST)
        return e;
    kir_var *t = kir_temp_new(n->m, n->z->f, type_int64(n->m->types), n->at);
    vec_push(n->m->a, out, kir_assign(n->m, t, e, n->at));
    return kir_ref(n->m, t, n->at);
}

/* An expression of the source, in the new nest: outside of its loops. */
static kir_expr *outside(const tiling *n, const kir_expr *e) {
    return kir_copy_expr(n->m, e, n->names);
}

/* First and end of the positions of statement k along axis p. */
static kir_expr *first_of(const tiling *n, uint32_t k, uint32_t p) {
    const place *at = &n->k[k].at[p];
    return at->fixed ? outside(n, at->fixed) : plus_number(n, outside(n, n->s->stmt[k].loops[at->dim]->lo), at->shift);
}

static kir_expr *end_of(const tiling *n, uint32_t k, uint32_t p) {
    const place *at = &n->k[k].at[p];
    return at->fixed ? plus_number(n, outside(n, at->fixed), 1)
                     : plus_number(n, outside(n, n->s->stmt[k].loops[at->dim]->hi), at->shift);
}

/* Of all statements along axis p. */
static range extent(const tiling *n, uint32_t p, kir_block *out) {
    range r = {0};
    for (uint32_t k = 0; k < n->s->n; k++) {
        kir_expr *lo = first_of(n, k, p), *hi = end_of(n, k, p);
        r.lo = r.lo && kir_expr_equal(r.lo, lo) ? r.lo : least(n, r.lo, lo);
        r.hi = r.hi && kir_expr_equal(r.hi, hi) ? r.hi : most(n, r.hi, hi);
    }
    return (range){hold(n, out, r.lo), hold(n, out, r.hi)};
}

/* ---- sizes of tiles ------------------------------------------------------------------------------------------------------- */

static kir_expr *clamp(const tiling *n, kir_expr *e, int64_t lo, int64_t hi) {
    return least(n, most(n, e, number(n, lo)), number(n, hi));
}

static void count_bytes(tiling *n) {
    var_set seen = vars_new(n->z->scratch, n->z->f);
    uint32_t count;
    const dep_site *site = dep_nest_sites(n->s->accesses, &count);
    for (uint32_t i = 0; i < count; i++) {
        const type *ty = site[i].root->ty;
        if (vars_has(&seen, site[i].root) || ty->kind != TYPE_ARRAY || ty->ndim + 1 < n->full)
            continue;
        vars_add(&seen, site[i].root);
        n->bytes += (int64_t)type_size(ty->dtype);
    }
    n->bytes = n->bytes ? n->bytes : 8;
}

/* Bytes of all arrays in the loops inside those that are cut. */
static kir_expr *bytes_inside(const tiling *n) {
    kir_expr *e = number(n, n->bytes);
    for (uint32_t k = 0; k < n->s->n; k++) {
        const scop_stmt *t = &n->s->stmt[k];
        if (t->depth != n->full)
            continue;
        for (uint32_t d = n->places + 1; d < t->depth; d++) {
            kir_expr *trips = minus(n, outside(n, t->loops[d]->hi), outside(n, t->loops[d]->lo));
            e = least(n, op(n, KIR_OP_MUL, e, clamp(n, trips, 1, TRIPS_MOST)), number(n, EXTENT_MAX));
        }
        break;
    }
    return e;
}

static kir_expr *divide_up(const tiling *n, kir_expr *a, const kir_expr *b) {
    return floor_of(n, plus(n, a, plus_number(n, copy(n, b), -1)), b);
}

/* `length` in equal parts of at most `size`, whose number is a multiple of `times`. */
static kir_expr *equal_parts(const tiling *n, const kir_expr *length, const kir_expr *size, const kir_expr *of) {
    kir_expr *parts = product(n, divide_up(n, copy(n, length), product(n, size, of)), of);
    return divide_up(n, copy(n, length), parts);
}

static kir_expr *count_threads(const tiling *n, kir_block *out) {
    type *int32 = type_int(n->m->types, 32, true);
    kir_stmt *s = kir_stmt_new(n->m, KIR_RUNTIME, n->at);
    kir_var *v = kir_temp_new(n->m, n->z->f, int32, n->at);
    s->name = "plrt_get_num_threads";
    vec_push(n->m->a, &s->results, v);
    vec_push(n->m->a, out, s);
    return hold(n, out, kir_cast(n->m, kir_ref(n->m, v, n->at), type_int64(n->m->types), n->at));
}

/* Asked for are the edges along the sweep's loops. Widths of the diamonds, as many as threads or a multiple, and of the pieces, as many as fit the second cache. */
static void choose_sizes(tiling *n, kir_block *out) {
    const kir_options *o = &n->m->options;
    int64_t first = o->cache_first ? o->cache_first : 32768, second = o->cache_second ? o->cache_second : 1 << 20;
    int64_t most_points = n->full == 2 ? first / n->bytes : n->full == 3 ? 64 : 20;
    int64_t fewest = n->full == 2 ? LEAST_ROW : LEAST_WIDTH;
    n->threads = count_threads(n, out);
    kir_expr *length = hold(n, out, clamp(n, minus(n, copy(n, n->x.hi), copy(n, n->x.lo)), 1, EXTENT_MAX));
    kir_expr *width = equal_parts(n, length, number(n, most_points < fewest ? fewest : most_points), n->threads);
    width = most(n, width, number(n, fewest));
    int64_t wide = plait_tile_edge(o->tile, 0), long_ = plait_tile_edge(o->tile, 1);
    if (wide)
        width = least(n, width, number(n, wide));
    n->width = hold(n, out, width);
    n->inside = hold(n, out, bytes_inside(n));
    if (n->places == 1)
        return;
    kir_expr *piece = floor_of(n, number(n, second / 2), product(n, n->width, n->inside));
    piece = clamp(n, piece, n->full > 3 ? 8 : 64, 4096);
    int64_t slope = n->a + n->b;
    kir_expr *drift = op(n, KIR_OP_FLOORDIV, times(n, 2 * n->c, copy(n, n->width)), number(n, slope));
    length = hold(n, out, plus(n, clamp(n, minus(n, copy(n, n->y.hi), copy(n, n->y.lo)), 1, EXTENT_MAX), drift));
    piece = equal_parts(n, length, hold(n, out, piece), number(n, 1));
    if (long_)
        piece = least(n, piece, number(n, long_));
    n->piece = hold(n, out, piece);
}

/* ---- the new nest --------------------------------------------------------------------------------------------------------- */

static kir_stmt *new_loop(const tiling *n, kir_block *out, kir_expr *lo, kir_expr *hi) {
    kir_var *v = kir_temp_new(n->m, n->z->f, type_int64(n->m->types), n->at);
    kir_stmt *loop = kir_for(n->m, v, lo, hi, number(n, 1), n->loop->loop->kind, n->at);
    loop->loop->class = KIR_CLASS_CARRIED;
    loop->loop->why = "ORDERED";
    loop->loop->why_detail = "";
    vec_push(n->m->a, out, loop);
    return loop;
}

static kir_expr *index_of(const tiling *n, const kir_stmt *loop) {
    return kir_ref(n->m, loop->var, n->at);
}

/* The positions along axis p that statement k has in the tile in step t. */
static range tile_range(const tiling *n, uint32_t k, uint32_t p) {
    const member *q = &n->k[k];
    range r = {first_of(n, k, p), end_of(n, k, p)};
    if (p == 0) {
        kir_expr *since = minus(n, copy(n, n->t), copy(n, n->start));
        kir_expr *left = minus(n, plus(n, copy(n, n->x.lo), product(n, n->tile, n->width)),
                               plus_number(n, times(n, n->a, copy(n, since)), q->up)); /* U*W - a*t - up */
        kir_expr *down = minus(n, copy(n, n->wave), copy(n, n->tile));
        since = plus(n, copy(n, n->x.lo), times(n, n->b, since));
        kir_expr *right = minus(n, plus_number(n, since, q->down + 1),
                                op(n, KIR_OP_MUL, down, copy(n, n->width))); /* b*t + down - V*W + 1 */
        r.lo = most(n, most(n, r.lo, copy(n, left)), minus(n, copy(n, right), copy(n, n->width)));
        r.hi = least(n, least(n, r.hi, plus(n, left, copy(n, n->width))), right);
        return r;
    }
    kir_expr *since = minus(n, copy(n, n->t), copy(n, n->from));
    kir_expr *left = plus(n, copy(n, n->y.lo), product(n, n->strip, n->piece));
    left = minus(n, left, plus_number(n, times(n, n->c, since), q->along));
    r.lo = most(n, r.lo, copy(n, left));
    r.hi = least(n, r.hi, plus(n, left, copy(n, n->piece)));
    return r;
}

/* Fixed places are asked for; what is in the tile goes into the result. */
static kir_block *put_tests(const tiling *n, uint32_t k, kir_block *out) {
    for (uint32_t p = 0; p < n->places; p++) {
        if (!n->k[k].at[p].fixed)
            continue;
        range r = tile_range(n, k, p);
        kir_stmt *s = kir_stmt_new(n->m, KIR_IF, n->at);
        s->value = op(n, KIR_OP_LT, r.lo, r.hi);
        vec_push(n->m->a, out, s);
        out = &s->body;
    }
    return out;
}

static void put_statement(const tiling *n, uint32_t k, kir_block *out) {
    const scop_stmt *t = &n->s->stmt[k];
    kir_block run = {.at = (kir_stmt **)(uintptr_t)t->at, .len = t->n};
    kir_map *map = pass_renamed_temps(n->m, n->z->f, n->z->scratch, &run);
    for (uint32_t i = 0; i < n->hoisted.len; i++)
        kir_map_var(map, n->hoisted.at[i]->var, kir_mapped_var(n->names, n->hoisted.at[i]->var));
    for (uint32_t i = 0; i < n->buffers.len; i++)
        kir_map_var(map, n->buffers.at[i]->var, kir_mapped_var(n->names, n->buffers.at[i]->var));
    kir_map_expr(map, t->loops[0]->var, copy(n, n->t));
    out = put_tests(n, k, out);
    for (uint32_t d = 1; d < t->depth; d++) {
        const kir_stmt *old = t->loops[d];
        range r = {outside(n, old->lo), outside(n, old->hi)};
        for (uint32_t p = 0; p < n->places; p++)
            if (!n->k[k].at[p].fixed && n->k[k].at[p].dim == d) {
                r = tile_range(n, k, p);
                r.lo = plus_number(n, r.lo, -n->k[k].at[p].shift);
                r.hi = plus_number(n, r.hi, -n->k[k].at[p].shift);
            }
        kir_stmt *loop = new_loop(n, out, r.lo, r.hi);
        loop->at = old->at;
        loop->loop->kind = old->loop->kind;
        loop->loop->id = old->loop->id;
        if (d + 1 == t->depth && n->k[k].vector) {
            loop->loop->class = KIR_CLASS_INDEPENDENT;
            loop->loop->why = NULL;
            loop->loop->vector = true;
        }
        kir_map_expr(map, old->var, index_of(n, loop));
        out = &loop->body;
    }
    kir_block body = kir_copy_block(n->m, &run, map);
    for (uint32_t i = 0; i < body.len; i++)
        vec_push(n->m->a, out, body.at[i]);
}

typedef struct span_of_numbers {
    int64_t lo, hi;
} span_of_numbers;

/* Least and greatest of the statements' numbers. */
static span_of_numbers numbers(const tiling *n, size_t offset) {
    span_of_numbers r = {INT64_MAX, INT64_MIN};
    for (uint32_t k = 0; k < n->s->n; k++) {
        int64_t x = *(const int64_t *)(const void *)((const char *)&n->k[k] + offset);
        r.lo = x < r.lo ? x : r.lo;
        r.hi = x > r.hi ? x : r.hi;
    }
    return r;
}

/* The diamonds of the row: those whose u and v some statement has between steps `from` and `to`. */
static range tiles_of_row(const tiling *n) {
    span_of_numbers up = numbers(n, offsetof(member, up)), down = numbers(n, offsetof(member, down));
    kir_expr *begin = minus(n, copy(n, n->from), copy(n, n->start));
    kir_expr *end = minus(n, plus_number(n, copy(n, n->to), -1), copy(n, n->start));
    kir_expr *length = minus(n, copy(n, n->x.hi), copy(n, n->x.lo));
    kir_expr *u_lo = plus_number(n, times(n, n->a, copy(n, begin)), up.lo);
    kir_expr *u_hi = plus(n, copy(n, length), plus_number(n, times(n, n->a, copy(n, end)), up.hi - 1));
    kir_expr *v_lo = minus(n, plus_number(n, times(n, n->b, begin), down.lo + 1), length);
    kir_expr *v_hi = plus_number(n, times(n, n->b, end), down.hi);
    kir_expr *w = n->wave;
    range r;
    r.lo = most(n, floor_of(n, u_lo, n->width), minus(n, copy(n, w), floor_of(n, v_hi, n->width)));
    r.hi = least(n, floor_of(n, u_hi, n->width), minus(n, copy(n, w), floor_of(n, v_lo, n->width)));
    r.hi = plus_number(n, r.hi, 1);
    return r;
}

/* The steps of the row, kept in variables. */
static void put_steps(tiling *n, kir_block *out) {
    int64_t slope = n->a + n->b;
    kir_expr *begin = plus_number(n, product(n, n->wave, n->width), slope - 1 - n->spread);
    begin = most(n, op(n, KIR_OP_FLOORDIV, begin, number(n, slope)), number(n, 0));
    kir_expr *rows = op(n, KIR_OP_MUL, plus_number(n, copy(n, n->wave), 2), copy(n, n->width));
    kir_expr *end = op(n, KIR_OP_FLOORDIV, plus_number(n, rows, -2), number(n, slope));
    end = least(n, plus_number(n, end, 1), copy(n, n->steps));
    n->from = hold(n, out, plus(n, copy(n, n->start), begin));
    n->to = hold(n, out, plus(n, copy(n, n->start), end));
}

static const char *updated_array(const tiling *n) {
    for (uint32_t k = 0; k < n->s->n; k++)
        if (n->k[k].store->var->name)
            return n->k[k].store->var->name->text;
    return "an array";
}

static void put_tiles(tiling *n, kir_block *out) {
    kir_module *m = n->m;
    int64_t slope = n->a + n->b;
    kir_expr *last = plus_number(n, times(n, slope, plus_number(n, copy(n, n->steps), -1)), n->spread);
    kir_stmt *rows = new_loop(n, out, number(n, -1), plus_number(n, floor_of(n, last, n->width), 1));
    n->wave = index_of(n, rows);
    put_steps(n, &rows->body);
    range strips = {0}, row = tiles_of_row(n);
    if (n->places > 1) {
        span_of_numbers along = numbers(n, offsetof(member, along));
        kir_expr *way = times(n, n->c, minus(n, plus_number(n, copy(n, n->to), -1), copy(n, n->from)));
        strips.lo = hold(n, &rows->body, floor_of(n, number(n, along.lo), n->piece));
        strips.hi = floor_of(
            n, plus_number(n, plus(n, minus(n, copy(n, n->y.hi), copy(n, n->y.lo)), way), along.hi - 1), n->piece);
        strips.hi = hold(n, &rows->body, plus_number(n, strips.hi, 1));
    }
    kir_stmt *tiles = new_loop(n, &rows->body, hold(n, &rows->body, row.lo), hold(n, &rows->body, row.hi));
    const kir_loop_info *old = n->loop->loop;
    tiles->loop->class = KIR_CLASS_INDEPENDENT;
    tiles->loop->id = old->id;
    tiles->loop->why = "TIME_TILES";
    tiles->loop->why_detail = updated_array(n);
    tiles->loop->schedule = m->options.schedule ? 0 : 2;
    tiles->loop->chunk = tiles->loop->schedule == 2 ? 1 : 0;
    n->tile = index_of(n, tiles);
    kir_block *inside = &tiles->body;
    if (n->places > 1) {
        kir_stmt *pieces = new_loop(n, inside, strips.lo, strips.hi);
        n->strip = index_of(n, pieces);
        inside = &pieces->body;
    }
    kir_stmt *steps = new_loop(n, inside, copy(n, n->from), copy(n, n->to));
    n->t = index_of(n, steps);
    for (uint32_t k = 0; k < n->s->n; k++)
        put_statement(n, k, &steps->body);
}

/* ---- under its condition --------------------------------------------------------------------------------------------------- */

static kir_var *rename_var(const tiling *n, const kir_stmt *s) {
    kir_var *v = kir_var_new(n->m, n->z->f, s->var->name, s->var->ty, s->var->at);
    v->is_temp = true;
    return v;
}

static void name_hoisted(tiling *n, kir_block *out) {
    n->names = kir_map_new(n->m);
    for (uint32_t i = 0; i < n->hoisted.len; i++) {
        kir_stmt *s = n->hoisted.at[i];
        kir_var *v = rename_var(n, s);
        vec_push(n->m->a, out, kir_assign(n->m, v, outside(n, s->value), s->at));
        kir_map_var(n->names, s->var, v);
    }
}

static void put_buffers(tiling *n, kir_block *out) {
    for (uint32_t i = 0; i < n->buffers.len; i++) {
        kir_stmt *s = n->buffers.at[i];
        kir_var *v = rename_var(n, s);
        kir_expr *alloc = outside(n, s->value);
        for (uint32_t d = 0; d < alloc->n_args; d++)
            alloc->args[d] = most(n, alloc->args[d], number(n, 0));
        vec_push(n->m->a, out, kir_assign(n->m, v, alloc, s->at));
        kir_map_var(n->names, s->var, v);
    }
}

/* Buffers are made when the condition holds: it cannot speak of them, nor can the sizes of tiles. */
static bool speaks_of_buffers(const tiling *n) {
    bool speaks = false;
    for (uint32_t i = 0; i < n->buffers.len; i++) {
        const kir_var *v = n->buffers.at[i]->var;
        speaks |= n->when && vars_mentions(n->when, v);
        for (uint32_t k = 0; dep_nest_parameter(n->s->accesses, k); k++)
            speaks |= vars_mentions(dep_nest_parameter(n->s->accesses, k), v);
        for (uint32_t k = 0; k < n->s->n; k++) {
            const scop_stmt *t = &n->s->stmt[k];
            for (uint32_t d = 0; d < t->depth; d++)
                speaks |= vars_mentions(t->loops[d]->lo, v) || vars_mentions(t->loops[d]->hi, v);
            for (uint32_t p = 0; p < n->places; p++)
                speaks |= n->k[k].at[p].fixed && vars_mentions(n->k[k].at[p].fixed, v);
        }
        for (uint32_t k = 0; k < n->hoisted.len; k++)
            speaks |= vars_mentions(n->hoisted.at[k]->value, v);
    }
    return speaks;
}

/* Parameters are small enough for the index arithmetic. */
static kir_expr *are_small(const tiling *n) {
    kir_expr *small = NULL;
    for (uint32_t k = 0; dep_nest_parameter(n->s->accesses, k); k++) {
        kir_expr *e = outside(n, dep_nest_parameter(n->s->accesses, k));
        if (e->ty != type_int64(n->m->types))
            e = kir_cast(n->m, e, type_int64(n->m->types), n->at);
        if (e->kind != KIR_DIM)
            small = both(n, small, op(n, KIR_OP_GE, copy(n, e), number(n, -EXTENT_MAX)));
        small = both(n, small, op(n, KIR_OP_LE, e, number(n, EXTENT_MAX)));
    }
    return small;
}

static kir_expr *real(const tiling *n, kir_expr *e) {
    return kir_cast(n->m, e, type_float64(n->m->types), n->at);
}

static kir_expr *length_of(const tiling *n, const range *r) {
    return minus(n, copy(n, r->hi), copy(n, r->lo));
}

/* Is there enough to win? For one thread only what the second cache does not hold, for several what pays for meeting at
 * the end of each row of diamonds. */
static kir_expr *is_worth_it(const tiling *n) {
    const kir_options *o = &n->m->options;
    if (o->tile)
        return op(n, KIR_OP_GE, copy(n, n->steps), number(n, 1));
    kir_expr *bytes = op(n, KIR_OP_MUL, real(n, copy(n, n->inside)), real(n, length_of(n, &n->x)));
    if (n->places > 1)
        bytes = op(n, KIR_OP_MUL, bytes, real(n, length_of(n, &n->y)));
    type *f64 = type_float64(n->m->types);
    double second = o->cache_second ? (double)o->cache_second : 1 << 20;
    kir_expr *large = op(n, KIR_OP_GT, copy(n, bytes), kir_const_float(n->m, f64, second, n->at));
    kir_expr *touched = op(n, KIR_OP_MUL, bytes, real(n, copy(n, n->steps)));
    kir_expr *work = op(n, KIR_OP_GE, touched, kir_const_float(n->m, f64, LEAST_WORK, n->at));
    kir_expr *several = op(n, KIR_OP_GT, copy(n, n->threads), number(n, 1));
    int64_t fewest = n->full == 2 ? LEAST_ROW : LEAST_WIDTH * 3 / 4;
    kir_expr *wide = op(n, KIR_OP_GE, length_of(n, &n->x), times(n, fewest, copy(n, n->threads)));
    kir_expr *enough = op(n, KIR_OP_OR, large, both(n, several, work));
    return both(n, both(n, enough, wide), op(n, KIR_OP_GE, copy(n, n->steps), number(n, 2)));
}

static void note_tiles(const tiling *n) {
    uint32_t id = n->loop->loop->id;
    if (!id || id >= n->m->report.len)
        return;
    text s = text_new(n->m->a);
    text_printf(&s, "diamonds of steps and the next loop, slopes %d and %d", (int)n->a, (int)n->b);
    if (n->places > 1)
        text_printf(&s, "; pieces of the one inside, slope %d", (int)n->c);
    n->m->report.at[id].tile = s.at;
}

static bool forget(kir_stmt *s, void *context) {
    (void)context;
    if (s->kind == KIR_FOR)
        s->loop->id = 0;
    return true;
}

static void put_versions(tiling *n, kir_block *out) {
    kir_module *m = n->m;
    kir_expr *apart = n->apart;
    name_hoisted(n, out);
    kir_expr *when = both(n, are_small(n), apart ? outside(n, apart) : NULL);
    when = both(n, n->when ? outside(n, n->when) : NULL, when);
    n->start = hold(n, out, outside(n, n->loop->lo));
    n->steps = hold(n, out, minus(n, outside(n, n->loop->hi), copy(n, n->start)));
    n->x = extent(n, 0, out);
    if (n->places > 1)
        n->y = extent(n, 1, out);
    choose_sizes(n, out);
    kir_stmt *versions = kir_stmt_new(m, KIR_IF, n->at);
    versions->value = both(n, when, is_worth_it(n));
    put_buffers(n, &versions->body);
    put_tiles(n, &versions->body);
    uint32_t id = n->loop->loop->id;
    if (apart && id && id < m->report.len)
        pass_add_guard(m, &m->report.at[id], "arrays do not overlap");
    note_tiles(n);
    vec_push(m->a, &versions->orelse, n->loop);
    kir_each_stmt(&versions->orelse, forget, NULL);
    n->loop->loop->class = KIR_CLASS_CARRIED; /* known, and nobody asks through what: it is not in the report */
    vec_push(m->a, out, versions);
}

static bool try_tiling(tiling *n, const var_set *varying, bool cuts) {
    n->s = scop_new(n->m, n->z->f, n->z->scratch, n->z->live, cuts, n->loop);
    if (!n->s || !is_stencil(n, varying))
        return false;
    for (uint32_t k = 0; k < n->s->n; k++)
        for (uint32_t p = 0; p < n->places; p++)
            if (!find_place(n, k, p))
                return false;
    uint32_t known = dep_known_apart(n->z->session);
    for (uint32_t i = 0; i < n->buffers.len; i++)
        for (uint32_t k = 0; k < n->z->f->vars.len; k++)
            if (n->z->f->vars.at[k]->ty->kind == TYPE_ARRAY && n->z->f->vars.at[k] != n->buffers.at[i]->var)
                dep_assume_apart(n->z->session, n->buffers.at[i]->var, n->z->f->vars.at[k]);
    bool found = scop_analyse(n->s, n->z->session, OPERATIONS) && find_slopes(n) && !speaks_of_buffers(n);
    if (found) {
        count_bytes(n);
        n->apart = dep_nest_condition(n->s->accesses, n->at);
    }
    dep_forget(n->z->session, known);
    return found;
}

static bool is_candidate(const reorderer *z, const kir_stmt *loop) {
    const kir_loop_info *l = loop->loop;
    return l->kind == KIR_LOOP_RANGE && l->class == KIR_CLASS_UNANALYSED && !l->cold && !l->schedule && !l->chunk &&
           z->m->options.race != KIR_RACE_CHECK && loop->body.len;
}

bool timetile_nest(reorderer *z, kir_stmt *loop, kir_block *out) {
    if (!is_candidate(z, loop))
        return false;
    tiling n = {.z = z, .m = z->m, .loop = loop, .at = loop->at};
    kir_block body = loop->body, sweeps = {0}, made = {0};
    var_set varying = vars_new(z->scratch, z->f);
    vars_written_in(&body, &varying);
    vars_add(&varying, loop->var);
    if (!strip_block(&n, &body, &varying, &sweeps))
        return false;
    loop->body = sweeps;
    bool found = false;
    for (int cuts = 0; cuts < 2 && !found; cuts++) {
        tiling one = n;
        found = try_tiling(&one, &varying, cuts);
        loop->body = body;
        if (found)
            put_versions(&one, &made);
        if (one.s)
            scop_close(one.s);
        loop->body = sweeps;
    }
    loop->body = body;
    for (uint32_t i = 0; i < made.len; i++)
        vec_push(z->m->a, out, made.at[i]);
    return found;
}
