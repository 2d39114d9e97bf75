/* Chunks in a list, a bump pointer in the newest one. Chunks come from calloc, so that memory is zero without our
 * touching it. A request that would waste most of a chunk gets a chunk of its own, behind the newest, whose rest stays
 * in use. Under AddressSanitizer what has not been handed out is poisoned, with a gap behind every allocation, so that
 * an overflow inside an arena is seen as it would be with malloc. */
#define _GNU_SOURCE
#include "support/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_ASAN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define ARENA_ASAN 1
#endif

#ifdef ARENA_ASAN
#include <sanitizer/asan_interface.h>
#define ARENA_GAP 16u
#else
#define ASAN_POISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#define ARENA_GAP 0u
#endif

#define ALIGNMENT 16u
#define FIRST_CHUNK ((size_t)16 << 10)
#define LARGEST_CHUNK ((size_t)1 << 20)

typedef struct chunk chunk;
struct chunk {
    _Alignas(ALIGNMENT) chunk *next;
    size_t size; /* of `data` */
    _Alignas(ALIGNMENT) char data[];
};

struct arena {
    char *free, *end; /* what is left of the newest chunk */
    chunk *chunks;    /* newest first */
    size_t next_size, used;
    jmp_buf *on_exhausted;
};

/* Asked of the system and handed back untouched. What small kernels need is a tenth of it. */
bool memory_is_left(void) {
    const size_t enough = (size_t)16 << 20;
    void *trial = mmap(NULL, enough, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (trial == MAP_FAILED)
        return false;
    munmap(trial, enough);
    return true;
}

arena *arena_new(jmp_buf *on_exhausted) {
    arena *a = calloc(1, sizeof *a);
    if (!a)
        return NULL;
    a->next_size = FIRST_CHUNK;
    a->on_exhausted = on_exhausted;
    return a;
}

void arena_free(arena *a) {
    if (!a)
        return;
    for (chunk *c = a->chunks, *next; c; c = next) {
        next = c->next;
        ASAN_UNPOISON_MEMORY_REGION(c->data, c->size);
        free(c);
    }
    free(a);
}

static void *give_up(arena *a) {
    if (a->on_exhausted)
        longjmp(*a->on_exhausted, 1);
    return NULL;
}

static chunk *chunk_new(size_t size) {
    chunk *c = size < SIZE_MAX / 2 ? calloc(1, sizeof *c + size) : NULL;
    if (c) {
        c->size = size;
        ASAN_POISON_MEMORY_REGION(c->data, size);
    }
    return c;
}

static void *alloc_own_chunk(arena *a, size_t size) {
    chunk *c = chunk_new(size);
    if (!c)
        return give_up(a);
    if (a->chunks) {
        c->next = a->chunks->next;
        a->chunks->next = c;
    } else {
        a->chunks = c;
    }
    return c->data;
}

static char *alloc_new_chunk(arena *a, size_t size) {
    chunk *c = chunk_new(a->next_size);
    if (!c)
        return give_up(a);
    c->next = a->chunks;
    a->chunks = c;
    a->free = c->data + size;
    a->end = c->data + c->size;
    if (a->next_size < LARGEST_CHUNK)
        a->next_size *= 2;
    return c->data;
}

void *arena_alloc(arena *a, size_t size) {
    if (size > SIZE_MAX / 4)
        return give_up(a);
    size_t rounded = ((size ? size : 1) + ARENA_GAP + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    char *at = a->free;
    if ((size_t)(a->end - a->free) >= rounded)
        a->free += rounded;
    else if (rounded > a->next_size / 4)
        at = alloc_own_chunk(a, rounded);
    else
        at = alloc_new_chunk(a, rounded);
    if (!at)
        return NULL;
    a->used += rounded;
    ASAN_UNPOISON_MEMORY_REGION(at, size);
    return at;
}

char *arena_strndup(arena *a, const char *text, size_t len) {
    char *copy = arena_alloc(a, len + 1);
    if (copy && len)
        memcpy(copy, text, len);
    return copy;
}

char *arena_printf(arena *a, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0)
        return arena_strndup(a, "", 0);
    char *at = arena_alloc(a, (size_t)len + 1);
    if (!at)
        return NULL;
    va_start(args, format);
    vsnprintf(at, (size_t)len + 1, format, args);
    va_end(args);
    return at;
}

size_t arena_used(const arena *a) {
    return a->used;
}

/* Doubling; a vector that would outgrow its 32-bit length counts as memory being out. */
void *vec_room(arena *a, void *at, uint32_t len, uint32_t *cap, size_t item_size) {
    if (len < *cap)
        return at;
    if (*cap > UINT32_MAX / 2)
        return give_up(a);
    uint32_t wider = *cap ? *cap * 2 : 8;
    void *copy = arena_alloc(a, (size_t)wider * item_size);
    if (!copy)
        return NULL;
    if (len)
        memcpy(copy, at, (size_t)len * item_size);
    *cap = wider;
    return copy;
}
