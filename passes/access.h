/* Inside of the dependence analysis: the accesses of a loop's body, found in one walk.
 *
 * Each access has the array that owns its elements, subscripts into it, the loops and conditions around it. A variable in
 * a subscript stands for
 *   - the iterator of an enclosing loop (the analysed one or inside it);
 *   - itself when it is not written in the loop;
 *   - its value's expression when it has exactly one assignment in the loop, which dominates the use;
 *   - else it is not known. */
#ifndef PLAIT_PASSES_ACCESS_H
#define PLAIT_PASSES_ACCESS_H

#include "passes/around.h"
#include "passes/dependence.h"

enum { ACCESS_MAX_DEPTH = 12 };

typedef struct access { /* as found in the walk */
    dep_access what;
    kir_var *root;
    kir_expr **index; /* into root; NULL: unknown elements */
    uint32_t n;
    uint32_t depth; /* loops around it, L included */
    kir_stmt *loops[ACCESS_MAX_DEPTH];
    struct isl_set *domain;                 /* built on demand */
    struct isl_map *map;                    /* built on demand: iteration → element */
    bool exact;                             /* the domain is exact */
    bool modelled;                          /* as far as loops and conditions tell; set with the domain */
    uint32_t first_condition, n_conditions; /* of the walk's list */
    uint32_t part;                          /* statement of the analysed loop's body that it stands in */
} access;

typedef struct access_condition {
    kir_expr *test;
    bool negated;
    bool is_check; /* raises unless it holds: what is behind it runs in every iteration that does not raise */
} access_condition;

typedef struct access_bounds { /* of a loop, with variables replaced by their values where the loop starts */
    const kir_stmt *loop;
    kir_expr *lo, *hi;
} access_bounds;

struct dep_session {
    kir_module *m;
    kir_fn *f;
    arena *a;
    struct isl_ctx *isl;
    var_defs defs;
    VEC(dep_pair) apart; /* known here to share no memory */
    around_facts around; /* what is assumed where the loop starts */
};

typedef struct access_walk { /* of one loop */
    dep_session *s;
    kir_stmt *loop;
    uint32_t *writes;      /* by variable id: assignments inside the loop */
    kir_expr **value;      /* by variable id: its value as of its only assignment in the loop, when that dominates the
                              current point, with earlier such variables replaced; else NULL */
    VEC(kir_var *) opened; /* variables whose value was set, in order */
    VEC(access_condition) path; /* conditions around the current point */
    VEC(access_condition) kept; /* all conditions, as accesses refer to them */
    kir_stmt *loops[ACCESS_MAX_DEPTH];
    uint32_t depth;
    VEC(access_bounds) bounds;
    uint32_t part;                    /* the statement of the loop's body that is being walked */
    uint32_t dims;                    /* deepest nest of the loop: dimensions of the iteration space */
    uint32_t inexact;                 /* > 0: the current point may not be reached for reasons outside the model */
    const dep_exceptions *exceptions; /* or NULL */
    VEC(dep_element) excepted;
    VEC(access) found;
    VEC(kir_expr *) parameters;   /* structure of parameter k */
    VEC(kir_expr *) require;      /* tests at the loop's entry that what is found here rests on */
    struct access_stairs *stairs; /* NULL: sets have no dimensions for them (stairs.h) */
    const char *trouble;          /* reason code that ends the analysis, or NULL */
    const char *trouble_detail;
    kir_stmt *trouble_at;
} access_walk;

/* The walk through `loop`, under what is known around it. Close it to free what isl holds. */
access_walk access_open(dep_session *s, kir_stmt *loop, const dep_exceptions *exceptions);
void access_close(access_walk *w);
/* Copy of `e` with variables assigned once in the loop replaced by their values. */
kir_expr *access_substituted(access_walk *w, kir_expr *e, int depth);
/* Ends of a loop of the walk. */
access_bounds access_ends(access_walk *w, const kir_stmt *loop);
kir_var *access_owner(const access_walk *w, kir_var *v);
bool access_is_invariant(const access_walk *w, kir_expr *e);
/* Has the verdict rest on `test`, at the entry of the loop. */
void access_require(access_walk *w, kir_expr *test);
const char *access_name_of(const access_walk *w, const kir_var *v);

#endif
