/* Configuration from C: files, what regions get of them, reloads, threads and forks. The package's tests have the messages. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "plait/config.h"
#include "plait/stats.h"
#include "plait/suite.h"
#include "runtime/config.h"

static const int64_t BIG = INT64_MAX;
static char path[] = "/tmp/plait-config-XXXXXX";

static void write_file(const char *text) {
    FILE *f = fopen(path, "w");
    cr_assert_not_null(f);
    fputs(text, f);
    fclose(f);
}

static void own_file(void) {
    int f = mkstemp(path);
    cr_assert_geq(f, 0);
    close(f);
    setenv("PLAIT_CONFIG", path, 1);
    setenv("PLAIT_NUM_THREADS", "8", 1);
}

static void remove_file(void) {
    unlink(path);
}

TestSuite(config, .init = own_file, .fini = remove_file, .timeout = 60);

static int32_t nothing(void *context, int64_t begin, int64_t end, int64_t block, plrt_error *err) {
    (void)context;
    (void)begin;
    (void)end;
    (void)block;
    (void)err;
    return 0;
}

static void run_region(const char *name, int32_t flags, int32_t line, int32_t loop) {
    plrt_region region = {.body = nothing, .name = name, .line = line, .flags = flags, .loop = loop, .grain = 1};
    plrt_error err;
    cr_assert_eq(plrt_region_run(&region, NULL, 1000, BIG, &err), 0);
}

/* Threads that a region really ran on. */
static int64_t threads_of(const char *name, int32_t flags, int32_t line, int32_t loop) {
    plrt_region_stats s;
    plrt_stats_enable(1);
    plrt_stats_reset();
    run_region(name, flags, line, loop);
    cr_assert_eq(plrt_stats_get(&s, 1), 1);
    return s.parallel_calls ? s.threads : 1;
}

Test(config, regions_find_the_section_of_their_function) {
    write_file(
        "kernels:\n  heat: {threads: 2, loops: {12: {threads: 3}, \"#4\": {threads: 5}}}\n  a.cool: {threads: 4}\n");
    cr_assert_null(plrt_config_problems());
    cr_assert_eq(threads_of("heat:10", 0, 10, 1), 2);
    cr_assert_eq(threads_of("heat:12", 0, 12, 2), 3);
    cr_assert_eq(threads_of("heat:20", 0, 20, 4), 5);
    cr_assert_eq(threads_of("cool:10", 0, 10, 1), 8);
    cr_assert_eq(threads_of("cool:10\0/src/a.py", PLRT_REGION_FILE, 10, 1), 4);
    cr_assert_eq(threads_of("cool:10\0/src/b.py", PLRT_REGION_FILE, 10, 1), 8);
}

Test(config, calls_choose_size_classes_and_sections) {
    write_file("kernels:\n  m.f: {threads: 2, sizes: [{up_to: 1kB, threads: 3}, {up_to: 1MiB, threads: 4}]}\n");
    const plrt_kernel_settings *k = plrt_config_kernel("m.f");
    cr_assert_not_null(k);
    cr_assert_null(plrt_config_kernel("m.g"));
    static const int64_t bytes[] = {0, 1000, 1001, 1 << 20, (1 << 20) + 1}, threads[] = {3, 3, 4, 4, 2};
    for (int i = 0; i < 5; i++) {
        plrt_call call;
        plrt_call_enter(&call, k, NULL, bytes[i]);
        cr_assert_eq(threads_of("inlined:3", 0, 3, 1), threads[i]);
        plrt_call_leave(&call);
    }
    plrt_call call;
    plrt_call_enter(&call, k, &(plrt_choice){.threads = 6}, 0);
    cr_assert_eq(threads_of("inlined:3", 0, 3, 1), 6);
    plrt_call_leave(&call);
    cr_assert_eq(threads_of("inlined:3", 0, 3, 1), 8);
}

Test(config, scopes_before_everything) {
    write_file("schedule: guided\nkernels: {'*': {threads: 2, chunk: 7}}\n");
    plrt_choice got, saved;
    plrt_region region = {.body = nothing, .name = "f:1", .line = 1, .schedule = PLRT_SCHEDULE_DYNAMIC, .grain = 1};
    rt_choose(&region, &got);
    cr_assert_eq(got.threads, 2);
    cr_assert_eq(got.schedule, PLRT_SCHEDULE_DYNAMIC);
    cr_assert_eq(got.chunk, 7);
    cr_assert_eq(plrt_choice_push(&(plrt_choice){3, PLRT_SCHEDULE_STATIC, 9, "compact"}, &saved), 0);
    rt_choose(&region, &got);
    cr_assert_eq(got.threads, 3);
    cr_assert_eq(got.schedule, PLRT_SCHEDULE_STATIC);
    cr_assert_eq(got.chunk, 9);
    cr_assert_str_eq(got.placement, "compact");
    plrt_choice_pop(&saved);
    region.schedule = PLRT_SCHEDULE_DEFAULT;
    rt_choose(&region, &got);
    cr_assert_eq(got.schedule, PLRT_SCHEDULE_GUIDED);
    cr_assert_eq(plrt_choice_push(&(plrt_choice){.placement = "upstairs"}, &saved), -1);
    rt_choose(&region, &got);
    cr_assert_null(got.placement);
}

static void *close_scope(void *scope) {
    plrt_scope_close(scope);
    return NULL;
}

Test(config, scopes_end_in_any_order_and_on_any_thread) {
    setenv("PLAIT_NUM_THREADS", "8", 1);
    int32_t before = plrt_get_num_threads();
    plrt_scope *three = plrt_scope_open(&(plrt_choice){.threads = 3});
    plrt_scope *two = plrt_scope_open(&(plrt_choice){.threads = 2});
    plrt_scope *five = plrt_scope_open(&(plrt_choice){.threads = 5});
    cr_assert_eq(plrt_get_num_threads(), 5);
    plrt_scope_close(two);
    cr_assert_eq(plrt_get_num_threads(), 5);
    pthread_t thread;
    pthread_create(&thread, NULL, close_scope, five);
    pthread_join(thread, NULL);
    cr_assert_eq(plrt_get_num_threads(), 3);
    plrt_scope_close(three);
    cr_assert_eq(plrt_get_num_threads(), before);
    cr_assert_null(plrt_scope_open(&(plrt_choice){.placement = "upstairs"}));
}

Test(config, a_broken_file_means_defaults_and_a_message) {
    write_file("threads: 3\nschedul: static\nkernels: {f: {threads: 2}}\n");
    cr_assert_not_null(strstr(plrt_config_problems(), "did you mean 'schedule'?"));
    cr_assert_eq(threads_of("f:1", 0, 1, 1), 8);
    write_file("kernels: {f: {threads: 2}}\n");
    uint32_t epoch = plrt_config_epoch;
    plrt_config_reload();
    cr_assert_neq(plrt_config_epoch, epoch);
    cr_assert_null(plrt_config_problems());
    cr_assert_eq(threads_of("f:1", 0, 1, 1), 2);
}

Test(config, the_program_before_the_environment_before_the_file) {
    plrt_setting s;
    write_file("chunk: 3\n");
    setenv("PLAIT_CHUNK", "4", 1);
    size_t row = (size_t)plrt_config_find("chunk");
    cr_assert_eq(plrt_config_get(row, &s), 1);
    cr_assert_str_eq(s.value, "4");
    cr_assert_str_eq(s.origin, "PLAIT_CHUNK");
    cr_assert_null(plrt_config_set("chunk", "5"));
    cr_assert_eq(plrt_config_get(row, &s), 1);
    cr_assert_str_eq(s.value, "5");
    char *complaint = plrt_config_set("chunk", "-5");
    cr_assert_not_null(complaint);
    free(complaint);
    cr_assert_null(plrt_config_set("chunk", NULL));
    unsetenv("PLAIT_CHUNK");
    plrt_config_reload();
    cr_assert_eq(plrt_config_get(row, &s), 1);
    cr_assert_str_eq(s.value, "3");
    cr_assert_eq(plrt_config_get(1000, &s), 0);
}

Test(config, every_row_of_the_table_is_whole) {
    plrt_setting s;
    size_t n = 0;
    for (; plrt_config_get(n, &s); n++) {
        cr_assert_eq((size_t)plrt_config_find(s.name), n);
        cr_assert_gt(strlen(s.doc), 10);
        cr_assert_gt(strlen(s.where), 0);
        cr_assert_str_eq(s.origin, strcmp(s.name, "threads") ? "default" : "PLAIT_NUM_THREADS", "%s", s.name);
    }
    cr_assert_gt(n, 10);
}

/* ---- threads, forks ------------------------------------------------------------------------------------------------- */

static _Atomic int stop;

static void *run_often(void *arg) {
    while (!stop) {
        run_region(arg, 0, 1, 1);
        free(plrt_config_json());
        plrt_setting s;
        plrt_config_get(2, &s);
        cr_assert_eq(strspn(s.value, "0123456789"), strlen(s.value));
    }
    return NULL;
}

Test(config, reloads_and_settings_while_regions_run) {
    pthread_t threads[3];
    static const char *const names[] = {"f:1", "g:1", "h:1"};
    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, run_often, (void *)(uintptr_t)names[i]);
    for (int i = 0; i < 200; i++) {
        char text[100], chunk[20];
        snprintf(text, sizeof text, "kernels: {f: {threads: %d, placement: '%d'}, 'g*': {chunk: %d}}\n", i % 8 + 1,
                 i % 2, i);
        write_file(text);
        plrt_config_reload();
        snprintf(chunk, sizeof chunk, "%d", i);
        cr_assert_null(plrt_config_set("chunk", i % 3 ? chunk : NULL));
    }
    stop = 1;
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
}

static void *reload_often(void *arg) {
    (void)arg;
    while (!stop)
        plrt_config_reload();
    return NULL;
}

Test(config, children_of_fork_can_read_while_the_parent_reads) {
    pthread_t thread;
    write_file("chunk: 11\n");
    pthread_create(&thread, NULL, reload_often, NULL);
    for (int i = 0; i < 50; i++) {
        pid_t child = fork();
        if (child == 0) {
            plrt_setting s;
            plrt_config_reload();
            plrt_config_get((size_t)plrt_config_find("chunk"), &s);
            _exit(strcmp(s.value, "11") != 0);
        }
        int status = -1;
        waitpid(child, &status, 0);
        cr_assert_eq(status, 0);
    }
    stop = 1;
    pthread_join(thread, NULL);
}

/* ---- leaks, where the sanitizer looks --------------------------------------------------------------------------------- */

Test(config, checking_many_files_keeps_nothing) {
    static const char *const texts[] = {
        "threads: 3\nkernels: {f: {sizes: [{up_to: 3, threads: 1}], loops: {3: {chunk: 2}}}}\n",
        "threads: [\n",
        "a: &x 3\n",
        "x: {a: 1, a: 2}\n",
        "\xff\xfe",
        "? [a]\n",
        "thread: 3\n",
        "kernels: [a, {b: *c}]\n",
        "threads: 1\n---\nx: 3\n",
        ""};
    for (int round = 0; round < 20; round++)
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
            char *problems = NULL;
            write_file(texts[i]);
            free(plrt_config_check(path));
            free(plrt_suite_read(path, &problems));
            cr_assert_not_null(problems);
            free(problems);
        }
}
