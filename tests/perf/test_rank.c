/* Rank tests against figures that were worked out by hand or are in every table of them; tests/python/test_perf.py holds
 * them to SciPy's. */
#include "perf/perf.h"

#include <criterion/criterion.h>
#include <math.h>

static void expect(double got, double want) {
    cr_assert(fabs(got - want) < 1e-12, "%.17g, not %.17g", got, want);
}

Test(rank, medians) {
    double odd[] = {3, 1, 2}, even[] = {4, 1, 3, 2};
    expect(rank_median(odd, 3), 2);
    expect(rank_median(even, 4), 2.5);
    cr_assert(isnan(rank_median(odd, 0)));
}

Test(rank, interval_of_a_median_leaves_out_what_a_coin_allows) {
    double x[20];
    for (int i = 0; i < 20; i++)
        x[i] = (i * 7) % 20;
    perf_interval found = rank_median_interval(x, 20, 0.95); /* 20 throws: 5 or fewer heads in 2.07 %, 6 in 5.8 % */
    expect(found.low, 5);
    expect(found.high, 14);
    expect(found.middle, 9.5);
}

Test(rank, few_numbers_have_no_interval) {
    double x[] = {1, 2, 3, 4, 5};
    perf_interval found = rank_median_interval(x, 5, 0.95);
    cr_assert(isinf(found.low) && isinf(found.high));
    found = rank_signed_interval(x, 5, 0.95);
    cr_assert(isinf(found.low) && isinf(found.high));
    found = rank_sum_interval(x, 3, x, 3, 0.95);
    cr_assert(isinf(found.low) && isinf(found.high));
    cr_assert(isinf(rank_sum_interval(x, 0, x, 3, 0.95).high));
}

Test(rank, signed_ranks) {
    double all[] = {1, 2, 3, 4, 5}, mixed[] = {1, -2, 3, 4, 5}, none[] = {-1, -2, -3};
    expect(rank_signed_p(all, 5, 0), 1 / 32.0);
    expect(rank_signed_p(mixed, 5, 0), 3 / 32.0); /* sums of 13 or more: 15, 14, 13 */
    expect(rank_signed_p(none, 3, 0), 1);
    expect(rank_signed_p(none, 3, -10), 1 / 8.0);
    expect(rank_signed_p(all, 0, 0), 1);
    expect(rank_signed_least(5), 1 / 32.0);
}

Test(rank, signed_ranks_of_ties_and_zeros) {
    double ties[] = {1, 1, 1, -1}, zeros[] = {0, 0, 0, 0, 0, 0};
    expect(rank_signed_p(ties, 4, 0), 5 / 16.0); /* every rank is 2.5: three or four of four above */
    expect(rank_signed_p(zeros, 6, 0), 1);
}

Test(rank, signed_interval_is_what_the_test_does_not_refute) {
    double x[] = {1.1, 2.3, 0.4, 3.7, 1.9, 2.8, 0.9, 4.2, 1.5, 2.1};
    perf_interval found = rank_signed_interval(x, 10, 0.95);
    cr_assert_lt(found.low, found.middle);
    cr_assert_leq(rank_signed_p(x, 10, found.low - 1e-9), 0.025);
    cr_assert_gt(rank_signed_p(x, 10, found.low + 1e-9), 0.025);
}

Test(rank, rank_sums) {
    double low[] = {1, 2, 3, 4}, high[] = {5, 6, 7, 8}, mixed[] = {2.5, 6, 7, 8};
    expect(rank_sum_p(low, 4, high, 4, 0), 1 / 70.0);
    expect(rank_sum_p(low, 4, mixed, 4, 0), 4 / 70.0); /* U of 14 or more of 16: 1 + 1 + 2 */
    expect(rank_sum_p(high, 4, low, 4, 0), 1);
    expect(rank_sum_p(low, 4, high, 4, 100), 1);
    expect(rank_sum_p(low, 4, low, 0, 0), 1);
    cr_assert(fabs(rank_sum_least(4, 4) - 1 / 70.0) < 1e-12);
}

Test(rank, sum_interval_is_what_the_test_does_not_refute) {
    double x[] = {10.1, 12.3, 10.4, 13.7, 11.9, 12.8, 10.9}, y[] = {14.2, 11.5, 12.1, 15.5, 13.3, 16.1};
    perf_interval found = rank_sum_interval(x, 7, y, 6, 0.95);
    cr_assert_leq(rank_sum_p(x, 7, y, 6, found.low - 1e-9), 0.025);
    cr_assert_gt(rank_sum_p(x, 7, y, 6, found.low + 1e-9), 0.025);
}

Test(rank, many_numbers_go_by_the_normal_distribution) {
    double x[400], y[400];
    for (int i = 0; i < 400; i++) {
        x[i] = sin(i * 12.9898) * 43758.5453 - floor(sin(i * 12.9898) * 43758.5453);
        y[i] = x[i] + 1;
    }
    cr_assert_lt(rank_signed_p(y, 400, 0), 1e-12);
    cr_assert_gt(rank_signed_p(x, 400, 0.5), 1e-6);
    cr_assert_lt(rank_sum_p(x, 400, y, 400, 0), 1e-12);
    perf_interval found = rank_sum_interval(x, 400, y, 400, 0.95);
    cr_assert(found.low < 1 && found.high > 1 && found.high - found.low < 0.2);
    found = rank_signed_interval(y, 400, 0.95);
    cr_assert(found.low > 1.4 && found.high < 1.6);
}

Test(rank, holm) {
    double p[] = {0.04, 0.01, 0.03, 0.005};
    rank_holm(p, 4);
    expect(p[3], 0.02);
    expect(p[1], 0.03);
    expect(p[2], 0.06);
    expect(p[0], 0.06);
    double large[] = {0.6, 0.7};
    rank_holm(large, 2);
    expect(large[0], 1);
    expect(large[1], 1);
}

Test(rank, runs_that_are_needed_grow_slowly_with_benchmarks) {
    cr_assert_eq(compare_least_runs(true, 1), 5);
    cr_assert_eq(compare_least_runs(true, 100), 11); /* 2^-11 * 100 < 5 % */
    cr_assert_eq(compare_least_runs(false, 100), 7); /* 3,432 choices of 7 out of 14 */
}
