/* Counters of regions.
 *
 * A region is found by its name and file, not by its address: kernels are freed and compiled again, and all
 * specialisations of a loop are one loop to whoever wrote it. Counters are made once and never freed; the table is a
 * fixed array of chains to which only the front is added, so that readers need no lock. Each run adds to its counter
 * when it ends, on the thread that entered the region. */
#include "runtime/stats.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "plait/stats.h"
#include "runtime/trace.h"

_Static_assert((int)RT_ALONE_COUNT == (int)PLRT_ALONE_REASONS, "the public header counts the reasons");

enum { BUCKETS = 1024, MOST_COUNTERS = 1 << 16 };

typedef struct rt_counter {
    struct rt_counter *next;  /* in its chain */
    struct rt_counter *later; /* in the order of making */
    const char *name, *file;
    int32_t line, loop;
    _Atomic int64_t calls, trips, work, time, longest;
    _Atomic int64_t parallel_calls, threads, most_threads, busy, busiest, mean;
    _Atomic int64_t alone[RT_ALONE_COUNT];
} rt_counter;

_Atomic int32_t rt_watching;

static _Atomic(rt_counter *) table[BUCKETS];
static _Atomic(rt_counter *) first_counter;
static rt_counter *last_counter; /* these three under the lock */
static int32_t counters;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static const char *const reasons[RT_ALONE_COUNT] = {
    [RT_ALONE_NOT] = "not alone",         [RT_ALONE_SMALL] = "small work",   [RT_ALONE_NESTED] = "nested",
    [RT_ALONE_ONE_THREAD] = "one thread", [RT_ALONE_ONE_ITEM] = "one item",  [RT_ALONE_BUDGET] = "no free threads",
    [RT_ALONE_NO_TEAM] = "no team",       [RT_ALONE_SHUFFLED] = "test mode",
};

const char *plrt_alone_reason(int32_t reason) {
    return reason >= 0 && reason < RT_ALONE_COUNT ? reasons[reason] : NULL;
}

/* ---- finding a counter -------------------------------------------------------------------------------------------- */

static uint32_t hash_text(const char *text, uint32_t h) {
    for (; text != NULL && *text != '\0'; text++)
        h = (h ^ (uint8_t)*text) * 16777619u;
    return h;
}

static bool is_same_text(const char *a, const char *b) {
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static const char *file_of(const plrt_region *region) {
    return region->flags & PLRT_REGION_FILE ? region->name + strlen(region->name) + 1 : NULL;
}

static rt_counter *find_in(rt_counter *chain, const plrt_region *region) {
    while (chain != NULL && !(chain->line == region->line && is_same_text(chain->name, region->name) &&
                              is_same_text(chain->file, file_of(region))))
        chain = chain->next;
    return chain;
}

static rt_counter *new_counter(const plrt_region *region) {
    rt_counter *c = counters < MOST_COUNTERS ? calloc(1, sizeof *c) : NULL;
    if (c == NULL)
        return NULL;
    c->name = strdup(region->name != NULL ? region->name : "?");
    c->file = file_of(region) != NULL ? strdup(file_of(region)) : NULL;
    if (c->name == NULL || (c->file == NULL && file_of(region) != NULL)) {
        free((char *)(uintptr_t)c->name);
        free((char *)(uintptr_t)c->file);
        free(c);
        return NULL;
    }
    c->line = region->line;
    c->loop = region->loop;
    counters++;
    return c;
}

static rt_counter *add_counter(_Atomic(rt_counter *) *chain, const plrt_region *region) {
    pthread_mutex_lock(&lock);
    rt_counter *c = find_in(atomic_load(chain), region);
    if (c == NULL && (c = new_counter(region)) != NULL) {
        if (last_counter != NULL)
            last_counter->later = c;
        else
            atomic_store(&first_counter, c);
        last_counter = c;
        c->next = atomic_load(chain);
        atomic_store_explicit(chain, c, memory_order_release);
    }
    pthread_mutex_unlock(&lock);
    return c;
}

static rt_counter *counter_of(const plrt_region *region) {
    uint32_t h = hash_text(region->name, 2166136261u) ^ (uint32_t)region->line;
    _Atomic(rt_counter *) *chain = &table[h % BUCKETS];
    rt_counter *c = find_in(atomic_load_explicit(chain, memory_order_acquire), region);
    return c != NULL ? c : add_counter(chain, region);
}

/* A child of fork() finds the lock as the thread that forked left it: free. */
static void take_lock(void) {
    pthread_mutex_lock(&lock);
}

static void give_lock(void) {
    pthread_mutex_unlock(&lock);
}

__attribute__((constructor)) static void prepare_for_fork(void) {
    pthread_atfork(take_lock, give_lock, give_lock);
}

/* ---- hooks of region.c -------------------------------------------------------------------------------------------- */

static void add(_Atomic int64_t *to, int64_t n) {
    atomic_fetch_add_explicit(to, n, memory_order_relaxed);
}

static void raise_to(_Atomic int64_t *to, int64_t n) {
    int64_t now = atomic_load_explicit(to, memory_order_relaxed);
    while (now < n && !atomic_compare_exchange_weak_explicit(to, &now, n, memory_order_relaxed, memory_order_relaxed))
        ;
}

void rt_probe_open(rt_probe *p, const plrt_region *region) {
    p->watching = atomic_load_explicit(&rt_watching, memory_order_relaxed);
    p->counter = counter_of(region);
    if (p->counter == NULL)
        p->watching = 0;
    atomic_init(&p->busy, 0);
    atomic_init(&p->busiest, 0);
    atomic_init(&p->members, 0);
    p->begin = rt_now();
}

void rt_probe_add_member(rt_probe *p, int64_t begin, int32_t id) {
    int64_t end = rt_now(), took = end - begin;
    add(&p->busy, took);
    raise_to(&p->busiest, took);
    atomic_fetch_add_explicit(&p->members, 1, memory_order_relaxed);
    if (p->watching & RT_WATCH_TRACE)
        rt_trace_add(
            &(rt_slice){.kind = RT_SLICE_MEMBER, .name = p->counter->name, .begin = begin, .end = end, .first = id});
}

void rt_probe_add_slice(rt_probe *p, int64_t begin, int64_t first, int64_t last) {
    rt_trace_add(&(rt_slice){.kind = RT_SLICE_PIECE,
                             .name = p->counter->name,
                             .begin = begin,
                             .end = rt_now(),
                             .first = first,
                             .last = last});
}

void rt_probe_close(rt_probe *p, rt_alone reason, int64_t trips, int64_t work, int32_t wanted) {
    rt_counter *c = p->counter;
    int64_t end = rt_now(), took = end - p->begin;
    int32_t members = atomic_load_explicit(&p->members, memory_order_relaxed);
    if (reason == RT_ALONE_NOT && members <= 1)
        reason = RT_ALONE_NO_TEAM;
    add(&c->calls, 1);
    add(&c->trips, trips);
    add(&c->work, work < INT64_MAX ? work : 0); /* INT64_MAX: unknown */
    add(&c->time, took);
    raise_to(&c->longest, took);
    if (reason == RT_ALONE_NOT) {
        int64_t busy = atomic_load_explicit(&p->busy, memory_order_relaxed);
        add(&c->parallel_calls, 1);
        add(&c->threads, members);
        raise_to(&c->most_threads, members);
        add(&c->busy, busy);
        add(&c->busiest, atomic_load_explicit(&p->busiest, memory_order_relaxed));
        add(&c->mean, busy / members);
    } else {
        add(&c->alone[reason], 1);
    }
    if (p->watching & RT_WATCH_TRACE)
        rt_trace_add(&(rt_slice){.kind = RT_SLICE_REGION,
                                 .name = c->name,
                                 .begin = p->begin,
                                 .end = end,
                                 .first = trips,
                                 .last = reason == RT_ALONE_NOT ? members : wanted,
                                 .note = reason == RT_ALONE_NOT ? NULL : reasons[reason]});
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

int32_t plrt_stats_enable(int32_t on) {
    int32_t before =
        on ? atomic_fetch_or(&rt_watching, RT_WATCH_COUNT) : atomic_fetch_and(&rt_watching, ~RT_WATCH_COUNT);
    rt_decide_small_work();
    return (before & RT_WATCH_COUNT) != 0;
}

static int64_t get(_Atomic int64_t *from) {
    return atomic_load_explicit(from, memory_order_relaxed);
}

static rt_counter *first_of_all(void) {
    return atomic_load_explicit(&first_counter, memory_order_acquire);
}

void plrt_stats_reset(void) {
    pthread_mutex_lock(&lock);
    for (rt_counter *c = first_of_all(); c != NULL; c = c->later) {
        _Atomic int64_t *const all[] = {&c->calls,   &c->work,           &c->trips,   &c->time,
                                        &c->longest, &c->parallel_calls, &c->threads, &c->most_threads,
                                        &c->busy,    &c->busiest,        &c->mean};
        for (size_t i = 0; i < sizeof all / sizeof *all; i++)
            atomic_store_explicit(all[i], 0, memory_order_relaxed);
        for (int i = 0; i < RT_ALONE_COUNT; i++)
            atomic_store_explicit(&c->alone[i], 0, memory_order_relaxed);
    }
    pthread_mutex_unlock(&lock);
}

static plrt_region_stats read_counter(rt_counter *c) {
    int64_t most = get(&c->most_threads);
    plrt_region_stats s = {.name = c->name,
                           .file = c->file,
                           .line = c->line,
                           .loop = c->loop,
                           .calls = get(&c->calls),
                           .trips = get(&c->trips),
                           .work = get(&c->work),
                           .time = get(&c->time),
                           .longest = get(&c->longest),
                           .parallel_calls = get(&c->parallel_calls),
                           .threads = get(&c->threads),
                           .most_threads = most > 0 ? (int32_t)most : 1,
                           .busy = get(&c->busy),
                           .busiest = get(&c->busiest),
                           .mean = get(&c->mean)};
    for (int i = 0; i < RT_ALONE_COUNT; i++)
        s.alone[i] = get(&c->alone[i]);
    return s;
}

size_t plrt_stats_get(plrt_region_stats *out, size_t room) {
    size_t n = 0;
    pthread_mutex_lock(&lock);
    for (rt_counter *c = first_of_all(); c != NULL; c = c->later) {
        if (get(&c->calls) == 0)
            continue;
        if (n < room)
            out[n] = read_counter(c);
        n++;
    }
    pthread_mutex_unlock(&lock);
    return n;
}

int64_t plrt_clock(void) {
    return rt_now();
}
