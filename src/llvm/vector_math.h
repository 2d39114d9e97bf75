/* Which vector math functions exist for a target; see vector_math.c. */
#ifndef PLAIT_LLVM_VECTOR_MATH_H
#define PLAIT_LLVM_VECTOR_MATH_H

#include "llvm/llvm.h"

typedef struct vector_math { /* of one compile */
    llvm_math_library library;
    bool has_avx2, has_avx512, may_mix;
    bool
        narrow; /* libmvec's of 256 bits: loops that reduce want them, and of one kernel all have the same; unless all that
                    it calls are wide */
} vector_math;

typedef struct vector_math_call { /* how to call one function */
    const char *scalar;           /* symbol of the one-element function */
    const char *variants;         /* value of the attribute vector-function-abi-variant, or NULL */
    const char *vectors[3];       /* symbols named in it, with their numbers of lanes */
    uint32_t lanes[3], n_vectors;
    bool wraps; /* the scalar function is ours to define, around vectors[0] */
} vector_math_call;

/* What this process and the CPU offer. `features` as LLVM writes them ("+avx2,-sse4a…"). */
vector_math vector_math_for(llvm_math_library wanted, const char *features, bool is_host_x86, bool fast);
/* Not libmvec's, but one that does 512 bits in little more than the time of 256. */
bool vector_math_is_wide(const vector_math *v, kir_op op, unsigned bits);
/* False when there is none for `op` on floats of `bits`: libm's is called. */
bool vector_math_find(const vector_math *v, kir_op op, unsigned bits, arena *a, vector_math_call *call);

#endif
