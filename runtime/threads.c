/* How many threads a region may use.
 *
 * The limit is read once: PLAIT_NUM_THREADS, OMP_NUM_THREADS or NUMBA_NUM_THREADS, else the CPUs that the affinity mask
 * allows, cut to the cgroup's bandwidth quota (neither libgomp nor hwloc looks at the quota; on a machine with many
 * cores and a quota of two, ignoring it costs a factor of ten and more).
 *
 * The budget keeps many callers from using the machine many times over: the members of all running teams are counted,
 * and a caller that finds nothing left runs alone. */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/rt.h"

enum { MIN_WORK_DEFAULT = 20000, MOST_THREADS = 4096 };

RT_TLS rt_thread rt_self;

static pthread_once_t limit_once = PTHREAD_ONCE_INIT;
static int32_t limit;
static _Atomic int32_t chosen; /* 0: the limit */
static _Atomic int32_t in_use;
static _Atomic int64_t min_work = MIN_WORK_DEFAULT;
static _Atomic int32_t forced_schedule;
static _Atomic uint64_t shuffle_seed;
static _Atomic int64_t most_grain;

volatile int64_t plrt_small_work = MIN_WORK_DEFAULT;

int32_t rt_threads_from_text(const char *text) {
    if (text == NULL)
        return 0;
    char *end;
    errno = 0;
    long n = strtol(text, &end, 10);
    while (*end == ' ')
        end++;
    if (end == text || errno != 0 || n < 1 || (*end != '\0' && *end != ','))
        return 0;
    return n > MOST_THREADS ? MOST_THREADS : (int32_t)n;
}

static bool read_line(const char *path, char *line, int size) {
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return false;
    bool ok = fgets(line, size, f) != NULL;
    fclose(f);
    return ok;
}

static int32_t cpus_of(long long quota, long long period) {
    if (quota <= 0 || period <= 0)
        return 0;
    long long cpus = (quota + period - 1) / period;
    return cpus > MOST_THREADS ? MOST_THREADS : (int32_t)cpus;
}

static int32_t quota_v2(const char *dir) {
    char path[PATH_MAX], line[128];
    long long quota, period;
    if (snprintf(path, sizeof path, "%s/cpu.max", dir) >= (int)sizeof path)
        return 0;
    if (!read_line(path, line, sizeof line) || sscanf(line, "%lld %lld", &quota, &period) != 2)
        return 0;
    return cpus_of(quota, period);
}

static int32_t quota_v1(const char *dir) {
    char path[PATH_MAX], quota[64], period[64];
    if (snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", dir) >= (int)sizeof path)
        return 0;
    if (!read_line(path, quota, sizeof quota))
        return 0;
    if (snprintf(path, sizeof path, "%s/cpu.cfs_period_us", dir) >= (int)sizeof path)
        return 0;
    if (!read_line(path, period, sizeof period))
        return 0;
    return cpus_of(atoll(quota), atoll(period));
}

/* The tightest quota from the group up to the root of its hierarchy: a limit on a parent binds its children. */
static int32_t tightest(const char *root, const char *group, int32_t (*read_quota)(const char *dir)) {
    char dir[PATH_MAX];
    int len = snprintf(dir, sizeof dir, "%s%s", root, group);
    if (len < 0 || len >= (int)sizeof dir)
        return 0;
    int32_t best = 0;
    size_t stop = strlen(root);
    for (;;) {
        int32_t cpus = read_quota(dir);
        if (cpus > 0 && (best == 0 || cpus < best))
            best = cpus;
        if (strlen(dir) <= stop)
            return best;
        char *slash = strrchr(dir, '/');
        if (slash == NULL || (size_t)(slash - dir) < stop)
            return best;
        *slash = '\0';
    }
}

static bool has_word(const char *list, const char *word) {
    size_t n = strlen(word);
    for (const char *p = list; (p = strstr(p, word)) != NULL; p += n)
        if ((p == list || p[-1] == ',') && (p[n] == ',' || p[n] == '\0'))
            return true;
    return false;
}

static int32_t smaller(int32_t a, int32_t b) {
    if (a == 0 || b == 0)
        return a + b;
    return a < b ? a : b;
}

int32_t rt_quota(const char *sysfs, const char *membership) {
    FILE *f = fopen(membership, "re");
    if (f == NULL)
        return 0;
    char line[PATH_MAX], root[PATH_MAX];
    int32_t best = 0;
    while (fgets(line, sizeof line, f) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        char *controllers = strchr(line, ':');
        char *group = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
        if (group == NULL)
            continue;
        *group++ = '\0';
        controllers++;
        if (*controllers == '\0') {
            best = smaller(best, tightest(sysfs, group, quota_v2));
        } else if (has_word(controllers, "cpu")) {
            if (snprintf(root, sizeof root, "%s/cpu", sysfs) < (int)sizeof root)
                best = smaller(best, tightest(root, group, quota_v1));
        }
    }
    fclose(f);
    return best;
}

static int32_t allowed_cpus(void) {
    int32_t count = 0;
    for (int cpus = CPU_SETSIZE; cpus <= CPU_SETSIZE * 64; cpus *= 4) {
        cpu_set_t *set = CPU_ALLOC((size_t)cpus);
        size_t size = CPU_ALLOC_SIZE((size_t)cpus);
        if (set == NULL)
            break;
        int failed = sched_getaffinity(0, size, set);
        if (failed == 0)
            count = CPU_COUNT_S(size, set);
        CPU_FREE(set);
        if (failed == 0)
            break;
    }
    return count > 0 ? count : 1;
}

static void find_limit(void) {
    static const char *const names[] = {"PLAIT_NUM_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS"};
    for (size_t i = 0; i < sizeof names / sizeof names[0] && limit == 0; i++)
        limit = rt_threads_from_text(getenv(names[i]));
    if (limit == 0)
        limit = smaller(allowed_cpus(), rt_quota("/sys/fs/cgroup", "/proc/self/cgroup"));
}

int32_t plrt_max_threads(void) {
    pthread_once(&limit_once, find_limit);
    return limit;
}

int32_t plrt_get_num_threads(void) {
    int32_t n = atomic_load_explicit(&chosen, memory_order_relaxed);
    return n != 0 ? n : plrt_max_threads();
}

int32_t plrt_set_num_threads(int32_t n) {
    if (n < 1 || n > plrt_max_threads())
        return -1;
    atomic_store(&chosen, n);
    return 0;
}

int32_t plrt_get_thread_id(void) {
    return rt_self.id;
}

int64_t plrt_get_chunksize(void) {
    return rt_self.chunk;
}

int64_t plrt_set_chunksize(int64_t n) {
    if (n < 0)
        return -1;
    int64_t old = rt_self.chunk;
    rt_self.chunk = n;
    return old;
}

void plrt_set_schedule(plrt_schedule schedule) {
    atomic_store(&forced_schedule, (int32_t)schedule);
}

plrt_schedule rt_forced_schedule(void) {
    return (plrt_schedule)atomic_load_explicit(&forced_schedule, memory_order_relaxed);
}

/* Shuffled order and small blocks are made by plrt_region_run. */
static void decide_small_work(void) {
    bool tested = rt_shuffle_seed() != 0 || atomic_load(&most_grain) > 0;
    plrt_small_work = tested ? 0 : rt_min_work();
}

void plrt_set_shuffle(uint64_t seed) {
    atomic_store(&shuffle_seed, seed);
    decide_small_work();
}

uint64_t rt_shuffle_seed(void) {
    return atomic_load_explicit(&shuffle_seed, memory_order_relaxed);
}

void plrt_set_grain(int64_t trips) {
    atomic_store(&most_grain, trips);
    decide_small_work();
}

int64_t rt_most_grain(void) {
    int64_t grain = atomic_load_explicit(&most_grain, memory_order_relaxed);
    return grain > 0 ? grain : INT64_MAX;
}

void plrt_set_min_work(int64_t operations) {
    atomic_store(&min_work, operations < 0 ? MIN_WORK_DEFAULT : operations);
    decide_small_work();
}

int64_t rt_min_work(void) {
    return atomic_load_explicit(&min_work, memory_order_relaxed);
}

/* Callers that run alone are counted too: sixteen of them on two cores leave nothing for a team. */
int32_t rt_budget_take(int32_t wanted) {
    int32_t most = plrt_max_threads();
    int32_t used = atomic_load_explicit(&in_use, memory_order_relaxed);
    for (;;) {
        int32_t spare = most - used;
        int32_t count = wanted <= spare ? wanted : spare > 1 ? spare : 1;
        if (atomic_compare_exchange_weak_explicit(&in_use, &used, used + count, memory_order_relaxed,
                                                  memory_order_relaxed))
            return count;
    }
}

void rt_budget_give(int32_t count) {
    atomic_fetch_sub_explicit(&in_use, count, memory_order_relaxed);
}

void rt_budget_reset(void) {
    atomic_store(&in_use, 0);
}
