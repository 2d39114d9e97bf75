/* See witness.h. Parameters and extents in a witness are as small as isl happens to choose them. */
#include "passes/witness.h"

#include <isl/aff.h>
#include <isl/ilp.h>
#include <isl/map.h>
#include <isl/point.h>
#include <isl/set.h>
#include <isl/val.h>

enum { LARGE = 64 };

static int64_t point_value(isl_point *p, enum isl_dim_type dims, int pos) {
    isl_val *v = isl_point_get_coordinate_val(p, dims, pos);
    int64_t x = v && isl_val_is_int(v) == isl_bool_true ? isl_val_get_num_si(v) : 0;
    isl_val_free(v);
    return x;
}

static const char *iterator_name(const access_walk *w) {
    return w->loop->var->name ? w->loop->var->name->text : "iteration";
}

/* For parameters and extents as small as isl happens to choose. */
const char *witness_describe(access_walk *w, const access *a, const access *b, isl_map *relation) {
    int64_t step;
    if (!kir_is_const_int(w->loop->step, &step))
        return NULL;
    isl_set *pairs = isl_map_wrap(isl_map_copy(relation));
    isl_point *p = isl_set_sample_point(pairs);
    if (!p || isl_point_is_void(p) != isl_bool_false) {
        isl_point_free(p);
        return NULL;
    }
    int64_t first = point_value(p, isl_dim_set, 0), second = point_value(p, isl_dim_set, (int)w->dims);
    isl_set *params = isl_set_params(isl_set_from_point(p));
    isl_map *here = isl_map_intersect_params(isl_map_copy(a->map), params);
    isl_set *at = isl_set_fix_si(isl_set_universe(affine_space(w)), isl_dim_set, 0, (int)first);
    isl_point *element = isl_set_sample_point(isl_map_range(isl_map_intersect_domain(here, at)));
    text out = text_new(w->s->a);
    bool named = a->root->name || a->root->called;
    text_printf(&out, "iterations %s = %lld and %s = %lld %s %s%s[", iterator_name(w),
                (long long)(first < second ? first : second), iterator_name(w),
                (long long)(first < second ? second : first), a->exact && b->exact ? "both touch" : "may both touch",
                access_name_of(w, a->root), named ? "" : ", element ");
    for (uint32_t k = 0; k < a->n; k++)
        text_printf(&out, "%s%lld", k ? ", " : "",
                    (long long)(element ? point_value(element, isl_dim_set, (int)k) : 0));
    text_put(&out, "]");
    isl_point_free(element);
    return out.at;
}

const char *witness_distance(access_walk *w, isl_map *relation) {
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
static isl_set *large(access_walk *w, access *x, bool everything) {
    isl_set *big = isl_set_universe(affine_space(w));
    for (uint32_t k = 0; everything && k < w->parameters.len; k++)
        if (w->parameters.at[k]->kind == KIR_DIM)
            big = isl_set_intersect(
                big, isl_pw_aff_ge_set(affine_parameter(w, w->parameters.at[k]), affine_constant(w, LARGE)));
    for (uint32_t k = 0; k < (everything ? x->depth : 1); k++) {
        int64_t step;
        kir_stmt *loop = x->loops[k];
        if (!kir_is_const_int(loop->step, &step) || !affine_is_small(step))
            continue;
        access outside = *x;
        outside.depth = 0;
        isl_pw_aff *lo = affine_of(w, access_substituted(w, loop->lo, 0), &outside);
        isl_pw_aff *hi = affine_of(w, access_substituted(w, loop->hi, 0), &outside);
        if (lo && hi) {
            isl_pw_aff *trips = step > 0 ? isl_pw_aff_sub(hi, lo) : isl_pw_aff_sub(lo, hi);
            isl_set *enough = isl_pw_aff_ge_set(trips, affine_constant(w, LARGE * (step < 0 ? -step : step)));
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
static isl_set *large_and_reached(access_walk *w, access *a, access *b, bool everything) {
    isl_set *reached = isl_set_params(isl_set_copy(a->domain));
    reached = isl_set_intersect(reached, isl_set_params(isl_set_copy(b->domain)));
    return isl_set_intersect(reached, isl_set_intersect(large(w, a, everything), large(w, b, everything)));
}

bool witness_always(access_walk *w, access *a, access *b, isl_map *relation) {
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
