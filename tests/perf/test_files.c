/* What is read from files, whatever is in them. */
#include "perf/perf.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char error[PERF_ERROR_SIZE];

/* ---- pyperf's ------------------------------------------------------------------------------------------------------------- */

static void expect_refused(const char *bytes, const char *part) {
    arena *a = arena_new(NULL);
    perf_file *f = pyperf_read_text(a, "x.json", bytes, strlen(bytes), error);
    cr_assert_null(f, "%s was read", bytes);
    cr_assert(strstr(error, part), "%s: %s", bytes, error);
    cr_assert_eq(strncmp(error, "x.json", 6), 0);
    arena_free(a);
}

Test(files, what_is_no_measurement_is_refused) {
    expect_refused("", ":1:0: error: ");
    expect_refused("{\"benchmarks\": [}", ":1:17: error: ");
    expect_refused("\xff\xfe", "error: ");
    expect_refused("[]", "no list \"benchmarks\"");
    expect_refused("{\"benchmarks\": {}}", "no list \"benchmarks\"");
    expect_refused("{\"benchmarks\": []}", "no benchmark in it");
    expect_refused("{\"benchmarks\": [3]}", "benchmarks[0] has no name");
    expect_refused("{\"benchmarks\": [{\"metadata\": {\"name\": 3}, \"runs\": []}]}", "benchmarks[0] has no name");
    expect_refused("{\"benchmarks\": [{\"metadata\": {\"name\": \"a\"}, \"runs\": {}}]}", "has no list of runs");
    expect_refused("{\"benchmarks\": [{\"metadata\": {\"name\": \"a\"}, \"runs\": [1]}]}", "runs[0] is no object");
    expect_refused("{\"benchmarks\": [{\"metadata\": {\"name\": \"a\"}, \"runs\": [{\"values\": 1}]}]}",
                   "values is no list");
    expect_refused("{\"benchmarks\": [{\"metadata\": {\"name\": \"a\"}, \"runs\": [{\"values\": [1, 0]}]}]}",
                   "benchmarks[0].runs[0].values[1] is no number above 0");
    expect_refused("{\"benchmarks\": [{\"metadata\": {\"name\": \"a\"}, \"runs\": [{\"values\": [\"1\"]}]}]}",
                   "no number");
    expect_refused("{\"benchmarks\": [{\"metadata\": {\"name\": \"a\"}, \"runs\": [{\"values\": [1e999]}]}]}",
                   "error: ");
    expect_refused("{\"benchmarks\": [{\"metadata\": {\"name\": \"a\"}, \"runs\": []}, "
                   "{\"metadata\": {\"name\": \"a\"}, \"runs\": []}]}",
                   "two benchmarks are called 'a'");
    expect_refused("{\"a\": 1, \"a\": 2}", "duplicate");
}

Test(files, deep_and_cut_ones_are_refused) {
    enum { DEEP = 100000 };
    char *deep = malloc(DEEP + 1);
    memset(deep, '[', DEEP);
    deep[DEEP] = '\0';
    expect_refused(deep, "error: ");
    free(deep);
    const char whole[] = "{\"benchmarks\": [{\"metadata\": {\"name\": \"a\"}, \"runs\": [{\"values\": [1.5]}]}]}";
    for (size_t n = 0; n < sizeof whole - 1; n++) {
        arena *a = arena_new(NULL);
        cr_assert_null(pyperf_read_text(a, "x.json", whole, n, error));
        arena_free(a);
    }
}

Test(files, a_run_of_warm_ups_is_left_out) {
    const char bytes[] =
        "{\"metadata\": {\"commit\": \"abc\"}, \"benchmarks\": [{\"metadata\": {\"name\": \"a\", \"plait_bytes\": 8}, "
        "\"runs\": [{\"warmups\": [[1, 2.0]]}, {\"values\": [3, 1, 2], \"metadata\": {\"plait_process\": 7}}]}]}";
    arena *a = arena_new(NULL);
    perf_file *f = pyperf_read_text(a, "x.json", bytes, strlen(bytes), error);
    cr_assert_not_null(f, "%s", error);
    const perf_file_benchmark *b = &f->benchmarks.at[0];
    double *logs;
    cr_assert_eq(b->runs.len, 1);
    cr_assert_eq(b->runs.at[0].process, 7);
    cr_assert_eq(pyperf_medians(a, b, &logs), 1);
    cr_assert_eq(logs[0], log(2));
    cr_assert_str_eq(pyperf_text(f, b, "commit"), "abc");
    cr_assert_eq(pyperf_number(f, b, "plait_bytes"), 8);
    cr_assert_null(pyperf_text(f, b, "plait_bytes"));
    pyperf_free(f);
    arena_free(a);
}

/* ---- limits of the machine ------------------------------------------------------------------------------------------------- */

static perf_limits some_limits(void) {
    return (perf_limits){.threads = 2,
                         .levels = 3,
                         .flops = 1e10,
                         .flops32 = 2e10,
                         .footprint = {1e3, 1e5, 1e7},
                         .bytes = {1e11, 1e11, 1e9}};
}

Test(files, limits_survive_their_json) {
    perf_limits l = some_limits(), again;
    json_t *o = limits_json(&l);
    cr_assert(limits_read(o, &again));
    cr_assert_eq(memcmp(&l, &again, sizeof l), 0);
    json_decref(o);
}

Test(files, wrong_limits_are_refused) {
    static const char *const wrong[] = {
        "{}",
        "3",
        "{\"version\": 1, \"threads\": 1, \"flops\": 1e9, \"flops32\": 1e9, \"levels\": []}",
        "{\"version\": 1, \"threads\": 1, \"flops\": -1, \"flops32\": 1e9, \"levels\": [{\"footprint\": 1, \"bytes\": "
        "1}]}",
        "{\"version\": 9, \"threads\": 1, \"flops\": 1e9, \"flops32\": 1e9, \"levels\": [{\"footprint\": 1, \"bytes\": "
        "1}]}",
        "{\"version\": 1, \"threads\": 1, \"flops\": 1e9, \"flops32\": 1e9, \"levels\": [{\"footprint\": 1, \"bytes\": "
        "0}]}",
        "{\"version\": 1, \"threads\": 1, \"flops\": 1e9, \"flops32\": 1e9, \"levels\": [{\"footprint\": 2, \"bytes\": "
        "1}, "
        "{\"footprint\": 1, \"bytes\": 1}]}"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        perf_limits l;
        json_t *o = json_loads(wrong[i], JSON_DECODE_ANY, NULL);
        cr_assert(!limits_read(o, &l), "%s", wrong[i]);
        json_decref(o);
    }
}

Test(files, the_roof_is_what_takes_longer) {
    perf_limits l = some_limits();
    cr_assert_float_eq(roofline_bandwidth(&l, 10), 1e11, 1);
    cr_assert_float_eq(roofline_bandwidth(&l, 1e9), 1e9, 1);
    cr_assert_float_eq(roofline_bandwidth(&l, 1e6), 1e10, 1e5); /* half way between 1e5 and 1e7 */
    cr_assert_float_eq(roofline_floor(&l, 1e9, 0, false, 1e9), 1, 1e-9);
    cr_assert_float_eq(roofline_floor(&l, 1e9, 1e11, false, 1e9), 10, 1e-9);
    cr_assert_float_eq(roofline_floor(&l, 1e9, 1e11, true, 1e9), 5, 1e-9);
    cr_assert_eq(roofline_floor(&l, 0, 0, false, 1e9), 0);
}

static int measured;
static bool measure(void *context, int32_t threads, perf_limits *out) {
    *out = *(const perf_limits *)context;
    out->threads = threads;
    measured++;
    return true;
}

Test(files, limits_are_measured_once_and_become_no_worse) {
    char folder[] = "/tmp/plait-limits-XXXXXX", command[64];
    perf_limits l = some_limits(), found;
    cr_assert_not_null(mkdtemp(folder));
    setenv("PLAIT_CACHE_DIR", folder, 1);
    cr_assert(roofline_get(2, measure, &l, false, &found) && roofline_get(2, measure, &l, false, &found));
    cr_assert_eq(measured, 1);
    l.flops = 5e10;
    l.bytes[0] = 1;
    cr_assert(roofline_get(2, measure, &l, true, &found));
    cr_assert(measured == 2 && found.flops == 5e10 && found.bytes[0] == 1e11);
    cr_assert(roofline_get(2, measure, &l, false, &found) && found.flops == 5e10 && measured == 2);
    snprintf(command, sizeof command, "rm -r %s", folder);
    cr_assert_eq(system(command), 0);
}

/* ---- arguments --------------------------------------------------------------------------------------------------------------- */

static json_t *spec_of(const char *written) {
    json_t *spec = json_loads(written, 0, NULL);
    cr_assert_not_null(spec, "%s", written);
    return spec;
}

static void expect_argument_refused(const char *written, const char *part) {
    arena *a = arena_new(NULL);
    json_t *spec = spec_of(written);
    cli_value v;
    cr_assert(!perf_make_argument(a, spec, &v, error), "%s", written);
    cr_assert(strstr(error, part), "%s", error);
    perf_free_argument(&v);
    json_decref(spec);
    arena_free(a);
}

Test(files, arguments_that_cannot_be_are_refused) {
    expect_argument_refused("{\"kind\": \"array\", \"shape\": [281474976710656]}", "memory has room for");
    expect_argument_refused("{\"kind\": \"array\", \"shape\": [281474976710656, 281474976710656]}",
                            "memory has room for");
    expect_argument_refused("{\"kind\": \"array\", \"shape\": [3], \"dtype\": \"float16\"}", "broken");
    expect_argument_refused("{\"kind\": \"array\", \"shape\": [3], \"distribution\": \"x\"}", "x is not known");
    expect_argument_refused(
        "{\"kind\": \"array\", \"shape\": [3], \"distribution\": \"integers\", \"low\": 5, \"high\": 5}",
        "there are none");
    expect_argument_refused("{\"kind\": \"file\", \"path\": \"none.npy\"}", "none.npy: error: No such file");
}

static cli_value make(arena *a, const char *written) {
    json_t *spec = spec_of(written);
    cli_value v;
    cr_assert(perf_make_argument(a, spec, &v, error), "%s: %s", written, error);
    json_decref(spec);
    return v;
}

Test(files, arrays_are_what_the_suite_says) {
    arena *a = arena_new(NULL);
    cli_value v =
        make(a, "{\"kind\": \"array\", \"shape\": [2, 3], \"dtype\": \"int16\", \"distribution\": \"arange\", "
                "\"order\": \"F\"}");
    const int16_t *whole = v.array->data;
    cr_assert(whole[0] == 0 && whole[1] == 3 && whole[2] == 1 && v.array->strides[0] == 2 && v.array->strides[1] == 4);
    perf_free_argument(&v);
    v = make(
        a, "{\"kind\": \"array\", \"shape\": [3], \"dtype\": \"float32\", \"distribution\": \"linspace\", \"low\": -1, "
           "\"high\": 2}");
    const float *real = v.array->data;
    cr_assert(real[0] == -1 && real[1] == 0.5f && real[2] == 2);
    perf_free_argument(&v);
    v = make(a, "{\"kind\": \"array\", \"shape\": [1000], \"dtype\": \"int64\", \"distribution\": \"permutation\", "
                "\"seed\": 3}");
    const int64_t *order = v.array->data;
    int64_t sum = 0;
    for (int i = 0; i < 1000; i++)
        sum += order[i] * order[i];
    cr_assert(sum == 332833500 && order[0] + order[1] + order[2] != 3);
    perf_free_argument(&v);
    v = make(a, "{\"kind\": \"array\", \"shape\": [3], \"dtype\": \"uint8\", \"distribution\": \"constant\", "
                "\"value\": 1e300}");
    perf_free_argument(&v);
    v = make(a, "{\"kind\": \"array\", \"shape\": [0, 5], \"distribution\": \"normal\"}");
    perf_free_argument(&v);
    arena_free(a);
}

Test(files, random_arrays_have_their_distribution_and_follow_their_seed) {
    arena *a = arena_new(NULL);
    enum { N = 20000 };
    cli_value v =
        make(a, "{\"kind\": \"array\", \"shape\": [20000], \"distribution\": \"normal\", \"mean\": 5, \"std\": 2}");
    cli_value u =
        make(a, "{\"kind\": \"array\", \"shape\": [20000], \"distribution\": \"uniform\", \"low\": -2, \"high\": 4}");
    cli_value w =
        make(a, "{\"kind\": \"array\", \"shape\": [20000], \"distribution\": \"uniform\", \"low\": -2, \"high\": 4}");
    cli_value k = make(
        a, "{\"kind\": \"array\", \"shape\": [20000], \"dtype\": \"int8\", \"distribution\": \"integers\", \"low\": "
           "-3, \"high\": 3}");
    const double *x = v.array->data, *y = u.array->data;
    const int8_t *z = k.array->data;
    double sum = 0, squares = 0, least = 9, most = -9;
    int seen[6] = {0};
    for (int i = 0; i < N; i++) {
        sum += x[i];
        squares += (x[i] - 5) * (x[i] - 5);
        least = fmin(least, y[i]);
        most = fmax(most, y[i]);
        cr_assert(z[i] >= -3 && z[i] < 3);
        seen[z[i] + 3]++;
    }
    cr_assert(fabs(sum / (double)N - 5) < 0.1 && fabs(sqrt(squares / (double)N) - 2) < 0.05);
    cr_assert(least >= -2 && least < -1.99 && most < 4 && most > 3.99);
    for (int i = 0; i < 6; i++)
        cr_assert(abs(seen[i] - N / 6) < 300);
    cr_assert_eq(memcmp(u.array->data, w.array->data, N * sizeof(double)), 0);
    perf_free_argument(&v);
    perf_free_argument(&u);
    perf_free_argument(&w);
    perf_free_argument(&k);
    arena_free(a);
}
