/* The second opinion as a program: reads questions from standard input, one JSON object a line, and answers each with a
 * line. A question is
 *
 *   {"request": REQUEST, "cases": [CASE…]}             or     {"before": KIR, "after": KIR, "cases": [CASE…]}
 *   CASE: {"memory": [HEX…], "args": [{"int": 3} | {"float": 1.5} | {"complex": [re, im]} |
 *                                     {"memory": 0, "offset": 16, "shape": [4], "strides": [8]}, …]}
 *
 * For a request the KIR before is what `scalarize` makes without any other pass, and the KIR after is what stands after
 * the pass "stage" (absent: parallelize). Each case runs both on the same bytes: the first plainly, the second with its
 * parallel and vector loops watched. Arguments may share memory; that is the point of saying them so.
 *
 *   {"cases": [{"outcome": "done" | "raised" | "stuck", "parallel": executions of parallel loops, "regroups": some reduce floats,
 *               "problems": [{"what", "loop", "first", "second"} lines], "different": sentence or null}…]}
 *   or {"refused": diagnostics} when the request does not compile.
 *
 * Results and arrays agree to the bit, but for those of kernels in which a parallel loop, or a loop over
 * blocks, reduces floats. */
#include "interpret.h"

#include "driver/driver.h"
#include "passes/pass.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_STEPS = 30000000, MOST_ARGS = 64 };

typedef struct run { /* one execution of one version */
    kir_module *m;
    kir_value args[MOST_ARGS], *results;
    char **memory;
    kir_run_result result;
} run;

typedef struct question {
    arena *a;
    const json_t *json;
    kir_module *before;
    const char *stage;
    json_t *answers; /* one per case */
} question;

/* ---- arguments ---------------------------------------------------------------------------------------------------- */

static int digit(char c) {
    return c >= 'a' ? c - 'a' + 10 : c - '0';
}

static char *bytes_of(arena *a, const char *hex) {
    size_t n = strlen(hex) / 2;
    char *room = arena_alloc(a, n + 128);
    char *bytes = room + (64 - (uintptr_t)room % 64);
    for (size_t k = 0; k < n; k++)
        bytes[k] = (char)(digit(hex[2 * k]) << 4 | digit(hex[2 * k + 1]));
    return bytes;
}

static int64_t int_at(const json_t *list, size_t k) {
    return json_integer_value(json_array_get(list, k));
}

static kir_array *array_argument(arena *a, const json_t *o, char **memory) {
    kir_array *x = arena_make(a, kir_array);
    const json_t *shape = json_object_get(o, "shape"), *strides = json_object_get(o, "strides");
    x->data =
        memory[json_integer_value(json_object_get(o, "memory"))] + json_integer_value(json_object_get(o, "offset"));
    for (size_t k = 0; k < json_array_size(shape) && k < TYPE_MAX_NDIM; k++) {
        x->shape[k] = int_at(shape, k);
        x->strides[k] = int_at(strides, k);
    }
    return x;
}

static kir_value argument(arena *a, const json_t *o, char **memory) {
    const json_t *x;
    if ((x = json_object_get(o, "int")))
        return (kir_value){.i = json_is_string(x) ? (int64_t)strtoull(json_string_value(x), NULL, 10)
                                                  : json_integer_value(x)};
    if ((x = json_object_get(o, "float")))
        return (kir_value){.f = json_is_string(x) ? strtod(json_string_value(x), NULL) : json_number_value(x)};
    if ((x = json_object_get(o, "complex")))
        return (kir_value){.c = {json_number_value(json_array_get(x, 0)), json_number_value(json_array_get(x, 1))}};
    return (kir_value){.array = array_argument(a, o, memory)};
}

/* ---- running and comparing ------------------------------------------------------------------------------------------ */

static void execute(question *q, run *r, const json_t *c, bool watch) {
    const json_t *memory = json_object_get(c, "memory"), *args = json_object_get(c, "args");
    kir_fn *f = r->m->fns.at[0];
    r->memory = arena_array(q->a, char *, json_array_size(memory) + 1);
    for (size_t k = 0; k < json_array_size(memory); k++)
        r->memory[k] = bytes_of(q->a, json_string_value(json_array_get(memory, k)));
    for (size_t k = 0; k < json_array_size(args) && k < MOST_ARGS; k++)
        r->args[k] = argument(q->a, json_array_get(args, k), r->memory);
    r->results = arena_array(q->a, kir_value, f->results.len + 1);
    if (json_array_size(args) != f->params.len) {
        r->result = (kir_run_result){.outcome = KIR_STUCK, .message = "another number of arguments"};
        return;
    }
    kir_run_options o = {.max_steps = MOST_STEPS, .watch = watch};
    r->result = kir_interpret(r->m, f, r->args, r->results, q->a, &o);
}

static bool is_inexact(const type *t) {
    t = kir_elem_type((type *)(uintptr_t)t);
    return t->kind == TYPE_FLOAT || t->kind == TYPE_COMPLEX;
}

static bool note_stored_float(kir_stmt *s, void *context) {
    *(bool *)context |= s->kind == KIR_STORE && is_inexact(s->var->ty);
    return true;
}

/* A parallel loop that reduces scalars, or a loop over blocks that sum into copies of an array. */
static bool note_reduction(kir_stmt *s, void *context) {
    bool *found = context;
    if (s->kind != KIR_FOR)
        return true;
    for (uint32_t k = 0; s->loop->parallel && k < s->loop->reductions.len; k++)
        *found |= is_inexact(s->loop->reductions.at[k].var->ty);
    if (s->loop->why && strcmp(s->loop->why, "REDUCTION") == 0)
        kir_each_stmt(&s->body, note_stored_float, found);
    return true;
}

static bool regroups_floats(kir_module *m) {
    bool found = false;
    for (uint32_t i = 0; i < m->fns.len; i++)
        kir_each_stmt(&m->fns.at[i]->body, note_reduction, &found);
    return found;
}

static bool same_float(double x, double y, double tolerance) {
    return x == y || (isnan(x) && isnan(y)) || fabs(x - y) <= tolerance * fmax(1, fmax(fabs(x), fabs(y)));
}

static double element_of(const type *t, const char *p, uint32_t part) {
    float f[2];
    double d[2];
    size_t n = type_size((type *)(uintptr_t)t);
    memcpy(f, p, n < sizeof f ? n : sizeof f);
    memcpy(d, p, n < sizeof d ? n : sizeof d);
    bool narrow = t->bits == (t->kind == TYPE_COMPLEX ? 64 : 32);
    return narrow ? (double)f[part] : d[part];
}

static bool same_element(const type *t, const char *x, const char *y, bool rough) {
    if (t->kind != TYPE_FLOAT && t->kind != TYPE_COMPLEX)
        return memcmp(x, y, type_size((type *)(uintptr_t)t)) == 0;
    uint32_t parts = t->kind == TYPE_COMPLEX ? 2 : 1;
    double tolerance = !rough ? 0 : t->bits / parts == 32 ? 1e-3 : 1e-8;
    for (uint32_t k = 0; k < parts; k++)
        if (!same_float(element_of(t, x, k), element_of(t, y, k), tolerance))
            return false;
    return true;
}

static bool same_elements(const type *t, const kir_array *x, const kir_array *y, uint32_t axis, const char *px,
                          const char *py, bool rough) {
    if (axis == t->ndim)
        return same_element(t->dtype, px, py, rough);
    if (x->shape[axis] != y->shape[axis])
        return false;
    for (int64_t k = 0; k < x->shape[axis]; k++)
        if (!same_elements(t, x, y, axis + 1, px + k * x->strides[axis], py + k * y->strides[axis], rough))
            return false;
    return true;
}

static bool same_value(const type *t, kir_value x, kir_value y, bool rough) {
    if (t->kind == TYPE_ARRAY)
        return same_elements(t, x.array, y.array, 0, x.array->data, y.array->data, rough);
    if (t->kind != TYPE_FLOAT && t->kind != TYPE_COMPLEX)
        return x.i == y.i;
    double tolerance = !rough ? 0 : t->bits == 32 ? 1e-3 : 1e-8;
    return same_float(x.c[0], y.c[0], tolerance) && (t->kind == TYPE_FLOAT || same_float(x.c[1], y.c[1], tolerance));
}

static const char *compare_errors(question *q, const run *x, const run *y) {
    const kir_site *a = &x->m->sites.at[x->result.error.site], *b = &y->m->sites.at[y->result.error.site];
    const plrt_error *e = &x->result.error, *g = &y->result.error;
    bool same = strcmp(a->exception, b->exception) == 0 && a->at.line == b->at.line && e->nargs == g->nargs;
    for (int32_t k = 0; same && k < e->nargs && k < 6; k++)
        same = e->args[k] == g->args[k];
    return same ? NULL
                : arena_printf(q->a, "%s in line %u where %s in line %u was due", b->exception, b->at.line,
                               a->exception, a->at.line);
}

/* NULL, or what differs. After an exception the arrays of parallel code may be ahead. */
static const char *compare_runs(question *q, const run *x, const run *y) {
    if (x->result.outcome == KIR_STUCK || y->result.outcome == KIR_STUCK)
        return NULL;
    if (x->result.outcome != y->result.outcome)
        return x->result.outcome == KIR_RAISED ? "no exception where one was due" : "an exception where none was due";
    if (x->result.outcome == KIR_RAISED)
        return compare_errors(q, x, y);
    const kir_fn *f = x->m->fns.at[0], *g = y->m->fns.at[0];
    bool rough = regroups_floats(y->m);
    for (uint32_t k = 0; k < f->params.len; k++)
        if (f->params.at[k]->ty->kind == TYPE_ARRAY && !same_value(f->params.at[k]->ty, x->args[k], y->args[k], rough))
            return arena_printf(q->a, "array `%s` differs", g->params.at[k]->name ? g->params.at[k]->name->text : "?");
    for (uint32_t k = 0; k < f->results.len; k++)
        if (!same_value(f->results.at[k], x->results[k], y->results[k], rough))
            return arena_printf(q->a, "result %u differs", k);
    return NULL;
}

/* ---- answers ---------------------------------------------------------------------------------------------------------- */

static json_t *problems_of(const kir_run_result *r) {
    json_t *list = json_array();
    for (uint32_t k = 0; k < r->problems.len; k++) {
        const kir_problem *p = &r->problems.at[k];
        json_array_append_new(list, json_pack("{s:s, s:I, s:I, s:I}", "what", p->what, "loop",
                                              (json_int_t)(p->loop ? p->loop->at.line : 0), "first",
                                              (json_int_t)p->first.line, "second", (json_int_t)p->second.line));
    }
    return list;
}

static json_t *answer_case(question *q, kir_module *after, const json_t *c) {
    static const char *const outcomes[] = {"done", "raised", "stuck"};
    run x = {.m = q->before}, y = {.m = after};
    execute(q, &x, c, false);
    execute(q, &y, c, true);
    const char *different = compare_runs(q, &x, &y);
    const char *stuck = x.result.outcome == KIR_STUCK ? x.result.message : y.result.message;
    kir_outcome outcome = x.result.outcome == KIR_STUCK ? KIR_STUCK : y.result.outcome;
    return json_pack("{s:s, s:I, s:b, s:o, s:s?, s:s?}", "outcome", outcomes[outcome], "parallel",
                     (json_int_t)y.result.parallel_loops, "regroups", regroups_floats(after), "problems",
                     problems_of(&y.result), "different", different, "message", stuck);
}

static void answer_cases(question *q, kir_module *after) {
    const json_t *cases = json_object_get(q->json, "cases");
    json_array_clear(q->answers);
    for (size_t k = 0; k < json_array_size(cases); k++)
        json_array_append_new(q->answers, answer_case(q, after, json_array_get(cases, k)));
}

/* ---- requests ----------------------------------------------------------------------------------------------------------- */

static void after_pass(const char *name, const kir_module *m, double milliseconds, void *context) {
    question *q = context;
    (void)milliseconds;
    if (strcmp(name, q->stage) == 0)
        answer_cases(q, (kir_module *)(uintptr_t)m);
}

static session open_session(arena *a) {
    session s = {.a = a, .syms = sym_table_new(a), .diags = diags_new(a)};
    s.types = types_new(a, s.syms);
    return s;
}

static json_t *refused(session *s) {
    text t = text_new(s->a);
    text_put(&t, "");
    for (uint32_t k = 0; k < s->diags->items.len; k++)
        diag_render(s->diags, &s->diags->items.at[k], &t);
    return json_pack("{s:s}", "refused", t.at);
}

/* The request elaborated; NULL with the diagnostics in the session. */
static kir_module *elaborate_request(session *s, const char *json, bool plain, request **out) {
    request *r = request_read(s, json, strlen(json));
    elab_result result = {0};
    if (!r)
        return NULL;
    if (plain) {
        r->options.parallel = r->options.require_parallel = false;
        r->options.opt = 0;
    }
    kir_module *m = kir_module_new(s->a, s->syms, s->types, s->diags);
    m->options = r->options;
    m->options.vector_bytes = 16; /* small, so that few iterations fill blocks of registers */
    m->options.vector_registers = 16;
    *out = r;
    return elaborate(m, r->entry, r->args, r->n_args, r->result, &result) ? m : NULL;
}

static json_t *answer_request(question *q, const json_t *object) {
    char *json = json_dumps(object, JSON_COMPACT);
    session plain = open_session(q->a), full = open_session(q->a);
    request *r;
    json_t *out = NULL;
    pass_run_options none = {0};
    q->before = elaborate_request(&plain, json, true, &r);
    if (!q->before || !passes_run(q->before, &none))
        out = refused(&plain);
    kir_module *m = out ? NULL : elaborate_request(&full, json, false, &r);
    if (m) {
        pass_run_options o = {.disable = r->disable, .verify = true, .after = after_pass, .context = q};
        if (!passes_run(m, &o))
            m = NULL;
    }
    if (!out && !m)
        out = refused(&full);
    free(json);
    return out ? out : json_pack("{s:O}", "cases", q->answers);
}

static json_t *answer_texts(question *q, const char *before, const char *after) {
    session s = open_session(q->a);
    q->before = kir_parse(q->a, s.syms, s.types, s.diags, before, strlen(before));
    kir_module *m = q->before ? kir_parse(q->a, s.syms, s.types, s.diags, after, strlen(after)) : NULL;
    if (!m)
        return refused(&s);
    answer_cases(q, m);
    return json_pack("{s:O}", "cases", q->answers);
}

static json_t *answer(arena *a, const json_t *json) {
    question q = {.a = a, .json = json, .answers = json_array()};
    const char *stage = json_string_value(json_object_get(json, "stage"));
    const char *before = json_string_value(json_object_get(json, "before"));
    const char *after = json_string_value(json_object_get(json, "after"));
    const json_t *object = json_object_get(json, "request");
    q.stage = stage ? stage : "parallelize";
    json_t *out = object            ? answer_request(&q, object)
                  : before && after ? answer_texts(&q, before, after)
                                    : json_pack("{s:s}", "refused", "neither a request nor two texts");
    json_decref(q.answers);
    return out;
}

static json_t *answer_line(const char *line) {
    json_error_t error;
    json_t *json = json_loads(line, 0, &error);
    jmp_buf exhausted;
    arena *volatile a = arena_new(&exhausted);
    json_t *volatile out = NULL;
    if (a && setjmp(exhausted) == 0)
        out = json ? answer(a, json) : json_pack("{s:s}", "refused", error.text);
    else
        out = json_pack("{s:s}", "refused", "out of memory");
    json_decref(json);
    if (a)
        arena_free(a);
    return out;
}

int main(void) {
    char *line = NULL;
    size_t room = 0;
    while (getline(&line, &room, stdin) > 0) {
        json_t *out = answer_line(line);
        json_dumpf(out, stdout, JSON_COMPACT);
        putchar('\n');
        fflush(stdout);
        json_decref(out);
    }
    free(line);
    return 0;
}
