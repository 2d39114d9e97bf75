/* How many threads a region may use, and the process's other settings.
 *
 * The budget keeps many callers from using the machine many times over: the members of all running teams are counted,
 * and a caller that finds nothing left runs alone. */
#include "runtime/config.h"
#include "runtime/rt.h"

RT_TLS rt_thread rt_self;

static _Atomic int32_t chosen; /* 0: the default */
static _Atomic int32_t budget; /* 0: the default */
static _Atomic int32_t in_use;
static _Atomic int32_t most_units;
static _Atomic int32_t forced_schedule;
static _Atomic uint64_t shuffle_seed;
static _Atomic int64_t most_grain;

/* ---- numbers of threads ------------------------------------------------------------------------------------------------ */

static int32_t smaller(int32_t a, int32_t b) {
    return a < b ? a : b;
}

static int32_t within_quota(const rt_caller *c, int32_t threads) {
    return c->quota > 0 ? smaller(c->quota, threads) : threads;
}

/* The largest mask seen counts, so that a caller that was pinned to one unit does not make the limit one. */
int32_t plrt_max_threads(void) {
    int32_t said = rt_said_threads(), units = rt_caller_now()->units;
    if (said != 0)
        return said;
    int32_t most = atomic_load_explicit(&most_units, memory_order_relaxed);
    while (units > most && !atomic_compare_exchange_weak(&most_units, &most, units))
        continue;
    return units > most ? units : most;
}

int32_t rt_default_threads(rt_caller *c) {
    int32_t said = rt_said_threads();
    if (said != 0)
        return said;
    return within_quota(c, rt_placement_room(c, rt_placement_of(c, NULL)));
}

int32_t plrt_default_threads(void) {
    return rt_default_threads(rt_caller_now());
}

static int32_t threads_of_process(rt_caller *c) {
    int32_t n = atomic_load_explicit(&chosen, memory_order_relaxed);
    return n != 0 ? n : rt_default_threads(c);
}

int32_t plrt_get_num_threads(void) {
    int32_t scoped = rt_scope_threads();
    return scoped != 0 ? scoped : threads_of_process(rt_caller_now());
}

int32_t plrt_set_num_threads(int32_t n) {
    if (n < 1 || n > plrt_max_threads())
        return -1;
    atomic_store(&chosen, n);
    return 0;
}

int32_t rt_chosen_threads(void) {
    return atomic_load_explicit(&chosen, memory_order_relaxed);
}

void rt_forget_threads(void) {
    atomic_store(&chosen, 0);
}

int32_t plrt_get_thread_id(void) {
    return rt_self.id;
}

int64_t plrt_get_chunksize(void) {
    return rt_self.chunk;
}

int64_t plrt_set_chunksize(int64_t n) {
    if (n < 0)
        return -1;
    int64_t old = rt_self.chunk;
    rt_self.chunk = n;
    return old;
}

/* ---- test modes ----------------------------------------------------------------------------------------------------------- */

void plrt_set_schedule(plrt_schedule schedule) {
    atomic_store(&forced_schedule, (int32_t)schedule);
}

void plrt_set_shuffle(uint64_t seed) {
    atomic_store(&shuffle_seed, seed);
    rt_decide_small_work();
}

plrt_schedule rt_forced_schedule(void) {
    return (plrt_schedule)atomic_load_explicit(&forced_schedule, memory_order_relaxed);
}

uint64_t rt_shuffle_seed(void) {
    return atomic_load_explicit(&shuffle_seed, memory_order_relaxed);
}

void plrt_set_grain(int64_t trips) {
    atomic_store(&most_grain, trips);
    rt_decide_small_work();
}

int64_t rt_most_grain(void) {
    int64_t grain = atomic_load_explicit(&most_grain, memory_order_relaxed);
    return grain > 0 ? grain : INT64_MAX;
}

/* ---- what a region gets ---------------------------------------------------------------------------------------------- */

int32_t rt_threads_for(rt_caller *c, int32_t asked, plrt_placement placement) {
    int32_t n = asked != 0 ? asked : atomic_load_explicit(&chosen, memory_order_relaxed);
    if (n == 0)
        n = rt_said_threads();
    if (n == 0)
        n = within_quota(c, rt_placement_room(c, placement));
    return placement == PLRT_PLACE_CORES ? smaller(n, c->cores) : n;
}

/* ---- the budget ---------------------------------------------------------------------------------------------------------------------- */

void plrt_set_budget(int32_t threads) {
    atomic_store(&budget, threads > 0 ? threads : 0);
}

static int32_t whole_budget(int32_t wanted) {
    int32_t most = atomic_load_explicit(&budget, memory_order_relaxed);
    if (most != 0)
        return most;
    most = threads_of_process(rt_caller_now());
    return wanted > most ? wanted : most;
}

/* Callers that run alone are counted too: sixteen of them on two cores leave nothing for a team. */
int32_t rt_budget_take(int32_t wanted, bool *shared) {
    int32_t most = whole_budget(wanted);
    int32_t used = atomic_load_explicit(&in_use, memory_order_relaxed);
    for (;;) {
        int32_t spare = most - used;
        int32_t count = wanted <= spare ? wanted : spare > 1 ? spare : 1;
        *shared = used > 0;
        if (atomic_compare_exchange_weak_explicit(&in_use, &used, used + count, memory_order_relaxed,
                                                  memory_order_relaxed))
            return count;
    }
}

void rt_budget_give(int32_t count) {
    atomic_fetch_sub_explicit(&in_use, count, memory_order_relaxed);
}

void rt_budget_reset(void) {
    atomic_store(&in_use, 0);
}
