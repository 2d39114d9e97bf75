/* From how much work on a team pays.
 *
 * A team costs its fork and join, T; it saves work * c * (1 - 1/n), where c is what an operation of a fast loop costs. T
 * is measured once on a machine and for each size of team: the least mean of a few batches of empty regions, half a
 * millisecond in all, done when the first team is due anyway. It is kept in a file of the user's cache folder. That the
 * file cannot be read or written is no error: the next process measures again.
 *
 * Threads that have waited for a while sleep, and waking them costs more than ten times as much. So a region that comes
 * after a pause must have more work to get a team, or stand for many that follow one another. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "runtime/rt.h"
#include "runtime/stats.h"

enum {
    MIN_WORK_DEFAULT = 20000,
    MIN_WORK_LEAST = PLRT_SMALL_LEAST,
    MIN_WORK_MOST = 5000000,
    OPERATIONS_PER_NS = 10,
    WAKING_NS = 15000, /* of the first sleeping member, */
    WAKING_EACH_NS = 1000,
    BATCHES = 5,
    BATCH = 40,
    BATCH_MOST_NS = 1000000,
    COST_MOST_NS = 10000000,
};

static const int64_t AWAKE_NS = 8 * 1000 * 1000; /* so long libgomp's threads spin, by and large */

static _Atomic int64_t min_work = MIN_WORK_DEFAULT, min_work_asleep = MIN_WORK_DEFAULT;
static _Atomic int32_t is_said;   /* by plrt_set_min_work */
static _Atomic int32_t known_for; /* the size of team that the measured values are for; 0: none */
static int64_t measured = MIN_WORK_DEFAULT, measured_asleep = MIN_WORK_DEFAULT;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
volatile double plrt_small_work; /* 0 until the configuration is read, which the first region does */
volatile int32_t plrt_small_is_usual;
volatile double plrt_tiny_work = PLRT_TINY_WORK;
volatile int64_t plrt_exact_runs;

/* ---- the threshold ------------------------------------------------------------------------------------------------------ */

int64_t rt_min_work(void) {
    return atomic_load_explicit(&min_work, memory_order_relaxed);
}

int64_t plrt_get_min_work(void) {
    return rt_min_work();
}

void plrt_set_min_work(int64_t operations) {
    pthread_mutex_lock(&lock);
    atomic_store(&is_said, operations >= 0);
    atomic_store(&min_work, operations >= 0 ? operations : measured);
    atomic_store(&min_work_asleep, operations >= 0 ? operations : measured_asleep);
    pthread_mutex_unlock(&lock);
    rt_decide_small_work();
}

void plrt_set_tiny_work(int64_t operations) {
    plrt_tiny_work = operations >= 0 ? (double)operations : PLRT_TINY_WORK;
    rt_decide_small_work();
}

/* Shuffled order, small blocks and counters are made by plrt_region_run. */
void rt_decide_small_work(void) {
    bool tested = rt_shuffle_seed() != 0 || rt_most_grain() != INT64_MAX || atomic_load(&rt_watching) != 0;
    plrt_small_work = tested ? 0 : (double)rt_min_work();
    plrt_small_is_usual = plrt_small_work >= PLRT_SMALL_LEAST && plrt_tiny_work >= PLRT_TINY_WORK;
}

static int64_t worth(int64_t cost, int32_t threads) {
    int64_t work = cost * OPERATIONS_PER_NS * threads / (threads - 1);
    return work < MIN_WORK_LEAST ? MIN_WORK_LEAST : work > MIN_WORK_MOST ? MIN_WORK_MOST : work;
}

static void take_cost(int64_t cost, int32_t threads) {
    measured = worth(cost, threads);
    measured_asleep = worth(cost + WAKING_NS + (int64_t)WAKING_EACH_NS * threads, threads);
    if (!atomic_load(&is_said)) {
        atomic_store(&min_work, measured);
        atomic_store(&min_work_asleep, measured_asleep);
    }
    rt_decide_small_work();
}

/* ---- the file --------------------------------------------------------------------------------------------------------------- */

static uint64_t mix_text(uint64_t hash, const char *s) {
    for (; *s != '\0'; s++)
        hash = (hash ^ (unsigned char)*s) * 1099511628211u;
    return hash;
}

/* What the cost depends on: processor, number of processors, kernel. */
static uint64_t machine_key(void) {
    char line[4096];
    uint64_t hash = 14695981039346656037u;
    struct utsname system;
    FILE *f = fopen("/proc/cpuinfo", "re");
    for (int i = 0; f != NULL && i < 32 && fgets(line, sizeof line, f) != NULL; i++)
        if (strncmp(line, "model name", 10) == 0 || strncmp(line, "cpu\t", 4) == 0)
            hash = mix_text(hash, line);
    if (f != NULL)
        fclose(f);
    if (uname(&system) == 0)
        hash = mix_text(mix_text(hash, system.release), system.machine);
    if (rt_read_line("/sys/devices/system/cpu/online", line, sizeof line))
        hash = mix_text(hash, line);
    return hash;
}

/* The folder for what can be made again: PLAIT_CACHE_DIR, else the user's. */
static bool cache_folder(char *path, size_t size) {
    const char *own = getenv("PLAIT_CACHE_DIR"), *caches = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    int len = -1;
    if (own != NULL && own[0] == '/')
        len = snprintf(path, size, "%s", own);
    else if (caches != NULL && caches[0] == '/')
        len = snprintf(path, size, "%s/plait", caches);
    else if (home != NULL && home[0] == '/')
        len = snprintf(path, size, "%s/.cache/plait", home);
    return len > 0 && (size_t)len < size;
}

static bool make_folders(char *path) {
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        int failed = mkdir(path, 0700) != 0 && errno != EEXIST;
        *slash = '/';
        if (failed)
            return false;
    }
    return true;
}

bool rt_cost_read(const char *path, int64_t *cost) {
    char line[64];
    long long ns;
    if (!rt_read_line(path, line, sizeof line) || sscanf(line, "plait 1 %lld ns", &ns) != 1)
        return false;
    *cost = ns;
    return ns > 0 && ns <= COST_MOST_NS;
}

/* By renaming, so that nobody reads half a file. */
bool rt_cost_write(char *path, int64_t cost) {
    char draft[PATH_MAX];
    if (snprintf(draft, sizeof draft, "%s.%d.%d", path, (int)getpid(), (int)gettid()) >= (int)sizeof draft ||
        !make_folders(path))
        return false;
    int fd = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return false;
    bool written = dprintf(fd, "plait 1 %lld ns\n", (long long)cost) > 0;
    written = close(fd) == 0 && written;
    if (written && rename(draft, path) == 0)
        return true;
    unlink(draft);
    return false;
}

/* ---- measuring ---------------------------------------------------------------------------------------------------------------- */

static void do_nothing(void *data) {
    (void)data;
}

/* Nanoseconds of one; a busy machine may take milliseconds for each, then a few are enough. */
static int64_t measure_batch(int32_t threads) {
    int64_t start = rt_now(), took = 0;
    int times = 0;
    while (times < BATCH && took < BATCH_MOST_NS) {
        rt_team_run(do_nothing, NULL, threads);
        took = rt_now() - start;
        times++;
    }
    return took / times;
}

static int64_t measure(int32_t threads) {
    int64_t least = COST_MOST_NS;
    measure_batch(threads); /* makes the threads */
    for (int b = 0; b < BATCHES; b++) {
        int64_t each = measure_batch(threads);
        least = each < least ? each : least;
    }
    return least > 0 ? least : 1;
}

/* A cost that a busy machine has spoiled is used, but not kept. */
static bool is_credible(int64_t cost, int32_t threads) {
    return cost < WAKING_NS + (int64_t)WAKING_EACH_NS * threads;
}

bool rt_cost_file(int32_t threads, char *path, size_t size) {
    char folder[PATH_MAX];
    if (!cache_folder(folder, sizeof folder))
        return false;
    int len = snprintf(path, size, "%s/team-%016llx-%d", folder, (unsigned long long)machine_key(), threads);
    return len > 0 && (size_t)len < size;
}

static int64_t find_cost(int32_t threads) {
    char path[PATH_MAX];
    int64_t cost = 0;
    bool named = rt_cost_file(threads, path, sizeof path);
    if (named && rt_cost_read(path, &cost))
        return cost;
    cost = measure(threads);
    if (named && is_credible(cost, threads))
        rt_cost_write(path, cost);
    return cost;
}

void rt_learn_worth(int32_t threads) {
    if (atomic_load_explicit(&known_for, memory_order_relaxed) >= threads || atomic_load(&is_said) || threads < 2 ||
        rt_team_orphaned())
        return;
    pthread_mutex_lock(&lock);
    if (atomic_load(&known_for) < threads) {
        take_cost(find_cost(threads), threads);
        atomic_store(&known_for, threads);
    }
    pthread_mutex_unlock(&lock);
}

/* Whether a region that begins at `now`, by the coarse clock, is worth a team of the caller. Waking sleeping members pays
 * for one large region, or for many smaller ones in a row: they are woken when what has gone by without them would have
 * paid for it. */
bool rt_is_worth(rt_caller *c, int64_t work, int64_t now) {
    int64_t asleep = atomic_load_explicit(&min_work_asleep, memory_order_relaxed);
    if (work >= asleep)
        return true;
    if (work < rt_min_work())
        return false;
    if (now - c->team_ended < AWAKE_NS)
        return true;
    if (now - c->missed_at >= AWAKE_NS)
        c->missed = 0;
    c->missed_at = now;
    c->missed += work;
    if (c->missed < asleep)
        return false;
    c->missed = 0;
    return true;
}

void rt_worth_lock(void) {
    pthread_mutex_lock(&lock);
}

void rt_worth_unlock(void) {
    pthread_mutex_unlock(&lock);
}
