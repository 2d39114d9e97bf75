/* erf for one, four and eight numbers at a time, and with the same bits in every one of them: float64 within 0.8 ulp,
 * float32 within 0.75.
 *
 * SLEEF's erf of that accuracy takes five times as long as its exp: double-double arithmetic over tables that it gathers
 * from. Here [0, 5.93) is cut into 8 intervals, and the coefficients of 8 polynomials are 8 numbers a degree: with AVX-512
 * one register, out of which one permutation takes eight at a time. What is beyond is 1; NaN stays.
 *
 *     near 0      erf(x) = x + x P(x)                  below 0.48: x P(x) is an eighth of the result
 *     elsewhere   erf(c + t) = high + t P(t)           c about the middle of the interval, |t| <= 0.39
 *
 * Loads of coefficients are what limits it: 16 intervals, two registers a coefficient, took half as long again. The last
 * six of P's 16 coefficients need 20 bits each, so that two lie in one double: the first is that double, the second is its
 * lower half moved up. The centres are chosen (as Gal chose the entries of his tables) so that `high` and P's first
 * coefficient are doubles but for a hundredth of a last place. Errors in units of the result's: half from the last sum; P's
 * rounding, of a number below 1 and at 2^-54, times |t|: 0.2; what is rounded before it, times t²: 0.05; near 0 0.13 for
 * both.
 *
 * float32 has 16 intervals of 3/8, whose coefficients fill a register: x + x P(x²) near 0, and elsewhere
 * high + (low + t (slope + t Q(t))), where t slope is up to 0.4 of `high`: the product and the sum are made exactly, as
 * pairs, before the small rest is added.
 *
 * The steps are the same operations in every width, fused multiply-adds where written and only there, so that an element
 * has the same value wherever it lies. The tables are made by erf_table.py. Only for x86 with FMA: elsewhere libm's erf is
 * called. Vectors of 512 bits stand in erf512.c, because how they are passed depends on what a file is compiled for; neither
 * is contracted. */
#if defined(__x86_64__)
#include "runtime/erf.h"
#include "runtime/pick.h"
#include <math.h>
#include <stdint.h>
#include <string.h>

static double lower_half(double pair) {
    uint64_t bits;
    memcpy(&bits, &pair, sizeof bits);
    bits <<= 32;
    memcpy(&pair, &bits, sizeof bits);
    return pair;
}

double plrt_erf(double x) {
    double a = fabs(x);
    a = END < a ? END : a; /* NaN stays */
    double z = __builtin_fma(a, SCALE, WHOLES + FIRST);
    uint64_t bits;
    memcpy(&bits, &z, sizeof bits);
    int i = (int)(bits >> WHOLE_BIT & 7);
    double t = a - centre_of[i], h = z < WHOLES + 1 ? a : high_of[i], tt = t * t;
    double c14 = c14_of[i], c12 = c12_of[i], c10 = c10_of[i];
    double odd = __builtin_fma(tt, lower_half(c14), lower_half(c12)), even = __builtin_fma(tt, c14, c12);
    odd = __builtin_fma(tt, odd, lower_half(c10)), even = __builtin_fma(tt, even, c10);
    for (int k = 8; k > 0; k -= 2) {
        odd = __builtin_fma(tt, odd, coefficients[k + 1][i]);
        even = __builtin_fma(tt, even, coefficients[k][i]);
    }
    double p = __builtin_fma(t, __builtin_fma(t, __builtin_fma(t, odd, even), c1_of[i]), c0_of[i]);
    return __builtin_copysign(__builtin_fma(t, p, h), x);
}

static __m256d lower_halves(__m256d pairs) {
    return _mm256_castsi256_pd(_mm256_slli_epi64(_mm256_castpd_si256(pairs), 32));
}

__m256d plrt_erf_d4(__m256d x) {
    const __m256d sign = _mm256_set1_pd(-0.0);
    __m256d a = _mm256_min_pd(_mm256_set1_pd(END), _mm256_andnot_pd(sign, x));
    __m256d z = _mm256_fmadd_pd(a, _mm256_set1_pd(SCALE), _mm256_set1_pd(WHOLES + FIRST));
    __m256d first = _mm256_cmp_pd(z, _mm256_set1_pd(WHOLES + 1), _CMP_LT_OQ);
    pick_d4 i = pick_at(_mm256_srli_epi64(_mm256_castpd_si256(z), WHOLE_BIT));
    __m256d t = _mm256_sub_pd(a, pick(centre_of, i)), h = _mm256_blendv_pd(pick(high_of, i), a, first);
    __m256d tt = _mm256_mul_pd(t, t), c14 = pick(c14_of, i), c12 = pick(c12_of, i), c10 = pick(c10_of, i);
    __m256d odd = _mm256_fmadd_pd(tt, lower_halves(c14), lower_halves(c12)), even = _mm256_fmadd_pd(tt, c14, c12);
    odd = _mm256_fmadd_pd(tt, odd, lower_halves(c10)), even = _mm256_fmadd_pd(tt, even, c10);
    for (int k = 8; k > 0; k -= 2) {
        odd = _mm256_fmadd_pd(tt, odd, pick(coefficients[k + 1], i));
        even = _mm256_fmadd_pd(tt, even, pick(coefficients[k], i));
    }
    __m256d p = _mm256_fmadd_pd(t, _mm256_fmadd_pd(t, odd, even), pick(c1_of, i));
    __m256d y = _mm256_fmadd_pd(t, _mm256_fmadd_pd(t, p, pick(c0_of, i)), h);
    return _mm256_or_pd(_mm256_andnot_pd(sign, y), _mm256_and_pd(sign, x));
}

float plrt_erff(float x) {
    float a = fabsf(x);
    a = a < END_F ? a : END_F; /* NaN too: it comes back at the end */
    int i = (int)(a * (1 / STEP_F));
    float c = __builtin_fmaf((float)i, STEP_F, STEP_F / 2);
    float t = a - c, v = i == 0 ? a * a : t;
    float q = coefficients_f[DEGREE_F][i];
    for (int k = DEGREE_F - 1; k >= 0; k--)
        q = __builtin_fmaf(q, v, coefficients_f[k][i]);
    float near = __builtin_fmaf(a, q, a);
    float p = t * slope_off[i], lost = __builtin_fmaf(t, slope_off[i], -p);
    float s = high_off[i] + p, rest = p - (s - high_off[i]);
    float far = s + (rest + (lost + __builtin_fmaf(t * t, q, low_off[i])));
    float y = __builtin_copysignf(i == 0 ? near : far, x);
    return x == x ? y : x;
}

__m256 plrt_erff_f8(__m256 x) {
    const __m256 sign = _mm256_set1_ps(-0.0f);
    __m256 a = _mm256_min_ps(_mm256_andnot_ps(sign, x), _mm256_set1_ps(END_F));
    __m256i i = _mm256_cvttps_epi32(_mm256_mul_ps(a, _mm256_set1_ps(1 / STEP_F)));
    __m256 k = _mm256_cvtepi32_ps(i);
    __m256 c = _mm256_fmadd_ps(k, _mm256_set1_ps(STEP_F), _mm256_set1_ps(STEP_F / 2));
    __m256 t = _mm256_sub_ps(a, c), first = _mm256_cmp_ps(k, _mm256_setzero_ps(), _CMP_EQ_OQ);
    __m256 v = _mm256_blendv_ps(t, _mm256_mul_ps(a, a), first);
    __m256 q = _mm256_i32gather_ps(coefficients_f[DEGREE_F], i, 4);
    for (int n = DEGREE_F - 1; n >= 0; n--)
        q = _mm256_fmadd_ps(q, v, _mm256_i32gather_ps(coefficients_f[n], i, 4));
    __m256 near = _mm256_fmadd_ps(a, q, a);
    __m256 slope = _mm256_i32gather_ps(slope_off, i, 4), high = _mm256_i32gather_ps(high_off, i, 4);
    __m256 p = _mm256_mul_ps(t, slope), lost = _mm256_fmsub_ps(t, slope, p);
    __m256 s = _mm256_add_ps(high, p), rest = _mm256_sub_ps(p, _mm256_sub_ps(s, high));
    __m256 small = _mm256_fmadd_ps(_mm256_mul_ps(t, t), q, _mm256_i32gather_ps(low_off, i, 4));
    __m256 far = _mm256_add_ps(s, _mm256_add_ps(rest, _mm256_add_ps(lost, small)));
    __m256 y = _mm256_or_ps(_mm256_blendv_ps(far, near, first), _mm256_and_ps(sign, x));
    return _mm256_blendv_ps(y, x, _mm256_cmp_ps(x, x, _CMP_UNORD_Q));
}
#else
typedef int plait_no_erf;
#endif
