/* The shadow of race='check': what it sees, what it forgets, and that it goes with its loop or its thread. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>

#include "plait/runtime.h"

static double x[64];

static void iteration(int64_t i) {
    plrt_race_iteration(i);
}

Test(race, outside_loops_nothing_is_seen) {
    plrt_race_iteration(1);
    cr_assert_eq(plrt_race_write(x, 8, 1), PLRT_RACE_NONE);
    plrt_race_iteration(2);
    cr_assert_eq(plrt_race_write(x, 8, 1), PLRT_RACE_NONE);
}

Test(race, a_write_conflicts_with_what_others_did) {
    plrt_race_reset();
    plrt_race_begin(8);
    iteration(5);
    cr_assert_eq(plrt_race_write(&x[0], 8, 11), PLRT_RACE_NONE);
    cr_assert_eq(plrt_race_read(&x[0], 8, 12), PLRT_RACE_NONE);
    cr_assert_eq(plrt_race_read(&x[1], 8, 13), PLRT_RACE_NONE);
    iteration(7);
    cr_assert_eq(plrt_race_read(&x[1], 8, 14), PLRT_RACE_NONE);
    cr_assert_eq(plrt_race_read(&x[0], 8, 15), PLRT_RACE_WRITTEN);
    cr_assert_eq(plrt_race_earlier(), 5);
    cr_assert_eq(plrt_race_later(), 7);
    cr_assert_eq(plrt_race_line(), 11);
    cr_assert_eq(plrt_race_write(&x[1], 8, 16), PLRT_RACE_READ);
    cr_assert_eq(plrt_race_line(), 13);
    plrt_race_end();
}

Test(race, a_larger_element_meets_its_parts) {
    plrt_race_reset();
    plrt_race_begin(4);
    iteration(0);
    cr_assert_eq(plrt_race_write(&x[0], 8, 1), PLRT_RACE_NONE);
    iteration(1);
    cr_assert_eq(plrt_race_read((char *)&x[0] + 4, 4, 2), PLRT_RACE_WRITTEN);
    cr_assert_eq(plrt_race_read((char *)&x[1], 4, 2), PLRT_RACE_NONE);
    plrt_race_end();
}

Test(race, fresh_memory_has_no_past) {
    plrt_race_reset();
    plrt_race_begin(8);
    for (int64_t i = 0; i < 20; i++) {
        iteration(i);
        plrt_block *b = plrt_block_new(64, 0);
        for (int64_t k = 0; k < 8; k++)
            cr_assert_eq(plrt_race_write((double *)b->data + k, 8, 1), PLRT_RACE_NONE);
        plrt_release(b);
    }
    plrt_race_end();
}

Test(race, the_outermost_loop_counts_and_the_next_starts_afresh) {
    plrt_race_reset();
    for (int round = 0; round < 2; round++) {
        plrt_race_begin(8);
        iteration(0);
        cr_assert_eq(plrt_race_write(&x[3], 8, 1), PLRT_RACE_NONE);
        for (int64_t j = 0; j < 3; j++) {
            plrt_race_begin(8);
            iteration(j);
            cr_assert_eq(plrt_race_write(&x[3], 8, 2), PLRT_RACE_NONE);
            plrt_race_end();
        }
        plrt_race_end();
    }
}

Test(race, variables_are_each_iterations_own_until_one_reads_anothers) {
    plrt_race_reset();
    plrt_race_begin(8);
    iteration(0);
    cr_assert_eq(plrt_race_use(3, 1), PLRT_RACE_NONE);
    plrt_race_assign(3, 2);
    iteration(1);
    plrt_race_assign(3, 2);
    cr_assert_eq(plrt_race_use(3, 3), PLRT_RACE_NONE);
    iteration(2);
    cr_assert_eq(plrt_race_use(3, 4), PLRT_RACE_WRITTEN);
    cr_assert_eq(plrt_race_earlier(), 1);
    plrt_race_end();
}

static void *leave_in_the_middle(void *unused) {
    plrt_race_begin(8);
    iteration(0);
    for (int i = 0; i < 64; i++)
        plrt_race_write(&x[i], 8, 1);
    return unused;
}

/* The leak check of the asan build watches. */
Test(race, a_thread_that_ends_in_a_loop_leaves_nothing) {
    pthread_t t;
    cr_assert_eq(pthread_create(&t, NULL, leave_in_the_middle, NULL), 0);
    pthread_join(t, NULL);
}
