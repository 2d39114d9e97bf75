/* See access.h. Arrays that are views (single assignment) are resolved to the array they look into, subscripts composed.
 * What is refused and why: calls (their effects are not known here), reinterpreted or reshaped arrays (the element map is
 * lost). Where control flow is not modelled the domain is over-approximated, which clears `exact`. */
#include "passes/access.h"

#include <isl/map.h>
#include <isl/set.h>
#include <string.h>

enum { MAX_ACCESSES = 400 };

/* ---- variables and views ------------------------------------------------------------------------------------------- */

/* The one assignment of a variable that is not written in the loop at all: usable when what it reads cannot have
 * changed since, that is when its variables are themselves never reassigned. */
static bool is_constant_var(const access_walk *w, const kir_var *v) {
    return w->s->defs.count[v->id] <= 1;
}

static void note_unstable(kir_var *v, void *context) {
    void **c = context;
    if (!is_constant_var(c[0], v))
        *(bool *)c[1] = false;
}

static kir_expr *outer_value(const access_walk *w, const kir_var *v) {
    kir_stmt *d = w->s->defs.only[v->id];
    if (!d || v->is_param || d->kind != KIR_ASSIGN)
        return NULL;
    bool stable = true;
    void *c[2] = {(void *)(uintptr_t)w, &stable};
    vars_in_expr(d->value, note_unstable, c);
    return stable ? d->value : NULL;
}

/* Value of a variable as an expression over other variables, or NULL when it has to stand for itself. */
static kir_expr *value_of_var(const access_walk *w, const kir_var *v) {
    if (w->writes[v->id] == 0)
        return outer_value(w, v);
    return w->value[v->id];
}

static bool is_iterator(const access_walk *w, const kir_var *v, uint32_t *dim) {
    for (uint32_t k = 0; k < w->depth; k++)
        if (w->loops[k]->var == v && w->writes[v->id] == 1) {
            *dim = k;
            return true;
        }
    return false;
}

static void note_variant(kir_var *v, void *context) {
    void **c = context;
    if (((const access_walk *)c[0])->writes[v->id])
        *(bool *)c[1] = true;
}

bool access_is_invariant(const access_walk *w, kir_expr *e) {
    bool variant = false;
    void *c[2] = {(void *)(uintptr_t)w, &variant};
    vars_in_expr(e, note_variant, c);
    return !variant;
}

/* A reshaped array that was made before the loop stands for itself: its elements are those of another one, each once, but
 * which is not affine. */
static bool is_reshaped(const access_walk *w, const kir_var *v) {
    const kir_expr *e = w->writes[v->id] == 0 ? outer_value(w, v) : NULL;
    return e && e->kind == KIR_RESHAPE;
}

/* Resolves array variable + index to the array that owns the elements. A subscript that is an array stands for any element
 * along its axis. False: which elements is not known. */
static bool resolve(access_walk *w, kir_var **array, kir_expr ***index, uint32_t *n) {
    kir_module *m = w->s->m;
    for (int steps = 0; steps < 64; steps++) {
        kir_var *v = *array;
        kir_expr *e = value_of_var(w, v);
        if (!e || is_reshaped(w, v))
            return true;
        if (e->kind == KIR_RESHAPE) { /* made in the loop: any element of what it shows */
            *n = (uint32_t)e->var->ty->ndim;
            *index = arena_array(w->s->a, kir_expr *, *n + 1);
            for (uint32_t k = 0; k < *n; k++)
                (*index)[k] = kir_ref(m, v, e->at);
            *array = e->var;
            continue;
        }
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
                    if (kir_is_array((*index)[from])) {
                        inner[to++] = (*index)[from++];
                        continue;
                    }
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
        } else if (e->kind == KIR_REINTERPRET) {
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

static void stop(access_walk *w, const char *reason, const char *detail, kir_stmt *at) {
    if (w->trouble)
        return;
    w->trouble = reason;
    w->trouble_detail = detail;
    w->trouble_at = at;
}

static bool is_private_alloc(const access_walk *w, const kir_var *root) {
    const kir_expr *value = w->value[root->id];
    return value && value->kind == KIR_ALLOC;
}

static bool is_among(const kir_stmt *s, kir_stmt *const *list, uint32_t n) {
    for (uint32_t k = 0; k < n; k++)
        if (list[k] == s)
            return true;
    return false;
}

static void note_written_again(kir_var *v, void *context) {
    void **c = context;
    if (((const access_walk *)c[0])->writes[v->id] > 1)
        *(bool *)c[1] = true;
}

/* Subscripts that went through a view are repeated where the access is: what they read must still be the same there. */
static bool still_holds(const access_walk *w, kir_expr *const *index, uint32_t n) {
    bool rewritten = false;
    void *c[2] = {(void *)(uintptr_t)w, &rewritten};
    for (uint32_t k = 0; k < n; k++) {
        rewritten |= kir_is_array(index[k]);
        vars_in_expr(index[k], note_written_again, c);
    }
    return !rewritten;
}

static void record_excepted(access_walk *w, const access *x) {
    dep_element e = {x->what.statement, x->root, x->index, x->n};
    if (!x->index || (x->root != x->what.array && !still_holds(w, x->index, x->n)))
        stop(w, "NOT_AFFINE", access_name_of(w, x->root), x->what.statement);
    else
        vec_push(w->s->a, &w->excepted, e);
}

static void record(access_walk *w, kir_stmt *s, kir_var *array, kir_expr **index, uint32_t n, bool is_write) {
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

kir_expr *access_substituted(access_walk *w, kir_expr *e, int depth);

static kir_expr *substituted_view(access_walk *w, kir_expr *view) {
    kir_expr *copy = arena_make(w->s->a, kir_expr);
    *copy = *view;
    copy->subs.at = arena_array(w->s->a, kir_sub, view->subs.n + 1);
    for (uint32_t k = 0; k < view->subs.n; k++) {
        kir_sub sub = view->subs.at[k];
        if (sub.start)
            sub.start = access_substituted(w, sub.start, 0);
        if (sub.length)
            sub.length = access_substituted(w, sub.length, 0);
        if (sub.step)
            sub.step = access_substituted(w, sub.step, 0);
        copy->subs.at[k] = sub;
    }
    return copy;
}

/* Only integers, conditions and arrays say anything of subscripts; others would make the values grow without use. */
static bool may_be_index(const kir_var *v) {
    return v->ty->kind == TYPE_INT || v->ty->kind == TYPE_BOOL || v->ty->kind == TYPE_ARRAY;
}

enum { MOST_NODES = 500 };

/* What is left of so many nodes after those of `e`. */
static int less_nodes(const kir_expr *e, int left) {
    left--;
    for (uint32_t k = 0; k < e->n_args && left >= 0; k++)
        left = less_nodes(e->args[k], left);
    return left;
}

/* Snapshots the value of a variable at an assignment: what it reads may change later. It holds in the rest of the block,
 * up to a statement in which the variable is written again (forget_written). Values of values of values grow
 * exponentially; what has got so large says nothing that could be proven. */
static void define(access_walk *w, kir_stmt *s) {
    kir_var *v = s->var;
    kir_expr *value = NULL;
    if (s->value->kind != KIR_LOAD && may_be_index(v) && (w->writes[v->id] == 1 || !kir_is_array(s->value)))
        value = s->value->kind == KIR_VIEW ? substituted_view(w, s->value) : access_substituted(w, s->value, 0);
    if (value && less_nodes(value, MOST_NODES) < 0)
        value = NULL;
    w->value[v->id] = value && (kir_is_array(value) || still_holds(w, &value, 1)) ? value : NULL;
    vec_push(w->s->a, &w->opened, v);
}

static void forget(kir_var *v, void *context) {
    access_walk *w = context;
    if (w->writes[v->id] > 1)
        w->value[v->id] = NULL;
}

static bool forget_variables(kir_stmt *s, void *context) {
    vars_written_by(s, forget, context);
    return true;
}

/* Before a statement that may run in part, or again and again: what it writes is not known in it, nor behind it. */
static void forget_written(access_walk *w, kir_stmt *s) {
    kir_block single = {.at = &s, .len = 1, .cap = 1};
    if (s->kind != KIR_ASSIGN && s->kind != KIR_STORE)
        kir_each_stmt(&single, forget_variables, w);
}

static void walk_block(access_walk *w, kir_block *b);

static void walk_arm(access_walk *w, kir_block *b, kir_expr *test, bool negated) {
    uint32_t length = w->path.len;
    if (test) {
        access_condition c = {.test = access_substituted(w, test, 0), .negated = negated};
        vec_push(w->s->a, &w->path, c);
    } else {
        w->inexact++;
    }
    walk_block(w, b);
    w->path.len = length;
    if (!test)
        w->inexact--;
}

typedef struct jumps { /* that leave a block */
    kir_block *block;
    bool exits, continues, raises;
} jumps;

static bool find_target(kir_stmt *s, void *context) {
    void **c = context;
    *(bool *)c[1] |= s == c[0];
    return true;
}

static bool stays_inside(const jumps *j, kir_stmt *target) {
    bool inside = false;
    kir_each_stmt(j->block, find_target, (void *[]){target, &inside});
    return inside;
}

static bool note_jump(kir_stmt *s, void *context) {
    jumps *j = context;
    j->exits |= s->kind == KIR_RETURN || (s->kind == KIR_BREAK && !stays_inside(j, s->target));
    j->continues |= s->kind == KIR_CONTINUE && !stays_inside(j, s->target);
    j->raises |= s->kind == KIR_RAISE;
    return true;
}

static jumps jumps_from(kir_block *b) {
    jumps j = {.block = b};
    kir_each_stmt(b, note_jump, &j);
    return j;
}

/* What follows an arm that may jump away runs in part of the iterations only. */
static void walk_if(access_walk *w, kir_stmt *s) {
    if (w->exceptions && is_among(s, w->exceptions->taken, w->exceptions->n_taken)) {
        walk_block(w, &s->body);
        return;
    }
    walk_arm(w, &s->body, s->value, false);
    walk_arm(w, &s->orelse, s->value, true);
    jumps yes = jumps_from(&s->body), no = jumps_from(&s->orelse);
    w->inexact += yes.exits || yes.continues || yes.raises || no.exits || no.continues || no.raises;
}

static void walk_for(access_walk *w, kir_stmt *s) {
    if (w->depth == ACCESS_MAX_DEPTH) {
        stop(w, "BUDGET", "too deep a nest", s);
        return;
    }
    access_bounds ends = {s, access_substituted(w, s->lo, 0), access_substituted(w, s->hi, 0)};
    vec_push(w->s->a, &w->bounds, ends);
    uint32_t leaves = jumps_from(&s->body).exits;
    w->inexact += leaves;
    w->loops[w->depth++] = s;
    if (w->depth > w->dims)
        w->dims = w->depth;
    walk_block(w, &s->body);
    w->depth--;
    w->inexact -= leaves;
}

static void record_indexed(access_walk *w, kir_stmt *s, kir_var *array, kir_expr *const *index, uint32_t n,
                           bool is_write) {
    kir_expr **own = arena_array(w->s->a, kir_expr *, n + 1);
    for (uint32_t k = 0; k < n; k++)
        own[k] = access_substituted(w, index[k], 0);
    record(w, s, array, own, n, is_write);
}

static void walk_statement(access_walk *w, kir_stmt *s) {
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
        access_condition c = {.test = access_substituted(w, s->value, 0), .is_check = true};
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

/* What follows a loop out of which one may jump further is not always reached. */
static bool jumps_beyond(kir_stmt *s) {
    kir_block single = {.at = &s, .len = 1, .cap = 1};
    if (s->kind != KIR_FOR && s->kind != KIR_LOOP && s->kind != KIR_BLOCK)
        return false;
    jumps j = jumps_from(&single);
    return j.exits || j.continues;
}

static void walk_block(access_walk *w, kir_block *b) {
    uint32_t opened = w->opened.len, path = w->path.len, inexact = w->inexact;
    for (uint32_t k = 0; k < b->len && !w->trouble; k++) {
        w->part = b == &w->loop->body ? k : w->part;
        forget_written(w, b->at[k]);
        walk_statement(w, b->at[k]);
        w->inexact += jumps_beyond(b->at[k]);
    }
    while (w->opened.len > opened)
        w->value[w->opened.at[--w->opened.len]->id] = NULL;
    w->path.len = path;
    w->inexact = inexact;
}

/* Copy of `e` with single-assignment variables of the loop replaced by their values (loads stay: not affine). */
kir_expr *access_substituted(access_walk *w, kir_expr *e, int depth) {
    if (e->ty->kind == TYPE_FLOAT || e->ty->kind == TYPE_COMPLEX)
        return e;
    if (e->kind == KIR_VAR && depth < 12) {
        uint32_t dim;
        if (is_iterator(w, e->var, &dim))
            return e;
        kir_expr *value = value_of_var(w, e->var);
        if (value && value->kind != KIR_LOAD && !kir_is_array(value))
            return access_substituted(w, value, depth + 1);
        return e;
    }
    bool changed = false;
    kir_expr *args[8];
    if (e->n_args > 8 || e->n_args == 0)
        return e;
    for (uint32_t k = 0; k < e->n_args; k++) {
        args[k] = access_substituted(w, e->args[k], depth);
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

access_bounds access_ends(access_walk *w, const kir_stmt *loop) {
    for (uint32_t k = 0; k < w->bounds.len; k++)
        if (w->bounds.at[k].loop == loop)
            return w->bounds.at[k];
    return (access_bounds){loop, access_substituted(w, loop->lo, 0), access_substituted(w, loop->hi, 0)};
}

void access_require(access_walk *w, kir_expr *test) {
    if (test->kind == KIR_CONST && test->value.i)
        return;
    for (uint32_t k = 0; k < w->require.len; k++)
        if (kir_expr_equal(w->require.at[k], test))
            return;
    vec_push(w->s->a, &w->require, test);
}

const char *access_name_of(const access_walk *w, const kir_var *v) {
    return pass_array_name(w->s->m, &w->s->defs, v);
}

void access_close(access_walk *w) {
    for (uint32_t k = 0; k < w->found.len; k++) {
        isl_set_free(w->found.at[k].domain);
        isl_map_free(w->found.at[k].map);
    }
}

/* The array whose memory `v` shows, as far as that is known. */
kir_var *access_owner(const access_walk *w, kir_var *v) {
    for (int steps = 0; steps < 64; steps++) {
        const kir_expr *e = w->writes[v->id] ? NULL : outer_value(w, v);
        bool shows = e && (e->kind == KIR_VAR || e->kind == KIR_TRANSPOSE || e->kind == KIR_VIEW ||
                           e->kind == KIR_RESHAPE || e->kind == KIR_REINTERPRET);
        if (!shows)
            break;
        v = e->var;
    }
    return v;
}

/* Is the owner of `root` also accessed as another array? */
static bool has_other_shape(const access_walk *w, kir_var *root) {
    kir_var *owner = access_owner(w, root);
    for (uint32_t k = 0; k < w->found.len; k++)
        if (w->found.at[k].root != root && access_owner(w, w->found.at[k].root) == owner)
            return true;
    return false;
}

/* Of an array that is seen in two shapes it is not known which elements are touched. */
static void give_up_shapes(access_walk *w) {
    bool *unknown = arena_array(w->s->a, bool, w->found.len + 1);
    for (uint32_t i = 0; i < w->excepted.len; i++)
        if (has_other_shape(w, w->excepted.at[i].root))
            stop(w, "NOT_AFFINE", access_name_of(w, w->excepted.at[i].root), w->excepted.at[i].statement);
    for (uint32_t i = 0; i < w->found.len; i++)
        unknown[i] = !w->found.at[i].index || has_other_shape(w, w->found.at[i].root);
    for (uint32_t i = 0; i < w->found.len; i++) {
        access *x = &w->found.at[i];
        if (!unknown[i])
            continue;
        x->root = access_owner(w, x->root);
        x->index = NULL;
    }
}

access_walk access_open(dep_session *s, kir_stmt *loop, const dep_exceptions *exceptions) {
    access_walk w = {.s = s, .loop = loop, .exceptions = exceptions};
    w.writes = arena_array(s->a, uint32_t, s->f->next_var + 1);
    w.value = arena_array(s->a, kir_expr *, s->f->next_var + 1);
    w.writes[loop->var->id]++;
    vars_count_writes(&loop->body, w.writes);
    for (uint32_t k = 0; k < s->around.len; k++) {
        access_condition c = {.test = access_substituted(&w, s->around.at[k].test, 0),
                              .negated = s->around.at[k].negated,
                              .is_check = true};
        vec_push(s->a, &w.path, c);
    }
    walk_for(&w, loop);
    give_up_shapes(&w);
    w.depth = 1; /* the loop itself, for what is asked of its bounds */
    return w;
}
