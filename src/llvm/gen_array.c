/* Arrays: descriptors, element addresses, views, allocation, ownership. */
#include "llvm/gen.h"

/* ---- descriptors --------------------------------------------------------------------------------------------------- */

gen_array gen_load_array(gen *g, const kir_var *v) {
    const gen_var *s = &g->vars[v->id];
    gen_array a = {.data = LLVMBuildLoad2(g->b, g->ptr, s->data, ""),
                   .owner = LLVMBuildLoad2(g->b, g->ptr, s->owner, "")};
    for (uint32_t i = 0; i < v->ty->ndim; i++) {
        a.shape[i] = LLVMBuildLoad2(g->b, g->i64, s->shape[i], "");
        if (s->strides)
            a.strides[i] = LLVMBuildLoad2(g->b, g->i64, s->strides[i], "");
    }
    return a;
}

static LLVMValueRef multiply_dim(gen *g, LLVMValueRef a, LLVMValueRef b) {
    return LLVMBuildNSWMul(g->b, a, b, "");
}

LLVMValueRef gen_stride(gen *g, type *t, const gen_array *a, uint32_t axis) {
    if (t->layout == LAYOUT_A)
        return a->strides[axis];
    LLVMValueRef stride = gen_int(g, type_size(t->dtype));
    uint32_t from = t->layout == LAYOUT_C ? axis + 1 : 0, to = t->layout == LAYOUT_C ? t->ndim : axis;
    for (uint32_t i = from; i < to; i++)
        stride = multiply_dim(g, stride, a->shape[i]);
    return stride;
}

uint32_t gen_array_fields(gen *g, type *t, const gen_array *a, LLVMValueRef *out) {
    uint32_t n = 0;
    out[n++] = a->data;
    out[n++] = a->owner;
    for (uint32_t i = 0; i < t->ndim; i++)
        out[n++] = a->shape[i];
    for (uint32_t i = 0; i < t->ndim && t->layout == LAYOUT_A; i++)
        out[n++] = gen_stride(g, t, a, i);
    return n;
}

gen_array gen_array_of(gen *g, type *t, const LLVMValueRef *fields) {
    gen_array a = {.data = fields[0], .owner = fields[1]};
    (void)g;
    for (uint32_t i = 0; i < t->ndim; i++) {
        a.shape[i] = fields[2 + i];
        if (t->layout == LAYOUT_A)
            a.strides[i] = fields[2 + t->ndim + i];
    }
    return a;
}

/* ---- ownership ------------------------------------------------------------------------------------------------------- */

static void call_owner(gen *g, const char *name, LLVMValueRef owner) {
    LLVMTypeRef params[1] = {g->ptr};
    gen_call(g, gen_declare(g, name, LLVMFunctionType(g->none, params, 1, false)), &owner, 1);
}

void gen_retain(gen *g, LLVMValueRef owner) {
    if (!LLVMIsNull(owner))
        call_owner(g, "plrt_retain", owner);
}

/* Tests for NULL here, so that the call goes away where LLVM sees that nothing was owned yet. */
void gen_release(gen *g, LLVMValueRef owner) {
    LLVMBasicBlockRef some = gen_block(g, "release"), after = gen_block(g, "");
    gen_branch(g, LLVMBuildIsNull(g->b, owner, ""), after, some, 0);
    gen_start(g, some);
    call_owner(g, "plrt_release", owner);
    gen_jump(g, after);
    gen_start(g, after);
}

/* A variable is counted when memory that this function was given or made for itself can reach it. All others look into
 * parameters or constants, whose memory outlives the call. */
typedef struct counting {
    gen *g;
    bool changed;
} counting;

static void count_var(counting *c, const kir_var *v) {
    gen_var *s = &c->g->vars[v->id];
    if (v->ty->kind != TYPE_ARRAY || v->borrowed || s->counted)
        return;
    s->counted = c->changed = true;
}

static bool find_fresh(kir_stmt *s, void *context) {
    counting *c = context;
    for (uint32_t i = 0; i < s->results.len; i++)
        count_var(c, s->results.at[i]);
    if (s->kind != KIR_ASSIGN || s->var->ty->kind != TYPE_ARRAY)
        return true;
    const kir_expr *e = s->value;
    if (e->kind == KIR_ALLOC || (e->var && c->g->vars[e->var->id].counted))
        count_var(c, s->var);
    return true;
}

void gen_find_counted(gen *g) {
    counting c = {g, true};
    kir_block body = g->f->body;
    while (c.changed) {
        c.changed = false;
        kir_each_stmt(&body, find_fresh, &c);
    }
}

/* ---- elements ---------------------------------------------------------------------------------------------------------- */

static LLVMValueRef offset_bytes(gen *g, LLVMValueRef data, LLVMValueRef offset) {
    return LLVMBuildInBoundsGEP2(g->b, g->i8, data, &offset, 1, "");
}

/* Addresses are built in two steps: first the part that does not change in the innermost loop (for a[i - 1, j] in a loop
 * over j, the start of the row), then the rest. LLVM moves the first part out of the loop; a freeze keeps it opaque to
 * what follows. Without it loop strength reduction takes the sums apart and tries their recombinations, which was half
 * of the time of code generation for a stencil. */
typedef struct element {
    gen *g;
    type *t;
    const gen_array *a;
    const LLVMValueRef *index;
    const bool *fixed; /* index k does not change */
} element;

static bool is_fixed(gen *g, const kir_expr *e) {
    const bool *assigned = g->assigned[g->depth - 1];
    if (e->var && assigned[e->var->id])
        return false;
    for (uint32_t i = 0; i < e->n_args; i++)
        if (!is_fixed(g, e->args[i]))
            return false;
    return true;
}

/* Strides are bytes; in aligned arrays of power-of-two items they are counted in elements, so that LLVM recognises the
 * stride of one element and makes a vector version for it. (Axes of one element may have any stride; their index is 0.) */
static bool counts_elements(type *t) {
    uint32_t size = type_size(t->dtype);
    return t->layout != LAYOUT_A || (t->aligned && t->dtype->kind != TYPE_COMPLEX && (size & (size - 1)) == 0);
}

static LLVMValueRef stride_in_units(gen *g, type *t, const gen_array *a, uint32_t axis) {
    if (!counts_elements(t))
        return a->strides[axis];
    return LLVMBuildAShr(g->b, a->strides[axis], gen_int(g, __builtin_ctz(type_size(t->dtype))), "");
}

/* The length of a row that an index is multiplied by inside a loop. The maximum says nothing new; it keeps LLVM from taking
 * the number for a stride that might be one, and making a vector version of the loop for arrays of one column. */
static LLVMValueRef row_length(gen *g, LLVMValueRef extent) {
    LLVMValueRef args[2] = {extent, gen_int(g, 1)};
    return LLVMIsConstant(extent) ? extent : gen_intrinsic(g, "llvm.smax", g->i64, args, 2);
}

/* Bytes (layout A) or elements from the start, of the axes of which `fixed` is `want`; NULL for none. In C and F order
 * the contiguous axis is the only one that is ever left for the second step. */
static LLVMValueRef offset_of(const element *d, bool want) {
    gen *g = d->g;
    LLVMValueRef sum = NULL;
    for (uint32_t k = 0; k < d->t->ndim; k++) {
        uint32_t axis = d->t->layout == LAYOUT_F ? d->t->ndim - 1 - k : k;
        if (d->t->layout != LAYOUT_A && sum)
            sum = multiply_dim(g, sum, want ? d->a->shape[axis] : row_length(g, d->a->shape[axis]));
        if (d->fixed[axis] != want)
            continue;
        LLVMValueRef step = d->index[axis];
        if (d->t->layout == LAYOUT_A)
            step = multiply_dim(g, step, stride_in_units(g, d->t, d->a, axis));
        sum = sum ? LLVMBuildNSWAdd(g->b, sum, step, "") : step;
    }
    return sum;
}

static LLVMValueRef address_of(const element *d) {
    gen *g = d->g;
    LLVMTypeRef unit = counts_elements(d->t) ? gen_memory(g, d->t->dtype) : g->i8;
    LLVMValueRef data = d->a->data, first = offset_of(d, true), second = offset_of(d, false);
    if (first)
        data = LLVMBuildInBoundsGEP2(g->b, unit, data, &first, 1, "");
    if (first && second)
        data = LLVMBuildFreeze(g->b, data, "");
    return second ? LLVMBuildInBoundsGEP2(g->b, unit, data, &second, 1, "") : data;
}

LLVMValueRef gen_element(gen *g, const kir_var *v, kir_expr *const *index, uint32_t n) {
    LLVMValueRef at[TYPE_MAX_NDIM];
    bool fixed[TYPE_MAX_NDIM], all = true;
    type *t = v->ty;
    uint32_t inner = t->layout == LAYOUT_F ? 0 : n - 1;
    for (uint32_t i = 0; i < n; i++) {
        at[i] = gen_int64(g, index[i]);
        fixed[i] = g->depth > 0 && is_fixed(g, index[i]);
        all &= fixed[i] || i == inner;
    }
    for (uint32_t i = 0; i < n; i++)
        fixed[i] = fixed[i] && (t->layout == LAYOUT_A || (all && i != inner));
    gen_array a = gen_load_array(g, v);
    g->shared_loops = v->scratch ? g->vars[v->id].home : 0;
    return address_of(&(element){g, t, &a, at, fixed});
}

/* Tells LLVM which independent loops an access is in. Iterations of the loops around a scratch array share its memory. */
static void mark_access(gen *g, LLVMValueRef access) {
    LLVMMetadataRef groups[GEN_MAX_DEPTH];
    uint32_t n = 0;
    for (uint32_t d = g->shared_loops; d < g->depth; d++)
        if (g->access[d])
            groups[n++] = LLVMValueAsMetadata(g->access[d]);
    if (n == 0)
        return;
    LLVMMetadataRef node = n == 1 ? groups[0] : LLVMMDNodeInContext2(g->context, groups, n);
    LLVMSetMetadata(access, g->md_group, LLVMMetadataAsValue(g->context, node));
}

static LLVMValueRef load_part(gen *g, LLVMTypeRef t, LLVMValueRef address, bool aligned) {
    LLVMValueRef x = LLVMBuildLoad2(g->b, t, address, "");
    if (!aligned)
        LLVMSetAlignment(x, 1);
    mark_access(g, x);
    return x;
}

static void store_part(gen *g, LLVMValueRef x, LLVMValueRef address, bool aligned) {
    LLVMValueRef s = LLVMBuildStore(g->b, x, address);
    if (!aligned)
        LLVMSetAlignment(s, 1);
    mark_access(g, s);
}

static LLVMValueRef second_part(gen *g, LLVMTypeRef t, LLVMValueRef address) {
    LLVMValueRef one = gen_int(g, 1);
    return LLVMBuildInBoundsGEP2(g->b, t, address, &one, 1, "");
}

gen_value gen_load(gen *g, type *t, LLVMValueRef address, bool aligned) {
    if (t->kind == TYPE_BOOL) {
        LLVMValueRef byte = load_part(g, g->i8, address, true);
        return (gen_value){LLVMBuildICmp(g->b, LLVMIntNE, byte, LLVMConstNull(g->i8), ""), NULL};
    }
    LLVMTypeRef lt = gen_type(g, t);
    gen_value v = {load_part(g, lt, address, aligned), NULL};
    if (t->kind == TYPE_COMPLEX)
        v.im = load_part(g, lt, second_part(g, lt, address), aligned);
    return v;
}

void gen_store(gen *g, type *t, LLVMValueRef address, gen_value v, bool aligned) {
    if (t->kind == TYPE_BOOL)
        v.re = LLVMBuildZExt(g->b, v.re, g->i8, "");
    store_part(g, v.re, address, aligned);
    if (t->kind == TYPE_COMPLEX)
        store_part(g, v.im, second_part(g, gen_type(g, t), address), aligned);
}

/* ---- array-valued expressions -------------------------------------------------------------------------------------------- */

static gen_array make_view(gen *g, const kir_expr *e) {
    gen_array from = gen_load_array(g, e->var), a = {.data = from.data, .owner = from.owner};
    for (uint32_t i = 0, axis = 0, out = 0; i < e->subs.n; i++) {
        const kir_sub *s = &e->subs.at[i];
        if (s->kind == KIR_SUB_NEWAXIS) {
            a.shape[out] = gen_int(g, 1);
            a.strides[out++] = gen_int(g, 0);
            continue;
        }
        LLVMValueRef stride = gen_stride(g, e->var->ty, &from, axis++);
        a.data = offset_bytes(g, a.data, multiply_dim(g, gen_int64(g, s->start), stride));
        if (s->kind == KIR_SUB_RANGE) {
            a.shape[out] = gen_int64(g, s->length);
            a.strides[out++] = multiply_dim(g, stride, gen_int64(g, s->step));
        }
    }
    return a;
}

static gen_array transpose(gen *g, const kir_expr *e) {
    gen_array from = gen_load_array(g, e->var), a = {.data = from.data, .owner = from.owner};
    for (uint32_t i = 0; i < e->axes.n; i++) {
        a.shape[i] = from.shape[e->axes.at[i]];
        a.strides[i] = gen_stride(g, e->var->ty, &from, e->axes.at[i]);
    }
    return a;
}

static void fill_c_strides(gen *g, type *t, gen_array *a) {
    LLVMValueRef stride = gen_int(g, type_size(t->dtype));
    for (uint32_t i = t->ndim; i-- > 0;) {
        a->strides[i] = stride;
        stride = multiply_dim(g, stride, a->shape[i]);
    }
}

static gen_array reshape(gen *g, const kir_expr *e) {
    gen_array from = gen_load_array(g, e->var), a = {.data = from.data, .owner = from.owner};
    for (uint32_t i = 0; i < e->n_args; i++)
        a.shape[i] = gen_int64(g, e->args[i]);
    fill_c_strides(g, e->ty, &a);
    return a;
}

/* .real and .imag keep shape and strides; view(dtype) with another item size scales the last axis. */
static gen_array reinterpret(gen *g, const kir_expr *e) {
    type *from_type = e->var->ty;
    gen_array from = gen_load_array(g, e->var), a = from;
    for (uint32_t i = 0; i < from_type->ndim; i++)
        a.strides[i] = gen_stride(g, from_type, &from, i);
    int64_t was = type_size(from_type->dtype), is = type_size(e->ty->dtype);
    if (e->op == KIR_OP_IMAG)
        a.data = offset_bytes(g, a.data, gen_int(g, is));
    if (e->op == KIR_OP_REAL || e->op == KIR_OP_IMAG || was == is || from_type->ndim == 0)
        return a;
    uint32_t last = from_type->ndim - 1;
    LLVMValueRef bytes = multiply_dim(g, a.shape[last], gen_int(g, was));
    a.shape[last] = LLVMBuildSDiv(g->b, bytes, gen_int(g, is), "");
    a.strides[last] = gen_int(g, is);
    return a;
}

/* `noalias ptr plait.alloc(bytes, zeroed, owner_out)`: plrt_block_new with the data pointer as result, so that LLVM
 * knows it to be new memory. NULL when there is none left. */
static LLVMValueRef alloc_function(gen *g) {
    LLVMValueRef fn = LLVMGetNamedFunction(g->module, "plait.alloc");
    if (fn)
        return fn;
    LLVMTypeRef params[3] = {g->i64, g->i32, g->ptr};
    fn = LLVMAddFunction(g->module, "plait.alloc", LLVMFunctionType(g->ptr, params, 3, false));
    LLVMSetLinkage(fn, LLVMInternalLinkage);
    unsigned at = (unsigned)LLVMAttributeFunctionIndex;
    gen_attribute(g, fn, at, "noinline", 0);
    gen_attribute(g, fn, at, "nounwind", 0);
    gen_attribute(g, fn, at, "memory", 0xf); /* reads and writes its argument and memory nobody else sees */
    gen_attribute(g, fn, LLVMAttributeReturnIndex, "noalias", 0);
    gen_attribute(g, fn, LLVMAttributeReturnIndex, "align", 64);
    gen_attribute(g, fn, 3, "nocapture", 0);
    LLVMBasicBlockRef block = LLVMAppendBasicBlockInContext(g->context, fn, ""),
                      good = LLVMAppendBasicBlockInContext(g->context, fn, ""),
                      bad = LLVMAppendBasicBlockInContext(g->context, fn, "");
    LLVMTypeRef new_params[2] = {g->i64, g->i32};
    LLVMValueRef new_block = gen_declare(g, "plrt_block_new", LLVMFunctionType(g->ptr, new_params, 2, false));
    LLVMBasicBlockRef resume = LLVMGetInsertBlock(g->b);
    LLVMMetadataRef place = LLVMGetCurrentDebugLocation2(g->b);
    LLVMSetCurrentDebugLocation2(g->b, NULL);
    LLVMPositionBuilderAtEnd(g->b, block);
    LLVMValueRef args[2] = {LLVMGetParam(fn, 0), LLVMGetParam(fn, 1)};
    LLVMValueRef made = gen_call(g, new_block, args, 2);
    LLVMBuildStore(g->b, made, LLVMGetParam(fn, 2));
    LLVMBuildCondBr(g->b, LLVMBuildIsNull(g->b, made, ""), bad, good);
    LLVMPositionBuilderAtEnd(g->b, bad);
    LLVMBuildRet(g->b, LLVMConstNull(g->ptr));
    LLVMPositionBuilderAtEnd(g->b, good);
    LLVMTypeRef fields[3] = {g->i64, g->i64, g->ptr};
    LLVMTypeRef header = LLVMStructTypeInContext(g->context, fields, 3, false);
    LLVMBuildRet(g->b, LLVMBuildLoad2(g->b, g->ptr, LLVMBuildStructGEP2(g->b, header, made, 2, ""), ""));
    LLVMPositionBuilderAtEnd(g->b, resume);
    LLVMSetCurrentDebugLocation2(g->b, place);
    return fn;
}

/* Bytes of an array, or INT64_MAX when they do not fit: then the allocation fails by itself. */
static LLVMValueRef size_of_shape(gen *g, type *t, const gen_array *a) {
    LLVMValueRef bytes = gen_int(g, type_size(t->dtype)), over = LLVMConstInt(g->i1, 0, false);
    for (uint32_t i = 0; i < t->ndim; i++) {
        LLVMValueRef args[2] = {bytes, a->shape[i]};
        LLVMValueRef both = gen_intrinsic(g, "llvm.smul.with.overflow", g->i64, args, 2);
        bytes = LLVMBuildExtractValue(g->b, both, 0, "");
        over = LLVMBuildOr(g->b, over, LLVMBuildExtractValue(g->b, both, 1, ""), "");
    }
    return LLVMBuildSelect(g->b, over, gen_int(g, INT64_MAX), bytes, "");
}

/* Memory of the function's frame. */
static gen_array allocate_on_stack(gen *g, const kir_expr *e) {
    gen_array a = {.owner = LLVMConstNull(g->ptr)};
    int64_t bytes = type_size(e->ty->dtype), n = 0;
    for (uint32_t i = 0; i < e->n_args; i++) {
        kir_is_const_int(e->args[i], &n);
        a.shape[i] = gen_int(g, n);
        bytes *= n;
    }
    a.data = gen_slot(g, LLVMArrayType2(g->i8, (uint64_t)(bytes ? bytes : 1)), "scratch");
    LLVMSetAlignment(a.data, 64);
    if (e->op == 1)
        LLVMBuildMemSet(g->b, a.data, LLVMConstNull(g->i8), gen_int(g, bytes), 64);
    fill_c_strides(g, e->ty, &a);
    return a;
}

static gen_array allocate(gen *g, const kir_expr *e) {
    gen_array a = {.fresh = true};
    for (uint32_t i = 0; i < e->n_args; i++)
        a.shape[i] = gen_int64(g, e->args[i]);
    LLVMValueRef owner_slot = gen_slot(g, g->ptr, "block"), bytes = size_of_shape(g, e->ty, &a);
    LLVMValueRef args[3] = {bytes, gen_int32(g, (int)e->op == 1), owner_slot};
    a.data = gen_call(g, alloc_function(g), args, 3);
    LLVMBasicBlockRef bad = gen_block(g, "no_memory"), good = gen_block(g, "");
    gen_branch(g, LLVMBuildIsNull(g->b, a.data, ""), bad, good, -1);
    gen_start(g, bad);
    gen_raise(g, PLRT_SITE_MEMORY, &bytes, 1);
    gen_start(g, good);
    a.owner = LLVMBuildLoad2(g->b, g->ptr, owner_slot, "");
    fill_c_strides(g, e->ty, &a);
    return a;
}

static LLVMValueRef global_data(gen *g, uint32_t index) {
    if (g->globals[index])
        return g->globals[index];
    const kir_global *from = &g->m->globals.at[index];
    LLVMValueRef bytes = LLVMConstStringInContext2(g->context, from->data, from->bytes, true);
    LLVMValueRef v = LLVMAddGlobal(g->module, LLVMTypeOf(bytes), "plait.array");
    LLVMSetInitializer(v, bytes);
    LLVMSetGlobalConstant(v, true);
    LLVMSetLinkage(v, LLVMInternalLinkage);
    LLVMSetAlignment(v, 64);
    return g->globals[index] = v;
}

static gen_array constant_array(gen *g, const kir_expr *e) {
    gen_array a = {.data = global_data(g, e->global), .owner = LLVMConstNull(g->ptr)};
    const kir_global *from = &g->m->globals.at[e->global];
    for (uint32_t i = 0; i < e->ty->ndim; i++)
        a.shape[i] = gen_int(g, from->shape[i]);
    if (from->ty->layout == LAYOUT_F) {
        for (uint32_t i = 0; i < e->ty->ndim; i++)
            a.strides[i] = gen_stride(g, from->ty, &a, i);
    } else {
        fill_c_strides(g, e->ty, &a);
    }
    return a;
}

static gen_array share(gen *g, const kir_expr *e) {
    gen_array a = gen_load_array(g, e->var);
    for (uint32_t i = 0; i < e->var->ty->ndim; i++)
        a.strides[i] = gen_stride(g, e->var->ty, &a, i);
    return a;
}

static gen_array array_value(gen *g, const kir_expr *e) {
    switch (e->kind) {
    case KIR_VIEW:
        return make_view(g, e);
    case KIR_TRANSPOSE:
        return transpose(g, e);
    case KIR_RESHAPE:
        return reshape(g, e);
    case KIR_REINTERPRET:
        return reinterpret(g, e);
    case KIR_ALLOC:
        return allocate(g, e);
    case KIR_GLOBAL:
        return constant_array(g, e);
    default:
        return share(g, e);
    }
}

/* Writes the fields; a counted variable takes over a fresh reference, or adds one, and gives up its old one. */
void gen_set_array(gen *g, const kir_var *v, const gen_array *a) {
    const gen_var *s = &g->vars[v->id];
    LLVMValueRef old = s->counted ? LLVMBuildLoad2(g->b, g->ptr, s->owner, "") : NULL;
    if (s->counted && !a->fresh)
        gen_retain(g, a->owner);
    LLVMBuildStore(g->b, a->data, s->data);
    LLVMBuildStore(g->b, a->owner, s->owner);
    for (uint32_t i = 0; i < v->ty->ndim; i++) {
        LLVMBuildStore(g->b, a->shape[i], s->shape[i]);
        if (s->strides)
            LLVMBuildStore(g->b, a->strides[i], s->strides[i]);
    }
    if (s->counted)
        gen_release(g, old);
}

void gen_assign_array(gen *g, const kir_var *v, const kir_expr *e) {
    bool on_stack = v->scratch && v->borrowed && e->kind == KIR_ALLOC;
    gen_array a = on_stack ? allocate_on_stack(g, e) : array_value(g, e);
    g->vars[v->id].home = e->var && e->var->scratch ? g->vars[e->var->id].home : g->depth;
    gen_set_array(g, v, &a);
}

/* data, owner, shape, strides in memory, for the runtime. */
LLVMValueRef gen_descriptor(gen *g, const kir_var *v) {
    uint32_t nd = v->ty->ndim;
    LLVMValueRef at = gen_slot(g, LLVMArrayType2(g->i64, 2 + 2 * nd), "array");
    gen_array a = gen_load_array(g, v);
    for (uint32_t i = 0; i < 2 + 2 * nd; i++) {
        LLVMValueRef index = gen_int(g, i), field = i == 0 ? a.data : i == 1 ? a.owner : NULL;
        if (!field)
            field = i < 2 + nd ? a.shape[i - 2] : gen_stride(g, v->ty, &a, i - 2 - nd);
        LLVMBuildStore(g->b, field, LLVMBuildInBoundsGEP2(g->b, g->i64, at, &index, 1, ""));
    }
    return at;
}
