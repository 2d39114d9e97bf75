/* KIR as text.
 *
 *   options parallel par_prange opt=3
 *   site 1 exception="IndexError" message="index %d is out of bounds" types=(int64) function="saxpy" at=4:8
 *   report 1 kind=range function="saxpy" at=3:4
 *
 *   fn entry @saxpy(%a.0: float64, %x.1: array(float64, 1d, C), %y.2: array(float64, 1d, C)) -> () @1:0 {
 *       var %i.3: int64
 *       for %i.3 in [0, dim(%x.1, 0), 1) range id=1 { @3:4
 *           check (%i.3 < dim(%y.2, 0)) raise 1(%i.3) @4:8
 *           %4: float64 = %x.1[%i.3]
 *           %5: float64 = %y.2[%i.3]
 *           %y.2[%i.3] = ((%a.0 * %4) + %5)
 *       }
 *       return @3:4
 *   }
 *
 * Variables are %name.id, or %id without a name; those assigned more than once are declared at the head of the
 * function, temporaries where they are assigned. "@line:col" is the place of a statement (of source file 0;
 * "@file/line:col" of another); one that is not written is that of the statement before. A type follows an expression
 * (":type") where the operands do not imply it; integers are int64 and floats float64 unless a type follows. A view's
 * subscripts are an index, [start, length, step], or `new`. Loops and blocks that are targets carry a label ("L1: loop
 * {"). '#' starts a comment.
 */
#include "kir/kir.h"
#include "kir/op.h"
#include "kir/words.h"

#include <ctype.h>
#include <string.h>

/* Where a variable is declared: unseen, in place (the first thing said about it is its only assignment), at the head.
 */
typedef enum decl { DECL_UNSEEN, DECL_INLINE, DECL_HEAD } decl;

typedef struct printer {
    kir_module *m;
    text *out;
    uint8_t *decls; /* by variable id */
    uint32_t n_decls;
    VEC(const kir_stmt *) labels; /* targets, numbered from 1 in the order of the text */
    VEC(const kir_stmt *) targets;
    span at;
    uint32_t indent;
} printer;

static void put_expr(printer *p, const kir_expr *e);
static void put_block(printer *p, const kir_block *b);

/* ---- names ------------------------------------------------------------------------------------------------------ */

static bool is_plain_name(sym s) {
    for (uint32_t i = 0; i < s->len; i++) {
        unsigned char c = (unsigned char)s->text[i];
        if (!isalnum(c) && c != '_' && c != '.' && c != '$' && c < 0x80)
            return false;
    }
    return true;
}

static void put_name(printer *p, sym s) {
    if (is_plain_name(s))
        text_putn(p->out, s->text, s->len);
    else
        text_put_json(p->out, s->text, s->len);
}

static void put_var(printer *p, const kir_var *v) {
    text_put(p->out, "%");
    if (!v) {
        text_put(p->out, "?");
        return;
    }
    if (v->name)
        put_name(p, v->name);
    text_printf(p->out, v->name ? ".%u" : "%u", v->id);
}

static void put_fn_name(printer *p, const kir_fn *f) {
    text_put(p->out, "@");
    if (f && f->name)
        put_name(p, f->name);
}

static void put_string(printer *p, const char *s) {
    text_put_json(p->out, s, strlen(s));
}

static void put_declaration(printer *p, const kir_var *v) {
    put_var(p, v);
    text_put(p->out, ": ");
    type_print(v->ty, p->out);
    text_put(p->out, v->borrowed ? " borrowed" : "");
    text_put(p->out, v->scratch ? " scratch" : "");
}

static void put_place(printer *p, span at) {
    if (at.file)
        text_printf(p->out, "%u/", at.file);
    text_printf(p->out, "%u:%u", at.line, at.col);
}

static void put_fields(printer *p, const kir_field *fields, const void *object) {
    for (const kir_field *f = fields; f->name; f++) {
        int64_t x = kir_field_get(f, object);
        if (x == f->absent)
            continue;
        text_printf(p->out, " %s", f->name);
        if (f->kind != KIR_FIELD_FLAG)
            text_printf(p->out, "=%lld", (long long)x);
    }
}

/* ---- expressions ------------------------------------------------------------------------------------------------ */

static void put_const(printer *p, const kir_expr *e) {
    type *ty = e->ty;
    if (ty->kind == TYPE_BOOL) {
        text_put(p->out, e->value.i ? "true" : "false");
        return;
    }
    if (ty->kind == TYPE_COMPLEX) {
        text_put(p->out, "{");
        text_put_double(p->out, e->value.c[0]);
        text_put(p->out, ", ");
        text_put_double(p->out, e->value.c[1]);
        text_put(p->out, "}");
    } else if (ty->kind == TYPE_FLOAT) {
        text_put_double(p->out, e->value.f);
    } else if (ty->kind == TYPE_INT && !ty->is_signed) {
        text_printf(p->out, "%llu", (unsigned long long)e->value.i);
    } else {
        text_printf(p->out, "%lld", (long long)e->value.i);
    }
    bool implied = ty == type_int64(p->m->types) || ty == type_float64(p->m->types) ||
                   (ty->kind == TYPE_COMPLEX && ty->bits == 128);
    if (implied)
        return;
    text_put(p->out, ":");
    type_print(ty, p->out);
}

static void put_list(printer *p, kir_expr *const *args, uint32_t n, bool comma) {
    for (uint32_t i = 0; i < n; i++) {
        text_put(p->out, i || comma ? ", " : "");
        put_expr(p, args[i]);
    }
}

static void put_call(printer *p, const char *name, const kir_expr *e) {
    text_printf(p->out, "%s(", name);
    put_list(p, e->args, e->n_args, false);
    text_put(p->out, ")");
}

/* word(%var, args…) */
static void put_var_call(printer *p, const char *word, const kir_expr *e) {
    text_printf(p->out, "%s(", word);
    put_var(p, e->var);
    put_list(p, e->args, e->n_args, true);
    text_put(p->out, ")");
}

static void put_sub(printer *p, const kir_sub *s) {
    if (s->kind == KIR_SUB_NEWAXIS) {
        text_put(p->out, "new");
    } else if (s->kind == KIR_SUB_INDEX) {
        put_expr(p, s->start);
    } else {
        text_put(p->out, "[");
        put_expr(p, s->start);
        text_put(p->out, ", ");
        put_expr(p, s->length);
        text_put(p->out, ", ");
        put_expr(p, s->step);
        text_put(p->out, "]");
    }
}

static void put_subs(printer *p, const kir_sub *subs, uint32_t n, bool comma) {
    for (uint32_t i = 0; i < n; i++) {
        text_put(p->out, i || comma ? ", " : "");
        put_sub(p, &subs[i]);
    }
}

static void put_binary(printer *p, const kir_expr *e) {
    const kir_op_info *op = kir_op_facts(e->op);
    if (!op->infix || e->n_args != 2) {
        put_call(p, op->name, e);
        return;
    }
    text_put(p->out, "(");
    put_expr(p, e->args[0]);
    text_printf(p->out, " %s ", op->infix);
    put_expr(p, e->args[1]);
    text_put(p->out, ")");
}

static void put_axes(printer *p, const kir_expr *e) {
    text_put(p->out, "transpose(");
    put_var(p, e->var);
    for (uint32_t i = 0; i < e->axes.n; i++)
        text_printf(p->out, ", %u", e->axes.at[i]);
    text_put(p->out, ")");
}

static void put_body(printer *p, const kir_expr *e) {
    const char *word = kir_expr_words[e->kind];
    switch (e->kind) {
    case KIR_CONST:
        put_const(p, e);
        return;
    case KIR_VAR:
        put_var(p, e->var);
        return;
    case KIR_BINARY:
        put_binary(p, e);
        return;
    case KIR_UNARY:
    case KIR_MATH:
        put_call(p, kir_op_name(e->op), e);
        return;
    case KIR_CAST:
        type_print(kir_elem_type(e->ty), p->out);
        put_call(p, "", e);
        return;
    case KIR_LOAD:
        put_var(p, e->var);
        text_put(p->out, "[");
        put_list(p, e->args, e->n_args, false);
        text_put(p->out, "]");
        return;
    case KIR_DIM:
    case KIR_STRIDE:
        text_printf(p->out, "%s(", word);
        put_var(p, e->var);
        text_printf(p->out, ", %d)", e->axis);
        return;
    case KIR_VIEW:
        text_put(p->out, "view(");
        put_var(p, e->var);
        put_subs(p, e->subs.at, e->subs.n, true);
        text_put(p->out, ")");
        return;
    case KIR_TRANSPOSE:
        put_axes(p, e);
        return;
    case KIR_RESHAPE:
    case KIR_GATHER:
    case KIR_OVERLAP:
        put_var_call(p, word, e);
        return;
    case KIR_REINTERPRET:
        text_printf(p->out, "reinterpret(%s, ", kir_op_name(e->op));
        put_var(p, e->var);
        text_put(p->out, ")");
        return;
    case KIR_ALLOC:
        put_call(p, e->op ? "zeros" : "alloc", e);
        return;
    case KIR_GLOBAL:
        text_printf(p->out, "global(%u)", e->global);
        return;
    case KIR_INDEX:
        text_printf(p->out, "index(%d", e->axis);
        put_list(p, e->args, e->n_args, true);
        text_put(p->out, ")");
        return;
    case KIR_REDUCE:
        text_printf(p->out, "reduce(%s, %d", kir_op_name(e->op), e->axis);
        put_list(p, e->args, e->n_args, true);
        text_put(p->out, ")");
        return;
    default:
        put_call(p, word ? word : "invalid", e);
        return;
    }
}

static void put_expr(printer *p, const kir_expr *e) {
    if (!e) {
        text_put(p->out, "?");
        return;
    }
    put_body(p, e);
    if (e->kind == KIR_CONST || kir_natural_type(p->m, e) == e->ty)
        return;
    text_put(p->out, ":");
    type_print(e->ty, p->out);
}

/* ---- what is declared where, and which statements need a label --------------------------------------------------- */

static void note_use(printer *p, const kir_var *v) {
    if (v && v->id < p->n_decls && p->decls[v->id] == DECL_UNSEEN)
        p->decls[v->id] = DECL_HEAD;
}

static void note_assignment(printer *p, const kir_var *v) {
    if (!v || v->id >= p->n_decls)
        return;
    bool in_place = v->is_temp && !v->is_param && p->decls[v->id] == DECL_UNSEEN;
    p->decls[v->id] = in_place ? DECL_INLINE : DECL_HEAD;
}

static void note_expr(kir_expr **slot, void *p) {
    note_use(p, (*slot)->var);
}

static void note_slot(kir_expr **slot, void *p) {
    kir_each_subexpr(slot, note_expr, p);
}

static bool note_stmt(kir_stmt *s, void *p_) {
    printer *p = p_;
    kir_each_expr(s, note_slot, p);
    if (s->kind == KIR_ASSIGN || s->kind == KIR_FOR)
        note_assignment(p, s->var);
    else
        note_use(p, s->var);
    for (uint32_t i = 0; i < s->results.len; i++)
        note_assignment(p, s->results.at[i]);
    if (s->target)
        vec_push(p->out->a, &p->targets, s->target);
    return true;
}

/* Labels are numbered in the order in which their statements stand in the text. */
static bool note_label(kir_stmt *s, void *p_) {
    printer *p = p_;
    bool is_target = false;
    for (uint32_t i = 0; i < p->targets.len && !is_target; i++)
        is_target = p->targets.at[i] == s;
    if (is_target)
        vec_push(p->out->a, &p->labels, s);
    return true;
}

static uint32_t label_of(const printer *p, const kir_stmt *s) {
    for (uint32_t i = 0; i < p->labels.len; i++) {
        if (p->labels.at[i] == s)
            return i + 1;
    }
    return 0;
}

/* ---- statements ------------------------------------------------------------------------------------------------- */

static void put_indent(printer *p) {
    for (uint32_t i = 0; i < p->indent; i++)
        text_put(p->out, "    ");
}

static void end_line(printer *p, span at) {
    bool same = at.file == p->at.file && at.line == p->at.line && at.col == p->at.col;
    if (!same) {
        text_put(p->out, " @");
        put_place(p, at);
        p->at = at;
    }
    text_put(p->out, "\n");
}

static void put_assigned(printer *p, const kir_var *v) {
    if (v && v->id < p->n_decls && p->decls[v->id] == DECL_INLINE)
        put_declaration(p, v);
    else
        put_var(p, v);
}

static void put_results(printer *p, const kir_stmt *s) {
    for (uint32_t i = 0; i < s->results.len; i++) {
        text_put(p->out, i ? ", " : "");
        put_assigned(p, s->results.at[i]);
    }
    text_put(p->out, s->results.len ? " = " : "");
}

static void put_arguments(printer *p, const kir_stmt *s) {
    text_put(p->out, "(");
    put_list(p, s->index.at, s->index.len, false);
    text_put(p->out, ")");
}

static void put_site(printer *p, const kir_stmt *s) {
    text_printf(p->out, "raise %u", s->site);
    if (s->index.len)
        put_arguments(p, s);
}

static void put_indexed(printer *p, const kir_stmt *s) {
    put_var(p, s->var);
    text_put(p->out, "[");
    put_list(p, s->index.at, s->index.len, false);
    text_put(p->out, "] = ");
    put_expr(p, s->value);
}

static void put_copy(printer *p, const kir_stmt *s) {
    text_put(p->out, "copy ");
    put_var(p, s->var);
    if (s->subs.n) {
        text_put(p->out, "(");
        put_subs(p, s->subs.at, s->subs.n, false);
        text_put(p->out, ")");
    }
    if (s->kind == KIR_MASKED_COPY) {
        text_put(p->out, " where ");
        put_expr(p, s->mask);
    }
    text_put(p->out, " = ");
    put_expr(p, s->value);
}

static void put_for(printer *p, const kir_stmt *s) {
    text_put(p->out, "for ");
    put_assigned(p, s->var);
    text_put(p->out, " in [");
    put_expr(p, s->lo);
    text_put(p->out, ", ");
    put_expr(p, s->hi);
    text_put(p->out, ", ");
    put_expr(p, s->step);
    text_put(p->out, ")");
    if (!s->loop)
        return;
    text_printf(p->out, " %s", kir_loop_words[s->loop->kind]);
    if (s->loop->class)
        text_printf(p->out, " %s", kir_class_words[s->loop->class]);
    put_fields(p, kir_loop_fields, s->loop);
    if (s->loop->schedule)
        text_printf(p->out, " schedule=%s", kir_schedule_words[s->loop->schedule]);
}

static void put_vars(printer *p, const char *word, kir_var *const *vars, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        if (!i)
            text_printf(p->out, " %s(", word);
        put_var(p, vars[i]);
        text_put(p->out, i + 1 < n ? ", " : ")");
    }
}

static void put_reductions(printer *p, const kir_reduction *at, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        text_printf(p->out, "%s%s ", i ? ", " : " reductions(", kir_op_name(at[i].op));
        put_var(p, at[i].var);
        text_put(p->out, i + 1 < n ? "" : ")");
    }
}

/* The variables that analysis found follow the body, since they may be declared in it. */
static void put_loop_variables(printer *p, const kir_loop_info *loop) {
    put_reductions(p, loop->reductions.at, loop->reductions.len);
    put_vars(p, "privates", loop->privates.at, loop->privates.len);
    put_vars(p, "last_privates", loop->last_privates.at, loop->last_privates.len);
}

static void put_body_of(printer *p, const kir_stmt *s) {
    text_put(p->out, " {");
    end_line(p, s->at);
    p->indent++;
    put_block(p, &s->body);
    p->indent--;
    if (s->orelse.len) {
        put_indent(p);
        text_put(p->out, "} else {\n");
        p->indent++;
        put_block(p, &s->orelse);
        p->indent--;
    }
    put_indent(p);
    text_put(p->out, "}");
    if (s->kind == KIR_FOR && s->loop)
        put_loop_variables(p, s->loop);
    text_put(p->out, "\n");
}

static void put_region(printer *p, const kir_stmt *s) {
    put_results(p, s);
    text_put(p->out, "region ");
    put_fn_name(p, s->fn);
    put_arguments(p, s);
    text_put(p->out, " over ");
    put_expr(p, s->value);
    if (s->work) {
        text_put(p->out, " work ");
        put_expr(p, s->work);
    }
}

static void put_jump(printer *p, const char *word, const kir_stmt *s) {
    uint32_t label = label_of(p, s->target);
    text_put(p->out, word);
    if (label)
        text_printf(p->out, " L%u", label);
}

static void put_head(printer *p, const kir_stmt *s) {
    switch (s->kind) {
    case KIR_ASSIGN:
        put_assigned(p, s->var);
        text_put(p->out, " = ");
        put_expr(p, s->value);
        return;
    case KIR_STORE:
        put_indexed(p, s);
        return;
    case KIR_SCATTER:
        text_put(p->out, "scatter ");
        put_indexed(p, s);
        return;
    case KIR_COPY:
    case KIR_MASKED_COPY:
        put_copy(p, s);
        return;
    case KIR_IF:
        text_put(p->out, "if ");
        put_expr(p, s->value);
        return;
    case KIR_FOR:
        put_for(p, s);
        return;
    case KIR_LOOP:
        text_put(p->out, "loop");
        return;
    case KIR_BLOCK:
        text_put(p->out, "block");
        return;
    case KIR_BREAK:
        put_jump(p, "break", s);
        return;
    case KIR_CONTINUE:
        put_jump(p, "continue", s);
        return;
    case KIR_RETURN:
        text_put(p->out, s->index.len ? "return " : "return");
        put_list(p, s->index.at, s->index.len, false);
        return;
    case KIR_CHECK:
        text_put(p->out, "check ");
        put_expr(p, s->value);
        text_put(p->out, " ");
        put_site(p, s);
        return;
    case KIR_RAISE:
        put_site(p, s);
        return;
    case KIR_CALL:
        put_results(p, s);
        text_put(p->out, "call ");
        put_fn_name(p, s->fn);
        put_arguments(p, s);
        return;
    case KIR_RUNTIME:
        put_results(p, s);
        text_printf(p->out, "runtime %s", s->name ? s->name : "?");
        put_arguments(p, s);
        return;
    case KIR_REGION:
        put_region(p, s);
        return;
    default:
        text_put(p->out, "invalid");
        return;
    }
}

static bool has_body(const kir_stmt *s) {
    return s->kind == KIR_IF || s->kind == KIR_FOR || s->kind == KIR_LOOP || s->kind == KIR_BLOCK;
}

static void put_stmt(printer *p, const kir_stmt *s) {
    uint32_t label = label_of(p, s);
    put_indent(p);
    if (label)
        text_printf(p->out, "L%u: ", label);
    put_head(p, s);
    if (has_body(s))
        put_body_of(p, s);
    else
        end_line(p, s->at);
}

static void put_block(printer *p, const kir_block *b) {
    for (uint32_t i = 0; i < b->len; i++)
        put_stmt(p, b->at[i]);
}

/* ---- functions -------------------------------------------------------------------------------------------------- */

static void put_params(printer *p, const kir_fn *f) {
    text_put(p->out, "(");
    for (uint32_t i = 0; i < f->params.len; i++) {
        text_put(p->out, i ? ", " : "");
        put_declaration(p, f->params.at[i]);
    }
    text_put(p->out, ") -> (");
    for (uint32_t i = 0; i < f->results.len; i++) {
        text_put(p->out, i ? ", " : "");
        type_print(f->results.at[i], p->out);
    }
    text_put(p->out, ")");
}

static bool is_in_signature(const kir_fn *f, const kir_var *v) {
    for (uint32_t i = 0; i < f->params.len; i++) {
        if (f->params.at[i] == v)
            return true;
    }
    return v == f->begin || v == f->end;
}

static void put_declarations(printer *p, const kir_fn *f) {
    for (uint32_t i = 0; i < f->vars.len; i++) {
        const kir_var *v = f->vars.at[i];
        bool in_place = v->id < p->n_decls && p->decls[v->id] == DECL_INLINE;
        bool unused_temp = v->is_temp && v->id < p->n_decls && p->decls[v->id] == DECL_UNSEEN;
        if (in_place || unused_temp || is_in_signature(f, v))
            continue;
        text_put(p->out, v->is_temp ? "    temp " : "    var ");
        put_declaration(p, v);
        if (v->at.line) {
            text_put(p->out, " @");
            put_place(p, v->at);
        }
        text_put(p->out, "\n");
    }
}

static void put_region_facts(printer *p, const kir_fn *f) {
    if (f->begin && f->end) {
        text_put(p->out, " over(");
        put_declaration(p, f->begin);
        text_put(p->out, ", ");
        put_declaration(p, f->end);
        text_put(p->out, ")");
    }
    put_fields(p, kir_fn_fields, f);
    if (f->schedule)
        text_printf(p->out, " schedule=%s", kir_schedule_words[f->schedule]);
}

/* What the region hands back stands after the declarations of the variables it names. */
static void put_partials(printer *p, const kir_fn *f) {
    for (uint32_t i = 0; i < f->reductions.len; i++) {
        text_printf(p->out, "    partial %s ", kir_op_name(f->reductions.at[i].op));
        put_var(p, f->reductions.at[i].var);
        text_put(p->out, "\n");
    }
    for (uint32_t i = 0; i < f->last.n; i++) {
        text_put(p->out, "    last ");
        put_var(p, f->last.value[i]);
        text_put(p->out, " if ");
        put_var(p, f->last.was_set[i]);
        text_put(p->out, "\n");
    }
}

static void note_partials(printer *p, const kir_fn *f) {
    for (uint32_t i = 0; i < f->reductions.len; i++)
        note_use(p, f->reductions.at[i].var);
    for (uint32_t i = 0; i < f->last.n; i++) {
        note_use(p, f->last.value[i]);
        note_use(p, f->last.was_set[i]);
    }
}

static void prepare(printer *p, kir_block *b, uint32_t n_vars) {
    p->n_decls = n_vars;
    p->decls = arena_alloc(p->out->a, n_vars ? n_vars : 1);
    kir_each_stmt(b, note_stmt, p);
    if (p->targets.len)
        kir_each_stmt(b, note_label, p);
}

static printer printer_new(const kir_module *m, text *out) {
    return (printer){.m = (kir_module *)m, .out = out};
}

void kir_print_fn(const kir_module *m, const kir_fn *f, text *out) {
    printer p = printer_new(m, out);
    p.n_decls = f->next_var;
    p.decls = arena_alloc(out->a, f->next_var ? f->next_var : 1);
    note_partials(&p, f);
    kir_block body = f->body;
    kir_each_stmt(&body, note_stmt, &p);
    if (p.targets.len)
        kir_each_stmt(&body, note_label, &p);
    text_printf(out, "fn %s ", kir_fn_words[f->kind]);
    put_fn_name(&p, f);
    put_params(&p, f);
    put_region_facts(&p, f);
    if (f->user_name && f->user_name != f->name) {
        text_put(out, " user=");
        text_put_json(out, f->user_name->text, f->user_name->len);
    }
    text_put(out, " {");
    end_line(&p, f->at);
    put_declarations(&p, f);
    put_partials(&p, f);
    p.indent = 1;
    put_block(&p, &f->body);
    text_put(out, "}\n");
}

void kir_print_stmt(const kir_module *m, const kir_stmt *s, text *out) {
    printer p = printer_new(m, out);
    p.at = s->at;
    kir_stmt *one[1] = {(kir_stmt *)s};
    kir_block b = {.at = one, .len = 1, .cap = 1};
    prepare(&p, &b, 0);
    put_stmt(&p, s);
}

void kir_print_expr(const kir_module *m, const kir_expr *e, text *out) {
    printer p = printer_new(m, out);
    put_expr(&p, e);
}

/* ---- the module ------------------------------------------------------------------------------------------------- */

static void put_options(printer *p) {
    const kir_options *o = &p->m->options;
    size_t before = p->out->len;
    text_put(p->out, "options");
    put_fields(p, kir_option_fields, o);
    if (o->schedule)
        text_printf(p->out, " schedule=%s", kir_schedule_words[o->schedule]);
    if (o->race)
        text_printf(p->out, " race=%s", kir_race_words[o->race]);
    if (p->out->len == before + strlen("options")) {
        p->out->len = before;
        p->out->at[before] = '\0';
    } else {
        text_put(p->out, "\n");
    }
}

static void put_text_field(printer *p, const char *name, const char *value) {
    if (!value)
        return;
    text_printf(p->out, " %s=", name);
    put_string(p, value);
}

static void put_at_field(printer *p, span at) {
    if (!at.line)
        return;
    text_put(p->out, " at=");
    put_place(p, at);
}

static void put_sites(printer *p) {
    for (uint32_t i = 1; i < p->m->sites.len; i++) {
        const kir_site *s = &p->m->sites.at[i];
        text_printf(p->out, "site %u", i);
        put_text_field(p, "exception", s->exception);
        put_text_field(p, "key", s->key);
        put_text_field(p, "message", s->message);
        put_text_field(p, "args", s->args_json);
        for (uint32_t k = 0; k < s->n_args && k < 6; k++) {
            text_put(p->out, k ? ", " : " types=(");
            type_print(s->arg_types[k], p->out);
        }
        text_put(p->out, s->n_args ? ")" : "");
        put_text_field(p, "function", s->function ? s->function->text : NULL);
        put_at_field(p, s->at);
        text_put(p->out, "\n");
    }
}

static void put_globals(printer *p) {
    for (uint32_t i = 0; i < p->m->globals.len; i++) {
        const kir_global *g = &p->m->globals.at[i];
        text_printf(p->out, "global %u: ", i);
        type_print(g->ty, p->out);
        text_put(p->out, " shape=(");
        for (uint32_t k = 0; k < g->ty->ndim; k++)
            text_printf(p->out, "%s%lld", k ? ", " : "", (long long)g->shape[k]);
        text_put(p->out, ") data=\"");
        for (size_t k = 0; k < g->bytes; k++)
            text_printf(p->out, "%02x", ((const unsigned char *)g->data)[k]);
        text_put(p->out, "\"\n");
    }
}

static void put_report(printer *p) {
    for (uint32_t i = 1; i < p->m->report.len; i++) {
        const kir_report *r = &p->m->report.at[i];
        text_printf(p->out, "report %u kind=%s", i, kir_loop_words[r->kind]);
        text_put(p->out, r->decision == KIR_PARALLEL ? " parallel" : "");
        put_text_field(p, "function", r->function ? r->function->text : NULL);
        put_at_field(p, r->at);
        put_fields(p, kir_report_fields, r);
        put_text_field(p, "reason", r->reason);
        put_text_field(p, "text", r->text);
        put_text_field(p, "hint", r->hint);
        put_text_field(p, "reductions", r->reductions);
        put_text_field(p, "private", r->private);
        put_text_field(p, "guards", r->guards);
        put_text_field(p, "schedule", r->schedule);
        put_text_field(p, "tile", r->tile);
        text_put(p->out, "\n");
    }
}

void kir_print_module(const kir_module *m, text *out) {
    printer p = printer_new(m, out);
    size_t start = out->len;
    put_options(&p);
    put_sites(&p);
    put_globals(&p);
    put_report(&p);
    for (uint32_t i = 0; i < m->fns.len; i++) {
        if (out->len > start)
            text_put(out, "\n");
        kir_print_fn(m, m->fns.at[i], out);
    }
}
