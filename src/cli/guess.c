/* A parameter that is subscripted is an array of float64 with as many dimensions as the subscript; one whose shape is
 * unpacked has that many; one that counts (in range(), in a subscript) is an int64; one that is handed to another kernel is
 * what it is there; one whose bits are taken is an int64; any other is a float64. */
#include "cli/guess.h"

#include "support/text.h"

enum { MAX_DEPTH = 8 };

typedef struct guess {
    sym name;
    uint32_t ndim; /* 0: a scalar */
    bool counts;   /* an int64 */
    const char *type;
} guess;

typedef struct guesser {
    arena *a;
    const ast *(*called)(void *context, sym name);
    void *context;
    VEC(guess) params;
    uint32_t depth;
    bool counting; /* inside range() or a subscript */
} guesser;

static guess *find_param(guesser *g, const ast *e) {
    for (uint32_t i = 0; e->kind == AST_Name && i < g->params.len; i++) {
        if (g->params.at[i].name == e->Name.id)
            return &g->params.at[i];
    }
    return NULL;
}

static void at_least(guess *p, uint32_t ndim) {
    if (p && p->ndim < ndim)
        p->ndim = ndim;
}

/* Dimensions that a subscript names: a[i] 1, a[i, j] 2, a[i][j] 2. */
static void note_subscript(guesser *g, const ast *e) {
    uint32_t ndim = 0;
    const ast *value = e;
    for (; value->kind == AST_Subscript; value = value->Subscript.value)
        ndim += value->Subscript.slice->kind == AST_Tuple ? value->Subscript.slice->List.elts.len : 1;
    at_least(find_param(g, value), ndim);
    if (value->kind != AST_Attribute || e->Subscript.value != value || !sym_is(value->Attribute.attr, "shape"))
        return;
    const ast *axis = e->Subscript.slice;
    bool known = axis->kind == AST_Constant && axis->Constant.type == CONST_int && axis->Constant.integer < 32;
    at_least(find_param(g, value->Attribute.value), known ? (uint32_t)axis->Constant.integer + 1 : 1);
}

/* "a, b = x.shape" */
static void note_unpacking(guesser *g, const ast *s) {
    const ast *value = s->Assign.value;
    if (value->kind != AST_Attribute || !sym_is(value->Attribute.attr, "shape"))
        return;
    for (uint32_t i = 0; i < s->Assign.targets.len; i++) {
        const ast *target = s->Assign.targets.at[i];
        at_least(find_param(g, value->Attribute.value), target->kind == AST_Tuple ? target->List.elts.len : 1);
    }
}

static bool is_array_attribute(sym name) {
    static const char *const names[] = {"size", "dtype", "copy",  "sum", "mean", "min",
                                        "max",  "fill",  "ravel", "T",   "shape"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (sym_is(name, names[i]))
            return true;
    }
    return false;
}

static void guess_function(guesser *g, const ast *function);
static void look_counting(guesser *g, ast *n, bool counting);

static uint32_t count_args(const ast *args) {
    return args->arguments.posonlyargs.len + args->arguments.args.len;
}

/* What the called kernel's parameters look like, the arguments do. */
static void note_call(guesser *g, const ast *e) {
    const ast *f = e->Call.func->kind == AST_Name ? g->called(g->context, e->Call.func->Name.id) : NULL;
    if (!f || g->depth >= MAX_DEPTH)
        return;
    guesser inner = {.a = g->a, .called = g->called, .context = g->context, .depth = g->depth + 1};
    guess_function(&inner, f);
    for (uint32_t i = 0; i < e->Call.args.len && i < inner.params.len; i++) {
        at_least(find_param(g, e->Call.args.at[i]), inner.params.at[i].ndim);
        if (inner.params.at[i].counts && !inner.params.at[i].ndim)
            look_counting(g, e->Call.args.at[i], true);
    }
}

static bool is_bit_operator(ast_op op) {
    return op == OP_BitAnd || op == OP_BitOr || op == OP_BitXor || op == OP_LShift || op == OP_RShift;
}

/* The operands of & | ^ << >> count. */
static void note_bits(guesser *g, const ast *left, const ast *right) {
    const ast *operands[2] = {left, right};
    for (int i = 0; i < 2; i++) {
        guess *p = find_param(g, operands[i]);
        if (p)
            p->counts = true;
    }
}

static bool is_range(const ast *e) {
    const ast *f = e->Call.func;
    sym name = f->kind == AST_Name ? f->Name.id : f->kind == AST_Attribute ? f->Attribute.attr : NULL;
    return sym_is(name, "range") || sym_is(name, "prange");
}

static bool is_len(const ast *e) {
    return e->Call.func->kind == AST_Name && sym_is(e->Call.func->Name.id, "len");
}

static void look(void *g, ast *n);

static void look_counting(guesser *g, ast *n, bool counting) {
    bool before = g->counting;
    g->counting = counting;
    look(g, n);
    g->counting = before;
}

static void look(void *g_, ast *n) {
    guesser *g = g_;
    guess *p = find_param(g, n);
    if (p && g->counting)
        p->counts = true;
    switch (n->kind) {
    case AST_Subscript:
        note_subscript(g, n);
        look_counting(g, n->Subscript.value, false);
        look_counting(g, n->Subscript.slice, true);
        return;
    case AST_Attribute:
        if (is_array_attribute(n->Attribute.attr))
            at_least(find_param(g, n->Attribute.value), 1);
        look_counting(g, n->Attribute.value, false);
        return;
    case AST_Assign:
        note_unpacking(g, n);
        break;
    case AST_For:
        at_least(find_param(g, n->For.iter), 1);
        break;
    case AST_BinOp:
        if (is_bit_operator(n->BinOp.op))
            note_bits(g, n->BinOp.left, n->BinOp.right);
        break;
    case AST_AugAssign:
        if (is_bit_operator(n->AugAssign.op))
            note_bits(g, n->AugAssign.target, n->AugAssign.value);
        break;
    case AST_Call:
        if (is_len(n) && n->Call.args.len)
            at_least(find_param(g, n->Call.args.at[0]), 1);
        note_call(g, n);
        for (uint32_t i = 0; i < n->Call.args.len; i++)
            look_counting(g, n->Call.args.at[i], is_range(n));
        return;
    default:
        break;
    }
    ast_each_child(n, look, g);
}

/* "n: int", "x=1" */
static const char *declared_type(const ast *annotation, const ast *value) {
    sym name = annotation && annotation->kind == AST_Name        ? annotation->Name.id
               : annotation && annotation->kind == AST_Attribute ? annotation->Attribute.attr
                                                                 : NULL;
    static const char *const known[][2] = {{"int", "int64"},          {"float", "float64"},   {"bool", "bool"},
                                           {"complex", "complex128"}, {"float32", "float32"}, {"float64", "float64"},
                                           {"int32", "int32"},        {"int64", "int64"},     {"uint8", "uint8"}};
    for (size_t i = 0; name && i < sizeof known / sizeof *known; i++) {
        if (sym_is(name, known[i][0]))
            return known[i][1];
    }
    if (!value || value->kind != AST_Constant)
        return NULL;
    switch (value->Constant.type) {
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

static void guess_function(guesser *g, const ast *function) {
    const ast *args = function->FunctionDef.args;
    uint32_t n = count_args(args), n_defaults = args->arguments.defaults.len;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t n_first = args->arguments.posonlyargs.len;
        const ast *arg = i < n_first ? args->arguments.posonlyargs.at[i] : args->arguments.args.at[i - n_first];
        const ast *value = i + n_defaults >= n ? args->arguments.defaults.at[i + n_defaults - n] : NULL;
        const char *type = declared_type(arg->arg.annotation, value);
        vec_push(g->a, &g->params, (guess){.name = arg->arg.arg, .type = type});
    }
    for (uint32_t i = 0; i < function->FunctionDef.body.len; i++)
        look(g, function->FunctionDef.body.at[i]);
}

const char *guess_signature(arena *a, const ast *function, const ast *(*called)(void *context, sym name),
                            void *context) {
    guesser g = {.a = a, .called = called, .context = context};
    text out = text_new(a);
    guess_function(&g, function);
    text_put(&out, "(");
    for (uint32_t i = 0; i < g.params.len; i++) {
        const guess *p = &g.params.at[i];
        text_put(&out, i ? ", " : "");
        if (p->type)
            text_put(&out, p->type);
        else if (p->ndim)
            text_printf(&out, "array(float64, %ud, C)", p->ndim > 32 ? 32 : p->ndim);
        else
            text_put(&out, p->counts ? "int64" : "float64");
    }
    text_put(&out, ")");
    return out.at;
}
