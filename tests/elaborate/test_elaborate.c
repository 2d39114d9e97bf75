/* golden/NAME.py elaborates to golden/NAME.kir, which is valid KIR; PLAIT_BLESS=1 rewrites the .kir files.
 * errors/NAME.py is refused: with exactly the errors that stand in comments on their lines, "# Class: message" and, when
 * the error has one, " | hint" behind.
 * The first line of a file gives the types of the last function's arguments; the others are kernels that it may call. */
#include "elaborate/elaborate.h"
#include "syntax/syntax.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct unit {
    arena *a;
    sym_table *syms;
    types *t;
    diags *d;
    const char *path;
    text written;
    VEC(bound_name) names;
    VEC(elab_source *) sources;
} unit;

static text read_file(arena *a, const char *path) {
    text out = text_new(a);
    char buffer[4096];
    text_putn(&out, "", 0);
    FILE *file = fopen(path, "rb");
    if (!file)
        return out;
    for (size_t n; (n = fread(buffer, 1, sizeof buffer, file)) > 0;)
        text_putn(&out, buffer, n);
    fclose(file);
    return out;
}

static void bind(unit *u, const char *name, bound b) {
    bound *kept = arena_make(u->a, bound);
    *kept = b;
    vec_push(u->a, &u->names, (bound_name){sym_of(u->syms, name), kept});
}

static void bind_module(unit *u, const char *name, const char *module) {
    bind(u, name, (bound){.kind = BOUND_MODULE, .text = sym_of(u->syms, module)});
}

static void bind_functions(unit *u, const ast *module) {
    for (uint32_t i = 0; i < module->Module.body.len; i++) {
        ast *f = module->Module.body.at[i];
        if (f->kind != AST_FunctionDef)
            continue;
        elab_source *s = arena_make(u->a, elab_source);
        s->function = f;
        s->name = f->FunctionDef.name;
        s->key = s->name->text;
        vec_push(u->a, &u->sources, s);
        bind(u, s->name->text, (bound){.kind = BOUND_KERNEL, .kernel = s});
    }
    for (uint32_t i = 0; i < u->sources.len; i++) {
        u->sources.at[i]->n_names = u->names.len;
        u->sources.at[i]->names = u->names.at;
    }
}

static type *const *take_signature(unit *u, uint32_t *n) {
    const char *end = strchr(u->written.at, '\n');
    cr_assert(u->written.at[0] == '#' && end, "%s: the first line gives the arguments' types", u->path);
    const char *signature = arena_strndup(u->a, u->written.at + 1, (size_t)(end - u->written.at) - 1);
    type *result;
    type *const *args;
    cr_assert(type_parse_signature(u->t, u->a, signature, u->d, &result, &args, n), "%s: %s", u->path, signature);
    return args;
}

/* The module, or NULL when there are errors. */
static kir_module *elaborate_file(unit *u, const char *path) {
    u->a = arena_new(NULL);
    u->syms = sym_table_new(u->a);
    u->t = types_new(u->a, u->syms);
    u->d = diags_new(u->a);
    u->path = path;
    u->written = read_file(u->a, path);
    uint32_t file = diag_add_source(u->d, path, u->written.at, u->written.len, 1, 0), n;
    const ast *tree = syntax_parse(u->a, u->syms, u->d, file);
    cr_assert(tree, "%s does not parse", path);
    bind_module(u, "np", "numpy");
    bind_module(u, "math", "math");
    bind_module(u, "cmath", "cmath");
    bind_module(u, "operator", "operator");
    bind(u, "prange", (bound){.kind = BOUND_OBJECT, .text = sym_of(u->syms, "plait.prange")});
    bind(u, "N", (bound){.kind = BOUND_INT, .i = 10});
    bind_functions(u, tree);
    type *const *args = take_signature(u, &n);
    kir_module *m = kir_module_new(u->a, u->syms, u->t, u->d);
    elab_result result = {0};
    return elaborate(m, u->sources.at[u->sources.len - 1], args, n, NULL, &result) ? m : NULL;
}

static const char *all_diagnostics(unit *u) {
    text out = text_new(u->a);
    text_put(&out, "");
    for (uint32_t i = 0; i < u->d->items.len; i++)
        diag_render(u->d, &u->d->items.at[i], &out);
    return out.at ? out.at : "";
}

static void each_file(const char *folder, void (*check)(const char *path)) {
    char dir_path[4096];
    snprintf(dir_path, sizeof dir_path, "%s/%s", PLAIT_TEST_DIR, folder);
    DIR *dir = opendir(dir_path);
    int count = 0;
    cr_assert(dir, "%s", dir_path);
    for (struct dirent *entry; (entry = readdir(dir));) {
        size_t n = strlen(entry->d_name);
        if (n < 4 || strcmp(entry->d_name + n - 3, ".py") != 0)
            continue;
        char path[8192];
        snprintf(path, sizeof path, "%s/%s", dir_path, entry->d_name);
        check(path);
        count++;
    }
    closedir(dir);
    cr_assert(count > 0, "no files in %s", dir_path);
}

static void write_file(const char *path, const char *written) {
    FILE *file = fopen(path, "wb");
    cr_assert(file, "%s", path);
    fputs(written, file);
    fclose(file);
}

static void check_golden(const char *path) {
    unit u = {0};
    kir_module *m = elaborate_file(&u, path);
    cr_assert(m, "%s: %s", path, all_diagnostics(&u));
    const char *wrong = kir_verify(m);
    cr_assert(!wrong, "%s: %s", path, wrong);
    text printed = text_new(u.a);
    kir_print_module(m, &printed);
    const char *golden = arena_printf(u.a, "%.*s.kir", (int)(strlen(path) - 3), path);
    if (getenv("PLAIT_BLESS"))
        write_file(golden, printed.at);
    text expected = read_file(u.a, golden);
    cr_expect_str_eq(printed.at, expected.at, "%s has changed:\n%s", golden, printed.at);
    arena_free(u.a);
}

static void put_error(text *out, uint32_t line, const char *said) {
    text_printf(out, "%u: %s\n", line, said);
}

/* What the comments of the file ask for. */
static const char *expected_errors(unit *u) {
    text out = text_new(u->a);
    text_put(&out, "");
    uint32_t line = 0;
    for (char *at = u->written.at; at && *at; line++) {
        char *end = strchr(at, '\n');
        size_t n = end ? (size_t)(end - at) : strlen(at);
        const char *row = arena_strndup(u->a, at, n), *comment = strstr(row, "  # ");
        if (comment)
            put_error(&out, line + 1, comment + 4);
        at = end ? end + 1 : NULL;
    }
    return out.at;
}

static const char *found_errors(unit *u) {
    text out = text_new(u->a);
    text_put(&out, "");
    for (uint32_t line = 1; line < 200; line++)
        for (uint32_t i = 0; i < u->d->items.len; i++) {
            const diag *d = &u->d->items.at[i];
            if (d->at.line != line)
                continue;
            text said = text_new(u->a);
            text_printf(&said, "%s: %s", diag_class_name(d->class), d->message);
            if (d->hint)
                text_printf(&said, " | %s", d->hint);
            put_error(&out, line, said.at);
        }
    return out.at;
}

static void check_errors(const char *path) {
    unit u = {0};
    kir_module *m = elaborate_file(&u, path);
    cr_expect(!m, "%s is accepted", path);
    cr_expect_str_eq(found_errors(&u), expected_errors(&u), "%s:\n%s", path, all_diagnostics(&u));
    arena_free(u.a);
}

Test(elaborate, kernels_become_the_kir_beside_them) {
    each_file("golden", check_golden);
}

Test(elaborate, errors_stand_on_their_lines) {
    each_file("errors", check_errors);
}
