/* Medians, intervals and rank tests.
 *
 * Times have heavy tails: neighbours, interrupts, clocks that change. So everything here goes by ranks. What counts as one
 * observation is a process (its median), since calls of one process share their luck with addresses and pages.
 *
 * Two measurements that took turns give one ratio for each process: Wilcoxon's signed ranks. Two that did not give two
 * samples: Mann and Whitney's rank sums. Both null distributions are counted out (with the ties that are there), so nothing is
 * assumed to be normal, and ten processes are enough. Intervals are the shifts that the test does not refute; their middle
 * is Hodges and Lehmann's estimate. Beyond some hundred observations the normal approximation takes over. */
#include "perf/perf.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_EXACT = 100, MOST_EXACT_SUM = 60 };

/* ---- order ---------------------------------------------------------------------------------------------------------------- */

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void rank_sort(double *x, size_t n) {
    qsort(x, n, sizeof *x, compare_doubles);
}

static double middle_of_sorted(const double *x, size_t n) {
    return n ? (x[(n - 1) / 2] + x[n / 2]) / 2 : (double)NAN;
}

double rank_median(double *x, size_t n) {
    rank_sort(x, n);
    return middle_of_sorted(x, n);
}

/* The probability of a normal variable above z. */
static double normal_above(double z) {
    return erfc(z / sqrt(2)) / 2;
}

/* The largest k with P(B < k) <= share, B binomial of n throws of a coin: so many may be left out on each side. */
static size_t coin_quantile(size_t n, double share) {
    double sum = 0;
    for (size_t k = 0; k <= n / 2; k++) {
        sum += exp(lgamma((double)n + 1) - lgamma((double)k + 1) - lgamma((double)(n - k) + 1) - (double)n * log(2));
        if (sum > share)
            return k;
    }
    return n / 2;
}

perf_interval rank_median_interval(double *x, size_t n, double confidence) {
    double middle = rank_median(x, n);
    size_t k = coin_quantile(n, (1 - confidence) / 2);
    if (n == 0 || k == 0)
        return (perf_interval){-INFINITY, middle, INFINITY};
    return (perf_interval){x[k - 1], middle, x[n - k]};
}

/* ---- ranks ---------------------------------------------------------------------------------------------------------------- */

typedef struct ranked {
    double key;
    size_t index;
} ranked;

static int compare_ranked(const void *a, const void *b) {
    return compare_doubles(&((const ranked *)a)->key, &((const ranked *)b)->key);
}

/* Twice the ranks of the numbers, so that those of ties are whole. */
static bool rank_twice(const double *x, size_t n, int32_t *twice) {
    ranked *order = malloc((n + 1) * sizeof *order);
    if (!order)
        return false;
    for (size_t i = 0; i < n; i++)
        order[i] = (ranked){x[i], i};
    qsort(order, n, sizeof *order, compare_ranked);
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && order[end].key <= order[i].key;)
            end++;
        for (size_t k = i; k < end; k++)
            twice[order[k].index] = (int32_t)(i + 1 + end);
    }
    free(order);
    return true;
}

/* ---- signed ranks --------------------------------------------------------------------------------------------------------- */

/* P(S >= s): each of the ranks is in the sum with probability 1/2. */
static double signed_exact(const int32_t *twice, size_t n, int64_t s) {
    size_t most = 0;
    double above = 0;
    for (size_t i = 0; i < n; i++)
        most += (size_t)twice[i];
    double *chance = calloc(most + 1, sizeof *chance);
    if (!chance)
        return 1;
    chance[0] = 1;
    for (size_t i = 0, top = 0; i < n; i++) {
        size_t step = (size_t)twice[i];
        top += step;
        for (size_t k = top + 1; k-- > 0;)
            chance[k] = (chance[k] + (k >= step ? chance[k - step] : 0)) / 2;
    }
    for (size_t k = s > 0 ? (size_t)s : 0; k <= most; k++)
        above += chance[k];
    free(chance);
    return above < 1 ? above : 1;
}

static double signed_normal(const int32_t *twice, size_t n, int64_t s) {
    double mean = 0, variance = 0;
    for (size_t i = 0; i < n; i++) {
        double r = twice[i] / 2.0;
        mean += r / 2;
        variance += r * r / 4;
    }
    return normal_above(((double)s / 2 - mean - 0.5) / sqrt(variance));
}

/* Zeros keep their ranks and count as not above. */
double rank_signed_p(const double *x, size_t n, double shift) {
    double *size = malloc((n + 1) * sizeof *size);
    int32_t *twice = malloc((n + 1) * sizeof *twice);
    double p = 1;
    int64_t s = 0;
    for (size_t i = 0; size && i < n; i++)
        size[i] = fabs(x[i] - shift);
    if (size && twice && n && rank_twice(size, n, twice)) {
        for (size_t i = 0; i < n; i++)
            s += x[i] > shift ? twice[i] : 0;
        p = n <= MOST_EXACT ? signed_exact(twice, n, s) : signed_normal(twice, n, s);
    }
    free(size);
    free(twice);
    return p;
}

double rank_signed_least(size_t n) {
    return ldexp(1, -(int)(n < 1000 ? n : 1000));
}

/* How many of the sorted pairwise numbers lie outside of the interval on each side: the largest k with P(S < k) <= share,
 * found by bisection over `upper`, which gives P(S >= statistic). */
static size_t count_outside(double (*upper)(const void *context, size_t statistic), const void *context, size_t most,
                            double share) {
    size_t low = 0, high = most; /* P(S >= most - k + 1) is that of S <= k - 1, by symmetry */
    while (low < high) {
        size_t k = low + (high - low + 1) / 2;
        if (upper(context, most - k + 1) <= share)
            low = k;
        else
            high = k - 1;
    }
    return low;
}

static double signed_upper(const void *context, size_t statistic) {
    size_t n = *(const size_t *)context;
    int32_t twice[4 * MOST_EXACT];
    if (n > MOST_EXACT) {
        double mean = (double)n * ((double)n + 1) / 4;
        return normal_above(((double)statistic - mean - 0.5) / sqrt(mean * (2 * (double)n + 1) / 6));
    }
    for (size_t i = 0; i < n; i++)
        twice[i] = 2 * (int32_t)(i + 1);
    return signed_exact(twice, n, 2 * (int64_t)statistic);
}

static perf_interval interval_of(double *pairs, size_t n, size_t outside) {
    double middle = rank_median(pairs, n);
    if (outside == 0 || n == 0)
        return (perf_interval){-INFINITY, middle, INFINITY};
    return (perf_interval){pairs[outside - 1], middle, pairs[n - outside]};
}

perf_interval rank_signed_interval(const double *x, size_t n, double confidence) {
    size_t pairs = n * (n + 1) / 2, at = 0;
    double *walsh = malloc((pairs + 1) * sizeof *walsh);
    if (!walsh)
        return (perf_interval){-INFINITY, NAN, INFINITY};
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k <= i; k++)
            walsh[at++] = (x[i] + x[k]) / 2;
    perf_interval found = interval_of(walsh, pairs, count_outside(signed_upper, &n, pairs, (1 - confidence) / 2));
    free(walsh);
    return found;
}

/* ---- rank sums ------------------------------------------------------------------------------------------------------------ */

/* P(S >= s), S the sum of the ranks of `chosen` out of n numbers, each choice as likely. */
static double sum_exact(const int32_t *twice, size_t n, size_t chosen, int64_t s) {
    size_t most = 0;
    double above = 0, all = 0;
    for (size_t i = 0; i < n; i++)
        most += (size_t)twice[i];
    double *ways = calloc((chosen + 1) * (most + 1), sizeof *ways);
    if (!ways)
        return 1;
    ways[0] = 1;
    for (size_t i = 0; i < n; i++) {
        size_t step = (size_t)twice[i];
        for (size_t m = chosen < i + 1 ? chosen : i + 1; m >= 1; m--)
            for (size_t k = step; k <= most; k++)
                ways[m * (most + 1) + k] += ways[(m - 1) * (most + 1) + k - step];
    }
    for (size_t k = 0; k <= most; k++) {
        all += ways[chosen * (most + 1) + k];
        above += (int64_t)k >= s ? ways[chosen * (most + 1) + k] : 0;
    }
    free(ways);
    return above / all;
}

static double sum_normal(const int32_t *twice, size_t n, size_t chosen, int64_t s) {
    double squares = 0, mean = ((double)n + 1) / 2;
    for (size_t i = 0; i < n; i++)
        squares += (twice[i] / 2.0 - mean) * (twice[i] / 2.0 - mean);
    double variance = (double)chosen * (double)(n - chosen) * squares / ((double)n * ((double)n - 1));
    return variance > 0 ? normal_above(((double)s / 2 - (double)chosen * mean - 0.5) / sqrt(variance)) : 1;
}

static double sum_upper_of(const int32_t *twice, size_t n, size_t chosen, int64_t s) {
    return n <= MOST_EXACT_SUM ? sum_exact(twice, n, chosen, s) : sum_normal(twice, n, chosen, s);
}

double rank_sum_p(const double *x, size_t nx, const double *y, size_t ny, double shift) {
    size_t n = nx + ny;
    double *all = malloc((n + 1) * sizeof *all), p = 1;
    int32_t *twice = malloc((n + 1) * sizeof *twice);
    int64_t s = 0;
    for (size_t i = 0; all && i < n; i++)
        all[i] = i < ny ? y[i] - shift : x[i - ny];
    if (all && twice && nx && ny && rank_twice(all, n, twice)) {
        for (size_t i = 0; i < ny; i++)
            s += twice[i];
        p = sum_upper_of(twice, n, ny, s);
    }
    free(all);
    free(twice);
    return p;
}

double rank_sum_least(size_t nx, size_t ny) {
    return exp(lgamma((double)nx + 1) + lgamma((double)ny + 1) - lgamma((double)(nx + ny) + 1));
}

static double sum_upper(const void *context, size_t statistic) {
    const size_t *n = context;
    int64_t least = (int64_t)(n[1] * (n[1] + 1) / 2); /* the rank sum of the smallest ones */
    size_t all = n[0] + n[1];
    int32_t twice[MOST_EXACT_SUM];
    if (all > MOST_EXACT_SUM) {
        double pairs = (double)n[0] * (double)n[1];
        return normal_above(((double)statistic - pairs / 2 - 0.5) / sqrt(pairs * ((double)all + 1) / 12));
    }
    for (size_t i = 0; i < all; i++)
        twice[i] = 2 * (int32_t)(i + 1);
    return sum_exact(twice, all, n[1], 2 * ((int64_t)statistic + least));
}

perf_interval rank_sum_interval(const double *x, size_t nx, const double *y, size_t ny, double confidence) {
    size_t n[2] = {nx, ny}, pairs = nx * ny, at = 0;
    double *differences = malloc((pairs + 1) * sizeof *differences);
    if (!differences)
        return (perf_interval){-INFINITY, NAN, INFINITY};
    for (size_t i = 0; i < nx; i++)
        for (size_t k = 0; k < ny; k++)
            differences[at++] = y[k] - x[i];
    perf_interval found = interval_of(differences, pairs, count_outside(sum_upper, n, pairs, (1 - confidence) / 2));
    free(differences);
    return found;
}

/* ---- several tests at once ------------------------------------------------------------------------------------------------ */

static int compare_pointed(const void *a, const void *b) {
    return compare_doubles(*(double *const *)a, *(double *const *)b);
}

void rank_holm(double *p, size_t n) {
    double **order = malloc((n + 1) * sizeof *order), most = 0;
    if (!order) {
        for (size_t i = 0; i < n; i++)
            p[i] = 1;
        return;
    }
    for (size_t i = 0; i < n; i++)
        order[i] = &p[i];
    qsort(order, n, sizeof *order, compare_pointed);
    for (size_t i = 0; i < n; i++) {
        double corrected = *order[i] * (double)(n - i);
        most = corrected > most ? corrected : most;
        *order[i] = most < 1 ? most : 1;
    }
    free(order);
}
