/* Two measurements compared: which benchmarks became slower, by more than is allowed, beyond doubt?
 *
 * One observation is one process. Files of one session (a run and its baseline) are paired: each process gives the median of
 * the ratios of its rounds, and Wilcoxon's signed rank test asks whether they lie above 1 + the threshold. Other files give a
 * median for each process, and Mann and Whitney's test asks the same of the two samples. The answers for all benchmarks are
 * corrected by Holm's method, so that the chance of one false alarm among all of them is at most 5 %. What fails moreover has
 * its whole 95 % interval above the threshold. */
#include "perf/perf.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double LEVEL = 0.05;
enum { LEAST_RUNS = 5, MOST_RUNS = 10000 };

static const char *const verdict_words[] = {[V_SLOWER] = "slower: FAILS", [V_SLIGHTLY] = "slower, below the threshold",
                                            [V_FASTER] = "faster",        [V_SAME] = "unchanged",
                                            [V_UNCLEAR] = "not decided",  [V_FEW] = "inconclusive: too few runs"};

/* ---- one benchmark --------------------------------------------------------------------------------------------------------- */

static const perf_file_benchmark *find(const perf_file *f, const char *name) {
    for (uint32_t i = 0; i < f->benchmarks.len; i++) {
        if (!strcmp(f->benchmarks.at[i].name, name))
            return &f->benchmarks.at[i];
    }
    return NULL;
}

static const perf_file_run *find_process(const perf_file_benchmark *b, int64_t process) {
    for (uint32_t i = 0; i < b->runs.len; i++) {
        if (b->runs.at[i].process == process)
            return &b->runs.at[i];
    }
    return NULL;
}

/* Of each process that measured both: the median of the logarithms of the ratios of its rounds. */
static size_t pair(arena *a, const perf_file_benchmark *old, const perf_file_benchmark *new, double **out) {
    size_t n = 0;
    *out = arena_array(a, double, new->runs.len + 1);
    for (uint32_t i = 0; i < new->runs.len; i++) {
        const perf_file_run *x = &new->runs.at[i], *y = find_process(old, x->process);
        uint32_t rounds = !y ? 0 : x->values.len < y->values.len ? x->values.len : y->values.len;
        double *logs = arena_array(a, double, rounds + 1);
        for (uint32_t k = 0; k < rounds; k++)
            logs[k] = log(x->values.at[k]) - log(y->values.at[k]);
        if (rounds)
            (*out)[n++] = rank_median(logs, rounds);
    }
    return n;
}

static perf_interval as_ratio(perf_interval logs) {
    return (perf_interval){exp(logs.low), exp(logs.middle), exp(logs.high)};
}

static double middle_of(arena *a, const double *logs, size_t n) {
    double *copy = arena_array(a, double, n + 1);
    memcpy(copy, logs, n * sizeof *copy);
    return exp(rank_median(copy, n));
}

static perf_comparison compare(arena *a, const perf_comparing *k, const perf_file_benchmark *old,
                               const perf_file_benchmark *new) {
    perf_comparison found = {.name = new->name, .p = 1};
    double *x, *y, *both, shift = log1p(k->threshold);
    found.n_old = pyperf_medians(a, old, &x);
    found.n_new = pyperf_medians(a, new, &y);
    found.old_time = middle_of(a, x, found.n_old);
    found.new_time = middle_of(a, y, found.n_new);
    if (k->paired) {
        found.n_old = found.n_new = pair(a, old, new, &both);
        found.ratio = as_ratio(rank_signed_interval(both, found.n_new, 0.95));
        found.p = rank_signed_p(both, found.n_new, shift);
    } else {
        found.ratio = as_ratio(rank_sum_interval(x, found.n_old, y, found.n_new, 0.95));
        found.p = rank_sum_p(x, found.n_old, y, found.n_new, shift);
    }
    return found;
}

/* ---- all of them ------------------------------------------------------------------------------------------------------------- */

/* Whether so many runs can show anything at all when so many benchmarks are looked at. */
static bool is_enough(bool paired, size_t n_old, size_t n_new, size_t benchmarks) {
    double least = paired ? rank_signed_least(n_new) : rank_sum_least(n_old, n_new);
    return n_old >= LEAST_RUNS && n_new >= LEAST_RUNS && least * (double)benchmarks <= LEVEL;
}

size_t compare_least_runs(bool paired, size_t benchmarks) {
    size_t n = LEAST_RUNS;
    while (n < MOST_RUNS && !is_enough(paired, n, n, benchmarks))
        n++;
    return n;
}

static perf_verdict judge(const perf_comparing *k, const perf_comparison *x) {
    double most = 1 + k->threshold;
    if (!is_enough(k->paired, x->n_old, x->n_new, k->list.len))
        return V_FEW;
    if (x->p <= LEVEL && x->ratio.low > most)
        return V_SLOWER;
    if (x->ratio.low > 1)
        return x->ratio.high > most ? V_UNCLEAR : V_SLIGHTLY;
    if (x->ratio.high < 1)
        return V_FASTER;
    return x->ratio.low >= 1 / most && x->ratio.high <= most ? V_SAME : V_UNCLEAR;
}

static void judge_all(arena *a, perf_comparing *k) {
    double *p = arena_array(a, double, k->list.len + 1);
    for (uint32_t i = 0; i < k->list.len; i++)
        p[i] = k->list.at[i].p;
    rank_holm(p, k->list.len);
    for (uint32_t i = 0; i < k->list.len; i++) {
        k->list.at[i].p = p[i];
        k->list.at[i].verdict = judge(k, &k->list.at[i]);
    }
}

static bool is_pair(const perf_file *old, const perf_file *new) {
    const char *x = pyperf_text(old, NULL, "plait_session"), *y = pyperf_text(new, NULL, "plait_session");
    const char *role = pyperf_text(old, NULL, "plait_role"), *other = pyperf_text(new, NULL, "plait_role");
    return x && y && role && other && !strcmp(x, y) && strcmp(role, other) != 0;
}

perf_comparing compare_files(arena *a, const perf_file *old, const perf_file *new, double threshold) {
    perf_comparing k = {.threshold = threshold, .paired = is_pair(old, new)};
    for (uint32_t i = 0; i < new->benchmarks.len; i++) {
        const perf_file_benchmark *b = &new->benchmarks.at[i], *before = find(old, b->name);
        if (before)
            vec_push(a, &k.list, compare(a, &k, before, b));
        else
            vec_push(a, &k.only_new, b->name);
    }
    for (uint32_t i = 0; i < old->benchmarks.len; i++) {
        if (!find(new, old->benchmarks.at[i].name))
            vec_push(a, &k.only_old, old->benchmarks.at[i].name);
    }
    judge_all(a, &k);
    return k;
}

/* ---- saying it ---------------------------------------------------------------------------------------------------------------- */

static size_t count(const perf_comparing *k, perf_verdict v) {
    size_t n = 0;
    for (uint32_t i = 0; i < k->list.len; i++)
        n += k->list.at[i].verdict == v;
    return n;
}

static int name_width(const perf_comparing *k) {
    size_t width = 9;
    for (uint32_t i = 0; i < k->list.len; i++) {
        size_t n = strlen(k->list.at[i].name);
        width = n > width ? n : width;
    }
    return width > 200 ? 200 : (int)width;
}

static void print_row(const perf_comparison *x, int width) {
    printf("%-*.200s  %10.4g  %10.4g  %7.3f", width, x->name, 1e3 * x->old_time, 1e3 * x->new_time, x->ratio.middle);
    if (isfinite(x->ratio.high))
        printf("  %6.3f to %6.3f", x->ratio.low, x->ratio.high);
    else
        printf("  %16s", "-");
    printf("  %7.2g  %s\n", x->p, verdict_words[x->verdict]);
}

static void print_missing(const char *where, const char *const *names, uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        printf("only in %s: %s\n", where, names[i]);
}

static void print_summary(const perf_comparing *k) {
    size_t few = count(k, V_FEW), unclear = count(k, V_UNCLEAR);
    printf("\n%zu of %u slower than allowed (by more than %.3g %%; %s, 5 %% for all together by Holm's correction)\n",
           count(k, V_SLOWER), k->list.len, 100 * k->threshold,
           k->paired ? "signed rank test over processes, paired" : "rank sum test over processes");
    if (few)
        printf("%zu with too few runs to decide: measure again with --processes %zu or more\n", few,
               compare_least_runs(k->paired, k->list.len));
    if (unclear)
        printf("%zu not decided: the interval holds the threshold or what is faster; more --processes, a larger "
               "--budget or a "
               "quieter machine narrow it\n",
               unclear);
}

static void print_all(const perf_comparing *k, const perf_file *old, const perf_file *new) {
    int width = name_width(k);
    printf("%-*s  %10s  %10s  %7s  %16s  %7s\n", width, "benchmark", "old, ms", "new, ms", "new/old", "95 % interval",
           "p");
    for (uint32_t i = 0; i < k->list.len; i++)
        print_row(&k->list.at[i], width);
    print_missing(old->path, k->only_old.at, k->only_old.len);
    print_missing(new->path, k->only_new.at, k->only_new.len);
    print_summary(k);
}

/* JSON knows no infinity. */
static json_t *bound(double x) {
    return isfinite(x) ? json_real(x) : json_null();
}

static void print_json(const perf_comparing *k) {
    json_t *list = json_array();
    for (uint32_t i = 0; i < k->list.len; i++) {
        const perf_comparison *x = &k->list.at[i];
        json_array_append_new(list,
                              json_pack("{s:s,s:o,s:o,s:o,s:o,s:o,s:f,s:s,s:b,s:I,s:I}", "name", x->name, "old",
                                        bound(x->old_time), "new", bound(x->new_time), "ratio", bound(x->ratio.middle),
                                        "low", bound(x->ratio.low), "high", bound(x->ratio.high), "p", x->p, "verdict",
                                        verdict_words[x->verdict], "fails", x->verdict == V_SLOWER, "old_runs",
                                        (json_int_t)x->n_old, "new_runs", (json_int_t)x->n_new));
    }
    json_t *root = json_pack("{s:f,s:b,s:o}", "threshold", k->threshold, "paired", k->paired, "benchmarks", list);
    json_dumpf(root, stdout, JSON_INDENT(1) | JSON_PRESERVE_ORDER);
    printf("\n");
    json_decref(root);
}

/* ---- plait perf compare -------------------------------------------------------------------------------------------------------- */

static perf_file *open_file(cli *c, const char *path) {
    char error[PERF_ERROR_SIZE];
    perf_file *f = pyperf_read(c->a, path, error);
    if (!f)
        fprintf(stderr, "%s\n", error);
    return f;
}

static int decide(cli *c, const perf_file *old, const perf_file *new) {
    perf_comparing k = compare_files(c->a, old, new, c->perf.fail_above < 0 ? 0.05 : c->perf.fail_above);
    if (!k.list.len) {
        cli_fail(c, "%s and %s have no benchmark in common", old->path, new->path);
        return EXIT_USAGE;
    }
    if (c->json)
        print_json(&k);
    else
        print_all(&k, old, new);
    return count(&k, V_SLOWER) ? EXIT_FAILED : count(&k, V_FEW) ? EXIT_UNDECIDED : EXIT_DONE;
}

int perf_compare(cli *c, const char *old_path, const char *new_path) {
    perf_file *old = open_file(c, old_path), *new = old ? open_file(c, new_path) : NULL;
    int status = new ? decide(c, old, new) : EXIT_USAGE;
    if (new)
        pyperf_free(new);
    if (old)
        pyperf_free(old);
    return status;
}
