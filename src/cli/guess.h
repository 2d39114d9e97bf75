/* Types of parameters, guessed from their use: only for `plait explain` without a signature. */
#ifndef PLAIT_CLI_GUESS_H
#define PLAIT_CLI_GUESS_H

#include "support/arena.h"
#include "syntax/ast.h"

/* `called` gives the definition of a function of the module by name, or NULL. */
const char *guess_signature(arena *a, const ast *function, const ast *(*called)(void *context, sym name),
                            void *context);

#endif
