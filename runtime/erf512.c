/* erf for eight numbers at a time: see erf.c, whose steps these are. */
#if defined(__x86_64__)
#include "runtime/erf.h"
#include <stdint.h>

/* Elements i of one of the table's rows. */
static __m512d pick(const double *row, __m512i i) {
    return _mm512_permutex2var_pd(_mm512_load_pd(row), i, _mm512_load_pd(row + 8));
}

__m512d plrt_erf_d8(__m512d x) {
    const __m512i sign = _mm512_set1_epi64(INT64_MIN);
    __m512d a = _mm512_min_pd(_mm512_abs_pd(x), _mm512_set1_pd(END));
    __m256i i32 = _mm512_cvttpd_epi32(_mm512_mul_pd(a, _mm512_set1_pd(1 / STEP)));
    __m512i i = _mm512_cvtepi32_epi64(i32);
    __m512d k = _mm512_cvtepi32_pd(i32);
    __m512d c = _mm512_fmadd_pd(k, _mm512_set1_pd(STEP), _mm512_set1_pd(STEP / 2));
    __m512d t = _mm512_sub_pd(a, c);
    __mmask8 first = _mm512_cmp_pd_mask(k, _mm512_setzero_pd(), _CMP_EQ_OQ);
    __m512d v = _mm512_mask_mul_pd(t, first, a, a);
    __m512d q = pick(coefficients[DEGREE], i);
    for (int n = DEGREE - 1; n >= 0; n--)
        q = _mm512_fmadd_pd(q, v, pick(coefficients[n], i));
    __m512d slope = pick(slope_of, i), high = pick(high_of, i);
    __m512d p = _mm512_mul_pd(t, slope), lost = _mm512_fmsub_pd(t, slope, p);
    __m512d s = _mm512_add_pd(high, p), rest = _mm512_sub_pd(p, _mm512_sub_pd(s, high));
    __m512d small = _mm512_fmadd_pd(_mm512_mul_pd(t, t), q, pick(low_of, i));
    __m512d far = _mm512_add_pd(s, _mm512_add_pd(rest, _mm512_add_pd(lost, small)));
    __m512d size = _mm512_mask_mov_pd(far, first, _mm512_fmadd_pd(a, q, a));
    __m512i y = _mm512_or_si512(_mm512_castpd_si512(size), _mm512_and_si512(sign, _mm512_castpd_si512(x)));
    return _mm512_mask_mov_pd(_mm512_castsi512_pd(y), _mm512_cmp_pd_mask(x, x, _CMP_UNORD_Q), x);
}

/* The same for 16 floats, of which one register holds a row. */
static __m512 pick_f(const float *row, __m512i i) {
    return _mm512_permutexvar_ps(i, _mm512_load_ps(row));
}

__m512 plrt_erff_f16(__m512 x) {
    const __m512i sign = _mm512_set1_epi32(INT32_MIN);
    __m512 a = _mm512_min_ps(_mm512_abs_ps(x), _mm512_set1_ps(END_F));
    __m512i i = _mm512_cvttps_epi32(_mm512_mul_ps(a, _mm512_set1_ps((float)(1 / STEP))));
    __m512 k = _mm512_cvtepi32_ps(i);
    __m512 c = _mm512_fmadd_ps(k, _mm512_set1_ps((float)STEP), _mm512_set1_ps((float)STEP / 2));
    __m512 t = _mm512_sub_ps(a, c);
    __mmask16 first = _mm512_cmp_ps_mask(k, _mm512_setzero_ps(), _CMP_EQ_OQ);
    __m512 v = _mm512_mask_mul_ps(t, first, a, a);
    __m512 q = pick_f(coefficients_f[DEGREE_F], i);
    for (int n = DEGREE_F - 1; n >= 0; n--)
        q = _mm512_fmadd_ps(q, v, pick_f(coefficients_f[n], i));
    __m512 slope = pick_f(slope_off, i), high = pick_f(high_off, i);
    __m512 p = _mm512_mul_ps(t, slope), lost = _mm512_fmsub_ps(t, slope, p);
    __m512 s = _mm512_add_ps(high, p), rest = _mm512_sub_ps(p, _mm512_sub_ps(s, high));
    __m512 small = _mm512_fmadd_ps(_mm512_mul_ps(t, t), q, pick_f(low_off, i));
    __m512 far = _mm512_add_ps(s, _mm512_add_ps(rest, _mm512_add_ps(lost, small)));
    __m512 size = _mm512_mask_mov_ps(far, first, _mm512_fmadd_ps(a, q, a));
    __m512i y = _mm512_or_si512(_mm512_castps_si512(size), _mm512_and_si512(sign, _mm512_castps_si512(x)));
    return _mm512_mask_mov_ps(_mm512_castsi512_ps(y), _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q), x);
}
#else
typedef int plait_no_erf512;
#endif
