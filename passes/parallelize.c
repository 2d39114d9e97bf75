/* parallelize: which loops run in parallel.
 *
 * From the outside inwards: the first loop that may run in parallel and has work enough is taken, and nothing inside it
 * (regions are never nested). An outer loop with a handful of iterations is passed over when a loop inside is longer. A
 * loop whose independence holds under a condition is taken in two versions:
 *
 *   for %i … independent        →     if !overlap(%a, %b) { for %i … parallel } else { for %i … cold }
 *
 * Every loop of the source gets its entry in the report here, the serial ones with the reason and what would change it.
 * Whether the work at run time pays for a fork is decided by the region's `work` (see outline), not here: only loops
 * that are small by their constants stay serial. */
#include "passes/combine.h"
#include "passes/cost.h"
#include "passes/passes.h"
#include "passes/vars.h"
#include <string.h>

enum { FEW_TRIPS = 8, LEAST_WORK = 2000 };

typedef struct placer {
    kir_module *m;
    kir_fn *f;
    arena *scratch;
    uint32_t line; /* of the parallel loop around */
} placer;

static void place_block(placer *p, kir_block *b);

static const char *number(const placer *p, int64_t x) {
    return arena_printf(p->m->a, "%lld", (long long)x);
}

static const char *var_name(const placer *p, const kir_var *v) {
    if (v->ty->kind != TYPE_ARRAY)
        return pass_var_name(p->m, v, KIR_OP_INVALID);
    var_defs defs = vars_defs(p->scratch, p->f);
    return pass_array_name(p->m, &defs, v);
}

/* ---- may it? ---------------------------------------------------------------------------------------------------------------- */

typedef struct refusal {
    const char *code, *first, *second;
} refusal;

static const char *switched_off(const placer *p, const kir_loop_info *l) {
    const kir_options *o = &p->m->options;
    if (l->kind == KIR_LOOP_PRANGE && !o->par_prange)
        return "prange";
    if (l->kind == KIR_LOOP_ARRAY && !o->par_numpy)
        return "numpy";
    if ((l->kind == KIR_LOOP_RANGE || l->kind == KIR_LOOP_ITER) && !o->par_range)
        return "range";
    if (l->reductions.len && !o->par_reduction)
        return "reduction";
    return NULL;
}

static refusal refuse_by_variables(const placer *p, const kir_loop_info *l) {
    for (uint32_t i = 0; i < l->carried.len; i++) {
        const kir_var *v = l->carried.at[i];
        if (v->ty->kind == TYPE_ARRAY)
            return (refusal){"ARRAY_CARRIED", var_name(p, v), ""};
    }
    if (l->carried.len)
        return (refusal){"CARRIED_SCALAR", var_name(p, l->carried.at[0]), ""};
    for (uint32_t i = 0; i < l->last_privates.len; i++)
        if (l->last_privates.at[i]->ty->kind == TYPE_ARRAY)
            return (refusal){"ARRAY_ESCAPES", var_name(p, l->last_privates.at[i]), ""};
    return (refusal){0};
}

/* A search for an extreme that would run in blocks if it were longer (blocks.c). */
static bool is_short_search(const placer *p, const kir_stmt *loop) {
    const struct kir_plan *plan = loop->loop->plan;
    return plan && plan->extremes.len && p->m->options.par_reduction && cost_trips(loop) >= 0;
}

static bool is_proven(const kir_loop_info *l) {
    return l->class == KIR_CLASS_INDEPENDENT || l->class == KIR_CLASS_REDUCTION;
}

static refusal refuse(const placer *p, kir_stmt *loop) {
    const kir_loop_info *l = loop->loop;
    if (!p->m->options.parallel)
        return (refusal){"NOT_REQUESTED", "", ""};
    const char *off = switched_off(p, l);
    if (off)
        return (refusal){"OPTION_OFF", off, ""};
    if (l->cold)
        return (refusal){"UNANALYSED", "", ""};
    if (l->why && (strcmp(l->why, "CHECKED") == 0 || strcmp(l->why, "INSIDE_CHECKED") == 0))
        return (refusal){l->why, "", ""};
    if (body_escapes(loop))
        return (refusal){"ESCAPES", "", ""};
    if (l->kind == KIR_LOOP_ARRAY && l->class == KIR_CLASS_CARRIED && l->why)
        return (refusal){l->why, "", ""};
    refusal variables = refuse_by_variables(p, l);
    if (variables.code && is_short_search(p, loop))
        return (refusal){"SMALL", number(p, cost_trips(loop)), ""};
    if (variables.code)
        return variables;
    bool updates = l->why && strcmp(l->why, "UPDATES") == 0;
    if (is_proven(l) || (l->kind == KIR_LOOP_PRANGE && !updates))
        return (refusal){0};
    return l->why ? (refusal){l->why, l->why_detail, l->why_second} : (refusal){"UNANALYSED", "", ""};
}

typedef struct longer_scan {
    placer *p;
    bool found;
} longer_scan;

static bool look_for_longer(kir_stmt *s, void *context) {
    longer_scan *scan = context;
    if (s->kind != KIR_FOR)
        return !scan->found;
    int64_t trips = cost_trips(s);
    scan->found |= (trips < 0 || trips > FEW_TRIPS) && !refuse(scan->p, s).code;
    return !scan->found;
}

static bool has_longer_inside(placer *p, kir_stmt *loop) {
    longer_scan scan = {p, false};
    kir_each_stmt(&loop->body, look_for_longer, &scan);
    return scan.found;
}

static bool is_small(placer *p, kir_stmt *loop, int64_t *trips) {
    *trips = cost_trips(loop);
    if (*trips < 0)
        return false;
    if (*trips <= FEW_TRIPS && has_longer_inside(p, loop))
        return true;
    return *trips < 2 || (double)*trips * (double)cost_of_block(&loop->body) < (double)LEAST_WORK;
}

/* ---- the report ------------------------------------------------------------------------------------------------------------------ */

/* A user's variable may be several of KIR's, one per type or per call of the function that it belongs to. */
static bool has_namesake_before(const kir_loop_info *l, uint32_t i) {
    for (uint32_t k = 0; k < i; k++)
        if (l->privates.at[k]->name == l->privates.at[i]->name && l->privates.at[k]->owner == l->privates.at[i]->owner)
            return true;
    return false;
}

/* Those of functions that were inlined into the loop are said to be theirs: the kernel may have one of that name, too. */
static const char *list_privates(placer *p, const kir_loop_info *l, sym function) {
    text t = text_new(p->m->a);
    uint32_t n = 0;
    for (uint32_t i = 0; i < l->privates.len; i++)
        if (l->privates.at[i]->name && !has_namesake_before(l, i)) {
            const kir_var *v = l->privates.at[i];
            text_printf(&t, "%s%s%s", n++ ? ", " : "", var_name(p, v), v->keeps_last ? " (last)" : "");
            if (v->owner && v->owner != function)
                text_printf(&t, " of %s()", v->owner->text);
        }
    for (uint32_t i = 0; i < l->last_privates.len; i++)
        text_printf(&t, "%s%s (last)", n++ ? ", " : "", var_name(p, l->last_privates.at[i]));
    return n ? t.at : NULL;
}

static kir_report *entry_of(placer *p, const kir_stmt *loop) {
    uint32_t id = loop->loop->id;
    return id && id < p->m->report.len ? &p->m->report.at[id] : NULL;
}

typedef struct vector_scan {
    const kir_stmt *loop;
    bool nested, found;
} vector_scan;

static bool look_for_loop(kir_stmt *s, void *context) {
    vector_scan *scan = context;
    scan->nested |= s->kind == KIR_FOR || s->kind == KIR_LOOP;
    return !scan->nested;
}

static bool is_innermost(kir_stmt *loop) {
    vector_scan inside = {.loop = loop};
    kir_each_stmt(&loop->body, look_for_loop, &inside);
    return !inside.nested;
}

static bool look_for_vector(kir_stmt *s, void *context) {
    vector_scan *scan = context;
    if (s->kind != KIR_FOR)
        return true;
    if (s != scan->loop && s->loop->id && s->loop->id != scan->loop->loop->id)
        return false;
    scan->found |= s->loop->vector && is_innermost(s);
    return true;
}

/* Vectors are made of innermost loops alone. An array expression's entry stands for a nest, a user's loop for itself. */
static bool makes_vectors(kir_stmt *loop) {
    vector_scan scan = {.loop = loop};
    kir_block single = {.at = &loop, .len = 1, .cap = 1};
    if (loop->loop->kind != KIR_LOOP_ARRAY)
        return loop->loop->vector && is_innermost(loop);
    kir_each_stmt(&single, look_for_vector, &scan);
    return scan.found;
}

/* Loops that the pass blocks made say what they reduce into besides. */
static bool runs_in_blocks(const kir_loop_info *l) {
    return l->why && strcmp(l->why, "REDUCTION") == 0;
}

static const char *list_reductions(placer *p, const kir_loop_info *l) {
    text t = text_new(p->m->a);
    bool blocks = runs_in_blocks(l);
    text_put(&t, blocks ? l->why_second : "");
    for (uint32_t i = 0; i < l->reductions.len; i++)
        text_printf(&t, "%s%s %s", i || blocks ? ", " : "", kir_op_name(l->reductions.at[i].op),
                    pass_var_name(p->m, l->reductions.at[i].var, l->reductions.at[i].op));
    return l->reductions.len || blocks ? t.at : NULL;
}

static const char *reduced_names(placer *p, const kir_loop_info *l) {
    text t = text_new(p->m->a);
    text_put(&t, runs_in_blocks(l) ? l->why_detail : "");
    for (uint32_t i = 0; i < l->reductions.len; i++)
        text_printf(&t, "%s%s", i || runs_in_blocks(l) ? ", " : "",
                    pass_var_name(p->m, l->reductions.at[i].var, l->reductions.at[i].op));
    return t.at;
}

/* Terms about memory look at overlap or strides; those about products compare floats. */
static void report_parallel(placer *p, kir_stmt *loop) {
    kir_loop_info *l = loop->loop;
    kir_report *r = entry_of(p, loop);
    if (l->why && strcmp(l->why, "SPLIT") == 0 && is_proven(l))
        pass_decide(p->m, l->id, KIR_PARALLEL, "SPLIT");
    else if (l->why && (strcmp(l->why, "WAVEFRONT") == 0 || strcmp(l->why, "TIME_TILES") == 0))
        pass_decide(p->m, l->id, KIR_PARALLEL, l->why, l->why_detail);
    else if (l->kind == KIR_LOOP_ARRAY)
        pass_decide(p->m, l->id, KIR_PARALLEL, "ARRAY_PARALLEL");
    else if (!is_proven(l) && l->why && strcmp(l->why, "RACY") == 0)
        pass_decide(p->m, l->id, KIR_PARALLEL, "RACY", l->why_detail, l->why_second);
    else if (!is_proven(l))
        pass_decide(p->m, l->id, KIR_PARALLEL, "TRUSTED",
                    pass_sentence(p->m, l->why ? l->why : "UNANALYSED", l->why_detail, l->why_second));
    else if (l->reductions.len || runs_in_blocks(l))
        pass_decide(p->m, l->id, KIR_PARALLEL, "REDUCTION", reduced_names(p, l));
    else
        pass_decide(p->m, l->id, KIR_PARALLEL, "INDEPENDENT");
    if (!r)
        return;
    static const char *const schedules[] = {"default", "static", "dynamic", "guided"};
    r->reductions = list_reductions(p, l);
    r->private = list_privates(p, l, r->function);
    r->schedule = schedules[l->schedule & 3];
    r->work = cost_of_block(&loop->body);
    r->vector |= makes_vectors(loop);
    var_defs defs = vars_defs(p->scratch, p->f);
    if (l->when)
        pass_add_memory_guards(p->m, r, &defs, l->when);
}

/* Is every term of the conjunction `e` one of `given`? */
static bool is_implied(const kir_expr *e, const kir_expr *given) {
    if (!e || !given)
        return !e;
    if (e->kind == KIR_BINARY && e->op == KIR_OP_AND)
        return is_implied(e->args[0], given) && is_implied(e->args[1], given);
    if (given->kind == KIR_BINARY && given->op == KIR_OP_AND)
        return is_implied(e, given->args[0]) || is_implied(e, given->args[1]);
    return kir_expr_equal(e, given);
}

/* A loop inside one that runs under a condition is independent too when its own condition is part of that one. */
static bool settle_inside(kir_stmt *s, void *context) {
    const kir_loop_info *around = context;
    if (s->kind == KIR_FOR && s->loop != around && is_proven(s->loop) && s->loop->when && !s->loop->carried.len &&
        is_implied(s->loop->when, around->when)) {
        s->loop->when = NULL;
        s->loop->vector = true;
    }
    return true;
}

static bool note_inside(kir_stmt *s, void *context) {
    placer *p = context;
    if (s->kind == KIR_FOR && s->loop->id) {
        kir_report *r = entry_of(p, s);
        pass_decide(p->m, s->loop->id, KIR_SERIAL, "INSIDE_PARALLEL", number(p, p->line));
        if (r)
            r->vector |= makes_vectors(s);
        if (r)
            r->work = cost_of_block(&s->body);
    }
    return true;
}

/* ---- placing --------------------------------------------------------------------------------------------------------------------- */

static bool unmark(kir_stmt *s, void *context) {
    (void)context;
    if (s->kind == KIR_FOR) {
        s->loop->parallel = s->loop->vector = false;
        s->loop->class = KIR_CLASS_UNKNOWN;
    }
    return true;
}

typedef struct accumulation {
    const kir_var *v;
    kir_op op;
    bool only_updates, reads;
    uint32_t updates, line; /* of the first statement that reads it otherwise */
} accumulation;

static void see_read(kir_var *v, void *context) {
    accumulation *a = context;
    a->reads |= v == a->v;
}

static void see_slot(kir_expr **slot, void *context) {
    vars_in_expr(*slot, see_read, context);
}

static bool see_stmt(kir_stmt *s, void *context) {
    accumulation *a = context;
    if (s->kind == KIR_ASSIGN && s->var == a->v) {
        a->only_updates &= combine_is_chain(s->value, a->v, &a->op);
        a->updates++;
        return true;
    }
    a->reads = false;
    kir_each_expr(s, see_slot, a);
    if (a->reads && !a->line)
        a->line = s->at.line;
    return true;
}

/* Who has written `k += 1` needs no advice to write a reduction: it is one but for the line that reads k as well. */
static void hint_at_accumulator(placer *p, kir_stmt *loop, kir_report *r) {
    accumulation a = {.v = loop->loop->carried.at[0], .only_updates = true};
    kir_each_stmt(&loop->body, see_stmt, &a);
    if (a.only_updates && a.updates && a.line)
        r->hint = arena_printf(
            p->m->a,
            "%s would be a reduction if line %u did not use it: compute it from the loop's variable, or in a "
            "loop of its own",
            var_name(p, a.v), a.line);
}

/* The loop under its condition, and an exact copy for when it fails. */
static void place_versions(placer *p, kir_stmt *loop, kir_block *out) {
    kir_stmt *versions = kir_stmt_new(p->m, KIR_IF, loop->at);
    versions->value = loop->loop->when;
    versions->orelse = pass_cold_copy(p->m, p->f, p->scratch, loop);
    kir_each_stmt(&versions->orelse, unmark, NULL);
    vec_push(p->m->a, &versions->body, loop);
    loop->loop->when = NULL;
    vec_push(p->m->a, out, versions);
}

static void place_loop(placer *p, kir_stmt *loop, kir_block *out) {
    refusal no = refuse(p, loop);
    int64_t trips;
    if (!no.code && is_small(p, loop, &trips))
        no = (refusal){"SMALL", number(p, trips), ""};
    if (no.code) {
        pass_decide(p->m, loop->loop->id, KIR_SERIAL, no.code, no.first, no.second);
        kir_report *r = entry_of(p, loop);
        if (r && strcmp(no.code, "CARRIED_SCALAR") == 0)
            hint_at_accumulator(p, loop, r);
        if (r)
            r->vector |= makes_vectors(loop);
        if (r)
            r->work = cost_of_block(&loop->body);
        place_block(p, &loop->body);
        vec_push(p->m->a, out, loop);
        return;
    }
    loop->loop->parallel = true;
    if (!loop->loop->schedule)
        loop->loop->schedule = p->m->options.schedule;
    if (!loop->loop->chunk)
        loop->loop->chunk = p->m->options.chunk;
    loop->loop->cost = cost_of_block(&loop->body);
    report_parallel(p, loop);
    p->line = loop->at.line;
    if (is_proven(loop->loop))
        kir_each_stmt(&loop->body, settle_inside, loop->loop);
    kir_each_stmt(&loop->body, note_inside, p);
    if (!is_proven(loop->loop))
        loop->loop->when = NULL;
    if (loop->loop->when)
        place_versions(p, loop, out);
    else
        vec_push(p->m->a, out, loop);
}

static void place_block(placer *p, kir_block *b) {
    kir_block out = {0};
    for (uint32_t i = 0; i < b->len; i++) {
        kir_stmt *s = b->at[i];
        if (s->kind == KIR_FOR) {
            place_loop(p, s, &out);
            continue;
        }
        place_block(p, &s->body);
        place_block(p, &s->orelse);
        vec_push(p->m->a, &out, s);
    }
    *b = out;
}

static const char *place_of(placer *p, const kir_report *r) {
    return arena_printf(p->m->a, "line %u, column %u", r->at.line, r->at.col);
}

/* Loops that became part of another one share its fate. */
static void report_fused(placer *p) {
    for (uint32_t i = 1; i < p->m->report.len; i++) {
        kir_report *r = &p->m->report.at[i];
        if (!r->fused_with)
            continue;
        const kir_report *with = &p->m->report.at[r->fused_with];
        while (with->fused_with)
            with = &p->m->report.at[with->fused_with];
        r->fused_with = (uint32_t)(with - p->m->report.at);
        pass_decide(p->m, i, with->decision, "FUSED", place_of(p, with), with->text ? with->text : "");
        r->vector = with->vector;
        r->schedule = with->schedule;
        r->work = with->work;
    }
}

/* Loops that an earlier pass took away together with what was around them. */
static void note_removed(kir_module *m) {
    for (uint32_t i = 1; i < m->report.len; i++)
        if (!m->report.at[i].reason)
            pass_decide(m, i, KIR_SERIAL, m->report.at[i].unrolled ? "UNROLLED" : "REMOVED");
}

bool parallelize_run(pass_context *c) {
    for (uint32_t i = 0; i < c->m->fns.len; i++) {
        placer p = {c->m, c->m->fns.at[i], c->scratch, 0};
        if (p.f->kind != KIR_FN_REGION)
            place_block(&p, &p.f->body);
    }
    note_removed(c->m);
    report_fused(&(placer){c->m, NULL, c->scratch, 0});
    return true;
}
