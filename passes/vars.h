/* What statements read and write: variable sets, definitions, liveness. Used by every pass that asks "does this value
 * outlive the iteration?". All answers live in the arena given. */
#ifndef PLAIT_PASSES_VARS_H
#define PLAIT_PASSES_VARS_H

#include "kir/kir.h"

typedef struct var_set { /* by kir_var.id, of one function; grows when variables are made after it */
    uint64_t *bits;
    uint32_t words;
    arena *a;
} var_set;

var_set vars_new(arena *a, const kir_fn *f);
void vars_add(var_set *s, const kir_var *v);
void vars_remove(var_set *s, const kir_var *v);
bool vars_has(const var_set *s, const kir_var *v);
bool vars_union(var_set *into, const var_set *from); /* true when something was new */
void vars_copy(var_set *into, const var_set *from);
void vars_clear(var_set *s);

/* Calls visit for every variable that an expression mentions (arrays of loads, views and extents included). */
typedef void (*vars_visit)(kir_var *v, void *context);
void vars_in_expr(kir_expr *e, vars_visit visit, void *context);
void vars_read_by_expr(kir_expr *e, var_set *into);
bool vars_mentions(kir_expr *e, const kir_var *v);
bool vars_mentions_any(kir_expr *e, const var_set *set);
/* Reads of the statement itself (not of nested ones): operands, and the array variables it stores into. */
void vars_read_by(kir_stmt *s, var_set *into);
/* Variables that the statement itself assigns (FOR: its variable). */
void vars_written_by(kir_stmt *s, vars_visit visit, void *context);
void vars_written_in(kir_block *b, var_set *into); /* nested statements included */
/* Adds to counts, by a variable's id, how many statements of b assign it; nested ones included. */
void vars_count_writes(kir_block *b, uint32_t *counts);
void vars_read_in(kir_block *b, var_set *into);

/* Puts variable `to` for `from` in the statement and those in it: reads, writes and what loops say of it. */
void vars_rename(kir_stmt *s, kir_var *from, kir_var *to);

/* Static definitions of each variable of a function. */
typedef struct var_defs {
    uint32_t *count; /* by id; a parameter counts as one more */
    kir_stmt **only; /* the ASSIGN when there is exactly one definition and it is an ASSIGN, else NULL */
} var_defs;
var_defs vars_defs(arena *a, kir_fn *f);

/* Liveness. live_after answers for FOR statements: variables that may be read after the loop before being written. */
typedef struct live_map live_map;
live_map *live_new(arena *a, kir_fn *f);
const var_set *live_after(const live_map *m, const kir_stmt *loop);
/* Variables that an iteration of `loop` may read before it writes them (invariant ones included). */
var_set live_exposed(arena *a, const kir_fn *f, kir_stmt *loop);

/* Does control leave `body` other than by its end or CONTINUE of `loop`: a BREAK or CONTINUE to outside, or RETURN? */
bool body_escapes(kir_stmt *loop);

#endif
