/* Reading requests: JSON → request. Every complaint names the field. Unknown fields are errors, so that a misspelt
 * option is not silently without effect. */
#include "driver/driver.h"

#include "plait/runtime.h"
#include "plait/tile.h"
#include "syntax/syntax.h"

#include <jansson.h>
#include <string.h>

bool request_error(session *s, const char *path, const char *what) {
    diag_report(s->diags, DIAG_REQUEST, (span){0}, NULL, "request: %s %s", path, what);
    return false;
}

static bool refuse(session *s, const char *prefix, const char *key, const char *what) {
    return request_error(s, arena_printf(s->a, "%s%s", prefix, key), what);
}

/* ---- sources ---------------------------------------------------------------------------------------------------------------- */

static const char *copy_string(session *s, const json_t *o, const char *key, const char *fallback) {
    const json_t *v = json_object_get(o, key);
    return json_is_string(v) ? arena_strndup(s->a, json_string_value(v), json_string_length(v)) : fallback;
}

static uint32_t small_number(const json_t *o, const char *key, uint32_t fallback) {
    const json_t *v = json_object_get(o, key);
    json_int_t x = json_is_integer(v) ? json_integer_value(v) : -1;
    return x >= 0 && x <= UINT32_MAX ? (uint32_t)x : fallback;
}

static bool check_kinds(session *s, const json_t *o, const char *path, uint32_t depth) {
    static const struct {
        const char *key;
        json_type type;
        bool needed, top_only;
    } fields[] = {
        {"source", JSON_STRING, true, false},      {"function", JSON_STRING, true, false},
        {"file", JSON_STRING, false, false},       {"first_line", JSON_INTEGER, false, false},
        {"first_col", JSON_INTEGER, false, false}, {"line", JSON_INTEGER, false, false},
        {"col", JSON_INTEGER, false, false},       {"bindings", JSON_OBJECT, false, false},
        {"defaults", JSON_OBJECT, false, false},   {"signature", JSON_STRING, true, true},
        {"options", JSON_OBJECT, false, false},    {"target", JSON_OBJECT, false, true},
    };
    size_t n = sizeof fields / sizeof fields[0];
    for (size_t i = 0; i < n; i++) {
        const json_t *v = json_object_get(o, fields[i].key);
        if (!v && fields[i].needed && (depth == 0 || !fields[i].top_only))
            return refuse(s, path, fields[i].key, "is missing");
        if (v && json_typeof(v) != fields[i].type)
            return refuse(s, path, fields[i].key,
                          fields[i].type == JSON_STRING    ? "must be a string"
                          : fields[i].type == JSON_INTEGER ? "must be an integer"
                                                           : "must be an object");
    }
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)o, key, value) {
        size_t i = 0;
        while (i < n && strcmp(fields[i].key, key) != 0)
            i++;
        if (i == n)
            return refuse(s, path, key, "is not a field of a request");
    }
    return true;
}

/* The same text under the same name is one source, also when many kernels of a file refer to each other. */
static uint32_t add_source(session *s, const json_t *o) {
    const char *name = copy_string(s, o, "file", "<string>");
    const json_t *t = json_object_get(o, "source");
    const char *body = json_string_value(t);
    size_t len = json_string_length(t);
    uint32_t line = small_number(o, "first_line", 1), col = small_number(o, "first_col", 0);
    for (uint32_t i = 0; i < s->diags->sources.len; i++) {
        const source *old = &s->diags->sources.at[i];
        if (old->len == len && old->first_line == line && old->first_col == col && strcmp(old->name, name) == 0 &&
            memcmp(old->text, body, len) == 0)
            return i;
    }
    return diag_add_source(s->diags, name, arena_strndup(s->a, body, len), len, line ? line : 1, col);
}

static ast *parse_source(session *s, uint32_t file) {
    while (s->modules.len <= file)
        vec_push(s->a, &s->modules, NULL);
    if (!s->modules.at[file])
        s->modules.at[file] = syntax_parse(s->a, s->syms, s->diags, file);
    return s->modules.at[file];
}

static ast *find_function(session *s, const json_t *o, ast *module, sym name, const char *path) {
    uint32_t line = small_number(o, "line", 0), col = small_number(o, "col", 0);
    ast *f = syntax_find_function(module, name, line, col);
    if (!f)
        refuse(s, path, "function", arena_printf(s->a, "'%s' is not defined in the source", name->text));
    return f;
}

static bool is_inline_always(const json_t *o) {
    const json_t *v = json_object_get(json_object_get(o, "options"), "inline");
    return json_is_string(v) && strcmp(json_string_value(v), "always") == 0;
}

/* options.locals: {"x": "float32"}, the types that variables of the function always have. */
static bool read_forced_types(session *s, const json_t *o, elab_source *src) {
    json_t *locals = json_object_get(json_object_get(o, "options"), "locals");
    forced_type *forced = arena_array(s->a, forced_type, json_object_size(locals) + 1);
    const char *name;
    json_t *v;
    src->locals = forced;
    json_object_foreach(locals, name, v) {
        type *t = json_is_string(v) ? type_parse(s->types, json_string_value(v), s->diags) : NULL;
        if (!t)
            return json_is_string(v) ? false : refuse(s, "options.locals.", name, "must be the name of a type");
        forced[src->n_locals++] = (forced_type){sym_of(s->syms, name), t};
    }
    return true;
}

elab_source *request_read_source(session *s, const json_t *o, const char *path, uint32_t depth, uint32_t *file,
                                 ast **module) {
    if (!check_kinds(s, o, path, depth))
        return NULL;
    elab_source *src = arena_make(s->a, elab_source);
    *file = add_source(s, o);
    *module = parse_source(s, *file);
    if (!*module)
        return NULL;
    src->name = sym_of(s->syms, json_string_value(json_object_get(o, "function")));
    src->function = find_function(s, o, *module, src->name, path);
    src->inline_always = is_inline_always(o);
    char *whole = json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS);
    src->key = arena_strndup(s->a, whole ? whole : "", whole ? strlen(whole) : 0);
    free(whole);
    const json_t *bindings = json_object_get(o, "bindings"), *defaults = json_object_get(o, "defaults");
    if (!src->function || !read_forced_types(s, o, src) ||
        !request_read_names(s, bindings, arena_printf(s->a, "%sbindings", path), depth, &src->n_names, &src->names) ||
        !request_read_names(s, defaults, arena_printf(s->a, "%sdefaults", path), depth, &src->n_defaults,
                            &src->defaults))
        return NULL;
    return src;
}

/* ---- options ---------------------------------------------------------------------------------------------------------------- */

typedef struct option_row option_row;
typedef bool read_option(session *s, request *r, const json_t *v, const option_row *row);
struct option_row {
    const char *name;
    read_option *read;
    size_t offset; /* of a bool, in kir_options */
};

static bool read_truth(session *s, const json_t *v, const option_row *row, bool *to) {
    *to = json_is_true(v);
    return json_is_boolean(v) || refuse(s, "options.", row->name, "must be true or false");
}

static bool read_flag(session *s, request *r, const json_t *v, const option_row *row) {
    return read_truth(s, v, row, (bool *)((char *)&r->options + row->offset));
}

static void set_parallel_parts(kir_options *o, bool on) {
    o->parallel = on;
    o->par_prange = o->par_numpy = o->par_reduction = o->par_setitem = o->par_fusion = on;
    o->par_comprehension = o->par_inplace_binop = o->par_range = on;
}

static bool read_parallel_parts(session *s, request *r, const json_t *v) {
    static const struct {
        const char *name;
        size_t offset;
    } parts[] = {
        {"prange", offsetof(kir_options, par_prange)},
        {"numpy", offsetof(kir_options, par_numpy)},
        {"reduction", offsetof(kir_options, par_reduction)},
        {"setitem", offsetof(kir_options, par_setitem)},
        {"fusion", offsetof(kir_options, par_fusion)},
        {"comprehension", offsetof(kir_options, par_comprehension)},
        {"inplace_binop", offsetof(kir_options, par_inplace_binop)},
        {"range", offsetof(kir_options, par_range)},
    };
    set_parallel_parts(&r->options, true);
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)v, key, value) {
        size_t i = 0, n = sizeof parts / sizeof parts[0];
        while (i < n && strcmp(parts[i].name, key) != 0)
            i++;
        if (i == n)
            return refuse(s, "options.parallel.", key, "is not a part of parallel");
        if (!json_is_boolean(value))
            return refuse(s, "options.parallel.", key, "must be true or false");
        *(bool *)((char *)&r->options + parts[i].offset) = json_is_true(value);
    }
    return true;
}

static bool read_parallel(session *s, request *r, const json_t *v, const option_row *row) {
    if (json_is_object(v))
        return read_parallel_parts(s, r, v);
    bool require = json_is_string(v) && strcmp(json_string_value(v), "require") == 0;
    if (!require && !json_is_boolean(v))
        return refuse(s, "options.", row->name, "must be true, false, \"require\" or an object of parts");
    set_parallel_parts(&r->options, require || json_is_true(v));
    r->options.require_parallel = require;
    return true;
}

static uint32_t fast_flag(const char *name) {
    static const struct {
        const char *name;
        uint32_t flag;
    } flags[] = {{"nnan", KIR_FAST_NNAN},       {"ninf", KIR_FAST_NINF},         {"nsz", KIR_FAST_NSZ},
                 {"arcp", KIR_FAST_ARCP},       {"contract", KIR_FAST_CONTRACT}, {"afn", KIR_FAST_AFN},
                 {"reassoc", KIR_FAST_REASSOC}, {"fast", KIR_FAST_ALL}};
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
        if (strcmp(flags[i].name, name) == 0)
            return flags[i].flag;
    return 0;
}

static bool read_fastmath(session *s, request *r, const json_t *v, const option_row *row) {
    if (json_is_boolean(v)) {
        r->options.fastmath = json_is_true(v) ? KIR_FAST_ALL : 0;
        return true;
    }
    if (!json_is_array(v))
        return refuse(s, "options.", row->name, "must be true, false or a list of flags");
    r->options.fastmath = 0;
    for (size_t i = 0; i < json_array_size(v); i++) {
        const char *name = json_string_value(json_array_get(v, i));
        uint32_t flag = name ? fast_flag(name) : 0;
        if (!flag)
            return refuse(s, "options.", row->name,
                          "has an unknown flag (nnan, ninf, nsz, arcp, contract, afn, reassoc and fast are known)");
        r->options.fastmath |= flag;
    }
    return true;
}

/* One of a few words; -1 after reporting. */
static int read_word(session *s, const json_t *v, const option_row *row, const char *const *words, const char *what) {
    const char *given = json_string_value(v);
    for (int i = 0; given && words[i]; i++)
        if (strcmp(words[i], given) == 0)
            return i;
    refuse(s, "options.", row->name, what);
    return -1;
}

static bool read_error_model(session *s, request *r, const json_t *v, const option_row *row) {
    static const char *const words[] = {"python", "numpy", NULL};
    int i = read_word(s, v, row, words, "must be \"python\" or \"numpy\"");
    r->options.numpy_errors = i == 1;
    return i >= 0;
}

static bool read_schedule(session *s, request *r, const json_t *v, const option_row *row) {
    static const char *const words[] = {"default", "static", "dynamic", "guided", NULL};
    int i = read_word(s, v, row, words, "must be \"default\", \"static\", \"dynamic\" or \"guided\"");
    r->options.schedule = i;
    return i >= 0;
}

static bool read_race(session *s, request *r, const json_t *v, const option_row *row) {
    static const char *const words[] = {"error", "warn", "trust", "check", NULL};
    int i = read_word(s, v, row, words, "must be \"error\", \"warn\", \"trust\" or \"check\"");
    if (i >= 0)
        r->options.race = (__typeof__(r->options.race))i;
    return i >= 0;
}

static bool read_inline(session *s, request *r, const json_t *v, const option_row *row) {
    static const char *const words[] = {"never", "always", NULL};
    int i = read_word(s, v, row, words, "must be \"never\" or \"always\"");
    r->options.always_inline = i == 1;
    return i >= 0;
}

/* What is in it is read with the function (read_forced_types). */
static bool read_locals(session *s, request *r, const json_t *v, const option_row *row) {
    (void)r;
    return json_is_object(v) ? true : refuse(s, "options.", row->name, "must be an object of types by variable");
}

static bool read_math(session *s, request *r, const json_t *v, const option_row *row) {
    static const char *const words[] = {"auto", "libm", "sleef", "libmvec", NULL};
    int i = read_word(s, v, row, words, "must be \"auto\", \"libm\", \"sleef\" or \"libmvec\"");
    r->math = i == 1 ? LLVM_MATH_NONE : i == 2 ? LLVM_MATH_SLEEF : i == 3 ? LLVM_MATH_LIBMVEC : LLVM_MATH_AUTO;
    return i >= 0;
}

static bool read_opt(session *s, request *r, const json_t *v, const option_row *row) {
    if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) > 3)
        return refuse(s, "options.", row->name, "must be 0, 1, 2 or 3");
    r->options.opt = (int)json_integer_value(v);
    return true;
}

static bool read_count(session *s, request *r, const json_t *v, const option_row *row) {
    if (!json_is_integer(v) || json_integer_value(v) < 0)
        return refuse(s, "options.", row->name, "must be an integer of at least 0");
    *(int64_t *)((char *)&r->options + row->offset) = json_integer_value(v);
    return true;
}

static bool read_tile(session *s, request *r, const json_t *v, const option_row *row) {
    int64_t edges[PLAIT_TILE_EDGES];
    size_t n = json_array_size(v);
    if (!json_is_array(v))
        return read_count(s, r, v, row);
    bool fits = n > 0 && n <= PLAIT_TILE_EDGES;
    for (size_t i = 0; fits && i < n; i++) {
        edges[i] = json_integer_value(json_array_get(v, i));
        fits = json_is_integer(json_array_get(v, i)) && edges[i] >= 0 && edges[i] <= PLAIT_TILE_MOST;
    }
    if (!fits)
        return refuse(s, "options.", row->name,
                      "must be an integer of at least 0, or a list of 1 to 4 from 0 to 32767");
    r->options.tile = plait_tile_of(edges, n);
    return true;
}

static bool read_caches(session *s, request *r, const json_t *v, const option_row *row) {
    int64_t *bytes[] = {&r->options.cache_first, &r->options.cache_second};
    if (!json_is_array(v) || json_array_size(v) > 2)
        return refuse(s, "options.", row->name, "must be a list of at most two sizes");
    for (size_t i = 0; i < json_array_size(v); i++) {
        const json_t *x = json_array_get(v, i);
        if (!json_is_integer(x) || json_integer_value(x) < 0)
            return refuse(s, "options.", row->name, "must be a list of at most two sizes");
        *bytes[i] = json_integer_value(x);
    }
    return true;
}

static bool read_names(session *s, const json_t *v, const option_row *row, const char ***out) {
    size_t n = json_array_size(v);
    if (!json_is_array(v))
        return refuse(s, "options.", row->name, "must be a list of names");
    *out = arena_array(s->a, const char *, n + 1);
    for (size_t i = 0; i < n; i++) {
        const json_t *x = json_array_get(v, i);
        if (!json_is_string(x))
            return refuse(s, "options.", row->name, "must be a list of names");
        (*out)[i] = arena_strndup(s->a, json_string_value(x), json_string_length(x));
    }
    return true;
}

static bool read_disable(session *s, request *r, const json_t *v, const option_row *row) {
    return read_names(s, v, row, &r->disable);
}

static bool read_dump(session *s, request *r, const json_t *v, const option_row *row) {
    return read_names(s, v, row, &r->dump);
}

static bool read_verify(session *s, request *r, const json_t *v, const option_row *row) {
    return read_truth(s, v, row, &r->verify);
}

static bool read_lazy(session *s, request *r, const json_t *v, const option_row *row) {
    return read_truth(s, v, row, &r->lazy);
}

static bool read_tiered(session *s, request *r, const json_t *v, const option_row *row) {
    return read_truth(s, v, row, &r->tiered);
}

/* Of the call that the compile is for: integers, and arrays by their shapes; null is anything else. What does not fit is
 * as good as nothing, for it is only guessed from. */
static llvm_argument read_argument(session *s, const json_t *v) {
    llvm_argument a = {.is_int = json_is_integer(v), .value = json_integer_value(v)};
    a.ndim = json_is_array(v) ? (uint32_t)json_array_size(v) : 0;
    int64_t *shape = arena_array(s->a, int64_t, a.ndim + 1);
    for (uint32_t i = 0; i < a.ndim; i++)
        shape[i] = json_integer_value(json_array_get(v, i));
    a.shape = shape;
    return a;
}

static bool read_call(session *s, request *r, const json_t *v, const option_row *row) {
    size_t n = json_array_size(v);
    if (!json_is_array(v))
        return refuse(s, "options.", row->name, "must be a list of arguments");
    llvm_argument *call = arena_array(s->a, llvm_argument, n + 1);
    for (size_t i = 0; i < n; i++)
        call[i] = read_argument(s, json_array_get(v, i));
    r->n_call = (uint32_t)n;
    r->call = call;
    return true;
}

static const option_row option_rows[] = {
    {"parallel", read_parallel, 0},
    {"fastmath", read_fastmath, 0},
    {"error_model", read_error_model, 0},
    {"boundscheck", read_flag, offsetof(kir_options, boundscheck)},
    {"debug", read_flag, offsetof(kir_options, debug)},
    {"opt", read_opt, 0},
    {"schedule", read_schedule, 0},
    {"chunk", read_count, offsetof(kir_options, chunk)},
    {"tile", read_tile, offsetof(kir_options, tile)},
    {"caches", read_caches, 0},
    {"race", read_race, 0},
    {"inline", read_inline, 0},
    {"locals", read_locals, 0},
    {"math", read_math, 0},
    {"disable", read_disable, 0},
    {"dump", read_dump, 0},
    {"verify", read_verify, 0},
    {"lazy", read_lazy, 0},
    {"tiered", read_tiered, 0},
    {"call", read_call, 0},
};

static bool read_options(session *s, request *r, const json_t *o) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)o, key, value) {
        size_t i = 0, n = sizeof option_rows / sizeof option_rows[0];
        while (i < n && strcmp(option_rows[i].name, key) != 0)
            i++;
        if (i == n)
            return refuse(s, "options.", key, "is not an option");
        if (!option_rows[i].read(s, r, value, &option_rows[i]))
            return false;
    }
    return true;
}

static bool read_target(session *s, request *r, const json_t *o) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)o, key, value) {
        if (strcmp(key, "triple") != 0 && strcmp(key, "cpu") != 0 && strcmp(key, "features") != 0)
            return refuse(s, "target.", key, "is not a field of a target");
        if (!json_is_string(value))
            return refuse(s, "target.", key, "must be a string");
    }
    r->target = (llvm_target){copy_string(s, o, "triple", NULL), copy_string(s, o, "cpu", NULL),
                              copy_string(s, o, "features", NULL)};
    return true;
}

/* ---- the whole --------------------------------------------------------------------------------------------------------------- */

/* What prange is when it is racy is asked of parallel code alone. */
static void warn_of_race(session *s, const request *r, const json_t *options) {
    const char *race = json_string_value(json_object_get(options, "race"));
    if (race && !r->options.parallel)
        diag_report(s->diags, DIAG_WARNING, r->entry->function->at, "add parallel=True, or leave the option out",
                    "race='%s' has no effect without parallel=True: prange is range then", race);
}

static request *read_object(session *s, const json_t *o) {
    request *r = arena_make(s->a, request);
    r->options.opt = 3;
    r->options.boundscheck = true;
    r->options.race = KIR_RACE_ERROR;
    r->entry = request_read_source(s, o, "", 0, &r->file, &r->module);
    if (!r->entry || !read_options(s, r, json_object_get(o, "options")) ||
        !read_target(s, r, json_object_get(o, "target")))
        return NULL;
    warn_of_race(s, r, json_object_get(o, "options"));
    const char *signature = copy_string(s, o, "signature", "");
    if (!type_parse_signature(s->types, s->a, signature, s->diags, &r->result, &r->args, &r->n_args))
        return NULL;
    return r;
}

request *request_read(session *s, const char *json, size_t len) {
    json_error_t error;
    json_t *o = json_loadb(json, len, JSON_REJECT_DUPLICATES, &error);
    if (!o) {
        request_error(s, arena_printf(s->a, "line %d, column %d:", error.line, error.column), error.text);
        return NULL;
    }
    request *r = NULL;
    if (json_is_object(o))
        r = read_object(s, o);
    else
        request_error(s, "must be", "a JSON object");
    json_decref(o);
    return r;
}

bool request_wants_dump(const request *r, const char *name) {
    for (const char **d = r->dump; d && *d; d++)
        if (strcmp(*d, name) == 0 || strcmp(*d, "all") == 0)
            return true;
    return false;
}
