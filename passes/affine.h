/* Inside of the dependence analysis: expressions, conditions and accesses as isl sees them, over the iterators of the
 * loops around an access (dimensions) and invariant values (parameters). Coefficients beyond 2^31 are treated as not
 * affine, so that index arithmetic cannot wrap unseen. */
#ifndef PLAIT_PASSES_AFFINE_H
#define PLAIT_PASSES_AFFINE_H

#include "passes/access.h"

#include <isl/aff_type.h>
#include <isl/map_type.h>
#include <isl/set_type.h>
#include <isl/space_type.h>

bool affine_is_small(int64_t x);
bool affine_is_int64(const kir_expr *e);
bool affine_is_widening(const kir_expr *e); /* a cast to int64 that keeps the value */

isl_space *affine_space(const access_walk *w); /* of the iterations */
isl_pw_aff *affine_constant(const access_walk *w, int64_t x);
isl_pw_aff *affine_parameter(access_walk *w, kir_expr *e);
/* `e` as a piecewise affine function of the iterators of access x, or NULL. */
isl_pw_aff *affine_of(access_walk *w, kir_expr *e, const access *x);
/* Gives x its domain; its map, iteration → element (false: some subscript is not affine). */
void affine_domain(access_walk *w, access *x);
bool affine_map(access_walk *w, access *x);
/* { d → d' : same element, d0 != d0' } of two accesses that have maps. */
isl_map *affine_conflict(access_walk *w, const access *a, const access *b);
bool affine_over_budget(dep_session *s);

#endif
