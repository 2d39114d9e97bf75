/* What a module-level expression is worth, as far as it can be known without running Python: numbers, strings, tuples of
 * constants, arithmetic on them, members of known modules, small np.array literals. */
#ifndef PLAIT_CLI_CONSTANT_H
#define PLAIT_CLI_CONSTANT_H

#include "support/arena.h"
#include "syntax/ast.h"
#include <jansson.h>

typedef enum constant_kind {
    CONSTANT_INVALID,
    CONSTANT_NONE,
    CONSTANT_BOOL, /* i */
    CONSTANT_INT,  /* i: the value's low 64 bits; is_unsigned when it is above int64 */
    CONSTANT_FLOAT,
    CONSTANT_COMPLEX, /* f, im */
    CONSTANT_STR,     /* text, len */
    CONSTANT_TUPLE,   /* items, n; also lists, which are not bindings */
    CONSTANT_REF      /* a binding of one word: key "module", "object", "dtype", "type"; text */
} constant_kind;

typedef struct constant constant;
struct constant {
    constant_kind kind;
    bool is_unsigned, is_list;
    int64_t i;
    double f, im;
    const char *key, *text;
    size_t len;
    const constant *items;
    uint32_t n;
    const json_t *made; /* REF made by a call: the whole binding, borrowed from the caller's list */
};

typedef struct constant_scope {
    arena *a;
    /* The constant that a name stands for, or NULL. */
    const constant *(*find)(void *context, sym name);
    void *context;
    json_t *kept; /* list that holds the bindings made */
} constant_scope;

/* False when the expression is not a constant. */
bool constant_of(const constant_scope *s, const ast *e, constant *out);
/* A member of a module, constants and types resolved: ("numpy", "pi") is a float, ("numpy", "float32") a dtype, ("numba",
 * "prange") the object plait.prange. */
constant constant_member(arena *a, const char *module, const char *name);
/* The binding (plait.h), a new reference; NULL when there is none (lists). */
json_t *constant_binding(const constant *c);

#endif
