/* The rules of kir.h, checked. Three walks in one: types and shapes of every expression and statement; that trees are not
 * shared; and that temporaries are assigned once, before every use, on all paths. The last is a flow analysis on the
 * structure: the set of assigned temporaries goes down the statements, both arms of an IF meet by intersection, what
 * leaves a BLOCK or LOOP by BREAK meets at its end, a FOR may run no time at all, and after a jump everything holds. The
 * first thing that is wrong ends the walk; its message names function, statement and line. */
#include "kir/kir.h"
#include "kir/op.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MAX_DEPTH = 10000 };

typedef struct exit_set { /* what holds at the end of a loop or block that is being walked */
    const kir_stmt *target;
    uint64_t *assigned;
} exit_set;

typedef struct verifier {
    kir_module *m;
    arena *scratch;
    const kir_fn *fn;
    const kir_stmt *stmt;
    const char *message;
    uint32_t depth;
    kir_var **vars; /* by id */
    uint32_t words; /* of a set of variables */
    uint64_t *assigned;
    uint64_t *counted; /* temporaries that have an assignment */
    VEC(exit_set) exits;
    const void **seen; /* nodes, hashed by address */
    uint32_t seen_cap, seen_len;
} verifier;

/* ---- saying what is wrong ----------------------------------------------------------------------------------------- */

static const char *statement_text(verifier *v) {
    text out = text_new(v->scratch);
    kir_print_stmt(v->m, v->stmt, &out);
    char *end = out.len ? strchr(out.at, '\n') : NULL;
    if (end)
        *end = '\0';
    return out.len ? out.at : "";
}

__attribute__((format(printf, 2, 3))) static bool wrong(verifier *v, const char *format, ...) {
    char message[400];
    va_list args;
    if (v->message)
        return false;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    const char *fn = v->fn && v->fn->name ? v->fn->name->text : NULL;
    if (v->stmt)
        v->message = arena_printf(v->m->a, "function @%s, line %u: %s: %s", fn ? fn : "?", v->stmt->at.line,
                                  statement_text(v), message);
    else if (fn)
        v->message = arena_printf(v->m->a, "function @%s, line %u: %s", fn, v->fn->at.line, message);
    else
        v->message = arena_printf(v->m->a, "%s", message);
    return false;
}

static const char *name_of(verifier *v, type *t) {
    text out = text_new(v->scratch);
    type_print(t, &out);
    return out.at;
}

/* ---- sets --------------------------------------------------------------------------------------------------------- */

static uint64_t *copy_set(verifier *v, const uint64_t *set) {
    uint64_t *copy = arena_array(v->scratch, uint64_t, v->words + 1);
    memcpy(copy, set, v->words * sizeof *copy);
    return copy;
}

static void meet_set(verifier *v, uint64_t *into, const uint64_t *set) {
    for (uint32_t i = 0; i < v->words; i++)
        into[i] &= set[i];
}

static uint64_t *full_set(verifier *v) {
    uint64_t *set = arena_array(v->scratch, uint64_t, v->words + 1);
    memset(set, 0xff, v->words * sizeof *set);
    return set;
}

static bool has(const uint64_t *set, uint32_t id) {
    return set[id / 64] >> id % 64 & 1;
}
static void put(uint64_t *set, uint32_t id) {
    set[id / 64] |= (uint64_t)1 << id % 64;
}

static const void **seen_slot(const void **seen, uint32_t cap, const void *node) {
    uint64_t hash = (uint64_t)(uintptr_t)node * 0x9e3779b97f4a7c15u;
    uint32_t i = (uint32_t)(hash >> 32) & (cap - 1);
    while (seen[i] && seen[i] != node)
        i = (i + 1) & (cap - 1);
    return &seen[i];
}

static void widen_seen(verifier *v) {
    uint32_t cap = v->seen_cap ? 2 * v->seen_cap : 256;
    const void **seen = arena_array(v->scratch, const void *, cap);
    for (uint32_t i = 0; i < v->seen_cap; i++) {
        if (v->seen[i])
            *seen_slot(seen, cap, v->seen[i]) = v->seen[i];
    }
    v->seen = seen;
    v->seen_cap = cap;
}

static bool is_first_visit(verifier *v, const void *node) {
    if (2 * v->seen_len >= v->seen_cap)
        widen_seen(v);
    const void **slot = seen_slot(v->seen, v->seen_cap, node);
    if (*slot)
        return false;
    *slot = node;
    v->seen_len++;
    return true;
}

/* ---- variables ---------------------------------------------------------------------------------------------------- */

static bool check_owned(verifier *v, const kir_var *var) {
    if (!var)
        return wrong(v, "a variable is missing");
    if (var->id >= v->fn->next_var || v->vars[var->id] != var)
        return wrong(v, "the variable %%%s.%u does not belong to the function", var->name ? var->name->text : "",
                     var->id);
    return true;
}

static bool check_read(verifier *v, const kir_var *var) {
    if (!check_owned(v, var))
        return false;
    if (var->is_temp && !var->is_param && !has(v->assigned, var->id))
        return wrong(v, "the temporary %%%u is used where it may not have been assigned", var->id);
    return true;
}

static bool check_array(verifier *v, const kir_var *var) {
    if (!check_read(v, var))
        return false;
    return var->ty->kind == TYPE_ARRAY || wrong(v, "the variable %%%u is not an array", var->id);
}

static bool check_assigned(verifier *v, const kir_var *var) {
    if (!check_owned(v, var))
        return false;
    if (var->is_temp && has(v->counted, var->id))
        return wrong(v, "the temporary %%%u is assigned a second time", var->id);
    if (var->is_temp && var->is_param)
        return wrong(v, "the temporary %%%u is a parameter", var->id);
    put(v->counted, var->id);
    put(v->assigned, var->id);
    return true;
}

static bool is_value_type(type *t) {
    if (!t)
        return false;
    if (t->kind == TYPE_ARRAY)
        return type_is_number(t->dtype) && t->ndim <= TYPE_MAX_NDIM;
    return type_is_number(t);
}

/* An array may be seen in a less special way: any layout, read-only, unaligned. A fresh one is made as it is wanted. */
static bool can_hold(type *to, type *from, bool fresh) {
    if (to->kind != TYPE_ARRAY || from->kind != TYPE_ARRAY)
        return to == from;
    if (to->dtype != from->dtype || to->ndim != from->ndim)
        return false;
    return fresh || ((to->layout == from->layout || to->layout == LAYOUT_A) && (to->readonly || !from->readonly) &&
                     (!to->aligned || from->aligned));
}

static bool check_holds(verifier *v, type *to, type *from, bool fresh) {
    return can_hold(to, from, fresh) ||
           wrong(v, "a value of type %s where %s is wanted", name_of(v, from), name_of(v, to));
}

/* ---- expressions -------------------------------------------------------------------------------------------------- */

static bool check_expr(verifier *v, const kir_expr *e);

static bool check_args(verifier *v, const kir_expr *e) {
    for (uint32_t i = 0; i < e->n_args; i++) {
        if (!check_expr(v, e->args[i]))
            return false;
    }
    return true;
}

static bool is_int64(verifier *v, type *t) {
    return t == type_int64(v->m->types);
}

static bool check_int64(verifier *v, const kir_expr *e, const char *what) {
    if (!check_expr(v, e))
        return false;
    return is_int64(v, e->ty) || wrong(v, "%s is of type %s, not int64", what, name_of(v, e->ty));
}

static bool check_int64_args(verifier *v, const kir_expr *e, uint32_t from, const char *what) {
    for (uint32_t i = from; i < e->n_args; i++) {
        if (!is_int64(v, e->args[i]->ty))
            return wrong(v, "%s is of type %s, not int64", what, name_of(v, e->args[i]->ty));
    }
    return true;
}

static bool check_count(verifier *v, uint32_t n, uint32_t wanted, const char *what) {
    return n == wanted || wrong(v, "%u %s where %u are wanted", n, what, wanted);
}

static type *elem(const kir_expr *e) {
    return kir_elem_type(e->ty);
}

static bool is_bool(const kir_expr *e) {
    return elem(e)->kind == TYPE_BOOL;
}

static bool check_same_elements(verifier *v, const kir_expr *a, const kir_expr *b) {
    return elem(a) == elem(b) || wrong(v, "operands of types %s and %s", name_of(v, elem(a)), name_of(v, elem(b)));
}

static bool check_const(verifier *v, const kir_expr *e) {
    if (e->ty->kind == TYPE_ARRAY)
        return wrong(v, "a constant of type %s", name_of(v, e->ty));
    if (e->ty->kind == TYPE_BOOL && e->value.i != 0 && e->value.i != 1)
        return wrong(v, "a bool constant that is neither 0 nor 1");
    unsigned unused = 64u - e->ty->bits;
    if (e->ty->kind == TYPE_INT && unused) {
        int64_t cut = (int64_t)((uint64_t)e->value.i << unused);
        int64_t fits = e->ty->is_signed ? cut >> unused : (int64_t)((uint64_t)cut >> unused);
        return fits == e->value.i || wrong(v, "a constant that does not fit %s", name_of(v, e->ty));
    }
    return true;
}

static bool suits_unary(kir_op op, type *t) {
    switch (op) {
    case KIR_OP_NOT:
        return t->kind == TYPE_BOOL;
    case KIR_OP_INVERT:
        return type_is_integer(t);
    case KIR_OP_ABS:
        return t->kind == TYPE_INT || t->kind == TYPE_FLOAT;
    case KIR_OP_CONJ:
        return t->kind == TYPE_COMPLEX;
    default:
        return t->kind != TYPE_BOOL;
    }
}

static bool suits_binary(kir_op op, type *t) {
    switch (op) {
    case KIR_OP_DIV:
        return t->kind == TYPE_FLOAT || t->kind == TYPE_COMPLEX;
    case KIR_OP_FLOORDIV:
    case KIR_OP_MOD:
    case KIR_OP_TRUNCDIV:
    case KIR_OP_TRUNCMOD:
        return t->kind == TYPE_INT || t->kind == TYPE_FLOAT;
    case KIR_OP_AND:
    case KIR_OP_OR:
    case KIR_OP_XOR:
        return type_is_integer(t);
    case KIR_OP_SHL:
    case KIR_OP_SHR:
        return t->kind == TYPE_INT;
    case KIR_OP_MIN:
    case KIR_OP_MAX:
    case KIR_OP_FMIN:
    case KIR_OP_FMAX:
    case KIR_OP_LT:
    case KIR_OP_LE:
    case KIR_OP_GT:
    case KIR_OP_GE:
        return t->kind != TYPE_COMPLEX;
    case KIR_OP_EQ:
    case KIR_OP_NE:
    case KIR_OP_NPMIN:
    case KIR_OP_NPMAX:
        return true;
    default:
        return t->kind != TYPE_BOOL;
    }
}

static bool check_operator(verifier *v, const kir_expr *e, kir_form form) {
    const kir_op_info *op = kir_op_facts(e->op);
    if (op->form != form)
        return wrong(v, "the operator '%s' does not belong in this kind of expression", op->name);
    return check_count(v, e->n_args, op->arity, "operands");
}

static bool check_unary(verifier *v, const kir_expr *e) {
    return check_operator(v, e, KIR_FORM_UNARY) &&
           (suits_unary(e->op, elem(e->args[0])) ||
            wrong(v, "'%s' of type %s", kir_op_name(e->op), name_of(v, elem(e->args[0]))));
}

static bool check_binary(verifier *v, const kir_expr *e) {
    return check_operator(v, e, KIR_FORM_BINARY) && check_same_elements(v, e->args[0], e->args[1]) &&
           (suits_binary(e->op, elem(e->args[0])) ||
            wrong(v, "'%s' of type %s", kir_op_name(e->op), name_of(v, elem(e->args[0]))));
}

static bool check_select(verifier *v, const kir_expr *e) {
    return check_count(v, e->n_args, 3, "operands") &&
           (is_bool(e->args[0]) || wrong(v, "the condition is not a bool")) &&
           check_same_elements(v, e->args[1], e->args[2]);
}

static bool check_cast(verifier *v, const kir_expr *e) {
    if (!check_count(v, e->n_args, 1, "operands"))
        return false;
    bool can = elem(e)->kind == TYPE_BOOL || type_can_convert(elem(e->args[0]), elem(e));
    return can || wrong(v, "%s cannot become %s", name_of(v, elem(e->args[0])), name_of(v, elem(e)));
}

static bool takes_integer(kir_op op, uint32_t operand) {
    return op == KIR_OP_GCD ||
           (operand == 1 && (op == KIR_OP_LDEXP || op == KIR_OP_ROUND_DIGITS || op == KIR_OP_NPROUND));
}

static bool check_math(verifier *v, const kir_expr *e) {
    if (!check_operator(v, e, KIR_FORM_MATH))
        return false;
    for (uint32_t i = 0; i < e->n_args; i++) {
        type *t = elem(e->args[i]);
        if (t->kind != (takes_integer(e->op, i) ? TYPE_INT : TYPE_FLOAT))
            return wrong(v, "'%s' of type %s", kir_op_name(e->op), name_of(v, t));
        if (t->kind == TYPE_FLOAT && t != elem(e->args[0]))
            return check_same_elements(v, e->args[0], e->args[i]);
    }
    return true;
}

static bool check_parts(verifier *v, const kir_expr *e) {
    bool joins = e->kind == KIR_COMPLEX;
    if (!check_count(v, e->n_args, joins ? 2 : 1, "operands"))
        return false;
    if (elem(e->args[0])->kind != (joins ? TYPE_FLOAT : TYPE_COMPLEX))
        return wrong(v, "an operand of type %s", name_of(v, elem(e->args[0])));
    return !joins || check_same_elements(v, e->args[0], e->args[1]);
}

static bool check_axis(verifier *v, const kir_expr *e) {
    if (!check_array(v, e->var))
        return false;
    return (e->axis >= 0 && (uint32_t)e->axis < e->var->ty->ndim) || wrong(v, "there is no axis %d", e->axis);
}

static bool check_wrap(verifier *v, const kir_expr *e) {
    if (!check_count(v, e->n_args, 2, "operands"))
        return false;
    for (uint32_t i = 0; i < 2; i++) {
        if (!is_int64(v, elem(e->args[i])))
            return wrong(v, "an index of type %s, not int64", name_of(v, elem(e->args[i])));
    }
    return true;
}

static bool check_sub(verifier *v, const kir_sub *s) {
    if (s->kind == KIR_SUB_NEWAXIS)
        return true;
    if (s->kind == KIR_SUB_INDEX)
        return check_int64(v, s->start, "an index");
    if (s->kind != KIR_SUB_RANGE)
        return wrong(v, "an invalid subscript");
    return check_int64(v, s->start, "a start") && check_int64(v, s->length, "a length") &&
           check_int64(v, s->step, "a step");
}

/* Subscripts of a view of `var`; *ndim is set to the rank of the view. */
static bool check_subs(verifier *v, const kir_var *var, const kir_sub *subs, uint32_t n, uint32_t *ndim) {
    uint32_t axes = 0;
    *ndim = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (!check_sub(v, &subs[i]))
            return false;
        axes += subs[i].kind != KIR_SUB_NEWAXIS;
        *ndim += subs[i].kind != KIR_SUB_INDEX;
    }
    return check_count(v, axes, var->ty->ndim, "subscripts");
}

static bool check_view(verifier *v, const kir_expr *e) {
    uint32_t ndim;
    return check_array(v, e->var) && check_subs(v, e->var, e->subs.at, e->subs.n, &ndim);
}

static bool check_transpose(verifier *v, const kir_expr *e) {
    uint64_t axes = 0;
    if (!check_array(v, e->var) || !check_count(v, e->axes.n, e->var->ty->ndim, "axes"))
        return false;
    for (uint32_t i = 0; i < e->axes.n; i++) {
        if (e->axes.at[i] >= e->axes.n || axes >> e->axes.at[i] & 1)
            return wrong(v, "the axes are not a permutation");
        axes |= (uint64_t)1 << e->axes.at[i];
    }
    return true;
}

static bool check_reinterpret(verifier *v, const kir_expr *e) {
    if (!check_array(v, e->var) || !check_operator(v, &(kir_expr){.op = e->op, .n_args = 1}, KIR_FORM_PART))
        return false;
    if (e->ty->kind != TYPE_ARRAY || e->ty->ndim != e->var->ty->ndim)
        return wrong(v, "an array of %u dimensions is wanted", e->var->ty->ndim);
    type *from = e->var->ty->dtype, *to = e->ty->dtype;
    bool part = e->op == KIR_OP_REAL || e->op == KIR_OP_IMAG;
    bool suits = !part || (from->kind == TYPE_COMPLEX && to->kind == TYPE_FLOAT && from->bits == 2u * to->bits);
    return suits || wrong(v, "%s has no part of type %s", name_of(v, from), name_of(v, to));
}

static bool check_alloc(verifier *v, const kir_expr *e) {
    if (e->ty->kind != TYPE_ARRAY)
        return wrong(v, "an allocation is of an array type");
    return check_count(v, e->n_args, e->ty->ndim, "dimensions") && check_int64_args(v, e, 0, "a dimension");
}

static bool check_broadcast(verifier *v, const kir_expr *e) {
    if (!e->n_args)
        return wrong(v, "an operand is missing");
    uint32_t ndim = e->args[0]->ty->kind == TYPE_ARRAY ? e->args[0]->ty->ndim : 0;
    if (ndim > e->n_args - 1)
        return wrong(v, "an array of %u dimensions does not broadcast to %u", ndim, e->n_args - 1);
    return check_int64_args(v, e, 1, "a dimension");
}

static bool check_index_expr(verifier *v, const kir_expr *e) {
    if (e->axis < 0 || (uint32_t)e->axis >= e->n_args)
        return wrong(v, "there is no axis %d", e->axis);
    return check_int64_args(v, e, 0, "a dimension");
}

static bool check_gather(verifier *v, const kir_expr *e) {
    if (!check_array(v, e->var) || !check_count(v, e->n_args, e->var->ty->ndim, "indices"))
        return false;
    for (uint32_t i = 0; i < e->n_args; i++) {
        if (elem(e->args[i])->kind != TYPE_INT)
            return wrong(v, "an index of type %s", name_of(v, elem(e->args[i])));
    }
    return true;
}

static bool check_reduce(verifier *v, const kir_expr *e) {
    const kir_op_info *op = kir_op_facts(e->op);
    if (op->form != KIR_FORM_REDUCE && !(op->flags & KIR_OP_REDUCES))
        return wrong(v, "'%s' does not reduce", op->name);
    if (!check_count(v, e->n_args, 1, "operands"))
        return false;
    if (e->args[0]->ty->kind != TYPE_ARRAY)
        return wrong(v, "a scalar cannot be reduced");
    return (e->axis >= -1 && e->axis < (int32_t)e->args[0]->ty->ndim) || wrong(v, "there is no axis %d", e->axis);
}

static bool check_load(verifier *v, const kir_expr *e) {
    return check_array(v, e->var) && check_count(v, e->n_args, e->var->ty->ndim, "indices") && check_args(v, e) &&
           check_int64_args(v, e, 0, "an index");
}

static bool check_kind(verifier *v, const kir_expr *e) {
    switch (e->kind) {
    case KIR_CONST:
        return check_const(v, e);
    case KIR_VAR:
        return check_read(v, e->var);
    case KIR_UNARY:
        return check_unary(v, e);
    case KIR_BINARY:
        return check_binary(v, e);
    case KIR_SELECT:
        return check_select(v, e);
    case KIR_CAST:
        return check_cast(v, e);
    case KIR_MATH:
        return check_math(v, e);
    case KIR_COMPLEX:
    case KIR_REAL:
    case KIR_IMAG:
        return check_parts(v, e);
    case KIR_LOAD:
        return wrong(v, "a load may only be the whole right side of an assignment to a scalar");
    case KIR_DIM:
    case KIR_STRIDE:
        return check_axis(v, e);
    case KIR_WRAP:
        return check_wrap(v, e);
    case KIR_BLOCK_INDEX:
        return v->fn->kind == KIR_FN_REGION || wrong(v, "block_index outside a region");
    case KIR_OVERLAP:
        return check_array(v, e->var) && ((e->n_args == 1 && e->args[0]->kind == KIR_VAR && kir_is_array(e->args[0])) ||
                                          wrong(v, "overlap wants two array variables"));
    case KIR_VIEW:
        return check_view(v, e);
    case KIR_TRANSPOSE:
        return check_transpose(v, e);
    case KIR_RESHAPE:
        return check_array(v, e->var) && check_int64_args(v, e, 0, "a dimension");
    case KIR_REINTERPRET:
        return check_reinterpret(v, e);
    case KIR_ALLOC:
        return wrong(v, "an allocation may only be the whole right side of an assignment");
    case KIR_GLOBAL:
        return e->global < v->m->globals.len || wrong(v, "there is no global %u", e->global);
    case KIR_BROADCAST:
        return check_broadcast(v, e);
    case KIR_INDEX:
        return check_index_expr(v, e);
    case KIR_GATHER:
        return check_gather(v, e);
    case KIR_REDUCE:
        return check_reduce(v, e);
    default:
        return wrong(v, "an invalid expression");
    }
}

/* Element type and rank follow from the operands; a layout may be known better than they tell. */
static bool check_type(verifier *v, const kir_expr *e) {
    if (!is_value_type(e->ty))
        return wrong(v, "an expression of type %s", e->ty ? name_of(v, e->ty) : "NULL");
    type *natural = kir_natural_type(v->m, e);
    if (!natural || natural == e->ty)
        return true;
    bool ranks = e->ty->kind == natural->kind && e->ty->ndim == natural->ndim;
    bool exact = e->kind == KIR_VAR || e->kind == KIR_GLOBAL;
    return (ranks && !exact && elem(e) == kir_elem_type(natural)) ||
           wrong(v, "an expression of type %s that has %s by its operands", name_of(v, e->ty), name_of(v, natural));
}

static bool enter_expr(verifier *v, const kir_expr *e) {
    if (!e)
        return wrong(v, "an expression is missing");
    if (!e->ty)
        return wrong(v, "an expression without a type");
    return is_first_visit(v, e) || wrong(v, "an expression that stands in two places");
}

static bool check_expr(verifier *v, const kir_expr *e) {
    if (!enter_expr(v, e))
        return false;
    if (++v->depth > MAX_DEPTH)
        return wrong(v, "nested too deeply");
    bool ok = check_args(v, e) && check_kind(v, e) && check_type(v, e);
    v->depth--;
    return ok;
}

static bool check_list(verifier *v, kir_expr *const *list, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        if (!check_expr(v, list[i]))
            return false;
    }
    return true;
}

static bool check_bool(verifier *v, const kir_expr *e) {
    if (!check_expr(v, e))
        return false;
    return e->ty->kind == TYPE_BOOL || wrong(v, "the condition is of type %s, not bool", name_of(v, e->ty));
}

/* ---- statements --------------------------------------------------------------------------------------------------- */

static bool shares_memory(const kir_expr *e) {
    return e->kind == KIR_VAR || e->kind == KIR_VIEW || e->kind == KIR_TRANSPOSE || e->kind == KIR_RESHAPE ||
           e->kind == KIR_REINTERPRET || e->kind == KIR_GLOBAL;
}

static bool check_assign(verifier *v, const kir_stmt *s) {
    const kir_expr *e = s->value;
    bool is_root_only = e && (e->kind == KIR_LOAD || e->kind == KIR_ALLOC);
    bool ok = !is_root_only ? check_expr(v, e)
                            : enter_expr(v, e) &&
                                  (e->kind == KIR_LOAD ? check_load(v, e) : check_args(v, e) && check_alloc(v, e)) &&
                                  check_type(v, e);
    bool fresh = ok && !shares_memory(e) && e->kind != KIR_ALLOC;
    return ok && check_assigned(v, s->var) && check_holds(v, s->var->ty, e->ty, fresh);
}

static bool check_target_array(verifier *v, const kir_stmt *s) {
    if (!check_array(v, s->var))
        return false;
    return !s->var->ty->readonly || wrong(v, "the array is read-only");
}

static bool check_element(verifier *v, const kir_stmt *s) {
    return elem(s->value) == s->var->ty->dtype ||
           wrong(v, "a value of type %s into %s", name_of(v, s->value->ty), name_of(v, s->var->ty));
}

static bool check_store(verifier *v, const kir_stmt *s) {
    if (!check_target_array(v, s) || !check_count(v, s->index.len, s->var->ty->ndim, "indices"))
        return false;
    for (uint32_t i = 0; i < s->index.len; i++) {
        if (!check_int64(v, s->index.at[i], "an index"))
            return false;
    }
    return check_expr(v, s->value) && check_element(v, s) &&
           (s->value->ty->kind != TYPE_ARRAY || wrong(v, "an array where a scalar is wanted"));
}

static bool check_copy(verifier *v, const kir_stmt *s) {
    uint32_t ndim;
    if (!check_target_array(v, s))
        return false;
    ndim = s->var->ty->ndim;
    if (s->subs.n && !check_subs(v, s->var, s->subs.at, s->subs.n, &ndim))
        return false;
    if (!check_expr(v, s->value) || !check_element(v, s))
        return false;
    if (s->value->ty->kind == TYPE_ARRAY && s->value->ty->ndim > ndim)
        return wrong(v, "%u dimensions do not fit into %u", s->value->ty->ndim, ndim);
    if (s->kind == KIR_COPY)
        return true;
    return check_expr(v, s->mask) && (is_bool(s->mask) || wrong(v, "the mask is not of bools"));
}

static bool check_scatter(verifier *v, const kir_stmt *s) {
    if (!check_target_array(v, s) || !check_count(v, s->index.len, s->var->ty->ndim, "indices"))
        return false;
    for (uint32_t i = 0; i < s->index.len; i++) {
        if (!check_expr(v, s->index.at[i]))
            return false;
        if (elem(s->index.at[i])->kind != TYPE_INT)
            return wrong(v, "an index of type %s", name_of(v, elem(s->index.at[i])));
    }
    return check_expr(v, s->value) && check_element(v, s);
}

static bool check_site(verifier *v, const kir_stmt *s) {
    if (!s->site || s->site >= v->m->sites.len)
        return wrong(v, "there is no site %u", s->site);
    const kir_site *site = &v->m->sites.at[s->site];
    if (!check_list(v, s->index.at, s->index.len) || !check_count(v, s->index.len, site->n_args, "arguments"))
        return false;
    for (uint32_t i = 0; i < s->index.len; i++) {
        if (s->index.at[i]->ty != site->arg_types[i])
            return check_holds(v, site->arg_types[i], s->index.at[i]->ty, false);
    }
    return true;
}

static bool is_in_module(const verifier *v, const kir_fn *f) {
    for (uint32_t i = 0; i < v->m->fns.len; i++) {
        if (v->m->fns.at[i] == f)
            return true;
    }
    return false;
}

static bool check_arguments(verifier *v, const kir_stmt *s) {
    if (!s->fn || !is_in_module(v, s->fn))
        return wrong(v, "the function is not in the module");
    if (!check_list(v, s->index.at, s->index.len) || !check_count(v, s->index.len, s->fn->params.len, "arguments"))
        return false;
    for (uint32_t i = 0; i < s->index.len; i++) {
        const kir_expr *e = s->index.at[i];
        if (!check_holds(v, s->fn->params.at[i]->ty, e->ty, !shares_memory(e)))
            return false;
    }
    return true;
}

static bool check_results(verifier *v, const kir_stmt *s) {
    for (uint32_t i = 0; i < s->results.len; i++) {
        if (!check_assigned(v, s->results.at[i]))
            return false;
    }
    return true;
}

static bool check_call(verifier *v, const kir_stmt *s) {
    if (!check_arguments(v, s) || !check_results(v, s))
        return false;
    if (s->fn->kind == KIR_FN_REGION)
        return wrong(v, "a region is not called");
    if (!check_count(v, s->results.len, s->fn->results.len, "results"))
        return false;
    for (uint32_t i = 0; i < s->results.len; i++) {
        if (!check_holds(v, s->results.at[i]->ty, s->fn->results.at[i], false))
            return false;
    }
    return true;
}

static bool check_region(verifier *v, const kir_stmt *s) {
    if (!check_arguments(v, s) || !check_int64(v, s->value, "the number of iterations"))
        return false;
    const kir_fn *f = s->fn;
    if (f->kind != KIR_FN_REGION)
        return wrong(v, "the function is not a region");
    if (s->work && !check_int64(v, s->work, "the work"))
        return false;
    if (!check_results(v, s) || !check_count(v, s->results.len, f->reductions.len + f->last.n, "results"))
        return false;
    for (uint32_t i = 0; i < s->results.len; i++) {
        const kir_var *partial = i < f->reductions.len ? f->reductions.at[i].var : f->last.value[i - f->reductions.len];
        if (!check_holds(v, s->results.at[i]->ty, partial->ty, false))
            return false;
    }
    return true;
}

static bool check_return(verifier *v, const kir_stmt *s) {
    const kir_fn *f = v->fn;
    if (!check_list(v, s->index.at, s->index.len) || !check_count(v, s->index.len, f->results.len, "results"))
        return false;
    for (uint32_t i = 0; i < s->index.len; i++) {
        const kir_expr *e = s->index.at[i];
        if (!check_holds(v, f->results.at[i], e->ty, !shares_memory(e)))
            return false;
    }
    return true;
}

/* ---- control flow --------------------------------------------------------------------------------------------------- */

static bool check_block(verifier *v, const kir_block *b);

static exit_set *enclosing(verifier *v, const kir_stmt *target) {
    for (uint32_t i = v->exits.len; i-- > 0;) {
        if (v->exits.at[i].target == target)
            return &v->exits.at[i];
    }
    return NULL;
}

static bool check_jump(verifier *v, const kir_stmt *s) {
    exit_set *e = s->target ? enclosing(v, s->target) : NULL;
    if (!e)
        return wrong(v, "the target does not enclose it");
    if (s->kind == KIR_CONTINUE && s->target->kind == KIR_BLOCK)
        return wrong(v, "a block cannot be continued");
    if (s->kind == KIR_BREAK)
        meet_set(v, e->assigned, v->assigned);
    v->assigned = full_set(v);
    return true;
}

/* The body of a loop or block; afterwards `assigned` is what holds where it is left by BREAK. */
static bool check_enclosed(verifier *v, const kir_stmt *s, uint64_t *at_exit) {
    exit_set e = {s, at_exit};
    vec_push(v->scratch, &v->exits, e);
    bool ok = check_block(v, &s->body);
    v->exits.len--;
    return ok;
}

static bool check_if(verifier *v, const kir_stmt *s) {
    if (!check_bool(v, s->value))
        return false;
    uint64_t *before = copy_set(v, v->assigned);
    if (!check_block(v, &s->body))
        return false;
    uint64_t *after_body = v->assigned;
    v->assigned = before;
    if (!check_block(v, &s->orelse))
        return false;
    meet_set(v, v->assigned, after_body);
    return true;
}

static bool check_loop_info(verifier *v, const kir_stmt *s) {
    const kir_loop_info *loop = s->loop;
    if (!loop)
        return wrong(v, "the loop has no facts");
    if (loop->id >= v->m->report.len && loop->id)
        return wrong(v, "there is no report entry %u", loop->id);
    for (uint32_t i = 0; i < loop->reductions.len; i++) {
        if (!check_owned(v, loop->reductions.at[i].var))
            return false;
    }
    for (uint32_t i = 0; i < loop->privates.len; i++) {
        if (!check_owned(v, loop->privates.at[i]))
            return false;
    }
    for (uint32_t i = 0; i < loop->last_privates.len; i++) {
        if (!check_owned(v, loop->last_privates.at[i]))
            return false;
    }
    return true;
}

static bool check_for(verifier *v, const kir_stmt *s) {
    int64_t step;
    if (!check_int64(v, s->lo, "the start") || !check_int64(v, s->hi, "the end") ||
        !check_int64(v, s->step, "the step"))
        return false;
    if (kir_is_const_int(s->step, &step) && step == 0)
        return wrong(v, "the step is 0");
    uint64_t *before = copy_set(v, v->assigned);
    if (!check_loop_info(v, s) || !check_assigned(v, s->var))
        return false;
    if (!is_int64(v, s->var->ty))
        return wrong(v, "the loop's variable is of type %s, not int64", name_of(v, s->var->ty));
    if (!check_enclosed(v, s, full_set(v)))
        return false;
    v->assigned = before;
    return true;
}

static bool check_loop(verifier *v, const kir_stmt *s) {
    uint64_t *at_exit = full_set(v);
    bool ok = check_enclosed(v, s, at_exit);
    v->assigned = at_exit;
    return ok;
}

static bool check_plain_block(verifier *v, const kir_stmt *s) {
    uint64_t *at_exit = full_set(v);
    if (!check_enclosed(v, s, at_exit))
        return false;
    meet_set(v, v->assigned, at_exit);
    return true;
}

static bool check_stmt_kind(verifier *v, const kir_stmt *s) {
    switch (s->kind) {
    case KIR_ASSIGN:
        return check_assign(v, s);
    case KIR_STORE:
        return check_store(v, s);
    case KIR_COPY:
    case KIR_MASKED_COPY:
        return check_copy(v, s);
    case KIR_SCATTER:
        return check_scatter(v, s);
    case KIR_IF:
        return check_if(v, s);
    case KIR_FOR:
        return check_for(v, s);
    case KIR_LOOP:
        return check_loop(v, s);
    case KIR_BLOCK:
        return check_plain_block(v, s);
    case KIR_BREAK:
    case KIR_CONTINUE:
        return check_jump(v, s);
    case KIR_RETURN:
        if (!check_return(v, s))
            return false;
        v->assigned = full_set(v);
        return true;
    case KIR_CHECK:
        return check_bool(v, s->value) && check_site(v, s);
    case KIR_RAISE:
        if (!check_site(v, s))
            return false;
        v->assigned = full_set(v);
        return true;
    case KIR_CALL:
        return check_call(v, s);
    case KIR_RUNTIME:
        if (!s->name)
            return wrong(v, "the name of the runtime function is missing");
        return check_list(v, s->index.at, s->index.len) && check_results(v, s);
    case KIR_REGION:
        return check_region(v, s);
    default:
        return wrong(v, "an invalid statement");
    }
}

static bool check_block(verifier *v, const kir_block *b) {
    for (uint32_t i = 0; i < b->len; i++) {
        kir_stmt *s = b->at[i];
        const kir_stmt *outer = v->stmt;
        if (!s)
            return wrong(v, "a statement is missing");
        v->stmt = s;
        if (!is_first_visit(v, s))
            return wrong(v, "a statement that stands in two places");
        if (++v->depth > MAX_DEPTH)
            return wrong(v, "nested too deeply");
        if (!check_stmt_kind(v, s))
            return false;
        v->depth--;
        v->stmt = outer;
    }
    return true;
}

/* ---- functions ------------------------------------------------------------------------------------------------------ */

static bool check_vars(verifier *v, const kir_fn *f) {
    v->vars = arena_array(v->scratch, kir_var *, f->next_var + 1u);
    for (uint32_t i = 0; i < f->vars.len; i++) {
        kir_var *var = f->vars.at[i];
        if (var->id >= f->next_var || v->vars[var->id])
            return wrong(v, "two variables have the number %u, or it is too large", var->id);
        if (!is_value_type(var->ty))
            return wrong(v, "the variable %%%u is of type %s", var->id, var->ty ? name_of(v, var->ty) : "NULL");
        v->vars[var->id] = var;
    }
    for (uint32_t i = 0; i < f->params.len; i++) {
        if (!check_owned(v, f->params.at[i]))
            return false;
        if (!f->params.at[i]->is_param)
            return wrong(v, "the parameter %%%u is not marked as one", f->params.at[i]->id);
    }
    return true;
}

static bool check_partials(verifier *v, const kir_fn *f) {
    for (uint32_t i = 0; i < f->reductions.len; i++) {
        if (!check_owned(v, f->reductions.at[i].var))
            return false;
    }
    for (uint32_t i = 0; i < f->last.n; i++) {
        if (!check_owned(v, f->last.value[i]) || !check_owned(v, f->last.was_set[i]))
            return false;
        if (f->last.was_set[i]->ty->kind != TYPE_BOOL)
            return wrong(v, "the mark of a last value is not a bool");
    }
    return true;
}

static bool check_region_fn(verifier *v, const kir_fn *f) {
    if (f->kind != KIR_FN_REGION)
        return !f->begin && !f->end && !f->reductions.len && !f->last.n
                   ? true
                   : wrong(v, "only a region has bounds and partials");
    if (!f->begin || !f->end || f->results.len)
        return wrong(v, "a region has bounds and no results");
    return check_owned(v, f->begin) && check_owned(v, f->end) &&
           ((is_int64(v, f->begin->ty) && is_int64(v, f->end->ty)) || wrong(v, "the bounds are not int64")) &&
           check_partials(v, f);
}

static bool check_signature(verifier *v, const kir_fn *f) {
    if (!f->name || f->kind == KIR_FN_INVALID)
        return wrong(v, "the function has no name or kind");
    for (uint32_t i = 0; i < f->results.len; i++) {
        if (!is_value_type(f->results.at[i]))
            return wrong(v, "a result of type %s", name_of(v, f->results.at[i]));
    }
    for (uint32_t i = 0; v->m->fns.at[i] != f; i++) {
        if (v->m->fns.at[i]->name == f->name)
            return wrong(v, "two functions have this name");
    }
    return true;
}

static void verify_fn(verifier *v, const kir_fn *f) {
    v->fn = f;
    v->stmt = NULL;
    v->exits.len = 0;
    v->words = f->next_var / 64 + 1;
    v->assigned = arena_array(v->scratch, uint64_t, v->words + 1);
    v->counted = arena_array(v->scratch, uint64_t, v->words + 1);
    if (check_signature(v, f) && check_vars(v, f) && check_region_fn(v, f))
        check_block(v, &f->body);
}

const char *kir_verify(kir_module *m) {
    jmp_buf exhausted;
    arena *scratch = arena_new(&exhausted);
    if (!scratch)
        return "out of memory";
    if (setjmp(exhausted)) {
        arena_free(scratch);
        return "out of memory";
    }
    verifier v = {.m = m, .scratch = scratch};
    if (!m->fns.len)
        wrong(&v, "the module has no function");
    else if (m->fns.at[0]->kind != KIR_FN_ENTRY)
        wrong(&v, "the first function is not an entry");
    for (uint32_t i = 0; i < m->fns.len && !v.message; i++)
        verify_fn(&v, m->fns.at[i]);
    arena_free(scratch);
    return v.message;
}
