/* Products of vectors and matrices. Inner products and matrix · vector are sums of element-wise products, which the
 * passes parallelise with results that do not depend on the number of threads; matrix · matrix goes to CBLAS through the
 * runtime; integers, which BLAS lacks, are multiplied by plain loops. */
#include "elaborate/arrays.h"

typedef struct product { /* integer matrices: c[i, j] += a[i, k] * b[k, j] */
    kir_var *a, *b, *c;
    span at;
} product;

static void check_inner(elab *e, kir_expr *k1, kir_expr *k2, const char *message, span at) {
    kir_module *m = elab_module(e);
    if (kir_expr_equal(k1, k2))
        return;
    kir_expr *args[2] = {array_copy(e, k2), array_copy(e, k1)};
    elab_check(e, kir_binary(m, KIR_OP_EQ, k1, k2, at), "ValueError", message, args, 2, at);
}

static kir_expr *with_axis(elab *e, kir_var *v, bool leading, span at) {
    bool keep[2] = {!leading, leading};
    return array_insert_axes(e, kir_ref(elab_module(e), v, at), 2, keep, at);
}

static kir_expr *times(elab *e, kir_expr *a, kir_expr *b, type *t, span at) {
    kir_module *m = elab_module(e);
    return kir_binary(m, t->kind == TYPE_BOOL ? KIR_OP_AND : KIR_OP_MUL, a, b, at);
}

static kir_expr *sum_along(elab *e, kir_expr *x, int32_t axis, type *t, span at) {
    return array_reduce(e, t->kind == TYPE_BOOL ? KIR_OP_ANY : KIR_OP_ADD, x, axis, t, at);
}

static kir_expr *load(elab *e, kir_var *v, kir_expr *i, kir_expr *j, span at) {
    kir_module *m = elab_module(e);
    kir_expr *index[2] = {array_copy(e, i), array_copy(e, j)};
    kir_var *t = kir_temp_new(m, elab_fn(e), v->ty->dtype, at);
    elab_emit(e, kir_assign(m, t, kir_load(m, v, index, 2, at), at));
    return kir_ref(m, t, at);
}

static void multiply_element(elab *e, kir_expr *const *i, uint32_t n, void *context) {
    product *p = context;
    kir_module *m = elab_module(e);
    (void)n;
    type *t = p->c->ty->dtype;
    bool logical = t->kind == TYPE_BOOL;
    kir_expr *term = times(e, load(e, p->a, i[0], i[1], p->at), load(e, p->b, i[1], i[2], p->at), t, p->at);
    kir_expr *sum = kir_binary(m, logical ? KIR_OP_OR : KIR_OP_ADD, load(e, p->c, i[0], i[2], p->at), term, p->at);
    kir_expr *index[2] = {array_copy(e, i[0]), array_copy(e, i[2])};
    elab_emit(e, kir_store(m, p->c, index, 2, sum, p->at));
}

static kir_expr *matrix_product(elab *e, kir_var *a, kir_var *b, type *t, span at) {
    kir_module *m = elab_module(e);
    kir_expr *dims[2] = {kir_dim(m, a, 0, at), kir_dim(m, b, 1, at)};
    bool blas = !type_is_integer(t);
    kir_var *c = array_alloc(e, t, 2, LAYOUT_C, dims, !blas, at);
    if (!blas) {
        product p = {a, b, c, at};
        kir_expr *loops[3] = {kir_dim(m, a, 0, at), kir_dim(m, a, 1, at), kir_dim(m, b, 1, at)};
        array_nest(e, 3, loops, at, multiply_element, &p);
        return kir_ref(m, c, at);
    }
    kir_stmt *s = kir_stmt_new(m, KIR_RUNTIME, at);
    s->name = "plrt_gemm";
    vec_push(m->a, &s->index, kir_ref(m, a, at));
    vec_push(m->a, &s->index, kir_ref(m, b, at));
    vec_push(m->a, &s->index, kir_ref(m, c, at));
    elab_emit(e, s);
    return kir_ref(m, c, at);
}

static const char dot_message[] = "shapes not aligned: the inner dimensions differ (%d and %d)";
static const char matmul_message[] = "matmul: Input operand 1 has a mismatch in its core dimension 0, with gufunc "
                                     "signature (n?,k),(k,m?)->(n?,m?) (size %d "
                                     "is different from %d)";

value array_matmul(elab *e, const value *a, const value *b, bool is_dot, span at) {
    kir_module *m = elab_module(e);
    const char *message = is_dot ? dot_message : matmul_message;
    kir_expr *x[2] = {array_operand(e, a, at), NULL};
    if (!x[0] || !(x[1] = array_operand(e, b, at)))
        return value_invalid(at);
    uint32_t rank[2] = {kir_is_array(x[0]) ? x[0]->ty->ndim : 0, kir_is_array(x[1]) ? x[1]->ty->ndim : 0};
    if (rank[0] == 0 || rank[1] == 0) {
        if (!is_dot)
            return elab_error(e, DIAG_TYPING, at, "use *", "matmul: an operand has no dimensions");
        type *wide = type_promote_dtype(m->types, kir_elem_type(x[0]->ty), kir_elem_type(x[1]->ty));
        for (int i = 0; i < 2 && wide; i++)
            x[i] = kir_cast(m, x[i], wide, at);
        kir_expr *r = array_ufunc(e, "multiply", x, 2, at);
        return r ? value_of(e, r) : value_invalid(at);
    }
    if (rank[0] > 2 || rank[1] > 2)
        return elab_error(e, DIAG_UNSUPPORTED, at, "loop over the leading axes",
                          "products of arrays with more than two dimensions are not supported");
    type *t = array_common_type(e, x, 2);
    kir_var *v[2];
    for (int i = 0; i < 2; i++)
        v[i] = array_var(e, kir_cast(m, x[i], t, at), at);
    check_inner(e, kir_dim(m, v[0], rank[0] - 1, at), kir_dim(m, v[1], 0, at), message, at);
    if (rank[0] == 2 && rank[1] == 2)
        return value_of(e, matrix_product(e, v[0], v[1], t, at));
    kir_expr *left = kir_ref(m, v[0], at), *right = kir_ref(m, v[1], at);
    if (rank[0] == 1 && rank[1] == 1)
        return value_of(e, sum_along(e, times(e, left, right, t, at), -1, t, at));
    if (rank[0] == 2)
        return value_of(e, sum_along(e, times(e, left, with_axis(e, v[1], true, at), t, at), 1, t, at));
    return value_of(e, sum_along(e, times(e, with_axis(e, v[0], false, at), right, t, at), 0, t, at));
}

static value into(elab *e, value v, const value *out, span at) {
    if (out->kind == VAL_NONE || v.kind != VAL_EXPR)
        return v;
    value all = {.kind = VAL_ELLIPSIS, .at = at};
    elab_set_item(e, out, &all, &v, at);
    return *out;
}

/* dot(a, b, out) and matmul: `code` 1 for dot. */
static value call_product(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    (void)n;
    return into(e, array_matmul(e, &args[0], &args[1], b->code == 1, at), &args[2], at);
}

/* inner(a, b) of vectors, or rows with rows. */
static value call_inner(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    (void)b, (void)n;
    kir_expr *x = array_operand(e, &args[1], at);
    if (!x)
        return value_invalid(at);
    if (kir_is_array(x) && x->ty->ndim == 2) {
        uint32_t axes[2] = {1, 0};
        x = array_transpose(e, x, axes, at);
    }
    value right = value_of(e, x);
    return array_matmul(e, &args[0], &right, true, at);
}

/* outer(a, b): the flattened operands, each against each. */
static value call_outer(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    (void)b, (void)n;
    kir_expr *x[2];
    for (int i = 0; i < 2; i++) {
        value flat = elab_call_builtin(e, "numpy.ravel", &args[i], 1, at);
        if (flat.kind != VAL_EXPR)
            return flat;
        kir_var *v = elab_array_var(e, &flat);
        if (!v)
            return value_invalid(at);
        x[i] = with_axis(e, v, i == 1, at);
    }
    kir_expr *r = array_ufunc(e, "multiply", x, 2, at);
    return r ? into(e, value_of(e, r), &args[2], at) : value_invalid(at);
}

/* vdot(a, b): the first operand conjugated, both flattened. */
static value call_vdot(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    (void)b, (void)n;
    value flat[2];
    for (int i = 0; i < 2; i++) {
        flat[i] = elab_call_builtin(e, "numpy.ravel", &args[i], 1, at);
        if (flat[i].kind != VAL_EXPR)
            return flat[i];
    }
    kir_expr *x = array_operand(e, &flat[0], at);
    if (!x || !(x = array_ufunc(e, "conjugate", &x, 1, at)))
        return value_invalid(at);
    value left = value_of(e, x);
    return array_matmul(e, &left, &flat[1], true, at);
}

/* The elements a[i, i + offset] as an expression of one dimension. */
static kir_expr *diagonal_of(elab *e, const value *a, const value *offset, span at) {
    kir_module *m = elab_module(e);
    type *i64 = type_int64(m->types);
    kir_expr *x = array_operand(e, a, at);
    if (!x)
        return NULL;
    if (!kir_is_array(x) || x->ty->ndim != 2 || !value_is_scalar(offset) || !type_is_integer(offset->ty)) {
        elab_error(e, DIAG_TYPING, at, NULL, "a diagonal needs a two-dimensional array and an integer offset");
        return NULL;
    }
    kir_var *v = array_var(e, x, at);
    kir_expr *k = kir_cast(m, array_operand(e, offset, at), i64, at);
    k = array_temp(e, kir_binary(m, KIR_OP_MAX, k, kir_int(m, -INT64_MAX, at), at), at); /* so that -k is one */
    kir_expr *down = kir_binary(m, KIR_OP_MAX, kir_unary(m, KIR_OP_NEG, array_copy(e, k), at), kir_int(m, 0, at), at);
    kir_expr *right = kir_binary(m, KIR_OP_MAX, array_copy(e, k), kir_int(m, 0, at), at);
    kir_expr *start[2] = {array_temp(e, down, at), array_temp(e, right, at)}, *room[2], *index[2];
    for (uint32_t i = 0; i < 2; i++)
        room[i] = kir_binary(m, KIR_OP_SUB, kir_dim(m, v, i, at), array_copy(e, start[i]), at);
    kir_expr *n = kir_binary(m, KIR_OP_MAX, kir_binary(m, KIR_OP_MIN, room[0], room[1], at), kir_int(m, 0, at), at);
    n = array_temp(e, n, at);
    type *ty = type_array(m->types, i64, 1, LAYOUT_C, false, true);
    for (uint32_t i = 0; i < 2; i++) {
        index[i] = kir_expr_new(m, KIR_INDEX, ty, 1, at);
        index[i]->args[0] = array_copy(e, n);
        if (!array_is_const(start[i], 0))
            index[i] = kir_binary(m, KIR_OP_ADD, index[i], start[i], at);
    }
    kir_expr *g = kir_expr_new(m, KIR_GATHER, type_array(m->types, v->ty->dtype, 1, LAYOUT_C, false, true), 2, at);
    g->var = v;
    g->args[0] = index[0];
    g->args[1] = index[1];
    return g;
}

static value call_diagonal(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    (void)b, (void)n;
    kir_expr *x = diagonal_of(e, &args[0], &args[1], at);
    return x ? value_of(e, x) : value_invalid(at);
}

static value call_trace(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    (void)b, (void)n;
    kir_expr *x = diagonal_of(e, &args[0], &args[1], at);
    if (!x)
        return value_invalid(at);
    value diagonal = value_of(e, x);
    return elab_call_builtin(e, "numpy.sum", &diagonal, 1, at);
}

const builtin linear_table[] = {{"numpy.dot", "a, b, out=None", call_product, NULL, 1},
                                {"numpy.matmul", "x1, x2, /, out=None", call_product, NULL, 0},
                                {"numpy.inner", "a, b", call_inner, NULL, 0},
                                {"numpy.outer", "a, b, out=None", call_outer, NULL, 0},
                                {"numpy.vdot", "a, b", call_vdot, NULL, 0},
                                {"numpy.trace", "a, offset=0", call_trace, NULL, 0},
                                {"numpy.diagonal", "a, offset=0", call_diagonal, NULL, 0},
                                {"ndarray.dot", "self, b, out=None", call_product, NULL, 1},
                                {"ndarray.trace", "self, offset=0", call_trace, NULL, 0},
                                {"ndarray.diagonal", "self, offset=0", call_diagonal, NULL, 0},
                                {0}};
