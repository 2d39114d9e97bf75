/* The modules math, cmath and operator.
 *
 * Functions of reals work in float64, or in float32 when the argument is one (integers become float64), and give what
 * C's library gives: NaN or an infinity where CPython raises ValueError or OverflowError, as Numba chose too. That keeps
 * loops that call them free of exits, so they vectorise (docs/decisions.md, "math without exceptions").
 */
#include "elaborate/value.h"

#include "plait/runtime.h"

#include <string.h>

/* ---- reals ------------------------------------------------------------------------------------------------------------ */

static kir_module *module_of(elab *e) {
    return elab_module(e);
}

/* Type in which a math function computes for these arguments: float32 when all are, else float64; NULL after an error. */
static type *working_type(elab *e, const builtin *b, const value *args, uint32_t n, span at) {
    bool narrow = true;
    for (uint32_t k = 0; k < n; k++) {
        if (args[k].kind != VAL_EXPR || !value_is_scalar(&args[k]) || !type_is_real(args[k].ty)) {
            elab_error(e, DIAG_TYPING, at, "convert it with float(), or use the numpy function of that name for arrays",
                       "%s() takes real numbers, not %s", b->name, type_name(elab_types(e), value_type(e, &args[k])));
            return NULL;
        }
        narrow = narrow && args[k].ty->kind == TYPE_FLOAT && args[k].ty->bits == 32;
    }
    return type_float(elab_types(e), narrow ? 32 : 64);
}

/* A row whose code is a kir_op on floats, with as many arguments as parameters. */
static value real_function(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    type *t = working_type(e, b, args, n, at);
    if (!t)
        return value_invalid(at);
    kir_expr *x[4];
    for (uint32_t k = 0; k < n; k++)
        x[k] = kir_cast(module_of(e), args[k].expr, t, at);
    return value_of(e, kir_math(module_of(e), (kir_op)b->code, t, x, n, at));
}

static value test_function(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    type *t = working_type(e, b, args, n, at);
    if (!t)
        return value_invalid(at);
    kir_expr *x = kir_cast(module_of(e), args[0].expr, t, at);
    return value_of(e, kir_math(module_of(e), (kir_op)b->code, type_bool(elab_types(e)), &x, 1, at));
}

/* floor, ceil, trunc: integers stay, floats become int64. */
static value whole_function(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    type *t = working_type(e, b, args, n, at), *i64 = type_int64(elab_types(e));
    if (!t)
        return value_invalid(at);
    if (args[0].ty->kind != TYPE_FLOAT)
        return elab_convert(e, &args[0], i64, at);
    kir_expr *x = args[0].expr;
    return value_of(e, kir_cast(module_of(e), kir_math(module_of(e), (kir_op)b->code, t, &x, 1, at), i64, at));
}

static value absolute(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    type *t = working_type(e, b, args, n, at);
    if (!t)
        return value_invalid(at);
    return value_of(e, kir_unary(module_of(e), KIR_OP_ABS, kir_cast(module_of(e), args[0].expr, t, at), at));
}

static value binary_function(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    type *t = working_type(e, b, args, n, at);
    if (!t)
        return value_invalid(at);
    kir_module *m = module_of(e);
    return value_of(
        e, kir_binary(m, (kir_op)b->code, kir_cast(m, args[0].expr, t, at), kir_cast(m, args[1].expr, t, at), at));
}

/* degrees and radians: one multiplication, as CPython. */
static value scale_function(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    type *t = working_type(e, b, args, n, at);
    if (!t)
        return value_invalid(at);
    kir_module *m = module_of(e);
    const double pi = 3.14159265358979323846;
    kir_expr *factor = kir_const_float(m, t, b->code ? 180.0 / pi : pi / 180.0, at);
    return value_of(e, kir_binary(m, KIR_OP_MUL, kir_cast(m, args[0].expr, t, at), factor, at));
}

/* log(x[, base]) */
static value logarithm(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    bool has_base = args[1].kind != VAL_NONE;
    (void)n;
    type *t = working_type(e, b, args, has_base ? 2 : 1, at);
    if (!t)
        return value_invalid(at);
    kir_module *m = module_of(e);
    kir_expr *x = kir_cast(m, args[0].expr, t, at);
    kir_expr *result = kir_math(m, KIR_OP_LOG, t, &x, 1, at);
    if (has_base) {
        kir_expr *base = kir_cast(m, args[1].expr, t, at);
        result = kir_binary(m, KIR_OP_DIV, result, kir_math(m, KIR_OP_LOG, t, &base, 1, at), at);
    }
    return value_of(e, result);
}

/* ldexp(x, i): the exponent is an integer. */
static value load_exponent(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    type *t = working_type(e, b, args, 1, at);
    (void)n;
    if (!t)
        return value_invalid(at);
    if (!value_is_scalar(&args[1]) || !type_is_integer(args[1].ty))
        return elab_error(e, DIAG_TYPING, at, "convert it with int()",
                          "the second argument of ldexp() is an integer, not %s",
                          type_name(elab_types(e), value_type(e, &args[1])));
    kir_module *m = module_of(e);
    kir_expr *x[2] = {kir_cast(m, args[0].expr, t, at), kir_cast(m, args[1].expr, type_int64(elab_types(e)), at)};
    return value_of(e, kir_math(m, KIR_OP_LDEXP, t, x, 2, at));
}

static value greatest_common_divisor(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    kir_module *m = module_of(e);
    kir_expr *x[2];
    for (uint32_t k = 0; k < n; k++) {
        if (!value_is_scalar(&args[k]) || !type_is_integer(args[k].ty))
            return elab_error(e, DIAG_TYPING, at, "convert them with int()", "%s() takes integers, not %s", b->name,
                              type_name(elab_types(e), value_type(e, &args[k])));
        x[k] = kir_cast(m, args[k].expr, type_int64(elab_types(e)), at);
    }
    return value_of(e, kir_math(m, (kir_op)b->code, type_int64(elab_types(e)), x, n, at));
}

/* gcd(*integers), lcm(*integers), hypot(*coordinates): two at a time, from the left. */
static value fold_pairs(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    static const builtin gcd = {"math.gcd", NULL, NULL, NULL, KIR_OP_GCD},
                         hypot = {"math.hypot", NULL, NULL, NULL, KIR_OP_HYPOT};
    const value *given = &args[0];
    kir_module *m = module_of(e);
    (void)n;
    value pair[2] = {value_int(e, b->code == KIR_OP_GCD ? 0 : 1, at)};
    if (b->code == KIR_OP_HYPOT)
        pair[0] = value_of(e, kir_const_float(m, type_float64(elab_types(e)), 0, at));
    if (given->len > 1)
        pair[0] = given->items[0];
    for (uint32_t k = given->len > 1; k < given->len && pair[0].kind == VAL_EXPR; k++) {
        pair[1] = given->items[k];
        pair[0] = b->code == KIR_OP_GCD     ? greatest_common_divisor(e, &gcd, pair, 2, at)
                  : b->code == KIR_OP_HYPOT ? real_function(e, &hypot, pair, 2, at)
                                            : elab_call_library(e, "math_lcm", pair, 2, at);
    }
    return pair[0];
}

/* ---- complex numbers ---------------------------------------------------------------------------------------------------- */

static bool complex_argument(elab *e, const builtin *b, const value *v, kir_expr **z, span at) {
    if (v->kind != VAL_EXPR || !value_is_scalar(v) || !type_is_number(v->ty)) {
        elab_error(e, DIAG_TYPING, at, NULL, "%s() takes a number, not %s", b->name,
                   type_name(elab_types(e), value_type(e, v)));
        return false;
    }
    value c = elab_convert(e, v, type_complex(elab_types(e), 128), at);
    if (c.kind != VAL_EXPR)
        return false;
    *z = elab_hold(e, c.expr);
    return true;
}

static kir_expr *part(elab *e, kir_expr_kind kind, kir_expr *z, span at) {
    kir_expr *p = kir_expr_new(module_of(e), kind, type_float64(elab_types(e)), 1, at);
    p->args[0] = kir_copy_expr(module_of(e), z, NULL);
    return p;
}

/* A row whose code is a plrt_cmath. */
static value complex_function(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    kir_module *m = module_of(e);
    kir_expr *z;
    (void)n;
    if (!complex_argument(e, b, &args[0], &z, at))
        return value_invalid(at);
    kir_stmt *s = kir_stmt_new(m, KIR_RUNTIME, at);
    s->name = "plrt_cmath1";
    vec_push(m->a, &s->index, kir_const_int(m, type_int(elab_types(e), 32, true), b->code, at));
    vec_push(m->a, &s->index, z);
    kir_var *result = kir_temp_new(m, elab_fn(e), type_complex(elab_types(e), 128), at);
    vec_push(m->a, &s->results, result);
    elab_emit(e, s);
    return value_of(e, kir_ref(m, result, at));
}

/* cmath.isnan and its like: true when either part (isfinite: both) has the property. */
static value complex_test(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    kir_module *m = module_of(e);
    type *t = type_bool(elab_types(e));
    kir_expr *z;
    (void)n;
    if (!complex_argument(e, b, &args[0], &z, at))
        return value_invalid(at);
    kir_expr *re = part(e, KIR_REAL, z, at), *im = part(e, KIR_IMAG, z, at);
    kir_op joined = b->code == KIR_OP_ISFINITE ? KIR_OP_AND : KIR_OP_OR;
    return value_of(e, kir_binary(m, joined, kir_math(m, (kir_op)b->code, t, &re, 1, at),
                                  kir_math(m, (kir_op)b->code, t, &im, 1, at), at));
}

static kir_expr *phase_of(elab *e, kir_expr *z, span at) {
    kir_expr *x[2] = {part(e, KIR_IMAG, z, at), part(e, KIR_REAL, z, at)};
    return kir_math(module_of(e), KIR_OP_ATAN2, type_float64(elab_types(e)), x, 2, at);
}

static kir_expr *modulus_of(elab *e, kir_expr *z, span at) {
    kir_expr *x[2] = {part(e, KIR_REAL, z, at), part(e, KIR_IMAG, z, at)};
    return kir_math(module_of(e), KIR_OP_HYPOT, type_float64(elab_types(e)), x, 2, at);
}

static value phase(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    kir_expr *z;
    (void)n;
    return complex_argument(e, b, &args[0], &z, at) ? value_of(e, phase_of(e, z, at)) : value_invalid(at);
}

static value polar(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    kir_expr *z;
    (void)n;
    if (!complex_argument(e, b, &args[0], &z, at))
        return value_invalid(at);
    value items[2] = {value_of(e, modulus_of(e, z, at)), value_of(e, phase_of(e, z, at))};
    return value_tuple(e, items, 2, at);
}

static value rect(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    kir_module *m = module_of(e);
    type *f64 = type_float64(elab_types(e));
    if (!working_type(e, b, args, n, at))
        return value_invalid(at);
    kir_expr *r = elab_hold(e, kir_cast(m, args[0].expr, f64, at)),
             *phi = elab_hold(e, kir_cast(m, args[1].expr, f64, at));
    kir_expr *again = kir_copy_expr(m, phi, NULL);
    kir_expr *z = kir_expr_new(m, KIR_COMPLEX, type_complex(elab_types(e), 128), 2, at);
    z->args[0] = kir_binary(m, KIR_OP_MUL, r, kir_math(m, KIR_OP_COS, f64, &phi, 1, at), at);
    z->args[1] = kir_binary(m, KIR_OP_MUL, kir_copy_expr(m, r, NULL), kir_math(m, KIR_OP_SIN, f64, &again, 1, at), at);
    return value_of(e, z);
}

/* ---- operator --------------------------------------------------------------------------------------------------------------- */

static value operator_binary(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    (void)n;
    return elab_binary(e, (ast_op)b->code, &args[0], &args[1], at);
}

static value operator_unary(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    (void)n;
    return elab_unary(e, (ast_op)b->code, &args[0], at);
}

static value operator_compare(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    (void)n;
    return elab_compare(e, (ast_op)b->code, &args[0], &args[1], at);
}

/* operator.iadd(a, b): in place on an array, which it returns; else the plain operator. */
static value operator_in_place(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    if (!value_is_array(&args[0]))
        return operator_binary(e, b, args, n, at);
    elab_array_augassign(e, (ast_op)b->code, &args[0], &args[1], at);
    return args[0];
}

static value operator_get_item(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    (void)b, (void)n;
    return elab_get_item(e, &args[0], &args[1], at);
}

static value operator_set_item(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    (void)b, (void)n;
    elab_set_item(e, &args[0], &args[1], &args[2], at);
    return value_none(e, at);
}

static value operator_truth(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    (void)n;
    kir_expr *t = elab_truth(e, &args[0], at);
    if (!t)
        return value_invalid(at);
    return value_of(e, b->code ? kir_unary(module_of(e), KIR_OP_NOT, t, at) : t);
}

#define REAL1(name, op) {"math." name, "x, /", real_function, NULL, KIR_OP_##op}
#define REAL2(name, op) {"math." name, "x, y, /", real_function, NULL, KIR_OP_##op}
#define LIBRARY(name, params) {"math." name, params, NULL, "math_" name, 0}
#define COMPLEX1(name, function) {"cmath." name, "z, /", complex_function, NULL, PLRT_##function}
#define OPERATOR2(name, op) {"operator." name, "a, b, /", operator_binary, NULL, OP_##op}
#define OPERATOR_IN_PLACE(name, op) {"operator." name, "a, b, /", operator_in_place, NULL, OP_##op}
#define COMPARE(name, op) {"operator." name, "a, b, /", operator_compare, NULL, OP_##op}

const builtin mathlib_table[] = {
    REAL1("sqrt", SQRT),
    REAL1("exp", EXP),
    REAL1("exp2", EXP2),
    REAL1("expm1", EXPM1),
    REAL1("log2", LOG2),
    REAL1("log10", LOG10),
    REAL1("log1p", LOG1P),
    REAL1("sin", SIN),
    REAL1("cos", COS),
    REAL1("tan", TAN),
    REAL1("asin", ASIN),
    REAL1("acos", ACOS),
    REAL1("atan", ATAN),
    REAL1("sinh", SINH),
    REAL1("cosh", COSH),
    REAL1("tanh", TANH),
    REAL1("asinh", ASINH),
    REAL1("acosh", ACOSH),
    REAL1("atanh", ATANH),
    REAL1("cbrt", CBRT),
    REAL1("erf", ERF),
    REAL1("erfc", ERFC),
    REAL1("gamma", GAMMA),
    REAL1("lgamma", LGAMMA),
    REAL2("atan2", ATAN2),
    {"math.hypot", "*coordinates", fold_pairs, NULL, KIR_OP_HYPOT},
    REAL2("copysign", COPYSIGN),
    REAL2("nextafter", NEXTAFTER),
    {"math.fmod", "x, y, /", binary_function, NULL, KIR_OP_TRUNCMOD},
    {"math.pow", "x, y, /", binary_function, NULL, KIR_OP_POW},
    {"math.log", "x, base=None, /", logarithm, NULL, 0},
    {"math.ldexp", "x, i, /", load_exponent, NULL, 0},
    {"math.fabs", "x, /", absolute, NULL, 0},
    {"math.floor", "x, /", whole_function, NULL, KIR_OP_FLOOR},
    {"math.ceil", "x, /", whole_function, NULL, KIR_OP_CEIL},
    {"math.trunc", "x, /", whole_function, NULL, KIR_OP_TRUNC},
    {"math.degrees", "x, /", scale_function, NULL, 1},
    {"math.radians", "x, /", scale_function, NULL, 0},
    {"math.isnan", "x, /", test_function, NULL, KIR_OP_ISNAN},
    {"math.isinf", "x, /", test_function, NULL, KIR_OP_ISINF},
    {"math.isfinite", "x, /", test_function, NULL, KIR_OP_ISFINITE},
    {"math.gcd", "*integers", fold_pairs, NULL, KIR_OP_GCD},
    {"math.lcm", "*integers", fold_pairs, NULL, 0},
    LIBRARY("factorial", "n, /"),
    LIBRARY("comb", "n, k, /"),
    LIBRARY("perm", "n, k=None, /"),
    LIBRARY("isqrt", "n, /"),
    LIBRARY("frexp", "x, /"),
    LIBRARY("modf", "x, /"),
    LIBRARY("remainder", "x, y, /"),
    LIBRARY("dist", "p, q, /"),
    LIBRARY("ulp", "x, /"),
    LIBRARY("prod", "iterable, /, *, start=1"),
    LIBRARY("fsum", "seq, /"),
    LIBRARY("isclose", "a, b, *, rel_tol=1e-09, abs_tol=0.0"),

    COMPLEX1("sqrt", CSQRT),
    COMPLEX1("exp", CEXP),
    COMPLEX1("log10", CLOG10),
    COMPLEX1("sin", CSIN),
    COMPLEX1("cos", CCOS),
    COMPLEX1("tan", CTAN),
    COMPLEX1("asin", CASIN),
    COMPLEX1("acos", CACOS),
    COMPLEX1("atan", CATAN),
    COMPLEX1("sinh", CSINH),
    COMPLEX1("cosh", CCOSH),
    COMPLEX1("tanh", CTANH),
    COMPLEX1("asinh", CASINH),
    COMPLEX1("acosh", CACOSH),
    COMPLEX1("atanh", CATANH),
    {"cmath._log", "z, /", complex_function, NULL, PLRT_CLOG},
    {"cmath.log", "z, base=None, /", NULL, "cmath_log", 0},
    {"cmath.isnan", "z, /", complex_test, NULL, KIR_OP_ISNAN},
    {"cmath.isinf", "z, /", complex_test, NULL, KIR_OP_ISINF},
    {"cmath.isfinite", "z, /", complex_test, NULL, KIR_OP_ISFINITE},
    {"cmath.isclose", "a, b, *, rel_tol=1e-09, abs_tol=0.0", NULL, "cmath_isclose", 0},
    {"cmath.phase", "z, /", phase, NULL, 0},
    {"cmath.polar", "z, /", polar, NULL, 0},
    {"cmath.rect", "r, phi, /", rect, NULL, 0},

    OPERATOR2("add", Add),
    OPERATOR2("sub", Sub),
    OPERATOR2("mul", Mult),
    OPERATOR2("truediv", Div),
    OPERATOR2("floordiv", FloorDiv),
    OPERATOR2("mod", Mod),
    OPERATOR2("pow", Pow),
    OPERATOR2("matmul", MatMult),
    OPERATOR2("lshift", LShift),
    OPERATOR2("rshift", RShift),
    OPERATOR2("and_", BitAnd),
    OPERATOR2("or_", BitOr),
    OPERATOR2("xor", BitXor),
    OPERATOR_IN_PLACE("iadd", Add),
    OPERATOR_IN_PLACE("isub", Sub),
    OPERATOR_IN_PLACE("imul", Mult),
    OPERATOR_IN_PLACE("itruediv", Div),
    OPERATOR_IN_PLACE("ifloordiv", FloorDiv),
    OPERATOR_IN_PLACE("imod", Mod),
    OPERATOR_IN_PLACE("ipow", Pow),
    OPERATOR_IN_PLACE("imatmul", MatMult),
    OPERATOR_IN_PLACE("ilshift", LShift),
    OPERATOR_IN_PLACE("irshift", RShift),
    OPERATOR_IN_PLACE("iand", BitAnd),
    OPERATOR_IN_PLACE("ior", BitOr),
    OPERATOR_IN_PLACE("ixor", BitXor),
    COMPARE("eq", Eq),
    COMPARE("ne", NotEq),
    COMPARE("lt", Lt),
    COMPARE("le", LtE),
    COMPARE("gt", Gt),
    COMPARE("ge", GtE),
    COMPARE("is_", Is),
    COMPARE("is_not", IsNot),
    {"operator.contains", "b, a, /", NULL, "operator_contains", 0},
    {"operator.neg", "a, /", operator_unary, NULL, OP_USub},
    {"operator.pos", "a, /", operator_unary, NULL, OP_UAdd},
    {"operator.invert", "a, /", operator_unary, NULL, OP_Invert},
    {"operator.inv", "a, /", operator_unary, NULL, OP_Invert},
    {"operator.not_", "a, /", operator_truth, NULL, 1},
    {"operator.truth", "a, /", operator_truth, NULL, 0},
    {"operator.getitem", "a, b, /", operator_get_item, NULL, 0},
    {"operator.setitem", "a, b, c, /", operator_set_item, NULL, 0},
    {.name = NULL},
};
