/* Measurements as one page: the figures as JSON, a script that draws them (report.js), and Chart.js, which it draws with. All
 * of it lies in the file, nothing is fetched. */
#include "perf/perf.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- the figures --------------------------------------------------------------------------------------------------------------- */

static void put_text(json_t *o, const char *key, const char *value) {
    if (value)
        json_object_set_new(o, key, json_string(value));
}

static void put_number(json_t *o, const char *key, double x) {
    if (isfinite(x))
        json_object_set_new(o, key, json_real(x));
}

/* A text of JSON among the metadata. */
static void put_written(json_t *o, const char *key, const char *written) {
    json_t *v = written ? json_loads(written, JSON_REJECT_DUPLICATES, NULL) : NULL;
    if (v)
        json_object_set_new(o, key, v);
}

static json_t *figures_of(arena *a, const perf_file *f, const perf_file_benchmark *b) {
    static const char *const numbers[] = {"threads", "footprint", "bytes", "flops", "single"};
    json_t *o = json_object();
    double *logs;
    size_t n = pyperf_medians(a, b, &logs);
    perf_interval t = rank_signed_interval(logs, n, 0.95);
    const char *kind = pyperf_text(f, b, "plait_kind"), *kernel = pyperf_text(f, b, "plait_kernel");
    put_text(o, "name", b->name);
    put_text(o, "kind", kind ? kind : "other");
    put_text(o, "kernel", kernel ? kernel : b->name);
    put_written(o, "sizes", pyperf_text(f, b, "plait_sizes"));
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        put_number(o, numbers[i], pyperf_number(f, b, arena_printf(a, "plait_%s", numbers[i])));
    put_number(o, "time", exp(t.middle));
    put_number(o, "low", exp(t.low));
    put_number(o, "high", isfinite(t.high) ? exp(t.high) : (double)INFINITY);
    json_object_set_new(o, "runs", json_integer((json_int_t)n));
    return o;
}

/* Only limits that are right are drawn. */
static void put_limits(json_t *o, const char *written) {
    json_t *list = written ? json_loads(written, JSON_REJECT_DUPLICATES, NULL) : NULL, *kept = json_array();
    perf_limits l;
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (limits_read(json_array_get(list, i), &l))
            json_array_append(kept, json_array_get(list, i));
    }
    json_decref(list);
    json_object_set_new(o, "limits", kept);
}

static json_t *file_figures(arena *a, const perf_file *f) {
    json_t *o = json_object(), *list = json_array();
    put_text(o, "path", f->path);
    put_text(o, "commit", pyperf_text(f, NULL, "commit"));
    put_text(o, "date", pyperf_text(f, NULL, "plait_date"));
    put_text(o, "cpu", pyperf_text(f, NULL, "cpu_model_name"));
    put_text(o, "version", pyperf_text(f, NULL, "plait_version"));
    put_limits(o, pyperf_text(f, NULL, "plait_limits"));
    for (uint32_t i = 0; i < f->benchmarks.len; i++) {
        if (f->benchmarks.at[i].runs.len)
            json_array_append_new(list, figures_of(a, f, &f->benchmarks.at[i]));
    }
    json_object_set_new(o, "benchmarks", list);
    return o;
}

/* ---- the page ------------------------------------------------------------------------------------------------------------------- */

/* Within a script no text may look like markup. */
static void put_json(FILE *out, const char *written) {
    for (; *written; written++) {
        if (strchr("<>&", *written))
            fprintf(out, "\\u%04x", (unsigned)(unsigned char)*written);
        else
            fputc(*written, out);
    }
}

static void put_page(FILE *out, const char *figures) {
    fputs("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>plait perf</title>\n<style>\n",
          out);
    fputs(perf_report_css, out);
    fputs("</style>\n</head>\n<body>\n<h1>plait perf</h1>\n<p id=\"about\"></p>\n<main id=\"plots\"></main>\n"
          "<h2>All figures of the last file</h2>\n<table id=\"figures\"></table>\n",
          out);
    fputs("<script type=\"application/json\" id=\"data\">", out);
    put_json(out, figures);
    fputs("</script>\n<script>\n", out);
    fputs(perf_chart_js, out);
    fputs("\n</script>\n<script>\n", out);
    fputs(perf_report_js, out);
    fputs("</script>\n</body>\n</html>\n", out);
}

static int write_page(cli *c, const char *path, const char *figures) {
    FILE *out = fopen(path, "w");
    if (!out)
        return cli_fail(c, "%s: %s", path, strerror(errno));
    put_page(out, figures);
    bool bad = ferror(out) != 0;
    bad = fclose(out) != 0 || bad;
    return bad ? cli_fail(c, "%s: %s", path, strerror(errno)) : EXIT_DONE;
}

int perf_report(cli *c) {
    char error[PERF_ERROR_SIZE];
    json_t *files = json_array();
    int status = EXIT_DONE;
    if (c->words.len < 2)
        return cli_misused(c, "report takes the files of one or more runs, the oldest first");
    if (c->outputs.len != 1)
        return cli_misused(c, "where to? -o FILE.html");
    for (uint32_t i = 1; i < c->words.len && status == EXIT_DONE; i++) {
        perf_file *f = pyperf_read(c->a, c->words.at[i], error);
        if (f)
            json_array_append_new(files, file_figures(c->a, f));
        else
            status = EXIT_USAGE;
        if (f)
            pyperf_free(f);
        else
            fprintf(stderr, "%s\n", error);
    }
    json_t *root = json_pack("{s:o}", "files", files);
    char *figures = status == EXIT_DONE ? json_dumps(root, JSON_COMPACT) : NULL;
    if (figures)
        status = write_page(c, c->outputs.at[0], figures);
    else if (status == EXIT_DONE)
        status = cli_fail(c, "out of memory");
    free(figures);
    json_decref(root);
    return status;
}
