/* schedule: another order of iterations, where the source's order leaves no loop parallel.
 *
 * Wavefronts of blocks. In a nest of two loops that are both carried (Gauss-Seidel, dynamic programming, shortest
 * paths) all dependences often point forward once the inner index is skewed: with c = j + s*r (r counts the outer
 * iterations) every dependence goes from (r, c) to (r', c') with r' >= r and c' >= c. Then the plane (r, c) may be cut
 * into blocks, and the blocks of an anti-diagonal need nothing from one another:
 *
 *   for %i … carried { for %j … carried { body } }
 *   →   for %w in range(0, blocks(r) + blocks(c) - 1, 1) {
 *           for %b in range(max(0, %w - blocks(c) + 1), min(blocks(r), %w + 1), 1) independent {
 *               for %r in rows of block %b { %i = …; for %j in columns of block %w - %b, within its bounds { body } }
 *           }
 *       }
 *
 * Inside a block the source's order is kept, so caches see what they saw before. s is the least of 0..4 that isl proves
 * right for all dependences (dep_skew). Where all the body is loops of chains, one more makes the points of a column of a
 * block independent, and they run side by side (build_columns, lanes.c). The inner bounds must be affine in the outer index, so that the range of c is
 * known from the first and the last row. Nests with reductions, last values or carried scalars are left alone. The pass
 * runs under parallel=True only. Cost: at most five small emptiness tests for each pair of accesses. */
#include "passes/dependence.h"
#include "passes/passes.h"
#include "plait/tile.h"
#include <string.h>

enum { ROWS = 32, COLUMNS = 128, CHAIN_ROWS = 16, CHAIN_COLUMNS = 64 };

typedef struct scheduler {
    kir_module *m;
    kir_fn *f;
    arena *scratch;
    dep_session *session;
} scheduler;

typedef struct front { /* a nest being rewritten */
    scheduler *z;
    kir_stmt *outer, *inner;
    int64_t way;                 /* step of the outer loop */
    int64_t skew, height, width; /* of the blocks: rows and columns */
    bool chains;                 /* rows side by side */
    span at;
} front;

/* ---- expressions ---------------------------------------------------------------------------------------------------------------- */

static kir_expr *copy(front *n, const kir_expr *e) {
    return kir_copy_expr(n->z->m, e, NULL);
}

static kir_expr *number(front *n, int64_t x) {
    return kir_int(n->z->m, x, n->at);
}

static kir_expr *op(front *n, kir_op o, kir_expr *a, kir_expr *b) {
    return kir_binary(n->z->m, o, a, b, n->at);
}

static kir_expr *plus(front *n, kir_expr *a, kir_expr *b) {
    return op(n, KIR_OP_ADD, a, b);
}

static kir_expr *minus(front *n, kir_expr *a, kir_expr *b) {
    return op(n, KIR_OP_SUB, a, b);
}

static kir_expr *times(front *n, int64_t c, kir_expr *a) {
    return op(n, KIR_OP_MUL, a, number(n, c));
}

static kir_expr *hold(front *n, kir_block *out, kir_expr *e) {
    if (e->kind == KIR_CONST)
        return e;
    kir_var *t = kir_temp_new(n->z->m, n->z->f, type_int64(n->z->m->types), n->at);
    vec_push(n->z->m->a, out, kir_assign(n->z->m, t, e, n->at));
    return kir_ref(n->z->m, t, n->at);
}

static kir_expr *with_index(front *n, const kir_expr *e, kir_expr *i) {
    kir_map *map = kir_map_new(n->z->m);
    kir_map_expr(map, n->outer->var, i);
    return kir_copy_expr(n->z->m, e, map);
}

/* Affine in v with constant coefficients; other variables may stand where they like, outside of products with v. */
static bool is_affine(kir_expr *e, const kir_var *v) {
    if (!vars_mentions(e, v) || (e->kind == KIR_VAR && e->var == v))
        return true;
    if (e->kind == KIR_UNARY && e->op == KIR_OP_NEG)
        return is_affine(e->args[0], v);
    if (e->kind != KIR_BINARY)
        return false;
    if (e->op == KIR_OP_ADD || e->op == KIR_OP_SUB)
        return is_affine(e->args[0], v) && is_affine(e->args[1], v);
    bool constant = e->args[0]->kind == KIR_CONST || e->args[1]->kind == KIR_CONST;
    return e->op == KIR_OP_MUL && constant && is_affine(e->args[0], v) && is_affine(e->args[1], v);
}

/* ---- which nests -------------------------------------------------------------------------------------------------------------------- */

static bool hands_nothing_on(const kir_loop_info *l) {
    return !l->carried.len && !l->reductions.len && !l->last_privates.len;
}

/* Loops that reorder made have their order. */
static bool is_candidate(const kir_loop_info *l) {
    bool ordered = l->why && strcmp(l->why, "ORDERED") == 0;
    return l->class == KIR_CLASS_CARRIED && !ordered && !l->cold &&
           (l->kind == KIR_LOOP_RANGE || l->kind == KIR_LOOP_ITER) && hands_nothing_on(l);
}

static int64_t edge(const scheduler *z, uint32_t loop, int64_t most) {
    int64_t tile = plait_tile_edge(z->m->options.tile, loop);
    return tile > 0 && tile < most ? tile : most;
}

static bool open_front(scheduler *z, kir_stmt *s, front *n) {
    kir_stmt *inner = s->body.len == 1 ? s->body.at[0] : NULL;
    int64_t step;
    *n = (front){.z = z, .outer = s, .inner = inner, .at = s->at};
    if (!inner || inner->kind != KIR_FOR || !is_candidate(s->loop) || !is_candidate(inner->loop) || body_escapes(s))
        return false;
    if (!kir_is_const_int(s->step, &n->way) || (n->way != 1 && n->way != -1) || !kir_is_const_int(inner->step, &step) ||
        step != 1)
        return false;
    return is_affine(inner->lo, s->var) && is_affine(inner->hi, s->var);
}

/* ---- building ------------------------------------------------------------------------------------------------------------------------- */

static kir_stmt *new_loop(front *n, kir_block *out, kir_expr *lo, kir_expr *hi) {
    kir_module *m = n->z->m;
    kir_var *v = kir_temp_new(m, n->z->f, type_int64(m->types), n->at);
    kir_stmt *loop = kir_for(m, v, lo, hi, number(n, 1), n->outer->loop->kind, n->at);
    vec_push(m->a, out, loop);
    return loop;
}

static kir_expr *index_of(front *n, kir_stmt *loop) {
    return kir_ref(n->z->m, loop->var, n->at);
}

static kir_expr *blocks_of(front *n, kir_expr *extent, int64_t size) {
    return op(n, KIR_OP_FLOORDIV, plus(n, extent, number(n, size - 1)), number(n, size));
}

/* ---- chains inside ------------------------------------------------------------------------------------------------------- */

static bool is_free_of(front *n, kir_expr *e, const var_set *varying) {
    for (uint32_t i = 0; i < n->z->f->vars.len; i++) {
        kir_var *v = n->z->f->vars.at[i];
        if ((v == n->outer->var || v == n->inner->var || vars_has(varying, v)) && vars_mentions(e, v))
            return false;
    }
    return true;
}

/* Is the body nothing but carried loops over a range that is the same in all iterations? Rows then may walk through it
 * side by side. */
static bool holds_chains(front *n) {
    var_set varying = vars_new(n->z->scratch, n->z->f);
    vars_written_in(&n->inner->body, &varying);
    for (uint32_t i = 0; i < n->inner->body.len; i++) {
        kir_stmt *s = n->inner->body.at[i];
        if (s->kind != KIR_FOR || s->loop->class != KIR_CLASS_CARRIED || !is_free_of(n, s->lo, &varying) ||
            !is_free_of(n, s->hi, &varying))
            return false;
    }
    return n->inner->body.len && !vars_mentions(n->inner->lo, n->outer->var) &&
           !vars_mentions(n->inner->hi, n->outer->var);
}

/* With one more than the least skew, every dependence between two rows goes forward in c: the points of a column of the
 * block are independent. So the block runs column by column, and `lanes` puts a column's points side by side:
 *
 *   for %c in columns { for %r in range(max(row, (%c - hi) // s + 1), min(end, (%c - lo) // s + 1)) independent { … } } */
static void build_columns(front *n, kir_stmt *blocks, kir_expr *rows, kir_expr *first_column) {
    kir_module *m = n->z->m;
    kir_expr *row = hold(n, &blocks->body, times(n, n->height, index_of(n, blocks)));
    kir_expr *end = op(n, KIR_OP_MIN, copy(n, rows), plus(n, copy(n, row), number(n, n->height)));
    end = hold(n, &blocks->body, end);
    kir_stmt *c =
        new_loop(n, &blocks->body, copy(n, first_column), plus(n, copy(n, first_column), number(n, n->width)));
    kir_expr *above = op(n, KIR_OP_FLOORDIV, minus(n, index_of(n, c), n->inner->hi), number(n, n->skew));
    kir_expr *below = op(n, KIR_OP_FLOORDIV, minus(n, index_of(n, c), n->inner->lo), number(n, n->skew));
    kir_stmt *r = new_loop(n, &c->body, op(n, KIR_OP_MAX, row, plus(n, above, number(n, 1))),
                           op(n, KIR_OP_MIN, end, plus(n, below, number(n, 1))));
    c->loop->class = KIR_CLASS_CARRIED;
    c->loop->id = n->inner->loop->id;
    r->loop->class = KIR_CLASS_INDEPENDENT;
    r->loop->few = true;
    kir_expr *t = plus(n, copy(n, n->outer->lo), times(n, n->way, index_of(n, r)));
    vec_push(m->a, &r->body, kir_assign(m, n->outer->var, t, n->at));
    kir_expr *i = minus(n, index_of(n, c), times(n, n->skew, index_of(n, r)));
    vec_push(m->a, &r->body, kir_assign(m, n->inner->var, i, n->at));
    for (uint32_t k = 0; k < n->inner->body.len; k++)
        vec_push(m->a, &r->body, n->inner->body.at[k]);
}

/* The rows of block %b, and in each the part of the inner loop that lies in the block's columns. */
static void build_block(front *n, kir_stmt *blocks, kir_expr *rows, kir_expr *first_column) {
    kir_module *m = n->z->m;
    kir_expr *row = hold(n, &blocks->body, times(n, n->height, index_of(n, blocks)));
    kir_expr *end = op(n, KIR_OP_MIN, copy(n, rows), plus(n, copy(n, row), number(n, n->height)));
    kir_stmt *r = new_loop(n, &blocks->body, row, hold(n, &blocks->body, end));
    kir_expr *offset = times(n, n->way, index_of(n, r));
    vec_push(m->a, &r->body, kir_assign(m, n->outer->var, plus(n, copy(n, n->outer->lo), offset), n->at));
    kir_expr *column = minus(n, copy(n, first_column), times(n, n->skew, index_of(n, r)));
    column = hold(n, &r->body, column);
    kir_stmt *inner = n->inner;
    inner->lo = op(n, KIR_OP_MAX, inner->lo, copy(n, column));
    inner->hi = op(n, KIR_OP_MIN, inner->hi, plus(n, column, number(n, n->width)));
    vec_push(m->a, &r->body, inner);
}

static void build_front(front *n, kir_block *out) {
    kir_module *m = n->z->m;
    kir_stmt *outer = n->outer, *some = kir_stmt_new(m, KIR_IF, n->at);
    kir_expr *lo = outer->lo = hold(n, out, outer->lo), *hi = hold(n, out, outer->hi);
    kir_expr *rows = hold(n, out, n->way > 0 ? minus(n, copy(n, hi), copy(n, lo)) : minus(n, copy(n, lo), copy(n, hi)));
    some->value = op(n, KIR_OP_GT, copy(n, rows), number(n, 0));
    vec_push(m->a, out, some);
    kir_block *b = &some->body;
    kir_expr *last = hold(n, b, minus(n, copy(n, rows), number(n, 1)));
    kir_expr *end = hold(n, b, plus(n, copy(n, lo), times(n, n->way, copy(n, last))));
    kir_expr *drift = hold(n, b, times(n, n->skew, copy(n, last)));
    kir_expr *least =
        op(n, KIR_OP_MIN, with_index(n, n->inner->lo, lo), plus(n, with_index(n, n->inner->lo, end), copy(n, drift)));
    kir_expr *most =
        op(n, KIR_OP_MAX, with_index(n, n->inner->hi, lo), plus(n, with_index(n, n->inner->hi, end), copy(n, drift)));
    least = hold(n, b, least);
    kir_expr *high = hold(n, b, blocks_of(n, copy(n, rows), n->height));
    kir_expr *wide = hold(n, b, blocks_of(n, minus(n, most, copy(n, least)), n->width));
    kir_stmt *fronts = new_loop(n, b, number(n, 0), minus(n, plus(n, copy(n, high), copy(n, wide)), number(n, 1)));
    kir_expr *first = minus(n, plus(n, index_of(n, fronts), number(n, 1)), copy(n, wide));
    kir_expr *beyond = op(n, KIR_OP_MIN, copy(n, high), plus(n, index_of(n, fronts), number(n, 1)));
    kir_stmt *blocks = new_loop(n, &fronts->body, op(n, KIR_OP_MAX, number(n, 0), first), beyond);
    kir_expr *column = times(n, n->width, minus(n, index_of(n, fronts), index_of(n, blocks)));
    column = hold(n, &blocks->body, plus(n, least, column));
    blocks->loop->class = KIR_CLASS_INDEPENDENT;
    blocks->loop->id = outer->loop->id;
    blocks->loop->why = "WAVEFRONT";
    blocks->loop->why_detail = outer->loop->why_detail;
    blocks->loop->privates = outer->loop->privates;
    fronts->loop->class = KIR_CLASS_CARRIED;
    if (n->chains)
        build_columns(n, blocks, rows, column);
    else
        build_block(n, blocks, rows, column);
}

static bool forget(kir_stmt *s, void *context) {
    (void)context;
    if (s->kind == KIR_FOR)
        s->loop->id = 0;
    return true;
}

static void note_tile(front *n) {
    uint32_t id = n->outer->loop->id;
    if (id && id < n->z->m->report.len)
        n->z->m->report.at[id].tile =
            arena_printf(n->z->m->a, "%dx%d, skew %d", (int)n->height, (int)n->width, (int)n->skew);
}

/* The nest as wavefronts, under the condition that its arrays are what the proof took them to be. */
static void place_front(front *n, kir_block *out, kir_expr *when) {
    kir_module *m = n->z->m;
    kir_block *b = out;
    note_tile(n);
    if (when) {
        kir_block single = {0};
        kir_stmt *versions = kir_stmt_new(m, KIR_IF, n->at);
        vec_push(m->a, &single, n->outer);
        versions->value = when;
        versions->orelse = kir_copy_block(m, &single, pass_renamed_temps(m, n->z->f, n->z->scratch, &single));
        kir_each_stmt(&versions->orelse, forget, NULL);
        vec_push(m->a, out, versions);
        b = &versions->body;
    }
    build_front(n, b);
}

static void schedule_block(scheduler *z, kir_block *b) {
    kir_block out = {0};
    for (uint32_t i = 0; i < b->len; i++) {
        kir_stmt *s = b->at[i];
        front n;
        dep_verdict assumed;
        int skew = s->kind == KIR_FOR && open_front(z, s, &n) ? dep_skew(z->session, s, &assumed) : -1;
        if (skew >= 0) {
            n.skew = skew;
            n.chains = holds_chains(&n);
            n.skew += n.chains;
            n.height = edge(z, 0, n.chains ? CHAIN_ROWS : ROWS);
            n.width = edge(z, 1, n.chains ? CHAIN_COLUMNS : COLUMNS);
            place_front(&n, &out, dep_condition(z->m, &assumed, s->at));
            continue;
        }
        schedule_block(z, &s->body);
        schedule_block(z, &s->orelse);
        vec_push(z->m->a, &out, s);
    }
    *b = out;
}

bool schedule_run(pass_context *c) {
    if (!c->m->options.parallel || !c->m->options.par_range)
        return true;
    for (uint32_t i = 0; i < c->m->fns.len; i++) {
        kir_fn *f = c->m->fns.at[i];
        if (f->kind == KIR_FN_REGION)
            continue;
        scheduler z = {c->m, f, c->scratch, dep_open(c->m, f, c->scratch)};
        schedule_block(&z, &f->body);
        dep_close(z.session);
    }
    return true;
}
