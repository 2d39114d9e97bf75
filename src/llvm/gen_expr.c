/* Scalar expressions: pure trees, evaluated in place. Integers wrap; division and shifts are total, so that a select
 * may compute the arm it does not take; comparisons and minima follow Python and NumPy where a NaN is involved. */
#include "llvm/gen.h"

/* Facts of LLVM's enum that the request's bits are mapped to. */
static LLVMFastMathFlags fast_flags(const gen *g) {
    static const struct {
        uint32_t ours;
        LLVMFastMathFlags theirs;
    } map[] = {
        {KIR_FAST_NNAN, LLVMFastMathNoNaNs},
        {KIR_FAST_NINF, LLVMFastMathNoInfs},
        {KIR_FAST_NSZ, LLVMFastMathNoSignedZeros},
        {KIR_FAST_ARCP, LLVMFastMathAllowReciprocal},
        {KIR_FAST_CONTRACT, LLVMFastMathAllowContract},
        {KIR_FAST_AFN, LLVMFastMathApproxFunc},
        {KIR_FAST_REASSOC, LLVMFastMathAllowReassoc},
    };
    LLVMFastMathFlags flags = 0;
    for (size_t i = 0; i < sizeof map / sizeof map[0]; i++)
        if (g->m->options.fastmath & map[i].ours)
            flags |= map[i].theirs;
    return flags;
}

LLVMValueRef gen_fast(gen *g, LLVMValueRef v) {
    if (g->m->options.fastmath && LLVMIsAInstruction(v) && LLVMCanValueUseFastMathFlags(v))
        LLVMSetFastMathFlags(v, LLVMGetFastMathFlags(v) | fast_flags(g));
    return v;
}

static bool is_int(type *t) {
    return t->kind == TYPE_INT || t->kind == TYPE_BOOL;
}

static LLVMValueRef constant_like(LLVMValueRef x, int64_t value) {
    return LLVMConstInt(LLVMTypeOf(x), (unsigned long long)value, true);
}

static LLVMValueRef is_value(gen *g, LLVMValueRef x, int64_t value) {
    return LLVMBuildICmp(g->b, LLVMIntEQ, x, constant_like(x, value), "");
}

static LLVMValueRef choose(gen *g, LLVMValueRef c, LLVMValueRef yes, LLVMValueRef no) {
    return LLVMBuildSelect(g->b, c, yes, no, "");
}

/* ---- integer division ------------------------------------------------------------------------------------------------ */

static bool is_harmless_divisor(LLVMValueRef b) {
    return LLVMIsAConstantInt(b) && LLVMConstIntGetSExtValue(b) != 0 && LLVMConstIntGetSExtValue(b) != -1;
}

static bool is_power_of_two(LLVMValueRef b, uint64_t *exponent) {
    if (!LLVMIsAConstantInt(b))
        return false;
    int64_t x = LLVMConstIntGetSExtValue(b);
    *exponent = (uint64_t)(x > 0 ? __builtin_ctzll((unsigned long long)x) : 0);
    return x > 0 && (x & (x - 1)) == 0;
}

/* Zero and minus one, at which the machine's division traps, are replaced by one: the quotient is mended afterwards. */
static LLVMValueRef tame_divisor(gen *g, LLVMValueRef b, bool is_signed) {
    if (is_harmless_divisor(b))
        return b;
    LLVMValueRef bad = is_value(g, b, 0);
    if (is_signed)
        bad = LLVMBuildOr(g->b, bad, is_value(g, b, -1), "");
    return choose(g, bad, constant_like(b, 1), b);
}

static LLVMValueRef divide_unsigned(gen *g, kir_op op, LLVMValueRef a, LLVMValueRef b) {
    LLVMValueRef tame = tame_divisor(g, b, false);
    if (op == KIR_OP_FLOORDIV || op == KIR_OP_TRUNCDIV)
        return LLVMBuildUDiv(g->b, a, tame, "");
    return LLVMBuildURem(g->b, a, tame, "");
}

static LLVMValueRef signs_differ(gen *g, LLVMValueRef r, LLVMValueRef b) {
    LLVMValueRef differ = LLVMBuildICmp(g->b, LLVMIntSLT, LLVMBuildXor(g->b, r, b, ""), constant_like(r, 0), "");
    LLVMValueRef inexact = LLVMBuildICmp(g->b, LLVMIntNE, r, constant_like(r, 0), "");
    return LLVMBuildAnd(g->b, inexact, differ, "");
}

/* Floor division rounds to minus infinity: one less than C's quotient where the remainder's sign is not the divisor's. */
static LLVMValueRef divide_signed(gen *g, kir_op op, LLVMValueRef a, LLVMValueRef b) {
    uint64_t exponent = 0;
    if (op == KIR_OP_FLOORDIV && is_power_of_two(b, &exponent))
        return LLVMBuildAShr(g->b, a, constant_like(a, (int64_t)exponent), "");
    if (op == KIR_OP_MOD && is_power_of_two(b, &exponent))
        return LLVMBuildAnd(g->b, a, LLVMBuildSub(g->b, b, constant_like(b, 1), ""), "");
    LLVMValueRef tame = tame_divisor(g, b, true);
    LLVMValueRef r = LLVMBuildSRem(g->b, a, tame, "");
    if (op == KIR_OP_TRUNCMOD)
        return r;
    if (op == KIR_OP_MOD)
        return choose(g, signs_differ(g, r, tame), LLVMBuildAdd(g->b, r, tame, ""), r);
    LLVMValueRef q = LLVMBuildSDiv(g->b, a, tame, "");
    if (op == KIR_OP_FLOORDIV)
        q = LLVMBuildSub(g->b, q, LLVMBuildZExt(g->b, signs_differ(g, r, tame), LLVMTypeOf(q), ""), "");
    return is_harmless_divisor(b) ? q : choose(g, is_value(g, b, -1), LLVMBuildNeg(g->b, a, ""), q);
}

/* Python's meaning for counts of the width and above (and NumPy's): nothing, or only the sign, is left. */
static LLVMValueRef shift(gen *g, kir_op op, type *t, LLVMValueRef a, LLVMValueRef n) {
    int64_t width = t->kind == TYPE_BOOL ? 1 : t->bits;
    LLVMValueRef small = LLVMBuildICmp(g->b, LLVMIntULT, n, constant_like(n, width), "");
    if (op == KIR_OP_SHR && t->is_signed)
        return LLVMBuildAShr(g->b, a, choose(g, small, n, constant_like(n, width - 1)), "");
    LLVMValueRef tame = choose(g, small, n, constant_like(n, 0));
    LLVMValueRef x = op == KIR_OP_SHL ? LLVMBuildShl(g->b, a, tame, "") : LLVMBuildLShr(g->b, a, tame, "");
    return choose(g, small, x, constant_like(a, 0));
}

static LLVMValueRef widen(gen *g, LLVMValueRef x, type *t) {
    if (LLVMTypeOf(x) == g->i64)
        return x;
    return t->is_signed ? LLVMBuildSExt(g->b, x, g->i64, "") : LLVMBuildZExt(g->b, x, g->i64, "");
}

static LLVMValueRef power_int(gen *g, type *t, LLVMValueRef a, LLVMValueRef b) {
    int64_t n = LLVMIsAConstantInt(b) ? LLVMConstIntGetSExtValue(b) : 0;
    if (n == 2 || n == 3) {
        LLVMValueRef square = LLVMBuildMul(g->b, a, a, "");
        return n == 2 ? square : LLVMBuildMul(g->b, square, a, "");
    }
    LLVMTypeRef params[2] = {g->i64, g->i64};
    LLVMValueRef fn =
        gen_declare(g, t->is_signed ? "plrt_pow_i64" : "plrt_pow_u64", LLVMFunctionType(g->i64, params, 2, false));
    gen_attribute(g, fn, (unsigned)LLVMAttributeFunctionIndex, "memory", 0);
    gen_attribute(g, fn, (unsigned)LLVMAttributeFunctionIndex, "willreturn", 0);
    LLVMValueRef args[2] = {widen(g, a, t), widen(g, b, t)};
    LLVMValueRef x = gen_call(g, fn, args, 2);
    return t->bits == 64 ? x : LLVMBuildTrunc(g->b, x, gen_type(g, t), "");
}

static LLVMValueRef minmax_int(gen *g, type *t, bool is_min, LLVMValueRef a, LLVMValueRef b) {
    LLVMIntPredicate less = t->is_signed ? LLVMIntSLT : LLVMIntULT;
    return choose(g, LLVMBuildICmp(g->b, less, is_min ? b : a, is_min ? a : b, ""), b, a);
}

static LLVMIntPredicate int_predicate(kir_op op, bool is_signed) {
    switch (op) {
    case KIR_OP_EQ:
        return LLVMIntEQ;
    case KIR_OP_NE:
        return LLVMIntNE;
    case KIR_OP_LT:
        return is_signed ? LLVMIntSLT : LLVMIntULT;
    case KIR_OP_LE:
        return is_signed ? LLVMIntSLE : LLVMIntULE;
    case KIR_OP_GT:
        return is_signed ? LLVMIntSGT : LLVMIntUGT;
    default:
        return is_signed ? LLVMIntSGE : LLVMIntUGE;
    }
}

static bool is_comparison(kir_op op) {
    return op >= KIR_OP_EQ && op <= KIR_OP_GE;
}

static LLVMValueRef binary_int(gen *g, kir_op op, type *t, LLVMValueRef a, LLVMValueRef b) {
    bool is_signed = t->kind == TYPE_INT && t->is_signed;
    if (is_comparison(op))
        return LLVMBuildICmp(g->b, int_predicate(op, is_signed), a, b, "");
    switch (op) {
    case KIR_OP_ADD:
        return t->kind == TYPE_BOOL ? LLVMBuildOr(g->b, a, b, "") : LLVMBuildAdd(g->b, a, b, "");
    case KIR_OP_SUB:
        return LLVMBuildSub(g->b, a, b, "");
    case KIR_OP_MUL:
        return t->kind == TYPE_BOOL ? LLVMBuildAnd(g->b, a, b, "") : LLVMBuildMul(g->b, a, b, "");
    case KIR_OP_FLOORDIV:
    case KIR_OP_MOD:
    case KIR_OP_TRUNCDIV:
    case KIR_OP_TRUNCMOD:
        return is_signed ? divide_signed(g, op, a, b) : divide_unsigned(g, op, a, b);
    case KIR_OP_POW:
        return power_int(g, t, a, b);
    case KIR_OP_AND:
    case KIR_OP_ALL:
        return LLVMBuildAnd(g->b, a, b, "");
    case KIR_OP_OR:
    case KIR_OP_ANY:
        return LLVMBuildOr(g->b, a, b, "");
    case KIR_OP_XOR:
        return LLVMBuildXor(g->b, a, b, "");
    case KIR_OP_SHL:
    case KIR_OP_SHR:
        return shift(g, op, t, a, b);
    case KIR_OP_MIN:
    case KIR_OP_FMIN:
    case KIR_OP_NPMIN:
        return minmax_int(g, t, true, a, b);
    default:
        return minmax_int(g, t, false, a, b);
    }
}

/* ---- floats ------------------------------------------------------------------------------------------------------------ */

static LLVMRealPredicate real_predicate(kir_op op) {
    switch (op) {
    case KIR_OP_EQ:
        return LLVMRealOEQ;
    case KIR_OP_NE:
        return LLVMRealUNE;
    case KIR_OP_LT:
        return LLVMRealOLT;
    case KIR_OP_LE:
        return LLVMRealOLE;
    case KIR_OP_GT:
        return LLVMRealOGT;
    default:
        return LLVMRealOGE;
    }
}

static LLVMValueRef compare_real(gen *g, LLVMRealPredicate p, LLVMValueRef a, LLVMValueRef b) {
    return gen_fast(g, LLVMBuildFCmp(g->b, p, a, b, ""));
}

/* np.minimum: a NaN wins. The order of zeros is not promised (NumPy's neither), which saves instructions. */
static LLVMValueRef propagate_nan(gen *g, const char *name, LLVMValueRef a, LLVMValueRef b) {
    LLVMValueRef args[2] = {a, b};
    LLVMValueRef x = gen_intrinsic(g, name, LLVMTypeOf(a), args, 2);
    if (LLVMIsAInstruction(x))
        LLVMSetFastMathFlags(x, LLVMFastMathNoSignedZeros);
    g->is_loose = true;
    return gen_fast(g, x);
}

static LLVMValueRef call_pure(gen *g, const char *name, LLVMValueRef *args, uint32_t n) {
    LLVMTypeRef params[3] = {LLVMTypeOf(args[0]), n > 1 ? LLVMTypeOf(args[1]) : NULL, NULL};
    LLVMValueRef fn = gen_declare(g, name, LLVMFunctionType(LLVMTypeOf(args[0]), params, n, false));
    gen_attribute(g, fn, (unsigned)LLVMAttributeFunctionIndex, "memory", 0);
    gen_attribute(g, fn, (unsigned)LLVMAttributeFunctionIndex, "willreturn", 0);
    return gen_call(g, fn, args, n);
}

static bool is_real(LLVMValueRef x, double value) {
    LLVMBool loses = false;
    return LLVMIsAConstantFP(x) && LLVMConstRealGetDouble(x, &loses) == value;
}

/* The square root but for two arguments: pow(-0.0, 0.5) is 0.0, and pow(-inf, 0.5) inf. */
static LLVMValueRef root_as_power(gen *g, LLVMValueRef x) {
    LLVMTypeRef t = LLVMTypeOf(x);
    LLVMValueRef least = LLVMConstReal(t, -__builtin_inf()), most = LLVMConstReal(t, __builtin_inf());
    LLVMValueRef root = gen_fast(g, gen_intrinsic(g, "llvm.sqrt", t, &x, 1));
    root = gen_fast(g, gen_intrinsic(g, "llvm.fabs", t, &root, 1));
    return choose(g, LLVMBuildFCmp(g->b, LLVMRealOEQ, x, least, ""), most, root);
}

static LLVMValueRef power_real(gen *g, type *t, LLVMValueRef a, LLVMValueRef b) {
    LLVMValueRef args[2] = {a, b};
    if (is_real(b, 2.0))
        return gen_fast(g, LLVMBuildFMul(g->b, a, a, ""));
    if (is_real(b, 0.5))
        return root_as_power(g, a);
    if (is_real(b, -1.0))
        return gen_fast(g, LLVMBuildFDiv(g->b, LLVMConstReal(LLVMTypeOf(a), 1.0), a, ""));
    return is_real(a, 2.0) ? gen_libm(g, KIR_OP_EXP2, t, args + 1, 1) : gen_libm(g, KIR_OP_POW, t, args, 2);
}

static LLVMValueRef binary_real(gen *g, kir_op op, type *t, LLVMValueRef a, LLVMValueRef b) {
    bool is_double = t->bits == 64;
    LLVMValueRef args[2] = {a, b};
    if (is_comparison(op))
        return compare_real(g, real_predicate(op), a, b);
    switch (op) {
    case KIR_OP_ADD:
        return gen_fast(g, LLVMBuildFAdd(g->b, a, b, ""));
    case KIR_OP_SUB:
        return gen_fast(g, LLVMBuildFSub(g->b, a, b, ""));
    case KIR_OP_MUL:
        return gen_fast(g, LLVMBuildFMul(g->b, a, b, ""));
    case KIR_OP_DIV:
        return gen_fast(g, LLVMBuildFDiv(g->b, a, b, ""));
    case KIR_OP_FLOORDIV:
        return call_pure(g, is_double ? "plrt_floordiv" : "plrt_floordiv_f32", args, 2);
    case KIR_OP_MOD:
        return call_pure(g, is_double ? "plrt_fmod_floor" : "plrt_fmod_floor_f32", args, 2);
    case KIR_OP_TRUNCMOD:
        return gen_fast(g, LLVMBuildFRem(g->b, a, b, ""));
    case KIR_OP_TRUNCDIV:
        args[0] = gen_fast(g, LLVMBuildFDiv(g->b, a, b, ""));
        return gen_intrinsic(g, "llvm.trunc", LLVMTypeOf(a), args, 1);
    case KIR_OP_POW:
        return power_real(g, t, a, b);
    case KIR_OP_MIN: /* the flags of both, or no vector loop finds the least of many */
        return gen_fast(g, choose(g, compare_real(g, LLVMRealOLT, b, a), b, a));
    case KIR_OP_MAX:
        return gen_fast(g, choose(g, compare_real(g, LLVMRealOGT, b, a), b, a));
    case KIR_OP_FMIN:
        g->is_loose = true;
        return gen_fast(g, gen_intrinsic(g, "llvm.minnum", LLVMTypeOf(a), args, 2));
    case KIR_OP_FMAX:
        g->is_loose = true;
        return gen_fast(g, gen_intrinsic(g, "llvm.maxnum", LLVMTypeOf(a), args, 2));
    case KIR_OP_NPMIN:
        return propagate_nan(g, "llvm.minimum", a, b);
    default:
        return propagate_nan(g, "llvm.maximum", a, b);
    }
}

/* ---- complex numbers --------------------------------------------------------------------------------------------------- */

static gen_value multiply_complex(gen *g, gen_value a, gen_value b) {
    LLVMValueRef rr = gen_fast(g, LLVMBuildFMul(g->b, a.re, b.re, ""));
    LLVMValueRef ii = gen_fast(g, LLVMBuildFMul(g->b, a.im, b.im, ""));
    LLVMValueRef ri = gen_fast(g, LLVMBuildFMul(g->b, a.re, b.im, ""));
    LLVMValueRef ir = gen_fast(g, LLVMBuildFMul(g->b, a.im, b.re, ""));
    return (gen_value){gen_fast(g, LLVMBuildFSub(g->b, rr, ii, "")), gen_fast(g, LLVMBuildFAdd(g->b, ri, ir, ""))};
}

static LLVMValueRef absolute(gen *g, LLVMValueRef x) {
    return gen_intrinsic(g, "llvm.fabs", LLVMTypeOf(x), &x, 1);
}

/* Smith's method without branches: p + q*ratio over x + y*ratio, where x is the larger part of the divisor and ratio
 * the smaller over the larger. A zero divisor gives NumPy's infinities (Python's error was raised before). */
static gen_value divide_complex(gen *g, gen_value a, gen_value b) {
    LLVMValueRef c = absolute(g, b.re), d = absolute(g, b.im), zero = LLVMConstNull(LLVMTypeOf(c));
    LLVMValueRef real_larger = LLVMBuildFCmp(g->b, LLVMRealOGE, c, d, "");
    LLVMValueRef is_zero = LLVMBuildAnd(g->b, LLVMBuildFCmp(g->b, LLVMRealOEQ, c, zero, ""),
                                        LLVMBuildFCmp(g->b, LLVMRealOEQ, d, zero, ""), "");
    LLVMValueRef x = choose(g, is_zero, c, choose(g, real_larger, b.re, b.im)), y = choose(g, real_larger, b.im, b.re);
    LLVMValueRef ratio = choose(g, is_zero, zero, LLVMBuildFDiv(g->b, y, x, ""));
    LLVMValueRef scale = LLVMBuildFAdd(g->b, x, LLVMBuildFMul(g->b, y, ratio, ""), "");
    LLVMValueRef p = choose(g, real_larger, a.re, a.im), q = choose(g, real_larger, a.im, a.re);
    LLVMValueRef re = LLVMBuildFAdd(g->b, p, LLVMBuildFMul(g->b, q, ratio, ""), "");
    LLVMValueRef pr = LLVMBuildFMul(g->b, p, ratio, "");
    LLVMValueRef im = LLVMBuildFSub(g->b, choose(g, real_larger, q, pr), choose(g, real_larger, pr, q), "");
    return (gen_value){LLVMBuildFDiv(g->b, re, scale, ""), LLVMBuildFDiv(g->b, im, scale, "")};
}

static gen_value power_complex(gen *g, gen_value a, gen_value b) {
    LLVMTypeRef params[5] = {g->f64, g->f64, g->f64, g->f64, g->ptr}, t = LLVMTypeOf(a.re);
    LLVMValueRef fn = gen_declare(g, "plrt_cpow", LLVMFunctionType(g->none, params, 5, false));
    LLVMValueRef out = gen_slot(g, LLVMArrayType2(g->f64, 2), "cpow"), one = gen_int(g, 1);
    LLVMValueRef args[5] = {a.re, a.im, b.re, b.im, out};
    for (uint32_t i = 0; i < 4 && t == g->f32; i++)
        args[i] = LLVMBuildFPExt(g->b, args[i], g->f64, "");
    gen_call(g, fn, args, 5);
    LLVMValueRef im_at = LLVMBuildInBoundsGEP2(g->b, g->f64, out, &one, 1, "");
    gen_value v = {LLVMBuildLoad2(g->b, g->f64, out, ""), LLVMBuildLoad2(g->b, g->f64, im_at, "")};
    if (t == g->f64)
        return v;
    return (gen_value){LLVMBuildFPTrunc(g->b, v.re, t, ""), LLVMBuildFPTrunc(g->b, v.im, t, "")};
}

/* Complex numbers are ordered by the real part, then by the imaginary one, as NumPy does. */
static LLVMValueRef compare_complex(gen *g, kir_op op, gen_value a, gen_value b) {
    LLVMRealPredicate p = real_predicate(op);
    LLVMValueRef re = LLVMBuildFCmp(g->b, p, a.re, b.re, ""), im = LLVMBuildFCmp(g->b, p, a.im, b.im, "");
    if (op == KIR_OP_EQ)
        return LLVMBuildAnd(g->b, re, im, "");
    if (op == KIR_OP_NE)
        return LLVMBuildOr(g->b, re, im, "");
    LLVMRealPredicate strict = op == KIR_OP_LE ? LLVMRealOLT : op == KIR_OP_GE ? LLVMRealOGT : p;
    LLVMValueRef decided = LLVMBuildFCmp(g->b, strict, a.re, b.re, "");
    LLVMValueRef equal = LLVMBuildFCmp(g->b, LLVMRealOEQ, a.re, b.re, "");
    return LLVMBuildOr(g->b, decided, LLVMBuildAnd(g->b, equal, im, ""), "");
}

static gen_value choose_value(gen *g, LLVMValueRef c, gen_value yes, gen_value no) {
    return (gen_value){choose(g, c, yes.re, no.re), yes.im ? choose(g, c, yes.im, no.im) : NULL};
}

static LLVMValueRef is_nan_complex(gen *g, gen_value a) {
    return LLVMBuildFCmp(g->b, LLVMRealUNO, a.re, a.im, "");
}

static gen_value binary_complex(gen *g, kir_op op, gen_value a, gen_value b) {
    if (is_comparison(op))
        return (gen_value){compare_complex(g, op, a, b), NULL};
    switch (op) {
    case KIR_OP_ADD:
        return (gen_value){gen_fast(g, LLVMBuildFAdd(g->b, a.re, b.re, "")),
                           gen_fast(g, LLVMBuildFAdd(g->b, a.im, b.im, ""))};
    case KIR_OP_SUB:
        return (gen_value){gen_fast(g, LLVMBuildFSub(g->b, a.re, b.re, "")),
                           gen_fast(g, LLVMBuildFSub(g->b, a.im, b.im, ""))};
    case KIR_OP_MUL:
        return multiply_complex(g, a, b);
    case KIR_OP_DIV:
        return divide_complex(g, a, b);
    case KIR_OP_POW:
        return power_complex(g, a, b);
    case KIR_OP_NPMIN:
    case KIR_OP_NPMAX: {
        LLVMValueRef first = compare_complex(g, op == KIR_OP_NPMIN ? KIR_OP_LE : KIR_OP_GE, a, b);
        return choose_value(g, LLVMBuildOr(g->b, first, is_nan_complex(g, a), ""), a, b);
    }
    default:
        return choose_value(g, compare_complex(g, op == KIR_OP_MIN ? KIR_OP_LT : KIR_OP_GT, b, a), b, a);
    }
}

gen_value gen_binary(gen *g, kir_op op, type *t, gen_value a, gen_value b) {
    if (is_int(t))
        return (gen_value){binary_int(g, op, t, a.re, b.re), NULL};
    if (t->kind == TYPE_COMPLEX)
        return binary_complex(g, op, a, b);
    return (gen_value){binary_real(g, op, t, a.re, b.re), NULL};
}

/* ---- reductions ---------------------------------------------------------------------------------------------------------- */

static LLVMValueRef extreme_int(gen *g, type *t, bool want_large) {
    LLVMTypeRef lt = gen_type(g, t);
    if (t->kind == TYPE_BOOL || !t->is_signed)
        return want_large ? LLVMConstAllOnes(lt) : LLVMConstNull(lt);
    uint64_t top = (uint64_t)1 << (t->bits - 1);
    return LLVMConstInt(lt, want_large ? top - 1 : top, false);
}

/* What a partial result starts from: leaves every operand as it is. */
gen_value gen_identity(gen *g, kir_op op, type *t) {
    LLVMTypeRef lt = gen_type(g, t);
    gen_value v = {LLVMConstNull(lt), t->kind == TYPE_COMPLEX ? LLVMConstNull(lt) : NULL};
    bool is_min = op == KIR_OP_MIN || op == KIR_OP_FMIN || op == KIR_OP_NPMIN;
    bool is_max = op == KIR_OP_MAX || op == KIR_OP_FMAX || op == KIR_OP_NPMAX;
    if (op == KIR_OP_MUL)
        v.re = is_int(t) ? LLVMConstInt(lt, 1, false) : LLVMConstReal(lt, 1.0);
    else if (op == KIR_OP_AND || op == KIR_OP_ALL)
        v.re = LLVMConstAllOnes(lt);
    else if ((is_min || is_max) && is_int(t))
        v.re = extreme_int(g, t, is_min);
    else if (op == KIR_OP_FMIN || op == KIR_OP_FMAX)
        v.re = LLVMConstReal(lt, __builtin_nan(""));
    else if (is_min || is_max)
        v.re = LLVMConstReal(lt, is_min ? __builtin_inf() : -__builtin_inf());
    if (v.im && (is_min || is_max))
        v.im = v.re;
    return v;
}

static const kir_reduction *find_reduction(const gen *g, const kir_var *v) {
    for (uint32_t d = g->depth; d-- > 0;) {
        const kir_loop_info *l = g->loops[d];
        for (uint32_t i = 0; i < l->reductions.len && !l->cold; i++)
            if (l->reductions.at[i].var == v)
                return &l->reductions.at[i];
    }
    return NULL;
}

/* Whether the value of `e` is an accumulator with operands of a reduction added to it (or multiplied). */
static bool is_on_spine(const gen *g, const kir_expr *e, kir_op op) {
    if (e->kind == KIR_VAR) {
        const kir_reduction *r = find_reduction(g, e->var);
        return r && r->op == op;
    }
    if (e->kind != KIR_BINARY)
        return false;
    if (e->op == op && (is_on_spine(g, e->args[0], op) || is_on_spine(g, e->args[1], op)))
        return true;
    return op == KIR_OP_ADD && e->op == KIR_OP_SUB && is_on_spine(g, e->args[0], op);
}

static void allow_lane(gen *g, LLVMValueRef v) {
    if (!v || !LLVMIsAInstruction(v) || !LLVMCanValueUseFastMathFlags(v))
        return;
    LLVMSetFastMathFlags(v, LLVMGetFastMathFlags(v) | LLVMFastMathAllowReassoc);
    g->is_loose = true;
}

/* The reduction's own operation may be spread over vector lanes: their number and order are fixed by the code alone, so
 * the result depends on the trip count only. Nothing else of the loop is reassociated. */
static void mark_reduction(gen *g, const kir_expr *e, gen_value v) {
    if (!g->depth || e->args[0]->ty->kind == TYPE_INT || e->args[0]->ty->kind == TYPE_BOOL)
        return;
    bool adds = e->op == KIR_OP_ADD || e->op == KIR_OP_SUB;
    if ((adds && is_on_spine(g, e, KIR_OP_ADD)) || (e->op == KIR_OP_MUL && is_on_spine(g, e, KIR_OP_MUL))) {
        allow_lane(g, v.re);
        if (adds)
            allow_lane(g, v.im);
    }
}

/* ---- casts ------------------------------------------------------------------------------------------------------------- */

/* Saturates where C leaves it open. Small integers go through int32, unsigned 32-bit ones through int64, and negative
 * numbers to uint64 through int64: what NumPy's casts give on common machines. */
static LLVMValueRef saturate(gen *g, LLVMValueRef x, LLVMTypeRef to) {
    LLVMTypeRef types_[2] = {to, LLVMTypeOf(x)};
    unsigned id = LLVMLookupIntrinsicID("llvm.fptosi.sat", 15);
    return LLVMBuildCall2(g->b, LLVMIntrinsicGetType(g->context, id, types_, 2),
                          LLVMGetIntrinsicDeclaration(g->module, id, types_, 2), &x, 1, "");
}

/* The same without a branch, of operations that vectors have. (LLVM takes the intrinsic apart, lane by lane.) */
static LLVMValueRef saturate_lanes(gen *g, LLVMValueRef x) {
    LLVMTypeRef t = LLVMTypeOf(x);
    LLVMValueRef size = gen_intrinsic(g, "llvm.fabs", t, &x, 1), zero = LLVMConstNull(t);
    LLVMValueRef fits = LLVMBuildFCmp(g->b, LLVMRealOLT, size, LLVMConstReal(t, 0x1p63), "");
    LLVMValueRef most = gen_int(g, INT64_MAX), least = gen_int(g, INT64_MIN);
    LLVMValueRef low = choose(g, LLVMBuildFCmp(g->b, LLVMRealOLT, x, zero, ""), least, gen_int(g, 0));
    LLVMValueRef end = choose(g, LLVMBuildFCmp(g->b, LLVMRealOGT, x, zero, ""), most, low);
    return choose(g, fits, LLVMBuildFPToSI(g->b, x, g->i64, ""), end);
}

/* Numbers that fit, and they do, take an instruction and a comparison that never surprises; the others the long way. Where
 * a vector loop may come of it, that is the same for all lanes. */
static LLVMValueRef saturate64(gen *g, LLVMValueRef x) {
    if (g->depth == 0)
        return saturate(g, x, g->i64);
    if (g->packs[g->depth - 1])
        return saturate_lanes(g, x);
    LLVMTypeRef t = LLVMTypeOf(x);
    LLVMValueRef size = gen_intrinsic(g, "llvm.fabs", t, &x, 1), slot = gen_slot(g, g->i64, "integer");
    LLVMValueRef fits = LLVMBuildFCmp(g->b, LLVMRealOLT, size, LLVMConstReal(t, 0x1p63), "");
    LLVMBasicBlockRef usual = gen_block(g, "fits"), rare = gen_block(g, "saturates"), after = gen_block(g, "");
    gen_branch(g, fits, usual, rare, 1);
    gen_start(g, rare);
    LLVMBuildStore(g->b, saturate(g, x, g->i64), slot);
    gen_jump(g, after);
    gen_start(g, usual);
    LLVMBuildStore(g->b, LLVMBuildFPToSI(g->b, x, g->i64, ""), slot);
    gen_jump(g, after);
    gen_start(g, after);
    return LLVMBuildLoad2(g->b, g->i64, slot, "");
}

static LLVMValueRef real_to_int(gen *g, LLVMValueRef x, type *to) {
    if (to->bits == 64 && !to->is_signed) {
        LLVMTypeRef types_[2] = {g->i64, LLVMTypeOf(x)};
        unsigned s = LLVMLookupIntrinsicID("llvm.fptosi.sat", 15), u = LLVMLookupIntrinsicID("llvm.fptoui.sat", 15);
        LLVMValueRef low = LLVMBuildCall2(g->b, LLVMIntrinsicGetType(g->context, s, types_, 2),
                                          LLVMGetIntrinsicDeclaration(g->module, s, types_, 2), &x, 1, "");
        LLVMValueRef high = LLVMBuildCall2(g->b, LLVMIntrinsicGetType(g->context, u, types_, 2),
                                           LLVMGetIntrinsicDeclaration(g->module, u, types_, 2), &x, 1, "");
        return choose(g, LLVMBuildFCmp(g->b, LLVMRealOLT, x, LLVMConstNull(LLVMTypeOf(x)), ""), low, high);
    }
    if (to->bits == 64)
        return saturate64(g, x);
    bool through64 = to->bits == 32 && !to->is_signed;
    LLVMValueRef v = saturate(g, x, through64 ? g->i64 : g->i32);
    return LLVMTypeOf(v) == gen_type(g, to) ? v : LLVMBuildTrunc(g->b, v, gen_type(g, to), "");
}

static LLVMValueRef cast_int(gen *g, LLVMValueRef x, type *from, type *to) {
    LLVMTypeRef t = gen_type(g, to);
    bool is_signed = from->kind == TYPE_INT && from->is_signed;
    if (to->kind == TYPE_BOOL)
        return LLVMBuildICmp(g->b, LLVMIntNE, x, LLVMConstNull(LLVMTypeOf(x)), "");
    if (to->kind == TYPE_FLOAT || to->kind == TYPE_COMPLEX)
        return is_signed ? LLVMBuildSIToFP(g->b, x, t, "") : LLVMBuildUIToFP(g->b, x, t, "");
    return LLVMBuildIntCast2(g->b, x, t, is_signed, "");
}

static LLVMValueRef cast_real(gen *g, LLVMValueRef x, type *to) {
    if (to->kind == TYPE_BOOL)
        return LLVMBuildFCmp(g->b, LLVMRealUNE, x, LLVMConstNull(LLVMTypeOf(x)), "");
    if (to->kind == TYPE_INT)
        return real_to_int(g, x, to);
    LLVMTypeRef t = gen_type(g, to);
    return LLVMTypeOf(x) == t ? x : LLVMBuildFPCast(g->b, x, t, "");
}

gen_value gen_cast(gen *g, gen_value v, type *from, type *to) {
    if (from == to)
        return v;
    gen_value out = {NULL, NULL};
    if (from->kind == TYPE_COMPLEX && to->kind == TYPE_BOOL)
        out.re = LLVMBuildOr(g->b, cast_real(g, v.re, to), cast_real(g, v.im, to), "");
    else
        out.re = is_int(from) ? cast_int(g, v.re, from, to) : cast_real(g, v.re, to);
    if (to->kind == TYPE_COMPLEX)
        out.im = from->kind == TYPE_COMPLEX ? cast_real(g, v.im, to) : LLVMConstNull(gen_type(g, to));
    return out;
}

/* ---- leaves and the rest -------------------------------------------------------------------------------------------------- */

static gen_value constant(gen *g, const kir_expr *e) {
    LLVMTypeRef t = gen_type(g, e->ty);
    if (is_int(e->ty))
        return (gen_value){LLVMConstInt(t, (unsigned long long)e->value.i, true), NULL};
    if (e->ty->kind == TYPE_COMPLEX)
        return (gen_value){LLVMConstReal(t, e->value.c[0]), LLVMConstReal(t, e->value.c[1])};
    return (gen_value){LLVMConstReal(t, e->value.f), NULL};
}

static gen_value load_variable(gen *g, const kir_var *v) {
    LLVMTypeRef t = gen_type(g, v->ty);
    const gen_var *s = &g->vars[v->id];
    return (gen_value){LLVMBuildLoad2(g->b, t, s->slot.re, ""),
                       s->slot.im ? LLVMBuildLoad2(g->b, t, s->slot.im, "") : NULL};
}

static LLVMValueRef magnitude(gen *g, type *t, gen_value a) {
    if (t->kind == TYPE_FLOAT)
        return gen_fast(g, absolute(g, a.re));
    if (t->kind == TYPE_BOOL || !t->is_signed)
        return a.re;
    LLVMValueRef args[2] = {a.re, LLVMConstInt(g->i1, 0, false)};
    return gen_intrinsic(g, "llvm.abs", LLVMTypeOf(a.re), args, 2);
}

static gen_value unary(gen *g, const kir_expr *e) {
    gen_value a = gen_expr(g, e->args[0]);
    type *t = e->args[0]->ty;
    switch (e->op) {
    case KIR_OP_NEG:
        if (is_int(t))
            return (gen_value){LLVMBuildNeg(g->b, a.re, ""), NULL};
        return (gen_value){gen_fast(g, LLVMBuildFNeg(g->b, a.re, "")), a.im ? LLVMBuildFNeg(g->b, a.im, "") : NULL};
    case KIR_OP_NOT:
    case KIR_OP_INVERT:
        return (gen_value){LLVMBuildNot(g->b, a.re, ""), NULL};
    case KIR_OP_ABS:
        return (gen_value){magnitude(g, t, a), NULL};
    case KIR_OP_CONJ:
        return (gen_value){a.re, a.im ? LLVMBuildFNeg(g->b, a.im, "") : NULL};
    default:
        return a;
    }
}

/* (w >= 0) & (w < extent), as bounds are checked: extents are not negative, so one comparison says it. One that a pass
 * put in the place of an array's is recognised as what the index was wrapped by. */
static bool is_extent(const kir_expr *e, const kir_expr *index) {
    return e->kind == KIR_DIM || (index->kind == KIR_WRAP && kir_expr_equal(e, index->args[1]));
}

static bool is_within(const kir_expr *e) {
    const kir_expr *low = e->args[0], *high = e->n_args == 2 ? e->args[1] : NULL;
    int64_t zero;
    return e->op == KIR_OP_AND && low->kind == KIR_BINARY && high->kind == KIR_BINARY && low->op == KIR_OP_GE &&
           high->op == KIR_OP_LT && is_extent(high->args[1], high->args[0]) && kir_is_const_int(low->args[1], &zero) &&
           zero == 0 && kir_expr_equal(low->args[0], high->args[0]);
}

static gen_value binary(gen *g, const kir_expr *e) {
    if (is_within(e)) {
        LLVMValueRef i = gen_int64(g, e->args[1]->args[0]), extent = gen_int64(g, e->args[1]->args[1]);
        return (gen_value){LLVMBuildICmp(g->b, LLVMIntULT, i, extent, ""), NULL};
    }
    gen_value a = gen_expr(g, e->args[0]), b = gen_expr(g, e->args[1]);
    gen_value v = gen_binary(g, e->op, e->args[0]->ty, a, b);
    mark_reduction(g, e, v);
    return v;
}

static gen_value wrap_index(gen *g, const kir_expr *e) {
    LLVMValueRef i = gen_int64(g, e->args[0]), extent = gen_int64(g, e->args[1]);
    LLVMValueRef negative = LLVMBuildICmp(g->b, LLVMIntSLT, i, gen_int(g, 0), "");
    return (gen_value){choose(g, negative, LLVMBuildAdd(g->b, i, extent, ""), i), NULL};
}

/* The same of an array without gaps. */
static void whole_range(gen *g, const type *t, const gen_array *a, LLVMValueRef *low, LLVMValueRef *high,
                        LLVMValueRef *empty) {
    LLVMValueRef bytes = gen_int(g, (int64_t)type_size(t->dtype));
    for (uint32_t k = 0; k < t->ndim; k++)
        bytes = LLVMBuildMul(g->b, a->shape[k], bytes, "");
    *low = LLVMBuildPtrToInt(g->b, a->data, g->i64, "");
    *high = LLVMBuildAdd(g->b, *low, bytes, "");
    *empty = LLVMBuildICmp(g->b, LLVMIntEQ, bytes, gen_int(g, 0), "");
}

/* Lowest and past-highest byte of an array; *empty is set when it has no element. */
static void byte_range(gen *g, const kir_var *v, LLVMValueRef *low, LLVMValueRef *high, LLVMValueRef *empty) {
    gen_array a = gen_load_array(g, v);
    if (v->ty->layout != LAYOUT_A) {
        whole_range(g, v->ty, &a, low, high, empty);
        return;
    }
    LLVMValueRef down = gen_int(g, 0), up = gen_int(g, type_size(v->ty->dtype));
    *empty = LLVMConstInt(g->i1, 0, false);
    for (uint32_t k = 0; k < v->ty->ndim; k++) {
        LLVMValueRef last = LLVMBuildSub(g->b, a.shape[k], gen_int(g, 1), "");
        LLVMValueRef reach = LLVMBuildMul(g->b, last, gen_stride(g, v->ty, &a, k), "");
        LLVMValueRef negative = LLVMBuildICmp(g->b, LLVMIntSLT, reach, gen_int(g, 0), "");
        down = LLVMBuildAdd(g->b, down, choose(g, negative, reach, gen_int(g, 0)), "");
        up = LLVMBuildAdd(g->b, up, choose(g, negative, gen_int(g, 0), reach), "");
        *empty = LLVMBuildOr(g->b, *empty, LLVMBuildICmp(g->b, LLVMIntSLE, a.shape[k], gen_int(g, 0), ""), "");
    }
    LLVMValueRef base = LLVMBuildPtrToInt(g->b, a.data, g->i64, "");
    *low = LLVMBuildAdd(g->b, base, down, "");
    *high = LLVMBuildAdd(g->b, base, up, "");
}

static gen_value overlap(gen *g, const kir_expr *e) {
    LLVMValueRef low[2], high[2], empty[2];
    byte_range(g, e->var, &low[0], &high[0], &empty[0]);
    byte_range(g, e->args[0]->var, &low[1], &high[1], &empty[1]);
    LLVMValueRef meet = LLVMBuildAnd(g->b, LLVMBuildICmp(g->b, LLVMIntULT, low[0], high[1], ""),
                                     LLVMBuildICmp(g->b, LLVMIntULT, low[1], high[0], ""), "");
    LLVMValueRef none = LLVMBuildOr(g->b, empty[0], empty[1], "");
    return (gen_value){LLVMBuildAnd(g->b, meet, LLVMBuildNot(g->b, none, ""), ""), NULL};
}

static LLVMValueRef descriptor_field(gen *g, const kir_expr *e) {
    gen_array a = gen_load_array(g, e->var);
    uint32_t axis = (uint32_t)e->axis;
    return e->kind == KIR_DIM ? a.shape[axis] : gen_stride(g, e->var->ty, &a, axis);
}

/* |x| < 2**63 ? int64(x) : …, which needs no cast that saturates. */
static bool is_cast_that_fits(const kir_expr *e) {
    const kir_expr *c = e->args[0], *cast = e->args[1];
    if (cast->kind != KIR_CAST || cast->ty->kind != TYPE_INT || cast->ty->bits != 64 || !cast->ty->is_signed ||
        cast->args[0]->ty->kind != TYPE_FLOAT || c->kind != KIR_BINARY || c->op != KIR_OP_LT)
        return false;
    const kir_expr *size = c->args[0], *most = c->args[1];
    return size->kind == KIR_UNARY && size->op == KIR_OP_ABS && kir_expr_equal(size->args[0], cast->args[0]) &&
           most->kind == KIR_CONST && most->value.f == 0x1p63;
}

static LLVMValueRef fitting_cast(gen *g, const kir_expr *cast) {
    return LLVMBuildFPToSI(g->b, gen_expr(g, cast->args[0]).re, g->i64, "");
}

gen_value gen_expr(gen *g, const kir_expr *e) {
    switch (e->kind) {
    case KIR_CONST:
        return constant(g, e);
    case KIR_VAR:
        return load_variable(g, e->var);
    case KIR_UNARY:
        return unary(g, e);
    case KIR_BINARY:
        return binary(g, e);
    case KIR_SELECT: {
        LLVMValueRef c = gen_expr(g, e->args[0]).re;
        if (is_cast_that_fits(e))
            return (gen_value){choose(g, c, fitting_cast(g, e->args[1]), gen_expr(g, e->args[2]).re), NULL};
        gen_value yes = gen_expr(g, e->args[1]);
        return choose_value(g, c, yes, gen_expr(g, e->args[2]));
    }
    case KIR_CAST:
        return gen_cast(g, gen_expr(g, e->args[0]), e->args[0]->ty, e->ty);
    case KIR_MATH:
        return gen_math(g, e);
    case KIR_COMPLEX: {
        LLVMValueRef re = gen_expr(g, e->args[0]).re;
        return (gen_value){re, gen_expr(g, e->args[1]).re};
    }
    case KIR_REAL:
        return (gen_value){gen_expr(g, e->args[0]).re, NULL};
    case KIR_IMAG: {
        gen_value v = gen_expr(g, e->args[0]);
        return (gen_value){v.im ? v.im : LLVMConstNull(LLVMTypeOf(v.re)), NULL};
    }
    case KIR_LOAD:
        return gen_load(g, e->ty, gen_element(g, e->var, e->args, e->n_args), e->var->ty->aligned);
    case KIR_DIM:
    case KIR_STRIDE:
        return (gen_value){descriptor_field(g, e), NULL};
    case KIR_WRAP:
        return wrap_index(g, e);
    case KIR_BLOCK_INDEX:
        return (gen_value){g->block_index ? g->block_index : gen_int(g, 0), NULL};
    case KIR_OVERLAP:
        return overlap(g, e);
    default:
        return (gen_value){LLVMGetUndef(gen_type(g, e->ty)), NULL};
    }
}

LLVMValueRef gen_int64(gen *g, const kir_expr *e) {
    LLVMValueRef v = gen_expr(g, e).re;
    return LLVMTypeOf(v) == g->i64 ? v : LLVMBuildIntCast2(g->b, v, g->i64, e->ty->is_signed, "");
}
