/* Printers of tokens and trees. Trees are walked by their layout table, so no printer knows a node. */
#include "syntax/lexer.h"
#include "syntax/syntax.h"
#include <math.h>
#include <string.h>

/* ---- tokens ---- */

static void print_token(const token *t, text *out) {
    text_printf(out, "%u:%u-%u:%u %s", t->line, t->col, t->end_line, t->end_col, token_kind_name(t->kind));
    if (t->kind >= TOKEN_NAME || t->kind == TOKEN_ERROR) {
        text_put(out, " ");
        text_put_json(out, t->at, t->len);
    }
    text_put(out, "\n");
}

void syntax_print_tokens(const source *s, text *out) {
    diags *d = diags_new(out->a);
    uint32_t file = diag_add_source(d, s->name, s->text, s->len, s->first_line, s->first_col);
    if (lexer_check_text(d, file)) {
        lexer *l = arena_make(out->a, lexer);
        token_kind last;
        lexer_open(l, out->a, d, file);
        do {
            l->tokens.len = 0;
            lexer_read_line(l);
            for (uint32_t i = 0; i < l->tokens.len; i++)
                print_token(&l->tokens.at[i], out);
            last = l->tokens.at[l->tokens.len - 1].kind;
        } while (last != TOKEN_END);
    }
    for (uint32_t i = 0; i < d->items.len; i++)
        diag_render(d, &d->items.at[i], out);
}

/* ---- fields ---- */

#define FIELD(T, node, field) (*(T const *)(const void *)((const char *)(node) + (field)->offset))

static const char *const context_names[] = {"invalid", "Load", "Store", "Del"};

/* ---- as ast.dump prints ---- */

typedef struct dump {
    text *out;
    bool spans;
} dump;

static void new_line(dump *d, uint32_t level) {
    text_put(d->out, "\n");
    for (uint32_t i = 0; i < level; i++)
        text_put(d->out, "  ");
}

/* Python's repr of text or bytes, but that characters beyond ASCII stay as they are. */
static void put_repr(text *out, const char *chars, size_t len, bool bytes) {
    static const char named[] = "\\\n\r\t", letters[] = "\\nrt";
    char quote = memchr(chars, '\'', len) && !memchr(chars, '"', len) ? '"' : '\'';
    text_printf(out, "%s%c", bytes ? "b" : "", quote);
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)chars[i];
        const char *found = c ? strchr(named, c) : NULL;
        if (found)
            text_printf(out, "\\%c", letters[found - named]);
        else if (c == (unsigned char)quote)
            text_printf(out, "\\%c", c);
        else if (c < 0x20 || c == 0x7f || (bytes && c >= 0x80))
            text_printf(out, "\\x%02x", c);
        else
            text_putn(out, chars + i, 1);
    }
    text_printf(out, "%c", quote);
}

/* Complex parts without a fraction are printed without one: 2j. */
static void put_imaginary(text *out, double x) {
    size_t from = out->len;
    text_put_double(out, x);
    if (out->len - from > 2 && memcmp(out->at + out->len - 2, ".0", 2) == 0)
        out->at[out->len -= 2] = '\0';
    text_put(out, "j");
}

static void put_constant(text *out, const ast *node) {
    switch (node->Constant.type) {
    case CONST_None:
        text_put(out, "None");
        break;
    case CONST_True:
        text_put(out, "True");
        break;
    case CONST_False:
        text_put(out, "False");
        break;
    case CONST_Ellipsis:
        text_put(out, "Ellipsis");
        break;
    case CONST_int:
        text_putn(out, node->Constant.text, node->Constant.text_len);
        break;
    case CONST_float:
        text_put_double(out, node->Constant.real);
        break;
    case CONST_complex:
        put_imaginary(out, node->Constant.real);
        break;
    case CONST_str:
    case CONST_bytes:
        put_repr(out, node->Constant.text, node->Constant.text_len, node->Constant.type == CONST_bytes);
        break;
    case CONST_INVALID:
        text_put(out, "invalid");
        break;
    }
}

/* Fields that CPython leaves out when they are None. */
static bool is_left_out(const ast *node, const ast_field *f) {
    if (f->type == FIELD_NODE)
        return !FIELD(ast *, node, f);
    return f->type == FIELD_SYM && !FIELD(sym, node, f);
}

/* A node stands on one line when it has at most three arguments, none of which has parts. */
static bool is_one_line(const dump *d, const ast *node) {
    const ast_layout *layout = ast_layout_of(node->kind);
    uint32_t count = node->kind == AST_Module || (node->kind == AST_Constant && node->Constant.unicode_kind);
    for (uint32_t i = 0; i < layout->count; i++) {
        const ast_field *f = &layout->fields[i];
        bool has_parts = (f->type == FIELD_NODE && FIELD(ast *, node, f)) || f->type == FIELD_OPS ||
                         (f->type == FIELD_LIST && FIELD(ast_list, node, f).len) || f->type == FIELD_SYMS;
        if (has_parts)
            return false;
        count += !is_left_out(node, f);
    }
    return count + (d->spans && layout->placed ? 4u : 0) <= 3;
}

static void dump_node(dump *d, const ast *node, uint32_t level);

static void dump_list(dump *d, const ast_list *list, uint32_t level) {
    if (!list->len) {
        text_put(d->out, "[]");
        return;
    }
    text_put(d->out, "[");
    for (uint32_t i = 0; i < list->len; i++) {
        text_put(d->out, i ? "," : "");
        new_line(d, level + 1);
        if (list->at[i])
            dump_node(d, list->at[i], level + 1);
        else
            text_put(d->out, "None");
    }
    text_put(d->out, "]");
}

static void dump_syms(dump *d, const sym_list *list, uint32_t level) {
    text_put(d->out, "[");
    for (uint32_t i = 0; i < list->len; i++) {
        text_put(d->out, i ? "," : "");
        new_line(d, level + 1);
        text_printf(d->out, "'%s'", list->at[i]->text);
    }
    text_put(d->out, "]");
}

static void dump_ops(dump *d, const ast *node, uint32_t level) {
    text_put(d->out, "[");
    for (uint32_t i = 0; i < node->Compare.comparators.len; i++) {
        text_put(d->out, i ? "," : "");
        new_line(d, level + 1);
        text_printf(d->out, "%s()", ast_op_name(node->Compare.ops[i]));
    }
    text_put(d->out, "]");
}

static void dump_field(dump *d, const ast *node, const ast_field *f, uint32_t level) {
    switch (f->type) {
    case FIELD_NODE:
        dump_node(d, FIELD(ast *, node, f), level);
        break;
    case FIELD_LIST:
        dump_list(d, &FIELD(ast_list, node, f), level);
        break;
    case FIELD_SYM:
        text_printf(d->out, "'%s'", FIELD(sym, node, f)->text);
        break;
    case FIELD_SYMS:
        dump_syms(d, &FIELD(sym_list, node, f), level);
        break;
    case FIELD_OP:
        text_printf(d->out, "%s()", ast_op_name(FIELD(ast_op, node, f)));
        break;
    case FIELD_OPS:
        dump_ops(d, node, level);
        break;
    case FIELD_CTX:
        text_printf(d->out, "%s()", context_names[FIELD(ast_ctx, node, f)]);
        break;
    case FIELD_UINT:
        text_printf(d->out, "%u", FIELD(uint32_t, node, f));
        break;
    case FIELD_CONVERSION:
        text_printf(d->out, "%d", FIELD(int, node, f));
        break;
    case FIELD_FLAG:
        text_put(d->out, FIELD(bool, node, f) ? "1" : "0");
        break;
    case FIELD_CONSTANT:
        put_constant(d->out, node);
        break;
    case FIELD_TEXT:
        text_printf(d->out, "'%s'", FIELD(const char *, node, f));
        break;
    case FIELD_INVALID:
        break;
    }
}

static void separate(dump *d, bool one_line, bool first, uint32_t level) {
    if (one_line) {
        text_put(d->out, first ? "" : ", ");
        return;
    }
    text_put(d->out, first ? "" : ",");
    new_line(d, level);
}

static void dump_node(dump *d, const ast *node, uint32_t level) {
    const ast_layout *layout = ast_layout_of(node->kind);
    bool one_line = is_one_line(d, node), first = true;
    text_printf(d->out, "%s(", layout->name);
    for (uint32_t i = 0; i < layout->count; i++) {
        if (is_left_out(node, &layout->fields[i]))
            continue;
        separate(d, one_line, first, level + 1);
        text_printf(d->out, "%s=", layout->fields[i].name);
        dump_field(d, node, &layout->fields[i], level + 1);
        first = false;
    }
    if (node->kind == AST_Module || (node->kind == AST_Constant && node->Constant.unicode_kind)) {
        separate(d, one_line, first, level + 1);
        text_put(d->out, node->kind == AST_Module ? "type_ignores=[]" : "kind='u'");
        first = false;
    }
    if (d->spans && layout->placed) {
        static const char *const names[] = {"lineno", "col_offset", "end_lineno", "end_col_offset"};
        const uint32_t values[] = {node->at.line, node->at.col, node->at.end_line, node->at.end_col};
        for (int i = 0; i < 4; i++) {
            separate(d, one_line, first, level + 1);
            text_printf(d->out, "%s=%u", names[i], values[i]);
            first = false;
        }
    }
    text_put(d->out, ")");
}

void ast_print(const ast *tree, bool spans, text *out) {
    dump d = {out, spans};
    dump_node(&d, tree, 0);
    text_put(out, "\n");
}

/* ---- JSON ---- */

static void json_node(const ast *node, text *out);

static void json_real(double x, text *out) {
    text_put(out, isinf(x) ? "\"" : "");
    text_put_double(out, x);
    text_put(out, isinf(x) ? "\"" : "");
}

static void json_bytes(const char *chars, size_t len, text *out) {
    text_put(out, "\"");
    for (size_t i = 0; i < len; i++)
        text_printf(out, "\\u%04x", (unsigned char)chars[i]);
    text_put(out, "\"");
}

/* "type" tells what "value" is. Integers that were not written in decimal and do not fit 64 bits are strings. */
static void json_constant(const ast *node, text *out) {
    static const char *const types[] = {"invalid", "None",  "True",    "False", "Ellipsis",
                                        "int",     "float", "complex", "str",   "bytes"};
    const char *chars = node->Constant.text;
    size_t len = node->Constant.text_len;
    text_printf(out, ", \"type\": \"%s\", \"value\": ", types[node->Constant.type]);
    switch (node->Constant.type) {
    case CONST_int:
        if (node->Constant.fits || chars[0] != '0')
            text_putn(out, chars, len);
        else
            text_put_json(out, chars, len);
        break;
    case CONST_float:
    case CONST_complex:
        json_real(node->Constant.real, out);
        break;
    case CONST_str:
        text_put_json(out, chars, len);
        break;
    case CONST_bytes:
        json_bytes(chars, len, out);
        break;
    default:
        text_put(out, "null");
    }
    if (node->Constant.unicode_kind)
        text_put(out, ", \"kind\": \"u\"");
}

static void json_child(const ast *node, text *out) {
    if (node)
        json_node(node, out);
    else
        text_put(out, "null");
}

static void json_sym(sym s, text *out) {
    if (s)
        text_put_json(out, s->text, s->len);
    else
        text_put(out, "null");
}

/* Items of FIELD_LIST, FIELD_SYMS and FIELD_OPS. */
static void json_items(const ast *node, const ast_field *f, text *out) {
    const ast_list *list = &FIELD(ast_list, node, f);
    const sym_list *syms = &FIELD(sym_list, node, f);
    uint32_t len = f->type == FIELD_LIST   ? list->len
                   : f->type == FIELD_SYMS ? syms->len
                                           : node->Compare.comparators.len;
    text_put(out, "[");
    for (uint32_t i = 0; i < len; i++) {
        text_put(out, i ? ", " : "");
        if (f->type == FIELD_LIST)
            json_child(list->at[i], out);
        else if (f->type == FIELD_SYMS)
            json_sym(syms->at[i], out);
        else
            text_printf(out, "\"%s\"", ast_op_name(node->Compare.ops[i]));
    }
    text_put(out, "]");
}

static void json_field(const ast *node, const ast_field *f, text *out) {
    switch (f->type) {
    case FIELD_NODE:
        json_child(FIELD(ast *, node, f), out);
        break;
    case FIELD_LIST:
    case FIELD_SYMS:
    case FIELD_OPS:
        json_items(node, f, out);
        break;
    case FIELD_SYM:
        json_sym(FIELD(sym, node, f), out);
        break;
    case FIELD_OP:
        text_printf(out, "\"%s\"", ast_op_name(FIELD(ast_op, node, f)));
        break;
    case FIELD_CTX:
        text_printf(out, "\"%s\"", context_names[FIELD(ast_ctx, node, f)]);
        break;
    case FIELD_UINT:
        text_printf(out, "%u", FIELD(uint32_t, node, f));
        break;
    case FIELD_CONVERSION:
        text_printf(out, "%d", FIELD(int, node, f));
        break;
    case FIELD_FLAG:
        text_put(out, FIELD(bool, node, f) ? "1" : "0");
        break;
    case FIELD_TEXT:
        text_put_json(out, FIELD(const char *, node, f), strlen(FIELD(const char *, node, f)));
        break;
    case FIELD_CONSTANT:
    case FIELD_INVALID:
        break;
    }
}

static void json_node(const ast *node, text *out) {
    const ast_layout *layout = ast_layout_of(node->kind);
    text_printf(out, "{\"_\": \"%s\"", layout->name);
    if (layout->placed)
        text_printf(out, ", \"lineno\": %u, \"col_offset\": %u, \"end_lineno\": %u, \"end_col_offset\": %u",
                    node->at.line, node->at.col, node->at.end_line, node->at.end_col);
    if (node->kind == AST_Constant)
        json_constant(node, out);
    for (uint32_t i = 0; i < layout->count && node->kind != AST_Constant; i++) {
        text_printf(out, ", \"%s\": ", layout->fields[i].name);
        json_field(node, &layout->fields[i], out);
    }
    text_put(out, "}");
}

void ast_print_json(const ast *tree, text *out) {
    json_node(tree, out);
    text_put(out, "\n");
}
