/* Elaboration: typed syntax tree → KIR, by specialisation on argument types, in one walk.
 *
 * Types are found while KIR is built: evaluating an expression gives a `value`, either a compile-time entity (module,
 * function, dtype, string, None, tuple of values, slice, range …) or a KIR expression with its type. A user variable
 * may have different types at different places (flow-sensitive, as SSA would give): each (variable, type) pair is a
 * KIR variable of its own, and where paths meet the types are unified and conversions inserted on the edges.
 * A loop is entered with the types known before it; when its back edge brings others, the emitted statements are thrown
 * away and the body is elaborated again with the unified types (types only ever widen, and heads are remembered, so
 * nested loops do not multiply the work). A recursive call whose result is not known yet gives BOTTOM, and the function
 * is elaborated again until its result type is stable.
 * Tuples never reach KIR: a tuple variable is a variable per leaf.
 */
#ifndef PLAIT_ELABORATE_ELABORATE_H
#define PLAIT_ELABORATE_ELABORATE_H

#include "kir/kir.h"
#include "syntax/ast.h"

/* ---- the room's door ------------------------------------------------------------------------------------------------ */

/* What a free name means; mirrors the bindings of plait.h. */
typedef enum bound_kind {
    BOUND_INVALID,
    BOUND_NONE,
    BOUND_BOOL,
    BOUND_INT,
    BOUND_FLOAT,
    BOUND_COMPLEX,
    BOUND_STR,
    BOUND_MODULE,
    BOUND_OBJECT,
    BOUND_BUILTIN,
    BOUND_TYPE,
    BOUND_TUPLE,
    BOUND_NAMEDTUPLE,
    BOUND_EXCEPTION,
    BOUND_KERNEL,
    BOUND_ARRAY
} bound_kind;
typedef struct bound bound;
typedef struct bound_name {
    sym name;
    const bound *what;
} bound_name;
typedef struct forced_type {
    sym name;
    type *ty;
} forced_type;
typedef struct elab_source { /* a function to compile and what its free names mean */
    ast *function;           /* FunctionDef or Lambda */
    sym name;
    uint32_t n_names;
    const bound_name *names;
    uint32_t n_defaults;
    const bound_name *defaults; /* by parameter */
    uint32_t n_locals;
    const forced_type *locals; /* option locals={}: types that local variables always have */
    bool inline_always;
    const char *key; /* identity: equal keys, equal kernels */
} elab_source;
struct bound {
    bound_kind kind;
    int64_t i;        /* BOOL, INT */
    bool is_unsigned; /* INT above int64 */
    double f, im;     /* FLOAT, COMPLEX */
    sym text;         /* STR; dotted name of MODULE, OBJECT, BUILTIN; class name */
    type *ty;         /* TYPE (also dtypes) */
    uint32_t len;     /* TUPLE, NAMEDTUPLE */
    const bound *const *items;
    const sym *fields; /* or NULL */
    sym base;          /* EXCEPTION: builtin base class */
    const char *key;   /* EXCEPTION: the caller's key, or NULL */
    const elab_source *kernel;
    kir_global array;
};

typedef struct elab_note { /* for --dump=types and inspect_types: the type of a name or expression at a place */
    span at;
    sym name;
    type *ty;
} elab_note;

typedef struct elab_result {
    type *result; /* result type of the entry, tuples included: how the slots are to be read */
    VEC(elab_note) notes;
} elab_result;

/* Elaborates `entry` for arguments of the given types (`args[i]` per parameter after defaults; TYPE_OMITTED for a
 * default to be used) into module `m` (options set): m->fns[0] becomes the entry. `wanted` result type or NULL.
 * Parameters and results of the KIR function are the leaves, in order, as runtime.h lays out slots.
 * False after reporting errors to m->diags. */
bool elaborate(kir_module *m, const elab_source *entry, type *const *args, uint32_t n_args, type *wanted,
               elab_result *result);

/* Library sources in the kernel language, embedded from src/library/. */
typedef struct library_file {
    const char *name;
    const char *text;
    size_t len;
} library_file;
extern const library_file library_files[]; /* ends with a NULL name */

#endif
