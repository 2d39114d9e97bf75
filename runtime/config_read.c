/* Configuration: from files and variables to a snapshot.
 *
 * A value is read by one function, whoever says it: a file, a variable of the environment or the program. What differs is
 * the message when it means nothing. In a file that is the line with a caret under the value, and the nearest word that
 * would have been one; keys that are not known are refused, since a setting that is misspelt and ignored is one that its
 * writer believes in. Variables of other libraries are read where they say what ours say, and never complained about.
 *
 * The first that says something wins, so the environment is read before the files, and the project's file before the
 * user's. Nothing here is kept or locked: the snapshot is the caller's. */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plait/tile.h"
#include "runtime/settings.h"

const rt_setting rt_settings[SETTINGS] = {
#define SETTING(name, type, least, most, fallback, variables, where, doc)                                              \
    {#name, RT_##type, least, most, fallback, variables, where, doc},
#include "runtime/settings.def"
#undef SETTING
};

const char *const rt_schedule_words[] = {"auto", "static", "dynamic", "guided"};
static const char *const placements[] = {"spread", "compact", "numa", "cores", "threads", "none"};

int rt_setting_find(const char *name) {
    for (int i = 0; i < SETTINGS; i++)
        if (strcmp(rt_settings[i].name, name) == 0)
            return i;
    return -1;
}

bool rt_setting_may_stand(int row, char where) {
    return strchr(rt_settings[row].where, where) != NULL;
}

/* ---- one value ---------------------------------------------------------------------------------------------------- */

void rt_setting_describe(int row, char *out, size_t size) {
    const rt_setting *setting = &rt_settings[row];
    long long least = (long long)setting->least, most = (long long)setting->most;
    switch (setting->type) {
    case RT_AUTO:
        snprintf(out, size, "a whole number from %lld to %lld or auto", least, most);
        break;
    case RT_COUNT:
        snprintf(out, size, "a whole number from %lld to %lld", least, most);
        break;
    case RT_SWITCH:
        snprintf(out, size, "true or false");
        break;
    case RT_SCHEDULE:
        snprintf(out, size, "static, dynamic, guided or auto");
        break;
    case RT_PLACEMENT:
        snprintf(out, size, "spread, compact, numa, cores, threads, none or a list of CPUs as 0-3,8");
        break;
    case RT_LEVEL:
        snprintf(out, size, "a number from 0 to 3 or max");
        break;
    case RT_TILE:
        snprintf(out, size, "a whole number from %lld to %lld or a list of 1 to %d from 0 to %d", least, most,
                 PLAIT_TILE_EDGES, PLAIT_TILE_MOST);
        break;
    case RT_PATH:
        snprintf(out, size, "the name of a file");
        break;
    case RT_NAME:
        snprintf(out, size, "a name");
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

/* Canonical is without the zeros at a list's end. */
void rt_tile_text(int64_t tile, char *out, size_t size) {
    if (tile < PLAIT_TILE_LIST) {
        snprintf(out, size, "%lld", (long long)tile);
        return;
    }
    uint32_t n = PLAIT_TILE_EDGES;
    while (n > 1 && plait_tile_edge(tile, n - 1) == 0)
        n--;
    size_t at = 0;
    for (uint32_t i = 0; i < n && at < size; i++)
        at += (size_t)snprintf(out + at, size - at, "%s%lld%s", i == 0 ? "[" : ", ",
                               (long long)plait_tile_edge(tile, i), i + 1 == n ? "]" : "");
}

/* "64", "[32, 256]". */
static bool read_tile(const rt_setting *setting, const char *text, int64_t *tile) {
    int64_t edges[PLAIT_TILE_EDGES];
    size_t n = 0;
    if (*text != '[')
        return read_number(text, tile) && *tile >= setting->least && *tile <= setting->most;
    for (const char *at = text + 1; n < PLAIT_TILE_EDGES; at++) {
        char *end;
        at += strspn(at, " ");
        edges[n] = strtoll(at, &end, 10);
        if (end == at || *at == '-' || *at == '+' || edges[n] > PLAIT_TILE_MOST)
            return false;
        n++;
        at = end + strspn(end, " ");
        if (*at == ']' && at[1] == '\0') {
            *tile = plait_tile_of(edges, n);
            return true;
        }
        if (*at != ',')
            return false;
    }
    return false;
}

bool rt_setting_read(int row, const char *text, rt_document *d, rt_value *v) {
    const rt_setting *setting = &rt_settings[row];
    char number[40] = "";
    const char *canonical = text;
    int64_t n = 0;
    if ((setting->type == RT_AUTO && strcasecmp(text, "auto") == 0)) {
        canonical = "auto";
    } else if (setting->type == RT_AUTO || setting->type == RT_COUNT || setting->type == RT_LEVEL) {
        bool most = setting->type == RT_LEVEL && strcasecmp(text, "max") == 0;
        if (!most && (!read_number(text, &n) || n < setting->least || n > setting->most))
            return false;
        if (most)
            n = setting->most;
        snprintf(number, sizeof number, "%lld", (long long)n);
        canonical = number;
    } else if (setting->type == RT_TILE) {
        if (!read_tile(setting, text, &n))
            return false;
        rt_tile_text(n, number, sizeof number);
        canonical = number;
    } else if (setting->type == RT_SWITCH) {
        if (!read_switch(text, &n))
            return false;
        canonical = n ? "true" : "false";
    } else if (setting->type == RT_SCHEDULE) {
        if (!read_word(text, rt_schedule_words, 4, &n))
            return false;
        canonical = rt_schedule_words[n];
    } else if (setting->type == RT_PLACEMENT) {
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
    *v = (rt_value){.text = copy, .number = n};
    return true;
}

char *rt_config_keep(rt_document *d, const char *format, ...) {
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
    rt_snapshot *s;
    const rt_document *d;
    rt_problems *p;
    int32_t file;
} reader;

static const char *origin_of(const reader *r, const rt_node *node) {
    return rt_config_keep(r->s->memory, "%s:%d", r->d->path, node->line);
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

size_t rt_setting_names(char where, const char **names) {
    size_t n = 0;
    for (int i = 0; i < SETTINGS; i++)
        if (rt_setting_may_stand(i, where))
            names[n++] = rt_settings[i].name;
    return n;
}

/* A list of plain scalars in one text, NULL: it is another list. */
static const char *text_of_list(const reader *r, const rt_node *node) {
    const char *all = "[";
    for (int32_t i = 0; i < node->count; i++) {
        const rt_node *item = node->items[i];
        if (item->kind != RT_YAML_SCALAR || !item->plain || strlen(item->text) > 20)
            return NULL;
        all = rt_config_keep(r->s->memory, "%s%s%s", all, i > 0 ? ", " : "", item->text);
    }
    return rt_config_keep(r->s->memory, "%s]", all);
}

/* A setting's value at a node. */
static void take_value(const reader *r, const rt_node *key, const rt_node *node, int row, rt_value *v) {
    char wanted[200], hint[200];
    rt_setting_describe(row, wanted, sizeof wanted);
    bool text_for_number = node->kind == RT_YAML_SCALAR && !node->plain && rt_settings[row].type != RT_PATH &&
                           rt_settings[row].type != RT_NAME && rt_settings[row].type != RT_PLACEMENT &&
                           rt_settings[row].type != RT_SCHEDULE;
    const char *list = node->kind == RT_YAML_LIST && rt_settings[row].type == RT_TILE && node->count <= PLAIT_TILE_EDGES
                           ? text_of_list(r, node)
                           : NULL;
    if ((node->kind != RT_YAML_SCALAR && !list) || (!list && (rt_node_null(node) || text_for_number))) {
        rt_problem(r->p, r->d, rt_node_null(node) ? key : node, text_for_number ? "without the quotes" : NULL,
                   "%s is %s, not %s", rt_settings[row].name, wanted, text_for_number ? "a text" : rt_node_kind(node));
        return;
    }
    bool truth;
    const char *text = list                                                               ? list
                       : rt_settings[row].type == RT_SWITCH && rt_node_bool(node, &truth) ? truth ? "true" : "false"
                                                                                          : node->text;
    if (rt_setting_read(row, text, r->s->memory, v)) {
        v->origin = origin_of(r, node);
        return;
    }
    const char *near = rt_settings[row].type == RT_SCHEDULE    ? rt_nearest(text, rt_schedule_words, 4)
                       : rt_settings[row].type == RT_PLACEMENT ? rt_nearest(text, placements, 6)
                                                               : NULL;
    if (near != NULL)
        snprintf(hint, sizeof hint, "did you mean '%s'?", near);
    rt_problem(r->p, r->d, node, near != NULL ? hint : NULL, "%s is %s, not %s", rt_settings[row].name, wanted, text);
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

static void read_size_class(const reader *r, const rt_node *node, rt_size_class *into, int64_t above) {
    const char *names[SETTINGS + 1] = {"up_to"};
    size_t n = 1 + rt_setting_names('Z', names + 1);
    if (node->kind != RT_YAML_MAP) {
        rt_problem(r->p, r->d, node, NULL, "a size class is a section as {up_to: 1MB, threads: 1}, not %s",
                   rt_node_kind(node));
        return;
    }
    into->up_to = -1;
    for (int32_t i = 0; i < node->count; i++) {
        int row = rt_setting_find(node->keys[i]->text);
        if (strcmp(node->keys[i]->text, "up_to") == 0) {
            if (!read_size(node->items[i], &into->up_to))
                rt_problem(r->p, r->d, node->items[i], NULL, "up_to is a number of bytes, as 500, 64KiB or 1.5MB");
            else if (into->up_to <= above)
                rt_problem(r->p, r->d, node->items[i], NULL, "size classes ascend: this one ends below the one before");
        } else if (row < 0 || !rt_setting_may_stand(row, 'Z')) {
            refuse_key(r, node->keys[i], "in a size class, the setting", names, n);
        } else {
            take_value(r, node->keys[i], node->items[i], row, &into->values[row]);
        }
    }
    if (rt_node_get(node, "up_to") == NULL)
        rt_problem(r->p, r->d, node, NULL, "a size class without up_to");
}

static void read_sizes(const reader *r, const rt_node *node, rt_section *into) {
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
static bool read_loop_key(const rt_node *key, rt_loop_section *into) {
    int64_t n;
    bool by_number = key->text[0] == '#';
    if (!read_number(key->text + by_number, &n) || n < 1 || n > INT32_MAX)
        return false;
    *(by_number ? &into->number : &into->line) = (int32_t)n;
    return true;
}

static void read_loop(const reader *r, const rt_node *key, const rt_node *node, rt_loop_section *into) {
    const char *names[SETTINGS];
    size_t n = rt_setting_names('L', names);
    if (!read_loop_key(key, into)) {
        rt_problem(r->p, r->d, key, NULL,
                   "a loop is named by its line, as 12, or by its number in the report, as \"#2\"");
    } else if (node->kind != RT_YAML_MAP) {
        rt_problem(r->p, r->d, node, NULL, "a loop's settings are a section as {threads: 1}, not %s",
                   rt_node_kind(node));
    } else {
        for (int32_t i = 0; i < node->count; i++) {
            int row = rt_setting_find(node->keys[i]->text);
            if (row < 0 || !rt_setting_may_stand(row, 'L'))
                refuse_key(r, node->keys[i], "for a loop, the setting", names, n);
            else
                take_value(r, node->keys[i], node->items[i], row, &into->values[row]);
        }
    }
}

static void read_loops(const reader *r, const rt_node *node, rt_section *into) {
    if (node->kind != RT_YAML_MAP) {
        rt_problem(r->p, r->d, node, NULL, "loops is a section from lines to settings, not %s", rt_node_kind(node));
        return;
    }
    into->loops = rt_document_alloc(r->s->memory, (size_t)node->count * sizeof *into->loops);
    into->n_loops = into->loops != NULL ? node->count : 0;
    for (int32_t i = 0; i < into->n_loops; i++)
        read_loop(r, node->keys[i], node->items[i], &into->loops[i]);
}

static void read_section(const reader *r, const rt_node *key, const rt_node *node, rt_section *into) {
    const char *names[SETTINGS + 2] = {"sizes", "loops"};
    size_t n = 2 + rt_setting_names('K', names + 2);
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
        int row = rt_setting_find(name);
        if (strcmp(name, "sizes") == 0)
            read_sizes(r, node->items[i], into);
        else if (strcmp(name, "loops") == 0)
            read_loops(r, node->items[i], into);
        else if (row < 0 || !rt_setting_may_stand(row, 'K'))
            refuse_key(r, node->keys[i], "for a kernel, the setting", names, n);
        else
            take_value(r, node->keys[i], node->items[i], row, &into->values[row]);
    }
}

static void read_kernels(const reader *r, const rt_node *node) {
    rt_snapshot *s = r->s;
    if (node->kind != RT_YAML_MAP) {
        if (!rt_node_null(node))
            rt_problem(r->p, r->d, node, NULL, "kernels is a section from names to settings, not %s",
                       rt_node_kind(node));
        return;
    }
    rt_section *all = rt_document_alloc(s->memory, (size_t)(s->n_sections + node->count + 1) * sizeof *all);
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
    size_t n = 1 + rt_setting_names('G', names + 1);
    const rt_node *root = r->d->root;
    if (root == NULL || rt_node_null(root))
        return;
    if (root->kind != RT_YAML_MAP) {
        rt_problem(r->p, r->d, root, NULL, "a configuration is a section of settings, as \"threads: 4\", not %s",
                   rt_node_kind(root));
        return;
    }
    for (int32_t i = 0; i < root->count; i++) {
        int row = rt_setting_find(root->keys[i]->text);
        rt_value v = {0};
        if (strcmp(root->keys[i]->text, "kernels") == 0)
            read_kernels(r, root->items[i]);
        else if (row < 0 || !rt_setting_may_stand(row, 'G'))
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

static void take_document(rt_snapshot *s, rt_problems *p, rt_document *d, int32_t file) {
    s->documents[file] = d;
    reader r = {s, d, p, file};
    if (d != NULL)
        read_top(&r);
}

static void read_file(rt_snapshot *s, rt_problems *p, const char *path, int32_t file) {
    take_document(s, p, rt_document_read(path, p, NULL), file);
}

/* PLAIT_CONFIG: a file in place of the search, or nothing at all when it is empty. */
static void read_files(rt_snapshot *s, rt_problems *p) {
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
static bool take_variable(rt_snapshot *s, rt_problems *p, int row, const char *name) {
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
    rt_value v = {0};
    bool ok = rt_setting_read(row, trimmed, s->memory, &v);
    int64_t n;
    if (!ok && rt_settings[row].type == RT_SWITCH && read_number(trimmed, &n)) /* as Numba: any other number is true */
        ok = rt_setting_read(row, "true", s->memory, &v);
    if (ok) {
        v.origin = name;
        s->general[row] = v;
        return true;
    }
    if (!is_ours_to_check)
        return false;
    rt_setting_describe(row, wanted, sizeof wanted);
    rt_problem_about(p, name, NULL, "%s is %s, not %s", rt_settings[row].name, wanted, trimmed);
    return true;
}

static void read_environment(rt_snapshot *s, rt_problems *p) {
    for (int i = 0; i < SETTINGS; i++) {
        const char *at = rt_settings[i].variables;
        while (*at != '\0') {
            size_t n = strcspn(at, " ");
            char *name = rt_config_keep(s->memory, "%.*s", (int)n, at);
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
        for (const char *at = rt_settings[i].variables; *at != '\0' && count < VARIABLES_MOST;) {
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

void rt_config_read(rt_snapshot *s, rt_problems *p) {
    read_environment(s, p);
    read_files(s, p);
}

/* ---- a file that is only checked ------------------------------------------------------------------------------------ */

/* Takes over the document, which may be NULL, after the messages in p. */
static char *check_document(rt_document *d, rt_problems *p) {
    rt_snapshot s = {.memory = calloc(1, sizeof *s.memory)};
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
