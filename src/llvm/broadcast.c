/* Numbers that all lanes multiply by, from memory.
 *
 *   %s = splat <32 x double> (load %p)          %s0 = splat <8 x double> (load %p);  %m0 = fmul %s0, %x[0..7]
 *   %m = fmul %s, %x                        →   %s1 = splat <8 x double> (load %p);  %m1 = fmul %s1, %x[8..15]
 *                                               …
 *
 * A product of matrices without contraction to fused operations keeps all pipes busy, those of multiplications and those
 * of additions. An instruction that loads a number into all lanes of a 512-bit register takes a place in one of them; an
 * operand "memory, to all lanes" of the multiplication itself does not. LLVM makes one only when the load has no other
 * use, and a vector of four registers is four uses. So each register gets a load of its own. Equal loads would be made one
 * again: they go through address spaces of different numbers, all of which are the usual memory.
 *
 * It may also be that the vectoriser made several products of one register each from one splat: all but one get a load.
 *
 * Done to optimised code for processors with 512-bit vectors. A tile of 4×32 numbers in registers, strict, from the first
 * cache: 47.5 → 57 GFLOP/s (AMD EPYC, of 59 with fused operations, which need no additions' pipes). */
#include "llvm/broadcast.h"

#include <llvm-c/Core.h>
#include <stdbool.h>
#include <stddef.h>

enum { REGISTER_BYTES = 64, LANES_MOST = 256, PIECES_MOST = 8, SPACES_MOST = 64 };

typedef struct product { /* fmul splat(load), other */
    LLVMValueRef multiply, load, other;
    bool splat_first;
    unsigned lanes, width; /* of the vector, of a register */
    unsigned space;        /* address space of the first load */
} product;

static unsigned bytes_of(LLVMTypeRef t) {
    LLVMTypeKind kind = LLVMGetTypeKind(t);
    return kind == LLVMDoubleTypeKind ? 8 : kind == LLVMFloatTypeKind ? 4 : 0;
}

/* The load behind a vector with the same number in all lanes. */
static LLVMValueRef load_behind(LLVMValueRef v) {
    if (!LLVMIsAShuffleVectorInst(v))
        return NULL;
    for (unsigned i = 0; i < LLVMGetNumMaskElements(v); i++)
        if (LLVMGetMaskValue(v, i) != 0)
            return NULL;
    LLVMValueRef insert = LLVMGetOperand(v, 0);
    if (!LLVMIsAInsertElementInst(insert) || !LLVMIsAConstantInt(LLVMGetOperand(insert, 2)) ||
        LLVMConstIntGetZExtValue(LLVMGetOperand(insert, 2)) != 0)
        return NULL;
    LLVMValueRef load = LLVMGetOperand(insert, 1);
    bool plain =
        LLVMIsALoadInst(load) && !LLVMGetVolatile(load) && LLVMGetOrdering(load) == LLVMAtomicOrderingNotAtomic;
    return plain && LLVMGetPointerAddressSpace(LLVMTypeOf(LLVMGetOperand(load, 0))) == 0 ? load : NULL;
}

/* Nothing between the load and the multiplication changes memory: the same can be loaded there again. */
static bool holds_until(LLVMValueRef load, LLVMValueRef multiply) {
    if (LLVMGetInstructionParent(load) != LLVMGetInstructionParent(multiply))
        return false;
    for (LLVMValueRef i = load; i != multiply; i = LLVMGetNextInstruction(i)) {
        LLVMOpcode op = i ? LLVMGetInstructionOpcode(i) : LLVMStore;
        if (op == LLVMStore || op == LLVMCall || op == LLVMFence || op == LLVMAtomicRMW || op == LLVMAtomicCmpXchg)
            return false;
    }
    return true;
}

static unsigned count_uses(LLVMValueRef v) {
    unsigned n = 0;
    for (LLVMUseRef u = LLVMGetFirstUse(v); u; u = LLVMGetNextUse(u))
        n++;
    return n;
}

static bool find_product(LLVMValueRef i, product *p) {
    if (LLVMGetInstructionOpcode(i) != LLVMFMul || LLVMGetTypeKind(LLVMTypeOf(i)) != LLVMVectorTypeKind)
        return false;
    LLVMTypeRef type = LLVMTypeOf(i);
    unsigned bytes = bytes_of(LLVMGetElementType(type)), lanes = LLVMGetVectorSize(type);
    if (!bytes || lanes > LANES_MOST || lanes * bytes < REGISTER_BYTES || lanes * bytes % REGISTER_BYTES ||
        lanes * bytes / REGISTER_BYTES > PIECES_MOST || (LLVMGetFastMathFlags(i) & LLVMFastMathAllowContract))
        return false;
    for (unsigned k = 0; k < 2; k++) {
        LLVMValueRef splat = LLVMGetOperand(i, k), load = load_behind(splat);
        unsigned space = lanes * bytes == REGISTER_BYTES && load ? count_uses(splat) - 1 : 0;
        if (!load || !holds_until(load, i) || space > SPACES_MOST || (space == 0 && lanes * bytes == REGISTER_BYTES))
            continue; /* among them is the last use of a splat that is a register: it keeps the load that there was */
        *p = (product){i, load, LLVMGetOperand(i, 1 - k), k == 0, lanes, REGISTER_BYTES / bytes, space};
        return true;
    }
    return false;
}

static LLVMValueRef lanes_from(LLVMContextRef c, unsigned first, unsigned n, unsigned step) {
    LLVMValueRef at[LANES_MOST];
    for (unsigned k = 0; k < n; k++)
        at[k] = LLVMConstInt(LLVMInt32TypeInContext(c), first + k * step, false);
    return LLVMConstVector(at, n);
}

static LLVMValueRef put_piece(LLVMContextRef c, LLVMBuilderRef b, const product *p, unsigned piece) {
    LLVMTypeRef element = LLVMGetElementType(LLVMTypeOf(p->multiply));
    LLVMValueRef at = LLVMGetOperand(p->load, 0), zero = LLVMConstInt(LLVMInt32TypeInContext(c), 0, false);
    if (p->space + piece)
        at = LLVMBuildAddrSpaceCast(b, at, LLVMPointerTypeInContext(c, p->space + piece), "");
    LLVMValueRef number = LLVMBuildLoad2(b, element, at, "");
    LLVMSetAlignment(number, LLVMGetAlignment(p->load));
    LLVMValueRef none = LLVMGetPoison(LLVMVectorType(element, p->width));
    LLVMValueRef splat = LLVMBuildInsertElement(b, none, number, zero, "");
    splat = LLVMBuildShuffleVector(b, splat, none, lanes_from(c, 0, p->width, 0), "");
    LLVMValueRef rest = LLVMGetPoison(LLVMTypeOf(p->other));
    LLVMValueRef part = LLVMBuildShuffleVector(b, p->other, rest, lanes_from(c, piece * p->width, p->width, 1), "");
    LLVMValueRef made = p->splat_first ? LLVMBuildFMul(b, splat, part, "") : LLVMBuildFMul(b, part, splat, "");
    if (LLVMCanValueUseFastMathFlags(made))
        LLVMSetFastMathFlags(made, LLVMGetFastMathFlags(p->multiply));
    return made;
}

/* Pieces side by side, two and two. */
static LLVMValueRef join(LLVMContextRef c, LLVMBuilderRef b, LLVMValueRef *piece, unsigned n, unsigned width) {
    for (; n > 1; n /= 2, width *= 2)
        for (unsigned k = 0; k < n / 2; k++)
            piece[k] = LLVMBuildShuffleVector(b, piece[2 * k], piece[2 * k + 1], lanes_from(c, 0, 2 * width, 1), "");
    return piece[0];
}

static void split_product(LLVMContextRef c, LLVMBuilderRef b, const product *p) {
    LLVMValueRef piece[PIECES_MOST];
    unsigned n = p->lanes / p->width;
    LLVMPositionBuilderBefore(b, p->multiply);
    for (unsigned k = 0; k < n; k++)
        piece[k] = put_piece(c, b, p, k);
    LLVMReplaceAllUsesWith(p->multiply, join(c, b, piece, n, p->width));
    LLVMInstructionEraseFromParent(p->multiply);
}

void llvm_repeat_broadcasts(LLVMModuleRef module) {
    LLVMContextRef c = LLVMGetModuleContext(module);
    LLVMBuilderRef b = LLVMCreateBuilderInContext(c);
    for (LLVMValueRef f = LLVMGetFirstFunction(module); f; f = LLVMGetNextFunction(f))
        for (LLVMBasicBlockRef block = LLVMGetFirstBasicBlock(f); block; block = LLVMGetNextBasicBlock(block))
            for (LLVMValueRef i = LLVMGetFirstInstruction(block), next; i; i = next) {
                product p;
                next = LLVMGetNextInstruction(i);
                if (find_product(i, &p))
                    split_product(c, b, &p);
            }
    LLVMDisposeBuilder(b);
}
