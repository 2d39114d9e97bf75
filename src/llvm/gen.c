/* KIR → LLVM IR: the module, its functions and the entry wrapper.
 *
 * A KIR function becomes an internal LLVM function. Its parameters are the fields of its arguments (a complex number
 * two, an array its data, owner, shape and, for layout A, strides) and at the end the plrt_error; it returns
 * { status, fields of the results… }, or the status alone. Every variable is a set of stack slots written in the entry
 * block: LLVM's SROA turns them into registers, so that nothing here has to know about SSA. Strides of C- and F-ordered
 * arrays are products of the shape and never stored.
 *
 * Control leaves a function in one of two ways: `done` (status 0) and `fail` (status 1, *err is filled); both lead
 * through one place that releases the arrays the function owns. Functions whose arrays are only parameters and views of
 * them own nothing and have no such code (gen_find_counted).
 *
 * The entry, int32_t entry(const int64_t *args, int64_t *results, plrt_error *err), unpacks the slots and calls the
 * function, which LLVM inlines into it. */
#include "llvm/gen.h"

#include <stdio.h>
#include <string.h>

/* ---- small constructors ----------------------------------------------------------------------------------------- */

LLVMValueRef gen_int(gen *g, int64_t x) {
    return LLVMConstInt(g->i64, (unsigned long long)x, true);
}

LLVMValueRef gen_int32(gen *g, int32_t x) {
    return LLVMConstInt(g->i32, (unsigned long long)(int64_t)x, true);
}

LLVMBasicBlockRef gen_block(gen *g, const char *name) {
    return LLVMAppendBasicBlockInContext(g->context, g->fn, name);
}

void gen_start(gen *g, LLVMBasicBlockRef block) {
    LLVMPositionBuilderAtEnd(g->b, block);
    g->terminated = false;
}

void gen_jump(gen *g, LLVMBasicBlockRef block) {
    if (!g->terminated)
        LLVMBuildBr(g->b, block);
    g->terminated = true;
}

LLVMMetadataRef gen_md_string(gen *g, const char *s) {
    return LLVMMDStringInContext2(g->context, s, strlen(s));
}

static LLVMValueRef make_weights(gen *g, int32_t yes, int32_t no) {
    LLVMMetadataRef parts[3] = {gen_md_string(g, "branch_weights"), LLVMValueAsMetadata(gen_int32(g, yes)),
                                LLVMValueAsMetadata(gen_int32(g, no))};
    return LLVMMetadataAsValue(g->context, LLVMMDNodeInContext2(g->context, parts, 3));
}

void gen_branch(gen *g, LLVMValueRef c, LLVMBasicBlockRef yes, LLVMBasicBlockRef no, int likely) {
    LLVMValueRef branch = LLVMBuildCondBr(g->b, c, yes, no);
    if (likely)
        LLVMSetMetadata(branch, g->md_prof, likely > 0 ? make_weights(g, 1 << 20, 1) : make_weights(g, 1, 1 << 20));
    g->terminated = true;
}

void gen_mark_extent(gen *g, LLVMValueRef load) {
    LLVMMetadataRef ends[2] = {LLVMValueAsMetadata(gen_int(g, 0)), LLVMValueAsMetadata(gen_int(g, INT64_MAX))};
    LLVMSetMetadata(load, g->md_range, LLVMMetadataAsValue(g->context, LLVMMDNodeInContext2(g->context, ends, 2)));
}

LLVMValueRef gen_slot(gen *g, LLVMTypeRef t, const char *name) {
    return LLVMBuildAlloca(g->entry_b, t, name);
}

void gen_attribute(gen *g, LLVMValueRef fn, unsigned index, const char *name, uint64_t value) {
    unsigned kind = LLVMGetEnumAttributeKindForName(name, strlen(name));
    LLVMAddAttributeAtIndex(fn, index, LLVMCreateEnumAttribute(g->context, kind, value));
}

static void put_text_attribute(gen *g, LLVMValueRef fn, const char *name, const char *value) {
    LLVMAddAttributeAtIndex(
        fn, (LLVMAttributeIndex)LLVMAttributeFunctionIndex,
        LLVMCreateStringAttribute(g->context, name, (unsigned)strlen(name), value, (unsigned)strlen(value)));
}

/* An external function. i32 values that cross to C are sign-extended: some ABIs (ELFv2) rely on it. */
LLVMValueRef gen_declare(gen *g, const char *name, LLVMTypeRef fn_type) {
    LLVMValueRef fn = LLVMGetNamedFunction(g->module, name);
    if (fn)
        return fn;
    fn = LLVMAddFunction(g->module, name, fn_type);
    gen_attribute(g, fn, (unsigned)LLVMAttributeFunctionIndex, "nounwind", 0);
    LLVMTypeRef params[32];
    unsigned n = LLVMCountParamTypes(fn_type);
    LLVMGetParamTypes(fn_type, params);
    for (unsigned i = 0; i < n; i++)
        if (params[i] == g->i32)
            gen_attribute(g, fn, i + 1, "signext", 0);
    if (LLVMGetReturnType(fn_type) == g->i32)
        gen_attribute(g, fn, LLVMAttributeReturnIndex, "signext", 0);
    return fn;
}

LLVMValueRef gen_runtime_global(gen *g, const char *name, LLVMTypeRef t) {
    LLVMValueRef v = LLVMGetNamedGlobal(g->module, name);
    return v ? v : LLVMAddGlobal(g->module, t, name);
}

static bool is_c_function(LLVMValueRef fn) {
    return LLVMIsDeclaration(fn) && !LLVMGetIntrinsicID(fn) && LLVMGetLinkage(fn) == LLVMExternalLinkage;
}

LLVMValueRef gen_call(gen *g, LLVMValueRef fn, LLVMValueRef *args, uint32_t n) {
    LLVMValueRef call = LLVMBuildCall2(g->b, LLVMGlobalGetValueType(fn), fn, args, n, "");
    if (!is_c_function(fn))
        return call;
    unsigned signext = LLVMGetEnumAttributeKindForName("signext", 7);
    for (uint32_t i = 0; i < n; i++)
        if (LLVMTypeOf(args[i]) == g->i32)
            LLVMAddCallSiteAttribute(call, i + 1, LLVMCreateEnumAttribute(g->context, signext, 0));
    return call;
}

LLVMValueRef gen_intrinsic(gen *g, const char *name, LLVMTypeRef overload, LLVMValueRef *args, uint32_t n) {
    unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
    LLVMValueRef fn = LLVMGetIntrinsicDeclaration(g->module, id, &overload, overload ? 1 : 0);
    return LLVMBuildCall2(g->b, LLVMIntrinsicGetType(g->context, id, &overload, overload ? 1 : 0), fn, args, n, "");
}

/* ---- types ------------------------------------------------------------------------------------------------------- */

LLVMTypeRef gen_type(gen *g, type *t) {
    switch (t->kind) {
    case TYPE_BOOL:
        return g->i1;
    case TYPE_FLOAT:
        return t->bits == 32 ? g->f32 : g->f64;
    case TYPE_COMPLEX:
        return t->bits == 64 ? g->f32 : g->f64;
    case TYPE_INT:
        return t->bits == 8 ? g->i8 : t->bits == 16 ? g->i16 : t->bits == 32 ? g->i32 : g->i64;
    default:
        return g->i64;
    }
}

LLVMTypeRef gen_memory(gen *g, type *t) {
    if (t->kind == TYPE_BOOL)
        return g->i8;
    return t->kind == TYPE_COMPLEX ? LLVMArrayType2(gen_type(g, t), 2) : gen_type(g, t);
}

uint32_t gen_fields(gen *g, type *t, LLVMTypeRef *out) {
    if (t->kind != TYPE_ARRAY) {
        out[0] = gen_type(g, t);
        out[1] = out[0];
        return t->kind == TYPE_COMPLEX ? 2 : 1;
    }
    uint32_t n = 0;
    out[n++] = g->ptr;
    out[n++] = g->ptr;
    for (uint32_t i = 0; i < t->ndim * (t->layout == LAYOUT_A ? 2u : 1u); i++)
        out[n++] = g->i64;
    return n;
}

/* A symbol that any linker takes, from a name that may be any Python identifier or "<lambda>". */
const char *gen_symbol(gen *g, const char *prefix, sym name) {
    text t = text_new(g->a);
    text_put(&t, prefix);
    for (uint32_t i = 0; i < name->len; i++) {
        unsigned char c = (unsigned char)name->text[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
        if (plain)
            text_putn(&t, (const char *)&c, 1);
        else if (c != '<' && c != '>')
            text_printf(&t, c == '.' ? "_" : "_x%02x", c);
    }
    return t.at;
}

gen_fn *gen_fn_of(gen *g, const kir_fn *f) {
    for (uint32_t i = 0; i < g->m->fns.len; i++)
        if (g->m->fns.at[i] == f)
            return &g->fns[i];
    return NULL;
}

/* ---- declarations --------------------------------------------------------------------------------------------------- */

/* What every function has, the entry too. Short loops are felt to lie on other sides of the lines that instructions are
 * fetched by (20 iterations: up to a third); with functions at such a line, equal code takes equal time wherever it is. */
enum { FUNCTION_ALIGN = 64 };

static void add_basic_attributes(gen *g, LLVMValueRef fn) {
    gen_attribute(g, fn, (unsigned)LLVMAttributeFunctionIndex, "nounwind", 0);
    put_text_attribute(g, fn, "no-trapping-math", "true");
    LLVMSetAlignment(fn, FUNCTION_ALIGN);
}

LLVMValueRef gen_open_cold(gen *g, const char *name, LLVMTypeRef fn_type) {
    LLVMValueRef fn = LLVMAddFunction(g->module, name, fn_type);
    LLVMSetLinkage(fn, LLVMInternalLinkage);
    add_basic_attributes(g, fn);
    gen_attribute(g, fn, (unsigned)LLVMAttributeFunctionIndex, "noinline", 0);
    gen_attribute(g, fn, (unsigned)LLVMAttributeFunctionIndex, "cold", 0);
    return fn;
}

static bool note_reduction(kir_stmt *s, void *context) {
    bool *found = context;
    *found |= s->kind == KIR_FOR && s->loop->reductions.len > 0;
    return !*found;
}

typedef struct math_calls {
    const vector_math *math;
    bool any, narrow; /* one of a function that libmvec has, and that has no wider variant */
} math_calls;

static void note_call(kir_expr **slot, void *context) {
    const kir_expr *e = *slot;
    math_calls *calls = context;
    if (e->kind != KIR_MATH || e->op < KIR_OP_EXP || e->op > KIR_OP_ERFC)
        return;
    calls->any = true;
    calls->narrow |=
        !vector_math_is_wide(calls->math, e->op, e->ty->kind == TYPE_COMPLEX ? e->ty->bits / 2u : e->ty->bits);
}

static void note_calls(kir_expr **slot, void *context) {
    kir_each_subexpr(slot, note_call, context);
}

static bool note_math(kir_stmt *s, void *context) {
    kir_each_expr(s, note_calls, context);
    return true;
}

bool gen_wants_narrow(const kir_module *m, const vector_math *math) {
    bool reduces = false;
    math_calls calls = {.math = math};
    for (uint32_t i = 0; i < m->fns.len; i++) {
        kir_each_stmt(&m->fns.at[i]->body, note_reduction, &reduces);
        kir_each_stmt(&m->fns.at[i]->body, note_math, &calls);
    }
    return reduces && calls.narrow;
}

static void note_division(kir_expr **slot, void *context) {
    const kir_expr *e = *slot;
    bool *found = context;
    *found |= e->ty->kind == TYPE_FLOAT &&
              ((e->kind == KIR_BINARY && e->op == KIR_OP_DIV) || (e->kind == KIR_MATH && e->op == KIR_OP_SQRT));
}

static void note_divisions(kir_expr **slot, void *context) {
    kir_each_subexpr(slot, note_division, context);
}

/* One that divides nothing and takes no root. */
static bool note_light_reduction(kir_stmt *s, void *context) {
    bool *found = context, divides = false;
    if (s->kind != KIR_FOR || s->loop->reductions.len == 0)
        return !*found;
    for (uint32_t i = 0; i < s->body.len; i++)
        kir_each_expr(s->body.at[i], note_divisions, &divides);
    *found |= !divides;
    return !*found;
}

/* Loops that reduce are often short, and interleaved: with 512-bit vectors they would be all tail (distances of points
 * in 16 dimensions: three times slower). Loops that only store gain (a five-point stencil: 5 %), and so do SLEEF's functions
 * and ours, which do eight numbers in little more than the time of four (softmax: 10 to 20 %; with libmvec's it loses), and
 * loops that wait for divisions and roots (bodies that attract one another: 15 to 20 %).
 *
 * Calls of vector functions leave no vector register as it was, so that whatever lives across them is kept in the frame.
 * LLVM aligns that to vectors only where it knows early that there is a frame pointer; else every other one lies in two
 * lines of the cache (Black-Scholes: a fifth of the time). */
static void set_vector_attributes(gen *g, LLVMValueRef fn, const kir_fn *f) {
    bool reduces = false;
    math_calls calls = {.math = g->math};
    kir_block *body = (kir_block *)(uintptr_t)&f->body;
    kir_each_stmt(body, note_light_reduction, &reduces);
    kir_each_stmt(body, note_math, &calls);
    calls.any &= g->math->library != LLVM_MATH_NONE;
    put_text_attribute(g, fn, "prefer-vector-width", reduces && (!calls.any || g->math->narrow) ? "256" : "512");
    if (calls.any)
        put_text_attribute(g, fn, "frame-pointer", "all");
}

void gen_function_attributes(gen *g, LLVMValueRef fn, const kir_fn *f) {
    unsigned at = (unsigned)LLVMAttributeFunctionIndex;
    add_basic_attributes(g, fn);
    if (g->is_x86)
        set_vector_attributes(g, fn, f);
    if (f->is_recursive) /* a loop made of tail calls would never meet the bound on the stack */
        put_text_attribute(g, fn, "disable-tail-calls", "true");
    if (f->cold) {
        gen_attribute(g, fn, at, "cold", 0);
        gen_attribute(g, fn, at, "minsize", 0);
        gen_attribute(g, fn, at, "optsize", 0);
    }
    if (f->no_inline)
        gen_attribute(g, fn, at, "noinline", 0);
    else if (f->always_inline && !f->is_recursive)
        gen_attribute(g, fn, at, "alwaysinline", 0);
}

static LLVMTypeRef region_type(gen *g) {
    LLVMTypeRef params[5] = {g->ptr, g->i64, g->i64, g->i64, g->ptr};
    return LLVMFunctionType(g->i32, params, 5, false);
}

/* Their names have a dot, as no symbol of C has: a kernel may be called exp, or memcpy. */
static LLVMValueRef add_function(gen *g, const kir_fn *f, LLVMTypeRef fn_type) {
    LLVMValueRef fn = LLVMAddFunction(g->module, gen_symbol(g, "py.", f->name), fn_type);
    LLVMSetLinkage(fn, LLVMInternalLinkage);
    gen_function_attributes(g, fn, f);
    unsigned err = LLVMCountParams(fn);
    gen_attribute(g, fn, err, "noalias", 0);
    gen_attribute(g, fn, err, "nocapture", 0);
    if (f->kind == KIR_FN_REGION) {
        gen_attribute(g, fn, 1, "noalias", 0);
        gen_attribute(g, fn, 1, "nocapture", 0);
    }
    return fn;
}

static void declare_function(gen *g, const kir_fn *f, gen_fn *out) {
    VEC(LLVMTypeRef) params = {0};
    LLVMTypeRef fields[GEN_MAX_FIELDS];
    for (uint32_t i = 0; i < f->params.len; i++)
        for (uint32_t k = 0, n = gen_fields(g, f->params.at[i]->ty, fields); k < n; k++)
            vec_push(g->a, &params, fields[k]);
    if (g->is_recursive)
        vec_push(g->a, &params, g->ptr);
    vec_push(g->a, &params, g->ptr);
    VEC(LLVMTypeRef) results = {0};
    vec_push(g->a, &results, g->i32);
    for (uint32_t i = 0; i < f->results.len; i++)
        for (uint32_t k = 0, n = gen_fields(g, f->results.at[i], fields); k < n; k++)
            vec_push(g->a, &results, fields[k]);
    out->result = results.len == 1 ? g->i32 : LLVMStructTypeInContext(g->context, results.at, results.len, false);
    out->type = LLVMFunctionType(out->result, params.at, params.len, false);
    if (f->kind == KIR_FN_REGION) {
        out->result = g->i32;
        out->type = region_type(g);
    }
    out->value = add_function(g, f, out->type);
}

LLVMValueRef gen_copy_of(gen *g, const kir_fn *f) {
    gen_fn *target = gen_fn_of(g, f);
    if (!target->copy)
        target->copy = add_function(g, f, target->type);
    return target->copy;
}

/* ---- variables ------------------------------------------------------------------------------------------------------ */

static void make_array_slots(gen *g, const kir_var *v, gen_var *s, const char *name) {
    uint32_t nd = v->ty->ndim;
    s->data = gen_slot(g, g->ptr, name);
    s->owner = gen_slot(g, g->ptr, "owner");
    s->shape = arena_array(g->a, LLVMValueRef, nd ? nd : 1);
    s->strides = v->ty->layout == LAYOUT_A ? arena_array(g->a, LLVMValueRef, nd ? nd : 1) : NULL;
    for (uint32_t i = 0; i < nd; i++) {
        s->shape[i] = gen_slot(g, g->i64, "dim");
        if (s->strides)
            s->strides[i] = gen_slot(g, g->i64, "stride");
    }
    if (s->counted)
        LLVMBuildStore(g->entry_b, LLVMConstNull(g->ptr), s->owner);
}

/* Variables that Python would call unbound start as zero: no path depends on what LLVM makes of undefined values. */
void gen_make_slots(gen *g, const kir_var *v) {
    gen_var *s = &g->vars[v->id];
    const char *name = v->name ? v->name->text : "t";
    if (v->ty->kind == TYPE_ARRAY) {
        make_array_slots(g, v, s, name);
        return;
    }
    LLVMTypeRef t = gen_type(g, v->ty);
    s->slot.re = gen_slot(g, t, name);
    s->slot.im = v->ty->kind == TYPE_COMPLEX ? gen_slot(g, t, name) : NULL;
    if (v->is_temp || v->is_param)
        return;
    LLVMBuildStore(g->entry_b, LLVMConstNull(t), s->slot.re);
    if (s->slot.im)
        LLVMBuildStore(g->entry_b, LLVMConstNull(t), s->slot.im);
}

/* Gives a variable the value that `fields` hold. A counted array takes over the reference. */
void gen_put_var(gen *g, const kir_var *v, const LLVMValueRef *fields, uint32_t n) {
    gen_var *s = &g->vars[v->id];
    if (v->ty->kind == TYPE_ARRAY) {
        gen_array a = gen_array_of(g, v->ty, fields);
        a.fresh = true;
        gen_set_array(g, v, &a);
        return;
    }
    LLVMBuildStore(g->b, fields[0], s->slot.re);
    if (n > 1)
        LLVMBuildStore(g->b, fields[1], s->slot.im);
}

static void open_function(gen *g, const kir_fn *f, gen_fn *out) {
    g->f = f;
    g->fn = out->value;
    g->vars = arena_array(g->a, gen_var, f->next_var + 1);
    g->targets = NULL;
    g->depth = 0;
    g->iteration = g->block_index = g->part = g->stack_limit = g->context_on_stack = NULL;
    g->err = LLVMGetParam(g->fn, LLVMCountParams(g->fn) - 1);
    LLVMBasicBlockRef entry = gen_block(g, "entry"), body = gen_block(g, "body");
    LLVMPositionBuilderAtEnd(g->entry_b, entry);
    gen_find_counted(g);
    gen_find_definitions(g);
    gen_guess_start(g, out);
    g->status = gen_slot(g, g->i32, "status");
    for (uint32_t i = 0; i < f->vars.len; i++)
        gen_make_slots(g, f->vars.at[i]);
    g->fail = gen_block(g, "fail");
    g->done = gen_block(g, "done");
    gen_start(g, body);
    gen_debug_function(g, f);
    LLVMBuildStore(g->b, gen_int32(g, 0), g->status);
}

static void release_owned(gen *g) {
    for (uint32_t i = 0; i < g->f->vars.len; i++) {
        const gen_var *s = &g->vars[g->f->vars.at[i]->id];
        if (s->counted)
            gen_release(g, LLVMBuildLoad2(g->b, g->ptr, s->owner, ""));
    }
}

/* Status and result slots → what the function returns. */
static void return_results(gen *g, const gen_fn *self) {
    LLVMValueRef status = LLVMBuildLoad2(g->b, g->i32, g->status, "");
    if (self->result == g->i32) {
        LLVMBuildRet(g->b, status);
        return;
    }
    LLVMValueRef all = LLVMBuildInsertValue(g->b, LLVMGetUndef(self->result), status, 0, "");
    for (uint32_t i = 0; i < g->n_results; i++) {
        LLVMTypeRef t = LLVMStructGetTypeAtIndex(self->result, i + 1);
        all = LLVMBuildInsertValue(g->b, all, LLVMBuildLoad2(g->b, t, g->results[i].re, ""), i + 1, "");
    }
    LLVMBuildRet(g->b, all);
}

static void close_function(gen *g, const gen_fn *self) {
    gen_jump(g, g->done);
    gen_start(g, g->fail);
    LLVMBuildStore(g->b, gen_int32(g, 1), g->status);
    gen_jump(g, g->done);
    gen_start(g, g->done);
    release_owned(g);
    return_results(g, self);
    gen_close_context(g);
    LLVMBuildBr(g->entry_b, LLVMGetNextBasicBlock(LLVMGetEntryBasicBlock(g->fn)));
}

static void make_result_slots(gen *g, const kir_fn *f) {
    LLVMTypeRef fields[GEN_MAX_FIELDS];
    g->n_results = 0;
    uint32_t room = 0;
    for (uint32_t i = 0; i < f->results.len; i++)
        room += gen_fields(g, f->results.at[i], fields);
    g->results = arena_array(g->a, gen_value, room + 1);
    for (uint32_t i = 0; i < f->results.len; i++)
        for (uint32_t k = 0, n = gen_fields(g, f->results.at[i], fields); k < n; k++) {
            LLVMValueRef slot = gen_slot(g, fields[k], "result");
            LLVMBuildStore(g->entry_b, LLVMConstNull(fields[k]), slot);
            g->results[g->n_results++] = (gen_value){slot, NULL};
        }
}

/* Parameters that the body reassigns with owned arrays are counted: then the caller's reference is doubled first. */
static void take_params(gen *g, const kir_fn *f) {
    LLVMTypeRef types_[GEN_MAX_FIELDS];
    LLVMValueRef fields[GEN_MAX_FIELDS];
    uint32_t at = 0;
    for (uint32_t i = 0; i < f->params.len; i++) {
        const kir_var *v = f->params.at[i];
        uint32_t n = gen_fields(g, v->ty, types_);
        for (uint32_t k = 0; k < n; k++)
            fields[k] = LLVMGetParam(g->fn, at++);
        if (g->vars[v->id].counted)
            gen_retain(g, fields[1]);
        gen_put_var(g, v, fields, n);
    }
}

/* A kernel that calls itself too deeply raises RecursionError instead of running off the stack. Where that ends is known
 * to the thread that runs: the entry and every body of a region ask, and functions pass it on. A call looks for Ctrl-C,
 * too, since recursion can last as long as a loop. */
LLVMValueRef gen_stack_limit(gen *g) {
    return gen_call(g, gen_declare(g, "plrt_stack_limit", LLVMFunctionType(g->ptr, NULL, 0, false)), NULL, 0);
}

static void check_stack(gen *g, const kir_fn *f) {
    if (!g->is_recursive)
        return;
    g->stack_limit = LLVMGetParam(g->fn, LLVMCountParams(g->fn) - 2);
    if (!f->is_recursive)
        return;
    LLVMValueRef zero = gen_int32(g, 0), here = gen_intrinsic(g, "llvm.frameaddress", g->ptr, &zero, 1);
    LLVMValueRef deep = LLVMBuildICmp(g->b, LLVMIntULT, here, g->stack_limit, "");
    LLVMBasicBlockRef bad = gen_block(g, "too_deep"), good = gen_block(g, "");
    gen_branch(g, deep, bad, good, -1);
    gen_start(g, bad);
    gen_raise(g, PLRT_SITE_RECURSION, NULL, 0);
    gen_start(g, good);
    gen_poll_interrupt(g);
}

static void write_function(gen *g, const kir_fn *f, gen_fn *self) {
    self->is_written = true;
    open_function(g, f, self);
    make_result_slots(g, f);
    if (f->kind == KIR_FN_REGION) {
        gen_region_function(g, f);
    } else {
        check_stack(g, f);
        take_params(g, f);
        gen_statements(g, &f->body);
    }
    close_function(g, self);
    gen_debug_leave(g);
}

/* Copies that calls have asked for; writing one may ask for others. */
static void write_copies(gen *g) {
    for (uint32_t i = 0; i < g->m->fns.len; i++) {
        if (!g->fns[i].copy || g->fns[i].has_copy)
            continue;
        g->fns[i].has_copy = true;
        gen_fn self = g->fns[i];
        self.value = self.copy;
        g->only_block = true;
        write_function(g, g->m->fns.at[i], &self);
        g->only_block = false;
        i = UINT32_MAX; /* from the first again */
    }
}

/* ---- the entry wrapper ------------------------------------------------------------------------------------------------- */

static LLVMValueRef slot_address(gen *g, LLVMValueRef base, uint32_t i) {
    LLVMValueRef index = gen_int(g, i);
    return LLVMBuildInBoundsGEP2(g->b, g->i64, base, &index, 1, "");
}

static LLVMValueRef load_slot(gen *g, LLVMValueRef base, uint32_t i, LLVMTypeRef t) {
    return LLVMBuildLoad2(g->b, t, slot_address(g, base, i), "");
}

static LLVMValueRef float_of_bits(gen *g, LLVMValueRef bits) {
    return LLVMBuildBitCast(g->b, LLVMBuildTrunc(g->b, bits, g->i32, ""), g->f32, "");
}

/* One scalar out of its slot or slots; returns the number of slots. */
static uint32_t unpack_scalar(gen *g, LLVMValueRef base, uint32_t at, type *t, LLVMValueRef *fields) {
    if (t->kind == TYPE_FLOAT && t->bits == 64) {
        fields[0] = load_slot(g, base, at, g->f64);
        return 1;
    }
    if (t->kind == TYPE_COMPLEX && t->bits == 128) {
        fields[0] = load_slot(g, base, at, g->f64);
        fields[1] = load_slot(g, base, at + 1, g->f64);
        return 2;
    }
    LLVMValueRef bits = load_slot(g, base, at, g->i64);
    if (t->kind == TYPE_BOOL) {
        fields[0] = LLVMBuildICmp(g->b, LLVMIntNE, bits, gen_int(g, 0), "");
    } else if (t->kind == TYPE_INT) {
        fields[0] = t->bits == 64 ? bits : LLVMBuildTrunc(g->b, bits, gen_type(g, t), "");
    } else {
        fields[0] = float_of_bits(g, bits);
        if (t->kind == TYPE_COMPLEX)
            fields[1] = float_of_bits(g, LLVMBuildLShr(g->b, bits, gen_int(g, 32), ""));
    }
    return 1;
}

static uint32_t unpack(gen *g, LLVMValueRef base, uint32_t at, type *t, LLVMValueRef *fields) {
    if (t->kind != TYPE_ARRAY)
        return unpack_scalar(g, base, at, t, fields);
    LLVMTypeRef field_types[GEN_MAX_FIELDS];
    uint32_t n = gen_fields(g, t, field_types);
    for (uint32_t k = 0; k < n; k++) {
        fields[k] = load_slot(g, base, at + k, field_types[k]);
        if (k >= 2 && k < 2 + t->ndim)
            gen_mark_extent(g, fields[k]);
    }
    return 2 + 2 * t->ndim;
}

static LLVMValueRef bits_of_float(gen *g, LLVMValueRef x) {
    return LLVMBuildZExt(g->b, LLVMBuildBitCast(g->b, x, g->i32, ""), g->i64, "");
}

LLVMValueRef gen_to_slot(gen *g, gen_value v, type *t) {
    switch (t->kind) {
    case TYPE_BOOL:
        return LLVMBuildZExt(g->b, v.re, g->i64, "");
    case TYPE_INT:
        if (t->bits == 64)
            return v.re;
        return t->is_signed ? LLVMBuildSExt(g->b, v.re, g->i64, "") : LLVMBuildZExt(g->b, v.re, g->i64, "");
    case TYPE_COMPLEX:
        if (t->bits == 64) {
            LLVMValueRef high = LLVMBuildShl(g->b, bits_of_float(g, v.im), gen_int(g, 32), "");
            return LLVMBuildOr(g->b, bits_of_float(g, v.re), high, "");
        }
        return LLVMBuildBitCast(g->b, v.re, g->i64, "");
    default:
        return t->bits == 32 ? bits_of_float(g, v.re) : LLVMBuildBitCast(g->b, v.re, g->i64, "");
    }
}

static uint32_t pack(gen *g, LLVMValueRef base, uint32_t at, type *t, const LLVMValueRef *fields) {
    if (t->kind != TYPE_ARRAY) {
        gen_value v = {fields[0], t->kind == TYPE_COMPLEX ? fields[1] : NULL};
        LLVMBuildStore(g->b, gen_to_slot(g, v, t), slot_address(g, base, at));
        if (t->kind != TYPE_COMPLEX || t->bits != 128)
            return 1;
        LLVMBuildStore(g->b, v.im, slot_address(g, base, at + 1));
        return 2;
    }
    gen_array a = gen_array_of(g, t, fields);
    LLVMBuildStore(g->b, a.data, slot_address(g, base, at));
    LLVMBuildStore(g->b, a.owner, slot_address(g, base, at + 1));
    for (uint32_t i = 0; i < t->ndim; i++) {
        LLVMBuildStore(g->b, a.shape[i], slot_address(g, base, at + 2 + i));
        LLVMBuildStore(g->b, gen_stride(g, t, &a, i), slot_address(g, base, at + 2 + t->ndim + i));
    }
    return 2 + 2 * t->ndim;
}

static LLVMValueRef call_entry(gen *g, const kir_fn *f, const gen_fn *target, LLVMValueRef args_base) {
    VEC(LLVMValueRef) args = {0};
    LLVMTypeRef field_types[GEN_MAX_FIELDS];
    LLVMValueRef fields[GEN_MAX_FIELDS];
    for (uint32_t i = 0, at = 0; i < f->params.len; i++) {
        type *t = f->params.at[i]->ty;
        at += unpack(g, args_base, at, t, fields);
        for (uint32_t k = 0, n = gen_fields(g, t, field_types); k < n; k++)
            vec_push(g->a, &args, fields[k]);
    }
    if (g->is_recursive)
        vec_push(g->a, &args, gen_stack_limit(g));
    vec_push(g->a, &args, g->err);
    return LLVMBuildCall2(g->b, target->type, target->value, args.at, args.len, "");
}

static void write_entry(gen *g, const char *symbol) {
    const kir_fn *f = g->m->fns.at[0];
    const gen_fn *target = &g->fns[0];
    LLVMTypeRef params[3] = {g->ptr, g->ptr, g->ptr};
    g->fn = LLVMAddFunction(g->module, symbol, LLVMFunctionType(g->i32, params, 3, false));
    add_basic_attributes(g, g->fn);
    gen_attribute(g, g->fn, LLVMAttributeReturnIndex, "signext", 0);
    for (unsigned i = 1; i <= 3; i++) {
        gen_attribute(g, g->fn, i, "noalias", 0);
        gen_attribute(g, g->fn, i, "nocapture", 0);
    }
    g->err = LLVMGetParam(g->fn, 2);
    gen_start(g, gen_block(g, "entry"));
    gen_debug_function(g, f);
    LLVMValueRef all = call_entry(g, f, target, LLVMGetParam(g->fn, 0));
    if (target->result == g->i32) {
        LLVMBuildRet(g->b, all);
        return;
    }
    LLVMTypeRef field_types[GEN_MAX_FIELDS];
    LLVMValueRef fields[GEN_MAX_FIELDS];
    for (uint32_t i = 0, from = 1, at = 0; i < f->results.len; i++) {
        uint32_t n = gen_fields(g, f->results.at[i], field_types);
        for (uint32_t k = 0; k < n; k++)
            fields[k] = LLVMBuildExtractValue(g->b, all, from++, "");
        at += pack(g, LLVMGetParam(g->fn, 1), at, f->results.at[i], fields);
    }
    LLVMBuildRet(g->b, LLVMBuildExtractValue(g->b, all, 0, ""));
}

/* ---- the module ---------------------------------------------------------------------------------------------------------- */

/* Keeps the declarations that only call attributes name. */
static void keep_vector_functions(gen *g) {
    if (!g->vector_functions.len)
        return;
    LLVMTypeRef t = LLVMArrayType2(g->ptr, g->vector_functions.len);
    LLVMValueRef list = LLVMAddGlobal(g->module, t, "llvm.compiler.used");
    LLVMSetLinkage(list, LLVMAppendingLinkage);
    LLVMSetSection(list, "llvm.metadata");
    LLVMSetInitializer(list, LLVMConstArray2(g->ptr, g->vector_functions.at, g->vector_functions.len));
}

static void find_basic_types(gen *g) {
    LLVMContextRef c = g->context;
    g->i1 = LLVMInt1TypeInContext(c);
    g->i8 = LLVMInt8TypeInContext(c);
    g->i16 = LLVMInt16TypeInContext(c);
    g->i32 = LLVMInt32TypeInContext(c);
    g->i64 = LLVMInt64TypeInContext(c);
    g->f32 = LLVMFloatTypeInContext(c);
    g->f64 = LLVMDoubleTypeInContext(c);
    g->ptr = LLVMPointerTypeInContext(c, 0);
    g->none = LLVMVoidTypeInContext(c);
    g->md_loop = LLVMGetMDKindIDInContext(c, "llvm.loop", 9);
    g->md_group = LLVMGetMDKindIDInContext(c, "llvm.access.group", 17);
    g->md_prof = LLVMGetMDKindIDInContext(c, "prof", 4);
    g->md_range = LLVMGetMDKindIDInContext(c, "range", 5);
}

bool gen_module(gen *g) {
    kir_module *m = g->m;
    find_basic_types(g);
    for (uint32_t i = 0; i < m->fns.len; i++)
        g->is_recursive |= m->fns.at[i]->is_recursive;
    g->globals = arena_array(g->a, LLVMValueRef, m->globals.len + 1);
    g->fns = arena_array(g->a, gen_fn, m->fns.len);
    for (uint32_t i = 0; i < m->fns.len; i++)
        declare_function(g, m->fns.at[i], &g->fns[i]);
    gen_debug_open(g);
    for (uint32_t i = 0; i < m->fns.len; i++)
        write_function(g, m->fns.at[i], &g->fns[i]);
    write_copies(g);
    write_entry(g,
                gen_symbol(g, "plait_entry_", m->fns.at[0]->user_name ? m->fns.at[0]->user_name : m->fns.at[0]->name));
    keep_vector_functions(g);
    gen_debug_close(g);
    return true;
}
