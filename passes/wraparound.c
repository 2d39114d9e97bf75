/* wraparound: a variable that hands the iteration before to this one is computed from the index instead.
 *
 *   %prev = %x[0]                               %prev = %x[0]
 *   for %i in range(1, %n, 1) {                 if 1 < %n { %i = 1; body as it was }
 *       %t = load %x[%i]                        for %i in range(2, %n, 1) {
 *       %d[%i] = %t - %prev             →           %u = load %x[%i - 1]
 *       %prev = %t                                  %t = load %x[%i]
 *   }                                               %d[%i] = %t - %u
 *                                                   %prev = %t
 *                                               }
 *
 * Such wrap-around variables (the term, and the peeled iteration, are Michael Wolfe's) make a loop look like a recurrence
 * that it is not. A variable is one when the body assigns it once, in every iteration, a value that follows from the
 * index, from what the loop does not change, and from elements of arrays that the loop does not write; and looks at it
 * before. Arrays that may share memory with written ones are tested at entry, the source's loop is kept for when they do.
 * What the iteration before checked need not be checked again. A variable behind a variable (the value of two iterations
 * ago) is found in the second round, which peels a second iteration.
 *
 * Only where nothing else is handed on but reductions, so that the loop may become parallel; recomputing math functions
 * would cost more than it frees, and could differ in the last bit. Under parallel=True alone, and not where the user
 * wrote prange, which says that iterations do not need one another. Cost: a few walks over the body for every variable
 * found. */
#include "passes/alias.h"
#include "passes/passes.h"
#include "passes/vars.h"

enum { BODY_MAX = 64, ROUNDS = 3, PAIRS_MAX = 4, LOADS_MAX = 3, STATEMENTS_MAX = 12 };
enum { NOWHERE = -1, SEVERAL = -2 };
#define SMALL (INT64_C(1) << 55)

typedef struct finder {
    kir_module *m;
    kir_fn *f;
    arena *scratch;
    alias_map *alias;
    bool changed;
} finder;

typedef struct wrapping { /* one loop */
    finder *z;
    kir_stmt *loop;
    int64_t step;
    var_set written;
    int32_t *writer;         /* by variable: the only statement of the body that assigns it, NOWHERE or SEVERAL */
    VEC(kir_var *) stored;   /* arrays */
    VEC(kir_var *) apart[2]; /* pairs that must not share memory */
    kir_block as_it_was;     /* the source's loop, once it has been changed */
    bool fit;
} wrapping;

typedef struct slice { /* what a value is computed from */
    wrapping *w;
    bool needed[BODY_MAX]; /* statements of the body */
    uint32_t statements, loads, limit;
    bool ok;
} slice;

/* ---- the loop ---------------------------------------------------------------------------------------------------- */

static bool look_at(kir_stmt *s, void *context) {
    wrapping *w = context;
    switch (s->kind) {
    case KIR_STORE:
        vec_push(w->z->scratch, &w->stored, s->var);
        break;
    case KIR_BREAK:
    case KIR_CONTINUE:
        w->fit &= s->target != w->loop;
        break;
    case KIR_ASSIGN:
        w->fit &= s->var != w->loop->var;
        break;
    case KIR_IF:
    case KIR_FOR:
    case KIR_LOOP:
    case KIR_BLOCK:
    case KIR_CHECK:
        break;
    default: /* writes memory that is not known */
        w->fit = false;
    }
    return w->fit;
}

typedef struct writer_note {
    wrapping *w;
    int32_t position;
} writer_note;

static void note_writer(kir_var *v, void *context) {
    const writer_note *n = context;
    int32_t *at = &n->w->writer[v->id];
    *at = *at == NOWHERE || *at == n->position ? n->position : SEVERAL;
}

static bool note_writers(kir_stmt *s, void *context) {
    vars_written_by(s, note_writer, context);
    return true;
}

static void survey(wrapping *w) {
    finder *z = w->z;
    w->fit = w->loop->body.len <= BODY_MAX && !body_escapes(w->loop);
    w->stored.len = 0;
    kir_each_stmt(&w->loop->body, look_at, w);
    if (!w->fit)
        return;
    w->written = vars_new(z->scratch, z->f);
    vars_written_in(&w->loop->body, &w->written);
    vars_add(&w->written, w->loop->var);
    w->writer = arena_array(z->scratch, int32_t, z->f->next_var);
    for (uint32_t k = 0; k < z->f->next_var; k++)
        w->writer[k] = NOWHERE;
    for (uint32_t k = 0; k < w->loop->body.len; k++) {
        writer_note n = {w, (int32_t)k};
        kir_block single = {.at = &w->loop->body.at[k], .len = 1, .cap = 1};
        kir_each_stmt(&single, note_writers, &n);
    }
}

/* ---- where a value comes from --------------------------------------------------------------------------------------- */

static void need_statement(slice *s, uint32_t position);

static void need_memory(slice *s, kir_var *array) {
    wrapping *w = s->w;
    s->ok &= ++s->loads <= LOADS_MAX && !vars_has(&w->written, array);
    for (uint32_t k = 0; k < w->stored.len && s->ok; k++) {
        kir_var *other = w->stored.at[k];
        bool listed = false;
        if (!alias_may_share(w->z->alias, array, other))
            continue;
        for (uint32_t p = 0; p < w->apart[0].len; p++)
            listed |= w->apart[0].at[p] == array && w->apart[1].at[p] == other;
        s->ok &= array != other && (listed || w->apart[0].len < PAIRS_MAX);
        if (s->ok && !listed) {
            vec_push(w->z->scratch, &w->apart[0], array);
            vec_push(w->z->scratch, &w->apart[1], other);
        }
    }
}

static void need_var(kir_var *v, void *context) {
    slice *s = context;
    wrapping *w = s->w;
    if (v == w->loop->var || !vars_has(&w->written, v))
        return;
    int32_t k = w->writer[v->id];
    if (k < 0 || (uint32_t)k >= s->limit || v->ty->kind == TYPE_ARRAY)
        s->ok = false; /* of another iteration, or of one arm */
    else
        need_statement(s, (uint32_t)k);
}

static void need_node(kir_expr **slot, void *context) {
    slice *s = context;
    switch ((*slot)->kind) {
    case KIR_CONST:
    case KIR_VAR:
    case KIR_UNARY:
    case KIR_BINARY:
    case KIR_SELECT:
    case KIR_CAST:
    case KIR_COMPLEX:
    case KIR_REAL:
    case KIR_IMAG:
    case KIR_DIM:
    case KIR_WRAP:
        break;
    case KIR_LOAD:
        need_memory(s, (*slot)->var);
        break;
    default:
        s->ok = false;
    }
}

static void need_expr(slice *s, kir_expr *e, uint32_t limit) {
    uint32_t saved = s->limit;
    kir_each_subexpr(&e, need_node, s);
    s->limit = limit;
    if (s->ok)
        vars_in_expr(e, need_var, s);
    s->limit = saved;
}

static void need_statement(slice *s, uint32_t position) {
    const kir_stmt *at = s->w->loop->body.at[position];
    if (s->needed[position] || !s->ok)
        return;
    s->needed[position] = true;
    s->ok = ++s->statements <= STATEMENTS_MAX && at->kind == KIR_ASSIGN;
    if (s->ok)
        need_expr(s, at->value, position);
}

/* ---- rewriting ---------------------------------------------------------------------------------------------------- */

/* New names for all that the copied statements assign, and the iteration before for the index. */
static kir_map *one_before(wrapping *w, kir_block *copied) {
    finder *z = w->z;
    span at = w->loop->at;
    kir_map *map = kir_map_new(z->m);
    var_set assigned = vars_new(z->scratch, z->f);
    vars_written_in(copied, &assigned);
    uint32_t n = z->f->vars.len;
    for (uint32_t k = 0; k < n; k++) {
        kir_var *v = z->f->vars.at[k];
        if (!vars_has(&assigned, v))
            continue;
        kir_var *copy = kir_var_new(z->m, z->f, v->name, v->ty, v->at);
        copy->is_temp = v->is_temp;
        kir_map_var(map, v, copy);
    }
    kir_expr *index = kir_ref(z->m, w->loop->var, at);
    kir_map_expr(map, w->loop->var, kir_binary(z->m, KIR_OP_SUB, index, kir_int(z->m, w->step, at), at));
    return map;
}

/* The first iteration by itself; the loop goes on with the second. */
static kir_stmt *peel(wrapping *w) {
    finder *z = w->z;
    kir_module *m = z->m;
    kir_stmt *loop = w->loop, *entered = kir_stmt_new(m, KIR_IF, loop->at);
    kir_expr *lo = kir_copy_expr(m, loop->lo, NULL), *hi = kir_copy_expr(m, loop->hi, NULL);
    entered->value = kir_binary(m, w->step > 0 ? KIR_OP_LT : KIR_OP_GT, lo, hi, loop->at);
    kir_block single = {.at = &loop, .len = 1, .cap = 1};
    kir_map *map = pass_renamed_temps(m, z->f, z->scratch, &single);
    vec_push(m->a, &entered->body,
             kir_assign(m, kir_mapped_var(map, loop->var), kir_copy_expr(m, loop->lo, NULL), loop->at));
    kir_block body = kir_copy_block(m, &loop->body, map);
    for (uint32_t k = 0; k < body.len; k++)
        vec_push(m->a, &entered->body, body.at[k]);
    pass_make_cold(&entered->body);
    loop->lo = kir_binary(m, KIR_OP_ADD, loop->lo, kir_int(m, w->step, loop->at), loop->at);
    return entered;
}

/* p = the value one iteration before, and p for v in what looked at it */
static void rewrite(wrapping *w, const slice *s, uint32_t position) {
    kir_module *m = w->z->m;
    const kir_stmt *assign = w->loop->body.at[position];
    kir_var *v = assign->var, *p = kir_var_new(m, w->z->f, v->name, v->ty, v->at);
    p->is_temp = true;
    kir_block sources = {0};
    for (uint32_t k = 0; k < w->loop->body.len; k++)
        if (s->needed[k])
            vec_push(w->z->scratch, &sources, w->loop->body.at[k]);
    kir_map *map = one_before(w, &sources);
    kir_block body = kir_copy_block(m, &sources, map);
    vec_push(m->a, &body, kir_assign(m, p, kir_copy_expr(m, assign->value, map), assign->at));
    for (uint32_t k = 0; k < w->loop->body.len; k++) {
        kir_stmt *at = w->loop->body.at[k];
        if (k < position)
            vars_rename(at, v, p);
        vec_push(m->a, &body, at);
    }
    w->loop->body = body;
}

/* ---- which variables -------------------------------------------------------------------------------------------------- */

static bool is_read_before(wrapping *w, const kir_var *v, uint32_t position) {
    var_set read = vars_new(w->z->scratch, w->z->f);
    kir_block head = {.at = w->loop->body.at, .len = position, .cap = position};
    vars_read_in(&head, &read);
    return vars_has(&read, v);
}

/* Is the variable assigned at this place one, and what is its value made of? */
static bool wraps_around(wrapping *w, uint32_t position, slice *s) {
    const kir_stmt *at = w->loop->body.at[position];
    *s = (slice){.w = w, .ok = true};
    if (at->kind != KIR_ASSIGN || at->var->is_temp || at->var->ty->kind == TYPE_ARRAY ||
        w->writer[at->var->id] != (int32_t)position || !is_read_before(w, at->var, position))
        return false;
    uint32_t pairs = w->apart[0].len;
    need_expr(s, at->value, position);
    if (!s->ok)
        w->apart[0].len = w->apart[1].len = pairs;
    return s->ok;
}

/* What else do iterations hand on? Only reductions may remain. */
static bool others_are_reductions(wrapping *w, const kir_var *v, const var_set *candidates) {
    finder *z = w->z;
    var_set exposed = live_exposed(z->scratch, z->f, w->loop);
    for (uint32_t k = 0; k < z->f->vars.len; k++) {
        kir_var *x = z->f->vars.at[k];
        kir_op op;
        if (x == v || x == w->loop->var || !vars_has(&exposed, x) || !vars_has(&w->written, x))
            continue;
        if (!vars_has(candidates, x) && !pass_is_reduction(w->loop, x, &op))
            return false;
    }
    return true;
}

/* Variables that are assigned once at the top of the body: each may turn out to be one in a later round. */
static var_set assigned_once(wrapping *w) {
    var_set all = vars_new(w->z->scratch, w->z->f);
    for (uint32_t k = 0; k < w->loop->body.len; k++) {
        const kir_stmt *s = w->loop->body.at[k];
        if (s->kind == KIR_ASSIGN && w->writer[s->var->id] == (int32_t)k)
            vars_add(&all, s->var);
    }
    return all;
}

/* One variable. The iterations peeled so far go before the loop. */
static bool take_one(wrapping *w, kir_block *before) {
    survey(w);
    if (!w->fit)
        return false;
    var_set candidates = assigned_once(w);
    for (uint32_t k = 0; k < w->loop->body.len; k++) {
        slice s;
        if (wraps_around(w, k, &s) && others_are_reductions(w, w->loop->body.at[k]->var, &candidates)) {
            if (w->as_it_was.len == 0)
                w->as_it_was = pass_cold_copy(w->z->m, w->z->f, w->z->scratch, w->loop);
            vec_push(w->z->m->a, before, peel(w));
            rewrite(w, &s, k);
            return true;
        }
    }
    return false;
}

/* Arrays share no memory, and the second iteration's index is an int64. */
static kir_expr *entry_test(wrapping *w, const kir_expr *lo) {
    kir_module *m = w->z->m;
    span at = w->loop->at;
    int64_t known;
    kir_expr *test = kir_bool(m, true, at);
    if (!kir_is_const_int(lo, &known)) {
        kir_expr *low = kir_binary(m, KIR_OP_GE, kir_copy_expr(m, lo, NULL), kir_int(m, -SMALL, at), at);
        kir_expr *high = kir_binary(m, KIR_OP_LE, kir_copy_expr(m, lo, NULL), kir_int(m, SMALL, at), at);
        test = kir_binary(m, KIR_OP_AND, low, high, at);
    }
    for (uint32_t k = 0; k < w->apart[0].len; k++)
        test = kir_binary(m, KIR_OP_AND, test, pass_apart(m, w->apart[0].at[k], w->apart[1].at[k], at), at);
    var_defs defs = vars_defs(w->z->scratch, w->z->f);
    if (w->loop->loop->id && w->apart[0].len)
        pass_add_memory_guards(m, &m->report.at[w->loop->loop->id], &defs, test);
    return test;
}

static bool is_usual(wrapping *w) {
    const kir_stmt *loop = w->loop;
    int64_t lo;
    survey(w);
    return w->fit && !loop->loop->cold && loop->loop->kind != KIR_LOOP_PRANGE &&
           kir_is_const_int(loop->step, &w->step) && w->step != 0 && w->step >= -SMALL && w->step <= SMALL &&
           !vars_mentions_any(loop->lo, &w->written) && !vars_mentions_any(loop->hi, &w->written) &&
           (!kir_is_const_int(loop->lo, &lo) || (lo >= -SMALL && lo <= SMALL));
}

static void take_loop(finder *z, kir_stmt *loop, kir_block *out) {
    wrapping w = {.z = z, .loop = loop};
    bool usual = is_usual(&w);
    kir_expr *lo = loop->lo;
    kir_block fast = {0};
    for (uint32_t k = 0; usual && k < ROUNDS && take_one(&w, &fast); k++)
        z->changed = true;
    vec_push(z->m->a, &fast, loop);
    kir_stmt *versions = kir_stmt_new(z->m, KIR_IF, loop->at);
    if (fast.len > 1)
        versions->value = entry_test(&w, lo);
    int64_t always;
    if (fast.len == 1 || kir_is_const_int(versions->value, &always)) {
        for (uint32_t k = 0; k < fast.len; k++)
            vec_push(z->m->a, out, fast.at[k]);
        return;
    }
    versions->body = fast;
    versions->orelse = w.as_it_was;
    pass_mark_versions(z->m, versions);
    vec_push(z->m->a, out, versions);
}

static void take_block(finder *z, kir_block *b) {
    kir_block out = {0};
    for (uint32_t k = 0; k < b->len; k++) {
        kir_stmt *s = b->at[k];
        take_block(z, &s->body);
        take_block(z, &s->orelse);
        if (s->kind == KIR_FOR)
            take_loop(z, s, &out);
        else
            vec_push(z->m->a, &out, s);
    }
    *b = out;
}

bool wraparound_run(pass_context *c) {
    c->unchanged = true;
    for (uint32_t i = 0; i < c->m->fns.len && c->m->options.parallel; i++) {
        finder z = {.m = c->m, .f = c->m->fns.at[i], .scratch = c->scratch};
        if (z.f->kind == KIR_FN_REGION)
            continue;
        z.alias = alias_new(c->scratch, z.f);
        take_block(&z, &z.f->body);
        c->unchanged = c->unchanged && !z.changed;
    }
    return true;
}
