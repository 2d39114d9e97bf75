/* Counters and traces of regions: what is counted, nothing when nobody watches, files that are JSON. */
#include <criterion/criterion.h>
#include <errno.h>
#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "plait/config.h"
#include "plait/stats.h"
#include "runtime/rt.h"

static const int64_t BIG = INT64_MAX;

static void four_threads(void) {
    setenv("PLAIT_NUM_THREADS", "4", 1);
    plrt_stats_enable(1);
}

TestSuite(stats, .init = four_threads, .timeout = 60);

static int32_t add_up(void *context, int64_t begin, int64_t end, int64_t block, plrt_error *err) {
    _Atomic int64_t *sum = context;
    (void)block;
    (void)err;
    for (int64_t i = begin; i < end; i++)
        *sum += i;
    return 0;
}

static void run(const char *name, int32_t flags, int64_t trips, int64_t work) {
    plrt_region region = {add_up, name, 7, flags, PLRT_SCHEDULE_DYNAMIC, 2, 10, 1, NULL, 0};
    _Atomic int64_t sum = 0;
    plrt_error err;
    cr_assert_eq(plrt_region_run(&region, &sum, trips, work, &err), 0);
    cr_assert_eq(sum, trips * (trips - 1) / 2);
}

static plrt_region_stats only(void) {
    plrt_region_stats s[4];
    cr_assert_eq(plrt_stats_get(s, 4), 1);
    return s[0];
}

static int64_t alone(const plrt_region_stats *s, const char *reason) {
    for (int32_t i = 0; plrt_alone_reason(i) != NULL; i++)
        if (strcmp(plrt_alone_reason(i), reason) == 0)
            return s->alone[i];
    cr_assert_fail("no reason %s", reason);
    return 0;
}

Test(stats, parallel_calls_count_threads_and_times) {
    for (int i = 0; i < 5; i++)
        run("f:7", 0, 1000, BIG);
    plrt_region_stats s = only();
    cr_assert_str_eq(s.name, "f:7");
    cr_assert_null(s.file);
    cr_assert_eq(s.line, 7);
    cr_assert_eq(s.loop, 2);
    cr_assert_eq(s.calls, 5);
    cr_assert_eq(s.trips, 5000);
    cr_assert_eq(s.parallel_calls, 5);
    cr_assert_eq(s.threads, 20);
    cr_assert_eq(s.most_threads, 4);
    cr_assert_geq(s.busiest, s.mean);
    cr_assert_geq(s.busy, s.busiest);
    cr_assert_leq(s.longest, s.time);
}

Test(stats, reasons_for_one_thread) {
    run("small:7", 0, 1000, 1);
    plrt_region_stats s = only();
    cr_assert_eq(alone(&s, "small work"), 1);
    cr_assert_eq(s.most_threads, 1);
    plrt_stats_reset();
    run("one:7", 0, 1, BIG);
    s = only();
    cr_assert_eq(alone(&s, "one item"), 1);
    plrt_stats_reset();
    plrt_set_num_threads(1);
    run("alone:7", 0, 1000, BIG);
    s = only();
    cr_assert_eq(alone(&s, "one thread"), 1);
    cr_assert_eq(s.parallel_calls, 0);
}

static int32_t nest(void *context, int64_t begin, int64_t end, int64_t block, plrt_error *err) {
    (void)context;
    (void)block;
    (void)err;
    for (int64_t i = begin; i < end; i++)
        run("inner:7", 0, 10, BIG);
    return 0;
}

Test(stats, nested_regions_say_so) {
    plrt_region outer = {nest, "outer:7", 7, 0, 0, 0, 0, 1, NULL, 0};
    plrt_error err;
    plrt_region_run(&outer, NULL, 100, BIG, &err);
    plrt_region_stats s[2];
    cr_assert_eq(plrt_stats_get(s, 2), 2);
    int inner = strcmp(s[0].name, "inner:7") == 0 ? 0 : 1;
    cr_assert_eq(s[inner].calls, 100);
    cr_assert_eq(alone(&s[inner], "nested"), 100);
}

Test(stats, the_file_behind_the_name_tells_regions_apart) {
    run("f:7\0a.py", PLRT_REGION_FILE, 10, 1);
    run("f:7\0b.py", PLRT_REGION_FILE, 10, 1);
    run("f:7\0b.py", PLRT_REGION_FILE, 10, 1);
    plrt_region_stats s[3];
    cr_assert_eq(plrt_stats_get(s, 3), 2);
    cr_assert_str_eq(s[0].file, "a.py");
    cr_assert_eq(s[1].calls, 2);
}

Test(stats, nothing_is_counted_when_nobody_watches) {
    cr_assert_eq(plrt_stats_enable(0), 1);
    run("f:7", 0, 1000, BIG);
    cr_assert_eq(plrt_stats_get(NULL, 0), 0);
    cr_assert_eq(plrt_stats_enable(1), 0);
}

Test(stats, a_scope_sets_the_number_of_threads) {
    plrt_choice saved, inner;
    plrt_choice_push(&(plrt_choice){.threads = 3}, &saved);
    run("f:7", 0, 1000, BIG);
    plrt_choice_push(&(plrt_choice){.threads = 2}, &inner);
    run("f:7", 0, 1000, BIG);
    plrt_choice_pop(&inner);
    plrt_choice_pop(&saved);
    run("f:7", 0, 1000, BIG);
    plrt_region_stats s = only();
    cr_assert_eq(s.threads, 3 + 2 + 4);
    plrt_choice_push(&(plrt_choice){.threads = 1000}, &saved);
    plrt_stats_reset();
    run("f:7", 0, 1000, BIG);
    plrt_choice_pop(&saved);
    s = only();
    cr_assert_eq(s.threads, 4);
}

static void *run_often(void *arg) {
    for (int i = 0; i < 500; i++)
        run(arg, 0, 100, i % 2 ? BIG : 1);
    return NULL;
}

Test(stats, many_callers_lose_no_count) {
    pthread_t threads[8];
    static const char *const names[] = {"a:7", "b:7"};
    for (int i = 0; i < 8; i++)
        pthread_create(&threads[i], NULL, run_often, (void *)(uintptr_t)names[i % 2]);
    for (int i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    plrt_region_stats s[2];
    cr_assert_eq(plrt_stats_get(s, 2), 2);
    cr_assert_eq(s[0].calls + s[1].calls, 4000);
    for (int i = 0; i < 2; i++) {
        int64_t sum = s[i].parallel_calls;
        for (int r = 0; r < PLRT_ALONE_REASONS; r++)
            sum += s[i].alone[r];
        cr_assert_eq(sum, s[i].calls);
    }
}

/* ---- traces ------------------------------------------------------------------------------------------------------- */

static char path[] = "/tmp/plait-trace-XXXXXX";

static const char *make_path(void) {
    int f = mkstemp(path);
    cr_assert_geq(f, 0);
    close(f);
    return path;
}

static json_t *read_events(const char *from) {
    json_error_t error;
    json_t *whole = json_load_file(from, 0, &error);
    cr_assert_not_null(whole, "%s", error.text);
    json_t *events = json_incref(json_object_get(whole, "traceEvents"));
    json_decref(whole);
    unlink(from);
    return events;
}

static int64_t count(const json_t *events, const char *category, const char *name) {
    int64_t n = 0;
    size_t i;
    json_t *e;
    json_array_foreach((json_t *)(uintptr_t)events, i, e) {
        const char *cat = json_string_value(json_object_get(e, "cat"));
        if (cat != NULL && strcmp(cat, category) == 0 &&
            strcmp(json_string_value(json_object_get(e, "name")), name) == 0)
            n++;
    }
    return n;
}

Test(stats, a_trace_has_a_slice_for_each_region_thread_and_piece) {
    cr_assert_eq(plrt_trace_start(make_path(), 0), 0);
    cr_assert_eq(plrt_trace_start(path, 0), EBUSY);
    run("f\"\\\n:7", 0, 1000, BIG);
    int64_t now = plrt_clock();
    plrt_trace_span("parse", "compile", now - 5000, now);
    cr_assert_eq(plrt_trace_stop(), 0);
    cr_assert_eq(plrt_trace_stop(), ENOENT);
    run("later:7", 0, 1000, BIG);
    json_t *events = read_events(path);
    cr_assert_eq(count(events, "region", "f\"\\\n:7"), 1);
    cr_assert_eq(count(events, "thread", "f\"\\\n:7"), 4);
    cr_assert_geq(count(events, "piece", "f\"\\\n:7"), 100);
    cr_assert_eq(count(events, "compile", "parse"), 1);
    cr_assert_eq(count(events, "region", "later:7"), 0);
    json_decref(events);
}

Test(stats, a_full_trace_drops_pieces_first) {
    cr_assert_eq(plrt_trace_start(make_path(), 100), 0);
    for (int i = 0; i < 5; i++)
        run("f:7", 0, 10000, BIG);
    cr_assert_eq(plrt_trace_stop(), 0);
    json_t *events = read_events(path);
    cr_assert_eq(count(events, "region", "f:7"), 5);
    cr_assert_leq(json_array_size(events), 101);
    json_decref(events);
}

Test(stats, a_second_trace_has_nothing_of_the_first) {
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(plrt_trace_start(make_path(), 0), 0);
        run(i == 2 ? "last:7" : "early:7", 0, 100, BIG);
        cr_assert_eq(plrt_trace_stop(), 0);
        json_t *events = read_events(path);
        cr_assert_eq(count(events, "region", "early:7"), i < 2);
        cr_assert_eq(count(events, "region", "last:7"), i == 2);
        json_decref(events);
        strcpy(path, "/tmp/plait-trace-XXXXXX");
    }
}

Test(stats, a_path_that_cannot_be_written_is_refused_at_once) {
    cr_assert_eq(plrt_trace_start("/nowhere/at/all.json", 0), ENOENT);
    cr_assert_eq(plrt_trace_is_on(), 0);
    cr_assert_eq(plrt_trace_start("/", 0), EISDIR);
}

Test(stats, a_child_of_fork_leaves_its_parents_trace_alone) {
    cr_assert_eq(plrt_trace_start(make_path(), 0), 0);
    run("parent:7", 0, 100, BIG);
    pid_t child = fork();
    if (child == 0) {
        run("child:7", 0, 100, 1);
        _exit(plrt_trace_stop() == ENOENT ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    cr_assert_eq(status, 0);
    cr_assert_eq(plrt_trace_stop(), 0);
    json_t *events = read_events(path);
    cr_assert_eq(count(events, "region", "parent:7"), 1);
    cr_assert_eq(count(events, "region", "child:7"), 0);
    json_decref(events);
}
