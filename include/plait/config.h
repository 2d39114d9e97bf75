/* Configuration of the runtime: what regions ask for when they run. docs/configuration.md says which source of a setting
 * wins. All may be called from any thread. */
#ifndef PLAIT_CONFIG_H
#define PLAIT_CONFIG_H

#include "plait/runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How regions are to run; zeros and NULL where nothing is said. */
typedef struct plrt_choice {
    int32_t threads;
    int32_t schedule; /* plrt_schedule */
    int64_t chunk;
    const char *placement; /* a policy's name or a list of CPUs; borrowed */
} plrt_choice;

/* From now on regions that this thread enters run as *choice says, whatever is configured. What it does not say keeps
 * what an enclosing scope says. *saved is what plrt_choice_pop wants; scopes end in reverse order, on the same thread. */
PLRT_API void plrt_choice_push(const plrt_choice *choice, plrt_choice *saved);
PLRT_API void plrt_choice_pop(const plrt_choice *saved);

#ifdef __cplusplus
}
#endif
#endif
