#include "support/arena.h"
#include "support/diag.h"
#include "support/sym.h"
#include "support/text.h"
#include <criterion/criterion.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static arena *a;

static void set_up(void) {
    a = arena_new(NULL);
}

static void tear_down(void) {
    arena_free(a);
}

TestSuite(support, .init = set_up, .fini = tear_down);

/* ---- arena ---- */

Test(support, arena_memory_is_zero_and_aligned) {
    for (size_t size = 0; size < 300000; size = size * 2 + 7) {
        unsigned char *at = arena_alloc(a, size);
        cr_assert_eq((uintptr_t)at % 16, 0);
        for (size_t i = 0; i < size; i++)
            cr_assert_eq(at[i], 0);
        memset(at, 0xff, size);
    }
}

Test(support, arena_allocations_do_not_overlap) {
    unsigned char *at[500];
    for (int i = 0; i < 500; i++) {
        at[i] = arena_alloc(a, (size_t)i * 37 % 5000 + 1);
        memset(at[i], i % 251, (size_t)i * 37 % 5000 + 1);
    }
    for (int i = 0; i < 500; i++)
        for (int k = 0; k < i * 37 % 5000 + 1; k++)
            cr_assert_eq(at[i][k], i % 251);
}

Test(support, exhausted_arena_jumps) {
    jmp_buf env;
    arena *small = arena_new(&env);
    int jumped = setjmp(env);
    if (!jumped) {
        arena_alloc(small, SIZE_MAX / 2);
        cr_assert_fail("did not jump");
    }
    cr_assert_eq(jumped, 1);
    arena_free(small);
}

Test(support, exhausted_arena_without_a_jump_gives_null) {
    cr_assert_null(arena_alloc(a, SIZE_MAX));
    cr_assert_null(arena_alloc(a, SIZE_MAX / 2));
    cr_assert_not_null(arena_alloc(a, 1));
}

Test(support, arena_free_takes_null) {
    arena_free(NULL);
}

Test(support, vectors_grow) {
    VEC(int) v = {0};
    for (int i = 0; i < 10000; i++)
        vec_push(a, &v, i);
    cr_assert_eq(v.len, 10000);
    for (int i = 0; i < 10000; i++)
        cr_assert_eq(v.at[i], i);
}

Test(support, arena_printf_prints) {
    cr_assert_str_eq(arena_printf(a, "%s-%d", "x", 42), "x-42");
    cr_assert_str_eq(arena_strndup(a, "abcdef", 3), "abc");
}

/* ---- symbols ---- */

Test(support, equal_text_is_one_symbol) {
    sym_table *t = sym_table_new(a);
    char name[16];
    sym symbols[3000];
    for (int i = 0; i < 3000; i++) {
        snprintf(name, sizeof name, "name%d", i);
        symbols[i] = sym_of(t, name);
    }
    for (int i = 0; i < 3000; i++) {
        snprintf(name, sizeof name, "name%d", i);
        cr_assert_eq(sym_of(t, name), symbols[i]);
        cr_assert(sym_is(symbols[i], name));
        cr_assert(i == 0 || symbols[i] != symbols[i - 1]);
    }
}

Test(support, symbols_may_hold_nul_and_be_empty) {
    sym_table *t = sym_table_new(a);
    cr_assert_neq(sym_intern(t, "a\0b", 3), sym_intern(t, "a\0c", 3));
    cr_assert_neq(sym_intern(t, "a\0", 2), sym_intern(t, "a", 1));
    cr_assert_eq(sym_of(t, "")->len, 0);
    cr_assert(!sym_is(NULL, ""));
    cr_assert(!sym_is(sym_intern(t, "ab", 2), "a"));
}

/* ---- text ---- */

static const char *printed(double x) {
    text t = text_new(a);
    text_put_double(&t, x);
    return t.at;
}

Test(support, doubles_are_printed_as_python_prints_them) {
    cr_assert_str_eq(printed(1), "1.0");
    cr_assert_str_eq(printed(-0.0), "-0.0");
    cr_assert_str_eq(printed(0.1), "0.1");
    cr_assert_str_eq(printed(0.1 + 0.2), "0.30000000000000004");
    cr_assert_str_eq(printed(1e15), "1000000000000000.0");
    cr_assert_str_eq(printed(1e16), "1e+16");
    cr_assert_str_eq(printed(123456789012345680.0), "1.2345678901234568e+17");
    cr_assert_str_eq(printed(0.0001), "0.0001");
    cr_assert_str_eq(printed(0.00001), "1e-05");
    cr_assert_str_eq(printed(1.5e300), "1.5e+300");
    cr_assert_str_eq(printed(DBL_MAX), "1.7976931348623157e+308");
    cr_assert_str_eq(printed(5e-324), "5e-324");
    cr_assert_str_eq(printed(INFINITY), "inf");
    cr_assert_str_eq(printed(-INFINITY), "-inf");
    cr_assert_str_eq(printed(NAN), "nan");
}

Test(support, printed_doubles_read_back) {
    uint64_t state = 1;
    for (int i = 0; i < 20000; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        double x;
        memcpy(&x, &state, sizeof x);
        if (isfinite(x))
            cr_assert_eq(strtod(printed(x), NULL), x, "%s", printed(x));
    }
}

Test(support, doubles_have_a_point_in_every_locale) {
    static const char *const locales[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "fr_FR"};
    for (int i = 0; i < 4; i++)
        if (setlocale(LC_NUMERIC, locales[i]))
            break;
    cr_assert_str_eq(printed(2.5), "2.5");
    cr_assert_str_eq(printed(2.5e-9), "2.5e-09");
}

static const char *json(const char *s, size_t len) {
    text t = text_new(a);
    text_put_json(&t, s, len);
    return t.at;
}

Test(support, json_strings_are_escaped) {
    cr_assert_str_eq(json("a\"b\\c\n\t\x01", 8), "\"a\\\"b\\\\c\\n\\t\\u0001\"");
    cr_assert_str_eq(json("\0", 1), "\"\\u0000\"");
    cr_assert_str_eq(json("\xc3\xa9\xf0\x9f\x98\x80", 6), "\"\xc3\xa9\xf0\x9f\x98\x80\"");
}

Test(support, json_strings_keep_what_is_not_utf8_as_escapes) {
    cr_assert_str_eq(json("a\xff", 2), "\"a\\udcff\"");
    cr_assert_str_eq(json("\xc3", 1), "\"\\udcc3\"");
    cr_assert_str_eq(json("\xed\xa0\x80", 3), "\"\\ud800\"");
    cr_assert_str_eq(json("\xc0\x80", 2), "\"\\udcc0\\udc80\"");
}

Test(support, text_grows) {
    text t = text_new(a);
    cr_assert_str_eq(t.at, "");
    for (int i = 0; i < 10000; i++)
        text_printf(&t, "%d,", i % 10);
    cr_assert_eq(t.len, 20000);
    cr_assert_eq(strlen(t.at), 20000);
}

/* ---- diagnostics ---- */

static const char *const source_text = "def f(x):\n\ty = \xc3\xa9 + z\n    return y\r\nlast";

static const char *render(span at, diag_class class, const char *hint) {
    diags *d = diags_new(a);
    diag_add_source(d, "k.py", source_text, strlen(source_text), 10, 4);
    diag_report(d, class, at, hint, "name '%s' is not defined", "z");
    text out = text_new(a);
    diag_render(d, &d->items.at[0], &out);
    return out.at;
}

Test(support, a_diagnostic_shows_place_cause_line_caret_and_remedy) {
    cr_assert_str_eq(render((span){0, 12, 15, 12, 16}, DIAG_TYPING, "define it"),
                     "k.py:12:16: error: name 'z' is not defined\n"
                     "        return y\n"
                     "               ^\n"
                     "    define it\n");
}

Test(support, a_caret_counts_characters_and_keeps_tabs) {
    cr_assert_str_eq(render((span){0, 11, 9, 11, 15}, DIAG_TYPING, NULL), "k.py:11:10: error: name 'z' is not defined\n"
                                                                          "    \ty = \xc3\xa9 + z\n"
                                                                          "    \t    ^~~~~\n");
}

Test(support, a_place_over_several_lines_is_marked_to_the_end_of_its_first) {
    cr_assert_str_eq(render((span){0, 10, 8, 12, 6}, DIAG_WARNING, NULL),
                     "k.py:10:9: warning: name 'z' is not defined\n"
                     "    def f(x):\n"
                     "        ^~~~~\n");
}

Test(support, a_place_outside_the_text_has_no_excerpt) {
    cr_assert_str_eq(render((span){0, 99, 0, 99, 1}, DIAG_TYPING, NULL), "k.py:99:1: error: name 'z' is not defined\n");
    cr_assert_str_eq(render((span){0, 3, 0, 3, 1}, DIAG_TYPING, NULL), "k.py:3:1: error: name 'z' is not defined\n");
    cr_assert_str_eq(render((span){0, 0, 0, 0, 0}, DIAG_REQUEST, NULL), "error: name 'z' is not defined\n");
    cr_assert_str_eq(render((span){7, 1, 0, 1, 0}, DIAG_REQUEST, NULL), "error: name 'z' is not defined\n");
    cr_assert_str_eq(render((span){0, 13, 900, 13, 901}, DIAG_TYPING, NULL),
                     "k.py:13:9: error: name 'z' is not defined\n"
                     "    last\n"
                     "        ^\n");
}

Test(support, long_lines_are_cut_around_the_place) {
    char line[1001];
    memset(line, 'x', 1000);
    line[1000] = '\0';
    line[500] = '?';
    diags *d = diags_new(a);
    diag_add_source(d, "k.py", line, 1000, 1, 0);
    diag_report(d, DIAG_SYNTAX, (span){0, 1, 500, 1, 501}, NULL, "odd");
    text out = text_new(a);
    diag_render(d, &d->items.at[0], &out);
    cr_assert_lt(out.len, 400);
    cr_assert(strstr(out.at, "x?x"));
    cr_assert(strstr(out.at, "…"));
}

Test(support, errors_beyond_the_limit_are_counted_and_warnings_do_not_count) {
    diags *d = diags_new(a);
    for (int i = 0; i < 50; i++)
        diag_report(d, DIAG_TYPING, (span){0}, NULL, "error %d", i);
    diag_report(d, DIAG_WARNING, (span){0}, NULL, "warning");
    cr_assert_eq(d->errors, 50);
    cr_assert_eq(d->items.len, d->limit + 1);
}

Test(support, every_class_has_a_name) {
    for (int class = DIAG_SYNTAX; class <= DIAG_WARNING; class ++)
        cr_assert_str_neq(diag_class_name((diag_class) class), "invalid");
    cr_assert_str_eq(diag_class_name((diag_class)99), "invalid");
}
