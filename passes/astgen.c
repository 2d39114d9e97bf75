/* Loops, conditions and expressions of an isl AST, one for one. What isl writes as e / c is exact or rounds down, as its
 * operation says; both become KIR's floor division. A degenerate loop stays a loop of one iteration: simplify knows it. */
#include "passes/astgen.h"
#include "passes/passes.h"

#include <isl/aff.h>
#include <isl/ast.h>
#include <isl/ast_build.h>
#include <isl/id.h>
#include <isl/val.h>
#include <stdlib.h>
#include <string.h>

typedef struct name { /* of an iterator */
    isl_id *id;
    kir_var *var;
    int64_t stretch; /* what it is multiplied by to be `var` */
} name;

enum { TILES = SCOP_DEPTH };

typedef struct emitter {
    const astgen *g;
    kir_module *m;
    VEC(name) names;
    uint32_t level;
    bool failed;
} emitter;

static kir_expr *fail(emitter *e) {
    e->failed = true;
    return kir_int(e->m, 0, e->g->at);
}

static kir_expr *expression(emitter *e, isl_ast_expr *x);

static kir_expr *operand(emitter *e, isl_ast_expr *x, int k) {
    isl_ast_expr *a = isl_ast_expr_get_op_arg(x, k);
    kir_expr *v = a ? expression(e, a) : fail(e);
    isl_ast_expr_free(a);
    return v;
}

static kir_expr *number(emitter *e, isl_ast_expr *x) {
    isl_val *v = isl_ast_expr_get_val(x);
    bool fits = v && isl_val_is_int(v) == isl_bool_true && isl_val_cmp_si(v, 1L << 40) < 0 &&
                isl_val_cmp_si(v, -(1L << 40)) > 0;
    int64_t value = fits ? isl_val_get_num_si(v) : 0;
    isl_val_free(v);
    return fits ? kir_int(e->m, value, e->g->at) : fail(e);
}

static const name *find_name(const emitter *e, const isl_id *id) {
    for (uint32_t i = e->names.len; i-- > 0;)
        if (e->names.at[i].id == id)
            return &e->names.at[i];
    return NULL;
}

static kir_expr *named(emitter *e, isl_ast_expr *x) {
    isl_id *id = isl_ast_expr_get_id(x);
    const char *word = id ? isl_id_get_name(id) : NULL;
    kir_expr *found = NULL;
    const name *n = find_name(e, id);
    if (n && n->stretch > 1)
        found = kir_binary(e->m, KIR_OP_FLOORDIV, kir_ref(e->m, n->var, e->g->at), kir_int(e->m, n->stretch, e->g->at),
                           e->g->at);
    else if (n)
        found = kir_ref(e->m, n->var, e->g->at);
    if (!found && word && word[0] == 'p') {
        unsigned long k = strtoul(word + 1, NULL, 10);
        found = k < e->g->n_parameters ? kir_copy_expr(e->m, e->g->parameter[k], NULL) : NULL;
    }
    for (int k = 0; k < 2 && !found && word; k++)
        if (word[0] == "tu"[k] && word[1] == 0 && e->g->tile[k])
            found = kir_ref(e->m, e->g->tile[k], e->g->at);
    isl_id_free(id);
    return found ? found : fail(e);
}

static kir_expr *fold(emitter *e, isl_ast_expr *x, kir_op op) {
    kir_expr *v = operand(e, x, 0);
    for (int k = 1; k < isl_ast_expr_get_op_n_arg(x); k++)
        v = kir_binary(e->m, op, v, operand(e, x, k), e->g->at);
    return v;
}

/* Stretched iterators are mostly met multiplied by what they are stretched by: 256 * c0. */
static kir_expr *product(emitter *e, isl_ast_expr *x) {
    kir_expr *a = operand(e, x, 0), *b = operand(e, x, 1);
    int64_t times, by;
    bool stretched = b->kind == KIR_BINARY && b->op == KIR_OP_FLOORDIV && b->args[0]->kind == KIR_VAR &&
                     kir_is_const_int(a, &times) && kir_is_const_int(b->args[1], &by);
    for (uint32_t i = 0; i < e->names.len && stretched; i++)
        if (e->names.at[i].var == b->args[0]->var && e->names.at[i].stretch == by && times == by)
            return b->args[0];
    return kir_binary(e->m, KIR_OP_MUL, a, b, e->g->at);
}

static kir_expr *operation(emitter *e, isl_ast_expr *x) {
    span at = e->g->at;
    switch (isl_ast_expr_get_op_type(x)) {
    case isl_ast_op_and:
    case isl_ast_op_and_then:
        return fold(e, x, KIR_OP_AND);
    case isl_ast_op_or:
    case isl_ast_op_or_else:
        return fold(e, x, KIR_OP_OR);
    case isl_ast_op_max:
        return fold(e, x, KIR_OP_MAX);
    case isl_ast_op_min:
        return fold(e, x, KIR_OP_MIN);
    case isl_ast_op_minus:
        return kir_unary(e->m, KIR_OP_NEG, operand(e, x, 0), at);
    case isl_ast_op_add:
        return fold(e, x, KIR_OP_ADD);
    case isl_ast_op_sub:
        return fold(e, x, KIR_OP_SUB);
    case isl_ast_op_mul:
        return product(e, x);
    case isl_ast_op_div:
    case isl_ast_op_fdiv_q:
    case isl_ast_op_pdiv_q:
        return fold(e, x, KIR_OP_FLOORDIV);
    case isl_ast_op_pdiv_r:
    case isl_ast_op_zdiv_r:
        return fold(e, x, KIR_OP_MOD);
    case isl_ast_op_cond:
    case isl_ast_op_select:
        return kir_select(e->m, operand(e, x, 0), operand(e, x, 1), operand(e, x, 2), at);
    case isl_ast_op_eq:
        return fold(e, x, KIR_OP_EQ);
    case isl_ast_op_le:
        return fold(e, x, KIR_OP_LE);
    case isl_ast_op_lt:
        return fold(e, x, KIR_OP_LT);
    case isl_ast_op_ge:
        return fold(e, x, KIR_OP_GE);
    case isl_ast_op_gt:
        return fold(e, x, KIR_OP_GT);
    default:
        return fail(e);
    }
}

static kir_expr *expression(emitter *e, isl_ast_expr *x) {
    switch (isl_ast_expr_get_type(x)) {
    case isl_ast_expr_int:
        return number(e, x);
    case isl_ast_expr_id:
        return named(e, x);
    case isl_ast_expr_op:
        return operation(e, x);
    default:
        return fail(e);
    }
}

static void emit(emitter *e, isl_ast_node *node, kir_block *out);

/* The upper end, exclusive, of `iterator < x` or `iterator <= x`. */
static kir_expr *upper_end(emitter *e, isl_ast_expr *cond) {
    enum isl_ast_op_type op = isl_ast_expr_get_op_type(cond);
    if (op != isl_ast_op_le && op != isl_ast_op_lt)
        return fail(e);
    kir_expr *x = operand(e, cond, 1);
    return op == isl_ast_op_lt ? x : kir_binary(e->m, KIR_OP_ADD, x, kir_int(e->m, 1, e->g->at), e->g->at);
}

/* ---- stretched loops ------------------------------------------------------------------------------------------------------
 *
 * Loops over tiles count them in isl, which builds loops of step 1 in half of the time that it takes for loops of step
 * 256. In KIR they run over where the tiles begin. */

static bool is_floor_of(const kir_expr *x, int64_t by) {
    int64_t c;
    return x->kind == KIR_BINARY && x->op == KIR_OP_FLOORDIV && kir_is_const_int(x->args[1], &c) && c == by;
}

static kir_expr *plus_one(emitter *e, kir_expr *x) {
    int64_t c;
    if (x->kind == KIR_BINARY && x->op == KIR_OP_SUB && kir_is_const_int(x->args[1], &c) && c == 1)
        return x->args[0];
    return kir_binary(e->m, KIR_OP_ADD, x, kir_int(e->m, 1, e->g->at), e->g->at);
}

static kir_expr *stretched(emitter *e, kir_expr *x, int64_t by) {
    int64_t c;
    if (kir_is_const_int(x, &c) && c == 0)
        return x;
    return kir_binary(e->m, KIR_OP_MUL, kir_int(e->m, by, e->g->at), x, e->g->at);
}

/* The end behind the last tile, `last`: tiles begin at multiples, so one that begins before x + 1 is none behind
 * floor(x / by). */
static kir_expr *end_behind(emitter *e, kir_expr *last, int64_t by) {
    if (is_floor_of(last, by))
        return plus_one(e, last->args[0]);
    if (last->kind == KIR_BINARY && last->op == KIR_OP_MIN)
        return kir_binary(e->m, KIR_OP_MIN, end_behind(e, last->args[0], by), end_behind(e, last->args[1], by),
                          e->g->at);
    return stretched(e, plus_one(e, last), by);
}

static kir_expr *stretched_end(emitter *e, isl_ast_expr *cond, int64_t by) {
    if (isl_ast_expr_get_op_type(cond) == isl_ast_op_le)
        return end_behind(e, operand(e, cond, 1), by);
    return stretched(e, upper_end(e, cond), by);
}

static kir_expr *stretched_step(emitter *e, isl_ast_expr *inc, int64_t by) {
    int64_t c = 0;
    kir_expr *step = number(e, inc);
    return kir_is_const_int(step, &c) ? kir_int(e->m, c * by, e->g->at) : fail(e);
}

static void emit_for(emitter *e, isl_ast_node *node, kir_block *out) {
    kir_module *m = e->m;
    span at = e->g->at;
    bool single = isl_ast_node_for_is_degenerate(node) == isl_bool_true;
    isl_ast_expr *iterator = isl_ast_node_for_get_iterator(node), *init = isl_ast_node_for_get_init(node);
    isl_ast_expr *cond = single ? NULL : isl_ast_node_for_get_cond(node);
    isl_ast_expr *inc = single ? NULL : isl_ast_node_for_get_inc(node);
    kir_var *v = kir_temp_new(m, e->g->s->f, type_int64(m->types), at);
    int64_t by = e->level < TILES && e->g->stretch[e->level] ? e->g->stretch[e->level] : 1;
    kir_expr *lo = by > 1 ? stretched(e, expression(e, init), by) : expression(e, init);
    kir_expr *hi = single   ? kir_binary(m, KIR_OP_ADD, kir_copy_expr(m, lo, NULL), kir_int(m, 1, at), at)
                   : by > 1 ? stretched_end(e, cond, by)
                            : upper_end(e, cond);
    kir_expr *step = single ? kir_int(m, 1, at) : by > 1 ? stretched_step(e, inc, by) : number(e, inc);
    kir_stmt *loop = kir_for(m, v, lo, hi, step, KIR_LOOP_RANGE, at);
    loop->loop->slot = e->level++;
    name own = {isl_ast_expr_get_id(iterator), v, by};
    vec_push(e->g->s->scratch, &e->names, own);
    isl_ast_node *body = isl_ast_node_for_get_body(node);
    emit(e, body, &loop->body);
    isl_ast_node_free(body);
    isl_id_free(own.id);
    e->names.len--;
    e->level--;
    isl_ast_expr_free(iterator);
    isl_ast_expr_free(init);
    isl_ast_expr_free(cond);
    isl_ast_expr_free(inc);
    vec_push(m->a, out, loop);
}

static void emit_if(emitter *e, isl_ast_node *node, kir_block *out) {
    kir_stmt *s = kir_stmt_new(e->m, KIR_IF, e->g->at);
    isl_ast_expr *cond = isl_ast_node_if_get_cond(node);
    s->value = expression(e, cond);
    isl_ast_expr_free(cond);
    isl_ast_node *then = isl_ast_node_if_get_then(node);
    emit(e, then, &s->body);
    isl_ast_node_free(then);
    if (isl_ast_node_if_has_else(node) == isl_bool_true) {
        isl_ast_node *other = isl_ast_node_if_get_else(node);
        emit(e, other, &s->orelse);
        isl_ast_node_free(other);
    }
    vec_push(e->m->a, out, s);
}

static void emit_list(emitter *e, isl_ast_node *node, kir_block *out) {
    isl_ast_node_list *list = isl_ast_node_block_get_children(node);
    isl_size n = isl_ast_node_list_n_ast_node(list);
    for (isl_size i = 0; i < n && !e->failed; i++) {
        isl_ast_node *child = isl_ast_node_list_get_ast_node(list, i);
        emit(e, child, out);
        isl_ast_node_free(child);
    }
    isl_ast_node_list_free(list);
}

/* S3(x, y): the run with the loops' variables replaced by x and y. */
static void emit_run(emitter *e, isl_ast_node *node, kir_block *out) {
    scop *s = e->g->s;
    isl_ast_expr *call = isl_ast_node_user_get_expr(node), *callee = isl_ast_expr_get_op_arg(call, 0);
    isl_id *id = isl_ast_expr_get_id(callee);
    const char *word = id ? isl_id_get_name(id) : NULL;
    unsigned long k = word && word[0] == 'S' ? strtoul(word + 1, NULL, 10) : s->n;
    bool fills = word && word[0] == 'F' && e->g->fill;
    isl_id_free(id);
    isl_ast_expr_free(callee);
    if (fills) {
        kir_expr *x = operand(e, call, 1), *y = operand(e, call, 2);
        e->failed |= !e->g->fill(e->g->context, x, y, out);
        isl_ast_expr_free(call);
        return;
    }
    if (k >= s->n) {
        isl_ast_expr_free(call);
        e->failed = true;
        return;
    }
    const scop_stmt *t = &s->stmt[k];
    kir_expr *at[SCOP_DEPTH];
    for (uint32_t d = 0; d < t->depth; d++) {
        kir_expr *value = operand(e, call, (int)d + 1);
        at[d] = t->way[d] < 0 ? kir_unary(e->m, KIR_OP_NEG, value, e->g->at) : value;
    }
    isl_ast_expr_free(call);
    scop_put_run(s, t, at, out);
}

static void emit(emitter *e, isl_ast_node *node, kir_block *out) {
    if (e->failed)
        return;
    switch (isl_ast_node_get_type(node)) {
    case isl_ast_node_for:
        emit_for(e, node, out);
        return;
    case isl_ast_node_if:
        emit_if(e, node, out);
        return;
    case isl_ast_node_block:
        emit_list(e, node, out);
        return;
    case isl_ast_node_user:
        emit_run(e, node, out);
        return;
    case isl_ast_node_mark: {
        isl_ast_node *inner = isl_ast_node_mark_get_node(node);
        emit(e, inner, out);
        isl_ast_node_free(inner);
        return;
    }
    default:
        e->failed = true;
    }
}

kir_expr *astgen_value(const astgen *g, isl_pw_aff *value) {
    emitter e = {.g = g, .m = g->s->m};
    isl_ast_build *build = isl_ast_build_alloc(isl_pw_aff_get_ctx(value));
    isl_ast_expr *x = isl_ast_build_expr_from_pw_aff(build, value);
    kir_expr *made = x ? expression(&e, x) : NULL;
    isl_ast_expr_free(x);
    isl_ast_build_free(build);
    return e.failed ? NULL : made;
}

bool astgen_block(const astgen *g, isl_ast_node *tree, kir_block *out) {
    emitter e = {.g = g, .m = g->s->m};
    if (!tree)
        return false;
    emit(&e, tree, out);
    return !e.failed;
}
