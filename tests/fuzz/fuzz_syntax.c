/* Lexer and parser on arbitrary bytes: no crash, no undefined behaviour, and memory that is linear in the input. What
 * parses is printed and searched as well. The first byte of the input chooses between a module and an expression.
 *
 * Seeds: tests/fuzz/fuzz_syntax, and the golden sources under tests/syntax. */
#include "syntax/syntax.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Bytes of arena that an input of `size` bytes may take; the constant covers the parser's own structures and the
 * messages of the errors that are kept. */
static size_t allowance(size_t size) {
    return ((size_t)1 << 20) + size * 2000;
}

static void check_height(void *context, ast *node) {
    const ast *parent = context;
    if (node->height >= parent->height || parent->height > AST_MAX_HEIGHT)
        abort();
    ast_each_child(node, check_height, node);
}

static void use(arena *a, sym_table *syms, ast *tree) {
    check_height(&(ast){.height = AST_MAX_HEIGHT}, tree);
    text out = text_new(a);
    ast_print(tree, true, &out);
    out.len = 0;
    ast_print_json(tree, &out);
    if (tree->kind != AST_Module)
        return;
    syntax_find_function(tree, sym_of(syms, "f"), 0, 0);
    syntax_find_function(tree, sym_of(syms, "f"), 3, 0);
    syntax_find_function(tree, sym_of(syms, "<lambda>"), 1, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!size)
        return 0;
    arena *a = arena_new(NULL);
    sym_table *syms = sym_table_new(a);
    diags *d = diags_new(a);
    char *chars = arena_strndup(a, (const char *)data + 1, size - 1);
    uint32_t file = diag_add_source(d, "fuzz.py", chars, size - 1, data[0] & 2 ? 7 : 1, data[0] & 4 ? 4 : 0);
    ast *tree = data[0] & 1 ? syntax_parse_expression(a, syms, d, file) : syntax_parse(a, syms, d, file);
    if (!tree != (d->errors > 0) || arena_used(a) > allowance(size))
        abort();
    text out = text_new(a);
    for (uint32_t i = 0; i < d->items.len; i++)
        diag_render(d, &d->items.at[i], &out);
    if (tree)
        use(a, syms, tree);
    out.len = 0;
    syntax_print_tokens(&d->sources.at[file], &out);
    arena_free(a);
    return 0;
}
