/* Numbers, strings, f-strings.
 *
 * Adjacent string literals are one constant, or one JoinedStr if an f-string is among them; every part of a JoinedStr
 * has the place of the whole, as CPython 3.11 has it. The expressions of an f-string are cut out of the literal as
 * CPython 3.11 cuts them (by looking for the first ! : = or } outside brackets and quotes), lexed as a fragment that
 * stands in parentheses, and parsed by the ordinary rules, with the places that they have in the file. (A format spec
 * and the text at its end have the place of their own literal, not of the whole: CPython 3.11 again.)
 *
 * Named characters (\N{…}) would need Unicode's table of names: a literal with one becomes an Unsupported node. */
#include "syntax/parser.h"
#include <stdlib.h>
#include <string.h>

/* ---- numbers ---- */

static uint32_t digit_value(char c) {
    return c <= '9' ? (uint32_t)(c - '0') : (uint32_t)((c | 0x20) - 'a' + 10);
}

/* Digits without underscores; false when the value needs more than 64 bits. */
static bool read_integer(const char *digits, uint32_t base, uint64_t *value) {
    *value = 0;
    for (; *digits; digits++) {
        uint64_t next;
        if (__builtin_mul_overflow(*value, base, &next) || __builtin_add_overflow(next, digit_value(*digits), value))
            return false;
    }
    return true;
}

/* `chars` is the literal without underscores. */
static void set_integer(parser *p, ast *node, const char *chars) {
    char prefix = chars[0] == '0' ? (char)(chars[1] | 0x20) : '\0';
    uint32_t base = prefix == 'x' ? 16 : prefix == 'o' ? 8 : prefix == 'b' ? 2 : 10;
    node->Constant.type = CONST_int;
    node->Constant.fits = read_integer(base == 10 ? chars : chars + 2, base, &node->Constant.integer);
    if (node->Constant.fits)
        chars = arena_printf(p->a, "%llu", (unsigned long long)node->Constant.integer);
    else
        node->Constant.integer = 0;
    node->Constant.text = chars;
    node->Constant.text_len = strlen(chars);
}

/* Decimal digits, point and exponent without underscores. Short ones are exact products or quotients of two doubles;
 * the others go to strtod without their point, since the process's locale may want another character there. */
static double read_real(parser *p, const char *chars) {
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    char *digits = arena_alloc(p->a, strlen(chars) + 32);
    size_t n = 0;
    int64_t exponent = 0;
    uint64_t value = 0;
    bool fraction = false;
    for (; *chars && (*chars | 0x20) != 'e'; chars++) {
        if (*chars == '.') {
            fraction = true;
            continue;
        }
        if (!n && *chars == '0') {
            exponent -= fraction;
            continue;
        }
        digits[n++] = *chars;
        exponent -= fraction;
        if (n <= 15)
            value = value * 10 + digit_value(*chars);
    }
    if (!n)
        return 0;
    if (*chars) {
        long long written = strtoll(chars + 1, NULL, 10);
        exponent += written > INT32_MAX ? INT32_MAX : written < -INT32_MAX ? -INT32_MAX : written;
    }
    if (n <= 15 && exponent >= -22 && exponent <= 22)
        return exponent < 0 ? (double)value / powers[-exponent] : (double)value * powers[exponent];
    text number = text_new(p->a);
    text_putn(&number, digits, n);
    text_printf(&number, "e%lld", (long long)exponent);
    return strtod(number.at, NULL);
}

ast *parse_number(parser *p) {
    const token *t = p->now;
    place start = parser_place(p);
    parser_take(p);
    ast *node = parser_make(p, AST_Constant, start);
    char *chars = arena_alloc(p->a, t->len + 1);
    size_t n = 0;
    for (uint32_t i = 0; i < t->len; i++)
        if (t->at[i] != '_')
            chars[n++] = t->at[i];
    bool based = n > 1 && chars[0] == '0' && strchr("xXoObB", chars[1]);
    if (!based && (chars[n - 1] | 0x20) == 'j') {
        chars[n - 1] = '\0';
        node->Constant.type = CONST_complex;
        node->Constant.real = read_real(p, chars);
    } else if (!based && strpbrk(chars, ".eE")) {
        node->Constant.type = CONST_float;
        node->Constant.real = read_real(p, chars);
    } else {
        set_integer(p, node, chars);
    }
    return node;
}

/* ---- decoding ---- */

/* One string literal, taken apart. */
typedef struct literal {
    const token *token;
    const char *from, *to; /* what stands between the quotes */
    place from_place;      /* of `from` */
    bool raw, bytes, formatted;
} literal;

static literal open_literal(const token *t) {
    literal s = {.token = t, .from = t->at};
    for (; *s.from != '"' && *s.from != '\''; s.from++) {
        char c = (char)(*s.from | 0x20);
        s.raw = s.raw || c == 'r';
        s.bytes = s.bytes || c == 'b';
        s.formatted = s.formatted || c == 'f';
    }
    uint32_t quotes =
        t->len - (uint32_t)(s.from - t->at) >= 6 && s.from[1] == s.from[0] && s.from[2] == s.from[0] ? 3 : 1;
    s.from += quotes;
    s.to = t->at + t->len - quotes;
    s.from_place = (place){t->line, t->col + (uint32_t)(s.from - t->at)};
    return s;
}

/* The place of a byte of the literal, and the number of lines before it. */
static place place_in(const parser *p, const literal *s, const char *at) {
    place result = s->from_place;
    const char *line_at = NULL;
    for (const char *c = s->from; c < at; c++) {
        if (*c != '\n' && (*c != '\r' || c[1] == '\n'))
            continue;
        result.line++;
        line_at = c + 1;
    }
    result.col = line_at ? (uint32_t)(at - line_at) + p->lex.first_shift : s->from_place.col + (uint32_t)(at - s->from);
    return result;
}

static span span_in(const parser *p, const literal *s, const char *from, const char *to) {
    place a = place_in(p, s, from), b = place_in(p, s, to);
    return (span){p->file, a.line, a.col, b.line, b.col};
}

static uint32_t newline_length(const char *at, const char *to) {
    return at[0] == '\r' && at + 1 < to && at[1] == '\n' ? 2 : 1;
}

/* Exactly `count` hexadecimal digits. */
static bool read_hex(const char *at, const char *to, uint32_t count, uint32_t *value) {
    *value = 0;
    if ((size_t)(to - at) < count)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        char c = at[i], lower = (char)(c | 0x20);
        if (!(c >= '0' && c <= '9') && !(lower >= 'a' && lower <= 'f'))
            return false;
        *value = *value * 16 + digit_value(c);
    }
    return true;
}

static void put_code(text *out, uint32_t code, bool bytes) {
    char buffer[4] = {(char)code};
    text_putn(out, buffer, bytes ? 1 : utf8_encode(code, buffer));
}

/* \x \u \U: the digits at `at`; returns how many there are. */
static uint32_t decode_hex(parser *p, const literal *s, char letter, const char *at, text *out) {
    uint32_t count = letter == 'x' ? 2 : letter == 'u' ? 4 : 8, code;
    if (!read_hex(at, s->to, count, &code))
        parser_fail(p, span_in(p, s, at - 2, at), "write \\\\ for a backslash, or put an r before the string",
                    "escape \\%c needs %u hexadecimal digits", letter, count);
    if (code > 0x10ffff)
        parser_fail(p, span_in(p, s, at - 2, at + count), NULL, "no character has the number U+%X", code);
    put_code(out, code, s->bytes);
    return count;
}

static uint32_t decode_octal(const literal *s, const char *at, text *out) {
    uint32_t count = 0, code = 0;
    for (; count < 3 && at + count < s->to && at[count] >= '0' && at[count] <= '7'; count++)
        code = code * 8 + digit_value(at[count]);
    put_code(out, code, s->bytes);
    return count;
}

/* Steps over a \N, which must at least look like one. */
static const char *skip_named(parser *p, const literal *s, const char *at) {
    const char *end = at + 2 < s->to && at[2] == '{' ? memchr(at, '}', (size_t)(s->to - at)) : NULL;
    if (!end || end == at + 3)
        parser_fail(p, span_in(p, s, at, at + 2), "write \\\\ for a backslash, or put an r before the string",
                    "escape \\N needs the name of a character in braces");
    return end + 1;
}

/* The escape whose backslash is at `at`; returns the byte after it. */
static const char *decode_escape(parser *p, const literal *s, const char *at, text *out, bool *named) {
    static const char letters[] = "\\'\"abfnrtv", meanings[] = "\\'\"\a\b\f\n\r\t\v";
    char c = at[1];
    if (c == '\n' || c == '\r')
        return at + 1 + newline_length(at + 1, s->to);
    const char *found = c ? strchr(letters, c) : NULL;
    if (found) {
        text_putn(out, &meanings[found - letters], 1);
        return at + 2;
    }
    if (c >= '0' && c <= '7')
        return at + 1 + decode_octal(s, at + 1, out);
    if (c == 'x' || (!s->bytes && (c == 'u' || c == 'U')))
        return at + 2 + decode_hex(p, s, c, at + 2, out);
    if (c == 'N' && !s->bytes) {
        *named = true;
        return skip_named(p, s, at);
    }
    text_putn(out, at, 1);
    return at + 1;
}

/* Appends the meaning of [from, to); sets *named when a named character is in it. */
static void decode(parser *p, const literal *s, const char *from, const char *to, text *out, bool *named) {
    while (from < to) {
        const char *plain = from;
        while (from < to && *from != '\r' && (s->raw || *from != '\\'))
            from++;
        text_putn(out, plain, (size_t)(from - plain));
        if (from == to)
            return;
        if (*from == '\r') {
            text_put(out, "\n");
            from += newline_length(from, to);
        } else if (from + 1 == to) {
            text_putn(out, from++, 1);
        } else {
            from = decode_escape(p, s, from, out, named);
        }
    }
}

/* ---- f-strings ---- */

/* All of the adjacent literals, while they are put together. */
typedef struct joined {
    span at;
    text pending; /* literal text that no constant holds yet */
    bool named;   /* a \N was met */
    bool formatted, unicode_kind;
} joined;

static ast *make_at(parser *p, ast_kind kind, span at) {
    ast *node = parser_make(p, kind, (place){at.line, at.col});
    node->at = at;
    return node;
}

static ast *make_string(parser *p, const joined *j, ast_const type) {
    ast *node = make_at(p, AST_Constant, j->at);
    node->Constant.type = type;
    node->Constant.text = j->pending.at;
    node->Constant.text_len = j->pending.len;
    node->Constant.unicode_kind = j->unicode_kind;
    return node;
}

/* Pushes the literal text so far as a constant, if there is any. */
static void flush(parser *p, joined *j) {
    if (j->pending.len)
        parser_push(p, make_string(p, j, CONST_str));
    j->pending = text_new(p->a);
}

static void append(parser *p, joined *j, const literal *s, const char *from, const char *to) {
    decode(p, s, from, to, &j->pending, &j->named);
}

static const char *const fstring = "in the f-string: ";

static void fail_fstring(parser *p, const literal *s, const char *from, const char *to, const char *hint,
                         const char *message) __attribute__((noreturn));
static void fail_fstring(parser *p, const literal *s, const char *from, const char *to, const char *hint,
                         const char *message) {
    parser_fail(p, span_in(p, s, from, to), hint, "%s%s", p->spec_of ? "" : fstring, message);
}

/* Scanner for the end of an expression within an f-string. */
typedef struct cut {
    char quote; /* 0: outside strings */
    bool triple;
    uint32_t depth;
    char open[LEXER_MAX_BRACKETS];
} cut;

static bool is_tripled(const char *at, const char *to) {
    return to - at > 2 && at[1] == at[0] && at[2] == at[0];
}

/* Steps over one character inside a quoted string of the expression. */
static const char *cut_quoted(cut *c, const char *at, const char *to) {
    if (*at != c->quote || (c->triple && !is_tripled(at, to)))
        return at + 1;
    at += c->triple ? 3 : 1;
    c->quote = '\0';
    return at;
}

static void cut_bracket(parser *p, const literal *s, cut *c, const char *at) {
    if (strchr("([{", *at)) {
        if (c->depth == LEXER_MAX_BRACKETS)
            fail_fstring(p, s, at, at + 1, NULL, "too many nested brackets");
        c->open[c->depth++] = *at;
        return;
    }
    if (!c->depth)
        fail_fstring(p, s, at, at + 1, "delete it, or open a bracket before", "unmatched closing bracket");
    char open = c->open[--c->depth];
    if (*at != (open == '(' ? ')' : open == '[' ? ']' : '}'))
        fail_fstring(p, s, at, at + 1, NULL, "closing bracket does not match the opening one");
}

/* True at the character that ends an expression; two-character operators do not. */
static bool ends_expression(const char *at, const char *to) {
    if (!strchr("!:}=<>", *at))
        return false;
    return *at != '<' && *at != '>' && !(to - at > 1 && at[1] == '=' && (*at == '!' || *at == '='));
}

/* The end of the expression that begins at `at`. */
static const char *find_end(parser *p, const literal *s, const char *at) {
    cut c = {.depth = 0};
    while (at < s->to) {
        if (*at == '\\')
            fail_fstring(p, s, at, at + 1, "give the part a name before the string",
                         "an expression cannot include a backslash");
        if (c.quote) {
            at = cut_quoted(&c, at, s->to);
        } else if (*at == '\'' || *at == '"') {
            c.quote = *at;
            c.triple = is_tripled(at, s->to);
            at += c.triple ? 3 : 1;
        } else if (*at == '#') {
            fail_fstring(p, s, at, at + 1, NULL, "an expression cannot include '#'");
        } else if (!c.depth && ends_expression(at, s->to)) {
            return at;
        } else {
            if (strchr("([{)]}", *at))
                cut_bracket(p, s, &c, at);
            bool two = !c.depth && strchr("!=<>", *at) && s->to - at > 1 && at[1] == '=';
            at += two ? 2 : 1;
        }
    }
    if (c.quote)
        fail_fstring(p, s, s->to, s->to, "close the quote", "unterminated string");
    fail_fstring(p, s, s->to, s->to, "write {{ for a brace", c.depth ? "a bracket was never closed" : "expected '}'");
}

/* Parses [from, to) as if it stood in parentheses at the braces' places. The fragment's tokens go behind those of the
 * line, which may move, and are forgotten afterwards. */
static ast *parse_fragment(parser *p, const literal *s, const char *from, const char *to) {
    const char *chars = arena_strndup(p->a, from, (size_t)(to - from));
    place at = place_in(p, s, from), outer_end = p->end;
    const char *outer_spec = p->spec_of;
    size_t now = (size_t)(p->now - p->lex.tokens.at);
    uint32_t len = p->lex.tokens.len;
    if (strspn(chars, " \t\f\r\n") == (size_t)(to - from))
        fail_fstring(p, s, from - 1, to + 1, "write {{ and }} for braces", "empty expression");
    p->spec_of = fstring;
    parser_descend(p);
    lexer_read_fragment(&p->lex, chars, at.line, at.col);
    p->now = p->lex.tokens.at + len;
    p->end = place_in(p, s, to + 1);
    place start = place_in(p, s, from - 1);
    ast *node = parse_group_body(p, start);
    if (p->now->kind != TOKEN_END)
        parser_fail_unexpected(p);
    parser_ascend(p);
    p->lex.tokens.len = len;
    p->now = p->lex.tokens.at + now;
    p->end = outer_end;
    p->spec_of = outer_spec;
    return node;
}

static const char *parse_fstring(parser *p, joined *j, const literal *s, const char *at, uint32_t level);

static int read_conversion(parser *p, const literal *s, const char **at) {
    const char *c = *at + 1;
    if (c >= s->to || !strchr("sra", *c))
        fail_fstring(p, s, *at, c, "conversions are !s, !r and !a", "invalid conversion");
    *at = c + 1;
    return (unsigned char)*c;
}

/* The spec is a JoinedStr of its own, even when it is plain text. */
static ast *parse_format_spec(parser *p, joined *j, const literal *s, const char **at, uint32_t level) {
    joined inner = {.at = j->at, .unicode_kind = j->unicode_kind, .pending = text_new(p->a)};
    uint32_t mark = parser_mark(p);
    *at = parse_fstring(p, &inner, s, *at, level);
    inner.at = parser_span_of(p, s->token);
    inner.unicode_kind = false;
    flush(p, &inner);
    j->named = j->named || inner.named;
    ast *node = make_at(p, AST_JoinedStr, inner.at);
    node->JoinedStr.values = parser_adopt_all(p, node, parser_pop(p, mark));
    return node;
}

/* replacement field: '{' expression ['='] ['!' conversion] [':' spec] '}'. `at` is the brace; returns what follows. */
static const char *parse_field(parser *p, joined *j, const literal *s, const char *at, uint32_t level) {
    if (level >= 2)
        fail_fstring(p, s, at, at + 1, "give the inner part a name before the string", "nested too deeply");
    const char *from = at + 1, *end = find_end(p, s, from);
    ast *value = parse_fragment(p, s, from, end), *spec = NULL;
    int conversion = -1;
    bool shows_text = *end == '=';
    if (shows_text) {
        end++;
        while (end < s->to && strchr(" \t\f\r\n\v", *end))
            end++;
        literal verbatim = *s;
        verbatim.raw = true;
        append(p, j, &verbatim, from, end);
    }
    if (end < s->to && *end == '!')
        conversion = read_conversion(p, s, &end);
    if (end < s->to && *end == ':') {
        end++;
        spec = parse_format_spec(p, j, s, &end, level + 1);
    }
    if (end >= s->to || *end != '}')
        fail_fstring(p, s, end, end + (end < s->to), "write {{ for a brace", "expected '}'");
    flush(p, j);
    ast *node = make_at(p, AST_FormattedValue, j->at);
    node->FormattedValue.value = parser_adopt(p, node, value);
    node->FormattedValue.format_spec = parser_adopt(p, node, spec);
    node->FormattedValue.conversion = shows_text && !spec && conversion < 0 ? 'r' : conversion;
    parser_push(p, node);
    return end + 1;
}

/* Literal text from `at` on; returns the brace that ends it, or the end. Doubled braces stand for one at the top level;
 * within a format spec every brace counts. */
static const char *parse_plain(parser *p, joined *j, const literal *s, const char *at, uint32_t level) {
    const char *from = at;
    while (at < s->to) {
        if (!s->raw && *at == '\\' && at + 1 < s->to) {
            at++;
            if (*at == 'N' && at + 1 < s->to && at[1] == '{') {
                while (at < s->to && *at != '}')
                    at++;
                at += at < s->to;
                continue;
            }
            if (*at != '{' && *at != '}') {
                at++;
                continue;
            }
        }
        if (*at != '{' && *at != '}') {
            at++;
            continue;
        }
        if (level || at + 1 >= s->to || at[1] != *at)
            break;
        append(p, j, s, from, at + 1);
        at += 2;
        from = at;
    }
    append(p, j, s, from, at);
    return at;
}

/* Text and fields up to the end of the literal or, in a format spec, its closing brace; returns where it stopped. */
static const char *parse_fstring(parser *p, joined *j, const literal *s, const char *at, uint32_t level) {
    for (;;) {
        at = parse_plain(p, j, s, at, level);
        if (at >= s->to)
            return at;
        if (*at == '}') {
            if (level)
                return at;
            fail_fstring(p, s, at, at + 1, "write }} for a brace", "a single '}' is not allowed");
        }
        at = parse_field(p, j, s, at, level);
    }
}

/* ---- strings ---- */

static void check_bytes(parser *p, const literal *s) {
    for (const char *c = s->from; c < s->to; c++)
        if ((unsigned char)*c >= 0x80)
            parser_fail(p, span_in(p, s, c, c + 1), "write it as an escape: \\x..",
                        "bytes can only contain ASCII literal characters");
}

static bool is_bytes_literal(const token *t) {
    return open_literal(t).bytes;
}

/* Takes the adjacent literals, and makes sure that all or none are bytes. */
static span take_strings(parser *p, bool bytes, uint32_t *count) {
    span at = parser_span_of(p, p->now);
    for (*count = 0; p->now->kind == TOKEN_STRING; ++*count) {
        if (is_bytes_literal(p->now) != bytes)
            parser_fail_here(p, "decode the bytes, or encode the string", "cannot mix bytes and nonbytes literals");
        parser_take(p);
    }
    at.end_line = p->end.line;
    at.end_col = p->end.col;
    return at;
}

/* strings: STRING+ */
ast *parse_strings(parser *p) {
    joined j = {.pending = text_new(p->a), .unicode_kind = p->now->at[0] == 'u'};
    uint32_t mark = parser_mark(p), count;
    bool bytes = is_bytes_literal(p->now);
    size_t first = (size_t)(p->now - p->lex.tokens.at);
    j.at = take_strings(p, bytes, &count);
    for (uint32_t i = 0; i < count; i++) {
        token t = p->lex.tokens.at[first + i];
        literal s = open_literal(&t);
        j.formatted = j.formatted || s.formatted;
        if (bytes)
            check_bytes(p, &s);
        if (s.formatted)
            parse_fstring(p, &j, &s, s.from, 0);
        else
            append(p, &j, &s, s.from, s.to);
    }
    if (j.named) {
        parser_pop(p, mark);
        ast *node = make_at(p, AST_Unsupported, j.at);
        node->Unsupported.name = "named unicode escape";
        return node;
    }
    if (!j.formatted)
        return make_string(p, &j, bytes ? CONST_bytes : CONST_str);
    flush(p, &j);
    ast *node = make_at(p, AST_JoinedStr, j.at);
    node->JoinedStr.values = parser_adopt_all(p, node, parser_pop(p, mark));
    return node;
}
