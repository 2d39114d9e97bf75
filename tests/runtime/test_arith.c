/* Arithmetic: values taken from CPython and NumPy. */
#include <criterion/criterion.h>
#include <math.h>

#include "plait/runtime.h"

static void expect_same(double got, double want) {
    cr_assert((isnan(got) && isnan(want)) || (got == want && signbit(got) == signbit(want)), "%.17g is not %.17g", got,
              want);
}

Test(arith, integer_powers_wrap) {
    cr_assert_eq(plrt_pow_i64(3, 4), 81);
    cr_assert_eq(plrt_pow_i64(-2, 63), INT64_MIN);
    cr_assert_eq(plrt_pow_i64(2, 64), 0);
    cr_assert_eq(plrt_pow_i64(0, 0), 1);
    cr_assert_eq(plrt_pow_i64(7, -1), 0);
    cr_assert_eq(plrt_pow_i64(1, -5), 1);
    cr_assert_eq(plrt_pow_i64(-1, -5), -1);
    cr_assert_eq(plrt_pow_i64(-1, INT64_MIN), 1);
    cr_assert_eq(plrt_pow_u64(3, 41), 18026252303461234787u);
}

Test(arith, modulo_has_the_sign_of_the_divisor) {
    expect_same(plrt_fmod_floor(5.5, 2.0), 1.5);
    expect_same(plrt_fmod_floor(-5.5, 2.0), 0.5);
    expect_same(plrt_fmod_floor(5.5, -2.0), -0.5);
    expect_same(plrt_fmod_floor(-4.0, 2.0), 0.0);
    expect_same(plrt_fmod_floor(4.0, -2.0), -0.0);
    expect_same(plrt_fmod_floor(-1e-20, 1.0), 1.0);
    expect_same(plrt_fmod_floor(1.0, INFINITY), 1.0);
    expect_same(plrt_fmod_floor(-1.0, INFINITY), INFINITY);
    cr_assert_eq(plrt_fmod_floor_f32(-5.5f, 2.0f), 0.5f);
}

Test(arith, floor_division_as_python) {
    expect_same(plrt_floordiv(5.5, 2.0), 2.0);
    expect_same(plrt_floordiv(-5.5, 2.0), -3.0);
    expect_same(plrt_floordiv(1.0, 0.1), 9.0);
    expect_same(plrt_floordiv(-0.0, 3.0), -0.0);
    expect_same(plrt_floordiv(-1e-20, 1.0), -1.0);
    expect_same(plrt_floordiv(1.0, 0.0), INFINITY);
    expect_same(plrt_floordiv(0.0, 0.0), NAN);
    cr_assert_eq(plrt_floordiv_f32(-7.0f, 2.0f), -4.0f);
}

Test(arith, round_is_exact_and_half_even) {
    expect_same(plrt_round_digits(2.675, 2), 2.67);
    expect_same(plrt_round_digits(0.125, 2), 0.12);
    expect_same(plrt_round_digits(-0.5, 0), -0.0);
    expect_same(plrt_round_digits(2.5, 0), 2.0);
    expect_same(plrt_round_digits(1234.5, -2), 1200.0);
    expect_same(plrt_round_digits(1250.0, -2), 1200.0);
    expect_same(plrt_round_digits(1350.0, -2), 1400.0);
    expect_same(plrt_round_digits(1250.5, -2), 1300.0);
    expect_same(plrt_round_digits(99.0, -2), 100.0);
    expect_same(plrt_round_digits(5.0, -1), 0.0);
    expect_same(plrt_round_digits(-15.0, -1), -20.0);
    expect_same(plrt_round_digits(60.0, -2), 100.0);
    expect_same(plrt_round_digits(1e300, -308), 0.0);
    expect_same(plrt_round_digits(1e22, -400), 0.0);
    expect_same(plrt_round_digits(1.5, 400), 1.5);
    expect_same(plrt_round_digits(5e-324, 323), 0.0);
    expect_same(plrt_round_digits(NAN, 2), NAN);
}

Test(arith, numpy_rounds_by_scaling) {
    expect_same(plrt_np_round(2.675, 2), 2.68);
    expect_same(plrt_np_round(1250.0, -2), 1200.0);
    expect_same(plrt_np_round(-0.4, 0), -0.0);
}

static void expect_complex(const double *got, double re, double im) {
    expect_same(got[0], re);
    expect_same(got[1], im);
}

Test(arith, complex_functions_as_cmath) {
    double r[2];
    plrt_cmath1(PLRT_CSQRT, -4.0, 0.0, r);
    expect_complex(r, 0.0, 2.0);
    plrt_cmath1(PLRT_CSQRT, -4.0, -0.0, r);
    expect_complex(r, 0.0, -2.0);
    plrt_cmath1(PLRT_CEXP, 0.0, 0.0, r);
    expect_complex(r, 1.0, 0.0);
    plrt_cmath1(PLRT_CLOG10, 100.0, 0.0, r);
    expect_complex(r, 2.0, 0.0);
}

Test(arith, complex_power_and_division_as_python) {
    double r[2];
    plrt_cpow(1.0, 2.0, 3.0, 0.0, r);
    expect_complex(r, -11.0, -2.0);
    plrt_cpow(1.0, 2.0, 0.0, 0.0, r);
    expect_complex(r, 1.0, 0.0);
    plrt_cpow(0.0, 0.0, 0.5, 0.0, r);
    expect_complex(r, 0.0, 0.0);
    plrt_cdiv(1.0, 2.0, 3.0, 4.0, r);
    expect_complex(r, 0.44, 0.08);
    plrt_cdiv(1.0, 2.0, -3.0, 0.5, r);
    expect_complex(r, -0.21621621621621623, -0.7027027027027026);
}
