/* What LLVM makes of the loops that matter: checked in the assembly for an AVX2 machine; and the promise that an
 * element's value does not depend on where in a vector loop it lies. */
#include "kernel.h"

#include "llvm/vector_math.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static bool has_packed(const kernel *k, const char *instruction) {
    for (const char *p = k->made.assembly; (p = strstr(p, instruction)) != NULL; p++) {
        const char *end = strchr(p, '\n');
        for (const char *q = p; q < end; q++)
            if (strncmp(q, "%ymm", 4) == 0)
                return true;
    }
    return false;
}

static void expect_packed(const char *kir, const char *instruction) {
    kernel k = kernel_make(kir, "haswell");
    cr_expect(has_packed(&k, instruction), "no packed %s in\n%s", instruction, k.made.assembly);
    kernel_free(&k);
}

Test(vector, saxpy_is_packed) {
    expect_packed(
        "options opt=3\n\nfn entry @f(%a.0: float64, %x.1: array(float64, 1d, C), %y.2: array(float64, 1d, C))"
        " -> () {\n    for %i.3: int64 in [0, dim(%x.1, 0), 1) prange vector {\n"
        "        %4: float64 = %x.1[%i.3]\n        %5: float64 = %y.2[%i.3]\n"
        "        %y.2[%i.3] = ((%a.0 * %4) + %5)\n    }\n    return\n}\n",
        "vmulpd");
}

Test(vector, independent_loops_need_no_overlap_test) {
    kernel k = kernel_make("options opt=3\n\nfn entry @f(%x.0: array(float64, 1d, C), %y.1: array(float64, 1d, C))"
                           " -> () {\n    for %i.2: int64 in [0, dim(%x.0, 0), 1) prange vector {\n"
                           "        %3: float64 = %x.0[%i.2]\n        %y.1[%i.2] = %3\n    }\n    return\n}\n",
                           "haswell");
    cr_expect_null(strstr(k.made.optimized, "memcheck"));
    kernel_free(&k);
}

static const char dot[] =
    "options parallel opt=3\n\nfn entry @f(%x.0: array(float64, 1d, C), %y.1: array(float64, 1d, C))"
    " -> (float64) {\n    var %s.2: float64\n    %s.2 = 0.0\n"
    "    for %i.3: int64 in [0, dim(%x.0, 0), 1) range vector {\n        %4: float64 = %x.0[%i.3]\n"
    "        %5: float64 = %y.1[%i.3]\n        %s.2 = (%s.2 + (%4 * %5))\n"
    "    } reductions(add %s.2)\n    return %s.2\n}\n";

Test(vector, a_dot_product_is_packed_because_it_is_marked) {
    expect_packed(dot, "vaddpd");
    char plain[sizeof dot];
    strcpy(plain, dot);
    char *mark = strstr(plain, " reductions(add %s.2)");
    memset(mark, ' ', strlen(" reductions(add %s.2)"));
    kernel k = kernel_make(plain, "haswell");
    cr_expect_not(has_packed(&k, "vaddpd"));
    kernel_free(&k);
}

Test(vector, a_stencil_is_packed) {
    expect_packed("options opt=3\n\nfn entry @f(%u.0: array(float64, 2d, C), %v.1: array(float64, 2d, C)) -> () {\n"
                  "    for %i.2: int64 in [1, (dim(%u.0, 0) - 1), 1) range vector {\n"
                  "        for %j.3: int64 in [1, (dim(%u.0, 1) - 1), 1) range vector {\n"
                  "            %4: float64 = %u.0[(%i.2 - 1), %j.3]\n            %5: float64 = %u.0[(%i.2 + 1), %j.3]\n"
                  "            %6: float64 = %u.0[%i.2, (%j.3 - 1)]\n            %7: float64 = %u.0[%i.2, (%j.3 + 1)]\n"
                  "            %v.1[%i.2, %j.3] = (0.25 * (((%4 + %5) + %6) + %7))\n        }\n    }\n    return\n}\n",
                  "vaddpd");
}

static void make_map(char *kir, size_t size, const char *options, const char *t, const char *expression) {
    snprintf(kir, size,
             "options parallel opt=3 %s\n\nfn entry @f(%%x.0: array(%s, 1d, C), %%y.1: array(%s, 1d, C)) -> () {\n"
             "    for %%i.2: int64 in [0, dim(%%x.0, 0), 1) prange vector {\n        %%3: %s = %%x.0[%%i.2]\n"
             "        %%y.1[%%i.2] = %s\n    }\n    return\n}\n",
             options, t, t, t, expression);
}

static void expect_call(const char *expression, const char *function) {
    char kir[700];
    make_map(kir, sizeof kir, "", "float64", expression);
    kernel k = kernel_make(kir, "haswell");
    cr_expect(strstr(k.made.assembly, function) || !llvm_math_symbol("Sleef_finz_sind4_u10avx2"));
    kernel_free(&k);
}

Test(vector, math_is_a_packed_call) {
    expect_call("exp(%3)", "plrt_exp_d4");
    expect_call("log(%3)", "plrt_log_d4");
    expect_call("erf(%3)", "plrt_erf_d4");
    expect_call("sin(%3)", "Sleef_finz_sind4_u10avx2");
}

Test(vector, sequential_strict_kernels_call_libm) {
    kernel k =
        kernel_make("options opt=3\n\nfn entry @f(%x.0: array(float64, 1d, C)) -> () {\n"
                    "    for %i.1: int64 in [0, dim(%x.0, 0), 1) range vector {\n        %2: float64 = %x.0[%i.1]\n"
                    "        %x.0[%i.1] = exp(%2)\n    }\n    return\n}\n",
                    "haswell");
    cr_expect_null(strstr(k.made.assembly, "Sleef"));
    cr_expect_not_null(strstr(k.made.assembly, "exp@PLT"));
    kernel_free(&k);
}

Test(vector, math_that_cannot_be_packed_is_libms) {
    kernel k = kernel_make("options parallel opt=3\n\nfn entry @f(%x.0: array(float64, 1d, C)) -> () {\n"
                           "    for %i.1: int64 in [0, dim(%x.0, 0), 1) prange vector {\n"
                           "        %2: float64 = %x.0[%i.1]\n        if (%2 > 0.0) {\n"
                           "            %x.0[%i.1] = log(%2)\n        }\n    }\n    return\n}\n",
                           "haswell");
    cr_expect_null(strstr(k.made.assembly, "Sleef"));
    kernel_free(&k);
}

enum { N = 67 };

/* f over all elements at once, and over each alone. */
static void compare_positions(const char *options, const char *t, const char *name, size_t item) {
    char kir[700], expression[60];
    snprintf(expression, sizeof expression, "%s(%%3)", name);
    make_map(kir, sizeof kir, options, t, expression);
    kernel k = kernel_make(kir, NULL);
    double x[N], y[N], alone[N];
    float *x32 = (float *)x;
    for (int i = 0; i < N; i++) {
        double value = 0.013 * (i + 1) * (i % 3 ? 1 : 0.37);
        if (item == 8)
            x[i] = value;
        else
            x32[i] = (float)value;
    }
    kernel_vector(&k, x, N, (int64_t)item);
    kernel_vector(&k, y, N, (int64_t)item);
    cr_assert_eq(kernel_call(&k), 0);
    for (size_t i = 0; i < N; i++) {
        kernel_vector(&k, (char *)x + i * item, 1, (int64_t)item);
        kernel_vector(&k, (char *)alone + i * item, 1, (int64_t)item);
        cr_assert_eq(kernel_call(&k), 0);
    }
    cr_expect_arr_eq(y, alone, N * item, "%s of %s (%s) depends on the position", name, t, options);
    kernel_free(&k);
}

Test(vector, lanes_and_tails_give_the_same_bits) {
    static const char *const functions[] = {"exp",  "log",  "sin",  "cos",  "tan",   "asin",  "acos",
                                            "atan", "sinh", "cosh", "tanh", "log10", "log1p", "expm1",
                                            "cbrt", "erf",  "exp2", "log2", "asinh", "atanh", "erfc"};
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        compare_positions("", "float64", functions[i], 8);
        compare_positions("", "float32", functions[i], 4);
        compare_positions("fastmath=127", "float64", functions[i], 8);
        compare_positions("fastmath=127", "float32", functions[i], 4);
    }
}

Test(vector, strict_vector_exp_is_within_one_ulp) {
    char kir[700];
    make_map(kir, sizeof kir, "", "float64", "exp(%3)");
    kernel k = kernel_make(kir, NULL);
    static double x[10000], y[10000];
    for (int i = 0; i < 10000; i++)
        x[i] = -700 + 0.14 * i;
    kernel_vector(&k, x, 10000, 8);
    kernel_vector(&k, y, 10000, 8);
    cr_assert_eq(kernel_call(&k), 0);
    for (int i = 0; i < 10000; i++) {
        long double want = expl((long double)x[i]);
        long double ulp = (long double)nextafter(y[i], INFINITY) - (long double)y[i];
        cr_assert(fabsl((long double)y[i] - want) <= ulp, "exp(%a)", x[i]);
    }
    kernel_free(&k);
}

Test(vector, strided_arrays_get_a_packed_version_for_the_stride_of_one_element) {
    expect_packed(
        "options opt=3\n\nfn entry @f(%a.0: float64, %x.1: array(float64, 1d, A), %y.2: array(float64, 1d, A))"
        " -> () {\n    for %i.3: int64 in [0, dim(%x.1, 0), 1) prange vector {\n"
        "        %4: float64 = %x.1[%i.3]\n        %5: float64 = %y.2[%i.3]\n"
        "        %y.2[%i.3] = ((%a.0 * %4) + %5)\n    }\n    return\n}\n",
        "vmulpd");
}

static void expect_object_for(const char *triple, const char *cpu) {
    char kir[700];
    make_map(kir, sizeof kir, "", "float64", "exp((%3 // 2.0))");
    kernel k = kernel_make_for(kir, triple, cpu);
    cr_expect(k.made.object_size > 0);
    cr_expect_null(strstr(k.made.built, "Sleef"));
    cr_expect_not_null(strstr(k.made.built, "signext i32 @plait_entry_f"));
    kernel_free(&k);
}

Test(vector, objects_for_other_machines_are_emitted) {
    expect_object_for("powerpc64le-linux-gnu", "pwr9");
    expect_object_for("aarch64-linux-gnu", "generic");
}
