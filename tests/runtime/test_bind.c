/* Where the threads of teams really sit, on the machine that runs the tests. */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "plait/config.h"
#include "runtime/place.h"
#include "runtime/rt.h"

static _Atomic int32_t sat_right, sat_wrong, unplaced;

static int32_t note_seat(void *context, int64_t begin, int64_t end, int64_t block, plrt_error *err) {
    (void)context, (void)begin, (void)end, (void)block, (void)err;
    int32_t unit = rt_unit_of_member();
    if (plrt_get_thread_id() > 0)
        (unit < 0 ? &unplaced : unit == sched_getcpu() ? &sat_right : &sat_wrong)[0]++;
    return 0;
}

static int32_t units_of_machine(void) {
    return rt_caller_now()->units;
}

static void run(int32_t (*body)(void *, int64_t, int64_t, int64_t, plrt_error *), void *context, int64_t work) {
    plrt_region region = {.body = body, .name = "test:1"};
    plrt_error err;
    cr_assert_eq(plrt_region_run(&region, context, 64 * 64, work, &err), 0);
}

static void see_seats(int times) {
    sat_right = sat_wrong = unplaced = 0;
    for (int i = 0; i < times; i++)
        run(note_seat, NULL, INT64_MAX);
}

static void all_units(void) {
    unsetenv("OMP_PLACES");
    unsetenv("OMP_PROC_BIND");
    setenv("PLAIT_NUM_THREADS", "2", 1);
}

TestSuite(bind, .init = all_units, .timeout = 60);

Test(bind, every_member_sits_on_its_unit_in_a_thousand_regions) {
    see_seats(1000);
    cr_assert_eq(sat_wrong, 0);
    cr_assert_eq(unplaced, 0);
    cr_assert_geq(sat_right, 1000);
}

Test(bind, more_members_than_units_sit_on_theirs_too) {
    setenv("PLAIT_NUM_THREADS", "5", 1);
    see_seats(300);
    cr_assert_eq(sat_wrong, 0);
    cr_assert_geq(sat_right, 4 * 300);
}

Test(bind, the_caller_is_never_bound) {
    rt_units before, after;
    rt_units_of_thread(0, &before);
    see_seats(10);
    rt_units_of_thread(0, &after);
    cr_assert_arr_eq(before.words, after.words, sizeof before.words);
}

Test(bind, a_list_says_the_unit_of_each) {
    if (units_of_machine() < 2)
        cr_skip_test("one processing unit");
    cr_assert_eq(plrt_set_placement(PLRT_PLACE_LIST, "1,0"), 0);
    see_seats(100);
    cr_assert_eq(sat_wrong, 0);
    cr_assert_geq(sat_right, 100);
    cr_assert_eq(plrt_set_placement(PLRT_PLACE_LIST, "1,,0"), -1);
    cr_assert_eq(plrt_set_placement(PLRT_PLACE_LIST, NULL), -1);
}

Test(bind, lists_of_the_configuration_are_told_apart) {
    if (units_of_machine() < 2)
        cr_skip_test("one processing unit");
    for (int i = 0; i < 20; i++) {
        plrt_choice choice = {.placement = i % 2 ? "1,0" : "0,1"}, saved;
        plrt_choice_push(&choice, &saved);
        see_seats(3);
        cr_assert_eq(sat_wrong, 0);
        cr_assert_eq(unplaced, 0);
        plrt_choice_pop(&saved);
    }
}

static rt_units masks[8];

static int32_t note_mask(void *context, int64_t begin, int64_t end, int64_t block, plrt_error *err) {
    rt_units *into = context != NULL ? context : masks;
    (void)begin, (void)end, (void)block, (void)err;
    rt_units_of_thread(0, &into[plrt_get_thread_id()]);
    return 0;
}

Test(bind, none_gives_the_members_back_to_the_system) {
    see_seats(3);
    run(note_mask, NULL, INT64_MAX);
    cr_assert_eq(rt_units_count(&masks[1]), 1);
    plrt_set_placement(PLRT_PLACE_NONE, NULL);
    run(note_mask, NULL, INT64_MAX);
    cr_assert_eq(rt_units_count(&masks[1]), units_of_machine());
}

Test(bind, every_placement_works_here) {
    for (int p = PLRT_PLACE_SPREAD; p <= PLRT_PLACE_THREADS; p++) {
        cr_assert_eq(plrt_set_placement((plrt_placement)p, NULL), 0);
        see_seats(20);
        cr_assert_eq(sat_wrong, 0);
        cr_assert_eq(unplaced, 0);
    }
}

Test(bind, a_little_work_loads_no_topology) {
    run(note_mask, NULL, 1000000);
    cr_assert_eq(rt_units_count(&masks[1]), units_of_machine());
}

Test(bind, small_teams_are_bound_only_when_somebody_asks) {
    rt_caller_now()->cores = 64; /* as if the machine had more */
    see_seats(10);
    cr_assert_eq(sat_right + sat_wrong, 0);
    plrt_set_placement(PLRT_PLACE_SPREAD, NULL);
    see_seats(10);
    cr_assert_eq(sat_wrong + unplaced, 0);
    cr_assert_gt(sat_right, 0);
}

Test(bind, OpenMPs_own_places_are_respected) {
    setenv("OMP_PLACES", "cores", 1);
    see_seats(10);
    cr_assert_geq(unplaced, 10);
    cr_assert_str_eq(plrt_placement_refusal(), "OMP_PLACES");
}

static int32_t pin_to_first(void *context, int64_t begin, int64_t end, int64_t block, plrt_error *err) {
    rt_units one = {{0}};
    (void)context, (void)begin, (void)end, (void)block, (void)err;
    rt_units_add(&one, rt_units_next(&rt_caller_now()->allowed, -1));
    if (plrt_get_thread_id() > 0)
        rt_units_bind(0, &one);
    return 0;
}

Test(bind, threads_that_another_library_bound_stay_where_they_are) {
    if (units_of_machine() < 2)
        cr_skip_test("one processing unit");
    run(pin_to_first, NULL, 1000000);
    see_seats(3);
    run(note_mask, NULL, INT64_MAX);
    cr_assert_eq(rt_units_count(&masks[1]), 1);
    cr_assert(rt_units_has(&masks[1], rt_units_next(&rt_caller_now()->allowed, -1)));
    cr_assert_str_eq(plrt_placement_refusal(), "another library");
}

Test(bind, a_changed_mask_moves_the_team_and_its_size) {
    unsetenv("PLAIT_NUM_THREADS");
    unsetenv("OMP_NUM_THREADS");
    unsetenv("NUMBA_NUM_THREADS");
    rt_units all, one = {{0}};
    rt_units_of_thread(0, &all);
    see_seats(10);
    rt_units_add(&one, rt_units_next(&all, -1));
    cr_assert(rt_units_bind(0, &one));
    rt_caller_now()->looked_at = -1000000000;
    run(note_mask, NULL, INT64_MAX);
    cr_assert_eq(plrt_default_threads(), 1);
    cr_assert(rt_units_bind(0, &all));
    rt_caller_now()->looked_at = -1000000000;
    run(note_mask, NULL, INT64_MAX);
    cr_assert_eq(plrt_default_threads(), rt_caller_now()->cores);
    see_seats(10);
    cr_assert_eq(sat_wrong, 0);
}

static bool sits_right(void) {
    see_seats(20);
    return sat_wrong == 0 && unplaced == 0 && sat_right > 0;
}

Test(bind, children_of_fork_place_their_own_threads) {
    see_seats(5);
    for (int i = 0; i < 10; i++) {
        int status;
        pid_t child = fork();
        if (child == 0) {
            alarm(20);
            _exit(sits_right() ? 0 : 1);
        }
        cr_assert_eq(waitpid(child, &status, 0), child);
        cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %d", status);
    }
}

static _Atomic bool over;

static void *call_on(void *arg) {
    (void)arg;
    while (!over)
        run(note_mask, NULL, INT64_MAX);
    return NULL;
}

Test(bind, teams_that_meet_are_not_placed) {
    setenv("PLAIT_NUM_THREADS", "4", 1);
    plrt_set_budget(16);
    static rt_units mine[8];
    pthread_t other;
    pthread_create(&other, NULL, call_on, NULL);
    for (int i = 0; i < 100000 && rt_caller_now()->crowded == 0; i++)
        run(note_mask, mine, INT64_MAX);
    cr_assert(rt_caller_now()->crowded > 0);
    over = true;
    pthread_join(other, NULL);
    cr_assert_eq(rt_units_count(&mine[2]), units_of_machine());
}

/* ---- pages ------------------------------------------------------------------------------------------------------------- */

static uintptr_t low_half, high_half;

static long two_nodes(unsigned long count, void **pages, int *nodes) {
    for (unsigned long i = 0; i < count; i++) {
        uintptr_t page = (uintptr_t)pages[i];
        nodes[i] = page >= high_half ? 1 : page >= low_half ? 0 : -2;
    }
    return 0;
}

Test(bind, members_are_wanted_near_their_part_of_the_arrays) {
    enum { BYTES = 1 << 20 };
    static const plrt_captured arrays[] = {{1, 1, 8, 0}, {4, 2, 4, 1}};
    plrt_region region = {.name = "test:1", .arrays = arrays, .narrays = 2};
    char *x = aligned_alloc(4096, BYTES), *small = malloc(64);
    int64_t context[] = {0, (intptr_t)x, 0, BYTES / 8, (intptr_t)small, 0, 4, 4, 16, 4};
    uint64_t where, again;
    low_half = (uintptr_t)x;
    high_half = low_half + BYTES / 2;
    rt_ask_pages = two_nodes;
    int32_t *near = rt_pages_near(rt_caller_now(), &region, context, 4, &where);
    cr_assert_not_null(near);
    const int32_t want[] = {0, 0, 1, 1};
    cr_assert_arr_eq(near, want, sizeof want);
    rt_pages_near(rt_caller_now(), &region, context, 4, &again);
    cr_assert_eq(where, again);
    high_half = (uintptr_t)x;
    region.name = "test:2";
    context[3] = BYTES / 16; /* another extent: looked up again */
    rt_pages_near(rt_caller_now(), &region, context, 4, &again);
    cr_assert_neq(where, again);
    cr_assert_eq(near[0], 1);
    free(x);
    free(small);
}

Test(bind, reversed_and_broadcast_arrays_have_extents_too) {
    enum { BYTES = 1 << 20 };
    static const plrt_captured arrays[] = {{1, 1, 8, 1}, {5, 1, 8, 1}, {9, 1, 8, 0}};
    plrt_region region = {.name = "test:1", .arrays = arrays, .narrays = 3};
    char *x = aligned_alloc(4096, BYTES);
    int64_t context[] = {0, (intptr_t)(x + BYTES - 8), 0, BYTES / 8, -8, (intptr_t)x, 0, BYTES, 0, (intptr_t)x, 0, 0};
    uint64_t where;
    low_half = (uintptr_t)x;
    high_half = low_half + BYTES / 2;
    rt_ask_pages = two_nodes;
    int32_t *near = rt_pages_near(rt_caller_now(), &region, context, 2, &where);
    cr_assert_not_null(near);
    cr_assert(near[0] == 0 && near[1] == 1);
    free(x);
}

/* ---- pages of this machine --------------------------------------------------------------------------------------------- */

static int32_t write_pages(void *context, int64_t begin, int64_t end, int64_t block, plrt_error *err) {
    char *data = context;
    (void)block, (void)err;
    for (int64_t i = begin; i < end; i++)
        data[i * 4096] = 1;
    return 0;
}

static long ask_the_kernel(unsigned long count, void **pages, int *nodes) {
    return syscall(SYS_move_pages, 0, count, pages, NULL, nodes, 0);
}

enum { MAPPED = 16 << 20, ASKED = 64 };

/* Nodes of pages of the block: how many have one, and whether hwloc says the same. */
static int count_placed(char *data, hwloc_topology_t t) {
    void *pages[ASKED];
    int nodes[ASKED], placed = 0;
    hwloc_bitmap_t set = hwloc_bitmap_alloc();
    for (int i = 0; i < ASKED; i++)
        pages[i] = data + (size_t)i * (MAPPED / ASKED);
    cr_assert_eq(rt_ask_pages(ASKED, pages, nodes), 0);
    cr_assert_eq(hwloc_get_area_memlocation(t, data, MAPPED, set, HWLOC_MEMBIND_BYNODESET), 0);
    for (int i = 0; i < ASKED; i++) {
        placed += nodes[i] >= 0;
        cr_assert(nodes[i] < 0 || hwloc_bitmap_isset(set, (unsigned)nodes[i]), "hwloc does not know of node %d",
                  nodes[i]);
    }
    hwloc_bitmap_free(set);
    return placed;
}

Test(bind, pages_come_into_being_in_the_region_and_members_are_wanted_near_them) {
    static const plrt_captured arrays[] = {{1, 1, 1, 0}};
    plrt_region region = {.body = write_pages, .name = "test:1", .arrays = arrays, .narrays = 1};
    hwloc_topology_t t;
    plrt_error err;
    int status[1];
    if (ask_the_kernel(1, (void *[]){status}, status) != 0)
        cr_skip_test("this process may not ask where pages are");
    cr_assert(hwloc_topology_init(&t) == 0 && hwloc_topology_load(t) == 0);
    plrt_block *b = plrt_block_new(MAPPED, 1);
    cr_assert_eq(count_placed(b->data, t), 0);
    cr_assert_eq(plrt_region_run(&region, b->data, MAPPED / 4096, INT64_MAX, &err), 0);
    cr_assert_eq(count_placed(b->data, t), ASKED);

    int64_t context[] = {0, (intptr_t)b->data, 0, MAPPED};
    uint64_t where;
    rt_ask_pages = ask_the_kernel; /* not known to be the real one, so it is asked on machines with one node too */
    int32_t *near = rt_pages_near(rt_caller_now(), &region, context, 8, &where);
    cr_assert_not_null(near);
    for (int k = 0; k < 8; k++) {
        char *middle = (char *)b->data + (2 * k + 1) * (MAPPED / 16);
        int node = -1;
        cr_assert_eq(ask_the_kernel(1, (void *[]){middle}, &node), 0);
        cr_assert_eq(near[k], node);
    }
    plrt_release(b);
    hwloc_topology_destroy(t);
}
