/* Threads are placed in rounds: in round r each core offers its r-th allowed PU, so cores fill before siblings. Within a
 * round the threads are poured down the topology tree like water: at each object the next thread goes to the child with
 * the smallest load that still has something to offer (spread), or to the first one that has (compact). At last the
 * chosen PUs are sorted by their logical order, so that thread numbers follow the shape of the machine. */
#include "runtime/place.h"

#include <stdbool.h>
#include <stdlib.h>

typedef struct node {                /* an object of the topology that has allowed PUs */
    int32_t first_child, n_children; /* in the table; leaves are cores */
    int32_t first_pu, n_pus;         /* leaves: their allowed PUs, in the list of all */
    int32_t capacity;                /* threads that it can still take in this round */
    int32_t load;                    /* threads that it has taken in all rounds */
} node;

typedef struct plan {
    hwloc_topology_t topology;
    hwloc_const_cpuset_t allowed;
    place_unit unit;
    node *nodes;
    int32_t n_nodes, cap_nodes;
    unsigned *pus; /* os indices of allowed PUs in logical order, leaf by leaf */
    int32_t n_pus, cap_pus;
    bool failed;
} plan;

static int32_t new_nodes(plan *p, int32_t n) {
    if (p->n_nodes + n > p->cap_nodes) {
        int32_t cap = 2 * (p->n_nodes + n);
        node *grown = realloc(p->nodes, sizeof(node) * (size_t)cap);
        if (grown == NULL) {
            p->failed = true;
            return -1;
        }
        p->nodes = grown;
        p->cap_nodes = cap;
    }
    int32_t first = p->n_nodes;
    for (int32_t k = 0; k < n; k++)
        p->nodes[first + k] = (node){0};
    p->n_nodes += n;
    return first;
}

static void add_pu(plan *p, unsigned os_index) {
    if (p->n_pus == p->cap_pus) {
        int32_t cap = p->cap_pus ? 2 * p->cap_pus : 64;
        unsigned *grown = realloc(p->pus, sizeof(unsigned) * (size_t)cap);
        if (grown == NULL) {
            p->failed = true;
            return;
        }
        p->pus = grown;
        p->cap_pus = cap;
    }
    p->pus[p->n_pus++] = os_index;
}

static bool has_allowed(const plan *p, hwloc_obj_t o) {
    return o->cpuset != NULL && hwloc_bitmap_intersects(o->cpuset, p->allowed);
}

static void add_pus_below(plan *p, hwloc_obj_t o) {
    if (o->type == HWLOC_OBJ_PU) {
        if (hwloc_bitmap_isset(p->allowed, o->os_index))
            add_pu(p, o->os_index);
        return;
    }
    for (unsigned k = 0; k < o->arity; k++)
        if (has_allowed(p, o->children[k]))
            add_pus_below(p, o->children[k]);
}

static bool is_leaf(const plan *p, hwloc_obj_t o) {
    return o->type == HWLOC_OBJ_PU || (o->type == HWLOC_OBJ_CORE && p->unit == PLACE_CORES);
}

/* Fills table entry `at` from object `o`; objects with a single useful child are passed through. */
static void build(plan *p, hwloc_obj_t o, int32_t at) {
    int32_t useful = 0;
    if (is_leaf(p, o)) {
        p->nodes[at].first_pu = p->n_pus;
        add_pus_below(p, o);
        p->nodes[at].n_pus = p->n_pus - p->nodes[at].first_pu;
        return;
    }
    hwloc_obj_t only = NULL;
    for (unsigned k = 0; k < o->arity; k++)
        if (has_allowed(p, o->children[k])) {
            only = o->children[k];
            useful++;
        }
    if (useful == 1) {
        build(p, only, at);
        return;
    }
    int32_t first = new_nodes(p, useful);
    if (first < 0)
        return;
    p->nodes[at].first_child = first;
    p->nodes[at].n_children = useful;
    for (unsigned k = 0; k < o->arity && !p->failed; k++)
        if (has_allowed(p, o->children[k]))
            build(p, o->children[k], first++);
}

/* Threads that the subtree can take in round `round`: its leaves with more than `round` PUs. */
static int32_t offer(plan *p, int32_t at, int32_t round) {
    node *o = &p->nodes[at];
    if (o->n_children == 0)
        return o->capacity = o->n_pus > round;
    int32_t sum = 0;
    for (int32_t k = 0; k < o->n_children; k++)
        sum += offer(p, o->first_child + k, round);
    return p->nodes[at].capacity = sum;
}

static int32_t next_child(const plan *p, const node *o, place_policy policy) {
    int32_t best = -1;
    for (int32_t k = o->first_child; k < o->first_child + o->n_children; k++) {
        if (p->nodes[k].capacity == 0)
            continue;
        if (policy == PLACE_COMPACT)
            return k;
        if (best < 0 || p->nodes[k].load < p->nodes[best].load)
            best = k;
    }
    return best;
}

/* Places one thread; gives the position of its PU in the list. */
static int32_t pour(plan *p, place_policy policy, int32_t round) {
    int32_t at = 0;
    for (;;) {
        node *o = &p->nodes[at];
        o->capacity--;
        o->load++;
        if (o->n_children == 0)
            return o->first_pu + round;
        at = next_child(p, o, policy);
    }
}

/* counts[k]: threads on PU k of the list. */
static void place_all(plan *p, place_policy policy, int32_t n, int32_t *counts) {
    int32_t round = 0;
    while (n > 0) {
        int32_t room = offer(p, 0, round);
        if (room == 0) { /* every PU has one more thread: begin again */
            round = 0;
            continue;
        }
        for (; room > 0 && n > 0; room--, n--)
            counts[pour(p, policy, round)]++;
        round++;
    }
}

static int open_plan(plan *p, hwloc_topology_t topology, hwloc_const_cpuset_t allowed, place_unit unit) {
    *p = (plan){.topology = topology, .unit = unit};
    p->allowed = allowed != NULL ? allowed : hwloc_topology_get_allowed_cpuset(topology);
    int32_t root = new_nodes(p, 1);
    if (root == 0 && has_allowed(p, hwloc_get_root_obj(topology)))
        build(p, hwloc_get_root_obj(topology), root);
    return p->failed || p->n_pus == 0 ? -1 : 0;
}

static void close_plan(plan *p) {
    free(p->nodes);
    free(p->pus);
}

int place_threads(hwloc_topology_t topology, hwloc_const_cpuset_t allowed, place_policy policy, place_unit unit,
                  int32_t n, unsigned *pu) {
    plan p;
    int32_t *counts = NULL;
    if (open_plan(&p, topology, allowed, unit) == 0)
        counts = calloc((size_t)p.n_pus, sizeof *counts);
    if (counts != NULL) {
        place_all(&p, policy, n, counts);
        for (int32_t k = 0, t = 0; k < p.n_pus; k++)
            for (int32_t c = 0; c < counts[k]; c++)
                pu[t++] = p.pus[k];
    }
    free(counts);
    close_plan(&p);
    return counts != NULL ? 0 : -1;
}

int32_t place_count_cores(hwloc_topology_t topology, hwloc_const_cpuset_t allowed) {
    plan p;
    int32_t cores = 0;
    if (open_plan(&p, topology, allowed, PLACE_CORES) == 0)
        cores = offer(&p, 0, 0);
    close_plan(&p);
    return cores;
}

/* ---- near memory ------------------------------------------------------------------------------------------------------ */

typedef struct domain { /* a set of units with memory of its own */
    hwloc_cpuset_t units;
    int32_t room; /* threads that it takes before others must help out */
    int32_t load;
} domain;

/* Nodes of one set of units (fast and slow memory of a package) are one domain. of_node[i]: the domain of the i-th node,
 * -1: none of its units are allowed. */
static int32_t find_domains(hwloc_topology_t t, hwloc_const_cpuset_t allowed, place_unit unit, domain *domains,
                            int32_t *of_node, int32_t nodes) {
    int32_t count = 0;
    for (int32_t i = 0; i < nodes; i++) {
        hwloc_cpuset_t units = hwloc_bitmap_alloc();
        if (units != NULL)
            hwloc_bitmap_and(units, hwloc_get_obj_by_type(t, HWLOC_OBJ_NUMANODE, (unsigned)i)->cpuset, allowed);
        of_node[i] = -1;
        for (int32_t d = 0; d < count && units != NULL; d++)
            if (hwloc_bitmap_intersects(domains[d].units, units))
                of_node[i] = d;
        if (units == NULL || of_node[i] >= 0 || hwloc_bitmap_iszero(units)) {
            hwloc_bitmap_free(units);
            continue;
        }
        int32_t room = unit == PLACE_CORES ? place_count_cores(t, units) : hwloc_bitmap_weight(units);
        domains[count] = (domain){.units = units, .room = room};
        of_node[i] = count++;
    }
    return count;
}

/* With more threads than cores every domain takes its part of them. */
static void share_room(domain *domains, int32_t count, int32_t n) {
    int32_t room = 0, units = 0;
    for (int32_t d = 0; d < count; d++) {
        room += domains[d].room;
        units += hwloc_bitmap_weight(domains[d].units);
    }
    for (int32_t d = 0; d < count && room < n; d++)
        domains[d].room = (int32_t)(((int64_t)n * hwloc_bitmap_weight(domains[d].units) + units - 1) / units);
}

static int32_t emptiest(const domain *domains, int32_t count) {
    int32_t best = 0;
    for (int32_t d = 1; d < count; d++)
        if (domains[d].room - domains[d].load > domains[best].room - domains[best].load)
            best = d;
    return best;
}

static int32_t domain_near(hwloc_topology_t t, int32_t wanted, const int32_t *of_node, int32_t nodes) {
    for (int32_t i = 0; i < nodes && wanted >= 0; i++)
        if (hwloc_get_obj_by_type(t, HWLOC_OBJ_NUMANODE, (unsigned)i)->os_index == (unsigned)wanted)
            return of_node[i];
    return -1;
}

/* The threads of a domain get its units in the order of their numbers. */
static int fill_domains(hwloc_topology_t t, const domain *domains, int32_t count, place_unit unit, int32_t n,
                        const int32_t *home, unsigned *pu) {
    unsigned *some = malloc(sizeof *some * (size_t)n);
    int failed = some == NULL;
    for (int32_t d = 0; d < count && !failed; d++) {
        if (domains[d].load == 0)
            continue;
        failed = place_threads(t, domains[d].units, PLACE_SPREAD, unit, domains[d].load, some) != 0;
        for (int32_t k = 0, next = 0; k < n && !failed; k++)
            if (home[k] == d)
                pu[k] = some[next++];
    }
    free(some);
    return failed ? -1 : 0;
}

/* home[k]: the domain of thread k; those whose domain is full or unknown go where most is free. */
static void find_homes(hwloc_topology_t t, domain *domains, int32_t count, const int32_t *of_node, int32_t nodes,
                       int32_t n, const int32_t *near, int32_t *home) {
    share_room(domains, count, n);
    for (int32_t k = 0; k < n; k++) {
        home[k] = domain_near(t, near[k], of_node, nodes);
        if (home[k] >= 0 && domains[home[k]].load == domains[home[k]].room)
            home[k] = -1;
        if (home[k] >= 0)
            domains[home[k]].load++;
    }
    for (int32_t k = 0; k < n; k++)
        if (home[k] < 0)
            domains[home[k] = emptiest(domains, count)].load++;
}

int place_near(hwloc_topology_t topology, hwloc_const_cpuset_t allowed, place_unit unit, int32_t n, const int32_t *near,
               unsigned *pu) {
    hwloc_const_cpuset_t set = allowed != NULL ? allowed : hwloc_topology_get_allowed_cpuset(topology);
    int32_t nodes = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_NUMANODE), count = 0;
    domain *domains = calloc((size_t)nodes + 1, sizeof *domains);
    int32_t *of_node = calloc((size_t)nodes + 1, sizeof *of_node), *home = calloc((size_t)n, sizeof *home);
    int failed = -1;
    if (domains != NULL && of_node != NULL && home != NULL)
        count = find_domains(topology, set, unit, domains, of_node, nodes);
    if (count > 0) {
        find_homes(topology, domains, count, of_node, nodes, n, near, home);
        failed = fill_domains(topology, domains, count, unit, n, home, pu);
    } else if (home != NULL) {
        failed = place_threads(topology, set, PLACE_SPREAD, unit, n, pu);
    }
    for (int32_t d = 0; d < count; d++)
        hwloc_bitmap_free(domains[d].units);
    free(domains);
    free(of_node);
    free(home);
    return failed;
}
