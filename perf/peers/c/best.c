/* What a person makes of some of the 24 kernels who knows the machine: lanes, copies in a better order, register tiles, tiles
 * in time. Same arguments as in loops.c. With -fopenmp threads share the work. Vectors are GCC's, eight doubles. */
#ifdef __x86_64__
#include <immintrin.h>
#endif
#include <float.h>
#include <math.h>
#include <omp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define R restrict

typedef int64_t L;
typedef double V __attribute__((vector_size(64), aligned(8)));
typedef L VL __attribute__((vector_size(64), aligned(8)));

static double *doubles(L n) {
    return aligned_alloc(64, ((size_t)n * sizeof(double) + 63) / 64 * 64);
}

static L least(L a, L b) {
    return a < b ? a : b;
}
static L most(L a, L b) {
    return a > b ? a : b;
}

/* ---- a strip of points runs until the last of them has left: four vectors hide the latency of one another -------- */

enum { STRIP = 4 };

static void mandel_strip(L *R out, L count, double ci, double x0, double dx, L j, L maxit) {
    V cr[STRIP], zr[STRIP], zi[STRIP];
    VL n[STRIP];
    for (int q = 0; q < STRIP; q++) {
        for (int l = 0; l < 8; l++)
            cr[q][l] = x0 + (double)(j + q * 8 + l) * dx;
        zr[q] = zi[q] = (V){0};
        n[q] = (VL){0};
    }
    for (L it = 0; it < maxit; it++) {
        VL any = {0};
        for (int q = 0; q < STRIP; q++) {
            V a = zr[q] * zr[q], b = zi[q] * zi[q];
            VL in = (VL)(a + b <= 4.0);
            n[q] -= in;
            any |= in;
            zi[q] = 2.0 * zr[q] * zi[q] + ci;
            zr[q] = a - b + cr[q];
        }
        L some = 0;
        for (int l = 0; l < 8; l++)
            some |= any[l];
        if (!some)
            break;
    }
    for (L q = 0; q < count; q++)
        out[q] = n[q / 8][q % 8];
}

void mandel(L *R out, double x0, double x1, double y0, double y1, L maxit, L h, L w) {
    double dx = (x1 - x0) / (double)w, dy = (y1 - y0) / (double)h;
#pragma omp parallel for schedule(dynamic, 4)
    for (L i = 0; i < h; i++)
        for (L j = 0; j < w; j += STRIP * 8)
            mandel_strip(out + i * w + j, least(STRIP * 8, w - j), y0 + (double)i * dy, x0, dx, j, maxit);
}

/* ---- stencils tiled in time ------------------------------------------------------------------------------------------
 * Each thread owns a part of the rows and does of every half-step h what needs no other thread's rows: [low + h, high - h)
 * at inner borders. It goes through its rows once, a wave front of all half-steps behind one another, so that rows stay in
 * the cache. Behind a barrier the triangles around the inner borders are filled. `step(h, i, data)` computes row i. */

typedef void step_function(L h, L from, L to, void *data);

static void wave(step_function *step, void *data, L rows, L block, L first, L steps) {
    int threads = omp_get_max_threads();
    if (rows < threads * 4 * steps)
        threads = 1;
#pragma omp parallel num_threads(threads)
    {
        L me = omp_get_thread_num(), low = 1 + (rows - 2) * me / threads, high = 1 + (rows - 2) * (me + 1) / threads;
        L left = me > 0, right = me < threads - 1;
        for (L front = low; front < high + steps; front += block)
            for (L h = 0; h < steps; h++) {
                L from = most(front - h, low + left * h), to = least(front - h + block, high - right * h);
                if (front == low)
                    from = low + left * h;
                if (from < to)
                    step(first + h, from, to, data);
            }
#pragma omp barrier
        if (left)
            for (L h = 1; h < steps; h++)
                step(first + h, low - h, low + h, data);
    }
}

static void waves(step_function *step, void *data, L rows, L block, L steps, L depth) {
    for (L done = 0; done < steps; done += depth)
        wave(step, data, rows, block, done, least(depth, steps - done));
}

struct planes {
    double *a, *b;
    L m, l;
};

static void jac1_step(L h, L from, L to, void *data) {
    struct planes *p = data;
    const double *R s = h & 1 ? p->b : p->a;
    double *R d = h & 1 ? p->a : p->b;
    for (L i = from; i < to; i++)
        d[i] = 0.33333 * (s[i - 1] + s[i] + s[i + 1]);
}

void jac1(L T, double *R A, double *R B, L n) {
    waves(jac1_step, &(struct planes){A, B, 0, 0}, n, 1024, 2 * T, 200);
}

static void jac2_step(L h, L from, L to, void *data) {
    struct planes *p = data;
    L m = p->m;
    for (L i = from; i < to; i++) {
        const double *R s = (h & 1 ? p->b : p->a) + i * m;
        double *R d = (h & 1 ? p->a : p->b) + i * m;
        for (L j = 1; j < m - 1; j++)
            d[j] = 0.2 * (s[j] + s[j - 1] + s[j + 1] + s[j + m] + s[j - m]);
    }
}

void jac2(L T, double *R A, double *R B, L n, L m) {
    waves(jac2_step, &(struct planes){A, B, m, 0}, n, 1, 2 * T, 20);
}

static void stencil3_step(L h, L from, L to, void *data) {
    struct planes *p = data;
    L l = p->l, plane = p->m * l;
    for (L i = from; i < to; i++)
        for (L j = 1; j < p->m - 1; j++) {
            const double *R s = (h & 1 ? p->b : p->a) + i * plane + j * l;
            double *R d = (h & 1 ? p->a : p->b) + i * plane + j * l;
            for (L k = 1; k < l - 1; k++)
                d[k] = 0.4 * s[k] + 0.1 * (s[k - plane] + s[k + plane] + s[k - l] + s[k + l] + s[k - 1] + s[k + 1]);
        }
}

void stencil3(L T, double *R A, double *R B, L n, L m, L l) {
    waves(stencil3_step, &(struct planes){A, B, m, l}, n, 1, 2 * T, 10);
}

/* ---- the product of matrices: a tile of 8 × 24 in registers, panels of B packed ---------------------------------- */

enum { MR = 8, NV = 3, NR = 8 * NV, KC = 256, IB = 64 };

static void matmul_tile(const double *R A, const double *R P, double *R C, L K, L m, L depth, L width) {
    V c[MR][NV] = {0};
    for (L k = 0; k < depth; k++) {
        const double *p = P + k * NR;
        V b[NV];
        for (int q = 0; q < NV; q++)
            b[q] = *(const V *)(p + 8 * q);
        for (int r = 0; r < MR; r++) {
            double a = A[r * K + k];
            for (int q = 0; q < NV; q++)
                c[r][q] += a * b[q];
        }
    }
    for (int r = 0; r < MR; r++)
        for (L q = 0; q < width; q++)
            C[r * m + q] += c[r][q / 8][q % 8];
}

static void matmul_rest(const double *R A, const double *R P, double *R C, L K, L depth, L width) {
    for (L q = 0; q < width; q++) {
        double s = 0.0;
        for (L k = 0; k < depth; k++)
            s += A[k] * P[k * NR + q];
        C[q] += s;
    }
    (void)K;
}

void matmul(const double *R A, const double *R B, double *R C, L n, L m, L K) {
    memset(C, 0, (size_t)(n * m) * sizeof *C);
    L panels = (m + NR - 1) / NR;
    double *packed = doubles(panels * NR * K);
#pragma omp parallel
    {
#pragma omp for schedule(static)
        for (L panel = 0; panel < panels; panel++) {
            L j = panel * NR, width = least(NR, m - j);
            for (L k = 0; k < K; k++)
                for (L q = 0; q < NR; q++)
                    packed[panel * NR * K + k * NR + q] = q < width ? B[k * m + j + q] : 0.0;
        }
#pragma omp for schedule(dynamic, 1)
        for (L ib = 0; ib < n; ib += IB)
            for (L kb = 0; kb < K; kb += KC)
                for (L panel = 0; panel < panels; panel++) {
                    L j = panel * NR, width = least(NR, m - j), depth = least(KC, K - kb), i = ib,
                      ie = least(ib + IB, n);
                    const double *P = packed + panel * NR * K + kb * NR;
                    for (; i + MR <= ie; i += MR)
                        matmul_tile(A + i * K + kb, P, C + i * m + j, K, m, depth, width);
                    for (; i < ie; i++)
                        matmul_rest(A + i * K + kb, P, C + i * m + j, K, depth, width);
                }
    }
    free(packed);
}

/* ---- points transposed, pairs in lanes --------------------------------------------------------------------------- */

enum { BLOCK = 64 };

void pdist(const double *R X, double *R D, L n, L d) {
    L padded = (n + BLOCK - 1) / BLOCK * BLOCK;
    double *R T = doubles(padded * d);
    for (L k = 0; k < d; k++)
        for (L j = 0; j < padded; j++)
            T[k * padded + j] = j < n ? X[j * d + k] : 0.0;
#pragma omp parallel for schedule(static)
    for (L i = 0; i < n; i++)
        for (L jb = 0; jb < n; jb += BLOCK) {
            double s[BLOCK] = {0};
            for (L k = 0; k < d; k++)
                for (L j = 0; j < BLOCK; j++) {
                    double t = X[i * d + k] - T[k * padded + jb + j];
                    s[j] += t * t;
                }
            for (L j = 0; j < BLOCK; j++)
                s[j] = sqrt(s[j]);
            memcpy(D + i * n + jb, s, (size_t)least(BLOCK, n - jb) * sizeof *s);
        }
    free(T);
}

/* ---- four histograms a thread: equal neighbours do not wait for one another -------------------------------------- */

void hist(const double *R x, L nb, L n, L *R h) {
    memset(h, 0, (size_t)nb * sizeof *h);
#pragma omp parallel
    {
        uint32_t *own = calloc((size_t)nb * 4, sizeof *own);
#pragma omp for schedule(static) nowait
        for (L b = 0; b < n / 4; b++)
            for (L q = 0; q < 4; q++)
                own[(L)(x[4 * b + q] * (double)nb) * 4 + q]++;
#pragma omp critical
        for (L b = 0; b < nb; b++)
            h[b] += own[4 * b] + own[4 * b + 1] + own[4 * b + 2] + own[4 * b + 3];
        free(own);
    }
    for (L i = n / 4 * 4; i < n; i++)
        h[(L)(x[i] * (double)nb)]++;
}

void equalize(const uint8_t *R picture, uint8_t *R out, L rows, L columns) {
    L n = rows * columns, h[256] = {0}, below = 0;
    uint8_t table[256];
#pragma omp parallel
    {
        uint32_t own[4][256] = {0};
#pragma omp for schedule(static) nowait
        for (L b = 0; b < n / 8; b++) {
            uint64_t eight;
            memcpy(&eight, picture + 8 * b, sizeof eight);
            for (int q = 0; q < 8; q++)
                own[q & 3][eight >> (8 * q) & 255]++;
        }
#pragma omp critical
        for (L b = 0; b < 256; b++)
            h[b] += own[0][b] + own[1][b] + own[2][b] + own[3][b];
    }
    for (L i = n / 8 * 8; i < n; i++)
        h[picture[i]]++;
    for (L v = 0; v < 256; v++) {
        below += h[v];
        table[v] = (uint8_t)(below * 255 / n);
    }
#pragma omp parallel for schedule(static)
    for (L i = 0; i < n; i++)
        out[i] = table[picture[i]];
}

/* ---- results past the caches ------------------------------------------------------------------------------------- */

static void store_past_caches(V v, double *out) {
#ifdef __AVX512F__
    _mm512_stream_pd(out, (__m512d)v);
#elif defined __AVX__
    union {
        V v;
        __m256d half[2];
    } u = {v};
    _mm256_stream_pd(out, u.half[0]);
    _mm256_stream_pd(out + 4, u.half[1]);
#else
    *(V *)out = v;
#endif
}

void aexpr(const double *R a, const double *R b, const double *R c, L n, double *R out) {
    L head = least(n, (L)(-(uintptr_t)out / sizeof *out & 7)), whole = (n - head) / 8;
    for (L i = 0; i < head; i++)
        out[i] = a[i] * b[i] + sqrt(c[i]);
#pragma omp parallel for schedule(static)
    for (L v = 0; v < whole; v++) {
        L i = head + 8 * v;
        V root;
        for (int q = 0; q < 8; q++)
            root[q] = sqrt(c[i + q]);
        store_past_caches(*(const V *)(a + i) * *(const V *)(b + i) + root, out + i);
    }
    for (L i = head + 8 * whole; i < n; i++)
        out[i] = a[i] * b[i] + sqrt(c[i]);
}

/* ---- coordinates apart ------------------------------------------------------------------------------------------- */

void nbody(const double *R P, const double *R M, double *R acc, double eps, L n) {
    double *R x = doubles(3 * n), *R y = x + n, *R z = y + n;
    for (L j = 0; j < n; j++) {
        x[j] = P[3 * j];
        y[j] = P[3 * j + 1];
        z[j] = P[3 * j + 2];
    }
#pragma omp parallel for schedule(static)
    for (L i = 0; i < n; i++) {
        double ax = 0.0, ay = 0.0, az = 0.0;
#pragma omp simd reduction(+ : ax, ay, az)
        for (L j = 0; j < n; j++) {
            double dx = x[j] - x[i], dy = y[j] - y[i], dz = z[j] - z[i];
            double r2 = dx * dx + dy * dy + dz * dz + eps, f = M[j] / (r2 * sqrt(r2));
            ax += f * dx;
            ay += f * dy;
            az += f * dz;
        }
        acc[3 * i] = ax;
        acc[3 * i + 1] = ay;
        acc[3 * i + 2] = az;
    }
    free(x);
}

/* ---- sums of beginnings: each thread sums a piece of a cached block, then all add what stands before theirs ------ */

void prefix(const double *R x, double *R out, L n) {
    enum { CHUNK = 1 << 14 };
    int threads = omp_get_max_threads();
    double sums[threads + 1], before = 0.0;
    sums[0] = 0.0;
#pragma omp parallel num_threads(threads) firstprivate(before)
    {
        L me = omp_get_thread_num();
        for (L base = 0; base < n; base += (L)CHUNK * threads) {
            L low = least(n, base + me * CHUNK), high = least(n, low + CHUNK);
            double s = 0.0;
            for (L i = low; i < high; i++)
                s += x[i];
            sums[me + 1] = s;
#pragma omp barrier
            double mine = before;
            for (L t = 0; t < threads; t++) {
                mine += t < me ? sums[t + 1] : 0.0;
                before += sums[t + 1];
            }
#pragma omp barrier
            for (L i = low; i < high; i++) {
                mine += x[i];
                out[i] = mine;
            }
        }
    }
}

/* ---- centres in lanes -------------------------------------------------------------------------------------------- */

void kmeans(L times, const double *R X, double *R C, L *R nearest, L n, L d, L k) {
    L lanes = (k + 7) / 8 * 8, all = k * d;
    double *R T = doubles(lanes * d);
    for (L t = 0; t < times; t++) {
        double sums[k * d];
        L counts[k];
        memset(sums, 0, sizeof sums);
        memset(counts, 0, sizeof counts);
        for (L m = 0; m < d; m++)
            for (L c = 0; c < lanes; c++)
                T[m * lanes + c] = c < k ? C[c * d + m] : 1e300;
#pragma omp parallel for schedule(static) reduction(+ : sums[ : all], counts[ : k])
        for (L i = 0; i < n; i++) {
            double best = DBL_MAX;
            L where = 0;
            for (L c = 0; c < lanes; c += 8) {
                V s = {0};
                for (L m = 0; m < d; m++) {
                    V e = X[i * d + m] - *(const V *)(T + m * lanes + c);
                    s += e * e;
                }
                for (L l = 0; l < least(8, k - c); l++)
                    if (s[l] < best) {
                        best = s[l];
                        where = c + l;
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
    free(T);
}
