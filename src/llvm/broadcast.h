/* Multiplications of long vectors by a number from memory; see broadcast.c. */
#ifndef PLAIT_LLVM_BROADCAST_H
#define PLAIT_LLVM_BROADCAST_H

#include <llvm-c/Types.h>

/* For processors whose vectors have 512 bits; after optimisation. */
void llvm_repeat_broadcasts(LLVMModuleRef module);

#endif
