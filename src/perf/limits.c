/* What the machine can do: multiply-adds from registers, and bytes moved over working sets that fit each cache, or none. The
 * best of four loops counts, since no kernel has to move bytes as a triad does: a triad, one that writes past the caches, an
 * update in place (within the caches it is faster, as what it writes has been read already), and a sum.
 *
 * Every member of the team works on its own slice, and repeats it: what a region costs is not in the figures. The loops are
 * compiled for some instruction sets, the processor chooses. */
#include "perf/perf.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <emmintrin.h>
#define FOR_AVX512 __attribute__((target("avx512f,avx512vl,fma")))
#define FOR_AVX2 __attribute__((target("avx2,fma")))
#define HAS_AVX512 (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl"))
#define HAS_AVX2 (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
#define STREAM(to, x) _mm_stream_pd(to, x)
typedef __m128d pair;
#else
#define FOR_AVX512
#define FOR_AVX2
#define HAS_AVX512 false
#define HAS_AVX2 false
#define STREAM(to, x) (*(pair *)(to) = (x))
typedef double pair __attribute__((vector_size(16)));
#endif
#define INLINE static inline __attribute__((always_inline))

enum { FMA_ELEMENTS = 1024, FMA_STEPS = 32, REPEATS = 8, MOST_REPEATS = 100 };

typedef struct slice { /* of one member */
    double *restrict a;
    const double *restrict b, *restrict c;
    int64_t n;
} slice;

/* ---- the loops ------------------------------------------------------------------------------------------------------------- */

INLINE void fma_any(const slice *s) {
    double *restrict a = s->a;
    for (int64_t i = 0; i < FMA_ELEMENTS; i++) {
        double x = a[i];
#pragma GCC unroll 32
        for (int k = 0; k < FMA_STEPS; k++)
            x = x * 0.999 + 0.001;
        a[i] = x;
    }
}

INLINE void fma32_any(const slice *s) {
    float *restrict a = (float *)s->a;
    for (int64_t i = 0; i < FMA_ELEMENTS; i++) {
        float x = a[i];
#pragma GCC unroll 32
        for (int k = 0; k < FMA_STEPS; k++)
            x = x * 0.999f + 0.001f;
        a[i] = x;
    }
}

INLINE void triad_any(const slice *s) {
    double *restrict a = s->a;
    const double *restrict b = s->b, *restrict c = s->c;
    for (int64_t i = 0; i < s->n; i++)
        a[i] = b[i] + 0.5 * c[i];
}

/* Two arrays in the place of three, half a page apart but for whole pages: a processor compares addresses of loads and stores
 * by their place in a page first. */
INLINE void update_any(const slice *s) {
    int64_t n = 3 * s->n / 2;
    double *restrict y = s->a;
    const double *restrict x = y + (n + 255) / 512 * 512 + 256;
    for (int64_t i = 0; i < n; i++)
        y[i] += 0.5 * x[i];
}

INLINE void sum_any(const slice *s) {
    double sums[64] = {0};
    const double *all = s->a; /* the three arrays follow one another */
    for (int64_t i = 0; i + 64 <= 3 * s->n; i += 64)
        for (int k = 0; k < 64; k++)
            sums[k] += all[i + k];
    for (int k = 1; k < 64; k++)
        sums[0] += sums[k];
    s->a[-1] = sums[0];
}

static void stream_triad(const slice *s) {
    const pair half = {0.5, 0.5};
    for (int64_t i = 0; i + 2 <= s->n; i += 2)
        STREAM(s->a + i, *(const pair *)(s->b + i) + half * *(const pair *)(s->c + i));
}

#define VARIANTS(name)                                                                                                 \
    static void name##_base(const slice *s) {                                                                          \
        name##_any(s);                                                                                                 \
    }                                                                                                                  \
    FOR_AVX2 static void name##_avx2(const slice *s) {                                                                 \
        name##_any(s);                                                                                                 \
    }                                                                                                                  \
    FOR_AVX512 static void name##_avx512(const slice *s) {                                                             \
        name##_any(s);                                                                                                 \
    }
VARIANTS(fma)
VARIANTS(fma32)
VARIANTS(triad)
VARIANTS(sum)
VARIANTS(update)

typedef void loop_fn(const slice *s);
enum { LOOP_FMA, LOOP_FMA32, LOOP_TRIAD, LOOP_SUM, LOOP_UPDATE, LOOP_STREAM, N_LOOPS };

static loop_fn *const loops[N_LOOPS][3] = {
    {fma_base, fma_avx2, fma_avx512},          {fma32_base, fma32_avx2, fma32_avx512},
    {triad_base, triad_avx2, triad_avx512},    {sum_base, sum_avx2, sum_avx512},
    {update_base, update_avx2, update_avx512}, {stream_triad, stream_triad, stream_triad}};

/* ---- a team ---------------------------------------------------------------------------------------------------------------- */

typedef struct task {
    loop_fn *loop;
    char *memory; /* a part of `stride` bytes for each member */
    size_t stride;
    int64_t n, times;
} task;

static slice part_of(const task *t, int64_t member) {
    double *first = (double *)(void *)(t->memory + (size_t)member * t->stride) + 8;
    return (slice){first, first + t->n, first + 2 * t->n, t->n};
}

static int32_t run_part(void *context, int64_t begin, int64_t end, int64_t block, plrt_error *err) {
    const task *t = context;
    (void)block;
    (void)err;
    for (int64_t member = begin; member < end; member++) {
        slice s = part_of(t, member);
        for (int64_t i = 0; i < t->times; i++) {
            t->loop(&s);
            __asm__ volatile("" ::: "memory");
        }
    }
    return 0;
}

static int32_t touch_part(void *context, int64_t begin, int64_t end, int64_t block, plrt_error *err) {
    const task *t = context;
    (void)block;
    (void)err;
    for (int64_t member = begin; member < end; member++)
        memset(t->memory + (size_t)member * t->stride, 0, t->stride);
    return 0;
}

/* Work that is said to be large, so that all threads take part. */
static double run_team(const task *t, plrt_body body, int32_t threads) {
    static const char name[] = "limits:0";
    plrt_region region = {.body = body, .name = name, .schedule = PLRT_SCHEDULE_STATIC, .chunk = 1};
    task copy = *t;
    plrt_error err = {0};
    double start = perf_seconds();
    plrt_region_run(&region, &copy, threads, INT64_C(1) << 40, &err);
    return perf_seconds() - start;
}

/* Repetitions of the slice in a second, the most that was seen: until nothing better is seen for a while. */
static double best_rate(task *t, int32_t threads) {
    double best = 0;
    t->times = 1;
    while (run_team(t, run_part, threads) < 0.002 && t->times < INT64_C(1) << 40)
        t->times *= 2;
    for (int i = 0, idle = 0; i < MOST_REPEATS && idle < REPEATS; i++, idle++) {
        double rate = (double)t->times / run_team(t, run_part, threads);
        idle = rate > 1.005 * best ? 0 : idle;
        best = rate > best ? rate : best;
    }
    return best;
}

static int pick_variant(void) {
    return HAS_AVX512 ? 2 : HAS_AVX2 ? 1 : 0;
}

/* ---- figures ----------------------------------------------------------------------------------------------------------------- */

/* Bytes a second over slices of `bytes` a member; negative: no memory. */
static double measure_bytes(int32_t threads, double bytes) {
    task t = {.n = (int64_t)(bytes / 24) / 16 * 16};
    double best = 0;
    t.stride = ((size_t)t.n * 24 + 64 + 4095) / 4096 * 4096 + 4096; /* a page to spare: update_any() */
    t.memory = aligned_alloc(4096, t.stride * (size_t)threads);
    if (!t.memory)
        return -1;
    run_team(&t, touch_part, threads);
    for (int loop = LOOP_TRIAD; loop <= LOOP_STREAM; loop++) {
        t.loop = loops[loop][pick_variant()];
        double moved = (loop == LOOP_UPDATE ? 36 : 24) * (double)t.n; /* half of it read, half read and written */
        double rate = best_rate(&t, threads) * moved * threads;
        best = rate > best ? rate : best;
    }
    free(t.memory);
    return best;
}

static double measure_flops(int32_t threads, int loop) {
    task t = {.n = FMA_ELEMENTS, .stride = 16384, .loop = loops[loop][pick_variant()]};
    t.memory = aligned_alloc(4096, t.stride * (size_t)threads);
    if (!t.memory)
        return 0;
    run_team(&t, touch_part, threads);
    double rate = best_rate(&t, threads) * (2 * FMA_ELEMENTS * FMA_STEPS) * threads;
    free(t.memory);
    return rate;
}

/* Working sets from below the first cache to well above the last one. */
static double largest_footprint(void) {
    plrt_caches caches;
    double last = 32 << 20, memory = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    plrt_topology_caches(&caches);
    for (int i = 0; i < 3; i++)
        last = fmax(last, (double)caches.bytes[i]);
    return fmin(4 * last, memory / 4);
}

/* What a larger working set reaches, a smaller one is taken to reach too. */
static void make_monotone(perf_limits *l) {
    for (int32_t i = l->levels - 1; i-- > 0;)
        l->bytes[i] = fmax(l->bytes[i], l->bytes[i + 1]);
}

bool limits_measure(int32_t threads, perf_limits *out) {
    double largest = largest_footprint();
    *out = (perf_limits){.threads = threads};
    out->flops = measure_flops(threads, LOOP_FMA);
    out->flops32 = measure_flops(threads, LOOP_FMA32);
    for (double bytes = 16384.0 * threads; out->levels < PERF_LEVELS && bytes <= 1.5 * largest; bytes *= 2) {
        out->footprint[out->levels] = bytes;
        out->bytes[out->levels] = measure_bytes(threads, bytes / threads);
        if (out->bytes[out->levels++] < 0)
            return false;
    }
    make_monotone(out);
    return out->levels > 0 && out->flops > 0;
}
