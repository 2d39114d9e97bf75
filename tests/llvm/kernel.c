#include "kernel.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static void fail_with(const diags *d, const char *what) {
    for (uint32_t i = 0; i < d->items.len; i++)
        fprintf(stderr, "%s: %s\n", what, d->items.at[i].message);
    cr_assert_fail("%s", what);
}

kernel kernel_make_for(const char *kir, const char *triple, const char *cpu) {
    kernel k = {.a = arena_new(NULL)};
    sym_table *syms = sym_table_new(k.a);
    diags *d = diags_new(k.a);
    k.m = kir_parse(k.a, syms, types_new(k.a, syms), d, kir, strlen(kir));
    if (!k.m)
        fail_with(d, "parse");
    const char *wrong = kir_verify(k.m);
    cr_assert_null(wrong, "%s", wrong);
    llvm_request r = {.verify = true, .target = {.triple = triple, .cpu = cpu}, .texts = cpu ? 7 : 0};
    if (!llvm_emit(k.m, &r, &k.made))
        fail_with(d, "emit");
    if (cpu)
        return k;
    char *message = NULL;
    k.code = load_object(k.made.object, k.made.object_size, k.made.entry, &message);
    cr_assert_not_null(k.code, "%s", message);
    return k;
}

kernel kernel_make(const char *kir, const char *cpu) {
    return kernel_make_for(kir, NULL, cpu);
}

void kernel_free(kernel *k) {
    loaded_free(k->code);
    arena_free(k->a);
}

int64_t float_slot(double x) {
    int64_t slot;
    memcpy(&slot, &x, sizeof slot);
    return slot;
}

double slot_float(int64_t x) {
    double f;
    memcpy(&f, &x, sizeof f);
    return f;
}

void kernel_int(kernel *k, int64_t x) {
    k->args[k->n_args++] = x;
}

void kernel_float(kernel *k, double x) {
    kernel_int(k, float_slot(x));
}

void kernel_float32(kernel *k, float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    kernel_int(k, bits);
}

void kernel_array(kernel *k, void *data, uint32_t ndim, const int64_t *shape, const int64_t *strides) {
    kernel_int(k, (int64_t)(intptr_t)data);
    kernel_int(k, 1);
    for (uint32_t i = 0; i < ndim; i++)
        kernel_int(k, shape[i]);
    for (uint32_t i = 0; i < ndim; i++)
        kernel_int(k, strides[i]);
}

void kernel_vector(kernel *k, void *data, int64_t n, int64_t item) {
    kernel_array(k, data, 1, &n, &item);
}

int32_t kernel_call(kernel *k) {
    int32_t (*entry)(const int64_t *, int64_t *, plrt_error *) =
        (int32_t (*)(const int64_t *, int64_t *, plrt_error *))loaded_entry(k->code);
    k->n_args = 0;
    return entry(k->args, k->results, &k->err);
}

double kernel_result(const kernel *k, uint32_t slot) {
    return slot_float(k->results[slot]);
}

int64_t kernel_eval(const char *t, const char *r, const char *expression, int64_t a, int64_t b) {
    char kir[1000];
    snprintf(kir, sizeof kir, "fn entry @f(%%a.0: %s, %%b.1: %s) -> (%s) {\n    %%2: %s = %s\n    return %%2\n}\n", t,
             t, r, r, expression);
    kernel k = kernel_make(kir, NULL);
    kernel_int(&k, a);
    kernel_int(&k, b);
    cr_assert_eq(kernel_call(&k), 0);
    int64_t result = k.results[0];
    kernel_free(&k);
    return result;
}
