/* Each file of golden/PASS/ is a claim: "# run: PASSES" on line 1, a module, "# becomes:", and what those passes make of
 * it, with the structure it must keep on the last line ("# loops 1, parallel 1, …"). The module is verified after every
 * pass and must print as it parses. PLAIT_BLESS=1 rewrites what follows "# becomes:"; read the difference. */
#include "passes/pass.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static arena *a;
static sym_table *syms;
static types *t;
static diags *d;

static void set_up(void) {
    a = arena_new(NULL);
    syms = sym_table_new(a);
    t = types_new(a, syms);
    d = diags_new(a);
    d->limit = 10000;
}

static void tear_down(void) {
    arena_free(a);
}

TestSuite(passes, .init = set_up, .fini = tear_down);

static const char separator[] = "# becomes:\n";

static text read_file(const char *path) {
    text out = text_new(a);
    char buffer[4096];
    FILE *file = fopen(path, "rb");
    cr_assert(file, "%s", path);
    text_put(&out, "");
    for (size_t n; (n = fread(buffer, 1, sizeof buffer, file)) > 0;)
        text_putn(&out, buffer, n);
    fclose(file);
    return out;
}

static const char *last_message(void) {
    return d->items.len ? d->items.at[d->items.len - 1].message : "no message";
}

/* ---- structure ------------------------------------------------------------------------------------------------------ */

typedef struct counts {
    int loops, parallel, vector, regions, checks, ifs, stores, loads, calls;
} counts;

static bool count_stmt(kir_stmt *s, void *context) {
    counts *n = context;
    n->loops += s->kind == KIR_FOR;
    n->parallel += s->kind == KIR_FOR && s->loop->parallel;
    n->vector += s->kind == KIR_FOR && s->loop->vector;
    n->regions += s->kind == KIR_REGION;
    n->checks += s->kind == KIR_CHECK;
    n->ifs += s->kind == KIR_IF;
    n->stores += s->kind == KIR_STORE;
    n->loads += s->kind == KIR_ASSIGN && s->value->kind == KIR_LOAD;
    n->calls += s->kind == KIR_CALL;
    return true;
}

static void put_counts(const kir_module *m, text *out) {
    counts n = {0};
    for (uint32_t i = 0; i < m->fns.len; i++)
        kir_each_stmt(&m->fns.at[i]->body, count_stmt, &n);
    text_printf(out,
                "# loops %d, parallel %d, vector %d, regions %d, checks %d, ifs %d, loads %d, stores %d, calls %d\n",
                n.loops, n.parallel, n.vector, n.regions, n.checks, n.ifs, n.loads, n.stores, n.calls);
}

/* ---- one file --------------------------------------------------------------------------------------------------------- */

static bool reads_back(kir_module *m, const char *path, const char *name) {
    text once = text_new(a), twice = text_new(a);
    kir_print_module(m, &once);
    kir_module *again = kir_parse(a, syms, t, d, once.at, once.len);
    cr_expect(again, "%s: after %s the text does not parse: %s\n%s", path, name, last_message(), once.at);
    if (!again)
        return false;
    kir_print_module(again, &twice);
    cr_expect_str_eq(once.at, twice.at, "%s: after %s the text reads back differently", path, name);
    return true;
}

static void run_passes(kir_module *m, const char *path, const char *names) {
    char name[32];
    for (int used = 0; sscanf(names, " %31[a-z_]%n", name, &used) == 1; names += used) {
        if (strcmp(name, "all") == 0) {
            pass_run_options options = {.verify = true};
            cr_expect(passes_run(m, &options), "%s: %s", path, last_message());
        } else {
            bool ok = passes_run_one(m, name, true);
            text now = text_new(a);
            kir_print_module(m, &now);
            cr_expect(ok, "%s: %s: %s\n%s", path, name, last_message(), now.at);
        }
        if (!reads_back(m, path, name))
            return;
    }
}

static void check_file(const char *path) {
    text written = read_file(path);
    const char *head = "# run:";
    cr_assert_eq(strncmp(written.at, head, strlen(head)), 0, "%s: line 1 says what runs", path);
    char *names = arena_strndup(a, written.at + strlen(head), strcspn(written.at, "\n") - strlen(head));
    char *split = strstr(written.at, separator);
    size_t input = split ? (size_t)(split - written.at) : written.len;
    kir_module *m = kir_parse(a, syms, t, d, written.at, input);
    cr_expect(m, "%s:%u: %s", path, d->items.len ? d->items.at[d->items.len - 1].at.line : 0, last_message());
    if (!m)
        return;
    run_passes(m, path, names);
    text now = text_new(a);
    text_putn(&now, written.at, input);
    text_put(&now, separator);
    kir_print_module(m, &now);
    put_counts(m, &now);
    if (getenv("PLAIT_BLESS")) {
        FILE *file = fopen(path, "wb");
        fwrite(now.at, 1, now.len, file);
        fclose(file);
        return;
    }
    cr_expect_str_eq(now.at, written.at, "%s: now:\n%s", path, now.at + input);
}

static int check_folder(const char *folder) {
    DIR *dir = opendir(folder);
    int count = 0;
    if (!dir)
        return 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (entry->d_name[0] == '.')
            continue;
        const char *path = arena_printf(a, "%s/%s", folder, entry->d_name);
        if (strstr(entry->d_name, ".kir"))
            check_file(path), count++;
        else
            count += check_folder(path);
    }
    closedir(dir);
    return count;
}

Test(passes, golden_files) {
    const char *only = getenv("PLAIT_GOLDEN"); /* one file or folder below golden/ */
    const char *root = arena_printf(a, "%s/golden%s%s", PLAIT_TEST_DIR, only ? "/" : "", only ? only : "");
    if (only && strstr(only, ".kir"))
        check_file(root);
    else
        cr_assert_gt(check_folder(root), 0);
}

/* ---- reasons and the table ----------------------------------------------------------------------------------------------- */

static void gather_text(const char *folder, text *all) {
    DIR *dir = opendir(folder);
    if (!dir)
        return;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (entry->d_name[0] == '.')
            continue;
        const char *path = arena_printf(a, "%s/%s", folder, entry->d_name);
        if (strstr(entry->d_name, ".kir"))
            text_put(all, read_file(path).at);
        else
            gather_text(path, all);
    }
    closedir(dir);
}

Test(passes, every_reason_has_a_golden_file) {
    text all = text_new(a);
    gather_text(arena_printf(a, "%s/golden", PLAIT_TEST_DIR), &all);
    for (size_t i = 0; pass_reason_code(i); i++)
        cr_expect(strstr(all.at, arena_printf(a, "reason=\"%s\"", pass_reason_code(i))), "%s is in no golden file",
                  pass_reason_code(i));
}

Test(passes, what_a_row_needs_is_given_by_an_earlier_row) {
    uint32_t given = 0;
    for (const pass *p = pass_table; p->name; p++) {
        cr_expect_eq(p->needs & ~given, 0u, "%s needs what no earlier pass gives", p->name);
        given |= p->gives;
    }
}

static const char saxpy[] = "options parallel par_prange opt=3\n"
                            "fn entry @f(%x.0: array(float64, 1d, C)) -> () {\n"
                            "    for %i.1: int64 in [0, dim(%x.0, 0), 1) prange {\n"
                            "        %2: float64 = %x.0[%i.1]\n"
                            "        %x.0[%i.1] = (%2 * 2.0)\n"
                            "    }\n"
                            "    return\n"
                            "}\n";

static void run_all(kir_module *m, const char *const *disable) {
    pass_run_options options = {.disable = disable, .verify = true};
    cr_assert(passes_run(m, &options), "%s", last_message());
}

static counts count_all(kir_module *m) {
    counts n = {0};
    for (uint32_t i = 0; i < m->fns.len; i++)
        kir_each_stmt(&m->fns.at[i]->body, count_stmt, &n);
    return n;
}

Test(passes, each_pass_can_be_switched_off) {
    for (const pass *p = pass_table; p->name; p++) {
        const char *const disable[] = {p->name, NULL};
        kir_module *m = kir_parse(a, syms, t, d, saxpy, strlen(saxpy));
        cr_assert(m, "%s", last_message());
        run_all(m, disable);
        bool needed = strcmp(p->name, "parallelize") == 0 || strcmp(p->name, "outline") == 0;
        cr_expect_eq(count_all(m).regions, needed ? 0 : 1, "without %s", p->name);
    }
}

Test(passes, level_0_runs_only_what_code_generation_needs) {
    kir_module *m = kir_parse(a, syms, t, d, saxpy, strlen(saxpy));
    cr_assert(m);
    m->options.opt = 0;
    run_all(m, NULL);
    cr_expect_eq(count_all(m).regions, 0);
}
