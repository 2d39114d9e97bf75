/* The machine's shape, from hwloc, in a library of its own (libplait_topology): a program that places no threads never
 * loads hwloc. libplait_rt opens it when the first team is placed; the command links with it. */
#ifndef PLAIT_RUNTIME_TOPOLOGY_H
#define PLAIT_RUNTIME_TOPOLOGY_H

#include <stdint.h>

#include "plait/runtime.h"

/* ---- placing a team on this machine -------------------------------------------------------------------------------- */

typedef struct topology_team {
    const uint64_t *allowed; /* the affinity mask, bit k of word w: unit 64 * w + k */
    int32_t words;
    int32_t threads;
    int32_t placement;   /* plrt_placement, neither LIST nor NONE */
    const int32_t *near; /* PLRT_PLACE_NUMA: for each thread the system's number of a memory node, -1: any; or NULL */
} topology_team;

/* Fills unit[k], the processing unit of thread k. The first call loads the topology; another one does so again when the
 * mask holds units that were not there then. 0, or -1: no memory, or hwloc failed. */
PLRT_API int32_t plait_topology_place(const topology_team *team, int32_t *unit);

/* ---- looking at a machine ------------------------------------------------------------------------------------------ */

typedef struct topology_query {
    const char *xml, *synthetic; /* a file, or a description, in hwloc's formats; both NULL: this machine */
    int32_t threads;             /* 0: as many as each placement would use */
    int32_t quota;               /* CPUs that the cgroup allows; 0: no limit */
    int32_t placement;           /* of the picture */
    const int32_t *list;         /* units of PLRT_PLACE_LIST, `listed` of them, or NULL */
    int32_t listed;
} topology_query;

/* The machine, and where each placement puts the threads, as JSON; NULL with a message in error[size]. free() it. */
PLRT_API char *plait_topology_json(const topology_query *query, char *error, size_t size);
/* The machine with the threads of one placement on it, as SVG; likewise. */
PLRT_API char *plait_topology_svg(const topology_query *query, char *error, size_t size);

#endif
