/* Reads sources from stdin, each as "LENGTH\n" and so many bytes, and writes for each "ok LENGTH\n" and a dump of its
 * tree, or "error LENGTH\n" and the diagnostics. The dump has a line for every node in preorder: kind, place, then its
 * fields in CPython's order: names as =name, the length of lists, + or - for a child that is there or not, text in
 * hexadecimal. The test builds the same text from CPython's tree and compares the two.
 *
 * With an argument "json" trees are JSON, with "heights" the dump is checked to agree with the nodes' heights. */
#include "syntax/syntax.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELD(T, node, field) (*(T const *)(const void *)((const char *)(node) + (field)->offset))

static void put_hex(text *out, const char *chars, size_t len) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)chars[i];
        text_putn(out, (char[]){digits[c >> 4], digits[c & 15]}, 2);
    }
}

/* Integers beyond 64 bits keep their source's digits: compared by their remainder. */
static void put_big(text *out, const char *digits) {
    const uint64_t prime = 2305843009213693951u;
    bool prefixed = digits[0] == '0';
    unsigned base = !prefixed ? 10 : (digits[1] | 32) == 'x' ? 16 : (digits[1] | 32) == 'o' ? 8 : 2;
    unsigned __int128 value = 0;
    for (const char *p = digits + (prefixed ? 2 : 0); *p; p++) {
        unsigned digit = *p <= '9' ? (unsigned)(*p - '0') : (unsigned)((*p | 32) - 'a' + 10);
        value = (value * base + digit) % prime;
    }
    text_printf(out, " big %llu", (unsigned long long)value);
}

static void put_bits(text *out, const char *type, double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    text_printf(out, " %s %016llx", type, (unsigned long long)bits);
}

static void put_constant(text *out, const ast *node) {
    static const char *const words[] = {" invalid", " None", " True", " False", " Ellipsis"};
    switch (node->Constant.type) {
    case CONST_int:
        if (node->Constant.fits)
            text_printf(out, " int %s", node->Constant.text);
        else
            put_big(out, node->Constant.text);
        break;
    case CONST_float:
        put_bits(out, "float", node->Constant.real);
        break;
    case CONST_complex:
        put_bits(out, "complex", node->Constant.real);
        break;
    case CONST_str:
    case CONST_bytes:
        text_put(out, node->Constant.type == CONST_bytes ? " bytes "
                      : node->Constant.unicode_kind      ? " ustr "
                                                         : " str ");
        put_hex(out, node->Constant.text, node->Constant.text_len);
        break;
    default:
        text_put(out, words[node->Constant.type]);
    }
}

static void put_field(text *out, const ast *node, const ast_field *f) {
    static const char *const contexts[] = {"invalid", "Load", "Store", "Del"};
    switch (f->type) {
    case FIELD_NODE:
        text_put(out, FIELD(ast *, node, f) ? " +" : " -");
        break;
    case FIELD_LIST:
        text_printf(out, " %u", FIELD(ast_list, node, f).len);
        break;
    case FIELD_SYM:
        text_printf(out, " =%s", FIELD(sym, node, f) ? FIELD(sym, node, f)->text : "");
        break;
    case FIELD_SYMS:
        for (uint32_t i = 0; i < FIELD(sym_list, node, f).len; i++)
            text_printf(out, " =%s", FIELD(sym_list, node, f).at[i]->text);
        break;
    case FIELD_OP:
        text_printf(out, " %s", ast_op_name(FIELD(ast_op, node, f)));
        break;
    case FIELD_OPS:
        for (uint32_t i = 0; i < node->Compare.comparators.len; i++)
            text_printf(out, " %s", ast_op_name(node->Compare.ops[i]));
        break;
    case FIELD_CTX:
        text_printf(out, " %s", contexts[FIELD(ast_ctx, node, f)]);
        break;
    case FIELD_UINT:
        text_printf(out, " %u", FIELD(uint32_t, node, f));
        break;
    case FIELD_CONVERSION:
        text_printf(out, " %d", FIELD(int, node, f));
        break;
    case FIELD_FLAG:
        text_printf(out, " %d", FIELD(bool, node, f));
        break;
    case FIELD_TEXT:
        text_printf(out, " %s", FIELD(const char *, node, f));
        break;
    case FIELD_CONSTANT:
        put_constant(out, node);
        break;
    case FIELD_INVALID:
        break;
    }
}

/* Returns the height, so that it can be compared with the node's. */
static unsigned dump(text *out, const ast *node) {
    const ast_layout *layout = ast_layout_of(node->kind);
    unsigned height = 0;
    text_put(out, layout->name);
    if (layout->placed)
        text_printf(out, " %u %u %u %u", node->at.line, node->at.col, node->at.end_line, node->at.end_col);
    for (uint32_t i = 0; i < layout->count; i++)
        put_field(out, node, &layout->fields[i]);
    text_put(out, "\n");
    for (uint32_t i = 0; i < layout->count; i++) {
        const ast_field *f = &layout->fields[i];
        ast_list children = {0};
        ast *only;
        if (f->type == FIELD_LIST)
            children = FIELD(ast_list, node, f);
        else if (f->type == FIELD_NODE && (only = FIELD(ast *, node, f)))
            children = (ast_list){&only, 1};
        for (uint32_t k = 0; k < children.len; k++) {
            unsigned below = 0;
            if (children.at[k])
                below = dump(out, children.at[k]);
            else
                text_put(out, "None\n");
            height = below > height ? below : height;
        }
    }
    if (height + 1 != node->height)
        text_printf(out, "height of %s is %u, not %u\n", layout->name, height + 1, node->height);
    return height + 1;
}

static void answer(const char *chars, size_t len, bool json) {
    arena *a = arena_new(NULL);
    diags *d = diags_new(a);
    uint32_t file = diag_add_source(d, "source.py", chars, len, 1, 0);
    ast *tree = syntax_parse(a, sym_table_new(a), d, file);
    text out = text_new(a);
    if (tree && json)
        ast_print_json(tree, &out);
    else if (tree)
        dump(&out, tree);
    for (uint32_t i = 0; i < d->items.len; i++) {
        text_printf(&out, "%s ", diag_class_name(d->items.at[i].class));
        diag_render(d, &d->items.at[i], &out);
    }
    printf("%s %zu\n", tree ? "ok" : "error", out.len);
    fwrite(out.at, 1, out.len, stdout);
    arena_free(a);
}

int main(int argc, char **argv) {
    bool json = argc > 1 && strcmp(argv[1], "json") == 0;
    size_t len;
    while (scanf("%zu", &len) == 1 && getchar() == '\n') {
        char *chars = malloc(len + 1);
        if (!chars || fread(chars, 1, len, stdin) != len)
            return 1;
        chars[len] = '\0';
        answer(chars, len, json);
        free(chars);
        fflush(stdout);
    }
    return 0;
}
