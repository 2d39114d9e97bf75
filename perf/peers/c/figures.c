/* The loops of perf/latency.py in C. Compiled twice: with -fopenmp, and without for one thread. */
#include <math.h>
#include <stdint.h>

#ifdef _OPENMP
#define PARALLEL_FOR _Pragma("omp parallel for schedule(static)")
#define PARALLEL_SUM _Pragma("omp parallel for schedule(static) reduction(+ : total)")
#else
#define PARALLEL_FOR
#define PARALLEL_SUM
#endif

void saxpy(double a, const double *restrict x, double *restrict y, int64_t n) {
    PARALLEL_FOR
    for (int64_t i = 0; i < n; i++)
        y[i] = a * x[i] + y[i];
}

double dot(const double *restrict x, const double *restrict y, int64_t n) {
    double total = 0;
    PARALLEL_SUM
    for (int64_t i = 0; i < n; i++)
        total += x[i] * y[i];
    return total;
}

void stencil(const double *restrict u, double *restrict v, int64_t rows, int64_t columns) {
    PARALLEL_FOR
    for (int64_t i = 1; i < rows - 1; i++)
        for (int64_t j = 1; j < columns - 1; j++)
            v[i * columns + j] = 0.2 * (u[i * columns + j] + u[i * columns + j - 1] + u[i * columns + j + 1] +
                                        u[(i + 1) * columns + j] + u[(i - 1) * columns + j]);
}

void expression(const double *restrict a, const double *restrict b, const double *restrict c, double *restrict out,
                int64_t n) {
    PARALLEL_FOR
    for (int64_t i = 0; i < n; i++)
        out[i] = a[i] * b[i] + sqrt(c[i]);
}

void mandelbrot(int64_t *restrict out, int64_t rows, int64_t columns, double x0, double x1, double y0, double y1,
                int64_t limit) {
    double dx = (x1 - x0) / (double)columns, dy = (y1 - y0) / (double)rows;
    PARALLEL_FOR
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t j = 0; j < columns; j++) {
            double cr = x0 + (double)j * dx, ci = y0 + (double)i * dy, zr = 0, zi = 0;
            int64_t n = 0;
            while (n < limit && zr * zr + zi * zi <= 4.0) {
                double t = zr * zr - zi * zi + cr;
                zi = 2 * zr * zi + ci;
                zr = t;
                n++;
            }
            out[i * columns + j] = n;
        }
    }
}

/* `times` regions of n trivial iterations each. */
void regions(double *x, int64_t n, int64_t times) {
    for (int64_t t = 0; t < times; t++) {
        PARALLEL_FOR
        for (int64_t i = 0; i < n; i++)
            x[i] = (double)t;
    }
}
