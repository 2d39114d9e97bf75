#include "kernel.h"

#include <criterion/criterion.h>
#include <stdio.h>

/* Trips and last value of range(lo, hi, step) as Python counts them. */
static uint64_t count_trips(int64_t lo, int64_t hi, int64_t step, int64_t *last) {
    __int128 n = 0;
    if (step > 0 && lo < hi)
        n = ((__int128)hi - lo - 1) / step + 1;
    if (step < 0 && lo > hi)
        n = ((__int128)lo - hi - 1) / -(__int128)step + 1;
    *last = n ? (int64_t)(lo + (n - 1) * (__int128)step) : 77;
    return (uint64_t)n;
}

static const int64_t corners[][3] = {
    {0, 10, 1},
    {0, 10, 3},
    {10, 0, -1},
    {10, 0, -3},
    {5, 5, 1},
    {6, 5, 1},
    {5, 6, -1},
    {-3, 4, 2},
    {INT64_MAX - 2, INT64_MAX, 1},
    {INT64_MIN, INT64_MIN + 3, 1},
    {INT64_MIN, INT64_MAX, INT64_MAX},
    {INT64_MAX, INT64_MIN, INT64_MIN},
    {INT64_MIN, INT64_MAX, 1ll << 62},
    {INT64_MAX - 5, INT64_MAX, 3},
    {INT64_MIN + 5, INT64_MIN, -3},
};

static void check_range(kernel *k, const int64_t *c, bool has_step) {
    int64_t last;
    uint64_t n = count_trips(c[0], c[1], c[2], &last);
    kernel_int(k, c[0]);
    kernel_int(k, c[1]);
    if (has_step)
        kernel_int(k, c[2]);
    cr_assert_eq(kernel_call(k), 0);
    cr_expect_eq((uint64_t)k->results[0], n, "range(%lld, %lld, %lld): %llu trips", (long long)c[0], (long long)c[1],
                 (long long)c[2], (unsigned long long)k->results[0]);
    cr_expect_eq(k->results[1], last);
}

Test(control, ranges_with_run_time_steps_match_python) {
    kernel k = kernel_make("fn entry @f(%lo.0: int64, %hi.1: int64, %step.2: int64) -> (int64, int64) {\n"
                           "    var %n.3: int64\n    var %i.4: int64\n    %n.3 = 0\n    %i.4 = 77\n"
                           "    for %i.4 in [%lo.0, %hi.1, %step.2) range {\n        %n.3 = (%n.3 + 1)\n    }\n"
                           "    return %n.3, %i.4\n}\n",
                           NULL);
    for (size_t i = 0; i < sizeof corners / sizeof corners[0]; i++)
        check_range(&k, corners[i], true);
    kernel_free(&k);
}

Test(control, ranges_with_constant_steps_match_python) {
    static const int64_t steps[] = {1, -1, 3, -3, INT64_MIN, INT64_MAX};
    for (size_t s = 0; s < sizeof steps / sizeof steps[0]; s++) {
        char kir[500];
        snprintf(kir, sizeof kir,
                 "fn entry @f(%%lo.0: int64, %%hi.1: int64) -> (int64, int64) {\n    var %%n.2: int64\n"
                 "    var %%i.3: int64\n    %%n.2 = 0\n    %%i.3 = 77\n"
                 "    for %%i.3 in [%%lo.0, %%hi.1, %lld) range {\n        %%n.2 = (%%n.2 + 1)\n    }\n"
                 "    return %%n.2, %%i.3\n}\n",
                 (long long)steps[s]);
        kernel k = kernel_make(kir, NULL);
        for (size_t i = 0; i < sizeof corners / sizeof corners[0]; i++)
            if (corners[i][2] == steps[s])
                check_range(&k, corners[i], false);
        kernel_free(&k);
    }
}

Test(control, the_body_may_assign_the_loop_variable) {
    kernel k = kernel_make("fn entry @f(%n.0: int64) -> (int64, int64) {\n    var %s.1: int64\n    var %i.2: int64\n"
                           "    %s.1 = 0\n    for %i.2 in [0, %n.0, 1) range {\n        %s.1 = (%s.1 + %i.2)\n"
                           "        %i.2 = 100\n    }\n    return %s.1, %i.2\n}\n",
                           NULL);
    kernel_int(&k, 5);
    cr_assert_eq(kernel_call(&k), 0);
    cr_expect(k.results[0] == 10 && k.results[1] == 100);
    kernel_free(&k);
}

Test(control, break_and_continue_reach_the_loop_they_name) {
    kernel k = kernel_make("fn entry @f(%n.0: int64) -> (int64) {\n    var %s.1: int64\n    var %i.2: int64\n"
                           "    var %j.3: int64\n    %s.1 = 0\n    L1: for %i.2 in [0, %n.0, 1) range {\n"
                           "        for %j.3 in [0, 10, 1) range {\n            if (%j.3 == %i.2) {\n"
                           "                continue L1\n            }\n            if (%i.2 == 6) {\n"
                           "                break L1\n            }\n            %s.1 = (%s.1 + 1)\n        }\n    }\n"
                           "    return %s.1\n}\n",
                           NULL);
    kernel_int(&k, 100);
    cr_assert_eq(kernel_call(&k), 0);
    cr_expect_eq(k.results[0], 0 + 1 + 2 + 3 + 4 + 5);
    kernel_free(&k);
}

Test(control, endless_loops_and_blocks_are_left_by_break) {
    kernel k = kernel_make("fn entry @f(%n.0: int64) -> (int64) {\n    var %i.1: int64\n    %i.1 = 0\n"
                           "    L1: block {\n        L2: loop {\n            %i.1 = (%i.1 + 1)\n"
                           "            if (%i.1 < 3) {\n                continue L2\n            }\n"
                           "            if (%i.1 > %n.0) {\n                break L2\n            }\n"
                           "            if (%i.1 == 50) {\n                break L1\n            }\n        }\n"
                           "        %i.1 = -1\n    }\n    return %i.1\n}\n",
                           NULL);
    kernel_int(&k, 10);
    cr_assert_eq(kernel_call(&k), 0);
    cr_expect_eq(k.results[0], -1);
    kernel_int(&k, 100);
    cr_assert_eq(kernel_call(&k), 0);
    cr_expect_eq(k.results[0], 50);
    kernel_free(&k);
}

static const char checked[] = "site 1 exception=\"ValueError\"\n"
                              "site 2 exception=\"IndexError\" message=\"%d %g %b\" types=(int64, float64, bool)\n\n"
                              "fn entry @f(%a.0: int64, %x.1: float64) -> (int64) {\n"
                              "    check (%a.0 < 10) raise 2(%a.0, %x.1, (%x.1 > 0.0))\n"
                              "    if (%a.0 < 0) {\n        raise 1\n    }\n    return %a.0\n}\n";

Test(control, a_failed_check_fills_the_error) {
    kernel k = kernel_make(checked, NULL);
    kernel_int(&k, 12);
    kernel_float(&k, 1.5);
    cr_assert_eq(kernel_call(&k), 1);
    cr_expect(k.err.site == 2 && k.err.nargs == 3 && k.err.args[0] == 12 && k.err.args[2] == 1);
    cr_expect_eq(slot_float(k.err.args[1]), 1.5);
    kernel_int(&k, -1);
    kernel_float(&k, 1.5);
    cr_assert_eq(kernel_call(&k), 1);
    cr_expect(k.err.site == 1 && k.err.nargs == 0);
    kernel_int(&k, 3);
    kernel_float(&k, 1.5);
    cr_assert_eq(kernel_call(&k), 0);
    cr_expect_eq(k.results[0], 3);
    kernel_free(&k);
}

static const char fibonacci[] =
    "fn entry @f(%n.0: int64) -> (int64) {\n    %1: int64 = call @fib(%n.0)\n    return %1\n}\n\n"
    "fn callee @fib(%n.0: int64) -> (int64) recursive {\n    if (%n.0 < 2) {\n        return %n.0\n    }\n"
    "    %1: int64 = call @fib((%n.0 - 1))\n    %2: int64 = call @fib((%n.0 - 2))\n    return (%1 + %2)\n}\n";

Test(control, functions_call_themselves) {
    kernel k = kernel_make(fibonacci, NULL);
    kernel_int(&k, 20);
    cr_assert_eq(kernel_call(&k), 0);
    cr_expect_eq(k.results[0], 6765);
    kernel_free(&k);
}

Test(control, endless_recursion_is_an_error) {
    kernel k = kernel_make("fn entry @f(%n.0: int64) -> (int64) {\n    %1: int64 = call @g(%n.0)\n    return %1\n}\n\n"
                           "fn callee @g(%n.0: int64) -> (int64) recursive {\n    %1: int64 = call @g((%n.0 + 1))\n"
                           "    return (%1 * 2)\n}\n",
                           NULL);
    kernel_int(&k, 1);
    cr_assert_eq(kernel_call(&k), 1);
    cr_expect_eq(k.err.site, PLRT_SITE_RECURSION);
    kernel_free(&k);
}
