/* Origins of array variables, by iterating over the assignments until nothing changes. */
#include "passes/alias.h"
#include "passes/vars.h"

struct alias_map {
    arena *a;
    uint32_t n_vars, words;
    uint64_t **origins; /* by variable id: OUTSIDE, FOLDED, then the places where arrays are made */
    VEC(kir_stmt *) assigns;
    uint32_t sites;
};

enum { OUTSIDE, FOLDED, MADE };

static void set_bit(uint64_t *bits, uint32_t i) {
    bits[i / 64] |= UINT64_C(1) << (i % 64);
}

static bool shares_memory(const kir_expr *e) {
    return e->kind == KIR_VAR || e->kind == KIR_VIEW || e->kind == KIR_TRANSPOSE || e->kind == KIR_RESHAPE ||
           e->kind == KIR_REINTERPRET;
}

static bool gather(kir_stmt *s, void *context) {
    alias_map *m = context;
    bool array = s->kind == KIR_ASSIGN && s->var->ty->kind == TYPE_ARRAY;
    if (array || s->results.len) {
        vec_push(m->a, &m->assigns, s);
        m->sites++;
    }
    return true;
}

static bool merge(alias_map *m, const kir_var *to, const kir_var *from) {
    bool grew = false;
    for (uint32_t k = 0; k < m->words; k++) {
        grew |= (m->origins[from->id][k] & ~m->origins[to->id][k]) != 0;
        m->origins[to->id][k] |= m->origins[from->id][k];
    }
    return grew;
}

/* A call may return the memory of any argument. */
static bool flow_call(alias_map *m, const kir_stmt *s) {
    bool grew = false;
    for (uint32_t i = 0; i < s->results.len; i++)
        for (uint32_t k = 0; s->results.at[i] && k < s->index.len; k++)
            if (s->index.at[k]->var)
                grew |= merge(m, s->results.at[i], s->index.at[k]->var);
    return grew;
}

static bool flow(alias_map *m) {
    bool grew = false;
    for (uint32_t i = 0; i < m->assigns.len; i++) {
        const kir_stmt *s = m->assigns.at[i];
        if (s->kind != KIR_ASSIGN)
            grew |= flow_call(m, s);
        else if (shares_memory(s->value))
            grew |= merge(m, s->var, s->value->var);
    }
    return grew;
}

/* What comes from outside without a layout may have subscripts that name one element (a stride of 0, rows that begin inside
 * one another). */
static void set_outside(alias_map *m, const kir_var *v) {
    set_bit(m->origins[v->id], OUTSIDE);
    if (v->ty->kind == TYPE_ARRAY && v->ty->layout == LAYOUT_A)
        set_bit(m->origins[v->id], FOLDED);
}

alias_map *alias_new(arena *a, kir_fn *f) {
    alias_map *m = arena_make(a, alias_map);
    m->a = a;
    m->n_vars = f->next_var + 1;
    kir_each_stmt(&f->body, gather, m);
    m->words = (m->sites + MADE) / 64 + 1;
    m->origins = arena_array(a, uint64_t *, m->n_vars);
    for (uint32_t i = 0; i < m->n_vars; i++)
        m->origins[i] = arena_array(a, uint64_t, m->words);
    for (uint32_t i = 0; i < f->params.len; i++)
        set_outside(m, f->params.at[i]);
    for (uint32_t i = 0; i < m->assigns.len; i++) {
        const kir_stmt *s = m->assigns.at[i];
        if (s->kind == KIR_ASSIGN && s->value->kind == KIR_GLOBAL)
            set_outside(m, s->var);
        else if (s->kind == KIR_ASSIGN && !shares_memory(s->value))
            set_bit(m->origins[s->var->id], i + MADE);
        for (uint32_t k = 0; k < s->results.len; k++)
            if (s->results.at[k])
                set_outside(m, s->results.at[k]);
    }
    while (flow(m))
        ;
    return m;
}

bool alias_may_share(const alias_map *m, const kir_var *x, const kir_var *y) {
    if (x == y || x->id >= m->n_vars || y->id >= m->n_vars)
        return true;
    for (uint32_t k = 0; k < m->words; k++)
        if (m->origins[x->id][k] & m->origins[y->id][k])
            return true;
    return false;
}

bool alias_is_local(const alias_map *m, const kir_var *v) {
    return v->id < m->n_vars && !(m->origins[v->id][0] >> OUTSIDE & 1);
}

bool alias_may_fold(const alias_map *m, const kir_var *v) {
    return v->ty->layout == LAYOUT_A && (v->id >= m->n_vars || (m->origins[v->id][0] >> FOLDED & 1));
}
