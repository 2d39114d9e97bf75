/* Memory of arrays.
 *
 * A block of fresh pages costs four to five times the computation that fills it: the kernel clears and maps it page by
 * page. So large blocks are kept when they are released and given out again, and fresh ones ask for huge pages. What is
 * kept is bounded in number, in bytes and in age, and goes back when memory is short. Small blocks are malloc's. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/rt.h"

enum {
    ALIGNMENT = 64,
    LARGE = 1 << 20,
    HUGE_PAGE = 2 << 20,
    KEPT_MOST = 16,
};

static const int64_t KEPT_NS = 4000000000;

/* A large block's head stands in memory of its own, so that a kept block's pages stay untouched. */
typedef struct large_block {
    plrt_block head;
    size_t capacity;
    int64_t released;
} large_block;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static large_block *kept[KEPT_MOST];
static int kept_count;
static size_t kept_bytes;
static _Atomic int64_t alive_blocks, alive_bytes, made_blocks;

void rt_memory_lock(void) {
    pthread_mutex_lock(&lock);
}

void rt_memory_unlock(void) {
    pthread_mutex_unlock(&lock);
}

static size_t kept_bytes_most(void) {
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    size_t share = pages > 0 && page > 0 ? (size_t)pages / 16 * (size_t)page : 0;
    size_t most = (size_t)1 << 30;
    return share < most ? share : most;
}

static void unmap(large_block *b) {
    munmap(b->head.data, b->capacity);
    free(b);
}

static large_block *take_kept(int i) {
    large_block *b = kept[i];
    kept_bytes -= b->capacity;
    memmove(&kept[i], &kept[i + 1], (size_t)(kept_count - i - 1) * sizeof kept[0]);
    kept_count--;
    return b;
}

/* The list is in order of release, the oldest first. */
static void drop_aged(int64_t now) {
    while (kept_count > 0 && now - kept[0]->released > KEPT_NS)
        unmap(take_kept(0));
}

size_t rt_memory_cached(void) {
    rt_memory_lock();
    size_t bytes = kept_bytes;
    rt_memory_unlock();
    return bytes;
}

void rt_memory_purge(void) {
    rt_memory_lock();
    while (kept_count > 0)
        unmap(take_kept(0));
    rt_memory_unlock();
}

/* The latest released of those that fit and waste at most a quarter: its pages are the likeliest to be in a cache. */
static large_block *find_kept(size_t bytes) {
    large_block *found = NULL;
    int64_t now = rt_now();
    rt_memory_lock();
    for (int i = kept_count - 1; i >= 0 && found == NULL; i--)
        if (kept[i]->capacity >= bytes && kept[i]->capacity - bytes <= bytes / 4 + HUGE_PAGE)
            found = take_kept(i);
    drop_aged(now);
    rt_memory_unlock();
    return found;
}

/* Maps `capacity` bytes, from the boundary of a huge page on when they fill at least one. */
static void *map_pages(size_t capacity) {
    size_t slack = capacity >= HUGE_PAGE ? HUGE_PAGE : 0;
    char *base = mmap(NULL, capacity + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED)
        return NULL;
    if (slack == 0)
        return base;
    size_t before = (HUGE_PAGE - (uintptr_t)base % HUGE_PAGE) % HUGE_PAGE;
    if (before != 0)
        munmap(base, before);
    if (slack != before)
        munmap(base + before + capacity, slack - before);
    madvise(base + before, capacity, MADV_HUGEPAGE);
    return base + before;
}

static large_block *map_block(size_t bytes) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), unit = bytes >= HUGE_PAGE ? HUGE_PAGE : page;
    if (bytes > SIZE_MAX - 2 * HUGE_PAGE)
        return NULL;
    size_t capacity = (bytes + unit - 1) / unit * unit;
    large_block *b = malloc(sizeof *b);
    if (b == NULL)
        return NULL;
    b->capacity = capacity;
    b->head.data = map_pages(capacity);
    if (b->head.data == NULL) {
        rt_memory_purge();
        b->head.data = map_pages(capacity);
    }
    if (b->head.data != NULL)
        return b;
    free(b);
    return NULL;
}

static plrt_block *new_large(size_t bytes, bool zeroed) {
    large_block *b = find_kept(bytes);
    if (b != NULL) {
        if (zeroed)
            memset(b->head.data, 0, bytes);
        return &b->head;
    }
    b = map_block(bytes);
    return b != NULL ? &b->head : NULL;
}

static plrt_block *new_small(size_t bytes, bool zeroed) {
    size_t total = sizeof(plrt_block) + ALIGNMENT + bytes;
    plrt_block *b = zeroed ? calloc(1, total) : malloc(total);
    if (b == NULL)
        return NULL;
    uintptr_t first = (uintptr_t)(b + 1);
    b->data = (void *)((first + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
    return b;
}

plrt_block *plrt_block_new(int64_t bytes, int32_t zeroed) {
    if (bytes < 0)
        return NULL;
    plrt_block *b = bytes >= LARGE ? new_large((size_t)bytes, zeroed != 0) : new_small((size_t)bytes, zeroed != 0);
    if (b == NULL)
        return NULL;
    b->refs = 1;
    b->bytes = (size_t)bytes;
    atomic_fetch_add_explicit(&made_blocks, 1, memory_order_relaxed);
    rt_race_forget(b->data, b->bytes);
    atomic_fetch_add_explicit(&alive_blocks, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&alive_bytes, bytes, memory_order_relaxed);
    return b;
}

static bool is_counted(const void *owner) {
    return owner != NULL && ((uintptr_t)owner & 1) == 0;
}

void plrt_retain(void *owner) {
    if (is_counted(owner))
        ((plrt_block *)owner)->refs++;
}

static void keep(large_block *b) {
    static size_t most;
    int64_t now = rt_now();
    rt_memory_lock();
    if (most == 0)
        most = kept_bytes_most();
    drop_aged(now);
    if (b->capacity > most) {
        rt_memory_unlock();
        unmap(b);
        return;
    }
    while (kept_count == KEPT_MOST || kept_bytes + b->capacity > most)
        unmap(take_kept(0));
    b->released = now;
    kept[kept_count++] = b;
    kept_bytes += b->capacity;
    rt_memory_unlock();
}

void plrt_release(void *owner) {
    if (!is_counted(owner))
        return;
    plrt_block *b = owner;
    if (--b->refs > 0)
        return;
    atomic_fetch_sub_explicit(&alive_blocks, 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(&alive_bytes, (int64_t)b->bytes, memory_order_relaxed);
    if (b->bytes >= LARGE) {
        keep((large_block *)b);
    } else {
        free(b);
    }
}

void plrt_memory_stats(int64_t *blocks, int64_t *bytes) {
    *blocks = atomic_load_explicit(&alive_blocks, memory_order_relaxed);
    *bytes = atomic_load_explicit(&alive_bytes, memory_order_relaxed);
}

int64_t plrt_memory_made(void) {
    return atomic_load_explicit(&made_blocks, memory_order_relaxed);
}
