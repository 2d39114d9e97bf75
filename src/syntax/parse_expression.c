/* Expressions. Each rule stands above its function, as Python's grammar writes it. A node begins where its first token
 * begins, a parenthesis around its first operand included: so every rule notes the place before it descends. */
#include "syntax/parser.h"
#include <string.h>

static ast *parse_disjunction(parser *p);
static ast *parse_primary(parser *p);

/* ---- targets ---- */

static const char *const descriptions[AST_KIND_COUNT] = {
    [AST_BoolOp] = "expression",
    [AST_NamedExpr] = "named expression",
    [AST_BinOp] = "expression",
    [AST_UnaryOp] = "expression",
    [AST_Lambda] = "lambda",
    [AST_IfExp] = "conditional expression",
    [AST_Dict] = "dict literal",
    [AST_Set] = "set display",
    [AST_ListComp] = "list comprehension",
    [AST_SetComp] = "set comprehension",
    [AST_DictComp] = "dict comprehension",
    [AST_GeneratorExp] = "generator expression",
    [AST_Await] = "await expression",
    [AST_Yield] = "yield expression",
    [AST_YieldFrom] = "yield expression",
    [AST_Compare] = "comparison",
    [AST_Call] = "function call",
    [AST_JoinedStr] = "f-string expression",
    [AST_FormattedValue] = "f-string expression",
    [AST_Constant] = "literal",
    [AST_Attribute] = "attribute",
    [AST_Subscript] = "subscript",
    [AST_Starred] = "starred",
    [AST_Name] = "name",
    [AST_List] = "list",
    [AST_Tuple] = "tuple",
    [AST_Unsupported] = "literal",
};

const char *parse_describe(const ast *node) {
    static const char *const constants[] = {
        [CONST_None] = "None", [CONST_True] = "True", [CONST_False] = "False", [CONST_Ellipsis] = "ellipsis"};
    if (node->kind == AST_Constant && node->Constant.type >= CONST_None && node->Constant.type <= CONST_Ellipsis)
        return constants[node->Constant.type];
    return descriptions[node->kind] ? descriptions[node->kind] : "expression";
}

static const char *remedy_for_target(const ast *node, ast_ctx context) {
    if (context == CTX_Store && (node->kind == AST_Compare || node->kind == AST_Call || node->kind == AST_BinOp))
        return "write == to compare; targets are names, attributes, subscripts, and tuples or lists of them";
    return "targets are names, attributes, subscripts, and tuples or lists of them";
}

void parse_set_context(parser *p, ast *node, ast_ctx context, const char *what) {
    switch (node->kind) {
    case AST_Name:
        node->Name.ctx = context;
        return;
    case AST_Attribute:
        node->Attribute.ctx = context;
        return;
    case AST_Subscript:
        node->Subscript.ctx = context;
        return;
    case AST_Starred:
        if (context != CTX_Store)
            break;
        node->Starred.ctx = context;
        if (node->Starred.value->kind == AST_Starred)
            break;
        parse_set_context(p, node->Starred.value, context, what);
        return;
    case AST_List:
    case AST_Tuple:
        node->List.ctx = context;
        for (uint32_t i = 0; i < node->List.elts.len; i++)
            parse_set_context(p, node->List.elts.at[i], context, what);
        return;
    default:
        break;
    }
    parser_fail(p, node->at, remedy_for_target(node, context), "cannot %s %s", what, parse_describe(node));
}

/* star_target: '*' (!'*' star_target) | t_primary '.' NAME | t_primary '[' slices ']' | star_atom */
ast *parse_target(parser *p) {
    place start = parser_place(p);
    ast *node;
    if (parser_accept(p, TOKEN_STAR)) {
        ast *value = parse_primary(p);
        node = parser_make(p, AST_Starred, start);
        node->Starred.value = parser_adopt(p, node, value);
    } else {
        node = parse_primary(p);
    }
    parse_set_context(p, node, CTX_Store, "assign to");
    return node;
}

static ast *make_tuple(parser *p, place start, uint32_t mark) {
    ast *node = parser_make(p, AST_Tuple, start);
    node->List.elts = parser_adopt_all(p, node, parser_pop(p, mark));
    node->List.ctx = CTX_Load;
    return node;
}

/* star_targets: star_target !',' | star_target (',' star_target)* [','] */
ast *parse_targets(parser *p) {
    place start = parser_place(p);
    ast *first = parse_target(p);
    if (p->now->kind != TOKEN_COMMA)
        return first;
    uint32_t mark = parser_mark(p);
    parser_push(p, first);
    while (parser_accept(p, TOKEN_COMMA) && p->now->kind != TOKEN_IN)
        parser_push(p, parse_target(p));
    ast *node = make_tuple(p, start, mark);
    node->List.ctx = CTX_Store;
    return node;
}

/* ---- comprehensions ---- */

static bool at_comprehension(const parser *p) {
    return p->now->kind == TOKEN_FOR || (p->now->kind == TOKEN_ASYNC && p->now[1].kind == TOKEN_FOR);
}

/* Steps over a closing bracket. END as closer stands for the brace of an f-string, which counts as a parenthesis. */
static void take_closer(parser *p, token_kind closer) {
    if (p->now->kind == closer) {
        parser_take(p);
        p->end.col += closer == TOKEN_END;
        p->now -= closer == TOKEN_END;
        return;
    }
    token_kind kind = p->now->kind;
    if (closer != TOKEN_END && (kind == TOKEN_NAME || kind == TOKEN_NUMBER || kind == TOKEN_STRING))
        parser_fail_here(p, "is a comma or an operator missing?", "expected '%s' or ',', found %s",
                         token_kind_text(closer), token_kind_text(kind));
    parser_fail_unexpected(p);
}

/* for_if_clause: ['async'] 'for' star_targets 'in' disjunction ('if' disjunction)* */
static ast *parse_for_if_clause(parser *p) {
    place start = parser_place(p);
    bool is_async = parser_accept(p, TOKEN_ASYNC);
    parser_expect(p, TOKEN_FOR);
    ast *target = parse_targets(p);
    parser_expect(p, TOKEN_IN);
    ast *iter = parse_disjunction(p);
    uint32_t mark = parser_mark(p);
    while (parser_accept(p, TOKEN_IF))
        parser_push(p, parse_disjunction(p));
    ast *node = parser_make(p, AST_comprehension, start);
    node->comprehension.ifs = parser_adopt_all(p, node, parser_pop(p, mark));
    node->comprehension.target = parser_adopt(p, node, target);
    node->comprehension.iter = parser_adopt(p, node, iter);
    node->comprehension.is_async = is_async;
    return node;
}

/* The clauses and the closing bracket of a comprehension whose element (and value, of a dict) has been read. */
static ast *parse_comprehension(parser *p, ast_kind kind, place start, ast *elt, ast *value, token_kind closer) {
    if (elt->kind == AST_Starred)
        parser_fail(p, elt->at, "write a loop, or chain the iterables",
                    "iterable unpacking cannot be used in a comprehension");
    uint32_t mark = parser_mark(p);
    while (at_comprehension(p))
        parser_push(p, parse_for_if_clause(p));
    if (kind == AST_GeneratorExp && p->now->kind == TOKEN_COMMA)
        parser_fail(p, elt->at, "put parentheses around it", "a generator expression must be parenthesized");
    take_closer(p, closer);
    ast *node = parser_make(p, kind, start);
    node->ListComp.generators = parser_adopt_all(p, node, parser_pop(p, mark));
    node->ListComp.elt = parser_adopt(p, node, elt);
    node->ListComp.value = parser_adopt(p, node, value);
    return node;
}

/* ---- atoms ---- */

/* star_named_expression: '*' bitwise_or | named_expression */
ast *parse_star_named_expression(parser *p) {
    return p->now->kind == TOKEN_STAR ? parse_star_expression(p) : parse_named_expression(p);
}

/* Elements after the first one and the closing bracket; the first is on the stack above `mark`. */
static void parse_elements(parser *p, token_kind closer) {
    while (parser_accept(p, TOKEN_COMMA)) {
        if (p->now->kind == closer)
            break;
        parser_push(p, parse_star_named_expression(p));
    }
    take_closer(p, closer);
}

/* What follows '(' : tuple, group or genexp, up to `closer`. */
static ast *parse_parenthesized(parser *p, place start, token_kind closer) {
    uint32_t mark = parser_mark(p);
    if (closer != TOKEN_END && parser_accept(p, closer))
        return make_tuple(p, start, mark);
    if (p->now->kind == TOKEN_YIELD) {
        ast *node = parse_yield_or_star_expressions(p);
        take_closer(p, closer);
        return node;
    }
    ast *first = parse_star_named_expression(p);
    if (at_comprehension(p))
        return parse_comprehension(p, AST_GeneratorExp, start, first, NULL, closer);
    if (p->now->kind == TOKEN_COMMA) {
        parser_push(p, first);
        parse_elements(p, closer);
        return make_tuple(p, start, mark);
    }
    if (first->kind == AST_Starred && p->now->kind == closer)
        parser_fail(p, first->at, "a tuple of one element needs a comma: (*a,)",
                    "cannot use a starred expression here");
    take_closer(p, closer);
    return first;
}

ast *parse_group_body(parser *p, place start) {
    return parse_parenthesized(p, start, TOKEN_END);
}

static ast *parse_list(parser *p, place start) {
    uint32_t mark = parser_mark(p);
    if (!parser_accept(p, TOKEN_RSQB)) {
        ast *first = parse_star_named_expression(p);
        if (at_comprehension(p))
            return parse_comprehension(p, AST_ListComp, start, first, NULL, TOKEN_RSQB);
        parser_push(p, first);
        parse_elements(p, TOKEN_RSQB);
    }
    ast *node = parser_make(p, AST_List, start);
    node->List.elts = parser_adopt_all(p, node, parser_pop(p, mark));
    node->List.ctx = CTX_Load;
    return node;
}

/* double_starred_kvpair: '**' bitwise_or | expression ':' expression. Pushes key (or NULL) and value. */
static void parse_pair(parser *p) {
    if (parser_accept(p, TOKEN_POWER)) {
        parser_push(p, NULL);
        parser_push(p, parse_bitwise_or(p));
        return;
    }
    parser_push(p, parse_expression(p));
    if (p->now->kind != TOKEN_COLON)
        parser_fail_here(p, "each entry of a dict is key: value", "':' expected after a dictionary key");
    parser_take(p);
    parser_push(p, parse_expression(p));
}

/* From the first pair's end on; key and value are on the stack above `mark`. */
static ast *parse_dict_rest(parser *p, place start, uint32_t mark) {
    if (at_comprehension(p)) {
        ast_list pair = parser_pop(p, mark);
        if (!pair.at[0])
            parser_fail(p, pair.at[1]->at, "write a loop, or merge the dicts",
                        "dict unpacking cannot be used in a dict comprehension");
        return parse_comprehension(p, AST_DictComp, start, pair.at[0], pair.at[1], TOKEN_RBRACE);
    }
    while (parser_accept(p, TOKEN_COMMA) && p->now->kind != TOKEN_RBRACE)
        parse_pair(p);
    take_closer(p, TOKEN_RBRACE);
    ast_list both = parser_pop(p, mark);
    ast *node = parser_make(p, AST_Dict, start);
    parser_adopt_all(p, node, both);
    node->Dict.keys = (ast_list){arena_array(p->a, ast *, both.len / 2), both.len / 2};
    node->Dict.values = (ast_list){arena_array(p->a, ast *, both.len / 2), both.len / 2};
    for (uint32_t i = 0; i < both.len / 2; i++) {
        node->Dict.keys.at[i] = both.at[2 * i];
        node->Dict.values.at[i] = both.at[2 * i + 1];
    }
    return node;
}

/* dict: '{' pairs '}' | set: '{' star_named_expressions '}' | comprehensions of both */
static ast *parse_braces(parser *p, place start) {
    uint32_t mark = parser_mark(p);
    if (parser_accept(p, TOKEN_RBRACE))
        return parser_make(p, AST_Dict, start);
    if (p->now->kind == TOKEN_POWER) {
        parse_pair(p);
        return parse_dict_rest(p, start, mark);
    }
    bool plain = p->now->kind != TOKEN_STAR && !(p->now->kind == TOKEN_NAME && p->now[1].kind == TOKEN_WALRUS);
    ast *first = parse_star_named_expression(p);
    if (plain && parser_accept(p, TOKEN_COLON)) {
        parser_push(p, first);
        parser_push(p, parse_expression(p));
        return parse_dict_rest(p, start, mark);
    }
    if (at_comprehension(p))
        return parse_comprehension(p, AST_SetComp, start, first, NULL, TOKEN_RBRACE);
    parser_push(p, first);
    parse_elements(p, TOKEN_RBRACE);
    ast *node = parser_make(p, AST_Set, start);
    node->List.elts = parser_adopt_all(p, node, parser_pop(p, mark));
    return node;
}

static ast *parse_bracketed(parser *p) {
    place start = parser_place(p);
    token_kind kind = p->now->kind;
    parser_descend(p);
    parser_take(p);
    ast *node = kind == TOKEN_LPAR   ? parse_parenthesized(p, start, TOKEN_RPAR)
                : kind == TOKEN_LSQB ? parse_list(p, start)
                                     : parse_braces(p, start);
    parser_ascend(p);
    return node;
}

static ast *parse_constant(parser *p, ast_const type) {
    place start = parser_place(p);
    parser_take(p);
    ast *node = parser_make(p, AST_Constant, start);
    node->Constant.type = type;
    return node;
}

static ast *parse_name(parser *p, ast_ctx context) {
    place start = parser_place(p);
    sym name = parser_take_name(p);
    ast *node = parser_make(p, AST_Name, start);
    node->Name.id = name;
    node->Name.ctx = context;
    return node;
}

static ast *parse_atom(parser *p) {
    switch (p->now->kind) {
    case TOKEN_NAME:
        return parse_name(p, CTX_Load);
    case TOKEN_NUMBER:
        return parse_number(p);
    case TOKEN_STRING:
        return parse_strings(p);
    case TOKEN_LPAR:
    case TOKEN_LSQB:
    case TOKEN_LBRACE:
        return parse_bracketed(p);
    case TOKEN_TRUE:
        return parse_constant(p, CONST_True);
    case TOKEN_FALSE:
        return parse_constant(p, CONST_False);
    case TOKEN_NONE:
        return parse_constant(p, CONST_None);
    case TOKEN_ELLIPSIS:
        return parse_constant(p, CONST_Ellipsis);
    case TOKEN_YIELD:
        parser_fail_here(p, "put parentheses around it", "a yield expression needs parentheses here");
    default:
        parser_fail_unexpected(p);
    }
}

/* ---- primaries ---- */

/* kwarg: NAME '=' expression | '**' expression */
static ast *parse_keyword(parser *p) {
    place start = parser_place(p);
    sym name = NULL;
    if (!parser_accept(p, TOKEN_POWER)) {
        name = parser_take_name(p);
        parser_expect(p, TOKEN_EQUAL);
    }
    ast *value = parse_expression(p);
    ast *node = parser_make(p, AST_keyword, start);
    node->keyword.arg = name;
    node->keyword.value = parser_adopt(p, node, value);
    return node;
}

static ast *parse_starred_argument(parser *p) {
    place start = parser_place(p);
    parser_expect(p, TOKEN_STAR);
    ast *value = parse_expression(p);
    ast *node = parser_make(p, AST_Starred, start);
    node->Starred.value = parser_adopt(p, node, value);
    node->Starred.ctx = CTX_Load;
    return node;
}

typedef struct arguments_seen {
    bool keyword, mapping;
} arguments_seen;

static bool at_keyword(const parser *p) {
    return p->now->kind == TOKEN_POWER || (p->now->kind == TOKEN_NAME && p->now[1].kind == TOKEN_EQUAL);
}

static ast *parse_argument(parser *p, arguments_seen *seen) {
    if (at_keyword(p)) {
        seen->keyword = true;
        seen->mapping = seen->mapping || p->now->kind == TOKEN_POWER;
        return parse_keyword(p);
    }
    if (p->now->kind == TOKEN_STAR) {
        if (seen->mapping)
            parser_fail_here(p, "move it before the **",
                             "iterable argument unpacking follows keyword argument unpacking");
        return parse_starred_argument(p);
    }
    ast *arg = parse_named_expression(p);
    if (p->now->kind == TOKEN_EQUAL)
        parser_fail(p, arg->at, "write == to compare; keyword arguments are name=value",
                    "the left side of '=' in a call must be a name");
    if (seen->keyword)
        parser_fail(p, arg->at, "move it before the keyword arguments",
                    "positional argument follows keyword argument%s", seen->mapping ? " unpacking" : "");
    return arg;
}

static void split_arguments(parser *p, ast *owner, ast_list all, ast_list *args, ast_list *keywords) {
    uint32_t named = 0;
    for (uint32_t i = 0; i < all.len; i++)
        named += all.at[i]->kind == AST_keyword;
    parser_adopt_all(p, owner, all);
    *args = (ast_list){named == all.len ? NULL : arena_array(p->a, ast *, all.len - named), 0};
    *keywords = (ast_list){named ? arena_array(p->a, ast *, named) : NULL, 0};
    for (uint32_t i = 0; i < all.len; i++) {
        ast_list *list = all.at[i]->kind == AST_keyword ? keywords : args;
        list->at[list->len++] = all.at[i];
    }
}

/* arguments: positional and starred ones, then keywords (with starred ones among them), then mappings and keywords.
 * A generator may stand without parentheses of its own when it is a call's only argument. */
void parse_arguments(parser *p, ast *owner, ast_list *args, ast_list *keywords) {
    place opening = parser_place(p);
    uint32_t mark = parser_mark(p);
    arguments_seen seen = {false, false};
    parser_descend(p);
    parser_expect(p, TOKEN_LPAR);
    while (!parser_accept(p, TOKEN_RPAR)) {
        parser_push(p, parse_argument(p, &seen));
        if (at_comprehension(p)) {
            ast *elt = parser_pop(p, parser_mark(p) - 1).at[0];
            if (owner->kind != AST_Call || parser_mark(p) != mark || elt->kind == AST_keyword)
                parser_fail(p, elt->at, "put parentheses around it", "a generator expression must be parenthesized");
            parser_push(p, parse_comprehension(p, AST_GeneratorExp, opening, elt, NULL, TOKEN_RPAR));
            break;
        }
        if (!parser_accept(p, TOKEN_COMMA)) {
            take_closer(p, TOKEN_RPAR);
            break;
        }
    }
    parser_ascend(p);
    split_arguments(p, owner, parser_pop(p, mark), args, keywords);
}

static ast *parse_call(parser *p, place start, ast *func) {
    ast *node = parser_make(p, AST_Call, start);
    node->Call.func = parser_adopt(p, node, func);
    parse_arguments(p, node, &node->Call.args, &node->Call.keywords);
    node->at.end_line = p->end.line;
    node->at.end_col = p->end.col;
    return node;
}

static bool ends_slice(const parser *p) {
    return p->now->kind == TOKEN_COLON || p->now->kind == TOKEN_COMMA || p->now->kind == TOKEN_RSQB;
}

/* slice: [expression] ':' [expression] [':' [expression]] | named_expression | starred_expression */
static ast *parse_slice(parser *p) {
    place start = parser_place(p);
    if (p->now->kind == TOKEN_STAR)
        return parse_starred_argument(p);
    ast *lower = NULL, *upper = NULL, *step = NULL;
    if (p->now->kind != TOKEN_COLON) {
        bool named = p->now->kind == TOKEN_NAME && p->now[1].kind == TOKEN_WALRUS;
        lower = parse_named_expression(p);
        if (named || p->now->kind != TOKEN_COLON)
            return lower;
    }
    parser_expect(p, TOKEN_COLON);
    if (!ends_slice(p))
        upper = parse_expression(p);
    if (parser_accept(p, TOKEN_COLON) && !ends_slice(p))
        step = parse_expression(p);
    ast *node = parser_make(p, AST_Slice, start);
    node->Slice.lower = parser_adopt(p, node, lower);
    node->Slice.upper = parser_adopt(p, node, upper);
    node->Slice.step = parser_adopt(p, node, step);
    return node;
}

/* slices: slice !',' | (slice | starred_expression) (',' …)* [','] */
static ast *parse_slices(parser *p) {
    place start = parser_place(p);
    ast *first = parse_slice(p);
    if (p->now->kind != TOKEN_COMMA && first->kind != AST_Starred)
        return first;
    uint32_t mark = parser_mark(p);
    parser_push(p, first);
    while (parser_accept(p, TOKEN_COMMA) && p->now->kind != TOKEN_RSQB)
        parser_push(p, parse_slice(p));
    return make_tuple(p, start, mark);
}

static ast *parse_subscript(parser *p, place start, ast *value) {
    parser_descend(p);
    parser_expect(p, TOKEN_LSQB);
    if (p->now->kind == TOKEN_RSQB)
        parser_fail_here(p, "write an index, or : for all", "an index is missing between the brackets");
    ast *slice = parse_slices(p);
    take_closer(p, TOKEN_RSQB);
    parser_ascend(p);
    ast *node = parser_make(p, AST_Subscript, start);
    node->Subscript.value = parser_adopt(p, node, value);
    node->Subscript.slice = parser_adopt(p, node, slice);
    node->Subscript.ctx = CTX_Load;
    return node;
}

static ast *parse_attribute(parser *p, place start, ast *value) {
    parser_expect(p, TOKEN_DOT);
    sym attr = parser_take_name(p);
    ast *node = parser_make(p, AST_Attribute, start);
    node->Attribute.value = parser_adopt(p, node, value);
    node->Attribute.attr = attr;
    node->Attribute.ctx = CTX_Load;
    return node;
}

/* primary: atom ('.' NAME | '(' [arguments] ')' | '[' slices ']')* */
static ast *parse_primary(parser *p) {
    place start = parser_place(p);
    ast *node = parse_atom(p);
    for (;;) {
        switch (p->now->kind) {
        case TOKEN_DOT:
            node = parse_attribute(p, start, node);
            break;
        case TOKEN_LPAR:
            node = parse_call(p, start, node);
            break;
        case TOKEN_LSQB:
            node = parse_subscript(p, start, node);
            break;
        default:
            return node;
        }
    }
}

/* ---- operators ---- */

static ast *parse_factor(parser *p);

static ast *make_binary(parser *p, place start, ast *left, ast_op op, ast *right) {
    ast *node = parser_make(p, AST_BinOp, start);
    node->BinOp.left = parser_adopt(p, node, left);
    node->BinOp.op = op;
    node->BinOp.right = parser_adopt(p, node, right);
    return node;
}

/* power: ['await'] primary ['**' factor] */
static ast *parse_power(parser *p) {
    place start = parser_place(p);
    ast *node;
    if (parser_accept(p, TOKEN_AWAIT)) {
        ast *value = parse_primary(p);
        node = parser_make(p, AST_Await, start);
        node->Yield.value = parser_adopt(p, node, value);
    } else {
        node = parse_primary(p);
    }
    if (parser_accept(p, TOKEN_POWER))
        node = make_binary(p, start, node, OP_Pow, parse_factor(p));
    return node;
}

static ast *make_unary(parser *p, place start, ast_op op, ast *operand) {
    ast *node = parser_make(p, AST_UnaryOp, start);
    node->UnaryOp.op = op;
    node->UnaryOp.operand = parser_adopt(p, node, operand);
    return node;
}

/* factor: ('+' | '-' | '~') factor | power */
static ast *parse_factor(parser *p) {
    ast_op op = p->now->kind == TOKEN_PLUS    ? OP_UAdd
                : p->now->kind == TOKEN_MINUS ? OP_USub
                : p->now->kind == TOKEN_TILDE ? OP_Invert
                                              : OP_INVALID;
    parser_descend(p);
    ast *node;
    if (op) {
        place start = parser_place(p);
        parser_take(p);
        node = make_unary(p, start, op, parse_factor(p));
    } else {
        node = parse_power(p);
    }
    parser_ascend(p);
    return node;
}

typedef struct binary_row {
    uint8_t binds; /* tighter is larger; 0: not a binary operator */
    uint8_t op;
} binary_row;

enum { BINDS_OR = 1, BINDS_XOR, BINDS_AND, BINDS_SHIFT, BINDS_SUM, BINDS_TERM };

static const binary_row binary_rows[TOKEN_KIND_COUNT] = {
    [TOKEN_BAR] = {BINDS_OR, OP_BitOr},
    [TOKEN_CARET] = {BINDS_XOR, OP_BitXor},
    [TOKEN_AMPER] = {BINDS_AND, OP_BitAnd},
    [TOKEN_LEFT_SHIFT] = {BINDS_SHIFT, OP_LShift},
    [TOKEN_RIGHT_SHIFT] = {BINDS_SHIFT, OP_RShift},
    [TOKEN_PLUS] = {BINDS_SUM, OP_Add},
    [TOKEN_MINUS] = {BINDS_SUM, OP_Sub},
    [TOKEN_STAR] = {BINDS_TERM, OP_Mult},
    [TOKEN_SLASH] = {BINDS_TERM, OP_Div},
    [TOKEN_DOUBLE_SLASH] = {BINDS_TERM, OP_FloorDiv},
    [TOKEN_PERCENT] = {BINDS_TERM, OP_Mod},
    [TOKEN_AT] = {BINDS_TERM, OP_MatMult},
};

/* bitwise_or down to term, all left-associative: operators that bind at least as tightly as `least`. */
static ast *parse_binary(parser *p, int least) {
    place start = parser_place(p);
    ast *left = parse_factor(p);
    for (;;) {
        binary_row row = binary_rows[p->now->kind];
        if (row.binds < least || !row.binds)
            return left;
        parser_take(p);
        left = make_binary(p, start, left, (ast_op)row.op, parse_binary(p, row.binds + 1));
    }
}

ast *parse_bitwise_or(parser *p) {
    return parse_binary(p, BINDS_OR);
}

/* The comparison operator at hand, stepped over; OP_INVALID when there is none. */
static ast_op take_comparison(parser *p) {
    static const uint8_t simple[TOKEN_KIND_COUNT] = {
        [TOKEN_EQUAL_EQUAL] = OP_Eq, [TOKEN_NOT_EQUAL] = OP_NotEq, [TOKEN_LESS] = OP_Lt,
        [TOKEN_LESS_EQUAL] = OP_LtE, [TOKEN_GREATER] = OP_Gt,      [TOKEN_GREATER_EQUAL] = OP_GtE,
        [TOKEN_IN] = OP_In,          [TOKEN_IS] = OP_Is,           [TOKEN_NOT] = OP_NotIn,
    };
    ast_op op = (ast_op)simple[p->now->kind];
    if (!op || (op == OP_NotIn && p->now[1].kind != TOKEN_IN))
        return OP_INVALID;
    parser_take(p);
    if (op == OP_NotIn)
        parser_take(p);
    if (op == OP_Is && parser_accept(p, TOKEN_NOT))
        return OP_IsNot;
    return op;
}

/* comparison: bitwise_or (compare_op bitwise_or)* */
static ast *parse_comparison(parser *p) {
    place start = parser_place(p);
    ast *left = parse_bitwise_or(p);
    ast_op op = take_comparison(p);
    if (!op)
        return left;
    uint32_t mark = parser_mark(p);
    VEC(ast_op) ops = {0};
    for (; op; op = take_comparison(p)) {
        vec_push(p->a, &ops, op);
        parser_push(p, parse_bitwise_or(p));
    }
    ast *node = parser_make(p, AST_Compare, start);
    node->Compare.left = parser_adopt(p, node, left);
    node->Compare.ops = ops.at;
    node->Compare.comparators = parser_adopt_all(p, node, parser_pop(p, mark));
    return node;
}

/* inversion: 'not' inversion | comparison */
static ast *parse_inversion(parser *p) {
    if (p->now->kind != TOKEN_NOT)
        return parse_comparison(p);
    place start = parser_place(p);
    parser_descend(p);
    parser_take(p);
    ast *node = make_unary(p, start, OP_Not, parse_inversion(p));
    parser_ascend(p);
    return node;
}

static ast *make_bool(parser *p, place start, ast_op op, uint32_t mark) {
    ast *node = parser_make(p, AST_BoolOp, start);
    node->BoolOp.op = op;
    node->BoolOp.values = parser_adopt_all(p, node, parser_pop(p, mark));
    return node;
}

/* conjunction: inversion ('and' inversion)* */
static ast *parse_conjunction(parser *p) {
    place start = parser_place(p);
    ast *first = parse_inversion(p);
    if (p->now->kind != TOKEN_AND)
        return first;
    uint32_t mark = parser_mark(p);
    parser_push(p, first);
    while (parser_accept(p, TOKEN_AND))
        parser_push(p, parse_inversion(p));
    return make_bool(p, start, OP_And, mark);
}

/* disjunction: conjunction ('or' conjunction)* */
static ast *parse_disjunction(parser *p) {
    place start = parser_place(p);
    ast *first = parse_conjunction(p);
    if (p->now->kind != TOKEN_OR)
        return first;
    uint32_t mark = parser_mark(p);
    parser_push(p, first);
    while (parser_accept(p, TOKEN_OR))
        parser_push(p, parse_conjunction(p));
    return make_bool(p, start, OP_Or, mark);
}

/* ---- whole expressions ---- */

/* lambdef: 'lambda' [lambda_params] ':' expression */
static ast *parse_lambda(parser *p) {
    place start = parser_place(p);
    parser_expect(p, TOKEN_LAMBDA);
    ast *args = parse_parameters(p, TOKEN_COLON);
    parser_expect(p, TOKEN_COLON);
    ast *body = parse_expression(p);
    ast *node = parser_make(p, AST_Lambda, start);
    node->Lambda.args = parser_adopt(p, node, args);
    node->Lambda.body = parser_adopt(p, node, body);
    return node;
}

static ast *parse_conditional(parser *p, place start, ast *body) {
    parser_expect(p, TOKEN_IF);
    ast *test = parse_disjunction(p);
    if (p->now->kind != TOKEN_ELSE)
        parser_fail_here(p, "a conditional expression is: value if condition else other",
                         "expected 'else' after the condition of a conditional expression");
    parser_take(p);
    ast *orelse = parse_expression(p);
    ast *node = parser_make(p, AST_IfExp, start);
    node->IfExp.test = parser_adopt(p, node, test);
    node->IfExp.body = parser_adopt(p, node, body);
    node->IfExp.orelse = parser_adopt(p, node, orelse);
    return node;
}

/* expression: disjunction ['if' disjunction 'else' expression] | lambdef */
ast *parse_expression(parser *p) {
    parser_descend(p);
    place start = parser_place(p);
    ast *node = p->now->kind == TOKEN_LAMBDA ? parse_lambda(p) : parse_disjunction(p);
    if (p->now->kind == TOKEN_IF && node->kind != AST_Lambda)
        node = parse_conditional(p, start, node);
    parser_ascend(p);
    return node;
}

/* named_expression: NAME ':=' expression | expression !':=' */
ast *parse_named_expression(parser *p) {
    if (p->now->kind != TOKEN_NAME || p->now[1].kind != TOKEN_WALRUS) {
        ast *node = parse_expression(p);
        if (p->now->kind == TOKEN_WALRUS)
            parser_fail(p, node->at, "only a name can stand left of :=", "cannot use an assignment expression with %s",
                        parse_describe(node));
        return node;
    }
    place start = parser_place(p);
    ast *target = parse_name(p, CTX_Store);
    parser_expect(p, TOKEN_WALRUS);
    ast *value = parse_expression(p);
    ast *node = parser_make(p, AST_NamedExpr, start);
    node->NamedExpr.target = parser_adopt(p, node, target);
    node->NamedExpr.value = parser_adopt(p, node, value);
    return node;
}

/* star_expression: '*' bitwise_or | expression */
ast *parse_star_expression(parser *p) {
    if (p->now->kind != TOKEN_STAR)
        return parse_expression(p);
    place start = parser_place(p);
    parser_take(p);
    ast *value = parse_bitwise_or(p);
    ast *node = parser_make(p, AST_Starred, start);
    node->Starred.value = parser_adopt(p, node, value);
    node->Starred.ctx = CTX_Load;
    return node;
}

static bool starts_expression(const parser *p) {
    switch (p->now->kind) {
    case TOKEN_NAME:
    case TOKEN_NUMBER:
    case TOKEN_STRING:
    case TOKEN_LPAR:
    case TOKEN_LSQB:
    case TOKEN_LBRACE:
    case TOKEN_MINUS:
    case TOKEN_PLUS:
    case TOKEN_TILDE:
    case TOKEN_STAR:
    case TOKEN_ELLIPSIS:
    case TOKEN_TRUE:
    case TOKEN_FALSE:
    case TOKEN_NONE:
    case TOKEN_NOT:
    case TOKEN_LAMBDA:
    case TOKEN_AWAIT:
        return true;
    default:
        return false;
    }
}

/* star_expressions: star_expression (',' star_expression)* [','] */
ast *parse_star_expressions(parser *p) {
    place start = parser_place(p);
    ast *first = parse_star_expression(p);
    if (p->now->kind != TOKEN_COMMA)
        return first;
    uint32_t mark = parser_mark(p);
    parser_push(p, first);
    while (parser_accept(p, TOKEN_COMMA) && starts_expression(p))
        parser_push(p, parse_star_expression(p));
    return make_tuple(p, start, mark);
}

/* yield_expr: 'yield' 'from' expression | 'yield' [star_expressions] */
ast *parse_yield_or_star_expressions(parser *p) {
    if (p->now->kind != TOKEN_YIELD)
        return parse_star_expressions(p);
    place start = parser_place(p);
    parser_take(p);
    ast_kind kind = AST_Yield;
    ast *value = NULL;
    if (parser_accept(p, TOKEN_FROM)) {
        kind = AST_YieldFrom;
        value = parse_expression(p);
    } else if (starts_expression(p)) {
        value = parse_star_expressions(p);
    }
    ast *node = parser_make(p, kind, start);
    node->Yield.value = parser_adopt(p, node, value);
    return node;
}

/* ---- parameters ---- */

typedef struct parameters {
    ast *node; /* arguments */
    uint32_t positional, keyword_only;
    uint32_t posonly; /* of the positional ones */
    uint32_t mark;    /* positional and keyword-only parameters and their defaults, in pairs */
    bool star, defaults;
} parameters;

/* param: NAME [annotation] */
static ast *parse_parameter(parser *p, bool annotated, bool starred) {
    place start = parser_place(p);
    if (p->now->kind == TOKEN_LPAR)
        parser_fail_here(p, "take one parameter and unpack it in the body", "parameters cannot be parenthesized");
    sym name = parser_take_name(p);
    ast *annotation = NULL;
    if (annotated && parser_accept(p, TOKEN_COLON))
        annotation = starred ? parse_star_expression(p) : parse_expression(p);
    ast *node = parser_make(p, AST_arg, start);
    node->arg.arg = name;
    node->arg.annotation = parser_adopt(p, node, annotation);
    return node;
}

static void parse_plain_parameter(parser *p, parameters *s, bool annotated) {
    ast *arg = parse_parameter(p, annotated, false);
    ast *value = NULL;
    if (parser_accept(p, TOKEN_EQUAL)) {
        if (p->now->kind == TOKEN_COMMA || p->now->kind == TOKEN_RPAR || p->now->kind == TOKEN_COLON)
            parser_fail_here(p, NULL, "expected a default value");
        value = parse_expression(p);
    }
    if (!value && s->defaults && !s->star)
        parser_fail(p, arg->at, "give it a default, or move it before those that have one",
                    "non-default parameter follows default parameter");
    s->defaults = s->defaults || (value && !s->star);
    *(s->star ? &s->keyword_only : &s->positional) += 1;
    parser_push(p, arg);
    parser_push(p, value);
}

static void parse_star_parameter(parser *p, parameters *s, bool annotated, token_kind closer) {
    span at = parser_span_of(p, p->now);
    if (s->star)
        parser_fail_here(p, NULL, "* may appear only once among the parameters");
    parser_take(p);
    s->star = true;
    token_kind after = p->now->kind == TOKEN_COMMA ? p->now[1].kind : p->now->kind;
    if (after == closer || (after == TOKEN_POWER && p->now->kind == TOKEN_COMMA))
        parser_fail(p, at, "name a parameter after it, or delete it", "named parameters must follow bare *");
    if (p->now->kind == TOKEN_COMMA)
        return;
    s->node->arguments.vararg = parser_adopt(p, s->node, parse_parameter(p, annotated, true));
    if (p->now->kind == TOKEN_EQUAL)
        parser_fail_here(p, NULL, "a * parameter cannot have a default value");
}

static void parse_slash(parser *p, parameters *s) {
    if (s->star)
        parser_fail_here(p, NULL, "/ must be ahead of *");
    if (s->posonly)
        parser_fail_here(p, NULL, "/ may appear only once among the parameters");
    if (!s->positional)
        parser_fail_here(p, "name a parameter before it, or delete it", "at least one parameter must precede /");
    s->posonly = s->positional;
    parser_take(p);
}

static ast_list every_second(parser *p, ast *const *from, uint32_t count) {
    ast_list list = {count ? arena_array(p->a, ast *, count) : NULL, count};
    for (uint32_t i = 0; i < count; i++)
        list.at[i] = from[2 * i];
    return list;
}

/* The pairs on the stack, spread over CPython's five lists. */
static void finish_parameters(parser *p, parameters *s) {
    ast *node = s->node;
    ast_list pairs = parser_pop(p, s->mark);
    parser_adopt_all(p, node, pairs);
    uint32_t without = 0;
    while (without < s->positional && !pairs.at[2 * without + 1])
        without++;
    ast **named = pairs.len ? pairs.at + 2 * s->positional : NULL;
    if (!pairs.len)
        return;
    node->arguments.posonlyargs = every_second(p, pairs.at, s->posonly);
    node->arguments.args = every_second(p, pairs.at + 2 * s->posonly, s->positional - s->posonly);
    node->arguments.defaults = every_second(p, pairs.at + 2 * without + 1, s->positional - without);
    node->arguments.kwonlyargs = every_second(p, named, s->keyword_only);
    node->arguments.kw_defaults = every_second(p, named + 1, s->keyword_only);
}

/* parameters: positional-only '/' plain '*' keyword-only '**' rest. Annotations belong to def alone. */
ast *parse_parameters(parser *p, token_kind closer) {
    bool annotated = closer == TOKEN_RPAR;
    place start = parser_place(p);
    parameters s = {.node = parser_make(p, AST_arguments, start), .mark = parser_mark(p)};
    while (p->now->kind != closer) {
        if (s.node->arguments.kwarg)
            parser_fail_here(p, "move it before the ** parameter", "parameters cannot follow the ** parameter");
        if (p->now->kind == TOKEN_SLASH) {
            parse_slash(p, &s);
        } else if (p->now->kind == TOKEN_STAR) {
            parse_star_parameter(p, &s, annotated, closer);
        } else if (parser_accept(p, TOKEN_POWER)) {
            s.node->arguments.kwarg = parser_adopt(p, s.node, parse_parameter(p, annotated, false));
            if (p->now->kind == TOKEN_EQUAL)
                parser_fail_here(p, NULL, "a ** parameter cannot have a default value");
        } else {
            parse_plain_parameter(p, &s, annotated);
        }
        if (p->now->kind != closer)
            parser_expect(p, TOKEN_COMMA);
    }
    finish_parameters(p, &s);
    s.node->at.end_line = p->end.line;
    s.node->at.end_col = p->end.col;
    return s.node;
}
