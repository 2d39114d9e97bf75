/* Operation counts, and trip counts that do not overflow. */
#include "passes/cost.h"
#include "passes/vars.h"

enum {
    BLOCK_MOST = 1 << 20,
    UNKNOWN_TRIPS = 16,
    FEW_TRIPS = 24,
    VECTOR_GAIN = 3,
    UNKNOWN_CALL = 100,
    MATH_COST = 20,
    DIVISION_COST = 5
};
#define COST_MAX (INT64_C(1) << 40)

static int64_t clamp(int64_t x) {
    return x > COST_MAX ? COST_MAX : x;
}

static int64_t scaled(int64_t times, int64_t cost) {
    int64_t r;
    return __builtin_mul_overflow(times, cost, &r) ? COST_MAX : clamp(r);
}

static void count_node(kir_expr **slot, void *context) {
    int64_t *n = context;
    const kir_expr *e = *slot;
    switch (e->kind) {
    case KIR_CONST:
    case KIR_VAR:
        return;
    case KIR_MATH:
        *n += MATH_COST;
        return;
    case KIR_BINARY:
        *n += e->op == KIR_OP_DIV || e->op == KIR_OP_MOD || e->op == KIR_OP_FLOORDIV || e->op == KIR_OP_POW
                  ? DIVISION_COST
                  : 1;
        return;
    default:
        *n += 1;
    }
}

static void count_slot(kir_expr **slot, void *context) {
    kir_each_subexpr(slot, count_node, context);
}

static int64_t cost_of_stmt(kir_stmt *s) {
    int64_t n = 0;
    kir_each_expr(s, count_slot, &n);
    switch (s->kind) {
    case KIR_IF: {
        int64_t yes = cost_of_block(&s->body), no = cost_of_block(&s->orelse);
        return clamp(n + (yes > no ? yes : no));
    }
    case KIR_FOR: {
        int64_t trips = cost_trips(s);
        return clamp(n + scaled(trips < 0 ? UNKNOWN_TRIPS : trips, 1 + cost_of_block(&s->body)));
    }
    case KIR_LOOP:
        return clamp(n + scaled(UNKNOWN_TRIPS, cost_of_block(&s->body)));
    case KIR_BLOCK:
        return clamp(n + cost_of_block(&s->body));
    case KIR_STORE:
        return n + 1;
    case KIR_CALL:
    case KIR_RUNTIME:
    case KIR_REGION:
        return n + UNKNOWN_CALL;
    default:
        return n;
    }
}

int64_t cost_of_block(kir_block *b) {
    int64_t n = 0;
    for (uint32_t i = 0; i < b->len; i++)
        n = clamp(n + cost_of_stmt(b->at[i]));
    return n;
}

int64_t cost_trips(const kir_stmt *loop) {
    int64_t lo, hi, step;
    if (!kir_is_const_int(loop->lo, &lo) || !kir_is_const_int(loop->hi, &hi) || !kir_is_const_int(loop->step, &step) ||
        step == 0)
        return -1;
    if (step > 0 ? hi <= lo : hi >= lo)
        return 0;
    uint64_t width = step > 0 ? (uint64_t)hi - (uint64_t)lo : (uint64_t)lo - (uint64_t)hi;
    uint64_t size = step > 0 ? (uint64_t)step : 0 - (uint64_t)step, trips = (width - 1) / size + 1;
    return trips > INT64_MAX ? INT64_MAX : (int64_t)trips;
}

static kir_expr *bin(kir_module *m, kir_op op, kir_expr *a, kir_expr *b) {
    return kir_binary(m, op, a, b, a->at);
}

static kir_expr *dup(kir_module *m, const kir_expr *e) {
    return kir_copy_expr(m, e, NULL);
}

/* With step 1 and lo >= 0 the difference cannot overflow. */
static kir_expr *unit_trips(kir_module *m, const kir_stmt *l) {
    kir_expr *some = bin(m, KIR_OP_GT, dup(m, l->hi), dup(m, l->lo));
    return kir_select(m, some, bin(m, KIR_OP_SUB, dup(m, l->hi), dup(m, l->lo)), kir_int(m, 0, l->at), l->at);
}

kir_expr *cost_trip_expr(kir_module *m, const kir_stmt *l) {
    int64_t known = cost_trips(l), lo, step;
    if (known >= 0)
        return kir_int(m, known, l->at);
    bool fixed = kir_is_const_int(l->step, &step);
    if (fixed && step == 1 && kir_is_const_int(l->lo, &lo) && lo >= 0)
        return unit_trips(m, l);
    type *u64 = type_int(m->types, 64, false), *i64 = type_int64(m->types);
    kir_expr *zero = kir_int(m, 0, l->at), *up = bin(m, KIR_OP_GT, dup(m, l->step), zero);
    kir_expr *ahead = bin(m, KIR_OP_SUB, dup(m, l->hi), dup(m, l->lo));
    kir_expr *back = bin(m, KIR_OP_SUB, dup(m, l->lo), dup(m, l->hi));
    kir_expr *width = kir_select(m, up, ahead, back, l->at);
    kir_expr *size =
        kir_select(m, dup(m, up), dup(m, l->step), kir_unary(m, KIR_OP_NEG, dup(m, l->step), l->at), l->at);
    kir_expr *some = kir_select(m, dup(m, up), bin(m, KIR_OP_GT, dup(m, l->hi), dup(m, l->lo)),
                                bin(m, KIR_OP_LT, dup(m, l->hi), dup(m, l->lo)), l->at);
    kir_expr *one = kir_const_int(m, u64, 1, l->at);
    kir_expr *last = bin(m, KIR_OP_SUB, kir_cast(m, width, u64, l->at), one);
    kir_expr *trips = bin(m, KIR_OP_ADD, bin(m, KIR_OP_TRUNCDIV, last, kir_cast(m, size, u64, l->at)), dup(m, one));
    kir_expr *most = kir_const_int(m, u64, INT64_MAX, l->at);
    trips = kir_cast(m, bin(m, KIR_OP_MIN, trips, most), i64, l->at);
    return kir_select(m, some, trips, dup(m, zero), l->at);
}

/* ---- work --------------------------------------------------------------------------------------------------------------- */

typedef struct work {
    kir_module *m;
    kir_fn *f;
    arena *scratch;
    var_set written;          /* in the loop whose work is asked for */
    kir_map *middle;          /* loop variables → the middle of their range */
    const kir_expr **defined; /* by variable */
    uint32_t n_defined;
} work;

static kir_expr *float_of(work *w, kir_expr *e) {
    return kir_cast(w->m, e, type_float64(w->m->types), e->at);
}

/* ---- loops over blocks ---------------------------------------------------------------------------------------------------- */

/* What a temporary was last assigned on the way here; for estimates that is good enough. */
static const kir_expr *resolve(const work *w, const kir_expr *e) {
    while (e->kind == KIR_VAR && e->var->id < w->n_defined && w->defined[e->var->id])
        e = w->defined[e->var->id];
    return e;
}

static void note_definition(work *w, const kir_stmt *s) {
    if (s->kind == KIR_ASSIGN && s->var->is_temp && s->var->id < w->n_defined)
        w->defined[s->var->id] = s->value;
}

/* e as base + offset. */
static const kir_expr *split_offset(const work *w, const kir_expr *e, int64_t *offset) {
    int64_t c;
    const kir_expr *r = resolve(w, e);
    *offset = 0;
    if (r->kind != KIR_BINARY || (r->op != KIR_OP_ADD && r->op != KIR_OP_SUB) || !kir_is_const_int(r->args[1], &c) ||
        c > BLOCK_MOST || c < -BLOCK_MOST)
        return r;
    *offset = r->op == KIR_OP_ADD ? c : -c;
    return resolve(w, r->args[0]);
}

static bool is_either(const kir_expr *e, kir_op op) {
    return e->kind == KIR_BINARY && e->op == op;
}

static int64_t smaller(int64_t a, int64_t b) {
    return a < 0 || (b >= 0 && b < a) ? b : a;
}

/* The number of iterations that bounds like [max(1, x), min(n, x + 128)) allow at most; -1 when they are not alike. */
static int64_t width(const work *w, const kir_expr *lo, const kir_expr *hi, int depth) {
    lo = resolve(w, lo);
    hi = resolve(w, hi);
    if (depth > 0 && is_either(hi, KIR_OP_MIN))
        return smaller(width(w, lo, hi->args[0], depth - 1), width(w, lo, hi->args[1], depth - 1));
    if (depth > 0 && is_either(lo, KIR_OP_MAX))
        return smaller(width(w, lo->args[0], hi, depth - 1), width(w, lo->args[1], hi, depth - 1));
    int64_t below, above;
    const kir_expr *a = split_offset(w, lo, &below), *b = split_offset(w, hi, &above);
    return above > below && kir_expr_equal(a, b) ? above - below : -1;
}

static int64_t usual_trips(const work *w, const kir_stmt *l) {
    if (l->loop->few)
        return FEW_TRIPS;
    int64_t step, most = kir_is_const_int(l->step, &step) && step > 0 ? width(w, l->lo, l->hi, 4) : -1;
    return most > 0 ? (most - 1) / step + 1 : UNKNOWN_TRIPS;
}

/* Iterations as a float64 (no overflow; below 0 for some loops that do not run), NULL when they depend on what the loop
 * computes. */
static kir_expr *trips_estimate(work *w, kir_stmt *l) {
    kir_expr *lo = kir_copy_expr(w->m, l->lo, w->middle), *hi = kir_copy_expr(w->m, l->hi, w->middle);
    kir_expr *step = kir_copy_expr(w->m, l->step, w->middle);
    if (vars_mentions_any(lo, &w->written) || vars_mentions_any(hi, &w->written) ||
        vars_mentions_any(step, &w->written))
        return NULL;
    kir_expr *width = bin(w->m, KIR_OP_SUB, float_of(w, dup(w->m, hi)), float_of(w, dup(w->m, lo)));
    kir_expr *trips = bin(w->m, KIR_OP_DIV, width, float_of(w, step));
    kir_expr *two = kir_int(w->m, 2, l->at);
    kir_expr *half = bin(w->m, KIR_OP_FLOORDIV, bin(w->m, KIR_OP_SUB, hi, lo), two);
    kir_map_expr(w->middle, l->var, bin(w->m, KIR_OP_ADD, dup(w->m, lo), half));
    return trips;
}

static kir_expr *block_work(work *w, kir_block *b, span at);

static kir_expr *add_work(work *w, kir_expr *a, kir_expr *b) {
    return a ? bin(w->m, KIR_OP_ADD, a, b) : b;
}

/* Straight code on numbers in iterations that need nothing from one another: several at a time. */
static bool fills_vectors(const kir_stmt *l) {
    if (l->loop->class != KIR_CLASS_INDEPENDENT && l->loop->class != KIR_CLASS_REDUCTION)
        return false;
    for (uint32_t i = 0; i < l->body.len; i++)
        if (l->body.at[i]->kind != KIR_ASSIGN && l->body.at[i]->kind != KIR_STORE)
            return false;
    return true;
}

static kir_expr *loop_work(work *w, kir_stmt *l, bool is_outermost) {
    type *f64 = type_float64(w->m->types);
    kir_expr *trips = trips_estimate(w, l);
    if (trips && !is_outermost)
        trips = kir_binary(w->m, KIR_OP_MAX, trips, kir_const_float(w->m, f64, 0.0, l->at), l->at);
    if (!trips)
        trips = kir_const_float(w->m, f64, (double)usual_trips(w, l), l->at);
    kir_expr *each = block_work(w, &l->body, l->at);
    if (fills_vectors(l))
        each = bin(w->m, KIR_OP_MUL, each, kir_const_float(w->m, f64, 1.0 / (double)VECTOR_GAIN, l->at));
    return bin(w->m, KIR_OP_MUL, trips, each);
}

static bool holds_loop(kir_stmt *s) {
    if (s->kind == KIR_FOR)
        return true;
    if (s->kind != KIR_IF && s->kind != KIR_BLOCK)
        return false;
    for (uint32_t i = 0; i < s->body.len; i++)
        if (holds_loop(s->body.at[i]))
            return true;
    for (uint32_t i = 0; i < s->orelse.len; i++)
        if (holds_loop(s->orelse.at[i]))
            return true;
    return false;
}

static kir_expr *block_work(work *w, kir_block *b, span at) {
    int64_t plain = 1;
    kir_expr *sum = NULL;
    for (uint32_t i = 0; i < b->len; i++) {
        kir_stmt *s = b->at[i];
        note_definition(w, s);
        if (s->kind == KIR_FOR)
            sum = add_work(w, sum, loop_work(w, s, false));
        else if (holds_loop(s))
            sum = add_work(w, sum, block_work(w, &s->body, at));
        else
            plain += cost_of_stmt(s);
    }
    return add_work(w, sum, kir_const_float(w->m, type_float64(w->m->types), (double)plain, at));
}

kir_expr *cost_work_expr(kir_module *m, kir_fn *f, arena *scratch, kir_stmt *loop) {
    work w = {m, f, scratch, vars_new(scratch, f), kir_map_new(m), NULL, f->vars.len};
    w.defined = arena_array(scratch, const kir_expr *, f->vars.len + 1);
    vars_written_in(&loop->body, &w.written);
    vars_add(&w.written, loop->var);
    kir_expr *total = loop_work(&w, loop, true);
    kir_expr *most = kir_const_float(m, type_float64(m->types), 1e18, loop->at);
    total = kir_binary(m, KIR_OP_MIN, most, total, loop->at);
    return kir_cast(m, total, type_int64(m->types), loop->at);
}
