/* Types: interned per compile, so that equality is pointer equality. Signatures as Numba writes them. Promotion and
 * unification rules (Numba's, with NumPy's ufunc rules for arrays). */
#ifndef PLAIT_TYPES_TYPES_H
#define PLAIT_TYPES_TYPES_H

#include "support/diag.h"
#include "support/sym.h"

typedef enum type_kind {
    TYPE_INVALID,
    TYPE_BOTTOM, /* no value: unreachable, or the result of a recursion not yet known; joins to anything */
    TYPE_NONE,
    TYPE_BOOL,
    TYPE_INT,      /* bits 8…64, is_signed */
    TYPE_FLOAT,    /* bits 32, 64 */
    TYPE_COMPLEX,  /* bits 64, 128 */
    TYPE_TUPLE,    /* items, field names when it is a named tuple */
    TYPE_RANGE,    /* start, stop, step: int64 */
    TYPE_SLICE,    /* has_step */
    TYPE_STRING,   /* constant strings: the text is part of the type */
    TYPE_ARRAY,    /* dtype, ndim, layout, readonly, aligned */
    TYPE_DTYPE,    /* a type as a value: np.float32 as an argument; `dtype` is the scalar type */
    TYPE_FUNCTION, /* a compile-time function, module, class …: identity in `key` */
    TYPE_OMITTED,  /* a default argument that was not given: `key` is its value */
    TYPE_KIND_COUNT
} type_kind;

typedef enum type_layout { LAYOUT_A = 'A', LAYOUT_C = 'C', LAYOUT_F = 'F' } type_layout;
enum { TYPE_MAX_NDIM = 32 };

typedef const struct type {
    type_kind kind;
    uint8_t bits;
    bool is_signed;
    bool has_step;          /* SLICE */
    bool readonly, aligned; /* ARRAY */
    type_layout layout;     /* ARRAY; 0-d and 1-d contiguous arrays are C */
    uint32_t ndim;          /* ARRAY */
    const struct type *dtype;
    const struct type *const *items; /* TUPLE */
    const sym *fields;               /* TUPLE: names, or NULL */
    sym name;                        /* STRING: the text; named TUPLE: class name */
    uint32_t len;                    /* TUPLE */
    const void *key;                 /* FUNCTION, OMITTED: identity, opaque here */
} type;

typedef struct types types; /* the table; also holds the common ones below */

types *types_new(arena *a, sym_table *syms);
arena *types_arena(types *t); /* the one it was made in */
sym_table *types_syms(types *t);

type *type_bottom(types *t);
type *type_none(types *t);
type *type_bool(types *t);
type *type_int(types *t, unsigned bits, bool is_signed);
type *type_int64(types *t);
type *type_float(types *t, unsigned bits);
type *type_float64(types *t);
type *type_complex(types *t, unsigned bits);
type *type_tuple(types *t, const type *const *items, uint32_t len, sym name, const sym *fields);
type *type_range(types *t);
type *type_slice(types *t, bool has_step);
type *type_string(types *t, sym text);
type *type_array(types *t, type *dtype, uint32_t ndim, type_layout layout, bool readonly, bool aligned);
type *type_dtype(types *t, type *dtype);
type *type_function(types *t, const void *key, sym name);
type *type_omitted(types *t, const void *key);

bool type_is_number(type *t);  /* bool, int, float, complex */
bool type_is_integer(type *t); /* int or bool */
bool type_is_real(type *t);    /* bool, int, float */
uint32_t type_size(type *t);   /* bytes of a scalar as stored in an array */
uint32_t type_slots(type *t);  /* 8-byte slots in the calling convention (runtime.h) */
/* Scalars that array dtypes are made of: 0 <= n < TYPE_DTYPE_COUNT, bool first. */
enum { TYPE_DTYPE_COUNT = 13 };
type *type_nth_dtype(types *t, uint32_t n);

/* Numba's spelling: "int64", "array(float64, 2d, C)", "Tuple(int64, float64)", "UniTuple(int64 x 2)"; with the fields of
 * named tuples ("Point(x: int64, y: int64)") and strings in quotes ('Literal[str]("abc")'), so that all but functions and
 * omitted arguments can be read back by type_parse. */
void type_print(type *t, text *out);
const char *type_name(types *t, type *x); /* the same, in the table's arena */
void type_print_json(type *t, text *out); /* the objects of plait_artifact_metadata */

/* Parses one type or a signature: names (int64, i8, f8, float64, double, boolean, b1, c16, complex128, intp, void,
 * none …), T[:] T[::1] T[:,::1] T[::1,:], array(float64, 2d, C[, readonly]), Tuple((a, b)), UniTuple(a, 3) and
 * "UniTuple(int64 x 3)", readonly "Array(float64, 1, 'C', readonly=True)", and all that type_print writes. A signature is
 * "ret(args)", "(args)", "(args) -> ret" or "args, args"; *result is NULL when no result type is given. Errors go to `d` (class DIAG_REQUEST) and return NULL /
 * false, with the column of the offending character. */
type *type_parse(types *t, const char *text, diags *d);
bool type_parse_signature(types *t, arena *a, const char *text, diags *d, type **result, type *const **args,
                          uint32_t *n_args);

/* ---- rules (NUMBA.md, section 6) ---------------------------------------------------------------------------------- */

/* Join of two types of one variable on two paths (int64 with uint64: float64; NULL when they do not unify). Arrays
 * unify when dtype and ndim agree: layout A if they differ, readonly if either is. Tuples element-wise. BOTTOM is the
 * identity. */
type *type_unify(types *t, type *a, type *b);
/* Type in which a scalar arithmetic operator works: ints widen to at least 64 bits, signed if either is; then float,
 * complex as Numba. Both must be numbers. For / and for ** see type_truediv, and the elaborator. */
type *type_promote_scalar(types *t, type *a, type *b);
/* NumPy's promotion of two array element types (np.promote_types): int64+uint64 → float64, int32+float32 → float64 … */
type *type_promote_dtype(types *t, type *a, type *b);
/* Element type of a ufunc of an array of `array_dtype` and a scalar of type `scalar`: Python-like scalars (int64,
 * float64, complex128, bool) are weak (NEP 50); others promote as dtypes. */
type *type_promote_weak(types *t, type *array_dtype, type *scalar);
/* True when every value of `from` fits `to` (NumPy's can_cast(…, 'safe')). */
bool type_can_cast_safely(type *from, type *to);
/* Conversion is possible at all (complex → real is not). */
bool type_can_convert(type *from, type *to);

#endif
