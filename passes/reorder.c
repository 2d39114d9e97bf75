/* reorder: another order of iterations, for caches, registers and vectors.
 *
 *   for %i { for %j { c[i,j] *= beta }                 for %i { for %j { c[i,j] *= beta } }
 *            for %k { for %j {                    →    for %it by 32 { for %jt by 512 { for %kt by 64 {
 *                c[i,j] += a[i,k] * b[k,j] } } }           for %i, %k by 4 in the tile { for %j in the tile {
 *                                                              16 updates, with c[i,j] in registers } } } } }
 *
 * What is looked for: a statement that accumulates (its stores do not change with some loop around it) in three or more
 * loops, or one in two loops whose inner one strides through memory while the outer one would walk along it. Whoever has
 * none of these pays for a look at the subscripts and nothing else. Then dependences are computed exactly (scop.h), and
 *
 *   distribution   statements that depend on one another in a circle stay together in the source's order; a candidate that
 *                  is alone in its circle gets a nest of its own. Phases follow one another as the dependences demand;
 *   interchange    only of permutable nests, in which every dependence goes forward or nowhere in each loop. The innermost
 *                  loop is the one along which most accesses are contiguous; a loop without dependences goes outermost, in
 *                  tiles that run in parallel;
 *   tiles          of the innermost loop for the first cache, of the summing loop for the second;
 *   registers      see jam.c.
 *
 * The terms of each sum are added in the source's order, except where the innermost loop is the sum itself: that is then
 * a reduction as it would be in the source's nest. All holds under a condition (arrays share no memory, extents are small
 * enough for index arithmetic); the source's nest is kept for when it does not: the cold copy that guard made when there
 * is one. Runs under parallel=True only. Cost: 2 to 10 ms for a nest that is changed. */
#include "passes/reorder.h"
#include "passes/astgen.h"
#include "passes/box.h"
#include "passes/cost.h"
#include "passes/jam.h"
#include "passes/passes.h"
#include "passes/pivot.h"
#include "passes/timetile.h"
#include "plait/tile.h"

#include <isl/aff.h>
#include <isl/ast_build.h>
#include <isl/ctx.h>
#include <isl/map.h>
#include <isl/options.h>
#include <isl/set.h>
#include <isl/space.h>
#include <isl/union_map.h>
#include <string.h>

enum {
    OPERATIONS = 3000000, /* of isl, for one nest */
    FEW_TRIPS = 8,
    HEIGHT_OF_STRIPS = 256,
    DEPTH_OF_STRIPS = 256,   /* of a sum: so much of the other factor's columns is used for all rows of a tile */
    LEAST_IN_STRIPS = 16384, /* iterations of a nest that pay for blocks of rows with a strip each */
    LEAST_IN_BLOCKS = 8192,  /* and for blocks of sums, */
    LEAST_IN_LANES = 8       /* which always pay when a sum has so many terms */
};
#define EXTENT_MAX (INT64_C(1) << 40)

/* ---- a look at the subscripts ---------------------------------------------------------------------------------------- */

static bool gather_uses(plan *p, kir_stmt *const *at, uint32_t n, bool direct) {
    for (uint32_t i = 0; i < n; i++) {
        kir_stmt *s = at[i];
        bool load = s->kind == KIR_ASSIGN && s->value->kind == KIR_LOAD;
        if ((load || s->kind == KIR_STORE) && p->n_uses == REORDER_USES)
            return false;
        if (load)
            p->uses[p->n_uses++] = (use){s, s->value->var, s->value->args, s->value->n_args, false, direct};
        if (s->kind == KIR_STORE)
            p->uses[p->n_uses++] = (use){s, s->var, s->index.at, s->index.len, true, direct};
        if (!gather_uses(p, s->body.at, s->body.len, false) || !gather_uses(p, s->orelse.at, s->orelse.len, false))
            return false;
    }
    return true;
}

/* Coefficient of v in e; false when e is not linear in it. */
static bool coefficient(kir_expr *e, const kir_var *v, int64_t *c) {
    int64_t a, b;
    *c = 0;
    if (!vars_mentions(e, v))
        return true;
    if (e->kind == KIR_VAR) {
        *c = 1;
        return true;
    }
    if (e->kind == KIR_UNARY && e->op == KIR_OP_NEG) {
        bool linear = coefficient(e->args[0], v, &a);
        *c = -a;
        return linear;
    }
    if (e->kind != KIR_BINARY)
        return false;
    if (e->op == KIR_OP_ADD || e->op == KIR_OP_SUB) {
        if (!coefficient(e->args[0], v, &a) || !coefficient(e->args[1], v, &b))
            return false;
        *c = e->op == KIR_OP_ADD ? a + b : a - b;
        return true;
    }
    if (e->op != KIR_OP_MUL || !kir_is_const_int(e->args[1], &b) || !coefficient(e->args[0], v, &a) || b > 1024 ||
        b < -1024)
        return false;
    *c = a * b;
    return true;
}

typedef enum walk_kind { WALK_NONE, WALK_ALONG, WALK_ACROSS } walk_kind;

/* How an access moves through memory when v counts. */
static walk_kind walk_of(const use *u, const kir_var *v) {
    walk_kind kind = WALK_NONE;
    uint32_t along = u->array->ty->layout == LAYOUT_F ? 0 : u->n - 1;
    for (uint32_t k = 0; k < u->n; k++) {
        int64_t c;
        if (!coefficient(u->index[k], v, &c))
            return WALK_ACROSS;
        if (c == 0)
            continue;
        bool contiguous = k == along && (c == 1 || c == -1) && u->array->ty->layout != LAYOUT_A;
        if (!contiguous || kind != WALK_NONE)
            return WALK_ACROSS;
        kind = WALK_ALONG;
    }
    return kind;
}

static bool same_element(const use *a, const use *b) {
    bool same = a->array == b->array && a->n == b->n;
    for (uint32_t k = 0; same && k < a->n; k++)
        same = kir_expr_equal(a->index[k], b->index[k]);
    return same;
}

static void find_update(plan *p) {
    uint32_t stores = 0, loads = 0;
    for (uint32_t i = 0; i < p->n_uses; i++)
        if (p->uses[i].is_store) {
            stores++;
            p->store = &p->uses[i];
        }
    if (stores != 1 || !p->store->is_direct) {
        p->store = NULL;
        return;
    }
    for (uint32_t i = 0; i < p->n_uses; i++)
        if (!p->uses[i].is_store && same_element(&p->uses[i], p->store)) {
            loads++;
            p->load = &p->uses[i];
        }
    if (loads != 1 || !p->load->is_direct)
        p->load = NULL;
}

/* Is the new value the old one plus or minus something? */
static bool is_sum(const scop_stmt *t, const plan *p) {
    const kir_expr *value = p->store->s->value;
    for (uint32_t i = t->n; i-- > 0 && value->kind == KIR_VAR;)
        if (t->at[i]->kind == KIR_ASSIGN && t->at[i]->var == value->var)
            value = t->at[i]->value;
    if (value->kind != KIR_BINARY || (value->op != KIR_OP_ADD && value->op != KIR_OP_SUB))
        return false;
    const kir_expr *a = value->args[0], *b = value->args[1];
    const kir_var *old = p->load->s->var;
    return (a->kind == KIR_VAR && a->var == old) || (value->op == KIR_OP_ADD && b->kind == KIR_VAR && b->var == old);
}

static uint32_t steps_along(const plan *p, const kir_var *v) {
    static const uint32_t price[] = {[WALK_NONE] = 0, [WALK_ALONG] = 1, [WALK_ACROSS] = 8};
    uint32_t sum = 0;
    for (uint32_t i = 0; i < p->n_uses; i++)
        sum += price[walk_of(&p->uses[i], v)] * (p->uses[i].is_store ? 2 : 1);
    return sum;
}

static uint32_t count_across(const plan *p, const kir_var *v) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->n_uses; i++)
        n += walk_of(&p->uses[i], v) == WALK_ACROSS;
    return n;
}

static bool sums_over(const plan *p, const kir_stmt *loop) {
    return p->store && p->load && walk_of(p->store, loop->var) == WALK_NONE;
}

static void choose_vector(const scop_stmt *t, plan *p) {
    uint32_t best = ~0u;
    for (uint32_t d = t->depth; d-- > 0;) {
        bool sum = sums_over(p, t->loops[d]);
        if (sum && (t->depth < 3 || !is_sum(t, p)))
            continue;
        uint32_t steps = steps_along(p, t->loops[d]->var) + (sum ? 2 : 0);
        if (steps < best) {
            best = steps;
            p->vector = d;
            p->sums = sum;
        }
    }
}

static bool is_short(const scop_stmt *t) {
    double trips = 1;
    for (uint32_t d = 0; d < t->depth; d++) {
        int64_t n = cost_trips(t->loops[d]);
        if (n >= 0 && n < FEW_TRIPS)
            return true;
        trips *= n < 0 ? 100 : (double)n;
    }
    return trips < 4096;
}

/* Do subscripts speak of variables that the run assigns? Then they say nothing of how the loops walk. */
static bool has_own_subscripts(const reorderer *z, const scop_stmt *t, const plan *p) {
    kir_block run = {.at = (kir_stmt **)(uintptr_t)t->at, .len = t->n};
    var_set written = vars_new(z->scratch, z->f), read = vars_new(z->scratch, z->f);
    vars_written_in(&run, &written);
    for (uint32_t i = 0; i < p->n_uses; i++)
        for (uint32_t k = 0; k < p->uses[i].n; k++)
            vars_read_by_expr(p->uses[i].index[k], &read);
    for (uint32_t w = 0; w < read.words && w < written.words; w++)
        if (read.bits[w] & written.bits[w])
            return true;
    return false;
}

/* A first plan for statement k, or NULL when nothing would be gained. */
static plan *consider(reorderer *z, const scop *s, uint32_t k) {
    const scop_stmt *t = &s->stmt[k];
    if (t->depth < 2 || is_short(t))
        return NULL;
    plan *p = arena_make(z->scratch, plan);
    *p = (plan){.stmt = k, .vector = NO_DIM, .parallel = NO_DIM, .rows = NO_DIM, .columns = NO_DIM};
    if (!gather_uses(p, t->at, t->n, true) || has_own_subscripts(z, t, p))
        return NULL;
    find_update(p);
    choose_vector(t, p);
    if (!p->store || p->vector == NO_DIM)
        return NULL;
    uint32_t inner = t->depth - 1;
    if (t->depth == 2) {
        bool strides = count_across(p, t->loops[inner]->var) > count_across(p, t->loops[p->vector]->var);
        return strides ? p : NULL;
    }
    bool accumulates = false;
    for (uint32_t d = 0; d < t->depth; d++)
        accumulates |= sums_over(p, t->loops[d]);
    return accumulates ? p : NULL;
}

/* ---- legality and shape -------------------------------------------------------------------------------------------------- */

static bool is_alone(const scop *s, uint32_t k) {
    for (uint32_t i = 0; i < s->n; i++)
        if (i != k && s->reaches[i][k] && s->reaches[k][i])
            return false;
    return true;
}

bool reorder_meets_other_loads(nest *n, const plan *p) {
    uint32_t all = (1u << n->s->stmt[p->stmt].depth) - 1, moving = p->sums ? all : 1u << p->columns;
    for (uint32_t i = 0; i < p->n_uses; i++) {
        const use *u = &p->uses[i];
        if (u == p->store || u == p->load || u->array != p->store->array)
            continue;
        if (p->sums || scop_meet(n->s, p->stmt, p->store->s, u->s, all & ~moving))
            return true;
    }
    return false;
}

static void add_tile(plan *p, uint32_t dim, uint32_t size, int64_t most) {
    for (uint32_t i = 0; i < p->tiles; i++)
        if (p->tile_dim[i] == dim)
            return;
    p->tile_dim[p->tiles] = dim;
    p->tile_size[p->tiles++] = most && size > most ? (uint32_t)most : size;
}

/* A loop that is known to be shorter than a tile needs none. */
static void add_inner_tile(const scop_stmt *t, plan *p, uint32_t dim, uint32_t size, int64_t most) {
    int64_t trips = cost_trips(t->loops[dim]);
    if (trips < 0 || trips > (most && size > most ? most : size))
        add_tile(p, dim, size, most);
}

/* Is the run straight code in which the updated array is met by the update alone? Temporaries may be views of it. */
static bool is_plain_update(const scop_stmt *t, const plan *p) {
    for (uint32_t i = 0; i < t->n; i++)
        if (t->at[i] != p->store->s && (t->at[i]->kind != KIR_ASSIGN || !t->at[i]->var->is_temp))
            return false;
    for (uint32_t i = 0; i < p->n_uses; i++) {
        const use *u = &p->uses[i];
        if (u != p->store && u != p->load && !p->apart && (u->array == p->store->array || u->array->is_temp))
            return false;
    }
    return true;
}

/* How much of the vector loop stays in registers while the sum runs: as many vectors in each of four rows as leave room
 * for what is added. That needs a sum that is neither the rows nor the vector loop. */
static int64_t choose_strip(nest *n, const scop_stmt *t, const plan *p) {
    const kir_options *o = &n->z->m->options;
    const type *ty = p->store->array->ty->dtype;
    if (!o->vector_bytes || t->depth < 3 || p->sums || !p->load || p->rows == NO_DIM || p->turned[p->vector] ||
        (ty->kind != TYPE_INT && ty->kind != TYPE_FLOAT) || !is_plain_update(t, p))
        return 0;
    if (walk_of(p->store, t->loops[p->columns]->var) != WALK_NONE ||
        walk_of(p->store, t->loops[p->vector]->var) != WALK_ALONG ||
        walk_of(p->store, t->loops[p->rows]->var) == WALK_NONE)
        return 0;
    for (uint32_t i = 0; i < p->n_uses; i++)
        if (walk_of(&p->uses[i], t->loops[p->vector]->var) == WALK_ACROSS)
            return 0;
    int64_t strip = o->vector_bytes / (int64_t)type_size(ty) * (o->vector_registers >= 32 ? 4 : 2);
    int64_t edge = plait_tile_edge(o->tile, p->vector);
    while (edge && strip > edge)
        strip /= 2;
    return strip < 4 ? 0 : strip;
}

/* Tiles: the parallel loop in pieces that several threads can share; of the vector loop and the columns as much as the
 * first and the second cache hold. */
static void choose_tiles(nest *n, plan *p) {
    const kir_options *o = &n->z->m->options;
    const scop_stmt *t = &n->s->stmt[p->stmt];
    uint32_t depth = t->depth;
    int64_t size = (int64_t)type_size(p->store->array->ty->dtype);
    int64_t first = o->cache_first ? o->cache_first : 32768, second = o->cache_second ? o->cache_second : 1 << 20;
    int64_t width = first / (8 * size), height = second / (4 * size * width);
    width = width < 64 ? 64 : width > 1024 ? 1024 : width;
    height = height < 16 ? 16 : height > 256 ? 256 : height;
    p->strip = choose_strip(n, t, p);
    if (p->parallel == p->vector)
        p->strip = 0;
    n->sized |= p->strip && n->shared;
    uint32_t piece = p->strip                   ? n->shared ? HEIGHT_OF_STRIPS : 64
                     : p->parallel != p->vector ? 32
                     : depth == 2               ? 64
                                                : 128;
    int64_t edge = plait_tile_edge(o->tile, p->parallel == NO_DIM ? 0 : p->parallel);
    if (edge && piece > edge)
        piece = (uint32_t)edge;
    if (n->shared)
        n->tile = piece > n->tile ? piece : n->tile;
    else if (p->parallel != NO_DIM)
        add_tile(p, p->parallel, piece, edge);
    if (depth == 2)
        return;
    if (p->strip) {
        add_inner_tile(t, p, p->columns, DEPTH_OF_STRIPS, plait_tile_edge(o->tile, p->columns));
        add_inner_tile(t, p, p->vector, (uint32_t)p->strip, 0);
        return;
    }
    if (p->parallel != p->vector)
        add_inner_tile(t, p, p->vector, (uint32_t)(p->sums ? width / 2 : width), plait_tile_edge(o->tile, p->vector));
    add_inner_tile(t, p, p->columns, (uint32_t)(p->parallel == p->vector ? 128 : height),
                   plait_tile_edge(o->tile, p->columns));
}

static void choose_order(const scop_stmt *t, plan *p) {
    uint32_t n = 0;
    for (uint32_t d = 0; d < t->depth; d++)
        if (d != p->rows && d != p->columns && d != p->vector)
            p->order[n++] = d;
    if (p->rows != NO_DIM)
        p->order[n++] = p->rows;
    p->order[n++] = p->columns;
    p->order[n] = p->vector;
}

/* The outermost loop that carries nothing; in three loops and more one that is not the vector loop, if there is one. */
static uint32_t choose_parallel(const nest *n, const plan *p, const bool *moves) {
    uint32_t found = NO_DIM, depth = n->s->stmt[p->stmt].depth;
    if (n->shared)
        return 0;
    for (uint32_t d = 0; d < depth; d++)
        if (!moves[d] && (found == NO_DIM || (found == p->vector && depth > 2)))
            found = d;
    return found;
}

void reorder_take_roles(const scop_stmt *t, plan *p) {
    for (uint32_t d = 0; d < t->depth; d++)
        if (d != p->vector && sums_over(p, t->loops[d]))
            p->columns = d;
    for (uint32_t d = t->depth; d-- > 0 && p->columns == NO_DIM;)
        if (d != p->vector)
            p->columns = d;
    for (uint32_t d = t->depth; d-- > 0;)
        if (d != p->vector && d != p->columns && (p->rows == NO_DIM || d == p->parallel))
            p->rows = d;
}

/* Completes the plan with what the dependences allow. False: they forbid it. */
static bool complete(nest *n, plan *p) {
    const scop_stmt *t = &n->s->stmt[p->stmt];
    bool *moves = p->moves;
    if (!is_alone(n->s, p->stmt))
        return false;
    for (uint32_t d = 0; d < t->depth; d++) {
        if (scop_moves(t->carried, d, -1))
            return false;
        moves[d] = scop_moves(t->carried, d, 1);
    }
    if (moves[p->vector] && !p->sums)
        return false;
    for (uint32_t d = 0; d < t->depth; d++)
        p->turned[d] = t->way[d] < 0 && !moves[d];
    p->parallel = choose_parallel(n, p, moves);
    reorder_take_roles(t, p);
    if (p->load && reorder_meets_other_loads(n, p)) {
        if (p->sums)
            return false;
        p->load = NULL;
    }
    for (uint32_t d = 0; d < t->depth; d++)
        if (t->loops[d]->loop->kind == KIR_LOOP_PRANGE && d != p->parallel)
            return false;
    choose_order(t, p);
    choose_tiles(n, p);
    return true;
}

/* ---- loops of one statement -------------------------------------------------------------------------------------------------- */

/* { S0[i0, i1, i2] -> [t0, t1, i0, i2, i1] : t0 <= i0 < t0 + 32, t0 a multiple of 32 … } */
static isl_map *schedule_of(nest *n, const plan *p) {
    const scop_stmt *t = &n->s->stmt[p->stmt];
    text s = text_new(n->z->scratch);
    text_printf(&s, "%s{ S%u[", n->sized ? "[t, u] -> " : n->shared ? "[t] -> " : "", p->stmt);
    for (uint32_t d = 0; d < t->depth; d++)
        text_printf(&s, "%si%u", d ? ", " : "", d);
    text_put(&s, "] -> [");
    for (uint32_t k = 0; k < p->tiles; k++)
        text_printf(&s, "t%u, ", k);
    for (uint32_t d = 0; d < t->depth; d++)
        text_printf(&s, "%s%si%u", d ? ", " : "", p->turned[p->order[d]] ? "-" : "", p->order[d]);
    text_put(&s, "]");
    for (uint32_t k = 0; k < p->tiles; k++)
        text_printf(&s, "%s t%u = floor((%si%u) / %u)", k ? " and" : " :", k, p->turned[p->tile_dim[k]] ? "-" : "",
                    p->tile_dim[k], p->tile_size[k]);
    if (n->sized)
        text_printf(&s, "%s t <= i0 < u", p->tiles ? " and" : " :");
    else if (n->shared)
        text_printf(&s, "%s t <= i0 < t + %u", p->tiles ? " and" : " :", n->tile);
    text_put(&s, " }");
    return isl_map_read_from_str(dep_nest_isl(n->s->accesses), s.at);
}

typedef struct marking {
    nest *n;
    const plan *p;
    kir_stmt *outermost; /* of the register block */
    bool taken[SCOP_DEPTH];
} marking;

/* Pieces of unequal size go to whoever is free. */
static void share_out(const nest *n, const scop_stmt *t, kir_loop_info *l, const kir_loop_info *old) {
    l->schedule = old->schedule;
    l->chunk = old->chunk;
    bool unequal = false;
    for (uint32_t a = 0; a < t->depth; a++)
        for (uint32_t b = 0; b < a; b++)
            unequal |=
                vars_mentions(t->loops[a]->lo, t->loops[b]->var) || vars_mentions(t->loops[a]->hi, t->loops[b]->var);
    if (!unequal || l->schedule || n->z->m->options.schedule)
        return;
    l->schedule = 2;
    l->chunk = 1;
}

/* Report entry, class and kind of each new loop. A loop of the source has its entry on the parallel tile loop or on the
 * loop inside the tile. */
static bool mark_loop(kir_stmt *s, void *context) {
    marking *k = context;
    if (s->kind != KIR_FOR)
        return true;
    const plan *p = k->p;
    const scop_stmt *t = &k->n->s->stmt[p->stmt];
    bool tile = s->loop->slot < p->tiles;
    uint32_t dim = tile ? p->tile_dim[s->loop->slot] : p->order[s->loop->slot - p->tiles];
    const kir_loop_info *old = t->loops[dim]->loop;
    kir_loop_info *l = s->loop;
    s->at = t->loops[dim]->at;
    l->class = KIR_CLASS_CARRIED;
    l->why = "ORDERED";
    l->why_detail = "";
    if (!p->moves[dim]) {
        l->class = KIR_CLASS_INDEPENDENT;
        l->vector = !tile;
        l->why = NULL;
    } else if (!tile && dim == p->vector) {
        l->class = KIR_CLASS_UNANALYSED;
        l->why = NULL;
    }
    bool pieces = tile && s->loop->slot == 0 && dim == p->parallel;
    bool owner = pieces || (!tile && dim != p->parallel);
    if (owner && !k->taken[dim]) {
        l->id = old->id;
        l->kind = old->kind;
        k->taken[dim] = true;
    }
    if (pieces)
        share_out(k->n, t, l, old);
    if (!tile && s->loop->slot - p->tiles == t->depth - (p->rows == NO_DIM ? 2 : 3))
        k->outermost = s;
    return true;
}

static kir_stmt *only_loop(const kir_stmt *s) {
    return s && s->body.len == 1 && s->body.at[0]->kind == KIR_FOR ? s->body.at[0] : NULL;
}

static bool has_no_loop(const kir_stmt *s) {
    for (uint32_t i = 0; i < s->body.len; i++)
        if (s->body.at[i]->kind == KIR_FOR)
            return false;
    return true;
}

static bool counts_up_by_one(const kir_stmt *s) {
    int64_t step;
    return kir_is_const_int(s->step, &step) && step == 1;
}

/* The copy of statement `wanted` of the run in the generated body: astgen keeps their places. */
static kir_stmt *counterpart(const scop_stmt *t, const kir_stmt *wanted, const kir_stmt *inner) {
    for (uint32_t i = 0; i < t->n && i < inner->body.len; i++)
        if (t->at[i] == wanted)
            return inner->body.at[i];
    return NULL;
}

/* Most iterations of the sum that a tile has; 0 when that is not known. */
static int64_t depth_of_tile(const scop_stmt *t, const plan *p) {
    for (uint32_t i = 0; i < p->tiles; i++)
        if (p->tile_dim[i] == p->columns)
            return p->tile_size[i];
    int64_t trips = cost_trips(t->loops[p->columns]);
    return trips > 0 && trips <= DEPTH_OF_STRIPS ? trips : 0;
}

/* AVX-512's loads and stores under masks are as fast as others. */
static bool has_masks(const nest *n, const plan *p) {
    size_t size = type_size(p->store->array->ty->dtype);
    return n->z->m->options.vector_bytes == 64 && (size == 4 || size == 8);
}

static void block_registers(nest *n, const plan *p, kir_stmt *outermost, kir_block *out) {
    const scop_stmt *t = &n->s->stmt[p->stmt];
    jam j = {.m = n->z->m, .f = n->z->f, .scratch = n->z->scratch, .rows = 1, .columns = 4};
    kir_stmt *loop = outermost;
    if (p->rows != NO_DIM) {
        j.outer = loop;
        j.rows = 4;
        loop = only_loop(loop);
    }
    j.middle = loop;
    j.inner = only_loop(loop);
    bool fits = j.inner && has_no_loop(j.inner) && counts_up_by_one(j.inner) && counts_up_by_one(j.middle) &&
                (!j.outer || counts_up_by_one(j.outer));
    if (!fits) {
        vec_push(n->z->m->a, out, outermost);
        return;
    }
    var_set written = vars_new(n->z->scratch, n->z->f);
    for (uint32_t i = 0; i < p->n_uses; i++)
        if (!p->apart && (p->uses[i].array == p->store->array || p->uses[i].array->is_temp))
            vars_add(&written, p->uses[i].array);
    j.written = &written;
    if (p->strip && !vars_mentions(j.inner->lo, j.middle->var) && !vars_mentions(j.inner->hi, j.middle->var))
        j.strip = p->strip;
    if (p->strip)
        j.depth = depth_of_tile(t, p);
    j.pays = p->pays;
    j.masks = p->strip && has_masks(n, p);
    kir_stmt *rows = p->rows != NO_DIM ? t->loops[p->rows] : NULL;
    if (n->sized && p->rows == 0) {
        kir_expr *all = kir_binary(n->z->m, KIR_OP_SUB, kir_copy_expr(n->z->m, rows->hi, NULL),
                                   kir_copy_expr(n->z->m, rows->lo, NULL), rows->at);
        j.enough = kir_binary(n->z->m, KIR_OP_GE, all, kir_int(n->z->m, JAM_ROWS_TO_PACK, rows->at), rows->at);
    }
    if (p->load) {
        j.load = counterpart(t, p->load->s, j.inner);
        j.store = counterpart(t, p->store->s, j.inner);
        if (!j.load || !j.store || j.inner->body.len != t->n)
            j.strip = 0;
    }
    jam_nest(&j, out);
}

static void replace_in(kir_module *m, kir_block *b, const kir_stmt *old, const kir_block *by) {
    kir_block out = {0};
    for (uint32_t i = 0; i < b->len; i++) {
        replace_in(m, &b->at[i]->body, old, by);
        if (b->at[i] != old) {
            vec_push(m->a, &out, b->at[i]);
            continue;
        }
        for (uint32_t k = 0; k < by->len; k++)
            vec_push(m->a, &out, by->at[k]);
    }
    *b = out;
}

static const char *tile_text(nest *n, const plan *p) {
    const scop_stmt *t = &n->s->stmt[p->stmt];
    text s = text_new(n->z->m->a);
    if (n->shared)
        text_printf(&s, "%s by %s%u, ", t->loops[0]->var->name ? t->loops[0]->var->name->text : "loop",
                    n->sized ? "at most " : "", n->tile);
    for (uint32_t k = 0; k < p->tiles; k++) {
        const kir_var *v = t->loops[p->tile_dim[k]]->var;
        text_printf(&s, "%s%s by %u", k ? ", " : "", v->name ? v->name->text : "loop", p->tile_size[k]);
    }
    text_printf(&s, "%s%s in registers", p->tiles ? ", " : "", p->rows == NO_DIM ? "4" : "4x4");
    return s.at;
}

static void note_tiles(nest *n, const plan *p) {
    const scop_stmt *t = &n->s->stmt[p->stmt];
    const char *words = tile_text(n, p);
    for (uint32_t d = 0; d < t->depth; d++) {
        uint32_t id = t->loops[d]->loop->id;
        if (id && id < n->z->m->report.len)
            n->z->m->report.at[id].tile = words;
    }
}

typedef struct depths {
    uint32_t wanted;
    bool same;
} depths;

static bool compare_depth(kir_stmt *s, void *context) {
    depths *d = context;
    if (s->kind == KIR_FOR && has_no_loop(s))
        d->same = d->same && s->loop->slot + 1 == d->wanted;
    return true;
}

/* isl leaves out loops of one iteration; then a loop's level does not tell which of the plan's loops it is. */
static bool has_every_loop(const nest *n, const plan *p, kir_block *made) {
    depths d = {p->tiles + n->s->stmt[p->stmt].depth, true};
    kir_each_stmt(made, compare_depth, &d);
    return d.same;
}

/* The loops that isl finds for the plan. */
static bool put_by_isl(nest *n, const plan *p, isl_set *where, kir_block *out) {
    isl_map *map = isl_map_intersect_domain(schedule_of(n, p), where);
    isl_set *context = isl_set_universe(isl_space_params_alloc(dep_nest_isl(n->s->accesses), 0));
    isl_ast_build *build = isl_ast_build_from_context(context);
    isl_ast_node *tree = isl_ast_build_node_from_schedule_map(build, isl_union_map_from_map(map));
    isl_ast_build_free(build);
    astgen g = {.s = n->s, .parameter = n->parameter, .n_parameters = n->n_parameters, .at = n->s->nest->at};
    g.tile[0] = n->at[0];
    g.tile[1] = n->at[1];
    for (uint32_t k = 0; k < p->tiles; k++)
        g.stretch[k] = p->tile_size[k];
    bool done = astgen_block(&g, tree, out);
    isl_ast_node_free(tree);
    return done;
}

bool reorder_put(nest *n, const plan *p, isl_set *where, bool *taken, kir_block *out) {
    kir_block made = {0};
    bool done = box_put(n, p, where, &made);
    if (done)
        isl_set_free(where);
    else
        done = put_by_isl(n, p, where, &made);
    if (!done || !has_every_loop(n, p, &made))
        return false;
    marking k = {.n = n, .p = p};
    memcpy(k.taken, taken, sizeof k.taken);
    kir_each_stmt(&made, mark_loop, &k);
    if (k.outermost) {
        kir_block by = {0};
        block_registers(n, p, k.outermost, &by);
        replace_in(n->z->m, &made, k.outermost, &by);
    }
    for (uint32_t i = 0; i < made.len; i++)
        vec_push(n->z->m->a, out, made.at[i]);
    return true;
}

/* ---- phases ---------------------------------------------------------------------------------------------------------------------- */

static bool keeps(const scop *s, const bool *keep, const kir_stmt *loop) {
    for (uint32_t k = 0; k < s->n; k++)
        for (uint32_t d = 0; keep[k] && d < s->stmt[k].depth; d++)
            if (s->stmt[k].loops[d] == loop)
                return true;
    return false;
}

/* The nest with the statements of `keep` alone. */
static void put_filtered(nest *n, kir_stmt *loop, const bool *keep, const bool *named, kir_map *map, kir_block *out) {
    kir_module *m = n->z->m;
    kir_block body = loop->body, single = {.at = &loop, .len = 1, .cap = 1};
    loop->body = (kir_block){0};
    kir_stmt *c = kir_copy_block(m, &single, map).at[0];
    loop->body = body;
    if (!named[loop->loop->id] || (n->shared && loop == n->s->nest))
        c->loop->id = 0;
    if (n->shared && loop == n->s->nest) {
        c->lo = kir_ref(m, n->at[0], loop->at);
        kir_expr *end =
            kir_binary(m, KIR_OP_ADD, kir_ref(m, n->at[0], loop->at), kir_int(m, n->tile, loop->at), loop->at);
        c->hi = n->sized ? kir_ref(m, n->at[1], loop->at) : kir_binary(m, KIR_OP_MIN, c->hi, end, loop->at);
        c->loop->class = KIR_CLASS_INDEPENDENT;
        c->loop->vector = c->body.len == 0 && has_no_loop(loop);
    }
    for (uint32_t i = 0; i < body.len; i++) {
        kir_stmt *s = body.at[i];
        if (s->kind == KIR_FOR) {
            if (keeps(n->s, keep, s))
                put_filtered(n, s, keep, named, map, &c->body);
            continue;
        }
        for (uint32_t k = 0; k < n->s->n; k++)
            for (uint32_t x = 0; keep[k] && x < n->s->stmt[k].n; x++)
                if (n->s->stmt[k].at[x] == s) {
                    kir_block one = {.at = &s, .len = 1, .cap = 1};
                    vec_push(m->a, &c->body, kir_copy_block(m, &one, map).at[0]);
                }
    }
    vec_push(m->a, out, c);
}

static bool is_ready(const scop *s, uint32_t k, const bool *done, const bool *with) {
    for (uint32_t i = 0; i < s->n; i++)
        if (i != k && s->feeds[i][k] && !done[i] && !(with && with[i]))
            return false;
    return true;
}

/* The statements in source order that can run now, all in one copy of the nest. */
static bool gather_phase(const nest *n, const bool *done, bool *phase) {
    const scop *s = n->s;
    bool changed = true, any = false;
    for (uint32_t k = 0; k < s->n; k++)
        phase[k] = !done[k] && !n->plans[k];
    while (changed) {
        changed = false;
        for (uint32_t k = 0; k < s->n; k++)
            if (phase[k] && !is_ready(s, k, done, phase)) {
                phase[k] = false;
                changed = true;
            }
    }
    for (uint32_t k = 0; k < s->n; k++)
        any |= phase[k];
    return any;
}

/* Which loops of the source have their report entry in a planned nest: the deepest plan's come first. */
static void take_names(const nest *n, bool *free_names) {
    for (uint32_t k = 0; k < n->s->n; k++)
        for (uint32_t d = 0; n->plans[k] && d < n->s->stmt[k].depth; d++)
            free_names[n->s->stmt[k].loops[d]->loop->id] = false;
}

static void note_taken(const nest *n, uint32_t k, const bool *used, bool *taken) {
    for (uint32_t d = 0; d < n->s->stmt[k].depth; d++)
        taken[d] = used[n->s->stmt[k].loops[d]->loop->id];
}

static bool put_phases(nest *n, kir_block *out) {
    scop *s = n->s;
    bool done[SCOP_STATEMENTS] = {false}, phase[SCOP_STATEMENTS];
    bool *named = arena_array(n->z->scratch, bool, n->z->m->report.len + 1);
    bool *used = arena_array(n->z->scratch, bool, n->z->m->report.len + 1);
    memset(named, true, sizeof(bool) * (n->z->m->report.len + 1));
    take_names(n, named);
    for (uint32_t left = s->n; left > 0;) {
        uint32_t before = left;
        if (gather_phase(n, done, phase)) {
            kir_block single = {.at = &s->nest, .len = 1, .cap = 1};
            kir_map *map = pass_renamed_temps(n->z->m, n->z->f, n->z->scratch, &single);
            put_filtered(n, s->nest, phase, named, map, out);
            for (uint32_t k = 0; k < s->n; k++) {
                left -= phase[k];
                done[k] |= phase[k];
                for (uint32_t d = 0; phase[k] && d < s->stmt[k].depth; d++)
                    named[s->stmt[k].loops[d]->loop->id] = false;
            }
        }
        for (uint32_t k = 0; k < s->n; k++) {
            bool taken[SCOP_DEPTH] = {false};
            if (done[k] || !n->plans[k] || !is_ready(s, k, done, NULL))
                continue;
            note_taken(n, k, used, taken);
            if (!reorder_put(n, n->plans[k], isl_set_copy(s->stmt[k].domain), taken, out))
                return false;
            for (uint32_t d = 0; d < s->stmt[k].depth; d++)
                used[s->stmt[k].loops[d]->loop->id] = true;
            done[k] = true;
            left--;
        }
        if (left == before)
            return false;
    }
    return true;
}

/* ---- the nest under its condition ------------------------------------------------------------------------------------------------ */

static kir_expr *both(nest *n, kir_expr *a, kir_expr *b) {
    return a ? kir_binary(n->z->m, KIR_OP_AND, a, b, n->s->nest->at) : b;
}

/* Parameters get temporaries in `out`; the result asks that they are small. */
static kir_expr *take_parameters(nest *n, kir_block *out) {
    kir_module *m = n->z->m;
    span at = n->s->nest->at;
    kir_expr *small = NULL, *e;
    while (dep_nest_parameter(n->s->accesses, n->n_parameters))
        n->n_parameters++;
    n->parameter = arena_array(n->z->scratch, kir_expr *, n->n_parameters + 1);
    for (uint32_t k = 0; k < n->n_parameters; k++) {
        e = kir_copy_expr(m, dep_nest_parameter(n->s->accesses, k), NULL);
        if (e->ty != type_int64(m->types))
            e = kir_cast(m, e, type_int64(m->types), at);
        kir_expr *most = kir_binary(m, KIR_OP_LE, kir_copy_expr(m, e, NULL), kir_int(m, EXTENT_MAX, at), at);
        small = both(n, small, most);
        if (e->kind != KIR_DIM)
            small =
                both(n, small, kir_binary(m, KIR_OP_GE, kir_copy_expr(m, e, NULL), kir_int(m, -EXTENT_MAX, at), at));
        kir_var *t = kir_temp_new(m, n->z->f, type_int64(m->types), at);
        vec_push(m->a, out, kir_assign(m, t, e, at));
        n->parameter[k] = kir_ref(m, t, at);
    }
    return small;
}

/* An IF of guard's whose two sides are this nest and its cold copy. */
static bool is_versions(const kir_stmt *s, const kir_stmt *loop) {
    return s && s->kind == KIR_IF && s->body.len == 1 && s->body.at[0] == loop && s->orelse.len == 1 &&
           s->orelse.at[0]->kind == KIR_FOR && s->orelse.at[0]->loop->cold && s->orelse.at[0]->at.line == loop->at.line;
}

static void place(nest *n, kir_stmt *around, kir_block *made, kir_expr *when, kir_block *out) {
    kir_module *m = n->z->m;
    kir_stmt *loop = n->source;
    for (uint32_t i = 0; i < made->len; i++)
        if (made->at[i]->kind == KIR_FOR)
            made->at[i]->loop->reordered = true;
    if (when && is_versions(around, loop)) {
        around->value = both(n, around->value, when);
    } else if (when) {
        kir_stmt *versions = kir_stmt_new(m, KIR_IF, loop->at);
        versions->value = when;
        versions->body = *made;
        vec_push(m->a, &versions->orelse, loop);
        pass_make_cold(&versions->orelse);
        vec_push(m->a, out, versions);
        return;
    }
    for (uint32_t i = 0; i < made->len; i++)
        vec_push(m->a, out, made->at[i]);
}

/* No dependence leads from one iteration of the nest's outermost loop to another. */
static bool carries_nothing(const scop *s) {
    if (s->stmt[0].way[0] < 0)
        return false;
    for (uint32_t a = 0; a < s->n; a++)
        for (uint32_t b = 0; b < s->n; b++)
            if (scop_moves(s->dep[a][b], 0, 1) || scop_moves(s->dep[a][b], 0, -1))
                return false;
    return true;
}

static kir_expr *count_threads(nest *n, kir_block *out) {
    kir_module *m = n->z->m;
    span at = n->source->at;
    kir_stmt *s = kir_stmt_new(m, KIR_RUNTIME, at);
    kir_var *v = kir_temp_new(m, n->z->f, type_int(m->types, 32, true), at);
    s->name = "plrt_get_num_threads";
    vec_push(m->a, &s->results, v);
    vec_push(m->a, out, s);
    return kir_cast(m, kir_ref(m, v, at), type_int64(m->types), at);
}

static kir_var *hold_value(nest *n, kir_expr *e, kir_block *out) {
    kir_module *m = n->z->m;
    kir_var *v = kir_temp_new(m, n->z->f, type_int64(m->types), n->source->at);
    vec_push(m->a, out, kir_assign(m, v, e, n->source->at));
    return v;
}

/* How often statement p->stmt runs, and its sum goes round, as floats; false where the nest's sizes do not tell. */
static bool count_runs(const nest *n, const plan *p, kir_expr **times, kir_expr **sum) {
    const scop_stmt *t = &n->s->stmt[p->stmt];
    kir_module *m = n->z->m;
    span at = n->source->at;
    type *real = type_float64(m->types);
    kir_block single = {.at = &n->s->nest, .len = 1, .cap = 1};
    var_set changing = vars_new(n->z->scratch, n->z->f);
    vars_written_in(&single, &changing);
    *times = NULL;
    for (uint32_t d = 0; d < t->depth; d++) {
        kir_expr *lo = t->loops[d]->lo, *hi = t->loops[d]->hi;
        if (vars_mentions_any(lo, &changing) || vars_mentions_any(hi, &changing))
            return false;
        kir_expr *from = kir_cast(m, kir_copy_expr(m, lo, NULL), real, at);
        kir_expr *length = kir_binary(m, KIR_OP_SUB, kir_cast(m, kir_copy_expr(m, hi, NULL), real, at), from, at);
        *times = *times ? kir_binary(m, KIR_OP_MUL, *times, length, at) : length;
        if (p->sums && d == p->vector)
            *sum = kir_copy_expr(m, length, NULL);
    }
    return true;
}

static kir_expr *at_least(const nest *n, kir_expr *e, double x) {
    kir_module *m = n->z->m;
    return kir_binary(m, KIR_OP_GE, e, kir_const_float(m, type_float64(m->types), x, e->at), e->at);
}

/* Whether statement p->stmt runs often enough for blocks of rows to win more than their code takes to compile. By the
 * nest's sizes alone, as a variable in `out`; nothing where a test asks for small tiles. */
static void ask_whether_blocks_pay(nest *n, plan *p, kir_block *out) {
    kir_module *m = n->z->m;
    kir_expr *times, *sum;
    if (!p->strip || m->options.tile || !count_runs(n, p, &times, &sum))
        return;
    p->pays = kir_temp_new(m, n->z->f, type_bool(m->types), n->source->at);
    vec_push(m->a, out, kir_assign(m, p->pays, at_least(n, times, LEAST_IN_STRIPS), n->source->at));
}

/* Sums of a few terms: one after the other. */
static bool keep_order(kir_stmt *s, void *context) {
    (void)context;
    if (s->kind == KIR_FOR) {
        s->loop->id = 0;
        s->loop->few = true;
        s->loop->class = KIR_CLASS_CARRIED;
        s->loop->why = "ORDERED";
        s->loop->why_detail = "";
    }
    return true;
}

/* A nest of one statement whose innermost loop is the sum: with little work and sums that fill no vector it runs as it was
 * written. By sizes alone, since the order of the terms depends on it. */
static void put_little(nest *n, kir_block *made) {
    kir_module *m = n->z->m;
    kir_expr *times, *sum = NULL;
    const plan *only = NULL;
    for (uint32_t k = 0; k < n->s->n; k++)
        only = n->plans[k] ? only ? NULL : n->plans[k] : only;
    if (!only || !only->sums || m->options.tile || !count_runs(n, only, &times, &sum) || !sum)
        return;
    kir_stmt *versions = kir_stmt_new(m, KIR_IF, n->source->at);
    versions->value =
        kir_binary(m, KIR_OP_OR, at_least(n, times, LEAST_IN_BLOCKS), at_least(n, sum, LEAST_IN_LANES), n->source->at);
    versions->body = *made;
    kir_block single = {.at = &n->source, .len = 1, .cap = 1};
    versions->orelse = kir_copy_block(m, &single, pass_renamed_temps(m, n->z->f, n->z->scratch, &single));
    kir_each_stmt(&versions->orelse, keep_order, NULL);
    *made = (kir_block){0};
    vec_push(m->a, made, versions);
}

/* Tiles as tall as the second cache likes them, but as many for one thread as for another: their number is a multiple of
 * the threads. Heights are multiples of the rows of a register block, so that results do not depend on them: which
 * iterations fill no block is the same for all. */
static kir_block *open_sized_tiles(nest *n, kir_block *out) {
    kir_module *m = n->z->m;
    kir_stmt *loop = n->s->nest;
    span at = loop->at;
#define OP(o, a, b) kir_binary(m, KIR_OP_##o, a, b, at)
#define NUMBER(x) kir_int(m, x, at)
#define REF(v) kir_ref(m, v, at)
    kir_expr *length = OP(SUB, kir_copy_expr(m, loop->hi, NULL), kir_copy_expr(m, loop->lo, NULL));
    kir_var *trips = hold_value(n, OP(MAX, length, NUMBER(0)), out);
    kir_var *threads = hold_value(n, OP(MAX, count_threads(n, out), NUMBER(1)), out);
    kir_expr *most = OP(MUL, REF(threads), NUMBER(n->tile));
    kir_var *rounds =
        hold_value(n, OP(FLOORDIV, OP(ADD, REF(trips), OP(SUB, most, NUMBER(1))), kir_copy_expr(m, most, NULL)), out);
    kir_var *parts = hold_value(n, OP(MAX, OP(MUL, REF(rounds), REF(threads)), NUMBER(1)), out);
    kir_expr *share = OP(FLOORDIV, OP(ADD, REF(trips), OP(SUB, REF(parts), NUMBER(1))), REF(parts));
    kir_expr *fours = OP(MUL, OP(FLOORDIV, OP(ADD, share, NUMBER(3)), NUMBER(4)), NUMBER(4));
    kir_var *height = hold_value(n, OP(MAX, fours, NUMBER(4)), out);
    kir_var *tiles =
        hold_value(n, OP(FLOORDIV, OP(ADD, REF(trips), OP(SUB, REF(height), NUMBER(1))), REF(height)), out);
    kir_var *number = kir_temp_new(m, n->z->f, type_int64(m->types), at);
    kir_stmt *all = kir_for(m, number, NUMBER(0), REF(tiles), NUMBER(1), loop->loop->kind, at);
    vec_push(m->a, out, all);
    n->at[0] = hold_value(n, OP(ADD, kir_copy_expr(m, loop->lo, NULL), OP(MUL, REF(number), REF(height))), &all->body);
    n->at[1] =
        hold_value(n, OP(MIN, kir_copy_expr(m, loop->hi, NULL), OP(ADD, REF(n->at[0]), REF(height))), &all->body);
#undef OP
#undef NUMBER
#undef REF
    all->loop->id = loop->loop->id;
    all->loop->class = KIR_CLASS_INDEPENDENT;
    for (uint32_t k = 0; k < n->s->n; k++)
        if (n->plans[k])
            share_out(n, &n->s->stmt[k], all->loop, loop->loop);
    return &all->body;
}

/* for %t over the nest's loop in tiles, in parallel: where its phases go. */
static kir_block *open_tiles(nest *n, kir_block *out) {
    kir_module *m = n->z->m;
    kir_stmt *loop = n->s->nest;
    if (!n->shared)
        return out;
    if (n->sized)
        return open_sized_tiles(n, out);
    n->at[0] = kir_temp_new(m, n->z->f, type_int64(m->types), loop->at);
    kir_stmt *tiles = kir_for(m, n->at[0], kir_copy_expr(m, loop->lo, NULL), kir_copy_expr(m, loop->hi, NULL),
                              kir_int(m, n->tile, loop->at), loop->loop->kind, loop->at);
    tiles->loop->id = loop->loop->id;
    tiles->loop->class = KIR_CLASS_INDEPENDENT;
    for (uint32_t k = 0; k < n->s->n; k++)
        if (n->plans[k])
            share_out(n, &n->s->stmt[k], tiles->loop, loop->loop);
    vec_push(m->a, out, tiles);
    return &tiles->body;
}

enum { ELEMENTS_MAX = 1 << 27 };

/* Extent of dimension d of an expanded scalar: the largest value of its loop's variable and one. NULL when that may be
 * negative. */
static kir_expr *extent_of(nest *n, const scop_stmt *t, uint32_t d) {
    kir_module *m = n->z->m;
    span at = n->source->at;
    isl_set *values = isl_set_project_out(isl_set_copy(t->domain), isl_dim_set, 0, d);
    values = isl_set_project_out(values, isl_dim_set, 1, t->depth - d - 1);
    isl_set *negative = t->way[d] > 0 ? isl_set_upper_bound_si(isl_set_copy(values), isl_dim_set, 0, -1)
                                      : isl_set_lower_bound_si(isl_set_copy(values), isl_dim_set, 0, 1);
    isl_bool none = isl_set_is_empty(negative);
    isl_set_free(negative);
    if (none != isl_bool_true) {
        isl_set_free(values);
        return NULL;
    }
    isl_pw_aff *most = t->way[d] > 0 ? isl_set_dim_max(values, 0) : isl_pw_aff_neg(isl_set_dim_min(values, 0));
    astgen g = {.s = n->s, .parameter = n->parameter, .n_parameters = n->n_parameters, .at = at};
    kir_expr *e = astgen_value(&g, most);
    if (!e)
        return NULL;
    e = kir_binary(m, KIR_OP_ADD, e, kir_int(m, 1, at), at);
    return kir_binary(m, KIR_OP_MAX, e, kir_int(m, 0, at), at);
}

static const scop_stmt *statement_in(const scop *s, const expanded *x) {
    for (uint32_t k = 0; k < s->n; k++)
        if (s->stmt[k].depth == x->depth && s->stmt[k].loops[x->depth - 1] == x->loops[x->depth - 1])
            return &s->stmt[k];
    return NULL;
}

/* Allocates the arrays of expanded scalars; *few asks that they are not too large. */
static bool put_arrays(nest *n, kir_block *out, kir_expr **few) {
    kir_module *m = n->z->m;
    span at = n->source->at;
    type *real = type_float64(m->types);
    kir_map *at_entry = kir_map_new(m);
    for (uint32_t k = 0; k < n->n_parameters; k++) {
        kir_expr *e = kir_copy_expr(m, dep_nest_parameter(n->s->accesses, k), NULL);
        kir_map_expr(at_entry, n->parameter[k]->var, kir_cast(m, e, type_int64(m->types), at));
    }
    for (uint32_t i = 0; i < n->n_arrays; i++) {
        const expanded *x = &n->arrays[i];
        const scop_stmt *t = statement_in(n->s, x);
        if (!t)
            return false;
        kir_expr *alloc = kir_expr_new(m, KIR_ALLOC, x->array->ty, x->depth, at), *size = NULL;
        for (uint32_t d = 0; d < x->depth; d++) {
            kir_expr *e = extent_of(n, t, d);
            if (!e)
                return false;
            alloc->args[d] = e;
            kir_expr *factor = kir_cast(m, kir_copy_expr(m, e, at_entry), real, at);
            size = size ? kir_binary(m, KIR_OP_MUL, size, factor, at) : factor;
        }
        kir_expr *fits = kir_binary(m, KIR_OP_LE, size, kir_const_float(m, real, ELEMENTS_MAX, at), at);
        *few = *few ? both(n, *few, fits) : fits;
        vec_push(m->a, out, kir_assign(m, x->array, alloc, at));
    }
    return true;
}

typedef struct rebasing {
    kir_module *m;
    kir_var *array, *start;
} rebasing;

static kir_expr *rebased(const rebasing *r, kir_expr *index) {
    return kir_binary(r->m, KIR_OP_SUB, index, kir_ref(r->m, r->start, index->at), index->at);
}

static void rebase_load(kir_expr **slot, void *context) {
    rebasing *r = context;
    if ((*slot)->kind == KIR_LOAD && (*slot)->var == r->array)
        (*slot)->args[0] = rebased(r, (*slot)->args[0]);
}

static void rebase_slot(kir_expr **slot, void *context) {
    kir_each_subexpr(slot, rebase_load, context);
}

static bool rebase_stmt(kir_stmt *s, void *context) {
    rebasing *r = context;
    kir_each_expr(s, rebase_slot, context);
    if (s->kind == KIR_STORE && s->var == r->array)
        s->index.at[0] = rebased(r, s->index.at[0]);
    return true;
}

/* Tiles of the nest's loop share nothing, so neither do they share the arrays of expanded scalars: each has its own rows,
 * which scratch allocates once a thread. `made` ends with the loop over tiles. */
static void keep_arrays_in_tiles(nest *n, kir_block *made) {
    kir_module *m = n->z->m;
    kir_stmt *tiles = made->at[made->len - 1];
    kir_block outside = {0}, inside = {0};
    for (uint32_t i = 0; i < made->len; i++) {
        kir_stmt *s = made->at[i];
        const expanded *x = NULL;
        for (uint32_t k = 0; k < n->n_arrays && s->kind == KIR_ASSIGN; k++)
            if (n->arrays[k].array == s->var && n->arrays[k].loops[0] == n->s->nest)
                x = &n->arrays[k];
        vec_push(m->a, x ? &inside : &outside, s);
        if (!x)
            continue;
        kir_each_stmt(&tiles->body, rebase_stmt, &(rebasing){m, x->array, n->at[0]});
        s->value->args[0] = kir_int(m, n->tile, s->at);
        x->array->is_temp = true;
    }
    for (uint32_t i = 0; i < tiles->body.len; i++)
        vec_push(m->a, &inside, tiles->body.at[i]);
    tiles->body = inside;
    *made = outside;
}

static void note_memory(nest *n, kir_report *entry, const kir_expr *apart) {
    var_defs defs = vars_defs(n->z->scratch, n->z->f);
    pass_add_memory_guards(n->z->m, entry, &defs, apart);
}

static bool rewrite(nest *n, kir_stmt *around, kir_block *out) {
    uint32_t planned = 0;
    n->shared = carries_nothing(n->s);
    plan *first[SCOP_STATEMENTS];
    memcpy(first, n->plans, sizeof first);
    for (uint32_t k = 0; k < n->s->n; k++) {
        if (n->plans[k] && !complete(n, n->plans[k]))
            n->plans[k] = NULL;
        planned += n->plans[k] != NULL;
    }
    if (!planned)
        memcpy(n->plans, first, sizeof first);
    if (!planned && !fronts_find(n))
        return false;
    kir_block made = {0};
    kir_expr *small = take_parameters(n, &made), *apart = dep_nest_condition(n->s->accesses, n->s->nest->at);
    kir_expr *few = NULL;
    if (!put_arrays(n, &made, &few))
        return false;
    for (uint32_t k = 0; k < n->s->n && planned; k++)
        if (n->plans[k])
            ask_whether_blocks_pay(n, n->plans[k], &made);
    bool placed = planned ? put_phases(n, open_tiles(n, &made)) : fronts_put(n, &made);
    if (!placed || isl_ctx_last_error(dep_nest_isl(n->s->accesses)) != isl_error_none)
        return false;
    if (planned && n->shared && !n->sized && n->n_arrays)
        keep_arrays_in_tiles(n, &made);
    for (uint32_t k = 0; k < n->s->n && planned; k++)
        if (n->plans[k])
            note_tiles(n, n->plans[k]);
    if (planned)
        put_little(n, &made);
    uint32_t id = n->s->nest->loop->id;
    if (apart && id && id < n->z->m->report.len)
        note_memory(n, &n->z->m->report.at[id], apart);
    kir_expr *when = small && apart ? both(n, small, apart) : small ? small : apart;
    when = few && when ? both(n, when, few) : few ? few : when;
    place(n, around, &made, when, out);
    return true;
}

static bool try_nest(nest *n, dep_session *session, kir_stmt *around, kir_block *out) {
    bool wanted = false, changed = false;
    for (uint32_t k = 0; k < n->s->n; k++) {
        n->plans[k] = consider(n->z, n->s, k);
        wanted |= n->plans[k] != NULL;
    }
    if (wanted && scop_analyse(n->s, session, OPERATIONS))
        changed = rewrite(n, around, out);
    scop_close(n->s);
    return changed;
}

/* The same with scalars as arrays and STOREs apart. */
static bool try_expanded(reorderer *z, kir_stmt *loop, kir_stmt *around, kir_block *out) {
    nest n = {.z = z, .source = loop};
    kir_stmt *copy = expand_nest(z->m, z->f, z->scratch, z->live, loop, n.arrays, &n.n_arrays);
    n.s = copy ? scop_new(z->m, z->f, z->scratch, NULL, true, copy) : NULL;
    if (!n.s)
        return false;
    dep_session *session = dep_open(z->m, z->f, z->scratch);
    for (uint32_t i = 0; i < n.n_arrays; i++)
        for (uint32_t k = 0; k < z->f->vars.len; k++)
            if (z->f->vars.at[k]->ty->kind == TYPE_ARRAY && z->f->vars.at[k] != n.arrays[i].array)
                dep_assume_apart(session, n.arrays[i].array, z->f->vars.at[k]);
    bool changed = try_nest(&n, session, around, out);
    dep_close(session);
    return changed;
}

static bool has_nested_loop(const kir_stmt *loop) {
    return !has_no_loop(loop);
}

static bool reorder_nest(reorderer *z, kir_stmt *loop, kir_stmt *around, kir_block *out) {
    if (!has_nested_loop(loop))
        return false;
    nest n = {.z = z, .source = loop, .s = scop_new(z->m, z->f, z->scratch, z->live, false, loop)};
    return (n.s && try_nest(&n, z->session, around, out)) || try_expanded(z, loop, around, out);
}

static void reorder_block(reorderer *z, kir_block *b, kir_stmt *around, bool inside) {
    kir_block out = {0};
    for (uint32_t i = 0; i < b->len; i++) {
        kir_stmt *s = b->at[i];
        bool loop = s->kind == KIR_FOR && !s->loop->cold;
        if (loop && timetile_nest(z, s, &out))
            continue;
        if (loop && reorder_nest(z, s, around, &out))
            continue;
        if (loop && inside && pivot_loop(z->m, z->f, z->scratch, s, &out))
            continue;
        if (s->kind != KIR_FOR || loop)
            reorder_block(z, &s->body, s, inside || loop);
        reorder_block(z, &s->orelse, s, inside);
        vec_push(z->m->a, &out, s);
    }
    *b = out;
}

bool reorder_run(pass_context *c) {
    if (!c->m->options.parallel || !c->m->options.par_range)
        return true;
    for (uint32_t i = 0; i < c->m->fns.len; i++) {
        kir_fn *f = c->m->fns.at[i];
        if (f->kind == KIR_FN_REGION || f->cold)
            continue;
        reorderer z = {c->m, f, c->scratch, dep_open(c->m, f, c->scratch), live_new(c->scratch, f)};
        reorder_block(&z, &f->body, NULL, false);
        dep_close(z.session);
    }
    return true;
}
