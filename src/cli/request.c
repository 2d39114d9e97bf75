/* From words of the command line to requests, and from requests to artifacts. */
#include "cli/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- messages ----------------------------------------------------------------------------------------------------------- */

int cli_fail(cli *c, const char *format, ...) {
    va_list args;
    (void)c;
    fflush(stdout);
    fputs("plait: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return EXIT_FAILED;
}

int cli_misused(cli *c, const char *format, ...) {
    va_list args;
    (void)c;
    fputs("plait: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputs(" (plait COMMAND --help)\n", stderr);
    return EXIT_USAGE;
}

int cli_report(cli *c) {
    fflush(stdout);
    for (uint32_t i = 0; i < c->d->items.len; i++) {
        text out = text_new(c->a);
        diag_render(c->d, &c->d->items.at[i], &out);
        fprintf(stderr, "%s\n", out.at);
    }
    int status = c->d->errors ? EXIT_FAILED : EXIT_DONE;
    c->d->items.len = 0;
    c->d->errors = 0;
    return status;
}

static void print_diagnostics(plait_diagnostics *list) {
    fflush(stdout);
    for (size_t i = 0; list && i < plait_diagnostics_count(list); i++)
        fprintf(stderr, "%s\n", plait_diagnostics_get(list, i).text);
    plait_diagnostics_free(list);
}

/* ---- words to requests ---------------------------------------------------------------------------------------------------- */

static bool ends_with(const char *s, const char *end) {
    size_t n = strlen(s), k = strlen(end);
    return n >= k && !strcmp(s + n - k, end);
}

cli_spec cli_read_spec(cli *c, const char *word) {
    const char *colon = strrchr(word, ':');
    if (ends_with(word, ".json"))
        return (cli_spec){.path = word, .is_request = true};
    if (!colon || strchr(colon, '/'))
        return (cli_spec){.path = word};
    return (cli_spec){.path = arena_strndup(c->a, word, (size_t)(colon - word)), .function = colon + 1};
}

static void apply_command_line(cli *c, json_t *request) {
    json_t *options = json_object_get(request, "options");
    if (!options) {
        options = json_object();
        json_object_set_new(request, "options", options);
    }
    json_object_update(options, c->options);
    if (json_object_size(c->target))
        json_object_set(request, "target", c->target);
    if (c->signature)
        json_object_set_new(request, "signature", json_string(c->signature));
}

json_t *cli_request_of(cli *c, module *m, const module_function *f) {
    json_t *request = module_request(m, f);
    if (!request)
        return NULL;
    apply_command_line(c, request);
    return request;
}

static json_t *load_request(cli *c, const char *path) {
    json_error_t error;
    json_t *request = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (!request || !json_is_object(request)) {
        cli_fail(c, "%s: %s", path, request ? "not a request" : error.text);
        json_decref(request);
        return NULL;
    }
    apply_command_line(c, request);
    return request;
}

const char *cli_signature(cli *c, const module_function *f) {
    if (c->signature)
        return c->signature;
    if (f->n_signatures == 1)
        return f->signatures[0];
    cli_fail(c,
             f->n_signatures ? "%s has several signatures; choose one by --sig"
                             : "%s has no signature; give one by --sig",
             f->name->text);
    for (uint32_t i = 0; i < f->n_signatures; i++)
        fprintf(stderr, "    --sig \"%s\"\n", f->signatures[i]);
    return NULL;
}

static json_t *request_from_module(cli *c, module *m, const cli_spec *spec, const char *wanted) {
    const module_function *f = module_find(m, spec->function);
    if (!f) {
        cli_fail(c, "%s has no function '%s' at module level", spec->path, spec->function);
        return NULL;
    }
    const char *signature = wanted ? wanted : cli_signature(c, f);
    json_t *request = signature ? cli_request_of(c, m, f) : NULL;
    if (request)
        json_object_set_new(request, "signature", json_string(signature));
    return request;
}

json_t *cli_load(cli *c, const char *word, const char *wanted) {
    cli_spec spec = cli_read_spec(c, word);
    if (spec.is_request)
        return load_request(c, spec.path);
    if (!spec.function) {
        cli_misused(c, "which function of %s? write %s:FUNC", spec.path, spec.path);
        return NULL;
    }
    module *m = module_read(c->a, c->syms, c->d, spec.path);
    json_t *request = m ? request_from_module(c, m, &spec, wanted) : NULL;
    module_free(m);
    if (cli_report(c) != EXIT_DONE && request) {
        json_decref(request);
        return NULL;
    }
    return request;
}

/* ---- requests to artifacts ------------------------------------------------------------------------------------------------ */

void cli_ask_dump(json_t *request, const char *name) {
    json_t *options = json_object_get(request, "options"), *list = json_object_get(options, "dump");
    if (!list) {
        list = json_array();
        json_object_set_new(options, "dump", list);
    }
    json_array_append_new(list, json_string(name));
}

plait_artifact *cli_compile_request(cli *c, json_t *request) {
    char *written = json_dumps(request, JSON_COMPACT | JSON_SORT_KEYS);
    plait_artifact *artifact = NULL;
    plait_diagnostics *list = NULL;
    json_decref(request);
    if (!written) {
        cli_fail(c, "out of memory");
        return NULL;
    }
    plait_status status = plait_compile(written, strlen(written), &artifact, &list);
    free(written);
    print_diagnostics(list);
    if (status == PLAIT_OUT_OF_MEMORY)
        cli_fail(c, "out of memory");
    return status == PLAIT_OK ? artifact : NULL;
}
