/* march: iterations side by side whose inner loops end when each of them is through.
 *
 *   for %j … independent {                          for %k in range(0, strips, 1) {
 *       %z = 0.0                                        if count == 8 {
 *       L: loop {                                           for %l in range(0, 8, 1) abreast { %zs[%l] = 0.0 }
 *           if not(%n < most & %z <= 2.0) break L           M: loop {
 *           %z = %z * %z + c                       →            %any = false
 *           %n = %n + 1                                         for %l in range(0, 8, 1) abreast {
 *       }                                                           %z = %zs[%l];  …;  %live = %n < most & %z <= 2.0
 *       %out[%j] = %n                                               %zs[%l] = %live ? %z * %z + c : %z;  …
 *   }                                                               %any = %any | %live
 *                                                               }
 *                                                               if not(%any) break M
 *                                                           }
 *                                                           for %l … abreast { %out[%base + %l] = %ns[%l] }
 *                                                       } else { for %j in range(%base, %base + count, 1) { as it was } }
 *                                                   }
 *
 * Such a loop is a chain of operations that wait for one another, and how long it runs is known to nobody, so nothing
 * vectorises it. But the iterations around it need nothing from one another: one vector holds the same scalar of eight of
 * them, and they march in step. One that is through keeps its values (selects by its mask) until all are; each does
 * exactly the operations that it did alone, in their order, so results are the same to the bit. Code generation makes
 * a vector of each loop that is `abreast`, and as these have constant lengths LLVM keeps the arrays between them in
 * registers.
 *
 * What the steps hand on and nothing reads behind the loop needs no mask: one that is through goes on computing it, so that
 * the others need not wait for the test before they store. The mask is then kept from step to step.
 *
 * A variable that starts from the same value for all and changes by the same in each step (%n above) has one value for all that
 * are not through yet: they have gone equally many steps. So what they read of it is one number, not a vector, and the mask
 * is kept, since for one that is through that number goes on. A test of it that a step begins with ends the march.
 *
 * Else a mask is not carried from step to step where it follows from the values: an iteration that left once, looked at again
 * with unchanged values, leaves again. Where what is tested has been changed before the test, it is a value of its own.
 *
 * Taken are proven loops, parallel or not, over assignments, conditions, and loops without count or left by BREAK, in
 * front of any stores; what runs masked loads nothing, divides no integers but by constants and calls no functions but
 * those that processors round exactly. A check that fails (in one that is not through) ends the march: nothing has been stored
 * yet, and the strip is run again one by one. The last strip, when it is not full, runs one by one, too; and so do all
 * when a parallel loop has too few iterations for threads and vectors. Cost: a walk over the bodies of loops. */
#include "passes/cost.h"
#include "passes/group.h"
#include "passes/passes.h"
#include "passes/vars.h"

enum { VECTOR_BYTES = 128, WIDTH_MOST = 32, WIDTH_LEAST = 8, STRIPS_WANTED = 32 };

typedef struct marcher {
    kir_module *m;
    kir_fn *f;
    arena *scratch;
} marcher;

typedef struct march { /* a loop being rewritten */
    marcher *z;
    kir_stmt *loop;
    span at;
    var_set varying; /* differ between iterations */
    var_set seen, expanded;
    var_set summed; /* of the reductions */
    var_set loose;  /* of the loop at hand: nothing reads them behind it, so who is through may go on computing them */
    kir_var **memory;  /* by variable: its array, of those that are expanded */
    uint32_t n_memory; /* length of that */
    kir_var *i;        /* the iteration's number in the marching copy */
    kir_var *base;     /* first iteration of the strip */
    kir_var *bad;      /* a check failed. NULL: no checks */
    kir_var *live;     /* not through yet */
    int64_t width;
    uint32_t last;   /* position of the last loop in the body */
    bool checks;     /* before or in that loop */
    bool stores;     /* before that loop */
    bool fails;      /* a check that protects memory has been seen */
    bool has_floats; /* in a loop */
} march;

/* ---- what can march -------------------------------------------------------------------------------------------------------- */

static bool is_number(const type *t) {
    return t->kind == TYPE_BOOL || t->kind == TYPE_INT || t->kind == TYPE_FLOAT;
}

static bool is_exact_math(kir_op op) {
    static const kir_op exact[] = {KIR_OP_SQRT,  KIR_OP_FLOOR,    KIR_OP_CEIL,  KIR_OP_TRUNC,   KIR_OP_RINT,
                                   KIR_OP_ISNAN, KIR_OP_COPYSIGN, KIR_OP_ISINF, KIR_OP_ISFINITE};
    for (size_t i = 0; i < sizeof exact / sizeof exact[0]; i++)
        if (exact[i] == op)
            return true;
    return false;
}

static bool is_exact_binary(const kir_expr *e) {
    int64_t by;
    bool divides =
        e->op == KIR_OP_FLOORDIV || e->op == KIR_OP_MOD || e->op == KIR_OP_TRUNCDIV || e->op == KIR_OP_TRUNCMOD;
    if (e->op == KIR_OP_POW)
        return false;
    return !divides || (e->ty->kind == TYPE_INT && kir_is_const_int(e->args[1], &by) && by > 0);
}

/* Can the expression be evaluated for an iteration that is through, and on vectors with the same bits? */
static bool is_exact(const kir_expr *e) {
    static const bool fine[KIR_EXPR_KIND_COUNT] = {
        [KIR_CONST] = true,  [KIR_VAR] = true,  [KIR_UNARY] = true, [KIR_BINARY] = true,
        [KIR_SELECT] = true, [KIR_CAST] = true, [KIR_MATH] = true,  [KIR_DIM] = true};
    if (!fine[e->kind] || !is_number(e->ty) || (e->kind == KIR_BINARY && !is_exact_binary(e)) ||
        (e->kind == KIR_MATH && !is_exact_math(e->op)))
        return false;
    for (uint32_t i = 0; i < e->n_args; i++)
        if (!is_exact(e->args[i]))
            return false;
    return true;
}

static bool can_march(march *t, const kir_block *b, const kir_stmt *loop);

static bool can_step(march *t, const kir_stmt *s, const kir_stmt *loop) {
    switch (s->kind) {
    case KIR_ASSIGN:
        t->has_floats |= loop && s->var->ty->kind == TYPE_FLOAT;
        if (!is_number(s->var->ty))
            return false;
        return is_exact(s->value) || (!loop && !t->fails && s->value->kind == KIR_LOAD);
    case KIR_CHECK:
        t->checks = true;
        t->fails |= s->value->args == NULL || s->value->args[0]->ty->kind != TYPE_FLOAT;
        return is_exact(s->value);
    case KIR_IF:
        return is_exact(s->value) && can_march(t, &s->body, loop) && can_march(t, &s->orelse, loop);
    case KIR_BREAK:
        return loop && s->target == loop;
    default:
        return false;
    }
}

static bool can_march(march *t, const kir_block *b, const kir_stmt *loop) {
    for (uint32_t i = 0; i < b->len; i++)
        if (!can_step(t, b->at[i], loop))
            return false;
    return true;
}

static bool find_break(kir_stmt *s, void *context) {
    kir_stmt **loop = context;
    if (s->kind == KIR_BREAK && s->target == *loop)
        *loop = NULL;
    return true;
}

static bool has_break(kir_stmt *loop) {
    kir_stmt *left = loop;
    kir_each_stmt(&loop->body, find_break, &left);
    return !left;
}

static bool is_unit_loop(const kir_stmt *s) {
    int64_t step;
    return s->kind == KIR_FOR && kir_is_const_int(s->step, &step) && step == 1;
}

/* A loop that an iteration leaves when it likes. */
static bool is_open_loop(march *t, kir_stmt *s) {
    if (s->kind == KIR_FOR) {
        if (!is_unit_loop(s) || !is_exact(s->lo) || !is_exact(s->hi) || s->loop->cold)
            return false;
        var_set assigned = vars_new(t->z->scratch, t->z->f);
        vars_written_in(&s->body, &assigned);
        if (vars_has(&assigned, s->var))
            return false;
    }
    return (s->kind == KIR_FOR || s->kind == KIR_LOOP) && has_break(s) && can_march(t, &s->body, s);
}

/* What comes behind the loops is done one iteration after the other, if need be. */
static bool is_straight(const kir_block *b, uint32_t from) {
    for (uint32_t i = from; i < b->len; i++) {
        const kir_stmt *s = b->at[i];
        bool plain = s->kind == KIR_STORE || s->kind == KIR_CHECK || (s->kind == KIR_ASSIGN && is_number(s->var->ty));
        if (!plain && !(s->kind == KIR_IF && is_straight(&s->body, 0) && is_straight(&s->orelse, 0)))
            return false;
    }
    return true;
}

static bool find_last(march *t, const kir_block *b) {
    bool any = false;
    for (uint32_t i = 0; i < b->len; i++)
        if (b->at[i]->kind == KIR_LOOP || b->at[i]->kind == KIR_FOR) {
            t->last = i;
            any = true;
        }
    return any;
}

static bool fits(march *t, const kir_block *b) {
    if (!find_last(t, b) || !is_straight(b, t->last + 1))
        return false;
    for (uint32_t i = 0; i <= t->last; i++) {
        kir_stmt *s = b->at[i];
        t->stores |= s->kind == KIR_STORE;
        if (s->kind != KIR_STORE && !is_open_loop(t, s) && !can_step(t, s, NULL))
            return false;
    }
    return !(t->stores && t->checks) && t->has_floats;
}

static bool note_varying(kir_stmt *s, void *context) {
    march *t = context;
    if (s->kind == KIR_ASSIGN || s->kind == KIR_FOR)
        vars_add(&t->varying, s->var);
    return true;
}

/* Nothing that the body assigns is read behind the loop, and only sums come in from before it. */
static bool are_private(march *t) {
    const kir_loop_info *l = t->loop->loop;
    var_set known = vars_new(t->z->scratch, t->z->f), summed = t->summed;
    for (uint32_t i = 0; i < l->privates.len; i++)
        vars_add(&known, l->privates.at[i]);
    for (uint32_t i = 0; i < t->z->f->vars.len; i++) {
        const kir_var *v = t->z->f->vars.at[i];
        if (vars_has(&t->varying, v) && !v->is_temp && !vars_has(&known, v) && !vars_has(&summed, v))
            return false;
    }
    return true;
}

static bool mentions_sums(march *t) {
    kir_block before = {0};
    for (uint32_t i = 0; i <= t->last; i++)
        vec_push(t->z->scratch, &before, t->loop->body.at[i]);
    var_set used = vars_new(t->z->scratch, t->z->f);
    vars_read_in(&before, &used);
    vars_written_in(&before, &used);
    for (uint32_t i = 0; i < used.words && i < t->summed.words; i++)
        if (used.bits[i] & t->summed.bits[i])
            return true;
    return false;
}

static bool is_candidate(march *t) {
    const kir_stmt *s = t->loop;
    const kir_loop_info *l = s->loop;
    bool proven = l->class == KIR_CLASS_INDEPENDENT || (l->class == KIR_CLASS_REDUCTION && l->reductions.len);
    if (!proven || l->when || l->plan || l->cold || l->few || l->is_region || l->chunk || l->last_privates.len ||
        l->carried.len || !is_unit_loop(s) || !fits(t, &s->body))
        return false;
    for (uint32_t i = 0; i < l->reductions.len; i++)
        vars_add(&t->summed, l->reductions.at[i].var);
    kir_each_stmt(&t->loop->body, note_varying, t);
    return !vars_has(&t->varying, s->var) && are_private(t) && !mentions_sums(t);
}

/* ---- building -------------------------------------------------------------------------------------------------------------- */

static kir_expr *ref(march *t, kir_var *v) {
    return kir_ref(t->z->m, v, t->at);
}

static kir_expr *number(march *t, int64_t x) {
    return kir_int(t->z->m, x, t->at);
}

static kir_expr *op(march *t, kir_op o, kir_expr *a, kir_expr *b) {
    return kir_binary(t->z->m, o, a, b, t->at);
}

static kir_expr * not(march * t, kir_expr *a) {
    return kir_unary(t->z->m, KIR_OP_NOT, a, t->at);
}

static void assign(march *t, kir_block *out, kir_var *v, kir_expr *e) {
    vec_push(t->z->m->a, out, kir_assign(t->z->m, v, e, t->at));
}

static kir_var *hold(march *t, kir_block *out, kir_expr *e) {
    kir_var *v = kir_temp_new(t->z->m, t->z->f, e->ty, t->at);
    assign(t, out, v, e);
    return v;
}

static kir_var *flag(march *t) {
    return kir_var_new(t->z->m, t->z->f, NULL, type_bool(t->z->m->types), t->at);
}

static kir_stmt *leave(march *t, kir_stmt *loop, kir_expr *when) {
    kir_stmt *s = kir_stmt_new(t->z->m, KIR_IF, t->at), *out = kir_stmt_new(t->z->m, KIR_BREAK, t->at);
    s->value = when;
    out->target = loop;
    vec_push(t->z->m->a, &s->body, out);
    return s;
}

typedef struct retargeting {
    kir_stmt *from, *to;
} retargeting;

static bool retarget(kir_stmt *s, void *context) {
    retargeting *r = context;
    if (s->target == r->from)
        s->target = r->to;
    return true;
}

static bool varies(march *t, kir_expr *e) {
    return vars_mentions_any(e, &t->varying);
}

/* for %k in range(lo, hi, 1) { … } counts by hand: %c = lo; loop { if not(%c < hi) break; %k = %c; …; %c = %c + 1 } */
static kir_stmt *open_for(march *t, kir_stmt *s, kir_block *out) {
    kir_module *m = t->z->m;
    kir_var *c = kir_var_new(m, t->z->f, NULL, type_int64(m->types), s->at);
    vars_add(&t->varying, c);
    assign(t, out, c, s->lo);
    if (varies(t, s->hi)) {
        kir_var *hi = hold(t, out, s->hi);
        vars_add(&t->varying, hi);
        s->hi = ref(t, hi);
    }
    kir_stmt *loop = kir_stmt_new(m, KIR_LOOP, s->at);
    vec_push(m->a, &loop->body, leave(t, loop, not(t, op(t, KIR_OP_LT, ref(t, c), s->hi))));
    assign(t, &loop->body, s->var, ref(t, c));
    retargeting r = {s, loop};
    kir_each_stmt(&s->body, retarget, &r);
    for (uint32_t i = 0; i < s->body.len; i++)
        vec_push(m->a, &loop->body, s->body.at[i]);
    assign(t, &loop->body, c, op(t, KIR_OP_ADD, ref(t, c), number(t, 1)));
    return loop;
}

static kir_block open_fors(march *t, kir_block *b) {
    kir_block out = {0};
    for (uint32_t i = 0; i < b->len; i++) {
        kir_stmt *s = b->at[i];
        if (s->kind == KIR_FOR)
            s = open_for(t, s, &out);
        if (i == t->last) {
            t->last = out.len;
            vec_push(t->z->m->a, &out, s);
            for (uint32_t k = i + 1; k < b->len; k++)
                vec_push(t->z->m->a, &out, b->at[k]);
            break;
        }
        vec_push(t->z->m->a, &out, s);
    }
    return out;
}

/* ---- masks ------------------------------------------------------------------------------------------------------------------- */

typedef struct masking {
    march *t;
    kir_block *out;
    bool open; /* in a loop that iterations leave */
} masking;

/* Not AND: what one that is through goes on computing may be no number where fastmath promises numbers, and must not reach
 * the others. */
static kir_expr *both(march *t, kir_expr *a, kir_expr *b) {
    return a ? kir_select(t->z->m, a, b, kir_bool(t->z->m, false, t->at), t->at) : b;
}

/* Those that do what stands here: NULL when all do. */
static kir_expr *mask_of(masking *z, kir_var *arm) {
    march *t = z->t;
    if (!z->open)
        return arm ? ref(t, arm) : NULL;
    return arm ? both(t, ref(t, t->live), ref(t, arm)) : ref(t, t->live);
}

static void mask_block(masking *z, kir_block *b, kir_var *arm);

static void mask_assign(masking *z, kir_stmt *s, kir_var *arm) {
    march *t = z->t;
    bool kept = arm || (vars_has(&t->expanded, s->var) && !vars_has(&t->loose, s->var));
    kir_expr *mask = kept ? mask_of(z, arm) : NULL;
    if (mask && s->value->kind != KIR_LOAD) {
        s->value = kir_select(t->z->m, mask, s->value, ref(t, s->var), s->at);
        s->var->is_temp = false;
    }
    vec_push(t->z->m->a, z->out, s);
}

static void mask_if(masking *z, kir_stmt *s, kir_var *arm) {
    march *t = z->t;
    kir_var *c = hold(t, z->out, s->value);
    kir_var *yes = hold(t, z->out, both(t, mask_of(z, arm), ref(t, c)));
    kir_var *no = s->orelse.len ? hold(t, z->out, both(t, mask_of(z, arm), not(t, ref(t, c)))) : NULL;
    mask_block(z, &s->body, yes);
    if (no)
        mask_block(z, &s->orelse, no);
}

static void mask_block(masking *z, kir_block *b, kir_var *arm) {
    march *t = z->t;
    for (uint32_t i = 0; i < b->len; i++) {
        kir_stmt *s = b->at[i];
        if (s->kind == KIR_ASSIGN)
            mask_assign(z, s, arm);
        else if (s->kind == KIR_IF)
            mask_if(z, s, arm);
        else if (s->kind == KIR_CHECK)
            assign(t, z->out, t->bad, op(t, KIR_OP_OR, ref(t, t->bad), both(t, mask_of(z, arm), not(t, s->value))));
        else if (s->kind == KIR_BREAK)
            assign(t, z->out, t->live,
                   arm ? both(t, ref(t, t->live), not(t, ref(t, arm))) : kir_bool(t->z->m, false, t->at));
        else
            vec_push(t->z->m->a, z->out, s);
    }
}

/* ---- loops over the strip ----------------------------------------------------------------------------------------------------- */

static kir_expr *element(march *t, kir_var *array, kir_var *lane) {
    kir_expr *at = ref(t, lane);
    return kir_load(t->z->m, array, &at, 1, t->at);
}

static kir_stmt *lane_loop(march *t, bool abreast) {
    kir_module *m = t->z->m;
    kir_var *lane = kir_temp_new(m, t->z->f, type_int64(m->types), t->at);
    kir_stmt *loop = kir_for(m, lane, number(t, 0), number(t, t->width), number(t, 1), t->loop->loop->kind, t->at);
    loop->loop->class = abreast ? KIR_CLASS_INDEPENDENT : KIR_CLASS_CARRIED;
    loop->loop->few = true;
    loop->loop->vector = loop->loop->abreast = abreast;
    return loop;
}

static void fetch(march *t, kir_stmt *loop, const group *g, kir_var *const *memory) {
    assign(t, &loop->body, t->i, op(t, KIR_OP_ADD, ref(t, t->base), ref(t, loop->var)));
    for (uint32_t k = 0; k < t->n_memory; k++) {
        kir_var *v = t->z->f->vars.at[k];
        if (memory[v->id] && vars_has(&g->exposed, v))
            assign(t, &loop->body, v, element(t, memory[v->id], loop->var));
    }
}

static void put_back(march *t, kir_stmt *loop, const group *g) {
    for (uint32_t k = 0; k < t->n_memory; k++) {
        kir_var *v = t->z->f->vars.at[k];
        kir_expr *at = ref(t, loop->var);
        if (t->memory[v->id] && vars_has(&g->written, v))
            vec_push(t->z->m->a, &loop->body, kir_store(t->z->m, t->memory[v->id], &at, 1, ref(t, v), t->at));
    }
}

static void meet(march *t, kir_stmt *loop, kir_var *v) {
    if (v)
        vec_push(t->z->m->a, &loop->loop->reductions, ((kir_reduction){v, KIR_OP_OR}));
}

static group scan_group(march *t, kir_stmt **at, uint32_t n) {
    return group_scan(t->z->scratch, t->z->f, &t->varying, t->i, at, n);
}

static void march_straight(march *t, kir_stmt **at, uint32_t n, kir_block *out) {
    group g = scan_group(t, at, n);
    kir_stmt *loop = lane_loop(t, true);
    kir_block group_block = {at, n, n};
    fetch(t, loop, &g, t->memory);
    mask_block(&(masking){t, &loop->body, false}, &group_block, NULL);
    put_back(t, loop, &g);
    meet(t, loop, t->bad);
    vec_push(t->z->m->a, out, loop);
}

static bool find_way_out(kir_stmt *s, void *context) {
    bool *found = context;
    *found |= s->kind == KIR_BREAK || s->kind == KIR_CHECK;
    return !*found;
}

static bool may_leave(march *t, kir_stmt *s) {
    kir_block one = {0};
    bool found = false;
    vec_push(t->z->scratch, &one, s);
    kir_each_stmt(&one, find_way_out, &found);
    return found;
}

/* Does a step change, before the last test, what the next one starts from? Then looking again does not give the same. */
static bool forgets_who_left(march *t, const kir_block *b, const group *g) {
    uint32_t n = b->len;
    while (n > 0 && !may_leave(t, b->at[n - 1]))
        n--;
    kir_block before = {0};
    for (uint32_t i = 0; i < n; i++)
        vec_push(t->z->scratch, &before, b->at[i]);
    var_set changed = vars_new(t->z->scratch, t->z->f);
    vars_written_in(&before, &changed);
    for (uint32_t i = 0; i < changed.words && i < g->exposed.words; i++)
        if (changed.bits[i] & g->exposed.bits[i])
            return true;
    return false;
}

/* What the loop's steps hand on and nothing reads behind it. */
static var_set find_loose(march *t, const group *g, kir_block *later) {
    var_set loose = vars_new(t->z->scratch, t->z->f), read = vars_new(t->z->scratch, t->z->f);
    vars_read_in(later, &read);
    for (uint32_t k = 0; k < t->n_memory; k++) {
        const kir_var *v = t->z->f->vars.at[k];
        if (vars_has(&g->exposed, v) && vars_has(&g->written, v) && vars_has(&t->expanded, v) && !vars_has(&read, v))
            vars_add(&loose, v);
    }
    return loose;
}

static bool is_empty(const var_set *s) {
    for (uint32_t i = 0; i < s->words; i++)
        if (s->bits[i])
            return false;
    return true;
}

static kir_var *allocate(march *t, kir_block *out, type *ty) {
    kir_module *m = t->z->m;
    kir_expr *alloc = kir_expr_new(m, KIR_ALLOC, type_array(m->types, ty, 1, LAYOUT_C, false, true), 1, t->at);
    alloc->args[0] = number(t, t->width);
    return hold(t, out, alloc);
}

/* The mask as an array of numbers as wide as others: bytes would have to be widened in every step. */
static kir_var *keep_mask(march *t, kir_block *out) {
    kir_var *mask = allocate(t, out, type_int64(t->z->m->types));
    kir_stmt *loop = lane_loop(t, true);
    kir_expr *at = ref(t, loop->var);
    vec_push(t->z->m->a, &loop->body, kir_store(t->z->m, mask, &at, 1, number(t, 1), t->at));
    vec_push(t->z->m->a, out, loop);
    return mask;
}

/* ---- what all that are not through count alike --------------------------------------------------------------------------------- */

/* How many assignments each variable has, by its id. */
static uint32_t *count_writes(march *t, kir_block *b) {
    uint32_t *writes = arena_array(t->z->scratch, uint32_t, t->z->f->next_var + 1);
    vars_count_writes(b, writes);
    return writes;
}

/* Does the value hang on v and on what is the same for all? */
static bool is_same_for_all(march *t, kir_expr *e, const kir_var *v) {
    bool own = v && vars_has(&t->varying, v);
    if (own)
        vars_remove(&t->varying, v);
    bool same = !varies(t, e) && is_exact(e);
    if (own)
        vars_add(&t->varying, v);
    return same;
}

/* The value that v has for all before the loop; NULL: there is none. */
static kir_expr *start_of(march *t, kir_block *before, const kir_var *v) {
    kir_expr *start = NULL;
    for (uint32_t i = 0; i < before->len; i++)
        if (before->at[i]->kind == KIR_ASSIGN && before->at[i]->var == v)
            start = before->at[i]->value;
    return start && count_writes(t, before)[v->id] == 1 && is_same_for_all(t, start, NULL) ? start : NULL;
}

typedef struct replacing {
    kir_module *m;
    kir_map *map;
} replacing;

static void replace_in_slot(kir_expr **slot, void *context) {
    replacing *r = context;
    *slot = kir_copy_expr(r->m, *slot, r->map);
}

static bool replace_in_stmt(kir_stmt *s, void *context) {
    kir_each_expr(s, replace_in_slot, context);
    return true;
}

/* What the statement reads of v becomes `by`. */
static void replace(march *t, kir_stmt *s, kir_var *v, kir_var *by) {
    kir_block one = {.at = &s, .len = 1, .cap = 1};
    replacing r = {t->z->m, kir_map_new(t->z->m)};
    kir_map_expr(r.map, v, ref(t, by));
    kir_each_stmt(&one, replace_in_stmt, &r);
}

/* Makes one number of the counter that statement `at` of the loop steps: %now, before the step, and %next. */
static void count_for_all(march *t, kir_stmt *loop, uint32_t at, kir_expr *start, kir_block *out, kir_block *begin,
                          kir_block *end) {
    kir_module *m = t->z->m;
    kir_stmt *step = loop->body.at[at];
    kir_var *now = kir_var_new(m, t->z->f, NULL, step->var->ty, t->at);
    assign(t, out, now, kir_copy_expr(m, start, NULL));
    replace(t, step, step->var, now);
    kir_var *next = hold(t, begin, step->value);
    step->value = ref(t, next);
    for (uint32_t i = 0; i < loop->body.len; i++)
        if (i != at)
            replace(t, loop->body.at[i], step->var, i < at ? now : next);
    assign(t, end, now, ref(t, next));
}

/* True when there are such counters. */
static bool count_alike(march *t, kir_stmt *loop, kir_block *before, kir_block *out, kir_block *begin, kir_block *end) {
    uint32_t *writes = count_writes(t, &loop->body);
    bool found = false;
    for (uint32_t i = 0; i < loop->body.len; i++) {
        kir_stmt *s = loop->body.at[i];
        if (s->kind != KIR_ASSIGN || writes[s->var->id] != 1 || !vars_mentions(s->value, s->var) ||
            !is_same_for_all(t, s->value, s->var))
            continue;
        kir_expr *start = start_of(t, before, s->var);
        if (start)
            count_for_all(t, loop, i, start, out, begin, end);
        found |= start != NULL;
    }
    return found;
}

static bool is_break(const kir_stmt *s, const kir_stmt *loop) {
    return s->kind == KIR_IF && s->orelse.len == 0 && s->body.len == 1 && s->body.at[0]->kind == KIR_BREAK &&
           s->body.at[0]->target == loop;
}

/* Parts the test `leave when e`, or when not e: what is the same for all goes into *same, and the rest of e is returned
 * (NULL: nothing). */
static kir_expr *part_test(march *t, kir_expr *e, bool negated, kir_expr **same) {
    if (is_same_for_all(t, e, NULL)) {
        kir_expr *when = negated ? not(t, e) : e;
        *same = *same ? op(t, KIR_OP_OR, *same, when) : when;
        return NULL;
    }
    if (e->kind == KIR_UNARY && e->op == KIR_OP_NOT) {
        kir_expr *rest = part_test(t, e->args[0], !negated, same);
        return rest ? not(t, rest) : NULL;
    }
    kir_op joins = negated ? KIR_OP_AND : KIR_OP_OR;
    if (e->kind != KIR_BINARY || e->op != joins || e->ty->kind != TYPE_BOOL)
        return e;
    kir_expr *a = part_test(t, e->args[0], negated, same), *b = part_test(t, e->args[1], negated, same);
    return a && b ? op(t, joins, a, b) : a ? a : b;
}

/* Tests at the beginning of a loop that are the same for all: when one holds, all that are not through leave, and the march
 * is over. NULL: there are none. */
static kir_expr *part_first_tests(march *t, kir_stmt *loop) {
    kir_expr *same = NULL;
    for (uint32_t i = 0; i < loop->body.len && is_break(loop->body.at[i], loop); i++) {
        kir_expr *own = part_test(t, loop->body.at[i]->value, false, &same);
        loop->body.at[i]->value = own ? own : kir_bool(t->z->m, false, t->at);
    }
    return same;
}

static void march_open(march *t, kir_stmt *s, kir_block *before, kir_block *later, kir_block *out) {
    kir_module *m = t->z->m;
    kir_block begin = {0}, end = {0};
    bool counts = count_alike(t, s, before, out, &begin, &end);
    kir_expr *over_for_all = part_first_tests(t, s);
    group g = scan_group(t, s->body.at, s->body.len);
    t->loose = find_loose(t, &g, later);
    bool masked = counts || !is_empty(&t->loose) || forgets_who_left(t, &s->body, &g);
    kir_var *mask = masked ? keep_mask(t, out) : NULL;
    vars_union(&g.exposed, &g.written); /* who is through keeps what it had */
    kir_var *any = flag(t);
    kir_stmt *loop = lane_loop(t, true), *steps = kir_stmt_new(m, KIR_LOOP, s->at);
    fetch(t, loop, &g, t->memory);
    kir_expr *start = kir_bool(m, true, t->at);
    if (mask)
        start = op(t, KIR_OP_NE, ref(t, hold(t, &loop->body, element(t, mask, loop->var))), number(t, 0));
    assign(t, &loop->body, t->live, start);
    mask_block(&(masking){t, &loop->body, true}, &s->body, NULL);
    put_back(t, loop, &g);
    if (mask) {
        kir_expr *at = ref(t, loop->var);
        kir_expr *bit = kir_select(m, ref(t, t->live), number(t, 1), number(t, 0), t->at);
        vec_push(m->a, &loop->body, kir_store(m, mask, &at, 1, bit, t->at));
    }
    assign(t, &loop->body, any, op(t, KIR_OP_OR, ref(t, any), ref(t, t->live)));
    meet(t, loop, any);
    meet(t, loop, t->bad);
    if (over_for_all)
        vec_push(m->a, &steps->body, leave(t, steps, over_for_all));
    assign(t, &steps->body, any, kir_bool(m, false, t->at));
    kir_block_append(m, &steps->body, &begin);
    vec_push(m->a, &steps->body, loop);
    kir_expr *over = not(t, ref(t, any));
    vec_push(m->a, &steps->body, leave(t, steps, t->bad ? op(t, KIR_OP_OR, over, ref(t, t->bad)) : over));
    kir_block_append(m, &steps->body, &end);
    vec_push(m->a, out, steps);
}

/* What is left for one iteration after the other reads copies, so that the others stay in registers. */
static kir_var **copy_out(march *t, const group *g, kir_block *out) {
    kir_var **copies = arena_array(t->z->scratch, kir_var *, t->z->f->next_var + 1);
    kir_stmt *loop = lane_loop(t, true);
    for (uint32_t k = 0; k < t->n_memory; k++) {
        kir_var *v = t->z->f->vars.at[k];
        if (!t->memory[v->id] || !vars_has(&g->exposed, v))
            continue;
        copies[v->id] = allocate(t, out, v->ty);
        kir_expr *at = ref(t, loop->var);
        kir_var *x = hold(t, &loop->body, element(t, t->memory[v->id], loop->var));
        vec_push(t->z->m->a, &loop->body, kir_store(t->z->m, copies[v->id], &at, 1, ref(t, x), t->at));
    }
    vec_push(t->z->m->a, out, loop);
    return copies;
}

static bool is_plain(march *t, kir_stmt *const *at, uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        if (at[i]->kind != KIR_STORE && (at[i]->kind != KIR_ASSIGN || vars_has(&t->summed, at[i]->var)))
            return false;
    return true;
}

static void finish(march *t, kir_stmt **at, uint32_t n, kir_block *out) {
    group g = scan_group(t, at, n);
    bool plain = is_plain(t, at, n);
    kir_var *const *memory = plain ? t->memory : copy_out(t, &g, out);
    kir_stmt *loop = lane_loop(t, plain);
    fetch(t, loop, &g, memory);
    for (uint32_t i = 0; i < n; i++)
        vec_push(t->z->m->a, &loop->body, at[i]);
    vec_push(t->z->m->a, out, loop);
}

static uint32_t straight_run(const kir_block *b, uint32_t from) {
    uint32_t n = 0;
    while (from + n < b->len && b->at[from + n]->kind != KIR_LOOP)
        n++;
    return n;
}

static void find_expanded(march *t, kir_block *b) {
    for (uint32_t i = 0; i < b->len; i++) {
        uint32_t n = straight_run(b, i);
        group g = n ? scan_group(t, b->at + i, n) : scan_group(t, b->at[i]->body.at, b->at[i]->body.len);
        group_expand(&g, &t->seen, &t->expanded);
        i += n ? n - 1 : 0;
    }
}

/* Sixteen numbers of eight bytes, or 32 of four where there are no wider ones. */
static int64_t width_for(const march *t) {
    int64_t widest = 4;
    for (uint32_t k = 0; k < t->z->f->vars.len; k++)
        if (vars_has(&t->expanded, t->z->f->vars.at[k]) && type_size(t->z->f->vars.at[k]->ty) > widest)
            widest = type_size(t->z->f->vars.at[k]->ty);
    int64_t width = VECTOR_BYTES / widest;
    return width < WIDTH_LEAST ? WIDTH_LEAST : width > WIDTH_MOST ? WIDTH_MOST : width;
}

static void allocate_all(march *t, kir_block *out) {
    uint32_t n = t->n_memory = t->z->f->vars.len;
    t->memory = arena_array(t->z->scratch, kir_var *, t->z->f->next_var + n + 1);
    for (uint32_t k = 0; k < n; k++) {
        kir_var *v = t->z->f->vars.at[k];
        if (!vars_has(&t->expanded, v))
            continue;
        t->memory[v->id] = allocate(t, out, v->ty);
        v->is_temp = false;
    }
}

/* A copy of the body for a full strip, with variables of its own where they had one assignment. */
static kir_block copy_body(march *t) {
    kir_map *map = pass_renamed_temps(t->z->m, t->z->f, t->z->scratch, &t->loop->body);
    t->i = kir_var_new(t->z->m, t->z->f, t->loop->var->name, t->loop->var->ty, t->at);
    kir_map_var(map, t->loop->var, t->i);
    kir_block copy = kir_copy_block(t->z->m, &t->loop->body, map);
    kir_each_stmt(&copy, note_varying, t);
    vars_add(&t->varying, t->i);
    for (uint32_t k = 0; k < t->z->f->vars.len; k++)
        if (vars_has(&t->summed, t->z->f->vars.at[k]))
            vars_remove(&t->varying, t->z->f->vars.at[k]);
    return open_fors(t, &copy);
}

static void march_strip(march *t, kir_block *out) {
    kir_block body = copy_body(t);
    t->seen = vars_new(t->z->scratch, t->z->f);
    t->expanded = vars_new(t->z->scratch, t->z->f);
    find_expanded(t, &body);
    t->width = width_for(t);
    allocate_all(t, out);
    t->live = flag(t);
    if (t->checks) {
        t->bad = flag(t);
        assign(t, out, t->bad, kir_bool(t->z->m, false, t->at));
    }
    for (uint32_t i = 0; i <= t->last; i++) {
        uint32_t n = straight_run(&body, i);
        if (n)
            march_straight(t, body.at + i, n, out);
        else
            march_open(t, body.at[i], &(kir_block){body.at, i, i},
                       &(kir_block){body.at + i + 1, body.len - i - 1, body.len - i - 1}, out);
        i += n ? n - 1 : 0;
    }
    kir_block *to = out;
    if (t->bad) {
        kir_stmt *good = kir_stmt_new(t->z->m, KIR_IF, t->at);
        good->value = not(t, ref(t, t->bad));
        vec_push(t->z->m->a, out, good);
        to = &good->body;
    }
    if (t->last + 1 < body.len)
        finish(t, body.at + t->last + 1, body.len - t->last - 1, to);
}

/* ---- strips -------------------------------------------------------------------------------------------------------------------- */

static kir_stmt *one_by_one(march *t, kir_var *count) {
    kir_stmt *loop = t->loop,
             *s = kir_for(t->z->m, loop->var, ref(t, t->base), op(t, KIR_OP_ADD, ref(t, t->base), ref(t, count)),
                          number(t, 1), loop->loop->kind, loop->at);
    s->loop->class = loop->loop->class;
    s->loop->few = true;
    s->body = loop->body;
    return s;
}

static void report(march *t) {
    kir_module *m = t->z->m;
    uint32_t id = t->loop->loop->id;
    if (id == 0 || id >= m->report.len)
        return;
    m->report.at[id].vector = true;
    m->report.at[id].tile = arena_printf(m->a, "strips of %d side by side, each until it is through", (int)t->width);
}

static void lay_out(march *t, kir_block *out) {
    kir_module *m = t->z->m;
    kir_stmt *loop = t->loop, *full = kir_stmt_new(m, KIR_IF, t->at);
    kir_var *lo = hold(t, out, loop->lo);
    loop->lo = ref(t, lo);
    kir_var *trips = hold(t, out, cost_trip_expr(m, loop));
    kir_stmt *outer = kir_for(m, kir_temp_new(m, t->z->f, type_int64(m->types), t->at), number(t, 0), NULL,
                              number(t, 1), loop->loop->kind, loop->at);
    *outer->loop = *loop->loop;
    outer->loop->privates.len = 0;
    outer->loop->vector = false;
    t->base = kir_temp_new(m, t->z->f, type_int64(m->types), t->at);
    march_strip(t, &full->body);
    kir_expr *wide = number(t, t->width);
    if (loop->loop->parallel) {
        kir_expr *many = op(t, KIR_OP_GE, ref(t, trips), number(t, t->width * STRIPS_WANTED));
        wide = ref(t, hold(t, out, kir_select(m, many, wide, number(t, 1), t->at)));
        outer->loop->cost *= t->width;
    }
    kir_expr *last = op(t, KIR_OP_SUB, ref(t, trips), number(t, 1));
    outer->hi = op(t, KIR_OP_ADD, op(t, KIR_OP_FLOORDIV, last, kir_copy_expr(m, wide, NULL)), number(t, 1));
    outer->hi = ref(t, hold(t, out, outer->hi));
    kir_block *body = &outer->body;
    kir_var *first = hold(t, body, op(t, KIR_OP_MUL, ref(t, outer->var), kir_copy_expr(m, wide, NULL)));
    assign(t, body, t->base, op(t, KIR_OP_ADD, ref(t, lo), ref(t, first)));
    kir_var *count = hold(t, body, op(t, KIR_OP_MIN, wide, op(t, KIR_OP_SUB, ref(t, trips), ref(t, first))));
    full->value = op(t, KIR_OP_EQ, ref(t, count), number(t, t->width));
    kir_block *rest = &full->orelse;
    if (t->bad) {
        kir_var *left = flag(t);
        assign(t, body, left, kir_bool(m, true, t->at));
        assign(t, &full->body, left, ref(t, t->bad));
        vec_push(m->a, body, full);
        kir_stmt *again = kir_stmt_new(m, KIR_IF, t->at);
        again->value = ref(t, left);
        vec_push(m->a, body, again);
        rest = &again->body;
    } else {
        vec_push(m->a, body, full);
    }
    vec_push(m->a, rest, one_by_one(t, count));
    report(t);
    vec_push(m->a, out, outer);
}

static bool march_loop(marcher *z, kir_stmt *s, kir_block *out) {
    if (s->kind != KIR_FOR)
        return false;
    march t = {.z = z, .loop = s, .at = s->at, .width = WIDTH_LEAST};
    t.varying = vars_new(z->scratch, z->f);
    t.summed = vars_new(z->scratch, z->f);
    if (!is_candidate(&t))
        return false;
    lay_out(&t, out);
    return true;
}

static void march_block(marcher *z, kir_block *b) {
    kir_block out = {0};
    for (uint32_t i = 0; i < b->len; i++) {
        kir_stmt *s = b->at[i];
        if (march_loop(z, s, &out))
            continue;
        march_block(z, &s->body);
        march_block(z, &s->orelse);
        vec_push(z->m->a, &out, s);
    }
    *b = out;
}

bool march_run(pass_context *c) {
    for (uint32_t i = 0; i < c->m->fns.len; i++) {
        marcher z = {c->m, c->m->fns.at[i], c->scratch};
        if (z.f->kind != KIR_FN_REGION && !z.f->cold)
            march_block(&z, &z.f->body);
    }
    return true;
}
