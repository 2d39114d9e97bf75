/* plait compile, dump, request, explain: an artifact is made, and something of it is written. */
#include "cli/cli.h"
#include "syntax/syntax.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- times ------------------------------------------------------------------------------------------------------------ */

static void print_phase(const char *name, const json_t *ms, double total) {
    double x = json_number_value(ms);
    fprintf(stderr, "  %-16s %9.3f ms  %5.1f %%\n", name, x, total > 0 ? 100 * x / total : 0);
}

void cli_print_timings(const char *function, const plait_artifact *artifact) {
    json_t *timings = json_loads(plait_artifact_timings(artifact), 0, NULL), *ms, *pass;
    double total = json_number_value(json_object_get(timings, "total"));
    const char *phase, *name;
    fflush(stdout);
    fprintf(stderr, "%s: compiled in %.3f ms\n", function, total);
    json_object_foreach(timings, phase, ms) {
        if (json_is_number(ms) && strcmp(phase, "total") != 0)
            print_phase(phase, ms, total);
        json_object_foreach(ms, name, pass) print_phase(name, pass, total);
    }
    json_decref(timings);
}

/* ---- compile ---------------------------------------------------------------------------------------------------------- */

static const char *extension(const char *path) {
    const char *dot = strrchr(path, '.');
    return dot && !strchr(dot, '/') ? dot : "";
}

/* What has to be asked for before the compile so that the file can be written; NULL for an unknown kind. */
static const char *dump_for(const char *path) {
    static const char *const kinds[][2] = {{".o", ""}, {".so", ""}, {".h", ""}, {".ll", "optimized"}, {".s", "asm"}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (!strcmp(extension(path), kinds[i][0]))
            return kinds[i][1];
    }
    return NULL;
}

static int write_output(cli *c, const plait_artifact *artifact, const char *path) {
    plait_diagnostics *list = NULL;
    plait_status status = plait_artifact_write(artifact, path, &list);
    int error = errno;
    for (size_t i = 0; list && i < plait_diagnostics_count(list); i++)
        fprintf(stderr, "%s\n", plait_diagnostics_get(list, i).text);
    plait_diagnostics_free(list);
    if (status == PLAIT_IO_ERROR)
        return cli_fail(c, "%s: %s", path, strerror(error));
    return status == PLAIT_OK ? EXIT_DONE : EXIT_FAILED;
}

int cli_compile(cli *c) {
    if (c->words.len != 1)
        return cli_misused(c, "compile takes one FILE.py:FUNC");
    if (!c->outputs.len)
        return cli_misused(c, "where to? -o OUT.{o,so,ll,s,h}");
    for (uint32_t i = 0; i < c->outputs.len; i++) {
        if (!dump_for(c->outputs.at[i]))
            return cli_misused(c, "%s: the name must end in .o, .so, .ll, .s or .h", c->outputs.at[i]);
    }
    json_t *request = cli_load(c, c->words.at[0], NULL);
    if (!request)
        return EXIT_FAILED;
    for (uint32_t i = 0; i < c->outputs.len; i++) {
        if (*dump_for(c->outputs.at[i]))
            cli_ask_dump(request, dump_for(c->outputs.at[i]));
    }
    plait_artifact *artifact = cli_compile_request(c, request);
    if (!artifact)
        return EXIT_FAILED;
    int status = EXIT_DONE;
    for (uint32_t i = 0; i < c->outputs.len && status == EXIT_DONE; i++)
        status = write_output(c, artifact, c->outputs.at[i]);
    if (c->time_report)
        cli_print_timings(c->words.at[0], artifact);
    plait_artifact_free(artifact);
    return status;
}

/* ---- request ------------------------------------------------------------------------------------------------------------ */

int cli_request(cli *c) {
    if (c->words.len != 1)
        return cli_misused(c, "request takes one FILE.py:FUNC");
    json_t *request = cli_load(c, c->words.at[0], NULL);
    if (!request)
        return EXIT_FAILED;
    json_dumpf(request, stdout, JSON_INDENT(2) | JSON_SORT_KEYS);
    printf("\n");
    json_decref(request);
    return EXIT_DONE;
}

/* ---- dump --------------------------------------------------------------------------------------------------------------- */

/* Tokens and tree of a whole file or of one of its functions need no compile. */
static int dump_syntax(cli *c, const char *name, const cli_spec *spec) {
    text out = text_new(c->a);
    module *m = module_read(c->a, c->syms, c->d, spec->path);
    if (!m)
        return cli_report(c);
    uint32_t file = module_file(m);
    const module_function *f = spec->function ? module_find(m, spec->function) : NULL;
    if (spec->function && !f) {
        module_free(m);
        return cli_fail(c, "%s has no function '%s' at module level", spec->path, spec->function);
    }
    if (!strcmp(name, "tokens"))
        syntax_print_tokens(&c->d->sources.at[file], &out);
    else
        ast_print(f ? f->def : syntax_parse(c->a, c->syms, c->d, file), true, &out);
    module_free(m);
    fputs(out.at, stdout);
    return EXIT_DONE;
}

static const char *stage_text(const plait_artifact *artifact, const char *name) {
    static const struct {
        const char *name;
        const char *(*get)(const plait_artifact *a);
    } facts[] = {{"timings", plait_artifact_timings},
                 {"metadata", plait_artifact_metadata},
                 {"object-symbol", plait_artifact_entry}};
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++) {
        if (!strcmp(facts[i].name, name))
            return facts[i].get(artifact);
    }
    return plait_artifact_dump(artifact, name);
}

static const char *const all_stages[] = {"types", "kir", "llvm", "optimized", "asm", "timings", NULL};

static int print_stage(cli *c, const plait_artifact *artifact, const char *name) {
    const char *found = stage_text(artifact, name);
    if (!found)
        return cli_fail(c, "no stage is called '%s' (plait dump --help lists them)", name);
    fputs(found, stdout);
    if (*found && found[strlen(found) - 1] != '\n')
        printf("\n");
    return EXIT_DONE;
}

static int print_all_stages(cli *c, const plait_artifact *artifact) {
    for (const char *const *name = all_stages; *name; name++) {
        if (!stage_text(artifact, *name))
            continue;
        printf("---- %s\n", *name);
        print_stage(c, artifact, *name);
    }
    return EXIT_DONE;
}

int cli_dump(cli *c) {
    if (c->words.len != 2)
        return cli_misused(c, "dump takes NAME and FILE.py:FUNC");
    const char *name = c->words.at[0];
    cli_spec spec = cli_read_spec(c, c->words.at[1]);
    if (!spec.is_request && (!strcmp(name, "tokens") || !strcmp(name, "ast")))
        return dump_syntax(c, name, &spec);
    json_t *request = cli_load(c, c->words.at[1], NULL);
    if (!request)
        return EXIT_FAILED;
    if (!strcmp(name, "request")) {
        json_dumpf(request, stdout, JSON_INDENT(2) | JSON_SORT_KEYS);
        json_decref(request);
        return printf("\n") < 0;
    }
    cli_ask_dump(request, name);
    plait_artifact *artifact = cli_compile_request(c, request);
    if (!artifact)
        return EXIT_FAILED;
    int status = !strcmp(name, "all") ? print_all_stages(c, artifact) : print_stage(c, artifact, name);
    plait_artifact_free(artifact);
    return status;
}

/* ---- explain -------------------------------------------------------------------------------------------------------------- */

typedef struct explained {
    const char *path, *function, *signature, *why; /* why: where a guessed signature comes from */
    bool guessed, uncertain;
} explained;

static json_t *as_json(const plait_artifact *artifact, const explained *e) {
    json_t *loops = json_loads(plait_artifact_report(artifact), 0, NULL);
    return json_pack("{s:s,s:s,s:b,s:s?,s:o}", "function", e->function, "signature", plait_artifact_signature(artifact),
                     "guessed", e->guessed, "guessed_from", e->why, "loops", loops ? loops : json_array());
}

/* What was assumed, why, and how to say it better. */
static void print_guess(const explained *e) {
    if (!e->guessed)
        return;
    printf("%s: signature %s guessed\n    from %s\n", e->function, e->signature, e->why);
    printf("    %s: plait explain %s:%s --sig '%s'\n",
           e->uncertain ? "the file does not tell all of it; for other types" : "for other types", e->path, e->function,
           e->signature);
}

/* One kernel: its report, as text or into `list`. */
static int explain(cli *c, json_t *request, const explained *e, json_t *list) {
    plait_artifact *artifact = cli_compile_request(c, request);
    if (!artifact && e->guessed)
        fprintf(stderr, "plait: %s was compiled for the guessed signature %s (%s); give the right one by --sig\n",
                e->function, e->signature, e->why);
    if (!artifact)
        return EXIT_FAILED;
    if (list) {
        json_array_append_new(list, as_json(artifact, e));
    } else {
        print_guess(e);
        fputs(plait_artifact_explain(artifact), stdout);
    }
    if (c->time_report)
        cli_print_timings(e->function, artifact);
    plait_artifact_free(artifact);
    return EXIT_DONE;
}

static int explain_function(cli *c, module *m, const module_function *f, json_t *list) {
    explained e = {.path = c->d->sources.at[module_file(m)].name, .function = f->name->text, .signature = c->signature};
    if (!e.signature && f->n_signatures)
        e.signature = f->signatures[0];
    e.guessed = !e.signature;
    if (e.guessed) {
        signature_guess g = module_guess(m, f);
        e.signature = g.signature;
        e.why = g.why;
        e.uncertain = g.uncertain;
    }
    json_t *request = cli_request_of(c, m, f);
    if (cli_report(c) != EXIT_DONE || !request)
        return EXIT_FAILED;
    json_object_set_new(request, "signature", json_string(e.signature));
    return explain(c, request, &e, list);
}

static int explain_module(cli *c, module *m, const cli_spec *spec, json_t *list) {
    int status = EXIT_DONE;
    uint32_t kernels = 0;
    const module_function *one = spec->function ? module_find(m, spec->function) : NULL;
    if (spec->function && !one)
        return cli_fail(c, "%s has no function '%s' at module level", spec->path, spec->function);
    if (one)
        return explain_function(c, m, one, list);
    for (uint32_t i = 0; i < module_count(m); i++) {
        const module_function *f = module_at(m, i);
        if (!f->is_kernel)
            continue;
        if (kernels++ && !list)
            printf("\n");
        if (explain_function(c, m, f, list) != EXIT_DONE)
            status = EXIT_FAILED;
    }
    return kernels ? status : cli_fail(c, "%s has no function decorated with njit or jit", spec->path);
}

static int explain_request(cli *c, const char *word, json_t *list) {
    json_t *request = cli_load(c, word, NULL);
    const char *function = json_string_value(json_object_get(request, "function"));
    explained e = {.function = arena_printf(c->a, "%s", function ? function : "?"), .signature = ""};
    return request ? explain(c, request, &e, list) : EXIT_FAILED;
}

static int explain_word(cli *c, const cli_spec *spec, json_t *list) {
    if (spec->is_request)
        return explain_request(c, spec->path, list);
    module *m = module_read(c->a, c->syms, c->d, spec->path);
    if (!m)
        return cli_report(c);
    int status = explain_module(c, m, spec, list);
    module_free(m);
    return status;
}

int cli_explain(cli *c) {
    if (c->words.len != 1)
        return cli_misused(c, "explain takes one FILE.py or FILE.py:FUNC");
    cli_spec spec = cli_read_spec(c, c->words.at[0]);
    if (c->signature && !spec.function && !spec.is_request)
        return cli_misused(c, "--sig is for one function: %s:FUNC", spec.path);
    json_t *list = c->json ? json_array() : NULL;
    int status = explain_word(c, &spec, list);
    if (list) {
        json_dumpf(list, stdout, JSON_INDENT(2));
        printf("\n");
        json_decref(list);
    }
    return status;
}
