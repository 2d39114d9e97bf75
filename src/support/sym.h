/* Interned strings: equal text, equal pointer, within one table. */
#ifndef PLAIT_SUPPORT_SYM_H
#define PLAIT_SUPPORT_SYM_H

#include "support/arena.h"
#include <stdbool.h>

typedef const struct sym {
    uint32_t len;
    uint32_t hash;
    char text[]; /* UTF-8, NUL-terminated */
} *sym;

typedef struct sym_table sym_table;

sym_table *sym_table_new(arena *a); /* lives in `a` */
sym sym_intern(sym_table *t, const char *text, size_t len);
sym sym_of(sym_table *t, const char *text);
/* True when the symbol's text is `text`. */
bool sym_is(sym s, const char *text);

#endif
