/* See dependence.h for the idea.
 *
 * Two stages. A cheap look first: if in all accesses to an array some subscript is the same expression c*i + r with
 * c != 0 and r invariant, different iterations touch different elements, and isl is never asked. Most loops end there.
 * Otherwise the pair goes to isl with an operation budget; running out of it means UNKNOWN (BUDGET).
 *
 * What a variable in a subscript stands for
 *   - the iterator of an enclosing loop (L or inside L): a set dimension;
 *   - anything not written in L: a parameter, named by its structure, so that equal expressions are equal parameters;
 *   - a variable with exactly one assignment in L, which dominates the use: its value's expression;
 *   - else: not affine.
 * Arrays that are views (single assignment) are resolved to the array they look into, subscripts composed.
 *
 * What is refused and why: calls (their effects are not known here), reinterpreted or reshaped arrays (the element map
 * is lost), subscripts through loads. Domains are over-approximated where a condition is not affine: that can only add
 * conflicts, and clears `exact`, so that nothing is "proven racy" on such grounds.
 * Coefficients beyond 2^31 are treated as not affine, so that index arithmetic cannot wrap unseen.
 */
#include "passes/dependence.h"
#include "passes/around.h"

#include <isl/aff.h>
#include <isl/constraint.h>
#include <isl/ctx.h>
#include <isl/id.h>
#include <isl/ilp.h>
#include <isl/map.h>
#include <isl/options.h>
#include <isl/point.h>
#include <isl/set.h>
#include <isl/space.h>
#include <isl/val.h>
#include <stdio.h>
#include <string.h>

enum { MAX_DEPTH = 12, MAX_ACCESSES = 400, OPERATIONS_PER_LOOP = 400000, MAX_PIECES = 8, LARGE = 64 };

typedef struct access { /* as found in the walk */
    dep_access what;
    kir_var *root;
    kir_expr **index; /* into root; NULL: unknown elements */
    uint32_t n;
    uint32_t depth; /* loops around it, L included */
    kir_stmt *loops[MAX_DEPTH];
    isl_set *domain;                        /* built on demand */
    isl_map *map;                           /* built on demand: iteration → element */
    bool exact;                             /* the domain is exact */
    uint32_t first_condition, n_conditions; /* of the walk's list */
    uint32_t part;                          /* statement of the analysed loop's body that it stands in */
} access;

typedef struct condition {
    kir_expr *test;
    bool negated;
    bool is_check; /* raises unless it holds: what is behind it runs in every iteration that does not raise */
} condition;

struct dep_session {
    kir_module *m;
    kir_fn *f;
    arena *a;
    isl_ctx *isl;
    var_defs defs;
    VEC(dep_pair) apart; /* known here to share no memory */
    around_facts around; /* what is assumed where the loop starts */
};

typedef struct walk { /* of one loop */
    dep_session *s;
    kir_stmt *loop;
    uint32_t *writes;      /* by variable id: assignments inside the loop */
    kir_expr **value;      /* by variable id: its value as of its only assignment in the loop, when that dominates the
                              current point, with earlier such variables replaced; else NULL */
    VEC(kir_var *) opened; /* variables whose value was set, in order */
    VEC(condition) path;   /* conditions around the current point */
    VEC(condition) kept;   /* all conditions, as accesses refer to them */
    kir_stmt *loops[MAX_DEPTH];
    uint32_t depth;
    uint32_t part;                    /* the statement of the loop's body that is being walked */
    uint32_t dims;                    /* deepest nest of the loop: dimensions of the iteration space */
    uint32_t inexact;                 /* > 0: the current point may not be reached for reasons outside the model */
    const dep_exceptions *exceptions; /* or NULL */
    VEC(dep_element) excepted;
    VEC(access) found;
    VEC(kir_expr *) parameters; /* structure of parameter k */
    const char *trouble;        /* reason code that ends the analysis, or NULL */
    const char *trouble_detail;
    kir_stmt *trouble_at;
} walk;

/* ---- variables and views ------------------------------------------------------------------------------------------- */

static void count_write(kir_var *v, void *context) {
    uint32_t *writes = context;
    writes[v->id]++;
}

static bool count_writes(kir_stmt *s, void *context) {
    vars_written_by(s, count_write, context);
    return true;
}

/* The one assignment of a variable that is not written in the loop at all: usable when what it reads cannot have
 * changed since, that is when its variables are themselves never reassigned. */
static bool is_constant_var(const walk *w, const kir_var *v) {
    return w->s->defs.count[v->id] <= 1;
}

static void note_unstable(kir_var *v, void *context) {
    void **c = context;
    if (!is_constant_var(c[0], v))
        *(bool *)c[1] = false;
}

static kir_expr *outer_value(const walk *w, const kir_var *v) {
    kir_stmt *d = w->s->defs.only[v->id];
    if (!d || v->is_param || d->kind != KIR_ASSIGN)
        return NULL;
    bool stable = true;
    void *c[2] = {(void *)(uintptr_t)w, &stable};
    vars_in_expr(d->value, note_unstable, c);
    return stable ? d->value : NULL;
}

/* Value of a variable as an expression over other variables, or NULL when it has to stand for itself. */
static kir_expr *value_of_var(const walk *w, const kir_var *v) {
    if (w->writes[v->id] == 0)
        return outer_value(w, v);
    return w->value[v->id];
}

static bool is_iterator(const walk *w, const kir_var *v, uint32_t *dim) {
    for (uint32_t k = 0; k < w->depth; k++)
        if (w->loops[k]->var == v && w->writes[v->id] == 1) {
            *dim = k;
            return true;
        }
    return false;
}

static void note_variant(kir_var *v, void *context) {
    void **c = context;
    if (((const walk *)c[0])->writes[v->id])
        *(bool *)c[1] = true;
}

static bool is_invariant(const walk *w, kir_expr *e) {
    bool variant = false;
    void *c[2] = {(void *)(uintptr_t)w, &variant};
    vars_in_expr(e, note_variant, c);
    return !variant;
}

/* Resolves array variable + index to the array that owns the elements. False: which elements is not known. */
static bool resolve(walk *w, kir_var **array, kir_expr ***index, uint32_t *n) {
    kir_module *m = w->s->m;
    for (int steps = 0; steps < 64; steps++) {
        kir_var *v = *array;
        kir_expr *e = value_of_var(w, v);
        if (!e)
            return true;
        if (e->kind == KIR_VAR) {
            *array = e->var;
        } else if (e->kind == KIR_TRANSPOSE) {
            kir_expr **moved = arena_array(w->s->a, kir_expr *, *n + 1);
            for (uint32_t k = 0; k < e->axes.n && k < *n; k++)
                moved[e->axes.at[k]] = (*index)[k];
            *index = moved;
            *array = e->var;
        } else if (e->kind == KIR_VIEW) {
            kir_expr **inner = arena_array(w->s->a, kir_expr *, e->subs.n + 1);
            uint32_t to = 0, from = 0;
            for (uint32_t k = 0; k < e->subs.n; k++) {
                const kir_sub *sub = &e->subs.at[k];
                if (sub->kind == KIR_SUB_INDEX) {
                    inner[to++] = sub->start;
                } else if (sub->kind == KIR_SUB_RANGE) {
                    if (from >= *n)
                        return false;
                    kir_expr *scaled = kir_binary(m, KIR_OP_MUL, kir_copy_expr(m, (*index)[from++], NULL),
                                                  kir_copy_expr(m, sub->step, NULL), e->at);
                    inner[to++] = kir_binary(m, KIR_OP_ADD, kir_copy_expr(m, sub->start, NULL), scaled, e->at);
                } else {
                    from++;
                }
            }
            *index = inner;
            *n = to;
            *array = e->var;
        } else if (e->kind == KIR_RESHAPE || e->kind == KIR_REINTERPRET) {
            *array = e->var;
            *index = NULL;
            return false;
        } else {
            return true; /* ALLOC, GLOBAL: its own root */
        }
    }
    return false;
}

/* ---- the walk --------------------------------------------------------------------------------------------------------- */

static void stop(walk *w, const char *reason, const char *detail, kir_stmt *at) {
    if (w->trouble)
        return;
    w->trouble = reason;
    w->trouble_detail = detail;
    w->trouble_at = at;
}

static bool is_private_alloc(const walk *w, const kir_var *root) {
    const kir_expr *value = w->value[root->id];
    return value && value->kind == KIR_ALLOC;
}

static bool is_among(const kir_stmt *s, kir_stmt *const *list, uint32_t n) {
    for (uint32_t k = 0; k < n; k++)
        if (list[k] == s)
            return true;
    return false;
}

static void note_rewritten(kir_var *v, void *context) {
    void **c = context;
    if (((const walk *)c[0])->writes[v->id] > 1)
        *(bool *)c[1] = true;
}

/* Subscripts that went through a view are repeated where the access is: what they read must still be the same there. */
static bool still_holds(const walk *w, kir_expr *const *index, uint32_t n) {
    bool rewritten = false;
    void *c[2] = {(void *)(uintptr_t)w, &rewritten};
    for (uint32_t k = 0; k < n; k++)
        vars_in_expr(index[k], note_rewritten, c);
    return !rewritten;
}

static void record_excepted(walk *w, const access *x) {
    dep_element e = {x->what.statement, x->root, x->index, x->n};
    if (!x->index || (x->root != x->what.array && !still_holds(w, x->index, x->n)))
        stop(w, "NOT_AFFINE", x->root->name ? x->root->name->text : "an array", x->what.statement);
    else
        vec_push(w->s->a, &w->excepted, e);
}

static void record(walk *w, kir_stmt *s, kir_var *array, kir_expr **index, uint32_t n, bool is_write) {
    if (w->found.len >= MAX_ACCESSES) {
        stop(w, "BUDGET", "too many accesses", s);
        return;
    }
    access x = {
        .what = {s, array, is_write}, .root = array, .index = index, .n = n, .depth = w->depth, .part = w->part};
    if (!resolve(w, &x.root, &x.index, &x.n))
        x.index = NULL;
    if (is_private_alloc(w, x.root))
        return;
    if (w->writes[x.root->id]) {
        stop(w, "ARRAY_REASSIGNED", pass_array_name(w->s->m, &w->s->defs, x.root), s);
        return;
    }
    if (w->exceptions && is_among(s, w->exceptions->except, w->exceptions->n_except)) {
        record_excepted(w, &x);
        return;
    }
    memcpy(x.loops, w->loops, sizeof x.loops);
    x.exact = w->inexact == 0;
    x.first_condition = w->kept.len;
    x.n_conditions = w->path.len;
    for (uint32_t k = 0; k < w->path.len; k++)
        vec_push(w->s->a, &w->kept, w->path.at[k]);
    vec_push(w->s->a, &w->found, x);
}

static kir_expr *substituted(walk *w, kir_expr *e, int depth);

static kir_expr *substituted_view(walk *w, kir_expr *view) {
    kir_expr *copy = arena_make(w->s->a, kir_expr);
    *copy = *view;
    copy->subs.at = arena_array(w->s->a, kir_sub, view->subs.n + 1);
    for (uint32_t k = 0; k < view->subs.n; k++) {
        kir_sub sub = view->subs.at[k];
        if (sub.start)
            sub.start = substituted(w, sub.start, 0);
        if (sub.length)
            sub.length = substituted(w, sub.length, 0);
        if (sub.step)
            sub.step = substituted(w, sub.step, 0);
        copy->subs.at[k] = sub;
    }
    return copy;
}

/* Only integers, conditions and arrays say anything of subscripts; others would make the values grow without use. */
static bool may_be_index(const kir_var *v) {
    return v->ty->kind == TYPE_INT || v->ty->kind == TYPE_BOOL || v->ty->kind == TYPE_ARRAY;
}

/* Snapshots the value of a variable at its only assignment: what it reads may change later. */
static void define(walk *w, kir_stmt *s) {
    if (w->writes[s->var->id] != 1 || s->value->kind == KIR_LOAD || !may_be_index(s->var))
        return;
    w->value[s->var->id] = s->value->kind == KIR_VIEW ? substituted_view(w, s->value) : substituted(w, s->value, 0);
    vec_push(w->s->a, &w->opened, s->var);
}

static void walk_block(walk *w, kir_block *b);

static void walk_arm(walk *w, kir_block *b, kir_expr *test, bool negated) {
    uint32_t length = w->path.len;
    if (test) {
        condition c = {.test = substituted(w, test, 0), .negated = negated};
        vec_push(w->s->a, &w->path, c);
    } else {
        w->inexact++;
    }
    walk_block(w, b);
    w->path.len = length;
    if (!test)
        w->inexact--;
}

static bool note_jump(kir_stmt *s, void *context) {
    bool *found = context;
    *found |= s->kind == KIR_BREAK || s->kind == KIR_CONTINUE || s->kind == KIR_RETURN || s->kind == KIR_RAISE;
    return !*found;
}

static bool note_exit(kir_stmt *s, void *context) {
    bool *found = context;
    *found |= s->kind == KIR_BREAK || s->kind == KIR_RETURN;
    return !*found;
}

static bool has_jump(kir_block *b) {
    bool found = false;
    kir_each_stmt(b, note_jump, &found);
    return found;
}

static bool has_exit(kir_block *b) {
    bool found = false;
    kir_each_stmt(b, note_exit, &found);
    return found;
}

/* What follows an arm that may jump away runs in part of the iterations only. */
static void walk_if(walk *w, kir_stmt *s) {
    if (w->exceptions && is_among(s, w->exceptions->taken, w->exceptions->n_taken)) {
        walk_block(w, &s->body);
        return;
    }
    walk_arm(w, &s->body, s->value, false);
    walk_arm(w, &s->orelse, s->value, true);
    if (has_jump(&s->body) || has_jump(&s->orelse))
        w->inexact++;
}

static void walk_for(walk *w, kir_stmt *s) {
    if (w->depth == MAX_DEPTH) {
        stop(w, "BUDGET", "too deep a nest", s);
        return;
    }
    uint32_t leaves = has_exit(&s->body);
    w->inexact += leaves;
    w->loops[w->depth++] = s;
    if (w->depth > w->dims)
        w->dims = w->depth;
    walk_block(w, &s->body);
    w->depth--;
    w->inexact -= leaves;
}

static void record_indexed(walk *w, kir_stmt *s, kir_var *array, kir_expr *const *index, uint32_t n, bool is_write) {
    kir_expr **own = arena_array(w->s->a, kir_expr *, n + 1);
    for (uint32_t k = 0; k < n; k++)
        own[k] = substituted(w, index[k], 0);
    record(w, s, array, own, n, is_write);
}

static void walk_statement(walk *w, kir_stmt *s) {
    switch (s->kind) {
    case KIR_ASSIGN:
        if (s->value->kind == KIR_LOAD)
            record_indexed(w, s, s->value->var, s->value->args, s->value->n_args, false);
        define(w, s);
        return;
    case KIR_STORE:
        record_indexed(w, s, s->var, s->index.at, s->index.len, true);
        return;
    case KIR_IF:
        walk_if(w, s);
        return;
    case KIR_FOR:
        walk_for(w, s);
        return;
    case KIR_LOOP:
        walk_arm(w, &s->body, NULL, false);
        return;
    case KIR_BLOCK:
        walk_block(w, &s->body);
        return;
    case KIR_BREAK:
    case KIR_CONTINUE:
    case KIR_RETURN:
    case KIR_RAISE:
        w->inexact++; /* what follows may not be reached; cleared at the end of the enclosing block */
        return;
    case KIR_CHECK: {
        condition c = {.test = substituted(w, s->value, 0), .is_check = true};
        vec_push(w->s->a, &w->path, c); /* holds for what follows; undone at the end of the enclosing block */
        return;
    }
    case KIR_RUNTIME:
        stop(w, strncmp(s->name, "plrt_print", 10) == 0 ? "PRINTS" : "CALL", s->name, s);
        return;
    case KIR_CALL:
        stop(w, "CALL", s->fn->user_name ? s->fn->user_name->text : "a function", s);
        return;
    default:
        stop(w, "CALL", "a whole-array operation", s);
    }
}

static void walk_block(walk *w, kir_block *b) {
    uint32_t opened = w->opened.len, path = w->path.len, inexact = w->inexact;
    for (uint32_t k = 0; k < b->len && !w->trouble; k++) {
        w->part = b == &w->loop->body ? k : w->part;
        walk_statement(w, b->at[k]);
    }
    while (w->opened.len > opened)
        w->value[w->opened.at[--w->opened.len]->id] = NULL;
    w->path.len = path;
    w->inexact = inexact;
}

/* Copy of `e` with single-assignment variables of the loop replaced by their values (loads stay: not affine). */
static kir_expr *substituted(walk *w, kir_expr *e, int depth) {
    if (e->ty->kind == TYPE_FLOAT || e->ty->kind == TYPE_COMPLEX)
        return e;
    if (e->kind == KIR_VAR && depth < 12) {
        uint32_t dim;
        if (is_iterator(w, e->var, &dim))
            return e;
        kir_expr *value = value_of_var(w, e->var);
        if (value && value->kind != KIR_LOAD && !kir_is_array(value))
            return substituted(w, value, depth + 1);
        return e;
    }
    bool changed = false;
    kir_expr *args[8];
    if (e->n_args > 8 || e->n_args == 0)
        return e;
    for (uint32_t k = 0; k < e->n_args; k++) {
        args[k] = substituted(w, e->args[k], depth);
        changed |= args[k] != e->args[k];
    }
    if (!changed)
        return e;
    kir_expr *copy = arena_make(w->s->a, kir_expr);
    *copy = *e;
    copy->args = arena_array(w->s->a, kir_expr *, e->n_args);
    memcpy(copy->args, args, sizeof(kir_expr *) * e->n_args);
    return copy;
}

/* ---- the cheap look ------------------------------------------------------------------------------------------------------ */

typedef struct linear { /* coefficient * iterator + rest (invariant terms) + constant */
    int64_t coefficient, constant;
    struct {
        kir_expr *e;
        int64_t times;
    } term[8];
    uint32_t n;
} linear;

static bool is_small(int64_t x) {
    return x > -(INT64_C(1) << 31) && x < (INT64_C(1) << 31);
}

static bool add_term(linear *l, kir_expr *e, int64_t times) {
    for (uint32_t k = 0; k < l->n; k++)
        if (kir_expr_equal(l->term[k].e, e)) {
            l->term[k].times += times;
            return is_small(l->term[k].times);
        }
    if (l->n == 8)
        return false;
    l->term[l->n].e = e;
    l->term[l->n++].times = times;
    return true;
}

static bool is_int64(const kir_expr *e) {
    return e->ty->kind == TYPE_INT && e->ty->bits == 64 && e->ty->is_signed;
}

static bool is_widening(const kir_expr *e) {
    if (e->kind != KIR_CAST || !is_int64(e))
        return false;
    const type *from = e->args[0]->ty;
    return from->kind == TYPE_BOOL || (from->kind == TYPE_INT && (from->bits < 64 || from->is_signed));
}

static bool linearise(const walk *w, kir_expr *e, int64_t times, linear *l) {
    int64_t c;
    if (!is_small(times))
        return false;
    if (kir_is_const_int(e, &c)) {
        if (!is_small(c))
            return false;
        l->constant += c * times;
        return is_small(l->constant);
    }
    if (e->kind == KIR_VAR && e->var == w->loop->var && w->writes[e->var->id] == 1) {
        l->coefficient += times;
        return is_small(l->coefficient);
    }
    if (e->kind == KIR_BINARY && is_int64(e)) {
        if (e->op == KIR_OP_ADD || e->op == KIR_OP_SUB)
            return linearise(w, e->args[0], times, l) &&
                   linearise(w, e->args[1], e->op == KIR_OP_SUB ? -times : times, l);
        if (e->op == KIR_OP_MUL && kir_is_const_int(e->args[1], &c) && is_small(c))
            return linearise(w, e->args[0], times * c, l);
    }
    if (e->kind == KIR_UNARY && e->op == KIR_OP_NEG && is_int64(e))
        return linearise(w, e->args[0], -times, l);
    if (is_widening(e))
        return linearise(w, e->args[0], times, l);
    return is_invariant(w, e) && add_term(l, e, times);
}

static bool same_linear(const linear *a, const linear *b) {
    if (a->coefficient != b->coefficient || a->constant != b->constant)
        return false;
    linear d = *a;
    for (uint32_t k = 0; k < b->n; k++)
        if (!add_term(&d, b->term[k].e, -b->term[k].times))
            return false;
    for (uint32_t k = 0; k < d.n; k++)
        if (d.term[k].times)
            return false;
    return true;
}

/* True when some subscript keeps the iterations apart in all accesses to `root`. */
static bool separated(const walk *w, const kir_var *root) {
    const access *first = NULL;
    for (uint32_t k = 0; k < w->found.len && !first; k++)
        if (w->found.at[k].root == root)
            first = &w->found.at[k];
    if (!first || !first->index)
        return false;
    for (uint32_t axis = 0; axis < first->n; axis++) {
        linear want = {0};
        if (!linearise(w, first->index[axis], 1, &want) || want.coefficient == 0)
            continue;
        bool all = true;
        for (uint32_t k = 0; k < w->found.len && all; k++) {
            const access *x = &w->found.at[k];
            if (x->root != root)
                continue;
            linear got = {0};
            all = x->index && x->n == first->n && linearise(w, x->index[axis], 1, &got) && same_linear(&want, &got);
        }
        if (all)
            return true;
    }
    return false;
}

/* ---- isl ------------------------------------------------------------------------------------------------------------------ */

static isl_space *iteration_space(const walk *w) {
    return isl_space_set_alloc(w->s->isl, 0, w->dims);
}

static isl_pw_aff *constant(const walk *w, int64_t x) {
    isl_local_space *ls = isl_local_space_from_space(iteration_space(w));
    return isl_pw_aff_from_aff(isl_aff_val_on_domain(ls, isl_val_int_from_si(w->s->isl, (long)x)));
}

static isl_pw_aff *parameter(walk *w, kir_expr *e) {
    uint32_t k = 0;
    while (k < w->parameters.len && !kir_expr_equal(w->parameters.at[k], e))
        k++;
    if (k == w->parameters.len)
        vec_push(w->s->a, &w->parameters, e);
    char name[16];
    snprintf(name, sizeof name, "p%u", k);
    isl_id *id = isl_id_alloc(w->s->isl, name, NULL);
    isl_space *space = isl_space_add_param_id(iteration_space(w), isl_id_copy(id));
    isl_pw_aff *p = isl_pw_aff_from_aff(isl_aff_param_on_domain_space_id(space, id));
    return p;
}

static isl_pw_aff *affine(walk *w, kir_expr *e, const access *x);
static isl_set *affine_condition(walk *w, kir_expr *e, const access *x);

static isl_pw_aff *affine_binary(walk *w, kir_expr *e, const access *x) {
    int64_t c;
    bool by_constant = kir_is_const_int(e->args[1], &c) && is_small(c);
    isl_pw_aff *a, *b;
    switch (e->op) {
    case KIR_OP_FLOORDIV:
    case KIR_OP_MOD:
        if (!by_constant || c <= 0 || !(a = affine(w, e->args[0], x)))
            return NULL;
        {
            isl_val *v = isl_val_int_from_si(w->s->isl, (long)c);
            if (e->op == KIR_OP_MOD)
                return isl_pw_aff_mod_val(a, v);
            return isl_pw_aff_floor(isl_pw_aff_scale_down_val(a, v));
        }
    case KIR_OP_MUL:
        if (!by_constant || !(a = affine(w, e->args[0], x)))
            return NULL;
        return isl_pw_aff_scale_val(a, isl_val_int_from_si(w->s->isl, (long)c));
    case KIR_OP_SHL:
        if (!by_constant || c < 0 || c > 30 || !(a = affine(w, e->args[0], x)))
            return NULL;
        return isl_pw_aff_scale_val(a, isl_val_int_from_si(w->s->isl, 1L << c));
    case KIR_OP_ADD:
    case KIR_OP_SUB:
    case KIR_OP_MIN:
    case KIR_OP_MAX:
    case KIR_OP_NPMIN:
    case KIR_OP_NPMAX:
        break;
    default:
        return NULL;
    }
    a = affine(w, e->args[0], x);
    b = a ? affine(w, e->args[1], x) : NULL;
    if (!b) {
        isl_pw_aff_free(a);
        return NULL;
    }
    if (e->op == KIR_OP_ADD)
        return isl_pw_aff_add(a, b);
    if (e->op == KIR_OP_SUB)
        return isl_pw_aff_sub(a, b);
    return e->op == KIR_OP_MIN || e->op == KIR_OP_NPMIN ? isl_pw_aff_min(a, b) : isl_pw_aff_max(a, b);
}

static isl_pw_aff *choose(walk *w, isl_set *test, kir_expr *yes, kir_expr *no, const access *x) {
    isl_pw_aff *a = test ? affine(w, yes, x) : NULL, *b = a ? affine(w, no, x) : NULL;
    if (!b) {
        isl_set_free(test);
        isl_pw_aff_free(a);
        return NULL;
    }
    return isl_pw_aff_cond(isl_set_indicator_function(test), a, b);
}

/* `e` as a piecewise affine function of the iterators of access x, or NULL. */
static isl_pw_aff *affine(walk *w, kir_expr *e, const access *x) {
    int64_t c;
    if (kir_is_const_int(e, &c))
        return is_small(c) ? constant(w, c) : NULL;
    if (e->ty->kind == TYPE_BOOL || e->ty->kind != TYPE_INT)
        return NULL;
    if (e->kind == KIR_VAR)
        for (uint32_t k = 0; k < x->depth; k++)
            if (x->loops[k]->var == e->var && w->writes[e->var->id] == 1) {
                isl_local_space *ls = isl_local_space_from_space(iteration_space(w));
                return isl_pw_aff_from_aff(isl_aff_var_on_domain(ls, isl_dim_set, k));
            }
    isl_pw_aff *result = NULL;
    if (is_int64(e)) {
        if (e->kind == KIR_BINARY) {
            result = affine_binary(w, e, x);
        } else if (e->kind == KIR_UNARY && e->op == KIR_OP_NEG) {
            isl_pw_aff *a = affine(w, e->args[0], x);
            result = a ? isl_pw_aff_neg(a) : NULL;
        } else if (is_widening(e) && e->args[0]->ty->kind == TYPE_INT) {
            result = affine(w, e->args[0], x);
        } else if (e->kind == KIR_SELECT) {
            result = choose(w, affine_condition(w, e->args[0], x), e->args[1], e->args[2], x);
        } else if (e->kind == KIR_WRAP) {
            isl_pw_aff *i = affine(w, e->args[0], x), *n = i ? affine(w, e->args[1], x) : NULL;
            if (n) {
                isl_set *negative = isl_pw_aff_lt_set(isl_pw_aff_copy(i), constant(w, 0));
                isl_pw_aff *wrapped = isl_pw_aff_add(isl_pw_aff_copy(i), n);
                return isl_pw_aff_cond(isl_set_indicator_function(negative), wrapped, i);
            }
            isl_pw_aff_free(i);
            return NULL;
        }
    }
    if (!result && is_invariant(w, e))
        result = parameter(w, e);
    return result;
}

static isl_set *compare(walk *w, kir_expr *e, const access *x) {
    if (e->args[0]->ty->kind != TYPE_INT || !is_int64(e->args[0]))
        return NULL;
    isl_pw_aff *a = affine(w, e->args[0], x), *b = a ? affine(w, e->args[1], x) : NULL;
    if (!b) {
        isl_pw_aff_free(a);
        return NULL;
    }
    switch (e->op) {
    case KIR_OP_EQ:
        return isl_pw_aff_eq_set(a, b);
    case KIR_OP_NE:
        return isl_pw_aff_ne_set(a, b);
    case KIR_OP_LT:
        return isl_pw_aff_lt_set(a, b);
    case KIR_OP_LE:
        return isl_pw_aff_le_set(a, b);
    case KIR_OP_GT:
        return isl_pw_aff_gt_set(a, b);
    case KIR_OP_GE:
        return isl_pw_aff_ge_set(a, b);
    default:
        isl_pw_aff_free(a);
        isl_pw_aff_free(b);
        return NULL;
    }
}

static isl_set *affine_condition(walk *w, kir_expr *e, const access *x) {
    if (e->ty->kind != TYPE_BOOL)
        return NULL;
    if (e->kind == KIR_CONST)
        return e->value.i ? isl_set_universe(iteration_space(w)) : isl_set_empty(iteration_space(w));
    if (e->kind == KIR_UNARY && e->op == KIR_OP_NOT) {
        isl_set *a = affine_condition(w, e->args[0], x);
        return a ? isl_set_complement(a) : NULL;
    }
    if (e->kind != KIR_BINARY)
        return NULL;
    if (e->op == KIR_OP_AND || e->op == KIR_OP_OR) {
        isl_set *a = affine_condition(w, e->args[0], x), *b = a ? affine_condition(w, e->args[1], x) : NULL;
        if (!b) {
            isl_set_free(a);
            return NULL;
        }
        return e->op == KIR_OP_AND ? isl_set_intersect(a, b) : isl_set_union(a, b);
    }
    return compare(w, e, x);
}

/* Conjuncts that are affine are used even when others are not: that only over-approximates. So does leaving out one that is
 * a union of many pieces (the negation of a long test), which every later operation would multiply with. */
static isl_set *constrain(walk *w, isl_set *domain, kir_expr *test, bool negated, access *x) {
    bool splits = test->kind == KIR_BINARY && test->op == (negated ? KIR_OP_OR : KIR_OP_AND);
    if (splits && test->ty->kind == TYPE_BOOL) {
        domain = constrain(w, domain, test->args[0], negated, x);
        return constrain(w, domain, test->args[1], negated, x);
    }
    isl_set *holds = affine_condition(w, test, x);
    if (!holds) {
        x->exact = false;
        return domain;
    }
    holds = isl_set_coalesce(negated ? isl_set_complement(holds) : holds);
    if (isl_set_n_basic_set(holds) > MAX_PIECES) {
        isl_set_free(holds);
        x->exact = false;
        return domain;
    }
    return isl_set_intersect(domain, holds);
}

/* A loop whose step is not known runs upwards from lo to below hi, or downwards. Takes all; ends may be NULL. */
static isl_set *between(isl_set *domain, isl_pw_aff *i, isl_pw_aff *lo, isl_pw_aff *hi) {
    if (lo && hi) {
        isl_set *up = isl_pw_aff_ge_set(isl_pw_aff_copy(i), isl_pw_aff_copy(lo));
        up = isl_set_intersect(up, isl_pw_aff_lt_set(isl_pw_aff_copy(i), isl_pw_aff_copy(hi)));
        isl_set *down = isl_pw_aff_le_set(isl_pw_aff_copy(i), isl_pw_aff_copy(lo));
        down = isl_set_intersect(down, isl_pw_aff_gt_set(isl_pw_aff_copy(i), isl_pw_aff_copy(hi)));
        domain = isl_set_intersect(domain, isl_set_union(up, down));
    }
    isl_pw_aff_free(lo);
    isl_pw_aff_free(hi);
    isl_pw_aff_free(i);
    return domain;
}

static isl_set *loop_domain(walk *w, isl_set *domain, kir_stmt *loop, uint32_t dim, access *x) {
    access bounds = *x;
    bounds.depth = dim; /* bounds see the outer iterators only */
    int64_t step;
    isl_local_space *ls = isl_local_space_from_space(iteration_space(w));
    isl_pw_aff *i = isl_pw_aff_from_aff(isl_aff_var_on_domain(ls, isl_dim_set, dim));
    kir_expr *lo_value = substituted(w, loop->lo, 0), *hi_value = substituted(w, loop->hi, 0);
    isl_pw_aff *lo = affine(w, lo_value, &bounds), *hi = affine(w, hi_value, &bounds);
    if (!kir_is_const_int(loop->step, &step) || !is_small(step) || step == 0) {
        x->exact = false;
        return between(domain, i, lo, hi);
    }
    if (lo) {
        isl_set *from = step > 0 ? isl_pw_aff_ge_set(isl_pw_aff_copy(i), isl_pw_aff_copy(lo))
                                 : isl_pw_aff_le_set(isl_pw_aff_copy(i), isl_pw_aff_copy(lo));
        domain = isl_set_intersect(domain, from);
    }
    if (hi) {
        isl_set *to = step > 0 ? isl_pw_aff_lt_set(isl_pw_aff_copy(i), isl_pw_aff_copy(hi))
                               : isl_pw_aff_gt_set(isl_pw_aff_copy(i), isl_pw_aff_copy(hi));
        domain = isl_set_intersect(domain, to);
    }
    if (lo && step != 1 && step != -1) {
        isl_val *v = isl_val_int_from_si(w->s->isl, (long)(step < 0 ? -step : step));
        isl_pw_aff *phase = isl_pw_aff_mod_val(isl_pw_aff_sub(isl_pw_aff_copy(i), isl_pw_aff_copy(lo)), v);
        domain = isl_set_intersect(domain, isl_pw_aff_eq_set(phase, constant(w, 0)));
    }
    x->exact = x->exact && lo && hi;
    isl_pw_aff_free(lo);
    isl_pw_aff_free(hi);
    isl_pw_aff_free(i);
    return domain;
}

static void build_domain(walk *w, access *x) {
    isl_set *domain = isl_set_universe(iteration_space(w));
    for (uint32_t k = 0; k < x->depth; k++)
        domain = loop_domain(w, domain, x->loops[k], k, x);
    for (uint32_t k = 0; k < x->n_conditions; k++) {
        const condition *c = &w->kept.at[x->first_condition + k];
        bool exact = x->exact;
        domain = constrain(w, domain, c->test, c->negated, x);
        x->exact = c->is_check ? exact : x->exact;
    }
    x->domain = domain;
}

/* iteration → element; NULL when some subscript is not affine. */
static bool build_map(walk *w, access *x) {
    if (x->map)
        return true;
    if (!x->index)
        return false;
    if (!x->domain)
        build_domain(w, x);
    isl_space *space = isl_space_set_alloc(w->s->isl, 0, x->n);
    isl_pw_aff_list *list = isl_pw_aff_list_alloc(w->s->isl, (int)x->n);
    for (uint32_t k = 0; k < x->n; k++) {
        isl_pw_aff *p = affine(w, x->index[k], x);
        if (!p) {
            isl_pw_aff_list_free(list);
            isl_space_free(space);
            return false;
        }
        list = isl_pw_aff_list_add(list, p);
    }
    isl_space *whole = isl_space_map_from_domain_and_range(iteration_space(w), space);
    isl_map *map = isl_map_from_multi_pw_aff(isl_multi_pw_aff_from_pw_aff_list(whole, list));
    x->map = isl_map_intersect_domain(map, isl_set_copy(x->domain));
    return x->map != NULL;
}

/* { d → d' : same element, d0 != d0' } */
static isl_map *conflict(walk *w, const access *a, const access *b) {
    isl_map *same = isl_map_apply_range(isl_map_copy(a->map), isl_map_reverse(isl_map_copy(b->map)));
    isl_space *space = isl_space_map_from_set(iteration_space(w));
    isl_local_space *ls = isl_local_space_from_space(isl_space_copy(space));
    isl_constraint *less = isl_constraint_alloc_inequality(isl_local_space_copy(ls));
    less = isl_constraint_set_coefficient_si(less, isl_dim_in, 0, -1);
    less = isl_constraint_set_coefficient_si(less, isl_dim_out, 0, 1);
    less = isl_constraint_set_constant_si(less, -1);
    isl_constraint *more = isl_constraint_alloc_inequality(ls);
    more = isl_constraint_set_coefficient_si(more, isl_dim_in, 0, 1);
    more = isl_constraint_set_coefficient_si(more, isl_dim_out, 0, -1);
    more = isl_constraint_set_constant_si(more, -1);
    isl_map *below = isl_map_add_constraint(isl_map_universe(isl_space_copy(space)), less);
    isl_map *above = isl_map_add_constraint(isl_map_universe(space), more);
    return isl_map_intersect(same, isl_map_union(below, above));
}

static bool over_budget(dep_session *s) {
    return isl_ctx_last_error(s->isl) != isl_error_none;
}

/* ---- carried: witness, distance, proof ----------------------------------------------------------------------------------------- */

static int64_t point_value(isl_point *p, enum isl_dim_type dims, int pos) {
    isl_val *v = isl_point_get_coordinate_val(p, dims, pos);
    int64_t x = v && isl_val_is_int(v) == isl_bool_true ? isl_val_get_num_si(v) : 0;
    isl_val_free(v);
    return x;
}

static const char *name_of(const walk *w, const kir_var *v) {
    return pass_array_name(w->s->m, &w->s->defs, v);
}

static const char *iterator_name(const walk *w) {
    return w->loop->var->name ? w->loop->var->name->text : "iteration";
}

/* Two iterations and the element, for parameters and extents as small as isl happens to choose. */
static const char *describe(walk *w, const access *a, isl_map *relation) {
    isl_set *pairs = isl_map_wrap(isl_map_copy(relation));
    isl_point *p = isl_set_sample_point(pairs);
    if (!p || isl_point_is_void(p) != isl_bool_false) {
        isl_point_free(p);
        return NULL;
    }
    int64_t first = point_value(p, isl_dim_set, 0), second = point_value(p, isl_dim_set, (int)w->dims);
    isl_set *params = isl_set_params(isl_set_from_point(p));
    isl_map *here = isl_map_intersect_params(isl_map_copy(a->map), params);
    isl_set *at = isl_set_fix_si(isl_set_universe(iteration_space(w)), isl_dim_set, 0, (int)first);
    isl_point *element = isl_set_sample_point(isl_map_range(isl_map_intersect_domain(here, at)));
    text out = text_new(w->s->a);
    text_printf(&out, "iterations %s = %lld and %s = %lld both touch %s%s[", iterator_name(w), (long long)first,
                iterator_name(w), (long long)second, name_of(w, a->root), a->root->name ? "" : ", element ");
    for (uint32_t k = 0; k < a->n; k++)
        text_printf(&out, "%s%lld", k ? ", " : "",
                    (long long)(element ? point_value(element, isl_dim_set, (int)k) : 0));
    text_put(&out, "]");
    isl_point_free(element);
    return out.at;
}

static const char *distance(walk *w, isl_map *relation) {
    isl_set *deltas = isl_map_deltas(isl_map_copy(relation));
    deltas = isl_set_project_out(deltas, isl_dim_set, 1, w->dims - 1);
    deltas = isl_set_lower_bound_si(deltas, isl_dim_set, 0, 1);
    isl_aff *first = isl_aff_var_on_domain(isl_local_space_from_space(isl_set_get_space(deltas)), isl_dim_set, 0);
    isl_val *least = isl_set_min_val(deltas, first), *most = isl_set_max_val(deltas, first);
    isl_aff_free(first);
    isl_set_free(deltas);
    const char *out = NULL;
    if (least && isl_val_is_int(least) == isl_bool_true) {
        long x = isl_val_get_num_si(least);
        bool one = most && isl_val_eq(least, most) == isl_bool_true;
        out = arena_printf(w->s->a, one ? "%ld" : "at least %ld", x);
    }
    isl_val_free(least);
    isl_val_free(most);
    return out;
}

/* Parameters for which the trip count of the analysed loop is large; `everything`: all extents and the trip counts of all
 * loops around the access. */
static isl_set *large(walk *w, access *x, bool everything) {
    isl_set *big = isl_set_universe(iteration_space(w));
    for (uint32_t k = 0; everything && k < w->parameters.len; k++)
        if (w->parameters.at[k]->kind == KIR_DIM)
            big = isl_set_intersect(big, isl_pw_aff_ge_set(parameter(w, w->parameters.at[k]), constant(w, LARGE)));
    for (uint32_t k = 0; k < (everything ? x->depth : 1); k++) {
        int64_t step;
        kir_stmt *loop = x->loops[k];
        if (!kir_is_const_int(loop->step, &step) || !is_small(step))
            continue;
        access outside = *x;
        outside.depth = 0;
        isl_pw_aff *lo = affine(w, substituted(w, loop->lo, 0), &outside);
        isl_pw_aff *hi = affine(w, substituted(w, loop->hi, 0), &outside);
        if (lo && hi) {
            isl_pw_aff *trips = step > 0 ? isl_pw_aff_sub(hi, lo) : isl_pw_aff_sub(lo, hi);
            isl_set *enough = isl_pw_aff_ge_set(trips, constant(w, LARGE * (step < 0 ? -step : step)));
            isl_set *fixed = isl_set_params(isl_set_copy(enough));
            bool possible = isl_set_is_empty(fixed) == isl_bool_false;
            isl_set_free(fixed);
            if (possible)
                big = isl_set_intersect(big, enough);
            else
                isl_set_free(enough); /* a constant, small trip count */
        } else {
            isl_pw_aff_free(lo);
            isl_pw_aff_free(hi);
        }
    }
    return isl_set_params(big);
}

/* Parameters for which both accesses happen at all and the loops are large. When a check holds some extent at a small
 * number (a row of three), only the analysed loop has to be large. */
static isl_set *large_and_reached(walk *w, access *a, access *b, bool everything) {
    isl_set *reached = isl_set_params(isl_set_copy(a->domain));
    reached = isl_set_intersect(reached, isl_set_params(isl_set_copy(b->domain)));
    return isl_set_intersect(reached, isl_set_intersect(large(w, a, everything), large(w, b, everything)));
}

static bool always(walk *w, access *a, access *b, isl_map *relation) {
    if (!a->exact || !b->exact)
        return false;
    isl_set *happens = isl_map_params(isl_map_copy(relation));
    isl_set *big = large_and_reached(w, a, b, true);
    if (isl_set_is_empty(big) == isl_bool_true) {
        isl_set_free(big);
        big = large_and_reached(w, a, b, false);
    }
    bool yes = isl_set_is_empty(big) == isl_bool_false && isl_set_is_subset(big, happens) == isl_bool_true;
    isl_set_free(big);
    isl_set_free(happens);
    return yes;
}

/* ---- arrays that may share memory ------------------------------------------------------------------------------------------------ */

typedef enum origin { ORIGIN_UNKNOWN, ORIGIN_PARAM, ORIGIN_FRESH, ORIGIN_GLOBAL } origin;

static origin origin_of(const walk *w, const kir_var *v) {
    if (w->s->defs.count[v->id] > 1)
        return ORIGIN_UNKNOWN;
    if (v->is_param)
        return ORIGIN_PARAM;
    kir_stmt *d = w->s->defs.only[v->id];
    if (!d)
        return ORIGIN_UNKNOWN;
    return d->value->kind == KIR_ALLOC ? ORIGIN_FRESH : d->value->kind == KIR_GLOBAL ? ORIGIN_GLOBAL : ORIGIN_UNKNOWN;
}

static bool are_apart(const dep_session *s, const kir_var *a, const kir_var *b) {
    for (uint32_t k = 0; k < s->apart.len; k++) {
        const dep_pair *p = &s->apart.at[k];
        if ((p->a == a && p->b == b) || (p->a == b && p->b == a))
            return true;
    }
    return false;
}

static bool may_share(const walk *w, const kir_var *a, const kir_var *b) {
    if (are_apart(w->s, a, b))
        return false;
    origin x = origin_of(w, a), y = origin_of(w, b);
    if (x == ORIGIN_UNKNOWN || y == ORIGIN_UNKNOWN)
        return true;
    return x == ORIGIN_PARAM && y == ORIGIN_PARAM;
}

static void add_pair(walk *w, dep_verdict *v, kir_var *a, kir_var *b, bool same_ok) {
    for (uint32_t k = 0; k < v->pairs.len; k++) {
        dep_pair *p = &v->pairs.at[k];
        if ((p->a == a && p->b == b) || (p->a == b && p->b == a)) {
            p->same_ok = p->same_ok && same_ok;
            return;
        }
    }
    dep_pair p = {a, b, same_ok};
    vec_push(w->s->a, &v->pairs, p);
}

static bool linear_same(const walk *w, const access *x, const access *y) {
    if (!x->index || !y->index || x->n != y->n)
        return false;
    for (uint32_t k = 0; k < x->n; k++) {
        linear a = {0}, b = {0};
        if (linearise(w, x->index[k], 1, &a) && linearise(w, y->index[k], 1, &b) && a.coefficient &&
            same_linear(&a, &b))
            return true;
    }
    return false;
}

/* Would the verdict hold if the two roots were the same view? Only asked of the cheap look. */
static bool same_view_is_fine(const walk *w, const kir_var *a, const kir_var *b) {
    if (a->ty != b->ty)
        return false;
    for (uint32_t i = 0; i < w->found.len; i++)
        for (uint32_t j = 0; j < w->found.len; j++) {
            const access *x = &w->found.at[i], *y = &w->found.at[j];
            if (x->root != a || y->root != b || (!x->what.is_write && !y->what.is_write))
                continue;
            if (!linear_same(w, x, y))
                return false;
        }
    return true;
}

static void add_injective(walk *w, dep_verdict *v, kir_var *root) {
    if (root->ty->layout != LAYOUT_A || origin_of(w, root) == ORIGIN_FRESH)
        return;
    for (uint32_t k = 0; k < v->injective.len; k++)
        if (v->injective.at[k] == root)
            return;
    vec_push(w->s->a, &v->injective, root);
}

/* Excepted arrays are alone with their memory. */
static void list_excepted(walk *w, dep_verdict *v) {
    for (uint32_t i = 0; i < w->excepted.len; i++) {
        kir_var *root = w->excepted.at[i].root;
        add_injective(w, v, root);
        for (uint32_t k = 0; k < w->found.len; k++)
            if (may_share(w, root, w->found.at[k].root))
                add_pair(w, v, root, w->found.at[k].root, false);
        for (uint32_t k = 0; k < i; k++)
            if (w->excepted.at[k].root != root && may_share(w, root, w->excepted.at[k].root))
                add_pair(w, v, root, w->excepted.at[k].root, false);
    }
}

/* What has to hold for the write x and the access y to be what their subscripts say. */
static void assume(walk *w, dep_verdict *v, const access *x, const access *y) {
    add_injective(w, v, x->root);
    if (y->root != x->root && may_share(w, x->root, y->root))
        add_pair(w, v, x->root, y->root, same_view_is_fine(w, x->root, y->root));
}

static void list_assumptions(walk *w, dep_verdict *v) {
    list_excepted(w, v);
    for (uint32_t i = 0; i < w->found.len; i++)
        for (uint32_t j = 0; j < w->found.len; j++)
            if (w->found.at[i].what.is_write)
                assume(w, v, &w->found.at[i], &w->found.at[j]);
}

/* ---- the verdict ------------------------------------------------------------------------------------------------------------------- */

static dep_verdict unknown(const char *reason, const char *detail, const access *a, const access *b) {
    dep_verdict v = {.class = KIR_CLASS_UNKNOWN, .reason = reason, .detail = detail};
    if (a)
        v.first = a->what;
    if (b)
        v.second = b->what;
    return v;
}

/* Extents are not negative. */
static isl_set *possible_extents(walk *w) {
    isl_set *set = isl_set_universe(iteration_space(w));
    for (uint32_t k = 0; k < w->parameters.len; k++)
        if (w->parameters.at[k]->kind == KIR_DIM)
            set = isl_set_intersect(set, isl_pw_aff_nonneg_set(parameter(w, w->parameters.at[k])));
    return isl_set_params(set);
}

/* What isl says of one pair. Returns true when the verdict is settled (not independent). */
static bool judge(walk *w, access *a, access *b, dep_verdict *v) {
    bool mapped = build_map(w, a) && build_map(w, b);
    if (over_budget(w->s)) {
        *v = unknown("BUDGET", name_of(w, a->root), a, b);
        return true;
    }
    if (!mapped || a->n != b->n) {
        *v = unknown("NOT_AFFINE", name_of(w, a->root), a, b);
        return true;
    }
    isl_map *relation = isl_map_intersect_params(conflict(w, a, b), possible_extents(w));
    isl_bool empty = isl_map_is_empty(relation);
    if (empty == isl_bool_true) {
        isl_map_free(relation);
        return false;
    }
    if (empty == isl_bool_error) {
        isl_map_free(relation);
        *v = unknown("BUDGET", name_of(w, a->root), a, b);
        return true;
    }
    dep_verdict carried = {.class = KIR_CLASS_CARRIED, .reason = "CARRIED", .detail = name_of(w, a->root)};
    carried.first = a->what;
    carried.second = b->what;
    carried.distance = distance(w, relation);
    carried.proven = always(w, a, b, relation);
    carried.witness = describe(w, a, relation);
    isl_map_free(relation);
    isl_ctx_reset_error(w->s->isl);
    if (v->class != KIR_CLASS_CARRIED || carried.proven)
        *v = carried;
    return carried.proven || w->loop->loop->kind != KIR_LOOP_PRANGE; /* prange: look on for a proven one */
}

static bool was_judged(const walk *w, uint32_t i) {
    for (uint32_t k = 0; k < i; k++)
        if (w->found.at[k].root == w->found.at[i].root)
            return true;
    return false;
}

static bool has_write(const walk *w, const kir_var *root) {
    for (uint32_t k = 0; k < w->found.len; k++)
        if (w->found.at[k].root == root && w->found.at[k].what.is_write)
            return true;
    return false;
}

static bool judge_root(walk *w, const kir_var *root, dep_verdict *v) {
    for (uint32_t i = 0; i < w->found.len; i++) {
        access *a = &w->found.at[i];
        if (a->root != root || !a->what.is_write)
            continue;
        for (uint32_t j = 0; j < w->found.len; j++) {
            access *b = &w->found.at[j];
            if (b->root != root || (b->what.is_write && j < i))
                continue;
            if (judge(w, a, b, v))
                return true;
        }
    }
    return v->class != KIR_CLASS_INDEPENDENT;
}

static void free_walk(walk *w) {
    for (uint32_t k = 0; k < w->found.len; k++) {
        isl_set_free(w->found.at[k].domain);
        isl_map_free(w->found.at[k].map);
    }
}

static walk open_walk(dep_session *s, kir_stmt *loop, const dep_exceptions *exceptions) {
    walk w = {.s = s, .loop = loop, .exceptions = exceptions};
    for (uint32_t k = 0; k < s->around.len; k++) {
        condition c = {.test = s->around.at[k].test, .negated = s->around.at[k].negated, .is_check = true};
        vec_push(s->a, &w.path, c);
    }
    w.writes = arena_array(s->a, uint32_t, s->f->next_var + 1);
    w.value = arena_array(s->a, kir_expr *, s->f->next_var + 1);
    w.writes[loop->var->id]++;
    kir_each_stmt(&loop->body, count_writes, w.writes);
    walk_for(&w, loop);
    w.depth = 1; /* the loop itself, for what is asked of its bounds */
    return w;
}

/* ---- skewing ------------------------------------------------------------------------------------------------------- */

enum { SKEW_MAX = 4 };

static isl_constraint *at_least_one(isl_space *space, int64_t c0, int64_t c1) {
    isl_constraint *c = isl_constraint_alloc_inequality(isl_local_space_from_space(isl_space_copy(space)));
    c = isl_constraint_set_coefficient_si(c, isl_dim_set, 0, (int)c0);
    c = isl_constraint_set_coefficient_si(c, isl_dim_set, 1, (int)c1);
    return isl_constraint_set_constant_si(c, -1);
}

/* Is there a dependence with distance d (d0 >= 1 in direction `way`) that runs against the skew? */
static bool runs_against(walk *w, isl_set *deltas, int64_t way, int64_t d0, int64_t d1, int64_t skew) {
    isl_space *space = iteration_space(w);
    isl_set *bad = isl_set_copy(deltas);
    bad = isl_set_add_constraint(bad, at_least_one(space, way * d0, 0));
    bad = isl_set_add_constraint(bad, at_least_one(space, -way * skew * d0, -way * d1));
    isl_space_free(space);
    isl_bool empty = isl_set_is_empty(bad);
    isl_set_free(bad);
    return empty != isl_bool_true;
}

static bool pair_allows(walk *w, access *a, access *b, int64_t d0, int64_t d1, int64_t skew) {
    if (!build_map(w, a) || !build_map(w, b) || a->n != b->n)
        return false;
    isl_map *same = isl_map_apply_range(isl_map_copy(a->map), isl_map_reverse(isl_map_copy(b->map)));
    isl_set *deltas = isl_map_deltas(same);
    bool against = runs_against(w, deltas, 1, d0, d1, skew) || runs_against(w, deltas, -1, d0, d1, skew);
    isl_set_free(deltas);
    return !against && isl_ctx_last_error(w->s->isl) == isl_error_none;
}

static bool skew_works(walk *w, int64_t d0, int64_t d1, int64_t skew) {
    for (uint32_t i = 0; i < w->found.len; i++)
        for (uint32_t j = 0; j < w->found.len; j++) {
            access *a = &w->found.at[i], *b = &w->found.at[j];
            if (a->root == b->root && a->what.is_write && !pair_allows(w, a, b, d0, d1, skew))
                return false;
        }
    return true;
}

int dep_skew(dep_session *s, kir_stmt *outer, dep_verdict *assumed) {
    int64_t d0 = 0, d1 = 0;
    kir_stmt *inner = outer->body.len == 1 ? outer->body.at[0] : NULL;
    if (!inner || inner->kind != KIR_FOR || !kir_is_const_int(outer->step, &d0) ||
        !kir_is_const_int(inner->step, &d1) || (d0 != 1 && d0 != -1) || (d1 != 1 && d1 != -1))
        return -1;
    walk w = open_walk(s, outer, NULL);
    int found = -1;
    isl_ctx_reset_error(s->isl);
    isl_ctx_reset_operations(s->isl);
    isl_ctx_set_max_operations(s->isl, OPERATIONS_PER_LOOP);
    for (int skew = 0; skew <= SKEW_MAX && found < 0 && !w.trouble && w.dims >= 2; skew++)
        if (skew_works(&w, d0, d1, skew))
            found = skew;
    *assumed = (dep_verdict){.class = KIR_CLASS_INDEPENDENT};
    if (found >= 0)
        list_assumptions(&w, assumed);
    isl_ctx_reset_error(s->isl);
    isl_ctx_set_max_operations(s->isl, 0);
    free_walk(&w);
    return found;
}

/* ---- two loops as one ------------------------------------------------------------------------------------------------ */

static bool is_cross(const access *x, const access *y, uint32_t split) {
    return (x->part < split) != (y->part < split) && (x->what.is_write || y->what.is_write);
}

/* May an element be touched by one part in one iteration and by the other part in a different one? */
static bool root_crosses(walk *w, const kir_var *root, uint32_t split) {
    dep_verdict v = {.class = KIR_CLASS_INDEPENDENT};
    for (uint32_t i = 0; i < w->found.len; i++)
        for (uint32_t j = i + 1; j < w->found.len; j++) {
            access *x = &w->found.at[i], *y = &w->found.at[j];
            if (x->root != root || y->root != root || !is_cross(x, y, split) || linear_same(w, x, y))
                continue;
            if (judge(w, x, y, &v) || v.class != KIR_CLASS_INDEPENDENT)
                return true;
        }
    return false;
}

static void list_cross_assumptions(walk *w, uint32_t split, dep_verdict *v) {
    for (uint32_t i = 0; i < w->found.len; i++)
        for (uint32_t j = 0; j < w->found.len; j++) {
            const access *x = &w->found.at[i], *y = &w->found.at[j];
            if (x->what.is_write && is_cross(x, y, split))
                assume(w, v, x, y);
        }
}

dep_verdict dep_parts(dep_session *s, kir_stmt *loop, uint32_t split) {
    walk w = open_walk(s, loop, NULL);
    dep_verdict v = {.class = KIR_CLASS_INDEPENDENT};
    if (w.trouble || w.writes[loop->var->id] != 1)
        return unknown(w.trouble ? w.trouble : "ITERATOR_ASSIGNED", w.trouble_detail, NULL, NULL);
    isl_ctx_reset_error(s->isl);
    isl_ctx_reset_operations(s->isl);
    isl_ctx_set_max_operations(s->isl, OPERATIONS_PER_LOOP);
    for (uint32_t i = 0; i < w.found.len && v.class == KIR_CLASS_INDEPENDENT; i++) {
        kir_var *root = w.found.at[i].root;
        if (!was_judged(&w, i) && has_write(&w, root) && !separated(&w, root) && root_crosses(&w, root, split))
            v = unknown("CARRIED", name_of(&w, root), NULL, NULL);
    }
    if (v.class == KIR_CLASS_INDEPENDENT)
        list_cross_assumptions(&w, split, &v);
    isl_ctx_reset_error(s->isl);
    isl_ctx_set_max_operations(s->isl, 0);
    free_walk(&w);
    return v;
}

/* ---- statements of a loop's body --------------------------------------------------------------------------------------- */

/* May x touch an element in an earlier iteration (way > 0; < 0: later) than y does? */
static bool meets(walk *w, access *x, access *y, int64_t way) {
    isl_map *same = isl_map_apply_range(isl_map_copy(x->map), isl_map_reverse(isl_map_copy(y->map)));
    isl_space *space = isl_space_map_from_set(iteration_space(w));
    isl_constraint *c = isl_constraint_alloc_inequality(isl_local_space_from_space(space));
    c = isl_constraint_set_coefficient_si(c, isl_dim_in, 0, way > 0 ? -1 : 1);
    c = isl_constraint_set_coefficient_si(c, isl_dim_out, 0, way > 0 ? 1 : -1);
    c = isl_constraint_set_constant_si(c, -1);
    same = isl_map_add_constraint(same, c);
    isl_bool empty = isl_map_is_empty(same);
    isl_map_free(same);
    return empty != isl_bool_true;
}

static void add_edges(walk *w, access *x, access *y, int64_t step, dep_edges *e) {
    uint32_t a = x->part, b = y->part;
    if (a != b)
        e->same[a < b ? a : b] |= UINT32_C(1) << (a < b ? b : a);
    if (linear_same(w, x, y))
        return;
    bool known = (e->carried[a] >> b & 1) && (e->carried[b] >> a & 1);
    if (known)
        return;
    bool mapped = !over_budget(w->s) && build_map(w, x) && build_map(w, y) && x->n == y->n;
    if (!mapped || meets(w, x, y, step))
        e->carried[a] |= UINT32_C(1) << b;
    if (!mapped || meets(w, x, y, -step))
        e->carried[b] |= UINT32_C(1) << a;
}

bool dep_statements(dep_session *s, kir_stmt *loop, dep_edges *e, dep_verdict *assumed) {
    *e = (dep_edges){0};
    int64_t step;
    walk w = open_walk(s, loop, NULL);
    if (w.trouble || w.writes[loop->var->id] != 1 || loop->body.len > 32 || !kir_is_const_int(loop->step, &step))
        return false;
    isl_ctx_reset_error(s->isl);
    isl_ctx_reset_operations(s->isl);
    isl_ctx_set_max_operations(s->isl, OPERATIONS_PER_LOOP / 4);
    for (uint32_t i = 0; i < w.found.len; i++)
        for (uint32_t j = i; j < w.found.len; j++) {
            access *x = &w.found.at[i], *y = &w.found.at[j];
            if (x->root == y->root && (x->what.is_write || y->what.is_write))
                add_edges(&w, x, y, step, e);
        }
    *assumed = (dep_verdict){.class = KIR_CLASS_INDEPENDENT};
    list_assumptions(&w, assumed);
    isl_ctx_reset_error(s->isl);
    isl_ctx_set_max_operations(s->isl, 0);
    free_walk(&w);
    return true;
}

/* ---- arrays that iterations do not share --------------------------------------------------------------------------------- */

/* { d → element : the write touches it in an iteration that agrees with d in the loops around both } */
static isl_map *written_before(walk *w, const access *write, const access *read) {
    isl_space *space = isl_space_map_from_set(iteration_space(w));
    isl_map *same = isl_map_universe(space);
    for (uint32_t k = 0; k < write->depth && k < read->depth && write->loops[k] == read->loops[k]; k++)
        same = isl_map_equate(same, isl_dim_in, (int)k, isl_dim_out, (int)k);
    return isl_map_apply_range(same, isl_map_copy(write->map));
}

/* Is every element that the access at `r` reads written before, in the same iteration of the loop? */
static bool is_covered(walk *w, uint32_t r) {
    access *read = &w->found.at[r];
    if (!build_map(w, read))
        return false;
    isl_map *written = isl_map_empty(isl_map_get_space(read->map));
    for (uint32_t i = 0; i < r; i++) {
        access *x = &w->found.at[i];
        if (x->root == read->root && x->what.is_write && x->n == read->n && build_map(w, x) && x->exact)
            written = isl_map_union(written, written_before(w, x, read));
    }
    isl_bool covered = isl_map_is_subset(read->map, written);
    isl_map_free(written);
    return covered == isl_bool_true;
}

static bool is_private_root(walk *w, const kir_var *root) {
    if (origin_of(w, root) != ORIGIN_FRESH)
        return false;
    for (uint32_t i = 0; i < w->found.len; i++)
        if (w->found.at[i].root == root && !w->found.at[i].what.is_write && !is_covered(w, i))
            return false;
    return true;
}

bool dep_is_private(dep_session *s, kir_stmt *loop, const kir_var *array) {
    walk w = open_walk(s, loop, NULL);
    dep_verdict v = {.class = KIR_CLASS_INDEPENDENT};
    bool yes = !w.trouble && w.writes[loop->var->id] == 1 && w.writes[array->id] == 0;
    isl_ctx_reset_error(s->isl);
    isl_ctx_reset_operations(s->isl);
    isl_ctx_set_max_operations(s->isl, OPERATIONS_PER_LOOP);
    yes = yes && is_private_root(&w, array);
    for (uint32_t i = 0; i < w.found.len && yes; i++) {
        const kir_var *root = w.found.at[i].root;
        if (root != array && !was_judged(&w, i) && has_write(&w, root) && !separated(&w, root))
            yes = is_private_root(&w, root) || !judge_root(&w, root, &v);
    }
    isl_ctx_reset_error(s->isl);
    isl_ctx_set_max_operations(s->isl, 0);
    free_walk(&w);
    return yes;
}

/* ---- one loop ------------------------------------------------------------------------------------------------------ */

/* What holds around the loop is asked for only when iterations seem to meet: most loops need none of it. */
dep_verdict dep_analyse(dep_session *s, kir_stmt *loop) {
    dep_verdict v = dep_analyse_except(s, loop, NULL, NULL, NULL);
    if (v.class != KIR_CLASS_CARRIED || v.proven)
        return v;
    s->around = around_loop(s->a, s->f, &s->defs, loop);
    dep_verdict informed = s->around.len ? dep_analyse_except(s, loop, NULL, NULL, NULL) : v;
    s->around.len = 0;
    return informed.class == KIR_CLASS_UNKNOWN ? v : informed;
}

static const access *touches_excepted(const walk *w) {
    for (uint32_t i = 0; i < w->excepted.len; i++)
        for (uint32_t k = 0; k < w->found.len; k++)
            if (w->found.at[k].root == w->excepted.at[i].root)
                return &w->found.at[k];
    return NULL;
}

dep_verdict dep_analyse_except(dep_session *s, kir_stmt *loop, const dep_exceptions *exceptions,
                               const dep_element **elements, uint32_t *n_elements) {
    walk w = open_walk(s, loop, exceptions);
    dep_verdict v = {.class = KIR_CLASS_INDEPENDENT};
    if (elements) {
        *elements = w.excepted.at;
        *n_elements = w.excepted.len;
    }
    const access *touching = touches_excepted(&w);
    if (touching)
        return unknown("UPDATES", name_of(&w, touching->root), touching, NULL);
    if (w.trouble) {
        v = unknown(w.trouble, w.trouble_detail, NULL, NULL);
        v.first.statement = w.trouble_at;
        return v;
    }
    if (w.writes[loop->var->id] != 1)
        return unknown("ITERATOR_ASSIGNED", name_of(&w, loop->var), NULL, NULL);
    isl_ctx_reset_error(s->isl);
    isl_ctx_reset_operations(s->isl);
    isl_ctx_set_max_operations(s->isl, OPERATIONS_PER_LOOP);
    for (uint32_t i = 0; i < w.found.len; i++) {
        kir_var *root = w.found.at[i].root;
        if (was_judged(&w, i) || !has_write(&w, root) || separated(&w, root))
            continue;
        if (judge_root(&w, root, &v))
            break;
    }
    if (v.class == KIR_CLASS_INDEPENDENT)
        list_assumptions(&w, &v);
    isl_ctx_reset_error(s->isl);
    isl_ctx_set_max_operations(s->isl, 0);
    free_walk(&w);
    return v;
}

/* ---- whole nests --------------------------------------------------------------------------------------------------- */

struct dep_nest {
    walk w;
    dep_site *sites;
};

static bool map_all(walk *w) {
    for (uint32_t i = 0; i < w->found.len; i++) {
        access *x = &w->found.at[i];
        bool mapped = build_map(w, x);
        if (over_budget(w->s) || (!mapped && has_write(w, x->root)))
            return false;
    }
    return true;
}

void dep_nest_close(dep_nest *n) {
    isl_ctx_reset_error(n->w.s->isl);
    isl_ctx_set_max_operations(n->w.s->isl, 0);
    free_walk(&n->w);
}

dep_nest *dep_nest_open(dep_session *s, kir_stmt *loop, uint32_t operations) {
    dep_nest *n = arena_make(s->a, dep_nest);
    n->w = open_walk(s, loop, NULL);
    isl_ctx_reset_error(s->isl);
    isl_ctx_reset_operations(s->isl);
    isl_ctx_set_max_operations(s->isl, operations);
    if (n->w.trouble || !map_all(&n->w)) {
        dep_nest_close(n);
        return NULL;
    }
    n->sites = arena_array(s->a, dep_site, n->w.found.len + 1);
    for (uint32_t i = 0; i < n->w.found.len; i++) {
        const access *x = &n->w.found.at[i];
        n->sites[i] = (dep_site){x->what.statement, x->root, x->what.is_write, x->depth, x->map};
    }
    return n;
}

isl_ctx *dep_nest_isl(dep_nest *n) {
    return n->w.s->isl;
}

const dep_site *dep_nest_sites(const dep_nest *n, uint32_t *count) {
    *count = n->w.found.len;
    return n->sites;
}

isl_set *dep_nest_domain(dep_nest *n, kir_stmt *const *at, uint32_t depth) {
    access x = {.depth = depth, .exact = true};
    if (depth > MAX_DEPTH)
        return NULL;
    memcpy(x.loops, at, depth * sizeof *at);
    build_domain(&n->w, &x);
    if (!x.exact || over_budget(n->w.s)) {
        isl_set_free(x.domain);
        return NULL;
    }
    return x.domain;
}

kir_expr *dep_nest_parameter(const dep_nest *n, uint32_t k) {
    return k < n->w.parameters.len ? n->w.parameters.at[k] : NULL;
}

kir_expr *dep_nest_condition(dep_nest *n, span at) {
    dep_verdict v = {.class = KIR_CLASS_INDEPENDENT};
    list_assumptions(&n->w, &v);
    for (uint32_t k = 0; k < v.pairs.len; k++)
        v.pairs.at[k].same_ok = false;
    return dep_condition(n->w.s->m, &v, at);
}

void dep_assume_apart(dep_session *s, const kir_var *a, const kir_var *b) {
    dep_pair p = {(kir_var *)(uintptr_t)a, (kir_var *)(uintptr_t)b, false};
    vec_push(s->a, &s->apart, p);
}

uint32_t dep_known_apart(const dep_session *s) {
    return s->apart.len;
}

void dep_forget(dep_session *s, uint32_t known) {
    s->apart.len = known;
}

dep_session *dep_open(kir_module *m, kir_fn *f, arena *a) {
    dep_session *s = arena_make(a, dep_session);
    *s = (dep_session){.m = m, .f = f, .a = a};
    s->isl = isl_ctx_alloc();
    isl_options_set_on_error(s->isl, ISL_ON_ERROR_CONTINUE);
    s->defs = vars_defs(a, f);
    return s;
}

void dep_close(dep_session *s) {
    isl_ctx_free(s->isl);
}
