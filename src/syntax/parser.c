#include "syntax/parser.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- errors ---- */

static const char *print_message(parser *p, const char *format, va_list args) {
    char buffer[400];
    vsnprintf(buffer, sizeof buffer, format, args);
    return arena_printf(p->a, "%s%s", p->spec_of ? p->spec_of : "", buffer);
}

static void jump(parser *p) __attribute__((noreturn));
static void jump(parser *p) {
    longjmp(p->recover->env, 1);
}

/* The lexer has reported the reason already when its ERROR token is still in the line. */
static bool line_is_bad(const parser *p) {
    return p->lex.failed;
}

void parser_complain(parser *p, span at, const char *hint, const char *format, ...) {
    va_list args;
    va_start(args, format);
    const char *message = print_message(p, format, args);
    va_end(args);
    diag_report(p->d, DIAG_SYNTAX, at, hint, "%s", message);
}

void parser_fail(parser *p, span at, const char *hint, const char *format, ...) {
    if (!line_is_bad(p)) {
        va_list args;
        va_start(args, format);
        const char *message = print_message(p, format, args);
        va_end(args);
        diag_report(p->d, DIAG_SYNTAX, at, hint, "%s", message);
    }
    jump(p);
}

void parser_fail_here(parser *p, const char *hint, const char *format, ...) {
    va_list args;
    va_start(args, format);
    const char *message = print_message(p, format, args);
    va_end(args);
    if (!line_is_bad(p))
        diag_report(p->d, DIAG_SYNTAX, parser_span_of(p, p->now), hint, "%s", message);
    jump(p);
}

void parser_fail_unexpected(parser *p) {
    token_kind kind = p->now->kind;
    if (kind == TOKEN_NAME || kind == TOKEN_NUMBER || kind == TOKEN_STRING)
        parser_fail_here(p, "is an operator or a comma missing before it?", "%s does not belong here",
                         token_kind_text(kind));
    if (kind == TOKEN_NEWLINE || kind == TOKEN_END)
        parser_fail_here(p, "something is missing at the end", "unexpected end of the %s",
                         p->lex.fragment || p->spec_of ? "expression" : "line");
    if (kind == TOKEN_EQUAL)
        parser_fail_here(p, "write == to compare, := to assign within an expression", "'=' does not belong here");
    parser_fail_here(p, NULL, "invalid syntax: '%s' does not belong here", token_kind_text(kind));
}

/* ---- tokens ---- */

span parser_span_of(const parser *p, const token *t) {
    return (span){p->file, t->line, t->col, t->end_line, t->end_col};
}

place parser_place(const parser *p) {
    return (place){p->now->line, p->now->col};
}

void parser_take(parser *p) {
    p->end = (place){p->now->end_line, p->now->end_col};
    p->now++;
}

bool parser_accept(parser *p, token_kind kind) {
    if (p->now->kind != kind)
        return false;
    parser_take(p);
    return true;
}

void parser_expect(parser *p, token_kind kind) {
    if (p->now->kind != kind)
        parser_fail_here(p, NULL, "expected '%s', found %s%s%s", token_kind_text(kind),
                         p->now->kind > TOKEN_STRING ? "'" : "", token_kind_text(p->now->kind),
                         p->now->kind > TOKEN_STRING ? "'" : "");
    parser_take(p);
}

static void read_line(parser *p) {
    p->lex.tokens.len = 0;
    lexer_read_line(&p->lex);
    p->now = p->lex.tokens.at;
}

void parser_take_newline(parser *p) {
    if (p->now->kind != TOKEN_NEWLINE)
        parser_fail_unexpected(p);
    read_line(p);
}

sym parser_take_name(parser *p) {
    if (p->now->kind != TOKEN_NAME) {
        if (p->now->kind >= TOKEN_FALSE && p->now->kind <= TOKEN_YIELD)
            parser_fail_here(p, "choose another name", "'%s' is a word of the language, not a name",
                             token_kind_text(p->now->kind));
        parser_fail_here(p, NULL, "expected a name, found %s%s%s", p->now->kind > TOKEN_STRING ? "'" : "",
                         token_kind_text(p->now->kind), p->now->kind > TOKEN_STRING ? "'" : "");
    }
    sym name = lexer_name(&p->lex, p->syms, p->now);
    if (!name)
        jump(p);
    parser_take(p);
    return name;
}

/* ---- nodes ---- */

ast *parser_make(parser *p, ast_kind kind, place start) {
    ast *node = arena_make(p->a, ast);
    node->kind = kind;
    node->height = 1;
    node->at = (span){p->file, start.line, start.col, p->end.line, p->end.col};
    return node;
}

ast *parser_adopt(parser *p, ast *node, ast *child) {
    if (!child || child->height < node->height)
        return child;
    if (child->height == AST_MAX_HEIGHT)
        parser_fail(p, node->at, "give a part of it a name of its own", "too deeply nested (more than %d levels)",
                    AST_MAX_HEIGHT);
    node->height = (uint16_t)(child->height + 1);
    return child;
}

ast_list parser_adopt_all(parser *p, ast *node, ast_list children) {
    for (uint32_t i = 0; i < children.len; i++)
        parser_adopt(p, node, children.at[i]);
    return children;
}

uint32_t parser_mark(const parser *p) {
    return p->stack.len;
}

void parser_push(parser *p, ast *item) {
    vec_push(p->a, &p->stack, item);
}

ast_list parser_pop(parser *p, uint32_t mark) {
    ast_list list = {NULL, p->stack.len - mark};
    if (list.len) {
        list.at = arena_array(p->a, ast *, list.len);
        memcpy(list.at, p->stack.at + mark, list.len * sizeof *list.at);
    }
    p->stack.len = mark;
    return list;
}

void parser_descend(parser *p) {
    if (++p->depth > PARSER_MAX_DEPTH)
        parser_fail_here(p, "give a part of it a name of its own", "too deeply nested (more than %d levels)",
                         PARSER_MAX_DEPTH);
}

void parser_ascend(parser *p) {
    p->depth--;
}

/* ---- entries ---- */

static void open_parser(parser *p, arena *a, sym_table *syms, diags *d, uint32_t file) {
    *p = (parser){.a = a, .syms = syms, .d = d, .file = file};
    lexer_open(&p->lex, a, d, file);
    read_line(p);
}

ast *syntax_parse(arena *a, sym_table *syms, diags *d, uint32_t file) {
    uint32_t errors = d->errors;
    if (!lexer_check_text(d, file))
        return NULL;
    parser *p = arena_make(a, parser);
    open_parser(p, a, syms, d, file);
    place start = parser_place(p);
    while (p->now->kind != TOKEN_END && d->errors <= d->limit) {
        parse_statements(p);
        p->now += p->now->kind == TOKEN_DEDENT;
    }
    if (d->errors != errors)
        return NULL;
    ast *module = parser_make(p, AST_Module, start);
    module->Module.body = parser_pop(p, 0);
    for (uint32_t i = 0; i < module->Module.body.len; i++)
        if (module->height <= module->Module.body.at[i]->height)
            module->height = (uint16_t)(module->Module.body.at[i]->height + 1);
    return module;
}

/* A text that is one expression may begin with spaces and stand on several lines without parentheses; it is read as a
 * fragment, as if it stood in parentheses. */
ast *syntax_parse_expression(arena *a, sym_table *syms, diags *d, uint32_t file) {
    uint32_t errors = d->errors;
    if (!lexer_check_text(d, file))
        return NULL;
    parser *p = arena_make(a, parser);
    *p = (parser){.a = a, .syms = syms, .d = d, .file = file};
    lexer_open(&p->lex, a, d, file);
    lexer_read_fragment(&p->lex, p->lex.at, p->lex.line, p->lex.shift);
    p->now = p->lex.tokens.at;
    recovery r = {.outer = NULL};
    p->recover = &r;
    if (setjmp(r.env))
        return NULL;
    ast *result = parse_star_expressions(p);
    if (p->now->kind != TOKEN_END)
        parser_fail_unexpected(p);
    return d->errors == errors ? result : NULL;
}

/* ---- searches ---- */

typedef struct search {
    sym name;
    uint32_t line, col;
    bool lambda;
    ast *found;
} search;

static uint32_t first_line_of(const ast *function) {
    if (function->kind == AST_Lambda || !function->FunctionDef.decorator_list.len)
        return function->at.line;
    return function->FunctionDef.decorator_list.at[0]->at.line;
}

/* Later matches are inside earlier ones, or, for lambdas, further right; of lambdas on a line the first counts. */
static void visit_for_line(void *context, ast *node) {
    search *s = context;
    bool function = node->kind == AST_FunctionDef || node->kind == AST_AsyncFunctionDef;
    if (function && !s->lambda && node->FunctionDef.name == s->name && first_line_of(node) <= s->line &&
        s->line <= node->at.end_line && (!s->col || s->col == node->at.col || !s->found))
        s->found = node;
    if (node->kind == AST_Lambda && s->lambda && node->at.line <= s->line && s->line <= node->at.end_line &&
        (s->col ? s->col == node->at.col : !s->found))
        s->found = node;
    ast_each_child(node, visit_for_line, s);
}

static ast *find_by_name(ast_list body, sym name);

static ast *find_in_statement(ast *node, sym name) {
    ast *found = NULL;
    switch (node->kind) {
    case AST_FunctionDef:
    case AST_AsyncFunctionDef:
        return node->FunctionDef.name == name ? node : NULL;
    case AST_If:
        found = find_by_name(node->If.body, name);
        return found ? found : find_by_name(node->If.orelse, name);
    case AST_With:
    case AST_AsyncWith:
        return find_by_name(node->With.body, name);
    case AST_Try:
    case AST_TryStar:
        found = find_by_name(node->Try.body, name);
        for (uint32_t i = 0; !found && i < node->Try.handlers.len; i++)
            found = find_by_name(node->Try.handlers.at[i]->ExceptHandler.body, name);
        found = found ? found : find_by_name(node->Try.orelse, name);
        return found ? found : find_by_name(node->Try.finalbody, name);
    default:
        return NULL;
    }
}

static ast *find_by_name(ast_list body, sym name) {
    for (uint32_t i = 0; i < body.len; i++) {
        ast *found = find_in_statement(body.at[i], name);
        if (found)
            return found;
    }
    return NULL;
}

ast *syntax_find_function(ast *module, sym name, uint32_t line, uint32_t col) {
    search s = {.name = name, .line = line, .col = col, .lambda = sym_is(name, "<lambda>")};
    if (!line)
        return s.lambda ? NULL : find_by_name(module->Module.body, name);
    visit_for_line(&s, module);
    return s.found;
}
