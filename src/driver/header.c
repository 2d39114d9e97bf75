/* A C header for an artifact: the entry's declaration and a typed wrapper. Arrays are passed as a pointer, the extents
 * and, unless the layout gives them, the strides in bytes; results come back through pointers. */
#include "driver/driver.h"

#include <ctype.h>
#include <string.h>

static const char *c_type(type *t) {
    switch (t->kind) {
    case TYPE_BOOL:
        return "uint8_t";
    case TYPE_FLOAT:
        return t->bits == 32 ? "float" : "double";
    case TYPE_COMPLEX:
        return t->bits == 64 ? "float _Complex" : "double _Complex";
    case TYPE_INT: {
        static const char *const names[2][4] = {{"uint8_t", "uint16_t", "uint32_t", "uint64_t"},
                                                {"int8_t", "int16_t", "int32_t", "int64_t"}};
        return names[t->is_signed][t->bits == 8 ? 0 : t->bits == 16 ? 1 : t->bits == 32 ? 2 : 3];
    }
    default:
        return "int64_t";
    }
}

/* Words that a C parameter of the wrapper cannot be called: C's own, and the wrapper's. */
static bool is_taken(const char *name) {
    static const char *const taken[] = {
        "args",     "slots",   "err",      "status",   "auto",   "break",    "case",     "char",     "const",
        "continue", "default", "do",       "double",   "else",   "enum",     "extern",   "float",    "for",
        "goto",     "if",      "inline",   "int",      "long",   "register", "restrict", "return",   "short",
        "signed",   "sizeof",  "static",   "struct",   "switch", "typedef",  "union",    "unsigned", "void",
        "volatile", "while",   "asm",      "typeof",   "bool",   "true",     "false",    "class",    "new",
        "delete",   "this",    "template", "operator", "memcpy"};
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++) {
        if (strcmp(taken[i], name) == 0)
            return true;
    }
    return strncmp(name, "result", 6) == 0;
}

static const char *c_name(arena *a, sym name, const char *kind, uint32_t i) {
    if (!name)
        return arena_printf(a, "%s%u", kind, i);
    char *copy = arena_strndup(a, name->text, name->len);
    for (char *p = copy; *p; p++)
        if (!isalnum((unsigned char)*p) && *p != '_')
            *p = '_';
    return arena_printf(a, "%s%s%s", isdigit((unsigned char)*copy) ? "_" : "", copy, is_taken(copy) ? "_" : "");
}

static void put_parameter(text *t, type *x, const char *name) {
    if (x->kind != TYPE_ARRAY) {
        text_printf(t, "%s %s, ", c_type(x), name);
        return;
    }
    text_printf(t, "%s%s *%s, ", x->readonly ? "const " : "", c_type(x->dtype), name);
    if (x->ndim == 0)
        return;
    text_printf(t, "const int64_t %s_shape[%u], ", name, x->ndim);
    if (x->layout == LAYOUT_A)
        text_printf(t, "const int64_t %s_strides[%u], ", name, x->ndim);
}

static void put_copy(text *t, uint32_t slot, type *x, const char *name) {
    if (x->kind == TYPE_BOOL || x->kind == TYPE_INT)
        text_printf(t, "    args[%u] = (int64_t)%s;\n", slot, name);
    else
        text_printf(t, "    memcpy(&args[%u], &%s, sizeof %s);\n", slot, name, name);
}

static void put_array_slots(text *t, uint32_t slot, type *x, const char *name) {
    text_printf(t, "    args[%u] = (int64_t)(intptr_t)%s;\n    args[%u] = 1; /* borrowed */\n", slot, name, slot + 1);
    for (uint32_t i = 0; i < x->ndim; i++) {
        text_printf(t, "    args[%u] = %s_shape[%u];\n", slot + 2 + i, name, i);
        text_printf(t, "    args[%u] = ", slot + 2 + x->ndim + i);
        if (x->layout == LAYOUT_A) {
            text_printf(t, "%s_strides[%u];\n", name, i);
            continue;
        }
        text_printf(t, "%u", type_size(x->dtype));
        uint32_t from = x->layout == LAYOUT_C ? i + 1 : 0, to = x->layout == LAYOUT_C ? x->ndim : i;
        for (uint32_t k = from; k < to; k++)
            text_printf(t, " * %s_shape[%u]", name, k);
        text_put(t, ";\n");
    }
}

static void put_result(text *t, uint32_t slot, type *x, uint32_t i) {
    if (x->kind == TYPE_BOOL || x->kind == TYPE_INT)
        text_printf(t, "        *result%u = (%s)slots[%u];\n", i, c_type(x), slot);
    else if (x->kind == TYPE_ARRAY)
        text_printf(t, "        memcpy(result%u, &slots[%u], %u); /* release with plrt_release(owner) */\n", i, slot,
                    16 + 16 * x->ndim);
    else
        text_printf(t, "        memcpy(result%u, &slots[%u], sizeof *result%u);\n", i, slot, i);
}

const char *header_text(arena *a, const kir_module *m, const request *r, const char *entry, const char *signature) {
    const kir_fn *f = m->fns.at[0];
    text t = text_new(a);
    const char *name = c_name(a, r->entry->name, "kernel", 0);
    uint32_t args = 0, results = 0;
    text_printf(&t, "/* %s: %s\n * Link with the object, -lplait_rt -lgomp -lm. Returns 0, or 1 with *err filled. */\n",
                r->entry->name->text, signature);
    text_printf(&t, "#ifndef PLAIT_KERNEL_%s_H\n#define PLAIT_KERNEL_%s_H\n\n", name, name);
    text_put(&t, "#include <plait/runtime.h>\n#include <stdint.h>\n#include <string.h>\n\n");
    text_printf(&t, "int32_t %s(const int64_t *args, int64_t *results, plrt_error *err);\n\n", entry);
    text_printf(&t, "static inline int32_t %s(", name);
    for (uint32_t i = 0; i < f->params.len; i++)
        put_parameter(&t, f->params.at[i]->ty, c_name(a, f->params.at[i]->name, "arg", i));
    for (uint32_t i = 0; i < f->results.len; i++)
        text_printf(&t, "%s *result%u, ",
                    f->results.at[i]->kind == TYPE_ARRAY ? "plrt_array" : c_type(f->results.at[i]), i);
    text_put(&t, "plrt_error *err) {\n");
    for (uint32_t i = 0; i < f->params.len; i++)
        args += type_slots(f->params.at[i]->ty);
    for (uint32_t i = 0; i < f->results.len; i++)
        results += type_slots(f->results.at[i]);
    text_printf(&t, "    int64_t args[%u] = {0}, slots[%u];\n", args ? args : 1, results ? results : 1);
    args = results = 0;
    for (uint32_t i = 0; i < f->params.len; i++) {
        type *x = f->params.at[i]->ty;
        const char *param = c_name(a, f->params.at[i]->name, "arg", i);
        if (x->kind == TYPE_ARRAY)
            put_array_slots(&t, args, x, param);
        else
            put_copy(&t, args, x, param);
        args += type_slots(x);
    }
    text_printf(&t, "    int32_t status = %s(args, slots, err);\n    if (status == 0) {\n", entry);
    for (uint32_t i = 0; i < f->results.len; i++) {
        put_result(&t, results, f->results.at[i], i);
        results += type_slots(f->results.at[i]);
    }
    text_put(&t, "    }\n    return status;\n}\n\n#endif\n");
    return t.at;
}
