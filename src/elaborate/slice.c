/* Slices: start, length and step of what start:stop:step takes of an axis of n elements, clamped as in Python.
 *
 * The length is what everybody else looks at, so its form matters more than its operations. A slice whose ends are
 * constants keeps a length that depends on the axis alone (n - c, clamped at 0): two slices of one array, a[1:] and a[:-1],
 * are then seen to be equally long, nothing is checked where they are added, and their loop has a bound that the
 * dependence test can read. Ends known at run time only are clamped into temporaries. The sign of the step decides which
 * end is which; unknown, both directions are worked out by selection, without a branch. */
#include "elaborate/arrays.h"

#define HUGE_STEP (INT64_C(1) << 62)

static bool bound_is_int(elab *e, const value *v, span at) {
    if (v->kind == VAL_NONE)
        return true;
    if (value_is_scalar(v) && type_is_integer(v->ty))
        return true;
    if (v->kind != VAL_INVALID)
        elab_error(e, DIAG_TYPING, at, NULL, "slice indices must be integers or None");
    return false;
}

/* As int64: what is beyond it is beyond the end of every axis. */
static kir_expr *bound_expr(elab *e, const value *v, span at) {
    kir_module *m = elab_module(e);
    kir_expr *x = array_copy(e, v->expr);
    if (v->ty->kind == TYPE_INT && v->ty->bits == 64 && !v->ty->is_signed)
        x = kir_binary(m, KIR_OP_MIN, x, kir_const_int(m, v->ty, INT64_MAX, at), at);
    x = kir_cast(m, x, type_int64(m->types), at);
    return x->kind == KIR_CONST || x->kind == KIR_VAR ? x : array_temp(e, x, at);
}

/* min(max(wrapped bound, low), high) for a bound known at run time only. */
static kir_expr *clamp_bound(elab *e, kir_expr *x, const kir_expr *n, kir_expr *low, kir_expr *high, span at) {
    kir_module *m = elab_module(e);
    kir_expr *w = kir_wrap(m, x, array_copy(e, n), at);
    return array_temp(e, kir_binary(m, KIR_OP_MIN, kir_binary(m, KIR_OP_MAX, w, low, at), high, at), at);
}

static kir_expr *subtract_const(elab *e, const kir_expr *n, int64_t c, span at) {
    kir_module *m = elab_module(e);
    return kir_binary(m, KIR_OP_SUB, array_copy(e, n), kir_int(m, c, at), at);
}

static kir_expr *not_below(elab *e, kir_expr *x, int64_t low, span at) {
    kir_module *m = elab_module(e);
    return kir_binary(m, KIR_OP_MAX, x, kir_int(m, low, at), at);
}

/* Elements of start, start + step … before stop, step > 0 a constant. No axis holds two elements that are HUGE_STEP
 * apart: there, and beyond, none of the sums overflow. */
static kir_expr *count_steps(elab *e, kir_expr *distance, int64_t step, span at) {
    kir_module *m = elab_module(e);
    if (step == 1)
        return distance;
    if (step >= HUGE_STEP)
        return kir_binary(m, KIR_OP_MIN, distance, kir_int(m, 1, at), at);
    kir_expr *up = kir_binary(m, KIR_OP_ADD, distance, kir_int(m, step - 1, at), at);
    return kir_binary(m, KIR_OP_FLOORDIV, up, kir_int(m, step, at), at);
}

/* A bound of a slice with positive step: constants of both signs keep a form in n alone. */
static kir_expr *upward_bound(elab *e, const value *v, const kir_expr *n, int64_t missing, bool is_stop, span at) {
    kir_module *m = elab_module(e);
    int64_t c;
    if (v->kind == VAL_NONE)
        return missing < 0 ? array_copy(e, n) : kir_int(m, missing, at);
    kir_expr *x = bound_expr(e, v, at);
    if (!kir_is_const_int(x, &c))
        return clamp_bound(e, x, n, kir_int(m, 0, at), array_copy(e, n), at);
    if (c < 0)
        return not_below(e, kir_binary(m, KIR_OP_ADD, array_copy(e, n), x, at), 0, at);
    return is_stop ? kir_binary(m, KIR_OP_MIN, array_copy(e, n), x, at) : x;
}

/* Step > 0. A start beyond the end is left as it is: the length is 0 then and nothing is read. */
static kir_sub upward_slice(elab *e, const value *s, const kir_expr *n, int64_t step, span at) {
    kir_module *m = elab_module(e);
    kir_expr *start = upward_bound(e, &s->items[0], n, 0, false, at);
    kir_expr *length;
    int64_t c0, c1;
    bool start_known = kir_is_const_int(start, &c0);
    bool stop_known = s->items[1].kind == VAL_EXPR && value_literal_int(&s->items[1], &c1);
    if (start_known && (s->items[1].kind == VAL_NONE || (stop_known && c1 < 0))) {
        int64_t cut;
        if (__builtin_sub_overflow(c0, s->items[1].kind == VAL_NONE ? 0 : c1, &cut))
            cut = INT64_MAX;
        length = cut ? not_below(e, subtract_const(e, n, cut, at), 0, at) : array_copy(e, n);
    } else if (s->items[1].kind == VAL_NONE) {
        length = kir_binary(m, KIR_OP_SUB, array_copy(e, n), array_copy(e, start), at);
    } else {
        kir_expr *stop = upward_bound(e, &s->items[1], n, -1, true, at);
        length = kir_binary(m, KIR_OP_SUB, stop, array_copy(e, start), at);
        if (!(start_known && c0 == 0))
            length = not_below(e, length, 0, at);
    }
    length = count_steps(e, length, step, at);
    if (start->kind != KIR_CONST && start->kind != KIR_VAR)
        start = array_temp(e, start, at);
    return (kir_sub){.kind = KIR_SUB_RANGE, .start = start, .length = length, .step = kir_int(m, step, at)};
}

static kir_expr *downward_bound(elab *e, const value *v, const kir_expr *n, bool is_stop, span at) {
    kir_module *m = elab_module(e);
    int64_t c;
    if (v->kind == VAL_NONE)
        return is_stop ? kir_int(m, -1, at) : subtract_const(e, n, 1, at);
    kir_expr *x = bound_expr(e, v, at);
    if (!kir_is_const_int(x, &c))
        return clamp_bound(e, x, n, kir_int(m, -1, at), subtract_const(e, n, 1, at), at);
    if (c < 0)
        return not_below(e, kir_binary(m, KIR_OP_ADD, array_copy(e, n), x, at), -1, at);
    return kir_binary(m, KIR_OP_MIN, subtract_const(e, n, 1, at), x, at);
}

static kir_sub downward_slice(elab *e, const value *s, const kir_expr *n, int64_t step, span at) {
    kir_module *m = elab_module(e);
    kir_expr *start = downward_bound(e, &s->items[0], n, false, at);
    kir_expr *stop = downward_bound(e, &s->items[1], n, true, at);
    bool whole = s->items[0].kind == VAL_NONE && s->items[1].kind == VAL_NONE;
    kir_expr *distance = whole ? array_copy(e, n) : kir_binary(m, KIR_OP_SUB, array_copy(e, start), stop, at);
    if (!whole)
        distance = not_below(e, distance, 0, at);
    kir_expr *length = count_steps(e, distance, step == INT64_MIN ? INT64_MAX : -step, at);
    return (kir_sub){.kind = KIR_SUB_RANGE, .start = start, .length = length, .step = kir_int(m, step, at)};
}

/* The step is known at run time only: both directions by selection. */
static kir_sub unknown_slice(elab *e, const value *s, const kir_expr *n, kir_expr *step, span at) {
    kir_module *m = elab_module(e);
    kir_expr *nonzero = kir_binary(m, KIR_OP_NE, array_copy(e, step), kir_int(m, 0, at), at);
    elab_check(e, nonzero, "ValueError", "slice step cannot be zero", NULL, 0, at);
    kir_expr *down = array_temp(e, kir_binary(m, KIR_OP_LT, array_copy(e, step), kir_int(m, 0, at), at), at);
    kir_expr *low = array_temp(e, kir_select(m, array_copy(e, down), kir_int(m, -1, at), kir_int(m, 0, at), at), at);
    kir_expr *high =
        array_temp(e, kir_select(m, array_copy(e, down), subtract_const(e, n, 1, at), array_copy(e, n), at), at);
    kir_expr *ends[2];
    for (int i = 0; i < 2; i++) {
        const value *v = &s->items[i];
        kir_expr *first = i == 0 ? high : low, *second = i == 0 ? low : high;
        ends[i] =
            v->kind == VAL_NONE
                ? array_temp(e, kir_select(m, array_copy(e, down), array_copy(e, first), array_copy(e, second), at), at)
                : clamp_bound(e, bound_expr(e, v, at), n, array_copy(e, low), array_copy(e, high), at);
    }
    kir_expr *span_up = kir_binary(m, KIR_OP_SUB, array_copy(e, ends[1]), array_copy(e, ends[0]), at);
    kir_expr *span_down = kir_binary(m, KIR_OP_SUB, array_copy(e, ends[0]), array_copy(e, ends[1]), at);
    kir_expr *distance = not_below(e, kir_select(m, array_copy(e, down), span_down, span_up, at), 0, at);
    kir_expr *stride = kir_unary(m, KIR_OP_ABS, not_below(e, array_copy(e, step), -INT64_MAX, at), at);
    kir_expr *whole_steps = kir_binary(m, KIR_OP_FLOORDIV, subtract_const(e, distance, 1, at), stride, at);
    kir_expr *length = array_temp(e, kir_binary(m, KIR_OP_ADD, whole_steps, kir_int(m, 1, at), at), at);
    return (kir_sub){.kind = KIR_SUB_RANGE, .start = ends[0], .length = length, .step = step};
}

bool array_slice(elab *e, const value *s, const kir_expr *n, kir_sub *out, span at) {
    kir_module *m = elab_module(e);
    if (!s) {
        *out = (kir_sub){KIR_SUB_RANGE, kir_int(m, 0, at), array_copy(e, n), kir_int(m, 1, at)};
        return true;
    }
    for (uint32_t i = 0; i < 3; i++) {
        if (!bound_is_int(e, &s->items[i], at))
            return false;
    }
    int64_t step = 1;
    if (s->items[2].kind != VAL_NONE && !value_literal_int(&s->items[2], &step)) {
        *out = unknown_slice(e, s, n, array_temp(e, bound_expr(e, &s->items[2], at), at), at);
        return true;
    }
    if (step == 0) {
        elab_error(e, DIAG_TYPING, at, NULL, "slice step cannot be zero");
        return false;
    }
    *out = step > 0 ? upward_slice(e, s, n, step, at) : downward_slice(e, s, n, step, at);
    return true;
}
