/* What the files about arrays share: shapes, broadcasting, views, loop nests over elements.
 *
 * An array value is a KIR expression. Most stay unevaluated (element-wise trees over variables and views), so that
 * `a*b + c` costs no temporary: the statement that takes the value evaluates it. Expressions here are consumed by the
 * node that they are built into; whoever needs one twice copies it (array_copy). Dimensions are int64 expressions
 * that are cheap to evaluate; where two may differ at run time, the check is emitted when the node is built. */
#ifndef PLAIT_ELABORATE_ARRAYS_H
#define PLAIT_ELABORATE_ARRAYS_H

#include "elaborate/value.h"

/* ---- shape.c: expressions ---------------------------------------------------------------------------------------- */

kir_expr *array_copy(elab *e, const kir_expr *x);
/* An expression that may stand twice: itself and a copy; a large element-wise one is materialised first. */
kir_expr *array_share(elab *e, kir_expr **x);
/* Operand of an element-wise tree: arrays that are no element-wise expression become variables, scalars are held.
 * NULL after an error (not a number, not an array). Tuples of numbers become arrays. */
kir_expr *array_operand(elab *e, const value *v, span at);
/* Shares memory with a variable when assigned (VAR, VIEW, TRANSPOSE …) instead of making a fresh array. */
bool array_is_alias(const kir_expr *x);
/* A fresh array in memory with the elements of x. */
kir_var *array_materialise(elab *e, kir_expr *x, type_layout layout, span at);
kir_var *array_var(elab *e, kir_expr *x, span at);         /* the variable itself, or what elab_array_var makes */
kir_expr *array_fresh_copy(elab *e, kir_expr *x, span at); /* reference to a new array with the same elements */
/* New uninitialised (or zeroed) array variable. The dims are consumed. */
kir_var *array_alloc(elab *e, type *dtype, uint32_t ndim, type_layout layout, kir_expr *const *dims, bool zeroed,
                     span at);
/* The scalar (or array) x everywhere in an array of this shape, element-wise. */
kir_expr *array_broadcast(elab *e, kir_expr *x, uint32_t ndim, kir_expr *const *dims, span at);
void array_emit_copy(elab *e, kir_var *target, uint32_t n_subs, kir_sub *subs, kir_expr *x, span at);
kir_expr *array_temp(elab *e, kir_expr *scalar, span at); /* evaluates into a temporary; its reference */
bool array_is_const(const kir_expr *x, int64_t c);

/* ---- shape.c: shapes ------------------------------------------------------------------------------------------------ */

void array_dims(elab *e, const kir_expr *x, kir_expr **dims, span at); /* fresh expressions; x->ty->ndim of them */
/* An operand whose shape is found at run time from several arrays gets that shape written on it (BROADCAST), so that
 * long expressions do not work it out again at every operator. */
void array_settle(elab *e, kir_expr **x, span at);
kir_expr *array_size(elab *e, const kir_expr *x, span at); /* number of elements */
/* Shape that operands broadcast to: checks emitted, dims filled (fresh; NULL: checks alone); scalars have no
 * dimensions. */
uint32_t array_broadcast_dims(elab *e, kir_expr *const *x, uint32_t n, kir_expr **dims, const char *exception,
                              const char *message, span at);
/* Checks that x broadcasts into the shape. `message` ends where the shapes stand. */
bool array_check_into(elab *e, const kir_expr *x, uint32_t ndim, kir_expr *const *dims, const char *message, span at);
/* Whether an array of this shape is one that NumPy makes: its extents' product in bytes fits int64. NULL: known to.
 * Extents of arrays are trusted unless `doubts_all`. */
kir_expr *array_extents_fit(elab *e, uint32_t ndim, kir_expr *const *dims, uint32_t item_size, bool doubts_all,
                            span at);
void array_check_extents(elab *e, uint32_t ndim, kir_expr *const *dims, type *dtype, span at); /* ValueError if not */
/* "(%d,%d)" */
const char *array_shape_format(elab *e, uint32_t ndim);
/* Dimensions from an argument `shape`: an integer or a tuple of integers; they are held and checked to be >= 0 unless
 * `signed_ok`. False after an error. */
bool array_shape_argument(elab *e, const value *v, bool signed_ok, uint32_t *ndim, kir_expr **dims, span at);
/* Axis argument: literal integer, negative wrapped. False after an error. */
bool array_axis_argument(elab *e, const value *v, uint32_t ndim, uint32_t *axis, span at);

/* for i0 in range(dims[0]): for i1 …: body(index). */
typedef void (*array_body)(elab *e, kir_expr *const *index, uint32_t n, void *context);
void array_nest(elab *e, uint32_t n, kir_expr *const *dims, span at, array_body body, void *context);

/* ---- types ---------------------------------------------------------------------------------------------------------- */

type *array_float_type(elab *e, type *t); /* ints and bool to the float in which NumPy's functions work on them */
type *array_common_type(elab *e, kir_expr *const *x, uint32_t n); /* NEP 50; NULL when there is none */
/* A dtype argument: a type, or None for `otherwise`. NULL after an error. */
type *array_dtype_argument(elab *e, const value *v, type *otherwise, span at);
bool array_can_cast_same_kind(type *from, type *to);
bool array_require_writable(elab *e, const kir_expr *x, span at);

/* ---- views (subscript.c) ------------------------------------------------------------------------------------------------ */

/* var[subs]: as an expression (the variable itself when everything is taken). */
kir_expr *array_view(elab *e, kir_var *var, uint32_t n, const kir_sub *subs, span at);
kir_sub array_full(elab *e, kir_var *var, uint32_t axis, span at); /* the whole axis */
/* x with new axes of length 1 inserted so that it has ndim dimensions: keep[i] says whether axis i is x's own. */
kir_expr *array_insert_axes(elab *e, kir_expr *x, uint32_t ndim, const bool *keep, span at);
kir_expr *array_transpose(elab *e, kir_expr *x, const uint32_t *axes, span at);
/* A slice (slice.c) of an axis of n elements; `s` NULL: all of it. False after an error. */
bool array_slice(elab *e, const value *s, const kir_expr *n, kir_sub *out, span at);

/* ---- others --------------------------------------------------------------------------------------------------------------- */

kir_expr *array_cast(elab *e, kir_expr *x, type *dtype, span at);          /* NULL after an error (complex to real) */
kir_expr *array_from_value(elab *e, const value *v, type *dtype, span at); /* np.asarray (create.c) */
kir_expr *array_ufunc(elab *e, const char *name, kir_expr *const *x, uint32_t n, span at); /* "add" … (ufunc.c) */
/* Whole reduction into a held scalar, or along one axis into an array variable's reference. */
kir_expr *array_reduce(elab *e, kir_op op, kir_expr *x, int32_t axis, type *dtype, span at);
value array_matmul(elab *e, const value *a, const value *b, bool is_dot, span at); /* linear.c */
value array_nonzero(elab *e, kir_var *mask, span at);                              /* tuple of index arrays */

#endif
