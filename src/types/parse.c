/* Types and signatures as text: what Numba's users write ("f8[:,::1](i8, f8[:])"), what str() of a Numba type gives
 * ("array(float64, 2d, C)"), and what type_print writes.
 *
 *   signature  = type "(" list ")" | "(" list ")" [ "->" type ] | list
 *   type       = base { "[" slices "]" }
 *   base       = NAME | "(" list ")" | array | tuple | NAME "(" NAME ":" type … ")" | "dtype(" type ")" | …
 *   array      = {"unaligned" | "readonly"} "array" "(" type "," ndim "," layout { "," option } ")"
 */
#include "types/types.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 64, MAX_TUPLE_WEIGHT = 65536 };

typedef VEC(type *) type_list;

typedef struct parser {
    types *t;
    arena *a;
    diags *d;
    uint32_t file;
    const char *start, *at;
    uint32_t depth;
    bool failed;
} parser;

/* ---- errors and tokens ------------------------------------------------------------------------------------------ */

static type *fail_at(parser *p, const char *where, const char *hint, const char *message) {
    if (p->failed)
        return NULL;
    p->failed = true;
    uint32_t line = 1, col = 0;
    for (const char *c = p->start; c < where; c++) {
        line += *c == '\n';
        col = *c == '\n' ? 0 : col + 1;
    }
    span at = {.file = p->file, .line = line, .col = col, .end_line = line, .end_col = col + 1};
    diag_report(p->d, DIAG_REQUEST, at, hint, "%s", message);
    return NULL;
}

static type *fail(parser *p, const char *message) {
    return fail_at(p, p->at, NULL, message);
}

static void skip_space(parser *p) {
    while (*p->at && strchr(" \t\r\n", *p->at))
        p->at++;
}

static bool is_next(parser *p, const char *token) {
    skip_space(p);
    return !strncmp(p->at, token, strlen(token));
}

static bool take(parser *p, const char *token) {
    if (!is_next(p, token))
        return false;
    p->at += strlen(token);
    return true;
}

static bool expect(parser *p, const char *token) {
    if (take(p, token))
        return true;
    fail(p, arena_printf(p->a, *p->at ? "expected '%s'" : "the type ends too early: expected '%s'", token));
    return false;
}

static size_t name_length(const char *s) {
    size_t n = 0;
    while (s[n] && (isalnum((unsigned char)s[n]) || s[n] == '_' || (unsigned char)s[n] >= 0x80))
        n++;
    return isdigit((unsigned char)s[0]) ? 0 : n;
}

static bool text_is(const char *s, size_t len, const char *word) {
    return strlen(word) == len && !memcmp(s, word, len);
}

static bool take_word(parser *p, const char *word) {
    skip_space(p);
    if (!text_is(p->at, name_length(p->at), word))
        return false;
    p->at += strlen(word);
    return true;
}

static bool take_number(parser *p, uint32_t *n) {
    skip_space(p);
    if (!isdigit((unsigned char)*p->at))
        return false;
    unsigned long x = 0;
    while (isdigit((unsigned char)*p->at)) {
        if (x < 1000000)
            x = 10 * x + (unsigned long)(*p->at - '0');
        p->at++;
    }
    *n = (uint32_t)x;
    return true;
}

/* ---- names ------------------------------------------------------------------------------------------------------ */

typedef struct type_word {
    const char *name;
    type_kind kind;
    unsigned bits;
    bool is_signed;
} type_word;

static const type_word words[] = {
    {"none", TYPE_NONE, 0, false},     {"void", TYPE_NONE, 0, false},
    {"None", TYPE_NONE, 0, false},     {"bool", TYPE_BOOL, 8, false},
    {"boolean", TYPE_BOOL, 8, false},  {"bool_", TYPE_BOOL, 8, false},
    {"b1", TYPE_BOOL, 8, false},       {"int8", TYPE_INT, 8, true},
    {"i1", TYPE_INT, 8, true},         {"char", TYPE_INT, 8, true},
    {"int16", TYPE_INT, 16, true},     {"i2", TYPE_INT, 16, true},
    {"short", TYPE_INT, 16, true},     {"int32", TYPE_INT, 32, true},
    {"i4", TYPE_INT, 32, true},        {"intc", TYPE_INT, 32, true},
    {"int64", TYPE_INT, 64, true},     {"i8", TYPE_INT, 64, true},
    {"intp", TYPE_INT, 64, true},      {"int_", TYPE_INT, 64, true},
    {"int", TYPE_INT, 64, true},       {"long_", TYPE_INT, 64, true},
    {"longlong", TYPE_INT, 64, true},  {"ssize_t", TYPE_INT, 64, true},
    {"uint8", TYPE_INT, 8, false},     {"u1", TYPE_INT, 8, false},
    {"byte", TYPE_INT, 8, false},      {"uchar", TYPE_INT, 8, false},
    {"uint16", TYPE_INT, 16, false},   {"u2", TYPE_INT, 16, false},
    {"ushort", TYPE_INT, 16, false},   {"uint32", TYPE_INT, 32, false},
    {"u4", TYPE_INT, 32, false},       {"uintc", TYPE_INT, 32, false},
    {"uint64", TYPE_INT, 64, false},   {"u8", TYPE_INT, 64, false},
    {"uintp", TYPE_INT, 64, false},    {"uint", TYPE_INT, 64, false},
    {"ulong", TYPE_INT, 64, false},    {"ulonglong", TYPE_INT, 64, false},
    {"size_t", TYPE_INT, 64, false},   {"float32", TYPE_FLOAT, 32, true},
    {"f4", TYPE_FLOAT, 32, true},      {"single", TYPE_FLOAT, 32, true},
    {"float64", TYPE_FLOAT, 64, true}, {"f8", TYPE_FLOAT, 64, true},
    {"double", TYPE_FLOAT, 64, true},  {"float_", TYPE_FLOAT, 64, true},
    {"float", TYPE_FLOAT, 64, true},   {"complex64", TYPE_COMPLEX, 64, true},
    {"c8", TYPE_COMPLEX, 64, true},    {"complex128", TYPE_COMPLEX, 128, true},
    {"c16", TYPE_COMPLEX, 128, true},  {"complex", TYPE_COMPLEX, 128, true},
    {"range", TYPE_RANGE, 0, false},   {"undefined", TYPE_BOTTOM, 0, false},
};

static type *type_of_word(parser *p, const type_word *w) {
    switch (w->kind) {
    case TYPE_NONE:
        return type_none(p->t);
    case TYPE_BOTTOM:
        return type_bottom(p->t);
    case TYPE_BOOL:
        return type_bool(p->t);
    case TYPE_RANGE:
        return type_range(p->t);
    case TYPE_INT:
        return type_int(p->t, w->bits, w->is_signed);
    case TYPE_FLOAT:
        return type_float(p->t, w->bits);
    default:
        return type_complex(p->t, w->bits);
    }
}

static const char *why_not(const char *name, size_t len) {
    static const struct {
        const char *name, *why;
    } known[] = {
        {"float16", "float16 is not supported; use float32"},
        {"f2", "float16 is not supported; use float32"},
        {"unicode_type", "strings are supported as constants only"},
        {"string", "strings are supported as constants only"},
        {"str", "strings are supported as constants only"},
        {"pyobject", "Python objects are not supported"},
        {"Optional", "optional types are not supported"},
        {"optional", "optional types are not supported"},
        {"ListType", "lists are not supported"},
        {"List", "lists are not supported"},
        {"DictType", "dictionaries are not supported"},
        {"NPDatetime", "datetime64 is not supported"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (text_is(name, len, known[i].name))
            return known[i].why;
    }
    return NULL;
}

static type *parse_word(parser *p, const char *name, size_t len) {
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (text_is(name, len, words[i].name))
            return type_of_word(p, &words[i]);
    }
    const char *why = why_not(name, len);
    if (!why)
        why = len ? arena_printf(p->a, "unknown type '%.*s'", (int)(len > 60 ? 60 : len), name) : "expected a type";
    return fail_at(p, name,
                   "types are int8 … int64, uint8 … uint64, float32, float64, complex64, complex128, bool, none, "
                   "arrays of them such as float64[:, ::1], and Tuple((…))",
                   why);
}

/* ---- lists and tuples ------------------------------------------------------------------------------------------- */

static type *parse_type(parser *p);

/* Types up to `close`, which is taken; `*trailing` when a comma stood before it. */
static bool parse_list(parser *p, const char *close, type_list *list, bool *trailing) {
    uint32_t before = list->len;
    *trailing = false;
    while (!take(p, close)) {
        if (list->len > before && !*trailing) {
            fail(p, arena_printf(p->a, "expected ',' or '%s'", close));
            return false;
        }
        type *item = parse_type(p);
        if (!item)
            return false;
        vec_push(p->a, list, item);
        *trailing = take(p, ",");
    }
    return true;
}

/* Elements that a tuple has when it is spread out: bounds what nested UniTuples can ask for. */
static uint64_t weight(type *t) {
    uint64_t sum = 1;
    for (uint32_t i = 0; t->kind == TYPE_TUPLE && i < t->len; i++)
        sum += weight(t->items[i]);
    return sum;
}

static type *make_tuple(parser *p, const type_list *list, sym name, const sym *fields) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < list->len; i++)
        sum += weight(list->at[i]);
    if (sum > MAX_TUPLE_WEIGHT)
        return fail(p, "the tuple has too many elements");
    return type_tuple(p->t, list->at, list->len, name, fields);
}

static type *parse_parenthesised(parser *p) {
    type_list list = {0};
    bool trailing;
    if (!parse_list(p, ")", &list, &trailing))
        return NULL;
    return list.len == 1 && !trailing ? list.at[0] : make_tuple(p, &list, NULL, NULL);
}

/* Tuple(a, b) or Tuple((a, b)) or Tuple([a, b]); the opening parenthesis is taken. */
static type *parse_tuple(parser *p) {
    type_list list = {0};
    bool trailing;
    const char *inner = take(p, "(") ? ")" : take(p, "[") ? "]" : NULL;
    const char *after_inner = p->at;
    if (!parse_list(p, inner ? inner : ")", &list, &trailing))
        return NULL;
    if (inner && is_next(p, ",") && inner[0] == ')') {
        p->at = after_inner;
        list.len = 0;
        type *first = parse_parenthesised(p);
        if (!first)
            return NULL;
        vec_push(p->a, &list, first);
        take(p, ",");
        if (!parse_list(p, ")", &list, &trailing))
            return NULL;
    } else if (inner && !expect(p, ")")) {
        return NULL;
    }
    return make_tuple(p, &list, NULL, NULL);
}

static type *parse_unituple(parser *p) {
    type *item = parse_type(p);
    uint32_t n;
    if (!item)
        return NULL;
    if (!take_word(p, "x") && !expect(p, ","))
        return NULL;
    if (!take_number(p, &n))
        return fail(p, "expected the number of elements of the tuple");
    if (n * weight(item) > MAX_TUPLE_WEIGHT)
        return fail(p, "the tuple has too many elements");
    type_list list = {0};
    for (uint32_t i = 0; i < n; i++)
        vec_push(p->a, &list, item);
    return expect(p, ")") ? make_tuple(p, &list, NULL, NULL) : NULL;
}

/* "x: int64, y: int64)" after "Point(". An empty one is written "Point(:)". */
static type *parse_named_tuple(parser *p, sym name) {
    type_list list = {0};
    VEC(sym) fields = {0};
    take(p, ":");
    while (!take(p, ")")) {
        if (list.len && !expect(p, ","))
            return NULL;
        skip_space(p);
        size_t len = name_length(p->at);
        if (!len)
            return fail(p, "expected the name of a field");
        vec_push(p->a, &fields, sym_intern(types_syms(p->t), p->at, len));
        p->at += len;
        type *item = expect(p, ":") ? parse_type(p) : NULL;
        if (!item)
            return NULL;
        vec_push(p->a, &list, item);
    }
    return make_tuple(p, &list, name, fields.at);
}

/* ---- arrays ----------------------------------------------------------------------------------------------------- */

static type *make_array(parser *p, type *dtype, uint32_t ndim, type_layout layout, bool readonly, bool aligned) {
    if (!type_is_number(dtype))
        return fail(p, "an array's elements must be numbers or bools");
    if (ndim > TYPE_MAX_NDIM)
        return fail(p, "an array has at most 32 dimensions");
    return type_array(p->t, dtype, ndim, layout, readonly, aligned);
}

/* ":", "::1" … after "[": 1 when it says contiguous, 0 when not, -1 on an error. */
static int parse_axis(parser *p) {
    if (!expect(p, ":"))
        return -1;
    if (!take(p, ":"))
        return 0;
    if (take(p, "1"))
        return 1;
    fail(p, "expected '1': an axis is ':' or '::1'");
    return -1;
}

static type *parse_brackets(parser *p, type *dtype) {
    uint32_t ndim = 0, contiguous = 0, where = 0;
    do {
        int axis = parse_axis(p);
        if (axis < 0)
            return NULL;
        contiguous += (uint32_t)axis;
        where = axis ? ndim : where;
        ndim++;
    } while (take(p, ","));
    if (!expect(p, "]"))
        return NULL;
    if (contiguous > 1 || (contiguous == 1 && where != 0 && where != ndim - 1))
        return fail(p, "'::1' may stand on the first axis (Fortran order) or on the last (C order)");
    type_layout layout = !contiguous ? LAYOUT_A : where == ndim - 1 ? LAYOUT_C : LAYOUT_F;
    return make_array(p, dtype, ndim, layout, false, true);
}

static bool parse_truth(parser *p, bool *out) {
    if (take_word(p, "True") || take_word(p, "true"))
        *out = true;
    else if (take_word(p, "False") || take_word(p, "false"))
        *out = false;
    else
        return fail(p, "expected True or False");
    return true;
}

static bool parse_array_option(parser *p, bool *readonly, bool *aligned) {
    if (take_word(p, "readonly")) {
        *readonly = true;
        return !take(p, "=") || parse_truth(p, readonly);
    }
    if (take_word(p, "mutable")) {
        bool is_mutable = true;
        bool ok = !take(p, "=") || parse_truth(p, &is_mutable);
        *readonly = !is_mutable;
        return ok;
    }
    if (take_word(p, "aligned"))
        return !take(p, "=") || parse_truth(p, aligned);
    return parse_truth(p, readonly);
}

static bool parse_layout(parser *p, type_layout *layout) {
    bool quoted = take(p, "'") || take(p, "\"");
    skip_space(p);
    if (!*p->at || !strchr("ACF", *p->at)) {
        fail(p, "expected a layout: C, F or A");
        return false;
    }
    *layout = (type_layout)*p->at++;
    if (quoted && !take(p, "'") && !take(p, "\"")) {
        fail(p, "expected a closing quote");
        return false;
    }
    return true;
}

/* array(float64, 2d, C, readonly) and Array(float64, 2, 'C', readonly=True), after the opening parenthesis. */
static type *parse_array(parser *p, bool readonly, bool aligned) {
    type *dtype = parse_type(p);
    uint32_t ndim;
    type_layout layout;
    if (!dtype || !expect(p, ","))
        return NULL;
    if (!take_number(p, &ndim))
        return fail(p, "expected the number of dimensions");
    if (*p->at == 'd')
        p->at++;
    if (!expect(p, ",") || !parse_layout(p, &layout))
        return NULL;
    while (take(p, ",")) {
        if (!parse_array_option(p, &readonly, &aligned))
            return NULL;
    }
    return expect(p, ")") ? make_array(p, dtype, ndim, layout, readonly, aligned) : NULL;
}

/* ---- the rest --------------------------------------------------------------------------------------------------- */

static type *parse_dtype(parser *p) {
    type *dtype = parse_type(p);
    if (!dtype || !expect(p, ")"))
        return NULL;
    return type_is_number(dtype) ? type_dtype(p->t, dtype) : fail(p, "a dtype is a number or bool");
}

static bool take_hex4(parser *p, uint32_t *out) {
    char digits[5] = {0};
    for (int i = 0; i < 4; i++) {
        if (!isxdigit((unsigned char)p->at[i]))
            return false;
        digits[i] = p->at[i];
    }
    *out = (uint32_t)strtoul(digits, NULL, 16);
    p->at += 4;
    return true;
}

static void put_utf8(text *out, uint32_t c) {
    char bytes[4];
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char lead[5] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = n; i-- > 1; c >>= 6)
        bytes[i] = (char)(0x80 | (c & 0x3f));
    bytes[0] = (char)(lead[n] | c);
    text_putn(out, bytes, n);
}

/* One escape of a JSON string, after the backslash. */
static bool take_escape(parser *p, text *out) {
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *known = *p->at ? strchr(from, *p->at) : NULL;
    uint32_t c, low;
    if (known) {
        text_putn(out, &to[known - from], 1);
        p->at++;
        return true;
    }
    if (*p->at != 'u')
        return false;
    p->at++;
    if (!take_hex4(p, &c))
        return false;
    if (c >= 0xd800 && c < 0xdc00 && p->at[0] == '\\' && p->at[1] == 'u') {
        p->at += 2;
        if (!take_hex4(p, &low))
            return false;
        c = 0x10000 + ((c & 0x3ff) << 10) + (low & 0x3ff);
    }
    put_utf8(out, c);
    return true;
}

/* Literal[str]("…"), after "Literal". */
static type *parse_literal(parser *p) {
    text value = text_new(p->a);
    if (!expect(p, "[") || !expect(p, "str") || !expect(p, "]") || !expect(p, "(") || !expect(p, "\""))
        return NULL;
    while (*p->at && *p->at != '"') {
        if (*p->at != '\\') {
            text_putn(&value, p->at++, 1);
            continue;
        }
        p->at++;
        if (!take_escape(p, &value))
            return fail(p, "bad escape in a string");
    }
    if (!expect(p, "\"") || !expect(p, ")"))
        return NULL;
    return type_string(p->t, sym_intern(types_syms(p->t), value.at, value.len));
}

static type *parse_slice(parser *p) {
    if (!expect(p, "<") || !expect(p, "a:b"))
        return NULL;
    bool has_step = take(p, ":c");
    return expect(p, ">") ? type_slice(p->t, has_step) : NULL;
}

/* "Point(x: …": a name, "(", then a field's name and a colon, or a colon alone. */
static bool is_named_tuple(const char *after_name) {
    const char *c = after_name;
    if (*c != '(')
        return false;
    c++;
    c += strspn(c, " \t\r\n");
    c += name_length(c);
    c += strspn(c, " \t\r\n");
    return *c == ':';
}

/* "types.", "numba.", "np." before a name say nothing. */
static void skip_module(parser *p) {
    skip_space(p);
    for (size_t n = name_length(p->at); n && p->at[n] == '.'; n = name_length(p->at))
        p->at += n + 1;
}

static type *parse_base(parser *p) {
    skip_module(p);
    if (take(p, "("))
        return parse_parenthesised(p);
    const char *name = p->at;
    size_t len = name_length(name);
    p->at += len;
    if (is_named_tuple(p->at)) {
        p->at++;
        return parse_named_tuple(p, sym_intern(types_syms(p->t), name, len));
    }
    if (text_is(name, len, "unaligned") || text_is(name, len, "readonly")) {
        bool aligned = !text_is(name, len, "unaligned");
        bool readonly = !aligned ? take_word(p, "readonly") : true;
        if (!take_word(p, "array") && !take_word(p, "Array"))
            return fail(p, "expected 'array'");
        return expect(p, "(") ? parse_array(p, readonly, aligned) : NULL;
    }
    if (text_is(name, len, "array") || text_is(name, len, "Array"))
        return expect(p, "(") ? parse_array(p, false, true) : NULL;
    if (text_is(name, len, "Tuple") || text_is(name, len, "UniTuple"))
        return !expect(p, "(") ? NULL : *name == 'T' ? parse_tuple(p) : parse_unituple(p);
    if (text_is(name, len, "dtype") || text_is(name, len, "class"))
        return expect(p, "(") ? parse_dtype(p) : NULL;
    if (text_is(name, len, "Literal"))
        return parse_literal(p);
    if (text_is(name, len, "slice"))
        return parse_slice(p);
    return parse_word(p, name, len);
}

static type *parse_type(parser *p) {
    if (p->depth >= MAX_DEPTH)
        return fail(p, "the type is nested too deeply");
    p->depth++;
    type *t = parse_base(p);
    while (t && take(p, "["))
        t = parse_brackets(p, t);
    p->depth--;
    return t;
}

/* ---- entries ---------------------------------------------------------------------------------------------------- */

static parser parser_new(types *t, arena *a, const char *written, diags *d) {
    uint32_t file = diag_add_source(d, "<signature>", written, strlen(written), 1, 0);
    return (parser){.t = t, .a = a, .d = d, .file = file, .start = written, .at = written};
}

static bool at_end(parser *p) {
    skip_space(p);
    if (*p->at && !p->failed)
        fail(p, "unexpected text after the type");
    return !p->failed;
}

type *type_parse(types *t, const char *written, diags *d) {
    arena *a = types_arena(t);
    parser p = parser_new(t, a, arena_strndup(a, written, strlen(written)), d);
    type *result = parse_type(&p);
    return result && at_end(&p) ? result : NULL;
}

/* The first type has been read: the result, when arguments in parentheses follow, else the first argument. */
static bool parse_after_first(parser *p, type *first, type_list *list, type **result) {
    bool trailing;
    if (!first)
        return false;
    list->len = 0;
    if (take(p, "(")) {
        *result = first;
        return parse_list(p, ")", list, &trailing);
    }
    vec_push(p->a, list, first);
    while (take(p, ",")) {
        type *next = parse_type(p);
        if (!next)
            return false;
        vec_push(p->a, list, next);
    }
    return true;
}

/* What follows "(a, b)" at the start says what it was: the arguments, a result type, or the first of several. */
static bool parse_after_parentheses(parser *p, type_list *list, bool trailing, type **result) {
    if (take(p, "->")) {
        *result = parse_type(p);
        return *result != NULL;
    }
    if (!is_next(p, "(") && !is_next(p, ","))
        return true;
    return parse_after_first(p, list->len == 1 && !trailing ? list->at[0] : make_tuple(p, list, NULL, NULL), list,
                             result);
}

static bool parse_signature(parser *p, type_list *list, type **result) {
    bool trailing;
    if (take(p, "("))
        return parse_list(p, ")", list, &trailing) && parse_after_parentheses(p, list, trailing, result);
    return parse_after_first(p, parse_type(p), list, result);
}

bool type_parse_signature(types *t, arena *a, const char *written, diags *d, type **result, type *const **args,
                          uint32_t *n_args) {
    parser p = parser_new(t, a, arena_strndup(a, written, strlen(written)), d);
    type_list list = {0};
    *result = NULL;
    if (!parse_signature(&p, &list, result) || !at_end(&p))
        return false;
    *args = list.at;
    *n_args = list.len;
    return true;
}
