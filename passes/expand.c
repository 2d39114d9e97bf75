/* expand: what keeps the loops of a nest together, taken apart.
 *
 *   for %i { for %j {                                for %i { for %j {
 *       %s = 0.0                                         w[i,j] = 0.0
 *       for %k { %s = %s + %a[i,k] * %b[k,j] }      →    for %k { %t = w[i,j]; w[i,j] = %t + … }
 *       %c[i,j] = %s                                     %u = w[i,j]; %c[i,j] = %u
 *   } }                                              } }
 *
 * A scalar may become an array over the loops around all that mentions it when each iteration of the innermost of these
 * assigns it first, unconditionally, and nobody reads it after the nest. Statements that two STOREs share are repeated for
 * the second one, where they read nothing that the first one wrote. All of it happens in a copy: reorder takes it when it
 * finds an order that pays, and forgets it otherwise. */
#include "passes/expand.h"
#include "passes/passes.h"

typedef struct home { /* a loop whose every iteration assigns the variable before all that mentions it */
    kir_var *var;
    uint32_t depth;
    kir_stmt *loops[SCOP_DEPTH];
} home;

typedef struct scan {
    arena *scratch;
    VEC(kir_var *) assigned;
    VEC(home) homes;
    kir_stmt *loops[SCOP_DEPTH];
    uint32_t depth;
    bool unfit;
} scan;

/* ---- which scalars ------------------------------------------------------------------------------------------------------ */

static bool note_stmt(kir_stmt *s, void *context) {
    scan *z = context;
    switch (s->kind) {
    case KIR_ASSIGN:
        for (uint32_t i = 0; i < z->assigned.len; i++)
            if (z->assigned.at[i] == s->var)
                return true;
        vec_push(z->scratch, &z->assigned, s->var);
        return true;
    case KIR_STORE:
    case KIR_CHECK:
        return true;
    case KIR_FOR:
        return !z->unfit;
    case KIR_IF:
        for (uint32_t i = 0; i < s->body.len + s->orelse.len; i++)
            z->unfit |= (i < s->body.len ? s->body.at[i] : s->orelse.at[i - s->body.len])->kind == KIR_FOR;
        return !z->unfit;
    default:
        z->unfit = true;
        return false;
    }
}

static bool is_number(const type *t) {
    return t->kind == TYPE_INT || t->kind == TYPE_FLOAT || t->kind == TYPE_COMPLEX;
}

/* In the statement or the arms of an IF; not in loops. */
static bool mentions_directly(kir_stmt *s, const kir_var *v) {
    if (s->kind == KIR_FOR)
        return false;
    if ((s->kind == KIR_ASSIGN && s->var == v) || (s->value && vars_mentions(s->value, v)))
        return true;
    for (uint32_t i = 0; i < s->index.len; i++)
        if (vars_mentions(s->index.at[i], v))
            return true;
    for (uint32_t i = 0; i < s->body.len + s->orelse.len; i++)
        if (mentions_directly(i < s->body.len ? s->body.at[i] : s->orelse.at[i - s->body.len], v))
            return true;
    return false;
}

/* Runs that mention v, in a block and all below. */
static uint32_t count_runs(const kir_block *b, const kir_var *v) {
    uint32_t runs = 0;
    bool in_run = false;
    for (uint32_t i = 0; i < b->len; i++) {
        if (b->at[i]->kind == KIR_FOR) {
            in_run = false;
            runs += count_runs(&b->at[i]->body, v);
        } else if (mentions_directly(b->at[i], v) && !in_run) {
            runs++;
            in_run = true;
        }
    }
    return runs;
}

static bool in_bounds(const kir_block *b, const kir_var *v) {
    for (uint32_t i = 0; i < b->len; i++) {
        const kir_stmt *s = b->at[i];
        if (s->kind == KIR_FOR && (vars_mentions(s->lo, v) || vars_mentions(s->hi, v) || in_bounds(&s->body, v)))
            return true;
    }
    return false;
}

static bool assigns_first(const kir_stmt *s, const kir_var *v) {
    return s->kind == KIR_ASSIGN && s->var == v && !vars_mentions(s->value, v);
}

static bool find_homes(scan *z, kir_stmt *loop, kir_var *v);

/* All that mentions v in this body is in loops of their own. */
static bool find_inside(scan *z, kir_stmt *loop, kir_var *v) {
    for (uint32_t i = 0; i < loop->body.len; i++) {
        kir_stmt *s = loop->body.at[i];
        if (mentions_directly(s, v) || (s->kind == KIR_FOR && count_runs(&s->body, v) && !find_homes(z, s, v)))
            return false;
    }
    return true;
}

static bool find_homes(scan *z, kir_stmt *loop, kir_var *v) {
    if (z->depth == SCOP_DEPTH)
        return false;
    z->loops[z->depth++] = loop;
    bool found = false, done = false;
    for (uint32_t i = 0; i < loop->body.len && !done; i++) {
        kir_stmt *s = loop->body.at[i];
        bool inside = s->kind == KIR_FOR && count_runs(&s->body, v);
        if (!inside && !mentions_directly(s, v))
            continue;
        done = true;
        found = assigns_first(s, v);
        if (!found && inside) {
            found = find_inside(z, loop, v);
        } else if (found && count_runs(&loop->body, v) > 1) {
            home h = {.var = v, .depth = z->depth};
            for (uint32_t k = 0; k < z->depth; k++)
                h.loops[k] = z->loops[k];
            vec_push(z->scratch, &z->homes, h);
        }
    }
    z->depth--;
    return found;
}

/* ---- loads and stores instead ------------------------------------------------------------------------------------------------ */

typedef struct rewriting {
    kir_module *m;
    kir_fn *f;
    const kir_var *v;
    const expanded *to;
} rewriting;

static void element(rewriting *r, kir_expr **index, span at) {
    for (uint32_t k = 0; k < r->to->depth; k++)
        index[k] = kir_ref(r->m, r->to->loops[k]->var, at);
}

static void replace_var(kir_expr **slot, void *context) {
    void **c = context;
    const rewriting *r = c[0];
    if ((*slot)->kind == KIR_VAR && (*slot)->var == r->v)
        *slot = kir_ref(r->m, c[1], (*slot)->at);
}

static void replace_in_slot(kir_expr **slot, void *context) {
    kir_each_subexpr(slot, replace_var, context);
}

static bool reads(kir_stmt *s, const kir_var *v) {
    if (s->value && vars_mentions(s->value, v))
        return true;
    for (uint32_t i = 0; i < s->index.len; i++)
        if (vars_mentions(s->index.at[i], v))
            return true;
    return false;
}

static void rewrite_block(rewriting *r, kir_block *b) {
    kir_block out = {0};
    kir_expr *index[TYPE_MAX_NDIM];
    for (uint32_t i = 0; i < b->len; i++) {
        kir_stmt *s = b->at[i];
        rewrite_block(r, &s->body);
        rewrite_block(r, &s->orelse);
        if (reads(s, r->v)) {
            kir_var *t = kir_temp_new(r->m, r->f, r->v->ty, s->at);
            element(r, index, s->at);
            vec_push(r->m->a, &out,
                     kir_assign(r->m, t, kir_load(r->m, r->to->array, index, r->to->depth, s->at), s->at));
            void *c[2] = {r, t};
            kir_each_expr(s, replace_in_slot, c);
        }
        if (s->kind == KIR_ASSIGN && s->var == r->v) {
            kir_expr *value = s->value;
            if (value->kind == KIR_LOAD) {
                kir_var *t = kir_temp_new(r->m, r->f, r->v->ty, s->at);
                vec_push(r->m->a, &out, kir_assign(r->m, t, value, s->at));
                value = kir_ref(r->m, t, s->at);
            }
            element(r, index, s->at);
            s = kir_store(r->m, r->to->array, index, r->to->depth, value, s->at);
        }
        vec_push(r->m->a, &out, s);
    }
    *b = out;
}

/* ---- a STORE and what it needs ------------------------------------------------------------------------------------------------- */

typedef struct cutting {
    kir_module *m;
    kir_fn *f;
    arena *scratch;
    bool cut;
} cutting;

static bool loads_from(const kir_stmt *s, const kir_var *array) {
    return s->kind == KIR_ASSIGN && s->value->kind == KIR_LOAD && s->value->var == array;
}

/* The statements of run at[first..end) before `store` that it needs, in order; false: some of them cannot be repeated
 * behind the stores in between. */
static bool slice(cutting *z, const kir_block *b, uint32_t first, uint32_t store, bool *taken) {
    var_set wanted = vars_new(z->scratch, z->f);
    vars_read_by(b->at[store], &wanted);
    for (uint32_t i = store; i-- > first;) {
        kir_stmt *s = b->at[i];
        taken[i - first] = false;
        if (s->kind != KIR_ASSIGN || !vars_has(&wanted, s->var))
            continue;
        if (!s->var->is_temp)
            return false;
        for (uint32_t k = i + 1; k < store; k++)
            if (b->at[k]->kind == KIR_STORE && loads_from(s, b->at[k]->var))
                return false;
        taken[i - first] = true;
        vars_read_by(s, &wanted);
    }
    return true;
}

static void put_slice(cutting *z, const kir_block *b, uint32_t first, uint32_t store, const bool *taken,
                      kir_block *out) {
    kir_block piece = {0};
    for (uint32_t i = first; i < store; i++)
        if (taken[i - first])
            vec_push(z->m->a, &piece, b->at[i]);
    vec_push(z->m->a, &piece, b->at[store]);
    kir_block copy = kir_copy_block(z->m, &piece, pass_renamed_temps(z->m, z->f, z->scratch, &piece));
    kir_block_append(z->m, out, &copy);
}

/* Cuts the run at[first..end) of `b` when it has several STOREs and nothing but them and their temporaries. */
static void cut_run(cutting *z, const kir_block *b, uint32_t first, uint32_t end, kir_block *out) {
    bool *taken = arena_array(z->scratch, bool, end - first + 1);
    kir_block pieces = {0};
    uint32_t stores = 0;
    bool fits = true;
    for (uint32_t i = first; i < end && fits; i++) {
        fits = b->at[i]->kind == KIR_STORE || b->at[i]->kind == KIR_ASSIGN;
        if (!fits || b->at[i]->kind != KIR_STORE)
            continue;
        stores++;
        fits = slice(z, b, first, i, taken);
        if (fits)
            put_slice(z, b, first, i, taken, &pieces);
    }
    fits = fits && stores > 1 && end > first && b->at[end - 1]->kind == KIR_STORE;
    z->cut |= fits;
    for (uint32_t i = first; !fits && i < end; i++)
        vec_push(z->m->a, out, b->at[i]);
    for (uint32_t i = 0; fits && i < pieces.len; i++)
        vec_push(z->m->a, out, pieces.at[i]);
}

static void cut_block(cutting *z, kir_block *b) {
    kir_block out = {0};
    for (uint32_t i = 0; i < b->len;) {
        uint32_t first = i;
        while (i < b->len && b->at[i]->kind != KIR_FOR)
            i++;
        cut_run(z, b, first, i, &out);
        if (i < b->len) {
            cut_block(z, &b->at[i]->body);
            vec_push(z->m->a, &out, b->at[i++]);
        }
    }
    *b = out;
}

/* ---- the nest ------------------------------------------------------------------------------------------------------------------- */

static kir_stmt *counterpart(kir_stmt *from, kir_stmt *to, const kir_stmt *wanted) {
    if (from == wanted)
        return to;
    for (uint32_t i = 0; i < from->body.len; i++) {
        kir_stmt *s = counterpart(from->body.at[i], to->body.at[i], wanted);
        if (s)
            return s;
    }
    return NULL;
}

kir_stmt *expand_nest(kir_module *m, kir_fn *f, arena *scratch, const live_map *live, kir_stmt *nest, expanded *out,
                      uint32_t *n) {
    scan z = {.scratch = scratch};
    kir_block single = {.at = &nest, .len = 1, .cap = 1};
    const var_set *after = live_after(live, nest);
    kir_each_stmt(&single, note_stmt, &z);
    *n = 0;
    for (uint32_t i = 0; i < z.assigned.len && !z.unfit; i++) {
        kir_var *v = z.assigned.at[i];
        bool crosses = count_runs(&nest->body, v) > 1;
        z.unfit =
            vars_has(after, v) || (crosses && (!is_number(v->ty) || in_bounds(&single, v) || !find_homes(&z, nest, v)));
    }
    if (z.unfit || z.homes.len > EXPAND_MAX)
        return NULL;
    kir_map *map = pass_renamed_temps(m, f, scratch, &single);
    kir_stmt *copy = kir_copy_block(m, &single, map).at[0];
    for (uint32_t i = 0; i < z.homes.len; i++) {
        const home *h = &z.homes.at[i];
        out[i] = (expanded){.depth = h->depth};
        for (uint32_t k = 0; k < h->depth; k++)
            out[i].loops[k] = counterpart(nest, copy, h->loops[k]);
    }
    for (uint32_t i = 0; i < z.homes.len; i++) {
        kir_var *v = z.homes.at[i].var;
        out[i].array =
            kir_var_new(m, f, NULL, type_array(m->types, v->ty, out[i].depth, LAYOUT_C, false, true), nest->at);
        rewriting r = {m, f, kir_mapped_var(map, v), &out[i]};
        rewrite_block(&r, &out[i].loops[out[i].depth - 1]->body);
    }
    *n = z.homes.len;
    cutting cut = {m, f, scratch, false};
    cut_block(&cut, &copy->body);
    return *n || cut.cut ? copy : NULL;
}
