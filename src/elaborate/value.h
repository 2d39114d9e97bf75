/* Inside the room: values, the elaborator's state, and what the files of src/elaborate/ offer one another.
 *   elaborate.c  the entry, what a name means, built-ins by name, emitting
 *   statement.c  statements; loop.c: loops          expression.c  expressions, operators on scalars, comparisons
 *   operator.c   operators on scalars and tuples       liveness.c   which variables may still be read
 *   call.c       arguments, inlining, closures        specialise.c kernels by argument types, recursion
 *   comprehension.c np.array([… for …])
 *   environment.c variables and their types         builtin.c     len, range, min, isinstance, print, …
 *   mathlib.c    math, cmath                        attribute.c   attributes and methods
 *   subscript.c  indexing and slicing, as source and target      ufunc.c   element-wise functions and operators
 *   shape.c      dimensions and broadcasting            linear.c      products of vectors and matrices (both: arrays.h)
 *   create.c     np.zeros, arange …                 reduce.c      sum, argmin …  and the library's sources
 */
#ifndef PLAIT_ELABORATE_VALUE_H
#define PLAIT_ELABORATE_VALUE_H

#include "elaborate/elaborate.h"

typedef struct elab elab;

typedef enum value_kind {
    VAL_INVALID, /* an error was reported; whoever gets one passes it on silently */
    VAL_BOTTOM,  /* no value: code here is unreachable, or a recursion's unknown result */
    VAL_NONE,
    VAL_EXPR,  /* a scalar or array at run time (constants too: see `literal`) */
    VAL_TUPLE, /* items; ty->fields when named */
    VAL_RANGE, /* items[0..3): start, stop, step as int64 VAL_EXPR; is_prange */
    VAL_SLICE, /* items[0..3): start, stop, step; VAL_NONE where absent */
    VAL_ELLIPSIS,
    VAL_STRING,     /* constant text */
    VAL_TYPE,       /* a type as a value: np.float32, int, float, np.dtype(…) */
    VAL_MODULE,     /* text: "numpy" */
    VAL_OBJECT,     /* a known function or constant, by dotted name: "numpy.sqrt", "builtins.len" → row of builtins */
    VAL_METHOD,     /* items[0]: the receiver; text: name */
    VAL_KERNEL,     /* another kernel */
    VAL_CLOSURE,    /* a nested function or lambda and the environment it sees */
    VAL_EXCEPTION,  /* an exception class */
    VAL_RAISED,     /* an exception instance: class and arguments */
    VAL_NAMEDTUPLE, /* the class */
    VAL_ITERATOR,   /* enumerate, zip, reversed …: text says which, items its operands */
    VAL_FORMATTED   /* an f-string that is not constant: items are its pieces; for print and messages */
} value_kind;

typedef struct value value;
struct value {
    value_kind kind;
    type *ty;       /* of VAL_EXPR and VAL_TUPLE …; what type_of(value) gives for the others */
    kir_expr *expr; /* VAL_EXPR */
    bool literal;   /* VAL_EXPR that is a compile-time constant (expr is a KIR_CONST): usable as axis=, tuple index */
    bool is_prange; /* VAL_RANGE */
    uint32_t len;
    value *items;
    sym text;
    const bound *bound; /* VAL_EXCEPTION, VAL_NAMEDTUPLE, array constants */
    const elab_source *kernel;
    const struct closure *closure;
    const struct builtin *builtin; /* VAL_OBJECT, VAL_METHOD once looked up */
    span at;
};

typedef struct call_args { /* actual arguments, evaluated, in source order; *tuples are already spread */
    uint32_t n;
    value *at;
    sym *names;          /* NULL for positional */
    span place;          /* of the call */
    const span *name_at; /* of each argument that has a name, name and all; NULL where names are */
} call_args;

/* A built-in: `params` is its Python signature as text, e.g. "a, axis=None, dtype=None, *, keepdims=False" (a default
 * is a literal; "*args" and "/" are allowed); the caller binds arguments by it (errors for wrong ones are uniform) and
 * `call` receives one value per parameter (VAL_INVALID kind never occurs there; absent ones hold the default).
 * When `library` is set instead of `call`, the function of that name in src/library/ is inlined. */
typedef struct builtin {
    const char *name; /* "numpy.sum", "builtins.len", "ndarray.sum", "math.sqrt", "complex.real" … */
    const char *params;
    value (*call)(elab *e, const struct builtin *b, value *args, uint32_t n, span at);
    const char *library;
    int32_t code; /* for rows that share a `call` (a kir_op, …) */
} builtin;
/* One table a file, each ending with a NULL name; elaborate.c searches them all through a hash made once per compile. */
extern const builtin builtin_table[], mathlib_table[], ufunc_table[], create_table[], reduce_table[], attribute_table[],
    subscript_table[], linear_table[], numpy_table[];

/* ---- emitting (elaborate.c) ------------------------------------------------------------------------------------------ */
kir_module *elab_module(elab *e);
kir_fn *elab_fn(elab *e); /* the function being emitted */
types *elab_types(elab *e);
void elab_emit(elab *e, kir_stmt *s); /* appends to the current block */
/* Emits statements into a new block until elab_pop_block, for if/else arms and the like. */
void elab_push_block(elab *e, kir_block *b);
void elab_pop_block(elab *e);
/* Reports an error and gives the VAL_INVALID to return. */
value elab_error(elab *e, diag_class class, span at, const char *hint, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/* raise `exception` (message: kir_site's form) unless `condition`; args are scalar expressions. */
void elab_check(elab *e, kir_expr *condition, const char *exception, const char *message, kir_expr *const *args,
                uint32_t n_args, span at);

/* The row called `dotted_name` ("numpy.sum", "ndarray.sum"), or NULL. */
const builtin *elab_find_builtin(elab *e, const char *dotted_name);
/* What a dotted name of a known module means: a function (VAL_OBJECT), a type, a constant ("math.pi", "numpy.newaxis"),
 * a submodule. VAL_INVALID without a report when there is no such thing. BOUND_OBJECT, BOUND_BUILTIN and attributes of
 * modules are resolved by this. */
value elab_object(elab *e, const char *dotted_name, span at);
/* Nearest of the names known under `prefix` ("numpy.") to a misspelt one, for hints; NULL when none is near. */
const char *elab_nearest(elab *e, const char *prefix, const char *name);
bool elab_is_near(const char *name, const char *candidate);
/* What to do about a value that is neither number nor array where one is needed; NULL when there is no more to say. */
const char *value_remedy(const value *v);

/* ---- values ------------------------------------------------------------------------------------------------------------ */
value value_of(elab *e, kir_expr *x);         /* VAL_EXPR */
value value_int(elab *e, int64_t x, span at); /* literal int64 */
value value_bool(elab *e, bool x, span at);
value value_none(elab *e, span at);
value value_invalid(span at);
value value_string(elab *e, sym text, span at);
value value_of_type(elab *e, type *t, span at); /* VAL_TYPE */
/* An expression tree may stand in one statement only: whoever needs a value twice takes it the second time through
 * this, which copies the trees. (Hold scalars first when they are costly: elab_hold.) */
value value_again(elab *e, const value *v);
value value_tuple(elab *e, const value *items, uint32_t n, span at);
bool value_is_scalar(const value *v);
bool value_is_array(const value *v);
bool value_literal_int(const value *v, int64_t *x); /* a compile-time integer? */
bool value_literal_bool(const value *v, bool *x);
type *value_type(elab *e, const value *v); /* also for compile-time ones (tuples, ranges, strings …) */
/* Keeps a scalar's value in a fresh temporary, so that later effects cannot change it; constants stay. */
kir_expr *elab_hold(elab *e, kir_expr *x);
/* Iterations of range(lo, hi, step), step not 0, exactly; negative when the number does not fit int64. */
kir_expr *elab_range_count(elab *e, kir_expr *lo, kir_expr *hi, kir_expr *step, span at);
value elab_hold_value(elab *e, const value *v); /* the same for every scalar leaf; array expressions become variables */
/* An array value as a variable: itself when it is one, else materialised into a temporary. NULL after an error. */
kir_var *elab_array_var(elab *e, const value *v);
/* Converts for assignment, argument or result: scalars to scalar types, arrays to a wider array type of equal dtype. */
value elab_convert(elab *e, const value *v, type *to, span at);
kir_expr *elab_truth(elab *e, const value *v,
                     span at); /* bool expression: Python's truth of a value; NULL after an error */
value elab_binary(elab *e, ast_op op, const value *a, const value *b, span at); /* scalars, tuples, arrays (ufunc.c) */
value elab_unary(elab *e, ast_op op, const value *a, span at);
value elab_compare(elab *e, ast_op op, const value *a, const value *b, span at);
value elab_expression(elab *e, const ast *x);
value elab_call(elab *e, const value *callee, const call_args *args); /* kernels, closures, builtins, classes */
value elab_call_builtin(elab *e, const char *dotted_name, const value *args, uint32_t n, span at);
/* Inlines function `name` of the library with these arguments. */
value elab_call_library(elab *e, const char *name, const value *args, uint32_t n, span at);
void elab_assign_name(elab *e, sym name, const value *v, span at);
void elab_assign_target(elab *e, const ast *target, const value *v); /* names, tuples, subscripts, attributes */
/* Emits a counted loop around what `body` emits; for generated code (iteration over arrays, …). */
void elab_loop(elab *e, kir_loop_kind kind, kir_expr *lo, kir_expr *hi, span at,
               void (*body)(elab *e, kir_expr *index, void *context), void *context);

/* ---- arrays (subscript.c, ufunc.c, reduce.c, create.c, attribute.c) ------------------------------------------------------ */
value elab_array_binary(elab *e, ast_op op, const value *a, const value *b, span at); /* at least one array */
value elab_array_unary(elab *e, ast_op op, const value *a, span at);
value elab_array_compare(elab *e, ast_op op, const value *a, const value *b, span at);
value elab_get_item(elab *e, const value *array, const value *index,
                    span at); /* index: scalar, slice, tuple, array … */
void elab_set_item(elab *e, const value *array, const value *index, const value *v, span at);
/* array op= v, in place, as NumPy (casting rule 'same_kind'). */
void elab_array_augassign(elab *e, ast_op op, const value *array, const value *v, span at);
/* array[index] op= v: elements, slices, masks and integer arrays (all of whose places are read, then written). */
void elab_item_augassign(elab *e, ast_op op, const value *array, const value *index, const value *v, span at);
value elab_get_attribute(elab *e, const value *v, sym name, span at); /* arrays, scalars, modules, dtypes, tuples */
value elab_array_shape(elab *e, const value *array, span at);         /* tuple of int64 */
/* shape[axis] of any array value, also of an unevaluated array expression. */
kir_expr *elab_array_dim(elab *e, const kir_expr *array, uint32_t axis, span at);
/* Statement-level iteration `for target in array`: number of steps and the element for a step. */
kir_expr *elab_array_len(elab *e, const value *array, span at);
value elab_array_at(elab *e, const value *array, kir_expr *index, span at); /* scalar or sub-view; index in range */

#endif
