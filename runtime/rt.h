/* What the files of the runtime share. Nothing here is part of the ABI. */
#ifndef PLAIT_RT_H
#define PLAIT_RT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plait/runtime.h"

/* libgomp, declared by hand: these are all that plait uses of it. */
void GOMP_parallel(void (*fn)(void *), void *data, unsigned num_threads, unsigned flags);
int omp_get_thread_num(void);
int omp_get_num_threads(void);
int omp_get_proc_bind(void);
int omp_get_num_places(void);
int omp_get_num_procs(void);

#define RT_TLS _Thread_local __attribute__((tls_model("initial-exec")))

/* ---- the region that a thread is in (region.c) ------------------------------------------------------------------- */

struct rt_run;

typedef struct rt_thread {
    struct rt_run *run; /* NULL outside regions */
    int32_t id;
    int32_t count;
    int64_t chunk; /* set_chunksize of this thread */
    int64_t slice; /* iterations that a region's body is called for now, of so many of the region's; 0: none is */
    int64_t trips;
    bool host; /* it entered the kernel: may talk to the host */
} rt_thread;

extern RT_TLS rt_thread rt_self;
int32_t rt_unit_of_member(void); /* the processing unit that the calling member was given; -1: none */

/* ---- limit.c: what machine and environment allow ------------------------------------------------------------------ */

enum { RT_MOST_THREADS = 4096, RT_MOST_UNITS = 8192 };

typedef struct rt_units { /* a set of processing units, by Linux's numbers */
    uint64_t words[RT_MOST_UNITS / 64];
} rt_units;

bool rt_units_has(const rt_units *u, int32_t unit);
void rt_units_add(rt_units *u, int32_t unit);
int32_t rt_units_count(const rt_units *u);
int32_t rt_units_next(const rt_units *u, int32_t unit); /* the first after `unit`; -1: none */
bool rt_units_of_thread(int32_t thread, rt_units *u);   /* 0: the calling one */
bool rt_units_bind(int32_t thread, const rt_units *u);
/* Calls each(into, unit) for the units of a text "0-3,8,16-30:2", in its order; false: it is no such text. */
bool rt_read_list(const char *text, void (*each)(void *into, int32_t unit), void *into);
bool rt_read_line(const char *path, char *line, int size); /* without its end */

/* Where the members of a team sit (bind.c). */
enum { RT_PLANS = 4 };
typedef struct rt_plan {
    uint32_t epoch;      /* the plan's number; 0: there is none */
    uint32_t mask_epoch; /* what it was made for: the mask, */
    int32_t placement, threads;
    uint64_t where;   /* the pages, */
    const void *list; /* the list of units */
    int32_t *unit;    /* of each member; -1: any */
    int32_t *thread;  /* the members' system numbers, once they sat down */
    uint32_t used;
} rt_plan;

/* What is known of a thread that enters regions. */
typedef struct rt_caller {
    rt_units allowed;     /* its affinity mask */
    int32_t units, cores; /* in it */
    int32_t quota;        /* 0: none */
    int64_t looked_at;
    uint32_t mask_epoch;  /* counts changes of the mask; 0: not looked yet */
    const void *list;     /* of units, for the region that is entered */
    bool asks_for_places; /* somebody said how it is to be placed */
    rt_plan plans[RT_PLANS];
    uint32_t plan_clock;
    int32_t host_unit;         /* where it was last seen */
    int32_t crowded;           /* regions to go until it is placed again */
    int64_t spent;             /* work done in teams */
    int64_t team_ended;        /* by the coarse clock */
    int64_t missed, missed_at; /* work that was too little for waking the team, lately */
    bool is_placed;            /* its members have been bound */
    int32_t *near;             /* pages.c: memory node of each member's part of the arrays */
    int32_t near_size, near_left;
    uint64_t near_key, near_where;
} rt_caller;

extern RT_TLS rt_caller *rt_this_caller;
rt_caller *rt_new_caller(void);
static inline rt_caller *rt_caller_now(void) {
    return rt_this_caller != NULL ? rt_this_caller : rt_new_caller();
}
int64_t rt_coarse_now(void); /* nanoseconds, some milliseconds late */
/* Reads mask and quota again when the last reading is old. */
void rt_look_at_mask(rt_caller *c, int64_t now);

/* What the environment says about the number of threads, else the configuration; 0: nothing usable. */
int32_t rt_threads_from_text(const char *text);
int32_t rt_said_threads(void);
/* CPUs that the cgroup's bandwidth quota allows, rounded up; 0: no limit. `sysfs` is the mount point of the cgroup
 * file systems, `membership` the file that lists the process's groups. */
int32_t rt_quota(const char *sysfs, const char *membership);
/* Cores with a unit in `u`, by the files below `cpus` (/sys/devices/system/cpu). */
int32_t rt_count_cores(const char *cpus, const rt_units *u);
void rt_limit_lock(void); /* around fork */
void rt_limit_unlock(void);

/* ---- caches.c: from the files of a unit below `cpus` ---------------------------------------------------------------- */

void rt_read_caches(const char *cpus, int32_t unit, plrt_caches *caches);

/* ---- threads.c: how many ------------------------------------------------------------------------------------------ */

/* Threads for a region of which the configuration says `asked` (0: nothing). */
int32_t rt_threads_for(rt_caller *c, int32_t asked, plrt_placement placement);
plrt_schedule rt_forced_schedule(void);
int32_t rt_default_threads(rt_caller *c);
int32_t rt_chosen_threads(void); /* by plrt_set_num_threads; 0: nobody did */
void rt_forget_threads(void);
/* Takes up to `wanted` threads of the process's budget, at least 1; give the same number back. *shared: other callers
 * were running. */
int32_t rt_budget_take(int32_t wanted, bool *shared);
void rt_budget_give(int32_t count);
void rt_budget_reset(void);
uint64_t rt_shuffle_seed(void);
int64_t rt_most_grain(void);

/* ---- worth.c: what a team costs ----------------------------------------------------------------------------------- */

int64_t rt_min_work(void);
/* Finds out what a team of so many threads costs, once. */
void rt_learn_worth(int32_t threads);
bool rt_is_worth(rt_caller *c, int64_t work, int64_t now);
bool rt_cost_file(int32_t threads, char *path, size_t size);
bool rt_cost_read(const char *path, int64_t *cost); /* nanoseconds */
bool rt_cost_write(char *path, int64_t cost);
void rt_worth_lock(void); /* around fork */
void rt_worth_unlock(void);
void rt_decide_small_work(void); /* after a change of what must pass through plrt_region_run */

/* ---- bind.c: where ----------------------------------------------------------------------------------------------- */

/* Of a text in the configuration; NULL: the process's. Its list becomes the caller's. */
plrt_placement rt_placement_of(rt_caller *c, const char *text);
void rt_lists_lock(void); /* around fork */
void rt_lists_unlock(void);
/* Threads that a placement has room for in the caller's mask without using anything twice. */
int32_t rt_placement_room(const rt_caller *c, plrt_placement placement);
/* The plan for a team of `threads` members; NULL: nobody is or was placed. */
rt_plan *rt_plan_team(rt_caller *c, const plrt_region *region, void *context, plrt_placement placement, int32_t threads,
                      int64_t work, bool shared);
/* For a member at the beginning of a region. */
bool rt_is_seated(const rt_plan *p);
void rt_take_seat(rt_caller *c, rt_plan *p, int32_t id);
void rt_plans_forget(rt_caller *c);
void rt_plans_free(rt_caller *c);

/* ---- pages.c ------------------------------------------------------------------------------------------------------ */

int32_t *rt_pages_near(rt_caller *c, const plrt_region *region, const void *context, int32_t threads, uint64_t *where);
extern long (*rt_ask_pages)(unsigned long count, void **pages, int *nodes); /* as move_pages; replaced by tests */

/* ---- team.c: who may run how many threads -------------------------------------------------------------------------
 */

/* Runs fn(data) on a team with at least `threads` members if they can be had, else on fewer; every member calls fn and
 * reads its number from omp_get_thread_num. Returns after all are done. */
void rt_team_run(void (*fn)(void *), void *data, int32_t threads);
/* As rt_team_run for a thread whose own pool died in a fork: a fresh thread leads the team while this one calls
 * idle(data), which must return once the team is done with its work. */
bool rt_team_orphaned(void);
bool rt_team_run_elsewhere(void (*fn)(void *), void *data, int32_t threads, void (*idle)(void *));

/* ---- interrupt.c, hooks -------------------------------------------------------------------------------------------
 */

extern plrt_hooks rt_hooks;
/* Asks the host about a signal that came; true: stop. Only on the thread that entered the kernel. */
bool rt_interrupt_ask(void);
int64_t rt_now(void); /* nanoseconds */

/* ---- memory.c -----------------------------------------------------------------------------------------------------
 */

void rt_memory_lock(void);
void rt_memory_unlock(void);
size_t rt_memory_cached(void); /* bytes kept for reuse */
void rt_memory_purge(void);

/* ---- race.c -------------------------------------------------------------------------------------------------------
 */

/* Memory that is given out afresh: what iterations did with it before is nobody's race. */
void rt_race_forget(const void *p, size_t bytes);

/* ---- print.c ------------------------------------------------------------------------------------------------------
 */

/* Text of a thread of a region, kept until the region's host can print it (region.c). */
void rt_region_print(const char *text, size_t len);
/* Shortest decimal text that reads back as x, in Python's form; `dot`: "1.0" rather than "1". At most 32 bytes. */
size_t rt_float_text(double x, bool single, bool dot, char *out);

#endif
