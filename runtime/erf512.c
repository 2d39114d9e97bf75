/* erf for eight numbers at a time: see erf.c, whose steps these are. */
#if defined(__x86_64__)
#include "runtime/erf.h"
#include <stdint.h>

/* Elements i, the lowest three bits, of one of the table's rows. */
static __m512d pick(const double *row, __m512i i) {
    return _mm512_permutexvar_pd(i, _mm512_load_pd(row));
}

static __m512d lower_halves(__m512d pairs) {
    return _mm512_castsi512_pd(_mm512_slli_epi64(_mm512_castpd_si512(pairs), 32));
}

__m512d plrt_erf_d8(__m512d x) {
    const __m512i sign = _mm512_set1_epi64(INT64_MIN);
    __m512d a = _mm512_min_pd(_mm512_set1_pd(END), _mm512_abs_pd(x));
    __m512d z = _mm512_fmadd_pd(a, _mm512_set1_pd(SCALE), _mm512_set1_pd(WHOLES + FIRST));
    __mmask8 first = _mm512_cmp_pd_mask(z, _mm512_set1_pd(WHOLES + 1), _CMP_LT_OQ);
    __m512i i = _mm512_srli_epi64(_mm512_castpd_si512(z), WHOLE_BIT);
    __m512d t = _mm512_sub_pd(a, pick(centre_of, i)), h = _mm512_mask_mov_pd(pick(high_of, i), first, a);
    __m512d tt = _mm512_mul_pd(t, t), c14 = pick(c14_of, i), c12 = pick(c12_of, i), c10 = pick(c10_of, i);
    __m512d odd = _mm512_fmadd_pd(tt, lower_halves(c14), lower_halves(c12)), even = _mm512_fmadd_pd(tt, c14, c12);
    odd = _mm512_fmadd_pd(tt, odd, lower_halves(c10)), even = _mm512_fmadd_pd(tt, even, c10);
    for (int k = 8; k > 0; k -= 2) {
        odd = _mm512_fmadd_pd(tt, odd, pick(coefficients[k + 1], i));
        even = _mm512_fmadd_pd(tt, even, pick(coefficients[k], i));
    }
    __m512d p = _mm512_fmadd_pd(t, _mm512_fmadd_pd(t, odd, even), pick(c1_of, i));
    __m512d y = _mm512_fmadd_pd(t, _mm512_fmadd_pd(t, p, pick(c0_of, i)), h);
    /* Bits of the sign come from x, the others from y. */
    __m512i signed_y = _mm512_ternarylogic_epi64(_mm512_castpd_si512(y), _mm512_castpd_si512(x), sign, 0xd8);
    return _mm512_castsi512_pd(signed_y);
}

/* The same for 16 floats, of which one register holds a row. */
static __m512 pick_f(const float *row, __m512i i) {
    return _mm512_permutexvar_ps(i, _mm512_load_ps(row));
}

__m512 plrt_erff_f16(__m512 x) {
    const __m512i sign = _mm512_set1_epi32(INT32_MIN);
    __m512 a = _mm512_min_ps(_mm512_abs_ps(x), _mm512_set1_ps(END_F));
    __m512i i = _mm512_cvttps_epi32(_mm512_mul_ps(a, _mm512_set1_ps(1 / STEP_F)));
    __m512 k = _mm512_cvtepi32_ps(i);
    __m512 c = _mm512_fmadd_ps(k, _mm512_set1_ps(STEP_F), _mm512_set1_ps(STEP_F / 2));
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
