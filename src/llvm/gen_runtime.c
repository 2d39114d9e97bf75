/* RUNTIME statements: calls of libplait_rt (and libm) by name. A few functions take more than their KIR arguments say;
 * the others are called as their arguments' types tell: integers of up to 32 bits and bools as int32 (sign- or
 * zero-extended), others as int64, floats as they are, complex numbers as two doubles with the result through a last
 * pointer, arrays as plrt_array pointers, strings as text and length. */
#include "llvm/gen.h"

#include <string.h>

typedef struct runtime_call {
    LLVMValueRef args[16];
    LLVMTypeRef types[16];
    uint32_t n;
} runtime_call;

static void push(runtime_call *c, LLVMValueRef v) {
    if (c->n == sizeof c->args / sizeof c->args[0])
        return;
    c->types[c->n] = LLVMTypeOf(v);
    c->args[c->n++] = v;
}

/* NumPy's character codes. */
static int32_t dtype_code(type *t) {
    if (t->kind == TYPE_BOOL)
        return '?';
    if (t->kind == TYPE_FLOAT)
        return t->bits == 32 ? 'f' : 'd';
    if (t->kind == TYPE_COMPLEX)
        return t->bits == 64 ? 'F' : 'D';
    static const char codes[2][4] = {{'B', 'H', 'I', 'L'}, {'b', 'h', 'i', 'l'}};
    return codes[t->is_signed][t->bits == 8 ? 0 : t->bits == 16 ? 1 : t->bits == 32 ? 2 : 3];
}

static void push_double(gen *g, runtime_call *c, LLVMValueRef x) {
    push(c, LLVMTypeOf(x) == g->f32 ? LLVMBuildFPExt(g->b, x, g->f64, "") : x);
}

static void push_text(gen *g, runtime_call *c, sym s) {
    push(c, LLVMBuildGlobalStringPtr(g->b, s->text, "plait.text"));
    push(c, gen_int(g, s->len));
}

static void push_argument(gen *g, runtime_call *c, const kir_expr *e) {
    if (e->ty->kind == TYPE_STRING) {
        push_text(g, c, e->ty->name);
        return;
    }
    if (e->ty->kind == TYPE_ARRAY) {
        push(c, gen_descriptor(g, e->var));
        return;
    }
    gen_value v = gen_expr(g, e);
    if (e->ty->kind == TYPE_COMPLEX) {
        push_double(g, c, v.re);
        push_double(g, c, v.im);
    } else if (e->ty->kind == TYPE_BOOL) {
        push(c, LLVMBuildZExt(g->b, v.re, g->i32, ""));
    } else if (e->ty->kind == TYPE_INT && e->ty->bits < 64) {
        push(c, LLVMBuildIntCast2(g->b, v.re, g->i32, e->ty->is_signed, ""));
    } else {
        push(c, v.re);
    }
}

static LLVMValueRef call_named(gen *g, const char *name, runtime_call *c, LLVMTypeRef result) {
    LLVMValueRef fn = gen_declare(g, name, LLVMFunctionType(result, c->types, c->n, false));
    return gen_call(g, fn, c->args, c->n);
}

static void put_result(gen *g, const kir_var *v, LLVMValueRef re, LLVMValueRef im) {
    LLVMValueRef fields[2] = {re, im};
    gen_put_var(g, v, fields, im ? 2 : 1);
}

static void take_complex(gen *g, const kir_var *v, LLVMValueRef out) {
    LLVMTypeRef t = gen_type(g, v->ty);
    LLVMValueRef one = gen_int(g, 1), at = LLVMBuildInBoundsGEP2(g->b, g->f64, out, &one, 1, "");
    LLVMValueRef re = LLVMBuildLoad2(g->b, g->f64, out, ""), im = LLVMBuildLoad2(g->b, g->f64, at, "");
    if (t == g->f32) {
        re = LLVMBuildFPTrunc(g->b, re, t, "");
        im = LLVMBuildFPTrunc(g->b, im, t, "");
    }
    put_result(g, v, re, im);
}

static void finish_call(gen *g, const kir_stmt *s, runtime_call *c) {
    if (!s->results.len) {
        call_named(g, s->name, c, g->none);
        return;
    }
    const kir_var *v = s->results.at[0];
    if (v->ty->kind == TYPE_COMPLEX) {
        LLVMValueRef out = gen_slot(g, LLVMArrayType2(g->f64, 2), "out");
        push(c, out);
        call_named(g, s->name, c, g->none);
        take_complex(g, v, out);
        return;
    }
    LLVMTypeRef want = gen_type(g, v->ty);
    bool small = v->ty->kind == TYPE_BOOL || (v->ty->kind == TYPE_INT && v->ty->bits < 64);
    LLVMValueRef x = call_named(g, s->name, c, small ? g->i32 : want);
    if (v->ty->kind == TYPE_BOOL)
        x = LLVMBuildICmp(g->b, LLVMIntNE, x, gen_int32(g, 0), "");
    else if (small && want != g->i32)
        x = LLVMBuildTrunc(g->b, x, want, "");
    put_result(g, v, x, NULL);
}

static void call_plain(gen *g, const kir_stmt *s) {
    runtime_call c = {.n = 0};
    for (uint32_t i = 0; i < s->index.len; i++)
        push_argument(g, &c, s->index.at[i]);
    finish_call(g, s, &c);
}

/* ---- the special ones ------------------------------------------------------------------------------------------------------ */

static void print_array(gen *g, const kir_stmt *s) {
    runtime_call c = {.n = 0};
    const kir_var *v = s->index.at[0]->var;
    push(&c, gen_descriptor(g, v));
    push(&c, gen_int32(g, (int32_t)v->ty->ndim));
    push(&c, gen_int32(g, dtype_code(v->ty->dtype)));
    call_named(g, s->name, &c, g->none);
}

/* A constant text: its bytes and their number. */
static void print_text(gen *g, const kir_stmt *s) {
    runtime_call c = {.n = 0};
    gen_array bytes = gen_load_array(g, s->index.at[0]->var);
    push(&c, bytes.data);
    push(&c, bytes.shape[0]);
    call_named(g, s->name, &c, g->none);
}

/* plrt_cmath1(function, re, im, out): the function's number is an int32. */
static void complex_function(gen *g, const kir_stmt *s) {
    runtime_call c = {.n = 0};
    push(&c, LLVMBuildIntCast2(g->b, gen_expr(g, s->index.at[0]).re, g->i32, true, ""));
    push_argument(g, &c, s->index.at[1]);
    finish_call(g, s, &c);
}

static void push_matrix(gen *g, runtime_call *c, const kir_var *v, const gen_array *a) {
    push(c, a->data);
    for (uint32_t i = 0; i < v->ty->ndim; i++)
        push(c, gen_stride(g, v->ty, a, i));
}

/* (a, b, c) two-dimensional arrays: c = a @ b. */
static void matrix_product(gen *g, const kir_stmt *s) {
    runtime_call c = {.n = 0};
    const kir_var *v[3];
    gen_array a[3];
    for (uint32_t i = 0; i < 3; i++) {
        v[i] = s->index.at[i]->var;
        a[i] = gen_load_array(g, v[i]);
    }
    push(&c, gen_int32(g, dtype_code(v[0]->ty->dtype)));
    push(&c, a[0].shape[0]);
    push(&c, a[1].shape[1]);
    push(&c, a[0].shape[1]);
    for (uint32_t i = 0; i < 3; i++)
        push_matrix(g, &c, v[i], &a[i]);
    call_named(g, s->name, &c, g->none);
}

/* (x, y) one-dimensional arrays; one result. */
static void dot_product(gen *g, const kir_stmt *s) {
    runtime_call c = {.n = 0};
    const kir_var *x = s->index.at[0]->var, *y = s->index.at[1]->var, *result = s->results.at[0];
    gen_array ax = gen_load_array(g, x), ay = gen_load_array(g, y);
    LLVMTypeRef t = gen_type(g, result->ty);
    LLVMValueRef out = gen_slot(g, LLVMArrayType2(t, 2), "dot"), one = gen_int(g, 1);
    push(&c, gen_int32(g, dtype_code(x->ty->dtype)));
    push(&c, ax.shape[0]);
    push_matrix(g, &c, x, &ax);
    push_matrix(g, &c, y, &ay);
    push(&c, out);
    call_named(g, s->name, &c, g->none);
    LLVMValueRef im = NULL;
    if (result->ty->kind == TYPE_COMPLEX)
        im = LLVMBuildLoad2(g->b, t, LLVMBuildInBoundsGEP2(g->b, t, out, &one, 1, ""), "");
    put_result(g, result, LLVMBuildLoad2(g->b, t, out, ""), im);
}

/* plrt_race_read(array, index…, line): by the element's address and its number of bytes. */
static void watched_access(gen *g, const kir_stmt *s) {
    runtime_call c = {.n = 0};
    const kir_var *v = s->index.at[0]->var;
    push(&c, gen_element(g, v, s->index.at + 1, v->ty->ndim));
    push(&c, gen_int(g, (int64_t)type_size(v->ty->dtype)));
    push_argument(g, &c, s->index.at[s->index.len - 1]);
    finish_call(g, s, &c);
}

static const struct {
    const char *name;
    void (*write)(gen *g, const kir_stmt *s);
} special[] = {
    {"plrt_print_array", print_array},   {"plrt_print_text", print_text}, {"plrt_cmath1", complex_function},
    {"plrt_gemm", matrix_product},       {"plrt_dot", dot_product},       {"plrt_race_read", watched_access},
    {"plrt_race_write", watched_access},
};

void gen_runtime(gen *g, const kir_stmt *s) {
    for (size_t i = 0; i < sizeof special / sizeof special[0]; i++)
        if (strcmp(s->name, special[i].name) == 0) {
            special[i].write(g, s);
            return;
        }
    call_plain(g, s);
}
