/* From how much work on a team pays. */
#include "runtime/rt.h"
#include "runtime/stats.h"

enum { MIN_WORK_DEFAULT = 20000 };

static _Atomic int64_t min_work = MIN_WORK_DEFAULT;
volatile int64_t plrt_small_work; /* 0 until the configuration is read, which the first region does */
volatile int64_t plrt_exact_runs;

int64_t rt_min_work(void) {
    return atomic_load_explicit(&min_work, memory_order_relaxed);
}

int64_t plrt_get_min_work(void) {
    return rt_min_work();
}

void plrt_set_min_work(int64_t operations) {
    atomic_store(&min_work, operations < 0 ? MIN_WORK_DEFAULT : operations);
    rt_decide_small_work();
}

/* Shuffled order, small blocks and counters are made by plrt_region_run. */
void rt_decide_small_work(void) {
    bool tested = rt_shuffle_seed() != 0 || rt_most_grain() != INT64_MAX || atomic_load(&rt_watching) != 0;
    plrt_small_work = tested ? 0 : rt_min_work();
}
