/* print(): numbers as CPython's repr, arrays as NumPy's str. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "runtime/rt.h"

static char printed[8192];

static void collect(const char *text, size_t len) {
    strncat(printed, text, len);
}

static void start(void) {
    static const plrt_hooks hooks = {collect, NULL, NULL, NULL};
    plrt_set_hooks(&hooks);
}

TestSuite(print, .init = start);

static void expect(const char *text) {
    plrt_print_end();
    cr_assert_str_eq(printed, text);
    printed[0] = '\0';
}

static void expect_float(double x, const char *text) {
    plrt_print_float(x);
    expect(text);
}

Test(print, floats_as_repr) {
    expect_float(0.1, "0.1");
    expect_float(1.0, "1.0");
    expect_float(-0.0, "-0.0");
    expect_float(1e16, "1e+16");
    expect_float(123456789012345680.0, "1.2345678901234568e+17");
    expect_float(1234567890123456.0, "1234567890123456.0");
    expect_float(0.0001, "0.0001");
    expect_float(0.00001, "1e-05");
    expect_float(1e100, "1e+100");
    expect_float(5e-324, "5e-324");
    expect_float(M_PI, "3.141592653589793");
    expect_float(-INFINITY, "-inf");
    expect_float(NAN, "nan");
}

Test(print, float32_needs_fewer_digits) {
    plrt_print_float32(0.1f);
    expect("0.1");
    plrt_print_float32(16777216.0f);
    expect("16777216.0");
}

Test(print, complex_as_repr) {
    plrt_print_complex(1.0, -2.5);
    expect("(1-2.5j)");
    plrt_print_complex(0.0, 2.0);
    expect("2j");
    plrt_print_complex(-0.0, NAN);
    expect("(-0+nanj)");
}

Test(print, pieces_come_out_as_one_text) {
    plrt_print_int(INT64_MIN);
    plrt_print_text(" ", 1);
    plrt_print_uint(UINT64_MAX);
    plrt_print_text(" ", 1);
    plrt_print_bool(1);
    plrt_print_text("\n", 1);
    expect("-9223372036854775808 18446744073709551615 True\n");
}

typedef struct array_2d {
    void *data, *owner;
    int64_t dims[4];
} array_2d;

Test(print, arrays_as_numpy) {
    int64_t ints[] = {1, -2, 30, 4, 5, 6};
    array_2d a = {ints, NULL, {2, 3, 24, 8}};
    plrt_print_array((plrt_array *)&a, 2, 'l');
    expect("[[ 1 -2 30]\n [ 4  5  6]]");
    double floats[] = {1.0, 2.5, -3.0};
    array_2d f = {floats, NULL, {3, 8, 0, 0}};
    plrt_print_array((plrt_array *)&f, 1, 'd');
    expect("[ 1.   2.5 -3. ]");
    f.dims[0] = 0;
    plrt_print_array((plrt_array *)&f, 1, 'd');
    expect("[]");
}
