/* What passes need that run a loop in two versions: new names for the temporaries of the copy, a number that says which
 * loops are versions of one another, and the test that two arrays share no memory. */
#include "passes/passes.h"
#include "passes/vars.h"

kir_map *pass_renamed_temps(kir_module *m, kir_fn *f, arena *scratch, kir_block *b) {
    kir_map *map = kir_map_new(m);
    var_set written = vars_new(scratch, f);
    vars_written_in(b, &written);
    uint32_t n = f->vars.len;
    for (uint32_t i = 0; i < n; i++) {
        kir_var *v = f->vars.at[i];
        if (!v->is_temp || !vars_has(&written, v))
            continue;
        kir_var *copy = kir_var_new(m, f, v->name, v->ty, v->at);
        copy->is_temp = true;
        copy->called = v->called;
        copy->owner = v->owner;
        kir_map_var(map, v, copy);
    }
    return map;
}

static bool mark_cold(kir_stmt *s, void *context) {
    (void)context;
    if (s->kind == KIR_FOR) {
        s->loop->cold = true;
        s->loop->id = 0;
    }
    return true;
}

void pass_make_cold(kir_block *b) {
    kir_each_stmt(b, mark_cold, NULL);
}

kir_block pass_cold_copy(kir_module *m, kir_fn *f, arena *scratch, kir_stmt *s) {
    kir_block single = {.at = &s, .len = 1, .cap = 1};
    kir_block copy = kir_copy_block(m, &single, pass_renamed_temps(m, f, scratch, &single));
    pass_make_cold(&copy);
    return copy;
}

/* Always with the older variable first, so that equal tests are equal expressions. */
kir_expr *pass_apart(kir_module *m, kir_var *a, kir_var *b, span at) {
    kir_expr *both = kir_expr_new(m, KIR_OVERLAP, type_bool(m->types), 1, at);
    both->var = a->id < b->id ? a : b;
    both->args[0] = kir_ref(m, a->id < b->id ? b : a, at);
    return kir_unary(m, KIR_OP_NOT, both, at);
}

void pass_mark_versions(kir_module *m, kir_stmt *versions) {
    kir_block *arms[2] = {&versions->body, &versions->orelse};
    m->versions++;
    for (uint32_t a = 0; a < 2; a++)
        for (uint32_t i = 0; i < arms[a]->len; i++)
            if (arms[a]->at[i]->kind == KIR_FOR)
                arms[a]->at[i]->loop->version = m->versions;
}

static kir_expr *magnitude(kir_module *m, kir_expr *e) {
    return kir_unary(m, KIR_OP_ABS, e, e->at);
}

/* Sufficient for distinct elements: each stride reaches beyond what the later axes span. */
kir_expr *pass_distinct(kir_module *m, kir_var *v, span at) {
    kir_expr *all = NULL, *reach = kir_int(m, (int64_t)type_size(v->ty->dtype), at);
    for (uint32_t k = v->ty->ndim; k-- > 0;) {
        kir_expr *stride = magnitude(m, kir_stride(m, v, k, at));
        kir_expr *single = kir_binary(m, KIR_OP_LE, kir_dim(m, v, k, at), kir_int(m, 1, at), at);
        kir_expr *wide_enough = kir_binary(m, KIR_OP_GE, stride, reach, at);
        kir_expr *fits = kir_binary(m, KIR_OP_OR, single, wide_enough, at);
        all = all ? kir_binary(m, KIR_OP_AND, all, fits, at) : fits;
        reach = kir_binary(m, KIR_OP_MUL, kir_copy_expr(m, stride, NULL), kir_dim(m, v, k, at), at);
    }
    return all;
}
