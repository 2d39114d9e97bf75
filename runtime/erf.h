/* The polynomials of erf.c and erf512.c: a row for each coefficient. */
#ifndef PLAIT_RUNTIME_ERF_H
#define PLAIT_RUNTIME_ERF_H

#include "plait/runtime.h"
#include <immintrin.h>
#include <stdalign.h>

#define ROW(name, ...) alignas(64) static const double name##_of[] = {__VA_ARGS__};
#include "runtime/erf.def"
#undef ROW
#define ROW(name, ...) alignas(64) static const float name##_off[] = {__VA_ARGS__};
#include "runtime/erff.def"
#undef ROW

static const double *const coefficients[] = {c0_of, c1_of, c2_of, c3_of, c4_of, c5_of, c6_of, c7_of, c8_of, c9_of};
static const float *const coefficients_f[] = {c0_off, c1_off, c2_off, c3_off, c4_off, c5_off};
enum { DEGREE_F = 5, WHOLE_BIT = 20 };

#define SCALE scale_of[0]
#define FIRST scale_of[1]
#define END scale_of[2]
#define WHOLES 0x1.8p32 /* numbers around it have 20 bits behind the point */
#define STEP_F 0.375f
#define END_F 4.0f /* from here on erf is 1 */

#endif
