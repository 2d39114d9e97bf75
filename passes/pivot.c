/* pivot: a loop in which one iteration writes what all the others read.
 *
 *   for %i in [0, n) { … a[%i, %j] = f(a[%i, %j], a[%k, %j]) }          (Floyd-Warshall: row k is read by every row)
 *   →   for %i in [0, c) …      for %i in [c, c + 1) …      for %i in [c + 1, n) …          c = %k, kept within [0, n]
 *
 * Cutting a loop in pieces that follow one another is always right. It pays when a STORE has the loop's variable where a
 * LOAD of the same array has a value that does not change in the loop: then the pieces beside that value carry nothing
 * through this pair, which classify proves by itself. Inner loops of the outer pieces are cut in the same way. */
#include "passes/pivot.h"
#include "passes/passes.h"
#include "passes/vars.h"

enum { STATEMENTS_MAX = 24 };

typedef struct search {
    const kir_stmt *loop;
    const var_set *written; /* in the loop, its variable included */
    VEC(kir_stmt *) loads, stores;
    arena *scratch;
    uint32_t statements;
    bool unfit;
} search;

static bool gather(kir_stmt *s, void *context) {
    search *p = context;
    p->statements++;
    p->unfit |= s->kind != KIR_ASSIGN && s->kind != KIR_STORE && s->kind != KIR_FOR && s->kind != KIR_IF;
    if (s->kind == KIR_ASSIGN)
        p->unfit |= s->var->ty->kind == TYPE_ARRAY;
    if (s->kind == KIR_ASSIGN && s->value->kind == KIR_LOAD)
        vec_push(p->scratch, &p->loads, s);
    if (s->kind == KIR_STORE)
        vec_push(p->scratch, &p->stores, s);
    return !p->unfit;
}

static bool is_loop_var(const search *p, const kir_expr *e) {
    return e->kind == KIR_VAR && e->var == p->loop->var;
}

/* The value against which the loop's variable is held; NULL when there is none, or more than one. A bound that speaks of it
 * keeps the loop on one side of it already. */
static kir_expr *find_pivot(const search *p) {
    kir_expr *found = NULL;
    for (uint32_t i = 0; i < p->stores.len; i++)
        for (uint32_t k = 0; k < p->loads.len; k++) {
            const kir_stmt *store = p->stores.at[i];
            const kir_expr *load = p->loads.at[k]->value;
            for (uint32_t q = 0; load->var == store->var && q < load->n_args && q < store->index.len; q++) {
                kir_expr *e = load->args[q];
                if (!is_loop_var(p, store->index.at[q]) || e->kind != KIR_VAR || vars_mentions_any(e, p->written))
                    continue;
                if (found && found->var != e->var)
                    return NULL;
                found = e;
            }
        }
    bool bounded = found && (vars_mentions(p->loop->lo, found->var) || vars_mentions(p->loop->hi, found->var));
    return bounded ? NULL : found;
}

static kir_expr *hold(kir_module *m, kir_fn *f, kir_block *out, kir_expr *e, span at) {
    kir_var *t = kir_temp_new(m, f, type_int64(m->types), at);
    vec_push(m->a, out, kir_assign(m, t, e, at));
    return kir_ref(m, t, at);
}

static bool forget_id(kir_stmt *s, void *context) {
    (void)context;
    if (s->kind == KIR_FOR)
        s->loop->id = 0;
    return true;
}

static kir_stmt *piece(kir_module *m, kir_fn *f, arena *scratch, kir_stmt *loop, kir_expr *lo, kir_expr *hi) {
    kir_block single = {.at = &loop, .len = 1, .cap = 1};
    kir_stmt *s = kir_copy_block(m, &single, pass_renamed_temps(m, f, scratch, &single)).at[0];
    s->lo = kir_copy_expr(m, lo, NULL);
    s->hi = kir_copy_expr(m, hi, NULL);
    return s;
}

static void cut_inside(kir_module *m, kir_fn *f, arena *scratch, kir_stmt *loop) {
    kir_block out = {0};
    for (uint32_t i = 0; i < loop->body.len; i++)
        if (loop->body.at[i]->kind != KIR_FOR || !pivot_loop(m, f, scratch, loop->body.at[i], &out))
            vec_push(m->a, &out, loop->body.at[i]);
    loop->body = out;
}

bool pivot_loop(kir_module *m, kir_fn *f, arena *scratch, kir_stmt *loop, kir_block *out) {
    var_set written = vars_new(scratch, f);
    search p = {.loop = loop, .written = &written, .scratch = scratch};
    int64_t step;
    const kir_loop_info *l = loop->loop;
    if (l->cold || l->class != KIR_CLASS_UNANALYSED || l->kind == KIR_LOOP_PRANGE ||
        !kir_is_const_int(loop->step, &step) || step != 1)
        return false;
    vars_written_in(&loop->body, &written);
    vars_add(&written, loop->var);
    kir_each_stmt(&loop->body, gather, &p);
    kir_expr *e = p.unfit || p.statements > STATEMENTS_MAX ? NULL : find_pivot(&p);
    if (!e || e->ty != type_int64(m->types))
        return false;
    span at = loop->at;
    kir_expr *lo = hold(m, f, out, loop->lo, at), *hi = hold(m, f, out, loop->hi, at);
    kir_expr *cut = kir_binary(m, KIR_OP_MIN, kir_copy_expr(m, e, NULL), kir_copy_expr(m, hi, NULL), at);
    cut = hold(m, f, out, kir_binary(m, KIR_OP_MAX, cut, kir_copy_expr(m, lo, NULL), at), at);
    kir_expr *inside = kir_binary(m, KIR_OP_LT, kir_copy_expr(m, cut, NULL), kir_copy_expr(m, hi, NULL), at);
    kir_expr *next = kir_binary(m, KIR_OP_ADD, kir_copy_expr(m, cut, NULL), kir_int(m, 1, at), at);
    next = hold(m, f, out, kir_select(m, inside, next, kir_copy_expr(m, cut, NULL), at), at);
    kir_stmt *pieces[3] = {piece(m, f, scratch, loop, lo, cut), piece(m, f, scratch, loop, cut, next),
                           piece(m, f, scratch, loop, next, hi)};
    for (int k = 0; k < 3; k++) {
        kir_block single = {.at = &pieces[k], .len = 1, .cap = 1};
        if (k != 1)
            cut_inside(m, f, scratch, pieces[k]);
        if (k != 2)
            kir_each_stmt(&single, forget_id, NULL);
        vec_push(m->a, out, pieces[k]);
    }
    return true;
}
