/* Configuration: files, environment and what the program sets. docs/configuration.md says which source of a setting wins.
 * All may be called from any thread. Files are read at the first use: of a setting, a compile, a region. */
#ifndef PLAIT_CONFIG_H
#define PLAIT_CONFIG_H

#include "plait/runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- settings ---------------------------------------------------------------------------------------------------- */

/* What is wrong with files and environment: NULL, or sentences with places, which live as long as the process. As long as
 * something is wrong the defaults hold. */
PLRT_API const char *plrt_config_problems(void);
/* Looks for files again, and reads them and the environment. */
PLRT_API void plrt_config_reload(void);
/* Counts reloads and changes: what was derived from settings is stale when it differs. */
PLRT_API extern volatile uint32_t plrt_config_epoch;

typedef struct plrt_setting {
    const char *name, *variables, *doc, *fallback;
    const char *kind;   /* "a number", "true or false", … */
    const char *where;  /* letters of settings.def */
    const char *value;  /* as text; "" when nothing is said and there is no default */
    const char *origin; /* "default", "PLAIT_OPT", "FILE:LINE", "the program" */
} plrt_setting;
/* The setting number i; 0: there is none. */
PLRT_API int32_t plrt_config_get(size_t i, plrt_setting *out);
/* Its number, or -1. */
PLRT_API int32_t plrt_config_find(const char *name);
/* Sets it for the process, above environment and files; NULL takes that back. NULL, or the error, which the caller
 * frees. */
PLRT_API char *plrt_config_set(const char *name, const char *value);
/* Reads one file and says what is wrong with it: NULL, or text that the caller frees. */
PLRT_API char *plrt_config_check(const char *path);
/* Names of variables of the environment that begin like plait's and are none, each with the nearest that there is
 * ("PLAIT_THREADS PLAIT_NUM_THREADS\n…"; "-" for none): NULL, or text that the caller frees. */
PLRT_API char *plrt_config_unknown_variables(void);
/* All of it as JSON: {"settings": [{name, value, from, …}], "files": [path…], "kernels": [{name, from, …}],
 * "unknown_variables": [{name, nearest}], "problems": text or null}. The caller frees it; NULL: out of memory. */
PLRT_API char *plrt_config_json(void);

/* ---- kernels ----------------------------------------------------------------------------------------------------- */

/* How regions are to run; zeros and NULL where nothing is said. */
typedef struct plrt_choice {
    int32_t threads;
    int32_t schedule; /* plrt_schedule */
    int64_t chunk;
    const char *placement; /* a policy's name or a list of CPUs */
} plrt_choice;

/* From now on regions that this thread enters run as *choice says, whatever is configured. What it does not say keeps
 * what an enclosing scope says. *saved is what plrt_choice_pop wants; scopes end in reverse order, on the same thread.
 * 0; -1: the placement is none, and nothing was changed. */
PLRT_API int32_t plrt_choice_push(const plrt_choice *choice, plrt_choice *saved);
PLRT_API void plrt_choice_pop(const plrt_choice *saved);
/* The same as an object, for hosts whose scopes may end in any order and on any thread (generators, tasks, collectors):
 * it holds for the thread that opened it until it is closed, whoever does that. NULL: the placement is none, or no
 * memory. Not to be mixed with push and pop on one thread. */
typedef struct plrt_scope plrt_scope;
PLRT_API plrt_scope *plrt_scope_open(const plrt_choice *choice);
PLRT_API void plrt_scope_close(plrt_scope *scope);
/* A copy whose texts live as long as the process; -1: the placement is none. */
PLRT_API int32_t plrt_choice_keep(const plrt_choice *choice, plrt_choice *kept);

/* What the files say about the kernel "module.function"; NULL: nothing. Lives as long as the process, holds until
 * plrt_config_epoch changes. */
typedef struct plrt_kernel_settings plrt_kernel_settings;
PLRT_API const plrt_kernel_settings *plrt_config_kernel(const char *name);
/* Its settings for a call with so many bytes of arrays (negative: without its size classes), as JSON; the caller frees. */
PLRT_API char *plrt_config_kernel_json(const char *name, int64_t bytes);

/* The tile that holds for a call with so many bytes of arrays; 0: the compiler's choice. */
PLRT_API int64_t plrt_config_tile(const plrt_kernel_settings *settings, int64_t bytes);
/* Whether it depends on the bytes. */
PLRT_API int32_t plrt_config_tile_varies(const plrt_kernel_settings *settings);

/* Of `n` names the one that was probably meant; NULL: none is near. */
PLRT_API const char *plrt_nearest(const char *word, const char *const *names, size_t n);
/* Whether the section called `pattern` is about the kernel "module.function". */
PLRT_API int32_t plrt_config_fits(const char *pattern, const char *name);

/* How a region of this kernel would run that the calling thread entered now, in a call with so many bytes of arrays
 * (negative: unknown), and who said so: {"threads": {"value", "from"}, "schedule": …, "chunk", "placement", "tile"}. The
 * number of threads is the one that holds (it can still be less where other teams run). `own`: what the kernel's source
 * says, or NULL; own_tile: negative when it says none. The caller frees it; NULL: out of memory. */
PLRT_API char *plrt_config_effective_json(const char *name, const plrt_choice *own, int64_t own_tile, int64_t bytes);

/* Around a call of such a kernel: regions entered by this thread in between are its. */
typedef struct plrt_call {
    const plrt_kernel_settings *settings; /* or NULL */
    const plrt_choice *own;               /* what the kernel's source says, or NULL: goes before the files */
    int64_t bytes;                        /* of the array arguments */
    struct plrt_call *outer;
} plrt_call;
PLRT_API void plrt_call_enter(plrt_call *call, const plrt_kernel_settings *settings, const plrt_choice *own,
                              int64_t bytes);
PLRT_API void plrt_call_leave(const plrt_call *call);

#ifdef __cplusplus
}
#endif
#endif
