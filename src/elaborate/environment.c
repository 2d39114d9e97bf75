/* Variables: slots, their states and homes, the trail of changes, and merges of paths. The essay is in flow.h. */
#include "elaborate/flow.h"

#include <string.h>

/* ---- shapes of values ----------------------------------------------------------------------------------------------------
 * The shape of a value is what its type and its compile-time parts say; two values of one shape fit one home. */

static bool same_items(const value *a, const value *b, bool (*same)(const value *, const value *)) {
    if (a->len != b->len)
        return false;
    for (uint32_t i = 0; i < a->len; i++)
        if (!same(&a->items[i], &b->items[i]))
            return false;
    return true;
}

/* A function that is defined in a loop is the same one in every iteration, unless its defaults differ. */
static bool same_closure(const closure *a, const closure *b) {
    if (a == b)
        return true;
    if (a->function != b->function || a->scope != b->scope || a->n_defaults != b->n_defaults)
        return false;
    for (uint32_t i = 0; i < a->n_defaults; i++) {
        bool given = a->defaults[i].kind != VAL_INVALID;
        if (given && !value_same_const(&a->defaults[i], &b->defaults[i]))
            return false;
    }
    return true;
}

bool value_same_shape(const value *a, const value *b) {
    if (a->kind != b->kind)
        return false;
    switch (a->kind) {
    case VAL_EXPR:
        return a->ty == b->ty;
    case VAL_TUPLE:
        return (a->ty ? a->ty->fields : NULL) == (b->ty ? b->ty->fields : NULL) && a->text == b->text &&
               same_items(a, b, value_same_shape);
    case VAL_RANGE:
        return a->is_prange == b->is_prange && same_items(a, b, value_same_shape);
    case VAL_TYPE:
        return a->ty == b->ty && a->text == b->text;
    case VAL_KERNEL:
        return a->kernel == b->kernel;
    case VAL_CLOSURE:
        return same_closure(a->closure, b->closure);
    case VAL_NAMEDTUPLE:
    case VAL_EXCEPTION:
        return a->text == b->text && a->bound == b->bound;
    default:
        return a->text == b->text && same_items(a, b, value_same_shape);
    }
}

static bool same_const(const value *a, const value *b) {
    if (a->kind == VAL_EXPR)
        return b->kind == VAL_EXPR && a->literal && b->literal && a->ty == b->ty && kir_expr_equal(a->expr, b->expr);
    if (a->len && a->items)
        return a->kind == b->kind && same_items(a, b, same_const);
    return value_same_shape(a, b);
}

bool value_same_const(const value *a, const value *b) {
    return value_is_constant(a) && same_const(a, b);
}

bool value_is_constant(const value *v) {
    if (v->kind == VAL_EXPR)
        return v->literal;
    for (uint32_t i = 0; i < v->len && v->items; i++)
        if (!value_is_constant(&v->items[i]))
            return false;
    return v->kind != VAL_INVALID && v->kind != VAL_BOTTOM;
}

bool value_has(const value *v, value_kind kind) {
    if (v->kind == kind)
        return true;
    for (uint32_t i = 0; i < v->len && v->items; i++)
        if (value_has(&v->items[i], kind))
            return true;
    return false;
}

static value *copy_items(elab *e, const value *v) {
    value *items = arena_array(e->a, value, v->len ? v->len : 1);
    if (v->len && v->items)
        memcpy(items, v->items, v->len * sizeof *items);
    return items;
}

/* The join of two shapes: scalars and arrays by the rules of types.h, tuples and slices item by item. */
bool value_unify(elab *e, const value *a, const value *b, value *out) {
    if (a->kind == VAL_BOTTOM || b->kind == VAL_BOTTOM) {
        *out = a->kind == VAL_BOTTOM ? *b : *a;
        return true;
    }
    if (value_same_shape(a, b)) {
        *out = *a;
        return true;
    }
    if (a->kind != b->kind)
        return false;
    if (a->kind == VAL_EXPR) {
        type *t = type_unify(e->m->types, a->ty, b->ty);
        *out = *a;
        out->ty = t;
        out->expr = NULL;
        out->literal = false;
        return t != NULL;
    }
    bool composite = a->kind == VAL_TUPLE || a->kind == VAL_SLICE || a->kind == VAL_RANGE || a->kind == VAL_ITERATOR;
    if (!composite || a->len != b->len || a->text != b->text || a->is_prange != b->is_prange)
        return false;
    *out = *a;
    out->items = copy_items(e, a);
    for (uint32_t i = 0; i < a->len; i++)
        if (!value_unify(e, &a->items[i], &b->items[i], &out->items[i]))
            return false;
    if (a->kind == VAL_TUPLE)
        out->ty = NULL;
    return true;
}

typedef struct home_maker {
    sym name;
    span at;
    bool temp, param;
} home_maker;

static value make_home(elab *e, const value *shape, const home_maker *h) {
    value v = *shape;
    if (shape->kind == VAL_EXPR) {
        kir_var *var =
            h->temp ? kir_temp_new(e->m, e->fn, shape->ty, h->at) : kir_var_new(e->m, e->fn, h->name, shape->ty, h->at);
        if (h->param) {
            var->is_param = true;
            vec_push(e->a, &e->fn->params, var);
        }
        v.expr = kir_ref(e->m, var, h->at);
        v.literal = false;
    } else if (shape->len && shape->items) {
        v.items = copy_items(e, shape);
        for (uint32_t i = 0; i < v.len; i++)
            v.items[i] = make_home(e, &shape->items[i], h);
    }
    return v;
}

value value_home(elab *e, const value *shape, sym name, span at, bool temp, bool is_param) {
    home_maker h = {name, at, temp, is_param};
    return make_home(e, shape, &h);
}

void value_store(elab *e, const value *home, const value *v, span at) {
    if (v->kind == VAL_BOTTOM || v->kind == VAL_INVALID)
        return;
    if (home->kind == VAL_EXPR) {
        if (v->expr->kind == KIR_VAR && v->expr->var == home->expr->var)
            return;
        value fits = elab_convert(e, v, home->ty, at);
        if (fits.kind != VAL_EXPR)
            return;
        elab_emit(e, kir_assign(e->m, home->expr->var, kir_copy_expr(e->m, fits.expr, NULL), at));
        return;
    }
    for (uint32_t i = 0; i < home->len && home->items; i++)
        value_store(e, &home->items[i], &v->items[i], at);
}

void value_leaves(elab *e, const value *v, void (*leaf)(elab *e, kir_expr *x, void *context), void *context) {
    if (v->kind == VAL_EXPR) {
        leaf(e, v->expr, context);
        return;
    }
    for (uint32_t i = 0; i < v->len && v->items; i++)
        value_leaves(e, &v->items[i], leaf, context);
}

value value_again(elab *e, const value *v) {
    value copy = *v;
    if (v->kind == VAL_EXPR) {
        copy.expr = kir_copy_expr(e->m, v->expr, NULL);
    } else if (v->len && v->items) {
        copy.items = copy_items(e, v);
        for (uint32_t i = 0; i < v->len; i++)
            copy.items[i] = value_again(e, &v->items[i]);
    }
    return copy;
}

typedef struct mention {
    sym name;
    bool found;
} mention;

static void look_for(kir_expr **at, void *context) {
    mention *m = context;
    if ((*at)->var && (*at)->var->name == m->name)
        m->found = true;
}

bool expr_mentions(const kir_expr *x, sym name) {
    mention m = {name, false};
    kir_expr *root = (kir_expr *)(uintptr_t)x;
    kir_each_subexpr(&root, look_for, &m);
    return m.found;
}

bool value_mentions(const value *v, sym name) {
    if (v->kind == VAL_EXPR)
        return expr_mentions(v->expr, name);
    for (uint32_t i = 0; i < v->len && v->items; i++)
        if (value_mentions(&v->items[i], name))
            return true;
    return false;
}

static const char *describe_kind(value_kind kind) {
    static const char *const names[] = {
        [VAL_INVALID] = "an erroneous value",
        [VAL_BOTTOM] = "no value",
        [VAL_NONE] = "None",
        [VAL_RANGE] = "range",
        [VAL_SLICE] = "slice",
        [VAL_ELLIPSIS] = "Ellipsis",
        [VAL_STRING] = "str",
        [VAL_FORMATTED] = "a text with values in it",
        [VAL_TYPE] = "a type",
        [VAL_MODULE] = "a module",
        [VAL_OBJECT] = "a function",
        [VAL_METHOD] = "a method",
        [VAL_KERNEL] = "a kernel",
        [VAL_CLOSURE] = "a nested function",
        [VAL_EXCEPTION] = "an exception class",
        [VAL_RAISED] = "an exception",
        [VAL_NAMEDTUPLE] = "a namedtuple class",
        [VAL_ITERATOR] = "an iterator",
    };
    return (size_t)kind < sizeof names / sizeof *names && names[kind] ? names[kind] : "a value";
}

const char *value_describe(elab *e, const value *v) {
    if (v->kind == VAL_EXPR || v->kind == VAL_TUPLE)
        return type_name(e->m->types, value_type(e, v));
    if (v->kind == VAL_MODULE)
        return arena_printf(e->a, "module %s", v->text->text);
    return describe_kind(v->kind);
}

const char *value_remedy(const value *v) {
    switch (v->kind) {
    case VAL_NONE:
        return "it is None here: give it a value, or ask `is None` before";
    case VAL_STRING:
    case VAL_FORMATTED:
        return "kernels compute with numbers; texts are constants, for comparisons, messages and print()";
    default:
        return NULL;
    }
}

/* ---- the trail ------------------------------------------------------------------------------------------------------------ */

void slot_set(elab *e, slot *s, slot_state state) {
    vec_push(e->a, &e->trail, (trail_entry){s, s->now, s->changed});
    s->now = state;
    s->changed = e->trail.len;
}

void trail_undo(elab *e, uint32_t mark) {
    while (e->trail.len > mark) {
        trail_entry *t = &e->trail.at[--e->trail.len];
        t->slot->now = t->old;
        t->slot->changed = t->old_changed;
    }
}

/* Remembers, for every loop around, that the state which its head gave this slot was used. */
void slot_note_read(elab *e, slot *s) {
    for (loop_context *l = e->loop; l && s->changed <= l->mark; l = l->outer) {
        bool known = false;
        for (uint32_t i = 0; i < l->reads.len && !known; i++)
            known = l->reads.at[i] == s;
        if (!known)
            vec_push(e->a, &l->reads, s);
    }
}

/* ---- scopes and slots -------------------------------------------------------------------------------------------------------- */

scope *scope_new(elab *e, const fn_facts *f, scope *outer, const elab_source *from, sym name, uint64_t site) {
    scope *s = arena_make(e->a, scope);
    s->outer = outer;
    s->facts = f;
    s->source = from;
    s->name = name;
    s->site = site;
    s->slots = arena_array(e->a, slot, f->n_names + 1);
    for (uint32_t i = 0; i <= f->n_names; i++) {
        s->slots[i].scope = s;
        s->slots[i].index = i;
        s->slots[i].name = i < f->n_names ? f->names[i] : NULL;
    }
    return s;
}

slot *scope_result(scope *s) {
    return &s->slots[s->facts->n_names];
}

/* The variable that a name means here: the function's own, or an enclosing function's. */
slot *slot_find(elab *e, sym name, scope **where) {
    for (scope *s = e->act->scope; s; s = s->outer) {
        uint32_t i;
        if (facts_name(s->facts, name, &i)) {
            if (where)
                *where = s;
            return &s->slots[i];
        }
    }
    return NULL;
}

kir_var *slot_flag(elab *e, slot *s) {
    if (!s->flag) {
        sym name = sym_of(e->m->syms, arena_printf(e->a, "%s_is_bound", s->name ? s->name->text : "result"));
        s->flag = kir_var_new(e->m, e->fn, name, type_bool(e->m->types), s->first);
    }
    return s->flag;
}

static value *home_for(elab *e, slot *s, const value *shape) {
    for (uint32_t i = 0; i < s->homes.len; i++)
        if (value_same_shape(&s->homes.at[i], shape))
            return &s->homes.at[i];
    vec_push(e->a, &s->homes, value_home(e, shape, s->name, s->first, false, false));
    return &s->homes.at[s->homes.len - 1];
}

static bool keeps_constants(const value *v) {
    if (v->kind == VAL_EXPR)
        return v->literal;
    for (uint32_t i = 0; i < v->len && v->items; i++)
        if (keeps_constants(&v->items[i]))
            return true;
    return false;
}

/* The home, with the constants of `v` in the places of its leaves. */
static value with_constants(elab *e, const value *home, const value *v) {
    if (!keeps_constants(v))
        return *home;
    if (v->kind == VAL_EXPR) {
        value c = *v;
        c.expr = kir_copy_expr(e->m, v->expr, NULL);
        return c;
    }
    value c = *home;
    c.items = copy_items(e, home);
    for (uint32_t i = 0; i < c.len; i++)
        c.items[i] = with_constants(e, &home->items[i], &v->items[i]);
    return c;
}

static bool is_storable(const value *v) {
    if (v->kind == VAL_EXPR)
        return true;
    for (uint32_t i = 0; i < v->len && v->items; i++)
        if (is_storable(&v->items[i]))
            return true;
    return false;
}

static value forced_value(elab *e, const slot *s, const value *v, span at) {
    if (!s->forced || v->kind != VAL_EXPR || v->ty == s->forced)
        return *v;
    return elab_convert(e, v, s->forced, at);
}

/* Assigns: stores into the home of the value's type. Code that cannot be reached in a recursion's first round gives
 * VAL_BOTTOM, which is kept as it is. */
void slot_assign(elab *e, slot *s, const value *given, span at) {
    value v = forced_value(e, s, given, at);
    if (!s->first.line)
        s->first = at;
    if (v.kind == VAL_INVALID) {
        slot_break(e, s);
        return;
    }
    slot_state st = {.bound = SLOT_BOUND, .stored = true, .v = v};
    if (is_storable(&v)) {
        if (v.kind != VAL_EXPR && s->name && value_mentions(&v, s->name))
            v = st.v = elab_hold_value(e, &v);
        value *home = home_for(e, s, &v);
        value_store(e, home, &v, at);
        st.v = with_constants(e, home, &v);
    }
    slot_set(e, s, st);
    if (s->name)
        elab_note_type(e, at, s->name, &v);
}

void slot_bind(elab *e, slot *s, const value *v, span at) {
    if (!s->first.line)
        s->first = at;
    slot_set(e, s, (slot_state){.bound = v->kind == VAL_INVALID ? SLOT_BROKEN : SLOT_BOUND, .stored = false, .v = *v});
    if (s->name)
        elab_note_type(e, at, s->name, v);
}

void slot_unbind(elab *e, slot *s) {
    slot_set(e, s, (slot_state){.bound = SLOT_UNBOUND});
}
void slot_break(elab *e, slot *s) {
    slot_set(e, s, (slot_state){.bound = SLOT_BROKEN});
}

static void check_bound(elab *e, slot *s, span at) {
    const char *message =
        arena_printf(e->a, "cannot access local variable '%s' where it is not associated with a value", s->name->text);
    elab_check(e, kir_ref(e->m, slot_flag(e, s), at), "UnboundLocalError", message, NULL, 0, at);
    slot_state sure = s->now;
    sure.bound = SLOT_BOUND;
    slot_set(e, s, sure);
}

value slot_read(elab *e, slot *s, span at) {
    slot_note_read(e, s);
    switch (s->now.bound) {
    case SLOT_BROKEN:
        return value_invalid(at);
    case SLOT_CONFLICT:
        return elab_error(e, DIAG_TYPING, at, "give the variable one kind of value on every path, or use two variables",
                          "variable '%s' is %s", s->name->text, s->now.v.text->text);
    case SLOT_UNBOUND:
        return elab_error(e, DIAG_TYPING, at, "assign it on every path that leads here",
                          "variable '%s' is used before it is assigned", s->name->text);
    case SLOT_MAYBE:
        check_bound(e, s, at);
        break;
    case SLOT_BOUND:
        break;
    }
    value v = value_again(e, &s->now.v);
    v.at = at;
    return v;
}

/* ---- joining states ------------------------------------------------------------------------------------------------------------ */

bool state_same(const slot_state *a, const slot_state *b) {
    if (a->bound != b->bound)
        return false;
    if (a->bound != SLOT_BOUND && a->bound != SLOT_MAYBE)
        return true;
    if (!value_same_shape(&a->v, &b->v))
        return false;
    return keeps_constants(&a->v) == keeps_constants(&b->v) &&
           (!keeps_constants(&a->v) || value_same_const(&a->v, &b->v));
}

static bool has_value(const slot_state *s) {
    return s->bound == SLOT_BOUND || s->bound == SLOT_MAYBE;
}

/* The state as it is when nothing is known but the types. */
slot_state slot_general(elab *e, slot *s, const slot_state *st) {
    slot_state g = *st;
    if (has_value(st) && is_storable(&st->v)) {
        g.v = *home_for(e, s, &st->v);
        g.stored = true;
    }
    return g;
}

static slot_state conflict_of(elab *e, const slot_state *a, const slot_state *b) {
    slot_state c = {.bound = SLOT_CONFLICT};
    c.v.text = sym_of(e->m->syms, arena_printf(e->a, "%s on one path and %s on another", value_describe(e, &a->v),
                                               value_describe(e, &b->v)));
    return c;
}

/* Joins two states of a slot; false when that is a conflict (then *out says it). */
bool state_unify(elab *e, slot *s, const slot_state *a, const slot_state *b, slot_state *out) {
    if (a->bound == SLOT_BROKEN || b->bound == SLOT_BROKEN) {
        *out = (slot_state){.bound = SLOT_BROKEN};
        return true;
    }
    if (a->bound == SLOT_CONFLICT || b->bound == SLOT_CONFLICT) {
        *out = a->bound == SLOT_CONFLICT ? *a : *b;
        return false;
    }
    if (!has_value(a) && !has_value(b)) {
        *out = *a;
        return true;
    }
    if (!has_value(a) || !has_value(b)) {
        *out = slot_general(e, s, has_value(a) ? a : b);
        out->bound = SLOT_MAYBE;
        return true;
    }
    if (state_same(a, b)) {
        *out = *a;
        out->stored = a->stored && b->stored;
        if (keeps_constants(&a->v) || !is_storable(&a->v))
            return true;
        *out = slot_general(e, s, a);
        return true;
    }
    value shape;
    if (!value_unify(e, &a->v, &b->v, &shape)) {
        *out = conflict_of(e, a, b);
        return false;
    }
    slot_state joined = {.bound = a->bound == SLOT_MAYBE ? SLOT_MAYBE : b->bound, .stored = true, .v = shape};
    *out = slot_general(e, s, &joined);
    return true;
}

static void zero_leaf(elab *e, kir_expr *x, void *context) {
    span at = *(span *)context;
    kir_expr *zero = NULL;
    switch (x->ty->kind) {
    case TYPE_BOOL:
    case TYPE_INT:
        zero = kir_const_int(e->m, x->ty, 0, at);
        break;
    case TYPE_FLOAT:
        zero = kir_const_float(e->m, x->ty, 0, at);
        break;
    case TYPE_COMPLEX:
        zero = kir_const_complex(e->m, x->ty, 0, 0, at);
        break;
    default:
        return;
    }
    if (x->kind == KIR_VAR)
        elab_emit(e, kir_assign(e->m, x->var, zero, at));
}

static void settle_flag(elab *e, slot *s, const slot_state *from, span at) {
    if (from->bound == SLOT_MAYBE)
        return;
    elab_emit(e, kir_assign(e->m, slot_flag(e, s), kir_bool(e->m, from->bound == SLOT_BOUND, at), at));
}

static bool is_stored_leaf(const value *home, const value *v, bool stored) {
    return v->literal && stored && home->ty == v->ty;
}

static void settle_value(elab *e, const value *home, const value *v, bool stored, span at) {
    if (v->kind == VAL_BOTTOM || v->kind == VAL_INVALID)
        return;
    if (home->kind == VAL_EXPR) {
        if (home->expr->kind == KIR_VAR && !is_stored_leaf(home, v, stored)) {
            value again = value_again(e, v);
            value_store(e, home, &again, at);
        }
        return;
    }
    for (uint32_t i = 0; i < home->len && home->items; i++)
        settle_value(e, &home->items[i], &v->items[i], stored, at);
}

/* Emits here what makes the state `from` readable as `to`. */
void slot_settle(elab *e, slot *s, const slot_state *from, const slot_state *to) {
    if (!has_value(to))
        return;
    span at = s->first;
    if (to->bound == SLOT_MAYBE)
        settle_flag(e, s, from, at);
    if (has_value(from))
        settle_value(e, &to->v, &from->v, from->stored && value_same_shape(&from->v, &to->v), at);
    else if (from->bound == SLOT_UNBOUND && to->bound == SLOT_MAYBE)
        value_leaves(e, &to->v, zero_leaf, &at);
}

/* Emits at the end of a path, before the jump that ends it. */
void edge_settle(elab *e, const edge *at, slot *s, const slot_state *from, const slot_state *to) {
    kir_block *block = e->block;
    bool unreachable = e->unreachable;
    e->block = at->block;
    e->unreachable = false;
    if (at->jump)
        at->block->len--;
    slot_settle(e, s, from, to);
    if (at->jump)
        vec_push(e->a, at->block, at->jump);
    e->block = block;
    e->unreachable = unreachable;
}

/* ---- merges ---------------------------------------------------------------------------------------------------------------------- */

void merge_begin(elab *e, merge *m) {
    *m = (merge){.mark = e->trail.len};
}

const slot_state *edge_state(const edge *at, const slot *s) {
    for (uint32_t i = 0; i < at->deltas.len; i++)
        if (at->deltas.at[i].slot == s)
            return &at->deltas.at[i].state;
    return NULL;
}

/* Records the path that ends here (with `jump`, just emitted, or by falling through). */
void merge_edge(elab *e, merge *m, kir_stmt *jump) {
    if (e->unreachable && !jump)
        return;
    edge x = {.block = e->block, .jump = jump};
    uint32_t stamp = ++e->stamp;
    for (uint32_t i = m->mark; i < e->trail.len; i++) {
        slot *s = e->trail.at[i].slot;
        if (s->stamp == stamp || s->scope->closed)
            continue;
        s->stamp = stamp;
        vec_push(e->a, &x.deltas, (delta){s, s->now, s->changed});
    }
    vec_push(e->a, &m->edges, x);
}

static bool is_live(const slot *s, const scope *where, const uint64_t *live) {
    if (s->scope->closed)
        return false;
    if (!live || s->scope != where || s->index >= where->facts->n_names)
        return true;
    return bit_is_set(live, s->index);
}

static void merge_slot(elab *e, merge *m, slot *s) {
    slot_state joined = {0};
    bool carried = false;
    for (uint32_t i = 0; i < m->edges.len; i++) {
        const slot_state *st = edge_state(&m->edges.at[i], s);
        if (!st) {
            st = &s->now;
            carried = true;
        }
        if (i == 0) {
            joined = *st;
        } else {
            slot_state next;
            state_unify(e, s, &joined, st, &next);
            joined = next;
        }
    }
    if (carried)
        slot_note_read(e, s);
    if (m->edges.len > 1)
        for (uint32_t i = 0; i < m->edges.len; i++) {
            const slot_state *st = edge_state(&m->edges.at[i], s);
            edge_settle(e, &m->edges.at[i], s, st ? st : &s->now, &joined);
        }
    slot_set(e, s, joined);
}

/* The states are those at m->mark again (the caller has undone every path). */
bool merge_end(elab *e, merge *m, const scope *where, const uint64_t *live) {
    if (m->edges.len == 0) {
        e->unreachable = true;
        return false;
    }
    e->unreachable = false;
    uint32_t stamp = ++e->stamp;
    for (uint32_t i = 0; i < m->edges.len; i++)
        for (uint32_t k = 0; k < m->edges.at[i].deltas.len; k++) {
            slot *s = m->edges.at[i].deltas.at[k].slot;
            if (s->stamp == stamp || s->scope->closed)
                continue;
            s->stamp = stamp;
            if (is_live(s, where, live))
                merge_slot(e, m, s);
            else
                slot_unbind(e, s);
            s->stamp = stamp;
        }
    return true;
}
