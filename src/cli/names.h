/* Names that a function takes from outside. */
#ifndef PLAIT_CLI_NAMES_H
#define PLAIT_CLI_NAMES_H

#include "support/arena.h"
#include "syntax/ast.h"

typedef struct free_name {
    sym name;
    span at; /* of its first use */
} free_name;
typedef VEC(free_name) free_names;

/* Names read in the body of `function`, and in functions nested in it, that are bound in neither; each once. */
free_names names_free(arena *a, const ast *function);

#endif
