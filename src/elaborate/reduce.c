/* Reductions and scans: sum, argmin, var, cumsum …
 *
 * A whole reduction is evaluated into a scalar temporary, one along an axis into an array; what follows (the division of
 * a mean) stays element-wise. Integers are summed in 64 bits, float32 in float32 (the pass that makes the loops sums in
 * blocks, which is as accurate as NumPy's pairwise sums). Reducing nothing with min, max, argmin or argmax raises. */
#include "elaborate/arrays.h"

#include <string.h>

typedef struct axes { /* what is reduced */
    bool whole;
    uint32_t n;
    bool reduced[TYPE_MAX_NDIM];
    uint32_t ndim; /* of the operand */
} axes;

static bool read_axis(elab *e, const value *v, axes *a, span at) {
    uint32_t axis;
    if (!array_axis_argument(e, v, a->ndim, &axis, at))
        return false;
    if (a->reduced[axis]) {
        elab_error(e, DIAG_TYPING, at, NULL, "duplicate value in 'axis'");
        return false;
    }
    a->reduced[axis] = true;
    a->n++;
    return true;
}

/* A number has no axes; NumPy takes 0 and -1 all the same. */
static bool is_axis_of_number(elab *e, const value *v, span at) {
    int64_t k;
    if (v->kind == VAL_NONE || (v->kind == VAL_TUPLE && !v->len) || (value_literal_int(v, &k) && (k == 0 || k == -1)))
        return true;
    if (value_literal_int(v, &k))
        elab_error(e, DIAG_TYPING, v->at.line ? v->at : at, "a number has no axes: leave it out",
                   "axis %lld is out of bounds for array of dimension 0", (long long)k);
    else if (v->kind != VAL_INVALID)
        elab_error(e, DIAG_TYPING, v->at.line ? v->at : at, "leave it out", "a number has no axes");
    return false;
}

static bool read_axes(elab *e, const value *v, uint32_t ndim, axes *a, span at) {
    *a = (axes){.whole = v->kind == VAL_NONE || ndim == 0, .ndim = ndim};
    if (a->whole)
        return v->kind == VAL_NONE || is_axis_of_number(e, v, at);
    for (uint32_t i = 0; v->kind == VAL_TUPLE && i < v->len; i++) {
        if (!read_axis(e, &v->items[i], a, at))
            return false;
    }
    if (v->kind != VAL_TUPLE && !read_axis(e, v, a, at))
        return false;
    a->whole = a->n == ndim;
    return true;
}

static bool read_flag(elab *e, const value *v, bool *flag, const char *name, span at) {
    if (value_literal_bool(v, flag))
        return true;
    elab_error(e, DIAG_TYPING, at, NULL, "%s must be the constant True or False", name);
    return false;
}

/* ---- one operator ------------------------------------------------------------------------------------------------------ */

kir_expr *array_reduce(elab *e, kir_op op, kir_expr *x, int32_t axis, type *dtype, span at) {
    kir_module *m = elab_module(e);
    bool along = axis >= 0 && x->ty->ndim > 1;
    type *ty = along ? type_array(m->types, dtype, x->ty->ndim - 1, LAYOUT_C, false, true) : dtype;
    kir_expr *r = kir_expr_new(m, KIR_REDUCE, ty, 1, at);
    r->op = op;
    r->args[0] = x;
    r->axis = along ? axis : -1;
    kir_var *t = kir_temp_new(m, elab_fn(e), ty, at);
    elab_emit(e, kir_assign(m, t, r, at));
    return kir_ref(m, t, at);
}

/* Over several axes: the last first, so that the numbers of the others stay. */
static kir_expr *reduce_axes(elab *e, kir_op op, kir_expr *x, const axes *a, type *dtype, span at) {
    if (!kir_is_array(x))
        return x;
    if (a->whole)
        return array_reduce(e, op, x, -1, dtype, at);
    for (uint32_t i = a->ndim; i-- > 0;) {
        if (a->reduced[i])
            x = array_reduce(e, op, x, (int32_t)i, dtype, at);
    }
    return x;
}

static kir_expr *restore_axes(elab *e, kir_expr *x, const axes *a, span at) {
    kir_module *m = elab_module(e);
    bool keep[TYPE_MAX_NDIM];
    kir_expr *ones[TYPE_MAX_NDIM];
    if (a->ndim == 0)
        return x;
    for (uint32_t i = 0; i < a->ndim; i++) {
        keep[i] = !a->reduced[i];
        ones[i] = kir_int(m, 1, at);
    }
    return a->whole ? array_broadcast(e, x, a->ndim, ones, at) : array_insert_axes(e, x, a->ndim, keep, at);
}

/* Number of elements that go into each result. */
static kir_expr *count_reduced(elab *e, const kir_expr *x, const axes *a, span at) {
    kir_module *m = elab_module(e);
    kir_expr *n = kir_int(m, 1, at);
    for (uint32_t i = 0; kir_is_array(x) && i < a->ndim; i++) {
        if (a->whole || a->reduced[i])
            n = kir_binary(m, KIR_OP_MUL, n, elab_array_dim(e, x, i, at), at);
    }
    return array_temp(e, n, at);
}

static void refuse_empty(elab *e, const kir_expr *x, const axes *a, const char *message, span at) {
    kir_module *m = elab_module(e);
    kir_expr *n = count_reduced(e, x, a, at);
    int64_t k;
    if (!(kir_is_const_int(n, &k) && k > 0))
        elab_check(e, kir_binary(m, KIR_OP_GT, n, kir_int(m, 0, at), at), "ValueError", message, NULL, 0, at);
}

static uint32_t rank_of(const kir_expr *x) {
    return kir_is_array(x) ? x->ty->ndim : 0;
}

static value give(elab *e, kir_expr *x, const axes *a, bool keepdims, const value *out, span at) {
    value v = value_of(e, keepdims ? restore_axes(e, x, a, at) : x);
    if (!out || out->kind == VAL_NONE)
        return v;
    value all = {.kind = VAL_ELLIPSIS, .at = at};
    elab_set_item(e, out, &all, &v, at);
    return *out;
}

static type *sum_type(elab *e, type *t) {
    if (!type_is_integer(t))
        return t;
    return type_int(elab_types(e), 64, t->kind == TYPE_BOOL || t->is_signed);
}

/* sum(a, axis, dtype, out, keepdims) and prod: `code` is the operator. */
static value call_sum(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    axes a;
    bool keepdims = false;
    (void)n;
    kir_expr *x = array_operand(e, &args[0], at);
    if (!x || !read_axes(e, &args[1], rank_of(x), &a, at) || !read_flag(e, &args[4], &keepdims, "keepdims", at))
        return value_invalid(at);
    type *t = array_dtype_argument(e, &args[2], sum_type(e, kir_elem_type(x->ty)), at);
    if (!t || !(x = array_cast(e, x, t, at)))
        return value_invalid(at);
    return give(e, reduce_axes(e, (kir_op)b->code, x, &a, t, at), &a, keepdims, &args[3], at);
}

/* min(a, axis, out, keepdims), max. */
static value call_extreme(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    axes a;
    bool keepdims = false;
    (void)n;
    kir_expr *x = array_operand(e, &args[0], at);
    if (!x || !read_axes(e, &args[1], rank_of(x), &a, at) || !read_flag(e, &args[3], &keepdims, "keepdims", at))
        return value_invalid(at);
    type *t = kir_elem_type(x->ty);
    bool is_max = b->code == KIR_OP_NPMAX;
    if (t->kind == TYPE_COMPLEX)
        return elab_error(e, DIAG_UNSUPPORTED, at, "compare abs(), or .real",
                          "the order of complex numbers is not supported");
    refuse_empty(e, x, &a,
                 is_max ? "zero-size array to reduction operation maximum which has no identity"
                        : "zero-size array to reduction operation minimum which has no identity",
                 at);
    kir_op op = t->kind != TYPE_BOOL ? (kir_op)b->code : is_max ? KIR_OP_ANY : KIR_OP_ALL;
    return give(e, reduce_axes(e, op, x, &a, t, at), &a, keepdims, &args[2], at);
}

/* all(a, axis, out, keepdims), any. */
static value call_truth(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    kir_module *m = elab_module(e);
    axes a;
    bool keepdims = false;
    (void)n;
    kir_expr *x = array_operand(e, &args[0], at);
    if (!x || !read_axes(e, &args[1], rank_of(x), &a, at) || !read_flag(e, &args[3], &keepdims, "keepdims", at))
        return value_invalid(at);
    type *t = type_bool(m->types);
    x = reduce_axes(e, (kir_op)b->code, kir_cast(m, x, t, at), &a, t, at);
    return give(e, x, &a, keepdims, &args[2], at);
}

/* count_nonzero(a, axis, keepdims). */
static value call_count(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    kir_module *m = elab_module(e);
    axes a;
    bool keepdims = false;
    (void)b, (void)n;
    kir_expr *x = array_operand(e, &args[0], at);
    if (!x || !read_axes(e, &args[1], rank_of(x), &a, at) || !read_flag(e, &args[2], &keepdims, "keepdims", at))
        return value_invalid(at);
    type *t = type_int64(m->types);
    x = kir_cast(m, kir_cast(m, x, type_bool(m->types), at), t, at);
    return give(e, reduce_axes(e, KIR_OP_ADD, x, &a, t, at), &a, keepdims, NULL, at);
}

/* The position of each element along the reduced axis, or in the flattened array. */
static kir_expr *element_number(elab *e, const kir_expr *x, const axes *a, span at) {
    kir_module *m = elab_module(e);
    kir_expr *number = NULL;
    type *ty = type_array(m->types, type_int64(m->types), a->ndim, LAYOUT_C, false, true);
    for (uint32_t i = 0; i < a->ndim; i++) {
        if (!a->whole && !a->reduced[i])
            continue;
        kir_expr *index = kir_expr_new(m, KIR_INDEX, ty, a->ndim, at);
        index->axis = (int32_t)i;
        array_dims(e, x, index->args, at);
        if (!number) {
            number = index;
            continue;
        }
        number = kir_binary(m, KIR_OP_MUL, number, elab_array_dim(e, x, i, at), at);
        number = kir_binary(m, KIR_OP_ADD, number, index, at);
    }
    return number;
}

/* The first element that equals the extreme value (or is NaN, when that is), as the least of their numbers: two
 * reductions that run in vector lanes and in parallel, where one that carries value and place would do neither. */
static kir_expr *first_extreme(elab *e, kir_op op, kir_expr *x, const axes *a, span at) {
    kir_module *m = elab_module(e);
    type *t = x->ty->dtype, *i64 = type_int64(m->types);
    kir_expr *again = array_share(e, &x), *extreme = reduce_axes(e, op, again, a, t, at);
    if (kir_is_array(extreme))
        extreme = restore_axes(e, extreme, a, at);
    kir_expr *place = kir_binary(m, KIR_OP_EQ, array_copy(e, x), extreme, at);
    if (t->kind == TYPE_FLOAT) {
        kir_expr *missing = kir_binary(m, KIR_OP_NE, array_copy(e, x), array_copy(e, x), at);
        place = kir_binary(m, KIR_OP_OR, place, missing, at);
    }
    kir_expr *number = element_number(e, x, a, at);
    place = kir_select(m, place, number, kir_const_int(m, i64, INT64_MAX, at), at);
    return reduce_axes(e, KIR_OP_NPMIN, place, a, i64, at);
}

/* argmin(a, axis, out, keepdims), argmax: of the flattened array, or along one axis. */
static value call_argument(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    kir_module *m = elab_module(e);
    axes a;
    bool keepdims = false;
    (void)n;
    kir_expr *x = array_operand(e, &args[0], at);
    if (!x || !read_axes(e, &args[1], rank_of(x), &a, at) || !read_flag(e, &args[3], &keepdims, "keepdims", at))
        return value_invalid(at);
    if (args[1].kind == VAL_TUPLE)
        return elab_error(e, DIAG_TYPING, at, NULL, "argmin and argmax take one axis");
    if (kir_elem_type(x->ty)->kind == TYPE_COMPLEX)
        return elab_error(e, DIAG_UNSUPPORTED, at, "compare abs(), or .real",
                          "the order of complex numbers is not supported");
    bool is_max = b->code == KIR_OP_NPMAX;
    refuse_empty(e, x, &a,
                 is_max ? "attempt to get argmax of an empty sequence" : "attempt to get argmin of an empty sequence",
                 at);
    if (kir_elem_type(x->ty)->kind == TYPE_BOOL)
        x = kir_cast(m, x, type_int(m->types, 8, false), at);
    bool single = !kir_is_array(x) || a.ndim == 0;
    x = single ? kir_int(m, 0, at) : first_extreme(e, (kir_op)b->code, x, &a, at);
    return give(e, x, &a, keepdims, &args[2], at);
}

/* ---- moments ---------------------------------------------------------------------------------------------------------------- */

static kir_expr *divide(elab *e, kir_expr *x, kir_expr *count, span at) {
    kir_module *m = elab_module(e);
    return kir_binary(m, KIR_OP_DIV, x, kir_cast(m, count, kir_elem_type(x->ty), at), at);
}

static type *mean_type(elab *e, type *t) {
    return type_is_integer(t) ? type_float64(elab_types(e)) : t;
}

static value call_mean(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    axes a;
    bool keepdims = false;
    (void)b, (void)n;
    kir_expr *x = array_operand(e, &args[0], at);
    if (!x || !read_axes(e, &args[1], rank_of(x), &a, at) || !read_flag(e, &args[4], &keepdims, "keepdims", at))
        return value_invalid(at);
    type *t = array_dtype_argument(e, &args[2], mean_type(e, kir_elem_type(x->ty)), at);
    if (!t || !(x = array_cast(e, x, t, at)))
        return value_invalid(at);
    kir_expr *count = count_reduced(e, x, &a, at);
    x = divide(e, reduce_axes(e, KIR_OP_ADD, x, &a, t, at), count, at);
    if (!kir_is_array(x))
        x = array_temp(e, x, at);
    return give(e, x, &a, keepdims, &args[3], at);
}

/* |x|**2, real. */
static kir_expr *squared_length(elab *e, kir_expr *x, span at) {
    kir_module *m = elab_module(e);
    if (kir_elem_type(x->ty)->kind != TYPE_COMPLEX) {
        kir_expr *again = array_share(e, &x);
        return kir_binary(m, KIR_OP_MUL, x, again, at);
    }
    kir_expr *again = array_share(e, &x), *parts[2] = {x, again};
    for (int i = 0; i < 2; i++) {
        type *t = type_float(m->types, kir_elem_type(x->ty)->bits / 2u);
        kir_expr *p = kir_expr_new(m, i ? KIR_IMAG : KIR_REAL, kir_elementwise_type(m, t, &parts[i], 1), 1, at);
        p->args[0] = parts[i];
        kir_expr *twice = array_share(e, &p);
        parts[i] = kir_binary(m, KIR_OP_MUL, p, twice, at);
    }
    return kir_binary(m, KIR_OP_ADD, parts[0], parts[1], at);
}

/* Sum of squared deviations over max(n - ddof, 0); `code` 1: its root. */
static value call_var(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    kir_module *m = elab_module(e);
    axes a;
    bool keepdims = false;
    (void)n;
    kir_expr *x = array_operand(e, &args[0], at);
    if (!x || !read_axes(e, &args[1], rank_of(x), &a, at) || !read_flag(e, &args[5], &keepdims, "keepdims", at))
        return value_invalid(at);
    type *t = array_dtype_argument(e, &args[2], mean_type(e, kir_elem_type(x->ty)), at);
    if (!t || !(x = array_cast(e, x, t, at)))
        return value_invalid(at);
    if (!value_is_scalar(&args[4]) || !type_is_real(args[4].ty))
        return elab_error(e, DIAG_TYPING, at, NULL, "ddof must be a number");
    type *real = t->kind == TYPE_COMPLEX ? type_float(m->types, t->bits / 2u) : t;
    kir_expr *again = array_share(e, &x), *count = count_reduced(e, x, &a, at);
    kir_expr *mean = divide(e, reduce_axes(e, KIR_OP_ADD, again, &a, t, at), array_copy(e, count), at);
    if (kir_is_array(mean)) {
        bool keep[TYPE_MAX_NDIM];
        for (uint32_t i = 0; i < a.ndim; i++)
            keep[i] = !a.reduced[i];
        mean = array_insert_axes(e, kir_ref(m, array_var(e, mean, at), at), a.ndim, keep, at);
    } else {
        mean = array_temp(e, mean, at);
    }
    kir_expr *squares = squared_length(e, kir_binary(m, KIR_OP_SUB, x, mean, at), at);
    kir_expr *less = kir_cast(m, array_operand(e, &args[4], at), real, at);
    kir_expr *free = kir_binary(m, KIR_OP_SUB, kir_cast(m, count, real, at), less, at);
    free = array_temp(e, kir_binary(m, KIR_OP_MAX, free, kir_const_float(m, real, 0, at), at), at);
    kir_expr *v = kir_binary(m, KIR_OP_DIV, reduce_axes(e, KIR_OP_ADD, squares, &a, real, at), free, at);
    if (b->code)
        v = kir_math(m, KIR_OP_SQRT, real, &v, 1, at);
    if (!kir_is_array(v))
        v = array_temp(e, v, at);
    return give(e, v, &a, keepdims, &args[3], at);
}

/* max - min. */
static value call_ptp(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    (void)b, (void)n;
    value operand = args[0];
    if (value_is_array(&args[0]))
        operand = value_of(e, kir_ref(elab_module(e), elab_array_var(e, &args[0]), at));
    builtin high = {.name = "numpy.max", .code = KIR_OP_NPMAX}, low = {.name = "numpy.min", .code = KIR_OP_NPMIN};
    value given[4] = {operand, args[1], value_none(e, at), args[3]};
    value highest = call_extreme(e, &high, given, 4, at), lowest = call_extreme(e, &low, given, 4, at);
    if (highest.kind != VAL_EXPR || lowest.kind != VAL_EXPR)
        return value_invalid(at);
    kir_expr *x[2] = {highest.expr, lowest.expr};
    kir_expr *range = array_ufunc(e, "subtract", x, 2, at);
    return range ? value_of(e, range) : value_invalid(at);
}

/* ---- scans ------------------------------------------------------------------------------------------------------------------ */

typedef struct scan {
    kir_op op;
    kir_var *from, *to, *sum, *place;
    bool along; /* one running value per line of `axis`, which is the innermost loop */
    uint32_t axis;
    type *dtype;
    span at;
} scan;

static void scan_element(elab *e, kir_expr *const *loops, uint32_t n, void *context) {
    scan *s = context;
    kir_module *m = elab_module(e);
    kir_expr *index[TYPE_MAX_NDIM], *again[TYPE_MAX_NDIM];
    for (uint32_t i = 0; i < n; i++) { /* the loop over s->axis was made the last */
        uint32_t loop = !s->along || i < s->axis ? i : i == s->axis ? n - 1 : i - 1;
        index[i] = loops[loop];
        again[i] = array_copy(e, index[i]);
    }
    kir_var *x = kir_temp_new(m, elab_fn(e), s->from->ty->dtype, s->at);
    elab_emit(e, kir_assign(m, x, kir_load(m, s->from, index, n, s->at), s->at));
    kir_expr *term = kir_cast(m, kir_ref(m, x, s->at), s->dtype, s->at);
    kir_expr *first = s->along ? array_copy(e, again[s->axis]) : kir_ref(m, s->place, s->at);
    kir_expr *is_first = kir_binary(m, KIR_OP_EQ, first, kir_int(m, 0, s->at), s->at);
    kir_expr *next = kir_binary(m, s->op, kir_ref(m, s->sum, s->at), array_copy(e, term), s->at);
    elab_emit(e, kir_assign(m, s->sum, kir_select(m, is_first, term, next, s->at), s->at));
    if (s->along) {
        elab_emit(e, kir_store(m, s->to, again, n, kir_ref(m, s->sum, s->at), s->at));
        return;
    }
    kir_expr *k = kir_ref(m, s->place, s->at);
    elab_emit(e, kir_store(m, s->to, &k, 1, kir_ref(m, s->sum, s->at), s->at));
    kir_expr *more = kir_binary(m, KIR_OP_ADD, kir_ref(m, s->place, s->at), kir_int(m, 1, s->at), s->at);
    elab_emit(e, kir_assign(m, s->place, more, s->at));
}

/* cumsum(a, axis, dtype, out), cumprod: of the flattened array, or along an axis. */
static value call_scan(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    kir_module *m = elab_module(e);
    scan s = {.op = (kir_op)b->code, .at = at};
    (void)n;
    kir_expr *x = array_from_value(e, &args[0], NULL, at);
    if (!x)
        return value_invalid(at);
    uint32_t ndim = x->ty->ndim;
    s.along = args[1].kind != VAL_NONE && ndim > 1;
    if (args[1].kind != VAL_NONE && !array_axis_argument(e, &args[1], ndim, &s.axis, at))
        return value_invalid(at);
    s.dtype = array_dtype_argument(e, &args[2], sum_type(e, x->ty->dtype), at);
    if (!s.dtype)
        return value_invalid(at);
    s.from = array_var(e, x, at);
    kir_expr *whole = kir_ref(m, s.from, at), *dims[TYPE_MAX_NDIM], *shape[TYPE_MAX_NDIM],
             *size = array_size(e, whole, at);
    array_dims(e, whole, dims, at);
    array_dims(e, whole, shape, at);
    s.to = s.along ? array_alloc(e, s.dtype, ndim, LAYOUT_C, shape, false, at)
                   : array_alloc(e, s.dtype, 1, LAYOUT_C, &size, false, at);
    s.sum = kir_var_new(m, elab_fn(e), NULL, s.dtype, at);
    elab_emit(e, kir_assign(m, s.sum, kir_cast(m, kir_int(m, 0, at), s.dtype, at), at));
    if (s.along) {
        kir_expr *last = dims[s.axis];
        memmove(dims + s.axis, dims + s.axis + 1, (ndim - s.axis - 1) * sizeof *dims);
        dims[ndim - 1] = last;
    } else {
        s.place = kir_var_new(m, elab_fn(e), NULL, type_int64(m->types), at);
        elab_emit(e, kir_assign(m, s.place, kir_int(m, 0, at), at));
    }
    array_nest(e, ndim, dims, at, scan_element, &s);
    value result = value_of(e, kir_ref(m, s.to, at));
    axes none = {.whole = true};
    return give(e, result.expr, &none, false, &args[3], at);
}

/* diff(a, n, axis): differences of neighbours, n times. */
static value call_diff(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    kir_module *m = elab_module(e);
    int64_t times = 1;
    uint32_t axis = 0;
    (void)b, (void)n;
    kir_expr *x = array_from_value(e, &args[0], NULL, at);
    if (!x)
        return value_invalid(at);
    if (x->ty->ndim == 0)
        return elab_error(e, DIAG_TYPING, at, NULL, "diff requires input that is at least one dimensional");
    if (!value_literal_int(&args[1], &times) || times < 0 || times > 16)
        return elab_error(e, DIAG_TYPING, at, NULL, "the order of diff must be a constant from 0 to 16");
    if (!array_axis_argument(e, &args[2], x->ty->ndim, &axis, at))
        return value_invalid(at);
    for (int64_t k = 0; k < times; k++) {
        kir_var *v = array_var(e, x, at);
        kir_expr *parts[2];
        for (int side = 0; side < 2; side++) {
            kir_sub subs[TYPE_MAX_NDIM];
            for (uint32_t i = 0; i < v->ty->ndim; i++)
                subs[i] = array_full(e, v, i, at);
            kir_expr *less = kir_binary(m, KIR_OP_SUB, subs[axis].length, kir_int(m, 1, at), at);
            subs[axis].length = kir_binary(m, KIR_OP_MAX, less, kir_int(m, 0, at), at);
            subs[axis].start = kir_int(m, side ? 0 : 1, at);
            parts[side] = array_view(e, v, v->ty->ndim, subs, at);
        }
        x = array_ufunc(e, v->ty->dtype->kind == TYPE_BOOL ? "not_equal" : "subtract", parts, 2, at);
        if (!x)
            return value_invalid(at);
    }
    return value_of(e, times == 0 && array_is_alias(x) ? array_fresh_copy(e, x, at) : x);
}

#define SUM "a, axis=None, dtype=None, out=None, keepdims=False"
#define PICK "a, axis=None, out=None, keepdims=False"
#define VAR "a, axis=None, dtype=None, out=None, ddof=0, keepdims=False"
#define SCAN "a, axis=None, dtype=None, out=None"

#define REDUCE "a, axis=0, dtype=None, out=None, keepdims=False"
#define PICK0 "a, axis=0, out=None, keepdims=False"
#define SCAN0 "a, axis=0, dtype=None, out=None"

const builtin reduce_table[] = {{"numpy.sum", SUM, call_sum, NULL, KIR_OP_ADD},
                                {"numpy.prod", SUM, call_sum, NULL, KIR_OP_MUL},
                                {"numpy.min", PICK, call_extreme, NULL, KIR_OP_NPMIN},
                                {"numpy.max", PICK, call_extreme, NULL, KIR_OP_NPMAX},
                                {"numpy.amin", PICK, call_extreme, NULL, KIR_OP_NPMIN},
                                {"numpy.amax", PICK, call_extreme, NULL, KIR_OP_NPMAX},
                                {"numpy.all", PICK, call_truth, NULL, KIR_OP_ALL},
                                {"numpy.any", PICK, call_truth, NULL, KIR_OP_ANY},
                                {"numpy.argmin", PICK, call_argument, NULL, KIR_OP_NPMIN},
                                {"numpy.argmax", PICK, call_argument, NULL, KIR_OP_NPMAX},
                                {"numpy.count_nonzero", "a, axis=None, keepdims=False", call_count, NULL, 0},
                                {"numpy.mean", SUM, call_mean, NULL, 0},
                                {"numpy.var", VAR, call_var, NULL, 0},
                                {"numpy.std", VAR, call_var, NULL, 1},
                                {"numpy.ptp", PICK, call_ptp, NULL, 0},
                                {"numpy.cumsum", SCAN, call_scan, NULL, KIR_OP_ADD},
                                {"numpy.cumprod", SCAN, call_scan, NULL, KIR_OP_MUL},
                                {"numpy.diff", "a, n=1, axis=-1", call_diff, NULL, 0},
                                {"numpy.add.reduce", REDUCE, call_sum, NULL, KIR_OP_ADD},
                                {"numpy.multiply.reduce", REDUCE, call_sum, NULL, KIR_OP_MUL},
                                {"numpy.minimum.reduce", PICK0, call_extreme, NULL, KIR_OP_NPMIN},
                                {"numpy.maximum.reduce", PICK0, call_extreme, NULL, KIR_OP_NPMAX},
                                {"numpy.logical_and.reduce", PICK0, call_truth, NULL, KIR_OP_ALL},
                                {"numpy.logical_or.reduce", PICK0, call_truth, NULL, KIR_OP_ANY},
                                {"numpy.add.accumulate", SCAN0, call_scan, NULL, KIR_OP_ADD},
                                {"numpy.multiply.accumulate", SCAN0, call_scan, NULL, KIR_OP_MUL},
                                {"ndarray.sum", SUM, call_sum, NULL, KIR_OP_ADD},
                                {"ndarray.prod", SUM, call_sum, NULL, KIR_OP_MUL},
                                {"ndarray.min", PICK, call_extreme, NULL, KIR_OP_NPMIN},
                                {"ndarray.max", PICK, call_extreme, NULL, KIR_OP_NPMAX},
                                {"ndarray.all", PICK, call_truth, NULL, KIR_OP_ALL},
                                {"ndarray.any", PICK, call_truth, NULL, KIR_OP_ANY},
                                {"ndarray.argmin", PICK, call_argument, NULL, KIR_OP_NPMIN},
                                {"ndarray.argmax", PICK, call_argument, NULL, KIR_OP_NPMAX},
                                {"ndarray.mean", SUM, call_mean, NULL, 0},
                                {"ndarray.var", VAR, call_var, NULL, 0},
                                {"ndarray.std", VAR, call_var, NULL, 1},
                                {"ndarray.cumsum", SCAN, call_scan, NULL, KIR_OP_ADD},
                                {"ndarray.cumprod", SCAN, call_scan, NULL, KIR_OP_MUL},
                                {0}};
