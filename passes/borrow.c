/* borrow: array variables whose memory is kept alive by another variable need no reference count.
 *
 *   %r = view %x[%i, :]       %r is marked borrowed: in a hot loop nothing is counted
 *
 * %r qualifies when it has one assignment, a view or a copy of the descriptor of %x, and %x itself has one definition
 * (a parameter that is never assigned, or one assignment). Both definitions dominate the uses of %r, so between the
 * assignment of %r and a use of it %x cannot have been given other memory. What is returned keeps its count. */
#include "passes/passes.h"
#include "passes/vars.h"

static bool is_view(const kir_expr *e) {
    return e->kind == KIR_VAR || e->kind == KIR_VIEW || e->kind == KIR_TRANSPOSE || e->kind == KIR_RESHAPE ||
           e->kind == KIR_REINTERPRET;
}

static bool add_returned(kir_stmt *s, void *context) {
    if (s->kind == KIR_RETURN || s->kind == KIR_CALL)
        vars_read_by(s, context);
    return true;
}

static void borrow_in(kir_fn *f, arena *scratch) {
    var_defs defs = vars_defs(scratch, f);
    var_set returned = vars_new(scratch, f);
    kir_each_stmt(&f->body, add_returned, &returned);
    for (uint32_t i = 0; i < f->vars.len; i++) {
        kir_var *v = f->vars.at[i];
        kir_stmt *def = defs.only[v->id];
        if (v->ty->kind != TYPE_ARRAY || v->is_param || !v->is_temp || !def || vars_has(&returned, v))
            continue;
        const kir_expr *e = def->value;
        if (e->kind == KIR_GLOBAL)
            v->borrowed = true;
        else if (is_view(e) && defs.count[e->var->id] == 1 && (e->var->is_param || e->var->is_temp))
            v->borrowed = true;
    }
}

bool borrow_run(pass_context *c) {
    for (uint32_t i = 0; i < c->m->fns.len; i++)
        borrow_in(c->m->fns.at[i], c->scratch);
    return true;
}
