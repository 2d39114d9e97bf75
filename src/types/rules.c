/* How types combine. Arrays follow NumPy (promote_types, and NEP 50's weak scalars), scalars follow Numba: integers
 * compute in 64 bits, signed if either operand is, and two types of one variable join to what NumPy would promote them
 * to (so int64 joins uint64 in float64). tests/types/ holds NumPy's own answers for every pair of dtypes. */
#include "types/types.h"

/* ---- dtypes ----------------------------------------------------------------------------------------------------- */

static type *promote_ints(types *t, type *a, type *b) {
    if (a->is_signed == b->is_signed)
        return a->bits >= b->bits ? a : b;
    type *s = a->is_signed ? a : b, *u = a->is_signed ? b : a;
    if (s->bits > u->bits)
        return s;
    return u->bits < 64 ? type_int(t, 2u * u->bits, true) : type_float64(t);
}

/* Bits of the least float that NumPy trusts with the values of real type `x`: 16-bit integers fit float32. */
static unsigned float_bits(type *x) {
    if (x->kind == TYPE_COMPLEX)
        return x->bits / 2u;
    if (x->kind == TYPE_FLOAT)
        return x->bits;
    return x->bits <= 16 ? 32 : 64;
}

type *type_promote_dtype(types *t, type *a, type *b) {
    if (a == b || b->kind == TYPE_BOOL)
        return a;
    if (a->kind == TYPE_BOOL)
        return b;
    if (a->kind == TYPE_INT && b->kind == TYPE_INT)
        return promote_ints(t, a, b);
    unsigned bits = float_bits(a) > float_bits(b) ? float_bits(a) : float_bits(b);
    bool is_complex = a->kind == TYPE_COMPLEX || b->kind == TYPE_COMPLEX;
    return is_complex ? type_complex(t, 2 * bits) : type_float(t, bits);
}

/* A scalar that came from Python: a bool, int, float or complex. */
static bool is_weak(type *x) {
    return (x->kind == TYPE_INT && x->bits == 64 && x->is_signed) || (x->kind == TYPE_FLOAT && x->bits == 64) ||
           (x->kind == TYPE_COMPLEX && x->bits == 128);
}

type *type_promote_weak(types *t, type *array_dtype, type *scalar) {
    if (!is_weak(scalar) || array_dtype->kind < TYPE_INT)
        return type_promote_dtype(t, array_dtype, scalar);
    if (scalar->kind <= array_dtype->kind)
        return array_dtype;
    if (scalar->kind == TYPE_FLOAT)
        return type_float64(t);
    return type_complex(t, array_dtype->kind == TYPE_FLOAT ? 2u * array_dtype->bits : 128);
}

/* ---- scalars ---------------------------------------------------------------------------------------------------- */

/* A bool has no say about the sign: bool + uint8 is uint64, bool + bool int64. */
type *type_promote_scalar(types *t, type *a, type *b) {
    if (!type_is_integer(a) || !type_is_integer(b))
        return type_promote_dtype(t, a, b);
    bool any_signed = a->is_signed || b->is_signed;
    bool any_unsigned = (a->kind == TYPE_INT && !a->is_signed) || (b->kind == TYPE_INT && !b->is_signed);
    return type_int(t, 64, any_signed || !any_unsigned);
}

/* ---- joins ------------------------------------------------------------------------------------------------------ */

static type *unify_arrays(types *t, type *a, type *b) {
    if (a->dtype != b->dtype || a->ndim != b->ndim)
        return NULL;
    return type_array(t, a->dtype, a->ndim, a->layout == b->layout ? a->layout : LAYOUT_A, a->readonly || b->readonly,
                      a->aligned && b->aligned);
}

static bool same_shape(type *a, type *b) {
    bool same = a->len == b->len && a->name == b->name && !a->fields == !b->fields;
    for (uint32_t i = 0; same && a->fields && i < a->len; i++)
        same = a->fields[i] == b->fields[i];
    return same;
}

static type *unify_tuples(types *t, arena *scratch, type *a, type *b) {
    if (!same_shape(a, b))
        return NULL;
    const struct type **items = arena_array(scratch, const struct type *, a->len);
    for (uint32_t i = 0; i < a->len; i++) {
        items[i] = type_unify(t, a->items[i], b->items[i]);
        if (!items[i])
            return NULL;
    }
    return type_tuple(t, items, a->len, a->name, a->fields);
}

type *type_unify(types *t, type *a, type *b) {
    if (!a || !b)
        return NULL;
    if (a == b || b->kind == TYPE_BOTTOM)
        return a;
    if (a->kind == TYPE_BOTTOM)
        return b;
    if (type_is_number(a) && type_is_number(b))
        return type_promote_dtype(t, a, b);
    if (a->kind == TYPE_ARRAY && b->kind == TYPE_ARRAY)
        return unify_arrays(t, a, b);
    if (a->kind == TYPE_TUPLE && b->kind == TYPE_TUPLE)
        return unify_tuples(t, types_arena(t), a, b);
    return NULL;
}

/* ---- conversions ------------------------------------------------------------------------------------------------ */

static bool can_cast_number(type *from, type *to) {
    if (from == to || from->kind == TYPE_BOOL)
        return true;
    if (to->kind == TYPE_BOOL || from->kind > to->kind)
        return false;
    if (to->kind == TYPE_INT)
        return from->is_signed == to->is_signed ? from->bits <= to->bits : to->is_signed && from->bits < to->bits;
    return float_bits(from) <= float_bits(to);
}

static bool can_cast_array(type *from, type *to) {
    return from->dtype == to->dtype && from->ndim == to->ndim &&
           (to->layout == LAYOUT_A || to->layout == from->layout) && (to->readonly || !from->readonly) &&
           (from->aligned || !to->aligned);
}

static bool can_cast_tuple(type *from, type *to, bool (*can_cast_item)(type *from, type *to)) {
    bool can = from->len == to->len;
    for (uint32_t i = 0; can && i < from->len; i++)
        can = can_cast_item(from->items[i], to->items[i]);
    return can;
}

bool type_can_cast_safely(type *from, type *to) {
    if (from == to || from->kind == TYPE_BOTTOM)
        return true;
    if (type_is_number(from) && type_is_number(to))
        return can_cast_number(from, to);
    if (from->kind != to->kind)
        return false;
    if (from->kind == TYPE_ARRAY)
        return can_cast_array(from, to);
    return from->kind == TYPE_TUPLE && can_cast_tuple(from, to, type_can_cast_safely);
}

bool type_can_convert(type *from, type *to) {
    if (type_is_number(from) && type_is_number(to))
        return from->kind != TYPE_COMPLEX || to->kind == TYPE_COMPLEX;
    if (from->kind == TYPE_TUPLE && to->kind == TYPE_TUPLE)
        return can_cast_tuple(from, to, type_can_convert);
    return type_can_cast_safely(from, to);
}
