#include "kernel.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct int_case {
    const char *expression;
    int64_t a, b, want;
} int_case;

static void check_ints(const char *t, const int_case *cases, size_t n) {
    for (size_t i = 0; i < n; i++) {
        int64_t got = kernel_eval(t, t, cases[i].expression, cases[i].a, cases[i].b);
        cr_expect_eq(got, cases[i].want, "%s: %s of %lld, %lld is %lld, want %lld", t, cases[i].expression,
                     (long long)cases[i].a, (long long)cases[i].b, (long long)got, (long long)cases[i].want);
    }
}

Test(scalar, int64_divides_as_python_and_never_traps) {
    static const int_case cases[] = {
        {"(%a.0 // %b.1)", 7, 2, 3},
        {"(%a.0 // %b.1)", -7, 2, -4},
        {"(%a.0 // %b.1)", 7, -2, -4},
        {"(%a.0 // %b.1)", -7, -2, 3},
        {"(%a.0 // %b.1)", -8, 2, -4},
        {"(%a.0 // %b.1)", INT64_MIN, -1, INT64_MIN},
        {"(%a.0 % %b.1)", 7, -2, -1},
        {"(%a.0 % %b.1)", -7, 2, 1},
        {"(%a.0 % %b.1)", INT64_MIN, -1, 0},
        {"truncdiv(%a.0, %b.1)", -7, 2, -3},
        {"truncmod(%a.0, %b.1)", -7, 2, -1},
        {"(%a.0 // 4)", -7, 0, -2},
        {"(%a.0 % 4)", -7, 0, 1},
        {"select((%b.1 != 0), (%a.0 // %b.1), 5)", 1, 0, 5},
    };
    check_ints("int64", cases, sizeof cases / sizeof cases[0]);
}

Test(scalar, integers_wrap_and_shifts_are_total) {
    static const int_case wide[] = {
        {"(%a.0 + %b.1)", INT64_MAX, 1, INT64_MIN},
        {"(%a.0 << %b.1)", 1, 64, 0},
        {"(%a.0 << %b.1)", 1, 62, 1ll << 62},
        {"(%a.0 >> %b.1)", -5, 1, -3},
        {"(%a.0 >> %b.1)", -5, 99, -1},
        {"(%a.0 >> %b.1)", 5, 64, 0},
        {"abs(%a.0)", INT64_MIN, 0, INT64_MIN},
        {"(%a.0 ** %b.1)", 3, 40, -6289078614652622815},
        {"min(%a.0, %b.1)", -1, 1, -1},
        {"gcd(%a.0, %b.1)", -12, 18, 6},
    };
    static const int_case narrow[] = {
        {"(%a.0 + %b.1)", 127, 1, -128}, {"(%a.0 // %b.1)", -128, -1, -128}, {"(%a.0 * %b.1)", 100, 3, 44}};
    static const int_case bytes[] = {
        {"(%a.0 - %b.1)", 0, 1, 255}, {"(%a.0 // %b.1)", 255, 2, 127}, {"max(%a.0, %b.1)", 200, 100, 200}};
    check_ints("int64", wide, sizeof wide / sizeof wide[0]);
    check_ints("int8", narrow, sizeof narrow / sizeof narrow[0]);
    check_ints("uint8", bytes, sizeof bytes / sizeof bytes[0]);
}

static double eval_float(const char *expression, double a, double b) {
    return slot_float(kernel_eval("float64", "float64", expression, float_slot(a), float_slot(b)));
}

Test(scalar, minima_follow_python_and_numpy_at_nan) {
    cr_expect_eq(eval_float("min(%a.0, %b.1)", 1, NAN), 1);
    cr_expect(isnan(eval_float("min(%a.0, %b.1)", NAN, 1)));
    cr_expect_eq(eval_float("max(%a.0, %b.1)", 2, NAN), 2);
    cr_expect(isnan(eval_float("npmin(%a.0, %b.1)", 1, NAN)));
    cr_expect(isnan(eval_float("npmax(%a.0, %b.1)", NAN, 1)));
    cr_expect_eq(eval_float("fmin(%a.0, %b.1)", NAN, 1), 1);
    cr_expect_eq(eval_float("npmax(%a.0, %b.1)", 3, 4), 4);
}

Test(scalar, floats_divide_as_python) {
    cr_expect_eq(eval_float("(%a.0 // %b.1)", -7.5, 2), -4);
    cr_expect_eq(eval_float("(%a.0 % %b.1)", -7.5, 2), 0.5);
    cr_expect_eq(eval_float("(%a.0 ** %b.1)", 2, 10), 1024);
    cr_expect_eq(eval_float("truncmod(%a.0, %b.1)", -7.5, 2), -1.5);
    cr_expect_eq(eval_float("spacing(%a.0)", 1, 0), 0x1p-52);
    cr_expect_eq(eval_float("round_digits(%a.0, 1)", 2.25, 0), 2.2);
}

static int64_t cast_float(const char *to, double x) {
    char expression[40];
    snprintf(expression, sizeof expression, "%s(%%a.0)", to);
    return kernel_eval("float64", to, expression, float_slot(x), 0);
}

Test(scalar, casts_truncate_saturate_and_wrap_as_numpy) {
    cr_expect_eq(cast_float("int64", -1.9), -1);
    cr_expect_eq(cast_float("int64", 1e300), INT64_MAX);
    cr_expect_eq(cast_float("int64", NAN), 0);
    cr_expect_eq(cast_float("uint8", 257.0), 1);
    cr_expect_eq(cast_float("int8", -129.0), 127);
    cr_expect_eq(cast_float("uint64", -1.0), -1);
    cr_expect_eq(cast_float("uint64", 18446744073709549568.0), -2048);
    cr_expect_eq(cast_float("bool", NAN), 1);
    cr_expect_eq(kernel_eval("int64", "int8", "int8(%a.0)", 300, 0), 44);
    cr_expect_eq(kernel_eval("int64", "bool", "bool(%a.0)", 256, 0), 1);
}

Test(scalar, comparisons_with_nan_are_false_but_for_unequal) {
    int64_t x = float_slot(NAN);
    cr_expect_eq(kernel_eval("float64", "bool", "(%a.0 == %b.1)", x, x), 0);
    cr_expect_eq(kernel_eval("float64", "bool", "(%a.0 != %b.1)", x, x), 1);
    cr_expect_eq(kernel_eval("float64", "bool", "(%a.0 < %b.1)", x, x), 0);
    cr_expect_eq(kernel_eval("float64", "bool", "isnan(%a.0)", x, x), 1);
    cr_expect_eq(kernel_eval("float64", "bool", "isinf(%a.0)", float_slot(-INFINITY), x), 1);
    cr_expect_eq(kernel_eval("float64", "bool", "isfinite(%a.0)", x, x), 0);
}

static void check_complex(const char *expression, double re, double im) {
    char kir[600];
    snprintf(kir, sizeof kir,
             "fn entry @f(%%a.0: complex128, %%b.1: complex128) -> (complex128) {\n    %%2: complex128 = %s\n"
             "    return %%2\n}\n",
             expression);
    kernel k = kernel_make(kir, NULL);
    kernel_float(&k, 1);
    kernel_float(&k, 2);
    kernel_float(&k, 3);
    kernel_float(&k, -4);
    cr_assert_eq(kernel_call(&k), 0);
    cr_expect_float_eq(kernel_result(&k, 0), re, 1e-12, "%s: %g", expression, kernel_result(&k, 0));
    cr_expect_float_eq(kernel_result(&k, 1), im, 1e-12, "%s: %g", expression, kernel_result(&k, 1));
    kernel_free(&k);
}

Test(scalar, complex_arithmetic) {
    check_complex("(%a.0 + %b.1)", 4, -2);
    check_complex("(%a.0 * %b.1)", 11, 2);
    check_complex("(%a.0 / %b.1)", -0.2, 0.4);
    check_complex("conj(neg(%a.0))", -1, 2);
}

Test(scalar, complex64_travels_in_one_slot) {
    kernel k = kernel_make("fn entry @f(%a.0: complex64) -> (complex64) {\n"
                           "    %1: complex64 = (%a.0 * %a.0)\n    return %1\n}\n",
                           NULL);
    float in[2] = {3, 4}, out[2];
    memcpy(&k.args[0], in, 8);
    cr_assert_eq(kernel_call(&k), 0);
    memcpy(out, &k.results[0], 8);
    cr_expect(out[0] == -7 && out[1] == 24);
    kernel_free(&k);
}
