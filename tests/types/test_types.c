#include "types/types.h"

#include <criterion/criterion.h>
#include <stdio.h>
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
}

static void tear_down(void) {
    arena_free(a);
}

TestSuite(types, .init = set_up, .fini = tear_down);

static type *parse(const char *s) {
    type *x = type_parse(t, s, d);
    cr_assert(x, "%s: %s", s, d->items.len ? d->items.at[d->items.len - 1].message : "no message");
    return x;
}

static void prints(const char *written, const char *expected) {
    cr_assert_str_eq(type_name(t, parse(written)), expected);
}

/* ---- identity ------------------------------------------------------------------------------------------------------
 */

Test(types, equal_types_are_one) {
    const struct type *items[] = {type_int64(t), type_float64(t)};
    cr_assert_eq(type_int(t, 64, true), type_int64(t));
    cr_assert_eq(type_tuple(t, items, 2, NULL, NULL), parse("Tuple(int64, float64)"));
    cr_assert_neq(type_array(t, type_bool(t), 2, LAYOUT_C, false, true),
                  type_array(t, type_bool(t), 2, LAYOUT_C, true, true));
}

Test(types, many_types_stay_distinct) {
    type *seen[500];
    for (uint32_t i = 0; i < 500; i++)
        seen[i] = type_string(t, sym_of(syms, arena_printf(a, "s%u", i)));
    for (uint32_t i = 0; i < 500; i++)
        cr_assert_eq(seen[i], type_string(t, sym_of(syms, arena_printf(a, "s%u", i))));
}

Test(types, one_dimensional_fortran_order_is_c) {
    prints("array(int8, 1d, F)", "array(int8, 1d, C)");
}

Test(types, slots_follow_the_calling_convention) {
    cr_assert_eq(type_slots(parse("none")), 0);
    cr_assert_eq(type_slots(parse("bool")), 1);
    cr_assert_eq(type_slots(parse("complex64")), 1);
    cr_assert_eq(type_slots(parse("complex128")), 2);
    cr_assert_eq(type_slots(parse("f8[:,:,:]")), 8);
    cr_assert_eq(type_slots(parse("Tuple((c16, f8[:], i1))")), 7);
}

/* ---- text ----------------------------------------------------------------------------------------------------------
 */

Test(types, short_names_are_numbas) {
    prints("i8", "int64");
    prints("u1", "uint8");
    prints("f4", "float32");
    prints("c16", "complex128");
    prints("double", "float64");
    prints("intp", "int64");
    prints("boolean", "bool");
    prints("void", "none");
    prints("types.float32", "float32");
}

Test(types, brackets_say_the_layout) {
    prints("f8[:]", "array(float64, 1d, A)");
    prints("f8[::1]", "array(float64, 1d, C)");
    prints("f8[:, ::1]", "array(float64, 2d, C)");
    prints("f8[::1,:]", "array(float64, 2d, F)");
    prints("f8[:,:,:]", "array(float64, 3d, A)");
}

Test(types, array_spellings_agree) {
    type *readonly = parse("Array(float64, 1, 'C', readonly=True)");
    cr_assert_eq(readonly, parse("readonly array(float64, 1d, C)"));
    cr_assert_eq(readonly, parse("array(float64, 1d, C, readonly)"));
    cr_assert_eq(readonly, parse("Array(float64, 1, 'C', True, aligned=True)"));
    cr_assert_eq(readonly, parse("Array(f8, 1, \"C\", mutable=False)"));
}

Test(types, tuple_spellings_agree) {
    cr_assert_eq(parse("UniTuple(int64, 3)"), parse("UniTuple(int64 x 3)"));
    cr_assert_eq(parse("Tuple((i8, i8, i8))"), parse("UniTuple(int64 x 3)"));
    cr_assert_eq(parse("Tuple([i8, f8])"), parse("Tuple(int64, float64)"));
    cr_assert_eq(parse("(i8, f8)"), parse("Tuple(int64, float64)"));
    cr_assert_eq(parse("Tuple((i8, f8), b1)"), parse("Tuple(Tuple(int64, float64), bool)"));
    cr_assert_eq(parse("(i8,)"), parse("UniTuple(int64 x 1)"));
    cr_assert_eq(parse("()"), parse("Tuple()"));
}

Test(types, every_type_reads_back_as_it_prints) {
    const char *const samples[] = {"none",
                                   "bool",
                                   "uint32",
                                   "complex64",
                                   "undefined",
                                   "range",
                                   "slice<a:b>",
                                   "slice<a:b:c>",
                                   "dtype(float32)",
                                   "array(float64, 0d, C)",
                                   "readonly array(int8, 2d, F)",
                                   "unaligned array(bool, 2d, A)",
                                   "unaligned readonly array(complex128, 3d, C)",
                                   "Tuple()",
                                   "UniTuple(UniTuple(int64 x 2) x 3)",
                                   "Tuple(int64, array(float32, 1d, C), none)",
                                   "Point(x: float64, y: Tuple(int8, bool))",
                                   "Empty(:)",
                                   "array(x: int64)",
                                   "Literal[str](\"a\\\"b\\n\")"};
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++)
        prints(samples[i], samples[i]);
    cr_assert_eq(d->errors, 0);
}

Test(types, string_keeps_every_character) {
    sym s = sym_of(syms, "tab\t quote\" backslash\\ \x01 \xc3\xa4 \xf0\x9f\x98\x80");
    cr_assert_eq(parse(type_name(t, type_string(t, s))), type_string(t, s));
    cr_assert_eq(parse("Literal[str](\"\\ud83d\\ude00\")"), type_string(t, sym_of(syms, "\xf0\x9f\x98\x80")));
}

Test(types, json_says_what_the_caller_needs) {
    text out = text_new(a);
    type_print_json(parse("P(a: u2[:,::1], b: f4)"), &out);
    cr_assert_str_eq(out.at,
                     "{\"kind\":\"tuple\",\"items\":[{\"kind\":\"array\",\"dtype\":{\"kind\":\"int\",\"bits\":16,"
                     "\"signed\":false},\"ndim\":2,\"layout\":\"C\",\"readonly\":false,\"aligned\":true},"
                     "{\"kind\":\"float\",\"bits\":32}],\"name\":\"P\",\"fields\":[\"a\",\"b\"]}");
}

/* ---- signatures ----------------------------------------------------------------------------------------------------
 */

static void signature_is(const char *written, const char *result, const char *args) {
    type *ret, *const *list;
    uint32_t n;
    cr_assert(type_parse_signature(t, a, written, d, &ret, &list, &n), "%s: %s", written,
              d->items.len ? d->items.at[0].message : "");
    text out = text_new(a);
    for (uint32_t i = 0; i < n; i++) {
        text_put(&out, i ? "; " : "");
        type_print(list[i], &out);
    }
    cr_assert_str_eq(ret ? type_name(t, ret) : "-", result, "%s", written);
    cr_assert_str_eq(out.at, args, "%s", written);
}

Test(types, signature_with_result) {
    signature_is("f8(i8, f4[:])", "float64", "int64; array(float32, 1d, A)");
}
Test(types, signature_of_array_result) {
    signature_is("f8[:,::1](i8)", "array(float64, 2d, C)", "int64");
}
Test(types, signature_without_result) {
    signature_is("(i8, f8)", "-", "int64; float64");
}
Test(types, signature_without_parentheses) {
    signature_is("i8, f8[:]", "-", "int64; array(float64, 1d, A)");
}
Test(types, signature_of_one_argument) {
    signature_is("i8", "-", "int64");
}
Test(types, signature_of_no_argument) {
    signature_is("()", "-", "");
}
Test(types, signature_void) {
    signature_is("void()", "none", "");
}
Test(types, signature_with_arrow) {
    signature_is("(i8, i8) -> f8", "float64", "int64; int64");
}
Test(types, signature_returning_tuple) {
    signature_is("(f8, f8)(i8)", "UniTuple(float64 x 2)", "int64");
}
Test(types, signature_starting_with_tuple) {
    signature_is("(f8, f8), i8", "-", "UniTuple(float64 x 2); int64");
}
Test(types, signature_with_tuple_inside) {
    signature_is("f8((f8, i8), Tuple((b1,)))", "float64", "Tuple(float64, int64); UniTuple(bool x 1)");
}

/* ---- errors --------------------------------------------------------------------------------------------------------
 */

static void refused(const char *written, uint32_t col, const char *message) {
    type *ret, *const *list;
    uint32_t n;
    uint32_t before = d->items.len;
    cr_assert_not(type_parse_signature(t, a, written, d, &ret, &list, &n), "%s was accepted", written);
    cr_assert_eq(d->items.len, before + 1, "%s: one error, not %u", written, d->items.len - before);
    cr_expect_str_eq(d->items.at[before].message, message, "%s: %s", written, d->items.at[before].message);
    cr_expect_eq(d->items.at[before].at.col, col, "%s: column %u", written, d->items.at[before].at.col);
    cr_expect_eq(d->items.at[before].class, DIAG_REQUEST);
}

Test(types, bad_signatures_are_refused_where_they_are_bad) {
    refused("", 0, "expected a type");
    refused("f8(i8, foo)", 7, "unknown type 'foo'");
    refused("f8(i8", 5, "expected ',' or ')'");
    refused("f8[;]", 3, "expected ':'");
    refused("f8[::2]", 5, "expected '1': an axis is ':' or '::1'");
    refused("f8[:,::1,:]", 11, "'::1' may stand on the first axis (Fortran order) or on the last (C order)");
    refused("f2(i8)", 0, "float16 is not supported; use float32");
    refused("none[:]", 7, "an array's elements must be numbers or bools");
    refused("f8 f8", 3, "unexpected text after the type");
    refused("f8(i8))", 6, "unexpected text after the type");
    refused("UniTuple(f8)", 11, "expected ','");
    refused("UniTuple(UniTuple(f8, 60000), 60000)", 35, "the tuple has too many elements");
    refused("array(f8, 33d, C)", 17, "an array has at most 32 dimensions");
    refused("i8, \xff", 4, "unknown type '\xff'");
}

Test(types, deep_nesting_is_an_error) {
    text deep = text_new(a);
    for (int i = 0; i < 100000; i++)
        text_put(&deep, "(");
    type *ret, *const *list;
    uint32_t n;
    cr_assert_not(type_parse_signature(t, a, deep.at, d, &ret, &list, &n));
    cr_assert_str_eq(d->items.at[0].message, "the type is nested too deeply");
}

/* ---- rules ---------------------------------------------------------------------------------------------------------
 */

Test(types, promotion_is_numpys_for_every_pair) {
    FILE *file = fopen(PLAIT_TEST_DIR "/numpy_promotion.txt", "r");
    cr_assert(file);
    char x[16], y[16], promoted[16], weak[16];
    int safe, lines = 0;
    while (fscanf(file, "%15s %15s %15s %15s %d", x, y, promoted, weak, &safe) == 5) {
        type *tx = parse(x), *ty = parse(y);
        cr_expect_eq(type_promote_dtype(t, tx, ty), parse(promoted), "promote %s %s", x, y);
        cr_expect_eq(type_promote_weak(t, tx, ty), parse(weak), "weak %s %s", x, y);
        cr_expect_eq(type_can_cast_safely(tx, ty), safe != 0, "cast %s %s", x, y);
        lines++;
    }
    fclose(file);
    cr_assert_eq(lines, TYPE_DTYPE_COUNT * TYPE_DTYPE_COUNT);
}

static void scalar(const char *x, const char *y, const char *expected) {
    cr_expect_str_eq(type_name(t, type_promote_scalar(t, parse(x), parse(y))), expected, "%s %s", x, y);
    cr_expect_str_eq(type_name(t, type_promote_scalar(t, parse(y), parse(x))), expected, "%s %s", y, x);
}

Test(types, scalar_integers_compute_in_64_bits) {
    scalar("int8", "int8", "int64");
    scalar("uint8", "uint8", "uint64");
    scalar("int32", "uint32", "int64");
    scalar("int64", "uint64", "int64");
    scalar("bool", "bool", "int64");
    scalar("bool", "uint8", "uint64");
}

Test(types, scalar_floats_promote_as_numpy) {
    scalar("float32", "int16", "float32");
    scalar("float32", "int32", "float64");
    scalar("float32", "int64", "float64");
    scalar("complex64", "float64", "complex128");
}

static void joins(const char *x, const char *y, const char *expected) {
    type *j = type_unify(t, parse(x), parse(y)), *k = type_unify(t, parse(y), parse(x));
    cr_expect_eq(j, k);
    cr_expect_str_eq(j ? type_name(t, j) : "-", expected, "%s %s", x, y);
}

Test(types, variables_join) {
    joins("int64", "uint64", "float64");
    joins("bool", "int64", "int64");
    joins("undefined", "f8[:]", "array(float64, 1d, A)");
    joins("f8[::1]", "f8[:]", "array(float64, 1d, A)");
    joins("f8[:,::1]", "f8[::1,:]", "array(float64, 2d, A)");
    joins("f8[::1]", "readonly array(float64, 1d, C)", "readonly array(float64, 1d, C)");
    joins("Tuple(int64, float32)", "UniTuple(float64 x 2)", "UniTuple(float64 x 2)");
}

Test(types, what_does_not_join) {
    joins("f8[:]", "f4[:]", "-");
    joins("f8[:]", "f8[:,:]", "-");
    joins("none", "int64", "-");
    joins("f8[:]", "float64", "-");
    joins("UniTuple(int64 x 2)", "UniTuple(int64 x 3)", "-");
    joins("P(x: int64)", "Q(x: int64)", "-");
    joins("P(x: int64)", "P(y: int64)", "-");
}

Test(types, conversions) {
    cr_expect(type_can_convert(parse("float64"), parse("int8")));
    cr_expect_not(type_can_convert(parse("complex64"), parse("float64")));
    cr_expect(type_can_convert(parse("f8[::1]"), parse("f8[:]")));
    cr_expect_not(type_can_convert(parse("f8[:]"), parse("f8[::1]")));
    cr_expect_not(type_can_convert(parse("readonly array(float64, 1d, C)"), parse("f8[::1]")));
    cr_expect(type_can_convert(parse("UniTuple(int64 x 2)"), parse("Tuple(float32, int8)")));
    cr_expect_not(type_can_cast_safely(parse("UniTuple(int64 x 2)"), parse("Tuple(float32, int8)")));
    cr_expect_not(type_can_convert(parse("none"), parse("int64")));
}
