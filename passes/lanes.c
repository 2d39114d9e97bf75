/* lanes: iterations of a parallel loop side by side, where each of them is a chain.
 *
 *   for %i … parallel {                             for %k in range(0, strips, 1) parallel {
 *       %s = 0.0                                        %base = lo + %k * 16;  %lanes = alloc(64)
 *       for %j … carried {                              for %l in range(0, min(16, n - %k * 16), 1) vector {
 *           %s = %s * b + x[%j, %i]          →              %i = %base + %l;  %lanes[%l] = 0.0
 *           y[%j, %i] = %s                              }
 *       }                                               for %j … {
 *   }                                                       for %l … vector { %i = …; %s = %lanes[%l]; …; %lanes[%l] = %s }
 *                                                       }
 *                                                   }
 *
 * The inner loop of a recurrence waits for every single result, and cannot be vectorised. The iterations of the loop
 * around it need nothing from one another, so strips of them walk through the inner loops together: the innermost loop is
 * then over the strip's iterations, which vectorise where they lie side by side in memory and overlap in the processor
 * where not. Each iteration still does what it did in its own order, so results are the same to the bit, whatever the
 * width of a strip. Scalars that an iteration keeps from one place to the next become arrays of a strip's width.
 *
 * Taken are proven loops that run in parallel, with step 1, whose bodies are assignments, stores, conditions over such, and
 * loops whose bounds are the same in all iterations; and only where it pays: an inner loop is carried, or more accesses
 * are contiguous along the outer loop than along the inner ones. Nothing in such a body can raise but divisions of floats
 * by zero: an iteration that would have raised goes on with what the division gives, and when the strip is through, the
 * lowest one raises. So the order of iterations cannot be seen.
 *
 * Points against centres: where iterations begin with sums along short rows of their own, and do something with what came
 * out of it,
 *
 *   for %i … {                                      %rows = alloc(32, 32)
 *       for %c …: for %m …                          for strips … {
 *           %s = %s + x[%i, %m] * y[%c, %m]             for %l …: for %m … { %rows[%m, %l] = x[%base + %l, %m] }
 *       …                                       →       for %c …: for %m …: for %l … vector { … %rows[%m, %l] * y[%c, %m] … }
 *       hist[%best] = hist[%best] + 1                   for %l … { hist[%best] = hist[%best] + 1 }
 *   }                                               }
 *
 * the beginning, which stores nothing and raises nothing, is what runs side by side, on a copy of the strip's rows that lies
 * as vectors need it; the rest follows, iteration by iteration in order. So the loop need not be parallel: that iterations
 * combine into elements of arrays is enough, for what the beginning loads is stored by no iteration. Rows of more than 32
 * elements fill vectors by themselves: a test in front of the loop decides.
 *
 * Cost: a walk over the bodies of parallel loops. */
#include "passes/cost.h"
#include "passes/group.h"
#include "passes/passes.h"
#include "passes/vars.h"

enum {
    LANES_MOST = 64,
    LANES_LEAST = 16,
    LANES_STEP = 8,
    STRIPS_WANTED = 32,
    CARRIED_GAIN = 4,
    ROW_LANES = 32, /* of a strip whose rows are copied: eight vectors of four numbers are registers on any processor */
    ROW_MOST = 32,  /* elements of such a row */
    ROW_LITTLE = 12, /* what takes next to nothing to copy; longer ones are to be read more often */
    REUSE_LEAST = 4,
    REUSE_OFTEN = 12
};

typedef struct laner {
    kir_module *m;
    kir_fn *f;
    arena *scratch;
    uint32_t id; /* of the loop around in the report: that of a loop that runs in blocks */
} laner;

typedef struct row {        /* a load along rows of the iteration's own: rows of a strip are copied */
    kir_stmt *load;         /* assigns an element */
    kir_stmt *loop, *again; /* along the row; around that */
    kir_var *memory;
    kir_var *from; /* first index of the row */
} row;

typedef struct strip { /* a loop being rewritten */
    laner *z;
    kir_stmt *loop;
    span at;
    var_set varying;  /* differ between iterations */
    var_set seen;     /* in some group of statements already */
    var_set expanded; /* live from one group to another */
    kir_var **memory; /* by variable: its array, of those that are expanded */
    kir_var *base;    /* first iteration of the strip */
    kir_var *count;   /* its iterations */
    kir_var *failed;  /* of an iteration: the site of its first check that did not hold, 0: none. NULL: no checks */
    VEC(uint32_t) sites;
    int64_t gain;
    kir_block lead; /* what runs side by side, where not all of the body does */
    kir_block rest; /* what follows, in order */
    var_set stored; /* arrays that the loop stores into */
    var_set inner;  /* indices of the loops in `lead` */
    VEC(row) rows;  /* empty: all of the body runs side by side */
    kir_var *lane;  /* with rows: the lane at hand */
    kir_var *last;  /* with rows: the loop's last iteration, which lanes beyond the end do again */
} strip;

static bool is_straight(const kir_stmt *s);

static bool are_straight(const kir_block *b) {
    for (uint32_t i = 0; i < b->len; i++)
        if (!is_straight(b->at[i]))
            return false;
    return true;
}

/* A division of floats that would raise gives an infinity or NaN when it is made all the same: nothing else follows. */
static bool is_float_check(const kir_stmt *s) {
    const kir_expr *e = s->kind == KIR_CHECK ? s->value : NULL;
    return e && e->kind == KIR_BINARY && e->op == KIR_OP_NE && e->args[0]->ty->kind == TYPE_FLOAT &&
           e->args[1]->kind == KIR_CONST && s->index.len == 0;
}

static bool is_straight(const kir_stmt *s) {
    if (s->kind == KIR_ASSIGN)
        return s->var->ty->kind != TYPE_ARRAY;
    if (s->kind == KIR_CHECK)
        return is_float_check(s);
    return s->kind == KIR_STORE || (s->kind == KIR_IF && are_straight(&s->body) && are_straight(&s->orelse));
}

/* ---- what differs between iterations ------------------------------------------------------------------------------------- */

static bool note_varying(kir_stmt *s, void *context) {
    strip *t = context;
    if (s->kind == KIR_ASSIGN)
        vars_add(&t->varying, s->var);
    return true;
}

typedef struct mention {
    const var_set *set;
    bool found;
} mention;

static void look_for(kir_var *v, void *context) {
    mention *m = context;
    m->found |= vars_has(m->set, v);
}

static bool varies(const strip *t, kir_expr *e) {
    mention m = {&t->varying, false};
    vars_in_expr(e, look_for, &m);
    return m.found;
}

static bool fits(const strip *t, const kir_block *b) {
    int64_t step;
    for (uint32_t i = 0; i < b->len; i++) {
        const kir_stmt *s = b->at[i];
        if (is_straight(s))
            continue;
        if (s->kind != KIR_FOR || !kir_is_const_int(s->step, &step) || varies(t, s->lo) || varies(t, s->hi) ||
            vars_has(&t->varying, s->var) || s->loop->last_privates.len || !fits(t, &s->body))
            return false;
    }
    return true;
}

/* ---- scalars in a group of statements ------------------------------------------------------------------------------------ */

static group scan_group(const strip *t, kir_stmt **at, uint32_t n) {
    return group_scan(t->z->scratch, t->z->f, &t->varying, t->loop->var, at, n);
}

static uint32_t straight_run(const kir_block *b, uint32_t from) {
    uint32_t n = 0;
    while (from + n < b->len && is_straight(b->at[from + n]))
        n++;
    return n;
}

/* A scalar needs an array when two groups use it, or one reads what an earlier iteration of an inner loop left in it. */
static void find_expanded(strip *t, kir_block *b) {
    for (uint32_t i = 0; i < b->len; i++) {
        uint32_t n = straight_run(b, i);
        if (n == 0) {
            find_expanded(t, &b->at[i]->body);
            continue;
        }
        group g = scan_group(t, b->at + i, n);
        group_expand(&g, &t->seen, &t->expanded);
        i += n - 1;
    }
}

/* ---- does it pay? ---------------------------------------------------------------------------------------------------------- */

static bool is_offset_of(const kir_expr *e, const kir_var *v) {
    if (e->kind == KIR_BINARY && (e->op == KIR_OP_ADD || e->op == KIR_OP_SUB) && e->args[1]->kind == KIR_CONST)
        e = e->args[0];
    return e->kind == KIR_VAR && e->var == v;
}

static bool is_contiguous(const kir_var *array, kir_expr *const *index, uint32_t n, const kir_var *v) {
    uint32_t last = array->ty->layout == LAYOUT_F ? 0 : n - 1;
    for (uint32_t i = 0; i < n; i++)
        if (i == last ? !is_offset_of(index[i], v) : vars_mentions(index[i], v))
            return false;
    return n > 0;
}

typedef struct weighing {
    const kir_var *outer, *inner;
    int64_t gain;
} weighing;

static void weigh(weighing *w, const kir_var *array, kir_expr *const *index, uint32_t n) {
    w->gain += is_contiguous(array, index, n, w->outer);
    w->gain -= is_contiguous(array, index, n, w->inner);
}

static bool weigh_stmt(kir_stmt *s, void *context) {
    if (s->kind == KIR_STORE)
        weigh(context, s->var, s->index.at, s->index.len);
    if (s->kind == KIR_ASSIGN && s->value->kind == KIR_LOAD)
        weigh(context, s->value->var, s->value->args, s->value->n_args);
    return true;
}

/* Does an iteration of the innermost loop wait for a scalar of the one before, other than to add to it? */
static bool hands_scalars_on(const strip *t, kir_stmt *loop) {
    group g = scan_group(t, loop->body.at, loop->body.len);
    for (uint32_t i = 0; i < loop->loop->reductions.len; i++)
        vars_remove(&g.written, loop->loop->reductions.at[i].var);
    for (uint32_t i = 0; i < g.written.words; i++)
        if (g.exposed.bits[i] & g.written.bits[i])
            return true;
    return false;
}

/* Innermost loops speak for or against it. */
static bool weigh_loop(kir_stmt *s, void *context) {
    strip *t = context;
    if (s->kind != KIR_FOR || !are_straight(&s->body))
        return true;
    weighing w = {t->loop->var, s->var, 0};
    kir_each_stmt(&s->body, weigh_stmt, &w);
    bool chain = s->loop->class == KIR_CLASS_CARRIED || hands_scalars_on(t, s);
    t->gain += chain ? CARRIED_GAIN : w.gain;
    return false;
}

static bool is_candidate(strip *t) {
    const kir_stmt *s = t->loop;
    const kir_loop_info *l = s->loop;
    int64_t step;
    if (!(l->parallel || l->few) || l->vector || l->cold || l->class != KIR_CLASS_INDEPENDENT || l->reductions.len ||
        l->last_privates.len || l->carried.len || l->chunk || !kir_is_const_int(s->step, &step) || step != 1 ||
        are_straight(&s->body))
        return false;
    kir_each_stmt(&t->loop->body, note_varying, t);
    if (vars_has(&t->varying, s->var))
        return false;
    vars_add(&t->varying, s->var);
    if (!fits(t, &s->body))
        return false;
    kir_each_stmt(&t->loop->body, weigh_loop, t);
    return t->gain > 0;
}

/* ---- building -------------------------------------------------------------------------------------------------------------- */

static kir_expr *ref(strip *t, kir_var *v) {
    return kir_ref(t->z->m, v, t->at);
}

static kir_expr *number(strip *t, int64_t x) {
    return kir_int(t->z->m, x, t->at);
}

static kir_expr *op(strip *t, kir_op o, kir_expr *a, kir_expr *b) {
    return kir_binary(t->z->m, o, a, b, t->at);
}

static kir_var *hold(strip *t, kir_block *out, kir_expr *e) {
    kir_var *v = kir_temp_new(t->z->m, t->z->f, e->ty, t->at);
    vec_push(t->z->m->a, out, kir_assign(t->z->m, v, e, t->at));
    return v;
}

/* How often lanes meet memory that is contiguous among them, less how often it is strewn. */
typedef struct tally {
    strip *t;
    int64_t sum;
} tally;

static void count_access(tally *c, const kir_var *array, kir_expr *const *index, uint32_t n) {
    bool any = false;
    for (uint32_t i = 0; i < n; i++)
        any |= varies(c->t, index[i]);
    if (any)
        c->sum += is_contiguous(array, index, n, c->t->loop->var) ? 1 : -1;
}

static bool count_accesses(kir_stmt *s, void *context) {
    if (s->kind == KIR_STORE)
        count_access(context, s->var, s->index.at, s->index.len);
    if (s->kind == KIR_ASSIGN && s->value->kind == KIR_LOAD)
        count_access(context, s->value->var, s->value->args, s->value->n_args);
    return true;
}

/* Gathering and scattering eight numbers takes longer than eight lanes one after the other, which overlap. */
static bool fills_vectors(strip *t, const group *g) {
    tally c = {t, 0};
    kir_block statements = {0};
    for (uint32_t i = 0; i < g->n; i++)
        vec_push(t->z->scratch, &statements, g->at[i]);
    kir_each_stmt(&statements, count_accesses, &c);
    return c.sum >= 0;
}

/* Lanes beyond the end do what the last iteration does: they compute nothing that it would not, and nobody looks at it. */
static kir_expr *iteration(strip *t, kir_var *lane) {
    kir_expr *i = op(t, KIR_OP_ADD, ref(t, t->base), ref(t, lane));
    return t->rows.len ? op(t, KIR_OP_MIN, i, ref(t, t->last)) : i;
}

static void push_lanes(strip *t, kir_block *out, const group *g) {
    kir_module *m = t->z->m;
    kir_var *lane = kir_temp_new(m, t->z->f, type_int64(m->types), t->at);
    bool rows = t->rows.len > 0;
    kir_expr *count = rows ? number(t, ROW_LANES) : ref(t, t->count);
    kir_stmt *loop = kir_for(m, lane, number(t, 0), count, number(t, 1), t->loop->loop->kind, g->at[0]->at);
    loop->loop->class = KIR_CLASS_INDEPENDENT;
    loop->loop->few = true;
    loop->loop->abreast = rows;
    loop->loop->vector = rows || fills_vectors(t, g);
    vec_push(m->a, out, loop);
    kir_expr *at;
    vec_push(m->a, &loop->body, kir_assign(m, t->loop->var, iteration(t, lane), t->at));
    if (rows)
        vec_push(m->a, &loop->body, kir_assign(m, t->lane, ref(t, lane), t->at));
    for (uint32_t k = 0; k < t->z->f->vars.len; k++) {
        kir_var *v = t->z->f->vars.at[k];
        at = ref(t, lane);
        if (vars_has(&t->expanded, v) && vars_has(&g->exposed, v))
            vec_push(m->a, &loop->body, kir_assign(m, v, kir_load(m, t->memory[v->id], &at, 1, t->at), t->at));
    }
    for (uint32_t k = 0; k < g->n; k++)
        vec_push(m->a, &loop->body, g->at[k]);
    for (uint32_t k = 0; k < t->z->f->vars.len; k++) {
        kir_var *v = t->z->f->vars.at[k];
        at = ref(t, lane);
        if (vars_has(&t->expanded, v) && vars_has(&g->written, v))
            vec_push(m->a, &loop->body, kir_store(m, t->memory[v->id], &at, 1, ref(t, v), t->at));
    }
}

static kir_block build(strip *t, kir_block *b) {
    kir_block out = {0};
    for (uint32_t i = 0; i < b->len; i++) {
        uint32_t n = straight_run(b, i);
        if (n) {
            group g = scan_group(t, b->at + i, n);
            push_lanes(t, &out, &g);
            i += n - 1;
            continue;
        }
        kir_loop_info *l = b->at[i]->loop;
        b->at[i]->body = build(t, &b->at[i]->body);
        l->vector = false;
        l->reductions.len = l->privates.len = l->carried.len = 0;
        vec_push(t->z->m->a, &out, b->at[i]);
    }
    return out;
}

/* ---- checks ---------------------------------------------------------------------------------------------------------------- */

static bool find_check(kir_stmt *s, void *context) {
    bool *found = context;
    *found |= s->kind == KIR_CHECK;
    return true;
}

static bool has_checks(kir_stmt *loop) {
    bool found = false;
    kir_each_stmt(&loop->body, find_check, &found);
    return found;
}

static bool note_check(kir_stmt *s, void *context) {
    strip *t = context;
    if (s->kind != KIR_CHECK)
        return true;
    vec_push(t->z->scratch, &t->sites, s->site);
    kir_expr *before = op(t, KIR_OP_NE, ref(t, t->failed), number(t, 0));
    kir_expr *fine = op(t, KIR_OP_OR, before, s->value);
    kir_expr *site = kir_select(t->z->m, fine, ref(t, t->failed), number(t, (int64_t)s->site), s->at);
    s->kind = KIR_ASSIGN;
    s->var = t->failed;
    s->value = site;
    return true;
}

/* An iteration whose check fails goes on, with numbers that nobody will see; what it would have raised is noted. */
static void note_checks(strip *t, kir_block *b) {
    kir_block out = {0};
    vec_push(t->z->m->a, &out, kir_assign(t->z->m, t->failed, number(t, 0), t->at));
    kir_each_stmt(b, note_check, t);
    for (uint32_t i = 0; i < b->len; i++)
        vec_push(t->z->m->a, &out, b->at[i]);
    *b = out;
    vars_add(&t->varying, t->failed);
}

static bool is_first(const strip *t, uint32_t k) {
    for (uint32_t i = 0; i < k; i++)
        if (t->sites.at[i] == t->sites.at[k])
            return false;
    return true;
}

/* When the strip is through: the lowest of its iterations that failed raises. */
static void raise_lowest(strip *t, kir_block *out) {
    kir_module *m = t->z->m;
    kir_stmt *loop = kir_for(m, kir_temp_new(m, t->z->f, type_int64(m->types), t->at), number(t, 0), ref(t, t->count),
                             number(t, 1), t->loop->loop->kind, t->at);
    kir_expr *at = ref(t, loop->var);
    loop->loop->class = KIR_CLASS_CARRIED;
    loop->loop->few = true;
    vec_push(m->a, &loop->body, kir_assign(m, t->failed, kir_load(m, t->memory[t->failed->id], &at, 1, t->at), t->at));
    kir_stmt *any = kir_stmt_new(m, KIR_IF, t->at);
    any->value = op(t, KIR_OP_NE, ref(t, t->failed), number(t, 0));
    for (uint32_t i = 0; i < t->sites.len; i++) {
        if (!is_first(t, i))
            continue;
        kir_stmt *check = kir_stmt_new(m, KIR_CHECK, t->at);
        check->site = t->sites.at[i];
        check->value = op(t, KIR_OP_NE, ref(t, t->failed), number(t, (int64_t)check->site));
        vec_push(m->a, &any->body, check);
    }
    vec_push(m->a, &loop->body, any);
    vec_push(m->a, out, loop);
}

static void allocate(strip *t, kir_block *out) {
    kir_module *m = t->z->m;
    uint32_t n = t->z->f->vars.len;
    t->memory = arena_array(t->z->scratch, kir_var *, t->z->f->next_var + 1);
    for (uint32_t k = 0; k < n; k++) {
        kir_var *v = t->z->f->vars.at[k];
        if (!vars_has(&t->expanded, v))
            continue;
        type *ty = type_array(m->types, v->ty, 1, LAYOUT_C, false, true);
        kir_expr *alloc = kir_expr_new(m, KIR_ALLOC, ty, 1, t->at);
        alloc->args[0] = number(t, LANES_MOST);
        t->memory[v->id] = hold(t, out, alloc);
        v->is_temp = false;
    }
}

/* Wide strips fill vectors, many strips fill threads: about 32 of at least 16. The width does not depend on the threads. */
static kir_expr *width_of(strip *t, kir_var *trips) {
    kir_expr *share = op(t, KIR_OP_FLOORDIV, ref(t, trips), number(t, STRIPS_WANTED * LANES_STEP));
    share = op(t, KIR_OP_MUL, share, number(t, LANES_STEP));
    return op(t, KIR_OP_MIN, op(t, KIR_OP_MAX, share, number(t, LANES_LEAST)), number(t, LANES_MOST));
}

/* The loop over strips, and what every strip knows: its first iteration and how many there are. */
static kir_stmt *open_strips(strip *t, kir_block *out) {
    kir_module *m = t->z->m;
    kir_stmt *loop = t->loop;
    kir_var *lo = hold(t, out, loop->lo);
    loop->lo = ref(t, lo);
    kir_var *trips = hold(t, out, cost_trip_expr(m, loop));
    bool few = loop->loop->few;
    kir_expr *wide = t->rows.len ? number(t, ROW_LANES) : few ? number(t, LANES_MOST) : width_of(t, trips);
    kir_var *width = hold(t, out, wide);
    kir_expr *last = op(t, KIR_OP_SUB, ref(t, trips), number(t, 1));
    kir_var *strips = hold(t, out, op(t, KIR_OP_ADD, op(t, KIR_OP_FLOORDIV, last, ref(t, width)), number(t, 1)));
    kir_stmt *outer = kir_for(m, kir_temp_new(m, t->z->f, type_int64(m->types), t->at), number(t, 0), ref(t, strips),
                              number(t, 1), loop->loop->kind, loop->at);
    *outer->loop = *loop->loop;
    outer->loop->privates.len = 0;
    outer->loop->vector = outer->loop->few = false;
    kir_block *body = &outer->body;
    kir_var *first = hold(t, body, op(t, KIR_OP_MUL, ref(t, outer->var), ref(t, width)));
    t->base = hold(t, body, op(t, KIR_OP_ADD, ref(t, lo), ref(t, first)));
    t->count = hold(t, body, op(t, KIR_OP_MIN, ref(t, width), op(t, KIR_OP_SUB, ref(t, trips), ref(t, first))));
    loop->var->is_temp = false;
    if (t->rows.len) {
        t->last = hold(t, out, op(t, KIR_OP_ADD, ref(t, lo), kir_copy_expr(m, last, NULL)));
        t->lane = kir_var_new(m, t->z->f, NULL, type_int64(m->types), t->at);
    }
    return outer;
}

static void report_strips(strip *t) {
    kir_module *m = t->z->m;
    uint32_t id = t->loop->loop->combines ? t->z->id : t->loop->loop->id;
    if (id && id < m->report.len) {
        m->report.at[id].vector = true;
        m->report.at[id].tile =
            t->rows.len ? "strips of 32 short rows side by side" : "strips of 16 to 64 side by side";
    }
}

static void lay_out(strip *t, kir_block *out) {
    kir_stmt *loop = t->loop, *outer = open_strips(t, out);
    if (t->failed) {
        note_checks(t, &loop->body);
        vars_add(&t->expanded, t->failed);
    }
    find_expanded(t, &loop->body);
    allocate(t, &outer->body);
    kir_block inside = build(t, &loop->body);
    kir_block_append(t->z->m, &outer->body, &inside);
    if (t->failed)
        raise_lowest(t, &outer->body);
    report_strips(t);
    vec_push(t->z->m->a, out, outer);
}

/* ---- a beginning that runs side by side ------------------------------------------------------------------------------------ */

static bool note_stored(kir_stmt *s, void *context) {
    strip *t = context;
    if (s->kind == KIR_STORE)
        vars_add(&t->stored, s->var);
    return true;
}

typedef struct leading {
    strip *t;
    bool ok;
} leading;

/* Effects on nothing but scalars; of arrays, only loads of those that the loop leaves alone. */
static bool look_at_lead(kir_stmt *s, void *context) {
    leading *l = context;
    var_set read = vars_new(l->t->z->scratch, l->t->z->f);
    bool plain = s->kind == KIR_IF || s->kind == KIR_FOR || (s->kind == KIR_ASSIGN && s->var->ty->kind != TYPE_ARRAY);
    vars_read_by(s, &read);
    for (uint32_t w = 0; w < read.words && w < l->t->stored.words; w++)
        plain &= (read.bits[w] & l->t->stored.bits[w]) == 0;
    if (s->kind == KIR_FOR)
        vars_add(&l->t->inner, s->var);
    l->ok &= plain;
    return l->ok;
}

/* Of a loop that split took apart: the arm in which it is whole does the same. */
static bool is_parted(const strip *t, const kir_stmt *s) {
    return s->kind == KIR_IF && !varies(t, s->value) && s->orelse.len == 1 && s->orelse.at[0]->kind == KIR_FOR &&
           s->orelse.at[0]->loop->whole;
}

static bool forget_last(kir_stmt *s, void *context) {
    (void)context;
    if (s->kind == KIR_FOR)
        s->loop->last_privates.len = 0;
    return true;
}

/* The statements from the first one on that may run before what follows them in earlier iterations, as copies. */
static void find_lead(strip *t) {
    kir_module *m = t->z->m;
    kir_block *b = &t->loop->body;
    uint32_t i = 0;
    for (; i < b->len; i++) {
        kir_block single = {.at = &b->at[i], .len = 1, .cap = 1},
                  *from = is_parted(t, b->at[i]) ? &b->at[i]->orelse : &single;
        leading l = {t, true};
        kir_each_stmt(from, look_at_lead, &l);
        if (!l.ok)
            break;
        kir_block copy = kir_copy_block(m, from, NULL);
        kir_each_stmt(&copy, forget_last, NULL); /* iterations run in order, one loop is as good as another */
        if (!fits(t, &copy))
            break;
        kir_block_append(t->z->m, &t->lead, &copy);
    }
    for (; i < b->len; i++)
        vec_push(m->a, &t->rest, b->at[i]);
}

/* The same in all iterations of the loop and of those in `lead`. */
static bool is_fixed(const strip *t, kir_expr *e) {
    return !varies(t, e) && !vars_mentions_any(e, &t->inner);
}

static bool has_fixed_bounds(const strip *t, const kir_stmt *loop) {
    int64_t step;
    return is_fixed(t, loop->lo) && is_fixed(t, loop->hi) && kir_is_const_int(loop->step, &step) && step == 1;
}

static bool is_row(const strip *t, const kir_stmt *s, const kir_stmt *along) {
    const kir_expr *e = s->kind == KIR_ASSIGN ? s->value : NULL;
    if (!e || e->kind != KIR_LOAD || vars_has(&t->varying, e->var) || e->n_args == 0)
        return false;
    bool own = false, inner = false;
    for (uint32_t k = 0; k < e->n_args; k++) {
        const kir_expr *index = e->args[k];
        bool is_own = index->kind == KIR_VAR && index->var == t->loop->var;
        bool is_inner = index->kind == KIR_VAR && index->var == along->var;
        if (!is_own && !is_inner && !is_fixed(t, e->args[k]))
            return false;
        own |= is_own;
        inner |= is_inner;
    }
    return own && inner;
}

static void find_rows(strip *t) {
    for (uint32_t i = 0; i < t->lead.len; i++) {
        kir_stmt *again = t->lead.at[i];
        for (uint32_t j = 0; again->kind == KIR_FOR && has_fixed_bounds(t, again) && j < again->body.len; j++) {
            kir_stmt *along = again->body.at[j];
            bool innermost = along->kind == KIR_FOR && are_straight(&along->body) && has_fixed_bounds(t, along);
            for (uint32_t k = 0; innermost && k < along->body.len; k++)
                if (is_row(t, along->body.at[k], along))
                    vec_push(t->z->scratch, &t->rows,
                             ((row){.load = along->body.at[k], .loop = along, .again = again}));
        }
    }
}

static bool is_taken_row(const strip *t, const kir_stmt *s) {
    for (uint32_t i = 0; i < t->rows.len; i++)
        if (t->rows.at[i].load == s)
            return true;
    return false;
}

typedef struct lined {
    strip *t;
    bool ok;
} lined;

static void look_at_loads(kir_expr **slot, void *context) {
    lined *l = context;
    kir_expr *e = *slot;
    bool any = false;
    for (uint32_t k = 0; e->kind == KIR_LOAD && k < e->n_args; k++)
        any |= varies(l->t, e->args[k]);
    l->ok &= !any;
}

static void look_at_expr(kir_expr **slot, void *context) {
    kir_each_subexpr(slot, look_at_loads, context);
}

static bool look_at_accesses(kir_stmt *s, void *context) {
    lined *l = context;
    if (!is_taken_row(l->t, s))
        kir_each_expr(s, look_at_expr, l);
    return l->ok;
}

/* Are rows all that differs between lanes? */
static bool is_rows_alone(strip *t) {
    lined l = {t, true};
    kir_each_stmt(&t->lead, look_at_accesses, &l);
    return l.ok;
}

static bool has_lead(strip *t) {
    kir_stmt *s = t->loop;
    const kir_loop_info *l = s->loop;
    int64_t step;
    bool independent = l->class == KIR_CLASS_INDEPENDENT && l->parallel;
    if (!(independent || l->combines) || l->vector || l->cold || l->few || l->reductions.len || l->last_privates.len ||
        l->carried.len || l->chunk || !kir_is_const_int(s->step, &step) || step != 1 || body_escapes(s))
        return false;
    kir_each_stmt(&s->body, note_varying, t);
    if (vars_has(&t->varying, s->var))
        return false;
    vars_add(&t->varying, s->var);
    kir_each_stmt(&s->body, note_stored, t);
    find_lead(t);
    find_rows(t);
    return t->rows.len > 0 && is_rows_alone(t);
}

/* Scalars of the beginning that the rest reads. */
static void expand_for_rest(strip *t) {
    var_set written = vars_new(t->z->scratch, t->z->f), read = vars_new(t->z->scratch, t->z->f);
    vars_written_in(&t->lead, &written);
    vars_read_in(&t->rest, &read);
    for (uint32_t k = 0; k < t->z->f->vars.len; k++) {
        kir_var *v = t->z->f->vars.at[k];
        if (vars_has(&written, v) && vars_has(&read, v) && vars_has(&t->varying, v) && v != t->loop->var)
            vars_add(&t->expanded, v);
    }
}

static void allocate_rows(strip *t, kir_block *out) {
    kir_module *m = t->z->m;
    for (uint32_t i = 0; i < t->rows.len; i++) {
        row *r = &t->rows.at[i];
        type *ty = type_array(m->types, r->load->value->ty, 2, LAYOUT_C, false, true);
        kir_expr *alloc = kir_expr_new(m, KIR_ALLOC, ty, 2, t->at);
        alloc->args[0] = number(t, ROW_MOST);
        alloc->args[1] = number(t, ROW_LANES);
        r->from = hold(t, out, kir_copy_expr(m, r->loop->lo, NULL));
        r->memory = hold(t, out, alloc);
    }
}

/* The rows of a strip, turned: what was along a row is along the first axis. The loads are those of the loop. */
static void copy_rows(strip *t, kir_block *out) {
    kir_module *m = t->z->m;
    for (uint32_t i = 0; i < t->rows.len; i++) {
        row *r = &t->rows.at[i];
        kir_stmt *along = r->loop;
        kir_var *lane = kir_temp_new(m, t->z->f, type_int64(m->types), t->at);
        kir_var *place = kir_temp_new(m, t->z->f, type_int64(m->types), t->at);
        kir_stmt *lanes =
            kir_for(m, lane, number(t, 0), number(t, ROW_LANES), number(t, 1), t->loop->loop->kind, along->at);
        kir_stmt *loop = kir_for(m, place, kir_copy_expr(m, along->lo, NULL), kir_copy_expr(m, along->hi, NULL),
                                 number(t, 1), along->loop->kind, along->at);
        lanes->loop->class = loop->loop->class = KIR_CLASS_INDEPENDENT;
        lanes->loop->few = loop->loop->few = true;
        kir_map *map = kir_map_new(m);
        kir_map_var(map, t->loop->var, hold(t, &lanes->body, iteration(t, lane)));
        kir_map_var(map, along->var, place);
        kir_var *x = hold(t, &loop->body, kir_copy_expr(m, r->load->value, map));
        kir_expr *to[2] = {op(t, KIR_OP_SUB, ref(t, place), ref(t, r->from)), ref(t, lane)};
        vec_push(m->a, &loop->body, kir_store(m, r->memory, to, 2, ref(t, x), t->at));
        vec_push(m->a, &lanes->body, loop);
        vec_push(m->a, out, lanes);
        kir_expr *at[2] = {op(t, KIR_OP_SUB, ref(t, along->var), ref(t, r->from)), ref(t, t->lane)};
        r->load->value = kir_load(m, r->memory, at, 2, r->load->at);
    }
}

typedef struct retargeting {
    const kir_stmt *from;
    kir_stmt *to;
} retargeting;

static bool retarget(kir_stmt *s, void *context) {
    retargeting *r = context;
    if (s->kind == KIR_CONTINUE && s->target == r->from)
        s->target = r->to;
    return true;
}

static void push_rest(strip *t, kir_block *out) {
    kir_module *m = t->z->m;
    kir_stmt *loop = kir_for(m, kir_temp_new(m, t->z->f, type_int64(m->types), t->at), number(t, 0), ref(t, t->count),
                             number(t, 1), t->loop->loop->kind, t->at);
    loop->loop->class = KIR_CLASS_CARRIED;
    loop->loop->few = true;
    kir_expr *i = op(t, KIR_OP_ADD, ref(t, t->base), ref(t, loop->var));
    vec_push(m->a, &loop->body, kir_assign(m, t->loop->var, i, t->at));
    for (uint32_t k = 0; k < t->z->f->vars.len; k++) {
        kir_var *v = t->z->f->vars.at[k];
        kir_expr *at = ref(t, loop->var);
        if (vars_has(&t->expanded, v))
            vec_push(m->a, &loop->body, kir_assign(m, v, kir_load(m, t->memory[v->id], &at, 1, t->at), t->at));
    }
    kir_block_append(t->z->m, &loop->body, &t->rest);
    kir_each_stmt(&loop->body, retarget, &(retargeting){t->loop, loop});
    if (t->rest.len)
        vec_push(m->a, out, loop);
}

/* Short rows that are read often, and iterations enough to fill lanes (and threads). */
static kir_expr *pays(strip *t) {
    kir_module *m = t->z->m;
    int64_t least = t->loop->loop->parallel ? (int64_t)ROW_LANES * STRIPS_WANTED : ROW_LANES;
    kir_expr *all = op(t, KIR_OP_GE, cost_trip_expr(m, t->loop), number(t, least));
    for (uint32_t i = 0; i < t->rows.len; i++) {
        kir_expr *is_short = op(t, KIR_OP_LE, cost_trip_expr(m, t->rows.at[i].loop), number(t, ROW_MOST));
        kir_expr *often = op(t, KIR_OP_GE, cost_trip_expr(m, t->rows.at[i].again), number(t, REUSE_LEAST));
        kir_expr *is_little = op(t, KIR_OP_LE, cost_trip_expr(m, t->rows.at[i].loop), number(t, ROW_LITTLE));
        kir_expr *very_often = op(t, KIR_OP_GE, cost_trip_expr(m, t->rows.at[i].again), number(t, REUSE_OFTEN));
        all = op(t, KIR_OP_AND, all, op(t, KIR_OP_AND, is_short, often));
        all = op(t, KIR_OP_AND, all, op(t, KIR_OP_OR, is_little, very_often));
    }
    return all;
}

static void lay_lead(strip *t, kir_block *out) {
    kir_module *m = t->z->m;
    kir_block single = {.at = &t->loop, .len = 1, .cap = 1};
    kir_stmt *versions = kir_stmt_new(m, KIR_IF, t->at);
    versions->value = pays(t);
    versions->orelse = kir_copy_block(m, &single, pass_renamed_temps(m, t->z->f, t->z->scratch, &single));
    kir_block *to = &versions->body;
    expand_for_rest(t);
    find_expanded(t, &t->lead);
    kir_stmt *outer = open_strips(t, to);
    outer->loop->combines = false;
    kir_block *allocations = t->loop->loop->parallel ? &outer->body : to;
    allocate_rows(t, allocations);
    allocate(t, allocations);
    copy_rows(t, &outer->body);
    kir_block inside = build(t, &t->lead);
    kir_block_append(t->z->m, &outer->body, &inside);
    push_rest(t, &outer->body);
    report_strips(t);
    vec_push(m->a, to, outer);
    pass_mark_versions(m, versions);
    vec_push(m->a, out, versions);
}

static strip strip_of(laner *z, kir_stmt *s) {
    return (strip){.z = z,
                   .loop = s,
                   .at = s->at,
                   .varying = vars_new(z->scratch, z->f),
                   .seen = vars_new(z->scratch, z->f),
                   .expanded = vars_new(z->scratch, z->f),
                   .stored = vars_new(z->scratch, z->f),
                   .inner = vars_new(z->scratch, z->f)};
}

static bool lay_loop(laner *z, kir_stmt *s, kir_block *out) {
    if (s->kind != KIR_FOR || !(s->loop->parallel || s->loop->few || s->loop->combines))
        return false;
    kir_var *failed = has_checks(s) ? kir_var_new(z->m, z->f, NULL, type_int64(z->m->types), s->at) : NULL;
    strip t = strip_of(z, s);
    t.failed = failed;
    if (is_candidate(&t)) {
        lay_out(&t, out);
        return true;
    }
    t = strip_of(z, s);
    if (!has_lead(&t))
        return false;
    lay_lead(&t, out);
    return true;
}

static void lay_block(laner *z, kir_block *b) {
    kir_block out = {0};
    for (uint32_t i = 0; i < b->len; i++) {
        kir_stmt *s = b->at[i];
        if (lay_loop(z, s, &out))
            continue;
        uint32_t around = z->id;
        z->id = s->kind == KIR_FOR ? s->loop->id : around;
        lay_block(z, &s->body);
        lay_block(z, &s->orelse);
        z->id = around;
        vec_push(z->m->a, &out, s);
    }
    *b = out;
}

bool lanes_run(pass_context *c) {
    for (uint32_t i = 0; i < c->m->fns.len; i++) {
        laner z = {.m = c->m, .f = c->m->fns.at[i], .scratch = c->scratch};
        if (z.f->kind != KIR_FN_REGION && !z.f->cold)
            lay_block(&z, &z.f->body);
    }
    return true;
}
