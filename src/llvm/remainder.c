/* Back edges of the loops that vectors leave over.
 *
 *   middle:     br (icmp eq %done, %n), exit, rest          middle:  as it was
 *   rest:       %next = add nuw %i, 1                  →    rest:    %next = add nuw %i, 1
 *               br (icmp eq %next, %n), exit, rest                   br (icmp uge %next, %n), exit, rest
 *
 * `%done` and `%i` share a register, so that both comparisons are the same two instructions, and code generation merges
 * them: the loop over vectors then jumps to the end of the loop over the rest. What has two entries is no loop to it; its
 * head begins anywhere, and where its few instructions cross a line an iteration takes twice as long (x *= 2 with 20
 * float64: 5 ns of 45). A number that grows by one without wrapping and leaves its loop at `n` alone is not above `n`
 * before: the comparisons may differ. */
#include "llvm/remainder.h"

#include <llvm-c/Core.h>
#include <stdbool.h>
#include <string.h>

enum { PROPERTIES_MOST = 16 };

static bool is_named(LLVMValueRef property, const char *name) {
    LLVMValueRef parts[PROPERTIES_MOST];
    unsigned len = 0;
    unsigned n = property && LLVMIsAMDNode(property) ? (unsigned)LLVMGetMDNodeNumOperands(property) : 0;
    if (n == 0 || n > PROPERTIES_MOST)
        return false;
    LLVMGetMDNodeOperands(property, parts);
    const char *text = parts[0] ? LLVMGetMDString(parts[0], &len) : NULL;
    return text && len == strlen(name) && memcmp(text, name, len) == 0;
}

static bool is_vectorised(LLVMValueRef back_edge, unsigned md_loop) {
    LLVMValueRef loop = LLVMGetMetadata(back_edge, md_loop), properties[PROPERTIES_MOST];
    if (!loop || LLVMGetMDNodeNumOperands(loop) > PROPERTIES_MOST)
        return false;
    unsigned n = (unsigned)LLVMGetMDNodeNumOperands(loop);
    LLVMGetMDNodeOperands(loop, properties);
    for (unsigned i = 1; i < n; i++) /* the first is the loop itself */
        if (is_named(properties[i], "llvm.loop.isvectorized"))
            return true;
    return false;
}

/* Whether `next` is %i + 1, where %i is of the same block. */
static bool counts(LLVMValueRef next, LLVMBasicBlockRef block) {
    if (!LLVMIsAInstruction(next) || LLVMGetInstructionOpcode(next) != LLVMAdd ||
        LLVMGetInstructionParent(next) != block)
        return false;
    LLVMValueRef i = LLVMGetOperand(next, 0), one = LLVMGetOperand(next, 1);
    return LLVMIsAPHINode(i) && LLVMGetInstructionParent(i) == block && LLVMIsAConstantInt(one) &&
           LLVMConstIntGetZExtValue(one) == 1 && (LLVMGetNUW(next) || LLVMGetNSW(next));
}

static bool comes_round(LLVMValueRef next, LLVMBasicBlockRef block) {
    LLVMValueRef i = LLVMGetOperand(next, 0);
    for (unsigned k = 0; k < LLVMCountIncoming(i); k++)
        if (LLVMGetIncomingBlock(i, k) == block && LLVMGetIncomingValue(i, k) == next)
            return true;
    return false;
}

static void part(LLVMBuilderRef b, LLVMBasicBlockRef block, unsigned md_loop) {
    LLVMValueRef end = LLVMGetBasicBlockTerminator(block);
    if (!end || !LLVMIsABranchInst(end) || !LLVMIsConditional(end))
        return;
    bool first = LLVMGetSuccessor(end, 0) == block, second = LLVMGetSuccessor(end, 1) == block;
    LLVMValueRef test = LLVMGetCondition(end);
    if (first == second || !LLVMIsAICmpInst(test) || !is_vectorised(end, md_loop))
        return;
    LLVMIntPredicate is = LLVMGetICmpPredicate(test);
    LLVMUseRef use = LLVMGetFirstUse(test);
    if (is != (first ? LLVMIntNE : LLVMIntEQ) || LLVMGetNextUse(use))
        return;
    LLVMValueRef next = LLVMGetOperand(test, 0), last = LLVMGetOperand(test, 1);
    if (!counts(next, block) || !comes_round(next, block) ||
        (LLVMIsAInstruction(last) && LLVMGetInstructionParent(last) == block))
        return;
    bool is_signed = LLVMGetNSW(next);
    LLVMIntPredicate before = is_signed ? LLVMIntSLT : LLVMIntULT, behind = is_signed ? LLVMIntSGE : LLVMIntUGE;
    LLVMPositionBuilderBefore(b, test);
    LLVMReplaceAllUsesWith(test, LLVMBuildICmp(b, first ? before : behind, next, last, ""));
    LLVMInstructionEraseFromParent(test);
}

void llvm_part_remainders(LLVMModuleRef module) {
    LLVMContextRef c = LLVMGetModuleContext(module);
    LLVMBuilderRef b = LLVMCreateBuilderInContext(c);
    unsigned md_loop = LLVMGetMDKindIDInContext(c, "llvm.loop", strlen("llvm.loop"));
    for (LLVMValueRef f = LLVMGetFirstFunction(module); f; f = LLVMGetNextFunction(f))
        for (LLVMBasicBlockRef block = LLVMGetFirstBasicBlock(f); block; block = LLVMGetNextBasicBlock(block))
            part(b, block, md_loop);
    LLVMDisposeBuilder(b);
}
