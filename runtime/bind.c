/* Where the threads of a team sit: the policy, as it was set or as the environment says. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/rt.h"

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
static _Atomic(const unit_list *) list; /* replaced, never freed: teams may be reading the old one */

const char *plrt_placement_name(plrt_placement placement) {
    return placement > 0 && (int)placement < N_POLICIES ? policy_names[placement] : NULL;
}

static void ignore_unit(void *into, int32_t unit) {
    (void)into;
    (void)unit;
}

plrt_placement plrt_placement_named(const char *text) {
    for (int i = 1; i < N_POLICIES; i++)
        if (i != PLRT_PLACE_LIST && strcmp(text, policy_names[i]) == 0)
            return (plrt_placement)i;
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

/* Of a text in the configuration; NULL: the process's. */
plrt_placement rt_placement_of(const char *text) {
    plrt_placement placement = text != NULL ? plrt_placement_named(text) : PLRT_PLACE_INVALID;
    return placement != PLRT_PLACE_INVALID ? placement : plrt_get_placement();
}

static int32_t usable_of_list(const rt_caller *c) {
    const unit_list *l = atomic_load(&list);
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
