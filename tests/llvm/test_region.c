#include "kernel.h"

#include <criterion/criterion.h>

static const char summing[] =
    "options parallel par_prange opt=3\n\n"
    "fn entry @f(%x.0: array(float64, 1d, C), %scale.1: float64) -> (float64, float64, int64) {\n"
    "    var %s.2: float64\n    var %m.3: float64\n    var %last.4: int64\n    %s.2 = 100.0\n    %m.3 = -1.0\n"
    "    %last.4 = -5\n"
    "    %s.2, %m.3, %last.4 = region @f.r(%x.0, %scale.1) over dim(%x.0, 0)\n    return %s.2, %m.3, %last.4\n}\n\n"
    "fn region @f.r(%x.0: array(float64, 1d, C) borrowed, %scale.1: float64) -> () over(%begin.2: int64, %end.3: int64)"
    " grain=64 {\n    var %s.4: float64\n    var %m.5: float64\n    var %last.6: int64\n    var %set.7: bool\n"
    "    partial add %s.4\n    partial npmax %m.5\n    last %last.6 if %set.7\n"
    "    for %i.8: int64 in [%begin.2, %end.3, 1) prange vector region_loop {\n        %9: float64 = %x.0[%i.8]\n"
    "        %s.4 = (%s.4 + (%9 * %scale.1))\n        %m.5 = npmax(%m.5, %9)\n        if (%9 < 0.5) {\n"
    "            %last.6 = %i.8\n            %set.7 = true\n        }\n    } reductions(add %s.4, npmax %m.5)\n"
    "    return\n}\n";

enum { N = 100003 };
static double numbers[N];

static void fill_numbers(void) {
    uint32_t state = 1;
    for (int i = 0; i < N; i++) {
        state = state * 1664525u + 1013904223u;
        numbers[i] = (double)state / 4294967296.0;
    }
}

Test(region, results_have_the_same_bits_for_any_number_of_threads) {
    fill_numbers();
    kernel k = kernel_make(summing, NULL);
    int64_t first[3] = {0, 0, 0};
    int32_t most = plrt_max_threads();
    for (int32_t threads = 1; threads <= most; threads++) {
        plrt_set_num_threads(threads);
        kernel_vector(&k, numbers, N, 8);
        kernel_float(&k, 2.0);
        cr_assert_eq(kernel_call(&k), 0);
        for (int r = 0; r < 3; r++) {
            cr_expect(threads == 1 || k.results[r] == first[r]);
            first[r] = k.results[r];
        }
    }
    double sum = 100, largest = -1;
    int64_t last = -5;
    for (int i = 0; i < N; i++) {
        sum += numbers[i] * 2.0;
        largest = numbers[i] > largest ? numbers[i] : largest;
        last = numbers[i] < 0.5 ? i : last;
    }
    cr_expect_float_eq(slot_float(first[0]), sum, 1e-6);
    cr_expect_eq(slot_float(first[1]), largest);
    cr_expect_eq(first[2], last);
    kernel_free(&k);
}

Test(region, no_iterations_leave_the_variables_alone) {
    kernel k = kernel_make(summing, NULL);
    kernel_vector(&k, numbers, 0, 8);
    kernel_float(&k, 2.0);
    cr_assert_eq(kernel_call(&k), 0);
    cr_expect(kernel_result(&k, 0) == 100 && kernel_result(&k, 1) == -1 && k.results[2] == -5);
    kernel_free(&k);
}

Test(region, shuffled_blocks_give_the_same_bits) {
    fill_numbers();
    kernel k = kernel_make(summing, NULL);
    int64_t want = 0;
    for (uint64_t seed = 0; seed < 4; seed++) {
        plrt_set_shuffle(seed);
        kernel_vector(&k, numbers, N, 8);
        kernel_float(&k, 3.0);
        cr_assert_eq(kernel_call(&k), 0);
        cr_expect(seed == 0 || k.results[0] == want);
        want = k.results[0];
    }
    plrt_set_shuffle(0);
    kernel_free(&k);
}

static const char failing[] =
    "options parallel par_prange opt=3\nsite 1 exception=\"ValueError\" types=(int64)\n\n"
    "fn entry @f(%x.0: array(float64, 1d, C)) -> () {\n    region @f.r(%x.0) over dim(%x.0, 0)\n    return\n}\n\n"
    "fn region @f.r(%x.0: array(float64, 1d, C) borrowed) -> () over(%begin.1: int64, %end.2: int64) {\n"
    "    for %i.3: int64 in [%begin.1, %end.2, 1) prange region_loop {\n        %4: float64 = %x.0[%i.3]\n"
    "        check (%4 < 0.999) raise 1(%i.3)\n        %x.0[%i.3] = 0.0\n    }\n    return\n}\n";

Test(region, the_lowest_failing_iteration_is_reported) {
    fill_numbers();
    int64_t want = 0;
    while (numbers[want] < 0.999)
        want++;
    kernel k = kernel_make(failing, NULL);
    kernel_vector(&k, numbers, N, 8);
    cr_assert_eq(kernel_call(&k), 1);
    cr_expect(k.err.site == 1 && k.err.iteration == want && k.err.args[0] == want);
    for (int64_t i = 0; i < want; i++)
        cr_assert_eq(numbers[i], 0.0);
    kernel_free(&k);
}

Test(region, recursion_inside_is_bounded_by_each_threads_own_stack) {
    kernel k =
        kernel_make("options parallel par_prange opt=3\n\n"
                    "fn entry @f(%x.0: array(int64, 1d, C)) -> () {\n"
                    "    region @f.r(%x.0) over dim(%x.0, 0)\n    return\n}\n\n"
                    "fn region @f.r(%x.0: array(int64, 1d, C) borrowed) -> () over(%begin.1: int64, %end.2: int64)"
                    " {\n    for %i.3: int64 in [%begin.1, %end.2, 1) prange region_loop {\n"
                    "        %4: int64 = call @fib(12)\n        %x.0[%i.3] = %4\n    }\n    return\n}\n\n"
                    "fn callee @fib(%n.0: int64) -> (int64) recursive {\n    if (%n.0 < 2) {\n"
                    "        return %n.0\n    }\n    %1: int64 = call @fib((%n.0 - 1))\n"
                    "    %2: int64 = call @fib((%n.0 - 2))\n    return (%1 + %2)\n}\n",
                    NULL);
    static int64_t x[1000];
    plrt_set_num_threads(plrt_max_threads());
    kernel_vector(&k, x, 1000, 8);
    cr_assert_eq(kernel_call(&k), 0);
    for (int i = 0; i < 1000; i++)
        cr_assert_eq(x[i], 144);
    kernel_free(&k);
}
