/* Element-wise functions: NumPy's ufuncs on arrays and scalars, and the operators on arrays.
 *
 * A ufunc is a row: how the working type follows from the operands' types (NumPy's type resolution, NEP 50), and how the
 * KIR expression is built from operands of that type. Nothing is evaluated here: the result is a tree over the operands,
 * with the checks for broadcasting emitted before it. Integer division by zero gives 0, as NumPy's loops do, and never
 * raises. bool and 8-bit integers work in float32 where NumPy takes float16.
 * Functions of complex numbers that KIR's operators do not have are loops that call the runtime (complex_map). */
#include "elaborate/arrays.h"
#include "kir/op.h"

#include <math.h>
#include <string.h>

typedef enum rule {
    RULE_INVALID,
    RULE_ANY,       /* the common type */
    RULE_NUMERIC,   /* the common type, not bool */
    RULE_WIDE,      /* the common type; bool works as int8 */
    RULE_REAL,      /* as WIDE, no complex */
    RULE_REAL_BOOL, /* as ANY, no complex */
    RULE_DIVIDE,    /* integers to float64 */
    RULE_FLOAT,     /* integers to float32 or float64, real only */
    RULE_CFLOAT,    /* the same, complex too */
    RULE_DOUBLE,    /* at least float64 */
    RULE_BITS,      /* integers and bool */
    RULE_SHIFT,     /* integers; bool works as int8 */
    RULE_LOGIC      /* every operand to bool */
} rule;

typedef struct ufunc ufunc;
typedef kir_expr *(*ufunc_build)(elab *e, const ufunc *u, kir_expr **x, type *t, span at); /* NULL after an error */
struct ufunc {
    const char *name;
    uint32_t n;
    rule rule;
    ufunc_build build;
    kir_op op;
    int32_t complex_function; /* plrt_cmath + 1, or 0 */
};

enum { /* plrt_cmath + 1 */
       CSQRT = 1,
       CEXP,
       CLOG,
       CLOG10,
       CSIN,
       CCOS,
       CTAN,
       CASIN,
       CACOS,
       CATAN,
       CSINH,
       CCOSH,
       CTANH,
       CASINH,
       CACOSH,
       CATANH
};

/* ---- building blocks -------------------------------------------------------------------------------------------------- */

/* Constants in a tree of working type t. */
static kir_expr *constant(elab *e, type *t, double c, span at) {
    kir_module *m = elab_module(e);
    if (type_is_integer(t))
        return kir_const_int(m, t, (int64_t)c, at);
    return t->kind == TYPE_COMPLEX ? kir_const_complex(m, t, c, 0, at) : kir_const_float(m, t, c, at);
}

static kir_expr *bin(elab *e, kir_op op, kir_expr *a, kir_expr *b, span at) {
    return kir_binary(elab_module(e), op, a, b, at);
}

static kir_expr *part_of(elab *e, kir_expr_kind kind, kir_expr *z, span at) {
    kir_module *m = elab_module(e);
    type *t = kir_elem_type(z->ty);
    type *part = type_float(m->types, t->bits / 2);
    kir_expr *x = kir_expr_new(m, kind, kir_elementwise_type(m, part, &z, 1), 1, at);
    x->args[0] = z;
    return x;
}

static kir_expr *math1(elab *e, kir_op op, kir_expr *x, span at) {
    return kir_math(elab_module(e), op, kir_elem_type(x->ty), &x, 1, at);
}

static kir_expr *test1(elab *e, kir_op op, kir_expr *x, span at) {
    kir_module *m = elab_module(e);
    return kir_math(m, op, type_bool(m->types), &x, 1, at);
}

static kir_expr *build_unary(elab *e, const ufunc *u, kir_expr **x, type *t, span at) {
    (void)t;
    return kir_unary(elab_module(e), u->op, x[0], at);
}

static kir_expr *build_binary(elab *e, const ufunc *u, kir_expr **x, type *t, span at) {
    (void)t;
    return bin(e, u->op, x[0], x[1], at);
}

static kir_expr *build_math(elab *e, const ufunc *u, kir_expr **x, type *t, span at) {
    return kir_math(elab_module(e), u->op, t, x, u->n, at);
}

/* ---- arithmetic ------------------------------------------------------------------------------------------------------- */

static kir_expr *build_add(elab *e, const ufunc *u, kir_expr **x, type *t, span at) {
    bool logical = t->kind == TYPE_BOOL;
    kir_op op = !logical ? u->op : u->op == KIR_OP_ADD ? KIR_OP_OR : KIR_OP_AND;
    return bin(e, op, x[0], x[1], at);
}

static kir_expr *is_zero(elab *e, kir_expr *x, type *t, span at) {
    return bin(e, KIR_OP_EQ, x, constant(e, t, 0, at), at);
}

/* Divisor with zeros replaced by one, and the test for zero; a constant divisor needs neither. */
static bool guard_zero(elab *e, kir_expr **d, type *t, kir_expr **zero, span at) {
    kir_module *m = elab_module(e);
    int64_t c;
    if (kir_is_const_int(*d, &c) && c != 0)
        return false;
    if ((*d)->kind == KIR_CONST && (*d)->ty->kind == TYPE_FLOAT && (*d)->value.f != 0)
        return false;
    kir_expr *first = *d, *second = array_share(e, &first), *third = array_copy(e, second);
    *zero = is_zero(e, third, t, at);
    *d = kir_select(m, is_zero(e, second, t, at), constant(e, t, 1, at), first, at);
    return true;
}

static kir_expr *build_floordiv(elab *e, const ufunc *u, kir_expr **x, type *t, span at) {
    kir_module *m = elab_module(e);
    kir_expr *zero, *a = x[0], *d = x[1], *quotient = NULL;
    if (t->kind == TYPE_FLOAT && d->kind != KIR_CONST)
        quotient = bin(e, KIR_OP_DIV, array_share(e, &a), array_share(e, &d), at);
    if (!guard_zero(e, &d, t, &zero, at))
        return bin(e, u->op, a, d, at);
    if (!quotient)
        quotient = t->kind == TYPE_FLOAT ? bin(e, KIR_OP_DIV, array_share(e, &a), constant(e, t, 0, at), at)
                                         : constant(e, t, 0, at);
    return kir_select(m, zero, quotient, bin(e, u->op, a, d, at), at);
}

static kir_expr *build_remainder(elab *e, const ufunc *u, kir_expr **x, type *t, span at) {
    kir_module *m = elab_module(e);
    kir_expr *zero, *d = x[1];
    if (t->kind == TYPE_FLOAT && u->op == KIR_OP_TRUNCMOD)
        return kir_math(m, KIR_OP_FMOD, t, x, 2, at);
    if (!guard_zero(e, &d, t, &zero, at))
        return bin(e, u->op, x[0], d, at);
    return kir_select(m, zero, constant(e, t, t->kind == TYPE_FLOAT ? (double)NAN : 0, at), bin(e, u->op, x[0], d, at),
                      at);
}

/* Nothing is raised to a power when there is no base: NumPy looks at the exponents one by one. */
static void check_exponents(elab *e, kir_expr **base, kir_expr **exponent, span at) {
    kir_module *m = elab_module(e);
    kir_expr *x = array_share(e, exponent);
    kir_expr *ok = bin(e, KIR_OP_GE, x, constant(e, kir_elem_type(x->ty), 0, at), at);
    if (kir_is_array(ok))
        ok = array_reduce(e, KIR_OP_ALL, ok, -1, type_bool(m->types), at);
    if (kir_is_array(*base)) {
        kir_expr *again = array_share(e, base);
        ok = bin(e, KIR_OP_OR, ok, bin(e, KIR_OP_EQ, array_size(e, again, at), kir_int(m, 0, at), at), at);
    }
    elab_check(e, ok, "ValueError", "Integers to negative integer powers are not allowed.", NULL, 0, at);
}

static bool is_float_const(const kir_expr *x, double c) {
    return x->kind == KIR_CONST && x->ty->kind == TYPE_FLOAT && x->value.f == c;
}

static kir_expr *build_square(elab *e, const ufunc *u, kir_expr **x, type *t, span at) {
    (void)u, (void)t;
    kir_expr *again = array_share(e, &x[0]);
    return bin(e, KIR_OP_MUL, x[0], again, at);
}

static kir_expr *build_power(elab *e, const ufunc *u, kir_expr **x, type *t, span at) {
    kir_module *m = elab_module(e);
    if (array_is_const(x[1], 2) || is_float_const(x[1], 2))
        return build_square(e, u, x, t, at);
    if (type_is_integer(t)) {
        type *wide = type_int(m->types, 64, t->is_signed);
        if (t->is_signed && !(x[1]->kind == KIR_CONST && x[1]->value.i >= 0))
            check_exponents(e, &x[0], &x[1], at);
        return kir_cast(m, bin(e, KIR_OP_POW, kir_cast(m, x[0], wide, at), kir_cast(m, x[1], wide, at), at), t, at);
    }
    return bin(e, KIR_OP_POW, x[0], x[1], at);
}

/* `a ** 0.5` takes the root, as ndarray.__pow__ does. */
static kir_expr *build_power_operator(elab *e, const ufunc *u, kir_expr **x, type *t, span at) {
    if (t->kind == TYPE_FLOAT && is_float_const(x[1], 0.5))
        return math1(e, KIR_OP_SQRT, x[0], at);
    return build_power(e, u, x, t, at);
}

static kir_expr *build_reciprocal(elab *e, const ufunc *u, kir_expr **x, type *t, span at) {
    kir_module *m = elab_module(e);
    (void)u;
    if (!type_is_integer(t))
        return bin(e, KIR_OP_DIV, constant(e, t, 1, at), x[0], at);
    kir_expr *zero, *d = x[0];
    if (!guard_zero(e, &d, t, &zero, at))
        return bin(e, KIR_OP_TRUNCDIV, constant(e, t, 1, at), d, at);
    return kir_select(m, zero, constant(e, t, 0, at), bin(e, KIR_OP_TRUNCDIV, constant(e, t, 1, at), d, at), at);
}

static kir_expr *build_same(elab *e, const ufunc *u, kir_expr **x, type *t, span at) {
    (void)u, (void)t;
    return kir_is_array(x[0]) && array_is_alias(x[0]) ? array_fresh_copy(e, x[0], at) : x[0];
}

static kir_expr *build_conjugate(elab *e, const ufunc *u, kir_expr **x, type *t, span at) {
    return t->kind == TYPE_COMPLEX ? kir_unary(elab_module(e), KIR_OP_CONJ, x[0], at) : build_same(e, u, x, t, at);
}

static kir_expr *build_absolute(elab *e, const ufunc *u, kir_expr **x, type *t, span at) {
    kir_module *m = elab_module(e);
    if (t->kind == TYPE_BOOL || (t->kind == TYPE_INT && !t->is_signed))
        return build_same(e, u, x, t, at);
    if (t->kind != TYPE_COMPLEX)
        return kir_unary(m, KIR_OP_ABS, x[0], at);
    kir_expr *again = array_share(e, &x[0]);
    kir_expr *parts[2] = {part_of(e, KIR_REAL, x[0], at), part_of(e, KIR_IMAG, again, at)};
    return kir_math(m, KIR_OP_HYPOT, kir_elem_type(parts[0]->ty), parts, 2, at);
}

static kir_expr *complex_of(elab *e, kir_expr *re, kir_expr *im, span at) {
    kir_module *m = elab_module(e);
    kir_expr *parts[2] = {re, im};
    type *t = type_complex(m->types, kir_elem_type(re->ty)->bits * 2u);
    kir_expr *z = kir_expr_new(m, KIR_COMPLEX, kir_elementwise_type(m, t, parts, 2), 2, at);
    z->args[0] = re;
    z->args[1] = im;
    return z;
}

/* z / |z|, 0 for 0. */
static kir_expr *complex_sign(elab *e, kir_expr *z, type *t, span at) {
    kir_module *m = elab_module(e);
    kir_expr *a = array_share(e, &z), *b = array_share(e, &z);
    kir_expr *size = build_absolute(e, NULL, &a, t, at);
    kir_expr *zero = is_zero(e, b, t, at);
    size = kir_select(m, array_copy(e, zero), constant(e, kir_elem_type(size->ty), 1, at), size, at);
    return kir_select(m, zero, constant(e, t, 0, at), bin(e, KIR_OP_DIV, z, kir_cast(m, size, t, at), at), at);
}

/* Functions of complex numbers by those of their parts; `op` names the real function. */
static kir_expr *complex_by_parts(elab *e, kir_op op, kir_expr *z, span at) {
    kir_expr *again = array_share(e, &z), *x = part_of(e, KIR_REAL, z, at), *y = part_of(e, KIR_IMAG, again, at);
    type *real = kir_elem_type(x->ty);
    if (op == KIR_OP_RINT)
        return complex_of(e, math1(e, op, x, at), math1(e, op, y, at), at);
    if (op == KIR_OP_LOG1P) { /* log |1 + z| + i arg(1 + z) */
        kir_expr *one = bin(e, KIR_OP_ADD, x, constant(e, real, 1, at), at);
        kir_expr *size[2] = {array_share(e, &one), array_share(e, &y)}, *angle[2] = {y, one};
        kir_expr *length = kir_math(elab_module(e), KIR_OP_HYPOT, real, size, 2, at);
        return complex_of(e, math1(e, KIR_OP_LOG, length, at),
                          kir_math(elab_module(e), KIR_OP_ATAN2, real, angle, 2, at), at);
    }
    /* expm1: expm1(x) cos y - 2 sin(y/2)**2 + i exp(x) sin y */
    kir_expr *half = math1(e, KIR_OP_SIN, bin(e, KIR_OP_MUL, array_share(e, &y), constant(e, real, 0.5, at), at), at);
    kir_expr *twice = array_share(e, &half);
    kir_expr *bend = bin(e, KIR_OP_MUL, bin(e, KIR_OP_MUL, half, twice, at), constant(e, real, 2, at), at);
    kir_expr *grow = math1(e, KIR_OP_EXP, array_share(e, &x), at), *sine = math1(e, KIR_OP_SIN, array_share(e, &y), at);
    kir_expr *re = bin(e, KIR_OP_MUL, math1(e, KIR_OP_EXPM1, x, at), math1(e, KIR_OP_COS, y, at), at);
    return complex_of(e, bin(e, KIR_OP_SUB, re, bend, at), bin(e, KIR_OP_MUL, grow, sine, at), at);
}

static kir_expr *build_by_parts(elab *e, const ufunc *u, kir_expr **x, type *t, span at) {
    return t->kind == TYPE_COMPLEX ? complex_by_parts(e, u->op, x[0], at) : build_math(e, u, x, t, at);
}

static kir_expr *complex_map(elab *e, kir_expr *x, int32_t function, span at);

/* exp2 and log2 of complex numbers go through exp and log (`complex_function`). */
static kir_expr *build_base2(elab *e, const ufunc *u, kir_expr **x, type *t, span at) {
    if (t->kind != TYPE_COMPLEX)
        return build_math(e, u, x, t, at);
    if (u->op == KIR_OP_EXP2)
        return complex_map(e, bin(e, KIR_OP_MUL, x[0], constant(e, t, M_LN2, at), at), CEXP, at);
    return bin(e, KIR_OP_MUL, complex_map(e, x[0], CLOG, at), constant(e, t, 1 / M_LN2, at), at);
}

/* x > 0 ? 1 : x < 0 ? -1 : x == 0 ? 0 : x (NaN stays). */
static kir_expr *build_sign(elab *e, const ufunc *u, kir_expr **x, type *t, span at) {
    kir_module *m = elab_module(e);
    (void)u;
    if (t->kind == TYPE_COMPLEX)
        return complex_sign(e, x[0], t, at);
    kir_expr *b = array_share(e, &x[0]);
    kir_expr *rest = constant(e, t, 0, at);
    if (t->kind == TYPE_FLOAT)
        rest = kir_select(m, is_zero(e, array_copy(e, b), t, at), rest, array_copy(e, b), at);
    if (t->kind == TYPE_FLOAT || t->is_signed)
        rest = kir_select(m, bin(e, KIR_OP_LT, array_copy(e, b), constant(e, t, 0, at), at), constant(e, t, -1, at),
                          rest, at);
    return kir_select(m, bin(e, KIR_OP_GT, x[0], constant(e, t, 0, at), at), constant(e, t, 1, at), rest, at);
}

static kir_expr *build_maximum(elab *e, const ufunc *u, kir_expr **x, type *t, span at) {
    if (t->kind == TYPE_BOOL)
        return bin(e, u->op == KIR_OP_NPMAX || u->op == KIR_OP_FMAX ? KIR_OP_OR : KIR_OP_AND, x[0], x[1], at);
    return bin(e, u->op, x[0], x[1], at);
}

static kir_expr *build_scaled(elab *e, const ufunc *u, kir_expr **x, type *t, span at) {
    double factor = u->op == KIR_OP_MUL ? M_PI / 180 : 180 / M_PI;
    return bin(e, KIR_OP_MUL, x[0], constant(e, t, factor, at), at);
}

/* log(exp(a) + exp(b)) in base e or 2: the larger one plus a correction; equal infinities stay. */
static kir_expr *build_logaddexp(elab *e, const ufunc *u, kir_expr **x, type *t, span at) {
    kir_module *m = elab_module(e);
    bool base2 = u->op == KIR_OP_EXP2;
    kir_expr *a = array_share(e, &x[0]), *b = array_share(e, &x[1]);
    kir_expr *equal = bin(e, KIR_OP_EQ, array_copy(e, a), array_copy(e, b), at);
    kir_expr *if_equal = bin(e, KIR_OP_ADD, array_copy(e, a), constant(e, t, base2 ? 1 : M_LN2, at), at);
    kir_expr *distance = bin(e, KIR_OP_SUB, array_copy(e, a), array_copy(e, b), at);
    kir_expr *down = kir_unary(m, KIR_OP_NEG, kir_unary(m, KIR_OP_ABS, distance, at), at);
    kir_expr *log = math1(e, KIR_OP_LOG1P, math1(e, u->op, down, at), at);
    if (base2)
        log = bin(e, KIR_OP_MUL, log, constant(e, t, 1 / M_LN2, at), at);
    return kir_select(m, equal, if_equal, bin(e, KIR_OP_ADD, bin(e, KIR_OP_NPMAX, x[0], x[1], at), log, at), at);
}

static kir_expr *build_heaviside(elab *e, const ufunc *u, kir_expr **x, type *t, span at) {
    kir_module *m = elab_module(e);
    (void)u;
    kir_expr *b = array_share(e, &x[0]);
    kir_expr *nan = kir_select(m, is_zero(e, array_copy(e, b), t, at), x[1], array_copy(e, b), at);
    kir_expr *low = kir_select(m, bin(e, KIR_OP_LT, b, constant(e, t, 0, at), at), constant(e, t, 0, at), nan, at);
    kir_expr *positive = bin(e, KIR_OP_GT, x[0], constant(e, t, 0, at), at);
    return kir_select(m, positive, constant(e, t, 1, at), low, at);
}

static kir_expr *build_lcm(elab *e, const ufunc *u, kir_expr **x, type *t, span at) {
    kir_module *m = elab_module(e);
    (void)u;
    kir_expr *again[2] = {array_share(e, &x[0]), array_share(e, &x[1])};
    kir_expr *divisor = kir_math(m, KIR_OP_GCD, t, again, 2, at), *zero;
    if (!guard_zero(e, &divisor, t, &zero, at))
        return NULL;
    kir_expr *product = bin(e, KIR_OP_MUL, bin(e, KIR_OP_TRUNCDIV, x[0], divisor, at), x[1], at);
    return t->is_signed ? kir_unary(m, KIR_OP_ABS, product, at) : product;
}

static kir_expr *build_ldexp(elab *e, const ufunc *u, kir_expr **x, type *t, span at) {
    kir_module *m = elab_module(e);
    (void)t;
    type *mantissa = array_float_type(e, kir_elem_type(x[0]->ty));
    if (!type_is_integer(kir_elem_type(x[1]->ty)) || mantissa->kind != TYPE_FLOAT) {
        elab_error(e, DIAG_TYPING, at, NULL, "ldexp takes a real number and an integer exponent");
        return NULL;
    }
    x[0] = kir_cast(m, x[0], mantissa, at);
    x[1] = kir_cast(m, x[1], type_int64(m->types), at);
    return kir_math(m, u->op, mantissa, x, 2, at);
}

/* ---- comparisons, logic, tests ------------------------------------------------------------------------------------------ */

/* Complex numbers are ordered by their real, then by their imaginary parts. */
static kir_expr *build_compare(elab *e, const ufunc *u, kir_expr **x, type *t, span at) {
    if (t->kind != TYPE_COMPLEX || u->op == KIR_OP_EQ || u->op == KIR_OP_NE)
        return bin(e, u->op, x[0], x[1], at);
    kir_expr *a = array_share(e, &x[0]), *b = array_share(e, &x[1]);
    kir_op strict = u->op == KIR_OP_LT || u->op == KIR_OP_LE ? KIR_OP_LT : KIR_OP_GT;
    kir_expr *re_equal =
        bin(e, KIR_OP_EQ, part_of(e, KIR_REAL, array_copy(e, a), at), part_of(e, KIR_REAL, array_copy(e, b), at), at);
    kir_expr *re = bin(e, strict, part_of(e, KIR_REAL, x[0], at), part_of(e, KIR_REAL, x[1], at), at);
    kir_expr *im = bin(e, u->op, part_of(e, KIR_IMAG, a, at), part_of(e, KIR_IMAG, b, at), at);
    return bin(e, KIR_OP_OR, re, bin(e, KIR_OP_AND, re_equal, im, at), at);
}

static bool fits(const kir_expr *x, type *t) {
    int64_t k;
    if (!kir_is_const_int(x, &k) || t->kind != TYPE_INT)
        return false;
    unsigned unused = 64u - t->bits;
    if (!t->is_signed)
        return k >= 0 && (unused == 0 || (uint64_t)k >> t->bits == 0);
    return k >= INT64_MIN >> unused && k <= INT64_MAX >> unused;
}

/* int64 against uint64: no type holds both, but their order is known (a negative number is the smaller). */
static kir_expr *compare_signs(elab *e, kir_op op, kir_expr **x, bool first_signed, span at) {
    kir_module *m = elab_module(e);
    type *i64 = type_int64(m->types), *u64 = type_int(m->types, 64, false);
    bool unequal =
        op == KIR_OP_NE || (first_signed ? op == KIR_OP_LT || op == KIR_OP_LE : op == KIR_OP_GT || op == KIR_OP_GE);
    kir_expr **with_sign = &x[first_signed ? 0 : 1];
    *with_sign = kir_cast(m, *with_sign, i64, at);
    kir_expr *negative = bin(e, KIR_OP_LT, array_share(e, with_sign), kir_int(m, 0, at), at);
    kir_expr *compared = bin(e, op, kir_cast(m, x[0], u64, at), kir_cast(m, x[1], u64, at), at);
    if (unequal)
        return bin(e, KIR_OP_OR, negative, compared, at);
    return bin(e, KIR_OP_AND, kir_unary(m, KIR_OP_NOT, negative, at), compared, at);
}

/* Integers of different types are compared by value: a number that the array's type cannot hold is not wrapped first. */
static kir_expr *compare_integers(elab *e, const ufunc *u, kir_expr **x, type *common, span at) {
    kir_module *m = elab_module(e);
    type *t[2] = {kir_elem_type(x[0]->ty), kir_elem_type(x[1]->ty)};
    bool same = t[0] == t[1] || fits(x[0], common) || fits(x[1], common);
    if (!same && !(common = type_promote_dtype(m->types, t[0], t[1])))
        return NULL;
    if (!type_is_integer(common))
        return compare_signs(e, u->op, x, t[0]->kind == TYPE_INT && t[0]->is_signed, at);
    return bin(e, u->op, kir_cast(m, x[0], common, at), kir_cast(m, x[1], common, at), at);
}

/* isnan and the like: integers answer with a constant. */
static kir_expr *build_test(elab *e, const ufunc *u, kir_expr **x, type *t, span at) {
    kir_module *m = elab_module(e);
    if (t->kind == TYPE_FLOAT)
        return test1(e, u->op, x[0], at);
    if (t->kind == TYPE_COMPLEX) {
        kir_expr *again = array_share(e, &x[0]);
        kir_op join = u->op == KIR_OP_ISFINITE ? KIR_OP_AND : KIR_OP_OR;
        return bin(e, join, test1(e, u->op, part_of(e, KIR_REAL, x[0], at), at),
                   test1(e, u->op, part_of(e, KIR_IMAG, again, at), at), at);
    }
    kir_expr *answer = kir_bool(m, u->op == KIR_OP_ISFINITE, at);
    if (!kir_is_array(x[0]))
        return answer;
    kir_expr *dims[TYPE_MAX_NDIM];
    array_dims(e, x[0], dims, at);
    return array_broadcast(e, answer, x[0]->ty->ndim, dims, at);
}

/* Integers have been rounded already. */
static kir_expr *build_round(elab *e, const ufunc *u, kir_expr **x, type *t, span at) {
    if (type_is_integer(t))
        return build_same(e, u, x, t, at);
    return math1(e, u->op, x[0], at);
}

/* ---- the table ---------------------------------------------------------------------------------------------------------- */

static const ufunc ufuncs[] = {
    {"add", 2, RULE_ANY, build_add, KIR_OP_ADD, 0},
    {"subtract", 2, RULE_NUMERIC, build_binary, KIR_OP_SUB, 0},
    {"multiply", 2, RULE_ANY, build_add, KIR_OP_MUL, 0},
    {"divide", 2, RULE_DIVIDE, build_binary, KIR_OP_DIV, 0},
    {"true_divide", 2, RULE_DIVIDE, build_binary, KIR_OP_DIV, 0},
    {"floor_divide", 2, RULE_REAL, build_floordiv, KIR_OP_FLOORDIV, 0},
    {"remainder", 2, RULE_REAL, build_remainder, KIR_OP_MOD, 0},
    {"mod", 2, RULE_REAL, build_remainder, KIR_OP_MOD, 0},
    {"fmod", 2, RULE_REAL, build_remainder, KIR_OP_TRUNCMOD, 0},
    {"power", 2, RULE_WIDE, build_power, KIR_OP_POW, 0},
    {"pow", 2, RULE_WIDE, build_power, KIR_OP_POW, 0},
    {"**", 2, RULE_WIDE, build_power_operator, KIR_OP_POW, 0},
    {"float_power", 2, RULE_DOUBLE, build_power, KIR_OP_POW, 0},
    {"negative", 1, RULE_NUMERIC, build_unary, KIR_OP_NEG, 0},
    {"positive", 1, RULE_NUMERIC, build_same, 0, 0},
    {"absolute", 1, RULE_ANY, build_absolute, 0, 0},
    {"abs", 1, RULE_ANY, build_absolute, 0, 0},
    {"fabs", 1, RULE_FLOAT, build_unary, KIR_OP_ABS, 0},
    {"conjugate", 1, RULE_WIDE, build_conjugate, 0, 0},
    {"conj", 1, RULE_WIDE, build_conjugate, 0, 0},
    {"square", 1, RULE_WIDE, build_square, 0, 0},
    {"reciprocal", 1, RULE_WIDE, build_reciprocal, 0, 0},
    {"sign", 1, RULE_NUMERIC, build_sign, 0, 0},
    {"sqrt", 1, RULE_CFLOAT, build_math, KIR_OP_SQRT, CSQRT},
    {"cbrt", 1, RULE_FLOAT, build_math, KIR_OP_CBRT, 0},
    {"exp", 1, RULE_CFLOAT, build_math, KIR_OP_EXP, CEXP},
    {"exp2", 1, RULE_CFLOAT, build_base2, KIR_OP_EXP2, 0},
    {"expm1", 1, RULE_CFLOAT, build_by_parts, KIR_OP_EXPM1, 0},
    {"log", 1, RULE_CFLOAT, build_math, KIR_OP_LOG, CLOG},
    {"log2", 1, RULE_CFLOAT, build_base2, KIR_OP_LOG2, 0},
    {"log10", 1, RULE_CFLOAT, build_math, KIR_OP_LOG10, CLOG10},
    {"log1p", 1, RULE_CFLOAT, build_by_parts, KIR_OP_LOG1P, 0},
    {"sin", 1, RULE_CFLOAT, build_math, KIR_OP_SIN, CSIN},
    {"cos", 1, RULE_CFLOAT, build_math, KIR_OP_COS, CCOS},
    {"tan", 1, RULE_CFLOAT, build_math, KIR_OP_TAN, CTAN},
    {"arcsin", 1, RULE_CFLOAT, build_math, KIR_OP_ASIN, CASIN},
    {"arccos", 1, RULE_CFLOAT, build_math, KIR_OP_ACOS, CACOS},
    {"arctan", 1, RULE_CFLOAT, build_math, KIR_OP_ATAN, CATAN},
    {"asin", 1, RULE_CFLOAT, build_math, KIR_OP_ASIN, CASIN},
    {"acos", 1, RULE_CFLOAT, build_math, KIR_OP_ACOS, CACOS},
    {"atan", 1, RULE_CFLOAT, build_math, KIR_OP_ATAN, CATAN},
    {"sinh", 1, RULE_CFLOAT, build_math, KIR_OP_SINH, CSINH},
    {"cosh", 1, RULE_CFLOAT, build_math, KIR_OP_COSH, CCOSH},
    {"tanh", 1, RULE_CFLOAT, build_math, KIR_OP_TANH, CTANH},
    {"arcsinh", 1, RULE_CFLOAT, build_math, KIR_OP_ASINH, CASINH},
    {"arccosh", 1, RULE_CFLOAT, build_math, KIR_OP_ACOSH, CACOSH},
    {"arctanh", 1, RULE_CFLOAT, build_math, KIR_OP_ATANH, CATANH},
    {"asinh", 1, RULE_CFLOAT, build_math, KIR_OP_ASINH, CASINH},
    {"acosh", 1, RULE_CFLOAT, build_math, KIR_OP_ACOSH, CACOSH},
    {"atanh", 1, RULE_CFLOAT, build_math, KIR_OP_ATANH, CATANH},
    {"arctan2", 2, RULE_FLOAT, build_math, KIR_OP_ATAN2, 0},
    {"atan2", 2, RULE_FLOAT, build_math, KIR_OP_ATAN2, 0},
    {"hypot", 2, RULE_FLOAT, build_math, KIR_OP_HYPOT, 0},
    {"copysign", 2, RULE_FLOAT, build_math, KIR_OP_COPYSIGN, 0},
    {"nextafter", 2, RULE_FLOAT, build_math, KIR_OP_NEXTAFTER, 0},
    {"spacing", 1, RULE_FLOAT, build_math, KIR_OP_SPACING, 0},
    {"ldexp", 2, RULE_INVALID, build_ldexp, KIR_OP_LDEXP, 0},
    {"logaddexp", 2, RULE_FLOAT, build_logaddexp, KIR_OP_EXP, 0},
    {"logaddexp2", 2, RULE_FLOAT, build_logaddexp, KIR_OP_EXP2, 0},
    {"heaviside", 2, RULE_FLOAT, build_heaviside, 0, 0},
    {"deg2rad", 1, RULE_FLOAT, build_scaled, KIR_OP_MUL, 0},
    {"radians", 1, RULE_FLOAT, build_scaled, KIR_OP_MUL, 0},
    {"rad2deg", 1, RULE_FLOAT, build_scaled, KIR_OP_DIV, 0},
    {"degrees", 1, RULE_FLOAT, build_scaled, KIR_OP_DIV, 0},
    {"floor", 1, RULE_REAL_BOOL, build_round, KIR_OP_FLOOR, 0},
    {"ceil", 1, RULE_REAL_BOOL, build_round, KIR_OP_CEIL, 0},
    {"trunc", 1, RULE_REAL_BOOL, build_round, KIR_OP_TRUNC, 0},
    {"fix", 1, RULE_REAL_BOOL, build_round, KIR_OP_TRUNC, 0},
    {"rint", 1, RULE_CFLOAT, build_by_parts, KIR_OP_RINT, 0},
    {"gcd", 2, RULE_SHIFT, build_math, KIR_OP_GCD, 0},
    {"lcm", 2, RULE_SHIFT, build_lcm, 0, 0},
    {"maximum", 2, RULE_REAL_BOOL, build_maximum, KIR_OP_NPMAX, 0},
    {"minimum", 2, RULE_REAL_BOOL, build_maximum, KIR_OP_NPMIN, 0},
    {"fmax", 2, RULE_REAL_BOOL, build_maximum, KIR_OP_FMAX, 0},
    {"fmin", 2, RULE_REAL_BOOL, build_maximum, KIR_OP_FMIN, 0},
    {"bitwise_and", 2, RULE_BITS, build_binary, KIR_OP_AND, 0},
    {"bitwise_or", 2, RULE_BITS, build_binary, KIR_OP_OR, 0},
    {"bitwise_xor", 2, RULE_BITS, build_binary, KIR_OP_XOR, 0},
    {"bitwise_not", 1, RULE_BITS, build_unary, KIR_OP_INVERT, 0},
    {"bitwise_invert", 1, RULE_BITS, build_unary, KIR_OP_INVERT, 0},
    {"invert", 1, RULE_BITS, build_unary, KIR_OP_INVERT, 0},
    {"left_shift", 2, RULE_SHIFT, build_binary, KIR_OP_SHL, 0},
    {"right_shift", 2, RULE_SHIFT, build_binary, KIR_OP_SHR, 0},
    {"bitwise_left_shift", 2, RULE_SHIFT, build_binary, KIR_OP_SHL, 0},
    {"bitwise_right_shift", 2, RULE_SHIFT, build_binary, KIR_OP_SHR, 0},
    {"equal", 2, RULE_ANY, build_compare, KIR_OP_EQ, 0},
    {"not_equal", 2, RULE_ANY, build_compare, KIR_OP_NE, 0},
    {"less", 2, RULE_ANY, build_compare, KIR_OP_LT, 0},
    {"less_equal", 2, RULE_ANY, build_compare, KIR_OP_LE, 0},
    {"greater", 2, RULE_ANY, build_compare, KIR_OP_GT, 0},
    {"greater_equal", 2, RULE_ANY, build_compare, KIR_OP_GE, 0},
    {"logical_and", 2, RULE_LOGIC, build_binary, KIR_OP_AND, 0},
    {"logical_or", 2, RULE_LOGIC, build_binary, KIR_OP_OR, 0},
    {"logical_xor", 2, RULE_LOGIC, build_binary, KIR_OP_XOR, 0},
    {"logical_not", 1, RULE_LOGIC, build_unary, KIR_OP_NOT, 0},
    {"isnan", 1, RULE_ANY, build_test, KIR_OP_ISNAN, 0},
    {"isinf", 1, RULE_ANY, build_test, KIR_OP_ISINF, 0},
    {"isfinite", 1, RULE_ANY, build_test, KIR_OP_ISFINITE, 0},
    {"signbit", 1, RULE_FLOAT, build_test, KIR_OP_SIGNBIT, 0},
};

static const ufunc *find_ufunc(const char *name) {
    for (size_t i = 0; i < sizeof ufuncs / sizeof *ufuncs; i++) {
        if (!strcmp(ufuncs[i].name, name))
            return &ufuncs[i];
    }
    return NULL;
}

/* ---- type resolution ------------------------------------------------------------------------------------------------------ */

/* The type in which the function works for operands of common type t; NULL: there is no loop for it. */
static type *working_type(elab *e, rule r, type *t) {
    types *ts = elab_types(e);
    bool boolean = t->kind == TYPE_BOOL, complex = t->kind == TYPE_COMPLEX;
    switch (r) {
    case RULE_ANY:
        return t;
    case RULE_NUMERIC:
        return boolean ? NULL : t;
    case RULE_WIDE:
        return boolean ? type_int(ts, 8, true) : t;
    case RULE_REAL:
        return complex ? NULL : boolean ? type_int(ts, 8, true) : t;
    case RULE_REAL_BOOL:
        return complex ? NULL : t;
    case RULE_DIVIDE:
        return type_is_integer(t) ? type_float64(ts) : t;
    case RULE_FLOAT:
        return complex ? NULL : array_float_type(e, t);
    case RULE_CFLOAT:
        return array_float_type(e, t);
    case RULE_DOUBLE:
        return complex ? type_complex(ts, 128) : type_float64(ts);
    case RULE_BITS:
        return type_is_integer(t) ? t : NULL;
    case RULE_SHIFT:
        return !type_is_integer(t) ? NULL : boolean ? type_int(ts, 8, true) : t;
    case RULE_LOGIC:
        return type_bool(ts);
    default:
        return t;
    }
}

static kir_expr *no_loop(elab *e, const ufunc *u, kir_expr *const *x, span at) {
    types *ts = elab_types(e);
    const char *first = type_name(ts, kir_elem_type(x[0]->ty));
    const char *name = !strcmp(u->name, "**") ? "power" : u->name;
    if (u->n == 1)
        elab_error(e, DIAG_TYPING, at, NULL, "ufunc '%s' is not supported for %s", name, first);
    else
        elab_error(e, DIAG_TYPING, at, NULL, "ufunc '%s' is not supported for %s and %s", name, first,
                   type_name(ts, kir_elem_type(x[1]->ty)));
    return NULL;
}

/* ---- complex functions ------------------------------------------------------------------------------------------------------- */

typedef struct complex_loop {
    kir_var *source, *target;
    int32_t function;
    span at;
} complex_loop;

/* One value through plrt_cmath1, which works in double. */
static kir_expr *complex_call(elab *e, kir_expr *z, int32_t function, span at) {
    kir_module *m = elab_module(e);
    type *t = z->ty, *wide = type_complex(m->types, 128);
    kir_stmt *s = kir_stmt_new(m, KIR_RUNTIME, at);
    s->name = "plrt_cmath1";
    vec_push(m->a, &s->index, kir_int(m, function - 1, at));
    vec_push(m->a, &s->index, kir_cast(m, z, wide, at));
    kir_var *result = kir_temp_new(m, elab_fn(e), wide, at);
    vec_push(m->a, &s->results, result);
    elab_emit(e, s);
    return kir_cast(m, kir_ref(m, result, at), t, at);
}

static void complex_element(elab *e, kir_expr *const *place, uint32_t n, void *context) {
    complex_loop *c = context;
    kir_module *m = elab_module(e);
    kir_expr *index[TYPE_MAX_NDIM];
    for (uint32_t i = 0; i < n; i++)
        index[i] = array_copy(e, place[i]);
    kir_var *z = kir_temp_new(m, elab_fn(e), c->source->ty->dtype, c->at);
    elab_emit(e, kir_assign(m, z, kir_load(m, c->source, index, n, c->at), c->at));
    kir_expr *result = complex_call(e, kir_ref(m, z, c->at), c->function, c->at);
    elab_emit(e, kir_store(m, c->target, place, n, result, c->at));
}

static kir_expr *complex_map(elab *e, kir_expr *x, int32_t function, span at) {
    kir_module *m = elab_module(e);
    if (!kir_is_array(x))
        return complex_call(e, x, function, at);
    complex_loop c = {.source = array_var(e, x, at), .function = function, .at = at};
    kir_expr *dims[TYPE_MAX_NDIM], *again[TYPE_MAX_NDIM];
    array_dims(e, kir_ref(m, c.source, at), dims, at);
    array_dims(e, kir_ref(m, c.source, at), again, at);
    c.target = array_alloc(e, c.source->ty->dtype, c.source->ty->ndim, LAYOUT_C, again, false, at);
    array_nest(e, c.source->ty->ndim, dims, at, complex_element, &c);
    return kir_ref(m, c.target, at);
}

/* ---- calling ------------------------------------------------------------------------------------------------------------------ */

static kir_expr *apply(elab *e, const ufunc *u, kir_expr *const *operands, span at) {
    kir_expr *x[3] = {operands[0], u->n > 1 ? operands[1] : NULL, NULL};
    for (uint32_t i = 0; i < u->n && u->n > 1; i++)
        array_settle(e, &x[i], at);
    array_broadcast_dims(e, x, u->n, NULL, "ValueError", "operands could not be broadcast together", at);
    if (u->rule == RULE_INVALID)
        return u->build(e, u, x, kir_elem_type(x[0]->ty), at);
    type *common = array_common_type(e, x, u->n);
    type *t = common ? working_type(e, u->rule, common) : NULL;
    if (!t)
        return no_loop(e, u, x, at);
    if (u->build == build_compare && type_is_integer(t))
        return compare_integers(e, u, x, t, at);
    for (uint32_t i = 0; i < u->n; i++) {
        if (kir_is_array(x[u->n - 1 - i]) && x[i]->kind == KIR_CONST && type_is_integer(x[i]->ty) &&
            t->kind == TYPE_INT && !fits(x[i], t)) {
            elab_error(e, DIAG_TYPING, at, "convert the array first", "integer %lld is out of bounds for %s",
                       (long long)x[i]->value.i, type_name(elab_types(e), t));
            return NULL;
        }
        if (!(x[i] = array_cast(e, x[i], t, at)))
            return NULL;
    }
    if (t->kind == TYPE_COMPLEX && u->complex_function)
        return complex_map(e, x[0], u->complex_function, at);
    return u->build(e, u, x, t, at);
}

kir_expr *array_ufunc(elab *e, const char *name, kir_expr *const *x, uint32_t n, span at) {
    const ufunc *u = find_ufunc(name);
    (void)n;
    return u ? apply(e, u, x, at) : NULL;
}

/* Result into the array given as `out`, which is then the value. */
static value into_out(elab *e, const ufunc *u, kir_expr *x, const value *out, span at) {
    if (out->kind == VAL_NONE)
        return value_of(e, x);
    if (!value_is_array(out))
        return elab_error(e, DIAG_TYPING, at, NULL, "return arrays must be of ArrayType");
    type *to = out->expr->ty->dtype;
    if (!array_can_cast_same_kind(kir_elem_type(x->ty), to))
        return elab_error(e, DIAG_TYPING, at, NULL,
                          "cannot cast ufunc '%s' output from %s to %s with casting rule 'same_kind'", u->name,
                          type_name(elab_types(e), kir_elem_type(x->ty)), type_name(elab_types(e), to));
    kir_var *target = array_var(e, array_copy(e, out->expr), at);
    value self = value_of(e, kir_ref(elab_module(e), target, at)), v = value_of(e, x);
    value all = {.kind = VAL_ELLIPSIS, .at = at};
    elab_set_item(e, &self, &all, &v, at);
    return value_of(e, kir_ref(elab_module(e), target, at));
}

static value call_ufunc(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    const ufunc *u = find_ufunc(strrchr(b->name, '.') + 1);
    kir_expr *x[2] = {NULL, NULL};
    for (uint32_t i = 0; i < u->n; i++) {
        if (args[i].kind == VAL_BOTTOM)
            return args[i];
        if (!(x[i] = array_operand(e, &args[i], at)))
            return value_invalid(at);
    }
    kir_expr *result = apply(e, u, x, at);
    if (!result)
        return value_invalid(at);
    return n > u->n ? into_out(e, u, result, &args[n - 1], at) : value_of(e, result);
}

/* ---- operators ----------------------------------------------------------------------------------------------------------------- */

static value apply_named(elab *e, const char *name, const value *a, const value *b, span at) {
    if (a->kind == VAL_BOTTOM || (b && b->kind == VAL_BOTTOM))
        return a->kind == VAL_BOTTOM ? *a : *b;
    kir_expr *x[2] = {array_operand(e, a, at), NULL};
    if (!x[0] || (b && !(x[1] = array_operand(e, b, at))))
        return value_invalid(at);
    kir_expr *result = apply(e, find_ufunc(name), x, at);
    return result ? value_of(e, result) : value_invalid(at);
}

value elab_array_binary(elab *e, ast_op op, const value *a, const value *b, span at) {
    static const char *const names[OP_COUNT] = {[OP_Add] = "add",
                                                [OP_Sub] = "subtract",
                                                [OP_Mult] = "multiply",
                                                [OP_Div] = "divide",
                                                [OP_Mod] = "remainder",
                                                [OP_Pow] = "**",
                                                [OP_LShift] = "left_shift",
                                                [OP_RShift] = "right_shift",
                                                [OP_BitOr] = "bitwise_or",
                                                [OP_BitXor] = "bitwise_xor",
                                                [OP_BitAnd] = "bitwise_and",
                                                [OP_FloorDiv] = "floor_divide"};
    int64_t k;
    if (op == OP_MatMult)
        return array_matmul(e, a, b, false, at);
    if (op == OP_Pow && value_is_array(a) && a->ty->dtype->kind == TYPE_BOOL && value_literal_int(b, &k) && k == 2)
        return apply_named(e, "square", a, NULL, at); /* as ndarray.__pow__, which so keeps int8 */
    return apply_named(e, names[op], a, b, at);
}

value elab_array_unary(elab *e, ast_op op, const value *a, span at) {
    static const char *const names[OP_COUNT] = {[OP_USub] = "negative", [OP_UAdd] = "positive", [OP_Invert] = "invert"};
    if (!names[op])
        return elab_error(e, DIAG_TYPING, at, "use np.any(a), np.all(a) or np.logical_not(a)",
                          "the truth value of an array is ambiguous");
    return apply_named(e, names[op], a, NULL, at);
}

value elab_array_compare(elab *e, ast_op op, const value *a, const value *b, span at) {
    static const char *const names[OP_COUNT] = {
        [OP_Eq] = "equal",       [OP_NotEq] = "not_equal", [OP_Lt] = "less",
        [OP_LtE] = "less_equal", [OP_Gt] = "greater",      [OP_GtE] = "greater_equal"};
    kir_module *m = elab_module(e);
    if (op == OP_In || op == OP_NotIn) {
        value found = apply_named(e, "equal", a, b, at);
        if (found.kind != VAL_EXPR)
            return found;
        kir_expr *any = array_reduce(e, KIR_OP_ANY, found.expr, -1, type_bool(m->types), at);
        return value_of(e, op == OP_In ? any : kir_unary(m, KIR_OP_NOT, any, at));
    }
    if (!names[op])
        return elab_error(e, DIAG_TYPING, at, NULL, "identity of arrays cannot be tested in a kernel");
    return apply_named(e, names[op], a, b, at);
}

/* ---- element-wise functions that are no ufuncs ------------------------------------------------------------------------------------ */

static value call_where(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    kir_module *m = elab_module(e);
    (void)b, (void)n;
    kir_expr *x[3];
    uint32_t given = args[1].kind != VAL_NONE && args[2].kind != VAL_NONE ? 3 : 1;
    for (uint32_t i = 0; i < given; i++) {
        if (!(x[i] = array_operand(e, &args[i], at)))
            return value_invalid(at);
    }
    x[0] = kir_cast(m, x[0], type_bool(m->types), at);
    if (given == 1) {
        if (!kir_is_array(x[0]))
            return elab_error(e, DIAG_TYPING, at, NULL, "where of a scalar condition needs two more arguments");
        return array_nonzero(e, array_var(e, x[0], at), at);
    }
    for (int i = 0; i < 3; i++)
        array_settle(e, &x[i], at);
    array_broadcast_dims(e, x, 3, NULL, "ValueError", "operands could not be broadcast together", at);
    type *t = array_common_type(e, x + 1, 2);
    if (!t)
        return elab_error(e, DIAG_TYPING, at, NULL, "the two choices have no common type");
    return value_of(e, kir_select(m, x[0], kir_cast(m, x[1], t, at), kir_cast(m, x[2], t, at), at));
}

static value call_clip(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    (void)b;
    static const char *const names[2] = {"maximum", "minimum"};
    kir_expr *x = array_operand(e, &args[0], at);
    for (int i = 0; i < 2 && x; i++) {
        if (args[1 + i].kind == VAL_NONE)
            continue;
        kir_expr *pair[2] = {x, array_operand(e, &args[1 + i], at)};
        x = pair[1] ? array_ufunc(e, names[i], pair, 2, at) : NULL;
    }
    if (!x)
        return value_invalid(at);
    if (kir_is_array(x) && array_is_alias(x))
        x = array_fresh_copy(e, x, at);
    return into_out(e, find_ufunc("maximum"), x, &args[n - 1], at);
}

/* x * 10**digits, rounded, / 10**digits in float32, as NumPy; below zero digits divides first. */
static kir_expr *round_single(elab *e, kir_expr *x, kir_expr *digits, span at) {
    kir_module *m = elab_module(e);
    type *f32 = kir_elem_type(x->ty), *f64 = type_float64(m->types);
    kir_expr *parts[2], *again, *down;
    int64_t k;
    digits = array_temp(e, digits, at);
    if (kir_is_const_int(digits, &k)) {
        double scale = pow(10.0, fabs((double)k));
        again = kir_const_float(m, f32, (float)scale, at);
    } else {
        kir_expr *power = kir_cast(m, kir_unary(m, KIR_OP_ABS, array_copy(e, digits), at), f64, at);
        power = bin(e, KIR_OP_POW, kir_const_float(m, f64, 10, at), power, at);
        again = array_temp(e, kir_cast(m, power, f32, at), at);
    }
    down = bin(e, KIR_OP_LT, digits, kir_int(m, 0, at), at);
    for (int i = 0; i < 2; i++) {
        kir_expr *copy = array_share(e, &x);
        kir_expr *scaled = bin(e, i ? KIR_OP_DIV : KIR_OP_MUL, copy, array_copy(e, again), at);
        parts[i] = bin(e, i ? KIR_OP_MUL : KIR_OP_DIV, math1(e, KIR_OP_RINT, scaled, at), array_copy(e, again), at);
    }
    if (kir_is_const_int(down, &k))
        return parts[k ? 1 : 0];
    return kir_select(m, array_temp(e, down, at), parts[1], parts[0], at);
}

/* around(a, decimals): whole numbers keep; rounding integers to tens is not worth a loop of its own. */
static value call_around(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    kir_module *m = elab_module(e);
    (void)b;
    int64_t digits = 0;
    bool known = value_literal_int(&args[1], &digits);
    kir_expr *x = array_operand(e, &args[0], at);
    if (!x)
        return value_invalid(at);
    type *t = kir_elem_type(x->ty);
    if (t->kind == TYPE_COMPLEX)
        return elab_error(e, DIAG_UNSUPPORTED, at, "round the real and the imaginary part",
                          "complex numbers cannot be rounded");
    if (type_is_integer(t)) {
        if (!known || digits < 0)
            return elab_error(e, DIAG_UNSUPPORTED, at, NULL,
                              "integers are rounded to a constant number of decimals >= 0 only");
        return into_out(e, find_ufunc("rint"), build_same(e, NULL, &x, t, at), &args[n - 1], at);
    }
    if (known && digits == 0)
        return into_out(e, find_ufunc("rint"), math1(e, KIR_OP_RINT, x, at), &args[n - 1], at);
    if (!value_is_scalar(&args[1]) || !type_is_integer(args[1].ty))
        return elab_error(e, DIAG_TYPING, at, NULL, "decimals must be an integer");
    kir_expr *pair[2] = {x, kir_cast(m, array_operand(e, &args[1], at), type_int64(m->types), at)};
    if (t->bits == 32)
        return into_out(e, find_ufunc("rint"), round_single(e, x, pair[1], at), &args[n - 1], at);
    return into_out(e, find_ufunc("rint"), kir_math(m, KIR_OP_NPROUND, t, pair, 2, at), &args[n - 1], at);
}

static value call_divmod(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    (void)b, (void)n;
    value items[2] = {apply_named(e, "floor_divide", &args[0], &args[1], at),
                      apply_named(e, "remainder", &args[0], &args[1], at)};
    if (items[0].kind != VAL_EXPR || items[1].kind != VAL_EXPR)
        return items[0].kind != VAL_EXPR ? items[0] : items[1];
    return value_tuple(e, items, 2, at);
}

/* array_equal(a, b): the shapes are compared before any element. */
static value call_array_equal(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    kir_module *m = elab_module(e);
    (void)b, (void)n;
    kir_expr *x[2], *same = kir_bool(m, true, at);
    for (int i = 0; i < 2; i++) {
        if (!(x[i] = array_from_value(e, &args[i], NULL, at)))
            return value_invalid(at);
        x[i] = kir_ref(m, array_var(e, x[i], at), at);
    }
    if (x[0]->ty->ndim != x[1]->ty->ndim)
        return value_bool(e, false, at);
    for (uint32_t i = 0; i < x[0]->ty->ndim; i++)
        same = bin(e, KIR_OP_AND, bin(e, KIR_OP_EQ, elab_array_dim(e, x[0], i, at), elab_array_dim(e, x[1], i, at), at),
                   same, at);
    kir_var *result = kir_var_new(m, elab_fn(e), NULL, type_bool(m->types), at);
    elab_emit(e, kir_assign(m, result, kir_bool(m, false, at), at));
    kir_stmt *branch = kir_stmt_new(m, KIR_IF, at);
    branch->value = same;
    elab_push_block(e, &branch->body);
    kir_expr *equal = apply(e, find_ufunc("equal"), x, at);
    if (equal) {
        equal = kir_is_array(equal) ? array_reduce(e, KIR_OP_ALL, equal, -1, type_bool(m->types), at) : equal;
        elab_emit(e, kir_assign(m, result, equal, at));
    }
    elab_pop_block(e);
    elab_emit(e, branch);
    return value_of(e, kir_ref(m, result, at));
}

/* np.angle: atan2(imag, real). */
static value call_angle(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    kir_module *m = elab_module(e);
    (void)b, (void)n;
    kir_expr *z = array_operand(e, &args[0], at);
    bool degrees = false;
    if (!z || !value_literal_bool(&args[1], &degrees))
        return z ? elab_error(e, DIAG_TYPING, at, NULL, "deg must be True or False") : value_invalid(at);
    type *t = kir_elem_type(z->ty);
    kir_expr *parts[2];
    if (t->kind == TYPE_COMPLEX) {
        parts[1] = part_of(e, KIR_REAL, array_share(e, &z), at);
        parts[0] = part_of(e, KIR_IMAG, z, at);
    } else {
        t = array_float_type(e, t);
        parts[0] = constant(e, t, 0, at);
        parts[1] = kir_cast(m, z, t, at);
    }
    kir_expr *x = kir_math(m, KIR_OP_ATAN2, kir_elem_type(parts[0]->ty), parts, 2, at);
    if (degrees)
        x = bin(e, KIR_OP_MUL, x, constant(e, kir_elem_type(x->ty), 180 / M_PI, at), at);
    return value_of(e, x);
}

/* ---- the table of built-ins --------------------------------------------------------------------------------------------------- */

#define U1 "x, /, out=None"
#define U2 "x1, x2, /, out=None"
#define ROW(name, params) {"numpy." name, params, call_ufunc, NULL, 0}

const builtin ufunc_table[] = {ROW("add", U2),
                               ROW("subtract", U2),
                               ROW("multiply", U2),
                               ROW("divide", U2),
                               ROW("true_divide", U2),
                               ROW("floor_divide", U2),
                               ROW("remainder", U2),
                               ROW("mod", U2),
                               ROW("fmod", U2),
                               ROW("power", U2),
                               ROW("pow", U2),
                               ROW("float_power", U2),
                               ROW("negative", U1),
                               ROW("positive", U1),
                               ROW("absolute", U1),
                               ROW("abs", U1),
                               ROW("fabs", U1),
                               ROW("conjugate", U1),
                               ROW("conj", U1),
                               ROW("square", U1),
                               ROW("reciprocal", U1),
                               ROW("sign", U1),
                               ROW("sqrt", U1),
                               ROW("cbrt", U1),
                               ROW("exp", U1),
                               ROW("exp2", U1),
                               ROW("expm1", U1),
                               ROW("log", U1),
                               ROW("log2", U1),
                               ROW("log10", U1),
                               ROW("log1p", U1),
                               ROW("sin", U1),
                               ROW("cos", U1),
                               ROW("tan", U1),
                               ROW("arcsin", U1),
                               ROW("arccos", U1),
                               ROW("arctan", U1),
                               ROW("asin", U1),
                               ROW("acos", U1),
                               ROW("atan", U1),
                               ROW("sinh", U1),
                               ROW("cosh", U1),
                               ROW("tanh", U1),
                               ROW("arcsinh", U1),
                               ROW("arccosh", U1),
                               ROW("arctanh", U1),
                               ROW("asinh", U1),
                               ROW("acosh", U1),
                               ROW("atanh", U1),
                               ROW("arctan2", U2),
                               ROW("atan2", U2),
                               ROW("hypot", U2),
                               ROW("copysign", U2),
                               ROW("nextafter", U2),
                               ROW("spacing", U1),
                               ROW("ldexp", U2),
                               ROW("logaddexp", U2),
                               ROW("logaddexp2", U2),
                               ROW("heaviside", U2),
                               ROW("deg2rad", U1),
                               ROW("radians", U1),
                               ROW("rad2deg", U1),
                               ROW("degrees", U1),
                               ROW("floor", U1),
                               ROW("ceil", U1),
                               ROW("trunc", U1),
                               ROW("fix", U1),
                               ROW("rint", U1),
                               ROW("gcd", U2),
                               ROW("lcm", U2),
                               ROW("maximum", U2),
                               ROW("minimum", U2),
                               ROW("fmax", U2),
                               ROW("fmin", U2),
                               ROW("bitwise_and", U2),
                               ROW("bitwise_or", U2),
                               ROW("bitwise_xor", U2),
                               ROW("bitwise_not", U1),
                               ROW("bitwise_invert", U1),
                               ROW("invert", U1),
                               ROW("left_shift", U2),
                               ROW("right_shift", U2),
                               ROW("bitwise_left_shift", U2),
                               ROW("bitwise_right_shift", U2),
                               ROW("equal", U2),
                               ROW("not_equal", U2),
                               ROW("less", U2),
                               ROW("less_equal", U2),
                               ROW("greater", U2),
                               ROW("greater_equal", U2),
                               ROW("logical_and", U2),
                               ROW("logical_or", U2),
                               ROW("logical_xor", U2),
                               ROW("logical_not", U1),
                               ROW("isnan", U1),
                               ROW("isinf", U1),
                               ROW("isfinite", U1),
                               ROW("signbit", U1),
                               {"numpy.where", "condition, x=None, y=None, /", call_where, NULL, 0},
                               {"numpy.clip", "a, a_min=None, a_max=None, out=None", call_clip, NULL, 0},
                               {"numpy.around", "a, decimals=0, out=None", call_around, NULL, 0},
                               {"numpy.round", "a, decimals=0, out=None", call_around, NULL, 0},
                               {"numpy.round_", "a, decimals=0, out=None", call_around, NULL, 0},
                               {"numpy.divmod", "x1, x2, /", call_divmod, NULL, 0},
                               {"numpy.array_equal", "a1, a2", call_array_equal, NULL, 0},
                               {"numpy.angle", "z, deg=False", call_angle, NULL, 0},
                               {"ndarray.clip", "self, min=None, max=None, out=None", call_clip, NULL, 0},
                               {"ndarray.round", "self, decimals=0, out=None", call_around, NULL, 0},
                               {"ndarray.conj", "self", call_ufunc, NULL, 0},
                               {"ndarray.conjugate", "self", call_ufunc, NULL, 0},
                               {0}};
