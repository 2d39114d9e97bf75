/* KIR: the typed, structured kernel IR. A module is a list of functions; a function is a block of statements over
 * typed, mutable local variables; expressions are pure trees. Loops are nodes. Array operations are expressions on
 * whole arrays until the pass `scalarize` turns them into loops.
 *
 * What is true of every valid KIR (kir_verify checks it)
 *   - Expressions have no effects and do not fail. Whatever may raise is a statement (CHECK, CALL …) before the use.
 *   - Element loads are only the whole right side of an ASSIGN to a scalar variable; so each is one place in the
 *     program order. (Inside array-valued expressions, elements are read implicitly by the statement that evaluates it.)
 *   - Operands of a BINARY have one element type; conversions are explicit CASTs. Comparisons give bool.
 *   - In a LOAD or STORE the array is a variable and the indices are int64, 0 <= index < dim; negative indices have
 *     been wrapped (WRAP) and out-of-range ones refused (CHECK) before. The statement's `checked` facts say so.
 *   - BREAK leaves the FOR, LOOP or BLOCK it names; CONTINUE goes on with the FOR or LOOP it names.
 *   - Only scalars and arrays exist here: tuples, ranges, slices, functions, strings are resolved by the elaborator.
 * Every node keeps the span of the source it came from. Nodes live in the module's arena; trees are not shared between
 * statements (copy with kir_copy_*), so passes may rewrite in place.
 */
#ifndef PLAIT_KIR_KIR_H
#define PLAIT_KIR_KIR_H

#include "support/diag.h"
#include "types/types.h"

/* Laid out by hand: its enums are tables. */
/* clang-format off */

typedef struct kir_module kir_module;
typedef struct kir_fn kir_fn;
typedef struct kir_var kir_var;
typedef struct kir_expr kir_expr;
typedef struct kir_stmt kir_stmt;

typedef VEC(kir_stmt *) kir_block; /* statements in order */

/* ---- variables -------------------------------------------------------------------------------------------------- */

struct kir_var {
    uint32_t id;    /* unique in the function; printed %name.id or %id */
    sym name;       /* the user's name, or NULL for a temporary */
    sym called;     /* what reports call it instead, or NULL: the name that the user gave to a temporary's
                       value, the element that it stands for. Not part of the text */
    sym owner;      /* the function that it came from when a call was inlined, or NULL. Not part of the text */
    bool keeps_last; /* stands in for an argument that gets the last iteration's elements. Not part of the text */
    type *ty;       /* scalar or array */
    bool is_param;
    bool is_temp;   /* assigned exactly once, before every use, by the elaborator or a pass */
    bool borrowed;  /* array: never counted; its memory outlives it */
    bool scratch;   /* array: lives within an iteration, in memory that the next one uses again. Borrowed besides and
                       assigned an ALLOC of constant extents: on the stack */
    bool is_end;    /* used by passes as a scratch mark; meaningless between passes */
    span at;        /* where it was first assigned */
};

/* ---- expressions -------------------------------------------------------------------------------------------------- */

typedef enum kir_expr_kind {
    KIR_EXPR_INVALID,
    KIR_CONST,   /* value.i (bool, ints), value.f (floats), value.c (complex) */
    KIR_VAR,     /* var; array-typed ones too */
    KIR_UNARY,   /* op, a[0] */
    KIR_BINARY,  /* op, a[0], a[1]; also comparisons and min/max; element-wise (with broadcasting) on arrays */
    KIR_SELECT,  /* a[0] ? a[1] : a[2]; all are evaluated */
    KIR_CAST,    /* a[0] to ty, C-like: wraps, truncates; to bool: != 0 */
    KIR_MATH,    /* math function `op` of a[...] */
    KIR_COMPLEX, /* a[0] + a[1] j */
    KIR_REAL,    /* parts of a complex */
    KIR_IMAG,
    KIR_LOAD,    /* var[a...]: only as the whole right side of an ASSIGN */
    KIR_DIM,     /* shape[axis] of array variable var: int64 */
    KIR_STRIDE,  /* strides[axis] in bytes */
    KIR_WRAP,    /* a[0] < 0 ? a[0] + a[1] : a[0]   (index, extent) */
    KIR_BLOCK_INDEX, /* inside an outlined region: number of the reduction block */
    KIR_OVERLAP,   /* bool: the byte ranges [lowest, highest) of array variables var and a[0] (a KIR_VAR) meet; false when
                      either array is empty */

    /* array-valued */
    KIR_VIEW,      /* basic indexing of array variable var: subs, one per source axis plus NEWAXIS ones */
    KIR_TRANSPOSE, /* var with axes permuted: axes[ndim] */
    KIR_RESHAPE,   /* var (contiguous in C order: checked before) with shape a[0..n): a view */
    KIR_REINTERPRET, /* var's memory as ty (same ndim): .real/.imag (op = KIR_OP_REAL/IMAG) and .view(dtype) */
    KIR_ALLOC,     /* new array of shape a[0..n), ty's dtype and layout; op = 0 uninitialised, 1 zeroed */
    KIR_GLOBAL,    /* constant array `global` of the module */
    KIR_BROADCAST, /* a[0] (scalar or array expr) broadcast to the shape a[1..] (checked before): element-wise use */
    KIR_INDEX,     /* element-wise: the position along `axis` of the element being computed, of an array expression
                      whose shape is a[0..ndim): int64 array expression. arange(n) is KIR_INDEX(axis 0; n) */
    KIR_GATHER,    /* element-wise: var[a[0], a[1], …] with integer array (or scalar) expressions that broadcast
                      together; in range and wrapped (checked before) */
    KIR_REDUCE,    /* op over array expression a[0]: whole (axis = -1: scalar) or along `axis` (array) */
    KIR_EXPR_KIND_COUNT
} kir_expr_kind;

typedef enum kir_op {
    KIR_OP_INVALID,
    /* unary */
    KIR_OP_NEG, KIR_OP_NOT /* bool */, KIR_OP_INVERT, KIR_OP_ABS /* real; integers wrap */, KIR_OP_CONJ,
    /* binary: integers wrap; division by zero is checked before (or select'ed away) */
    KIR_OP_ADD, KIR_OP_SUB, KIR_OP_MUL, KIR_OP_DIV /* floats, complex */, KIR_OP_FLOORDIV, KIR_OP_MOD /* Python's */,
    KIR_OP_TRUNCDIV, KIR_OP_TRUNCMOD /* C's: fmod on floats */, KIR_OP_POW,
    KIR_OP_AND, KIR_OP_OR, KIR_OP_XOR, KIR_OP_SHL, KIR_OP_SHR, /* shift counts >= width: 0 or the sign */
    KIR_OP_MIN, KIR_OP_MAX,   /* Python's: MIN(a, b) = b < a ? b : a and MAX(a, b) = b > a ? b : a; NaN: the first stays */
    KIR_OP_FMIN, KIR_OP_FMAX, /* ignore NaN */
    KIR_OP_NPMIN, KIR_OP_NPMAX, /* propagate NaN (np.minimum, np.maximum) */
    /* comparisons: bool; unordered with NaN as C */
    KIR_OP_EQ, KIR_OP_NE, KIR_OP_LT, KIR_OP_LE, KIR_OP_GT, KIR_OP_GE,
    /* reductions only, besides ADD MUL NPMIN NPMAX AND OR XOR */
    KIR_OP_ALL, KIR_OP_ANY, KIR_OP_ARGMIN, KIR_OP_ARGMAX,
    /* reinterpret */
    KIR_OP_REAL, KIR_OP_IMAG, KIR_OP_BITS,
    /* math functions (real; float32 and float64): KIR_MATH */
    KIR_OP_SQRT, KIR_OP_EXP, KIR_OP_EXP2, KIR_OP_EXPM1, KIR_OP_LOG, KIR_OP_LOG2, KIR_OP_LOG10, KIR_OP_LOG1P,
    KIR_OP_SIN, KIR_OP_COS, KIR_OP_TAN, KIR_OP_ASIN, KIR_OP_ACOS, KIR_OP_ATAN, KIR_OP_ATAN2, KIR_OP_SINH, KIR_OP_COSH,
    KIR_OP_TANH, KIR_OP_ASINH, KIR_OP_ACOSH, KIR_OP_ATANH, KIR_OP_HYPOT, KIR_OP_CBRT, KIR_OP_ERF, KIR_OP_ERFC,
    KIR_OP_GAMMA, KIR_OP_LGAMMA, KIR_OP_FLOOR, KIR_OP_CEIL, KIR_OP_TRUNC, KIR_OP_RINT, KIR_OP_COPYSIGN,
    KIR_OP_NEXTAFTER, KIR_OP_LDEXP /* f, int */, KIR_OP_ISNAN, KIR_OP_ISINF, KIR_OP_ISFINITE, KIR_OP_SIGNBIT,
    KIR_OP_FMA, KIR_OP_FMOD, KIR_OP_ROUND_DIGITS /* x, int64: Python's round */, KIR_OP_NPROUND /* NumPy's around */,
    KIR_OP_SPACING, KIR_OP_GCD /* ints */,
    KIR_OP_COUNT
} kir_op;

typedef enum kir_sub_kind { KIR_SUB_INVALID, KIR_SUB_INDEX, KIR_SUB_RANGE, KIR_SUB_NEWAXIS } kir_sub_kind;
typedef struct kir_sub { /* one subscript of a view; all values int64, in range and non-negative (step may be < 0) */
    kir_sub_kind kind;
    kir_expr *start;  /* INDEX: the index */
    kir_expr *length; /* RANGE: number of elements */
    kir_expr *step;   /* RANGE */
} kir_sub;

struct kir_expr {
    kir_expr_kind kind;
    kir_op op;
    type *ty;
    span at;
    kir_var *var;
    uint32_t n_args;
    kir_expr **args;
    union {
        struct { int64_t i; double f; double c[2]; } value;       /* CONST */
        struct { uint32_t n; kir_sub *at; } subs;                 /* VIEW */
        struct { uint32_t n; uint32_t *at; } axes;                /* TRANSPOSE */
        int32_t axis;                                             /* DIM STRIDE INDEX REDUCE */
        uint32_t global;                                          /* GLOBAL */
    };
};

/* ---- statements ------------------------------------------------------------------------------------------------------ */

typedef enum kir_stmt_kind {
    KIR_STMT_INVALID,
    KIR_ASSIGN,   /* var = value. Array: a fresh array for a computed value or an ALLOC; shares memory for VAR, VIEW,
                     TRANSPOSE, RESHAPE, REINTERPRET, GLOBAL */
    KIR_STORE,    /* var[index...] = value (scalar) */
    KIR_COPY,     /* element-wise: (view of) var  [subs]  = value (array or scalar expression, broadcast: shapes checked
                     before). The value is read as if completely before the first write */
    KIR_MASKED_COPY, /* as COPY, where mask is true; value: scalar or array expression of the same shape */
    KIR_SCATTER,  /* var[index...] = value for all elements, in order; index: integer array expressions (wrapped, in
                     range) */
    KIR_IF,       /* value, body, orelse */
    KIR_FOR,      /* for var in range(lo, hi, step): body. lo, hi, step are evaluated once, before; step != 0 was checked
                     before. An inner counter sets var at the start of each iteration, so that the body may assign var as
                     in Python; afterwards var keeps what the last iteration left in it (untouched when there was none).
                     The counter does not overflow at the ends of int64 */
    KIR_LOOP,     /* for ever, until BREAK */
    KIR_BLOCK,    /* body; BREAK leaves it */
    KIR_BREAK,    /* target */
    KIR_CONTINUE, /* target */
    KIR_RETURN,   /* values */
    KIR_CHECK,    /* raise `site` unless value (bool) holds */
    KIR_RAISE,    /* raise `site` */
    KIR_CALL,     /* results = fn(values) */
    KIR_RUNTIME,  /* results = runtime function `name`(values): print pieces, pow, cmath, gemm … */
    KIR_REGION,   /* run outlined function fn in parallel over 0 <= k < value. index: the arguments for fn->params.
                     results: first one variable per fn->reductions: result = op(result, partial) block by block in
                     order; then one per fn->last: overwritten by the value of the highest block that set its flag */
    KIR_STMT_KIND_COUNT
} kir_stmt_kind;

typedef enum kir_loop_kind {
    KIR_LOOP_INVALID,
    KIR_LOOP_RANGE,  /* the user wrote range() */
    KIR_LOOP_PRANGE, /* the user wrote prange() */
    KIR_LOOP_ARRAY,  /* made by scalarize from an array expression */
    KIR_LOOP_ITER    /* iteration over an array, enumerate, zip … */
} kir_loop_kind;

typedef struct kir_reduction {
    kir_var *var;
    kir_op op; /* ADD MUL NPMIN NPMAX MIN MAX AND OR XOR … the operator that combines partial results */
} kir_reduction;

typedef enum kir_class { /* what dependence analysis found */
    KIR_CLASS_UNANALYSED, KIR_CLASS_INDEPENDENT, KIR_CLASS_REDUCTION, KIR_CLASS_CARRIED, KIR_CLASS_UNKNOWN
} kir_class;

typedef struct kir_loop_info { /* FOR only; filled by the passes */
    kir_loop_kind kind;
    uint32_t id;          /* index of the loop's entry in the module's report; 0: none */
    kir_class class;
    bool parallel;        /* chosen to run in parallel */
    bool vector;          /* iterations are independent: no memory dependence is carried (facts for LLVM). With
                             `reductions`: their operators may be evaluated in vector lanes (reassociated) */
    bool is_region;       /* the loop over [begin, end) inside an outlined function */
    bool cold;            /* on the slow side of a guard: do not optimise */
    bool abreast;         /* a constant number of iterations, all in one vector */
    bool few;             /* over the iterations of a strip, 64 at most: vectors of it are not worth interleaving */
    bool apart;           /* in an arm for sizes that a call may not have: code of its own, compiled when needed */
    VEC(kir_reduction) reductions;
    VEC(kir_var *) privates;
    VEC(kir_var *) last_privates;
    VEC(kir_var *) carried;   /* scalars that hand values from one iteration to a later one. Between passes only */
    struct kir_expr *when;    /* `class` holds when this does (NULL: always). Between passes only */
    const char *why;          /* code of reasons.def for `class`, and what fills it in. Between passes only */
    const char *why_detail, *why_second;
    struct kir_plan *plan;    /* how to run in blocks (passes/combine.h), or NULL. Between passes only */
    int32_t schedule;     /* plrt_schedule */
    int64_t chunk;
    int64_t grain;        /* iterations of a block of partial results; 0: by their cost */
    int64_t cost;         /* estimated scalar operations of one iteration; 0 unknown */
    uint32_t version;     /* loops in the arms of an IF that a pass made to choose between versions of one loop have the
                             same number here, others 0. Not part of the text */
    bool reordered;       /* runs in another order than the loop as it was, in the other arm of its IF, which is slower
                             but for next to no work. Not part of the text */
    bool whole;           /* the other arm of its IF has it in parts, to the same effect (split). Not part of the text */
    bool combines;        /* iterations meet in nothing but elements that they load and store: what an iteration loads of
                             other arrays is the same before and after all others. Not part of the text */
    uint32_t slot;        /* scratch of a pass; meaningless between passes */
} kir_loop_info;

struct kir_stmt {
    kir_stmt_kind kind;
    span at;
    kir_var *var;
    kir_expr *value;
    VEC(kir_expr *) index;   /* STORE, SCATTER; RETURN, CALL, RUNTIME: the arguments; RAISE, CHECK: dynamic arguments */
    kir_expr *lo, *hi, *step; /* FOR: int64 */
    kir_expr *mask;           /* MASKED_COPY */
    struct { uint32_t n; kir_sub *at; } subs; /* COPY, MASKED_COPY: view of var; n == 0: all of it */
    kir_block body, orelse;
    kir_stmt *target;         /* BREAK, CONTINUE */
    uint32_t site;            /* CHECK, RAISE: index into module->sites */
    kir_fn *fn;               /* CALL, REGION */
    const char *name;         /* RUNTIME: symbol */
    VEC(kir_var *) results;   /* CALL, RUNTIME */
    kir_loop_info *loop;      /* FOR */
    kir_expr *work;           /* REGION: estimated scalar operations in all (int64), or NULL */
};

/* ---- functions and modules --------------------------------------------------------------------------------------------- */

typedef struct kir_site { /* where and what a CHECK or RAISE raises */
    const char *exception; /* "IndexError", or the user's class */
    const char *key;       /* binding key of a user's class, or NULL */
    const char *message;   /* printf-like: %d an int slot, %g a float slot, %b a bool; or NULL: no arguments. */
    const char *args_json; /* constant arguments of `raise E(a, 1)`, JSON list where {"slot": k} is a dynamic one; or NULL */
    uint32_t n_args;       /* dynamic ones, <= 6, by type in arg_types */
    type *arg_types[6];
    sym function;
    span at;
} kir_site;

typedef struct kir_global { /* a frozen array */
    type *ty; /* readonly */
    int64_t shape[TYPE_MAX_NDIM];
    const void *data;
    size_t bytes;
} kir_global;

typedef enum kir_decision { KIR_SERIAL, KIR_PARALLEL } kir_decision;
typedef struct kir_report { /* one entry per loop or array expression of the source; entry 0 is unused */
    span at;
    sym function;
    kir_loop_kind kind;
    kir_decision decision;
    const char *reason; /* code from passes/reasons.def */
    const char *text;   /* the sentence, filled in */
    const char *hint;
    bool vector;
    bool unrolled;      /* the body stands once for each item: there is no loop */
    uint32_t parent;    /* entry of the enclosing loop, or 0 */
    uint32_t fused_with;
    const char *reductions, *private, *guards, *schedule, *tile; /* short texts, or NULL */
    int64_t work;
} kir_report;

typedef enum kir_fn_kind { KIR_FN_INVALID, KIR_FN_ENTRY, KIR_FN_CALLEE, KIR_FN_REGION } kir_fn_kind;

struct kir_fn {
    kir_fn_kind kind;
    sym name;      /* unique in the module */
    sym user_name; /* as in the source */
    span at;
    VEC(kir_var *) params;   /* CALLEE/ENTRY: arguments; REGION: captured variables (arrays borrowed) */
    VEC(kir_var *) vars;     /* all variables, parameters included */
    VEC(type *) results;     /* scalars and arrays */
    kir_block body;
    uint32_t next_var;
    /* REGION: begin and end are int64 parameters beside params; the body holds one FOR with is_region over [begin, end).
     * partials: results of one block, merged (reductions) or taken from the last block that set them (last privates:
     * value and flag) by the REGION statement's code in the parent. */
    kir_var *begin, *end;
    VEC(kir_reduction) reductions; /* var: the partial accumulator inside; in the parent: the statement's results, in order */
    struct { uint32_t n; kir_var **value, **was_set; } last; /* results after the reductions */
    int32_t schedule;
    int64_t chunk, grain;
    bool is_recursive, no_inline, always_inline, cold;
    uint64_t settled; /* what simplify would leave as it is: passes/fingerprint.h's number of it, or 0 */
};

typedef struct kir_options { /* from the request; what lowering, passes and code generation need to know */
    bool parallel;
    bool par_prange, par_numpy, par_reduction, par_setitem, par_fusion, par_comprehension, par_inplace_binop, par_range;
    bool require_parallel; /* parallel='require' */
    uint32_t fastmath; /* bits: KIR_FAST_* */
    bool numpy_errors; /* error_model='numpy' */
    bool boundscheck;
    bool debug;        /* line tables, no optimisation of variables away */
    int opt;           /* 0..3 */
    int32_t schedule;
    int64_t chunk;
    int64_t tile; /* most iterations of a tile's edges (plait/tile.h); 0: what suits the machine */
    int64_t cache_first, cache_second; /* bytes for one thread, of the first and the second cache; 0: not known */
    int64_t vector_bytes, vector_registers; /* of the processor compiled for; 0: not known */
    enum { KIR_RACE_ERROR, KIR_RACE_WARN, KIR_RACE_TRUST, KIR_RACE_CHECK } race;
    bool always_inline;
} kir_options;
enum {
    KIR_FAST_NNAN = 1, KIR_FAST_NINF = 2, KIR_FAST_NSZ = 4, KIR_FAST_ARCP = 8, KIR_FAST_CONTRACT = 16,
    KIR_FAST_AFN = 32, KIR_FAST_REASSOC = 64, KIR_FAST_ALL = 127
};

struct kir_module {
    arena *a;
    sym_table *syms;
    types *types;
    diags *diags;
    kir_options options;
    VEC(kir_fn *) fns; /* fns.at[0] is the entry */
    VEC(kir_site) sites;   /* index 0 unused */
    VEC(kir_global) globals;
    VEC(kir_report) report; /* index 0 unused */
    uint32_t versions;      /* numbers given to versions of loops */
};

/* ---- building (src/kir/build.c) ------------------------------------------------------------------------------------------- */

kir_module *kir_module_new(arena *a, sym_table *syms, types *t, diags *d);
kir_fn *kir_fn_new(kir_module *m, kir_fn_kind kind, sym name, span at);
kir_var *kir_var_new(kir_module *m, kir_fn *f, sym name, type *ty, span at);
kir_var *kir_temp_new(kir_module *m, kir_fn *f, type *ty, span at);

/* Expressions; `m` gives the arena and types. Constant operands are folded, x+0, x*1, casts to the same type vanish (a
 * cast of an array to its own dtype too: who wants a copy writes ALLOC and COPY). Operands are consumed: use
 * kir_copy_expr for one that is used twice. Integer constants end on the right: 1 + x is built as x + 1. */
kir_expr *kir_int(kir_module *m, int64_t x, span at); /* int64 constant */
kir_expr *kir_const_int(kir_module *m, type *ty, int64_t x, span at); /* of bool or an int type (uint64: bits) */
kir_expr *kir_const_float(kir_module *m, type *ty, double x, span at);
kir_expr *kir_const_complex(kir_module *m, type *ty, double re, double im, span at);
kir_expr *kir_bool(kir_module *m, bool x, span at);
kir_expr *kir_ref(kir_module *m, kir_var *v, span at);
kir_expr *kir_unary(kir_module *m, kir_op op, kir_expr *a, span at);
kir_expr *kir_binary(kir_module *m, kir_op op, kir_expr *a, kir_expr *b, span at); /* result type from operands */
kir_expr *kir_select(kir_module *m, kir_expr *c, kir_expr *a, kir_expr *b, span at);
kir_expr *kir_cast(kir_module *m, kir_expr *a, type *ty, span at); /* ty: scalar type; arrays keep their ndim */
kir_expr *kir_math(kir_module *m, kir_op op, type *ty, kir_expr *const *args, uint32_t n, span at);
kir_expr *kir_dim(kir_module *m, kir_var *array, uint32_t axis, span at);
kir_expr *kir_stride(kir_module *m, kir_var *array, uint32_t axis, span at);
kir_expr *kir_wrap(kir_module *m, kir_expr *index, kir_expr *extent, span at);
kir_expr *kir_load(kir_module *m, kir_var *array, kir_expr *const *index, uint32_t n, span at);
kir_expr *kir_expr_new(kir_module *m, kir_expr_kind kind, type *ty, uint32_t n_args, span at); /* the others */
/* dtype of an array type, else the type itself; type of an element-wise result of `args` (scalar when all are). */
type *kir_elem_type(type *t);
type *kir_elementwise_type(kir_module *m, type *dtype, kir_expr *const *args, uint32_t n);
bool kir_is_const_int(const kir_expr *e, int64_t *value);
bool kir_expr_equal(const kir_expr *a, const kir_expr *b); /* structurally */
bool kir_is_array(const kir_expr *e);

kir_stmt *kir_stmt_new(kir_module *m, kir_stmt_kind kind, span at); /* FOR gets an empty loop info */
void kir_block_push(kir_module *m, kir_block *b, kir_stmt *s);
void kir_block_append(kir_module *m, kir_block *to, const kir_block *from); /* the same statements, no copies */
kir_stmt *kir_assign(kir_module *m, kir_var *v, kir_expr *value, span at);
kir_stmt *kir_store(kir_module *m, kir_var *array, kir_expr *const *index, uint32_t n, kir_expr *value, span at);
kir_stmt *kir_for(kir_module *m, kir_var *v, kir_expr *lo, kir_expr *hi, kir_expr *step, kir_loop_kind kind, span at);
uint32_t kir_site_new(kir_module *m, kir_site site);
uint32_t kir_report_new(kir_module *m, kir_loop_kind kind, sym function, span at, uint32_t parent);

/* Deep copies. `map` (may be NULL) replaces variables: kir_map_var; loop targets inside the copy are re-targeted. */
typedef struct kir_map kir_map;
kir_map *kir_map_new(kir_module *m);
void kir_map_var(kir_map *map, const kir_var *from, kir_var *to);
void kir_map_expr(kir_map *map, const kir_var *from, kir_expr *to); /* uses of scalar `from` become copies of `to` */
kir_var *kir_mapped_var(const kir_map *map, kir_var *v); /* v itself when it is not mapped to a variable */
kir_expr *kir_copy_expr(kir_module *m, const kir_expr *e, kir_map *map); /* NULL gives NULL */
kir_block kir_copy_block(kir_module *m, const kir_block *b, kir_map *map);

/* Walks every expression slot of a statement (not of nested statements; empty slots are skipped) / every statement of a
 * block, nested ones included, outer first. Return false from the callback of kir_each_stmt to skip the statement's
 * children; the callback may change the statement and its bodies, not the block it stands in. A node that the callback of
 * kir_each_subexpr replaces is not entered. */
void kir_each_expr(kir_stmt *s, void (*visit)(kir_expr **slot, void *context), void *context);
void kir_each_subexpr(kir_expr **slot, void (*visit)(kir_expr **slot, void *context), void *context); /* pre-order, self too */
void kir_each_stmt(kir_block *b, bool (*visit)(kir_stmt *s, void *context), void *context);

/* ---- text and checking ------------------------------------------------------------------------------------------------------ */

void kir_print_module(const kir_module *m, text *out);
void kir_print_fn(const kir_module *m, const kir_fn *f, text *out);
void kir_print_stmt(const kir_module *m, const kir_stmt *s, text *out);
void kir_print_expr(const kir_module *m, const kir_expr *e, text *out);
/* Parses what kir_print_module writes (print(parse(print(m))) == print(m)); NULL after reporting to `d`. */
kir_module *kir_parse(arena *a, sym_table *syms, types *t, diags *d, const char *text, size_t len);
/* NULL when valid, else what is wrong and where (in the module's arena). */
const char *kir_verify(kir_module *m);
const char *kir_op_name(kir_op op);
/* The type that follows from an expression's operands alone; NULL when it has to be given (ALLOC, REINTERPRET). The text
 * form writes types only where they differ from it. */
type *kir_natural_type(kir_module *m, const kir_expr *e);

/* clang-format on */

#endif
