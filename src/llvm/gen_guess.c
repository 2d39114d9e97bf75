/* Guesses what the call does that a compile is for.
 *
 * A kernel is compiled when it is called, and what that call is given is known: extents and integers. So tests of sizes
 * and estimates of work can be computed here, and the asides (gen_aside.c) that the call is about to need are compiled
 * beside the rest instead of after it; and where the call has next to nothing to do, baseline code is made (emit.c).
 * Nothing else follows from a guess: what the code computes is the same whatever is guessed, and where a guess is wrong
 * some time is lost.
 *
 * What is known of variables is kept while statements are generated, as the least and the most that they can be: loop
 * variables range between their bounds, what a loop assigns is unknown from its beginning to the assignment, what comes
 * from the runtime is unknown, and statements that the call does not come to change nothing. Arrays are taken to be
 * apart. The work of the call is the sum of all statements' costs, each as often as the loops around it go round at
 * most; loops of unknown length are infinitely long. */
#include "plait/runtime.h"
#include "llvm/gen.h"

#include <math.h>
#include <string.h>

typedef gen_range range;

static const range ANYTHING = {-INFINITY, INFINITY}, UNSET = {INFINITY, -INFINITY};

static range guess(const gen *g, const kir_expr *e);

/* ---- ranges -------------------------------------------------------------------------------------------------------------- */

static range exactly(double x) {
    return (range){x, x};
}

static range either(range a, range b) {
    return (range){fmin(a.low, b.low), fmax(a.high, b.high)};
}

static bool is_one_value(range x) {
    return x.low == x.high;
}

/* Nothing times infinitely often is nothing. */
static double times(double a, double b) {
    return a == 0 || b == 0 ? 0 : a * b;
}

static range product(range a, range b) {
    double x = times(a.low, b.low), y = times(a.low, b.high), z = times(a.high, b.low), w = times(a.high, b.high);
    return (range){fmin(fmin(x, y), fmin(z, w)), fmax(fmax(x, y), fmax(z, w))};
}

static range quotient(range a, range b) {
    if (b.low <= 0 && b.high >= 0)
        return ANYTHING;
    return product(a, (range){1 / b.high, 1 / b.low});
}

static range truth(bool always, bool never) {
    return (range){always, !never};
}

static range compared(kir_op op, range a, range b) {
    switch (op) {
    case KIR_OP_EQ:
        return truth(is_one_value(a) && is_one_value(b) && a.low == b.low, a.high < b.low || b.high < a.low);
    case KIR_OP_LT:
        return truth(a.high < b.low, a.low >= b.high);
    case KIR_OP_LE:
        return truth(a.high <= b.low, a.low > b.high);
    default:
        return ANYTHING;
    }
}

static bool is_count(range x) {
    return is_one_value(x) && x.low >= 0 && x.low < 64;
}

static range opposite(range x) {
    return (range){1 - x.high, 1 - x.low};
}

static range guess_binary(const kir_expr *e, range a, range b) {
    switch (e->op) {
    case KIR_OP_ADD:
        return (range){a.low + b.low, a.high + b.high};
    case KIR_OP_SUB:
        return (range){a.low - b.high, a.high - b.low};
    case KIR_OP_MUL:
        return product(a, b);
    case KIR_OP_DIV:
        return is_one_value(a) && is_one_value(b) ? exactly(a.low / b.low) : quotient(a, b);
    case KIR_OP_FLOORDIV: {
        range q = is_one_value(a) && is_one_value(b) ? exactly(a.low / b.low) : quotient(a, b);
        return (range){floor(q.low), floor(q.high)};
    }
    case KIR_OP_TRUNCDIV: {
        range q = is_one_value(a) && is_one_value(b) ? exactly(a.low / b.low) : quotient(a, b);
        return (range){trunc(q.low), trunc(q.high)};
    }
    case KIR_OP_SHL:
        return is_count(b) ? product(a, exactly(ldexp(1, (int)b.low))) : ANYTHING;
    case KIR_OP_SHR:
        return is_count(b) ? (range){floor(ldexp(a.low, -(int)b.low)), floor(ldexp(a.high, -(int)b.low))} : ANYTHING;
    case KIR_OP_MIN:
        return (range){fmin(a.low, b.low), fmin(a.high, b.high)};
    case KIR_OP_MAX:
        return (range){fmax(a.low, b.low), fmax(a.high, b.high)};
    case KIR_OP_AND:
        return e->ty->kind == TYPE_BOOL ? (range){fmin(a.low, b.low), fmin(a.high, b.high)} : ANYTHING;
    case KIR_OP_OR:
        return e->ty->kind == TYPE_BOOL ? (range){fmax(a.low, b.low), fmax(a.high, b.high)} : ANYTHING;
    case KIR_OP_NE:
        return opposite(compared(KIR_OP_EQ, a, b));
    case KIR_OP_GT:
        return compared(KIR_OP_LT, b, a);
    case KIR_OP_GE:
        return compared(KIR_OP_LE, b, a);
    default:
        return compared(e->op, a, b);
    }
}

/* ---- expressions --------------------------------------------------------------------------------------------------------- */

static range guess_cast(type *to, range x) {
    if (to->kind == TYPE_FLOAT)
        return x;
    if (to->kind != TYPE_INT || (!to->is_signed && x.low < 0))
        return ANYTHING;
    return (range){trunc(x.low), trunc(x.high)};
}

/* What is below zero counts from the end. */
static range guess_wrap(range x, range extent) {
    range wrapped = {x.low + extent.low, x.high + extent.high};
    return x.low >= 0 ? x : x.high < 0 ? wrapped : either(x, wrapped);
}

static range guess_args(const gen *g, const kir_expr *e) {
    range x[3] = {ANYTHING, ANYTHING, ANYTHING};
    for (uint32_t i = 0; i < e->n_args && i < 3; i++)
        x[i] = guess(g, e->args[i]);
    switch (e->kind) {
    case KIR_BINARY:
        return guess_binary(e, x[0], x[1]);
    case KIR_UNARY:
        return e->op == KIR_OP_NEG ? (range){-x[0].high, -x[0].low} : e->op == KIR_OP_NOT ? opposite(x[0]) : ANYTHING;
    case KIR_SELECT:
        return x[0].low > 0 ? x[1] : x[0].high <= 0 ? x[2] : either(x[1], x[2]);
    case KIR_CAST:
        return guess_cast(e->ty, x[0]);
    case KIR_WRAP:
        return guess_wrap(x[0], x[1]);
    default:
        return ANYTHING;
    }
}

static range guess_extent(const gen *g, const kir_var *v, int32_t axis) {
    const range *shape = g->known[v->id].shape;
    return shape ? shape[axis] : (range){0, INFINITY};
}

static range known_value(const gen *g, const kir_var *v) {
    range x = g->known[v->id].value;
    return x.low <= x.high ? x : ANYTHING;
}

static range guess_any(const gen *g, const kir_expr *e) {
    switch (e->kind) {
    case KIR_CONST:
        return e->ty->kind == TYPE_FLOAT     ? exactly(e->value.f)
               : e->ty->kind == TYPE_COMPLEX ? ANYTHING
                                             : exactly((double)e->value.i);
    case KIR_VAR:
        return known_value(g, e->var);
    case KIR_DIM:
        return guess_extent(g, e->var, e->axis);
    case KIR_OVERLAP:
        return exactly(0);
    default:
        return guess_args(g, e);
    }
}

/* Integers wrap around: what is beyond their type may be anything. Of 64 bits an unknown end stays unknown alone. */
static range guess_wrapped(const type *t, range x) {
    double most = ldexp(1, t->bits - (t->is_signed ? 1 : 0)), least = t->is_signed ? -most : 0;
    bool fits = (x.low >= least && x.high <= most) ||
                (t->bits == 64 && (isinf(x.low) || x.low >= least) && (isinf(x.high) || x.high <= most));
    return fits ? x : ANYTHING;
}

/* NaN, from infinities, is nothing known. */
static range guess(const gen *g, const kir_expr *e) {
    range x = guess_any(g, e);
    if (e->ty->kind == TYPE_INT)
        x = guess_wrapped(e->ty, x);
    if (isnan(x.low))
        x.low = -INFINITY;
    if (isnan(x.high))
        x.high = INFINITY;
    return e->ty->kind == TYPE_BOOL ? (range){fmax(x.low, 0), fmin(x.high, 1)} : x;
}

gen_guess gen_guess_not(gen_guess x) {
    return x == GEN_TRUE ? GEN_FALSE : x == GEN_FALSE ? GEN_TRUE : GEN_UNKNOWN;
}

gen_guess gen_guess_of(const gen *g, const kir_expr *e) {
    range x = g->possible ? guess(g, e) : ANYTHING;
    return x.low > 0 || x.high < 0 ? GEN_TRUE : x.low == 0 && x.high == 0 ? GEN_FALSE : GEN_UNKNOWN;
}

gen_guess gen_guess_less(const gen *g, const kir_expr *e, double limit) {
    range x = g->possible ? guess(g, e) : ANYTHING;
    return x.high < limit ? GEN_TRUE : x.low >= limit ? GEN_FALSE : GEN_UNKNOWN;
}

/* ---- what is known ------------------------------------------------------------------------------------------------------ */

static const range *shape_of_view(const gen *g, const kir_expr *e) {
    range *shape = arena_array(g->a, range, e->ty->ndim + 1);
    uint32_t n = 0;
    for (uint32_t i = 0; i < e->subs.n; i++)
        if (e->subs.at[i].kind != KIR_SUB_INDEX)
            shape[n++] = e->subs.at[i].kind == KIR_SUB_RANGE ? guess(g, e->subs.at[i].length) : exactly(1);
    return n == e->ty->ndim ? shape : NULL;
}

static const range *shape_of_new(const gen *g, const kir_expr *e) {
    range *shape = arena_array(g->a, range, e->ty->ndim + 1);
    if (e->n_args < e->ty->ndim)
        return NULL;
    for (uint32_t i = 0; i < e->ty->ndim; i++)
        shape[i] = guess(g, e->args[i]);
    return shape;
}

static gen_known known_of(const gen *g, const kir_expr *e) {
    if (e->ty->kind != TYPE_ARRAY)
        return (gen_known){guess(g, e), NULL};
    bool is_new = e->kind == KIR_ALLOC || e->kind == KIR_RESHAPE;
    const range *shape = e->kind == KIR_VAR    ? g->known[e->var->id].shape
                         : is_new              ? shape_of_new(g, e)
                         : e->kind == KIR_VIEW ? shape_of_view(g, e)
                                               : NULL;
    return (gen_known){ANYTHING, shape};
}

/* Either of two, of arrays with so many axes. */
static gen_known merged(const gen *g, gen_known a, gen_known b, uint32_t ndim) {
    gen_known k = {either(a.value, b.value), NULL};
    if (!a.shape || !b.shape)
        return k;
    range *shape = arena_array(g->a, range, ndim + 1);
    for (uint32_t i = 0; i < ndim; i++)
        shape[i] = either(a.shape[i], b.shape[i]);
    k.shape = shape;
    return k;
}

static uint32_t axes_of(const type *t) {
    return t->kind == TYPE_ARRAY ? t->ndim : 0;
}

static void set_known(gen *g, const kir_var *v, gen_known k) {
    if (g->undecided)
        vec_push(g->a, &g->changes->made, (gen_change){v, g->known[v->id]});
    g->known[v->id] = k;
}

void gen_guess_assigned(gen *g, const kir_stmt *s) {
    if (g->possible)
        set_known(g, s->var, known_of(g, s->value));
}

/* An arm of an IF: within it is known what it does; behind it, that it may have been passed through or not. */
gen_way gen_guess_enter_arm(gen *g, gen_guess taken) {
    gen_way before = {g->possible, g->undecided, g->changes->made.len};
    g->possible &= taken != GEN_FALSE;
    g->undecided |= taken == GEN_UNKNOWN;
    return before;
}

void gen_guess_leave_arm(gen *g, gen_way before, gen_guess taken) {
    for (uint32_t i = g->changes->made.len; taken == GEN_UNKNOWN && i-- > before.n_changes;) {
        const gen_change *c = &g->changes->made.at[i];
        g->known[c->of->id] = merged(g, c->was, g->known[c->of->id], axes_of(c->of->ty));
    }
    g->possible = before.possible;
    g->undecided = before.undecided;
    if (!g->undecided)
        g->changes->made.len = 0;
}

/* ---- calls --------------------------------------------------------------------------------------------------------------- */

/* A CALL or REGION: what is passed, and how often. A function written before its caller cannot be told any more. */
void gen_guess_called(gen *g, const kir_stmt *s) {
    gen_fn *called = gen_fn_of(g, s->fn);
    if (!g->possible)
        return;
    gen_known *before = called->known;
    uint32_t n = s->index.len;
    called->expected |= g->expected;
    called->times += g->trips;
    called->known = arena_array(g->a, gen_known, n + 1);
    for (uint32_t i = 0; i < n; i++) {
        gen_known k = known_of(g, s->index.at[i]);
        called->known[i] = before ? merged(g, before[i], k, axes_of(s->index.at[i]->ty)) : k;
    }
    range trips = s->kind == KIR_REGION ? (range){0, guess(g, s->value).high} : ANYTHING;
    called->known[n].value = before ? either(before[n].value, trips) : trips;
    if (called->is_written)
        g->work = INFINITY;
}

static gen_known known_of_argument(const gen *g, const llvm_argument *a, const kir_var *v) {
    gen_known k = {a->is_int ? exactly((double)a->value) : ANYTHING, NULL};
    if (v->ty->kind != TYPE_ARRAY || a->ndim != v->ty->ndim)
        return k;
    range *shape = arena_array(g->a, range, a->ndim + 1);
    for (uint32_t i = 0; i < a->ndim; i++)
        shape[i] = exactly((double)a->shape[i]);
    k.shape = shape;
    return k;
}

static void start_entry(gen *g) {
    const llvm_request *r = g->request;
    g->possible = g->expected = r->n_call > 0 && r->n_call == g->f->params.len;
    g->trips = 1;
    if (!g->possible)
        g->work = INFINITY;
    for (uint32_t i = 0; i < g->f->params.len && g->possible; i++)
        g->known[g->f->params.at[i]->id] = known_of_argument(g, &r->call[i], g->f->params.at[i]);
}

static void start_called(gen *g, const gen_fn *f) {
    uint32_t n = g->f->params.len;
    g->possible = f->times > 0;
    g->expected = f->expected;
    g->trips = f->times;
    for (uint32_t i = 0; i < n && f->known; i++)
        g->known[g->f->params.at[i]->id] = f->known[i];
    if (g->f->kind == KIR_FN_REGION && f->known)
        g->known[g->f->begin->id] = g->known[g->f->end->id] = f->known[n];
}

/* At a function's beginning. The module's first is what the call at hand calls. */
void gen_guess_start(gen *g, const gen_fn *f) {
    g->known = arena_array(g->a, gen_known, g->f->next_var + 1);
    for (uint32_t i = 0; i <= g->f->next_var; i++)
        g->known[i] = (gen_known){UNSET, NULL};
    g->undecided = false;
    g->changes = arena_make(g->a, gen_changes);
    if (g->f == g->m->fns.at[0])
        start_entry(g);
    else
        start_called(g, f);
}

/* ---- work ---------------------------------------------------------------------------------------------------------------- */

/* What has one assignment alone has its value wherever it has been assigned. */
static void forget(gen *g, const kir_var *v) {
    bool is_steady = g->assigned_often[v->id] < 2 && !v->is_param;
    set_known(g, v, (gen_known){is_steady ? UNSET : ANYTHING, NULL});
}

static bool forget_assigned(kir_stmt *s, void *context) {
    gen *g = context;
    if (s->var && (s->kind == KIR_ASSIGN || s->kind == KIR_FOR))
        forget(g, s->var);
    for (uint32_t i = 0; i < s->results.len; i++)
        forget(g, s->results.at[i]);
    return true;
}

/* Iterations at most: a step that is no constant may be 1 the next time. */
static double most_trips(const gen *g, const kir_stmt *s, range lo, range hi) {
    int64_t step = 1;
    bool is_known = !s->step || kir_is_const_int(s->step, &step);
    double up = hi.high - lo.low, down = lo.high - hi.low, size = fabs((double)step);
    double distance = !is_known ? fmax(up, down) : step > 0 ? up : down;
    return isnan(distance) ? INFINITY : fmin(fmax(ceil(distance / size), 0), gen_most_trips(g, s));
}

/* ---- rounds of a LOOP ----------------------------------------------------------------------------------------------------
 *
 * loop { if not(i < n and …) { break }; …; i = i + 1; … } goes round n - i times at most, from what i is at its beginning. */

typedef struct rounds {
    const gen *g;
    const kir_stmt *loop;
    const gen_known *start; /* by variable */
    uint32_t reached; /* statements of the body that every round begins: up to the first that may go on with the next */
} rounds;

static bool is_assigned_in(const kir_block *b, uint32_t n, const kir_var *v) {
    for (uint32_t i = 0; i < n; i++)
        if (b->at[i]->kind == KIR_ASSIGN && b->at[i]->var == v)
            return true;
    return false;
}

/* What statement i of the body assigns is v and a positive constant. */
static bool adds_to(const rounds *r, uint32_t i, const kir_var *v) {
    int64_t step = 0;
    const kir_block *body = &r->loop->body;
    const kir_expr *e = body->at[i]->value, *sum = e;
    if (e->kind == KIR_VAR && e->var != v)
        sum = is_assigned_in(body, i, e->var) ? r->g->definitions[e->var->id] : NULL;
    return sum && sum->kind == KIR_BINARY && sum->op == KIR_OP_ADD && sum->args[0]->kind == KIR_VAR &&
           sum->args[0]->var == v && kir_is_const_int(sum->args[1], &step) && step > 0;
}

typedef struct assignments {
    const kir_var *of;
    uint32_t n;
} assignments;

static bool count_assignment(kir_stmt *s, void *context) {
    assignments *a = context;
    a->n += s->var == a->of && (s->kind == KIR_ASSIGN || s->kind == KIR_FOR);
    for (uint32_t i = 0; i < s->results.len; i++)
        a->n += s->results.at[i] == a->of;
    return true;
}

/* Every round adds to it, once. */
static bool counts(const rounds *r, const kir_var *v) {
    assignments a = {v, 0};
    bool adds = false;
    kir_block body = r->loop->body;
    kir_each_stmt(&body, count_assignment, &a);
    for (uint32_t i = 0; i < r->reached; i++)
        adds |= body.at[i]->kind == KIR_ASSIGN && body.at[i]->var == v && adds_to(r, i, v);
    return adds && a.n == 1;
}

static double rounds_below(const rounds *r, const kir_expr *i, const kir_expr *n) {
    range start = i->kind == KIR_VAR ? r->start[i->var->id].value : ANYTHING;
    if (start.low > start.high || !isfinite(start.low) || !counts(r, i->var))
        return INFINITY;
    return fmax(guess(r->g, n).high - start.low + 1, 0);
}

static double rounds_while(const rounds *r, const kir_expr *e, bool held);

static bool is_false_else(const kir_stmt *s, const kir_var *v) {
    const kir_stmt *other = s->kind == KIR_IF && s->orelse.len == 1 ? s->orelse.at[0] : NULL;
    int64_t value = 1;
    return other && other->kind == KIR_ASSIGN && other->var == v && kir_is_const_int(other->value, &value) &&
           value == 0;
}

/* if a { …; v = b } else { v = false }: `a and b`, where b is more than an expression. */
static double rounds_while_flag(const rounds *r, const kir_var *v) {
    double most = INFINITY;
    assignments a = {v, 0};
    kir_block body = r->loop->body;
    kir_each_stmt(&body, count_assignment, &a);
    for (uint32_t i = 0; i < r->reached && a.n == 2; i++)
        if (is_false_else(body.at[i], v))
            most = fmin(most, rounds_while(r, body.at[i]->value, true));
    return most;
}

/* Rounds at most while `e` is `held`. */
static double rounds_while(const rounds *r, const kir_expr *e, bool held) {
    if (e->kind == KIR_VAR && held)
        return rounds_while_flag(r, e->var);
    if (e->kind == KIR_UNARY && e->op == KIR_OP_NOT)
        return rounds_while(r, e->args[0], !held);
    if (e->kind != KIR_BINARY)
        return INFINITY;
    switch (e->op) {
    case KIR_OP_AND:
    case KIR_OP_OR:
        return (e->op == KIR_OP_AND) == held
                   ? fmin(rounds_while(r, e->args[0], held), rounds_while(r, e->args[1], held))
                   : INFINITY;
    case KIR_OP_LT:
    case KIR_OP_LE:
        return held ? rounds_below(r, e->args[0], e->args[1]) : rounds_below(r, e->args[1], e->args[0]);
    case KIR_OP_GT:
    case KIR_OP_GE:
        return held ? rounds_below(r, e->args[1], e->args[0]) : rounds_below(r, e->args[0], e->args[1]);
    default:
        return INFINITY;
    }
}

typedef struct continues {
    const kir_stmt *loop;
    bool found;
} continues;

static bool find_continue(kir_stmt *s, void *context) {
    continues *c = context;
    c->found |= s->kind == KIR_CONTINUE && s->target == c->loop;
    return !c->found;
}

static uint32_t count_reached(const kir_stmt *loop) {
    continues c = {loop, false};
    uint32_t n = 0;
    while (n < loop->body.len && !c.found) {
        kir_block one = {.at = loop->body.at + n++, .len = 1};
        kir_each_stmt(&one, find_continue, &c);
    }
    return n;
}

static double most_rounds(const rounds *r) {
    double most = INFINITY;
    for (uint32_t i = 0; i < r->reached; i++) {
        const kir_stmt *s = r->loop->body.at[i], *leaves = s->body.len == 1 ? s->body.at[0] : NULL;
        if (s->kind == KIR_IF && s->orelse.len == 0 && leaves && leaves->kind == KIR_BREAK && leaves->target == r->loop)
            most = fmin(most, rounds_while(r, s->value, false));
    }
    return most;
}

/* ---- entering loops ------------------------------------------------------------------------------------------------------ */

static void forget_body(gen *g, const kir_stmt *loop) {
    kir_block body = loop->body;
    kir_each_stmt(&body, forget_assigned, g);
}

static double enter_for(gen *g, const kir_stmt *s) {
    range lo = guess(g, s->lo), hi = guess(g, s->hi);
    forget_body(g, s);
    g->known[s->var->id].value = either(lo, (range){hi.low, hi.high - 1});
    return most_trips(g, s, lo, hi);
}

static double enter_endless(gen *g, const kir_stmt *s) {
    gen_known *start = arena_array(g->a, gen_known, g->f->next_var + 1);
    memcpy(start, g->known, sizeof *start * (g->f->next_var + 1));
    forget_body(g, s);
    return most_rounds(&(rounds){g, s, start, count_reached(s)});
}

/* How often its body is passed through from here on. Returns how often the loop is. */
double gen_guess_enter(gen *g, const kir_stmt *s) {
    double before = g->trips;
    if (g->possible)
        g->trips = times(before, s->kind == KIR_FOR ? enter_for(g, s) : enter_endless(g, s));
    return before;
}

void gen_guess_leave(gen *g, double trips) {
    g->trips = trips;
}

/* A statement without those in it. */
void gen_guess_work(gen *g, const kir_stmt *s) {
    if (g->possible)
        g->work += times(g->trips, (double)gen_cost(s));
}
