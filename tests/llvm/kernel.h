/* Kernels from KIR text, for the tests of this folder: parse, emit, load, call with slots. */
#ifndef TESTS_LLVM_KERNEL_H
#define TESTS_LLVM_KERNEL_H

#include "driver/load.h"
#include "kir/kir.h"
#include "plait/runtime.h"
#include "llvm/llvm.h"

typedef struct kernel {
    arena *a;
    kir_module *m;
    llvm_result made;
    loaded *code;
    int64_t args[64], results[32];
    uint32_t n_args;
    plrt_error err;
} kernel;

/* Fails the test when the text is not valid KIR or does not compile. `cpu` NULL: the host's; else nothing is loaded and
 * the texts are made. */
kernel kernel_make(const char *kir, const char *cpu);
kernel kernel_make_for(const char *kir, const char *triple, const char *cpu);
void kernel_free(kernel *k);
void kernel_int(kernel *k, int64_t x);
void kernel_float(kernel *k, double x);
void kernel_float32(kernel *k, float x);
void kernel_array(kernel *k, void *data, uint32_t ndim, const int64_t *shape, const int64_t *strides);
void kernel_vector(kernel *k, void *data, int64_t n, int64_t item); /* contiguous, one axis */
int32_t kernel_call(kernel *k);                                     /* the status; arguments are taken back */
double kernel_result(const kernel *k, uint32_t slot);               /* as float64 */
/* One scalar expression of parameters %a.0 and %b.1 of type `t`; the result (of type `r`) as a slot. */
int64_t kernel_eval(const char *t, const char *r, const char *expression, int64_t a, int64_t b);
int64_t float_slot(double x);
double slot_float(int64_t x);

#endif
