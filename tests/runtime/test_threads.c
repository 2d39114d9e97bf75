/* Limits on threads: environment, cgroup quota, budget, creation that fails. */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/rt.h"

#if defined(__SANITIZE_ADDRESS__)
static const bool LIMITABLE = false; /* the sanitizer itself needs terabytes of addresses */
#else
static const bool LIMITABLE = true;
#endif

Test(threads, text_that_is_no_number_is_ignored) {
    cr_assert_eq(rt_threads_from_text("8"), 8);
    cr_assert_eq(rt_threads_from_text("4,2"), 4);
    cr_assert_eq(rt_threads_from_text("3 "), 3);
    cr_assert_eq(rt_threads_from_text("99999999"), 4096);
    static const char *const bad[] = {"", "0", "-3", "many", "2x", "99999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert_eq(rt_threads_from_text(bad[i]), 0, "%s", bad[i]);
    cr_assert_eq(rt_threads_from_text(NULL), 0);
}

Test(threads, plait_variable_goes_before_the_others) {
    setenv("NUMBA_NUM_THREADS", "7", 1);
    setenv("OMP_NUM_THREADS", "5", 1);
    setenv("PLAIT_NUM_THREADS", "3", 1);
    cr_assert_eq(plrt_max_threads(), 3);
    cr_assert_eq(plrt_get_num_threads(), 3);
    cr_assert_eq(plrt_set_num_threads(4), -1);
    cr_assert_eq(plrt_set_num_threads(0), -1);
    cr_assert_eq(plrt_set_num_threads(2), 0);
    cr_assert_eq(plrt_get_num_threads(), 2);
}

static void write_file(const char *dir, const char *name, const char *text) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    cr_assert_not_null(f);
    fputs(text, f);
    fclose(f);
}

static int32_t quota_with(const char *membership, const char *const *dirs, const char *const *files,
                          const char *const *texts, int count) {
    char root[] = "/tmp/plait-quota-XXXXXX", path[512];
    cr_assert_not_null(mkdtemp(root));
    for (int i = 0; i < count; i++) {
        snprintf(path, sizeof path, "%s%s", root, dirs[i]);
        mkdir(path, 0700);
        write_file(path, files[i], texts[i]);
    }
    write_file(root, "membership", membership);
    snprintf(path, sizeof path, "%s/membership", root);
    int32_t cpus = rt_quota(root, path);
    for (int i = count - 1; i >= 0; i--) {
        snprintf(path, sizeof path, "%s%s/%s", root, dirs[i], files[i]);
        unlink(path);
    }
    for (int i = count - 1; i >= 0; i--) {
        snprintf(path, sizeof path, "%s%s", root, dirs[i]);
        rmdir(path);
    }
    snprintf(path, sizeof path, "%s/membership", root);
    unlink(path);
    rmdir(root);
    return cpus;
}

Test(threads, quota_of_version_2_is_rounded_up) {
    cr_assert_eq(quota_with("0::/a\n", (const char *[]){"/a"}, (const char *[]){"cpu.max"},
                            (const char *[]){"250000 100000\n"}, 1),
                 3);
}

Test(threads, no_quota_is_no_limit) {
    cr_assert_eq(
        quota_with("0::/a\n", (const char *[]){"/a"}, (const char *[]){"cpu.max"}, (const char *[]){"max 100000\n"}, 1),
        0);
}

Test(threads, a_parents_quota_binds_too) {
    cr_assert_eq(quota_with("0::/a/b\n", (const char *[]){"/a", "/a/b"}, (const char *[]){"cpu.max", "cpu.max"},
                            (const char *[]){"200000 100000\n", "800000 100000\n"}, 2),
                 2);
}

Test(threads, quota_of_version_1_is_read) {
    cr_assert_eq(quota_with("4:cpu,cpuacct:/a\n0::/\n", (const char *[]){"/cpu", "/cpu/a", "/cpu/a"},
                            (const char *[]){"x", "cpu.cfs_quota_us", "cpu.cfs_period_us"},
                            (const char *[]){"", "400000\n", "100000\n"}, 3),
                 4);
}

Test(threads, budget_gives_what_is_left_and_at_least_one) {
    setenv("PLAIT_NUM_THREADS", "4", 1);
    bool shared;
    cr_assert_eq(rt_budget_take(3, &shared), 3);
    cr_assert(!shared);
    cr_assert_eq(rt_budget_take(3, &shared), 1);
    cr_assert_eq(rt_budget_take(3, &shared), 1);
    cr_assert(shared);
    rt_budget_give(3);
    cr_assert_eq(rt_budget_take(4, &shared), 2);
}

static int32_t add_up(void *context, int64_t begin, int64_t end, int64_t block, plrt_error *err) {
    _Atomic int64_t *sum = context;
    (void)block;
    (void)err;
    *sum += end - begin;
    return 0;
}

Test(threads, failing_creation_means_fewer_threads_not_the_end, .timeout = 60) {
    struct rlimit little = {300 << 20, 300 << 20};
    if (!LIMITABLE)
        cr_skip_test("address space cannot be limited");
    setenv("PLAIT_NUM_THREADS", "64", 1);
    setenv("OMP_STACKSIZE", "16M", 1);
    cr_assert_eq(setrlimit(RLIMIT_AS, &little), 0);
    plrt_region region = {add_up, "test:1", 1, 0, 0, 0, 0, 1, NULL, 0};
    _Atomic int64_t sum = 0;
    plrt_error err;
    for (int i = 0; i < 20; i++)
        cr_assert_eq(plrt_region_run(&region, &sum, 1000, INT64_MAX, &err), 0);
    cr_assert_eq(sum, 20000);
}

Test(threads, siblings_are_no_cores) {
    rt_units units = {{0}};
    char root[] = "/tmp/plait-cpus-XXXXXX", path[512];
    cr_assert_not_null(mkdtemp(root));
    for (int i = 0; i < 8; i++) {
        char list[16];
        snprintf(path, sizeof path, "%s/cpu%d", root, i);
        mkdir(path, 0700);
        snprintf(path, sizeof path, "%s/cpu%d/topology", root, i);
        mkdir(path, 0700);
        snprintf(list, sizeof list, "%d,%d\n", i % 4, i % 4 + 4);
        write_file(path, "thread_siblings_list", list);
        rt_units_add(&units, i);
    }
    cr_assert_eq(rt_count_cores(root, &units), 4);
    units.words[0] = 0x31; /* 0, 4, 5 */
    cr_assert_eq(rt_count_cores(root, &units), 2);
    snprintf(path, sizeof path, "rm -r %s", root);
    cr_assert_eq(system(path), 0);
}

static void keep_unit(void *into, int32_t unit) {
    int32_t *at = into;
    at[++at[0]] = unit;
}

Test(threads, lists_of_units_are_read_in_their_order) {
    int32_t at[16] = {0};
    cr_assert(rt_read_list("5,0-2,8-14:3", keep_unit, at));
    const int32_t want[] = {7, 5, 0, 1, 2, 8, 11, 14};
    cr_assert_arr_eq(at, want, sizeof want);
    static const char *const bad[] = {"", "a", "1-", "3-1", "1,,2", "1,", "-1", "0-4:0", "9999", "1 2"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        at[0] = 0;
        cr_assert(!rt_read_list(bad[i], keep_unit, at), "%s", bad[i]);
    }
    cr_assert_eq(plrt_placement_named("0-3"), PLRT_PLACE_LIST);
    cr_assert_eq(plrt_placement_named("compact"), PLRT_PLACE_COMPACT);
    cr_assert_eq(plrt_placement_named("list"), PLRT_PLACE_INVALID);
}

Test(threads, caches_of_a_power_machine_are_read) {
    static const char *const rows[][5] = {
        {"1", "Data", "32K", "128", "0-3"},
        {"1", "Instruction", "48K", "128", "0-3"},
        {"2", "Unified", "512K", "128", "0-7"},
        {"3", "Unified", "10M", "128", "0-7"},
    };
    static const char *const names[] = {"level", "type", "size", "coherency_line_size", "shared_cpu_list"};
    char root[] = "/tmp/plait-caches-XXXXXX", path[512];
    plrt_caches c;
    cr_assert_not_null(mkdtemp(root));
    for (int i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "mkdir -p %s/cpu0/cache/index%d", root, i);
        cr_assert_eq(system(path), 0);
        snprintf(path, sizeof path, "%s/cpu0/cache/index%d", root, i);
        for (int k = 0; k < 5; k++)
            write_file(path, names[k], rows[i][k]);
    }
    rt_read_caches(root, 0, &c);
    cr_assert(c.bytes[0] == 32 << 10 && c.bytes[1] == 512 << 10 && c.bytes[2] == 10 << 20);
    cr_assert(c.shared[0] == 4 && c.shared[1] == 8 && c.shared[2] == 8);
    cr_assert_eq(c.line, 128);
    snprintf(path, sizeof path, "rm -r %s", root);
    cr_assert_eq(system(path), 0);
}

Test(threads, costs_of_teams_are_kept_in_a_file) {
    char root[] = "/tmp/plait-cost-XXXXXX", path[512];
    int64_t cost = 0;
    cr_assert_not_null(mkdtemp(root));
    snprintf(path, sizeof path, "%s/a/b/team", root);
    cr_assert(!rt_cost_read(path, &cost));
    cr_assert(rt_cost_write(path, 1234));
    cr_assert(rt_cost_read(path, &cost) && cost == 1234);
    write_file(root, "a/b/team", "plait 1 -5 ns\n");
    cr_assert(!rt_cost_read(path, &cost));
    write_file(root, "a/b/team", "");
    cr_assert(!rt_cost_read(path, &cost));
    snprintf(path, sizeof path, "rm -r %s", root);
    cr_assert_eq(system(path), 0);
    snprintf(path, sizeof path, "/proc/nowhere/team");
    cr_assert(!rt_cost_write(path, 1));
}

Test(threads, a_slow_team_wants_more_work) {
    char root[] = "/tmp/plait-cost-XXXXXX", path[512];
    cr_assert_not_null(mkdtemp(root));
    setenv("PLAIT_CACHE_DIR", root, 1);
    setenv("PLAIT_NUM_THREADS", "2", 1);
    cr_assert(rt_cost_file(2, path, sizeof path) && rt_cost_write(path, 700));
    rt_learn_worth(2);
    int64_t first = plrt_get_min_work();
    cr_assert_eq(first, 15000);
    cr_assert(!rt_is_worth(rt_caller_now(), first, rt_coarse_now()), "nobody has woken the team yet");
    int regions = 1;
    while (!rt_is_worth(rt_caller_now(), first, rt_coarse_now()))
        regions++;
    cr_assert(regions > 2 && regions < 1000, "%d regions in a row wake it", regions);
    cr_assert(!rt_is_worth(rt_caller_now(), first - 1, rt_coarse_now()));
    plrt_set_min_work(0);
    cr_assert_eq(plrt_get_min_work(), 0);
    cr_assert(rt_is_worth(rt_caller_now(), 0, INT64_MAX));
    plrt_set_min_work(-1);
    cr_assert_eq(plrt_get_min_work(), first);
    snprintf(path, sizeof path, "rm -r %s", root);
    cr_assert_eq(system(path), 0);
}

/* ---- threads that the system refuses ------------------------------------------------------------------------------------- */

enum { NOBODYS_ID = 54321 };

/* In a child, after `prepare`: whether some regions that want four threads are right; 2: it could not be prepared. */
static int status_under(bool (*prepare)(int limit), int limit) {
    int status;
    pid_t child = fork();
    if (child == 0) {
        alarm(30);
        setenv("PLAIT_NUM_THREADS", "4", 1);
        if (!prepare(limit))
            _exit(2);
        plrt_region region = {add_up, "test:1", 1, 0, 0, 0, 0, 1, NULL, 0};
        _Atomic int64_t sum = 0;
        plrt_error err;
        for (int i = 0; i < 5; i++)
            if (plrt_region_run(&region, &sum, 1000, INT64_MAX, &err) != 0)
                _exit(1);
        _exit(sum == 5000 ? 0 : 1);
    }
    return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Of a user who has no other processes. */
static bool limit_processes(int limit) {
    struct rlimit few = {(rlim_t)limit, (rlim_t)limit};
    return setresgid(NOBODYS_ID, NOBODYS_ID, NOBODYS_ID) == 0 && setrlimit(RLIMIT_NPROC, &few) == 0 &&
           setresuid(NOBODYS_ID, NOBODYS_ID, NOBODYS_ID) == 0;
}

Test(threads, a_limit_on_processes_means_fewer_threads_not_the_end, .timeout = 120) {
    if (!LIMITABLE || status_under(limit_processes, 1) == 2)
        cr_skip_test("this process may not become another user");
    for (int round = 0; round < 20; round++)
        for (int limit = 1; limit <= 6; limit++)
            cr_assert_eq(status_under(limit_processes, limit), 0, "with %d processes", limit);
}

#if defined(__x86_64__)
/* Refuses clone and clone3, as filters of containers do. */
static bool filter_clones(int limit) {
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)limit),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof code / sizeof *code, code};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

Test(threads, a_filter_of_system_calls_means_one_thread_not_the_end, .timeout = 60) {
    if (status_under(filter_clones, EPERM) == 2)
        cr_skip_test("this process may not filter system calls");
    cr_assert_eq(status_under(filter_clones, EPERM), 0);
    cr_assert_eq(status_under(filter_clones, EAGAIN), 0);
    cr_assert_eq(status_under(filter_clones, ENOSYS), 0);
}
#endif
