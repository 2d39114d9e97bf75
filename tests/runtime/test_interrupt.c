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

/* Iterations that begin, by member, and how many of them after the host said "stop". */
typedef struct progress {
    _Atomic int64_t begun, late;
    int64_t ask_at; /* the host's iteration in which the signal comes */
    int64_t of_host;
} progress;

static _Atomic int32_t stopped;

static int32_t make_progress(void *context, int64_t begin, int64_t end, int64_t block, plrt_error *err) {
    progress *p = context;
    (void)block;
    (void)err;
    for (int64_t i = begin; i < end; i++) {
        p->begun++;
        p->late += atomic_load(&stopped);
        if (!rt_self.host)
            nanosleep(&(struct timespec){0, 1000000}, NULL);
        else if (++p->of_host == p->ask_at)
            raise(SIGINT);
    }
    return 0;
}

static int32_t answer_stop(void) {
    asked++;
    stopped = 1;
    return 1;
}

static int32_t run_with_progress(int32_t schedule, int32_t flags, int64_t trips, progress *p, plrt_error *err) {
    plrt_region region = {make_progress, "test:1", 1, flags, schedule, 0, 0, 1, NULL, 0};
    stopped = 0;
    return plrt_region_run(&region, p, trips, INT64_MAX, err);
}

/* With this much work a slice is one iteration: the host begins none after the signal, and the other member, whose
 * iterations take their time, at most the one that it was about to begin when the host answered. */
Test(interrupt, stops_every_schedule_at_the_next_slice) {
    static const plrt_hooks hooks = {print, answer_stop, release, take};
    plrt_set_hooks(&hooks);
    for (int s = PLRT_SCHEDULE_STATIC; s <= PLRT_SCHEDULE_GUIDED; s++)
        for (int32_t flags = 0; flags <= PLRT_REGION_REDUCES; flags++) {
            progress p = {.ask_at = 2};
            plrt_error err;
            cr_assert_eq(run_with_progress(s, flags, flags ? 480 : INT64_C(1) << 40, &p, &err), 1);
            cr_assert_eq(err.site, PLRT_SITE_INTERRUPT);
            cr_assert_eq(p.of_host, 2);
            cr_assert_leq(p.late, 1);
            cr_assert_eq(plrt_interrupted, 0);
        }
    cr_assert_eq(chained, 6);
    cr_assert_eq(asked, 6);
    cr_assert_eq(released, taken);
}

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
