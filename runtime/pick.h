/* Elements of a row of eight doubles, four at a time: AVX2 has no permutation that looks up doubles by a register, but one
 * for floats, and a double is two of them. */
#ifndef PLAIT_RUNTIME_PICK_H
#define PLAIT_RUNTIME_PICK_H

#include <immintrin.h>
#include <stdint.h>

typedef struct pick_d4 {
    __m256i floats;
    __m256d is_upper; /* the sign bit: among the row's last four */
} pick_d4;

/* At the lowest three bits of every element. */
static inline pick_d4 pick_at(__m256i i) {
    __m256i j = _mm256_slli_epi64(_mm256_and_si256(i, _mm256_set1_epi64x(3)), 1);
    __m256i both = _mm256_or_si256(_mm256_or_si256(j, _mm256_slli_epi64(j, 32)), _mm256_set1_epi64x(INT64_C(1) << 32));
    return (pick_d4){both, _mm256_castsi256_pd(_mm256_slli_epi64(i, 61))};
}

static inline __m256d pick(const double *row, pick_d4 i) {
    __m256 low = _mm256_permutevar8x32_ps(_mm256_castpd_ps(_mm256_load_pd(row)), i.floats);
    __m256 high = _mm256_permutevar8x32_ps(_mm256_castpd_ps(_mm256_load_pd(row + 4)), i.floats);
    return _mm256_blendv_pd(_mm256_castps_pd(low), _mm256_castps_pd(high), i.is_upper);
}

#endif
