/* See affine.h. Conjuncts of conditions that are not affine are left out: a larger domain can only add conflicts, and
 * clears `exact`, so that nothing is "proven racy" on such grounds. Invariant values are parameters, named by their
 * structure: equal expressions are equal parameters. */
#include "passes/affine.h"
#include "passes/stairs.h"

#include <isl/aff.h>
#include <isl/constraint.h>
#include <isl/ctx.h>
#include <isl/id.h>
#include <isl/map.h>
#include <isl/set.h>
#include <isl/space.h>
#include <isl/val.h>
#include <stdio.h>

enum { MAX_PIECES = 8 };

bool affine_is_small(int64_t x) {
    return x > -(INT64_C(1) << 31) && x < (INT64_C(1) << 31);
}

bool affine_is_int64(const kir_expr *e) {
    return e->ty->kind == TYPE_INT && e->ty->bits == 64 && e->ty->is_signed;
}

bool affine_is_widening(const kir_expr *e) {
    if (e->kind != KIR_CAST || !affine_is_int64(e))
        return false;
    const type *from = e->args[0]->ty;
    return from->kind == TYPE_BOOL || (from->kind == TYPE_INT && (from->bits < 64 || from->is_signed));
}

/* ---- isl ------------------------------------------------------------------------------------------------------------------ */

isl_space *affine_space(const access_walk *w) {
    return isl_space_set_alloc(w->s->isl, 0, w->dims);
}

isl_pw_aff *affine_constant(const access_walk *w, int64_t x) {
    isl_local_space *ls = isl_local_space_from_space(affine_space(w));
    return isl_pw_aff_from_aff(isl_aff_val_on_domain(ls, isl_val_int_from_si(w->s->isl, (long)x)));
}

isl_pw_aff *affine_parameter(access_walk *w, kir_expr *e) {
    uint32_t k = 0;
    while (k < w->parameters.len && !kir_expr_equal(w->parameters.at[k], e))
        k++;
    if (k == w->parameters.len)
        vec_push(w->s->a, &w->parameters, e);
    char name[16];
    snprintf(name, sizeof name, "p%u", k);
    isl_id *id = isl_id_alloc(w->s->isl, name, NULL);
    isl_space *space = isl_space_add_param_id(affine_space(w), isl_id_copy(id));
    isl_pw_aff *p = isl_pw_aff_from_aff(isl_aff_param_on_domain_space_id(space, id));
    return p;
}

static isl_set *affine_condition(access_walk *w, kir_expr *e, const access *x);

static isl_pw_aff *affine_binary(access_walk *w, kir_expr *e, const access *x) {
    int64_t c;
    bool by_constant = kir_is_const_int(e->args[1], &c) && affine_is_small(c);
    isl_pw_aff *a, *b;
    switch (e->op) {
    case KIR_OP_FLOORDIV:
    case KIR_OP_MOD:
        if (!by_constant || c <= 0 || !(a = affine_of(w, e->args[0], x)))
            return NULL;
        {
            isl_val *v = isl_val_int_from_si(w->s->isl, (long)c);
            if (e->op == KIR_OP_MOD)
                return isl_pw_aff_mod_val(a, v);
            return isl_pw_aff_floor(isl_pw_aff_scale_down_val(a, v));
        }
    case KIR_OP_MUL:
        if (!by_constant || !(a = affine_of(w, e->args[0], x)))
            return NULL;
        return isl_pw_aff_scale_val(a, isl_val_int_from_si(w->s->isl, (long)c));
    case KIR_OP_SHL:
        if (!by_constant || c < 0 || c > 30 || !(a = affine_of(w, e->args[0], x)))
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
    a = affine_of(w, e->args[0], x);
    b = a ? affine_of(w, e->args[1], x) : NULL;
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

static isl_pw_aff *choose(access_walk *w, isl_set *test, kir_expr *yes, kir_expr *no, const access *x) {
    isl_pw_aff *a = test ? affine_of(w, yes, x) : NULL, *b = a ? affine_of(w, no, x) : NULL;
    if (!b) {
        isl_set_free(test);
        isl_pw_aff_free(a);
        return NULL;
    }
    return isl_pw_aff_cond(isl_set_indicator_function(test), a, b);
}

/* `e` as a piecewise affine function of the iterators of access x, or NULL. */
isl_pw_aff *affine_of(access_walk *w, kir_expr *e, const access *x) {
    int64_t c;
    if (kir_is_const_int(e, &c))
        return affine_is_small(c) ? affine_constant(w, c) : NULL;
    if (e->ty->kind == TYPE_BOOL || e->ty->kind != TYPE_INT)
        return NULL;
    if (e->kind == KIR_VAR)
        for (uint32_t k = 0; k < x->depth; k++)
            if (x->loops[k]->var == e->var && w->writes[e->var->id] == 1) {
                isl_local_space *ls = isl_local_space_from_space(affine_space(w));
                return isl_pw_aff_from_aff(isl_aff_var_on_domain(ls, isl_dim_set, k));
            }
    isl_pw_aff *result = NULL;
    if (affine_is_int64(e)) {
        if (e->kind == KIR_BINARY) {
            result = w->stairs ? stairs_of(w, e, x) : NULL;
            result = result ? result : affine_binary(w, e, x);
        } else if (e->kind == KIR_UNARY && e->op == KIR_OP_NEG) {
            isl_pw_aff *a = affine_of(w, e->args[0], x);
            result = a ? isl_pw_aff_neg(a) : NULL;
        } else if (affine_is_widening(e) && e->args[0]->ty->kind == TYPE_INT) {
            result = affine_of(w, e->args[0], x);
        } else if (e->kind == KIR_SELECT) {
            result = choose(w, affine_condition(w, e->args[0], x), e->args[1], e->args[2], x);
        } else if (e->kind == KIR_WRAP) {
            isl_pw_aff *i = affine_of(w, e->args[0], x), *n = i ? affine_of(w, e->args[1], x) : NULL;
            if (n) {
                isl_set *negative = isl_pw_aff_lt_set(isl_pw_aff_copy(i), affine_constant(w, 0));
                isl_pw_aff *wrapped = isl_pw_aff_add(isl_pw_aff_copy(i), n);
                return isl_pw_aff_cond(isl_set_indicator_function(negative), wrapped, i);
            }
            isl_pw_aff_free(i);
            return NULL;
        }
    }
    if (!result && access_is_invariant(w, e))
        result = affine_parameter(w, e);
    return result;
}

/* Where a op b holds. Nearly always both are one function everywhere, of which isl makes a set at once. */
static isl_set *where_ordered(kir_op op, isl_pw_aff *a, isl_pw_aff *b) {
    if (isl_pw_aff_isa_aff(a) == isl_bool_true && isl_pw_aff_isa_aff(b) == isl_bool_true) {
        isl_aff *x = isl_pw_aff_as_aff(a), *y = isl_pw_aff_as_aff(b);
        x = isl_aff_align_params(x, isl_aff_get_space(y));
        y = isl_aff_align_params(y, isl_aff_get_space(x));
        return isl_set_from_basic_set(op == KIR_OP_LT   ? isl_aff_lt_basic_set(x, y)
                                      : op == KIR_OP_LE ? isl_aff_le_basic_set(x, y)
                                      : op == KIR_OP_GT ? isl_aff_gt_basic_set(x, y)
                                                        : isl_aff_ge_basic_set(x, y));
    }
    return op == KIR_OP_LT   ? isl_pw_aff_lt_set(a, b)
           : op == KIR_OP_LE ? isl_pw_aff_le_set(a, b)
           : op == KIR_OP_GT ? isl_pw_aff_gt_set(a, b)
                             : isl_pw_aff_ge_set(a, b);
}

static isl_set *compare(access_walk *w, kir_expr *e, const access *x) {
    if (e->args[0]->ty->kind != TYPE_INT || !affine_is_int64(e->args[0]))
        return NULL;
    isl_pw_aff *a = affine_of(w, e->args[0], x), *b = a ? affine_of(w, e->args[1], x) : NULL;
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
    case KIR_OP_LE:
    case KIR_OP_GT:
    case KIR_OP_GE:
        return where_ordered(e->op, a, b);
    default:
        isl_pw_aff_free(a);
        isl_pw_aff_free(b);
        return NULL;
    }
}

static isl_set *affine_condition(access_walk *w, kir_expr *e, const access *x) {
    if (e->ty->kind != TYPE_BOOL)
        return NULL;
    if (e->kind == KIR_CONST)
        return e->value.i ? isl_set_universe(affine_space(w)) : isl_set_empty(affine_space(w));
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
static isl_set *constrain(access_walk *w, isl_set *domain, kir_expr *test, bool negated, access *x) {
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

static isl_set *loop_domain(access_walk *w, isl_set *domain, kir_stmt *loop, uint32_t dim, access *x) {
    access bounds = *x;
    bounds.depth = dim; /* bounds see the outer iterators only */
    int64_t step;
    isl_local_space *ls = isl_local_space_from_space(affine_space(w));
    isl_pw_aff *i = isl_pw_aff_from_aff(isl_aff_var_on_domain(ls, isl_dim_set, dim));
    access_bounds ends = access_ends(w, loop);
    isl_pw_aff *lo = affine_of(w, ends.lo, &bounds), *hi = affine_of(w, ends.hi, &bounds);
    if (!kir_is_const_int(loop->step, &step) || !affine_is_small(step) || step == 0) {
        x->exact = false;
        return between(domain, i, lo, hi);
    }
    if (lo) {
        isl_set *from = where_ordered(step > 0 ? KIR_OP_GE : KIR_OP_LE, isl_pw_aff_copy(i), isl_pw_aff_copy(lo));
        domain = isl_set_intersect(domain, from);
    }
    if (hi) {
        isl_set *to = where_ordered(step > 0 ? KIR_OP_LT : KIR_OP_GT, isl_pw_aff_copy(i), isl_pw_aff_copy(hi));
        domain = isl_set_intersect(domain, to);
    }
    if (lo && step != 1 && step != -1) {
        isl_val *v = isl_val_int_from_si(w->s->isl, (long)(step < 0 ? -step : step));
        isl_pw_aff *phase = isl_pw_aff_mod_val(isl_pw_aff_sub(isl_pw_aff_copy(i), isl_pw_aff_copy(lo)), v);
        domain = isl_set_intersect(domain, isl_pw_aff_eq_set(phase, affine_constant(w, 0)));
    }
    x->exact = x->exact && lo && hi;
    isl_pw_aff_free(lo);
    isl_pw_aff_free(hi);
    isl_pw_aff_free(i);
    return isl_set_n_basic_set(domain) > 1 ? isl_set_coalesce(domain) : domain;
}

/* Do the accesses stand in the same loops, x under all conditions that y is under? */
static bool stands_within(const access_walk *w, const access *x, const access *y) {
    bool same = y->depth == x->depth && y->n_conditions <= x->n_conditions;
    for (uint32_t k = 0; same && k < x->depth; k++)
        same = x->loops[k] == y->loops[k];
    for (uint32_t k = 0; same && k < y->n_conditions; k++) {
        const access_condition *a = &w->kept.at[x->first_condition + k], *b = &w->kept.at[y->first_condition + k];
        same = a->test == b->test && a->negated == b->negated && a->is_check == b->is_check;
    }
    return same;
}

/* The access whose domain is known and nearest to that of x. */
static const access *find_nearest(const access_walk *w, const access *x) {
    const access *best = NULL;
    for (uint32_t k = 0; k < w->found.len; k++) {
        const access *y = &w->found.at[k];
        if (y->domain && (!best || y->n_conditions > best->n_conditions) && stands_within(w, x, y))
            best = y;
    }
    return best;
}

/* Most accesses of a loop stand at the same place, behind the same dozen of tests. */
void affine_domain(access_walk *w, access *x) {
    const access *near = find_nearest(w, x);
    isl_set *domain = near ? isl_set_copy(near->domain) : isl_set_universe(affine_space(w));
    bool exact = x->exact;
    x->exact = near ? near->modelled : true;
    for (uint32_t k = 0; k < x->depth && !near; k++)
        domain = loop_domain(w, domain, x->loops[k], k, x);
    for (uint32_t k = near ? near->n_conditions : 0; k < x->n_conditions; k++) {
        const access_condition *c = &w->kept.at[x->first_condition + k];
        bool before = x->exact;
        domain = constrain(w, domain, c->test, c->negated, x);
        x->exact = c->is_check ? before : x->exact;
    }
    x->modelled = x->exact;
    x->exact = exact && x->modelled;
    x->domain = domain;
}

/* A subscript that is not affine may be any element along its axis. */
static isl_map *forget_axis(isl_map *map, uint32_t axis) {
    map = isl_map_project_out(map, isl_dim_out, axis, 1);
    return isl_map_insert_dims(map, isl_dim_out, axis, 1);
}

/* { iteration → (values of the list) }. Takes both. */
static isl_map *map_of(const access_walk *w, isl_space *space, isl_pw_aff_list *list) {
    isl_size n = isl_pw_aff_list_n_pw_aff(list);
    isl_aff_list *plain = isl_aff_list_alloc(w->s->isl, n);
    for (int k = 0; k < n && plain; k++) {
        isl_pw_aff *p = isl_pw_aff_list_get_pw_aff(list, k);
        if (isl_pw_aff_isa_aff(p) == isl_bool_true) {
            plain = isl_aff_list_add(plain, isl_pw_aff_as_aff(p));
        } else {
            isl_pw_aff_free(p);
            plain = isl_aff_list_free(plain);
        }
    }
    if (!plain)
        return isl_map_from_multi_pw_aff(isl_multi_pw_aff_from_pw_aff_list(space, list));
    isl_pw_aff_list_free(list);
    return isl_map_from_multi_aff(isl_multi_aff_from_aff_list(space, plain));
}

/* iteration → element; false when some subscript is not affine, which with stairs is no obstacle. */
bool affine_map(access_walk *w, access *x) {
    if (x->map)
        return true;
    if (!x->index)
        return false;
    if (!x->domain)
        affine_domain(w, x);
    uint32_t n_any = 0, *any = arena_array(w->s->a, uint32_t, x->n + 1);
    isl_space *space = isl_space_set_alloc(w->s->isl, 0, x->n);
    isl_pw_aff_list *list = isl_pw_aff_list_alloc(w->s->isl, (int)x->n);
    for (uint32_t k = 0; k < x->n; k++) {
        isl_pw_aff *p = affine_of(w, x->index[k], x);
        if (!p && w->stairs) {
            any[n_any++] = k;
            p = affine_constant(w, 0);
        }
        if (!p) {
            isl_pw_aff_list_free(list);
            isl_space_free(space);
            return false;
        }
        list = isl_pw_aff_list_add(list, p);
    }
    isl_space *whole = isl_space_map_from_domain_and_range(affine_space(w), space);
    isl_map *map = map_of(w, whole, list);
    while (n_any > 0)
        map = forget_axis(map, any[--n_any]);
    x->map = isl_map_intersect_domain(map, isl_set_copy(x->domain));
    return x->map != NULL;
}

/* { d → d' : same element, d0 != d0' } */
isl_map *affine_conflict(access_walk *w, const access *a, const access *b) {
    isl_map *same = isl_map_apply_range(isl_map_copy(a->map), isl_map_reverse(isl_map_copy(b->map)));
    isl_space *space = isl_space_map_from_set(affine_space(w));
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
    same = isl_map_intersect(same, isl_map_union(below, above));
    return w->stairs ? stairs_restrict(w, same) : same;
}

bool affine_over_budget(dep_session *s) {
    return isl_ctx_last_error(s->isl) != isl_error_none;
}
