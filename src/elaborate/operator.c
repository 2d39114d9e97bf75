/* Operators and conversions of scalars and tuples, by Numba's rules: integers compute in 64 bits and wrap, `/` of
 * integers is a float, `//` and `%` round down, a zero divisor raises unless error_model='numpy'. Arrays go to ufunc.c.
 * Small constant powers are products (as NumPy and Numba do, and so that loops with them vectorise). */
#include "elaborate/flow.h"

enum { LARGEST_UNROLLED_POWER = 4 };

const char *elab_op_text(ast_op op) {
    static const char *const names[OP_COUNT] = {
        [OP_And] = "and",   [OP_Or] = "or",        [OP_Add] = "+",    [OP_Sub] = "-",        [OP_Mult] = "*",
        [OP_MatMult] = "@", [OP_Div] = "/",        [OP_Mod] = "%",    [OP_Pow] = "**",       [OP_LShift] = "<<",
        [OP_RShift] = ">>", [OP_BitOr] = "|",      [OP_BitXor] = "^", [OP_BitAnd] = "&",     [OP_FloorDiv] = "//",
        [OP_Invert] = "~",  [OP_Not] = "not",      [OP_UAdd] = "+",   [OP_USub] = "-",       [OP_Eq] = "==",
        [OP_NotEq] = "!=",  [OP_Lt] = "<",         [OP_LtE] = "<=",   [OP_Gt] = ">",         [OP_GtE] = ">=",
        [OP_Is] = "is",     [OP_IsNot] = "is not", [OP_In] = "in",    [OP_NotIn] = "not in",
    };
    return names[op] ? names[op] : "?";
}

static value refuse(elab *e, ast_op op, const value *a, const value *b, span at) {
    return elab_error(e, DIAG_TYPING, at, value_remedy(a) ? value_remedy(a) : value_remedy(b),
                      "unsupported operand types for %s: %s and %s", elab_op_text(op), value_describe(e, a),
                      value_describe(e, b));
}

static bool is_poison(const value *v) {
    return v->kind == VAL_INVALID || v->kind == VAL_BOTTOM;
}
static const value *poison_of(const value *a, const value *b) {
    return is_poison(a) ? a : b;
}

/* ---- conversions ------------------------------------------------------------------------------------------------------ */

kir_expr *elab_cast_scalar(elab *e, kir_expr *x, type *to, span at) {
    if (x->ty == to)
        return x;
    if (to->kind == TYPE_BOOL && x->ty->kind == TYPE_COMPLEX) {
        value v = value_of(e, x);
        return elab_truth(e, &v, at);
    }
    return kir_cast(e->m, x, to, at);
}

/* Gives an array a wider type (any layout, read-only) without copying: a view of all of it. */
static value weaken_array(elab *e, const value *v, type *to, span at) {
    kir_var *array = elab_array_var(e, v);
    kir_expr *view = kir_expr_new(e->m, KIR_VIEW, to, 0, at);
    view->var = array;
    view->subs.n = to->ndim;
    view->subs.at = arena_array(e->a, kir_sub, to->ndim ? to->ndim : 1);
    for (uint32_t i = 0; i < to->ndim; i++)
        view->subs.at[i] =
            (kir_sub){KIR_SUB_RANGE, kir_int(e->m, 0, at), kir_dim(e->m, array, i, at), kir_int(e->m, 1, at)};
    return value_of(e, view);
}

static value convert_tuple(elab *e, const value *v, type *to, span at) {
    value *items = arena_array(e->a, value, v->len ? v->len : 1);
    for (uint32_t i = 0; i < v->len; i++) {
        items[i] = elab_convert(e, &v->items[i], to->items[i], at);
        if (is_poison(&items[i]))
            return items[i];
    }
    value out = value_tuple(e, items, v->len, at);
    if (to->fields)
        out.ty = to;
    return out;
}

value elab_convert(elab *e, const value *v, type *to, span at) {
    if (is_poison(v))
        return *v;
    if (v->kind == VAL_EXPR && v->ty == to)
        return *v;
    if (value_is_scalar(v) && type_is_number(to) && type_can_convert(v->ty, to)) {
        value out = value_of(e, elab_cast_scalar(e, v->expr, to, at));
        out.at = v->at;
        return out;
    }
    if (value_is_array(v) && to->kind == TYPE_ARRAY && type_can_cast_safely(v->ty, to))
        return weaken_array(e, v, to, at);
    if (v->kind == VAL_NONE && to->kind == TYPE_NONE)
        return *v;
    if (v->kind == VAL_TUPLE && to->kind == TYPE_TUPLE && to->len == v->len)
        return convert_tuple(e, v, to, at);
    return elab_error(e, DIAG_TYPING, at, NULL, "cannot convert %s to %s", value_describe(e, v),
                      type_name(e->m->types, to));
}

static kir_expr *zero_like(elab *e, type *t, span at) {
    if (t->kind == TYPE_FLOAT)
        return kir_const_float(e->m, t, 0, at);
    if (t->kind == TYPE_COMPLEX)
        return kir_const_complex(e->m, t, 0, 0, at);
    return kir_const_int(e->m, t, 0, at);
}

kir_expr *elab_not(elab *e, kir_expr *x) {
    return kir_unary(e->m, KIR_OP_NOT, x, x->at);
}

bool elab_literal_truth(elab *e, const value *v, bool *truth) {
    (void)e;
    int64_t i;
    switch (v->kind) {
    case VAL_NONE:
        *truth = false;
        return true;
    case VAL_TUPLE:
        *truth = v->len > 0;
        return true;
    case VAL_STRING:
        *truth = v->text->len > 0;
        return true;
    case VAL_EXPR:
        if (!v->literal)
            return false;
        if (v->ty->kind == TYPE_FLOAT)
            *truth = v->expr->value.f != 0;
        else if (v->ty->kind == TYPE_COMPLEX)
            *truth = v->expr->value.c[0] != 0 || v->expr->value.c[1] != 0;
        else if (kir_is_const_int(v->expr, &i))
            *truth = i != 0;
        else
            return false;
        return true;
    case VAL_INVALID:
    case VAL_BOTTOM:
    case VAL_RANGE:
    case VAL_ITERATOR:
        return false;
    default:
        *truth = true;
        return true;
    }
}

kir_expr *elab_truth(elab *e, const value *v, span at) {
    bool known;
    if (elab_literal_truth(e, v, &known))
        return kir_bool(e->m, known, at);
    if (v->kind == VAL_BOTTOM)
        return kir_bool(e->m, true, at);
    if (v->kind == VAL_RANGE) {
        value n = elab_sequence_length(e, v, at);
        return n.kind == VAL_EXPR ? elab_truth(e, &n, at) : NULL;
    }
    if (value_is_array(v)) {
        elab_error(e, DIAG_TYPING, at, "use .any() or .all()", "the truth of an array is ambiguous");
        return NULL;
    }
    if (!value_is_scalar(v)) {
        if (v->kind != VAL_INVALID)
            elab_error(e, DIAG_TYPING, at, NULL, "%s has no truth value", value_describe(e, v));
        return NULL;
    }
    if (v->ty->kind == TYPE_BOOL)
        return v->expr;
    return kir_binary(e->m, KIR_OP_NE, v->expr, zero_like(e, v->ty, at), at);
}

/* Two uses of one operand: variables and constants are copied, the rest is held first. */
static kir_expr *share(elab *e, kir_expr **x) {
    if ((*x)->kind != KIR_VAR && (*x)->kind != KIR_CONST)
        *x = elab_hold(e, *x);
    return kir_copy_expr(e->m, *x, NULL);
}

/* ---- arithmetic --------------------------------------------------------------------------------------------------------- */

typedef struct division {
    const char *of_ints, *of_floats;
} division;

static kir_expr *is_nonzero(elab *e, kir_expr *x, span at) {
    return kir_binary(e->m, KIR_OP_NE, x, zero_like(e, x->ty, at), at);
}

/* Makes sure that *b is not zero, or with NumPy's rules puts 1 in the place of an integer zero and gives the condition
 * under which the quotient counts. */
static kir_expr *guard_divisor(elab *e, kir_expr **b, division messages, span at) {
    type *t = (*b)->ty;
    if (!e->m->options.numpy_errors) {
        const char *said = t->kind == TYPE_INT     ? messages.of_ints
                           : t->kind == TYPE_FLOAT ? messages.of_floats
                                                   : "complex division by zero";
        kir_expr *again = share(e, b);
        elab_check(e, is_nonzero(e, again, at), "ZeroDivisionError", said, NULL, 0, at);
        return NULL;
    }
    if (t->kind != TYPE_INT)
        return NULL;
    kir_expr *counts = is_nonzero(e, share(e, b), at);
    *b = kir_select(e->m, is_nonzero(e, share(e, b), at), share(e, b), kir_const_int(e->m, t, 1, at), at);
    return counts;
}

static value divide(elab *e, ast_op op, kir_expr *a, kir_expr *b, span at) {
    static const division div = {"division by zero", "float division by zero"};
    static const division floordiv = {"integer division or modulo by zero", "float floor division by zero"};
    static const division mod = {"integer modulo by zero", "float modulo"};
    division messages = op == OP_Div ? div : op == OP_FloorDiv ? floordiv : mod;
    if (op == OP_Div && type_is_integer(b->ty)) {
        if (!e->m->options.numpy_errors)
            elab_check(e, is_nonzero(e, share(e, &b), at), "ZeroDivisionError", messages.of_ints, NULL, 0, at);
        type *f = type_float64(e->m->types);
        return value_of(e,
                        kir_binary(e->m, KIR_OP_DIV, elab_cast_scalar(e, a, f, at), elab_cast_scalar(e, b, f, at), at));
    }
    kir_expr *counts = guard_divisor(e, &b, messages, at);
    kir_op code = op == OP_Div ? KIR_OP_DIV : op == OP_FloorDiv ? KIR_OP_FLOORDIV : KIR_OP_MOD;
    kir_expr *q = kir_binary(e->m, code, a, b, at);
    if (counts)
        q = kir_select(e->m, counts, q, kir_const_int(e->m, q->ty, 0, at), at);
    return value_of(e, q);
}

static kir_expr *one_like(elab *e, type *t, span at) {
    if (t->kind == TYPE_FLOAT)
        return kir_const_float(e->m, t, 1, at);
    if (t->kind == TYPE_COMPLEX)
        return kir_const_complex(e->m, t, 1, 0, at);
    return kir_const_int(e->m, t, 1, at);
}

/* x**n for a small constant n >= 0. */
static kir_expr *product_power(elab *e, kir_expr *x, int64_t n, span at) {
    if (n == 0)
        return one_like(e, x->ty, at);
    if (n == 1)
        return x;
    kir_expr *first = share(e, &x);
    kir_expr *square = kir_binary(e->m, KIR_OP_MUL, first, kir_copy_expr(e->m, x, NULL), at);
    if (n == 2)
        return square;
    if (n == 3)
        return kir_binary(e->m, KIR_OP_MUL, square, kir_copy_expr(e->m, x, NULL), at);
    kir_expr *held = elab_hold(e, square);
    return kir_binary(e->m, KIR_OP_MUL, held, kir_copy_expr(e->m, held, NULL), at);
}

static void check_zero_power(elab *e, kir_expr *base_is_zero, kir_expr *exponent_is_negative, span at) {
    if (e->m->options.numpy_errors)
        return;
    kir_expr *bad = kir_binary(e->m, KIR_OP_AND, exponent_is_negative, base_is_zero, at);
    elab_check(e, elab_not(e, bad), "ZeroDivisionError", "0.0 cannot be raised to a negative power", NULL, 0, at);
}

static value integer_power(elab *e, kir_expr *a, kir_expr *b, span at) {
    type *t = type_promote_scalar(e->m->types, a->ty, b->ty);
    int64_t n;
    bool known = kir_is_const_int(b, &n);
    a = elab_cast_scalar(e, a, t, at);
    if (known && n >= 0 && n <= LARGEST_UNROLLED_POWER)
        return value_of(e, product_power(e, a, n, at));
    b = elab_cast_scalar(e, b, t, at);
    if (t->is_signed && !(known && n >= 0)) {
        kir_expr *zero = kir_const_int(e->m, t, 0, at);
        kir_expr *negative = kir_binary(e->m, KIR_OP_LT, share(e, &b), zero, at);
        kir_expr *is_zero = kir_binary(e->m, KIR_OP_EQ, share(e, &a), kir_const_int(e->m, t, 0, at), at);
        check_zero_power(e, is_zero, negative, at);
    }
    return value_of(e, kir_binary(e->m, KIR_OP_POW, a, b, at));
}

/* x ** -n of constants, as Python: one over the power, a float. */
static value reciprocal_power(elab *e, kir_expr *a, int64_t n, span at) {
    type *t = type_is_integer(a->ty) ? type_float64(e->m->types) : a->ty;
    a = elab_cast_scalar(e, a, t, at);
    if (!e->m->options.numpy_errors)
        elab_check(e, is_nonzero(e, share(e, &a), at), "ZeroDivisionError",
                   t->kind == TYPE_COMPLEX ? "0.0 to a negative or complex power"
                                           : "0.0 cannot be raised to a negative power",
                   NULL, 0, at);
    return value_of(e, kir_binary(e->m, KIR_OP_DIV, one_like(e, t, at), product_power(e, a, n, at), at));
}

static value power(elab *e, const value *a, const value *b, span at) {
    int64_t n;
    if (value_literal_int(b, &n) && n < 0 && n >= -LARGEST_UNROLLED_POWER)
        return reciprocal_power(e, a->expr, -n, at);
    if (type_is_integer(a->ty) && type_is_integer(b->ty))
        return integer_power(e, a->expr, b->expr, at);
    if (value_literal_int(b, &n) && n >= 0 && n <= LARGEST_UNROLLED_POWER)
        return value_of(e, product_power(e, a->expr, n, at));
    type *t = type_is_integer(b->ty) ? a->ty : type_promote_scalar(e->m->types, a->ty, b->ty);
    kir_expr *x = elab_cast_scalar(e, a->expr, t, at), *y = elab_cast_scalar(e, b->expr, t, at);
    return value_of(e, kir_binary(e->m, KIR_OP_POW, x, y, at));
}

static value shift(elab *e, ast_op op, const value *a, const value *b, span at) {
    if (!type_is_integer(a->ty) || !type_is_integer(b->ty))
        return refuse(e, op, a, b, at);
    type *t = type_promote_scalar(e->m->types, a->ty, a->ty);
    type *count_type = type_promote_scalar(e->m->types, b->ty, b->ty);
    kir_expr *count = elab_cast_scalar(e, b->expr, count_type, at);
    if (count_type->is_signed && !e->m->options.numpy_errors) {
        kir_expr *zero = kir_const_int(e->m, count_type, 0, at);
        elab_check(e, kir_binary(e->m, KIR_OP_GE, share(e, &count), zero, at), "ValueError", "negative shift count",
                   NULL, 0, at);
    }
    return value_of(e, kir_binary(e->m, op == OP_LShift ? KIR_OP_SHL : KIR_OP_SHR, elab_cast_scalar(e, a->expr, t, at),
                                  elab_cast_scalar(e, count, t, at), at));
}

static value bits(elab *e, ast_op op, const value *a, const value *b, span at) {
    if (!type_is_integer(a->ty) || !type_is_integer(b->ty))
        return refuse(e, op, a, b, at);
    kir_op code = op == OP_BitAnd ? KIR_OP_AND : op == OP_BitOr ? KIR_OP_OR : KIR_OP_XOR;
    bool bools = a->ty->kind == TYPE_BOOL && b->ty->kind == TYPE_BOOL;
    type *t = bools ? a->ty : type_promote_scalar(e->m->types, a->ty, b->ty);
    return value_of(
        e, kir_binary(e->m, code, elab_cast_scalar(e, a->expr, t, at), elab_cast_scalar(e, b->expr, t, at), at));
}

static value scalar_binary(elab *e, ast_op op, const value *a, const value *b, span at) {
    switch (op) {
    case OP_LShift:
    case OP_RShift:
        return shift(e, op, a, b, at);
    case OP_BitAnd:
    case OP_BitOr:
    case OP_BitXor:
        return bits(e, op, a, b, at);
    case OP_Pow:
        return power(e, a, b, at);
    case OP_MatMult:
        return refuse(e, op, a, b, at);
    default:
        break;
    }
    type *t = type_promote_scalar(e->m->types, a->ty, b->ty);
    if (t->kind == TYPE_COMPLEX && (op == OP_FloorDiv || op == OP_Mod))
        return refuse(e, op, a, b, at);
    if (op == OP_Div && type_is_integer(t)) /* each as a real number: there is no type for int64 and uint64 */
        return divide(e, op, a->expr, b->expr, at);
    kir_expr *x = elab_cast_scalar(e, a->expr, t, at), *y = elab_cast_scalar(e, b->expr, t, at);
    if (op == OP_Div || op == OP_FloorDiv || op == OP_Mod)
        return divide(e, op, x, y, at);
    kir_op code = op == OP_Add ? KIR_OP_ADD : op == OP_Sub ? KIR_OP_SUB : KIR_OP_MUL;
    return value_of(e, kir_binary(e->m, code, x, y, at));
}

/* ---- tuples and strings -------------------------------------------------------------------------------------------------- */

static value join_tuples(elab *e, const value *a, const value *b, span at) {
    value *items = arena_array(e->a, value, a->len + b->len + 1);
    for (uint32_t i = 0; i < a->len; i++)
        items[i] = a->items[i];
    for (uint32_t i = 0; i < b->len; i++)
        items[a->len + i] = b->items[i];
    return value_tuple(e, items, a->len + b->len, at);
}

static value repeat_tuple(elab *e, const value *a, int64_t times, span at) {
    if (times < 0)
        times = 0;
    if ((uint64_t)times * a->len > 1000)
        return elab_error(e, DIAG_UNSUPPORTED, at, "use an array", "a tuple of more than 1000 items");
    value held = elab_hold_value(e, a);
    uint32_t n = (uint32_t)times * a->len;
    value *items = arena_array(e->a, value, n + 1);
    for (uint32_t i = 0; i < n; i++)
        items[i] = value_again(e, &held.items[i % a->len]);
    return value_tuple(e, items, n, at);
}

static value join_strings(elab *e, const value *a, const value *b, span at) {
    char *joined = arena_alloc(e->a, (size_t)a->text->len + b->text->len + 1);
    for (uint32_t i = 0; i < a->text->len; i++)
        joined[i] = a->text->text[i];
    for (uint32_t i = 0; i < b->text->len; i++)
        joined[a->text->len + i] = b->text->text[i];
    return value_string(e, sym_intern(e->m->syms, joined, (size_t)a->text->len + b->text->len), at);
}

value elab_binary(elab *e, ast_op op, const value *a, const value *b, span at) {
    if (is_poison(a) || is_poison(b))
        return *poison_of(a, b);
    int64_t times;
    if (a->kind == VAL_EXPR && b->kind == VAL_EXPR) {
        value v = value_is_array(a) || value_is_array(b) ? elab_array_binary(e, op, a, b, at)
                                                         : scalar_binary(e, op, a, b, at);
        v.at = at;
        return v;
    }
    if (a->kind == VAL_TUPLE && b->kind == VAL_TUPLE && op == OP_Add)
        return join_tuples(e, a, b, at);
    if (a->kind == VAL_TUPLE && op == OP_Mult && value_literal_int(b, &times))
        return repeat_tuple(e, a, times, at);
    if (b->kind == VAL_TUPLE && op == OP_Mult && value_literal_int(a, &times))
        return repeat_tuple(e, b, times, at);
    if (a->kind == VAL_STRING && b->kind == VAL_STRING && op == OP_Add)
        return join_strings(e, a, b, at);
    if ((value_is_array(a) && b->kind == VAL_TUPLE) || (value_is_array(b) && a->kind == VAL_TUPLE))
        return elab_array_binary(e, op, a, b, at);
    return refuse(e, op, a, b, at);
}

value elab_unary(elab *e, ast_op op, const value *a, span at) {
    if (is_poison(a))
        return *a;
    if (op == OP_Not) {
        kir_expr *x = elab_truth(e, a, at);
        return x ? value_of(e, elab_not(e, x)) : value_invalid(at);
    }
    if (value_is_array(a))
        return elab_array_unary(e, op, a, at);
    if (!value_is_scalar(a))
        return elab_error(e, DIAG_TYPING, at, value_remedy(a), "bad operand type for unary %s: %s", elab_op_text(op),
                          value_describe(e, a));
    if (op == OP_Invert && a->ty->kind == TYPE_BOOL)
        return value_of(e, elab_not(e, a->expr));
    if (op == OP_Invert && a->ty->kind != TYPE_INT)
        return elab_error(e, DIAG_TYPING, at, NULL, "bad operand type for unary ~: %s", value_describe(e, a));
    type *t = type_is_integer(a->ty) ? type_promote_scalar(e->m->types, a->ty, a->ty) : a->ty;
    kir_expr *x = elab_cast_scalar(e, a->expr, t, at);
    if (op == OP_UAdd)
        return value_of(e, x);
    value v = value_of(e, kir_unary(e->m, op == OP_USub ? KIR_OP_NEG : KIR_OP_INVERT, x, at));
    v.at = at;
    return v;
}

/* ---- comparisons ----------------------------------------------------------------------------------------------------------- */

static kir_op comparison_code(ast_op op) {
    switch (op) {
    case OP_Eq:
        return KIR_OP_EQ;
    case OP_NotEq:
        return KIR_OP_NE;
    case OP_Lt:
        return KIR_OP_LT;
    case OP_LtE:
        return KIR_OP_LE;
    case OP_Gt:
        return KIR_OP_GT;
    default:
        return KIR_OP_GE;
    }
}

static ast_op mirrored(ast_op op) {
    switch (op) {
    case OP_Lt:
        return OP_Gt;
    case OP_LtE:
        return OP_GtE;
    case OP_Gt:
        return OP_Lt;
    case OP_GtE:
        return OP_LtE;
    default:
        return op;
    }
}

/* int64 against uint64, exactly: a negative number is less than every unsigned one. */
static kir_expr *compare_mixed_signs(elab *e, ast_op op, kir_expr *a, kir_expr *b, span at) {
    if (!a->ty->is_signed)
        return compare_mixed_signs(e, mirrored(op), b, a, at);
    kir_expr *negative = kir_binary(e->m, KIR_OP_LT, share(e, &a), kir_const_int(e->m, a->ty, 0, at), at);
    kir_expr *same = kir_binary(e->m, comparison_code(op), kir_cast(e->m, a, b->ty, at), b, at);
    bool when_negative = op == OP_Lt || op == OP_LtE || op == OP_NotEq;
    return when_negative ? kir_binary(e->m, KIR_OP_OR, negative, same, at)
                         : kir_binary(e->m, KIR_OP_AND, elab_not(e, negative), same, at);
}

static value compare_scalars(elab *e, ast_op op, const value *a, const value *b, span at) {
    types *t = e->m->types;
    kir_expr *x = a->expr, *y = b->expr;
    if (type_is_integer(x->ty) && type_is_integer(y->ty)) {
        type *tx = type_promote_scalar(t, x->ty, x->ty), *ty = type_promote_scalar(t, y->ty, y->ty);
        if (x->ty == y->ty)
            tx = ty = x->ty;
        bool small = (x->ty->bits < 64 || x->ty->is_signed) && (y->ty->bits < 64 || y->ty->is_signed);
        if (tx != ty && small)
            tx = ty = type_int64(t);
        x = elab_cast_scalar(e, x, tx, at);
        y = elab_cast_scalar(e, y, ty, at);
        if (tx != ty)
            return value_of(e, compare_mixed_signs(e, op, x, y, at));
        return value_of(e, kir_binary(e->m, comparison_code(op), x, y, at));
    }
    type *common = type_promote_scalar(t, x->ty, y->ty);
    if (common->kind == TYPE_COMPLEX && op != OP_Eq && op != OP_NotEq)
        return elab_error(e, DIAG_TYPING, at, "compare abs(z), z.real or z.imag",
                          "%s is not defined for complex numbers", elab_op_text(op));
    return value_of(e, kir_binary(e->m, comparison_code(op), elab_cast_scalar(e, x, common, at),
                                  elab_cast_scalar(e, y, common, at), at));
}

static value combine(elab *e, kir_op op, const value *a, const value *b, span at) {
    if (is_poison(a) || is_poison(b))
        return *poison_of(a, b);
    if (value_is_array(a) || value_is_array(b))
        return elab_error(e, DIAG_TYPING, at, "use .any() or .all()", "the truth of an array is ambiguous");
    return value_of(e, kir_binary(e->m, op, a->expr, b->expr, at));
}

static value tuples_equal(elab *e, const value *a, const value *b, span at) {
    if (a->len != b->len)
        return value_bool(e, false, at);
    value all = value_bool(e, true, at);
    for (uint32_t i = 0; i < a->len; i++) {
        value same = elab_compare(e, OP_Eq, &a->items[i], &b->items[i], at);
        all = combine(e, KIR_OP_AND, &all, &same, at);
        if (is_poison(&all))
            return all;
    }
    return all;
}

/* Lexicographic order, from the last common item backwards. */
static value tuples_ordered(elab *e, ast_op op, const value *a, const value *b, span at) {
    uint32_t n = a->len < b->len ? a->len : b->len;
    bool when_equal = op == OP_Lt    ? a->len < b->len
                      : op == OP_LtE ? a->len <= b->len
                      : op == OP_Gt  ? a->len > b->len
                                     : a->len >= b->len;
    value x = elab_hold_value(e, a), y = elab_hold_value(e, b);
    value rest = value_bool(e, when_equal, at);
    for (uint32_t i = n; i-- > 0;) {
        value p = value_again(e, &x.items[i]), q = value_again(e, &y.items[i]);
        value r = value_again(e, &x.items[i]), s = value_again(e, &y.items[i]);
        value strict = elab_compare(e, op == OP_Lt || op == OP_LtE ? OP_Lt : OP_Gt, &p, &q, at);
        value same = elab_compare(e, OP_Eq, &r, &s, at);
        value tail = combine(e, KIR_OP_AND, &same, &rest, at);
        rest = combine(e, KIR_OP_OR, &strict, &tail, at);
        if (is_poison(&rest))
            return rest;
    }
    return rest;
}

static value negate_if(elab *e, bool negate, const value *v) {
    if (!negate || v->kind != VAL_EXPR)
        return *v;
    return value_of(e, elab_not(e, v->expr));
}

static bool has_dtype(const value *v) {
    return v->kind == VAL_TYPE;
}

static value is_same(elab *e, const value *a, const value *b, span at) {
    bool x, y;
    if (a->kind == VAL_NONE || b->kind == VAL_NONE)
        return value_bool(e, a->kind == b->kind, at);
    if (has_dtype(a) && has_dtype(b))
        return value_bool(e, a->ty == b->ty, at);
    if (value_literal_bool(a, &x) && value_literal_bool(b, &y))
        return value_bool(e, x == y, at);
    if (value_is_scalar(a) && value_is_scalar(b) && a->ty->kind == TYPE_BOOL && b->ty->kind == TYPE_BOOL)
        return compare_scalars(e, OP_Eq, a, b, at);
    if (value_is_array(a) && value_is_array(b) && a->expr->kind == KIR_VAR && a->expr->var == b->expr->var)
        return value_bool(e, true, at);
    if (a->kind != VAL_EXPR && b->kind != VAL_EXPR)
        return value_bool(e, value_same_shape(a, b), at);
    if (a->kind != b->kind)
        return value_bool(e, false, at);
    return elab_error(e, DIAG_UNSUPPORTED, at, "use == for values", "'is' between %s and %s", value_describe(e, a),
                      value_describe(e, b));
}

static value in_tuple(elab *e, const value *x, const value *tuple, span at) {
    value held = elab_hold_value(e, x), any = value_bool(e, false, at);
    for (uint32_t i = 0; i < tuple->len; i++) {
        value again = value_again(e, &held);
        value same = elab_compare(e, OP_Eq, &again, &tuple->items[i], at);
        any = combine(e, KIR_OP_OR, &any, &same, at);
        if (is_poison(&any))
            return any;
    }
    return any;
}

/* lo <= x < hi and x ≡ lo (mod step), with the signs turned round for a negative step. */
static value in_range(elab *e, const value *given, const value *range, span at) {
    value x = elab_hold_value(e, given), r = elab_hold_value(e, range);
    kir_expr *part[3];
    for (int i = 0; i < 3; i++)
        part[i] = r.items[i].expr;
    type *i64 = type_int64(e->m->types);
    if (!type_is_integer(x.ty))
        return elab_error(e, DIAG_TYPING, at, "convert it with int() first", "'in range' with %s",
                          value_describe(e, given));
    kir_expr *v = elab_hold(e, elab_cast_scalar(e, x.expr, i64, at));
    kir_module *m = e->m;
#define AGAIN(x) kir_copy_expr(m, (x), NULL)
    kir_expr *up = kir_binary(m, KIR_OP_AND, kir_binary(m, KIR_OP_GE, AGAIN(v), AGAIN(part[0]), at),
                              kir_binary(m, KIR_OP_LT, AGAIN(v), AGAIN(part[1]), at), at);
    kir_expr *down = kir_binary(m, KIR_OP_AND, kir_binary(m, KIR_OP_LE, AGAIN(v), AGAIN(part[0]), at),
                                kir_binary(m, KIR_OP_GT, AGAIN(v), AGAIN(part[1]), at), at);
    kir_expr *inside = kir_select(m, kir_binary(m, KIR_OP_GT, AGAIN(part[2]), kir_int(m, 0, at), at), up, down, at);
    kir_expr *offset = kir_binary(m, KIR_OP_SUB, AGAIN(v), AGAIN(part[0]), at);
    kir_expr *met =
        kir_binary(m, KIR_OP_EQ, kir_binary(m, KIR_OP_MOD, offset, AGAIN(part[2]), at), kir_int(m, 0, at), at);
#undef AGAIN
    return value_of(e, kir_binary(m, KIR_OP_AND, inside, met, at));
}

static value contains(elab *e, const value *x, const value *container, span at) {
    if (container->kind == VAL_TUPLE)
        return in_tuple(e, x, container, at);
    if (container->kind == VAL_RANGE && value_is_scalar(x))
        return in_range(e, x, container, at);
    if (container->kind == VAL_STRING && x->kind == VAL_STRING) {
        bool found = x->text->len == 0;
        for (uint32_t i = 0; !found && i + x->text->len <= container->text->len; i++) {
            found = true;
            for (uint32_t k = 0; k < x->text->len && found; k++)
                found = container->text->text[i + k] == x->text->text[k];
        }
        return value_bool(e, found, at);
    }
    if (value_is_array(container) && value_is_scalar(x)) {
        value same = elab_array_compare(e, OP_Eq, container, x, at);
        return is_poison(&same) ? same : elab_call_builtin(e, "numpy.any", &same, 1, at);
    }
    return elab_error(e, DIAG_TYPING, at, NULL, "'in' is not defined for %s in %s", value_describe(e, x),
                      value_describe(e, container));
}

static int order_strings(sym a, sym b) {
    uint32_t n = a->len < b->len ? a->len : b->len;
    for (uint32_t i = 0; i < n; i++)
        if (a->text[i] != b->text[i])
            return (uint8_t)a->text[i] < (uint8_t)b->text[i] ? -1 : 1;
    return a->len == b->len ? 0 : a->len < b->len ? -1 : 1;
}

static value compare_strings(elab *e, ast_op op, const value *a, const value *b, span at) {
    int order = order_strings(a->text, b->text);
    bool holds = op == OP_Eq      ? order == 0
                 : op == OP_NotEq ? order != 0
                 : op == OP_Lt    ? order < 0
                 : op == OP_LtE   ? order <= 0
                 : op == OP_Gt    ? order > 0
                                  : order >= 0;
    return value_bool(e, holds, at);
}

/* dtype == "float64", or with a type: by what the name says. */
static bool same_dtype(elab *e, const value *a, const value *b) {
    if (a->kind == VAL_TYPE && b->kind == VAL_TYPE)
        return a->ty == b->ty;
    const value *named = a->kind == VAL_STRING ? a : b, *known = a->kind == VAL_STRING ? b : a;
    if (known->kind != VAL_TYPE || named->kind != VAL_STRING)
        return false;
    value v = elab_object(e, arena_printf(e->a, "numpy.%s", named->text->text), a->at);
    return v.kind == VAL_TYPE && v.ty == known->ty;
}

value elab_compare(elab *e, ast_op op, const value *a, const value *b, span at) {
    if (is_poison(a) || is_poison(b))
        return *poison_of(a, b);
    value v;
    switch (op) {
    case OP_Is:
    case OP_IsNot:
        v = is_same(e, a, b, at);
        return negate_if(e, op == OP_IsNot, &v);
    case OP_In:
    case OP_NotIn:
        v = contains(e, a, b, at);
        return negate_if(e, op == OP_NotIn, &v);
    default:
        break;
    }
    bool equality = op == OP_Eq || op == OP_NotEq;
    if (a->kind == VAL_EXPR && b->kind == VAL_EXPR) {
        v = value_is_array(a) || value_is_array(b) ? elab_array_compare(e, op, a, b, at)
                                                   : compare_scalars(e, op, a, b, at);
        v.at = at;
        return v;
    }
    if (a->kind == VAL_TUPLE && b->kind == VAL_TUPLE) {
        if (!equality)
            return tuples_ordered(e, op, a, b, at);
        v = tuples_equal(e, a, b, at);
        return negate_if(e, op == OP_NotEq, &v);
    }
    if (a->kind == VAL_STRING && b->kind == VAL_STRING)
        return compare_strings(e, op, a, b, at);
    if (equality && (a->kind == VAL_TYPE || b->kind == VAL_TYPE))
        return value_bool(e, same_dtype(e, a, b) == (op == OP_Eq), at);
    if (equality && !value_is_array(a) && !value_is_array(b))
        return value_bool(e, (a->kind != VAL_EXPR && value_same_shape(a, b)) == (op == OP_Eq), at);
    return elab_error(e, DIAG_TYPING, at, NULL, "'%s' is not defined between %s and %s", elab_op_text(op),
                      value_describe(e, a), value_describe(e, b));
}
