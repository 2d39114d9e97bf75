/* See combine.h. How updates are recognised
 *
 *   %t = %y[e]                    the load, and later in the same block the store, of one element: the subscripts are the
 *   %s = %t + x                   same expressions and nothing that they read is written in between. %t and %s are used
 *   %y[e] = %s                    nowhere else. (Or %t is summed up in loops in between, as promote leaves it.)
 *
 * Whatever order such updates come in, and even when one overwrites another, an element's value is always its first
 * value op something that does not depend on it: so a block may start from the operator's identity.
 *
 * An array is an accumulator when all that the loop does to it are updates with one operator (dependence.c is asked
 * about the loop without them, and refuses when another statement touches that memory). Only arrays that stand in the
 * way are taken: what is independent by itself stays as it is. Narrow arrays are updated through casts
 * (int32(int64(t) + 1)): sums, products and bit operations of integers come out the same modulo 2^n.
 *
 * Extremes: the condition compares with `best` once, in one of its conjuncts; the branch assigns the very value
 * compared, and whatever else it assigns that outlives it (the payload) is assigned there alone and read nowhere in the
 * loop. A block takes the branch more often than the loop in order would, so it must do nothing else: no store, no check
 * that may raise, no sum. There may be several such tests, all alike. NaN never passes a comparison, so merging blocks by the same comparison gives what the loop in order gives.
 *
 * Scalarized slices come in two versions, one for arrays that overlap: if not(overlap(view, y)) {…} else {…}. Where the
 * condition follows from facts at the loop's entry (the arrays themselves do not overlap), it becomes part of the plan's
 * condition, and only its first arm is looked at. */
#include "passes/combine.h"
#include "passes/passes.h"
#include <math.h>
#include <string.h>

enum { ARRAYS_MOST = 4, EXTREMES_MOST = 8, NEST_MOST = 600 };

/* ---- chains of one operator -------------------------------------------------------------------------------------------- */

static uint32_t mentions(kir_expr *e, const kir_var *v) {
    uint32_t n = e->var == v;
    for (uint32_t i = 0; i < e->n_args; i++)
        n += mentions(e->args[i], v);
    return n;
}

/* The operator that combines partial results of `op`: differences are sums. */
static kir_op combining(kir_op op) {
    return op == KIR_OP_SUB ? KIR_OP_ADD : op;
}

static bool regroups(kir_op op, const type *ty) {
    switch (op) {
    case KIR_OP_ADD:
    case KIR_OP_SUB:
    case KIR_OP_MUL:
        return ty->kind == TYPE_INT || ty->kind == TYPE_FLOAT || ty->kind == TYPE_COMPLEX;
    case KIR_OP_MIN:
    case KIR_OP_MAX:
    case KIR_OP_NPMIN:
    case KIR_OP_NPMAX:
    case KIR_OP_FMIN:
    case KIR_OP_FMAX:
        return ty->kind != TYPE_COMPLEX;
    case KIR_OP_AND:
    case KIR_OP_OR:
    case KIR_OP_XOR:
        return true;
    default:
        return false;
    }
}

/* May v stand in operand `side` of an operation of the chain? */
static bool may_stand(kir_op op, uint32_t side, const type *ty) {
    bool ordered = op == KIR_OP_SUB || ((op == KIR_OP_MIN || op == KIR_OP_MAX) && ty->kind == TYPE_FLOAT);
    return side == 0 || !ordered;
}

typedef struct chain { /* what the end of a chain may look like */
    const kir_var *v;
    kir_block *block; /* assignments of temporaries in block[first, last) are looked through; or NULL */
    uint32_t first, last;
    bool casts; /* v may be cast */
    type *ty;   /* of the operations */
} chain;

typedef struct write_count {
    const kir_var *v;
    uint32_t n;
} write_count;

static void count_same(kir_var *v, void *context) {
    write_count *w = context;
    w->n += v == w->v;
}

static bool count_in_stmt(kir_stmt *s, void *context) {
    vars_written_by(s, count_same, context);
    return true;
}

/* The value of a variable that the statements assign once, at their top level; else `e` itself. What the value reads is
 * looked for above that assignment only: *c then ends there. */
static kir_expr *look_through(chain *c, kir_expr *e) {
    if (e->kind != KIR_VAR || e->var == c->v || !c->block)
        return e;
    uint32_t at = c->last;
    write_count w = {e->var, 0};
    for (uint32_t i = c->first; i < c->last; i++) {
        kir_stmt *s = c->block->at[i];
        kir_block single = {.at = &s, .len = 1, .cap = 1};
        if (s->kind == KIR_ASSIGN && s->var == e->var && s->value->kind != KIR_LOAD)
            at = i;
        kir_each_stmt(&single, count_in_stmt, &w);
    }
    if (at == c->last || w.n != 1)
        return e;
    c->last = at;
    return c->block->at[at]->value;
}

static bool leads_to(const chain *outer, kir_expr *e) {
    chain c = *outer;
    e = look_through(&c, e);
    if (e->var == c.v)
        return true;
    for (uint32_t i = 0; i < e->n_args; i++)
        if (leads_to(&c, e->args[i]))
            return true;
    return false;
}

static bool is_end(const chain *c, const kir_expr *e) {
    if (c->casts && e->kind == KIR_CAST)
        e = e->args[0];
    return e->kind == KIR_VAR && e->var == c->v;
}

static bool follow(const chain *outer, kir_expr *e, kir_op *op) {
    chain inner = *outer, *c = &inner;
    e = look_through(c, e);
    if (is_end(c, e))
        return true;
    if (e->kind != KIR_BINARY || e->ty != c->ty || !regroups(e->op, e->ty))
        return false;
    if (*op != KIR_OP_INVALID && combining(e->op) != *op)
        return false;
    *op = combining(e->op);
    bool left = leads_to(c, e->args[0]), right = leads_to(c, e->args[1]);
    if (left == right || !may_stand(e->op, left ? 0 : 1, e->ty))
        return false;
    return follow(c, e->args[left ? 0 : 1], op);
}

bool combine_is_chain(kir_expr *e, const kir_var *v, kir_op *op) {
    chain c = {.v = v, .ty = v->ty};
    return mentions(e, v) == 1 && follow(&c, e, op);
}

kir_expr *combine_identity(kir_module *m, kir_op op, type *ty, span at) {
    bool sum = op == KIR_OP_ADD;
    if (ty->kind == TYPE_FLOAT && sum)
        return kir_const_float(m, ty, -0.0, at);
    if (ty->kind == TYPE_FLOAT && (op == KIR_OP_FMIN || op == KIR_OP_FMAX))
        return kir_const_float(m, ty, NAN, at);
    if (ty->kind == TYPE_COMPLEX)
        return sum ? kir_const_complex(m, ty, -0.0, -0.0, at) : NULL;
    return pass_identity(m, op, ty, at);
}

/* ---- what a loop does ----------------------------------------------------------------------------------------------------- */

typedef struct finder {
    dep_session *session;
    kir_module *m;
    kir_fn *f;
    arena *scratch;
    kir_stmt *loop;
    uint32_t *writes, *reads; /* by variable id, in the loop */
    kir_stmt **def;           /* by variable id: the last ASSIGN seen */
    uint32_t stores, statements;
    bool stopped; /* something the plan cannot live with */
    struct kir_plan *plan;
    VEC(combine_update) found; /* all updates; `array` is not filled in yet */
    VEC(kir_op) ops;           /* of each */
} finder;

static void count_write(kir_var *v, void *context) {
    ((finder *)context)->writes[v->id]++;
}

static void count_read(kir_var *v, void *context) {
    ((finder *)context)->reads[v->id]++;
}

static void count_slot(kir_expr **slot, void *context) {
    vars_in_expr(*slot, count_read, context);
}

static bool count_stmt(kir_stmt *s, void *context) {
    finder *f = context;
    kir_each_expr(s, count_slot, f);
    vars_written_by(s, count_write, f);
    if (s->kind == KIR_ASSIGN)
        f->def[s->var->id] = s;
    f->stores += s->kind == KIR_STORE;
    f->statements++;
    f->stopped |= s->kind == KIR_CALL || s->kind == KIR_RUNTIME || s->kind == KIR_REGION || s->kind == KIR_RETURN;
    return true;
}

static void note_written(kir_var *v, void *context) {
    void **c = context;
    if (((const finder *)c[0])->writes[v->id])
        *(bool *)c[1] = false;
}

static bool is_invariant(const finder *f, kir_expr *e) {
    bool holds = true;
    void *c[2] = {(void *)(uintptr_t)f, &holds};
    vars_in_expr(e, note_written, c);
    return holds;
}

/* ---- conditions that follow from the entry's ------------------------------------------------------------------------------ */

/* The array from outside the loop that v looks into, or NULL. */
static kir_var *outer_array(const finder *f, kir_var *v) {
    for (int steps = 0; steps < 16; steps++) {
        if (!f->writes[v->id])
            return v;
        const kir_stmt *d = f->def[v->id];
        if (f->writes[v->id] != 1 || !d ||
            !(d->value->kind == KIR_VIEW || d->value->kind == KIR_VAR || d->value->kind == KIR_TRANSPOSE))
            return NULL;
        v = d->value->var;
    }
    return NULL;
}

/* A condition at the loop's entry from which `e` follows in every iteration, or NULL. */
static kir_expr *entry_condition(const finder *f, kir_expr *e) {
    kir_module *m = f->m;
    if (e->kind == KIR_BINARY && e->op == KIR_OP_AND && e->ty->kind == TYPE_BOOL) {
        kir_expr *a = entry_condition(f, e->args[0]), *b = a ? entry_condition(f, e->args[1]) : NULL;
        return b ? kir_binary(m, KIR_OP_AND, a, b, e->at) : NULL;
    }
    if (e->kind == KIR_UNARY && e->op == KIR_OP_NOT && e->args[0]->kind == KIR_OVERLAP) {
        kir_var *a = outer_array(f, e->args[0]->var), *b = outer_array(f, e->args[0]->args[0]->var);
        return a && b && a != b ? pass_apart(m, a, b, e->at) : NULL;
    }
    return is_invariant(f, e) ? kir_copy_expr(m, e, NULL) : NULL;
}

static kir_expr *and_also(kir_module *m, kir_expr *a, kir_expr *b) {
    return a && b ? kir_binary(m, KIR_OP_AND, a, b, b->at) : a ? a : b;
}

typedef struct store_scan {
    bool stores, overlaps;
} store_scan;

static bool look_for_store(kir_stmt *s, void *context) {
    ((store_scan *)context)->stores |= s->kind == KIR_STORE;
    return true;
}

static void look_for_overlap(kir_expr **slot, void *context) {
    ((store_scan *)context)->overlaps |= (*slot)->kind == KIR_OVERLAP;
}

/* An IF that tells overlapping arrays from others, each arm doing the work its way. */
static bool is_version(kir_stmt *s) {
    store_scan first = {0}, second = {0};
    kir_each_stmt(&s->body, look_for_store, &first);
    kir_each_stmt(&s->orelse, look_for_store, &second);
    kir_each_subexpr(&s->value, look_for_overlap, &first);
    return first.stores && second.stores && first.overlaps;
}

static void take_first_arms(finder *f, kir_block *b) {
    for (uint32_t i = 0; i < b->len; i++) {
        kir_stmt *s = b->at[i];
        kir_expr *when = s->kind == KIR_IF && is_version(s) ? entry_condition(f, s->value) : NULL;
        take_first_arms(f, &s->body);
        if (!when) {
            take_first_arms(f, &s->orelse);
            continue;
        }
        vec_push(f->m->a, &f->plan->taken, s);
        f->plan->when = and_also(f->m, f->plan->when, when);
    }
}

static bool is_taken(const finder *f, const kir_stmt *s) {
    for (uint32_t i = 0; i < f->plan->taken.len; i++)
        if (f->plan->taken.at[i] == s)
            return true;
    return false;
}

/* ---- updates -------------------------------------------------------------------------------------------------------------- */

typedef struct between { /* what happens between the load and the store */
    const kir_stmt *store;
    bool clear;
} between;

static void check_index_var(kir_var *v, void *context) {
    between *b = context;
    for (uint32_t k = 0; k < b->store->index.len; k++)
        b->clear &= !vars_mentions(b->store->index.at[k], v);
    b->clear &= v != b->store->var;
}

static bool check_between(kir_stmt *s, void *context) {
    between *b = context;
    vars_written_by(s, check_index_var, b);
    return b->clear;
}

static bool is_clear(kir_block *b, uint32_t from, uint32_t to, const kir_stmt *store) {
    between x = {store, true};
    for (uint32_t i = from; i < to && x.clear; i++) {
        kir_block single = {.at = &b->at[i], .len = 1, .cap = 1};
        kir_each_stmt(&single, check_between, &x);
    }
    return x.clear;
}

static bool loads_element(const kir_stmt *s, const kir_stmt *store) {
    if (s->kind != KIR_ASSIGN || s->value->kind != KIR_LOAD || s->value->var != store->var ||
        s->value->n_args != store->index.len)
        return false;
    for (uint32_t k = 0; k < store->index.len; k++)
        if (!kir_expr_equal(s->value->args[k], store->index.at[k]))
            return false;
    return true;
}

/* Casts there and back: what may go through a wider type and be combined in the narrow one? */
static bool may_widen(kir_op op, const type *narrow, const type *wide) {
    if (narrow->kind != wide->kind || wide->bits < narrow->bits)
        return false;
    bool modular = op == KIR_OP_ADD || op == KIR_OP_MUL || op == KIR_OP_AND || op == KIR_OP_OR || op == KIR_OP_XOR;
    return narrow->kind == TYPE_FLOAT || (narrow->kind == TYPE_INT && modular);
}

static bool is_listed(kir_var *const *at, uint32_t n, const kir_var *v) {
    for (uint32_t i = 0; i < n; i++)
        if (at[i] == v)
            return true;
    return false;
}

static bool outlives(const finder *f, const kir_var *v) {
    const kir_loop_info *l = f->loop->loop;
    return is_listed(l->last_privates.at, l->last_privates.len, v) || is_listed(l->carried.at, l->carried.len, v);
}

static bool is_used_once(const finder *f, const kir_var *v) {
    return f->writes[v->id] == 1 && f->reads[v->id] == 1 && !outlives(f, v);
}

typedef struct use_scan {
    const finder *f;
    const chain *c;
    bool once;
} use_scan;

/* Every temporary on the way serves the update alone. */
static void check_uses(const chain *outer, kir_expr *e, use_scan *u) {
    chain c = *outer;
    kir_expr *value = look_through(&c, e);
    if (value != e && leads_to(&c, value))
        u->once &= is_used_once(u->f, e->var);
    for (uint32_t i = 0; i < value->n_args; i++)
        check_uses(&c, value->args[i], u);
}

typedef struct sum_scan { /* what becomes of a variable between the element's load and its store */
    const kir_var *v;
    kir_op op;
    uint32_t updates;
    bool ok;
} sum_scan;

static bool check_sum(kir_stmt *s, void *context) {
    sum_scan *x = context;
    if (s->kind != KIR_ASSIGN || s->var != x->v)
        return x->ok;
    x->ok &= s->value->kind != KIR_VAR && combine_is_chain(s->value, x->v, &x->op);
    x->updates++;
    return x->ok;
}

/* promote keeps an element in a variable: %v = %y[e]; for … { %v = %v + x }; %y[e] = %v. */
static kir_op promoted_op(const finder *f, kir_block *b, uint32_t from, uint32_t to) {
    sum_scan x = {.v = b->at[from]->var, .ok = true};
    for (uint32_t i = from + 1; i < to; i++) {
        kir_block single = {.at = &b->at[i], .len = 1, .cap = 1};
        kir_each_stmt(&single, check_sum, &x);
    }
    bool alone = f->writes[x.v->id] == x.updates + 1 && f->reads[x.v->id] == x.updates + 1 && !outlives(f, x.v);
    return x.ok && x.updates && alone ? x.op : KIR_OP_INVALID;
}

static kir_op update_op(const finder *f, kir_block *b, uint32_t from, uint32_t to) {
    kir_stmt *store = b->at[to];
    if (store->value->kind == KIR_VAR && store->value->var == b->at[from]->var)
        return promoted_op(f, b, from, to);
    chain c = {.v = b->at[from]->var, .block = b, .first = from + 1, .last = to, .ty = store->value->ty};
    kir_op op = KIR_OP_INVALID;
    chain at = c;
    kir_expr *value = look_through(&at, store->value);
    use_scan uses = {f, &c, true};
    check_uses(&c, store->value, &uses);
    if (!uses.once || !is_used_once(f, c.v))
        return KIR_OP_INVALID;
    if (value->kind == KIR_CAST) {
        value = look_through(&at, value->args[0]);
        at.casts = true;
        at.ty = value->ty;
    }
    if (is_end(&at, value) || !follow(&at, value, &op))
        return KIR_OP_INVALID;
    return !at.casts || may_widen(op, store->var->ty->dtype, at.ty) ? op : KIR_OP_INVALID;
}

static void find_update(finder *f, kir_block *b, uint32_t at) {
    kir_stmt *store = b->at[at];
    for (uint32_t i = at; i-- > 0;) {
        if (!loads_element(b->at[i], store))
            continue;
        kir_op op = is_clear(b, i, at, store) ? update_op(f, b, i, at) : KIR_OP_INVALID;
        if (op == KIR_OP_INVALID || !combine_identity(f->m, op, store->var->ty->dtype, store->at))
            return;
        combine_update u = {.load = b->at[i], .store = store};
        vec_push(f->scratch, &f->found, u);
        vec_push(f->scratch, &f->ops, op);
        return;
    }
}

static void find_updates(finder *f, kir_block *b) {
    for (uint32_t i = 0; i < b->len; i++) {
        kir_stmt *s = b->at[i];
        if (s->kind == KIR_STORE)
            find_update(f, b, i);
        find_updates(f, &s->body);
        if (!is_taken(f, s))
            find_updates(f, &s->orelse);
    }
}

/* ---- extremes ---------------------------------------------------------------------------------------------------------------- */

static kir_op mirrored(kir_op cmp) {
    switch (cmp) {
    case KIR_OP_LT:
        return KIR_OP_GT;
    case KIR_OP_LE:
        return KIR_OP_GE;
    case KIR_OP_GT:
        return KIR_OP_LT;
    case KIR_OP_GE:
        return KIR_OP_LE;
    default:
        return KIR_OP_INVALID;
    }
}

/* The value compared with `best` in a condition that asks for it with AND; NULL: the condition is something else. */
static kir_expr *compared_value(kir_expr *e, const kir_var *best, kir_op *cmp) {
    if (e->kind != KIR_BINARY || mentions(e, best) != 1)
        return NULL;
    if (e->op == KIR_OP_AND && e->ty->kind == TYPE_BOOL)
        return compared_value(e->args[mentions(e->args[0], best) ? 0 : 1], best, cmp);
    bool right = e->args[1]->kind == KIR_VAR && e->args[1]->var == best;
    if (!mirrored(e->op) || (!right && !(e->args[0]->kind == KIR_VAR && e->args[0]->var == best)))
        return NULL;
    *cmp = right ? e->op : mirrored(e->op);
    return e->args[right ? 0 : 1];
}

/* Everything that the loop assigns and `e` reads is assigned once: it has one value from the comparison to the branch. */
static void check_stable(kir_var *v, void *context) {
    void **c = context;
    if (((const finder *)c[0])->writes[v->id] > 1)
        *(bool *)c[1] = false;
}

static bool is_stable(const finder *f, kir_expr *e) {
    bool stable = true;
    void *c[2] = {(void *)(uintptr_t)f, &stable};
    vars_in_expr(e, check_stable, c);
    return stable;
}

/* The value of a variable that the loop assigns once; `e` itself when it is something else. */
static kir_expr *only_value(const finder *f, kir_expr *e) {
    const kir_stmt *d = e->kind == KIR_VAR && f->writes[e->var->id] == 1 ? f->def[e->var->id] : NULL;
    return d ? d->value : e;
}

/* Is `assigned` the value compared? Elements may be loaded anew when nothing is stored in the loop. */
static bool is_same_value(const finder *f, kir_expr *compared, kir_expr *assigned) {
    if (!is_stable(f, compared) || !is_stable(f, assigned))
        return false;
    if (kir_expr_equal(compared, assigned))
        return compared->kind != KIR_LOAD || !f->stores;
    kir_expr *a = only_value(f, compared), *b = only_value(f, assigned);
    if (a != compared || b != assigned)
        return is_same_value(f, a, b);
    bool plain = a->kind == KIR_UNARY || a->kind == KIR_BINARY || a->kind == KIR_CAST || a->kind == KIR_MATH;
    if (!plain || a->kind != b->kind || a->op != b->op || a->ty != b->ty || a->n_args != b->n_args)
        return false;
    for (uint32_t i = 0; i < a->n_args; i++)
        if (!is_same_value(f, a->args[i], b->args[i]))
            return false;
    return true;
}

typedef struct arm { /* the branch of a test */
    finder *f;
    const combine_extreme *x;
    kir_expr *compared;
    uint32_t *reads, *writes; /* by variable id, in the branch */
    bool fits;
} arm;

static void count_in_arm(kir_var *v, void *context) {
    ((uint32_t *)context)[v->id]++;
}

static void count_slot_in_arm(kir_expr **slot, void *context) {
    vars_in_expr(*slot, count_in_arm, context);
}

static bool is_reduced(const finder *f, const kir_var *v) {
    for (uint32_t i = 0; i < f->loop->loop->reductions.len; i++)
        if (f->loop->loop->reductions.at[i].var == v)
            return true;
    return false;
}

/* `if d < best: best = d`, d assigned as often as one likes before: nothing in the branch changes what was compared. */
static bool is_read_again(const arm *a, const kir_block *b, kir_expr *assigned) {
    if (!kir_expr_equal(a->compared, assigned))
        return false;
    for (uint32_t i = 0; i < b->len; i++)
        if (b->at[i]->var && vars_mentions(a->compared, b->at[i]->var))
            return false;
    return true;
}

/* A block takes the branch more often than the loop in order would: so all that it does must be to set best and payload,
 * and what it computes for them must not be seen elsewhere. */
static bool fits_arm(arm *a, const kir_block *b) {
    const finder *f = a->f;
    for (uint32_t i = 0; i < b->len; i++) {
        kir_stmt *s = b->at[i];
        if (s->kind != KIR_ASSIGN || s->var->ty->kind == TYPE_ARRAY || is_reduced(f, s->var))
            return false;
        kir_each_expr(s, count_slot_in_arm, a->reads);
        a->writes[s->var->id]++;
        if (s->var == a->x->best && !is_same_value(f, a->compared, s->value) && !is_read_again(a, b, s->value))
            return false;
    }
    for (uint32_t i = 0; i < b->len; i++) {
        const kir_var *v = b->at[i]->var;
        bool inner = v != a->x->best && !outlives(f, v);
        if (inner ? a->reads[v->id] != f->reads[v->id] : a->writes[v->id] != 1)
            return false;
        if (!inner && v != a->x->best && f->reads[v->id])
            return false;
    }
    return a->writes[a->x->best->id] == 1;
}

/* The variables beside best that outlive the branch; the same ones in every test. */
static bool take_payload(finder *f, combine_extreme *x, const kir_block *b, bool first) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < b->len; i++) {
        kir_var *v = b->at[i]->var;
        if (v == x->best || !outlives(f, v))
            continue;
        n++;
        if (first)
            vec_push(f->m->a, &x->payload, v);
        else if (!is_listed(x->payload.at, x->payload.len, v))
            return false;
    }
    return n == x->payload.len;
}

static bool add_test(finder *f, combine_extreme *x, kir_stmt *test) {
    bool first = x->tests.len == 0;
    kir_op cmp = KIR_OP_INVALID;
    kir_expr *value = compared_value(test->value, x->best, &cmp);
    if (!value || test->orelse.len || (!first && cmp != x->cmp))
        return false;
    x->cmp = cmp;
    uint32_t ids = f->f->next_var + 1;
    arm a = {f, x, value, arena_array(f->scratch, uint32_t, ids), arena_array(f->scratch, uint32_t, ids), true};
    vec_push(f->m->a, &x->tests, test);
    return fits_arm(&a, &test->body) && take_payload(f, x, &test->body, first);
}

typedef struct test_scan {
    finder *f;
    combine_extreme *x;
    bool fits;
} test_scan;

static bool look_for_test(kir_stmt *s, void *context) {
    test_scan *t = context;
    if (s->kind == KIR_IF && t->fits && vars_mentions(s->value, t->x->best))
        t->fits = add_test(t->f, t->x, s);
    return t->fits;
}

/* Every test assigns best and each of the payload once, and nothing else in the loop does or reads them. */
static bool find_extreme(finder *f, kir_var *best) {
    if (best->ty->kind == TYPE_COMPLEX || best->ty->kind == TYPE_ARRAY || f->plan->extremes.len == EXTREMES_MOST)
        return false;
    combine_extreme x = {.best = best};
    test_scan t = {f, &x, true};
    kir_each_stmt(&f->loop->body, look_for_test, &t);
    uint32_t n = x.tests.len;
    if (!t.fits || !n || f->writes[best->id] != n || f->reads[best->id] != n)
        return false;
    for (uint32_t i = 0; i < x.payload.len; i++)
        if (f->writes[x.payload.at[i]->id] != n)
            return false;
    vec_push(f->m->a, &f->plan->extremes, x);
    return true;
}

/* Every carried scalar is an extreme or belongs to one. */
static bool find_extremes(finder *f) {
    kir_loop_info *l = f->loop->loop;
    for (uint32_t i = 0; i < l->carried.len; i++)
        if (f->writes[l->carried.at[i]->id] && f->reads[l->carried.at[i]->id] && !find_extreme(f, l->carried.at[i]))
            return false;
    for (uint32_t i = 0; i < l->carried.len; i++) {
        bool owned = false;
        for (uint32_t k = 0; k < f->plan->extremes.len; k++) {
            const combine_extreme *x = &f->plan->extremes.at[k];
            owned |= x->best == l->carried.at[i] || is_listed(x->payload.at, x->payload.len, l->carried.at[i]);
        }
        if (!owned)
            return false;
    }
    return true;
}

/* ---- which arrays ----------------------------------------------------------------------------------------------------------- */

typedef struct exceptions { /* the updates taken out so far */
    VEC(kir_stmt *) at;
    VEC(kir_var *) roots;
} exceptions;

static dep_verdict analyse(finder *f, const exceptions *x, const dep_element **elements, uint32_t *n) {
    dep_exceptions e = {x->at.at, x->at.len, f->plan->taken.at, f->plan->taken.len};
    return dep_analyse_except(f->session, f->loop, &e, elements, n);
}

static const dep_element *element_of(const dep_element *elements, uint32_t n, const kir_stmt *s) {
    for (uint32_t i = 0; i < n; i++)
        if (elements[i].statement == s)
            return &elements[i];
    return NULL;
}

/* Takes the updates of the array behind `root` out of the analysis. False: there are none, or they are out already. */
static bool except_root(finder *f, exceptions *x, const dep_element *all, uint32_t n, kir_var *root) {
    if (x->roots.len == ARRAYS_MOST || is_listed(x->roots.at, x->roots.len, root))
        return false;
    uint32_t before = x->at.len;
    for (uint32_t i = 0; i < f->found.len; i++) {
        const dep_element *e = element_of(all, n, f->found.at[i].store);
        if (!e || e->root != root)
            continue;
        vec_push(f->scratch, &x->at, f->found.at[i].load);
        vec_push(f->scratch, &x->at, f->found.at[i].store);
    }
    vec_push(f->scratch, &x->roots, root);
    return x->at.len > before;
}

/* The variable that stands for the accumulator: the one that all its updates name, or the array behind them. */
static kir_var *accumulator(const finder *f, const dep_element *elements, uint32_t n, kir_var *root) {
    kir_var *named = NULL;
    for (uint32_t i = 0; i < n; i++) {
        kir_stmt *s = elements[i].statement;
        if (elements[i].root != root || s->kind != KIR_STORE)
            continue;
        if ((named && named != s->var) || f->writes[s->var->id])
            return root;
        named = s->var;
    }
    return named ? named : root;
}

static bool add_update(finder *f, uint32_t i, const dep_element *elements, uint32_t n) {
    combine_update u = f->found.at[i];
    const dep_element *e = element_of(elements, n, u.store);
    if (!e)
        return true;
    kir_var *array = accumulator(f, elements, n, e->root);
    bool direct = array == u.store->var;
    u.n = direct ? u.store->index.len : e->n;
    u.index = arena_array(f->m->a, kir_expr *, u.n + 1);
    for (uint32_t k = 0; k < u.n; k++)
        u.index[k] = kir_copy_expr(f->m, direct ? u.store->index.at[k] : e->index[k], NULL);
    u.array = f->plan->arrays.len;
    for (uint32_t k = 0; k < f->plan->arrays.len; k++)
        if (f->plan->arrays.at[k].array == array)
            u.array = k;
    if (u.array == f->plan->arrays.len)
        vec_push(f->m->a, &f->plan->arrays, (combine_array){array, f->ops.at[i]});
    vec_push(f->m->a, &f->plan->updates, u);
    return f->plan->arrays.at[u.array].op == f->ops.at[i] && u.n == array->ty->ndim && u.n < TYPE_MAX_NDIM;
}

/* Takes accumulators out, one after the other, until what is left is independent. */
static bool find_arrays(finder *f, dep_verdict v) {
    exceptions x = {0}, all = {0};
    const dep_element *elements = NULL;
    uint32_t n = 0;
    if (f->plan->taken.len)
        v = analyse(f, &x, &elements, &n);
    if (v.class == KIR_CLASS_INDEPENDENT) {
        f->plan->when = and_also(f->m, f->plan->when, dep_condition(f->m, &v, f->loop->at));
        return true;
    }
    for (uint32_t i = 0; i < f->found.len; i++) {
        vec_push(f->scratch, &all.at, f->found.at[i].load);
        vec_push(f->scratch, &all.at, f->found.at[i].store);
    }
    if (!f->found.len)
        return false;
    const dep_element *every;
    uint32_t n_every;
    (void)analyse(f, &all, &every, &n_every);
    while (v.class != KIR_CLASS_INDEPENDENT) {
        const dep_element *e = v.first.statement ? element_of(every, n_every, v.first.statement) : NULL;
        if (!e || !except_root(f, &x, every, n_every, e->root))
            return false;
        v = analyse(f, &x, &elements, &n);
    }
    for (uint32_t i = 0; i < f->found.len; i++)
        if (!add_update(f, i, elements, n))
            return false;
    f->plan->when = and_also(f->m, f->plan->when, dep_condition(f->m, &v, f->loop->at));
    return true;
}

/* ---- the plan ----------------------------------------------------------------------------------------------------------------- */

static bool hands_on_array(const kir_loop_info *l) {
    for (uint32_t i = 0; i < l->last_privates.len; i++)
        if (l->last_privates.at[i]->ty->kind == TYPE_ARRAY)
            return true;
    return false;
}

static bool may_be_planned(const kir_module *m, kir_stmt *loop) {
    const kir_loop_info *l = loop->loop;
    const kir_options *o = &m->options;
    bool wanted = l->kind == KIR_LOOP_PRANGE ? o->par_prange : o->par_range;
    int64_t step;
    return wanted && o->par_reduction && !l->cold && l->kind != KIR_LOOP_ARRAY && loop->var->is_temp &&
           kir_is_const_int(loop->step, &step) && step != 0 && !hands_on_array(l) && !body_escapes(loop);
}

struct kir_plan *combine_find(dep_session *s, kir_module *m, kir_fn *fn, arena *scratch, kir_stmt *loop,
                              const dep_verdict *v) {
    if (!may_be_planned(m, loop))
        return NULL;
    uint32_t ids = fn->next_var + 1;
    finder f = {.session = s, .m = m, .f = fn, .scratch = scratch, .loop = loop};
    f.writes = arena_array(scratch, uint32_t, ids);
    f.reads = arena_array(scratch, uint32_t, ids);
    f.def = arena_array(scratch, kir_stmt *, ids);
    f.plan = arena_make(m->a, struct kir_plan);
    kir_each_stmt(&loop->body, count_stmt, &f);
    if (f.stopped || f.statements > NEST_MOST || f.writes[loop->var->id])
        return NULL;
    f.writes[loop->var->id]++;
    take_first_arms(&f, &loop->body);
    find_updates(&f, &loop->body);
    if (!find_extremes(&f) || !find_arrays(&f, *v))
        return NULL;
    for (uint32_t i = 0; i < f.plan->extremes.len; i++)
        if (is_reduced(&f, f.plan->extremes.at[i].best))
            return NULL;
    return f.plan->arrays.len || f.plan->extremes.len ? f.plan : NULL;
}
