/* split: a loop with a part that hands values from one iteration to the next and a part that does not becomes two.
 *
 *   for %i in range(1, %n, 1) {                        %w = alloc(%n - 1)
 *       %t = exp(%x * …)                               for %i in range(1, %n, 1) { …; store %w[%i - 1] = exp(%x * …) }
 *       %p = load %s[%i - 1]                     →     for %j in range(1, %n, 1) {
 *       store %s[%i] = %p * 0.5 + %t                       %t = load %w[%j - 1]; %p = load %s[%j - 1]
 *   }                                                      store %s[%j] = %p * 0.5 + %t
 *                                                      }
 *
 * so that the first of them may run in parallel and as vector code. Statements of the body are the nodes of a graph, with
 * an edge from a to b when b has to come after a: because of memory (dependence.c: within an iteration or from an earlier
 * one) or of a scalar. Statements on a circle stay together; so do all that mention a scalar which iterations hand on or
 * which is assigned in several places. The components are taken in an order that the edges allow, as many as possible of
 * one sort (independent or not) at a time, and each such group becomes a loop.
 *
 * A scalar of one group that another one reads is computed again there when it is made of the index and of values that the
 * loop does not change (a load of an array that the loop does not store into is, too); otherwise it goes through an array
 * as long as the loop, which is why loops of more than 2^24 iterations then run as they are.
 *
 * Done when the freed part is substantial: a call of a mathematical function at least, and at least a quarter of the rest
 * and a good multiple of the scalars that go through arrays. A loop that may raise, leaves early or calls is left alone,
 * and so is everything inside a loop that is independent as a whole. Only under parallel=True. Cost: nothing for bodies
 * too small to be worth it; a few isl questions for the others. */
#include "passes/cost.h"
#include "passes/dependence.h"
#include "passes/passes.h"
#include "passes/vars.h"

enum { STATEMENTS_MAX = 32, FREED_LEAST = 20, EXPAND_COST = 8 };
#define TRIPS_MAX (INT64_C(1) << 24)

typedef struct splitter {
    kir_module *m;
    kir_fn *f;
    arena *scratch;
    dep_session *session;
    var_defs defs;
    bool changed;
} splitter;

typedef struct crossing { /* a scalar that later statements read */
    kir_var *v;
    uint32_t maker; /* the last statement that assigns it */
    kir_var *array; /* when it goes through one */
    bool is_again, is_expanded;
} crossing;

typedef struct plan { /* of one loop */
    splitter *z;
    kir_stmt *loop;
    uint32_t n;
    uint32_t after[STATEMENTS_MAX]; /* bit k: statement k has to come after this one; closed under transitivity */
    dep_edges edges;
    dep_verdict assumed;
    bool carries[STATEMENTS_MAX]; /* mentions a scalar that iterations hand on, other than by a reduction */
    var_set read[STATEMENTS_MAX], written[STATEMENTS_MAX];
    var_set stored, changed; /* arrays stored into; variables written in the loop */
    uint32_t group[STATEMENTS_MAX], groups;
    bool free[STATEMENTS_MAX]; /* by group: its iterations are independent */
    VEC(crossing) crossings;
    uint32_t expanded;
} plan;

/* ---- may it be split at all? --------------------------------------------------------------------------------------------- */

static bool is_plain(kir_stmt *s, void *context) {
    bool *ok = context;
    *ok = *ok && (s->kind == KIR_ASSIGN || s->kind == KIR_STORE || s->kind == KIR_IF || s->kind == KIR_FOR);
    *ok = *ok && !(s->kind == KIR_ASSIGN && s->var->ty->kind == TYPE_ARRAY);
    return *ok;
}

static bool holds_loop(const kir_stmt *s) {
    if (s->kind == KIR_FOR)
        return true;
    for (uint32_t i = 0; i < s->body.len; i++)
        if (holds_loop(s->body.at[i]))
            return true;
    for (uint32_t i = 0; i < s->orelse.len; i++)
        if (holds_loop(s->orelse.at[i]))
            return true;
    return false;
}

/* Is there something besides temporaries and loops, which could be what iterations hand on? */
static bool has_light_part(const kir_stmt *loop) {
    for (uint32_t i = 0; i < loop->body.len; i++) {
        const kir_stmt *s = loop->body.at[i];
        if (!holds_loop(s) && !(s->kind == KIR_ASSIGN && s->var->is_temp))
            return true;
    }
    return false;
}

static bool is_candidate(const kir_stmt *loop) {
    int64_t step;
    bool ok = loop->loop->kind == KIR_LOOP_RANGE || loop->loop->kind == KIR_LOOP_ITER;
    if (!ok || loop->loop->cold || loop->body.len < 2 || loop->body.len > STATEMENTS_MAX ||
        !kir_is_const_int(loop->step, &step) || (step != 1 && step != -1) || !has_light_part(loop))
        return false;
    kir_block body = loop->body;
    kir_each_stmt(&body, is_plain, &ok);
    return ok && cost_of_block(&body) >= FREED_LEAST;
}

static bool note_stored(kir_stmt *s, void *context) {
    if (s->kind == KIR_STORE)
        vars_add(context, s->var);
    return true;
}

static void open_plan(plan *p) {
    splitter *z = p->z;
    kir_block *b = &p->loop->body;
    p->n = b->len;
    p->stored = vars_new(z->scratch, z->f);
    p->changed = vars_new(z->scratch, z->f);
    kir_each_stmt(b, note_stored, &p->stored);
    vars_written_in(b, &p->changed);
    for (uint32_t i = 0; i < p->n; i++) {
        kir_block single = {.at = &b->at[i], .len = 1, .cap = 1};
        p->read[i] = vars_new(z->scratch, z->f);
        p->written[i] = vars_new(z->scratch, z->f);
        vars_read_in(&single, &p->read[i]);
        vars_written_in(&single, &p->written[i]);
    }
}

/* ---- edges ------------------------------------------------------------------------------------------------------------------- */

static void keep_together(plan *p, uint32_t who, bool carried) {
    for (uint32_t i = 0; i < p->n; i++)
        if (who >> i & 1) {
            p->after[i] |= who;
            p->carries[i] |= carried;
        }
}

static uint32_t having(const plan *p, const var_set *sets, const kir_var *v) {
    uint32_t who = 0;
    for (uint32_t i = 0; i < p->n; i++)
        if (vars_has(&sets[i], v))
            who |= UINT32_C(1) << i;
    return who;
}

/* Statements that assign v stay together, with those that read it between; those that read it afterwards come later. */
static void add_crossing(plan *p, kir_var *v, uint32_t readers, uint32_t writers) {
    uint32_t maker = 31 - (uint32_t)__builtin_clz(writers);
    uint32_t later = maker == 31 ? 0 : readers & ~((UINT32_C(2) << maker) - 1);
    keep_together(p, writers | (readers & ~later), false);
    p->after[maker] |= later;
    if (later)
        vec_push(p->z->scratch, &p->crossings,
                 ((crossing){.v = v, .maker = maker, .is_again = !(writers & (writers - 1))}));
}

static void add_scalar_edges(plan *p) {
    splitter *z = p->z;
    var_set exposed = live_exposed(z->scratch, z->f, p->loop);
    for (uint32_t i = 0; i < z->f->vars.len; i++) {
        kir_var *v = z->f->vars.at[i];
        kir_op op;
        if (!vars_has(&p->changed, v))
            continue;
        uint32_t readers = having(p, p->read, v), writers = having(p, p->written, v);
        if (vars_has(&exposed, v))
            keep_together(p, readers | writers, !pass_is_reduction(p->loop, v, &op));
        else
            add_crossing(p, v, readers, writers);
    }
}

static void close_edges(plan *p) {
    for (uint32_t i = 0; i < p->n; i++)
        p->after[i] |= p->edges.same[i] | p->edges.carried[i];
    for (uint32_t k = 0; k < p->n; k++)
        for (uint32_t i = 0; i < p->n; i++)
            if (p->after[i] >> k & 1)
                p->after[i] |= p->after[k];
}

/* ---- groups ------------------------------------------------------------------------------------------------------------------- */

static uint32_t component_of(const plan *p, uint32_t i) {
    uint32_t who = UINT32_C(1) << i;
    for (uint32_t k = 0; k < p->n; k++)
        if ((p->after[i] >> k & 1) && (p->after[k] >> i & 1))
            who |= UINT32_C(1) << k;
    return who;
}

/* Do iterations of these statements, taken together, need one another? */
static bool is_free(const plan *p, uint32_t who) {
    for (uint32_t i = 0; i < p->n; i++)
        if ((who >> i & 1) && (p->carries[i] || (p->edges.carried[i] & who)))
            return false;
    return true;
}

/* Is all that has to come before `who` in groups already, or in `with`? */
static bool is_ready(const plan *p, uint32_t who, uint32_t done) {
    for (uint32_t i = 0; i < p->n; i++)
        if (!((done | who) >> i & 1) && (p->after[i] & who))
            return false;
    return true;
}

/* The components that can come next, of the one sort. */
static uint32_t next_group(const plan *p, uint32_t done, bool free) {
    uint32_t who = 0;
    for (bool grew = true; grew;) {
        grew = false;
        for (uint32_t i = 0; i < p->n; i++) {
            uint32_t c = component_of(p, i);
            if (((done | who) >> i & 1) || is_free(p, c) != free || !is_ready(p, c, done | who) ||
                (free && !is_free(p, who | c)))
                continue;
            who |= c;
            grew = true;
        }
    }
    return who;
}

static void make_groups(plan *p) {
    uint32_t all = p->n == 32 ? UINT32_MAX : (UINT32_C(1) << p->n) - 1, done = 0;
    bool free = true;
    for (p->groups = 0; done != all; free = !free) {
        uint32_t who = next_group(p, done, free);
        if (!who)
            continue;
        for (uint32_t i = 0; i < p->n; i++)
            if (who >> i & 1)
                p->group[i] = p->groups;
        p->free[p->groups++] = free;
        done |= who;
    }
}

/* ---- scalars that cross ------------------------------------------------------------------------------------------------------------ */

/* Is the variable the array itself, not a view that may look into another one's memory? */
static bool is_root(const splitter *z, const kir_var *v) {
    const kir_stmt *d = z->defs.only[v->id];
    if (z->defs.count[v->id] != 1)
        return false;
    return v->is_param || (d && (d->value->kind == KIR_ALLOC || d->value->kind == KIR_GLOBAL));
}

/* Does nothing in the loop store into the array? (Parameters that overlap are excluded by the test at its entry.) */
static bool is_only_read(const plan *p, const kir_var *v) {
    const splitter *z = p->z;
    if (!is_root(z, v))
        return false;
    for (uint32_t i = 0; i < z->f->vars.len; i++) {
        const kir_var *w = z->f->vars.at[i];
        if (vars_has(&p->stored, w) && (w == v || !is_root(z, w)))
            return false;
    }
    return true;
}

typedef struct again_scan {
    plan *p;
    bool ok;
} again_scan;

static void check_again(kir_var *v, void *context) {
    again_scan *a = context;
    a->ok = a->ok && (v == a->p->loop->var || !vars_has(&a->p->changed, v));
}

/* Can the expression be computed again anywhere in the iteration, for little? */
static bool is_again(plan *p, kir_expr *e) {
    again_scan a = {p, true};
    vars_in_expr(e, check_again, &a);
    if (e->kind == KIR_LOAD)
        return a.ok && is_only_read(p, e->var);
    kir_stmt probe = {.kind = KIR_ASSIGN, .value = e};
    kir_stmt *at = &probe;
    return a.ok && cost_of_block(&(kir_block){.at = &at, .len = 1, .cap = 1}) <= 3;
}

/* The groups, other than its own, that read the scalar. */
static uint32_t readers_of(const plan *p, const crossing *x) {
    uint32_t groups = 0;
    for (uint32_t i = x->maker + 1; i < p->n; i++)
        if (vars_has(&p->read[i], x->v) && p->group[i] != p->group[x->maker])
            groups |= UINT32_C(1) << p->group[i];
    return groups;
}

/* A load that only one later group asks for goes there, when nothing that has to come after it comes before. */
static void sink_loads(plan *p) {
    for (uint32_t c = p->crossings.len; c-- > 0;) {
        const crossing *x = &p->crossings.at[c];
        const kir_stmt *s = p->loop->body.at[x->maker];
        uint32_t to = s->kind == KIR_ASSIGN && s->value->kind == KIR_LOAD && s->var->is_temp ? readers_of(p, x) : 0;
        if (!to || (to & (to - 1)))
            continue;
        uint32_t g = (uint32_t)__builtin_ctz(to);
        bool ok = g > p->group[x->maker];
        for (uint32_t k = 0; k < p->n && ok; k++)
            ok = !(p->after[x->maker] >> k & 1) || p->group[k] >= g;
        if (ok)
            p->group[x->maker] = g;
    }
}

static void find_expansions(plan *p) {
    for (uint32_t c = 0; c < p->crossings.len; c++) {
        crossing *x = &p->crossings.at[c];
        const kir_stmt *s = p->loop->body.at[x->maker];
        x->is_again = x->is_again && s->kind == KIR_ASSIGN && is_again(p, s->value);
        x->is_expanded = !x->is_again && readers_of(p, x);
        p->expanded += x->is_expanded;
    }
}

static bool is_worth_it(plan *p) {
    int64_t freed = 0, rest = 0;
    for (uint32_t i = 0; i < p->n; i++) {
        kir_block single = {.at = &p->loop->body.at[i], .len = 1, .cap = 1};
        int64_t cost = cost_of_block(&single);
        *(p->free[p->group[i]] ? &freed : &rest) += cost;
    }
    return freed >= FREED_LEAST && freed * 4 >= rest && freed >= EXPAND_COST * (int64_t)p->expanded;
}

/* ---- building ------------------------------------------------------------------------------------------------------------------------ */

/* The number of the iteration, as a subscript. */
static kir_expr *position(const plan *p, kir_var *index, span at) {
    kir_module *m = p->z->m;
    int64_t step = 1;
    kir_is_const_int(p->loop->step, &step);
    kir_expr *lo = kir_copy_expr(m, p->loop->lo, NULL), *i = kir_ref(m, index, at);
    return step > 0 ? kir_binary(m, KIR_OP_SUB, i, lo, at) : kir_binary(m, KIR_OP_SUB, lo, i, at);
}

/* What a group needs of scalars that another one makes. */
static void bring_scalars(plan *p, uint32_t g, kir_stmt *loop, kir_map *map) {
    splitter *z = p->z;
    kir_module *m = z->m;
    for (uint32_t c = 0; c < p->crossings.len; c++) {
        const crossing *x = &p->crossings.at[c];
        const kir_stmt *s = p->loop->body.at[x->maker];
        if (!(readers_of(p, x) >> g & 1))
            continue;
        kir_var *copy = kir_temp_new(m, z->f, x->v->ty, s->at);
        kir_expr *at[1] = {position(p, loop->var, s->at)};
        kir_expr *value = x->is_again ? kir_copy_expr(m, s->value, map) : kir_load(m, x->array, at, 1, s->at);
        vec_push(m->a, &loop->body, kir_assign(m, copy, value, s->at));
        kir_map_var(map, x->v, copy);
    }
}

static void store_scalars(plan *p, uint32_t i, kir_stmt *loop) {
    kir_module *m = p->z->m;
    span at = p->loop->body.at[i]->at;
    for (uint32_t c = 0; c < p->crossings.len; c++) {
        const crossing *x = &p->crossings.at[c];
        kir_expr *index[1] = {x->is_expanded && x->maker == i ? position(p, loop->var, at) : NULL};
        if (index[0])
            vec_push(m->a, &loop->body, kir_store(m, x->array, index, 1, kir_ref(m, x->v, at), at));
    }
}

static kir_stmt *build_group(plan *p, uint32_t g) {
    splitter *z = p->z;
    kir_module *m = z->m;
    kir_map *map = kir_map_new(m);
    kir_stmt *was = p->loop, *loop = kir_stmt_new(m, KIR_FOR, was->at);
    *loop->loop = *was->loop;
    loop->loop->id = 0;
    loop->var = g ? kir_temp_new(m, z->f, was->var->ty, was->at) : was->var;
    loop->lo = kir_copy_expr(m, was->lo, NULL);
    loop->hi = kir_copy_expr(m, was->hi, NULL);
    loop->step = kir_copy_expr(m, was->step, NULL);
    if (g)
        kir_map_var(map, was->var, loop->var);
    bring_scalars(p, g, loop, map);
    for (uint32_t i = 0; i < p->n; i++) {
        kir_stmt *s = was->body.at[i];
        if (p->group[i] != g)
            continue;
        kir_block single = {.at = &s, .len = 1, .cap = 1}, copy = kir_copy_block(m, &single, map);
        vec_push(m->a, &loop->body, copy.at[0]);
        store_scalars(p, i, loop);
    }
    return loop;
}

static void allocate_expansions(plan *p, kir_block *out) {
    kir_module *m = p->z->m;
    for (uint32_t c = 0; c < p->crossings.len; c++) {
        crossing *x = &p->crossings.at[c];
        if (!x->is_expanded)
            continue;
        type *ty = type_array(m->types, x->v->ty, 1, LAYOUT_C, false, true);
        kir_expr *alloc = kir_expr_new(m, KIR_ALLOC, ty, 1, p->loop->at);
        alloc->args[0] = cost_trip_expr(m, p->loop);
        x->array = kir_temp_new(m, p->z->f, ty, p->loop->at);
        vec_push(m->a, out, kir_assign(m, x->array, alloc, p->loop->at));
    }
}

static bool forget(kir_stmt *s, void *context) {
    (void)context;
    if (s->kind == KIR_FOR)
        s->loop->id = 0;
    return true;
}

static kir_expr *condition_of(plan *p) {
    kir_module *m = p->z->m;
    kir_expr *when = dep_condition(m, &p->assumed, p->loop->at);
    if (p->expanded == 0 || cost_trips(p->loop) >= 0)
        return when;
    kir_expr *most = kir_int(m, TRIPS_MAX, p->loop->at);
    kir_expr *few = kir_binary(m, KIR_OP_LE, cost_trip_expr(m, p->loop), most, p->loop->at);
    return when ? kir_binary(m, KIR_OP_AND, when, few, p->loop->at) : few;
}

/* The first independent group has the loop's entry in the report. */
static uint32_t reported_group(const plan *p) {
    uint32_t g = 0;
    while (g + 1 < p->groups && !p->free[g])
        g++;
    return g;
}

static void place_groups(plan *p, kir_block *out) {
    splitter *z = p->z;
    kir_module *m = z->m;
    kir_expr *when = condition_of(p);
    kir_block *to = out;
    if (when) {
        kir_block single = {.at = &p->loop, .len = 1, .cap = 1};
        kir_stmt *versions = kir_stmt_new(m, KIR_IF, p->loop->at);
        versions->value = when;
        versions->orelse = kir_copy_block(m, &single, pass_renamed_temps(m, z->f, z->scratch, &single));
        kir_each_stmt(&versions->orelse, forget, NULL);
        versions->orelse.at[0]->loop->whole = true;
        vec_push(m->a, out, versions);
        to = &versions->body;
    }
    allocate_expansions(p, to);
    for (uint32_t g = 0; g < p->groups; g++) {
        kir_stmt *loop = build_group(p, g);
        if (g == reported_group(p)) {
            loop->loop->id = p->loop->loop->id;
            loop->loop->why = "SPLIT";
        }
        vec_push(m->a, to, loop);
    }
    z->changed = true;
}

/* ---- the walk ----------------------------------------------------------------------------------------------------------------------------- */

static void split_block(splitter *z, kir_block *b);

/* Something is freed, what is not has no loops that could run in parallel themselves, and the bounds stay. */
static bool is_expected(const plan *p) {
    bool any = false;
    for (uint32_t g = 0; g < p->groups; g++)
        any |= p->free[g];
    for (uint32_t i = 0; i < p->n; i++)
        if (!p->free[p->group[i]] && holds_loop(p->loop->body.at[i]))
            return false;
    again_scan bounds = {(plan *)(uintptr_t)p, true};
    vars_in_expr(p->loop->lo, check_again, &bounds);
    vars_in_expr(p->loop->hi, check_again, &bounds);
    return any && p->groups > 1 && bounds.ok;
}

/* The loop in parts, or as it was with what is inside it looked at, unless it is independent. */
static void split_loop(splitter *z, kir_stmt *loop, kir_block *out) {
    plan *p = arena_make(z->scratch, plan);
    *p = (plan){.z = z, .loop = loop};
    bool independent = false;
    if (is_candidate(loop) && dep_statements(z->session, loop, &p->edges, &p->assumed)) {
        open_plan(p);
        add_scalar_edges(p);
        close_edges(p);
        make_groups(p);
        independent = p->groups == 1 && p->free[0];
        sink_loads(p);
        find_expansions(p);
        if (is_expected(p) && is_worth_it(p)) {
            place_groups(p, out);
            return;
        }
    }
    if (!independent && loop->loop->kind != KIR_LOOP_PRANGE && loop->loop->kind != KIR_LOOP_ARRAY && !loop->loop->cold)
        split_block(z, &loop->body);
    vec_push(z->m->a, out, loop);
}

static void split_block(splitter *z, kir_block *b) {
    kir_block out = {0};
    for (uint32_t i = 0; i < b->len; i++) {
        kir_stmt *s = b->at[i];
        if (s->kind == KIR_FOR) {
            split_loop(z, s, &out);
            continue;
        }
        split_block(z, &s->body);
        split_block(z, &s->orelse);
        vec_push(z->m->a, &out, s);
    }
    *b = out;
}

bool split_run(pass_context *c) {
    c->unchanged = true;
    if (!c->m->options.parallel || !c->m->options.par_range)
        return true;
    for (uint32_t i = 0; i < c->m->fns.len; i++) {
        splitter z = {.m = c->m, .f = c->m->fns.at[i], .scratch = c->scratch};
        if (z.f->kind == KIR_FN_REGION || z.f->cold)
            continue;
        z.session = dep_open(c->m, z.f, c->scratch);
        z.defs = vars_defs(c->scratch, z.f);
        split_block(&z, &z.f->body);
        dep_close(z.session);
        c->unchanged = c->unchanged && !z.changed;
    }
    return true;
}
