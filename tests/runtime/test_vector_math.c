/* exp, log and erf of the runtime: near the truth of libm's long double, which is exact to 0.001 of a double's last place,
 * and with the same bits whatever number of them is computed at a time. */
#include "plait/runtime.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)
typedef struct family {
    const char *name;
    double (*one)(double);
    plrt_d4 (*four)(plrt_d4);
    plrt_d8 (*eight)(plrt_d8);
    long double (*truth)(long double);
    double
        most; /* units of the last place, from what is written in explog.c and erf.c; subnormal results may be 0.8 off */
} family;

static const family exp_family = {"exp", plrt_exp, plrt_exp_d4, plrt_exp_d8, expl, 0.65},
                    small_family = {"exp", plrt_exp, plrt_exp_d4, plrt_exp_d8, expl, 0.8},
                    log_family = {"log", plrt_log, plrt_log_d4, plrt_log_d8, logl, 0.8},
                    erf_family = {"erf", plrt_erf, plrt_erf_d4, plrt_erf_d8, erfl, 0.85};

enum { LANES = 8, BATCHES = 60000 };

__attribute__((target("avx2,fma"))) static void compute_fours(const family *f, const double *x, double *y) {
    for (int i = 0; i < LANES; i += 4) {
        plrt_d4 v;
        memcpy(&v, x + i, sizeof v);
        v = f->four(v);
        memcpy(y + i, &v, sizeof v);
    }
}

__attribute__((target("avx512f"))) static void compute_eight(const family *f, const double *x, double *y) {
    plrt_d8 v;
    memcpy(&v, x, sizeof v);
    v = f->eight(v);
    memcpy(y, &v, sizeof v);
}

static void expect_near(const family *f, double x, double y) {
    long double want = f->truth((long double)x);
    if (isnan(want)) {
        cr_assert(isnan(y), "%s(%a) = %a", f->name, x, y);
    } else if (isinf((double)want) || want == 0) {
        cr_assert(y == (double)want && !signbit(y) == !signbit(want), "%s(%a) = %a", f->name, x, y);
    } else {
        int exponent = 0;
        frexpl(want, &exponent);
        int last = exponent - 53 < -1074 ? -1074 : exponent - 53;
        double away = (double)(fabsl((long double)y - want) / ldexpl(1, last));
        cr_assert(away <= f->most, "%s(%a) = %a: %.3f units of the last place away", f->name, x, y, away);
    }
}

static void expect_all(const family *f, const double *x) {
    double one[LANES], others[LANES];
    for (int i = 0; i < LANES; i++)
        expect_near(f, x[i], one[i] = f->one(x[i]));
    compute_fours(f, x, others);
    cr_assert(memcmp(one, others, sizeof one) == 0, "%s of four numbers among %a, %a, ...", f->name, x[0], x[1]);
    if (!__builtin_cpu_supports("avx512f"))
        return;
    compute_eight(f, x, others);
    cr_assert(memcmp(one, others, sizeof one) == 0, "%s of eight numbers among %a, %a, ...", f->name, x[0], x[1]);
}

/* Every number in each of the lanes, the others beside it. */
static void expect_each(const family *f, const double *numbers, size_t n) {
    for (size_t first = 0; first < n; first++) {
        double x[LANES];
        for (size_t i = 0; i < LANES; i++)
            x[i] = numbers[(first + i) % n];
        expect_all(f, x);
    }
}

static uint64_t next_bits(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static double next_between(uint64_t *state, double low, double high) {
    return low + (high - low) * ((double)(next_bits(state) >> 11) * 0x1p-53);
}

static void expect_between(const family *f, double low, double high) {
    uint64_t state = 88172645463325252u;
    for (int batch = 0; batch < BATCHES; batch++) {
        double x[LANES];
        for (int i = 0; i < LANES; i++)
            x[i] = next_between(&state, low, high);
        expect_all(f, x);
    }
}

/* Of any size from 2^low to 2^high, with either sign. */
static void expect_sizes(const family *f, double low, double high) {
    uint64_t state = 362436069u;
    for (int batch = 0; batch < BATCHES; batch++) {
        double x[LANES];
        for (int i = 0; i < LANES; i++)
            x[i] = copysign(exp2(next_between(&state, low, high)), next_bits(&state) & 1 ? 1.0 : -1.0);
        expect_all(f, x);
    }
}

static bool has_fma(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static const double edges[] = {0.0,
                               -0.0,
                               INFINITY,
                               -INFINITY,
                               NAN,
                               1.0,
                               -1.0,
                               0x1p-1074,
                               -0x1p-1074,
                               0x1p-1022,
                               0x1.ffffffffffffep-1023,
                               0x1.fffffffffffffp+1023,
                               -0x1.fffffffffffffp+1023,
                               0x1.8p+1023,
                               0x1.7ffffffffffffp+1023,
                               1e300,
                               -1e300};

Test(vector_math, exp_is_exact_to_0_65) {
    static const double ends[] = {0x1.62e42fefa39efp+9,
                                  0x1.62e42fefa39f0p+9,
                                  -0x1.74910d52d3051p+9,
                                  -0x1.74910d52d3052p+9,
                                  -0x1.6232bdd7abcd2p+9,
                                  -0x1.6232bdd7abcd3p+9,
                                  1000.0,
                                  -1000.0,
                                  720.0,
                                  721.0,
                                  -750.0,
                                  -751.0};
    if (!has_fma())
        return;
    expect_each(&small_family, edges, sizeof edges / sizeof edges[0]);
    expect_each(&small_family, ends, sizeof ends / sizeof ends[0]);
    expect_between(&exp_family, -1, 1);
    expect_between(&exp_family, -708, 709.7);
    expect_between(&small_family, -746, -708);
    expect_sizes(&exp_family, -60, 3);
}

Test(vector_math, log_is_exact_to_0_8) {
    double ends[4 * 16]; /* of the intervals */
    for (int i = 0; i < 16; i++) {
        double end = i < 8 ? 1 + i / 16.0 : (16 + i) / 32.0;
        ends[4 * i] = end;
        ends[4 * i + 1] = nextafter(end, 0);
        ends[4 * i + 2] = ldexp(nextafter(end, 2), -1030);
        ends[4 * i + 3] = ldexp(nextafter(end, 0), 1023);
    }
    if (!has_fma())
        return;
    expect_each(&log_family, edges, sizeof edges / sizeof edges[0]);
    expect_each(&log_family, ends, sizeof ends / sizeof ends[0]);
    expect_between(&log_family, 0.9, 1.15);
    expect_between(&log_family, 0.4, 2.5);
    expect_between(&log_family, 0, 0x1p-1022);
    expect_sizes(&log_family, -1074, 1023);
}

Test(vector_math, erf_is_exact_to_0_85) {
    double ends[3 * 8]; /* of the intervals */
    for (int i = 0; i < 8; i++) {
        ends[3 * i] = 0.4805 + i * (5.9325 - 0.4805) / 7;
        ends[3 * i + 1] = ends[3 * i] * (1 - 0x1p-20);
        ends[3 * i + 2] = ends[3 * i] * (1 + 0x1p-20);
    }
    if (!has_fma())
        return;
    expect_each(&erf_family, edges, sizeof edges / sizeof edges[0]);
    expect_each(&erf_family, ends, sizeof ends / sizeof ends[0]);
    expect_between(&erf_family, -6, 6);
    expect_between(&erf_family, 0.3, 0.7);
    expect_sizes(&erf_family, -1070, 3);
}
#endif
