/* Regions: every iteration once under every schedule, fixed reduction blocks, the lowest error, nesting. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/rt.h"

static const int64_t BIG = INT64_MAX;

typedef struct tally {
    _Atomic int32_t *seen;
    _Atomic int32_t thread_mask;
    int64_t trips;
} tally;

static int32_t count_each(void *context, int64_t begin, int64_t end, int64_t block, plrt_error *err) {
    tally *t = context;
    (void)block;
    (void)err;
    for (int64_t i = begin; i < end; i++)
        t->seen[i]++;
    t->thread_mask |= 1 << plrt_get_thread_id();
    return 0;
}

static int32_t run(plrt_body body, void *context, int64_t trips, plrt_schedule schedule, int64_t chunk, int32_t flags,
                   plrt_error *err) {
    plrt_region region = {body, "test:1", 1, flags, (int32_t)schedule, 0, chunk, 1, NULL, 0};
    return plrt_region_run(&region, context, trips, BIG, err);
}

static void four_threads(void) {
    setenv("PLAIT_NUM_THREADS", "4", 1);
}

TestSuite(region, .init = four_threads, .timeout = 60);

static void expect_each_once(int64_t trips, plrt_schedule schedule, int64_t chunk) {
    tally t = {.seen = calloc((size_t)trips + 1, sizeof(int32_t)), .trips = trips};
    plrt_error err;
    cr_assert_eq(run(count_each, &t, trips, schedule, chunk, 0, &err), 0);
    for (int64_t i = 0; i < trips; i++)
        cr_assert_eq(t.seen[i], 1, "trips %ld schedule %d chunk %ld: %ld seen %d times", (long)trips, (int)schedule,
                     (long)chunk, (long)i, t.seen[i]);
    free(t.seen);
}

static const int64_t corner_trips[] = {0, 1, 2, 3, 4, 5, 7, 63, 64, 65, 127, 1000, 1023, 4096, 10007, 100000};

Test(region, every_schedule_runs_each_iteration_once) {
    static const int64_t chunks[] = {0, 1, 2, 3, 64, 1000, 1 << 30};
    for (int s = PLRT_SCHEDULE_DEFAULT; s <= PLRT_SCHEDULE_GUIDED; s++)
        for (size_t c = 0; c < sizeof chunks / sizeof *chunks; c++)
            for (size_t i = 0; i < sizeof corner_trips / sizeof *corner_trips; i++)
                expect_each_once(corner_trips[i], (plrt_schedule)s, chunks[c]);
}

Test(region, fewer_threads_than_the_team_still_cover_all) {
    expect_each_once(10007, PLRT_SCHEDULE_STATIC, 0);
    for (int32_t n = 1; n <= 4; n++) {
        cr_assert_eq(plrt_set_num_threads(n), 0);
        expect_each_once(10007, PLRT_SCHEDULE_STATIC, 0);
        expect_each_once(10007, PLRT_SCHEDULE_DYNAMIC, 7);
    }
}

static int32_t find_odd_start(void *context, int64_t begin, int64_t end, int64_t block, plrt_error *err) {
    (void)context;
    (void)end;
    (void)block;
    (void)err;
    return begin % 64 != 0;
}

Test(region, shares_of_cheap_iterations_begin_at_multiples_of_64) {
    for (int s = PLRT_SCHEDULE_STATIC; s <= PLRT_SCHEDULE_GUIDED; s++)
        for (int64_t trips = 1; trips < 1000000; trips = trips * 3 + 1) {
            plrt_region region = {find_odd_start, "test:1", 1, 0, s, 0, 0, 1, NULL, 0};
            plrt_error err = {0};
            plrt_set_min_work(0);
            cr_assert_eq(plrt_region_run(&region, NULL, trips, 3 * trips, &err), 0);
            tally t = {.seen = calloc((size_t)trips, sizeof(int32_t))};
            region.body = count_each;
            cr_assert_eq(plrt_region_run(&region, &t, trips, 3 * trips, &err), 0);
            for (int64_t i = 0; i < trips; i++)
                cr_assert_eq(t.seen[i], 1);
            free(t.seen);
        }
}

Test(region, shuffled_order_covers_all) {
    plrt_set_shuffle(42);
    for (size_t i = 0; i < sizeof corner_trips / sizeof *corner_trips; i++)
        expect_each_once(corner_trips[i], PLRT_SCHEDULE_DEFAULT, 0);
}

static int32_t note_first(void *context, int64_t begin, int64_t end, int64_t block, plrt_error *err) {
    int64_t *first = context;
    (void)end;
    (void)block;
    (void)err;
    if (*first < 0)
        *first = begin;
    return 0;
}

Test(region, shuffled_order_differs_by_seed) {
    int64_t first[8];
    bool differ = false;
    plrt_error err;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        plrt_set_shuffle(seed);
        first[seed - 1] = -1;
        run(note_first, &first[seed - 1], 1000, PLRT_SCHEDULE_DEFAULT, 0, 0, &err);
        differ |= first[seed - 1] != first[0];
    }
    cr_assert(differ);
}

typedef struct cover {
    int64_t count;
    int64_t begin[4096], end[4096];
} cover;

static int32_t note_block(void *context, int64_t begin, int64_t end, int64_t block, plrt_error *err) {
    cover *c = context;
    (void)err;
    c->begin[block] = begin;
    c->end[block] = end;
    return 0;
}

static void expect_blocks(int64_t trips, int64_t grain, plrt_schedule schedule) {
    plrt_region region = {note_block, "test:1", 1, PLRT_REGION_REDUCES, (int32_t)schedule, 0, 0, grain, NULL, 0};
    cover *c = calloc(1, sizeof *c);
    plrt_error err;
    int64_t blocks = plrt_region_blocks(&region, trips), expected = 0;
    cr_assert_leq(blocks, 4096);
    cr_assert_eq(plrt_region_run(&region, c, trips, BIG, &err), 0);
    for (int64_t b = 0; b < blocks; b++) {
        cr_assert_eq(c->begin[b], expected);
        cr_assert_gt(c->end[b], c->begin[b]);
        expected = c->end[b];
    }
    cr_assert_eq(expected, trips > 0 ? trips : 0);
    free(c);
}

Test(region, reductions_get_exactly_the_fixed_blocks) {
    static const int64_t trips[] = {-5, 0, 1, 2, 479, 480, 481, 1000, 123457, INT64_MAX};
    for (size_t i = 0; i < sizeof trips / sizeof *trips; i++)
        for (int64_t grain = 0; grain <= 1000; grain += 500)
            for (int s = PLRT_SCHEDULE_DEFAULT; s <= PLRT_SCHEDULE_GUIDED; s++)
                expect_blocks(trips[i], grain, (plrt_schedule)s);
}

Test(region, blocks_depend_on_trips_and_grain_alone) {
    plrt_region region = {note_block, "test:1", 1, PLRT_REGION_REDUCES, 0, 0, 0, 100, NULL, 0};
    int64_t before = plrt_region_blocks(&region, 12345);
    plrt_set_num_threads(2);
    plrt_set_chunksize(3);
    region.schedule = PLRT_SCHEDULE_GUIDED;
    region.chunk = 17;
    cr_assert_eq(plrt_region_blocks(&region, 12345), before);
    cr_assert_eq(before, 123);
    cr_assert_eq(plrt_region_blocks(&region, 99), 1);
    cr_assert_eq(plrt_region_blocks(&region, 0), 0);
}

typedef struct big_cover {
    _Atomic uint64_t sum;
    _Atomic int64_t lowest, highest;
} big_cover;

/* Keep the least and the greatest: a comparison followed by a store would lose what another thread stores between. */
static void keep_least(_Atomic int64_t *kept, int64_t value) {
    int64_t old = *kept;
    while (value < old && !atomic_compare_exchange_weak(kept, &old, value)) {
    }
}

static void keep_greatest(_Atomic int64_t *kept, int64_t value) {
    int64_t old = *kept;
    while (value > old && !atomic_compare_exchange_weak(kept, &old, value)) {
    }
}

static int32_t measure_range(void *context, int64_t begin, int64_t end, int64_t block, plrt_error *err) {
    big_cover *c = context;
    (void)block;
    (void)err;
    c->sum += (uint64_t)(end - begin);
    keep_least(&c->lowest, begin);
    keep_greatest(&c->highest, end);
    return begin < end ? 0 : 1;
}

Test(region, the_largest_trip_count_is_covered) {
    static const int64_t chunks[] = {0, INT64_MAX / 3, INT64_MAX};
    for (int s = PLRT_SCHEDULE_STATIC; s <= PLRT_SCHEDULE_GUIDED; s++)
        for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++) {
            if (s != PLRT_SCHEDULE_STATIC && chunks[i] == 0)
                continue;
            big_cover c = {.lowest = INT64_MAX};
            plrt_error err;
            cr_assert_eq(run(measure_range, &c, INT64_MAX, (plrt_schedule)s, chunks[i], 0, &err), 0);
            cr_assert_eq(c.sum, (uint64_t)INT64_MAX);
            cr_assert_eq(c.lowest, 0);
            cr_assert_eq(c.highest, INT64_MAX);
        }
}

typedef struct failing {
    int64_t every, from;
    _Atomic int32_t *seen;
} failing;

static int32_t fail_sometimes(void *context, int64_t begin, int64_t end, int64_t block, plrt_error *err) {
    failing *f = context;
    (void)block;
    for (int64_t i = begin; i < end; i++) {
        if (i >= f->from && (i - f->from) % f->every == 0) {
            err->site = 7;
            err->nargs = 1;
            err->args[0] = i;
            err->iteration = i;
            return 1;
        }
        f->seen[i] = 1;
    }
    return 0;
}

static void expect_lowest(int64_t trips, int64_t from, int64_t every, plrt_schedule schedule, int32_t flags) {
    failing f = {every, from, calloc((size_t)trips, sizeof(int32_t))};
    plrt_error err;
    cr_assert_eq(run(fail_sometimes, &f, trips, schedule, schedule == PLRT_SCHEDULE_DYNAMIC ? 3 : 0, flags, &err), 1);
    cr_assert_eq(err.iteration, from);
    cr_assert_eq(err.site, 7);
    cr_assert_eq(err.args[0], from);
    for (int64_t i = 0; i < from; i++)
        cr_assert_eq(f.seen[i], 1, "%ld below %ld not done", (long)i, (long)from);
    free(f.seen);
}

Test(region, the_lowest_failing_iteration_wins) {
    for (uint64_t shuffle = 0; shuffle < 2; shuffle++) {
        plrt_set_shuffle(shuffle);
        for (int s = PLRT_SCHEDULE_DEFAULT; s <= PLRT_SCHEDULE_GUIDED; s++)
            for (int64_t from = 0; from < 9000; from += 899)
                for (int64_t every = 1; every < 5000; every *= 16) {
                    expect_lowest(10000, from, every, (plrt_schedule)s, 0);
                    expect_lowest(10000, from, every, (plrt_schedule)s, PLRT_REGION_REDUCES);
                }
    }
}

static int32_t run_inner(void *context, int64_t begin, int64_t end, int64_t block, plrt_error *err) {
    tally *t = context;
    plrt_region inner = {count_each, "inner:1", 1, 0, 0, 0, 0, 1, NULL, 0};
    (void)block;
    for (int64_t i = begin; i < end; i++) {
        int32_t id = plrt_get_thread_id();
        tally part = {.seen = t->seen + i * 100};
        if (plrt_region_run(&inner, &part, 100, BIG, err) != 0)
            return 1;
        if (part.thread_mask != 1 << id)
            return 1;
    }
    return 0;
}

Test(region, nested_regions_run_on_the_thread_that_meets_them) {
    tally t = {.seen = calloc(100 * 100, sizeof(int32_t))};
    plrt_error err;
    cr_assert_eq(run(run_inner, &t, 100, PLRT_SCHEDULE_DYNAMIC, 1, 0, &err), 0);
    for (int i = 0; i < 100 * 100; i++)
        cr_assert_eq(t.seen[i], 1);
    free(t.seen);
}

static int32_t wait_for_all(void *context, int64_t begin, int64_t end, int64_t block, plrt_error *err) {
    tally *t = context;
    (void)block;
    (void)begin;
    (void)end;
    (void)err;
    t->thread_mask |= 1 << plrt_get_thread_id();
    for (int spin = 0; spin < 1000 && t->thread_mask != 15; spin++)
        nanosleep(&(struct timespec){0, 1000000}, NULL);
    return 0;
}

Test(region, thread_numbers_are_0_to_n_minus_1) {
    tally t = {0};
    plrt_error err;
    cr_assert_eq(run(wait_for_all, &t, 4, PLRT_SCHEDULE_STATIC, 0, 0, &err), 0);
    cr_assert_eq(t.thread_mask, 15);
    cr_assert_eq(plrt_get_thread_id(), 0);
}

Test(region, little_work_stays_on_the_calling_thread) {
    tally t = {.seen = calloc(1000, sizeof(int32_t))};
    plrt_region region = {count_each, "test:1", 1, 0, 0, 0, 0, 1, NULL, 0};
    plrt_error err;
    plrt_set_min_work(1001);
    cr_assert_eq(plrt_region_run(&region, &t, 1000, 1000, &err), 0);
    cr_assert_eq(t.thread_mask, 1);
    free(t.seen);
}

static int32_t take_time(void *context, int64_t begin, int64_t end, int64_t block, plrt_error *err) {
    nanosleep(&(struct timespec){0, 200000}, NULL);
    return count_each(context, begin, end, block, err);
}

static int32_t fail_slowly(void *context, int64_t begin, int64_t end, int64_t block, plrt_error *err) {
    nanosleep(&(struct timespec){0, 50000}, NULL);
    return fail_sometimes(context, begin, end, block, err);
}

/* More than the estimate said: begun by the host, a team goes on. */
Test(region, work_that_was_underestimated_gets_a_team) {
    enum { TRIPS = 300 };
    for (int k = 0; k < 20; k++) {
        int64_t work = INT64_C(20000) << (k % 5);
        tally t = {.seen = calloc(TRIPS, sizeof(int32_t))};
        plrt_region region = {take_time, "test:1", 1, PLRT_REGION_UNEVEN | (k % 2 ? PLRT_REGION_REDUCES : 0), 0, 0, 0,
                              1,         NULL,     0};
        plrt_error err;
        nanosleep(&(struct timespec){0, 20000000}, NULL); /* the team falls asleep */
        cr_assert_eq(plrt_region_run(&region, &t, TRIPS, work, &err), 0);
        for (int i = 0; i < TRIPS; i++)
            cr_assert_eq(t.seen[i], 1, "%d done %d times", i, t.seen[i]);
        cr_assert(work < rt_min_work() || (t.thread_mask & (t.thread_mask - 1)) != 0, "work %ld", (long)work);
        free(t.seen);
        region.body = fail_slowly;
        failing f = {50, 13 * (k % 7), calloc(TRIPS, sizeof(int32_t))};
        nanosleep(&(struct timespec){0, 20000000}, NULL);
        cr_assert_eq(plrt_region_run(&region, &f, TRIPS, work, &err), 1);
        cr_assert_eq(err.iteration, f.from);
        for (int i = 0; i < f.from; i++)
            cr_assert_eq(f.seen[i], 1);
        free(f.seen);
    }
}

static int32_t read_chunk(void *context, int64_t begin, int64_t end, int64_t block, plrt_error *err) {
    _Atomic int64_t *longest = context;
    (void)block;
    (void)err;
    if (end - begin > *longest)
        *longest = end - begin;
    return plrt_get_chunksize() == 0 ? 0 : 1;
}

Test(region, chunk_size_is_the_threads_and_zero_within_regions) {
    _Atomic int64_t longest = 0;
    plrt_error err;
    cr_assert_eq(plrt_set_chunksize(5), 0);
    cr_assert_eq(run(read_chunk, &longest, 1000, PLRT_SCHEDULE_DEFAULT, 0, 0, &err), 0);
    cr_assert_eq(longest, 5);
    cr_assert_eq(plrt_get_chunksize(), 5);
    cr_assert_eq(plrt_set_chunksize(-1), -1);
    cr_assert_eq(plrt_set_chunksize(0), 5);
}

static void *call_often(void *arg) {
    tally t = {.seen = calloc(1000, sizeof(int32_t))};
    plrt_error err;
    (void)arg;
    for (int i = 0; i < 200; i++)
        if (run(count_each, &t, 1000, PLRT_SCHEDULE_DYNAMIC, 16, 0, &err) != 0)
            return (void *)1;
    for (int i = 0; i < 1000; i++)
        if (t.seen[i] != 200)
            return (void *)1;
    free(t.seen);
    return NULL;
}

Test(region, many_callers_at_once_are_all_right) {
    pthread_t threads[16];
    void *failed;
    for (int i = 0; i < 16; i++)
        pthread_create(&threads[i], NULL, call_often, NULL);
    for (int i = 0; i < 16; i++) {
        pthread_join(threads[i], &failed);
        cr_assert_null(failed);
    }
    bool shared;
    cr_assert_eq(rt_budget_take(4, &shared), 4, "the budget came back");
}
