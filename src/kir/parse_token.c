/* The words of KIR's text: spaces and comments, numbers, strings, types, variables and functions by name, and members
 * written name=value. Every function that takes something either has it or ends the parse with a message at the place
 * (kir_fail jumps); those that return bool leave what is not theirs where it stands.
 *
 * Numbers are read so that print and parse agree to the bit: floats by strtod in the process's own locale, nan and inf as
 * words. A variable is found by its number alone; its name is compared, since a text edited by hand in which they
 * disagree means one or the other, and nobody knows which. */
#include "kir/parse.h"

#include <ctype.h>
#include <errno.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_VAR_ID = 1000000 };

/* ---- errors and tokens ------------------------------------------------------------------------------------------ */

static span place_of(const kir_parser *p, const char *where) {
    uint32_t line = 1, col = 0;
    for (const char *c = p->start; c < where; c++) {
        line += *c == '\n';
        col = *c == '\n' ? 0 : col + 1;
    }
    return (span){.file = p->file, .line = line, .col = col, .end_line = line, .end_col = col + 1};
}

__attribute__((noreturn)) static void give_up(kir_parser *p, const char *where, const char *format, va_list args) {
    char message[300];
    vsnprintf(message, sizeof message, format, args);
    diag_report(p->d, DIAG_SYNTAX, place_of(p, where), NULL, "%s", message);
    longjmp(p->failed, 1);
}

void kir_fail(kir_parser *p, const char *format, ...) {
    va_list args;
    va_start(args, format);
    give_up(p, p->at, format, args);
}

void kir_fail_at(kir_parser *p, const char *where, const char *format, ...) {
    va_list args;
    va_start(args, format);
    give_up(p, where, format, args);
}

void kir_skip_blanks(kir_parser *p) {
    while (p->at < p->end && (*p->at == ' ' || *p->at == '\t' || *p->at == '\r'))
        p->at++;
}

void kir_skip_space(kir_parser *p) {
    for (kir_skip_blanks(p); p->at < p->end && (*p->at == '\n' || *p->at == '#'); kir_skip_blanks(p)) {
        while (p->at < p->end && *p->at != '\n')
            p->at++;
        p->at += p->at < p->end;
    }
}

char kir_peek(kir_parser *p) {
    kir_skip_space(p);
    return p->at < p->end ? *p->at : '\0';
}

bool kir_take(kir_parser *p, const char *token) {
    kir_skip_space(p);
    size_t n = strlen(token);
    if ((size_t)(p->end - p->at) < n || memcmp(p->at, token, n) != 0)
        return false;
    p->at += n;
    return true;
}

void kir_expect(kir_parser *p, const char *token) {
    if (!kir_take(p, token))
        kir_fail(p, "expected '%s'", token);
}

static bool is_name_char(char c) {
    return isalnum((unsigned char)c) || c == '_' || c == '.' || c == '$' || (unsigned char)c >= 0x80;
}

static size_t name_length(const kir_parser *p, const char *s) {
    size_t n = 0;
    while (s + n < p->end && is_name_char(s[n]))
        n++;
    return n;
}

bool kir_word_is(kir_word w, const char *s) {
    return strlen(s) == w.len && !memcmp(w.at, s, w.len);
}

kir_word kir_peek_word(kir_parser *p) {
    kir_skip_space(p);
    return (kir_word){p->at, name_length(p, p->at)};
}

kir_word kir_take_any_word(kir_parser *p) {
    kir_word w = kir_peek_word(p);
    if (!w.len)
        kir_fail(p, "expected a word");
    p->at += w.len;
    return w;
}

bool kir_take_word(kir_parser *p, const char *s) {
    kir_word w = kir_peek_word(p);
    if (!kir_word_is(w, s))
        return false;
    p->at += w.len;
    return true;
}

int kir_find_word(kir_word w, const char *const *words, int n) {
    for (int i = 0; i < n; i++) {
        if (words[i] && kir_word_is(w, words[i]))
            return i;
    }
    return -1;
}

/* ---- numbers and strings ---------------------------------------------------------------------------------------- */

uint64_t kir_take_unsigned(kir_parser *p) {
    kir_skip_space(p);
    uint64_t x = 0;
    if (p->at == p->end || !isdigit((unsigned char)*p->at))
        kir_fail(p, "expected a number");
    for (; p->at < p->end && isdigit((unsigned char)*p->at); p->at++) {
        uint64_t digit = (uint64_t)(*p->at - '0');
        if (x > (UINT64_MAX - digit) / 10)
            kir_fail(p, "the number is too large");
        x = 10 * x + digit;
    }
    return x;
}

uint32_t kir_take_index(kir_parser *p) {
    uint64_t x = kir_take_unsigned(p);
    if (x > UINT32_MAX)
        kir_fail(p, "the number is too large");
    return (uint32_t)x;
}

int64_t kir_take_integer(kir_parser *p) {
    bool negative = kir_take(p, "-");
    uint64_t x = kir_take_unsigned(p);
    if (x > (uint64_t)INT64_MAX + negative)
        kir_fail(p, "the number is too large");
    return (int64_t)(negative ? 0 - x : x);
}

/* strtod wants the decimal point of the process's locale. */
static double read_double(kir_parser *p, const char *digits, size_t len) {
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

static size_t digits_at(const kir_parser *p, const char *s) {
    size_t n = 0;
    while (s + n < p->end && isdigit((unsigned char)s[n]))
        n++;
    return n;
}

/* Length of a float literal without its sign, 0 when what stands there is an integer. */
static size_t float_length(const kir_parser *p, const char *s) {
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

bool kir_take_float(kir_parser *p, double *x) {
    kir_skip_space(p);
    const char *before = p->at;
    bool negative = kir_take(p, "-");
    if (kir_take_word(p, "inf") || kir_take_word(p, "nan")) {
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

static uint32_t take_hex(kir_parser *p, int n) {
    uint32_t x = 0;
    for (int i = 0; i < n; i++, p->at++) {
        if (p->at == p->end || !isxdigit((unsigned char)*p->at))
            kir_fail(p, "expected %d hexadecimal digits", n);
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

static void take_escape(kir_parser *p, text *out) {
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    char c = p->at < p->end ? *p->at++ : '\0';
    const char *known = c ? strchr(from, c) : NULL;
    if (known)
        text_putn(out, &to[known - from], 1);
    else if (c == 'u')
        put_utf8(out, take_hex(p, 4));
    else
        kir_fail(p, "unknown escape in a string");
}

text kir_take_string(kir_parser *p) {
    text out = text_new(p->a);
    kir_expect(p, "\"");
    while (p->at < p->end && *p->at != '"') {
        if (*p->at != '\\') {
            text_putn(&out, p->at++, 1);
            continue;
        }
        p->at++;
        take_escape(p, &out);
    }
    if (p->at == p->end)
        kir_fail(p, "the string does not end");
    p->at++;
    return out;
}

span kir_take_place(kir_parser *p) {
    span s = {0};
    uint32_t first = kir_take_index(p);
    if (kir_take(p, "/")) {
        s.file = first;
        first = kir_take_index(p);
    }
    s.line = first;
    kir_expect(p, ":");
    s.col = kir_take_index(p);
    s.end_line = s.line;
    s.end_col = s.line ? s.col + 1 : s.col;
    return s;
}

/* ---- types ------------------------------------------------------------------------------------------------------ */

type *kir_dtype_called(const kir_parser *p, kir_word w) {
    int i = kir_find_word(w, p->dtype_names, TYPE_DTYPE_COUNT);
    return i < 0 ? NULL : type_nth_dtype(p->m->types, (uint32_t)i);
}

static type *take_dtype(kir_parser *p) {
    type *t = kir_dtype_called(p, kir_peek_word(p));
    if (!t)
        kir_fail(p, "expected a type");
    kir_take_any_word(p);
    return t;
}

static type *take_array_type(kir_parser *p, bool readonly, bool aligned) {
    kir_expect(p, "(");
    type *dtype = take_dtype(p);
    kir_expect(p, ",");
    uint32_t ndim = kir_take_index(p);
    if (ndim > TYPE_MAX_NDIM)
        kir_fail(p, "an array has at most %d dimensions", TYPE_MAX_NDIM);
    kir_expect(p, "d");
    kir_expect(p, ",");
    char layout = kir_peek(p);
    if (layout != 'A' && layout != 'C' && layout != 'F')
        kir_fail(p, "expected a layout: A, C or F");
    p->at++;
    kir_expect(p, ")");
    return type_array(p->m->types, dtype, ndim, (type_layout)layout, readonly, aligned);
}

type *kir_take_type(kir_parser *p) {
    bool aligned = !kir_take_word(p, "unaligned");
    bool readonly = kir_take_word(p, "readonly");
    if (kir_take_word(p, "array"))
        return take_array_type(p, readonly, aligned);
    if (readonly || !aligned)
        kir_fail(p, "expected 'array'");
    return take_dtype(p);
}

/* ---- names ------------------------------------------------------------------------------------------------------ */

static uint32_t read_id(kir_parser *p, const char *digits, size_t len) {
    uint32_t id = 0;
    if (!len)
        kir_fail(p, "expected the number of a variable");
    for (size_t i = 0; i < len; i++) {
        if (!isdigit((unsigned char)digits[i]) || id > MAX_VAR_ID)
            kir_fail(p, "a variable is written %%name.number or %%number");
        id = 10 * id + (uint32_t)(digits[i] - '0');
    }
    if (id > MAX_VAR_ID)
        kir_fail(p, "the number of the variable is too large");
    return id;
}

/* %name.id, %"odd name".id, %id */
kir_var_name kir_take_var_name(kir_parser *p) {
    kir_expect(p, "%");
    p->name_at = p->at - 1;
    sym_table *syms = p->m->syms;
    if (p->at < p->end && *p->at == '"') {
        text name = kir_take_string(p);
        kir_expect(p, ".");
        size_t n = digits_at(p, p->at);
        kir_var_name v = {sym_intern(syms, name.at, name.len), read_id(p, p->at, n)};
        p->at += n;
        return v;
    }
    size_t n = name_length(p, p->at), dot = n;
    while (dot > 0 && p->at[dot - 1] != '.')
        dot--;
    kir_var_name v = {.id = read_id(p, p->at + dot, n - dot)};
    if (dot)
        v.name = sym_intern(syms, p->at, dot - 1);
    p->at += n;
    return v;
}

static kir_var *find_var(const kir_parser *p, uint32_t id) {
    return id < p->vars_cap ? p->vars[id] : NULL;
}

static kir_var *take_var_called(kir_parser *p, kir_var_name name) {
    kir_var *v = find_var(p, name.id);
    if (!v)
        kir_fail_at(p, p->name_at, "the variable %%%u is not declared", name.id);
    if (v->name != name.name)
        kir_fail_at(p, p->name_at, "the variable %%%u has another name", name.id);
    return v;
}

kir_var *kir_take_var(kir_parser *p) {
    return take_var_called(p, kir_take_var_name(p));
}

kir_var *kir_take_array(kir_parser *p) {
    kir_var *v = kir_take_var(p);
    if (v->ty->kind != TYPE_ARRAY)
        kir_fail_at(p, p->name_at, "the variable %%%u is not an array", v->id);
    return v;
}

static void widen_vars(kir_parser *p, uint32_t id) {
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

kir_var *kir_declare_var(kir_parser *p, kir_var_name name) {
    if (find_var(p, name.id))
        kir_fail_at(p, p->name_at, "the variable %%%u is declared twice", name.id);
    kir_expect(p, ":");
    widen_vars(p, name.id);
    kir_var *v = arena_make(p->a, kir_var);
    v->id = name.id;
    v->name = name.name;
    v->ty = kir_take_type(p);
    v->borrowed = kir_take_word(p, "borrowed");
    v->scratch = kir_take_word(p, "scratch");
    p->vars[v->id] = v;
    vec_push(p->a, &p->fn->vars, v);
    if (v->id >= p->fn->next_var)
        p->fn->next_var = v->id + 1;
    return v;
}

kir_var *kir_take_assigned(kir_parser *p) {
    kir_var_name name = kir_take_var_name(p);
    if (kir_peek(p) != ':')
        return take_var_called(p, name);
    kir_var *v = kir_declare_var(p, name);
    v->is_temp = true;
    return v;
}

sym kir_take_fn_name(kir_parser *p) {
    kir_expect(p, "@");
    if (p->at < p->end && *p->at == '"') {
        text name = kir_take_string(p);
        return sym_intern(p->m->syms, name.at, name.len);
    }
    kir_word w = kir_take_any_word(p);
    return sym_intern(p->m->syms, w.at, w.len);
}

kir_fn *kir_fn_called(kir_parser *p, sym name, bool define) {
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
        kir_fail(p, "the function @%s is defined twice", name->text);
    if (define)
        p->defined.at[i] = p->called.at[i];
    return p->called.at[i];
}

/* ---- fields ----------------------------------------------------------------------------------------------------- */

/* "name" or "name=number", if the next word is one of `fields`. */
bool kir_take_field(kir_parser *p, const kir_field *fields, void *object) {
    kir_word w = kir_peek_word(p);
    for (const kir_field *f = fields; f->name; f++) {
        if (!kir_word_is(w, f->name))
            continue;
        kir_take_any_word(p);
        if (f->kind != KIR_FIELD_FLAG)
            kir_expect(p, "=");
        kir_field_set(f, object, f->kind == KIR_FIELD_FLAG ? 1 : kir_take_integer(p));
        return true;
    }
    return false;
}

bool kir_take_choice(kir_parser *p, const char *name, const char *const *words, int *choice) {
    if (!kir_take_word(p, name))
        return false;
    kir_expect(p, "=");
    *choice = kir_find_word(kir_take_any_word(p), words, KIR_WORDS);
    if (*choice < 0)
        kir_fail(p, "unknown %s", name);
    return true;
}

bool kir_take_schedule(kir_parser *p, int32_t *schedule) {
    int choice;
    if (!kir_take_choice(p, "schedule", kir_schedule_words, &choice))
        return false;
    *schedule = choice;
    return true;
}

/* name="…" */
bool kir_take_text_field(kir_parser *p, const char *name, const char **value) {
    kir_word w = kir_peek_word(p);
    if (!kir_word_is(w, name) || w.at + w.len >= p->end || w.at[w.len] != '=')
        return false;
    kir_take_any_word(p);
    kir_expect(p, "=");
    *value = kir_take_string(p).at;
    return true;
}

bool kir_take_sym_field(kir_parser *p, const char *name, sym *value) {
    const char *s;
    if (!kir_take_text_field(p, name, &s))
        return false;
    *value = sym_of(p->m->syms, s);
    return true;
}

bool kir_take_at_field(kir_parser *p, span *at) {
    if (!kir_take_word(p, "at"))
        return false;
    kir_expect(p, "=");
    *at = kir_take_place(p);
    return true;
}
