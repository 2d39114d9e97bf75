/* The operators: one row each. Whoever asks something of an operator (its spelling, its number of operands, whether it
 * compares, whether its operands may be swapped) reads this table. */
#include "kir/op.h"

#include <string.h>

#define UNARY(n, f) {.name = n, .form = KIR_FORM_UNARY, .arity = 1, .flags = (f)}
#define BINARY(n, s, f) {.name = n, .infix = s, .form = KIR_FORM_BINARY, .arity = 2, .flags = (f)}
#define MATH(n, k) {.name = n, .form = KIR_FORM_MATH, .arity = (k)}
#define REDUCE(n) {.name = n, .form = KIR_FORM_REDUCE, .arity = 1}
#define PART(n) {.name = n, .form = KIR_FORM_PART, .arity = 1}

static const kir_op_info op_table[KIR_OP_COUNT] = {
    [KIR_OP_INVALID] = {.name = "invalid"},
    [KIR_OP_NEG] = UNARY("neg", 0),
    [KIR_OP_NOT] = UNARY("not", 0),
    [KIR_OP_INVERT] = UNARY("invert", 0),
    [KIR_OP_ABS] = UNARY("abs", 0),
    [KIR_OP_CONJ] = UNARY("conj", 0),
    [KIR_OP_ADD] = BINARY("add", "+", KIR_OP_COMMUTES | KIR_OP_REDUCES),
    [KIR_OP_SUB] = BINARY("sub", "-", 0),
    [KIR_OP_MUL] = BINARY("mul", "*", KIR_OP_COMMUTES | KIR_OP_REDUCES),
    [KIR_OP_DIV] = BINARY("div", "/", 0),
    [KIR_OP_FLOORDIV] = BINARY("floordiv", "//", 0),
    [KIR_OP_MOD] = BINARY("mod", "%", 0),
    [KIR_OP_TRUNCDIV] = BINARY("truncdiv", NULL, 0),
    [KIR_OP_TRUNCMOD] = BINARY("truncmod", NULL, 0),
    [KIR_OP_POW] = BINARY("pow", "**", 0),
    [KIR_OP_AND] = BINARY("and", "&", KIR_OP_COMMUTES | KIR_OP_REDUCES),
    [KIR_OP_OR] = BINARY("or", "|", KIR_OP_COMMUTES | KIR_OP_REDUCES),
    [KIR_OP_XOR] = BINARY("xor", "^", KIR_OP_COMMUTES | KIR_OP_REDUCES),
    [KIR_OP_SHL] = BINARY("shl", "<<", 0),
    [KIR_OP_SHR] = BINARY("shr", ">>", 0),
    [KIR_OP_MIN] = BINARY("min", NULL, KIR_OP_REDUCES),
    [KIR_OP_MAX] = BINARY("max", NULL, KIR_OP_REDUCES),
    [KIR_OP_FMIN] = BINARY("fmin", NULL, KIR_OP_REDUCES),
    [KIR_OP_FMAX] = BINARY("fmax", NULL, KIR_OP_REDUCES),
    [KIR_OP_NPMIN] = BINARY("npmin", NULL, KIR_OP_REDUCES),
    [KIR_OP_NPMAX] = BINARY("npmax", NULL, KIR_OP_REDUCES),
    [KIR_OP_EQ] = BINARY("eq", "==", KIR_OP_COMMUTES | KIR_OP_COMPARES),
    [KIR_OP_NE] = BINARY("ne", "!=", KIR_OP_COMMUTES | KIR_OP_COMPARES),
    [KIR_OP_LT] = BINARY("lt", "<", KIR_OP_COMPARES),
    [KIR_OP_LE] = BINARY("le", "<=", KIR_OP_COMPARES),
    [KIR_OP_GT] = BINARY("gt", ">", KIR_OP_COMPARES),
    [KIR_OP_GE] = BINARY("ge", ">=", KIR_OP_COMPARES),
    [KIR_OP_ALL] = REDUCE("all"),
    [KIR_OP_ANY] = REDUCE("any"),
    [KIR_OP_ARGMIN] = REDUCE("argmin"),
    [KIR_OP_ARGMAX] = REDUCE("argmax"),
    [KIR_OP_REAL] = PART("real"),
    [KIR_OP_IMAG] = PART("imag"),
    [KIR_OP_BITS] = PART("bits"),
    [KIR_OP_SQRT] = MATH("sqrt", 1),
    [KIR_OP_EXP] = MATH("exp", 1),
    [KIR_OP_EXP2] = MATH("exp2", 1),
    [KIR_OP_EXPM1] = MATH("expm1", 1),
    [KIR_OP_LOG] = MATH("log", 1),
    [KIR_OP_LOG2] = MATH("log2", 1),
    [KIR_OP_LOG10] = MATH("log10", 1),
    [KIR_OP_LOG1P] = MATH("log1p", 1),
    [KIR_OP_SIN] = MATH("sin", 1),
    [KIR_OP_COS] = MATH("cos", 1),
    [KIR_OP_TAN] = MATH("tan", 1),
    [KIR_OP_ASIN] = MATH("asin", 1),
    [KIR_OP_ACOS] = MATH("acos", 1),
    [KIR_OP_ATAN] = MATH("atan", 1),
    [KIR_OP_ATAN2] = MATH("atan2", 2),
    [KIR_OP_SINH] = MATH("sinh", 1),
    [KIR_OP_COSH] = MATH("cosh", 1),
    [KIR_OP_TANH] = MATH("tanh", 1),
    [KIR_OP_ASINH] = MATH("asinh", 1),
    [KIR_OP_ACOSH] = MATH("acosh", 1),
    [KIR_OP_ATANH] = MATH("atanh", 1),
    [KIR_OP_HYPOT] = MATH("hypot", 2),
    [KIR_OP_CBRT] = MATH("cbrt", 1),
    [KIR_OP_ERF] = MATH("erf", 1),
    [KIR_OP_ERFC] = MATH("erfc", 1),
    [KIR_OP_GAMMA] = MATH("gamma", 1),
    [KIR_OP_LGAMMA] = MATH("lgamma", 1),
    [KIR_OP_FLOOR] = MATH("floor", 1),
    [KIR_OP_CEIL] = MATH("ceil", 1),
    [KIR_OP_TRUNC] = MATH("trunc", 1),
    [KIR_OP_RINT] = MATH("rint", 1),
    [KIR_OP_COPYSIGN] = MATH("copysign", 2),
    [KIR_OP_NEXTAFTER] = MATH("nextafter", 2),
    [KIR_OP_LDEXP] = MATH("ldexp", 2),
    [KIR_OP_ISNAN] = MATH("isnan", 1),
    [KIR_OP_ISINF] = MATH("isinf", 1),
    [KIR_OP_ISFINITE] = MATH("isfinite", 1),
    [KIR_OP_SIGNBIT] = MATH("signbit", 1),
    [KIR_OP_FMA] = MATH("fma", 3),
    [KIR_OP_FMOD] = MATH("fmod", 2),
    [KIR_OP_ROUND_DIGITS] = MATH("round_digits", 2),
    [KIR_OP_NPROUND] = MATH("npround", 2),
    [KIR_OP_SPACING] = MATH("spacing", 1),
    [KIR_OP_GCD] = MATH("gcd", 2),
};

const kir_op_info *kir_op_facts(kir_op op) {
    return &op_table[op < KIR_OP_COUNT ? op : KIR_OP_INVALID];
}

const char *kir_op_name(kir_op op) {
    return kir_op_facts(op)->name;
}

kir_op kir_op_find(const char *name, size_t len) {
    for (kir_op op = 1; op < KIR_OP_COUNT; op++) {
        if (strlen(op_table[op].name) == len && !memcmp(op_table[op].name, name, len))
            return op;
    }
    return KIR_OP_INVALID;
}
