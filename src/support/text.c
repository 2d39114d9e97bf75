#include "support/text.h"
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

text text_new(arena *a) {
    return (text){.a = a, .at = arena_strndup(a, "", 0), .cap = 0};
}

/* Room for `more` bytes and the NUL; false when memory is out (the arena jumps in that case if it was told where). */
static bool make_room(text *t, size_t more) {
    if (t->len + more < t->cap)
        return true;
    size_t cap = t->cap ? t->cap * 2 : 64;
    while (cap <= t->len + more)
        cap *= 2;
    char *at = arena_alloc(t->a, cap);
    if (!at)
        return false;
    if (t->len)
        memcpy(at, t->at, t->len);
    t->at = at;
    t->cap = cap;
    return true;
}

void text_putn(text *t, const char *s, size_t len) {
    if (!make_room(t, len))
        return;
    if (len)
        memcpy(t->at + t->len, s, len);
    t->len += len;
    t->at[t->len] = '\0';
}

void text_put(text *t, const char *s) {
    text_putn(t, s, strlen(s));
}

void text_printf(text *t, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0 || !make_room(t, (size_t)len))
        return;
    va_start(args, format);
    vsnprintf(t->at + t->len, (size_t)len + 1, format, args);
    va_end(args);
    t->len += (size_t)len;
}

/* The fewest digits that read back as `x` (x > 0 and finite), without trailing zeros; returns their number and sets
 * *exponent to the power of ten of the first. Takes digits alone from printf's text: the process's locale may have
 * chosen another decimal point. Normal numbers of up to 15 digits are found by the first try. */
static int shortest_digits(double x, char digits[32], int *exponent) {
    char printed[64];
    for (int precision = isnormal(x) ? 15 : 1; precision <= 17; precision++) {
        snprintf(printed, sizeof printed, "%.*e", precision - 1, x);
        if (strtod(printed, NULL) == x)
            break;
    }
    int n = 0;
    const char *p = printed;
    for (; *p && *p != 'e'; p++)
        if (*p >= '0' && *p <= '9')
            digits[n++] = *p;
    *exponent = atoi(p + 1);
    while (n > 1 && digits[n - 1] == '0')
        n--;
    return n;
}

static void put_fixed(text *t, const char *digits, int n, int exponent) {
    if (exponent < 0) {
        text_put(t, "0.");
        for (int i = -1; i > exponent; i--)
            text_put(t, "0");
        text_putn(t, digits, (size_t)n);
        return;
    }
    for (int i = 0; i <= exponent; i++)
        text_putn(t, i < n ? digits + i : "0", 1);
    text_put(t, ".");
    if (n > exponent + 1)
        text_putn(t, digits + exponent + 1, (size_t)(n - exponent - 1));
    else
        text_put(t, "0");
}

static void put_scientific(text *t, const char *digits, int n, int exponent) {
    text_putn(t, digits, 1);
    if (n > 1) {
        text_put(t, ".");
        text_putn(t, digits + 1, (size_t)(n - 1));
    }
    text_printf(t, "e%c%02d", exponent < 0 ? '-' : '+', abs(exponent));
}

void text_put_double(text *t, double x) {
    if (isnan(x)) {
        text_put(t, "nan");
        return;
    }
    if (signbit(x))
        text_put(t, "-");
    if (isinf(x) || x == 0) {
        text_put(t, isinf(x) ? "inf" : "0.0");
        return;
    }
    char digits[32];
    int exponent;
    int n = shortest_digits(fabs(x), digits, &exponent);
    if (exponent < -4 || exponent >= 16)
        put_scientific(t, digits, n, exponent);
    else
        put_fixed(t, digits, n, exponent);
}

/* Length of the well-formed UTF-8 sequence at `s`, or 0. */
static size_t utf8_length(const unsigned char *s, size_t len) {
    static const unsigned char least[5] = {0, 0, 0x80, 0xa0, 0x90};
    size_t n = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;
    if (n < 2 || n > len)
        return n == 1;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((s[0] == 0xe0 || s[0] == 0xf0) && s[1] < least[n])
        return 0;
    bool beyond = (s[0] == 0xf4 && s[1] > 0x8f) || (s[0] == 0xed && s[1] > 0x9f);
    return beyond ? 0 : n;
}

static void put_json_escape(text *t, unsigned char c) {
    static const char names[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    const char *found = c ? strchr(names, c) : NULL;
    if (found)
        text_printf(t, "\\%c", letters[found - names]);
    else
        text_printf(t, "\\u%04x", c);
}

/* What is not UTF-8 is written as U+DC80 + byte - 0x80, Python's "surrogateescape", so that nothing is lost. UTF-8
 * encoded surrogates (Python's "surrogatepass") are kept as escapes too: they are legal in Python's strings. */
static size_t put_json_other(text *t, const unsigned char *p, size_t left) {
    if (left >= 3 && p[0] == 0xed && (p[1] & 0xe0) == 0xa0 && (p[2] & 0xc0) == 0x80) {
        text_printf(t, "\\u%04x", 0xd000u | (unsigned)(p[1] & 0x3f) << 6 | (unsigned)(p[2] & 0x3f));
        return 3;
    }
    text_printf(t, "\\u%04x", 0xdc00u + *p);
    return 1;
}

void text_put_json(text *t, const char *s, size_t len) {
    const unsigned char *p = (const unsigned char *)s, *end = p + len, *kept = p;
    text_put(t, "\"");
    while (p < end) {
        size_t n = utf8_length(p, (size_t)(end - p));
        if (n > 1 || (n == 1 && *p >= 0x20 && *p != '"' && *p != '\\')) {
            p += n;
            continue;
        }
        text_putn(t, (const char *)kept, (size_t)(p - kept));
        if (n == 1) {
            put_json_escape(t, *p);
            p++;
        } else {
            p += put_json_other(t, p, (size_t)(end - p));
        }
        kept = p;
    }
    text_putn(t, (const char *)kept, (size_t)(p - kept));
    text_put(t, "\"");
}
