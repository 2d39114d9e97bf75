/* What the parser's files share. Rules are functions `parse_…`, named as in Python's grammar. A rule that fails reports
 * and does not return: it jumps to the innermost `recovery`, which goes on with the next statement. */
#ifndef PLAIT_SYNTAX_PARSER_H
#define PLAIT_SYNTAX_PARSER_H

#include "syntax/lexer.h"
#include "syntax/syntax.h"
#include <setjmp.h>

typedef struct place {
    uint32_t line, col;
} place;

typedef struct recovery recovery;
struct recovery {
    jmp_buf env;
    recovery *outer;
    uint32_t depth, mark;
};

typedef struct parser {
    lexer lex;
    arena *a;
    sym_table *syms;
    diags *d;
    uint32_t file;
    const token *now; /* next token; the tokens of its logical line follow, NEWLINE or END is the last */
    place end;        /* of the last token taken, without NEWLINE, INDENT, DEDENT */
    uint32_t depth;   /* of recursion */
    VEC(ast *) stack; /* items of the lists being parsed */
    recovery *recover;
    const char *spec_of; /* inside an f-string's expression, what to put before messages; else NULL */
} parser;

enum { PARSER_MAX_DEPTH = 1000 };

/* ---- parser.c: tokens, nodes, lists, errors ---- */
void parser_fail(parser *p, span at, const char *hint, const char *format, ...)
    __attribute__((format(printf, 4, 5), noreturn));
void parser_fail_here(parser *p, const char *hint, const char *format, ...)
    __attribute__((format(printf, 3, 4), noreturn));
/* As parser_fail, but returns: for errors after which the parser knows its way. */
void parser_complain(parser *p, span at, const char *hint, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void parser_fail_unexpected(parser *p) __attribute__((noreturn));
span parser_span_of(const parser *p, const token *t);
place parser_place(const parser *p);
void parser_take(parser *p);                    /* steps over a token of the line */
bool parser_accept(parser *p, token_kind kind); /* steps over it if it is there */
void parser_expect(parser *p, token_kind kind); /* or fails */
void parser_take_newline(parser *p);            /* steps into the next logical line */
sym parser_take_name(parser *p);
/* New node from `start` to the end of the last token taken. */
ast *parser_make(parser *p, ast_kind kind, place start);
/* Counts `child` (may be NULL) into the height of `node`; returns child. */
ast *parser_adopt(parser *p, ast *node, ast *child);
ast_list parser_adopt_all(parser *p, ast *node, ast_list children);
/* Lists: mark, push items, pop them as a list. */
uint32_t parser_mark(const parser *p);
void parser_push(parser *p, ast *item);
ast_list parser_pop(parser *p, uint32_t mark);
void parser_descend(parser *p); /* guards recursion: pair with parser_ascend */
void parser_ascend(parser *p);

/* ---- parse_expression.c ---- */
ast *parse_expression(parser *p);
ast *parse_named_expression(parser *p);
ast *parse_star_expression(parser *p);
ast *parse_star_named_expression(parser *p);
ast *parse_star_expressions(parser *p);
ast *parse_yield_or_star_expressions(parser *p);
ast *parse_bitwise_or(parser *p);
ast *parse_target(parser *p);  /* one star_target, stored to */
ast *parse_targets(parser *p); /* of `for` */
/* Call's parentheses: the current token is '('. Fills args and keywords; both lists are adopted by `owner`. */
void parse_arguments(parser *p, ast *owner, ast_list *args, ast_list *keywords);
/* Parameters up to (not including) `closer`: ')' of a def, ':' of a lambda. */
ast *parse_parameters(parser *p, token_kind closer);
/* The contents of parentheses that stand around an f-string's expression; up to END. */
ast *parse_group_body(parser *p, place start);
/* Makes a loaded expression a target; `what` says for what ("assign to", "delete"). */
void parse_set_context(parser *p, ast *node, ast_ctx context, const char *what);
const char *parse_describe(const ast *node); /* "function call", for messages */

/* ---- parse_statement.c ---- */
/* Pushes the statements up to DEDENT or END onto the stack. */
void parse_statements(parser *p);

/* ---- parse_literal.c ---- */
ast *parse_number(parser *p);
ast *parse_strings(parser *p);

#endif
