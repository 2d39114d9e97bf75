/* What a file's own code calls its kernels with, read without running it: `grid = np.zeros((n, n)); heat(grid, 10)` says
 * that heat takes a two-dimensional array of float64 and an int. Only for `plait explain` without a signature. */
#ifndef PLAIT_CLI_CALLS_H
#define PLAIT_CLI_CALLS_H

#include "support/arena.h"
#include "syntax/ast.h"

typedef struct call_value { /* a value, as far as it is known */
    const char *dtype;      /* "float64"; NULL: not known */
    int ndim;               /* 0: a scalar; -1: not known */
    char layout;            /* C, F or A */
    bool is_range;
    uint32_t n; /* a tuple or list of so many items; else 0 */
    struct call_value *items;
} call_value;

typedef struct call_site {
    const ast *function; /* the kernel's definition */
    uint32_t line;
    uint32_t n;
    call_value *args; /* by parameter */
} call_site;

typedef struct call_finder {
    arena *a;
    /* The definition of a function of the module by name, or NULL. */
    const ast *(*find)(void *context, sym name);
    bool (*is_kernel)(void *context, const ast *function);
    void *context;
} call_finder;

/* The call of `kernel` in the module's code (or in kernels that this calls) of whose arguments most is known; NULL: there
 * is none. */
const call_site *calls_find(const call_finder *f, const ast *module, const ast *kernel);
/* The same of calls from `caller`, a kernel whose parameters are `params`. */
const call_site *calls_find_in(const call_finder *f, const ast *caller, const call_value *params, uint32_t n,
                               const ast *kernel);
/* "array(float64, 2d, C)"; NULL when something about it is not known. */
const char *call_type(arena *a, const call_value *v);
call_value call_scalar(const char *dtype);
/* What an annotation or the second argument of np.zeros names: "float32" for np.float32, "f4"; NULL: not known. */
const char *call_dtype(const ast *e);

#endif
