/* A child of fork() computes what its parent computes, whatever pool the parent had. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/rt.h"

static int32_t add_up(void *context, int64_t begin, int64_t end, int64_t block, plrt_error *err) {
    _Atomic int64_t *sum = context;
    (void)block;
    (void)err;
    for (int64_t i = begin; i < end; i++)
        *sum += i;
    return 0;
}

static bool computes_right(void) {
    plrt_region region = {add_up, "test:1", 1, 0, PLRT_SCHEDULE_DYNAMIC, 0, 10, 1, NULL, 0};
    _Atomic int64_t sum = 0;
    plrt_error err;
    return plrt_region_run(&region, &sum, 1000, INT64_MAX, &err) == 0 && sum == 999 * 1000 / 2;
}

static void two_threads(void) {
    setenv("PLAIT_NUM_THREADS", "2", 1);
}

TestSuite(fork, .init = two_threads, .timeout = 60);

static void expect_good_child(bool (*work)(void)) {
    int status;
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        alarm(20);
        _exit(work() ? 0 : 1);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %d", status);
}

Test(fork, children_of_a_process_with_a_pool_compute_right) {
    for (int i = 0; i < 50; i++) {
        cr_assert(computes_right());
        expect_good_child(computes_right);
    }
}

static bool has_a_good_child(void) {
    int status;
    if (!computes_right() || !computes_right())
        return false;
    pid_t child = fork();
    if (child == 0)
        _exit(computes_right() ? 0 : 1);
    return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

Test(fork, grandchildren_too) {
    cr_assert(computes_right());
    expect_good_child(has_a_good_child);
}

static void *call_for_ever(void *arg) {
    while (!*(_Atomic bool *)arg) {
        computes_right();
        plrt_release(plrt_block_new(2 << 20, 0));
    }
    return NULL;
}

static bool computes_and_allocates(void) {
    plrt_block *b = plrt_block_new(2 << 20, 1);
    bool ok = b != NULL && computes_right();
    plrt_release(b);
    return ok;
}

/* AddressSanitizer of GCC 12 does not take its allocator's locks around fork: a child of a process whose other threads
 * allocate may hang in it, with or without us. */
Test(fork, while_another_thread_is_in_a_region) {
#ifdef __SANITIZE_ADDRESS__
    cr_skip_test("AddressSanitizer's allocator does not survive fork in a process with threads that allocate");
#endif
    pthread_t thread;
    static _Atomic bool over;
    pthread_create(&thread, NULL, call_for_ever, &over);
    for (int i = 0; i < 50; i++)
        expect_good_child(computes_and_allocates);
    over = true;
    pthread_join(thread, NULL);
}
