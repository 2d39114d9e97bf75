/* plait perf WHAT …: the words behind it. The options are read where those of all commands are (cli/main.c). */
#include "perf/perf.h"
#include "plait/config.h"

#include <string.h>

static int run(cli *c) {
    if (c->words.len != 2)
        return cli_misused(c, "perf run takes one SUITE.yaml");
    if (plrt_config_problems())
        return cli_fail(c, "%s", plrt_config_problems());
    return perf_run(c, c->words.at[1]);
}

/* One file is compared with the baseline that was measured with it. */
static int compare(cli *c) {
    const char *path = c->words.len > 1 ? c->words.at[1] : "";
    size_t n = strlen(path), end = n > 5 && !strcmp(path + n - 5, ".json") ? n - 5 : n;
    if (c->words.len == 2)
        return perf_compare(c, arena_printf(c->a, "%.*s.baseline.json", (int)end, path), path);
    if (c->words.len != 3)
        return cli_misused(c, "perf compare takes OLD.json and NEW.json");
    return perf_compare(c, c->words.at[1], c->words.at[2]);
}

int perf_command(cli *c) {
    static const struct {
        const char *name;
        int (*run)(cli *c);
    } parts[] = {{"run", run}, {"compare", compare}, {"report", perf_report}, {"worker", perf_worker}};
    for (size_t i = 0; c->words.len && i < sizeof parts / sizeof *parts; i++) {
        if (!strcmp(parts[i].name, c->words.at[0]))
            return parts[i].run(c);
    }
    return cli_misused(c, "perf takes run, compare or report");
}
