/* Open addressing with linear probing, at most half full. Symbols carry their hash, so growing never reads text. */
#include "support/sym.h"
#include <string.h>

struct sym_table {
    arena *a;
    sym *slots; /* capacity is a power of two */
    uint32_t capacity, count;
};

sym_table *sym_table_new(arena *a) {
    sym_table *t = arena_make(a, sym_table);
    if (!t)
        return NULL;
    t->a = a;
    t->capacity = 256;
    t->slots = arena_array(a, sym, t->capacity);
    return t->slots ? t : NULL;
}

/* Eight bytes a step, multiplied and folded; the length goes in first, so that padding with zeros is no collision. */
static uint32_t hash_text(const char *text, size_t len) {
    uint64_t h = 0x9e3779b97f4a7c15u ^ len;
    while (len) {
        uint64_t word = 0;
        size_t step = len < 8 ? len : 8;
        memcpy(&word, text, step);
        h = (h ^ word) * 0xff51afd7ed558ccdu;
        h ^= h >> 32;
        text += step;
        len -= step;
    }
    return (uint32_t)(h ^ h >> 29);
}

static void widen(sym_table *t) {
    uint32_t capacity = t->capacity * 2;
    sym *slots = arena_array(t->a, sym, capacity);
    if (!slots)
        return;
    for (uint32_t i = 0; i < t->capacity; i++) {
        if (!t->slots[i])
            continue;
        uint32_t at = t->slots[i]->hash & (capacity - 1);
        while (slots[at])
            at = (at + 1) & (capacity - 1);
        slots[at] = t->slots[i];
    }
    t->slots = slots;
    t->capacity = capacity;
}

static sym sym_make(sym_table *t, const char *text, size_t len, uint32_t hash) {
    struct sym *s = arena_alloc(t->a, sizeof *s + len + 1);
    if (!s)
        return NULL;
    s->len = (uint32_t)len;
    s->hash = hash;
    if (len)
        memcpy(s->text, text, len);
    return s;
}

sym sym_intern(sym_table *t, const char *text, size_t len) {
    uint32_t hash = hash_text(text, len);
    uint32_t at = hash & (t->capacity - 1);
    for (; t->slots[at]; at = (at + 1) & (t->capacity - 1)) {
        sym s = t->slots[at];
        if (s->hash == hash && s->len == len && memcmp(s->text, text, len) == 0)
            return s;
    }
    sym s = sym_make(t, text, len, hash);
    if (!s)
        return NULL;
    t->slots[at] = s;
    if (++t->count * 2 > t->capacity)
        widen(t);
    return s;
}

sym sym_of(sym_table *t, const char *text) {
    return sym_intern(t, text, strlen(text));
}

bool sym_is(sym s, const char *text) {
    return s && strlen(text) == s->len && memcmp(s->text, text, s->len) == 0;
}
