#include "cli/constant.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ITEMS = 100000 };

/* ---- members of modules --------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    double value;
} known_numbers[] = {{"math.pi", M_PI},       {"math.e", M_E},    {"math.tau", 2 * M_PI}, {"math.inf", INFINITY},
                     {"math.nan", NAN},       {"cmath.pi", M_PI}, {"cmath.e", M_E},       {"cmath.tau", 2 * M_PI},
                     {"cmath.inf", INFINITY}, {"cmath.nan", NAN}, {"numpy.pi", M_PI},     {"numpy.e", M_E},
                     {"numpy.inf", INFINITY}, {"numpy.nan", NAN}};

static const char *const type_names[] = {
    "int8",      "int16",      "int32",  "int64",   "uint8", "uint16", "uint32", "uint64",   "float32",   "float64",
    "complex64", "complex128", "intp",   "uintp",   "bool_", "intc",   "uintc",  "longlong", "ulonglong", "double",
    "single",    "int_",       "float_", "boolean", "i1",    "i2",     "i4",     "i8",       "u1",        "u2",
    "u4",        "u8",         "f4",     "f8",      "c8",    "c16",    "b1",     "void",     "none"};

static bool is_type_name(const char *name) {
    for (size_t i = 0; i < sizeof type_names / sizeof *type_names; i++) {
        if (!strcmp(type_names[i], name))
            return true;
    }
    return false;
}

static constant make_ref(const char *key, const char *name) {
    return (constant){.kind = CONSTANT_REF, .key = key, .text = name, .len = strlen(name)};
}

static constant make_float(double x) {
    return (constant){.kind = CONSTANT_FLOAT, .f = x};
}

static constant make_int(int64_t x) {
    return (constant){.kind = CONSTANT_INT, .i = x};
}

/* Whoever means Numba gets plait. */
static const char *module_name(const char *module) {
    return strcmp(module, "numba") == 0 ? "plait" : module;
}

constant constant_member(arena *a, const char *module, const char *name) {
    module = module_name(module);
    const char *dotted = arena_printf(a, "%s.%s", module, name);
    for (size_t i = 0; i < sizeof known_numbers / sizeof *known_numbers; i++) {
        if (!strcmp(known_numbers[i].name, dotted))
            return make_float(known_numbers[i].value);
    }
    if (!strcmp(dotted, "numpy.newaxis"))
        return (constant){.kind = CONSTANT_NONE};
    if (!strcmp(module, "numpy") && is_type_name(name))
        return make_ref("dtype", name);
    if (!strcmp(module, "plait") && is_type_name(name))
        return make_ref("type", name);
    return make_ref("object", dotted);
}

static bool member_of(const constant_scope *s, const constant *of, sym name, constant *out) {
    if (of->kind != CONSTANT_REF || of->made)
        return false;
    if (strcmp(of->key, "module") != 0 && strcmp(of->key, "object") != 0)
        return false;
    *out = constant_member(s->a, of->text, name->text);
    return true;
}

/* ---- literals --------------------------------------------------------------------------------------------------------- */

static bool literal(const ast *e, constant *out) {
    switch (e->Constant.type) {
    case CONST_None:
        *out = (constant){.kind = CONSTANT_NONE};
        return true;
    case CONST_True:
    case CONST_False:
        *out = (constant){.kind = CONSTANT_BOOL, .i = e->Constant.type == CONST_True};
        return true;
    case CONST_int:
        *out = make_int((int64_t)e->Constant.integer);
        out->is_unsigned = e->Constant.integer > INT64_MAX;
        return e->Constant.fits;
    case CONST_float:
        *out = make_float(e->Constant.real);
        return true;
    case CONST_complex:
        *out = (constant){.kind = CONSTANT_COMPLEX, .im = e->Constant.real};
        return true;
    case CONST_str:
        *out = (constant){.kind = CONSTANT_STR, .text = e->Constant.text, .len = e->Constant.text_len};
        return true;
    default:
        return false;
    }
}

static bool sequence(const constant_scope *s, const ast *e, constant *out) {
    uint32_t n = e->List.elts.len;
    constant *items = arena_array(s->a, constant, n + 1u);
    for (uint32_t i = 0; i < n; i++) {
        if (!constant_of(s, e->List.elts.at[i], &items[i]))
            return false;
    }
    *out = (constant){.kind = CONSTANT_TUPLE, .items = items, .n = n, .is_list = e->kind == AST_List};
    return true;
}

/* ---- arithmetic --------------------------------------------------------------------------------------------------------- */

typedef __int128 wide;

static bool is_whole(const constant *c) {
    return c->kind == CONSTANT_INT || c->kind == CONSTANT_BOOL;
}
static bool is_real(const constant *c) {
    return is_whole(c) || c->kind == CONSTANT_FLOAT;
}
static wide whole(const constant *c) {
    return c->is_unsigned ? (wide)(uint64_t)c->i : (wide)c->i;
}
static double real(const constant *c) {
    return c->kind == CONSTANT_FLOAT ? c->f : (double)whole(c);
}

static bool narrow(wide x, constant *out) {
    *out = make_int((int64_t)(uint64_t)x);
    out->is_unsigned = x > INT64_MAX;
    return x >= INT64_MIN && x <= (wide)UINT64_MAX;
}

static bool power(wide base, wide exponent, constant *out) {
    wide x = 1;
    for (; exponent > 0; exponent--) {
        if (__builtin_mul_overflow(x, base, &x) || x > (wide)UINT64_MAX || x < INT64_MIN)
            return false;
        if (x == base && (base == 0 || base == 1))
            break;
    }
    return narrow(x, out);
}

static bool divide(wide x, wide y, bool quotient, constant *out) {
    if (y == 0)
        return false;
    wide q = x / y, r = x % y;
    if (r != 0 && (r < 0) != (y < 0)) {
        q--;
        r += y;
    }
    return narrow(quotient ? q : r, out);
}

static bool whole_op(ast_op op, wide x, wide y, constant *out) {
    wide z;
    switch (op) {
    case OP_Add:
        return narrow(x + y, out);
    case OP_Sub:
        return narrow(x - y, out);
    case OP_Mult:
        return !__builtin_mul_overflow(x, y, &z) && narrow(z, out);
    case OP_FloorDiv:
    case OP_Mod:
        return divide(x, y, op == OP_FloorDiv, out);
    case OP_Pow:
        return y >= 0 && y < 200 && power(x, y, out);
    case OP_LShift:
        return y >= 0 && y < 64 && !__builtin_mul_overflow(x, (wide)1 << y, &z) && narrow(z, out);
    case OP_RShift:
        return y >= 0 && narrow(x >> (y > 100 ? 100 : y), out);
    case OP_BitAnd:
        return narrow(x & y, out);
    case OP_BitOr:
        return narrow(x | y, out);
    case OP_BitXor:
        return narrow(x ^ y, out);
    default:
        return false;
    }
}

static bool real_op(ast_op op, double x, double y, constant *out) {
    switch (op) {
    case OP_Add:
        *out = make_float(x + y);
        return true;
    case OP_Sub:
        *out = make_float(x - y);
        return true;
    case OP_Mult:
        *out = make_float(x * y);
        return true;
    case OP_Div:
        *out = make_float(x / y);
        return y != 0;
    case OP_FloorDiv:
        *out = make_float(floor(x / y));
        return y != 0;
    case OP_Pow:
        *out = make_float(pow(x, y));
        return x > 0 || y == floor(y);
    default:
        return false;
    }
}

static constant as_complex(const constant *c) {
    return c->kind == CONSTANT_COMPLEX ? *c : (constant){.kind = CONSTANT_COMPLEX, .f = real(c)};
}

static bool complex_op(ast_op op, const constant *a, const constant *b, constant *out) {
    constant x = as_complex(a), y = as_complex(b);
    *out = (constant){.kind = CONSTANT_COMPLEX};
    if (op == OP_Mult) {
        out->f = x.f * y.f - x.im * y.im;
        out->im = x.f * y.im + x.im * y.f;
        return true;
    }
    double sign = op == OP_Add ? 1 : -1;
    out->f = x.f + sign * y.f;
    out->im = x.im + sign * y.im;
    return op == OP_Add || op == OP_Sub;
}

static bool binary(const constant_scope *s, const ast *e, constant *out) {
    constant a, b;
    ast_op op = e->BinOp.op;
    if (!constant_of(s, e->BinOp.left, &a) || !constant_of(s, e->BinOp.right, &b))
        return false;
    bool complex = (a.kind == CONSTANT_COMPLEX && (is_real(&b) || b.kind == CONSTANT_COMPLEX)) ||
                   (b.kind == CONSTANT_COMPLEX && is_real(&a));
    if (complex)
        return complex_op(op, &a, &b, out);
    if (is_whole(&a) && is_whole(&b) && op != OP_Div)
        return whole_op(op, whole(&a), whole(&b), out);
    return is_real(&a) && is_real(&b) && real_op(op, real(&a), real(&b), out);
}

static bool unary(const constant_scope *s, const ast *e, constant *out) {
    constant a;
    if (!constant_of(s, e->UnaryOp.operand, &a))
        return false;
    *out = a;
    switch (e->UnaryOp.op) {
    case OP_USub:
        out->f = -a.f;
        out->im = -a.im;
        return is_whole(&a) ? narrow(-whole(&a), out) : a.kind == CONSTANT_FLOAT || a.kind == CONSTANT_COMPLEX;
    case OP_UAdd:
        return is_whole(&a) ? narrow(whole(&a), out) : a.kind == CONSTANT_FLOAT || a.kind == CONSTANT_COMPLEX;
    case OP_Invert:
        return is_whole(&a) && narrow(-whole(&a) - 1, out);
    case OP_Not:
        *out = (constant){.kind = CONSTANT_BOOL, .i = is_real(&a) && real(&a) == 0};
        return is_real(&a);
    default:
        return false;
    }
}

/* ---- calls: namedtuple classes and array literals -------------------------------------------------------------------- */

static bool keep(const constant_scope *s, json_t *made, constant *out) {
    *out = (constant){.kind = CONSTANT_REF, .made = made};
    return made && json_array_append_new(s->kept, made) == 0;
}

/* "x y", "x, y" or a sequence of strings. */
static json_t *field_names(const constant *fields) {
    json_t *list = json_array();
    if (fields->kind == CONSTANT_TUPLE) {
        for (uint32_t i = 0; i < fields->n; i++)
            json_array_append_new(
                list, json_stringn(fields->items[i].text ? fields->items[i].text : "", fields->items[i].len));
        return list;
    }
    for (size_t i = 0, n; i < fields->len; i += n + 1) {
        n = strcspn(fields->text + i, " ,");
        if (n)
            json_array_append_new(list, json_stringn(fields->text + i, n));
    }
    return list;
}

static bool namedtuple(const constant_scope *s, const ast *e, constant *out) {
    constant name, fields;
    if (e->Call.args.len != 2 || e->Call.keywords.len || !constant_of(s, e->Call.args.at[0], &name) ||
        !constant_of(s, e->Call.args.at[1], &fields) || name.kind != CONSTANT_STR)
        return false;
    return (fields.kind == CONSTANT_STR || fields.kind == CONSTANT_TUPLE) &&
           keep(s, json_pack("{s:s%,s:o}", "namedtuple", name.text, name.len, "fields", field_names(&fields)), out);
}

typedef struct array_literal {
    arena *a;
    uint32_t ndim;
    json_int_t shape[8];
    constant_kind kind; /* the widest of the elements */
    double *values;
    uint32_t n;
} array_literal;

static bool add_elements(array_literal *l, const constant *c, uint32_t depth) {
    if (c->kind != CONSTANT_TUPLE) {
        if (!is_real(c) || c->is_unsigned || (l->ndim && l->ndim != depth) || l->n == MAX_ITEMS)
            return false;
        l->ndim = depth;
        l->kind = c->kind > l->kind ? c->kind : l->kind;
        l->values[l->n++] = real(c);
        return c->kind != CONSTANT_INT || (int64_t)real(c) == c->i;
    }
    if (depth >= 8 || !c->n)
        return false;
    if (l->shape[depth] && l->shape[depth] != c->n)
        return false;
    l->shape[depth] = c->n;
    for (uint32_t i = 0; i < c->n; i++) {
        if (!add_elements(l, &c->items[i], depth + 1))
            return false;
    }
    return true;
}

static char *base64(arena *a, const unsigned char *data, size_t n) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *out = arena_alloc(a, (n + 2) / 3 * 4 + 1), *at = out;
    for (size_t i = 0; i < n; i += 3) {
        uint32_t bits =
            (uint32_t)data[i] << 16 | (i + 1 < n ? (uint32_t)data[i + 1] << 8 : 0) | (i + 2 < n ? data[i + 2] : 0);
        for (int k = 0; k < 4; k++)
            at[k] = digits[bits >> (18 - 6 * k) & 63];
        if (i + 1 >= n)
            at[2] = '=';
        if (i + 2 >= n)
            at[3] = '=';
        at += 4;
    }
    return out;
}

/* The elements in the dtype's memory form; 0 for a dtype that literals do not take. */
static size_t store_element(const char *dtype, double x, unsigned char *at) {
    union {
        bool b;
        int8_t i1;
        uint8_t u1;
        int16_t i2;
        uint16_t u2;
        int32_t i4;
        uint32_t u4;
        int64_t i8;
        uint64_t u8;
        float f4;
        double f8;
    } v = {0};
    size_t n = 0;
#define STORE(name, member)                                                                                            \
    if (!strcmp(dtype, name)) {                                                                                        \
        v.member = (__typeof__(v.member))x;                                                                            \
        n = sizeof v.member;                                                                                           \
    }
    STORE("bool", b)
    STORE("bool_", b)
    STORE("int8", i1)
    STORE("uint8", u1)
    STORE("int16", i2)
    STORE("uint16", u2)
    STORE("int32", i4)
    STORE("uint32", u4)
    STORE("int64", i8)
    STORE("uint64", u8)
    STORE("float32", f4)
    STORE("float64", f8)
#undef STORE
    memcpy(at, &v, n);
    return n;
}

static const char *literal_dtype(const constant_scope *s, const ast *e, const array_literal *l) {
    constant dtype;
    const ast *given = e->Call.args.len > 1 ? e->Call.args.at[1] : NULL;
    if (e->Call.keywords.len == 1 && sym_is(e->Call.keywords.at[0]->keyword.arg, "dtype"))
        given = e->Call.keywords.at[0]->keyword.value;
    if (!given)
        return l->kind == CONSTANT_FLOAT ? "float64" : l->kind == CONSTANT_INT ? "int64" : "bool";
    if (given->kind == AST_Name)
        return sym_is(given->Name.id, "float") ? "float64" : sym_is(given->Name.id, "int") ? "int64" : "";
    return constant_of(s, given, &dtype) && (dtype.kind == CONSTANT_STR || (dtype.kind == CONSTANT_REF && dtype.text))
               ? dtype.text
               : "";
}

/* np.array([[1, 2], [3, 4]], dtype=np.float32) */
static bool array(const constant_scope *s, const ast *e, constant *out) {
    constant list;
    array_literal l = {.a = s->a};
    if (!e->Call.args.len || e->Call.args.len > 2 || e->Call.keywords.len > 1 ||
        !constant_of(s, e->Call.args.at[0], &list) || list.kind != CONSTANT_TUPLE)
        return false;
    l.values = arena_array(s->a, double, MAX_ITEMS);
    if (!add_elements(&l, &list, 0))
        return false;
    const char *dtype = literal_dtype(s, e, &l);
    unsigned char *data = arena_alloc(s->a, 8u * l.n + 8);
    size_t bytes = 0;
    for (uint32_t i = 0; i < l.n; i++)
        bytes += store_element(dtype, l.values[i], data + bytes);
    if (!bytes)
        return false;
    json_t *shape = json_array();
    for (uint32_t i = 0; i < l.ndim; i++)
        json_array_append_new(shape, json_integer(l.shape[i]));
    return keep(s,
                json_pack("{s:{s:s,s:o,s:s,s:s}}", "array", "dtype", dtype, "shape", shape, "order", "C", "data",
                          base64(s->a, data, bytes)),
                out);
}

static bool call(const constant_scope *s, const ast *e, constant *out) {
    constant f;
    if (e->Call.func->kind == AST_Name && sym_is(e->Call.func->Name.id, "float") && e->Call.args.len == 1) {
        if (!constant_of(s, e->Call.args.at[0], &f))
            return false;
        char *end = NULL;
        *out = make_float(f.kind == CONSTANT_STR ? strtod(f.text, &end) : is_real(&f) ? real(&f) : 0);
        return is_real(&f) || (end && f.len && !*end);
    }
    if (!constant_of(s, e->Call.func, &f) || f.kind != CONSTANT_REF || f.made || strcmp(f.key, "object") != 0)
        return false;
    if (!strcmp(f.text, "collections.namedtuple"))
        return namedtuple(s, e, out);
    return !strcmp(f.text, "numpy.array") && array(s, e, out);
}

/* ---- entries ------------------------------------------------------------------------------------------------------------ */

bool constant_of(const constant_scope *s, const ast *e, constant *out) {
    constant inner;
    const constant *named;
    switch (e->kind) {
    case AST_Constant:
        return literal(e, out);
    case AST_Tuple:
    case AST_List:
        return sequence(s, e, out);
    case AST_BinOp:
        return binary(s, e, out);
    case AST_UnaryOp:
        return unary(s, e, out);
    case AST_Name:
        named = s->find(s->context, e->Name.id);
        if (named)
            *out = *named;
        return named != NULL;
    case AST_Attribute:
        return constant_of(s, e->Attribute.value, &inner) && member_of(s, &inner, e->Attribute.attr, out);
    case AST_Call:
        return call(s, e, out);
    default:
        return false;
    }
}

static json_t *text_of_float(double x) {
    char digits[64];
    snprintf(digits, sizeof digits, isfinite(x) ? "%a" : "%g", x);
    return json_string(digits);
}

static json_t *tuple_binding(const constant *c) {
    json_t *items = json_array();
    for (uint32_t i = 0; i < c->n; i++) {
        if (json_array_append_new(items, constant_binding(&c->items[i])) != 0) {
            json_decref(items);
            return NULL;
        }
    }
    return json_pack("{s:o}", "tuple", items);
}

json_t *constant_binding(const constant *c) {
    char digits[32];
    switch (c->kind) {
    case CONSTANT_NONE:
        return json_pack("{s:b}", "none", 1);
    case CONSTANT_BOOL:
        return json_pack("{s:b}", "bool", c->i != 0);
    case CONSTANT_INT:
        snprintf(digits, sizeof digits, c->is_unsigned ? "%llu" : "%lld", (long long)c->i);
        return json_pack("{s:s}", "int", digits);
    case CONSTANT_FLOAT:
        return json_pack("{s:o}", "float", text_of_float(c->f));
    case CONSTANT_COMPLEX:
        return json_pack("{s:[o,o]}", "complex", text_of_float(c->f), text_of_float(c->im));
    case CONSTANT_STR:
        return json_pack("{s:s%}", "str", c->text, c->len);
    case CONSTANT_TUPLE:
        return c->is_list ? NULL : tuple_binding(c);
    case CONSTANT_REF:
        return c->made ? json_deep_copy(c->made) : json_pack("{s:s}", c->key, c->text);
    default:
        return NULL;
    }
}
