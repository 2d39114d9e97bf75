/* Math functions: LLVM's intrinsics where there is an instruction, libm or a vector library elsewhere.
 *
 * Vector libraries are used where LLVM may vectorise and nobody expects libm's last bit: in straight loops of
 * independent iterations, under fastmath or with parallel=True, and in those of array expressions (NumPy's own results
 * are not libm's). Strict sequential code calls libm: CPython's bits; so does code that cannot become a vector loop,
 * where libm is the faster one. Which function a call site uses is decided here, once; it does not depend on whether
 * LLVM then vectorises, nor on the number of threads. */
#include "llvm/gen.h"

#include <string.h>

static const struct {
    kir_op op;
    const char *name, *name32;
} libm_names[] = {
    {KIR_OP_EXP, "exp", "expf"},         {KIR_OP_EXP2, "exp2", "exp2f"},
    {KIR_OP_EXPM1, "expm1", "expm1f"},   {KIR_OP_LOG, "log", "logf"},
    {KIR_OP_LOG2, "log2", "log2f"},      {KIR_OP_LOG10, "log10", "log10f"},
    {KIR_OP_LOG1P, "log1p", "log1pf"},   {KIR_OP_SIN, "sin", "sinf"},
    {KIR_OP_COS, "cos", "cosf"},         {KIR_OP_TAN, "tan", "tanf"},
    {KIR_OP_ASIN, "asin", "asinf"},      {KIR_OP_ACOS, "acos", "acosf"},
    {KIR_OP_ATAN, "atan", "atanf"},      {KIR_OP_ATAN2, "atan2", "atan2f"},
    {KIR_OP_SINH, "sinh", "sinhf"},      {KIR_OP_COSH, "cosh", "coshf"},
    {KIR_OP_TANH, "tanh", "tanhf"},      {KIR_OP_ASINH, "asinh", "asinhf"},
    {KIR_OP_ACOSH, "acosh", "acoshf"},   {KIR_OP_ATANH, "atanh", "atanhf"},
    {KIR_OP_HYPOT, "hypot", "hypotf"},   {KIR_OP_CBRT, "cbrt", "cbrtf"},
    {KIR_OP_ERF, "erf", "erff"},         {KIR_OP_ERFC, "erfc", "erfcf"},
    {KIR_OP_GAMMA, "tgamma", "tgammaf"}, {KIR_OP_LGAMMA, "lgamma", "lgammaf"},
    {KIR_OP_POW, "pow", "powf"},         {KIR_OP_NEXTAFTER, "nextafter", "nextafterf"},
    {KIR_OP_FMOD, "fmod", "fmodf"},
};

static const char *libm_name(kir_op op, unsigned bits) {
    for (size_t i = 0; i < sizeof libm_names / sizeof libm_names[0]; i++)
        if (libm_names[i].op == op)
            return bits == 64 ? libm_names[i].name : libm_names[i].name32;
    return NULL;
}

static bool may_use_vectors(const gen *g) {
    if (g->depth == 0 || !g->packs[g->depth - 1] || g->conditions)
        return false;
    return (g->m->options.fastmath & KIR_FAST_AFN) || g->m->options.parallel ||
           g->loops[g->depth - 1]->kind == KIR_LOOP_ARRAY;
}

static void make_pure(gen *g, LLVMValueRef fn) {
    unsigned at = (unsigned)LLVMAttributeFunctionIndex;
    gen_attribute(g, fn, at, "memory", 0);
    gen_attribute(g, fn, at, "willreturn", 0);
    gen_attribute(g, fn, at, "nounwind", 0);
}

/* LLVM knows these functions by name and would put others in their place (pow(x, 0.5): a root, whose last bit may be another
 * one), but not in baseline code, which has to give the same bits. */
static void keep_as_it_is(gen *g, LLVMValueRef fn) {
    if (!g->m->options.fastmath)
        gen_attribute(g, fn, (unsigned)LLVMAttributeFunctionIndex, "nobuiltin", 0);
}

static LLVMValueRef declare_pure(gen *g, const char *name, LLVMTypeRef t, uint32_t n) {
    LLVMTypeRef params[3] = {t, t, t};
    LLVMValueRef fn = gen_declare(g, name, LLVMFunctionType(t, params, n, false));
    make_pure(g, fn);
    return fn;
}

/* The one-element function for libmvec: a vector of copies, one lane of the result. Never inlined, so that the
 * vectoriser sees a call that it can replace. */
static LLVMValueRef wrap_vector(gen *g, const vector_math_call *c, LLVMTypeRef t, uint32_t n, LLVMValueRef vector) {
    LLVMValueRef fn = declare_pure(g, c->scalar, t, n);
    if (!LLVMIsDeclaration(fn))
        return fn;
    LLVMSetLinkage(fn, LLVMInternalLinkage);
    gen_attribute(g, fn, (unsigned)LLVMAttributeFunctionIndex, "noinline", 0);
    LLVMBuilderRef b = LLVMCreateBuilderInContext(g->context);
    LLVMPositionBuilderAtEnd(b, LLVMAppendBasicBlockInContext(g->context, fn, ""));
    LLVMTypeRef vt = LLVMVectorType(t, c->lanes[0]);
    LLVMValueRef args[2];
    for (uint32_t i = 0; i < n; i++) {
        LLVMValueRef x = LLVMGetUndef(vt);
        for (uint32_t k = 0; k < c->lanes[0]; k++)
            x = LLVMBuildInsertElement(b, x, LLVMGetParam(fn, i), gen_int32(g, (int32_t)k), "");
        args[i] = x;
    }
    LLVMValueRef y = LLVMBuildCall2(b, LLVMGlobalGetValueType(vector), vector, args, n, "");
    LLVMBuildRet(b, LLVMBuildExtractElement(b, y, gen_int32(g, 0), ""));
    LLVMDisposeBuilder(b);
    return fn;
}

static LLVMValueRef declare_vector(gen *g, const char *name, LLVMTypeRef t, uint32_t lanes, uint32_t n) {
    bool is_new = !LLVMGetNamedFunction(g->module, name);
    LLVMValueRef fn = declare_pure(g, name, LLVMVectorType(t, lanes), n);
    if (is_new)
        vec_push(g->a, &g->vector_functions, fn);
    return fn;
}

static LLVMValueRef call_family(gen *g, const vector_math_call *c, LLVMTypeRef t, LLVMValueRef *args, uint32_t n) {
    LLVMValueRef vector = NULL;
    for (uint32_t i = 0; i < c->n_vectors; i++)
        vector = declare_vector(g, c->vectors[i], t, c->lanes[i], n);
    LLVMValueRef fn = c->wraps ? wrap_vector(g, c, t, n, vector) : declare_pure(g, c->scalar, t, n);
    LLVMValueRef call = LLVMBuildCall2(g->b, LLVMGlobalGetValueType(fn), fn, args, n, "");
    const char *name = "vector-function-abi-variant";
    LLVMAddCallSiteAttribute(call, (LLVMAttributeIndex)LLVMAttributeFunctionIndex,
                             LLVMCreateStringAttribute(g->context, name, (unsigned)strlen(name), c->variants,
                                                       (unsigned)strlen(c->variants)));
    return call;
}

/* `t`: float type, or the complex type whose parts the arguments are. */
LLVMValueRef gen_libm(gen *g, kir_op op, type *t, LLVMValueRef *args, uint32_t n) {
    LLVMTypeRef lt = LLVMTypeOf(args[0]);
    unsigned bits = lt == g->f64 ? 64 : 32;
    vector_math_call c;
    (void)t;
    if (may_use_vectors(g) && vector_math_find(g->math, op, bits, g->a, &c))
        return call_family(g, &c, lt, args, n);
    LLVMValueRef fn = declare_pure(g, libm_name(op, bits), lt, n);
    keep_as_it_is(g, fn);
    return gen_fast(g, gen_call(g, fn, args, n));
}

static LLVMValueRef intrinsic_of(gen *g, const char *name, LLVMValueRef *args, uint32_t n) {
    return gen_fast(g, gen_intrinsic(g, name, LLVMTypeOf(args[0]), args, n));
}

/* Nothing here may be assumed away by fastmath's "no NaNs": the user asks for exactly that. */
static LLVMValueRef classify(gen *g, kir_op op, LLVMValueRef x) {
    LLVMTypeRef t = LLVMTypeOf(x);
    if (op == KIR_OP_ISNAN)
        return LLVMBuildFCmp(g->b, LLVMRealUNO, x, x, "");
    if (op == KIR_OP_SIGNBIT) {
        LLVMTypeRef it = t == g->f64 ? g->i64 : g->i32;
        return LLVMBuildICmp(g->b, LLVMIntSLT, LLVMBuildBitCast(g->b, x, it, ""), LLVMConstNull(it), "");
    }
    LLVMValueRef size = gen_intrinsic(g, "llvm.fabs", t, &x, 1);
    LLVMRealPredicate p = op == KIR_OP_ISINF ? LLVMRealOEQ : LLVMRealOLT;
    return LLVMBuildFCmp(g->b, p, size, LLVMConstReal(t, __builtin_inf()), "");
}

static LLVMValueRef scale_by_power(gen *g, LLVMValueRef x, LLVMValueRef n) {
    bool is_double = LLVMTypeOf(x) == g->f64;
    LLVMTypeRef params[2] = {LLVMTypeOf(x), g->i32};
    LLVMValueRef fn = gen_declare(g, is_double ? "ldexp" : "ldexpf", LLVMFunctionType(params[0], params, 2, false));
    make_pure(g, fn);
    if (LLVMTypeOf(n) != g->i32) {
        LLVMValueRef low[2] = {LLVMBuildIntCast2(g->b, n, g->i64, true, ""), gen_int(g, -100000)};
        LLVMValueRef high[2] = {gen_intrinsic(g, "llvm.smax", g->i64, low, 2), gen_int(g, 100000)};
        n = LLVMBuildTrunc(g->b, gen_intrinsic(g, "llvm.smin", g->i64, high, 2), g->i32, "");
    }
    LLVMValueRef args[2] = {x, n};
    return gen_call(g, fn, args, 2);
}

/* plrt_round_digits and plrt_np_round, in double. */
static LLVMValueRef round_digits(gen *g, const char *name, LLVMValueRef x, LLVMValueRef digits) {
    LLVMTypeRef t = LLVMTypeOf(x), params[2] = {g->f64, g->i64};
    LLVMValueRef fn = gen_declare(g, name, LLVMFunctionType(g->f64, params, 2, false));
    make_pure(g, fn);
    LLVMValueRef args[2] = {t == g->f32 ? LLVMBuildFPExt(g->b, x, g->f64, "") : x,
                            LLVMBuildIntCast2(g->b, digits, g->i64, true, "")};
    LLVMValueRef y = gen_call(g, fn, args, 2);
    return t == g->f32 ? LLVMBuildFPTrunc(g->b, y, t, "") : y;
}

/* np.spacing: distance to the next number away from zero, with the sign of x. */
static LLVMValueRef spacing(gen *g, type *t, LLVMValueRef x) {
    LLVMTypeRef lt = LLVMTypeOf(x);
    LLVMValueRef infinity[2] = {LLVMConstReal(lt, __builtin_inf()), x};
    LLVMValueRef args[2] = {x, gen_intrinsic(g, "llvm.copysign", lt, infinity, 2)};
    return LLVMBuildFSub(g->b, gen_libm(g, KIR_OP_NEXTAFTER, t, args, 2), x, "");
}

/* Euclid's algorithm as a function of the module. */
static LLVMValueRef gcd_function(gen *g) {
    LLVMValueRef fn = LLVMGetNamedFunction(g->module, "plait.gcd");
    if (fn)
        return fn;
    LLVMTypeRef params[2] = {g->i64, g->i64};
    fn = LLVMAddFunction(g->module, "plait.gcd", LLVMFunctionType(g->i64, params, 2, false));
    LLVMSetLinkage(fn, LLVMInternalLinkage);
    make_pure(g, fn);
    LLVMBuilderRef b = LLVMCreateBuilderInContext(g->context);
    LLVMBasicBlockRef entry = LLVMAppendBasicBlockInContext(g->context, fn, ""),
                      loop = LLVMAppendBasicBlockInContext(g->context, fn, ""),
                      step = LLVMAppendBasicBlockInContext(g->context, fn, ""),
                      end = LLVMAppendBasicBlockInContext(g->context, fn, "");
    LLVMPositionBuilderAtEnd(b, entry);
    LLVMBuildBr(b, loop);
    LLVMPositionBuilderAtEnd(b, loop);
    LLVMValueRef x = LLVMBuildPhi(b, g->i64, ""), y = LLVMBuildPhi(b, g->i64, "");
    LLVMBuildCondBr(b, LLVMBuildICmp(b, LLVMIntEQ, y, gen_int(g, 0), ""), end, step);
    LLVMPositionBuilderAtEnd(b, step);
    LLVMValueRef r = LLVMBuildURem(b, x, y, "");
    LLVMBuildBr(b, loop);
    LLVMPositionBuilderAtEnd(b, end);
    LLVMBuildRet(b, x);
    LLVMValueRef from_x[2] = {LLVMGetParam(fn, 0), y}, from_y[2] = {LLVMGetParam(fn, 1), r};
    LLVMBasicBlockRef from[2] = {entry, step};
    LLVMAddIncoming(x, from_x, from, 2);
    LLVMAddIncoming(y, from_y, from, 2);
    LLVMDisposeBuilder(b);
    return fn;
}

static LLVMValueRef positive64(gen *g, LLVMValueRef x, type *t) {
    LLVMValueRef wide = LLVMBuildIntCast2(g->b, x, g->i64, t->kind == TYPE_INT && t->is_signed, "");
    if (t->kind != TYPE_INT || !t->is_signed)
        return wide;
    LLVMValueRef args[2] = {wide, LLVMConstInt(g->i1, 0, false)};
    return gen_intrinsic(g, "llvm.abs", g->i64, args, 2);
}

static gen_value common_divisor(gen *g, const kir_expr *e, LLVMValueRef *args) {
    LLVMValueRef wide[2] = {positive64(g, args[0], e->args[0]->ty), positive64(g, args[1], e->args[1]->ty)};
    LLVMValueRef x = gen_call(g, gcd_function(g), wide, 2);
    return (gen_value){LLVMBuildIntCast2(g->b, x, gen_type(g, e->ty), false, ""), NULL};
}

gen_value gen_math(gen *g, const kir_expr *e) {
    LLVMValueRef args[3] = {NULL, NULL, NULL};
    for (uint32_t i = 0; i < e->n_args && i < 3; i++)
        args[i] = gen_expr(g, e->args[i]).re;
    type *t = e->args[0]->ty;
    LLVMValueRef x;
    switch (e->op) {
    case KIR_OP_SQRT:
        x = intrinsic_of(g, "llvm.sqrt", args, 1);
        break;
    case KIR_OP_FLOOR:
        x = intrinsic_of(g, "llvm.floor", args, 1);
        break;
    case KIR_OP_CEIL:
        x = intrinsic_of(g, "llvm.ceil", args, 1);
        break;
    case KIR_OP_TRUNC:
        x = intrinsic_of(g, "llvm.trunc", args, 1);
        break;
    case KIR_OP_RINT:
        x = intrinsic_of(g, "llvm.rint", args, 1);
        break;
    case KIR_OP_COPYSIGN:
        x = intrinsic_of(g, "llvm.copysign", args, 2);
        break;
    case KIR_OP_FMA:
        x = intrinsic_of(g, "llvm.fma", args, 3);
        break;
    case KIR_OP_ISNAN:
    case KIR_OP_ISINF:
    case KIR_OP_ISFINITE:
    case KIR_OP_SIGNBIT:
        x = classify(g, e->op, args[0]);
        break;
    case KIR_OP_LDEXP:
        x = scale_by_power(g, args[0], args[1]);
        break;
    case KIR_OP_ROUND_DIGITS:
        x = round_digits(g, "plrt_round_digits", args[0], args[1]);
        break;
    case KIR_OP_NPROUND:
        x = round_digits(g, "plrt_np_round", args[0], args[1]);
        break;
    case KIR_OP_SPACING:
        x = spacing(g, t, args[0]);
        break;
    case KIR_OP_GCD:
        return common_divisor(g, e, args);
    default:
        x = gen_libm(g, e->op, t, args, e->n_args);
        break;
    }
    return (gen_value){x, NULL};
}
