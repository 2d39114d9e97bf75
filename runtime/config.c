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
 * Nobody having said anything costs a region one load. */
#define _GNU_SOURCE
#include "runtime/config.h"

#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plait/stats.h"
#include "runtime/yaml.h"

/* ---- the table ---------------------------------------------------------------------------------------------------- */

typedef enum setting_type { AUTO, COUNT, SWITCH, SCHEDULE, PLACEMENT, LEVEL, PATH } setting_type;

enum {
#define SETTING(name, type, least, most, fallback, variables, where, doc) SET_##name,
#include "runtime/settings.def"
#undef SETTING
    SETTINGS
};

typedef struct setting_row {
    const char *name;
    setting_type type;
    int64_t least, most;
    const char *fallback, *variables, *where, *doc;
} setting_row;

static const setting_row rows[] = {
#define SETTING(name, type, least, most, fallback, variables, where, doc)                                              \
    {#name, type, least, most, fallback, variables, where, doc},
#include "runtime/settings.def"
#undef SETTING
};

static const char *const schedules[] = {"auto", "static", "dynamic", "guided"};
static const char *const placements[] = {"spread", "compact", "numa", "cores", "threads", "none"};

typedef struct value {
    const char *text; /* canonical; NULL: nothing is said */
    int64_t number;   /* AUTO: 0 is auto; SWITCH: 0 or 1; SCHEDULE: plrt_schedule */
    const char *origin;
} value;

static int find_row(const char *name) {
    for (int i = 0; i < SETTINGS; i++)
        if (strcmp(rows[i].name, name) == 0)
            return i;
    return -1;
}

static bool may_stand(int row, char where) {
    return strchr(rows[row].where, where) != NULL;
}

/* ---- one value ---------------------------------------------------------------------------------------------------- */

static void describe(const setting_row *row, char *out, size_t size) {
    long long least = (long long)row->least, most = (long long)row->most;
    switch (row->type) {
    case AUTO:
        snprintf(out, size, "a whole number from %lld to %lld or auto", least, most);
        break;
    case COUNT:
        snprintf(out, size, "a whole number from %lld to %lld", least, most);
        break;
    case SWITCH:
        snprintf(out, size, "true or false");
        break;
    case SCHEDULE:
        snprintf(out, size, "static, dynamic, guided or auto");
        break;
    case PLACEMENT:
        snprintf(out, size, "spread, compact, numa, cores, threads, none or a list of CPUs as 0-3,8");
        break;
    case LEVEL:
        snprintf(out, size, "a number from 0 to 3 or max");
        break;
    case PATH:
        snprintf(out, size, "the name of a file");
    }
}

static bool read_number(const char *text, int64_t *n) {
    const char *digits = text + (*text == '-' || *text == '+');
    if (*digits == '\0' || strspn(digits, "0123456789") != strlen(digits))
        return false;
    errno = 0;
    *n = strtoll(text, NULL, 10);
    return errno == 0;
}

static bool read_word(const char *text, const char *const *words, size_t n, int64_t *which) {
    for (size_t i = 0; i < n; i++)
        if (strcasecmp(text, words[i]) == 0) {
            *which = (int64_t)i;
            return true;
        }
    return false;
}

static bool read_switch(const char *text, int64_t *n) {
    static const char *const words[] = {"false", "no", "off", "0", "true", "yes", "on", "1"};
    if (!read_word(text, words, 8, n))
        return false;
    *n = *n >= 4;
    return true;
}

/* The value that the text means; its own text is made canonical. false: it means none. `d` keeps what has to be kept. */
static bool read_value(const setting_row *row, const char *text, rt_document *d, value *v) {
    char number[32] = "";
    const char *canonical = text;
    int64_t n = 0;
    if ((row->type == AUTO && strcasecmp(text, "auto") == 0)) {
        canonical = "auto";
    } else if (row->type == AUTO || row->type == COUNT || row->type == LEVEL) {
        bool most = row->type == LEVEL && strcasecmp(text, "max") == 0;
        if (!most && (!read_number(text, &n) || n < row->least || n > row->most))
            return false;
        if (most)
            n = row->most;
        snprintf(number, sizeof number, "%lld", (long long)n);
        canonical = number;
    } else if (row->type == SWITCH) {
        if (!read_switch(text, &n))
            return false;
        canonical = n ? "true" : "false";
    } else if (row->type == SCHEDULE) {
        if (!read_word(text, schedules, 4, &n))
            return false;
        canonical = schedules[n];
    } else if (row->type == PLACEMENT) {
        if (read_word(text, placements, 6, &n))
            canonical = placements[n];
        else if (strlen(text) > 1000 || plrt_placement_named(text) != PLRT_PLACE_LIST)
            return false;
    } else if (*text == '\0') {
        return false;
    }
    char *copy = rt_document_alloc(d, strlen(canonical) + 1);
    if (copy == NULL)
        return false;
    strcpy(copy, canonical);
    *v = (value){.text = copy, .number = n};
    return true;
}

/* ---- snapshots ---------------------------------------------------------------------------------------------------- */

typedef struct size_class {
    int64_t up_to; /* bytes */
    value values[SETTINGS];
} size_class;

typedef struct loop_section {
    int32_t line, number; /* one of them is 0 */
    value values[SETTINGS];
} loop_section;

typedef struct section { /* of kernels */
    const char *pattern, *origin;
    bool is_glob;
    int32_t file; /* 0: the project's */
    value values[SETTINGS];
    int32_t n_sizes, n_loops;
    size_class *sizes;
    loop_section *loops;
} section;

enum { FILES = 2 };

typedef struct snapshot {
    struct snapshot *older; /* keeps them reachable */
    rt_document *memory;
    rt_document *documents[FILES];
    value general[SETTINGS]; /* environment, project, user: the first that said something */
    section *sections;
    int32_t n_sections;
    struct plrt_kernel_settings *kernels; /* found so far; under the lock */
    const char *problems;
} snapshot;

struct plrt_kernel_settings {
    struct plrt_kernel_settings *next;
    const char *name;
    int32_t count;
    const section *sections[]; /* the most specific first */
};

_Atomic int32_t rt_choices_exist = 1; /* nothing was read yet */
volatile uint32_t plrt_config_epoch;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic(snapshot *) current;
static bool counted = true;                      /* the one in rt_choices_exist is ours */
static _Atomic(const value *) program[SETTINGS]; /* NULL: the program says nothing */
static rt_document *program_memory;
static snapshot *broken_memory; /* when there is none left */

static void take_lock(void) {
    pthread_mutex_lock(&lock);
}

static void give_lock(void) {
    pthread_mutex_unlock(&lock);
}

__attribute__((constructor)) static void prepare_for_fork(void) {
    pthread_atfork(take_lock, give_lock, give_lock);
}

static char *keep_format(rt_document *d, const char *format, ...) __attribute__((format(printf, 2, 3)));
static char *keep_format(rt_document *d, const char *format, ...) {
    va_list args;
    char *text = NULL, *copy = NULL;
    va_start(args, format);
    int n = vasprintf(&text, format, args);
    va_end(args);
    if (n >= 0 && (copy = rt_document_alloc(d, (size_t)n + 1)) != NULL)
        memcpy(copy, text, (size_t)n + 1);
    if (n >= 0)
        free(text);
    return copy != NULL ? copy : (char *)(uintptr_t)"";
}

/* ---- files: from the tree to values ------------------------------------------------------------------------------- */

typedef struct reader {
    snapshot *s;
    const rt_document *d;
    rt_problems *p;
    int32_t file;
} reader;

static const char *origin_of(const reader *r, const rt_node *node) {
    return keep_format(r->s->memory, "%s:%d", r->d->path, node->line);
}

/* "unknown …" with the nearest of the names that may stand here. */
static void refuse_key(const reader *r, const rt_node *key, const char *what, const char *const *names, size_t n) {
    char hint[600] = "";
    const char *near = rt_nearest(key->text, names, n);
    if (near != NULL) {
        snprintf(hint, sizeof hint, "did you mean '%s'?", near);
    } else {
        size_t at = (size_t)snprintf(hint, sizeof hint, "known are ");
        for (size_t i = 0; i < n && at < sizeof hint; i++)
            at += (size_t)snprintf(hint + at, sizeof hint - at, "%s%s", i > 0 ? ", " : "", names[i]);
    }
    rt_problem(r->p, r->d, key, hint, "%s '%s' is not known", what, key->text);
}

static size_t names_for(char where, const char **names) {
    size_t n = 0;
    for (int i = 0; i < SETTINGS; i++)
        if (may_stand(i, where))
            names[n++] = rows[i].name;
    return n;
}

/* A setting's value at a node. */
static void take_value(const reader *r, const rt_node *key, const rt_node *node, int row, value *v) {
    char wanted[200], hint[200];
    describe(&rows[row], wanted, sizeof wanted);
    bool text_for_number = node->kind == RT_YAML_SCALAR && !node->plain && rows[row].type != PATH &&
                           rows[row].type != PLACEMENT && rows[row].type != SCHEDULE;
    if (node->kind != RT_YAML_SCALAR || rt_node_null(node) || text_for_number) {
        rt_problem(r->p, r->d, rt_node_null(node) ? key : node, text_for_number ? "without the quotes" : NULL,
                   "%s is %s, not %s", rows[row].name, wanted, text_for_number ? "a text" : rt_node_kind(node));
        return;
    }
    bool truth;
    const char *text = rows[row].type == SWITCH && rt_node_bool(node, &truth) ? truth ? "true" : "false" : node->text;
    if (read_value(&rows[row], text, r->s->memory, v)) {
        v->origin = origin_of(r, node);
        return;
    }
    const char *near = rows[row].type == SCHEDULE    ? rt_nearest(text, schedules, 4)
                       : rows[row].type == PLACEMENT ? rt_nearest(text, placements, 6)
                                                     : NULL;
    if (near != NULL)
        snprintf(hint, sizeof hint, "did you mean '%s'?", near);
    rt_problem(r->p, r->d, node, near != NULL ? hint : NULL, "%s is %s, not %s", rows[row].name, wanted, node->text);
}

/* 1MB, 64 KiB, 100: bytes. */
static bool read_size(const rt_node *node, int64_t *bytes) {
    static const struct {
        const char *unit;
        int64_t factor;
    } units[] = {{"", 1},
                 {"B", 1},
                 {"kB", 1000},
                 {"KB", 1000},
                 {"MB", 1000000},
                 {"GB", 1000000000},
                 {"TB", 1000000000000},
                 {"KiB", 1 << 10},
                 {"MiB", 1 << 20},
                 {"GiB", 1 << 30},
                 {"TiB", INT64_C(1) << 40}};
    if (node->kind != RT_YAML_SCALAR || node->text[0] < '0' || node->text[0] > '9')
        return false;
    char *end;
    double n = strtod(node->text, &end);
    while (*end == ' ')
        end++;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strcmp(end, units[i].unit) == 0 && n * (double)units[i].factor < 9e18) {
            *bytes = (int64_t)(n * (double)units[i].factor);
            return true;
        }
    return false;
}

static void read_size_class(const reader *r, const rt_node *node, size_class *into, int64_t above) {
    const char *names[SETTINGS + 1] = {"up_to"};
    size_t n = 1 + names_for('Z', names + 1);
    if (node->kind != RT_YAML_MAP) {
        rt_problem(r->p, r->d, node, NULL, "a size class is a section as {up_to: 1MB, threads: 1}, not %s",
                   rt_node_kind(node));
        return;
    }
    into->up_to = -1;
    for (int32_t i = 0; i < node->count; i++) {
        int row = find_row(node->keys[i]->text);
        if (strcmp(node->keys[i]->text, "up_to") == 0) {
            if (!read_size(node->items[i], &into->up_to))
                rt_problem(r->p, r->d, node->items[i], NULL, "up_to is a number of bytes, as 500, 64KiB or 1.5MB");
            else if (into->up_to <= above)
                rt_problem(r->p, r->d, node->items[i], NULL, "size classes ascend: this one ends below the one before");
        } else if (row < 0 || !may_stand(row, 'Z')) {
            refuse_key(r, node->keys[i], "in a size class, the setting", names, n);
        } else {
            take_value(r, node->keys[i], node->items[i], row, &into->values[row]);
        }
    }
    if (rt_node_get(node, "up_to") == NULL)
        rt_problem(r->p, r->d, node, NULL, "a size class without up_to");
}

static void read_sizes(const reader *r, const rt_node *node, section *into) {
    if (node->kind != RT_YAML_LIST) {
        rt_problem(r->p, r->d, node, NULL, "sizes is a list of {up_to: 1MB, threads: 1, …}, not %s",
                   rt_node_kind(node));
        return;
    }
    into->sizes = rt_document_alloc(r->s->memory, (size_t)node->count * sizeof *into->sizes);
    into->n_sizes = into->sizes != NULL ? node->count : 0;
    for (int32_t i = 0; i < into->n_sizes; i++)
        read_size_class(r, node->items[i], &into->sizes[i], i > 0 ? into->sizes[i - 1].up_to : 0);
}

/* 12: the loop in line 12; "#2": the second loop of the parallel report. */
static bool read_loop_key(const rt_node *key, loop_section *into) {
    int64_t n;
    bool by_number = key->text[0] == '#';
    if (!read_number(key->text + by_number, &n) || n < 1 || n > INT32_MAX)
        return false;
    *(by_number ? &into->number : &into->line) = (int32_t)n;
    return true;
}

static void read_loop(const reader *r, const rt_node *key, const rt_node *node, loop_section *into) {
    const char *names[SETTINGS];
    size_t n = names_for('L', names);
    if (!read_loop_key(key, into)) {
        rt_problem(r->p, r->d, key, NULL,
                   "a loop is named by its line, as 12, or by its number in the report, as \"#2\"");
    } else if (node->kind != RT_YAML_MAP) {
        rt_problem(r->p, r->d, node, NULL, "a loop's settings are a section as {threads: 1}, not %s",
                   rt_node_kind(node));
    } else {
        for (int32_t i = 0; i < node->count; i++) {
            int row = find_row(node->keys[i]->text);
            if (row < 0 || !may_stand(row, 'L'))
                refuse_key(r, node->keys[i], "for a loop, the setting", names, n);
            else
                take_value(r, node->keys[i], node->items[i], row, &into->values[row]);
        }
    }
}

static void read_loops(const reader *r, const rt_node *node, section *into) {
    if (node->kind != RT_YAML_MAP) {
        rt_problem(r->p, r->d, node, NULL, "loops is a section from lines to settings, not %s", rt_node_kind(node));
        return;
    }
    into->loops = rt_document_alloc(r->s->memory, (size_t)node->count * sizeof *into->loops);
    into->n_loops = into->loops != NULL ? node->count : 0;
    for (int32_t i = 0; i < into->n_loops; i++)
        read_loop(r, node->keys[i], node->items[i], &into->loops[i]);
}

static void read_section(const reader *r, const rt_node *key, const rt_node *node, section *into) {
    const char *names[SETTINGS + 2] = {"sizes", "loops"};
    size_t n = 2 + names_for('K', names + 2);
    into->pattern = key->text;
    into->origin = origin_of(r, key);
    into->is_glob = strpbrk(key->text, "*?[") != NULL;
    into->file = r->file;
    if (node->kind != RT_YAML_MAP) {
        rt_problem(r->p, r->d, rt_node_null(node) ? key : node, NULL,
                   "a kernel's settings are a section as {threads: 2}, not %s", rt_node_kind(node));
        return;
    }
    for (int32_t i = 0; i < node->count; i++) {
        const char *name = node->keys[i]->text;
        int row = find_row(name);
        if (strcmp(name, "sizes") == 0)
            read_sizes(r, node->items[i], into);
        else if (strcmp(name, "loops") == 0)
            read_loops(r, node->items[i], into);
        else if (row < 0 || !may_stand(row, 'K'))
            refuse_key(r, node->keys[i], "for a kernel, the setting", names, n);
        else
            take_value(r, node->keys[i], node->items[i], row, &into->values[row]);
    }
}

static void read_kernels(const reader *r, const rt_node *node) {
    snapshot *s = r->s;
    if (node->kind != RT_YAML_MAP) {
        if (!rt_node_null(node))
            rt_problem(r->p, r->d, node, NULL, "kernels is a section from names to settings, not %s",
                       rt_node_kind(node));
        return;
    }
    section *all = rt_document_alloc(s->memory, (size_t)(s->n_sections + node->count + 1) * sizeof *all);
    if (all == NULL)
        return;
    if (s->n_sections > 0)
        memcpy(all, s->sections, (size_t)s->n_sections * sizeof *all);
    s->sections = all;
    for (int32_t i = 0; i < node->count; i++)
        read_section(r, node->keys[i], node->items[i], &all[s->n_sections++]);
}

static void read_top(const reader *r) {
    const char *names[SETTINGS + 1] = {"kernels"};
    size_t n = 1 + names_for('G', names + 1);
    const rt_node *root = r->d->root;
    if (root == NULL || rt_node_null(root))
        return;
    if (root->kind != RT_YAML_MAP) {
        rt_problem(r->p, r->d, root, NULL, "a configuration is a section of settings, as \"threads: 4\", not %s",
                   rt_node_kind(root));
        return;
    }
    for (int32_t i = 0; i < root->count; i++) {
        int row = find_row(root->keys[i]->text);
        value v = {0};
        if (strcmp(root->keys[i]->text, "kernels") == 0)
            read_kernels(r, root->items[i]);
        else if (row < 0 || !may_stand(row, 'G'))
            refuse_key(r, root->keys[i], "the setting", names, n);
        else
            take_value(r, root->keys[i], root->items[i], row, &v);
        if (v.text != NULL && r->s->general[row].text == NULL)
            r->s->general[row] = v;
    }
}

/* ---- where files are ---------------------------------------------------------------------------------------------- */

/* Somebody else's file in a folder above is not obeyed: it could name a file to write. */
static bool is_ours(const char *path) {
    struct stat about;
    if (stat(path, &about) != 0)
        return true; /* reading it will say what is wrong */
    return geteuid() == 0 || about.st_uid == geteuid() || about.st_uid == 0;
}

static bool find_project_file(char *path, size_t size) {
    char folder[PATH_MAX];
    if (getcwd(folder, sizeof folder) == NULL || folder[0] != '/')
        return false;
    for (;;) {
        struct stat about;
        if (snprintf(path, size, "%s/.plait.yaml", strcmp(folder, "/") == 0 ? "" : folder) < (int)size &&
            lstat(path, &about) == 0)
            return is_ours(path);
        char *slash = strrchr(folder, '/');
        if (slash == NULL || strcmp(folder, "/") == 0)
            return false;
        slash[slash == folder] = '\0';
    }
}

static bool find_user_file(char *path, size_t size) {
    const char *base = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    struct stat about;
    int n = -1;
    if (base != NULL && base[0] == '/')
        n = snprintf(path, size, "%s/plait/config.yaml", base);
    else if (home != NULL && home[0] == '/')
        n = snprintf(path, size, "%s/.config/plait/config.yaml", home);
    return n > 0 && n < (int)size && lstat(path, &about) == 0;
}

static void take_document(snapshot *s, rt_problems *p, rt_document *d, int32_t file) {
    s->documents[file] = d;
    reader r = {s, d, p, file};
    if (d != NULL)
        read_top(&r);
}

static void read_file(snapshot *s, rt_problems *p, const char *path, int32_t file) {
    take_document(s, p, rt_document_read(path, p, NULL), file);
}

/* PLAIT_CONFIG: a file in place of the search, or nothing at all when it is empty. */
static void read_files(snapshot *s, rt_problems *p) {
    char path[PATH_MAX];
    const char *said = getenv("PLAIT_CONFIG");
    if (said != NULL) {
        if (*said != '\0')
            read_file(s, p, said, 0);
        return;
    }
    if (find_project_file(path, sizeof path))
        read_file(s, p, path, 0);
    if (find_user_file(path, sizeof path))
        read_file(s, p, path, 1);
}

/* ---- the environment ---------------------------------------------------------------------------------------------- */

/* Other libraries' variables that we cannot read are theirs to complain about. OMP_NUM_THREADS may be a list: the first
 * number is that of the outer level. */
static bool take_variable(snapshot *s, rt_problems *p, int row, const char *name) {
    const char *text = getenv(name);
    char trimmed[PATH_MAX], wanted[200];
    if (text == NULL)
        return false;
    text += strspn(text, " \t");
    bool is_omp = strncmp(name, "OMP_", 4) == 0, is_ours_to_check = strncmp(name, "PLAIT_", 6) == 0;
    size_t len = is_omp ? strcspn(text, ",") : strlen(text);
    while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\t'))
        len--;
    if (len == 0 || len >= sizeof trimmed)
        return false;
    memcpy(trimmed, text, len);
    trimmed[len] = '\0';
    value v = {0};
    bool ok = read_value(&rows[row], trimmed, s->memory, &v);
    int64_t n;
    if (!ok && rows[row].type == SWITCH && read_number(trimmed, &n)) /* as Numba: any other number is true */
        ok = read_value(&rows[row], "true", s->memory, &v);
    if (ok) {
        v.origin = name;
        s->general[row] = v;
        return true;
    }
    if (!is_ours_to_check)
        return false;
    describe(&rows[row], wanted, sizeof wanted);
    rt_problem_about(p, name, NULL, "%s is %s, not %s", rows[row].name, wanted, trimmed);
    return true;
}

static void read_environment(snapshot *s, rt_problems *p) {
    for (int i = 0; i < SETTINGS; i++) {
        const char *at = rows[i].variables;
        while (*at != '\0') {
            size_t n = strcspn(at, " ");
            char *name = keep_format(s->memory, "%.*s", (int)n, at);
            if (take_variable(s, p, i, name))
                break;
            at += n + (at[n] == ' ');
        }
    }
}

/* Variables of the tools around plait, which are no settings. */
static const char *const other_variables[] = {
    "PLAIT_CONFIG",    "PLAIT_CACHE_DIR", "PLAIT_PYTHON",        "PLAIT_NO_BLAS",   "PLAIT_CLI",
    "PLAIT_BUILD_DIR", "PLAIT_BLESS",     "PLAIT_TOPOLOGIES",    "PLAIT_ENUMERATE", "PLAIT_GOLDEN",
    "PLAIT_MUTATIONS", "PLAIT_RANDOM",    "PLAIT_RANDOM_SOURCES"};
enum { OTHER_VARIABLES = sizeof other_variables / sizeof *other_variables, VARIABLES_MOST = 64, VARIABLE_LENGTH = 64 };

/* The names of all variables that plait reads and that begin like its own. */
static size_t list_variables(char (*names)[VARIABLE_LENGTH], const char **list) {
    size_t count = 0;
    for (size_t i = 0; i < OTHER_VARIABLES; i++)
        list[count++] = other_variables[i];
    for (int i = 0; i < SETTINGS; i++)
        for (const char *at = rows[i].variables; *at != '\0' && count < VARIABLES_MOST;) {
            size_t n = strcspn(at, " ");
            if (strncmp(at, "PLAIT_", 6) == 0 && n < VARIABLE_LENGTH) {
                snprintf(names[count], VARIABLE_LENGTH, "%.*s", (int)n, at);
                list[count] = names[count];
                count++;
            }
            at += n + (at[n] == ' ');
        }
    return count;
}

extern char **environ;

char *plrt_config_unknown_variables(void) {
    char names[VARIABLES_MOST][VARIABLE_LENGTH], *text = NULL;
    const char *list[VARIABLES_MOST + 1];
    size_t count = list_variables(names, list), len = 0;
    FILE *out = NULL;
    for (char **e = environ; e != NULL && *e != NULL; e++) {
        char name[VARIABLE_LENGTH];
        size_t n = strcspn(*e, "="), k = 0;
        if (strncmp(*e, "PLAIT_", 6) != 0 || n >= sizeof name)
            continue;
        snprintf(name, sizeof name, "%.*s", (int)n, *e);
        while (k < count && strcmp(list[k], name) != 0)
            k++;
        if (k < count || (out == NULL && (out = open_memstream(&text, &len)) == NULL))
            continue;
        list[count] = "PLAIT_THREADS"; /* what one would call it */
        const char *near = rt_nearest(name, list, count + 1);
        near = near == list[count] ? "PLAIT_NUM_THREADS" : near;
        fprintf(out, "%s %s\n", name, near != NULL ? near : "-");
    }
    if (out != NULL && fclose(out) != 0)
        return NULL;
    return text;
}

/* ---- loading ------------------------------------------------------------------------------------------------------ */

static snapshot *read_all(void) {
    snapshot *s = calloc(1, sizeof *s);
    rt_problems p = {0};
    if (s != NULL && (s->memory = calloc(1, sizeof *s->memory)) != NULL) {
        read_environment(s, &p);
        read_files(s, &p);
        char *problems = rt_problems_take(&p);
        if (problems == NULL)
            return s;
        s->problems = keep_format(s->memory, "%s", problems);
        free(problems);
        memset(s->general, 0, sizeof s->general);
        s->n_sections = 0;
        return s;
    }
    free(s);
    static snapshot none = {.problems = "out of memory"};
    broken_memory = &none;
    return broken_memory;
}

static value setting_now(const snapshot *s, int row) {
    static _Thread_local char number[16];
    int32_t threads = row == SET_threads ? rt_chosen_threads() : 0;
    if (threads != 0) {
        snprintf(number, sizeof number, "%d", threads);
        return (value){number, threads, "the program"};
    }
    const value *said = atomic_load_explicit(&program[row], memory_order_acquire);
    return said != NULL ? *said : s->general[row];
}

static bool says_something(const snapshot *s) {
    static const int regions[] = {SET_schedule, SET_chunk, SET_placement};
    for (size_t i = 0; i < sizeof regions / sizeof *regions; i++)
        if (setting_now(s, regions[i]).text != NULL)
            return true;
    return s->n_sections > 0;
}

static const char *trace_now; /* the file that a setting asked to record into */

/* With the lock held: what is not asked for at every region but set once. `before`: what the same settings were. */
static void apply(const snapshot *s, rt_problems *p) {
    value stats = setting_now(s, SET_stats), work = setting_now(s, SET_min_work), trace = setting_now(s, SET_trace);
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
        value most = setting_now(s, SET_trace_limit);
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
    snapshot *s = read_all();
    rt_problems p = {0};
    apply(s, &p);
    char *more = rt_problems_take(&p);
    if (more != NULL && s->problems == NULL)
        s->problems = keep_format(s->memory, "%s", more);
    free(more);
    s->older = atomic_load(&current);
    if (s->older == s)
        s->older = NULL;
    atomic_store_explicit(&current, s, memory_order_release);
    plrt_config_epoch++;
    count_us(says_something(s));
    rt_decide_small_work();
}

static snapshot *now(void) {
    snapshot *s = atomic_load_explicit(&current, memory_order_acquire);
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
    return now()->problems;
}

int32_t rt_config_threads(void) {
    const value *v = &now()->general[SET_threads];
    return v->text != NULL ? (int32_t)v->number : 0;
}

/* Takes over the document, which may be NULL, after the messages in p. */
static char *check_document(rt_document *d, rt_problems *p) {
    snapshot s = {.memory = calloc(1, sizeof *s.memory)};
    if (s.memory != NULL)
        take_document(&s, p, d, 0);
    rt_document_free(d);
    rt_document_free(s.memory);
    char *text = rt_problems_take(p);
    return text != NULL || s.memory != NULL ? text : strdup("out of memory");
}

char *plrt_config_check(const char *path) {
    rt_problems p = {0};
    return check_document(rt_document_read(path, &p, NULL), &p);
}

char *rt_config_check_text(const char *path, const char *bytes, size_t len) {
    rt_problems p = {0};
    return check_document(rt_document_parse(path, bytes, len, &p), &p);
}

/* ---- settings ----------------------------------------------------------------------------------------------------- */

static const char *kind_of(int row) {
    static const char *const kinds[] = {[AUTO] = "number or auto",
                                        [COUNT] = "number",
                                        [SWITCH] = "true or false",
                                        [SCHEDULE] = "schedule",
                                        [PLACEMENT] = "placement",
                                        [LEVEL] = "0 to 3 or max",
                                        [PATH] = "file"};
    return kinds[rows[row].type];
}

int32_t plrt_config_get(size_t i, plrt_setting *out) {
    if (i >= SETTINGS)
        return 0;
    const snapshot *s = now();
    value v = setting_now(s, (int)i);
    *out = (plrt_setting){.name = rows[i].name,
                          .variables = rows[i].variables,
                          .doc = rows[i].doc,
                          .fallback = rows[i].fallback,
                          .kind = kind_of((int)i),
                          .where = rows[i].where,
                          .value = v.text != NULL ? v.text : rows[i].fallback,
                          .origin = v.text != NULL ? v.origin : "default"};
    return 1;
}

int32_t plrt_config_find(const char *name) {
    return find_row(name);
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
    value *v = rt_document_alloc(program_memory, sizeof *v);
    if (v == NULL || (text != NULL && !read_value(&rows[row], text, program_memory, v))) {
        describe(&rows[row], wanted, sizeof wanted);
        if (asprintf(&complaint, "%s is %s, not %s", rows[row].name, wanted, text) < 0)
            complaint = NULL;
        return complaint;
    }
    if (row == SET_threads)
        return set_threads(text != NULL ? v->number : 0);
    v->origin = "the program";
    const value *before = atomic_load(&program[row]);
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
    int row = find_row(name);
    char *complaint = NULL;
    if (row < 0 || !may_stand(row, 'P')) {
        const char *names[SETTINGS];
        const char *near = rt_nearest(name, names, names_for('P', names));
        if (asprintf(&complaint, "there is no setting '%s'%s%s%s", name, near ? "; did you mean '" : "",
                     near ? near : "", near ? "'?" : "") < 0)
            complaint = NULL;
        return complaint;
    }
    now();
    pthread_mutex_lock(&lock);
    complaint = set(row, text);
    pthread_mutex_unlock(&lock);
    return complaint;
}

/* ---- kernels ------------------------------------------------------------------------------------------------------ */

enum { EXACT = 1 << 20, SUFFIX = 1 << 19 };

/* How well a pattern fits the kernel "module.function"; 0: not at all. The whole name beats its last parts, and these a
 * glob; more letters beat fewer. */
static int32_t fit(const section *s, const char *name) {
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
    return fit(&(section){.pattern = pattern, .is_glob = strpbrk(pattern, "*?[") != NULL}, name) > 0;
}

typedef struct fitting {
    const section *section;
    int32_t fit, order;
} fitting;

static int compare_fits(const void *a, const void *b) {
    const fitting *x = a, *y = b;
    if (x->fit != y->fit)
        return x->fit < y->fit ? 1 : -1;
    return x->section->file != y->section->file ? x->section->file - y->section->file : x->order - y->order;
}

/* With the lock held. */
static const plrt_kernel_settings *find_sections(snapshot *s, const char *name) {
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
        k->name = keep_format(s->memory, "%s", name);
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
    snapshot *s = now();
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

static const plrt_choice *scope_now(void) {
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

static void fill_in_values(plrt_choice *choice, const value *v) {
    fill_in(choice, &(plrt_choice){(int32_t)v[SET_threads].number, (int32_t)v[SET_schedule].number, v[SET_chunk].number,
                                   v[SET_placement].text});
}

static const size_class *class_of(const section *s, int64_t bytes) {
    for (int32_t i = 0; bytes >= 0 && i < s->n_sizes; i++)
        if (bytes <= s->sizes[i].up_to)
            return &s->sizes[i];
    return NULL;
}

int64_t plrt_config_tile(const plrt_kernel_settings *k, int64_t bytes) {
    for (int32_t i = 0; k != NULL && i < k->count; i++) {
        const size_class *c = class_of(k->sections[i], bytes);
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

static void fill_in_section(plrt_choice *choice, const section *s, const plrt_region *region, int64_t bytes) {
    for (int32_t i = 0; region != NULL && i < s->n_loops; i++)
        if (s->loops[i].line == region->line || (s->loops[i].number != 0 && s->loops[i].number == region->loop))
            fill_in_values(choice, s->loops[i].values);
    const size_class *c = class_of(s, bytes);
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
    snapshot *s = now();
    *choice = *scope_now();
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
    value general[SETTINGS] = {0};
    static const int rest[] = {SET_schedule, SET_chunk, SET_placement};
    for (size_t i = 0; i < sizeof rest / sizeof *rest; i++)
        general[rest[i]] = setting_now(s, rest[i]);
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
    int32_t threads = scope_now()->threads;
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

/* ---- as JSON ------------------------------------------------------------------------------------------------------ */

static void put_value(FILE *f, int row, const value *v) {
    bool is_number = v->text[0] != '\0' && strspn(v->text, "0123456789") == strlen(v->text) &&
                     rows[row].type != PLACEMENT && rows[row].type != PATH;
    if (is_number || (rows[row].type == SWITCH && v->text[0] != '\0'))
        fputs(v->text, f);
    else if (v->text[0] == '\0')
        fputs("null", f);
    else
        rt_json_text(f, v->text);
}

static void put_pair(FILE *f, const char *key, const char *text, const char *before) {
    fprintf(f, "%s\"%s\":", before, key);
    rt_json_text(f, text);
}

static void put_setting(FILE *f, const snapshot *s, int row) {
    value v = setting_now(s, row);
    put_pair(f, "name", rows[row].name, row > 0 ? ",\n{" : "{");
    fputs(",\"value\":", f);
    put_value(f, row, v.text != NULL ? &v : &(value){.text = rows[row].fallback});
    put_pair(f, "from", v.text != NULL ? v.origin : "default", ",");
    put_pair(f, "variables", rows[row].variables, ",");
    put_pair(f, "where", rows[row].where, ",");
    put_pair(f, "doc", rows[row].doc, ",");
    fputc('}', f);
}

static void put_values(FILE *f, const value *values, const char *before) {
    for (int i = 0; i < SETTINGS; i++) {
        if (values[i].text == NULL)
            continue;
        fprintf(f, "%s\"%s\":", before, rows[i].name);
        put_value(f, i, &values[i]);
        before = ",";
    }
}

static void put_section(FILE *f, const section *s) {
    put_pair(f, "name", s->pattern, "{");
    put_pair(f, "from", s->origin, ",");
    put_values(f, s->values, ",");
    for (int32_t i = 0; i < s->n_sizes; i++) {
        fprintf(f, "%s{\"up_to\":%lld", i > 0 ? "," : ",\"sizes\":[", (long long)s->sizes[i].up_to);
        put_values(f, s->sizes[i].values, ",");
        fputs(i + 1 == s->n_sizes ? "}]" : "}", f);
    }
    for (int32_t i = 0; i < s->n_loops; i++) {
        fprintf(f, "%s\"%s%d\":{", i > 0 ? "," : ",\"loops\":{", s->loops[i].number > 0 ? "#" : "",
                s->loops[i].number > 0 ? s->loops[i].number : s->loops[i].line);
        put_values(f, s->loops[i].values, "");
        fputs(i + 1 == s->n_loops ? "}}" : "}", f);
    }
    fputc('}', f);
}

static void put_unknown_variables(FILE *f) {
    char *text = plrt_config_unknown_variables(), *rest = NULL;
    const char *before = "";
    for (char *line = text != NULL ? strtok_r(text, "\n", &rest) : NULL; line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        char *near = strchr(line, ' ');
        *near++ = '\0';
        put_pair(f, "name", line, before[0] != '\0' ? ",{" : "{");
        put_pair(f, "nearest", strcmp(near, "-") != 0 ? near : "", ",");
        fputc('}', f);
        before = ",";
    }
    free(text);
}

char *plrt_config_json(void) {
    const snapshot *s = now();
    char *text = NULL;
    size_t len;
    FILE *f = open_memstream(&text, &len);
    if (f == NULL)
        return NULL;
    pthread_mutex_lock(&lock);
    fputs("{\"settings\":[\n", f);
    for (int i = 0; i < SETTINGS; i++)
        put_setting(f, s, i);
    fputs("],\n\"files\":[", f);
    for (int i = 0, n = 0; i < FILES; i++) {
        if (s->documents[i] == NULL)
            continue;
        fputs(n++ > 0 ? "," : "", f);
        rt_json_text(f, s->documents[i]->path);
    }
    fputs("],\n\"kernels\":[", f);
    for (int32_t i = 0; i < s->n_sections; i++) {
        fputs(i > 0 ? ",\n" : "\n", f);
        put_section(f, &s->sections[i]);
    }
    fputs("],\n\"unknown_variables\":[", f);
    put_unknown_variables(f);
    fputs("],\n\"problems\":", f);
    if (s->problems != NULL)
        rt_json_text(f, s->problems);
    else
        fputs("null", f);
    fputs("}\n", f);
    pthread_mutex_unlock(&lock);
    return fclose(f) == 0 ? text : NULL;
}

/* What a choice says about a row, as a value of its origin; text NULL: nothing. */
static value value_of_choice(const plrt_choice *choice, int row, const char *origin, char *number, size_t size) {
    const char *text = NULL;
    int64_t n = row == SET_threads ? choice->threads : row == SET_chunk ? choice->chunk : 0;
    if (n != 0) {
        snprintf(number, size, "%lld", (long long)n);
        text = number;
    } else if (row == SET_schedule && choice->schedule != PLRT_SCHEDULE_DEFAULT) {
        text = schedules[choice->schedule];
    } else if (row == SET_placement) {
        text = choice->placement;
    }
    return (value){text, n, origin};
}

/* "auto" and 0 leave it to the next. */
static bool says(const value *v) {
    return v->text != NULL && strcmp(v->text, "auto") != 0 && strcmp(v->text, "0") != 0;
}

static value value_of_sections(const plrt_kernel_settings *k, int row, int64_t bytes) {
    for (int32_t i = 0; k != NULL && i < k->count; i++) {
        const size_class *c = class_of(k->sections[i], bytes);
        if (c != NULL && (row == SET_tile ? c->values[row].text != NULL : says(&c->values[row])))
            return c->values[row];
        if (row == SET_tile ? k->sections[i]->values[row].text != NULL : says(&k->sections[i]->values[row]))
            return k->sections[i]->values[row];
    }
    return (value){0};
}

static void put_effective(FILE *f, int row, value v, const char *before) {
    if (row == SET_threads) {
        static _Thread_local char number[16];
        int32_t n = says(&v) && v.number < plrt_max_threads() ? (int32_t)v.number
                    : says(&v)                                ? plrt_max_threads()
                                                              : plrt_get_num_threads();
        snprintf(number, sizeof number, "%d", n);
        v.text = number;
    }
    fprintf(f, "%s\"%s\":{\"value\":", before, rows[row].name);
    put_value(f, row, v.text != NULL ? &v : &(value){.text = rows[row].fallback});
    put_pair(f, "from", v.origin != NULL ? v.origin : "default", ",");
    fputc('}', f);
}

char *plrt_config_effective_json(const char *name, const plrt_choice *own, int64_t own_tile, int64_t bytes) {
    static const int asked[] = {SET_threads, SET_schedule, SET_chunk, SET_placement, SET_tile};
    const snapshot *s = now();
    const plrt_kernel_settings *k = plrt_config_kernel(name);
    char *text = NULL, first[32], second[32];
    size_t len;
    FILE *f = open_memstream(&text, &len);
    if (f == NULL)
        return NULL;
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        int row = asked[i];
        value v = value_of_choice(scope_now(), row, "a scope", first, sizeof first);
        if (v.text == NULL && own != NULL)
            v = value_of_choice(own, row, "the decorator", second, sizeof second);
        if (row == SET_tile && own_tile >= 0) {
            snprintf(second, sizeof second, "%lld", (long long)own_tile);
            v = (value){second, own_tile, "the decorator"};
        }
        if (v.text == NULL)
            v = value_of_sections(k, row, bytes);
        if (v.text == NULL)
            v = setting_now(s, row);
        put_effective(f, row, v, i > 0 ? "," : "{");
    }
    fputs("}", f);
    return fclose(f) == 0 ? text : NULL;
}

char *plrt_config_kernel_json(const char *name, int64_t bytes) {
    const plrt_kernel_settings *k = plrt_config_kernel(name);
    value merged[SETTINGS] = {0};
    for (int32_t i = 0; k != NULL && i < k->count; i++) {
        const size_class *c = class_of(k->sections[i], bytes);
        for (int row = 0; row < SETTINGS; row++) {
            const value *v = c != NULL && c->values[row].text != NULL ? &c->values[row] : &k->sections[i]->values[row];
            if (merged[row].text == NULL)
                merged[row] = *v;
        }
    }
    char *text = NULL;
    size_t len;
    FILE *f = open_memstream(&text, &len);
    if (f == NULL)
        return NULL;
    fputc('{', f);
    put_values(f, merged, "");
    fputs("}", f);
    return fclose(f) == 0 ? text : NULL;
}
