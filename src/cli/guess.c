/* What a parameter is, in this order: what its annotation or default says; what the file's own code calls the kernel with
 * (calls.c); what other kernels of the file call it with; what the body does with it.
 *
 * The body is walked until nothing new is learnt. Each name has a slot, locals too, and demands go down expressions:
 * a[i, j] wants two dimensions of a and counting from i and j; np.sum(x - m) wants an array among x and m; where a local
 * counts (`k = index[i]; h[k] += 1`), so does what was assigned to it, and the elements of `index` are int64. Elements of
 * which nothing is known are float64, and the answer says which parts are such assumptions. */
#include "cli/guess.h"

#include "support/text.h"
#include <string.h>

enum { ROUNDS = 8, MAX_STEPS = 100000 };

typedef enum evidence { /* of the number of dimensions, the strongest last */
                        EVIDENCE_NONE,
                        EVIDENCE_ELEMENTWISE, /* some operand of an array function's argument must be an array */
                        EVIDENCE_FUNCTION,
                        EVIDENCE_ATTRIBUTE,
                        EVIDENCE_KERNEL,
                        EVIDENCE_SUBSCRIPT
} evidence;

typedef enum kind { KIND_UNKNOWN, KIND_BOOL, KIND_INT, KIND_FLOAT } kind;

typedef struct slot {
    sym name;
    bool is_param;
    uint32_t ndim; /* at least; 0: no sign of an array */
    evidence by;
    bool counts;              /* it, or its elements, must be integers */
    bool is_index;            /* a variable of range(), a length */
    kind stored;              /* what is stored into its elements, joined; UNKNOWN: nothing */
    bool meets_count;         /* its elements are compared with a counting variable */
    VEC(const ast *) values;  /* what is assigned to it */
    VEC(const ast *) sources; /* it runs over the elements of these */
    const char *type;         /* annotation or default */
    const char *said_by;
} slot;

typedef struct known_function { /* parameters of a called kernel */
    const ast *function;
    slot *params;
    uint32_t n;
} known_function;

typedef struct memory { /* of one answer */
    VEC(known_function) functions;
    uint32_t steps;
} memory;

typedef struct guesser {
    const call_finder *f;
    arena *a;
    memory *memory;
    VEC(slot) slots;
    bool grew;
} guesser;

static void want(guesser *g, const ast *e, uint32_t ndim, evidence by);
static void want_count(guesser *g, const ast *e);
static void guess_body(guesser *g, const ast *function);

/* ---- slots ----------------------------------------------------------------------------------------------------------- */

static slot *find_slot(guesser *g, sym name) {
    for (uint32_t i = 0; i < g->slots.len; i++)
        if (g->slots.at[i].name == name)
            return &g->slots.at[i];
    return NULL;
}

static slot *slot_of(guesser *g, const ast *e) {
    return e->kind == AST_Name ? find_slot(g, e->Name.id) : NULL;
}

static slot *make_slot(guesser *g, sym name) {
    slot *found = find_slot(g, name);
    if (found)
        return found;
    vec_push(g->a, &g->slots, (slot){.name = name});
    return &g->slots.at[g->slots.len - 1];
}

static void raise_ndim(guesser *g, slot *s, uint32_t ndim, evidence by) {
    if (s->ndim < ndim || (s->ndim == ndim && s->by < by)) {
        s->ndim = ndim;
        s->by = s->by < by || s->ndim < ndim ? by : s->by;
        g->grew = true;
    }
}

static void set_flag(guesser *g, bool *flag) {
    g->grew |= !*flag;
    *flag = true;
}

static bool is_in(sym name, const char *const *list) {
    for (; name && *list; list++)
        if (sym_is(name, *list))
            return true;
    return false;
}

/* ---- what an expression is --------------------------------------------------------------------------------------------- */

static const char *const elementwise[] = {
    "abs",         "absolute",   "exp",         "log",       "log2",    "log10",    "log1p",    "expm1",  "sqrt",
    "sin",         "cos",        "tan",         "tanh",      "sinh",    "cosh",     "arcsin",   "arccos", "arctan",
    "arctan2",     "square",     "power",       "maximum",   "minimum", "where",    "clip",     "isnan",  "isinf",
    "isfinite",    "floor",      "ceil",        "sign",      "add",     "subtract", "multiply", "divide", "hypot",
    "logical_and", "logical_or", "logical_not", "round",     "real",    "imag",     "copy",     "cumsum", "cumprod",
    "zeros_like",  "ones_like",  "empty_like",  "full_like", NULL};
static const char *const reductions[] = {"sum",     "prod",   "min",     "max",     "mean",   "std",
                                         "var",     "any",    "all",     "argmin",  "argmax", "ptp",
                                         "median",  "nansum", "nanmean", "nanmin",  "nanmax", "count_nonzero",
                                         "average", "diff",   "sort",    "argsort", "norm",   NULL};
static const char *const shaped[] = {"zeros", "ones", "empty", "full", NULL};
static const char *const attributes[] = {"size",  "dtype", "copy",   "sum",    "mean",    "min",     "max",  "std",
                                         "var",   "prod",  "any",    "all",    "argmin",  "argmax",  "fill", "ravel",
                                         "shape", "ndim",  "astype", "cumsum", "flatten", "reshape", NULL};

static sym called_name(const ast *call) {
    const ast *f = call->Call.func;
    return f->kind == AST_Name ? f->Name.id : f->kind == AST_Attribute ? f->Attribute.attr : NULL;
}

static bool calls_plainly(const ast *call, const char *name) {
    return call->Call.func->kind == AST_Name && sym_is(call->Call.func->Name.id, name);
}

static bool is_range(const ast *e) {
    return e->kind == AST_Call && (sym_is(called_name(e), "range") || sym_is(called_name(e), "prange"));
}

/* math.sqrt, not np.sqrt. */
static bool is_of_math(const ast *call) {
    const ast *f = call->Call.func;
    return f->kind == AST_Attribute && f->Attribute.value->kind == AST_Name &&
           (sym_is(f->Attribute.value->Name.id, "math") || sym_is(f->Attribute.value->Name.id, "cmath"));
}

/* x.sum(): the array is what stands before the dot. `np.sum` is not. */
static bool is_method(guesser *g, const ast *call) {
    const ast *f = call->Call.func;
    return f->kind == AST_Attribute && (f->Attribute.value->kind != AST_Name || slot_of(g, f->Attribute.value));
}

static void count_axes(const ast *slice, uint32_t *indices, uint32_t *ranges) {
    bool many = slice->kind == AST_Tuple;
    uint32_t n = many ? slice->List.elts.len : 1;
    for (uint32_t i = 0; i < n; i++) {
        const ast *e = many ? slice->List.elts.at[i] : slice;
        bool none = e->kind == AST_Constant && (e->Constant.type == CONST_None || e->Constant.type == CONST_Ellipsis);
        if (e->kind == AST_Slice || e->kind == AST_Compare)
            ++*ranges;
        else if (!none)
            ++*indices;
    }
}

static uint32_t dims_of(guesser *g, const ast *e) {
    uint32_t most = 0, indices = 0, ranges = 0, base;
    const slot *s = slot_of(g, e);
    switch (e->kind) {
    case AST_Name:
        return s ? s->ndim : 0;
    case AST_BinOp:
        most = dims_of(g, e->BinOp.left);
        base = dims_of(g, e->BinOp.right);
        return most > base ? most : base;
    case AST_UnaryOp:
        return dims_of(g, e->UnaryOp.operand);
    case AST_Compare:
        return dims_of(g, e->Compare.left);
    case AST_Subscript:
        base = dims_of(g, e->Subscript.value);
        count_axes(e->Subscript.slice, &indices, &ranges);
        return base > indices ? base - indices : ranges;
    case AST_Call:
        for (uint32_t i = 0; is_in(called_name(e), elementwise) && !is_of_math(e) && i < e->Call.args.len; i++) {
            base = dims_of(g, e->Call.args.at[i]);
            most = base > most ? base : most;
        }
        return most;
    default:
        return 0;
    }
}

static kind joined(kind a, kind b) {
    return a == KIND_UNKNOWN || b == KIND_UNKNOWN ? KIND_UNKNOWN : a > b ? a : b;
}

static kind kind_of(guesser *g, const ast *e, uint32_t depth);

static kind kind_of_slot(guesser *g, const slot *s, uint32_t depth) {
    if (s->type)
        return strstr(s->type, "int") ? KIND_INT : strstr(s->type, "float") ? KIND_FLOAT : KIND_UNKNOWN;
    if (s->is_index || s->counts)
        return KIND_INT;
    if (s->is_param || !s->values.len || s->sources.len || depth > 12)
        return KIND_UNKNOWN;
    kind all = kind_of(g, s->values.at[0], depth + 1);
    for (uint32_t i = 1; i < s->values.len; i++)
        all = joined(all, kind_of(g, s->values.at[i], depth + 1));
    return all;
}

static kind kind_of_constant(const ast *e) {
    switch (e->Constant.type) {
    case CONST_int:
        return KIND_INT;
    case CONST_float:
        return KIND_FLOAT;
    case CONST_True:
    case CONST_False:
        return KIND_BOOL;
    default:
        return KIND_UNKNOWN;
    }
}

static kind kind_of(guesser *g, const ast *e, uint32_t depth) {
    const slot *s = slot_of(g, e);
    if (++g->memory->steps > MAX_STEPS)
        return KIND_UNKNOWN;
    switch (e->kind) {
    case AST_Constant:
        return kind_of_constant(e);
    case AST_Name:
        return s ? kind_of_slot(g, s, depth) : KIND_UNKNOWN;
    case AST_BinOp:
        return e->BinOp.op == OP_Div ? KIND_FLOAT
                                     : joined(kind_of(g, e->BinOp.left, depth), kind_of(g, e->BinOp.right, depth));
    case AST_UnaryOp:
        return e->UnaryOp.op == OP_Not ? KIND_BOOL : kind_of(g, e->UnaryOp.operand, depth);
    case AST_IfExp:
        return joined(kind_of(g, e->IfExp.body, depth), kind_of(g, e->IfExp.orelse, depth));
    case AST_Compare:
        return KIND_BOOL;
    case AST_Call:
        return calls_plainly(e, "len") || calls_plainly(e, "int") ? KIND_INT
               : is_of_math(e)                                    ? KIND_FLOAT
                                                                  : KIND_UNKNOWN;
    case AST_Subscript:
        s = slot_of(g, e->Subscript.value);
        return s && s->counts ? KIND_INT : KIND_UNKNOWN;
    default:
        return KIND_UNKNOWN;
    }
}

/* ---- demands --------------------------------------------------------------------------------------------------------- */

/* Names that nothing shows to be numbers. */
static bool may_be_array(guesser *g, const ast *e) {
    const slot *s = slot_of(g, e);
    switch (e->kind) {
    case AST_Name:
        return s && !s->is_index && !(s->counts && !s->ndim) && !s->type;
    case AST_BinOp:
        return may_be_array(g, e->BinOp.left) || may_be_array(g, e->BinOp.right);
    case AST_UnaryOp:
        return may_be_array(g, e->UnaryOp.operand);
    case AST_Constant:
        return false;
    default:
        return true;
    }
}

static void want_operands(guesser *g, const ast *const *at, uint32_t n, uint32_t ndim, evidence by) {
    for (uint32_t i = 0; i < n; i++)
        if (dims_of(g, at[i]) >= ndim)
            return;
    for (uint32_t i = 0; i < n; i++)
        if (may_be_array(g, at[i]))
            want(g, at[i], ndim, EVIDENCE_ELEMENTWISE);
    (void)by;
}

static void want_base(guesser *g, const ast *e, uint32_t ndim, evidence by) {
    uint32_t indices = 0, ranges = 0;
    const ast *axis = e->Subscript.slice, *base = e->Subscript.value;
    if (base->kind == AST_Attribute && sym_is(base->Attribute.attr, "shape")) {
        bool known = axis->kind == AST_Constant && axis->Constant.type == CONST_int && axis->Constant.integer < 32;
        want(g, base->Attribute.value, known ? (uint32_t)axis->Constant.integer + 1 : 1, EVIDENCE_ATTRIBUTE);
        return;
    }
    count_axes(axis, &indices, &ranges);
    uint32_t least = indices + (ranges > ndim ? ranges : ndim);
    want(g, base, least ? least : 1, by);
}

/* e is an array of at least that many dimensions. */
static void want(guesser *g, const ast *e, uint32_t ndim, evidence by) {
    slot *s = slot_of(g, e);
    if (!ndim)
        return;
    switch (e->kind) {
    case AST_Name:
        if (s && s->is_index)
            return;
        if (s)
            raise_ndim(g, s, ndim, by);
        return;
    case AST_Subscript:
        want_base(g, e, ndim, EVIDENCE_SUBSCRIPT);
        return;
    case AST_BinOp: {
        const ast *sides[2] = {e->BinOp.left, e->BinOp.right};
        want_operands(g, sides, 2, ndim, by);
        return;
    }
    case AST_UnaryOp:
        want(g, e->UnaryOp.operand, ndim, by);
        return;
    case AST_Compare: {
        const ast *sides[2] = {e->Compare.left, e->Compare.comparators.at[0]};
        want_operands(g, sides, 2, ndim, by);
        return;
    }
    case AST_Attribute:
        if (sym_is(e->Attribute.attr, "T"))
            want(g, e->Attribute.value, ndim > 2 ? ndim : 2, EVIDENCE_ATTRIBUTE);
        return;
    case AST_Call:
        if (is_in(called_name(e), elementwise) && !is_of_math(e) && e->Call.args.len)
            want_operands(g, (const ast *const *)e->Call.args.at, e->Call.args.len, ndim, by);
        return;
    default:
        return;
    }
}

/* e is an integer, or an array of them. */
static void want_count(guesser *g, const ast *e) {
    slot *s = slot_of(g, e);
    switch (e->kind) {
    case AST_Name:
        if (s)
            set_flag(g, &s->counts);
        return;
    case AST_BinOp:
        if (e->BinOp.op == OP_Div)
            return;
        want_count(g, e->BinOp.left);
        want_count(g, e->BinOp.right);
        return;
    case AST_UnaryOp:
        want_count(g, e->UnaryOp.operand);
        return;
    case AST_IfExp:
        want_count(g, e->IfExp.body);
        want_count(g, e->IfExp.orelse);
        return;
    case AST_Subscript:
        if (e->Subscript.value->kind != AST_Attribute)
            want_count(g, e->Subscript.value);
        return;
    case AST_Tuple:
        for (uint32_t i = 0; i < e->List.elts.len; i++)
            want_count(g, e->List.elts.at[i]);
        return;
    case AST_Call:
        for (uint32_t i = 0;
             (calls_plainly(e, "min") || calls_plainly(e, "max") || calls_plainly(e, "abs")) && i < e->Call.args.len;
             i++)
            want_count(g, e->Call.args.at[i]);
        return;
    default:
        return;
    }
}

/* ---- what the body does ---------------------------------------------------------------------------------------------- */

static void look(void *context, ast *n);

static void look_at_subscript(guesser *g, const ast *e) {
    const ast *slice = e->Subscript.slice;
    bool many = slice->kind == AST_Tuple;
    want_base(g, e, 0, EVIDENCE_SUBSCRIPT);
    for (uint32_t i = 0; i < (many ? slice->List.elts.len : 1); i++) {
        const ast *x = many ? slice->List.elts.at[i] : slice;
        const ast *parts[3] = {x->kind == AST_Slice ? x->Slice.lower : x, x->kind == AST_Slice ? x->Slice.upper : NULL,
                               x->kind == AST_Slice ? x->Slice.step : NULL};
        for (uint32_t k = 0; k < 3; k++)
            if (parts[k])
                want_count(g, parts[k]);
    }
}

static uint32_t axis_of(const ast *call, uint32_t position) {
    const ast *axis = position < call->Call.args.len ? call->Call.args.at[position] : NULL;
    for (uint32_t i = 0; i < call->Call.keywords.len; i++)
        if (call->Call.keywords.at[i]->keyword.arg && sym_is(call->Call.keywords.at[i]->keyword.arg, "axis"))
            axis = call->Call.keywords.at[i]->keyword.value;
    if (axis && axis->kind == AST_UnaryOp)
        return 2; /* axis=-1 makes sense of two dimensions and more */
    bool known = axis && axis->kind == AST_Constant && axis->Constant.type == CONST_int && axis->Constant.integer < 31;
    return !known ? 1 : axis->Constant.integer < 1 ? 2 : (uint32_t)axis->Constant.integer + 1;
}

/* The parameters of a function, guessed once; of one that is being guessed nothing is known. */
static known_function params_known(guesser *g, const ast *function) {
    for (uint32_t i = 0; i < g->memory->functions.len; i++)
        if (g->memory->functions.at[i].function == function)
            return g->memory->functions.at[i];
    uint32_t place = g->memory->functions.len;
    vec_push(g->a, &g->memory->functions, (known_function){.function = function});
    guesser inner = {.f = g->f, .a = g->a, .memory = g->memory};
    guess_body(&inner, function);
    known_function found = {function, inner.slots.at, 0};
    while (found.n < inner.slots.len && inner.slots.at[found.n].is_param)
        found.n++;
    g->memory->functions.at[place] = found;
    return found;
}

/* What the called kernel's parameters look like, the arguments do. */
static void look_at_kernel(guesser *g, const ast *call) {
    const ast *f = call->Call.func->kind == AST_Name ? g->f->find(g->f->context, call->Call.func->Name.id) : NULL;
    if (!f)
        return;
    known_function params = params_known(g, f);
    for (uint32_t i = 0; i < call->Call.args.len && i < params.n; i++) {
        want(g, call->Call.args.at[i], params.params[i].ndim, EVIDENCE_KERNEL);
        if (params.params[i].counts)
            want_count(g, call->Call.args.at[i]);
    }
}

static void look_at_call(guesser *g, const ast *e) {
    sym name = called_name(e);
    uint32_t n = e->Call.args.len;
    const ast *first = n ? e->Call.args.at[0] : NULL;
    look_at_kernel(g, e);
    for (uint32_t i = 0; is_range(e) && i < n; i++)
        want_count(g, e->Call.args.at[i]);
    if (first && calls_plainly(e, "len"))
        want(g, first, 1, EVIDENCE_ATTRIBUTE);
    if (first && is_in(name, shaped) && !is_method(g, e))
        want_count(g, first);
    if (e->Call.func->kind != AST_Attribute || is_of_math(e))
        return;
    if (is_method(g, e) && is_in(name, reductions))
        want(g, e->Call.func->Attribute.value, axis_of(e, 0), EVIDENCE_FUNCTION);
    else if (first && is_in(name, reductions))
        want(g, first, axis_of(e, 1), EVIDENCE_FUNCTION);
    for (uint32_t i = 0; i < n && (sym_is(name, "dot") || sym_is(name, "matmul")); i++)
        want(g, e->Call.args.at[i], 1, EVIDENCE_FUNCTION);
}

static void note_index(guesser *g, const ast *target) {
    if (target->kind == AST_Name)
        make_slot(g, target->Name.id)->is_index = true;
}

static void note_source(guesser *g, const ast *target, const ast *from) {
    if (target->kind != AST_Name || is_range(from)) {
        note_index(g, target);
        return;
    }
    slot *s = make_slot(g, target->Name.id);
    for (uint32_t i = 0; i < s->sources.len; i++)
        if (s->sources.at[i] == from)
            return;
    vec_push(g->a, &s->sources, from);
}

/* `for x in a`, `for i, x in enumerate(a)`, `for x, y in zip(a, b)` */
static void look_at_for(guesser *g, const ast *s) {
    const ast *iter = s->For.iter, *target = s->For.target;
    bool call = iter->kind == AST_Call && iter->Call.func->kind == AST_Name && iter->Call.args.len;
    bool pair = target->kind == AST_Tuple && target->List.elts.len >= 2;
    if (call && calls_plainly(iter, "enumerate") && pair) {
        note_index(g, target->List.elts.at[0]);
        note_source(g, target->List.elts.at[1], iter->Call.args.at[0]);
    } else if (call && calls_plainly(iter, "zip") && pair) {
        for (uint32_t i = 0; i < iter->Call.args.len && i < target->List.elts.len; i++)
            note_source(g, target->List.elts.at[i], iter->Call.args.at[i]);
    } else if (iter->kind != AST_Tuple && iter->kind != AST_List) {
        note_source(g, target, iter);
        if (!call)
            want(g, iter, 1, EVIDENCE_SUBSCRIPT);
    }
}

static void note_value(guesser *g, const ast *target, const ast *value) {
    slot *s = target->kind == AST_Name ? make_slot(g, target->Name.id) : NULL;
    for (uint32_t i = 0; s && i < s->values.len; i++)
        if (s->values.at[i] == value)
            return;
    if (s)
        vec_push(g->a, &s->values, value);
    slot *array = target->kind == AST_Subscript ? slot_of(g, target->Subscript.value) : NULL;
    if (array) {
        kind k = kind_of(g, value, 0);
        array->stored = array->stored == KIND_UNKNOWN ? k : k == KIND_UNKNOWN ? KIND_FLOAT : joined(array->stored, k);
        array->stored = k == KIND_UNKNOWN ? KIND_FLOAT : array->stored;
    }
}

static void look_at_assign(guesser *g, const ast *target, const ast *value) {
    bool unpacks = target->kind == AST_Tuple || target->kind == AST_List;
    if (unpacks && value->kind == AST_Attribute && sym_is(value->Attribute.attr, "shape")) {
        want(g, value->Attribute.value, target->List.elts.len, EVIDENCE_SUBSCRIPT);
        for (uint32_t i = 0; i < target->List.elts.len; i++)
            note_index(g, target->List.elts.at[i]);
    } else if (unpacks && value->kind == AST_Tuple && value->List.elts.len == target->List.elts.len) {
        for (uint32_t i = 0; i < target->List.elts.len; i++)
            note_value(g, target->List.elts.at[i], value->List.elts.at[i]);
    } else if (!unpacks) {
        note_value(g, target, value);
    }
}

static bool is_bit_operator(ast_op op) {
    return op == OP_BitAnd || op == OP_BitOr || op == OP_BitXor || op == OP_LShift || op == OP_RShift;
}

/* `label[i] == c`, c a counting variable: elements are counts, probably. */
static void look_at_compare(guesser *g, const ast *e) {
    const ast *sides[2] = {e->Compare.left, e->Compare.comparators.at[0]};
    for (uint32_t i = 0; i < 2; i++) {
        const ast *element = sides[i], *other = sides[1 - i];
        slot *array = element->kind == AST_Subscript ? slot_of(g, element->Subscript.value) : NULL;
        const slot *s = slot_of(g, other);
        bool equal = e->Compare.ops[0] == OP_Eq || e->Compare.ops[0] == OP_NotEq;
        if (array && s && equal && kind_of_slot(g, s, 0) == KIND_INT)
            array->meets_count = true;
    }
}

static void look(void *context, ast *n) {
    guesser *g = context;
    switch (n->kind) {
    case AST_Subscript:
        look_at_subscript(g, n);
        break;
    case AST_Attribute:
        if (is_in(n->Attribute.attr, attributes))
            want(g, n->Attribute.value, 1, EVIDENCE_ATTRIBUTE);
        if (sym_is(n->Attribute.attr, "T"))
            want(g, n->Attribute.value, 2, EVIDENCE_ATTRIBUTE);
        break;
    case AST_Assign:
        for (uint32_t i = 0; i < n->Assign.targets.len; i++)
            look_at_assign(g, n->Assign.targets.at[i], n->Assign.value);
        break;
    case AST_AugAssign:
        note_value(g, n->AugAssign.target, n->AugAssign.value);
        if (is_bit_operator(n->AugAssign.op)) {
            want_count(g, n->AugAssign.target);
            want_count(g, n->AugAssign.value);
        }
        break;
    case AST_For:
        look_at_for(g, n);
        break;
    case AST_BinOp:
        if (is_bit_operator(n->BinOp.op)) {
            want_count(g, n->BinOp.left);
            want_count(g, n->BinOp.right);
        }
        if (n->BinOp.op == OP_MatMult) {
            want(g, n->BinOp.left, 2, EVIDENCE_FUNCTION);
            want(g, n->BinOp.right, 2, EVIDENCE_FUNCTION);
        }
        break;
    case AST_Compare:
        look_at_compare(g, n);
        break;
    case AST_Call:
        look_at_call(g, n);
        break;
    default:
        break;
    }
    ast_each_child(n, look, g);
}

/* What is known of a local holds of what was assigned to it. */
static void hand_back(guesser *g) {
    for (uint32_t i = 0; i < g->slots.len; i++) {
        slot s = g->slots.at[i];
        for (uint32_t k = 0; k < s.values.len && (!s.is_param || s.ndim); k++) {
            want(g, s.values.at[k], s.ndim, s.by);
            if (s.counts && !s.is_param)
                want_count(g, s.values.at[k]);
        }
        for (uint32_t k = 0; k < s.sources.len; k++) {
            want(g, s.sources.at[k], s.ndim + 1, EVIDENCE_SUBSCRIPT);
            if (s.counts)
                want_count(g, s.sources.at[k]);
        }
    }
}

/* ---- annotations and defaults ------------------------------------------------------------------------------------------ */

/* float64[:, ::1], "f8[:]", np.float32, int */
static const char *annotated_type(guesser *g, const ast *e) {
    if (e->kind == AST_Constant && e->Constant.type == CONST_str)
        return e->Constant.text;
    if (e->kind != AST_Subscript)
        return call_dtype(e);
    const ast *slice = e->Subscript.slice;
    const char *dtype = call_dtype(e->Subscript.value);
    bool many = slice->kind == AST_Tuple;
    uint32_t n = many ? slice->List.elts.len : 1;
    const ast *last = many ? slice->List.elts.at[n - 1] : slice;
    if (!dtype || last->kind != AST_Slice)
        return NULL;
    return arena_printf(g->a, "array(%s, %ud, %c)", dtype, n, last->Slice.step ? 'C' : 'A');
}

static const char *type_of_default(const ast *value) {
    switch (value->kind == AST_Constant ? value->Constant.type : CONST_INVALID) {
    case CONST_int:
        return "int64";
    case CONST_float:
        return "float64";
    case CONST_complex:
        return "complex128";
    case CONST_True:
    case CONST_False:
        return "bool";
    default:
        return NULL;
    }
}

static void make_params(guesser *g, const ast *function) {
    const ast *args = function->FunctionDef.args;
    uint32_t n_first = args->arguments.posonlyargs.len, n = n_first + args->arguments.args.len;
    uint32_t n_defaults = args->arguments.defaults.len;
    for (uint32_t i = 0; i < n; i++) {
        const ast *arg = i < n_first ? args->arguments.posonlyargs.at[i] : args->arguments.args.at[i - n_first];
        slot s = {.name = arg->arg.arg, .is_param = true};
        if (arg->arg.annotation && (s.type = annotated_type(g, arg->arg.annotation)))
            s.said_by = "its annotation";
        else if (i + n_defaults >= n && (s.type = type_of_default(args->arguments.defaults.at[i + n_defaults - n])))
            s.said_by = "its default";
        vec_push(g->a, &g->slots, s);
    }
}

static void guess_body(guesser *g, const ast *function) {
    make_params(g, function);
    for (int round = 0; round < ROUNDS; round++) {
        g->grew = false;
        for (uint32_t i = 0; i < function->FunctionDef.body.len; i++)
            look(g, function->FunctionDef.body.at[i]);
        hand_back(g);
        if (!g->grew)
            return;
    }
}

/* ---- the answer ------------------------------------------------------------------------------------------------------ */

static const char *dtype_of(const slot *s, const char **because) {
    bool counts = s->meets_count || s->stored == KIND_INT;
    *because = s->counts                ? "its elements count"
               : s->stored == KIND_BOOL ? "truth values are stored into it"
               : s->meets_count         ? "its elements are compared with counts"
               : counts                 ? "integers are stored into it"
                                        : NULL;
    return s->counts || (counts && s->stored != KIND_FLOAT) ? "int64" : s->stored == KIND_BOOL ? "bool" : "float64";
}

static const char *dims_because(evidence by) {
    static const char *const words[] = {[EVIDENCE_ELEMENTWISE] =
                                            "assumed to be an array, as one of the operands must be",
                                        [EVIDENCE_FUNCTION] = "given to an array function",
                                        [EVIDENCE_ATTRIBUTE] = "its length or an attribute is used",
                                        [EVIDENCE_KERNEL] = "handed to another kernel",
                                        [EVIDENCE_SUBSCRIPT] = "subscripted"};
    return words[by];
}

static const char *type_of(guesser *g, const slot *s, const char **why, bool *uncertain) {
    const char *because, *dtype = dtype_of(s, &because);
    if (s->type) {
        *why = s->said_by;
        return s->type;
    }
    if (!s->ndim) {
        *uncertain |= !s->counts;
        *why = s->counts ? "it counts" : "nothing tells, float64 is assumed";
        return s->counts ? "int64" : "float64";
    }
    bool weak = s->by < EVIDENCE_SUBSCRIPT && s->by != EVIDENCE_KERNEL;
    *uncertain |= weak || !because;
    *why = arena_printf(g->a, "%s%s, %s", dims_because(s->by),
                        weak ? arena_printf(g->a, " (%u dimension%s assumed)", s->ndim, s->ndim > 1 ? "s" : "") : "",
                        because ? because : "elements of float64 are assumed");
    return arena_printf(g->a, "array(%s, %ud, C)", dtype, s->ndim > 32 ? 32 : s->ndim);
}

static const ast *kernel_at(const call_finder *f, const ast *module, uint32_t i) {
    const ast *s = module->Module.body.at[i];
    return s->kind == AST_FunctionDef && f->is_kernel(f->context, s) ? s : NULL;
}

static const call_site *guess_by_calls(const call_finder *f, const ast *module, const ast *kernel, uint32_t depth);

/* What is known of the parameters of a caller, for the calls inside it. */
static call_value *params_of(const call_finder *f, const ast *module, const ast *caller, uint32_t *n, uint32_t depth) {
    memory m = {0};
    guesser g = {.f = f, .a = f->a, .memory = &m};
    guess_body(&g, caller);
    const call_site *called = guess_by_calls(f, module, caller, depth + 1);
    call_value *all = arena_array(f->a, call_value, g.slots.len + 1);
    const char *because;
    for (*n = 0; *n < g.slots.len && g.slots.at[*n].is_param; ++*n) {
        const slot *s = &g.slots.at[*n];
        bool known = called && *n < called->n && call_type(f->a, &called->args[*n]);
        all[*n] = known ? called->args[*n] : call_scalar(s->type ? s->type : s->counts ? "int64" : "float64");
        if (!known && s->ndim && !s->type) {
            all[*n].dtype = dtype_of(s, &because);
            all[*n].ndim = (int)s->ndim;
        }
    }
    return all;
}

typedef struct name_scan {
    sym name;
    bool found;
} name_scan;

static void look_for_name(void *context, ast *n) {
    name_scan *scan = context;
    scan->found |= n->kind == AST_Name && n->Name.id == scan->name;
    if (!scan->found)
        ast_each_child(n, look_for_name, scan);
}

static bool mentions(const ast *caller, const ast *kernel) {
    name_scan scan = {.name = kernel->FunctionDef.name};
    for (uint32_t i = 0; i < caller->FunctionDef.body.len; i++)
        look_for_name(&scan, caller->FunctionDef.body.at[i]);
    return scan.found;
}

static const call_site *guess_by_calls(const call_finder *f, const ast *module, const ast *kernel, uint32_t depth) {
    const call_site *found = module ? calls_find(f, module, kernel) : NULL;
    for (uint32_t i = 0; !found && module && depth < 3 && i < module->Module.body.len; i++) {
        const ast *caller = kernel_at(f, module, i);
        uint32_t n;
        if (!caller || caller == kernel || !mentions(caller, kernel))
            continue;
        const call_value *params = params_of(f, module, caller, &n, depth);
        found = calls_find_in(f, caller, params, n, kernel);
    }
    return found;
}

signature_guess guess_signature(const call_finder *f, const ast *module, const ast *kernel) {
    memory m = {0};
    guesser g = {.f = f, .a = f->a, .memory = &m};
    guess_body(&g, kernel);
    const call_site *called = guess_by_calls(f, module, kernel, 0);
    text out = text_new(f->a), why = text_new(f->a);
    signature_guess result = {0};
    bool by_call = false;
    text_put(&out, "(");
    text_put(&why, "");
    for (uint32_t i = 0; i < g.slots.len && g.slots.at[i].is_param; i++) {
        const slot *s = &g.slots.at[i];
        const char *reason = NULL,
                   *type = !s->type && called && i < called->n ? call_type(f->a, &called->args[i]) : NULL;
        by_call |= type != NULL;
        if (!type)
            type = type_of(&g, s, &reason, &result.uncertain);
        text_printf(&out, "%s%s", i ? ", " : "", type);
        if (reason)
            text_printf(&why, "%s%s: %s", why.len ? "; " : "", s->name->text, reason);
    }
    text_put(&out, ")");
    if (by_call)
        result.why = arena_printf(f->a, "the call in line %u%s%s", called->line, why.len ? "; " : "", why.at);
    else
        result.why = why.len ? why.at : "it has no parameters";
    result.signature = out.at;
    return result;
}
