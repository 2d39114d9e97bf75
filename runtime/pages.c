/* On which memory nodes the arrays of a region lie: a sample of their pages, asked of the kernel.
 *
 * A static schedule gives member k the k-th part of the iterations, and that is mostly the k-th part of every array. So
 * of each array's k-th part two pages are looked at, and the member is to sit near the node that most of them are on.
 * Pages that nobody touched yet have no node and no say. The answer is kept until the arrays are others, and looked up
 * again once in a while, since pages may move. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/rt.h"

enum { ARRAYS_MOST = 8, PER_PART = 2, LOOK_EVERY = 1024, NODES_MOST = 1024 };

typedef struct extent {
    uintptr_t begin, end;
} extent;

static long ask_kernel(unsigned long count, void **pages, int *nodes) {
    return syscall(SYS_move_pages, 0, count, pages, NULL, nodes, 0);
}

long (*rt_ask_pages)(unsigned long count, void **pages, int *nodes) = ask_kernel;

static bool has_one_node(void) {
    static _Atomic int32_t answer; /* 1: yes, 2: no */
    char line[256];
    if (atomic_load(&answer) == 0) {
        bool read = rt_read_line("/sys/devices/system/node/online", line, sizeof line);
        atomic_store(&answer, !read || (strchr(line, '-') == NULL && strchr(line, ',') == NULL) ? 1 : 2);
    }
    return atomic_load(&answer) == 1;
}

/* The bytes between an array's first and last element; strides may be negative or zero. */
static extent extent_of(const plrt_captured *a, const int64_t *context) {
    const int64_t *shape = context + a->slot + 2, *strides = shape + a->ndim;
    int64_t low = 0, high = a->itemsize, items = a->itemsize;
    for (int32_t d = 0; d < a->ndim; d++) {
        if (shape[d] <= 0)
            return (extent){0, 0};
        items *= shape[d];
        int64_t span = a->strided ? (shape[d] - 1) * strides[d] : 0;
        *(span < 0 ? &low : &high) += span;
    }
    uintptr_t data = (uintptr_t)context[a->slot];
    if (!a->strided)
        return (extent){data, data + (uintptr_t)items};
    return (extent){data + (uintptr_t)low, data + (uintptr_t)high};
}

/* Arrays of less than a page a member say nothing. */
static int32_t find_extents(const plrt_region *region, const int64_t *context, int32_t threads, extent *out) {
    uintptr_t least = (uintptr_t)sysconf(_SC_PAGESIZE) * (uintptr_t)threads;
    int32_t count = 0;
    for (int64_t i = 0; i < region->narrays && count < ARRAYS_MOST; i++) {
        extent e = extent_of(&region->arrays[i], context);
        if (e.end - e.begin >= least)
            out[count++] = e;
    }
    return count;
}

static uint64_t mix(uint64_t hash, uint64_t value) {
    return (hash ^ value) * 0x9e3779b97f4a7c15u;
}

static uint64_t identify(const plrt_region *region, const extent *extents, int32_t count, int32_t threads) {
    uint64_t hash = mix((uint64_t)threads, (uintptr_t)region);
    for (int32_t i = 0; i < count; i++)
        hash = mix(mix(hash, extents[i].begin), extents[i].end);
    return hash;
}

static int32_t most_frequent(const int *nodes, int32_t count) {
    int32_t best = -1, most = 0;
    for (int32_t i = 0; i < count; i++) {
        int32_t times = 0;
        for (int32_t k = 0; k < count && nodes[i] >= 0 && nodes[i] < NODES_MOST; k++)
            times += nodes[k] == nodes[i];
        if (times > most) {
            most = times;
            best = nodes[i];
        }
    }
    return best;
}

static bool look_at_pages(const extent *extents, int32_t count, int32_t threads, int32_t *near) {
    int32_t each = count * PER_PART;
    size_t total = (size_t)each * (size_t)threads, at = 0;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    void **pages = malloc(total * sizeof *pages);
    int *nodes = malloc(total * sizeof *nodes);
    bool ok = pages != NULL && nodes != NULL;
    for (int32_t k = 0; k < threads && ok; k++)
        for (int32_t i = 0; i < each; i++) {
            extent e = extents[i / PER_PART];
            uintptr_t part = (e.end - e.begin) / (uintptr_t)threads;
            uintptr_t inside = part * (uintptr_t)(2 * (i % PER_PART) + 1) / (2 * PER_PART);
            pages[at++] = (void *)((e.begin + (uintptr_t)k * part + inside) & ~(page - 1));
        }
    ok = ok && rt_ask_pages(total, pages, nodes) == 0;
    for (int32_t k = 0; k < threads && ok; k++)
        near[k] = most_frequent(nodes + (size_t)k * (size_t)each, each);
    free(pages);
    free(nodes);
    return ok;
}

static bool size_near(rt_caller *c, int32_t threads) {
    if (threads <= c->near_size)
        return true;
    int32_t *near = realloc(c->near, sizeof *near * (size_t)threads);
    if (near == NULL)
        return false;
    c->near = near;
    c->near_size = threads;
    return true;
}

/* The nodes in the order of the members; NULL: nothing is known. *where changes when they do. */
int32_t *rt_pages_near(rt_caller *c, const plrt_region *region, const void *context, int32_t threads, uint64_t *where) {
    extent extents[ARRAYS_MOST];
    *where = 0;
    if (rt_ask_pages == ask_kernel && has_one_node())
        return NULL;
    int32_t count = find_extents(region, context, threads, extents);
    if (count == 0 || !size_near(c, threads))
        return NULL;
    uint64_t key = identify(region, extents, count, threads);
    if (key != c->near_key || --c->near_left <= 0) {
        c->near_key = 0;
        c->near_where = 0;
        if (!look_at_pages(extents, count, threads, c->near))
            return NULL;
        for (int32_t k = 0; k < threads; k++)
            c->near_where = mix(c->near_where, (uint64_t)(c->near[k] + 2));
        c->near_key = key;
        c->near_left = LOOK_EVERY;
    }
    *where = c->near_where;
    return c->near;
}
