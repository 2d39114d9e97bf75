/* See interpret.h. One C function per kind of node; control flow is a small code returned by every statement. */
#include "kir/interpret.h"

#include <complex.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef enum flow { FLOW_NEXT, FLOW_BREAK, FLOW_CONTINUE, FLOW_RETURN, FLOW_STOP } flow;

enum { MAX_CONFLICTS = 16, MAX_CALLS = 200 };

typedef struct touch { /* who touched an address in the current region */
    char *address;
    int64_t reader, writer; /* an iteration that read / wrote it, -1: none */
    int64_t other_reader;   /* another iteration that read it, -1: none */
    span read_at, write_at;
} touch;

typedef struct machine {
    kir_module *m;
    arena *a;
    const kir_run_options *options;
    kir_run_result result;
    int64_t steps;
    uint32_t calls;
    kir_stmt *target;     /* of FLOW_BREAK, FLOW_CONTINUE */
    const kir_fn *region; /* watched, or NULL */
    int64_t iteration;
    touch *touched;
    size_t touched_len, touched_cap;
} machine;

typedef struct frame {
    machine *vm;
    kir_fn *f;
    kir_value *vars; /* by id */
    kir_value *results;
    int64_t block;
} frame;

static flow run_block(frame *fr, kir_block *b);
static kir_value evaluate(frame *fr, const kir_expr *e);

static flow stuck(machine *vm, const char *why) {
    vm->result.outcome = KIR_STUCK;
    vm->result.message = why;
    return FLOW_STOP;
}

/* ---- watching --------------------------------------------------------------------------------------------------------- */

static touch *find_touch(machine *vm, char *address) {
    if (vm->touched_len * 2 >= vm->touched_cap) {
        size_t cap = vm->touched_cap ? vm->touched_cap * 2 : 1024;
        touch *table = arena_array(vm->a, touch, cap);
        for (size_t k = 0; k < vm->touched_cap; k++) {
            if (!vm->touched[k].address)
                continue;
            size_t at = ((uintptr_t)vm->touched[k].address * 0x9E3779B97F4A7C15u) & (cap - 1);
            while (table[at].address)
                at = (at + 1) & (cap - 1);
            table[at] = vm->touched[k];
        }
        vm->touched = table;
        vm->touched_cap = cap;
    }
    size_t at = ((uintptr_t)address * 0x9E3779B97F4A7C15u) & (vm->touched_cap - 1);
    while (vm->touched[at].address && vm->touched[at].address != address)
        at = (at + 1) & (vm->touched_cap - 1);
    if (!vm->touched[at].address) {
        vm->touched[at] = (touch){.address = address, .reader = -1, .writer = -1, .other_reader = -1};
        vm->touched_len++;
    }
    return &vm->touched[at];
}

static void conflict(machine *vm, int64_t other, span other_at, bool other_writes, span at, bool writes) {
    if (vm->result.conflicts.len >= MAX_CONFLICTS)
        return;
    kir_conflict c = {vm->region, other, vm->iteration, other_at, at, other_writes, writes};
    if (c.first > c.second)
        c = (kir_conflict){vm->region, vm->iteration, other, at, other_at, writes, other_writes};
    vec_push(vm->a, &vm->result.conflicts, c);
}

/* Elements are compared by first byte: arrays of one dtype never overlap by part of an element in tests. */
static void watch(machine *vm, char *address, bool writes, span at) {
    if (!vm->region)
        return;
    touch *t = find_touch(vm, address);
    if (t->writer >= 0 && t->writer != vm->iteration)
        conflict(vm, t->writer, t->write_at, true, at, writes);
    else if (writes && t->reader >= 0 && t->reader != vm->iteration)
        conflict(vm, t->reader, t->read_at, false, at, true);
    else if (writes && t->other_reader >= 0 && t->other_reader != vm->iteration)
        conflict(vm, t->other_reader, t->read_at, false, at, true);
    if (writes) {
        t->writer = vm->iteration;
        t->write_at = at;
    } else {
        if (t->reader >= 0 && t->reader != vm->iteration)
            t->other_reader = t->reader;
        t->reader = vm->iteration;
        t->read_at = at;
    }
}

/* ---- scalars ------------------------------------------------------------------------------------------------------------- */

static int64_t fit(type *t, int64_t x) {
    if (t->kind == TYPE_BOOL)
        return x != 0;
    switch (t->bits) {
    case 8:
        return t->is_signed ? (int64_t)(int8_t)x : (int64_t)(uint8_t)x;
    case 16:
        return t->is_signed ? (int64_t)(int16_t)x : (int64_t)(uint16_t)x;
    case 32:
        return t->is_signed ? (int64_t)(int32_t)x : (int64_t)(uint32_t)x;
    default:
        return x;
    }
}

static double narrow(type *t, double x) {
    return t->bits == 32 || (t->kind == TYPE_COMPLEX && t->bits == 64) ? (double)(float)x : x;
}

static kir_value of_int(type *t, int64_t x) {
    return (kir_value){.i = fit(t, x)};
}
static kir_value of_float(type *t, double x) {
    return (kir_value){.f = narrow(t, x)};
}
static kir_value of_complex(type *t, double complex z) {
    return (kir_value){.c = {narrow(t, creal(z)), narrow(t, cimag(z))}};
}
static double complex complex_of(kir_value v) {
    return __builtin_complex(v.c[0], v.c[1]);
}
static bool is_unsigned64(type *t) {
    return t->kind == TYPE_INT && !t->is_signed && t->bits == 64;
}

static kir_value load_scalar(type *t, const char *p) {
    switch (t->kind) {
    case TYPE_BOOL:
        return (kir_value){.i = *(const uint8_t *)p != 0};
    case TYPE_INT: {
        int64_t x = 0;
        memcpy(&x, p, t->bits / 8);
        return of_int(t, x);
    }
    case TYPE_FLOAT:
        if (t->bits == 32) {
            float f;
            memcpy(&f, p, sizeof f);
            return (kir_value){.f = (double)f};
        } else {
            double d;
            memcpy(&d, p, sizeof d);
            return (kir_value){.f = d};
        }
    default:
        if (t->bits == 64) {
            float f[2];
            memcpy(f, p, sizeof f);
            return (kir_value){.c = {(double)f[0], (double)f[1]}};
        } else {
            kir_value v;
            memcpy(v.c, p, sizeof v.c);
            return v;
        }
    }
}

static void store_scalar(type *t, char *p, kir_value v) {
    float f[2];
    switch (t->kind) {
    case TYPE_BOOL:
        *(uint8_t *)p = v.i != 0;
        return;
    case TYPE_INT:
        memcpy(p, &v.i, t->bits / 8);
        return;
    case TYPE_FLOAT:
        f[0] = (float)v.f;
        if (t->bits == 32)
            memcpy(p, f, 4);
        else
            memcpy(p, &v.f, 8);
        return;
    default:
        f[0] = (float)v.c[0];
        f[1] = (float)v.c[1];
        if (t->bits == 64)
            memcpy(p, f, 8);
        else
            memcpy(p, v.c, 16);
    }
}

static int64_t saturate(double x, type *t) {
    if (isnan(x))
        return 0;
    if (is_unsigned64(t))
        return x <= 0 ? 0 : x >= 18446744073709551616.0 ? -1 : (int64_t)(uint64_t)x;
    double lowest = t->is_signed ? -ldexp(1, t->bits - 1) : 0, highest = ldexp(1, t->is_signed ? t->bits - 1 : t->bits);
    if (x <= lowest)
        return (int64_t)lowest;
    return x >= highest ? (t->bits == 64 ? INT64_MAX : (int64_t)highest - 1) : (int64_t)x;
}

static kir_value cast(kir_value v, type *from, type *to) {
    if (from == to)
        return v;
    if (to->kind == TYPE_BOOL) {
        bool truth = type_is_integer(from)      ? v.i != 0
                     : from->kind == TYPE_FLOAT ? v.f != 0
                                                : v.c[0] != 0 || v.c[1] != 0;
        return (kir_value){.i = truth};
    }
    double re = type_is_integer(from)      ? (is_unsigned64(from) ? (double)(uint64_t)v.i : (double)v.i)
                : from->kind == TYPE_FLOAT ? v.f
                                           : v.c[0];
    if (to->kind == TYPE_INT)
        return type_is_integer(from) ? of_int(to, v.i) : of_int(to, saturate(re, to));
    if (to->kind == TYPE_FLOAT)
        return of_float(to, re);
    return of_complex(to, __builtin_complex(re, from->kind == TYPE_COMPLEX ? v.c[1] : 0.0));
}

static int64_t floor_div(int64_t a, int64_t b) {
    if (b == 0)
        return 0;
    if (b == -1)
        return (int64_t)(0 - (uint64_t)a);
    int64_t q = a / b;
    return q - ((a % b != 0) & ((a < 0) != (b < 0)));
}

static int64_t compare_ints(kir_op op, type *t, int64_t a, int64_t b) {
    bool less = is_unsigned64(t) ? (uint64_t)a < (uint64_t)b : a < b;
    bool more = is_unsigned64(t) ? (uint64_t)a > (uint64_t)b : a > b;
    switch (op) {
    case KIR_OP_EQ:
        return a == b;
    case KIR_OP_NE:
        return a != b;
    case KIR_OP_LT:
        return less;
    case KIR_OP_LE:
        return !more;
    case KIR_OP_GT:
        return more;
    default:
        return !less;
    }
}

static int64_t binary_int(kir_op op, type *t, int64_t a, int64_t b) {
    uint64_t ua = (uint64_t)a, ub = (uint64_t)b;
    bool wide = is_unsigned64(t);
    switch (op) {
    case KIR_OP_ADD:
        return (int64_t)(ua + ub);
    case KIR_OP_SUB:
        return (int64_t)(ua - ub);
    case KIR_OP_MUL:
        return (int64_t)(ua * ub);
    case KIR_OP_FLOORDIV:
        return wide ? (ub ? (int64_t)(ua / ub) : 0) : floor_div(a, b);
    case KIR_OP_MOD:
        return wide ? (ub ? (int64_t)(ua % ub) : 0) : b == 0 ? 0 : (int64_t)(ua - (uint64_t)floor_div(a, b) * ub);
    case KIR_OP_TRUNCDIV:
        return wide ? (ub ? (int64_t)(ua / ub) : 0) : b == 0 ? 0 : b == -1 ? (int64_t)(0 - ua) : a / b;
    case KIR_OP_TRUNCMOD:
        return wide ? (ub ? (int64_t)(ua % ub) : 0) : b == 0 || b == -1 ? 0 : a % b;
    case KIR_OP_POW:
        return t->is_signed ? plrt_pow_i64(a, b) : (int64_t)plrt_pow_u64(ua, ub);
    case KIR_OP_AND:
        return a & b;
    case KIR_OP_OR:
        return a | b;
    case KIR_OP_XOR:
        return a ^ b;
    case KIR_OP_SHL:
        return ub < t->bits ? (int64_t)(ua << ub) : 0;
    case KIR_OP_SHR:
        if (wide)
            return ub < 64 ? (int64_t)(ua >> ub) : 0;
        return ub < 64 ? a >> b : a < 0 ? -1 : 0;
    case KIR_OP_MIN:
    case KIR_OP_FMIN:
    case KIR_OP_NPMIN:
        return compare_ints(KIR_OP_LT, t, b, a) ? b : a;
    case KIR_OP_MAX:
    case KIR_OP_FMAX:
    case KIR_OP_NPMAX:
        return compare_ints(KIR_OP_GT, t, b, a) ? b : a;
    default:
        return compare_ints(op, t, a, b);
    }
}

static double binary_float(kir_op op, type *t, double a, double b) {
    bool single = t->bits == 32;
    switch (op) {
    case KIR_OP_ADD:
        return a + b;
    case KIR_OP_SUB:
        return a - b;
    case KIR_OP_MUL:
        return a * b;
    case KIR_OP_DIV:
        return a / b;
    case KIR_OP_FLOORDIV:
        return single ? (double)plrt_floordiv_f32((float)a, (float)b) : plrt_floordiv(a, b);
    case KIR_OP_MOD:
        return single ? (double)plrt_fmod_floor_f32((float)a, (float)b) : plrt_fmod_floor(a, b);
    case KIR_OP_TRUNCDIV:
        return trunc(a / b);
    case KIR_OP_TRUNCMOD:
        return fmod(a, b);
    case KIR_OP_POW:
        return single ? (double)powf((float)a, (float)b) : pow(a, b);
    case KIR_OP_MIN:
        return b < a ? b : a;
    case KIR_OP_MAX:
        return b > a ? b : a;
    case KIR_OP_FMIN:
        return fmin(a, b);
    case KIR_OP_FMAX:
        return fmax(a, b);
    case KIR_OP_NPMIN:
        return isnan(a) ? a : isnan(b) ? b : b < a ? b : a;
    default:
        return isnan(a) ? a : isnan(b) ? b : b > a ? b : a;
    }
}

static bool compare_floats(kir_op op, double a, double b) {
    switch (op) {
    case KIR_OP_EQ:
        return a == b;
    case KIR_OP_NE:
        return a != b;
    case KIR_OP_LT:
        return a < b;
    case KIR_OP_LE:
        return a <= b;
    case KIR_OP_GT:
        return a > b;
    default:
        return a >= b;
    }
}

static bool is_comparison(kir_op op) {
    return op >= KIR_OP_EQ && op <= KIR_OP_GE;
}

static kir_value binary(frame *fr, const kir_expr *e) {
    type *t = e->args[0]->ty;
    kir_value a = evaluate(fr, e->args[0]), b = evaluate(fr, e->args[1]);
    if (type_is_integer(t))
        return of_int(e->ty, binary_int(e->op, t, a.i, b.i));
    if (t->kind == TYPE_FLOAT)
        return is_comparison(e->op) ? (kir_value){.i = compare_floats(e->op, a.f, b.f)}
                                    : of_float(t, binary_float(e->op, t, a.f, b.f));
    double complex x = complex_of(a), y = complex_of(b);
    double out[2];
    switch (e->op) {
    case KIR_OP_EQ:
        return (kir_value){.i = x == y};
    case KIR_OP_NE:
        return (kir_value){.i = x != y};
    case KIR_OP_ADD:
        return of_complex(t, x + y);
    case KIR_OP_SUB:
        return of_complex(t, x - y);
    case KIR_OP_MUL:
        return of_complex(t, __builtin_complex(a.c[0] * b.c[0] - a.c[1] * b.c[1], a.c[0] * b.c[1] + a.c[1] * b.c[0]));
    case KIR_OP_DIV:
        plrt_cdiv(a.c[0], a.c[1], b.c[0], b.c[1], out);
        return of_complex(t, __builtin_complex(out[0], out[1]));
    default:
        plrt_cpow(a.c[0], a.c[1], b.c[0], b.c[1], out);
        return of_complex(t, __builtin_complex(out[0], out[1]));
    }
}

static kir_value unary(frame *fr, const kir_expr *e) {
    kir_value a = evaluate(fr, e->args[0]);
    type *t = e->ty;
    if (e->op == KIR_OP_NOT)
        return (kir_value){.i = !a.i};
    if (type_is_integer(t)) {
        bool negate = e->op == KIR_OP_NEG || (e->op == KIR_OP_ABS && a.i < 0 && t->is_signed);
        return e->op == KIR_OP_INVERT ? of_int(t, ~a.i) : negate ? of_int(t, (int64_t)(0 - (uint64_t)a.i)) : a;
    }
    if (t->kind == TYPE_FLOAT)
        return (kir_value){.f = e->op == KIR_OP_NEG ? -a.f : e->op == KIR_OP_ABS ? fabs(a.f) : a.f};
    return e->op == KIR_OP_NEG    ? (kir_value){.c = {-a.c[0], -a.c[1]}}
           : e->op == KIR_OP_CONJ ? (kir_value){.c = {a.c[0], -a.c[1]}}
                                  : a;
}

typedef struct math_row {
    kir_op op;
    double (*f)(double);
    float (*narrow)(float);
} math_row;
static const math_row math_rows[] = {
    {KIR_OP_SQRT, sqrt, sqrtf},       {KIR_OP_EXP, exp, expf},       {KIR_OP_EXP2, exp2, exp2f},
    {KIR_OP_EXPM1, expm1, expm1f},    {KIR_OP_LOG, log, logf},       {KIR_OP_LOG2, log2, log2f},
    {KIR_OP_LOG10, log10, log10f},    {KIR_OP_LOG1P, log1p, log1pf}, {KIR_OP_SIN, sin, sinf},
    {KIR_OP_COS, cos, cosf},          {KIR_OP_TAN, tan, tanf},       {KIR_OP_ASIN, asin, asinf},
    {KIR_OP_ACOS, acos, acosf},       {KIR_OP_ATAN, atan, atanf},    {KIR_OP_SINH, sinh, sinhf},
    {KIR_OP_COSH, cosh, coshf},       {KIR_OP_TANH, tanh, tanhf},    {KIR_OP_ASINH, asinh, asinhf},
    {KIR_OP_ACOSH, acosh, acoshf},    {KIR_OP_ATANH, atanh, atanhf}, {KIR_OP_CBRT, cbrt, cbrtf},
    {KIR_OP_ERF, erf, erff},          {KIR_OP_ERFC, erfc, erfcf},    {KIR_OP_GAMMA, tgamma, tgammaf},
    {KIR_OP_LGAMMA, lgamma, lgammaf}, {KIR_OP_FLOOR, floor, floorf}, {KIR_OP_CEIL, ceil, ceilf},
    {KIR_OP_TRUNC, trunc, truncf},    {KIR_OP_RINT, rint, rintf},
};

static kir_value math_binary(frame *fr, const kir_expr *e) {
    kir_value a = evaluate(fr, e->args[0]), b = evaluate(fr, e->args[1]);
    switch (e->op) {
    case KIR_OP_ATAN2:
        return of_float(e->ty, atan2(a.f, b.f));
    case KIR_OP_HYPOT:
        return of_float(e->ty, hypot(a.f, b.f));
    case KIR_OP_COPYSIGN:
        return of_float(e->ty, copysign(a.f, b.f));
    case KIR_OP_FMOD:
        return of_float(e->ty, fmod(a.f, b.f));
    case KIR_OP_NEXTAFTER:
        return of_float(e->ty, e->ty->bits == 32 ? (double)nextafterf((float)a.f, (float)b.f) : nextafter(a.f, b.f));
    case KIR_OP_LDEXP:
        return of_float(e->ty, ldexp(a.f, (int)(b.i > 9999 ? 9999 : b.i < -9999 ? -9999 : b.i)));
    case KIR_OP_ROUND_DIGITS:
        return of_float(e->ty, plrt_round_digits(a.f, b.i));
    case KIR_OP_NPROUND:
        return of_float(e->ty, plrt_np_round(a.f, b.i));
    default: {
        uint64_t x = a.i < 0 ? 0 - (uint64_t)a.i : (uint64_t)a.i, y = b.i < 0 ? 0 - (uint64_t)b.i : (uint64_t)b.i;
        while (y) {
            uint64_t r = x % y;
            x = y;
            y = r;
        }
        return of_int(e->ty, (int64_t)x);
    }
    }
}

static kir_value math(frame *fr, const kir_expr *e) {
    if (e->n_args == 2)
        return math_binary(fr, e);
    kir_value a = evaluate(fr, e->args[0]);
    if (e->op == KIR_OP_FMA)
        return of_float(e->ty, fma(a.f, evaluate(fr, e->args[1]).f, evaluate(fr, e->args[2]).f));
    for (size_t k = 0; k < sizeof math_rows / sizeof math_rows[0]; k++)
        if (math_rows[k].op == e->op)
            return of_float(e->ty, e->ty->bits == 32 ? (double)math_rows[k].narrow((float)a.f) : math_rows[k].f(a.f));
    switch (e->op) {
    case KIR_OP_ISNAN:
        return (kir_value){.i = isnan(a.f) != 0};
    case KIR_OP_ISINF:
        return (kir_value){.i = isinf(a.f) != 0};
    case KIR_OP_ISFINITE:
        return (kir_value){.i = isfinite(a.f) != 0};
    case KIR_OP_SIGNBIT:
        return (kir_value){.i = signbit(a.f) != 0};
    default:
        stuck(fr->vm, "a math function that the interpreter does not know");
        return a;
    }
}

/* ---- arrays --------------------------------------------------------------------------------------------------------------- */

static char *element(frame *fr, const kir_var *v, kir_expr *const *index, uint32_t n) {
    const kir_array *a = fr->vars[v->id].array;
    char *p = a->data;
    for (uint32_t k = 0; k < n; k++) {
        int64_t i = evaluate(fr, index[k]).i;
        if (i < 0 || i >= a->shape[k]) {
            stuck(fr->vm, "an element outside its array");
            return NULL;
        }
        p += i * a->strides[k];
    }
    return p;
}

static void set_strides(kir_array *a, type *t) {
    int64_t step = (int64_t)type_size(t->dtype);
    for (uint32_t k = 0; k < t->ndim; k++) {
        uint32_t axis = t->layout == LAYOUT_F ? k : t->ndim - 1 - k;
        a->strides[axis] = step;
        step *= a->shape[axis];
    }
}

static kir_array *view_of(frame *fr, const kir_expr *e) {
    const kir_array *from = fr->vars[e->var->id].array;
    kir_array *a = arena_make(fr->vm->a, kir_array);
    a->data = from->data;
    uint32_t to = 0, axis = 0;
    for (uint32_t k = 0; k < e->subs.n; k++) {
        const kir_sub *s = &e->subs.at[k];
        if (s->kind == KIR_SUB_NEWAXIS) {
            a->shape[to] = 1;
            a->strides[to++] = 0;
            continue;
        }
        a->data += evaluate(fr, s->start).i * from->strides[axis];
        if (s->kind == KIR_SUB_RANGE) {
            a->shape[to] = evaluate(fr, s->length).i;
            a->strides[to++] = evaluate(fr, s->step).i * from->strides[axis];
        }
        axis++;
    }
    return a;
}

static kir_array *new_array(frame *fr, const kir_expr *e) {
    kir_array *a = arena_make(fr->vm->a, kir_array);
    int64_t count = 1;
    for (uint32_t k = 0; k < e->n_args; k++) {
        a->shape[k] = evaluate(fr, e->args[k]).i;
        count *= a->shape[k];
    }
    set_strides(a, e->ty);
    if (e->kind == KIR_RESHAPE) {
        a->data = fr->vars[e->var->id].array->data;
        return a;
    }
    if (count < 0 || count > (1 << 26)) {
        stuck(fr->vm, "an array too large to interpret");
        count = 0;
    }
    a->data = arena_alloc(fr->vm->a, (size_t)count * type_size(e->ty->dtype) + 1);
    return a;
}

static kir_array *array_value(frame *fr, const kir_expr *e) {
    kir_array *a;
    switch (e->kind) {
    case KIR_VAR:
        return fr->vars[e->var->id].array;
    case KIR_VIEW:
        return view_of(fr, e);
    case KIR_ALLOC:
    case KIR_RESHAPE:
        return new_array(fr, e);
    case KIR_TRANSPOSE:
        a = arena_make(fr->vm->a, kir_array);
        *a = *fr->vars[e->var->id].array;
        for (uint32_t k = 0; k < e->axes.n; k++) {
            a->shape[k] = fr->vars[e->var->id].array->shape[e->axes.at[k]];
            a->strides[k] = fr->vars[e->var->id].array->strides[e->axes.at[k]];
        }
        return a;
    case KIR_REINTERPRET:
        a = arena_make(fr->vm->a, kir_array);
        *a = *fr->vars[e->var->id].array;
        if (e->op == KIR_OP_IMAG)
            a->data += type_size(e->ty->dtype);
        return a;
    case KIR_GLOBAL: {
        const kir_global *g = &fr->vm->m->globals.at[e->global];
        a = arena_make(fr->vm->a, kir_array);
        memcpy(a->shape, g->shape, sizeof a->shape);
        set_strides(a, g->ty);
        a->data = (char *)(uintptr_t)g->data;
        return a;
    }
    default:
        stuck(fr->vm, "a whole-array expression");
        return NULL;
    }
}

static void extent(const kir_array *a, type *t, char **low, char **high) {
    *low = *high = a->data;
    for (uint32_t k = 0; k < t->ndim; k++) {
        int64_t reach = (a->shape[k] - 1) * a->strides[k];
        if (a->shape[k] == 0) {
            *high = *low = NULL;
            return;
        }
        *(reach < 0 ? low : high) += reach;
    }
    *high += type_size(t->dtype);
}

static bool overlap(frame *fr, const kir_expr *e) {
    char *a[2], *b[2];
    extent(fr->vars[e->var->id].array, e->var->ty, &a[0], &a[1]);
    extent(fr->vars[e->args[0]->var->id].array, e->args[0]->var->ty, &b[0], &b[1]);
    return a[1] && b[1] && a[0] < b[1] && b[0] < a[1];
}

/* ---- expressions ------------------------------------------------------------------------------------------------------------ */

static kir_value evaluate(frame *fr, const kir_expr *e) {
    if (fr->vm->result.outcome == KIR_STUCK)
        return (kir_value){.i = 0};
    if (kir_is_array(e))
        return (kir_value){.array = array_value(fr, e)};
    kir_value a;
    switch (e->kind) {
    case KIR_CONST:
        if (type_is_integer(e->ty))
            return (kir_value){.i = e->value.i};
        return e->ty->kind == TYPE_FLOAT ? (kir_value){.f = e->value.f}
                                         : (kir_value){.c = {e->value.c[0], e->value.c[1]}};
    case KIR_VAR:
        return fr->vars[e->var->id];
    case KIR_UNARY:
        return unary(fr, e);
    case KIR_BINARY:
        return binary(fr, e);
    case KIR_SELECT:
        return evaluate(fr, e->args[0]).i ? evaluate(fr, e->args[1]) : evaluate(fr, e->args[2]);
    case KIR_CAST:
        return cast(evaluate(fr, e->args[0]), e->args[0]->ty, e->ty);
    case KIR_MATH:
        return math(fr, e);
    case KIR_COMPLEX:
        return (kir_value){.c = {evaluate(fr, e->args[0]).f, evaluate(fr, e->args[1]).f}};
    case KIR_REAL:
        return (kir_value){.f = evaluate(fr, e->args[0]).c[0]};
    case KIR_IMAG:
        return (kir_value){.f = evaluate(fr, e->args[0]).c[1]};
    case KIR_LOAD: {
        char *p = element(fr, e->var, e->args, e->n_args);
        if (!p)
            return (kir_value){.i = 0};
        watch(fr->vm, p, false, e->at);
        return load_scalar(e->ty, p);
    }
    case KIR_DIM:
        return (kir_value){.i = fr->vars[e->var->id].array->shape[e->axis]};
    case KIR_STRIDE:
        return (kir_value){.i = fr->vars[e->var->id].array->strides[e->axis]};
    case KIR_WRAP:
        a = evaluate(fr, e->args[0]);
        return a.i < 0 ? (kir_value){.i = a.i + evaluate(fr, e->args[1]).i} : a;
    case KIR_BLOCK_INDEX:
        return (kir_value){.i = fr->block};
    case KIR_OVERLAP:
        return (kir_value){.i = overlap(fr, e)};
    default:
        stuck(fr->vm, "an expression that the interpreter does not know");
        return (kir_value){.i = 0};
    }
}

/* ---- statements --------------------------------------------------------------------------------------------------------------- */

static flow raise(frame *fr, const kir_stmt *s) {
    plrt_error *err = &fr->vm->result.error;
    *err = (plrt_error){.site = (int32_t)s->site, .nargs = (int32_t)s->index.len, .iteration = fr->vm->iteration};
    for (uint32_t k = 0; k < s->index.len && k < 6; k++) {
        kir_value v = evaluate(fr, s->index.at[k]);
        memcpy(&err->args[k], &v, sizeof err->args[k]);
    }
    if (fr->vm->result.outcome != KIR_STUCK)
        fr->vm->result.outcome = KIR_RAISED;
    return FLOW_STOP;
}

/* True: the loop `s` is to be left with *out. */
static bool leaves(frame *fr, kir_stmt *s, flow *out) {
    if (*out == FLOW_NEXT)
        return false;
    if (*out == FLOW_CONTINUE && fr->vm->target == s) {
        *out = FLOW_NEXT;
        return false;
    }
    if (*out == FLOW_BREAK && fr->vm->target == s)
        *out = FLOW_NEXT;
    return true;
}

static uint64_t trip_count(int64_t lo, int64_t hi, int64_t step) {
    if (step == 0 || (step > 0 ? lo >= hi : lo <= hi))
        return 0;
    uint64_t span_ = step > 0 ? (uint64_t)hi - (uint64_t)lo : (uint64_t)lo - (uint64_t)hi;
    uint64_t by = step > 0 ? (uint64_t)step : 0 - (uint64_t)step;
    return (span_ - 1) / by + 1;
}

static flow run_for(frame *fr, kir_stmt *s) {
    int64_t lo = evaluate(fr, s->lo).i, hi = evaluate(fr, s->hi).i, step = evaluate(fr, s->step).i;
    uint64_t trips = trip_count(lo, hi, step);
    for (uint64_t k = 0; k < trips; k++) {
        fr->vars[s->var->id].i = (int64_t)((uint64_t)lo + k * (uint64_t)step);
        flow out = run_block(fr, &s->body);
        if (leaves(fr, s, &out))
            return out;
    }
    return FLOW_NEXT;
}

static flow run_loop(frame *fr, kir_stmt *s) {
    for (;;) {
        flow out = run_block(fr, &s->body);
        if (leaves(fr, s, &out))
            return out;
        if (fr->vm->options->max_steps && ++fr->vm->steps > fr->vm->options->max_steps)
            return stuck(fr->vm, "too many steps");
    }
}

static kir_value *new_vars(machine *vm, const kir_fn *f) {
    return arena_array(vm->a, kir_value, f->next_var + 1);
}

static flow run_call(frame *fr, kir_stmt *s) {
    machine *vm = fr->vm;
    frame inner = {.vm = vm, .f = s->fn, .vars = new_vars(vm, s->fn)};
    inner.results = arena_array(vm->a, kir_value, s->fn->results.len + 1);
    if (++vm->calls > MAX_CALLS)
        return stuck(vm, "too deep a recursion");
    for (uint32_t k = 0; k < s->fn->params.len; k++)
        inner.vars[s->fn->params.at[k]->id] = evaluate(fr, s->index.at[k]);
    flow out = run_block(&inner, &s->fn->body);
    vm->calls--;
    if (out == FLOW_STOP)
        return out;
    for (uint32_t k = 0; k < s->results.len; k++)
        fr->vars[s->results.at[k]->id] = inner.results[k];
    return FLOW_NEXT;
}

static kir_value merged(kir_op op, type *t, kir_value a, kir_value b) {
    if (type_is_integer(t))
        return of_int(t, binary_int(op, t, a.i, b.i));
    if (t->kind == TYPE_FLOAT)
        return of_float(t, binary_float(op, t, a.f, b.f));
    double complex x = complex_of(a), y = complex_of(b);
    return of_complex(t, op == KIR_OP_MUL ? x * y : x + y);
}

static flow run_part(frame *fr, kir_stmt *s, int64_t begin, int64_t end, int64_t block) {
    machine *vm = fr->vm;
    kir_fn *f = s->fn;
    frame inner = {.vm = vm, .f = f, .vars = new_vars(vm, f), .block = block};
    uint32_t n = f->reductions.len;
    for (uint32_t k = 0; k < f->params.len; k++)
        inner.vars[f->params.at[k]->id] = evaluate(fr, s->index.at[k]);
    inner.vars[f->begin->id].i = begin;
    inner.vars[f->end->id].i = end;
    flow out = run_block(&inner, &f->body);
    if (out == FLOW_STOP)
        return out;
    for (uint32_t k = 0; k < n; k++) {
        kir_value *into = &fr->vars[s->results.at[k]->id];
        *into =
            merged(f->reductions.at[k].op, f->reductions.at[k].var->ty, *into, inner.vars[f->reductions.at[k].var->id]);
    }
    for (uint32_t k = 0; k < f->last.n; k++)
        if (inner.vars[f->last.was_set[k]->id].i)
            fr->vars[s->results.at[n + k]->id] = inner.vars[f->last.value[k]->id];
    return FLOW_NEXT;
}

static int64_t *order_of(machine *vm, int64_t trips) {
    int64_t *order = arena_array(vm->a, int64_t, trips + 1);
    uint64_t x = vm->options->shuffle * 0x9E3779B97F4A7C15u | 1;
    for (int64_t k = 0; k < trips; k++)
        order[k] = k;
    for (int64_t k = trips - 1; k > 0; k--) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        int64_t j = (int64_t)(x % (uint64_t)(k + 1)), t = order[k];
        order[k] = order[j];
        order[j] = t;
    }
    return order;
}

/* One iteration at a time when the region is watched or shuffled; a region that reduces keeps its blocks in order. */
static flow run_region(frame *fr, kir_stmt *s) {
    machine *vm = fr->vm;
    int64_t trips = evaluate(fr, s->value).i;
    const kir_fn *outer_region = vm->region;
    int64_t outer_iteration = vm->iteration;
    bool shuffled = vm->options->shuffle && s->fn->reductions.len == 0 && s->fn->last.n == 0;
    if (vm->options->watch && !outer_region) {
        vm->region = s->fn;
        vm->touched = NULL;
        vm->touched_len = vm->touched_cap = 0;
    }
    if (trips > (1 << 20))
        return stuck(vm, "too many iterations to interpret");
    int64_t *order = shuffled ? order_of(vm, trips) : NULL;
    flow out = FLOW_NEXT;
    for (int64_t k = 0; k < trips && out == FLOW_NEXT; k++) {
        int64_t i = order ? order[k] : k;
        if (!outer_region)
            vm->iteration = i;
        out = run_part(fr, s, i, i + 1, k);
    }
    vm->region = outer_region;
    vm->iteration = outer_iteration;
    return out;
}

static flow run_runtime(frame *fr, kir_stmt *s) {
    if (strncmp(s->name, "plrt_print", 10) == 0)
        return FLOW_NEXT; /* what is printed is not compared */
    if (strcmp(s->name, "plrt_cmath1") == 0) {
        double out[2];
        kir_value z = evaluate(fr, s->index.at[1]);
        plrt_cmath1((int32_t)evaluate(fr, s->index.at[0]).i, z.c[0], z.c[1], out);
        fr->vars[s->results.at[0]->id] = (kir_value){.c = {out[0], out[1]}};
        return FLOW_NEXT;
    }
    return stuck(fr->vm, "a run-time function that the interpreter does not know");
}

static flow run_statement(frame *fr, kir_stmt *s) {
    machine *vm = fr->vm;
    char *p;
    switch (s->kind) {
    case KIR_ASSIGN:
        fr->vars[s->var->id] = evaluate(fr, s->value);
        break;
    case KIR_STORE:
        p = element(fr, s->var, s->index.at, s->index.len);
        if (p) {
            store_scalar(s->var->ty->dtype, p, evaluate(fr, s->value));
            watch(vm, p, true, s->at);
        }
        break;
    case KIR_IF:
        return run_block(fr, evaluate(fr, s->value).i ? &s->body : &s->orelse);
    case KIR_FOR:
        return run_for(fr, s);
    case KIR_LOOP:
        return run_loop(fr, s);
    case KIR_BLOCK: {
        flow out = run_block(fr, &s->body);
        leaves(fr, s, &out);
        return out;
    }
    case KIR_BREAK:
    case KIR_CONTINUE:
        vm->target = s->target;
        return s->kind == KIR_BREAK ? FLOW_BREAK : FLOW_CONTINUE;
    case KIR_RETURN:
        for (uint32_t k = 0; k < s->index.len; k++)
            fr->results[k] = evaluate(fr, s->index.at[k]);
        return FLOW_RETURN;
    case KIR_CHECK:
        if (!evaluate(fr, s->value).i)
            return raise(fr, s);
        break;
    case KIR_RAISE:
        return raise(fr, s);
    case KIR_CALL:
        return run_call(fr, s);
    case KIR_RUNTIME:
        return run_runtime(fr, s);
    case KIR_REGION:
        return run_region(fr, s);
    default:
        return stuck(vm, "a whole-array statement");
    }
    return vm->result.outcome == KIR_STUCK ? FLOW_STOP : FLOW_NEXT;
}

static flow run_block(frame *fr, kir_block *b) {
    machine *vm = fr->vm;
    for (uint32_t k = 0; k < b->len; k++) {
        if (vm->options->max_steps && ++vm->steps > vm->options->max_steps)
            return stuck(vm, "too many steps");
        flow out = run_statement(fr, b->at[k]);
        if (out != FLOW_NEXT)
            return out;
    }
    return FLOW_NEXT;
}

kir_run_result kir_interpret(kir_module *m, kir_fn *f, const kir_value *args, kir_value *results, arena *a,
                             const kir_run_options *options) {
    machine vm = {.m = m, .a = a, .options = options, .iteration = -1};
    frame fr = {.vm = &vm, .f = f, .results = results};
    fr.vars = new_vars(&vm, f);
    for (uint32_t k = 0; k < f->params.len; k++)
        fr.vars[f->params.at[k]->id] = args[k];
    run_block(&fr, &f->body);
    return vm.result;
}
