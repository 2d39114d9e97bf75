/* Where the threads of a team sit: the policy, as it was set or as the environment says, and what follows from it.
 *
 * A *plan* names a processing unit for every member of a team; it has a number, its epoch, and every member remembers the
 * epoch of the plan that it sits by: in a region like the one before, that is one comparison. When it differs, the member
 * binds itself. The thread that entered the region is member 0 and is never bound; when the operating system has put it
 * on another member's unit, the two change places.
 *
 * Plans are made from the machine's topology, by a library that is opened when there is first something to place. Nobody
 * is placed when OpenMP's own variables ask for places, when another library has bound the threads (they are left as
 * they are), while several teams of the process run at the same time, which would meet on the same units, and when a
 * team is smaller than the mask and nobody asked for places. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/rt.h"
#include "runtime/topology.h"

enum {
    CROWDED_FOR = 256,      /* regions that go unplaced after one that met another team */
    PLACE_AFTER = 20000000, /* operations before a topology is worth loading */
};

static const char *const policy_names[] = {
    [PLRT_PLACE_SPREAD] = "spread", [PLRT_PLACE_COMPACT] = "compact", [PLRT_PLACE_NUMA] = "numa",
    [PLRT_PLACE_CORES] = "cores",   [PLRT_PLACE_THREADS] = "threads", [PLRT_PLACE_LIST] = "list",
    [PLRT_PLACE_NONE] = "none",
};
enum { N_POLICIES = sizeof policy_names / sizeof *policy_names };

typedef struct unit_list {
    int32_t count;
    int32_t unit[RT_MOST_THREADS];
} unit_list;

/* ---- the policy ------------------------------------------------------------------------------------------------------- */

static pthread_once_t environment_once = PTHREAD_ONCE_INIT;
static _Atomic int32_t policy = PLRT_PLACE_SPREAD;
static _Atomic bool policy_is_said;
static _Atomic(const unit_list *) list; /* replaced, never freed: teams may be reading the old one */

const char *plrt_placement_name(plrt_placement placement) {
    return placement > 0 && (int)placement < N_POLICIES ? policy_names[placement] : NULL;
}

static void ignore_unit(void *into, int32_t unit) {
    (void)into;
    (void)unit;
}

static plrt_placement named_policy(const char *text) {
    for (int i = 1; i < N_POLICIES; i++)
        if (i != PLRT_PLACE_LIST && strcmp(text, policy_names[i]) == 0)
            return (plrt_placement)i;
    return PLRT_PLACE_INVALID;
}

plrt_placement plrt_placement_named(const char *text) {
    plrt_placement placement = named_policy(text);
    if (placement != PLRT_PLACE_INVALID)
        return placement;
    return rt_read_list(text, ignore_unit, NULL) ? PLRT_PLACE_LIST : PLRT_PLACE_INVALID;
}

static void append_unit(void *into, int32_t unit) {
    unit_list *l = into;
    if (l->count < RT_MOST_THREADS)
        l->unit[l->count++] = unit;
}

static int32_t store_policy(plrt_placement placement, const char *cpus) {
    if (placement < PLRT_PLACE_SPREAD || placement > PLRT_PLACE_NONE)
        return -1;
    if (placement == PLRT_PLACE_LIST) {
        unit_list *l = calloc(1, sizeof *l);
        if (l == NULL || cpus == NULL || !rt_read_list(cpus, append_unit, l)) {
            free(l);
            return -1;
        }
        atomic_store(&list, l);
    }
    atomic_store(&policy, (int32_t)placement);
    atomic_store(&policy_is_said, true);
    return 0;
}

static void read_environment(void) {
    const char *text = getenv("PLAIT_PLACEMENT");
    if (text != NULL)
        store_policy(plrt_placement_named(text), text);
}

int32_t plrt_set_placement(plrt_placement placement, const char *cpus) {
    pthread_once(&environment_once, read_environment);
    return store_policy(placement, cpus);
}

plrt_placement plrt_get_placement(void) {
    pthread_once(&environment_once, read_environment);
    return (plrt_placement)atomic_load_explicit(&policy, memory_order_relaxed);
}

int32_t plrt_placement_list(int32_t *units, int32_t size) {
    pthread_once(&environment_once, read_environment);
    const unit_list *l = atomic_load(&list);
    int32_t count = l == NULL ? 0 : l->count < size ? l->count : size;
    if (count > 0)
        memcpy(units, l->unit, sizeof *units * (size_t)count);
    return count;
}

/* ---- texts of the configuration ------------------------------------------------------------------------------------------ */

typedef struct kept_list {
    struct kept_list *next;
    unit_list units;
    char text[];
} kept_list;

static pthread_mutex_t lists_lock = PTHREAD_MUTEX_INITIALIZER;
static kept_list *kept_lists; /* as many as configurations name; never freed */

static kept_list *keep_list(const char *text) {
    size_t size = strlen(text) + 1;
    kept_list *l = calloc(1, sizeof *l + size);
    if (l == NULL)
        return NULL;
    memcpy(l->text, text, size);
    if (!rt_read_list(text, append_unit, &l->units)) {
        free(l);
        return NULL;
    }
    l->next = kept_lists;
    return kept_lists = l;
}

static const unit_list *find_list(const char *text) {
    pthread_mutex_lock(&lists_lock);
    kept_list *l = kept_lists;
    while (l != NULL && strcmp(l->text, text) != 0)
        l = l->next;
    if (l == NULL)
        l = keep_list(text);
    pthread_mutex_unlock(&lists_lock);
    return l != NULL ? &l->units : NULL;
}

plrt_placement rt_placement_of(rt_caller *c, const char *text) {
    plrt_placement placement = text != NULL ? named_policy(text) : PLRT_PLACE_INVALID;
    c->asks_for_places = text != NULL || atomic_load_explicit(&policy_is_said, memory_order_relaxed);
    if (placement != PLRT_PLACE_INVALID)
        return placement;
    if (text != NULL && (c->list = find_list(text)) != NULL)
        return PLRT_PLACE_LIST;
    placement = plrt_get_placement();
    c->list = atomic_load(&list);
    return placement;
}

void rt_lists_lock(void) {
    pthread_mutex_lock(&lists_lock);
}

void rt_lists_unlock(void) {
    pthread_mutex_unlock(&lists_lock);
}

static int32_t usable_of_list(const rt_caller *c) {
    const unit_list *l = c->list;
    int32_t count = 0;
    for (int32_t i = 0; l != NULL && i < l->count; i++)
        count += rt_units_has(&c->allowed, l->unit[i]);
    return count > 0 ? count : c->cores;
}

int32_t rt_placement_room(const rt_caller *c, plrt_placement placement) {
    if (placement == PLRT_PLACE_LIST)
        return usable_of_list(c);
    return placement == PLRT_PLACE_THREADS ? c->units : c->cores;
}

/* ---- whether to place at all ------------------------------------------------------------------------------------------- */

static const char *refusal;
static pthread_once_t refusal_once = PTHREAD_ONCE_INIT;

static void look_for_other_hands(void) {
    static const char *const names[] = {"OMP_PLACES", "OMP_PROC_BIND", "GOMP_CPU_AFFINITY"};
    for (size_t i = 0; i < sizeof names / sizeof *names && refusal == NULL; i++)
        if (getenv(names[i]) != NULL)
            refusal = names[i];
    if (refusal == NULL && omp_get_proc_bind() != 0)
        refusal = "OpenMP's settings";
}

static _Atomic int32_t foreign_threads;

const char *plrt_placement_refusal(void) {
    pthread_once(&refusal_once, look_for_other_hands);
    if (refusal != NULL)
        return refusal;
    return atomic_load_explicit(&foreign_threads, memory_order_relaxed) > 0 ? "another library" : NULL;
}

/* ---- libplait_topology ---------------------------------------------------------------------------------------------------- */

typedef int32_t place_function(const topology_team *team, int32_t *unit);

#pragma weak plait_topology_place
static place_function *place_function_found;
static pthread_once_t library_once = PTHREAD_ONCE_INIT;

/* Beside this library, or wherever the linker looks. A program that has it linked in needs no file. */
static void find_library(void) {
    char path[PATH_MAX];
    Dl_info info;
    void *library = NULL;
    place_function_found = plait_topology_place;
    if (place_function_found != NULL)
        return;
    if (dladdr((void *)(uintptr_t)&plrt_set_placement, &info) != 0 && strrchr(info.dli_fname, '/') != NULL &&
        snprintf(path, sizeof path, "%.*s/libplait_topology.so", (int)(strrchr(info.dli_fname, '/') - info.dli_fname),
                 info.dli_fname) < (int)sizeof path)
        library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL)
        library = dlopen("libplait_topology.so", RTLD_NOW | RTLD_LOCAL);
    if (library != NULL)
        place_function_found = (place_function *)(uintptr_t)dlsym(library, "plait_topology_place");
}

/* ---- plans --------------------------------------------------------------------------------------------------------------------- */

static _Atomic uint32_t epochs; /* every plan of the process has a number of its own */

static bool plan_by_list(rt_caller *c, rt_plan *p) {
    const unit_list *l = c->list;
    int32_t usable[RT_MOST_THREADS], count = 0;
    for (int32_t i = 0; l != NULL && i < l->count; i++)
        if (rt_units_has(&c->allowed, l->unit[i]))
            usable[count++] = l->unit[i];
    for (int32_t k = 0; k < p->threads && count > 0; k++)
        p->unit[k] = usable[k % count];
    return count > 0;
}

static bool plan_by_shape(rt_caller *c, rt_plan *p, const int32_t *near) {
    topology_team team = {
        .allowed = c->allowed.words,
        .words = RT_MOST_UNITS / 64,
        .threads = p->threads,
        .placement = p->placement,
        .near = near,
    };
    pthread_once(&library_once, find_library);
    return place_function_found != NULL && place_function_found(&team, p->unit) == 0;
}

static void leave_open(rt_plan *p) {
    for (int32_t k = 0; k < p->threads; k++)
        p->unit[k] = -1;
}

static bool size_plan(rt_plan *p, int32_t threads) {
    int32_t *unit = realloc(p->unit, sizeof *unit * (size_t)threads), *thread;
    if (unit == NULL)
        return false;
    p->unit = unit;
    thread = realloc(p->thread, sizeof *thread * (size_t)threads);
    if (thread == NULL)
        return false;
    p->thread = thread;
    memset(thread, 0, sizeof *thread * (size_t)threads);
    return true;
}

static bool is_for(const rt_plan *p, const rt_caller *c, plrt_placement placement, int32_t threads, uint64_t where) {
    return p->epoch != 0 && p->placement == (int32_t)placement && p->threads == threads &&
           p->mask_epoch == c->mask_epoch && p->where == where && (placement != PLRT_PLACE_LIST || p->list == c->list);
}

static rt_plan *oldest_plan(rt_caller *c) {
    rt_plan *oldest = &c->plans[0];
    for (int i = 1; i < RT_PLANS; i++)
        if (c->plans[i].used < oldest->used)
            oldest = &c->plans[i];
    return oldest;
}

/* The plan for a team, from the caller's few last ones or made. What cannot be planned leaves all threads where the
 * operating system wants them. */
static rt_plan *plan_for(rt_caller *c, plrt_placement placement, int32_t threads, uint64_t where, const int32_t *near) {
    for (int i = 0; i < RT_PLANS; i++)
        if (is_for(&c->plans[i], c, placement, threads, where)) {
            c->plans[i].used = ++c->plan_clock;
            return &c->plans[i];
        }
    rt_plan *p = oldest_plan(c);
    p->epoch = 0;
    if (!size_plan(p, threads))
        return NULL;
    p->placement = (int32_t)placement;
    p->threads = threads;
    p->mask_epoch = c->mask_epoch;
    p->where = where;
    p->list = c->list;
    p->used = ++c->plan_clock;
    bool done =
        placement == PLRT_PLACE_LIST ? plan_by_list(c, p) : placement != PLRT_PLACE_NONE && plan_by_shape(c, p, near);
    if (!done)
        leave_open(p);
    p->epoch = atomic_fetch_add(&epochs, 1) + 1;
    c->host_unit = -1;
    return p;
}

/* ---- the caller ------------------------------------------------------------------------------------------------------------------- */

/* The caller goes where the operating system puts it. When that is another member's unit, the two change places: a
 * member that is bound to a busy unit would wait while another one idles. */
static void make_way(rt_caller *c, rt_plan *p, int32_t unit) {
    c->host_unit = unit;
    for (int32_t k = 1; k < p->threads; k++) {
        if (p->unit[k] != unit || p->unit[0] == unit)
            continue;
        rt_units one = {{0}};
        p->unit[k] = p->unit[0];
        p->unit[0] = unit;
        rt_units_add(&one, p->unit[k]);
        if (p->thread[k] != 0)
            rt_units_bind(p->thread[k], &one);
        return;
    }
}

/* Several teams at once would meet on the same units: then nobody is placed, and not again for a while. */
static bool is_crowded(rt_caller *c, bool shared) {
    if (shared)
        c->crowded = CROWDED_FOR;
    else if (c->crowded > 0)
        c->crowded--;
    return c->crowded > 0;
}

/* Short programs do not pay for a topology: the first teams run unplaced. */
static bool is_worth_placing(rt_caller *c, int64_t work) {
    if (c->spent >= PLACE_AFTER)
        return true;
    c->spent = work < PLACE_AFTER ? c->spent + work : PLACE_AFTER;
    return c->spent >= PLACE_AFTER;
}

/* Several processes with small teams (a quota in a container, workers that were told to take two threads) would all take
 * the same units when nobody said anything about places; one that fills its mask would not gain by leaving them. */
static bool is_left_open(const rt_caller *c, int32_t threads) {
    return !c->asks_for_places && threads < c->cores;
}

rt_plan *rt_plan_team(rt_caller *c, const plrt_region *region, void *context, plrt_placement placement, int32_t threads,
                      int64_t work, bool shared) {
    uint64_t where = 0;
    int32_t *near = NULL;
    bool crowded = is_crowded(c, shared);
    if (crowded || is_left_open(c, threads) || !is_worth_placing(c, work) || plrt_placement_refusal() != NULL)
        placement = PLRT_PLACE_NONE;
    if (placement == PLRT_PLACE_NONE && !c->is_placed)
        return NULL;
    if (placement == PLRT_PLACE_NUMA)
        near = rt_pages_near(c, region, context, threads, &where);
    rt_plan *p = plan_for(c, placement, threads, where, near);
    if (p == NULL || placement == PLRT_PLACE_NONE)
        return p;
    c->is_placed = true;
    int32_t unit = sched_getcpu();
    if (unit != c->host_unit)
        make_way(c, p, unit);
    return p;
}

/* ---- the members --------------------------------------------------------------------------------------------------------------------- */

static RT_TLS uint32_t seen_epoch;      /* of the plan that this thread sits by */
static RT_TLS uint32_t seen_mask_epoch; /* and of the mask that it was made for */
static RT_TLS int32_t bound_unit;       /* 1 + the unit; 0: none */
static RT_TLS bool is_foreign;

/* Whether somebody else has bound this thread: its mask is neither what it got here nor what it was born with. */
static bool was_moved(const rt_caller *c, const rt_units *now) {
    if (c->mask_epoch != (seen_mask_epoch != 0 ? seen_mask_epoch : 1))
        return false;
    if (bound_unit == 0)
        return memcmp(now, &c->allowed, sizeof *now) != 0;
    return rt_units_count(now) != 1 && memcmp(now, &c->allowed, sizeof *now) != 0;
}

void rt_take_seat(rt_caller *c, rt_plan *p, int32_t id) {
    rt_units now, target = {{0}};
    seen_epoch = p->epoch;
    if (is_foreign || id <= 0)
        return;
    if (!rt_units_of_thread(0, &now) || was_moved(c, &now)) {
        is_foreign = true;
        atomic_fetch_add(&foreign_threads, 1);
        return;
    }
    int32_t unit = id < p->threads ? p->unit[id] : -1;
    if (unit >= 0)
        rt_units_add(&target, unit);
    else
        target = c->allowed;
    if (!rt_units_bind(0, &target))
        return;
    seen_mask_epoch = c->mask_epoch;
    bound_unit = unit + 1;
    if (id < p->threads)
        p->thread[id] = gettid();
}

bool rt_is_seated(const rt_plan *p) {
    return seen_epoch == p->epoch;
}

/* Ends what is known of threads: in a child of fork() they are not there. */
void rt_plans_forget(rt_caller *c) {
    for (int i = 0; i < RT_PLANS; i++)
        c->plans[i].epoch = 0;
    c->is_placed = false;
}

void rt_plans_free(rt_caller *c) {
    for (int i = 0; i < RT_PLANS; i++) {
        free(c->plans[i].unit);
        free(c->plans[i].thread);
    }
    free(c->near);
}
