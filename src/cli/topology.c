/* `plait topology`: the machine, and where each placement would put the threads. */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/topology.h"

enum { MOST_LISTED = 4096, MOST_THREADS = 4096 };

typedef struct answer_fn {
    char *(*make)(const topology_query *query, char *error, size_t size);
} answer_fn;

/* ---- numbers ------------------------------------------------------------------------------------------------------------ */

static json_int_t number(const json_t *o, const char *key) {
    return json_integer_value(json_object_get(o, key));
}

static const char *string(const json_t *o, const char *key) {
    const char *page = json_string_value(json_object_get(o, key));
    return page && *page ? page : NULL;
}

static const char *plural(json_int_t n) {
    return n == 1 ? "" : "s";
}

static void print_bytes(json_int_t bytes) {
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    double x = (double)bytes;
    int unit = 0;
    for (; x >= 1024 && unit < 4; unit++)
        x /= 1024;
    printf(x == (double)(long long)x ? "%.0f %s" : "%.1f %s", x, units[unit]);
}

/* Length of the run of equal steps from `i` on; a step of 0 (several threads on a unit) is no run. */
static size_t run_length(const json_t *list, size_t i) {
    size_t n = json_array_size(list), end = i + 1;
    if (end >= n)
        return 1;
    json_int_t step = json_integer_value(json_array_get(list, end)) - json_integer_value(json_array_get(list, i));
    while (end < n && json_integer_value(json_array_get(list, end)) ==
                          json_integer_value(json_array_get(list, i)) + step * (json_int_t)(end - i))
        end++;
    return step > 0 && end - i >= 3 ? end - i : 1;
}

/* In the form that PLAIT_PLACEMENT takes. */
static void print_list(const json_t *list) {
    for (size_t i = 0, length; i < json_array_size(list); i += length) {
        json_int_t first = json_integer_value(json_array_get(list, i));
        length = run_length(list, i);
        printf(i > 0 ? ",%lld" : "%lld", (long long)first);
        if (length == 1)
            continue;
        json_int_t last = json_integer_value(json_array_get(list, i + length - 1));
        json_int_t step = (last - first) / (json_int_t)(length - 1);
        printf("-%lld", (long long)last);
        if (step > 1)
            printf(":%lld", (long long)step);
    }
}

/* ---- the page ------------------------------------------------------------------------------------------------------------ */

static void print_sizes(const json_t *m) {
    json_int_t packages = number(m, "packages"), nodes = number(m, "memory_nodes"), cores = number(m, "cores"),
               units = number(m, "units");
    printf("%s\n  ", string(m, "source"));
    if (packages > 0)
        printf("%lld package%s, ", (long long)packages, plural(packages));
    printf("%lld memory node%s, %lld core%s, %lld processing unit%s\n", (long long)nodes, plural(nodes),
           (long long)cores, plural(cores), (long long)units, plural(units));
    printf("  allowed  %s", string(m, "allowed") ? string(m, "allowed") : "none");
    if (string(m, "offline"))
        printf("; offline %s", string(m, "offline"));
    if (json_is_integer(json_object_get(m, "quota")))
        printf("; cgroup quota %lld CPU%s", (long long)number(m, "quota"), plural(number(m, "quota")));
    printf("\n");
}

static void print_caches(const json_t *m) {
    size_t i;
    const json_t *c;
    json_array_foreach(json_object_get(m, "caches"), i, c) {
        printf("  L%lld       ", (long long)number(c, "level"));
        print_bytes(number(c, "bytes"));
        printf(" each, %lld of them, for %lld unit%s", (long long)number(c, "count"), (long long)number(c, "units"),
               plural(number(c, "units")));
        if (number(c, "line") > 0)
            printf(", lines of %lld bytes", (long long)number(c, "line"));
        printf("\n");
    }
}

static void print_nodes(const json_t *m) {
    size_t i;
    const json_t *n;
    json_array_foreach(json_object_get(m, "nodes"), i, n) {
        printf("  node %-3lld ", (long long)number(n, "number"));
        print_bytes(number(n, "bytes"));
        printf(string(n, "units") ? ", units %s\n" : ", no units%s\n", string(n, "units") ? string(n, "units") : "");
    }
}

/* One kind is no news. */
static void print_kinds(const json_t *m) {
    size_t i;
    const json_t *k, *kinds = json_object_get(m, "kinds");
    json_array_foreach(kinds, i, k) {
        if (json_array_size(kinds) < 2)
            return;
        printf("  kind %-3zu units %s, efficiency %lld%s%s\n", i, string(k, "units"),
               (long long)number(k, "efficiency"), string(k, "CoreType") ? ", " : "",
               string(k, "CoreType") ? string(k, "CoreType") : "");
    }
}

static void print_use(const cli *c) {
    const char *refusal = plrt_placement_refusal();
    plrt_placement placement = plrt_get_placement();
    if (c->xml || c->synthetic)
        return;
    printf("\n%d thread%s by default, placement %s", plrt_default_threads(), plural(plrt_default_threads()),
           plrt_placement_name(placement));
    printf(refusal ? "; threads are left alone because of %s\n" : "%s\n", refusal ? refusal : "");
}

static void print_placements(const json_t *m) {
    const char *name;
    json_t *list;
    printf("\nplacement  threads  units, in the order of the threads\n");
    json_object_foreach(json_object_get(m, "placements"), name, list) {
        printf("%-9s  %7zu  ", name, json_array_size(list));
        print_list(list);
        printf(json_array_size(list) > 0 ? "\n" : "none of these is allowed: threads stay where they are\n");
    }
}

static int print_machine(cli *c, const char *page) {
    json_t *m = json_loads(page, 0, NULL);
    if (!m)
        return cli_fail(c, "the description of the topology is broken");
    print_sizes(m);
    print_caches(m);
    print_nodes(m);
    print_kinds(m);
    print_use(c);
    print_placements(m);
    json_decref(m);
    return EXIT_DONE;
}

/* ---- the command ------------------------------------------------------------------------------------------------------------ */

static int write_file(cli *c, const char *path, const char *page) {
    FILE *f = strcmp(path, "-") ? fopen(path, "w") : stdout;
    if (!f)
        return cli_fail(c, "%s cannot be written", path);
    bool bad = fputs(page, f) < 0;
    bad = (f != stdout && fclose(f) != 0) || bad;
    return bad ? cli_fail(c, "%s cannot be written", path) : EXIT_DONE;
}

static int answer_with(cli *c, const topology_query *q, answer_fn fn, int (*use)(cli *c, const char *page)) {
    char error[256];
    char *page = fn.make(q, error, sizeof error);
    if (!page)
        return cli_fail(c, "%s%s%s", c->xml ? c->xml : "", c->xml ? ": " : "", error);
    int status = use(c, page);
    free(page);
    return status;
}

static int save_picture(cli *c, const char *page) {
    return write_file(c, c->svg, page);
}

static int print_json(cli *c, const char *page) {
    return write_file(c, "-", page);
}

int cli_topology(cli *c) {
    bool here = !c->xml && !c->synthetic;
    topology_query q = {
        .xml = c->xml, .synthetic = c->synthetic, .threads = (int32_t)c->threads, .placement = PLRT_PLACE_SPREAD};
    int32_t list[MOST_LISTED];
    if (c->words.len)
        return cli_misused(c, "topology takes no %s", c->words.at[0]);
    if (c->threads > MOST_THREADS)
        return cli_misused(c, "--threads: 1 to %d are possible", MOST_THREADS);
    if (c->xml && c->synthetic)
        return cli_misused(c, "--xml and --synthetic exclude each other");
    if (c->placement) {
        q.placement = (int32_t)plrt_placement_named(c->placement);
        if (plrt_set_placement((plrt_placement)q.placement, c->placement) != 0)
            return cli_misused(c, "--placement: spread, compact, numa, cores, threads, none or a list such as 0-3,8");
    } else if (here) {
        q.placement = (int32_t)plrt_get_placement();
    }
    if (here && !q.threads)
        q.quota = plrt_cpu_quota();
    if (q.placement == PLRT_PLACE_LIST) {
        q.listed = plrt_placement_list(list, MOST_LISTED);
        q.list = list;
    }
    if (c->svg) {
        int status = answer_with(c, &q, (answer_fn){plait_topology_svg}, save_picture);
        if (status != EXIT_DONE || !c->json)
            return status;
    }
    return answer_with(c, &q, (answer_fn){plait_topology_json}, c->json ? print_json : print_machine);
}
