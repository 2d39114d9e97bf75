/* Indexing and slicing, as source and as target.
 *
 * Basic indices never copy: they compose into one list of subscripts (kir_sub) over the variable that owns the memory,
 * so that a[i][j] is the element a[i, j] and a[1:][::2] one view. Every index is wrapped (negative ones count from the
 * end) and, with bounds checks on, checked before it is used; slices are slice.c's.
 *
 * Integer arrays and masks make an element-wise gather (source) or a scatter (target): each axis of the array gets an
 * index expression of the result's shape. A mask among other indices means its nonzero(); a mask alone is counted and
 * compacted in one more loop. */
#include "elaborate/arrays.h"

#include <string.h>

enum { MAX_SUBS = 2 * TYPE_MAX_NDIM };

typedef struct view {
    kir_var *var;
    uint32_t n;
    kir_sub subs[MAX_SUBS];
} view;

typedef enum item_kind { ITEM_INVALID, ITEM_INT, ITEM_SLICE, ITEM_NEWAXIS, ITEM_ARRAY, ITEM_MASK } item_kind;

typedef struct item {
    item_kind kind;
    const value *v; /* INT, SLICE (NULL: the whole axis), ARRAY, MASK */
    kir_expr *x;    /* INT: int64 expression; ARRAY, MASK: reference to a variable */
    bool fresh;     /* MASK: computed on the spot, nobody else's memory */
} item;

typedef struct items {
    uint32_t n;
    item at[MAX_SUBS];
    bool fancy;    /* has ARRAY or MASK */
    bool ellipsis; /* had `...` */
    uint32_t axes; /* axes consumed */
} items;

/* ---- views ------------------------------------------------------------------------------------------------------------ */

kir_sub array_full(elab *e, kir_var *var, uint32_t axis, span at) {
    kir_module *m = elab_module(e);
    return (kir_sub){.kind = KIR_SUB_RANGE,
                     .start = kir_int(m, 0, at),
                     .length = kir_dim(m, var, axis, at),
                     .step = kir_int(m, 1, at)};
}

static kir_sub copy_sub(elab *e, const kir_sub *s) {
    kir_module *m = elab_module(e);
    return (kir_sub){.kind = s->kind,
                     .start = kir_copy_expr(m, s->start, NULL),
                     .length = kir_copy_expr(m, s->length, NULL),
                     .step = kir_copy_expr(m, s->step, NULL)};
}

static bool is_full(const kir_sub *s, const kir_var *var, uint32_t axis) {
    return s->kind == KIR_SUB_RANGE && array_is_const(s->start, 0) && array_is_const(s->step, 1) &&
           s->length->kind == KIR_DIM && s->length->var == var && s->length->axis == (int32_t)axis;
}

/* Is what the subscripts leave of a C-contiguous array contiguous again? Indices first, then at most one part of an
 * axis with step 1, then whole axes. */
static bool keeps_c_order(const kir_var *var, uint32_t n, const kir_sub *subs) {
    bool started = false;
    uint32_t axis = 0;
    for (uint32_t i = 0; i < n; i++) {
        const kir_sub *s = &subs[i];
        if (s->kind == KIR_SUB_NEWAXIS)
            continue;
        bool whole = is_full(s, var, axis++);
        bool ok = s->kind == KIR_SUB_INDEX ? !started : whole || (!started && array_is_const(s->step, 1));
        if (!ok)
            return false;
        started = started || s->kind == KIR_SUB_RANGE;
    }
    return true;
}

static bool keeps_f_order(const kir_var *var, uint32_t n, const kir_sub *subs) {
    bool started = false;
    uint32_t axis = var->ty->ndim;
    for (uint32_t i = n; i-- > 0;) {
        const kir_sub *s = &subs[i];
        if (s->kind == KIR_SUB_NEWAXIS)
            continue;
        bool whole = is_full(s, var, --axis);
        bool ok = s->kind == KIR_SUB_INDEX ? !started : whole || (!started && array_is_const(s->step, 1));
        if (!ok)
            return false;
        started = started || s->kind == KIR_SUB_RANGE;
    }
    return true;
}

static type_layout layout_of_view(const kir_var *var, uint32_t n, const kir_sub *subs, uint32_t ndim) {
    if (ndim == 0 || (var->ty->layout == LAYOUT_C && keeps_c_order(var, n, subs)))
        return LAYOUT_C;
    if (var->ty->layout == LAYOUT_F && keeps_f_order(var, n, subs))
        return ndim <= 1 ? LAYOUT_C : LAYOUT_F;
    return LAYOUT_A;
}

kir_expr *array_view(elab *e, kir_var *var, uint32_t n, const kir_sub *subs, span at) {
    kir_module *m = elab_module(e);
    uint32_t ndim = 0, axis = 0;
    bool identity = true;
    for (uint32_t i = 0; i < n; i++) {
        ndim += subs[i].kind != KIR_SUB_INDEX;
        identity = identity && subs[i].kind == KIR_SUB_RANGE && is_full(&subs[i], var, axis++);
    }
    if (identity)
        return kir_ref(m, var, at);
    type *ty = type_array(m->types, var->ty->dtype, ndim, layout_of_view(var, n, subs, ndim), var->ty->readonly,
                          var->ty->aligned);
    kir_expr *x = kir_expr_new(m, KIR_VIEW, ty, 0, at);
    x->var = var;
    x->subs.n = n;
    x->subs.at = arena_array(m->a, kir_sub, n);
    memcpy(x->subs.at, subs, n * sizeof *subs);
    return x;
}

/* Any array expression as a view of a variable; computed ones are evaluated first. */
static void open_view(elab *e, const kir_expr *x, view *out, span at) {
    out->n = 0;
    if (x->kind == KIR_VIEW) {
        out->var = x->var;
        out->n = x->subs.n;
        for (uint32_t i = 0; i < x->subs.n; i++)
            out->subs[i] = copy_sub(e, &x->subs.at[i]);
        return;
    }
    out->var = array_var(e, array_copy(e, x), at);
    for (uint32_t i = 0; i < x->ty->ndim; i++)
        out->subs[out->n++] = array_full(e, out->var, i, at);
}

kir_expr *array_insert_axes(elab *e, kir_expr *x, uint32_t ndim, const bool *keep, span at) {
    view from, to = {0};
    open_view(e, x, &from, at);
    uint32_t k = 0;
    for (uint32_t i = 0; i < ndim; i++) {
        if (!keep[i]) {
            to.subs[to.n++] = (kir_sub){.kind = KIR_SUB_NEWAXIS};
            continue;
        }
        while (k < from.n && from.subs[k].kind == KIR_SUB_INDEX)
            to.subs[to.n++] = from.subs[k++];
        to.subs[to.n++] = from.subs[k++];
    }
    while (k < from.n)
        to.subs[to.n++] = from.subs[k++];
    return array_view(e, from.var, to.n, to.subs, at);
}

kir_expr *array_transpose(elab *e, kir_expr *x, const uint32_t *axes, span at) {
    kir_module *m = elab_module(e);
    kir_var *var = array_var(e, x, at);
    uint32_t ndim = var->ty->ndim;
    bool identity = true, reversed = true;
    for (uint32_t i = 0; i < ndim; i++) {
        identity = identity && axes[i] == i;
        reversed = reversed && axes[i] == ndim - 1 - i;
    }
    if (identity)
        return kir_ref(m, var, at);
    type_layout layout = LAYOUT_A;
    if (reversed && var->ty->layout != LAYOUT_A)
        layout = var->ty->layout == LAYOUT_C ? LAYOUT_F : LAYOUT_C;
    type *ty = type_array(m->types, var->ty->dtype, ndim, layout, var->ty->readonly, var->ty->aligned);
    kir_expr *t = kir_expr_new(m, KIR_TRANSPOSE, ty, 0, at);
    t->var = var;
    t->axes.n = ndim;
    t->axes.at = arena_array(m->a, uint32_t, ndim);
    memcpy(t->axes.at, axes, ndim * sizeof *axes);
    return t;
}

/* ---- indices ---------------------------------------------------------------------------------------------------------- */

static uint32_t tree_size(const kir_expr *x) {
    uint32_t n = 1;
    for (uint32_t i = 0; i < x->n_args; i++)
        n += tree_size(x->args[i]);
    return n;
}

static bool is_unsigned(const kir_expr *x) {
    return x->ty->kind == TYPE_INT && !x->ty->is_signed;
}

/* An index into an axis of `extent` elements: wrapped and checked. Small indices stay expressions of the loop variables,
 * which is what dependence analysis reads. */
static kir_expr *checked_index(elab *e, kir_expr *i, kir_expr *extent, uint32_t axis, bool wraps, span at) {
    kir_module *m = elab_module(e);
    if (tree_size(i) > 12)
        i = array_temp(e, i, at);
    kir_expr *wrapped = wraps ? kir_wrap(m, array_copy(e, i), array_copy(e, extent), at) : array_copy(e, i);
    if (m->options.boundscheck) {
        kir_expr *low = kir_binary(m, KIR_OP_GE, array_copy(e, wrapped), kir_int(m, 0, at), at);
        kir_expr *high = kir_binary(m, KIR_OP_LT, array_copy(e, wrapped), array_copy(e, extent), at);
        kir_expr *args[2] = {array_copy(e, i), array_copy(e, extent)};
        const char *message = arena_printf(m->a, "index %%d is out of bounds for axis %u with size %%d", axis);
        elab_check(e, kir_binary(m, KIR_OP_AND, low, high, at), "IndexError", message, args, 2, at);
    }
    return wrapped;
}

static kir_expr *index_in_axis(elab *e, const item *it, const kir_expr *extent, uint32_t axis, span at) {
    kir_module *m = elab_module(e);
    bool wraps = !is_unsigned(it->x);
    kir_expr *i = kir_cast(m, array_copy(e, it->x), type_int64(m->types), at);
    return checked_index(e, i, array_copy(e, extent), axis, wraps, at);
}

/* ---- reading an index expression ------------------------------------------------------------------------------------------ */

static bool add_item(items *list, item it, uint32_t axes) {
    if (list->n >= MAX_SUBS)
        return false;
    list->at[list->n++] = it;
    list->axes += axes;
    list->fancy = list->fancy || it.kind == ITEM_ARRAY || it.kind == ITEM_MASK;
    return true;
}

static bool add_array(elab *e, items *list, const value *v, span at) {
    kir_expr *x = array_operand(e, v, at);
    if (!x)
        return false;
    type *dtype = kir_elem_type(x->ty);
    if (!type_is_integer(dtype)) {
        elab_error(e, DIAG_TYPING, at, "convert with .astype(np.int64)",
                   "arrays used as indices must be of integer or boolean type, not %s",
                   type_name(elab_types(e), dtype));
        return false;
    }
    bool mask = dtype->kind == TYPE_BOOL, fresh = !array_is_alias(x);
    kir_expr *ref = kir_ref(elab_module(e), array_var(e, x, at), at);
    return add_item(list, (item){.kind = mask ? ITEM_MASK : ITEM_ARRAY, .v = v, .x = ref, .fresh = fresh},
                    mask ? ref->ty->ndim : 1);
}

static bool add_index(elab *e, items *list, const value *v, span at) {
    switch (v->kind) {
    case VAL_NONE:
        return add_item(list, (item){.kind = ITEM_NEWAXIS}, 0);
    case VAL_SLICE:
        return add_item(list, (item){.kind = ITEM_SLICE, .v = v}, 1);
    case VAL_TUPLE:
        return add_array(e, list, v, at);
    case VAL_INVALID:
    case VAL_BOTTOM:
        return false;
    default:
        break;
    }
    if (value_is_array(v))
        return add_array(e, list, v, at);
    if (value_is_scalar(v) && v->ty->kind == TYPE_INT) {
        kir_expr *x = v->expr->kind == KIR_LOAD ? elab_hold(e, array_copy(e, v->expr)) : array_copy(e, v->expr);
        return add_item(list, (item){.kind = ITEM_INT, .v = v, .x = x}, 1);
    }
    type *ty = value_type(e, v);
    elab_error(e, DIAG_TYPING, at,
               v->kind == VAL_STRING ? "arrays have no fields here: pass each as an array" : "convert with int(…)",
               "only integers, slices, ellipsis, None and integer or boolean arrays are valid indices, not %s",
               ty ? type_name(elab_types(e), ty) : "this");
    return false;
}

static uint32_t axes_taken(const value *v) {
    if (v->kind == VAL_NONE || v->kind == VAL_ELLIPSIS)
        return 0;
    if (value_is_array(v) && v->ty->dtype->kind == TYPE_BOOL)
        return v->ty->ndim;
    return 1;
}

/* The index as one item per axis of the source (masks: several axes), the ellipsis and what is missing filled in. */
static bool read_index(elab *e, const value *index, uint32_t ndim, items *list, span at) {
    const value *v = index;
    uint32_t n = 1, taken = 0, ellipses = 0, made = 0;
    if (index->kind == VAL_TUPLE) {
        v = index->items;
        n = index->len;
    }
    for (uint32_t i = 0; i < n; i++) {
        taken += axes_taken(&v[i]);
        ellipses += v[i].kind == VAL_ELLIPSIS;
        made += v[i].kind == VAL_NONE;
    }
    if (made > TYPE_MAX_NDIM || ndim + made > TYPE_MAX_NDIM) {
        elab_error(e, DIAG_TYPING, at, NULL, "an array has at most %d dimensions", TYPE_MAX_NDIM);
        return false;
    }
    if (taken > ndim) {
        elab_error(e, DIAG_TYPING, at, "index it less often, or pass an array of more dimensions",
                   "too many indices for array: array is %u-dimensional, but %u were indexed", ndim, taken);
        return false;
    }
    if (ellipses > 1) {
        elab_error(e, DIAG_TYPING, at, NULL, "an index can only have a single ellipsis ('...')");
        return false;
    }
    list->ellipsis = ellipses;
    for (uint32_t i = 0; i < n; i++) {
        if (v[i].kind != VAL_ELLIPSIS) {
            if (!add_index(e, list, &v[i], at))
                return false;
            continue;
        }
        for (uint32_t k = taken; k < ndim; k++)
            add_item(list, (item){.kind = ITEM_SLICE}, 1);
    }
    while (list->axes < ndim)
        add_item(list, (item){.kind = ITEM_SLICE}, 1);
    return true;
}

/* ---- basic indices --------------------------------------------------------------------------------------------------------- */

static kir_expr *offset_by(elab *e, const kir_sub *base, kir_expr *index, span at) {
    kir_module *m = elab_module(e);
    return kir_binary(m, KIR_OP_ADD, kir_binary(m, KIR_OP_MUL, index, array_copy(e, base->step), at),
                      array_copy(e, base->start), at);
}

static bool is_whole_slice(const value *s) {
    return !s || (s->items[0].kind == VAL_NONE && s->items[1].kind == VAL_NONE && s->items[2].kind == VAL_NONE);
}

/* One item applied to one visible axis of a view. */
static bool apply_item(elab *e, const item *it, const kir_sub *base, uint32_t axis, view *to, span at) {
    kir_module *m = elab_module(e);
    kir_sub part;
    if (it->kind == ITEM_INT) {
        kir_expr *one = kir_int(m, 1, at);
        bool made = base->kind == KIR_SUB_NEWAXIS;
        kir_expr *i = index_in_axis(e, it, made ? one : base->length, axis, at);
        if (!made)
            to->subs[to->n++] = (kir_sub){.kind = KIR_SUB_INDEX, .start = offset_by(e, base, i, at)};
        return true;
    }
    if (base->kind == KIR_SUB_NEWAXIS) {
        to->subs[to->n++] = *base;
        return true;
    }
    if (!array_slice(e, it->v, base->length, &part, at))
        return false;
    part.start = offset_by(e, base, part.start, at);
    part.step = kir_binary(m, KIR_OP_MUL, part.step, array_copy(e, base->step), at);
    to->subs[to->n++] = part;
    return true;
}

/* A part of an axis that newaxis made cannot be composed: the view becomes a variable of its own first. */
static bool cuts_new_axis(const view *v, const items *list) {
    uint32_t k = 0;
    for (uint32_t i = 0; i < v->n; i++) {
        if (v->subs[i].kind == KIR_SUB_INDEX)
            continue;
        while (k < list->n && list->at[k].kind == ITEM_NEWAXIS)
            k++;
        if (k < list->n && v->subs[i].kind == KIR_SUB_NEWAXIS && list->at[k].kind == ITEM_SLICE &&
            !is_whole_slice(list->at[k].v))
            return true;
        k++;
    }
    return false;
}

static bool compose(elab *e, const kir_expr *array, const items *list, view *to, span at) {
    view from;
    open_view(e, array, &from, at);
    if (cuts_new_axis(&from, list)) {
        kir_var *own = array_var(e, array_view(e, from.var, from.n, from.subs, at), at);
        open_view(e, kir_ref(elab_module(e), own, at), &from, at);
    }
    to->var = from.var;
    to->n = 0;
    uint32_t k = 0, axis = 0;
    for (uint32_t i = 0; i < from.n; i++) {
        if (from.subs[i].kind == KIR_SUB_INDEX) {
            to->subs[to->n++] = from.subs[i];
            continue;
        }
        while (list->at[k].kind == ITEM_NEWAXIS && k < list->n) {
            to->subs[to->n++] = (kir_sub){.kind = KIR_SUB_NEWAXIS};
            k++;
        }
        if (!apply_item(e, &list->at[k++], &from.subs[i], axis++, to, at))
            return false;
    }
    for (; k < list->n; k++)
        to->subs[to->n++] = (kir_sub){.kind = KIR_SUB_NEWAXIS};
    return true;
}

static bool is_element(const view *v, const items *list) {
    for (uint32_t i = 0; i < v->n; i++) {
        if (v->subs[i].kind != KIR_SUB_INDEX)
            return false;
    }
    return !list->ellipsis;
}

static uint32_t view_indices(const view *v, kir_expr **index) {
    for (uint32_t i = 0; i < v->n; i++)
        index[i] = v->subs[i].start;
    return v->n;
}

/* The element of a transposed array is one of the array itself: no view is made for m.T[i, j]. */
static const kir_expr *untranspose(elab *e, const kir_expr *x, items *list, span at) {
    bool all_ints = !list->ellipsis;
    for (uint32_t i = 0; i < list->n; i++)
        all_ints = all_ints && list->at[i].kind == ITEM_INT;
    if (x->kind != KIR_TRANSPOSE || !all_ints)
        return x;
    items moved = *list;
    for (uint32_t i = 0; i < list->n; i++)
        moved.at[x->axes.at[i]] = list->at[i];
    *list = moved;
    return kir_ref(elab_module(e), x->var, at);
}

static value load_element(elab *e, const view *v, span at) {
    kir_module *m = elab_module(e);
    kir_expr *index[MAX_SUBS];
    uint32_t n = view_indices(v, index);
    kir_var *t = kir_temp_new(m, elab_fn(e), v->var->ty->dtype, at);
    elab_emit(e, kir_assign(m, t, kir_load(m, v->var, index, n, at), at));
    return value_of(e, kir_ref(m, t, at));
}

/* ---- integer arrays and masks ------------------------------------------------------------------------------------------------ */

typedef struct gather {
    kir_var *var;
    kir_expr *index[TYPE_MAX_NDIM]; /* per axis of var */
    uint32_t ndim;                  /* of the result */
    kir_expr *dims[TYPE_MAX_NDIM];
} gather;

typedef struct search { /* finds and reports the first index out of range */
    kir_var *index;
    kir_expr *extent;
    uint32_t axis;
    span at;
} search;

static void check_element(elab *e, kir_expr *const *at_index, uint32_t n, void *context) {
    search *s = context;
    kir_module *m = elab_module(e);
    kir_var *t = kir_temp_new(m, elab_fn(e), s->index->ty->dtype, s->at);
    elab_emit(e, kir_assign(m, t, kir_load(m, s->index, at_index, n, s->at), s->at));
    kir_expr *i = kir_cast(m, kir_ref(m, t, s->at), type_int64(m->types), s->at);
    checked_index(e, i, array_copy(e, s->extent), s->axis, !is_unsigned(kir_ref(m, t, s->at)), s->at);
}

/* All elements of an index array are in range; the loop that names the bad one runs only when there is one. */
static void check_index_array(elab *e, kir_var *index, const kir_expr *extent, uint32_t axis, span at) {
    kir_module *m = elab_module(e);
    if (!m->options.boundscheck)
        return;
    type *i64 = type_int64(m->types);
    kir_expr *a = kir_cast(m, kir_ref(m, index, at), i64, at), *b = kir_cast(m, kir_ref(m, index, at), i64, at);
    kir_expr *lowest =
        index->ty->dtype->is_signed ? kir_unary(m, KIR_OP_NEG, array_copy(e, extent), at) : kir_int(m, 0, at);
    kir_expr *low = kir_binary(m, KIR_OP_GE, a, array_temp(e, lowest, at), at);
    kir_expr *high = kir_binary(m, KIR_OP_LT, b, array_copy(e, extent), at);
    kir_expr *ok = array_reduce(e, KIR_OP_ALL, kir_binary(m, KIR_OP_AND, low, high, at), -1, type_bool(m->types), at);
    kir_stmt *bad = kir_stmt_new(m, KIR_IF, at);
    bad->value = kir_unary(m, KIR_OP_NOT, ok, at);
    elab_push_block(e, &bad->body);
    search s = {.index = index, .extent = array_copy(e, extent), .axis = axis, .at = at};
    kir_expr *dims[TYPE_MAX_NDIM];
    array_dims(e, kir_ref(m, index, at), dims, at);
    array_nest(e, index->ty->ndim, dims, at, check_element, &s);
    elab_pop_block(e);
    elab_emit(e, bad);
}

static void check_mask_shape(elab *e, kir_var *mask, kir_var *var, uint32_t axis, span at) {
    kir_module *m = elab_module(e);
    for (uint32_t i = 0; i < mask->ty->ndim; i++) {
        kir_expr *args[2] = {kir_dim(m, var, axis + i, at), kir_dim(m, mask, i, at)};
        if (kir_expr_equal(args[0], args[1]))
            continue;
        kir_expr *same = kir_binary(m, KIR_OP_EQ, array_copy(e, args[0]), array_copy(e, args[1]), at);
        const char *message =
            arena_printf(m->a,
                         "boolean index did not match indexed array along axis %u; size of axis is %%d "
                         "but size of corresponding boolean axis is %%d",
                         axis + i);
        elab_check(e, same, "IndexError", message, args, 2, at);
    }
}

/* Masks become one index array per axis. */
static bool expand_masks(elab *e, const items *list, kir_var *var, items *out, span at) {
    *out = (items){.fancy = true};
    uint32_t axis = 0;
    for (uint32_t i = 0; i < list->n; i++) {
        const item *it = &list->at[i];
        if (it->kind != ITEM_MASK) {
            add_item(out, *it, it->kind != ITEM_NEWAXIS);
            axis += it->kind != ITEM_NEWAXIS;
            continue;
        }
        check_mask_shape(e, it->x->var, var, axis, at);
        value found = array_nonzero(e, it->x->var, at);
        if (found.kind != VAL_TUPLE)
            return false;
        for (uint32_t k = 0; k < found.len; k++, axis++)
            add_item(out, (item){.kind = ITEM_ARRAY, .x = found.items[k].expr}, 1);
    }
    return true;
}

/* Where the dimensions of the index arrays stand in the result: at the first of them when they are neighbours (integers
 * among them count), else in front. */
static uint32_t block_position(const items *list) {
    uint32_t first = UINT32_MAX, last = 0, before = 0;
    bool apart = false;
    for (uint32_t i = 0; i < list->n; i++) {
        bool advanced = list->at[i].kind == ITEM_ARRAY || list->at[i].kind == ITEM_INT;
        if (!advanced)
            continue;
        if (first == UINT32_MAX)
            first = i;
        else if (last + 1 != i)
            apart = true;
        last = i;
    }
    for (uint32_t i = 0; i < first && !apart; i++)
        before += list->at[i].kind == ITEM_SLICE || list->at[i].kind == ITEM_NEWAXIS;
    return apart ? 0 : before;
}

/* start + step * (position along result axis `axis`) */
static kir_expr *slice_positions(elab *e, const kir_sub *s, const gather *g, uint32_t axis, span at) {
    kir_module *m = elab_module(e);
    type *ty = type_array(m->types, type_int64(m->types), g->ndim, LAYOUT_C, false, true);
    kir_expr *x = kir_expr_new(m, KIR_INDEX, ty, g->ndim, at);
    x->axis = (int32_t)axis;
    for (uint32_t i = 0; i < g->ndim; i++)
        x->args[i] = array_copy(e, g->dims[i]);
    if (!array_is_const(s->step, 1))
        x = kir_binary(m, KIR_OP_MUL, x, array_copy(e, s->step), at);
    if (!array_is_const(s->start, 0))
        x = kir_binary(m, KIR_OP_ADD, x, array_copy(e, s->start), at);
    return x;
}

static kir_expr *array_positions(elab *e, kir_var *index, const kir_expr *extent, uint32_t trailing, span at) {
    kir_module *m = elab_module(e);
    kir_expr *x = kir_ref(m, index, at);
    bool keep[TYPE_MAX_NDIM];
    uint32_t ndim = index->ty->ndim;
    for (uint32_t i = 0; i < ndim + trailing; i++)
        keep[i] = i < ndim;
    if (trailing)
        x = array_insert_axes(e, x, ndim + trailing, keep, at);
    bool wraps = index->ty->dtype->is_signed;
    x = kir_cast(m, x, type_int64(m->types), at);
    return wraps ? kir_wrap(m, x, array_copy(e, extent), at) : x;
}

static bool plan_gather(elab *e, const kir_expr *array, const items *given, gather *g, span at) {
    kir_module *m = elab_module(e);
    items list;
    kir_sub slices[TYPE_MAX_NDIM];
    kir_expr *arrays[TYPE_MAX_NDIM], *block[TYPE_MAX_NDIM];
    uint32_t n_arrays = 0, axis = 0;
    g->var = array_var(e, array_copy(e, array), at);
    if (!expand_masks(e, given, g->var, &list, at))
        return false;
    for (uint32_t i = 0; i < list.n; i++) {
        item *it = &list.at[i];
        if (it->kind == ITEM_NEWAXIS)
            continue;
        kir_expr *extent = kir_dim(m, g->var, axis, at);
        if (it->kind == ITEM_INT)
            it->x = array_temp(e, index_in_axis(e, it, extent, axis, at), at);
        else if (it->kind == ITEM_SLICE && !array_slice(e, it->v, extent, &slices[axis], at))
            return false;
        else if (it->kind == ITEM_ARRAY) {
            if (it->v)
                check_index_array(e, it->x->var, extent, axis, at);
            arrays[n_arrays++] = it->x;
        }
        axis++;
    }
    uint32_t n_block = array_broadcast_dims(e, arrays, n_arrays, block, "IndexError",
                                            "shape mismatch: indexing arrays could not be broadcast together", at);
    uint32_t position = block_position(&list), visible = 0;
    g->ndim = n_block;
    for (uint32_t i = 0; i < list.n; i++)
        g->ndim += list.at[i].kind == ITEM_SLICE || list.at[i].kind == ITEM_NEWAXIS;
    if (g->ndim > TYPE_MAX_NDIM) {
        elab_error(e, DIAG_TYPING, at, NULL, "an array has at most %d dimensions", TYPE_MAX_NDIM);
        return false;
    }
    uint32_t place[MAX_SUBS];
    axis = 0;
    for (uint32_t i = 0; i < list.n; i++) {
        if (list.at[i].kind == ITEM_SLICE || list.at[i].kind == ITEM_NEWAXIS) {
            place[i] = visible < position ? visible : visible + n_block;
            visible++;
            g->dims[place[i]] = list.at[i].kind == ITEM_NEWAXIS ? kir_int(m, 1, at) : slices[axis].length;
        }
        axis += list.at[i].kind != ITEM_NEWAXIS;
    }
    memcpy(g->dims + position, block, n_block * sizeof *block);
    uint32_t trailing = g->ndim - position - n_block;
    axis = 0;
    for (uint32_t i = 0; i < list.n; i++) {
        item *it = &list.at[i];
        if (it->kind == ITEM_NEWAXIS)
            continue;
        kir_expr *extent = kir_dim(m, g->var, axis, at);
        g->index[axis] = it->kind == ITEM_SLICE ? slice_positions(e, &slices[axis], g, place[i], at)
                         : it->kind == ITEM_INT ? it->x
                                                : array_positions(e, it->x->var, extent, trailing, at);
        axis++;
    }
    return true;
}

/* Leading new axes that no index spans are added by broadcasting. */
static kir_expr *gather_expr(elab *e, const gather *g, span at) {
    kir_module *m = elab_module(e);
    uint32_t n = g->var->ty->ndim, ndim = 0;
    for (uint32_t i = 0; i < n; i++)
        if (kir_is_array(g->index[i]) && g->index[i]->ty->ndim > ndim)
            ndim = g->index[i]->ty->ndim;
    type *ty = type_array(m->types, g->var->ty->dtype, ndim, LAYOUT_C, false, true);
    kir_expr *x = kir_expr_new(m, KIR_GATHER, ty, n, at);
    x->var = g->var;
    for (uint32_t i = 0; i < n; i++)
        x->args[i] = array_copy(e, g->index[i]);
    if (ndim == g->ndim)
        return x;
    kir_expr *dims[TYPE_MAX_NDIM];
    for (uint32_t i = 0; i < g->ndim; i++)
        dims[i] = array_copy(e, g->dims[i]);
    return array_broadcast(e, x, g->ndim, dims, at);
}

/* ---- masks alone --------------------------------------------------------------------------------------------------------- */

typedef struct compact { /* walks the true elements of a mask, counting them in `next` */
    kir_var *mask, *next;
    kir_var *array;        /* read or written at the same place */
    kir_var *list;         /* written or read at `next` */
    kir_var **axes;        /* nonzero: written at `next` */
    bool store;            /* array[place] = list[next] instead of list[next] = array[place] */
    kir_expr *list_length; /* store: 1 means that list[0] goes everywhere */
    span at;
} compact;

static void compact_element(elab *e, kir_expr *const *place, uint32_t n, void *context) {
    compact *c = context;
    kir_module *m = elab_module(e);
    kir_var *hit = kir_temp_new(m, elab_fn(e), type_bool(m->types), c->at);
    kir_expr *index[TYPE_MAX_NDIM];
    for (uint32_t i = 0; i < n; i++)
        index[i] = array_copy(e, place[i]);
    elab_emit(e, kir_assign(m, hit, kir_load(m, c->mask, index, n, c->at), c->at));
    kir_stmt *branch = kir_stmt_new(m, KIR_IF, c->at);
    branch->value = kir_ref(m, hit, c->at);
    elab_push_block(e, &branch->body);
    kir_expr *next = kir_ref(m, c->next, c->at);
    if (c->axes) {
        for (uint32_t i = 0; i < n; i++) {
            kir_expr *k = array_copy(e, next);
            elab_emit(e, kir_store(m, c->axes[i], &k, 1, array_copy(e, place[i]), c->at));
        }
    } else {
        kir_var *t = kir_temp_new(m, elab_fn(e), c->store ? c->list->ty->dtype : c->array->ty->dtype, c->at);
        if (c->store) {
            kir_expr *one = kir_binary(m, KIR_OP_EQ, array_copy(e, c->list_length), kir_int(m, 1, c->at), c->at);
            kir_expr *k = kir_select(m, one, kir_int(m, 0, c->at), next, c->at);
            elab_emit(e, kir_assign(m, t, kir_load(m, c->list, &k, 1, c->at), c->at));
            kir_expr *x = kir_cast(m, kir_ref(m, t, c->at), c->array->ty->dtype, c->at);
            elab_emit(e, kir_store(m, c->array, place, n, x, c->at));
        } else {
            elab_emit(e, kir_assign(m, t, kir_load(m, c->array, place, n, c->at), c->at));
            elab_emit(e, kir_store(m, c->list, &next, 1, kir_ref(m, t, c->at), c->at));
        }
    }
    kir_expr *more = kir_binary(m, KIR_OP_ADD, kir_ref(m, c->next, c->at), kir_int(m, 1, c->at), c->at);
    elab_emit(e, kir_assign(m, c->next, more, c->at));
    elab_pop_block(e);
    elab_emit(e, branch);
}

static void walk_mask(elab *e, compact *c) {
    kir_module *m = elab_module(e);
    kir_expr *dims[TYPE_MAX_NDIM];
    c->next = kir_var_new(m, elab_fn(e), NULL, type_int64(m->types), c->at);
    elab_emit(e, kir_assign(m, c->next, kir_int(m, 0, c->at), c->at));
    array_dims(e, kir_ref(m, c->mask, c->at), dims, c->at);
    array_nest(e, c->mask->ty->ndim, dims, c->at, compact_element, c);
}

static kir_expr *count_true(elab *e, kir_var *mask, span at) {
    kir_module *m = elab_module(e);
    type *i64 = type_int64(m->types);
    return array_reduce(e, KIR_OP_ADD, kir_cast(m, kir_ref(m, mask, at), i64, at), -1, i64, at);
}

value array_nonzero(elab *e, kir_var *mask, span at) {
    kir_module *m = elab_module(e);
    uint32_t n = mask->ty->ndim;
    if (n == 0)
        return elab_error(e, DIAG_TYPING, at, NULL, "a 0-dimensional mask is not supported here");
    kir_var *axes[TYPE_MAX_NDIM];
    value found[TYPE_MAX_NDIM];
    kir_expr *count = count_true(e, mask, at);
    for (uint32_t i = 0; i < n; i++) {
        kir_expr *dim = array_copy(e, count);
        axes[i] = array_alloc(e, type_int64(m->types), 1, LAYOUT_C, &dim, false, at);
        found[i] = value_of(e, kir_ref(m, axes[i], at));
    }
    compact c = {.mask = mask, .axes = axes, .at = at};
    walk_mask(e, &c);
    return value_tuple(e, found, n, at);
}

static bool is_mask_alone(const items *list, uint32_t ndim) {
    return list->n == 1 && list->at[0].kind == ITEM_MASK && list->at[0].x->ty->ndim == ndim;
}

static value select_by_mask(elab *e, kir_var *var, kir_var *mask, span at) {
    kir_module *m = elab_module(e);
    check_mask_shape(e, mask, var, 0, at);
    kir_expr *count = count_true(e, mask, at);
    kir_var *list = array_alloc(e, var->ty->dtype, 1, LAYOUT_C, &count, false, at);
    compact c = {.mask = mask, .array = var, .list = list, .at = at};
    walk_mask(e, &c);
    return value_of(e, kir_ref(m, list, at));
}

static void assign_mask_scalar(elab *e, kir_var *var, kir_var *mask, kir_expr *x, span at) {
    kir_module *m = elab_module(e);
    check_mask_shape(e, mask, var, 0, at);
    kir_stmt *s = kir_stmt_new(m, KIR_MASKED_COPY, at);
    s->var = var;
    s->mask = kir_ref(m, mask, at);
    s->value = x;
    elab_emit(e, s);
}

/* The mask, or its copy where it shares memory with the array that is assigned: all of it is read before the first
 * store. */
static kir_var *mask_apart(elab *e, kir_var *mask, kir_var *var, span at) {
    kir_module *m = elab_module(e);
    kir_expr *both = kir_expr_new(m, KIR_OVERLAP, type_bool(m->types), 1, at);
    both->var = mask;
    both->args[0] = kir_ref(m, var, at);
    kir_var *apart = kir_var_new(m, elab_fn(e), NULL, mask->ty, at);
    type_layout layout = mask->ty->layout == LAYOUT_F ? LAYOUT_F : LAYOUT_C;
    kir_stmt *branch = kir_stmt_new(m, KIR_IF, at);
    branch->value = both;
    elab_push_block(e, &branch->body);
    kir_var *own = array_materialise(e, kir_ref(m, mask, at), layout, at);
    elab_emit(e, kir_assign(m, apart, kir_ref(m, own, at), at));
    elab_pop_block(e);
    elab_push_block(e, &branch->orelse);
    elab_emit(e, kir_assign(m, apart, kir_ref(m, mask, at), at));
    elab_pop_block(e);
    elab_emit(e, branch);
    return apart;
}

static void assign_mask_list(elab *e, kir_var *var, const item *it, kir_expr *x, span at) {
    kir_module *m = elab_module(e);
    kir_var *mask = it->x->var;
    if (x->ty->ndim > 1) {
        elab_error(
            e, DIAG_TYPING, at, "flatten it first",
            "NumPy boolean array indexing assignment requires a 0 or 1-dimensional input, input has %u dimensions",
            x->ty->ndim);
        return;
    }
    check_mask_shape(e, mask, var, 0, at);
    kir_var *list = array_materialise(e, x, LAYOUT_C, at);
    if (!it->fresh)
        mask = mask_apart(e, mask, var, at);
    kir_expr *length = kir_dim(m, list, 0, at);
    kir_expr *count = count_true(e, mask, at);
    kir_expr *same = kir_binary(m, KIR_OP_EQ, array_copy(e, length), array_copy(e, count), at);
    kir_expr *one = kir_binary(m, KIR_OP_EQ, array_copy(e, length), kir_int(m, 1, at), at);
    kir_expr *args[2] = {array_copy(e, length), count};
    elab_check(
        e, kir_binary(m, KIR_OP_OR, same, one, at), "ValueError",
        "NumPy boolean array indexing assignment cannot assign %d input values to the %d output values where the "
        "mask is true",
        args, 2, at);
    compact c = {.mask = mask, .array = var, .list = list, .store = true, .list_length = length, .at = at};
    walk_mask(e, &c);
}

/* ---- source ---------------------------------------------------------------------------------------------------------------- */

value elab_get_item(elab *e, const value *array, const value *index, span at) {
    if (!value_is_array(array))
        return array->kind == VAL_INVALID || array->kind == VAL_BOTTOM
                   ? *array
                   : elab_error(e, DIAG_TYPING, at, NULL, "this value cannot be indexed");
    items list = {0};
    if (!read_index(e, index, array->expr->ty->ndim, &list, at))
        return value_invalid(at);
    if (list.fancy) {
        gather g = {0};
        if (is_mask_alone(&list, array->expr->ty->ndim))
            return select_by_mask(e, array_var(e, array_copy(e, array->expr), at), list.at[0].x->var, at);
        return plan_gather(e, array->expr, &list, &g, at) ? value_of(e, gather_expr(e, &g, at)) : value_invalid(at);
    }
    view v;
    const kir_expr *from = untranspose(e, array->expr, &list, at);
    if (!compose(e, from, &list, &v, at))
        return value_invalid(at);
    return is_element(&v, &list) ? load_element(e, &v, at) : value_of(e, array_view(e, v.var, v.n, v.subs, at));
}

kir_expr *elab_array_len(elab *e, const value *array, span at) {
    if (array->expr->ty->ndim == 0) {
        elab_error(e, DIAG_TYPING, at, NULL, "len() of unsized object: the array has no dimensions");
        return NULL;
    }
    return elab_array_dim(e, array->expr, 0, at);
}

value elab_array_at(elab *e, const value *array, kir_expr *index, span at) {
    view from;
    open_view(e, array->expr, &from, at);
    for (uint32_t i = 0; i < from.n; i++) {
        if (from.subs[i].kind == KIR_SUB_INDEX)
            continue;
        if (from.subs[i].kind == KIR_SUB_RANGE) {
            from.subs[i] = (kir_sub){.kind = KIR_SUB_INDEX, .start = offset_by(e, &from.subs[i], index, at)};
        } else {
            memmove(&from.subs[i], &from.subs[i + 1], (from.n - i - 1) * sizeof *from.subs);
            from.n--;
        }
        break;
    }
    items none = {0};
    return is_element(&from, &none) ? load_element(e, &from, at)
                                    : value_of(e, array_view(e, from.var, from.n, from.subs, at));
}

/* ---- target ---------------------------------------------------------------------------------------------------------------- */

static const char cannot_broadcast[] = "could not broadcast input array";

/* The value as stored: converted to the element type. */
static kir_expr *stored_value(elab *e, const value *v, type *dtype, span at) {
    kir_expr *x = array_operand(e, v, value_remedy(v) ? v->at : at);
    return x ? array_cast(e, x, dtype, at) : NULL;
}

static void store_element(elab *e, const view *v, kir_expr *x, span at) {
    kir_module *m = elab_module(e);
    if (kir_is_array(x) && x->ty->ndim > 0) {
        elab_error(e, DIAG_TYPING, at, NULL, "setting an array element with a sequence");
        return;
    }
    if (kir_is_array(x)) {
        kir_var *whole = array_var(e, x, at);
        kir_var *t = kir_temp_new(m, elab_fn(e), whole->ty->dtype, at);
        elab_emit(e, kir_assign(m, t, kir_load(m, whole, NULL, 0, at), at));
        x = kir_ref(m, t, at);
    }
    kir_expr *index[MAX_SUBS];
    uint32_t n = view_indices(v, index);
    elab_emit(e, kir_store(m, v->var, index, n, x, at));
}

/* Leading axes of length 1 that the target lacks are dropped: numpy allows a[...] = b[None]. */
static kir_expr *fit_rank(elab *e, kir_expr *x, uint32_t ndim, span at) {
    if (!kir_is_array(x) || x->ty->ndim <= ndim)
        return x;
    kir_module *m = elab_module(e);
    view v;
    open_view(e, x, &v, at);
    uint32_t extra = x->ty->ndim - ndim, k = 0;
    for (uint32_t i = 0; i < v.n && extra; i++) {
        if (v.subs[i].kind == KIR_SUB_INDEX) {
            v.subs[k++] = v.subs[i];
            continue;
        }
        extra--;
        if (v.subs[i].kind == KIR_SUB_RANGE)
            v.subs[k++] = (kir_sub){.kind = KIR_SUB_INDEX, .start = v.subs[i].start};
        if (!extra) {
            memmove(&v.subs[k], &v.subs[i + 1], (v.n - i - 1) * sizeof *v.subs);
            k += v.n - i - 1;
        }
    }
    kir_expr *fitted = array_view(e, v.var, k, v.subs, at);
    return fitted->kind == KIR_VIEW ? fitted : kir_ref(m, v.var, at);
}

static void copy_into_view(elab *e, view *v, kir_expr *x, const char *message, span at) {
    kir_module *m = elab_module(e);
    kir_expr *target = array_view(e, v->var, v->n, v->subs, at), *dims[TYPE_MAX_NDIM];
    array_dims(e, target, dims, at);
    array_check_into(e, x, target->ty->ndim, dims, message, at);
    x = fit_rank(e, x, target->ty->ndim, at);
    if (target->kind == KIR_VAR) {
        array_emit_copy(e, v->var, 0, NULL, x, at);
        return;
    }
    kir_sub *subs = arena_array(m->a, kir_sub, v->n);
    memcpy(subs, v->subs, v->n * sizeof *subs);
    array_emit_copy(e, v->var, v->n, subs, x, at);
}

static void scatter(elab *e, gather *g, kir_expr *x, span at) {
    kir_module *m = elab_module(e);
    array_check_into(e, x, g->ndim, g->dims, "shape mismatch: value array could not be broadcast to indexing result",
                     at);
    x = fit_rank(e, x, g->ndim, at);
    if (kir_is_array(x))
        x = kir_ref(m, array_materialise(e, x, LAYOUT_C, at), at);
    kir_stmt *s = kir_stmt_new(m, KIR_SCATTER, at);
    s->var = g->var;
    for (uint32_t i = 0; i < g->var->ty->ndim; i++)
        vec_push(m->a, &s->index, array_copy(e, g->index[i]));
    s->value = x;
    elab_emit(e, s);
}

/* A target must be memory that somebody else sees: what was computed on the spot is a mistake, except that assigning to
 * it has no effect either. */
static void set_fancy(elab *e, const kir_expr *target, items *list, kir_expr *x, span at) {
    if (is_mask_alone(list, target->ty->ndim)) {
        kir_var *var = array_var(e, array_copy(e, target), at);
        if (kir_is_array(x) && x->ty->ndim > 0)
            assign_mask_list(e, var, &list->at[0], x, at);
        else
            assign_mask_scalar(e, var, list->at[0].x->var, x, at);
        return;
    }
    gather g = {0};
    if (plan_gather(e, target, list, &g, at))
        scatter(e, &g, x, at);
}

void elab_set_item(elab *e, const value *array, const value *index, const value *v, span at) {
    if (!value_is_array(array)) {
        if (array->kind != VAL_INVALID && array->kind != VAL_BOTTOM)
            elab_error(e, DIAG_TYPING, at, NULL, "items of this value cannot be assigned");
        return;
    }
    items list = {0};
    kir_expr *x = stored_value(e, v, array->expr->ty->dtype, at);
    if (!x || !array_require_writable(e, array->expr, at) || !read_index(e, index, array->expr->ty->ndim, &list, at))
        return;
    if (list.fancy) {
        set_fancy(e, array->expr, &list, x, at);
        return;
    }
    view to;
    const kir_expr *target = untranspose(e, array->expr, &list, at);
    if (!compose(e, target, &list, &to, at))
        return;
    if (is_element(&to, &list))
        store_element(e, &to, x, at);
    else
        copy_into_view(e, &to, x, cannot_broadcast, at);
}

/* ---- augmented ------------------------------------------------------------------------------------------------------------- */

static const char *operator_name(ast_op op) {
    static const char *const names[OP_COUNT] = {[OP_Add] = "add",
                                                [OP_Sub] = "subtract",
                                                [OP_Mult] = "multiply",
                                                [OP_Div] = "true_divide",
                                                [OP_Mod] = "remainder",
                                                [OP_Pow] = "power",
                                                [OP_LShift] = "left_shift",
                                                [OP_RShift] = "right_shift",
                                                [OP_BitOr] = "bitwise_or",
                                                [OP_BitXor] = "bitwise_xor",
                                                [OP_BitAnd] = "bitwise_and",
                                                [OP_FloorDiv] = "floor_divide",
                                                [OP_MatMult] = "matmul"};
    return names[op];
}

/* array op v, in the array's own element type. NULL after an error. */
static kir_expr *augmented(elab *e, ast_op op, const kir_expr *array, const value *v, span at) {
    value self = value_of(e, array_copy(e, array));
    value result = elab_array_binary(e, op, &self, v, at);
    if (result.kind != VAL_EXPR)
        return NULL;
    type *from = kir_elem_type(result.ty), *to = array->ty->dtype;
    if (!array_can_cast_same_kind(from, to)) {
        elab_error(e, DIAG_TYPING, at, "write a = a op b, or convert the right side",
                   "cannot cast ufunc '%s' output from %s to %s with casting rule 'same_kind'", operator_name(op),
                   type_name(elab_types(e), from), type_name(elab_types(e), to));
        return NULL;
    }
    return array_cast(e, result.expr, to, at);
}

void elab_array_augassign(elab *e, ast_op op, const value *array, const value *v, span at) {
    if (!value_is_array(array) || !array_require_writable(e, array->expr, at))
        return;
    view to;
    open_view(e, array->expr, &to, at);
    kir_expr *target = array_view(e, to.var, to.n, to.subs, at);
    kir_expr *x = augmented(e, op, target, v, at);
    if (!x)
        return;
    open_view(e, target, &to, at);
    if (kir_is_array(x) && x->ty->ndim > target->ty->ndim) {
        elab_error(e, DIAG_TYPING, at, NULL,
                   "non-broadcastable output operand: the right side has %u dimensions, the target %u", x->ty->ndim,
                   target->ty->ndim);
        return;
    }
    copy_into_view(e, &to, x, "non-broadcastable output operand", at);
}

/* array[index] op= v for an index with arrays: read, combine, write back, as NumPy (repeated indices count once). */
static void augment_fancy(elab *e, ast_op op, const kir_expr *array, items *list, const value *v, span at) {
    kir_module *m = elab_module(e);
    if (is_mask_alone(list, array->ty->ndim) && value_is_scalar(v)) {
        kir_var *var = array_var(e, array_copy(e, array), at);
        kir_expr *x = augmented(e, op, kir_ref(m, var, at), v, at);
        if (x)
            assign_mask_scalar(e, var, list->at[0].x->var, x, at);
        return;
    }
    gather g = {0};
    if (!plan_gather(e, array, list, &g, at))
        return;
    kir_expr *x = augmented(e, op, gather_expr(e, &g, at), v, at);
    if (x)
        scatter(e, &g, x, at);
}

void elab_item_augassign(elab *e, ast_op op, const value *array, const value *index, const value *v, span at) {
    if (!value_is_array(array) || !array_require_writable(e, array->expr, at))
        return;
    items list = {0};
    if (!read_index(e, index, array->expr->ty->ndim, &list, at))
        return;
    if (list.fancy) {
        augment_fancy(e, op, array->expr, &list, v, at);
        return;
    }
    view to;
    const kir_expr *target = untranspose(e, array->expr, &list, at);
    if (!compose(e, target, &list, &to, at))
        return;
    if (!is_element(&to, &list)) {
        value part = value_of(e, array_view(e, to.var, to.n, to.subs, at));
        elab_array_augassign(e, op, &part, v, at);
        return;
    }
    view again = to;
    for (uint32_t i = 0; i < to.n; i++)
        again.subs[i] = copy_sub(e, &to.subs[i]);
    value old = load_element(e, &to, at);
    value sum = elab_binary(e, op, &old, v, at);
    if (sum.kind != VAL_EXPR)
        return;
    kir_expr *x = stored_value(e, &sum, again.var->ty->dtype, at);
    if (x)
        store_element(e, &again, x, at);
}

/* nonzero(a): the positions, one index array for each axis. */
static value call_nonzero(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    kir_module *m = elab_module(e);
    (void)b, (void)n;
    kir_expr *x = array_operand(e, &args[0], at);
    if (!x)
        return value_invalid(at);
    if (!kir_is_array(x))
        return elab_error(e, DIAG_TYPING, at, NULL, "nonzero needs an array");
    return array_nonzero(e, array_var(e, kir_cast(m, x, type_bool(m->types), at), at), at);
}

const builtin subscript_table[] = {
    {"numpy.nonzero", "a", call_nonzero, NULL, 0}, {"ndarray.nonzero", "self", call_nonzero, NULL, 0}, {0}};
