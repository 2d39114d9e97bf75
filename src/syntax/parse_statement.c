/* Statements and blocks, and what happens after an error: the rest of the logical line is skipped, a block that hangs
 * under a broken header is parsed as if it stood alone, and the next statement is tried. */
#include "syntax/parser.h"
#include <string.h>

static void parse_statement(parser *p);

/* ---- blocks ---- */

/* Where a compound statement began, for messages about its block. */
typedef struct header {
    place start;
    const char *what; /* "'if' statement" */
} header;

/* simple_stmts: simple_stmt (';' simple_stmt)* [';'] NEWLINE */
static void parse_simple_statements(parser *p);

/* block: NEWLINE INDENT statements DEDENT | simple_stmts, after the ':'. A missing block is an empty one. */
static ast_list parse_block(parser *p, header h) {
    uint32_t mark = parser_mark(p);
    if (p->now->kind != TOKEN_COLON)
        parser_fail_here(p, NULL, "expected ':' at the end of the header of the %s", h.what);
    parser_take(p);
    if (p->now->kind != TOKEN_NEWLINE) {
        parse_simple_statements(p);
        return parser_pop(p, mark);
    }
    parser_take_newline(p);
    if (p->now->kind != TOKEN_INDENT) {
        span at = parser_span_of(p, p->now);
        parser_complain(p, at, "indent what belongs to it; an empty block is written `pass`",
                        "expected an indented block after the %s on line %u", h.what, h.start.line);
        return parser_pop(p, mark);
    }
    p->now++;
    parser_descend(p);
    parse_statements(p);
    parser_ascend(p);
    if (p->now->kind == TOKEN_DEDENT)
        p->now++;
    return parser_pop(p, mark);
}

static header header_here(const parser *p, const char *what) {
    return (header){parser_place(p), what};
}

/* Compound statements are made when their parts are known; their end is that of the last token of the block. */
static ast_list adopt_block(parser *p, ast *node, ast_list block) {
    return parser_adopt_all(p, node, block);
}

/* ['else' block] */
static ast_list parse_else(parser *p) {
    if (p->now->kind != TOKEN_ELSE)
        return (ast_list){NULL, 0};
    header h = header_here(p, "'else' statement");
    parser_take(p);
    return parse_block(p, h);
}

/* ---- if, while, for, with, try ---- */

typedef struct branch {
    place start;
    ast *test;
    ast_list body;
} branch;

/* if_stmt: 'if' named_expression block ('elif' named_expression block)* ['else' block]. The elifs nest in the tree; we
 * collect them first and build from the last, so that a long chain needs no deep C stack. */
static ast *parse_if(parser *p) {
    VEC(branch) branches = {0};
    do {
        header h = header_here(p, branches.len ? "'elif' statement" : "'if' statement");
        parser_take(p);
        branch b = {.start = h.start};
        b.test = parse_named_expression(p);
        if (p->now->kind == TOKEN_EQUAL)
            parser_fail_here(p, "write == to compare, := to assign", "'=' does not belong in a condition");
        b.body = parse_block(p, h);
        vec_push(p->a, &branches, b);
    } while (p->now->kind == TOKEN_ELIF);
    ast_list orelse = parse_else(p);
    ast *node = NULL;
    for (uint32_t i = branches.len; i-- > 0;) {
        node = parser_make(p, AST_If, branches.at[i].start);
        node->If.test = parser_adopt(p, node, branches.at[i].test);
        node->If.body = adopt_block(p, node, branches.at[i].body);
        node->If.orelse = adopt_block(p, node, orelse);
        orelse = (ast_list){arena_make(p->a, ast *), 1};
        orelse.at[0] = node;
    }
    return node;
}

static ast *parse_while(parser *p) {
    header h = header_here(p, "'while' statement");
    parser_take(p);
    ast *test = parse_named_expression(p);
    ast_list body = parse_block(p, h);
    ast_list orelse = parse_else(p);
    ast *node = parser_make(p, AST_While, h.start);
    node->While.test = parser_adopt(p, node, test);
    node->While.body = adopt_block(p, node, body);
    node->While.orelse = adopt_block(p, node, orelse);
    return node;
}

/* for_stmt: 'for' star_targets 'in' star_expressions block ['else' block] */
static ast *parse_for(parser *p, ast_kind kind, place start) {
    header h = {start, "'for' statement"};
    parser_take(p);
    ast *target = parse_targets(p);
    if (p->now->kind != TOKEN_IN)
        parser_fail_here(p, "a loop is: for name in iterable:", "expected 'in' after the target of a 'for' statement");
    parser_take(p);
    ast *iter = parse_star_expressions(p);
    ast_list body = parse_block(p, h);
    ast_list orelse = parse_else(p);
    ast *node = parser_make(p, kind, start);
    node->For.target = parser_adopt(p, node, target);
    node->For.iter = parser_adopt(p, node, iter);
    node->For.body = adopt_block(p, node, body);
    node->For.orelse = adopt_block(p, node, orelse);
    return node;
}

/* with_item: expression ['as' star_target] */
static ast *parse_with_item(parser *p) {
    place start = parser_place(p);
    ast *context = parse_expression(p);
    ast *target = parser_accept(p, TOKEN_AS) ? parse_target(p) : NULL;
    ast *node = parser_make(p, AST_withitem, start);
    node->withitem.context_expr = parser_adopt(p, node, context);
    node->withitem.optional_vars = parser_adopt(p, node, target);
    return node;
}

/* The token after the bracket that closes the one at hand, or NULL when the line ends before. */
static const token *after_brackets(const token *t) {
    for (uint32_t depth = 0; t->kind != TOKEN_NEWLINE && t->kind != TOKEN_END; t++) {
        if (t->kind == TOKEN_LPAR || t->kind == TOKEN_LSQB || t->kind == TOKEN_LBRACE)
            depth++;
        else if ((t->kind == TOKEN_RPAR || t->kind == TOKEN_RSQB || t->kind == TOKEN_RBRACE) && --depth == 0)
            return t + 1;
    }
    return NULL;
}

/* True when the parentheses at hand stand around with-items, not around an expression: ':' follows them, and between
 * them is nothing that only an expression could hold (a comprehension, :=, yield, a starred item, nothing at all). */
static bool at_parenthesized_items(const parser *p) {
    const token *t = p->now;
    const token *after = t->kind == TOKEN_LPAR ? after_brackets(t) : NULL;
    if (!after || after->kind != TOKEN_COLON || t[1].kind == TOKEN_RPAR)
        return false;
    bool item_starts = true;
    uint32_t depth = 0;
    for (t++; t < after - 1; t++) {
        bool opens = t->kind == TOKEN_LPAR || t->kind == TOKEN_LSQB || t->kind == TOKEN_LBRACE;
        bool closes = t->kind == TOKEN_RPAR || t->kind == TOKEN_RSQB || t->kind == TOKEN_RBRACE;
        if (!depth && (t->kind == TOKEN_FOR || t->kind == TOKEN_WALRUS || t->kind == TOKEN_YIELD))
            return false;
        if (!depth && item_starts && t->kind == TOKEN_STAR)
            return false;
        item_starts = !depth && t->kind == TOKEN_COMMA;
        depth += opens;
        depth -= closes;
    }
    return true;
}

/* with_stmt: 'with' '(' with_item (',' with_item)* [','] ')' block | 'with' with_item (',' with_item)* block */
static ast *parse_with(parser *p, ast_kind kind, place start) {
    header h = {start, "'with' statement"};
    uint32_t mark = parser_mark(p);
    parser_take(p);
    if (at_parenthesized_items(p)) {
        parser_take(p);
        do {
            parser_push(p, parse_with_item(p));
        } while (parser_accept(p, TOKEN_COMMA) && p->now->kind != TOKEN_RPAR);
        parser_expect(p, TOKEN_RPAR);
    } else {
        do {
            parser_push(p, parse_with_item(p));
        } while (parser_accept(p, TOKEN_COMMA));
    }
    ast_list items = parser_pop(p, mark);
    ast_list body = parse_block(p, h);
    ast *node = parser_make(p, kind, start);
    node->With.items = parser_adopt_all(p, node, items);
    node->With.body = adopt_block(p, node, body);
    return node;
}

/* except_block: 'except' ['*'] [expression ['as' NAME]] block */
static ast *parse_handler(parser *p, bool *star) {
    header h = header_here(p, "'except' statement");
    parser_take(p);
    *star = p->now->kind == TOKEN_STAR;
    if (*star) {
        parser_take(p);
        h.what = "'except*' statement";
    }
    ast *type = p->now->kind == TOKEN_COLON && !*star ? NULL : parse_expression(p);
    if (p->now->kind == TOKEN_COMMA)
        parser_fail_here(p, "write except (A, B):", "several exception types must be parenthesized");
    sym name = type && parser_accept(p, TOKEN_AS) ? parser_take_name(p) : NULL;
    ast_list body = parse_block(p, h);
    ast *node = parser_make(p, AST_ExceptHandler, h.start);
    node->ExceptHandler.type = parser_adopt(p, node, type);
    node->ExceptHandler.name = name;
    node->ExceptHandler.body = adopt_block(p, node, body);
    return node;
}

/* All handlers of a try; whether they are except* is one answer for all. */
static ast_list parse_handlers(parser *p, bool *star) {
    uint32_t mark = parser_mark(p);
    while (p->now->kind == TOKEN_EXCEPT) {
        span at = parser_span_of(p, p->now);
        bool this_star, first = parser_mark(p) == mark;
        ast *handler = parse_handler(p, &this_star);
        if (!first && this_star != *star)
            parser_complain(p, at, "use one of them throughout",
                            "cannot have both 'except' and 'except*' on one 'try'");
        *star = first ? this_star : *star;
        parser_push(p, handler);
    }
    return parser_pop(p, mark);
}

static ast *parse_try(parser *p) {
    header h = header_here(p, "'try' statement");
    bool star = false;
    parser_take(p);
    ast_list body = parse_block(p, h);
    ast_list handlers = parse_handlers(p, &star);
    ast_list orelse = handlers.len ? parse_else(p) : (ast_list){NULL, 0};
    ast_list finalbody = {NULL, 0};
    if (p->now->kind == TOKEN_FINALLY) {
        header f = header_here(p, "'finally' statement");
        parser_take(p);
        finalbody = parse_block(p, f);
    } else if (!handlers.len) {
        parser_complain(p, parser_span_of(p, p->now), "a 'try' needs one of them",
                        "expected 'except' or 'finally' after the block of the 'try' on line %u", h.start.line);
    }
    ast *node = parser_make(p, star ? AST_TryStar : AST_Try, h.start);
    node->Try.body = adopt_block(p, node, body);
    node->Try.handlers = parser_adopt_all(p, node, handlers);
    node->Try.orelse = adopt_block(p, node, orelse);
    node->Try.finalbody = adopt_block(p, node, finalbody);
    return node;
}

/* ---- def, class ---- */

/* function_def: 'def' NAME '(' [params] ')' ['->' expression] block */
static ast *parse_function(parser *p, ast_kind kind, place start, ast_list decorators) {
    header h = {start, "function definition"};
    parser_take(p);
    sym name = parser_take_name(p);
    if (p->now->kind != TOKEN_LPAR)
        parser_fail_here(p, "write the parameters in parentheses, () for none", "expected '('");
    parser_take(p);
    ast *args = parse_parameters(p, TOKEN_RPAR);
    parser_expect(p, TOKEN_RPAR);
    ast *returns = parser_accept(p, TOKEN_ARROW) ? parse_expression(p) : NULL;
    ast_list body = parse_block(p, h);
    ast *node = parser_make(p, kind, start);
    node->FunctionDef.name = name;
    node->FunctionDef.args = parser_adopt(p, node, args);
    node->FunctionDef.returns = parser_adopt(p, node, returns);
    node->FunctionDef.body = adopt_block(p, node, body);
    node->FunctionDef.decorator_list = parser_adopt_all(p, node, decorators);
    return node;
}

/* class_def: 'class' NAME ['(' [arguments] ')'] block */
static ast *parse_class(parser *p, ast_list decorators) {
    header h = header_here(p, "class definition");
    parser_take(p);
    sym name = parser_take_name(p);
    ast *node = parser_make(p, AST_ClassDef, h.start);
    node->ClassDef.name = name;
    if (p->now->kind == TOKEN_LPAR)
        parse_arguments(p, node, &node->ClassDef.bases, &node->ClassDef.keywords);
    node->ClassDef.decorator_list = parser_adopt_all(p, node, decorators);
    node->ClassDef.body = adopt_block(p, node, parse_block(p, h));
    node->at.end_line = p->end.line;
    node->at.end_col = p->end.col;
    return node;
}

/* async_stmt: 'async' (def | for | with) */
static ast *parse_async(parser *p, ast_list decorators) {
    place start = parser_place(p);
    parser_take(p);
    switch (p->now->kind) {
    case TOKEN_DEF:
        return parse_function(p, AST_AsyncFunctionDef, start, decorators);
    case TOKEN_FOR:
        if (!decorators.len)
            return parse_for(p, AST_AsyncFor, start);
        break;
    case TOKEN_WITH:
        if (!decorators.len)
            return parse_with(p, AST_AsyncWith, start);
        break;
    default:
        break;
    }
    parser_fail_here(p, NULL, "expected 'def'%s after 'async'", decorators.len ? "" : ", 'for' or 'with'");
}

/* decorators: ('@' named_expression NEWLINE)+ (class_def | function_def) */
static ast *parse_decorated(parser *p) {
    uint32_t mark = parser_mark(p);
    while (parser_accept(p, TOKEN_AT)) {
        parser_push(p, parse_named_expression(p));
        parser_take_newline(p);
    }
    ast_list decorators = parser_pop(p, mark);
    switch (p->now->kind) {
    case TOKEN_DEF:
        return parse_function(p, AST_FunctionDef, parser_place(p), decorators);
    case TOKEN_CLASS:
        return parse_class(p, decorators);
    case TOKEN_ASYNC:
        return parse_async(p, decorators);
    default:
        parser_fail_here(p, "a decorator stands directly above what it decorates",
                         "expected a function or a class after the decorator");
    }
}

/* ---- match ---- */

static bool token_is(const token *t, const char *chars) {
    return t->kind == TOKEN_NAME && t->len == strlen(chars) && memcmp(t->at, chars, t->len) == 0;
}

/* `match` is a name unless a subject and a final ':' follow: nothing else that begins with a name ends so. */
static bool at_match(const parser *p) {
    const token *t = p->now;
    if (!token_is(t, "match"))
        return false;
    switch (t[1].kind) {
    case TOKEN_NEWLINE:
    case TOKEN_END:
    case TOKEN_EQUAL:
    case TOKEN_DOT:
    case TOKEN_COMMA:
    case TOKEN_COLON:
    case TOKEN_SEMI:
        return false;
    default:
        break;
    }
    while (t->kind != TOKEN_NEWLINE && t->kind != TOKEN_END)
        t++;
    return t[-1].kind == TOKEN_COLON;
}

/* Steps over the lines of an indented block, whatever they hold. */
static void skip_block(parser *p) {
    uint32_t depth = 0;
    do {
        if (p->now->kind == TOKEN_INDENT || p->now->kind == TOKEN_DEDENT) {
            depth += p->now->kind == TOKEN_INDENT ? 1u : -1u;
            p->now++;
        } else if (p->now->kind == TOKEN_NEWLINE) {
            parser_take_newline(p);
        } else {
            parser_take(p);
        }
    } while (depth && p->now->kind != TOKEN_END);
}

/* A match statement is named, not understood: its subject is checked, its cases are stepped over.
 * subject_expr: star_named_expression ',' [star_named_expressions] | named_expression */
static ast *parse_match(parser *p) {
    place start = parser_place(p);
    parser_take(p);
    ast *subject = parse_star_named_expression(p);
    if (subject->kind == AST_Starred && p->now->kind != TOKEN_COMMA)
        parser_fail(p, subject->at, "a tuple of one element needs a comma", "cannot use a starred expression here");
    while (parser_accept(p, TOKEN_COMMA) && p->now->kind != TOKEN_COLON)
        parse_star_named_expression(p);
    parser_expect(p, TOKEN_COLON);
    parser_take_newline(p);
    if (p->now->kind != TOKEN_INDENT || !token_is(p->now + 1, "case"))
        parser_complain(p, parser_span_of(p, p->now), NULL,
                        "expected an indented 'case' after the 'match' statement on line %u", start.line);
    if (p->now->kind == TOKEN_INDENT)
        skip_block(p);
    ast *node = parser_make(p, AST_Unsupported, start);
    node->Unsupported.name = "match statement";
    return node;
}

/* ---- simple statements ---- */

static ast *parse_return(parser *p) {
    place start = parser_place(p);
    parser_take(p);
    bool bare = p->now->kind == TOKEN_NEWLINE || p->now->kind == TOKEN_SEMI;
    ast *value = bare ? NULL : parse_star_expressions(p);
    ast *node = parser_make(p, AST_Return, start);
    node->Return.value = parser_adopt(p, node, value);
    return node;
}

/* raise_stmt: 'raise' [expression ['from' expression]] */
static ast *parse_raise(parser *p) {
    place start = parser_place(p);
    parser_take(p);
    bool bare = p->now->kind == TOKEN_NEWLINE || p->now->kind == TOKEN_SEMI;
    ast *exc = bare ? NULL : parse_expression(p);
    ast *cause = exc && parser_accept(p, TOKEN_FROM) ? parse_expression(p) : NULL;
    ast *node = parser_make(p, AST_Raise, start);
    node->Raise.exc = parser_adopt(p, node, exc);
    node->Raise.cause = parser_adopt(p, node, cause);
    return node;
}

/* assert_stmt: 'assert' expression [',' expression] */
static ast *parse_assert(parser *p) {
    place start = parser_place(p);
    parser_take(p);
    ast *test = parse_expression(p);
    ast *msg = parser_accept(p, TOKEN_COMMA) ? parse_expression(p) : NULL;
    ast *node = parser_make(p, AST_Assert, start);
    node->Assert.test = parser_adopt(p, node, test);
    node->Assert.msg = parser_adopt(p, node, msg);
    return node;
}

/* del_stmt: 'del' del_target (',' del_target)* [','] */
static ast *parse_delete(parser *p) {
    place start = parser_place(p);
    uint32_t mark = parser_mark(p);
    parser_take(p);
    do {
        ast *target = parse_star_expression(p);
        parse_set_context(p, target, CTX_Del, "delete");
        parser_push(p, target);
    } while (parser_accept(p, TOKEN_COMMA) && p->now->kind != TOKEN_NEWLINE && p->now->kind != TOKEN_SEMI);
    ast *node = parser_make(p, AST_Delete, start);
    node->Delete.targets = parser_adopt_all(p, node, parser_pop(p, mark));
    return node;
}

static ast *parse_names(parser *p, ast_kind kind) {
    place start = parser_place(p);
    VEC(sym) names = {0};
    parser_take(p);
    do {
        sym name = parser_take_name(p);
        vec_push(p->a, &names, name);
    } while (parser_accept(p, TOKEN_COMMA));
    ast *node = parser_make(p, kind, start);
    node->Global.names = (sym_list){names.at, names.len};
    return node;
}

/* dotted_name: NAME ('.' NAME)*, as one symbol */
static sym parse_dotted_name(parser *p) {
    sym name = parser_take_name(p);
    if (p->now->kind != TOKEN_DOT)
        return name;
    text joined = text_new(p->a);
    text_putn(&joined, name->text, name->len);
    while (parser_accept(p, TOKEN_DOT)) {
        sym part = parser_take_name(p);
        text_put(&joined, ".");
        text_putn(&joined, part->text, part->len);
    }
    return sym_intern(p->syms, joined.at, joined.len);
}

static ast *finish_alias(parser *p, place start, sym name) {
    sym asname = parser_accept(p, TOKEN_AS) ? parser_take_name(p) : NULL;
    ast *node = parser_make(p, AST_alias, start);
    node->alias.name = name;
    node->alias.asname = asname;
    return node;
}

static ast *parse_import(parser *p) {
    place start = parser_place(p);
    uint32_t mark = parser_mark(p);
    parser_take(p);
    do {
        place at = parser_place(p);
        sym name = parse_dotted_name(p);
        parser_push(p, finish_alias(p, at, name));
    } while (parser_accept(p, TOKEN_COMMA));
    ast *node = parser_make(p, AST_Import, start);
    node->Import.names = parser_adopt_all(p, node, parser_pop(p, mark));
    return node;
}

static void parse_from_names(parser *p, bool parenthesized) {
    do {
        if (parenthesized && p->now->kind == TOKEN_RPAR)
            return;
        place at = parser_place(p);
        sym name = parser_take_name(p);
        parser_push(p, finish_alias(p, at, name));
        if (!parenthesized && p->now->kind == TOKEN_COMMA && p->now[1].kind == TOKEN_NEWLINE)
            parser_fail_here(p, "put parentheses around the names, or delete the comma",
                             "trailing comma not allowed without surrounding parentheses");
    } while (parser_accept(p, TOKEN_COMMA));
}

/* import_from_targets: '(' names [','] ')' | names | '*' */
static void parse_from_targets(parser *p) {
    place at = parser_place(p);
    if (parser_accept(p, TOKEN_STAR)) {
        ast *node = parser_make(p, AST_alias, at);
        node->alias.name = sym_of(p->syms, "*");
        parser_push(p, node);
        return;
    }
    bool parenthesized = parser_accept(p, TOKEN_LPAR);
    if (p->now->kind == TOKEN_RPAR || p->now->kind == TOKEN_NEWLINE)
        parser_fail_here(p, NULL, "expected the names to import");
    parse_from_names(p, parenthesized);
    if (parenthesized)
        parser_expect(p, TOKEN_RPAR);
}

/* import_from: 'from' ('.' | '...')* [dotted_name] 'import' import_from_targets */
static ast *parse_from(parser *p) {
    place start = parser_place(p);
    uint32_t mark = parser_mark(p), level = 0;
    parser_take(p);
    while (p->now->kind == TOKEN_DOT || p->now->kind == TOKEN_ELLIPSIS) {
        level += p->now->kind == TOKEN_DOT ? 1 : 3;
        parser_take(p);
    }
    sym module = level && p->now->kind == TOKEN_IMPORT ? NULL : parse_dotted_name(p);
    parser_expect(p, TOKEN_IMPORT);
    parse_from_targets(p);
    ast *node = parser_make(p, AST_ImportFrom, start);
    node->ImportFrom.module = module;
    node->ImportFrom.names = parser_adopt_all(p, node, parser_pop(p, mark));
    node->ImportFrom.level = level;
    return node;
}

static ast *parse_word(parser *p, ast_kind kind) {
    place start = parser_place(p);
    parser_take(p);
    return parser_make(p, kind, start);
}

/* ---- assignments ---- */

static bool is_single_target(const ast *node) {
    return node->kind == AST_Name || node->kind == AST_Attribute || node->kind == AST_Subscript;
}

/* NAME ':' expression ['=' annotated_rhs] | ('(' single_target ')' | subscript | attribute) ':' … */
static ast *parse_annotated(parser *p, place start, ast *target, bool parenthesized) {
    if (!is_single_target(target)) {
        bool several = target->kind == AST_Tuple || target->kind == AST_List;
        parser_fail(p, target->at, several ? "annotate each name on a line of its own" : NULL,
                    several ? "only a single target, not a %s, can be annotated" : "a %s cannot be annotated",
                    parse_describe(target));
    }
    parse_set_context(p, target, CTX_Store, "assign to");
    parser_expect(p, TOKEN_COLON);
    ast *annotation = parse_expression(p);
    ast *value = parser_accept(p, TOKEN_EQUAL) ? parse_yield_or_star_expressions(p) : NULL;
    ast *node = parser_make(p, AST_AnnAssign, start);
    node->AnnAssign.target = parser_adopt(p, node, target);
    node->AnnAssign.annotation = parser_adopt(p, node, annotation);
    node->AnnAssign.value = parser_adopt(p, node, value);
    node->AnnAssign.simple = target->kind == AST_Name && !parenthesized;
    return node;
}

static ast_op augmented_op(token_kind kind) {
    static const uint8_t ops[TOKEN_KIND_COUNT] = {
        [TOKEN_PLUS_EQUAL] = OP_Add,
        [TOKEN_MINUS_EQUAL] = OP_Sub,
        [TOKEN_STAR_EQUAL] = OP_Mult,
        [TOKEN_SLASH_EQUAL] = OP_Div,
        [TOKEN_PERCENT_EQUAL] = OP_Mod,
        [TOKEN_AT_EQUAL] = OP_MatMult,
        [TOKEN_AMPER_EQUAL] = OP_BitAnd,
        [TOKEN_BAR_EQUAL] = OP_BitOr,
        [TOKEN_CARET_EQUAL] = OP_BitXor,
        [TOKEN_LEFT_SHIFT_EQUAL] = OP_LShift,
        [TOKEN_RIGHT_SHIFT_EQUAL] = OP_RShift,
        [TOKEN_POWER_EQUAL] = OP_Pow,
        [TOKEN_DOUBLE_SLASH_EQUAL] = OP_FloorDiv,
    };
    return (ast_op)ops[kind];
}

/* single_target augassign (yield_expr | star_expressions) */
static ast *parse_augmented(parser *p, place start, ast *target, ast_op op) {
    if (!is_single_target(target))
        parser_fail(p, target->at, "the left side must be one name, attribute or subscript",
                    "a %s cannot be the target of an augmented assignment", parse_describe(target));
    parse_set_context(p, target, CTX_Store, "assign to");
    parser_take(p);
    ast *value = parse_yield_or_star_expressions(p);
    ast *node = parser_make(p, AST_AugAssign, start);
    node->AugAssign.target = parser_adopt(p, node, target);
    node->AugAssign.op = op;
    node->AugAssign.value = parser_adopt(p, node, value);
    return node;
}

/* (star_targets '=')+ (yield_expr | star_expressions); the first target has been read */
static ast *parse_assigned(parser *p, place start, ast *value) {
    uint32_t mark = parser_mark(p);
    while (parser_accept(p, TOKEN_EQUAL)) {
        parse_set_context(p, value, CTX_Store, "assign to");
        parser_push(p, value);
        value = parse_yield_or_star_expressions(p);
    }
    ast *node = parser_make(p, AST_Assign, start);
    node->Assign.targets = parser_adopt_all(p, node, parser_pop(p, mark));
    node->Assign.value = parser_adopt(p, node, value);
    return node;
}

/* Old statements and common slips get their own words. */
static void explain_leftover(parser *p, const ast *value) {
    token_kind kind = p->now->kind;
    bool word = value->kind == AST_Name && (kind == TOKEN_STRING || kind == TOKEN_NAME || kind == TOKEN_NUMBER);
    if (word && (sym_is(value->Name.id, "print") || sym_is(value->Name.id, "exec")))
        parser_fail(p, value->at, "write it as a call: print(...)", "missing parentheses in call to '%s'",
                    value->Name.id->text);
    if (kind == TOKEN_WALRUS)
        parser_fail_here(p, "write = for a plain assignment", "':=' needs parentheses here");
}

/* Expression statement or assignment. */
static ast *parse_expression_statement(parser *p) {
    place start = parser_place(p);
    bool parenthesized = p->now->kind == TOKEN_LPAR;
    ast *value = parse_yield_or_star_expressions(p);
    token_kind kind = p->now->kind;
    if (kind == TOKEN_EQUAL)
        return parse_assigned(p, start, value);
    if (augmented_op(kind))
        return parse_augmented(p, start, value, augmented_op(kind));
    if (kind == TOKEN_COLON)
        return parse_annotated(p, start, value, parenthesized);
    if (kind != TOKEN_NEWLINE && kind != TOKEN_SEMI)
        explain_leftover(p, value);
    ast *node = parser_make(p, AST_Expr, start);
    node->Expr.value = parser_adopt(p, node, value);
    return node;
}

static ast *parse_simple_statement(parser *p) {
    switch (p->now->kind) {
    case TOKEN_RETURN:
        return parse_return(p);
    case TOKEN_IMPORT:
        return parse_import(p);
    case TOKEN_FROM:
        return parse_from(p);
    case TOKEN_RAISE:
        return parse_raise(p);
    case TOKEN_PASS:
        return parse_word(p, AST_Pass);
    case TOKEN_BREAK:
        return parse_word(p, AST_Break);
    case TOKEN_CONTINUE:
        return parse_word(p, AST_Continue);
    case TOKEN_DEL:
        return parse_delete(p);
    case TOKEN_ASSERT:
        return parse_assert(p);
    case TOKEN_GLOBAL:
        return parse_names(p, AST_Global);
    case TOKEN_NONLOCAL:
        return parse_names(p, AST_Nonlocal);
    default:
        return parse_expression_statement(p);
    }
}

static void parse_simple_statements(parser *p) {
    do {
        parser_push(p, parse_simple_statement(p));
    } while (parser_accept(p, TOKEN_SEMI) && p->now->kind != TOKEN_NEWLINE);
    parser_take_newline(p);
}

/* ---- statements ---- */

/* Blocks without a header: the error is reported, what they hold is parsed. */
static void parse_orphan_block(parser *p) {
    uint32_t mark = parser_mark(p);
    p->now++;
    parser_descend(p);
    parse_statements(p);
    parser_ascend(p);
    if (p->now->kind == TOKEN_DEDENT)
        p->now++;
    parser_pop(p, mark);
}

static void parse_statement(parser *p) {
    switch (p->now->kind) {
    case TOKEN_IF:
        parser_push(p, parse_if(p));
        return;
    case TOKEN_WHILE:
        parser_push(p, parse_while(p));
        return;
    case TOKEN_FOR:
        parser_push(p, parse_for(p, AST_For, parser_place(p)));
        return;
    case TOKEN_WITH:
        parser_push(p, parse_with(p, AST_With, parser_place(p)));
        return;
    case TOKEN_TRY:
        parser_push(p, parse_try(p));
        return;
    case TOKEN_DEF:
        parser_push(p, parse_function(p, AST_FunctionDef, parser_place(p), (ast_list){NULL, 0}));
        return;
    case TOKEN_CLASS:
        parser_push(p, parse_class(p, (ast_list){NULL, 0}));
        return;
    case TOKEN_ASYNC:
        parser_push(p, parse_async(p, (ast_list){NULL, 0}));
        return;
    case TOKEN_AT:
        parser_push(p, parse_decorated(p));
        return;
    case TOKEN_INDENT:
        parser_complain(p, parser_span_of(p, p->now + 1), "line it up with the lines around it", "unexpected indent");
        parse_orphan_block(p);
        return;
    default:
        if (at_match(p))
            parser_push(p, parse_match(p));
        else
            parse_simple_statements(p);
    }
}

/* After an error: the rest of the line, and a block that hangs under it. */
static void recover(parser *p) {
    p->depth = p->recover->depth;
    p->stack.len = p->recover->mark;
    p->spec_of = NULL;
    while (p->now->kind != TOKEN_NEWLINE && p->now->kind != TOKEN_END)
        p->now++;
    if (p->now->kind == TOKEN_NEWLINE)
        parser_take_newline(p);
    if (p->now->kind == TOKEN_INDENT)
        parse_orphan_block(p);
}

void parse_statements(parser *p) {
    recovery r = {.outer = p->recover, .depth = p->depth, .mark = parser_mark(p)};
    p->recover = &r;
    if (setjmp(r.env))
        recover(p);
    while (p->now->kind != TOKEN_DEDENT && p->now->kind != TOKEN_END && p->d->errors <= p->d->limit)
        parse_statement(p);
    p->recover = r.outer;
}
