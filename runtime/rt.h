/* What the files of the runtime share. Nothing here is part of the ABI. */
#ifndef PLAIT_RT_H
#define PLAIT_RT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plait/runtime.h"

/* libgomp, declared by hand: these four are all that plait uses of it. */
void GOMP_parallel(void (*fn)(void *), void *data, unsigned num_threads, unsigned flags);
int omp_get_thread_num(void);
int omp_get_num_threads(void);

#define RT_TLS _Thread_local __attribute__((tls_model("initial-exec")))

/* ---- the region that a thread is in (region.c) ------------------------------------------------------------------- */

struct rt_run;

typedef struct rt_thread {
    struct rt_run *run; /* NULL outside regions */
    int32_t id;
    int32_t count;
    int64_t chunk; /* set_chunksize of this thread */
    bool host;     /* it entered the kernel: may talk to the host */
} rt_thread;

extern RT_TLS rt_thread rt_self;

/* ---- threads.c ----------------------------------------------------------------------------------------------------
 */

/* What the environment says about the number of threads; 0: nothing usable. */
int32_t rt_threads_from_text(const char *text);
/* CPUs that the cgroup's bandwidth quota allows, rounded up; 0: no limit. `sysfs` is the mount point of the cgroup
 * file systems, `membership` the file that lists the process's groups. */
int32_t rt_quota(const char *sysfs, const char *membership);
/* Takes up to `wanted` threads of the process's budget, at least 1; give the same number back. */
int32_t rt_budget_take(int32_t wanted);
void rt_budget_give(int32_t count);
void rt_budget_reset(void);
int64_t rt_min_work(void);
plrt_schedule rt_forced_schedule(void);
uint64_t rt_shuffle_seed(void);
int64_t rt_most_grain(void);

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

/* ---- print.c ------------------------------------------------------------------------------------------------------
 */

/* Text of a thread of a region, kept until the region's host can print it (region.c). */
void rt_region_print(const char *text, size_t len);
/* Shortest decimal text that reads back as x, in Python's form; `dot`: "1.0" rather than "1". At most 32 bytes. */
size_t rt_float_text(double x, bool single, bool dot, char *out);

#endif
