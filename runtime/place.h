/* Which processing units (PUs) the threads of a team sit on: a pure function of a topology, a policy and a number. */
#ifndef PLAIT_RUNTIME_PLACE_H
#define PLAIT_RUNTIME_PLACE_H

#include <hwloc.h>
#include <stdint.h>

typedef enum place_policy {
    PLACE_INVALID,
    PLACE_SPREAD,  /* as far from one another as possible: over packages, NUMA nodes, caches, cores */
    PLACE_COMPACT, /* as near to one another as possible: neighbouring cores first */
    PLACE_NONE     /* nowhere: the operating system decides */
} place_policy;

typedef enum place_unit {
    PLACE_CORES,  /* at most one thread a core, as long as there are cores; then siblings */
    PLACE_THREADS /* hardware threads count as places of their own: siblings are filled core by core */
} place_unit;

/* Chooses a PU for each of `n` threads: os index of thread k's PU in pu[k]. Only PUs of `allowed` (NULL: the topology's
 * allowed set) are used; none twice while one is free; with more threads than PUs the places repeat evenly. Threads with
 * neighbouring numbers sit near one another, since static schedules give them neighbouring iterations.
 * Returns 0, or -1 when memory is out or no PU is allowed. Independent of the machine that it runs on. */
int place_threads(hwloc_topology_t topology, hwloc_const_cpuset_t allowed, place_policy policy, place_unit unit,
                  int32_t n, unsigned *pu);

/* Places thread k near memory node near[k] (the system's number; -1, or a node without allowed units: anywhere), as
 * spread out within a node as place_threads does it. A node takes one thread a core; those above go where most is free.
 * Otherwise as place_threads. */
int place_near(hwloc_topology_t topology, hwloc_const_cpuset_t allowed, place_unit unit, int32_t n, const int32_t *near,
               unsigned *pu);

/* Number of cores that have an allowed PU (objects without cores: of PUs). */
int32_t place_count_cores(hwloc_topology_t topology, hwloc_const_cpuset_t allowed);

#endif
