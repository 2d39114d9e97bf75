/* The ABI between compiled kernels and libplait_rt, and what callers of kernels need at run time. It knows nothing of
 * the compiler. An exported object links with -lplait_rt -lgomp -lm alone.
 *
 * Conventions
 *   - Every compiled function returns a status: 0 done, 1 an exception whose description is in *err.
 *   - All slots are 8 bytes. A kernel's entry is  int32_t entry(const int64_t *args, int64_t *results, plrt_error
 * *err). Arguments and results lie one after another in slots: an integer or bool as int64 (sign- or zero-extended to
 * 64 bits), float32 as its bits in the low half, float64 as its bits, complex64 as re | im << 32, complex128 two slots,
 * an array 2 + 2*ndim slots (plrt_array), a tuple its elements one after another, None no slot.
 *   - Strides are in bytes, shapes in elements.
 */
#ifndef PLAIT_RUNTIME_H
#define PLAIT_RUNTIME_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PLRT_API __attribute__((visibility("default")))
#define PLRT_ABI 2

/* ---- errors ------------------------------------------------------------------------------------------------------ */

enum {
    PLRT_SITE_NONE = 0,
    /* > 0: 1-based index into the artifact's table of raise sites */
    PLRT_SITE_MEMORY = -1,    /* MemoryError; args[0] = bytes wanted */
    PLRT_SITE_INTERRUPT = -2, /* KeyboardInterrupt */
    PLRT_SITE_INTERNAL = -3,  /* a bug of ours */
    PLRT_SITE_RECURSION = -4  /* RecursionError */
};

typedef struct plrt_error {
    int32_t site;
    int32_t nargs;
    int64_t iteration; /* in a region: 0-based number of the failing iteration */
    int64_t args[6];   /* dynamic arguments, as slots */
} plrt_error;

/* ---- arrays ------------------------------------------------------------------------------------------------------ */

typedef struct plrt_array { /* followed by shape[ndim], strides[ndim] */
    void *data;
    void *owner; /* plrt_block*, or a tagged (odd) value: borrowed, never counted; NULL: none */
    int64_t dims[];
} plrt_array;

/* Reference-counted memory. Counts are not atomic: a block belongs to the thread that runs the kernel. */
typedef struct plrt_block {
    int64_t refs;
    size_t bytes;
    void *data; /* aligned to 64 bytes */
} plrt_block;

/* New block with one reference, or NULL when memory is out. `zeroed`: contents are zero. bytes may be 0. */
PLRT_API plrt_block *plrt_block_new(int64_t bytes, int32_t zeroed);
PLRT_API void plrt_retain(void *owner);  /* ignores NULL and odd values */
PLRT_API void plrt_release(void *owner); /* likewise; frees at zero */
/* Blocks and bytes now alive in the process (tests of leaks). */
PLRT_API void plrt_memory_stats(int64_t *blocks, int64_t *bytes);
/* Blocks made in the process so far (tests of temporaries). */
PLRT_API int64_t plrt_memory_made(void);

/* ---- parallel regions -------------------------------------------------------------------------------------------- */

typedef enum plrt_schedule {
    PLRT_SCHEDULE_DEFAULT = 0, /* the process's default: static, or what set_parallel_chunksize asked for; dynamic
                                  where iterations are known to differ in length */
    PLRT_SCHEDULE_STATIC = 1,
    PLRT_SCHEDULE_DYNAMIC = 2,
    PLRT_SCHEDULE_GUIDED = 3
} plrt_schedule;

/* Runs iterations [begin, end) of the region's 0-based trip space, in order. `block` is the number of the fixed
 * reduction block when the region reduces (then [begin, end) is exactly that block), else 0. Returns 0, or 1 with *err
 * filled (err->iteration set) after stopping at the failing iteration. */
typedef int32_t (*plrt_body)(void *context, int64_t begin, int64_t end, int64_t block, plrt_error *err);

enum {
    PLRT_REGION_REDUCES = 1, /* partial results per fixed block; see plrt_region_blocks */
    PLRT_REGION_FILE = 2,    /* behind the name and its NUL stands the name of the source file */
    PLRT_REGION_UNEVEN = 4   /* iterations differ in length: the default schedule is dynamic */
};

/* An array among the captured variables: where its fields lie in the context, in 8-byte slots. */
typedef struct plrt_captured {
    int32_t slot; /* the data pointer's; shape at slot + 2, then strides in bytes when `strided` */
    int32_t ndim;
    int32_t itemsize;
    int32_t strided; /* else the elements lie one after another */
} plrt_captured;

typedef struct plrt_region { /* constant data in the object, one per region */
    plrt_body body;
    const char *name; /* "function:line" */
    int32_t line;
    int32_t flags;
    int32_t schedule; /* plrt_schedule */
    int32_t loop;     /* its number in the parallel report; 0: none */
    int64_t chunk;    /* iterations; 0 = default */
    int64_t grain;    /* least iterations of a reduction block, from the compiler's estimate of the body's cost */
    const plrt_captured *arrays;
    int64_t narrays;
} plrt_region;

/* Number of fixed reduction blocks for `trips` iterations: depends on trips and grain alone, never on threads or
 * schedule, so that results are the same bits whatever runs them. Block b covers [b*trips/n, (b+1)*trips/n) computed
 * in 128 bits. 0 for trips <= 0. */
PLRT_API int64_t plrt_region_blocks(const plrt_region *region, int64_t trips);

/* Runs the region: decides the number of threads (1 inside another region, in a child of fork that cannot have a
 * team, or when `work`, the estimated number of scalar operations in all, is too small to pay for a fork), hands out
 * chunks by the schedule, polls for interrupts, and on failure fills *err with the error of the lowest failing
 * iteration and returns 1. All iterations before the lowest failing one are done. */
PLRT_API int32_t plrt_region_run(const plrt_region *region, void *context, int64_t trips, int64_t work,
                                 plrt_error *err);

/* Compiled code calls a region's body itself when its work lies below this, and it does not reduce in more than one block:
 * what plrt_region_run would do too, without its 25 ns. 0 while a test switch wants every region to pass there. A double, as
 * compiled code estimates work in floats. */
PLRT_API extern volatile double plrt_small_work;
/* 1 while plrt_small_work and plrt_tiny_work are at least these, as they are but where somebody has set less: then
 * compiled code may compare sizes with constants instead. */
#define PLRT_SMALL_LEAST 15000
#define PLRT_TINY_WORK 320 /* of plrt_tiny_work */
PLRT_API extern volatile int32_t plrt_small_is_usual;
/* A loop with less work than this that sums floats within an iteration runs as it was written, always: a few hundred
 * operations (twice as many of float32, whose vectors want rows twice as long), by which the result does not depend on the
 * caller's settings. Tests set 0, that small inputs fork. */
PLRT_API extern volatile double plrt_tiny_work;
PLRT_API void plrt_set_tiny_work(int64_t operations); /* < 0: the default */
/* A region of one block is about to be run by its caller: 1 after noting that for counters and traces, 0 when tests want it
 * in several blocks. */
PLRT_API int32_t plrt_region_note(const plrt_region *region, int64_t trips, int64_t work);

/* How often a nest of loops ran as its exact copy, in source order and with every check, because a test at its entry
 * failed. Compiled code counts. */
PLRT_API extern volatile int64_t plrt_exact_runs;

/* Nonzero once an interrupt (SIGINT) was seen. Compiled code tests it at back edges of loops that contain loops, and
 * then returns plrt_interrupt_take(err). */
PLRT_API extern volatile int32_t plrt_interrupted;
/* Asks the host (Python) whether the interrupt is to be honoured; 1: *err holds PLRT_SITE_INTERRUPT; 0: go on. */
PLRT_API int32_t plrt_interrupt_take(plrt_error *err);
/* For hosts, before a kernel is entered: sees to it that SIGINT raises the flag (regions do it by themselves). Cheap
 * enough for every call; does nothing without the hook `interrupted`. */
PLRT_API void plrt_interrupt_watch(void);

/* The address below which the calling thread's stack should not grow: what is left is for calls of libraries. Kernels
 * that call themselves ask at their entry. */
PLRT_API void *plrt_stack_limit(void);

/* ---- races looked for at run time (race='check'): called by watched kernels alone ------------------------------------- */

enum { PLRT_RACE_NONE = 0, PLRT_RACE_WRITTEN = 1, PLRT_RACE_READ = 2 }; /* what the earlier iteration did */

PLRT_API void plrt_race_reset(void);              /* at a kernel's entry: the last one may have raised */
PLRT_API void plrt_race_begin(int64_t unit);      /* a loop starts; unit: bytes of the smallest element */
PLRT_API void plrt_race_iteration(int64_t value); /* an iteration starts, by its variable's value */
PLRT_API void plrt_race_end(void);
/* Before an access: 0, or what an earlier iteration did with the element. */
PLRT_API int64_t plrt_race_read(const void *p, int64_t bytes, int64_t line);
PLRT_API int64_t plrt_race_write(void *p, int64_t bytes, int64_t line);
PLRT_API int64_t plrt_race_all(const plrt_array *a, int64_t ndim, int64_t bytes, int64_t writes, int64_t line);
/* The same for a variable that iterations may hand on, by a number. */
PLRT_API int64_t plrt_race_use(int64_t variable, int64_t line);
PLRT_API void plrt_race_assign(int64_t variable, int64_t line);
/* The array was just made, perhaps where an earlier iteration had one. */
PLRT_API void plrt_race_fresh(const plrt_array *a, int64_t ndim, int64_t bytes);
/* Of the conflict just found: the earlier iteration, the one under way, the line of the earlier one's access. */
PLRT_API int64_t plrt_race_earlier(void);
PLRT_API int64_t plrt_race_later(void);
PLRT_API int64_t plrt_race_line(void);

/* ---- threads: how many, by which schedule, where ------------------------------------------------------------------
 *
 * What follows are the process's settings. Scopes of a thread and the configuration of single kernels and loops
 * (plait/config.h) go before them. */

/* The most that plrt_set_num_threads takes: what the environment said, else the allowed processing units. */
PLRT_API int32_t plrt_max_threads(void);
/* PLAIT_NUM_THREADS, OMP_NUM_THREADS, NUMBA_NUM_THREADS in that order, else the cores that the calling thread may run
 * on, their siblings not counted, within the cgroup's quota. */
PLRT_API int32_t plrt_default_threads(void);
PLRT_API int32_t plrt_cpu_quota(void); /* CPUs that the cgroup's bandwidth allows, rounded up; 0: no limit */
PLRT_API int32_t plrt_get_num_threads(void);
PLRT_API int32_t plrt_set_num_threads(int32_t n); /* the process's; 0 ok, -1 out of range [1, plrt_max_threads()] */
PLRT_API int32_t plrt_get_thread_id(void);        /* 0..n-1 inside a region, 0 outside */
PLRT_API int64_t plrt_get_chunksize(void);
PLRT_API int64_t plrt_set_chunksize(int64_t n); /* returns the old one; thread-local; 0 = default; n < 0: returns -1 */
/* Forces a schedule for all regions whose own is PLRT_SCHEDULE_DEFAULT (tests, tuning). */
PLRT_API void plrt_set_schedule(plrt_schedule schedule);

typedef enum plrt_placement {
    PLRT_PLACE_INVALID = 0,
    PLRT_PLACE_SPREAD = 1,  /* over packages, NUMA nodes and caches; a core's siblings last */
    PLRT_PLACE_COMPACT = 2, /* neighbouring cores; siblings last */
    PLRT_PLACE_NUMA = 3,    /* near the pages of the arrays that the region touches */
    PLRT_PLACE_CORES = 4,   /* as spread, and never two threads on a core: at most as many threads as cores */
    PLRT_PLACE_THREADS = 5, /* hardware threads count as cores: by default as many threads as there are of them */
    PLRT_PLACE_LIST = 6,    /* thread k on the k-th unit of plrt_set_placement's list */
    PLRT_PLACE_NONE = 7     /* the operating system decides */
} plrt_placement;

/* The process's. `cpus`: for PLRT_PLACE_LIST the units in the threads' order, as "0-3,8,16-30:2" (Linux numbers); else
 * ignored. 0 ok; -1: the list is no list. */
PLRT_API int32_t plrt_set_placement(plrt_placement placement, const char *cpus);
PLRT_API plrt_placement plrt_get_placement(void);
/* The units of the list that was last set, at most `size` of them; their number. */
PLRT_API int32_t plrt_placement_list(int32_t *units, int32_t size);
/* Who keeps threads from being placed: "OMP_PLACES", "another library" …; NULL: nobody. */
PLRT_API const char *plrt_placement_refusal(void);
PLRT_API const char *plrt_placement_name(plrt_placement placement); /* "spread" …; NULL: there is none */
PLRT_API plrt_placement plrt_placement_named(const char *text);     /* a list of units is PLRT_PLACE_LIST; 0: unknown */

/* Members that all running teams of the process may have together, callers that run alone counted; 0: the default,
 * as many as one region would use. A caller that finds nothing left runs alone. */
PLRT_API void plrt_set_budget(int32_t threads);
/* Work below this number of scalar operations runs on one thread; negative: back to the default, which is measured
 * once a machine. */
PLRT_API void plrt_set_min_work(int64_t operations);
PLRT_API int64_t plrt_get_min_work(void);

/* Test mode: regions run on the calling thread, their chunks (or single iterations when the region does not reduce)
 * in an order shuffled from `seed`; 0 switches it off. Finds wrong parallelisation without needing a race to happen. */
PLRT_API void plrt_set_shuffle(uint64_t seed);
/* Test mode: blocks of regions that reduce hold at most about `trips` iterations, so that small loops have several; 0
 * switches it off. Not to be changed while a kernel runs. */
PLRT_API void plrt_set_grain(int64_t trips);

/* ---- the machine, as far as it is cheap to ask -------------------------------------------------------------------- */

/* Data caches of an allowed core, innermost first; 0: unknown. Reads a few small files, once. */
typedef struct plrt_caches {
    int64_t bytes[3];
    int32_t shared[3]; /* processing units that share one */
    int32_t line;
} plrt_caches;
PLRT_API void plrt_topology_caches(plrt_caches *caches);

/* May a loop's stores go past the caches? It is about to store `bytes` in about `iterations`. Where that is a slice of the
 * region that the caller works on, all of the region's are meant. 1 when they do not fit in the last cache. */
PLRT_API int32_t plrt_stores_stream(int64_t iterations, int64_t bytes);

/* ---- the host's hooks (set once by the Python package) ----------------------------------------------------------- */

/* print and interrupted are called on the thread that entered the kernel only, whether or not the interpreter's lock is
 * held at that moment: they take it themselves. */
typedef struct plrt_hooks {
    void (*print)(const char *text, size_t len); /* NULL: stdout */
    int32_t (*interrupted)(void);                /* 1: stop */
    void *(*release_lock)(void); /* around regions: give up / take back the interpreter's lock; may be */
    void (*take_lock)(void *);   /* NULL; release_lock returns NULL when the lock is not held */
} plrt_hooks;
PLRT_API void plrt_set_hooks(const plrt_hooks *hooks);

/* ---- print(): pieces are gathered per thread and written as one text by plrt_print_end ----------------------------
 */

PLRT_API void plrt_print_int(int64_t x);
PLRT_API void plrt_print_uint(uint64_t x);
PLRT_API void plrt_print_bool(int32_t x);
PLRT_API void plrt_print_float(double x);  /* as Python's repr */
PLRT_API void plrt_print_float32(float x); /* shortest that reads back as the same float32 */
PLRT_API void plrt_print_complex(double re, double im);
PLRT_API void plrt_print_text(const char *text, int64_t len);
/* An array as NumPy's str() writes small ones; dtype as NumPy's character code ('d', 'l', '?', …). */
PLRT_API void plrt_print_array(const plrt_array *a, int32_t ndim, int32_t dtype);
PLRT_API void plrt_print_end(void);

/* ---- arithmetic that is not one instruction ---------------------------------------------------------------------- */

PLRT_API int64_t plrt_pow_i64(int64_t base, int64_t exponent); /* wraps; negative exponent: 0 (1, -1 kept) */
PLRT_API uint64_t plrt_pow_u64(uint64_t base, uint64_t exponent);
PLRT_API double plrt_fmod_floor(double x, double y); /* Python's %, y != 0 */
PLRT_API float plrt_fmod_floor_f32(float x, float y);
PLRT_API double plrt_floordiv(double x, double y); /* Python's //, y != 0 */
PLRT_API float plrt_floordiv_f32(float x, float y);
PLRT_API double plrt_round_digits(double x, int64_t digits); /* Python's round(x, n) */
PLRT_API double plrt_np_round(double x, int64_t digits);     /* NumPy's around */
#if defined(__x86_64__)
/* erf, exp and log, the same bits in every width; the names are what vector code calls. Processors with FMA. */
typedef double plrt_d4 __attribute__((vector_size(32)));
typedef double plrt_d8 __attribute__((vector_size(64)));
typedef float plrt_f8 __attribute__((vector_size(32)));
typedef float plrt_f16 __attribute__((vector_size(64)));
PLRT_API double plrt_erf(double x);
PLRT_API float plrt_erff(float x);
PLRT_API double plrt_exp(double x);
PLRT_API double plrt_log(double x);
__attribute__((target("avx2,fma"))) PLRT_API plrt_f8 plrt_erff_f8(plrt_f8 x);
__attribute__((target("avx512f"))) PLRT_API plrt_f16 plrt_erff_f16(plrt_f16 x);
__attribute__((target("avx2,fma"))) PLRT_API plrt_d4 plrt_erf_d4(plrt_d4 x);
__attribute__((target("avx512f"))) PLRT_API plrt_d8 plrt_erf_d8(plrt_d8 x);
__attribute__((target("avx2,fma"))) PLRT_API plrt_d4 plrt_exp_d4(plrt_d4 x);
__attribute__((target("avx512f"))) PLRT_API plrt_d8 plrt_exp_d8(plrt_d8 x);
__attribute__((target("avx2,fma"))) PLRT_API plrt_d4 plrt_log_d4(plrt_d4 x);
__attribute__((target("avx512f"))) PLRT_API plrt_d8 plrt_log_d8(plrt_d8 x);
#endif
/* Complex functions by name, on C99's complex with Python's cmath results at the edges; result in out[0..1].
 * name: an enum plrt_cmath. */
typedef enum plrt_cmath {
    PLRT_CSQRT,
    PLRT_CEXP,
    PLRT_CLOG,
    PLRT_CLOG10,
    PLRT_CSIN,
    PLRT_CCOS,
    PLRT_CTAN,
    PLRT_CASIN,
    PLRT_CACOS,
    PLRT_CATAN,
    PLRT_CSINH,
    PLRT_CCOSH,
    PLRT_CTANH,
    PLRT_CASINH,
    PLRT_CACOSH,
    PLRT_CATANH
} plrt_cmath;
PLRT_API void plrt_cmath1(int32_t function, double re, double im, double *out);
PLRT_API void plrt_cpow(double re, double im, double ere, double eim, double *out);
PLRT_API void plrt_cdiv(double re, double im, double dre, double dim, double *out); /* Smith's method; d != 0 */

/* ---- dense linear algebra (CBLAS found at run time; own loops when there is none) -------------------------------- */

/* c[m,n] = a[m,k] * b[k,n]; strides in bytes; dtype 'f' 'd' 'F' 'D'. c does not overlap a or b. */
PLRT_API void plrt_gemm(int32_t dtype, int64_t m, int64_t n, int64_t k, const void *a, int64_t as0, int64_t as1,
                        const void *b, int64_t bs0, int64_t bs1, void *c, int64_t cs0, int64_t cs1);
/* *out = sum x[i]*y[i]  (dot) */
PLRT_API void plrt_dot(int32_t dtype, int64_t n, const void *x, int64_t xs, const void *y, int64_t ys, void *out);

#ifdef __cplusplus
}
#endif
#endif
