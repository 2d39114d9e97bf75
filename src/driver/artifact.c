/* Artifacts: what a compile leaves behind. */
#include "driver/driver.h"

#include "llvm/llvm.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

plait_artifact *artifact_new(void) {
    arena *a = arena_new(NULL);
    plait_artifact *out = a ? arena_make(a, plait_artifact) : NULL;
    if (!out) {
        if (a)
            arena_free(a);
        return NULL;
    }
    out->a = a;
    atomic_init(&out->refs, 1);
    return out;
}

void plait_artifact_free(plait_artifact *a) {
    if (a && atomic_fetch_sub(&a->refs, 1) == 1)
        arena_free(a->a);
}

const char *artifact_copy(plait_artifact *a, const char *s) {
    return s ? arena_strndup(a->a, s, strlen(s)) : NULL;
}

void artifact_put_dump(plait_artifact *a, const char *name, const char *s) {
    artifact_text dump = {artifact_copy(a, name), artifact_copy(a, s ? s : "")};
    vec_push(a->a, &a->dumps, dump);
}

const void *plait_artifact_object(const plait_artifact *a, size_t *len) {
    *len = a->object_size;
    return a->object;
}

const char *plait_artifact_entry(const plait_artifact *a) {
    return a->entry;
}
const char *plait_artifact_signature(const plait_artifact *a) {
    return a->signature;
}
const char *plait_artifact_metadata(const plait_artifact *a) {
    return a->metadata;
}
const char *plait_artifact_report(const plait_artifact *a) {
    return a->report;
}
const char *plait_artifact_explain(const plait_artifact *a) {
    return a->explain;
}
const char *plait_artifact_timings(const plait_artifact *a) {
    return a->timings;
}

const char *plait_artifact_dump(const plait_artifact *a, const char *name) {
    for (uint32_t i = 0; i < a->dumps.len; i++)
        if (strcmp(a->dumps.at[i].name, name) == 0)
            return a->dumps.at[i].text;
    return NULL;
}

/* ---- error texts -------------------------------------------------------------------------------------------------------------- */

/* With the fewest digits that are this float32 and no other. */
static void put_float32(text *t, float x) {
    char digits[32];
    int precision = 6;
    do
        snprintf(digits, sizeof digits, "%.*g", precision, (double)x);
    while (strtof(digits, NULL) != x && precision++ < 9);
    text_put_double(t, strtod(digits, NULL));
}

static void put_slot(text *t, char kind, int64_t slot) {
    double x = 0;
    float x32 = 0;
    switch (kind) {
    case 'b':
        text_put(t, slot ? "True" : "False");
        break;
    case 'u':
        text_printf(t, "%" PRIu64, (uint64_t)slot);
        break;
    case 'f':
        memcpy(&x, &slot, sizeof x);
        text_put_double(t, x);
        break;
    case 's':
        memcpy(&x32, &slot, sizeof x32);
        put_float32(t, x32);
        break;
    default:
        text_printf(t, "%" PRId64, slot);
        break;
    }
}

/* A site's message: %d, %g and %b stand for the dynamic arguments in order, %% for itself. */
static void put_message(text *t, const artifact_site *s, const plrt_error *err) {
    uint32_t next = 0;
    for (const char *p = s->message; *p; p++) {
        if (*p != '%' || p[1] == '\0') {
            text_putn(t, p, 1);
            continue;
        }
        p++;
        if (*p == '%')
            text_put(t, "%");
        else if (next < s->n_args) {
            put_slot(t, s->kinds[next], err->args[next]);
            next++;
        }
    }
}

static void put_tuple(text *t, const artifact_site *s, const plrt_error *err, const json_t *list);

static void put_value(text *t, const artifact_site *s, const plrt_error *err, const json_t *v, bool quoted) {
    const json_t *slot = json_object_get(v, "slot");
    size_t k = json_is_integer(slot) ? (size_t)json_integer_value(slot) : 6;
    if (k < s->n_args && k < 6)
        put_slot(t, s->kinds[k], err->args[k]);
    else if (json_is_array(v))
        put_tuple(t, s, err, v);
    else if (json_is_string(v))
        text_printf(t, quoted ? "'%s'" : "%s", json_string_value(v));
    else if (json_is_integer(v))
        text_printf(t, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
    else if (json_is_real(v))
        text_put_double(t, json_real_value(v));
    else
        text_put(t, json_is_true(v) ? "True" : json_is_false(v) ? "False" : "None");
}

static void put_tuple(text *t, const artifact_site *s, const plrt_error *err, const json_t *list) {
    size_t n = json_array_size(list);
    text_put(t, "(");
    for (size_t i = 0; i < n; i++) {
        text_put(t, i ? ", " : "");
        put_value(t, s, err, json_array_get(list, i), true);
    }
    text_put(t, n == 1 ? ",)" : ")");
}

/* As Python shows an exception's arguments: one alone, several as a tuple. */
static void put_arguments(text *t, const artifact_site *s, const plrt_error *err) {
    json_t *list = json_loads(s->args_json, JSON_DECODE_ANY, NULL);
    if (json_array_size(list) > 1)
        put_tuple(t, s, err, list);
    else if (json_array_size(list) == 1)
        put_value(t, s, err, json_array_get(list, 0), false);
    json_decref(list);
}

static void put_known(text *t, const plrt_error *err) {
    switch (err->site) {
    case PLRT_SITE_MEMORY:
        text_printf(t, "MemoryError: unable to allocate %" PRId64 " bytes", err->args[0]);
        break;
    case PLRT_SITE_INTERRUPT:
        text_put(t, "KeyboardInterrupt");
        break;
    case PLRT_SITE_RECURSION:
        text_put(t, "RecursionError: maximum recursion depth exceeded");
        break;
    default:
        text_printf(t, "InternalError: unknown raise site %d", err->site);
        break;
    }
}

void artifact_error_text(const plait_artifact *a, const plrt_error *err, text *out) {
    if (err->site <= 0 || (uint32_t)err->site >= a->sites.len) {
        put_known(out, err);
        return;
    }
    const artifact_site *s = &a->sites.at[err->site];
    text_put(out, s->exception);
    size_t bare = out->len;
    text_put(out, ": ");
    size_t before = out->len;
    if (s->message)
        put_message(out, s, err);
    else if (s->args_json)
        put_arguments(out, s, err);
    if (out->len == before) {
        out->len = bare;
        out->at[bare] = '\0';
    }
}

/* ---- writing ------------------------------------------------------------------------------------------------------------------- */

static plait_status say(plait_diagnostics **diagnostics, plait_status status, const char *message, const char *hint) {
    if (diagnostics)
        *diagnostics = diagnostics_one("ValueError", message, hint);
    return status;
}

static plait_status write_bytes(const char *path, const void *data, size_t len) {
    FILE *f = fopen(path, "wb");
    if (!f)
        return PLAIT_IO_ERROR;
    size_t written = fwrite(data, 1, len, f);
    int saved = errno;
    if (fclose(f) != 0 || written != len) {
        if (written != len)
            errno = saved;
        return PLAIT_IO_ERROR;
    }
    return PLAIT_OK;
}

static plait_status write_dump(const plait_artifact *a, const char *path, const char *dump,
                               plait_diagnostics **diagnostics) {
    const char *body = plait_artifact_dump(a, dump);
    if (!body)
        return say(diagnostics, PLAIT_ERROR, "the request did not ask for this text",
                   "put \"dump\": [\"optimized\", \"asm\"] into its options");
    return write_bytes(path, body, strlen(body));
}

plait_status plait_artifact_write(const plait_artifact *a, const char *path, plait_diagnostics **diagnostics) {
    const char *dot = strrchr(path, '.'), *slash = strrchr(path, '/');
    const char *extension = dot && (!slash || dot > slash) ? dot : "";
    if (diagnostics)
        *diagnostics = NULL;
    bool code = strcmp(extension, ".o") == 0 || strcmp(extension, ".so") == 0;
    if (code && a->asides.n > 0)
        return say(diagnostics, PLAIT_ERROR, "parts of this object are compiled when they are first run",
                   "compile without \"lazy\" to write it");
    if (strcmp(extension, ".o") == 0)
        return write_bytes(path, a->object, a->object_size);
    if (strcmp(extension, ".h") == 0)
        return write_bytes(path, a->header, strlen(a->header));
    if (strcmp(extension, ".ll") == 0)
        return write_dump(a, path, "optimized", diagnostics);
    if (strcmp(extension, ".s") == 0)
        return write_dump(a, path, "asm", diagnostics);
    if (strcmp(extension, ".so") == 0)
        return link_shared(a, path, diagnostics);
    return say(diagnostics, PLAIT_ERROR, "the file name must end in .o, .so, .ll, .s or .h", NULL);
}
