/* conditions: conditional updates in the form that later passes recognise.
 *
 * `and` keeps its second operand from being evaluated, which is written with a flag:
 *
 *   if %m { %t = load x[i]; %c = %t < %best } else { %c = false }        if %m {
 *   if %c { body }                                                   →       %t = load x[i]
 *                                                                            if %t < %best { body }
 *                                                                        }
 *
 * when the flag is read nowhere else. And a store under a comparison with the element's own value is a minimum or a
 * maximum of the two (MIN and MAX take the second operand when it is strictly better, as the comparison does; for
 * integers equal values are one value, so <= and >= do as well):
 *
 *   %v = load y[k]                                                       %v = load y[k]
 *   if %v > e { store y[k] = e }                                     →   store y[k] = min(%v, e)
 *
 * And a flag that iterations hand on through `and` or `or` takes part in a reduction:
 *
 *   if %ok { %x = load a[i]; %t = %x > 0 } else { %t = false }            %x = load a[i]; %t = %x > 0
 *   %ok = %t                                                         →    %ok = %ok & %t
 *
 * when what is evaluated now in any case cannot raise and changes nothing else: assignments of scalars that are read
 * nowhere else (a load in range stays in range: no test of a flag can have been its proof).
 *
 * And an extreme of which only the place is kept gets a variable for its value:
 *
 *   for %i … {                                               if 0 <= %w < dim(x) {
 *       %x = load x[%i]; check 0 <= %w < dim(x)                  %best = load x[%w]
 *       %old = load x[%w]                              →         for %i … { %x = load x[%i]
 *       if %x < %old { %w = %i }                                            if %x < %best { %w = %i; %best = %x } }
 *   }                                                        } else { the loop as it was }
 *
 * when nothing is stored in the loop and the place is assigned there alone.
 *
 * Done under parallel=True only: without it a branch that is seldom taken is cheaper. Cost: linear. */
#include "passes/passes.h"
#include "passes/vars.h"

typedef struct tidying {
    kir_module *m;
    kir_fn *f;
    arena *scratch;
    uint32_t *reads, *sites; /* by variable id: of flags */
    bool counting;           /* first round: sites are counted, nothing is changed */
} tidying;

static void count_read(kir_var *v, void *context) {
    ((uint32_t *)context)[v->id]++;
}

static void count_in_slot(kir_expr **slot, void *context) {
    vars_in_expr(*slot, count_read, context);
}

static bool count_reads(kir_stmt *s, void *context) {
    kir_each_expr(s, count_in_slot, context);
    return true;
}

/* ---- flags ------------------------------------------------------------------------------------------------------------------- */

static bool is_false(const kir_expr *e) {
    return e->kind == KIR_CONST && e->ty->kind == TYPE_BOOL && !e->value.i;
}

static kir_stmt *last_of(const kir_block *b) {
    return b->len ? b->at[b->len - 1] : NULL;
}

static bool sets(const kir_stmt *s, const kir_var *flag) {
    return s && s->kind == KIR_ASSIGN && s->var == flag;
}

static bool is_flag_test(const kir_stmt *s, const kir_var *flag) {
    return s && s->kind == KIR_IF && sets(last_of(&s->body), flag) && s->orelse.len == 1 &&
           sets(s->orelse.at[0], flag) && is_false(s->orelse.at[0]->value);
}

static bool is_flag(const tidying *t, const kir_var *v) {
    return !v->name && v->ty->kind == TYPE_BOOL && (t->counting || t->reads[v->id] == t->sites[v->id]);
}

/* The test in place of the arm's last statement; a load needs a variable, since it is no expression. */
static void put_test(tidying *t, kir_block *arm, kir_expr *value, const kir_block *body) {
    kir_stmt *last = last_of(arm), *inner = kir_stmt_new(t->m, KIR_IF, last->at);
    arm->len--;
    if (value->kind == KIR_LOAD) {
        last->var = kir_temp_new(t->m, t->f, value->ty, last->at);
        value = kir_ref(t->m, last->var, last->at);
        arm->len++;
    }
    inner->value = value;
    inner->body = *body;
    vec_push(t->m->a, arm, inner);
}

/* Puts `body` where `flag` gets its value at the end of test's first arm, instead of that assignment. */
static void move_into(tidying *t, kir_stmt *test, kir_var *flag, kir_block *body) {
    kir_block *arm = &test->body;
    kir_expr *value = last_of(arm)->value;
    kir_stmt *before = arm->len > 1 ? arm->at[arm->len - 2] : NULL;
    t->sites[flag->id] += t->counting;
    if (value->kind == KIR_VAR && is_flag_test(before, value->var) && is_flag(t, value->var)) {
        arm->len -= t->counting ? 0 : 1;
        move_into(t, before, value->var, body);
    } else if (!t->counting) {
        put_test(t, arm, value, body);
    }
    if (!t->counting)
        test->orelse.len = 0;
}

static bool joins_flag(const tidying *t, const kir_stmt *test, const kir_stmt *s) {
    return s->kind == KIR_IF && s->value->kind == KIR_VAR && !s->orelse.len && is_flag_test(test, s->value->var) &&
           is_flag(t, s->value->var);
}

/* ---- chains ----------------------------------------------------------------------------------------------------------------------- */

enum { LONGEST_CHAIN = 8 };

/* Assignments of temporaries, the last one of `flag`. */
static bool is_harmless(const kir_block *arm, const kir_var *flag) {
    if (arm->len == 0 || arm->len > LONGEST_CHAIN || !sets(last_of(arm), flag))
        return false;
    for (uint32_t i = 0; i + 1 < arm->len; i++)
        if (arm->at[i]->kind != KIR_ASSIGN || !arm->at[i]->var->is_temp || arm->at[i]->var->ty->kind == TYPE_ARRAY)
            return false;
    return true;
}

static bool is_only(const kir_block *arm, const kir_var *flag, bool value) {
    if (arm->len != 1 || !sets(arm->at[0], flag))
        return false;
    const kir_expr *e = arm->at[0]->value;
    return e->kind == KIR_CONST && (e->value.i != 0) == value;
}

/* The arm of `test` that evaluates the second operand when `s` closes such a chain, else NULL. */
static kir_block *chained(const tidying *t, kir_stmt *test, const kir_stmt *s, kir_op *op) {
    if (t->counting || s->kind != KIR_ASSIGN || s->value->kind != KIR_VAR || test->kind != KIR_IF ||
        test->value->kind != KIR_VAR || test->value->var != s->var || s->var->ty->kind != TYPE_BOOL)
        return NULL;
    const kir_var *flag = s->value->var;
    if (flag->name || flag == s->var || t->reads[flag->id] != 1)
        return NULL;
    bool is_and = is_harmless(&test->body, flag) && is_only(&test->orelse, flag, false);
    bool is_or = is_harmless(&test->orelse, flag) && is_only(&test->body, flag, true);
    *op = is_and ? KIR_OP_AND : KIR_OP_OR;
    return is_and ? &test->body : is_or ? &test->orelse : NULL;
}

static void combine_flag(tidying *t, kir_stmt *s, kir_op op) {
    s->value = kir_binary(t->m, op, kir_ref(t->m, s->var, s->at), s->value, s->at);
}

/* ---- minima ----------------------------------------------------------------------------------------------------------------------- */

static kir_op mirrored(kir_op cmp) {
    return cmp == KIR_OP_LT   ? KIR_OP_GT
           : cmp == KIR_OP_LE ? KIR_OP_GE
           : cmp == KIR_OP_GT ? KIR_OP_LT
           : cmp == KIR_OP_GE ? KIR_OP_LE
                              : KIR_OP_INVALID;
}

/* The operator of `if value cmp old { old = value }`. */
static kir_op extreme_of(kir_op cmp, const type *ty) {
    if (ty->kind == TYPE_COMPLEX || (ty->kind == TYPE_FLOAT && (cmp == KIR_OP_LE || cmp == KIR_OP_GE)))
        return KIR_OP_INVALID;
    return cmp == KIR_OP_LT || cmp == KIR_OP_LE ? KIR_OP_MIN : cmp == KIR_OP_INVALID ? cmp : KIR_OP_MAX;
}

static bool loads_element(const kir_stmt *s, const kir_stmt *store) {
    if (s->kind != KIR_ASSIGN || s->value->kind != KIR_LOAD || s->value->var != store->var)
        return false;
    for (uint32_t k = 0; k < store->index.len; k++)
        if (!kir_expr_equal(s->value->args[k], store->index.at[k]))
            return false;
    return true;
}

static bool is_plain(const kir_stmt *s, const kir_stmt *store) {
    if (s->kind == KIR_CHECK)
        return true;
    for (uint32_t k = 0; s->kind == KIR_ASSIGN && k < store->index.len; k++)
        if (vars_mentions(store->index.at[k], s->var))
            return false;
    return s->kind == KIR_ASSIGN && s->var != store->var;
}

/* The variable that holds the stored element's value at b[at]: loaded before, with plain assignments in between. */
static kir_var *old_value(kir_block *b, uint32_t at, const kir_stmt *store) {
    for (uint32_t i = at; i-- > 0;) {
        if (loads_element(b->at[i], store) && b->at[i]->var->is_temp)
            return is_plain(b->at[i], store) ? b->at[i]->var : NULL;
        if (!is_plain(b->at[i], store))
            return NULL;
    }
    return NULL;
}

static void make_extreme(tidying *t, kir_block *b, uint32_t at) {
    kir_stmt *test = b->at[at], *store = test->body.len == 1 ? test->body.at[0] : NULL;
    kir_expr *e = test->value;
    if (!store || store->kind != KIR_STORE || test->orelse.len || e->kind != KIR_BINARY || !mirrored(e->op))
        return;
    kir_var *old = old_value(b, at, store);
    bool right = old && e->args[1]->kind == KIR_VAR && e->args[1]->var == old;
    if (!old || (!right && !(e->args[0]->kind == KIR_VAR && e->args[0]->var == old)))
        return;
    kir_op op = extreme_of(right ? e->op : mirrored(e->op), old->ty);
    if (op == KIR_OP_INVALID || !kir_expr_equal(e->args[right ? 0 : 1], store->value))
        return;
    store->value = kir_binary(t->m, op, kir_ref(t->m, old, test->at), store->value, test->at);
    b->at[at] = store;
}

/* ---- places of extremes ----------------------------------------------------------------------------------------------------------- */

typedef struct place { /* if x[index] < x[where] { where = index }, in a block inside the loop */
    tidying *t;
    kir_stmt *loop, *test, *fresh, *old; /* the IF and the two loads before it */
    kir_block *block;
    kir_block checks; /* that `where` is in range; they stand before the IF */
} place;

static bool is_dim(const kir_expr *e, const kir_var *array, uint32_t axis) {
    return e->kind == KIR_DIM && e->var == array && (uint32_t)e->axis == axis;
}

/* The variable v of `v` or of `wrap(v, dim(array, axis))`. */
static kir_var *place_var(const kir_expr *e, const kir_var *array, uint32_t axis) {
    if (e->kind == KIR_WRAP && is_dim(e->args[1], array, axis))
        e = e->args[0];
    return e->kind == KIR_VAR && !e->var->is_temp ? e->var : NULL;
}

/* Does `e` hold for every place within the array? */
static bool is_in_range(const kir_expr *e, const kir_expr *load) {
    int64_t c;
    if (e->kind != KIR_BINARY)
        return false;
    if (e->op == KIR_OP_AND && e->ty->kind == TYPE_BOOL)
        return is_in_range(e->args[0], load) && is_in_range(e->args[1], load);
    for (uint32_t k = 0; k < load->n_args; k++) {
        const kir_var *v = place_var(load->args[k], load->var, k);
        if (!v || place_var(e->args[0], load->var, k) != v)
            continue;
        if ((e->op == KIR_OP_GE && kir_is_const_int(e->args[1], &c) && c == 0) ||
            (e->op == KIR_OP_LT && is_dim(e->args[1], load->var, k)))
            return true;
    }
    return false;
}

/* The load that gave the operand its value, before position `at`; loads and checks may stand between. */
static kir_stmt *load_of(const kir_block *b, uint32_t at, const kir_expr *operand) {
    for (uint32_t i = at; i-- > 0 && operand->kind == KIR_VAR && operand->var->is_temp;) {
        kir_stmt *s = b->at[i];
        bool loads = s->kind == KIR_ASSIGN && s->value->kind == KIR_LOAD;
        if (loads && s->var == operand->var)
            return s;
        if (!loads && s->kind != KIR_CHECK)
            return NULL;
    }
    return NULL;
}

static bool moves_to(const kir_stmt *test, const kir_var *v, const kir_expr *index) {
    for (uint32_t i = 0; i < test->body.len; i++)
        if (sets(test->body.at[i], v))
            return kir_expr_equal(test->body.at[i]->value, index);
    return false;
}

static bool is_place(place *p, kir_stmt *fresh, kir_stmt *old) {
    if (!fresh || !old || fresh->value->var != old->value->var || p->t->reads[old->var->id] != 1)
        return false;
    const kir_expr *from = fresh->value, *to = old->value;
    for (uint32_t k = 0; k < to->n_args; k++) {
        const kir_var *v = place_var(to->args[k], to->var, k);
        if (!v || !moves_to(p->test, v, from->args[k]))
            return false;
    }
    p->fresh = fresh;
    p->old = old;
    return true;
}

static void find_checks(place *p, uint32_t at) {
    for (uint32_t i = at; i-- > 0 && (p->block->at[i]->kind == KIR_CHECK || p->block->at[i]->kind == KIR_ASSIGN);)
        if (p->block->at[i]->kind == KIR_CHECK && is_in_range(p->block->at[i]->value, p->old->value))
            vec_push(p->t->m->a, &p->checks, p->block->at[i]);
}

static bool find_place(place *p, kir_block *b);

static bool look_at(place *p, kir_block *b, uint32_t at) {
    kir_stmt *s = b->at[at];
    const kir_expr *e = s->value;
    if (s->kind != KIR_IF || s->orelse.len || e->kind != KIR_BINARY || !mirrored(e->op))
        return find_place(p, &s->body) || find_place(p, &s->orelse);
    kir_stmt *left = load_of(b, at, e->args[0]), *right = load_of(b, at, e->args[1]);
    p->test = s;
    p->block = b;
    if (!is_place(p, left, right) && !is_place(p, right, left))
        return find_place(p, &s->body);
    find_checks(p, at);
    return p->checks.len > 0;
}

static bool find_place(place *p, kir_block *b) {
    for (uint32_t i = 0; i < b->len; i++)
        if (look_at(p, b, i))
            return true;
    return false;
}

typedef struct disturbance { /* statements of the loop that the place must not meet */
    const place *p;
    uint32_t moved; /* assignments of variables of the place, and of the array */
    bool stores;
} disturbance;

static void note_moved(kir_var *v, void *context) {
    disturbance *d = context;
    const kir_expr *load = d->p->old->value;
    d->moved += v == load->var;
    for (uint32_t k = 0; k < load->n_args; k++)
        d->moved += v == place_var(load->args[k], load->var, k);
}

static bool note_disturbance(kir_stmt *s, void *context) {
    disturbance *d = context;
    d->stores |= s->kind != KIR_ASSIGN && s->kind != KIR_IF && s->kind != KIR_FOR && s->kind != KIR_CHECK;
    vars_written_by(s, note_moved, d);
    return true;
}

static bool is_undisturbed(const place *p) {
    disturbance d = {.p = p};
    const kir_expr *load = p->old->value;
    kir_block body = p->loop->body;
    kir_each_stmt(&body, note_disturbance, &d);
    for (uint32_t k = 0; k < load->n_args; k++)
        if (place_var(load->args[k], load->var, k) == p->loop->var)
            return false;
    return !d.stores && d.moved == load->n_args;
}

static bool is_taken_out(const place *p, const kir_stmt *s) {
    for (uint32_t i = 0; i < p->checks.len; i++)
        if (s == p->checks.at[i])
            return true;
    return s == p->old;
}

static void take_out(place *p) {
    kir_block out = {0};
    for (uint32_t i = 0; i < p->block->len; i++)
        if (!is_taken_out(p, p->block->at[i]))
            vec_push(p->t->m->a, &out, p->block->at[i]);
    *p->block = out;
}

/* The two versions, in place of the loop. */
static kir_stmt *give_value(place *p) {
    kir_module *m = p->t->m;
    span at = p->test->at;
    kir_stmt *versions = kir_stmt_new(m, KIR_IF, p->loop->at);
    kir_var *best = kir_var_new(m, p->t->f, p->old->value->var->name, p->old->var->ty, at), *old = p->old->var;
    for (uint32_t i = 0; i < p->checks.len; i++) {
        kir_expr *holds = kir_copy_expr(m, p->checks.at[i]->value, NULL);
        versions->value = versions->value ? kir_binary(m, KIR_OP_AND, versions->value, holds, at) : holds;
    }
    versions->orelse = pass_cold_copy(m, p->t->f, p->t->scratch, p->loop);
    vec_push(m->a, &versions->body, kir_assign(m, best, kir_copy_expr(m, p->old->value, NULL), at));
    vec_push(m->a, &versions->body, p->loop);
    take_out(p);
    for (uint32_t k = 0; k < 2; k++)
        if (p->test->value->args[k]->var == old)
            p->test->value->args[k] = kir_ref(m, best, at);
    vec_push(m->a, &p->test->body, kir_assign(m, best, kir_ref(m, p->fresh->var, at), at));
    return versions;
}

static void give_values(tidying *t, kir_block *b) {
    for (uint32_t i = 0; i < b->len; i++) {
        kir_stmt *s = b->at[i];
        place p = {.t = t, .loop = s};
        if (s->kind == KIR_FOR && !s->loop->cold && find_place(&p, &s->body) && is_undisturbed(&p)) {
            b->at[i] = give_value(&p);
            continue;
        }
        give_values(t, &s->body);
        give_values(t, &s->orelse);
    }
}

/* ---- the walk ----------------------------------------------------------------------------------------------------------------------- */

static void open_chains(tidying *t, kir_block *b) {
    kir_block out = {0};
    kir_op op;
    for (uint32_t i = 0; i < b->len; i++) {
        kir_block *arm = i + 1 < b->len ? chained(t, b->at[i], b->at[i + 1], &op) : NULL;
        if (!arm) {
            vec_push(t->m->a, &out, b->at[i]);
            continue;
        }
        for (uint32_t k = 0; k < arm->len; k++)
            vec_push(t->m->a, &out, arm->at[k]);
        combine_flag(t, b->at[i + 1], op);
    }
    *b = out;
}

static void tidy_block(tidying *t, kir_block *b) {
    uint32_t n = 0;
    open_chains(t, b);
    for (uint32_t i = 0; i < b->len; i++) {
        kir_stmt *s = b->at[i];
        tidy_block(t, &s->body);
        tidy_block(t, &s->orelse);
        if (n && joins_flag(t, b->at[n - 1], s)) {
            move_into(t, b->at[n - 1], s->value->var, &s->body);
            if (!t->counting)
                continue;
        }
        b->at[n++] = s;
        if (!t->counting && s->kind == KIR_IF)
            make_extreme(t, b, n - 1);
    }
    b->len = n;
}

bool conditions_run(pass_context *c) {
    if (!c->m->options.parallel)
        return true;
    for (uint32_t i = 0; i < c->m->fns.len; i++) {
        kir_fn *f = c->m->fns.at[i];
        tidying t = {.m = c->m, .f = f, .scratch = c->scratch, .counting = true};
        t.reads = arena_array(c->scratch, uint32_t, f->next_var + 1);
        t.sites = arena_array(c->scratch, uint32_t, f->next_var + 1);
        kir_each_stmt(&f->body, count_reads, t.reads);
        tidy_block(&t, &f->body);
        t.counting = false;
        tidy_block(&t, &f->body);
        give_values(&t, &f->body);
    }
    return true;
}
