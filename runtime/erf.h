/* The polynomials of erf.c and erf512.c: 16 intervals, a row for each coefficient. */
#ifndef PLAIT_RUNTIME_ERF_H
#define PLAIT_RUNTIME_ERF_H

#include "plait/runtime.h"
#include <immintrin.h>
#include <stdalign.h>

#define ROW(name, ...) alignas(64) static const double name##_of[16] = {__VA_ARGS__};
#include "runtime/erf.def"
#undef ROW
#define ROW(name, ...) alignas(64) static const float name##_off[16] = {__VA_ARGS__};
#include "runtime/erff.def"
#undef ROW

static const double *const coefficients[] = {c0_of, c1_of, c2_of, c3_of, c4_of,  c5_of,
                                             c6_of, c7_of, c8_of, c9_of, c10_of, c11_of};
static const float *const coefficients_f[] = {c0_off, c1_off, c2_off, c3_off, c4_off, c5_off};
enum { DEGREE = 11, DEGREE_F = 5 };

#define STEP 0.375
#define END 5.9999999999999991 /* the number before 6 */
#define END_F 4.0f             /* from here on erf is 1 */

#endif
