/* Recording slices of time (trace.c), for stats.c alone. */
#ifndef PLAIT_RUNTIME_TRACE_H
#define PLAIT_RUNTIME_TRACE_H

#include "runtime/rt.h"

typedef enum rt_slice_kind { RT_SLICE_REGION, RT_SLICE_MEMBER, RT_SLICE_PIECE, RT_SLICE_SPAN } rt_slice_kind;

typedef struct rt_slice {
    rt_slice_kind kind;
    const char *name, *category; /* live as long as the process; category of a SPAN: its own, else what the name says */
    int64_t begin, end;          /* nanoseconds */
    int64_t first, last;         /* REGION: trips, wanted threads; PIECE: iterations; MEMBER: number of the thread */
    const char *note;            /* REGION: why on one thread, or NULL */
} rt_slice;

/* Does nothing when no trace is being recorded, or when it is full. */
void rt_trace_add(const rt_slice *slice);

#endif
