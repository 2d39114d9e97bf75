/* Which loops are cut, so that Ctrl-C is seen.
 *
 * A poll in the body of a loop of straight code would keep it from being vectorised. When such a loop may run for long
 * it is cut instead: an outer loop goes over pieces of some milliseconds, with the poll between them. Loops that hold
 * loops poll at their back edges, and the iterations of a region come in slices already, but for those that reduce.
 *
 * Not cut are loops that are known to end soon: of few iterations, by constants or because a tile's edge bounds them
 * (`for j in [t, min(n, t + 512))`); the two instructions at the entry would be felt there. Whether a bound is
 * recognised is a matter of speed alone. */
#include "llvm/gen.h"

#include <math.h>
#include <string.h>

/* Whether a block may run for long: loops of a small constant number of iterations (which LLVM unrolls, and then perhaps
 * vectorises the loop around them) count as straight code. */
enum { SHORT_TRIPS = 256, FEW_TRIPS = 64 };

typedef struct long_search {
    int64_t budget; /* iterations left */
    bool found;
} long_search;

static int64_t constant_trips(const kir_stmt *s) {
    int64_t lo, hi, step = 1;
    if (!kir_is_const_int(s->lo, &lo) || !kir_is_const_int(s->hi, &hi) ||
        (s->step && !kir_is_const_int(s->step, &step)))
        return INT64_MAX;
    if (step != 1 || hi <= lo)
        return step == 1 ? 0 : INT64_MAX;
    uint64_t n = (uint64_t)hi - (uint64_t)lo;
    return n > INT64_MAX ? INT64_MAX : (int64_t)n;
}

static bool runs_long(const kir_block *b, int64_t budget);

static bool note_long(kir_stmt *s, void *context) {
    long_search *search = context;
    if (s->kind == KIR_LOOP)
        search->found = true;
    if (s->kind != KIR_FOR)
        return !search->found;
    int64_t trips = s->loop->few ? FEW_TRIPS : constant_trips(s);
    search->found |= trips > search->budget || runs_long(&s->body, search->budget / (trips > 0 ? trips : 1));
    return false;
}

static bool runs_long(const kir_block *b, int64_t budget) {
    long_search search = {budget, false};
    kir_block body = *b;
    kir_each_stmt(&body, note_long, &search);
    return search.found;
}

bool gen_runs_long(const kir_block *b) {
    return runs_long(b, SHORT_TRIPS);
}

/* ---- bounds ------------------------------------------------------------------------------------------------------------- */

typedef struct definitions { /* of a function's variables, by id */
    const kir_expr **value;  /* the only one; NULL: there is none, or several */
    uint8_t *count;
} definitions;

static bool note_definition(kir_stmt *s, void *context) {
    definitions *d = context;
    if (s->var && (s->kind == KIR_ASSIGN || s->kind == KIR_FOR)) {
        d->value[s->var->id] = s->kind == KIR_ASSIGN ? s->value : NULL;
        d->count[s->var->id] = d->count[s->var->id] == 0 ? 1 : 2;
    }
    for (uint32_t i = 0; i < s->results.len; i++)
        d->count[s->results.at[i]->id] = 2;
    return true;
}

void gen_find_definitions(gen *g) {
    definitions d = {arena_array(g->a, const kir_expr *, g->f->next_var + 1),
                     arena_array(g->a, uint8_t, g->f->next_var + 1)};
    kir_block body = g->f->body;
    kir_each_stmt(&body, note_definition, &d);
    for (uint32_t i = 0; i <= g->f->next_var; i++)
        if (d.count[i] != 1)
            d.value[i] = NULL;
    g->definitions = d.value;
    g->assigned_often = d.count;
}

enum { BOUND_DEPTH = 10 };
#define UNBOUNDED (INT64_MAX / 4)

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static int64_t shifted(int64_t bound, int64_t by) {
    return bound == UNBOUNDED || by > UNBOUNDED / 2 || by < -UNBOUNDED / 2 ? UNBOUNDED : bound + by;
}

static const kir_expr *defined_as(const gen *g, const kir_expr *e) {
    return e->kind == KIR_VAR && e->var->id <= g->f->next_var ? g->definitions[e->var->id] : NULL;
}

/* Variables with several values may have changed between two mentions. */
static bool is_steady(const gen *g, const kir_expr *e) {
    bool steady = e->kind != KIR_VAR || g->assigned_often[e->var->id] < 2;
    for (uint32_t i = 0; i < e->n_args && steady; i++)
        steady = is_steady(g, e->args[i]);
    return steady;
}

static bool is_op(const kir_expr *e, kir_op op) {
    return e->kind == KIR_BINARY && e->op == op;
}

/* A number that hi - lo does not exceed. */
static int64_t distance(const gen *g, const kir_expr *hi, const kir_expr *lo, int depth) {
    int64_t c;
    const kir_expr *def;
    if (depth == 0)
        return UNBOUNDED;
    if (kir_expr_equal(hi, lo) && is_steady(g, hi))
        return 0;
    if (is_op(hi, KIR_OP_MIN))
        return least(distance(g, hi->args[0], lo, depth - 1), distance(g, hi->args[1], lo, depth - 1));
    if (is_op(lo, KIR_OP_MAX))
        return least(distance(g, hi, lo->args[0], depth - 1), distance(g, hi, lo->args[1], depth - 1));
    if (is_op(hi, KIR_OP_ADD) && kir_is_const_int(hi->args[1], &c))
        return shifted(distance(g, hi->args[0], lo, depth - 1), c);
    if (is_op(hi, KIR_OP_SUB) && kir_is_const_int(hi->args[1], &c) && c >= 0)
        return shifted(distance(g, hi->args[0], lo, depth - 1), -c);
    if ((def = defined_as(g, hi)) != NULL)
        return distance(g, def, lo, depth - 1);
    if ((def = defined_as(g, lo)) != NULL)
        return distance(g, hi, def, depth - 1);
    return UNBOUNDED;
}

/* ---- pieces -------------------------------------------------------------------------------------------------------------
 *
 * An innermost loop that walks along an array ends with a row of it, and the loops around it poll. Cutting it would cost
 * up to a sixth of rows of a few dozen cheap iterations (what a vector loop needs at its entry no longer moves out of
 * the loops around), so this is done only where iterations are dear. */
enum { PIECE_WORK = 1 << 22, PIECE_LEAST = 1 << 10, DEAR_COST = 100, MATH_COST = 20, DIVISION_COST = 5 };

static void count_node(kir_expr **slot, void *context) {
    int64_t *n = context;
    kir_op op = (*slot)->kind == KIR_BINARY ? (*slot)->op : KIR_OP_ADD;
    bool divides = op == KIR_OP_DIV || op == KIR_OP_MOD || op == KIR_OP_FLOORDIV;
    *n += (*slot)->kind == KIR_MATH || op == KIR_OP_POW ? MATH_COST : divides ? DIVISION_COST : 1;
}

static void count_slot(kir_expr **slot, void *context) {
    kir_each_subexpr(slot, count_node, context);
}

static bool count_stmt(kir_stmt *s, void *context) {
    int64_t inside = 0, trips = s->kind == KIR_FOR ? constant_trips(s) : 1;
    if (s->kind == KIR_FOR && trips < PIECE_WORK) {
        kir_each_stmt(&s->body, count_stmt, &inside);
        *(int64_t *)context += trips * inside;
        return false;
    }
    kir_each_expr(s, count_slot, context);
    return true;
}

int64_t gen_cost(const kir_stmt *s) {
    int64_t cost = 1;
    kir_stmt own = *s;
    kir_each_expr(&own, count_slot, &cost);
    return cost;
}

/* Operations in an iteration of straight code, roughly; short loops in it are counted as often as they run. */
static int64_t cost_of(const kir_block *b) {
    int64_t cost = 1;
    kir_block body = *b;
    kir_each_stmt(&body, count_stmt, &cost);
    return cost;
}

static bool mentions(const kir_expr *e, const kir_var *v) {
    bool found = e->kind == KIR_VAR && e->var == v;
    for (uint32_t i = 0; i < e->n_args && !found; i++)
        found = mentions(e->args[i], v);
    return found;
}

/* Whether `e` takes another value in every iteration of the loop over `v`, as an index does that walks through an
 * array. */
static bool is_walk(const kir_expr *e, const kir_var *v) {
    if (e->kind == KIR_VAR)
        return e->var == v;
    if (e->kind == KIR_WRAP)
        return is_walk(e->args[0], v);
    if (e->kind != KIR_BINARY || (e->op != KIR_OP_ADD && e->op != KIR_OP_SUB))
        return false;
    return (is_walk(e->args[0], v) && !mentions(e->args[1], v)) || (is_walk(e->args[1], v) && !mentions(e->args[0], v));
}

static bool walks_an_array(const kir_stmt *loop) {
    bool walks = loop->loop->kind == KIR_LOOP_ARRAY;
    for (uint32_t i = 0; i < loop->body.len && !walks; i++) {
        const kir_stmt *s = loop->body.at[i];
        bool loads = s->kind == KIR_ASSIGN && s->value && s->value->kind == KIR_LOAD;
        for (uint32_t k = 0; loads && k < s->value->n_args; k++)
            walks |= is_walk(s->value->args[k], loop->var);
        for (uint32_t k = 0; s->kind == KIR_STORE && k < s->index.len; k++)
            walks |= is_walk(s->index.at[k], loop->var);
    }
    return walks;
}

static int64_t most_steps(const gen *g, const kir_stmt *s) {
    int64_t step = 1;
    bool upward = s->step == NULL || (kir_is_const_int(s->step, &step) && step > 0);
    return upward ? distance(g, s->hi, s->lo, BOUND_DEPTH) : UNBOUNDED;
}

static bool is_bounded(const gen *g, const kir_stmt *s, int64_t most) {
    return s->loop->few || constant_trips(s) <= most || most_steps(g, s) <= most;
}

double gen_most_trips(const gen *g, const kir_stmt *s) {
    int64_t most = most_steps(g, s);
    most = s->loop->few ? least(most, FEW_TRIPS) : most;
    return most == UNBOUNDED ? INFINITY : (double)most;
}

int64_t gen_piece(const gen *g, const kir_stmt *s) {
    int64_t cost = cost_of(&s->body), piece = PIECE_WORK;
    while (piece > PIECE_LEAST && piece > PIECE_WORK / cost)
        piece /= 2;
    bool sliced = s->loop->is_region && (g->only_block || g->f->reductions.len + g->f->last.n == 0);
    bool row = g->depth > 0 && cost < DEAR_COST && walks_an_array(s);
    return sliced || row || is_bounded(g, s, piece) || gen_runs_long(&s->body) ? 0 : piece;
}
