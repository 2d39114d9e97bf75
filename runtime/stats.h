/* What regions tell about themselves: counters (stats.c) and slices of time (trace.c). Nobody watching costs a region
 * one relaxed load; the hooks below are all that region.c calls. */
#ifndef PLAIT_RUNTIME_STATS_H
#define PLAIT_RUNTIME_STATS_H

#include "runtime/rt.h"

enum { RT_WATCH_COUNT = 1, RT_WATCH_TRACE = 2 };
extern _Atomic int32_t rt_watching; /* bits of the above */

/* Why a region ran on one thread; the words for it are in stats.c. */
typedef enum rt_alone {
    RT_ALONE_NOT,
    RT_ALONE_SMALL,      /* its work would not have paid for a fork */
    RT_ALONE_NESTED,     /* inside another region */
    RT_ALONE_ONE_THREAD, /* one thread was asked for, or there is one CPU */
    RT_ALONE_ONE_ITEM,   /* one iteration, or one reduction block */
    RT_ALONE_BUDGET,     /* other callers had all threads */
    RT_ALONE_NO_TEAM,    /* threads could not be created, or not after a fork */
    RT_ALONE_SHUFFLED,   /* test mode */
    RT_ALONE_COUNT
} rt_alone;

struct rt_counter;

typedef struct rt_probe {       /* of one run of a region; all times in nanoseconds */
    struct rt_counter *counter; /* NULL: nobody watches this run */
    int32_t watching;
    int64_t begin;
    _Atomic int64_t busy, busiest; /* sum and maximum over members */
    _Atomic int32_t members;
} rt_probe;

void rt_probe_open(rt_probe *p, const plrt_region *region);
void rt_probe_close(rt_probe *p, rt_alone reason, int64_t trips, int64_t work, int32_t wanted);
void rt_probe_add_member(rt_probe *p, int64_t begin, int32_t id);
void rt_probe_add_slice(rt_probe *p, int64_t begin, int64_t first, int64_t last);

static inline void rt_probe_begin(rt_probe *p, const plrt_region *region) {
    p->counter = NULL;
    p->watching = 0;
    if (__builtin_expect(atomic_load_explicit(&rt_watching, memory_order_relaxed) != 0, 0))
        rt_probe_open(p, region);
}

static inline void rt_probe_end(rt_probe *p, rt_alone reason, int64_t trips, int64_t work, int32_t wanted) {
    if (__builtin_expect(p->counter != NULL, 0))
        rt_probe_close(p, reason, trips, work, wanted);
}

/* Around a member's share: leave with what enter gave. */
static inline int64_t rt_probe_enter(const rt_probe *p) {
    return __builtin_expect(p->counter != NULL, 0) ? rt_now() : 0;
}

static inline void rt_probe_leave(rt_probe *p, int64_t begin, int32_t id) {
    if (__builtin_expect(p->counter != NULL, 0))
        rt_probe_add_member(p, begin, id);
}

/* Around a call of the body for iterations [first, last). */
static inline int64_t rt_probe_slice_begin(const rt_probe *p) {
    return __builtin_expect((p->watching & RT_WATCH_TRACE) != 0, 0) ? rt_now() : 0;
}

static inline void rt_probe_slice_end(rt_probe *p, int64_t begin, int64_t first, int64_t last) {
    if (__builtin_expect((p->watching & RT_WATCH_TRACE) != 0, 0))
        rt_probe_add_slice(p, begin, first, last);
}

#endif
