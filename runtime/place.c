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
