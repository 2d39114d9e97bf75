/* Placement on machines in jars: synthetic topologies, and captured ones when the data is there. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/place.h"

static const char *const shapes[] = {
    "pu:1",
    "pu:2",
    "numa:1 core:1 pu:1",
    "core:2 pu:1",
    "pack:2 [numa] l3:10 core:1 pu:8",
    "pack:2 [numa] l3:12 l2:1 core:2 pu:4",
    "pack:2 [numa] l3:10 l2:1 core:2 pu:4",
    "pack:8 [numa] l3:2 core:4 pu:2",
    "pack:16 [numa] core:16 pu:8",
    "pack:24 [numa] core:8 pu:2",
    "group:4 pack:4 core:4 pu:1",
    "pack:3 l3:3 core:5 pu:3",
    "numa:4 pu:6",
    "pack:32 [numa] l3:1 core:8 pu:2",
    "pack:16 [numa] core:16 pu:8",
    "group:2 pack:8 [numa] l3:4 core:8 pu:4",
};

static hwloc_topology_t synthetic(const char *shape) {
    hwloc_topology_t t;
    hwloc_topology_init(&t);
    cr_assert(hwloc_topology_set_synthetic(t, shape) == 0, "%s", shape);
    cr_assert(hwloc_topology_load(t) == 0, "%s", shape);
    return t;
}

static hwloc_obj_t pu_of(hwloc_topology_t t, unsigned os_index) {
    return hwloc_get_pu_obj_by_os_index(t, os_index);
}

static hwloc_obj_t core_of(hwloc_topology_t t, unsigned os_index) {
    hwloc_obj_t pu = pu_of(t, os_index);
    hwloc_obj_t core = hwloc_get_ancestor_obj_by_type(t, HWLOC_OBJ_CORE, pu);
    return core ? core : pu;
}

/* Every claim of place.h on one topology and allowed set, for one number of threads. */
static void check(hwloc_topology_t t, hwloc_const_cpuset_t allowed, place_policy policy, int n, const char *what) {
    unsigned *pu = malloc(sizeof *pu * (size_t)n);
    int pus = hwloc_bitmap_weight(allowed), cores = place_count_cores(t, allowed), most = 0, least = n, most_core = 0;
    int *on_pu = calloc(8192, sizeof *on_pu), *on_core = calloc(8192, sizeof *on_core);
    cr_assert(place_threads(t, allowed, policy, PLACE_CORES, n, pu) == 0);
    for (int k = 0; k < n; k++) {
        cr_assert(hwloc_bitmap_isset(allowed, pu[k]), "%s: PU %u is not allowed", what, pu[k]);
        on_pu[pu[k]]++;
        on_core[core_of(t, pu[k])->logical_index]++;
    }
    for (unsigned k = 0; k < 8192; k++)
        if (hwloc_bitmap_isset(allowed, k)) {
            most = on_pu[k] > most ? on_pu[k] : most;
            least = on_pu[k] < least ? on_pu[k] : least;
        }
    for (int k = 0; k < 8192; k++)
        most_core = on_core[k] > most_core ? on_core[k] : most_core;
    cr_assert(most - least <= 1, "%s: %d threads, a PU has %d and another %d", what, n, most, least);
    cr_assert(n > pus || most == 1, "%s: %d threads, a PU is used twice while one is free", what, n);
    cr_assert(n > cores || most_core == 1, "%s: %d threads, a sibling is used while a core is free", what, n);
    free(pu);
    free(on_pu);
    free(on_core);
}

static void check_many(hwloc_topology_t t, hwloc_const_cpuset_t allowed, const char *what) {
    int pus = hwloc_bitmap_weight(allowed);
    const int counts[] = {1, 2, 3, 4, 5, 7, 8, pus / 2 + 1, pus - 1, pus, pus + 1, 2 * pus, 2 * pus + 3};
    for (size_t k = 0; k < sizeof counts / sizeof counts[0]; k++)
        if (counts[k] > 0) {
            check(t, allowed, PLACE_SPREAD, counts[k], what);
            check(t, allowed, PLACE_COMPACT, counts[k], what);
        }
}

Test(place, keeps_its_promises_on_every_synthetic_shape) {
    for (size_t k = 0; k < sizeof shapes / sizeof shapes[0]; k++) {
        hwloc_topology_t t = synthetic(shapes[k]);
        check_many(t, hwloc_topology_get_allowed_cpuset(t), shapes[k]);
        hwloc_topology_destroy(t);
    }
}

Test(place, keeps_its_promises_on_random_subsets) {
    srand(5);
    for (size_t k = 0; k < sizeof shapes / sizeof shapes[0]; k++) {
        hwloc_topology_t t = synthetic(shapes[k]);
        for (int round = 0; round < 5; round++) {
            hwloc_bitmap_t some = hwloc_bitmap_dup(hwloc_topology_get_allowed_cpuset(t));
            for (int id = hwloc_bitmap_first(some); id != -1; id = hwloc_bitmap_next(some, id))
                if (rand() % 3 == 0 && hwloc_bitmap_weight(some) > 1)
                    hwloc_bitmap_clr(some, (unsigned)id);
            check_many(t, some, shapes[k]);
            hwloc_bitmap_free(some);
        }
        hwloc_topology_destroy(t);
    }
}

Test(place, spreads_over_equal_packages_within_one_thread) {
    hwloc_topology_t t = synthetic("pack:4 [numa] l3:2 core:6 pu:2");
    unsigned pu[100];
    for (int n = 1; n <= 100; n++) {
        int load[4] = {0}, most = 0, least = n;
        cr_assert(place_threads(t, NULL, PLACE_SPREAD, PLACE_CORES, n, pu) == 0);
        for (int k = 0; k < n; k++)
            load[hwloc_get_ancestor_obj_by_type(t, HWLOC_OBJ_PACKAGE, pu_of(t, pu[k]))->logical_index]++;
        for (int k = 0; k < 4; k++) {
            most = load[k] > most ? load[k] : most;
            least = load[k] < least ? load[k] : least;
        }
        cr_assert(most - least <= 1, "%d threads: %d on one package, %d on another", n, most, least);
    }
    hwloc_topology_destroy(t);
}

Test(place, compact_stays_in_one_package_while_it_has_cores) {
    hwloc_topology_t t = synthetic("pack:2 core:8 pu:2");
    unsigned pu[8];
    cr_assert(place_threads(t, NULL, PLACE_COMPACT, PLACE_CORES, 8, pu) == 0);
    for (int k = 0; k < 8; k++)
        cr_assert(hwloc_get_ancestor_obj_by_type(t, HWLOC_OBJ_PACKAGE, pu_of(t, pu[k]))->logical_index == 0);
    hwloc_topology_destroy(t);
}

Test(place, siblings_are_places_of_their_own_when_asked) {
    hwloc_topology_t t = synthetic("pack:1 core:4 pu:2");
    unsigned pu[2];
    cr_assert(place_threads(t, NULL, PLACE_COMPACT, PLACE_THREADS, 2, pu) == 0);
    cr_assert(core_of(t, pu[0]) == core_of(t, pu[1]));
    hwloc_topology_destroy(t);
}

Test(place, neighbouring_threads_sit_near_one_another) {
    hwloc_topology_t t = synthetic("pack:2 core:4 pu:1");
    unsigned pu[4];
    cr_assert(place_threads(t, NULL, PLACE_SPREAD, PLACE_CORES, 4, pu) == 0);
    for (int k = 0; k < 3; k++)
        cr_assert(pu_of(t, pu[k])->logical_index < pu_of(t, pu[k + 1])->logical_index);
    hwloc_topology_destroy(t);
}

Test(place, no_allowed_unit_is_an_error) {
    hwloc_topology_t t = synthetic("core:2 pu:1");
    hwloc_bitmap_t none = hwloc_bitmap_alloc();
    unsigned pu[1];
    cr_assert(place_threads(t, none, PLACE_SPREAD, PLACE_CORES, 1, pu) == -1);
    hwloc_bitmap_free(none);
    hwloc_topology_destroy(t);
}

/* ---- near memory ------------------------------------------------------------------------------------------------------ */

static void check_near(hwloc_topology_t t, const char *what) {
    hwloc_const_cpuset_t allowed = hwloc_topology_get_allowed_cpuset(t);
    int nodes = hwloc_get_nbobjs_by_type(t, HWLOC_OBJ_NUMANODE), pus = hwloc_bitmap_weight(allowed);
    const int counts[] = {1, 2, 3, nodes, pus / 2 + 1, pus, 2 * pus};
    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
        int n = counts[c], *on = calloc(8192, sizeof *on);
        unsigned *pu = malloc(sizeof *pu * (size_t)n);
        int32_t *near = malloc(sizeof *near * (size_t)n);
        for (int k = 0; k < n; k++)
            near[k] = (int32_t)hwloc_get_obj_by_type(t, HWLOC_OBJ_NUMANODE, (unsigned)(k * nodes / n))->os_index;
        cr_assert(place_near(t, allowed, PLACE_CORES, n, near, pu) == 0, "%s", what);
        for (int k = 0; k < n; k++) {
            cr_assert(hwloc_bitmap_isset(allowed, pu[k]), "%s: PU %u is not allowed", what, pu[k]);
            cr_assert(++on[pu[k]] == 1 || n > pus, "%s: %d threads, PU %u is used twice", what, n, pu[k]);
        }
        free(on);
        free(pu);
        free(near);
    }
}

Test(place, near_memory_keeps_the_promises_too) {
    for (size_t k = 0; k < sizeof shapes / sizeof shapes[0]; k++) {
        hwloc_topology_t t = synthetic(shapes[k]);
        check_near(t, shapes[k]);
        hwloc_topology_destroy(t);
    }
}

static unsigned node_of(hwloc_topology_t t, unsigned os_index) {
    hwloc_obj_t node =
        hwloc_get_next_obj_covering_cpuset_by_type(t, pu_of(t, os_index)->cpuset, HWLOC_OBJ_NUMANODE, NULL);
    return node->os_index;
}

Test(place, threads_sit_on_the_node_of_their_pages_while_it_has_cores) {
    hwloc_topology_t t = synthetic("pack:4 [numa] core:4 pu:2");
    const int32_t near[] = {3, 1, 3, 1, 0, 3, 3, 3, -1};
    unsigned pu[9];
    int elsewhere = 0;
    cr_assert(place_near(t, NULL, PLACE_CORES, 9, near, pu) == 0);
    for (int k = 0; k < 8; k++)
        elsewhere += node_of(t, pu[k]) != (unsigned)near[k];
    cr_assert_eq(elsewhere, 1, "four of five fit on node 3");
    hwloc_topology_destroy(t);
}

static int cores_of(hwloc_topology_t t, hwloc_const_cpuset_t set) {
    int cores = hwloc_get_nbobjs_inside_cpuset_by_type(t, set, HWLOC_OBJ_CORE);
    return cores > 0 ? cores : hwloc_bitmap_weight(set);
}

/* Any wishes of at most as many threads as there are cores: as many as fit sit on the node of their pages. */
static void check_wishes(hwloc_topology_t t, const char *what) {
    int nodes = hwloc_get_nbobjs_by_type(t, HWLOC_OBJ_NUMANODE);
    int n = 1 + rand() % cores_of(t, hwloc_topology_get_allowed_cpuset(t));
    int32_t *near = malloc(sizeof *near * (size_t)n);
    unsigned *pu = malloc(sizeof *pu * (size_t)n);
    for (int k = 0; k < n; k++) {
        unsigned wanted = (unsigned)(rand() % 3 == 0 ? rand() % nodes : rand() % (1 + nodes / 3));
        near[k] = (int32_t)hwloc_get_obj_by_type(t, HWLOC_OBJ_NUMANODE, wanted)->os_index;
    }
    cr_assert(place_near(t, NULL, PLACE_CORES, n, near, pu) == 0, "%s", what);
    for (int d = 0; d < nodes; d++) {
        hwloc_obj_t node = hwloc_get_obj_by_type(t, HWLOC_OBJ_NUMANODE, (unsigned)d);
        int want = 0, sits = 0, room = cores_of(t, node->cpuset);
        for (int k = 0; k < n; k++) {
            want += near[k] == (int32_t)node->os_index;
            sits += near[k] == (int32_t)node->os_index && hwloc_bitmap_isset(node->cpuset, pu[k]);
        }
        cr_assert_eq(sits, want < room ? want : room, "%s: node %d, %d of %d wishes, %d cores", what, d, sits, want,
                     room);
    }
    free(near);
    free(pu);
}

static bool nodes_are_apart(hwloc_topology_t t) {
    int nodes = hwloc_get_nbobjs_by_type(t, HWLOC_OBJ_NUMANODE);
    for (int a = 0; a < nodes; a++)
        for (int b = 0; b < a; b++)
            if (hwloc_bitmap_intersects(hwloc_get_obj_by_type(t, HWLOC_OBJ_NUMANODE, (unsigned)a)->cpuset,
                                        hwloc_get_obj_by_type(t, HWLOC_OBJ_NUMANODE, (unsigned)b)->cpuset))
                return false;
    return nodes > 0;
}

Test(place, wishes_are_met_while_a_node_has_cores) {
    int tried = 0;
    srand(20261123);
    for (size_t k = 0; k < sizeof shapes / sizeof shapes[0]; k++) {
        hwloc_topology_t t = synthetic(shapes[k]);
        for (int i = 0; i < 20 && nodes_are_apart(t); i++, tried++)
            check_wishes(t, shapes[k]);
        hwloc_topology_destroy(t);
    }
    cr_assert_geq(tried, 100);
}

Test(place, pages_on_a_node_without_cores_leave_the_choice_open) {
    hwloc_topology_t t = synthetic("pack:2 [numa] core:2 pu:1");
    const int32_t near[] = {255, 255, -1, 255};
    unsigned pu[4];
    cr_assert(place_near(t, NULL, PLACE_CORES, 4, near, pu) == 0);
    for (int k = 0; k < 4; k++)
        for (int j = 0; j < k; j++)
            cr_assert(pu[j] != pu[k]);
    hwloc_topology_destroy(t);
}

/* PLAIT_TOPOLOGIES names a folder of hwloc XML files of real machines. */
Test(place, keeps_its_promises_on_captured_machines) {
    const char *folder = getenv("PLAIT_TOPOLOGIES");
    DIR *d = folder ? opendir(folder) : NULL;
    if (d == NULL)
        cr_skip_test("PLAIT_TOPOLOGIES names no folder");
    for (struct dirent *f; (f = readdir(d)) != NULL;) {
        char path[4096];
        if (strstr(f->d_name, ".xml") == NULL)
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, f->d_name);
        hwloc_topology_t t;
        hwloc_topology_init(&t);
        cr_assert(hwloc_topology_set_xml(t, path) == 0 && hwloc_topology_load(t) == 0, "%s", path);
        check_many(t, hwloc_topology_get_allowed_cpuset(t), f->d_name);
        check_near(t, f->d_name);
        hwloc_topology_destroy(t);
    }
    closedir(d);
}
