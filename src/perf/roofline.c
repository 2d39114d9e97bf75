/* The machine's limits: measured once for a machine and a number of threads, kept in the user's cache folder, looked up. A file
 * that cannot be read or written is no error: the next run measures again. */
#define _GNU_SOURCE
#include "perf/perf.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { LIMITS_VERSION = 1 };

/* ---- as JSON ------------------------------------------------------------------------------------------------------------- */

json_t *limits_json(const perf_limits *l) {
    json_t *levels = json_array();
    for (int i = 0; i < l->levels; i++)
        json_array_append_new(levels, json_pack("{s:f,s:f}", "footprint", l->footprint[i], "bytes", l->bytes[i]));
    return json_pack("{s:i,s:i,s:f,s:f,s:o}", "version", LIMITS_VERSION, "threads", l->threads, "flops", l->flops,
                     "flops32", l->flops32, "levels", levels);
}

static bool is_rate(double x) {
    return isfinite(x) && x > 0;
}

bool limits_read(const json_t *o, perf_limits *out) {
    const json_t *levels = json_object_get(o, "levels");
    *out = (perf_limits){.threads = (int32_t)json_integer_value(json_object_get(o, "threads"))};
    out->flops = json_number_value(json_object_get(o, "flops"));
    out->flops32 = json_number_value(json_object_get(o, "flops32"));
    out->levels = (int32_t)(json_array_size(levels) < PERF_LEVELS ? json_array_size(levels) : PERF_LEVELS);
    for (int32_t i = 0; i < out->levels; i++) {
        const json_t *level = json_array_get(levels, (size_t)i);
        out->footprint[i] = json_number_value(json_object_get(level, "footprint"));
        out->bytes[i] = json_number_value(json_object_get(level, "bytes"));
        if (!is_rate(out->bytes[i]) || !is_rate(out->footprint[i]) || (i && out->footprint[i] <= out->footprint[i - 1]))
            return false;
    }
    return json_integer_value(json_object_get(o, "version")) == LIMITS_VERSION && out->threads > 0 && out->levels > 0 &&
           is_rate(out->flops) && is_rate(out->flops32);
}

/* ---- the file ------------------------------------------------------------------------------------------------------------ */

static uint64_t mix_text(uint64_t hash, const char *s) {
    for (; *s; s++)
        hash = (hash ^ (unsigned char)*s) * 1099511628211u;
    return hash;
}

/* What the limits depend on: the processor, the system, and which units may be used. */
static uint64_t machine_key(void) {
    char line[4096];
    uint64_t hash = 14695981039346656037u;
    struct utsname system;
    cpu_set_t mask;
    FILE *f = fopen("/proc/cpuinfo", "re");
    for (int i = 0; f && i < 32 && fgets(line, sizeof line, f); i++) {
        if (!strncmp(line, "model name", 10) || !strncmp(line, "cpu\t", 4))
            hash = mix_text(hash, line);
    }
    if (f)
        fclose(f);
    if (uname(&system) == 0)
        hash = mix_text(mix_text(hash, system.release), system.machine);
    for (int i = 0; sched_getaffinity(0, sizeof mask, &mask) == 0 && i < CPU_SETSIZE; i++) {
        snprintf(line, sizeof line, "%d,", i);
        hash = CPU_ISSET((size_t)i, &mask) ? mix_text(hash, line) : hash;
    }
    return hash;
}

/* The folder for what can be made again, as for the costs of teams: PLAIT_CACHE_DIR, else the user's. */
static bool find_file(int32_t threads, char *path, size_t size) {
    static const char *const bases[][2] = {
        {"PLAIT_CACHE_DIR", ""}, {"XDG_CACHE_HOME", "/plait"}, {"HOME", "/.cache/plait"}};
    for (size_t i = 0; i < sizeof bases / sizeof *bases; i++) {
        const char *base = getenv(bases[i][0]);
        if (!base || *base != '/')
            continue;
        int n = snprintf(path, size, "%s%s/limits-%016llx-%d.json", base, bases[i][1],
                         (unsigned long long)machine_key(), threads);
        return n > 0 && (size_t)n < size;
    }
    return false;
}

static bool make_folders(char *path) {
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        bool failed = mkdir(path, 0700) != 0 && errno != EEXIST;
        *slash = '/';
        if (failed)
            return false;
    }
    return true;
}

/* By renaming, so that nobody reads half a file. */
static void keep(char *path, const perf_limits *l) {
    char draft[PATH_MAX + 32];
    json_t *o = limits_json(l);
    snprintf(draft, sizeof draft, "%s.%d", path, (int)getpid());
    if (!o || !make_folders(path) || json_dump_file(o, draft, JSON_INDENT(1)) != 0 || rename(draft, path) != 0)
        unlink(draft);
    json_decref(o);
}

static void take_better(perf_limits *l, const perf_limits *other) {
    l->flops = fmax(l->flops, other->flops);
    l->flops32 = fmax(l->flops32, other->flops32);
    for (int i = 0; i < l->levels && i < other->levels; i++)
        l->bytes[i] = l->footprint[i] == other->footprint[i] ? fmax(l->bytes[i], other->bytes[i]) : l->bytes[i];
}

bool roofline_get(int32_t threads, limits_fn *measure, void *context, bool again, perf_limits *out) {
    char path[PATH_MAX];
    perf_limits old;
    bool named = find_file(threads, path, sizeof path);
    json_t *kept = named ? json_load_file(path, JSON_REJECT_DUPLICATES, NULL) : NULL;
    bool known = kept && limits_read(kept, &old) && old.threads == threads;
    json_decref(kept);
    if (known && !again) {
        *out = old;
        return true;
    }
    if (!measure(context, threads, out))
        return false;
    if (known)
        take_better(out, &old);
    if (named)
        keep(path, out);
    return true;
}

/* ---- looking up ---------------------------------------------------------------------------------------------------------- */

/* Between two measured working sets, along a line of the logarithms. */
double roofline_bandwidth(const perf_limits *l, double footprint) {
    int32_t i = 0;
    while (i < l->levels && l->footprint[i] < footprint)
        i++;
    if (i == 0 || i == l->levels)
        return l->bytes[i ? i - 1 : 0];
    double part = log(footprint / l->footprint[i - 1]) / log(l->footprint[i] / l->footprint[i - 1]);
    return l->bytes[i - 1] * pow(l->bytes[i] / l->bytes[i - 1], part);
}

double roofline_floor(const perf_limits *l, double bytes, double flops, bool single, double footprint) {
    double moving = bytes > 0 ? bytes / roofline_bandwidth(l, footprint > 0 ? footprint : bytes) : 0;
    double computing = flops > 0 ? flops / (single ? l->flops32 : l->flops) : 0;
    return fmax(moving, computing);
}
