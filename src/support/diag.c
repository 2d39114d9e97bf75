#include "support/diag.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_LIMIT 20
#define SHOWN_WIDTH 140 /* characters of a source line that are shown at most */

diags *diags_new(arena *a) {
    diags *d = arena_make(a, diags);
    if (!d)
        return NULL;
    d->a = a;
    d->limit = DEFAULT_LIMIT;
    return d;
}

/* Lines end with \n, \r\n or a lone \r, as Python's do. */
static uint32_t index_lines(const char *chars, size_t len, uint32_t *starts) {
    uint32_t n = 0;
    if (starts)
        starts[0] = 0;
    n++;
    for (size_t i = 0; i < len; i++) {
        if (chars[i] != '\n' && (chars[i] != '\r' || chars[i + 1] == '\n'))
            continue;
        if (starts)
            starts[n] = (uint32_t)(i + 1);
        n++;
    }
    return n;
}

uint32_t diag_add_source(diags *d, const char *name, const char *chars, size_t len, uint32_t first_line,
                         uint32_t first_col) {
    source s = {
        .name = name, .text = chars, .len = len, .first_line = first_line ? first_line : 1, .first_col = first_col};
    s.line_count = index_lines(chars, len, NULL);
    s.line_start = arena_array(d->a, uint32_t, s.line_count);
    index_lines(chars, len, s.line_start);
    vec_push(d->a, &d->sources, s);
    return d->sources.len - 1;
}

void diag_report(diags *d, diag_class class, span at, const char *hint, const char *format, ...) {
    if (class != DIAG_WARNING && d->errors++ >= d->limit)
        return;
    va_list args;
    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *message = arena_alloc(d->a, len < 0 ? 1 : (size_t)len + 1);
    va_start(args, format);
    if (len > 0)
        vsnprintf(message, (size_t)len + 1, format, args);
    va_end(args);
    diag item = {
        .class = class, .at = at, .message = message, .hint = hint ? arena_strndup(d->a, hint, strlen(hint)) : NULL};
    vec_push(d->a, &d->items, item);
}

/* One line of a source as it is shown. Positions are bytes within `at`. */
typedef struct shown_line {
    const char *at;
    size_t len;
    size_t from, to; /* the marked part */
} shown_line;

/* False when the place lies outside the text that we hold. */
static bool find_line(const source *s, span at, shown_line *l) {
    if (at.line < s->first_line || at.line - s->first_line >= s->line_count)
        return false;
    uint32_t index = at.line - s->first_line;
    size_t start = s->line_start[index];
    size_t end = index + 1 < s->line_count ? s->line_start[index + 1] : s->len;
    while (end > start && (s->text[end - 1] == '\n' || s->text[end - 1] == '\r'))
        end--;
    l->at = s->text + start;
    l->len = end - start;
    l->from = at.col > s->first_col ? at.col - s->first_col : 0;
    l->to = at.end_line > at.line ? l->len : at.end_col > s->first_col ? at.end_col - s->first_col : 0;
    if (l->from > l->len)
        l->from = l->len;
    if (l->to > l->len)
        l->to = l->len;
    if (l->to <= l->from)
        l->to = l->from + 1;
    return true;
}

static bool starts_char(char c) {
    return ((unsigned char)c & 0xc0) != 0x80;
}

static size_t count_chars(const char *s, size_t len) {
    size_t n = 0;
    for (size_t i = 0; i < len; i++)
        n += starts_char(s[i]);
    return n;
}

/* Cuts a long line down to a window around the marked part. */
static void narrow(shown_line *l, bool *cut_left, bool *cut_right) {
    *cut_left = *cut_right = false;
    if (l->len <= SHOWN_WIDTH)
        return;
    size_t start = l->from > SHOWN_WIDTH / 2 ? l->from - SHOWN_WIDTH / 2 : 0;
    while (start > 0 && !starts_char(l->at[start]))
        start--;
    size_t end = start + SHOWN_WIDTH < l->len ? start + SHOWN_WIDTH : l->len;
    while (end < l->len && !starts_char(l->at[end]))
        end++;
    *cut_left = start > 0;
    *cut_right = end < l->len;
    l->at += start;
    l->len = end - start;
    l->from -= start;
    l->to = l->to - start > l->len ? l->len : l->to - start;
    if (l->to <= l->from)
        l->to = l->from + 1;
}

static void put_source(const shown_line *l, text *out) {
    for (size_t i = 0; i < l->len; i++) {
        unsigned char c = (unsigned char)l->at[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            text_put(out, "?");
        else
            text_putn(out, l->at + i, 1);
    }
}

/* Tabs before the caret stay tabs, so that the caret stands below its character whatever a tab's width is. */
static void put_caret(const shown_line *l, text *out) {
    for (size_t i = 0; i < l->from && i < l->len; i++)
        if (starts_char(l->at[i]))
            text_put(out, l->at[i] == '\t' ? "\t" : " ");
    text_put(out, "^");
    size_t end = l->to < l->len ? l->to : l->len;
    size_t width = end > l->from ? count_chars(l->at + l->from, end - l->from) : 1;
    for (size_t i = 1; i < width; i++)
        text_put(out, "~");
}

static void put_excerpt(shown_line *l, text *out) {
    bool cut_left, cut_right;
    narrow(l, &cut_left, &cut_right);
    text_put(out, cut_left ? "\n    …" : "\n    ");
    put_source(l, out);
    text_put(out, cut_right ? "…\n    " : "\n    ");
    text_put(out, cut_left ? " " : "");
    put_caret(l, out);
}

void diag_render(const diags *d, const diag *item, text *out) {
    const source *s = item->at.line && item->at.file < d->sources.len ? &d->sources.at[item->at.file] : NULL;
    shown_line l;
    bool found = s && find_line(s, item->at, &l);
    if (s) {
        size_t column = found ? s->first_col + count_chars(l.at, l.from) : item->at.col;
        text_printf(out, "%s:%u:%zu: ", s->name, item->at.line, column + 1);
    }
    text_printf(out, "%s: %s", item->class == DIAG_WARNING ? "warning" : "error", item->message);
    if (found)
        put_excerpt(&l, out);
    if (item->hint)
        text_printf(out, "\n    %s", item->hint);
    text_put(out, "\n");
}

const char *diag_class_name(diag_class class) {
    static const char *const names[] = {
        [DIAG_INVALID] = "invalid",    [DIAG_SYNTAX] = "SyntaxError",     [DIAG_UNSUPPORTED] = "UnsupportedError",
        [DIAG_TYPING] = "TypingError", [DIAG_LOWERING] = "LoweringError", [DIAG_RACE] = "ParallelRaceError",
        [DIAG_REQUEST] = "ValueError", [DIAG_INTERNAL] = "InternalError", [DIAG_WARNING] = "warning",
    };
    return (size_t)class < sizeof names / sizeof *names ? names[class] : "invalid";
}
