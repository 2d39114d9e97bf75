/* Text → tree. The lexer knows Python's lines, indentation, strings and numbers; the parser its function-level
 * grammar (recursive descent, one function per rule). Neither knows types. */
#ifndef PLAIT_SYNTAX_SYNTAX_H
#define PLAIT_SYNTAX_SYNTAX_H

#include "syntax/ast.h"

/* Parses source `file` of `d` as a module. Returns an AST_Module, or NULL after reporting at least one error to `d`.
 * After a syntax error the parser resumes at the next statement, so that several errors can be reported in one go.
 * Nesting deeper than 200 levels of brackets or 100 of blocks, or sources above 64 MiB, are errors; the C stack
 * is bounded. */
ast *syntax_parse(arena *a, sym_table *syms, diags *d, uint32_t file);
/* As above for one expression (used for lambdas and for tests). */
ast *syntax_parse_expression(arena *a, sym_table *syms, diags *d, uint32_t file);

/* First function called `name` at module level (also under if/try), or the innermost one whose span covers `line`
 * when `line` is not 0. With name "<lambda>" the lambda on `line`. NULL when there is none. */
ast *syntax_find_function(ast *module, sym name, uint32_t line, uint32_t col);

/* The tokens, one a line: "line:col-line:col KIND text". */
void syntax_print_tokens(const source *s, text *out);
/* As Python's ast.dump(tree, include_attributes=…), in JSON-like text used by --dump=ast: nodes as CPython names. */
void ast_print(const ast *tree, bool spans, text *out);
/* JSON: {"_": "BinOp", "lineno":…, "col_offset":…, "end_lineno":…, "end_col_offset":…, field: …}; the form that the
 * tests compare with CPython's ast. */
void ast_print_json(const ast *tree, text *out);

const char *ast_kind_name(ast_kind kind); /* "BinOp" */
const char *ast_op_name(ast_op op);       /* "Add" */

#endif
