/* Reads what print.c writes (its head describes the form). Nodes are built as written, nothing is folded, so that
 * print(parse(text)) is the text again. The first error ends the parse by a jump: all memory is the arena's. What is
 * checked here is what is needed to build the tree (names, arities, arrays where arrays are needed); the rest is
 * kir_verify's. Words and names are parse_token.c's. */
#include "kir/parse.h"
#include "kir/op.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { MAX_DEPTH = 2000, MAX_ARGS = 100000 };

/* ---- expressions ------------------------------------------------------------------------------------------------ */

typedef VEC(kir_expr *) expr_list;

static kir_expr *take_expr(kir_parser *p);

/* Expressions up to `close`, which is taken. `more`: one has been read before, so a comma comes first. */
static expr_list take_exprs(kir_parser *p, const char *close, bool more) {
    expr_list list = {0};
    while (!kir_take(p, close)) {
        if (more)
            kir_expect(p, ",");
        if (list.len > MAX_ARGS)
            kir_fail(p, "too many operands");
        vec_push(p->a, &list, take_expr(p));
        more = true;
    }
    return list;
}

static kir_expr *new_expr(kir_parser *p, kir_expr_kind kind) {
    return kir_expr_new(p->m, kind, NULL, 0, p->place);
}

static void set_args(kir_expr *e, expr_list list) {
    e->n_args = list.len;
    e->args = list.at;
}

static kir_expr *take_call(kir_parser *p, kir_expr_kind kind, kir_op op, uint32_t arity) {
    kir_expr *e = new_expr(p, kind);
    e->op = op;
    kir_expect(p, "(");
    set_args(e, take_exprs(p, ")", false));
    if (e->n_args != arity)
        kir_fail_at(p, p->at - 1, "%u operands are needed, not %u", arity, e->n_args);
    return e;
}

static kir_expr *const_of(kir_parser *p, type *ty) {
    kir_expr *e = new_expr(p, KIR_CONST);
    e->ty = ty;
    return e;
}

static kir_expr *take_number(kir_parser *p) {
    double x;
    if (kir_take_float(p, &x)) {
        kir_expr *e = const_of(p, type_float64(p->m->types));
        e->value.f = x;
        return e;
    }
    kir_expr *e = const_of(p, type_int64(p->m->types));
    const char *start = p->at;
    bool negative = kir_take(p, "-");
    uint64_t bits = kir_take_unsigned(p);
    bool too_large = negative ? bits > (uint64_t)INT64_MAX + 1 : bits > INT64_MAX && kir_peek(p) != ':';
    if (too_large)
        kir_fail_at(p, start, "the number is too large");
    e->value.i = (int64_t)(negative ? 0 - bits : bits);
    return e;
}

static double take_real(kir_parser *p) {
    double x;
    return kir_take_float(p, &x) ? x : (double)kir_take_integer(p);
}

static kir_expr *take_complex(kir_parser *p) {
    kir_expr *e = const_of(p, type_complex(p->m->types, 128));
    kir_expect(p, "{");
    e->value.c[0] = take_real(p);
    kir_expect(p, ",");
    e->value.c[1] = take_real(p);
    kir_expect(p, "}");
    return e;
}

static kir_sub take_sub(kir_parser *p) {
    if (kir_take_word(p, "new"))
        return (kir_sub){.kind = KIR_SUB_NEWAXIS};
    if (!kir_take(p, "["))
        return (kir_sub){.kind = KIR_SUB_INDEX, .start = take_expr(p)};
    kir_sub s = {.kind = KIR_SUB_RANGE};
    s.start = take_expr(p);
    kir_expect(p, ",");
    s.length = take_expr(p);
    kir_expect(p, ",");
    s.step = take_expr(p);
    kir_expect(p, "]");
    return s;
}

typedef VEC(kir_sub) sub_list;

static sub_list take_subs(kir_parser *p, bool more) {
    sub_list subs = {0};
    while (!kir_take(p, ")")) {
        if (more)
            kir_expect(p, ",");
        if (subs.len > 2 * TYPE_MAX_NDIM)
            kir_fail(p, "too many subscripts");
        vec_push(p->a, &subs, take_sub(p));
        more = true;
    }
    return subs;
}

static kir_expr *take_view(kir_parser *p) {
    kir_expr *e = new_expr(p, KIR_VIEW);
    kir_expect(p, "(");
    e->var = kir_take_array(p);
    sub_list subs = take_subs(p, true);
    e->subs.n = subs.len;
    e->subs.at = subs.at;
    return e;
}

static kir_expr *take_transpose(kir_parser *p) {
    kir_expr *e = new_expr(p, KIR_TRANSPOSE);
    VEC(uint32_t) axes = {0};
    kir_expect(p, "(");
    e->var = kir_take_array(p);
    while (!kir_take(p, ")")) {
        kir_expect(p, ",");
        if (axes.len >= TYPE_MAX_NDIM)
            kir_fail(p, "too many axes");
        vec_push(p->a, &axes, kir_take_index(p));
    }
    e->axes.n = axes.len;
    e->axes.at = axes.at;
    return e;
}

static int32_t take_axis(kir_parser *p) {
    int64_t axis = kir_take_integer(p);
    if (axis < -1 || axis >= TYPE_MAX_NDIM)
        kir_fail(p, "an axis is less than %d", TYPE_MAX_NDIM);
    return (int32_t)axis;
}

/* dim(%a, 0), stride(%a, 0) */
static kir_expr *take_array_fact(kir_parser *p, kir_expr_kind kind) {
    kir_expr *e = new_expr(p, kind);
    kir_expect(p, "(");
    e->var = kir_take_array(p);
    kir_expect(p, ",");
    e->axis = take_axis(p);
    kir_expect(p, ")");
    return e;
}

/* index(axis, n, …), reduce(op, axis, x) */
static kir_expr *take_with_axis(kir_parser *p, kir_expr_kind kind) {
    kir_expr *e = new_expr(p, kind);
    kir_expect(p, "(");
    if (kind == KIR_REDUCE) {
        kir_word w = kir_take_any_word(p);
        e->op = kir_op_find(w.at, w.len);
        if (!e->op)
            kir_fail(p, "unknown operator");
        kir_expect(p, ",");
    }
    e->axis = take_axis(p);
    set_args(e, take_exprs(p, ")", true));
    if (kind == KIR_REDUCE && e->n_args != 1)
        kir_fail(p, "1 operand is needed, not %u", e->n_args);
    return e;
}

/* reshape(%a, n, …), gather(%a, i, …) */
static kir_expr *take_with_array(kir_parser *p, kir_expr_kind kind) {
    kir_expr *e = new_expr(p, kind);
    kir_expect(p, "(");
    e->var = kir_take_array(p);
    set_args(e, take_exprs(p, ")", true));
    return e;
}

static kir_expr *take_reinterpret(kir_parser *p) {
    kir_expr *e = new_expr(p, KIR_REINTERPRET);
    kir_expect(p, "(");
    kir_word w = kir_take_any_word(p);
    e->op = kir_op_find(w.at, w.len);
    if (kir_op_facts(e->op)->form != KIR_FORM_PART)
        kir_fail(p, "expected real, imag or bits");
    kir_expect(p, ",");
    e->var = kir_take_array(p);
    kir_expect(p, ")");
    return e;
}

static kir_expr *take_global(kir_parser *p) {
    kir_expr *e = new_expr(p, KIR_GLOBAL);
    kir_expect(p, "(");
    e->global = kir_take_index(p);
    if (e->global >= p->m->globals.len)
        kir_fail(p, "there is no global %u", e->global);
    kir_expect(p, ")");
    return e;
}

static kir_expr *take_alloc(kir_parser *p, kir_op zeroed) {
    kir_expr *e = new_expr(p, KIR_ALLOC);
    e->op = zeroed;
    kir_expect(p, "(");
    set_args(e, take_exprs(p, ")", false));
    return e;
}

static kir_expr *take_broadcast(kir_parser *p) {
    kir_expr *e = new_expr(p, KIR_BROADCAST);
    kir_expect(p, "(");
    set_args(e, take_exprs(p, ")", false));
    if (!e->n_args)
        kir_fail(p, "expected an operand");
    return e;
}

static kir_expr *take_kind(kir_parser *p, kir_expr_kind kind) {
    switch (kind) {
    case KIR_SELECT:
        return take_call(p, kind, 0, 3);
    case KIR_COMPLEX:
    case KIR_WRAP:
        return take_call(p, kind, 0, 2);
    case KIR_REAL:
    case KIR_IMAG:
        return take_call(p, kind, 0, 1);
    case KIR_BLOCK_INDEX:
        return take_call(p, kind, 0, 0);
    case KIR_DIM:
    case KIR_STRIDE:
        return take_array_fact(p, kind);
    case KIR_VIEW:
        return take_view(p);
    case KIR_TRANSPOSE:
        return take_transpose(p);
    case KIR_RESHAPE:
    case KIR_GATHER:
    case KIR_OVERLAP:
        return take_with_array(p, kind);
    case KIR_REINTERPRET:
        return take_reinterpret(p);
    case KIR_ALLOC:
        return take_alloc(p, 0);
    case KIR_GLOBAL:
        return take_global(p);
    case KIR_BROADCAST:
        return take_broadcast(p);
    default: /* INDEX, REDUCE */
        return take_with_axis(p, kind);
    }
}

static kir_expr *take_operator(kir_parser *p, kir_word w) {
    static const kir_expr_kind kinds[] = {
        [KIR_FORM_UNARY] = KIR_UNARY, [KIR_FORM_BINARY] = KIR_BINARY, [KIR_FORM_MATH] = KIR_MATH};
    kir_op op = kir_op_find(w.at, w.len);
    const kir_op_info *info = kir_op_facts(op);
    bool is_call = info->form == KIR_FORM_UNARY || info->form == KIR_FORM_BINARY || info->form == KIR_FORM_MATH;
    if (!op || !is_call) {
        p->at = w.at;
        kir_fail(p, w.len ? "unknown word '%.*s'" : "expected an expression%.*s", (int)(w.len > 60 ? 60 : w.len), w.at);
    }
    return take_call(p, kinds[info->form], op, info->arity);
}

static kir_expr *take_worded(kir_parser *p) {
    kir_word w = kir_peek_word(p);
    type *dtype = kir_dtype_called(p, w);
    int kind = kir_find_word(w, kir_expr_words, KIR_EXPR_KIND_COUNT);
    p->at += w.len;
    if (kir_word_is(w, "true") || kir_word_is(w, "false")) {
        kir_expr *e = const_of(p, type_bool(p->m->types));
        e->value.i = w.at[0] == 't';
        return e;
    }
    if (dtype) {
        kir_expr *e = take_call(p, KIR_CAST, 0, 1);
        e->ty = dtype;
        return e;
    }
    if (kir_word_is(w, "zeros"))
        return take_alloc(p, 1);
    return kind > 0 ? take_kind(p, (kir_expr_kind)kind) : take_operator(p, w);
}

/* The infix operator that stands here: the longest. */
static kir_op take_infix(kir_parser *p) {
    kir_op found = KIR_OP_INVALID;
    size_t len = 0;
    kir_skip_space(p);
    for (kir_op op = 1; op < KIR_OP_COUNT; op++) {
        const char *s = kir_op_facts(op)->infix;
        size_t n = s ? strlen(s) : 0;
        if (n > len && (size_t)(p->end - p->at) >= n && !memcmp(p->at, s, n)) {
            found = op;
            len = n;
        }
    }
    if (!found)
        kir_fail(p, "expected an operator");
    p->at += len;
    return found;
}

static kir_expr *take_infix_expr(kir_parser *p) {
    kir_expr *e = new_expr(p, KIR_BINARY);
    expr_list args = {0};
    kir_expect(p, "(");
    vec_push(p->a, &args, take_expr(p));
    e->op = take_infix(p);
    vec_push(p->a, &args, take_expr(p));
    kir_expect(p, ")");
    set_args(e, args);
    return e;
}

static kir_expr *take_var_expr(kir_parser *p) {
    kir_var *v = kir_take_var(p);
    bool is_load = p->at < p->end && *p->at == '[';
    kir_expr *e = new_expr(p, is_load ? KIR_LOAD : KIR_VAR);
    e->var = v;
    if (!is_load)
        return e;
    if (v->ty->kind != TYPE_ARRAY)
        kir_fail_at(p, p->name_at, "the variable %%%u is not an array", v->id);
    p->at++;
    set_args(e, take_exprs(p, "]", false));
    return e;
}

static kir_expr *take_primary(kir_parser *p) {
    char c = kir_peek(p);
    kir_word w = kir_peek_word(p);
    if (c == '%')
        return take_var_expr(p);
    if (c == '(')
        return take_infix_expr(p);
    if (c == '{')
        return take_complex(p);
    if (c == '-' || isdigit((unsigned char)c) || kir_word_is(w, "inf") || kir_word_is(w, "nan"))
        return take_number(p);
    return take_worded(p);
}

/* "3:int32": the literal says whether it is an integer or a float, the type how wide. */
static void retype_const(kir_parser *p, kir_expr *e, type *ty) {
    bool fits = e->ty->kind == TYPE_INT ? type_is_integer(ty) : e->ty->kind == ty->kind;
    if (!fits)
        kir_fail(p, "the constant is not of this type");
    kir_expr *typed = ty->kind == TYPE_FLOAT     ? kir_const_float(p->m, ty, e->value.f, e->at)
                      : ty->kind == TYPE_COMPLEX ? kir_const_complex(p->m, ty, e->value.c[0], e->value.c[1], e->at)
                                                 : kir_const_int(p->m, ty, e->value.i, e->at);
    *e = *typed;
}

static void set_type(kir_parser *p, kir_expr *e, const char *start) {
    if (e->kind == KIR_CONST) {
        if (kir_take(p, ":"))
            retype_const(p, e, kir_take_type(p));
        return;
    }
    e->ty = kir_natural_type(p->m, e);
    if (kir_take(p, ":"))
        e->ty = kir_take_type(p);
    if (!e->ty)
        kir_fail_at(p, start, "a type must follow");
    if (e->ty->kind == TYPE_ARRAY && e->ty->ndim > TYPE_MAX_NDIM)
        kir_fail_at(p, start, "an array has at most %d dimensions", TYPE_MAX_NDIM);
}

static void enter(kir_parser *p) {
    if (++p->depth > MAX_DEPTH)
        kir_fail(p, "nested too deeply");
}

static kir_expr *take_expr(kir_parser *p) {
    enter(p);
    kir_skip_space(p);
    const char *start = p->at;
    kir_expr *e = take_primary(p);
    set_type(p, e, start);
    p->depth--;
    return e;
}

/* ---- statements ------------------------------------------------------------------------------------------------- */

static kir_block take_block(kir_parser *p);

static bool is_line_over(kir_parser *p) {
    kir_skip_blanks(p);
    return p->at == p->end || *p->at == '\n' || *p->at == '@' || *p->at == '#' || *p->at == '}';
}

static void place_expr(kir_expr **slot, void *s) {
    (*slot)->at = ((kir_stmt *)s)->at;
}
static void place_slot(kir_expr **slot, void *s) {
    kir_each_subexpr(slot, place_expr, s);
}

/* "@line:col", and the statement's expressions and new temporaries are there, too. */
static void place_stmt(kir_parser *p, kir_stmt *s) {
    if (kir_take(p, "@"))
        p->place = kir_take_place(p);
    s->at = p->place;
    kir_each_expr(s, place_slot, s);
    if (s->var && !s->var->at.line)
        s->var->at = s->at;
    for (uint32_t i = 0; i < s->results.len; i++) {
        if (!s->results.at[i]->at.line)
            s->results.at[i]->at = s->at;
    }
}

static void take_arguments(kir_parser *p, kir_stmt *s) {
    kir_expect(p, "(");
    expr_list list = take_exprs(p, ")", false);
    s->index.at = list.at;
    s->index.len = list.len;
    s->index.cap = list.cap;
}

static void take_index_and_value(kir_parser *p, kir_stmt *s) {
    expr_list list = take_exprs(p, "]", false);
    s->index.at = list.at;
    s->index.len = list.len;
    s->index.cap = list.cap;
    kir_expect(p, "=");
    s->value = take_expr(p);
}

static void take_site(kir_parser *p, kir_stmt *s) {
    s->site = kir_take_index(p);
    if (!is_line_over(p) && *p->at == '(')
        take_arguments(p, s);
}

static void take_copy(kir_parser *p, kir_stmt *s) {
    s->var = kir_take_array(p);
    if (kir_take(p, "(")) {
        sub_list subs = take_subs(p, false);
        s->subs.n = subs.len;
        s->subs.at = subs.at;
    }
    if (kir_take_word(p, "where")) {
        s->kind = KIR_MASKED_COPY;
        s->mask = take_expr(p);
    }
    kir_expect(p, "=");
    s->value = take_expr(p);
}

static void take_bodies(kir_parser *p, kir_stmt *s) {
    kir_expect(p, "{");
    place_stmt(p, s);
    s->body = take_block(p);
    if (kir_take_word(p, "else")) {
        kir_expect(p, "{");
        s->orelse = take_block(p);
    }
}

static void take_loop_facts(kir_parser *p, kir_stmt *s) {
    while (kir_peek(p) != '{') {
        if (kir_take_field(p, kir_loop_fields, s->loop) || kir_take_schedule(p, &s->loop->schedule))
            continue;
        kir_word w = kir_take_any_word(p);
        int kind = kir_find_word(w, kir_loop_words, KIR_WORDS), class = kir_find_word(w, kir_class_words, KIR_WORDS);
        if (kind < 0 && class < 0)
            kir_fail(p, "unknown word '%.*s' at a loop", (int)(w.len > 60 ? 60 : w.len), w.at);
        if (kind >= 0)
            s->loop->kind = (kir_loop_kind)kind;
        else
            s->loop->class = (kir_class) class;
    }
}

static kir_reduction take_reduction(kir_parser *p) {
    kir_word w = kir_take_any_word(p);
    kir_reduction r = {.op = kir_op_find(w.at, w.len)};
    if (!r.op)
        kir_fail(p, "unknown operator");
    r.var = kir_take_var(p);
    return r;
}

/* reductions(add %s.1) privates(%x.2) last_privates(%y.3), after the body. */
static void take_loop_variables(kir_parser *p, kir_loop_info *loop) {
    if (kir_take_word(p, "reductions")) {
        for (kir_expect(p, "("); !kir_take(p, ")"); kir_take(p, ","))
            vec_push(p->a, &loop->reductions, take_reduction(p));
    }
    if (kir_take_word(p, "privates")) {
        for (kir_expect(p, "("); !kir_take(p, ")"); kir_take(p, ","))
            vec_push(p->a, &loop->privates, kir_take_var(p));
    }
    if (kir_take_word(p, "last_privates")) {
        for (kir_expect(p, "("); !kir_take(p, ")"); kir_take(p, ","))
            vec_push(p->a, &loop->last_privates, kir_take_var(p));
    }
}

static void take_for(kir_parser *p, kir_stmt *s) {
    s->loop = arena_make(p->a, kir_loop_info);
    s->var = kir_take_assigned(p);
    if (!kir_take_word(p, "in"))
        kir_fail(p, "expected 'in'");
    kir_expect(p, "[");
    s->lo = take_expr(p);
    kir_expect(p, ",");
    s->hi = take_expr(p);
    kir_expect(p, ",");
    s->step = take_expr(p);
    kir_expect(p, ")");
    take_loop_facts(p, s);
    take_bodies(p, s);
    take_loop_variables(p, s->loop);
}

static void take_target(kir_parser *p, kir_stmt *s) {
    if (is_line_over(p))
        kir_fail(p, "expected the label of the loop or block");
    kir_word w = kir_take_any_word(p);
    for (uint32_t i = p->labels.len; i-- > 0;) {
        char name[16];
        snprintf(name, sizeof name, "L%u", p->labels.at[i].number);
        if (!kir_word_is(w, name))
            continue;
        s->target = p->labels.at[i].target;
        return;
    }
    kir_fail(p, "no loop or block with this label encloses");
}

static void take_region(kir_parser *p, kir_stmt *s) {
    s->fn = kir_fn_called(p, kir_take_fn_name(p), false);
    take_arguments(p, s);
    if (!kir_take_word(p, "over"))
        kir_fail(p, "expected 'over'");
    s->value = take_expr(p);
    if (kir_take_word(p, "work"))
        s->work = take_expr(p);
}

/* What may follow "results =", and stand alone. */
static bool take_effect(kir_parser *p, kir_stmt *s) {
    if (kir_take_word(p, "call")) {
        s->kind = KIR_CALL;
        s->fn = kir_fn_called(p, kir_take_fn_name(p), false);
        take_arguments(p, s);
    } else if (kir_take_word(p, "runtime")) {
        s->kind = KIR_RUNTIME;
        kir_word w = kir_take_any_word(p);
        s->name = arena_strndup(p->a, w.at, w.len);
        take_arguments(p, s);
    } else if (kir_take_word(p, "region")) {
        s->kind = KIR_REGION;
        take_region(p, s);
    } else {
        return false;
    }
    return true;
}

/* Statements that begin with a variable. */
static void take_assignment(kir_parser *p, kir_stmt *s) {
    kir_var *v = kir_take_assigned(p);
    if (kir_take(p, "[")) {
        if (v->ty->kind != TYPE_ARRAY)
            kir_fail_at(p, p->name_at, "the variable %%%u is not an array", v->id);
        s->kind = KIR_STORE;
        s->var = v;
        take_index_and_value(p, s);
        return;
    }
    vec_push(p->a, &s->results, v);
    while (kir_take(p, ","))
        vec_push(p->a, &s->results, kir_take_assigned(p));
    kir_expect(p, "=");
    if (take_effect(p, s))
        return;
    if (s->results.len > 1)
        kir_fail(p, "only a call has several results");
    memset(&s->results, 0, sizeof s->results);
    s->kind = KIR_ASSIGN;
    s->var = v;
    s->value = take_expr(p);
}

static void take_if(kir_parser *p, kir_stmt *s) {
    s->value = take_expr(p);
    take_bodies(p, s);
}

static void take_return(kir_parser *p, kir_stmt *s) {
    while (!is_line_over(p)) {
        vec_push(p->a, &s->index, take_expr(p));
        if (!kir_take(p, ","))
            return;
    }
}

static void take_check(kir_parser *p, kir_stmt *s) {
    s->value = take_expr(p);
    if (!kir_take_word(p, "raise"))
        kir_fail(p, "expected 'raise'");
    take_site(p, s);
}

static void take_scatter(kir_parser *p, kir_stmt *s) {
    s->var = kir_take_array(p);
    kir_expect(p, "[");
    take_index_and_value(p, s);
}

static const struct {
    const char *word;
    kir_stmt_kind kind;
    void (*take)(kir_parser *p, kir_stmt *s);
    bool has_body; /* then the place stood before the body */
} statements[] = {
    {"copy", KIR_COPY, take_copy, false},
    {"scatter", KIR_SCATTER, take_scatter, false},
    {"if", KIR_IF, take_if, true},
    {"for", KIR_FOR, take_for, true},
    {"loop", KIR_LOOP, take_bodies, true},
    {"block", KIR_BLOCK, take_bodies, true},
    {"break", KIR_BREAK, take_target, false},
    {"continue", KIR_CONTINUE, take_target, false},
    {"return", KIR_RETURN, take_return, false},
    {"check", KIR_CHECK, take_check, false},
    {"raise", KIR_RAISE, take_site, false},
};

static void take_worded_stmt(kir_parser *p, kir_stmt *s) {
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        if (!kir_take_word(p, statements[i].word))
            continue;
        s->kind = statements[i].kind;
        statements[i].take(p, s);
        if (!statements[i].has_body)
            place_stmt(p, s);
        return;
    }
    if (!take_effect(p, s))
        kir_fail(p, "expected a statement");
    place_stmt(p, s);
}

/* "L1:" before a statement. */
static bool take_label(kir_parser *p, uint32_t *number) {
    kir_word w = kir_peek_word(p);
    if (w.len < 2 || w.len > 10 || w.at[0] != 'L' || w.at + w.len >= p->end || w.at[w.len] != ':')
        return false;
    p->at++;
    *number = kir_take_index(p);
    kir_expect(p, ":");
    return true;
}

static kir_stmt *take_stmt(kir_parser *p) {
    kir_stmt *s = arena_make(p->a, kir_stmt);
    uint32_t number, labels = p->labels.len;
    enter(p);
    if (take_label(p, &number))
        vec_push(p->a, &p->labels, (kir_label){number, s});
    if (kir_peek(p) == '%') {
        take_assignment(p, s);
        place_stmt(p, s);
    } else {
        take_worded_stmt(p, s);
    }
    p->labels.len = labels;
    p->depth--;
    return s;
}

/* Up to and with the closing brace. */
static kir_block take_block(kir_parser *p) {
    kir_block b = {0};
    while (!kir_take(p, "}"))
        vec_push(p->a, &b, take_stmt(p));
    return b;
}

/* ---- functions -------------------------------------------------------------------------------------------------- */

static void take_params(kir_parser *p, kir_fn *f) {
    bool more = false;
    kir_expect(p, "(");
    while (!kir_take(p, ")")) {
        if (more)
            kir_expect(p, ",");
        kir_var *v = kir_declare_var(p, kir_take_var_name(p));
        v->is_param = true;
        vec_push(p->a, &f->params, v);
        more = true;
    }
    kir_expect(p, "->");
    kir_expect(p, "(");
    for (more = false; !kir_take(p, ")"); more = true) {
        if (more)
            kir_expect(p, ",");
        vec_push(p->a, &f->results, kir_take_type(p));
    }
}

static kir_var *take_bound(kir_parser *p) {
    kir_var *v = kir_declare_var(p, kir_take_var_name(p));
    v->is_param = true;
    return v;
}

static void take_fn_facts(kir_parser *p, kir_fn *f) {
    if (kir_take_word(p, "over")) {
        kir_expect(p, "(");
        f->begin = take_bound(p);
        kir_expect(p, ",");
        f->end = take_bound(p);
        kir_expect(p, ")");
    }
    while (kir_peek(p) != '{') {
        if (!kir_take_field(p, kir_fn_fields, f) && !kir_take_schedule(p, &f->schedule) &&
            !kir_take_sym_field(p, "user", &f->user_name))
            kir_fail(p, "expected '{'");
    }
}

static bool take_declaration(kir_parser *p) {
    bool is_temp = kir_word_is(kir_peek_word(p), "temp");
    if (!kir_take_word(p, "var") && !kir_take_word(p, "temp"))
        return false;
    kir_var *v = kir_declare_var(p, kir_take_var_name(p));
    v->is_temp = is_temp;
    if (kir_take(p, "@"))
        v->at = kir_take_place(p);
    return true;
}

static void take_partials(kir_parser *p, kir_fn *f) {
    VEC(kir_var *) value = {0}, was_set = {0};
    while (kir_take_word(p, "partial"))
        vec_push(p->a, &f->reductions, take_reduction(p));
    while (kir_take_word(p, "last")) {
        vec_push(p->a, &value, kir_take_var(p));
        if (!kir_take_word(p, "if"))
            kir_fail(p, "expected 'if'");
        vec_push(p->a, &was_set, kir_take_var(p));
    }
    f->last.n = value.len;
    f->last.value = value.at;
    f->last.was_set = was_set.at;
}

static void take_fn(kir_parser *p) {
    int kind = kir_find_word(kir_take_any_word(p), kir_fn_words, KIR_WORDS);
    if (kind < 0)
        kir_fail(p, "expected entry, callee or region");
    kir_fn *f = kir_fn_called(p, kir_take_fn_name(p), true);
    vec_push(p->a, &p->m->fns, f);
    f->kind = (kir_fn_kind)kind;
    p->fn = f;
    p->vars = NULL;
    p->vars_cap = 0;
    p->place = (span){0};
    take_params(p, f);
    take_fn_facts(p, f);
    kir_expect(p, "{");
    if (kir_take(p, "@"))
        p->place = kir_take_place(p);
    f->at = p->place;
    while (take_declaration(p)) {
    }
    take_partials(p, f);
    f->body = take_block(p);
}

/* ---- the module ------------------------------------------------------------------------------------------------- */

/* Another top-level word ends a line of fields. */
static bool is_item_over(kir_parser *p) {
    static const char *const heads[] = {"options", "site", "global", "report", "fn"};
    return kir_peek(p) == '\0' || kir_find_word(kir_peek_word(p), heads, 5) >= 0;
}

static void take_options(kir_parser *p) {
    kir_options *o = &p->m->options;
    int race;
    while (!is_item_over(p)) {
        if (kir_take_choice(p, "race", kir_race_words, &race))
            o->race = (__typeof__(o->race))race;
        else if (!kir_take_field(p, kir_option_fields, o) && !kir_take_schedule(p, &o->schedule))
            kir_fail(p, "unknown option");
    }
}

static void expect_number(kir_parser *p, uint32_t expected) {
    if (kir_take_index(p) != expected)
        kir_fail(p, "expected the number %u", expected);
}

static bool take_arg_types(kir_parser *p, kir_site *s) {
    if (!kir_take_word(p, "types"))
        return false;
    kir_expect(p, "=");
    kir_expect(p, "(");
    for (; !kir_take(p, ")"); kir_take(p, ",")) {
        if (s->n_args == 6)
            kir_fail(p, "a site has at most 6 arguments");
        s->arg_types[s->n_args++] = kir_take_type(p);
    }
    return true;
}

static void take_site_item(kir_parser *p) {
    kir_site s = {0};
    expect_number(p, p->m->sites.len);
    while (!is_item_over(p)) {
        bool known = kir_take_text_field(p, "exception", &s.exception) || kir_take_text_field(p, "key", &s.key) ||
                     kir_take_text_field(p, "message", &s.message) || kir_take_text_field(p, "args", &s.args_json) ||
                     kir_take_sym_field(p, "function", &s.function) || kir_take_at_field(p, &s.at) ||
                     take_arg_types(p, &s);
        if (!known)
            kir_fail(p, "unknown word at a site");
    }
    vec_push(p->a, &p->m->sites, s);
}

static void take_report_item(kir_parser *p) {
    kir_report r = {0};
    int kind = 0;
    expect_number(p, p->m->report.len);
    while (!is_item_over(p)) {
        if (kir_take_word(p, "parallel")) {
            r.decision = KIR_PARALLEL;
            continue;
        }
        bool known = kir_take_choice(p, "kind", kir_loop_words, &kind) ||
                     kir_take_sym_field(p, "function", &r.function) || kir_take_at_field(p, &r.at) ||
                     kir_take_field(p, kir_report_fields, &r) || kir_take_text_field(p, "reason", &r.reason) ||
                     kir_take_text_field(p, "text", &r.text) || kir_take_text_field(p, "hint", &r.hint) ||
                     kir_take_text_field(p, "reductions", &r.reductions) ||
                     kir_take_text_field(p, "private", &r.private) || kir_take_text_field(p, "guards", &r.guards) ||
                     kir_take_text_field(p, "schedule", &r.schedule) || kir_take_text_field(p, "tile", &r.tile);
        if (!known)
            kir_fail(p, "unknown word at a report entry");
    }
    r.kind = (kir_loop_kind)kind;
    vec_push(p->a, &p->m->report, r);
}

static void take_global_item(kir_parser *p) {
    kir_global g = {0};
    uint64_t elements = 1;
    expect_number(p, p->m->globals.len);
    kir_expect(p, ":");
    g.ty = kir_take_type(p);
    if (g.ty->kind != TYPE_ARRAY || !kir_take_word(p, "shape"))
        kir_fail(p, "expected an array type and its shape");
    kir_expect(p, "=");
    kir_expect(p, "(");
    for (uint32_t i = 0; i < g.ty->ndim; i++) {
        if (i)
            kir_expect(p, ",");
        g.shape[i] = kir_take_integer(p);
        if (g.shape[i] < 0 || __builtin_mul_overflow(elements, (uint64_t)g.shape[i], &elements))
            kir_fail(p, "bad shape");
    }
    kir_expect(p, ")");
    if (!kir_take_word(p, "data"))
        kir_fail(p, "expected 'data'");
    kir_expect(p, "=");
    text hex = kir_take_string(p);
    if (hex.len % 2 || hex.len / 2 / type_size(g.ty->dtype) != elements || hex.len / 2 % type_size(g.ty->dtype))
        kir_fail(p, "the data does not fill the shape");
    g.bytes = hex.len / 2;
    unsigned char *data = arena_alloc(p->a, g.bytes ? g.bytes : 1);
    for (size_t i = 0; i < hex.len; i++) {
        if (!isxdigit((unsigned char)hex.at[i]))
            kir_fail(p, "the data is not hexadecimal");
        int c = tolower((unsigned char)hex.at[i]);
        data[i / 2] = (unsigned char)(data[i / 2] << 4 | (c <= '9' ? c - '0' : c - 'a' + 10));
    }
    g.data = data;
    vec_push(p->a, &p->m->globals, g);
}

static void take_item(kir_parser *p) {
    if (kir_take_word(p, "options"))
        take_options(p);
    else if (kir_take_word(p, "site"))
        take_site_item(p);
    else if (kir_take_word(p, "global"))
        take_global_item(p);
    else if (kir_take_word(p, "report"))
        take_report_item(p);
    else if (kir_take_word(p, "fn"))
        take_fn(p);
    else
        kir_fail(p, "expected options, site, global, report or fn");
}

static void parse_module(kir_parser *p) {
    while (kir_peek(p))
        take_item(p);
    if (p->at < p->end)
        kir_fail(p, "unexpected byte");
    for (uint32_t i = 0; i < p->called.len; i++) {
        if (!p->defined.at[i])
            kir_fail(p, "the function @%s is not defined", p->called.at[i]->name->text);
    }
}

kir_module *kir_parse(arena *a, sym_table *syms, types *t, diags *d, const char *written, size_t len) {
    kir_parser *p = arena_make(a, kir_parser);
    p->a = a;
    p->d = d;
    p->m = kir_module_new(a, syms, t, d);
    p->start = p->at = arena_strndup(a, written, len);
    p->end = p->start + len;
    p->file = diag_add_source(d, "<kir>", p->start, len, 1, 0);
    for (uint32_t i = 0; i < TYPE_DTYPE_COUNT; i++)
        p->dtype_names[i] = type_name(t, type_nth_dtype(t, i));
    if (setjmp(p->failed))
        return NULL;
    parse_module(p);
    return p->m;
}
