/* What callers of an artifact need to know, as JSON; and its signature. */
#include "driver/driver.h"

#include <string.h>

const char *describe_signature(arena *a, const request *r, type *result) {
    text t = text_new(a);
    type_print(result, &t);
    text_put(&t, "(");
    for (uint32_t i = 0; i < r->n_args; i++) {
        text_put(&t, i ? ", " : "");
        type_print(r->args[i], &t);
    }
    text_put(&t, ")");
    return t.at;
}

static void put_string(text *t, const char *s) {
    if (s)
        text_put_json(t, s, strlen(s));
    else
        text_put(t, "null");
}

static void put_place(text *t, const kir_module *m, span at) {
    text_put(t, "\"file\":");
    put_string(t, at.line && at.file < m->diags->sources.len ? m->diags->sources.at[at.file].name : NULL);
    text_printf(t, ",\"line\":%u,\"col\":%u", at.line, at.col);
}

static void put_site(text *t, const kir_module *m, const kir_site *s) {
    text_put(t, "{\"exception\":");
    put_string(t, s->exception);
    text_put(t, ",\"key\":");
    put_string(t, s->key);
    text_put(t, ",\"message\":");
    put_string(t, s->message);
    text_put(t, ",\"values\":");
    text_put(t, s->args_json ? s->args_json : "null");
    text_put(t, ",\"args\":[");
    for (uint32_t i = 0; i < s->n_args; i++) {
        text_put(t, i ? "," : "");
        type_print_json(s->arg_types[i], t);
    }
    text_put(t, "],");
    put_place(t, m, s->at);
    text_put(t, ",\"function\":");
    put_string(t, s->function ? s->function->text : NULL);
    text_put(t, "}");
}

/* Types of names and expressions, for inspect_types. */
static void put_notes(text *t, const elab_result *e) {
    text_put(t, ",\"types\":[");
    for (uint32_t i = 0; i < e->notes.len; i++) {
        const elab_note *n = &e->notes.at[i];
        text_printf(t, "%s{\"line\":%u,\"col\":%u,\"name\":", i ? "," : "", n->at.line, n->at.col);
        put_string(t, n->name ? n->name->text : NULL);
        text_put(t, ",\"type\":\"");
        type_print(n->ty, t);
        text_put(t, "\"}");
    }
    text_put(t, "]");
}

const char *describe_metadata(arena *a, const kir_module *m, const request *r, const elab_result *e,
                              const llvm_result *l) {
    text t = text_new(a);
    text_put(&t, "{\"entry\":");
    put_string(&t, l->entry);
    text_put(&t, ",\"function\":");
    put_string(&t, r->entry->name->text);
    text_printf(&t, ",\"abi\":%d,\"args\":[", PLRT_ABI);
    for (uint32_t i = 0; i < r->n_args; i++) {
        text_put(&t, i ? "," : "");
        type_print_json(r->args[i], &t);
    }
    text_put(&t, "],\"result\":");
    type_print_json(e->result, &t);
    text_put(&t, ",\"sites\":[");
    for (uint32_t i = 1; i < m->sites.len; i++) {
        text_put(&t, i > 1 ? "," : "");
        put_site(&t, m, &m->sites.at[i]);
    }
    text_printf(&t, "],\"regions\":%u,\"libraries\":[%s%s%s]", l->regions, l->uses_sleef ? "\"sleef\"" : "",
                l->uses_sleef && l->uses_libmvec ? "," : "", l->uses_libmvec ? "\"mvec\"" : "");
    put_notes(&t, e);
    text_put(&t, l->is_baseline ? ",\"baseline\":true}" : "}");
    return t.at;
}
