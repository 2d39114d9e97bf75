/* The process that measures. It is told by lines of JSON on its standard input what to do, and answers on what was its standard
 * output; the kernels' own output goes nowhere. It lives for one pass over the benchmarks: another process has other
 * addresses, other pages and another luck.
 *
 *   {"do": "hello"}                                                    → {"protocol"}
 *   {"do": "prepare", "candidate", "kernel", "arguments", "threads"}   → {"first", "loops", "rss", "warm"}: the seconds of its
 *                                                                         compile in this process are "warm"
 *   {"do": "round", "candidate"}                                       → {"seconds"}   of a call
 *   {"do": "drop"}                                                     → {}
 *   {"do": "cold", "kernel", "arguments"}                              → {"seconds"}   of the compile
 *   {"do": "limits", "threads"}                                        → what limits_json gives
 *
 * An answer may be {"error": text} instead. */
#define _GNU_SOURCE
#include "perf/perf.h"
#include "plait/config.h"
#include "runtime/topology.h"

#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { PROTOCOL = 1 };

static const double LEAST_SECONDS = 0.002; /* of a round */
static const double SHORT_SECONDS = 0.005; /* calls below have one in front of every round that is not timed */

typedef struct compiled { /* a kernel for some types, kept for all points */
    const char *key;
    plait_kernel *kernel;
    json_t *metadata;
    double took;
} compiled;

typedef struct prepared { /* a candidate with its arguments */
    arena *a;
    const compiled *code;
    VEC(cli_value) arguments;
    VEC(void *) copies; /* of arrays before the first call; NULL: not restored */
    slot_list slots;
    int64_t *results;
    int64_t loops, bytes;
    int32_t threads;
    const char *name; /* "module.function" */
    bool restores;
} prepared;

typedef struct worker {
    cli *c;
    VEC(compiled *) compiled;
    prepared at[PERF_CANDIDATES];
    cpu_set_t all;
    int32_t unit; /* of a single thread; -1: none is known */
    bool places;  /* nobody else says where threads go */
    char error[PERF_ERROR_SIZE];
} worker;

double perf_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

__attribute__((format(printf, 2, 3))) static bool fail(worker *w, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(w->error, sizeof w->error, format, args);
    va_end(args);
    return false;
}

static const char *word(const json_t *o, const char *key) {
    const char *found = json_string_value(json_object_get(o, key));
    return found ? found : "";
}

/* ---- where threads go ------------------------------------------------------------------------------------------------------ */

static int32_t first_unit(const cpu_set_t *all) {
    enum { WORDS = CPU_SETSIZE / 64 };
    uint64_t mask[WORDS] = {0};
    int32_t unit = -1;
    for (int i = 0; i < CPU_SETSIZE; i++)
        mask[i / 64] |= (uint64_t)(CPU_ISSET((size_t)i, all) != 0) << i % 64;
    topology_team team = {.allowed = mask, .words = WORDS, .threads = 1, .placement = PLRT_PLACE_SPREAD};
    return plait_topology_place(&team, &unit) == 0 ? unit : -1;
}

/* Who asked for a placement gets it. */
static bool is_placement_free(void) {
    plrt_setting s;
    int32_t i = plrt_config_find("placement");
    return i >= 0 && plrt_config_get((size_t)i, &s) && !strcmp(s.origin, "default") && !plrt_placement_refusal();
}

static void look_at_machine(worker *w) {
    plrt_default_threads(); /* while the mask is whole */
    w->unit = -1;
    w->places = is_placement_free() && sched_getaffinity(0, sizeof w->all, &w->all) == 0;
    if (w->places)
        w->unit = first_unit(&w->all);
}

/* A single thread is bound here, members of a team by plait. */
static void place(const worker *w, int32_t threads) {
    cpu_set_t one;
    if (w->unit < 0)
        return;
    CPU_ZERO(&one);
    CPU_SET((size_t)w->unit, &one);
    sched_setaffinity(0, sizeof one, threads == 1 ? &one : &w->all);
}

/* ---- compiling --------------------------------------------------------------------------------------------------------------- */

static bool keep_reports(worker *w) {
    cli *c = w->c;
    text out = text_new(c->a);
    for (uint32_t i = 0; i < c->d->items.len; i++) {
        text_put(&out, i ? "\n" : "");
        diag_render(c->d, &c->d->items.at[i], &out);
    }
    bool bad = c->d->errors > 0;
    c->d->items.len = c->d->errors = 0;
    return !bad || fail(w, "%s", out.at);
}

static json_t *request_for(worker *w, const json_t *kernel, const char *signature) {
    cli *c = w->c;
    module *m = module_read(c->a, c->syms, c->d, word(kernel, "file"));
    const module_function *f = m ? module_find(m, word(kernel, "function")) : NULL;
    json_t *request = f ? cli_request_of(c, m, f) : NULL;
    module_free(m);
    if (!keep_reports(w)) {
        json_decref(request);
        return NULL;
    }
    if (!request) {
        fail(w, "%s has no function '%s' at module level", word(kernel, "file"), word(kernel, "function"));
        return NULL;
    }
    json_object_update(json_object_get(request, "options"), json_object_get(kernel, "options"));
    json_object_set_new(request, "signature", json_string(signature));
    return request;
}

static bool keep_diagnostics(worker *w, plait_diagnostics *list, const char *otherwise) {
    text out = text_new(w->c->a);
    for (size_t i = 0; list && i < plait_diagnostics_count(list); i++)
        text_printf(&out, "%s%s", i ? "\n" : "", plait_diagnostics_get(list, i).text);
    plait_diagnostics_free(list);
    return fail(w, "%s", out.len ? out.at : otherwise);
}

/* From the request to code that can be called. */
static bool build(worker *w, const char *request, compiled *out) {
    plait_artifact *artifact = NULL;
    plait_diagnostics *list = NULL;
    double start = perf_seconds();
    plait_status status = plait_compile(request, strlen(request), &artifact, &list);
    if (status != PLAIT_OK)
        return keep_diagnostics(w, list, "out of memory");
    plait_diagnostics_free(list);
    list = NULL;
    status = plait_load(artifact, &out->kernel, &list);
    out->took = perf_seconds() - start;
    out->metadata = json_loads(plait_artifact_metadata(artifact), 0, NULL);
    plait_artifact_free(artifact);
    if (status != PLAIT_OK)
        return keep_diagnostics(w, list, "the kernel cannot be loaded");
    plait_diagnostics_free(list);
    return true;
}

static void discard(compiled *x) {
    if (x->kernel)
        plait_kernel_free(x->kernel);
    json_decref(x->metadata);
    *x = (compiled){0};
}

static const char *signature_of(arena *a, const json_t *kernel, const prepared *p) {
    text out = text_new(a);
    if (*word(kernel, "signature"))
        return word(kernel, "signature");
    text_put(&out, "(");
    for (uint32_t i = 0; i < p->arguments.len; i++) {
        text_put(&out, i ? ", " : "");
        value_put_type(&out, &p->arguments.at[i]);
    }
    text_put(&out, ")");
    return out.at;
}

static char *request_text(worker *w, const json_t *kernel, const prepared *p) {
    json_t *request = request_for(w, kernel, signature_of(w->c->a, kernel, p));
    char *written = request ? json_dumps(request, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    if (request && !written)
        fail(w, "out of memory");
    json_decref(request);
    return written;
}

/* The kernel for the types of the arguments: from the table, or compiled, twice, so that the second time is that of a warm
 * compiler. */
static const compiled *find_code(worker *w, const json_t *kernel, const prepared *p) {
    char *request = request_text(w, kernel, p);
    compiled made = {0}, *kept;
    if (!request)
        return NULL;
    for (uint32_t i = 0; i < w->compiled.len; i++) {
        if (!strcmp(w->compiled.at[i]->key, request)) {
            free(request);
            return w->compiled.at[i];
        }
    }
    bool ok = build(w, request, &made);
    if (ok) {
        discard(&made);
        ok = build(w, request, &made);
    }
    if (ok) {
        kept = arena_make(w->c->a, compiled);
        made.key = arena_strndup(w->c->a, request, strlen(request));
        *kept = made;
        vec_push(w->c->a, &w->compiled, kept);
    }
    free(request);
    return ok ? kept : NULL;
}

/* ---- a candidate ------------------------------------------------------------------------------------------------------------- */

static void drop(prepared *p) {
    for (uint32_t i = 0; i < p->arguments.len; i++)
        perf_free_argument(&p->arguments.at[i]);
    for (uint32_t i = 0; i < p->copies.len; i++)
        free(p->copies.at[i]);
    if (p->a)
        arena_free(p->a);
    *p = (prepared){0};
}

static size_t bytes_of(const npy_array *a) {
    return (size_t)npy_count(a) * a->size;
}

static bool make_arguments(worker *w, prepared *p, const json_t *specs) {
    size_t i;
    json_t *spec;
    json_array_foreach(specs, i, spec) {
        cli_value v = {0};
        bool ok = perf_make_argument(p->a, spec, &v, w->error);
        vec_push(p->a, &p->arguments, v);
        if (!ok)
            return false;
        p->bytes += v.array ? (int64_t)bytes_of(v.array) : 0;
    }
    return true;
}

static bool make_slots(worker *w, prepared *p) {
    const json_t *types = json_object_get(p->code->metadata, "args");
    vec_push(p->a, &p->slots, 0);
    p->slots.len = 0;
    if (json_array_size(types) != p->arguments.len)
        return fail(w, "%s takes %zu arguments, the suite gives %u", p->name, json_array_size(types), p->arguments.len);
    for (uint32_t i = 0; i < p->arguments.len; i++) {
        if (!value_push(p->a, &p->slots, &p->arguments.at[i], json_array_get(types, i)))
            return fail(w, "%s: the argument number %u does not suit the signature", p->name, i + 1);
    }
    p->results = arena_array(p->a, int64_t, value_slots(json_object_get(p->code->metadata, "result")) + 1);
    return true;
}

static bool copy_arrays(worker *w, prepared *p) {
    for (uint32_t i = 0; i < p->arguments.len; i++) {
        const npy_array *a = p->arguments.at[i].array;
        void *copy = a ? malloc(bytes_of(a) + 1) : NULL;
        if (a && !copy)
            return fail(w, "out of memory");
        if (a)
            memcpy(copy, a->data, bytes_of(a));
        vec_push(p->a, &p->copies, copy);
    }
    return true;
}

/* Copies of what the call left alone are not needed. */
static void note_changes(prepared *p, bool always) {
    for (uint32_t i = 0; i < p->copies.len; i++) {
        const npy_array *a = p->arguments.at[i].array;
        if (!a)
            continue;
        if (always || memcmp(p->copies.at[i], a->data, bytes_of(a)) != 0) {
            p->restores = true;
            continue;
        }
        free(p->copies.at[i]);
        p->copies.at[i] = NULL;
    }
}

static void restore(const prepared *p) {
    for (uint32_t i = 0; i < p->copies.len; i++) {
        if (p->copies.at[i])
            memcpy(p->arguments.at[i].array->data, p->copies.at[i], bytes_of(p->arguments.at[i].array));
    }
}

/* ---- calls ------------------------------------------------------------------------------------------------------------------- */

static bool call(worker *w, const prepared *p) {
    plrt_error err = {0};
    char message[1000];
    if (plait_kernel_entry(p->code->kernel)(p->slots.at, p->results, &err) == 0)
        return true;
    plait_kernel_error_text(p->code->kernel, &err, message, sizeof message);
    return fail(w, "%s raised %s", p->name, message);
}

/* Seconds of so many calls; negative: one failed. What is put back between them is not in it, nor how long it takes to give up
 * what a call returned when calls are timed one by one. */
static double time_calls(worker *w, const prepared *p, int64_t n) {
    const json_t *result = json_object_get(p->code->metadata, "result");
    double sum = 0, start = perf_seconds();
    for (int64_t i = 0; i < n; i++) {
        if (p->restores) {
            restore(p);
            start = perf_seconds();
        }
        if (!call(w, p))
            return -1;
        if (p->restores)
            sum += perf_seconds() - start;
        value_release(result, p->results);
    }
    return p->restores ? sum : perf_seconds() - start;
}

typedef struct scope {
    plrt_choice saved;
    plrt_call frame;
} scope;

static void begin_calls(const worker *w, const prepared *p, scope *s) {
    place(w, p->threads);
    plrt_choice_push(&(plrt_choice){.threads = p->threads, .placement = w->places ? "spread" : NULL}, &s->saved);
    plrt_call_enter(&s->frame, plrt_config_kernel(p->name), NULL, p->bytes);
}

static void end_calls(scope *s) {
    plrt_call_leave(&s->frame);
    plrt_choice_pop(&s->saved);
}

/* So many calls that a round is long enough for the clock. */
static bool calibrate(worker *w, prepared *p) {
    for (p->loops = 1;; p->loops *= 2) {
        double took = time_calls(w, p, p->loops);
        if (took < 0)
            return false;
        if (took >= LEAST_SECONDS / 2 || p->loops >= INT64_C(1) << 30)
            return true;
    }
}

static bool warm_up(worker *w, prepared *p, const json_t *kernel, double *first) {
    const char *wanted = word(kernel, "restore");
    scope s;
    if (strcmp(wanted, "never") != 0 && !copy_arrays(w, p))
        return false;
    begin_calls(w, p, &s);
    *first = time_calls(w, p, 1);
    bool ok = *first >= 0;
    if (ok) {
        note_changes(p, !strcmp(wanted, "always"));
        p->loops = 1;
        ok = *first > 10 * SHORT_SECONDS || calibrate(w, p);
    }
    end_calls(&s);
    return ok;
}

/* Waits, so that the time looks so many times as long: for tests of the tool. */
static double slow_down(double took, double share) {
    double until = perf_seconds() + took * share, now = perf_seconds();
    while (now < until)
        now = perf_seconds();
    return took * (1 + share);
}

/* ---- what is asked ----------------------------------------------------------------------------------------------------------- */

static int64_t largest_resident(void) {
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (int64_t)usage.ru_maxrss * 1024 : 0;
}

static const char *module_name(arena *a, const json_t *kernel) {
    const char *path = word(kernel, "file"), *slash = strrchr(path, '/');
    path = slash ? slash + 1 : path;
    return arena_printf(a, "%.*s.%s", (int)strcspn(path, "."), path, word(kernel, "function"));
}

static prepared *candidate_of(worker *w, const json_t *m) {
    return &w->at[json_integer_value(json_object_get(m, "candidate")) == PERF_OLD ? PERF_OLD : PERF_NEW];
}

static bool set_up(worker *w, prepared *p, const json_t *m) {
    const json_t *kernel = json_object_get(m, "kernel");
    drop(p);
    p->a = arena_new(NULL);
    if (!p->a)
        return fail(w, "out of memory");
    p->threads = (int32_t)json_integer_value(json_object_get(m, "threads"));
    p->name = module_name(p->a, kernel);
    return make_arguments(w, p, json_object_get(m, "arguments"));
}

static json_t *prepare(worker *w, const json_t *m) {
    prepared *p = candidate_of(w, m);
    double first;
    if (!set_up(w, p, m))
        return NULL;
    p->code = find_code(w, json_object_get(m, "kernel"), p);
    if (!p->code || !make_slots(w, p) || !warm_up(w, p, json_object_get(m, "kernel"), &first))
        return NULL;
    return json_pack("{s:f,s:I,s:I,s:f}", "first", first, "loops", (json_int_t)p->loops, "rss",
                     (json_int_t)largest_resident(), "warm", p->code->took);
}

static json_t *do_round(worker *w, const json_t *m) {
    const prepared *p = candidate_of(w, m);
    double share = p == &w->at[PERF_NEW] ? w->c->perf.slow_down : 0, took = 0, first = 0;
    scope s;
    if (!p->code) {
        fail(w, "nothing is prepared");
        return NULL;
    }
    begin_calls(w, p, &s);
    first = time_calls(w, p, 1);
    if (first >= 0 && (first < SHORT_SECONDS || p->loops > 1))
        took = time_calls(w, p, p->loops);
    else
        took = first;
    end_calls(&s);
    if (first < 0 || took < 0)
        return NULL;
    if (share > 0)
        took = slow_down(took, share);
    return json_pack("{s:f}", "seconds", took / (double)p->loops);
}

static json_t *drop_all(worker *w, const json_t *m) {
    (void)m;
    drop(&w->at[PERF_NEW]);
    drop(&w->at[PERF_OLD]);
    return json_object();
}

static json_t *measure_cold(worker *w, const json_t *m) {
    prepared *p = &w->at[PERF_NEW];
    compiled made = {0};
    char *request = set_up(w, p, m) ? request_text(w, json_object_get(m, "kernel"), p) : NULL;
    bool ok = request && build(w, request, &made);
    free(request);
    double took = made.took;
    discard(&made);
    return ok ? json_pack("{s:f}", "seconds", took) : NULL;
}

static json_t *find_limits(worker *w, const json_t *m) {
    perf_limits l;
    int32_t threads = (int32_t)json_integer_value(json_object_get(m, "threads"));
    plrt_choice saved;
    place(w, threads);
    plrt_choice_push(&(plrt_choice){.threads = threads, .placement = w->places ? "spread" : NULL}, &saved);
    bool ok = limits_measure(threads, &l);
    plrt_choice_pop(&saved);
    if (!ok)
        fail(w, "out of memory");
    return ok ? limits_json(&l) : NULL;
}

static json_t *say_hello(worker *w, const json_t *m) {
    (void)w;
    (void)m;
    return json_pack("{s:i}", "protocol", PROTOCOL);
}

static const struct {
    const char *name;
    json_t *(*answer)(worker *w, const json_t *m);
} doings[] = {{"hello", say_hello}, {"prepare", prepare},   {"round", do_round},
              {"drop", drop_all},   {"cold", measure_cold}, {"limits", find_limits}};

/* A text that was cut may end within a character. */
static json_t *error_answer(worker *w) {
    json_t *made = NULL;
    size_t n = strlen(w->error);
    while (n > 0 && w->error[n - 1] == '\n')
        w->error[--n] = '\0';
    for (size_t cut = 0; !made && cut < 4 && cut <= n; cut++) {
        w->error[n - cut] = '\0';
        made = json_pack("{s:s}", "error", w->error);
    }
    return made ? made : json_pack("{s:s}", "error", "what was wrong is no text");
}

static json_t *answer(worker *w, const json_t *m) {
    json_t *found = NULL;
    size_t i = 0, n = sizeof doings / sizeof *doings;
    while (i < n && strcmp(doings[i].name, word(m, "do")) != 0)
        i++;
    fail(w, "'%s' is nothing that can be done", word(m, "do"));
    if (i < n)
        found = doings[i].answer(w, m);
    return found ? found : error_answer(w);
}

/* ---- the process --------------------------------------------------------------------------------------------------------------- */

bool message_send(FILE *to, json_t *message) {
    bool ok = message && json_dumpf(message, to, JSON_COMPACT) == 0 && fputc('\n', to) != EOF && fflush(to) == 0;
    json_decref(message);
    return ok;
}

json_t *message_receive(FILE *from) {
    json_t *message = json_loadf(from, JSON_DISABLE_EOF_CHECK, NULL);
    if (json_is_object(message))
        return message;
    json_decref(message);
    return NULL;
}

static FILE *take_output(void) {
    int own = dup(STDOUT_FILENO), nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (own < 0 || nowhere < 0 || dup2(nowhere, STDOUT_FILENO) < 0)
        return NULL;
    close(nowhere);
    return fdopen(own, "w");
}

int perf_worker(cli *c) {
    worker w = {.c = c};
    FILE *out = take_output();
    json_t *m;
    if (!out)
        return cli_fail(c, "the worker has no output");
    look_at_machine(&w);
    while ((m = message_receive(stdin))) {
        bool sent = message_send(out, answer(&w, m));
        json_decref(m);
        if (!sent)
            break;
    }
    drop(&w.at[PERF_NEW]);
    drop(&w.at[PERF_OLD]);
    for (uint32_t i = 0; i < w.compiled.len; i++)
        discard(w.compiled.at[i]);
    fclose(out);
    return EXIT_DONE;
}
