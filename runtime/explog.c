/* exp and log for one, four and eight numbers at a time, within 0.75 and 0.8 ulp, with the same bits in every width.
 *
 * Both follow Tang's table-driven method (ACM TOMS 15 and 16), with tables so short that a register or two hold them: a
 * permutation looks up what eight lanes need. The steps are the same operations in every width, fused multiply-adds where
 * written and only there, so that an element has the same value wherever it lies.
 *
 *     exp  x = (k + j/8) ln2 + r, |r| <= ln2/16   2^k (T + (T p + rest of T)), T = 2^(j/8), p = r + r² Q(r) = e^r - 1
 *     log  x = 2^k m, 3/4 <= m < 3/2              (k short ln2 + L) + r + r² Q(r) + k rest of ln2
 *          m v = 1 + r, -1/32 <= r <= 1/16        v about 1 / the middle of one of 16 intervals, L = -log v
 *
 * exp's error, in units of the last place of T + ..., at most 2^-52: half from the last sum, 0.04 each from r, p and the
 * bracket, since these are below 0.1; Q is exact to 2^-58. The power of two is multiplied in exactly, or, where the result
 * is subnormal, rounded once more: 0.75 there. Its halves are applied one after the other, both being normal numbers;
 * AVX-512's instruction for it gives the same.
 *
 * log's v are chosen (as Gal chose the entries of his tables) so that L is a multiple of 2^-43, as the short ln2 is, but
 * for 2^-61. So s = k ln2 + L is exact; it is 0 for intervals next to 1, whose v is 1 and whose r is exact, and otherwise
 * greater than r, so that s + r is known as a pair. What is left: half from the last sum, at most a quarter from r's
 * rounding (next to those intervals: 2^-59 of a result whose last place is 2^-57), and small terms.
 *
 * The tables are made by explog_table.py. Only for x86 with FMA: elsewhere libm or SLEEF is called. Eight at a time stand
 * in explog512.c, because how vectors are passed depends on what a file is compiled for; neither is contracted. */
#if defined(__x86_64__)
#include "runtime/explog.h"
#include "runtime/pick.h"
#include <math.h>
#include <stdint.h>
#include <string.h>

static uint64_t to_bits(double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static double from_bits(uint64_t bits) {
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

#define EXPONENT_OF_1 (UINT64_C(1023) << 52)

double plrt_exp(double x) {
    x = EXP_MOST < x ? EXP_MOST : x; /* NaN stays */
    x = EXP_LEAST > x ? EXP_LEAST : x;
    double z = __builtin_fma(x, constant[LOG2_E], EIGHTHS), k = z - EIGHTHS;
    double r = __builtin_fma(k, -constant[LN2_LOW], __builtin_fma(k, -constant[LN2_HIGH], x)), rr = r * r;
    uint64_t i = to_bits(z);
    double a = __builtin_fma(r, exp_q[1], exp_q[0]), b = __builtin_fma(r, exp_q[3], exp_q[2]);
    double c = __builtin_fma(r, exp_q[5], exp_q[4]);
    double p = __builtin_fma(rr, __builtin_fma(rr, __builtin_fma(rr, c, b), a), r), t = power[i & 7];
    double y = t + __builtin_fma(t, p, power_rest[i & 7]);
    uint64_t half = i >> 4, other = (i >> 3) - half;
    return y * from_bits((half << 52) + EXPONENT_OF_1) * from_bits((other << 52) + EXPONENT_OF_1);
}

static __m256d power_of_two(__m256i exponent) {
    __m256i one = _mm256_set1_epi64x((int64_t)EXPONENT_OF_1);
    return _mm256_castsi256_pd(_mm256_add_epi64(_mm256_slli_epi64(exponent, 52), one));
}

#define ALL(x) _mm256_set1_pd(x)

__m256d plrt_exp_d4(__m256d x) {
    x = _mm256_max_pd(ALL(EXP_LEAST), _mm256_min_pd(ALL(EXP_MOST), x));
    __m256d z = _mm256_fmadd_pd(x, ALL(constant[LOG2_E]), ALL(EIGHTHS)), k = _mm256_sub_pd(z, ALL(EIGHTHS));
    __m256d r = _mm256_fnmadd_pd(k, ALL(constant[LN2_LOW]), _mm256_fnmadd_pd(k, ALL(constant[LN2_HIGH]), x));
    __m256d rr = _mm256_mul_pd(r, r);
    __m256i i = _mm256_castpd_si256(z);
    pick_d4 j = pick_at(i);
    __m256d a = _mm256_fmadd_pd(r, ALL(exp_q[1]), ALL(exp_q[0])), b = _mm256_fmadd_pd(r, ALL(exp_q[3]), ALL(exp_q[2]));
    __m256d c = _mm256_fmadd_pd(r, ALL(exp_q[5]), ALL(exp_q[4]));
    __m256d p = _mm256_fmadd_pd(rr, _mm256_fmadd_pd(rr, _mm256_fmadd_pd(rr, c, b), a), r), t = pick(power, j);
    __m256d y = _mm256_add_pd(t, _mm256_fmadd_pd(t, p, pick(power_rest, j)));
    __m256i half = _mm256_srli_epi64(i, 4), other = _mm256_sub_epi64(_mm256_srli_epi64(i, 3), half);
    return _mm256_mul_pd(_mm256_mul_pd(y, power_of_two(half)), power_of_two(other));
}

#define LEAST_NORMAL 0x1p-1022
#define ABOVE_SUBNORMAL 0x1p54
#define THREE_QUARTERS (UINT64_C(0x3fe8) << 48)
#define EXPONENT_BITS (UINT64_C(0xfff) << 52)
#define WHOLE 0x1p52 /* the number whose lowest bits are a whole number's when that is added */

double plrt_log(double x) {
    if (!(x > 0 && x < INFINITY))
        return x == 0 ? -INFINITY : x < 0 ? -(double)NAN : x;
    double up = x < LEAST_NORMAL ? x * ABOVE_SUBNORMAL : x, less = x < LEAST_NORMAL ? 54 : 0;
    uint64_t from = to_bits(up) - THREE_QUARTERS, bits = to_bits(up) - (from & EXPONENT_BITS);
    double k = (double)((int64_t)from >> 52) - less, m = from_bits(bits);
    int i = (int)(bits >> 48 & 15);
    double r = __builtin_fma(m, inverse[i], -1.0), s = __builtin_fma(k, constant[LN2_SHORT], log_of[i]);
    double high = s + r, low = (s - high) + r, rr = r * r, r4 = rr * rr;
    double a = __builtin_fma(r, log_q[1], log_q[0]), b = __builtin_fma(r, log_q[3], log_q[2]);
    double c = __builtin_fma(r, log_q[5], log_q[4]), d = __builtin_fma(r, log_q[7], log_q[6]);
    d = __builtin_fma(rr, __builtin_fma(r, log_q[9], log_q[8]), d);
    double q = __builtin_fma(rr, __builtin_fma(r4, d, __builtin_fma(rr, c, b)), a);
    return high + __builtin_fma(rr, q, __builtin_fma(k, constant[LN2_REST], low));
}

/* -inf of 0, NaN of what is below; infinity and NaN stay. */
static __m256d mend_edges(__m256d y, __m256d x) {
    const __m256d zero = _mm256_setzero_pd(), endless = ALL(INFINITY);
    __m256d stays = _mm256_cmp_pd(x, endless, _CMP_NLT_UQ);
    y = _mm256_blendv_pd(y, x, stays);
    y = _mm256_blendv_pd(y, ALL(-INFINITY), _mm256_cmp_pd(x, zero, _CMP_EQ_OQ));
    return _mm256_blendv_pd(y, ALL(-(double)NAN), _mm256_cmp_pd(x, zero, _CMP_LT_OQ));
}

__m256d plrt_log_d4(__m256d x) {
    __m256d small = _mm256_cmp_pd(x, ALL(LEAST_NORMAL), _CMP_LT_OQ);
    __m256i up = _mm256_castpd_si256(_mm256_blendv_pd(x, _mm256_mul_pd(x, ALL(ABOVE_SUBNORMAL)), small));
    __m256i from = _mm256_sub_epi64(up, _mm256_set1_epi64x((int64_t)THREE_QUARTERS));
    __m256i bits = _mm256_sub_epi64(up, _mm256_and_si256(from, _mm256_set1_epi64x((int64_t)EXPONENT_BITS)));
    /* The exponent, 1024 too great so that it is not negative, becomes a double in the lowest bits of 2^52. */
    __m256i more = _mm256_srli_epi64(_mm256_add_epi64(from, _mm256_set1_epi64x(INT64_C(1024) << 52)), 52);
    __m256d whole = _mm256_or_pd(_mm256_castsi256_pd(more), ALL(WHOLE));
    __m256d k = _mm256_sub_pd(_mm256_sub_pd(whole, ALL(WHOLE + 1024)), _mm256_and_pd(small, ALL(54)));
    __m256i i = _mm256_and_si256(_mm256_srli_epi64(bits, 48), _mm256_set1_epi64x(15));
    __m256d m = _mm256_castsi256_pd(bits), v = _mm256_i64gather_pd(inverse, i, 8);
    __m256d r = _mm256_fmsub_pd(m, v, ALL(1));
    __m256d s = _mm256_fmadd_pd(k, ALL(constant[LN2_SHORT]), _mm256_i64gather_pd(log_of, i, 8));
    __m256d high = _mm256_add_pd(s, r), low = _mm256_add_pd(_mm256_sub_pd(s, high), r);
    __m256d rr = _mm256_mul_pd(r, r), r4 = _mm256_mul_pd(rr, rr);
    __m256d a = _mm256_fmadd_pd(r, ALL(log_q[1]), ALL(log_q[0])), b = _mm256_fmadd_pd(r, ALL(log_q[3]), ALL(log_q[2]));
    __m256d c = _mm256_fmadd_pd(r, ALL(log_q[5]), ALL(log_q[4])), d = _mm256_fmadd_pd(r, ALL(log_q[7]), ALL(log_q[6]));
    d = _mm256_fmadd_pd(rr, _mm256_fmadd_pd(r, ALL(log_q[9]), ALL(log_q[8])), d);
    __m256d q = _mm256_fmadd_pd(rr, _mm256_fmadd_pd(r4, d, _mm256_fmadd_pd(rr, c, b)), a);
    __m256d rest = _mm256_fmadd_pd(rr, q, _mm256_fmadd_pd(k, ALL(constant[LN2_REST]), low));
    return mend_edges(_mm256_add_pd(high, rest), x);
}
#else
typedef int plait_no_explog;
#endif
