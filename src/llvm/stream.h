/* Long loops that store whole cache lines which they do not read; see stream.c. */
#ifndef PLAIT_LLVM_STREAM_H
#define PLAIT_LLVM_STREAM_H

#include <llvm-c/Types.h>

/* For x86 processors whose vectors have 512 bits; after optimisation. */
void llvm_stream_stores(LLVMModuleRef module);

#endif
