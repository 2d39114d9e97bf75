/* plait run: arguments are read, their types make the signature, the kernel is called, and what it gave is printed or
 * written. Values travel in slots (plait/runtime.h); the artifact's metadata say which type lies in which. */
#include "cli/cli.h"
#include "cli/values.h"
#include "plait/config.h"
#include "plait/runtime.h"
#include "syntax/syntax.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct run {
    cli *c;
    const char *function;
    VEC(sym) parameters;
    VEC(cli_value) arguments;
    json_t *metadata;
    slot_list slots;
    int64_t *results;
} run;

/* ---- arguments ------------------------------------------------------------------------------------------------------------ */

static bool is_npy(const char *word) {
    size_t n = strlen(word);
    return n > 4 && !strcmp(word + n - 4, ".npy");
}

static bool read_argument(run *r, const char *word) {
    char error[NPY_ERROR_SIZE];
    cli_value a = {.word = word};
    if (is_npy(word)) {
        a.array = arena_make(r->c->a, npy_array);
        if (!npy_read(word, a.array, error))
            return cli_fail(r->c, "%s: %s", word, error) == EXIT_DONE;
    } else {
        a.constant = module_argument(r->c->a, r->c->syms, r->c->d, word);
        if (!a.constant)
            return cli_report(r->c) == EXIT_DONE;
    }
    vec_push(r->c->a, &r->arguments, a);
    return true;
}

static const char *signature_of(run *r) {
    text out = text_new(r->c->a);
    text_put(&out, "(");
    for (uint32_t i = 0; i < r->arguments.len; i++) {
        text_put(&out, i ? ", " : "");
        value_put_type(&out, &r->arguments.at[i]);
    }
    text_put(&out, ")");
    return out.at;
}

/* ---- into slots ------------------------------------------------------------------------------------------------------------ */

static bool push_arguments(run *r) {
    const json_t *types = json_object_get(r->metadata, "args");
    if (json_array_size(types) != r->arguments.len)
        return cli_fail(r->c, "%s takes %zu arguments, not %u", r->function, json_array_size(types),
                        r->arguments.len) == EXIT_DONE;
    for (uint32_t i = 0; i < r->arguments.len; i++) {
        const cli_value *a = &r->arguments.at[i];
        if (!value_push(r->c->a, &r->slots, a, json_array_get(types, i)))
            return cli_fail(r->c, "the argument %s does not suit the signature's type number %u", a->word, i + 1) ==
                   EXIT_DONE;
    }
    return true;
}

/* ---- results --------------------------------------------------------------------------------------------------------------- */

static double float_at(int64_t slot, int64_t bits) {
    double x;
    float single;
    uint32_t low = (uint32_t)slot;
    memcpy(&x, &slot, sizeof x);
    memcpy(&single, &low, sizeof single);
    return bits == 32 ? (double)single : x;
}

static void complex_at(const int64_t *slot, int64_t bits, double out[2]) {
    out[0] = float_at(slot[0], bits / 2);
    out[1] = bits == 64 ? float_at(slot[0] >> 32, 32) : float_at(slot[1], 64);
}

static void print_words(const char *s) {
    plrt_print_text(s, (int64_t)strlen(s));
}

static void print_value(const json_t *ty, const int64_t *slot);

static void print_tuple(const json_t *ty, const int64_t *slot) {
    const json_t *items = json_object_get(ty, "items"), *fields = json_object_get(ty, "fields");
    const char *name = json_string_value(json_object_get(ty, "name"));
    size_t i;
    json_t *item;
    print_words(name ? name : "");
    print_words("(");
    json_array_foreach(items, i, item) {
        print_words(i ? ", " : "");
        if (json_array_size(fields)) {
            print_words(json_string_value(json_array_get(fields, i)));
            print_words("=");
        }
        print_value(item, slot);
        slot += value_slots(item);
    }
    print_words(json_array_size(items) == 1 && !name ? ",)" : ")");
}

static void print_value(const json_t *ty, const int64_t *slot) {
    int64_t bits = value_number(ty, "bits");
    double parts[2];
    if (value_is(ty, "bool")) {
        plrt_print_bool(slot[0] != 0);
    } else if (value_is(ty, "int") && json_is_true(json_object_get(ty, "signed"))) {
        plrt_print_int(slot[0]);
    } else if (value_is(ty, "int")) {
        plrt_print_uint((uint64_t)slot[0]);
    } else if (value_is(ty, "float") && bits == 32) {
        plrt_print_float32((float)float_at(slot[0], 32));
    } else if (value_is(ty, "float")) {
        plrt_print_float(float_at(slot[0], 64));
    } else if (value_is(ty, "complex")) {
        complex_at(slot, bits, parts);
        plrt_print_complex(parts[0], parts[1]);
    } else if (value_is(ty, "tuple")) {
        print_tuple(ty, slot);
    } else if (value_is(ty, "array")) {
        plrt_print_array((const plrt_array *)slot, (int32_t)value_number(ty, "ndim"),
                         value_code(json_object_get(ty, "dtype")));
    } else if (value_is(ty, "str")) {
        print_words(json_string_value(json_object_get(ty, "text")));
    } else {
        print_words("None");
    }
}

static npy_array array_at(const json_t *ty, const int64_t *slot) {
    const json_t *dtype = json_object_get(ty, "dtype");
    npy_array a = {.kind = value_letter(dtype), .size = value_bytes(dtype), .ndim = (uint32_t)value_number(ty, "ndim")};
    a.data = (void *)(intptr_t)slot[0];
    memcpy(a.shape, slot + 2, a.ndim * sizeof *a.shape);
    memcpy(a.strides, slot + 2 + a.ndim, a.ndim * sizeof *a.strides);
    return a;
}

/* Writes the arrays among the results to the files of -o, in order. */
static bool write_arrays(run *r, const json_t *ty, const int64_t *slot, uint32_t *next) {
    char error[NPY_ERROR_SIZE];
    size_t i;
    json_t *item;
    if (value_is(ty, "tuple")) {
        json_array_foreach(json_object_get(ty, "items"), i, item) {
            if (!write_arrays(r, item, slot, next))
                return false;
            slot += value_slots(item);
        }
        return true;
    }
    if (!value_is(ty, "array") || *next >= r->c->outputs.len)
        return true;
    npy_array a = array_at(ty, slot);
    const char *path = r->c->outputs.at[(*next)++];
    return npy_write(path, &a, error) || cli_fail(r->c, "%s: %s", path, error) == EXIT_DONE;
}

static void note_parameters(run *r, const ast_list *args) {
    for (uint32_t i = 0; i < args->len; i++)
        vec_push(r->c->a, &r->parameters, args->at[i]->arg.arg);
}

/* The names of the parameters stand in the request's source alone. */
static void read_parameters(run *r, const json_t *request) {
    cli *c = r->c;
    const char *body = json_string_value(json_object_get(request, "source"));
    const json_t *line = json_object_get(request, "line");
    if (!body || !r->function)
        return;
    body = arena_strndup(c->a, body, strlen(body));
    uint32_t file = diag_add_source(c->d, "<request>", body, strlen(body), 1, 0);
    ast *tree = syntax_parse(c->a, c->syms, c->d, file);
    const ast *f =
        tree ? syntax_find_function(tree, sym_of(c->syms, r->function), (uint32_t)json_integer_value(line), 0) : NULL;
    c->d->items.len = c->d->errors = 0; /* the compiler says it better */
    if (!f || f->kind != AST_FunctionDef)
        return;
    note_parameters(r, &f->FunctionDef.args->arguments.posonlyargs);
    note_parameters(r, &f->FunctionDef.args->arguments.args);
}

/* Arguments that are not given have their defaults. */
static void add_defaults(run *r, const json_t *request) {
    const json_t *defaults = json_object_get(request, "defaults");
    for (uint32_t i = r->arguments.len; i < r->parameters.len; i++) {
        json_t *given = json_object_get(defaults, r->parameters.at[i]->text);
        if (!given)
            return;
        cli_value a = {.word = r->parameters.at[i]->text, .constant = json_incref(given)};
        vec_push(r->c->a, &r->arguments, a);
    }
}

/* The array argument of a parameter, or NULL. */
static const npy_array *argument_called(const run *r, const char *name, size_t len) {
    for (uint32_t i = 0; i < r->arguments.len && i < r->parameters.len; i++) {
        if (r->parameters.at[i]->len == len && !memcmp(r->parameters.at[i]->text, name, len))
            return r->arguments.at[i].array;
    }
    return NULL;
}

/* --save NAME=FILE */
static bool save_arguments(run *r) {
    char error[NPY_ERROR_SIZE];
    for (uint32_t i = 0; i < r->c->saves.len; i++) {
        const char *save = r->c->saves.at[i], *path = strchr(save, '=') + 1;
        const npy_array *a = argument_called(r, save, (size_t)(path - save - 1));
        if (!a)
            return cli_fail(r->c, "--save %s: there is no such array argument", save) == EXIT_DONE;
        if (!npy_write(path, a, error))
            return cli_fail(r->c, "%s: %s", path, error) == EXIT_DONE;
    }
    return true;
}

/* ---- the call ---------------------------------------------------------------------------------------------------------------- */

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* As Python ends a traceback: where, then what. */
static void print_raised(run *r, const plait_kernel *kernel, const plrt_error *err) {
    char message[1000];
    const json_t *site =
        err->site > 0 ? json_array_get(json_object_get(r->metadata, "sites"), (size_t)err->site - 1) : NULL;
    plait_kernel_error_text(kernel, err, message, sizeof message);
    fflush(stdout);
    if (site && value_number(site, "line"))
        fprintf(stderr, "  File \"%s\", line %lld, in %s\n", json_string_value(json_object_get(site, "file")),
                (long long)value_number(site, "line"), json_string_value(json_object_get(site, "function")));
    fprintf(stderr, "%s\n", message);
}

static int print_results(run *r, const json_t *result) {
    uint32_t next = 0;
    if (!write_arrays(r, result, r->results, &next))
        return EXIT_FAILED;
    if (next < r->c->outputs.len)
        return cli_fail(r->c, "%s: the result has no array for it", r->c->outputs.at[next]);
    if (next || value_is(result, "none"))
        return EXIT_DONE;
    print_value(result, r->results);
    print_words("\n");
    plrt_print_end();
    return EXIT_DONE;
}

static int64_t bytes_of_arguments(const run *r) {
    int64_t sum = 0;
    for (uint32_t i = 0; i < r->arguments.len; i++) {
        const npy_array *a = r->arguments.at[i].array;
        int64_t bytes = a ? a->size : 0;
        for (uint32_t k = 0; a && k < a->ndim; k++)
            bytes *= a->shape[k];
        sum += bytes;
    }
    return sum;
}

/* "module.function", by which configuration files know the kernel. */
static const plrt_kernel_settings *settings_of(const run *r) {
    const char *path = cli_read_spec(r->c, r->c->words.at[0]).path, *slash = strrchr(path, '/');
    path = slash ? slash + 1 : path;
    int stem = (int)strcspn(path, ".");
    return r->function ? plrt_config_kernel(arena_printf(r->c->a, "%.*s.%s", stem, path, r->function)) : NULL;
}

static int32_t enter(const run *r, const plait_kernel *kernel, plrt_error *err) {
    plrt_call frame;
    plrt_call_enter(&frame, settings_of(r), NULL, bytes_of_arguments(r));
    int32_t status = plait_kernel_entry(kernel)(r->slots.at, r->results, err);
    plrt_call_leave(&frame);
    return status;
}

static int call(run *r, const plait_kernel *kernel) {
    const json_t *result = json_object_get(r->metadata, "result");
    double best = 1e300;
    r->results = arena_array(r->c->a, int64_t, value_slots(result) + 1);
    for (int64_t i = 0; i < r->c->repeat; i++) {
        plrt_error err = {0};
        if (i)
            value_release(result, r->results);
        double start = seconds();
        if (enter(r, kernel, &err) != 0) {
            print_raised(r, kernel, &err);
            return EXIT_FAILED;
        }
        double took = seconds() - start;
        best = took < best ? took : best;
    }
    int status = print_results(r, result);
    value_release(result, r->results);
    if (status == EXIT_DONE && !save_arguments(r))
        status = EXIT_FAILED;
    if (r->c->time)
        fprintf(stderr, "%.6f s\n", best);
    return status;
}

static int load_and_call(run *r, const plait_artifact *artifact) {
    plait_kernel *kernel = NULL;
    plait_diagnostics *list = NULL;
    r->metadata = json_loads(plait_artifact_metadata(artifact), 0, NULL);
    r->slots.len = 0;
    vec_push(r->c->a, &r->slots, 0);
    r->slots.len = 0;
    if (!push_arguments(r))
        return EXIT_FAILED;
    plait_status status = plait_load(artifact, &kernel, &list);
    for (size_t i = 0; list && i < plait_diagnostics_count(list); i++)
        fprintf(stderr, "%s\n", plait_diagnostics_get(list, i).text);
    plait_diagnostics_free(list);
    if (status != PLAIT_OK)
        return cli_fail(r->c, "the kernel cannot be loaded");
    int exit_status = call(r, kernel);
    plait_kernel_free(kernel);
    return exit_status;
}

static int compile_and_call(run *r) {
    cli *c = r->c;
    json_t *request = cli_load(c, c->words.at[0], c->signature ? c->signature : "");
    if (!request)
        return EXIT_FAILED;
    const char *function = json_string_value(json_object_get(request, "function"));
    r->function = arena_printf(c->a, "%s", function ? function : "?");
    read_parameters(r, request);
    add_defaults(r, request);
    if (!c->signature)
        json_object_set_new(request, "signature", json_string(signature_of(r)));
    plait_artifact *artifact = cli_compile_request(c, request);
    if (!artifact)
        return EXIT_FAILED;
    int status = load_and_call(r, artifact);
    plait_artifact_free(artifact);
    return status;
}

int cli_run(cli *c) {
    run r = {.c = c};
    int status = EXIT_FAILED;
    if (!c->words.len)
        return cli_misused(c, "run takes FILE.py:FUNC and arguments");
    if (plrt_config_problems())
        return cli_fail(c, "%s", plrt_config_problems());
    if (c->threads > plrt_max_threads())
        return cli_misused(c, "--threads: 1 to %d are possible", plrt_max_threads());
    plrt_choice saved;
    plrt_choice_push(&(plrt_choice){.threads = (int32_t)c->threads}, &saved);
    bool ok = true;
    for (uint32_t i = 1; i < c->words.len && ok; i++)
        ok = read_argument(&r, c->words.at[i]);
    if (ok)
        status = compile_and_call(&r);
    for (uint32_t i = 0; i < r.arguments.len; i++) {
        json_decref(r.arguments.at[i].constant);
        if (r.arguments.at[i].array)
            npy_free(r.arguments.at[i].array);
    }
    json_decref(r.metadata);
    return status;
}
