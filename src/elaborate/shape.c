/* Shapes: dimensions of unevaluated array expressions, broadcasting with its run-time checks, and the few ways in
 * which an array value becomes memory. */
#include "elaborate/arrays.h"
#include "kir/op.h"

#include <string.h>

enum { SHARED_NODES = 48 }; /* element-wise trees up to this size are evaluated twice rather than stored */

/* ---- expressions -------------------------------------------------------------------------------------------------- */

kir_expr *array_copy(elab *e, const kir_expr *x) {
    return kir_copy_expr(elab_module(e), x, NULL);
}

bool array_is_const(const kir_expr *x, int64_t c) {
    int64_t k;
    return kir_is_const_int(x, &k) && k == c;
}

bool array_is_alias(const kir_expr *x) {
    switch (x->kind) {
    case KIR_VAR:
    case KIR_VIEW:
    case KIR_TRANSPOSE:
    case KIR_RESHAPE:
    case KIR_REINTERPRET:
    case KIR_GLOBAL:
        return kir_is_array(x);
    default:
        return false;
    }
}

/* Kinds that an element-wise tree may hold; the others are made variables first. */
static bool is_elementwise(const kir_expr *x) {
    switch (x->kind) {
    case KIR_VAR:
    case KIR_VIEW:
    case KIR_TRANSPOSE:
    case KIR_UNARY:
    case KIR_BINARY:
    case KIR_SELECT:
    case KIR_CAST:
    case KIR_MATH:
    case KIR_COMPLEX:
    case KIR_REAL:
    case KIR_IMAG:
    case KIR_WRAP:
    case KIR_BROADCAST:
    case KIR_INDEX:
    case KIR_GATHER:
        return true;
    default:
        return false;
    }
}

static uint32_t count_nodes(const kir_expr *x) {
    uint32_t n = 1;
    for (uint32_t i = 0; i < x->n_args; i++)
        n += count_nodes(x->args[i]);
    return n;
}

kir_expr *array_temp(elab *e, kir_expr *scalar, span at) {
    kir_module *m = elab_module(e);
    if (scalar->kind == KIR_CONST || scalar->kind == KIR_DIM || (scalar->kind == KIR_VAR && scalar->var->is_temp))
        return scalar;
    kir_var *t = kir_temp_new(m, elab_fn(e), scalar->ty, at);
    elab_emit(e, kir_assign(m, t, scalar, at));
    return kir_ref(m, t, at);
}

kir_var *array_var(elab *e, kir_expr *x, span at) {
    if (x->kind == KIR_VAR)
        return x->var;
    kir_module *m = elab_module(e);
    type *ty = x->ty;
    if (!array_is_alias(x) && x->kind != KIR_ALLOC)
        ty = type_array(elab_types(e), ty->dtype, ty->ndim, ty->layout == LAYOUT_F ? LAYOUT_F : LAYOUT_C, false, true);
    kir_var *t = kir_temp_new(m, elab_fn(e), ty, at);
    elab_emit(e, kir_assign(m, t, x, at));
    return t;
}

kir_expr *array_share(elab *e, kir_expr **x) {
    if (kir_is_array(*x)) {
        if (count_nodes(*x) > SHARED_NODES || (*x)->kind == KIR_GATHER)
            *x = kir_ref(elab_module(e), array_var(e, *x, (*x)->at), (*x)->at);
    } else if ((*x)->kind != KIR_CONST && (*x)->kind != KIR_VAR) {
        *x = array_temp(e, *x, (*x)->at);
    }
    return array_copy(e, *x);
}

kir_expr *array_operand(elab *e, const value *v, span at) {
    if (v->kind == VAL_TUPLE) {
        kir_expr *x = array_from_value(e, v, NULL, at);
        return x ? kir_ref(elab_module(e), array_var(e, x, at), at) : NULL;
    }
    if (v->kind == VAL_INVALID || v->kind == VAL_BOTTOM)
        return NULL;
    if (v->kind != VAL_EXPR || (v->ty->kind != TYPE_ARRAY && !type_is_number(v->ty))) {
        type *ty = value_type(e, v);
        elab_error(e, DIAG_TYPING, at, value_remedy(v), "an array or a number is needed here, not %s",
                   ty ? type_name(elab_types(e), ty) : "this");
        return NULL;
    }
    kir_expr *x = v->expr;
    if (!kir_is_array(x))
        return x->kind == KIR_CONST || x->kind == KIR_VAR ? array_copy(e, x) : array_temp(e, array_copy(e, x), at);
    if (is_elementwise(x))
        return array_copy(e, x);
    return kir_ref(elab_module(e), array_var(e, array_copy(e, x), at), at);
}

void array_emit_copy(elab *e, kir_var *target, uint32_t n_subs, kir_sub *subs, kir_expr *x, span at) {
    kir_stmt *s = kir_stmt_new(elab_module(e), KIR_COPY, at);
    s->var = target;
    s->value = x;
    s->subs.n = n_subs;
    s->subs.at = subs;
    elab_emit(e, s);
}

kir_var *array_alloc(elab *e, type *dtype, uint32_t ndim, type_layout layout, kir_expr *const *dims, bool zeroed,
                     span at) {
    kir_module *m = elab_module(e);
    type *ty = type_array(elab_types(e), dtype, ndim, ndim > 1 ? layout : LAYOUT_C, false, true);
    kir_expr *x = kir_expr_new(m, KIR_ALLOC, ty, ndim, at);
    x->op = zeroed ? (kir_op)1 : (kir_op)0;
    for (uint32_t i = 0; i < ndim; i++)
        x->args[i] = dims[i];
    kir_var *t = kir_temp_new(m, elab_fn(e), ty, at);
    elab_emit(e, kir_assign(m, t, x, at));
    return t;
}

kir_var *array_materialise(elab *e, kir_expr *x, type_layout layout, span at) {
    kir_expr *dims[TYPE_MAX_NDIM];
    array_dims(e, x, dims, at);
    kir_var *t = array_alloc(e, x->ty->dtype, x->ty->ndim, layout, dims, false, at);
    array_emit_copy(e, t, 0, NULL, x, at);
    return t;
}

kir_expr *array_fresh_copy(elab *e, kir_expr *x, span at) {
    type_layout layout = x->ty->layout == LAYOUT_F ? LAYOUT_F : LAYOUT_C;
    return kir_ref(elab_module(e), array_materialise(e, x, layout, at), at);
}

kir_expr *array_broadcast(elab *e, kir_expr *x, uint32_t ndim, kir_expr *const *dims, span at) {
    kir_module *m = elab_module(e);
    type *ty = type_array(elab_types(e), kir_elem_type(x->ty), ndim, LAYOUT_C, false, true);
    kir_expr *b = kir_expr_new(m, KIR_BROADCAST, ty, 1 + ndim, at);
    b->args[0] = x;
    for (uint32_t i = 0; i < ndim; i++)
        b->args[1 + i] = dims[i];
    return b;
}

/* ---- dimensions ----------------------------------------------------------------------------------------------------- */

/* Dimension that two broadcast to, once their check has passed. */
static kir_expr *join_dims(elab *e, kir_expr *a, kir_expr *b, span at) {
    kir_module *m = elab_module(e);
    int64_t k;
    if (!a)
        return b;
    if (!b || kir_expr_equal(a, b) || array_is_const(b, 1))
        return a;
    if (array_is_const(a, 1))
        return b;
    if (kir_is_const_int(a, &k))
        return a;
    if (kir_is_const_int(b, &k))
        return b;
    a = array_temp(e, a, at);
    b = array_temp(e, b, at);
    kir_expr *is_one = kir_binary(m, KIR_OP_EQ, array_copy(e, a), kir_int(m, 1, at), at);
    return array_temp(e, kir_select(m, is_one, b, a, at), at);
}

static kir_expr *view_dim(elab *e, const kir_expr *x, uint32_t axis, span at) {
    for (uint32_t i = 0; i < x->subs.n; i++) {
        const kir_sub *s = &x->subs.at[i];
        if (s->kind == KIR_SUB_INDEX)
            continue;
        if (axis-- == 0)
            return s->kind == KIR_SUB_RANGE ? array_copy(e, s->length) : kir_int(elab_module(e), 1, at);
    }
    return kir_int(elab_module(e), 1, at);
}

static kir_expr *operands_dim(elab *e, const kir_expr *x, uint32_t axis, span at) {
    kir_expr *dim = NULL;
    for (uint32_t i = 0; i < x->n_args; i++) {
        const kir_expr *a = x->args[i];
        uint32_t missing = kir_is_array(a) ? x->ty->ndim - a->ty->ndim : x->ty->ndim;
        if (kir_is_array(a) && axis >= missing)
            dim = join_dims(e, dim, elab_array_dim(e, a, axis - missing, at), at);
    }
    return dim;
}

kir_expr *elab_array_dim(elab *e, const kir_expr *x, uint32_t axis, span at) {
    kir_module *m = elab_module(e);
    switch (x->kind) {
    case KIR_VAR:
    case KIR_REINTERPRET:
        return kir_dim(m, x->var, axis, at);
    case KIR_TRANSPOSE:
        return kir_dim(m, x->var, x->axes.at[axis], at);
    case KIR_VIEW:
        return view_dim(e, x, axis, at);
    case KIR_RESHAPE:
    case KIR_ALLOC:
    case KIR_INDEX:
        return array_copy(e, x->args[axis]);
    case KIR_BROADCAST:
        return array_copy(e, x->args[1 + axis]);
    case KIR_GLOBAL:
        return kir_int(m, m->globals.at[x->global].shape[axis], at);
    case KIR_REDUCE:
        return elab_array_dim(e, x->args[0], axis + (axis >= (uint32_t)x->axis), at);
    default:
        return operands_dim(e, x, axis, at);
    }
}

/* The dimension when it is known without looking at run-time extents: all operands have the same, or 1; else NULL. */
static kir_expr *known_dim(elab *e, const kir_expr *x, uint32_t axis, span at) {
    if (!x->n_args || x->kind == KIR_BROADCAST || x->kind == KIR_INDEX || x->kind == KIR_ALLOC ||
        x->kind == KIR_RESHAPE || x->kind == KIR_REDUCE)
        return elab_array_dim(e, x, axis, at);
    kir_expr *dim = NULL;
    for (uint32_t i = 0; i < x->n_args; i++) {
        const kir_expr *a = x->args[i];
        uint32_t missing = kir_is_array(a) ? x->ty->ndim - a->ty->ndim : x->ty->ndim;
        if (!kir_is_array(a) || axis < missing)
            continue;
        kir_expr *d = known_dim(e, a, axis - missing, at);
        if (!d)
            return NULL;
        if (!dim || array_is_const(dim, 1))
            dim = d;
        else if (!kir_expr_equal(dim, d) && !array_is_const(d, 1))
            return NULL;
    }
    return dim;
}

void array_settle(elab *e, kir_expr **x, span at) {
    bool known = true;
    for (uint32_t i = 0; kir_is_array(*x) && i < (*x)->ty->ndim && known; i++)
        known = known_dim(e, *x, i, at) != NULL;
    if (known)
        return;
    kir_expr *dims[TYPE_MAX_NDIM];
    array_dims(e, *x, dims, at);
    type *ty = (*x)->ty;
    *x = array_broadcast(e, *x, ty->ndim, dims, at);
    (*x)->ty = ty;
}

void array_dims(elab *e, const kir_expr *x, kir_expr **dims, span at) {
    for (uint32_t i = 0; kir_is_array(x) && i < x->ty->ndim; i++)
        dims[i] = elab_array_dim(e, x, i, at);
}

kir_expr *array_size(elab *e, const kir_expr *x, span at) {
    kir_module *m = elab_module(e);
    kir_expr *size = kir_int(m, 1, at);
    for (uint32_t i = 0; i < x->ty->ndim; i++)
        size = kir_binary(m, KIR_OP_MUL, size, elab_array_dim(e, x, i, at), at);
    return size;
}

/* Zeros count as ones, as in NumPy: an empty array has strides, too. The product is taken in float64, which cannot wrap
 * and is exact enough: MOST is below 2**63 by far more than it can be rounded. */
kir_expr *array_extents_fit(elab *e, uint32_t ndim, kir_expr *const *dims, uint32_t item_size, bool doubts_all,
                            span at) {
    static const double MOST = 9.22e18;
    kir_module *m = elab_module(e);
    type *f64 = type_float64(m->types);
    double fixed = item_size;
    uint32_t doubts = 0;
    kir_expr *product = NULL;
    for (uint32_t i = 0; i < ndim; i++) {
        int64_t k;
        if (kir_is_const_int(dims[i], &k)) {
            fixed *= k > 1 ? (double)k : 1.0;
            continue;
        }
        doubts += doubts_all || dims[i]->kind != KIR_DIM;
        kir_expr *d = kir_binary(m, KIR_OP_MAX, array_copy(e, dims[i]), kir_int(m, 1, at), at);
        d = kir_cast(m, d, f64, at);
        product = product ? kir_binary(m, KIR_OP_MUL, product, d, at) : d;
    }
    if (fixed > MOST)
        return kir_bool(m, false, at);
    if (ndim < 2 || !doubts || (doubts == 1 && fixed == 1.0))
        return NULL;
    product = kir_binary(m, KIR_OP_MUL, product, kir_const_float(m, f64, fixed, at), at);
    return kir_binary(m, KIR_OP_LE, product, kir_const_float(m, f64, MOST, at), at);
}

void array_check_extents(elab *e, uint32_t ndim, kir_expr *const *dims, type *dtype, span at) {
    kir_expr *fits = array_extents_fit(e, ndim, dims, type_size(dtype), false, at);
    if (fits)
        elab_check(e, fits, "ValueError",
                   "array is too big; `arr.size * arr.dtype.itemsize` is larger than the maximum possible size.", NULL,
                   0, at);
}

value elab_array_shape(elab *e, const value *array, span at) {
    value items[TYPE_MAX_NDIM];
    uint32_t ndim = array->expr->ty->ndim;
    for (uint32_t i = 0; i < ndim; i++)
        items[i] = value_of(e, elab_array_dim(e, array->expr, i, at));
    return value_tuple(e, items, ndim, at);
}

const char *array_shape_format(elab *e, uint32_t ndim) {
    text t = text_new(elab_module(e)->a);
    text_put(&t, "(");
    for (uint32_t i = 0; i < ndim; i++)
        text_put(&t, i ? ",%d" : "%d");
    text_put(&t, ndim == 1 ? ",)" : ")");
    return t.at;
}

/* ---- broadcasting --------------------------------------------------------------------------------------------------- */

static kir_expr *dims_agree(elab *e, const kir_expr *a, const kir_expr *b, span at) {
    kir_module *m = elab_module(e);
    kir_expr *same = kir_binary(m, KIR_OP_EQ, array_copy(e, a), array_copy(e, b), at);
    kir_expr *a_one = kir_binary(m, KIR_OP_EQ, array_copy(e, a), kir_int(m, 1, at), at);
    kir_expr *b_one = kir_binary(m, KIR_OP_EQ, array_copy(e, b), kir_int(m, 1, at), at);
    return kir_binary(m, KIR_OP_OR, same, kir_binary(m, KIR_OP_OR, a_one, b_one, at), at);
}

static bool surely_agree(const kir_expr *a, const kir_expr *b) {
    return kir_expr_equal(a, b) || array_is_const(a, 1) || array_is_const(b, 1);
}

/* The check that axis `k` of two right-aligned shapes agrees; the message shows both shapes when they have at most six
 * dimensions together. */
static void check_axis(elab *e, const kir_expr *da, const kir_expr *db, const char *exception, const char *message,
                       kir_expr *const *a, uint32_t na, kir_expr *const *b, uint32_t nb, span at) {
    kir_expr *args[6];
    uint32_t n = 0;
    if (na + nb <= 6) {
        for (uint32_t i = 0; i < na; i++)
            args[n++] = array_copy(e, a[i]);
        for (uint32_t i = 0; i < nb; i++)
            args[n++] = array_copy(e, b[i]);
        message = arena_printf(elab_module(e)->a, "%s with shapes %s %s", message, array_shape_format(e, na),
                               array_shape_format(e, nb));
    }
    elab_check(e, dims_agree(e, da, db, at), exception, message, args, n, at);
}

uint32_t array_broadcast_dims(elab *e, kir_expr *const *x, uint32_t n, kir_expr **dims, const char *exception,
                              const char *message, span at) {
    uint32_t ndim = 0, last = n;
    kir_expr *acc[TYPE_MAX_NDIM];
    while (last > 0 && !kir_is_array(x[last - 1]))
        last--;
    for (uint32_t k = 0; k < last; k++) {
        if (!kir_is_array(x[k]))
            continue;
        kir_expr *d[TYPE_MAX_NDIM];
        uint32_t nd = x[k]->ty->ndim;
        if (!dims && ndim == 0 && k + 1 == last)
            return nd;
        array_dims(e, x[k], d, at);
        uint32_t common = nd < ndim ? nd : ndim, more = nd > ndim ? nd : ndim;
        for (uint32_t i = 1; i <= common; i++) {
            if (!surely_agree(acc[ndim - i], d[nd - i]))
                check_axis(e, acc[ndim - i], d[nd - i], exception, message, acc, ndim, d, nd, at);
        }
        if (!dims && k + 1 == last)
            return more;
        kir_expr *joined[TYPE_MAX_NDIM];
        for (uint32_t i = 1; i <= more; i++)
            joined[more - i] = join_dims(e, i <= ndim ? acc[ndim - i] : NULL, i <= nd ? d[nd - i] : NULL, at);
        memcpy(acc, joined, more * sizeof *joined);
        ndim = more;
    }
    for (uint32_t i = 0; dims && i < ndim; i++)
        dims[i] = array_copy(e, acc[i]);
    return ndim;
}

/* One dimension d of a value must be that of the target, or 1. */
static void check_dim_into(elab *e, const kir_expr *d, const kir_expr *target, bool extra, const char *message,
                           kir_expr *const *args, uint32_t n_args, span at) {
    kir_module *m = elab_module(e);
    kir_expr *ok = kir_binary(m, KIR_OP_EQ, array_copy(e, d), kir_int(m, 1, at), at);
    if (!extra)
        ok = kir_binary(m, KIR_OP_OR, kir_binary(m, KIR_OP_EQ, array_copy(e, d), array_copy(e, target), at), ok, at);
    kir_expr *copies[6];
    for (uint32_t i = 0; i < n_args; i++)
        copies[i] = array_copy(e, args[i]);
    elab_check(e, ok, "ValueError", message, copies, n_args, at);
}

bool array_check_into(elab *e, const kir_expr *x, uint32_t ndim, kir_expr *const *dims, const char *message, span at) {
    if (!kir_is_array(x))
        return true;
    uint32_t nx = x->ty->ndim, n_args = 0;
    kir_expr *d[TYPE_MAX_NDIM], *args[6];
    array_dims(e, x, d, at);
    if (nx + ndim <= 6) {
        for (uint32_t i = 0; i < nx; i++)
            args[n_args++] = d[i];
        for (uint32_t i = 0; i < ndim; i++)
            args[n_args++] = dims[i];
        message = arena_printf(elab_module(e)->a, "%s from shape %s into shape %s", message, array_shape_format(e, nx),
                               array_shape_format(e, ndim));
    }
    for (uint32_t i = 1; i <= nx; i++) {
        bool extra = i > ndim;
        kir_expr *target = extra ? NULL : dims[ndim - i];
        if (array_is_const(d[nx - i], 1) || (!extra && kir_expr_equal(d[nx - i], target)))
            continue;
        check_dim_into(e, d[nx - i], target, extra, message, args, n_args, at);
    }
    return true;
}

/* ---- arguments -------------------------------------------------------------------------------------------------------- */

static kir_expr *shape_item(elab *e, const value *v, bool signed_ok, span at) {
    kir_module *m = elab_module(e);
    if (v->kind == VAL_INVALID)
        return NULL;
    if (!value_is_scalar(v) || v->ty->kind != TYPE_INT) {
        type *ty = value_type(e, v);
        elab_error(e, DIAG_TYPING, at, "convert with int(…)", "a shape is made of integers, not %s",
                   ty ? type_name(elab_types(e), ty) : "this");
        return NULL;
    }
    kir_expr *d = kir_cast(m, array_copy(e, v->expr), type_int64(m->types), at);
    if (d->kind != KIR_VAR)
        d = array_temp(e, d, at);
    int64_t k;
    if (!signed_ok && !(kir_is_const_int(d, &k) && k >= 0) && d->kind != KIR_DIM) {
        kir_expr *ok = kir_binary(m, KIR_OP_GE, array_copy(e, d), kir_int(m, 0, at), at);
        elab_check(e, ok, "ValueError", "negative dimensions are not allowed", NULL, 0, at);
    }
    return d;
}

bool array_shape_argument(elab *e, const value *v, bool signed_ok, uint32_t *ndim, kir_expr **dims, span at) {
    if (v->kind != VAL_TUPLE) {
        *ndim = 1;
        return (dims[0] = shape_item(e, v, signed_ok, at)) != NULL;
    }
    *ndim = v->len;
    if (v->len > TYPE_MAX_NDIM) {
        elab_error(e, DIAG_TYPING, at, NULL, "an array has at most %d dimensions", TYPE_MAX_NDIM);
        return false;
    }
    for (uint32_t i = 0; i < v->len; i++) {
        if (!(dims[i] = shape_item(e, &v->items[i], signed_ok, at)))
            return false;
    }
    return true;
}

bool array_axis_argument(elab *e, const value *v, uint32_t ndim, uint32_t *axis, span at) {
    int64_t k;
    if (v->kind == VAL_INVALID)
        return false;
    if (!value_literal_int(v, &k)) {
        elab_error(e, DIAG_TYPING, at, "write the axis as a number", "the axis must be a constant integer");
        return false;
    }
    if (k < -(int64_t)ndim || k >= (int64_t)ndim) {
        elab_error(e, DIAG_TYPING, at, NULL, "axis %lld is out of bounds for array of dimension %u", (long long)k,
                   ndim);
        return false;
    }
    *axis = (uint32_t)(k < 0 ? k + ndim : k);
    return true;
}

/* ---- loops ------------------------------------------------------------------------------------------------------------ */

typedef struct nest {
    uint32_t n, depth;
    kir_expr *const *dims;
    kir_expr *index[TYPE_MAX_NDIM];
    array_body body;
    void *context;
    span at;
} nest;

static void emit_level(elab *e, nest *n);

static void enter_level(elab *e, kir_expr *index, void *context) {
    nest *n = context;
    n->index[n->depth++] = index;
    emit_level(e, n);
    n->depth--;
}

static void emit_level(elab *e, nest *n) {
    if (n->depth == n->n) {
        kir_expr *index[TYPE_MAX_NDIM];
        for (uint32_t i = 0; i < n->n; i++)
            index[i] = array_copy(e, n->index[i]);
        n->body(e, index, n->n, n->context);
        return;
    }
    kir_module *m = elab_module(e);
    elab_loop(e, KIR_LOOP_ARRAY, kir_int(m, 0, n->at), array_copy(e, n->dims[n->depth]), n->at, enter_level, n);
}

void array_nest(elab *e, uint32_t n, kir_expr *const *dims, span at, array_body body, void *context) {
    nest state = {.n = n, .dims = dims, .body = body, .context = context, .at = at};
    emit_level(e, &state);
}

/* ---- types ------------------------------------------------------------------------------------------------------------- */

/* NumPy uses float16 for bool and 8-bit integers, which kernels do not have: float32 holds all of them exactly. */
type *array_float_type(elab *e, type *t) {
    if (!type_is_integer(t))
        return t;
    return type_float(elab_types(e), t->kind == TYPE_BOOL || t->bits <= 16 ? 32 : 64);
}

/* Scalars that Python's own int, float, complex and bool may be: their width does not count beside an array's. */
static bool is_weak(const kir_expr *x) {
    type *t = x->ty;
    if (t->kind == TYPE_BOOL)
        return true;
    if (t->kind == TYPE_INT)
        return t->bits == 64 && t->is_signed;
    return (t->kind == TYPE_FLOAT && t->bits == 64) || (t->kind == TYPE_COMPLEX && t->bits == 128);
}

static bool is_weak_beside(const kir_expr *x, bool any_array) {
    return !kir_is_array(x) && is_weak(x) && (any_array || x->kind == KIR_CONST);
}

/* Among scalars alone only constants are weak: the least of an int64 and a uint8 may be negative. */
type *array_common_type(elab *e, kir_expr *const *x, uint32_t n) {
    types *t = elab_types(e);
    type *strong = NULL, *weak = NULL;
    bool any_array = false;
    for (uint32_t i = 0; i < n; i++)
        any_array |= kir_is_array(x[i]);
    for (uint32_t i = 0; i < n; i++) {
        type *dtype = kir_elem_type(x[i]->ty);
        type **slot = is_weak_beside(x[i], any_array) ? &weak : &strong;
        *slot = *slot ? type_promote_dtype(t, *slot, dtype) : dtype;
        if (!*slot)
            return NULL;
    }
    if (!strong)
        return weak;
    for (uint32_t i = 0; i < n && strong; i++) {
        if (is_weak_beside(x[i], any_array))
            strong = type_promote_weak(t, strong, x[i]->ty);
    }
    return strong;
}

static type *dtype_of_text(elab *e, sym name) {
    diags *quiet = diags_new(elab_module(e)->a);
    type *t = type_parse(elab_types(e), name->text, quiet);
    return t && type_is_number(t) ? t : NULL;
}

type *array_dtype_argument(elab *e, const value *v, type *otherwise, span at) {
    if (v->kind == VAL_NONE)
        return otherwise;
    if (v->kind == VAL_INVALID)
        return NULL;
    type *t = NULL;
    if (v->kind == VAL_TYPE && v->ty)
        t = v->ty->kind == TYPE_DTYPE ? v->ty->dtype : v->ty;
    else if (v->kind == VAL_STRING)
        t = dtype_of_text(e, v->text);
    else if (v->kind == VAL_EXPR && v->ty->kind == TYPE_DTYPE)
        t = v->ty->dtype;
    if (!t || !type_is_number(t)) {
        elab_error(e, DIAG_TYPING, at, "bool, integers of 8 to 64 bits, float32/64 and complex64/128 are supported",
                   "this is not a dtype that arrays in kernels can have");
        return NULL;
    }
    return t;
}

static int kind_rank(type *t) {
    switch (t->kind) {
    case TYPE_BOOL:
        return 0;
    case TYPE_INT:
        return t->is_signed ? 2 : 1;
    case TYPE_FLOAT:
        return 3;
    default:
        return 4;
    }
}

bool array_can_cast_same_kind(type *from, type *to) {
    return kind_rank(from) <= kind_rank(to);
}

bool array_require_writable(elab *e, const kir_expr *x, span at) {
    if (!x->ty->readonly)
        return true;
    elab_error(e, DIAG_TYPING, at, "copy it first: a = a.copy()", "the array is read-only and cannot be assigned to");
    return false;
}

kir_expr *array_cast(elab *e, kir_expr *x, type *dtype, span at) {
    if (dtype->kind != TYPE_BOOL && !type_can_convert(kir_elem_type(x->ty), dtype)) {
        elab_error(e, DIAG_TYPING, at, "take .real or abs()", "%s cannot be converted to %s",
                   type_name(elab_types(e), kir_elem_type(x->ty)), type_name(elab_types(e), dtype));
        return NULL;
    }
    return kir_cast(elab_module(e), x, dtype, at);
}
