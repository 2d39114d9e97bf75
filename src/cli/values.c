/* Values between files, constants and slots (plait/runtime.h); the artifact's metadata say which type lies in which slot. */
#include "cli/values.h"

#include "plait/runtime.h"

#include <stdlib.h>
#include <string.h>

/* ---- types ---------------------------------------------------------------------------------------------------------------- */

static const char *kind_of(const json_t *ty) {
    return json_string_value(json_object_get(ty, "kind"));
}
bool value_is(const json_t *ty, const char *kind) {
    return kind_of(ty) && !strcmp(kind_of(ty), kind);
}
int64_t value_number(const json_t *ty, const char *key) {
    return json_integer_value(json_object_get(ty, key));
}

uint32_t value_slots(const json_t *ty) {
    uint32_t sum = 0;
    size_t i;
    json_t *item;
    if (value_is(ty, "array"))
        return (uint32_t)(2 + 2 * value_number(ty, "ndim"));
    if (value_is(ty, "complex"))
        return value_number(ty, "bits") == 128 ? 2 : 1;
    if (value_is(ty, "tuple")) {
        json_array_foreach(json_object_get(ty, "items"), i, item) sum += value_slots(item);
        return sum;
    }
    return value_is(ty, "bool") || value_is(ty, "int") || value_is(ty, "float");
}

char value_letter(const json_t *ty) {
    if (value_is(ty, "int"))
        return json_is_true(json_object_get(ty, "signed")) ? 'i' : 'u';
    return kind_of(ty)[0];
}

uint32_t value_bytes(const json_t *ty) {
    return value_is(ty, "bool") ? 1 : (uint32_t)value_number(ty, "bits") / 8;
}

char value_code(const json_t *ty) {
    static const struct {
        char kind, size, code;
    } codes[] = {{'b', 1, '?'}, {'i', 1, 'b'}, {'i', 2, 'h'}, {'i', 4, 'i'}, {'i', 8, 'l'},
                 {'u', 1, 'B'}, {'u', 2, 'H'}, {'u', 4, 'I'}, {'u', 8, 'L'}, {'f', 4, 'f'},
                 {'f', 8, 'd'}, {'c', 8, 'F'}, {'c', 16, 'D'}};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        if (codes[i].kind == value_letter(ty) && (uint32_t)codes[i].size == value_bytes(ty))
            return codes[i].code;
    }
    return '?';
}

/* ---- types of values ---------------------------------------------------------------------------------------------------- */

static void put_array_type(text *out, const npy_array *a) {
    static const char *const names[] = {
        ['b'] = "bool", ['i'] = "int", ['u'] = "uint", ['f'] = "float", ['c'] = "complex"};
    text_printf(out, "array(%s", names[(unsigned char)a->kind]);
    if (a->kind != 'b')
        text_printf(out, "%u", a->size * 8);
    text_printf(out, ", %ud, %c)", a->ndim, a->fortran && a->ndim > 1 ? 'F' : 'C');
}

static void put_constant_type(text *out, const json_t *constant) {
    static const char *const kinds[][2] = {
        {"none", "none"}, {"bool", "bool"}, {"float", "float64"}, {"complex", "complex128"}};
    const json_t *whole = json_object_get(constant, "int"), *items = json_object_get(constant, "tuple");
    const json_t *string = json_object_get(constant, "str");
    size_t i;
    json_t *item;
    for (i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (json_object_get(constant, kinds[i][0]))
            text_put(out, kinds[i][1]);
    }
    if (whole)
        text_put(out, strtoull(json_string_value(whole), NULL, 10) > INT64_MAX && *json_string_value(whole) != '-'
                          ? "uint64"
                          : "int64");
    if (string) {
        text_put(out, "Literal[str](");
        text_put_json(out, json_string_value(string), json_string_length(string));
        text_put(out, ")");
    }
    if (!items)
        return;
    text_put(out, "Tuple((");
    json_array_foreach(items, i, item) {
        put_constant_type(out, item);
        text_put(out, ", ");
    }
    text_put(out, "))");
}

void value_put_type(text *out, const cli_value *v) {
    if (v->array)
        put_array_type(out, v->array);
    else
        put_constant_type(out, v->constant);
}

/* ---- into slots ---------------------------------------------------------------------------------------------------------- */

typedef struct slots {
    arena *a;
    slot_list *list;
} slots;

static void push_slot(slots *r, int64_t x) {
    vec_push(r->a, r->list, x);
}

static void push_bits(slots *r, double x, int64_t bits) {
    float single = (float)x;
    int64_t slot = 0;
    uint32_t low;
    memcpy(&low, &single, sizeof low);
    memcpy(&slot, &x, sizeof slot);
    push_slot(r, bits == 32 ? (int64_t)low : slot);
}

static double real_of(const json_t *constant) {
    const json_t *v = json_object_get(constant, "float"), *i = json_object_get(constant, "int");
    if (v)
        return strtod(json_string_value(v), NULL);
    return i ? strtod(json_string_value(i), NULL) : json_is_true(json_object_get(constant, "bool"));
}

static int64_t whole_of(const json_t *constant) {
    const json_t *i = json_object_get(constant, "int");
    const char *digits = json_string_value(i);
    if (!digits)
        return json_is_true(json_object_get(constant, "bool"));
    return *digits == '-' ? strtoll(digits, NULL, 10) : (int64_t)strtoull(digits, NULL, 10);
}

static bool is_whole(const json_t *constant) {
    return json_object_get(constant, "int") || json_object_get(constant, "bool");
}

static bool is_real(const json_t *constant) {
    return is_whole(constant) || json_object_get(constant, "float");
}

static void push_complex(slots *r, const json_t *constant, int64_t bits) {
    const json_t *parts = json_object_get(constant, "complex");
    double re = parts ? strtod(json_string_value(json_array_get(parts, 0)), NULL) : real_of(constant);
    double im = parts ? strtod(json_string_value(json_array_get(parts, 1)), NULL) : 0;
    float single[2] = {(float)re, (float)im};
    int64_t both;
    memcpy(&both, single, sizeof both);
    if (bits == 64) {
        push_slot(r, both);
        return;
    }
    push_bits(r, re, 64);
    push_bits(r, im, 64);
}

static bool push_constant(slots *r, const json_t *constant, const json_t *ty) {
    const json_t *items = json_object_get(constant, "tuple"), *types = json_object_get(ty, "items");
    if (value_is(ty, "tuple") && json_array_size(items) == json_array_size(types) && items) {
        for (size_t i = 0; i < json_array_size(items); i++) {
            if (!push_constant(r, json_array_get(items, i), json_array_get(types, i)))
                return false;
        }
        return true;
    }
    if ((value_is(ty, "int") || value_is(ty, "bool")) && is_whole(constant))
        push_slot(r, value_is(ty, "bool") ? whole_of(constant) != 0 : whole_of(constant));
    else if (value_is(ty, "float") && is_real(constant))
        push_bits(r, real_of(constant), value_number(ty, "bits"));
    else if (value_is(ty, "complex") && (is_real(constant) || json_object_get(constant, "complex")))
        push_complex(r, constant, value_number(ty, "bits"));
    else
        return (value_is(ty, "none") && json_object_get(constant, "none")) ||
               (value_is(ty, "str") && json_object_get(constant, "str"));
    return true;
}

static bool suits_layout(const json_t *ty, const npy_array *a) {
    const char *layout = json_string_value(json_object_get(ty, "layout"));
    return !layout || *layout == 'A' || a->ndim < 2 || (*layout == 'F') == a->fortran;
}

static bool push_array(slots *r, const npy_array *a, const json_t *ty) {
    const json_t *dtype = json_object_get(ty, "dtype");
    if (!value_is(ty, "array") || value_number(ty, "ndim") != a->ndim || value_letter(dtype) != a->kind ||
        value_bytes(dtype) != a->size || !suits_layout(ty, a))
        return false;
    push_slot(r, (int64_t)(intptr_t)a->data);
    push_slot(r, 1); /* odd: borrowed, never counted */
    for (uint32_t i = 0; i < a->ndim; i++)
        push_slot(r, a->shape[i]);
    for (uint32_t i = 0; i < a->ndim; i++)
        push_slot(r, a->strides[i]);
    return true;
}

bool value_push(arena *a, slot_list *list, const cli_value *v, const json_t *ty) {
    slots s = {.a = a, .list = list};
    return v->array ? push_array(&s, v->array, ty) : push_constant(&s, v->constant, ty);
}

void value_release(const json_t *ty, const int64_t *slot) {
    size_t i;
    json_t *item;
    if (value_is(ty, "array"))
        plrt_release((void *)(intptr_t)slot[1]);
    if (!value_is(ty, "tuple"))
        return;
    json_array_foreach(json_object_get(ty, "items"), i, item) {
        value_release(item, slot);
        slot += value_slots(item);
    }
}
