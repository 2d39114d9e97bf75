/* Configuration: where every setting comes from, and how regions are to run.
 *
 * Two files are read, if they are there: the nearest .plait.yaml from the working directory upwards, and the user's,
 * $XDG_CONFIG_HOME/plait/config.yaml. They and the environment make a snapshot, which never changes and is never freed (a
 * region that began with it may still hold it); a reload makes another one. A program's own settings lie beside the
 * snapshots. A snapshot in which something is wrong has the defaults only, and the sentences that say what is wrong: the
 * host raises them when it first compiles a kernel, a C program asks for them.
 *
 * For one run of a region each of threads, schedule, chunk and placement is the first that somebody said:
 *   scopes of the calling thread · the region itself (the decorator) · the sections of its kernel that match,
 *   the most specific one first, and in each the loop, the size class, the kernel · the program · the environment · the
 *   project's file · the user's file.
 * Nobody having said anything costs a region one load.
 *
 * config_read.c reads files and variables, config_json.c tells what holds; settings.h is what the three share. */
#define _GNU_SOURCE
#include "runtime/config.h"

#include <errno.h>
#include <fnmatch.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plait/stats.h"
#include "runtime/settings.h"

_Atomic int32_t rt_choices_exist = 1; /* nothing was read yet */
volatile uint32_t plrt_config_epoch;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic(rt_snapshot *) current;
static bool counted = true;                         /* the one in rt_choices_exist is ours */
static _Atomic(const rt_value *) program[SETTINGS]; /* NULL: the program says nothing */
static rt_document *program_memory;
static rt_snapshot *broken_memory; /* when there is none left */

void rt_config_lock(void) {
    pthread_mutex_lock(&lock);
}

void rt_config_unlock(void) {
    pthread_mutex_unlock(&lock);
}

__attribute__((constructor)) static void prepare_for_fork(void) {
    pthread_atfork(rt_config_lock, rt_config_unlock, rt_config_unlock);
}

/* ---- loading ------------------------------------------------------------------------------------------------------ */

static rt_snapshot *read_all(void) {
    rt_snapshot *s = calloc(1, sizeof *s);
    rt_problems p = {0};
    if (s != NULL && (s->memory = calloc(1, sizeof *s->memory)) != NULL) {
        rt_config_read(s, &p);
        char *problems = rt_problems_take(&p);
        if (problems == NULL)
            return s;
        s->problems = rt_config_keep(s->memory, "%s", problems);
        free(problems);
        memset(s->general, 0, sizeof s->general);
        s->n_sections = 0;
        return s;
    }
    free(s);
    static rt_snapshot none = {.problems = "out of memory"};
    broken_memory = &none;
    return broken_memory;
}

rt_value rt_setting_now(const rt_snapshot *s, int row) {
    static _Thread_local char number[16];
    int32_t threads = row == SET_threads ? rt_chosen_threads() : 0;
    if (threads != 0) {
        snprintf(number, sizeof number, "%d", threads);
        return (rt_value){number, threads, "the program"};
    }
    const rt_value *said = atomic_load_explicit(&program[row], memory_order_acquire);
    return said != NULL ? *said : s->general[row];
}

static bool says_something(const rt_snapshot *s) {
    static const int regions[] = {SET_schedule, SET_chunk, SET_placement};
    for (size_t i = 0; i < sizeof regions / sizeof *regions; i++)
        if (rt_setting_now(s, regions[i]).text != NULL)
            return true;
    return s->n_sections > 0;
}

static const char *trace_now; /* the file that a setting asked to record into */

/* With the lock held: what is not asked for at every region but set once. `before`: what the same settings were. */
static void apply(const rt_snapshot *s, rt_problems *p) {
    rt_value stats = rt_setting_now(s, SET_stats), work = rt_setting_now(s, SET_min_work),
             trace = rt_setting_now(s, SET_trace);
    static bool stats_by_us, work_by_us;
    if (stats.text != NULL && stats.number != 0) {
        plrt_stats_enable(1);
        stats_by_us = true;
    } else if (stats_by_us) {
        plrt_stats_enable(0);
        stats_by_us = false;
    }
    if (work.text != NULL || work_by_us)
        plrt_set_min_work(work.text != NULL && strcmp(work.text, "auto") != 0 ? work.number : -1);
    work_by_us = work.text != NULL;
    if (trace_now != NULL && (trace.text == NULL || strcmp(trace.text, trace_now) != 0)) {
        plrt_trace_stop();
        trace_now = NULL;
    }
    if (trace.text != NULL && trace_now == NULL) {
        rt_value most = rt_setting_now(s, SET_trace_limit);
        int32_t failed = plrt_trace_start(trace.text, most.text != NULL ? most.number : 0);
        if (failed == 0)
            trace_now = trace.text;
        else if (failed != EBUSY)
            rt_problem_about(p, trace.origin, NULL, "trace: %s: %s", trace.text, strerror(failed));
    }
}

static void count_us(bool needed) {
    if (needed != counted)
        atomic_fetch_add(&rt_choices_exist, needed ? 1 : -1);
    counted = needed;
}

/* With the lock held. */
static void load(void) {
    rt_snapshot *s = read_all();
    rt_problems p = {0};
    apply(s, &p);
    char *more = rt_problems_take(&p);
    if (more != NULL && s->problems == NULL)
        s->problems = rt_config_keep(s->memory, "%s", more);
    free(more);
    s->older = atomic_load(&current);
    if (s->older == s)
        s->older = NULL;
    atomic_store_explicit(&current, s, memory_order_release);
    plrt_config_epoch++;
    count_us(says_something(s));
    rt_decide_small_work();
}

rt_snapshot *rt_config_now(void) {
    rt_snapshot *s = atomic_load_explicit(&current, memory_order_acquire);
    if (s != NULL)
        return s;
    pthread_mutex_lock(&lock);
    if (atomic_load(&current) == NULL)
        load();
    s = atomic_load(&current);
    pthread_mutex_unlock(&lock);
    return s;
}

void plrt_config_reload(void) {
    pthread_mutex_lock(&lock);
    load();
    pthread_mutex_unlock(&lock);
}

const char *plrt_config_problems(void) {
    return rt_config_now()->problems;
}

int32_t rt_config_threads(void) {
    const rt_value *v = &rt_config_now()->general[SET_threads];
    return v->text != NULL ? (int32_t)v->number : 0;
}

/* ---- settings ----------------------------------------------------------------------------------------------------- */

static const char *kind_of(int row) {
    static const char *const kinds[] = {
        [RT_AUTO] = "number or auto", [RT_COUNT] = "number",        [RT_SWITCH] = "true or false",
        [RT_SCHEDULE] = "schedule",   [RT_PLACEMENT] = "placement", [RT_LEVEL] = "0 to 3 or max",
        [RT_PATH] = "file",           [RT_TILE] = "number or list", [RT_NAME] = "name"};
    return kinds[rt_settings[row].type];
}

int32_t plrt_config_get(size_t i, plrt_setting *out) {
    if (i >= SETTINGS)
        return 0;
    const rt_snapshot *s = rt_config_now();
    rt_value v = rt_setting_now(s, (int)i);
    *out = (plrt_setting){.name = rt_settings[i].name,
                          .variables = rt_settings[i].variables,
                          .doc = rt_settings[i].doc,
                          .fallback = rt_settings[i].fallback,
                          .kind = kind_of((int)i),
                          .where = rt_settings[i].where,
                          .value = v.text != NULL ? v.text : rt_settings[i].fallback,
                          .origin = v.text != NULL ? v.origin : "default"};
    return 1;
}

int32_t plrt_config_find(const char *name) {
    return rt_setting_find(name);
}

static char *set_threads(int64_t n) {
    char *complaint = NULL;
    if (n == 0)
        rt_forget_threads();
    else if (plrt_set_num_threads((int32_t)n) != 0 &&
             asprintf(&complaint, "threads is a whole number from 1 to %d here, not %d", plrt_max_threads(), (int)n) <
                 0)
        complaint = NULL;
    return complaint;
}

/* With the lock held. */
static char *set(int row, const char *text) {
    char wanted[200], *complaint = NULL;
    if (program_memory == NULL && (program_memory = calloc(1, sizeof *program_memory)) == NULL)
        return strdup("out of memory");
    rt_value *v = rt_document_alloc(program_memory, sizeof *v);
    if (v == NULL || (text != NULL && !rt_setting_read(row, text, program_memory, v))) {
        rt_setting_describe(row, wanted, sizeof wanted);
        if (asprintf(&complaint, "%s is %s, not %s", rt_settings[row].name, wanted, text) < 0)
            complaint = NULL;
        return complaint;
    }
    if (row == SET_threads)
        return set_threads(text != NULL ? v->number : 0);
    v->origin = "the program";
    const rt_value *before = atomic_load(&program[row]);
    atomic_store_explicit(&program[row], text != NULL ? v : NULL, memory_order_release);
    rt_problems p = {0};
    apply(atomic_load(&current), &p);
    complaint = rt_problems_take(&p);
    if (complaint != NULL)
        atomic_store(&program[row], before);
    plrt_config_epoch++;
    count_us(says_something(atomic_load(&current)));
    return complaint;
}

char *plrt_config_set(const char *name, const char *text) {
    int row = rt_setting_find(name);
    char *complaint = NULL;
    if (row < 0 || !rt_setting_may_stand(row, 'P')) {
        const char *names[SETTINGS];
        const char *near = rt_nearest(name, names, rt_setting_names('P', names));
        if (asprintf(&complaint, "there is no setting '%s'%s%s%s", name, near ? "; did you mean '" : "",
                     near ? near : "", near ? "'?" : "") < 0)
            complaint = NULL;
        return complaint;
    }
    rt_config_now();
    pthread_mutex_lock(&lock);
    complaint = set(row, text);
    pthread_mutex_unlock(&lock);
    return complaint;
}

/* ---- kernels ------------------------------------------------------------------------------------------------------ */

enum { EXACT = 1 << 20, SUFFIX = 1 << 19 };

/* How well a pattern fits the kernel "module.function"; 0: not at all. The whole name beats its last parts, and these a
 * glob; more letters beat fewer. */
static int32_t fit(const rt_section *s, const char *name) {
    size_t n = strlen(name), m = strlen(s->pattern);
    const char *last = strrchr(name, '.');
    last = last != NULL ? last + 1 : name;
    if (s->is_glob) {
        if (fnmatch(s->pattern, name, 0) != 0 && fnmatch(s->pattern, last, 0) != 0)
            return 0;
        int32_t letters = 1;
        for (const char *c = s->pattern; *c != '\0'; c++)
            letters += strchr("*?[]", *c) == NULL;
        return letters;
    }
    if (strcmp(s->pattern, name) == 0)
        return EXACT;
    if (m < n && name[n - m - 1] == '.' && strcmp(name + n - m, s->pattern) == 0)
        return SUFFIX + (m < SUFFIX ? (int32_t)m : SUFFIX - 1);
    return 0;
}

const char *plrt_nearest(const char *word, const char *const *names, size_t n) {
    return rt_nearest(word, names, n);
}

int32_t plrt_config_fits(const char *pattern, const char *name) {
    return fit(&(rt_section){.pattern = pattern, .is_glob = strpbrk(pattern, "*?[") != NULL}, name) > 0;
}

typedef struct fitting {
    const rt_section *section;
    int32_t fit, order;
} fitting;

static int compare_fits(const void *a, const void *b) {
    const fitting *x = a, *y = b;
    if (x->fit != y->fit)
        return x->fit < y->fit ? 1 : -1;
    return x->section->file != y->section->file ? x->section->file - y->section->file : x->order - y->order;
}

/* With the lock held. */
static const plrt_kernel_settings *find_sections(rt_snapshot *s, const char *name) {
    for (plrt_kernel_settings *k = s->kernels; k != NULL; k = k->next)
        if (strcmp(k->name, name) == 0)
            return k;
    fitting *found = malloc((size_t)(s->n_sections + 1) * sizeof *found);
    plrt_kernel_settings *k = NULL;
    int32_t n = 0;
    for (int32_t i = 0; found != NULL && i < s->n_sections; i++) {
        int32_t how = fit(&s->sections[i], name);
        if (how > 0)
            found[n++] = (fitting){&s->sections[i], how, i};
    }
    if (found != NULL)
        qsort(found, (size_t)n, sizeof *found, compare_fits);
    if (found != NULL && (k = rt_document_alloc(s->memory, sizeof *k + (size_t)n * sizeof *k->sections)) != NULL) {
        k->name = rt_config_keep(s->memory, "%s", name);
        k->count = n;
        for (int32_t i = 0; i < n; i++)
            k->sections[i] = found[i].section;
        k->next = s->kernels;
        s->kernels = k;
    }
    free(found);
    return k;
}

const plrt_kernel_settings *plrt_config_kernel(const char *name) {
    rt_snapshot *s = rt_config_now();
    if (s->n_sections == 0)
        return NULL;
    pthread_mutex_lock(&lock);
    const plrt_kernel_settings *k = find_sections(s, name);
    pthread_mutex_unlock(&lock);
    return k != NULL && k->count > 0 ? k : NULL;
}

/* ---- what a region asks ------------------------------------------------------------------------------------------- */

static RT_TLS plrt_choice scope; /* what all scopes of the thread come to */
static RT_TLS plrt_call *call_now;

struct plrt_scope {
    plrt_choice choice;
    plrt_scope *outer;
    _Atomic bool closed; /* by another thread: its own one takes it away */
};

static RT_TLS plrt_scope *scopes; /* the thread's, innermost first */
static RT_TLS uint32_t closed_seen;
static _Atomic uint32_t closed_elsewhere;

static void fill_in(plrt_choice *choice, const plrt_choice *from) {
    if (choice->threads == 0)
        choice->threads = from->threads;
    if (choice->schedule == PLRT_SCHEDULE_DEFAULT)
        choice->schedule = from->schedule;
    if (choice->chunk == 0)
        choice->chunk = from->chunk;
    if (choice->placement == NULL)
        choice->placement = from->placement;
}

static void merge_scopes(void) {
    closed_seen = atomic_load(&closed_elsewhere);
    scope = (plrt_choice){0};
    for (plrt_scope **at = &scopes; *at != NULL;) {
        plrt_scope *s = *at;
        if (!atomic_load(&s->closed)) {
            fill_in(&scope, &s->choice);
            at = &s->outer;
        } else {
            *at = s->outer;
            free(s);
        }
    }
}

const plrt_choice *rt_scope_now(void) {
    if (scopes != NULL && closed_seen != atomic_load_explicit(&closed_elsewhere, memory_order_relaxed))
        merge_scopes();
    return &scope;
}

plrt_scope *plrt_scope_open(const plrt_choice *choice) {
    plrt_scope *s = calloc(1, sizeof *s);
    if (s == NULL || plrt_choice_keep(choice, &s->choice) != 0) {
        free(s);
        return NULL;
    }
    s->outer = scopes;
    scopes = s;
    merge_scopes();
    atomic_fetch_add(&rt_choices_exist, 1);
    return s;
}

/* A thread that ended with open scopes leaves them to be closed, and a few bytes behind. */
void plrt_scope_close(plrt_scope *s) {
    bool mine = false;
    for (const plrt_scope *o = scopes; o != NULL && !mine; o = o->outer)
        mine = o == s;
    atomic_store(&s->closed, true);
    if (mine)
        merge_scopes();
    else
        atomic_fetch_add(&closed_elsewhere, 1);
    atomic_fetch_sub(&rt_choices_exist, 1);
}

static void fill_in_values(plrt_choice *choice, const rt_value *v) {
    fill_in(choice, &(plrt_choice){(int32_t)v[SET_threads].number, (int32_t)v[SET_schedule].number, v[SET_chunk].number,
                                   v[SET_placement].text});
}

const rt_size_class *rt_section_class(const rt_section *s, int64_t bytes) {
    for (int32_t i = 0; bytes >= 0 && i < s->n_sizes; i++)
        if (bytes <= s->sizes[i].up_to)
            return &s->sizes[i];
    return NULL;
}

int64_t plrt_config_tile(const plrt_kernel_settings *k, int64_t bytes) {
    for (int32_t i = 0; k != NULL && i < k->count; i++) {
        const rt_size_class *c = rt_section_class(k->sections[i], bytes);
        if (c != NULL && c->values[SET_tile].text != NULL)
            return c->values[SET_tile].number;
        if (k->sections[i]->values[SET_tile].text != NULL)
            return k->sections[i]->values[SET_tile].number;
    }
    return 0;
}

int32_t plrt_config_tile_varies(const plrt_kernel_settings *k) {
    for (int32_t i = 0; k != NULL && i < k->count; i++)
        for (int32_t c = 0; c < k->sections[i]->n_sizes; c++)
            if (k->sections[i]->sizes[c].values[SET_tile].text != NULL)
                return 1;
    return 0;
}

static void fill_in_section(plrt_choice *choice, const rt_section *s, const plrt_region *region, int64_t bytes) {
    for (int32_t i = 0; region != NULL && i < s->n_loops; i++)
        if (s->loops[i].line == region->line || (s->loops[i].number != 0 && s->loops[i].number == region->loop))
            fill_in_values(choice, s->loops[i].values);
    const rt_size_class *c = rt_section_class(s, bytes);
    if (c != NULL)
        fill_in_values(choice, c->values);
    fill_in_values(choice, s->values);
}

/* A region entered outside a call that the host told about: "file.function", from its name. */
static const plrt_kernel_settings *settings_by_name(const plrt_region *region) {
    char name[512];
    const char *colon = strrchr(region->name, ':'), *file = "";
    int len = colon != NULL ? (int)(colon - region->name) : (int)strlen(region->name), stem = 0;
    if (region->flags & PLRT_REGION_FILE) {
        file = region->name + strlen(region->name) + 1;
        const char *slash = strrchr(file, '/');
        file = slash != NULL ? slash + 1 : file;
        stem = (int)strcspn(file, ".");
    }
    if (snprintf(name, sizeof name, "%.*s%s%.*s", stem, file, stem > 0 ? "." : "", len, region->name) >=
        (int)sizeof name)
        return NULL;
    return plrt_config_kernel(name);
}

void rt_config_choose(const plrt_region *region, plrt_choice *choice) {
    rt_snapshot *s = rt_config_now();
    *choice = *rt_scope_now();
    if (call_now != NULL && call_now->own != NULL)
        fill_in(choice, call_now->own);
    fill_in(choice, &(plrt_choice){0, region->schedule, region->chunk, NULL});
    fill_in(choice, &(plrt_choice){0, (int32_t)rt_forced_schedule(), rt_self.chunk, NULL});
    if (rt_self.chunk > 0)
        fill_in(choice, &(plrt_choice){.schedule = PLRT_SCHEDULE_DYNAMIC});
    if (s->n_sections > 0) {
        const plrt_kernel_settings *k = call_now != NULL ? call_now->settings : NULL;
        if (k == NULL)
            k = settings_by_name(region);
        for (int32_t i = 0; k != NULL && i < k->count; i++)
            fill_in_section(choice, k->sections[i], region, call_now != NULL ? call_now->bytes : -1);
    }
    rt_value general[SETTINGS] = {0};
    static const int rest[] = {SET_schedule, SET_chunk, SET_placement};
    for (size_t i = 0; i < sizeof rest / sizeof *rest; i++)
        general[rest[i]] = rt_setting_now(s, rest[i]);
    fill_in_values(choice, general);
    if (choice->threads > plrt_max_threads())
        choice->threads = plrt_max_threads();
}

const char *rt_keep_text(const char *text) {
    static struct kept {
        struct kept *next;
        char text[];
    } *all;
    static pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER; /* its own: callers may hold others */
    pthread_mutex_lock(&guard);
    struct kept *k = all;
    while (k != NULL && strcmp(k->text, text) != 0)
        k = k->next;
    if (k == NULL && (k = malloc(sizeof *k + strlen(text) + 1)) != NULL) {
        strcpy(k->text, text);
        k->next = all;
        all = k;
    }
    pthread_mutex_unlock(&guard);
    return k != NULL ? k->text : NULL;
}

int32_t plrt_choice_keep(const plrt_choice *choice, plrt_choice *kept) {
    if (choice->placement != NULL && plrt_placement_named(choice->placement) == PLRT_PLACE_INVALID)
        return -1;
    *kept = *choice;
    if (choice->placement != NULL)
        kept->placement = rt_keep_text(choice->placement);
    return 0;
}

int32_t plrt_choice_push(const plrt_choice *choice, plrt_choice *saved) {
    plrt_choice kept;
    if (plrt_choice_keep(choice, &kept) != 0)
        return -1;
    *saved = scope;
    scope = kept;
    fill_in(&scope, saved);
    atomic_fetch_add(&rt_choices_exist, 1);
    return 0;
}

void plrt_choice_pop(const plrt_choice *saved) {
    scope = *saved;
    atomic_fetch_sub(&rt_choices_exist, 1);
}

int32_t rt_scope_threads(void) {
    int32_t threads = rt_scope_now()->threads;
    return threads < plrt_max_threads() ? threads : plrt_max_threads();
}

void plrt_call_enter(plrt_call *call, const plrt_kernel_settings *settings, const plrt_choice *own, int64_t bytes) {
    *call = (plrt_call){settings, own, bytes, call_now};
    call_now = call;
    if (own != NULL)
        atomic_fetch_add(&rt_choices_exist, 1);
}

void plrt_call_leave(const plrt_call *call) {
    call_now = call->outer;
    if (call->own != NULL)
        atomic_fetch_sub(&rt_choices_exist, 1);
}
