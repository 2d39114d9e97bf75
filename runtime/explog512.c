/* exp and log for eight numbers at a time: see explog.c, whose steps these are. */
#if defined(__x86_64__)
#include "runtime/explog.h"

#define ALL(x) _mm512_set1_pd(x)

__m512d plrt_exp_d8(__m512d x) {
    x = _mm512_max_pd(ALL(EXP_LEAST), _mm512_min_pd(ALL(EXP_MOST), x));
    __m512d z = _mm512_fmadd_pd(x, ALL(constant[LOG2_E]), ALL(EIGHTHS)), k = _mm512_sub_pd(z, ALL(EIGHTHS));
    __m512d r = _mm512_fnmadd_pd(k, ALL(constant[LN2_LOW]), _mm512_fnmadd_pd(k, ALL(constant[LN2_HIGH]), x));
    __m512d rr = _mm512_mul_pd(r, r);
    __m512i i = _mm512_castpd_si512(z);
    __m512d a = _mm512_fmadd_pd(r, ALL(exp_q[1]), ALL(exp_q[0])), b = _mm512_fmadd_pd(r, ALL(exp_q[3]), ALL(exp_q[2]));
    __m512d c = _mm512_fmadd_pd(r, ALL(exp_q[5]), ALL(exp_q[4]));
    __m512d p = _mm512_fmadd_pd(rr, _mm512_fmadd_pd(rr, _mm512_fmadd_pd(rr, c, b), a), r);
    __m512d t = _mm512_permutexvar_pd(i, _mm512_load_pd(power));
    __m512d bracket = _mm512_fmadd_pd(t, p, _mm512_permutexvar_pd(i, _mm512_load_pd(power_rest)));
    return _mm512_scalef_pd(_mm512_add_pd(t, bracket), k); /* by 2^floor(k) */
}

/* Elements i of a row of 16. */
static __m512d pick(const double *row, __m512i i) {
    return _mm512_permutex2var_pd(_mm512_load_pd(row), i, _mm512_load_pd(row + 8));
}

/* What _mm512_fixupimm_pd does, four bits each, for NaN (quiet, signalling: 2, itself), 0 (4, -inf), 1 (0, nothing), -inf
 * (3, NaN), inf (5, inf), other negative numbers (3) and positive ones (0): the first is lowest. */
#define EDGES_OF_LOG 0x03530422

__m512d plrt_log_d8(__m512d x) {
    __m512d m = _mm512_getmant_pd(x, _MM_MANT_NORM_p75_1p5, _MM_MANT_SIGN_src), k = _mm512_getexp_pd(x);
    k = _mm512_mask_add_pd(k, _mm512_cmp_pd_mask(m, ALL(1), _CMP_LT_OQ), k, ALL(1));
    __m512i i = _mm512_srli_epi64(_mm512_castpd_si512(m), 48);
    __m512d r = _mm512_fmsub_pd(m, pick(inverse, i), ALL(1));
    __m512d s = _mm512_fmadd_pd(k, ALL(constant[LN2_SHORT]), pick(log_of, i));
    __m512d high = _mm512_add_pd(s, r), low = _mm512_add_pd(_mm512_sub_pd(s, high), r);
    __m512d rr = _mm512_mul_pd(r, r), r4 = _mm512_mul_pd(rr, rr);
    __m512d a = _mm512_fmadd_pd(r, ALL(log_q[1]), ALL(log_q[0])), b = _mm512_fmadd_pd(r, ALL(log_q[3]), ALL(log_q[2]));
    __m512d c = _mm512_fmadd_pd(r, ALL(log_q[5]), ALL(log_q[4])), d = _mm512_fmadd_pd(r, ALL(log_q[7]), ALL(log_q[6]));
    d = _mm512_fmadd_pd(rr, _mm512_fmadd_pd(r, ALL(log_q[9]), ALL(log_q[8])), d);
    __m512d q = _mm512_fmadd_pd(rr, _mm512_fmadd_pd(r4, d, _mm512_fmadd_pd(rr, c, b)), a);
    __m512d rest = _mm512_fmadd_pd(rr, q, _mm512_fmadd_pd(k, ALL(constant[LN2_REST]), low));
    return _mm512_fixupimm_pd(_mm512_add_pd(high, rest), x, _mm512_set1_epi64(EDGES_OF_LOG), 0);
}
#else
typedef int plait_no_explog512;
#endif
