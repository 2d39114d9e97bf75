/* classify: what the dependence analysis says of each loop, turned into a class, a reason and a run-time condition.
 *
 * Loops are asked from the outside inwards. Array loops made by scalarize are independent by construction. A verdict may
 * hold only if certain arrays do not overlap, or if the elements of a strided array are distinct memory: that becomes
 * the loop's condition `when`, tested at its entry by parallelize. A prange loop that is proven to be racy is an error
 * (option race), with the two iterations and the element; what is merely not known is trusted, as the user asked.
 * Only done when parallel=True: without it nothing is decided here. Cost: see dependence.c. */
#include "passes/combine.h"
#include "passes/dependence.h"
#include "passes/passes.h"
#include <string.h>

typedef struct classifier {
    pass_context *c;
    kir_module *m;
    kir_fn *f;
    dep_session *session;
} classifier;

static kir_expr *and_also(kir_module *m, kir_expr *a, kir_expr *b) {
    return a ? kir_binary(m, KIR_OP_AND, a, b, b->at) : b;
}

kir_expr *dep_condition(kir_module *m, const dep_verdict *v, span at) {
    kir_expr *when = NULL;
    for (uint32_t i = 0; i < v->pairs.len; i++)
        when = and_also(m, when, pass_apart(m, v->pairs.at[i].a, v->pairs.at[i].b, at));
    for (uint32_t i = 0; i < v->injective.len; i++)
        when = and_also(m, when, pass_distinct(m, v->injective.at[i], at));
    for (uint32_t i = 0; i < v->require.len; i++)
        when = and_also(m, when, kir_copy_expr(m, v->require.at[i], NULL));
    return when;
}

static const char *name_of(classifier *z, const kir_var *v) {
    if (v && v->name)
        return v->name->text;
    var_defs defs = vars_defs(z->c->scratch, z->f);
    return pass_array_name(z->m, &defs, v);
}

static void report_race(classifier *z, span at, const char *what, const char *witness) {
    diag_class class = z->m->options.race == KIR_RACE_ERROR ? DIAG_RACE : DIAG_WARNING;
    if (z->m->options.race == KIR_RACE_TRUST || z->m->options.race == KIR_RACE_CHECK)
        return;
    diag_report(z->m->diags, class, at,
                "write the loop as range(), or make the iterations independent; race='trust' runs it as it is",
                "iterations of this prange loop are not independent: %s%s%s", what, witness ? "; " : "",
                witness ? witness : "");
}

/* ---- scalars of prange loops ---------------------------------------------------------------------------------------------- */

/* Assigned by every iteration, and read by every iteration before that. */
static bool always_carried(kir_stmt *loop, kir_var *v) {
    for (uint32_t i = 0; i < loop->body.len; i++) {
        kir_stmt *s = loop->body.at[i];
        if (s->kind != KIR_ASSIGN)
            return false;
        if (vars_mentions(s->value, v)) {
            for (uint32_t k = i; k < loop->body.len; k++)
                if (loop->body.at[k]->kind == KIR_ASSIGN && loop->body.at[k]->var == v)
                    return true;
            return false;
        }
        if (s->var == v)
            return false;
    }
    return false;
}

static void check_scalars(classifier *z, kir_stmt *loop) {
    for (uint32_t i = 0; i < loop->loop->carried.len; i++) {
        kir_var *v = loop->loop->carried.at[i];
        if (v->name && always_carried(loop, v))
            report_race(z, loop->at,
                        arena_printf(z->m->a, "each uses the value of `%s` of the one before", v->name->text), NULL);
    }
}

/* ---- loops --------------------------------------------------------------------------------------------------------------------- */

static const char *kept(classifier *z, const char *words) {
    return arena_strndup(z->m->a, words ? words : "", words ? strlen(words) : 0);
}

/* The words come from the analysis, whose memory is gone after the pass. */
static void keep(classifier *z, kir_stmt *loop, kir_class class, const char *why, const char *detail,
                 const char *second) {
    loop->loop->class = class;
    loop->loop->why = why;
    loop->loop->why_detail = kept(z, detail);
    loop->loop->why_second = kept(z, second);
}

typedef struct update_scan {
    const kir_var *array;
    kir_stmt *store;
    bool found;
} update_scan;

static bool same_subscripts(const kir_stmt *store, const kir_expr *load) {
    bool same = load->n_args == store->index.len;
    for (uint32_t k = 0; same && k < load->n_args; k++)
        same = kir_expr_equal(load->args[k], store->index.at[k]);
    return same;
}

static bool look_for_load(kir_stmt *s, void *context) {
    update_scan *u = context;
    if (s->kind == KIR_ASSIGN && s->value->kind == KIR_LOAD && s->value->var == u->array)
        u->found |= same_subscripts(u->store, s->value);
    return !u->found;
}

/* Does the store at `store` write back what the loop loads from the same element (a[k[i]] += e)? */
static bool is_update(kir_stmt *loop, kir_stmt *store) {
    if (!store || store->kind != KIR_STORE)
        return false;
    update_scan u = {store->var, store, false};
    kir_each_stmt(&loop->body, look_for_load, &u);
    return u.found;
}

/* Is the conflict one between an update (a[e] = a[e] op x) and itself in another iteration? Then running the iterations
 * at the same time loses terms, whatever else is not known. */
static bool updates_twice(kir_stmt *loop, const dep_verdict *v) {
    const kir_stmt *store = v->first.statement, *other = v->second.statement;
    if (!is_update(loop, v->first.statement) || !other)
        return false;
    if (other == store)
        return true;
    if (other->kind != KIR_ASSIGN || other->value->kind != KIR_LOAD || other->value->var != store->var)
        return false;
    for (uint32_t i = 0; i < store->index.len; i++)
        if (!kir_expr_equal(store->index.at[i], other->value->args[i]))
            return false;
    return true;
}

/* Of two accesses that may meet, is one an update (a[k[i]] += e) whose terms would be lost? */
static bool loses_terms(kir_stmt *loop, const dep_verdict *v) {
    return is_update(loop, v->first.statement) || is_update(loop, v->second.statement);
}

static void take_verdict(classifier *z, kir_stmt *loop, const dep_verdict *v) {
    kir_loop_info *info = loop->loop;
    if (v->class == KIR_CLASS_INDEPENDENT) {
        info->when = dep_condition(z->m, v, loop->at);
        info->class = info->reductions.len ? KIR_CLASS_REDUCTION : KIR_CLASS_INDEPENDENT;
        info->vector = !info->when && !info->carried.len;
        return;
    }
    const char *array = name_of(z, v->first.array);
    if (info->plan && info->kind == KIR_LOOP_PRANGE) {
        keep(z, loop, KIR_CLASS_UNKNOWN, "UPDATES", array, "");
        return;
    }
    if (v->class == KIR_CLASS_CARRIED) {
        const char *how = v->witness    ? v->witness
                          : v->distance ? arena_printf(z->m->a, "distance %s", v->distance)
                                        : "";
        bool racy = info->kind == KIR_LOOP_PRANGE && v->proven;
        keep(z, loop, KIR_CLASS_CARRIED, racy ? "RACY" : "CARRIED", array, how);
        if (racy)
            report_race(z, v->first.statement->at,
                        arena_printf(z->m->a, "`%s` is written by one and used by another", array), v->witness);
        else if (info->kind == KIR_LOOP_PRANGE && z->m->options.race != KIR_RACE_TRUST && updates_twice(loop, v))
            keep(z, loop, KIR_CLASS_UNKNOWN, "UPDATES", array, "");
        return;
    }
    bool unknown_element = v->reason && strcmp(v->reason, "NOT_AFFINE") == 0;
    if (info->kind == KIR_LOOP_PRANGE && unknown_element && z->m->options.race != KIR_RACE_TRUST &&
        loses_terms(loop, v)) {
        keep(z, loop, KIR_CLASS_UNKNOWN, "UPDATES", array, "");
        return;
    }
    keep(z, loop, KIR_CLASS_UNKNOWN, v->reason ? v->reason : "UNANALYSED", v->detail ? v->detail : array, "");
}

static void classify_loop(classifier *z, kir_stmt *loop) {
    kir_loop_info *info = loop->loop;
    if (info->kind == KIR_LOOP_ARRAY && info->class != KIR_CLASS_UNANALYSED) {
        if (info->class == KIR_CLASS_INDEPENDENT && info->reductions.len)
            info->class = KIR_CLASS_REDUCTION;
        if (info->class == KIR_CLASS_CARRIED && !info->why)
            keep(z, loop, KIR_CLASS_CARRIED, "ORDERED", NULL, NULL);
        return;
    }
    if (info->cold || info->class != KIR_CLASS_UNANALYSED)
        return;
    if (body_escapes(loop)) {
        keep(z, loop, KIR_CLASS_UNKNOWN, "ESCAPES", NULL, NULL);
        return;
    }
    if (info->kind == KIR_LOOP_PRANGE)
        check_scalars(z, loop);
    dep_verdict v = dep_analyse(z->session, loop);
    if (v.class != KIR_CLASS_INDEPENDENT || info->carried.len)
        info->plan = combine_find(z->session, z->m, z->f, z->c->scratch, loop, &v);
    take_verdict(z, loop, &v);
}

static bool visit(kir_stmt *s, void *context) {
    if (s->kind == KIR_FOR)
        classify_loop(context, s);
    return true;
}

bool classify_run(pass_context *c) {
    if (!c->m->options.parallel)
        return true;
    for (uint32_t i = 0; i < c->m->fns.len; i++) {
        kir_fn *f = c->m->fns.at[i];
        if (f->kind == KIR_FN_REGION)
            continue;
        classifier z = {c, c->m, f, dep_open(c->m, f, c->scratch)};
        kir_each_stmt(&f->body, visit, &z);
        dep_close(z.session);
    }
    return true;
}
