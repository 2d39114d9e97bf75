/* A suite becomes the list of what is measured: every combination of kernel, sizes and number of threads, and the compiles. */
#include "perf/perf.h"
#include "plait/config.h"
#include "plait/suite.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SPARE_PROCESSES = 9, MOST_BENCHMARKS = 10000 };

/* So many processes that Holm's correction for all benchmarks leaves something to find, and some more, so that a few unlucky ones
 * do not hide it: then 10 % are found in 19 of 20 measurements (tests/perf/test_selftest.c). */
static int64_t enough_processes(size_t benchmarks) {
    return (int64_t)compare_least_runs(true, benchmarks) + SPARE_PROCESSES;
}

/* ---- one benchmark ------------------------------------------------------------------------------------------------------- */

static const char *name_of(arena *a, const json_t *kernel, const json_t *point, int32_t threads) {
    text out = text_new(a);
    const char *size;
    json_t *n;
    text_put(&out, json_string_value(json_object_get(kernel, "name")));
    json_object_foreach(json_object_get(point, "sizes"), size, n)
        text_printf(&out, " %s=%lld", size, (long long)json_integer_value(n));
    text_printf(&out, " threads=%d", threads);
    return out.at;
}

static void look_at_arguments(perf_benchmark *b) {
    const json_t *arguments = json_object_get(b->point, "arguments");
    bool any = false, all = true;
    for (size_t i = 0; i < json_array_size(arguments); i++) {
        const json_t *spec = json_array_get(arguments, i);
        const char *dtype = json_string_value(json_object_get(spec, "dtype"));
        int64_t bytes = perf_argument_bytes(spec);
        b->footprint += bytes > 0 ? (double)bytes : 0;
        any = any || (dtype && !strcmp(dtype, "float32"));
        all = all && !(dtype && (!strcmp(dtype, "float64") || !strcmp(dtype, "complex128")));
    }
    b->single = any && all;
}

/* {"name": …} must be told apart. */
static bool is_new_name(cli *c, const perf_plan *p, const char *name) {
    for (uint32_t i = 0; i < p->benchmarks.len; i++) {
        if (!strcmp(p->benchmarks.at[i].name, name))
            return cli_fail(c, "two benchmarks are called '%s': give the kernels a name: in the suite", name) ==
                   EXIT_DONE;
    }
    return true;
}

static bool is_wanted(const cli *c, const char *name) {
    return !c->perf.only || strstr(name, c->perf.only);
}

static bool add(cli *c, perf_plan *p, perf_benchmark b) {
    if (!is_wanted(c, b.name))
        return true;
    if (!is_new_name(c, p, b.name))
        return false;
    if (p->benchmarks.len == MOST_BENCHMARKS)
        return cli_fail(c, "more than %d benchmarks", MOST_BENCHMARKS) == EXIT_DONE;
    b.has_old = c->perf.baseline || c->perf.folder || json_object_get(b.kernel, "baseline");
    vec_push(c->a, &p->benchmarks, b);
    return true;
}

/* ---- a kernel ------------------------------------------------------------------------------------------------------------ */

static bool add_point(cli *c, perf_plan *p, const json_t *kernel, const json_t *point, int64_t threads) {
    perf_benchmark b = {.kind = PERF_CALL, .kernel = kernel, .point = point, .threads = (int32_t)threads};
    b.bytes = (double)json_integer_value(json_object_get(point, "bytes"));
    b.flops = (double)json_integer_value(json_object_get(point, "flops"));
    b.name = name_of(c->a, kernel, point, b.threads);
    look_at_arguments(&b);
    return add(c, p, b);
}

static bool add_threads(cli *c, perf_plan *p, const json_t *kernel, int64_t threads) {
    size_t i;
    json_t *point;
    if (threads > plrt_max_threads()) {
        fprintf(stderr, "plait: %s: %lld threads are left out, %d are possible here\n",
                json_string_value(json_object_get(kernel, "name")), (long long)threads, plrt_max_threads());
        return true;
    }
    json_array_foreach(json_object_get(kernel, "points"), i, point) {
        if (!add_point(c, p, kernel, point, threads))
            return false;
    }
    return true;
}

/* The compile of a kernel, for the first point's types. */
static bool add_compiles(cli *c, perf_plan *p, const json_t *kernel) {
    const char *name = json_string_value(json_object_get(kernel, "name"));
    perf_benchmark b = {.kind = PERF_COLD, .kernel = kernel, .threads = 1};
    b.point = json_array_get(json_object_get(kernel, "points"), 0);
    b.name = arena_printf(c->a, "%s compile cold", name);
    if (c->perf.no_compile)
        return true;
    if (!add(c, p, b))
        return false;
    b.kind = PERF_WARM;
    b.name = arena_printf(c->a, "%s compile warm", name);
    return add(c, p, b);
}

static bool add_kernel(cli *c, perf_plan *p, const json_t *kernel) {
    const json_t *threads = json_object_get(kernel, "threads");
    bool ok = true;
    if (!threads)
        ok = add_threads(c, p, kernel, plrt_default_threads());
    for (size_t i = 0; ok && i < json_array_size(threads); i++)
        ok = add_threads(c, p, kernel, json_integer_value(json_array_get(threads, i)));
    return ok && add_compiles(c, p, kernel);
}

/* ---- the suite ----------------------------------------------------------------------------------------------------------- */

static void settle(cli *c, perf_plan *p) {
    const json_t *settings = json_object_get(p->suite, "settings");
    const json_t *processes = json_object_get(settings, "processes"), *budget = json_object_get(settings, "budget");
    const json_t *precision = json_object_get(settings, "precision");
    p->processes = c->perf.processes ? c->perf.processes
                   : processes       ? json_integer_value(processes)
                                     : enough_processes(p->benchmarks.len);
    p->precision = c->perf.precision > 0 ? c->perf.precision : precision ? json_number_value(precision) : 0.01;
    p->budget = c->perf.budget > 0 ? c->perf.budget : budget ? json_number_value(budget) : 3;
}

static json_t *read_suite(cli *c, const char *path) {
    char *problems = NULL, *written = plrt_suite_read(path, &problems);
    json_t *suite = written ? json_loads(written, 0, NULL) : NULL;
    if (problems)
        fprintf(stderr, "%s\n", problems);
    else if (!suite)
        cli_fail(c, "%s: out of memory", path);
    free(problems);
    free(written);
    return suite;
}

perf_plan *plan_read(cli *c, const char *path) {
    perf_plan *p = arena_make(c->a, perf_plan);
    size_t i;
    json_t *kernel;
    *p = (perf_plan){.suite = read_suite(c, path)};
    if (!p->suite)
        return NULL;
    json_array_foreach(json_object_get(p->suite, "kernels"), i, kernel) {
        if (!add_kernel(c, p, kernel)) {
            plan_free(p);
            return NULL;
        }
    }
    if (!p->benchmarks.len) {
        cli_fail(c, c->perf.only ? "no benchmark's name holds '%s'" : "%s has no benchmark that can run here",
                 c->perf.only ? c->perf.only : path);
        plan_free(p);
        return NULL;
    }
    settle(c, p);
    return p;
}

void plan_free(perf_plan *p) {
    json_decref(p->suite);
    p->suite = NULL;
}

/* A file of the suite's folder as it lies in another folder. */
static json_t *moved(const cli *c, const perf_plan *p, const char *file) {
    const char *suite = json_string_value(json_object_get(p->suite, "path")), *slash = strrchr(suite, '/');
    size_t n = slash ? (size_t)(slash - suite) + 1 : 0;
    if (*file == '/' && (!n || strncmp(file, suite, n) != 0))
        return json_string(file);
    return json_string(arena_printf(c->a, "%s/%s", c->perf.folder, strncmp(file, suite, n) ? file : file + n));
}

json_t *plan_kernel(const cli *c, const perf_plan *p, const perf_benchmark *b, int candidate) {
    static const char *const keys[] = {"file", "function", "options"}, *const shared[] = {"signature", "restore"};
    const json_t *baseline = json_object_get(b->kernel, "baseline");
    bool other = c->perf.baseline || c->perf.folder; /* goes before the suite's */
    const json_t *from = candidate == PERF_OLD && baseline && !other ? baseline : b->kernel;
    json_t *made = json_object(), *v;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if ((v = json_object_get(from, keys[i])))
            json_object_set(made, keys[i], v);
    }
    for (size_t i = 0; i < sizeof shared / sizeof *shared; i++) {
        if ((v = json_object_get(b->kernel, shared[i])))
            json_object_set(made, shared[i], v);
    }
    if (candidate == PERF_OLD && c->perf.folder)
        json_object_set_new(made, "file", moved(c, p, json_string_value(json_object_get(from, "file"))));
    return made;
}
