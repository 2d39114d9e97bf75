/* SIGINT stops regions when the host says so, and only then; the host's lock and prints. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "runtime/rt.h"

static _Atomic int32_t asked, chained, released, taken, answer;
static char printed[1024];
static pthread_t main_thread;

static int32_t answer_host(void) {
    asked++;
    return pthread_equal(pthread_self(), main_thread) ? answer : -1;
}

static void *release(void) {
    released++;
    return &released;
}

static void take(void *token) {
    if (token == &released)
        taken++;
}

static void print(const char *text, size_t len) {
    if (!pthread_equal(pthread_self(), main_thread))
        abort();
    strncat(printed, text, len);
}

static void note_chained(int signal) {
    (void)signal;
    chained++;
}

static void start(void) {
    static const plrt_hooks hooks = {print, answer_host, release, take};
    setenv("PLAIT_NUM_THREADS", "2", 1);
    main_thread = pthread_self();
    signal(SIGINT, note_chained);
    plrt_set_hooks(&hooks);
}

TestSuite(interrupt, .init = start, .timeout = 60);

static int32_t take_a_while(void *context, int64_t begin, int64_t end, int64_t block, plrt_error *err) {
    _Atomic int64_t *done = context;
    (void)block;
    (void)err;
    for (int64_t i = begin; i < end; i++) {
        nanosleep(&(struct timespec){0, 1000000}, NULL);
        ++*done;
    }
    return 0;
}

static void *send_sigint(void *arg) {
    (void)arg;
    nanosleep(&(struct timespec){0, 50000000}, NULL);
    kill(getpid(), SIGINT);
    return NULL;
}

static int32_t run_long(int64_t trips, plrt_schedule schedule, int32_t flags, _Atomic int64_t *done, plrt_error *err) {
    plrt_region region = {take_a_while, "test:1", 1, flags, (int32_t)schedule, 0, 0, 1, NULL, 0};
    pthread_t sender;
    pthread_create(&sender, NULL, send_sigint, NULL);
    int32_t status = plrt_region_run(&region, (void *)done, trips, INT64_MAX, err);
    pthread_join(sender, NULL);
    return status;
}

Test(interrupt, stops_every_schedule_within_100_ms) {
    answer = 1;
    for (int s = PLRT_SCHEDULE_STATIC; s <= PLRT_SCHEDULE_GUIDED; s++)
        for (int32_t flags = 0; flags <= PLRT_REGION_REDUCES; flags++) {
            _Atomic int64_t done = 0;
            plrt_error err;
            int64_t begin = rt_now();
            cr_assert_eq(run_long(20000, (plrt_schedule)s, flags, &done, &err), 1);
            cr_assert_eq(err.site, PLRT_SITE_INTERRUPT);
            cr_assert_lt(rt_now() - begin, 250000000);
            cr_assert_eq(plrt_interrupted, 0);
        }
    cr_assert_eq(chained, 6);
    cr_assert_eq(released, taken);
}

Test(interrupt, goes_on_when_the_host_says_so) {
    _Atomic int64_t done = 0;
    plrt_error err;
    answer = 0;
    cr_assert_eq(run_long(300, PLRT_SCHEDULE_STATIC, 0, &done, &err), 0);
    cr_assert_eq(done, 300);
    cr_assert_eq(asked, 1);
    cr_assert_eq(chained, 1);
    cr_assert_eq(plrt_interrupted, 0);
}

static int32_t loop_within(void *context, int64_t begin, int64_t end, int64_t block, plrt_error *err) {
    (void)context;
    (void)begin;
    (void)end;
    (void)block;
    for (;;)
        if (plrt_interrupted && plrt_interrupt_take(err))
            return 1;
}

Test(interrupt, reaches_loops_inside_an_iteration_on_every_thread) {
    plrt_region region = {loop_within, "test:1", 1, 0, 0, 0, 0, 1, NULL, 0};
    plrt_error err;
    pthread_t sender;
    answer = 1;
    pthread_create(&sender, NULL, send_sigint, NULL);
    cr_assert_eq(plrt_region_run(&region, NULL, 2, INT64_MAX, &err), 1);
    cr_assert_eq(err.site, PLRT_SITE_INTERRUPT);
    pthread_join(sender, NULL);
}

Test(interrupt, outside_regions_it_is_taken_too) {
    plrt_error err;
    answer = 1;
    plrt_interrupt_watch();
    raise(SIGINT);
    cr_assert_eq(plrt_interrupted, 1);
    cr_assert_eq(plrt_interrupt_take(&err), 1);
    cr_assert_eq(err.site, PLRT_SITE_INTERRUPT);
    cr_assert_eq(plrt_interrupted, 0);
}

Test(interrupt, a_replaced_handler_is_watched_again) {
    plrt_interrupt_watch();
    signal(SIGINT, note_chained);
    nanosleep(&(struct timespec){0, 80000000}, NULL);
    plrt_interrupt_watch();
    raise(SIGINT);
    cr_assert_eq(plrt_interrupted, 1);
    cr_assert_eq(chained, 1);
}

Test(interrupt, default_action_is_left_alone) {
    struct sigaction now;
    signal(SIGINT, SIG_DFL);
    plrt_interrupt_watch();
    sigaction(SIGINT, NULL, &now);
    cr_assert_eq(now.sa_handler, SIG_DFL);
}

static int32_t print_each(void *context, int64_t begin, int64_t end, int64_t block, plrt_error *err) {
    (void)context;
    (void)block;
    (void)err;
    for (int64_t i = begin; i < end; i++) {
        plrt_print_int(i);
        plrt_print_text("\n", 1);
        plrt_print_end();
    }
    return 0;
}

Test(interrupt, prints_of_all_threads_reach_the_host_on_its_thread) {
    plrt_region region = {print_each, "test:1", 1, 0, PLRT_SCHEDULE_STATIC, 0, 1, 1, NULL, 0};
    plrt_error err;
    cr_assert_eq(plrt_region_run(&region, NULL, 10, INT64_MAX, &err), 0);
    int sum = 0;
    for (char *p = strtok(printed, "\n"); p != NULL; p = strtok(NULL, "\n"))
        sum += atoi(p) + 1;
    cr_assert_eq(sum, 55);
}
