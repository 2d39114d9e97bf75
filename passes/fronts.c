/* fronts: nests whose statements depend on one another in a circle (LU), as wavefronts of tiles.
 *
 * Each statement gets a place (x0, x1, x2) in one space: a product of three loops by the roles of its loops (rows of the
 * block, the sum, the vector), one of fewer loops by putting another of its indices where it has none (a[i,j] /= a[j,j]
 * belongs to step k = j). Places are right when every dependence goes forward or nowhere in each of the three. Then the plane
 * (x0, x1) may be cut into tiles, and the tiles (t, u) with one t + u need nothing from one another:
 *
 *   for %w { for %t in parallel { %u = %w - %t
 *       if t == u { all statements in the tile by x0, x1, x2 }
 *       else { the same for x2 up to the end of the tile's x1; then each product for the other x2, in register blocks } } }
 *
 * The second part is taken only when isl finds in it no dependence but that of a sum on itself. */
#include "passes/astgen.h"
#include "passes/passes.h"
#include "passes/reorder.h"

#include <isl/ast_build.h>
#include <isl/ctx.h>
#include <isl/map.h>
#include <isl/set.h>
#include <isl/space.h>
#include <isl/union_map.h>
#include <string.h>

enum { FRONT_TILE = 32, PLACES_MAX = 64, ORIGIN = NO_DIM + 1 };

typedef struct front {
    uint32_t at[SCOP_STATEMENTS][3]; /* dimension of the statement at each place; NO_DIM: open; ORIGIN: always 0 */
    bool core;                       /* products apart from the diagonal have register blocks */
} front;

static isl_ctx *ctx_of(const nest *n) {
    return dep_nest_isl(n->s->accesses);
}

/* ---- places ------------------------------------------------------------------------------------------------------------ */

static void put_domain(const nest *n, uint32_t k, text *s) {
    text_printf(s, "S%u[", k);
    for (uint32_t d = 0; d < n->s->stmt[k].depth; d++)
        text_printf(s, "%si%u", d ? ", " : "", d);
    text_put(s, "]");
}

static const char *place_text(const nest *n, const front *f, uint32_t k, uint32_t x) {
    return f->at[k][x] == ORIGIN ? "0" : arena_printf(n->z->scratch, "i%u", f->at[k][x]);
}

/* { S1[i0, i1] -> [i0, i1, i1] } */
static isl_map *place_map(const nest *n, const front *f, uint32_t k) {
    text s = text_new(n->z->scratch);
    text_put(&s, "{ ");
    put_domain(n, k, &s);
    text_printf(&s, " -> [%s, %s, %s] }", place_text(n, f, k, 0), place_text(n, f, k, 1), place_text(n, f, k, 2));
    return isl_map_read_from_str(ctx_of(n), s.at);
}

static bool goes_forward(const nest *n, const front *f, uint32_t a, uint32_t b) {
    isl_map *d = isl_map_copy(n->s->dep[a][b]);
    d = isl_map_apply_domain(d, place_map(n, f, a));
    d = isl_map_apply_range(d, place_map(n, f, b));
    bool forward = true;
    for (uint32_t k = 0; k < 3 && forward; k++)
        forward = !scop_moves(d, k, -1);
    isl_map_free(d);
    return forward;
}

static bool is_placed(const front *f, uint32_t k) {
    return f->at[k][0] != NO_DIM && f->at[k][1] != NO_DIM && f->at[k][2] != NO_DIM;
}

/* Do all dependences between statement k and those that have their place go forward? */
static bool is_right(const nest *n, const front *f, uint32_t k) {
    for (uint32_t a = 0; a < n->s->n; a++) {
        if (!is_placed(f, a))
            continue;
        if ((n->s->dep[a][k] && !goes_forward(n, f, a, k)) || (a != k && n->s->dep[k][a] && !goes_forward(n, f, k, a)))
            return false;
    }
    return true;
}

static bool fill_places(const nest *n, front *f, uint32_t *tries);

static bool go_on(const nest *n, front *f, uint32_t k, uint32_t *tries) {
    if (is_placed(f, k) && (++*tries > PLACES_MAX || !is_right(n, f, k)))
        return false;
    return fill_places(n, f, tries);
}

/* Tries all ways to fill the open places. */
static bool fill_places(const nest *n, front *f, uint32_t *tries) {
    uint32_t k = 0;
    while (k < n->s->n && is_placed(f, k))
        k++;
    if (k == n->s->n)
        return true;
    uint32_t place = f->at[k][0] == NO_DIM ? 0 : f->at[k][1] == NO_DIM ? 1 : 2;
    for (uint32_t d = n->s->stmt[k].depth; d-- > 0;) {
        f->at[k][place] = d;
        if (go_on(n, f, k, tries))
            return true;
    }
    f->at[k][place] = ORIGIN;
    if (go_on(n, f, k, tries))
        return true;
    f->at[k][place] = NO_DIM;
    return false;
}

/* Products have all their places from the start. */
static bool are_products_right(const nest *n, const front *f) {
    for (uint32_t k = 0; k < n->s->n; k++)
        if (is_placed(f, k) && !is_right(n, f, k))
            return false;
    return true;
}

/* The place of a loop, as the products around it have it; 3: none. */
static uint32_t place_of(const nest *n, const kir_stmt *loop) {
    for (uint32_t k = 0; k < n->s->n; k++) {
        const plan *p = n->plans[k];
        const scop_stmt *t = &n->s->stmt[k];
        if (p && loop == t->loops[p->rows])
            return 0;
        if (p && loop == t->loops[p->columns])
            return 1;
        if (p && loop == t->loops[p->vector])
            return 2;
    }
    return 3;
}

static bool is_product(const nest *n, uint32_t k) {
    const plan *p = n->plans[k];
    return p && n->s->stmt[k].depth == 3 && !p->sums && p->load && p->store;
}

static bool open_places(nest *n, front *f) {
    bool any = false;
    for (uint32_t k = 0; k < n->s->n; k++) {
        for (uint32_t d = 0; d < n->s->stmt[k].depth; d++)
            if (n->s->stmt[k].way[d] < 0 || n->s->stmt[k].loops[d]->loop->kind == KIR_LOOP_PRANGE)
                return false;
        if (n->plans[k] && n->s->stmt[k].depth < 3)
            n->plans[k] = NULL;
        if (n->plans[k] && !is_product(n, k))
            return false;
        if (n->plans[k])
            reorder_take_roles(&n->s->stmt[k], n->plans[k]);
        any |= n->plans[k] != NULL;
    }
    for (uint32_t k = 0; k < n->s->n; k++) {
        const scop_stmt *t = &n->s->stmt[k];
        for (uint32_t x = 0; x < 3; x++)
            f->at[k][x] = NO_DIM;
        if (t->depth > 3)
            return false;
        for (uint32_t d = 0; d < t->depth; d++) {
            uint32_t x = place_of(n, t->loops[d]);
            if (x < 3)
                f->at[k][x] = d;
        }
    }
    return any;
}

/* ---- what is apart from the diagonal --------------------------------------------------------------------------------------- */

/* The iterations of statement k in tile (t, u). part 0: on the diagonal t == u; 1: off it, of products those before the end
 * of the tile's x1; 2: off it, products behind; 3: on the other side of the diagonal. */
static isl_set *part_of(const nest *n, const front *f, uint32_t k, int part) {
    static const char *const sides[] = {"t = u", "t > u", "t > u", "t < u"};
    if (part == 2 && !n->plans[k])
        return isl_set_empty(isl_set_get_space(n->s->stmt[k].domain));
    text s = text_new(n->z->scratch);
    text_put(&s, "[t, u] -> { ");
    put_domain(n, k, &s);
    text_printf(&s, " : %u * t <= %s < %u * t + %u and %u * u <= %s < %u * u + %u and %s", FRONT_TILE,
                place_text(n, f, k, 0), FRONT_TILE, FRONT_TILE, FRONT_TILE, place_text(n, f, k, 1), FRONT_TILE,
                FRONT_TILE, sides[part]);
    if ((part == 1 || part == 2) && n->plans[k])
        text_printf(&s, " and %s %s %u * u + %u", place_text(n, f, k, 2), part == 1 ? "<" : ">=", FRONT_TILE,
                    FRONT_TILE);
    text_put(&s, " }");
    return isl_set_intersect(isl_set_copy(n->s->stmt[k].domain), isl_set_read_from_str(ctx_of(n), s.at));
}

static isl_map *within(const nest *n, const front *f, uint32_t a, int from, uint32_t b, int to) {
    isl_map *d = isl_map_intersect_domain(isl_map_copy(n->s->dep[a][b]), part_of(n, f, a, from));
    return isl_map_intersect_range(d, part_of(n, f, b, to));
}

static bool is_none(const nest *n, const front *f, uint32_t a, int from, uint32_t b, int to) {
    if (!n->s->dep[a][b])
        return true;
    isl_map *d = within(n, f, a, from, b, to);
    isl_bool empty = isl_map_is_empty(d);
    isl_map_free(d);
    return empty == isl_bool_true;
}

/* In part 2 of one tile the product depends on itself along its sum alone. */
static bool only_sums(nest *n, const front *f, uint32_t k) {
    plan *p = n->plans[k];
    if (!n->s->dep[k][k])
        return false;
    isl_map *d = within(n, f, k, 2, k, 2);
    bool fine = true;
    for (int x = 0; x < 3 && fine; x += 2)
        fine = !scop_moves(d, f->at[k][x], 1) && !scop_moves(d, f->at[k][x], -1);
    isl_map_free(d);
    return fine && !reorder_meets_other_loads(n, p);
}

static bool has_core(nest *n, const front *f) {
    for (uint32_t a = 0; a < n->s->n; a++) {
        if (!n->plans[a])
            continue;
        if (!only_sums(n, f, a))
            return false;
        for (uint32_t b = 0; b < n->s->n; b++)
            if (!is_none(n, f, a, 2, b, 1) || (n->plans[b] && b != a && !is_none(n, f, a, 2, b, 2)))
                return false;
    }
    return true;
}

static void prepare_core(nest *n, const front *f) {
    for (uint32_t k = 0; k < n->s->n; k++) {
        plan *p = n->plans[k];
        if (!p)
            continue;
        p->tiles = 0;
        p->apart = true;
        for (uint32_t x = 0; x < 3; x++) {
            p->order[x] = f->at[k][x];
            p->moves[f->at[k][x]] = x == 1;
        }
    }
}

bool fronts_find(nest *n) {
    front *f = arena_make(n->z->scratch, front);
    uint32_t tries = 0;
    if (n->s->n > 6 || !open_places(n, f) || !are_products_right(n, f) || !fill_places(n, f, &tries))
        return false;
    f->core = has_core(n, f);
    if (f->core)
        prepare_core(n, f);
    n->front = f;
    return f->core;
}

/* ---- loops ------------------------------------------------------------------------------------------------------------------- */

static astgen generator(nest *n) {
    astgen g = {.s = n->s, .parameter = n->parameter, .n_parameters = n->n_parameters, .at = n->s->nest->at};
    g.tile[0] = n->at[0];
    g.tile[1] = n->at[1];
    return g;
}

static isl_ast_node *build_tree(nest *n, const char *context, isl_union_map *schedule) {
    isl_ast_build *build = isl_ast_build_from_context(isl_set_read_from_str(ctx_of(n), context));
    isl_ast_node *tree = isl_ast_build_node_from_schedule_map(build, schedule);
    isl_ast_build_free(build);
    return tree;
}

/* Position of each statement in the source: counters between its loops. */
static void put_source_order(const nest *n, uint32_t k, text *s) {
    const scop_stmt *t = &n->s->stmt[k];
    for (uint32_t d = 0; d <= SCOP_DEPTH; d++) {
        uint32_t before = 0;
        for (uint32_t o = 0; o < k; o++) {
            const scop_stmt *x = &n->s->stmt[o];
            bool beside = true;
            for (uint32_t e = 0; e < d; e++)
                beside &= e < x->depth && e < t->depth && x->loops[e] == t->loops[e];
            before += beside;
        }
        text_printf(s, ", %u", d <= t->depth ? before : 0);
        if (d < SCOP_DEPTH)
            text_printf(s, d < t->depth ? ", i%u" : ", 0", d);
    }
}

/* All statements of a part by their places, and in the source's order where these are equal. */
static bool put_part(nest *n, const front *f, int part, kir_block *out) {
    isl_union_map *schedule = isl_union_map_empty(isl_space_params_alloc(ctx_of(n), 0));
    for (uint32_t k = 0; k < n->s->n; k++) {
        text s = text_new(n->z->scratch);
        text_put(&s, "{ ");
        put_domain(n, k, &s);
        text_printf(&s, " -> [%s, %s, %s", place_text(n, f, k, 0), place_text(n, f, k, 1), place_text(n, f, k, 2));
        put_source_order(n, k, &s);
        text_put(&s, "] }");
        isl_map *map = isl_map_intersect_domain(isl_map_read_from_str(ctx_of(n), s.at), part_of(n, f, k, part));
        schedule = isl_union_map_add_map(schedule, map);
    }
    if (isl_union_map_is_empty(schedule) == isl_bool_true) {
        isl_union_map_free(schedule);
        return true;
    }
    static const char *const contexts[] = {"[t, u] -> { : t = u }", "[t, u] -> { : t > u }", "[t, u] -> { : t > u }",
                                           "[t, u] -> { : t < u }"};
    astgen g = generator(n);
    isl_ast_node *tree = build_tree(n, contexts[part], schedule);
    kir_block made = {0};
    bool done = astgen_block(&g, tree, &made);
    isl_ast_node_free(tree);
    for (uint32_t i = 0; i < made.len; i++)
        vec_push(n->z->m->a, out, made.at[i]);
    return done;
}

static kir_stmt *put_if(nest *n, kir_op op, kir_block *out) {
    kir_module *m = n->z->m;
    kir_stmt *s = kir_stmt_new(m, KIR_IF, n->s->nest->at);
    s->value = kir_binary(m, op, kir_ref(m, n->at[0], s->at), kir_ref(m, n->at[1], s->at), s->at);
    vec_push(m->a, out, s);
    return s;
}

static bool settle(kir_stmt *s, void *context) {
    (void)context;
    if (s->kind == KIR_FOR) {
        s->loop->class = KIR_CLASS_CARRIED;
        s->loop->why = "ORDERED";
        s->loop->why_detail = "";
    }
    return true;
}

typedef struct filling {
    nest *n;
    const front *f;
} filling;

/* The work of tile (t, w - t). */
static bool fill_tile(void *context, kir_expr *w, kir_expr *t, kir_block *out) {
    filling *z = context;
    nest *n = z->n;
    kir_module *m = n->z->m;
    span at = n->s->nest->at;
    n->at[0] = kir_temp_new(m, n->z->f, type_int64(m->types), at);
    n->at[1] = kir_temp_new(m, n->z->f, type_int64(m->types), at);
    vec_push(m->a, out, kir_assign(m, n->at[0], t, at));
    kir_expr *u = kir_binary(m, KIR_OP_SUB, w, kir_ref(m, n->at[0], at), at);
    vec_push(m->a, out, kir_assign(m, n->at[1], u, at));
    kir_stmt *diagonal = put_if(n, KIR_OP_EQ, out);
    if (!put_part(n, z->f, 0, &diagonal->body))
        return false;
    kir_stmt *below = put_if(n, KIR_OP_GT, &diagonal->orelse);
    if (!put_part(n, z->f, 1, &below->body) || !put_part(n, z->f, 3, &below->orelse))
        return false;
    kir_each_stmt(out, settle, NULL);
    for (uint32_t k = 0; k < n->s->n; k++) {
        bool taken[SCOP_DEPTH] = {[0] = true};
        if (!n->plans[k])
            continue;
        if (!reorder_put(n, n->plans[k], part_of(n, z->f, k, 2), taken, &below->body))
            return false;
    }
    return true;
}

/* { S[i] -> [w, t] : i in tile (t, w - t) }, of all statements. */
static isl_set *tiles_of(nest *n, const front *f) {
    isl_set *all = NULL;
    for (uint32_t k = 0; k < n->s->n; k++) {
        text s = text_new(n->z->scratch);
        text_put(&s, "{ ");
        put_domain(n, k, &s);
        text_printf(&s, " -> F[w, t] : %u * t <= %s < %u * t + %u and %u * (w - t) <= %s < %u * (w - t) + %u }",
                    FRONT_TILE, place_text(n, f, k, 0), FRONT_TILE, FRONT_TILE, FRONT_TILE, place_text(n, f, k, 1),
                    FRONT_TILE, FRONT_TILE);
        isl_map *map = isl_map_read_from_str(ctx_of(n), s.at);
        isl_set *own = isl_set_apply(isl_set_copy(n->s->stmt[k].domain), map);
        all = all ? isl_set_union(all, own) : own;
    }
    isl_basic_set *hull = isl_basic_set_remove_divs(isl_set_simple_hull(all));
    return isl_set_from_basic_set(hull);
}

static void note_fronts(nest *n) {
    for (uint32_t k = 0; k < n->s->n; k++)
        for (uint32_t d = 0; d < n->s->stmt[k].depth; d++) {
            uint32_t id = n->s->stmt[k].loops[d]->loop->id;
            if (id && id < n->z->m->report.len)
                n->z->m->report.at[id].tile = "32x32, 4x4 in registers";
        }
}

static bool is_named(kir_stmt *s, void *context) {
    bool *seen = context;
    if (s->kind == KIR_FOR)
        seen[s->loop->id] = true;
    return true;
}

/* Loops that no new loop stands for: their entry is given to a loop inside the tile. */
static void name_rest(nest *n, kir_block *b) {
    bool *seen = arena_array(n->z->scratch, bool, n->z->m->report.len + 1);
    kir_each_stmt(b, is_named, seen);
    for (uint32_t k = 0; k < n->s->n; k++)
        for (uint32_t d = 0; d < n->s->stmt[k].depth; d++) {
            uint32_t id = n->s->stmt[k].loops[d]->loop->id;
            if (!id || seen[id])
                continue;
            seen[id] = true;
            pass_decide(n->z->m, id, KIR_SERIAL, "ORDERED");
        }
}

static const char *updated_array(const nest *n) {
    var_defs defs = vars_defs(n->z->scratch, n->z->f);
    for (uint32_t k = 0; k < n->s->n; k++)
        for (uint32_t i = 0; i < n->s->stmt[k].n; i++) {
            const kir_stmt *s = n->s->stmt[k].at[i];
            if (s->kind == KIR_STORE)
                return pass_array_name(n->z->m, &defs, s->var);
        }
    return "an array";
}

bool fronts_put(nest *n, kir_block *out) {
    kir_module *m = n->z->m;
    const front *f = n->front;
    isl_set *tiles = tiles_of(n, f);
    isl_ast_node *tree = build_tree(n, "{ : }", isl_union_map_from_map(isl_set_identity(tiles)));
    filling z = {n, f};
    astgen g = generator(n);
    g.fill = fill_tile;
    g.context = &z;
    kir_block made = {0};
    bool done = astgen_block(&g, tree, &made);
    isl_ast_node_free(tree);
    if (!done || made.len != 1 || made.at[0]->kind != KIR_FOR || made.at[0]->body.len != 1 ||
        made.at[0]->body.at[0]->kind != KIR_FOR)
        return false;
    kir_stmt *fronts = made.at[0], *blocks = fronts->body.at[0];
    const kir_loop_info *old = n->s->nest->loop;
    fronts->loop->class = KIR_CLASS_CARRIED;
    fronts->loop->why = "ORDERED";
    fronts->loop->why_detail = "";
    blocks->loop->class = KIR_CLASS_INDEPENDENT;
    blocks->loop->id = old->id;
    blocks->loop->kind = old->kind;
    blocks->loop->why = "WAVEFRONT";
    blocks->loop->why_detail = updated_array(n);
    blocks->loop->schedule = old->schedule ? old->schedule : n->z->m->options.schedule ? 0 : 2;
    blocks->loop->chunk = blocks->loop->schedule == 2 ? 1 : 0;
    blocks->at = fronts->at = n->s->nest->at;
    note_fronts(n);
    name_rest(n, &made);
    vec_push(m->a, out, fronts);
    return true;
}
