/* Files in pyperf's format, version 1.0: a run for each process, with its first call as warm-up. What pyperf has no name for
 * stands in the metadata under names that begin with plait_; metadata are numbers and texts of one line, as pyperf wants.
 *
 * Reading believes nothing: what is needed of a file is checked, whoever wrote it. */
#include "perf/perf.h"

#include <errno.h>
#include <gnu/libc-version.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

__attribute__((format(printf, 2, 3))) static bool refuse(char error[PERF_ERROR_SIZE], const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(error, PERF_ERROR_SIZE, format, args);
    va_end(args);
    return false;
}

/* ---- writing ---------------------------------------------------------------------------------------------------------------- */

/* pyperf takes no empty text and no line breaks. */
static void put_text(json_t *o, const char *key, const char *value) {
    char line[400];
    snprintf(line, sizeof line, "%s", value ? value : "");
    for (char *c = line; *c; c++)
        *c = (unsigned char)*c < ' ' ? ' ' : *c;
    if (line[strspn(line, " ")])
        json_object_set_new(o, key, json_string(line));
}

static void put_date(json_t *o, const char *key, time_t when) {
    char date[40];
    struct tm parts;
    if (gmtime_r(&when, &parts) && strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S", &parts))
        put_text(o, key, date);
}

static const char *cpu_model(char *line, size_t size) {
    FILE *f = fopen("/proc/cpuinfo", "re");
    const char *found = NULL;
    while (f && !found && fgets(line, (int)size, f)) {
        char *colon = strchr(line, ':');
        if (colon && (!strncmp(line, "model name", 10) || !strncmp(line, "cpu\t", 4)))
            found = colon + 1 + strspn(colon + 1, " \t");
    }
    if (f)
        fclose(f);
    if (found)
        line[strcspn(line, "\n")] = '\0';
    return found;
}

static json_t *suite_metadata(const perf_plan *plan, int candidate, const perf_facts *facts) {
    char line[400];
    struct utsname system;
    json_t *o = json_pack("{s:s,s:s,s:s,s:i}", "unit", "second", "plait_session", facts->session, "plait_role",
                          candidate == PERF_OLD ? "baseline" : "candidate", "plait_format", 1);
    char *limits = json_dumps(facts->limits, JSON_COMPACT);
    put_text(o, "plait_version", plait_version());
    put_text(o, "plait_suite", json_string_value(json_object_get(plan->suite, "path")));
    put_text(o, "commit", candidate == PERF_NEW ? facts->commit : NULL);
    put_text(o, "cpu_model_name", cpu_model(line, sizeof line));
    json_object_set_new(o, "cpu_count", json_integer(sysconf(_SC_NPROCESSORS_ONLN)));
    put_text(o, "timer", "clock_gettime(CLOCK_MONOTONIC)");
    put_text(o, "glibc_version", gnu_get_libc_version());
    if (uname(&system) == 0) {
        snprintf(line, sizeof line, "%s-%s-%s", system.sysname, system.release, system.machine);
        put_text(o, "platform", line);
    }
    if (limits && json_array_size(facts->limits))
        json_object_set_new(o, "plait_limits", json_string(limits));
    put_date(o, "plait_date", facts->began);
    free(limits);
    return o;
}

static json_t *benchmark_metadata(const perf_benchmark *b) {
    static const char *const kinds[] = {
        [PERF_CALL] = "call", [PERF_COLD] = "compile cold", [PERF_WARM] = "compile warm"};
    char *sizes = json_dumps(json_object_get(b->point, "sizes"), JSON_COMPACT);
    json_t *o = json_object();
    json_object_set_new(o, "name", json_string(b->name));
    put_text(o, "plait_kind", kinds[b->kind]);
    put_text(o, "plait_kernel", json_string_value(json_object_get(b->kernel, "name")));
    if (b->kind == PERF_CALL) {
        json_object_set_new(o, "plait_threads", json_integer(b->threads));
        if (sizes && strcmp(sizes, "{}") != 0)
            put_text(o, "plait_sizes", sizes);
        json_object_set_new(o, "plait_footprint", json_real(b->footprint));
        json_object_set_new(o, "plait_bytes", json_real(b->bytes));
        json_object_set_new(o, "plait_flops", json_real(b->flops));
        json_object_set_new(o, "plait_single", json_integer(b->single));
    }
    free(sizes);
    return o;
}

static json_t *run_json(const perf_series *s) {
    json_t *o = json_object(), *values = json_array(), *metadata = json_object();
    for (uint32_t i = 0; i < s->values.len; i++)
        json_array_append_new(values, json_real(s->values.at[i]));
    json_object_set_new(metadata, "loops", json_integer(s->loops > 0 ? s->loops : 1));
    json_object_set_new(metadata, "plait_process", json_integer(s->process));
    if (s->rss > 0)
        json_object_set_new(metadata, "mem_max_rss", json_integer(s->rss));
    put_date(metadata, "date", s->date);
    if (s->first > 0)
        json_object_set_new(o, "warmups", json_pack("[[i,f]]", 1, s->first));
    json_object_set_new(o, "metadata", metadata);
    json_object_set_new(o, "values", values);
    return o;
}

static json_t *benchmark_json(const perf_benchmark *b, int candidate) {
    json_t *runs = json_array();
    for (uint32_t i = 0; i < b->series[candidate].len; i++) {
        if (b->series[candidate].at[i].values.len)
            json_array_append_new(runs, run_json(&b->series[candidate].at[i]));
    }
    if (json_array_size(runs))
        return json_pack("{s:o,s:o}", "metadata", benchmark_metadata(b), "runs", runs);
    json_decref(runs);
    return NULL;
}

/* By renaming, so that nobody reads half a file. */
static bool write_json(arena *a, const char *path, const json_t *root, char error[PERF_ERROR_SIZE]) {
    const char *draft = arena_printf(a, "%s.%d.tmp", path, (int)getpid());
    FILE *f = fopen(draft, "w");
    if (!f)
        return refuse(error, "%s: %s", path, strerror(errno));
    bool ok = json_dumpf(root, f, JSON_COMPACT | JSON_SORT_KEYS) == 0 && fputc('\n', f) != EOF;
    ok = fclose(f) == 0 && ok && rename(draft, path) == 0;
    if (ok)
        return true;
    int cause = errno;
    unlink(draft);
    return refuse(error, "%s: %s", path, strerror(cause));
}

bool pyperf_write(arena *a, const char *path, const perf_plan *plan, int candidate, const perf_facts *facts,
                  char error[PERF_ERROR_SIZE]) {
    json_t *list = json_array();
    for (uint32_t i = 0; i < plan->benchmarks.len; i++) {
        json_t *b = benchmark_json(&plan->benchmarks.at[i], candidate);
        if (b)
            json_array_append_new(list, b);
    }
    json_t *root = json_pack("{s:s,s:o,s:o}", "version", "1.0", "metadata", suite_metadata(plan, candidate, facts),
                             "benchmarks", list);
    bool ok = json_array_size(list) ? write_json(a, path, root, error)
                                    : refuse(error, "%s: nothing was measured that could be written", path);
    json_decref(root);
    return ok;
}

/* ---- reading ---------------------------------------------------------------------------------------------------------------- */

typedef struct reader {
    arena *a;
    perf_file *f;
    char *error;
    size_t benchmark, run;
} reader;

static bool read_values(const reader *r, const json_t *run, perf_file_run *out) {
    const json_t *values = json_object_get(run, "values");
    size_t i;
    json_t *v;
    if (values && !json_is_array(values))
        return refuse(r->error, "%s: error: benchmarks[%zu].runs[%zu].values is no list", r->f->path, r->benchmark,
                      r->run);
    json_array_foreach(values, i, v) {
        double x = json_number_value(v);
        if (!json_is_number(v) || !isfinite(x) || !(x > 0))
            return refuse(r->error, "%s: error: benchmarks[%zu].runs[%zu].values[%zu] is no number above 0", r->f->path,
                          r->benchmark, r->run, i);
        vec_push(r->a, &out->values, x);
    }
    return true;
}

static bool read_runs(reader *r, const json_t *runs, perf_file_benchmark *b) {
    json_t *run;
    if (!json_is_array(runs))
        return refuse(r->error, "%s: error: benchmarks[%zu] has no list of runs", r->f->path, r->benchmark);
    json_array_foreach(runs, r->run, run) {
        const json_t *process = json_object_get(json_object_get(run, "metadata"), "plait_process");
        perf_file_run made = {.process = json_is_integer(process) ? json_integer_value(process) : -1};
        if (!json_is_object(run))
            return refuse(r->error, "%s: error: benchmarks[%zu].runs[%zu] is no object", r->f->path, r->benchmark,
                          r->run);
        if (!read_values(r, run, &made))
            return false;
        if (made.values.len) /* a run of warm-ups alone calibrates */
            vec_push(r->a, &b->runs, made);
    }
    return true;
}

static bool is_known_name(const reader *r, const char *name) {
    for (uint32_t i = 0; i < r->f->benchmarks.len; i++) {
        if (!strcmp(r->f->benchmarks.at[i].name, name))
            return true;
    }
    return false;
}

static bool read_benchmark(reader *r, const json_t *o) {
    perf_file_benchmark b = {.metadata = json_object_get(o, "metadata")};
    b.name = pyperf_text(r->f, &b, "name");
    if (!b.name)
        return refuse(r->error, "%s: error: benchmarks[%zu] has no name", r->f->path, r->benchmark);
    if (is_known_name(r, b.name))
        return refuse(r->error, "%s: error: two benchmarks are called '%.200s'", r->f->path, b.name);
    if (!read_runs(r, json_object_get(o, "runs"), &b))
        return false;
    vec_push(r->a, &r->f->benchmarks, b);
    return true;
}

static bool read_root(reader *r) {
    const json_t *list = json_object_get(r->f->root, "benchmarks");
    json_t *o;
    if (!json_is_object(r->f->root) || !json_is_array(list))
        return refuse(r->error, "%s: error: no list \"benchmarks\": this is no file of pyperf's", r->f->path);
    json_array_foreach(list, r->benchmark, o) {
        if (!read_benchmark(r, o))
            return false;
    }
    return r->f->benchmarks.len > 0 || refuse(r->error, "%s: error: there is no benchmark in it", r->f->path);
}

static perf_file *read_json(arena *a, const char *path, json_t *root, const json_error_t *cause,
                            char error[PERF_ERROR_SIZE]) {
    perf_file *f = arena_make(a, perf_file);
    *f = (perf_file){.path = path, .root = root, .metadata = json_object_get(root, "metadata")};
    if (!root && cause->line > 0)
        refuse(error, "%s:%d:%d: error: %s", path, cause->line, cause->column, cause->text);
    else if (!root)
        refuse(error, "%s: error: %s", path, cause->text);
    if (root && read_root(&(reader){.a = a, .f = f, .error = error}))
        return f;
    pyperf_free(f);
    return NULL;
}

perf_file *pyperf_read(arena *a, const char *path, char error[PERF_ERROR_SIZE]) {
    json_error_t cause;
    FILE *in = fopen(path, "r");
    if (!in) {
        refuse(error, "%s: error: %s", path, strerror(errno));
        return NULL;
    }
    json_t *root = json_loadf(in, JSON_REJECT_DUPLICATES, &cause);
    fclose(in);
    return read_json(a, path, root, &cause, error);
}

perf_file *pyperf_read_text(arena *a, const char *path, const char *bytes, size_t len, char error[PERF_ERROR_SIZE]) {
    json_error_t cause;
    return read_json(a, path, json_loadb(bytes, len, JSON_REJECT_DUPLICATES, &cause), &cause, error);
}

void pyperf_free(perf_file *f) {
    json_decref(f->root);
    f->root = NULL;
}

static const json_t *find_fact(const perf_file *f, const perf_file_benchmark *b, const char *key) {
    const json_t *own = b ? json_object_get(b->metadata, key) : NULL;
    return own ? own : json_object_get(f->metadata, key);
}

const char *pyperf_text(const perf_file *f, const perf_file_benchmark *b, const char *key) {
    return json_string_value(find_fact(f, b, key));
}

double pyperf_number(const perf_file *f, const perf_file_benchmark *b, const char *key) {
    double x = json_number_value(find_fact(f, b, key));
    return isfinite(x) ? x : 0;
}

size_t pyperf_medians(arena *a, const perf_file_benchmark *b, double **logs) {
    *logs = arena_array(a, double, b->runs.len + 1);
    for (uint32_t i = 0; i < b->runs.len; i++) {
        uint32_t n = b->runs.at[i].values.len;
        double *values = arena_array(a, double, n + 1);
        memcpy(values, b->runs.at[i].values.at, n * sizeof *values);
        (*logs)[i] = log(rank_median(values, n));
    }
    return b->runs.len;
}
