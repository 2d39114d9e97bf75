/* Products with every layout of operands, with a CBLAS and without. */
#include <complex.h>
#include <criterion/criterion.h>
#include <stdlib.h>

#include "plait/runtime.h"

enum { M = 5, N = 4, K = 3, WIDE = 16 };

static double a[WIDE * WIDE], b[WIDE * WIDE], c[WIDE * WIDE];

typedef struct strides {
    int64_t s0, s1;
} strides;

static const strides layouts[] = {{WIDE * 8, 8}, {8, WIDE * 8}, {WIDE * 8, 16}, {16, 8 * WIDE}};

static void fill(double *x) {
    for (int i = 0; i < WIDE * WIDE; i++)
        x[i] = (double)(rand() % 17 - 8);
}

static double at(const double *x, strides s, int64_t i, int64_t j) {
    return *(const double *)((const char *)x + i * s.s0 + j * s.s1);
}

static void expect_product(int64_t m, int64_t n, int64_t k, strides sa, strides sb, strides sc) {
    fill(a);
    fill(b);
    fill(c);
    plrt_gemm('d', m, n, k, a, sa.s0, sa.s1, b, sb.s0, sb.s1, c, sc.s0, sc.s1);
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            double sum = 0;
            for (int64_t l = 0; l < k; l++)
                sum += at(a, sa, i, l) * at(b, sb, l, j);
            cr_assert_eq(at(c, sc, i, j), sum);
        }
}

static void expect_all_layouts(void) {
    static const int64_t shapes[][3] = {{M, N, K}, {1, N, K}, {M, 1, K}, {M, N, 1}, {1, 1, K}, {1, 1, 1}, {M, N, 0}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        for (int i = 0; i < 64; i++)
            expect_product(shapes[s][0], shapes[s][1], shapes[s][2], layouts[i % 4], layouts[i / 4 % 4],
                           layouts[i / 16]);
}

Test(blas, products_of_all_layouts) {
    expect_all_layouts();
}

Test(blas, own_loops_agree) {
    setenv("PLAIT_NO_BLAS", "1", 1);
    expect_all_layouts();
}

Test(blas, other_types) {
    float x[] = {1, 2, 3, 4}, y[] = {5, 6, 7, 8}, z[4];
    plrt_gemm('f', 2, 2, 2, x, 8, 4, y, 8, 4, z, 8, 4);
    cr_assert(z[0] == 19 && z[1] == 22 && z[2] == 43 && z[3] == 50);
    double complex u[] = {1 + 2 * I, 3}, v[] = {2 - I, I}, w;
    plrt_gemm('D', 1, 1, 2, u, 32, 16, v, 16, 16, &w, 16, 16);
    cr_assert(creal(w) == 4 && cimag(w) == 6);
    plrt_dot('D', 2, u, 16, v, 16, &w);
    cr_assert(creal(w) == 4 && cimag(w) == 6);
    double complex p[] = {1, I, 2, 3}, q[] = {1, 2, I, 0}, r[4];
    plrt_gemm('D', 2, 2, 2, p, 32, 16, q, 32, 16, r, 32, 16);
    cr_assert(creal(r[0]) == 0 && creal(r[1]) == 2 && creal(r[2]) == 2 && cimag(r[2]) == 3 && creal(r[3]) == 4);
}

Test(blas, dot_takes_any_stride) {
    double x[] = {1, 2, 3, 4, 5, 6}, y[] = {1, 10, 100}, out;
    plrt_dot('d', 3, x, 16, y, 8, &out);
    cr_assert_eq(out, 531);
    plrt_dot('d', 3, x + 4, -16, y, 8, &out);
    cr_assert_eq(out, 135);
    plrt_dot('d', 3, x, 0, y, 8, &out);
    cr_assert_eq(out, 111);
    plrt_dot('d', 0, x, 8, y, 8, &out);
    cr_assert_eq(out, 0);
}
