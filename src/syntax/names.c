/* Identifiers beyond ASCII, and UTF-8. */
#include "syntax/lexer.h"
#include "syntax/name_table.h"
#include <string.h>

uint32_t utf8_decode(const char *at, uint32_t *len) {
    const unsigned char *s = (const unsigned char *)at;
    if (s[0] < 0x80) {
        *len = 1;
        return s[0];
    }
    if (s[0] < 0xe0) {
        *len = 2;
        return (uint32_t)(s[0] & 0x1f) << 6 | (s[1] & 0x3fu);
    }
    if (s[0] < 0xf0) {
        *len = 3;
        return (uint32_t)(s[0] & 0x0f) << 12 | (uint32_t)(s[1] & 0x3f) << 6 | (s[2] & 0x3fu);
    }
    *len = 4;
    return (uint32_t)(s[0] & 0x07) << 18 | (uint32_t)(s[1] & 0x3f) << 12 | (uint32_t)(s[2] & 0x3f) << 6 |
           (s[3] & 0x3fu);
}

uint32_t utf8_encode(uint32_t code, char out[4]) {
    static const unsigned char lead[5] = {0, 0, 0xc0, 0xe0, 0xf0};
    uint32_t len = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    if (len == 1) {
        out[0] = (char)code;
        return 1;
    }
    for (uint32_t i = len - 1; i > 0; i--, code >>= 6)
        out[i] = (char)(0x80 | (code & 0x3f));
    out[0] = (char)(lead[len] | code);
    return len;
}

static bool is_in(const name_range *table, size_t count, uint32_t code) {
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (table[middle].last < code)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && table[low].first <= code;
}

#define IS_IN(table, code) is_in(table, sizeof table / sizeof *table, code)

bool name_may_start(uint32_t code) {
    if (code < 0x80)
        return (code | 0x20) - 'a' < 26 || code == '_';
    return IS_IN(name_start, code);
}

bool name_may_continue(uint32_t code) {
    if (code < 0x80)
        return name_may_start(code) || code - '0' < 10;
    return IS_IN(name_continue, code);
}

static uint32_t fold(uint32_t code) {
    size_t low = 0, high = sizeof name_folded / sizeof *name_folded;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (name_folded[middle].first + name_folded[middle].count <= code)
            low = middle + 1;
        else
            high = middle;
    }
    const name_mapping *m = &name_folded[low];
    bool found = low < sizeof name_folded / sizeof *name_folded && m->first <= code;
    return found ? m->target + (code - m->first) : code;
}

/* NFKC, as far as it works character by character: mathematical alphabets, full-width letters, the micro sign and such
 * become what they look like. Where neighbours would have to be composed or reordered we refuse. */
sym lexer_name(const lexer *l, sym_table *syms, const token *t) {
    if (!t->beyond_ascii)
        return sym_intern(syms, t->at, t->len);
    char *folded = arena_alloc(l->a, (size_t)t->len * 2 + 4);
    size_t n = 0;
    for (uint32_t i = 0, len; i < t->len; i += len) {
        uint32_t code = utf8_decode(t->at + i, &len);
        if (code >= 0x80 && IS_IN(name_beyond_us, code)) {
            diag_report(l->d, DIAG_UNSUPPORTED, (span){l->file, t->line, t->col, t->end_line, t->end_col},
                        "write the identifier in composed form (NFKC), or with other letters",
                        "identifier with a character that needs Unicode normalisation (U+%04X)", code);
            return NULL;
        }
        n += utf8_encode(fold(code), folded + n);
    }
    return sym_intern(syms, folded, n);
}
