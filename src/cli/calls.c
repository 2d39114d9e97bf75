/* A walk over the module's statements in order, with what is known of the value of each name: the element type and the
 * number of dimensions. Functions that are called are walked with their arguments, so a main() or a test at the end of the
 * file tells as much as code at module level. Whatever is not understood is not known: nothing is guessed here. */
#include "cli/calls.h"

#include "support/text.h"
#include <string.h>

enum { MAX_DEPTH = 8, MAX_STEPS = 200000 };

typedef struct name_row {
    sym name;
    call_value value;
} name_row;

typedef struct frame {
    struct frame *outer;
    VEC(name_row) names;
    call_value result;
    bool returned;
} frame;

typedef struct walk {
    const call_finder *f;
    arena *a;
    frame *frame;
    const ast *wanted;
    call_site *best;
    uint32_t depth, steps;
    VEC(const ast *) entered; /* functions that some call went into */
} walk;

static const call_value unknown = {.ndim = -1};

static call_value eval(walk *w, const ast *e);
static void exec(walk *w, const ast_list *body);
static void visit(void *context, ast *n);

/* ---- values ---------------------------------------------------------------------------------------------------------- */

call_value call_scalar(const char *dtype) {
    return (call_value){.dtype = dtype, .layout = 'C'};
}

static call_value array_of(const char *dtype, int ndim) {
    return (call_value){.dtype = dtype, .ndim = ndim, .layout = 'C'};
}

const char *call_type(arena *a, const call_value *v) {
    if (!v->dtype || v->ndim < 0 || v->n || v->is_range)
        return NULL;
    return v->ndim ? arena_printf(a, "array(%s, %dd, %c)", v->dtype, v->ndim, v->layout) : v->dtype;
}

/* Higher kinds win: bool < int < float < complex; within one the wider. */
static int rank_of(const char *dtype) {
    static const char *const order[] = {"bool",   "uint8", "int8",    "uint16",  "int16",     "uint32",    "int32",
                                        "uint64", "int64", "float32", "float64", "complex64", "complex128"};
    for (int i = 0; dtype && i < (int)(sizeof order / sizeof *order); i++)
        if (!strcmp(order[i], dtype))
            return i;
    return -1;
}

static int kind_of(const char *dtype) {
    int r = rank_of(dtype);
    return r < 1 ? 0 : r < 9 ? 1 : r < 11 ? 2 : 3;
}

static const char *joined(const char *a, const char *b) {
    if (!a || !b)
        return NULL;
    return rank_of(a) >= rank_of(b) ? a : b;
}

/* Of an element-wise operation: a scalar beside an array does not widen it within its kind. */
static const char *joined_values(const call_value *a, const call_value *b) {
    if (a->dtype && b->dtype && a->ndim > 0 && b->ndim == 0 && kind_of(a->dtype) >= kind_of(b->dtype))
        return a->dtype;
    if (a->dtype && b->dtype && b->ndim > 0 && a->ndim == 0 && kind_of(b->dtype) >= kind_of(a->dtype))
        return b->dtype;
    return joined(a->dtype, b->dtype);
}

static call_value joined_shape(call_value a, call_value b, const char *dtype) {
    if (a.n || b.n || a.ndim < 0 || b.ndim < 0)
        return unknown;
    bool f = a.layout == 'F' && b.layout == 'F';
    return (call_value){.dtype = dtype, .ndim = a.ndim > b.ndim ? a.ndim : b.ndim, .layout = f ? 'F' : 'C'};
}

static const char *as_float(const char *dtype) {
    return dtype && kind_of(dtype) < 2 ? "float64" : dtype;
}

static call_value item_of(const call_value *v) {
    if (v->n) {
        call_value all = v->items[0];
        for (uint32_t i = 1; i < v->n; i++)
            all = all.ndim == v->items[i].ndim && all.n == v->items[i].n ? all : unknown;
        return all;
    }
    if (v->is_range)
        return call_scalar("int64");
    return v->ndim > 0 ? array_of(v->dtype, v->ndim - 1) : unknown;
}

static call_value tuple_of(walk *w, uint32_t n) {
    call_value v = {.ndim = -1, .n = n, .items = arena_array(w->a, call_value, n ? n : 1)};
    return v;
}

/* ---- names ----------------------------------------------------------------------------------------------------------- */

static call_value *find_name(const walk *w, sym name) {
    for (frame *f = w->frame; f; f = f->outer)
        for (uint32_t i = f->names.len; i-- > 0;)
            if (f->names.at[i].name == name)
                return &f->names.at[i].value;
    return NULL;
}

static void set_name(walk *w, sym name, call_value v) {
    for (uint32_t i = 0; i < w->frame->names.len; i++)
        if (w->frame->names.at[i].name == name) {
            w->frame->names.at[i].value = v;
            return;
        }
    vec_push(w->a, &w->frame->names, (name_row){name, v});
}

static void bind(walk *w, const ast *target, call_value v) {
    if (target->kind == AST_Name) {
        set_name(w, target->Name.id, v);
    } else if (target->kind == AST_Tuple || target->kind == AST_List) {
        for (uint32_t i = 0; i < target->List.elts.len; i++)
            bind(w, target->List.elts.at[i], v.n == target->List.elts.len ? v.items[i] : v.n ? unknown : item_of(&v));
    }
}

/* ---- NumPy ----------------------------------------------------------------------------------------------------------- */

static const char *const dtypes[][2] = {{"bool", "bool"},
                                        {"bool_", "bool"},
                                        {"int", "int64"},
                                        {"int_", "int64"},
                                        {"intp", "int64"},
                                        {"int8", "int8"},
                                        {"int16", "int16"},
                                        {"int32", "int32"},
                                        {"int64", "int64"},
                                        {"uint8", "uint8"},
                                        {"uint16", "uint16"},
                                        {"uint32", "uint32"},
                                        {"uint64", "uint64"},
                                        {"float", "float64"},
                                        {"double", "float64"},
                                        {"float64", "float64"},
                                        {"float32", "float32"},
                                        {"single", "float32"},
                                        {"complex", "complex128"},
                                        {"complex64", "complex64"},
                                        {"complex128", "complex128"},
                                        {"i1", "int8"},
                                        {"i2", "int16"},
                                        {"i4", "int32"},
                                        {"i8", "int64"},
                                        {"u1", "uint8"},
                                        {"u2", "uint16"},
                                        {"u4", "uint32"},
                                        {"u8", "uint64"},
                                        {"f4", "float32"},
                                        {"f8", "float64"},
                                        {"c8", "complex64"},
                                        {"c16", "complex128"}};

const char *call_dtype(const ast *e) {
    const char *name = e->kind == AST_Name                                        ? e->Name.id->text
                       : e->kind == AST_Attribute                                 ? e->Attribute.attr->text
                       : e->kind == AST_Constant && e->Constant.type == CONST_str ? e->Constant.text
                                                                                  : NULL;
    for (size_t i = 0; name && i < sizeof dtypes / sizeof *dtypes; i++)
        if (!strcmp(dtypes[i][0], name))
            return dtypes[i][1];
    return NULL;
}

/* The argument of that name, or the positional one at `position` (-1: by name only). */
static const ast *argument(const ast *call, const char *name, int position) {
    for (uint32_t i = 0; i < call->Call.keywords.len; i++) {
        const ast *k = call->Call.keywords.at[i];
        if (k->keyword.arg && sym_is(k->keyword.arg, name))
            return k->keyword.value;
    }
    return position >= 0 && (uint32_t)position < call->Call.args.len ? call->Call.args.at[position] : NULL;
}

/* dtype=…, also x.dtype; `otherwise` when it is not given. */
static const char *dtype_argument(walk *w, const ast *call, int position, const char *otherwise) {
    const ast *e = argument(call, "dtype", position);
    if (!e)
        return otherwise;
    if (e->kind == AST_Attribute && sym_is(e->Attribute.attr, "dtype"))
        return eval(w, e->Attribute.value).dtype;
    return call_dtype(e);
}

/* Dimensions of a shape: (n, m) has 2, n has 1. */
static int dims_of_shape(walk *w, const ast *e) {
    call_value v = e ? eval(w, e) : unknown;
    return v.n ? (int)v.n : v.ndim == 0 ? 1 : -1;
}

/* np.array([[1, 2], [3, 4]]): the depth of the nest and the widest item. */
static call_value array_from(const call_value *v) {
    if (!v->n)
        return *v;
    call_value first = array_from(&v->items[0]);
    for (uint32_t i = 1; i < v->n; i++) {
        call_value other = array_from(&v->items[i]);
        first.dtype = joined(first.dtype, other.dtype);
        first.ndim = first.ndim == other.ndim ? first.ndim : -1;
    }
    return first.ndim < 0 ? unknown : array_of(first.dtype, first.ndim + 1);
}

typedef enum maker {
    MAKE_SHAPED = 1, /* f(shape, dtype=float64) */
    MAKE_FULL,       /* f(shape, value, dtype) */
    MAKE_LIKE,       /* f(array, dtype) */
    MAKE_ARRAY,      /* f(nested or array, dtype) */
    MAKE_ARANGE,
    MAKE_LINE,     /* one dimension of float64 */
    MAKE_SQUARE,   /* two dimensions, dtype */
    MAKE_RAND,     /* f(d0, d1, …): float64 */
    MAKE_SIZE0,    /* f(size): float64 */
    MAKE_SIZE,     /* f(a, b, size): float64 */
    MAKE_SIZE1,    /* f(a, size): float64 */
    MAKE_INTEGERS, /* f(low, high, size): int64 */
    MAKE_CHOICE,
    MAKE_PERMUTATION,
    MAKE_SAME,   /* element-wise, dtype kept */
    MAKE_FLOAT,  /* element-wise, of floats */
    MAKE_BOOL,   /* element-wise */
    MAKE_JOIN,   /* element-wise of two */
    MAKE_WHERE,  /* the second and third joined */
    MAKE_REDUCE, /* scalar without axis */
    MAKE_COUNT,  /* as REDUCE, int64 */
    MAKE_MEAN,   /* as REDUCE, float */
    MAKE_FLAT,   /* one dimension */
    MAKE_MESH,
    MAKE_ASTYPE,
    MAKE_RESHAPE,
    MAKE_TURNED,
    MAKE_DOT,
    MAKE_FORTRAN
} maker;

static const struct {
    const char *name;
    maker how;
} makers[] = {{"zeros", MAKE_SHAPED},
              {"ones", MAKE_SHAPED},
              {"empty", MAKE_SHAPED},
              {"full", MAKE_FULL},
              {"zeros_like", MAKE_LIKE},
              {"ones_like", MAKE_LIKE},
              {"empty_like", MAKE_LIKE},
              {"full_like", MAKE_LIKE},
              {"copy", MAKE_LIKE},
              {"array", MAKE_ARRAY},
              {"asarray", MAKE_ARRAY},
              {"ascontiguousarray", MAKE_ARRAY},
              {"asfortranarray", MAKE_FORTRAN},
              {"arange", MAKE_ARANGE},
              {"linspace", MAKE_LINE},
              {"logspace", MAKE_LINE},
              {"geomspace", MAKE_LINE},
              {"eye", MAKE_SQUARE},
              {"identity", MAKE_SQUARE},
              {"rand", MAKE_RAND},
              {"randn", MAKE_RAND},
              {"random", MAKE_SIZE0},
              {"random_sample", MAKE_SIZE0},
              {"standard_normal", MAKE_SIZE0},
              {"uniform", MAKE_SIZE},
              {"normal", MAKE_SIZE},
              {"lognormal", MAKE_SIZE},
              {"gamma", MAKE_SIZE},
              {"exponential", MAKE_SIZE1},
              {"standard_exponential", MAKE_SIZE0},
              {"randint", MAKE_INTEGERS},
              {"integers", MAKE_INTEGERS},
              {"choice", MAKE_CHOICE},
              {"permutation", MAKE_PERMUTATION},
              {"sort", MAKE_SAME},
              {"abs", MAKE_SAME},
              {"absolute", MAKE_SAME},
              {"negative", MAKE_SAME},
              {"square", MAKE_SAME},
              {"clip", MAKE_SAME},
              {"cumsum", MAKE_SAME},
              {"cumprod", MAKE_SAME},
              {"roll", MAKE_SAME},
              {"flip", MAKE_SAME},
              {"round", MAKE_SAME},
              {"floor", MAKE_FLOAT},
              {"ceil", MAKE_FLOAT},
              {"sqrt", MAKE_FLOAT},
              {"exp", MAKE_FLOAT},
              {"log", MAKE_FLOAT},
              {"log2", MAKE_FLOAT},
              {"log10", MAKE_FLOAT},
              {"log1p", MAKE_FLOAT},
              {"expm1", MAKE_FLOAT},
              {"sin", MAKE_FLOAT},
              {"cos", MAKE_FLOAT},
              {"tan", MAKE_FLOAT},
              {"tanh", MAKE_FLOAT},
              {"sinh", MAKE_FLOAT},
              {"cosh", MAKE_FLOAT},
              {"arcsin", MAKE_FLOAT},
              {"arccos", MAKE_FLOAT},
              {"arctan", MAKE_FLOAT},
              {"isnan", MAKE_BOOL},
              {"isfinite", MAKE_BOOL},
              {"isinf", MAKE_BOOL},
              {"logical_not", MAKE_BOOL},
              {"maximum", MAKE_JOIN},
              {"minimum", MAKE_JOIN},
              {"add", MAKE_JOIN},
              {"subtract", MAKE_JOIN},
              {"multiply", MAKE_JOIN},
              {"where", MAKE_WHERE},
              {"sum", MAKE_REDUCE},
              {"prod", MAKE_REDUCE},
              {"min", MAKE_REDUCE},
              {"max", MAKE_REDUCE},
              {"argmin", MAKE_COUNT},
              {"argmax", MAKE_COUNT},
              {"count_nonzero", MAKE_COUNT},
              {"mean", MAKE_MEAN},
              {"std", MAKE_MEAN},
              {"var", MAKE_MEAN},
              {"median", MAKE_MEAN},
              {"ravel", MAKE_FLAT},
              {"flatten", MAKE_FLAT},
              {"meshgrid", MAKE_MESH},
              {"astype", MAKE_ASTYPE},
              {"reshape", MAKE_RESHAPE},
              {"transpose", MAKE_TURNED},
              {"dot", MAKE_DOT},
              {"matmul", MAKE_DOT}};

static call_value reduced(const ast *call, call_value v, const char *dtype, int position) {
    if (v.ndim < 0)
        return unknown;
    v = array_from(&v);
    return argument(call, "axis", position) ? array_of(dtype, v.ndim > 0 ? v.ndim - 1 : -1) : call_scalar(dtype);
}

static call_value product(call_value a, call_value b) {
    const char *dtype = joined_values(&a, &b);
    if (a.ndim < 1 || b.ndim < 1 || a.ndim > 2 || b.ndim > 2)
        return unknown;
    return array_of(dtype, a.ndim + b.ndim - 2);
}

static call_value turned(call_value v) {
    if (v.ndim > 1)
        v.layout = v.layout == 'C' ? 'F' : v.layout == 'F' ? 'C' : 'A';
    return v;
}

static call_value sized(walk *w, const ast *call, int position, const char *dtype) {
    const ast *size = argument(call, "size", position);
    return size ? array_of(dtype, dims_of_shape(w, size)) : call_scalar(dtype);
}

/* The value of a call of NumPy's, a generator's or an array's function. `self`: the array whose method it is, or NULL; the
 * positions of the other arguments are then one less. */
static call_value made(walk *w, maker how, const ast *call, const call_value *self) {
    int shift = self ? -1 : 0;
    const ast *first_arg = call->Call.args.len ? call->Call.args.at[0] : NULL;
    call_value first = self ? *self : first_arg ? eval(w, first_arg) : unknown;
    const ast *other = argument(call, "x2", 1 + shift);
    switch (how) {
    case MAKE_SHAPED:
        return array_of(dtype_argument(w, call, 1, "float64"), dims_of_shape(w, argument(call, "shape", 0)));
    case MAKE_FULL: {
        const ast *value = argument(call, "fill_value", 1);
        return array_of(dtype_argument(w, call, 2, value ? eval(w, value).dtype : NULL),
                        dims_of_shape(w, argument(call, "shape", 0)));
    }
    case MAKE_LIKE:
    case MAKE_ARRAY:
        first = array_from(&first);
        first.dtype = dtype_argument(w, call, how == MAKE_ARRAY || !self ? 1 : -1, first.dtype);
        first.layout = first.layout == 'F' ? 'F' : 'C';
        return first;
    case MAKE_FORTRAN:
        first = array_from(&first);
        first.layout = first.ndim > 1 ? 'F' : 'C';
        return first;
    case MAKE_ARANGE: {
        const char *dtype = "int64";
        for (uint32_t i = 0; i < call->Call.args.len; i++)
            dtype = joined(dtype, eval(w, call->Call.args.at[i]).dtype);
        return array_of(dtype_argument(w, call, -1, dtype), 1);
    }
    case MAKE_LINE:
        return array_of(dtype_argument(w, call, -1, "float64"), 1);
    case MAKE_SQUARE:
        return array_of(dtype_argument(w, call, -1, "float64"), 2);
    case MAKE_RAND:
        return array_of("float64", (int)call->Call.args.len);
    case MAKE_SIZE0:
        return array_of(dtype_argument(w, call, -1, "float64"), sized(w, call, 0, "float64").ndim);
    case MAKE_SIZE1:
        return sized(w, call, 1, "float64");
    case MAKE_SIZE:
        return sized(w, call, 2, "float64");
    case MAKE_INTEGERS:
        return array_of(dtype_argument(w, call, -1, "int64"), sized(w, call, 2, "int64").ndim);
    case MAKE_CHOICE:
        return array_of(first.ndim ? array_from(&first).dtype : "int64", sized(w, call, 1, "int64").ndim);
    case MAKE_PERMUTATION:
        return first.ndim ? array_from(&first) : array_of("int64", 1);
    case MAKE_SAME:
        return array_from(&first);
    case MAKE_FLOAT:
        first = array_from(&first);
        first.dtype = as_float(first.dtype);
        return first;
    case MAKE_BOOL:
        first = array_from(&first);
        first.dtype = "bool";
        return first;
    case MAKE_JOIN: {
        call_value second = other ? eval(w, other) : unknown;
        return joined_shape(first, second, joined_values(&first, &second));
    }
    case MAKE_WHERE: {
        if (call->Call.args.len != 3)
            return unknown;
        call_value a = eval(w, call->Call.args.at[1]), b = eval(w, call->Call.args.at[2]);
        return joined_shape(first, joined_shape(a, b, NULL), joined_values(&a, &b));
    }
    case MAKE_REDUCE:
        return reduced(call, first, array_from(&first).dtype, 1 + shift);
    case MAKE_COUNT:
        return reduced(call, first, "int64", 1 + shift);
    case MAKE_MEAN:
        return reduced(call, first, as_float(array_from(&first).dtype), 1 + shift);
    case MAKE_FLAT:
        return first.ndim < 0 ? unknown : array_of(first.dtype, 1);
    case MAKE_MESH: {
        call_value v = tuple_of(w, call->Call.args.len);
        for (uint32_t i = 0; i < v.n; i++)
            v.items[i] = array_of(eval(w, call->Call.args.at[i]).dtype, (int)v.n);
        return v;
    }
    case MAKE_ASTYPE:
        first.dtype = first_arg ? call_dtype(first_arg) : NULL;
        return first;
    case MAKE_RESHAPE: {
        uint32_t given = call->Call.args.len - (self ? 0 : 1);
        const ast *shape = argument(call, "shape", 1 + shift);
        return array_of(first.dtype, given > 1 ? (int)given : dims_of_shape(w, shape));
    }
    case MAKE_TURNED:
        return turned(first);
    case MAKE_DOT:
        return other ? product(first, eval(w, other)) : unknown;
    }
    return unknown;
}

/* ---- calls ----------------------------------------------------------------------------------------------------------- */

static uint32_t count_known(arena *a, const call_value *args, uint32_t n) {
    uint32_t known = 0;
    for (uint32_t i = 0; i < n; i++)
        known += call_type(a, &args[i]) != NULL;
    return known;
}

static uint32_t count_params(const ast *function) {
    const ast *args = function->FunctionDef.args;
    return args->arguments.posonlyargs.len + args->arguments.args.len;
}

static const ast *param_at(const ast *function, uint32_t i) {
    const ast *args = function->FunctionDef.args;
    uint32_t first = args->arguments.posonlyargs.len;
    return i < first ? args->arguments.posonlyargs.at[i] : args->arguments.args.at[i - first];
}

static void note_call(walk *w, const ast *function, const ast *call, const call_value *args, uint32_t n) {
    if (function != w->wanted)
        return;
    if (w->best && count_known(w->a, w->best->args, w->best->n) >= count_known(w->a, args, n))
        return;
    w->best = arena_make(w->a, call_site);
    *w->best = (call_site){function, call->at.line, n, arena_array(w->a, call_value, n + 1)};
    memcpy(w->best->args, args, n * sizeof *args);
}

/* The function's body with these arguments; what it returns. */
static call_value run(walk *w, const ast *function, const call_value *args, uint32_t n) {
    if (w->depth >= MAX_DEPTH || w->steps > MAX_STEPS)
        return unknown;
    frame *caller = w->frame, *outer = caller;
    while (outer->outer)
        outer = outer->outer;
    frame own = {.outer = outer, .result = unknown};
    w->frame = &own;
    w->depth++;
    for (uint32_t i = 0; i < n; i++)
        set_name(w, param_at(function, i)->arg.arg, args[i]);
    exec(w, &function->FunctionDef.body);
    w->depth--;
    w->frame = caller;
    return own.returned ? own.result : unknown;
}

static bool was_entered(const walk *w, const ast *function) {
    for (uint32_t i = 0; i < w->entered.len; i++)
        if (w->entered.at[i] == function)
            return true;
    return false;
}

static call_value call_function(walk *w, const ast *function, const ast *call) {
    const ast *defaults = function->FunctionDef.args;
    uint32_t n = count_params(function), n_defaults = defaults->arguments.defaults.len;
    call_value *args = arena_array(w->a, call_value, n + 1);
    for (uint32_t i = 0; i < n; i++) {
        const ast *e = argument(call, param_at(function, i)->arg.arg->text, (int)i);
        if (!e && i + n_defaults >= n)
            e = defaults->arguments.defaults.at[i + n_defaults - n];
        args[i] = e && e->kind != AST_Starred ? eval(w, e) : unknown;
    }
    if (w->f->is_kernel(w->f->context, function))
        note_call(w, function, call, args, n);
    if (!was_entered(w, function))
        vec_push(w->a, &w->entered, function);
    return run(w, function, args, n);
}

static call_value call_builtin(walk *w, sym name, const ast *call) {
    static const char *const results[][2] = {{"int", "int64"}, {"len", "int64"},          {"float", "float64"},
                                             {"bool", "bool"}, {"complex", "complex128"}, {"round", "int64"},
                                             {"ord", "int64"}};
    for (size_t i = 0; i < sizeof results / sizeof *results; i++)
        if (sym_is(name, results[i][0]))
            return call_scalar(results[i][1]);
    call_value first = call->Call.args.len ? eval(w, call->Call.args.at[0]) : unknown;
    if (sym_is(name, "range") || sym_is(name, "prange"))
        return (call_value){.ndim = -1, .is_range = true};
    if (sym_is(name, "tuple") || sym_is(name, "list") || sym_is(name, "reversed") || sym_is(name, "abs"))
        return first;
    if (sym_is(name, "min") || sym_is(name, "max"))
        return call->Call.args.len > 1 ? first : item_of(&first);
    if (sym_is(name, "sum"))
        return item_of(&first);
    return unknown;
}

static call_value call_attribute(walk *w, const ast *call) {
    const ast *func = call->Call.func;
    const char *dtype = call_dtype(func);
    if (dtype)
        return call_scalar(dtype);
    call_value self = eval(w, func->Attribute.value);
    bool is_method = self.ndim >= 0;
    for (size_t i = 0; i < sizeof makers / sizeof *makers; i++)
        if (sym_is(func->Attribute.attr, makers[i].name))
            return made(w, makers[i].how, call, is_method ? &self : NULL);
    bool of_math = func->Attribute.value->kind == AST_Name && sym_is(func->Attribute.value->Name.id, "math");
    return of_math ? call_scalar("float64") : unknown;
}

static call_value eval_call(walk *w, const ast *call) {
    const ast *func = call->Call.func;
    for (uint32_t i = 0; i < call->Call.args.len; i++)
        if (call->Call.args.at[i]->kind == AST_Call)
            (void)eval(w, call->Call.args.at[i]);
    if (func->kind == AST_Name) {
        const ast *function = w->f->find(w->f->context, func->Name.id);
        return function ? call_function(w, function, call) : call_builtin(w, func->Name.id, call);
    }
    return func->kind == AST_Attribute ? call_attribute(w, call) : unknown;
}

/* ---- expressions ----------------------------------------------------------------------------------------------------- */

static call_value eval_constant(const ast *e) {
    switch (e->Constant.type) {
    case CONST_int:
        return call_scalar("int64");
    case CONST_float:
        return call_scalar("float64");
    case CONST_complex:
        return call_scalar("complex128");
    case CONST_True:
    case CONST_False:
        return call_scalar("bool");
    default:
        return unknown;
    }
}

static call_value eval_binary(walk *w, const ast *e) {
    call_value a = eval(w, e->BinOp.left), b = eval(w, e->BinOp.right);
    const char *dtype = joined_values(&a, &b);
    if (e->BinOp.op == OP_MatMult)
        return product(a, b);
    return joined_shape(a, b, e->BinOp.op == OP_Div ? as_float(dtype) : dtype);
}

static bool is_whole(const ast *e) {
    return e->kind == AST_Slice && !e->Slice.lower && !e->Slice.upper && !e->Slice.step;
}

/* a[1:-1, 0]: each index takes a dimension away; a mask or an array of indices is not followed. */
static call_value subscripted(walk *w, call_value v, const ast *slice) {
    bool many = slice->kind == AST_Tuple, whole = true;
    uint32_t n = many ? slice->List.elts.len : 1;
    for (uint32_t i = 0; i < n; i++) {
        const ast *e = many ? slice->List.elts.at[i] : slice;
        if (e->kind == AST_Slice) {
            whole = whole && (is_whole(e) || (i == 0 && !e->Slice.step));
            continue;
        }
        whole = whole && i == 0;
        if (e->kind == AST_Constant && e->Constant.type == CONST_None)
            v.ndim++;
        else if (eval(w, e).ndim == 0)
            v.ndim--;
        else
            return unknown;
    }
    v.layout = v.layout == 'C' && whole ? 'C' : v.ndim < 2 && whole ? 'C' : 'A';
    return v.ndim < 0 ? unknown : v;
}

static call_value eval_subscript(walk *w, const ast *e) {
    call_value v = eval(w, e->Subscript.value);
    const ast *slice = e->Subscript.slice;
    if (v.n) {
        bool fits = slice->kind == AST_Constant && slice->Constant.type == CONST_int && slice->Constant.integer < v.n;
        return fits ? v.items[slice->Constant.integer] : item_of(&v);
    }
    return v.ndim > 0 ? subscripted(w, v, slice) : unknown;
}

static call_value eval_attribute(walk *w, const ast *e) {
    static const char *const counts[] = {"size", "ndim", "nbytes", "itemsize"};
    static const char *const floats[] = {"pi", "e", "inf", "nan", "tau"};
    sym name = e->Attribute.attr;
    call_value v = eval(w, e->Attribute.value);
    if (sym_is(name, "shape") && v.ndim > 0) {
        call_value shape = tuple_of(w, (uint32_t)v.ndim);
        for (uint32_t i = 0; i < shape.n; i++)
            shape.items[i] = call_scalar("int64");
        return shape;
    }
    if (sym_is(name, "T"))
        return turned(v);
    for (size_t i = 0; v.ndim > 0 && i < sizeof counts / sizeof *counts; i++)
        if (sym_is(name, counts[i]))
            return call_scalar("int64");
    for (size_t i = 0; v.ndim < 0 && i < sizeof floats / sizeof *floats; i++)
        if (sym_is(name, floats[i]))
            return call_scalar("float64");
    return unknown;
}

static call_value eval_items(walk *w, const ast *e) {
    call_value v = tuple_of(w, e->List.elts.len);
    for (uint32_t i = 0; i < v.n; i++)
        v.items[i] = eval(w, e->List.elts.at[i]);
    return v;
}

static call_value eval_name(const walk *w, sym name) {
    const call_value *found = find_name(w, name);
    return found ? *found : unknown;
}

static call_value eval(walk *w, const ast *e) {
    if (w->steps++ > MAX_STEPS)
        return unknown;
    switch (e->kind) {
    case AST_Constant:
        return eval_constant(e);
    case AST_Name:
        return eval_name(w, e->Name.id);
    case AST_Tuple:
    case AST_List:
        return eval_items(w, e);
    case AST_BinOp:
        return eval_binary(w, e);
    case AST_UnaryOp: {
        call_value v = eval(w, e->UnaryOp.operand);
        return e->UnaryOp.op == OP_Not ? call_scalar("bool") : v;
    }
    case AST_Compare: {
        call_value a = eval(w, e->Compare.left), b = eval(w, e->Compare.comparators.at[0]);
        return joined_shape(a, b, "bool");
    }
    case AST_IfExp: {
        call_value a = eval(w, e->IfExp.body), b = eval(w, e->IfExp.orelse);
        return a.ndim == b.ndim ? joined_shape(a, b, joined(a.dtype, b.dtype)) : unknown;
    }
    case AST_Subscript:
        return eval_subscript(w, e);
    case AST_Attribute:
        return eval_attribute(w, e);
    case AST_Call:
        return eval_call(w, e);
    default:
        ast_each_child(e, visit, w);
        return unknown;
    }
}

/* ---- statements ------------------------------------------------------------------------------------------------------ */

static call_value iterated(walk *w, const ast *e) {
    bool is_call = e->kind == AST_Call && e->Call.func->kind == AST_Name && e->Call.args.len;
    if (is_call && sym_is(e->Call.func->Name.id, "enumerate")) {
        call_value v = eval(w, e->Call.args.at[0]), pair = tuple_of(w, 2);
        pair.items[0] = call_scalar("int64");
        pair.items[1] = item_of(&v);
        return pair;
    }
    if (is_call && sym_is(e->Call.func->Name.id, "zip")) {
        call_value all = tuple_of(w, e->Call.args.len);
        for (uint32_t i = 0; i < all.n; i++) {
            call_value v = eval(w, e->Call.args.at[i]);
            all.items[i] = item_of(&v);
        }
        return all;
    }
    call_value v = eval(w, e);
    return item_of(&v);
}

static void exec_return(walk *w, const ast *s) {
    call_value v = s->Return.value ? eval(w, s->Return.value) : unknown;
    if (w->frame->returned && (w->frame->result.ndim != v.ndim || w->frame->result.n != v.n))
        v = unknown;
    w->frame->result = v;
    w->frame->returned = true;
}

static void exec_assign(walk *w, const ast *s) {
    call_value v = eval(w, s->Assign.value);
    for (uint32_t i = 0; i < s->Assign.targets.len; i++)
        bind(w, s->Assign.targets.at[i], v);
}

static void visit(void *context, ast *n) {
    walk *w = context;
    if (w->steps++ > MAX_STEPS)
        return;
    switch (n->kind) {
    case AST_FunctionDef:
    case AST_AsyncFunctionDef:
    case AST_ClassDef:
    case AST_Lambda:
        return;
    case AST_Assign:
        exec_assign(w, n);
        return;
    case AST_AnnAssign:
        if (n->AnnAssign.value)
            bind(w, n->AnnAssign.target, eval(w, n->AnnAssign.value));
        return;
    case AST_AugAssign: {
        call_value a = eval(w, n->AugAssign.target), b = eval(w, n->AugAssign.value);
        const char *dtype = joined_values(&a, &b);
        if (n->AugAssign.target->kind == AST_Name && a.ndim == 0)
            bind(w, n->AugAssign.target, joined_shape(a, b, n->AugAssign.op == OP_Div ? as_float(dtype) : dtype));
        return;
    }
    case AST_For:
        bind(w, n->For.target, iterated(w, n->For.iter));
        exec(w, &n->For.body);
        exec(w, &n->For.orelse);
        return;
    case AST_Return:
        exec_return(w, n);
        return;
    case AST_Call:
    case AST_Subscript:
    case AST_Attribute:
    case AST_BinOp:
        (void)eval(w, n);
        return;
    default:
        ast_each_child(n, visit, w);
    }
}

static void exec(walk *w, const ast_list *body) {
    for (uint32_t i = 0; i < body->len; i++)
        visit(w, body->at[i]);
}

/* ---- the doors ------------------------------------------------------------------------------------------------------- */

/* Functions that nobody calls: tests, callbacks. */
static void run_uncalled(walk *w, const ast *module) {
    for (uint32_t i = 0; i < module->Module.body.len; i++) {
        const ast *s = module->Module.body.at[i];
        if (s->kind != AST_FunctionDef || was_entered(w, s) || w->f->is_kernel(w->f->context, s))
            continue;
        uint32_t n = count_params(s);
        call_value *args = arena_array(w->a, call_value, n + 1);
        for (uint32_t k = 0; k < n; k++)
            args[k] = unknown;
        (void)run(w, s, args, n);
    }
}

const call_site *calls_find(const call_finder *f, const ast *module, const ast *kernel) {
    frame outermost = {.result = unknown};
    walk w = {.f = f, .a = f->a, .frame = &outermost, .wanted = kernel};
    exec(&w, &module->Module.body);
    run_uncalled(&w, module);
    return w.best;
}

const call_site *calls_find_in(const call_finder *f, const ast *caller, const call_value *params, uint32_t n,
                               const ast *kernel) {
    frame outermost = {.result = unknown};
    walk w = {.f = f, .a = f->a, .frame = &outermost, .wanted = kernel};
    (void)run(&w, caller, params, n);
    return w.best;
}
