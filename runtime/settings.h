/* The settings' table and the snapshots made of it: what config.c (which setting holds), config_read.c (files and variables)
 * and config_json.c (what tools are told) share, and nobody else includes. */
#ifndef PLAIT_RUNTIME_SETTINGS_H
#define PLAIT_RUNTIME_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/config.h"
#include "runtime/yaml.h"

/* ---- the table ---------------------------------------------------------------------------------------------------- */

typedef enum rt_setting_type {
    RT_AUTO = 1,
    RT_COUNT,
    RT_SWITCH,
    RT_SCHEDULE,
    RT_PLACEMENT,
    RT_LEVEL,
    RT_PATH,
    RT_NAME,
    RT_TILE /* a number, or a list of them: plait/tile.h */
} rt_setting_type;

enum {
#define SETTING(name, type, least, most, fallback, variables, where, doc) SET_##name,
#include "runtime/settings.def"
#undef SETTING
    SETTINGS
};

typedef struct rt_setting {
    const char *name;
    rt_setting_type type;
    int64_t least, most;
    const char *fallback, *variables, *where, *doc;
} rt_setting;

extern const rt_setting rt_settings[SETTINGS];
extern const char *const rt_schedule_words[];

typedef struct rt_value {
    const char *text; /* canonical; NULL: nothing is said */
    int64_t number;   /* AUTO: 0 is auto; SWITCH: 0 or 1; SCHEDULE: plrt_schedule */
    const char *origin;
} rt_value;

/* The setting's row, or -1. */
int rt_setting_find(const char *name);
/* Is it one of those for the place (settings.def: where)? */
bool rt_setting_may_stand(int row, char where);
/* Those for the place, at most SETTINGS; how many. */
size_t rt_setting_names(char where, const char **names);
/* "64" or "[32, 256]". */
void rt_tile_text(int64_t tile, char *out, size_t size);
/* What its values are, for messages. */
void rt_setting_describe(int row, char *out, size_t size);
/* The value that the text means; its own text is made canonical. false: it means none. `d` keeps what has to be kept. */
bool rt_setting_read(int row, const char *text, rt_document *d, rt_value *v);

/* ---- snapshots ---------------------------------------------------------------------------------------------------- */

typedef struct rt_size_class {
    int64_t up_to; /* bytes */
    rt_value values[SETTINGS];
} rt_size_class;

typedef struct rt_loop_section {
    int32_t line, number; /* one of them is 0 */
    rt_value values[SETTINGS];
} rt_loop_section;

typedef struct rt_section { /* of kernels */
    const char *pattern, *origin;
    bool is_glob;
    int32_t file; /* 0: the project's */
    rt_value values[SETTINGS];
    int32_t n_sizes, n_loops;
    rt_size_class *sizes;
    rt_loop_section *loops;
} rt_section;

enum { FILES = 2 };

typedef struct rt_snapshot {
    struct rt_snapshot *older; /* keeps them reachable */
    rt_document *memory;
    rt_document *documents[FILES];
    rt_value general[SETTINGS]; /* environment, project, user: the first that said something */
    rt_section *sections;
    int32_t n_sections;
    struct plrt_kernel_settings *kernels; /* found so far; under the lock */
    const char *problems;
} rt_snapshot;

struct plrt_kernel_settings {
    struct plrt_kernel_settings *next;
    const char *name;
    int32_t count;
    const rt_section *sections[]; /* the most specific first */
};

/* Environment and files into an empty snapshot with memory. */
void rt_config_read(rt_snapshot *s, rt_problems *p);
/* A text that lives as long as the document; "" when there is no memory. */
char *rt_config_keep(rt_document *d, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The snapshot that holds; the first call reads the files. */
rt_snapshot *rt_config_now(void);
/* What holds outside kernels and scopes; text NULL: nobody said anything. */
rt_value rt_setting_now(const rt_snapshot *s, int row);
/* What all open scopes of the calling thread come to. */
const plrt_choice *rt_scope_now(void);
/* The class of the size, or NULL. */
const rt_size_class *rt_section_class(const rt_section *s, int64_t bytes);
/* While snapshots are made and kernels are looked up. */
void rt_config_lock(void);
void rt_config_unlock(void);

#endif
