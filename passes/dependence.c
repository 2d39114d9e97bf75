/* See dependence.h for the idea.
 *
 * Two stages. A cheap look first: if in all accesses to an array some subscript is the same expression c*i + r with
 * c != 0 and r invariant, different iterations touch different elements, and isl is never asked. Most loops end there.
 * Otherwise the pair goes to isl with an operation budget; running out of it means UNKNOWN (BUDGET).
 *
 * Budgets: an isl that gives up, or an error, is an unknown dependence. access.h finds the accesses, affine.h is where
 * they become isl's, witness.h says how a conflict looks. Here is the judgement, and what rests on it: two loops as one,
 * the order of statements, skewing, private arrays, whole nests. */
#include "passes/delinear.h"
#include "passes/stairs.h"
#include "passes/witness.h"

#include <isl/aff.h>
#include <isl/constraint.h>
#include <isl/ctx.h>
#include <isl/map.h>
#include <isl/options.h>
#include <isl/set.h>
#include <isl/space.h>
#include <string.h>

enum { OPERATIONS_PER_LOOP = 400000 };

/* ---- the cheap look ------------------------------------------------------------------------------------------------------ */

typedef struct linear { /* coefficient * iterator + rest (invariant terms) + constant */
    int64_t coefficient, constant;
    struct {
        kir_expr *e;
        int64_t times;
    } term[8];
    uint32_t n;
} linear;

static bool add_term(linear *l, kir_expr *e, int64_t times) {
    for (uint32_t k = 0; k < l->n; k++)
        if (kir_expr_equal(l->term[k].e, e)) {
            l->term[k].times += times;
            return affine_is_small(l->term[k].times);
        }
    if (l->n == 8)
        return false;
    l->term[l->n].e = e;
    l->term[l->n++].times = times;
    return true;
}

static bool linearise(const access_walk *w, kir_expr *e, int64_t times, linear *l) {
    int64_t c;
    if (!affine_is_small(times))
        return false;
    if (kir_is_const_int(e, &c)) {
        if (!affine_is_small(c))
            return false;
        l->constant += c * times;
        return affine_is_small(l->constant);
    }
    if (e->kind == KIR_VAR && e->var == w->loop->var && w->writes[e->var->id] == 1) {
        l->coefficient += times;
        return affine_is_small(l->coefficient);
    }
    if (e->kind == KIR_BINARY && affine_is_int64(e)) {
        if (e->op == KIR_OP_ADD || e->op == KIR_OP_SUB)
            return linearise(w, e->args[0], times, l) &&
                   linearise(w, e->args[1], e->op == KIR_OP_SUB ? -times : times, l);
        if (e->op == KIR_OP_MUL && kir_is_const_int(e->args[1], &c) && affine_is_small(c))
            return linearise(w, e->args[0], times * c, l);
    }
    if (e->kind == KIR_UNARY && e->op == KIR_OP_NEG && affine_is_int64(e))
        return linearise(w, e->args[0], -times, l);
    if (affine_is_widening(e))
        return linearise(w, e->args[0], times, l);
    return access_is_invariant(w, e) && add_term(l, e, times);
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
static bool separated(const access_walk *w, const kir_var *root) {
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

/* ---- rings ------------------------------------------------------------------------------------------------------------- */

/* o[(i + k) % n]: the number under the remainder, when all accesses to `root` have the same one on that axis. */
static kir_expr *same_remainder(const access_walk *w, const kir_var *root, uint32_t axis, linear *number) {
    kir_expr *base = NULL;
    for (uint32_t k = 0; k < w->found.len; k++) {
        const access *x = &w->found.at[k];
        if (x->root != root)
            continue;
        kir_expr *e = x->index && axis < x->n ? x->index[axis] : NULL;
        linear got = {0};
        if (!e || e->kind != KIR_BINARY || e->op != KIR_OP_MOD || !affine_is_int64(e) ||
            !linearise(w, e->args[0], 1, &got) || !access_is_invariant(w, e->args[1]) ||
            (base && (!same_linear(number, &got) || !kir_expr_equal(base, e->args[1]))))
            return NULL;
        base = e->args[1];
        *number = got;
    }
    return number->coefficient ? base : NULL;
}

enum { MOST_TIMES = 64 };
#define SMALL (INT64_C(1) << 55)

static void require_small(access_walk *w, kir_expr *e) {
    kir_module *m = w->s->m;
    if (e->kind == KIR_DIM)
        return;
    access_require(w, kir_binary(m, KIR_OP_GE, kir_copy_expr(m, e, NULL), kir_int(m, -SMALL, e->at), e->at));
    access_require(w, kir_binary(m, KIR_OP_LE, kir_copy_expr(m, e, NULL), kir_int(m, SMALL, e->at), e->at));
}

/* c*i + r does not wrap. */
static bool stays_small(access_walk *w, const linear *number) {
    int64_t sum = number->coefficient < 0 ? -number->coefficient : number->coefficient;
    for (uint32_t k = 0; k < number->n; k++)
        sum += number->term[k].times < 0 ? -number->term[k].times : number->term[k].times;
    if (sum > MOST_TIMES)
        return false;
    for (uint32_t k = 0; k < number->n; k++)
        require_small(w, number->term[k].e);
    require_small(w, w->loop->lo);
    require_small(w, w->loop->hi);
    return true;
}

/* Does a <= b follow from how they are written: n - 1 and n? */
static bool is_at_most(const access_walk *w, kir_expr *a, kir_expr *b) {
    linear room = {0};
    if (!linearise(w, b, 1, &room) || !linearise(w, a, -1, &room))
        return false;
    for (uint32_t k = 0; k < room.n; k++)
        if (room.term[k].times)
            return false;
    return room.coefficient == 0 && room.constant >= 0;
}

static bool is_read(const access_walk *w, const kir_var *root) {
    for (uint32_t k = 0; k < w->found.len; k++)
        if (w->found.at[k].root == root && !w->found.at[k].what.is_write)
            return true;
    return false;
}

/* Two iterations whose numbers c*i + r differ by less than n, and differ, have different remainders: the loop must not go
 * round the ring more than once. That is asked at its entry, but not for an array that the loop also reads: rather a sum in
 * copies than one in order. A ring of constant size is for isl. */
static bool separated_on_ring(access_walk *w, const kir_var *root) {
    kir_module *m = w->s->m;
    int64_t step, size;
    if (!kir_is_const_int(w->loop->step, &step))
        return false;
    uint32_t axes = 0;
    for (uint32_t k = 0; k < w->found.len; k++)
        axes = w->found.at[k].root == root ? w->found.at[k].n : axes;
    for (uint32_t axis = 0; axis < axes; axis++) {
        linear number = {0};
        kir_expr *n = same_remainder(w, root, axis, &number);
        if (!n || kir_is_const_int(n, &size))
            continue;
        kir_expr *from = kir_copy_expr(m, step > 0 ? w->loop->lo : w->loop->hi, NULL);
        kir_expr *to = kir_copy_expr(m, step > 0 ? w->loop->hi : w->loop->lo, NULL);
        int64_t c = number.coefficient < 0 ? -number.coefficient : number.coefficient;
        kir_expr *reach = kir_binary(m, KIR_OP_SUB, to, from, n->at);
        bool known = c == 1 && is_at_most(w, reach, n);
        if ((!known && (is_read(w, root) || is_at_most(w, n, reach))) || !stays_small(w, &number))
            continue;
        reach = kir_binary(m, KIR_OP_MUL, reach, kir_int(m, c, n->at), n->at);
        if (!known)
            access_require(w, kir_binary(m, KIR_OP_LE, reach, kir_copy_expr(m, n, NULL), n->at));
        return true;
    }
    return false;
}

/* ---- arrays that may share memory ------------------------------------------------------------------------------------------------ */

typedef enum origin { ORIGIN_UNKNOWN, ORIGIN_PARAM, ORIGIN_FRESH, ORIGIN_GLOBAL } origin;

static origin origin_of(const access_walk *w, const kir_var *v) {
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

static bool may_share(const access_walk *w, const kir_var *a, const kir_var *b) {
    if (are_apart(w->s, a, b))
        return false;
    origin x = origin_of(w, access_owner(w, (kir_var *)(uintptr_t)a));
    origin y = origin_of(w, access_owner(w, (kir_var *)(uintptr_t)b));
    if (x == ORIGIN_UNKNOWN || y == ORIGIN_UNKNOWN)
        return true;
    return x == ORIGIN_PARAM && y == ORIGIN_PARAM;
}

static void add_pair(access_walk *w, dep_verdict *v, kir_var *a, kir_var *b, bool same_ok) {
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

static bool linear_same(const access_walk *w, const access *x, const access *y) {
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
static bool same_view_is_fine(const access_walk *w, const kir_var *a, const kir_var *b) {
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

static void add_injective(access_walk *w, dep_verdict *v, kir_var *root) {
    if (root->ty->layout != LAYOUT_A || origin_of(w, root) == ORIGIN_FRESH)
        return;
    for (uint32_t k = 0; k < v->injective.len; k++)
        if (v->injective.at[k] == root)
            return;
    vec_push(w->s->a, &v->injective, root);
}

/* Excepted arrays are alone with their memory. */
static void list_excepted(access_walk *w, dep_verdict *v) {
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
static void assume(access_walk *w, dep_verdict *v, const access *x, const access *y) {
    add_injective(w, v, x->root);
    if (y->root != x->root && may_share(w, x->root, y->root))
        add_pair(w, v, x->root, y->root, same_view_is_fine(w, x->root, y->root));
}

static void list_assumptions(access_walk *w, dep_verdict *v) {
    list_excepted(w, v);
    for (uint32_t k = 0; k < w->require.len; k++)
        vec_push(w->s->a, &v->require, w->require.at[k]);
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
static isl_set *possible_extents(access_walk *w) {
    isl_set *set = isl_set_universe(affine_space(w));
    for (uint32_t k = 0; k < w->parameters.len; k++)
        if (w->parameters.at[k]->kind == KIR_DIM)
            set = isl_set_intersect(set, isl_pw_aff_nonneg_set(affine_parameter(w, w->parameters.at[k])));
    return isl_set_params(set);
}

/* What isl says of one pair. Returns true when the verdict is settled (not independent). */
static bool judge(access_walk *w, access *a, access *b, dep_verdict *v) {
    bool mapped = affine_map(w, a) && affine_map(w, b);
    if (affine_over_budget(w->s)) {
        *v = unknown("BUDGET", access_name_of(w, a->root), a, b);
        return true;
    }
    if (!mapped || a->n != b->n) {
        *v = unknown("NOT_AFFINE", access_name_of(w, a->root), a, b);
        return true;
    }
    isl_map *relation = isl_map_intersect_params(affine_conflict(w, a, b), possible_extents(w));
    isl_bool empty = isl_map_is_empty(relation);
    if (empty == isl_bool_true) {
        isl_map_free(relation);
        return false;
    }
    if (empty == isl_bool_error || w->stairs) {
        isl_map_free(relation);
        *v = unknown("BUDGET", access_name_of(w, a->root), a, b);
        return true;
    }
    dep_verdict carried = {.class = KIR_CLASS_CARRIED, .reason = "CARRIED", .detail = access_name_of(w, a->root)};
    carried.first = a->what;
    carried.second = b->what;
    carried.distance = witness_distance(w, relation);
    carried.proven = witness_always(w, a, b, relation);
    carried.witness = witness_describe(w, a, b, relation);
    isl_map_free(relation);
    isl_ctx_reset_error(w->s->isl);
    if (v->class != KIR_CLASS_CARRIED || carried.proven)
        *v = carried;
    return carried.proven || w->loop->loop->kind != KIR_LOOP_PRANGE; /* prange: look on for a proven one */
}

static bool was_judged(const access_walk *w, uint32_t i) {
    for (uint32_t k = 0; k < i; k++)
        if (w->found.at[k].root == w->found.at[i].root)
            return true;
    return false;
}

static bool has_write(const access_walk *w, const kir_var *root) {
    for (uint32_t k = 0; k < w->found.len; k++)
        if (w->found.at[k].root == root && w->found.at[k].what.is_write)
            return true;
    return false;
}

/* Which of two iterations comes last makes no difference where both store the same number. That is of use for marks set by
 * an index array; a loop that writes the same elements again and again is not better off in parallel. */
static bool store_the_same(access_walk *w, access *a, access *b) {
    const kir_stmt *x = a->what.statement, *y = b->what.statement;
    return a->what.is_write && b->what.is_write && x->kind == KIR_STORE && y->kind == KIR_STORE &&
           x->value->kind == KIR_CONST && kir_expr_equal(x->value, y->value) && !affine_map(w, a) && !affine_map(w, b);
}

static bool judge_root(access_walk *w, const kir_var *root, dep_verdict *v) {
    for (uint32_t i = 0; i < w->found.len; i++) {
        access *a = &w->found.at[i];
        if (a->root != root || !a->what.is_write)
            continue;
        for (uint32_t j = 0; j < w->found.len; j++) {
            access *b = &w->found.at[j];
            if (b->root != root || (b->what.is_write && j < i) || store_the_same(w, a, b))
                continue;
            if (judge(w, a, b, v))
                return true;
        }
    }
    return v->class != KIR_CLASS_INDEPENDENT;
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
static bool runs_against(access_walk *w, isl_set *deltas, int64_t way, int64_t d0, int64_t d1, int64_t skew) {
    isl_space *space = affine_space(w);
    isl_set *bad = isl_set_copy(deltas);
    bad = isl_set_add_constraint(bad, at_least_one(space, way * d0, 0));
    bad = isl_set_add_constraint(bad, at_least_one(space, -way * skew * d0, -way * d1));
    isl_space_free(space);
    isl_bool empty = isl_set_is_empty(bad);
    isl_set_free(bad);
    return empty != isl_bool_true;
}

static bool pair_allows(access_walk *w, access *a, access *b, int64_t d0, int64_t d1, int64_t skew) {
    if (!affine_map(w, a) || !affine_map(w, b) || a->n != b->n)
        return false;
    isl_map *same = isl_map_apply_range(isl_map_copy(a->map), isl_map_reverse(isl_map_copy(b->map)));
    isl_set *deltas = isl_map_deltas(same);
    bool against = runs_against(w, deltas, 1, d0, d1, skew) || runs_against(w, deltas, -1, d0, d1, skew);
    isl_set_free(deltas);
    return !against && isl_ctx_last_error(w->s->isl) == isl_error_none;
}

static bool skew_works(access_walk *w, int64_t d0, int64_t d1, int64_t skew) {
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
    access_walk w = access_open(s, outer, NULL);
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
    access_close(&w);
    return found;
}

/* ---- two loops as one ------------------------------------------------------------------------------------------------ */

static bool is_cross(const access *x, const access *y, uint32_t split) {
    return (x->part < split) != (y->part < split) && (x->what.is_write || y->what.is_write);
}

/* May an element be touched by one part in one iteration and by the other part in a different one? */
static bool root_crosses(access_walk *w, const kir_var *root, uint32_t split) {
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

static void list_cross_assumptions(access_walk *w, uint32_t split, dep_verdict *v) {
    for (uint32_t i = 0; i < w->found.len; i++)
        for (uint32_t j = 0; j < w->found.len; j++) {
            const access *x = &w->found.at[i], *y = &w->found.at[j];
            if (x->what.is_write && is_cross(x, y, split))
                assume(w, v, x, y);
        }
}

dep_verdict dep_parts(dep_session *s, kir_stmt *loop, uint32_t split) {
    access_walk w = access_open(s, loop, NULL);
    dep_verdict v = {.class = KIR_CLASS_INDEPENDENT};
    if (w.trouble || w.writes[loop->var->id] != 1)
        return unknown(w.trouble ? w.trouble : "ITERATOR_ASSIGNED", w.trouble_detail, NULL, NULL);
    isl_ctx_reset_error(s->isl);
    isl_ctx_reset_operations(s->isl);
    isl_ctx_set_max_operations(s->isl, OPERATIONS_PER_LOOP);
    for (uint32_t i = 0; i < w.found.len && v.class == KIR_CLASS_INDEPENDENT; i++) {
        kir_var *root = w.found.at[i].root;
        if (!was_judged(&w, i) && has_write(&w, root) && !separated(&w, root) && root_crosses(&w, root, split))
            v = unknown("CARRIED", access_name_of(&w, root), NULL, NULL);
    }
    if (v.class == KIR_CLASS_INDEPENDENT)
        list_cross_assumptions(&w, split, &v);
    isl_ctx_reset_error(s->isl);
    isl_ctx_set_max_operations(s->isl, 0);
    access_close(&w);
    return v;
}

/* ---- statements of a loop's body --------------------------------------------------------------------------------------- */

/* May x touch an element in an earlier iteration (way > 0; < 0: later) than y does? */
static bool meets(access_walk *w, access *x, access *y, int64_t way) {
    isl_map *same = isl_map_apply_range(isl_map_copy(x->map), isl_map_reverse(isl_map_copy(y->map)));
    isl_space *space = isl_space_map_from_set(affine_space(w));
    isl_constraint *c = isl_constraint_alloc_inequality(isl_local_space_from_space(space));
    c = isl_constraint_set_coefficient_si(c, isl_dim_in, 0, way > 0 ? -1 : 1);
    c = isl_constraint_set_coefficient_si(c, isl_dim_out, 0, way > 0 ? 1 : -1);
    c = isl_constraint_set_constant_si(c, -1);
    same = isl_map_add_constraint(same, c);
    isl_bool empty = isl_map_is_empty(same);
    isl_map_free(same);
    return empty != isl_bool_true;
}

static void add_edges(access_walk *w, access *x, access *y, int64_t step, dep_edges *e) {
    uint32_t a = x->part, b = y->part;
    if (a != b)
        e->same[a < b ? a : b] |= UINT32_C(1) << (a < b ? b : a);
    if (linear_same(w, x, y))
        return;
    bool known = (e->carried[a] >> b & 1) && (e->carried[b] >> a & 1);
    if (known)
        return;
    bool mapped = !affine_over_budget(w->s) && affine_map(w, x) && affine_map(w, y) && x->n == y->n;
    if (!mapped || meets(w, x, y, step))
        e->carried[a] |= UINT32_C(1) << b;
    if (!mapped || meets(w, x, y, -step))
        e->carried[b] |= UINT32_C(1) << a;
}

bool dep_statements(dep_session *s, kir_stmt *loop, dep_edges *e, dep_verdict *assumed) {
    *e = (dep_edges){0};
    int64_t step;
    access_walk w = access_open(s, loop, NULL);
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
    access_close(&w);
    return true;
}

/* ---- arrays that iterations do not share --------------------------------------------------------------------------------- */

/* { d → element : the write touches it in an iteration that agrees with d in the loops around both } */
static isl_map *written_before(access_walk *w, const access *write, const access *read) {
    isl_space *space = isl_space_map_from_set(affine_space(w));
    isl_map *same = isl_map_universe(space);
    for (uint32_t k = 0; k < write->depth && k < read->depth && write->loops[k] == read->loops[k]; k++)
        same = isl_map_equate(same, isl_dim_in, (int)k, isl_dim_out, (int)k);
    return isl_map_apply_range(same, isl_map_copy(write->map));
}

static isl_map *all_written_before(access_walk *w, uint32_t r, isl_map *like) {
    const access *read = &w->found.at[r];
    isl_map *written = isl_map_empty(isl_map_get_space(like));
    for (uint32_t i = 0; i < r; i++) {
        access *x = &w->found.at[i];
        if (x->root == read->root && x->what.is_write && x->n == read->n && affine_map(w, x) && x->exact)
            written = isl_map_union(written, written_before(w, x, read));
    }
    return written;
}

static void note_changing(kir_var *v, void *context) {
    void **c = context;
    *(bool *)c[1] |= ((const access_walk *)c[0])->s->defs.count[v->id] > 1;
}

/* { d → e : 0 <= e < extent }, NULL when the extent is not affine in values that never change. */
static isl_map *within_extent(access_walk *w, kir_expr *extent) {
    bool changes = false;
    extent = access_substituted(w, extent, 0);
    vars_in_expr(extent, note_changing, (void *[]){w, &changes});
    const access nowhere = {0};
    isl_pw_aff *end = changes ? NULL : affine_of(w, extent, &nowhere);
    if (!end)
        return NULL;
    isl_space *line = isl_space_set_alloc(w->s->isl, 0, 1);
    isl_map *below = isl_map_apply_range(isl_map_from_pw_aff(end), isl_map_lex_gt(isl_space_copy(line)));
    return isl_map_intersect_range(below, isl_set_lower_bound_si(isl_set_universe(line), isl_dim_set, 0, 0));
}

/* { d → every element of the array }; NULL: its size is not known. */
static isl_map *all_elements(access_walk *w, const kir_var *root, uint32_t n) {
    const kir_stmt *made = w->s->defs.only[root->id];
    if (!made || made->value->kind != KIR_ALLOC || made->value->n_args != n)
        return NULL;
    isl_map *all = NULL;
    for (uint32_t k = 0; k < n; k++) {
        isl_map *axis = within_extent(w, made->value->args[k]);
        if (!axis) {
            isl_map_free(all);
            return NULL;
        }
        all = all ? isl_map_flat_range_product(all, axis) : axis;
    }
    return all;
}

/* Was the whole array written before? Then it does not matter where it is read. */
static bool is_covered_whole(access_walk *w, uint32_t r) {
    access *read = &w->found.at[r];
    isl_map *all = read->n ? all_elements(w, read->root, read->n) : NULL;
    if (!all)
        return false;
    if (!read->domain)
        affine_domain(w, read);
    isl_map *written = all_written_before(w, r, all);
    all = isl_map_intersect_domain(all, isl_set_copy(read->domain));
    isl_bool covered = isl_map_is_subset(all, written);
    isl_map_free(all);
    isl_map_free(written);
    return covered == isl_bool_true;
}

/* Is every element that the access at `r` reads written before, in the same iteration of the loop? */
static bool is_covered(access_walk *w, uint32_t r) {
    access *read = &w->found.at[r];
    if (!affine_map(w, read))
        return is_covered_whole(w, r);
    isl_map *written = all_written_before(w, r, read->map);
    isl_bool covered = isl_map_is_subset(read->map, written);
    isl_map_free(written);
    return covered == isl_bool_true || is_covered_whole(w, r);
}

static bool is_private_root(access_walk *w, const kir_var *root) {
    if (origin_of(w, root) != ORIGIN_FRESH)
        return false;
    for (uint32_t i = 0; i < w->found.len; i++)
        if (w->found.at[i].root == root && !w->found.at[i].what.is_write && !is_covered(w, i))
            return false;
    return true;
}

bool dep_is_private(dep_session *s, kir_stmt *loop, const kir_var *array) {
    access_walk w = access_open(s, loop, NULL);
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
    access_close(&w);
    return yes;
}

/* ---- arguments as work arrays --------------------------------------------------------------------------------------------- */

/* { iteration of the loop → element }, whatever the loops inside do. */
static isl_map *elements_of_iterations(access_walk *w, access *x) {
    uint32_t inner = w->dims - 1;
    return affine_map(w, x) ? isl_map_project_out(isl_map_copy(x->map), isl_dim_in, 1, inner) : NULL;
}

static bool is_within(access_walk *w, access *x, access *store) {
    isl_map *some = elements_of_iterations(w, x), *all = elements_of_iterations(w, store);
    isl_bool within = some && all ? isl_map_is_subset(some, all) : isl_bool_false;
    isl_map_free(some);
    isl_map_free(all);
    return within == isl_bool_true;
}

typedef struct fixed_scan {
    const access_walk *w;
    const dep_work *work;
    uint32_t loops; /* that the expression stands in */
    bool fixed;
} fixed_scan;

static void note_fixed(kir_var *v, void *context) {
    fixed_scan *f = context;
    bool known = f->w->writes[v->id] == 0;
    for (uint32_t k = 0; k < f->loops && !known; k++)
        known = f->work->around[k].loop->var == v && f->w->writes[v->id] == 1;
    f->fixed = f->fixed && known;
}

/* Does the expression mean the same in every iteration of the loop, also behind all that it does? */
static bool is_fixed(const access_walk *w, const dep_work *work, uint32_t loops, kir_expr *e) {
    fixed_scan f = {w, work, loops, true};
    vars_in_expr(e, note_fixed, &f);
    return f.fixed;
}

/* Do the loops around the access and its subscripts mean the same in every iteration? */
static bool repeats(access_walk *w, const access *x, dep_work *out) {
    *out = (dep_work){.array = x->root, .index = x->index, .depth = x->depth - 1};
    if (!x->index || out->depth > DEP_WORK_DEPTH)
        return false;
    for (uint32_t k = 0; k < out->depth; k++) {
        int64_t step;
        access_bounds ends = access_ends(w, x->loops[k + 1]);
        out->around[k].loop = x->loops[k + 1];
        out->around[k].lo = ends.lo;
        out->around[k].hi = ends.hi;
        if (!kir_is_const_int(x->loops[k + 1]->step, &step) || step == 0 || !is_fixed(w, out, k, ends.lo) ||
            !is_fixed(w, out, k, ends.hi))
            return false;
    }
    for (uint32_t k = 0; k < x->n; k++)
        if (!is_fixed(w, out, out->depth, x->index[k]))
            return false;
    return true;
}

/* A store that every iteration executes alike, unless it raises. */
static bool takes_store(access_walk *w, access *x, dep_work *out) {
    if (!x->what.is_write || !repeats(w, x, out) || !affine_map(w, x) || !x->exact)
        return false;
    for (uint32_t k = 0; k < x->n_conditions; k++)
        if (!w->kept.at[x->first_condition + k].is_check)
            return false;
    return true;
}

/* An argument that iterations read first and then write at the same places each: they meet there, and what is read comes
 * from outside. That takes no isl to see. */
static bool is_handed_on(access_walk *w, const kir_var *root) {
    bool was_met = false;
    dep_work work;
    if (origin_of(w, root) != ORIGIN_PARAM)
        return false;
    for (uint32_t i = 0; i < w->found.len; i++) {
        const access *x = &w->found.at[i];
        if (x->root != root)
            continue;
        if (!was_met && x->what.is_write)
            return false;
        was_met = true;
        bool same = x->what.is_write && repeats(w, x, &work);
        for (uint32_t k = 0; same && k < x->n_conditions; k++)
            same = is_fixed(w, &work, work.depth, w->kept.at[x->first_condition + k].test);
        if (same)
            return true;
    }
    return false;
}

static bool covers_writes(access_walk *w, access *store) {
    for (uint32_t i = 0; i < w->found.len; i++) {
        access *x = &w->found.at[i];
        if (x->root == store->root && x->what.is_write && x != store && (x->n != store->n || !is_within(w, x, store)))
            return false;
    }
    return true;
}

static bool is_work(access_walk *w, const kir_var *root, dep_work *out) {
    for (uint32_t i = 0; i < w->found.len; i++) {
        const access *x = &w->found.at[i];
        if (x->root == root && (x->what.array != root || !x->index || (!x->what.is_write && !is_covered(w, i))))
            return false;
    }
    for (uint32_t i = 0; i < w->found.len; i++)
        if (w->found.at[i].root == root && takes_store(w, &w->found.at[i], out) && covers_writes(w, &w->found.at[i]))
            return true;
    return false;
}

/* The copies are of what nobody else writes or reads. */
static void stand_alone(access_walk *w, dep_verdict *v, kir_var *array) {
    add_injective(w, v, array);
    for (uint32_t i = 0; i < w->found.len; i++)
        if (w->found.at[i].root != array && may_share(w, array, w->found.at[i].root))
            add_pair(w, v, array, w->found.at[i].root, false);
}

bool dep_work_arrays(dep_session *s, kir_stmt *loop, const dep_exceptions *x, const dep_work **works, uint32_t *n,
                     dep_verdict *assumed) {
    access_walk w = access_open(s, loop, x);
    VEC(dep_work) found = {0};
    *assumed = (dep_verdict){.class = KIR_CLASS_INDEPENDENT};
    bool yes = !w.trouble && w.writes[loop->var->id] == 1;
    for (uint32_t i = 0; i < w.found.len && yes; i++)
        yes = was_judged(&w, i) || separated(&w, w.found.at[i].root) || !is_handed_on(&w, w.found.at[i].root);
    isl_ctx_reset_error(s->isl);
    isl_ctx_reset_operations(s->isl);
    isl_ctx_set_max_operations(s->isl, OPERATIONS_PER_LOOP);
    for (uint32_t i = 0; i < w.found.len && yes; i++) {
        kir_var *root = w.found.at[i].root;
        dep_verdict met = {.class = KIR_CLASS_INDEPENDENT};
        dep_work work;
        if (was_judged(&w, i) || !has_write(&w, root) || separated(&w, root) || is_private_root(&w, root) ||
            !judge_root(&w, root, &met))
            continue;
        yes = origin_of(&w, root) == ORIGIN_PARAM && is_read(&w, root) && is_work(&w, root, &work);
        if (yes)
            vec_push(s->a, &found, work);
    }
    yes = yes && found.len && !affine_over_budget(s);
    for (uint32_t k = 0; k < found.len && yes; k++)
        stand_alone(&w, assumed, found.at[k].array);
    isl_ctx_reset_error(s->isl);
    isl_ctx_set_max_operations(s->isl, 0);
    access_close(&w);
    *works = found.at;
    *n = found.len;
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

static const access *touches_excepted(const access_walk *w) {
    for (uint32_t i = 0; i < w->excepted.len; i++)
        for (uint32_t k = 0; k < w->found.len; k++)
            if (w->found.at[k].root == w->excepted.at[i].root)
                return &w->found.at[k];
    return NULL;
}

static dep_verdict judge_all(access_walk *w) {
    dep_verdict v = {.class = KIR_CLASS_INDEPENDENT};
    isl_ctx_reset_error(w->s->isl);
    isl_ctx_reset_operations(w->s->isl);
    isl_ctx_set_max_operations(w->s->isl, OPERATIONS_PER_LOOP);
    for (uint32_t i = 0; i < w->found.len; i++) {
        kir_var *root = w->found.at[i].root;
        if (was_judged(w, i) || !has_write(w, root) || separated(w, root))
            continue;
        if (separated_on_ring(w, root) || (delinear_root(w, root) && separated(w, root)))
            continue;
        if (judge_root(w, root, &v))
            break;
    }
    return v;
}

/* When iterations seem to meet, or it is not known where, the loop gets a second look with stairs. */
dep_verdict dep_analyse_except(dep_session *s, kir_stmt *loop, const dep_exceptions *exceptions,
                               const dep_element **elements, uint32_t *n_elements) {
    access_walk w = access_open(s, loop, exceptions);
    dep_verdict v = {.class = KIR_CLASS_INDEPENDENT};
    if (elements) {
        *elements = w.excepted.at;
        *n_elements = w.excepted.len;
    }
    const access *touching = touches_excepted(&w);
    if (touching)
        return unknown("UPDATES", access_name_of(&w, touching->root), touching, NULL);
    if (w.trouble) {
        v = unknown(w.trouble, w.trouble_detail, NULL, NULL);
        v.first.statement = w.trouble_at;
        return v;
    }
    if (w.writes[loop->var->id] != 1)
        return unknown("ITERATOR_ASSIGNED", access_name_of(&w, loop->var), NULL, NULL);
    v = judge_all(&w);
    bool axes_left = v.reason && strcmp(v.reason, "NOT_AFFINE") == 0 && v.first.array->ty->ndim > 1;
    if (v.class != KIR_CLASS_INDEPENDENT && !v.proven && (axes_left || stairs_may_help(&w))) {
        uint32_t known = w.require.len;
        stairs_begin(&w);
        dep_verdict again = judge_all(&w);
        if (again.class != KIR_CLASS_INDEPENDENT && stairs_begin_strictly(&w)) {
            w.require.len = known;
            again = judge_all(&w);
        }
        v = again.class == KIR_CLASS_INDEPENDENT && !stairs_leave_nothing(&w) ? again : v;
    }
    if (v.class == KIR_CLASS_INDEPENDENT)
        list_assumptions(&w, &v);
    isl_ctx_reset_error(s->isl);
    isl_ctx_set_max_operations(s->isl, 0);
    access_close(&w);
    return v;
}

/* ---- whole nests --------------------------------------------------------------------------------------------------- */

struct dep_nest {
    access_walk w;
    dep_site *sites;
};

static bool map_all(access_walk *w) {
    for (uint32_t i = 0; i < w->found.len; i++) {
        access *x = &w->found.at[i];
        bool mapped = affine_map(w, x);
        if (affine_over_budget(w->s) || (!mapped && has_write(w, x->root)))
            return false;
    }
    return true;
}

void dep_nest_close(dep_nest *n) {
    isl_ctx_reset_error(n->w.s->isl);
    isl_ctx_set_max_operations(n->w.s->isl, 0);
    access_close(&n->w);
}

dep_nest *dep_nest_open(dep_session *s, kir_stmt *loop, uint32_t operations) {
    dep_nest *n = arena_make(s->a, dep_nest);
    n->w = access_open(s, loop, NULL);
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
    if (depth > ACCESS_MAX_DEPTH)
        return NULL;
    memcpy(x.loops, at, depth * sizeof *at);
    affine_domain(&n->w, &x);
    if (!x.exact || affine_over_budget(n->w.s)) {
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
