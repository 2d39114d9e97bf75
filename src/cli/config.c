/* plait config: what is set, and by whom. All of it is known to the runtime; here it is laid out. */
#include "plait/config.h"
#include "cli/cli.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int check_file(const char *path) {
    char *problems = plrt_config_check(path);
    if (!problems) {
        printf("%s: nothing wrong\n", path);
        return EXIT_DONE;
    }
    fprintf(stderr, "%s\n", problems);
    free(problems);
    return EXIT_FAILED;
}

static int say_problems(void) {
    const char *problems = plrt_config_problems();
    if (problems)
        fprintf(stderr, "%s\n(the defaults hold until this is mended)\n", problems);
    return problems ? EXIT_FAILED : EXIT_DONE;
}

static int print_json(void) {
    char *json = plrt_config_json();
    if (!json)
        return EXIT_FAILED;
    fputs(json, stdout);
    free(json);
    return say_problems();
}

/* Letters of `where`, in words. */
static void print_places(const char *where) {
    static const struct {
        char letter;
        const char *word;
    } words[] = {{'G', "top"}, {'K', "kernel"}, {'Z', "size"}, {'L', "loop"}, {'P', "program"}};
    const char *between = "";
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (!strchr(where, words[i].letter))
            continue;
        printf("%s%s", between, words[i].word);
        between = ", ";
    }
}

static void print_variables(const char *names) {
    const char *between = "";
    for (size_t n; *names; names += n + (names[n] == ' ')) {
        n = strcspn(names, " ");
        printf("%s`%.*s`", between, (int)n, names);
        between = ", ";
    }
}

static int print_markdown(void) {
    plrt_setting s;
    puts("| setting | may stand at | value | default | environment | meaning |\n| --- | --- | --- | --- | --- | --- |");
    for (size_t i = 0; plrt_config_get(i, &s); i++) {
        printf("| `%s` | ", s.name);
        print_places(s.where);
        printf(" | %s | %s | ", s.kind, *s.fallback ? s.fallback : "–");
        print_variables(s.variables);
        printf(" | %s |\n", s.doc);
    }
    return EXIT_DONE;
}

static void print_settings(void) {
    plrt_setting s;
    size_t name = 0, value = 0;
    for (size_t i = 0; plrt_config_get(i, &s); i++) {
        name = strlen(s.name) > name ? strlen(s.name) : name;
        value = strlen(s.value) > value ? strlen(s.value) : value;
    }
    for (size_t i = 0; plrt_config_get(i, &s); i++)
        printf("%-*s  %-*s  %s\n", (int)name, s.name, (int)value, *s.value ? s.value : "-", s.origin);
    printf("\nthreads that a region gets by default: %d of at most %d\n", plrt_get_num_threads(), plrt_max_threads());
}

/* One line for what a section says: "threads 2, chunk 64". */
static void print_pairs(const json_t *section) {
    const char *key, *between = "";
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)section, key, v) {
        char *value = json_is_string(v) ? NULL : json_dumps(v, JSON_ENCODE_ANY);
        if (strcmp(key, "name") != 0 && strcmp(key, "from") != 0 && strcmp(key, "sizes") != 0 && !json_is_object(v)) {
            printf("%s%s %s", between, key, value ? value : json_string_value(v));
            between = ", ";
        }
        free(value);
    }
    puts("");
}

static void print_kernels(void) {
    char *json = plrt_config_json();
    json_t *all = json ? json_loads(json, 0, NULL) : NULL, *kernel, *inner;
    size_t i, k;
    const char *line;
    free(json);
    json_array_foreach(json_object_get(all, "files"), i, kernel)
        printf("%s%s\n", i ? "" : "\nfiles read:\n  ", json_string_value(kernel));
    json_array_foreach(json_object_get(all, "kernels"), i, kernel) {
        printf("\nkernel %s (%s): ", json_string_value(json_object_get(kernel, "name")),
               json_string_value(json_object_get(kernel, "from")));
        print_pairs(kernel);
        json_array_foreach(json_object_get(kernel, "sizes"), k, inner) {
            printf("  arrays: ");
            print_pairs(inner);
        }
        json_object_foreach(json_object_get(kernel, "loops"), line, inner) {
            printf("  loop %s: ", line);
            print_pairs(inner);
        }
    }
    json_decref(all);
}

/* ---- what is without effect --------------------------------------------------------------------------------------------- */

static void print_strangers(const json_t *all) {
    size_t i;
    const json_t *v;
    json_array_foreach(json_object_get(all, "unknown_variables"), i, v) {
        const char *near = json_string_value(json_object_get(v, "nearest"));
        printf("%s%s: no such variable%s%s%s\n", i ? "" : "\n", json_string_value(json_object_get(v, "name")),
               *near ? "; did you mean " : "", near, *near ? "?" : "");
    }
}

/* The functions of the Python files in and below a folder, "folder.module.name" with the classes and functions around it. Lines
 * are enough to find them: what is meant is a hint for people who misspelt a name. */
enum { FILES_MOST = 2000, FUNCTIONS_MOST = 20000, DEPTH_MOST = 64 };

typedef struct function_list {
    arena *a;
    VEC(const char *) names;
    uint32_t files;
} function_list;

typedef struct outer_name { /* a class or function that the line is in */
    size_t indent;
    size_t len; /* of the dotted name up to it */
} outer_name;

static size_t word_after(const char *line, const char *word) {
    size_t n = strlen(word);
    return strncmp(line, word, n) == 0 && (line[n] == ' ' || line[n] == '\t') ? n + strspn(line + n, " \t") : 0;
}

static void list_functions(function_list *list, FILE *f, const char *prefix) {
    char line[1024], name[1024];
    outer_name around[DEPTH_MOST];
    size_t depth = 0, base = (size_t)snprintf(name, sizeof name, "%s", prefix);
    while (base < sizeof name && fgets(line, sizeof line, f)) {
        size_t indent = strspn(line, " \t"), at = indent;
        size_t class = word_after(line + at, "class"), def = word_after(line + at, "def");
        if (!class && !def)
            continue;
        at += class + def;
        size_t len = strcspn(line + at, "(:[ \t\n");
        while (depth > 0 && around[depth - 1].indent >= indent)
            depth--;
        size_t before = depth > 0 ? around[depth - 1].len : base;
        if (depth == DEPTH_MOST || before + len + 2 > sizeof name)
            continue;
        snprintf(name + before, sizeof name - before, ".%.*s", (int)len, line + at);
        around[depth++] = (outer_name){indent, before + 1 + len};
        if (def && list->names.len < FUNCTIONS_MOST)
            vec_push(list->a, &list->names, arena_strndup(list->a, name, strlen(name)));
    }
}

static void list_file(function_list *list, const char *path, const char *package, const char *name) {
    char stem[768];
    size_t n = strlen(name);
    FILE *f = n > 3 && n + strlen(package) + 2 < sizeof stem && !strcmp(name + n - 3, ".py") ? fopen(path, "r") : NULL;
    if (!f)
        return;
    snprintf(stem, sizeof stem, "%s.%.*s", package, (int)(n - 3), name);
    list->files++;
    list_functions(list, f, stem);
    fclose(f);
}

static void list_folder(function_list *list, const char *folder, const char *package, int depth) {
    DIR *d = depth > 0 ? opendir(folder) : NULL;
    for (const struct dirent *e; d && list->files < FILES_MOST && (e = readdir(d));) {
        char path[PATH_MAX], inner[512];
        if (e->d_name[0] == '.' || !strcmp(e->d_name, "node_modules") ||
            snprintf(path, sizeof path, "%s/%s", folder, e->d_name) >= (int)sizeof path)
            continue;
        if (e->d_type != DT_DIR)
            list_file(list, path, package, e->d_name);
        else if (snprintf(inner, sizeof inner, "%s.%s", package, e->d_name) < (int)sizeof inner)
            list_folder(list, path, inner, depth - 1);
    }
    if (d)
        closedir(d);
}

/* How much of the path is part of a module's name, only who imports it knows: any will do. */
static bool fits_one(const function_list *list, const char *pattern) {
    for (uint32_t i = 0; i < list->names.len; i++)
        for (const char *name = list->names.at[i]; name; name = strchr(name, '.') ? strchr(name, '.') + 1 : NULL)
            if (plrt_config_fits(pattern, name))
                return true;
    return false;
}

/* The nearest by as many parts of a name as the pattern has. */
static const char *nearest_name(const function_list *list, const char *pattern) {
    int parts = 1;
    for (const char *p = pattern; *p; p++)
        parts += *p == '.';
    const char **tails = arena_array(list->a, const char *, list->names.len + 1);
    for (uint32_t i = 0; i < list->names.len; i++) {
        const char *name = list->names.at[i], *at = name + strlen(name);
        for (int left = parts; at > name && (at[-1] != '.' || --left > 0);)
            at--;
        tails[i] = at;
    }
    return plrt_nearest(pattern, tails, list->names.len);
}

/* Sections that are about no function of the files around the configuration. */
static void print_idle_sections(cli *c, const json_t *all) {
    char folder[PATH_MAX];
    const char *file = json_string_value(json_array_get(json_object_get(all, "files"), 0));
    size_t i;
    const json_t *kernel;
    function_list list = {.a = c->a};
    if (!file || snprintf(folder, sizeof folder, "%s", file) >= (int)sizeof folder || !strrchr(folder, '/'))
        return;
    *strrchr(folder, '/') = '\0';
    list_folder(&list, *folder ? folder : "/", strrchr(folder, '/') ? strrchr(folder, '/') + 1 : "", 8);
    if (!list.names.len)
        return;
    const char *between = "\n";
    json_array_foreach(json_object_get(all, "kernels"), i, kernel) {
        const char *pattern = json_string_value(json_object_get(kernel, "name"));
        if (fits_one(&list, pattern))
            continue;
        const char *near = nearest_name(&list, pattern);
        printf("%s%s: kernel %s fits no function of the Python files below %s%s%s%s\n", between,
               json_string_value(json_object_get(kernel, "from")), pattern, folder, near ? "; did you mean " : "",
               near ? near : "", near ? "?" : "");
        between = "";
    }
}

static void print_idle(cli *c) {
    char *json = plrt_config_json();
    json_t *all = json ? json_loads(json, 0, NULL) : NULL;
    free(json);
    print_strangers(all);
    print_idle_sections(c, all);
    json_decref(all);
}

int cli_config(cli *c) {
    if (c->words.len)
        return cli_misused(c, "unknown word %s", c->words.at[0]);
    if (c->check)
        return check_file(c->check);
    if (c->markdown)
        return print_markdown();
    if (c->json)
        return print_json();
    print_settings();
    print_kernels();
    print_idle(c);
    return say_problems();
}
