/* Statements: assignment, branches, loops, jumps, raise. How paths meet is in environment.c; here is what a loop adds:
 *
 * A loop's head is a merge whose back edges are known last. The body is elaborated with the states that the variables
 * have before the loop (constants forgotten for whatever the body assigns). When a back edge then brings a wider type for
 * a variable that the body read first, everything the body did is thrown away and it is elaborated again with the joined
 * type; what a head came to is remembered, so that loops inside loops do not multiply the rounds.
 * A variable that the body assigns before it reads it may change freely: no second round.
 */
#include "elaborate/flow.h"

#include <string.h>

enum { MAX_ROUNDS = 20, MAX_UNROLLED = 256 };

static bool is_poison(const value *v) {
    return v->kind == VAL_INVALID || v->kind == VAL_BOTTOM;
}

/* ---- assignment ---------------------------------------------------------------------------------------------------------- */

static const ast *starred_target(const ast_list *targets, uint32_t *index) {
    for (uint32_t i = 0; i < targets->len; i++)
        if (targets->at[i]->kind == AST_Starred) {
            *index = i;
            return targets->at[i];
        }
    return NULL;
}

static void break_targets(elab *e, const ast *target) {
    if (target->kind == AST_Name) {
        slot *s = slot_find(e, target->Name.id, NULL);
        if (s)
            slot_break(e, s);
    } else if (target->kind == AST_Tuple || target->kind == AST_List) {
        for (uint32_t i = 0; i < target->List.elts.len; i++)
            break_targets(e, target->List.elts.at[i]);
    } else if (target->kind == AST_Starred) {
        break_targets(e, target->Starred.value);
    }
}

static bool mentions_target(const value *v, const ast *target) {
    if (target->kind == AST_Name)
        return value_mentions(v, target->Name.id);
    if (target->kind == AST_Starred)
        return mentions_target(v, target->Starred.value);
    if (target->kind == AST_Tuple || target->kind == AST_List)
        for (uint32_t i = 0; i < target->List.elts.len; i++)
            if (mentions_target(v, target->List.elts.at[i]))
                return true;
    return false;
}

/* `a, b = b, a`: an item that an earlier target of the same statement changes is held first. Stores into elements may
 * change arrays that are still expressions. */
static void hold_overwritten(elab *e, value *items, uint32_t n, const ast_list *targets) {
    for (uint32_t i = 1; i < n; i++) {
        bool overwritten = false;
        for (uint32_t k = 0; k < i && k < targets->len && !overwritten; k++)
            overwritten = mentions_target(&items[i], targets->at[k]) ||
                          (targets->at[k]->kind == AST_Subscript && value_is_array(&items[i]));
        if (overwritten)
            items[i] = elab_hold_value(e, &items[i]);
    }
}

static void unpack_items(elab *e, const ast *target, value *items, uint32_t n) {
    const ast_list *targets = &target->List.elts;
    uint32_t star = 0;
    const ast *starred = starred_target(targets, &star);
    if (starred ? n + 1 < targets->len : n != targets->len) {
        const char *which = n < targets->len ? "not enough" : "too many";
        elab_error(e, DIAG_TYPING, target->at, NULL, "%s values to unpack (expected %s%u, got %u)", which,
                   starred ? "at least " : "", starred ? targets->len - 1 : targets->len, n);
        break_targets(e, target);
        return;
    }
    if (!starred) {
        hold_overwritten(e, items, n, targets);
        for (uint32_t i = 0; i < n; i++)
            elab_assign_target(e, targets->at[i], &items[i]);
        return;
    }
    for (uint32_t i = 0; i < n; i++)
        items[i] = elab_hold_value(e, &items[i]);
    uint32_t rest = n + 1 - targets->len;
    for (uint32_t i = 0; i < star; i++)
        elab_assign_target(e, targets->at[i], &items[i]);
    value middle = value_tuple(e, items + star, rest, starred->at);
    elab_assign_target(e, starred->Starred.value, &middle);
    for (uint32_t i = star + 1; i < targets->len; i++)
        elab_assign_target(e, targets->at[i], &items[i + rest - 1]);
}

/* Unpacking something whose length is known at run time only: it must be what the targets say. */
static void unpack_sequence(elab *e, const ast *target, const value *v) {
    uint32_t n = target->List.elts.len, star;
    value held = elab_hold_value(e, v);
    value length = elab_sequence_length(e, &held, target->at);
    if (is_poison(&length) || starred_target(&target->List.elts, &star)) {
        if (length.kind != VAL_INVALID)
            elab_unsupported(e, target->at, "index the array instead", "a starred target for an array");
        break_targets(e, target);
        return;
    }
    kir_expr *size = elab_hold(e, length.expr);
    kir_expr *enough =
        kir_binary(e->m, KIR_OP_EQ, kir_copy_expr(e->m, size, NULL), kir_int(e->m, n, target->at), target->at);
    kir_expr *got = kir_copy_expr(e->m, size, NULL);
    elab_check(e, enough, "ValueError", arena_printf(e->a, "cannot unpack %%d values into %u", n), &got, 1, target->at);
    value *items = arena_array(e->a, value, n ? n : 1);
    for (uint32_t i = 0; i < n; i++) {
        value again = value_again(e, &held);
        value item = elab_sequence_at(e, &again, kir_int(e->m, i, target->at), target->at);
        items[i] = elab_hold_value(e, &item);
    }
    unpack_items(e, target, items, n);
}

static void assign_tuple(elab *e, const ast *target, const value *v) {
    uint32_t n;
    if (v->kind == VAL_TUPLE) {
        value *items = arena_array(e->a, value, v->len ? v->len : 1);
        if (v->len)
            memcpy(items, v->items, v->len * sizeof *items);
        unpack_items(e, target, items, v->len);
    } else if (elab_static_length(e, v, &n)) {
        value *items = arena_array(e->a, value, n ? n : 1);
        for (uint32_t i = 0; i < n; i++)
            items[i] = elab_sequence_item(e, v, i, target->at);
        unpack_items(e, target, items, n);
    } else if (value_is_iterable(v)) {
        unpack_sequence(e, target, v);
    } else {
        if (!is_poison(v))
            elab_error(e, DIAG_TYPING, target->at, NULL, "%s cannot be unpacked", value_describe(e, v));
        break_targets(e, target);
    }
}

static void assign_subscript(elab *e, const ast *target, const value *v) {
    value container = elab_expression(e, target->Subscript.value);
    value index = is_poison(&container) ? container : elab_index(e, target->Subscript.slice);
    if (is_poison(&container) || is_poison(&index) || is_poison(v))
        return;
    if (!value_is_array(&container)) {
        elab_error(e, DIAG_TYPING, target->at, container.kind == VAL_TUPLE ? "make a new tuple" : NULL,
                   "items of %s cannot be assigned", value_describe(e, &container));
        return;
    }
    elab_set_item(e, &container, &index, v, target->at);
}

static void assign_attribute(elab *e, const ast *target, const value *v) {
    value owner = elab_expression(e, target->Attribute.value);
    if (is_poison(&owner) || is_poison(v))
        return;
    bool part = sym_is(target->Attribute.attr, "real") || sym_is(target->Attribute.attr, "imag") ||
                sym_is(target->Attribute.attr, "flat") || sym_is(target->Attribute.attr, "T");
    if (!value_is_array(&owner) || !part) {
        elab_unsupported(e, target->at, "use a variable", "assigning an attribute");
        return;
    }
    value view = elab_get_attribute(e, &owner, target->Attribute.attr, target->at);
    value all = {.kind = VAL_ELLIPSIS, .at = target->at};
    if (!is_poison(&view))
        elab_set_item(e, &view, &all, v, target->at);
}

void elab_assign_target(elab *e, const ast *target, const value *v) {
    switch (target->kind) {
    case AST_Name:
        elab_assign_name(e, target->Name.id, v, target->at);
        break;
    case AST_Tuple:
    case AST_List:
        assign_tuple(e, target, v);
        break;
    case AST_Subscript:
        assign_subscript(e, target, v);
        break;
    case AST_Attribute:
        assign_attribute(e, target, v);
        break;
    default:
        elab_unsupported(e, target->at, NULL, "this target");
        break;
    }
}

/* The right side; a list there that is taken apart at once, or stored into an array, needs no list. */
static value assigned_value(elab *e, const ast *s) {
    const ast *x = s->Assign.value;
    ast_kind target = s->Assign.targets.at[0]->kind;
    if (x->kind != AST_List || s->Assign.targets.len > 1 || target == AST_Name)
        return elab_expression(e, x);
    value items = elab_items(e, x);
    if (target != AST_Subscript || is_poison(&items))
        return items;
    return elab_call_builtin(e, "numpy.array", &items, 1, x->at);
}

static void assign(elab *e, const ast *s) {
    const ast_list *targets = &s->Assign.targets;
    value v = assigned_value(e, s);
    if (targets->len == 1) {
        elab_assign_target(e, targets->at[0], &v);
        return;
    }
    v = elab_hold_value(e, &v);
    for (uint32_t i = 0; i < targets->len; i++) {
        value again = value_again(e, &v);
        elab_assign_target(e, targets->at[i], &again);
    }
}

static void ann_assign(elab *e, const ast *s) {
    if (!s->AnnAssign.value)
        return;
    value v = elab_expression(e, s->AnnAssign.value);
    elab_assign_target(e, s->AnnAssign.target, &v);
}

static void aug_assign_name(elab *e, const ast *s) {
    const ast *target = s->AugAssign.target;
    value old = elab_name(e, target->Name.id, target->at);
    eval_place after = elab_place(e);
    value v = elab_expression(e, s->AugAssign.value);
    elab_hold_since(e, &old, &after);
    if (is_poison(&old) || is_poison(&v)) {
        elab_assign_name(e, target->Name.id, is_poison(&old) ? &old : &v, target->at);
    } else if (value_is_array(&old)) {
        elab_array_augassign(e, s->AugAssign.op, &old, &v, s->at);
    } else {
        value sum = elab_binary(e, s->AugAssign.op, &old, &v, s->at);
        elab_assign_name(e, target->Name.id, &sum, target->at);
    }
}

/* Masks and integer arrays name many places, which are read and written in one go. */
static bool is_gathering(const value *index) {
    if (index->kind != VAL_TUPLE)
        return value_is_array(index);
    for (uint32_t i = 0; i < index->len; i++)
        if (value_is_array(&index->items[i]) || index->items[i].kind == VAL_TUPLE)
            return true;
    return false;
}

static void aug_assign_item(elab *e, const value *container, const ast *s) {
    const ast *target = s->AugAssign.target;
    if (!value_is_array(container)) {
        elab_error(e, DIAG_TYPING, target->at, NULL, "items of %s cannot be assigned", value_describe(e, container));
        return;
    }
    value array = elab_hold_arrays(e, container);
    value index = elab_index(e, target->Subscript.slice);
    if (is_poison(&index))
        return;
    index = elab_hold_value(e, &index);
    if (is_gathering(&index)) {
        value v = elab_expression(e, s->AugAssign.value);
        if (!is_poison(&v))
            elab_item_augassign(e, s->AugAssign.op, &array, &index, &v, s->at);
        return;
    }
    value a = value_again(e, &array), i = value_again(e, &index);
    value old = elab_get_item(e, &a, &i, target->at);
    eval_place after = elab_place(e);
    value v = elab_expression(e, s->AugAssign.value);
    if (!value_is_array(&old))
        elab_hold_since(e, &old, &after);
    if (is_poison(&old) || is_poison(&v))
        return;
    bool is_view = value_is_array(&old) && (old.expr->kind == KIR_VIEW || old.expr->kind == KIR_VAR);
    if (is_view) {
        elab_array_augassign(e, s->AugAssign.op, &old, &v, s->at);
        return;
    }
    value sum = elab_binary(e, s->AugAssign.op, &old, &v, s->at);
    if (!is_poison(&sum))
        elab_set_item(e, &array, &index, &sum, target->at);
}

static void aug_assign(elab *e, const ast *s) {
    const ast *target = s->AugAssign.target;
    if (target->kind == AST_Name) {
        aug_assign_name(e, s);
    } else if (target->kind == AST_Subscript) {
        value container = elab_expression(e, target->Subscript.value);
        if (!is_poison(&container))
            aug_assign_item(e, &container, s);
    } else {
        value old = elab_expression(e, target);
        value v = elab_expression(e, s->AugAssign.value);
        if (is_poison(&old) || is_poison(&v))
            return;
        if (value_is_array(&old))
            elab_array_augassign(e, s->AugAssign.op, &old, &v, s->at);
        else
            elab_unsupported(e, target->at, "use a variable", "assigning an attribute");
    }
}

static void delete_names(elab *e, const ast *s) {
    for (uint32_t i = 0; i < s->Delete.targets.len; i++) {
        const ast *target = s->Delete.targets.at[i];
        slot *found = target->kind == AST_Name ? slot_find(e, target->Name.id, NULL) : NULL;
        if (found)
            slot_unbind(e, found);
        else
            elab_unsupported(e, target->at, NULL, "deleting anything but a variable");
    }
}

/* ---- return ---------------------------------------------------------------------------------------------------------------- */

void elab_return(elab *e, const value *v, span at) {
    activation *act = e->act;
    value kept = *v;
    if (kept.kind == VAL_FORMATTED || kept.kind == VAL_RAISED) {
        elab_error(e, DIAG_TYPING, at, NULL, "a kernel cannot return %s", value_describe(e, v));
        kept = value_invalid(at);
    }
    if (act->spec) {
        if (kept.kind == VAL_EXPR || kept.kind == VAL_TUPLE)
            kept = elab_hold_arrays(e, &kept);
        kir_stmt *s = kir_stmt_new(e->m, KIR_RETURN, at);
        elab_emit(e, s);
        if (!e->unreachable)
            vec_push(e->a, &act->returns, (returned){e->block, s, kept, at});
    } else {
        if (e->writes_outer)
            kept = elab_hold_value(e, &kept);
        slot_bind(e, scope_result(act->scope), &kept, at);
        kir_stmt *s = kir_stmt_new(e->m, KIR_BREAK, at);
        s->target = act->block;
        elab_emit(e, s);
        merge_edge(e, act->exit, s);
    }
    e->unreachable = true;
}

static void return_statement(elab *e, const ast *s) {
    value v = s->Return.value ? elab_expression(e, s->Return.value) : value_none(e, s->at);
    if (!e->unreachable)
        elab_return(e, &v, s->at);
}

/* ---- if ------------------------------------------------------------------------------------------------------------------------ */

static void if_statement(elab *e, const ast *s) {
    kir_expr *condition = elab_condition(e, s->If.test);
    int64_t known;
    if (condition && kir_is_const_int(condition, &known)) {
        elab_statements(e, known ? &s->If.body : &s->If.orelse);
        return;
    }
    if (!condition)
        condition = kir_bool(e->m, true, s->at);
    kir_stmt *branch = kir_stmt_new(e->m, KIR_IF, s->at);
    branch->value = condition;
    merge m;
    merge_begin(e, &m);
    for (int k = 0; k < 2; k++) {
        elab_push_block(e, k == 0 ? &branch->body : &branch->orelse);
        elab_statements(e, k == 0 ? &s->If.body : &s->If.orelse);
        merge_edge(e, &m, NULL);
        elab_pop_block(e);
        trail_undo(e, m.mark);
        e->unreachable = false;
    }
    elab_emit(e, branch);
    merge_end(e, &m, e->act->scope, facts_of(e->act->scope->facts, s)->live_out);
    if (!branch->body.len && !branch->orelse.len && e->block->at[e->block->len - 1] == branch)
        e->block->len--;
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

/* lo + (trips - 1) * step, when there are any. */
static kir_expr *last_index(elab *e, const loop_run *r) {
    kir_module *m = e->m;
    span at = r->node->at;
    kir_expr *rising = kir_binary(m, KIR_OP_GT, kir_copy_expr(m, r->step, NULL), kir_int(m, 0, at), at);
    kir_expr *one = kir_select(m, rising, kir_int(m, 1, at), kir_int(m, -1, at), at);
    kir_expr *end = kir_binary(m, KIR_OP_SUB, kir_copy_expr(m, r->hi, NULL), one, at);
    int64_t step;
    if (kir_is_const_int(r->step, &step) && (step == 1 || step == -1))
        return end;
    kir_expr *length = kir_binary(m, KIR_OP_SUB, end, kir_copy_expr(m, r->lo, NULL), at);
    kir_expr *turns = kir_binary(m, KIR_OP_TRUNCDIV, length, kir_copy_expr(m, r->step, NULL), at);
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

static void while_statement(elab *e, const ast *s) {
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
            break_targets(e, s->For.target);
            return;
        }
        r.lo = kir_int(e->m, 0, s->at);
        r.hi = stable_bound(e, f, length.expr);
        r.step = kir_int(e->m, 1, s->at);
    }
    if (!e->act->scope->is_library) {
        kir_loop_kind kind = items.kind != VAL_RANGE ? KIR_LOOP_ITER
                             : items.is_prange       ? KIR_LOOP_PRANGE
                                                     : KIR_LOOP_RANGE;
        span at = s->at;
        at.end_line = s->For.iter->at.end_line;
        at.end_col = s->For.iter->at.end_col;
        r.context.report = elab_report(e, kind, s, at);
    }
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
        break_targets(e, s->For.target);
        return;
    }
    value items = elab_hold_value(e, given);
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

static void for_statement(elab *e, const ast *s) {
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
        break_targets(e, s->For.target);
        if (items.kind == VAL_INVALID)
            elab_statements(e, &s->For.body);
    }
}

typedef struct generated_body {
    void (*body)(elab *e, kir_expr *index, void *context);
    void *context;
} generated_body;

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

static void break_statement(elab *e, const ast *s) {
    loop_context *l = own_loop(e);
    if (!l)
        return;
    kir_stmt *jump = kir_stmt_new(e->m, KIR_BREAK, s->at);
    jump->target = l->break_target;
    elab_emit(e, jump);
    merge_edge(e, l->breaks, jump);
    e->unreachable = true;
}

static void continue_statement(elab *e, const ast *s) {
    loop_context *l = own_loop(e);
    if (!l)
        return;
    kir_stmt *jump = kir_stmt_new(e->m, l->continue_is_break ? KIR_BREAK : KIR_CONTINUE, s->at);
    jump->target = l->continue_target;
    elab_emit(e, jump);
    merge_edge(e, l->continues, jump);
    e->unreachable = true;
}

/* ---- raise, assert ------------------------------------------------------------------------------------------------------------------------ */

typedef struct message {
    text format, json;
    kir_expr *dynamic[6];
    uint32_t n;
    bool ok;
} message;

static void put_dynamic(elab *e, message *m, const value *v, bool quoted) {
    if (m->n == 6) {
        elab_unsupported(e, v->at, NULL, "an exception with more than 6 values that are known at run time only");
        m->ok = false;
        return;
    }
    const char *format = v->ty->kind == TYPE_FLOAT ? "%g" : v->ty->kind == TYPE_BOOL ? "%b" : "%d";
    if (quoted)
        text_printf(&m->json, "{\"slot\": %u}", m->n);
    else
        text_put(&m->format, format);
    m->dynamic[m->n++] = v->expr;
    (void)e;
}

static void put_argument(elab *e, message *m, const value *v);

static void put_items(elab *e, message *m, const value *v) {
    text_put(&m->json, "[");
    for (uint32_t i = 0; i < v->len; i++) {
        if (i)
            text_put(&m->json, ", ");
        put_argument(e, m, &v->items[i]);
    }
    text_put(&m->json, "]");
}

static void put_argument(elab *e, message *m, const value *v) {
    switch (v->kind) {
    case VAL_NONE:
        text_put(&m->json, "null");
        break;
    case VAL_STRING:
        text_put_json(&m->json, v->text->text, v->text->len);
        break;
    case VAL_TUPLE:
        put_items(e, m, v);
        break;
    case VAL_EXPR:
        if (v->ty->kind == TYPE_ARRAY || v->ty->kind == TYPE_COMPLEX) {
            elab_unsupported(e, v->at, "pass numbers or text",
                             "an array or complex number as argument of an exception");
            m->ok = false;
        } else if (v->literal && v->ty->kind == TYPE_BOOL) {
            text_put(&m->json, v->expr->value.i ? "true" : "false");
        } else if (v->literal && v->ty->kind == TYPE_INT && v->ty->is_signed) {
            text_printf(&m->json, "%lld", (long long)v->expr->value.i);
        } else {
            put_dynamic(e, m, v, true);
        }
        break;
    default:
        if (v->kind != VAL_INVALID)
            elab_unsupported(e, v->at, "pass numbers or text",
                             arena_printf(e->a, "%s as argument of an exception", value_describe(e, v)));
        m->ok = false;
        break;
    }
}

static void put_text(message *m, sym piece) {
    for (uint32_t i = 0; i < piece->len; i++) {
        if (piece->text[i] == '%')
            text_putn(&m->format, "%", 1);
        text_putn(&m->format, &piece->text[i], 1);
    }
}

static void put_pieces(elab *e, message *m, const value *v) {
    for (uint32_t i = 0; i < v->len; i++) {
        const value *piece = &v->items[i];
        if (piece->kind == VAL_STRING)
            put_text(m, piece->text);
        else if (value_is_scalar(piece) && piece->ty->kind != TYPE_COMPLEX)
            put_dynamic(e, m, piece, false);
        else
            m->ok = false,
            elab_unsupported(e, piece->at, NULL, arena_printf(e->a, "%s in a message", value_describe(e, piece)));
    }
}

/* The site's message and arguments for an exception with these arguments. */
static bool describe_arguments(elab *e, const value *items, uint32_t n, kir_site *site, message *m) {
    *m = (message){.format = text_new(e->a), .json = text_new(e->a), .ok = true};
    if (n == 1 && items[0].kind == VAL_FORMATTED) {
        text_putn(&m->format, "", 0);
        put_pieces(e, m, &items[0]);
        site->message = m->format.at;
    } else if (n) {
        value all = {.kind = VAL_TUPLE, .len = n, .items = (value *)(uintptr_t)items};
        put_items(e, m, &all);
        site->args_json = m->json.at;
    }
    return m->ok;
}

static void emit_raise(elab *e, const value *class, const value *items, uint32_t n, span at) {
    kir_site site = {.exception = class->text->text, .function = e->act->scope->name, .at = at};
    if (class->bound)
        site.key = class->bound->key;
    message m;
    if (!describe_arguments(e, items, n, &site, &m))
        return;
    kir_stmt *s = kir_stmt_new(e->m, KIR_RAISE, at);
    for (uint32_t i = 0; i < m.n; i++) {
        site.arg_types[i] = m.dynamic[i]->ty;
        vec_push(e->a, &s->index, m.dynamic[i]);
    }
    site.n_args = m.n;
    s->site = kir_site_new(e->m, site);
    elab_emit(e, s);
}

static void raise_statement(elab *e, const ast *s) {
    const ast *cause = s->Raise.cause;
    if (!s->Raise.exc) {
        elab_unsupported(e, s->at, "name the exception", "a bare raise");
    } else if (cause && !(cause->kind == AST_Constant && cause->Constant.type == CONST_None)) {
        elab_unsupported(e, cause->at, "raise the exception alone", "'raise … from'");
    } else {
        value v = elab_expression(e, s->Raise.exc);
        if (v.kind == VAL_EXCEPTION || v.kind == VAL_RAISED)
            emit_raise(e, &v, v.items, v.len, s->at);
        else if (!is_poison(&v))
            elab_error(e, DIAG_TYPING, s->Raise.exc->at, "raise an exception class or an instance made here",
                       "%s cannot be raised", value_describe(e, &v));
    }
    e->unreachable = true;
}

/* CHECK when the message needs no statements of its own. */
static void assert_statement(elab *e, const ast *s) {
    kir_expr *condition = elab_condition(e, s->Assert.test);
    if (!condition)
        return;
    kir_stmt *branch = kir_stmt_new(e->m, KIR_IF, s->at);
    value class = elab_exception(e, "AssertionError", s->at), text_value = value_none(e, s->at);
    uint32_t mark = e->trail.len;
    elab_push_block(e, &branch->body);
    if (s->Assert.msg)
        text_value = elab_expression(e, s->Assert.msg);
    bool pure = branch->body.len == 0;
    uint32_t n = s->Assert.msg ? 1 : 0;
    if (!pure)
        emit_raise(e, &class, &text_value, n, s->at);
    elab_pop_block(e);
    trail_undo(e, mark);
    if (is_poison(&text_value))
        return;
    if (!pure) {
        branch->value = elab_not(e, condition);
        elab_emit(e, branch);
        return;
    }
    kir_site site = {.exception = "AssertionError", .function = e->act->scope->name, .at = s->at};
    message m;
    int64_t known;
    if (!describe_arguments(e, &text_value, n, &site, &m) || (kir_is_const_int(condition, &known) && known))
        return;
    kir_stmt *check = kir_stmt_new(e->m, KIR_CHECK, s->at);
    check->value = condition;
    for (uint32_t i = 0; i < m.n; i++) {
        site.arg_types[i] = m.dynamic[i]->ty;
        vec_push(e->a, &check->index, m.dynamic[i]);
    }
    site.n_args = m.n;
    check->site = kir_site_new(e->m, site);
    elab_emit(e, check);
}

/* ---- the rest -------------------------------------------------------------------------------------------------------------------------------- */

static void function_definition(elab *e, const ast *s) {
    if (s->FunctionDef.decorator_list.len)
        elab_unsupported(e, s->FunctionDef.decorator_list.at[0]->at, "define it outside the kernel",
                         "a decorated function inside a kernel");
    value v = elab_make_closure(e, s);
    elab_assign_name(e, s->FunctionDef.name, &v, s->at);
}

static void expression_statement(elab *e, const ast *s) {
    if (s->Expr.value->kind == AST_Constant)
        return;
    value v = elab_expression(e, s->Expr.value);
    (void)v;
}

static void pass_statement(elab *e, const ast *s) {
    (void)e;
    (void)s;
}

static void global_statement(elab *e, const ast *s) {
    uint32_t i;
    for (uint32_t k = 0; k < s->Global.names.len; k++)
        if (facts_name(e->act->scope->facts, s->Global.names.at[k], &i) &&
            bit_is_set(e->act->scope->facts->assigned, i)) {
            elab_unsupported(e, s->at, "return the value instead", "assigning a global variable");
            return;
        }
}

typedef struct refusal {
    ast_kind kind;
    const char *what, *hint;
} refusal;

static void refuse(elab *e, const ast *s) {
    static const refusal table[] = {
        {AST_AsyncFunctionDef, "an async function", NULL},
        {AST_ClassDef, "a class definition", "use a namedtuple defined outside"},
        {AST_AsyncFor, "async for", NULL},
        {AST_With, "a with statement", NULL},
        {AST_AsyncWith, "async with", NULL},
        {AST_Match, "a match statement", "use if and elif"},
        {AST_Try, "try", "test before, or return a code"},
        {AST_TryStar, "try with except*", NULL},
        {AST_Import, "import inside a kernel", "import at the top of the module"},
        {AST_ImportFrom, "import inside a kernel", "import at the top of the module"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].kind == s->kind) {
            elab_unsupported(e, s->at, table[i].hint, table[i].what);
            return;
        }
    elab_unsupported(e, s->at, NULL, s->kind == AST_Unsupported ? s->Unsupported.name : ast_kind_name(s->kind));
}

static void statement(elab *e, const ast *s) {
    static void (*const table[AST_KIND_COUNT])(elab *, const ast *) = {
        [AST_FunctionDef] = function_definition,
        [AST_Return] = return_statement,
        [AST_Delete] = delete_names,
        [AST_Assign] = assign,
        [AST_AugAssign] = aug_assign,
        [AST_AnnAssign] = ann_assign,
        [AST_For] = for_statement,
        [AST_While] = while_statement,
        [AST_If] = if_statement,
        [AST_Raise] = raise_statement,
        [AST_Assert] = assert_statement,
        [AST_Global] = global_statement,
        [AST_Nonlocal] = pass_statement,
        [AST_Expr] = expression_statement,
        [AST_Pass] = pass_statement,
        [AST_Break] = break_statement,
        [AST_Continue] = continue_statement,
    };
    (table[s->kind] ? table[s->kind] : refuse)(e, s);
}

void elab_statements(elab *e, const ast_list *body) {
    for (uint32_t i = 0; i < body->len && !e->unreachable; i++)
        statement(e, body->at[i]);
}
