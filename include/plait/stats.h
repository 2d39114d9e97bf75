/* Counters and traces of parallel regions. Both are off until somebody asks: PLAIT_STATS=1, PLAIT_TRACE=FILE, the same
 * settings in a configuration file, or the calls below. All may be called from any thread, also while regions run. */
#ifndef PLAIT_STATS_H
#define PLAIT_STATS_H

#include "plait/runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- counters ---------------------------------------------------------------------------------------------------- */

enum { PLRT_ALONE_REASONS = 8 };

/* What is known of one region since the counters were reset. Times in nanoseconds. Strings live as long as the process.
 */
typedef struct plrt_region_stats {
    const char *name; /* "function:line" */
    const char *file; /* or NULL */
    int32_t line, loop;
    int64_t calls, trips;
    int64_t work;           /* scalar operations, as the compiler estimated them */
    int64_t time, longest;  /* of the calls, from entry to return */
    int64_t parallel_calls; /* on more than one thread */
    int64_t threads;        /* sum over the parallel calls */
    int32_t most_threads;   /* of one call; 1: never parallel */
    int32_t reserved;
    int64_t busy;          /* sum of the members' times in parallel calls */
    int64_t busiest, mean; /* sums over the parallel calls: the busiest member's time; the members' mean time */
    int64_t alone[PLRT_ALONE_REASONS]; /* calls on one thread, by reason: plrt_alone_reason(i) */
} plrt_region_stats;

PLRT_API int32_t plrt_stats_enable(int32_t on); /* returns what it was */
PLRT_API void plrt_stats_reset(void);
/* Fills at most `room` entries, in the order in which regions were first run; returns how many there are. */
PLRT_API size_t plrt_stats_get(plrt_region_stats *out, size_t room);
PLRT_API const char *plrt_alone_reason(int32_t reason); /* "small work", …; NULL: no such reason */

/* ---- traces: Chrome's trace event format, which Perfetto reads ----------------------------------------------------- */

/* Starts to record into memory: one slice for every thread of every region and one for every piece of its iterations,
 * at most `limit` (0: 262,144; pieces stop at three quarters of it). The file is made at once (an empty trace), so that a
 * path that cannot be written is found here. 0, or an errno; EBUSY: a trace is being recorded already. */
PLRT_API int32_t plrt_trace_start(const char *path, int64_t limit);
/* Ends it and writes the file; 0, or an errno. ENOENT: there is none. A trace that nobody stops is written when the
 * process exits; a child of fork() never writes its parent's. */
PLRT_API int32_t plrt_trace_stop(void);
PLRT_API int32_t plrt_trace_is_on(void);
/* A slice of the calling thread's own; begin and end as plrt_clock gives them. */
PLRT_API void plrt_trace_span(const char *name, const char *category, int64_t begin, int64_t end);
PLRT_API int64_t plrt_clock(void); /* nanoseconds */

#ifdef __cplusplus
}
#endif
#endif
