/* simplify: constants, copies, proven conditions, dead code, canonical loops.
 *
 *   for %i in range(0, dim(%x, 0), 1):            for %k in range(0, dim(%x, 0), 1):
 *       %w = wrap(%i, dim(%x, 0))                     %v = load %x[%k]
 *       check %w >= 0 && %w < dim(%x, 0)        →
 *       %v = load %x[%w]
 *
 * One walk forwards carries the facts of facts.h: loop bounds, comparisons that dominate, earlier checks, the shapes
 * of views. A comparison that they decide becomes a constant; WRAP of an index that is never negative vanishes; a check
 * that always holds is dropped. Variables that hold a constant or another variable's value are replaced by it; loads
 * and stores through a view go to the array behind it (so that later passes see one array with affine subscripts); a
 * load repeated with no store between is done once. What nobody reads is then removed.
 *
 * Canonical loops: the variable of a FOR is assigned by nothing else and read only in the body. The user's variable is
 * assigned from it at the start of the body when somebody reads it outside or assigns it inside; so it has Python's
 * value after the loop.
 *
 * Nothing is assumed about overflow: arithmetic that may wrap is opaque. Cost: a few microseconds for each statement. */
#include "passes/facts.h"
#include "passes/fingerprint.h"
#include "passes/passes.h"
#include "passes/vars.h"

typedef struct dep {
    const kir_var *var;
    uint32_t version;
} dep;

typedef struct known { /* what a variable holds, as an expression that may replace it */
    kir_expr *expr;
    uint32_t version; /* of the variable itself when this was recorded */
    VEC(dep) deps;
} known;

typedef struct seen_load {
    kir_var *array, *value;
    uint32_t array_version, value_version, n;
    const lin *index[TYPE_MAX_NDIM];
} seen_load;

typedef struct simplifier {
    kir_module *m;
    arena *scratch;
    kir_fn *fn;
    facts *facts;
    known *known; /* by variable id */
    VEC(seen_load) loads;
    bool changed;
} simplifier;

static void simplify_block(simplifier *z, kir_block *b);

/* ---- what variables hold ------------------------------------------------------------------------------------------------ */

typedef struct dep_scan {
    simplifier *z;
    known *k;
} dep_scan;

static void add_dep(kir_var *v, void *context) {
    dep_scan *d = context;
    vec_push(d->z->scratch, &d->k->deps, (dep){v, facts_version(d->z->facts, v)});
}

/* Must be called before the assignment changes versions, except for the variable's own. */
static void record(simplifier *z, kir_var *v, kir_expr *e) {
    known k = {.expr = e};
    dep_scan scan = {z, &k};
    vars_in_expr(e, add_dep, &scan);
    z->known[v->id] = k;
}

static kir_expr *held(simplifier *z, const kir_var *v) {
    const known *k = &z->known[v->id];
    if (!k->expr || k->version != facts_version(z->facts, v))
        return NULL;
    for (uint32_t i = 0; i < k->deps.len; i++)
        if (facts_version(z->facts, k->deps.at[i].var) != k->deps.at[i].version)
            return NULL;
    return k->expr;
}

static bool is_sharing(const kir_expr *e) {
    return e->kind == KIR_VAR || e->kind == KIR_VIEW || e->kind == KIR_TRANSPOSE || e->kind == KIR_RESHAPE ||
           e->kind == KIR_REINTERPRET || e->kind == KIR_ALLOC || e->kind == KIR_GLOBAL;
}

/* Scalar expressions that may be repeated: nothing that costs more than the variable that holds it. */
static bool is_cheap(const kir_expr *e) {
    if (e->kind == KIR_CONST || e->kind == KIR_VAR || e->kind == KIR_DIM)
        return true;
    return false;
}

/* The other of two buffers, `target = 1 - source`: an analysis that sees only `target` cannot tell them apart. */
static bool is_opposite(const kir_expr *e) {
    return e->kind == KIR_BINARY && e->op == KIR_OP_SUB && e->ty->kind == TYPE_INT && e->args[0]->kind == KIR_CONST &&
           e->args[1]->kind == KIR_VAR;
}

static bool is_condition(const kir_expr *e) {
    return e->ty->kind == TYPE_BOOL && e->kind == KIR_BINARY && e->n_args == 2;
}

/* ---- expressions ---------------------------------------------------------------------------------------------------------- */

static kir_expr *fold(simplifier *z, kir_expr *e);

static void fold_args(simplifier *z, kir_expr *e) {
    for (uint32_t i = 0; i < e->n_args; i++)
        e->args[i] = fold(z, e->args[i]);
    if (e->kind == KIR_VIEW)
        for (uint32_t i = 0; i < e->subs.n; i++) {
            kir_sub *s = &e->subs.at[i];
            s->start = s->start ? fold(z, s->start) : NULL;
            s->length = s->length ? fold(z, s->length) : NULL;
            s->step = s->step ? fold(z, s->step) : NULL;
        }
}

/* The array variable behind a plain copy of the descriptor. */
static kir_var *array_behind(simplifier *z, kir_var *v) {
    for (kir_expr *e = held(z, v); e && e->kind == KIR_VAR; e = held(z, v))
        v = e->var;
    return v;
}

static kir_expr *fold_var(simplifier *z, kir_expr *e) {
    if (e->ty->kind == TYPE_ARRAY) {
        kir_var *behind = array_behind(z, e->var);
        if (behind != e->var && behind->ty == e->ty) {
            e->var = behind;
            z->changed = true;
        }
        return e;
    }
    kir_expr *value = held(z, e->var);
    if (value && (is_cheap(value) || is_opposite(value)) && value->ty == e->ty) {
        z->changed = true;
        return kir_copy_expr(z->m, value, NULL);
    }
    return e;
}

static bool is_simple_extent(const kir_expr *e) {
    return is_cheap(e) || (e->kind == KIR_BINARY && is_cheap(e->args[0]) && is_cheap(e->args[1]));
}

static kir_expr *extent_of_view(simplifier *z, const kir_expr *view, uint32_t axis, span at) {
    uint32_t k = 0;
    for (uint32_t i = 0; i < view->subs.n; i++) {
        const kir_sub *s = &view->subs.at[i];
        if (s->kind == KIR_SUB_INDEX || k++ != axis)
            continue;
        if (s->kind == KIR_SUB_NEWAXIS)
            return kir_int(z->m, 1, at);
        return is_simple_extent(s->length) ? kir_copy_expr(z->m, s->length, NULL) : NULL;
    }
    return NULL;
}

static kir_expr *fold_dim(simplifier *z, kir_expr *e) {
    e->var = array_behind(z, e->var);
    kir_expr *value = held(z, e->var), *extent = NULL;
    if (!value)
        return e;
    uint32_t axis = (uint32_t)e->axis;
    if ((value->kind == KIR_ALLOC || value->kind == KIR_RESHAPE) && is_simple_extent(value->args[axis]))
        extent = kir_copy_expr(z->m, value->args[axis], NULL);
    else if (value->kind == KIR_VIEW)
        extent = extent_of_view(z, value, axis, e->at);
    else if (value->kind == KIR_TRANSPOSE)
        extent = kir_dim(z->m, value->var, value->axes.at[axis], e->at);
    else if (value->kind == KIR_GLOBAL)
        extent = kir_int(z->m, z->m->globals.at[value->global].shape[axis], e->at);
    if (!extent)
        return e;
    z->changed = true;
    return fold(z, extent);
}

enum { FEW_NODES = 8 };

static uint32_t count_nodes(const kir_expr *e) {
    uint32_t n = 1;
    for (uint32_t i = 0; i < e->n_args; i++)
        n += count_nodes(e->args[i]);
    return n;
}

static bool is_int64(const type *t) {
    return t->kind == TYPE_INT && t->bits == 64 && t->is_signed;
}

static bool is_least(simplifier *z, const lin *a, const lin *b, int64_t scale, int64_t k) {
    const lin *sum = facts_add(z->facts, a, b, scale);
    sum = sum ? facts_add(z->facts, sum, facts_const(z->facts, 1), k) : NULL;
    return sum && facts_nonneg(z->facts, sum);
}

/* a % n with -n <= a < 2n, as neighbours on a ring have it, needs no division: it is a, a + n or a - n. */
static kir_expr *fold_remainder(simplifier *z, kir_expr *e) {
    kir_expr *n = e->args[1], *a = e->args[0];
    kir_module *m = z->m;
    const lin *value = facts_lin(z->facts, a), *size = facts_lin(z->facts, n);
    const lin *minus = facts_add(z->facts, facts_const(z->facts, 0), value, -1);
    if (n->kind == KIR_CONST || count_nodes(a) + count_nodes(n) > FEW_NODES || !minus ||
        !is_least(z, size, size, 0, -1))
        return NULL;
    bool low = facts_nonneg(z->facts, value), high = is_least(z, size, value, -1, -1);
    bool not_lower = low || is_least(z, value, size, 1, 0), not_higher = high || is_least(z, minus, size, 2, -1);
    if (!not_lower || !not_higher)
        return NULL;
    kir_expr *r = a;
    if (!high) {
        kir_expr *reaches = kir_binary(m, KIR_OP_GE, kir_copy_expr(m, a, NULL), kir_copy_expr(m, n, NULL), e->at);
        kir_expr *less = kir_binary(m, KIR_OP_SUB, kir_copy_expr(m, a, NULL), kir_copy_expr(m, n, NULL), e->at);
        r = kir_select(m, reaches, less, r, e->at);
    }
    if (!low) {
        kir_expr *below = kir_binary(m, KIR_OP_LT, kir_copy_expr(m, a, NULL), kir_int(m, 0, e->at), e->at);
        kir_expr *more = kir_binary(m, KIR_OP_ADD, kir_copy_expr(m, a, NULL), kir_copy_expr(m, n, NULL), e->at);
        r = kir_select(m, below, more, r, e->at);
    }
    z->changed = true;
    return r;
}

static kir_expr *fold_binary_expr(simplifier *z, kir_expr *e) {
    if (e->op == KIR_OP_MOD && is_int64(e->ty)) {
        kir_expr *shorter = fold_remainder(z, e);
        if (shorter)
            return shorter;
    }
    if (e->ty->kind == TYPE_BOOL && e->op >= KIR_OP_EQ && e->op <= KIR_OP_GE) {
        int known_value = facts_decide(z->facts, e);
        if (known_value >= 0)
            return kir_bool(z->m, known_value, e->at);
    }
    if ((e->op == KIR_OP_MIN || e->op == KIR_OP_MAX) && e->ty->kind == TYPE_INT) {
        const lin *a = facts_lin(z->facts, e->args[0]), *b = facts_lin(z->facts, e->args[1]);
        const lin *d = facts_add(z->facts, a, b, -1), *minus = facts_add(z->facts, b, a, -1);
        bool first_larger = d && facts_nonneg(z->facts, d), second_larger = minus && facts_nonneg(z->facts, minus);
        if (first_larger || second_larger)
            return e->args[(e->op == KIR_OP_MAX) == first_larger ? 0 : 1];
    }
    if (kir_is_array(e))
        return e;
    kir_expr *folded = kir_binary(z->m, e->op, e->args[0], e->args[1], e->at);
    return folded->ty == e->ty ? folded : e;
}

static kir_expr *fold_wrap(simplifier *z, kir_expr *e) {
    const lin *i = facts_lin(z->facts, e->args[0]);
    if (facts_nonneg(z->facts, i))
        return e->args[0];
    const lin *negative = facts_add(z->facts, facts_const(z->facts, -1), i, -1);
    if (negative && facts_nonneg(z->facts, negative))
        return kir_binary(z->m, KIR_OP_ADD, e->args[0], e->args[1], e->at);
    return e;
}

/* Broadcasting's `extent == 1 ? 0 : i` is i when 0 <= i < extent. */
static bool selects_own_index(simplifier *z, const kir_expr *e) {
    const kir_expr *c = e->args[0];
    int64_t one, zero;
    if (c->kind != KIR_BINARY || c->op != KIR_OP_EQ || !kir_is_const_int(c->args[1], &one) || one != 1 ||
        !kir_is_const_int(e->args[1], &zero) || zero != 0)
        return false;
    const lin *i = facts_lin(z->facts, e->args[2]), *extent = facts_lin(z->facts, c->args[0]);
    const lin *room = facts_add(z->facts, extent, i, -1);
    room = room ? facts_add(z->facts, room, facts_const(z->facts, 1), -1) : NULL;
    return room && facts_nonneg(z->facts, i) && facts_nonneg(z->facts, room);
}

static kir_expr *fold_select(simplifier *z, kir_expr *e) {
    int truth = facts_decide(z->facts, e->args[0]);
    if (truth >= 0)
        return e->args[truth ? 1 : 2];
    if (e->ty->kind == TYPE_INT && selects_own_index(z, e))
        return e->args[2];
    return kir_select(z->m, e->args[0], e->args[1], e->args[2], e->at);
}

static kir_expr *fold(simplifier *z, kir_expr *e) {
    fold_args(z, e);
    switch (e->kind) {
    case KIR_VAR:
        return fold_var(z, e);
    case KIR_DIM:
        return fold_dim(z, e);
    case KIR_STRIDE:
        e->var = array_behind(z, e->var);
        return e;
    case KIR_UNARY:
        return kir_is_array(e) ? e : kir_unary(z->m, e->op, e->args[0], e->at);
    case KIR_BINARY:
        return fold_binary_expr(z, e);
    case KIR_CAST:
        return kir_is_array(e) ? e : kir_cast(z->m, e->args[0], e->ty, e->at);
    case KIR_WRAP:
        return kir_is_array(e) ? e : fold_wrap(z, e);
    case KIR_SELECT:
        return kir_is_array(e) ? e : fold_select(z, e);
    default:
        return e;
    }
}

static void fold_slot(kir_expr **slot, void *context) {
    *slot = fold(context, *slot);
}

/* A condition that is a variable is replaced by the comparison that it holds, so that facts can be read off it. */
static kir_expr *open_condition(simplifier *z, kir_expr *e) {
    if (e->kind == KIR_VAR) {
        kir_expr *value = held(z, e->var);
        return value && is_condition(value) ? kir_copy_expr(z->m, value, NULL) : e;
    }
    if (e->kind == KIR_UNARY && e->op == KIR_OP_NOT) {
        kir_expr *inner = open_condition(z, e->args[0]);
        return inner == e->args[0] ? e : kir_unary(z->m, KIR_OP_NOT, inner, e->at);
    }
    return e;
}

/* ---- views ------------------------------------------------------------------------------------------------------------------ */

/* Index list through one view; NULL when the view keeps no affine relation. */
static kir_expr **index_behind_view(simplifier *z, const kir_expr *view, kir_expr **index, uint32_t *n, span at) {
    uint32_t axis = 0, k = 0;
    kir_expr **out = arena_array(z->m->a, kir_expr *, view->var->ty->ndim + 1);
    if (view->kind == KIR_TRANSPOSE) {
        for (; k < *n; k++)
            out[view->axes.at[k]] = index[k];
        return out;
    }
    for (uint32_t i = 0; i < view->subs.n; i++) {
        const kir_sub *s = &view->subs.at[i];
        if (s->kind == KIR_SUB_INDEX) {
            out[axis++] = kir_copy_expr(z->m, s->start, NULL);
        } else if (s->kind == KIR_SUB_NEWAXIS) {
            k++;
        } else {
            kir_expr *step = kir_copy_expr(z->m, s->step, NULL), *start = kir_copy_expr(z->m, s->start, NULL);
            kir_expr *offset = kir_binary(z->m, KIR_OP_MUL, index[k++], step, at);
            out[axis++] = kir_binary(z->m, KIR_OP_ADD, start, offset, at);
        }
    }
    *n = axis;
    return out;
}

static kir_var *see_through(simplifier *z, kir_var *v, kir_expr ***index, uint32_t *n, span at) {
    for (;;) {
        v = array_behind(z, v);
        kir_expr *value = held(z, v);
        if (!value || (value->kind != KIR_VIEW && value->kind != KIR_TRANSPOSE) || value->var == v ||
            value->var->ty->dtype != v->ty->dtype)
            return v;
        *index = index_behind_view(z, value, *index, n, at);
        for (uint32_t i = 0; i < *n; i++)
            (*index)[i] = fold(z, (*index)[i]);
        v = value->var;
        z->changed = true;
    }
}

static void forward_load(simplifier *z, kir_expr *load) {
    load->var = see_through(z, load->var, &load->args, &load->n_args, load->at);
}

static void forward_store(simplifier *z, kir_stmt *s) {
    kir_expr **index = s->index.at;
    uint32_t n = s->index.len;
    s->var = see_through(z, s->var, &index, &n, s->at);
    s->index.at = index;
    s->index.len = s->index.cap = n;
}

/* ---- repeated loads ------------------------------------------------------------------------------------------------------------ */

static bool load_key(simplifier *z, kir_expr *load, seen_load *key) {
    *key = (seen_load){.array = load->var, .array_version = facts_version(z->facts, load->var), .n = load->n_args};
    for (uint32_t i = 0; i < load->n_args; i++)
        key->index[i] = facts_lin(z->facts, load->args[i]);
    return true;
}

static bool same_load(const seen_load *a, const seen_load *b) {
    bool same = a->array == b->array && a->array_version == b->array_version && a->n == b->n;
    for (uint32_t i = 0; same && i < a->n; i++)
        same = facts_equal(a->index[i], b->index[i]);
    return same;
}

static kir_var *find_load(simplifier *z, const seen_load *key) {
    for (uint32_t i = z->loads.len; i-- > 0;) {
        const seen_load *l = &z->loads.at[i];
        if (same_load(l, key) && facts_version(z->facts, l->value) == l->value_version)
            return l->value;
    }
    return NULL;
}

static void note_load(simplifier *z, seen_load *key, kir_var *value) {
    key->value = value;
    key->value_version = facts_version(z->facts, value);
    if (facts_version(z->facts, key->array) == key->array_version)
        vec_push(z->scratch, &z->loads, *key);
}

static bool writes_memory(const kir_stmt *s) {
    switch (s->kind) {
    case KIR_STORE:
    case KIR_COPY:
    case KIR_MASKED_COPY:
    case KIR_SCATTER:
    case KIR_CALL:
    case KIR_RUNTIME:
    case KIR_REGION:
        return true;
    default:
        return false;
    }
}

static bool find_write(kir_stmt *s, void *context) {
    *(bool *)context |= writes_memory(s);
    return true;
}

static bool block_writes(kir_block *b) {
    bool writes = false;
    kir_each_stmt(b, find_write, &writes);
    return writes;
}

/* ---- statements ------------------------------------------------------------------------------------------------------------------ */

/* `total = %t`: the temporary is called total when a report has to name it. */
static void name_value(const kir_stmt *s) {
    kir_var *from = s->value->kind == KIR_VAR ? s->value->var : NULL;
    if (from && !from->name && !from->called)
        from->called = s->var->name ? s->var->name : s->var->called;
}

static void simplify_assign(simplifier *z, kir_stmt *s) {
    seen_load key;
    name_value(s);
    bool is_load = s->value->kind == KIR_LOAD;
    if (is_load) {
        forward_load(z, s->value);
        load_key(z, s->value, &key);
        kir_var *again = find_load(z, &key);
        if (again && again->ty == s->var->ty) {
            s->value = kir_ref(z->m, again, s->at);
            is_load = false;
            z->changed = true;
        }
    }
    bool keep = s->var->ty->kind == TYPE_ARRAY ? is_sharing(s->value)
                                               : is_cheap(s->value) || is_condition(s->value) || is_opposite(s->value);
    if (keep && !vars_mentions(s->value, s->var))
        record(z, s->var, s->value);
    else
        z->known[s->var->id].expr = NULL;
    facts_after(z->facts, s);
    z->known[s->var->id].version = facts_version(z->facts, s->var);
    if (is_load)
        note_load(z, &key, s->var);
}

static bool is_jump(const kir_stmt *s) {
    return s->kind == KIR_RETURN || s->kind == KIR_RAISE || s->kind == KIR_BREAK || s->kind == KIR_CONTINUE;
}

static bool never_falls_through(const kir_block *b) {
    if (b->len == 0)
        return false;
    const kir_stmt *last = b->at[b->len - 1];
    if (last->kind == KIR_IF)
        return never_falls_through(&last->body) && never_falls_through(&last->orelse);
    return is_jump(last);
}

typedef VEC(const lin *) lin_list;

/* `if x > m: m = x` is m = max(m, x), and `if x < m: m = x` is m = min(m, x); also with the operands exchanged. */
static bool become_min_max(simplifier *z, kir_stmt *s) {
    kir_expr *c = s->value;
    if (c->kind != KIR_BINARY || s->orelse.len || s->body.len != 1 || s->body.at[0]->kind != KIR_ASSIGN)
        return false;
    kir_stmt *set = s->body.at[0];
    bool first = c->args[1]->kind == KIR_VAR && c->args[1]->var == set->var && kir_expr_equal(c->args[0], set->value);
    bool second = c->args[0]->kind == KIR_VAR && c->args[0]->var == set->var && kir_expr_equal(c->args[1], set->value);
    bool strict = c->op == KIR_OP_LT || c->op == KIR_OP_GT;
    bool weak = (c->op == KIR_OP_LE || c->op == KIR_OP_GE) && set->var->ty->kind == TYPE_INT;
    if (first == second || (!strict && !weak) || set->var->ty->kind == TYPE_BOOL)
        return false;
    bool less = (c->op == KIR_OP_LT || c->op == KIR_OP_LE) == first;
    kir_expr *old = kir_ref(z->m, set->var, s->at);
    set->value = kir_binary(z->m, less ? KIR_OP_MIN : KIR_OP_MAX, old, set->value, s->at);
    return true;
}

/* `if t: t = c` with t a bool and c free of loads is t = t and c (and `if not t: t = c` is t = t or c). */
static bool become_and_or(simplifier *z, kir_stmt *s) {
    kir_expr *c = s->value;
    bool negated = c->kind == KIR_UNARY && c->op == KIR_OP_NOT;
    if (negated)
        c = c->args[0];
    if (c->kind != KIR_VAR || s->orelse.len || s->body.len != 1 || s->body.at[0]->kind != KIR_ASSIGN)
        return false;
    kir_stmt *set = s->body.at[0];
    if (set->var != c->var || set->value->kind == KIR_LOAD || vars_mentions(set->value, c->var))
        return false;
    kir_expr *held_value = held(z, c->var);
    kir_expr *left = held_value && is_condition(held_value) ? kir_copy_expr(z->m, held_value, NULL) : c;
    set->value = kir_binary(z->m, negated ? KIR_OP_OR : KIR_OP_AND, left, set->value, s->at);
    return true;
}

static bool is_short(const kir_expr *e) {
    return e->kind != KIR_LOAD && e->kind != KIR_MATH && count_nodes(e) <= FEW_NODES;
}

static const kir_stmt *only_set(const kir_block *b) {
    const kir_stmt *s = b->len == 1 ? b->at[0] : NULL;
    return s && s->kind == KIR_ASSIGN && is_int64(s->var->ty) && is_short(s->value) ? s : NULL;
}

/* An index that is mended (`left = j - 1; if left < 0: left = n - 1`) or chosen (`if i > 0: up = i - 1 else: up = n - 1`)
 * is one expression. The statement to take the IF's place; *out loses one that it includes. */
static kir_stmt *become_select(simplifier *z, kir_stmt *s, kir_block *out) {
    const kir_stmt *yes = only_set(&s->body), *no = only_set(&s->orelse);
    kir_expr *c = s->value;
    bool compares = c->kind == KIR_BINARY && c->op >= KIR_OP_EQ && c->op <= KIR_OP_GE && is_int64(c->args[0]->ty);
    if (!yes || !compares || !is_short(c) || (no ? no->var != yes->var : s->orelse.len > 0))
        return NULL;
    kir_map *map = NULL;
    kir_stmt *before = out->len ? out->at[out->len - 1] : NULL;
    kir_expr *other = no ? no->value : NULL;
    if (!no) {
        if (!before || before->kind != KIR_ASSIGN || before->var != yes->var || !is_short(before->value) ||
            vars_mentions(before->value, yes->var))
            return NULL;
        map = kir_map_new(z->m);
        kir_map_expr(map, yes->var, before->value);
        other = before->value;
    } else if (vars_mentions(yes->value, yes->var) || vars_mentions(no->value, yes->var)) {
        return NULL;
    }
    kir_expr *value = kir_select(z->m, kir_copy_expr(z->m, c, map), kir_copy_expr(z->m, yes->value, map),
                                 kir_copy_expr(z->m, other, NULL), s->at);
    out->len -= !no;
    z->changed = true;
    return kir_assign(z->m, yes->var, value, no ? s->at : before->at);
}

/* Later passes may ask for more before they leave an exact copy aside: nothing follows from being in one. */
static bool is_exact_copy(const kir_block *b) {
    for (uint32_t i = 0; i < b->len; i++)
        if (b->at[i]->kind == KIR_FOR && b->at[i]->loop->cold)
            return true;
    return false;
}

static void simplify_branch(simplifier *z, kir_block *b, kir_expr *cond, bool truth) {
    facts_scope scope = facts_mark(z->facts);
    uint32_t loads = z->loads.len;
    if (truth || !is_exact_copy(b))
        facts_assume(z->facts, cond, truth);
    simplify_block(z, b);
    facts_reset(z->facts, scope);
    z->loads.len = block_writes(b) ? 0 : loads;
}

/* The forms that hold when cond is `truth`, to be assumed again after the branches were walked. */
static lin_list collect_facts(simplifier *z, kir_expr *cond, bool truth);

static void simplify_if(simplifier *z, kir_stmt *s, kir_block *out) {
    if (become_and_or(z, s) || become_min_max(z, s)) {
        kir_stmt *set = s->body.at[0];
        z->changed = true;
        set->value = fold(z, set->value);
        simplify_assign(z, set);
        vec_push(z->m->a, out, set);
        return;
    }
    s->value = open_condition(z, s->value);
    kir_stmt *chosen = become_select(z, s, out);
    if (chosen) {
        chosen->value = fold(z, chosen->value);
        simplify_assign(z, chosen);
        vec_push(z->m->a, out, chosen);
        return;
    }
    int truth = facts_decide(z->facts, s->value);
    if (truth >= 0) {
        kir_block *taken = truth ? &s->body : &s->orelse;
        simplify_block(z, taken);
        kir_block_append(z->m, out, taken);
        z->changed = true;
        return;
    }
    lin_list yes = collect_facts(z, s->value, true), no = collect_facts(z, s->value, false);
    simplify_branch(z, &s->body, s->value, true);
    facts_kill_written(z->facts, &s->body);
    simplify_branch(z, &s->orelse, s->value, false);
    facts_kill_written(z->facts, &s->orelse);
    if (block_writes(&s->body) || block_writes(&s->orelse))
        z->loads.len = 0;
    bool ends = never_falls_through(&s->body), other_ends = never_falls_through(&s->orelse);
    const lin_list *after = ends ? &no : &yes;
    for (uint32_t i = 0; (ends || other_ends) && i < after->len; i++)
        facts_assume_nonneg(z->facts, after->at[i]);
    if (s->body.len || s->orelse.len)
        vec_push(z->m->a, out, s);
}

static void simplify_loop(simplifier *z, kir_stmt *s, kir_block *out) {
    facts_scope scope = facts_mark(z->facts);
    uint32_t loads = z->loads.len;
    if (block_writes(&s->body))
        z->loads.len = loads = 0;
    facts_enter_loop(z->facts, s);
    simplify_block(z, &s->body);
    facts_reset(z->facts, scope);
    z->loads.len = loads;
    facts_kill_written(z->facts, &s->body);
    if (s->kind == KIR_FOR)
        facts_kill(z->facts, s->var);
    vec_push(z->m->a, out, s);
}

typedef struct jump_scan {
    const kir_stmt *target;
    bool found;
} jump_scan;

static bool find_jump(kir_stmt *s, void *context) {
    jump_scan *scan = context;
    scan->found |= (s->kind == KIR_BREAK || s->kind == KIR_CONTINUE) && s->target == scan->target;
    return !scan->found;
}

static void simplify_labelled(simplifier *z, kir_stmt *s, kir_block *out) {
    jump_scan scan = {s, false};
    facts_scope scope = facts_mark(z->facts);
    uint32_t loads = z->loads.len;
    simplify_block(z, &s->body);
    kir_stmt *last = s->body.len ? s->body.at[s->body.len - 1] : NULL;
    if (last && last->kind == KIR_BREAK && last->target == s)
        s->body.len--;
    kir_each_stmt(&s->body, find_jump, &scan);
    if (!scan.found) {
        kir_block_append(z->m, out, &s->body);
        z->changed = true;
        return;
    }
    facts_reset(z->facts, scope);
    z->loads.len = block_writes(&s->body) ? 0 : loads;
    facts_kill_written(z->facts, &s->body);
    vec_push(z->m->a, out, s);
}

static void simplify_check(simplifier *z, kir_stmt *s, kir_block *out) {
    s->value = open_condition(z, s->value);
    int truth = facts_decide(z->facts, s->value);
    if (truth == 1) {
        z->changed = true;
        return;
    }
    if (truth == 0)
        s->kind = KIR_RAISE, s->value = NULL;
    else
        facts_after(z->facts, s);
    vec_push(z->m->a, out, s);
}

static lin_list collect_facts(simplifier *z, kir_expr *cond, bool truth) {
    lin_list list = {0};
    facts_scope scope = facts_mark(z->facts);
    facts_assume(z->facts, cond, truth);
    uint32_t n;
    const lin *const *all = facts_known(z->facts, &n);
    for (uint32_t i = scope.len; i < n; i++)
        vec_push(z->scratch, &list, all[i]);
    facts_reset(z->facts, scope);
    return list;
}

static void simplify_stmt(simplifier *z, kir_stmt *s, kir_block *out) {
    kir_each_expr(s, fold_slot, z);
    switch (s->kind) {
    case KIR_IF:
        simplify_if(z, s, out);
        return;
    case KIR_FOR:
    case KIR_LOOP:
        simplify_loop(z, s, out);
        return;
    case KIR_BLOCK:
        simplify_labelled(z, s, out);
        return;
    case KIR_CHECK:
        simplify_check(z, s, out);
        return;
    case KIR_ASSIGN:
        simplify_assign(z, s);
        break;
    case KIR_STORE:
        forward_store(z, s);
        break;
    case KIR_COPY:
    case KIR_MASKED_COPY:
    case KIR_SCATTER:
        s->var = array_behind(z, s->var);
        break;
    default:
        break;
    }
    if (s->kind != KIR_ASSIGN)
        facts_after(z->facts, s);
    if (writes_memory(s))
        z->loads.len = 0;
    vec_push(z->m->a, out, s);
}

static void simplify_block(simplifier *z, kir_block *b) {
    kir_block out = {0};
    for (uint32_t i = 0; i < b->len; i++) {
        simplify_stmt(z, b->at[i], &out);
        if (never_falls_through(&out)) {
            z->changed |= i + 1 < b->len;
            break;
        }
    }
    *b = out;
}

/* ---- canonical loops ---------------------------------------------------------------------------------------------------------------- */

typedef struct loop_list {
    arena *a;
    VEC(kir_stmt *) at;
} loop_list;

static bool list_loop(kir_stmt *s, void *context) {
    loop_list *l = context;
    if (s->kind == KIR_FOR)
        vec_push(l->a, &l->at, s);
    return true;
}

typedef struct read_count {
    const kir_var *wanted;
    uint32_t n;
} read_count;

static void count_var(kir_var *v, void *context) {
    read_count *c = context;
    c->n += v == c->wanted;
}

static void count_in_slot(kir_expr **slot, void *context) {
    vars_in_expr(*slot, count_var, context);
}

static bool count_in_stmt(kir_stmt *s, void *context) {
    kir_each_expr(s, count_in_slot, context);
    return true;
}

static uint32_t reads_in(kir_block *b, const kir_var *v) {
    read_count c = {v, 0};
    kir_each_stmt(b, count_in_stmt, &c);
    return c.n;
}

static void canonicalize_loop(simplifier *z, kir_stmt *loop) {
    kir_var *user = loop->var;
    if (user->is_temp)
        return;
    var_set written = vars_new(z->scratch, z->fn);
    vars_written_in(&loop->body, &written);
    kir_var *fresh = kir_var_new(z->m, z->fn, user->name, user->ty, user->at);
    fresh->is_temp = true;
    bool assigned_inside = vars_has(&written, user);
    for (uint32_t k = 0; !assigned_inside && k < loop->body.len; k++)
        vars_rename(loop->body.at[k], user, fresh);
    loop->var = fresh;
    if (assigned_inside || reads_in(&z->fn->body, user) || user->is_param) {
        kir_block body = {0};
        vec_push(z->m->a, &body, kir_assign(z->m, user, kir_ref(z->m, fresh, loop->at), loop->at));
        kir_block_append(z->m, &body, &loop->body);
        loop->body = body;
    }
    z->changed = true;
}

static void canonicalize_loops(simplifier *z) {
    loop_list loops = {.a = z->scratch};
    kir_each_stmt(&z->fn->body, list_loop, &loops);
    for (uint32_t i = 0; i < loops.at.len; i++)
        canonicalize_loop(z, loops.at.at[i]);
}

/* ---- results that pass through a temporary --------------------------------------------------------------------- */

static void count_one(kir_var *v, void *context) {
    uint32_t *counts = context;
    counts[v->id]++;
}

static void count_reads_slot(kir_expr **slot, void *context) {
    vars_in_expr(*slot, count_one, context);
}

static bool count_reads(kir_stmt *s, void *context) {
    kir_each_expr(s, count_reads_slot, context);
    return true;
}

/* `%t = e; v = %t`, with no other use of %t, is `v = e`. */
static void merge_results(simplifier *z, kir_block *b, const uint32_t *reads) {
    for (uint32_t i = 0; i < b->len; i++) {
        kir_stmt *s = b->at[i], *next = i + 1 < b->len ? b->at[i + 1] : NULL;
        merge_results(z, &s->body, reads);
        merge_results(z, &s->orelse, reads);
        bool passes = next && s->kind == KIR_ASSIGN && next->kind == KIR_ASSIGN && s->var->is_temp &&
                      next->value->kind == KIR_VAR && next->value->var == s->var && reads[s->var->id] == 1 &&
                      s->var->ty == next->var->ty && s->var->ty->kind != TYPE_ARRAY;
        if (!passes)
            continue;
        s->var = next->var;
        for (uint32_t k = i + 1; k + 1 < b->len; k++)
            b->at[k] = b->at[k + 1];
        b->len--;
        z->changed = true;
    }
}

static void merge_all_results(simplifier *z) {
    uint32_t *reads = arena_array(z->scratch, uint32_t, z->fn->next_var + 1);
    kir_each_stmt(&z->fn->body, count_reads, reads);
    merge_results(z, &z->fn->body, reads);
}

/* ---- dead code ------------------------------------------------------------------------------------------------------------------------ */

static bool is_dead(const kir_stmt *s, const var_set *read) {
    switch (s->kind) {
    case KIR_ASSIGN:
        return !vars_has(read, s->var);
    case KIR_IF:
        return !s->body.len && !s->orelse.len;
    case KIR_FOR:
        return !s->body.len && !vars_has(read, s->var);
    case KIR_BLOCK:
        return !s->body.len;
    default:
        return false;
    }
}

static bool sweep(simplifier *z, kir_block *b, const var_set *read) {
    bool any = false;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < b->len; i++) {
        kir_stmt *s = b->at[i];
        any |= sweep(z, &s->body, read);
        any |= sweep(z, &s->orelse, read);
        if (!is_dead(s, read)) {
            b->at[kept++] = s;
            continue;
        }
        any = true;
        if (s->kind == KIR_FOR)
            pass_decide(z->m, s->loop->id, KIR_SERIAL, "REMOVED");
    }
    b->len = kept;
    return any;
}

static void remove_dead(simplifier *z) {
    for (bool any = true; any;) {
        var_set read = vars_new(z->scratch, z->fn);
        vars_read_in(&z->fn->body, &read);
        any = sweep(z, &z->fn->body, &read);
        z->changed |= any;
    }
}

/* Two of three runs find a function as the run before left it: many passes find nothing to do. What a round leaves as it
 * was, the next would leave, too; that is remembered in the function. */
static void simplify_fn(kir_module *m, arena *scratch, kir_fn *f) {
    enum { ROUNDS = 3 };
    simplifier z = {.m = m, .scratch = scratch, .fn = f};
    if (f->kind == KIR_FN_REGION)
        return;
    uint64_t before = fingerprint_of(f);
    if (f->settled == before)
        return;
    canonicalize_loops(&z);
    if (z.changed)
        before = fingerprint_of(f);
    f->settled = 0;
    for (uint32_t round = 0; round < ROUNDS && !f->settled; round++) {
        z.changed = false;
        z.facts = facts_new(scratch, m, f);
        z.known = arena_array(scratch, known, f->next_var + 1);
        z.loads.len = 0;
        simplify_block(&z, &f->body);
        merge_all_results(&z);
        remove_dead(&z);
        uint64_t after = fingerprint_of(f);
        f->settled = after == before ? after : 0;
        before = after;
        if (!z.changed)
            break;
    }
}

bool simplify_run(pass_context *c) {
    for (uint32_t i = 0; i < c->m->fns.len; i++)
        simplify_fn(c->m, c->scratch, c->m->fns.at[i]);
    return true;
}
