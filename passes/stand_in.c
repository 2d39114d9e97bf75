/* stand_in: arguments that iterations use as work arrays.
 *
 *   for %i in range(0, %n, 1) {                   for %i in range(0, %n, 1) {
 *       for %j { store %w[%j] = … }                   %own = alloc(dim(%w, 0))
 *       … load %w[…] …                                for %j { store %own[%j] = … }
 *   }                                                 … load %own[…] …
 *                                                     if %i == %n - 1 { for %j { store %w[%j] = load %own[%j] } }
 *                                                 }
 *
 * Iterations that meet in such an array alone hand one another nothing: each writes all that it reads, before it does. An
 * array of its own for each iteration (one for each thread, after scratch.c) leaves them independent. The caller may look
 * at the argument afterwards, however, so what the last iteration leaves has to be there: every iteration must write the
 * same elements, whatever it finds, and the last one copies them. What the argument shares with other arrays, and whether
 * its elements share memory, is asked at the loop's entry. A loop that does not run leaves it alone.
 *
 * The loop as it was stands in the other arm, as fit for being optimised as before: few long iterations are better off with
 * the parallel loops inside of them, and large work arrays with one copy. After an exception the argument has what it had
 * before the loop, or what the last iteration left. Cost: a look at the subscripts of each loop's stores; the dependence
 * analysis only where that leaves hope. */
#include "passes/cost.h"
#include "passes/dependence.h"
#include "passes/passes.h"
#include "passes/vars.h"

enum { LEAST_TRIPS = 16 };
#define MOST_ELEMENTS (INT64_C(1) << 22)

typedef struct substitution {
    pass_context *c;
    kir_module *m;
    kir_fn *f;
    dep_session *session;
    bool changed;
} substitution;

/* ---- which loops ---------------------------------------------------------------------------------------------------------- */

typedef struct use_scan { /* of one array in a loop */
    const kir_stmt *loop;
    const kir_var *array;
    bool loaded, stored_again; /* stored_again: at subscripts that do not mention the loop's variable */
    bool other;                /* used in other ways than by loads, stores and questions for extents */
} use_scan;

static void note_use(kir_expr **slot, void *context) {
    use_scan *u = context;
    const kir_expr *e = *slot;
    if (e->var != u->array)
        return;
    u->loaded |= e->kind == KIR_LOAD;
    u->other |= e->kind != KIR_LOAD && e->kind != KIR_DIM;
}

static void note_slot(kir_expr **slot, void *context) {
    kir_each_subexpr(slot, note_use, context);
}

/* Conditions ask for extents and overlap at most. */
static bool note_stmt(kir_stmt *s, void *context) {
    use_scan *u = context;
    if (s->kind != KIR_IF)
        kir_each_expr(s, note_slot, u);
    if (s->var != u->array)
        return true;
    bool mentions = false;
    for (uint32_t k = 0; s->kind == KIR_STORE && k < s->index.len; k++)
        mentions |= vars_mentions(s->index.at[k], u->loop->var);
    u->stored_again |= s->kind == KIR_STORE && !mentions;
    u->other |= s->kind != KIR_STORE;
    return true;
}

/* Is there an argument that may be a work array of the loop? */
static bool has_hope(const substitution *z, kir_stmt *loop) {
    for (uint32_t i = 0; i < z->f->vars.len; i++) {
        const kir_var *v = z->f->vars.at[i];
        use_scan u = {.loop = loop, .array = v};
        if (!v->is_param || v->ty->kind != TYPE_ARRAY || v->ty->ndim == 0)
            continue;
        kir_each_stmt(&loop->body, note_stmt, &u);
        if (u.stored_again && u.loaded && !u.other)
            return true;
    }
    return false;
}

/* Iterations that hand one another a variable stay in order anyway. */
static bool carries_variable(const substitution *z, kir_stmt *loop) {
    var_set exposed = live_exposed(z->c->scratch, z->f, loop), written = vars_new(z->c->scratch, z->f);
    vars_written_in(&loop->body, &written);
    for (uint32_t i = 0; i < z->f->vars.len; i++) {
        kir_var *v = z->f->vars.at[i];
        kir_op op;
        if (vars_has(&written, v) && vars_has(&exposed, v) && !pass_is_reduction(loop, v, &op))
            return true;
    }
    return false;
}

static bool is_candidate(const substitution *z, kir_stmt *loop) {
    const kir_loop_info *l = loop->loop;
    int64_t step, trips = cost_trips(loop);
    var_set written = vars_new(z->c->scratch, z->f);
    vars_written_in(&loop->body, &written);
    return (l->kind == KIR_LOOP_RANGE || l->kind == KIR_LOOP_ITER) && l->class == KIR_CLASS_UNANALYSED &&
           kir_is_const_int(loop->step, &step) && (step == 1 || step == -1) && (trips < 0 || trips >= LEAST_TRIPS) &&
           !vars_mentions_any(loop->hi, &written) && !vars_mentions(loop->hi, loop->var) && !body_escapes(loop) &&
           has_hope(z, loop) && !carries_variable(z, loop);
}

/* ---- versions inside ---------------------------------------------------------------------------------------------------------- */

/* Loops that were fused if arrays share no memory: that is asked of the whole loop then. */
typedef struct inner_versions {
    arena *scratch;
    var_set *written; /* in the loop */
    VEC(kir_stmt *) found;
} inner_versions;

static bool says_apart(const kir_expr *e, const var_set *written) {
    if (e->kind == KIR_BINARY && e->op == KIR_OP_AND)
        return says_apart(e->args[0], written) && says_apart(e->args[1], written);
    return e->kind == KIR_UNARY && e->op == KIR_OP_NOT && e->args[0]->kind == KIR_OVERLAP &&
           !vars_mentions_any(e->args[0], written);
}

static bool find_versions(kir_stmt *s, void *context) {
    inner_versions *v = context;
    if (s->kind == KIR_IF && says_apart(s->value, v->written))
        vec_push(v->scratch, &v->found, s);
    return true;
}

static inner_versions versions_in(const substitution *z, kir_stmt *loop, var_set *written) {
    inner_versions v = {.scratch = z->c->scratch, .written = written};
    vars_written_in(&loop->body, written);
    kir_each_stmt(&loop->body, find_versions, &v);
    return v;
}

static bool is_taken(const inner_versions *v, const kir_stmt *s) {
    for (uint32_t i = 0; i < v->found.len; i++)
        if (v->found.at[i] == s)
            return true;
    return false;
}

/* The first arms stand for the IFs. */
static void take_first(substitution *z, const inner_versions *v, kir_block *from, kir_block *out) {
    for (uint32_t i = 0; i < from->len; i++) {
        kir_stmt *s = from->at[i];
        if (is_taken(v, s)) {
            take_first(z, v, &s->body, out);
            continue;
        }
        kir_block body = {0}, orelse = {0};
        take_first(z, v, &s->body, &body);
        take_first(z, v, &s->orelse, &orelse);
        s->body = body;
        s->orelse = orelse;
        vec_push(z->m->a, out, s);
    }
}

/* ---- the loop with arrays of its own ---------------------------------------------------------------------------------------- */

typedef struct swap {
    const kir_var *array;
    kir_var *own;
} swap;

static void swap_load(kir_expr **slot, void *context) {
    const swap *x = context;
    if ((*slot)->kind == KIR_LOAD && (*slot)->var == x->array)
        (*slot)->var = x->own;
}

static void swap_in_slot(kir_expr **slot, void *context) {
    kir_each_subexpr(slot, swap_load, context);
}

static bool swap_in_stmt(kir_stmt *s, void *context) {
    const swap *x = context;
    kir_each_expr(s, swap_in_slot, context);
    if (s->kind == KIR_STORE && s->var == x->array)
        s->var = x->own;
    return true;
}

static kir_stmt *new_own(substitution *z, const dep_work *work, kir_var **own) {
    kir_module *m = z->m;
    kir_var *array = work->array;
    span at = array->at;
    type *ty = type_array(m->types, array->ty->dtype, array->ty->ndim, LAYOUT_C, false, true);
    *own = kir_var_new(m, z->f, array->name, ty, at);
    (*own)->called = array->called;
    (*own)->owner = array->owner;
    (*own)->is_temp = (*own)->keeps_last = true;
    kir_expr *alloc = kir_expr_new(m, KIR_ALLOC, ty, array->ty->ndim, at);
    for (uint32_t k = 0; k < array->ty->ndim; k++)
        alloc->args[k] = kir_dim(m, array, k, at);
    return kir_assign(m, *own, alloc, at);
}

/* Is the variable of loop `k` around the store mentioned by what stands inside of it? */
static bool matters(const dep_work *work, uint32_t k) {
    const kir_var *v = work->around[k].loop->var;
    bool mentioned = false;
    for (uint32_t i = k + 1; i < work->depth; i++)
        mentioned |= vars_mentions(work->around[i].lo, v) || vars_mentions(work->around[i].hi, v);
    for (uint32_t i = 0; i < work->array->ty->ndim; i++)
        mentioned |= vars_mentions(work->index[i], v);
    return mentioned;
}

/* A loop like the one around the store; where it would do the same again and again, the question whether it runs at all. */
static kir_stmt *repeat(substitution *z, const dep_work *work, uint32_t k, kir_map *map) {
    kir_module *m = z->m;
    const kir_stmt *like = work->around[k].loop;
    kir_expr *lo = kir_copy_expr(m, work->around[k].lo, map), *hi = kir_copy_expr(m, work->around[k].hi, map);
    int64_t step = 1;
    if (matters(work, k)) {
        kir_var *v = kir_temp_new(m, z->f, like->var->ty, like->at);
        kir_map_var(map, like->var, v);
        return kir_for(m, v, lo, hi, kir_copy_expr(m, like->step, NULL), KIR_LOOP_RANGE, like->at);
    }
    kir_stmt *runs = kir_stmt_new(m, KIR_IF, like->at);
    kir_is_const_int(like->step, &step);
    runs->value = kir_binary(m, step > 0 ? KIR_OP_LT : KIR_OP_GT, lo, hi, like->at);
    return runs;
}

/* for … { w[…] = own[…] } */
static void copy_back(substitution *z, const dep_work *work, kir_var *own, kir_block *out) {
    kir_module *m = z->m;
    span at = work->array->at;
    kir_map *map = kir_map_new(m);
    for (uint32_t k = 0; k < work->depth; k++) {
        kir_stmt *s = repeat(z, work, k, map);
        vec_push(m->a, out, s);
        out = &s->body;
    }
    kir_expr *from[TYPE_MAX_NDIM], *to[TYPE_MAX_NDIM];
    for (uint32_t k = 0; k < work->array->ty->ndim; k++) {
        from[k] = kir_copy_expr(m, work->index[k], map);
        to[k] = kir_copy_expr(m, work->index[k], map);
    }
    kir_var *value = kir_temp_new(m, z->f, own->ty->dtype, at);
    vec_push(m->a, out, kir_assign(m, value, kir_load(m, own, from, own->ty->ndim, at), at));
    vec_push(m->a, out, kir_store(m, work->array, to, own->ty->ndim, kir_ref(m, value, at), at));
}

static void give_arrays(substitution *z, kir_stmt *loop, const inner_versions *inner, const dep_work *works,
                        uint32_t n) {
    kir_module *m = z->m;
    int64_t step = 1;
    kir_is_const_int(loop->step, &step);
    kir_block body = {0};
    kir_stmt *last = kir_stmt_new(m, KIR_IF, loop->at);
    kir_expr *end = kir_binary(m, KIR_OP_SUB, kir_copy_expr(m, loop->hi, NULL), kir_int(m, step, loop->at), loop->at);
    last->value = kir_binary(m, KIR_OP_EQ, kir_ref(m, loop->var, loop->at), end, loop->at);
    for (uint32_t i = 0; i < n; i++) {
        kir_var *own;
        vec_push(m->a, &body, new_own(z, &works[i], &own));
        copy_back(z, &works[i], own, &last->body);
        kir_each_stmt(&loop->body, swap_in_stmt, &(swap){works[i].array, own});
    }
    take_first(z, inner, &loop->body, &body);
    vec_push(m->a, &body, last);
    loop->body = body;
}

/* ---- both versions ------------------------------------------------------------------------------------------------------------ */

static kir_expr *and_also(substitution *z, kir_expr *a, kir_expr *b) {
    return a ? kir_binary(z->m, KIR_OP_AND, a, b, b->at) : b;
}

/* Long enough a loop, no large arrays. Extents of an array multiply without overflow, unless one of them is 0. */
static kir_expr *pays(substitution *z, kir_stmt *loop, const dep_work *works, uint32_t n) {
    kir_module *m = z->m;
    span at = loop->at;
    kir_expr *all = kir_binary(m, KIR_OP_GE, cost_trip_expr(m, loop), kir_int(m, LEAST_TRIPS, at), at);
    for (uint32_t i = 0; i < n; i++) {
        kir_expr *size = kir_dim(m, works[i].array, 0, at);
        for (uint32_t k = 1; k < works[i].array->ty->ndim; k++)
            size = kir_binary(m, KIR_OP_MUL, size, kir_dim(m, works[i].array, k, at), at);
        all = and_also(z, all, kir_binary(m, KIR_OP_LE, size, kir_int(m, MOST_ELEMENTS, at), at));
    }
    return all;
}

static bool forget_entry(kir_stmt *s, void *context) {
    (void)context;
    if (s->kind == KIR_FOR)
        s->loop->id = 0;
    return true;
}

/* The loop once more, for its entries in the report are those of the first arm. */
static kir_block as_it_was(substitution *z, kir_stmt *loop) {
    kir_block single = {.at = &loop, .len = 1, .cap = 1};
    kir_block copy = kir_copy_block(z->m, &single, pass_renamed_temps(z->m, z->f, z->c->scratch, &single));
    kir_each_stmt(&copy, forget_entry, NULL);
    return copy;
}

static bool use_own_arrays(substitution *z, kir_stmt *loop, kir_block *out) {
    const dep_work *works;
    uint32_t n;
    dep_verdict assumed;
    if (!is_candidate(z, loop))
        return false;
    var_set written = vars_new(z->c->scratch, z->f);
    inner_versions inner = versions_in(z, loop, &written);
    dep_exceptions first_arms = {.taken = inner.found.at, .n_taken = inner.found.len};
    if (!dep_work_arrays(z->session, loop, &first_arms, &works, &n, &assumed))
        return false;
    kir_stmt *versions = kir_stmt_new(z->m, KIR_IF, loop->at);
    kir_expr *apart = dep_condition(z->m, &assumed, loop->at), *worth = pays(z, loop, works, n);
    for (uint32_t i = 0; i < inner.found.len; i++)
        apart = and_also(z, apart, kir_copy_expr(z->m, inner.found.at[i]->value, NULL));
    uint32_t id = loop->loop->id;
    if (apart && id && id < z->m->report.len) {
        var_defs defs = vars_defs(z->c->scratch, z->f);
        pass_add_memory_guards(z->m, &z->m->report.at[id], &defs, apart);
    }
    versions->value = apart ? kir_binary(z->m, KIR_OP_AND, worth, apart, loop->at) : worth;
    versions->orelse = as_it_was(z, loop);
    give_arrays(z, loop, &inner, works, n);
    vec_push(z->m->a, &versions->body, loop);
    vec_push(z->m->a, out, versions);
    z->changed = true;
    return true;
}

static void visit_block(substitution *z, kir_block *b) {
    kir_block out = {0};
    for (uint32_t i = 0; i < b->len; i++) {
        kir_stmt *s = b->at[i];
        bool cold = s->kind == KIR_FOR && s->loop->cold;
        if (s->kind == KIR_FOR && !cold && use_own_arrays(z, s, &out))
            continue;
        if (!cold) {
            visit_block(z, &s->body);
            visit_block(z, &s->orelse);
        }
        vec_push(z->m->a, &out, s);
    }
    *b = out;
}

bool stand_in(pass_context *c, kir_fn *f) {
    if (!c->m->options.parallel || !c->m->options.par_range)
        return false;
    substitution z = {.c = c, .m = c->m, .f = f, .session = dep_open(c->m, f, c->scratch)};
    visit_block(&z, &f->body);
    dep_close(z.session);
    return z.changed;
}
