/* Most statements that are reordered run over a box, 0 <= i < n in every dimension with n a parameter of the nest. isl
 * takes 2 to 3 ms to find loops for tiles of a box, more than all other passes need together, and always finds the same:
 *
 *   S[i, j, k] in 0 <= i < p0, 0 <= j < p1, 0 <= k < p2     for %kt in [0, p2, 256) {
 *   tiles of k by 256 and of j by 32,                           for %jt in [0, p1, 32) {
 *   i from t to below u, then k, then j                  →          for %i in [max(0, t), min(p0, u), 1) {
 *                                                                       for %k in [%kt, min(p2 - 1, %kt + 255) + 1, 1) {
 *                                                                           for %j in [%jt, min(p1 - 1, %jt + 31) + 1, 1) {
 *
 * Loops, bounds and the numbers of variables are those that astgen makes of isl's answer, to the letter: what jam.c and
 * the goldens know of them holds for both. Whatever is not exactly a box (a bound that is a number, or another loop's
 * variable; a loop that runs downwards; tiles of 1 and 2, of which isl writes less or otherwise) is isl's. */
#include "passes/box.h"
#include "passes/passes.h"

#include <isl/constraint.h>
#include <isl/set.h>
#include <isl/val.h>
#include <stdlib.h>

typedef struct box {
    nest *n;
    const plan *p;
    const scop_stmt *t;
    bool from_zero[SCOP_DEPTH];
    kir_expr *end[SCOP_DEPTH]; /* parameter that dimension d stays below; NULL: not seen yet */
    kir_var *tile[SCOP_DEPTH]; /* where the tile of dimension d begins, or NULL */
    uint32_t size[SCOP_DEPTH]; /* of that tile */
    kir_var *at[SCOP_DEPTH];
    bool simple;
} box;

/* ---- is it one? ------------------------------------------------------------------------------------------------------ */

static int64_t coefficient_of(isl_constraint *c, enum isl_dim_type of, int k) {
    isl_val *v = isl_constraint_get_coefficient_val(c, of, k);
    int64_t x = isl_val_cmp_si(v, 1) == 0 ? 1 : isl_val_cmp_si(v, -1) == 0 ? -1 : isl_val_is_zero(v) ? 0 : 2;
    isl_val_free(v);
    return x;
}

/* The only k with a coefficient that is not zero: that in *c. -1: there is none, -2: there are several. */
static int only_one(isl_constraint *in, enum isl_dim_type of, int64_t *c) {
    int found = -1;
    isl_size n = isl_constraint_dim(in, of);
    for (int k = 0; k < n; k++) {
        int64_t x = coefficient_of(in, of, k);
        if (x == 0)
            continue;
        if (found >= 0)
            return -2;
        found = k;
        *c = x;
    }
    return found;
}

static bool has_constant(isl_constraint *c, long wanted) {
    isl_val *v = isl_constraint_get_constant_val(c);
    bool same = isl_val_cmp_si(v, wanted) == 0;
    isl_val_free(v);
    return same;
}

static kir_expr *parameter_of(const nest *n, isl_constraint *c, int k) {
    const char *name = isl_constraint_get_dim_name(c, isl_dim_param, (unsigned)k);
    unsigned long at = name && name[0] == 'p' ? strtoul(name + 1, NULL, 10) : n->n_parameters;
    return at < n->n_parameters ? n->parameter[at] : NULL;
}

/* i >= 0, or p - 1 - i >= 0 with p a parameter; each once. */
static isl_stat take_constraint(isl_constraint *c, void *context) {
    box *b = context;
    int64_t way = 0, times = 0;
    int d = only_one(c, isl_dim_set, &way), k = only_one(c, isl_dim_param, &times);
    bool good = isl_constraint_is_equality(c) == isl_bool_false && d >= 0 && d < (int)b->t->depth;
    if (good && way == 1 && k == -1 && has_constant(c, 0) && !b->from_zero[d]) {
        b->from_zero[d] = true;
    } else if (good && way == -1 && k >= 0 && times == 1 && has_constant(c, -1) && !b->end[d]) {
        b->end[d] = parameter_of(b->n, c, k);
        good = b->end[d] != NULL;
    } else {
        good = false;
    }
    isl_constraint_free(c);
    b->simple = b->simple && good;
    return isl_stat_ok;
}

static isl_stat take_constraints(isl_basic_set *s, void *context) {
    box *b = context;
    bool plain = isl_basic_set_dim(s, isl_dim_div) == 0 && isl_basic_set_dim(s, isl_dim_set) == (isl_size)b->t->depth;
    isl_stat done = plain ? isl_basic_set_foreach_constraint(s, take_constraint, b) : isl_stat_error;
    b->simple = b->simple && done == isl_stat_ok;
    isl_basic_set_free(s);
    return isl_stat_ok;
}

static bool is_box(box *b, isl_set *where) {
    const plan *p = b->p;
    b->simple = isl_set_n_basic_set(where) == 1 && isl_set_foreach_basic_set(where, take_constraints, b) == isl_stat_ok;
    b->simple = b->simple && (!b->n->shared || b->n->sized || b->n->tile > 2);
    for (uint32_t d = 0; d < b->t->depth; d++)
        b->simple = b->simple && b->from_zero[d] && b->end[d] && b->t->way[d] > 0 && !p->turned[d];
    for (uint32_t k = 0; k < p->tiles; k++)
        b->simple = b->simple && p->tile_size[k] > 2 && !(b->n->shared && p->tile_dim[k] == 0);
    return b->simple;
}

/* ---- its loops --------------------------------------------------------------------------------------------------------- */

#define OP(o, a, b) kir_binary(m, KIR_OP_##o, a, b, at)
#define NUMBER(x) kir_int(m, x, at)
#define REF(v) kir_ref(m, v, at)
#define END(b, d) kir_copy_expr(m, (b)->end[d], NULL)

static kir_block *add_loop(box *b, uint32_t level, kir_var *v, kir_expr *lo, kir_expr *hi, int64_t step,
                           kir_block *out) {
    kir_module *m = b->n->z->m;
    span at = b->n->s->nest->at;
    kir_stmt *loop = kir_for(m, v, lo, hi, NUMBER(step), KIR_LOOP_RANGE, at);
    loop->loop->slot = level;
    vec_push(m->a, out, loop);
    return &loop->body;
}

/* [max(0, t), min(p, u)), or up to t and the height of the tile. */
static kir_block *add_shared_loop(box *b, uint32_t level, kir_var *v, kir_block *out) {
    nest *n = b->n;
    kir_module *m = n->z->m;
    span at = n->s->nest->at;
    kir_expr *lo = OP(MAX, NUMBER(0), REF(n->at[0])), *hi;
    if (n->sized)
        hi = OP(MIN, END(b, 0), REF(n->at[1]));
    else
        hi = OP(ADD, OP(MIN, OP(SUB, END(b, 0), NUMBER(1)), OP(ADD, REF(n->at[0]), NUMBER((int64_t)n->tile - 1))),
                NUMBER(1));
    return add_loop(b, level, v, lo, hi, 1, out);
}

static kir_block *add_inner_loop(box *b, uint32_t level, uint32_t d, kir_block *out) {
    kir_module *m = b->n->z->m;
    span at = b->n->s->nest->at;
    kir_var *v = b->at[d] = kir_temp_new(m, b->n->z->f, type_int64(m->types), at);
    if (b->n->shared && d == 0)
        return add_shared_loop(b, level, v, out);
    if (!b->tile[d])
        return add_loop(b, level, v, NUMBER(0), END(b, d), 1, out);
    kir_expr *last = OP(ADD, REF(b->tile[d]), NUMBER((int64_t)b->size[d] - 1));
    kir_expr *hi = OP(ADD, OP(MIN, OP(SUB, END(b, d), NUMBER(1)), last), NUMBER(1));
    return add_loop(b, level, v, REF(b->tile[d]), hi, 1, out);
}

bool box_put(nest *n, const plan *p, isl_set *where, kir_block *out) {
    kir_module *m = n->z->m;
    span at = n->s->nest->at;
    box b = {.n = n, .p = p, .t = &n->s->stmt[p->stmt]};
    if (!is_box(&b, where))
        return false;
    for (uint32_t k = 0; k < p->tiles; k++) {
        uint32_t d = p->tile_dim[k];
        b.tile[d] = kir_temp_new(m, n->z->f, type_int64(m->types), at);
        b.size[d] = p->tile_size[k];
        out = add_loop(&b, k, b.tile[d], NUMBER(0), END(&b, d), p->tile_size[k], out);
    }
    for (uint32_t k = 0; k < b.t->depth; k++)
        out = add_inner_loop(&b, p->tiles + k, p->order[k], out);
    kir_expr *values[SCOP_DEPTH];
    for (uint32_t d = 0; d < b.t->depth; d++)
        values[d] = REF(b.at[d]);
    scop_put_run(n->s, b.t, values, out);
    return true;
}
