/* Traces: slices of time, kept in memory while they are recorded and written as one JSON file.
 *
 * The buffer is one array and a counter of taken places: a thread takes a place, fills it and marks it with the number
 * of the trace. Who comes too late, after the end or when the array is full, leaves no mark (full) or an old one (late),
 * and the writer skips it. The array is never freed while the process lives: a member of a region may still hold it. */
#define _GNU_SOURCE
#include "runtime/trace.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plait/stats.h"
#include "runtime/config.h"
#include "runtime/stats.h"
#include "runtime/yaml.h"

enum { LIMIT_DEFAULT = 1 << 18, LIMIT_MOST = 1 << 24 };

typedef struct record {
    rt_slice slice;
    int32_t thread;
    _Atomic uint32_t trace; /* number of the trace it belongs to; 0: not filled yet */
} record;

typedef struct store {
    struct store *older; /* smaller ones, which threads may still hold */
    int64_t size;
    record records[];
} store;

static _Atomic(store *) current;
static _Atomic int64_t taken;
static _Atomic int64_t limit_now; /* places that may be taken; 0: no trace */
static _Atomic uint32_t number;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char *path_now; /* under the lock; NULL: no trace */
static pid_t owner;
static bool at_exit;

static RT_TLS int32_t own_id;

static int32_t thread_id(void) {
    if (own_id == 0)
        own_id = (int32_t)gettid();
    return own_id;
}

void rt_trace_add(const rt_slice *slice) {
    uint32_t trace = atomic_load_explicit(&number, memory_order_acquire);
    int64_t limit = atomic_load_explicit(&limit_now, memory_order_acquire);
    store *s = atomic_load_explicit(&current, memory_order_acquire);
    if (s == NULL || limit == 0)
        return;
    if (slice->kind == RT_SLICE_PIECE && atomic_load_explicit(&taken, memory_order_relaxed) >= limit / 4 * 3)
        return;
    int64_t place = atomic_fetch_add_explicit(&taken, 1, memory_order_relaxed);
    if (place >= limit || place >= s->size)
        return;
    record *r = &s->records[place];
    r->slice = *slice;
    r->thread = thread_id();
    atomic_store_explicit(&r->trace, trace, memory_order_release);
}

static const char *kept_or_unknown(const char *text) {
    const char *kept = rt_keep_text(text);
    return kept != NULL ? kept : "?";
}

void plrt_trace_span(const char *name, const char *category, int64_t begin, int64_t end) {
    if (plrt_trace_is_on())
        rt_trace_add(&(rt_slice){.kind = RT_SLICE_SPAN,
                                 .name = kept_or_unknown(name),
                                 .category = kept_or_unknown(category),
                                 .begin = begin,
                                 .end = end});
}

int32_t plrt_trace_is_on(void) {
    return atomic_load_explicit(&limit_now, memory_order_relaxed) != 0;
}

/* ---- the file ----------------------------------------------------------------------------------------------------- */

static void write_arguments(FILE *f, const rt_slice *s) {
    long long first = (long long)s->first, last = (long long)s->last;
    if (s->kind == RT_SLICE_REGION && s->note != NULL)
        fprintf(f, ",\"args\":{\"iterations\":%lld,\"threads\":1,\"sequential\":\"%s\"}", first, s->note);
    else if (s->kind == RT_SLICE_REGION)
        fprintf(f, ",\"args\":{\"iterations\":%lld,\"threads\":%lld}", first, last);
    else if (s->kind == RT_SLICE_MEMBER)
        fprintf(f, ",\"args\":{\"member\":%lld}", first);
    else if (s->kind == RT_SLICE_PIECE)
        fprintf(f, ",\"args\":{\"begin\":%lld,\"end\":%lld}", first, last);
}

static void write_slice(FILE *f, const record *r, int64_t zero) {
    static const char *const categories[] = {"region", "thread", "piece", NULL};
    const rt_slice *s = &r->slice;
    int64_t at = s->begin - zero, took = s->end > s->begin ? s->end - s->begin : 0;
    fputs(",\n{\"ph\":\"X\",\"name\":", f);
    rt_json_text(f, s->name);
    fputs(",\"cat\":", f);
    rt_json_text(f, s->kind == RT_SLICE_SPAN ? s->category : categories[s->kind]);
    fprintf(f, ",\"pid\":%ld,\"tid\":%ld,\"ts\":%lld.%03d,\"dur\":%lld.%03d", (long)owner, (long)r->thread,
            (long long)(at / 1000), (int)(at % 1000), (long long)(took / 1000), (int)(took % 1000));
    write_arguments(f, s);
    fputc('}', f);
}

static int64_t earliest(const store *s, int64_t count, uint32_t trace) {
    int64_t zero = INT64_MAX;
    for (int64_t i = 0; i < count; i++)
        if (atomic_load_explicit(&s->records[i].trace, memory_order_acquire) == trace &&
            s->records[i].slice.begin < zero)
            zero = s->records[i].slice.begin;
    return zero;
}

static void write_trace(FILE *f, const store *s, int64_t count, int64_t dropped, uint32_t trace) {
    int64_t zero = earliest(s, count, trace);
    fprintf(f,
            "{\"displayTimeUnit\":\"ns\",\"otherData\":{\"producer\":\"plait\",\"dropped\":%lld},\n\"traceEvents\":[\n",
            (long long)dropped);
    fprintf(f, "{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":%ld,\"tid\":%ld,\"args\":{\"name\":\"plait\"}}",
            (long)owner, (long)owner);
    for (int64_t i = 0; i < count; i++)
        if (atomic_load_explicit(&s->records[i].trace, memory_order_acquire) == trace)
            write_slice(f, &s->records[i], zero);
    fputs("\n]}\n", f);
}

static int32_t write_file(const char *path, int64_t count, int64_t dropped, uint32_t trace) {
    FILE *f = fopen(path, "we");
    if (f == NULL)
        return errno;
    write_trace(f, atomic_load(&current), count, dropped, trace);
    bool bad = ferror(f) != 0;
    int closed = fclose(f);
    return closed != 0 ? errno : bad ? EIO : 0;
}

/* ---- start and stop ----------------------------------------------------------------------------------------------- */

static int32_t make_room(int64_t limit) {
    store *old = atomic_load(&current);
    if (old != NULL && old->size >= limit)
        return 0;
    store *s = calloc(1, sizeof *s + (size_t)limit * sizeof *s->records);
    if (s == NULL)
        return ENOMEM;
    s->older = old;
    s->size = limit;
    atomic_store_explicit(&current, s, memory_order_release);
    return 0;
}

static void stop_at_exit(void) {
    plrt_trace_stop();
}

/* With the lock held. */
static int32_t start(const char *path, int64_t limit) {
    if (path_now != NULL && owner == getpid())
        return EBUSY;
    int32_t failed = make_room(limit);
    if (failed != 0)
        return failed;
    char *copy = strdup(path);
    if (copy == NULL)
        return ENOMEM;
    owner = getpid();
    failed = write_file(path, 0, 0, 0);
    if (failed != 0) {
        free(copy);
        return failed;
    }
    free(path_now);
    path_now = copy;
    if (!at_exit)
        at_exit = atexit(stop_at_exit) == 0;
    atomic_store(&taken, 0);
    atomic_fetch_add(&number, 1);
    atomic_store_explicit(&limit_now, limit, memory_order_release);
    atomic_fetch_or(&rt_watching, RT_WATCH_TRACE);
    rt_decide_small_work();
    return 0;
}

int32_t plrt_trace_start(const char *path, int64_t limit) {
    if (limit <= 0)
        limit = LIMIT_DEFAULT;
    if (limit > LIMIT_MOST)
        limit = LIMIT_MOST;
    pthread_mutex_lock(&lock);
    int32_t failed = start(path, limit);
    pthread_mutex_unlock(&lock);
    return failed;
}

/* With the lock held. */
static int32_t stop(void) {
    if (path_now == NULL)
        return ENOENT;
    atomic_fetch_and(&rt_watching, ~RT_WATCH_TRACE);
    rt_decide_small_work();
    int64_t limit = atomic_exchange(&limit_now, 0), wanted = atomic_load(&taken);
    int64_t count = wanted < limit ? wanted : limit;
    int32_t failed = owner == getpid() ? write_file(path_now, count, wanted - count, atomic_load(&number)) : ENOENT;
    free(path_now);
    path_now = NULL;
    return failed;
}

int32_t plrt_trace_stop(void) {
    pthread_mutex_lock(&lock);
    int32_t failed = stop();
    pthread_mutex_unlock(&lock);
    return failed;
}

/* A child of fork() records nothing for its parent's file. */
static void take_lock(void) {
    pthread_mutex_lock(&lock);
}

static void give_lock(void) {
    pthread_mutex_unlock(&lock);
}

static void forget_in_child(void) {
    own_id = 0;
    if (path_now != NULL) {
        atomic_fetch_and(&rt_watching, ~RT_WATCH_TRACE);
        rt_decide_small_work();
        atomic_store(&limit_now, 0);
        free(path_now);
        path_now = NULL;
    }
    pthread_mutex_unlock(&lock);
}

__attribute__((constructor)) static void prepare_for_fork(void) {
    pthread_atfork(take_lock, give_lock, forget_in_child);
}
