/* See around.h. One walk down the path to the loop; what stands beside the path is only asked whether it is the path. */
#include "passes/around.h"

enum { MOST_FACTS = 24 };

typedef struct seeker {
    arena *a;
    const var_defs *defs;
    const kir_stmt *loop;
    around_facts facts;
} seeker;

typedef struct stability {
    const var_defs *defs;
    bool holds;
} stability;

static void check_var(kir_var *v, void *context) {
    stability *s = context;
    s->holds &= s->defs->count[v->id] <= 1;
}

static void add(seeker *k, kir_expr *test, bool negated) {
    bool splits =
        test->kind == KIR_BINARY && test->ty->kind == TYPE_BOOL && test->op == (negated ? KIR_OP_OR : KIR_OP_AND);
    if (splits) {
        add(k, test->args[0], negated);
        add(k, test->args[1], negated);
        return;
    }
    stability s = {k->defs, true};
    vars_in_expr(test, check_var, &s);
    if (s.holds && k->facts.len < MOST_FACTS)
        vec_push(k->a, &k->facts, (around_fact){test, negated});
}

static bool seek(seeker *k, kir_block *b) {
    uint32_t here = k->facts.len;
    for (uint32_t i = 0; i < b->len; i++) {
        kir_stmt *s = b->at[i];
        if (s == k->loop)
            return true;
        uint32_t before = k->facts.len;
        if (s->kind == KIR_IF)
            add(k, s->value, false);
        if (seek(k, &s->body))
            return true;
        k->facts.len = before;
        if (s->kind == KIR_IF)
            add(k, s->value, true);
        if (seek(k, &s->orelse))
            return true;
        k->facts.len = before;
        if (s->kind == KIR_CHECK)
            add(k, s->value, false);
    }
    k->facts.len = here;
    return false;
}

around_facts around_loop(arena *a, kir_fn *f, const var_defs *defs, const kir_stmt *loop) {
    seeker k = {.a = a, .defs = defs, .loop = loop};
    if (!seek(&k, &f->body))
        k.facts.len = 0;
    return k.facts;
}
