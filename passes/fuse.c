/* fuse: neighbouring loops over the same iterations become one.
 *
 *   for %i in range(0, %n, 1) { store %t[%i] = … }         for %i in range(0, %n, 1) {
 *   for %j in range(0, %n, 1) {                                store %t[%i] = …
 *       %x = load %t[%j]                              →        %x = load %t[%i]
 *       store %u[%j] = %x + …                                  store %u[%i] = %x + …
 *   }                                                      }
 *
 * So %t[%i] is read while it is in a register (contract.c then takes the array away), and two regions are one.
 *
 * A group grows statement by statement. What stands between two of its loops is lifted above the first when it neither
 * needs what the group does nor can be told from it: no exception and no visible store changes place with another. A
 * loop joins when
 *   - bounds and step are proven equal, or differ by one constant in both bounds (then its index is shifted);
 *   - no element is touched by both parts in different iterations (dependence.c, cheap look first), so that the one loop
 *     carries no more than the two did; no scalar passes from one to the other, as a maximum does that is computed by the
 *     first and used by the second;
 *   - both are independent, or reductions: a parallel loop is never put into a serial one;
 *   - they share an array; nests of three and more loops that the user wrote (they are blocked elsewhere) stay alone;
 *   - of the two at most one may raise, and then the other stores to arrays of this call alone.
 *
 * Sums of floats run in blocks of 1024 (scalarize.c); a loop over the same elements joins one by running in these blocks
 * too, and the loops inside a block are then fused like any others.
 *
 * Versions. A loop that guard or scalarize made in two versions, `if TEST { loop } else { SLOW }`, takes part with its
 * test; arrays that must not overlap add theirs (under parallel=True only). The group is then
 *
 *   if TESTS { the one loop } else { what was there }
 *
 * where a slow version alone is kept when the group has no test but that loop's. Then the same is done inside the loop that came
 * out. Cost: the facts' walk; isl only for pairs that pass all cheap questions. */
#include "passes/alias.h"
#include "passes/cost.h"
#include "passes/dependence.h"
#include "passes/facts.h"
#include "passes/passes.h"
#include "passes/vars.h"

enum { GROUP_MAX = 12, STATEMENTS_MAX = 160, TESTS_MAX = 24 };

typedef struct effects {    /* of a statement, nested ones included */
    var_set read, written;  /* variables */
    var_set loaded, stored; /* arrays */
    bool raises, leaves, visible;
    uint32_t statements;
} effects;

typedef struct fuser {
    kir_module *m;
    kir_fn *f;
    arena *scratch;
    facts *facts;
    alias_map *alias;
    live_map *live;       /* of the function as it was; copies of loops keep their places in it */
    dep_session *session; /* made when first asked for */
    var_defs defs;
    uint32_t loops; /* around the block */
    bool changed;
} fuser;

typedef struct nest { /* a loop that may take part */
    kir_stmt *placed, *loop,
        *versions; /* versions: the innermost IF around, or NULL; placed: the outermost statement */
    VEC(kir_expr *) tests;
    effects all, fast; /* of `placed`, of `loop` */
    int64_t step, shift;
    kir_stmt *inner; /* of a loop over blocks: the loop over the elements of one; `step` is that one's */
    const lin *lo, *hi;
    bool asked, independent; /* the loop's own verdict */
} nest;

typedef struct group {
    nest at[GROUP_MAX];
    uint32_t n;
    VEC(kir_expr *) tests, apart;
    effects all, fast;
    kir_block lifted, pending; /* statements that run before it; those behind the last loop, which could be lifted */
} group;

static void fuse_block(fuser *z, kir_block *b);

/* ---- effects ----------------------------------------------------------------------------------------------------------- */

typedef struct effects_scan {
    fuser *z;
    effects *e;
} effects_scan;

static void add_written(kir_var *v, void *context) {
    vars_add(context, v);
}

static bool ends_or_holds(kir_stmt_kind kind) {
    return kind == KIR_CHECK || kind == KIR_RAISE || kind == KIR_IF || kind == KIR_FOR;
}

static bool add_effects(kir_stmt *s, void *context) {
    effects_scan *scan = context;
    effects *e = scan->e;
    e->statements++;
    vars_read_by(s, &e->read);
    vars_written_by(s, add_written, &e->written);
    e->raises |= s->kind == KIR_CHECK || s->kind == KIR_RAISE;
    if (s->kind == KIR_STORE) {
        vars_add(&e->stored, s->var);
        e->visible |= !alias_is_local(scan->z->alias, s->var);
    } else if (s->kind == KIR_ASSIGN && s->value->kind == KIR_LOAD) {
        vars_add(&e->loaded, s->value->var);
    } else if (s->kind != KIR_ASSIGN && !ends_or_holds(s->kind)) {
        e->leaves = true;
    }
    return true;
}

static effects no_effects(fuser *z) {
    return (effects){.read = vars_new(z->scratch, z->f),
                     .written = vars_new(z->scratch, z->f),
                     .loaded = vars_new(z->scratch, z->f),
                     .stored = vars_new(z->scratch, z->f)};
}

static effects effects_of(fuser *z, kir_stmt *s) {
    effects e = no_effects(z);
    effects_scan scan = {z, &e};
    kir_block single = {.at = &s, .len = 1, .cap = 1};
    kir_each_stmt(&single, add_effects, &scan);
    return e;
}

static void merge_effects(effects *into, const effects *e) {
    vars_union(&into->read, &e->read);
    vars_union(&into->written, &e->written);
    vars_union(&into->loaded, &e->loaded);
    vars_union(&into->stored, &e->stored);
    into->raises |= e->raises;
    into->leaves |= e->leaves;
    into->visible |= e->visible;
    into->statements += e->statements;
}

static bool meet(const var_set *a, const var_set *b) {
    for (uint32_t i = 0; i < a->words && i < b->words; i++)
        if (a->bits[i] & b->bits[i])
            return true;
    return false;
}

static bool may_share(fuser *z, const var_set *a, const var_set *b) {
    if (meet(a, b))
        return true;
    for (uint32_t i = 0; i < z->f->vars.len; i++)
        for (uint32_t j = 0; vars_has(a, z->f->vars.at[i]) && j < z->f->vars.len; j++)
            if (vars_has(b, z->f->vars.at[j]) && alias_may_share(z->alias, z->f->vars.at[i], z->f->vars.at[j]))
                return true;
    return false;
}

static bool is_silent(const effects *e) {
    return !e->raises && !e->visible && !e->leaves;
}

/* May what happens in `a` and in `b` change places as far as exceptions and what outlives them are concerned? */
static bool may_swap(const effects *a, const effects *b) {
    if (a->leaves || b->leaves)
        return false;
    return !((a->raises && !is_silent(b)) || (b->raises && !is_silent(a)));
}

/* May `s` run before the group instead of after it? */
static bool may_lift(fuser *z, const group *g, const effects *s) {
    if (!may_swap(&g->all, s) || meet(&g->all.written, &s->read) || meet(&g->all.written, &s->written) ||
        meet(&g->all.read, &s->written))
        return false;
    return !may_share(z, &g->all.stored, &s->loaded) && !may_share(z, &g->all.stored, &s->stored) &&
           !may_share(z, &g->all.loaded, &s->stored);
}

/* ---- loops that may take part -------------------------------------------------------------------------------------------- */

/* Does the block hold slow versions of the loop (a cold copy, the general form of an array expression) and no more? */
static bool is_slow_version(const kir_block *b, const kir_stmt *loop) {
    bool any = false;
    for (uint32_t i = 0; i < b->len; i++) {
        const kir_stmt *s = b->at[i];
        if (s->kind == KIR_FOR ? !s->loop->version || s->loop->version != loop->loop->version
                               : s->kind != KIR_ASSIGN || !s->var->is_temp)
            return false;
        any |= s->kind == KIR_FOR;
    }
    return any;
}

/* for %b in [lo, hi, 1024) { scalars; for %i in [%b, %b + min(1024, hi - %b), 1) { … }; scalars }: what scalarize makes
 * of a sum. As for fusion it is a loop over %i that runs in blocks. Returns the loop over %i, or NULL. */
static kir_stmt *elements_of_blocks(const kir_stmt *loop) {
    kir_stmt *inner = NULL;
    for (uint32_t i = 0; i < loop->body.len; i++) {
        kir_stmt *s = loop->body.at[i];
        if (s->kind == KIR_FOR && !inner)
            inner = s;
        else if (s->kind != KIR_ASSIGN || s->value->kind == KIR_LOAD || s->var->ty->kind == TYPE_ARRAY)
            return NULL;
    }
    int64_t step, size = 0;
    const kir_expr *end = inner ? inner->hi : NULL, *lo = inner ? inner->lo : NULL;
    if (!end || !kir_is_const_int(loop->step, &step) || step < 2 || loop->loop->kind != KIR_LOOP_ARRAY ||
        lo->kind != KIR_VAR || lo->var != loop->var || end->kind != KIR_BINARY || end->op != KIR_OP_ADD ||
        end->args[0]->kind != KIR_VAR || end->args[0]->var != loop->var)
        return NULL;
    const kir_expr *least = end->args[1], *left = least->kind == KIR_BINARY ? least->args[1] : NULL;
    bool fits = left && least->op == KIR_OP_MIN && kir_is_const_int(least->args[0], &size) && size == step &&
                left->kind == KIR_BINARY && left->op == KIR_OP_SUB && kir_expr_equal(left->args[0], loop->hi) &&
                left->args[1]->kind == KIR_VAR && left->args[1]->var == loop->var;
    return fits && kir_is_const_int(inner->step, &step) && step == 1 ? inner : NULL;
}

static const kir_stmt *elements(const nest *n) {
    return n->inner ? n->inner : n->loop;
}

/* The loop of `s` and the tests around it: a loop, or an IF that chooses between it and slow versions of it. */
static bool open_nest(fuser *z, kir_stmt *s, nest *n) {
    *n = (nest){.placed = s};
    if (s->kind == KIR_IF && s->body.len == 1 && s->body.at[0]->kind == KIR_FOR) {
        n->versions = s;
        n->loop = s->body.at[0];
        vec_push(z->scratch, &n->tests, s->value);
        if (!is_slow_version(&s->orelse, n->loop))
            return false;
    } else if (s->kind == KIR_FOR) {
        n->loop = s;
    } else {
        return false;
    }
    if (n->loop->loop->cold || !kir_is_const_int(n->loop->step, &n->step) || n->step == 0 ||
        z->defs.count[n->loop->var->id] > 1 || body_escapes(n->loop))
        return false;
    n->inner = elements_of_blocks(n->loop);
    n->step = n->inner ? 1 : n->step;
    n->all = effects_of(z, s);
    n->fast = n->versions ? effects_of(z, n->loop) : n->all;
    return !n->fast.leaves && n->fast.statements <= STATEMENTS_MAX;
}

/* Bounds as forms that hold at the loop's entry, under its tests. */
static void take_bounds(fuser *z, nest *n) {
    n->lo = facts_lin(z->facts, n->loop->lo);
    n->hi = facts_lin(z->facts, n->loop->hi);
}

static uint32_t depth_of(const kir_stmt *s) {
    uint32_t deepest = 0;
    for (uint32_t i = 0; i < s->body.len; i++) {
        uint32_t d = depth_of(s->body.at[i]);
        deepest = d > deepest ? d : deepest;
    }
    for (uint32_t i = 0; i < s->orelse.len; i++) {
        uint32_t d = depth_of(s->orelse.at[i]);
        deepest = d > deepest ? d : deepest;
    }
    return deepest + (s->kind == KIR_FOR);
}

static dep_session *session_of(fuser *z) {
    if (!z->session)
        z->session = dep_open(z->m, z->f, z->scratch);
    return z->session;
}

static bool hands_nothing_on(fuser *z, kir_stmt *loop, const var_set *written) {
    var_set exposed = live_exposed(z->scratch, z->f, loop);
    if (!meet(&exposed, written))
        return true;
    for (uint32_t i = 0; i < z->f->vars.len; i++) {
        kir_var *v = z->f->vars.at[i];
        kir_op op;
        if (vars_has(&exposed, v) && vars_has(written, v) &&
            (v->ty->kind == TYPE_ARRAY || !pass_is_reduction(loop, v, &op)))
            return false;
    }
    return true;
}

/* Could the loop run in parallel by itself? */
static bool is_independent(fuser *z, nest *n) {
    if (n->asked)
        return n->independent;
    n->asked = true;
    kir_loop_info *l = n->loop->loop;
    if (l->kind == KIR_LOOP_ARRAY && l->class != KIR_CLASS_UNANALYSED)
        return n->independent = l->class == KIR_CLASS_INDEPENDENT;
    if (!hands_nothing_on(z, n->loop, &n->fast.written))
        return false;
    dep_verdict v = dep_analyse(session_of(z), n->loop);
    return n->independent = v.class == KIR_CLASS_INDEPENDENT;
}

/* ---- may it join? ------------------------------------------------------------------------------------------------------------- */

static bool is_switched_on(const kir_options *o, kir_loop_kind kind) {
    if (!o->parallel)
        return true;
    return kind == KIR_LOOP_PRANGE ? o->par_prange : kind == KIR_LOOP_ARRAY ? o->par_numpy : o->par_range;
}

/* The first of the group's loops that runs in blocks, or NULL: then they all do. */
static const nest *blocks_of(const group *g) {
    for (uint32_t i = 0; i < g->n; i++)
        if (g->at[i].inner)
            return &g->at[i];
    return NULL;
}

static bool is_shifted(const group *g) {
    for (uint32_t i = 0; i < g->n; i++)
        if (g->at[i].shift)
            return true;
    return false;
}

/* Equal trip counts, by equal bounds or bounds that differ by one constant. */
static bool same_iterations(fuser *z, const group *g, nest *q) {
    const nest *p = &g->at[0];
    const lin *lo = facts_add(z->facts, q->lo, p->lo, -1), *hi = facts_add(z->facts, q->hi, p->hi, -1);
    if (!lo || !hi || p->step != q->step)
        return false;
    const lin *differ = facts_add(z->facts, hi, lo, -1);
    if (!differ || !facts_zero(z->facts, differ))
        return false;
    if (facts_zero(z->facts, lo)) {
        q->shift = 0;
        return !q->inner || (q->step > 0 && !is_shifted(g));
    }
    q->shift = lo->k;
    return lo->n == 0 && lo->k < 1024 && lo->k > -1024 && !blocks_of(g) && !q->inner;
}

static bool shares_array(const effects *a, const effects *b) {
    return meet(&a->stored, &b->loaded) || meet(&a->stored, &b->stored) || meet(&a->loaded, &b->stored) ||
           meet(&a->loaded, &b->loaded);
}

static bool is_written_shared(const effects *a, const effects *b) {
    return meet(&a->stored, &b->loaded) || meet(&a->stored, &b->stored) || meet(&a->loaded, &b->stored);
}

static bool is_user_nest(const nest *n) {
    return n->loop->loop->kind != KIR_LOOP_ARRAY;
}

/* Worth it as far as the shape of the two tells: what they share is used again soon. */
static bool is_promising(const nest *p, const nest *q) {
    uint32_t a = depth_of(elements(p)), b = depth_of(elements(q));
    if (a >= 3 && b >= 3 && (is_user_nest(p) || is_user_nest(q)))
        return false;
    return (a < 2 && b < 2) || a == b || is_written_shared(&p->fast, &q->fast);
}

/* A variable that both use is in order when it lives within an iteration of each and nobody asks for it afterwards. */
static bool lives_apart(fuser *z, const group *g, nest *q, const kir_var *v) {
    if (vars_has(live_after(z->live, q->loop), v))
        return false;
    var_set exposed = live_exposed(z->scratch, z->f, q->loop);
    if (vars_has(&exposed, v))
        return false;
    for (uint32_t i = 0; i < g->n; i++) {
        var_set before = live_exposed(z->scratch, z->f, g->at[i].loop);
        if (vars_has(&before, v))
            return false;
    }
    return true;
}

static bool scalars_allow(fuser *z, const group *g, nest *q) {
    const effects *a = &g->fast, *b = &q->fast;
    if (!meet(&a->written, &b->read) && !meet(&a->written, &b->written) && !meet(&a->read, &b->written))
        return true;
    for (uint32_t i = 0; i < z->f->vars.len; i++) {
        const kir_var *v = z->f->vars.at[i];
        bool clash = (vars_has(&a->written, v) && (vars_has(&b->read, v) || vars_has(&b->written, v))) ||
                     (vars_has(&a->read, v) && vars_has(&b->written, v));
        if (clash && !lives_apart(z, g, q, v))
            return false;
    }
    return true;
}

static void add_bodies(fuser *z, kir_block *out, const kir_block *b) {
    for (uint32_t i = 0; i < b->len; i++)
        vec_push(z->scratch, out, b->at[i]);
}

static kir_expr *shifted(fuser *z, const group *g, const nest *q, span at) {
    kir_expr *index = kir_ref(z->m, elements(&g->at[0])->var, at);
    return kir_binary(z->m, KIR_OP_ADD, index, kir_int(z->m, q->shift, at), at);
}

static void add_test(fuser *z, group *g, kir_expr *test) {
    for (uint32_t i = 0; i < g->apart.len; i++)
        if (kir_expr_equal(g->apart.at[i], test))
            return;
    vec_push(z->scratch, &g->apart, test);
}

static void split_tests(fuser *z, group *g, kir_expr *e) {
    if (e && e->kind == KIR_BINARY && e->op == KIR_OP_AND) {
        split_tests(z, g, e->args[0]);
        split_tests(z, g, e->args[1]);
    } else if (e) {
        add_test(z, g, e);
    }
}

/* Are the variables that the test reads the same before the group? */
static bool is_known_before(const group *g, kir_expr *test) {
    if (!test)
        return true;
    var_set read = {.bits = g->all.written.bits, .words = g->all.written.words};
    for (uint32_t i = 0; i < test->n_args; i++)
        if (!is_known_before(g, test->args[i]))
            return false;
    return !test->var || !vars_has(&read, test->var);
}

/* Puts the bodies one behind the other for the question, as they stand; nothing is changed. */
static bool memory_allows(fuser *z, group *g, nest *q) {
    kir_stmt *last = g->at[g->n - 1].loop;
    kir_stmt *joined = kir_for(z->m, elements(&g->at[0])->var, g->at[0].loop->lo, g->at[0].loop->hi,
                               kir_int(z->m, g->at[0].step, last->at), KIR_LOOP_RANGE, last->at);
    for (uint32_t i = 0; i < g->n; i++) {
        const kir_stmt *l = elements(&g->at[i]);
        if (i)
            vec_push(z->scratch, &joined->body, kir_assign(z->m, l->var, shifted(z, g, &g->at[i], last->at), last->at));
        add_bodies(z, &joined->body, &l->body);
    }
    uint32_t split = joined->body.len;
    vec_push(z->scratch, &joined->body, kir_assign(z->m, elements(q)->var, shifted(z, g, q, last->at), last->at));
    add_bodies(z, &joined->body, &elements(q)->body);
    dep_verdict v = dep_parts(session_of(z), joined, split);
    if (v.class != KIR_CLASS_INDEPENDENT)
        return false;
    kir_expr *when = dep_condition(z->m, &v, last->at);
    if (when && (!z->m->options.parallel || !is_known_before(g, when)))
        return false;
    split_tests(z, g, when);
    return g->apart.len <= TESTS_MAX;
}

enum { MATH_COST = 20 };

/* Rows may be short, and a loop with a sum unrolls further: functions of their elements are better computed apart. */
static bool is_short_sum(fuser *z, const group *g, const nest *q) {
    if (z->loops == 0 || (!q->inner && !blocks_of(g)))
        return false;
    int64_t cost = 0;
    for (uint32_t i = 0; i < g->n; i++)
        cost += cost_of_block((kir_block *)(uintptr_t)&elements(&g->at[i])->body);
    return cost >= MATH_COST;
}

static bool may_join(fuser *z, group *g, nest *q) {
    const nest *p = &g->at[g->n - 1];
    const kir_loop_info *a = g->at[0].loop->loop, *b = q->loop->loop;
    if (g->n == GROUP_MAX || g->fast.statements + q->fast.statements > STATEMENTS_MAX || a->schedule != b->schedule ||
        a->chunk != b->chunk || !is_switched_on(&z->m->options, b->kind))
        return false;
    if (!z->m->options.parallel && (a->kind == KIR_LOOP_ARRAY) != (b->kind == KIR_LOOP_ARRAY))
        return false;
    if (!shares_array(&g->fast, &q->fast) || !may_swap(&g->fast, &q->fast) || !is_promising(p, q) ||
        is_short_sum(z, g, q) || !same_iterations(z, g, q))
        return false;
    for (uint32_t i = 0; i < q->tests.len; i++)
        if (!is_known_before(g, q->tests.at[i]))
            return false;
    if (!scalars_allow(z, g, q))
        return false;
    for (uint32_t i = 0; i < g->n; i++)
        if (!is_independent(z, &g->at[i]))
            return false;
    return is_independent(z, q) && memory_allows(z, g, q);
}

/* ---- making one ------------------------------------------------------------------------------------------------------------------ */

static kir_expr *all_of(fuser *z, kir_expr *const *tests, uint32_t n) {
    kir_expr *all = NULL;
    for (uint32_t i = 0; i < n; i++) {
        kir_expr *e = kir_copy_expr(z->m, tests[i], NULL);
        all = all ? kir_binary(z->m, KIR_OP_AND, all, e, e->at) : e;
    }
    return all;
}

static const nest *leader_of(const group *g) {
    const nest *best = &g->at[0];
    for (uint32_t i = 1; i < g->n; i++) {
        kir_loop_kind a = best->loop->loop->kind, b = g->at[i].loop->loop->kind;
        bool better = (b == KIR_LOOP_PRANGE && a != KIR_LOOP_PRANGE) || (a == KIR_LOOP_ARRAY && b != KIR_LOOP_ARRAY) ||
                      (!best->loop->loop->id && g->at[i].loop->loop->id && a == b);
        best = better ? &g->at[i] : best;
    }
    return best;
}

static void note_fusion(fuser *z, const group *g, uint32_t leader) {
    for (uint32_t i = 0; i < g->n && leader; i++) {
        uint32_t id = g->at[i].loop->loop->id;
        if (id && id != leader && id < z->m->report.len)
            z->m->report.at[id].fused_with = leader;
    }
}

static bool forget(kir_stmt *s, void *context) {
    (void)context;
    if (s->kind == KIR_FOR)
        s->loop->id = 0;
    return true;
}

/* What runs when a test fails: what was there. A slow version alone does for it only if it is that very loop's test which
 * failed, because simplify took the test to fail where the slow version stands. */
static void place_others(fuser *z, group *g, kir_block *out) {
    for (uint32_t i = 0; i < g->n; i++) {
        nest *n = &g->at[i];
        kir_block b = {0};
        if (g->apart.len || n->tests.len < g->tests.len)
            vec_push(z->m->a, &b, n->placed);
        else
            b = n->versions->orelse;
        kir_block copy = kir_copy_block(z->m, &b, pass_renamed_temps(z->m, z->f, z->scratch, &b));
        kir_each_stmt(&copy, forget, NULL);
        for (uint32_t k = 0; k < copy.len; k++)
            vec_push(z->m->a, out, copy.at[k]);
    }
}

/* The body of a loop for the one that takes its place, whose index is `var`. */
static void add_body(fuser *z, const group *g, uint32_t k, kir_var *var, kir_stmt *to) {
    kir_stmt *l = g->at[k].loop;
    kir_map *map = kir_map_new(z->m);
    if (l->var != var && g->at[k].shift == 0)
        kir_map_var(map, l->var, var);
    else if (l->var != var)
        kir_map_expr(map, l->var, shifted(z, g, &g->at[k], l->at));
    kir_block copy = kir_copy_block(z->m, &l->body, map);
    kir_block_append(z->m, &to->body, &copy);
}

/* The loop over the elements of one block, in the place of a loop over all of them. */
static void add_block(fuser *z, const nest *blocks, const nest *n, kir_stmt *to) {
    kir_module *m = z->m;
    kir_block single = {.at = &(kir_stmt *){n->loop}, .len = 1, .cap = 1}, copy = kir_copy_block(m, &single, NULL);
    kir_stmt *l = copy.at[0];
    l->lo = kir_copy_expr(m, blocks->inner->lo, NULL);
    l->hi = kir_copy_expr(m, blocks->inner->hi, NULL);
    l->loop->id = 0;
    vec_push(m->a, &to->body, l);
}

static kir_stmt *join_loops(fuser *z, group *g) {
    kir_module *m = z->m;
    const nest *leader = leader_of(g), *blocks = blocks_of(g);
    kir_stmt *first = blocks ? blocks->loop : g->at[0].loop, *loop = kir_stmt_new(m, KIR_FOR, leader->loop->at);
    *loop->loop = *leader->loop->loop;
    loop->var = first->var;
    loop->lo = first->lo;
    loop->hi = first->hi;
    loop->step = first->step;
    bool arrays = true;
    for (uint32_t i = 0; i < g->n; i++) {
        const kir_stmt *l = g->at[i].loop;
        if (blocks && !g->at[i].inner)
            add_block(z, blocks, &g->at[i], loop);
        else
            add_body(z, g, i, loop->var, loop);
        arrays = arrays && l->loop->kind == KIR_LOOP_ARRAY;
        loop->loop->vector = loop->loop->vector && l->loop->vector;
        loop->loop->slot = l->loop->slot;
    }
    if (!arrays) {
        loop->loop->class = KIR_CLASS_UNANALYSED;
        loop->loop->vector = false;
    }
    note_fusion(z, g, loop->loop->id);
    return loop;
}

static void enter(fuser *z, kir_stmt *s);

static bool note_other_loop(kir_stmt *s, void *context) {
    *(bool *)context &= s->kind != KIR_FOR || s->loop->kind == KIR_LOOP_ARRAY;
    return true;
}

/* An array statement through a temporary, for arrays that share memory though they came by different names: right, and
 * seldom worth code that is fast. */
static bool only_array_loops(kir_block *b) {
    bool only = true;
    kir_each_stmt(b, note_other_loop, &only);
    return only;
}

static void place_group(fuser *z, group *g, kir_block *out) {
    kir_module *m = z->m;
    kir_block others = {0};
    kir_expr *when = all_of(z, g->tests.at, g->tests.len);
    kir_expr *apart = all_of(z, g->apart.at, g->apart.len);
    bool for_overlap = !when && apart;
    when = when && apart ? kir_binary(m, KIR_OP_AND, when, apart, when->at) : when ? when : apart;
    if (when)
        place_others(z, g, &others);
    if (for_overlap && only_array_loops(&others))
        pass_make_cold(&others);
    kir_stmt *loop = join_loops(z, g);
    z->changed = true;
    enter(z, loop);
    if (!when) {
        vec_push(m->a, out, loop);
        return;
    }
    kir_stmt *versions = kir_stmt_new(m, KIR_IF, loop->at);
    versions->value = when;
    vec_push(m->a, &versions->body, loop);
    versions->orelse = others;
    vec_push(m->a, out, versions);
}

static void push_all(fuser *z, kir_block *out, const kir_block *b) {
    for (uint32_t i = 0; i < b->len; i++)
        vec_push(z->m->a, out, b->at[i]);
}

/* Ends the group: its statement stands in `out` afterwards. */
static void flush(fuser *z, group *g, kir_block *out) {
    push_all(z, out, &g->lifted);
    if (g->n > 1) {
        place_group(z, g, out);
    } else if (g->n == 1) {
        enter(z, g->at[0].placed);
        vec_push(z->m->a, out, g->at[0].placed);
    }
    push_all(z, out, &g->pending);
    *g = (group){0};
}

static void add_nest(fuser *z, group *g, const nest *n) {
    if (g->n == 0) {
        g->all = no_effects(z);
        g->fast = no_effects(z);
    }
    push_all(z, &g->lifted, &g->pending);
    g->pending.len = 0;
    g->at[g->n++] = *n;
    merge_effects(&g->all, &n->all);
    merge_effects(&g->fast, &n->fast);
    for (uint32_t i = 0; i < n->tests.len; i++) {
        bool known = false;
        for (uint32_t k = 0; k < g->tests.len && !known; k++)
            known = kir_expr_equal(g->tests.at[k], n->tests.at[i]);
        if (!known)
            vec_push(z->scratch, &g->tests, n->tests.at[i]);
    }
}

/* ---- the walk ------------------------------------------------------------------------------------------------------------------------ */

/* The facts after the statement. */
static void pass_by(fuser *z, kir_stmt *s) {
    bool nested = s->kind == KIR_FOR || s->kind == KIR_LOOP || s->kind == KIR_IF || s->kind == KIR_BLOCK;
    if (!nested) {
        facts_after(z->facts, s);
        return;
    }
    facts_kill_written(z->facts, &s->body);
    facts_kill_written(z->facts, &s->orelse);
    if (s->kind == KIR_FOR)
        facts_kill(z->facts, s->var);
}

/* Fuses inside a statement, on both sides of an IF; facts are as they were afterwards. */
static void enter(fuser *z, kir_stmt *s) {
    if (s->kind == KIR_FOR && (s->loop->cold || depth_of(s) < 2)) {
        pass_by(z, s);
        return;
    }
    facts_scope scope = facts_mark(z->facts);
    bool loop = s->kind == KIR_FOR || s->kind == KIR_LOOP;
    if (loop)
        facts_enter_loop(z->facts, s);
    z->loops += loop;
    if (s->kind == KIR_IF)
        facts_assume(z->facts, s->value, true);
    fuse_block(z, &s->body);
    z->loops -= loop;
    facts_reset(z->facts, scope);
    if (s->kind == KIR_IF) {
        facts_assume(z->facts, s->value, false);
        fuse_block(z, &s->orelse);
        facts_reset(z->facts, scope);
    }
    pass_by(z, s);
}

/* Is `q` to join the group? Its bounds are compared under the tests of both. */
static bool joins(fuser *z, group *g, nest *q) {
    facts_scope scope = facts_mark(z->facts);
    for (uint32_t i = 0; i < g->tests.len; i++)
        facts_assume(z->facts, g->tests.at[i], true);
    for (uint32_t i = 0; i < q->tests.len; i++)
        facts_assume(z->facts, q->tests.at[i], true);
    take_bounds(z, q);
    bool yes = g->n > 0 && may_join(z, g, q);
    facts_reset(z->facts, scope);
    return yes;
}

static void fuse_stmt(fuser *z, group *g, kir_block *out, kir_stmt *s) {
    nest q;
    if (open_nest(z, s, &q)) {
        if (!joins(z, g, &q)) {
            flush(z, g, out);
            joins(z, g, &q);
        }
        add_nest(z, g, &q);
        pass_by(z, s);
        return;
    }
    effects e = {0};
    if (g->n)
        e = effects_of(z, s);
    if (!g->n || !may_lift(z, g, &e))
        flush(z, g, out);
    bool nested = s->kind == KIR_FOR || s->kind == KIR_LOOP || s->kind == KIR_IF || s->kind == KIR_BLOCK;
    if (nested)
        enter(z, s);
    else
        pass_by(z, s);
    vec_push(z->m->a, g->n ? &g->pending : out, s);
}

static void fuse_block(fuser *z, kir_block *b) {
    group *g = arena_make(z->scratch, group);
    kir_block out = {0};
    for (uint32_t i = 0; i < b->len; i++)
        fuse_stmt(z, g, &out, b->at[i]);
    flush(z, g, &out);
    *b = out;
}

static bool count_loop(kir_stmt *s, void *context) {
    uint32_t *n = context;
    *n += s->kind == KIR_FOR && !s->loop->cold;
    return true;
}

bool fuse_run(pass_context *c) {
    c->unchanged = true;
    if (c->m->options.parallel && !c->m->options.par_fusion)
        return true;
    for (uint32_t i = 0; i < c->m->fns.len; i++) {
        fuser z = {.m = c->m, .f = c->m->fns.at[i], .scratch = c->scratch};
        uint32_t loops = 0;
        kir_each_stmt(&z.f->body, count_loop, &loops);
        if (z.f->kind == KIR_FN_REGION || z.f->cold || loops < 2)
            continue;
        z.facts = facts_new(c->scratch, c->m, z.f);
        z.alias = alias_new(c->scratch, z.f);
        z.defs = vars_defs(c->scratch, z.f);
        z.live = live_new(c->scratch, z.f);
        fuse_block(&z, &z.f->body);
        if (z.session)
            dep_close(z.session);
        c->unchanged = c->unchanged && !z.changed;
    }
    return true;
}
