/* Code generation's own header: the state of one module and of the function being written, and what its chapters
 * offer each other. gen.c: module, functions, entry wrapper. gen_stmt.c: statements and control flow. gen_expr.c:
 * scalar expressions. gen_pieces.c: which loops are cut. gen_math.c: math functions. gen_array.c: descriptors, views, memory. gen_region.c: parallel
 * regions. gen_aside.c: what is compiled when it is first run. gen_guess.c: what of it the call at hand needs. gen_runtime.c: calls of the runtime library. gen_debug.c: line tables. */
#ifndef PLAIT_LLVM_GEN_H
#define PLAIT_LLVM_GEN_H

#include "plait/runtime.h"
#include "llvm/llvm.h"
#include "llvm/vector_math.h"
#include <llvm-c/Core.h>

typedef struct gen_value { /* a scalar: real part, and imaginary part of a complex one */
    LLVMValueRef re, im;
} gen_value;

typedef struct gen_array { /* an array's fields as values; strides only where the layout does not give them */
    LLVMValueRef data, owner;
    LLVMValueRef shape[TYPE_MAX_NDIM], strides[TYPE_MAX_NDIM];
    bool fresh; /* holds a reference of its own */
} gen_array;

typedef struct gen_var { /* where a variable lives: stack slots, which LLVM turns into registers */
    gen_value slot;
    LLVMValueRef data, owner, *shape, *strides;
    bool counted;  /* array: holds a reference */
    uint32_t home; /* scratch array: loops around its assignment, whose iterations share the memory */
} gen_var;

#define LLVM_SLOT "plait.slot." /* and an aside's number: what it is called through */

typedef struct gen_target { /* an enclosing statement that BREAK and CONTINUE may name */
    const kir_stmt *stmt;
    LLVMBasicBlockRef on_break, on_continue;
    struct gen_target *outer;
} gen_target;

typedef struct gen_range { /* the least and the most that a number can be */
    double low, high;
} gen_range;

typedef struct gen_known { /* of a variable, in the call at hand */
    gen_range value;
    const gen_range *shape; /* array; NULL: nothing is */
} gen_known;

typedef struct gen_change { /* of what is known, where it is not known whether the call comes */
    const kir_var *of;
    gen_known was;
} gen_change;

typedef struct gen_changes { /* in the arms that are being written */
    VEC(gen_change) made;
} gen_changes;

typedef struct gen_way { /* what holds before an arm */
    bool possible, undecided;
    uint32_t n_changes;
} gen_way;

typedef struct gen_fn { /* a function of the module */
    LLVMValueRef value;
    LLVMTypeRef type;
    LLVMTypeRef result;  /* struct of status and result fields; i32 for regions and functions without results */
    LLVMValueRef region; /* REGION: its plrt_region */
    LLVMValueRef copy;   /* REGION: the body for one short block; NULL until asked for */
    bool has_copy;       /* and it has been written */
    bool expected;       /* the call at hand calls it */
    bool is_written;
    double times;     /* so often at most */
    gen_known *known; /* with these arguments; a region: then its iterations */
} gen_fn;

typedef struct gen_debug gen_debug;

enum { GEN_MAX_FIELDS = 2 + 2 * TYPE_MAX_NDIM, GEN_MAX_DEPTH = 256 };

typedef struct gen {
    kir_module *m;
    arena *a;
    LLVMContextRef context;
    LLVMModuleRef module;
    LLVMBuilderRef b, entry_b; /* entry_b writes stack slots */
    LLVMTypeRef i1, i8, i16, i32, i64, f32, f64, ptr, none;
    gen_fn *fns; /* by position in m->fns */
    const llvm_request *request;
    const vector_math *math;
    uint32_t n_groups; /* access groups handed out, of those that the module was made with */
    LLVMValueRef *groups;
    uint32_t regions, n_asides;
    VEC(uint32_t) ahead; /* asides that the call at hand is going to need */
    LLVMValueRef *globals;
    VEC(LLVMValueRef) vector_functions; /* kept alive until the vectoriser has seen them */
    unsigned md_loop, md_group, md_prof, md_range;
    bool is_x86, is_recursive;
    bool is_loose;    /* some results depend on what LLVM makes of it: how sums are grouped, which zero is the least */
    double work;      /* operations that the call at hand makes at most */
    gen_debug *debug; /* NULL without the option */

    /* the function being written */
    const kir_fn *f;
    LLVMValueRef fn, err, status;
    LLVMValueRef stack_limit; /* recursive modules: what frames must not lie below */
    LLVMBasicBlockRef fail, done;
    gen_var *vars;      /* by id */
    gen_value *results; /* slots of result fields: fields.re */
    uint32_t n_results;
    gen_target *targets;
    const kir_loop_info *loops[GEN_MAX_DEPTH]; /* enclosing FORs, innermost last */
    LLVMValueRef access[GEN_MAX_DEPTH];        /* their access groups, or NULL */
    bool *assigned[GEN_MAX_DEPTH];             /* by variable: their body assigns it */
    bool packs[GEN_MAX_DEPTH];                 /* LLVM may make a vector loop of it: calls of math are packed */
    uint32_t depth;
    uint32_t shared_loops;  /* so many of them share the memory of the element last addressed */
    uint32_t warm;          /* > 0: cold loops here also run where there is little work, and are optimised */
    uint32_t conditions;    /* IFs around the statement, within the innermost FOR */
    LLVMValueRef iteration; /* region: slot of the current iteration */
    LLVMValueRef block_index, part;
    bool in_aside;
    gen_known *known; /* of variables, by id */
    bool expected;    /* the call at hand comes here, as far as can be said */
    bool possible;    /* nothing says that it does not */
    bool undecided;   /* but it depends on what is not known */
    gen_changes *changes;
    double trips;                  /* so often at most */
    LLVMValueRef word;             /* in an aside: what its caller asks, and is told */
    LLVMValueRef context_on_stack; /* what the function's asides are given; NULL: it has none yet */
    uint32_t *context_places, context_size;
    bool only_block; /* a region's copy for one short block */
    bool terminated;
    const kir_expr **definitions;  /* by variable: its only value, or NULL */
    const uint8_t *assigned_often; /* by variable: 2 when there are several */
} gen;

/* ---- gen.c */
LLVMTypeRef gen_type(gen *g, type *t);                  /* of a real scalar, or of a part of a complex one */
LLVMTypeRef gen_memory(gen *g, type *t);                /* as stored in an array */
uint32_t gen_fields(gen *g, type *t, LLVMTypeRef *out); /* fields of a value passed between functions */
void gen_put_var(gen *g, const kir_var *v, const LLVMValueRef *fields, uint32_t n);
void gen_make_slots(gen *g, const kir_var *v);
void gen_function_attributes(gen *g, LLVMValueRef fn, const kir_fn *f);
LLVMValueRef gen_slot(gen *g, LLVMTypeRef t, const char *name);           /* stack slot, in the entry block */
LLVMValueRef gen_runtime_global(gen *g, const char *name, LLVMTypeRef t); /* a variable of the runtime */
LLVMValueRef gen_declare(gen *g, const char *name, LLVMTypeRef fn_type);
LLVMValueRef gen_open_cold(gen *g, const char *name, LLVMTypeRef fn_type); /* a function that is rarely called */
LLVMValueRef gen_call(gen *g, LLVMValueRef fn, LLVMValueRef *args, uint32_t n);
LLVMValueRef gen_intrinsic(gen *g, const char *name, LLVMTypeRef overload, LLVMValueRef *args, uint32_t n);
void gen_attribute(gen *g, LLVMValueRef fn, unsigned index, const char *name, uint64_t value);
LLVMValueRef gen_int(gen *g, int64_t x); /* i64 */
LLVMValueRef gen_int32(gen *g, int32_t x);
LLVMBasicBlockRef gen_block(gen *g, const char *name);
void gen_start(gen *g, LLVMBasicBlockRef block);
void gen_jump(gen *g, LLVMBasicBlockRef block);
void gen_branch(gen *g, LLVMValueRef c, LLVMBasicBlockRef yes, LLVMBasicBlockRef no, int likely); /* +1 yes, -1 no */
LLVMValueRef gen_to_slot(gen *g, gen_value v, type *t); /* one 8-byte slot; complex128: the real part */
void gen_mark_extent(gen *g, LLVMValueRef load);        /* what is loaded is not negative */
gen_fn *gen_fn_of(gen *g, const kir_fn *f);
LLVMValueRef gen_copy_of(gen *g,
                         const kir_fn *f); /* a region's body where it is one block of straight code, and inlined */
const char *gen_symbol(gen *g, const char *prefix, sym name);
LLVMMetadataRef gen_md_string(gen *g, const char *s);

/* ---- gen_expr.c */
gen_value gen_expr(gen *g, const kir_expr *e);
LLVMValueRef gen_int64(gen *g, const kir_expr *e);
gen_value gen_cast(gen *g, gen_value v, type *from, type *to);
gen_value gen_binary(gen *g, kir_op op, type *t, gen_value a, gen_value b);
LLVMValueRef gen_fast(gen *g, LLVMValueRef v); /* puts the request's fast-math flags on a floating-point instruction */
gen_value gen_identity(gen *g, kir_op op, type *t);

/* ---- gen_math.c */
gen_value gen_math(gen *g, const kir_expr *e);
LLVMValueRef gen_libm(gen *g, kir_op op, type *t, LLVMValueRef *args, uint32_t n);

/* ---- gen_pieces.c */
void gen_find_definitions(gen *g);
bool gen_runs_long(const kir_block *b);                 /* loops in it may */
int64_t gen_piece(const gen *g, const kir_stmt *s);     /* iterations of a FOR between two polls; 0: it is not cut */
int64_t gen_cost(const kir_stmt *s);                    /* operations in its own expressions, roughly */
double gen_most_trips(const gen *g, const kir_stmt *s); /* of a FOR, by its text alone */

/* ---- gen_array.c */
gen_array gen_load_array(gen *g, const kir_var *v);
LLVMValueRef gen_stride(gen *g, type *t, const gen_array *a, uint32_t axis);
LLVMValueRef gen_element(gen *g, const kir_var *v, kir_expr *const *index, uint32_t n);
gen_value gen_load(gen *g, type *t, LLVMValueRef address, bool aligned);
void gen_store(gen *g, type *t, LLVMValueRef address, gen_value v, bool aligned);
void gen_assign_array(gen *g, const kir_var *v, const kir_expr *e);
void gen_set_array(gen *g, const kir_var *v, const gen_array *a);
uint32_t gen_array_fields(gen *g, type *t, const gen_array *a, LLVMValueRef *out);
gen_array gen_array_of(gen *g, type *t, const LLVMValueRef *fields);
LLVMValueRef gen_descriptor(gen *g, const kir_var *v); /* a plrt_array on the stack */
void gen_retain(gen *g, LLVMValueRef owner);
void gen_release(gen *g, LLVMValueRef owner);
void gen_find_counted(gen *g);

/* ---- gen_stmt.c */
void gen_statements(gen *g, const kir_block *b);
void gen_fail_if(gen *g, LLVMValueRef status);
void gen_poll_interrupt(gen *g); /* where a kernel may have run for long */
LLVMValueRef gen_stack_limit(gen *g);
void gen_count_exact_run(gen *g);
void gen_raise(gen *g, int32_t site, const LLVMValueRef *slots, uint32_t n);

/* ---- gen_region.c */
void gen_region_function(gen *g, const kir_fn *f);
void gen_region(gen *g, const kir_stmt *s);
bool gen_test_overlap(gen *g, const kir_expr *e, LLVMBasicBlockRef no);
bool gen_is_quick(const kir_block *b);               /* a region with a few statements for little work, here */
bool gen_region_versions(gen *g, const kir_stmt *s); /* an IF between a region and its loop; false: it is another IF */

/* ---- gen_guess.c: of the call that the compile is for */
typedef enum gen_guess { GEN_UNKNOWN, GEN_FALSE, GEN_TRUE } gen_guess;
gen_guess gen_guess_not(gen_guess x);
gen_guess gen_guess_of(const gen *g, const kir_expr *e);
gen_guess gen_guess_less(const gen *g, const kir_expr *e, double limit);
void gen_guess_start(gen *g, const gen_fn *f); /* at a function's beginning */
void gen_guess_assigned(gen *g, const kir_stmt *s);
gen_way gen_guess_enter_arm(gen *g, gen_guess taken);
void gen_guess_leave_arm(gen *g, gen_way before, gen_guess taken);
void gen_guess_called(gen *g, const kir_stmt *s);  /* CALL, REGION */
double gen_guess_enter(gen *g, const kir_stmt *s); /* FOR, LOOP: what gen_guess_leave is given */
void gen_guess_leave(gen *g, double trips);
void gen_guess_work(gen *g, const kir_stmt *s);

/* ---- gen_aside.c */
void gen_arm(gen *g, const kir_block *b, const kir_block *other, bool second, gen_guess taken);
bool gen_aside_fits(gen *g, const kir_block *b);
bool gen_is_looped(const gen *g);      /* within any loop */
void gen_close_context(gen *g);        /* at a function's end */
bool gen_is_short(const kir_block *b); /* so few statements that the call of an aside would be felt beside them */
LLVMValueRef gen_aside(gen *g, const kir_block *b, void (*write)(gen *, const void *), const void *what,
                       LLVMValueRef word, bool rare, bool expected);

/* ---- gen_debug.c: nothing without the option */
void gen_debug_open(gen *g);
void gen_debug_function(gen *g, const kir_fn *f);
void gen_debug_at(gen *g, span at);
void gen_debug_leave(gen *g);
void gen_debug_close(gen *g);

/* ---- gen_runtime.c */
void gen_runtime(gen *g, const kir_stmt *s);

/* Has any of its functions a loop that reduces, and calls one what only libmvec has? See vector_math.h. */
bool gen_wants_narrow(const kir_module *m, const vector_math *math);
/* The module, built; NULL after reporting. */
bool gen_module(gen *g);

#endif
