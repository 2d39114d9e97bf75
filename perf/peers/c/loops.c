/* The 24 kernels of perf/kernels/loops in C, statement by statement: what a compiler makes of the loops as they are. With
 * -fopenmp the outermost loop that may is distributed, as a C programmer would; without it everything is serial. Arguments
 * are the Python function's, arrays as pointers, then the extents; a result that is an array is one more argument. */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define R restrict

typedef int64_t L;

double sum(const double *R x, L n) {
    double s = 0.0;
#pragma omp parallel for reduction(+ : s) schedule(static)
    for (L i = 0; i < n; i++)
        s += x[i];
    return s;
}

void saxpy(double a, const double *R x, double *R y, L n) {
#pragma omp parallel for schedule(static)
    for (L i = 0; i < n; i++)
        y[i] = a * x[i] + y[i];
}

void bs(const double *R S, const double *R X, const double *R T, double r, double v, double *R call, double *R put,
        L n) {
#pragma omp parallel for schedule(static)
    for (L i = 0; i < n; i++) {
        double sq = sqrt(T[i]);
        double d1 = (log(S[i] / X[i]) + (r + 0.5 * v * v) * T[i]) / (v * sq), d2 = d1 - v * sq;
        double c1 = 0.5 + 0.5 * erf(d1 * 0.7071067811865476), c2 = 0.5 + 0.5 * erf(d2 * 0.7071067811865476);
        double e = exp(-r * T[i]);
        call[i] = S[i] * c1 - X[i] * e * c2;
        put[i] = X[i] * e * (1.0 - c2) - S[i] * (1.0 - c1);
    }
}

void mandel(L *R out, double x0, double x1, double y0, double y1, L maxit, L h, L w) {
    double dx = (x1 - x0) / (double)w, dy = (y1 - y0) / (double)h;
#pragma omp parallel for schedule(dynamic, 4)
    for (L i = 0; i < h; i++)
        for (L j = 0; j < w; j++) {
            double cr = x0 + (double)j * dx, ci = y0 + (double)i * dy, zr = 0.0, zi = 0.0;
            L n = 0;
            while (n < maxit && zr * zr + zi * zi <= 4.0) {
                double t = zr * zr - zi * zi + cr;
                zi = 2.0 * zr * zi + ci;
                zr = t;
                n++;
            }
            out[i * w + j] = n;
        }
}

void jac1(L T, double *R A, double *R B, L n) {
    for (L t = 0; t < T; t++) {
#pragma omp parallel for schedule(static)
        for (L i = 1; i < n - 1; i++)
            B[i] = 0.33333 * (A[i - 1] + A[i] + A[i + 1]);
#pragma omp parallel for schedule(static)
        for (L i = 1; i < n - 1; i++)
            A[i] = 0.33333 * (B[i - 1] + B[i] + B[i + 1]);
    }
}

void jac2(L T, double *R a, double *R b, L n, L m) {
    double(*R A)[m] = (void *)a, (*R B)[m] = (void *)b;
    for (L t = 0; t < T; t++) {
#pragma omp parallel for schedule(static)
        for (L i = 1; i < n - 1; i++)
            for (L j = 1; j < m - 1; j++)
                B[i][j] = 0.2 * (A[i][j] + A[i][j - 1] + A[i][j + 1] + A[i + 1][j] + A[i - 1][j]);
#pragma omp parallel for schedule(static)
        for (L i = 1; i < n - 1; i++)
            for (L j = 1; j < m - 1; j++)
                A[i][j] = 0.2 * (B[i][j] + B[i][j - 1] + B[i][j + 1] + B[i + 1][j] + B[i - 1][j]);
    }
}

void matmul(const double *R a, const double *R b, double *R c, L n, L m, L K) {
    const double(*A)[K] = (void *)a, (*B)[m] = (void *)b;
    double(*R C)[m] = (void *)c;
#pragma omp parallel for schedule(static)
    for (L i = 0; i < n; i++)
        for (L j = 0; j < m; j++) {
            double s = 0.0;
            for (L k = 0; k < K; k++)
                s += A[i][k] * B[k][j];
            C[i][j] = s;
        }
}

void pdist(const double *R X, double *R D, L n, L d) {
#pragma omp parallel for schedule(static)
    for (L i = 0; i < n; i++)
        for (L j = 0; j < n; j++) {
            double s = 0.0;
            for (L k = 0; k < d; k++) {
                double t = X[i * d + k] - X[j * d + k];
                s += t * t;
            }
            D[i * n + j] = sqrt(s);
        }
}

void hist(const double *R x, L nb, L n, L *R h) {
    memset(h, 0, (size_t)nb * sizeof *h);
#pragma omp parallel for schedule(static) reduction(+ : h[ : nb])
    for (L i = 0; i < n; i++)
        h[(L)(x[i] * (double)nb)]++;
}

void aexpr(const double *R a, const double *R b, const double *R c, L n, double *R out) {
#pragma omp parallel for schedule(static)
    for (L i = 0; i < n; i++)
        out[i] = a[i] * b[i] + sqrt(c[i]);
}

void nbody(const double *R P, const double *R M, double *R acc, double eps, L n) {
#pragma omp parallel for schedule(static)
    for (L i = 0; i < n; i++) {
        double ax = 0.0, ay = 0.0, az = 0.0;
        for (L j = 0; j < n; j++) {
            double dx = P[j * 3] - P[i * 3], dy = P[j * 3 + 1] - P[i * 3 + 1], dz = P[j * 3 + 2] - P[i * 3 + 2];
            double r2 = dx * dx + dy * dy + dz * dz + eps, inv = 1.0 / (r2 * sqrt(r2)), f = M[j] * inv;
            ax += f * dx;
            ay += f * dy;
            az += f * dz;
        }
        acc[i * 3] = ax;
        acc[i * 3 + 1] = ay;
        acc[i * 3 + 2] = az;
    }
}

void softmax(const double *R X, double *R Y, L h, L w) {
#pragma omp parallel for schedule(static)
    for (L i = 0; i < h; i++) {
        double m = X[i * w], s = 0.0;
        for (L j = 0; j < w; j++)
            m = X[i * w + j] > m ? X[i * w + j] : m;
        for (L j = 0; j < w; j++) {
            double e = exp(X[i * w + j] - m);
            Y[i * w + j] = e;
            s += e;
        }
        for (L j = 0; j < w; j++)
            Y[i * w + j] = Y[i * w + j] / s;
    }
}

void l2rows(const double *R X, double *R out, L h, L w) {
#pragma omp parallel for schedule(static)
    for (L i = 0; i < h; i++) {
        double s = 0.0;
        for (L j = 0; j < w; j++)
            s += X[i * w + j] * X[i * w + j];
        out[i] = sqrt(s);
    }
}

void spmv(const L *R starts, const L *R columns, const double *R values, const double *R x, double *R y, L n) {
#pragma omp parallel for schedule(static)
    for (L i = 0; i < n; i++) {
        double s = 0.0;
        for (L k = starts[i]; k < starts[i + 1]; k++)
            s += values[k] * x[columns[k]];
        y[i] = s;
    }
}

void stencil3(L T, double *R a, double *R b, L n, L m, L l) {
    double(*R A)[m][l] = (void *)a, (*R B)[m][l] = (void *)b;
    for (L t = 0; t < T; t++) {
#pragma omp parallel for schedule(static)
        for (L i = 1; i < n - 1; i++)
            for (L j = 1; j < m - 1; j++)
                for (L k = 1; k < l - 1; k++)
                    B[i][j][k] = 0.4 * A[i][j][k] + 0.1 * (A[i - 1][j][k] + A[i + 1][j][k] + A[i][j - 1][k] +
                                                           A[i][j + 1][k] + A[i][j][k - 1] + A[i][j][k + 1]);
#pragma omp parallel for schedule(static)
        for (L i = 1; i < n - 1; i++)
            for (L j = 1; j < m - 1; j++)
                for (L k = 1; k < l - 1; k++)
                    A[i][j][k] = 0.4 * B[i][j][k] + 0.1 * (B[i - 1][j][k] + B[i + 1][j][k] + B[i][j - 1][k] +
                                                           B[i][j + 1][k] + B[i][j][k - 1] + B[i][j][k + 1]);
    }
}

void fft(const double *R xr, const double *R xi, double *R yr, double *R yi, L n) {
    double *work = malloc((size_t)n * 5 * sizeof *work);
    double *wr = work, *wi = work + n / 2, *re = work + n, *im = work + 3 * n;
#pragma omp parallel for schedule(static)
    for (L k = 0; k < n / 2; k++) {
        wr[k] = cos(-2.0 * M_PI * (double)k / (double)n);
        wi[k] = sin(-2.0 * M_PI * (double)k / (double)n);
    }
    memcpy(re, xr, (size_t)n * sizeof *re);
    memcpy(im, xi, (size_t)n * sizeof *im);
    L source = 0;
    for (L run = 1; run < n; run *= 2) {
        L groups = n / (2 * run);
        double *R sr = re + source * n, *R si = im + source * n, *R tr = re + (1 - source) * n,
                  *R ti = im + (1 - source) * n;
#pragma omp parallel for collapse(2) schedule(static)
        for (L j = 0; j < groups; j++)
            for (L k = 0; k < run; k++) {
                double c = wr[j * run], s = wi[j * run];
                double ar = sr[j * run + k], ai = si[j * run + k], br = sr[j * run + k + n / 2],
                       bi = si[j * run + k + n / 2];
                tr[2 * j * run + k] = ar + br;
                ti[2 * j * run + k] = ai + bi;
                tr[2 * j * run + run + k] = (ar - br) * c - (ai - bi) * s;
                ti[2 * j * run + run + k] = (ar - br) * s + (ai - bi) * c;
            }
        source = 1 - source;
    }
    memcpy(yr, re + source * n, (size_t)n * sizeof *re);
    memcpy(yi, im + source * n, (size_t)n * sizeof *im);
    free(work);
}

void sort(const double *R x, double *R out, L n) {
    double *R work = malloc((size_t)n * sizeof *work);
    memcpy(out, x, (size_t)n * sizeof *out);
    for (L width = 1; width < n; width *= 2) {
#pragma omp parallel for schedule(static)
        for (L low = 0; low < n; low += 2 * width) {
            L middle = low + width < n ? low + width : n, high = low + 2 * width < n ? low + 2 * width : n;
            for (L k = low, i = low, j = middle; k < high; k++) {
                if (i < middle && (j >= high || out[i] <= out[j]))
                    work[k] = out[i++];
                else
                    work[k] = out[j++];
            }
        }
        memcpy(out, work, (size_t)n * sizeof *out);
    }
    free(work);
}

void equalize(const uint8_t *R picture, uint8_t *R out, L rows, L columns) {
    L n = rows * columns, h[256] = {0}, below = 0;
    uint8_t table[256];
#pragma omp parallel for schedule(static) reduction(+ : h[ : 256])
    for (L i = 0; i < n; i++)
        h[picture[i]]++;
    for (L v = 0; v < 256; v++) {
        below += h[v];
        table[v] = (uint8_t)(below * 255 / n);
    }
#pragma omp parallel for schedule(static)
    for (L i = 0; i < n; i++)
        out[i] = table[picture[i]];
}

void lu(const double *R A, double *R f, L n) {
    double(*R F)[n] = (void *)f;
    memcpy(f, A, (size_t)(n * n) * sizeof *f);
    for (L k = 0; k < n; k++) {
#pragma omp parallel for schedule(static)
        for (L i = k + 1; i < n; i++) {
            F[i][k] /= F[k][k];
            for (L j = k + 1; j < n; j++)
                F[i][j] -= F[i][k] * F[k][j];
        }
    }
}

void prefix(const double *R x, double *R out, L n) {
    double s = 0.0;
    for (L i = 0; i < n; i++) {
        s += x[i];
        out[i] = s;
    }
}

void kmeans(L times, const double *R X, double *R C, L *R nearest, L n, L d, L k) {
    for (L t = 0; t < times; t++) {
        double sums[k * d];
        L counts[k];
        memset(sums, 0, sizeof sums);
        memset(counts, 0, sizeof counts);
        L all = k * d;
#pragma omp parallel for schedule(static) reduction(+ : sums[ : all], counts[ : k])
        for (L i = 0; i < n; i++) {
            double best = INFINITY;
            L where = 0;
            for (L c = 0; c < k; c++) {
                double s = 0.0;
                for (L m = 0; m < d; m++) {
                    double e = X[i * d + m] - C[c * d + m];
                    s += e * e;
                }
                if (s < best) {
                    best = s;
                    where = c;
                }
            }
            nearest[i] = where;
            counts[where]++;
            for (L m = 0; m < d; m++)
                sums[where * d + m] += X[i * d + m];
        }
        for (L c = 0; c < k; c++)
            if (counts[c] > 0)
                for (L m = 0; m < d; m++)
                    C[c * d + m] = sums[c * d + m] / (double)counts[c];
    }
}

L queens(L n) {
    L full = (1 << n) - 1, ways = 0;
#pragma omp parallel for schedule(dynamic) reduction(+ : ways)
    for (L pair = 0; pair < n * n; pair++) {
        L a = (L)1 << (pair / n), b = (L)1 << (pair % n);
        if ((a | (a << 1) | (a >> 1)) & b)
            continue;
        L columns[16], left[16], right[16], open[16], row = 0;
        columns[0] = a | b;
        left[0] = ((a << 1) | b) << 1;
        right[0] = ((a >> 1) | b) >> 1;
        open[0] = full & ~(columns[0] | left[0] | right[0]);
        while (row >= 0) {
            if (open[row] == 0) {
                row--;
                continue;
            }
            L queen = open[row] & -open[row], c = columns[row] | queen;
            open[row] ^= queen;
            if (c == full) {
                ways++;
                continue;
            }
            L le = (left[row] | queen) << 1, ri = (right[row] | queen) >> 1;
            row++;
            columns[row] = c;
            left[row] = le;
            right[row] = ri;
            open[row] = full & ~(c | le | ri);
        }
    }
    return ways;
}

static inline float below(float d) {
    float a = fabsf(d), k = 1.0f / (1.0f + 0.2316419f * a);
    float p = k * (0.31938153f + k * (-0.356563782f + k * (1.781477937f + k * (-1.821255978f + k * 1.330274429f))));
    float tail = 0.39894228f * expf(-0.5f * a * a) * p;
    return d > 0.0f ? 1.0f - tail : tail;
}

void bs32(const float *R S, const float *R X, const float *R T, float r, float v, float *R call, float *R put, L n) {
#pragma omp parallel for schedule(static)
    for (L i = 0; i < n; i++) {
        float sq = sqrtf(T[i]), d1 = (logf(S[i] / X[i]) + (r + 0.5f * v * v) * T[i]) / (v * sq), d2 = d1 - v * sq;
        float c1 = below(d1), c2 = below(d2), e = expf(-r * T[i]);
        call[i] = S[i] * c1 - X[i] * e * c2;
        put[i] = X[i] * e * (1.0f - c2) - S[i] * (1.0f - c1);
    }
}
