/* Making arrays: np.zeros, arange, linspace, eye, array, copy … What a formula describes (arange, full, eye) stays an
 * element-wise expression over positions and takes no memory until it is assigned. */
#include "elaborate/arrays.h"

#include <string.h>

/* ---- constant contents --------------------------------------------------------------------------------------------------- */

enum { FILL_EMPTY, FILL_ZERO, FILL_ONE, FILL_VALUE };

/* An array of this shape with this content. `fill` (FILL_VALUE) is consumed. */
static value filled(elab *e, int how, kir_expr *fill, type *dtype, uint32_t ndim, kir_expr *const *dims,
                    type_layout layout, span at) {
    kir_module *m = elab_module(e);
    if (how == FILL_EMPTY || how == FILL_ZERO)
        return value_of(e, kir_ref(m, array_alloc(e, dtype, ndim, layout, dims, how == FILL_ZERO, at), at));
    if (how == FILL_ONE)
        fill = kir_cast(m, kir_int(m, 1, at), dtype, at);
    if (layout == LAYOUT_F && ndim > 1) {
        kir_var *t = array_alloc(e, dtype, ndim, layout, dims, false, at);
        array_emit_copy(e, t, 0, NULL, fill, at);
        return value_of(e, kir_ref(m, t, at));
    }
    return value_of(e, array_broadcast(e, fill, ndim, dims, at));
}

static kir_expr *fill_value(elab *e, const value *v, type **dtype, const value *dtype_argument, span at) {
    kir_expr *x = array_operand(e, v, at);
    if (!x || !(*dtype = array_dtype_argument(e, dtype_argument, kir_elem_type(x->ty), at)))
        return NULL;
    return array_cast(e, x, *dtype, at);
}

/* zeros(shape, dtype), ones, empty, and full(shape, fill, dtype). */
static value call_filled(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    kir_expr *dims[TYPE_MAX_NDIM], *fill = NULL;
    uint32_t ndim;
    type *dtype = NULL;
    (void)n;
    if (!array_shape_argument(e, &args[0], false, &ndim, dims, at))
        return value_invalid(at);
    if (b->code == FILL_VALUE)
        fill = fill_value(e, &args[1], &dtype, &args[2], at);
    else
        dtype = array_dtype_argument(e, &args[1], type_float64(elab_types(e)), at);
    if (!dtype || (b->code == FILL_VALUE && !fill))
        return value_invalid(at);
    array_check_extents(e, ndim, dims, dtype, at);
    return filled(e, b->code, fill, dtype, ndim, dims, LAYOUT_C, at);
}

static value call_filled_like(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    kir_module *m = elab_module(e);
    (void)n;
    kir_expr *model = array_operand(e, &args[0], at), *dims[TYPE_MAX_NDIM], *fill = NULL;
    if (!model)
        return value_invalid(at);
    uint32_t ndim = kir_is_array(model) ? model->ty->ndim : 0;
    type *dtype = array_dtype_argument(e, &args[b->code == FILL_VALUE ? 2 : 1], kir_elem_type(model->ty), at);
    if (dtype && b->code == FILL_VALUE) {
        fill = array_operand(e, &args[1], at);
        fill = fill ? array_cast(e, fill, dtype, at) : NULL;
    }
    if (!dtype || (b->code == FILL_VALUE && !fill))
        return value_invalid(at);
    type_layout layout = kir_is_array(model) && model->ty->layout == LAYOUT_F ? LAYOUT_F : LAYOUT_C;
    if (model->kind != KIR_VAR && kir_is_array(model) && array_is_alias(model))
        model = kir_ref(m, array_var(e, model, at), at);
    array_dims(e, model, dims, at);
    return filled(e, b->code, fill, dtype, ndim, dims, layout, at);
}

/* ---- sequences ----------------------------------------------------------------------------------------------------------- */

/* The positions along `axis` of an array of this shape. */
static kir_expr *positions(elab *e, uint32_t ndim, kir_expr *const *dims, uint32_t axis, span at) {
    kir_module *m = elab_module(e);
    kir_expr *x =
        kir_expr_new(m, KIR_INDEX, type_array(m->types, type_int64(m->types), ndim, LAYOUT_C, false, true), ndim, at);
    x->axis = (int32_t)axis;
    for (uint32_t i = 0; i < ndim; i++)
        x->args[i] = array_copy(e, dims[i]);
    return x;
}

static kir_expr *arange_argument(elab *e, const value *v, int64_t missing, span at) {
    if (v->kind == VAL_NONE)
        return kir_int(elab_module(e), missing, at);
    kir_expr *x = array_operand(e, v, at);
    if (x && (kir_is_array(x) || x->ty->kind == TYPE_COMPLEX)) {
        elab_error(e, DIAG_TYPING, at, NULL, "arange takes real numbers");
        return NULL;
    }
    return x;
}

kir_expr *elab_range_count(elab *e, kir_expr *lo, kir_expr *hi, kir_expr *step, span at) {
    kir_module *m = elab_module(e);
    type *i64 = type_int64(m->types), *u64 = type_int(m->types, 64, false);
    int64_t s;
    lo = elab_hold(e, lo);
    hi = elab_hold(e, hi);
    step = elab_hold(e, step);
    bool one = kir_is_const_int(step, &s) && s == 1;
    kir_expr *up = kir_binary(m, KIR_OP_GT, array_copy(e, step), kir_int(m, 0, at), at);
    kir_expr *from = elab_hold(e, kir_select(m, array_copy(e, up), array_copy(e, lo), array_copy(e, hi), at));
    kir_expr *to = elab_hold(e, kir_select(m, array_copy(e, up), array_copy(e, hi), array_copy(e, lo), at));
    kir_expr *n = kir_binary(m, KIR_OP_SUB, array_copy(e, to), array_copy(e, from), at);
    if (!one) {
        kir_expr *size = kir_select(m, up, array_copy(e, step), kir_unary(m, KIR_OP_NEG, array_copy(e, step), at), at);
        kir_expr *last = kir_cast(m, kir_binary(m, KIR_OP_SUB, n, kir_int(m, 1, at), at), u64, at);
        n = kir_cast(m, kir_binary(m, KIR_OP_FLOORDIV, last, kir_cast(m, size, u64, at), at), i64, at);
        n = kir_binary(m, KIR_OP_ADD, n, kir_int(m, 1, at), at);
    }
    return kir_select(m, kir_binary(m, KIR_OP_LT, from, to, at), n, kir_int(m, 0, at), at);
}

/* max(0, ceil((stop - start) / step)) in the arguments' own arithmetic. */
static kir_expr *arange_length(elab *e, kir_expr *const *x, type *t, span at) {
    kir_module *m = elab_module(e);
    kir_expr *start = array_copy(e, x[0]), *stop = array_copy(e, x[1]), *step = array_copy(e, x[2]);
    type *i64 = type_int64(m->types);
    if (t->kind == TYPE_FLOAT) {
        kir_expr *count = kir_binary(m, KIR_OP_DIV, kir_binary(m, KIR_OP_SUB, stop, start, at), step, at);
        count = kir_math(m, KIR_OP_CEIL, t, &count, 1, at);
        return kir_binary(m, KIR_OP_MAX, kir_cast(m, count, i64, at), kir_int(m, 0, at), at);
    }
    start = kir_cast(m, start, i64, at);
    stop = kir_cast(m, stop, i64, at);
    step = kir_cast(m, step, i64, at);
    if (array_is_const(step, 1) && start->kind == KIR_CONST && start->value.i >= 0)
        return kir_binary(m, KIR_OP_MAX, kir_binary(m, KIR_OP_SUB, stop, start, at), kir_int(m, 0, at), at);
    kir_expr *n = elab_range_count(e, start, stop, step, at);
    if (n->kind == KIR_CONST && n->value.i >= 0)
        return n;
    n = array_temp(e, n, at);
    elab_check(e, kir_binary(m, KIR_OP_GE, array_copy(e, n), kir_int(m, 0, at), at), "ValueError",
               "Maximum allowed size exceeded", NULL, 0, at);
    return n;
}

static value call_arange(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    kir_module *m = elab_module(e);
    (void)b, (void)n;
    bool only_stop = args[1].kind == VAL_NONE;
    kir_expr *x[3] = {arange_argument(e, only_stop ? &args[1] : &args[0], 0, at),
                      arange_argument(e, only_stop ? &args[0] : &args[1], 0, at), arange_argument(e, &args[2], 1, at)};
    if (!x[0] || !x[1] || !x[2])
        return value_invalid(at);
    type *t = array_common_type(e, x, 3);
    t = type_is_integer(t) ? type_int64(m->types) : type_float64(m->types);
    for (int i = 0; i < 3; i++) {
        x[i] = kir_cast(m, x[i], t, at);
        if (x[i]->kind != KIR_VAR)
            x[i] = array_temp(e, x[i], at);
    }
    bool safe_step = x[2]->kind == KIR_CONST && !(type_is_integer(t) ? x[2]->value.i == 0 : x[2]->value.f == 0);
    if (!safe_step) {
        kir_expr *zero = type_is_integer(t) ? kir_const_int(m, t, 0, at) : kir_const_float(m, t, 0, at);
        elab_check(e, kir_binary(m, KIR_OP_NE, array_copy(e, x[2]), zero, at), "ZeroDivisionError", "division by zero",
                   NULL, 0, at);
    }
    type *dtype = array_dtype_argument(e, &args[3], t, at);
    if (!dtype)
        return value_invalid(at);
    kir_expr *length = arange_length(e, x, t, at);
    if (length->kind != KIR_CONST && length->kind != KIR_DIM)
        length = array_temp(e, length, at);
    kir_expr *i = kir_cast(m, positions(e, 1, &length, 0, at), t, at), *step = array_copy(e, x[2]);
    if (t->kind == TYPE_FLOAT) { /* as NumPy: the difference of the first two elements */
        step = kir_binary(m, KIR_OP_SUB, kir_binary(m, KIR_OP_ADD, array_copy(e, x[0]), step, at), array_copy(e, x[0]),
                          at);
        step = array_temp(e, step, at);
    }
    bool unit = type_is_integer(t) && array_is_const(step, 1),
         from_zero = type_is_integer(t) && array_is_const(x[0], 0);
    if (!unit)
        i = kir_binary(m, KIR_OP_MUL, i, step, at);
    if (!from_zero)
        i = kir_binary(m, KIR_OP_ADD, i, x[0], at);
    return value_of(e, kir_cast(m, i, dtype, at));
}

/* start + i * step with the last element exactly stop. */
static value call_linspace(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    kir_module *m = elab_module(e);
    (void)b, (void)n;
    bool endpoint = true;
    kir_expr *ends[2] = {array_operand(e, &args[0], at), array_operand(e, &args[1], at)}, *num;
    uint32_t ndim;
    if (!ends[0] || !ends[1])
        return value_invalid(at);
    if (!value_literal_bool(&args[3], &endpoint) || kir_is_array(ends[0]) || kir_is_array(ends[1]) ||
        args[2].kind == VAL_TUPLE)
        return elab_error(e, DIAG_TYPING, at, NULL,
                          "linspace takes numbers for start, stop and num, and a constant endpoint");
    if (!array_shape_argument(e, &args[2], false, &ndim, &num, at))
        return value_invalid(at);
    type *f64 = type_float64(m->types), *t = array_common_type(e, ends, 2);
    t = t && t->kind == TYPE_COMPLEX ? type_complex(m->types, 128) : f64;
    for (int i = 0; i < 2; i++)
        ends[i] = array_temp(e, kir_cast(m, ends[i], t, at), at);
    type *dtype = array_dtype_argument(e, &args[4], t, at);
    if (!dtype)
        return value_invalid(at);
    kir_expr *div =
        endpoint ? kir_binary(m, KIR_OP_SUB, array_copy(e, num), kir_int(m, 1, at), at) : array_copy(e, num);
    kir_expr *safe = kir_binary(m, KIR_OP_MAX, array_copy(e, div), kir_int(m, 1, at), at);
    kir_expr *delta = kir_binary(m, KIR_OP_SUB, array_copy(e, ends[1]), array_copy(e, ends[0]), at);
    kir_expr *step = array_temp(e, kir_binary(m, KIR_OP_DIV, delta, kir_cast(m, safe, t, at), at), at);
    kir_expr *x = kir_cast(m, positions(e, 1, &num, 0, at), t, at);
    x = kir_binary(m, KIR_OP_ADD, kir_binary(m, KIR_OP_MUL, x, step, at), array_copy(e, ends[0]), at);
    if (endpoint) {
        kir_expr *last = kir_binary(m, KIR_OP_SUB, array_copy(e, num), kir_int(m, 1, at), at);
        kir_expr *some = kir_binary(m, KIR_OP_GT, array_copy(e, num), kir_int(m, 1, at), at);
        last = array_temp(e, kir_select(m, some, last, kir_int(m, -1, at), at), at);
        kir_expr *is_last = kir_binary(m, KIR_OP_EQ, positions(e, 1, &num, 0, at), last, at);
        x = kir_select(m, is_last, ends[1], x, at);
    }
    return value_of(e, kir_cast(m, x, dtype, at));
}

/* eye(N, M, k): one where column - row == k. */
static value call_eye(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    kir_module *m = elab_module(e);
    (void)b;
    uint32_t one;
    kir_expr *dims[2], *k = kir_int(m, 0, at);
    bool full = n > 2;
    type *dtype = array_dtype_argument(e, &args[full ? 3 : 1], type_float64(m->types), at);
    if (!dtype || args[0].kind == VAL_TUPLE || !array_shape_argument(e, &args[0], false, &one, &dims[0], at))
        return value_invalid(at);
    dims[1] = array_copy(e, dims[0]);
    if (full && args[1].kind != VAL_NONE && !array_shape_argument(e, &args[1], false, &one, &dims[1], at))
        return value_invalid(at);
    if (full) {
        if (!value_is_scalar(&args[2]) || !type_is_integer(args[2].ty))
            return elab_error(e, DIAG_TYPING, at, NULL, "the diagonal's number must be an integer");
        k = kir_cast(m, array_operand(e, &args[2], at), type_int64(m->types), at);
    }
    kir_expr *offset = kir_binary(m, KIR_OP_SUB, positions(e, 2, dims, 1, at), positions(e, 2, dims, 0, at), at);
    return value_of(e, kir_cast(m, kir_binary(m, KIR_OP_EQ, offset, k, at), dtype, at));
}

/* ---- from other values ------------------------------------------------------------------------------------------------------- */

typedef struct literal { /* a nested tuple as an array */
    uint32_t ndim;
    int64_t dims[TYPE_MAX_NDIM];
    uint32_t n;        /* leaves seen */
    kir_expr **leaves; /* scalars, or arrays that are rows */
} literal;

static uint64_t count_leaves(const value *v) {
    uint64_t n = 0;
    if (v->kind != VAL_TUPLE)
        return 1;
    for (uint32_t i = 0; i < v->len; i++)
        n += count_leaves(&v->items[i]);
    return n;
}

/* Collects the leaves in order; every level must be equally long everywhere. */
static bool read_literal(elab *e, const value *v, uint32_t depth, literal *l, span at) {
    if (v->kind != VAL_TUPLE) {
        if (depth != l->ndim) {
            elab_error(e, DIAG_TYPING, at, NULL,
                       "setting an array element with a sequence: the nested sequences differ in depth");
            return false;
        }
        return (l->leaves[l->n++] = array_operand(e, v, at)) != NULL;
    }
    if (depth >= l->ndim || l->dims[depth] != v->len) {
        elab_error(e, DIAG_TYPING, at, NULL,
                   "setting an array element with a sequence: the nested sequences differ in length");
        return false;
    }
    for (uint32_t i = 0; i < v->len; i++) {
        if (!read_literal(e, &v->items[i], depth + 1, l, at))
            return false;
    }
    return true;
}

/* Stores leaf number k where it belongs; leaves that are arrays fill a sub-array. */
static void store_leaf(elab *e, kir_var *target, const literal *l, uint32_t k, kir_expr *x, span at) {
    kir_module *m = elab_module(e);
    kir_sub subs[TYPE_MAX_NDIM];
    kir_expr *index[TYPE_MAX_NDIM];
    int64_t rest = k;
    for (uint32_t i = l->ndim; i-- > 0;) {
        index[i] = kir_int(m, rest % l->dims[i], at);
        subs[i] = (kir_sub){.kind = KIR_SUB_INDEX, .start = index[i]};
        rest /= l->dims[i];
    }
    if (!kir_is_array(x)) {
        elab_emit(e, kir_store(m, target, index, l->ndim, x, at));
        return;
    }
    for (uint32_t i = l->ndim; i < target->ty->ndim; i++)
        subs[i] = array_full(e, target, i, at);
    kir_sub *kept = arena_array(m->a, kir_sub, target->ty->ndim);
    memcpy(kept, subs, target->ty->ndim * sizeof *subs);
    array_emit_copy(e, target, target->ty->ndim, kept, x, at);
}

static bool rows_agree(elab *e, const literal *l, span at) {
    kir_expr *dims[TYPE_MAX_NDIM];
    uint32_t ndim = kir_is_array(l->leaves[0]) ? l->leaves[0]->ty->ndim : 0;
    array_dims(e, l->leaves[0], dims, at);
    for (uint32_t i = 1; i < l->n; i++) {
        if ((kir_is_array(l->leaves[i]) ? l->leaves[i]->ty->ndim : 0) != ndim) {
            elab_error(e, DIAG_TYPING, at, NULL, "the elements of the sequence differ in their number of dimensions");
            return false;
        }
        kir_module *m = elab_module(e);
        for (uint32_t k = 0; k < ndim; k++) {
            kir_expr *same =
                kir_binary(m, KIR_OP_EQ, elab_array_dim(e, l->leaves[i], k, at), array_copy(e, dims[k]), at);
            elab_check(e, same, "ValueError",
                       "setting an array element with a sequence. The requested array has an inhomogeneous shape", NULL,
                       0, at);
        }
    }
    return true;
}

static kir_expr *array_of_tuple(elab *e, const value *v, type *dtype, span at) {
    kir_module *m = elab_module(e);
    literal l = {0};
    for (const value *p = v; p->kind == VAL_TUPLE; p = &p->items[0]) {
        if (l.ndim == TYPE_MAX_NDIM) {
            elab_error(e, DIAG_TYPING, at, NULL, "an array has at most %d dimensions", TYPE_MAX_NDIM);
            return NULL;
        }
        l.dims[l.ndim++] = p->len;
        if (p->len == 0)
            break;
    }
    l.leaves = arena_array(m->a, kir_expr *, count_leaves(v) + 1);
    if (!read_literal(e, v, 0, &l, at) || (l.n && !rows_agree(e, &l, at)))
        return NULL;
    if (!dtype && l.n) {
        dtype = kir_elem_type(l.leaves[0]->ty);
        for (uint32_t i = 1; i < l.n; i++)
            dtype = type_promote_dtype(elab_types(e), dtype, kir_elem_type(l.leaves[i]->ty));
    }
    if (!dtype)
        dtype = type_float64(m->types);
    kir_expr *dims[TYPE_MAX_NDIM];
    uint32_t ndim = l.ndim;
    for (uint32_t i = 0; i < l.ndim; i++)
        dims[i] = kir_int(m, l.dims[i], at);
    if (l.n && kir_is_array(l.leaves[0])) {
        if (ndim + l.leaves[0]->ty->ndim > TYPE_MAX_NDIM) {
            elab_error(e, DIAG_TYPING, at, NULL, "an array has at most %d dimensions", TYPE_MAX_NDIM);
            return NULL;
        }
        array_dims(e, l.leaves[0], dims + ndim, at);
        ndim += l.leaves[0]->ty->ndim;
    }
    kir_var *t = array_alloc(e, dtype, ndim, LAYOUT_C, dims, false, at);
    for (uint32_t i = 0; i < l.n; i++) {
        kir_expr *x = array_cast(e, l.leaves[i], dtype, at);
        if (!x)
            return NULL;
        store_leaf(e, t, &l, i, x, at);
    }
    return kir_ref(m, t, at);
}

kir_expr *array_from_value(elab *e, const value *v, type *dtype, span at) {
    if (v->kind == VAL_TUPLE)
        return array_of_tuple(e, v, dtype, at);
    kir_expr *x = array_operand(e, v, at);
    if (!x)
        return NULL;
    if (dtype && !(x = array_cast(e, x, dtype, at)))
        return NULL;
    return kir_is_array(x) ? x : array_broadcast(e, x, 0, NULL, at);
}

enum { FROM_COPY, FROM_SHARE, FROM_CONTIGUOUS, FROM_FORTRAN };

/* A Fortran-ordered copy; arrays known to be contiguous in that order stay. */
static kir_expr *in_order(elab *e, kir_expr *x, type_layout layout, span at) {
    if (x->ty->layout == layout || x->ty->ndim < 2) {
        if (x->ty->ndim >= 1 && x->ty->layout != LAYOUT_A)
            return x;
    }
    return kir_ref(elab_module(e), array_materialise(e, x, layout, at), at);
}

/* array(), asarray(), ascontiguousarray() … by `code`. */
static value call_from(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    type *dtype = NULL;
    if (args[0].kind == VAL_BOTTOM)
        return args[0];
    if (n > 1 && args[1].kind != VAL_NONE && !(dtype = array_dtype_argument(e, &args[1], NULL, at)))
        return value_invalid(at);
    kir_expr *x = array_from_value(e, &args[0], dtype, at);
    if (!x)
        return value_invalid(at);
    bool shares = array_is_alias(x) && args[0].kind != VAL_TUPLE;
    bool copies = b->code == FROM_COPY;
    if (n > 2 && args[2].kind != VAL_NONE)
        value_literal_bool(&args[2], &copies);
    if (b->code == FROM_COPY && copies && shares)
        x = array_fresh_copy(e, x, at);
    if (b->code == FROM_CONTIGUOUS || b->code == FROM_FORTRAN) {
        kir_expr *one = kir_int(elab_module(e), 1, at);
        if (x->ty->ndim == 0)
            x = array_broadcast(e, x, 1, &one, at);
        x = in_order(e, x, b->code == FROM_FORTRAN ? LAYOUT_F : LAYOUT_C, at);
    }
    return value_of(e, x);
}

/* ndarray.copy(), np.copy(a): always new memory. */
static value call_copy(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    (void)b, (void)n;
    kir_expr *x = array_from_value(e, &args[0], NULL, at);
    if (!x)
        return value_invalid(at);
    return value_of(e, array_is_alias(x) ? array_fresh_copy(e, x, at) : x);
}

/* a.astype(t) is new memory also when the type is the same. */
static value call_astype(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    (void)b, (void)n;
    type *dtype = array_dtype_argument(e, &args[1], NULL, at);
    kir_expr *x = dtype ? array_operand(e, &args[0], at) : NULL;
    if (!x || !(x = array_cast(e, x, dtype, at)))
        return value_invalid(at);
    bool copies = true;
    if (n > 2)
        value_literal_bool(&args[2], &copies);
    return value_of(e, copies && array_is_alias(x) ? array_fresh_copy(e, x, at) : x);
}

static value call_fill(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    (void)b, (void)n;
    value all = {.kind = VAL_ELLIPSIS, .at = at};
    if (!value_is_scalar(&args[1]))
        return elab_error(e, DIAG_TYPING, at, NULL, "fill takes a number");
    elab_set_item(e, &args[0], &all, &args[1], at);
    return value_none(e, at);
}

static value call_broadcast_to(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    (void)b, (void)n;
    kir_expr *dims[TYPE_MAX_NDIM];
    uint32_t ndim;
    kir_expr *x = array_operand(e, &args[0], at);
    if (!x || !array_shape_argument(e, &args[1], false, &ndim, dims, at))
        return value_invalid(at);
    if (kir_is_array(x) && x->ty->ndim > ndim)
        return elab_error(e, DIAG_TYPING, at, NULL,
                          "input operand has more dimensions than allowed by the axis remapping");
    array_check_extents(e, ndim, dims, kir_elem_type(x->ty), at);
    for (uint32_t i = 1; kir_is_array(x) && i <= x->ty->ndim; i++) {
        kir_module *m = elab_module(e);
        kir_expr *d = elab_array_dim(e, x, x->ty->ndim - i, at);
        kir_expr *one = kir_binary(m, KIR_OP_EQ, array_copy(e, d), kir_int(m, 1, at), at);
        kir_expr *same = kir_binary(m, KIR_OP_EQ, d, array_copy(e, dims[ndim - i]), at);
        elab_check(e, kir_binary(m, KIR_OP_OR, same, one, at), "ValueError",
                   "operands could not be broadcast together with remapped shapes", NULL, 0, at);
    }
    return value_of(e, array_broadcast(e, x, ndim, dims, at));
}

const builtin create_table[] = {
    {"numpy.empty", "shape, dtype=None", call_filled, NULL, FILL_EMPTY},
    {"numpy.zeros", "shape, dtype=None", call_filled, NULL, FILL_ZERO},
    {"numpy.ones", "shape, dtype=None", call_filled, NULL, FILL_ONE},
    {"numpy.full", "shape, fill_value, dtype=None", call_filled, NULL, FILL_VALUE},
    {"numpy.empty_like", "prototype, dtype=None", call_filled_like, NULL, FILL_EMPTY},
    {"numpy.zeros_like", "a, dtype=None", call_filled_like, NULL, FILL_ZERO},
    {"numpy.ones_like", "a, dtype=None", call_filled_like, NULL, FILL_ONE},
    {"numpy.full_like", "a, fill_value, dtype=None", call_filled_like, NULL, FILL_VALUE},
    {"numpy.arange", "start, stop=None, step=None, dtype=None", call_arange, NULL, 0},
    {"numpy.linspace", "start, stop, num=50, endpoint=True, dtype=None", call_linspace, NULL, 0},
    {"numpy.eye", "N, M=None, k=0, dtype=None", call_eye, NULL, 0},
    {"numpy.identity", "n, dtype=None", call_eye, NULL, 0},
    {"numpy.array", "object, dtype=None, copy=True", call_from, NULL, FROM_COPY},
    {"numpy.asarray", "a, dtype=None", call_from, NULL, FROM_SHARE},
    {"numpy.asanyarray", "a, dtype=None", call_from, NULL, FROM_SHARE},
    {"numpy.ascontiguousarray", "a, dtype=None", call_from, NULL, FROM_CONTIGUOUS},
    {"numpy.asfortranarray", "a, dtype=None", call_from, NULL, FROM_FORTRAN},
    {"numpy.copy", "a", call_copy, NULL, 0},
    {"numpy.broadcast_to", "array, shape", call_broadcast_to, NULL, 0},
    {"ndarray.copy", "self", call_copy, NULL, 0},
    {"ndarray.astype", "self, dtype, copy=True", call_astype, NULL, 0},
    {"ndarray.fill", "self, value", call_fill, NULL, 0},
    {0}};
