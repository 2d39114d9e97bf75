/* Sizes of the data caches, from sysfs: a compile that wants to know how large a tile may be should not pay for a whole
 * topology. Where sysfs has nothing (some virtual machines, sandboxes), sysconf may. */
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/rt.h"

enum { MOST_INDICES = 16 };

static bool read_entry(const char *cpus, int32_t unit, int index, const char *name, char *line, int size) {
    char path[PATH_MAX];
    int len = snprintf(path, sizeof path, "%s/cpu%d/cache/index%d/%s", cpus, unit, index, name);
    return len < (int)sizeof path && rt_read_line(path, line, size);
}

/* "32K", "16M". */
static int64_t read_size(const char *text) {
    char *end;
    long long n = strtoll(text, &end, 10);
    int shift = *end == 'K' ? 10 : *end == 'M' ? 20 : *end == 'G' ? 30 : 0;
    return n > 0 && n <= INT64_MAX >> shift ? n << shift : 0;
}

static void add_unit(void *into, int32_t unit) {
    rt_units_add(into, unit);
}

static void read_index(const char *cpus, int32_t unit, int index, plrt_caches *caches) {
    char line[4096];
    rt_units shared = {{0}};
    if (!read_entry(cpus, unit, index, "type", line, sizeof line) || strcmp(line, "Instruction") == 0)
        return;
    if (!read_entry(cpus, unit, index, "level", line, sizeof line))
        return;
    int level = atoi(line);
    if (level < 1 || level > 3)
        return;
    if (read_entry(cpus, unit, index, "size", line, sizeof line))
        caches->bytes[level - 1] = read_size(line);
    if (caches->line == 0 && read_entry(cpus, unit, index, "coherency_line_size", line, sizeof line))
        caches->line = atoi(line);
    if (read_entry(cpus, unit, index, "shared_cpu_list", line, sizeof line) && rt_read_list(line, add_unit, &shared))
        caches->shared[level - 1] = rt_units_count(&shared);
}

void rt_read_caches(const char *cpus, int32_t unit, plrt_caches *caches) {
    memset(caches, 0, sizeof *caches);
    for (int i = 0; i < MOST_INDICES; i++)
        read_index(cpus, unit, i, caches);
}

static void ask_system(plrt_caches *caches) {
    static const int names[] = {_SC_LEVEL1_DCACHE_SIZE, _SC_LEVEL2_CACHE_SIZE, _SC_LEVEL3_CACHE_SIZE};
    for (int i = 0; i < 3; i++) {
        long bytes = sysconf(names[i]);
        if (caches->bytes[i] == 0 && bytes > 0)
            caches->bytes[i] = bytes;
    }
    long line = sysconf(_SC_LEVEL1_DCACHE_LINESIZE);
    if (caches->line == 0 && line > 0)
        caches->line = (int32_t)line;
}

static plrt_caches known;

static void read_once(void) {
    rt_read_caches("/sys/devices/system/cpu", rt_units_next(&rt_caller_now()->allowed, -1), &known);
    ask_system(&known);
}

void plrt_topology_caches(plrt_caches *caches) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, read_once);
    *caches = known;
}
