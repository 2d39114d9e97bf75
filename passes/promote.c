/* promote: an array element that a loop only accumulates into lives in a variable meanwhile.
 *
 *   for %k in range(0, %n, 1) {                 if 0 < %n {
 *       %t = load %c[%i, %j]                        %s = load %c[%i, %j]
 *       store %c[%i, %j] = %t + %x          →       for %k in range(0, %n, 1) { %s = %s + %x }
 *   }                                               store %c[%i, %j] = %s
 *                                               }
 *
 * So sums into array elements become scalar reductions, and the loop no longer waits for memory. The element's subscripts
 * do not change in the loop, it is stored unconditionally and loaded at least once, and nothing else in the loop
 * touches it: other elements of the same array are proven different (some subscript differs, by the facts of facts.h),
 * and arrays that may share memory with it are tested at run time when parallel=True (else the loop is left alone):
 *
 *   if !overlap(%c, %a) { promoted } else { as it was }
 *
 * Loops that may raise, call or leave early are left alone: what they have stored until then can be seen. The order of
 * operations is unchanged. Cost: a walk with facts. */
#include "passes/alias.h"
#include "passes/facts.h"
#include "passes/passes.h"
#include "passes/vars.h"

enum { PAIRS_MAX = 4, ELEMENTS_MAX = 4 };

typedef struct element_access {
    kir_stmt *s;
    kir_var *array;
    const lin *index[TYPE_MAX_NDIM];
    uint32_t n;
    bool is_store, is_direct; /* is_direct: a statement of the loop's own block */
} element_access;

typedef struct promoter {
    kir_module *m;
    kir_fn *f;
    arena *scratch;
    facts *facts;
    alias_map *alias;
} promoter;

typedef struct gathering { /* of one loop */
    promoter *p;
    kir_stmt *loop;
    VEC(element_access) found;
    bool unfit;
} gathering;

static void promote_block(promoter *p, kir_block *b);

/* ---- accesses with the facts that hold at each ---------------------------------------------------------------------------------- */

static void gather_block(gathering *g, kir_block *b, bool direct);

static void add_access(gathering *g, kir_stmt *s, kir_var *array, kir_expr *const *index, uint32_t n, bool store,
                       bool direct) {
    element_access x = {.s = s, .array = array, .n = n, .is_store = store, .is_direct = direct};
    for (uint32_t i = 0; i < n; i++)
        x.index[i] = facts_lin(g->p->facts, index[i]);
    vec_push(g->p->scratch, &g->found, x);
}

static void gather_nested(gathering *g, kir_stmt *s) {
    facts *f = g->p->facts;
    facts_scope scope = facts_mark(f);
    if (s->kind == KIR_IF) {
        facts_assume(f, s->value, true);
        gather_block(g, &s->body, false);
        facts_reset(f, scope);
        facts_kill_written(f, &s->body);
        gather_block(g, &s->orelse, false);
        facts_reset(f, scope);
        facts_kill_written(f, &s->orelse);
        return;
    }
    facts_enter_loop(f, s);
    gather_block(g, &s->body, false);
    facts_reset(f, scope);
    facts_kill_written(f, &s->body);
    facts_kill(f, s->var);
}

static void gather_stmt(gathering *g, kir_stmt *s, bool direct) {
    switch (s->kind) {
    case KIR_ASSIGN:
        if (s->value->kind == KIR_LOAD)
            add_access(g, s, s->value->var, s->value->args, s->value->n_args, false, direct);
        g->unfit |= s->var->ty->kind == TYPE_ARRAY;
        break;
    case KIR_STORE:
        add_access(g, s, s->var, s->index.at, s->index.len, true, direct);
        break;
    case KIR_IF:
    case KIR_FOR:
        gather_nested(g, s);
        return;
    default:
        g->unfit = true;
        return;
    }
    facts_after(g->p->facts, s);
}

static void gather_block(gathering *g, kir_block *b, bool direct) {
    for (uint32_t i = 0; i < b->len && !g->unfit; i++)
        gather_stmt(g, b->at[i], direct);
}

/* ---- may it be promoted? ----------------------------------------------------------------------------------------------------------- */

typedef struct pair_list {
    kir_var *other[PAIRS_MAX];
    uint32_t n;
} pair_list;

typedef struct chosen { /* an element to be promoted */
    const element_access *x;
    pair_list pairs; /* arrays that must be apart from its own */
    bool injective;  /* different subscripts must be different memory: a stride may be 0 */
} chosen;

static bool same_index(const element_access *a, const element_access *b) {
    bool same = a->n == b->n;
    for (uint32_t i = 0; same && i < a->n; i++)
        same = facts_equal(a->index[i], b->index[i]);
    return same;
}

static bool differs(promoter *p, const lin *a, const lin *b) {
    const lin *one = facts_const(p->facts, 1);
    const lin *up = facts_add(p->facts, a, b, -1), *down = facts_add(p->facts, b, a, -1);
    up = up ? facts_add(p->facts, up, one, -1) : NULL;
    down = down ? facts_add(p->facts, down, one, -1) : NULL;
    return (up && facts_nonneg(p->facts, up)) || (down && facts_nonneg(p->facts, down));
}

static bool add_pair(pair_list *pairs, kir_var *v) {
    for (uint32_t i = 0; i < pairs->n; i++)
        if (pairs->other[i] == v)
            return true;
    if (pairs->n == PAIRS_MAX)
        return false;
    pairs->other[pairs->n++] = v;
    return true;
}

static bool is_invariant_store(const kir_stmt *s, const var_set *written) {
    for (uint32_t k = 0; k < s->index.len; k++)
        if (vars_mentions_any(s->index.at[k], written))
            return false;
    return !vars_has(written, s->var);
}

/* The facts of the accesses are gone by now, but their forms still speak of the values at their places; differences that
 * follow from loop bounds need the bounds again: so this runs inside the loop's scope. */
static bool is_alone(gathering *g, const element_access *x, chosen *c) {
    bool loads = false;
    for (uint32_t i = 0; i < g->found.len; i++) {
        const element_access *y = &g->found.at[i];
        if (y->array != x->array) {
            if (!alias_may_share(g->p->alias, x->array, y->array))
                continue;
            if (!g->p->m->options.parallel || !add_pair(&c->pairs, y->array))
                return false;
            continue;
        }
        if (same_index(x, y)) {
            loads |= !y->is_store;
            if (y->is_store && !y->is_direct)
                return false;
            continue;
        }
        bool apart = false;
        for (uint32_t k = 0; k < x->n && !apart; k++)
            apart = differs(g->p, x->index[k], y->index[k]);
        c->injective |= x->array->ty->layout == LAYOUT_A;
        if (!apart || (c->injective && !g->p->m->options.parallel))
            return false;
    }
    return loads;
}

/* ---- doing it ------------------------------------------------------------------------------------------------------------------------ */

static void replace_accesses(gathering *g, const element_access *x, kir_var *v) {
    kir_module *m = g->p->m;
    for (uint32_t i = 0; i < g->found.len; i++) {
        element_access *y = &g->found.at[i];
        if (y->array != x->array || !same_index(x, y))
            continue;
        kir_stmt *s = y->s;
        if (!y->is_store) {
            s->value = kir_ref(m, v, s->at);
        } else {
            s->kind = KIR_ASSIGN;
            s->var = v;
            s->index.len = 0;
        }
    }
}

static kir_expr *is_entered(promoter *p, const kir_stmt *loop) {
    int64_t step = 1;
    kir_is_const_int(loop->step, &step);
    kir_expr *lo = kir_copy_expr(p->m, loop->lo, NULL), *hi = kir_copy_expr(p->m, loop->hi, NULL);
    return kir_binary(p->m, step > 0 ? KIR_OP_LT : KIR_OP_GT, lo, hi, loop->at);
}

static kir_expr *only_one(promoter *p, const chosen *c, kir_expr *all, span at) {
    for (uint32_t i = 0; i < c->pairs.n; i++) {
        kir_expr *apart = pass_apart(p->m, c->x->array, c->pairs.other[i], at);
        all = all ? kir_binary(p->m, KIR_OP_AND, all, apart, at) : apart;
    }
    if (c->injective) {
        kir_expr *distinct = pass_distinct(p->m, c->x->array, at);
        all = all ? kir_binary(p->m, KIR_OP_AND, all, distinct, at) : distinct;
    }
    return all;
}

/* The test that the elements' arrays share nothing with the others, and the loop as it was for when they do. */
static kir_stmt *make_versions(gathering *g, kir_expr *apart, kir_stmt *fast) {
    kir_module *m = g->p->m;
    kir_stmt *versions = kir_stmt_new(m, KIR_IF, g->loop->at);
    versions->value = apart;
    versions->orelse = pass_cold_copy(m, g->p->f, g->p->scratch, g->loop);
    vec_push(m->a, &versions->body, fast);
    return versions;
}

/* "a[i, 0]": how reports name the variable. */
static sym name_of_element(kir_module *m, const element_access *x) {
    sym array = x->array->called ? x->array->called : x->array->name;
    if (!array)
        return NULL;
    text t = text_new(m->a);
    text_printf(&t, "%s[", array->text);
    for (uint32_t k = 0; k < x->n; k++) {
        text_put(&t, k ? ", " : "");
        pass_put_condition(m, NULL, x->s->index.at[k], &t);
    }
    text_put(&t, "]");
    return sym_of(m->syms, t.at);
}

/* The load before the loop and the store after it; inside, the variable stands for the element. */
static kir_stmt *promote_element(gathering *g, const element_access *x, kir_block *before) {
    kir_module *m = g->p->m;
    span at = x->s->at;
    kir_var *v = kir_var_new(m, g->p->f, x->array->name, x->array->ty->dtype, at);
    v->called = name_of_element(m, x);
    kir_expr *index[TYPE_MAX_NDIM], *again[TYPE_MAX_NDIM];
    for (uint32_t k = 0; k < x->n; k++) {
        index[k] = kir_copy_expr(m, x->s->index.at[k], NULL);
        again[k] = kir_copy_expr(m, x->s->index.at[k], NULL);
    }
    replace_accesses(g, x, v);
    vec_push(m->a, before, kir_assign(m, v, kir_load(m, x->array, index, x->n, at), at));
    return kir_store(m, x->array, again, x->n, kir_ref(m, v, at), at);
}

/* Wraps the loop; returns the statement that takes its place. */
static kir_stmt *promote(gathering *g, const chosen *list, uint32_t n) {
    kir_module *m = g->p->m;
    kir_stmt *stores[ELEMENTS_MAX], *entered = kir_stmt_new(m, KIR_IF, g->loop->at), *placed = entered;
    entered->value = is_entered(g->p, g->loop);
    kir_expr *apart = NULL;
    for (uint32_t i = 0; i < n; i++)
        apart = only_one(g->p, &list[i], apart, list[i].x->s->at);
    if (apart)
        placed = make_versions(g, apart, entered);
    for (uint32_t i = 0; i < n; i++)
        stores[i] = promote_element(g, list[i].x, &entered->body);
    vec_push(m->a, &entered->body, g->loop);
    for (uint32_t i = 0; i < n; i++)
        vec_push(m->a, &entered->body, stores[i]);
    return placed;
}

static bool is_chosen(const chosen *list, uint32_t n, const element_access *x) {
    for (uint32_t i = 0; i < n; i++)
        if (list[i].x->array == x->array && same_index(list[i].x, x))
            return true;
    return false;
}

static uint32_t choose(gathering *g, const var_set *written, chosen *list) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < g->found.len && !g->unfit && n < ELEMENTS_MAX; i++) {
        const element_access *x = &g->found.at[i];
        list[n] = (chosen){.x = x};
        if (x->is_store && x->is_direct && is_invariant_store(x->s, written) && !is_chosen(list, n, x) &&
            is_alone(g, x, &list[n]))
            n++;
    }
    return n;
}

static kir_stmt *promote_in_loop(promoter *p, kir_stmt *loop) {
    gathering g = {.p = p, .loop = loop};
    int64_t step;
    if (loop->loop->cold || !kir_is_const_int(loop->step, &step) || step == 0)
        return loop;
    var_set written = vars_new(p->scratch, p->f);
    vars_written_in(&loop->body, &written);
    vars_add(&written, loop->var);
    facts_scope scope = facts_mark(p->facts);
    facts_enter_loop(p->facts, loop);
    gather_block(&g, &loop->body, true);
    chosen list[ELEMENTS_MAX];
    uint32_t n = choose(&g, &written, list);
    kir_stmt *placed = n ? promote(&g, list, n) : loop;
    facts_reset(p->facts, scope);
    facts_kill_written(p->facts, &loop->body);
    facts_kill(p->facts, loop->var);
    return placed;
}

/* ---- the walk -------------------------------------------------------------------------------------------------------------------------- */

static void promote_inside(promoter *p, kir_stmt *s) {
    facts_scope scope = facts_mark(p->facts);
    if (s->kind == KIR_FOR || s->kind == KIR_LOOP)
        facts_enter_loop(p->facts, s);
    if (s->kind == KIR_IF)
        facts_assume(p->facts, s->value, true);
    promote_block(p, &s->body);
    facts_reset(p->facts, scope);
    facts_kill_written(p->facts, &s->body);
    promote_block(p, &s->orelse);
    facts_kill_written(p->facts, &s->orelse);
    if (s->kind == KIR_FOR)
        facts_kill(p->facts, s->var);
    facts_reset(p->facts, scope);
}

static void promote_block(promoter *p, kir_block *b) {
    kir_block out = {0};
    for (uint32_t i = 0; i < b->len; i++) {
        kir_stmt *s = b->at[i];
        bool nested = s->kind == KIR_FOR || s->kind == KIR_LOOP || s->kind == KIR_IF || s->kind == KIR_BLOCK;
        if (nested)
            promote_inside(p, s);
        else
            facts_after(p->facts, s);
        if (s->kind == KIR_FOR)
            s = promote_in_loop(p, s);
        vec_push(p->m->a, &out, s);
    }
    *b = out;
}

bool promote_run(pass_context *c) {
    for (uint32_t i = 0; i < c->m->fns.len; i++) {
        promoter p = {.m = c->m, .f = c->m->fns.at[i], .scratch = c->scratch};
        if (p.f->kind == KIR_FN_REGION)
            continue;
        p.facts = facts_new(c->scratch, c->m, p.f);
        p.alias = alias_new(c->scratch, p.f);
        promote_block(&p, &p.f->body);
    }
    return true;
}
