/* Reads what print.c writes (its head describes the form). Nodes are built as written, nothing is folded, so that
 * print(parse(text)) is the text again. The first error ends the parse by a jump: all memory is the arena's. What is
 * checked here is what is needed to build the tree (names, arities, arrays where arrays are needed); the rest is
 * kir_verify's. */
#include "kir/kir.h"
#include "kir/op.h"
#include "kir/words.h"

#include <ctype.h>
#include <errno.h>
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 2000, MAX_VAR_ID = 1000000, MAX_ARGS = 100000 };

typedef struct label {
    uint32_t number;
    kir_stmt *target;
} label;

typedef struct parser {
    kir_module *m;
    arena *a;
    diags *d;
    uint32_t file;
    const char *start, *at, *end;
    const char *name_at; /* where the last variable's name began, for errors about it */
    uint32_t depth;
    jmp_buf failed;
    const char *dtype_names[TYPE_DTYPE_COUNT];
    span place; /* of the statement before */
    kir_fn *fn;
    kir_var **vars; /* of the function, by id */
    uint32_t vars_cap;
    VEC(label) labels;     /* that enclose */
    VEC(kir_fn *) called;  /* functions by name, defined or not yet */
    VEC(kir_fn *) defined; /* parallel to `called`: NULL until it is defined */
} parser;

/* ---- errors and tokens ------------------------------------------------------------------------------------------ */

static span place_of(const parser *p, const char *where) {
    uint32_t line = 1, col = 0;
    for (const char *c = p->start; c < where; c++) {
        line += *c == '\n';
        col = *c == '\n' ? 0 : col + 1;
    }
    return (span){.file = p->file, .line = line, .col = col, .end_line = line, .end_col = col + 1};
}

__attribute__((noreturn)) static void give_up(parser *p, const char *where, const char *format, va_list args) {
    char message[300];
    vsnprintf(message, sizeof message, format, args);
    diag_report(p->d, DIAG_SYNTAX, place_of(p, where), NULL, "%s", message);
    longjmp(p->failed, 1);
}

__attribute__((noreturn, format(printf, 2, 3))) static void fail(parser *p, const char *format, ...) {
    va_list args;
    va_start(args, format);
    give_up(p, p->at, format, args);
}

__attribute__((noreturn, format(printf, 3, 4))) static void fail_at(parser *p, const char *where, const char *format,
                                                                    ...) {
    va_list args;
    va_start(args, format);
    give_up(p, where, format, args);
}

static void skip_blanks(parser *p) {
    while (p->at < p->end && (*p->at == ' ' || *p->at == '\t' || *p->at == '\r'))
        p->at++;
}

static void skip_space(parser *p) {
    for (skip_blanks(p); p->at < p->end && (*p->at == '\n' || *p->at == '#'); skip_blanks(p)) {
        while (p->at < p->end && *p->at != '\n')
            p->at++;
        p->at += p->at < p->end;
    }
}

static char peek(parser *p) {
    skip_space(p);
    return p->at < p->end ? *p->at : '\0';
}

static bool take(parser *p, const char *token) {
    skip_space(p);
    size_t n = strlen(token);
    if ((size_t)(p->end - p->at) < n || memcmp(p->at, token, n) != 0)
        return false;
    p->at += n;
    return true;
}

static void expect(parser *p, const char *token) {
    if (!take(p, token))
        fail(p, "expected '%s'", token);
}

static bool is_name_char(char c) {
    return isalnum((unsigned char)c) || c == '_' || c == '.' || c == '$' || (unsigned char)c >= 0x80;
}

static size_t name_length(const parser *p, const char *s) {
    size_t n = 0;
    while (s + n < p->end && is_name_char(s[n]))
        n++;
    return n;
}

typedef struct word {
    const char *at;
    size_t len;
} word;

static bool word_is(word w, const char *s) {
    return strlen(s) == w.len && !memcmp(w.at, s, w.len);
}

static word peek_word(parser *p) {
    skip_space(p);
    return (word){p->at, name_length(p, p->at)};
}

static word take_any_word(parser *p) {
    word w = peek_word(p);
    if (!w.len)
        fail(p, "expected a word");
    p->at += w.len;
    return w;
}

static bool take_word(parser *p, const char *s) {
    word w = peek_word(p);
    if (!word_is(w, s))
        return false;
    p->at += w.len;
    return true;
}

static int find_word(word w, const char *const *words, int n) {
    for (int i = 0; i < n; i++) {
        if (words[i] && word_is(w, words[i]))
            return i;
    }
    return -1;
}

/* ---- numbers and strings ---------------------------------------------------------------------------------------- */

static uint64_t take_unsigned(parser *p) {
    skip_space(p);
    uint64_t x = 0;
    if (p->at == p->end || !isdigit((unsigned char)*p->at))
        fail(p, "expected a number");
    for (; p->at < p->end && isdigit((unsigned char)*p->at); p->at++) {
        uint64_t digit = (uint64_t)(*p->at - '0');
        if (x > (UINT64_MAX - digit) / 10)
            fail(p, "the number is too large");
        x = 10 * x + digit;
    }
    return x;
}

static uint32_t take_index(parser *p) {
    uint64_t x = take_unsigned(p);
    if (x > UINT32_MAX)
        fail(p, "the number is too large");
    return (uint32_t)x;
}

static int64_t take_integer(parser *p) {
    bool negative = take(p, "-");
    uint64_t x = take_unsigned(p);
    if (x > (uint64_t)INT64_MAX + negative)
        fail(p, "the number is too large");
    return (int64_t)(negative ? 0 - x : x);
}

/* strtod wants the decimal point of the process's locale. */
static double read_double(parser *p, const char *digits, size_t len) {
    const char *point = localeconv()->decimal_point;
    text copy = text_new(p->a);
    for (size_t i = 0; i < len; i++) {
        if (digits[i] == '.')
            text_put(&copy, point);
        else
            text_putn(&copy, &digits[i], 1);
    }
    return strtod(copy.at, NULL);
}

static size_t digits_at(const parser *p, const char *s) {
    size_t n = 0;
    while (s + n < p->end && isdigit((unsigned char)s[n]))
        n++;
    return n;
}

/* Length of a float literal without its sign, 0 when what stands there is an integer. */
static size_t float_length(const parser *p, const char *s) {
    const char *c = s + digits_at(p, s);
    bool is_float = false;
    if (c < p->end && *c == '.') {
        is_float = true;
        c++;
        c += digits_at(p, c);
    }
    if (c < p->end && (*c == 'e' || *c == 'E')) {
        const char *exponent = c + 1;
        exponent += exponent < p->end && (*exponent == '+' || *exponent == '-');
        size_t n = digits_at(p, exponent);
        is_float = is_float || n;
        c = n ? exponent + n : c;
    }
    return is_float ? (size_t)(c - s) : 0;
}

/* A float, sign included, if one stands here. */
static bool take_float(parser *p, double *x) {
    skip_space(p);
    const char *before = p->at;
    bool negative = take(p, "-");
    if (take_word(p, "inf") || take_word(p, "nan")) {
        *x = p->at[-1] == 'f' ? (negative ? -__builtin_inf() : __builtin_inf()) : __builtin_nan("");
        return true;
    }
    size_t n = p->at < p->end && isdigit((unsigned char)*p->at) ? float_length(p, p->at) : 0;
    if (!n) {
        p->at = before;
        return false;
    }
    *x = read_double(p, p->at, n) * (negative ? -1 : 1);
    p->at += n;
    return true;
}

static uint32_t take_hex(parser *p, int n) {
    uint32_t x = 0;
    for (int i = 0; i < n; i++, p->at++) {
        if (p->at == p->end || !isxdigit((unsigned char)*p->at))
            fail(p, "expected %d hexadecimal digits", n);
        char c = (char)tolower((unsigned char)*p->at);
        x = 16 * x + (uint32_t)(isdigit((unsigned char)c) ? c - '0' : c - 'a' + 10);
    }
    return x;
}

static void put_utf8(text *out, uint32_t c) {
    if (c < 0x80) {
        text_putn(out, (char[]){(char)c}, 1);
    } else if (c < 0x800) {
        text_putn(out, (char[]){(char)(0xc0 | c >> 6), (char)(0x80 | (c & 0x3f))}, 2);
    } else {
        text_putn(out, (char[]){(char)(0xe0 | c >> 12), (char)(0x80 | (c >> 6 & 0x3f)), (char)(0x80 | (c & 0x3f))}, 3);
    }
}

static void take_escape(parser *p, text *out) {
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    char c = p->at < p->end ? *p->at++ : '\0';
    const char *known = c ? strchr(from, c) : NULL;
    if (known)
        text_putn(out, &to[known - from], 1);
    else if (c == 'u')
        put_utf8(out, take_hex(p, 4));
    else
        fail(p, "unknown escape in a string");
}

static text take_string(parser *p) {
    text out = text_new(p->a);
    expect(p, "\"");
    while (p->at < p->end && *p->at != '"') {
        if (*p->at != '\\') {
            text_putn(&out, p->at++, 1);
            continue;
        }
        p->at++;
        take_escape(p, &out);
    }
    if (p->at == p->end)
        fail(p, "the string does not end");
    p->at++;
    return out;
}

/* file/line:col */
static span take_place(parser *p) {
    span s = {0};
    uint32_t first = take_index(p);
    if (take(p, "/")) {
        s.file = first;
        first = take_index(p);
    }
    s.line = first;
    expect(p, ":");
    s.col = take_index(p);
    s.end_line = s.line;
    s.end_col = s.line ? s.col + 1 : s.col;
    return s;
}

/* ---- types ------------------------------------------------------------------------------------------------------ */

static type *dtype_of(const parser *p, word w) {
    int i = find_word(w, p->dtype_names, TYPE_DTYPE_COUNT);
    return i < 0 ? NULL : type_nth_dtype(p->m->types, (uint32_t)i);
}

static type *take_dtype(parser *p) {
    type *t = dtype_of(p, peek_word(p));
    if (!t)
        fail(p, "expected a type");
    take_any_word(p);
    return t;
}

static type *take_array_type(parser *p, bool readonly, bool aligned) {
    expect(p, "(");
    type *dtype = take_dtype(p);
    expect(p, ",");
    uint32_t ndim = take_index(p);
    if (ndim > TYPE_MAX_NDIM)
        fail(p, "an array has at most %d dimensions", TYPE_MAX_NDIM);
    expect(p, "d");
    expect(p, ",");
    char layout = peek(p);
    if (layout != 'A' && layout != 'C' && layout != 'F')
        fail(p, "expected a layout: A, C or F");
    p->at++;
    expect(p, ")");
    return type_array(p->m->types, dtype, ndim, (type_layout)layout, readonly, aligned);
}

static type *take_type(parser *p) {
    bool aligned = !take_word(p, "unaligned");
    bool readonly = take_word(p, "readonly");
    if (take_word(p, "array"))
        return take_array_type(p, readonly, aligned);
    if (readonly || !aligned)
        fail(p, "expected 'array'");
    return take_dtype(p);
}

/* ---- names ------------------------------------------------------------------------------------------------------ */

typedef struct var_name {
    sym name;
    uint32_t id;
} var_name;

static uint32_t read_id(parser *p, const char *digits, size_t len) {
    uint32_t id = 0;
    if (!len)
        fail(p, "expected the number of a variable");
    for (size_t i = 0; i < len; i++) {
        if (!isdigit((unsigned char)digits[i]) || id > MAX_VAR_ID)
            fail(p, "a variable is written %%name.number or %%number");
        id = 10 * id + (uint32_t)(digits[i] - '0');
    }
    if (id > MAX_VAR_ID)
        fail(p, "the number of the variable is too large");
    return id;
}

/* %name.id, %"odd name".id, %id */
static var_name take_var_name(parser *p) {
    expect(p, "%");
    p->name_at = p->at - 1;
    sym_table *syms = p->m->syms;
    if (p->at < p->end && *p->at == '"') {
        text name = take_string(p);
        expect(p, ".");
        size_t n = digits_at(p, p->at);
        var_name v = {sym_intern(syms, name.at, name.len), read_id(p, p->at, n)};
        p->at += n;
        return v;
    }
    size_t n = name_length(p, p->at), dot = n;
    while (dot > 0 && p->at[dot - 1] != '.')
        dot--;
    var_name v = {.id = read_id(p, p->at + dot, n - dot)};
    if (dot)
        v.name = sym_intern(syms, p->at, dot - 1);
    p->at += n;
    return v;
}

static kir_var *find_var(const parser *p, uint32_t id) {
    return id < p->vars_cap ? p->vars[id] : NULL;
}

static kir_var *take_var_called(parser *p, var_name name) {
    kir_var *v = find_var(p, name.id);
    if (!v)
        fail_at(p, p->name_at, "the variable %%%u is not declared", name.id);
    if (v->name != name.name)
        fail_at(p, p->name_at, "the variable %%%u has another name", name.id);
    return v;
}

static kir_var *take_var(parser *p) {
    return take_var_called(p, take_var_name(p));
}

static kir_var *take_array(parser *p) {
    kir_var *v = take_var(p);
    if (v->ty->kind != TYPE_ARRAY)
        fail_at(p, p->name_at, "the variable %%%u is not an array", v->id);
    return v;
}

static void widen_vars(parser *p, uint32_t id) {
    uint32_t cap = p->vars_cap ? p->vars_cap : 64;
    while (cap <= id)
        cap *= 2;
    if (cap == p->vars_cap)
        return;
    kir_var **vars = arena_array(p->a, kir_var *, cap);
    if (p->vars_cap)
        memcpy(vars, p->vars, p->vars_cap * sizeof *vars);
    p->vars = vars;
    p->vars_cap = cap;
}

/* ": type [borrowed] [scratch]" after the name. */
static kir_var *declare_var(parser *p, var_name name) {
    if (find_var(p, name.id))
        fail_at(p, p->name_at, "the variable %%%u is declared twice", name.id);
    expect(p, ":");
    widen_vars(p, name.id);
    kir_var *v = arena_make(p->a, kir_var);
    v->id = name.id;
    v->name = name.name;
    v->ty = take_type(p);
    v->borrowed = take_word(p, "borrowed");
    v->scratch = take_word(p, "scratch");
    p->vars[v->id] = v;
    vec_push(p->a, &p->fn->vars, v);
    if (v->id >= p->fn->next_var)
        p->fn->next_var = v->id + 1;
    return v;
}

/* A variable that is assigned: one known already, or a temporary declared on the spot. */
static kir_var *take_assigned(parser *p) {
    var_name name = take_var_name(p);
    if (peek(p) != ':')
        return take_var_called(p, name);
    kir_var *v = declare_var(p, name);
    v->is_temp = true;
    return v;
}

static sym take_fn_name(parser *p) {
    expect(p, "@");
    if (p->at < p->end && *p->at == '"') {
        text name = take_string(p);
        return sym_intern(p->m->syms, name.at, name.len);
    }
    word w = take_any_word(p);
    return sym_intern(p->m->syms, w.at, w.len);
}

/* The function of this name; made when it is called before it is defined. */
static kir_fn *fn_called(parser *p, sym name, bool define) {
    uint32_t i = 0;
    while (i < p->called.len && p->called.at[i]->name != name)
        i++;
    if (i == p->called.len) {
        kir_fn *f = arena_make(p->a, kir_fn);
        f->name = f->user_name = name;
        vec_push(p->a, &p->called, f);
        vec_push(p->a, &p->defined, NULL);
    }
    if (define && p->defined.at[i])
        fail(p, "the function @%s is defined twice", name->text);
    if (define)
        p->defined.at[i] = p->called.at[i];
    return p->called.at[i];
}

/* ---- fields ----------------------------------------------------------------------------------------------------- */

/* "name" or "name=number", if the next word is one of `fields`. */
static bool take_field(parser *p, const kir_field *fields, void *object) {
    word w = peek_word(p);
    for (const kir_field *f = fields; f->name; f++) {
        if (!word_is(w, f->name))
            continue;
        take_any_word(p);
        if (f->kind != KIR_FIELD_FLAG)
            expect(p, "=");
        kir_field_set(f, object, f->kind == KIR_FIELD_FLAG ? 1 : take_integer(p));
        return true;
    }
    return false;
}

static bool take_choice(parser *p, const char *name, const char *const *words, int *choice) {
    if (!take_word(p, name))
        return false;
    expect(p, "=");
    *choice = find_word(take_any_word(p), words, KIR_WORDS);
    if (*choice < 0)
        fail(p, "unknown %s", name);
    return true;
}

static bool take_schedule(parser *p, int32_t *schedule) {
    int choice;
    if (!take_choice(p, "schedule", kir_schedule_words, &choice))
        return false;
    *schedule = choice;
    return true;
}

/* name="…" */
static bool take_text_field(parser *p, const char *name, const char **value) {
    word w = peek_word(p);
    if (!word_is(w, name) || w.at + w.len >= p->end || w.at[w.len] != '=')
        return false;
    take_any_word(p);
    expect(p, "=");
    *value = take_string(p).at;
    return true;
}

static bool take_sym_field(parser *p, const char *name, sym *value) {
    const char *s;
    if (!take_text_field(p, name, &s))
        return false;
    *value = sym_of(p->m->syms, s);
    return true;
}

static bool take_at_field(parser *p, span *at) {
    if (!take_word(p, "at"))
        return false;
    expect(p, "=");
    *at = take_place(p);
    return true;
}

/* ---- expressions ------------------------------------------------------------------------------------------------ */

typedef VEC(kir_expr *) expr_list;

static kir_expr *take_expr(parser *p);

/* Expressions up to `close`, which is taken. `more`: one has been read before, so a comma comes first. */
static expr_list take_exprs(parser *p, const char *close, bool more) {
    expr_list list = {0};
    while (!take(p, close)) {
        if (more)
            expect(p, ",");
        if (list.len > MAX_ARGS)
            fail(p, "too many operands");
        vec_push(p->a, &list, take_expr(p));
        more = true;
    }
    return list;
}

static kir_expr *new_expr(parser *p, kir_expr_kind kind) {
    return kir_expr_new(p->m, kind, NULL, 0, p->place);
}

static void set_args(kir_expr *e, expr_list list) {
    e->n_args = list.len;
    e->args = list.at;
}

static kir_expr *take_call(parser *p, kir_expr_kind kind, kir_op op, uint32_t arity) {
    kir_expr *e = new_expr(p, kind);
    e->op = op;
    expect(p, "(");
    set_args(e, take_exprs(p, ")", false));
    if (e->n_args != arity)
        fail_at(p, p->at - 1, "%u operands are needed, not %u", arity, e->n_args);
    return e;
}

static kir_expr *const_of(parser *p, type *ty) {
    kir_expr *e = new_expr(p, KIR_CONST);
    e->ty = ty;
    return e;
}

static kir_expr *take_number(parser *p) {
    double x;
    if (take_float(p, &x)) {
        kir_expr *e = const_of(p, type_float64(p->m->types));
        e->value.f = x;
        return e;
    }
    kir_expr *e = const_of(p, type_int64(p->m->types));
    const char *start = p->at;
    bool negative = take(p, "-");
    uint64_t bits = take_unsigned(p);
    bool too_large = negative ? bits > (uint64_t)INT64_MAX + 1 : bits > INT64_MAX && peek(p) != ':';
    if (too_large)
        fail_at(p, start, "the number is too large");
    e->value.i = (int64_t)(negative ? 0 - bits : bits);
    return e;
}

static double take_real(parser *p) {
    double x;
    return take_float(p, &x) ? x : (double)take_integer(p);
}

static kir_expr *take_complex(parser *p) {
    kir_expr *e = const_of(p, type_complex(p->m->types, 128));
    expect(p, "{");
    e->value.c[0] = take_real(p);
    expect(p, ",");
    e->value.c[1] = take_real(p);
    expect(p, "}");
    return e;
}

static kir_sub take_sub(parser *p) {
    if (take_word(p, "new"))
        return (kir_sub){.kind = KIR_SUB_NEWAXIS};
    if (!take(p, "["))
        return (kir_sub){.kind = KIR_SUB_INDEX, .start = take_expr(p)};
    kir_sub s = {.kind = KIR_SUB_RANGE};
    s.start = take_expr(p);
    expect(p, ",");
    s.length = take_expr(p);
    expect(p, ",");
    s.step = take_expr(p);
    expect(p, "]");
    return s;
}

typedef VEC(kir_sub) sub_list;

static sub_list take_subs(parser *p, bool more) {
    sub_list subs = {0};
    while (!take(p, ")")) {
        if (more)
            expect(p, ",");
        if (subs.len > 2 * TYPE_MAX_NDIM)
            fail(p, "too many subscripts");
        vec_push(p->a, &subs, take_sub(p));
        more = true;
    }
    return subs;
}

static kir_expr *take_view(parser *p) {
    kir_expr *e = new_expr(p, KIR_VIEW);
    expect(p, "(");
    e->var = take_array(p);
    sub_list subs = take_subs(p, true);
    e->subs.n = subs.len;
    e->subs.at = subs.at;
    return e;
}

static kir_expr *take_transpose(parser *p) {
    kir_expr *e = new_expr(p, KIR_TRANSPOSE);
    VEC(uint32_t) axes = {0};
    expect(p, "(");
    e->var = take_array(p);
    while (!take(p, ")")) {
        expect(p, ",");
        if (axes.len >= TYPE_MAX_NDIM)
            fail(p, "too many axes");
        vec_push(p->a, &axes, take_index(p));
    }
    e->axes.n = axes.len;
    e->axes.at = axes.at;
    return e;
}

static int32_t take_axis(parser *p) {
    int64_t axis = take_integer(p);
    if (axis < -1 || axis >= TYPE_MAX_NDIM)
        fail(p, "an axis is less than %d", TYPE_MAX_NDIM);
    return (int32_t)axis;
}

/* dim(%a, 0), stride(%a, 0) */
static kir_expr *take_array_fact(parser *p, kir_expr_kind kind) {
    kir_expr *e = new_expr(p, kind);
    expect(p, "(");
    e->var = take_array(p);
    expect(p, ",");
    e->axis = take_axis(p);
    expect(p, ")");
    return e;
}

/* index(axis, n, …), reduce(op, axis, x) */
static kir_expr *take_with_axis(parser *p, kir_expr_kind kind) {
    kir_expr *e = new_expr(p, kind);
    expect(p, "(");
    if (kind == KIR_REDUCE) {
        word w = take_any_word(p);
        e->op = kir_op_find(w.at, w.len);
        if (!e->op)
            fail(p, "unknown operator");
        expect(p, ",");
    }
    e->axis = take_axis(p);
    set_args(e, take_exprs(p, ")", true));
    if (kind == KIR_REDUCE && e->n_args != 1)
        fail(p, "1 operand is needed, not %u", e->n_args);
    return e;
}

/* reshape(%a, n, …), gather(%a, i, …) */
static kir_expr *take_with_array(parser *p, kir_expr_kind kind) {
    kir_expr *e = new_expr(p, kind);
    expect(p, "(");
    e->var = take_array(p);
    set_args(e, take_exprs(p, ")", true));
    return e;
}

static kir_expr *take_reinterpret(parser *p) {
    kir_expr *e = new_expr(p, KIR_REINTERPRET);
    expect(p, "(");
    word w = take_any_word(p);
    e->op = kir_op_find(w.at, w.len);
    if (kir_op_facts(e->op)->form != KIR_FORM_PART)
        fail(p, "expected real, imag or bits");
    expect(p, ",");
    e->var = take_array(p);
    expect(p, ")");
    return e;
}

static kir_expr *take_global(parser *p) {
    kir_expr *e = new_expr(p, KIR_GLOBAL);
    expect(p, "(");
    e->global = take_index(p);
    if (e->global >= p->m->globals.len)
        fail(p, "there is no global %u", e->global);
    expect(p, ")");
    return e;
}

static kir_expr *take_alloc(parser *p, kir_op zeroed) {
    kir_expr *e = new_expr(p, KIR_ALLOC);
    e->op = zeroed;
    expect(p, "(");
    set_args(e, take_exprs(p, ")", false));
    return e;
}

static kir_expr *take_broadcast(parser *p) {
    kir_expr *e = new_expr(p, KIR_BROADCAST);
    expect(p, "(");
    set_args(e, take_exprs(p, ")", false));
    if (!e->n_args)
        fail(p, "expected an operand");
    return e;
}

static kir_expr *take_kind(parser *p, kir_expr_kind kind) {
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

static kir_expr *take_operator(parser *p, word w) {
    static const kir_expr_kind kinds[] = {
        [KIR_FORM_UNARY] = KIR_UNARY, [KIR_FORM_BINARY] = KIR_BINARY, [KIR_FORM_MATH] = KIR_MATH};
    kir_op op = kir_op_find(w.at, w.len);
    const kir_op_info *info = kir_op_facts(op);
    bool is_call = info->form == KIR_FORM_UNARY || info->form == KIR_FORM_BINARY || info->form == KIR_FORM_MATH;
    if (!op || !is_call) {
        p->at = w.at;
        fail(p, w.len ? "unknown word '%.*s'" : "expected an expression%.*s", (int)(w.len > 60 ? 60 : w.len), w.at);
    }
    return take_call(p, kinds[info->form], op, info->arity);
}

static kir_expr *take_worded(parser *p) {
    word w = peek_word(p);
    type *dtype = dtype_of(p, w);
    int kind = find_word(w, kir_expr_words, KIR_EXPR_KIND_COUNT);
    p->at += w.len;
    if (word_is(w, "true") || word_is(w, "false")) {
        kir_expr *e = const_of(p, type_bool(p->m->types));
        e->value.i = w.at[0] == 't';
        return e;
    }
    if (dtype) {
        kir_expr *e = take_call(p, KIR_CAST, 0, 1);
        e->ty = dtype;
        return e;
    }
    if (word_is(w, "zeros"))
        return take_alloc(p, 1);
    return kind > 0 ? take_kind(p, (kir_expr_kind)kind) : take_operator(p, w);
}

/* The infix operator that stands here: the longest. */
static kir_op take_infix(parser *p) {
    kir_op found = KIR_OP_INVALID;
    size_t len = 0;
    skip_space(p);
    for (kir_op op = 1; op < KIR_OP_COUNT; op++) {
        const char *s = kir_op_facts(op)->infix;
        size_t n = s ? strlen(s) : 0;
        if (n > len && (size_t)(p->end - p->at) >= n && !memcmp(p->at, s, n)) {
            found = op;
            len = n;
        }
    }
    if (!found)
        fail(p, "expected an operator");
    p->at += len;
    return found;
}

static kir_expr *take_infix_expr(parser *p) {
    kir_expr *e = new_expr(p, KIR_BINARY);
    expr_list args = {0};
    expect(p, "(");
    vec_push(p->a, &args, take_expr(p));
    e->op = take_infix(p);
    vec_push(p->a, &args, take_expr(p));
    expect(p, ")");
    set_args(e, args);
    return e;
}

static kir_expr *take_var_expr(parser *p) {
    kir_var *v = take_var(p);
    bool is_load = p->at < p->end && *p->at == '[';
    kir_expr *e = new_expr(p, is_load ? KIR_LOAD : KIR_VAR);
    e->var = v;
    if (!is_load)
        return e;
    if (v->ty->kind != TYPE_ARRAY)
        fail_at(p, p->name_at, "the variable %%%u is not an array", v->id);
    p->at++;
    set_args(e, take_exprs(p, "]", false));
    return e;
}

static kir_expr *take_primary(parser *p) {
    char c = peek(p);
    word w = peek_word(p);
    if (c == '%')
        return take_var_expr(p);
    if (c == '(')
        return take_infix_expr(p);
    if (c == '{')
        return take_complex(p);
    if (c == '-' || isdigit((unsigned char)c) || word_is(w, "inf") || word_is(w, "nan"))
        return take_number(p);
    return take_worded(p);
}

/* "3:int32": the literal says whether it is an integer or a float, the type how wide. */
static void retype_const(parser *p, kir_expr *e, type *ty) {
    bool fits = e->ty->kind == TYPE_INT ? type_is_integer(ty) : e->ty->kind == ty->kind;
    if (!fits)
        fail(p, "the constant is not of this type");
    kir_expr *typed = ty->kind == TYPE_FLOAT     ? kir_const_float(p->m, ty, e->value.f, e->at)
                      : ty->kind == TYPE_COMPLEX ? kir_const_complex(p->m, ty, e->value.c[0], e->value.c[1], e->at)
                                                 : kir_const_int(p->m, ty, e->value.i, e->at);
    *e = *typed;
}

static void set_type(parser *p, kir_expr *e, const char *start) {
    if (e->kind == KIR_CONST) {
        if (take(p, ":"))
            retype_const(p, e, take_type(p));
        return;
    }
    e->ty = kir_natural_type(p->m, e);
    if (take(p, ":"))
        e->ty = take_type(p);
    if (!e->ty)
        fail_at(p, start, "a type must follow");
    if (e->ty->kind == TYPE_ARRAY && e->ty->ndim > TYPE_MAX_NDIM)
        fail_at(p, start, "an array has at most %d dimensions", TYPE_MAX_NDIM);
}

static void enter(parser *p) {
    if (++p->depth > MAX_DEPTH)
        fail(p, "nested too deeply");
}

static kir_expr *take_expr(parser *p) {
    enter(p);
    skip_space(p);
    const char *start = p->at;
    kir_expr *e = take_primary(p);
    set_type(p, e, start);
    p->depth--;
    return e;
}

/* ---- statements ------------------------------------------------------------------------------------------------- */

static kir_block take_block(parser *p);

static bool is_line_over(parser *p) {
    skip_blanks(p);
    return p->at == p->end || *p->at == '\n' || *p->at == '@' || *p->at == '#' || *p->at == '}';
}

static void place_expr(kir_expr **slot, void *s) {
    (*slot)->at = ((kir_stmt *)s)->at;
}
static void place_slot(kir_expr **slot, void *s) {
    kir_each_subexpr(slot, place_expr, s);
}

/* "@line:col", and the statement's expressions and new temporaries are there, too. */
static void place_stmt(parser *p, kir_stmt *s) {
    if (take(p, "@"))
        p->place = take_place(p);
    s->at = p->place;
    kir_each_expr(s, place_slot, s);
    if (s->var && !s->var->at.line)
        s->var->at = s->at;
    for (uint32_t i = 0; i < s->results.len; i++) {
        if (!s->results.at[i]->at.line)
            s->results.at[i]->at = s->at;
    }
}

static void take_arguments(parser *p, kir_stmt *s) {
    expect(p, "(");
    expr_list list = take_exprs(p, ")", false);
    s->index.at = list.at;
    s->index.len = list.len;
    s->index.cap = list.cap;
}

static void take_index_and_value(parser *p, kir_stmt *s) {
    expr_list list = take_exprs(p, "]", false);
    s->index.at = list.at;
    s->index.len = list.len;
    s->index.cap = list.cap;
    expect(p, "=");
    s->value = take_expr(p);
}

static void take_site(parser *p, kir_stmt *s) {
    s->site = take_index(p);
    if (!is_line_over(p) && *p->at == '(')
        take_arguments(p, s);
}

static void take_copy(parser *p, kir_stmt *s) {
    s->var = take_array(p);
    if (take(p, "(")) {
        sub_list subs = take_subs(p, false);
        s->subs.n = subs.len;
        s->subs.at = subs.at;
    }
    if (take_word(p, "where")) {
        s->kind = KIR_MASKED_COPY;
        s->mask = take_expr(p);
    }
    expect(p, "=");
    s->value = take_expr(p);
}

static void take_bodies(parser *p, kir_stmt *s) {
    expect(p, "{");
    place_stmt(p, s);
    s->body = take_block(p);
    if (take_word(p, "else")) {
        expect(p, "{");
        s->orelse = take_block(p);
    }
}

static void take_loop_facts(parser *p, kir_stmt *s) {
    while (peek(p) != '{') {
        if (take_field(p, kir_loop_fields, s->loop) || take_schedule(p, &s->loop->schedule))
            continue;
        word w = take_any_word(p);
        int kind = find_word(w, kir_loop_words, KIR_WORDS), class = find_word(w, kir_class_words, KIR_WORDS);
        if (kind < 0 && class < 0)
            fail(p, "unknown word '%.*s' at a loop", (int)(w.len > 60 ? 60 : w.len), w.at);
        if (kind >= 0)
            s->loop->kind = (kir_loop_kind)kind;
        else
            s->loop->class = (kir_class) class;
    }
}

static kir_reduction take_reduction(parser *p) {
    word w = take_any_word(p);
    kir_reduction r = {.op = kir_op_find(w.at, w.len)};
    if (!r.op)
        fail(p, "unknown operator");
    r.var = take_var(p);
    return r;
}

/* reductions(add %s.1) privates(%x.2) last_privates(%y.3), after the body. */
static void take_loop_variables(parser *p, kir_loop_info *loop) {
    if (take_word(p, "reductions")) {
        for (expect(p, "("); !take(p, ")"); take(p, ","))
            vec_push(p->a, &loop->reductions, take_reduction(p));
    }
    if (take_word(p, "privates")) {
        for (expect(p, "("); !take(p, ")"); take(p, ","))
            vec_push(p->a, &loop->privates, take_var(p));
    }
    if (take_word(p, "last_privates")) {
        for (expect(p, "("); !take(p, ")"); take(p, ","))
            vec_push(p->a, &loop->last_privates, take_var(p));
    }
}

static void take_for(parser *p, kir_stmt *s) {
    s->loop = arena_make(p->a, kir_loop_info);
    s->var = take_assigned(p);
    if (!take_word(p, "in"))
        fail(p, "expected 'in'");
    expect(p, "[");
    s->lo = take_expr(p);
    expect(p, ",");
    s->hi = take_expr(p);
    expect(p, ",");
    s->step = take_expr(p);
    expect(p, ")");
    take_loop_facts(p, s);
    take_bodies(p, s);
    take_loop_variables(p, s->loop);
}

static void take_target(parser *p, kir_stmt *s) {
    if (is_line_over(p))
        fail(p, "expected the label of the loop or block");
    word w = take_any_word(p);
    for (uint32_t i = p->labels.len; i-- > 0;) {
        char name[16];
        snprintf(name, sizeof name, "L%u", p->labels.at[i].number);
        if (!word_is(w, name))
            continue;
        s->target = p->labels.at[i].target;
        return;
    }
    fail(p, "no loop or block with this label encloses");
}

static void take_region(parser *p, kir_stmt *s) {
    s->fn = fn_called(p, take_fn_name(p), false);
    take_arguments(p, s);
    if (!take_word(p, "over"))
        fail(p, "expected 'over'");
    s->value = take_expr(p);
    if (take_word(p, "work"))
        s->work = take_expr(p);
}

/* What may follow "results =", and stand alone. */
static bool take_effect(parser *p, kir_stmt *s) {
    if (take_word(p, "call")) {
        s->kind = KIR_CALL;
        s->fn = fn_called(p, take_fn_name(p), false);
        take_arguments(p, s);
    } else if (take_word(p, "runtime")) {
        s->kind = KIR_RUNTIME;
        word w = take_any_word(p);
        s->name = arena_strndup(p->a, w.at, w.len);
        take_arguments(p, s);
    } else if (take_word(p, "region")) {
        s->kind = KIR_REGION;
        take_region(p, s);
    } else {
        return false;
    }
    return true;
}

/* Statements that begin with a variable. */
static void take_assignment(parser *p, kir_stmt *s) {
    kir_var *v = take_assigned(p);
    if (take(p, "[")) {
        if (v->ty->kind != TYPE_ARRAY)
            fail_at(p, p->name_at, "the variable %%%u is not an array", v->id);
        s->kind = KIR_STORE;
        s->var = v;
        take_index_and_value(p, s);
        return;
    }
    vec_push(p->a, &s->results, v);
    while (take(p, ","))
        vec_push(p->a, &s->results, take_assigned(p));
    expect(p, "=");
    if (take_effect(p, s))
        return;
    if (s->results.len > 1)
        fail(p, "only a call has several results");
    memset(&s->results, 0, sizeof s->results);
    s->kind = KIR_ASSIGN;
    s->var = v;
    s->value = take_expr(p);
}

static void take_if(parser *p, kir_stmt *s) {
    s->value = take_expr(p);
    take_bodies(p, s);
}

static void take_return(parser *p, kir_stmt *s) {
    while (!is_line_over(p)) {
        vec_push(p->a, &s->index, take_expr(p));
        if (!take(p, ","))
            return;
    }
}

static void take_check(parser *p, kir_stmt *s) {
    s->value = take_expr(p);
    if (!take_word(p, "raise"))
        fail(p, "expected 'raise'");
    take_site(p, s);
}

static void take_scatter(parser *p, kir_stmt *s) {
    s->var = take_array(p);
    expect(p, "[");
    take_index_and_value(p, s);
}

static const struct {
    const char *word;
    kir_stmt_kind kind;
    void (*take)(parser *p, kir_stmt *s);
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

static void take_worded_stmt(parser *p, kir_stmt *s) {
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        if (!take_word(p, statements[i].word))
            continue;
        s->kind = statements[i].kind;
        statements[i].take(p, s);
        if (!statements[i].has_body)
            place_stmt(p, s);
        return;
    }
    if (!take_effect(p, s))
        fail(p, "expected a statement");
    place_stmt(p, s);
}

/* "L1:" before a statement. */
static bool take_label(parser *p, uint32_t *number) {
    word w = peek_word(p);
    if (w.len < 2 || w.len > 10 || w.at[0] != 'L' || w.at + w.len >= p->end || w.at[w.len] != ':')
        return false;
    p->at++;
    *number = take_index(p);
    expect(p, ":");
    return true;
}

static kir_stmt *take_stmt(parser *p) {
    kir_stmt *s = arena_make(p->a, kir_stmt);
    uint32_t number, labels = p->labels.len;
    enter(p);
    if (take_label(p, &number))
        vec_push(p->a, &p->labels, (label){number, s});
    if (peek(p) == '%') {
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
static kir_block take_block(parser *p) {
    kir_block b = {0};
    while (!take(p, "}"))
        vec_push(p->a, &b, take_stmt(p));
    return b;
}

/* ---- functions -------------------------------------------------------------------------------------------------- */

static void take_params(parser *p, kir_fn *f) {
    bool more = false;
    expect(p, "(");
    while (!take(p, ")")) {
        if (more)
            expect(p, ",");
        kir_var *v = declare_var(p, take_var_name(p));
        v->is_param = true;
        vec_push(p->a, &f->params, v);
        more = true;
    }
    expect(p, "->");
    expect(p, "(");
    for (more = false; !take(p, ")"); more = true) {
        if (more)
            expect(p, ",");
        vec_push(p->a, &f->results, take_type(p));
    }
}

static kir_var *take_bound(parser *p) {
    kir_var *v = declare_var(p, take_var_name(p));
    v->is_param = true;
    return v;
}

static void take_fn_facts(parser *p, kir_fn *f) {
    if (take_word(p, "over")) {
        expect(p, "(");
        f->begin = take_bound(p);
        expect(p, ",");
        f->end = take_bound(p);
        expect(p, ")");
    }
    while (peek(p) != '{') {
        if (!take_field(p, kir_fn_fields, f) && !take_schedule(p, &f->schedule) &&
            !take_sym_field(p, "user", &f->user_name))
            fail(p, "expected '{'");
    }
}

static bool take_declaration(parser *p) {
    bool is_temp = word_is(peek_word(p), "temp");
    if (!take_word(p, "var") && !take_word(p, "temp"))
        return false;
    kir_var *v = declare_var(p, take_var_name(p));
    v->is_temp = is_temp;
    if (take(p, "@"))
        v->at = take_place(p);
    return true;
}

static void take_partials(parser *p, kir_fn *f) {
    VEC(kir_var *) value = {0}, was_set = {0};
    while (take_word(p, "partial"))
        vec_push(p->a, &f->reductions, take_reduction(p));
    while (take_word(p, "last")) {
        vec_push(p->a, &value, take_var(p));
        if (!take_word(p, "if"))
            fail(p, "expected 'if'");
        vec_push(p->a, &was_set, take_var(p));
    }
    f->last.n = value.len;
    f->last.value = value.at;
    f->last.was_set = was_set.at;
}

static void take_fn(parser *p) {
    int kind = find_word(take_any_word(p), kir_fn_words, KIR_WORDS);
    if (kind < 0)
        fail(p, "expected entry, callee or region");
    kir_fn *f = fn_called(p, take_fn_name(p), true);
    vec_push(p->a, &p->m->fns, f);
    f->kind = (kir_fn_kind)kind;
    p->fn = f;
    p->vars = NULL;
    p->vars_cap = 0;
    p->place = (span){0};
    take_params(p, f);
    take_fn_facts(p, f);
    expect(p, "{");
    if (take(p, "@"))
        p->place = take_place(p);
    f->at = p->place;
    while (take_declaration(p)) {
    }
    take_partials(p, f);
    f->body = take_block(p);
}

/* ---- the module ------------------------------------------------------------------------------------------------- */

/* Another top-level word ends a line of fields. */
static bool is_item_over(parser *p) {
    static const char *const heads[] = {"options", "site", "global", "report", "fn"};
    return peek(p) == '\0' || find_word(peek_word(p), heads, 5) >= 0;
}

static void take_options(parser *p) {
    kir_options *o = &p->m->options;
    int race;
    while (!is_item_over(p)) {
        if (take_choice(p, "race", kir_race_words, &race))
            o->race = (__typeof__(o->race))race;
        else if (!take_field(p, kir_option_fields, o) && !take_schedule(p, &o->schedule))
            fail(p, "unknown option");
    }
}

static void expect_number(parser *p, uint32_t expected) {
    if (take_index(p) != expected)
        fail(p, "expected the number %u", expected);
}

static bool take_arg_types(parser *p, kir_site *s) {
    if (!take_word(p, "types"))
        return false;
    expect(p, "=");
    expect(p, "(");
    for (; !take(p, ")"); take(p, ",")) {
        if (s->n_args == 6)
            fail(p, "a site has at most 6 arguments");
        s->arg_types[s->n_args++] = take_type(p);
    }
    return true;
}

static void take_site_item(parser *p) {
    kir_site s = {0};
    expect_number(p, p->m->sites.len);
    while (!is_item_over(p)) {
        bool known = take_text_field(p, "exception", &s.exception) || take_text_field(p, "key", &s.key) ||
                     take_text_field(p, "message", &s.message) || take_text_field(p, "args", &s.args_json) ||
                     take_sym_field(p, "function", &s.function) || take_at_field(p, &s.at) || take_arg_types(p, &s);
        if (!known)
            fail(p, "unknown word at a site");
    }
    vec_push(p->a, &p->m->sites, s);
}

static void take_report_item(parser *p) {
    kir_report r = {0};
    int kind = 0;
    expect_number(p, p->m->report.len);
    while (!is_item_over(p)) {
        if (take_word(p, "parallel")) {
            r.decision = KIR_PARALLEL;
            continue;
        }
        bool known = take_choice(p, "kind", kir_loop_words, &kind) || take_sym_field(p, "function", &r.function) ||
                     take_at_field(p, &r.at) || take_field(p, kir_report_fields, &r) ||
                     take_text_field(p, "reason", &r.reason) || take_text_field(p, "text", &r.text) ||
                     take_text_field(p, "hint", &r.hint) || take_text_field(p, "reductions", &r.reductions) ||
                     take_text_field(p, "private", &r.private) || take_text_field(p, "guards", &r.guards) ||
                     take_text_field(p, "schedule", &r.schedule) || take_text_field(p, "tile", &r.tile);
        if (!known)
            fail(p, "unknown word at a report entry");
    }
    r.kind = (kir_loop_kind)kind;
    vec_push(p->a, &p->m->report, r);
}

static void take_global_item(parser *p) {
    kir_global g = {0};
    uint64_t elements = 1;
    expect_number(p, p->m->globals.len);
    expect(p, ":");
    g.ty = take_type(p);
    if (g.ty->kind != TYPE_ARRAY || !take_word(p, "shape"))
        fail(p, "expected an array type and its shape");
    expect(p, "=");
    expect(p, "(");
    for (uint32_t i = 0; i < g.ty->ndim; i++) {
        if (i)
            expect(p, ",");
        g.shape[i] = take_integer(p);
        if (g.shape[i] < 0 || __builtin_mul_overflow(elements, (uint64_t)g.shape[i], &elements))
            fail(p, "bad shape");
    }
    expect(p, ")");
    if (!take_word(p, "data"))
        fail(p, "expected 'data'");
    expect(p, "=");
    text hex = take_string(p);
    if (hex.len % 2 || hex.len / 2 / type_size(g.ty->dtype) != elements || hex.len / 2 % type_size(g.ty->dtype))
        fail(p, "the data does not fill the shape");
    g.bytes = hex.len / 2;
    unsigned char *data = arena_alloc(p->a, g.bytes ? g.bytes : 1);
    for (size_t i = 0; i < hex.len; i++) {
        if (!isxdigit((unsigned char)hex.at[i]))
            fail(p, "the data is not hexadecimal");
        int c = tolower((unsigned char)hex.at[i]);
        data[i / 2] = (unsigned char)(data[i / 2] << 4 | (c <= '9' ? c - '0' : c - 'a' + 10));
    }
    g.data = data;
    vec_push(p->a, &p->m->globals, g);
}

static void take_item(parser *p) {
    if (take_word(p, "options"))
        take_options(p);
    else if (take_word(p, "site"))
        take_site_item(p);
    else if (take_word(p, "global"))
        take_global_item(p);
    else if (take_word(p, "report"))
        take_report_item(p);
    else if (take_word(p, "fn"))
        take_fn(p);
    else
        fail(p, "expected options, site, global, report or fn");
}

static void parse_module(parser *p) {
    while (peek(p))
        take_item(p);
    if (p->at < p->end)
        fail(p, "unexpected byte");
    for (uint32_t i = 0; i < p->called.len; i++) {
        if (!p->defined.at[i])
            fail(p, "the function @%s is not defined", p->called.at[i]->name->text);
    }
}

kir_module *kir_parse(arena *a, sym_table *syms, types *t, diags *d, const char *written, size_t len) {
    parser *p = arena_make(a, parser);
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
