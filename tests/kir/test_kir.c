/* Files of golden/ print as they are written, and are valid. Those of refused/ parse, and kir_verify says of each what its
 * first line says. Those of malformed/ do not parse; their first line is "# line:col message". PLAIT_BLESS=1 rewrites
 * golden/. */
#include "kir/kir.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static arena *a;
static sym_table *syms;
static types *t;
static diags *d;
static kir_module *m;
static kir_fn *f;
static span nowhere;

static void set_up(void) {
    a = arena_new(NULL);
    syms = sym_table_new(a);
    t = types_new(a, syms);
    d = diags_new(a);
    m = kir_module_new(a, syms, t, d);
    f = kir_fn_new(m, KIR_FN_ENTRY, sym_of(syms, "f"), nowhere);
}

static void tear_down(void) {
    arena_free(a);
}

TestSuite(kir, .init = set_up, .fini = tear_down);

/* ---- text files ---------------------------------------------------------------------------------------------------- */

static text read_file(const char *path) {
    text out = text_new(a);
    char buffer[4096];
    FILE *file = fopen(path, "rb");
    cr_assert(file, "%s", path);
    for (size_t n; (n = fread(buffer, 1, sizeof buffer, file)) > 0;)
        text_putn(&out, buffer, n);
    fclose(file);
    return out;
}

static void each_file(const char *folder, void (*check)(const char *path, text written)) {
    const char *path = arena_printf(a, "%s/%s", PLAIT_TEST_DIR, folder);
    DIR *dir = opendir(path);
    int count = 0;
    cr_assert(dir, "%s", path);
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (!strstr(entry->d_name, ".kir"))
            continue;
        const char *name = arena_printf(a, "%s/%s", path, entry->d_name);
        check(name, read_file(name));
        count++;
    }
    closedir(dir);
    cr_assert_gt(count, 1);
}

/* What stands behind the "# " of the first line. */
static const char *expectation(text written) {
    char *line = arena_strndup(a, written.at, strcspn(written.at, "\n"));
    cr_assert_eq(strncmp(line, "# ", 2), 0, "the first line says what is expected");
    return line + 2;
}

static kir_module *parse(const char *path, text written) {
    kir_module *parsed = kir_parse(a, syms, t, d, written.at, written.len);
    cr_assert(parsed, "%s:%u: %s", path, d->items.at[d->items.len - 1].at.line, d->items.at[d->items.len - 1].message);
    return parsed;
}

static void check_golden(const char *path, text written) {
    kir_module *parsed = parse(path, written);
    text printed = text_new(a);
    kir_print_module(parsed, &printed);
    if (getenv("PLAIT_BLESS")) {
        FILE *file = fopen(path, "wb");
        fwrite(printed.at, 1, printed.len, file);
        fclose(file);
        return;
    }
    cr_expect_str_eq(printed.at, written.at, "%s prints differently:\n%s", path, printed.at);
    const char *wrong = kir_verify(parsed);
    cr_expect_null(wrong, "%s: %s", path, wrong);
}

Test(kir, golden_text_prints_as_written) {
    each_file("golden", check_golden);
}

static void check_refused(const char *path, text written) {
    const char *wrong = kir_verify(parse(path, written)), *expected = expectation(written);
    cr_expect(wrong && strstr(wrong, expected), "%s:\n  expected %s\n  got %s", path, expected, wrong);
}

Test(kir, verifier_says_what_is_wrong) {
    each_file("refused", check_refused);
}

static void check_malformed(const char *path, text written) {
    uint32_t before = d->items.len;
    cr_expect_null(kir_parse(a, syms, t, d, written.at, written.len), "%s was accepted", path);
    cr_assert_eq(d->items.len, before + 1, "%s", path);
    const diag *item = &d->items.at[before];
    const char *got = arena_printf(a, "%u:%u %s", item->at.line, item->at.col, item->message);
    cr_expect_str_eq(got, expectation(written), "%s: %s", path, got);
    d->limit++;
}

Test(kir, parser_says_where_text_is_malformed) {
    each_file("malformed", check_malformed);
}

Test(kir, deep_nesting_is_an_error_not_a_crash) {
    text deep = text_new(a);
    text_put(&deep, "fn entry @f() -> () { %1: int64 = ");
    for (int i = 0; i < 1000000; i++)
        text_put(&deep, "(");
    cr_assert_null(kir_parse(a, syms, t, d, deep.at, deep.len));
    cr_assert_str_eq(d->items.at[0].message, "nested too deeply");
}

/* ---- folding ------------------------------------------------------------------------------------------------------- */

static kir_var *var(const char *name, type *ty) {
    return kir_var_new(m, f, sym_of(syms, name), ty, nowhere);
}
static kir_expr *ref(kir_var *v) {
    return kir_ref(m, v, nowhere);
}
static kir_expr *num(int64_t x) {
    return kir_int(m, x, nowhere);
}
static kir_expr *real(double x) {
    return kir_const_float(m, type_float64(t), x, nowhere);
}
static kir_expr *op(kir_op o, kir_expr *x, kir_expr *y) {
    return kir_binary(m, o, x, y, nowhere);
}

static void is(const kir_expr *e, const char *expected) {
    text out = text_new(a);
    kir_print_expr(m, e, &out);
    cr_expect_str_eq(out.at, expected, "%s, not %s", out.at, expected);
}

Test(kir, integer_constants_fold) {
    is(op(KIR_OP_ADD, num(2), num(3)), "5");
    is(op(KIR_OP_FLOORDIV, num(-7), num(2)), "-4");
    is(op(KIR_OP_MOD, num(-7), num(2)), "1");
    is(op(KIR_OP_MOD, num(7), num(-2)), "-1");
    is(op(KIR_OP_TRUNCDIV, num(-7), num(2)), "-3");
    is(op(KIR_OP_TRUNCMOD, num(-7), num(2)), "-1");
    is(op(KIR_OP_SHL, num(1), num(64)), "0");
    is(op(KIR_OP_SHR, num(-5), num(100)), "-1");
    is(op(KIR_OP_MIN, num(3), num(-1)), "-1");
    is(op(KIR_OP_LT, num(3), num(-1)), "false");
}

Test(kir, integers_wrap_at_their_width) {
    type *i8 = type_int(t, 8, true), *u8 = type_int(t, 8, false), *u64 = type_int(t, 64, false);
    is(op(KIR_OP_ADD, kir_const_int(m, i8, 127, nowhere), kir_const_int(m, i8, 1, nowhere)), "-128:int8");
    is(op(KIR_OP_SUB, kir_const_int(m, u8, 0, nowhere), kir_const_int(m, u8, 1, nowhere)), "255:uint8");
    is(op(KIR_OP_MUL, num(INT64_MAX), num(2)), "-2");
    is(op(KIR_OP_FLOORDIV, num(INT64_MIN), num(-1)), "-9223372036854775808");
    is(kir_unary(m, KIR_OP_ABS, num(INT64_MIN), nowhere), "-9223372036854775808");
    is(op(KIR_OP_LT, kir_const_int(m, u64, -1, nowhere), kir_const_int(m, u64, 1, nowhere)), "false");
    is(op(KIR_OP_SHR, kir_const_int(m, u64, -1, nowhere), kir_const_int(m, u64, 63, nowhere)), "1:uint64");
}

Test(kir, division_by_zero_stays) {
    is(op(KIR_OP_FLOORDIV, num(1), num(0)), "(1 // 0)");
    is(op(KIR_OP_DIV, real(1), real(0)), "(1.0 / 0.0)");
}

Test(kir, identities_vanish) {
    kir_var *n = var("n", type_int64(t)), *x = var("x", type_float64(t));
    is(op(KIR_OP_ADD, ref(n), num(0)), "%n.0");
    is(op(KIR_OP_MUL, num(1), ref(n)), "%n.0");
    is(op(KIR_OP_MUL, ref(n), num(0)), "0");
    is(op(KIR_OP_SUB, ref(n), ref(n)), "0");
    is(op(KIR_OP_LE, ref(n), ref(n)), "true");
    is(op(KIR_OP_ADD, op(KIR_OP_SUB, ref(n), num(1)), num(1)), "%n.0");
    is(op(KIR_OP_ADD, op(KIR_OP_ADD, num(2), ref(n)), num(3)), "(%n.0 + 5)");
    is(op(KIR_OP_SUB, op(KIR_OP_ADD, ref(n), num(2)), num(5)), "(%n.0 - 3)");
    is(op(KIR_OP_MUL, ref(x), real(1)), "%x.1");
    is(kir_cast(m, ref(x), type_float64(t), nowhere), "%x.1");
}

Test(kir, floats_keep_their_bits) {
    kir_var *x = var("x", type_float64(t));
    is(op(KIR_OP_ADD, ref(x), real(0)), "(%x.0 + 0.0)");
    is(op(KIR_OP_SUB, ref(x), ref(x)), "(%x.0 - %x.0)");
    is(op(KIR_OP_EQ, ref(x), ref(x)), "(%x.0 == %x.0)");
    is(op(KIR_OP_MUL, ref(x), real(0)), "(%x.0 * 0.0)");
    is(kir_unary(m, KIR_OP_NOT, op(KIR_OP_LT, ref(x), real(0)), nowhere), "not((%x.0 < 0.0))");
    is(kir_const_float(m, type_float(t, 32), 0.1, nowhere), "0.10000000149011612:float32");
}

Test(kir, arrays_are_not_folded_away) {
    kir_var *v = var("v", type_array(t, type_int64(t), 1, LAYOUT_C, false, true));
    is(op(KIR_OP_ADD, ref(v), num(0)), "(%v.0 + 0)");
    is(op(KIR_OP_SUB, ref(v), ref(v)), "(%v.0 - %v.0)");
}

Test(kir, constants_convert) {
    type *u8 = type_int(t, 8, false), *f32 = type_float(t, 32), *c64 = type_complex(t, 64);
    is(kir_cast(m, num(-1), u8, nowhere), "255:uint8");
    is(kir_cast(m, real(-3.9), type_int64(t), nowhere), "-3");
    is(kir_cast(m, real(1e300), type_int64(t), nowhere), "int64(1e+300)");
    is(kir_cast(m, num(16777217), f32, nowhere), "16777216.0:float32");
    is(kir_cast(m, real(0.5), type_bool(t), nowhere), "true");
    is(kir_cast(m, num(2), c64, nowhere), "{2.0, 0.0}:complex64");
}

Test(kir, conditions_fold) {
    kir_var *b = var("b", type_bool(t)), *n = var("n", type_int64(t));
    is(op(KIR_OP_AND, kir_bool(m, true, nowhere), ref(b)), "%b.0");
    is(op(KIR_OP_AND, ref(b), kir_bool(m, false, nowhere)), "false");
    is(op(KIR_OP_OR, ref(b), kir_bool(m, true, nowhere)), "true");
    is(kir_unary(m, KIR_OP_NOT, kir_unary(m, KIR_OP_NOT, ref(b), nowhere), nowhere), "%b.0");
    is(kir_unary(m, KIR_OP_NOT, op(KIR_OP_LT, ref(n), num(3)), nowhere), "(%n.1 >= 3)");
    is(kir_select(m, kir_bool(m, false, nowhere), ref(n), num(1), nowhere), "1");
    is(kir_wrap(m, num(-1), ref(n), nowhere), "(%n.1 - 1)");
    is(kir_wrap(m, num(1), ref(n), nowhere), "1");
}

Test(kir, broadcast_gives_the_larger_rank) {
    kir_var *u = var("u", type_array(t, type_float64(t), 1, LAYOUT_A, true, false));
    kir_var *w = var("w", type_array(t, type_float64(t), 2, LAYOUT_F, false, true));
    cr_expect_str_eq(type_name(t, op(KIR_OP_LT, ref(u), ref(w))->ty), "array(bool, 2d, C)");
    cr_expect_str_eq(type_name(t, op(KIR_OP_ADD, ref(w), real(1))->ty), "array(float64, 2d, F)");
}

/* ---- copying and walking ------------------------------------------------------------------------------------------- */

static const char loop_text[] = "fn entry @f(%a.0: array(int64, 1d, C), %n.1: int64) -> () {\n"
                                "    L1: for %2: int64 in [0, %n.1, 1) range {\n"
                                "        %3: int64 = %a.0[%2]\n"
                                "        if (%3 > %n.1) {\n"
                                "            break L1\n"
                                "        }\n"
                                "        %a.0[%2] = (%3 + %n.1)\n"
                                "    } privates(%3)\n"
                                "}\n";

static kir_fn *loop_fn(void) {
    m = kir_parse(a, syms, t, d, loop_text, sizeof loop_text - 1);
    cr_assert(m);
    return m->fns.at[0];
}

static void prints(kir_stmt *s, const char *expected) {
    text out = text_new(a);
    kir_print_stmt(m, s, &out);
    cr_expect_str_eq(out.at, expected, "%s", out.at);
}

Test(kir, copy_replaces_variables_and_targets) {
    kir_fn *g = loop_fn();
    kir_map *map = kir_map_new(m);
    kir_map_var(map, g->vars.at[3], kir_var_new(m, g, sym_of(syms, "t"), type_int64(t), nowhere));
    kir_map_expr(map, g->vars.at[1], num(7));
    kir_block copy = kir_copy_block(m, &g->body, map);
    prints(copy.at[0], "L1: for %2 in [0, 7, 1) range {\n    %t.4 = %a.0[%2]\n    if (%t.4 > 7) {\n        break L1\n"
                       "    }\n    %a.0[%2] = (%t.4 + 7)\n} privates(%t.4)\n");
    prints(g->body.at[0],
           "L1: for %2 in [0, %n.1, 1) range {\n    %3 = %a.0[%2]\n    if (%3 > %n.1) {\n        break L1\n"
           "    }\n    %a.0[%2] = (%3 + %n.1)\n} privates(%3)\n");
}

Test(kir, copy_of_a_body_keeps_outer_targets) {
    kir_fn *g = loop_fn();
    kir_map *map = kir_map_new(m);
    kir_copy_block(m, &g->body, map);
    kir_block body = kir_copy_block(m, &g->body.at[0]->body, map);
    cr_expect_eq(body.at[1]->body.at[0]->target, g->body.at[0]);
}

static bool count_stmt(kir_stmt *s, void *count) {
    ++*(int *)count;
    return s->kind != KIR_IF;
}

static void count_node(kir_expr **slot, void *count) {
    (void)slot;
    ++*(int *)count;
}

static void count_slot(kir_expr **slot, void *count) {
    kir_each_subexpr(slot, count_node, count);
}

Test(kir, walks_reach_everything_once) {
    kir_fn *g = loop_fn();
    int stmts = 0, nodes = 0;
    kir_each_stmt(&g->body, count_stmt, &stmts);
    kir_each_expr(g->body.at[0]->body.at[2], count_slot, &nodes);
    cr_expect_eq(stmts, 4, "the break inside the if is skipped: %d", stmts);
    cr_expect_eq(nodes, 4, "%d", nodes);
}

static void wrap_in_neg(kir_expr **slot, void *unused) {
    (void)unused;
    if ((*slot)->kind == KIR_VAR)
        *slot = kir_unary(m, KIR_OP_NEG, *slot, nowhere);
}

Test(kir, replaced_node_is_not_entered) {
    kir_var *n = var("n", type_int64(t));
    kir_expr *e = op(KIR_OP_MUL, ref(n), num(3));
    kir_each_subexpr(&e, wrap_in_neg, NULL);
    is(e, "(neg(%n.0) * 3)");
}

Test(kir, verifier_sees_shared_trees) {
    kir_var *x = var("x", type_int64(t));
    kir_expr *shared = num(1);
    kir_block_push(m, &f->body, kir_assign(m, x, shared, nowhere));
    kir_block_push(m, &f->body, kir_assign(m, x, shared, nowhere));
    const char *wrong = kir_verify(m);
    cr_assert(wrong && strstr(wrong, "an expression that stands in two places"), "%s", wrong);
}

Test(kir, verifier_sees_variables_of_other_functions) {
    kir_fn *g = kir_fn_new(m, KIR_FN_CALLEE, sym_of(syms, "g"), nowhere);
    kir_var *x = kir_var_new(m, g, sym_of(syms, "x"), type_int64(t), nowhere);
    kir_block_push(m, &f->body, kir_assign(m, x, num(1), nowhere));
    const char *wrong = kir_verify(m);
    cr_assert(wrong && strstr(wrong, "the variable %x.0 does not belong to the function"), "%s", wrong);
}
