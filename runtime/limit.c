/* What the machine and the environment allow: the calling thread's affinity mask, the cores in it, the cgroup's
 * bandwidth quota (neither libgomp nor hwloc looks at the quota; on a machine with many cores and a quota of two,
 * ignoring it costs a factor of ten and more), and the variables that say a number.
 *
 * Masks and quotas change while a program runs. Both are read again when a region begins and the last reading is old;
 * the clock that decides is the coarse one, a few nanoseconds. Cores are counted from small files of sysfs: whoever only
 * wants a number does not pay for a whole topology. */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "runtime/config.h"
#include "runtime/rt.h"

static const int64_t LOOK_AT_MASK_NS = 50 * 1000 * 1000;
static const int64_t LOOK_AT_QUOTA_NS = 1000 * 1000 * 1000;
static const char CGROUPS[] = "/sys/fs/cgroup", MEMBERSHIP[] = "/proc/self/cgroup", CPUS[] = "/sys/devices/system/cpu";

/* ---- the environment ------------------------------------------------------------------------------------------------ */

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
    return n > RT_MOST_THREADS ? RT_MOST_THREADS : (int32_t)n;
}

static int32_t said;

static void read_environment(void) {
    static const char *const names[] = {"PLAIT_NUM_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS"};
    for (size_t i = 0; i < sizeof names / sizeof names[0] && said == 0; i++)
        said = rt_threads_from_text(getenv(names[i]));
}

int32_t rt_said_threads(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, read_environment);
    return said != 0 ? said : rt_config_threads();
}

/* ---- small files ------------------------------------------------------------------------------------------------------ */

bool rt_read_line(const char *path, char *line, int size) {
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return false;
    bool ok = fgets(line, size, f) != NULL;
    fclose(f);
    if (ok)
        line[strcspn(line, "\n")] = '\0';
    return ok;
}

/* ---- the quota ---------------------------------------------------------------------------------------------------------- */

static int32_t cpus_of(long long quota, long long period) {
    if (quota <= 0 || period <= 0)
        return 0;
    long long cpus = (quota + period - 1) / period;
    return cpus > RT_MOST_THREADS ? RT_MOST_THREADS : (int32_t)cpus;
}

static int32_t quota_v2(const char *dir) {
    char path[PATH_MAX], line[128];
    long long quota, period;
    if (snprintf(path, sizeof path, "%s/cpu.max", dir) >= (int)sizeof path)
        return 0;
    if (!rt_read_line(path, line, sizeof line) || sscanf(line, "%lld %lld", &quota, &period) != 2)
        return 0;
    return cpus_of(quota, period);
}

static int32_t quota_v1(const char *dir) {
    char path[PATH_MAX], quota[64], period[64];
    if (snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", dir) >= (int)sizeof path)
        return 0;
    if (!rt_read_line(path, quota, sizeof quota))
        return 0;
    if (snprintf(path, sizeof path, "%s/cpu.cfs_period_us", dir) >= (int)sizeof path)
        return 0;
    if (!rt_read_line(path, period, sizeof period))
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

static _Atomic int64_t quota_read_at;
static _Atomic int32_t quota;

/* One thread reads; others go on with what is known. */
static int32_t current_quota(int64_t now) {
    int64_t before = atomic_load_explicit(&quota_read_at, memory_order_relaxed);
    if (before != 0 && now - before < LOOK_AT_QUOTA_NS)
        return atomic_load_explicit(&quota, memory_order_relaxed);
    int32_t cpus = rt_quota(CGROUPS, MEMBERSHIP);
    atomic_store(&quota, cpus);
    atomic_store(&quota_read_at, now);
    return cpus;
}

int32_t plrt_cpu_quota(void) {
    return current_quota(rt_coarse_now());
}

/* ---- sets of processing units --------------------------------------------------------------------------------------------- */

bool rt_units_has(const rt_units *u, int32_t unit) {
    return unit >= 0 && unit < RT_MOST_UNITS && (u->words[unit / 64] >> (unit % 64) & 1);
}

void rt_units_add(rt_units *u, int32_t unit) {
    if (unit >= 0 && unit < RT_MOST_UNITS)
        u->words[unit / 64] |= (uint64_t)1 << (unit % 64);
}

static void remove_unit(rt_units *u, int32_t unit) {
    if (unit >= 0 && unit < RT_MOST_UNITS)
        u->words[unit / 64] &= ~((uint64_t)1 << (unit % 64));
}

int32_t rt_units_count(const rt_units *u) {
    int32_t count = 0;
    for (int i = 0; i < RT_MOST_UNITS / 64; i++)
        count += __builtin_popcountll(u->words[i]);
    return count;
}

int32_t rt_units_next(const rt_units *u, int32_t unit) {
    for (int32_t next = unit + 1; next < RT_MOST_UNITS; next++) {
        uint64_t rest = u->words[next / 64] >> (next % 64);
        if (rest != 0)
            return next + __builtin_ctzll(rest);
        next |= 63;
    }
    return -1;
}

/* The kernel's own format: it says how many bytes it wrote, whatever glibc's cpu_set_t holds. */
bool rt_units_of_thread(int32_t thread, rt_units *u) {
    memset(u, 0, sizeof *u);
    return syscall(SYS_sched_getaffinity, thread, sizeof u->words, u->words) > 0;
}

bool rt_units_bind(int32_t thread, const rt_units *u) {
    return syscall(SYS_sched_setaffinity, thread, sizeof u->words, u->words) == 0;
}

/* Reads "0-3,8,16-30:2"; `each` sees the numbers in the order of the text. */
bool rt_read_list(const char *text, void (*each)(void *into, int32_t unit), void *into) {
    const char *p = text;
    do {
        char *end;
        long first = strtol(p, &end, 10), last = first, step = 1;
        if (end == p || *p == '-' || *p == '+' || first < 0 || first >= RT_MOST_UNITS)
            return false;
        if (*end == '-') {
            p = end + 1;
            last = strtol(p, &end, 10);
            if (end == p || last < first || last >= RT_MOST_UNITS)
                return false;
        }
        if (*end == ':') {
            p = end + 1;
            step = strtol(p, &end, 10);
            if (end == p || step < 1)
                return false;
        }
        for (long unit = first; unit <= last; unit += step)
            each(into, (int32_t)unit);
        p = end + 1;
        if (*end != ',')
            return *end == '\0';
    } while (true);
}

static void add_each(void *into, int32_t unit) {
    rt_units_add(into, unit);
}

/* ---- cores ------------------------------------------------------------------------------------------------------------------ */

/* Cores with a unit in `u`, from sysfs at `cpus`; every unit is a core of its own where that says nothing. */
int32_t rt_count_cores(const char *cpus, const rt_units *u) {
    char path[PATH_MAX], line[4096];
    if (snprintf(path, sizeof path, "%s/smt/active", cpus) < (int)sizeof path &&
        rt_read_line(path, line, sizeof line) && strcmp(line, "0") == 0)
        return rt_units_count(u);
    rt_units left = *u;
    int32_t cores = 0;
    for (int32_t unit = rt_units_next(&left, -1); unit >= 0; unit = rt_units_next(&left, unit)) {
        rt_units siblings = {{0}};
        cores++;
        if (snprintf(path, sizeof path, "%s/cpu%d/topology/thread_siblings_list", cpus, unit) >= (int)sizeof path ||
            !rt_read_line(path, line, sizeof line) || !rt_read_list(line, add_each, &siblings))
            continue;
        for (int32_t s = rt_units_next(&siblings, unit); s >= 0; s = rt_units_next(&siblings, s))
            remove_unit(&left, s);
    }
    return cores;
}

/* The last answer is kept: mostly all threads of a process have one mask. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void rt_limit_lock(void) {
    pthread_mutex_lock(&lock);
}

void rt_limit_unlock(void) {
    pthread_mutex_unlock(&lock);
}

static int32_t cores_of(const rt_units *u) {
    static rt_units known;
    static int32_t cores;
    pthread_mutex_lock(&lock);
    if (cores == 0 || memcmp(&known, u, sizeof known) != 0) {
        known = *u;
        cores = rt_count_cores(CPUS, u);
    }
    int32_t count = cores;
    pthread_mutex_unlock(&lock);
    return count;
}

/* ---- the calling thread -------------------------------------------------------------------------------------------------------- */

RT_TLS rt_caller *rt_this_caller;
static rt_caller spare; /* when memory is out: shared, and good enough to run on one thread */
static pthread_key_t caller_key;
static pthread_once_t caller_once = PTHREAD_ONCE_INIT;

static void free_caller(void *caller) {
    rt_caller *c = caller;
    if (c == &spare)
        return;
    rt_plans_free(c);
    free(c);
}

static void make_key(void) {
    pthread_key_create(&caller_key, free_caller);
    spare.units = spare.cores = 1;
    rt_units_add(&spare.allowed, 0);
}

rt_caller *rt_new_caller(void) {
    pthread_once(&caller_once, make_key);
    rt_caller *c = calloc(1, sizeof *c);
    rt_this_caller = c != NULL ? c : &spare;
    if (c == NULL)
        return &spare;
    pthread_setspecific(caller_key, c);
    rt_look_at_mask(c, rt_coarse_now());
    return c;
}

int64_t rt_coarse_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* With OMP_PLACES or the like, libgomp has bound the main thread to the first place: its mask is no limit. */
static void ask_openmp(rt_caller *c) {
    int places = omp_get_num_places();
    if (places <= 0)
        return;
    c->units = omp_get_num_procs();
    c->cores = places < c->units ? places : c->units;
}

void rt_look_at_mask(rt_caller *c, int64_t now) {
    rt_units units;
    if (c == &spare || (c->mask_epoch != 0 && now - c->looked_at < LOOK_AT_MASK_NS))
        return;
    c->looked_at = now;
    c->quota = current_quota(now);
    if (!rt_units_of_thread(0, &units) || rt_units_count(&units) == 0)
        rt_units_add(&units, 0);
    if (c->mask_epoch != 0 && memcmp(&units, &c->allowed, sizeof units) == 0)
        return;
    c->allowed = units;
    c->units = rt_units_count(&units);
    c->cores = cores_of(&units);
    ask_openmp(c);
    c->mask_epoch++;
}
