/* How regions are to run: scopes of the calling thread. */
#include "runtime/config.h"

_Atomic int32_t rt_choices_exist;

/* ---- scopes ------------------------------------------------------------------------------------------------------- */

static RT_TLS plrt_choice scope;

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

void plrt_choice_push(const plrt_choice *choice, plrt_choice *saved) {
    *saved = scope;
    scope = *choice;
    fill_in(&scope, saved);
    atomic_fetch_add(&rt_choices_exist, 1);
}

void plrt_choice_pop(const plrt_choice *saved) {
    scope = *saved;
    atomic_fetch_sub(&rt_choices_exist, 1);
}

/* More threads than the process may use are not to be had. */
void rt_config_choose(const plrt_region *region, plrt_choice *choice) {
    (void)region;
    *choice = scope;
    if (choice->threads > plrt_max_threads())
        choice->threads = plrt_max_threads();
}
