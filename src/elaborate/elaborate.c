/* The entry; what every file of the room emits and reports with; built-ins by name; what a name means. Calls are in
 * call.c, kernels by argument types in specialise.c. */
#include "elaborate/flow.h"
#include "syntax/syntax.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_LEAVES = 32768 };

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

/* The user's function that is being elaborated, and the place in it: that of the call, inside what the library does. */
static const activation *user_activation(const elab *e, span *at) {
    const activation *act = e->act;
    for (; act && act->scope->is_library && act->caller; act = act->caller)
        *at = act->from;
    return act;
}

typedef struct move {
    span to;
} move;

static void move_expr(kir_expr **at, void *context) {
    (*at)->at = ((const move *)context)->to;
}

static void move_at(kir_expr **at, void *context) {
    kir_each_subexpr(at, move_expr, context);
}

/* What the library does stands where the user called it. */
static void place_at_call(const elab *e, kir_stmt *s) {
    move m = {s->at};
    if (user_activation(e, &m.to) == e->act)
        return;
    s->at = m.to;
    if (s->var)
        s->var->at = m.to;
    kir_each_expr(s, move_at, &m);
}

void elab_emit(elab *e, kir_stmt *s) {
    place_at_call(e, s);
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

/* Scalars, arrays and whatever else lies in a tuple and the tuples in it; stops counting above the limit. */
static uint32_t count_leaves(const value *v) {
    uint32_t n = v->kind != VAL_TUPLE;
    for (uint32_t i = 0; v->kind == VAL_TUPLE && i < v->len && n <= MOST_LEAVES; i++)
        n += count_leaves(&v->items[i]);
    return n;
}

value value_tuple(elab *e, const value *items, uint32_t n, span at) {
    value v = {.kind = VAL_TUPLE, .len = n, .at = at};
    v.items = arena_array(e->a, value, n ? n : 1);
    if (n)
        memcpy(v.items, items, n * sizeof *items);
    for (uint32_t i = 0; i < n; i++)
        if (items[i].kind == VAL_INVALID || items[i].kind == VAL_BOTTOM)
            return items[i];
    if (count_leaves(&v) > MOST_LEAVES) /* y = (y, y) doubles them each time: types and code would have no end */
        return elab_error(e, DIAG_UNSUPPORTED, at, "use an array", "a tuple of more than %d items in all", MOST_LEAVES);
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
           kir_is_const_int(v->expr, x) && (*x >= 0 || v->ty->is_signed); /* beyond int64: none */
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

/* Few letters apart, and not simply another short word. */
bool elab_is_near(const char *name, const char *candidate) {
    size_t n = strlen(name);
    return distance(name, n, candidate, strlen(candidate)) < (n < 2 ? 1 : n <= 3 ? 2 : 3);
}

const char *elab_nearest(elab *e, const char *prefix, const char *name) {
    nearest n = {name, NULL, strlen(name) < 2 ? 1 : strlen(name) <= 3 ? 2 : 3};
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
    nearest n = {name->text, NULL, name->len < 2 ? 1 : name->len <= 3 ? 2 : 3};
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
const ast *elab_library_function(elab *e, sym name) {
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
    const ast *function = elab_library_function(e, name);
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
    return elab_error(e, DIAG_TYPING, at,
                      near ? arena_printf(e->a, "did you mean '%s%s'?", prefix, near)
                           : "call it in Python and pass the result to the kernel",
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

/* The entry of a loop of the source: one for each place, however often the place is elaborated. What the library does for
 * a call is an array operation of the user's. */
uint32_t elab_report(elab *e, kir_loop_kind kind, const ast *node, span at) {
    uint64_t key = elab_mix(elab_mix(e->act->scope->site, (uint64_t)(uintptr_t)node), (uint64_t)(uintptr_t)e->fn);
    for (uint32_t i = 0; i < e->reports.len; i++)
        if (e->reports.at[i].key == key)
            return e->reports.at[i].id;
    const activation *user = user_activation(e, &at);
    if (user != e->act)
        kind = KIR_LOOP_ARRAY;
    uint32_t id = kir_report_new(e->m, kind, user->scope->name, at, e->loop ? e->loop->report : 0);
    vec_push(e->a, &e->reports, (report_row){key, id});
    return id;
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
    const signature *s = elab_signature_of(e, elab_arguments_of(entry->function));
    span at = entry->function->at;
    if (n_args != s->n) {
        elab_error(e, DIAG_TYPING, at, NULL, "%s() takes %u argument%s but the request has types for %u",
                   entry->name->text, s->n, elab_plural(s->n), n_args);
        return false;
    }
    for (uint32_t i = 0; i < n_args; i++) {
        if (args[i]->kind == TYPE_OMITTED) {
            const bound *fallback = elab_find_default(entry, s->at[i].name);
            if (fallback && has_array(fallback)) {
                out[i] = (spec_arg){.fallback = fallback};
                continue;
            }
            value v;
            if (!elab_default_value(e, entry, &s->at[i], at, &v))
                return elab_missing_argument(e, entry->name->text, &s->at[i], at), false;
            if (v.kind == VAL_INVALID)
                return false;
            out[i] = (spec_arg){.shape = v, .constant = value_is_constant(&v)};
            continue;
        }
        value shape = elab_shape_of_type(e, args[i], at);
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
    const ast *syntax = elab_arguments_of(entry->function);
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
    spec *s = elab_find_spec(e, entry, shapes, n_args);
    elab_run_spec(e, s, wanted);
    if (s->state != SPEC_DONE || m->diags->errors > errors)
        return false;
    result->result = s->result.kind == VAL_BOTTOM ? type_none(m->types) : value_type(e, &s->result);
    sweep_module(e);
    return true;
}
