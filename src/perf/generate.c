/* The arguments that a suite describes. The same seed gives the same array, on every machine. */
#include "perf/perf.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct dtype {
    const char *name;
    char kind;
    uint32_t size;
} dtype;

static const dtype dtypes[] = {{"bool", 'b', 1},       {"int8", 'i', 1},    {"int16", 'i', 2},   {"int32", 'i', 4},
                               {"int64", 'i', 8},      {"uint8", 'u', 1},   {"uint16", 'u', 2},  {"uint32", 'u', 4},
                               {"uint64", 'u', 8},     {"float32", 'f', 4}, {"float64", 'f', 8}, {"complex64", 'c', 8},
                               {"complex128", 'c', 16}};

__attribute__((format(printf, 2, 3))) static bool refuse(char error[PERF_ERROR_SIZE], const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(error, PERF_ERROR_SIZE, format, args);
    va_end(args);
    return false;
}

static const char *word(const json_t *spec, const char *key, const char *fallback) {
    const char *found = json_string_value(json_object_get(spec, key));
    return found ? found : fallback;
}

static double number(const json_t *spec, const char *key, double fallback) {
    const json_t *found = json_object_get(spec, key);
    return json_is_number(found) ? json_number_value(found) : fallback;
}

static const dtype *find_dtype(const json_t *spec) {
    const char *name = word(spec, "dtype", "float64");
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++) {
        if (!strcmp(dtypes[i].name, name))
            return &dtypes[i];
    }
    return NULL;
}

/* ---- random numbers: Steele, Lea and Flood's SplitMix64 -------------------------------------------------------------------- */

typedef struct stream {
    uint64_t state;
} stream;

static uint64_t next_bits(stream *s) {
    uint64_t z = s->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static double next_unit(stream *s) { /* in [0, 1) */
    return (double)(next_bits(s) >> 11) * 0x1p-53;
}

static double next_normal(stream *s) { /* Box and Muller */
    double u = 1 - next_unit(s), v = next_unit(s);
    return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}

/* ---- elements -------------------------------------------------------------------------------------------------------------- */

typedef struct filler {
    const dtype *type;
    const json_t *spec;
    stream random;
    double low, high, mean, std, constant;
    int64_t count;
    int64_t *order; /* of a permutation */
} filler;

typedef double next_fn(filler *f, int64_t i);

static double next_zero(filler *f, int64_t i) {
    (void)f;
    (void)i;
    return 0;
}
static double next_one(filler *f, int64_t i) {
    (void)f;
    (void)i;
    return 1;
}
static double next_constant(filler *f, int64_t i) {
    (void)i;
    return f->constant;
}
static double next_index(filler *f, int64_t i) {
    (void)f;
    return (double)i;
}
static double next_step(filler *f, int64_t i) {
    return f->count > 1 ? f->low + (f->high - f->low) * (double)i / (double)(f->count - 1) : f->low;
}
static double next_permuted(filler *f, int64_t i) {
    return (double)f->order[i];
}
static double next_integer(filler *f, int64_t i) {
    (void)i;
    return f->low + floor(next_unit(&f->random) * (f->high - f->low));
}
static double next_uniform(filler *f, int64_t i) {
    (void)i;
    return f->low + next_unit(&f->random) * (f->high - f->low);
}
static double next_gauss(filler *f, int64_t i) {
    (void)i;
    return f->mean + f->std * next_normal(&f->random);
}

static const struct {
    const char *name;
    next_fn *next;
    double low, high; /* unless said */
} distributions[] = {
    {"uniform", next_uniform, 0, 1},   {"normal", next_gauss, 0, 1}, {"integers", next_integer, 0, 100},
    {"linspace", next_step, 0, 1},     {"zeros", next_zero, 0, 1},   {"ones", next_one, 0, 1},
    {"constant", next_constant, 0, 1}, {"arange", next_index, 0, 1}, {"permutation", next_permuted, 0, 1}};

/* Conversions to integers saturate: what a suite asks for may not fit. */
static void store_whole(const dtype *t, void *at, double x) {
    int64_t whole = x >= 0x1p63 ? INT64_MAX : x <= -0x1p63 ? INT64_MIN : isnan(x) ? 0 : (int64_t)x;
    uint64_t bits = t->kind == 'u' && x >= 0x1p63 ? (x < 0x1p64 ? (uint64_t)x : UINT64_MAX) : (uint64_t)whole;
    uint8_t b = (uint8_t)bits;
    uint16_t h = (uint16_t)bits;
    uint32_t w = (uint32_t)bits;
    const void *from = t->size == 1 ? (const void *)&b : t->size == 2 ? &h : t->size == 4 ? (const void *)&w : &bits;
    memcpy(at, from, t->size);
}

static void store_real(void *at, double x, uint32_t size) {
    float single = (float)x;
    memcpy(at, size == 4 ? (const void *)&single : &x, size);
}

static void store(const dtype *t, char *at, double x, double imaginary) {
    uint8_t truth = x != 0;
    if (t->kind == 'b')
        memcpy(at, &truth, 1);
    else if (t->kind == 'i' || t->kind == 'u')
        store_whole(t, at, x);
    else if (t->kind == 'f')
        store_real(at, x, t->size);
    if (t->kind != 'c')
        return;
    store_real(at, x, t->size / 2);
    store_real(at + t->size / 2, imaginary, t->size / 2);
}

/* Where the element number i, counted in C order, lies. */
static char *element(const npy_array *a, int64_t i) {
    int64_t at = 0;
    if (!a->fortran)
        return (char *)a->data + i * a->size;
    for (uint32_t k = a->ndim; k-- > 0;) {
        at += i % a->shape[k] * a->strides[k];
        i /= a->shape[k];
    }
    return (char *)a->data + at;
}

static bool make_permutation(filler *f) {
    f->order = malloc(((size_t)f->count + 1) * sizeof *f->order);
    if (!f->order)
        return false;
    for (int64_t i = 0; i < f->count; i++)
        f->order[i] = i;
    for (int64_t i = f->count - 1; i > 0; i--) {
        int64_t k = (int64_t)(next_bits(&f->random) % (uint64_t)(i + 1)), other = f->order[k];
        f->order[k] = f->order[i];
        f->order[i] = other;
    }
    return true;
}

static size_t find_distribution(const json_t *spec) {
    size_t k = 0, n = sizeof distributions / sizeof *distributions;
    while (k < n && strcmp(distributions[k].name, word(spec, "distribution", "uniform")) != 0)
        k++;
    return k;
}

static bool fill(npy_array *a, const json_t *spec, const dtype *t, char error[PERF_ERROR_SIZE]) {
    size_t k = find_distribution(spec);
    filler f = {.type = t, .spec = spec, .count = npy_count(a)};
    if (k == sizeof distributions / sizeof *distributions)
        return refuse(error, "the distribution %s is not known", word(spec, "distribution", "?"));
    next_fn *next = distributions[k].next;
    bool is_whole = t->kind == 'i' || t->kind == 'u' || t->kind == 'b';
    if (next == next_uniform && is_whole)
        next = next_integer;
    double most = next == next_integer ? (t->kind == 'b' ? 2 : 100) : distributions[k].high;
    f.random.state = (uint64_t)(int64_t)fmax(fmin(number(spec, "seed", 0), 0x1p62), -0x1p62);
    f.low = number(spec, "low", distributions[k].low);
    f.high = number(spec, "high", most);
    f.mean = number(spec, "mean", 0);
    f.std = number(spec, "std", 1);
    f.constant = number(spec, "value", 0);
    if (next == next_integer && !(f.high > f.low))
        return refuse(error, "integers from %.17g to below %.17g: there are none", f.low, f.high);
    if (next == next_permuted && !make_permutation(&f))
        return refuse(error, "out of memory");
    bool draws = next == next_uniform || next == next_gauss;
    for (int64_t i = 0; i < f.count; i++) {
        double x = next(&f, i);
        store(t, element(a, i), x, draws && t->kind == 'c' ? next(&f, i) : 0);
    }
    free(f.order);
    return true;
}

/* ---- arrays ---------------------------------------------------------------------------------------------------------------- */

int64_t perf_argument_bytes(const json_t *spec) {
    const dtype *t = find_dtype(spec);
    const json_t *shape = json_object_get(spec, "shape");
    if (!t || !json_is_array(shape))
        return 0;
    int64_t bytes = t->size;
    for (size_t i = 0; i < json_array_size(shape); i++) {
        if (__builtin_mul_overflow(bytes, json_integer_value(json_array_get(shape, i)), &bytes))
            return -1;
    }
    return bytes;
}

static void set_shape(npy_array *a, const json_t *shape) {
    a->ndim = (uint32_t)json_array_size(shape);
    int64_t stride = a->size;
    for (uint32_t i = 0; i < a->ndim; i++)
        a->shape[i] = json_integer_value(json_array_get(shape, i));
    for (uint32_t i = 0; i < a->ndim; i++) {
        uint32_t axis = a->fortran ? i : a->ndim - 1 - i;
        a->strides[axis] = stride;
        stride *= a->shape[axis] > 0 ? a->shape[axis] : 1;
    }
}

static bool make_array(arena *a, const json_t *spec, cli_value *out, char error[PERF_ERROR_SIZE]) {
    const dtype *t = find_dtype(spec);
    const json_t *shape = json_object_get(spec, "shape");
    int64_t bytes = perf_argument_bytes(spec);
    double memory = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    if (!t || json_array_size(shape) > NPY_MAX_NDIM)
        return refuse(error, "the array's description is broken");
    if (bytes < 0 || (double)bytes > 0.7 * memory)
        return refuse(error, "an array of more bytes than this machine's memory has room for");
    npy_array *made = arena_make(a, npy_array);
    *made = (npy_array){.kind = t->kind, .size = t->size, .fortran = !strcmp(word(spec, "order", "C"), "F")};
    set_shape(made, shape);
    made->data = aligned_alloc(64, ((size_t)bytes + 64) / 64 * 64);
    if (!made->data)
        return refuse(error, "out of memory: an array of %lld bytes", (long long)bytes);
    out->array = made;
    return fill(made, spec, t, error);
}

static bool read_array(arena *a, const json_t *spec, cli_value *out, char error[PERF_ERROR_SIZE]) {
    char cause[NPY_ERROR_SIZE];
    const char *path = word(spec, "path", "");
    npy_array *made = arena_make(a, npy_array);
    if (!npy_read(path, made, cause))
        return refuse(error, "%s: error: %s", path, cause);
    out->array = made;
    return true;
}

static json_t *make_constant(const json_t *v) {
    char digits[40];
    if (json_is_boolean(v))
        return json_pack("{s:b}", "bool", json_is_true(v));
    if (json_is_string(v))
        return json_pack("{s:s%}", "str", json_string_value(v), json_string_length(v));
    if (json_is_integer(v))
        snprintf(digits, sizeof digits, "%lld", (long long)json_integer_value(v));
    else if (json_is_real(v))
        snprintf(digits, sizeof digits, "%.17g", json_real_value(v));
    return json_is_number(v) ? json_pack("{s:s}", json_is_integer(v) ? "int" : "float", digits)
                             : json_pack("{s:b}", "none", 1);
}

bool perf_make_argument(arena *a, const json_t *spec, cli_value *out, char error[PERF_ERROR_SIZE]) {
    const char *kind = word(spec, "kind", "");
    *out = (cli_value){.word = kind};
    if (!strcmp(kind, "array"))
        return make_array(a, spec, out, error);
    if (!strcmp(kind, "file"))
        return read_array(a, spec, out, error);
    out->constant = make_constant(json_object_get(spec, "value"));
    return out->constant || refuse(error, "out of memory");
}

void perf_free_argument(cli_value *v) {
    json_decref(v->constant);
    if (v->array)
        npy_free(v->array);
    *v = (cli_value){0};
}
