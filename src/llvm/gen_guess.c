/* Guesses which way the call takes that a compile is for.
 *
 * A kernel is compiled when it is called, and what that call is given is known: extents and integers. So tests of sizes
 * and estimates of work can be computed here, and the asides (gen_aside.c) that the call is about to need are compiled
 * beside the rest instead of after it. Nothing else follows from a guess: the code is the same whatever is guessed, and
 * where a guess is wrong the time of one aside is lost.
 *
 * What is known of variables is kept while statements are generated: values that come from loops and from the runtime are
 * not, and statements that the call does not come to change nothing. Numbers are doubles, NaN is "not known". Of a
 * conjunction one false term decides. Arrays are taken to be apart. */
#include "plait/runtime.h"
#include "llvm/gen.h"

#include <math.h>

struct gen_known { /* of a variable */
    double value;
    const double *shape; /* array; NULL: nothing is */
};

static double guess(const gen *g, const kir_expr *e);

static double guess_extent(const gen *g, const kir_var *v, int32_t axis) {
    const double *shape = g->known[v->id].shape;
    return shape ? shape[axis] : NAN;
}

/* One term that decides, else the other. */
static double guess_logic(double a, double b, double decides) {
    if (a == decides || b == decides)
        return decides;
    return isnan(a) || isnan(b) ? NAN : 1 - decides;
}

static double guess_binary(const kir_expr *e, double a, double b) {
    bool logic = e->ty->kind == TYPE_BOOL;
    if (logic && (e->op == KIR_OP_AND || e->op == KIR_OP_OR))
        return guess_logic(a, b, e->op == KIR_OP_OR);
    if (isnan(a) || isnan(b))
        return NAN;
    switch (e->op) {
    case KIR_OP_ADD:
        return a + b;
    case KIR_OP_SUB:
        return a - b;
    case KIR_OP_MUL:
        return a * b;
    case KIR_OP_DIV:
        return a / b;
    case KIR_OP_FLOORDIV:
        return floor(a / b);
    case KIR_OP_TRUNCDIV:
        return trunc(a / b);
    case KIR_OP_MIN:
        return b < a ? b : a;
    case KIR_OP_MAX:
        return b > a ? b : a;
    case KIR_OP_EQ:
        return a == b;
    case KIR_OP_NE:
        return a != b;
    case KIR_OP_LT:
        return a < b;
    case KIR_OP_LE:
        return a <= b;
    case KIR_OP_GT:
        return a > b;
    case KIR_OP_GE:
        return a >= b;
    default:
        return NAN;
    }
}

static double guess_args(const gen *g, const kir_expr *e) {
    double x[3] = {NAN, NAN, NAN};
    for (uint32_t i = 0; i < e->n_args && i < 3; i++)
        x[i] = guess(g, e->args[i]);
    switch (e->kind) {
    case KIR_BINARY:
        return guess_binary(e, x[0], x[1]);
    case KIR_UNARY:
        return e->op == KIR_OP_NEG ? -x[0] : e->op == KIR_OP_NOT ? 1 - x[0] : NAN;
    case KIR_SELECT:
        return isnan(x[0]) ? NAN : x[0] != 0 ? x[1] : x[2];
    case KIR_CAST:
        return e->ty->kind == TYPE_INT ? trunc(x[0]) : e->ty->kind == TYPE_FLOAT ? x[0] : NAN;
    case KIR_WRAP:
        return x[0] < 0 ? x[0] + x[1] : x[0];
    default:
        return NAN;
    }
}

static double guess(const gen *g, const kir_expr *e) {
    switch (e->kind) {
    case KIR_CONST:
        return e->ty->kind == TYPE_FLOAT ? e->value.f : e->ty->kind == TYPE_COMPLEX ? NAN : (double)e->value.i;
    case KIR_VAR:
        return g->known[e->var->id].value;
    case KIR_DIM:
        return guess_extent(g, e->var, e->axis);
    case KIR_OVERLAP:
        return 0;
    default:
        return guess_args(g, e);
    }
}

gen_guess gen_guess_not(gen_guess x) {
    return x == GEN_TRUE ? GEN_FALSE : x == GEN_FALSE ? GEN_TRUE : GEN_UNKNOWN;
}

gen_guess gen_guess_of(const gen *g, const kir_expr *e) {
    double x = g->expected ? guess(g, e) : NAN;
    return isnan(x) ? GEN_UNKNOWN : x != 0 ? GEN_TRUE : GEN_FALSE;
}

gen_guess gen_guess_less(const gen *g, const kir_expr *e, double limit) {
    double x = g->expected ? guess(g, e) : NAN;
    return isnan(x) ? GEN_UNKNOWN : x < limit ? GEN_TRUE : GEN_FALSE;
}

/* ---- what is known ------------------------------------------------------------------------------------------------------ */

static const double *shape_of_view(const gen *g, const kir_expr *e) {
    double *shape = arena_array(g->a, double, e->ty->ndim + 1);
    uint32_t n = 0;
    for (uint32_t i = 0; i < e->subs.n; i++)
        if (e->subs.at[i].kind != KIR_SUB_INDEX)
            shape[n++] = e->subs.at[i].kind == KIR_SUB_RANGE ? guess(g, e->subs.at[i].length) : 1;
    return n == e->ty->ndim ? shape : NULL;
}

static const double *shape_of_new(const gen *g, const kir_expr *e) {
    double *shape = arena_array(g->a, double, e->ty->ndim + 1);
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
    const double *shape = e->kind == KIR_VAR    ? g->known[e->var->id].shape
                          : is_new              ? shape_of_new(g, e)
                          : e->kind == KIR_VIEW ? shape_of_view(g, e)
                                                : NULL;
    return (gen_known){NAN, shape};
}

void gen_guess_assigned(gen *g, const kir_stmt *s) {
    if (g->expected)
        g->known[s->var->id] = gen_is_looped(g) ? (gen_known){NAN, NULL} : known_of(g, s->value);
}

/* A CALL or REGION: what is passed. */
void gen_guess_called(gen *g, const kir_stmt *s) {
    gen_fn *called = gen_fn_of(g, s->fn);
    if (!g->expected)
        return;
    called->expected = true;
    called->known = arena_array(g->a, gen_known, s->index.len + 1);
    for (uint32_t i = 0; i < s->index.len; i++)
        called->known[i] = known_of(g, s->index.at[i]);
}

static gen_known known_of_argument(const gen *g, const llvm_argument *a, const kir_var *v) {
    gen_known k = {a->is_int ? (double)a->value : NAN, NULL};
    if (v->ty->kind != TYPE_ARRAY || a->ndim != v->ty->ndim)
        return k;
    double *shape = arena_array(g->a, double, a->ndim + 1);
    for (uint32_t i = 0; i < a->ndim; i++)
        shape[i] = (double)a->shape[i];
    k.shape = shape;
    return k;
}

/* At a function's beginning. The module's first is what the call at hand calls. */
void gen_guess_start(gen *g, const gen_fn *f) {
    const llvm_request *r = g->request;
    bool first = g->f == g->m->fns.at[0];
    g->known = arena_array(g->a, gen_known, g->f->next_var + 1);
    for (uint32_t i = 0; i <= g->f->next_var; i++)
        g->known[i].value = NAN;
    g->expected = first ? r->n_call > 0 && r->n_call == g->f->params.len : f->expected;
    for (uint32_t i = 0; i < g->f->params.len && g->expected; i++) {
        const kir_var *v = g->f->params.at[i];
        if (first)
            g->known[v->id] = known_of_argument(g, &r->call[i], v);
        else if (f->known)
            g->known[v->id] = f->known[i];
    }
}
