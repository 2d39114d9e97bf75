/* Arena: memory of one lifetime, freed at once. See docs/decisions.md, "Three lifetimes". */
#ifndef PLAIT_SUPPORT_ARENA_H
#define PLAIT_SUPPORT_ARENA_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct arena arena;

/* Whether there is memory for libraries that end the process when it is out (LLVM): asked before they are entered. */
bool memory_is_left(void);

/* New empty arena, or NULL when memory is out. `on_exhausted` (may be NULL) is jumped to with value 1 when a later
 * allocation fails, so that no caller below has to test for NULL; without it a failing allocation returns NULL. */
arena *arena_new(jmp_buf *on_exhausted);
void arena_free(arena *a);

/* Zeroed, 16-byte aligned memory that lives as long as the arena. */
void *arena_alloc(arena *a, size_t size);
/* Copy of `len` bytes plus a terminating NUL. */
char *arena_strndup(arena *a, const char *text, size_t len);
/* printf into the arena. */
char *arena_printf(arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Bytes handed out so far. */
size_t arena_used(const arena *a);

#define arena_make(a, T) ((T *)arena_alloc((a), sizeof(T)))
#define arena_array(a, T, n) ((T *)arena_alloc((a), sizeof(T) * (size_t)(n)))

/* Growable vector living in an arena: `VEC(int) v = {0}; vec_push(a, &v, 3); v.at[0]`. Old storage is left to the
 * arena. vec_push evaluates `v` more than once. */
#define VEC(T)                                                                                                         \
    struct {                                                                                                           \
        T *at;                                                                                                         \
        uint32_t len, cap;                                                                                             \
    }
#define vec_push(a, v, ...)                                                                                            \
    ((v)->at = vec_room((a), (v)->at, (v)->len, &(v)->cap, sizeof *(v)->at), (v)->at[(v)->len++] = (__VA_ARGS__))
void *vec_room(arena *a, void *at, uint32_t len, uint32_t *cap, size_t item_size);

#endif
