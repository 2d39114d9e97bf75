/* What the configuration says about regions (config.c): the part that other files of the runtime ask. The public side is
 * plait/config.h. */
#ifndef PLAIT_RUNTIME_CONFIG_H
#define PLAIT_RUNTIME_CONFIG_H

#include "plait/config.h"
#include "runtime/rt.h"

/* Number of reasons to look anything up: scopes that are open in any thread, and one while settings are configured or not
 * read yet. */
extern _Atomic int32_t rt_choices_exist;

void rt_config_choose(const plrt_region *region, plrt_choice *choice);

/* How one run of a region is to go; without anything configured, as its source says. */
static inline void rt_choose(const plrt_region *region, plrt_choice *choice) {
    *choice = (plrt_choice){0, region->schedule, region->chunk, NULL};
    if (__builtin_expect(atomic_load_explicit(&rt_choices_exist, memory_order_relaxed) != 0, 0))
        rt_config_choose(region, choice);
}

/* A copy of the text that lives as long as the process, the same one for equal texts: for names of which there are few
 * (spans of traces, placements of scopes). NULL: no memory. */
const char *rt_keep_text(const char *text);
/* As plrt_config_check, for a text. */
char *rt_config_check_text(const char *path, const char *bytes, size_t len);

/* The number of threads that a file asks for in general; 0: none does. */
int32_t rt_config_threads(void);
/* The number that a scope of the calling thread asks for; 0: none does. */
int32_t rt_scope_threads(void);

#endif
