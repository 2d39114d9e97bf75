/* See scop.h. A dependence is a pair of accesses to one element, one of them a write, of which the first comes before the
 * second in the source: all of RAW, WAR and WAW, without dropping those that follow from others. */
#include "passes/scop.h"
#include "passes/passes.h"

#include <isl/aff.h>
#include <isl/constraint.h>
#include <isl/ctx.h>
#include <isl/map.h>
#include <isl/set.h>
#include <isl/space.h>
#include <stdio.h>
#include <string.h>

/* ---- statements ------------------------------------------------------------------------------------------------------ */

typedef struct gathering {
    scop *s;
    kir_stmt *loops[SCOP_DEPTH];
    uint32_t depth;
    uint32_t site; /* of the only CHECK */
    bool cuts;     /* runs end at a STORE */
    bool unfit;
} gathering;

static bool is_plain(gathering *g, const kir_stmt *s);

static bool are_plain(gathering *g, const kir_block *b) {
    for (uint32_t i = 0; i < b->len; i++)
        if (!is_plain(g, b->at[i]))
            return false;
    return true;
}

/* Which of several checks fails first depends on the order; one that always says the same does not. */
static bool is_only_check(gathering *g, const kir_stmt *s) {
    if (s->index.len || (g->site && g->site != s->site))
        return false;
    g->site = s->site;
    g->s->raises = true;
    return true;
}

static bool is_plain(gathering *g, const kir_stmt *s) {
    switch (s->kind) {
    case KIR_ASSIGN:
        return s->var->ty->kind != TYPE_ARRAY;
    case KIR_STORE:
        return true;
    case KIR_CHECK:
        return is_only_check(g, s);
    case KIR_IF:
        return are_plain(g, &s->body) && are_plain(g, &s->orelse);
    default:
        return false;
    }
}

static bool counts_by_one(const kir_stmt *loop, int8_t *way) {
    int64_t step;
    if (!kir_is_const_int(loop->step, &step) || (step != 1 && step != -1))
        return false;
    *way = (int8_t)step;
    return true;
}

static void add_run(gathering *g, kir_stmt *const *at, uint32_t n) {
    scop *s = g->s;
    if (s->n == SCOP_STATEMENTS) {
        g->unfit = true;
        return;
    }
    scop_stmt *t = &s->stmt[s->n++];
    *t = (scop_stmt){.at = at, .n = n, .depth = g->depth};
    for (uint32_t k = 0; k < g->depth; k++) {
        t->loops[k] = g->loops[k];
        counts_by_one(g->loops[k], &t->way[k]);
    }
}

/* May a run end behind at[last]: is nothing that it assigned read later in the block's run? */
static bool can_cut(gathering *g, const kir_block *b, uint32_t first, uint32_t last) {
    for (uint32_t i = first; i <= last; i++) {
        if (b->at[i]->kind != KIR_ASSIGN && b->at[i]->kind != KIR_STORE)
            return false;
        for (uint32_t k = last + 1; b->at[i]->kind == KIR_ASSIGN && k < b->len && b->at[k]->kind != KIR_FOR; k++) {
            var_set read = vars_new(g->s->scratch, g->s->f);
            vars_read_by(b->at[k], &read);
            if (vars_has(&read, b->at[i]->var) || b->at[k]->kind == KIR_IF)
                return false;
        }
    }
    return true;
}

static void gather_loop(gathering *g, kir_stmt *loop);

static void gather_block(gathering *g, kir_block *b) {
    for (uint32_t i = 0; i < b->len && !g->unfit;) {
        uint32_t first = i;
        while (i < b->len && b->at[i]->kind != KIR_FOR && !g->unfit) {
            g->unfit = !is_plain(g, b->at[i++]);
            if (g->cuts && !g->unfit && b->at[i - 1]->kind == KIR_STORE && can_cut(g, b, first, i - 1))
                break;
        }
        if (i > first)
            add_run(g, b->at + first, i - first);
        if (i < b->len && !g->unfit && b->at[i]->kind == KIR_FOR)
            gather_loop(g, b->at[i++]);
    }
}

static void gather_loop(gathering *g, kir_stmt *loop) {
    int8_t way;
    const kir_loop_info *l = loop->loop;
    bool fits = g->depth < SCOP_DEPTH && counts_by_one(loop, &way) && !l->cold &&
                (l->class == KIR_CLASS_UNANALYSED || l->kind == KIR_LOOP_ARRAY) && !l->reductions.len;
    if (!fits) {
        g->unfit = true;
        return;
    }
    g->loops[g->depth++] = loop;
    gather_block(g, &loop->body);
    g->depth--;
}

/* ---- scalars --------------------------------------------------------------------------------------------------------- */

typedef struct scalar_scan {
    scop *s;
    uint32_t *home;   /* by variable: 1 + the run that assigns it; ~0 for a loop's variable */
    uint32_t run;     /* 1 + the current one */
    var_set assigned; /* certainly, in this run, by now */
    bool crosses;
} scalar_scan;

static void claim(kir_var *v, void *context) {
    scalar_scan *c = context;
    c->crosses |= c->home[v->id] != 0 && c->home[v->id] != c->run;
    c->home[v->id] = c->run;
}

static bool claim_written(kir_stmt *s, void *context) {
    vars_written_by(s, claim, context);
    return true;
}

static void check_use(kir_var *v, void *context) {
    scalar_scan *c = context;
    uint32_t home = c->home[v->id];
    if (home != 0 && home != ~0u)
        c->crosses |= home != c->run || !vars_has(&c->assigned, v);
}

static void check_expr(kir_expr **slot, void *context) {
    vars_in_expr(*slot, check_use, context);
}

static void check_run(scalar_scan *c, kir_stmt *const *at, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        kir_stmt *s = at[i];
        kir_each_expr(s, check_expr, c);
        if (s->kind == KIR_IF) {
            var_set before = vars_new(c->s->scratch, c->s->f);
            vars_copy(&before, &c->assigned);
            check_run(c, s->body.at, s->body.len);
            vars_copy(&c->assigned, &before);
            check_run(c, s->orelse.at, s->orelse.len);
            vars_copy(&c->assigned, &before);
        } else if (s->kind == KIR_ASSIGN) {
            vars_add(&c->assigned, s->var);
        }
    }
}

static bool claim_loop(kir_stmt *s, void *context) {
    scalar_scan *c = context;
    if (s->kind == KIR_FOR) {
        c->crosses |= c->home[s->var->id] != 0;
        c->home[s->var->id] = ~0u;
    }
    return true;
}

static bool check_bounds(kir_stmt *s, void *context) {
    if (s->kind == KIR_FOR) {
        vars_in_expr(s->lo, check_use, context);
        vars_in_expr(s->hi, check_use, context);
    }
    return true;
}

/* Does some variable that the nest assigns hand a value from one run to another, to a later iteration, or out? */
static bool scalars_cross(scop *s, const live_map *live) {
    scalar_scan c = {.s = s, .home = arena_array(s->scratch, uint32_t, s->f->next_var + 1)};
    kir_block single = {.at = &s->nest, .len = 1, .cap = 1};
    kir_each_stmt(&single, claim_loop, &c);
    for (uint32_t k = 0; k < s->n; k++) {
        kir_block run = {.at = (kir_stmt **)(uintptr_t)s->stmt[k].at, .len = s->stmt[k].n};
        c.run = k + 1;
        kir_each_stmt(&run, claim_written, &c);
    }
    c.run = 0;
    c.assigned = vars_new(s->scratch, s->f);
    kir_each_stmt(&single, check_bounds, &c);
    for (uint32_t k = 0; k < s->n; k++) {
        c.run = k + 1;
        vars_clear(&c.assigned);
        check_run(&c, s->stmt[k].at, s->stmt[k].n);
    }
    if (c.crosses)
        return true;
    const var_set *after = live ? live_after(live, s->nest) : NULL;
    if (!after)
        return false;
    for (uint32_t i = 0; i < s->f->vars.len; i++)
        if (c.home[s->f->vars.at[i]->id] && vars_has(after, s->f->vars.at[i]))
            return true;
    return false;
}

scop *scop_new(kir_module *m, kir_fn *f, arena *scratch, const live_map *live, bool cuts, kir_stmt *nest) {
    scop *s = arena_make(scratch, scop);
    *s = (scop){.m = m, .f = f, .scratch = scratch, .nest = nest};
    gathering g = {.s = s, .cuts = cuts};
    gather_loop(&g, nest);
    return g.unfit || s->n == 0 || scalars_cross(s, live) ? NULL : s;
}

/* ---- domains and accesses ---------------------------------------------------------------------------------------------- */

static isl_map *count_forward(const scop_stmt *t, isl_map *map) {
    for (uint32_t k = 0; k < t->depth; k++) {
        if (t->way[k] > 0)
            continue;
        isl_space *space = isl_space_map_from_set(isl_space_domain(isl_map_get_space(map)));
        isl_multi_aff *turn = isl_multi_aff_identity(isl_space_copy(space));
        isl_aff *x = isl_aff_neg(isl_multi_aff_get_aff(turn, (int)k));
        turn = isl_multi_aff_set_aff(turn, (int)k, x);
        isl_space_free(space);
        map = isl_map_preimage_domain_multi_aff(map, turn);
    }
    return map;
}

static isl_map *name_domain(const scop *s, uint32_t k, isl_map *map) {
    char name[16];
    const scop_stmt *t = &s->stmt[k];
    snprintf(name, sizeof name, "S%u", k);
    isl_size dims = isl_map_dim(map, isl_dim_in);
    if (dims > (isl_size)t->depth)
        map = isl_map_project_out(map, isl_dim_in, t->depth, (unsigned)dims - t->depth);
    return isl_map_set_tuple_name(count_forward(t, map), isl_dim_in, name);
}

static bool build_domains(scop *s) {
    for (uint32_t k = 0; k < s->n; k++) {
        isl_set *d = dep_nest_domain(s->accesses, s->stmt[k].loops, s->stmt[k].depth);
        if (!d)
            return false;
        s->stmt[k].domain = isl_map_domain(name_domain(s, k, isl_map_from_domain(d)));
    }
    return true;
}

static bool holds(kir_stmt *const *at, uint32_t n, const kir_stmt *wanted) {
    for (uint32_t i = 0; i < n; i++)
        if (at[i] == wanted || holds(at[i]->body.at, at[i]->body.len, wanted) ||
            holds(at[i]->orelse.at, at[i]->orelse.len, wanted))
            return true;
    return false;
}

static uint32_t home_of(const scop *s, const kir_stmt *statement) {
    for (uint32_t k = 0; k < s->n; k++)
        if (holds(s->stmt[k].at, s->stmt[k].n, statement))
            return k;
    return s->n;
}

/* ---- dependences --------------------------------------------------------------------------------------------------------- */

static isl_constraint *difference(isl_space *space, uint32_t k, bool strict) {
    isl_local_space *ls = isl_local_space_from_space(isl_space_copy(space));
    isl_constraint *c = strict ? isl_constraint_alloc_inequality(ls) : isl_constraint_alloc_equality(ls);
    c = isl_constraint_set_coefficient_si(c, isl_dim_in, (int)k, -1);
    c = isl_constraint_set_coefficient_si(c, isl_dim_out, (int)k, 1);
    return strict ? isl_constraint_set_constant_si(c, -1) : c;
}

/* Takes d. Whether it is empty is asked in earnest only for the first set of a pair of statements: what is empty adds
 * nothing to others. */
static void add_pairs(scop *s, uint32_t a, uint32_t b, isl_map *d) {
    isl_bool none = s->dep[a][b] ? isl_map_plain_is_empty(d) : isl_map_is_empty(d);
    if (none == isl_bool_true) {
        isl_map_free(d);
        return;
    }
    s->feeds[a][b] = true;
    s->dep[a][b] = s->dep[a][b] ? isl_map_union(s->dep[a][b], d) : d;
}

/* Those of the pairs `same` (taken) of which the first iteration, of a, comes before the second, of b: it is earlier in
 * some loop around both and equal in the ones outside of that. Loop by loop, since most of these sets are empty: what isl
 * does with unions of them costs more than to look at each. */
static void add_dependence(scop *s, uint32_t a, uint32_t b, isl_map *same) {
    const scop_stmt *x = &s->stmt[a], *y = &s->stmt[b];
    isl_space *space = isl_map_get_space(same);
    for (uint32_t k = 0; k < x->depth && k < y->depth && x->loops[k] == y->loops[k]; k++) {
        add_pairs(s, a, b, isl_map_add_constraint(isl_map_copy(same), difference(space, k, true)));
        same = isl_map_add_constraint(same, difference(space, k, false));
    }
    isl_space_free(space);
    if (a < b)
        add_pairs(s, a, b, same);
    else
        isl_map_free(same);
}

static void close_over(scop *s) {
    memcpy(s->reaches, s->feeds, sizeof s->feeds);
    for (uint32_t k = 0; k < s->n; k++)
        for (uint32_t i = 0; i < s->n; i++)
            for (uint32_t j = 0; j < s->n; j++)
                s->reaches[i][j] |= s->reaches[i][k] && s->reaches[k][j];
}

static bool is_known(const scop *s, isl_map **map, const uint32_t *home, const dep_site *site, uint32_t i) {
    for (uint32_t k = 0; k < i; k++)
        if (site[k].root == site[i].root && site[k].is_write == site[i].is_write && home[k] == home[i] &&
            isl_map_plain_is_equal(map[k], map[i]) == isl_bool_true)
            return true;
    (void)s;
    return false;
}

static void find_dependences(scop *s) {
    uint32_t n;
    const dep_site *site = dep_nest_sites(s->accesses, &n);
    isl_map **map = arena_array(s->scratch, isl_map *, n + 1);
    uint32_t *home = arena_array(s->scratch, uint32_t, n + 1);
    for (uint32_t i = 0; i < n; i++) {
        home[i] = home_of(s, site[i].statement);
        map[i] = site[i].elements ? name_domain(s, home[i], isl_map_copy(site[i].elements)) : NULL;
        if (map[i] && is_known(s, map, home, site, i))
            map[i] = isl_map_free(map[i]);
    }
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t j = i; j < n; j++) {
            if (!map[i] || !map[j] || site[i].root != site[j].root || (!site[i].is_write && !site[j].is_write))
                continue;
            isl_map *same = isl_map_apply_range(isl_map_copy(map[i]), isl_map_reverse(isl_map_copy(map[j])));
            add_dependence(s, home[i], home[j], isl_map_copy(same));
            if (i != j)
                add_dependence(s, home[j], home[i], isl_map_reverse(isl_map_copy(same)));
            isl_map_free(same);
        }
    for (uint32_t i = 0; i < n; i++)
        isl_map_free(map[i]);
}

bool scop_analyse(scop *s, dep_session *session, uint32_t operations) {
    s->accesses = dep_nest_open(session, s->nest, operations);
    if (!s->accesses || !build_domains(s))
        return false;
    find_dependences(s);
    close_over(s);
    for (uint32_t k = 0; k < s->n; k++)
        s->stmt[k].carried = s->dep[k][k];
    return isl_ctx_last_error(dep_nest_isl(s->accesses)) == isl_error_none;
}

void scop_close(scop *s) {
    for (uint32_t i = 0; i < s->n; i++) {
        isl_set_free(s->stmt[i].domain);
        for (uint32_t j = 0; j < s->n; j++)
            isl_map_free(s->dep[i][j]);
    }
    if (s->accesses)
        dep_nest_close(s->accesses);
    s->accesses = NULL;
}

bool scop_moves(isl_map *deps, uint32_t d, int sign) {
    if (!deps)
        return false;
    isl_space *space = isl_map_get_space(deps);
    isl_constraint *c = isl_constraint_alloc_inequality(isl_local_space_from_space(space));
    c = isl_constraint_set_coefficient_si(c, isl_dim_in, (int)d, -sign);
    c = isl_constraint_set_coefficient_si(c, isl_dim_out, (int)d, sign);
    c = isl_constraint_set_constant_si(c, -1);
    isl_map *some = isl_map_add_constraint(isl_map_copy(deps), c);
    isl_bool empty = isl_map_is_empty(some);
    isl_map_free(some);
    return empty != isl_bool_true;
}

isl_map *scop_elements(scop *s, uint32_t k, const kir_stmt *statement) {
    uint32_t n;
    const dep_site *site = dep_nest_sites(s->accesses, &n);
    for (uint32_t i = 0; i < n; i++)
        if (site[i].statement == statement && site[i].elements)
            return name_domain(s, k, isl_map_copy(site[i].elements));
    return NULL;
}

bool scop_meet(scop *s, uint32_t k, const kir_stmt *a, const kir_stmt *b, uint32_t equal) {
    isl_map *x = scop_elements(s, k, a), *y = scop_elements(s, k, b);
    if (!x || !y) {
        isl_map_free(x);
        isl_map_free(y);
        return true;
    }
    isl_map *same = isl_map_apply_range(x, isl_map_reverse(y));
    isl_space *space = isl_map_get_space(same);
    for (uint32_t d = 0; d < s->stmt[k].depth; d++)
        if (equal & (1u << d))
            same = isl_map_add_constraint(same, difference(space, d, false));
    isl_space_free(space);
    isl_bool empty = isl_map_is_empty(same);
    isl_map_free(same);
    return empty != isl_bool_true;
}

void scop_put_run(const scop *s, const scop_stmt *t, kir_expr *const *at, kir_block *out) {
    kir_block run = {.at = (kir_stmt **)(uintptr_t)t->at, .len = t->n};
    kir_map *map = pass_renamed_temps(s->m, s->f, s->scratch, &run);
    for (uint32_t d = 0; d < t->depth; d++)
        kir_map_expr(map, t->loops[d]->var, at[d]);
    kir_block copy = kir_copy_block(s->m, &run, map);
    kir_block_append(s->m, out, &copy);
}
