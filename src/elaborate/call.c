/* Calls: arguments are put in the places of parameters (one way for kernels, nested functions, classes and built-ins,
 * whose parameters are given as text), then the callee is inlined, called as a function of its own, or asked. */
#include "elaborate/flow.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_INLINED = 60, MAX_NESTED_IN_ITSELF = 6, MAX_INLINED_IN_ALL = 20000 };

/* ---- parameters ---------------------------------------------------------------------------------------------------------------- */

static void add_params(signature *s, const ast_list *args, param_kind kind) {
    for (uint32_t i = 0; i < args->len; i++)
        s->at[s->n++] = (param){.name = args->at[i]->arg.arg, .kind = kind};
}

/* In the order of CPython's co_varnames: positional, keyword-only, *args. */
const signature *elab_signature_of(elab *e, const ast *args) {
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
const char *elab_plural(uint32_t n) {
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
                          name, most, elab_plural(most), given, given == 1 ? "was" : "were");
    return elab_error(e, DIAG_TYPING, args->place, NULL,
                      "%s() takes from %u to %u positional arguments but %u were given", name, least, most, given);
}

/* The names that an argument may have. */
static const char *parameters_hint(elab *e, const signature *s, sym name) {
    const char *near = NULL;
    text all = text_new(e->a);
    for (uint32_t i = 0; i < s->n; i++) {
        if (s->at[i].kind == PARAM_POSITIONAL_ONLY || s->at[i].kind == PARAM_REST)
            continue;
        text_printf(&all, "%s%s", all.len ? ", " : "it takes ", s->at[i].name->text);
        if (elab_is_near(name->text, s->at[i].name->text))
            near = s->at[i].name->text;
    }
    return near ? arena_printf(e->a, "did you mean '%s'?", near) : all.len ? all.at : NULL;
}

/* Puts each argument in the place of its parameter; VAL_INVALID where none was given. */
bool elab_place_arguments(elab *e, const signature *s, const char *name, const call_args *args, value *out,
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
            return elab_error(e, DIAG_TYPING, args->name_at ? args->name_at[i] : args->at[i].at,
                              parameters_hint(e, s, args->names[i]), "%s() got an unexpected keyword argument '%s'",
                              name, args->names[i]->text),
                   false;
        if (given[k])
            return elab_error(e, DIAG_TYPING, args->name_at ? args->name_at[i] : args->at[i].at, NULL,
                              "%s() got multiple values for argument '%s'", name, args->names[i]->text),
                   false;
        given[k] = true;
        out[k] = args->at[i];
    }
    return true;
}

value elab_missing_argument(elab *e, const char *name, const param *p, span at) {
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
    if (!elab_place_arguments(e, s, short_name(b->name), args, placed, given))
        return value_invalid(args->place);
    for (uint32_t i = 0; i < s->n; i++) {
        if (given[i])
            continue;
        if (!s->at[i].has_default)
            return elab_missing_argument(e, short_name(b->name), &s->at[i], args->place);
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

/* Inlining must come to an end, and soon: a nested function that calls itself, twice at that, would grow without bound.
 * One report is enough. */
static bool may_inline(elab *e, const ast *function, sym name, span at) {
    uint32_t times = 0;
    for (const activation *a = e->act; a; a = a->caller)
        times += a->scope->facts->function == function;
    bool too_many = ++e->inlined_in_all > MAX_INLINED_IN_ALL;
    if (times < MAX_NESTED_IN_ITSELF && e->inlined < MAX_INLINED && !too_many)
        return true;
    if (!e->inlines_endlessly)
        elab_error(e, DIAG_UNSUPPORTED, at, "make it a kernel of its own: kernels may call themselves",
                   too_many ? "calls of nested functions inside one another make too much code: %s()"
                            : "nested function %s() calls itself",
                   name->text);
    e->inlines_endlessly = true;
    return false;
}

/* Elaborates a Python function in place of a call. */
value elab_inline(elab *e, const ast *function, scope *outer, const elab_source *from, sym name, const value *params,
                  bool is_library, span at) {
    if (e->inlines_endlessly || !may_inline(e, function, name, at))
        return value_invalid(at);
    const fn_facts *f = facts_of_function(e, function);
    uint64_t site =
        elab_mix(elab_mix(e->act->scope->site, ((uint64_t)at.line << 32) | at.col), (uint64_t)(uintptr_t)function);
    activation act = {.caller = e->act, .from = at, .scope = scope_new(e, f, outer, from, name, site)};
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

const ast *elab_arguments_of(const ast *function) {
    return function->kind == AST_Lambda ? function->Lambda.args : function->FunctionDef.args;
}

value elab_make_closure(elab *e, const ast *function) {
    const ast *args = elab_arguments_of(function);
    if (args->arguments.kwarg)
        return elab_unsupported(e, args->arguments.kwarg->at, "name the parameters", "a **parameter");
    closure *c = arena_make(e->a, closure);
    c->function = function;
    c->scope = e->act->scope;
    c->name = function->kind == AST_Lambda ? sym_of(e->m->syms, "<lambda>") : function->FunctionDef.name;
    const fn_facts *f = facts_of_function(e, function);
    if (f->writes_outer)
        e->writes_outer = true;
    const signature *s = elab_signature_of(e, args);
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
    const signature *s = elab_signature_of(e, elab_arguments_of(c->function));
    value *placed = arena_array(e->a, value, s->n ? s->n : 1);
    bool *given = arena_array(e->a, bool, s->n ? s->n : 1);
    if (!elab_place_arguments(e, s, c->name->text, args, placed, given))
        return value_invalid(args->place);
    for (uint32_t i = 0; i < s->n; i++) {
        if (given[i])
            continue;
        if (!s->at[i].has_default)
            return elab_missing_argument(e, c->name->text, &s->at[i], args->place);
        placed[i] = c->scope ? value_again(e, &c->defaults[i]) : elab_expression(e, s->at[i].fallback);
    }
    bool is_library = !c->scope || c->scope->is_library;
    return elab_inline(e, c->function, c->scope, c->scope ? NULL : e->library_source, c->name, placed, is_library,
                       args->place);
}

/* ---- calls of the library ---------------------------------------------------------------------------------------------------------- */

value elab_call_library(elab *e, const char *name, const value *args, uint32_t n, span at) {
    sym function_name = sym_of(e->m->syms, name);
    const ast *function = elab_library_function(e, function_name);
    if (!function)
        return elab_error(e, DIAG_INTERNAL, at, NULL, "no library function called '%s'", name);
    const signature *s = elab_signature_of(e, function->FunctionDef.args);
    value *placed = arena_array(e->a, value, s->n ? s->n : 1);
    bool *given = arena_array(e->a, bool, s->n ? s->n : 1);
    call_args given_args = {.n = n, .at = arena_array(e->a, value, n ? n : 1), .place = at};
    if (n)
        memcpy(given_args.at, args, n * sizeof *args);
    if (!elab_place_arguments(e, s, name, &given_args, placed, given))
        return value_invalid(at);
    for (uint32_t i = 0; i < s->n; i++) {
        if (given[i])
            continue;
        if (!s->at[i].has_default)
            return elab_missing_argument(e, name, &s->at[i], at);
        placed[i] = elab_expression(e, s->at[i].fallback);
    }
    return elab_inline(e, function, NULL, e->library_source, function_name, placed, true, at);
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
    if (args->name_at) {
        span *places = arena_array(e->a, span, args->n + 1);
        places[0] = args->place;
        memcpy(places + 1, args->name_at, args->n * sizeof *args->name_at);
        all.name_at = places;
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
    if (!elab_place_arguments(e, &s, b->text->text, args, items, given))
        return value_invalid(args->place);
    for (uint32_t i = 0; i < b->len; i++)
        if (!given[i])
            return elab_missing_argument(e, b->text->text, &s.at[i], args->place);
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
        return elab_call_kernel(e, callee->kernel, args);
    case VAL_CLOSURE:
        return call_closure(e, callee->closure, args);
    case VAL_TYPE:
        return elab_construct(e, callee, args);
    case VAL_NAMEDTUPLE:
        return make_namedtuple(e, callee, args);
    case VAL_EXCEPTION:
        return make_raised(e, callee, args);
    default:
        return elab_error(e, DIAG_TYPING, args->place,
                          value_is_array(callee) ? "elements stand in square brackets: a[i]" : NULL,
                          "%s cannot be called", value_describe(e, callee));
    }
}
