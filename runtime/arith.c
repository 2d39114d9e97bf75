/* Arithmetic that is not one instruction, with Python's and NumPy's results. */
#include <complex.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/rt.h"

uint64_t plrt_pow_u64(uint64_t base, uint64_t exponent) {
    uint64_t result = 1;
    for (; exponent != 0; exponent >>= 1, base *= base)
        if (exponent & 1)
            result *= base;
    return result;
}

int64_t plrt_pow_i64(int64_t base, int64_t exponent) {
    if (exponent >= 0)
        return (int64_t)plrt_pow_u64((uint64_t)base, (uint64_t)exponent);
    if (base == 1)
        return 1;
    if (base == -1)
        return exponent % 2 == 0 ? 1 : -1;
    return 0;
}

double plrt_fmod_floor(double x, double y) {
    double mod = fmod(x, y);
    if (mod == 0.0)
        return copysign(0.0, y);
    return (y < 0) != (mod < 0) ? mod + y : mod;
}

float plrt_fmod_floor_f32(float x, float y) {
    float mod = fmodf(x, y);
    if (mod == 0.0f)
        return copysignf(0.0f, y);
    return (y < 0) != (mod < 0) ? mod + y : mod;
}

double plrt_floordiv(double x, double y) {
    if (y == 0.0)
        return x / y;
    double mod = fmod(x, y);
    double div = (x - mod) / y;
    if (mod != 0.0 && (y < 0) != (mod < 0))
        div -= 1.0;
    if (div == 0.0)
        return copysign(0.0, x / y);
    double whole = floor(div);
    return div - whole > 0.5 ? whole + 1.0 : whole;
}

float plrt_floordiv_f32(float x, float y) {
    if (y == 0.0f)
        return x / y;
    float mod = fmodf(x, y);
    float div = (x - mod) / y;
    if (mod != 0.0f && (y < 0) != (mod < 0))
        div -= 1.0f;
    if (div == 0.0f)
        return copysignf(0.0f, x / y);
    float whole = floorf(div);
    return div - whole > 0.5f ? whole + 1.0f : whole;
}

/* ---- rounding to decimal digits -----------------------------------------------------------------------------------
 */

/* Adds one to the decimal number in text[0..len); true: it grew a digit, which the caller puts in front. */
static bool increment(char *text, size_t len) {
    while (len > 0) {
        if (text[--len] != '9') {
            text[len]++;
            return false;
        }
        text[len] = '0';
    }
    return true;
}

/* Rounds the whole number |x| to a multiple of 10^places, half to even, exactly as Python does: on all its digits.
 * `whole` says that |x| has no fraction below the digits printed. */
static double round_left(double x, size_t places) {
    char text[DBL_MAX_10_EXP + 8];
    double integral, fraction = modf(fabs(x), &integral);
    text[0] = '0';
    size_t len = (size_t)snprintf(text + 1, sizeof text - 1, "%.0f", integral) + 1;
    if (places >= len)
        return copysign(0.0, x);
    char *cut = text + len - places;
    bool rest = fraction != 0.0;
    for (const char *p = cut + 1; p < text + len; p++)
        rest |= *p != '0';
    bool up = *cut > '5' || (*cut == '5' && (rest || (cut[-1] - '0') % 2 == 1));
    memset(cut, '0', places);
    if (up)
        increment(text, len - places);
    return copysign(strtod(text, NULL), x);
}

double plrt_round_digits(double x, int64_t digits) {
    if (!isfinite(x) || x == 0.0 || digits > 323)
        return x;
    if (digits < -308)
        return copysign(0.0, x);
    if (digits < 0)
        return round_left(x, (size_t)-digits);
    char text[DBL_MAX_10_EXP + 340];
    snprintf(text, sizeof text, "%.*f", (int)digits, x);
    return strtod(text, NULL);
}

double plrt_np_round(double x, int64_t digits) {
    if (digits == 0)
        return rint(x);
    if (digits > 308 || digits < -308)
        return digits > 0 ? x : 0.0 * x;
    double scale = pow(10.0, (double)(digits > 0 ? digits : -digits));
    return digits > 0 ? rint(x * scale) / scale : rint(x / scale) * scale;
}

/* ---- complex ------------------------------------------------------------------------------------------------------
 */

typedef double complex (*complex_function)(double complex);

/* re + im * I would lose signs of zeros and make NaNs of infinities. */
static double complex make_complex(double re, double im) {
    double parts[2] = {re, im};
    double complex z;
    memcpy(&z, parts, sizeof z);
    return z;
}

static double complex log_10(double complex z) {
    double complex r = clog(z);
    return make_complex(creal(r) / M_LN10, cimag(r) / M_LN10);
}

static const complex_function functions[] = {
    [PLRT_CSQRT] = csqrt, [PLRT_CEXP] = cexp,     [PLRT_CLOG] = clog,     [PLRT_CLOG10] = log_10,
    [PLRT_CSIN] = csin,   [PLRT_CCOS] = ccos,     [PLRT_CTAN] = ctan,     [PLRT_CASIN] = casin,
    [PLRT_CACOS] = cacos, [PLRT_CATAN] = catan,   [PLRT_CSINH] = csinh,   [PLRT_CCOSH] = ccosh,
    [PLRT_CTANH] = ctanh, [PLRT_CASINH] = casinh, [PLRT_CACOSH] = cacosh, [PLRT_CATANH] = catanh,
};

void plrt_cmath1(int32_t function, double re, double im, double *out) {
    double complex r = functions[function](make_complex(re, im));
    out[0] = creal(r);
    out[1] = cimag(r);
}

static void multiply(double re, double im, double *z) {
    double real = z[0] * re - z[1] * im;
    z[1] = z[0] * im + z[1] * re;
    z[0] = real;
}

/* Small whole exponents by repeated multiplication, as Python does. */
static void power_by_squaring(double re, double im, int64_t n, double *out) {
    double square[2] = {re, im};
    out[0] = 1.0;
    out[1] = 0.0;
    for (uint64_t left = (uint64_t)(n < 0 ? -n : n), bit = 1; bit <= left; bit <<= 1) {
        if (left & bit)
            multiply(square[0], square[1], out);
        multiply(square[0], square[1], square);
    }
    if (n < 0)
        plrt_cdiv(1.0, 0.0, out[0], out[1], out);
}

void plrt_cpow(double re, double im, double ere, double eim, double *out) {
    if (eim == 0.0 && ere == floor(ere) && fabs(ere) <= 100.0) {
        power_by_squaring(re, im, (int64_t)ere, out);
        return;
    }
    if (re == 0.0 && im == 0.0) {
        out[0] = out[1] = 0.0;
        return;
    }
    double size = hypot(re, im), angle = atan2(im, re);
    double length = pow(size, ere), phase = angle * ere;
    if (eim != 0.0) {
        length *= exp(-angle * eim);
        phase += eim * log(size);
    }
    out[0] = length * cos(phase);
    out[1] = length * sin(phase);
}

void plrt_cdiv(double re, double im, double dre, double dim, double *out) {
    if (fabs(dre) >= fabs(dim)) {
        double ratio = dim / dre, denominator = dre + dim * ratio;
        out[0] = (re + im * ratio) / denominator;
        out[1] = (im - re * ratio) / denominator;
    } else if (fabs(dim) >= fabs(dre)) {
        double ratio = dre / dim, denominator = dre * ratio + dim;
        out[0] = (re * ratio + im) / denominator;
        out[1] = (im * ratio - re) / denominator;
    } else {
        out[0] = out[1] = NAN;
    }
}
