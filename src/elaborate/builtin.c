/* Python's built-in functions, sequences that are not arrays (tuples, ranges, enumerate, zip, reversed), and what the
 * dotted names of known modules mean. */
#include "elaborate/flow.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool is_poison(const value *v) {
    return v->kind == VAL_INVALID || v->kind == VAL_BOTTOM;
}

static kir_expr *again(elab *e, const kir_expr *x) {
    return kir_copy_expr(e->m, x, NULL);
}

static bool is_integer(const value *v) {
    return value_is_scalar(v) && type_is_integer(v->ty);
}

static kir_expr *as_index(elab *e, const value *v, span at) {
    return elab_cast_scalar(e, v->expr, type_int64(e->m->types), at);
}

/* ---- what dotted names mean ------------------------------------------------------------------------------------------------- */

typedef struct named_type {
    const char *name;
    type_kind kind;
    uint8_t bits;
    bool is_signed;
} named_type;

static const named_type type_names[] = {
    {"bool_", TYPE_BOOL, 8, false},
    {"boolean", TYPE_BOOL, 8, false},
    {"bool", TYPE_BOOL, 8, false},
    {"int8", TYPE_INT, 8, true},
    {"int16", TYPE_INT, 16, true},
    {"int32", TYPE_INT, 32, true},
    {"int64", TYPE_INT, 64, true},
    {"uint8", TYPE_INT, 8, false},
    {"uint16", TYPE_INT, 16, false},
    {"uint32", TYPE_INT, 32, false},
    {"uint64", TYPE_INT, 64, false},
    {"intp", TYPE_INT, 64, true},
    {"uintp", TYPE_INT, 64, false},
    {"int_", TYPE_INT, 64, true},
    {"uint", TYPE_INT, 64, false},
    {"byte", TYPE_INT, 8, true},
    {"ubyte", TYPE_INT, 8, false},
    {"short", TYPE_INT, 16, true},
    {"ushort", TYPE_INT, 16, false},
    {"intc", TYPE_INT, 32, true},
    {"uintc", TYPE_INT, 32, false},
    {"long", TYPE_INT, 64, true},
    {"ulong", TYPE_INT, 64, false},
    {"long_", TYPE_INT, 64, true},
    {"longlong", TYPE_INT, 64, true},
    {"ulonglong", TYPE_INT, 64, false},
    {"ssize_t", TYPE_INT, 64, true},
    {"size_t", TYPE_INT, 64, false},
    {"float32", TYPE_FLOAT, 32, true},
    {"float64", TYPE_FLOAT, 64, true},
    {"single", TYPE_FLOAT, 32, true},
    {"double", TYPE_FLOAT, 64, true},
    {"float_", TYPE_FLOAT, 64, true},
    {"complex64", TYPE_COMPLEX, 64, true},
    {"complex128", TYPE_COMPLEX, 128, true},
    {"csingle", TYPE_COMPLEX, 64, true},
    {"cdouble", TYPE_COMPLEX, 128, true},
    {"complex_", TYPE_COMPLEX, 128, true},
    {"b1", TYPE_BOOL, 8, false},
    {"i1", TYPE_INT, 8, true},
    {"i2", TYPE_INT, 16, true},
    {"i4", TYPE_INT, 32, true},
    {"i8", TYPE_INT, 64, true},
    {"u1", TYPE_INT, 8, false},
    {"u2", TYPE_INT, 16, false},
    {"u4", TYPE_INT, 32, false},
    {"u8", TYPE_INT, 64, false},
    {"f4", TYPE_FLOAT, 32, true},
    {"f8", TYPE_FLOAT, 64, true},
    {"c8", TYPE_COMPLEX, 64, true},
    {"c16", TYPE_COMPLEX, 128, true},
};

static type *type_of_name(elab *e, const char *name) {
    types *t = e->m->types;
    for (size_t i = 0; i < sizeof type_names / sizeof *type_names; i++) {
        const named_type *n = &type_names[i];
        if (strcmp(n->name, name) != 0)
            continue;
        if (n->kind == TYPE_BOOL)
            return type_bool(t);
        if (n->kind == TYPE_INT)
            return type_int(t, n->bits, n->is_signed);
        return n->kind == TYPE_FLOAT ? type_float(t, n->bits) : type_complex(t, n->bits);
    }
    return NULL;
}

/* int, float … are types with a name of their own: isinstance(x, int) means any integer. */
static bool python_type(elab *e, const char *name, span at, value *out) {
    types *t = e->m->types;
    type *found = strcmp(name, "int") == 0       ? type_int64(t)
                  : strcmp(name, "float") == 0   ? type_float64(t)
                  : strcmp(name, "bool") == 0    ? type_bool(t)
                  : strcmp(name, "complex") == 0 ? type_complex(t, 128)
                                                 : NULL;
    if (!found)
        return false;
    *out = value_of_type(e, found, at);
    out->text = sym_of(e->m->syms, name);
    return true;
}

static bool constant_of_name(elab *e, const char *module, const char *name, span at, value *out) {
    static const struct {
        const char *name;
        double value;
    } reals[] = {
        {"pi", 3.14159265358979323846},
        {"e", 2.7182818284590452354},
        {"tau", 6.28318530717958647692},
        {"inf", INFINITY},
        {"nan", NAN},
        {"euler_gamma", 0.57721566490153286061},
        {"Inf", INFINITY},
        {"NaN", NAN},
    };
    if (strcmp(module, "math") != 0 && strcmp(module, "cmath") != 0 && strcmp(module, "numpy") != 0)
        return false;
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++)
        if (strcmp(reals[i].name, name) == 0) {
            *out = value_of(e, kir_const_float(e->m, type_float64(e->m->types), reals[i].value, at));
            return true;
        }
    if (strcmp(name, "newaxis") == 0)
        return *out = value_none(e, at), true;
    if (strcmp(name, "True_") == 0)
        return *out = value_bool(e, true, at), true;
    if (strcmp(name, "False_") == 0)
        return *out = value_bool(e, false, at), true;
    if (strcmp(module, "cmath") == 0 && (strcmp(name, "infj") == 0 || strcmp(name, "nanj") == 0)) {
        double part = name[0] == 'i' ? INFINITY : NAN;
        *out = value_of(e, kir_const_complex(e->m, type_complex(e->m->types, 128), 0, part, at));
        return true;
    }
    return false;
}

static const char *const exceptions[] = {
    "Exception",         "BaseException",  "ArithmeticError",    "AssertionError",      "AttributeError",
    "BufferError",       "EOFError",       "FloatingPointError", "IndexError",          "KeyError",
    "LookupError",       "MemoryError",    "NameError",          "NotImplementedError", "OSError",
    "OverflowError",     "RecursionError", "ReferenceError",     "RuntimeError",        "StopIteration",
    "SystemError",       "TypeError",      "UnboundLocalError",  "UnicodeError",        "ValueError",
    "ZeroDivisionError", "Warning",        "UserWarning",        "RuntimeWarning",      "IOError",
    "PermissionError",   "TimeoutError",   "InterruptedError",   "ImportError",
};

value elab_exception(elab *e, const char *name, span at) {
    for (size_t i = 0; i < sizeof exceptions / sizeof *exceptions; i++)
        if (strcmp(exceptions[i], name) == 0)
            return (value){.kind = VAL_EXCEPTION, .text = sym_of(e->m->syms, name), .at = at};
    return value_invalid(at);
}

static bool is_own_module(const char *module) {
    static const char *const names[] = {"plait", "numba", "plait.types", "numba.types", "numba.core.types"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], module) == 0)
            return true;
    return false;
}

static bool is_submodule(const char *name) {
    static const char *const names[] = {"plait.types", "numba.types", "numpy.linalg", "numpy.random", "numpy.fft"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

value elab_object(elab *e, const char *dotted_name, span at) {
    if (strncmp(dotted_name, "_operator.", 10) == 0)
        dotted_name++; /* where CPython's functions of `operator` say they come from */
    const char *dot = strrchr(dotted_name, '.');
    value v;
    if (!dot)
        return value_invalid(at);
    const char *module = arena_strndup(e->a, dotted_name, (size_t)(dot - dotted_name)), *name = dot + 1;
    bool own = is_own_module(module);
    const builtin *b = elab_find_builtin(e, own ? arena_printf(e->a, "plait.%s", name) : dotted_name);
    if (strcmp(module, "builtins") == 0) {
        if (python_type(e, name, at, &v))
            return v;
        v = elab_exception(e, name, at);
        if (v.kind != VAL_INVALID)
            return v;
    }
    if (b)
        return (value){.kind = VAL_OBJECT, .text = sym_of(e->m->syms, b->name), .builtin = b, .at = at};
    if (constant_of_name(e, module, name, at, &v))
        return v;
    type *t = own || strcmp(module, "numpy") == 0 ? type_of_name(e, name) : NULL;
    if (t)
        return value_of_type(e, t, at);
    if (is_submodule(dotted_name))
        return (value){.kind = VAL_MODULE, .text = sym_of(e->m->syms, dotted_name), .at = at};
    return value_invalid(at);
}

/* ---- sequences ------------------------------------------------------------------------------------------------------------------ */

static bool is_iterator(const value *v, const char *which) {
    return v->kind == VAL_ITERATOR && sym_is(v->text, which);
}

bool value_is_iterable(const value *v) {
    return v->kind == VAL_TUPLE || v->kind == VAL_RANGE || v->kind == VAL_ITERATOR ||
           (value_is_array(v) && v->ty->ndim > 0);
}

bool elab_static_length(elab *e, const value *v, uint32_t *n) {
    if (v->kind == VAL_TUPLE) {
        *n = v->len;
        return true;
    }
    if (v->kind == VAL_STRING) {
        *n = v->text->len;
        return true;
    }
    if (v->kind != VAL_ITERATOR)
        return false;
    uint32_t least = UINT32_MAX, k;
    uint32_t parts = is_iterator(v, "enumerate") ? 1 : v->len;
    for (uint32_t i = 0; i < parts; i++) {
        if (!elab_static_length(e, &v->items[i], &k))
            return false;
        if (k < least)
            least = k;
    }
    *n = parts ? least : 0;
    return true;
}

static value add_ints(elab *e, const value *a, kir_expr *b, span at) {
    return value_of(e, kir_binary(e->m, KIR_OP_ADD, as_index(e, a, at), b, at));
}

value elab_sequence_item(elab *e, const value *v, uint32_t k, span at) {
    if (v->kind == VAL_TUPLE)
        return v->items[k];
    if (v->kind == VAL_STRING)
        return value_string(e, sym_intern(e->m->syms, v->text->text + k, 1), at);
    value items[64];
    if (is_iterator(v, "enumerate")) {
        items[0] = add_ints(e, &v->items[1], kir_int(e->m, k, at), at);
        items[1] = elab_sequence_item(e, &v->items[0], k, at);
        return value_tuple(e, items, 2, at);
    }
    if (is_iterator(v, "reversed")) {
        uint32_t n = 0;
        elab_static_length(e, &v->items[0], &n);
        return elab_sequence_item(e, &v->items[0], n - 1 - k, at);
    }
    for (uint32_t i = 0; i < v->len && i < 64; i++)
        items[i] = elab_sequence_item(e, &v->items[i], k, at);
    return value_tuple(e, items, v->len, at);
}

/* Number of iterations of a range, at least 0. Distances are taken without sign, since hi - lo may not fit. */
static kir_expr *range_length(elab *e, const value *v, span at) {
    kir_module *m = e->m;
    kir_expr *lo = elab_hold(e, v->items[0].expr), *hi = elab_hold(e, v->items[1].expr),
             *step = elab_hold(e, v->items[2].expr);
    int64_t s, from;
    if (kir_is_const_int(step, &s) && s == 1 && kir_is_const_int(lo, &from) && from >= 0)
        return kir_binary(m, KIR_OP_MAX, kir_binary(m, KIR_OP_SUB, again(e, hi), again(e, lo), at), kir_int(m, 0, at),
                          at);
    kir_expr *n = elab_hold(e, elab_range_count(e, again(e, lo), again(e, hi), again(e, step), at));
    if (n->kind != KIR_CONST || n->value.i < 0)
        elab_check(e, kir_binary(m, KIR_OP_GE, again(e, n), kir_int(m, 0, at), at), "OverflowError",
                   "Python int too large to convert to C ssize_t", NULL, 0, at);
    return n;
}

static value zip_length(elab *e, const value *v, span at) {
    value least = value_int(e, 0, at);
    for (uint32_t i = 0; i < v->len; i++) {
        value n = elab_sequence_length(e, &v->items[i], at);
        if (is_poison(&n))
            return n;
        if (i == 0) {
            least = n;
            continue;
        }
        if (kir_expr_equal(least.expr, n.expr))
            continue;
        least = value_of(e, kir_binary(e->m, KIR_OP_MIN, elab_hold(e, n.expr), elab_hold(e, least.expr), at));
    }
    return least;
}

value elab_sequence_length(elab *e, const value *v, span at) {
    uint32_t n;
    if (is_poison(v))
        return *v;
    if (elab_static_length(e, v, &n))
        return value_int(e, n, at);
    if (v->kind == VAL_RANGE)
        return value_of(e, range_length(e, v, at));
    if (is_iterator(v, "zip"))
        return zip_length(e, v, at);
    if (v->kind == VAL_ITERATOR)
        return elab_sequence_length(e, &v->items[0], at);
    if (value_is_array(v) && v->ty->ndim == 0)
        return elab_error(e, DIAG_TYPING, at, NULL, "len() of an array without dimensions");
    if (value_is_array(v))
        return value_of(e, elab_array_len(e, v, at));
    return elab_error(e, DIAG_TYPING, at, value_is_scalar(v) ? "pass an array: this is a number" : value_remedy(v),
                      "%s has no len()", value_describe(e, v));
}

static value common_shape(elab *e, const value *tuple, span at) {
    value shape = {.kind = VAL_BOTTOM};
    for (uint32_t i = 0; i < tuple->len; i++) {
        value joined;
        if (!value_unify(e, &shape, &tuple->items[i], &joined))
            return elab_error(e, DIAG_TYPING, at, "use a constant index, or items of one type",
                              "the items of %s have different types: only a constant can index it",
                              value_describe(e, tuple));
        shape = joined;
    }
    return shape;
}

/* tuple[index] for an index known at run time and in range. */
static value select_item(elab *e, const value *tuple, kir_expr *index, span at) {
    value shape = common_shape(e, tuple, at);
    if (is_poison(&shape))
        return shape;
    kir_expr *k = elab_hold(e, index);
    if (value_is_scalar(&shape)) {
        value last = elab_convert(e, &tuple->items[tuple->len - 1], shape.ty, at);
        kir_expr *x = last.expr;
        for (uint32_t i = tuple->len - 1; i-- > 0;) {
            value item = elab_convert(e, &tuple->items[i], shape.ty, at);
            x = kir_select(e->m, kir_binary(e->m, KIR_OP_EQ, again(e, k), kir_int(e->m, i, at), at), item.expr, x, at);
        }
        return value_of(e, x);
    }
    value home = value_home(e, &shape, NULL, at, false, false);
    for (uint32_t i = 0; i < tuple->len; i++) {
        kir_stmt *branch = kir_stmt_new(e->m, KIR_IF, at);
        branch->value = kir_binary(e->m, KIR_OP_EQ, again(e, k), kir_int(e->m, i, at), at);
        elab_push_block(e, &branch->body);
        value_store(e, &home, &tuple->items[i], at);
        elab_pop_block(e);
        elab_emit(e, branch);
    }
    return value_again(e, &home);
}

static value range_at(elab *e, const value *v, kir_expr *index, span at) {
    kir_expr *offset = kir_binary(e->m, KIR_OP_MUL, index, v->items[2].expr, at);
    return value_of(e, kir_binary(e->m, KIR_OP_ADD, v->items[0].expr, offset, at));
}

value elab_sequence_at(elab *e, const value *v, kir_expr *index, span at) {
    if (v->kind == VAL_TUPLE)
        return select_item(e, v, index, at);
    if (v->kind == VAL_RANGE)
        return range_at(e, v, index, at);
    if (value_is_array(v))
        return elab_array_at(e, v, index, at);
    value items[64];
    if (is_iterator(v, "enumerate")) {
        items[0] = add_ints(e, &v->items[1], again(e, index), at);
        items[1] = elab_sequence_at(e, &v->items[0], index, at);
        return value_tuple(e, items, 2, at);
    }
    if (is_iterator(v, "reversed")) {
        value same = value_again(e, &v->items[0]), n = elab_sequence_length(e, &same, at);
        if (is_poison(&n))
            return n;
        kir_expr *last = kir_binary(e->m, KIR_OP_SUB, n.expr, kir_int(e->m, 1, at), at);
        return elab_sequence_at(e, &v->items[0], kir_binary(e->m, KIR_OP_SUB, last, index, at), at);
    }
    for (uint32_t i = 0; i < v->len && i < 64; i++)
        items[i] = elab_sequence_at(e, &v->items[i], again(e, index), at);
    return value_tuple(e, items, v->len, at);
}

/* ---- indexing tuples, ranges, strings -------------------------------------------------------------------------------------------- */

static bool slice_bounds(const value *index, int64_t n, int64_t *start, int64_t *step, int64_t *count) {
    int64_t part[3] = {0, 0, 1};
    bool given[3];
    for (int i = 0; i < 3; i++) {
        given[i] = index->items[i].kind != VAL_NONE;
        if (given[i] && !value_literal_int(&index->items[i], &part[i]))
            return false;
    }
    *step = part[2];
    if (*step == 0)
        return false;
    int64_t least = *step > 0 ? 0 : -1, most = *step > 0 ? n : n - 1;
    for (int i = 0; i < 2; i++) {
        if (!given[i])
            part[i] = (i == 0) == (*step > 0) ? least : most;
        else if (part[i] < 0)
            part[i] += n;
        if (part[i] < least)
            part[i] = least;
        if (part[i] > most)
            part[i] = most;
    }
    int64_t way = part[1] - part[0];
    *start = part[0];
    *count = *step > 0 ? (way > 0 ? (way - 1) / *step + 1 : 0) : (way < 0 ? (way + 1) / *step + 1 : 0);
    return true;
}

static value slice_static(elab *e, const value *v, const value *index, uint32_t n, span at) {
    int64_t start, step, count;
    if (!slice_bounds(index, n, &start, &step, &count))
        return elab_error(e, DIAG_TYPING, at, "the length of a tuple is part of its type",
                          "%s can be sliced with constants only", value_describe(e, v));
    value *items = arena_array(e->a, value, (size_t)count + 1);
    char *chars = arena_alloc(e->a, (size_t)count + 1);
    for (int64_t i = 0; i < count; i++) {
        uint32_t k = (uint32_t)(start + i * step);
        if (v->kind == VAL_TUPLE)
            items[i] = v->items[k];
        else
            chars[i] = v->text->text[k];
    }
    if (v->kind == VAL_STRING)
        return value_string(e, sym_intern(e->m->syms, chars, (size_t)count), at);
    return value_tuple(e, items, (uint32_t)count, at);
}

static kir_expr *checked_index(elab *e, kir_expr *index, kir_expr *n, const char *message, span at) {
    kir_expr *k = elab_hold(e, index), *size = elab_hold(e, n);
    kir_expr *wrapped = elab_hold(e, kir_wrap(e->m, k, again(e, size), at));
    kir_expr *fits =
        kir_binary(e->m, KIR_OP_AND, kir_binary(e->m, KIR_OP_GE, again(e, wrapped), kir_int(e->m, 0, at), at),
                   kir_binary(e->m, KIR_OP_LT, again(e, wrapped), again(e, size), at), at);
    elab_check(e, fits, "IndexError", message, NULL, 0, at);
    return again(e, wrapped);
}

value elab_tuple_item(elab *e, const value *v, const value *index, span at) {
    uint32_t n = 0;
    int64_t k;
    bool known = elab_static_length(e, v, &n);
    if (index->kind == VAL_SLICE && known)
        return slice_static(e, v, index, n, at);
    if (!is_integer(index))
        return elab_error(e, DIAG_TYPING, at, NULL, "%s cannot be indexed with %s", value_describe(e, v),
                          value_describe(e, index));
    if (v->kind == VAL_RANGE) {
        value held = elab_hold_value(e, v);
        kir_expr *i =
            checked_index(e, as_index(e, index, at), range_length(e, &held, at), "range object index out of range", at);
        value same = value_again(e, &held);
        return range_at(e, &same, i, at);
    }
    if (value_literal_int(index, &k)) {
        if (k < 0)
            k += n;
        if (k < 0 || k >= n)
            return elab_error(e, DIAG_TYPING, at, NULL, "tuple index out of range: %s has %u item%s",
                              value_describe(e, v), n, n == 1 ? "" : "s");
        return elab_sequence_item(e, v, (uint32_t)k, at);
    }
    if (v->kind != VAL_TUPLE || !n)
        return elab_error(e, DIAG_TYPING, at, "use a constant index", "%s can be indexed with constants only",
                          value_describe(e, v));
    kir_expr *i = checked_index(e, as_index(e, index, at), kir_int(e->m, n, at), "tuple index out of range", at);
    value held = elab_hold_value(e, v);
    return select_item(e, &held, i, at);
}

/* ---- conversions: int(x), np.float32(x) … --------------------------------------------------------------------------------------- */

static value parse_number(elab *e, const value *v, type *t, span at) {
    char *end;
    const char *digits = v->text->text;
    while (*digits == ' ')
        digits++;
    double x = strtod(digits, &end);
    while (*end == ' ')
        end++;
    bool whole = t->kind == TYPE_INT && strcspn(digits, ".eEnN") == strlen(digits);
    if (*end || end == digits || (t->kind != TYPE_FLOAT && !whole))
        return elab_error(e, DIAG_TYPING, at, NULL, "'%s' is not a number", v->text->text);
    if (t->kind == TYPE_INT)
        return value_of(e, kir_const_int(e->m, t, strtoll(digits, NULL, 10), at));
    return value_of(e, kir_const_float(e->m, t, x, at));
}

static kir_expr *complex_part(elab *e, kir_expr_kind kind, kir_expr *x, type *real, span at) {
    if (x->kind == KIR_CONST)
        return kir_const_float(e->m, real, x->value.c[kind == KIR_IMAG], at);
    kir_expr *p = kir_expr_new(e->m, kind, type_float(e->m->types, x->ty->bits / 2u), 1, at);
    p->args[0] = x;
    return elab_cast_scalar(e, p, real, at);
}

/* complex(a, b) is a + b*1j, for complex a and b too. */
static value make_complex(elab *e, const value *a, const value *b, type *t, span at) {
    type *real = type_float(e->m->types, t->bits / 2u);
    if (!value_is_scalar(a) || (b && !value_is_scalar(b)))
        return elab_error(e, DIAG_TYPING, at, NULL, "complex() takes numbers");
    if (!b)
        return elab_convert(e, a, t, at);
    kir_expr *re = a->expr, *im = b->expr;
    if (re->kind == KIR_CONST && im->kind == KIR_CONST && type_is_real(re->ty) && type_is_real(im->ty)) {
        re = elab_cast_scalar(e, re, real, at);
        im = elab_cast_scalar(e, im, real, at);
        return value_of(e, kir_const_complex(e->m, t, re->value.f, im->value.f, at));
    }
    kir_expr *pair[2];
    pair[0] = type_is_real(re->ty) ? elab_cast_scalar(e, re, real, at) : NULL;
    pair[1] = type_is_real(im->ty) ? elab_cast_scalar(e, im, real, at) : NULL;
    kir_expr *add_im = NULL;
    if (!pair[0]) {
        re = elab_hold(e, re);
        pair[0] = complex_part(e, KIR_REAL, again(e, re), real, at);
        add_im = complex_part(e, KIR_IMAG, again(e, re), real, at);
    }
    if (!pair[1]) {
        im = elab_hold(e, im);
        pair[1] = complex_part(e, KIR_REAL, again(e, im), real, at);
        pair[0] = kir_binary(e->m, KIR_OP_SUB, pair[0], complex_part(e, KIR_IMAG, again(e, im), real, at), at);
    }
    if (add_im)
        pair[1] = kir_binary(e->m, KIR_OP_ADD, add_im, pair[1], at);
    kir_expr *z = kir_expr_new(e->m, KIR_COMPLEX, t, 2, at);
    z->args[0] = pair[0];
    z->args[1] = pair[1];
    return value_of(e, z);
}

static value zero_of(elab *e, type *t, span at) {
    if (t->kind == TYPE_FLOAT)
        return value_of(e, kir_const_float(e->m, t, 0, at));
    if (t->kind == TYPE_COMPLEX)
        return value_of(e, kir_const_complex(e->m, t, 0, 0, at));
    return value_of(e, kir_const_int(e->m, t, 0, at));
}

value elab_construct(elab *e, const value *type_, const call_args *args) {
    type *t = type_->ty;
    span at = args->place;
    const char *name = type_->text ? type_->text->text : type_name(e->m->types, t);
    bool named = false;
    for (uint32_t i = 0; args->names && i < args->n; i++)
        named |= args->names[i] != NULL;
    if (!type_is_number(t))
        return elab_error(e, DIAG_TYPING, at, NULL, "%s cannot be called", name);
    if (args->n == 0)
        return zero_of(e, t, at);
    if (t->kind == TYPE_COMPLEX && args->n == 2 && !named)
        return make_complex(e, &args->at[0], &args->at[1], t, at);
    if (t->kind == TYPE_COMPLEX && named && args->n == 2 && args->names[1] && sym_is(args->names[1], "imag"))
        return make_complex(e, &args->at[0], &args->at[1], t, at);
    if (args->n != 1 || named)
        return elab_error(e, DIAG_TYPING, at, NULL, "%s() takes one argument here", name);
    const value *x = &args->at[0];
    if (x->kind == VAL_STRING && t->kind != TYPE_BOOL)
        return parse_number(e, x, t, at);
    if (value_is_array(x)) {
        value method_args[2] = {*x, value_of_type(e, t, at)};
        return elab_call_builtin(e, "ndarray.astype", method_args, 2, at);
    }
    if (t->kind == TYPE_BOOL) {
        kir_expr *truth = elab_truth(e, x, at);
        return truth ? value_of(e, truth) : value_invalid(at);
    }
    if (!value_is_scalar(x))
        return elab_error(e, DIAG_TYPING, at, NULL, "%s() of %s", name, value_describe(e, x));
    if (x->ty->kind == TYPE_COMPLEX && t->kind != TYPE_COMPLEX)
        return elab_error(e, DIAG_TYPING, at, "use .real or abs()", "%s() of a complex number", name);
    return elab_convert(e, x, t, at);
}

/* ---- range, len, iterators -------------------------------------------------------------------------------------------------------- */

static value call_range(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    (void)n;
    const value *given = &args[0];
    value parts[3] = {value_int(e, 0, at), value_int(e, 0, at), value_int(e, 1, at)};
    if (given->len < 1 || given->len > 3)
        return elab_error(e, DIAG_TYPING, at, NULL, "%s() takes 1 to 3 arguments but %u were given",
                          b->code ? "prange" : "range", given->len);
    for (uint32_t i = 0; i < given->len; i++) {
        const value *x = &given->items[i];
        if (!is_integer(x))
            return elab_error(e, DIAG_TYPING, x->at.line ? x->at : at, "convert it with int()",
                              "%s() takes integers, not %s", b->code ? "prange" : "range", value_describe(e, x));
        parts[given->len == 1 ? 1 : i] = value_of(e, as_index(e, x, at));
    }
    value v = value_tuple(e, parts, 3, at);
    v.kind = VAL_RANGE;
    v.is_prange = b->code == 1;
    return v;
}

static value call_len(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    (void)b, (void)n;
    if (args[0].kind == VAL_ITERATOR)
        return elab_error(e, DIAG_TYPING, at, NULL, "an iterator has no len()");
    return elab_sequence_length(e, &args[0], at);
}

static value make_iterator(elab *e, const char *which, const value *items, uint32_t n, span at) {
    value v = value_tuple(e, items, n, at);
    if (v.kind != VAL_TUPLE)
        return v;
    v.kind = VAL_ITERATOR;
    v.text = sym_of(e->m->syms, which);
    return v;
}

static bool need_iterable(elab *e, const value *v, span at) {
    if (value_is_iterable(v) || v->kind == VAL_STRING)
        return true;
    elab_error(e, DIAG_TYPING, at, value_is_scalar(v) ? "loop over range(…) of it, or over an array" : NULL,
               "%s cannot be iterated over", value_describe(e, v));
    return false;
}

static value call_enumerate(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    (void)b, (void)n;
    if (!need_iterable(e, &args[0], at))
        return value_invalid(at);
    if (!is_integer(&args[1]))
        return elab_error(e, DIAG_TYPING, at, NULL, "the start of enumerate() is an integer");
    args[1] = value_of(e, elab_hold(e, as_index(e, &args[1], at)));
    return make_iterator(e, "enumerate", args, 2, at);
}

static value call_zip(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    (void)b, (void)n;
    if (args[0].len > 64)
        return elab_error(e, DIAG_UNSUPPORTED, at, NULL, "zip() of more than 64 sequences");
    for (uint32_t i = 0; i < args[0].len; i++)
        if (!need_iterable(e, &args[0].items[i], at))
            return value_invalid(at);
    return make_iterator(e, "zip", args[0].items, args[0].len, at);
}

static value call_reversed(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    (void)b;
    if (!need_iterable(e, &args[0], at) || args[0].kind == VAL_ITERATOR)
        return value_is_iterable(&args[0]) ? elab_error(e, DIAG_TYPING, at, NULL, "an iterator cannot be reversed")
                                           : value_invalid(at);
    return make_iterator(e, "reversed", args, n, at);
}

static value call_tuple(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    (void)b, (void)n;
    uint32_t length;
    if (args[0].kind == VAL_NONE)
        return value_tuple(e, NULL, 0, at);
    if (!elab_static_length(e, &args[0], &length))
        return elab_error(e, DIAG_TYPING, at, "the length of a tuple is part of its type",
                          "tuple() of %s, whose length is not known here", value_describe(e, &args[0]));
    value *items = arena_array(e->a, value, length ? length : 1);
    for (uint32_t i = 0; i < length; i++)
        items[i] = elab_sequence_item(e, &args[0], i, at);
    return value_tuple(e, items, length, at);
}

static value call_slice(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    (void)b, (void)n;
    const value *given = &args[0];
    value parts[3] = {value_none(e, at), value_none(e, at), value_none(e, at)};
    if (given->len < 1 || given->len > 3)
        return elab_error(e, DIAG_TYPING, at, NULL, "slice() takes 1 to 3 arguments");
    for (uint32_t i = 0; i < given->len; i++) {
        const value *x = &given->items[i];
        if (x->kind != VAL_NONE && !is_integer(x))
            return elab_error(e, DIAG_TYPING, at, NULL, "slice() takes integers or None, not %s", value_describe(e, x));
        parts[given->len == 1 ? 1 : i] = x->kind == VAL_NONE ? *x : value_of(e, as_index(e, x, at));
    }
    value v = value_tuple(e, parts, 3, at);
    v.kind = VAL_SLICE;
    return v;
}

/* ---- numbers ------------------------------------------------------------------------------------------------------------------------- */

static value call_abs(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    (void)b, (void)n;
    const value *x = &args[0];
    if (value_is_array(x))
        return elab_call_builtin(e, "numpy.absolute", x, 1, at);
    if (!value_is_scalar(x))
        return elab_error(e, DIAG_TYPING, at, NULL, "abs() of %s", value_describe(e, x));
    if (x->ty->kind == TYPE_COMPLEX) {
        type *real = type_float(e->m->types, x->ty->bits / 2u);
        kir_expr *z = elab_hold(e, x->expr);
        kir_expr *parts[2] = {complex_part(e, KIR_REAL, again(e, z), real, at),
                              complex_part(e, KIR_IMAG, again(e, z), real, at)};
        return value_of(e, kir_math(e->m, KIR_OP_HYPOT, real, parts, 2, at));
    }
    type *t = type_is_integer(x->ty) ? type_promote_scalar(e->m->types, x->ty, x->ty) : x->ty;
    kir_expr *y = elab_cast_scalar(e, x->expr, t, at);
    if (t->kind == TYPE_INT && !t->is_signed)
        return value_of(e, y);
    return value_of(e, kir_unary(e->m, KIR_OP_ABS, y, at));
}

/* min and max of scalars keep the first of equal ones and Python's order of comparisons. */
static value extreme_of(elab *e, const value *items, uint32_t n, bool least, span at) {
    type *t = NULL;
    for (uint32_t i = 0; i < n; i++) {
        if (!value_is_scalar(&items[i]) || items[i].ty->kind == TYPE_COMPLEX)
            return elab_error(e, DIAG_TYPING, at, value_is_array(&items[i]) ? "use np.minimum and np.maximum" : NULL,
                              "%s() of %s", least ? "min" : "max", value_describe(e, &items[i]));
        t = t ? type_unify(e->m->types, t, items[i].ty) : items[i].ty;
    }
    kir_expr *best = elab_cast_scalar(e, items[0].expr, t, at);
    for (uint32_t i = 1; i < n; i++) {
        kir_expr *x = elab_cast_scalar(e, items[i].expr, t, at);
        best = kir_binary(e->m, least ? KIR_OP_MIN : KIR_OP_MAX, best, x, at);
    }
    return value_of(e, best);
}

static bool all_tuples(const value *v) {
    for (uint32_t i = 0; i < v->len; i++)
        if (v->items[i].kind != VAL_TUPLE)
            return false;
    return v->len > 0;
}

static value call_extreme(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    (void)n;
    const value *given = &args[0];
    bool least = b->code == 0;
    const char *name = least ? "min" : "max";
    if (given->len == 0)
        return elab_error(e, DIAG_TYPING, at, NULL, "%s() takes at least one argument", name);
    if (given->len == 1) {
        const value *only = &given->items[0];
        if (only->kind == VAL_TUPLE && only->len == 0)
            return elab_error(e, DIAG_TYPING, at, NULL, "%s() arg is an empty sequence", name);
        if (only->kind == VAL_TUPLE && !all_tuples(only))
            return extreme_of(e, only->items, only->len, least, at);
        if (value_is_iterable(only))
            return elab_call_library(e, least ? "builtins_min" : "builtins_max", only, 1, at);
        return elab_error(e, DIAG_TYPING, at, NULL, "%s() of %s", name, value_describe(e, only));
    }
    if (all_tuples(given))
        return elab_call_library(e, least ? "builtins_min" : "builtins_max", given, 1, at);
    return extreme_of(e, given->items, given->len, least, at);
}

static value call_round(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    (void)b, (void)n;
    const value *x = &args[0], *digits = &args[1];
    type *i64 = type_int64(e->m->types);
    int64_t places;
    if (value_is_array(x))
        return elab_call_builtin(e, "numpy.round", args, digits->kind == VAL_NONE ? 1 : 2, at);
    if (!value_is_scalar(x) || x->ty->kind == TYPE_COMPLEX)
        return elab_error(e, DIAG_TYPING, at, NULL, "round() of %s", value_describe(e, x));
    if (digits->kind != VAL_NONE && !is_integer(digits))
        return elab_error(e, DIAG_TYPING, at, NULL, "the number of digits is an integer, not %s",
                          value_describe(e, digits));
    if (type_is_integer(x->ty)) {
        if (digits->kind == VAL_NONE || (value_literal_int(digits, &places) && places >= 0))
            return elab_convert(e, x, type_promote_scalar(e->m->types, x->ty, x->ty), at);
        return elab_call_library(e, "builtins_round_int", args, 2, at);
    }
    kir_expr *y = x->expr;
    if (digits->kind == VAL_NONE)
        return value_of(e, kir_cast(e->m, kir_math(e->m, KIR_OP_RINT, y->ty, &y, 1, at), i64, at));
    type *t = x->ty;
    kir_expr *parts[2] = {elab_cast_scalar(e, y, type_float64(e->m->types), at), as_index(e, digits, at)};
    return value_of(e, elab_cast_scalar(e, kir_math(e->m, KIR_OP_ROUND_DIGITS, parts[0]->ty, parts, 2, at), t, at));
}

static value call_divmod(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    (void)b, (void)n;
    value x = elab_hold_value(e, &args[0]), y = elab_hold_value(e, &args[1]);
    value p = value_again(e, &x), q = value_again(e, &y);
    value items[2];
    items[0] = elab_binary(e, OP_FloorDiv, &p, &q, at);
    if (is_poison(&items[0]))
        return items[0];
    items[0] = elab_hold_value(e, &items[0]);
    items[1] = elab_binary(e, OP_Mod, &x, &y, at);
    return value_tuple(e, items, 2, at);
}

static value call_pow(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    (void)b, (void)n;
    if (args[2].kind == VAL_NONE)
        return elab_binary(e, OP_Pow, &args[0], &args[1], at);
    for (int i = 0; i < 3; i++)
        if (!is_integer(&args[i]))
            return elab_error(e, DIAG_TYPING, at, NULL, "pow() with a modulus takes integers");
    return elab_call_library(e, "builtins_pow_mod", args, 3, at);
}

static value call_fold(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    if (value_is_array(&args[0]) && args[0].ty->ndim == 0)
        return elab_error(e, DIAG_TYPING, at, NULL, "an array without dimensions cannot be iterated over");
    if (!need_iterable(e, &args[0], at))
        return value_invalid(at);
    static const char *const names[] = {"builtins_sum", "builtins_all", "builtins_any"};
    return elab_call_library(e, names[b->code], args, n, at);
}

/* ---- types and classes ------------------------------------------------------------------------------------------------------------------ */

static bool is_array_class(const char *name) {
    return strcmp(name, "numpy.ndarray") == 0;
}

static bool number_class_holds(const char *name, type *t) {
    bool is_int = t->kind == TYPE_INT, is_float = t->kind == TYPE_FLOAT, is_complex = t->kind == TYPE_COMPLEX;
    if (strcmp(name, "numpy.generic") == 0)
        return true;
    if (strcmp(name, "numpy.number") == 0)
        return is_int || is_float || is_complex;
    if (strcmp(name, "numpy.integer") == 0)
        return is_int;
    if (strcmp(name, "numpy.signedinteger") == 0)
        return is_int && t->is_signed;
    if (strcmp(name, "numpy.unsignedinteger") == 0)
        return is_int && !t->is_signed;
    if (strcmp(name, "numpy.inexact") == 0)
        return is_float || is_complex;
    if (strcmp(name, "numpy.floating") == 0)
        return is_float;
    if (strcmp(name, "numpy.complexfloating") == 0)
        return is_complex;
    return false;
}

static bool is_instance_of(const value *x, const value *class) {
    if (class->kind == VAL_NONE)
        return x->kind == VAL_NONE;
    if (class->kind == VAL_NAMEDTUPLE)
        return x->kind == VAL_TUPLE && x->ty && x->ty->fields && x->ty->name == class->text;
    if (class->kind == VAL_TYPE) {
        if (!value_is_scalar(x))
            return false;
        const char *name = class->text->text;
        if (strcmp(name, "int") == 0)
            return type_is_integer(x->ty);
        if (strcmp(name, "float") == 0)
            return x->ty->kind == TYPE_FLOAT;
        if (strcmp(name, "complex") == 0)
            return x->ty->kind == TYPE_COMPLEX;
        return x->ty == class->ty;
    }
    if (class->kind != VAL_OBJECT)
        return false;
    const char *name = class->text->text;
    if (strcmp(name, "builtins.object") == 0)
        return true;
    if (strcmp(name, "builtins.tuple") == 0)
        return x->kind == VAL_TUPLE;
    if (strcmp(name, "builtins.range") == 0)
        return x->kind == VAL_RANGE;
    if (strcmp(name, "builtins.slice") == 0)
        return x->kind == VAL_SLICE;
    if (strcmp(name, "builtins.str") == 0)
        return x->kind == VAL_STRING;
    if (is_array_class(name))
        return value_is_array(x);
    return value_is_scalar(x) && number_class_holds(name, x->ty);
}

static value call_isinstance(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    (void)b, (void)n;
    const value *classes = &args[1], *x = &args[0];
    uint32_t count = classes->kind == VAL_TUPLE ? classes->len : 1;
    bool holds = false;
    for (uint32_t i = 0; i < count; i++) {
        const value *class = classes->kind == VAL_TUPLE ? &classes->items[i] : classes;
        if (class->kind != VAL_TYPE && class->kind != VAL_OBJECT && class->kind != VAL_NONE &&
            class->kind != VAL_NAMEDTUPLE)
            return elab_error(e, DIAG_TYPING, at, NULL, "isinstance() takes a type or a tuple of types");
        holds |= is_instance_of(x, class);
    }
    return value_bool(e, holds, at);
}

static value call_type(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    (void)b, (void)n;
    if (args[0].kind == VAL_NONE)
        return args[0];
    if (value_is_scalar(&args[0]))
        return value_of_type(e, args[0].ty, at);
    if (args[0].kind == VAL_TUPLE)
        return elab_object(e, "builtins.tuple", at);
    if (value_is_array(&args[0]))
        return elab_object(e, "numpy.ndarray", at);
    return elab_unsupported(e, at, NULL, arena_printf(e->a, "type() of %s", value_describe(e, &args[0])));
}

static value call_class(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    static const char *const hints[] = {
        NULL,
        "use an array, or a tuple",
        "texts are made in f-strings, for print() and messages of exceptions only",
        "call it in Python and pass the result to the kernel",
    };
    (void)args, (void)n;
    return elab_unsupported(e, at, hints[b->code],
                            arena_printf(e->a, "%s()", strncmp(b->name, "builtins.", 9) == 0 ? b->name + 9 : b->name));
}

static value call_getattr(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    (void)b, (void)n;
    if (args[1].kind != VAL_STRING)
        return elab_error(e, DIAG_TYPING, at, NULL, "getattr() takes a constant name");
    return elab_get_attribute(e, &args[0], args[1].text, at);
}

static value call_literally(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    (void)b, (void)n;
    if (!value_is_constant(&args[0]))
        return elab_error(e, DIAG_TYPING, at, NULL, "the value is not known when the kernel is compiled");
    return args[0];
}

static value call_identity(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    (void)e, (void)b, (void)n, (void)at;
    return args[0];
}

static value call_ord(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    (void)b, (void)n;
    if (args[0].kind != VAL_STRING || args[0].text->len != 1)
        return elab_error(e, DIAG_TYPING, at, NULL, "ord() takes a constant text of one character");
    return value_int(e, (uint8_t)args[0].text->text[0], at);
}

/* ---- print and text ---------------------------------------------------------------------------------------------------------------------- */

value elab_constant_text(elab *e, const value *v) {
    if (v->kind == VAL_STRING || is_poison(v))
        return *v;
    if (v->kind == VAL_NONE)
        return value_string(e, sym_of(e->m->syms, "None"), v->at);
    if (v->kind == VAL_TYPE)
        return value_string(e, v->text, v->at);
    if (v->kind != VAL_EXPR || !v->literal)
        return *v;
    text out = text_new(e->a);
    if (v->ty->kind == TYPE_BOOL)
        text_put(&out, v->expr->value.i ? "True" : "False");
    else if (v->ty->kind == TYPE_INT && v->ty->is_signed)
        text_printf(&out, "%lld", (long long)v->expr->value.i);
    else if (v->ty->kind == TYPE_INT)
        text_printf(&out, "%llu", (unsigned long long)v->expr->value.i);
    else if (v->ty->kind == TYPE_FLOAT && v->ty->bits == 64)
        text_put_double(&out, v->expr->value.f);
    else
        return *v;
    return value_string(e, sym_intern(e->m->syms, out.at, out.len), v->at);
}

static void emit_runtime(elab *e, const char *name, kir_expr *arg, span at) {
    kir_stmt *s = kir_stmt_new(e->m, KIR_RUNTIME, at);
    s->name = name;
    if (arg)
        vec_push(e->a, &s->index, arg);
    elab_emit(e, s);
}

/* Text is a constant array of bytes. */
static void print_text(elab *e, const char *chars, size_t len, span at) {
    if (!len)
        return;
    type *t = type_array(e->m->types, type_int(e->m->types, 8, false), 1, LAYOUT_C, true, true);
    kir_global g = {.ty = t, .data = arena_strndup(e->a, chars, len), .bytes = len};
    g.shape[0] = (int64_t)len;
    uint32_t index = 0;
    while (index < e->m->globals.len && !(e->m->globals.at[index].ty == t && e->m->globals.at[index].bytes == len &&
                                          memcmp(e->m->globals.at[index].data, chars, len) == 0))
        index++;
    if (index == e->m->globals.len)
        vec_push(e->a, &e->m->globals, g);
    kir_expr *x = kir_expr_new(e->m, KIR_GLOBAL, t, 0, at);
    x->global = index;
    emit_runtime(e, "plrt_print_text", elab_hold(e, x), at);
}

static bool print_value(elab *e, const value *v, span at);

static bool print_items(elab *e, const value *v, span at) {
    const sym *fields = v->ty ? v->ty->fields : NULL;
    if (fields)
        print_text(e, v->ty->name->text, v->ty->name->len, at);
    print_text(e, "(", 1, at);
    for (uint32_t i = 0; i < v->len; i++) {
        if (i)
            print_text(e, ", ", 2, at);
        if (fields) {
            print_text(e, fields[i]->text, fields[i]->len, at);
            print_text(e, "=", 1, at);
        }
        bool quoted = v->items[i].kind == VAL_STRING;
        if (quoted)
            print_text(e, "'", 1, at);
        if (!print_value(e, &v->items[i], at))
            return false;
        if (quoted)
            print_text(e, "'", 1, at);
    }
    if (v->len == 1 && !fields)
        print_text(e, ",", 1, at);
    print_text(e, ")", 1, at);
    return true;
}

static bool print_scalar(elab *e, const value *v, span at) {
    types *t = e->m->types;
    switch (v->ty->kind) {
    case TYPE_BOOL:
        emit_runtime(e, "plrt_print_bool", v->expr, at);
        break;
    case TYPE_INT:
        emit_runtime(e, v->ty->is_signed ? "plrt_print_int" : "plrt_print_uint",
                     elab_cast_scalar(e, v->expr, type_int(t, 64, v->ty->is_signed), at), at);
        break;
    case TYPE_FLOAT:
        emit_runtime(e, v->ty->bits == 32 ? "plrt_print_float32" : "plrt_print_float", v->expr, at);
        break;
    case TYPE_COMPLEX:
        emit_runtime(e, "plrt_print_complex", elab_cast_scalar(e, v->expr, type_complex(t, 128), at), at);
        break;
    case TYPE_ARRAY:
        emit_runtime(e, "plrt_print_array", kir_ref(e->m, elab_array_var(e, v), at), at);
        break;
    default:
        return false;
    }
    return true;
}

static bool print_value(elab *e, const value *given, span at) {
    value v = elab_constant_text(e, given);
    switch (v.kind) {
    case VAL_STRING:
        print_text(e, v.text->text, v.text->len, at);
        return true;
    case VAL_TUPLE:
        return print_items(e, &v, at);
    case VAL_FORMATTED:
        for (uint32_t i = 0; i < v.len; i++)
            if (!print_value(e, &v.items[i], at))
                return false;
        return true;
    case VAL_EXPR:
        return print_scalar(e, &v, at);
    default:
        elab_error(e, DIAG_TYPING, at, NULL, "print() of %s", value_describe(e, &v));
        return false;
    }
}

static value call_print(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    (void)b, (void)n;
    const value *items = &args[0];
    value none = value_none(e, at);
    const char *separator = args[1].kind == VAL_STRING ? args[1].text->text : " ";
    for (uint32_t i = 0; i < items->len; i++) {
        if (i)
            print_text(e, separator, strlen(separator), at);
        if (!print_value(e, &items->items[i], at))
            return value_invalid(at);
    }
    const char *end = args[2].kind == VAL_STRING ? args[2].text->text : "\n";
    print_text(e, end, strlen(end), at);
    emit_runtime(e, "plrt_print_end", NULL, at);
    return none;
}

/* ---- threads ---------------------------------------------------------------------------------------------------------------------------------- */

/* A function of the runtime without arguments that gives an integer. */
static value call_thread_number(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    static const char *const names[] = {"plrt_get_num_threads", "plrt_get_thread_id", "plrt_get_chunksize"};
    (void)args, (void)n;
    kir_stmt *s = kir_stmt_new(e->m, KIR_RUNTIME, at);
    s->name = names[b->code];
    kir_var *result = kir_temp_new(e->m, e->fn, type_int(e->m->types, b->code == 2 ? 64 : 32, true), at);
    vec_push(e->a, &s->results, result);
    elab_emit(e, s);
    return value_of(e, kir_cast(e->m, kir_ref(e->m, result, at), type_int64(e->m->types), at));
}

static value call_set_threads(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    (void)n;
    types *t = e->m->types;
    if (!is_integer(&args[0]))
        return elab_error(e, DIAG_TYPING, at, NULL, "the number is an integer, not %s", value_describe(e, &args[0]));
    kir_stmt *s = kir_stmt_new(e->m, KIR_RUNTIME, at);
    s->name = b->code ? "plrt_set_chunksize" : "plrt_set_num_threads";
    type *wide = type_int(t, b->code ? 64 : 32, true);
    vec_push(e->a, &s->index, elab_cast_scalar(e, args[0].expr, wide, at));
    kir_var *result = kir_temp_new(e->m, e->fn, wide, at);
    vec_push(e->a, &s->results, result);
    elab_emit(e, s);
    kir_expr *ok = kir_binary(e->m, KIR_OP_GE, kir_ref(e->m, result, at), kir_const_int(e->m, wide, 0, at), at);
    elab_check(e, ok, "ValueError",
               b->code ? "chunk size must be greater than or equal to zero"
                       : "The number of threads must be between 1 and the number that were launched",
               NULL, 0, at);
    return b->code ? value_of(e, kir_ref(e->m, result, at)) : value_none(e, at);
}

/* ---- methods of numbers and tuples -------------------------------------------------------------------------------------------------------------- */

static value call_tuple_index(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    (void)n;
    if (args[0].kind != VAL_TUPLE)
        return elab_error(e, DIAG_TYPING, at, NULL, "this is not a tuple");
    return elab_call_library(e, b->code ? "builtins_tuple_count" : "builtins_tuple_index", args, 2, at);
}

static value call_slice_indices(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    (void)b, (void)n;
    value parts[4] = {args[0].items[0], args[0].items[1], args[0].items[2], args[1]};
    return elab_call_library(e, "builtins_slice_indices", parts, 4, at);
}

const builtin builtin_table[] = {
    {"builtins.range", "*args", call_range, NULL, 0},
    {"plait.prange", "*args", call_range, NULL, 1},
    {"builtins.len", "obj, /", call_len, NULL, 0},
    {"builtins.enumerate", "iterable, start=0", call_enumerate, NULL, 0},
    {"builtins.zip", "*iterables", call_zip, NULL, 0},
    {"builtins.reversed", "sequence, /", call_reversed, NULL, 0},
    {"builtins.iter", "iterable, /", call_identity, NULL, 0},
    {"builtins.tuple", "iterable=None, /", call_tuple, NULL, 0},
    {"builtins.slice", "*args", call_slice, NULL, 0},
    {"builtins.abs", "x, /", call_abs, NULL, 0},
    {"builtins.min", "*args", call_extreme, NULL, 0},
    {"builtins.max", "*args", call_extreme, NULL, 1},
    {"builtins.sum", "iterable, /, start=0", call_fold, NULL, 0},
    {"builtins.all", "iterable, /", call_fold, NULL, 1},
    {"builtins.any", "iterable, /", call_fold, NULL, 2},
    {"builtins.round", "number, ndigits=None", call_round, NULL, 0},
    {"builtins.divmod", "x, y, /", call_divmod, NULL, 0},
    {"builtins.pow", "base, exp, mod=None", call_pow, NULL, 0},
    {"builtins.isinstance", "obj, class_or_tuple, /", call_isinstance, NULL, 0},
    {"builtins.type", "obj, /", call_type, NULL, 0},
    {"builtins.getattr", "obj, name, /", call_getattr, NULL, 0},
    {"builtins.ord", "c, /", call_ord, NULL, 0},
    {"builtins.print", "*args, sep=None, end=None", call_print, NULL, 0},
    {"builtins.object", "*args", call_class, NULL, 0},
    {"builtins.str", "*args", call_class, NULL, 2},
    {"builtins.list", "*args", call_class, NULL, 1},
    {"builtins.dict", "*args", call_class, NULL, 1},
    {"builtins.set", "*args", call_class, NULL, 1},
    {"builtins.frozenset", "*args", call_class, NULL, 1},
    {"builtins.bytes", "*args", call_class, NULL, 1},
    {"builtins.map", "*args", call_class, NULL, 1},
    {"builtins.filter", "*args", call_class, NULL, 1},
    {"builtins.sorted", "*args", call_class, NULL, 1},
    {"builtins.next", "*args", call_class, NULL, 1},
    {"builtins.hash", "*args", call_class, NULL, 3},
    {"builtins.repr", "*args", call_class, NULL, 2},
    {"builtins.open", "*args", call_class, NULL, 3},
    {"builtins.input", "*args", call_class, NULL, 3},
    {"builtins.eval", "*args", call_class, NULL, 3},
    {"builtins.exec", "*args", call_class, NULL, 3},
    {"builtins.super", "*args", call_class, NULL, 0},
    {"numpy.ndarray", "*args", call_class, NULL, 0},
    {"numpy.generic", "*args", call_class, NULL, 0},
    {"numpy.number", "*args", call_class, NULL, 0},
    {"numpy.integer", "*args", call_class, NULL, 0},
    {"numpy.signedinteger", "*args", call_class, NULL, 0},
    {"numpy.unsignedinteger", "*args", call_class, NULL, 0},
    {"numpy.inexact", "*args", call_class, NULL, 0},
    {"numpy.floating", "*args", call_class, NULL, 0},
    {"numpy.complexfloating", "*args", call_class, NULL, 0},
    {"plait.literally", "x, /", call_literally, NULL, 0},
    {"plait.literal_unroll", "x, /", call_identity, NULL, 0},
    {"plait.get_num_threads", "", call_thread_number, NULL, 0},
    {"plait.get_thread_id", "", call_thread_number, NULL, 1},
    {"plait.get_parallel_chunksize", "", call_thread_number, NULL, 2},
    {"plait.set_num_threads", "n, /", call_set_threads, NULL, 0},
    {"plait.set_parallel_chunksize", "n, /", call_set_threads, NULL, 1},
    {"tuple.index", "self, x, /", call_tuple_index, NULL, 0},
    {"tuple.count", "self, x, /", call_tuple_index, NULL, 1},
    {"slice.indices", "self, n, /", call_slice_indices, NULL, 0},
    {.name = NULL},
};
