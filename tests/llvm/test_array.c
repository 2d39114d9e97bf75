#include "kernel.h"

#include <criterion/criterion.h>
#include <stdio.h>

static int64_t blocks_alive(void) {
    int64_t blocks, bytes;
    plrt_memory_stats(&blocks, &bytes);
    return blocks;
}

/* s = sum of 10^k weights: the elements in the order i, j. */
static const char ordered[] = "fn entry @f(%%a.0: array(int64, 2d, %s)) -> (int64) {\n    var %%s.1: int64\n"
                              "    var %%i.2: int64\n    var %%j.3: int64\n    %%s.1 = 0\n"
                              "    for %%i.2 in [0, dim(%%a.0, 0), 1) range {\n"
                              "        for %%j.3 in [0, dim(%%a.0, 1), 1) range {\n"
                              "            %%4: int64 = %%a.0[%%i.2, %%j.3]\n"
                              "            %%s.1 = ((%%s.1 * 10) + %%4)\n        }\n    }\n    return %%s.1\n}\n";

static int64_t read_in_order(const char *layout, const int64_t *strides) {
    static int64_t data[6] = {1, 2, 3, 4, 5, 6};
    static const int64_t shape[2] = {2, 3};
    char kir[700];
    snprintf(kir, sizeof kir, ordered, layout);
    kernel k = kernel_make(kir, NULL);
    kernel_array(&k, strides[1] < 0 ? data + 2 : data, 2, shape, strides);
    cr_assert_eq(kernel_call(&k), 0);
    int64_t got = k.results[0];
    kernel_free(&k);
    return got;
}

Test(array, layouts_find_their_elements) {
    cr_expect_eq(read_in_order("C", (int64_t[]){24, 8}), 123456);
    cr_expect_eq(read_in_order("F", (int64_t[]){8, 16}), 135246);
    cr_expect_eq(read_in_order("A", (int64_t[]){24, -8}), 321654);
}

/* Writes the view of %a and its shape and strides into the results. */
static kernel view_of(const char *expression, const char *t) {
    char kir[900];
    snprintf(
        kir, sizeof kir,
        "fn entry @f(%%a.0: array(int64, 2d, C), %%n.1: int64) -> (%s) {\n    %%v.2: %s = %s\n    return %%v.2\n}\n", t,
        t, expression);
    return kernel_make(kir, NULL);
}

static void check_view(const char *expression, const char *t, const int64_t *want, uint32_t n) {
    static int64_t data[12];
    static const int64_t shape[2] = {3, 4}, strides[2] = {32, 8};
    kernel k = view_of(expression, t);
    kernel_array(&k, data, 2, shape, strides);
    kernel_int(&k, 2);
    cr_assert_eq(kernel_call(&k), 0);
    cr_expect_eq(k.results[0] - (int64_t)(intptr_t)data, want[0], "%s: offset %lld", expression,
                 (long long)(k.results[0] - (int64_t)(intptr_t)data));
    for (uint32_t i = 1; i < n; i++)
        cr_expect_eq(k.results[1 + i], want[i], "%s: field %u is %lld", expression, i, (long long)k.results[1 + i]);
    kernel_free(&k);
}

Test(array, views_have_numpys_offsets_shapes_and_strides) {
    check_view("view(%a.0, %n.1, [0, 4, 1])", "array(int64, 1d, A)", (int64_t[]){64, 4, 8}, 3);
    check_view("view(%a.0, [2, 3, -1], [1, 2, 2])", "array(int64, 2d, A)", (int64_t[]){72, 3, 2, -32, 16}, 5);
    check_view("view(%a.0, new, [0, 3, 1], 3)", "array(int64, 2d, A)", (int64_t[]){24, 1, 3, 0, 32}, 5);
    check_view("transpose(%a.0, 1, 0)", "array(int64, 2d, F)", (int64_t[]){0, 4, 3, 8, 32}, 5);
    check_view("reshape(%a.0, 6, %n.1)", "array(int64, 2d, C)", (int64_t[]){0, 6, 2, 16, 8}, 5);
    check_view("reinterpret(bits, %a.0):array(int16, 2d, C)", "array(int16, 2d, C)", (int64_t[]){0, 3, 16, 32, 2}, 5);
}

Test(array, parts_of_complex_numbers_are_views) {
    kernel k = kernel_make("fn entry @f(%a.0: array(complex128, 1d, C)) -> (float64) {\n"
                           "    %1: array(float64, 1d, A) = reinterpret(imag, %a.0):array(float64, 1d, A)\n"
                           "    %2: float64 = %1[1]\n    %1[0] = 9.0\n    return %2\n}\n",
                           NULL);
    double data[4] = {1, 2, 3, 4};
    kernel_vector(&k, data, 2, 16);
    cr_assert_eq(kernel_call(&k), 0);
    cr_expect(kernel_result(&k, 0) == 4 && data[1] == 9);
    kernel_free(&k);
}

Test(array, bools_are_bytes_and_any_nonzero_byte_is_true) {
    kernel k = kernel_make("fn entry @f(%a.0: array(bool, 1d, C)) -> (bool) {\n    %1: bool = %a.0[0]\n"
                           "    %a.0[1] = not(%1)\n    return %1\n}\n",
                           NULL);
    unsigned char data[2] = {7, 7};
    kernel_vector(&k, data, 2, 1);
    cr_assert_eq(kernel_call(&k), 0);
    cr_expect(k.results[0] == 1 && data[1] == 0);
    kernel_free(&k);
}

Test(array, a_new_array_is_the_callers_to_release) {
    int64_t before = blocks_alive();
    kernel k = kernel_make("fn entry @f(%n.0: int64) -> (array(float64, 2d, C)) {\n"
                           "    %1: array(float64, 2d, C) = zeros(%n.0, 3):array(float64, 2d, C)\n"
                           "    %1[1, 2] = 5.0\n    return %1\n}\n",
                           NULL);
    kernel_int(&k, 2);
    cr_assert_eq(kernel_call(&k), 0);
    const double *data = (const double *)(intptr_t)k.results[0];
    cr_expect(data[5] == 5 && data[0] == 0 && k.results[2] == 2 && k.results[3] == 3);
    cr_expect(k.results[4] == 24 && k.results[5] == 8);
    cr_expect_eq(blocks_alive(), before + 1);
    plrt_release((void *)(intptr_t)k.results[1]);
    cr_expect_eq(blocks_alive(), before);
    kernel_free(&k);
}

/* A parameter that is swapped with a new array in a loop, with an exception after some rounds. */
static const char swapping[] =
    "site 1 exception=\"ValueError\"\n\n"
    "fn entry @f(%a.0: array(float64, 1d, C), %n.1: int64) -> (array(float64, 1d, C)) {\n"
    "    var %b.2: array(float64, 1d, C)\n    var %t.3: array(float64, 1d, C)\n    var %i.4: int64\n"
    "    %b.2 = zeros(dim(%a.0, 0)):array(float64, 1d, C)\n"
    "    for %i.4 in [0, %n.1, 1) range {\n        check (%i.4 < 5) raise 1\n"
    "        %t.3 = alloc(dim(%a.0, 0)):array(float64, 1d, C)\n        %5: float64 = %a.0[0]\n"
    "        %t.3[0] = (%5 + 1.0)\n        %b.2 = %a.0\n        %a.0 = %t.3\n    }\n    return %a.0\n}\n";

Test(array, owned_arrays_are_released_on_every_path) {
    int64_t before = blocks_alive();
    double data[2] = {10, 0};
    kernel k = kernel_make(swapping, NULL);
    for (int64_t n = 0; n < 8; n++) {
        kernel_vector(&k, data, 2, 8);
        kernel_int(&k, n);
        int32_t status = kernel_call(&k);
        cr_assert_eq(status, n > 5);
        if (status == 0) {
            cr_expect_eq(*(double *)(intptr_t)k.results[0], 10.0 + (double)n);
            plrt_release((void *)(intptr_t)k.results[1]);
        }
        cr_expect_eq(blocks_alive(), before, "n = %lld leaves %lld", (long long)n, (long long)blocks_alive());
    }
    kernel_free(&k);
}

Test(array, results_of_calls_are_owned_once) {
    int64_t before = blocks_alive();
    kernel k = kernel_make(
        "fn entry @f(%n.0: int64) -> (float64) {\n    var %s.1: float64\n    var %i.2: int64\n    %s.1 = 0.0\n"
        "    for %i.2 in [0, %n.0, 1) range {\n        %3: array(float64, 1d, C) = call @make(%i.2)\n"
        "        %4: float64 = %3[0]\n        %s.1 = (%s.1 + %4)\n    }\n    return %s.1\n}\n\n"
        "fn callee @make(%x.0: int64) -> (array(float64, 1d, C)) no_inline {\n"
        "    %1: array(float64, 1d, C) = alloc(4):array(float64, 1d, C)\n    %1[0] = float64(%x.0)\n    return %1\n}\n",
        NULL);
    kernel_int(&k, 10);
    cr_assert_eq(kernel_call(&k), 0);
    cr_expect_eq(kernel_result(&k, 0), 45);
    cr_expect_eq(blocks_alive(), before);
    kernel_free(&k);
}

Test(array, sizes_that_do_not_fit_are_memory_errors) {
    kernel k = kernel_make("fn entry @f(%n.0: int64) -> (array(float64, 3d, C)) {\n"
                           "    %1: array(float64, 3d, C) = alloc(%n.0, %n.0, %n.0):array(float64, 3d, C)\n"
                           "    return %1\n}\n",
                           NULL);
    kernel_int(&k, 1ll << 40);
    cr_assert_eq(kernel_call(&k), 1);
    cr_expect_eq(k.err.site, PLRT_SITE_MEMORY);
    kernel_free(&k);
}

Test(array, constants_are_part_of_the_object) {
    kernel k = kernel_make("global 0: readonly array(int16, 2d, C) shape=(1, 2) data=\"0100ffff\"\n\n"
                           "fn entry @f(%i.0: int64) -> (int16, readonly array(int16, 2d, C)) {\n"
                           "    %1: readonly array(int16, 2d, C) = global(0)\n    %2: int16 = %1[0, %i.0]\n"
                           "    return %2, %1\n}\n",
                           NULL);
    kernel_int(&k, 1);
    cr_assert_eq(kernel_call(&k), 0);
    cr_expect(k.results[0] == -1 && k.results[3] == 1 && k.results[4] == 2);
    kernel_free(&k);
}

Test(array, overlap_is_judged_by_bytes) {
    kernel k = kernel_make("fn entry @f(%a.0: array(float64, 1d, A), %b.1: array(float64, 1d, A)) -> (bool) {\n"
                           "    %2: bool = overlap(%a.0, %b.1)\n    return %2\n}\n",
                           NULL);
    double data[8];
    kernel_vector(&k, data, 4, 8);
    kernel_vector(&k, data + 4, 4, 8);
    cr_assert_eq(kernel_call(&k), 0);
    cr_expect_eq(k.results[0], 0);
    kernel_vector(&k, data, 5, 8);
    kernel_vector(&k, data + 7, 4, -8);
    cr_assert_eq(kernel_call(&k), 0);
    cr_expect_eq(k.results[0], 1);
    kernel_free(&k);
}
