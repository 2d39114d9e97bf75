/* Sets of variables, definitions and liveness on structured code.
 *
 * Liveness runs backwards over the tree. A loop's head set is iterated until it is stable; it is kept between visits,
 * so that nested loops settle in about one visit for each level instead of doubling for each. */
#include "passes/vars.h"
#include <string.h>

var_set vars_new(arena *a, const kir_fn *f) {
    var_set s = {.words = f->next_var / 64 + 1, .a = a};
    s.bits = arena_array(a, uint64_t, s.words);
    return s;
}

static void reserve(var_set *s, uint32_t words) {
    if (words <= s->words)
        return;
    uint64_t *bits = arena_array(s->a, uint64_t, words);
    memcpy(bits, s->bits, sizeof(uint64_t) * s->words);
    s->bits = bits;
    s->words = words;
}

void vars_add(var_set *s, const kir_var *v) {
    reserve(s, v->id / 64 + 1);
    s->bits[v->id / 64] |= UINT64_C(1) << (v->id % 64);
}

void vars_remove(var_set *s, const kir_var *v) {
    if (v->id / 64 < s->words)
        s->bits[v->id / 64] &= ~(UINT64_C(1) << (v->id % 64));
}

bool vars_has(const var_set *s, const kir_var *v) {
    return v->id / 64 < s->words && (s->bits[v->id / 64] >> (v->id % 64) & 1);
}

bool vars_union(var_set *into, const var_set *from) {
    uint64_t fresh = 0;
    reserve(into, from->words);
    for (uint32_t i = 0; i < from->words; i++) {
        fresh |= from->bits[i] & ~into->bits[i];
        into->bits[i] |= from->bits[i];
    }
    return fresh != 0;
}

void vars_copy(var_set *into, const var_set *from) {
    reserve(into, from->words);
    memcpy(into->bits, from->bits, sizeof(uint64_t) * from->words);
    memset(into->bits + from->words, 0, sizeof(uint64_t) * (into->words - from->words));
}

void vars_clear(var_set *s) {
    memset(s->bits, 0, sizeof(uint64_t) * s->words);
}

/* ---- reads and writes ------------------------------------------------------------------------------------------- */

typedef struct visitor {
    vars_visit visit;
    void *context;
} visitor;

static void visit_slot(kir_expr **slot, void *context) {
    visitor *v = context;
    if ((*slot)->var)
        v->visit((*slot)->var, v->context);
}

void vars_in_expr(kir_expr *e, vars_visit visit, void *context) {
    visitor v = {visit, context};
    if (e)
        kir_each_subexpr(&e, visit_slot, &v);
}

static void add_var(kir_var *v, void *context) {
    vars_add(context, v);
}

void vars_read_by_expr(kir_expr *e, var_set *into) {
    vars_in_expr(e, add_var, into);
}

typedef struct search {
    const kir_var *wanted;
    bool found;
} search;

static void compare_var(kir_var *v, void *context) {
    search *s = context;
    s->found |= v == s->wanted;
}

bool vars_mentions(kir_expr *e, const kir_var *v) {
    search s = {v, false};
    vars_in_expr(e, compare_var, &s);
    return s.found;
}

typedef struct set_search {
    const var_set *wanted;
    bool found;
} set_search;

static void look_up_var(kir_var *v, void *context) {
    set_search *s = context;
    s->found |= vars_has(s->wanted, v);
}

bool vars_mentions_any(kir_expr *e, const var_set *set) {
    set_search s = {set, false};
    vars_in_expr(e, look_up_var, &s);
    return s.found;
}

static void read_slot(kir_expr **slot, void *context) {
    vars_read_by_expr(*slot, context);
}

static bool stores_into_var(const kir_stmt *s) {
    return s->kind == KIR_STORE || s->kind == KIR_COPY || s->kind == KIR_MASKED_COPY || s->kind == KIR_SCATTER;
}

void vars_read_by(kir_stmt *s, var_set *into) {
    kir_each_expr(s, read_slot, into);
    if (stores_into_var(s))
        vars_add(into, s->var);
    if (s->kind == KIR_REGION)
        for (uint32_t i = 0; i < s->results.len; i++)
            vars_add(into, s->results.at[i]);
}

void vars_written_by(kir_stmt *s, vars_visit visit, void *context) {
    if (s->kind == KIR_ASSIGN || s->kind == KIR_FOR)
        visit(s->var, context);
    for (uint32_t i = 0; i < s->results.len; i++)
        if (s->results.at[i])
            visit(s->results.at[i], context);
}

static bool add_written(kir_stmt *s, void *context) {
    vars_written_by(s, add_var, context);
    return true;
}

void vars_written_in(kir_block *b, var_set *into) {
    kir_each_stmt(b, add_written, into);
}

static void count_write(kir_var *v, void *context) {
    uint32_t *counts = context;
    counts[v->id]++;
}

static bool count_writes(kir_stmt *s, void *context) {
    vars_written_by(s, count_write, context);
    return true;
}

void vars_count_writes(kir_block *b, uint32_t *counts) {
    kir_each_stmt(b, count_writes, counts);
}

static bool add_read(kir_stmt *s, void *context) {
    vars_read_by(s, context);
    return true;
}

void vars_read_in(kir_block *b, var_set *into) {
    kir_each_stmt(b, add_read, into);
}

/* ---- renaming ------------------------------------------------------------------------------------------------------ */

typedef struct renaming {
    kir_var *from, *to;
} renaming;

static void rename_node(kir_expr **slot, void *context) {
    const renaming *r = context;
    if ((*slot)->var == r->from)
        (*slot)->var = r->to;
}

static void rename_slot(kir_expr **slot, void *context) {
    kir_each_subexpr(slot, rename_node, context);
}

static void rename_in_list(const renaming *r, kir_var **at, uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        if (at[i] == r->from)
            at[i] = r->to;
}

static bool rename_stmt(kir_stmt *s, void *context) {
    const renaming *r = context;
    if (s->var == r->from)
        s->var = r->to;
    kir_each_expr(s, rename_slot, context);
    rename_in_list(r, s->results.at, s->results.len);
    if (s->kind == KIR_FOR) {
        rename_in_list(r, s->loop->privates.at, s->loop->privates.len);
        rename_in_list(r, s->loop->last_privates.at, s->loop->last_privates.len);
        rename_in_list(r, s->loop->carried.at, s->loop->carried.len);
    }
    return true;
}

void vars_rename(kir_stmt *s, kir_var *from, kir_var *to) {
    renaming r = {from, to};
    kir_block single = {.at = &s, .len = 1, .cap = 1};
    kir_each_stmt(&single, rename_stmt, &r);
}

/* ---- definitions ---------------------------------------------------------------------------------------------------- */

typedef struct def_scan {
    var_defs *defs;
    kir_stmt *at;
} def_scan;

static void count_def(kir_var *v, void *context) {
    def_scan *scan = context;
    bool first = scan->defs->count[v->id]++ == 0;
    scan->defs->only[v->id] = first && scan->at->kind == KIR_ASSIGN ? scan->at : NULL;
}

static bool scan_defs(kir_stmt *s, void *context) {
    def_scan scan = {context, s};
    vars_written_by(s, count_def, &scan);
    return true;
}

var_defs vars_defs(arena *a, kir_fn *f) {
    var_defs d = {arena_array(a, uint32_t, f->next_var + 1), arena_array(a, kir_stmt *, f->next_var + 1)};
    for (uint32_t i = 0; i < f->params.len; i++)
        d.count[f->params.at[i]->id]++;
    kir_each_stmt(&f->body, scan_defs, &d);
    return d;
}

/* ---- liveness --------------------------------------------------------------------------------------------------------- */

typedef struct live_loop {
    const kir_stmt *loop;
    var_set out, head;
} live_loop;

struct live_map {
    VEC(live_loop) loops;
};

typedef struct live_target {
    const kir_stmt *stmt;
    var_set *on_break, *on_continue; /* NULL: nothing is live there (the question ends at the iteration) */
} live_target;

typedef struct live_walk {
    arena *a;
    const kir_fn *f;
    live_map *map; /* NULL: do not record */
    VEC(live_target) targets;
} live_walk;

static void live_block(live_walk *w, kir_block *b, var_set *live);

static live_target find_target(live_walk *w, const kir_stmt *s) {
    for (uint32_t i = w->targets.len; i-- > 0;)
        if (w->targets.at[i].stmt == s)
            return w->targets.at[i];
    return (live_target){0};
}

static live_loop *loop_record(live_walk *w, kir_stmt *s) {
    if (!w->map || s->kind != KIR_FOR)
        return NULL;
    live_map *m = w->map;
    uint32_t slot = s->loop->slot;
    if (slot < m->loops.len && m->loops.at[slot].loop == s)
        return &m->loops.at[slot];
    s->loop->slot = m->loops.len;
    vec_push(w->a, &m->loops, (live_loop){s, vars_new(w->a, w->f), vars_new(w->a, w->f)});
    return &m->loops.at[s->loop->slot];
}

/* Both kinds of loop: `out` is what is live after it. The head set grows until the body adds nothing to it. */
static void live_loop_stmt(live_walk *w, kir_stmt *s, var_set *live) {
    var_set out = vars_new(w->a, w->f), head = vars_new(w->a, w->f), body = vars_new(w->a, w->f);
    live_loop *record = loop_record(w, s);
    vars_copy(&out, live);
    if (record) {
        vars_union(&record->out, live);
        vars_copy(&head, &record->head);
    }
    if (s->kind == KIR_FOR)
        vars_union(&head, &out);
    for (bool grew = true; grew;) {
        vars_copy(&body, &head);
        vec_push(w->a, &w->targets, (live_target){s, &out, &head});
        live_block(w, &s->body, &body);
        w->targets.len--;
        if (s->kind == KIR_FOR)
            vars_remove(&body, s->var);
        grew = vars_union(&head, &body);
    }
    record = loop_record(w, s);
    if (record)
        vars_union(&record->head, &head);
    vars_copy(live, &head);
    vars_read_by(s, live);
}

static void live_stmt(live_walk *w, kir_stmt *s, var_set *live) {
    switch (s->kind) {
    case KIR_IF: {
        var_set other = vars_new(w->a, w->f);
        vars_copy(&other, live);
        live_block(w, &s->body, live);
        live_block(w, &s->orelse, &other);
        vars_union(live, &other);
        vars_read_by(s, live);
        return;
    }
    case KIR_FOR:
    case KIR_LOOP:
        live_loop_stmt(w, s, live);
        return;
    case KIR_BLOCK: {
        var_set out = vars_new(w->a, w->f);
        vars_copy(&out, live);
        vec_push(w->a, &w->targets, (live_target){s, &out, NULL});
        live_block(w, &s->body, live);
        w->targets.len--;
        return;
    }
    case KIR_BREAK:
    case KIR_CONTINUE: {
        live_target t = find_target(w, s->target);
        const var_set *to = s->kind == KIR_BREAK ? t.on_break : t.on_continue;
        vars_clear(live);
        if (to)
            vars_union(live, to);
        return;
    }
    case KIR_RETURN:
    case KIR_RAISE:
        vars_clear(live);
        vars_read_by(s, live);
        return;
    default: {
        if (s->kind == KIR_ASSIGN)
            vars_remove(live, s->var);
        for (uint32_t i = 0; i < s->results.len; i++)
            if (s->results.at[i])
                vars_remove(live, s->results.at[i]);
        vars_read_by(s, live);
    }
    }
}

static void live_block(live_walk *w, kir_block *b, var_set *live) {
    for (uint32_t i = b->len; i-- > 0;)
        live_stmt(w, b->at[i], live);
}

live_map *live_new(arena *a, kir_fn *f) {
    live_map *m = arena_make(a, live_map);
    live_walk w = {.a = a, .f = f, .map = m};
    var_set live = vars_new(a, f);
    live_block(&w, &f->body, &live);
    return m;
}

const var_set *live_after(const live_map *m, const kir_stmt *loop) {
    return &m->loops.at[loop->loop->slot].out;
}

var_set live_exposed(arena *a, const kir_fn *f, kir_stmt *loop) {
    live_walk w = {.a = a, .f = f};
    var_set live = vars_new(a, f);
    vec_push(a, &w.targets, (live_target){loop, NULL, NULL});
    live_block(&w, &loop->body, &live);
    if (loop->kind == KIR_FOR)
        vars_remove(&live, loop->var);
    return live;
}

/* ---- escapes ------------------------------------------------------------------------------------------------------------- */

typedef struct escape_scan {
    kir_stmt *loop;
    bool escapes;
} escape_scan;

typedef struct inside_scan {
    const kir_stmt *wanted;
    bool found;
} inside_scan;

static bool look_inside(kir_stmt *s, void *context) {
    inside_scan *scan = context;
    scan->found |= s == scan->wanted;
    return !scan->found;
}

static bool is_inside(kir_block *b, const kir_stmt *wanted) {
    inside_scan scan = {wanted, false};
    kir_each_stmt(b, look_inside, &scan);
    return scan.found;
}

static bool look_for_escape(kir_stmt *s, void *context) {
    escape_scan *scan = context;
    if (s->kind == KIR_RETURN)
        scan->escapes = true;
    if (s->kind == KIR_BREAK || s->kind == KIR_CONTINUE) {
        bool own = s->target == scan->loop;
        scan->escapes |= own ? s->kind == KIR_BREAK : !is_inside(&scan->loop->body, s->target);
    }
    return !scan->escapes;
}

bool body_escapes(kir_stmt *loop) {
    escape_scan scan = {.loop = loop};
    kir_each_stmt(&loop->body, look_for_escape, &scan);
    return scan.escapes;
}
