/* Expressions: one function a node kind, in the order of ast.h. Python's order of evaluation is kept by construction:
 * whatever reads memory or can fail is a statement, emitted when it is met; what is left are pure trees over variables.
 * A tree already made can only be disturbed by an assignment in the middle of an expression (`:=`, a nested function
 * with `nonlocal`) or, when it is an array expression, by a store; then it is held, at the place where it was made. */
#include "elaborate/flow.h"

#include <string.h>

value elab_unsupported(elab *e, span at, const char *hint, const char *what) {
    return elab_error(e, DIAG_UNSUPPORTED, at, hint, "%s is not supported in a kernel", what);
}

static bool is_poison(const value *v) {
    return v->kind == VAL_INVALID || v->kind == VAL_BOTTOM;
}

/* ---- order of evaluation ---------------------------------------------------------------------------------------------- */

eval_place elab_place(const elab *e) {
    return (eval_place){e->block, e->block->len, e->epoch};
}

static bool is_effect(const kir_stmt *s) {
    return s->kind != KIR_ASSIGN && s->kind != KIR_CHECK && s->kind != KIR_RAISE && s->kind != KIR_RETURN;
}

static bool is_lazy(const value *v) {
    if (value_is_array(v))
        return v->expr->kind != KIR_VAR;
    for (uint32_t i = 0; i < v->len && v->items; i++)
        if (is_lazy(&v->items[i]))
            return true;
    return false;
}

/* Assigned variables or, for array expressions, stores since `since`? */
static bool is_disturbed(const elab *e, const value *v, const eval_place *since) {
    if (e->epoch != since->epoch)
        return true;
    if (!is_lazy(v) || since->block != e->block)
        return false;
    for (uint32_t i = since->at; i < e->block->len; i++)
        if (is_effect(e->block->at[i]))
            return true;
    return false;
}

/* Holds a value as of `since`: the statements that do so go in there. */
void elab_hold_since(elab *e, value *v, const eval_place *since) {
    if (is_poison(v) || !is_disturbed(e, v, since))
        return;
    kir_block *block = e->block, held = {0};
    e->block = &held;
    *v = elab_hold_value(e, v);
    e->block = block;
    if (!held.len)
        return;
    uint32_t tail = since->block->len - since->at;
    for (uint32_t i = 0; i < held.len; i++)
        vec_push(e->a, since->block, held.at[i]);
    kir_stmt **at = since->block->at + since->at;
    memmove(at + held.len, at, tail * sizeof *at);
    memcpy(at, held.at, held.len * sizeof *at);
}

/* ---- one expression, two paths ------------------------------------------------------------------------------------------ */

static uint32_t weigh(const kir_expr *x) {
    uint32_t w = x->kind == KIR_MATH ? 12 : x->kind == KIR_CONST || x->kind == KIR_VAR ? 0 : 1;
    if (x->kind == KIR_BINARY && x->op == KIR_OP_POW)
        w = 20;
    if (x->kind == KIR_MATH && (x->op == KIR_OP_SQRT || x->op == KIR_OP_FLOOR || x->op == KIR_OP_CEIL ||
                                x->op == KIR_OP_ISNAN || x->op == KIR_OP_ISINF || x->op == KIR_OP_ISFINITE))
        w = 3;
    for (uint32_t i = 0; i < x->n_args; i++)
        w += weigh(x->args[i]);
    return w;
}

static bool is_cheap(const value *v) {
    return value_is_scalar(v) && weigh(v->expr) <= 10;
}

typedef struct two_arms {
    value v[2];
    edge end[2];
    bool arrives[2];
} two_arms;

static void store_arm(elab *e, const two_arms *t, int k, const value *home, span at) {
    kir_block *block = e->block;
    e->block = t->end[k].block;
    value_store(e, home, &t->v[k], at);
    e->block = block;
}

/* condition ? a : b; for truths that is `and` or `or`. */
static kir_expr *choose(elab *e, kir_expr *condition, kir_expr *a, kir_expr *b, span at) {
    int64_t known;
    if (a->ty->kind == TYPE_BOOL && kir_is_const_int(b, &known) && !known)
        return kir_binary(e->m, KIR_OP_AND, condition, a, at);
    if (a->ty->kind == TYPE_BOOL && kir_is_const_int(a, &known) && known)
        return kir_binary(e->m, KIR_OP_OR, condition, b, at);
    return kir_select(e->m, condition, a, b, at);
}

static value join_arms(elab *e, two_arms *t, kir_stmt *branch, kir_expr *condition, bool pure, span at) {
    for (int k = 0; k < 2; k++)
        if (t->v[k].kind == VAL_INVALID)
            return t->v[k];
    if (!t->arrives[0] || !t->arrives[1]) {
        elab_emit(e, branch);
        return t->v[t->arrives[0] ? 0 : 1];
    }
    value shape;
    if (!value_unify(e, &t->v[0], &t->v[1], &shape))
        return elab_error(e, DIAG_TYPING, at, "make both of one kind", "the value is %s or %s",
                          value_describe(e, &t->v[0]), value_describe(e, &t->v[1]));
    if (shape.kind == VAL_BOTTOM)
        return shape;
    if (pure && t->v[0].kind != VAL_BOTTOM && t->v[1].kind != VAL_BOTTOM && is_cheap(&t->v[0]) && is_cheap(&t->v[1])) {
        value a = elab_convert(e, &t->v[0], shape.ty, at), b = elab_convert(e, &t->v[1], shape.ty, at);
        return value_of(e, choose(e, kir_copy_expr(e->m, condition, NULL), a.expr, b.expr, at));
    }
    value home = value_home(e, &shape, NULL, at, false, false);
    store_arm(e, t, 0, &home, at);
    store_arm(e, t, 1, &home, at);
    if (branch->body.len || branch->orelse.len)
        elab_emit(e, branch);
    return value_again(e, &home);
}

/* condition ? arm(true) : arm(false), where only one of them is evaluated; a select when both are cheap and pure. */
value elab_select(elab *e, kir_expr *condition, value (*arm)(elab *e, bool which, void *context), void *context,
                  span at) {
    kir_stmt *branch = kir_stmt_new(e->m, KIR_IF, at);
    branch->value = condition;
    merge m;
    merge_begin(e, &m);
    two_arms t = {0};
    bool was_unreachable = e->unreachable, pure = true;
    for (int k = 0; k < 2; k++) {
        elab_push_block(e, k == 0 ? &branch->body : &branch->orelse);
        t.v[k] = arm(e, k == 0, context);
        t.arrives[k] = !e->unreachable || was_unreachable;
        t.end[k].block = e->block;
        pure = pure && e->block->len == 0 && e->trail.len == m.mark;
        merge_edge(e, &m, NULL);
        elab_pop_block(e);
        trail_undo(e, m.mark);
        e->unreachable = was_unreachable;
    }
    value v = join_arms(e, &t, branch, condition, pure, at);
    if (!was_unreachable)
        merge_end(e, &m, e->act->scope, NULL);
    e->unreachable = e->unreachable || was_unreachable;
    v.at = at;
    return v;
}

/* ---- conditions -------------------------------------------------------------------------------------------------------------- */

/* Operands from..to of `and` or `or`. Both are associative, so that a long chain is halved: nested one in the other, ten
 * thousand operands would need as many levels. */
typedef struct junction {
    ast_op op;
    const ast_list *operands;
    uint32_t from, to;
    span at;
} junction;

static junction junction_of(const ast *x) {
    return (junction){x->BoolOp.op, &x->BoolOp.values, 0, x->BoolOp.values.len, x->at};
}

/* Takes the first operand, or of many the first half. */
static junction take_part(junction *j) {
    enum { SHORT = 8 };
    junction part = *j;
    uint32_t n = j->to - j->from;
    part.to = j->from += n <= SHORT ? 1 : n / 2;
    return part;
}

static kir_expr *junction_condition(elab *e, junction j);

static value rest_of_condition(elab *e, bool which, void *context) {
    junction *j = context;
    if (which != (j->op == OP_And))
        return value_bool(e, j->op == OP_Or, j->at);
    kir_expr *x = junction_condition(e, *j);
    return x ? value_of(e, x) : value_invalid(j->at);
}

/* The truth of the junction, as a bool expression. */
static kir_expr *junction_condition(elab *e, junction j) {
    if (j.to - j.from == 1)
        return elab_condition(e, j.operands->at[j.from]);
    kir_expr *first = junction_condition(e, take_part(&j));
    int64_t known;
    if (!first)
        return first;
    if (kir_is_const_int(first, &known))
        return (known != 0) == (j.op == OP_And) ? junction_condition(e, j) : first;
    value v = elab_select(e, first, rest_of_condition, &j, j.at);
    return v.kind == VAL_EXPR ? v.expr : NULL;
}

/* An expression of which only the truth matters; NULL after an error. Known truths are constants. */
kir_expr *elab_condition(elab *e, const ast *x) {
    if (x->kind == AST_BoolOp)
        return junction_condition(e, junction_of(x));
    if (x->kind == AST_UnaryOp && x->UnaryOp.op == OP_Not) {
        kir_expr *inner = elab_condition(e, x->UnaryOp.operand);
        return inner ? elab_not(e, inner) : NULL;
    }
    value v = elab_expression(e, x);
    return elab_truth(e, &v, x->at);
}

/* ---- and, or: give one of the operands ------------------------------------------------------------------------------------- */

typedef struct operand_junction {
    junction j;
    value first;
} operand_junction;

static value bool_op_from(elab *e, junction j);

static value rest_or_first(elab *e, bool which, void *context) {
    operand_junction *o = context;
    if (which == (o->j.op == OP_And))
        return bool_op_from(e, o->j);
    if (o->first.ty && o->first.ty->kind == TYPE_BOOL)
        return value_bool(e, o->j.op == OP_Or, o->j.at);
    return value_again(e, &o->first);
}

static value bool_op_from(elab *e, junction j) {
    if (j.to - j.from == 1)
        return elab_expression(e, j.operands->at[j.from]);
    value first = bool_op_from(e, take_part(&j));
    bool known;
    if (is_poison(&first))
        return first;
    if (elab_literal_truth(e, &first, &known))
        return known == (j.op == OP_And) ? bool_op_from(e, j) : first;
    bool is_truth = first.ty && first.ty->kind == TYPE_BOOL;
    operand_junction o = {j, is_truth ? first : elab_hold_value(e, &first)};
    value again = is_truth ? first : value_again(e, &o.first);
    kir_expr *condition = elab_truth(e, &again, j.at);
    return condition ? elab_select(e, condition, rest_or_first, &o, j.at) : value_invalid(j.at);
}

static value bool_op(elab *e, const ast *x) {
    return bool_op_from(e, junction_of(x));
}

/* ---- names, constants, operators ----------------------------------------------------------------------------------------------- */

static value named_expr(elab *e, const ast *x) {
    value v = elab_expression(e, x->NamedExpr.value);
    v = elab_hold_value(e, &v);
    elab_assign_name(e, x->NamedExpr.target->Name.id, &v, x->NamedExpr.target->at);
    e->epoch++;
    return value_again(e, &v);
}

typedef __int128 wide;

typedef struct literal {
    wide n;
    bool huge; /* it does not even fit n */
} literal;

static literal power_of_literals(wide base, wide exponent) {
    literal x = {1, false};
    if (base >= -1 && base <= 1 && exponent > 2)
        exponent = 2 + exponent % 2;
    while (exponent-- > 0 && !x.huge)
        x.huge = __builtin_mul_overflow(x.n, base, &x.n);
    return x;
}

static bool fold_literals(ast_op op, literal a, literal b, literal *out) {
    out->huge = a.huge || b.huge;
    if (out->huge)
        return op == OP_Add || op == OP_Sub || op == OP_Mult || op == OP_Pow || op == OP_LShift;
    switch (op) {
    case OP_Add:
        out->huge = __builtin_add_overflow(a.n, b.n, &out->n);
        return true;
    case OP_Sub:
        out->huge = __builtin_sub_overflow(a.n, b.n, &out->n);
        return true;
    case OP_Mult:
        out->huge = __builtin_mul_overflow(a.n, b.n, &out->n);
        return true;
    case OP_Pow:
        *out = power_of_literals(a.n, b.n);
        return b.n >= 0;
    case OP_LShift:
        *out = power_of_literals(2, b.n);
        out->huge |= __builtin_mul_overflow(a.n, out->n, &out->n);
        return b.n >= 0;
    default:
        return false;
    }
}

/* What CPython's compiler folds: - + * ** << of integer literals, without a limit of 64 bits on the way. */
static bool is_literal_integer(const ast *x, literal *out) {
    literal a, b;
    if (x->kind == AST_Constant && x->Constant.type == CONST_int) {
        *out = (literal){(wide)x->Constant.integer, !x->Constant.fits};
        return true;
    }
    if (x->kind == AST_UnaryOp && x->UnaryOp.op == OP_USub && is_literal_integer(x->UnaryOp.operand, out))
        return fold_literals(OP_Sub, (literal){0, false}, *out, out);
    return x->kind == AST_BinOp && is_literal_integer(x->BinOp.left, &a) && is_literal_integer(x->BinOp.right, &b) &&
           fold_literals(x->BinOp.op, a, b, out);
}

static bool is_folded(elab *e, const ast *x, value *out) {
    literal k;
    if (!is_literal_integer(x, &k))
        return false;
    if (k.huge || k.n < INT64_MIN || k.n > (wide)UINT64_MAX)
        *out = elab_error(e, DIAG_TYPING, x->at, "integers have 64 bits here", "this integer is too large");
    else
        *out = value_of(
            e, kir_const_int(e->m, type_int(e->m->types, 64, k.n <= INT64_MAX), (int64_t)(uint64_t)k.n, x->at));
    return true;
}

static value binary_operator(elab *e, const ast *x) {
    value folded;
    if (is_folded(e, x, &folded))
        return folded;
    value a = elab_expression(e, x->BinOp.left);
    eval_place after = elab_place(e);
    value b = elab_expression(e, x->BinOp.right);
    elab_hold_since(e, &a, &after);
    return elab_binary(e, x->BinOp.op, &a, &b, x->at);
}

static value unary_operator(elab *e, const ast *x) {
    if (x->UnaryOp.op == OP_Not) {
        kir_expr *inner = elab_condition(e, x->UnaryOp.operand);
        return inner ? value_of(e, elab_not(e, inner)) : value_invalid(x->at);
    }
    value folded;
    if (is_folded(e, x, &folded))
        return folded;
    value a = elab_expression(e, x->UnaryOp.operand);
    return elab_unary(e, x->UnaryOp.op, &a, x->at);
}

static value lambda(elab *e, const ast *x) {
    return elab_make_closure(e, x);
}

typedef struct if_exp {
    const ast *x;
} if_exp;

static value if_arm(elab *e, bool which, void *context) {
    const ast *x = ((if_exp *)context)->x;
    return elab_expression(e, which ? x->IfExp.body : x->IfExp.orelse);
}

static value if_expression(elab *e, const ast *x) {
    kir_expr *condition = elab_condition(e, x->IfExp.test);
    int64_t known;
    if (!condition)
        return value_invalid(x->at);
    if (kir_is_const_int(condition, &known))
        return elab_expression(e, known ? x->IfExp.body : x->IfExp.orelse);
    if_exp context = {x};
    return elab_select(e, condition, if_arm, &context, x->at);
}

/* ---- comparisons ------------------------------------------------------------------------------------------------------------------ */

/* A list in the place of a sequence: its items. */
static value sequence_operand(elab *e, const ast *x) {
    if (x->kind == AST_List || x->kind == AST_Set)
        return elab_items(e, x);
    return elab_expression(e, x);
}

typedef struct chain {
    const ast *x;
    uint32_t next;
    value left;
} chain;

static value compare_from(elab *e, chain *c);

static value rest_of_chain(elab *e, bool which, void *context) {
    chain *c = context;
    return which ? compare_from(e, c) : value_bool(e, false, c->x->at);
}

static value compare_from(elab *e, chain *c) {
    const ast *x = c->x;
    ast_op op = x->Compare.ops[c->next];
    const ast *operand = x->Compare.comparators.at[c->next];
    bool last = ++c->next == x->Compare.comparators.len;
    eval_place before = elab_place(e);
    value left = c->left;
    value right = op == OP_In || op == OP_NotIn ? sequence_operand(e, operand) : elab_expression(e, operand);
    elab_hold_since(e, &left, &before);
    if (!last)
        right = elab_hold_value(e, &right);
    value v = elab_compare(e, op, &left, &right, x->at);
    if (last || is_poison(&v))
        return v;
    c->left = value_again(e, &right);
    bool known;
    if (elab_literal_truth(e, &v, &known))
        return known ? compare_from(e, c) : v;
    kir_expr *condition = elab_truth(e, &v, x->at);
    return condition ? elab_select(e, condition, rest_of_chain, c, x->at) : value_invalid(x->at);
}

static value compare(elab *e, const ast *x) {
    enum { LONGEST = 500 }; /* each lies within the one before it */
    if (x->Compare.comparators.len > LONGEST)
        return elab_error(e, DIAG_UNSUPPORTED, x->at, "write it as several comparisons, joined by `and`",
                          "a comparison of more than %d operands", LONGEST);
    chain c = {x, 0, elab_expression(e, x->Compare.left)};
    return compare_from(e, &c);
}

/* ---- calls --------------------------------------------------------------------------------------------------------------------------- */

typedef struct arguments {
    VEC(value) at;
    VEC(sym) names;
    VEC(eval_place) places;
    VEC(span) at_names;
    bool any_name, bad;
} arguments;

static void add_argument(elab *e, arguments *a, value v, sym name, span at) {
    for (uint32_t i = 0; i < a->at.len; i++) {
        uint32_t k = a->at.len - 1 - i;
        elab_hold_since(e, &a->at.at[k], &a->places.at[k]);
    }
    vec_push(e->a, &a->at, v);
    vec_push(e->a, &a->names, name);
    vec_push(e->a, &a->places, elab_place(e));
    vec_push(e->a, &a->at_names, at);
    a->any_name |= name != NULL;
    a->bad |= v.kind == VAL_INVALID;
}

static void add_starred(elab *e, arguments *a, const ast *x) {
    value v = sequence_operand(e, x->Starred.value);
    uint32_t n;
    if (v.kind == VAL_INVALID || !elab_static_length(e, &v, &n)) {
        if (v.kind != VAL_INVALID)
            elab_error(e, DIAG_UNSUPPORTED, x->at, "pass the array itself, or a tuple: its length is part of its type",
                       "the number of items of *%s is not known when the kernel is compiled", value_describe(e, &v));
        a->bad = true;
        return;
    }
    for (uint32_t i = 0; i < n; i++)
        add_argument(e, a, elab_sequence_item(e, &v, i, x->at), NULL, x->at);
}

/* Lists as arguments of functions that take any sequence (np.array, sum, …) are passed as the tuple of their items. */
static value argument(elab *e, const ast *x, bool takes_lists) {
    if (takes_lists && x->kind == AST_List)
        return elab_items(e, x);
    if (takes_lists && (x->kind == AST_ListComp || x->kind == AST_GeneratorExp))
        return elab_comprehension(e, x);
    return elab_expression(e, x);
}

/* np.array([... for ...]) alone is the array that the comprehension makes. */
static bool is_array_comprehension(const value *callee, const ast *x) {
    if (callee->kind != VAL_OBJECT || x->Call.args.len != 1 || x->Call.keywords.len ||
        x->Call.args.at[0]->kind != AST_ListComp)
        return false;
    return sym_is(callee->text, "numpy.array") || sym_is(callee->text, "numpy.asarray");
}

static value call(elab *e, const ast *x) {
    value callee = elab_expression(e, x->Call.func);
    if (callee.kind == VAL_INVALID)
        return callee;
    if (is_array_comprehension(&callee, x))
        return elab_comprehension(e, x->Call.args.at[0]);
    bool takes_lists = callee.kind == VAL_OBJECT || callee.kind == VAL_METHOD;
    arguments a = {0};
    for (uint32_t i = 0; i < x->Call.args.len; i++) {
        const ast *arg = x->Call.args.at[i];
        if (arg->kind == AST_Starred)
            add_starred(e, &a, arg);
        else
            add_argument(e, &a, argument(e, arg, takes_lists), NULL, arg->at);
    }
    for (uint32_t i = 0; i < x->Call.keywords.len; i++) {
        const ast *k = x->Call.keywords.at[i];
        if (!k->keyword.arg)
            return elab_unsupported(e, k->at, "name the arguments", "a **argument");
        add_argument(e, &a, argument(e, k->keyword.value, takes_lists), k->keyword.arg, k->at);
    }
    if (a.bad)
        return value_invalid(x->at);
    call_args args = {a.at.len, a.at.at, a.any_name ? a.names.at : NULL, x->at, a.at_names.at};
    value v = elab_call(e, &callee, &args);
    v.at = x->at;
    return v;
}

/* ---- strings ---------------------------------------------------------------------------------------------------------------------------- */

static value join_pieces(elab *e, const value *pieces, uint32_t n, span at) {
    text out = text_new(e->a);
    text_putn(&out, "", 0);
    for (uint32_t i = 0; i < n; i++) {
        if (pieces[i].kind != VAL_STRING) {
            value v = value_tuple(e, pieces, n, at);
            v.kind = v.kind == VAL_TUPLE ? VAL_FORMATTED : v.kind;
            return v;
        }
        text_putn(&out, pieces[i].text->text, pieces[i].text->len);
    }
    return value_string(e, sym_intern(e->m->syms, out.at, out.len), at);
}

/* An f-string: a constant, or pieces for a message or print(). */
static value joined_string(elab *e, const ast *x) {
    uint32_t n = x->JoinedStr.values.len;
    value *pieces = arena_array(e->a, value, n ? n : 1);
    for (uint32_t i = 0; i < n; i++) {
        const ast *piece = x->JoinedStr.values.at[i];
        if (piece->kind != AST_FormattedValue) {
            pieces[i] = elab_expression(e, piece);
            continue;
        }
        if (piece->FormattedValue.format_spec || piece->FormattedValue.conversion > 0)
            return elab_unsupported(e, piece->at, "write {value} alone", "a format specification");
        value v = elab_expression(e, piece->FormattedValue.value);
        pieces[i] = elab_constant_text(e, &v);
        if (is_poison(&pieces[i]))
            return pieces[i];
    }
    return join_pieces(e, pieces, n, x->at);
}

static value constant(elab *e, const ast *x) {
    types *t = e->m->types;
    switch (x->Constant.type) {
    case CONST_None:
        return value_none(e, x->at);
    case CONST_True:
        return value_bool(e, true, x->at);
    case CONST_False:
        return value_bool(e, false, x->at);
    case CONST_Ellipsis:
        return (value){.kind = VAL_ELLIPSIS, .at = x->at};
    case CONST_int:
        if (!x->Constant.fits)
            return elab_error(e, DIAG_TYPING, x->at, "integers have 64 bits here", "integer %s is too large",
                              x->Constant.text ? x->Constant.text : "literal");
        return value_of(e, kir_const_int(e->m, type_int(t, 64, x->Constant.integer <= INT64_MAX),
                                         (int64_t)x->Constant.integer, x->at));
    case CONST_float:
        return value_of(e, kir_const_float(e->m, type_float64(t), x->Constant.real, x->at));
    case CONST_complex:
        return value_of(e, kir_const_complex(e->m, type_complex(t, 128), 0, x->Constant.real, x->at));
    case CONST_str:
        return value_string(e, sym_intern(e->m->syms, x->Constant.text, x->Constant.text_len), x->at);
    case CONST_bytes:
        return elab_unsupported(e, x->at, "use an array of uint8", "a bytes constant");
    case CONST_INVALID:
        break;
    }
    return value_invalid(x->at);
}

/* ---- attributes and subscripts ------------------------------------------------------------------------------------------------------------ */

static value range_attribute(elab *e, const value *v, sym name, span at) {
    static const char *const parts[] = {"start", "stop", "step"};
    for (uint32_t i = 0; i < 3; i++)
        if (sym_is(name, parts[i]))
            return v->items[i];
    if (v->kind == VAL_SLICE && sym_is(name, "indices")) {
        value m = {.kind = VAL_METHOD, .text = name, .len = 1, .items = arena_make(e->a, value), .at = at};
        m.items[0] = *v;
        return m;
    }
    return elab_error(e, DIAG_TYPING, at, NULL, "%s has no attribute '%s'", value_describe(e, v), name->text);
}

static value attribute(elab *e, const ast *x) {
    value v = elab_expression(e, x->Attribute.value);
    sym name = x->Attribute.attr;
    if (is_poison(&v))
        return v;
    switch (v.kind) {
    case VAL_RANGE:
    case VAL_SLICE:
        return range_attribute(e, &v, name, x->at);
    default:
        return elab_get_attribute(e, &v, name, x->at);
    }
}

static value slice_part(elab *e, const ast *x, span at) {
    if (!x)
        return value_none(e, at);
    value v = elab_expression(e, x);
    if (v.kind == VAL_NONE || is_poison(&v))
        return v;
    if (!value_is_scalar(&v) || !type_is_integer(v.ty))
        return elab_error(e, DIAG_TYPING, x->at, "slice indices are integers or None", "%s in a slice",
                          value_describe(e, &v));
    bool beyond = v.ty->kind == TYPE_INT && v.ty->bits == 64 && !v.ty->is_signed; /* slice.c sees to it */
    return beyond ? v : elab_convert(e, &v, type_int64(e->m->types), x->at);
}

/* What stands between the brackets. */
value elab_index(elab *e, const ast *x) {
    if (x->kind == AST_Slice) {
        value parts[3] = {slice_part(e, x->Slice.lower, x->at), slice_part(e, x->Slice.upper, x->at),
                          slice_part(e, x->Slice.step, x->at)};
        value v = value_tuple(e, parts, 3, x->at);
        if (v.kind == VAL_TUPLE)
            v.kind = VAL_SLICE;
        return v;
    }
    if (x->kind == AST_List) {
        value items = elab_items(e, x);
        return is_poison(&items) ? items : elab_call_builtin(e, "numpy.array", &items, 1, x->at);
    }
    if (x->kind != AST_Tuple)
        return elab_expression(e, x);
    arguments a = {0};
    for (uint32_t i = 0; i < x->List.elts.len; i++) {
        if (x->List.elts.at[i]->kind == AST_Starred)
            add_starred(e, &a, x->List.elts.at[i]);
        else
            add_argument(e, &a, elab_index(e, x->List.elts.at[i]), NULL, x->at);
    }
    return a.bad ? value_invalid(x->at) : value_tuple(e, a.at.at, a.at.len, x->at);
}

value elab_subscript(elab *e, const value *container, const value *index, span at) {
    if (is_poison(container))
        return *container;
    if (is_poison(index))
        return *index;
    if (value_is_array(container))
        return elab_get_item(e, container, index, at);
    if (container->kind == VAL_TUPLE || container->kind == VAL_RANGE || container->kind == VAL_STRING)
        return elab_tuple_item(e, container, index, at);
    return elab_error(e, DIAG_TYPING, at, value_remedy(container), "%s cannot be indexed",
                      value_describe(e, container));
}

static value subscript(elab *e, const ast *x) {
    value container = elab_expression(e, x->Subscript.value);
    if (is_poison(&container))
        return container;
    eval_place after = elab_place(e);
    value index = elab_index(e, x->Subscript.slice);
    elab_hold_since(e, &container, &after);
    return elab_subscript(e, &container, &index, x->at);
}

static value name(elab *e, const ast *x) {
    return elab_name(e, x->Name.id, x->at);
}

/* The items of a tuple or list display. */
value elab_items(elab *e, const ast *x) {
    arguments a = {0};
    for (uint32_t i = 0; i < x->List.elts.len; i++) {
        const ast *item = x->List.elts.at[i];
        if (item->kind == AST_Starred)
            add_starred(e, &a, item);
        else
            add_argument(e, &a,
                         x->kind == AST_List && item->kind == AST_List ? elab_items(e, item) : elab_expression(e, item),
                         NULL, item->at);
    }
    return a.bad ? value_invalid(x->at) : value_tuple(e, a.at.at, a.at.len, x->at);
}

static value list(elab *e, const ast *x) {
    return elab_unsupported(e, x->at, "use a tuple, or an array: np.array([...]), np.empty(n)", "a list");
}

/* ---- the table ------------------------------------------------------------------------------------------------------------------------------- */

typedef struct refusal {
    ast_kind kind;
    const char *what, *hint;
} refusal;

static value refuse(elab *e, const ast *x) {
    static const refusal table[] = {
        {AST_Dict, "a dict", "use arrays or a namedtuple"},
        {AST_Set, "a set", "use a tuple or a sorted array"},
        {AST_ListComp, "a list comprehension", "make an array of it: np.array([...])"},
        {AST_SetComp, "a set comprehension", "fill an array in a loop"},
        {AST_DictComp, "a dict comprehension", "fill an array in a loop"},
        {AST_GeneratorExp, "a generator expression", "write the loop out"},
        {AST_Await, "await", NULL},
        {AST_Yield, "yield", "return an array"},
        {AST_YieldFrom, "yield from", "return an array"},
        {AST_Starred, "a starred expression here", NULL},
        {AST_Slice, "a slice here", NULL},
        {AST_FormattedValue, "a format field here", NULL},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].kind == x->kind)
            return elab_unsupported(e, x->at, table[i].hint, table[i].what);
    if (x->kind == AST_Unsupported)
        return elab_unsupported(e, x->at, NULL, x->Unsupported.name);
    return elab_unsupported(e, x->at, NULL, ast_kind_name(x->kind));
}

value elab_expression(elab *e, const ast *x) {
    static value (*const table[AST_KIND_COUNT])(elab *, const ast *) = {
        [AST_BoolOp] = bool_op,
        [AST_NamedExpr] = named_expr,
        [AST_BinOp] = binary_operator,
        [AST_UnaryOp] = unary_operator,
        [AST_Lambda] = lambda,
        [AST_IfExp] = if_expression,
        [AST_Compare] = compare,
        [AST_Call] = call,
        [AST_JoinedStr] = joined_string,
        [AST_Constant] = constant,
        [AST_Attribute] = attribute,
        [AST_Subscript] = subscript,
        [AST_Name] = name,
        [AST_Tuple] = elab_items,
        [AST_List] = list,
    };
    value v = table[x->kind] ? table[x->kind](e, x) : refuse(e, x);
    v.at = x->at;
    return v;
}
