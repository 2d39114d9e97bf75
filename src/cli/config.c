/* plait config: what is set, and by whom. All of it is known to the runtime; here it is laid out. */
#include "plait/config.h"
#include "cli/cli.h"

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
        if (strcmp(key, "name") != 0 && strcmp(key, "from") != 0 && !json_is_object(v) && !json_is_array(v)) {
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
    return say_problems();
}
