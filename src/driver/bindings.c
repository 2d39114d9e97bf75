/* Reading bindings: what the free names of a source mean. A binding is an object with one telling key. */
#include "driver/driver.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 64 };

typedef struct reader { /* of one binding */
    session *s;
    const json_t *o, *v; /* the binding, and the value of its telling key */
    const char *path;
    uint32_t depth;
} reader;

static const bound *read_binding(session *s, const json_t *o, const char *path, uint32_t depth);

static bool wrong(const reader *r, const char *what) {
    return request_error(r->s, r->path, what);
}

static sym text_of(const reader *r, const json_t *v) {
    return sym_intern(r->s->syms, json_string_value(v), json_string_length(v));
}

static bool read_flag(const reader *r, bound *b) {
    b->i = json_is_true(r->v);
    return json_is_boolean(r->v) || wrong(r, "must be true or false");
}

/* Decimal text, so that no reader loses digits: int64, or uint64 above it. */
static bool read_int(const reader *r, bound *b) {
    if (json_is_integer(r->v)) {
        b->i = json_integer_value(r->v);
        return true;
    }
    const char *digits = json_string_value(r->v);
    char *end = NULL;
    if (!digits || !*digits)
        return wrong(r, "must be an integer as a string");
    errno = 0;
    b->i = strtoll(digits, &end, 10);
    if (errno == ERANGE && *digits != '-') {
        errno = 0;
        b->is_unsigned = true;
        b->i = (int64_t)strtoull(digits, &end, 10);
    }
    if (errno == ERANGE)
        return wrong(r, "does not fit 64 bits");
    return *end == '\0' || wrong(r, "must be an integer as a string");
}

static bool parse_float(const json_t *v, double *x) {
    if (json_is_number(v)) {
        *x = json_number_value(v);
        return true;
    }
    const char *digits = json_string_value(v);
    char *end = NULL;
    if (!digits || !*digits)
        return false;
    *x = strtod(digits, &end);
    return *end == '\0';
}

static bool read_float(const reader *r, bound *b) {
    return parse_float(r->v, &b->f) || wrong(r, "must be a float as a string (hexadecimal, inf, nan)");
}

static bool read_complex(const reader *r, bound *b) {
    bool good = json_array_size(r->v) == 2 && parse_float(json_array_get(r->v, 0), &b->f) &&
                parse_float(json_array_get(r->v, 1), &b->im);
    return good || wrong(r, "must be a list of two floats");
}

static bool read_none(const reader *r, bound *b) {
    (void)b;
    return json_is_true(r->v) || wrong(r, "must be true");
}

static bool read_text(const reader *r, bound *b) {
    if (!json_is_string(r->v))
        return wrong(r, "must be a string");
    b->text = text_of(r, r->v);
    return true;
}

static bool read_type(const reader *r, bound *b) {
    if (!json_is_string(r->v))
        return wrong(r, "must be a string");
    b->ty =
        type_parse(r->s->types, arena_strndup(r->s->a, json_string_value(r->v), json_string_length(r->v)), r->s->diags);
    return b->ty != NULL;
}

static bool read_fields(const reader *r, bound *b, size_t n) {
    const json_t *fields = json_object_get(r->o, "fields");
    if (!fields || json_is_null(fields))
        return true;
    if (!json_is_array(fields) || (n != SIZE_MAX && json_array_size(fields) != n))
        return wrong(r, "must have one field name for each item");
    sym *names = arena_array(r->s->a, sym, json_array_size(fields) + 1);
    for (size_t i = 0; i < json_array_size(fields); i++) {
        const json_t *v = json_array_get(fields, i);
        if (!json_is_string(v))
            return wrong(r, "must have strings as field names");
        names[i] = text_of(r, v);
    }
    b->fields = names;
    b->len = (uint32_t)json_array_size(fields);
    return true;
}

static bool read_tuple(const reader *r, bound *b) {
    if (!json_is_array(r->v))
        return wrong(r, "must be a list of bindings");
    size_t n = json_array_size(r->v);
    const bound **items = arena_array(r->s->a, const bound *, n + 1);
    for (size_t i = 0; i < n; i++) {
        items[i] =
            read_binding(r->s, json_array_get(r->v, i), arena_printf(r->s->a, "%s[%zu]", r->path, i), r->depth + 1);
        if (!items[i])
            return false;
    }
    const json_t *name = json_object_get(r->o, "name");
    b->text = json_is_string(name) ? text_of(r, name) : NULL;
    b->items = items;
    b->len = (uint32_t)n;
    return read_fields(r, b, n);
}

static bool read_namedtuple(const reader *r, bound *b) {
    return read_text(r, b) && read_fields(r, b, SIZE_MAX);
}

static bool read_exception(const reader *r, bound *b) {
    if (!read_text(r, b))
        return false;
    const json_t *base = json_object_get(r->o, "base"), *key = json_object_get(r->o, "key");
    b->base = json_is_string(base) ? text_of(r, base) : b->text;
    b->key = json_is_string(key) ? arena_strndup(r->s->a, json_string_value(key), json_string_length(key)) : NULL;
    return true;
}

static bool read_kernel(const reader *r, bound *b) {
    uint32_t file = 0;
    ast *module = NULL;
    if (!json_is_object(r->v))
        return wrong(r, "must be a request");
    b->kernel = request_read_source(r->s, r->v, arena_printf(r->s->a, "%s.", r->path), r->depth + 1, &file, &module);
    return b->kernel != NULL;
}

/* ---- frozen arrays ---------------------------------------------------------------------------------------------------------- */

static int base64_value(char c) {
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static bool decode_base64(const char *from, size_t len, unsigned char *to, size_t size) {
    size_t out = 0;
    uint32_t bits = 0, count = 0;
    for (size_t i = 0; i < len && from[i] != '='; i++) {
        int x = base64_value(from[i]);
        if (x < 0)
            return false;
        bits = bits << 6 | (uint32_t)x;
        count += 6;
        if (count < 8)
            continue;
        count -= 8;
        if (out == size)
            return false;
        to[out++] = (unsigned char)(bits >> count);
    }
    return out == size;
}

static bool read_shape(const reader *r, const json_t *shape, bound *b, size_t *bytes) {
    size_t n = json_array_size(shape);
    if (!json_is_array(shape) || n > TYPE_MAX_NDIM)
        return wrong(r, "must have a list of at most 32 extents as shape");
    for (size_t i = 0; i < n; i++) {
        json_int_t extent = json_integer_value(json_array_get(shape, i));
        if (!json_is_integer(json_array_get(shape, i)) || extent < 0 ||
            __builtin_mul_overflow(*bytes, (size_t)extent, bytes))
            return wrong(r, "must have extents of at least 0 as shape");
        b->array.shape[i] = extent;
    }
    return true;
}

static bool read_array(const reader *r, bound *b) {
    const json_t *data = json_object_get(r->v, "data"), *dtype_name = json_object_get(r->v, "dtype");
    const json_t *shape = json_object_get(r->v, "shape");
    const char *order = json_string_value(json_object_get(r->v, "order"));
    if (!json_is_string(data) || !json_is_string(dtype_name))
        return wrong(r, "must have dtype, shape, order and data");
    type *dtype = type_parse(r->s->types, json_string_value(dtype_name), r->s->diags);
    if (!dtype)
        return false;
    if (!type_is_number(dtype))
        return wrong(r, "must have a number type as dtype");
    size_t bytes = type_size(dtype);
    if (!read_shape(r, shape, b, &bytes))
        return false;
    if (bytes > json_string_length(data))
        return wrong(r, "has less data than its shape says");
    unsigned char *copy = arena_alloc(r->s->a, bytes + 1);
    if (!decode_base64(json_string_value(data), json_string_length(data), copy, bytes))
        return wrong(r, "has data that are not base64 of the array's bytes");
    uint32_t nd = (uint32_t)json_array_size(shape);
    type_layout layout = order && *order == 'F' && nd > 1 ? LAYOUT_F : LAYOUT_C;
    b->array.ty = type_array(r->s->types, dtype, nd, layout, true, true);
    b->array.data = copy;
    b->array.bytes = bytes;
    return true;
}

/* ---- the table --------------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *key;
    bound_kind kind;
    bool (*read)(const reader *r, bound *b);
} binding_rows[] = {
    {"none", BOUND_NONE, read_none},
    {"bool", BOUND_BOOL, read_flag},
    {"int", BOUND_INT, read_int},
    {"float", BOUND_FLOAT, read_float},
    {"complex", BOUND_COMPLEX, read_complex},
    {"str", BOUND_STR, read_text},
    {"module", BOUND_MODULE, read_text},
    {"object", BOUND_OBJECT, read_text},
    {"builtin", BOUND_BUILTIN, read_text},
    {"dtype", BOUND_TYPE, read_type},
    {"type", BOUND_TYPE, read_type},
    {"tuple", BOUND_TUPLE, read_tuple},
    {"namedtuple", BOUND_NAMEDTUPLE, read_namedtuple},
    {"exception", BOUND_EXCEPTION, read_exception},
    {"kernel", BOUND_KERNEL, read_kernel},
    {"array", BOUND_ARRAY, read_array},
};

/* A number may be one of NumPy's: {"float": "0x1p0", "dtype": "float32"}. */
static bool read_dtype(const reader *r, bound *b) {
    const json_t *dtype = json_object_get(r->o, "dtype");
    if (!dtype || r->v == dtype)
        return true;
    if (b->kind != BOUND_INT && b->kind != BOUND_FLOAT && b->kind != BOUND_COMPLEX)
        return b->kind == BOUND_BOOL || wrong(r, "cannot have a dtype");
    b->ty = json_is_string(dtype) ? type_parse(r->s->types, json_string_value(dtype), r->s->diags) : NULL;
    return (b->ty && type_is_number(b->ty)) || wrong(r, "must have a number type as dtype");
}

static const bound *read_binding(session *s, const json_t *o, const char *path, uint32_t depth) {
    if (depth > MAX_DEPTH) {
        request_error(s, path, "is nested too deeply");
        return NULL;
    }
    for (size_t i = 0; i < sizeof binding_rows / sizeof binding_rows[0]; i++) {
        reader r = {s, o, json_object_get(o, binding_rows[i].key), path, depth};
        if (!r.v)
            continue;
        bound *b = arena_make(s->a, bound);
        b->kind = binding_rows[i].kind;
        return binding_rows[i].read(&r, b) && read_dtype(&r, b) ? b : NULL;
    }
    request_error(s, path, "is not a binding");
    return NULL;
}

bool request_read_names(session *s, const json_t *o, const char *path, uint32_t depth, uint32_t *n,
                        const bound_name **names) {
    bound_name *out = arena_array(s->a, bound_name, json_object_size(o) + 1);
    const char *key;
    json_t *value;
    *n = 0;
    *names = out;
    json_object_foreach((json_t *)(uintptr_t)o, key, value) {
        const bound *b = read_binding(s, value, arena_printf(s->a, "%s.%s", path, key), depth);
        if (!b)
            return false;
        out[(*n)++] = (bound_name){sym_of(s->syms, key), b};
    }
    return true;
}
