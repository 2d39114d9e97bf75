/* When what is measured, and when it is enough.
 *
 * The suite is gone through several times, in shuffled order, each time by a new process (another one beside it for the baseline
 * when that is another build). In a process the candidates of a benchmark take turns in rounds, in random order, so that what
 * disturbs them disturbs both; rounds go on until the median (of the ratio, when there is a baseline) is known well enough, or
 * the process's share of the budget is spent. Benchmarks whose processes disagree too much are measured by further processes,
 * as long as their budget lasts.
 *
 * This process itself never calls a kernel: it sleeps while the others work. */
#define _GNU_SOURCE
#include "perf/perf.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LEAST_ROUNDS = 5, MOST_ROUNDS = 1000, MOST_PASSES = 3, MOST_LIMITS = 64 };

extern char **environ;

typedef struct channel { /* to a worker */
    pid_t pid;           /* 0: none */
    FILE *to, *from;
} channel;

typedef struct session {
    cli *c;
    perf_plan *plan;
    channel at[PERF_CANDIDATES]; /* PERF_OLD: for another build's baseline alone */
    uint64_t random;
    double began;
    int64_t steps, all_steps;
    bool shows;
    perf_limits limits[MOST_LIMITS];
    int n_limits;
    json_t *limits_list;
} session;

static uint64_t draw(session *s) { /* SplitMix64 */
    uint64_t z = s->random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* ---- progress ------------------------------------------------------------------------------------------------------------ */

enum { BAR = 24 };

static void show(session *s, const char *what) {
    double share = s->all_steps ? (double)s->steps / (double)s->all_steps : 0, spent = perf_seconds() - s->began;
    int full = (int)(share * (double)BAR);
    if (!s->shows)
        return;
    fprintf(stderr, "\r\033[K[%.*s%*s] %3.0f %%", full, "########################", BAR - full, "", 100 * share);
    if (share > 0.02)
        fprintf(stderr, ", %.0f s left", spent / share - spent);
    fprintf(stderr, "  %.60s", what);
    fflush(stderr);
}

static void hide(const session *s) {
    if (s->shows)
        fprintf(stderr, "\r\033[K");
}

/* ---- workers --------------------------------------------------------------------------------------------------------------- */

static bool spawn(const char *program, char **words, int in, int out, pid_t *pid) {
    posix_spawn_file_actions_t actions;
    if (posix_spawn_file_actions_init(&actions) != 0)
        return false;
    posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    int error = posix_spawnp(pid, program, &actions, NULL, words, environ);
    posix_spawn_file_actions_destroy(&actions);
    errno = error;
    return error == 0;
}

static void close_pair(const int *pair) {
    close(pair[0]);
    close(pair[1]);
}

static bool connect_to(channel *ch, const char *program, char **words) {
    int down[2], up[2];
    if (pipe2(down, O_CLOEXEC) != 0)
        return false;
    if (pipe2(up, O_CLOEXEC) != 0) {
        close_pair(down);
        return false;
    }
    if (!spawn(program, words, down[0], up[1], &ch->pid)) {
        close_pair(down);
        close_pair(up);
        ch->pid = 0;
        return false;
    }
    close(down[0]);
    close(up[1]);
    ch->to = fdopen(down[1], "w");
    ch->from = fdopen(up[0], "r");
    return ch->to && ch->from;
}

/* Ends the worker; how it ended. */
static int hang_up(channel *ch) {
    int status = 0;
    if (!ch->pid)
        return 0;
    if (ch->to)
        fclose(ch->to);
    if (ch->from)
        fclose(ch->from);
    while (waitpid(ch->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    *ch = (channel){0};
    return status;
}

/* What the worker answers; NULL after writing why there is no answer. The worker is gone then when it died. */
static json_t *ask(channel *ch, json_t *message, char error[PERF_ERROR_SIZE]) {
    bool sent = ch->pid && message_send(ch->to, message);
    json_t *answer = sent ? message_receive(ch->from) : NULL;
    const char *wrong = json_string_value(json_object_get(answer, "error"));
    if (!answer) {
        int status = hang_up(ch);
        snprintf(error, PERF_ERROR_SIZE,
                 WIFSIGNALED(status) ? "the process that measured ended by signal %d (%s)"
                                     : "the process that measured ended with status %d",
                 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
                 WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "");
        return NULL;
    }
    if (!wrong)
        return answer;
    snprintf(error, PERF_ERROR_SIZE, "%s", wrong);
    json_decref(answer);
    return NULL;
}

static bool start_worker(session *s, channel *ch, int candidate) {
    char slow[64], error[PERF_ERROR_SIZE];
    const char *other = candidate == PERF_OLD ? s->c->perf.baseline : NULL, *program = other ? other : "/proc/self/exe";
    char *words[] = {"plait", "perf", "worker", NULL, NULL};
    snprintf(slow, sizeof slow, "--slow-down=%.17g", s->c->perf.slow_down);
    if (s->c->perf.slow_down > 0 && !other)
        words[3] = slow;
    if (!connect_to(ch, program, words)) {
        hide(s);
        return cli_fail(s->c, "%s: %s", program, strerror(errno)) == EXIT_DONE;
    }
    json_t *hello = ask(ch, json_pack("{s:s}", "do", "hello"), error);
    bool ok = json_integer_value(json_object_get(hello, "protocol")) == 1;
    json_decref(hello);
    hide(s);
    return ok || cli_fail(s->c, "%s is no plait whose `perf` understands this one", program) == EXIT_DONE;
}

static bool start_workers(session *s) {
    bool ok = s->at[PERF_NEW].pid || start_worker(s, &s->at[PERF_NEW], PERF_NEW);
    if (ok && s->c->perf.baseline && !s->at[PERF_OLD].pid)
        ok = start_worker(s, &s->at[PERF_OLD], PERF_OLD);
    return ok;
}

static void stop_workers(session *s) {
    hang_up(&s->at[PERF_NEW]);
    hang_up(&s->at[PERF_OLD]);
}

static channel *channel_of(session *s, int candidate) {
    return &s->at[candidate == PERF_OLD && s->c->perf.baseline ? PERF_OLD : PERF_NEW];
}

/* ---- one benchmark in one process ------------------------------------------------------------------------------------------ */

static int candidates_of(const perf_benchmark *b) {
    return b->has_old ? PERF_CANDIDATES : 1;
}

static perf_series *add_series(session *s, perf_benchmark *b, int candidate, int64_t process) {
    perf_series made = {.process = process, .loops = 1, .date = time(NULL)};
    vec_push(s->c->a, &b->series[candidate], made);
    return &b->series[candidate].at[b->series[candidate].len - 1];
}

/* What is new has no baseline in the files as they were. */
static void fail_benchmark(session *s, perf_benchmark *b, int candidate, const char *error) {
    bool is_new = candidate == PERF_OLD && s->c->perf.folder && !b->series[PERF_OLD].len;
    hide(s);
    cli_fail(s->c, "%s%s: %s", b->name,
             is_new                  ? " has no baseline"
             : candidate == PERF_OLD ? " (baseline)"
                                     : "",
             error);
    b->has_old = b->has_old && !is_new;
    b->failed = !is_new;
}

/* The compile that the worker did for it belongs to the kernel's benchmark "compile warm". */
static void keep_warm(session *s, const perf_benchmark *b, int candidate, int64_t process, double seconds) {
    for (uint32_t i = 0; i < s->plan->benchmarks.len; i++) {
        perf_benchmark *w = &s->plan->benchmarks.at[i];
        if (w->kind != PERF_WARM || w->kernel != b->kernel)
            continue;
        uint32_t n = w->series[candidate].len;
        if (n && w->series[candidate].at[n - 1].process == process) /* another point of it was prepared before */
            return;
        perf_series *series = add_series(s, w, candidate, process);
        vec_push(s->c->a, &series->values, seconds);
    }
}

static bool prepare(session *s, perf_benchmark *b, int candidate, int64_t process) {
    char error[PERF_ERROR_SIZE];
    json_t *m = json_pack("{s:s,s:i,s:o,s:O,s:i}", "do", "prepare", "candidate", candidate, "kernel",
                          plan_kernel(s->c, s->plan, b, candidate), "arguments", json_object_get(b->point, "arguments"),
                          "threads", b->threads);
    json_t *answer = ask(channel_of(s, candidate), m, error);
    if (!answer) {
        fail_benchmark(s, b, candidate, error);
        return false;
    }
    perf_series *series = add_series(s, b, candidate, process);
    series->first = json_number_value(json_object_get(answer, "first"));
    series->loops = json_integer_value(json_object_get(answer, "loops"));
    series->rss = json_integer_value(json_object_get(answer, "rss"));
    keep_warm(s, b, candidate, process, json_number_value(json_object_get(answer, "warm")));
    json_decref(answer);
    return true;
}

static perf_series *last_of(perf_benchmark *b, int candidate) {
    return &b->series[candidate].at[b->series[candidate].len - 1];
}

static bool measure_once(session *s, perf_benchmark *b, int candidate) {
    char error[PERF_ERROR_SIZE];
    json_t *answer =
        ask(channel_of(s, candidate), json_pack("{s:s,s:i}", "do", "round", "candidate", candidate), error);
    double seconds = json_number_value(json_object_get(answer, "seconds"));
    json_decref(answer);
    if (!answer) {
        fail_benchmark(s, b, candidate, error);
        return false;
    }
    vec_push(s->c->a, &last_of(b, candidate)->values, seconds > 1e-12 ? seconds : 1e-12);
    return true;
}

static bool measure_round(session *s, perf_benchmark *b) {
    int first = b->has_old ? (int)(draw(s) & 1) : PERF_NEW;
    return measure_once(s, b, first) && (!b->has_old || measure_once(s, b, !first));
}

/* Logarithms of the times of the last process, or of the ratios to the baseline's; their number. */
static size_t last_logs(perf_benchmark *b, double *out) {
    const perf_series *new = last_of(b, PERF_NEW), *old = b->has_old ? last_of(b, PERF_OLD) : NULL;
    for (uint32_t i = 0; i < new->values.len; i++)
        out[i] = log(new->values.at[i]) - (old ? log(old->values.at[i]) : 0);
    return new->values.len;
}

static bool is_enough(const session *s, perf_benchmark *b) {
    double logs[MOST_ROUNDS];
    size_t n = last_logs(b, logs);
    if (n < LEAST_ROUNDS)
        return false;
    perf_interval i = rank_median_interval(logs, n, 0.95);
    return n == MOST_ROUNDS || (i.high - i.low) / 2 <= s->plan->precision * sqrt((double)s->plan->processes);
}

/* Few rounds say little, so there are some even when the budget's share is spent, unless calls are long. */
static bool is_spent(const perf_benchmark *b, double seconds, double share) {
    return seconds >
           (b->series[PERF_NEW].at[b->series[PERF_NEW].len - 1].values.len < LEAST_ROUNDS ? 4 * share : share);
}

static void measure(session *s, perf_benchmark *b, int64_t process) {
    char error[PERF_ERROR_SIZE];
    double share = s->plan->budget / (double)s->plan->processes;
    bool ok = true;
    for (int k = 0; ok && k < candidates_of(b); k++)
        ok = prepare(s, b, k, process) || !b->failed;
    double start = perf_seconds(), seconds = 0;
    while (ok && !b->failed && !is_enough(s, b) && !is_spent(b, seconds, share)) {
        ok = measure_round(s, b);
        seconds = perf_seconds() - start;
    }
    b->spent += seconds;
    for (int k = 0; k < PERF_CANDIDATES; k++) {
        if (s->at[k].pid)
            json_decref(ask(&s->at[k], json_pack("{s:s}", "do", "drop"), error));
    }
}

static void measure_cold(session *s, perf_benchmark *b, int64_t process) {
    char error[PERF_ERROR_SIZE];
    for (int k = 0; k < candidates_of(b) && !b->failed; k++) {
        channel own = {0};
        json_t *m = json_pack("{s:s,s:o,s:O}", "do", "cold", "kernel", plan_kernel(s->c, s->plan, b, k), "arguments",
                              json_object_get(b->point, "arguments"));
        json_t *answer = NULL;
        if (start_worker(s, &own, k))
            answer = ask(&own, json_incref(m), error);
        else
            snprintf(error, sizeof error, "no process could be started");
        json_decref(m);
        if (answer) {
            perf_series *series = add_series(s, b, k, process);
            vec_push(s->c->a, &series->values, json_number_value(json_object_get(answer, "seconds")));
        } else {
            fail_benchmark(s, b, k, error);
        }
        json_decref(answer);
        hang_up(&own);
    }
}

/* ---- passes ------------------------------------------------------------------------------------------------------------------ */

/* Logarithms of the medians of the processes, or of the ratios'. Those of a process that failed on the way are left out. */
static size_t process_logs(arena *a, const perf_benchmark *b, double **out) {
    size_t n = 0;
    *out = arena_array(a, double, b->series[PERF_NEW].len + 1);
    for (uint32_t i = 0; i < b->series[PERF_NEW].len; i++) {
        const perf_series *new = &b->series[PERF_NEW].at[i];
        const perf_series *old = b->has_old && i < b->series[PERF_OLD].len ? &b->series[PERF_OLD].at[i] : NULL;
        uint32_t len = old && old->values.len < new->values.len ? old->values.len : new->values.len;
        double *shares = arena_array(a, double, len + 1);
        for (uint32_t k = 0; k < len; k++)
            shares[k] = old ? log(new->values.at[k]) - log(old->values.at[k]) : new->values.at[k];
        if (len && (old || !b->has_old))
            (*out)[n++] = old ? rank_median(shares, len) : log(rank_median(shares, len)); /* as pyperf_medians has it */
    }
    return n;
}

static perf_interval interval_of(arena *a, const perf_benchmark *b) {
    double *logs;
    size_t n = process_logs(a, b, &logs);
    return rank_signed_interval(logs, n, 0.95);
}

/* Time alone, whatever the baseline did. */
static perf_interval time_of(arena *a, const perf_benchmark *b) {
    perf_benchmark alone = *b;
    alone.has_old = false;
    return interval_of(a, &alone);
}

static void settle(session *s, int64_t process) {
    for (uint32_t i = 0; i < s->plan->benchmarks.len; i++) {
        perf_benchmark *b = &s->plan->benchmarks.at[i];
        if (process + 1 < s->plan->processes || b->done)
            continue;
        perf_interval found = interval_of(s->c->a, b);
        b->done = b->kind != PERF_CALL || b->failed || b->spent >= s->plan->budget ||
                  (found.high - found.low) / 2 <= s->plan->precision;
    }
}

static int64_t count_open(const session *s) {
    int64_t n = 0;
    for (uint32_t i = 0; i < s->plan->benchmarks.len; i++)
        n += !s->plan->benchmarks.at[i].done && s->plan->benchmarks.at[i].kind != PERF_WARM;
    return n;
}

static void shuffle(session *s, uint32_t *order, uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        order[i] = i;
    for (uint32_t i = n; i-- > 1;) {
        uint32_t k = (uint32_t)(draw(s) % (i + 1)), other = order[k];
        order[k] = order[i];
        order[i] = other;
    }
}

static bool run_pass(session *s, int64_t process) {
    uint32_t n = s->plan->benchmarks.len, *order = arena_array(s->c->a, uint32_t, n + 1);
    shuffle(s, order, n);
    for (uint32_t i = 0; i < n; i++) {
        perf_benchmark *b = &s->plan->benchmarks.at[order[i]];
        if (b->done || b->failed || b->kind == PERF_WARM)
            continue;
        show(s, b->name);
        if (b->kind == PERF_COLD) {
            measure_cold(s, b, process);
        } else if (!start_workers(s)) {
            return false;
        } else {
            measure(s, b, process);
        }
        s->steps++;
    }
    stop_workers(s);
    settle(s, process);
    return true;
}

static bool run_passes(session *s) {
    bool ok = true;
    for (int64_t k = 0; ok && k < MOST_PASSES * s->plan->processes && count_open(s); k++) {
        int64_t left = k < s->plan->processes ? s->plan->processes - k : 1;
        s->all_steps = s->steps + left * count_open(s);
        ok = run_pass(s, k);
    }
    hide(s);
    return ok;
}

/* ---- the machine ------------------------------------------------------------------------------------------------------------- */

static bool measure_limits(void *context, int32_t threads, perf_limits *out) {
    session *s = context;
    char error[PERF_ERROR_SIZE];
    show(s, "what the machine can do");
    if (!start_workers(s))
        return false;
    json_t *found = ask(&s->at[PERF_NEW], json_pack("{s:s,s:i}", "do", "limits", "threads", threads), error);
    bool ok = found && limits_read(found, out);
    json_decref(found);
    hide(s);
    if (!ok)
        cli_fail(s->c, "what the machine can do was not measured: %s", found ? "the figures make no sense" : error);
    return ok;
}

static perf_limits *limits_of(session *s, int32_t threads) {
    for (int i = 0; i < s->n_limits; i++) {
        if (s->limits[i].threads == threads)
            return &s->limits[i];
    }
    return NULL;
}

static void find_limits(session *s) {
    for (uint32_t i = 0; i < s->plan->benchmarks.len; i++) {
        const perf_benchmark *b = &s->plan->benchmarks.at[i];
        bool asks = b->kind == PERF_CALL && (b->bytes > 0 || b->flops > 0);
        if (asks && s->n_limits < MOST_LIMITS && !limits_of(s, b->threads))
            s->n_limits += roofline_get(b->threads, measure_limits, s, false, &s->limits[s->n_limits]);
    }
    stop_workers(s);
}

/* The part of the machine's limits that a call in so many seconds reaches; 0: not known. */
static double share_of_roof(session *s, const perf_benchmark *b, double seconds) {
    const perf_limits *l = b->kind == PERF_CALL ? limits_of(s, b->threads) : NULL;
    return l && seconds > 0 ? roofline_floor(l, b->bytes, b->flops, b->single, b->footprint) / seconds : 0;
}

/* A kernel above the roof says that the roof was measured on a busy machine. */
static void check_limits(session *s) {
    for (uint32_t i = 0, done = 0; i < s->plan->benchmarks.len; i++) {
        const perf_benchmark *b = &s->plan->benchmarks.at[i];
        perf_limits *l = limits_of(s, b->threads), better;
        if (!l || b->threads == (int32_t)done || !(share_of_roof(s, b, exp(time_of(s->c->a, b).middle)) > 1.02))
            continue;
        done = (uint32_t)b->threads;
        if (roofline_get(b->threads, measure_limits, s, true, &better))
            *l = better;
    }
    stop_workers(s);
    s->limits_list = json_array();
    for (int i = 0; i < s->n_limits; i++)
        json_array_append_new(s->limits_list, limits_json(&s->limits[i]));
}

/* ---- the table --------------------------------------------------------------------------------------------------------------- */

static const char *time_text(arena *a, double seconds) {
    static const char *const units[] = {"s", "ms", "µs", "ns"};
    int unit = 0;
    for (; seconds < 1 && unit < 3; unit++)
        seconds *= 1000;
    return arena_printf(a, seconds < 10 ? "%.2f %s" : seconds < 100 ? "%.1f %s" : "%.0f %s", seconds, units[unit]);
}

static void print_rates(session *s, const perf_benchmark *b, double seconds) {
    double share = share_of_roof(s, b, seconds);
    if (b->bytes > 0)
        printf("  %8.2f GB/s", b->bytes / seconds / 1e9);
    if (b->flops > 0)
        printf("  %8.2f GFLOP/s", b->flops / seconds / 1e9);
    if (share > 0)
        printf("  %3.0f %% of the roof", 100 * share);
}

/* The width of a column is in characters, that of printf in bytes. */
static int padding(const char *s, int width) {
    for (; *s; s++)
        width += (*s & 0xc0) == 0x80;
    return width;
}

static void print_benchmark(session *s, const perf_benchmark *b, int width) {
    arena *a = s->c->a;
    perf_interval t = time_of(a, b);
    const char *seconds = time_text(a, exp(t.middle));
    printf("%-*s  ", padding(b->name, width), b->name);
    if (b->failed || !b->series[PERF_NEW].len) {
        printf("failed\n");
        return;
    }
    printf("%*s", padding(seconds, 8), seconds);
    double spread = 50 * (exp(t.high - t.middle) - exp(t.low - t.middle));
    if (spread < 100)
        printf(" ± %4.1f %%", spread);
    else
        printf(" ±    ? %%");
    print_rates(s, b, exp(t.middle));
    if (b->has_old) {
        perf_interval r = interval_of(a, b);
        printf("  %.3f × the baseline", exp(r.middle));
        if (isfinite(r.low) && isfinite(r.high))
            printf(" (%.3f to %.3f)", exp(r.low), exp(r.high));
    }
    printf("\n");
}

static void print_table(session *s) {
    int width = 0, wide = 0;
    for (uint32_t i = 0; i < s->plan->benchmarks.len; i++) {
        int n = (int)strlen(s->plan->benchmarks.at[i].name);
        width = n > width ? n : width;
    }
    for (uint32_t i = 0; i < s->plan->benchmarks.len; i++) {
        const perf_benchmark *b = &s->plan->benchmarks.at[i];
        perf_interval found = interval_of(s->c->a, b);
        print_benchmark(s, b, width);
        wide += b->kind == PERF_CALL && !b->failed && !((found.high - found.low) / 2 <= s->plan->precision);
    }
    if (wide)
        printf("%d of them not known to ±%.3g %%: a quieter machine, a larger --budget or more --processes help\n",
               wide, 100 * s->plan->precision);
}

/* ---- plait perf run ------------------------------------------------------------------------------------------------------------ */

static const char *baseline_path(arena *a, const char *path) {
    size_t n = strlen(path), end = n > 5 && !strcmp(path + n - 5, ".json") ? n - 5 : n;
    return arena_printf(a, "%.*s.baseline.json", (int)end, path);
}

static bool has_baseline(const perf_plan *p) {
    for (uint32_t i = 0; i < p->benchmarks.len; i++) {
        if (p->benchmarks.at[i].series[PERF_OLD].len)
            return true;
    }
    return false;
}

static bool write_files(session *s, time_t began) {
    char error[PERF_ERROR_SIZE];
    arena *a = s->c->a;
    perf_facts facts = {.commit = s->c->perf.commit,
                        .session = arena_printf(a, "%016llx", (unsigned long long)draw(s)),
                        .limits = s->limits_list,
                        .began = began,
                        .duration = perf_seconds() - s->began};
    const char *path = s->c->outputs.at[0];
    if (!pyperf_write(a, path, s->plan, PERF_NEW, &facts, error))
        return cli_fail(s->c, "%s", error) == EXIT_DONE;
    if (!has_baseline(s->plan))
        unlink(baseline_path(a, path)); /* of an earlier run */
    else if (!pyperf_write(a, baseline_path(a, path), s->plan, PERF_OLD, &facts, error))
        return cli_fail(s->c, "%s", error) == EXIT_DONE;
    return true;
}

static bool has_failed(const perf_plan *p) {
    for (uint32_t i = 0; i < p->benchmarks.len; i++) {
        if (p->benchmarks.at[i].failed)
            return true;
    }
    return false;
}

int perf_run(cli *c, const char *suite) {
    session s = {.c = c, .began = perf_seconds(), .shows = !c->perf.quiet && isatty(STDERR_FILENO)};
    time_t began = time(NULL);
    struct stat about;
    if (c->outputs.len > 1)
        return cli_misused(c, "one file is written: -o FILE.json");
    if (c->perf.baseline && stat(c->perf.baseline, &about) == 0 && S_ISDIR(about.st_mode)) {
        c->perf.folder = c->perf.baseline;
        c->perf.baseline = NULL;
    }
    s.plan = plan_read(c, suite);
    if (!s.plan)
        return EXIT_FAILED;
    s.random = (uint64_t)began * 1000003u + (uint64_t)getpid();
    signal(SIGPIPE, SIG_IGN); /* of a worker that died; asking it says so */
    find_limits(&s);
    s.began = perf_seconds();
    bool ok = run_passes(&s);
    stop_workers(&s);
    check_limits(&s);
    if (ok && !c->perf.quiet)
        print_table(&s);
    ok = ok && (!c->outputs.len || write_files(&s, began)) && !has_failed(s.plan);
    json_decref(s.limits_list);
    plan_free(s.plan);
    return ok ? EXIT_DONE : EXIT_FAILED;
}
