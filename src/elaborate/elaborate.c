/* The entry, functions and calls: specialisations of kernels, recursion, closures, inlining, binding of arguments,
 * built-ins by name. Also what every file of the room emits and reports with. */
#include "elaborate/flow.h"
#include "syntax/syntax.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_INLINED = 60, MAX_DEPTH = 100, MAX_ROUNDS = 12 };

/* ---- emitting ----------------------------------------------------------------------------------------------------------- */

kir_module *elab_module(elab *e) {
    return e->m;
}
kir_fn *elab_fn(elab *e) {
    return e->fn;
}
types *elab_types(elab *e) {
    return e->m->types;
}

void elab_emit(elab *e, kir_stmt *s) {
    if (!e->unreachable)
        vec_push(e->a, e->block, s);
}

void elab_push_block(elab *e, kir_block *b) {
    vec_push(e->a, &e->blocks, e->block);
    e->block = b;
}

void elab_pop_block(elab *e) {
    e->block = e->blocks.at[--e->blocks.len];
}

value elab_error(elab *e, diag_class class, span at, const char *hint, const char *format, ...) {
    va_list args;
    va_start(args, format);
    char said[1024];
    vsnprintf(said, sizeof said, format, args);
    va_end(args);
    diag_report(e->m->diags, class, at, hint, "%s", said);
    return value_invalid(at);
}

static void put_arguments(elab *e, kir_stmt *s, kir_site *site, kir_expr *const *args, uint32_t n_args) {
    for (uint32_t i = 0; i < n_args && i < 6; i++) {
        vec_push(e->a, &s->index, args[i]);
        site->arg_types[i] = args[i]->ty;
    }
    site->n_args = n_args < 6 ? n_args : 6;
}

void elab_check(elab *e, kir_expr *condition, const char *exception, const char *message, kir_expr *const *args,
                uint32_t n_args, span at) {
    int64_t known;
    if (kir_is_const_int(condition, &known) && known)
        return;
    kir_stmt *s = kir_stmt_new(e->m, KIR_CHECK, at);
    s->value = condition;
    kir_site site = {.exception = exception, .message = message, .function = e->act->scope->name, .at = at};
    put_arguments(e, s, &site, args, n_args);
    s->site = kir_site_new(e->m, site);
    elab_emit(e, s);
}

/* ---- values --------------------------------------------------------------------------------------------------------------- */

value value_invalid(span at) {
    return (value){.kind = VAL_INVALID, .at = at};
}

value value_of(elab *e, kir_expr *x) {
    (void)e;
    return (value){.kind = VAL_EXPR, .ty = x->ty, .expr = x, .literal = x->kind == KIR_CONST, .at = x->at};
}

value value_int(elab *e, int64_t x, span at) {
    return value_of(e, kir_int(e->m, x, at));
}
value value_bool(elab *e, bool x, span at) {
    return value_of(e, kir_bool(e->m, x, at));
}
value value_none(elab *e, span at) {
    return (value){.kind = VAL_NONE, .ty = type_none(e->m->types), .at = at};
}

value value_string(elab *e, sym said, span at) {
    return (value){.kind = VAL_STRING, .ty = type_string(e->m->types, said), .text = said, .at = at};
}

value value_of_type(elab *e, type *t, span at) {
    return (value){.kind = VAL_TYPE, .ty = t, .text = sym_of(e->m->syms, type_name(e->m->types, t)), .at = at};
}

value value_tuple(elab *e, const value *items, uint32_t n, span at) {
    value v = {.kind = VAL_TUPLE, .len = n, .at = at};
    v.items = arena_array(e->a, value, n ? n : 1);
    if (n)
        memcpy(v.items, items, n * sizeof *items);
    for (uint32_t i = 0; i < n; i++)
        if (items[i].kind == VAL_INVALID || items[i].kind == VAL_BOTTOM)
            return items[i];
    return v;
}

bool value_is_scalar(const value *v) {
    return v->kind == VAL_EXPR && v->ty->kind != TYPE_ARRAY;
}
bool value_is_array(const value *v) {
    return v->kind == VAL_EXPR && v->ty->kind == TYPE_ARRAY;
}

bool value_literal_int(const value *v, int64_t *x) {
    return v->kind == VAL_EXPR && v->literal && (v->ty->kind == TYPE_INT || v->ty->kind == TYPE_BOOL) &&
           kir_is_const_int(v->expr, x);
}

bool value_literal_bool(const value *v, bool *x) {
    int64_t i;
    if (v->kind != VAL_EXPR || v->ty->kind != TYPE_BOOL || !kir_is_const_int(v->expr, &i))
        return false;
    *x = i != 0;
    return true;
}

static type *tuple_type(elab *e, const value *v) {
    type **items = arena_array(e->a, type *, v->len ? v->len : 1);
    for (uint32_t i = 0; i < v->len; i++)
        items[i] = value_type(e, &v->items[i]);
    const sym *fields = v->ty ? v->ty->fields : NULL;
    return type_tuple(e->m->types, items, v->len, fields ? v->ty->name : NULL, fields);
}

type *value_type(elab *e, const value *v) {
    switch (v->kind) {
    case VAL_EXPR:
        return v->ty;
    case VAL_NONE:
        return type_none(e->m->types);
    case VAL_TUPLE:
        return tuple_type(e, v);
    case VAL_RANGE:
        return type_range(e->m->types);
    case VAL_SLICE:
        return type_slice(e->m->types, v->items[2].kind != VAL_NONE);
    case VAL_STRING:
        return type_string(e->m->types, v->text);
    case VAL_TYPE:
        return type_dtype(e->m->types, v->ty);
    case VAL_INVALID:
    case VAL_BOTTOM:
        return type_bottom(e->m->types);
    case VAL_KERNEL:
        return type_function(e->m->types, v->kernel, v->kernel->name);
    case VAL_CLOSURE:
        return type_function(e->m->types, v->closure, v->closure->name);
    default:
        return type_function(e->m->types, v->text, v->text);
    }
}

kir_expr *elab_hold(elab *e, kir_expr *x) {
    if (x->kind == KIR_CONST || (x->kind == KIR_VAR && x->var->is_temp))
        return x;
    kir_var *t = kir_temp_new(e->m, e->fn, x->ty, x->at);
    elab_emit(e, kir_assign(e->m, t, x, x->at));
    return kir_ref(e->m, t, x->at);
}

value elab_hold_value(elab *e, const value *v) {
    value held = *v;
    if (v->kind == VAL_EXPR) {
        held.expr = elab_hold(e, v->expr);
    } else if (v->len && v->items) {
        held.items = arena_array(e->a, value, v->len);
        for (uint32_t i = 0; i < v->len; i++)
            held.items[i] = elab_hold_value(e, &v->items[i]);
    }
    return held;
}

kir_var *elab_array_var(elab *e, const value *v) {
    if (!value_is_array(v))
        return NULL;
    if (v->expr->kind == KIR_VAR)
        return v->expr->var;
    return elab_hold(e, v->expr)->var;
}

/* ---- built-ins by name ---------------------------------------------------------------------------------------------------- */

static uint32_t hash_text(const char *at) {
    uint32_t h = 2166136261u;
    for (; *at; at++)
        h = (h ^ (uint8_t)*at) * 16777619u;
    return h;
}

static const builtin *const tables[] = {builtin_table, mathlib_table, ufunc_table,     create_table,   linear_table,
                                        numpy_table,   reduce_table,  attribute_table, subscript_table};

static uint32_t builtin_slot(const elab *e, const char *name) {
    uint32_t at = hash_text(name) & (e->builtins.cap - 1);
    while (e->builtins.at[at] && strcmp(e->builtins.at[at]->name, name) != 0)
        at = (at + 1) & (e->builtins.cap - 1);
    return at;
}

static void index_builtins(elab *e) {
    uint32_t n = 0;
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
        for (const builtin *b = tables[t]; b->name; b++)
            n++;
    for (e->builtins.cap = 64; e->builtins.cap < 2 * n;)
        e->builtins.cap *= 2;
    e->builtins.at = arena_array(e->a, const builtin *, e->builtins.cap);
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
        for (const builtin *b = tables[t]; b->name; b++)
            e->builtins.at[builtin_slot(e, b->name)] = b;
}

const builtin *elab_find_builtin(elab *e, const char *dotted_name) {
    return e->builtins.at[builtin_slot(e, dotted_name)];
}

static uint32_t distance(const char *a, size_t n, const char *b, size_t m) {
    uint32_t row[64];
    if (n > 60 || m > 60)
        return 100;
    for (size_t j = 0; j <= m; j++)
        row[j] = (uint32_t)j;
    for (size_t i = 1; i <= n; i++) {
        uint32_t diagonal = row[0];
        row[0] = (uint32_t)i;
        for (size_t j = 1; j <= m; j++) {
            uint32_t change = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            uint32_t best = row[j] + 1 < row[j - 1] + 1 ? row[j] + 1 : row[j - 1] + 1;
            row[j] = change < best ? change : best;
        }
    }
    return row[m];
}

typedef struct nearest {
    const char *name, *best;
    uint32_t distance;
} nearest;

static void consider(nearest *n, const char *candidate) {
    uint32_t d = distance(n->name, strlen(n->name), candidate, strlen(candidate));
    if (d < n->distance) {
        n->distance = d;
        n->best = candidate;
    }
}

const char *elab_nearest(elab *e, const char *prefix, const char *name) {
    nearest n = {name, NULL, strlen(name) <= 3 ? 2 : 3};
    size_t skip = strlen(prefix);
    for (uint32_t i = 0; i < e->builtins.cap; i++) {
        const builtin *b = e->builtins.at[i];
        if (b && strncmp(b->name, prefix, skip) == 0 && !strchr(b->name + skip, '.'))
            consider(&n, b->name + skip);
    }
    return n.best;
}

/* Hint for an unknown name: the nearest of the variables, bindings and built-ins that can be seen here. */
static const char *nearest_name(elab *e, sym name) {
    nearest n = {name->text, NULL, name->len <= 3 ? 2 : 3};
    for (scope *s = e->act->scope; s; s = s->outer) {
        for (uint32_t i = 0; i < s->facts->n_names; i++)
            consider(&n, s->facts->names[i]->text);
        if (s->source)
            for (uint32_t i = 0; i < s->source->n_names; i++)
                consider(&n, s->source->names[i].name->text);
    }
    const char *known = elab_nearest(e, "builtins.", name->text);
    if (known)
        consider(&n, known);
    return n.best;
}

/* ---- the library ---------------------------------------------------------------------------------------------------------------------- */

/* The module of src/library/ that defines `name`, parsed when first asked for. */
static const ast *library_function(elab *e, sym name) {
    for (size_t i = 0; library_files[i].name && i < sizeof e->library / sizeof *e->library; i++) {
        const library_file *lib = &library_files[i];
        const char *def = arena_printf(e->a, "def %s(", name->text);
        if (!strstr(lib->text, def))
            continue;
        if (!e->library[i]) {
            uint32_t file = diag_add_source(e->m->diags, arena_printf(e->a, "<plait library %s>", lib->name), lib->text,
                                            lib->len, 1, 0);
            e->library[i] = syntax_parse(e->a, e->m->syms, e->m->diags, file);
        }
        const ast *found = e->library[i] ? syntax_find_function(e->library[i], name, 0, 0) : NULL;
        if (found)
            return found;
    }
    return NULL;
}

static bool library_closure(elab *e, sym name, span at, value *out) {
    const ast *function = library_function(e, name);
    if (!function)
        return false;
    closure *c = arena_make(e->a, closure);
    c->function = function;
    c->name = name;
    *out = (value){.kind = VAL_CLOSURE, .closure = c, .text = name, .at = at};
    return true;
}

/* ---- names ------------------------------------------------------------------------------------------------------------------- */

static value value_of_array(elab *e, const bound *b, span at) {
    uint32_t index = 0;
    for (uint32_t i = 0; i < e->globals.len && !index; i++)
        if (e->globals.at[i].bound == b)
            index = e->globals.at[i].index + 1;
    if (!index) {
        vec_push(e->a, &e->m->globals, b->array);
        index = e->m->globals.len;
        vec_push(e->a, &e->globals, (global_row){b, index - 1});
    }
    kir_expr *x = kir_expr_new(e->m, KIR_GLOBAL, b->array.ty, 0, at);
    x->global = index - 1;
    return value_of(e, elab_hold(e, x));
}

static value value_of_items(elab *e, const bound *b, span at) {
    value *items = arena_array(e->a, value, b->len ? b->len : 1);
    for (uint32_t i = 0; i < b->len; i++)
        items[i] = elab_value_of_bound(e, b->items[i], at);
    value v = value_tuple(e, items, b->len, at);
    if (b->fields && v.kind == VAL_TUPLE) {
        type **types_of = arena_array(e->a, type *, b->len ? b->len : 1);
        for (uint32_t i = 0; i < b->len; i++)
            types_of[i] = value_type(e, &items[i]);
        v.ty = type_tuple(e->m->types, types_of, b->len, b->text, b->fields);
    }
    return v;
}

static value unknown_object(elab *e, const char *name, span at) {
    const char *last = strrchr(name, '.');
    const char *prefix = last ? arena_strndup(e->a, name, (size_t)(last - name) + 1) : "builtins.";
    const char *near = elab_nearest(e, prefix, last ? last + 1 : name);
    return elab_error(e, DIAG_TYPING, at, near ? arena_printf(e->a, "did you mean '%s%s'?", prefix, near) : NULL,
                      "'%s' cannot be used in a kernel", strncmp(name, "builtins.", 9) == 0 ? name + 9 : name);
}

value elab_value_of_bound(elab *e, const bound *b, span at) {
    types *t = e->m->types;
    switch (b->kind) {
    case BOUND_NONE:
        return value_none(e, at);
    case BOUND_BOOL:
        return value_bool(e, b->i != 0, at);
    case BOUND_INT:
        return value_of(e, kir_const_int(e->m, b->ty ? b->ty : type_int(t, 64, !b->is_unsigned), b->i, at));
    case BOUND_FLOAT:
        return value_of(e, kir_const_float(e->m, b->ty ? b->ty : type_float64(t), b->f, at));
    case BOUND_COMPLEX:
        return value_of(e, kir_const_complex(e->m, b->ty ? b->ty : type_complex(t, 128), b->f, b->im, at));
    case BOUND_STR:
        return value_string(e, b->text, at);
    case BOUND_MODULE:
        return (value){.kind = VAL_MODULE, .text = b->text, .at = at};
    case BOUND_OBJECT:
    case BOUND_BUILTIN: {
        const char *name = b->text->text;
        if (b->kind == BOUND_BUILTIN && strncmp(name, "builtins.", 9) != 0)
            name = arena_printf(e->a, "builtins.%s", name);
        value v = elab_object(e, name, at);
        return v.kind == VAL_INVALID ? unknown_object(e, name, at) : v;
    }
    case BOUND_TYPE:
        return value_of_type(e, b->ty, at);
    case BOUND_TUPLE:
        return value_of_items(e, b, at);
    case BOUND_NAMEDTUPLE:
        return (value){.kind = VAL_NAMEDTUPLE, .bound = b, .text = b->text, .at = at};
    case BOUND_EXCEPTION:
        return (value){.kind = VAL_EXCEPTION, .bound = b, .text = b->text, .at = at};
    case BOUND_KERNEL:
        return (value){.kind = VAL_KERNEL, .bound = b, .kernel = b->kernel, .text = b->kernel->name, .at = at};
    case BOUND_ARRAY:
        return value_of_array(e, b, at);
    case BOUND_INVALID:
        break;
    }
    return elab_error(e, DIAG_INTERNAL, at, NULL, "a binding of unknown kind");
}

static const bound *find_binding(const scope *s, sym name) {
    for (; s; s = s->outer)
        if (s->source)
            for (uint32_t i = 0; i < s->source->n_names; i++)
                if (s->source->names[i].name == name)
                    return s->source->names[i].what;
    return NULL;
}

static const elab_source *source_called(const scope *s, sym name) {
    for (; s; s = s->outer)
        if (s->source && s->source->function && s->source->name == name)
            return s->source;
    return NULL;
}

/* A kernel knows itself, and those that are being elaborated because they call it (mutual recursion): requests hold
 * neither among the bindings, for they are trees. */
static bool running_kernel(elab *e, sym name, span at, value *out) {
    const elab_source *found = source_called(e->act->scope, name);
    for (uint32_t i = 0; !found && i < e->specs.len; i++)
        if (e->specs.at[i]->state == SPEC_RUNNING && e->specs.at[i]->source->name == name)
            found = e->specs.at[i]->source;
    if (!found || e->act->scope->is_library)
        return false;
    *out = (value){.kind = VAL_KERNEL, .kernel = found, .text = name, .at = at};
    return true;
}

/* A name as an expression: local, enclosing function's, binding, built-in. */
value elab_name(elab *e, sym name, span at) {
    slot *s = slot_find(e, name, NULL);
    if (s) {
        value v = slot_read(e, s, at);
        elab_note_type(e, at, name, &v);
        return v;
    }
    const bound *b = find_binding(e->act->scope, name);
    if (b)
        return elab_value_of_bound(e, b, at);
    value v;
    if (running_kernel(e, name, at, &v))
        return v;
    v = elab_object(e, arena_printf(e->a, "builtins.%s", name->text), at);
    if (v.kind != VAL_INVALID)
        return v;
    if (e->act->scope->is_library && library_closure(e, name, at, &v))
        return v;
    static const char *const modules[] = {"math", "cmath", "operator", "np", "numpy"};
    for (size_t i = 0; i < sizeof modules / sizeof *modules; i++)
        if (sym_is(name, modules[i]))
            return elab_error(e, DIAG_TYPING, at, "import it at the top of the module", "name '%s' is not defined",
                              name->text);
    const char *near = nearest_name(e, name);
    return elab_error(e, DIAG_TYPING, at, near ? arena_printf(e->a, "did you mean '%s'?", near) : NULL,
                      "name '%s' is not defined", name->text);
}

void elab_assign_name(elab *e, sym name, const value *v, span at) {
    slot *s = slot_find(e, name, NULL);
    if (s && s->scope != e->act->scope)
        e->epoch++;
    if (s)
        slot_assign(e, s, v, at);
}

void elab_note_type(elab *e, span at, sym name, const value *v) {
    if (!e->result || e->unreachable || e->act->scope->is_library)
        return;
    if (v->kind != VAL_EXPR && v->kind != VAL_TUPLE && v->kind != VAL_NONE && v->kind != VAL_RANGE)
        return;
    vec_push(e->a, &e->result->notes, (elab_note){at, name, value_type(e, v)});
}

/* ---- the report ------------------------------------------------------------------------------------------------------------- */

uint64_t elab_mix(uint64_t h, uint64_t x) {
    h ^= x + 0x9e3779b97f4a7c15u + (h << 6) + (h >> 2);
    return h * 0xff51afd7ed558ccdu;
}

/* The entry of a loop of the source: one for each place, however often the place is elaborated. */
uint32_t elab_report(elab *e, kir_loop_kind kind, const ast *node, span at) {
    uint64_t key = elab_mix(elab_mix(e->act->scope->site, (uint64_t)(uintptr_t)node), (uint64_t)(uintptr_t)e->fn);
    for (uint32_t i = 0; i < e->reports.len; i++)
        if (e->reports.at[i].key == key)
            return e->reports.at[i].id;
    uint32_t id = kir_report_new(e->m, kind, e->act->scope->name, at, e->loop ? e->loop->report : 0);
    vec_push(e->a, &e->reports, (report_row){key, id});
    return id;
}

/* ---- parameters ---------------------------------------------------------------------------------------------------------------- */

typedef enum param_kind { PARAM_POSITIONAL_ONLY, PARAM_NORMAL, PARAM_REST, PARAM_KEYWORD_ONLY } param_kind;
typedef struct param {
    sym name;
    param_kind kind;
    const ast *fallback;
    const char *text;
    bool has_default;
} param;
typedef struct signature {
    uint32_t n;
    param *at;
} signature;

static void add_params(signature *s, const ast_list *args, param_kind kind) {
    for (uint32_t i = 0; i < args->len; i++)
        s->at[s->n++] = (param){.name = args->at[i]->arg.arg, .kind = kind};
}

/* In the order of CPython's co_varnames: positional, keyword-only, *args. */
static const signature *signature_of_function(elab *e, const ast *args) {
    signature *s = arena_make(e->a, signature);
    uint32_t positional = args->arguments.posonlyargs.len + args->arguments.args.len;
    s->at = arena_array(e->a, param, positional + args->arguments.kwonlyargs.len + 2);
    add_params(s, &args->arguments.posonlyargs, PARAM_POSITIONAL_ONLY);
    add_params(s, &args->arguments.args, PARAM_NORMAL);
    for (uint32_t i = 0; i < args->arguments.defaults.len; i++) {
        param *p = &s->at[positional - args->arguments.defaults.len + i];
        p->fallback = args->arguments.defaults.at[i];
        p->has_default = true;
    }
    uint32_t first = s->n;
    add_params(s, &args->arguments.kwonlyargs, PARAM_KEYWORD_ONLY);
    for (uint32_t i = 0; i < args->arguments.kw_defaults.len; i++) {
        s->at[first + i].fallback = args->arguments.kw_defaults.at[i];
        s->at[first + i].has_default = args->arguments.kw_defaults.at[i] != NULL;
    }
    if (args->arguments.vararg)
        s->at[s->n++] = (param){.name = args->arguments.vararg->arg.arg, .kind = PARAM_REST};
    return s;
}

static const char *skip_spaces(const char *p) {
    while (*p == ' ')
        p++;
    return p;
}

static const char *end_of_parameter(const char *p) {
    for (bool quoted = false; *p && (quoted || *p != ','); p++)
        if (*p == '\'')
            quoted = !quoted;
    return p;
}

/* "a, axis=None, /, *rest, keepdims=False" → parameters. */
static signature *parse_signature(elab *e, const char *written) {
    signature *s = arena_make(e->a, signature);
    uint32_t commas = 1;
    for (const char *p = written; *p; p++)
        commas += *p == ',';
    s->at = arena_array(e->a, param, commas);
    param_kind kind = PARAM_NORMAL;
    for (const char *p = skip_spaces(written); *p;) {
        const char *end = end_of_parameter(p);
        if (*p == '/') {
            for (uint32_t i = 0; i < s->n; i++)
                s->at[i].kind = PARAM_POSITIONAL_ONLY;
        } else if (*p == '*') {
            if (end > p + 1)
                s->at[s->n++] =
                    (param){.name = sym_intern(e->m->syms, p + 1, (size_t)(end - p - 1)), .kind = PARAM_REST};
            kind = PARAM_KEYWORD_ONLY;
        } else {
            const char *equals = memchr(p, '=', (size_t)(end - p));
            param *a = &s->at[s->n++];
            *a = (param){.name = sym_intern(e->m->syms, p, (size_t)((equals ? equals : end) - p)), .kind = kind};
            a->has_default = equals != NULL;
            if (equals)
                a->text = arena_strndup(e->a, equals + 1, (size_t)(end - equals - 1));
        }
        p = skip_spaces(*end ? end + 1 : end);
    }
    return s;
}

static const signature *signature_of_builtin(elab *e, const builtin *b) {
    for (uint32_t i = 0; i < e->signatures.len; i++)
        if (e->signatures.at[i].row == b)
            return e->signatures.at[i].what;
    signature *s = parse_signature(e, b->params ? b->params : "");
    vec_push(e->a, &e->signatures, (signature_row){b, s});
    return s;
}

static value literal_default(elab *e, const char *written, span at) {
    if (strcmp(written, "None") == 0)
        return value_none(e, at);
    if (strcmp(written, "True") == 0)
        return value_bool(e, true, at);
    if (strcmp(written, "False") == 0)
        return value_bool(e, false, at);
    if (*written == '\'')
        return value_string(e, sym_intern(e->m->syms, written + 1, strlen(written) - 2), at);
    if (strpbrk(written, ".en"))
        return value_of(e, kir_const_float(e->m, type_float64(e->m->types), strtod(written, NULL), at));
    return value_int(e, strtoll(written, NULL, 10), at);
}

/* A plural for messages. */
static const char *plural(uint32_t n) {
    return n == 1 ? "" : "s";
}

static value wrong_count(elab *e, const signature *s, const char *name, const call_args *args) {
    uint32_t most = 0, least = 0, given = 0;
    for (uint32_t i = 0; i < s->n; i++)
        if (s->at[i].kind <= PARAM_NORMAL) {
            most++;
            least += !s->at[i].has_default;
        }
    for (uint32_t i = 0; i < args->n; i++)
        given += !args->names || !args->names[i];
    if (least == most)
        return elab_error(e, DIAG_TYPING, args->place, NULL, "%s() takes %u positional argument%s but %u %s given",
                          name, most, plural(most), given, given == 1 ? "was" : "were");
    return elab_error(e, DIAG_TYPING, args->place, NULL,
                      "%s() takes from %u to %u positional arguments but %u were given", name, least, most, given);
}

/* Puts each argument in the place of its parameter; VAL_INVALID where none was given. */
static bool place_arguments(elab *e, const signature *s, const char *name, const call_args *args, value *out,
                            bool *given) {
    value rest[256];
    uint32_t n_rest = 0, next = 0;
    for (uint32_t i = 0; i < args->n; i++) {
        if (args->names && args->names[i])
            continue;
        while (next < s->n && s->at[next].kind > PARAM_NORMAL) {
            if (s->at[next].kind == PARAM_REST)
                break;
            next++;
        }
        if (next < s->n && s->at[next].kind == PARAM_REST) {
            if (n_rest == 256)
                return elab_error(e, DIAG_UNSUPPORTED, args->place, NULL, "more than 256 arguments"), false;
            rest[n_rest++] = args->at[i];
            continue;
        }
        if (next == s->n)
            return wrong_count(e, s, name, args), false;
        given[next] = true;
        out[next++] = args->at[i];
    }
    for (uint32_t k = 0; k < s->n; k++)
        if (s->at[k].kind == PARAM_REST) {
            out[k] = value_tuple(e, rest, n_rest, args->place);
            given[k] = true;
        }
    for (uint32_t i = 0; i < args->n; i++) {
        if (!args->names || !args->names[i])
            continue;
        uint32_t k = 0;
        while (k < s->n && (s->at[k].name != args->names[i] || s->at[k].kind == PARAM_POSITIONAL_ONLY ||
                            s->at[k].kind == PARAM_REST))
            k++;
        if (k == s->n)
            return elab_error(e, DIAG_TYPING, args->at[i].at, NULL, "%s() got an unexpected keyword argument '%s'",
                              name, args->names[i]->text),
                   false;
        if (given[k])
            return elab_error(e, DIAG_TYPING, args->at[i].at, NULL, "%s() got multiple values for argument '%s'", name,
                              args->names[i]->text),
                   false;
        given[k] = true;
        out[k] = args->at[i];
    }
    return true;
}

static value missing_argument(elab *e, const char *name, const param *p, span at) {
    return elab_error(e, DIAG_TYPING, at, NULL, "%s() missing required argument '%s'", name, p->name->text);
}

/* ---- calls of built-ins --------------------------------------------------------------------------------------------------------- */

static const char *short_name(const char *dotted) {
    return strncmp(dotted, "builtins.", 9) == 0 ? dotted + 9 : dotted;
}

static value call_row(elab *e, const builtin *b, value *args, uint32_t n, span at) {
    for (uint32_t i = 0; i < n; i++)
        if (args[i].kind == VAL_INVALID || args[i].kind == VAL_BOTTOM)
            return args[i];
    value v = b->library ? elab_call_library(e, b->library, args, n, at) : b->call(e, b, args, n, at);
    v.at = at;
    return v;
}

static value call_builtin(elab *e, const builtin *b, const call_args *args) {
    const signature *s = signature_of_builtin(e, b);
    value *placed = arena_array(e->a, value, s->n ? s->n : 1);
    bool *given = arena_array(e->a, bool, s->n ? s->n : 1);
    if (!place_arguments(e, s, short_name(b->name), args, placed, given))
        return value_invalid(args->place);
    for (uint32_t i = 0; i < s->n; i++) {
        if (given[i])
            continue;
        if (!s->at[i].has_default)
            return missing_argument(e, short_name(b->name), &s->at[i], args->place);
        placed[i] = literal_default(e, s->at[i].text, args->place);
    }
    return call_row(e, b, placed, s->n, args->place);
}

value elab_call_builtin(elab *e, const char *dotted_name, const value *args, uint32_t n, span at) {
    const builtin *b = elab_find_builtin(e, dotted_name);
    if (!b)
        return elab_error(e, DIAG_INTERNAL, at, NULL, "no built-in called '%s'", dotted_name);
    call_args given = {.n = n, .at = arena_array(e->a, value, n ? n : 1), .place = at};
    if (n)
        memcpy(given.at, args, n * sizeof *args);
    return call_builtin(e, b, &given);
}

/* ---- inlining ---------------------------------------------------------------------------------------------------------------------- */

static void bind_parameter(elab *e, const fn_facts *f, slot *s, const value *v, span at) {
    bool assigned = bit_is_set(f->assigned, s->index);
    if (assigned) {
        slot_assign(e, s, v, at);
    } else if (v->kind == VAL_EXPR && v->expr->kind == KIR_VAR && !e->writes_outer) {
        slot_bind(e, s, v, at);
    } else {
        value held = elab_hold_value(e, v);
        slot_bind(e, s, &held, at);
    }
}

/* Removes the block around an inlined body whose only way out is its end. */
static void splice_block(elab *e, kir_stmt *block, const merge *exit) {
    bool falls = exit->edges.len == 1 && exit->edges.at[0].block == &block->body;
    if (exit->edges.len == 0)
        falls = true;
    if (!falls) {
        elab_emit(e, block);
        return;
    }
    uint32_t n = block->body.len;
    if (exit->edges.len == 1 && exit->edges.at[0].jump)
        n--;
    for (uint32_t i = 0; i < n; i++)
        vec_push(e->a, e->block, block->body.at[i]);
}

static value inline_body(elab *e, activation *act, const ast *function) {
    if (function->kind == AST_Lambda)
        return elab_expression(e, function->Lambda.body);
    bool was_unreachable = e->unreachable;
    merge exit;
    merge_begin(e, &exit);
    act->exit = &exit;
    act->block = kir_stmt_new(e->m, KIR_BLOCK, function->at);
    elab_push_block(e, &act->block->body);
    elab_statements(e, &function->FunctionDef.body);
    if (!e->unreachable) {
        value none = value_none(e, function->at);
        slot_bind(e, scope_result(act->scope), &none, function->at);
        merge_edge(e, &exit, NULL);
    }
    elab_pop_block(e);
    e->unreachable = was_unreachable;
    trail_undo(e, exit.mark);
    const uint64_t *none_live = arena_array(e->a, uint64_t, act->scope->facts->words);
    bool arrives = merge_end(e, &exit, act->scope, none_live);
    bool stops = e->unreachable;
    e->unreachable = was_unreachable;
    splice_block(e, act->block, &exit);
    e->unreachable = stops;
    if (!arrives)
        return (value){.kind = VAL_BOTTOM, .at = function->at};
    slot *result = scope_result(act->scope);
    if (result->now.bound == SLOT_CONFLICT)
        return elab_error(e, DIAG_TYPING, function->at, "return the same kind of value on every path",
                          "%s() returns %s", act->scope->name->text, result->now.v.text->text);
    if (result->now.bound != SLOT_BOUND)
        return value_invalid(function->at);
    return value_again(e, &result->now.v);
}

/* Elaborates a Python function in place of a call. */
static value inline_function(elab *e, const ast *function, scope *outer, const elab_source *from, sym name,
                             const value *params, bool is_library, span at) {
    if (e->inlined >= MAX_INLINED)
        return elab_error(e, DIAG_UNSUPPORTED, at, "make it a kernel of its own: kernels may call themselves",
                          "nested function %s() calls itself", name->text);
    const fn_facts *f = facts_of_function(e, function);
    uint64_t site =
        elab_mix(elab_mix(e->act->scope->site, ((uint64_t)at.line << 32) | at.col), (uint64_t)(uintptr_t)function);
    activation act = {.caller = e->act, .scope = scope_new(e, f, outer, from, name, site)};
    act.scope->is_library = is_library;
    activation *caller = e->act;
    e->inlined++;
    for (uint32_t i = 0; i < f->n_params; i++)
        bind_parameter(e, f, &act.scope->slots[i], &params[i], at);
    e->act = &act;
    value v = inline_body(e, &act, function);
    e->act = caller;
    e->inlined--;
    act.scope->closed = true;
    return v;
}

/* ---- closures ----------------------------------------------------------------------------------------------------------------------- */

static const ast *arguments_of(const ast *function) {
    return function->kind == AST_Lambda ? function->Lambda.args : function->FunctionDef.args;
}

value elab_make_closure(elab *e, const ast *function) {
    const ast *args = arguments_of(function);
    if (args->arguments.kwarg)
        return elab_unsupported(e, args->arguments.kwarg->at, "name the parameters", "a **parameter");
    closure *c = arena_make(e->a, closure);
    c->function = function;
    c->scope = e->act->scope;
    c->name = function->kind == AST_Lambda ? sym_of(e->m->syms, "<lambda>") : function->FunctionDef.name;
    const fn_facts *f = facts_of_function(e, function);
    if (f->writes_outer)
        e->writes_outer = true;
    const signature *s = signature_of_function(e, args);
    c->n_defaults = s->n;
    c->defaults = arena_array(e->a, value, s->n ? s->n : 1);
    for (uint32_t i = 0; i < s->n; i++)
        if (s->at[i].has_default) {
            value v = elab_expression(e, s->at[i].fallback);
            c->defaults[i] = elab_hold_value(e, &v);
        }
    return (value){.kind = VAL_CLOSURE, .closure = c, .text = c->name, .at = function->at};
}

static value call_closure(elab *e, const closure *c, const call_args *args) {
    const signature *s = signature_of_function(e, arguments_of(c->function));
    value *placed = arena_array(e->a, value, s->n ? s->n : 1);
    bool *given = arena_array(e->a, bool, s->n ? s->n : 1);
    if (!place_arguments(e, s, c->name->text, args, placed, given))
        return value_invalid(args->place);
    for (uint32_t i = 0; i < s->n; i++) {
        if (given[i])
            continue;
        if (!s->at[i].has_default)
            return missing_argument(e, c->name->text, &s->at[i], args->place);
        placed[i] = c->scope ? value_again(e, &c->defaults[i]) : elab_expression(e, s->at[i].fallback);
    }
    bool is_library = !c->scope || c->scope->is_library;
    return inline_function(e, c->function, c->scope, c->scope ? NULL : e->library_source, c->name, placed, is_library,
                           args->place);
}

/* ---- calls of the library ---------------------------------------------------------------------------------------------------------- */

value elab_call_library(elab *e, const char *name, const value *args, uint32_t n, span at) {
    sym function_name = sym_of(e->m->syms, name);
    const ast *function = library_function(e, function_name);
    if (!function)
        return elab_error(e, DIAG_INTERNAL, at, NULL, "no library function called '%s'", name);
    const signature *s = signature_of_function(e, function->FunctionDef.args);
    value *placed = arena_array(e->a, value, s->n ? s->n : 1);
    bool *given = arena_array(e->a, bool, s->n ? s->n : 1);
    call_args given_args = {.n = n, .at = arena_array(e->a, value, n ? n : 1), .place = at};
    if (n)
        memcpy(given_args.at, args, n * sizeof *args);
    if (!place_arguments(e, s, name, &given_args, placed, given))
        return value_invalid(at);
    for (uint32_t i = 0; i < s->n; i++) {
        if (given[i])
            continue;
        if (!s->at[i].has_default)
            return missing_argument(e, name, &s->at[i], at);
        placed[i] = elab_expression(e, s->at[i].fallback);
    }
    return inline_function(e, function, NULL, e->library_source, function_name, placed, true, at);
}

/* ---- specialisations of kernels -------------------------------------------------------------------------------------------------------- */

typedef struct frame {
    kir_fn *fn;
    kir_block *block;
    bool unreachable;
    activation *act;
    loop_context *loop;
    uint32_t mark, inlined;
} frame;

static frame enter_frame(elab *e) {
    frame f = {e->fn, e->block, e->unreachable, e->act, e->loop, e->trail.len, e->inlined};
    e->unreachable = false;
    e->loop = NULL;
    e->inlined = 0;
    return f;
}

static void leave_frame(elab *e, const frame *f) {
    trail_undo(e, f->mark);
    e->fn = f->fn;
    e->block = f->block;
    e->unreachable = f->unreachable;
    e->act = f->act;
    e->loop = f->loop;
    e->inlined = f->inlined;
}

static void reset_fn(kir_fn *f) {
    f->params.len = f->vars.len = f->results.len = f->body.len = 0;
    f->next_var = 0;
}

static void bind_spec_argument(elab *e, slot *s, const spec_arg *a, span at) {
    s->first = at;
    if (a->constant || a->fallback) {
        value v = a->fallback ? elab_value_of_bound(e, a->fallback, at) : value_again(e, &a->shape);
        const fn_facts *f = s->scope->facts;
        if (bit_is_set(f->assigned, s->index))
            slot_assign(e, s, &v, at);
        else
            slot_bind(e, s, &v, at);
        return;
    }
    value home = value_home(e, &a->shape, s->name, at, false, true);
    vec_push(e->a, &s->homes, home);
    slot_set(e, s, (slot_state){.bound = SLOT_BOUND, .stored = true, .v = home});
    elab_note_type(e, at, s->name, &home);
}

static void apply_forced_types(elab *e, scope *s, const elab_source *from) {
    for (uint32_t i = 0; i < from->n_locals; i++) {
        uint32_t k;
        if (facts_name(s->facts, from->locals[i].name, &k))
            s->slots[k].forced = from->locals[i].ty;
    }
    (void)e;
}

static bool is_returnable(const value *v) {
    if (v->kind == VAL_TUPLE) {
        for (uint32_t i = 0; i < v->len; i++)
            if (!is_returnable(&v->items[i]))
                return false;
        return true;
    }
    return v->kind == VAL_EXPR || v->kind == VAL_NONE || v->kind == VAL_BOTTOM;
}

static value shape_of_type(elab *e, type *t, span at);

static value shape_of_tuple(elab *e, type *t, span at) {
    value *items = arena_array(e->a, value, t->len ? t->len : 1);
    for (uint32_t i = 0; i < t->len; i++)
        items[i] = shape_of_type(e, t->items[i], at);
    value v = value_tuple(e, items, t->len, at);
    if (t->fields)
        v.ty = t;
    return v;
}

/* What an argument of this type looks like inside the kernel. */
static value shape_of_type(elab *e, type *t, span at) {
    value index = {.kind = VAL_EXPR, .ty = type_int64(e->m->types), .at = at};
    switch (t->kind) {
    case TYPE_NONE:
        return value_none(e, at);
    case TYPE_TUPLE:
        return shape_of_tuple(e, t, at);
    case TYPE_STRING:
        return value_string(e, t->name, at);
    case TYPE_DTYPE:
        return value_of_type(e, t->dtype, at);
    case TYPE_FUNCTION:
        return elab_value_of_bound(e, t->key, at);
    case TYPE_SLICE:
    case TYPE_RANGE: {
        value v = value_tuple(e, (value[]){index, index, index}, 3, at);
        v.kind = t->kind == TYPE_RANGE ? VAL_RANGE : VAL_SLICE;
        if (t->kind == TYPE_SLICE && !t->has_step)
            v.items[2] = value_none(e, at);
        return v;
    }
    default:
        return (value){.kind = VAL_EXPR, .ty = t, .at = at};
    }
}

static void collect_result(elab *e, kir_expr *x, void *context) {
    kir_stmt *s = context;
    vec_push(e->a, &s->index, kir_copy_expr(e->m, x, NULL));
}

static value converted(elab *e, const value *v, const value *shape, span at) {
    if (shape->kind == VAL_EXPR && v->kind == VAL_EXPR)
        return elab_convert(e, v, shape->ty, at);
    value c = *v;
    if (v->kind == VAL_TUPLE && shape->kind == VAL_TUPLE && v->len == shape->len) {
        c.items = arena_array(e->a, value, v->len ? v->len : 1);
        for (uint32_t i = 0; i < v->len; i++)
            c.items[i] = converted(e, &v->items[i], &shape->items[i], at);
    }
    return c;
}

/* Fills one RETURN with its values, converted to the function's result type. */
static void finish_return(elab *e, const returned *r, const value *shape) {
    kir_block *block = e->block;
    e->block = r->block;
    e->block->len--;
    value v = converted(e, &r->v, shape, r->span);
    value_leaves(e, &v, collect_result, r->stmt);
    vec_push(e->a, e->block, r->stmt);
    e->block = block;
}

static void collect_shape_types(elab *e, const value *shape) {
    if (shape->kind == VAL_EXPR) {
        vec_push(e->a, &e->fn->results, shape->ty);
        return;
    }
    for (uint32_t i = 0; i < shape->len && shape->items; i++)
        collect_shape_types(e, &shape->items[i]);
}

static bool unify_returns(elab *e, const activation *act, value *shape) {
    *shape = (value){.kind = VAL_BOTTOM};
    for (uint32_t i = 0; i < act->returns.len; i++) {
        const returned *r = &act->returns.at[i];
        value joined;
        if (r->v.kind == VAL_INVALID)
            return false;
        if (!is_returnable(&r->v)) {
            elab_error(e, DIAG_TYPING, r->span, "return numbers, arrays, tuples of them or None",
                       "a kernel cannot return %s", value_describe(e, &r->v));
            return false;
        }
        if (!value_unify(e, shape, &r->v, &joined)) {
            elab_error(e, DIAG_TYPING, r->span, "return values of one type on every path",
                       "%s() returns %s here and %s elsewhere", act->scope->name->text, value_describe(e, &r->v),
                       value_describe(e, shape));
            return false;
        }
        *shape = joined;
    }
    return true;
}

static bool wanted_shape(elab *e, const activation *act, type *wanted, value *shape) {
    if (!wanted || shape->kind == VAL_BOTTOM)
        return true;
    value asked = shape_of_type(e, wanted, act->scope->facts->function->at);
    bool fits = asked.kind == shape->kind && asked.len == shape->len;
    if (asked.kind == VAL_EXPR && fits)
        fits = asked.ty->kind == TYPE_ARRAY || shape->ty->kind == TYPE_ARRAY
                   ? type_unify(e->m->types, shape->ty, asked.ty) == asked.ty
                   : type_can_convert(shape->ty, asked.ty);
    if (!fits) {
        elab_error(e, DIAG_TYPING, act->scope->facts->function->at, "change the signature or the returned value",
                   "%s() returns %s, but its signature says %s", act->scope->name->text, value_describe(e, shape),
                   type_name(e->m->types, wanted));
        return false;
    }
    *shape = asked;
    return true;
}

/* One round over the body; false after errors. */
static bool elaborate_body(elab *e, spec *s, activation *act, type *wanted, value *shape) {
    const ast *function = s->source->function;
    const fn_facts *f = facts_of_function(e, function);
    for (uint32_t i = 0; i < s->n_args && i < f->n_params; i++)
        bind_spec_argument(e, &act->scope->slots[i], &s->args[i], function->at);
    uint32_t errors = e->m->diags->errors;
    if (function->kind == AST_Lambda) {
        value v = elab_expression(e, function->Lambda.body);
        elab_return(e, &v, function->at);
    } else {
        elab_statements(e, &function->FunctionDef.body);
    }
    if (!e->unreachable) {
        value none = value_none(e, function->at);
        elab_return(e, &none, function->at);
    }
    if (e->m->diags->errors > errors)
        return false;
    if (!unify_returns(e, act, shape) || !wanted_shape(e, act, wanted, shape))
        return false;
    e->unreachable = false;
    for (uint32_t i = 0; i < act->returns.len; i++)
        finish_return(e, &act->returns.at[i], shape);
    collect_shape_types(e, shape);
    return true;
}

/* Specialisations that used the provisional result of a running one must be elaborated again when it changes. */
static void forget_dependents(elab *e, const spec *head) {
    for (uint32_t i = 0; i < e->specs.len; i++)
        if (e->specs.at[i]->state == SPEC_DONE && e->specs.at[i]->lowest <= head->depth)
            e->specs.at[i]->state = SPEC_NEW;
}

static void settle_dependents(elab *e, const spec *head) {
    for (uint32_t i = 0; i < e->specs.len; i++)
        if (e->specs.at[i]->lowest == head->depth)
            e->specs.at[i]->lowest = UINT32_MAX;
}

static bool run_round(elab *e, spec *s, type *wanted, value *shape) {
    const elab_source *from = s->source;
    frame f = enter_frame(e);
    e->fn = s->fn;
    reset_fn(s->fn);
    e->block = &s->fn->body;
    activation act = {.caller = NULL, .spec = s};
    act.scope =
        scope_new(e, facts_of_function(e, from->function), NULL, from, from->name, (uint64_t)(uintptr_t)from->function);
    apply_forced_types(e, act.scope, from);
    e->act = &act;
    bool ok = elaborate_body(e, s, &act, wanted, shape);
    leave_frame(e, &f);
    act.scope->closed = true;
    return ok;
}

typedef struct diag_mark {
    uint32_t items, errors, notes;
} diag_mark;
static diag_mark mark_diags(elab *e) {
    return (diag_mark){e->m->diags->items.len, e->m->diags->errors, e->result ? e->result->notes.len : 0};
}
static void undo_diags(elab *e, diag_mark m) {
    e->m->diags->items.len = m.items;
    e->m->diags->errors = m.errors;
    if (e->result)
        e->result->notes.len = m.notes;
}

/* Elaborates until the result type is what recursive calls assumed it to be. */
static void run_spec(elab *e, spec *s, type *wanted) {
    s->state = SPEC_RUNNING;
    s->depth = ++e->depth;
    s->lowest = UINT32_MAX;
    s->result = (value){.kind = VAL_BOTTOM};
    bool ok = false;
    for (uint32_t round = 0; round < MAX_ROUNDS; round++) {
        diag_mark mark = mark_diags(e);
        value shape = {.kind = VAL_BOTTOM};
        s->used_itself = false;
        ok = run_round(e, s, wanted, &shape);
        if (!ok)
            break;
        value joined = shape;
        bool stable = !s->used_itself || (shape.kind != VAL_BOTTOM && s->result.kind != VAL_BOTTOM &&
                                          value_same_shape(&shape, &s->result));
        if (s->used_itself && shape.kind == VAL_BOTTOM) {
            elab_error(e, DIAG_TYPING, s->source->function->at, "return a value without calling itself on some path",
                       "the result type of the recursive function %s() cannot be inferred", s->source->name->text);
            ok = false;
            break;
        }
        if (stable) {
            s->result = shape;
            break;
        }
        ok = value_unify(e, &s->result, &shape, &joined);
        s->result = joined;
        undo_diags(e, mark);
        forget_dependents(e, s);
    }
    s->fn->is_recursive = s->used_itself;
    s->state = ok ? SPEC_DONE : SPEC_FAILED;
    if (ok && s->lowest >= s->depth) {
        settle_dependents(e, s);
        s->lowest = UINT32_MAX;
    }
    e->depth--;
}

static bool same_args(const spec *s, const spec_arg *args, uint32_t n) {
    if (s->n_args != n)
        return false;
    for (uint32_t i = 0; i < n; i++) {
        if (s->args[i].constant != args[i].constant || s->args[i].fallback != args[i].fallback ||
            !value_same_shape(&s->args[i].shape, &args[i].shape))
            return false;
        if (args[i].constant && !value_same_const(&s->args[i].shape, &args[i].shape))
            return false;
    }
    return true;
}

static bool same_source(const elab_source *a, const elab_source *b) {
    return a == b || (a->key && b->key && strcmp(a->key, b->key) == 0);
}

static sym unique_fn_name(elab *e, sym name) {
    sym unique = name;
    for (uint32_t n = 2;; n++) {
        bool taken = false;
        for (uint32_t i = 0; i < e->m->fns.len && !taken; i++)
            taken = e->m->fns.at[i]->name == unique;
        if (!taken)
            return unique;
        unique = sym_of(e->m->syms, arena_printf(e->a, "%s_%u", name->text, n));
    }
}

static spec *find_spec(elab *e, const elab_source *from, const spec_arg *args, uint32_t n) {
    for (uint32_t i = 0; i < e->specs.len; i++)
        if (same_source(e->specs.at[i]->source, from) && same_args(e->specs.at[i], args, n))
            return e->specs.at[i];
    spec *s = arena_make(e->a, spec);
    s->source = from;
    s->n_args = n;
    s->args = arena_array(e->a, spec_arg, n ? n : 1);
    if (n)
        memcpy(s->args, args, n * sizeof *args);
    s->state = SPEC_NEW;
    sym name = from->name;
    if (name->text[0] == '<')
        name = sym_of(e->m->syms, "lambda");
    s->fn = kir_fn_new(e->m, e->m->fns.len ? KIR_FN_CALLEE : KIR_FN_ENTRY, unique_fn_name(e, name), from->function->at);
    s->fn->user_name = from->name;
    s->fn->always_inline = from->inline_always;
    vec_push(e->a, &e->specs, s);
    return s;
}

/* A use of a running specialisation's provisional result: everything that runs above it depends on it. */
static void note_recursion(elab *e, spec *s) {
    s->used_itself = true;
    for (uint32_t i = 0; i < e->specs.len; i++) {
        spec *other = e->specs.at[i];
        if (other->state == SPEC_RUNNING && other->depth > s->depth && other->lowest > s->depth)
            other->lowest = s->depth;
    }
}

/* A finished one that is itself provisional passes its dependence on to its callers. */
static void note_provisional(elab *e, const spec *s) {
    if (s->lowest == UINT32_MAX)
        return;
    for (uint32_t i = 0; i < e->specs.len; i++) {
        spec *other = e->specs.at[i];
        if (other->state == SPEC_RUNNING && other->depth > s->lowest && other->lowest > s->lowest)
            other->lowest = s->lowest;
    }
}

static void collect_argument(elab *e, kir_expr *x, void *context) {
    kir_stmt *s = context;
    vec_push(e->a, &s->index, x);
}

static void collect_results(elab *e, kir_expr *x, void *context) {
    kir_stmt *s = context;
    vec_push(e->a, &s->results, x->var);
}

static value emit_call(elab *e, const spec *s, const value *params, span at) {
    kir_stmt *call = kir_stmt_new(e->m, KIR_CALL, at);
    call->fn = s->fn;
    for (uint32_t i = 0; i < s->n_args; i++) {
        if (s->args[i].constant)
            continue;
        value_leaves(e, &params[i], collect_argument, call);
    }
    value result = value_home(e, &s->result, NULL, at, true, false);
    value_leaves(e, &result, collect_results, call);
    elab_emit(e, call);
    return value_again(e, &result);
}

/* Arrays that are still expressions become variables: arguments are passed as they are. */
value elab_hold_arrays(elab *e, const value *v) {
    value out = *v;
    if (value_is_array(v)) {
        if (v->expr->kind != KIR_VAR)
            out.expr = elab_hold(e, v->expr);
    } else if (v->len && v->items) {
        out.items = arena_array(e->a, value, v->len);
        for (uint32_t i = 0; i < v->len; i++)
            out.items[i] = elab_hold_arrays(e, &v->items[i]);
    }
    return out;
}

static const bound *find_default(const elab_source *from, sym name) {
    for (uint32_t i = 0; i < from->n_defaults; i++)
        if (from->defaults[i].name == name)
            return from->defaults[i].what;
    return NULL;
}

static bool default_value(elab *e, const elab_source *from, const param *p, span at, value *out) {
    const bound *b = find_default(from, p->name);
    if (b) {
        *out = elab_value_of_bound(e, b, at);
        return true;
    }
    if (p->has_default && p->fallback->kind == AST_Constant) {
        *out = elab_expression(e, p->fallback);
        return true;
    }
    return false;
}

static bool is_running(const elab *e, const elab_source *from) {
    for (const activation *a = e->act; a; a = a->caller)
        if (a->scope->source == from)
            return true;
    return false;
}

static bool has_literal_int(const value *params, const spec_arg *args, uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        if (!args[i].constant && value_is_constant(&params[i]))
            return true;
    return false;
}

static value use_spec(elab *e, spec *s, const value *params, span at) {
    if (s->state == SPEC_RUNNING) {
        note_recursion(e, s);
    } else if (s->state == SPEC_NEW) {
        if (e->depth >= MAX_DEPTH)
            return elab_error(e, DIAG_UNSUPPORTED, at, "pass the same types in the recursive call",
                              "kernels call one another more than %d deep with new types each time", MAX_DEPTH);
        run_spec(e, s, NULL);
    }
    if (s->state == SPEC_FAILED)
        return value_invalid(at);
    if (s->state == SPEC_DONE)
        note_provisional(e, s);
    if (s->result.kind == VAL_BOTTOM && s->state == SPEC_RUNNING)
        return (value){.kind = VAL_BOTTOM, .at = at};
    value v = emit_call(e, s, params, at);
    if (s->result.kind == VAL_BOTTOM)
        e->unreachable = true;
    return v;
}

static value call_kernel(elab *e, const elab_source *from, const call_args *args) {
    span at = args->place;
    const ast *syntax = arguments_of(from->function);
    if (syntax->arguments.kwarg)
        return elab_unsupported(e, at, "name the parameters", "a kernel with a **parameter");
    const signature *s = signature_of_function(e, syntax);
    value *params = arena_array(e->a, value, s->n ? s->n : 1);
    bool *given = arena_array(e->a, bool, s->n ? s->n : 1);
    spec_arg *shapes = arena_array(e->a, spec_arg, s->n ? s->n : 1);
    if (!place_arguments(e, s, from->name->text, args, params, given))
        return value_invalid(at);
    bool closures = false;
    for (uint32_t i = 0; i < s->n; i++) {
        if (!given[i] && !default_value(e, from, &s->at[i], at, &params[i]))
            return missing_argument(e, from->name->text, &s->at[i], at);
        if (params[i].kind == VAL_INVALID || params[i].kind == VAL_BOTTOM)
            return params[i];
        closures |= value_has(&params[i], VAL_CLOSURE) || value_has(&params[i], VAL_ITERATOR);
        params[i] = elab_hold_arrays(e, &params[i]);
        shapes[i] = (spec_arg){.shape = params[i], .constant = !given[i] && value_is_constant(&params[i])};
        if (params[i].kind != VAL_EXPR && value_is_constant(&params[i]) && params[i].kind != VAL_TUPLE)
            shapes[i].constant = true;
    }
    if (closures || (from->inline_always && !is_running(e, from)))
        return inline_function(e, from->function, NULL, from, from->name, params, false, at);
    spec *found = find_spec(e, from, shapes, s->n);
    diag_mark mark = mark_diags(e);
    value v = use_spec(e, found, params, at);
    if (v.kind != VAL_INVALID || !has_literal_int(params, shapes, s->n))
        return v;
    /* The callee may need the values of its arguments (a tuple index, an axis): once more with them. */
    diag_mark failed = mark_diags(e);
    for (uint32_t i = 0; i < s->n; i++)
        shapes[i].constant = value_is_constant(&params[i]);
    spec *literal = find_spec(e, from, shapes, s->n);
    v = use_spec(e, literal, params, at);
    if (v.kind == VAL_INVALID) {
        undo_diags(e, failed);
        return v;
    }
    diag *kept = e->m->diags->items.at;
    uint32_t n = failed.items - mark.items;
    memmove(&kept[mark.items], &kept[failed.items], (e->m->diags->items.len - failed.items) * sizeof *kept);
    e->m->diags->items.len -= n;
    e->m->diags->errors -= failed.errors - mark.errors;
    return v;
}

/* ---- calls ------------------------------------------------------------------------------------------------------------------------------ */

static const char *class_prefix(const value *v) {
    if (v->kind == VAL_TUPLE)
        return "tuple.";
    if (v->kind == VAL_STRING)
        return "str.";
    if (v->kind == VAL_SLICE)
        return "slice.";
    if (v->kind == VAL_RANGE)
        return "range.";
    if (v->kind == VAL_TYPE)
        return "dtype.";
    if (v->kind != VAL_EXPR)
        return "object.";
    switch (v->ty->kind) {
    case TYPE_ARRAY:
        return "ndarray.";
    case TYPE_COMPLEX:
        return "complex.";
    case TYPE_FLOAT:
        return "float.";
    case TYPE_BOOL:
        return "bool.";
    default:
        return "int.";
    }
}

static value call_method(elab *e, const value *method, const call_args *args) {
    const value *self = &method->items[0];
    const builtin *b = method->builtin;
    if (!b)
        b = elab_find_builtin(e, arena_printf(e->a, "%s%s", class_prefix(self), method->text->text));
    if (!b) {
        const char *near = elab_nearest(e, class_prefix(self), method->text->text);
        return elab_error(e, DIAG_TYPING, args->place, near ? arena_printf(e->a, "did you mean '%s'?", near) : NULL,
                          "%s has no method '%s'", value_describe(e, self), method->text->text);
    }
    call_args all = {.n = args->n + 1, .at = arena_array(e->a, value, args->n + 1), .place = args->place};
    all.at[0] = *self;
    if (args->n)
        memcpy(all.at + 1, args->at, args->n * sizeof *args->at);
    if (args->names) {
        all.names = arena_array(e->a, sym, args->n + 1);
        memcpy(all.names + 1, args->names, args->n * sizeof *args->names);
    }
    return call_builtin(e, b, &all);
}

static value make_namedtuple(elab *e, const value *class, const call_args *args) {
    const bound *b = class->bound;
    signature s = {b->len, arena_array(e->a, param, b->len ? b->len : 1)};
    for (uint32_t i = 0; i < b->len; i++)
        s.at[i] = (param){.name = b->fields[i], .kind = PARAM_NORMAL};
    value *items = arena_array(e->a, value, b->len ? b->len : 1);
    bool *given = arena_array(e->a, bool, b->len ? b->len : 1);
    if (!place_arguments(e, &s, b->text->text, args, items, given))
        return value_invalid(args->place);
    for (uint32_t i = 0; i < b->len; i++)
        if (!given[i])
            return missing_argument(e, b->text->text, &s.at[i], args->place);
    value v = value_tuple(e, items, b->len, args->place);
    if (v.kind != VAL_TUPLE)
        return v;
    type **item_types = arena_array(e->a, type *, b->len ? b->len : 1);
    for (uint32_t i = 0; i < b->len; i++)
        item_types[i] = value_type(e, &items[i]);
    v.ty = type_tuple(e->m->types, item_types, b->len, b->text, b->fields);
    return v;
}

static value make_raised(elab *e, const value *class, const call_args *args) {
    value v = {.kind = VAL_RAISED, .text = class->text, .bound = class->bound, .len = args->n, .at = args->place};
    for (uint32_t i = 0; i < args->n; i++)
        if (args->names && args->names[i])
            return elab_unsupported(e, args->at[i].at, "pass the arguments by position",
                                    "a keyword argument of an exception");
    v.items = arena_array(e->a, value, args->n ? args->n : 1);
    if (args->n)
        memcpy(v.items, args->at, args->n * sizeof *args->at);
    return v;
}

value elab_call(elab *e, const value *callee, const call_args *args) {
    for (uint32_t i = 0; i < args->n; i++)
        if (args->at[i].kind == VAL_INVALID || args->at[i].kind == VAL_BOTTOM)
            return args->at[i];
    switch (callee->kind) {
    case VAL_INVALID:
    case VAL_BOTTOM:
        return *callee;
    case VAL_OBJECT:
        return call_builtin(e, callee->builtin ? callee->builtin : elab_find_builtin(e, callee->text->text), args);
    case VAL_METHOD:
        return call_method(e, callee, args);
    case VAL_KERNEL:
        return call_kernel(e, callee->kernel, args);
    case VAL_CLOSURE:
        return call_closure(e, callee->closure, args);
    case VAL_TYPE:
        return elab_construct(e, callee, args);
    case VAL_NAMEDTUPLE:
        return make_namedtuple(e, callee, args);
    case VAL_EXCEPTION:
        return make_raised(e, callee, args);
    default:
        return elab_error(e, DIAG_TYPING, args->place, NULL, "%s cannot be called", value_describe(e, callee));
    }
}

/* ---- the door ------------------------------------------------------------------------------------------------------------------------------ */

typedef struct sweep {
    elab *e;
    VEC(kir_fn *) reached;
} sweep;

static bool reach_calls(kir_stmt *s, void *context) {
    sweep *w = context;
    if (s->fn) {
        for (uint32_t i = 0; i < w->reached.len; i++)
            if (w->reached.at[i] == s->fn)
                return true;
        vec_push(w->e->a, &w->reached, s->fn);
    }
    return true;
}

static void mark_var(kir_expr **at, void *context) {
    (void)context;
    if ((*at)->var)
        (*at)->var->is_end = true;
}

static bool mark_vars(kir_stmt *s, void *context) {
    (void)context;
    if (s->var)
        s->var->is_end = true;
    for (uint32_t i = 0; i < s->results.len; i++)
        s->results.at[i]->is_end = true;
    kir_each_expr(s, mark_var, NULL);
    return true;
}

static void mark_in_expr(kir_expr **at, void *context) {
    kir_each_subexpr(at, mark_var, context);
}

static bool mark_stmt(kir_stmt *s, void *context) {
    mark_vars(s, context);
    kir_each_expr(s, mark_in_expr, NULL);
    return true;
}

/* Variables of rounds that were thrown away. */
static void sweep_vars(kir_fn *f) {
    for (uint32_t i = 0; i < f->vars.len; i++)
        f->vars.at[i]->is_end = false;
    kir_each_stmt(&f->body, mark_stmt, NULL);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < f->vars.len; i++) {
        kir_var *v = f->vars.at[i];
        if (v->is_end || v->is_param)
            f->vars.at[kept++] = v;
        v->is_end = false;
    }
    f->vars.len = kept;
}

/* Keeps what the entry calls, directly or not. */
static void sweep_module(elab *e) {
    sweep w = {.e = e};
    vec_push(e->a, &w.reached, e->m->fns.at[0]);
    for (uint32_t i = 0; i < w.reached.len; i++) {
        kir_each_stmt(&w.reached.at[i]->body, reach_calls, &w);
        sweep_vars(w.reached.at[i]);
    }
    e->m->fns.len = 0;
    for (uint32_t i = 0; i < w.reached.len; i++)
        vec_push(e->a, &e->m->fns, w.reached.at[i]);
}

static elab_source *library_bindings(elab *e) {
    elab_source *s = arena_make(e->a, elab_source);
    static const char *const modules[][2] = {
        {"np", "numpy"}, {"math", "math"}, {"cmath", "cmath"}, {"operator", "operator"}};
    bound_name *names = arena_array(e->a, bound_name, 5);
    for (uint32_t i = 0; i < 4; i++) {
        bound *b = arena_make(e->a, bound);
        b->kind = BOUND_MODULE;
        b->text = sym_of(e->m->syms, modules[i][1]);
        names[i] = (bound_name){sym_of(e->m->syms, modules[i][0]), b};
    }
    bound *prange = arena_make(e->a, bound);
    prange->kind = BOUND_OBJECT;
    prange->text = sym_of(e->m->syms, "plait.prange");
    names[4] = (bound_name){sym_of(e->m->syms, "prange"), prange};
    s->n_names = 5;
    s->names = names;
    s->name = sym_of(e->m->syms, "<library>");
    return s;
}

static bool has_array(const bound *b) {
    bool found = b->kind == BOUND_ARRAY;
    for (uint32_t i = 0; b->kind == BOUND_TUPLE && i < b->len && !found; i++)
        found = has_array(b->items[i]);
    return found;
}

static bool entry_arguments(elab *e, const elab_source *entry, type *const *args, uint32_t n_args, spec_arg *out) {
    const signature *s = signature_of_function(e, arguments_of(entry->function));
    span at = entry->function->at;
    if (n_args != s->n) {
        elab_error(e, DIAG_TYPING, at, NULL, "%s() takes %u argument%s but the request has types for %u",
                   entry->name->text, s->n, plural(s->n), n_args);
        return false;
    }
    for (uint32_t i = 0; i < n_args; i++) {
        if (args[i]->kind == TYPE_OMITTED) {
            const bound *fallback = find_default(entry, s->at[i].name);
            if (fallback && has_array(fallback)) {
                out[i] = (spec_arg){.fallback = fallback};
                continue;
            }
            value v;
            if (!default_value(e, entry, &s->at[i], at, &v))
                return missing_argument(e, entry->name->text, &s->at[i], at), false;
            if (v.kind == VAL_INVALID)
                return false;
            out[i] = (spec_arg){.shape = v, .constant = value_is_constant(&v)};
            continue;
        }
        value shape = shape_of_type(e, args[i], at);
        if (shape.kind == VAL_INVALID)
            return false;
        bool constant =
            shape.kind != VAL_EXPR && shape.kind != VAL_TUPLE && shape.kind != VAL_SLICE && shape.kind != VAL_RANGE;
        out[i] = (spec_arg){.shape = shape, .constant = constant};
    }
    return true;
}

bool elaborate(kir_module *m, const elab_source *entry, type *const *args, uint32_t n_args, type *wanted,
               elab_result *result) {
    elab *e = arena_make(m->a, elab);
    e->m = m;
    e->a = m->a;
    e->result = result;
    index_builtins(e);
    e->library_source = library_bindings(e);
    const ast *syntax = arguments_of(entry->function);
    if (entry->function->kind == AST_AsyncFunctionDef || syntax->arguments.kwarg) {
        diag_report(m->diags, DIAG_UNSUPPORTED,
                    syntax->arguments.kwarg ? syntax->arguments.kwarg->at : entry->function->at, "name the parameters",
                    "a **parameter is not supported in a kernel");
        return false;
    }
    activation outside = {.scope = scope_new(e, facts_of_function(e, entry->function), NULL, entry, entry->name, 0)};
    e->act = &outside;
    kir_block unused = {0};
    e->block = &unused;
    uint32_t errors = m->diags->errors;
    spec_arg *shapes = arena_array(m->a, spec_arg, n_args ? n_args : 1);
    if (!entry_arguments(e, entry, args, n_args, shapes))
        return false;
    spec *s = find_spec(e, entry, shapes, n_args);
    run_spec(e, s, wanted);
    if (s->state != SPEC_DONE || m->diags->errors > errors)
        return false;
    result->result = s->result.kind == VAL_BOTTOM ? type_none(m->types) : value_type(e, &s->result);
    sweep_module(e);
    return true;
}
