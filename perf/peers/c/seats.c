/* Regions by the runtime's C interface: what entering one costs, and whether its members sit where they are bound. */
#define _GNU_SOURCE
#include <sched.h>
#include <stdint.h>

#include "plait/runtime.h"

static int32_t nothing(void *context, int64_t begin, int64_t end, int64_t block, plrt_error *err) {
    return (void)context, (void)begin, (void)end, (void)block, (void)err, 0;
}

typedef struct counts {
    _Atomic int64_t seen, elsewhere, open;
} counts;

/* A pool thread's mask is one unit, and it runs on that. */
static int32_t look(void *context, int64_t begin, int64_t end, int64_t block, plrt_error *err) {
    counts *c = context;
    cpu_set_t mask;
    (void)begin, (void)end, (void)block, (void)err;
    if (plrt_get_thread_id() == 0)
        return 0;
    sched_getaffinity(0, sizeof mask, &mask);
    c->seen++;
    c->open += CPU_COUNT(&mask) != 1;
    c->elsewhere += !CPU_ISSET(sched_getcpu(), &mask);
    return 0;
}

static void run(plrt_body body, void *context, int64_t times, int64_t trips) {
    plrt_region region = {.body = body, .name = "seats:1", .chunk = 1};
    plrt_error err;
    for (int64_t i = 0; i < times; i++)
        plrt_region_run(&region, context, trips, INT64_MAX, &err);
}

void enter(int64_t times, int64_t trips) {
    run(nothing, 0, times, trips);
}

/* Members that were looked at, those that ran off their unit, and those that were not bound to one. */
void seats(int64_t times, int64_t trips, int64_t *out) {
    counts c = {0};
    run(look, &c, times, trips);
    out[0] = c.seen;
    out[1] = c.elsewhere;
    out[2] = c.open;
}
