/* See interpret.h. One C function per kind of node; control flow is a small code returned by every statement.
 *
 * Undefined values travel as far as assignments of scalars carry them, and are a problem where they decide something: a
 * condition, a bound, a subscript, what is stored, returned or combined. A pass may therefore compute with them in
 * advance, as long as nobody looks at the result.
 */
#include "interpret.h"

#include "passes/passes.h"

#include <complex.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef enum flow { FLOW_NEXT, FLOW_BREAK, FLOW_CONTINUE, FLOW_RETURN, FLOW_STOP } flow;

enum { MAX_PROBLEMS = 16, MAX_CALLS = 200, FIRST_TABLE = 1024 };

typedef struct touch {      /* who touched a granule of memory in the current execution of a loop */
    uintptr_t granule;      /* its number + 1; 0: a free place */
    int64_t reader, writer; /* a trip that read / wrote it, -1: none */
    int64_t other_reader;   /* another trip that read it, -1: none */
    span read_at, write_at;
    const kir_expr *constant; /* what was written, when it is one: writing it again makes no difference */
} touch;

typedef struct watcher { /* one execution of a watched loop */
    struct watcher *outer;
    kir_stmt *loop;
    int64_t lo, step, trip;
    touch *touched;
    size_t len, cap;
} watcher;

typedef struct machine {
    kir_module *m;
    arena *a;
    const kir_run_options *options;
    kir_run_result result;
    int64_t steps;
    uint32_t calls;
    kir_stmt *target;         /* of FLOW_BREAK, FLOW_CONTINUE */
    watcher *watched;         /* innermost */
    size_t granule;           /* bytes of the smallest element of any array */
    const kir_var *undefined; /* read by the current statement, or NULL */
} machine;

typedef struct frame {
    machine *vm;
    kir_fn *f;
    kir_value *vars; /* by id */
    bool *undefined; /* by id */
    kir_value *results;
    VEC(const kir_var *) reduced; /* reductions of the parallel loops around */
} frame;

static flow run_block(frame *fr, kir_block *b);
static kir_value evaluate(frame *fr, const kir_expr *e);

static flow stuck(machine *vm, const char *why) {
    if (vm->result.outcome == KIR_STUCK)
        return FLOW_STOP;
    vm->result.outcome = KIR_STUCK;
    vm->result.message = why;
    return FLOW_STOP;
}

static void problem(machine *vm, const kir_stmt *loop, span first, span second, const char *what) {
    for (uint32_t k = 0; k < vm->result.problems.len; k++) {
        const kir_problem *p = &vm->result.problems.at[k];
        if (p->loop == loop && p->first.line == first.line && p->second.line == second.line &&
            p->first.col == first.col && p->second.col == second.col)
            return;
    }
    if (vm->result.problems.len < MAX_PROBLEMS)
        vec_push(vm->a, &vm->result.problems, (kir_problem){loop, first, second, what});
}

/* ---- watching --------------------------------------------------------------------------------------------------------- */

static size_t place_of(uintptr_t granule, size_t cap) {
    return (size_t)((granule * 0x9E3779B97F4A7C15u) >> 20) & (cap - 1);
}

static touch *find_in(touch *table, size_t cap, uintptr_t granule) {
    size_t at = place_of(granule, cap);
    while (table[at].granule && table[at].granule != granule)
        at = (at + 1) & (cap - 1);
    return &table[at];
}

static bool grow(watcher *w) {
    size_t cap = w->cap ? w->cap * 2 : FIRST_TABLE;
    touch *table = calloc(cap, sizeof *table);
    if (!table)
        return false;
    for (size_t k = 0; k < w->cap; k++)
        if (w->touched[k].granule)
            *find_in(table, cap, w->touched[k].granule) = w->touched[k];
    free(w->touched);
    w->touched = table;
    w->cap = cap;
    return true;
}

static touch *find_touch(watcher *w, uintptr_t granule) {
    if (w->len * 2 >= w->cap && !grow(w))
        return NULL;
    touch *t = find_in(w->touched, w->cap, granule);
    if (!t->granule) {
        *t = (touch){.granule = granule, .reader = -1, .writer = -1, .other_reader = -1};
        w->len++;
    }
    return t;
}

static void conflict(machine *vm, const watcher *w, int64_t other, span other_at, bool other_writes, span at,
                     bool writes) {
    const kir_stmt *loop = w->loop;
    const char *what = arena_printf(
        vm->a, "iterations %lld and %lld of a %s loop meet in memory: one %s, the other %s it",
        (long long)(w->lo + other * w->step), (long long)(w->lo + w->trip * w->step),
        loop->loop->parallel ? "parallel" : "vector", other_writes ? "writes" : "reads", writes ? "writes" : "reads");
    problem(vm, loop, other_at, at, what);
}

static void watch_granule(machine *vm, watcher *w, uintptr_t granule, bool writes, const kir_expr *constant, span at) {
    touch *t = find_touch(w, granule);
    if (!t) {
        stuck(vm, "no memory for what is watched");
        return;
    }
    bool again = constant && t->constant && kir_expr_equal(constant, t->constant);
    if (t->writer >= 0 && t->writer != w->trip && !again)
        conflict(vm, w, t->writer, t->write_at, true, at, writes);
    else if (writes && t->reader >= 0 && t->reader != w->trip)
        conflict(vm, w, t->reader, t->read_at, false, at, true);
    else if (writes && t->other_reader >= 0 && t->other_reader != w->trip)
        conflict(vm, w, t->other_reader, t->read_at, false, at, true);
    if (writes) {
        t->writer = w->trip;
        t->write_at = at;
        t->constant = constant;
    } else {
        if (t->reader >= 0 && t->reader != w->trip)
            t->other_reader = t->reader;
        t->reader = w->trip;
        t->read_at = at;
    }
}

static void watch_bytes(machine *vm, const char *address, size_t bytes, bool writes, const kir_expr *constant,
                        span at) {
    if (!vm->watched)
        return;
    uintptr_t first = (uintptr_t)address / vm->granule, last = ((uintptr_t)address + bytes - 1) / vm->granule;
    for (watcher *w = vm->watched; w; w = w->outer)
        for (uintptr_t k = first; k <= last; k++)
            watch_granule(vm, w, k + 1, writes, constant, at);
}

static void watch(machine *vm, const char *address, size_t bytes, bool writes, span at) {
    watch_bytes(vm, address, bytes, writes, NULL, at);
}

/* ---- variables -------------------------------------------------------------------------------------------------------- */

static kir_value *variable(frame *fr, const kir_var *v) {
    if (fr->undefined[v->id])
        fr->vm->undefined = v;
    return &fr->vars[v->id];
}

static void set(frame *fr, const kir_var *v, kir_value x) {
    fr->vars[v->id] = x;
    fr->undefined[v->id] = false;
}

static const kir_array no_array;

static const kir_array *array_of(frame *fr, const kir_var *v) {
    const kir_array *a = variable(fr, v)->array;
    if (a)
        return a;
    if (!fr->undefined[v->id])
        fr->vm->undefined = v;
    return &no_array;
}

/* After a statement that decides something: what it read must have been defined. */
static void demand(frame *fr, span at) {
    machine *vm = fr->vm;
    const kir_var *v = vm->undefined;
    vm->undefined = NULL;
    if (!v)
        return;
    const char *what = arena_printf(vm->a, "`%s` (number %u) is read before it has a value",
                                    v->name ? v->name->text : "a temporary", v->id);
    problem(vm, vm->watched ? vm->watched->loop : NULL, at, at, what);
    fr->undefined[v->id] = false;
    if (v->ty->kind == TYPE_ARRAY)
        stuck(vm, "an array variable without an array");
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
    const kir_array *a = array_of(fr, v);
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
    const kir_array *from = array_of(fr, e->var);
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
        a->data = array_of(fr, e->var)->data;
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
        return variable(fr, e->var)->array;
    case KIR_VIEW:
        return view_of(fr, e);
    case KIR_ALLOC:
    case KIR_RESHAPE:
        return new_array(fr, e);
    case KIR_TRANSPOSE:
        a = arena_make(fr->vm->a, kir_array);
        *a = *array_of(fr, e->var);
        for (uint32_t k = 0; k < e->axes.n; k++) {
            a->shape[k] = array_of(fr, e->var)->shape[e->axes.at[k]];
            a->strides[k] = array_of(fr, e->var)->strides[e->axes.at[k]];
        }
        return a;
    case KIR_REINTERPRET:
        a = arena_make(fr->vm->a, kir_array);
        *a = *array_of(fr, e->var);
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
    extent(array_of(fr, e->var), e->var->ty, &a[0], &a[1]);
    extent(array_of(fr, e->args[0]->var), e->args[0]->var->ty, &b[0], &b[1]);
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
        return *variable(fr, e->var);
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
        watch(fr->vm, p, type_size(e->ty), false, e->at);
        return load_scalar(e->ty, p);
    }
    case KIR_DIM:
        return (kir_value){.i = array_of(fr, e->var)->shape[e->axis]};
    case KIR_STRIDE:
        return (kir_value){.i = array_of(fr, e->var)->strides[e->axis]};
    case KIR_WRAP:
        a = evaluate(fr, e->args[0]);
        return a.i < 0 ? (kir_value){.i = a.i + evaluate(fr, e->args[1]).i} : a;
    case KIR_OVERLAP:
        return (kir_value){.i = overlap(fr, e)};
    default:
        stuck(fr->vm, "an expression that the interpreter does not know");
        return (kir_value){.i = 0};
    }
}

/* ---- statements --------------------------------------------------------------------------------------------------------------- */

static flow raise(frame *fr, const kir_stmt *s) {
    machine *vm = fr->vm;
    plrt_error *err = &vm->result.error;
    *err = (plrt_error){.site = (int32_t)s->site, .nargs = (int32_t)s->index.len};
    for (uint32_t k = 0; k < s->index.len && k < 6; k++) {
        kir_value v = evaluate(fr, s->index.at[k]);
        memcpy(&err->args[k], &v, sizeof err->args[k]);
    }
    demand(fr, s->at);
    if (vm->result.outcome != KIR_STUCK)
        vm->result.outcome = KIR_RAISED;
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

static kir_value counter(int64_t lo, uint64_t trip, int64_t step) {
    return (kir_value){.i = (int64_t)((uint64_t)lo + trip * (uint64_t)step)};
}

typedef struct bounds {
    int64_t lo, step;
    uint64_t trips;
} bounds;

static bounds bounds_of(frame *fr, const kir_stmt *s) {
    bounds b = {evaluate(fr, s->lo).i, evaluate(fr, s->step).i, 0};
    b.trips = trip_count(b.lo, evaluate(fr, s->hi).i, b.step);
    demand(fr, s->at);
    return b;
}

static bool is_proven(const kir_stmt *s) {
    return s->loop->kind != KIR_LOOP_PRANGE || s->loop->class == KIR_CLASS_INDEPENDENT ||
           s->loop->class == KIR_CLASS_REDUCTION;
}

/* The watcher of this execution of the loop, or NULL: what the user claims of a prange is not watched. */
static watcher *watch_loop(machine *vm, watcher *w, kir_stmt *s, bounds b) {
    bool claims = s->loop->parallel ? is_proven(s) : s->loop->vector;
    if (!vm->options->watch || !claims)
        return NULL;
    *w = (watcher){.outer = vm->watched, .loop = s, .lo = b.lo, .step = b.step};
    vm->watched = w;
    return w;
}

static void unwatch(machine *vm, watcher *w) {
    if (!w)
        return;
    free(w->touched);
    vm->watched = w->outer;
}

static flow run_in_order(frame *fr, kir_stmt *s, bounds b, watcher *w) {
    for (uint64_t k = 0; k < b.trips; k++) {
        if (w)
            w->trip = (int64_t)k;
        set(fr, s->var, counter(b.lo, k, b.step));
        flow out = run_block(fr, &s->body);
        if (leaves(fr, s, &out))
            return out;
    }
    return FLOW_NEXT;
}

/* ---- parallel loops ----------------------------------------------------------------------------------------------------- */

static kir_value merged(kir_op op, type *t, kir_value a, kir_value b) {
    if (type_is_integer(t))
        return of_int(t, binary_int(op, t, a.i, b.i));
    if (t->kind == TYPE_FLOAT)
        return of_float(t, binary_float(op, t, a.f, b.f));
    double complex x = complex_of(a), y = complex_of(b);
    return of_complex(t, op == KIR_OP_MUL ? x * y : x + y);
}

typedef struct parallel_run {
    frame *fr;
    kir_stmt *loop;
    VEC(kir_var *) own;        /* variables that an iteration has for itself, the loop's included */
    kir_value *before, *last;  /* of them */
    bool *undefined, *was_set; /* before; by an iteration */
    kir_value *total;          /* of each reduction */
} parallel_run;

static const kir_reduction *reduction_of(const kir_stmt *loop, const kir_var *v) {
    for (uint32_t k = 0; k < loop->loop->reductions.len; k++)
        if (loop->loop->reductions.at[k].var == v)
            return &loop->loop->reductions.at[k];
    return NULL;
}

static bool is_last(const kir_stmt *loop, const kir_var *v) {
    for (uint32_t k = 0; k < loop->loop->last_privates.len; k++)
        if (loop->loop->last_privates.at[k] == v)
            return true;
    return false;
}

static parallel_run open_parallel(frame *fr, kir_stmt *s) {
    arena *a = fr->vm->a;
    parallel_run p = {.fr = fr, .loop = s};
    var_set written = vars_new(a, fr->f);
    vars_written_in(&s->body, &written);
    vars_add(&written, s->var);
    for (uint32_t k = 0; k < fr->f->vars.len; k++)
        if (vars_has(&written, fr->f->vars.at[k]) && !reduction_of(s, fr->f->vars.at[k]))
            vec_push(a, &p.own, fr->f->vars.at[k]);
    p.before = arena_array(a, kir_value, p.own.len + 1);
    p.last = arena_array(a, kir_value, p.own.len + 1);
    p.undefined = arena_array(a, bool, p.own.len + 1);
    p.was_set = arena_array(a, bool, p.own.len + 1);
    p.total = arena_array(a, kir_value, s->loop->reductions.len + 1);
    for (uint32_t k = 0; k < p.own.len; k++) {
        p.before[k] = fr->vars[p.own.at[k]->id];
        p.undefined[k] = fr->undefined[p.own.at[k]->id];
    }
    for (uint32_t k = 0; k < s->loop->reductions.len; k++) {
        const kir_var *v = s->loop->reductions.at[k].var;
        p.total[k] = *variable(fr, v);
        vec_push(a, &fr->reduced, v);
    }
    demand(fr, s->at);
    return p;
}

static void start_iteration(parallel_run *p) {
    frame *fr = p->fr;
    for (uint32_t k = 0; k < p->own.len; k++)
        fr->undefined[p->own.at[k]->id] = true;
    for (uint32_t k = 0; k < p->loop->loop->reductions.len; k++) {
        const kir_reduction *r = &p->loop->loop->reductions.at[k];
        set(fr, r->var, evaluate(fr, pass_identity(fr->vm->m, r->op, r->var->ty, p->loop->at)));
    }
}

static void end_iteration(parallel_run *p) {
    frame *fr = p->fr;
    for (uint32_t k = 0; k < p->own.len; k++)
        if (!fr->undefined[p->own.at[k]->id]) {
            p->last[k] = fr->vars[p->own.at[k]->id];
            p->was_set[k] = true;
        }
    for (uint32_t k = 0; k < p->loop->loop->reductions.len; k++) {
        const kir_reduction *r = &p->loop->loop->reductions.at[k];
        p->total[k] = merged(r->op, r->var->ty, p->total[k], fr->vars[r->var->id]);
    }
}

/* What an iteration had for itself is lost, unless it is a last value. */
static void close_parallel(parallel_run *p, uint64_t trips) {
    frame *fr = p->fr;
    for (uint32_t k = 0; k < p->own.len; k++) {
        const kir_var *v = p->own.at[k];
        fr->vars[v->id] = p->before[k];
        fr->undefined[v->id] = p->undefined[k] || trips > 0;
        if (is_last(p->loop, v)) {
            fr->vars[v->id] = p->was_set[k] ? p->last[k] : p->before[k];
            fr->undefined[v->id] = p->was_set[k] ? false : p->undefined[k];
        }
    }
    for (uint32_t k = 0; k < p->loop->loop->reductions.len; k++)
        set(fr, p->loop->loop->reductions.at[k].var, p->total[k]);
    fr->reduced.len -= p->loop->loop->reductions.len;
}

/* Every iteration starts with undefined variables of its own and with the identities of the reductions, as if each ran
 * on a thread of its own. They run in order, so that the first exception is the one that is raised. */
static flow run_parallel(frame *fr, kir_stmt *s, bounds b, watcher *w) {
    parallel_run p = open_parallel(fr, s);
    flow out = FLOW_NEXT;
    fr->vm->result.parallel_loops++;
    for (uint64_t k = 0; k < b.trips; k++) {
        if (w)
            w->trip = (int64_t)k;
        start_iteration(&p);
        set(fr, s->var, counter(b.lo, k, b.step));
        out = run_block(fr, &s->body);
        if (leaves(fr, s, &out)) {
            if (out != FLOW_STOP)
                problem(fr->vm, s, s->at, s->at, "control leaves a parallel loop");
            break;
        }
        end_iteration(&p);
    }
    close_parallel(&p, b.trips);
    return out;
}

static flow run_for(frame *fr, kir_stmt *s) {
    machine *vm = fr->vm;
    bounds b = bounds_of(fr, s);
    if (vm->result.outcome == KIR_STUCK)
        return FLOW_STOP;
    watcher w, *watched = watch_loop(vm, &w, s, b);
    flow out =
        s->loop->parallel && vm->options->watch ? run_parallel(fr, s, b, watched) : run_in_order(fr, s, b, watched);
    unwatch(vm, watched);
    return out;
}

static flow run_loop(frame *fr, kir_stmt *s) {
    for (;;) {
        flow out = run_block(fr, &s->body);
        if (leaves(fr, s, &out))
            return out;
        if (++fr->vm->steps > fr->vm->options->max_steps)
            return stuck(fr->vm, "too many steps");
    }
}

/* ---- calls ---------------------------------------------------------------------------------------------------------------- */

static frame new_frame(machine *vm, kir_fn *f) {
    frame fr = {.vm = vm, .f = f, .vars = arena_array(vm->a, kir_value, f->next_var + 1)};
    fr.undefined = arena_array(vm->a, bool, f->next_var + 1);
    fr.results = arena_array(vm->a, kir_value, f->results.len + 1);
    for (uint32_t k = 0; k < f->vars.len; k++)
        fr.undefined[f->vars.at[k]->id] = !f->vars.at[k]->is_param;
    return fr;
}

static flow run_call(frame *fr, kir_stmt *s) {
    machine *vm = fr->vm;
    frame inner = new_frame(vm, s->fn);
    if (++vm->calls > MAX_CALLS)
        return stuck(vm, "too deep a recursion");
    for (uint32_t k = 0; k < s->fn->params.len; k++)
        set(&inner, s->fn->params.at[k], evaluate(fr, s->index.at[k]));
    demand(fr, s->at);
    flow out = run_block(&inner, &s->fn->body);
    vm->calls--;
    if (out == FLOW_STOP)
        return out;
    for (uint32_t k = 0; k < s->results.len; k++)
        set(fr, s->results.at[k], inner.results[k]);
    return FLOW_NEXT;
}

static void watch_all(machine *vm, const kir_array *a, const type *t, uint32_t axis, char *p, bool writes, span at) {
    if (axis == t->ndim) {
        watch(vm, p, type_size(t->dtype), writes, at);
        return;
    }
    for (int64_t k = 0; k < a->shape[axis]; k++)
        watch_all(vm, a, t, axis + 1, p + k * a->strides[axis], writes, at);
}

/* c = a @ b, term by term in the order of the loops that it stands for. */
static flow multiply(frame *fr, const kir_stmt *s) {
    const kir_array *x[3];
    type *t = s->index.at[2]->ty->dtype;
    for (uint32_t k = 0; k < 3; k++) {
        x[k] = array_of(fr, s->index.at[k]->var);
        watch_all(fr->vm, x[k], s->index.at[k]->ty, 0, x[k]->data, k == 2, s->at);
    }
    for (int64_t i = 0; i < x[2]->shape[0]; i++)
        for (int64_t j = 0; j < x[2]->shape[1]; j++) {
            kir_value sum = {.c = {0, 0}};
            for (int64_t k = 0; k < x[0]->shape[1]; k++) {
                kir_value a = load_scalar(t, x[0]->data + i * x[0]->strides[0] + k * x[0]->strides[1]);
                kir_value b = load_scalar(t, x[1]->data + k * x[1]->strides[0] + j * x[1]->strides[1]);
                sum = merged(KIR_OP_ADD, t, sum, merged(KIR_OP_MUL, t, a, b));
            }
            store_scalar(t, x[2]->data + i * x[2]->strides[0] + j * x[2]->strides[1], sum);
        }
    return FLOW_NEXT;
}

static flow run_runtime(frame *fr, kir_stmt *s) {
    if (strncmp(s->name, "plrt_print", 10) == 0)
        return FLOW_NEXT; /* what is printed is not compared */
    if (strcmp(s->name, "plrt_gemm") == 0)
        return multiply(fr, s);
    if (strcmp(s->name, "plrt_cmath1") == 0) {
        double out[2];
        kir_value z = evaluate(fr, s->index.at[1]);
        plrt_cmath1((int32_t)evaluate(fr, s->index.at[0]).i, z.c[0], z.c[1], out);
        set(fr, s->results.at[0], (kir_value){.c = {out[0], out[1]}});
        return FLOW_NEXT;
    }
    if (strcmp(s->name, "plrt_get_num_threads") == 0) {
        set(fr, s->results.at[0], (kir_value){.i = 2});
        return FLOW_NEXT;
    }
    return stuck(fr->vm, "a run-time function that the interpreter does not know");
}

/* ---- statements ----------------------------------------------------------------------------------------------------------- */

static bool is_reduced(const frame *fr, const kir_var *v) {
    for (uint32_t k = 0; k < fr->reduced.len; k++)
        if (fr->reduced.at[k] == v)
            return true;
    return false;
}

typedef struct reading {
    frame *fr;
    const kir_stmt *s;
} reading;

static void note_reading(kir_var *v, void *context) {
    reading *r = context;
    bool updates = r->s->kind == KIR_ASSIGN && r->s->var == v;
    if (!updates && is_reduced(r->fr, v))
        problem(r->fr->vm, r->fr->vm->watched ? r->fr->vm->watched->loop : NULL, r->s->at, r->s->at,
                arena_printf(r->fr->vm->a, "the reduction `%s` is read in the loop",
                             v->name ? v->name->text : "a temporary"));
}

static void note_slot(kir_expr **slot, void *context) {
    vars_in_expr(*slot, note_reading, context);
}

/* Scalars take undefined values on; whatever else a statement does decides something. */
static void assign(frame *fr, const kir_stmt *s) {
    bool carries = s->value->kind != KIR_LOAD && s->var->ty->kind != TYPE_ARRAY && !is_reduced(fr, s->var);
    kir_value x = evaluate(fr, s->value);
    bool undefined = carries && fr->vm->undefined;
    if (undefined)
        fr->vm->undefined = NULL;
    demand(fr, s->at);
    set(fr, s->var, x);
    fr->undefined[s->var->id] = undefined;
}

static flow run_statement(frame *fr, kir_stmt *s) {
    machine *vm = fr->vm;
    char *p;
    kir_value x;
    switch (s->kind) {
    case KIR_ASSIGN:
        assign(fr, s);
        break;
    case KIR_STORE:
        p = element(fr, s->var, s->index.at, s->index.len);
        x = evaluate(fr, s->value);
        demand(fr, s->at);
        if (p && vm->result.outcome != KIR_STUCK) {
            store_scalar(s->var->ty->dtype, p, x);
            const kir_expr *constant = s->value->kind == KIR_CONST ? s->value : NULL;
            watch_bytes(vm, p, type_size(s->var->ty->dtype), true, constant, s->at);
        }
        break;
    case KIR_IF:
        x = evaluate(fr, s->value);
        demand(fr, s->value->at);
        return run_block(fr, x.i ? &s->body : &s->orelse);
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
        demand(fr, s->at);
        return FLOW_RETURN;
    case KIR_CHECK:
        x = evaluate(fr, s->value);
        demand(fr, s->at);
        if (!x.i)
            return raise(fr, s);
        break;
    case KIR_RAISE:
        return raise(fr, s);
    case KIR_CALL:
        return run_call(fr, s);
    case KIR_RUNTIME:
        return run_runtime(fr, s);
    default:
        return stuck(vm, "a statement that the interpreter does not know");
    }
    return vm->result.outcome == KIR_STUCK ? FLOW_STOP : FLOW_NEXT;
}

static flow run_block(frame *fr, kir_block *b) {
    machine *vm = fr->vm;
    for (uint32_t k = 0; k < b->len; k++) {
        if (++vm->steps > vm->options->max_steps)
            return stuck(vm, "too many steps");
        if (fr->reduced.len)
            kir_each_expr(b->at[k], note_slot, &(reading){fr, b->at[k]});
        flow out = run_statement(fr, b->at[k]);
        if (out != FLOW_NEXT)
            return out;
    }
    return FLOW_NEXT;
}

static size_t smallest_element(const kir_module *m) {
    size_t least = 8;
    for (uint32_t i = 0; i < m->fns.len; i++)
        for (uint32_t k = 0; k < m->fns.at[i]->vars.len; k++) {
            const type *t = m->fns.at[i]->vars.at[k]->ty;
            if (t->kind == TYPE_ARRAY && type_size(t->dtype) < least)
                least = type_size(t->dtype);
        }
    return least;
}

kir_run_result kir_interpret(kir_module *m, kir_fn *f, const kir_value *args, kir_value *results, arena *a,
                             const kir_run_options *options) {
    machine vm = {.m = m, .a = a, .options = options, .granule = smallest_element(m)};
    frame fr = new_frame(&vm, f);
    for (uint32_t k = 0; k < f->params.len; k++)
        set(&fr, f->params.at[k], args[k]);
    run_block(&fr, &f->body);
    for (watcher *w = vm.watched; w; w = w->outer)
        free(w->touched);
    memcpy(results, fr.results, f->results.len * sizeof *results);
    return vm.result;
}
