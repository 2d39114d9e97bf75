/* Growable text buffer, for printers. */
#ifndef PLAIT_SUPPORT_TEXT_H
#define PLAIT_SUPPORT_TEXT_H

#include "support/arena.h"

typedef struct text {
    arena *a;
    char *at; /* always NUL-terminated once written to */
    size_t len, cap;
} text;

text text_new(arena *a);
void text_put(text *t, const char *s);
void text_putn(text *t, const char *s, size_t len);
void text_printf(text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Shortest decimal that reads back as the same double, always with '.', 'e', "inf" or "nan" in it, as Python's repr. */
void text_put_double(text *t, double x);
/* JSON string literal, quotes included. */
void text_put_json(text *t, const char *s, size_t len);

#endif
