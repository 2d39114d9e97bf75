/* Does a comparison find what is there, and nothing else? Times are drawn from recorded ones (noise.txt: each line a process of
 * this tool on a shared machine, 24 rounds, over the median of all processes; one round in eleven is 10 % too slow, the worst
 * 9 times). A process of a simulated measurement takes a line, and its rounds numbers of it. */
#include "perf/perf.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#ifdef __SANITIZE_ADDRESS__
enum { TRIALS = 100 }; /* what is looked for there is another thing */
#else
enum { TRIALS = 400 };
#endif
enum { LINES = 38, ROUNDS = 24 };

static double noise[LINES][ROUNDS];

static void read_noise(void) {
    FILE *f = fopen(PLAIT_TEST_DIR "/noise.txt", "r");
    cr_assert_not_null(f);
    for (int i = 0; i < LINES; i++)
        for (int k = 0; k < ROUNDS; k++)
            cr_assert_eq(fscanf(f, "%lf", &noise[i][k]), 1);
    fclose(f);
}
TestSuite(selftest, .init = read_noise);

static uint64_t state;
static size_t draw(size_t n) {
    uint64_t z = state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (size_t)((z ^ z >> 31) % n);
}

/* A file of so many benchmarks and processes; the first benchmark is slower by `factor`. */
static perf_file make_file(arena *a, uint32_t benchmarks, int64_t processes, double factor, const char *role) {
    perf_file f = {.path = "simulated", .metadata = json_pack("{s:s,s:s}", "plait_session", "1", "plait_role", role)};
    for (uint32_t i = 0; i < benchmarks; i++) {
        perf_file_benchmark b = {.name = arena_printf(a, "b%u", i)};
        for (int64_t p = 0; p < processes; p++) {
            perf_file_run run = {.process = p};
            size_t line = draw(LINES);
            for (int k = 0; k < 12; k++)
                vec_push(a, &run.values, noise[line][draw(ROUNDS)] * (i ? 1 : factor));
            vec_push(a, &b.runs, run);
        }
        vec_push(a, &f.benchmarks, b);
    }
    return f;
}

/* How many of the trials find the first benchmark slower, and how many any other. */
static void simulate(uint32_t benchmarks, int64_t processes, double factor, bool paired, int *found,
                     int *false_alarms) {
    *found = *false_alarms = 0;
    state = 2;
    for (int trial = 0; trial < TRIALS; trial++) {
        arena *a = arena_new(NULL);
        perf_file old = make_file(a, benchmarks, processes, 1, "baseline");
        perf_file new = make_file(a, benchmarks, processes, factor, paired ? "candidate" : "baseline");
        perf_comparing k = compare_files(a, &old, &new, 0.05);
        bool other = false;
        cr_assert_eq(k.paired, paired);
        *found += k.list.at[0].verdict == V_SLOWER;
        for (uint32_t i = 1; i < benchmarks; i++)
            other = other || k.list.at[i].verdict == V_SLOWER;
        *false_alarms += other || (factor <= 1 && k.list.at[0].verdict == V_SLOWER);
        json_decref(old.metadata);
        json_decref(new.metadata);
        arena_free(a);
    }
}

static void expect_found(uint32_t benchmarks, int64_t processes, double factor, bool paired) {
    int found, false_alarms;
    simulate(benchmarks, processes, factor, paired, &found, &false_alarms);
    cr_assert_geq(found, TRIALS * 95 / 100, "%d of %d found", found, TRIALS);
    cr_assert_leq(false_alarms, TRIALS * 5 / 100, "%d of %d false alarms", false_alarms, TRIALS);
}

static void expect_quiet(uint32_t benchmarks, double factor, bool paired) {
    int found, false_alarms;
    simulate(benchmarks, 10, factor, paired, &found, &false_alarms);
    cr_assert_leq(false_alarms, TRIALS * 5 / 100, "%d of %d false alarms", false_alarms, TRIALS);
}

Test(selftest, ten_percent_are_found_in_files_of_one_session) {
    expect_found(1, 14, 1.10, true);
}

Test(selftest, ten_percent_are_found_in_files_of_two_sessions) {
    expect_found(1, 14, 1.10, false);
}

Test(selftest, ten_percent_are_found_among_twenty_benchmarks) {
    expect_found(20, 18, 1.10, true);
    expect_found(20, 18, 1.10, false);
}

Test(selftest, no_change_is_no_finding) {
    expect_quiet(1, 1, true);
    expect_quiet(1, 1, false);
    expect_quiet(20, 1, true);
    expect_quiet(20, 1, false);
}

Test(selftest, what_is_allowed_is_no_finding) {
    int found, false_alarms;
    for (int paired = 0; paired < 2; paired++) {
        simulate(1, 10, 1.05, paired, &found, &false_alarms);
        cr_assert_leq(found, TRIALS * 5 / 100, "%d of %d", found, TRIALS);
    }
}

Test(selftest, too_few_processes_decide_nothing) {
    for (int64_t processes = 1; processes < 5; processes++) {
        arena *a = arena_new(NULL);
        perf_file old = make_file(a, 1, processes, 1, "baseline"), new = make_file(a, 1, processes, 3, "candidate");
        cr_assert_eq(compare_files(a, &old, &new, 0.05).list.at[0].verdict, V_FEW);
        json_decref(old.metadata);
        json_decref(new.metadata);
        arena_free(a);
    }
}
