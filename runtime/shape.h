/* What the files of libplait_topology share. */
#ifndef PLAIT_RUNTIME_SHAPE_H
#define PLAIT_RUNTIME_SHAPE_H

#include <hwloc.h>
#include <stdbool.h>
#include <stddef.h>

#include "runtime/topology.h"

typedef struct shape { /* a loaded topology, and what was asked of it */
    hwloc_topology_t t;
    hwloc_const_cpuset_t allowed;
    const topology_query *query;
} shape;

/* Threads that a placement would have by itself. */
int32_t shape_default_threads(const shape *s, int32_t placement);
/* Units of `n` threads; false: no memory, or nothing is allowed. */
bool shape_place(const shape *s, int32_t placement, int32_t n, int32_t *unit);

typedef struct out { /* text that grows */
    char *text;
    size_t len, cap;
    bool failed;
} out;

void out_put(out *o, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *shape_svg(const shape *s); /* picture.c */

#endif
