/* What this machine can do: multiply-adds from registers, and a triad over a working set of a given size. Compiled with
 * -fopenmp; both return seconds. */
#include <omp.h>
#include <stdint.h>

enum { LANES = 64, STEPS = 1000 };

/* Each thread does times * STEPS * LANES multiply-adds. */
double limit_fma(int64_t times, double *out) {
    double begin = omp_get_wtime();
#pragma omp parallel
    {
        double sums[LANES];
        for (int i = 0; i < LANES; i++)
            sums[i] = i;
        for (int64_t t = 0; t < times * STEPS; t++) {
#pragma omp simd
            for (int i = 0; i < LANES; i++)
                sums[i] = sums[i] * 0.999 + 0.001;
        }
        for (int i = 0; i < LANES; i++)
            out[omp_get_thread_num() * LANES + i] = sums[i];
    }
    return omp_get_wtime() - begin;
}

double limit_triad(double *restrict a, const double *restrict b, const double *restrict c, int64_t n, int64_t times) {
    double begin = omp_get_wtime();
#pragma omp parallel
    for (int64_t t = 0; t < times; t++) {
#pragma omp for schedule(static)
        for (int64_t i = 0; i < n; i++)
            a[i] = b[i] + 0.5 * c[i];
    }
    return omp_get_wtime() - begin;
}
