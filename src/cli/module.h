/* A Python file as the command reads it: imports, constants and functions at module level, without running any of it; and
 * the requests (plait.h) for its functions. */
#ifndef PLAIT_CLI_MODULE_H
#define PLAIT_CLI_MODULE_H

#include "cli/guess.h"
#include "support/diag.h"
#include "syntax/ast.h"
#include <jansson.h>

typedef struct module module;

typedef struct module_function {
    sym name;
    const ast *def;
    bool is_kernel;  /* decorated with njit or jit */
    const ast *call; /* the decorator when it has arguments, or NULL */
    uint32_t n_signatures;
    const char **signatures; /* given to the decorator */
} module_function;

/* NULL after reporting to `d`: the file cannot be read, or is not Python. */
module *module_read(arena *a, sym_table *syms, diags *d, const char *path);
void module_free(module *m); /* what is not in the arena */

uint32_t module_count(const module *m);
const module_function *module_at(const module *m, uint32_t i);         /* in the order of the file */
const module_function *module_find(const module *m, const char *name); /* the last of this name, or NULL */
uint32_t module_file(const module *m);                                 /* index of its source in the diagnostics */

/* The request for a function, without signature: a new reference, or NULL after reporting. */
json_t *module_request(module *m, const module_function *f);
/* Argument types that the file suggests, "(float64, array(float64, 1d, C))", and why. */
signature_guess module_guess(module *m, const module_function *f);
/* A constant expression in the language of the file, for arguments on the command line: its binding. */
json_t *module_argument(arena *a, sym_table *syms, diags *d, const char *written);

#endif
