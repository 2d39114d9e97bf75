/* The table of types, and what is asked of a single one. Each structurally different type exists once per table, so
 * that the rest of the compiler compares types by address. */
#include "types/types.h"

#include <string.h>

struct types {
    arena *a;
    sym_table *syms;
    const struct type **slots; /* open addressing, linear probing, at most half full */
    uint32_t cap, len;
    type *bottom, *none, *int64, *float64;
    type *dtypes[TYPE_DTYPE_COUNT];
};

/* ---- the table -------------------------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t h, uint64_t x) {
    h = (h ^ x) * 0x9e3779b97f4a7c15u;
    return h ^ h >> 29;
}

static uint64_t mix_address(uint64_t h, const void *p) {
    return mix(h, (uint64_t)(uintptr_t)p);
}

static uint32_t hash_type(const struct type *x) {
    uint64_t h = mix((uint64_t)x->kind, x->bits);
    h = mix(h, (uint64_t)(x->is_signed | x->has_step << 1 | x->readonly << 2 | x->aligned << 3));
    h = mix(h, (uint64_t)x->layout << 32 | x->ndim);
    h = mix_address(h, x->dtype);
    h = mix_address(h, x->name);
    h = mix_address(h, x->key);
    for (uint32_t i = 0; i < x->len; i++) {
        h = mix_address(h, x->items[i]);
        h = mix_address(h, x->fields ? x->fields[i] : NULL);
    }
    return (uint32_t)(h >> 16);
}

static bool same_items(const struct type *a, const struct type *b) {
    if (a->len != b->len || !a->fields != !b->fields)
        return false;
    for (uint32_t i = 0; i < a->len; i++) {
        if (a->items[i] != b->items[i] || (a->fields && a->fields[i] != b->fields[i]))
            return false;
    }
    return true;
}

static bool same_type(const struct type *a, const struct type *b) {
    return a->kind == b->kind && a->bits == b->bits && a->is_signed == b->is_signed && a->has_step == b->has_step &&
           a->readonly == b->readonly && a->aligned == b->aligned && a->layout == b->layout && a->ndim == b->ndim &&
           a->dtype == b->dtype && a->name == b->name && a->key == b->key && same_items(a, b);
}

static const struct type **find_slot(const struct type **slots, uint32_t cap, const struct type *x) {
    uint32_t i = hash_type(x) & (cap - 1);
    while (slots[i] && !same_type(slots[i], x))
        i = (i + 1) & (cap - 1);
    return &slots[i];
}

static void widen(types *t) {
    uint32_t cap = t->cap ? 2 * t->cap : 64;
    const struct type **slots = arena_array(t->a, const struct type *, cap);
    for (uint32_t i = 0; i < t->cap; i++) {
        if (t->slots[i])
            *find_slot(slots, cap, t->slots[i]) = t->slots[i];
    }
    t->slots = slots;
    t->cap = cap;
}

/* The items and fields of `x` may lie on the caller's stack; they are copied when the type is new. */
static type *intern(types *t, struct type x) {
    if (2 * t->len >= t->cap)
        widen(t);
    const struct type **slot = find_slot(t->slots, t->cap, &x);
    if (*slot)
        return *slot;
    struct type *made = arena_make(t->a, struct type);
    if (x.len) {
        const struct type **items = arena_array(t->a, const struct type *, x.len);
        memcpy(items, x.items, x.len * sizeof *items);
        x.items = items;
    }
    if (x.len && x.fields) {
        sym *fields = arena_array(t->a, sym, x.len);
        memcpy(fields, x.fields, x.len * sizeof *fields);
        x.fields = fields;
    }
    *made = x;
    *slot = made;
    t->len++;
    return made;
}

static void make_dtypes(types *t) {
    static const struct type dtypes[TYPE_DTYPE_COUNT] = {
        {.kind = TYPE_BOOL, .bits = 8},
        {.kind = TYPE_INT, .bits = 8, .is_signed = true},
        {.kind = TYPE_INT, .bits = 16, .is_signed = true},
        {.kind = TYPE_INT, .bits = 32, .is_signed = true},
        {.kind = TYPE_INT, .bits = 64, .is_signed = true},
        {.kind = TYPE_INT, .bits = 8},
        {.kind = TYPE_INT, .bits = 16},
        {.kind = TYPE_INT, .bits = 32},
        {.kind = TYPE_INT, .bits = 64},
        {.kind = TYPE_FLOAT, .bits = 32, .is_signed = true},
        {.kind = TYPE_FLOAT, .bits = 64, .is_signed = true},
        {.kind = TYPE_COMPLEX, .bits = 64, .is_signed = true},
        {.kind = TYPE_COMPLEX, .bits = 128, .is_signed = true},
    };
    for (uint32_t i = 0; i < TYPE_DTYPE_COUNT; i++)
        t->dtypes[i] = intern(t, dtypes[i]);
}

types *types_new(arena *a, sym_table *syms) {
    types *t = arena_make(a, types);
    t->a = a;
    t->syms = syms;
    make_dtypes(t);
    t->bottom = intern(t, (struct type){.kind = TYPE_BOTTOM});
    t->none = intern(t, (struct type){.kind = TYPE_NONE});
    t->int64 = type_int(t, 64, true);
    t->float64 = type_float(t, 64);
    return t;
}

arena *types_arena(types *t) {
    return t->a;
}
sym_table *types_syms(types *t) {
    return t->syms;
}

/* ---- constructors ----------------------------------------------------------------------------------------------- */

type *type_nth_dtype(types *t, uint32_t n) {
    return t->dtypes[n];
}
type *type_bottom(types *t) {
    return t->bottom;
}
type *type_none(types *t) {
    return t->none;
}
type *type_bool(types *t) {
    return t->dtypes[0];
}
type *type_int64(types *t) {
    return t->int64;
}
type *type_float64(types *t) {
    return t->float64;
}

type *type_int(types *t, unsigned bits, bool is_signed) {
    return intern(t, (struct type){.kind = TYPE_INT, .bits = (uint8_t)bits, .is_signed = is_signed});
}

type *type_float(types *t, unsigned bits) {
    return intern(t, (struct type){.kind = TYPE_FLOAT, .bits = (uint8_t)bits, .is_signed = true});
}

type *type_complex(types *t, unsigned bits) {
    return intern(t, (struct type){.kind = TYPE_COMPLEX, .bits = (uint8_t)bits, .is_signed = true});
}

type *type_tuple(types *t, const type *const *items, uint32_t len, sym name, const sym *fields) {
    return intern(
        t,
        (struct type){
            .kind = TYPE_TUPLE, .items = len ? items : NULL, .len = len, .name = name, .fields = len ? fields : NULL});
}

type *type_range(types *t) {
    return intern(t, (struct type){.kind = TYPE_RANGE});
}

type *type_slice(types *t, bool has_step) {
    return intern(t, (struct type){.kind = TYPE_SLICE, .has_step = has_step});
}

type *type_string(types *t, sym value) {
    return intern(t, (struct type){.kind = TYPE_STRING, .name = value});
}

type *type_array(types *t, type *dtype, uint32_t ndim, type_layout layout, bool readonly, bool aligned) {
    if (ndim == 0 || (ndim == 1 && layout == LAYOUT_F))
        layout = LAYOUT_C;
    return intern(t, (struct type){.kind = TYPE_ARRAY,
                                   .dtype = dtype,
                                   .ndim = ndim,
                                   .layout = layout,
                                   .readonly = readonly,
                                   .aligned = aligned});
}

type *type_dtype(types *t, type *dtype) {
    return intern(t, (struct type){.kind = TYPE_DTYPE, .dtype = dtype});
}

type *type_function(types *t, const void *key, sym name) {
    return intern(t, (struct type){.kind = TYPE_FUNCTION, .key = key, .name = name});
}

type *type_omitted(types *t, const void *key) {
    return intern(t, (struct type){.kind = TYPE_OMITTED, .key = key});
}

/* ---- questions -------------------------------------------------------------------------------------------------- */

bool type_is_number(type *t) {
    return t->kind >= TYPE_BOOL && t->kind <= TYPE_COMPLEX;
}
bool type_is_integer(type *t) {
    return t->kind == TYPE_BOOL || t->kind == TYPE_INT;
}
bool type_is_real(type *t) {
    return t->kind >= TYPE_BOOL && t->kind <= TYPE_FLOAT;
}

uint32_t type_size(type *t) {
    return type_is_number(t) ? t->bits / 8u : 0;
}

uint32_t type_slots(type *t) {
    uint32_t sum = 0;
    switch (t->kind) {
    case TYPE_BOOL:
    case TYPE_INT:
    case TYPE_FLOAT:
        return 1;
    case TYPE_COMPLEX:
        return t->bits / 64u;
    case TYPE_ARRAY:
        return 2 + 2 * t->ndim;
    case TYPE_TUPLE:
        for (uint32_t i = 0; i < t->len; i++)
            sum += type_slots(t->items[i]);
        return sum;
    case TYPE_RANGE:
        return 3;
    case TYPE_SLICE:
        return t->has_step ? 3 : 2;
    default:
        return 0;
    }
}

/* ---- names ------------------------------------------------------------------------------------------------------ */

static void print_array(type *t, text *out) {
    text_put(out, t->aligned ? "" : "unaligned ");
    text_put(out, t->readonly ? "readonly " : "");
    text_put(out, "array(");
    type_print(t->dtype, out);
    text_printf(out, ", %ud, %c)", t->ndim, (char)t->layout);
}

static bool is_uniform(type *t) {
    for (uint32_t i = 1; i < t->len; i++) {
        if (t->items[i] != t->items[0])
            return false;
    }
    return t->len > 0;
}

static void print_items(type *t, text *out) {
    for (uint32_t i = 0; i < t->len; i++) {
        text_put(out, i ? ", " : "");
        if (t->fields)
            text_printf(out, "%s: ", t->fields[i]->text);
        type_print(t->items[i], out);
    }
}

static void print_tuple(type *t, text *out) {
    if (t->name) {
        text_printf(out, "%s(%s", t->name->text, t->len ? "" : ":");
        print_items(t, out);
        text_put(out, ")");
    } else if (is_uniform(t)) {
        text_put(out, "UniTuple(");
        type_print(t->items[0], out);
        text_printf(out, " x %u)", t->len);
    } else {
        text_put(out, "Tuple(");
        print_items(t, out);
        text_put(out, ")");
    }
}

void type_print(type *t, text *out) {
    switch (t->kind) {
    case TYPE_NONE:
        text_put(out, "none");
        return;
    case TYPE_BOOL:
        text_put(out, "bool");
        return;
    case TYPE_INT:
        text_printf(out, "%sint%u", t->is_signed ? "" : "u", t->bits);
        return;
    case TYPE_FLOAT:
        text_printf(out, "float%u", t->bits);
        return;
    case TYPE_COMPLEX:
        text_printf(out, "complex%u", t->bits);
        return;
    case TYPE_TUPLE:
        print_tuple(t, out);
        return;
    case TYPE_RANGE:
        text_put(out, "range");
        return;
    case TYPE_SLICE:
        text_put(out, t->has_step ? "slice<a:b:c>" : "slice<a:b>");
        return;
    case TYPE_STRING:
        text_put(out, "Literal[str](");
        text_put_json(out, t->name->text, t->name->len);
        text_put(out, ")");
        return;
    case TYPE_ARRAY:
        print_array(t, out);
        return;
    case TYPE_DTYPE:
        text_put(out, "dtype(");
        type_print(t->dtype, out);
        text_put(out, ")");
        return;
    case TYPE_FUNCTION:
        text_printf(out, "function(%s)", t->name ? t->name->text : "?");
        return;
    case TYPE_OMITTED:
        text_put(out, "omitted");
        return;
    default:
        text_put(out, "undefined");
        return;
    }
}

const char *type_name(types *t, type *x) {
    text out = text_new(t->a);
    type_print(x, &out);
    return out.at;
}

static void print_json_items(type *t, text *out) {
    text_put(out, ",\"items\":[");
    for (uint32_t i = 0; i < t->len; i++) {
        text_put(out, i ? "," : "");
        type_print_json(t->items[i], out);
    }
    text_put(out, "]");
    if (t->name) {
        text_put(out, ",\"name\":");
        text_put_json(out, t->name->text, t->name->len);
        text_put(out, ",\"fields\":[");
        for (uint32_t i = 0; t->fields && i < t->len; i++) {
            text_put(out, i ? "," : "");
            text_put_json(out, t->fields[i]->text, t->fields[i]->len);
        }
        text_put(out, "]");
    }
}

static void print_json_array(type *t, text *out) {
    text_put(out, ",\"dtype\":");
    type_print_json(t->dtype, out);
    text_printf(out, ",\"ndim\":%u,\"layout\":\"%c\",\"readonly\":%s,\"aligned\":%s", t->ndim, (char)t->layout,
                t->readonly ? "true" : "false", t->aligned ? "true" : "false");
}

void type_print_json(type *t, text *out) {
    static const char *const kinds[TYPE_KIND_COUNT] = {
        [TYPE_INVALID] = "invalid", [TYPE_BOTTOM] = "undefined",  [TYPE_NONE] = "none",       [TYPE_BOOL] = "bool",
        [TYPE_INT] = "int",         [TYPE_FLOAT] = "float",       [TYPE_COMPLEX] = "complex", [TYPE_TUPLE] = "tuple",
        [TYPE_RANGE] = "range",     [TYPE_SLICE] = "slice",       [TYPE_STRING] = "str",      [TYPE_ARRAY] = "array",
        [TYPE_DTYPE] = "dtype",     [TYPE_FUNCTION] = "function", [TYPE_OMITTED] = "omitted"};
    text_printf(out, "{\"kind\":\"%s\"", kinds[t->kind]);
    switch (t->kind) {
    case TYPE_INT:
        text_printf(out, ",\"bits\":%u,\"signed\":%s", t->bits, t->is_signed ? "true" : "false");
        break;
    case TYPE_FLOAT:
    case TYPE_COMPLEX:
        text_printf(out, ",\"bits\":%u", t->bits);
        break;
    case TYPE_TUPLE:
        print_json_items(t, out);
        break;
    case TYPE_SLICE:
        text_printf(out, ",\"step\":%s", t->has_step ? "true" : "false");
        break;
    case TYPE_STRING:
    case TYPE_FUNCTION:
        text_put(out, t->kind == TYPE_STRING ? ",\"text\":" : ",\"name\":");
        text_put_json(out, t->name ? t->name->text : "", t->name ? t->name->len : 0);
        break;
    case TYPE_ARRAY:
        print_json_array(t, out);
        break;
    case TYPE_DTYPE:
        text_put(out, ",\"dtype\":");
        type_print_json(t->dtype, out);
        break;
    default:
        break;
    }
    text_put(out, "}");
}
