/* Topologies by hwloc: loading, placing teams, and a description for people and programs.
 *
 * Loading costs milliseconds, a hundred on large machines, most of it in asking every processor by cpuid and in walking
 * PCI devices. Neither says anything that sysfs does not say about cores and caches, so both are left out. */
#include "runtime/topology.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/place.h"
#include "runtime/rt.h"
#include "runtime/shape.h"

/* ---- loading ------------------------------------------------------------------------------------------------------------ */

static const unsigned long LEAN = HWLOC_TOPOLOGY_FLAG_DONT_CHANGE_BINDING | HWLOC_TOPOLOGY_FLAG_NO_DISTANCES |
                                  HWLOC_TOPOLOGY_FLAG_NO_MEMATTRS | HWLOC_TOPOLOGY_FLAG_NO_CPUKINDS;
static const unsigned long WHOLE = HWLOC_TOPOLOGY_FLAG_DONT_CHANGE_BINDING | HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED;

static int choose_source(hwloc_topology_t t, const topology_query *q) {
    if (q->xml != NULL)
        return hwloc_topology_set_xml(t, q->xml);
    if (q->synthetic != NULL)
        return hwloc_topology_set_synthetic(t, q->synthetic);
    return hwloc_topology_set_components(t, HWLOC_TOPOLOGY_COMPONENTS_FLAG_BLACKLIST, "x86");
}

static bool load(hwloc_topology_t *t, const topology_query *q, unsigned long flags) {
    if (hwloc_topology_init(t) != 0)
        return false;
    if (choose_source(*t, q) == 0 && hwloc_topology_set_flags(*t, flags) == 0 &&
        hwloc_topology_set_io_types_filter(*t, HWLOC_TYPE_FILTER_KEEP_NONE) == 0 && hwloc_topology_load(*t) == 0)
        return true;
    hwloc_topology_destroy(*t);
    return false;
}

/* hwloc puts every object of a synthetic machine in its place by comparing it with its neighbours' sets of units: the time
 * grows with the square of an object's children times the length of the sets. Beyond these numbers it is many seconds. */
enum { MOST_CHILDREN = 2048 };

/* The numbers of children, level by level: "pack:2 [numa] core:8(indexes=…) 2". false: too many. */
static bool is_moderate(const char *synthetic) {
    int64_t units = 1;
    int depth = 0;
    bool begins = true;
    for (const char *c = synthetic; *c != '\0'; c++) {
        bool blank = *c == ' ' || *c == '\t' || *c == '\n';
        depth += (*c == '(' || *c == '[') - (*c == ')' || *c == ']');
        if (depth == 0 && (*c == ':' || (begins && *c >= '0' && *c <= '9'))) {
            unsigned long long n = strtoull(c + (*c == ':'), NULL, 10);
            units = n > MOST_CHILDREN ? RT_MOST_UNITS + 1 : units * (int64_t)(n > 0 ? n : 1);
            if (units > RT_MOST_UNITS)
                return false;
        }
        begins = blank;
    }
    return true;
}

/* ---- placing --------------------------------------------------------------------------------------------------------------- */

static place_policy policy_of(int32_t placement) {
    return placement == PLRT_PLACE_COMPACT || placement == PLRT_PLACE_THREADS ? PLACE_COMPACT : PLACE_SPREAD;
}

static place_unit unit_of(int32_t placement) {
    return placement == PLRT_PLACE_THREADS ? PLACE_THREADS : PLACE_CORES;
}

static bool place_on(hwloc_topology_t t, hwloc_const_cpuset_t allowed, int32_t placement, const int32_t *near,
                     int32_t n, int32_t *unit) {
    unsigned *pu = malloc(sizeof *pu * (size_t)n);
    if (pu == NULL)
        return false;
    int failed = near != NULL ? place_near(t, allowed, PLACE_CORES, n, near, pu)
                              : place_threads(t, allowed, policy_of(placement), unit_of(placement), n, pu);
    for (int32_t k = 0; k < n && failed == 0; k++)
        unit[k] = (int32_t)pu[k];
    free(pu);
    return failed == 0;
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static hwloc_topology_t here;
static bool is_loaded;

static bool load_here(hwloc_const_cpuset_t allowed) {
    static const topology_query this_machine;
    if (is_loaded && hwloc_bitmap_isincluded(allowed, hwloc_get_root_obj(here)->cpuset))
        return true;
    if (is_loaded)
        hwloc_topology_destroy(here);
    return is_loaded = load(&here, &this_machine, LEAN);
}

static void set_words(hwloc_cpuset_t set, const uint64_t *words, int32_t count) {
    for (int32_t i = 0; i < count * 64; i++)
        if (words[i / 64] >> (i % 64) & 1)
            hwloc_bitmap_set(set, (unsigned)i);
}

int32_t plait_topology_place(const topology_team *team, int32_t *unit) {
    hwloc_cpuset_t allowed = hwloc_bitmap_alloc();
    if (allowed == NULL)
        return -1;
    set_words(allowed, team->allowed, team->words);
    pthread_mutex_lock(&lock);
    bool ok = load_here(allowed) && place_on(here, allowed, team->placement, team->near, team->threads, unit);
    pthread_mutex_unlock(&lock);
    hwloc_bitmap_free(allowed);
    return ok ? 0 : -1;
}

/* A child of fork() finds the lock as the thread that forked left it: free. */
static void take_lock(void) {
    pthread_mutex_lock(&lock);
}

static void give_lock(void) {
    pthread_mutex_unlock(&lock);
}

__attribute__((constructor)) static void prepare_for_fork(void) {
    pthread_atfork(take_lock, give_lock, give_lock);
}

/* ---- what a machine would be given -------------------------------------------------------------------------------------------- */

/* The list's units that are allowed, the first `most` of them to `unit`, and how many there are. With none, threads are
 * left where they are. */
static int32_t usable_of_list(const shape *s, int32_t most, int32_t *unit) {
    const topology_query *q = s->query;
    int32_t count = 0;
    for (int32_t i = 0; i < q->listed; i++) {
        if (q->list[i] < 0 || !hwloc_bitmap_isset(s->allowed, (unsigned)q->list[i]))
            continue;
        if (count < most)
            unit[count] = q->list[i];
        count++;
    }
    return count;
}

int32_t shape_default_threads(const shape *s, int32_t placement) {
    int32_t n = placement == PLRT_PLACE_THREADS ? hwloc_bitmap_weight(s->allowed) : place_count_cores(s->t, s->allowed);
    if (placement == PLRT_PLACE_LIST && s->query->listed > 0)
        n = usable_of_list(s, 0, NULL);
    if (n == 0)
        return 0;
    if (s->query->threads > 0)
        n = s->query->threads;
    else if (s->query->quota > 0 && s->query->quota < n)
        n = s->query->quota;
    int32_t cores = place_count_cores(s->t, s->allowed);
    return placement == PLRT_PLACE_CORES && n > cores ? cores : n;
}

/* Without arrays to look at, a program is supposed whose arrays lie in equal parts on the nodes, in their order. */
static bool place_by_node(const shape *s, int32_t n, int32_t *unit) {
    int32_t *near = malloc(sizeof *near * (size_t)n);
    int nodes = hwloc_get_nbobjs_by_type(s->t, HWLOC_OBJ_NUMANODE), used = 0;
    unsigned *number = malloc(sizeof *number * (size_t)(nodes > 0 ? nodes : 1));
    for (int i = 0; i < nodes && number != NULL; i++) {
        hwloc_obj_t o = hwloc_get_obj_by_type(s->t, HWLOC_OBJ_NUMANODE, (unsigned)i);
        if (hwloc_bitmap_intersects(o->cpuset, s->allowed))
            number[used++] = o->os_index;
    }
    bool ok = near != NULL && number != NULL;
    for (int32_t k = 0; k < n && ok; k++)
        near[k] = used > 0 ? (int32_t)number[(int64_t)k * used / n] : -1;
    ok = ok && place_on(s->t, s->allowed, PLRT_PLACE_NUMA, near, n, unit);
    free(near);
    free(number);
    return ok;
}

bool shape_place(const shape *s, int32_t placement, int32_t n, int32_t *unit) {
    if (placement == PLRT_PLACE_NUMA)
        return place_by_node(s, n, unit);
    if (placement != PLRT_PLACE_LIST || s->query->listed <= 0)
        return place_on(s->t, s->allowed, placement, NULL, n, unit);
    int32_t usable = usable_of_list(s, n, unit);
    for (int32_t k = usable; k < n && usable > 0; k++)
        unit[k] = unit[k - usable];
    return usable > 0;
}

/* ---- text ------------------------------------------------------------------------------------------------------------------------- */

void out_put(out *o, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0 || o->failed)
        return;
    if (o->len + (size_t)n + 1 > o->cap) {
        size_t cap = 2 * (o->len + (size_t)n + 1);
        char *grown = realloc(o->text, cap);
        if (grown == NULL) {
            o->failed = true;
            return;
        }
        o->text = grown;
        o->cap = cap;
    }
    va_start(args, format);
    vsnprintf(o->text + o->len, (size_t)n + 1, format, args);
    va_end(args);
    o->len += (size_t)n;
}

static void put_string(out *o, const char *text) {
    out_put(o, "\"");
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
        if (*c < ' ')
            out_put(o, "\\u%04x", *c);
        else
            out_put(o, *c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
    }
    out_put(o, "\"");
}

/* A set as "0-3,8". */
static void put_set(out *o, hwloc_const_bitmap_t set) {
    char *text = NULL;
    if (set == NULL || hwloc_bitmap_list_asprintf(&text, set) < 0) {
        out_put(o, "\"\"");
        return;
    }
    put_string(o, text);
    free(text);
}

/* ---- JSON ----------------------------------------------------------------------------------------------------------------------------- */

static void put_caches(out *o, const shape *s) {
    static const hwloc_obj_type_t types[] = {HWLOC_OBJ_L1CACHE, HWLOC_OBJ_L2CACHE, HWLOC_OBJ_L3CACHE,
                                             HWLOC_OBJ_L4CACHE};
    const char *comma = "";
    out_put(o, "\"caches\":[");
    for (int i = 0; i < 4; i++) {
        int count = hwloc_get_nbobjs_by_type(s->t, types[i]);
        hwloc_obj_t c = hwloc_get_obj_by_type(s->t, types[i], 0);
        if (count < 1 || c == NULL)
            continue;
        out_put(o, "%s{\"level\":%d,\"bytes\":%llu,\"line\":%u,\"count\":%d,\"units\":%d}", comma, i + 1,
                (unsigned long long)c->attr->cache.size, c->attr->cache.linesize, count,
                hwloc_bitmap_weight(c->cpuset));
        comma = ",";
    }
    out_put(o, "],");
}

static void put_kinds(out *o, const shape *s) {
    int kinds = hwloc_cpukinds_get_nr(s->t, 0);
    hwloc_bitmap_t set = hwloc_bitmap_alloc();
    out_put(o, "\"kinds\":[");
    for (int i = 0; i < kinds && set != NULL; i++) {
        int efficiency;
        unsigned infos;
        struct hwloc_info_s *info;
        if (hwloc_cpukinds_get_info(s->t, (unsigned)i, set, &efficiency, &infos, &info, 0) != 0)
            continue;
        out_put(o, "%s{\"units\":", i > 0 ? "," : "");
        put_set(o, set);
        out_put(o, ",\"efficiency\":%d", efficiency);
        for (unsigned k = 0; k < infos; k++) {
            out_put(o, ",");
            put_string(o, info[k].name);
            out_put(o, ":");
            put_string(o, info[k].value);
        }
        out_put(o, "}");
    }
    out_put(o, "],");
    hwloc_bitmap_free(set);
}

static void put_nodes(out *o, const shape *s) {
    int nodes = hwloc_get_nbobjs_by_type(s->t, HWLOC_OBJ_NUMANODE);
    out_put(o, "\"nodes\":[");
    for (int i = 0; i < nodes; i++) {
        hwloc_obj_t n = hwloc_get_obj_by_type(s->t, HWLOC_OBJ_NUMANODE, (unsigned)i);
        out_put(o, "%s{\"number\":%u,\"bytes\":%llu,\"units\":", i > 0 ? "," : "", n->os_index,
                (unsigned long long)n->attr->numanode.local_memory);
        put_set(o, n->cpuset);
        out_put(o, "}");
    }
    out_put(o, "],");
}

static void put_object(out *o, const shape *s, hwloc_obj_t x) {
    char name[64];
    hwloc_obj_type_snprintf(name, sizeof name, x, 0);
    out_put(o, "{\"type\":");
    put_string(o, name);
    if (x->os_index != HWLOC_UNKNOWN_INDEX)
        out_put(o, ",\"number\":%u", x->os_index);
    if (x->type == HWLOC_OBJ_PU) {
        out_put(o, ",\"allowed\":%s}", hwloc_bitmap_isset(s->allowed, x->os_index) ? "true" : "false");
        return;
    }
    if (x->memory_arity > 0)
        out_put(o, ",\"node\":%u", x->memory_first_child->os_index);
    out_put(o, ",\"children\":[");
    for (unsigned i = 0; i < x->arity; i++) {
        if (i > 0)
            out_put(o, ",");
        put_object(o, s, x->children[i]);
    }
    out_put(o, "]}");
}

static void put_placements(out *o, const shape *s) {
    static const struct {
        int32_t placement;
        const char *name;
    } all[] = {{PLRT_PLACE_SPREAD, "spread"}, {PLRT_PLACE_COMPACT, "compact"}, {PLRT_PLACE_NUMA, "numa"},
               {PLRT_PLACE_CORES, "cores"},   {PLRT_PLACE_THREADS, "threads"}, {PLRT_PLACE_LIST, "list"}};
    const char *comma = "";
    out_put(o, "\"placements\":{");
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (all[i].placement == PLRT_PLACE_LIST && s->query->listed <= 0)
            continue;
        int32_t n = shape_default_threads(s, all[i].placement), *unit = malloc(sizeof *unit * (size_t)(n > 0 ? n : 1));
        if (unit == NULL || (n > 0 && !shape_place(s, all[i].placement, n, unit))) {
            o->failed = true;
            free(unit);
            return;
        }
        out_put(o, "%s\"%s\":[", comma, all[i].name);
        for (int32_t k = 0; k < n; k++)
            out_put(o, k > 0 ? ",%d" : "%d", unit[k]);
        out_put(o, "]");
        comma = ",";
        free(unit);
    }
    out_put(o, "}");
}

/* Units of the machine that do not run: offline, or missing in the description. */
static void put_offline(out *o, const shape *s) {
    hwloc_bitmap_t off = hwloc_bitmap_alloc();
    if (off != NULL)
        hwloc_bitmap_andnot(off, hwloc_topology_get_complete_cpuset(s->t), hwloc_topology_get_topology_cpuset(s->t));
    out_put(o, "\"offline\":");
    put_set(o, off);
    out_put(o, ",");
    hwloc_bitmap_free(off);
}

static void put_machine(out *o, const shape *s) {
    int units = hwloc_get_nbobjs_by_type(s->t, HWLOC_OBJ_PU), cores = hwloc_get_nbobjs_by_type(s->t, HWLOC_OBJ_CORE);
    const topology_query *q = s->query;
    out_put(o, "{\"source\":");
    put_string(o, q->xml != NULL ? q->xml : q->synthetic != NULL ? q->synthetic : "this machine");
    out_put(o, ",\"packages\":%d,\"memory_nodes\":%d,\"cores\":%d,\"units\":%d,",
            hwloc_get_nbobjs_by_type(s->t, HWLOC_OBJ_PACKAGE), hwloc_get_nbobjs_by_type(s->t, HWLOC_OBJ_NUMANODE),
            cores > 0 ? cores : units, units);
    out_put(o, "\"allowed\":");
    put_set(o, s->allowed);
    out_put(o, ",\"allowed_cores\":%d,\"allowed_units\":%d,", place_count_cores(s->t, s->allowed),
            hwloc_bitmap_weight(s->allowed));
    put_offline(o, s);
    if (q->quota > 0)
        out_put(o, "\"quota\":%d,", q->quota);
    else
        out_put(o, "\"quota\":null,");
    put_caches(o, s);
    put_nodes(o, s);
    put_kinds(o, s);
    put_placements(o, s);
    out_put(o, ",\"tree\":");
    put_object(o, s, hwloc_get_root_obj(s->t));
    out_put(o, "}\n");
}

/* ---- questions --------------------------------------------------------------------------------------------------------------------------- */

static char *json_of(const shape *s) {
    out o = {0};
    put_machine(&o, s);
    if (!o.failed)
        return o.text;
    free(o.text);
    return NULL;
}

static const char *complaint(const topology_query *q) {
    if (q->xml != NULL)
        return "this is no topology that hwloc can read (XML of its version 2)";
    return q->synthetic != NULL ? "this is no synthetic topology of hwloc, such as \"pack:2 [numa] l3:1 core:8 pu:2\""
                                : "hwloc cannot read this machine's topology";
}

static char *answer(const topology_query *q, char *(*make)(const shape *s), char *error, size_t size) {
    shape s = {.query = q};
    if (q->synthetic != NULL && !is_moderate(q->synthetic)) {
        snprintf(error, size, "synthetic machines have at most %d units here, and at most %d parts to a whole",
                 RT_MOST_UNITS, MOST_CHILDREN);
        return NULL;
    }
    if (q->xml != NULL && access(q->xml, R_OK) != 0) {
        snprintf(error, size, "%s", strerror(errno));
        return NULL;
    }
    if (!load(&s.t, q, WHOLE)) {
        snprintf(error, size, "%s", complaint(q));
        return NULL;
    }
    s.allowed = hwloc_topology_get_allowed_cpuset(s.t);
    hwloc_bitmap_t mine = NULL;
    if (q->xml == NULL && q->synthetic == NULL && (mine = hwloc_bitmap_alloc()) != NULL &&
        hwloc_get_cpubind(s.t, mine, HWLOC_CPUBIND_THREAD) == 0)
        s.allowed = mine;
    char *text = make(&s);
    if (text == NULL)
        snprintf(error, size, "no memory, or no processing unit is allowed");
    hwloc_bitmap_free(mine);
    hwloc_topology_destroy(s.t);
    return text;
}

char *plait_topology_json(const topology_query *query, char *error, size_t size) {
    return answer(query, json_of, error, size);
}

char *plait_topology_svg(const topology_query *query, char *error, size_t size) {
    return answer(query, shape_svg, error, size);
}
