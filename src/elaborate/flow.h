/* The core's own state: scopes, slots, merges, activations, specialisations (elaborate.c, environment.c, statement.c,
 * expression.c, liveness.c, builtin.c). The array half sees value.h only.
 *
 * A user variable is a slot of its function's scope. A slot's *state* says what reading it gives now: nothing (unbound),
 * a value, or a value together with a flag variable that says at run time whether it is bound. A slot has a *home* for
 * every type that it ever has: KIR variables, one per leaf. Assigning stores into the home of the value's type and makes
 * the home (or the constant that was assigned) the state.
 *
 * Every change of a state is logged in a trail. An arm of an `if` is elaborated, its changes are collected from the
 * trail and undone, then the next arm follows; a *merge* takes the collected changes of all paths that reach a place,
 * unifies the types of those variables that are live there, and emits the conversions at the end of each path. So the
 * work is proportional to what changes, not to the number of variables.
 */
#ifndef PLAIT_ELABORATE_FLOW_H
#define PLAIT_ELABORATE_FLOW_H

#include "elaborate/value.h"
#include "syntax/syntax.h"

/* ---- facts of a function's syntax (liveness.c) --------------------------------------------------------------------- */

typedef struct stmt_facts { /* sets of local names, as bits by their index in fn_facts.names */
    const ast *node;
    uint64_t *use;       /* read before they are surely assigned */
    uint64_t *def;       /* surely assigned when control goes on behind the statement */
    uint64_t *may;       /* assigned somewhere inside */
    uint64_t *live_out;  /* may be read after the statement */
    uint64_t *inside;    /* loops: assigned in the body */
    uint64_t *live_head; /* loops: may be read at the start of an iteration or after the loop */
    bool leaves;         /* contains break or continue of a loop around it */
} stmt_facts;

typedef struct fn_facts {
    const ast *function;
    const ast *args; /* AST_arguments */
    uint32_t n_names, words, n_params;
    sym *names;         /* parameters first, in order: positional, keyword-only, *args */
    uint64_t *captured; /* seen by nested functions: always live */
    uint64_t *assigned; /* assigned by a statement (parameters: more than by the call) */
    bool writes_outer;  /* has nonlocal declarations */
    VEC(sym) outer;     /* names declared nonlocal */
    uint32_t cap;       /* open addressing: statements by node */
    stmt_facts **table;
    uint32_t name_cap;
    uint32_t *name_table; /* index + 1 */
} fn_facts;

fn_facts *facts_of_function(elab *e, const ast *function);
const stmt_facts *facts_of(const fn_facts *f, const ast *stmt);
bool ast_mentions_target(const ast *x, const ast *target); /* a name that `target` assigns */
bool facts_name(const fn_facts *f, sym name, uint32_t *index);
static inline bool bit_is_set(const uint64_t *set, uint32_t i) {
    return (set[i / 64] >> (i % 64)) & 1;
}

/* ---- slots and scopes ------------------------------------------------------------------------------------------------ */

typedef struct scope scope;
typedef struct slot slot;

typedef enum slot_bound {
    SLOT_UNBOUND,
    SLOT_BOUND,
    SLOT_MAYBE,    /* slot->flag says which, at run time */
    SLOT_CONFLICT, /* bound to things of different kinds on different paths: an error when read; v.text says which */
    SLOT_BROKEN    /* assigned by a statement in error: reading gives VAL_INVALID silently */
} slot_bound;

typedef struct slot_state {
    slot_bound bound;
    bool stored; /* the home of v's type holds it (true of homes themselves) */
    value v;     /* its trees are templates: reading copies them */
} slot_state;

struct slot {
    scope *scope;
    uint32_t index;
    sym name;
    slot_state now;
    uint32_t changed; /* position in the trail of the last change, + 1 */
    uint32_t stamp;
    uint32_t place;
    kir_var *flag;
    type *forced; /* option locals={}: the type it always has, or NULL */
    span first;   /* where it was first assigned */
    VEC(value) homes;
};

struct scope {
    scope *outer; /* enclosing function's, for closures */
    const fn_facts *facts;
    slot *slots; /* facts->n_names of them, and the result's */
    const elab_source *source;
    sym name;
    uint64_t site; /* identity of the chain of inlined calls that made this scope */
    bool is_library;
    bool closed;
};

typedef struct trail_entry {
    slot *slot;
    slot_state old;
    uint32_t old_changed;
} trail_entry;

typedef struct delta {
    slot *slot;
    slot_state state;
    uint32_t changed;
} delta;
typedef struct edge { /* one path into a merge */
    kir_block *block; /* conversions go before the jump that ends it, or at its end */
    kir_stmt *jump;   /* or NULL */
    VEC(delta) deltas;
} edge;
typedef struct merge {
    uint32_t mark; /* trail position that the deltas are relative to */
    VEC(edge) edges;
} merge;

typedef struct loop_head {
    slot *slot;
    slot_state entry, head, want;
    bool widened, broken;
} loop_head;

typedef struct loop_context {
    struct loop_context *outer; /* of all activations */
    struct activation *owner;
    kir_stmt *break_target, *continue_target;
    bool continue_is_break; /* unrolled loops */
    merge *breaks, *continues;
    uint32_t mark;
    uint32_t report;
    VEC(slot *) reads; /* slots whose state at the head was used */
} loop_context;

/* ---- functions -------------------------------------------------------------------------------------------------------- */

typedef enum param_kind { PARAM_POSITIONAL_ONLY, PARAM_NORMAL, PARAM_REST, PARAM_KEYWORD_ONLY } param_kind;
typedef struct param {
    sym name;
    param_kind kind;
    const ast *fallback;
    const char *text;
    bool has_default;
} param;
typedef struct signature {
    uint32_t n;
    param *at;
} signature;

typedef struct closure {
    const ast *function; /* FunctionDef or Lambda */
    scope *scope;        /* that it sees; NULL: a library function */
    sym name;
    value *defaults; /* evaluated when it was made; by parameter, VAL_INVALID: none */
    uint32_t n_defaults;
} closure;

typedef struct spec_arg {
    value shape;
    bool constant;
    const bound *fallback; /* the default is used, and is no constant: an array */
} spec_arg;

typedef struct spec { /* a kernel for given types */
    const elab_source *source;
    uint32_t n_args;
    spec_arg *args;
    kir_fn *fn;
    value result; /* shape; VAL_BOTTOM: not known (yet) */
    enum { SPEC_NEW, SPEC_RUNNING, SPEC_DONE, SPEC_FAILED } state;
    uint32_t depth;  /* on the stack of running ones */
    uint32_t lowest; /* least depth of a running one whose provisional result was used */
    bool used_itself;
} spec;

typedef struct returned {
    kir_block *block;
    kir_stmt *stmt;
    value v;
    span span;
} returned;

typedef struct activation { /* a function body being elaborated: a KIR function, or inlined into one */
    struct activation *caller;
    span from; /* inlined: the call */
    scope *scope;
    spec *spec;      /* NULL when inlined */
    kir_stmt *block; /* inlined: `return` leaves it */
    merge *exit;
    VEC(returned) returns;
} activation;

typedef struct hint_row {
    uint64_t key;
    VEC(delta) states;
} hint_row; /* what a loop's head came to be, by slot index */
typedef struct report_row {
    uint64_t key;
    uint32_t id;
} report_row;
typedef struct signature_row {
    const builtin *row;
    const struct signature *what;
} signature_row;
typedef struct global_row {
    const bound *bound;
    uint32_t index;
} global_row;

struct elab {
    kir_module *m;
    arena *a;
    kir_fn *fn;
    kir_block *block;
    VEC(kir_block *) blocks; /* around e->block */
    bool unreachable;        /* control does not come here: nothing is emitted */
    bool writes_outer;       /* some nested function assigns its enclosing function's variables */
    activation *act;
    loop_context *loop; /* innermost, through inlined calls */
    VEC(trail_entry) trail;
    uint32_t stamp;
    uint32_t epoch; /* grows when a variable is assigned in the middle of an expression */
    uint32_t inlined_in_all;
    bool inlines_endlessly; /* reported */
    uint32_t inlined;       /* depth */
    uint32_t depth;         /* of running specialisations */
    VEC(spec *) specs;
    VEC(fn_facts *) facts;
    VEC(hint_row) hints;
    VEC(report_row) reports;
    VEC(signature_row) signatures;
    VEC(global_row) globals;
    struct {
        const builtin **at;
        uint32_t cap;
    } builtins;
    elab_result *result;
    const elab_source *library_source;
    ast *library[64]; /* parsed modules of src/library */
};

/* environment.c */
slot *slot_find(elab *e, sym name, scope **where);
value slot_read(elab *e, slot *s, span at);
void slot_assign(elab *e, slot *s, const value *v, span at);
void slot_bind(elab *e, slot *s, const value *v, span at); /* without storing: parameters, loop variables */
void slot_unbind(elab *e, slot *s);
void slot_break(elab *e, slot *s);
void slot_set(elab *e, slot *s, slot_state state);
scope *scope_new(elab *e, const fn_facts *f, scope *outer, const elab_source *source, sym name, uint64_t site);
slot *scope_result(scope *s);
void trail_undo(elab *e, uint32_t mark);
void merge_begin(elab *e, merge *m);
void merge_edge(elab *e, merge *m, kir_stmt *jump);
/* Joins the paths at this place; `live` NULL: every variable of the scope counts. False when no path arrives. */
bool merge_end(elab *e, merge *m, const scope *where, const uint64_t *live);
void slot_note_read(elab *e, slot *s);
slot_state slot_general(elab *e, slot *s, const slot_state *st); /* constants → home */
bool state_unify(elab *e, slot *s, const slot_state *a, const slot_state *b, slot_state *out);
bool state_same(const slot_state *a, const slot_state *b);
void edge_settle(elab *e, const edge *at, slot *s, const slot_state *from, const slot_state *to);
void slot_settle(elab *e, slot *s, const slot_state *from, const slot_state *to);
const slot_state *edge_state(const edge *at, const slot *s);
kir_var *slot_flag(elab *e, slot *s);

/* values (environment.c) */
bool value_same_shape(const value *a, const value *b);
bool value_same_const(const value *a, const value *b);
bool value_unify(elab *e, const value *a, const value *b, value *out); /* out: a shape */
/* New variables for every run-time leaf of `shape`. */
value value_home(elab *e, const value *shape, sym name, span at, bool temp, bool param);
/* home leaves = v's leaves, converted. */
void value_store(elab *e, const value *home, const value *v, span at);
void value_leaves(elab *e, const value *v, void (*leaf)(elab *e, kir_expr *x, void *context), void *context);
bool value_is_constant(const value *v); /* no run-time leaf */
bool value_has(const value *v, value_kind kind);
bool expr_mentions(const kir_expr *x, sym name);
bool value_mentions(const value *v, sym name);
const char *value_describe(elab *e, const value *v); /* for messages: "int64", "a function", … */

/* elaborate.c */
value elab_name(elab *e, sym name, span at);
value elab_hold_arrays(elab *e, const value *v); /* array expressions become variables */
value elab_value_of_bound(elab *e, const bound *b, span at);
value elab_make_closure(elab *e, const ast *function);
const ast *elab_library_function(elab *e, sym name); /* of src/library, or NULL */
uint32_t elab_report(elab *e, kir_loop_kind kind, const ast *node, span at);
void elab_note_type(elab *e, span at, sym name, const value *v);
uint64_t elab_mix(uint64_t h, uint64_t x);

/* comprehension.c */
value elab_comprehension(elab *e, const ast *x); /* as an array */

/* call.c */
const signature *elab_signature_of(elab *e, const ast *args);
bool elab_place_arguments(elab *e, const signature *s, const char *name, const call_args *args, value *out,
                          bool *given);
value elab_missing_argument(elab *e, const char *name, const param *p, span at);
const ast *elab_arguments_of(const ast *function);
const char *elab_plural(uint32_t n);
/* Elaborates a Python function in place of a call; one value per parameter. */
value elab_inline(elab *e, const ast *function, scope *outer, const elab_source *from, sym name, const value *params,
                  bool is_library, span at);

/* specialise.c */
value elab_call_kernel(elab *e, const elab_source *from, const call_args *args);
const bound *elab_find_default(const elab_source *from, sym name);
bool elab_default_value(elab *e, const elab_source *from, const param *p, span at, value *out);
spec *elab_find_spec(elab *e, const elab_source *from, const spec_arg *args, uint32_t n);
void elab_run_spec(elab *e, spec *s, type *wanted);
value elab_shape_of_type(elab *e, type *t, span at); /* what an argument of this type looks like inside the kernel */

/* loop.c */
void elab_while(elab *e, const ast *s);
void elab_for(elab *e, const ast *s);
void elab_break(elab *e, const ast *s);
void elab_continue(elab *e, const ast *s);

/* statement.c */
void elab_break_targets(elab *e, const ast *target); /* reading them is silent: an error was reported */
void elab_statements(elab *e, const ast_list *body);
void elab_return(elab *e, const value *v, span at);

/* expression.c */
typedef struct eval_place {
    kir_block *block;
    uint32_t at, epoch;
} eval_place;
eval_place elab_place(const elab *e);
/* A value made at `since`, before other operands were evaluated: held as of then if they disturbed it. */
void elab_hold_since(elab *e, value *v, const eval_place *since);
kir_expr *elab_condition(elab *e, const ast *x);
value elab_index(elab *e, const ast *x);
value elab_items(elab *e, const ast *x);
value elab_subscript(elab *e, const value *container, const value *index, span at);
value elab_select(elab *e, kir_expr *condition, value (*arm)(elab *e, bool which, void *context), void *context,
                  span at);
bool elab_literal_truth(elab *e, const value *v, bool *truth); /* known at compile time? */
const char *elab_op_text(ast_op op);
kir_expr *elab_not(elab *e, kir_expr *x);
kir_expr *elab_cast_scalar(elab *e, kir_expr *x, type *to, span at);
value elab_unsupported(elab *e, span at, const char *hint, const char *what);

/* builtin.c */
value elab_sequence_length(elab *e, const value *v, span at); /* iterables and sequences; INVALID after an error */
bool elab_static_length(elab *e, const value *v, uint32_t *n);
value elab_sequence_item(elab *e, const value *v, uint32_t k, span at);    /* of a static one */
value elab_sequence_at(elab *e, const value *v, kir_expr *index, span at); /* index in range */
bool value_is_iterable(const value *v);
value elab_tuple_item(elab *e, const value *tuple, const value *index, span at);
value elab_construct(elab *e, const value *type_, const call_args *args);
value elab_constant_text(elab *e, const value *v);        /* a piece of a formatted string: constants as VAL_STRING */
value elab_exception(elab *e, const char *name, span at); /* VAL_EXCEPTION of a builtin class, or INVALID */

#endif
