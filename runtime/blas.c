/* Dense products, by the CBLAS that the process has.
 *
 * In a Python process that is the one NumPy carries: the same routine gives the same bits as NumPy, and one pool of
 * threads is enough. Its names differ (a prefix, a suffix for 64-bit integers), so the loaded libraries are searched
 * for each spelling; then the usual libraries are tried; without any, own loops do it. */
#define _GNU_SOURCE
#include <complex.h>
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/rt.h"

enum { ROW_MAJOR = 101, NO_TRANS = 111, TRANS = 112 };
enum { TYPES = 4 };

static const char type_codes[] = "fdFD";
static const int64_t type_sizes[TYPES] = {4, 8, 8, 16};
static const char blas_letters[] = "sdcz";

typedef void (*function)(void);

typedef struct library {
    bool wide; /* 64-bit integers */
    function gemm[TYPES], gemv[TYPES], dot[TYPES];
} library;

static library blas;
static pthread_once_t blas_once = PTHREAD_ONCE_INIT;

static int type_index(int32_t dtype) {
    const char *p = strchr(type_codes, dtype);
    return p != NULL ? (int)(p - type_codes) : 1;
}

/* ---- finding one --------------------------------------------------------------------------------------------------
 */

typedef struct spelling {
    const char *prefix, *suffix;
    bool wide;
} spelling;

static const spelling spellings[] = {
    {"scipy_cblas_", "64_", true}, {"cblas_", "64_", true}, {"scipy_cblas_", "", false}, {"cblas_", "", false}};

static function find(void *handle, const spelling *s, const char *routine) {
    char name[64];
    snprintf(name, sizeof name, "%s%s%s", s->prefix, routine, s->suffix);
    function f = NULL;
    void *address = dlsym(handle, name);
    memcpy(&f, &address, sizeof f);
    return f;
}

static bool fill_from(void *handle, const spelling *s) {
    char name[16];
    library l = {.wide = s->wide};
    for (int t = 0; t < TYPES; t++) {
        snprintf(name, sizeof name, "%cgemm", blas_letters[t]);
        l.gemm[t] = find(handle, s, name);
        snprintf(name, sizeof name, "%cgemv", blas_letters[t]);
        l.gemv[t] = find(handle, s, name);
        snprintf(name, sizeof name, t < 2 ? "%cdot" : "%cdotu_sub", blas_letters[t]);
        l.dot[t] = find(handle, s, name);
        if (l.gemm[t] == NULL || l.gemv[t] == NULL || l.dot[t] == NULL)
            return false;
    }
    blas = l;
    return true;
}

static bool fill_from_any(void *handle) {
    for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++)
        if (fill_from(handle, &spellings[i]))
            return true;
    return false;
}

static int try_loaded(struct dl_phdr_info *info, size_t size, void *found) {
    (void)size;
    if (strstr(info->dlpi_name, "blas") == NULL && strstr(info->dlpi_name, "mkl_rt") == NULL)
        return 0;
    void *handle = dlopen(info->dlpi_name, RTLD_NOLOAD | RTLD_LAZY);
    if (handle == NULL)
        return 0;
    *(bool *)found = fill_from_any(handle);
    return *(bool *)found;
}

static void load_blas(void) {
    static const char *const names[] = {"libopenblas.so.0", "libcblas.so.3", "libblas.so.3", "libmkl_rt.so.2"};
    bool found = false;
    if (getenv("PLAIT_NO_BLAS") != NULL)
        return;
    dl_iterate_phdr(try_loaded, &found);
    for (size_t i = 0; i < sizeof names / sizeof names[0] && !found; i++) {
        void *handle = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
        if (handle == NULL)
            continue;
        found = fill_from_any(handle);
        if (!found)
            dlclose(handle);
    }
}

static bool usable(int64_t a, int64_t b, int64_t c) {
    pthread_once(&blas_once, load_blas);
    if (blas.gemm[0] == NULL)
        return false;
    return blas.wide || (a <= INT32_MAX && b <= INT32_MAX && c <= INT32_MAX);
}

/* ---- own loops ----------------------------------------------------------------------------------------------------
 */

typedef struct matrix {
    const char *data;
    int64_t s0, s1; /* bytes */
} matrix;

typedef struct product {
    int64_t m, n, k;
    matrix a, b, c;
} product;

#define AT(T, x, i, j) ((T *)(uintptr_t)((x).data + (i) * (x).s0 + (j) * (x).s1))

/* Rows of b are walked in the inner loop, which suits the usual row-major operands. */
#define DEFINE_LOOPS(T, gemm_name, dot_name)                                                                           \
    static void gemm_name(const product *p) {                                                                          \
        for (int64_t i = 0; i < p->m; i++) {                                                                           \
            for (int64_t j = 0; j < p->n; j++)                                                                         \
                *AT(T, p->c, i, j) = 0;                                                                                \
            for (int64_t l = 0; l < p->k; l++) {                                                                       \
                T x = *AT(T, p->a, i, l);                                                                              \
                for (int64_t j = 0; j < p->n; j++)                                                                     \
                    *AT(T, p->c, i, j) += x * *AT(T, p->b, l, j);                                                      \
            }                                                                                                          \
        }                                                                                                              \
    }                                                                                                                  \
    static void dot_name(int64_t n, matrix x, matrix y, void *out) {                                                   \
        T sum = 0;                                                                                                     \
        for (int64_t i = 0; i < n; i++)                                                                                \
            sum += *AT(T, x, i, 0) * *AT(T, y, i, 0);                                                                  \
        memcpy(out, &sum, sizeof sum);                                                                                 \
    }

DEFINE_LOOPS(float, gemm_f, dot_f)
DEFINE_LOOPS(double, gemm_d, dot_d)
DEFINE_LOOPS(float complex, gemm_cf, dot_cf)
DEFINE_LOOPS(double complex, gemm_cd, dot_cd)

static void (*const own_gemm[TYPES])(const product *) = {gemm_f, gemm_d, gemm_cf, gemm_cd};
static void (*const own_dot[TYPES])(int64_t, matrix, matrix, void *) = {dot_f, dot_d, dot_cf, dot_cd};

/* ---- calling CBLAS ------------------------------------------------------------------------------------------------
 */

/* An operand as CBLAS takes it: rows or columns contiguous, or else a packed copy. */
typedef struct operand {
    const void *data;
    void *copy;
    int32_t trans;
    int64_t ld;
} operand;

static bool fits(int64_t stride, int64_t size, int64_t least) {
    return stride > 0 && stride % size == 0 && stride / size >= least && stride / size <= INT32_MAX;
}

static bool make_operand(operand *o, matrix x, int64_t rows, int64_t cols, int64_t size) {
    int64_t row_least = cols > 1 ? cols : 1, col_least = rows > 1 ? rows : 1;
    *o = (operand){.data = x.data};
    if ((x.s1 == size || cols == 1) && (fits(x.s0, size, row_least) || rows == 1)) {
        o->trans = NO_TRANS;
        o->ld = rows == 1 ? row_least : x.s0 / size;
        return true;
    }
    if ((x.s0 == size || rows == 1) && (fits(x.s1, size, col_least) || cols == 1)) {
        o->trans = TRANS;
        o->ld = cols == 1 ? col_least : x.s1 / size;
        return true;
    }
    char *copy = malloc((size_t)rows * (size_t)cols * (size_t)size);
    if (copy == NULL)
        return false;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++)
            memcpy(copy + (i * cols + j) * size, x.data + i * x.s0 + j * x.s1, (size_t)size);
    *o = (operand){.data = copy, .copy = copy, .trans = NO_TRANS, .ld = cols};
    return true;
}

static const float one_f[2] = {1.0f, 0.0f}, zero_f[2];
static const double one_d[2] = {1.0, 0.0}, zero_d[2];

static const void *constant(int type, bool one) {
    if (type % 2 == 0)
        return one ? one_f : zero_f;
    return one ? (const void *)one_d : (const void *)zero_d;
}

/* Real routines take alpha and beta by value, complex ones by address; integers are 32 or 64 bits wide. */
#define CALL_GEMM(I)                                                                                                   \
    switch (t) {                                                                                                       \
    case 0:                                                                                                            \
        ((void (*)(int, int, int, I, I, I, float, const void *, I, const void *, I, float, void *, I))f)(              \
            ROW_MAJOR, a->trans, b->trans, (I)p->m, (I)p->n, (I)p->k, 1.0f, a->data, (I)a->ld, b->data, (I)b->ld,      \
            0.0f, c, (I)ldc);                                                                                          \
        break;                                                                                                         \
    case 1:                                                                                                            \
        ((void (*)(int, int, int, I, I, I, double, const void *, I, const void *, I, double, void *, I))f)(            \
            ROW_MAJOR, a->trans, b->trans, (I)p->m, (I)p->n, (I)p->k, 1.0, a->data, (I)a->ld, b->data, (I)b->ld, 0.0,  \
            c, (I)ldc);                                                                                                \
        break;                                                                                                         \
    default:                                                                                                           \
        ((void (*)(int, int, int, I, I, I, const void *, const void *, I, const void *, I, const void *, void *,       \
                   I))f)(ROW_MAJOR, a->trans, b->trans, (I)p->m, (I)p->n, (I)p->k, constant(t, true), a->data,         \
                         (I)a->ld, b->data, (I)b->ld, constant(t, false), c, (I)ldc);                                  \
    }

static void call_gemm(int t, const product *p, const operand *a, const operand *b, void *c, int64_t ldc) {
    function f = blas.gemm[t];
    if (blas.wide) {
        CALL_GEMM(int64_t)
    } else {
        CALL_GEMM(int32_t)
    }
}

#define CALL_GEMV(I)                                                                                                   \
    switch (t) {                                                                                                       \
    case 0:                                                                                                            \
        ((void (*)(int, int, I, I, float, const void *, I, const void *, I, float, void *, I))f)(                      \
            ROW_MAJOR, a->trans, (I)rows, (I)cols, 1.0f, a->data, (I)a->ld, x, (I)incx, 0.0f, y, (I)incy);             \
        break;                                                                                                         \
    case 1:                                                                                                            \
        ((void (*)(int, int, I, I, double, const void *, I, const void *, I, double, void *, I))f)(                    \
            ROW_MAJOR, a->trans, (I)rows, (I)cols, 1.0, a->data, (I)a->ld, x, (I)incx, 0.0, y, (I)incy);               \
        break;                                                                                                         \
    default:                                                                                                           \
        ((void (*)(int, int, I, I, const void *, const void *, I, const void *, I, const void *, void *, I))f)(        \
            ROW_MAJOR, a->trans, (I)rows, (I)cols, constant(t, true), a->data, (I)a->ld, x, (I)incx,                   \
            constant(t, false), y, (I)incy);                                                                           \
    }

/* y = A x, with `rows` and `cols` those of the stored matrix: a transposed operand is stored the other way round. */
static void call_gemv(int t, const operand *a, int64_t m, int64_t k, const void *x, int64_t incx, void *y,
                      int64_t incy) {
    function f = blas.gemv[t];
    int64_t rows = a->trans == NO_TRANS ? m : k, cols = a->trans == NO_TRANS ? k : m;
    if (blas.wide) {
        CALL_GEMV(int64_t)
    } else {
        CALL_GEMV(int32_t)
    }
}

static matrix transposed(matrix x) {
    return (matrix){x.data, x.s1, x.s0};
}

/* c[m] = a[m,k] x[k], the product of a matrix and a vector. */
static bool multiply_vector(int t, int64_t m, int64_t k, matrix a, const char *x, int64_t xs, const char *y,
                            int64_t ys) {
    int64_t size = type_sizes[t];
    operand o;
    if ((k > 1 && !fits(xs, size, 1)) || (m > 1 && !fits(ys, size, 1)) || !make_operand(&o, a, m, k, size))
        return false;
    call_gemv(t, &o, m, k, x, k > 1 ? xs / size : 1, (void *)(uintptr_t)y, m > 1 ? ys / size : 1);
    free(o.copy);
    return true;
}

static bool multiply_matrices(int t, const product *p) {
    int64_t size = type_sizes[t], ldc = p->n;
    operand a, b;
    bool direct = p->c.s1 == size && fits(p->c.s0, size, p->n);
    char *c = direct ? (char *)(uintptr_t)p->c.data : malloc((size_t)p->m * (size_t)p->n * (size_t)size);
    bool have_a = make_operand(&a, p->a, p->m, p->k, size), have_b = make_operand(&b, p->b, p->k, p->n, size);
    bool ok = c != NULL && have_a && have_b;
    if (direct)
        ldc = p->c.s0 / size;
    if (ok)
        call_gemm(t, p, &a, &b, c, ldc);
    if (have_a)
        free(a.copy);
    if (have_b)
        free(b.copy);
    if (direct)
        return ok;
    for (int64_t i = 0; ok && i < p->m; i++)
        for (int64_t j = 0; j < p->n; j++)
            memcpy((char *)(uintptr_t)p->c.data + i * p->c.s0 + j * p->c.s1, c + (i * p->n + j) * size, (size_t)size);
    free(c);
    return ok;
}

static bool multiply_by_blas(int t, const product *p) {
    if (p->n == 1)
        return multiply_vector(t, p->m, p->k, p->a, p->b.data, p->b.s0, p->c.data, p->c.s0);
    if (p->m == 1)
        return multiply_vector(t, p->n, p->k, transposed(p->b), p->a.data, p->a.s1, p->c.data, p->c.s1);
    return multiply_matrices(t, p);
}

/* CBLAS insists on operands at multiples of their size. */
static bool is_aligned(const product *p, int64_t size) {
    uintptr_t bits = (uintptr_t)p->a.data | (uintptr_t)p->b.data | (uintptr_t)p->c.data;
    return bits % (uintptr_t)(size > 8 ? 8 : size) == 0;
}

void plrt_gemm(int32_t dtype, int64_t m, int64_t n, int64_t k, const void *a, int64_t as0, int64_t as1, const void *b,
               int64_t bs0, int64_t bs1, void *c, int64_t cs0, int64_t cs1) {
    int t = type_index(dtype);
    product p = {m, n, k, {a, as0, as1}, {b, bs0, bs1}, {c, cs0, cs1}};
    if (m <= 0 || n <= 0)
        return;
    if (k > 0 && usable(m, n, k) && is_aligned(&p, type_sizes[t]) && multiply_by_blas(t, &p))
        return;
    own_gemm[t](&p);
}

static void call_dot(int t, int64_t n, const void *x, int64_t incx, const void *y, int64_t incy, void *out) {
    function f = blas.dot[t];
    if (t == 0) {
        *(float *)out =
            blas.wide ? ((float (*)(int64_t, const void *, int64_t, const void *, int64_t))f)(n, x, incx, y, incy)
                      : ((float (*)(int, const void *, int, const void *, int))f)((int)n, x, (int)incx, y, (int)incy);
    } else if (t == 1) {
        *(double *)out =
            blas.wide ? ((double (*)(int64_t, const void *, int64_t, const void *, int64_t))f)(n, x, incx, y, incy)
                      : ((double (*)(int, const void *, int, const void *, int))f)((int)n, x, (int)incx, y, (int)incy);
    } else if (blas.wide) {
        ((void (*)(int64_t, const void *, int64_t, const void *, int64_t, void *))f)(n, x, incx, y, incy, out);
    } else {
        ((void (*)(int, const void *, int, const void *, int, void *))f)((int)n, x, (int)incx, y, (int)incy, out);
    }
}

void plrt_dot(int32_t dtype, int64_t n, const void *x, int64_t xs, const void *y, int64_t ys, void *out) {
    int t = type_index(dtype);
    int64_t size = type_sizes[t];
    bool aligned = ((uintptr_t)x | (uintptr_t)y) % (uintptr_t)(size > 8 ? 8 : size) == 0;
    if (n > 0 && aligned && usable(n, 0, 0) && (n == 1 || (fits(xs, size, 1) && fits(ys, size, 1)))) {
        call_dot(t, n, x, n > 1 ? xs / size : 1, y, n > 1 ? ys / size : 1, out);
        return;
    }
    own_dot[t](n, (matrix){x, xs, 0}, (matrix){y, ys, 0}, out);
}
