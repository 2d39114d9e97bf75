/* The syntax tree: CPython's own node and field names (module `ast` of Python 3.11), so that whoever knows one knows
 * the other. One struct per node, a tagged union; lists are counted arrays. Everything lives in the compile's arena.
 */
#ifndef PLAIT_SYNTAX_AST_H
#define PLAIT_SYNTAX_AST_H

#include "support/diag.h"
#include "support/sym.h"

typedef struct ast ast;
typedef struct ast_list {
    ast **at;
    uint32_t len;
} ast_list;
typedef struct sym_list {
    sym *at;
    uint32_t len;
} sym_list;

typedef enum ast_kind {
    AST_INVALID,
    /* mod */
    AST_Module,
    /* stmt */
    AST_FunctionDef,
    AST_AsyncFunctionDef,
    AST_ClassDef,
    AST_Return,
    AST_Delete,
    AST_Assign,
    AST_AugAssign,
    AST_AnnAssign,
    AST_For,
    AST_AsyncFor,
    AST_While,
    AST_If,
    AST_With,
    AST_AsyncWith,
    AST_Match,
    AST_Raise,
    AST_Try,
    AST_TryStar,
    AST_Assert,
    AST_Import,
    AST_ImportFrom,
    AST_Global,
    AST_Nonlocal,
    AST_Expr,
    AST_Pass,
    AST_Break,
    AST_Continue,
    /* expr */
    AST_BoolOp,
    AST_NamedExpr,
    AST_BinOp,
    AST_UnaryOp,
    AST_Lambda,
    AST_IfExp,
    AST_Dict,
    AST_Set,
    AST_ListComp,
    AST_SetComp,
    AST_DictComp,
    AST_GeneratorExp,
    AST_Await,
    AST_Yield,
    AST_YieldFrom,
    AST_Compare,
    AST_Call,
    AST_FormattedValue,
    AST_JoinedStr,
    AST_Constant,
    AST_Attribute,
    AST_Subscript,
    AST_Starred,
    AST_Name,
    AST_List,
    AST_Tuple,
    AST_Slice,
    /* parts */
    AST_arguments,
    AST_arg,
    AST_keyword,
    AST_alias,
    AST_withitem,
    AST_comprehension,
    AST_ExceptHandler,
    AST_Unsupported, /* a construct that is parsed past, not into: `name` says which ("match statement") */
    AST_KIND_COUNT
} __attribute__((packed)) ast_kind;

/* Of BoolOp, BinOp, AugAssign, UnaryOp, Compare. */
typedef enum ast_op {
    OP_INVALID,
    OP_And,
    OP_Or,
    OP_Add,
    OP_Sub,
    OP_Mult,
    OP_MatMult,
    OP_Div,
    OP_Mod,
    OP_Pow,
    OP_LShift,
    OP_RShift,
    OP_BitOr,
    OP_BitXor,
    OP_BitAnd,
    OP_FloorDiv,
    OP_Invert,
    OP_Not,
    OP_UAdd,
    OP_USub,
    OP_Eq,
    OP_NotEq,
    OP_Lt,
    OP_LtE,
    OP_Gt,
    OP_GtE,
    OP_Is,
    OP_IsNot,
    OP_In,
    OP_NotIn,
    OP_COUNT
} ast_op;

typedef enum ast_ctx { CTX_INVALID, CTX_Load, CTX_Store, CTX_Del } ast_ctx;

typedef enum ast_const {
    CONST_INVALID,
    CONST_None,
    CONST_True,
    CONST_False,
    CONST_Ellipsis,
    CONST_int,     /* `text` holds the decimal digits; `integer` the value when `fits` */
    CONST_float,   /* `real` */
    CONST_complex, /* `real` is the imaginary part */
    CONST_str,     /* `text`, `text_len`: decoded UTF-8, may hold NULs */
    CONST_bytes
} ast_const;

enum { AST_MAX_HEIGHT = 1500 };

/* clang-format off */
struct ast {
    ast_kind kind;
    uint16_t height; /* 1 for a leaf, else 1 + the highest child's: at most AST_MAX_HEIGHT, so recursion is safe */
    span at;
    union {
        struct { ast_list body; } Module;
        struct {
            sym name;
            ast *args; /* arguments */
            ast_list body;
            ast_list decorator_list;
            ast *returns; /* or NULL */
        } FunctionDef; /* also AsyncFunctionDef */
        struct { sym name; ast_list bases, keywords, body, decorator_list; } ClassDef;
        struct { ast *value; /* or NULL */ } Return;
        struct { ast_list targets; } Delete;
        struct { ast_list targets; ast *value; } Assign;
        struct { ast *target; ast_op op; ast *value; } AugAssign;
        struct { ast *target, *annotation, *value; /* value or NULL */ bool simple; } AnnAssign;
        struct { ast *target, *iter; ast_list body, orelse; } For; /* also AsyncFor */
        struct { ast *test; ast_list body, orelse; } While;
        struct { ast *test; ast_list body, orelse; } If;
        struct { ast_list items, body; } With; /* also AsyncWith */
        struct { ast *exc, *cause; /* or NULL */ } Raise;
        struct { ast_list body, handlers, orelse, finalbody; } Try; /* also TryStar */
        struct { ast *test, *msg; /* msg or NULL */ } Assert;
        struct { ast_list names; } Import;
        struct { sym module; /* or NULL */ ast_list names; uint32_t level; } ImportFrom;
        struct { sym_list names; } Global; /* also Nonlocal */
        struct { ast *value; } Expr;
        struct { ast_op op; ast_list values; } BoolOp;
        struct { ast *target, *value; } NamedExpr;
        struct { ast *left; ast_op op; ast *right; } BinOp;
        struct { ast_op op; ast *operand; } UnaryOp;
        struct { ast *args, *body; } Lambda;
        struct { ast *test, *body, *orelse; } IfExp;
        struct { ast_list keys, values; /* a NULL key is `**value` */ } Dict;
        struct { ast *elt, *value; /* value: DictComp only, else NULL */ ast_list generators; } ListComp; /* all four */
        struct { ast *value; /* or NULL */ } Yield; /* also Await, YieldFrom */
        struct { ast *left; ast_op *ops; ast_list comparators; } Compare;
        struct { ast *func; ast_list args, keywords; } Call;
        struct { ast *value; int conversion; ast *format_spec; /* or NULL */ } FormattedValue;
        struct { ast_list values; } JoinedStr;
        struct {
            ast_const type;
            bool fits; /* CONST_int: value is in `integer` (fits uint64) */
            uint64_t integer;
            double real;
            const char *text;
            size_t text_len;
            bool unicode_kind; /* u'' prefix: kind == 'u' */
        } Constant;
        struct { ast *value; sym attr; ast_ctx ctx; } Attribute;
        struct { ast *value, *slice; ast_ctx ctx; } Subscript;
        struct { ast *value; ast_ctx ctx; } Starred;
        struct { sym id; ast_ctx ctx; } Name;
        struct { ast_list elts; ast_ctx ctx; } List; /* also Tuple, Set (no ctx) */
        struct { ast *lower, *upper, *step; /* each or NULL */ } Slice;
        struct {
            ast_list posonlyargs, args;
            ast *vararg; /* or NULL */
            ast_list kwonlyargs, kw_defaults; /* a NULL kw_default means required */
            ast *kwarg;                       /* or NULL */
            ast_list defaults;
        } arguments;
        struct { sym arg; ast *annotation; /* or NULL */ } arg;
        struct { sym arg; /* NULL: **value */ ast *value; } keyword;
        struct { sym name, asname; /* asname or NULL */ } alias;
        struct { ast *context_expr, *optional_vars; /* or NULL */ } withitem;
        struct { ast *target, *iter; ast_list ifs; bool is_async; } comprehension;
        struct { ast *type; /* or NULL */ sym name; /* or NULL */ ast_list body; } ExceptHandler;
        struct { const char *name; } Unsupported;
    };
};
/* clang-format on */

/* The layout of the nodes as data, for code that walks trees of every kind (printers, searches). */
typedef enum ast_field_type {
    FIELD_INVALID,
    FIELD_NODE,       /* ast *, may be NULL */
    FIELD_LIST,       /* ast_list, items may be NULL in Dict.keys and arguments.kw_defaults */
    FIELD_SYM,        /* sym, may be NULL */
    FIELD_SYMS,       /* sym_list */
    FIELD_OP,         /* ast_op */
    FIELD_OPS,        /* ast_op *, as many as Compare has comparators */
    FIELD_CTX,        /* ast_ctx */
    FIELD_UINT,       /* uint32_t */
    FIELD_CONVERSION, /* int */
    FIELD_FLAG,       /* bool, an int in CPython's tree */
    FIELD_CONSTANT,   /* the Constant struct: fields value and kind */
    FIELD_TEXT        /* const char * */
} ast_field_type;

typedef struct ast_field {
    const char *name;
    ast_field_type type;
    uint16_t offset; /* in struct ast */
} ast_field;

typedef struct ast_layout {
    const char *name;
    bool placed; /* has a position in CPython's tree */
    uint32_t count;
    ast_field fields[8]; /* in CPython's order */
} ast_layout;

const ast_layout *ast_layout_of(ast_kind kind);
/* Calls `visit` for every child that is there, in the order of the fields. */
void ast_each_child(const ast *node, void (*visit)(void *context, ast *child), void *context);

#endif
