/* print() and the text of numbers, as Python and NumPy write them.
 *
 * The pieces of one print() are gathered in a buffer of the thread and leave it as one text. */
#include <complex.h>
#include <ctype.h>
#include <math.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/rt.h"

typedef struct buffer {
    char *bytes;
    size_t len, capacity;
} buffer;

static pthread_key_t buffer_key;
static pthread_once_t buffer_once = PTHREAD_ONCE_INIT;

static void free_buffer(void *b) {
    free(((buffer *)b)->bytes);
    free(b);
}

static void make_buffer_key(void) {
    pthread_key_create(&buffer_key, free_buffer);
}

static buffer *my_buffer(void) {
    pthread_once(&buffer_once, make_buffer_key);
    buffer *b = pthread_getspecific(buffer_key);
    if (b == NULL) {
        b = calloc(1, sizeof *b);
        if (b != NULL)
            pthread_setspecific(buffer_key, b);
    }
    return b;
}

/* When memory is out the text is cut short: print() has no way to fail. */
static void put(buffer *b, const char *text, size_t len) {
    if (b == NULL || len == 0)
        return;
    if (b->capacity - b->len < len) {
        size_t capacity = 2 * b->capacity + len + 64;
        char *grown = realloc(b->bytes, capacity);
        if (grown == NULL)
            return;
        b->bytes = grown;
        b->capacity = capacity;
    }
    memcpy(b->bytes + b->len, text, len);
    b->len += len;
}

static void put_text(buffer *b, const char *text) {
    put(b, text, strlen(text));
}

static void put_blanks(buffer *b, size_t count) {
    while (count-- > 0)
        put(b, " ", 1);
}

void plrt_print_end(void) {
    buffer *b = my_buffer();
    if (b == NULL || b->len == 0)
        return;
    if (rt_hooks.print == NULL) {
        fwrite(b->bytes, 1, b->len, stdout);
        fflush(stdout);
    } else if (rt_self.run != NULL && !rt_self.host) {
        rt_region_print(b->bytes, b->len);
    } else {
        rt_hooks.print(b->bytes, b->len);
    }
    b->len = 0;
}

/* ---- floating point -----------------------------------------------------------------------------------------------
 */

/* The significant digits of a finite x != 0 that read back as x, fewest first, and the power of ten of the first. The
 * decimal point that printf writes depends on the locale and is skipped. */
static int shortest_digits(double x, bool single, int most, char *digits, int *exponent) {
    char text[48];
    for (int count = 1;; count++) {
        snprintf(text, sizeof text, "%.*e", count - 1, x);
        bool same = single ? strtof(text, NULL) == (float)x : strtod(text, NULL) == x;
        if (same || count == most)
            break;
    }
    int len = 0;
    const char *p = text;
    for (; *p != 'e'; p++)
        if (isdigit((unsigned char)*p))
            digits[len++] = *p;
    *exponent = atoi(p + 1);
    while (len > 1 && digits[len - 1] == '0')
        len--;
    return len;
}

static size_t write_fixed(const char *digits, int len, int exponent, bool dot, char *out) {
    char *p = out;
    if (exponent < 0) {
        *p++ = '0';
        *p++ = '.';
        for (int i = -1; i > exponent; i--)
            *p++ = '0';
        memcpy(p, digits, (size_t)len);
        return (size_t)(p + len - out);
    }
    for (int i = 0; i <= exponent; i++)
        *p++ = i < len ? digits[i] : '0';
    if (len > exponent + 1) {
        *p++ = '.';
        memcpy(p, digits + exponent + 1, (size_t)(len - exponent - 1));
        p += len - exponent - 1;
    } else if (dot) {
        *p++ = '.';
        *p++ = '0';
    }
    return (size_t)(p - out);
}

static size_t write_scientific(const char *digits, int len, int exponent, char *out) {
    char *p = out;
    *p++ = digits[0];
    if (len > 1) {
        *p++ = '.';
        memcpy(p, digits + 1, (size_t)len - 1);
        p += len - 1;
    }
    return (size_t)(p - out) + (size_t)sprintf(p, "e%c%02d", exponent < 0 ? '-' : '+', abs(exponent));
}

static size_t write_special(double x, char *out) {
    const char *text = isnan(x) ? "nan" : x > 0 ? "inf" : "-inf";
    memcpy(out, text, strlen(text));
    return strlen(text);
}

size_t rt_float_text(double x, bool single, bool dot, char *out) {
    char digits[24] = "0";
    int exponent = 0, len = 1;
    if (!isfinite(x))
        return write_special(x, out);
    size_t sign = signbit(x) ? 1 : 0;
    out[0] = '-';
    if (x != 0.0)
        len = shortest_digits(fabs(x), single, single ? 9 : 17, digits, &exponent);
    bool fixed = exponent >= -4 && exponent < 16;
    return sign + (fixed ? write_fixed(digits, len, exponent, dot, out + sign)
                         : write_scientific(digits, len, exponent, out + sign));
}

static void put_float(buffer *b, double x, bool single, bool dot) {
    char text[48];
    put(b, text, rt_float_text(x, single, dot, text));
}

static void put_complex(buffer *b, double re, double im, bool single) {
    bool bare = re == 0.0 && !signbit(re);
    if (!bare) {
        put_text(b, "(");
        put_float(b, re, single, false);
        if (!signbit(im) || isnan(im))
            put_text(b, "+");
    }
    put_float(b, im, single, false);
    put_text(b, bare ? "j" : "j)");
}

void plrt_print_int(int64_t x) {
    char text[24];
    put(my_buffer(), text, (size_t)sprintf(text, "%lld", (long long)x));
}

void plrt_print_uint(uint64_t x) {
    char text[24];
    put(my_buffer(), text, (size_t)sprintf(text, "%llu", (unsigned long long)x));
}

void plrt_print_bool(int32_t x) {
    put_text(my_buffer(), x ? "True" : "False");
}

void plrt_print_float(double x) {
    put_float(my_buffer(), x, false, true);
}

void plrt_print_float32(float x) {
    put_float(my_buffer(), (double)x, true, true);
}

void plrt_print_complex(double re, double im) {
    put_complex(my_buffer(), re, im, false);
}

void plrt_print_text(const char *text, int64_t len) {
    put(my_buffer(), text, (size_t)len);
}

/* ---- arrays, as NumPy's str() -------------------------------------------------------------------------------------
 */

enum { LINE_WIDTH = 75, SUMMARY_FROM = 1000, EDGE = 3, PRECISION = 8 };

/* How the elements of one array are written: all alike. Real and imaginary parts each have a format of their own. */
typedef struct number_format {
    bool scientific;
    int before; /* digits before the point, with the sign */
    int after;  /* digits after it */
    double largest, smallest;
} number_format;

typedef struct layout {
    const plrt_array *array;
    int32_t ndim, dtype;
    bool summary, single;
    number_format parts[2];
    size_t width;
} layout;

static bool is_float_type(int32_t dtype) {
    return dtype == 'f' || dtype == 'd' || dtype == 'F' || dtype == 'D';
}

static int64_t read_int(int32_t dtype, const char *p) {
    switch (dtype) {
    case '?':
        return *(const uint8_t *)p != 0;
    case 'b':
        return *(const int8_t *)p;
    case 'B':
        return *(const uint8_t *)p;
    case 'h': {
        int16_t x;
        memcpy(&x, p, sizeof x);
        return x;
    }
    case 'H': {
        uint16_t x;
        memcpy(&x, p, sizeof x);
        return x;
    }
    case 'i': {
        int32_t x;
        memcpy(&x, p, sizeof x);
        return x;
    }
    case 'I': {
        uint32_t x;
        memcpy(&x, p, sizeof x);
        return x;
    }
    default: {
        int64_t x;
        memcpy(&x, p, sizeof x);
        return x;
    }
    }
}

static double read_float(int32_t dtype, const char *p, int part) {
    if (dtype == 'f' || dtype == 'F') {
        float x;
        memcpy(&x, p + (size_t)part * sizeof x, sizeof x);
        return (double)x;
    }
    double x;
    memcpy(&x, p + (size_t)part * sizeof x, sizeof x);
    return x;
}

static bool is_unsigned_wide(int32_t dtype) {
    return dtype == 'L' || dtype == 'Q';
}

/* Digits after the point that an element has, at most PRECISION; `digits` gets its significant ones. */
static int digits_after(const layout *l, const number_format *f, double x) {
    char digits[24];
    int exponent = 0;
    if (x == 0.0)
        return 0;
    int len = shortest_digits(fabs(x), l->single, f->scientific ? PRECISION + 1 : 17, digits, &exponent);
    int after = f->scientific ? len - 1 : len - 1 - exponent;
    return after < 0 ? 0 : after < PRECISION ? after : PRECISION;
}

/* 1e-05 → 1.e-05 */
static size_t add_point(char *text, size_t len) {
    char *e = memchr(text, 'e', len);
    memmove(e + 1, e, (size_t)(text + len - e));
    *e = '.';
    return len + 1;
}

/* Zeros at the end are cut, the point is kept ("1."), blanks fill up: NumPy's way. In scientific form all have the same
 * number of digits. */
static size_t write_number(const layout *l, const number_format *f, double x, char *out) {
    if (!isfinite(x))
        return write_special(x, out);
    if (f->scientific) {
        size_t len = (size_t)sprintf(out, "%.*e", f->after, x);
        return f->after == 0 ? add_point(out, len) : len;
    }
    int own = digits_after(l, f, x);
    size_t len = (size_t)sprintf(out, "%.*f", own, x);
    size_t full = len + (size_t)(f->after - own);
    if (own == 0)
        out[len++] = '.';
    while (own > 0 && out[len - 1] == '0')
        len--;
    full += own == 0 ? 1 : 0;
    memset(out + len, ' ', full - len);
    return full;
}

static size_t part_width(const number_format *f) {
    return (size_t)(f->before + 1 + f->after + (f->scientific ? 4 : 0));
}

static void put_number(buffer *b, const layout *l, double x) {
    char text[400];
    size_t len = write_number(l, &l->parts[0], x, text), width = part_width(&l->parts[0]);
    if (width > len)
        put_blanks(b, width - len);
    put(b, text, len);
}

/* The imaginary part follows its sign without blanks; the j stands before the blanks at its end. */
static void put_imaginary(buffer *b, const layout *l, double x) {
    char text[400];
    size_t len = write_number(l, &l->parts[1], fabs(x), text), end = len, width = part_width(&l->parts[1]);
    while (end > 0 && text[end - 1] == ' ')
        end--;
    put_text(b, signbit(x) ? "-" : "+");
    put(b, text, end);
    put_text(b, "j");
    if (width > end + 1)
        put_blanks(b, width - 1 - end);
}

static void put_integer(buffer *b, const layout *l, const char *p) {
    char text[24];
    int64_t x = read_int(l->dtype, p);
    const char *shown = text;
    if (l->dtype == '?') {
        shown = x ? "True" : "False";
    } else if (is_unsigned_wide(l->dtype)) {
        sprintf(text, "%llu", (unsigned long long)x);
    } else {
        sprintf(text, "%lld", (long long)x);
    }
    size_t len = strlen(shown);
    if (l->width > len)
        put_blanks(b, l->width - len);
    put_text(b, shown);
}

static void put_element(buffer *b, const layout *l, const char *p) {
    if (!is_float_type(l->dtype)) {
        put_integer(b, l, p);
        return;
    }
    put_number(b, l, read_float(l->dtype, p, 0));
    if (l->dtype == 'F' || l->dtype == 'D')
        put_imaginary(b, l, read_float(l->dtype, p, 1));
}

typedef void (*visitor)(layout *l, const char *p);

static bool is_hidden(const layout *l, int64_t count, int64_t i) {
    return l->summary && count > 2 * EDGE && i >= EDGE && i < count - EDGE;
}

static void visit(layout *l, int32_t axis, const char *p, visitor see) {
    if (axis == l->ndim) {
        see(l, p);
        return;
    }
    int64_t count = l->array->dims[axis], stride = l->array->dims[l->ndim + axis];
    for (int64_t i = 0; i < count; i++) {
        if (is_hidden(l, count, i))
            i = count - EDGE;
        visit(l, axis + 1, p + i * stride, see);
    }
}

static int parts_of(const layout *l) {
    return l->dtype == 'F' || l->dtype == 'D' ? 2 : 1;
}

static void see_range(layout *l, const char *p) {
    for (int part = 0; part < parts_of(l); part++) {
        number_format *f = &l->parts[part];
        double x = fabs(read_float(l->dtype, p, part));
        if (!isfinite(x) || x == 0.0)
            continue;
        if (x > f->largest)
            f->largest = x;
        if (f->smallest == 0.0 || x < f->smallest)
            f->smallest = x;
    }
}

static void see_digits(layout *l, const char *p) {
    char text[400];
    for (int part = 0; part < parts_of(l); part++) {
        number_format *f = &l->parts[part];
        double x = read_float(l->dtype, p, part);
        int before, after = 0;
        if (!isfinite(x)) {
            before = (int)write_special(x, text) - 1;
        } else {
            after = digits_after(l, f, x);
            before = f->scientific ? 1 + (signbit(x) ? 1 : 0) : sprintf(text, "%.0f", trunc(x));
        }
        if (before > f->before)
            f->before = before;
        if (after > f->after)
            f->after = after;
    }
}

static void see_width(layout *l, const char *p) {
    char bytes[64];
    buffer b = {bytes, 0, sizeof bytes};
    put_integer(&b, l, p);
    if (b.len > l->width)
        l->width = b.len;
}

static void choose_layout(layout *l) {
    if (!is_float_type(l->dtype)) {
        visit(l, 0, l->array->data, see_width);
        return;
    }
    visit(l, 0, l->array->data, see_range);
    for (int part = 0; part < parts_of(l); part++) {
        number_format *f = &l->parts[part];
        f->scientific =
            f->largest >= 1e8 || (f->smallest != 0.0 && (f->smallest < 1e-4 || f->largest / f->smallest > 1e3));
    }
    visit(l, 0, l->array->data, see_digits);
    for (int part = 0; part < parts_of(l); part++)
        l->width += part_width(&l->parts[part]) + (part > 0 ? 1 : 0);
}

static size_t column(const buffer *b, size_t start) {
    size_t i = b->len;
    while (i > start && b->bytes[i - 1] != '\n')
        i--;
    return b->len - i;
}

static void put_row(buffer *b, layout *l, const char *p, size_t start) {
    int64_t count = l->array->dims[l->ndim - 1], stride = l->array->dims[2 * l->ndim - 1];
    for (int64_t i = 0; i < count; i++) {
        bool gap = is_hidden(l, count, i);
        if (gap)
            i = count - EDGE - 1;
        size_t width = gap ? 3 : l->width;
        if (i > 0 && b != NULL) {
            if (column(b, start) + 1 + width + 1 > LINE_WIDTH) {
                while (b->bytes[b->len - 1] == ' ')
                    b->len--;
                put_text(b, "\n");
                put_blanks(b, (size_t)l->ndim);
            } else {
                put_text(b, " ");
            }
        }
        if (gap) {
            put_text(b, "...");
        } else {
            put_element(b, l, p + i * stride);
        }
    }
}

static void put_axis(buffer *b, layout *l, int32_t axis, const char *p, size_t start) {
    if (axis == l->ndim) {
        put_element(b, l, p);
        return;
    }
    int64_t count = l->array->dims[axis], stride = l->array->dims[l->ndim + axis];
    put_text(b, "[");
    if (axis == l->ndim - 1) {
        put_row(b, l, p, start);
    } else {
        for (int64_t i = 0; i < count; i++) {
            bool gap = is_hidden(l, count, i);
            if (gap)
                i = count - EDGE - 1;
            if (i > 0) {
                for (int32_t lines = gap ? 1 : l->ndim - axis - 1; lines > 0; lines--)
                    put_text(b, "\n");
                put_blanks(b, (size_t)axis + 1);
            }
            if (gap) {
                put_text(b, "...");
            } else {
                put_axis(b, l, axis + 1, p + i * stride, start);
            }
        }
    }
    put_text(b, "]");
}

void plrt_print_array(const plrt_array *a, int32_t ndim, int32_t dtype) {
    layout l = {.array = a, .ndim = ndim, .dtype = dtype, .single = dtype == 'f' || dtype == 'F'};
    buffer *b = my_buffer();
    int64_t size = 1;
    for (int32_t i = 0; i < ndim; i++)
        size *= a->dims[i];
    l.summary = size > SUMMARY_FROM;
    if (b == NULL)
        return;
    if (size == 0) {
        put_text(b, "[]");
        return;
    }
    choose_layout(&l);
    put_axis(b, &l, 0, a->data, b->len);
}
