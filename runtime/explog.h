/* The tables of explog.c and explog512.c, and the constants of both functions. */
#ifndef PLAIT_RUNTIME_EXPLOG_H
#define PLAIT_RUNTIME_EXPLOG_H

#include "plait/runtime.h"
#include <immintrin.h>
#include <stdalign.h>

#define ROW(name, ...) alignas(64) static const double name[] = {__VA_ARGS__};
#include "runtime/explog.def"
#undef ROW

#define EXP_MOST 720.0   /* e to this is infinite, */
#define EXP_LEAST -750.0 /* and to this zero */
#define EIGHTHS 0x1.8p49 /* numbers around it are a multiple of 1/8, which their lowest bits say */
enum { EXP_P0, EXP_P1, EXP_P2, EXP_P3, EXP_P4, EXP_P5, LOG2_E = 0, LN2_HIGH, LN2_LOW, LN2_SHORT, LN2_REST };

#endif
