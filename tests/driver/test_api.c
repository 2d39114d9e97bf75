/* The public C API from end to end: requests as text, artifacts, kernels, files. */
#include "plait/plait.h"

#include <criterion/criterion.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char saxpy[] =
    "{\"source\": \"def saxpy(a, x, y):\\n    for i in prange(x.shape[0]):\\n        y[i] = a * x[i] + y[i]\\n\","
    "\"file\": \"saxpy.py\", \"first_line\": 10, \"function\": \"saxpy\","
    "\"bindings\": {\"prange\": {\"object\": \"plait.prange\"}},"
    "\"signature\": \"(f8, f8[::1], f8[::1])\","
    "\"options\": {\"parallel\": true, \"dump\": [\"tokens\", \"ast\", \"kir\", \"types\", \"after:outline\", \"llvm\","
    " \"optimized\", \"asm\"]}}";

static plait_artifact *compile(const char *request) {
    plait_artifact *a = NULL;
    plait_diagnostics *d = NULL;
    plait_status status = plait_compile(request, strlen(request), &a, &d);
    cr_assert_eq(status, PLAIT_OK, "%s", plait_diagnostics_get(d, 0).text);
    plait_diagnostics_free(d);
    return a;
}

/* The first diagnostic of a request that must not compile. */
static void expect_refused(const char *request, const char *kind, const char *part) {
    plait_artifact *a = NULL;
    plait_diagnostics *d = NULL;
    cr_assert_eq(plait_compile(request, strlen(request), &a, &d), PLAIT_ERROR, "%s", request);
    cr_expect_null(a);
    cr_assert(plait_diagnostics_count(d) > 0);
    plait_diagnostic first = plait_diagnostics_get(d, 0);
    cr_expect_str_eq(first.kind, kind, "%s: %s", first.kind, first.message);
    cr_expect_not_null(strstr(first.message, part), "'%s' is not in '%s'", part, first.message);
    plait_diagnostics_free(d);
}

static plait_kernel *load(const plait_artifact *a) {
    plait_kernel *k = NULL;
    plait_diagnostics *d = NULL;
    cr_assert_eq(plait_load(a, &k, &d), PLAIT_OK, "%s", plait_diagnostics_get(d, 0).text);
    return k;
}

static int64_t slot(double x) {
    int64_t s;
    memcpy(&s, &x, sizeof s);
    return s;
}

static void run_saxpy(plait_entry entry) {
    double x[100], y[100];
    for (int i = 0; i < 100; i++) {
        x[i] = i;
        y[i] = 1;
    }
    int64_t args[9] = {slot(2), (int64_t)(intptr_t)x, 1, 100, 8, (int64_t)(intptr_t)y, 1, 100, 8};
    plrt_error err;
    cr_assert_eq(entry(args, NULL, &err), 0);
    for (int i = 0; i < 100; i++)
        cr_assert_eq(y[i], 2 * i + 1);
}

Test(api, a_kernel_outlives_its_artifact) {
    plait_artifact *a = compile(saxpy);
    plait_kernel *k = load(a);
    plait_artifact_free(a);
    run_saxpy(plait_kernel_entry(k));
    plait_kernel_free(k);
}

Test(api, an_artifact_loads_more_than_once) {
    plait_artifact *a = compile(saxpy);
    plait_kernel *first = load(a), *second = load(a);
    plait_kernel_free(first);
    run_saxpy(plait_kernel_entry(second));
    plait_kernel_free(second);
    plait_artifact_free(a);
}

Test(api, objects_for_another_machine_are_not_loaded) {
    plait_artifact *a = compile("{\"source\": \"def f(x): return x\", \"function\": \"f\", \"signature\": \"(f8,)\","
                                "\"target\": {\"triple\": \"powerpc64le-linux-gnu\", \"cpu\": \"pwr9\"}}");
    plait_kernel *k = NULL;
    plait_diagnostics *d = NULL;
    cr_expect_eq(plait_load(a, &k, &d), PLAIT_ERROR);
    cr_expect_not_null(strstr(plait_diagnostics_get(d, 0).message, "another machine"));
    plait_diagnostics_free(d);
    plait_artifact_free(a);
}

Test(api, an_artifact_describes_itself) {
    plait_artifact *a = compile(saxpy);
    cr_expect_str_eq(plait_artifact_entry(a), "plait_entry_saxpy");
    cr_expect_str_eq(plait_artifact_signature(a), "none(float64, array(float64, 1d, C), array(float64, 1d, C))");
    cr_expect_not_null(strstr(plait_artifact_metadata(a), "\"regions\":1"));
    cr_expect_not_null(strstr(plait_artifact_report(a), "\"decision\":\"parallel\""));
    cr_expect_not_null(strstr(plait_artifact_explain(a), "   11  PARALLEL |     for i in prange(x.shape[0]):"));
    cr_expect_not_null(strstr(plait_artifact_timings(a), "\"llvm_opt\""));
    plait_artifact_free(a);
}

Test(api, dumps_are_kept_by_name) {
    static const char *const names[] = {"tokens", "ast", "kir", "types", "after:outline", "llvm", "optimized", "asm"};
    plait_artifact *a = compile(saxpy);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *text = plait_artifact_dump(a, names[i]);
        cr_expect(text && *text, "no dump %s", names[i]);
    }
    cr_expect_null(plait_artifact_dump(a, "after:scalarize"));
    plait_artifact_free(a);
}

Test(api, errors_of_kernels_read_as_pythons) {
    plait_artifact *a =
        compile("{\"source\": \"def f(x, i):\\n    if i == 7:\\n        raise ValueError('seven', (i,))\\n"
                "    return x[i]\\n\", \"function\": \"f\","
                "\"bindings\": {\"ValueError\": {\"exception\": \"ValueError\"}},"
                "\"signature\": \"(f8[::1], i8)\"}");
    plait_kernel *k = load(a);
    double x[3] = {1, 2, 3};
    int64_t args[5] = {(int64_t)(intptr_t)x, 1, 3, 8, 5}, result;
    plrt_error err;
    char text[200];
    cr_assert_eq(plait_kernel_entry(k)(args, &result, &err), 1);
    plait_kernel_error_text(k, &err, text, sizeof text);
    cr_expect_str_eq(text, "IndexError: index 5 is out of bounds for axis 0 with size 3");
    args[4] = 7;
    cr_assert_eq(plait_kernel_entry(k)(args, &result, &err), 1);
    plait_kernel_error_text(k, &err, text, sizeof text);
    cr_expect_str_eq(text, "ValueError: ('seven', (7,))");
    args[4] = -1;
    cr_assert_eq(plait_kernel_entry(k)(args, &result, &err), 0);
    cr_expect_eq(result, slot(3));
    plait_kernel_free(k);
    plait_artifact_free(a);
}

Test(api, malformed_requests_name_the_field) {
    expect_refused("", "ValueError", "request:");
    expect_refused("[]", "ValueError", "JSON object");
    expect_refused("{}", "ValueError", "source is missing");
    expect_refused("{\"source\": 1, \"function\": \"f\", \"signature\": \"()\"}", "ValueError",
                   "source must be a string");
    expect_refused("{\"source\": \"def f(): pass\", \"function\": \"g\", \"signature\": \"()\"}", "ValueError", "'g'");
    expect_refused("{\"source\": \"def f(): pass\", \"function\": \"f\", \"signature\": \"()\", \"option\": {}}",
                   "ValueError", "option is not a field");
    expect_refused("{\"source\": \"def f(): pass\", \"function\": \"f\", \"signature\": \"()\","
                   "\"options\": {\"opt\": 9}}",
                   "ValueError", "options.opt must be");
    expect_refused("{\"source\": \"def f(): pass\", \"function\": \"f\", \"signature\": \"()\","
                   "\"options\": {\"fastmath\": [\"quick\"]}}",
                   "ValueError", "options.fastmath has an unknown flag");
    expect_refused("{\"source\": \"def f(): pass\", \"function\": \"f\", \"signature\": \"()\","
                   "\"bindings\": {\"n\": {\"int\": \"12x\"}}}",
                   "ValueError", "bindings.n must be an integer");
    expect_refused("{\"source\": \"def f(): pass\", \"function\": \"f\", \"signature\": \"()\","
                   "\"bindings\": {\"t\": {\"tuple\": [{\"int\": \"1\"}, {}]}}}",
                   "ValueError", "bindings.t[1] is not a binding");
    expect_refused("{\"source\": \"def f(): pass\", \"function\": \"f\", \"signature\": \"()\","
                   "\"target\": {\"cpu\": \"z80\"}}",
                   "ValueError", "unknown CPU 'z80'");
    expect_refused("{\"source\": \"def f(): pass\", \"function\": \"f\", \"signature\": \"()\","
                   "\"target\": {\"features\": \"+fma,+warp\"}}",
                   "ValueError", "unknown CPU feature '+warp'");
    expect_refused("{\"source\": \"def f(): pass\", \"function\": \"f\", \"signature\": \"()\","
                   "\"target\": {\"triple\": \"wasm32-unknown-unknown\"}}",
                   "ValueError", "unknown target");
    expect_refused("{\"source\": \"def f(: pass\", \"function\": \"f\", \"signature\": \"()\"}", "SyntaxError", "");
}

Test(api, frozen_arrays_and_other_bindings_are_read) {
    plait_artifact *a = compile(
        "{\"source\": \"def f(i):\\n    return table[i] + N + T[1] + h(i)\\n\", \"function\": \"f\", \"bindings\": {"
        "\"table\": {\"array\": {\"dtype\": \"int16\", \"shape\": [2], \"order\": \"C\", \"data\": \"AQD//w==\"}},"
        "\"N\": {\"int\": \"100\"}, \"T\": {\"tuple\": [{\"int\": \"1\"}, {\"int\": \"1000\"}]},"
        "\"h\": {\"kernel\": {\"source\": \"def h(x):\\n    return x * 10000\\n\", \"function\": \"h\"}}},"
        "\"signature\": \"(i8,)\"}");
    plait_kernel *k = load(a);
    int64_t arg = 1, result;
    plrt_error err;
    cr_assert_eq(plait_kernel_entry(k)(&arg, &result, &err), 0);
    cr_expect_eq(result, -1 + 100 + 1000 + 10000);
    plait_kernel_free(k);
    plait_artifact_free(a);
}

static char folder[] = "/tmp/plait_api_XXXXXX";

static const char *path_of(const char *name) {
    static char path[100];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

Test(api, artifacts_are_written_by_extension) {
    static const char *const names[] = {"k.o", "k.so", "k.ll", "k.s", "k.h"};
    cr_assert_not_null(mkdtemp(folder));
    plait_artifact *a = compile(saxpy);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        plait_diagnostics *d = NULL;
        cr_expect_eq(plait_artifact_write(a, path_of(names[i]), &d), PLAIT_OK, "%s: %s", names[i],
                     plait_diagnostics_get(d, 0).text);
        plait_diagnostics_free(d);
    }
    void *so = dlopen(path_of("k.so"), RTLD_NOW);
    cr_assert_not_null(so, "%s", dlerror());
    run_saxpy((plait_entry)dlsym(so, "plait_entry_saxpy"));
    dlclose(so);
    plait_diagnostics *d = NULL;
    cr_expect_eq(plait_artifact_write(a, path_of("k.exe"), &d), PLAIT_ERROR);
    plait_diagnostics_free(d);
    cr_expect_eq(plait_artifact_write(a, "/nonexistent/k.o", NULL), PLAIT_IO_ERROR);
    plait_artifact_free(a);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        unlink(path_of(names[i]));
    rmdir(folder);
}

Test(api, debug_gives_line_tables) {
    plait_artifact *a = compile("{\"source\": \"def f(x):\\n    return x * 2\\n\", \"file\": \"/src/k.py\","
                                "\"first_line\": 40, \"function\": \"f\", \"signature\": \"(f8,)\","
                                "\"options\": {\"debug\": true, \"verify\": true, \"dump\": [\"asm\"]}}");
    cr_expect_not_null(strstr(plait_artifact_dump(a, "asm"), ".loc\t1 41"));
    plait_kernel *k = load(a);
    int64_t arg = slot(4), result;
    plrt_error err;
    cr_assert_eq(plait_kernel_entry(k)(&arg, &result, &err), 0);
    cr_expect_eq(result, slot(8));
    plait_kernel_free(k);
    plait_artifact_free(a);
}

static void *compile_and_run(void *unused) {
    (void)unused;
    for (int i = 0; i < 5; i++) {
        plait_artifact *a = compile(saxpy);
        plait_kernel *k = load(a);
        run_saxpy(plait_kernel_entry(k));
        plait_kernel_free(k);
        plait_artifact_free(a);
    }
    return NULL;
}

Test(api, threads_compile_and_run_at_once) {
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, compile_and_run, NULL), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
}
