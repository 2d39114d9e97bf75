/* Which scalars of a group of statements live beyond it: see group.h. */
#include "passes/group.h"

static void read_var(kir_var *v, void *context) {
    group *g = context;
    if (!vars_has(g->varying, v) || v == g->counter)
        return;
    vars_add(&g->used, v);
    if (!vars_has(&g->surely, v))
        vars_add(&g->exposed, v);
}

static void read_expr(kir_expr **slot, void *context) {
    vars_in_expr(*slot, read_var, context);
}

static void scan(group *g, kir_stmt *const *at, uint32_t n);

static void scan_arms(group *g, const kir_stmt *s) {
    var_set before = vars_new(g->surely.a, g->f), after = vars_new(g->surely.a, g->f);
    vars_copy(&before, &g->surely);
    scan(g, s->body.at, s->body.len);
    vars_copy(&after, &g->surely);
    vars_copy(&g->surely, &before);
    scan(g, s->orelse.at, s->orelse.len);
    for (uint32_t i = 0; i < g->surely.words; i++)
        g->surely.bits[i] &= i < after.words ? after.bits[i] : 0;
}

static void scan(group *g, kir_stmt *const *at, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        kir_each_expr(at[i], read_expr, g);
        if (at[i]->kind == KIR_IF)
            scan_arms(g, at[i]);
        if (at[i]->kind != KIR_ASSIGN || !vars_has(g->varying, at[i]->var))
            continue;
        vars_add(&g->used, at[i]->var);
        vars_add(&g->written, at[i]->var);
        vars_add(&g->surely, at[i]->var);
    }
}

group group_scan(arena *scratch, const kir_fn *f, const var_set *varying, const kir_var *counter, kir_stmt **at,
                 uint32_t n) {
    group g = {
        f,       at,     n, vars_new(scratch, f), vars_new(scratch, f), vars_new(scratch, f), vars_new(scratch, f),
        varying, counter};
    scan(&g, at, n);
    var_set perhaps = vars_new(scratch, f);
    vars_copy(&perhaps, &g.written);
    for (uint32_t i = 0; i < perhaps.words && i < g.surely.words; i++)
        perhaps.bits[i] &= ~g.surely.bits[i];
    vars_union(&g.exposed, &perhaps);
    return g;
}

void group_expand(const group *g, var_set *seen, var_set *expanded) {
    var_set both = vars_new(seen->a, g->f);
    vars_copy(&both, &g->used);
    for (uint32_t w = 0; w < both.words; w++)
        both.bits[w] &= w < seen->words ? seen->bits[w] : 0;
    vars_union(expanded, &both);
    vars_union(expanded, &g->exposed);
    vars_union(seen, &g->used);
}
