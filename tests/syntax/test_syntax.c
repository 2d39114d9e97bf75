/* Golden files: errors/NAME.py → NAME.txt (diagnostics), trees/NAME.py → NAME.txt (the tree with places, as ast.dump
 * prints it), tokens/NAME.py → NAME.txt. With PLAIT_BLESS=1 in the environment the expectations are written. */
#include "syntax/syntax.h"
#include <criterion/criterion.h>
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef PLAIT_TEST_DIR
#define PLAIT_TEST_DIR "tests/syntax"
#endif

static arena *a;
static sym_table *syms;
static diags *d;

static void set_up(void) {
    a = arena_new(NULL);
    syms = sym_table_new(a);
    d = diags_new(a);
}

static void tear_down(void) {
    arena_free(a);
}

TestSuite(syntax, .init = set_up, .fini = tear_down);

/* ---- reading ---- */

static ast *parse_bytes(const char *name, const char *chars, size_t len) {
    uint32_t file = diag_add_source(d, name, chars, len, 1, 0);
    return syntax_parse(a, syms, d, file);
}

static ast *parse(const char *chars) {
    return parse_bytes("test.py", chars, strlen(chars));
}

static const char *messages(void) {
    text out = text_new(a);
    for (uint32_t i = 0; i < d->items.len; i++)
        diag_render(d, &d->items.at[i], &out);
    return out.at;
}

static ast *parse_well(const char *chars) {
    ast *tree = parse(chars);
    cr_assert(tree, "%s", messages());
    return tree;
}

static void fails_with(const char *chars, const char *message) {
    cr_assert_null(parse(chars));
    cr_assert(strstr(messages(), message), "expected '%s' in:\n%s", message, messages());
}

/* ---- golden files ---- */

static char *read_file(const char *path, size_t *len) {
    FILE *file = fopen(path, "rb");
    if (!file)
        return NULL;
    fseek(file, 0, SEEK_END);
    *len = (size_t)ftell(file);
    rewind(file);
    char *chars = arena_alloc(a, *len + 1);
    cr_assert_eq(fread(chars, 1, *len, file), *len);
    fclose(file);
    return chars;
}

static void bless(const char *path, const text *out) {
    FILE *file = fopen(path, "wb");
    cr_assert(file, "cannot write %s", path);
    fwrite(out->at, 1, out->len, file);
    fclose(file);
}

static void compare(const char *path, const text *out) {
    if (getenv("PLAIT_BLESS")) {
        bless(path, out);
        return;
    }
    size_t len;
    char *expected = read_file(path, &len);
    cr_assert(expected, "%s is missing", path);
    cr_expect(len == out->len && memcmp(expected, out->at, len) == 0, "%s differs; now it is:\n%s", path, out->at);
}

static void print_errors(const char *name, const char *chars, size_t len, text *out) {
    cr_expect_null(parse_bytes(name, chars, len), "%s is accepted", name);
    text_put(out, messages());
}

static void print_tree(const char *name, const char *chars, size_t len, text *out) {
    ast *tree = parse_bytes(name, chars, len);
    cr_assert(tree, "%s: %s", name, messages());
    ast_print(tree, true, out);
}

static void print_tokens(const char *name, const char *chars, size_t len, text *out) {
    source s = {.name = name, .text = chars, .len = len, .first_line = 1};
    syntax_print_tokens(&s, out);
}

static void check_folder(const char *folder, void (*print)(const char *, const char *, size_t, text *)) {
    char *path = arena_printf(a, "%s/%s", PLAIT_TEST_DIR, folder);
    DIR *dir = opendir(path);
    cr_assert(dir, "%s is missing", path);
    int count = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        const char *dot = strrchr(entry->d_name, '.');
        if (!dot || strcmp(dot, ".py") != 0)
            continue;
        int stem = (int)(dot - entry->d_name);
        size_t len;
        char *chars = read_file(arena_printf(a, "%s/%s", path, entry->d_name), &len);
        text out = text_new(a);
        d = diags_new(a);
        print(entry->d_name, chars, len, &out);
        compare(arena_printf(a, "%s/%.*s.txt", path, stem, entry->d_name), &out);
        count++;
    }
    closedir(dir);
    cr_expect(count > 0);
}

Test(syntax, errors_are_as_in_the_golden_files) {
    check_folder("errors", print_errors);
}

Test(syntax, trees_are_as_in_the_golden_files) {
    check_folder("trees", print_tree);
}

Test(syntax, tokens_are_as_in_the_golden_files) {
    check_folder("tokens", print_tokens);
}

/* ---- limits ---- */

static char *repeat(const char *head, const char *part, int count, const char *tail) {
    size_t length = strlen(part);
    char *chars = arena_alloc(a, strlen(head) + strlen(tail) + length * (size_t)count + 1);
    char *at = stpcpy(chars, head);
    for (int i = 0; i < count; i++)
        at = stpcpy(at, part);
    strcpy(at, tail);
    return chars;
}

Test(syntax, empty_source_is_an_empty_module) {
    cr_assert_eq(parse_well("")->Module.body.len, 0);
}

Test(syntax, a_nul_byte_is_an_error_at_its_place) {
    cr_assert_null(parse_bytes("test.py", "x = 1\nab\0c\n", 11));
    cr_assert_eq(d->items.at[0].at.line, 2);
    cr_assert_eq(d->items.at[0].at.col, 2);
}

Test(syntax, bytes_that_are_not_utf8_are_an_error) {
    fails_with("x = '\xe9'\n", "byte 0xe9 is not UTF-8");
}

Test(syntax, surrogates_and_overlong_forms_are_not_utf8) {
    fails_with("'\xed\xa0\x80'", "is not UTF-8");
    fails_with("'\xc0\x80'", "is not UTF-8");
    fails_with("'\xf4\x90\x80\x80'", "is not UTF-8");
}

Test(syntax, a_byte_order_mark_takes_no_column) {
    ast *tree = parse_well("\xef\xbb\xbfx\n");
    cr_assert_eq(tree->Module.body.at[0]->at.col, 0);
}

Test(syntax, a_hundred_thousand_lines_parse) {
    ast *tree = parse_well(repeat("", "x = x + 1\n", 100000, ""));
    cr_assert_eq(tree->Module.body.len, 100000);
    cr_assert_eq(tree->Module.body.at[99999]->at.line, 100000);
}

Test(syntax, ten_thousand_levels_are_refused) {
    static const char *const parts[] = {"(", "[", "{1:", "-", "not ", "lambda: ", "1 if 1 else ", "f(", "x[", "2**"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        d = diags_new(a);
        cr_assert_null(parse(repeat("x = ", parts[i], 10000, "1\n")), "%s", parts[i]);
        cr_assert(strstr(messages(), "too "), "%s: %s", parts[i], messages());
    }
}

Test(syntax, long_chains_are_refused_before_they_make_a_tree_too_high) {
    static const char *const parts[] = {"+1", ".a", "()", "[0]"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        d = diags_new(a);
        ast *tree = parse_well(repeat("x", parts[i], 1000, "\n"));
        cr_assert_eq(tree->height, 1003);
        cr_assert_null(parse(repeat("x", parts[i], 10000, "\n")), "%s", parts[i]);
        cr_assert(strstr(messages(), "too deeply nested"));
    }
}

Test(syntax, an_elif_chain_may_be_long) {
    parse_well(repeat("if a: pass\n", "elif b: pass\n", 1400, ""));
    fails_with(repeat("if a: pass\n", "elif b: pass\n", 10000, ""), "too deeply nested");
}

Test(syntax, too_many_indented_blocks_are_reported_once) {
    text source_text = text_new(a);
    for (int i = 0; i < 10000; i++) {
        for (int k = 0; k < (i < 300 ? i : 300); k++)
            text_put(&source_text, " ");
        text_put(&source_text, "if x:\n");
    }
    cr_assert_null(parse(source_text.at));
    cr_assert(strstr(messages(), "too many levels of indentation"));
    int reported = 0;
    for (uint32_t i = 0; i < d->items.len; i++)
        reported += strstr(d->items.at[i].message, "too many levels") != NULL;
    cr_assert_eq(reported, 1);
}

Test(syntax, errors_beyond_the_limit_are_counted_out) {
    cr_assert_null(parse(repeat("", "x = = 1\n", 1000, "")));
    cr_assert_eq(d->items.len, d->limit);
}

/* ---- places ---- */

Test(syntax, places_are_those_of_the_users_file) {
    uint32_t file = diag_add_source(d, "f.py", "def f(x):\n    return '''a\nb'''\n", 31, 40, 8);
    ast *tree = syntax_parse(a, syms, d, file);
    cr_assert(tree);
    span at = tree->Module.body.at[0]->FunctionDef.body.at[0]->at;
    cr_assert_eq(at.line, 41);
    cr_assert_eq(at.col, 12);
    cr_assert_eq(at.end_line, 42);
    cr_assert_eq(at.end_col, 12);
}

Test(syntax, errors_in_a_cut_out_function_show_its_own_line) {
    uint32_t file = diag_add_source(d, "f.py", "def f(x):\n    return = 1\n", 25, 40, 8);
    cr_assert_null(syntax_parse(a, syms, d, file));
    cr_assert_str_eq(messages(), "f.py:41:20: error: '=' does not belong here\n"
                                 "        return = 1\n"
                                 "               ^\n"
                                 "    write == to compare, := to assign within an expression\n");
}

/* ---- expressions, searches ---- */

static ast *parse_one(const char *chars) {
    uint32_t file = diag_add_source(d, "e.py", chars, strlen(chars), 1, 0);
    return syntax_parse_expression(a, syms, d, file);
}

Test(syntax, an_expression_may_stand_on_several_lines) {
    cr_assert_eq(parse_one("  a +\n b ")->kind, AST_BinOp);
    cr_assert_eq(parse_one("lambda x: x")->kind, AST_Lambda);
}

Test(syntax, a_statement_is_no_expression) {
    cr_assert_null(parse_one("x = 1"));
    cr_assert_eq(d->errors, 1);
    cr_assert_null(parse_one(""));
    cr_assert_eq(d->errors, 2);
}

static const char *const several = "if a:\n"
                                   "    def f(): pass\n"
                                   "else:\n"
                                   "    def g():\n"
                                   "        def f():\n"
                                   "            pass\n"
                                   "        return f, lambda: 1, lambda: 2\n"
                                   "@jit\n"
                                   "def f():\n"
                                   "    pass\n";

Test(syntax, find_takes_the_first_function_of_a_module) {
    ast *found = syntax_find_function(parse_well(several), sym_of(syms, "f"), 0, 0);
    cr_assert(found);
    cr_assert_eq(found->at.line, 2);
}

Test(syntax, find_takes_the_innermost_function_around_a_line) {
    ast *tree = parse_well(several);
    cr_assert_eq(syntax_find_function(tree, sym_of(syms, "f"), 6, 0)->at.line, 5);
    cr_assert_eq(syntax_find_function(tree, sym_of(syms, "f"), 8, 0)->at.line, 9);
    cr_assert_null(syntax_find_function(tree, sym_of(syms, "f"), 4, 0));
    cr_assert_null(syntax_find_function(tree, sym_of(syms, "h"), 0, 0));
}

Test(syntax, find_takes_the_lambda_at_a_column) {
    ast *tree = parse_well(several);
    cr_assert_eq(syntax_find_function(tree, sym_of(syms, "<lambda>"), 7, 0)->at.col, 18);
    cr_assert_eq(syntax_find_function(tree, sym_of(syms, "<lambda>"), 7, 29)->at.col, 29);
    cr_assert_null(syntax_find_function(tree, sym_of(syms, "<lambda>"), 2, 0));
}

/* ---- numbers ---- */

static const ast *constant(const char *chars) {
    const ast *node = parse_one(chars);
    cr_assert(node && node->kind == AST_Constant, "%s: %s", chars, messages());
    return node;
}

Test(syntax, reals_are_rounded_as_python_rounds_them) {
    cr_assert_eq(constant("0.1")->Constant.real, 0.1);
    cr_assert_eq(constant("1_0.0_1e-2_2")->Constant.real, 10.01e-22);
    cr_assert_eq(constant("9007199254740993.0")->Constant.real, 9007199254740992.0);
    cr_assert_eq(constant("2.2250738585072011e-308")->Constant.real, 2.2250738585072011e-308);
    cr_assert_eq(constant("1e999999999999999999999")->Constant.real, HUGE_VAL);
    cr_assert_eq(constant("0e999999999999")->Constant.real, 0.0);
    cr_assert_eq(constant("000.5j")->Constant.real, 0.5);
}

Test(syntax, integers_beyond_64_bits_keep_their_digits) {
    const ast *node = constant("0xFFFF_FFFF_FFFF_FFFF");
    cr_assert(node->Constant.fits);
    cr_assert_str_eq(node->Constant.text, "18446744073709551615");
    node = constant("18_446744073709551616");
    cr_assert(!node->Constant.fits);
    cr_assert_str_eq(node->Constant.text, "18446744073709551616");
}

Test(syntax, strings_may_hold_nul_and_surrogates) {
    const ast *node = constant("'a\\0\\ud800'");
    cr_assert_eq(node->Constant.text_len, 5);
    cr_assert_arr_eq(node->Constant.text, "a\0\xed\xa0\x80", 5);
}

/* ---- JSON ---- */

Test(syntax, json_names_every_field) {
    text out = text_new(a);
    ast_print_json(parse_well("a.b\n"), &out);
    cr_assert_str_eq(
        out.at,
        "{\"_\": \"Module\", \"body\": [{\"_\": \"Expr\", \"lineno\": 1, \"col_offset\": 0, \"end_lineno\": 1, "
        "\"end_col_offset\": 3, \"value\": {\"_\": \"Attribute\", \"lineno\": 1, \"col_offset\": 0, \"end_lineno\": 1, "
        "\"end_col_offset\": 3, \"value\": {\"_\": \"Name\", \"lineno\": 1, \"col_offset\": 0, \"end_lineno\": 1, "
        "\"end_col_offset\": 1, \"id\": \"a\", \"ctx\": \"Load\"}, \"attr\": \"b\", \"ctx\": \"Load\"}}]}\n");
}
