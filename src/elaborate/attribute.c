/* Attributes and methods: of arrays, numbers, tuples, types and modules; and the functions that give an array another
 * shape. A new shape is a view wherever the memory allows it: when the layout is not known to be contiguous, the
 * strides are looked at when the kernel runs, and only an array that is not contiguous is copied. */
#include "elaborate/arrays.h"

#include <float.h>
#include <string.h>

/* ---- new shapes ---------------------------------------------------------------------------------------------------------- */

/* Are the elements of v in C order without gaps? */
static kir_expr *is_contiguous(elab *e, kir_var *v, bool fortran, span at) {
    kir_module *m = elab_module(e);
    uint32_t ndim = v->ty->ndim;
    kir_expr *ok = NULL, *step = kir_int(m, type_size(v->ty->dtype), at), *some = NULL;
    for (uint32_t k = 0; k < ndim; k++) {
        uint32_t i = fortran ? k : ndim - 1 - k;
        kir_expr *one = kir_binary(m, KIR_OP_EQ, kir_dim(m, v, i, at), kir_int(m, 1, at), at);
        kir_expr *dense = kir_binary(m, KIR_OP_EQ, kir_stride(m, v, i, at), array_copy(e, step), at);
        kir_expr *fine = kir_binary(m, KIR_OP_OR, dense, one, at);
        ok = ok ? kir_binary(m, KIR_OP_AND, ok, fine, at) : fine;
        kir_expr *empty = kir_binary(m, KIR_OP_EQ, kir_dim(m, v, i, at), kir_int(m, 0, at), at);
        some = some ? kir_binary(m, KIR_OP_OR, some, empty, at) : empty;
        step = kir_binary(m, KIR_OP_MUL, step, kir_dim(m, v, i, at), at);
    }
    return ok ? kir_binary(m, KIR_OP_OR, ok, some, at) : kir_bool(m, true, at);
}

static kir_expr *reshape_expr(elab *e, kir_var *v, uint32_t ndim, kir_expr *const *dims, span at) {
    kir_module *m = elab_module(e);
    type *ty = type_array(m->types, v->ty->dtype, ndim, LAYOUT_C, v->ty->readonly, v->ty->aligned);
    kir_expr *x = kir_expr_new(m, KIR_RESHAPE, ty, ndim, at);
    x->var = v;
    for (uint32_t i = 0; i < ndim; i++)
        x->args[i] = array_copy(e, dims[i]);
    return x;
}

/* x with this shape (same size, checked before): shares memory when x is contiguous. */
static kir_expr *reshaped(elab *e, kir_expr *x, uint32_t ndim, kir_expr *const *dims, span at) {
    kir_module *m = elab_module(e);
    kir_var *v = array_var(e, x, at);
    if (v->ty->layout == LAYOUT_C)
        return reshape_expr(e, v, ndim, dims, at);
    type *ty = type_array(m->types, v->ty->dtype, ndim, LAYOUT_C, v->ty->readonly, v->ty->aligned);
    kir_var *result = kir_var_new(m, elab_fn(e), NULL, ty, at);
    kir_stmt *branch = kir_stmt_new(m, KIR_IF, at);
    branch->value = is_contiguous(e, v, false, at);
    elab_push_block(e, &branch->body);
    elab_emit(e, kir_assign(m, result, reshape_expr(e, v, ndim, dims, at), at));
    elab_pop_block(e);
    elab_push_block(e, &branch->orelse);
    kir_var *copy = array_materialise(e, kir_ref(m, v, at), LAYOUT_C, at);
    elab_emit(e, kir_assign(m, result, reshape_expr(e, copy, ndim, dims, at), at));
    elab_pop_block(e);
    elab_emit(e, branch);
    return kir_ref(m, result, at);
}

static bool may_be_negative(const kir_expr *d) {
    int64_t k;
    return d->kind != KIR_DIM && !(kir_is_const_int(d, &k) && k >= 0);
}

/* One dimension may be unknown: as NumPy has it, any negative number says so, also one known at run time only. Gives
 * the condition that there is one (NULL: never). `known` becomes the product of the others. */
static kir_expr *find_unknown(elab *e, uint32_t ndim, kir_expr *const *dims, kir_expr **known, span at) {
    kir_module *m = elab_module(e);
    type *i64 = type_int64(m->types);
    kir_expr *some = NULL, *count = kir_int(m, 0, at), *given[TYPE_MAX_NDIM], *product = kir_int(m, 1, at);
    uint32_t candidates = 0;
    for (uint32_t i = 0; i < ndim; i++) {
        given[i] = array_copy(e, dims[i]);
        if (may_be_negative(dims[i])) {
            kir_expr *negative = kir_binary(m, KIR_OP_LT, array_copy(e, dims[i]), kir_int(m, 0, at), at);
            given[i] = kir_select(m, array_copy(e, negative), kir_int(m, 1, at), given[i], at);
            count = kir_binary(m, KIR_OP_ADD, count, kir_cast(m, array_copy(e, negative), i64, at), at);
            some = some ? kir_binary(m, KIR_OP_OR, some, negative, at) : negative;
            candidates++;
        }
        product = kir_binary(m, KIR_OP_MUL, product, array_copy(e, given[i]), at);
    }
    if (candidates > 1)
        elab_check(e, kir_binary(m, KIR_OP_LE, count, kir_int(m, 1, at), at), "ValueError",
                   "can only specify one unknown dimension", NULL, 0, at);
    kir_expr *fits = array_extents_fit(e, ndim, given, 1, true, at);
    *known = array_temp(e, fits ? kir_select(m, fits, product, kir_int(m, -1, at), at) : product, at);
    return some ? array_temp(e, some, at) : NULL;
}

/* The dimension that is unknown follows from the size; then the sizes must agree. Products beyond int64 count as -1,
 * which no size is. A dimension n that is filled in is written max(n, …): loops over range(n) are seen to stay in it. */
static void complete_shape(elab *e, kir_expr *size, uint32_t ndim, kir_expr **dims, span at) {
    kir_module *m = elab_module(e);
    kir_expr *known, *args[6], *unknown = find_unknown(e, ndim, dims, &known, at);
    size = array_temp(e, size, at);
    uint32_t n_args = 0;
    const char *message = "cannot reshape array of size %d";
    if (ndim <= 5) {
        message = arena_printf(m->a, "%s into shape %s", message, array_shape_format(e, ndim));
        for (uint32_t i = 0; i < ndim; i++)
            args[1 + n_args++] = array_copy(e, dims[i]);
    }
    args[0] = array_copy(e, size);
    kir_expr *ok = kir_binary(m, KIR_OP_EQ, array_copy(e, known), array_copy(e, size), at);
    if (unknown) {
        kir_expr *usable = kir_binary(m, KIR_OP_GT, array_copy(e, known), kir_int(m, 0, at), at);
        kir_expr *divisor = kir_binary(m, KIR_OP_MAX, array_copy(e, known), kir_int(m, 1, at), at);
        kir_expr *rest = array_temp(e, kir_binary(m, KIR_OP_FLOORDIV, array_copy(e, size), divisor, at), at);
        kir_expr *whole = kir_binary(m, KIR_OP_EQ, kir_binary(m, KIR_OP_MUL, array_copy(e, rest), known, at), size, at);
        whole = kir_binary(m, KIR_OP_AND, whole, usable, at);
        ok = kir_select(m, array_copy(e, unknown), whole, ok, at);
        for (uint32_t i = 0; i < ndim; i++) {
            if (!may_be_negative(dims[i]))
                continue;
            kir_expr *negative = kir_binary(m, KIR_OP_LT, array_copy(e, dims[i]), kir_int(m, 0, at), at);
            kir_expr *found = kir_select(m, negative, array_copy(e, rest), kir_int(m, -1, at), at);
            dims[i] = array_temp(e, kir_binary(m, KIR_OP_MAX, dims[i], array_temp(e, found, at), at), at);
        }
    }
    elab_check(e, ok, "ValueError", message, args, 1 + n_args, at);
}

/* reshape(-1, 1) and the like of a vector is v[:, None]: new axes whose length is known when compiling. */
static bool only_ones_beside_unknown(kir_expr *const *dims, uint32_t ndim, bool *keep) {
    for (uint32_t i = 0; i < ndim; i++) {
        keep[i] = array_is_const(dims[i], -1);
        if (!keep[i] && !array_is_const(dims[i], 1))
            return false;
    }
    return true;
}

static value give_shape(elab *e, const value *a, const value *shape, span at) {
    kir_expr *x = array_from_value(e, a, NULL, at), *dims[TYPE_MAX_NDIM];
    uint32_t ndim, unknown = 0;
    int64_t k;
    bool keep[TYPE_MAX_NDIM];
    if (!x || !array_shape_argument(e, shape, true, &ndim, dims, at))
        return value_invalid(at);
    for (uint32_t i = 0; i < ndim; i++)
        unknown += kir_is_const_int(dims[i], &k) && k == -1;
    if (unknown > 1)
        return elab_error(e, DIAG_TYPING, at, NULL, "can only specify one unknown dimension");
    if (x->ty->ndim == 1 && unknown == 1 && only_ones_beside_unknown(dims, ndim, keep))
        return value_of(e, array_insert_axes(e, x, ndim, keep, at));
    kir_expr *whole = kir_ref(elab_module(e), array_var(e, x, at), at);
    complete_shape(e, array_size(e, whole, at), ndim, dims, at);
    return value_of(e, reshaped(e, whole, ndim, dims, at));
}

/* a.reshape(2, 3), a.reshape((2, 3)), np.reshape(a, shape). */
static value call_reshape(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    (void)b, (void)n;
    const value *shape = &args[1];
    if (shape->kind == VAL_TUPLE && shape->len == 1 && shape->items[0].kind == VAL_TUPLE)
        shape = &shape->items[0];
    return give_shape(e, &args[0], shape, at);
}

static kir_expr *flat_view(elab *e, kir_expr *x, span at) {
    if (x->ty->ndim == 1 && x->ty->layout == LAYOUT_C)
        return x;
    kir_var *v = array_var(e, x, at);
    kir_expr *whole = kir_ref(elab_module(e), v, at), *size = array_temp(e, array_size(e, whole, at), at);
    return reshaped(e, whole, 1, &size, at);
}

/* ravel shares memory where it can; flatten (code 1) never does. */
static value call_ravel(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    (void)n;
    kir_expr *x = array_from_value(e, &args[0], NULL, at);
    if (!x)
        return value_invalid(at);
    if (b->code == 1 && array_is_alias(x))
        x = kir_ref(elab_module(e), array_materialise(e, x, LAYOUT_C, at), at);
    return value_of(e, flat_view(e, x, at));
}

/* ---- orders of axes ---------------------------------------------------------------------------------------------------------- */

static value permuted(elab *e, const value *a, const uint32_t *axes, span at) {
    kir_expr *x = array_from_value(e, a, NULL, at);
    return x ? value_of(e, array_transpose(e, x, axes, at)) : value_invalid(at);
}

static uint32_t rank_of(const value *v) {
    return value_is_array(v) ? v->expr->ty->ndim : 0;
}

static value reversed_axes(elab *e, const value *a, span at) {
    uint32_t axes[TYPE_MAX_NDIM], ndim = rank_of(a);
    for (uint32_t i = 0; i < ndim; i++)
        axes[i] = ndim - 1 - i;
    return permuted(e, a, axes, at);
}

/* a.transpose(), a.transpose(1, 0), a.transpose((1, 0)), np.transpose(a, axes). */
static value call_transpose(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    (void)b, (void)n;
    const value *given = &args[1];
    if (given->kind == VAL_TUPLE && given->len == 1 &&
        (given->items[0].kind == VAL_TUPLE || given->items[0].kind == VAL_NONE))
        given = &given->items[0];
    uint32_t axes[TYPE_MAX_NDIM], ndim = rank_of(&args[0]), seen = 0;
    if (given->kind == VAL_NONE || (given->kind == VAL_TUPLE && given->len == 0))
        return reversed_axes(e, &args[0], at);
    if (given->kind != VAL_TUPLE || given->len != ndim)
        return elab_error(e, DIAG_TYPING, at, NULL, "axes don't match array: %u are needed", ndim);
    for (uint32_t i = 0; i < ndim; i++) {
        if (!array_axis_argument(e, &given->items[i], ndim, &axes[i], at))
            return value_invalid(at);
        if (seen & (1u << axes[i]))
            return elab_error(e, DIAG_TYPING, at, NULL, "repeated axis in transpose");
        seen |= 1u << axes[i];
    }
    return permuted(e, &args[0], axes, at);
}

static value call_swapaxes(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    (void)b, (void)n;
    uint32_t axes[TYPE_MAX_NDIM], ndim = rank_of(&args[0]), i, k;
    if (!array_axis_argument(e, &args[1], ndim, &i, at) || !array_axis_argument(e, &args[2], ndim, &k, at))
        return value_invalid(at);
    for (uint32_t j = 0; j < ndim; j++)
        axes[j] = j == i ? k : j == k ? i : j;
    return permuted(e, &args[0], axes, at);
}

static value call_moveaxis(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    (void)b, (void)n;
    uint32_t axes[TYPE_MAX_NDIM], ndim = rank_of(&args[0]), from, to, k = 0;
    if (!array_axis_argument(e, &args[1], ndim, &from, at) || !array_axis_argument(e, &args[2], ndim, &to, at))
        return value_invalid(at);
    for (uint32_t i = 0; i < ndim; i++) {
        if (i == to) {
            axes[i] = from;
            continue;
        }
        k += k == from;
        axes[i] = k++;
    }
    return permuted(e, &args[0], axes, at);
}

/* One more dimension must be possible. */
static bool has_room(elab *e, uint32_t ndim, span at) {
    if (ndim < TYPE_MAX_NDIM)
        return true;
    elab_error(e, DIAG_TYPING, at, NULL, "an array has at most %d dimensions", TYPE_MAX_NDIM);
    return false;
}

static value call_expand_dims(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    (void)b, (void)n;
    kir_expr *x = array_from_value(e, &args[0], NULL, at);
    uint32_t axis;
    bool keep[TYPE_MAX_NDIM];
    if (!x || !has_room(e, x->ty->ndim, at) || !array_axis_argument(e, &args[1], x->ty->ndim + 1, &axis, at))
        return value_invalid(at);
    for (uint32_t i = 0; i <= x->ty->ndim; i++)
        keep[i] = i != axis;
    return value_of(e, array_insert_axes(e, x, x->ty->ndim + 1, keep, at));
}

static value slice_reversed(elab *e, span at) {
    value *items = arena_array(elab_module(e)->a, value, 3);
    items[0] = items[1] = value_none(e, at);
    items[2] = value_int(e, -1, at);
    return (value){.kind = VAL_SLICE, .items = items, .len = 3, .at = at};
}

static value slice_all(elab *e, span at) {
    value *items = arena_array(elab_module(e)->a, value, 3);
    items[0] = items[1] = items[2] = value_none(e, at);
    return (value){.kind = VAL_SLICE, .items = items, .len = 3, .at = at};
}

/* squeeze(a, axis): which axes go must be known when compiling. */
static value call_squeeze(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    kir_module *m = elab_module(e);
    (void)b, (void)n;
    kir_expr *x = array_from_value(e, &args[0], NULL, at);
    uint32_t axis;
    if (!x)
        return value_invalid(at);
    if (args[1].kind == VAL_NONE)
        return elab_error(e, DIAG_TYPING, at, "write a.squeeze(axis)", "squeeze needs a constant axis here");
    const value *which = args[1].kind == VAL_TUPLE ? args[1].items : &args[1];
    uint32_t count = args[1].kind == VAL_TUPLE ? args[1].len : 1;
    value items[TYPE_MAX_NDIM];
    uint32_t ndim = x->ty->ndim;
    x = kir_ref(m, array_var(e, x, at), at);
    for (uint32_t i = 0; i < ndim; i++)
        items[i] = slice_all(e, at);
    for (uint32_t i = 0; i < count; i++) {
        if (!array_axis_argument(e, &which[i], ndim, &axis, at))
            return value_invalid(at);
        items[axis] = value_int(e, 0, at);
        kir_expr *one = kir_binary(m, KIR_OP_EQ, elab_array_dim(e, x, axis, at), kir_int(m, 1, at), at);
        elab_check(e, one, "ValueError", "cannot select an axis to squeeze out which has size not equal to one", NULL,
                   0, at);
    }
    value self = value_of(e, x);
    value index = {.kind = VAL_TUPLE, .items = items, .len = ndim, .at = at};
    return elab_get_item(e, &self, &index, at);
}

/* flip(m, axis), flipud (code 1), fliplr (code 2): views with negative steps. */
static value call_flip(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    (void)n;
    uint32_t ndim = rank_of(&args[0]), axis = 0;
    value items[TYPE_MAX_NDIM];
    bool every = b->code == 0 && args[1].kind == VAL_NONE;
    if (b->code == 0 && !every && !array_axis_argument(e, &args[1], ndim, &axis, at))
        return value_invalid(at);
    if (b->code)
        axis = (uint32_t)b->code - 1;
    if (ndim <= axis && !every)
        return elab_error(e, DIAG_TYPING, at, NULL, "the array has too few dimensions to be flipped");
    for (uint32_t i = 0; i < ndim; i++)
        items[i] = every || i == axis ? slice_reversed(e, at) : slice_all(e, at);
    value index = {.kind = VAL_TUPLE, .items = items, .len = ndim, .at = at};
    return elab_get_item(e, &args[0], &index, at);
}

/* atleast_1d … 3d (`code`): new axes in front; for three, one behind. */
static value call_atleast(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    (void)n;
    kir_expr *x = array_from_value(e, &args[0], NULL, at);
    if (!x)
        return value_invalid(at);
    uint32_t have = x->ty->ndim, want = (uint32_t)b->code;
    if (have >= want)
        return value_of(e, x);
    bool keep[3] = {false, false, false};
    uint32_t first = want == 3 && have == 2 ? 0 : want == 3 && have == 1 ? 1 : want - have;
    for (uint32_t i = 0; i < have; i++)
        keep[first + i] = true;
    return value_of(e, array_insert_axes(e, x, want, keep, at));
}

/* ---- elements and memory ------------------------------------------------------------------------------------------------------- */

/* a.item(): the only element; a.item(i): of the flattened array; a.item(i, j). */
static value call_item(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    kir_module *m = elab_module(e);
    (void)b, (void)n;
    if (value_is_scalar(&args[0]))
        return args[0];
    kir_expr *x = array_operand(e, &args[0], at);
    if (!x)
        return value_invalid(at);
    uint32_t ndim = x->ty->ndim;
    if (args[1].len == ndim && ndim > 0)
        return elab_get_item(e, &args[0], &args[1], at);
    if (args[1].len > 1)
        return elab_error(e, DIAG_TYPING, at, NULL, "item() takes no index, one, or one for each dimension");
    kir_expr *whole = kir_ref(m, array_var(e, x, at), at);
    value flat = value_of(e, flat_view(e, array_copy(e, whole), at));
    if (args[1].len == 1)
        return elab_get_item(e, &flat, &args[1].items[0], at);
    kir_expr *one = kir_binary(m, KIR_OP_EQ, array_size(e, whole, at), kir_int(m, 1, at), at);
    elab_check(e, one, "ValueError", "can only convert an array of size 1 to a Python scalar", NULL, 0, at);
    return elab_array_at(e, &flat, kir_int(m, 0, at), at);
}

static kir_expr *reinterpret(elab *e, kir_expr *x, type *dtype, kir_op op, type_layout layout, span at) {
    kir_module *m = elab_module(e);
    kir_var *v = array_var(e, x, at);
    kir_expr *r = kir_expr_new(
        m, KIR_REINTERPRET, type_array(m->types, dtype, v->ty->ndim, layout, v->ty->readonly, v->ty->aligned), 0, at);
    r->var = v;
    r->op = op;
    return r;
}

/* a.view(dtype) of the same item size. */
static value call_view(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    (void)b, (void)n;
    kir_expr *x = array_operand(e, &args[0], at);
    if (!x)
        return value_invalid(at);
    if (args[1].kind == VAL_NONE)
        return value_of(e, x);
    type *t = array_dtype_argument(e, &args[1], NULL, at);
    if (!t)
        return value_invalid(at);
    if (type_size(t) != type_size(kir_elem_type(x->ty)))
        return elab_error(e, DIAG_UNSUPPORTED, at, NULL, "a view with another size of the elements is not supported");
    if (!kir_is_array(x)) {
        kir_expr *cell = array_broadcast(e, x, 0, NULL, at);
        value none = {.kind = VAL_TUPLE, .at = at};
        value bits = value_of(e, reinterpret(e, cell, t, KIR_OP_BITS, LAYOUT_C, at));
        return elab_get_item(e, &bits, &none, at);
    }
    return value_of(e, t == x->ty->dtype ? x : reinterpret(e, x, t, KIR_OP_BITS, x->ty->layout, at));
}

static kir_expr *part(elab *e, kir_expr_kind kind, kir_expr *x, span at) {
    kir_module *m = elab_module(e);
    type *t = kir_elem_type(x->ty), *real = type_float(m->types, t->bits / 2u);
    if (kir_is_array(x) && array_is_alias(x))
        return reinterpret(e, x, real, kind == KIR_REAL ? KIR_OP_REAL : KIR_OP_IMAG, LAYOUT_A, at);
    kir_expr *p = kir_expr_new(m, kind, kir_elementwise_type(m, real, &x, 1), 1, at);
    p->args[0] = x;
    return p;
}

/* The real (code 0) or imaginary part: a view of a complex array; a real array is its own real part. */
static value part_of(elab *e, const value *v, int code, span at) {
    kir_module *m = elab_module(e);
    kir_expr *x = array_operand(e, v, at), *dims[TYPE_MAX_NDIM];
    if (!x)
        return value_invalid(at);
    type *t = kir_elem_type(x->ty);
    if (t->kind == TYPE_COMPLEX)
        return value_of(e, part(e, code ? KIR_IMAG : KIR_REAL, x, at));
    if (!code)
        return value_of(e, x);
    kir_expr *zero = kir_cast(m, kir_int(m, 0, at), t, at);
    if (!kir_is_array(x))
        return value_of(e, zero);
    array_dims(e, x, dims, at);
    return value_of(e, array_broadcast(e, zero, x->ty->ndim, dims, at));
}

static value call_part(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    (void)n;
    return part_of(e, &args[0], b->code, at);
}

/* ---- joining -------------------------------------------------------------------------------------------------------------------- */

static bool gather_parts(elab *e, const value *v, kir_expr **parts, uint32_t *n, type **dtype, span at) {
    if (v->kind != VAL_TUPLE || v->len == 0 || v->len > 256) {
        if (v->kind != VAL_INVALID)
            elab_error(e, DIAG_TYPING, at, "write np.concatenate((a, b))", "a tuple of arrays is needed here");
        return false;
    }
    *n = v->len;
    for (uint32_t i = 0; i < v->len; i++) {
        if (!(parts[i] = array_from_value(e, &v->items[i], NULL, at)))
            return false;
        if (parts[i]->kind != KIR_VAR && parts[i]->kind != KIR_VIEW)
            parts[i] = kir_ref(elab_module(e), array_var(e, parts[i], at), at);
        *dtype = *dtype ? type_promote_dtype(elab_types(e), *dtype, parts[i]->ty->dtype) : parts[i]->ty->dtype;
    }
    return true;
}

/* Copies the parts one behind the other along an axis. */
static value joined(elab *e, kir_expr **parts, uint32_t n, uint32_t axis, type *dtype, span at) {
    kir_module *m = elab_module(e);
    uint32_t ndim = parts[0]->ty->ndim;
    kir_expr *dims[TYPE_MAX_NDIM], *total = kir_int(m, 0, at), *start = kir_int(m, 0, at);
    array_dims(e, parts[0], dims, at);
    for (uint32_t i = 0; i < n; i++) {
        if (parts[i]->ty->ndim != ndim)
            return elab_error(e, DIAG_TYPING, at, NULL,
                              "all the input array dimensions must match: one array has %u, another %u", ndim,
                              parts[i]->ty->ndim);
        for (uint32_t k = 0; k < ndim; k++) {
            kir_expr *d = elab_array_dim(e, parts[i], k, at);
            if (k == axis) {
                total = kir_binary(m, KIR_OP_ADD, total, d, at);
            } else if (!kir_expr_equal(d, dims[k])) {
                elab_check(e, kir_binary(m, KIR_OP_EQ, d, array_copy(e, dims[k]), at), "ValueError",
                           "all the input array dimensions except for the concatenation axis must match exactly", NULL,
                           0, at);
            }
        }
    }
    dims[axis] = array_temp(e, total, at);
    kir_var *t = array_alloc(e, dtype, ndim, LAYOUT_C, dims, false, at);
    for (uint32_t i = 0; i < n; i++) {
        kir_sub *subs = arena_array(m->a, kir_sub, ndim);
        for (uint32_t k = 0; k < ndim; k++)
            subs[k] = array_full(e, t, k, at);
        kir_expr *length = elab_array_dim(e, parts[i], axis, at);
        subs[axis].start = array_copy(e, start);
        subs[axis].length = array_copy(e, length);
        array_emit_copy(e, t, ndim, subs, kir_cast(m, parts[i], dtype, at), at);
        start = array_temp(e, kir_binary(m, KIR_OP_ADD, start, length, at), at);
    }
    return value_of(e, kir_ref(m, t, at));
}

enum { JOIN_CONCATENATE, JOIN_STACK, JOIN_VERTICAL, JOIN_HORIZONTAL, JOIN_COLUMNS, JOIN_DEPTH };

static kir_expr *lifted(elab *e, kir_expr *x, uint32_t ndim, uint32_t new_axis, span at) {
    bool keep[TYPE_MAX_NDIM];
    for (uint32_t i = 0; i < ndim; i++)
        keep[i] = i != new_axis;
    return array_insert_axes(e, x, ndim, keep, at);
}

static value call_join(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    kir_expr *parts[256];
    uint32_t count = 0, axis = 0;
    type *dtype = NULL;
    if (!gather_parts(e, &args[0], parts, &count, &dtype, at))
        return value_invalid(at);
    uint32_t ndim = parts[0]->ty->ndim;
    if (b->code == JOIN_STACK && !has_room(e, ndim, at))
        return value_invalid(at);
    if (b->code == JOIN_CONCATENATE && n > 1 && args[1].kind == VAL_NONE) {
        for (uint32_t i = 0; i < count; i++)
            parts[i] = flat_view(e, parts[i], at);
        return joined(e, parts, count, 0, dtype, at);
    }
    if (n > 1 && !array_axis_argument(e, &args[1], ndim + (b->code == JOIN_STACK), &axis, at))
        return value_invalid(at);
    if (b->code == JOIN_HORIZONTAL || b->code == JOIN_COLUMNS)
        axis = ndim > 1 || b->code == JOIN_COLUMNS ? 1 : 0;
    if (b->code == JOIN_DEPTH)
        axis = 2;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t own = parts[i]->ty->ndim;
        if (own != ndim && b->code == JOIN_STACK)
            return elab_error(e, DIAG_TYPING, at, NULL, "all input arrays must have the same shape");
        if (b->code == JOIN_STACK)
            parts[i] = lifted(e, parts[i], own + 1, axis, at);
        else if (own == 0)
            parts[i] = lifted(e, parts[i], 1, 0, at);
        own = parts[i]->ty->ndim;
        if (own == 1 && (b->code == JOIN_VERTICAL || b->code == JOIN_DEPTH))
            parts[i] = lifted(e, parts[i], 2, 0, at);
        if (own == 1 && b->code == JOIN_COLUMNS)
            parts[i] = lifted(e, parts[i], 2, 1, at);
        if (b->code == JOIN_DEPTH && parts[i]->ty->ndim == 2)
            parts[i] = lifted(e, parts[i], 3, 2, at);
    }
    if (parts[0]->ty->ndim == 0)
        return elab_error(e, DIAG_TYPING, at, NULL, "zero-dimensional arrays cannot be concatenated");
    return joined(e, parts, count, axis, dtype, at);
}

/* ---- facts about values ------------------------------------------------------------------------------------------------------------ */

static value shape_of(elab *e, const value *v, span at) {
    return value_is_array(v) ? elab_array_shape(e, v, at) : value_tuple(e, NULL, 0, at);
}

static value call_shape(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    (void)b, (void)n;
    kir_expr *x = array_operand(e, &args[0], at);
    if (!x)
        return value_invalid(at);
    value v = value_of(e, x);
    return shape_of(e, &v, at);
}

static value size_of(elab *e, const value *v, span at) {
    return value_is_array(v) ? value_of(e, array_size(e, v->expr, at)) : value_int(e, 1, at);
}

static value call_size(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    (void)b, (void)n;
    uint32_t axis;
    if (args[1].kind == VAL_NONE)
        return size_of(e, &args[0], at);
    if (!array_axis_argument(e, &args[1], rank_of(&args[0]), &axis, at))
        return value_invalid(at);
    return value_of(e, elab_array_dim(e, args[0].expr, axis, at));
}

static value call_ndim(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    (void)b, (void)n;
    kir_expr *x = array_operand(e, &args[0], at);
    return x ? value_int(e, kir_is_array(x) ? x->ty->ndim : 0, at) : value_invalid(at);
}

enum { ASK_COMPLEX, ASK_REAL, ASK_SCALAR };

static value call_ask(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    (void)n;
    bool number = args[0].kind == VAL_EXPR;
    bool complex = number && kir_elem_type(args[0].ty)->kind == TYPE_COMPLEX;
    bool answer = b->code == ASK_COMPLEX ? complex : b->code == ASK_REAL ? !complex : value_is_scalar(&args[0]);
    return value_bool(e, answer, at);
}

static value call_dtype(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    (void)b, (void)n;
    type *t = array_dtype_argument(e, &args[0], type_float64(elab_types(e)), at);
    return t ? value_of_type(e, t, at) : value_invalid(at);
}

static value strides_of(elab *e, const value *v, span at) {
    value items[TYPE_MAX_NDIM];
    kir_var *var = array_var(e, array_copy(e, v->expr), at);
    for (uint32_t i = 0; i < var->ty->ndim; i++)
        items[i] = value_of(e, kir_stride(elab_module(e), var, i, at));
    return value_tuple(e, items, var->ty->ndim, at);
}

static value flat_of(elab *e, const value *v, span at) {
    kir_module *m = elab_module(e);
    kir_expr *x = array_operand(e, v, at);
    if (!x)
        return value_invalid(at);
    if (x->ty->layout == LAYOUT_C)
        return value_of(e, flat_view(e, x, at));
    kir_var *copy = array_materialise(e, x, LAYOUT_C, at); /* a write to it would be lost: not writable */
    kir_expr *flat = flat_view(e, kir_ref(m, copy, at), at);
    type *ty = type_array(m->types, flat->ty->dtype, 1, LAYOUT_C, true, true);
    kir_var *frozen = kir_temp_new(m, elab_fn(e), ty, at);
    elab_emit(e, kir_assign(m, frozen, flat, at));
    return value_of(e, kir_ref(m, frozen, at));
}

/* `a.flags` is a method value that its own attributes are asked of. */
static value flag_of(elab *e, const value *flags, sym name, span at) {
    const value *a = &flags->items[0];
    kir_var *v = array_var(e, array_copy(e, a->expr), at);
    bool f = sym_is(name, "f_contiguous") || sym_is(name, "fnc");
    if (sym_is(name, "writeable"))
        return value_bool(e, !v->ty->readonly, at);
    if (sym_is(name, "aligned"))
        return value_bool(e, v->ty->aligned, at);
    if (!f && !sym_is(name, "c_contiguous") && !sym_is(name, "contiguous") && !sym_is(name, "forc"))
        return elab_error(e, DIAG_TYPING, at, NULL, "flags has no attribute '%s' in a kernel", name->text);
    if (v->ty->layout == (f ? LAYOUT_F : LAYOUT_C) || (v->ty->ndim <= 1 && v->ty->layout == LAYOUT_C))
        return value_bool(e, true, at);
    return value_of(e, is_contiguous(e, v, f, at));
}

/* ---- limits of number types ---------------------------------------------------------------------------------------------------------- */

static value named_facts(elab *e, const char *name, const char *const *fields, const value *items, uint32_t n,
                         span at) {
    kir_module *m = elab_module(e);
    value v = value_tuple(e, items, n, at);
    sym *names = arena_array(m->a, struct sym const *, n);
    type **types_of = arena_array(m->a, type *, n);
    for (uint32_t i = 0; i < n; i++) {
        names[i] = sym_of(m->syms, fields[i]);
        types_of[i] = value_type(e, &items[i]);
    }
    v.ty = type_tuple(m->types, types_of, n, sym_of(m->syms, name), names);
    return v;
}

static value float_literal(elab *e, type *t, double x, span at) {
    value v = value_of(e, kir_const_float(elab_module(e), t, x, at));
    v.literal = true;
    return v;
}

/* np.finfo(t): eps, max, min, tiny, smallest_normal, resolution, bits. */
static value call_finfo(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    static const char *const fields[] = {"eps",        "max", "min", "tiny", "smallest_normal", "smallest_subnormal",
                                         "resolution", "bits"};
    (void)b, (void)n;
    type *t = value_is_scalar(&args[0]) ? args[0].ty : array_dtype_argument(e, &args[0], NULL, at);
    if (!t)
        return value_invalid(at);
    if (t->kind == TYPE_COMPLEX)
        t = type_float(elab_types(e), t->bits / 2u);
    if (t->kind != TYPE_FLOAT)
        return elab_error(e, DIAG_TYPING, at, "use np.iinfo for integers", "finfo needs a floating-point type");
    bool single = t->bits == 32;
    double max = single ? (double)FLT_MAX : DBL_MAX, tiny = single ? (double)FLT_MIN : DBL_MIN;
    value items[] = {float_literal(e, t, single ? (double)FLT_EPSILON : DBL_EPSILON, at),
                     float_literal(e, t, max, at),
                     float_literal(e, t, -max, at),
                     float_literal(e, t, tiny, at),
                     float_literal(e, t, tiny, at),
                     float_literal(e, t, single ? (double)FLT_TRUE_MIN : DBL_TRUE_MIN, at),
                     float_literal(e, t, single ? 1e-6 : 1e-15, at),
                     value_int(e, t->bits, at)};
    return named_facts(e, "finfo", fields, items, 8, at);
}

static value call_iinfo(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    static const char *const fields[] = {"min", "max", "bits"};
    kir_module *m = elab_module(e);
    (void)b, (void)n;
    type *t = value_is_scalar(&args[0]) ? args[0].ty : array_dtype_argument(e, &args[0], NULL, at);
    if (!t)
        return value_invalid(at);
    if (t->kind != TYPE_INT)
        return elab_error(e, DIAG_TYPING, at, "use np.finfo for floats", "iinfo needs an integer type");
    int64_t top = t->is_signed ? (int64_t)(((uint64_t)1 << (t->bits - 1)) - 1) : 0;
    value items[3] = {value_int(e, t->is_signed ? -top - 1 : 0, at), value_int(e, top, at), value_int(e, t->bits, at)};
    if (!t->is_signed && t->bits < 64)
        items[1] = value_int(e, (int64_t)(((uint64_t)1 << t->bits) - 1), at);
    if (!t->is_signed && t->bits == 64)
        items[1] = value_of(e, kir_const_int(m, t, -1, at));
    return named_facts(e, "iinfo", fields, items, 3, at);
}

/* ---- the door -------------------------------------------------------------------------------------------------------------------------- */

static value method_of(elab *e, const value *v, const char *prefix, sym name, span at) {
    const builtin *b = elab_find_builtin(e, arena_printf(elab_module(e)->a, "%s.%s", prefix, name->text));
    if (!b)
        return value_invalid(at);
    value *self = arena_make(elab_module(e)->a, value);
    *self = *v;
    return (value){.kind = VAL_METHOD, .items = self, .len = 1, .text = name, .builtin = b, .at = at};
}

static value array_attribute(elab *e, const value *v, sym name, span at) {
    type *t = kir_elem_type(v->ty);
    if (sym_is(name, "shape"))
        return shape_of(e, v, at);
    if (sym_is(name, "ndim"))
        return value_int(e, rank_of(v), at);
    if (sym_is(name, "size"))
        return size_of(e, v, at);
    if (sym_is(name, "dtype"))
        return value_of_type(e, t, at);
    if (sym_is(name, "itemsize"))
        return value_int(e, type_size(t), at);
    if (sym_is(name, "real") || sym_is(name, "imag"))
        return part_of(e, v, sym_is(name, "imag"), at);
    if (sym_is(name, "T"))
        return value_is_array(v) ? reversed_axes(e, v, at) : *v;
    if (sym_is(name, "nbytes")) {
        kir_module *m = elab_module(e);
        value size = size_of(e, v, at);
        return value_of(e, kir_binary(m, KIR_OP_MUL, size.expr, kir_int(m, type_size(t), at), at));
    }
    if (!value_is_array(v))
        return value_invalid(at);
    if (sym_is(name, "strides"))
        return strides_of(e, v, at);
    if (sym_is(name, "flat"))
        return flat_of(e, v, at);
    if (sym_is(name, "flags")) {
        value *self = arena_make(elab_module(e)->a, value);
        *self = *v;
        return (value){.kind = VAL_METHOD, .items = self, .len = 1, .text = name, .at = at};
    }
    return value_invalid(at);
}

static value number_attribute(elab *e, const value *v, sym name, span at) {
    static const char *const prefixes[TYPE_KIND_COUNT] = {
        [TYPE_BOOL] = "int", [TYPE_INT] = "int", [TYPE_FLOAT] = "float", [TYPE_COMPLEX] = "complex"};
    value found = array_attribute(e, v, name, at);
    if (found.kind == VAL_INVALID && !value_is_array(v) && prefixes[v->ty->kind])
        found = method_of(e, v, prefixes[v->ty->kind], name, at);
    return found.kind == VAL_INVALID ? method_of(e, v, "ndarray", name, at) : found;
}

static value tuple_attribute(elab *e, const value *v, sym name, span at) {
    for (uint32_t i = 0; v->ty && v->ty->fields && i < v->len; i++) {
        if (v->ty->fields[i] == name)
            return v->items[i];
    }
    return method_of(e, v, "tuple", name, at);
}

/* A dtype as a value: np.dtype's own attributes that are constants. */
static value type_attribute(elab *e, const value *v, sym name, span at) {
    type *t = v->ty && v->ty->kind == TYPE_DTYPE ? v->ty->dtype : v->ty;
    if (!t || !type_is_number(t))
        return value_invalid(at);
    if (sym_is(name, "itemsize"))
        return value_int(e, type_size(t), at);
    if (sym_is(name, "type"))
        return value_of_type(e, t, at);
    if (sym_is(name, "name"))
        return value_string(e, sym_of(elab_module(e)->syms, type_name(elab_types(e), t)), at);
    if (sym_is(name, "kind")) {
        const char *kind = t->kind == TYPE_BOOL      ? "b"
                           : t->kind == TYPE_FLOAT   ? "f"
                           : t->kind == TYPE_COMPLEX ? "c"
                           : t->is_signed            ? "i"
                                                     : "u";
        return value_string(e, sym_of(elab_module(e)->syms, kind), at);
    }
    return value_invalid(at);
}

#define IN_PYTHON "call it in Python and pass the result to the kernel"
#define ONE_SIZE "make an array of the final size and assign to slices of it, or np.concatenate"

/* What to write instead of what NumPy has and kernels have not. The first row that fits counts; a name that ends in a dot
 * stands for a whole module. */
static const struct {
    const char *name, *hint;
} instead[] = {
    {"numpy.random.", "pass random numbers to the kernel as an array, or write the generator: x = (a * x + c) % m"},
    {"random.", "pass random numbers to the kernel as an array, or write the generator: x = (a * x + c) % m"},
    {"numpy.fft.", IN_PYTHON},
    {"numpy.linalg.", "call it in Python and pass the result, or write the loops: they are compiled"},
    {"numpy.sort", IN_PYTHON},
    {"numpy.argsort", IN_PYTHON},
    {"numpy.lexsort", IN_PYTHON},
    {"numpy.partition", IN_PYTHON},
    {"numpy.argpartition", IN_PYTHON},
    {"numpy.unique", IN_PYTHON},
    {"numpy.median", IN_PYTHON},
    {"numpy.nanmedian", IN_PYTHON},
    {"numpy.percentile", IN_PYTHON},
    {"numpy.nanpercentile", IN_PYTHON},
    {"numpy.quantile", IN_PYTHON},
    {"numpy.histogram", "count in a loop: h[int((x[i] - low) / width)] += 1, or np.bincount"},
    {"numpy.histogram2d", "count in a loop: h[i, j] += 1"},
    {"numpy.digitize", "np.searchsorted(bins, x, side='right')"},
    {"numpy.pad", "make the larger array and assign to its middle: out[1:-1] = x"},
    {"numpy.tile", "make the array and assign to slices of it, or broadcast: x[None, :]"},
    {"numpy.append", ONE_SIZE},
    {"numpy.insert", ONE_SIZE},
    {"numpy.delete", "a mask: x[keep]"},
    {"numpy.block", ONE_SIZE},
    {"numpy.split", "slices: x[:k], x[k:]"},
    {"numpy.array_split", "slices: x[:k], x[k:]"},
    {"numpy.meshgrid", "broadcast: x[None, :] and y[:, None]"},
    {"numpy.mgrid", "broadcast: np.arange(m)[None, :] and np.arange(n)[:, None]"},
    {"numpy.ogrid", "broadcast: np.arange(m)[None, :] and np.arange(n)[:, None]"},
    {"numpy.indices", "broadcast: np.arange(m)[None, :] and np.arange(n)[:, None]"},
    {"numpy.ix_", "two subscripts: x[rows][:, columns]"},
    {"numpy.einsum", "loops, or @ and sums of products"},
    {"numpy.tensordot", "loops, or @ of reshaped arrays"},
    {"numpy.isin", "`v in a` in a loop"},
    {"numpy.in1d", "`v in a` in a loop"},
    {"numpy.gradient", "slices: (x[2:] - x[:-2]) / 2"},
    {"numpy.cov", "z = x - x.mean(axis=0), then z.T @ z / (len(x) - 1)"},
    {"numpy.corrcoef", "z = (x - x.mean(axis=0)) / x.std(axis=0), then z.T @ z / len(x)"},
    {"numpy.vectorize", "write the loop: it is compiled"},
    {"numpy.apply_along_axis", "write the loop: it is compiled"},
    {"numpy.load", "read files in Python and pass the arrays"},
    {"numpy.loadtxt", "read files in Python and pass the arrays"},
    {"numpy.save", "return the array and write it in Python"},
    {"numpy.float16", "there is no float16 in kernels: float32"},
    {"numpy.longdouble", "there is no long double in kernels: float64"},
    {"numpy.float128", "there is no long double in kernels: float64"},
    {"ndarray.sort", IN_PYTHON},
    {"ndarray.argsort", IN_PYTHON},
    {"ndarray.partition", IN_PYTHON},
    {"ndarray.tolist", "return the array and convert it in Python"},
    {"ndarray.tobytes", "return the array and convert it in Python"},
    {"ndarray.resize", "make a new array: np.empty, and copy"},
};

static const char *hint_for(elab *e, const char *prefix, sym name) {
    const char *whole = arena_printf(elab_module(e)->a, "%s%s", prefix, name->text);
    for (size_t i = 0; i < sizeof instead / sizeof *instead; i++) {
        size_t n = strlen(instead[i].name);
        bool is_module = instead[i].name[n - 1] == '.';
        if (is_module ? !strncmp(whole, instead[i].name, n) : !strcmp(whole, instead[i].name))
            return instead[i].hint;
    }
    const char *near = elab_nearest(e, prefix, name->text);
    return near ? arena_printf(elab_module(e)->a, "did you mean %s?", near) : NULL;
}

static value module_attribute(elab *e, const value *v, sym name, span at) {
    kir_module *m = elab_module(e);
    value found = elab_object(e, arena_printf(m->a, "%s.%s", v->text->text, name->text), at);
    if (found.kind != VAL_INVALID)
        return found;
    const char *hint = hint_for(e, arena_printf(m->a, "%s.", v->text->text), name);
    return elab_error(e, DIAG_TYPING, at, hint, "%s.%s is not known in kernels", v->text->text, name->text);
}

value elab_get_attribute(elab *e, const value *v, sym name, span at) {
    value found = value_invalid(at);
    switch (v->kind) {
    case VAL_INVALID:
    case VAL_BOTTOM:
        return *v;
    case VAL_MODULE:
    case VAL_OBJECT:
        return module_attribute(e, v, name, at);
    case VAL_EXPR:
        found = number_attribute(e, v, name, at);
        break;
    case VAL_TUPLE:
        found = tuple_attribute(e, v, name, at);
        break;
    case VAL_TYPE:
        found = type_attribute(e, v, name, at);
        break;
    case VAL_METHOD:
        if (v->text && sym_is(v->text, "flags"))
            return flag_of(e, v, name, at);
        break;
    default:
        break;
    }
    if (found.kind != VAL_INVALID)
        return found;
    type *t = value_type(e, v);
    const char *near = value_is_array(v) ? hint_for(e, "ndarray.", name) : NULL;
    const char *hint =
        near ? near
        : value_is_array(v)
            ? "arrays have shape, ndim, size, dtype, strides, itemsize, nbytes, T, real, imag, flat, flags, and methods"
            : NULL;
    return elab_error(e, DIAG_TYPING, at, hint, "%s has no attribute '%s' in a kernel",
                      t ? type_name(elab_types(e), t) : "this value", name->text);
}

const builtin attribute_table[] = {{"numpy.reshape", "a, shape", call_reshape, NULL, 0},
                                   {"numpy.ravel", "a", call_ravel, NULL, 0},
                                   {"numpy.transpose", "a, axes=None", call_transpose, NULL, 0},
                                   {"numpy.permute_dims", "a, axes=None", call_transpose, NULL, 0},
                                   {"numpy.swapaxes", "a, axis1, axis2", call_swapaxes, NULL, 0},
                                   {"numpy.moveaxis", "a, source, destination", call_moveaxis, NULL, 0},
                                   {"numpy.expand_dims", "a, axis", call_expand_dims, NULL, 0},
                                   {"numpy.squeeze", "a, axis=None", call_squeeze, NULL, 0},
                                   {"numpy.flip", "m, axis=None", call_flip, NULL, 0},
                                   {"numpy.flipud", "m", call_flip, NULL, 1},
                                   {"numpy.fliplr", "m", call_flip, NULL, 2},
                                   {"numpy.atleast_1d", "a", call_atleast, NULL, 1},
                                   {"numpy.atleast_2d", "a", call_atleast, NULL, 2},
                                   {"numpy.atleast_3d", "a", call_atleast, NULL, 3},
                                   {"numpy.real", "val", call_part, NULL, 0},
                                   {"numpy.imag", "val", call_part, NULL, 1},
                                   {"numpy.concatenate", "arrays, axis=0", call_join, NULL, JOIN_CONCATENATE},
                                   {"numpy.concat", "arrays, axis=0", call_join, NULL, JOIN_CONCATENATE},
                                   {"numpy.stack", "arrays, axis=0", call_join, NULL, JOIN_STACK},
                                   {"numpy.vstack", "tup", call_join, NULL, JOIN_VERTICAL},
                                   {"numpy.hstack", "tup", call_join, NULL, JOIN_HORIZONTAL},
                                   {"numpy.column_stack", "tup", call_join, NULL, JOIN_COLUMNS},
                                   {"numpy.dstack", "tup", call_join, NULL, JOIN_DEPTH},
                                   {"numpy.shape", "a", call_shape, NULL, 0},
                                   {"numpy.size", "a, axis=None", call_size, NULL, 0},
                                   {"numpy.ndim", "a", call_ndim, NULL, 0},
                                   {"numpy.iscomplexobj", "x", call_ask, NULL, ASK_COMPLEX},
                                   {"numpy.isrealobj", "x", call_ask, NULL, ASK_REAL},
                                   {"numpy.isscalar", "element", call_ask, NULL, ASK_SCALAR},
                                   {"numpy.dtype", "dtype", call_dtype, NULL, 0},
                                   {"numpy.finfo", "dtype", call_finfo, NULL, 0},
                                   {"numpy.iinfo", "int_type", call_iinfo, NULL, 0},
                                   {"ndarray.reshape", "self, *shape", call_reshape, NULL, 0},
                                   {"ndarray.ravel", "self", call_ravel, NULL, 0},
                                   {"ndarray.flatten", "self", call_ravel, NULL, 1},
                                   {"ndarray.transpose", "self, *axes", call_transpose, NULL, 0},
                                   {"ndarray.swapaxes", "self, axis1, axis2", call_swapaxes, NULL, 0},
                                   {"ndarray.squeeze", "self, axis=None", call_squeeze, NULL, 0},
                                   {"ndarray.view", "self, dtype=None", call_view, NULL, 0},
                                   {"ndarray.item", "self, *args", call_item, NULL, 0},
                                   {0}};
