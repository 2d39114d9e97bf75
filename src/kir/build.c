/* Building, copying and walking KIR.
 *
 * The constructors fold as they build, so that the elaborator and the passes may write the general form and get the
 * simple one: `kir_binary(ADD, x, 0)` is x. Folding never changes a result by a bit: integers wrap at their width,
 * float32 is rounded after each operation, a float `x + 0.0` stays (it turns -0.0 into 0.0), a division by zero stays,
 * and functions whose last bit depends on the maths library stay. Operands are consumed: a constructor may return one
 * of them or change it in place. */
#include "kir/kir.h"
#include "kir/op.h"

#include <math.h>
#include <string.h>

/* ---- modules, functions, variables ------------------------------------------------------------------------------ */

kir_module *kir_module_new(arena *a, sym_table *syms, types *t, diags *d) {
    kir_module *m = arena_make(a, kir_module);
    m->a = a;
    m->syms = syms;
    m->types = t;
    m->diags = d;
    m->options.opt = 3;
    vec_push(a, &m->sites, (kir_site){0});
    vec_push(a, &m->report, (kir_report){0});
    return m;
}

kir_fn *kir_fn_new(kir_module *m, kir_fn_kind kind, sym name, span at) {
    kir_fn *f = arena_make(m->a, kir_fn);
    f->kind = kind;
    f->name = name;
    f->user_name = name;
    f->at = at;
    vec_push(m->a, &m->fns, f);
    return f;
}

kir_var *kir_var_new(kir_module *m, kir_fn *f, sym name, type *ty, span at) {
    kir_var *v = arena_make(m->a, kir_var);
    v->id = f->next_var++;
    v->name = name;
    v->ty = ty;
    v->at = at;
    vec_push(m->a, &f->vars, v);
    return v;
}

kir_var *kir_temp_new(kir_module *m, kir_fn *f, type *ty, span at) {
    kir_var *v = kir_var_new(m, f, NULL, ty, at);
    v->is_temp = true;
    return v;
}

uint32_t kir_site_new(kir_module *m, kir_site site) {
    vec_push(m->a, &m->sites, site);
    return m->sites.len - 1;
}

uint32_t kir_report_new(kir_module *m, kir_loop_kind kind, sym function, span at, uint32_t parent) {
    kir_report entry = {.at = at, .function = function, .kind = kind, .decision = KIR_SERIAL, .parent = parent};
    vec_push(m->a, &m->report, entry);
    return m->report.len - 1;
}

/* ---- types of expressions --------------------------------------------------------------------------------------- */

bool kir_is_array(const kir_expr *e) {
    return e->ty->kind == TYPE_ARRAY;
}

type *kir_elem_type(type *t) {
    return t->kind == TYPE_ARRAY ? t->dtype : t;
}

/* Element-wise results are fresh arrays, in C order unless every operand of full rank is in Fortran's (as NumPy's
 * order 'K' does for the two that it can tell at compile time). */
type *kir_elementwise_type(kir_module *m, type *dtype, kir_expr *const *args, uint32_t n) {
    uint32_t ndim = 0;
    bool any = false, fortran = true;
    for (uint32_t i = 0; i < n; i++) {
        if (!kir_is_array(args[i]))
            continue;
        any = true;
        if (args[i]->ty->ndim > ndim)
            ndim = args[i]->ty->ndim;
    }
    if (!any)
        return dtype;
    for (uint32_t i = 0; i < n; i++)
        fortran = fortran && (!kir_is_array(args[i]) || (args[i]->ty->ndim == ndim && args[i]->ty->layout == LAYOUT_F));
    return type_array(m->types, dtype, ndim, fortran && ndim > 1 ? LAYOUT_F : LAYOUT_C, false, true);
}

/* ---- constants -------------------------------------------------------------------------------------------------- */

kir_expr *kir_expr_new(kir_module *m, kir_expr_kind kind, type *ty, uint32_t n_args, span at) {
    kir_expr *e = arena_make(m->a, kir_expr);
    e->kind = kind;
    e->ty = ty;
    e->at = at;
    e->n_args = n_args;
    e->args = n_args ? arena_array(m->a, kir_expr *, n_args) : NULL;
    return e;
}

/* The value that `bits` has as an integer of type `ty`: cut to its width and extended by its sign. */
static int64_t wrap_to(type *ty, int64_t bits) {
    if (ty->kind == TYPE_BOOL)
        return bits != 0;
    switch (ty->bits) {
    case 8:
        return ty->is_signed ? (int64_t)(int8_t)bits : (int64_t)(uint8_t)bits;
    case 16:
        return ty->is_signed ? (int64_t)(int16_t)bits : (int64_t)(uint16_t)bits;
    case 32:
        return ty->is_signed ? (int64_t)(int32_t)bits : (int64_t)(uint32_t)bits;
    default:
        return bits;
    }
}

static double round_to(type *ty, double x) {
    return ty->bits == 32 || (ty->kind == TYPE_COMPLEX && ty->bits == 64) ? (double)(float)x : x;
}

kir_expr *kir_const_int(kir_module *m, type *ty, int64_t x, span at) {
    kir_expr *e = kir_expr_new(m, KIR_CONST, ty, 0, at);
    e->value.i = wrap_to(ty, x);
    return e;
}

kir_expr *kir_int(kir_module *m, int64_t x, span at) {
    return kir_const_int(m, type_int64(m->types), x, at);
}

kir_expr *kir_bool(kir_module *m, bool x, span at) {
    return kir_const_int(m, type_bool(m->types), x, at);
}

kir_expr *kir_const_float(kir_module *m, type *ty, double x, span at) {
    kir_expr *e = kir_expr_new(m, KIR_CONST, ty, 0, at);
    e->value.f = round_to(ty, x);
    return e;
}

kir_expr *kir_const_complex(kir_module *m, type *ty, double re, double im, span at) {
    kir_expr *e = kir_expr_new(m, KIR_CONST, ty, 0, at);
    e->value.c[0] = round_to(ty, re);
    e->value.c[1] = round_to(ty, im);
    return e;
}

kir_expr *kir_ref(kir_module *m, kir_var *v, span at) {
    kir_expr *e = kir_expr_new(m, KIR_VAR, v->ty, 0, at);
    e->var = v;
    return e;
}

bool kir_is_const_int(const kir_expr *e, int64_t *value) {
    if (e->kind != KIR_CONST || !type_is_integer(e->ty))
        return false;
    *value = e->value.i;
    return true;
}

static bool is_const(const kir_expr *e) {
    return e->kind == KIR_CONST;
}
static bool is_int_const(const kir_expr *e, int64_t x) {
    int64_t value;
    return kir_is_const_int(e, &value) && value == x;
}
static bool is_float_const(const kir_expr *e, double x) {
    return is_const(e) && e->ty->kind == TYPE_FLOAT && e->value.f == x;
}
static kir_expr *zero_of(kir_module *m, type *ty, span at) {
    return kir_const_int(m, ty, 0, at);
}

/* ---- folding: unary --------------------------------------------------------------------------------------------- */

/* !(a < b) is a >= b on integers; on floats only == and != have an opposite (NaN). */
static kir_op opposite_comparison(const kir_expr *e) {
    static const kir_op opposite[KIR_OP_COUNT] = {
        [KIR_OP_EQ] = KIR_OP_NE, [KIR_OP_NE] = KIR_OP_EQ, [KIR_OP_LT] = KIR_OP_GE,
        [KIR_OP_GE] = KIR_OP_LT, [KIR_OP_GT] = KIR_OP_LE, [KIR_OP_LE] = KIR_OP_GT};
    if (e->kind != KIR_BINARY)
        return KIR_OP_INVALID;
    bool exact = type_is_integer(kir_elem_type(e->args[0]->ty));
    return exact || e->op == KIR_OP_EQ || e->op == KIR_OP_NE ? opposite[e->op] : KIR_OP_INVALID;
}

static kir_expr *fold_unary_const(kir_module *m, kir_op op, const kir_expr *a, span at) {
    bool integer = type_is_integer(a->ty), real = a->ty->kind == TYPE_FLOAT;
    if (op == KIR_OP_NOT && a->ty->kind == TYPE_BOOL)
        return kir_bool(m, !a->value.i, at);
    if (op == KIR_OP_NEG && integer)
        return kir_const_int(m, a->ty, (int64_t)(0 - (uint64_t)a->value.i), at);
    if (op == KIR_OP_NEG && real)
        return kir_const_float(m, a->ty, -a->value.f, at);
    if (op == KIR_OP_NEG && a->ty->kind == TYPE_COMPLEX)
        return kir_const_complex(m, a->ty, -a->value.c[0], -a->value.c[1], at);
    if (op == KIR_OP_INVERT && integer)
        return kir_const_int(m, a->ty, a->ty->kind == TYPE_BOOL ? !a->value.i : ~a->value.i, at);
    if (op == KIR_OP_ABS && integer)
        return kir_const_int(m, a->ty,
                             a->ty->is_signed && a->value.i < 0 ? (int64_t)(0 - (uint64_t)a->value.i) : a->value.i, at);
    if (op == KIR_OP_ABS && real)
        return kir_const_float(m, a->ty, fabs(a->value.f), at);
    if (op == KIR_OP_CONJ && a->ty->kind == TYPE_COMPLEX)
        return kir_const_complex(m, a->ty, a->value.c[0], -a->value.c[1], at);
    return NULL;
}

kir_expr *kir_unary(kir_module *m, kir_op op, kir_expr *a, span at) {
    kir_expr *folded = is_const(a) ? fold_unary_const(m, op, a, at) : NULL;
    if (folded)
        return folded;
    if ((op == KIR_OP_NEG || op == KIR_OP_NOT) && a->kind == KIR_UNARY && a->op == op && !kir_is_array(a))
        return a->args[0];
    if (op == KIR_OP_NOT && opposite_comparison(a)) {
        a->op = opposite_comparison(a);
        return a;
    }
    type *ty = kir_is_array(a) ? kir_elementwise_type(m, a->ty->dtype, &a, 1) : a->ty;
    kir_expr *e = kir_expr_new(m, KIR_UNARY, ty, 1, at);
    e->op = op;
    e->args[0] = a;
    return e;
}

/* ---- folding: binary -------------------------------------------------------------------------------------------- */

static int compare_ints(type *ty, int64_t x, int64_t y) {
    if (ty->kind == TYPE_INT && !ty->is_signed)
        return ((uint64_t)x > (uint64_t)y) - ((uint64_t)x < (uint64_t)y);
    return (x > y) - (x < y);
}

static bool compare_holds(kir_op op, bool lt, bool eq, bool gt) {
    switch (op) {
    case KIR_OP_EQ:
        return eq;
    case KIR_OP_NE:
        return !eq;
    case KIR_OP_LT:
        return lt;
    case KIR_OP_LE:
        return lt || eq;
    case KIR_OP_GT:
        return gt;
    default:
        return gt || eq;
    }
}

/* Quotient and remainder of integers, y != 0; the quotient wraps for INT64_MIN // -1. */
static void divide_ints(type *ty, int64_t x, int64_t y, bool floor, int64_t *q, int64_t *r) {
    if (!ty->is_signed) {
        *q = (int64_t)((uint64_t)x / (uint64_t)y);
        *r = (int64_t)((uint64_t)x % (uint64_t)y);
        return;
    }
    if (y == -1) {
        *q = (int64_t)(0 - (uint64_t)x);
        *r = 0;
        return;
    }
    *q = x / y;
    *r = x % y;
    if (floor && *r != 0 && (*r < 0) != (y < 0)) {
        *q -= 1;
        *r += y;
    }
}

static int64_t shift_int(type *ty, kir_op op, int64_t x, int64_t count) {
    bool all_out = (uint64_t)count >= ty->bits;
    if (op == KIR_OP_SHL)
        return all_out ? 0 : (int64_t)((uint64_t)x << count);
    if (!ty->is_signed)
        return all_out ? 0 : (int64_t)((uint64_t)x >> count);
    return x >> (all_out ? 63 : count);
}

static bool fold_int_op(type *ty, kir_op op, int64_t x, int64_t y, int64_t *out) {
    uint64_t ux = (uint64_t)x, uy = (uint64_t)y;
    int64_t q, r;
    switch (op) {
    case KIR_OP_ADD:
        *out = (int64_t)(ux + uy);
        return true;
    case KIR_OP_SUB:
        *out = (int64_t)(ux - uy);
        return true;
    case KIR_OP_MUL:
        *out = (int64_t)(ux * uy);
        return true;
    case KIR_OP_AND:
        *out = x & y;
        return true;
    case KIR_OP_OR:
        *out = x | y;
        return true;
    case KIR_OP_XOR:
        *out = x ^ y;
        return true;
    case KIR_OP_SHL:
    case KIR_OP_SHR:
        *out = shift_int(ty, op, x, y);
        return ty->kind == TYPE_INT;
    case KIR_OP_MIN:
    case KIR_OP_NPMIN:
    case KIR_OP_FMIN:
        *out = compare_ints(ty, y, x) < 0 ? y : x;
        return true;
    case KIR_OP_MAX:
    case KIR_OP_NPMAX:
    case KIR_OP_FMAX:
        *out = compare_ints(ty, y, x) > 0 ? y : x;
        return true;
    case KIR_OP_FLOORDIV:
    case KIR_OP_MOD:
    case KIR_OP_TRUNCDIV:
    case KIR_OP_TRUNCMOD:
        if (y == 0 || ty->kind != TYPE_INT)
            return false;
        divide_ints(ty, x, y, op == KIR_OP_FLOORDIV || op == KIR_OP_MOD, &q, &r);
        *out = op == KIR_OP_FLOORDIV || op == KIR_OP_TRUNCDIV ? q : r;
        return true;
    default:
        return false;
    }
}

static bool fold_float_op(kir_op op, double x, double y, double *out) {
    switch (op) {
    case KIR_OP_ADD:
        *out = x + y;
        return true;
    case KIR_OP_SUB:
        *out = x - y;
        return true;
    case KIR_OP_MUL:
        *out = x * y;
        return true;
    case KIR_OP_DIV:
        *out = x / y;
        return y != 0;
    default:
        return false;
    }
}

static kir_expr *fold_binary_const(kir_module *m, kir_op op, const kir_expr *a, const kir_expr *b, span at) {
    type *ty = a->ty;
    bool compares = kir_op_facts(op)->flags & KIR_OP_COMPARES;
    if (type_is_integer(ty)) {
        int c = compare_ints(ty, a->value.i, b->value.i);
        int64_t out = 0;
        if (compares)
            return kir_bool(m, compare_holds(op, c < 0, c == 0, c > 0), at);
        return fold_int_op(ty, op, a->value.i, b->value.i, &out) ? kir_const_int(m, ty, out, at) : NULL;
    }
    if (ty->kind == TYPE_FLOAT) {
        double x = a->value.f, y = b->value.f, out = 0;
        if (compares)
            return kir_bool(m, compare_holds(op, x < y, x == y, x > y), at);
        return fold_float_op(op, x, y, &out) ? kir_const_float(m, ty, out, at) : NULL;
    }
    if (ty->kind == TYPE_COMPLEX && (op == KIR_OP_ADD || op == KIR_OP_SUB)) {
        double s = op == KIR_OP_ADD ? 1 : -1;
        return kir_const_complex(m, ty, a->value.c[0] + s * b->value.c[0], a->value.c[1] + s * b->value.c[1], at);
    }
    return NULL;
}

/* (x ± c1) ± c2 → x ± c: keeps index arithmetic in the form that the affine analysis and a reader like best. */
static kir_expr *fold_offset(kir_module *m, kir_op op, kir_expr *a, const kir_expr *b, span at) {
    int64_t c1, c2;
    if ((op != KIR_OP_ADD && op != KIR_OP_SUB) || !kir_is_const_int(b, &c2) || a->ty->kind != TYPE_INT)
        return NULL;
    if (op == KIR_OP_SUB)
        c2 = (int64_t)(0 - (uint64_t)c2);
    kir_expr *x = a;
    if (a->kind == KIR_BINARY && (a->op == KIR_OP_ADD || a->op == KIR_OP_SUB) && kir_is_const_int(a->args[1], &c1)) {
        x = a->args[0];
        c2 = (int64_t)((uint64_t)c2 + (a->op == KIR_OP_ADD ? (uint64_t)c1 : 0 - (uint64_t)c1));
    }
    c2 = wrap_to(a->ty, c2);
    if (c2 == 0)
        return x;
    bool subtract = a->ty->is_signed && c2 < 0 && c2 != INT64_MIN;
    kir_expr *e = kir_expr_new(m, KIR_BINARY, a->ty, 2, at);
    e->op = subtract ? KIR_OP_SUB : KIR_OP_ADD;
    e->args[0] = x;
    e->args[1] = kir_const_int(m, a->ty, subtract ? -c2 : c2, b->at);
    return e;
}

static bool compares_reflexively(kir_op op) {
    return op == KIR_OP_EQ || op == KIR_OP_LE || op == KIR_OP_GE;
}

/* Both operands scalar integers or bools. */
static kir_expr *fold_int_identity(kir_module *m, kir_op op, kir_expr *a, kir_expr *b, span at) {
    kir_expr *offset = fold_offset(m, op, a, b, at);
    if (offset)
        return offset;
    if (is_int_const(b, 0)) {
        if (op == KIR_OP_OR || op == KIR_OP_XOR || op == KIR_OP_SHL || op == KIR_OP_SHR)
            return a;
        if (op == KIR_OP_MUL || op == KIR_OP_AND)
            return b;
    }
    if (is_int_const(b, 1)) {
        if (op == KIR_OP_MUL || op == KIR_OP_FLOORDIV || op == KIR_OP_TRUNCDIV)
            return a->ty->kind == TYPE_INT || op == KIR_OP_MUL ? a : NULL;
        if (a->ty->kind == TYPE_BOOL && op == KIR_OP_AND)
            return a;
        if (a->ty->kind == TYPE_BOOL && op == KIR_OP_OR)
            return b;
        if (a->ty->kind == TYPE_BOOL && op == KIR_OP_XOR)
            return kir_unary(m, KIR_OP_NOT, a, at);
    }
    if (!kir_expr_equal(a, b))
        return NULL;
    if (op == KIR_OP_SUB || op == KIR_OP_XOR)
        return zero_of(m, a->ty, at);
    if (op == KIR_OP_AND || op == KIR_OP_OR || op == KIR_OP_MIN || op == KIR_OP_MAX)
        return a;
    if (kir_op_facts(op)->flags & KIR_OP_COMPARES)
        return kir_bool(m, compares_reflexively(op), at);
    return NULL;
}

static kir_expr *fold_float_identity(kir_op op, kir_expr *a, kir_expr *b) {
    if ((op == KIR_OP_MUL || op == KIR_OP_DIV) && is_float_const(b, 1.0))
        return a;
    if (op == KIR_OP_MUL && is_float_const(a, 1.0))
        return b;
    if (op == KIR_OP_SUB && is_float_const(b, 0.0) && !signbit(b->value.f))
        return a;
    return NULL;
}

static kir_expr *fold_binary(kir_module *m, kir_op op, kir_expr *a, kir_expr *b, span at) {
    if (is_const(a) && is_const(b))
        return fold_binary_const(m, op, a, b, at);
    if (type_is_integer(a->ty))
        return fold_int_identity(m, op, a, b, at);
    if (a->ty->kind == TYPE_FLOAT)
        return fold_float_identity(op, a, b);
    return NULL;
}

kir_expr *kir_binary(kir_module *m, kir_op op, kir_expr *a, kir_expr *b, span at) {
    bool scalar = !kir_is_array(a) && !kir_is_array(b);
    uint8_t flags = kir_op_facts(op)->flags;
    if (scalar && is_const(a) && !is_const(b) && (flags & KIR_OP_COMMUTES) && type_is_integer(a->ty)) {
        kir_expr *swap = a;
        a = b;
        b = swap;
    }
    kir_expr *folded = scalar && a->ty == b->ty ? fold_binary(m, op, a, b, at) : NULL;
    if (folded)
        return folded;
    kir_expr *args[2] = {a, b};
    type *dtype = flags & KIR_OP_COMPARES ? type_bool(m->types) : kir_elem_type(a->ty);
    kir_expr *e = kir_expr_new(m, KIR_BINARY, kir_elementwise_type(m, dtype, args, 2), 2, at);
    e->op = op;
    e->args[0] = a;
    e->args[1] = b;
    return e;
}

/* ---- the other expressions -------------------------------------------------------------------------------------- */

kir_expr *kir_select(kir_module *m, kir_expr *c, kir_expr *a, kir_expr *b, span at) {
    bool scalar = !kir_is_array(c) && !kir_is_array(a) && !kir_is_array(b);
    if (scalar && is_const(c))
        return c->value.i ? a : b;
    if (scalar && kir_expr_equal(a, b))
        return a;
    kir_expr *args[3] = {c, a, b};
    kir_expr *e = kir_expr_new(m, KIR_SELECT, kir_elementwise_type(m, kir_elem_type(a->ty), args, 3), 3, at);
    memcpy(e->args, args, sizeof args);
    return e;
}

static bool fits_int(type *ty, double x) {
    double limit = ldexp(1.0, ty->is_signed ? ty->bits - 1 : ty->bits);
    return ty->is_signed ? x > -limit - 1 && x >= -limit && x < limit : x > -1 && x < limit;
}

static kir_expr *cast_const_to_int(kir_module *m, const kir_expr *a, type *ty, span at) {
    if (type_is_integer(a->ty))
        return kir_const_int(m, ty, a->value.i, at);
    if (a->ty->kind != TYPE_FLOAT)
        return NULL;
    if (ty->kind == TYPE_BOOL)
        return kir_bool(m, a->value.f != 0, at);
    if (!fits_int(ty, a->value.f))
        return NULL;
    int64_t x = ty->is_signed ? (int64_t)a->value.f : (int64_t)(uint64_t)a->value.f;
    return kir_const_int(m, ty, x, at);
}

/* An integer goes to float32 in one rounding. */
static double int_as_float(type *from, int64_t x, bool single) {
    bool is_unsigned = from->kind == TYPE_INT && !from->is_signed;
    if (single)
        return is_unsigned ? (double)(float)(uint64_t)x : (double)(float)x;
    return is_unsigned ? (double)(uint64_t)x : (double)x;
}

static kir_expr *cast_const(kir_module *m, const kir_expr *a, type *ty, span at) {
    if (type_is_integer(ty))
        return cast_const_to_int(m, a, ty, at);
    if (a->ty->kind == TYPE_COMPLEX)
        return ty->kind == TYPE_COMPLEX ? kir_const_complex(m, ty, a->value.c[0], a->value.c[1], at) : NULL;
    bool single = ty->kind == TYPE_COMPLEX ? ty->bits == 64 : ty->bits == 32;
    double x = a->ty->kind == TYPE_FLOAT ? a->value.f : int_as_float(a->ty, a->value.i, single);
    return ty->kind == TYPE_COMPLEX ? kir_const_complex(m, ty, x, 0, at) : kir_const_float(m, ty, x, at);
}

kir_expr *kir_cast(kir_module *m, kir_expr *a, type *ty, span at) {
    ty = kir_elem_type(ty);
    if (kir_elem_type(a->ty) == ty)
        return a;
    kir_expr *folded = is_const(a) ? cast_const(m, a, ty, at) : NULL;
    if (folded)
        return folded;
    kir_expr *e = kir_expr_new(m, KIR_CAST, kir_elementwise_type(m, ty, &a, 1), 1, at);
    e->args[0] = a;
    return e;
}

/* Functions that have one exact result on every machine. */
static bool fold_math(kir_op op, double x, double *out) {
    switch (op) {
    case KIR_OP_SQRT:
        *out = sqrt(x);
        return x >= 0;
    case KIR_OP_FLOOR:
        *out = floor(x);
        return true;
    case KIR_OP_CEIL:
        *out = ceil(x);
        return true;
    case KIR_OP_TRUNC:
        *out = trunc(x);
        return true;
    case KIR_OP_RINT:
        *out = rint(x);
        return true;
    default:
        return false;
    }
}

kir_expr *kir_math(kir_module *m, kir_op op, type *ty, kir_expr *const *args, uint32_t n, span at) {
    double folded;
    if (n == 1 && is_const(args[0]) && ty->kind == TYPE_FLOAT && args[0]->ty == ty &&
        fold_math(op, args[0]->value.f, &folded))
        return kir_const_float(m, ty, folded, at);
    if (ty->kind != TYPE_ARRAY)
        ty = kir_elementwise_type(m, ty, args, n);
    kir_expr *e = kir_expr_new(m, KIR_MATH, ty, n, at);
    e->op = op;
    for (uint32_t i = 0; i < n; i++)
        e->args[i] = args[i];
    return e;
}

static kir_expr *array_fact(kir_module *m, kir_expr_kind kind, kir_var *array, uint32_t axis, span at) {
    kir_expr *e = kir_expr_new(m, kind, type_int64(m->types), 0, at);
    e->var = array;
    e->axis = (int32_t)axis;
    return e;
}

kir_expr *kir_dim(kir_module *m, kir_var *array, uint32_t axis, span at) {
    return array_fact(m, KIR_DIM, array, axis, at);
}

kir_expr *kir_stride(kir_module *m, kir_var *array, uint32_t axis, span at) {
    return array_fact(m, KIR_STRIDE, array, axis, at);
}

kir_expr *kir_wrap(kir_module *m, kir_expr *index, kir_expr *extent, span at) {
    int64_t i;
    if (kir_is_const_int(index, &i))
        return i < 0 ? kir_binary(m, KIR_OP_ADD, extent, index, at) : index;
    kir_expr *args[2] = {index, extent};
    kir_expr *e = kir_expr_new(m, KIR_WRAP, kir_elementwise_type(m, kir_elem_type(index->ty), args, 2), 2, at);
    e->args[0] = index;
    e->args[1] = extent;
    return e;
}

kir_expr *kir_load(kir_module *m, kir_var *array, kir_expr *const *index, uint32_t n, span at) {
    kir_expr *e = kir_expr_new(m, KIR_LOAD, array->ty->dtype, n, at);
    e->var = array;
    for (uint32_t i = 0; i < n; i++)
        e->args[i] = index[i];
    return e;
}

/* ---- equality --------------------------------------------------------------------------------------------------- */

static bool same_slot(const kir_expr *a, const kir_expr *b) {
    return a == b || (a && b && kir_expr_equal(a, b));
}

static bool same_sub(const kir_sub *a, const kir_sub *b) {
    return a->kind == b->kind && same_slot(a->start, b->start) && same_slot(a->length, b->length) &&
           same_slot(a->step, b->step);
}

static bool same_subs(const kir_expr *a, const kir_expr *b) {
    bool same = a->subs.n == b->subs.n;
    for (uint32_t i = 0; same && i < a->subs.n; i++)
        same = same_sub(&a->subs.at[i], &b->subs.at[i]);
    return same;
}

static bool same_const(const kir_expr *a, const kir_expr *b) {
    if (a->ty->kind == TYPE_COMPLEX)
        return !memcmp(a->value.c, b->value.c, sizeof a->value.c);
    if (a->ty->kind == TYPE_FLOAT)
        return !memcmp(&a->value.f, &b->value.f, sizeof a->value.f);
    return a->value.i == b->value.i;
}

static bool same_payload(const kir_expr *a, const kir_expr *b) {
    switch (a->kind) {
    case KIR_CONST:
        return same_const(a, b);
    case KIR_VIEW:
        return same_subs(a, b);
    case KIR_TRANSPOSE:
        return a->axes.n == b->axes.n && !memcmp(a->axes.at, b->axes.at, a->axes.n * sizeof *a->axes.at);
    case KIR_DIM:
    case KIR_STRIDE:
    case KIR_INDEX:
    case KIR_REDUCE:
        return a->axis == b->axis;
    case KIR_GLOBAL:
        return a->global == b->global;
    default:
        return true;
    }
}

bool kir_expr_equal(const kir_expr *a, const kir_expr *b) {
    if (a->kind != b->kind || a->op != b->op || a->ty != b->ty || a->var != b->var || a->n_args != b->n_args ||
        !same_payload(a, b))
        return false;
    for (uint32_t i = 0; i < a->n_args; i++) {
        if (!kir_expr_equal(a->args[i], b->args[i]))
            return false;
    }
    return a->kind != KIR_ALLOC;
}

/* ---- statements ------------------------------------------------------------------------------------------------- */

void kir_block_push(kir_module *m, kir_block *b, kir_stmt *s) {
    vec_push(m->a, b, s);
}

void kir_block_append(kir_module *m, kir_block *to, const kir_block *from) {
    for (uint32_t i = 0; i < from->len; i++)
        vec_push(m->a, to, from->at[i]);
}

kir_stmt *kir_stmt_new(kir_module *m, kir_stmt_kind kind, span at) {
    kir_stmt *s = arena_make(m->a, kir_stmt);
    s->kind = kind;
    s->at = at;
    if (kind == KIR_FOR)
        s->loop = arena_make(m->a, kir_loop_info);
    return s;
}

kir_stmt *kir_assign(kir_module *m, kir_var *v, kir_expr *value, span at) {
    kir_stmt *s = kir_stmt_new(m, KIR_ASSIGN, at);
    s->var = v;
    s->value = value;
    return s;
}

kir_stmt *kir_store(kir_module *m, kir_var *array, kir_expr *const *index, uint32_t n, kir_expr *value, span at) {
    kir_stmt *s = kir_stmt_new(m, KIR_STORE, at);
    s->var = array;
    s->value = value;
    for (uint32_t i = 0; i < n; i++)
        vec_push(m->a, &s->index, index[i]);
    return s;
}

kir_stmt *kir_for(kir_module *m, kir_var *v, kir_expr *lo, kir_expr *hi, kir_expr *step, kir_loop_kind kind, span at) {
    kir_stmt *s = kir_stmt_new(m, KIR_FOR, at);
    s->var = v;
    s->lo = lo;
    s->hi = hi;
    s->step = step;
    s->loop->kind = kind;
    return s;
}

/* ---- copying ---------------------------------------------------------------------------------------------------- */

/* Both maps are hash tables keyed by address. Statements are mapped per copied block (a copy of a loop's body that is
 * taken later on its own must not jump to an earlier copy), variables for as long as the caller keeps the map. */
typedef struct entry {
    const void *from;
    void *to;
    kir_expr *expr;
} entry;

typedef struct table {
    arena *a;
    entry *at;
    uint32_t len, cap; /* cap: a power of two, or 0 */
} table;

struct kir_map {
    kir_module *m;
    table vars;
};

static uint32_t hash_address(const void *p) {
    uint64_t x = (uint64_t)(uintptr_t)p * 0x9e3779b97f4a7c15u;
    return (uint32_t)(x >> 32);
}

static entry *find_slot(entry *at, uint32_t cap, const void *from) {
    uint32_t i = hash_address(from) & (cap - 1);
    while (at[i].from && at[i].from != from)
        i = (i + 1) & (cap - 1);
    return &at[i];
}

static entry *find_entry(const table *t, const void *from) {
    if (!t->cap)
        return NULL;
    entry *e = find_slot(t->at, t->cap, from);
    return e->from ? e : NULL;
}

static void grow_table(table *t) {
    uint32_t cap = t->cap ? 2 * t->cap : 16;
    entry *at = arena_array(t->a, entry, cap);
    for (uint32_t i = 0; i < t->cap; i++) {
        if (t->at[i].from)
            *find_slot(at, cap, t->at[i].from) = t->at[i];
    }
    t->at = at;
    t->cap = cap;
}

static void put_entry(table *t, const void *from, void *to, kir_expr *expr) {
    if (2 * t->len >= t->cap)
        grow_table(t);
    entry *e = find_slot(t->at, t->cap, from);
    t->len += !e->from;
    *e = (entry){.from = from, .to = to, .expr = expr};
}

kir_map *kir_map_new(kir_module *m) {
    kir_map *map = arena_make(m->a, kir_map);
    map->m = m;
    map->vars.a = m->a;
    return map;
}

void kir_map_var(kir_map *map, const kir_var *from, kir_var *to) {
    put_entry(&map->vars, from, to, NULL);
}

void kir_map_expr(kir_map *map, const kir_var *from, kir_expr *to) {
    put_entry(&map->vars, from, NULL, to);
}

kir_var *kir_mapped_var(const kir_map *map, kir_var *v) {
    const entry *e = map && v ? find_entry(&map->vars, v) : NULL;
    return e && e->to ? e->to : v;
}

static kir_sub *copy_subs(kir_module *m, const kir_sub *from, uint32_t n, kir_map *map) {
    kir_sub *to = n ? arena_array(m->a, kir_sub, n) : NULL;
    for (uint32_t i = 0; i < n; i++)
        to[i] = (kir_sub){.kind = from[i].kind,
                          .start = kir_copy_expr(m, from[i].start, map),
                          .length = kir_copy_expr(m, from[i].length, map),
                          .step = kir_copy_expr(m, from[i].step, map)};
    return to;
}

/* The type follows a mapped variable: inlining may put an array of layout C where the callee knew layout A. */
static type *copied_type(const kir_expr *from, const kir_var *to) {
    return from->kind == KIR_VAR && from->var != to ? to->ty : from->ty;
}

kir_expr *kir_copy_expr(kir_module *m, const kir_expr *e, kir_map *map) {
    if (!e)
        return NULL;
    const entry *mapped = map && e->kind == KIR_VAR ? find_entry(&map->vars, e->var) : NULL;
    if (mapped && mapped->expr)
        return kir_copy_expr(m, mapped->expr, NULL);
    kir_expr *c = arena_make(m->a, kir_expr);
    *c = *e;
    c->var = kir_mapped_var(map, e->var);
    c->ty = copied_type(e, c->var);
    c->args = e->n_args ? arena_array(m->a, kir_expr *, e->n_args) : NULL;
    for (uint32_t i = 0; i < e->n_args; i++)
        c->args[i] = kir_copy_expr(m, e->args[i], map);
    if (e->kind == KIR_VIEW)
        c->subs.at = copy_subs(m, e->subs.at, e->subs.n, map);
    if (e->kind == KIR_TRANSPOSE) {
        c->axes.at = arena_array(m->a, uint32_t, e->axes.n);
        memcpy(c->axes.at, e->axes.at, e->axes.n * sizeof *e->axes.at);
    }
    return c;
}

typedef struct copier {
    kir_module *m;
    kir_map *map;
    table stmts;
} copier;

static kir_loop_info *copy_loop_info(copier *c, const kir_loop_info *from) {
    if (!from)
        return NULL;
    kir_loop_info *to = arena_make(c->m->a, kir_loop_info);
    *to = *from;
    to->plan = NULL; /* it speaks of the original's statements */
    memset(&to->reductions, 0, sizeof to->reductions);
    memset(&to->privates, 0, sizeof to->privates);
    memset(&to->last_privates, 0, sizeof to->last_privates);
    memset(&to->carried, 0, sizeof to->carried);
    for (uint32_t i = 0; i < from->reductions.len; i++) {
        kir_reduction r = {kir_mapped_var(c->map, from->reductions.at[i].var), from->reductions.at[i].op};
        vec_push(c->m->a, &to->reductions, r);
    }
    for (uint32_t i = 0; i < from->privates.len; i++)
        vec_push(c->m->a, &to->privates, kir_mapped_var(c->map, from->privates.at[i]));
    for (uint32_t i = 0; i < from->last_privates.len; i++)
        vec_push(c->m->a, &to->last_privates, kir_mapped_var(c->map, from->last_privates.at[i]));
    for (uint32_t i = 0; i < from->carried.len; i++)
        vec_push(c->m->a, &to->carried, kir_mapped_var(c->map, from->carried.at[i]));
    return to;
}

static kir_block copy_stmts(copier *c, const kir_block *b);

static kir_stmt *copied_target(const copier *c, kir_stmt *target) {
    const entry *e = target ? find_entry(&c->stmts, target) : NULL;
    return e ? e->to : target;
}

static kir_stmt *copy_stmt(copier *c, const kir_stmt *from) {
    kir_module *m = c->m;
    kir_stmt *to = arena_make(m->a, kir_stmt);
    put_entry(&c->stmts, from, to, NULL);
    *to = *from;
    to->var = kir_mapped_var(c->map, from->var);
    to->value = kir_copy_expr(m, from->value, c->map);
    memset(&to->index, 0, sizeof to->index);
    for (uint32_t i = 0; i < from->index.len; i++)
        vec_push(m->a, &to->index, kir_copy_expr(m, from->index.at[i], c->map));
    memset(&to->results, 0, sizeof to->results);
    for (uint32_t i = 0; i < from->results.len; i++)
        vec_push(m->a, &to->results, kir_mapped_var(c->map, from->results.at[i]));
    to->lo = kir_copy_expr(m, from->lo, c->map);
    to->hi = kir_copy_expr(m, from->hi, c->map);
    to->step = kir_copy_expr(m, from->step, c->map);
    to->mask = kir_copy_expr(m, from->mask, c->map);
    to->work = kir_copy_expr(m, from->work, c->map);
    to->subs.at = copy_subs(m, from->subs.at, from->subs.n, c->map);
    to->target = copied_target(c, from->target);
    to->loop = copy_loop_info(c, from->loop);
    to->body = copy_stmts(c, &from->body);
    to->orelse = copy_stmts(c, &from->orelse);
    return to;
}

static kir_block copy_stmts(copier *c, const kir_block *b) {
    kir_block out = {0};
    for (uint32_t i = 0; i < b->len; i++)
        vec_push(c->m->a, &out, copy_stmt(c, b->at[i]));
    return out;
}

kir_block kir_copy_block(kir_module *m, const kir_block *b, kir_map *map) {
    copier c = {.m = m, .map = map, .stmts = {.a = m->a}};
    return copy_stmts(&c, b);
}

/* ---- walking ---------------------------------------------------------------------------------------------------- */

static void visit_slot(kir_expr **slot, void (*visit)(kir_expr **slot, void *context), void *context) {
    if (*slot)
        visit(slot, context);
}

static void visit_subs(kir_sub *subs, uint32_t n, void (*visit)(kir_expr **slot, void *context), void *context) {
    for (uint32_t i = 0; i < n; i++) {
        visit_slot(&subs[i].start, visit, context);
        visit_slot(&subs[i].length, visit, context);
        visit_slot(&subs[i].step, visit, context);
    }
}

void kir_each_expr(kir_stmt *s, void (*visit)(kir_expr **slot, void *context), void *context) {
    visit_subs(s->subs.at, s->subs.n, visit, context);
    for (uint32_t i = 0; i < s->index.len; i++)
        visit_slot(&s->index.at[i], visit, context);
    visit_slot(&s->mask, visit, context);
    visit_slot(&s->lo, visit, context);
    visit_slot(&s->hi, visit, context);
    visit_slot(&s->step, visit, context);
    visit_slot(&s->value, visit, context);
    visit_slot(&s->work, visit, context);
}

typedef struct subexpr_walk {
    void (*visit)(kir_expr **slot, void *context);
    void *context;
} subexpr_walk;

static void walk_subexpr(kir_expr **slot, void *walk_) {
    const subexpr_walk *walk = walk_;
    kir_each_subexpr(slot, walk->visit, walk->context);
}

void kir_each_subexpr(kir_expr **slot, void (*visit)(kir_expr **slot, void *context), void *context) {
    kir_expr *before = *slot;
    visit(slot, context);
    if (*slot != before)
        return;
    for (uint32_t i = 0; i < before->n_args; i++)
        kir_each_subexpr(&before->args[i], visit, context);
    subexpr_walk walk = {visit, context};
    if (before->kind == KIR_VIEW)
        visit_subs(before->subs.at, before->subs.n, walk_subexpr, &walk);
}

void kir_each_stmt(kir_block *b, bool (*visit)(kir_stmt *s, void *context), void *context) {
    for (uint32_t i = 0; i < b->len; i++) {
        kir_stmt *s = b->at[i];
        if (!visit(s, context))
            continue;
        kir_each_stmt(&s->body, visit, context);
        kir_each_stmt(&s->orelse, visit, context);
    }
}
