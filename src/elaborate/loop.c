/* Loops: while, for over anything countable (one KIR loop), for over tuples (one copy of the body an item), and jumps.
 *
 * A loop's head is a merge whose back edges are known last. The body is elaborated with the states that the variables
 * have before the loop (constants forgotten for whatever the body assigns). When a back edge then brings a wider type for
 * a variable that the body read first, everything the body did is thrown away and it is elaborated again with the joined
 * type; what a head came to is remembered, so that loops inside loops do not multiply the rounds.
 * A variable that the body assigns before it reads it may change freely: no second round.
 * The variable of a counted loop has its last value afterwards: computed from the bounds, where somebody asks. */
#include "elaborate/flow.h"

enum { MAX_ROUNDS = 20, MAX_UNROLLED = 256 };

static bool is_poison(const value *v) {
    return v->kind == VAL_INVALID || v->kind == VAL_BOTTOM;
}

/* ---- rounds: throwing away what a body did ----------------------------------------------------------------------------------- */

typedef struct snapshot {
    uint32_t trail, items, errors, notes, returns, exits, blocks;
    VEC(uint32_t) loops; /* edges of the loops around */
} snapshot;

static snapshot take_snapshot(elab *e) {
    snapshot s = {.trail = e->trail.len, .items = e->m->diags->items.len, .errors = e->m->diags->errors};
    s.notes = e->result ? e->result->notes.len : 0;
    s.returns = e->act->returns.len;
    s.exits = e->act->exit ? e->act->exit->edges.len : 0;
    for (loop_context *l = e->loop; l && l->owner == e->act; l = l->outer) {
        vec_push(e->a, &s.loops, l->breaks->edges.len);
        vec_push(e->a, &s.loops, l->continues->edges.len);
    }
    return s;
}

static void restore_snapshot(elab *e, const snapshot *s) {
    trail_undo(e, s->trail);
    e->m->diags->items.len = s->items;
    e->m->diags->errors = s->errors;
    if (e->result)
        e->result->notes.len = s->notes;
    e->act->returns.len = s->returns;
    if (e->act->exit)
        e->act->exit->edges.len = s->exits;
    uint32_t i = 0;
    for (loop_context *l = e->loop; l && l->owner == e->act; l = l->outer) {
        l->breaks->edges.len = s->loops.at[i++];
        l->continues->edges.len = s->loops.at[i++];
    }
    e->unreachable = false;
}

/* ---- loops ------------------------------------------------------------------------------------------------------------------------ */

typedef struct loop_run {
    const ast *node;
    const stmt_facts *facts;
    const ast_list *body, *orelse;
    kir_stmt *stmt;   /* FOR or LOOP of this round */
    kir_stmt *around; /* BLOCK that break leaves, when there is an else */
    loop_context context;
    merge breaks, continues;
    VEC(loop_head) heads;
    uint64_t key;
    bool counted;
    void (*enter)(elab *e, struct loop_run *r); /* emits what an iteration starts with */
    kir_stmt *(*make)(elab *e, struct loop_run *r);
    slot *index;        /* counted: the plain variable that the loop counts, when the body leaves it alone */
    const value *items; /* what is iterated over */
    kir_var *counter;
    kir_expr *lo, *hi, *step;
} loop_run;

static hint_row *find_hints(elab *e, uint64_t key) {
    for (uint32_t i = 0; i < e->hints.len; i++)
        if (e->hints.at[i].key == key)
            return &e->hints.at[i];
    return NULL;
}

static loop_head *find_head(loop_run *r, const slot *s) {
    for (uint32_t i = 0; i < r->heads.len; i++)
        if (r->heads.at[i].slot == s)
            return &r->heads.at[i];
    return NULL;
}

static void add_head(elab *e, loop_run *r, slot *s) {
    if (find_head(r, s))
        return;
    slot_note_read(e, s);
    loop_head h = {.slot = s, .entry = s->now};
    h.head = slot_general(e, s, &s->now);
    hint_row *hints = find_hints(e, r->key);
    for (uint32_t i = 0; hints && i < hints->states.len; i++) {
        slot_state joined;
        if (hints->states.at[i].slot->index != s->index || hints->states.at[i].slot->name != s->name)
            continue;
        if (state_unify(e, s, &h.head, &hints->states.at[i].state, &joined))
            h.head = slot_general(e, s, &joined);
    }
    h.want = h.head;
    vec_push(e->a, &r->heads, h);
}

/* The variables that iterations may hand to one another: assigned inside, and live at the head. */
static void collect_heads(elab *e, loop_run *r) {
    scope *s = e->act->scope;
    for (uint32_t i = 0; i < s->facts->n_names; i++) {
        bool live = bit_is_set(r->facts->live_head, i) || bit_is_set(s->facts->captured, i);
        if (bit_is_set(r->facts->may, i) && live && &s->slots[i] != r->index)
            add_head(e, r, &s->slots[i]);
    }
}

static void enter_heads(elab *e, loop_run *r) {
    for (uint32_t i = 0; i < r->heads.len; i++)
        slot_set(e, r->heads.at[i].slot, r->heads.at[i].head);
}

static bool was_read(const loop_run *r, const slot *s) {
    for (uint32_t i = 0; i < r->context.reads.len; i++)
        if (r->context.reads.at[i] == s)
            return true;
    return false;
}

static bool is_live_head(const loop_run *r, const scope *where, const slot *s) {
    if (s->scope->closed)
        return false;
    if (s->scope != where)
        return true;
    if (s->index >= where->facts->n_names)
        return false;
    return bit_is_set(r->facts->live_head, s->index) || bit_is_set(where->facts->captured, s->index);
}

/* Variables of enclosing functions that calls in the body assigned: the syntax of the loop does not show them. */
static bool add_hidden_heads(elab *e, loop_run *r, const snapshot *before) {
    VEC(slot *) hidden = {0};
    for (uint32_t i = 0; i < r->continues.edges.len; i++)
        for (uint32_t k = 0; k < r->continues.edges.at[i].deltas.len; k++) {
            slot *s = r->continues.edges.at[i].deltas.at[k].slot;
            if (is_live_head(r, e->act->scope, s) && !find_head(r, s) && s != r->index)
                vec_push(e->a, &hidden, s);
        }
    if (!hidden.len)
        return false;
    restore_snapshot(e, before);
    for (uint32_t i = 0; i < hidden.len; i++)
        add_head(e, r, hidden.at[i]);
    return true;
}

/* Joins into h->want what one path brings; true when that path left the variable as the head had it. What an error broke
 * does not widen anything: the error may vanish in the next round. */
static bool join_path(elab *e, const loop_run *r, const edge *x, loop_head *h) {
    for (uint32_t i = 0; i < x->deltas.len; i++) {
        const delta *d = &x->deltas.at[i];
        if (d->slot != h->slot)
            continue;
        if (d->state.bound == SLOT_BROKEN) {
            h->broken = true;
            return false;
        }
        slot_state joined;
        state_unify(e, h->slot, &h->want, &d->state, &joined);
        h->want = joined;
        return d->changed <= r->context.mark;
    }
    return true;
}

static bool widen_head(elab *e, loop_run *r, loop_head *h) {
    bool carried = false;
    h->want = h->head;
    h->broken = false;
    for (uint32_t i = 0; i < r->continues.edges.len; i++)
        carried |= join_path(e, r, &r->continues.edges.at[i], h);
    bool simple = r->counted && !r->orelse->len;
    for (uint32_t i = 0; simple && i < r->breaks.edges.len; i++)
        carried |= join_path(e, r, &r->breaks.edges.at[i], h);
    if (state_same(&h->want, &h->head))
        return false;
    if (!simple)
        carried = true;
    return carried || was_read(r, h->slot);
}

static bool widen_heads(elab *e, loop_run *r) {
    bool again = false;
    for (uint32_t i = 0; i < r->heads.len; i++)
        if (widen_head(e, r, &r->heads.at[i])) {
            r->heads.at[i].widened = true;
            again = true;
        }
    return again;
}

static void remember_heads(elab *e, const loop_run *r) {
    hint_row *row = find_hints(e, r->key);
    if (!row) {
        vec_push(e->a, &e->hints, (hint_row){.key = r->key});
        row = &e->hints.at[e->hints.len - 1];
    }
    row->states.len = 0;
    for (uint32_t i = 0; i < r->heads.len; i++)
        if (r->heads.at[i].widened)
            vec_push(e->a, &row->states, (delta){.slot = r->heads.at[i].slot, .state = r->heads.at[i].want});
}

static void elaborate_round(elab *e, loop_run *r, const snapshot *before) {
    enter_heads(e, r);
    r->stmt = r->make(e, r);
    r->around = r->counted && r->orelse->len ? kir_stmt_new(e->m, KIR_BLOCK, r->node->at) : NULL;
    r->breaks = (merge){.mark = before->trail};
    merge_begin(e, &r->continues);
    loop_context *outer = e->loop;
    r->context = (loop_context){.outer = outer,
                                .owner = e->act,
                                .break_target = r->around ? r->around : r->stmt,
                                .continue_target = r->stmt,
                                .breaks = &r->breaks,
                                .continues = &r->continues,
                                .mark = e->trail.len,
                                .report = r->context.report};
    e->loop = &r->context;
    elab_push_block(e, &r->stmt->body);
    r->enter(e, r);
    elab_statements(e, r->body);
    merge_edge(e, &r->continues, NULL);
    elab_pop_block(e);
    e->loop = outer;
}

/* After the loop has settled: every path stores what the head reads, then the variables have the head's states. */
static bool flag_by_trips(const loop_run *r, const loop_head *h) {
    if (!r->counted || r->orelse->len || r->breaks.edges.len || was_read(r, h->slot))
        return false;
    if (h->entry.bound != SLOT_UNBOUND || h->want.bound != SLOT_MAYBE)
        return false;
    for (uint32_t i = 0; i < r->continues.edges.len; i++) {
        const slot_state *st = edge_state(&r->continues.edges.at[i], h->slot);
        if (!st || st->bound != SLOT_BOUND)
            return false;
    }
    return true;
}

static void settle_paths(elab *e, const merge *m, loop_head *h, const slot_state *to) {
    for (uint32_t i = 0; i < m->edges.len; i++) {
        const slot_state *st = edge_state(&m->edges.at[i], h->slot);
        edge_settle(e, &m->edges.at[i], h->slot, st ? st : &h->head, to);
    }
}

/* hi > lo, or with the signs turned round. */
static kir_expr *has_trips(elab *e, const loop_run *r) {
    kir_module *m = e->m;
    span at = r->node->at;
    kir_expr *up = kir_binary(m, KIR_OP_LT, kir_copy_expr(m, r->lo, NULL), kir_copy_expr(m, r->hi, NULL), at);
    kir_expr *down = kir_binary(m, KIR_OP_GT, kir_copy_expr(m, r->lo, NULL), kir_copy_expr(m, r->hi, NULL), at);
    kir_expr *rising = kir_binary(m, KIR_OP_GT, kir_copy_expr(m, r->step, NULL), kir_int(m, 0, at), at);
    return kir_select(m, rising, up, down, at);
}

/* Can hi - lo be more than an int64 where there are trips? */
static bool may_span_half(const loop_run *r, int64_t step) {
    int64_t end;
    return !(step > 0 && kir_is_const_int(r->lo, &end) && end >= 0) &&
           !(step < 0 && kir_is_const_int(r->hi, &end) && end >= -1);
}

/* (to - from) / step, without a sign: from -2^63 to 2^63 is 2^64. */
static kir_expr *count_unsigned(elab *e, kir_expr *length, kir_expr *step, span at) {
    type *u = type_int(e->m->types, 64, false);
    kir_expr *turns = kir_binary(e->m, KIR_OP_TRUNCDIV, kir_cast(e->m, length, u, at), kir_cast(e->m, step, u, at), at);
    return kir_cast(e->m, turns, type_int64(e->m->types), at);
}

static kir_expr *turned(elab *e, kir_expr *rising, kir_expr *x, span at) {
    return kir_select(e->m, kir_copy_expr(e->m, rising, NULL), x,
                      kir_unary(e->m, KIR_OP_NEG, kir_copy_expr(e->m, x, NULL), at), at);
}

/* lo + (trips - 1) * step, when there are any. */
static kir_expr *last_index(elab *e, const loop_run *r) {
    kir_module *m = e->m;
    span at = r->node->at;
    kir_expr *rising = kir_binary(m, KIR_OP_GT, kir_copy_expr(m, r->step, NULL), kir_int(m, 0, at), at);
    kir_expr *one = kir_select(m, kir_copy_expr(m, rising, NULL), kir_int(m, 1, at), kir_int(m, -1, at), at);
    kir_expr *end = kir_binary(m, KIR_OP_SUB, kir_copy_expr(m, r->hi, NULL), one, at);
    int64_t step = 0;
    bool known = kir_is_const_int(r->step, &step);
    if (known && (step == 1 || step == -1))
        return end;
    kir_expr *length = kir_binary(m, KIR_OP_SUB, end, kir_copy_expr(m, r->lo, NULL), at), *turns;
    if (known && !may_span_half(r, step))
        turns = kir_binary(m, KIR_OP_TRUNCDIV, length, kir_copy_expr(m, r->step, NULL), at);
    else
        turns = count_unsigned(e, turned(e, rising, length, at), turned(e, rising, kir_copy_expr(m, r->step, NULL), at),
                               at);
    kir_expr *way = kir_binary(m, KIR_OP_MUL, turns, kir_copy_expr(m, r->step, NULL), at);
    return kir_binary(m, KIR_OP_ADD, kir_copy_expr(m, r->lo, NULL), way, at);
}

/* The loop's own variable keeps its last value, computed from the bounds; after no trips its old one. */
static void assign_last_index(elab *e, const loop_run *r) {
    slot *s = r->index;
    span at = r->node->at;
    if (!bit_is_set(r->facts->live_out, s->index)) {
        slot_unbind(e, s);
        return;
    }
    slot_state old = s->now;
    slot_note_read(e, s);
    value last = value_of(e, last_index(e, r));
    slot_state counted = {.bound = SLOT_BOUND, .v = last}, joined;
    if (!state_unify(e, s, &old, &counted, &joined) || joined.bound == SLOT_BROKEN) {
        slot_set(e, s, joined);
        return;
    }
    joined = slot_general(e, s, &joined);
    slot_settle(e, s, &old, &joined);
    value fits = elab_convert(e, &last, joined.v.ty, at);
    kir_expr *kept = fits.expr;
    if (old.bound == SLOT_BOUND || old.bound == SLOT_MAYBE)
        kept = kir_select(e->m, has_trips(e, r), fits.expr, kir_copy_expr(e->m, joined.v.expr, NULL), at);
    elab_emit(e, kir_assign(e->m, joined.v.expr->var, kept, at));
    if (joined.bound == SLOT_MAYBE) {
        kir_expr *ran = has_trips(e, r);
        if (old.bound == SLOT_MAYBE)
            ran = kir_binary(e->m, KIR_OP_OR, kir_ref(e->m, slot_flag(e, s), at), ran, at);
        elab_emit(e, kir_assign(e->m, slot_flag(e, s), ran, at));
    }
    slot_set(e, s, joined);
}

static void finish_loop(elab *e, loop_run *r, const snapshot *before) {
    for (uint32_t i = 0; i < r->heads.len; i++)
        if (r->heads.at[i].broken)
            r->heads.at[i].want = (slot_state){.bound = SLOT_BROKEN};
    const scope *where = e->act->scope;
    const uint64_t *live_out = r->facts->live_out;
    bool simple = r->counted && !r->orelse->len;
    bool *by_trips = arena_array(e->a, bool, r->heads.len + 1);
    for (uint32_t i = 0; i < r->heads.len; i++) {
        loop_head *h = &r->heads.at[i];
        by_trips[i] = flag_by_trips(r, h);
        slot_state to = h->want;
        if (by_trips[i])
            to.bound = SLOT_BOUND;
        settle_paths(e, &r->continues, h, &to);
        if (simple)
            settle_paths(e, &r->breaks, h, &to);
    }
    trail_undo(e, before->trail);
    e->unreachable = false;
    for (uint32_t i = 0; i < r->heads.len; i++) {
        loop_head *h = &r->heads.at[i];
        if (!by_trips[i])
            slot_settle(e, h->slot, &h->entry, &h->want);
    }
    if (r->around)
        elab_push_block(e, &r->around->body);
    elab_emit(e, r->stmt);
    if (!simple && !r->counted) {
        merge_end(e, &r->breaks, where, live_out);
        return;
    }
    for (uint32_t i = 0; i < r->heads.len; i++) {
        loop_head *h = &r->heads.at[i];
        if (by_trips[i])
            elab_emit(e, kir_assign(e->m, slot_flag(e, h->slot), has_trips(e, r), r->node->at));
        slot_set(e, h->slot, h->want);
    }
    for (uint32_t i = 0; i < where->facts->n_names; i++) {
        slot *s = &where->slots[i];
        if (bit_is_set(r->facts->may, i) && s != r->index && !find_head(r, s))
            slot_unbind(e, s);
    }
    if (r->index)
        assign_last_index(e, r);
    if (!r->around)
        return;
    elab_statements(e, r->orelse);
    merge_edge(e, &r->breaks, NULL);
    elab_pop_block(e);
    trail_undo(e, before->trail);
    e->unreachable = false;
    elab_emit(e, r->around);
    merge_end(e, &r->breaks, where, live_out);
}

static void run_loop(elab *e, loop_run *r) {
    scope *where = e->act->scope;
    r->facts = facts_of(where->facts, r->node);
    r->key = elab_mix(elab_mix(where->site, (uint64_t)(uintptr_t)r->node), (uint64_t)(uintptr_t)e->fn);
    snapshot before = take_snapshot(e);
    collect_heads(e, r);
    bool widened = false;
    for (uint32_t round = 0; round < MAX_ROUNDS; round++) {
        elaborate_round(e, r, &before);
        if (r->index && r->breaks.edges.len) {
            restore_snapshot(e, &before);
            slot *s = r->index;
            r->index = NULL;
            if (is_live_head(r, where, s) || bit_is_set(r->facts->live_out, s->index))
                add_head(e, r, s);
            continue;
        }
        if (add_hidden_heads(e, r, &before))
            continue;
        if (!widen_heads(e, r))
            break;
        widened = true;
        restore_snapshot(e, &before);
        for (uint32_t i = 0; i < r->heads.len; i++)
            r->heads.at[i].head = slot_general(e, r->heads.at[i].slot, &r->heads.at[i].want);
    }
    if (widened)
        remember_heads(e, r);
    finish_loop(e, r, &before);
}

/* ---- while ------------------------------------------------------------------------------------------------------------------------ */

static kir_stmt *make_while(elab *e, loop_run *r) {
    return kir_stmt_new(e->m, KIR_LOOP, r->node->at);
}

static void leave_while(elab *e, loop_run *r) {
    loop_context *inner = e->loop;
    e->loop = inner->outer;
    elab_statements(e, r->orelse);
    e->loop = inner;
    if (e->unreachable)
        return;
    kir_stmt *s = kir_stmt_new(e->m, KIR_BREAK, r->node->at);
    s->target = r->stmt;
    elab_emit(e, s);
    merge_edge(e, &r->breaks, s);
}

/* if not test: else-part; break */
static void enter_while(elab *e, loop_run *r) {
    kir_expr *test = elab_condition(e, r->node->While.test);
    int64_t known;
    if (!test || (kir_is_const_int(test, &known) && known))
        return;
    kir_stmt *branch = kir_stmt_new(e->m, KIR_IF, r->node->While.test->at);
    branch->value = elab_not(e, test);
    uint32_t mark = e->trail.len;
    elab_push_block(e, &branch->body);
    leave_while(e, r);
    elab_pop_block(e);
    trail_undo(e, mark);
    e->unreachable = false;
    elab_emit(e, branch);
}

void elab_while(elab *e, const ast *s) {
    loop_run r = {
        .node = s, .body = &s->While.body, .orelse = &s->While.orelse, .enter = enter_while, .make = make_while};
    r.context.report = e->loop ? e->loop->report : 0;
    run_loop(e, &r);
}

/* ---- for over a counted sequence ------------------------------------------------------------------------------------------------- */

static bool is_plain_target(const loop_run *r, const fn_facts *f, const ast *target) {
    uint32_t i;
    return target->kind == AST_Name && facts_name(f, target->Name.id, &i) && !bit_is_set(r->facts->inside, i) &&
           !bit_is_set(f->captured, i);
}

static kir_stmt *make_for(elab *e, loop_run *r) {
    const ast *target = r->node->For.target;
    bool of_range = r->items->kind == VAL_RANGE;
    sym name = of_range && target->kind == AST_Name ? target->Name.id : NULL;
    r->counter = kir_var_new(e->m, e->fn, name, type_int64(e->m->types), target->at);
    kir_loop_kind kind = !of_range ? KIR_LOOP_ITER : r->items->is_prange ? KIR_LOOP_PRANGE : KIR_LOOP_RANGE;
    kir_stmt *s = kir_for(e->m, r->counter, kir_copy_expr(e->m, r->lo, NULL), kir_copy_expr(e->m, r->hi, NULL),
                          kir_copy_expr(e->m, r->step, NULL), kind, r->node->at);
    s->loop->kind = kind;
    s->loop->id = r->context.report;
    return s;
}

static void enter_for(elab *e, loop_run *r) {
    const ast *target = r->node->For.target;
    kir_expr *index = kir_ref(e->m, r->counter, target->at);
    value item = value_of(e, index);
    if (r->items->kind != VAL_RANGE) {
        value items = value_again(e, r->items);
        item = elab_sequence_at(e, &items, index, target->at);
    }
    if (is_plain_target(r, e->act->scope->facts, target) && (item.kind == VAL_EXPR || item.kind == VAL_TUPLE)) {
        value held = r->items->kind == VAL_RANGE ? item : elab_hold_value(e, &item);
        slot_bind(e, slot_find(e, target->Name.id, NULL), &held, target->at);
    } else {
        elab_assign_target(e, target, &item);
    }
}

typedef struct change_test {
    elab *e;
    const uint64_t *may;
    bool found;
} change_test;

static void look_for_change(kir_expr **at, void *context) {
    change_test *t = context;
    uint32_t i;
    const kir_var *v = (*at)->var;
    if (v && v->name && facts_name(t->e->act->scope->facts, v->name, &i) && bit_is_set(t->may, i))
        t->found = true;
}

/* Bounds are read once: what the loop itself assigns is held before. */
static kir_expr *stable_bound(elab *e, const stmt_facts *f, kir_expr *x) {
    change_test t = {e, f->may, e->writes_outer};
    kir_each_subexpr(&x, look_for_change, &t);
    return t.found ? elab_hold(e, x) : x;
}

static value stable_value(elab *e, const stmt_facts *f, const value *v) {
    value out = *v;
    if (v->kind == VAL_EXPR) {
        out.expr = value_is_array(v) && v->expr->kind != KIR_VAR ? elab_hold(e, v->expr) : stable_bound(e, f, v->expr);
    } else if (v->len && v->items) {
        out.items = arena_array(e->a, value, v->len);
        for (uint32_t i = 0; i < v->len; i++)
            out.items[i] = stable_value(e, f, &v->items[i]);
    }
    return out;
}

static void check_step(elab *e, const value *range, span at) {
    int64_t step;
    if (value_literal_int(&range->items[2], &step) && step)
        return;
    kir_expr *x = kir_copy_expr(e->m, range->items[2].expr, NULL);
    elab_check(e, kir_binary(e->m, KIR_OP_NE, x, kir_int(e->m, 0, at), at), "ValueError",
               "range() arg 3 must not be zero", NULL, 0, at);
}

/* "for x in items", without the body. */
static span head_of(const ast *s) {
    span at = s->at;
    at.end_line = s->For.iter->at.end_line;
    at.end_col = s->For.iter->at.end_col;
    return at;
}

static void counted_for(elab *e, const ast *s, const value *given) {
    const stmt_facts *f = facts_of(e->act->scope->facts, s);
    value items = stable_value(e, f, given);
    loop_run r = {.node = s,
                  .facts = f,
                  .body = &s->For.body,
                  .orelse = &s->For.orelse,
                  .counted = true,
                  .enter = enter_for,
                  .make = make_for,
                  .items = &items};
    if (items.kind == VAL_RANGE) {
        r.lo = items.items[0].expr;
        r.hi = items.items[1].expr;
        r.step = items.items[2].expr;
        if (is_plain_target(&r, e->act->scope->facts, s->For.target))
            r.index = slot_find(e, s->For.target->Name.id, NULL);
    } else {
        value again = value_again(e, &items), length = elab_sequence_length(e, &again, s->For.iter->at);
        if (is_poison(&length)) {
            elab_break_targets(e, s->For.target);
            return;
        }
        r.lo = kir_int(e->m, 0, s->at);
        r.hi = stable_bound(e, f, length.expr);
        r.step = kir_int(e->m, 1, s->at);
    }
    kir_loop_kind kind = items.kind != VAL_RANGE ? KIR_LOOP_ITER : items.is_prange ? KIR_LOOP_PRANGE : KIR_LOOP_RANGE;
    r.context.report = elab_report(e, kind, s, head_of(s));
    run_loop(e, &r);
}

/* ---- for over a tuple: one copy of the body an item ---------------------------------------------------------------------------------- */

static bool unrolled_step(elab *e, const ast *s, const value *item, kir_stmt *around, merge *exit) {
    kir_stmt *block = kir_stmt_new(e->m, KIR_BLOCK, s->at);
    merge next;
    merge_begin(e, &next);
    loop_context context = {.outer = e->loop,
                            .owner = e->act,
                            .break_target = around,
                            .continue_target = block,
                            .continue_is_break = true,
                            .breaks = exit,
                            .continues = &next,
                            .mark = e->trail.len,
                            .report = e->loop ? e->loop->report : 0};
    context.mark = UINT32_MAX;
    e->loop = &context;
    elab_push_block(e, &block->body);
    elab_assign_target(e, s->For.target, item);
    elab_statements(e, &s->For.body);
    merge_edge(e, &next, NULL);
    elab_pop_block(e);
    e->loop = context.outer;
    trail_undo(e, next.mark);
    e->unreachable = false;
    elab_emit(e, block);
    return merge_end(e, &next, e->act->scope, facts_of(e->act->scope->facts, s)->live_head);
}

static void unrolled_for(elab *e, const ast *s, const value *given, uint32_t n) {
    if (n > MAX_UNROLLED) {
        elab_unsupported(e, s->For.iter->at, "use an array", "a loop over more than 256 items of a tuple");
        elab_break_targets(e, s->For.target);
        return;
    }
    value items = elab_hold_value(e, given);
    uint32_t entry = elab_report(e, KIR_LOOP_ITER, s, head_of(s)); /* may move the others */
    e->m->report.at[entry].unrolled = true;
    kir_stmt *around = kir_stmt_new(e->m, KIR_BLOCK, s->at);
    merge exit;
    merge_begin(e, &exit);
    elab_push_block(e, &around->body);
    bool goes_on = true;
    for (uint32_t i = 0; i < n && goes_on; i++) {
        value again = value_again(e, &items), item = elab_sequence_item(e, &again, i, s->For.iter->at);
        goes_on = unrolled_step(e, s, &item, around, &exit);
    }
    if (goes_on)
        elab_statements(e, &s->For.orelse);
    merge_edge(e, &exit, NULL);
    elab_pop_block(e);
    trail_undo(e, exit.mark);
    e->unreachable = false;
    elab_emit(e, around);
    merge_end(e, &exit, e->act->scope, facts_of(e->act->scope->facts, s)->live_out);
}

void elab_for(elab *e, const ast *s) {
    value items = s->For.iter->kind == AST_List ? elab_items(e, s->For.iter) : elab_expression(e, s->For.iter);
    uint32_t n;
    if (items.kind == VAL_RANGE) {
        check_step(e, &items, s->For.iter->at);
        counted_for(e, s, &items);
    } else if (!is_poison(&items) && elab_static_length(e, &items, &n)) {
        unrolled_for(e, s, &items, n);
    } else if (value_is_iterable(&items)) {
        counted_for(e, s, &items);
    } else {
        if (!is_poison(&items))
            elab_error(e, DIAG_TYPING, s->For.iter->at, "loop over range(), an array, a tuple, enumerate() or zip()",
                       "%s cannot be iterated over", value_describe(e, &items));
        elab_break_targets(e, s->For.target);
        if (items.kind == VAL_INVALID)
            elab_statements(e, &s->For.body);
    }
}

void elab_loop(elab *e, kir_loop_kind kind, kir_expr *lo, kir_expr *hi, span at,
               void (*body)(elab *e, kir_expr *index, void *context), void *context) {
    kir_var *index = kir_var_new(e->m, e->fn, NULL, type_int64(e->m->types), at);
    kir_stmt *s = kir_for(e->m, index, lo, hi, kir_int(e->m, 1, at), kind, at);
    elab_push_block(e, &s->body);
    body(e, kir_ref(e->m, index, at), context);
    elab_pop_block(e);
    elab_emit(e, s);
}

/* ---- jumps ------------------------------------------------------------------------------------------------------------------------------ */

static loop_context *own_loop(const elab *e) {
    return e->loop && e->loop->owner == e->act ? e->loop : NULL;
}

void elab_break(elab *e, const ast *s) {
    loop_context *l = own_loop(e);
    if (!l)
        return;
    kir_stmt *jump = kir_stmt_new(e->m, KIR_BREAK, s->at);
    jump->target = l->break_target;
    elab_emit(e, jump);
    merge_edge(e, l->breaks, jump);
    e->unreachable = true;
}

void elab_continue(elab *e, const ast *s) {
    loop_context *l = own_loop(e);
    if (!l)
        return;
    kir_stmt *jump = kir_stmt_new(e->m, l->continue_is_break ? KIR_BREAK : KIR_CONTINUE, s->at);
    jump->target = l->continue_target;
    elab_emit(e, jump);
    merge_edge(e, l->continues, jump);
    e->unreachable = true;
}
