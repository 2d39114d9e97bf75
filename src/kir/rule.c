/* The type that an expression has by its operands. Printer and parser use it to leave types unwritten, the verifier to
 * compare element type and rank. */
#include "kir/kir.h"
#include "kir/op.h"

static type *elementwise(kir_module *m, type *dtype, const kir_expr *e) {
    return kir_elementwise_type(m, dtype, e->args, e->n_args);
}

static type *fresh_array(kir_module *m, type *dtype, uint32_t ndim) {
    return type_array(m->types, dtype, ndim, LAYOUT_C, false, true);
}

static type *view_of(kir_module *m, const kir_var *v, uint32_t ndim, type_layout layout) {
    type *ty = v->ty;
    return type_array(m->types, kir_elem_type(ty), ndim, layout, ty->readonly, ty->aligned);
}

static uint32_t count_view_axes(const kir_expr *e) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < e->subs.n; i++)
        n += e->subs.at[i].kind != KIR_SUB_INDEX;
    return n;
}

/* Reversing all axes exchanges C and Fortran order; leaving all in place keeps it. */
static type_layout transposed_layout(const kir_expr *e) {
    bool same = true, reversed = true;
    for (uint32_t i = 0; i < e->axes.n; i++) {
        same = same && e->axes.at[i] == i;
        reversed = reversed && e->axes.at[i] == e->axes.n - 1 - i;
    }
    type_layout from = e->var->ty->layout;
    if (same || from == LAYOUT_A || !reversed)
        return same ? from : LAYOUT_A;
    return from == LAYOUT_C ? LAYOUT_F : LAYOUT_C;
}

static type *part_type(kir_module *m, type *x) {
    return x->kind == TYPE_COMPLEX ? type_float(m->types, x->bits / 2u) : x;
}

static type *complex_type(kir_module *m, type *part) {
    return part->kind == TYPE_FLOAT ? type_complex(m->types, 2u * part->bits) : type_complex(m->types, 128);
}

static bool is_predicate(kir_op op) {
    return op == KIR_OP_ISNAN || op == KIR_OP_ISINF || op == KIR_OP_ISFINITE || op == KIR_OP_SIGNBIT;
}

static type *reduced_type(kir_module *m, const kir_expr *e) {
    type *x = e->args[0]->ty, *elem = kir_elem_type(x);
    if (e->op == KIR_OP_ALL || e->op == KIR_OP_ANY)
        elem = type_bool(m->types);
    if (e->op == KIR_OP_ARGMIN || e->op == KIR_OP_ARGMAX)
        elem = type_int64(m->types);
    return e->axis < 0 || x->kind != TYPE_ARRAY || x->ndim == 0 ? elem : fresh_array(m, elem, x->ndim - 1);
}

/* Kinds whose type hangs on their first operand. */
static type *type_from_operand(kir_module *m, const kir_expr *e) {
    type *first = kir_elem_type(e->args[0]->ty);
    switch (e->kind) {
    case KIR_BINARY:
        return elementwise(m, kir_op_facts(e->op)->flags & KIR_OP_COMPARES ? type_bool(m->types) : first, e);
    case KIR_SELECT:
        return elementwise(m, e->n_args > 1 ? kir_elem_type(e->args[1]->ty) : first, e);
    case KIR_CAST:
        return elementwise(m, kir_elem_type(e->ty), e);
    case KIR_MATH:
        return elementwise(m, is_predicate(e->op) ? type_bool(m->types) : first, e);
    case KIR_COMPLEX:
        return elementwise(m, complex_type(m, first), e);
    case KIR_REAL:
    case KIR_IMAG:
        return elementwise(m, part_type(m, first), e);
    case KIR_BROADCAST:
        return fresh_array(m, first, e->n_args - 1);
    case KIR_REDUCE:
        return reduced_type(m, e);
    default: /* UNARY, WRAP */
        return elementwise(m, first, e);
    }
}

type *kir_natural_type(kir_module *m, const kir_expr *e) {
    switch (e->kind) {
    case KIR_CONST:
        return e->ty;
    case KIR_VAR:
        return e->var->ty;
    case KIR_LOAD:
        return kir_elem_type(e->var->ty);
    case KIR_DIM:
    case KIR_STRIDE:
    case KIR_BLOCK_INDEX:
        return type_int64(m->types);
    case KIR_OVERLAP:
        return type_bool(m->types);
    case KIR_VIEW:
        return view_of(m, e->var, count_view_axes(e), LAYOUT_A);
    case KIR_TRANSPOSE:
        return view_of(m, e->var, e->axes.n, transposed_layout(e));
    case KIR_RESHAPE:
        return view_of(m, e->var, e->n_args, LAYOUT_C);
    case KIR_GLOBAL:
        return e->global < m->globals.len ? m->globals.at[e->global].ty : NULL;
    case KIR_INDEX:
        return fresh_array(m, type_int64(m->types), e->n_args);
    case KIR_GATHER:
        return elementwise(m, kir_elem_type(e->var->ty), e);
    case KIR_ALLOC:
    case KIR_REINTERPRET:
        return NULL;
    default:
        return e->n_args ? type_from_operand(m, e) : NULL;
    }
}
