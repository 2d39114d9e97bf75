/* scalarize: whole-array operations become loops.
 *
 *   %c = %a * %b + sqrt(%d)          %n = dim(%a, 0)
 *                             →      %c = alloc(%n)
 *                                    for %k in range(0, %n, 1) array {
 *                                        %t = load %a[%k]; %u = load %b[%k]; %v = load %d[%k]
 *                                        store %c[%k] = %t * %u + sqrt(%v)
 *                                    }
 *
 * An expression tree is evaluated for one element at a time: no temporaries for intermediate results, views are
 * composed into subscripts, reductions inside a tree are computed before it. The loop order follows the layout of what
 * is written (for a reduction: of what is read).
 *
 * Versions. An operand whose extent may be 1 where the result's is not (broadcasting at run time), and an operand whose
 * memory may overlap the target with other subscripts, both cost only a test: when every extent equals the result's and
 * nothing overlaps, the plain loops run; otherwise a second nest selects index 0 where an extent is 1, and, if overlap
 * was the question, computes into a temporary first ("as if the value were read before the first write").
 *
 *   if dim(%b,0) == %n && !overlap(%b, %c) { plain nest } else { general nest }
 *
 * Reductions: floating-point sums run in blocks of 1024 of the innermost axis, so that rounding errors grow with the
 * number of blocks, not of elements; along an axis that is not the last, rows are added into the result, in strips that
 * stay in the cache. Every outer loop has a report entry of kind ARRAY. Cost: linear in the size of the trees. */
#include "passes/alias.h"
#include "passes/facts.h"
#include "passes/passes.h"
#include "passes/vars.h"
#include <math.h>

enum { SUM_BLOCK = 1024, STRIP = 512 };

typedef struct scalarizer {
    kir_module *m;
    arena *scratch;
    kir_fn *fn;
    alias_map *alias;
    uint32_t parent; /* report entry of the loop around */
} scalarizer;

typedef struct shape {
    uint32_t n;
    kir_expr *dim[TYPE_MAX_NDIM];
} shape;

typedef struct nest { /* the element that is being computed */
    kir_block *body;  /* loads are emitted here */
    shape shape;
    kir_expr *index[TYPE_MAX_NDIM];
    bool exact; /* every extent that was tested equals the shape's */
} nest;

static void lower_block(scalarizer *z, kir_block *b);

static void emit(scalarizer *z, kir_block *out, kir_stmt *s) {
    vec_push(z->m->a, out, s);
}

static kir_expr *copy(scalarizer *z, const kir_expr *e) {
    return kir_copy_expr(z->m, e, NULL);
}

static type *element_type(const kir_expr *e) {
    return e->ty->kind == TYPE_ARRAY ? e->ty->dtype : e->ty;
}

static bool is_view(const kir_expr *e) {
    return e->kind == KIR_VIEW || e->kind == KIR_TRANSPOSE;
}

static bool is_sharing(const kir_expr *e) {
    return e->kind == KIR_VAR || is_view(e) || e->kind == KIR_RESHAPE || e->kind == KIR_REINTERPRET ||
           e->kind == KIR_ALLOC || e->kind == KIR_GLOBAL;
}

/* A variable that holds e, evaluated here; constants and variables stay as they are. */
static kir_expr *hold(scalarizer *z, kir_block *out, kir_expr *e) {
    if (e->kind == KIR_CONST || (e->kind == KIR_VAR && e->var->is_temp))
        return e;
    kir_var *t = kir_temp_new(z->m, z->fn, e->ty, e->at);
    emit(z, out, kir_assign(z->m, t, e, e->at));
    return kir_ref(z->m, t, e->at);
}

/* ---- shapes --------------------------------------------------------------------------------------------------------------- */

static bool is_one(const kir_expr *e) {
    int64_t x;
    return kir_is_const_int(e, &x) && x == 1;
}

static shape shape_of_var(scalarizer *z, kir_var *v, span at) {
    shape s = {.n = v->ty->ndim};
    for (uint32_t k = 0; k < s.n; k++)
        s.dim[k] = kir_dim(z->m, v, k, at);
    return s;
}

static shape shape_of_subs(scalarizer *z, kir_var *v, const kir_sub *subs, uint32_t n, span at) {
    if (n == 0)
        return shape_of_var(z, v, at);
    shape s = {0};
    for (uint32_t i = 0; i < n; i++)
        if (subs[i].kind != KIR_SUB_INDEX)
            s.dim[s.n++] = subs[i].kind == KIR_SUB_RANGE ? copy(z, subs[i].length) : kir_int(z->m, 1, at);
    return s;
}

static shape shape_of_args(scalarizer *z, const kir_expr *e, uint32_t first) {
    shape s = {.n = e->n_args - first};
    for (uint32_t k = 0; k < s.n; k++)
        s.dim[k] = copy(z, e->args[first + k]);
    return s;
}

/* The shape of a leaf: an expression that is read by subscript, not element by element of its operands. */
static bool leaf_shape(scalarizer *z, const kir_expr *e, shape *s) {
    switch (e->kind) {
    case KIR_VAR:
        *s = shape_of_var(z, e->var, e->at);
        return true;
    case KIR_VIEW:
        *s = shape_of_subs(z, e->var, e->subs.at, e->subs.n, e->at);
        return true;
    case KIR_TRANSPOSE:
        s->n = e->axes.n;
        for (uint32_t k = 0; k < s->n; k++)
            s->dim[k] = kir_dim(z->m, e->var, e->axes.at[k], e->at);
        return true;
    case KIR_INDEX:
        *s = shape_of_args(z, e, 0);
        return true;
    case KIR_BROADCAST:
        *s = shape_of_args(z, e, 1);
        return true;
    default:
        return false;
    }
}

/* Broadcast of two shapes that were checked to agree. */
static shape merge_shapes(scalarizer *z, shape a, shape b) {
    if (a.n < b.n) {
        shape t = a;
        a = b;
        b = t;
    }
    for (uint32_t k = 0; k < b.n; k++) {
        kir_expr **x = &a.dim[a.n - b.n + k], *y = b.dim[k];
        if (is_one(y) || kir_expr_equal(*x, y))
            continue;
        kir_expr *one = kir_int(z->m, 1, y->at);
        *x = is_one(*x) ? y : kir_select(z->m, kir_binary(z->m, KIR_OP_EQ, copy(z, *x), one, y->at), y, *x, y->at);
    }
    return a;
}

static shape shape_of(scalarizer *z, const kir_expr *e) {
    shape s = {0};
    if (!kir_is_array(e) || leaf_shape(z, e, &s))
        return s;
    for (uint32_t i = 0; i < e->n_args; i++)
        if (kir_is_array(e->args[i]))
            s = merge_shapes(z, s, shape_of(z, e->args[i]));
    return s;
}

static shape hold_shape(scalarizer *z, kir_block *out, shape s) {
    for (uint32_t k = 0; k < s.n; k++)
        if (s.dim[k]->kind != KIR_DIM || s.dim[k]->var->is_temp == false)
            s.dim[k] = hold(z, out, s.dim[k]);
    return s;
}

/* ---- versions: what has to be tested ------------------------------------------------------------------------------------------ */

static bool is_same_extent(const kir_expr *a, const kir_expr *b) {
    return kir_expr_equal(a, b);
}

static bool implies(const kir_expr *a, const kir_expr *b) {
    if (a->kind == KIR_BINARY && a->op == KIR_OP_AND)
        return implies(a->args[0], b) || implies(a->args[1], b);
    return kir_expr_equal(a, b);
}

/* Slices of one array ask the same of its extents: each question once. */
static kir_expr *and_also(scalarizer *z, kir_expr *a, kir_expr *b) {
    if (a && implies(a, b))
        return a;
    return a ? kir_binary(z->m, KIR_OP_AND, a, b, b->at) : b;
}

/* Adds to *test that every extent of leaf shape s equals that of the result. Extents that are 1 or the very same
 * expression need none. */
static void test_extents(scalarizer *z, const shape *s, const shape *result, kir_expr **test) {
    for (uint32_t k = 0; k < s->n && k < result->n; k++) {
        kir_expr *have = s->dim[s->n - 1 - k], *want = result->dim[result->n - 1 - k];
        if (!is_one(have) && !is_same_extent(have, want))
            *test = and_also(z, *test, kir_binary(z->m, KIR_OP_EQ, copy(z, have), copy(z, want), have->at));
    }
}

static void test_shapes(scalarizer *z, const kir_expr *e, const shape *result, kir_expr **test) {
    shape s;
    if (!kir_is_array(e))
        return;
    if (leaf_shape(z, e, &s))
        test_extents(z, &s, result, test);
    if (e->kind == KIR_BROADCAST)
        test_shapes(z, e->args[0], result, test);
    else if (e->kind != KIR_INDEX)
        for (uint32_t i = 0; i < e->n_args; i++)
            test_shapes(z, e->args[i], result, test);
}

/* dim - c: what a slice with constant ends leaves of an axis. */
static bool is_cut(const kir_expr *e) {
    int64_t c;
    if (e->kind == KIR_BINARY && e->op == KIR_OP_MAX && kir_is_const_int(e->args[1], &c) && c == 0)
        e = e->args[0];
    bool sum = e->kind == KIR_BINARY && (e->op == KIR_OP_SUB || e->op == KIR_OP_ADD);
    return sum && e->args[0]->kind == KIR_DIM && kir_is_const_int(e->args[1], &c);
}

/* Does the test of extents fail almost never? It does for an axis of one element, which is commonly a whole one. */
static bool holds_commonly(const kir_expr *test) {
    if (test->kind == KIR_BINARY && test->op == KIR_OP_AND)
        return holds_commonly(test->args[0]) && holds_commonly(test->args[1]);
    return test->kind == KIR_BINARY && test->op == KIR_OP_EQ && is_cut(test->args[0]);
}

typedef struct place { /* where a statement writes: all of var, or a view */
    kir_var *var;
    const kir_sub *subs;
    uint32_t n;
} place;

typedef enum overlap { APART, SAME_ELEMENT, OVERLAPS, MAYBE } overlap;

static bool is_whole(const kir_sub *subs, uint32_t n) {
    (void)subs;
    return n == 0;
}

/* Distance of two int64 expressions when it is a known constant. */
static bool constant_distance(scalarizer *z, kir_expr *a, kir_expr *b, int64_t *d) {
    facts *f = facts_new(z->scratch, z->m, z->fn);
    const lin *difference = facts_add(f, facts_lin(f, a), facts_lin(f, b), -1);
    if (!difference || difference->n)
        return false;
    *d = difference->k;
    return true;
}

static bool same_sub(scalarizer *z, const kir_sub *a, const kir_sub *b) {
    int64_t d;
    if (a->kind != b->kind)
        return false;
    if (a->kind == KIR_SUB_NEWAXIS)
        return true;
    bool start = constant_distance(z, a->start, b->start, &d) && d == 0;
    return start && (a->kind == KIR_SUB_INDEX || (kir_expr_equal(a->step, b->step)));
}

/* Same array, both by subscripts: the same element for each index, never the same memory, or not known. */
static overlap compare_subs(scalarizer *z, const place *p, const kir_expr *view) {
    const kir_sub *subs = view->kind == KIR_VIEW ? view->subs.at : NULL;
    uint32_t n = subs ? view->subs.n : 0;
    if (is_whole(p->subs, p->n) || is_whole(subs, n))
        return is_whole(p->subs, p->n) && view->kind == KIR_VAR ? SAME_ELEMENT : OVERLAPS;
    if (n != p->n)
        return OVERLAPS;
    bool same = true;
    for (uint32_t i = 0; i < n; i++) {
        int64_t d;
        same &= same_sub(z, &p->subs[i], &subs[i]);
        if (p->subs[i].kind == KIR_SUB_INDEX && subs[i].kind == KIR_SUB_INDEX &&
            constant_distance(z, p->subs[i].start, subs[i].start, &d) && d != 0)
            return APART;
    }
    return same ? SAME_ELEMENT : OVERLAPS;
}

static overlap compare_place(scalarizer *z, const place *p, const kir_expr *leaf) {
    if (!alias_may_share(z->alias, p->var, leaf->var))
        return APART;
    if (leaf->kind == KIR_GATHER || leaf->kind == KIR_TRANSPOSE)
        return leaf->var == p->var ? OVERLAPS : MAYBE;
    return leaf->var == p->var ? compare_subs(z, p, leaf) : MAYBE;
}

typedef struct hazard {
    bool overlaps;  /* a temporary is needed */
    kir_expr *test; /* holds when it is not needed; NULL: nothing to test */
} hazard;

/* A variable for the memory that a leaf reads, for the run-time test. */
static kir_var *range_variable(scalarizer *z, kir_block *out, kir_var *v, const kir_expr *view) {
    if (!view)
        return v;
    kir_var *t = kir_temp_new(z->m, z->fn, view->ty, view->at);
    emit(z, out, kir_assign(z->m, t, copy(z, view), view->at));
    return t;
}

static kir_expr *apart_test(scalarizer *z, kir_block *out, kir_var *target, const kir_expr *e) {
    kir_var *read = range_variable(z, out, e->var, is_view(e) ? e : NULL);
    kir_expr *both = kir_expr_new(z->m, KIR_OVERLAP, type_bool(z->m->types), 1, e->at);
    both->var = read;
    both->args[0] = kir_ref(z->m, target, e->at);
    return kir_unary(z->m, KIR_OP_NOT, both, e->at);
}

/* How often the array is read in e, whole or in part. */
static uint32_t count_reads(const kir_var *v, const kir_expr *e) {
    uint32_t n = (e->kind == KIR_VAR || is_view(e) || e->kind == KIR_GATHER) && e->var == v;
    for (uint32_t i = 0; i < e->n_args; i++)
        n += count_reads(v, e->args[i]);
    return n;
}

/* Of an array that is read in several slices the whole is compared: one question, which later passes ask as well, instead
 * of one for each slice. */
static kir_expr *ask_apart(scalarizer *z, kir_block *out, const place *p, kir_var *target, const kir_expr *e,
                           const kir_expr *value) {
    return count_reads(e->var, value) > 1 ? pass_apart(z->m, p->var, e->var, e->at) : apart_test(z, out, target, e);
}

/* What subscripts say of two elements of one array holds only where different subscripts are different memory. */
static void find_hazards(scalarizer *z, kir_block *out, const place *p, kir_var *target, const kir_expr *e,
                         const kir_expr *value, hazard *h) {
    bool reads = e->kind == KIR_VAR || is_view(e) || e->kind == KIR_GATHER;
    if (reads && e->var->ty->kind == TYPE_ARRAY) {
        overlap o = compare_place(z, p, e);
        h->overlaps |= o == OVERLAPS;
        if (o == MAYBE)
            h->test = and_also(z, h->test, ask_apart(z, out, p, target, e, value));
        else if (e->var == p->var && alias_may_fold(z->alias, p->var))
            h->test = and_also(z, h->test, pass_distinct(z->m, p->var, e->at));
    }
    for (uint32_t i = 0; i < e->n_args; i++)
        find_hazards(z, out, p, target, e->args[i], value, h);
}

/* ---- one element ----------------------------------------------------------------------------------------------------------------- */

static kir_expr *element(scalarizer *z, nest *at, kir_expr *e);

/* The index along axis k of a leaf that has n axes. */
static kir_expr *leaf_index(scalarizer *z, const nest *at, const shape *s, uint32_t k) {
    if (s->n > at->shape.n && k < s->n - at->shape.n)
        return kir_int(z->m, 0, s->dim[k]->at);
    uint32_t axis = at->shape.n - s->n + k;
    kir_expr *index = copy(z, at->index[axis]), *extent = s->dim[k];
    if (is_one(extent) && !is_one(at->shape.dim[axis]))
        return kir_int(z->m, 0, extent->at);
    if (at->exact || is_same_extent(extent, at->shape.dim[axis]))
        return index;
    kir_expr *is_single = kir_binary(z->m, KIR_OP_EQ, copy(z, extent), kir_int(z->m, 1, extent->at), extent->at);
    return kir_select(z->m, is_single, kir_int(z->m, 0, extent->at), index, extent->at);
}

static kir_expr *load_element(scalarizer *z, nest *at, kir_var *v, kir_expr **index, span where) {
    kir_var *t = kir_temp_new(z->m, z->fn, v->ty->dtype, where);
    emit(z, at->body, kir_assign(z->m, t, kir_load(z->m, v, index, v->ty->ndim, where), where));
    return kir_ref(z->m, t, where);
}

/* Subscripts of the array behind a view, from those of the view. */
static void subs_to_index(scalarizer *z, const kir_sub *subs, uint32_t n, kir_expr **of_view, kir_expr **index) {
    uint32_t k = 0, axis = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (subs[i].kind == KIR_SUB_NEWAXIS) {
            k++;
        } else if (subs[i].kind == KIR_SUB_INDEX) {
            index[axis++] = copy(z, subs[i].start);
        } else {
            span where = subs[i].start->at;
            kir_expr *offset = kir_binary(z->m, KIR_OP_MUL, of_view[k++], copy(z, subs[i].step), where);
            index[axis++] = kir_binary(z->m, KIR_OP_ADD, copy(z, subs[i].start), offset, where);
        }
    }
}

static kir_expr *leaf_element(scalarizer *z, nest *at, kir_expr *e, const shape *s) {
    kir_expr *own[TYPE_MAX_NDIM], *index[TYPE_MAX_NDIM];
    for (uint32_t k = 0; k < s->n; k++)
        own[k] = leaf_index(z, at, s, k);
    switch (e->kind) {
    case KIR_VAR:
        return load_element(z, at, e->var, own, e->at);
    case KIR_VIEW:
        subs_to_index(z, e->subs.at, e->subs.n, own, index);
        break;
    case KIR_INDEX:
        return own[e->axis];
    default:
        for (uint32_t k = 0; k < s->n; k++)
            index[e->axes.at[k]] = own[k];
    }
    return load_element(z, at, e->var, index, e->at);
}

static kir_expr *gather_element(scalarizer *z, nest *at, kir_expr *e) {
    kir_expr *index[TYPE_MAX_NDIM];
    for (uint32_t i = 0; i < e->n_args; i++)
        index[i] = kir_cast(z->m, element(z, at, e->args[i]), type_int64(z->m->types), e->at);
    return load_element(z, at, e->var, index, e->at);
}

static kir_expr *element(scalarizer *z, nest *at, kir_expr *e) {
    shape s;
    if (!kir_is_array(e))
        return copy(z, e);
    if (e->kind == KIR_BROADCAST)
        return element(z, at, e->args[0]);
    if (leaf_shape(z, e, &s))
        return leaf_element(z, at, e, &s);
    if (e->kind == KIR_GATHER)
        return gather_element(z, at, e);
    kir_expr *args[3] = {0};
    for (uint32_t i = 0; i < e->n_args && i < 3; i++)
        args[i] = element(z, at, e->args[i]);
    switch (e->kind) {
    case KIR_UNARY:
        return kir_unary(z->m, e->op, args[0], e->at);
    case KIR_BINARY:
        return kir_binary(z->m, e->op, args[0], args[1], e->at);
    case KIR_SELECT:
        return kir_select(z->m, args[0], args[1], args[2], e->at);
    case KIR_CAST:
        return kir_cast(z->m, args[0], element_type(e), e->at);
    case KIR_MATH:
        return kir_math(z->m, e->op, element_type(e), args, e->n_args, e->at);
    default: {
        kir_expr *r = kir_expr_new(z->m, e->kind, element_type(e), e->n_args, e->at);
        r->op = e->op;
        for (uint32_t i = 0; i < e->n_args; i++)
            r->args[i] = args[i];
        return r;
    }
    }
}

static kir_expr *element_as(scalarizer *z, nest *at, kir_expr *e, type *ty) {
    kir_expr *x = element(z, at, e);
    return x->ty == ty ? x : kir_cast(z->m, x, ty, e->at);
}

/* ---- loops -------------------------------------------------------------------------------------------------------------------------- */

static kir_stmt *array_loop(scalarizer *z, kir_block *out, kir_expr *lo, kir_expr *hi, int64_t step, span at) {
    kir_var *v = kir_temp_new(z->m, z->fn, type_int64(z->m->types), at);
    kir_stmt *loop = kir_for(z->m, v, lo, hi, kir_int(z->m, step, at), KIR_LOOP_ARRAY, at);
    loop->loop->class = KIR_CLASS_INDEPENDENT;
    loop->loop->vector = true;
    emit(z, out, loop);
    return loop;
}

/* Opens one loop for each axis; nest.body is the innermost block afterwards. Returns the outermost loop, or NULL. */
static kir_stmt *open_nest(scalarizer *z, kir_block *out, nest *at, bool fortran, span where) {
    kir_stmt *outer = NULL;
    at->body = out;
    for (uint32_t i = 0; i < at->shape.n; i++) {
        uint32_t axis = fortran ? at->shape.n - 1 - i : i;
        kir_expr *hi = copy(z, at->shape.dim[axis]);
        kir_stmt *loop = array_loop(z, at->body, kir_int(z->m, 0, where), hi, 1, where);
        at->index[axis] = kir_ref(z->m, loop->var, where);
        at->body = &loop->body;
        outer = outer ? outer : loop;
    }
    return outer;
}

static uint32_t new_entry(scalarizer *z, span at) {
    return kir_report_new(z->m, KIR_LOOP_ARRAY, z->fn->user_name, at, z->parent);
}

static void set_entry(kir_stmt *loop, uint32_t id) {
    if (loop)
        loop->loop->id = id;
}

static bool is_fortran(type *ty) {
    return ty->layout == LAYOUT_F && ty->ndim > 1;
}

/* ---- preparing an expression ---------------------------------------------------------------------------------------------------------- */

static kir_expr *prepare(scalarizer *z, kir_block *out, kir_expr *e);
static kir_expr *lower_reduce(scalarizer *z, kir_block *out, kir_expr *e);

/* After this only leaves and element-wise nodes are left: reductions and descriptors that are no plain views have become
 * variables, and so have scalar operands (they are evaluated once). */
static kir_expr *prepare(scalarizer *z, kir_block *out, kir_expr *e) {
    for (uint32_t i = 0; i < e->n_args; i++) {
        bool was_array = kir_is_array(e->args[i]);
        e->args[i] = prepare(z, out, e->args[i]);
        if (kir_is_array(e) && !was_array && e->kind != KIR_REDUCE && !is_sharing(e))
            e->args[i] = hold(z, out, e->args[i]);
    }
    if (e->kind == KIR_REDUCE)
        return lower_reduce(z, out, e);
    if (e->kind == KIR_RESHAPE || e->kind == KIR_REINTERPRET || e->kind == KIR_GLOBAL || e->kind == KIR_ALLOC)
        return hold(z, out, e);
    return e;
}

/* ---- assignments ------------------------------------------------------------------------------------------------------------------------ */

/* Elements that share memory are stored in the order of subscripts: it is left to classify to see whether there are any. */
static void doubt_stores(scalarizer *z, const place *p, kir_stmt *outer) {
    if (!z->m->options.parallel || !alias_may_fold(z->alias, p->var))
        return;
    for (kir_stmt *l = outer; l && l->kind == KIR_FOR; l = l->body.len ? l->body.at[0] : NULL)
        l->loop->class = KIR_CLASS_UNANALYSED;
}

static void fill_nest(scalarizer *z, kir_block *out, const place *p, kir_expr *value, kir_expr *mask, shape s,
                      bool exact, uint32_t entry, span at) {
    nest n = {.shape = s, .exact = exact};
    kir_expr *index[TYPE_MAX_NDIM];
    kir_stmt *outer = open_nest(z, out, &n, is_fortran(p->var->ty), at);
    doubt_stores(z, p, outer);
    set_entry(outer, entry);
    if (mask) {
        kir_stmt *when = kir_stmt_new(z->m, KIR_IF, at);
        when->value = element_as(z, &n, mask, type_bool(z->m->types));
        emit(z, n.body, when);
        n.body = &when->body;
    }
    if (p->n == 0)
        for (uint32_t k = 0; k < s.n; k++)
            index[k] = copy(z, n.index[k]);
    else
        subs_to_index(z, p->subs, p->n, n.index, index);
    kir_expr *x = element_as(z, &n, value, p->var->ty->dtype);
    emit(z, n.body, kir_store(z->m, p->var, index, p->var->ty->ndim, x, at));
}

static kir_var *allocate(scalarizer *z, kir_block *out, type *ty, const shape *s, span at) {
    kir_var *v = kir_temp_new(z->m, z->fn, ty, at);
    kir_expr *alloc = kir_expr_new(z->m, KIR_ALLOC, ty, s->n, at);
    for (uint32_t k = 0; k < s->n; k++)
        alloc->args[k] = copy(z, s->dim[k]);
    emit(z, out, kir_assign(z->m, v, alloc, at));
    return v;
}

static type *fresh_array_type(scalarizer *z, type *dtype, uint32_t ndim, bool fortran) {
    return type_array(z->m->types, dtype, ndim, fortran && ndim > 1 ? LAYOUT_F : LAYOUT_C, false, true);
}

/* The value through a temporary: correct whatever overlaps. */
static void fill_by_temporary(scalarizer *z, kir_block *out, const place *p, kir_expr *value, kir_expr *mask, shape s,
                              uint32_t entry, span at) {
    type *ty = fresh_array_type(z, p->var->ty->dtype, s.n, is_fortran(p->var->ty));
    place t = {.var = allocate(z, out, ty, &s, at)};
    fill_nest(z, out, &t, value, NULL, s, false, entry, at);
    if (mask) {
        type *flags = fresh_array_type(z, type_bool(z->m->types), s.n, is_fortran(p->var->ty));
        place m = {.var = allocate(z, out, flags, &s, at)};
        fill_nest(z, out, &m, mask, NULL, s, false, entry, at);
        mask = kir_ref(z->m, m.var, at);
    }
    fill_nest(z, out, p, kir_ref(z->m, t.var, at), mask, s, true, entry, at);
}

static kir_var *target_variable(scalarizer *z, kir_block *out, const place *p, uint32_t ndim, span at) {
    if (p->n == 0)
        return p->var;
    kir_expr *view = kir_expr_new(z->m, KIR_VIEW, NULL, 0, at);
    type *from = p->var->ty;
    view->ty = type_array(z->m->types, from->dtype, ndim, LAYOUT_A, from->readonly, from->aligned);
    view->var = p->var;
    view->subs.n = p->n;
    view->subs.at = arena_array(z->m->a, kir_sub, p->n);
    for (uint32_t i = 0; i < p->n; i++) {
        const kir_sub *s = &p->subs[i];
        view->subs.at[i] = (kir_sub){s->kind, s->start ? copy(z, s->start) : NULL,
                                     s->length ? copy(z, s->length) : NULL, s->step ? copy(z, s->step) : NULL};
    }
    return range_variable(z, out, p->var, view);
}

static bool reads_outside(scalarizer *z, const place *p, const kir_expr *e) {
    bool reads = e->kind == KIR_VAR || is_view(e) || e->kind == KIR_GATHER;
    if (reads && e->var->ty->kind == TYPE_ARRAY && compare_place(z, p, e) == MAYBE)
        return true;
    for (uint32_t i = 0; i < e->n_args; i++)
        if (reads_outside(z, p, e->args[i]))
            return true;
    return false;
}

static void lower_fill(scalarizer *z, kir_block *out, const place *p, kir_expr *value, kir_expr *mask, shape s,
                       span at) {
    hazard h = {0};
    kir_expr *test = NULL;
    uint32_t entry = s.n ? new_entry(z, at) : 0;
    bool asks = reads_outside(z, p, value) || (mask && reads_outside(z, p, mask));
    kir_var *target = asks ? target_variable(z, out, p, s.n, at) : p->var;
    find_hazards(z, out, p, target, value, value, &h);
    if (mask)
        find_hazards(z, out, p, target, mask, mask, &h);
    test_shapes(z, value, &s, &test);
    if (mask)
        test_shapes(z, mask, &s, &test);
    if (h.overlaps) {
        fill_by_temporary(z, out, p, value, mask, s, entry, at);
        return;
    }
    bool rare = test && holds_commonly(test);
    if (h.test)
        test = test ? and_also(z, test, h.test) : h.test;
    if (!test) {
        fill_nest(z, out, p, value, mask, s, true, entry, at);
        return;
    }
    kir_stmt *versions = kir_stmt_new(z->m, KIR_IF, at);
    versions->value = test;
    emit(z, out, versions);
    fill_nest(z, &versions->body, p, value, mask, s, true, entry, at);
    if (h.test)
        fill_by_temporary(z, &versions->orelse, p, value, mask, s, entry, at);
    else
        fill_nest(z, &versions->orelse, p, value, mask, s, false, entry, at);
    pass_mark_versions(z->m, versions);
    if (rare)
        pass_make_cold(&versions->orelse);
}

static void lower_assign(scalarizer *z, kir_block *out, kir_stmt *s) {
    if (!kir_is_array(s->value) || is_sharing(s->value)) {
        if (s->value->kind != KIR_LOAD)
            for (uint32_t i = 0; i < s->value->n_args; i++)
                s->value->args[i] = prepare(z, out, s->value->args[i]);
        if (s->value->kind == KIR_REDUCE) {
            s->value = lower_reduce(z, out, s->value);
        }
        emit(z, out, s);
        return;
    }
    kir_expr *value = prepare(z, out, s->value);
    if (value->kind == KIR_VAR) {
        s->value = value;
        emit(z, out, s);
        return;
    }
    shape dims = hold_shape(z, out, shape_of(z, value));
    kir_var *made = allocate(z, out, s->var->ty, &dims, s->at);
    place p = {.var = made};
    kir_expr *test = NULL;
    uint32_t entry = dims.n ? new_entry(z, s->at) : 0;
    test_shapes(z, value, &dims, &test);
    if (test) {
        kir_stmt *versions = kir_stmt_new(z->m, KIR_IF, s->at);
        versions->value = test;
        emit(z, out, versions);
        fill_nest(z, &versions->body, &p, value, NULL, dims, true, entry, s->at);
        fill_nest(z, &versions->orelse, &p, value, NULL, dims, false, entry, s->at);
        pass_mark_versions(z->m, versions);
    } else {
        fill_nest(z, out, &p, value, NULL, dims, true, entry, s->at);
    }
    emit(z, out, kir_assign(z->m, s->var, kir_ref(z->m, made, s->at), s->at));
}

static void lower_copy(scalarizer *z, kir_block *out, kir_stmt *s) {
    place p = {s->var, s->subs.at, s->subs.n};
    for (uint32_t i = 0; i < s->subs.n; i++) {
        kir_sub *sub = &s->subs.at[i];
        sub->start = sub->start ? prepare(z, out, sub->start) : NULL;
        sub->length = sub->length ? prepare(z, out, sub->length) : NULL;
        sub->step = sub->step ? prepare(z, out, sub->step) : NULL;
    }
    kir_expr *value = prepare(z, out, s->value), *mask = s->mask ? prepare(z, out, s->mask) : NULL;
    if (!kir_is_array(value))
        value = hold(z, out, value);
    shape dims = hold_shape(z, out, shape_of_subs(z, s->var, s->subs.at, s->subs.n, s->at));
    lower_fill(z, out, &p, value, mask, dims, s->at);
}

/* Stores through index arrays stay in order: of equal indices the last one counts. */
static void scatter_nest(scalarizer *z, kir_block *out, kir_stmt *s, kir_expr *const *indices, kir_expr *value,
                         const shape *dims, uint32_t entry) {
    nest n = {.shape = *dims, .exact = false};
    kir_expr *index[TYPE_MAX_NDIM];
    kir_stmt *outer = open_nest(z, out, &n, false, s->at);
    for (kir_stmt *l = outer; l; l = l->body.len && l->body.at[0]->kind == KIR_FOR ? l->body.at[0] : NULL) {
        l->loop->class = KIR_CLASS_CARRIED;
        l->loop->why = "SCATTERS";
        l->loop->vector = false;
    }
    set_entry(outer, entry);
    for (uint32_t i = 0; i < s->index.len; i++)
        index[i] = element_as(z, &n, indices[i], type_int64(z->m->types));
    kir_expr *x = element_as(z, &n, value, s->var->ty->dtype);
    emit(z, n.body, kir_store(z->m, s->var, index, s->index.len, x, s->at));
}

/* A variable of its own for an element-wise expression; the report speaks of what the statement does, not of this. */
static kir_expr *through_temporary(scalarizer *z, kir_block *out, kir_expr *e) {
    shape s = hold_shape(z, out, shape_of(z, e));
    place t = {.var = allocate(z, out, fresh_array_type(z, element_type(e), s.n, false), &s, e->at)};
    fill_nest(z, out, &t, e, NULL, s, false, 0, e->at);
    return kir_ref(z->m, t.var, e->at);
}

/* Does e read memory that stores into v change, whatever their place (a view of v, v itself), or may change (h->test
 * holds when it does not)? */
static void find_scatter_hazards(scalarizer *z, kir_block *out, kir_var *v, const kir_expr *e, hazard *h) {
    bool reads = e->kind == KIR_VAR || is_view(e) || e->kind == KIR_GATHER;
    if (reads && e->var->ty->kind == TYPE_ARRAY && alias_may_share(z->alias, v, e->var)) {
        if (e->var == v)
            h->overlaps = true;
        else
            h->test = and_also(z, h->test, apart_test(z, out, v, e));
    }
    for (uint32_t i = 0; i < e->n_args; i++)
        find_scatter_hazards(z, out, v, e->args[i], h);
}

/* All indices are read, and were checked, before the first store: those that the stores may change are copied. */
static void lower_scatter(scalarizer *z, kir_block *out, kir_stmt *s) {
    shape dims = {0};
    hazard of_value = {0}, of_index = {0};
    kir_expr *index[TYPE_MAX_NDIM] = {0}, *copies[TYPE_MAX_NDIM] = {0};
    for (uint32_t i = 0; i < s->index.len; i++) {
        index[i] = prepare(z, out, s->index.at[i]);
        dims = merge_shapes(z, dims, shape_of(z, index[i]));
    }
    kir_expr *value = prepare(z, out, s->value);
    dims = hold_shape(z, out, merge_shapes(z, dims, shape_of(z, value)));
    uint32_t entry = dims.n ? new_entry(z, s->at) : 0;
    find_scatter_hazards(z, out, s->var, value, &of_value);
    if ((of_value.overlaps || of_value.test) && kir_is_array(value))
        value = through_temporary(z, out, value);
    for (uint32_t i = 0; i < s->index.len; i++)
        find_scatter_hazards(z, out, s->var, index[i], &of_index);
    if (!of_index.overlaps && !of_index.test) {
        scatter_nest(z, out, s, index, value, &dims, entry);
        return;
    }
    kir_stmt *versions = of_index.overlaps ? NULL : kir_stmt_new(z->m, KIR_IF, s->at);
    kir_block *when = versions ? &versions->orelse : out;
    if (versions) {
        versions->value = of_index.test;
        emit(z, out, versions);
        scatter_nest(z, &versions->body, s, index, value, &dims, entry);
    }
    for (uint32_t i = 0; i < s->index.len; i++)
        copies[i] = kir_is_array(index[i]) ? through_temporary(z, when, index[i]) : copy(z, index[i]);
    scatter_nest(z, when, s, copies, value, &dims, entry);
    if (versions)
        pass_mark_versions(z->m, versions);
}

/* ---- reductions ---------------------------------------------------------------------------------------------------------------------------- */

static kir_expr *lowest_int(kir_module *m, type *ty, bool highest, span at) {
    uint32_t bits = ty->bits;
    if (!ty->is_signed)
        return kir_const_int(m, ty, highest ? -1 : 0, at);
    int64_t max = (int64_t)((UINT64_C(1) << (bits - 1)) - 1);
    return kir_const_int(m, ty, highest ? max : -max - 1, at);
}

kir_expr *pass_identity(kir_module *m, kir_op op, type *ty, span at) {
    bool is_max = op == KIR_OP_MAX || op == KIR_OP_NPMAX || op == KIR_OP_FMAX;
    bool is_min = op == KIR_OP_MIN || op == KIR_OP_NPMIN || op == KIR_OP_FMIN;
    int64_t one = op == KIR_OP_MUL || op == KIR_OP_ALL || (op == KIR_OP_AND && ty->kind == TYPE_BOOL);
    if (ty->kind == TYPE_BOOL)
        return kir_bool(m, one || is_min, at);
    if (ty->kind == TYPE_INT && (is_min || is_max))
        return lowest_int(m, ty, is_min, at);
    if (ty->kind == TYPE_INT)
        return kir_const_int(m, ty, op == KIR_OP_AND ? -1 : one, at);
    if (ty->kind == TYPE_COMPLEX)
        return kir_const_complex(m, ty, (double)one, op == KIR_OP_ADD ? -0.0 : 0.0, at);
    return kir_const_float(m, ty, is_min ? INFINITY : is_max ? -INFINITY : (double)one, at);
}

static kir_op combining_op(kir_op op) {
    return op == KIR_OP_ALL ? KIR_OP_AND : op == KIR_OP_ANY ? KIR_OP_OR : op;
}

static bool is_arg(kir_op op) {
    return op == KIR_OP_ARGMIN || op == KIR_OP_ARGMAX;
}

static kir_expr *first_layout(kir_expr *e, bool *fortran) {
    if (e->var && e->var->ty->kind == TYPE_ARRAY && e->kind != KIR_GATHER) {
        *fortran = e->kind == KIR_TRANSPOSE ? e->var->ty->layout == LAYOUT_C : is_fortran(e->var->ty);
        return e;
    }
    for (uint32_t i = 0; i < e->n_args; i++)
        if (kir_is_array(e->args[i]) && first_layout(e->args[i], fortran))
            return e;
    return NULL;
}

static kir_var *scalar_variable(scalarizer *z, type *ty, span at) {
    kir_var *v = kir_temp_new(z->m, z->fn, ty, at);
    v->is_temp = false;
    return v;
}

static void accumulate(scalarizer *z, nest *n, kir_var *acc, kir_op op, kir_expr *value) {
    kir_expr *x = element_as(z, n, value, acc->ty);
    kir_expr *sum = kir_binary(z->m, op, kir_ref(z->m, acc, value->at), x, value->at);
    emit(z, n->body, kir_assign(z->m, acc, sum, value->at));
}

/* for %b in range(0, n, 1024) { part = 0; for %i in range(%b, min(%b + 1024, n)) … ; acc = acc + part } */
static void sum_in_blocks(scalarizer *z, nest *n, uint32_t axis, kir_var *acc, kir_op op, kir_expr *value,
                          kir_stmt **outer) {
    span at = value->at;
    kir_expr *extent = n->shape.dim[axis];
    kir_stmt *blocks = array_loop(z, n->body, kir_int(z->m, 0, at), copy(z, extent), SUM_BLOCK, at);
    *outer = *outer ? *outer : blocks;
    kir_var *part = scalar_variable(z, acc->ty, at), *begin = blocks->var;
    emit(z, &blocks->body, kir_assign(z->m, part, pass_identity(z->m, op, acc->ty, at), at));
    kir_expr *left = kir_binary(z->m, KIR_OP_SUB, copy(z, extent), kir_ref(z->m, begin, at), at);
    kir_expr *size = kir_binary(z->m, KIR_OP_MIN, kir_int(z->m, SUM_BLOCK, at), left, at);
    kir_expr *end = kir_binary(z->m, KIR_OP_ADD, kir_ref(z->m, begin, at), size, at);
    kir_stmt *inner = array_loop(z, &blocks->body, kir_ref(z->m, begin, at), end, 1, at);
    n->index[axis] = kir_ref(z->m, inner->var, at);
    n->body = &inner->body;
    accumulate(z, n, part, op, value);
    kir_expr *sum = kir_binary(z->m, op, kir_ref(z->m, acc, at), kir_ref(z->m, part, at), at);
    emit(z, &blocks->body, kir_assign(z->m, acc, sum, at));
}

static bool wants_blocks(kir_op op, type *ty) {
    return op == KIR_OP_ADD && (ty->kind == TYPE_FLOAT || ty->kind == TYPE_COMPLEX);
}

static void reduce_nest(scalarizer *z, kir_block *out, kir_var *acc, kir_op op, kir_expr *value, shape s, bool exact,
                        uint32_t entry) {
    nest n = {.shape = s, .exact = exact, .body = out};
    kir_stmt *outer = NULL;
    bool fortran = false, blocks = wants_blocks(op, acc->ty);
    first_layout(value, &fortran);
    for (uint32_t i = 0; i < s.n; i++) {
        uint32_t axis = fortran ? s.n - 1 - i : i;
        if (blocks && i + 1 == s.n) {
            sum_in_blocks(z, &n, axis, acc, op, value, &outer);
            set_entry(outer, entry);
            return;
        }
        kir_stmt *loop = array_loop(z, n.body, kir_int(z->m, 0, value->at), copy(z, s.dim[axis]), 1, value->at);
        n.index[axis] = kir_ref(z->m, loop->var, value->at);
        n.body = &loop->body;
        outer = outer ? outer : loop;
    }
    accumulate(z, &n, acc, op, value);
    set_entry(outer, entry);
}

/* Emits the two versions of `nest_of` that a test of extents asks for. */
typedef void (*version_fn)(scalarizer *z, kir_block *out, bool exact, void *context);

static void emit_versions(scalarizer *z, kir_block *out, kir_expr *test, span at, version_fn version, void *context) {
    if (!test) {
        version(z, out, true, context);
        return;
    }
    kir_stmt *versions = kir_stmt_new(z->m, KIR_IF, at);
    versions->value = test;
    emit(z, out, versions);
    version(z, &versions->body, true, context);
    version(z, &versions->orelse, false, context);
    pass_mark_versions(z->m, versions);
}

typedef struct reduction {
    kir_expr *value, *e;
    kir_var *acc, *position, *best;
    kir_op op;
    shape shape;
    uint32_t entry, axis;
} reduction;

static void whole_version(scalarizer *z, kir_block *out, bool exact, void *context) {
    reduction *r = context;
    reduce_nest(z, out, r->acc, r->op, r->value, r->shape, exact, r->entry);
}

static kir_expr *reduce_whole(scalarizer *z, kir_block *out, kir_expr *e, kir_expr *value, shape s) {
    kir_expr *test = NULL;
    reduction r = {.value = value, .e = e, .op = combining_op(e->op), .shape = s, .entry = new_entry(z, e->at)};
    r.acc = scalar_variable(z, e->ty, e->at);
    emit(z, out, kir_assign(z->m, r.acc, pass_identity(z->m, e->op, e->ty, e->at), e->at));
    test_shapes(z, value, &s, &test);
    emit_versions(z, out, test, e->at, whole_version, &r);
    return kir_ref(z->m, r.acc, e->at);
}

/* Each step needs the best so far. */
static void keep_order(kir_stmt *loop) {
    loop->loop->vector = false;
    loop->loop->class = KIR_CLASS_CARRIED;
    loop->loop->why = "ORDERED";
}

/* The first of the least (greatest) elements, and the first NaN before anything else:
 *   better = position < 0 || x < best || (x != x && best == best) */
static void arg_step(scalarizer *z, nest *n, reduction *r, kir_expr *position) {
    span at = r->e->at;
    type *ty = r->best->ty;
    kir_expr *x = hold(z, n->body, element_as(z, n, r->value, ty)), *best = kir_ref(z->m, r->best, at);
    kir_op op = r->e->op == KIR_OP_ARGMIN ? KIR_OP_LT : KIR_OP_GT;
    if (ty->kind == TYPE_BOOL) {
        type *byte = type_int(z->m->types, 64, true);
        x = kir_cast(z->m, x, byte, at);
        best = kir_cast(z->m, best, byte, at);
    }
    kir_expr *none = kir_binary(z->m, KIR_OP_LT, kir_ref(z->m, r->position, at), kir_int(z->m, 0, at), at);
    kir_expr *better = kir_binary(z->m, KIR_OP_OR, none, kir_binary(z->m, op, copy(z, x), best, at), at);
    if (ty->kind == TYPE_FLOAT) {
        kir_expr *nan = kir_binary(z->m, KIR_OP_NE, copy(z, x), copy(z, x), at);
        kir_expr *was = kir_binary(z->m, KIR_OP_EQ, copy(z, best), copy(z, best), at);
        better = kir_binary(z->m, KIR_OP_OR, better, kir_binary(z->m, KIR_OP_AND, nan, was, at), at);
    }
    kir_stmt *when = kir_stmt_new(z->m, KIR_IF, at);
    when->value = better;
    kir_expr *kept = x->kind == KIR_CAST ? x->args[0] : x;
    emit(z, &when->body, kir_assign(z->m, r->best, copy(z, kept), at));
    emit(z, &when->body, kir_assign(z->m, r->position, position, at));
    emit(z, n->body, when);
}

static kir_expr *zero_of(kir_module *m, type *ty, span at) {
    return pass_identity(m, ty->kind == TYPE_BOOL ? KIR_OP_OR : KIR_OP_ADD, ty, at);
}

static void start_arg(scalarizer *z, kir_block *out, reduction *r) {
    span at = r->e->at;
    type *ty = element_type(r->value);
    r->best = scalar_variable(z, ty, at);
    r->position = scalar_variable(z, type_int64(z->m->types), at);
    emit(z, out, kir_assign(z->m, r->best, zero_of(z->m, ty, at), at));
    emit(z, out, kir_assign(z->m, r->position, kir_int(z->m, -1, at), at));
}

static void arg_version(scalarizer *z, kir_block *out, bool exact, void *context) {
    reduction *r = context;
    nest n = {.shape = r->shape, .exact = exact};
    kir_stmt *outer = open_nest(z, out, &n, false, r->e->at);
    for (kir_stmt *l = outer; l; l = l->body.len && l->body.at[0]->kind == KIR_FOR ? l->body.at[0] : NULL)
        keep_order(l);
    set_entry(outer, r->entry);
    kir_expr *position = kir_int(z->m, 0, r->e->at);
    for (uint32_t k = 0; k < n.shape.n; k++) {
        position = kir_binary(z->m, KIR_OP_MUL, position, copy(z, n.shape.dim[k]), r->e->at);
        position = kir_binary(z->m, KIR_OP_ADD, position, copy(z, n.index[k]), r->e->at);
    }
    arg_step(z, &n, r, position);
}

static kir_expr *arg_whole(scalarizer *z, kir_block *out, kir_expr *e, kir_expr *value, shape s) {
    kir_expr *test = NULL;
    reduction r = {.value = value, .e = e, .shape = s, .entry = new_entry(z, e->at)};
    start_arg(z, out, &r);
    test_shapes(z, value, &s, &test);
    emit_versions(z, out, test, e->at, arg_version, &r);
    return kir_cast(z->m, kir_ref(z->m, r.position, e->at), e->ty, e->at);
}

/* ---- along an axis ---- */

static void result_index(scalarizer *z, const nest *n, uint32_t axis, kir_expr **index) {
    for (uint32_t k = 0, j = 0; k < n->shape.n; k++)
        if (k != axis)
            index[j++] = copy(z, n->index[k]);
}

static kir_stmt *axis_loop(scalarizer *z, nest *n, uint32_t axis, kir_stmt **outer, span at) {
    kir_stmt *loop = array_loop(z, n->body, kir_int(z->m, 0, at), copy(z, n->shape.dim[axis]), 1, at);
    n->index[axis] = kir_ref(z->m, loop->var, at);
    n->body = &loop->body;
    *outer = *outer ? *outer : loop;
    return loop;
}

/* The reduced axis innermost: one accumulator for each element of the result. */
static void axis_inside(scalarizer *z, kir_block *out, reduction *r, bool exact) {
    nest n = {.shape = r->shape, .exact = exact, .body = out};
    kir_stmt *outer = NULL;
    kir_expr *index[TYPE_MAX_NDIM];
    span at = r->e->at;
    type *ty = r->acc->ty->dtype;
    for (uint32_t k = 0; k < n.shape.n; k++)
        if (k != r->axis)
            axis_loop(z, &n, k, &outer, at);
    kir_block *row = n.body;
    kir_expr *result;
    if (is_arg(r->e->op)) {
        start_arg(z, row, r);
        kir_stmt *loop = axis_loop(z, &n, r->axis, &outer, at);
        keep_order(loop);
        arg_step(z, &n, r, kir_ref(z->m, loop->var, at));
        result = kir_cast(z->m, kir_ref(z->m, r->position, at), ty, at);
    } else {
        kir_var *acc = scalar_variable(z, ty, at);
        emit(z, row, kir_assign(z->m, acc, pass_identity(z->m, r->e->op, ty, at), at));
        if (wants_blocks(r->op, ty)) {
            sum_in_blocks(z, &n, r->axis, acc, r->op, r->value, &outer);
        } else {
            axis_loop(z, &n, r->axis, &outer, at);
            accumulate(z, &n, acc, r->op, r->value);
        }
        result = kir_ref(z->m, acc, at);
    }
    n.body = row;
    result_index(z, &n, r->axis, index);
    emit(z, row, kir_store(z->m, r->acc, index, r->acc->ty->ndim, result, at));
    set_entry(outer, r->entry);
}

/* out[…, j0:j1] = identity; for k: for j in j0..j1: out[…, j] += value[…, k, …, j]: rows are read as they lie. */
static void axis_outside(scalarizer *z, kir_block *out, reduction *r, bool exact) {
    nest n = {.shape = r->shape, .exact = exact, .body = out};
    uint32_t last = r->shape.n - 1;
    kir_stmt *outer = NULL;
    kir_expr *index[TYPE_MAX_NDIM];
    span at = r->e->at;
    type *ty = r->acc->ty->dtype;
    for (uint32_t k = 0; k < last; k++)
        if (k != r->axis)
            axis_loop(z, &n, k, &outer, at);
    kir_stmt *strips = array_loop(z, n.body, kir_int(z->m, 0, at), copy(z, r->shape.dim[last]), STRIP, at);
    outer = outer ? outer : strips;
    kir_expr *left = kir_binary(z->m, KIR_OP_SUB, copy(z, r->shape.dim[last]), kir_ref(z->m, strips->var, at), at);
    kir_expr *size = kir_binary(z->m, KIR_OP_MIN, kir_int(z->m, STRIP, at), left, at);
    kir_expr *end = hold(z, &strips->body, kir_binary(z->m, KIR_OP_ADD, kir_ref(z->m, strips->var, at), size, at));
    kir_stmt *clear = array_loop(z, &strips->body, kir_ref(z->m, strips->var, at), copy(z, end), 1, at);
    n.index[last] = kir_ref(z->m, clear->var, at);
    result_index(z, &n, r->axis, index);
    kir_expr *start = pass_identity(z->m, r->e->op, ty, at);
    emit(z, &clear->body, kir_store(z->m, r->acc, index, r->acc->ty->ndim, start, at));
    n.body = &strips->body;
    kir_stmt *rows = axis_loop(z, &n, r->axis, &outer, at);
    keep_order(rows);
    kir_stmt *inner = array_loop(z, n.body, kir_ref(z->m, strips->var, at), copy(z, end), 1, at);
    n.index[last] = kir_ref(z->m, inner->var, at);
    n.body = &inner->body;
    result_index(z, &n, r->axis, index);
    kir_expr *old = load_element(z, &n, r->acc, index, at);
    kir_expr *sum = kir_binary(z->m, r->op, old, element_as(z, &n, r->value, ty), at);
    result_index(z, &n, r->axis, index);
    emit(z, n.body, kir_store(z->m, r->acc, index, r->acc->ty->ndim, sum, at));
    set_entry(outer, r->entry);
}

static void axis_version(scalarizer *z, kir_block *out, bool exact, void *context) {
    reduction *r = context;
    bool fortran = false;
    first_layout(r->value, &fortran);
    bool last = r->axis + 1 == r->shape.n;
    if (last || is_arg(r->e->op) || fortran)
        axis_inside(z, out, r, exact);
    else
        axis_outside(z, out, r, exact);
}

static kir_expr *reduce_axis(scalarizer *z, kir_block *out, kir_expr *e, kir_expr *value, shape s) {
    shape result = {0};
    kir_expr *test = NULL;
    for (uint32_t k = 0; k < s.n; k++)
        if (k != (uint32_t)e->axis)
            result.dim[result.n++] = s.dim[k];
    reduction r = {.value = value, .e = e, .op = combining_op(e->op), .shape = s, .axis = (uint32_t)e->axis};
    r.entry = new_entry(z, e->at);
    r.acc = allocate(z, out, e->ty, &result, e->at);
    test_shapes(z, value, &s, &test);
    emit_versions(z, out, test, e->at, axis_version, &r);
    return kir_ref(z->m, r.acc, e->at);
}

static kir_expr *lower_reduce(scalarizer *z, kir_block *out, kir_expr *e) {
    kir_expr *value = prepare(z, out, e->args[0]);
    if (!kir_is_array(value))
        return is_arg(e->op) ? kir_const_int(z->m, e->ty, 0, e->at) : kir_cast(z->m, value, e->ty, e->at);
    shape s = hold_shape(z, out, shape_of(z, value));
    if (e->axis >= 0 && kir_is_array(e))
        return reduce_axis(z, out, e, value, s);
    return is_arg(e->op) ? arg_whole(z, out, e, value, s) : reduce_whole(z, out, e, value, s);
}

/* ---- statements ------------------------------------------------------------------------------------------------------------------------------ */

/* Operands of the other statements: reductions inside scalars, and array expressions that a call takes. */
typedef struct operand_walk {
    scalarizer *z;
    kir_block *out;
} operand_walk;

static void lower_operand(kir_expr **slot, void *context) {
    operand_walk *w = context;
    scalarizer *z = w->z;
    kir_expr *e = *slot;
    if (!e)
        return;
    if (!kir_is_array(e) || is_sharing(e)) {
        *slot = e->kind == KIR_LOAD ? e : prepare(z, w->out, e);
        return;
    }
    kir_var *t = kir_temp_new(z->m, z->fn, e->ty, e->at);
    lower_assign(z, w->out, kir_assign(z->m, t, e, e->at));
    *slot = kir_ref(z->m, t, e->at);
}

static void lower_children(scalarizer *z, kir_stmt *s) {
    uint32_t parent = z->parent;
    if (s->kind == KIR_FOR && s->loop->id)
        z->parent = s->loop->id;
    lower_block(z, &s->body);
    lower_block(z, &s->orelse);
    z->parent = parent;
}

static void lower_stmt(scalarizer *z, kir_block *out, kir_stmt *s) {
    switch (s->kind) {
    case KIR_ASSIGN:
        lower_assign(z, out, s);
        return;
    case KIR_COPY:
    case KIR_MASKED_COPY:
        lower_copy(z, out, s);
        return;
    case KIR_SCATTER:
        lower_scatter(z, out, s);
        return;
    default: {
        operand_walk w = {z, out};
        kir_each_expr(s, lower_operand, &w);
        lower_children(z, s);
        emit(z, out, s);
    }
    }
}

static void lower_block(scalarizer *z, kir_block *b) {
    kir_block out = {0};
    for (uint32_t i = 0; i < b->len; i++)
        lower_stmt(z, &out, b->at[i]);
    *b = out;
}

bool scalarize_run(pass_context *c) {
    for (uint32_t i = 0; i < c->m->fns.len; i++) {
        kir_fn *f = c->m->fns.at[i];
        if (f->kind == KIR_FN_REGION)
            continue;
        scalarizer z = {.m = c->m, .scratch = c->scratch, .fn = f, .alias = alias_new(c->scratch, f)};
        lower_block(&z, &f->body);
    }
    return true;
}
