/* precheck: the checks of a block of iterations are made before the block runs.
 *
 * A check that depends on data (a divisor that may be zero, an index read from an array) cannot be hoisted out of its
 * loop, and a loop that may raise in every iteration does not become vector code. So the innermost loop is cut into
 * blocks; what the checks need is computed for a whole block, without any store, and only when all of them hold does the
 * block run without checks. Otherwise it runs as the source says, and raises at the right iteration:
 *
 *   for %i in [lo, hi) { check c(%i) raise …; body }
 *   →   for %b in [lo, hi, BLOCK) {
 *           %end = the lesser of hi and %b + BLOCK;  %ok = true
 *           for %k in [%b, %end) { what c needs; %ok = %ok & c(%k) }
 *           if %ok { for %i in [%b, %end) { body } }
 *           else   { for %i in [%b, %end) { check c(%i) raise …; body } cold }
 *       }
 *
 * An index that is read from an array may count from the end: c says 0 <= wrap(%k, n) < n. The block's check asks whether
 * 0 <= %k < n, and what runs behind it does not wrap: four instructions of vectors less at each index. Blocks with indices
 * that count from the end run as the source says.
 *
 * A divisor with a root in it, sqrt(x) or v * sqrt(x), would be computed twice, and roots take long: c says that x >= 2^-200
 * and |v| >= 2^-100, so that the divisor is not 0. Blocks with lesser numbers run as the source says.
 *
 * All three are vector loops or rarely run; a block's data are in the first cache when the second one reads them again.
 *
 * When is this right? The loop is one of independent iterations (`vector`), so no iteration reads what another one
 * writes. It remains that within an iteration what the checks need is loaded before anything is stored that could be the
 * same memory, and hangs on no variable that iterations combine.
 *
 * A body that stores nothing is not run twice: its checks are gathered on the way, and when one failed, the variables that
 * iterations combine are set back to what they were before the block, which then runs exactly:
 *
 *       %saved = %sum;  %ok = true
 *       for %i in [%b, %end) { %ok = %ok & c(%i); body }
 *       if not %ok { %sum = %saved; for %i in [%b, %end) { check c(%i) raise …; body } cold }
 *
 * provided that nothing in the body is safe only behind its checks (loads by index, integer divisions).
 *
 * Phases. What a check needs may itself stand behind an earlier check: k = idx[i]; check 0 <= k < n; x = a[k]; check x != 0.
 * A load or an integer division that shares a variable with an earlier check belongs to the phase after that check's:
 * a loop of its own, which runs when all checks of the phase before have held for the whole block. */
#include "passes/alias.h"
#include "passes/passes.h"
#include "passes/vars.h"

#include <string.h>

enum { BLOCK = 256, LONG_BLOCK = 4096, MAX_PHASES = 3, MAX_STATEMENTS = 400 };

typedef struct check_use { /* a CHECK that stands before the current statement */
    kir_stmt *check;
    uint32_t phase;
} check_use;

typedef struct prechecker {
    kir_module *m;
    kir_fn *f;
    arena *scratch;
    const alias_map *aliases;
    /* of one loop */
    kir_stmt *loop;
    var_set needed;      /* by the checks, directly or not */
    var_set combined;    /* assigned in the body, and read before that in an iteration */
    uint32_t *var_phase; /* by variable id: the phase in which it is known */
    uint32_t *at_phase;  /* by number of the statement in the walk: its phase */
    uint32_t n_statements, phases;
    VEC(check_use) checks;
    VEC(kir_var *) stored;
    bool legal;
    bool relies; /* something is safe only behind a check */
} prechecker;

/* ---- is it a loop for us? -------------------------------------------------------------------------------------------------- */

typedef struct content {
    uint32_t statements;
    bool plain, checks;
} content;

static bool look_at(kir_stmt *s, void *context) {
    content *c = context;
    bool array = s->kind == KIR_ASSIGN && s->var->ty->kind == TYPE_ARRAY;
    bool known = s->kind == KIR_STORE || s->kind == KIR_IF || s->kind == KIR_CHECK || (s->kind == KIR_ASSIGN && !array);
    c->plain &= known && ++c->statements <= MAX_STATEMENTS;
    c->checks |= s->kind == KIR_CHECK;
    return c->plain;
}

static void look_for_gain(kir_expr **slot, void *context) {
    const kir_expr *e = *slot;
    *(bool *)context |= e->kind == KIR_MATH || (e->kind == KIR_BINARY && e->op == KIR_OP_DIV);
}

static bool look_for_gain_in(kir_stmt *s, void *context) {
    if (s->value)
        kir_each_subexpr(&s->value, look_for_gain, context);
    return !*(bool *)context;
}

/* Vector lanes pay for divisions, mathematical functions and chains of additions (a reduction). What is left is moving
 * data, often by index: there the check in place costs less than a second look at the data. */
static bool gains(kir_stmt *loop) {
    bool found = loop->loop->reductions.len > 0;
    kir_block body = loop->body;
    if (!found)
        kir_each_stmt(&body, look_for_gain_in, &found);
    return found;
}

static bool is_candidate(kir_stmt *loop) {
    int64_t step = 0;
    if (!loop->loop->vector || loop->loop->cold || !kir_is_const_int(loop->step, &step) || step != 1)
        return false;
    content c = {.plain = true};
    kir_each_stmt(&loop->body, look_at, &c);
    return c.plain && c.checks && gains(loop);
}

/* ---- what the checks need --------------------------------------------------------------------------------------------------- */

static bool add_reads(var_set *needed, kir_expr *value) {
    uint64_t old[needed->words];
    memcpy(old, needed->bits, sizeof old);
    vars_read_by_expr(value, needed);
    return memcmp(old, needed->bits, sizeof old) != 0;
}

/* One more round; true when something was new. *serves: the block holds a check or computes what one needs. */
static bool need_more(kir_block *b, var_set *needed, bool *serves) {
    bool grew = false;
    for (uint32_t i = 0; i < b->len; i++) {
        kir_stmt *s = b->at[i];
        bool inside = s->kind == KIR_CHECK || (s->kind == KIR_ASSIGN && vars_has(needed, s->var));
        grew |= need_more(&s->body, needed, &inside);
        grew |= need_more(&s->orelse, needed, &inside);
        *serves |= inside;
        if (inside)
            grew |= add_reads(needed, s->value);
    }
    return grew;
}

/* Does a value hang on a variable that iterations combine, or hand on? */
static bool is_self_contained(prechecker *p) {
    var_set exposed = live_exposed(p->scratch, p->f, p->loop), written = vars_new(p->scratch, p->f);
    vars_written_in(&p->loop->body, &written);
    p->combined = vars_new(p->scratch, p->f);
    bool contained = true;
    for (uint32_t k = 0; k < exposed.words; k++) {
        p->combined.bits[k] = exposed.bits[k] & written.bits[k];
        contained &= !(p->combined.bits[k] & p->needed.bits[k]);
    }
    return contained;
}

/* ---- phases ------------------------------------------------------------------------------------------------------------------ */

typedef struct phase_scan {
    const prechecker *p;
    uint32_t phase;
} phase_scan;

static void raise_to_var(kir_var *v, void *context) {
    phase_scan *scan = context;
    uint32_t phase = v->id < scan->p->f->next_var ? scan->p->var_phase[v->id] : 0;
    scan->phase = phase > scan->phase ? phase : scan->phase;
}

static uint32_t phase_of_value(const prechecker *p, kir_expr *e, uint32_t least) {
    phase_scan scan = {p, least};
    vars_in_expr(e, raise_to_var, &scan);
    return scan.phase;
}

static void look_for_trap(kir_expr **slot, void *context) {
    const kir_expr *e = *slot;
    bool divides = e->kind == KIR_BINARY && (e->op == KIR_OP_FLOORDIV || e->op == KIR_OP_MOD ||
                                             e->op == KIR_OP_TRUNCDIV || e->op == KIR_OP_TRUNCMOD);
    *(bool *)context |= e->kind == KIR_LOAD || (divides && type_is_integer(e->ty));
}

/* Loads, and integer divisions, are safe only behind the checks made for them. */
static bool may_trap(kir_expr *e) {
    bool traps = false;
    kir_each_subexpr(&e, look_for_trap, &traps);
    return traps;
}

static bool shares_variable(const prechecker *p, kir_expr *a, kir_expr *b) {
    var_set x = vars_new(p->scratch, p->f), y = vars_new(p->scratch, p->f);
    vars_read_by_expr(a, &x);
    vars_read_by_expr(b, &y);
    for (uint32_t k = 0; k < x.words; k++)
        if (x.bits[k] & y.bits[k])
            return true;
    return false;
}

static uint32_t phase_behind_checks(const prechecker *p, kir_expr *value, uint32_t phase) {
    if (!may_trap(value))
        return phase;
    for (uint32_t i = 0; i < p->checks.len; i++) {
        const check_use *c = &p->checks.at[i];
        if (c->phase + 1 > phase && shares_variable(p, value, c->check->value))
            phase = c->phase + 1;
    }
    return phase;
}

static bool is_stored_before(const prechecker *p, const kir_var *array) {
    for (uint32_t i = 0; i < p->stored.len; i++)
        if (alias_may_share(p->aliases, p->stored.at[i], array))
            return true;
    return false;
}

static uint32_t phase_of(prechecker *p, kir_stmt *s, uint32_t around) {
    uint32_t phase = s->value ? phase_of_value(p, s->value, around) : around;
    p->relies |= s->value && phase_behind_checks(p, s->value, 0) > 0;
    if (s->kind == KIR_STORE) {
        vec_push(p->scratch, &p->stored, s->var);
    } else if (s->kind == KIR_ASSIGN && vars_has(&p->needed, s->var)) {
        phase = phase_behind_checks(p, s->value, phase);
        p->legal &= s->value->kind != KIR_LOAD || !is_stored_before(p, s->value->var);
        uint32_t *known = &p->var_phase[s->var->id];
        *known = phase > *known ? phase : *known;
    } else if (s->kind == KIR_IF || s->kind == KIR_CHECK) {
        phase = phase_behind_checks(p, s->value, phase);
    }
    return phase;
}

/* Numbers the statements in program order and finds the phase of each. */
static void find_phases(prechecker *p, kir_block *b, uint32_t around) {
    for (uint32_t i = 0; i < b->len; i++) {
        kir_stmt *s = b->at[i];
        uint32_t phase = phase_of(p, s, around);
        p->at_phase[p->n_statements++] = phase;
        if (s->kind == KIR_CHECK) {
            vec_push(p->scratch, &p->checks, ((check_use){s, phase}));
            p->phases = phase + 1 > p->phases ? phase + 1 : p->phases;
        }
        find_phases(p, &s->body, phase);
        find_phases(p, &s->orelse, phase);
    }
}

static bool is_legal(prechecker *p) {
    bool serves = false;
    p->needed = vars_new(p->scratch, p->f);
    while (need_more(&p->loop->body, &p->needed, &serves))
        ;
    p->var_phase = arena_array(p->scratch, uint32_t, p->f->next_var + 1);
    p->at_phase = arena_array(p->scratch, uint32_t, MAX_STATEMENTS + 1);
    p->checks.len = p->stored.len = p->n_statements = p->phases = 0;
    p->legal = is_self_contained(p);
    p->relies = false;
    find_phases(p, &p->loop->body, 0);
    return p->legal && p->phases <= MAX_PHASES;
}

/* ---- the loops --------------------------------------------------------------------------------------------------------------- */

typedef struct block_loops { /* being written, for one block of iterations */
    prechecker *p;
    kir_var *begin, *end, *ok;
    span at;
} block_loops;

static kir_stmt *new_loop(block_loops *l, kir_var *v, kir_block body) {
    kir_module *m = l->p->m;
    kir_stmt *s = kir_for(m, v, kir_ref(m, l->begin, l->at), kir_ref(m, l->end, l->at), kir_int(m, 1, l->at),
                          l->p->loop->loop->kind, l->at);
    s->body = body;
    return s;
}

static uint32_t count_assignments(const kir_block *b, const kir_var *v) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < b->len; i++) {
        const kir_stmt *s = b->at[i];
        n += (s->kind == KIR_ASSIGN || s->kind == KIR_FOR) && s->var == v;
        n += count_assignments(&s->body, v) + count_assignments(&s->orelse, v);
    }
    return n;
}

/* ---- divisors with roots ----------------------------------------------------------------------------------------------------- */

/* Products of as many numbers of this size, or greater, are not 0, nor is one a subnormal number. */
#define FAR_FROM_ZERO 0x1p-100
enum { MAX_FACTORS = 8 };

typedef struct factors {
    block_loops *l;
    kir_map *map;
    kir_expr *all; /* that they are far from zero, so far */
    uint32_t n, roots;
} factors;

/* What a variable is, when every iteration assigns it once and always; elsewhere `e` itself. */
static kir_expr *known_value(prechecker *p, kir_expr *e) {
    if (e->kind != KIR_VAR || count_assignments(&p->loop->body, e->var) != 1)
        return e;
    for (uint32_t i = 0; i < p->loop->body.len; i++) {
        kir_stmt *s = p->loop->body.at[i];
        if (s->kind == KIR_ASSIGN && s->var == e->var)
            return s->value;
    }
    return e;
}

static void look_for_change(kir_var *v, void *context) {
    phase_scan *scan = context;
    scan->phase += count_assignments(&scan->p->loop->body, v) > 1;
}

/* Does it read what an iteration assigns more than once, or memory, so that it may have had another value where the
 * divisor was computed? */
static bool changes(const prechecker *p, kir_expr *e) {
    phase_scan scan = {p, 0};
    vars_in_expr(e, look_for_change, &scan);
    return scan.phase > 0 || may_trap(e);
}

/* not(e < least), which NaN passes as it passes e != 0; with `both`, nor between -least and 0. */
static void add_factor(factors *x, kir_expr *e, double least, bool both) {
    kir_module *m = x->l->p->m;
    span at = e->at;
    kir_expr *near = kir_binary(m, KIR_OP_LT, kir_copy_expr(m, e, x->map), kir_const_float(m, e->ty, least, at), at);
    if (both) {
        kir_expr *low = kir_const_float(m, e->ty, -least, at);
        near = kir_binary(m, KIR_OP_AND, near, kir_binary(m, KIR_OP_GT, kir_copy_expr(m, e, x->map), low, at), at);
    }
    kir_expr *is_far = kir_unary(m, KIR_OP_NOT, near, at);
    x->all = x->all ? kir_binary(m, KIR_OP_AND, x->all, is_far, at) : is_far;
    x->n++;
}

static void add_factors(factors *x, kir_expr *divisor) {
    kir_expr *e = known_value(x->l->p, divisor);
    if (e->kind == KIR_BINARY && e->op == KIR_OP_MUL) {
        add_factors(x, e->args[0]);
        add_factors(x, e->args[1]);
    } else if (e->kind == KIR_MATH && e->op == KIR_OP_SQRT && !changes(x->l->p, e)) {
        add_factor(x, e->args[0], FAR_FROM_ZERO * FAR_FROM_ZERO, false);
        x->roots++;
    } else {
        x->n += changes(x->l->p, divisor) ? MAX_FACTORS : 0;
        add_factor(x, divisor, FAR_FROM_ZERO, true);
    }
}

/* The check, or what implies it and takes no root. */
static kir_expr *cheapest_check(block_loops *l, kir_expr *check, kir_map *map) {
    kir_module *m = l->p->m;
    factors x = {.l = l, .map = map};
    bool is_divisor = check->kind == KIR_BINARY && check->op == KIR_OP_NE && check->args[0]->ty->kind == TYPE_FLOAT &&
                      check->args[0]->ty->bits == 64 && check->args[1]->kind == KIR_CONST &&
                      check->args[1]->value.f == 0;
    if (is_divisor)
        add_factors(&x, check->args[0]);
    return x.roots > 0 && x.n <= MAX_FACTORS ? x.all : kir_copy_expr(m, check, map);
}

/* ok = ok & holds */
static kir_stmt *take_check(block_loops *l, const kir_stmt *check, kir_expr *holds) {
    kir_module *m = l->p->m;
    kir_expr *all = kir_binary(m, KIR_OP_AND, kir_ref(m, l->ok, check->at), holds, check->at);
    return kir_assign(m, l->ok, all, check->at);
}

static kir_var *renamed(block_loops *l, kir_map *map, kir_var *v) {
    kir_var *to = kir_mapped_var(map, v);
    if (to != v)
        return to;
    to = kir_var_new(l->p->m, l->p->f, v->name, v->ty, v->at);
    to->is_temp = v->is_temp;
    kir_map_var(map, v, to);
    return to;
}

/* What the checks of a phase need, in variables of its own. *number: of the next statement in the walk. */
static kir_block copy_phase(block_loops *l, kir_block *from, uint32_t phase, uint32_t *number, kir_map *map) {
    kir_module *m = l->p->m;
    kir_block out = {0};
    for (uint32_t i = 0; i < from->len; i++) {
        kir_stmt *s = from->at[i];
        uint32_t at = l->p->at_phase[(*number)++];
        if (s->kind == KIR_ASSIGN && at <= phase && vars_has(&l->p->needed, s->var)) {
            kir_expr *value = kir_copy_expr(m, s->value, map);
            vec_push(m->a, &out, kir_assign(m, renamed(l, map, s->var), value, s->at));
        } else if (s->kind == KIR_CHECK && at == phase) {
            vec_push(m->a, &out, take_check(l, s, cheapest_check(l, s->value, map)));
        }
        kir_block body = copy_phase(l, &s->body, phase, number, map);
        kir_block orelse = copy_phase(l, &s->orelse, phase, number, map);
        if (at > phase || body.len + orelse.len == 0)
            continue;
        kir_stmt *branch = kir_stmt_new(m, KIR_IF, s->at);
        branch->value = kir_copy_expr(m, s->value, map);
        branch->body = body;
        branch->orelse = orelse;
        vec_push(m->a, &out, branch);
    }
    return out;
}

static kir_stmt *phase_loop(block_loops *l, uint32_t phase) {
    kir_module *m = l->p->m;
    kir_map *map = kir_map_new(m);
    kir_var *v = kir_var_new(m, l->p->f, NULL, l->p->loop->var->ty, l->at);
    kir_map_var(map, l->p->loop->var, v);
    uint32_t number = 0;
    kir_stmt *s = new_loop(l, v, copy_phase(l, &l->p->loop->body, phase, &number, map));
    s->loop->vector = true;
    return s;
}

static kir_stmt *when_ok(block_loops *l, kir_stmt *then) {
    kir_stmt *s = kir_stmt_new(l->p->m, KIR_IF, l->at);
    s->value = kir_ref(l->p->m, l->ok, l->at);
    vec_push(l->p->m->a, &s->body, then);
    return s;
}

static void gather_checks(block_loops *l, kir_block *b) {
    for (uint32_t i = 0; i < b->len; i++) {
        kir_stmt *s = b->at[i];
        gather_checks(l, &s->body);
        gather_checks(l, &s->orelse);
        if (s->kind == KIR_CHECK)
            b->at[i] = take_check(l, s, kir_copy_expr(l->p->m, s->value, NULL));
    }
}

static void drop_checks(prechecker *p, kir_block *b) {
    kir_block out = {0};
    for (uint32_t i = 0; i < b->len; i++) {
        drop_checks(p, &b->at[i]->body);
        drop_checks(p, &b->at[i]->orelse);
        if (b->at[i]->kind != KIR_CHECK)
            vec_push(p->m->a, &out, b->at[i]);
    }
    *b = out;
}

/* The loop as the source has it, for a block in which some check fails. */
static kir_stmt *exact_loop(block_loops *l, kir_block *body) {
    prechecker *p = l->p;
    kir_map *map = pass_renamed_temps(p->m, p->f, p->scratch, body);
    kir_var *v = p->loop->var->is_temp ? renamed(l, map, p->loop->var) : p->loop->var;
    kir_stmt *s = new_loop(l, v, kir_copy_block(p->m, body, map));
    s->loop->cold = true;
    s->loop->is_region = p->loop->loop->is_region;
    return s;
}

/* hi - begin as unsigned: right for every pair begin < hi. */
static kir_expr *end_of_block(block_loops *l, kir_var *hi, int64_t length) {
    kir_module *m = l->p->m;
    type *u64 = type_int(m->types, 64, false);
    kir_expr *left = kir_binary(m, KIR_OP_SUB, kir_ref(m, hi, l->at), kir_ref(m, l->begin, l->at), l->at);
    kir_expr *is_last =
        kir_binary(m, KIR_OP_LE, kir_cast(m, left, u64, l->at), kir_const_int(m, u64, length, l->at), l->at);
    kir_expr *next = kir_binary(m, KIR_OP_ADD, kir_ref(m, l->begin, l->at), kir_int(m, length, l->at), l->at);
    return kir_select(m, is_last, kir_ref(m, hi, l->at), next, l->at);
}

typedef struct indices {
    prechecker *p;
    VEC(kir_expr *) tested; /* wrapped indices that every iteration asks not to be negative */
} indices;

/* An index that an iteration assigns once is the same wherever it reads it. */
static void find_tested(indices *x, kir_expr *e) {
    int64_t zero;
    if (e->kind != KIR_BINARY)
        return;
    for (uint32_t k = 0; e->op == KIR_OP_AND && k < 2; k++)
        find_tested(x, e->args[k]);
    if (e->op != KIR_OP_GE || e->args[0]->kind != KIR_WRAP || !kir_is_const_int(e->args[1], &zero) || zero != 0)
        return;
    const kir_expr *index = e->args[0]->args[0];
    if (index->kind == KIR_VAR && !vars_has(&x->p->combined, index->var) &&
        count_assignments(&x->p->loop->body, index->var) == 1)
        vec_push(x->p->scratch, &x->tested, kir_copy_expr(x->p->m, e->args[0], NULL));
}

static void drop_wrap(kir_expr **slot, void *context) {
    indices *x = context;
    for (uint32_t i = 0; i < x->tested.len; i++)
        if (kir_expr_equal(*slot, x->tested.at[i])) {
            *slot = (*slot)->args[0];
            return;
        }
}

static void drop_wraps_of(kir_expr **slot, void *context) {
    kir_each_subexpr(slot, drop_wrap, context);
}

static bool drop_wraps_in(kir_stmt *s, void *context) {
    kir_each_expr(s, drop_wraps_of, context);
    return true;
}

/* Indices that count from the end fail the check, so that vectors need not wrap them: the exact loop takes such a block. */
static void drop_wraps(prechecker *p) {
    indices x = {.p = p};
    for (uint32_t i = 0; i < p->loop->body.len; i++)
        if (p->loop->body.at[i]->kind == KIR_CHECK)
            find_tested(&x, p->loop->body.at[i]->value);
    if (x.tested.len > 0)
        kir_each_stmt(&p->loop->body, drop_wraps_in, &x);
}

/* All checks first, then the block without any. */
static void check_before(block_loops *l, kir_block *out) {
    prechecker *p = l->p;
    kir_block as_written = kir_copy_block(p->m, &p->loop->body, NULL);
    drop_wraps(p);
    for (uint32_t phase = 0; phase < p->phases; phase++) {
        kir_stmt *loop = phase_loop(l, phase);
        vec_push(p->m->a, out, phase ? when_ok(l, loop) : loop);
    }
    kir_stmt *versions = when_ok(l, p->loop);
    vec_push(p->m->a, &versions->orelse, exact_loop(l, &as_written));
    drop_checks(p, &p->loop->body);
    vec_push(p->m->a, out, versions);
}

/* The checks on the way, and back to the start of the block when one failed. */
static void check_along(block_loops *l, kir_block *out) {
    prechecker *p = l->p;
    kir_module *m = p->m;
    kir_stmt *again = kir_stmt_new(m, KIR_IF, l->at);
    again->value = kir_unary(m, KIR_OP_NOT, kir_ref(m, l->ok, l->at), l->at);
    for (uint32_t i = 0, n = p->f->vars.len; i < n; i++) {
        kir_var *v = p->f->vars.at[i];
        if (!vars_has(&p->combined, v))
            continue;
        kir_var *saved = kir_temp_new(m, p->f, v->ty, l->at);
        vec_push(m->a, out, kir_assign(m, saved, kir_ref(m, v, l->at), l->at));
        vec_push(m->a, &again->body, kir_assign(m, v, kir_ref(m, saved, l->at), l->at));
    }
    vec_push(m->a, &again->body, exact_loop(l, &p->loop->body));
    gather_checks(l, &p->loop->body);
    vec_push(m->a, out, p->loop);
    vec_push(m->a, out, again);
}

/* Puts the loop over blocks, and what it needs before it, in the place of p->loop. */
static void cut(prechecker *p, kir_block *out) {
    kir_module *m = p->m;
    kir_stmt *fast = p->loop;
    span at = fast->at;
    type *i64 = type_int64(m->types);
    bool along = p->stored.len == 0 && !p->relies;
    int64_t length = along ? LONG_BLOCK : BLOCK;
    block_loops l = {p, kir_var_new(m, p->f, NULL, i64, at), kir_temp_new(m, p->f, i64, at),
                     kir_var_new(m, p->f, NULL, type_bool(m->types), at), at};
    kir_var *hi = kir_temp_new(m, p->f, i64, at);
    vec_push(m->a, out, kir_assign(m, hi, fast->hi, at));
    kir_stmt *blocks = kir_for(m, l.begin, fast->lo, kir_ref(m, hi, at), kir_int(m, length, at), fast->loop->kind, at);
    blocks->loop->is_region = fast->loop->is_region;
    blocks->loop->id = fast->loop->id;
    vec_push(m->a, &blocks->body, kir_assign(m, l.end, end_of_block(&l, hi, length), at));
    vec_push(m->a, &blocks->body, kir_assign(m, l.ok, kir_bool(m, true, at), at));
    if (along)
        check_along(&l, &blocks->body);
    else
        check_before(&l, &blocks->body);
    fast->lo = kir_ref(m, l.begin, at);
    fast->hi = kir_ref(m, l.end, at);
    fast->loop->is_region = false;
    vec_push(m->a, out, blocks);
}

static void precheck_block(prechecker *p, kir_block *b) {
    kir_block out = {0};
    for (uint32_t i = 0; i < b->len; i++) {
        kir_stmt *s = b->at[i];
        p->loop = s;
        if (s->kind == KIR_FOR && is_candidate(s) && is_legal(p)) {
            cut(p, &out);
            continue;
        }
        precheck_block(p, &s->body);
        precheck_block(p, &s->orelse);
        vec_push(p->m->a, &out, s);
    }
    *b = out;
}

bool precheck_run(pass_context *c) {
    for (uint32_t i = 0; i < c->m->fns.len; i++) {
        kir_fn *f = c->m->fns.at[i];
        prechecker p = {.m = c->m, .f = f, .scratch = c->scratch, .aliases = alias_new(c->scratch, f)};
        precheck_block(&p, &f->body);
    }
    return true;
}
