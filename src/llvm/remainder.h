/* Back edges of the loops that vectors leave over; see remainder.c. */
#ifndef PLAIT_LLVM_REMAINDER_H
#define PLAIT_LLVM_REMAINDER_H

#include <llvm-c/Types.h>

/* After optimisation. */
void llvm_part_remainders(LLVMModuleRef module);

#endif
