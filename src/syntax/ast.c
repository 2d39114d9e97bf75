#include "syntax/syntax.h"
#include <stddef.h>

#define F(name, type, member) {name, FIELD_##type, offsetof(ast, member)}
#define COMPREHENSION_FIELDS {F("elt", NODE, ListComp.elt), F("generators", LIST, ListComp.generators)}
#define FUNCTION_FIELDS                                                                                                \
    {F("name", SYM, FunctionDef.name), F("args", NODE, FunctionDef.args), F("body", LIST, FunctionDef.body),           \
     F("decorator_list", LIST, FunctionDef.decorator_list), F("returns", NODE, FunctionDef.returns)}
#define FOR_FIELDS                                                                                                     \
    {F("target", NODE, For.target), F("iter", NODE, For.iter), F("body", LIST, For.body), F("orelse", LIST, For.orelse)}
#define WITH_FIELDS {F("items", LIST, With.items), F("body", LIST, With.body)}
#define TRY_FIELDS                                                                                                     \
    {F("body", LIST, Try.body), F("handlers", LIST, Try.handlers), F("orelse", LIST, Try.orelse),                      \
     F("finalbody", LIST, Try.finalbody)}

static const ast_layout layouts[AST_KIND_COUNT] = {
    [AST_INVALID] = {"invalid", false, 0, {{0}}},
    [AST_Module] = {"Module", false, 1, {F("body", LIST, Module.body)}},
    [AST_FunctionDef] = {"FunctionDef", true, 5, FUNCTION_FIELDS},
    [AST_AsyncFunctionDef] = {"AsyncFunctionDef", true, 5, FUNCTION_FIELDS},
    [AST_ClassDef] = {"ClassDef",
                      true,
                      5,
                      {F("name", SYM, ClassDef.name), F("bases", LIST, ClassDef.bases),
                       F("keywords", LIST, ClassDef.keywords), F("body", LIST, ClassDef.body),
                       F("decorator_list", LIST, ClassDef.decorator_list)}},
    [AST_Return] = {"Return", true, 1, {F("value", NODE, Return.value)}},
    [AST_Delete] = {"Delete", true, 1, {F("targets", LIST, Delete.targets)}},
    [AST_Assign] = {"Assign", true, 2, {F("targets", LIST, Assign.targets), F("value", NODE, Assign.value)}},
    [AST_AugAssign] = {"AugAssign",
                       true,
                       3,
                       {F("target", NODE, AugAssign.target), F("op", OP, AugAssign.op),
                        F("value", NODE, AugAssign.value)}},
    [AST_AnnAssign] = {"AnnAssign",
                       true,
                       4,
                       {F("target", NODE, AnnAssign.target), F("annotation", NODE, AnnAssign.annotation),
                        F("value", NODE, AnnAssign.value), F("simple", FLAG, AnnAssign.simple)}},
    [AST_For] = {"For", true, 4, FOR_FIELDS},
    [AST_AsyncFor] = {"AsyncFor", true, 4, FOR_FIELDS},
    [AST_While] = {"While",
                   true,
                   3,
                   {F("test", NODE, While.test), F("body", LIST, While.body), F("orelse", LIST, While.orelse)}},
    [AST_If] = {"If", true, 3, {F("test", NODE, If.test), F("body", LIST, If.body), F("orelse", LIST, If.orelse)}},
    [AST_With] = {"With", true, 2, WITH_FIELDS},
    [AST_AsyncWith] = {"AsyncWith", true, 2, WITH_FIELDS},
    [AST_Match] = {"Match", true, 0, {{0}}},
    [AST_Raise] = {"Raise", true, 2, {F("exc", NODE, Raise.exc), F("cause", NODE, Raise.cause)}},
    [AST_Try] = {"Try", true, 4, TRY_FIELDS},
    [AST_TryStar] = {"TryStar", true, 4, TRY_FIELDS},
    [AST_Assert] = {"Assert", true, 2, {F("test", NODE, Assert.test), F("msg", NODE, Assert.msg)}},
    [AST_Import] = {"Import", true, 1, {F("names", LIST, Import.names)}},
    [AST_ImportFrom] = {"ImportFrom",
                        true,
                        3,
                        {F("module", SYM, ImportFrom.module), F("names", LIST, ImportFrom.names),
                         F("level", UINT, ImportFrom.level)}},
    [AST_Global] = {"Global", true, 1, {F("names", SYMS, Global.names)}},
    [AST_Nonlocal] = {"Nonlocal", true, 1, {F("names", SYMS, Global.names)}},
    [AST_Expr] = {"Expr", true, 1, {F("value", NODE, Expr.value)}},
    [AST_Pass] = {"Pass", true, 0, {{0}}},
    [AST_Break] = {"Break", true, 0, {{0}}},
    [AST_Continue] = {"Continue", true, 0, {{0}}},
    [AST_BoolOp] = {"BoolOp", true, 2, {F("op", OP, BoolOp.op), F("values", LIST, BoolOp.values)}},
    [AST_NamedExpr] = {"NamedExpr", true, 2, {F("target", NODE, NamedExpr.target), F("value", NODE, NamedExpr.value)}},
    [AST_BinOp] = {"BinOp",
                   true,
                   3,
                   {F("left", NODE, BinOp.left), F("op", OP, BinOp.op), F("right", NODE, BinOp.right)}},
    [AST_UnaryOp] = {"UnaryOp", true, 2, {F("op", OP, UnaryOp.op), F("operand", NODE, UnaryOp.operand)}},
    [AST_Lambda] = {"Lambda", true, 2, {F("args", NODE, Lambda.args), F("body", NODE, Lambda.body)}},
    [AST_IfExp] = {"IfExp",
                   true,
                   3,
                   {F("test", NODE, IfExp.test), F("body", NODE, IfExp.body), F("orelse", NODE, IfExp.orelse)}},
    [AST_Dict] = {"Dict", true, 2, {F("keys", LIST, Dict.keys), F("values", LIST, Dict.values)}},
    [AST_Set] = {"Set", true, 1, {F("elts", LIST, List.elts)}},
    [AST_ListComp] = {"ListComp", true, 2, COMPREHENSION_FIELDS},
    [AST_SetComp] = {"SetComp", true, 2, COMPREHENSION_FIELDS},
    [AST_DictComp] = {"DictComp",
                      true,
                      3,
                      {F("key", NODE, ListComp.elt), F("value", NODE, ListComp.value),
                       F("generators", LIST, ListComp.generators)}},
    [AST_GeneratorExp] = {"GeneratorExp", true, 2, COMPREHENSION_FIELDS},
    [AST_Await] = {"Await", true, 1, {F("value", NODE, Yield.value)}},
    [AST_Yield] = {"Yield", true, 1, {F("value", NODE, Yield.value)}},
    [AST_YieldFrom] = {"YieldFrom", true, 1, {F("value", NODE, Yield.value)}},
    [AST_Compare] = {"Compare",
                     true,
                     3,
                     {F("left", NODE, Compare.left), F("ops", OPS, Compare.ops),
                      F("comparators", LIST, Compare.comparators)}},
    [AST_Call] = {"Call",
                  true,
                  3,
                  {F("func", NODE, Call.func), F("args", LIST, Call.args), F("keywords", LIST, Call.keywords)}},
    [AST_FormattedValue] = {"FormattedValue",
                            true,
                            3,
                            {F("value", NODE, FormattedValue.value),
                             F("conversion", CONVERSION, FormattedValue.conversion),
                             F("format_spec", NODE, FormattedValue.format_spec)}},
    [AST_JoinedStr] = {"JoinedStr", true, 1, {F("values", LIST, JoinedStr.values)}},
    [AST_Constant] = {"Constant", true, 1, {F("value", CONSTANT, Constant)}},
    [AST_Attribute] = {"Attribute",
                       true,
                       3,
                       {F("value", NODE, Attribute.value), F("attr", SYM, Attribute.attr),
                        F("ctx", CTX, Attribute.ctx)}},
    [AST_Subscript] = {"Subscript",
                       true,
                       3,
                       {F("value", NODE, Subscript.value), F("slice", NODE, Subscript.slice),
                        F("ctx", CTX, Subscript.ctx)}},
    [AST_Starred] = {"Starred", true, 2, {F("value", NODE, Starred.value), F("ctx", CTX, Starred.ctx)}},
    [AST_Name] = {"Name", true, 2, {F("id", SYM, Name.id), F("ctx", CTX, Name.ctx)}},
    [AST_List] = {"List", true, 2, {F("elts", LIST, List.elts), F("ctx", CTX, List.ctx)}},
    [AST_Tuple] = {"Tuple", true, 2, {F("elts", LIST, List.elts), F("ctx", CTX, List.ctx)}},
    [AST_Slice] = {"Slice",
                   true,
                   3,
                   {F("lower", NODE, Slice.lower), F("upper", NODE, Slice.upper), F("step", NODE, Slice.step)}},
    [AST_arguments] = {"arguments",
                       false,
                       7,
                       {F("posonlyargs", LIST, arguments.posonlyargs), F("args", LIST, arguments.args),
                        F("vararg", NODE, arguments.vararg), F("kwonlyargs", LIST, arguments.kwonlyargs),
                        F("kw_defaults", LIST, arguments.kw_defaults), F("kwarg", NODE, arguments.kwarg),
                        F("defaults", LIST, arguments.defaults)}},
    [AST_arg] = {"arg", true, 2, {F("arg", SYM, arg.arg), F("annotation", NODE, arg.annotation)}},
    [AST_keyword] = {"keyword", true, 2, {F("arg", SYM, keyword.arg), F("value", NODE, keyword.value)}},
    [AST_alias] = {"alias", true, 2, {F("name", SYM, alias.name), F("asname", SYM, alias.asname)}},
    [AST_withitem] = {"withitem",
                      false,
                      2,
                      {F("context_expr", NODE, withitem.context_expr),
                       F("optional_vars", NODE, withitem.optional_vars)}},
    [AST_comprehension] = {"comprehension",
                           false,
                           4,
                           {F("target", NODE, comprehension.target), F("iter", NODE, comprehension.iter),
                            F("ifs", LIST, comprehension.ifs), F("is_async", FLAG, comprehension.is_async)}},
    [AST_ExceptHandler] = {"ExceptHandler",
                           true,
                           3,
                           {F("type", NODE, ExceptHandler.type), F("name", SYM, ExceptHandler.name),
                            F("body", LIST, ExceptHandler.body)}},
    [AST_Unsupported] = {"Unsupported", true, 1, {F("name", TEXT, Unsupported.name)}},
};

static const char *const op_names[OP_COUNT] = {
    [OP_INVALID] = "invalid", [OP_And] = "And",       [OP_Or] = "Or",           [OP_Add] = "Add",
    [OP_Sub] = "Sub",         [OP_Mult] = "Mult",     [OP_MatMult] = "MatMult", [OP_Div] = "Div",
    [OP_Mod] = "Mod",         [OP_Pow] = "Pow",       [OP_LShift] = "LShift",   [OP_RShift] = "RShift",
    [OP_BitOr] = "BitOr",     [OP_BitXor] = "BitXor", [OP_BitAnd] = "BitAnd",   [OP_FloorDiv] = "FloorDiv",
    [OP_Invert] = "Invert",   [OP_Not] = "Not",       [OP_UAdd] = "UAdd",       [OP_USub] = "USub",
    [OP_Eq] = "Eq",           [OP_NotEq] = "NotEq",   [OP_Lt] = "Lt",           [OP_LtE] = "LtE",
    [OP_Gt] = "Gt",           [OP_GtE] = "GtE",       [OP_Is] = "Is",           [OP_IsNot] = "IsNot",
    [OP_In] = "In",           [OP_NotIn] = "NotIn",
};

const ast_layout *ast_layout_of(ast_kind kind) {
    return &layouts[kind < AST_KIND_COUNT ? kind : AST_INVALID];
}

const char *ast_kind_name(ast_kind kind) {
    return ast_layout_of(kind)->name;
}

const char *ast_op_name(ast_op op) {
    return op_names[op < OP_COUNT ? op : OP_INVALID];
}

void ast_each_child(const ast *node, void (*visit)(void *context, ast *child), void *context) {
    const ast_layout *layout = ast_layout_of(node->kind);
    for (uint32_t i = 0; i < layout->count; i++) {
        const char *at = (const char *)node + layout->fields[i].offset;
        if (layout->fields[i].type == FIELD_NODE) {
            ast *child = *(ast *const *)(const void *)at;
            if (child)
                visit(context, child);
        } else if (layout->fields[i].type == FIELD_LIST) {
            const ast_list *list = (const ast_list *)(const void *)at;
            for (uint32_t k = 0; k < list->len; k++)
                if (list->at[k])
                    visit(context, list->at[k]);
        }
    }
}
