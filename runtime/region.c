/* Running a region.
 *
 * What is handed out are *items*: iterations, or the fixed blocks of a region that reduces. Each member of the team
 * gets ranges of items by the schedule and runs them in *slices*, between which it looks whether to stop: a slice
 * takes about a millisecond, which its first length, from the estimated work, and then the clock see to. The ends of
 * slices and of the members' shares lie on multiples of 64 iterations where that does not unbalance them, so that
 * vector loops leave their remainder at the end of the region only (under fastmath it may round differently, and results
 * shall not depend on the number of threads) and neighbours do not write to one cache line.
 *
 * The first error in program order wins. A member that fails notes its iteration; slices that begin above the lowest
 * failing iteration are not begun, those below it all run, so in the end the lowest one is known and everything before
 * it is done.
 *
 * The *host* is the thread that entered the kernel. It alone may speak with the interpreter: it releases the lock when
 * the region is long, asks about signals, and prints what the members had to say. It is member 0 of the team, except
 * in a child of fork(), where it waits for a team led by another thread (team.c). */
#define _GNU_SOURCE
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "runtime/config.h"
#include "runtime/rt.h"
#include "runtime/stats.h"

enum {
    BLOCKS_MOST = 480, /* divides evenly among most numbers of cores */
    ALIGN = 64,
    SLICE_WORK = 100000,  /* operations in the first slice */
    FLAT_WORK = 64,       /* operations in an iteration that is no loop itself */
    CHUNK_WORK = 20000,   /* operations in a chunk of a dynamic schedule */
    TRIAL_NS = 20 * 1000, /* alone, before a team takes over: about what waking its members costs */
    UNLOCK_WORK = 500000, /* from here on the interpreter's lock is released at once, else when the clock says so */
    SLICE_SHORT_NS = 500 * 1000,
    SLICE_LONG_NS = 2 * 1000 * 1000,
    WAIT_NS = 20 * 1000 * 1000,
    SPINS = 2000,
    LINE = 128
};

typedef struct text {
    struct text *next;
    size_t len;
    char bytes[];
} text;

typedef struct rt_run {
    const plrt_region *region;
    void *context;
    int64_t trips;
    int64_t items; /* trips, or the number of fixed blocks */
    int64_t chunk; /* items */
    int64_t slice; /* iterations in the first slice */
    plrt_schedule schedule;
    int32_t threads;
    bool reduces;
    bool flat;      /* iterations are cheap: very likely one vector loop */
    bool begun;     /* by the host, before there was a team */
    bool elsewhere; /* the host is no member of the team */
    bool unlocked;
    void *lock_token;
    plrt_error error;
    text *texts, **texts_end;
    pthread_mutex_t mutex; /* error, texts */
    _Atomic int32_t stop;
    _Atomic int32_t expected; /* members that the host waits for */
    _Atomic int32_t sleeping;
    _Atomic int64_t failed; /* lowest failing iteration so far */
    plrt_choice choice;     /* what the configuration says */
    rt_caller *caller;
    rt_plan *plan; /* where the members sit; NULL: anywhere */
    rt_alone alone;
    rt_probe probe;
    alignas(LINE) _Atomic uint64_t next;
    alignas(LINE) _Atomic int32_t finished;
} rt_run;

/* What one thread knows while it works on a region. */
typedef struct member {
    rt_run *run;
    int64_t slice;
    int64_t last; /* when the last slice ended; 0: no look at the clock yet */
    bool host;
    plrt_error error;
} member;

static int64_t part(int64_t total, int64_t count, int64_t number) {
    return (int64_t)((__int128)total * number / count);
}

int64_t plrt_region_blocks(const plrt_region *region, int64_t trips) {
    if (trips <= 0)
        return 0;
    int64_t grain = region->grain < rt_most_grain() ? region->grain : rt_most_grain();
    int64_t count = trips / (grain > 0 ? grain : 1);
    if (count > BLOCKS_MOST)
        return BLOCKS_MOST;
    return count > 0 ? count : 1;
}

static int64_t per_trip(int64_t trips, int64_t work) {
    int64_t each = work / trips;
    return each > 0 ? each : 1;
}

static int64_t align_up(int64_t n) {
    return n <= INT64_MAX - ALIGN ? (n + ALIGN - 1) / ALIGN * ALIGN : n;
}

static int64_t at_least_one(int64_t n) {
    return n > 0 ? n : 1;
}

/* ---- the host's side ----------------------------------------------------------------------------------------------
 */

static void unlock_host(rt_run *run) {
    if (run->unlocked || rt_hooks.release_lock == NULL)
        return;
    run->unlocked = true;
    run->lock_token = rt_hooks.release_lock();
}

static void relock_host(rt_run *run) {
    if (run->lock_token != NULL)
        rt_hooks.take_lock(run->lock_token);
    run->lock_token = NULL;
}

static text *take_texts(rt_run *run) {
    pthread_mutex_lock(&run->mutex);
    text *first = run->texts;
    run->texts = NULL;
    run->texts_end = &run->texts;
    pthread_mutex_unlock(&run->mutex);
    return first;
}

static void print_texts(rt_run *run) {
    if (run->texts == NULL)
        return;
    for (text *t = take_texts(run), *next; t != NULL; t = next) {
        next = t->next;
        if (rt_hooks.print != NULL)
            rt_hooks.print(t->bytes, t->len);
        free(t);
    }
}

void rt_region_print(const char *bytes, size_t len) {
    rt_run *run = rt_self.run;
    text *t = malloc(sizeof *t + len);
    if (t == NULL)
        return;
    t->next = NULL;
    t->len = len;
    memcpy(t->bytes, bytes, len);
    pthread_mutex_lock(&run->mutex);
    *run->texts_end = t;
    run->texts_end = &t->next;
    pthread_mutex_unlock(&run->mutex);
}

static int32_t fill_interrupt(plrt_error *err) {
    memset(err, 0, sizeof *err);
    err->site = PLRT_SITE_INTERRUPT;
    return 1;
}

/* The flag goes up again so that members in the depths of an iteration look too; end_run lowers it. */
static bool ask_to_stop(rt_run *run) {
    if (!rt_interrupt_ask())
        return false;
    atomic_store(&run->stop, 1);
    plrt_interrupted = 1;
    return true;
}

/* Members that are not the host go on until the host has decided. */
int32_t plrt_interrupt_take(plrt_error *err) {
    rt_run *run = rt_self.run;
    if (run == NULL)
        return rt_interrupt_ask() ? fill_interrupt(err) : 0;
    if (atomic_load_explicit(&run->stop, memory_order_relaxed))
        return fill_interrupt(err);
    return rt_self.host && ask_to_stop(run) ? fill_interrupt(err) : 0;
}

/* ---- a member's side ----------------------------------------------------------------------------------------------
 */

static bool may_begin(member *m, int64_t iteration) {
    rt_run *run = m->run;
    plrt_error ignored;
    if (plrt_interrupted && plrt_interrupt_take(&ignored))
        atomic_store(&run->stop, 1);
    if (atomic_load_explicit(&run->stop, memory_order_relaxed))
        return false;
    return iteration < atomic_load_explicit(&run->failed, memory_order_relaxed);
}

static void report_error(member *m) {
    rt_run *run = m->run;
    if (m->error.site == PLRT_SITE_INTERRUPT) {
        atomic_store(&run->stop, 1);
        return;
    }
    pthread_mutex_lock(&run->mutex);
    if (m->error.iteration < atomic_load_explicit(&run->failed, memory_order_relaxed)) {
        run->error = m->error;
        atomic_store(&run->failed, m->error.iteration);
    }
    pthread_mutex_unlock(&run->mutex);
}

/* A loop of as many iterations as the slice, but for the last, which do not fill vectors, is taken for the region's. */
int32_t plrt_stores_stream(int64_t iterations, int64_t bytes) {
    enum { LANES_MOST = 256, LAST = 32 << 20 };
    plrt_caches caches;
    plrt_topology_caches(&caches);
    int64_t last = LAST;
    for (int i = 0; i < 3; i++)
        last = caches.bytes[i] > 0 ? caches.bytes[i] : last;
    double all = (double)bytes;
    if (iterations <= rt_self.slice && iterations > rt_self.slice - LANES_MOST)
        all *= (double)rt_self.trips / (double)at_least_one(iterations);
    return all >= (double)last;
}

static void look_at_clock(member *m) {
    int64_t now = rt_now();
    if (m->last != 0) {
        int64_t took = now - m->last;
        if (took < SLICE_SHORT_NS && m->slice < INT64_MAX / 4)
            m->slice *= 2;
        if (took > SLICE_LONG_NS)
            m->slice = at_least_one(m->slice / 2);
        if (m->host)
            unlock_host(m->run);
    }
    m->last = now;
}

static int64_t end_of_slice(int64_t begin, int64_t end, int64_t slice) {
    if (end - begin <= slice + slice / 2)
        return end;
    int64_t aligned = (begin + slice) / ALIGN * ALIGN;
    return aligned > begin ? aligned : begin + slice;
}

static bool call_body(member *m, int64_t begin, int64_t end, int64_t block) {
    if (!may_begin(m, begin))
        return false;
    int64_t began = rt_probe_slice_begin(&m->run->probe);
    rt_self.slice = end - begin, rt_self.trips = m->run->trips;
    int32_t failed = m->run->region->body(m->run->context, begin, end, block, &m->error);
    rt_self.slice = 0;
    rt_probe_slice_end(&m->run->probe, began, begin, end);
    if (failed == 0)
        return true;
    report_error(m);
    return false;
}

static bool run_iterations(member *m, int64_t begin, int64_t end) {
    while (begin < end) {
        int64_t stop = end_of_slice(begin, end, m->slice);
        if (!call_body(m, begin, stop, 0))
            return false;
        begin = stop;
        if (begin < end)
            look_at_clock(m);
    }
    return true;
}

static bool run_blocks(member *m, int64_t first, int64_t last) {
    rt_run *run = m->run;
    for (int64_t b = first; b < last; b++) {
        if (!call_body(m, part(run->trips, run->items, b), part(run->trips, run->items, b + 1), b))
            return false;
        if (m->host && !run->unlocked && b + 1 < last)
            look_at_clock(m);
    }
    return true;
}

static bool run_items(member *m, int64_t first, int64_t last) {
    return m->run->reduces ? run_blocks(m, first, last) : run_iterations(m, first, last);
}

static int64_t share_bound(const rt_run *run, int32_t threads, int32_t id) {
    int64_t bound = part(run->items, threads, id);
    if (run->reduces || id == threads || (!run->flat && run->items / threads < ALIGN * 16))
        return bound;
    return bound / ALIGN * ALIGN;
}

static void run_static(member *m, int32_t threads, int32_t id) {
    rt_run *run = m->run;
    if (run->chunk <= 0) {
        run_items(m, share_bound(run, threads, id), share_bound(run, threads, id + 1));
        return;
    }
    uint64_t items = (uint64_t)run->items, chunk = (uint64_t)run->chunk;
    for (uint64_t c = (uint64_t)id; c < (items + chunk - 1) / chunk; c += (uint64_t)threads) {
        uint64_t end = items - c * chunk < chunk ? items : (c + 1) * chunk;
        if (!run_items(m, (int64_t)(c * chunk), (int64_t)end))
            return;
    }
}

/* The counter is of chunks and unsigned: each member goes at most one step past the end. */
static void run_dynamic(member *m) {
    rt_run *run = m->run;
    uint64_t items = (uint64_t)run->items, chunk = (uint64_t)at_least_one(run->chunk);
    uint64_t chunks = (items + chunk - 1) / chunk;
    for (;;) {
        uint64_t c = atomic_fetch_add_explicit(&run->next, 1, memory_order_relaxed);
        if (c >= chunks)
            return;
        uint64_t end = items - c * chunk < chunk ? items : (c + 1) * chunk;
        if (!run_items(m, (int64_t)(c * chunk), (int64_t)end))
            return;
    }
}

static void run_guided(member *m, int32_t threads) {
    rt_run *run = m->run;
    uint64_t items = (uint64_t)run->items, least = (uint64_t)at_least_one(run->chunk);
    uint64_t begin = atomic_load_explicit(&run->next, memory_order_relaxed);
    for (;;) {
        uint64_t size, left;
        do {
            if (begin >= items)
                return;
            left = items - begin;
            size = left / (2 * (uint64_t)threads);
            if (run->flat && run->region->chunk <= 0)
                size = (uint64_t)align_up((int64_t)size);
            if (size < least)
                size = least;
            if (size > left)
                size = left;
        } while (!atomic_compare_exchange_weak_explicit(&run->next, &begin, begin + size, memory_order_relaxed,
                                                        memory_order_relaxed));
        if (!run_items(m, (int64_t)begin, (int64_t)(begin + size)))
            return;
        begin = atomic_load_explicit(&run->next, memory_order_relaxed);
    }
}

static void run_share(member *m, int32_t threads, int32_t id) {
    if (threads == 1) {
        if (m->run->begun)
            run_dynamic(m);
        else
            run_items(m, 0, m->run->items);
    } else if (m->run->schedule == PLRT_SCHEDULE_GUIDED) {
        run_guided(m, threads);
    } else if (m->run->schedule == PLRT_SCHEDULE_DYNAMIC) {
        run_dynamic(m);
    } else {
        run_static(m, threads, id);
    }
}

/* ---- the team -----------------------------------------------------------------------------------------------------
 */

#if defined(__x86_64__) || defined(__i386__)
static void relax(void) {
    __builtin_ia32_pause();
}
#elif defined(__powerpc64__)
static void relax(void) {
    __asm__ volatile("or 27,27,27" ::: "memory");
}
#else
static void relax(void) {
    __asm__ volatile("" ::: "memory");
}
#endif

static bool is_over(const rt_run *run) {
    return atomic_load_explicit(&run->finished, memory_order_acquire) >=
           atomic_load_explicit(&run->expected, memory_order_acquire);
}

static void sleep_until_change(rt_run *run) {
    struct timespec limit = {0, WAIT_NS};
    int32_t seen = atomic_load(&run->finished);
    atomic_store(&run->sleeping, 1);
    if (!is_over(run))
        syscall(SYS_futex, &run->finished, FUTEX_WAIT_PRIVATE, seen, &limit, NULL, 0);
    atomic_store(&run->sleeping, 0);
}

static void wait_as_host(rt_run *run) {
    for (int spin = 0; !is_over(run); spin++) {
        if (plrt_interrupted && !atomic_load(&run->stop))
            ask_to_stop(run);
        if (spin < SPINS) {
            relax();
            continue;
        }
        unlock_host(run);
        print_texts(run);
        sleep_until_change(run);
    }
}

static void finish_member(rt_run *run) {
    atomic_fetch_add(&run->finished, 1);
    if (atomic_load(&run->sleeping))
        syscall(SYS_futex, &run->finished, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static bool has_hooks(void) {
    return rt_hooks.interrupted != NULL || rt_hooks.release_lock != NULL || rt_hooks.print != NULL;
}

/* The prologue of every thread of every region. */
static rt_thread enter_region(rt_run *run, int32_t id, int32_t count, bool host) {
    rt_thread before = rt_self;
    rt_self = (rt_thread){.run = run, .id = id, .count = count, .chunk = 0, .host = host};
    return before;
}

static void work_as_member(void *data) {
    rt_run *run = data;
    int32_t id = omp_get_thread_num(), team = omp_get_num_threads();
    int32_t threads = team < run->threads ? team : run->threads;
    bool host = id == 0 && !run->elsewhere;
    if (run->plan != NULL && !rt_is_seated(run->plan))
        rt_take_seat(run->caller, run->plan, id);
    if (id == 0)
        atomic_store(&run->expected, run->elsewhere ? team : team - 1);
    rt_thread before = enter_region(run, id < threads ? id : 0, threads, host);
    member m = {.run = run, .slice = run->slice, .host = host};
    if (id < threads) {
        int64_t began = rt_probe_enter(&run->probe);
        run_share(&m, threads, id);
        rt_probe_leave(&run->probe, began, id);
    }
    rt_self = before;
    if (!host) {
        finish_member(run);
    } else if (has_hooks()) {
        wait_as_host(run);
    }
}

/* Alone, the thread is in no region as far as regions inside this one are concerned: if they are worth it they may have
 * a team. */
static void run_alone(rt_run *run, bool host) {
    member m = {.run = run, .slice = run->slice, .host = host};
    int64_t began = rt_probe_enter(&run->probe);
    run_share(&m, 1, 0);
    rt_probe_leave(&run->probe, began, 0);
}

static void wait_elsewhere(void *data) {
    wait_as_host(data);
}

static void run_team(rt_run *run) {
    if (!rt_team_orphaned()) {
        rt_team_run(work_as_member, run, run->threads);
        return;
    }
    run->elsewhere = true;
    if (rt_team_run_elsewhere(work_as_member, run, run->threads, wait_elsewhere))
        return;
    run->elsewhere = false;
    run->threads = 1;
    run->alone = RT_ALONE_NO_TEAM;
    run_alone(run, true);
}
int32_t rt_unit_of_member(void) {
    rt_run *run = rt_self.run;
    bool known = run != NULL && run->plan != NULL && rt_self.id < run->plan->threads;
    return known ? run->plan->unit[rt_self.id] : -1;
}

/* ---- shuffled order, for tests ------------------------------------------------------------------------------------
 */

enum { SHUFFLED_MOST = 1 << 20 };

static uint64_t next_random(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void run_shuffled(rt_run *run, uint64_t seed) {
    int64_t units = run->items < SHUFFLED_MOST ? run->items : SHUFFLED_MOST;
    int64_t *order = malloc((size_t)units * sizeof *order);
    if (order == NULL) {
        run_alone(run, true);
        return;
    }
    for (int64_t i = 0; i < units; i++) {
        int64_t j = (int64_t)(next_random(&seed) % (uint64_t)(i + 1));
        order[i] = order[j];
        order[j] = i;
    }
    member m = {.run = run, .slice = INT64_MAX / 2, .host = true};
    for (int64_t i = 0; i < units && !atomic_load(&run->stop); i++)
        run_items(&m, part(run->items, units, order[i]), part(run->items, units, order[i] + 1));
    free(order);
}

/* ---- the entry ----------------------------------------------------------------------------------------------------
 */

static plrt_schedule choose_schedule(const plrt_region *region, const plrt_choice *choice) {
    if (choice->schedule != PLRT_SCHEDULE_DEFAULT)
        return (plrt_schedule)choice->schedule;
    plrt_schedule forced = rt_forced_schedule();
    if (forced != PLRT_SCHEDULE_DEFAULT)
        return forced;
    bool handed_out = rt_self.chunk > 0 || (region->flags & PLRT_REGION_UNEVEN);
    return handed_out ? PLRT_SCHEDULE_DYNAMIC : PLRT_SCHEDULE_STATIC;
}

/* Reduction blocks are handed out one by one; their size was chosen with that in mind. Many iterations in a chunk may be one
 * loop of vectors, which should leave no rest. */
static int64_t choose_chunk(const rt_run *run, int64_t work) {
    if (run->reduces)
        return run->schedule == PLRT_SCHEDULE_STATIC ? 0 : 1;
    if (run->choice.chunk > 0)
        return run->choice.chunk;
    if (run->choice.schedule == PLRT_SCHEDULE_DEFAULT && rt_self.chunk > 0)
        return rt_self.chunk;
    if (run->schedule == PLRT_SCHEDULE_STATIC)
        return 0;
    int64_t chunk = CHUNK_WORK / per_trip(run->trips, work), most = run->trips / (8 * (int64_t)run->threads);
    chunk = at_least_one(chunk < most ? chunk : most);
    return run->flat || chunk > ALIGN ? align_up(chunk) : chunk;
}

static void begin_run(rt_run *run, const plrt_region *region, void *context, int64_t trips, int64_t work) {
    run->region = region;
    run->context = context;
    run->trips = trips;
    run->reduces = region->flags & PLRT_REGION_REDUCES;
    run->items = run->reduces ? plrt_region_blocks(region, trips) : trips;
    run->slice = at_least_one(SLICE_WORK / per_trip(trips, work));
    run->flat = !run->reduces && per_trip(trips, work) < FLAT_WORK;
    rt_choose(region, &run->choice);
    run->schedule = choose_schedule(region, &run->choice);
    run->alone = RT_ALONE_NOT;
    rt_probe_begin(&run->probe, region);
    run->threads = 1;
    run->chunk = 0;
    run->plan = NULL;
    run->begun = false;
    run->elsewhere = false;
    run->unlocked = false;
    run->lock_token = NULL;
    run->texts = NULL;
    run->texts_end = &run->texts;
    pthread_mutex_init(&run->mutex, NULL);
    atomic_init(&run->stop, 0);
    atomic_init(&run->expected, INT32_MAX);
    atomic_init(&run->sleeping, 0);
    atomic_init(&run->failed, INT64_MAX);
    atomic_init(&run->next, 0);
    atomic_init(&run->finished, 0);
}

static int32_t end_run(rt_run *run, plrt_error *err) {
    relock_host(run);
    print_texts(run);
    if (atomic_load(&run->stop)) {
        if (rt_self.run == NULL)
            plrt_interrupted = 0;
        return fill_interrupt(err);
    }
    if (atomic_load(&run->failed) == INT64_MAX)
        return 0;
    *err = run->error;
    return 1;
}

static void run_with_budget(rt_run *run, int32_t threads, plrt_placement placement, int64_t work) {
    bool shared;
    int32_t wanted = threads < run->items ? threads : (int32_t)run->items;
    int32_t granted = rt_budget_take(wanted, &shared);
    run->threads = granted;
    if (!run->begun)
        run->chunk = choose_chunk(run, work);
    if (work >= UNLOCK_WORK)
        unlock_host(run);
    if (granted > 1) {
        run->plan = rt_plan_team(run->caller, run->region, run->context, placement, threads, work, shared);
        run_team(run);
    } else {
        run->alone = wanted > 1 ? RT_ALONE_BUDGET : run->items == 1 ? RT_ALONE_ONE_ITEM : RT_ALONE_ONE_THREAD;
        run_alone(run, true);
    }
    rt_budget_give(granted);
}

/* How long iterations take that differ in length, the estimate does not know: a loop without count may go round once or a
 * million times. Where it promises too little for a team, the host begins alone, a chunk at a time, and true is returned when
 * it has worked for longer than a team would have cost and there are chunks left. */
static bool begin_alone(rt_run *run, int32_t threads, int64_t work) {
    run->threads = threads;
    run->chunk = at_least_one(choose_chunk(run, work));
    run->threads = 1;
    int64_t chunks = (run->items - 1) / run->chunk + 1, c = 0, start = rt_now();
    member m = {.run = run, .slice = run->slice, .host = true};
    int64_t began = rt_probe_enter(&run->probe);
    run->begun = true;
    bool good = true, long_enough = false;
    while (good && c < chunks && !(long_enough && c + 1 < chunks)) {
        int64_t end = c + 1 < chunks ? (c + 1) * run->chunk : run->items;
        good = run_items(&m, c++ * run->chunk, end);
        long_enough = rt_now() - start > TRIAL_NS;
    }
    atomic_store(&run->next, (uint64_t)c);
    bool goes_on = good && c < chunks;
    if (!goes_on)
        rt_probe_leave(&run->probe, began, 0);
    return goes_on;
}

static void run_as_set(rt_run *run, int64_t work) {
    rt_caller *c = rt_caller_now();
    int64_t now = rt_coarse_now();
    rt_look_at_mask(c, now);
    plrt_placement placement = rt_placement_of(c, run->choice.placement);
    int32_t threads = rt_threads_for(c, run->choice.threads, placement);
    run->caller = c;
    rt_learn_worth(threads);
    if (threads > 1 && !rt_is_worth(c, work, now)) {
        run->alone = RT_ALONE_SMALL;
        bool uneven = (run->region->flags & PLRT_REGION_UNEVEN) && run->schedule == PLRT_SCHEDULE_DYNAMIC;
        if (!uneven)
            run_alone(run, true);
        if (!uneven || !begin_alone(run, threads, work))
            return;
        run->alone = RT_ALONE_NOT;
    }
    run_with_budget(run, threads, placement, work);
    if (run->threads > 1)
        c->team_ended = work < SLICE_WORK ? now : rt_coarse_now();
}

int32_t plrt_region_run(const plrt_region *region, void *context, int64_t trips, int64_t work, plrt_error *err) {
    if (trips <= 0)
        return 0;
    rt_run run;
    begin_run(&run, region, context, trips, work);
    uint64_t seed = rt_shuffle_seed();
    plrt_interrupt_watch();
    if (seed != 0) {
        run.alone = RT_ALONE_SHUFFLED;
        run_shuffled(&run, seed);
    } else if (rt_self.run != NULL) {
        run.alone = RT_ALONE_NESTED;
        run.unlocked = true;
        run_alone(&run, rt_self.host);
    } else if (work < rt_min_work()) {
        run.alone = RT_ALONE_SMALL;
        run_alone(&run, true);
    } else {
        run_as_set(&run, work);
    }
    rt_probe_end(&run.probe, run.alone, trips, work, run.threads);
    return end_run(&run, err);
}

/* The configuration is read here, too: until then everybody is taken for watched. */
int32_t plrt_region_note(const plrt_region *region, int64_t trips, int64_t work) {
    plrt_choice choice;
    rt_probe probe;
    rt_choose(region, &choice);
    if ((region->flags & PLRT_REGION_REDUCES) && plrt_region_blocks(region, trips) > 1)
        return 0;
    rt_probe_begin(&probe, region);
    rt_probe_end(&probe, work < rt_min_work() ? RT_ALONE_SMALL : RT_ALONE_ONE_ITEM, trips, work, 1);
    return 1;
}
