/* Python's lexical rules.
 *
 * The parser asks for one logical line at a time: everything up to a newline outside brackets. A line's tokens lie in
 * one buffer, so the parser may look ahead within the line as far as it likes (Python's grammar never needs more), and
 * the buffer is reused for the next line.
 *
 * Indentation is counted twice, with tabs reaching to the next multiple of eight and with tabs as one column; where the
 * two disagree about an indentation being deeper, equal or shallower, the text means different things to different
 * readers and is refused, as CPython does.
 *
 * An error is reported here, leaves an ERROR token in the line, and lexing goes on: the parser fails at that token and
 * resumes with the next line. A bracket that was never closed would swallow the rest of the file; a line inside
 * brackets that begins with a word that only a statement can begin with ends it. */
#include "syntax/lexer.h"
#include <string.h>

enum { C_OTHER, C_NAME, C_DIGIT, C_QUOTE, C_SPACE, C_NEWLINE, C_COMMENT, C_CONTINUE, C_NUL };

static const unsigned char class_of[256] = {
    ['a' ... 'z'] = C_NAME,  ['A' ... 'Z'] = C_NAME, ['_'] = C_NAME,     [0x80 ... 0xff] = C_NAME,
    ['0' ... '9'] = C_DIGIT, ['"'] = C_QUOTE,        ['\''] = C_QUOTE,   [' '] = C_SPACE,
    ['\t'] = C_SPACE,        ['\f'] = C_SPACE,       ['\n'] = C_NEWLINE, ['\r'] = C_NEWLINE,
    ['#'] = C_COMMENT,       ['\\'] = C_CONTINUE,    [0] = C_NUL,
};

static const char *const kind_names[TOKEN_KIND_COUNT] = {
    [TOKEN_INVALID] = "INVALID", [TOKEN_END] = "END",       [TOKEN_NEWLINE] = "NEWLINE",
    [TOKEN_INDENT] = "INDENT",   [TOKEN_DEDENT] = "DEDENT", [TOKEN_ERROR] = "ERROR",
    [TOKEN_NAME] = "NAME",       [TOKEN_NUMBER] = "NUMBER", [TOKEN_STRING] = "STRING",
#define KEYWORD(name, chars) [TOKEN_##name] = #name,
#define SYMBOL(name, chars) [TOKEN_##name] = #name,
#include "syntax/tokens.def"
#undef KEYWORD
#undef SYMBOL
};

static const char *const kind_texts[TOKEN_KIND_COUNT] = {
    [TOKEN_INVALID] = "nothing",    [TOKEN_END] = "the end of the file", [TOKEN_NEWLINE] = "the end of the line",
    [TOKEN_INDENT] = "indentation", [TOKEN_DEDENT] = "unindentation",    [TOKEN_ERROR] = "an error",
    [TOKEN_NAME] = "a name",        [TOKEN_NUMBER] = "a number",         [TOKEN_STRING] = "a string",
#define KEYWORD(name, chars) [TOKEN_##name] = chars,
#define SYMBOL(name, chars) [TOKEN_##name] = chars,
#include "syntax/tokens.def"
#undef KEYWORD
#undef SYMBOL
};

const char *token_kind_name(token_kind kind) {
    return kind_names[kind < TOKEN_KIND_COUNT ? kind : TOKEN_INVALID];
}

const char *token_kind_text(token_kind kind) {
    return kind_texts[kind < TOKEN_KIND_COUNT ? kind : TOKEN_INVALID];
}

static unsigned char class_at(const char *at) {
    return class_of[(unsigned char)*at];
}

/* ---- places and errors ---- */

static uint32_t column(const lexer *l, const char *at) {
    return (uint32_t)(at - l->line_at) + l->shift;
}

static span span_here(const lexer *l, const char *from, const char *to) {
    return (span){l->file, l->line, column(l, from), l->line, column(l, to)};
}

/* One error a line is enough: what follows is mostly its consequence. */
#define REPORT(l, at, hint, ...)                                                                                       \
    ((l)->failed ? (void)0 : diag_report((l)->d, DIAG_SYNTAX, at, hint, __VA_ARGS__), (l)->failed = true)

static token *push(lexer *l, token_kind kind, const char *from) {
    token t = {.kind = kind,
               .len = (uint32_t)(l->at - from),
               .at = from,
               .line = l->line,
               .col = column(l, from),
               .end_line = l->line,
               .end_col = column(l, l->at)};
    vec_push(l->a, &l->tokens, t);
    return &l->tokens.at[l->tokens.len - 1];
}

/* Steps over \n, \r\n or \r. */
static void cross_newline(lexer *l) {
    l->at += l->at[0] == '\r' && l->at[1] == '\n' ? 2 : 1;
    l->line++;
    l->line_at = l->at;
    l->shift = l->first_shift;
}

/* ---- names, numbers ---- */

typedef struct word {
    const char *chars;
    token_kind kind;
} word;

/* By length and first letter there are at most a few candidates. */
static token_kind classify_word(const char *at, size_t len) {
    static const word words[] = {
#define KEYWORD(name, chars) {chars, TOKEN_##name},
#define SYMBOL(name, chars)
#include "syntax/tokens.def"
#undef KEYWORD
#undef SYMBOL
    };
    static const unsigned char first_word[128] = {
        ['F'] = 1,  ['N'] = 2,  ['T'] = 3,  ['a'] = 4,  ['b'] = 9,  ['c'] = 10, ['d'] = 12,
        ['e'] = 14, ['f'] = 17, ['g'] = 20, ['i'] = 21, ['l'] = 25, ['n'] = 26, ['o'] = 28,
        ['p'] = 29, ['r'] = 30, ['t'] = 32, ['w'] = 33, ['y'] = 35,
    };
    if (len < 2 || len > 8 || (unsigned char)at[0] >= 128 || !first_word[(unsigned char)at[0]])
        return TOKEN_NAME;
    for (size_t i = first_word[(unsigned char)at[0]] - 1u; i < sizeof words / sizeof *words; i++) {
        if (words[i].chars[0] != at[0])
            break;
        if (strncmp(words[i].chars, at, len) == 0 && words[i].chars[len] == '\0')
            return words[i].kind;
    }
    return TOKEN_NAME;
}

static const char *remedy_for(uint32_t code) {
    if (code == 0x201c || code == 0x201d || code == 0x2018 || code == 0x2019)
        return "use the plain quotes \" or '";
    if (code == 0x2212 || code == 0x2013 || code == 0x2014)
        return "use the plain minus -";
    if (code == 0xd7)
        return "use * to multiply";
    if (code == 0xa0 || code == 0x200b || code == 0xfeff || (code >= 0x2000 && code <= 0x200a))
        return "this is an invisible character: replace it with a space, or delete it";
    return "only letters, digits and _ of any script can stand outside strings and comments";
}

/* True when every character may stand where it does. */
static bool check_name(lexer *l, const char *from) {
    uint32_t len;
    for (const char *p = from; p < l->at; p += len) {
        uint32_t code = utf8_decode(p, &len);
        if (p == from ? name_may_start(code) : name_may_continue(code))
            continue;
        REPORT(l, span_here(l, p, p + len), remedy_for(code), "invalid character '%.*s' (U+%04X)", (int)len, p, code);
        return false;
    }
    return true;
}

static void lex_string(lexer *l, const char *from);

/* r, u, b, f, br, rb, fr, rf in any case. */
static bool is_string_prefix(const char *at, size_t len) {
    if (len == 1)
        return strchr("rRuUbBfF", at[0]) != NULL;
    if (len != 2)
        return false;
    char first = (char)(at[0] | 0x20), second = (char)(at[1] | 0x20);
    return (first == 'r' && (second == 'b' || second == 'f')) || (second == 'r' && (first == 'b' || first == 'f'));
}

static void lex_name(lexer *l) {
    const char *from = l->at;
    unsigned char seen = 0;
    while (class_at(l->at) == C_NAME || class_at(l->at) == C_DIGIT)
        seen |= (unsigned char)*l->at++;
    size_t len = (size_t)(l->at - from);
    if (class_at(l->at) == C_QUOTE && len <= 2 && is_string_prefix(from, len)) {
        lex_string(l, from);
        return;
    }
    if (seen < 0x80) {
        push(l, classify_word(from, len), from);
        return;
    }
    bool valid = check_name(l, from);
    push(l, valid ? TOKEN_NAME : TOKEN_ERROR, from)->beyond_ascii = true;
}

static bool is_digit(char c, int base) {
    if (base == 16 && (c | 0x20) >= 'a' && (c | 0x20) <= 'f')
        return true;
    return c >= '0' && c < '0' + (base < 10 ? base : 10);
}

/* digit ("_"? digit)*; false at an underscore that no digit follows. */
static bool skip_digits(lexer *l, int base) {
    if (!is_digit(*l->at, base))
        return false;
    for (;;) {
        while (is_digit(*l->at, base))
            l->at++;
        if (*l->at != '_')
            return true;
        if (!is_digit(l->at[1], base))
            return false;
        l->at++;
    }
}

static void fail_number(lexer *l, const char *from, const char *what, const char *hint) {
    const char *number = l->at;
    while (class_at(l->at) == C_NAME || class_at(l->at) == C_DIGIT)
        l->at++;
    if (l->at == number)
        l->at += *number == '_';
    REPORT(l, span_here(l, from, l->at), hint, "%s", what);
    push(l, TOKEN_ERROR, from);
}

/* A keyword may follow a number without a space ("1if x else 2"); any other letter may not. */
static bool ends_number(const char *at) {
    static const char *const allowed[] = {"and", "else", "for", "if", "in", "is", "not", "or"};
    if (class_at(at) != C_NAME)
        return true;
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
        if (strncmp(at, allowed[i], strlen(allowed[i])) == 0)
            return true;
    return false;
}

static void finish_number(lexer *l, const char *from, const char *what) {
    if (ends_number(l->at))
        push(l, TOKEN_NUMBER, from);
    else
        fail_number(l, from, what, "a name cannot begin with a digit; put an operator or a space after a number");
}

static void lex_based_number(lexer *l, int base, const char *what) {
    const char *from = l->at;
    l->at += 2;
    l->at += *l->at == '_';
    if (!skip_digits(l, base) || (*l->at >= '0' && *l->at <= '9'))
        fail_number(l, from, what, "digits may be separated by single underscores");
    else
        finish_number(l, from, what);
}

/* What may follow the digits before the point: fraction, exponent, j. `leading_zero`: the digits alone would be no
 * number ("012"). */
static void lex_number_tail(lexer *l, const char *from, bool leading_zero) {
    static const char *const what = "invalid decimal literal";
    static const char *const hint = "digits may be separated by single underscores";
    bool real = false;
    if (*l->at == '.') {
        real = true;
        l->at++;
        if ((is_digit(*l->at, 10) || *l->at == '_') && !skip_digits(l, 10)) {
            fail_number(l, from, what, hint);
            return;
        }
    }
    size_t sign = l->at[0] != '\0' && (l->at[1] == '+' || l->at[1] == '-');
    if ((*l->at | 0x20) == 'e' && is_digit(l->at[1 + sign], 10)) {
        real = true;
        l->at += 1 + sign;
        if (!skip_digits(l, 10)) {
            fail_number(l, from, what, hint);
            return;
        }
    }
    if ((*l->at | 0x20) == 'j') {
        real = true;
        l->at++;
    }
    if (leading_zero && !real)
        fail_number(l, from, "leading zeros in decimal integer literals are not permitted",
                    "use the prefix 0o for octal integers");
    else
        finish_number(l, from, what);
}

static void lex_number(lexer *l) {
    const char *from = l->at;
    char prefix = from[0] == '0' ? (char)(from[1] | 0x20) : '\0';
    if (prefix == 'x') {
        lex_based_number(l, 16, "invalid hexadecimal literal");
    } else if (prefix == 'o') {
        lex_based_number(l, 8, "invalid octal literal");
    } else if (prefix == 'b') {
        lex_based_number(l, 2, "invalid binary literal");
    } else {
        if (*from != '.' && !skip_digits(l, 10)) {
            fail_number(l, from, "invalid decimal literal", "digits may be separated by single underscores");
            return;
        }
        bool zeros = true;
        for (const char *p = from; p < l->at; p++)
            zeros = zeros && (*p == '0' || *p == '_');
        lex_number_tail(l, from, *from == '0' && !zeros);
    }
}

/* ---- strings ---- */

static void fail_string(lexer *l, const char *from, span at, bool triple) {
    REPORT(l, at, triple ? "close it with three quotes" : "close the quote, or use three quotes for several lines",
           triple ? "unterminated triple-quoted string" : "unterminated string");
    push(l, TOKEN_ERROR, from);
}

/* From the quote on; `from` is where the prefix began. The text is kept as it stands: decoding is the parser's. */
static void lex_string(lexer *l, const char *from) {
    char quote = *l->at;
    bool triple = l->at[1] == quote && l->at[2] == quote;
    uint32_t line = l->line, col = column(l, from);
    span opening = span_here(l, from, l->at + (triple ? 3 : 1));
    l->at += triple ? 3 : 1;
    for (;;) {
        char c = *l->at;
        if (c == quote && (!triple || (l->at[1] == quote && l->at[2] == quote)))
            break;
        if (c == '\0' || ((c == '\n' || c == '\r') && !triple)) {
            fail_string(l, from, opening, triple);
            return;
        }
        if (c == '\\' && l->at[1] != '\0' && class_at(l->at + 1) != C_NEWLINE)
            l->at += 2;
        else if (c == '\n' || c == '\r')
            cross_newline(l);
        else if (c == '\\' && class_at(l->at + 1) == C_NEWLINE) {
            l->at++;
            cross_newline(l);
        } else
            l->at++;
    }
    l->at += triple ? 3 : 1;
    token t = {.kind = TOKEN_STRING,
               .len = (uint32_t)(l->at - from),
               .at = from,
               .line = line,
               .col = col,
               .end_line = l->line,
               .end_col = column(l, l->at)};
    vec_push(l->a, &l->tokens, t);
}

/* ---- operators and brackets ---- */

typedef struct operator_row { /* what a first character can become: alone, doubled, with "=", doubled with "=" */
    token_kind alone, doubled, equal, doubled_equal;
} operator_row;

static const operator_row operators[128] = {
    ['+'] = {TOKEN_PLUS, 0, TOKEN_PLUS_EQUAL, 0},
    ['-'] = {TOKEN_MINUS, 0, TOKEN_MINUS_EQUAL, 0},
    ['*'] = {TOKEN_STAR, TOKEN_POWER, TOKEN_STAR_EQUAL, TOKEN_POWER_EQUAL},
    ['/'] = {TOKEN_SLASH, TOKEN_DOUBLE_SLASH, TOKEN_SLASH_EQUAL, TOKEN_DOUBLE_SLASH_EQUAL},
    ['%'] = {TOKEN_PERCENT, 0, TOKEN_PERCENT_EQUAL, 0},
    ['@'] = {TOKEN_AT, 0, TOKEN_AT_EQUAL, 0},
    ['&'] = {TOKEN_AMPER, 0, TOKEN_AMPER_EQUAL, 0},
    ['|'] = {TOKEN_BAR, 0, TOKEN_BAR_EQUAL, 0},
    ['^'] = {TOKEN_CARET, 0, TOKEN_CARET_EQUAL, 0},
    ['<'] = {TOKEN_LESS, TOKEN_LEFT_SHIFT, TOKEN_LESS_EQUAL, TOKEN_LEFT_SHIFT_EQUAL},
    ['>'] = {TOKEN_GREATER, TOKEN_RIGHT_SHIFT, TOKEN_GREATER_EQUAL, TOKEN_RIGHT_SHIFT_EQUAL},
    ['='] = {TOKEN_EQUAL, 0, TOKEN_EQUAL_EQUAL, 0},
    ['!'] = {0, 0, TOKEN_NOT_EQUAL, 0},
    [':'] = {TOKEN_COLON, 0, TOKEN_WALRUS, 0},
    ['('] = {TOKEN_LPAR, 0, 0, 0},
    [')'] = {TOKEN_RPAR, 0, 0, 0},
    ['['] = {TOKEN_LSQB, 0, 0, 0},
    [']'] = {TOKEN_RSQB, 0, 0, 0},
    ['{'] = {TOKEN_LBRACE, 0, 0, 0},
    ['}'] = {TOKEN_RBRACE, 0, 0, 0},
    [','] = {TOKEN_COMMA, 0, 0, 0},
    [';'] = {TOKEN_SEMI, 0, 0, 0},
    ['.'] = {TOKEN_DOT, 0, 0, 0},
    ['~'] = {TOKEN_TILDE, 0, 0, 0},
};

static token_kind closer_of(token_kind opener) {
    return opener == TOKEN_LPAR     ? TOKEN_RPAR
           : opener == TOKEN_LSQB   ? TOKEN_RSQB
           : opener == TOKEN_LBRACE ? TOKEN_RBRACE
                                    : TOKEN_INVALID;
}

static token_kind opener_of(token_kind closer) {
    return closer == TOKEN_RPAR ? TOKEN_LPAR : closer == TOKEN_RSQB ? TOKEN_LSQB : TOKEN_LBRACE;
}

static void open_bracket(lexer *l, token_kind kind) {
    if (l->depth == LEXER_MAX_BRACKETS) {
        REPORT(l, span_here(l, l->at - 1, l->at), "give a part of the expression a name of its own",
               "too many nested brackets (more than %d)", LEXER_MAX_BRACKETS);
        l->tokens.at[l->tokens.len - 1].kind = TOKEN_ERROR;
        return;
    }
    l->brackets[l->depth++] = (bracket){closer_of(kind), l->line, column(l, l->at - 1)};
}

/* A closer that fits no open bracket is taken out; one that fits another than the innermost closes that one. */
static void close_bracket(lexer *l, token_kind kind) {
    if (l->depth && l->brackets[l->depth - 1].closer == kind) {
        l->depth--;
        return;
    }
    span at = span_here(l, l->at - 1, l->at);
    const char *closer = token_kind_text(kind);
    if (l->depth) {
        const bracket *open = &l->brackets[l->depth - 1];
        const char *opener = token_kind_text(opener_of(open->closer));
        char *hint = arena_printf(l->a, "the bracket '%s' was opened on line %u", opener, open->line);
        REPORT(l, at, hint, "closing bracket '%s' does not match opening bracket '%s'", closer, opener);
        l->depth--;
    } else {
        REPORT(l, at, "delete it, or open a bracket before", "unmatched '%s'", closer);
    }
    l->tokens.at[l->tokens.len - 1].kind = TOKEN_ERROR;
}

static void lex_operator(lexer *l) {
    const char *from = l->at;
    const operator_row *row = &operators[(unsigned char)from[0] & 0x7f];
    bool doubled = row->doubled && from[1] == from[0];
    token_kind kind = doubled ? row->doubled : row->alone;
    token_kind with_equal = doubled ? row->doubled_equal : row->equal;
    l->at += doubled ? 2 : 1;
    if (with_equal && *l->at == '=') {
        l->at++;
        kind = with_equal;
    } else if (kind == TOKEN_MINUS && *l->at == '>') {
        l->at++;
        kind = TOKEN_ARROW;
    } else if (kind == TOKEN_DOT && l->at[0] == '.' && l->at[1] == '.') {
        l->at += 2;
        kind = TOKEN_ELLIPSIS;
    }
    if (kind == TOKEN_INVALID) {
        unsigned char c = (unsigned char)*from;
        REPORT(l, span_here(l, from, l->at), c == '!' ? "write `not`" : NULL,
               c < 0x20 || c == 0x7f ? "invalid non-printable character U+%04X" : "invalid character '%c'", c);
        kind = TOKEN_ERROR;
    }
    push(l, kind, from);
    if (kind >= TOKEN_LPAR && kind <= TOKEN_RBRACE) {
        if (closer_of(kind))
            open_bracket(l, kind);
        else
            close_bracket(l, kind);
    }
}

/* ---- lines ---- */

static void skip_comment(lexer *l) {
    while (class_at(l->at) != C_NEWLINE && *l->at)
        l->at++;
}

/* At a backslash. False (after reporting) when it does not continue the line. */
static bool continue_line(lexer *l) {
    const char *from = l->at++;
    if (class_at(l->at) == C_NEWLINE) {
        cross_newline(l);
        if (*l->at)
            return true;
        REPORT(l, span_here(l, l->at, l->at), "complete the line, or delete the backslash before it",
               "unexpected end of file after a line continuation");
    } else if (*l->at == '\0') {
        REPORT(l, span_here(l, from, l->at), "complete the line, or delete the backslash",
               "unexpected end of file after a line continuation");
    } else {
        REPORT(l, span_here(l, from, l->at), "the backslash must be the last character of its line",
               "unexpected character after a line continuation");
    }
    push(l, TOKEN_ERROR, from);
    return false;
}

static void report_unclosed(lexer *l) {
    const bracket *open = &l->brackets[l->depth - 1];
    span at = {l->file, open->line, open->col, open->line, open->col + 1};
    REPORT(l, at, "close it where it should end", "'%s' was never closed", token_kind_text(opener_of(open->closer)));
    l->depth = 0;
    push(l, TOKEN_ERROR, l->at);
}

/* True when the physical line at `at` begins with a word that cannot stand inside brackets. */
static bool starts_statement(const char *at) {
    while (class_at(at) == C_SPACE)
        at++;
    const char *from = at;
    while (class_at(at) == C_NAME || class_at(at) == C_DIGIT)
        at++;
    switch (classify_word(from, (size_t)(at - from))) {
    case TOKEN_DEF:
    case TOKEN_CLASS:
    case TOKEN_RETURN:
    case TOKEN_IMPORT:
    case TOKEN_WHILE:
    case TOKEN_WITH:
    case TOKEN_TRY:
    case TOKEN_RAISE:
    case TOKEN_PASS:
    case TOKEN_BREAK:
    case TOKEN_CONTINUE:
    case TOKEN_DEL:
    case TOKEN_GLOBAL:
    case TOKEN_NONLOCAL:
    case TOKEN_ASSERT:
        return true;
    default:
        return false;
    }
}

/* True when the logical line ends here. */
static bool lex_newline(lexer *l) {
    if (!l->depth && !l->fragment) {
        const char *from = l->at++;
        push(l, TOKEN_NEWLINE, from);
        l->at = from;
        cross_newline(l);
        return true;
    }
    cross_newline(l);
    if (l->fragment || !starts_statement(l->at))
        return false;
    report_unclosed(l);
    push(l, TOKEN_NEWLINE, l->at);
    return true;
}

static void lex_end(lexer *l) {
    if (l->fragment) {
        push(l, TOKEN_END, l->at);
        return;
    }
    if (l->depth)
        report_unclosed(l);
    push(l, TOKEN_NEWLINE, l->at);
}

/* Tokens up to the end of the logical line (or of the fragment). */
static void lex_rest(lexer *l) {
    for (;;) {
        switch (class_at(l->at)) {
        case C_NAME:
            lex_name(l);
            break;
        case C_DIGIT:
            lex_number(l);
            break;
        case C_QUOTE:
            lex_string(l, l->at);
            break;
        case C_SPACE:
            l->at++;
            break;
        case C_NEWLINE:
            if (lex_newline(l))
                return;
            break;
        case C_COMMENT:
            skip_comment(l);
            break;
        case C_CONTINUE:
            continue_line(l);
            break;
        case C_NUL:
            lex_end(l);
            return;
        default:
            if (*l->at == '.' && is_digit(l->at[1], 10))
                lex_number(l);
            else
                lex_operator(l);
        }
    }
}

typedef struct indentation {
    uint32_t columns, tabless;
} indentation;

/* Leading space of the line. With backslashes in it, the part before the first one counts. */
static indentation measure(lexer *l) {
    indentation n = {0, 0}, kept = {0, 0};
    for (;; l->at++) {
        if (*l->at == ' ') {
            n.columns++;
            n.tabless++;
        } else if (*l->at == '\t') {
            n.columns = (n.columns / 8 + 1) * 8;
            n.tabless++;
        } else if (*l->at == '\f') {
            n = (indentation){0, 0};
        } else if (*l->at == '\\' && class_at(l->at + 1) == C_NEWLINE) {
            if (!kept.columns)
                kept = n;
            if (!continue_line(l))
                break;
            l->at--;
        } else {
            break;
        }
    }
    return kept.columns ? kept : n;
}

static void report_tabs(lexer *l) {
    REPORT(l, span_here(l, l->line_at, l->at), "indent the whole block with spaces",
           "inconsistent use of tabs and spaces in indentation");
}

static void indent(lexer *l, indentation n) {
    if (n.tabless <= l->tabless_indents[l->level])
        report_tabs(l);
    if (l->level + 1 == LEXER_MAX_BLOCKS) {
        l->failed = l->failed || l->too_deep;
        l->too_deep = true;
        REPORT(l, span_here(l, l->line_at, l->at), "move the inner blocks into a function",
               "too many levels of indentation (more than %d)", LEXER_MAX_BLOCKS - 1);
        push(l, TOKEN_ERROR, l->at);
        return;
    }
    l->level++;
    l->indents[l->level] = n.columns;
    l->tabless_indents[l->level] = n.tabless;
    push(l, TOKEN_INDENT, l->at);
}

/* A line between two known indentations is reported and then read as if it stood where the outer one is. */
static void dedent(lexer *l, indentation n) {
    while (l->level && n.columns < l->indents[l->level]) {
        l->level--;
        push(l, TOKEN_DEDENT, l->at);
    }
    if (n.columns != l->indents[l->level])
        REPORT(l, span_here(l, l->line_at, l->at), "line it up with the block that it continues",
               "unindent does not match any outer indentation level");
    else if (n.tabless != l->tabless_indents[l->level])
        report_tabs(l);
}

/* Skips blank lines; then DEDENTs or INDENT of the first line that has something. False at the end of the text. */
static bool start_line(lexer *l) {
    indentation n;
    for (;;) {
        n = measure(l);
        if (*l->at == '#')
            skip_comment(l);
        if (class_at(l->at) != C_NEWLINE)
            break;
        cross_newline(l);
    }
    if (*l->at == '\0') {
        for (; l->level; l->level--)
            push(l, TOKEN_DEDENT, l->at);
        push(l, TOKEN_END, l->at);
        return false;
    }
    if (n.columns > l->indents[l->level])
        indent(l, n);
    else if (n.columns < l->indents[l->level])
        dedent(l, n);
    else if (n.tabless != l->tabless_indents[l->level])
        report_tabs(l);
    return true;
}

void lexer_read_line(lexer *l) {
    l->failed = false;
    if (start_line(l))
        lex_rest(l);
}

void lexer_read_fragment(lexer *l, const char *chars, uint32_t line, uint32_t col) {
    lexer inner = {.a = l->a,
                   .d = l->d,
                   .file = l->file,
                   .at = chars,
                   .line_at = chars,
                   .line = line,
                   .shift = col,
                   .first_shift = l->first_shift,
                   .fragment = true,
                   .failed = l->failed};
    inner.tokens.at = l->tokens.at;
    inner.tokens.len = l->tokens.len;
    inner.tokens.cap = l->tokens.cap;
    lex_rest(&inner);
    l->tokens.at = inner.tokens.at;
    l->tokens.len = inner.tokens.len;
    l->tokens.cap = inner.tokens.cap;
    l->failed = l->failed || inner.failed;
}

void lexer_open(lexer *l, arena *a, diags *d, uint32_t file) {
    const source *s = &d->sources.at[file];
    *l = (lexer){.a = a,
                 .d = d,
                 .file = file,
                 .at = s->text,
                 .line = s->first_line,
                 .shift = s->first_col,
                 .first_shift = s->first_col};
    if (s->len >= 3 && memcmp(s->text, "\xef\xbb\xbf", 3) == 0)
        l->at += 3;
    l->line_at = l->at;
}

/* ---- bytes ---- */

/* Length of the UTF-8 sequence at `s`, or 0 when it is malformed, overlong, a surrogate or beyond Unicode. */
static size_t sequence_length(const unsigned char *s, const unsigned char *end) {
    size_t n = s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;
    if (!n || (size_t)(end - s) < n)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90);
    bool outside = (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf4 && s[1] > 0x8f);
    return overlong || outside ? 0 : n;
}

static span byte_span(const source *s, uint32_t file, const unsigned char *at) {
    size_t offset = (size_t)(at - (const unsigned char *)s->text);
    uint32_t low = 0, high = s->line_count;
    while (high - low > 1) {
        uint32_t middle = (low + high) / 2;
        if (s->line_start[middle] <= offset)
            low = middle;
        else
            high = middle;
    }
    uint32_t col = (uint32_t)(offset - s->line_start[low]) + s->first_col;
    return (span){file, s->first_line + low, col, s->first_line + low, col + 1};
}

bool lexer_check_text(diags *d, uint32_t file) {
    const source *s = &d->sources.at[file];
    if (s->len > LEXER_MAX_SOURCE) {
        diag_report(d, DIAG_SYNTAX, (span){file, s->first_line, 0, s->first_line, 0}, "split the source",
                    "source too large: %zu bytes, at most %d are read", s->len, LEXER_MAX_SOURCE);
        return false;
    }
    const unsigned char *p = (const unsigned char *)s->text, *end = p + s->len;
    while (p < end) {
        uint64_t eight;
        if (end - p >= 8 && (memcpy(&eight, p, 8), !(eight & 0x8080808080808080u)) &&
            !((eight - 0x0101010101010101u) & ~eight & 0x8080808080808080u)) {
            p += 8;
            continue;
        }
        size_t n = *p == 0 ? 0 : *p < 0x80 ? 1 : sequence_length(p, end);
        if (n == 0) {
            diag_report(d, DIAG_SYNTAX, byte_span(s, file, p),
                        *p ? "save the file as UTF-8" : "delete the byte; is this a text file?",
                        *p ? "byte 0x%02x is not UTF-8" : "source contains a NUL byte", *p);
            return false;
        }
        p += n;
    }
    return true;
}
