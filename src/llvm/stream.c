/* Stores past the caches.
 *
 * A store to memory that is not in a cache reads the line first, only to overwrite it. `r = a * b + sqrt(c)` of arrays
 * larger than the caches moves five numbers an element for four, and what it throws out of the caches for its result may
 * still be wanted. A non-temporal store of a whole line does neither.
 *
 *     before → loop → after      →      before ──────────→ loop ──────────────────→ after
 *                                              ↘ question ↗     ↗
 *                                                       ↘ the same, streaming → fence
 *
 * Which of the two is decided where the loop begins: every address that would be stored past the caches must be a line's
 * beginning, in this iteration and by its step in all others (otherwise the instruction would fault), and what is stored
 * must be more than fits in the last cache: less may be there still when somebody reads it. How much that is the runtime
 * knows: a region's body is called for slices of its loop. Results of array expressions begin with a line, and so do
 * threads' shares and slices of a loop over them.
 *
 * Looked at are vector loops of one block, in no other loop (few rows are that long), that store whole lines through addresses linear in the iteration, and do not
 * read the array stored to: a line that was read is in the cache. Non-temporal stores may overtake others; the fence
 * comes before anything that tells other threads of them. Nothing that the loop computes may be used outside, so that
 * there are no values to join behind the two.
 *
 * `a * b + sqrt(c)` of 8 million elements: 8.6 → 7.5 ms on one thread, 7.6 → 6.8 on two (AMD EPYC, a busy machine). */
#include "llvm/stream.h"

#include <llvm-c/Core.h>
#include <stdbool.h>
#include <stddef.h>

enum {
    LINE_BYTES = 64,
    BYTES_LEAST = 32 << 10,
    INSTRUCTIONS_MOST = 192,
    STORES_MOST = 8,
    DEPTH_MOST = 16,
    BLOCKS_MOST = 128
};

typedef struct stream_loop {
    LLVMContextRef c;
    LLVMBuilderRef b;
    LLVMBasicBlockRef block, before, after, asks;
    LLVMValueRef counter, bound; /* the loop ends when the phi's next value is this */
    uint64_t counter_step;
    LLVMValueRef from[INSTRUCTIONS_MOST], to[INSTRUCTIONS_MOST]; /* the block's instructions and the copies of them */
    unsigned n;
    LLVMValueRef stores[STORES_MOST];
    unsigned n_stores;
    uint64_t bytes; /* an iteration's stores past the caches */
} stream_loop;

static bool is_inside(const stream_loop *l, LLVMValueRef v) {
    return LLVMIsAInstruction(v) && LLVMGetInstructionParent(v) == l->block;
}

static LLVMValueRef incoming(LLVMValueRef phi, LLVMBasicBlockRef from) {
    for (unsigned k = 0; k < LLVMCountIncoming(phi); k++)
        if (LLVMGetIncomingBlock(phi, k) == from)
            return LLVMGetIncomingValue(phi, k);
    return NULL;
}

/* The block's shape: entered from one other block that goes nowhere else, left to one. */
static bool find_edges(stream_loop *l) {
    LLVMValueRef end = LLVMGetBasicBlockTerminator(l->block), phi = LLVMGetFirstInstruction(l->block);
    if (!end || LLVMGetInstructionOpcode(end) != LLVMBr || LLVMGetNumSuccessors(end) != 2 || !LLVMIsAPHINode(phi) ||
        LLVMCountIncoming(phi) != 2)
        return false;
    bool again_first = LLVMGetSuccessor(end, 0) == l->block;
    if (again_first == (LLVMGetSuccessor(end, 1) == l->block))
        return false;
    l->after = LLVMGetSuccessor(end, again_first);
    l->before = LLVMGetIncomingBlock(phi, LLVMGetIncomingBlock(phi, 0) == l->block);
    LLVMValueRef enters = LLVMGetBasicBlockTerminator(l->before);
    return l->before != l->block && LLVMGetInstructionOpcode(enters) == LLVMBr && LLVMGetNumSuccessors(enters) == 1;
}

static bool add_block(LLVMBasicBlockRef *seen, unsigned *n, LLVMBasicBlockRef block) {
    for (unsigned i = 0; i < *n; i++)
        if (seen[i] == block)
            return true;
    if (*n == BLOCKS_MOST)
        return false;
    seen[(*n)++] = block;
    return true;
}

/* Does the program come by again? */
static bool is_nested(const stream_loop *l) {
    LLVMBasicBlockRef seen[BLOCKS_MOST] = {l->after};
    unsigned n = 1;
    for (unsigned i = 0; i < n; i++) {
        LLVMValueRef end = LLVMGetBasicBlockTerminator(seen[i]);
        for (unsigned k = 0; end && k < LLVMGetNumSuccessors(end); k++)
            if (LLVMGetSuccessor(end, k) == l->before || !add_block(seen, &n, LLVMGetSuccessor(end, k)))
                return true;
    }
    return false;
}

/* A phi that every iteration adds the same to, as a number or as an address. */
static bool is_linear_phi(const stream_loop *l, LLVMValueRef phi) {
    LLVMValueRef next = incoming(phi, l->block);
    if (!next || !is_inside(l, next))
        return false;
    LLVMOpcode op = LLVMGetInstructionOpcode(next);
    if (op == LLVMAdd)
        return (LLVMGetOperand(next, 0) == phi && !is_inside(l, LLVMGetOperand(next, 1))) ||
               (LLVMGetOperand(next, 1) == phi && !is_inside(l, LLVMGetOperand(next, 0)));
    if (op != LLVMGetElementPtr || LLVMGetOperand(next, 0) != phi)
        return false;
    for (int k = 1; k < LLVMGetNumOperands(next); k++)
        if (is_inside(l, LLVMGetOperand(next, (unsigned)k)))
            return false;
    return true;
}

/* Linear in the number of the iteration, modulo 2^64. Nothing is widened: what wraps wraps as an address does. */
static bool is_linear(const stream_loop *l, LLVMValueRef v, int depth) {
    if (!is_inside(l, v))
        return true;
    if (depth > DEPTH_MOST)
        return false;
    if (LLVMIsAPHINode(v))
        return is_linear_phi(l, v);
    LLVMOpcode op = LLVMGetInstructionOpcode(v);
    bool scaled = op == LLVMMul || op == LLVMShl;
    if (!scaled && op != LLVMGetElementPtr && op != LLVMAdd && op != LLVMSub)
        return false;
    if (scaled && is_inside(l, LLVMGetOperand(v, 1)))
        return false;
    LLVMTypeRef word = LLVMInt64TypeInContext(l->c);
    for (int k = 0; k < LLVMGetNumOperands(v); k++) {
        LLVMValueRef x = LLVMGetOperand(v, (unsigned)k);
        bool fits = LLVMTypeOf(x) == word || LLVMGetTypeKind(LLVMTypeOf(x)) == LLVMPointerTypeKind;
        if ((is_inside(l, x) && !fits) || !is_linear(l, x, depth + 1))
            return false;
    }
    return true;
}

/* The array behind an address, or behind a vector of addresses. */
static LLVMValueRef array_behind(const stream_loop *l, LLVMValueRef address) {
    for (int depth = 0; depth < DEPTH_MOST; depth++) {
        if (LLVMIsAGetElementPtrInst(address))
            address = LLVMGetOperand(address, 0);
        else if (is_inside(l, address) && LLVMIsAPHINode(address))
            address = incoming(address, l->before);
        else
            break;
    }
    return address;
}

static bool is_address(LLVMValueRef v) {
    LLVMTypeRef t = LLVMTypeOf(v);
    if (LLVMGetTypeKind(t) == LLVMVectorTypeKind)
        t = LLVMGetElementType(t);
    return LLVMGetTypeKind(t) == LLVMPointerTypeKind;
}

/* Does the loop read this array? Calls are of functions of vectors, gathers and the like. */
static bool reads(const stream_loop *l, LLVMValueRef array) {
    for (unsigned i = 0; i < l->n; i++) {
        LLVMOpcode op = LLVMGetInstructionOpcode(l->from[i]);
        if (op != LLVMLoad && op != LLVMCall)
            continue;
        for (int k = 0; k < LLVMGetNumOperands(l->from[i]); k++) {
            LLVMValueRef x = LLVMGetOperand(l->from[i], (unsigned)k);
            if (is_address(x) && array_behind(l, x) == array)
                return true;
        }
    }
    return false;
}

static bool used_only_inside(const stream_loop *l, LLVMValueRef v) {
    for (LLVMUseRef u = LLVMGetFirstUse(v); u; u = LLVMGetNextUse(u))
        if (!is_inside(l, LLVMGetUser(u)))
            return false;
    return true;
}

/* Its instructions; there are loads among them: memory that is only filled is likely to be read soon. */
static bool list_instructions(stream_loop *l) {
    bool loads = false;
    for (LLVMValueRef i = LLVMGetFirstInstruction(l->block); i; i = LLVMGetNextInstruction(i)) {
        LLVMOpcode op = LLVMGetInstructionOpcode(i);
        if (l->n == INSTRUCTIONS_MOST || op == LLVMFence || op == LLVMAtomicRMW || op == LLVMAtomicCmpXchg ||
            op == LLVMAlloca || (LLVMIsAPHINode(i) && LLVMCountIncoming(i) != 2) || !used_only_inside(l, i))
            return false;
        loads |= op == LLVMLoad;
        l->from[l->n++] = i;
    }
    return loads;
}

static uint64_t bytes_of_vector(LLVMTypeRef t) {
    if (LLVMGetTypeKind(t) != LLVMVectorTypeKind)
        return 0;
    LLVMTypeRef element = LLVMGetElementType(t);
    LLVMTypeKind kind = LLVMGetTypeKind(element);
    uint64_t bits = kind == LLVMDoubleTypeKind    ? 64
                    : kind == LLVMFloatTypeKind   ? 32
                    : kind == LLVMIntegerTypeKind ? LLVMGetIntTypeWidth(element)
                                                  : 0;
    return bits % 8 ? 0 : LLVMGetVectorSize(t) * (bits / 8);
}

static void list_stores(stream_loop *l) {
    for (unsigned i = 0; i < l->n; i++) {
        LLVMValueRef s = l->from[i];
        if (!LLVMIsAStoreInst(s) || LLVMGetVolatile(s) || LLVMGetOrdering(s) != LLVMAtomicOrderingNotAtomic)
            continue;
        uint64_t bytes = bytes_of_vector(LLVMTypeOf(LLVMGetOperand(s, 0)));
        LLVMValueRef address = LLVMGetOperand(s, 1);
        if (bytes == 0 || bytes % LINE_BYTES || l->n_stores == STORES_MOST || !is_linear(l, address, 0) ||
            reads(l, array_behind(l, address)))
            continue;
        l->stores[l->n_stores++] = s;
        l->bytes += bytes;
    }
}

/* for (counter = …;;) { …; counter += step; if (counter == bound) break; } */
static bool find_counter(stream_loop *l) {
    LLVMValueRef end = LLVMGetBasicBlockTerminator(l->block), test = LLVMGetCondition(end);
    if (!LLVMIsAICmpInst(test) || !is_inside(l, test) || LLVMGetSuccessor(end, 0) != l->after ||
        LLVMGetICmpPredicate(test) != LLVMIntEQ)
        return false;
    LLVMValueRef next = LLVMGetOperand(test, 0);
    l->bound = LLVMGetOperand(test, 1);
    if (!is_inside(l, next) || is_inside(l, l->bound) || LLVMGetInstructionOpcode(next) != LLVMAdd ||
        LLVMTypeOf(next) != LLVMInt64TypeInContext(l->c))
        return false;
    l->counter = LLVMGetOperand(next, 0);
    LLVMValueRef step = LLVMGetOperand(next, 1);
    if (!is_inside(l, l->counter) || !LLVMIsAPHINode(l->counter) || incoming(l->counter, l->block) != next ||
        !LLVMIsAConstantInt(step) || LLVMConstIntGetSExtValue(step) <= 0)
        return false;
    l->counter_step = LLVMConstIntGetZExtValue(step);
    return l->counter_step < INT32_MAX;
}

/* A linear value in the first iteration or, `later`, in the second, which need not come: nothing is promised of it. */
static LLVMValueRef value_in(stream_loop *l, LLVMValueRef v, bool later) {
    if (!is_inside(l, v))
        return v;
    if (LLVMIsAPHINode(v))
        return later ? value_in(l, incoming(v, l->block), false) : incoming(v, l->before);
    LLVMValueRef copy = LLVMInstructionClone(v);
    for (int k = 0; k < LLVMGetNumOperands(v); k++)
        LLVMSetOperand(copy, (unsigned)k, value_in(l, LLVMGetOperand(v, (unsigned)k), later));
    if (LLVMIsAGetElementPtrInst(copy)) {
        LLVMSetIsInBounds(copy, false);
    } else {
        LLVMSetNUW(copy, false);
        LLVMSetNSW(copy, false);
    }
    LLVMInsertIntoBuilder(l->b, copy);
    return copy;
}

static LLVMValueRef whole(stream_loop *l, uint64_t n) {
    return LLVMConstInt(LLVMInt64TypeInContext(l->c), n, false);
}

/* Before the loop: is it worth a question, and does every store begin a line, now and always? */
static LLVMValueRef build_test(stream_loop *l, LLVMValueRef left) {
    LLVMTypeRef word = LLVMInt64TypeInContext(l->c);
    uint64_t iterations = (BYTES_LEAST + l->bytes - 1) / l->bytes;
    LLVMValueRef low = NULL;
    for (unsigned i = 0; i < l->n_stores; i++)
        for (int later = 0; later < 2; later++) {
            LLVMValueRef at = LLVMBuildPtrToInt(l->b, value_in(l, LLVMGetOperand(l->stores[i], 1), later), word, "");
            low = low ? LLVMBuildOr(l->b, low, at, "") : at;
        }
    low = LLVMBuildAnd(l->b, low, whole(l, LINE_BYTES - 1), "");
    LLVMValueRef is_long = LLVMBuildICmp(l->b, LLVMIntSGE, left, whole(l, iterations * l->counter_step), "");
    return LLVMBuildAnd(l->b, is_long, LLVMBuildICmp(l->b, LLVMIntEQ, low, whole(l, 0), ""), "");
}

/* A block that asks the runtime. */
static void build_question(stream_loop *l, LLVMModuleRef module, LLVMValueRef left, LLVMBasicBlockRef copy) {
    static const char name[] = "plrt_stores_stream";
    LLVMTypeRef params[2] = {LLVMTypeOf(left), LLVMTypeOf(left)}, answer = LLVMInt32TypeInContext(l->c);
    LLVMTypeRef type = LLVMFunctionType(answer, params, 2, false);
    LLVMValueRef function = LLVMGetNamedFunction(module, name);
    if (!function)
        function = LLVMAddFunction(module, name, type);
    LLVMPositionBuilderAtEnd(l->b, l->asks);
    LLVMValueRef turns = LLVMBuildUDiv(l->b, left, whole(l, l->counter_step), "");
    LLVMValueRef args[2] = {left, LLVMBuildMul(l->b, turns, whole(l, l->bytes), "")};
    LLVMValueRef yes = LLVMBuildCall2(l->b, type, function, args, 2, "");
    yes = LLVMBuildICmp(l->b, LLVMIntNE, yes, LLVMConstNull(answer), "");
    LLVMBuildCondBr(l->b, yes, copy, l->block);
    for (unsigned i = 0; i < l->n && LLVMIsAPHINode(l->from[i]); i++) {
        LLVMValueRef v = incoming(l->from[i], l->before);
        LLVMAddIncoming(l->from[i], &v, &l->asks, 1);
    }
}

static LLVMValueRef copy_of(const stream_loop *l, LLVMValueRef v) {
    for (unsigned i = 0; i < l->n; i++)
        if (l->from[i] == v)
            return l->to[i];
    return v;
}

static LLVMValueRef copy_instruction(stream_loop *l, LLVMValueRef i, LLVMBasicBlockRef fence, LLVMBasicBlockRef copy) {
    if (LLVMIsAPHINode(i))
        return LLVMBuildPhi(l->b, LLVMTypeOf(i), "");
    if (LLVMIsATerminatorInst(i))
        return LLVMBuildCondBr(l->b, copy_of(l, LLVMGetCondition(i)), fence, copy);
    LLVMValueRef made = LLVMInstructionClone(i);
    for (int k = 0; k < LLVMGetNumOperands(i); k++)
        LLVMSetOperand(made, (unsigned)k, copy_of(l, LLVMGetOperand(i, (unsigned)k)));
    LLVMInsertIntoBuilder(l->b, made);
    return made;
}

/* What was asked for the loop, such as its alignment. */
static void keep_properties(LLVMContextRef c, LLVMValueRef from, LLVMValueRef to) {
    unsigned kind = LLVMGetMDKindIDInContext(c, "llvm.loop", sizeof "llvm.loop" - 1);
    LLVMValueRef m = LLVMGetMetadata(from, kind);
    if (m)
        LLVMSetMetadata(to, kind, m);
}

static void complete_phis(stream_loop *l, LLVMBasicBlockRef copy) {
    for (unsigned i = 0; i < l->n && LLVMIsAPHINode(l->from[i]); i++) {
        LLVMValueRef values[2] = {incoming(l->from[i], l->before), copy_of(l, incoming(l->from[i], l->block))};
        LLVMBasicBlockRef blocks[2] = {l->asks, copy};
        LLVMAddIncoming(l->to[i], values, blocks, 2);
    }
}

static void mark_stores(stream_loop *l) {
    LLVMValueRef one = LLVMConstInt(LLVMInt32TypeInContext(l->c), 1, false), node = LLVMMDNodeInContext(l->c, &one, 1);
    unsigned kind = LLVMGetMDKindIDInContext(l->c, "nontemporal", sizeof "nontemporal" - 1);
    for (unsigned i = 0; i < l->n_stores; i++) {
        LLVMValueRef s = copy_of(l, l->stores[i]);
        LLVMSetAlignment(s, LINE_BYTES);
        LLVMSetMetadata(s, kind, node);
    }
}

/* The fence, and the block after the loop has one more that comes to it, with the same values. */
static void build_fence(stream_loop *l, LLVMModuleRef module, LLVMBasicBlockRef fence) {
    static const char name[] = "llvm.x86.sse.sfence";
    unsigned id = LLVMLookupIntrinsicID(name, sizeof name - 1);
    LLVMValueRef function = LLVMGetIntrinsicDeclaration(module, id, NULL, 0);
    LLVMPositionBuilderAtEnd(l->b, fence);
    LLVMBuildCall2(l->b, LLVMIntrinsicGetType(l->c, id, NULL, 0), function, NULL, 0, "");
    LLVMBuildBr(l->b, l->after);
    for (LLVMValueRef phi = LLVMGetFirstInstruction(l->after); LLVMIsAPHINode(phi); phi = LLVMGetNextInstruction(phi)) {
        LLVMValueRef v = incoming(phi, l->block);
        LLVMAddIncoming(phi, &v, &fence, 1);
    }
}

static void make_streaming(stream_loop *l, LLVMModuleRef module) {
    LLVMValueRef f = LLVMGetBasicBlockParent(l->block), enters = LLVMGetBasicBlockTerminator(l->before);
    l->asks = LLVMAppendBasicBlockInContext(l->c, f, "stream.ask");
    LLVMBasicBlockRef copy = LLVMAppendBasicBlockInContext(l->c, f, "stream.body");
    LLVMBasicBlockRef fence = LLVMAppendBasicBlockInContext(l->c, f, "stream.fence");
    LLVMPositionBuilderBefore(l->b, enters);
    LLVMValueRef left = LLVMBuildSub(l->b, l->bound, incoming(l->counter, l->before), "");
    LLVMBuildCondBr(l->b, build_test(l, left), l->asks, l->block);
    LLVMInstructionEraseFromParent(enters);
    LLVMPositionBuilderAtEnd(l->b, copy);
    LLVMSetCurrentDebugLocation2(l->b, NULL);
    for (unsigned i = 0; i < l->n; i++)
        l->to[i] = copy_instruction(l, l->from[i], fence, copy);
    keep_properties(l->c, l->from[l->n - 1], l->to[l->n - 1]);
    complete_phis(l, copy);
    mark_stores(l);
    build_question(l, module, left, copy);
    build_fence(l, module, fence);
}

static void look_at(LLVMModuleRef module, LLVMContextRef c, LLVMBuilderRef b, LLVMBasicBlockRef block) {
    stream_loop l = {.c = c, .b = b, .block = block};
    if (!find_edges(&l) || !list_instructions(&l) || !find_counter(&l))
        return;
    list_stores(&l);
    if (l.n_stores > 0 && !is_nested(&l))
        make_streaming(&l, module);
}

void llvm_stream_stores(LLVMModuleRef module) {
    LLVMContextRef c = LLVMGetModuleContext(module);
    LLVMBuilderRef b = LLVMCreateBuilderInContext(c);
    for (LLVMValueRef f = LLVMGetFirstFunction(module); f; f = LLVMGetNextFunction(f))
        for (LLVMBasicBlockRef block = LLVMGetFirstBasicBlock(f), next; block; block = next) {
            next = LLVMGetNextBasicBlock(block);
            look_at(module, c, b, block);
        }
    LLVMDisposeBuilder(b);
}
