/* erf for one, four and eight numbers at a time, within 0.75 ulp, and with the same bits in every one of them.
 *
 * SLEEF's erf of that accuracy takes five times as long as its exp: double-double arithmetic over tables that it gathers
 * from. Here [0, 6) is cut into 16 intervals of 3/8, and the coefficients of 16 polynomials are 16 numbers a degree: with
 * AVX-512 two registers, out of which one permutation takes eight at a time.
 *
 *     near 0      erf(x) = x + x P(x²)
 *     elsewhere   erf(c + t) = high + (low + t (slope + t Q(t))),  c the middle of the interval, |t| <= 3/16
 *
 * P's share of the result is 0.13, so that its rounding does not show. Of the other sum, t slope is up to 0.4 of `high`:
 * the product and the sum are made exactly, as pairs, before the small rest is added. Both polynomials have 12 coefficients
 * and run as one, in x² or in t. The steps are the same operations in every width, fused multiply-adds where written and
 * only there, so that an element has the same value wherever it lies. What is 6 and beyond is 1; NaN stays.
 *
 * The table is made by erf_table.py. Only for x86 with FMA: elsewhere libm's erf is called. Eight at a time stand in
 * erf512.c, because how vectors are passed depends on what a file is compiled for; neither is contracted. */
#if defined(__x86_64__)
#include "runtime/erf.h"
#include <math.h>

double plrt_erf(double x) {
    double a = fabs(x);
    a = a < END ? a : END; /* NaN too: it comes back at the end */
    int i = (int)(a * (1 / STEP));
    double c = __builtin_fma((double)i, STEP, STEP / 2);
    double t = a - c, v = i == 0 ? a * a : t;
    double q = coefficients[DEGREE][i];
    for (int k = DEGREE - 1; k >= 0; k--)
        q = __builtin_fma(q, v, coefficients[k][i]);
    double near = __builtin_fma(a, q, a);
    double p = t * slope_of[i], lost = __builtin_fma(t, slope_of[i], -p);
    double s = high_of[i] + p, rest = p - (s - high_of[i]);
    double far = s + (rest + (lost + __builtin_fma(t * t, q, low_of[i])));
    double y = __builtin_copysign(i == 0 ? near : far, x);
    return x == x ? y : x;
}

__m256d plrt_erf_d4(__m256d x) {
    const __m256d sign = _mm256_set1_pd(-0.0);
    __m256d a = _mm256_min_pd(_mm256_andnot_pd(sign, x), _mm256_set1_pd(END));
    __m128i i = _mm256_cvttpd_epi32(_mm256_mul_pd(a, _mm256_set1_pd(1 / STEP)));
    __m256d k = _mm256_cvtepi32_pd(i);
    __m256d c = _mm256_fmadd_pd(k, _mm256_set1_pd(STEP), _mm256_set1_pd(STEP / 2));
    __m256d t = _mm256_sub_pd(a, c), first = _mm256_cmp_pd(k, _mm256_setzero_pd(), _CMP_EQ_OQ);
    __m256d v = _mm256_blendv_pd(t, _mm256_mul_pd(a, a), first);
    __m256d q = _mm256_i32gather_pd(coefficients[DEGREE], i, 8);
    for (int n = DEGREE - 1; n >= 0; n--)
        q = _mm256_fmadd_pd(q, v, _mm256_i32gather_pd(coefficients[n], i, 8));
    __m256d near = _mm256_fmadd_pd(a, q, a);
    __m256d slope = _mm256_i32gather_pd(slope_of, i, 8), high = _mm256_i32gather_pd(high_of, i, 8);
    __m256d p = _mm256_mul_pd(t, slope), lost = _mm256_fmsub_pd(t, slope, p);
    __m256d s = _mm256_add_pd(high, p), rest = _mm256_sub_pd(p, _mm256_sub_pd(s, high));
    __m256d small = _mm256_fmadd_pd(_mm256_mul_pd(t, t), q, _mm256_i32gather_pd(low_of, i, 8));
    __m256d far = _mm256_add_pd(s, _mm256_add_pd(rest, _mm256_add_pd(lost, small)));
    __m256d y = _mm256_or_pd(_mm256_blendv_pd(far, near, first), _mm256_and_pd(sign, x));
    return _mm256_blendv_pd(y, x, _mm256_cmp_pd(x, x, _CMP_UNORD_Q));
}

float plrt_erff(float x) {
    float a = fabsf(x);
    a = a < END_F ? a : END_F;
    int i = (int)(a * (float)(1 / STEP));
    float c = __builtin_fmaf((float)i, (float)STEP, (float)STEP / 2);
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
    __m256i i = _mm256_cvttps_epi32(_mm256_mul_ps(a, _mm256_set1_ps((float)(1 / STEP))));
    __m256 k = _mm256_cvtepi32_ps(i);
    __m256 c = _mm256_fmadd_ps(k, _mm256_set1_ps((float)STEP), _mm256_set1_ps((float)STEP / 2));
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
