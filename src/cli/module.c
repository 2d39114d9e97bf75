/* Reads a file from top to bottom and remembers the last meaning of every name: what Python would know at its end. What
 * cannot be known without running code (calls, loops at module level) is remembered as unknown, and is an error only where a
 * kernel uses it. A request holds the text of the one function and the bindings of the names it uses; a kernel that it calls
 * is a request inside it. */
#include "cli/module.h"

#include "cli/constant.h"
#include "cli/names.h"
#include "syntax/syntax.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 60 };

typedef enum meaning_kind { MEANING_CONSTANT, MEANING_FUNCTION, MEANING_EXCEPTION, MEANING_UNKNOWN } meaning_kind;

typedef struct meaning { /* of a name at module level */
    sym name;
    meaning_kind kind;
    constant value;
    uint32_t function; /* index */
    const char *base;  /* EXCEPTION */
    span at;
} meaning;

struct module {
    arena *a;
    sym_table *syms;
    diags *d;
    uint32_t file;
    ast *tree;
    VEC(meaning) meanings;
    VEC(module_function) functions;
    json_t *kept;                      /* bindings that constants refer to */
    VEC(const module_function *) open; /* kernels whose requests are being made */
};

/* ---- meanings ------------------------------------------------------------------------------------------------------- */

static const meaning *find_meaning(const module *m, sym name) {
    for (uint32_t i = m->meanings.len; i-- > 0;) {
        if (m->meanings.at[i].name == name)
            return &m->meanings.at[i];
    }
    return NULL;
}

static const constant *find_constant(void *context, sym name) {
    const meaning *found = find_meaning(context, name);
    return found && found->kind == MEANING_CONSTANT ? &found->value : NULL;
}

static constant_scope scope_of(module *m) {
    return (constant_scope){.a = m->a, .find = find_constant, .context = m, .kept = m->kept};
}

static void mean(module *m, sym name, meaning_kind kind, constant value, span at) {
    vec_push(m->a, &m->meanings, (meaning){.name = name, .kind = kind, .value = value, .at = at});
}

static constant module_ref(module *m, sym name) {
    bool is_numba = sym_is(name, "numba");
    return (constant){
        .kind = CONSTANT_REF, .key = "module", .text = is_numba ? "plait" : arena_strndup(m->a, name->text, name->len)};
}

/* "import a.b" binds a, "import a.b as c" binds c to a.b. */
static void read_import(module *m, const ast *s) {
    for (uint32_t i = 0; i < s->Import.names.len; i++) {
        const ast *alias = s->Import.names.at[i];
        sym name = alias->alias.name;
        if (!alias->alias.asname)
            name = sym_intern(m->syms, name->text, strcspn(name->text, "."));
        mean(m, alias->alias.asname ? alias->alias.asname : name, MEANING_CONSTANT, module_ref(m, name), s->at);
    }
}

static void read_import_from(module *m, const ast *s) {
    for (uint32_t i = 0; i < s->ImportFrom.names.len; i++) {
        const ast *alias = s->ImportFrom.names.at[i];
        sym name = alias->alias.asname ? alias->alias.asname : alias->alias.name;
        const char *from = s->ImportFrom.module && !s->ImportFrom.level ? s->ImportFrom.module->text : ".";
        mean(m, name, MEANING_CONSTANT, constant_member(m->a, from, alias->alias.name->text), s->at);
    }
}

/* Every name stored to in `target` gets unknown. */
static void forget(void *m_, ast *target) {
    module *m = m_;
    if (target->kind == AST_Name && target->Name.ctx != CTX_Load)
        mean(m, target->Name.id, MEANING_UNKNOWN, (constant){0}, target->at);
    if (target->kind == AST_FunctionDef || target->kind == AST_ClassDef || target->kind == AST_Lambda)
        return;
    ast_each_child(target, forget, m);
}

static void assign(module *m, ast *target, const constant *value) {
    bool is_sequence = target->kind == AST_Tuple || target->kind == AST_List;
    if (target->kind == AST_Name && value) {
        mean(m, target->Name.id, MEANING_CONSTANT, *value, target->at);
    } else if (is_sequence && value && value->kind == CONSTANT_TUPLE && value->n == target->List.elts.len) {
        for (uint32_t i = 0; i < value->n; i++)
            assign(m, target->List.elts.at[i], &value->items[i]);
    } else {
        forget(m, target);
    }
}

static void read_assign(module *m, const ast *s) {
    constant value;
    constant_scope scope = scope_of(m);
    const meaning *other = s->Assign.value->kind == AST_Name ? find_meaning(m, s->Assign.value->Name.id) : NULL;
    bool known = constant_of(&scope, s->Assign.value, &value);
    for (uint32_t i = 0; i < s->Assign.targets.len; i++) {
        ast *target = s->Assign.targets.at[i];
        if (other && other->kind == MEANING_FUNCTION && target->kind == AST_Name) {
            meaning copy = *other;
            copy.name = target->Name.id;
            vec_push(m->a, &m->meanings, copy);
        } else {
            assign(m, target, known ? &value : NULL);
        }
    }
}

static void read_ann_assign(module *m, const ast *s) {
    constant value;
    constant_scope scope = scope_of(m);
    if (s->AnnAssign.value)
        assign(m, s->AnnAssign.target, constant_of(&scope, s->AnnAssign.value, &value) ? &value : NULL);
}

/* An exception class of the user's: one whose first base is an exception. */
static void read_class(module *m, const ast *s) {
    const ast *base = s->ClassDef.bases.len ? s->ClassDef.bases.at[0] : NULL;
    sym name = base && base->kind == AST_Name ? base->Name.id : NULL;
    const meaning *known = name ? find_meaning(m, name) : NULL;
    const char *root = known && known->kind == MEANING_EXCEPTION ? known->base : name && !known ? name->text : NULL;
    size_t len = root ? strlen(root) : 0;
    bool is_exception = len >= 5 && (!strcmp(root + len - 5, "Error") || !strcmp(root, "Exception"));
    meaning made = {.name = s->ClassDef.name,
                    .kind = is_exception ? MEANING_EXCEPTION : MEANING_UNKNOWN,
                    .base = root,
                    .at = s->at};
    vec_push(m->a, &m->meanings, made);
}

/* ---- decorators ------------------------------------------------------------------------------------------------------- */

static bool is_jit(module *m, const ast *decorator) {
    constant c;
    constant_scope scope = scope_of(m);
    if (!constant_of(&scope, decorator, &c) || c.kind != CONSTANT_REF || c.made || !c.text)
        return false;
    return !strcmp(c.text, "plait.njit") || !strcmp(c.text, "plait.jit");
}

static const char *source_of(const module *m, span at) {
    const source *s = &m->d->sources.at[m->file];
    if (!at.line || at.line > s->line_count || at.end_line > s->line_count)
        return "";
    size_t from = s->line_start[at.line - 1] + at.col, to = s->line_start[at.end_line - 1] + at.end_col;
    return from <= to && to <= s->len ? arena_strndup(m->a, s->text + from, to - from) : "";
}

/* A string is the signature itself; an expression like float64(float64[:]) reads the same as its text. */
static void read_signature(module *m, const ast *e, module_function *f) {
    constant c;
    constant_scope scope = scope_of(m);
    bool is_text = constant_of(&scope, e, &c) && c.kind == CONSTANT_STR;
    f->signatures[f->n_signatures++] = is_text ? arena_strndup(m->a, c.text, c.len) : source_of(m, e->at);
}

static void read_signatures(module *m, const ast *call, module_function *f) {
    if (!call->Call.args.len)
        return;
    const ast *first = call->Call.args.at[0];
    bool is_list = first->kind == AST_List;
    f->signatures = arena_array(m->a, const char *, is_list ? first->List.elts.len + 1 : 1);
    if (!is_list)
        read_signature(m, first, f);
    for (uint32_t i = 0; is_list && i < first->List.elts.len; i++)
        read_signature(m, first->List.elts.at[i], f);
}

static void read_function(module *m, const ast *def) {
    module_function f = {.name = def->FunctionDef.name, .def = def};
    for (uint32_t i = 0; i < def->FunctionDef.decorator_list.len; i++) {
        const ast *decorator = def->FunctionDef.decorator_list.at[i];
        bool is_call = decorator->kind == AST_Call;
        if (!is_jit(m, is_call ? decorator->Call.func : decorator))
            continue;
        f.is_kernel = true;
        f.call = is_call ? decorator : NULL;
        if (is_call)
            read_signatures(m, decorator, &f);
    }
    vec_push(m->a, &m->functions, f);
    meaning made = {.name = f.name, .kind = MEANING_FUNCTION, .function = m->functions.len - 1, .at = def->at};
    vec_push(m->a, &m->meanings, made);
}

/* ---- the file ----------------------------------------------------------------------------------------------------------- */

static void read_body(module *m, const ast_list *body);

/* Which branch is taken is not known: what they import and define is taken as meant, what they assign is unknown. The body
 * of `if __name__ == "__main__"` is not part of the module. */
static void read_if(module *m, const ast *s) {
    const ast *test = s->If.test;
    bool is_main = test->kind == AST_Compare && test->Compare.left->kind == AST_Name &&
                   sym_is(test->Compare.left->Name.id, "__name__");
    const ast_list *branches[2] = {&s->If.body, &s->If.orelse};
    for (int k = is_main; k < 2; k++) {
        read_body(m, branches[k]);
        for (uint32_t i = 0; i < branches[k]->len; i++) {
            if (branches[k]->at[i]->kind == AST_Assign || branches[k]->at[i]->kind == AST_AnnAssign)
                forget(m, branches[k]->at[i]);
        }
    }
}

static void read_stmt(module *m, ast *s) {
    switch (s->kind) {
    case AST_Import:
        read_import(m, s);
        return;
    case AST_ImportFrom:
        read_import_from(m, s);
        return;
    case AST_Assign:
        read_assign(m, s);
        return;
    case AST_AnnAssign:
        read_ann_assign(m, s);
        return;
    case AST_FunctionDef:
        read_function(m, s);
        return;
    case AST_ClassDef:
        read_class(m, s);
        return;
    case AST_Try:
        read_body(m, &s->Try.body);
        return;
    case AST_If:
        read_if(m, s);
        return;
    default:
        forget(m, s);
        return;
    }
}

static void read_body(module *m, const ast_list *body) {
    for (uint32_t i = 0; i < body->len; i++)
        read_stmt(m, body->at[i]);
}

static bool read_text(diags *d, arena *a, const char *path, text *out) {
    char buffer[65536];
    size_t n;
    FILE *f = fopen(path, "rb");
    *out = text_new(a);
    if (f) {
        while ((n = fread(buffer, 1, sizeof buffer, f)) > 0)
            text_putn(out, buffer, n);
        if (!ferror(f)) {
            fclose(f);
            return true;
        }
        fclose(f);
    }
    diag_report(d, DIAG_REQUEST, (span){0}, NULL, "%s: %s", path, strerror(errno));
    return false;
}

module *module_read(arena *a, sym_table *syms, diags *d, const char *path) {
    text written;
    if (!read_text(d, a, path, &written))
        return NULL;
    module *m = arena_make(a, module);
    m->a = a;
    m->syms = syms;
    m->d = d;
    m->file = diag_add_source(d, path, written.at, written.len, 1, 0);
    ast *tree = syntax_parse(a, syms, d, m->file);
    if (!tree)
        return NULL;
    m->tree = tree;
    m->kept = json_array();
    read_body(m, &tree->Module.body);
    return m;
}

void module_free(module *m) {
    if (m)
        json_decref(m->kept);
}

uint32_t module_count(const module *m) {
    return m->functions.len;
}
const module_function *module_at(const module *m, uint32_t i) {
    return &m->functions.at[i];
}
uint32_t module_file(const module *m) {
    return m->file;
}

const module_function *module_find(const module *m, const char *name) {
    const meaning *found = find_meaning(m, sym_of(m->syms, name));
    return found && found->kind == MEANING_FUNCTION ? &m->functions.at[found->function] : NULL;
}

/* ---- options of a decorator --------------------------------------------------------------------------------------------- */

typedef enum option_form { OPTION_IGNORED, OPTION_VALUE, OPTION_FLAGS, OPTION_PARTS, OPTION_EDGES } option_form;

static const struct {
    const char *name;
    option_form form;
    const char *request; /* name in the request when it is another */
} options[] = {
    {"parallel", OPTION_PARTS, NULL},
    {"fastmath", OPTION_FLAGS, NULL},
    {"error_model", OPTION_VALUE, NULL},
    {"boundscheck", OPTION_VALUE, NULL},
    {"debug", OPTION_VALUE, NULL},
    {"inline", OPTION_VALUE, NULL},
    {"schedule", OPTION_VALUE, NULL},
    {"chunk", OPTION_VALUE, NULL},
    {"tile", OPTION_EDGES, NULL},
    {"race", OPTION_VALUE, NULL},
    {"opt", OPTION_VALUE, NULL},
    {"math", OPTION_VALUE, NULL},
    {"nopython", OPTION_IGNORED, NULL},
    {"nogil", OPTION_IGNORED, NULL},
    {"cache", OPTION_IGNORED, NULL},
    {"locals", OPTION_IGNORED, NULL},
    {"forceobj", OPTION_IGNORED, NULL},
    {"looplift", OPTION_IGNORED, NULL},
    {"no_rewrites", OPTION_IGNORED, NULL},
    {"forceinline", OPTION_IGNORED, NULL},
    {"no_cpython_wrapper", OPTION_IGNORED, NULL},
    {"no_cfunc_wrapper", OPTION_IGNORED, NULL},
    {"_nrt", OPTION_IGNORED, NULL},
};

/* True, False, a number or a string as itself; None is the default. */
static json_t *plain_value(const constant *c) {
    switch (c->kind) {
    case CONSTANT_BOOL:
        return json_boolean(c->i != 0);
    case CONSTANT_INT:
        return json_integer(c->i);
    case CONSTANT_STR:
        return json_stringn(c->text, c->len);
    case CONSTANT_NONE:
        return json_null();
    default:
        return NULL;
    }
}

static json_t *value_of(module *m, const ast *e) {
    constant c;
    constant_scope scope = scope_of(m);
    return constant_of(&scope, e, &c) ? plain_value(&c) : NULL;
}

/* {"prange": True, …} as an object; for flags, the keys that are true as a list. */
static json_t *dict_value(module *m, const ast *e, bool as_list) {
    json_t *out = as_list ? json_array() : json_object();
    for (uint32_t i = 0; i < e->Dict.keys.len; i++) {
        json_t *key = e->Dict.keys.at[i] ? value_of(m, e->Dict.keys.at[i]) : NULL;
        json_t *value = value_of(m, e->Dict.values.at[i]);
        bool ok = json_is_string(key) && value;
        if (ok && !as_list)
            json_object_set(out, json_string_value(key), value);
        if (ok && as_list && json_is_true(value))
            json_array_append(out, key);
        json_decref(key);
        json_decref(value);
        if (!ok) {
            json_decref(out);
            return NULL;
        }
    }
    return out;
}

static json_t *list_value(module *m, const ast *e) {
    json_t *out = json_array();
    for (uint32_t i = 0; i < e->List.elts.len; i++) {
        if (json_array_append_new(out, value_of(m, e->List.elts.at[i])) == 0)
            continue;
        json_decref(out);
        return NULL;
    }
    return out;
}

static json_t *option_value(module *m, const ast *e, option_form form) {
    if (form == OPTION_EDGES)
        return e->kind == AST_List || e->kind == AST_Tuple ? list_value(m, e) : value_of(m, e);
    if (e->kind == AST_Dict && form != OPTION_VALUE)
        return dict_value(m, e, form == OPTION_FLAGS);
    if ((e->kind == AST_Set || e->kind == AST_List) && form == OPTION_FLAGS)
        return list_value(m, e);
    return value_of(m, e);
}

static bool set_option(module *m, json_t *out, const ast *keyword) {
    sym name = keyword->keyword.arg;
    size_t i = 0, n = sizeof options / sizeof *options;
    while (i < n && !(name && sym_is(name, options[i].name)))
        i++;
    if (i == n) {
        diag_report(m->d, DIAG_REQUEST, keyword->at, NULL, "unknown option '%s'", name ? name->text : "**");
        return false;
    }
    if (options[i].form == OPTION_IGNORED)
        return true;
    json_t *value = option_value(m, keyword->keyword.value, options[i].form);
    if (!value) {
        diag_report(m->d, DIAG_REQUEST, keyword->at, NULL, "the value of the option '%s' is not a constant",
                    name->text);
        return false;
    }
    if (json_is_null(value))
        json_decref(value);
    else
        json_object_set_new(out, options[i].name, value);
    return true;
}

static json_t *decorator_options(module *m, const module_function *f) {
    json_t *out = json_object();
    bool ok = true;
    for (uint32_t i = 0; f->call && i < f->call->Call.keywords.len; i++)
        ok = set_option(m, out, f->call->Call.keywords.at[i]) && ok;
    if (!ok) {
        json_decref(out);
        return NULL;
    }
    return out;
}

/* ---- requests ------------------------------------------------------------------------------------------------------------- */

static bool is_open(const module *m, const module_function *f) {
    for (uint32_t i = 0; i < m->open.len; i++) {
        if (m->open.at[i] == f)
            return true;
    }
    return false;
}

/* The binding of another function. NULL without a report for the function itself: recursion is the compiler's. */
static json_t *function_binding(module *m, const module_function *f, span use) {
    if (f == m->open.at[m->open.len - 1])
        return NULL;
    if (!f->is_kernel) {
        diag_report(m->d, DIAG_UNSUPPORTED, use, "decorate it with @njit", "'%s' is not a kernel", f->name->text);
        return NULL;
    }
    if (is_open(m, f) || m->open.len > MAX_DEPTH) {
        diag_report(m->d, DIAG_UNSUPPORTED, use, "let one function call itself instead",
                    "'%s' is called by a kernel that it calls itself", f->name->text);
        return NULL;
    }
    json_t *request = module_request(m, f);
    return request ? json_pack("{s:o}", "kernel", request) : NULL;
}

static json_t *binding_of(module *m, const meaning *what, span use) {
    json_t *binding = NULL;
    switch (what->kind) {
    case MEANING_FUNCTION:
        return function_binding(m, &m->functions.at[what->function], use);
    case MEANING_EXCEPTION:
        return json_pack("{s:s,s:s,s:s}", "exception", what->name->text, "base", what->base, "key", what->name->text);
    case MEANING_CONSTANT:
        binding = constant_binding(&what->value);
        break;
    case MEANING_UNKNOWN:
        break;
    }
    if (!binding)
        diag_report(m->d, DIAG_UNSUPPORTED, use,
                    "make it an argument, or a constant that can be read without running the file",
                    "the value of the global '%s' is not known when the file is not run", what->name->text);
    return binding;
}

static json_t *make_bindings(module *m, const module_function *f) {
    json_t *out = json_object();
    free_names names = names_free(m->a, f->def);
    for (uint32_t i = 0; i < names.len; i++) {
        const meaning *what = find_meaning(m, names.at[i].name);
        json_t *binding = what ? binding_of(m, what, names.at[i].at) : NULL;
        if (binding)
            json_object_set_new(out, names.at[i].name->text, binding);
    }
    return out;
}

static void set_default(module *m, json_t *out, const ast *parameter, const ast *value) {
    constant c;
    constant_scope scope = scope_of(m);
    json_t *binding = constant_of(&scope, value, &c) ? constant_binding(&c) : NULL;
    if (binding)
        json_object_set_new(out, parameter->arg.arg->text, binding);
    else
        diag_report(m->d, DIAG_UNSUPPORTED, value->at, NULL, "the default of '%s' is not a constant",
                    parameter->arg.arg->text);
}

static json_t *make_defaults(module *m, const ast *args) {
    json_t *out = json_object();
    const ast_list *positional = &args->arguments.posonlyargs, *rest = &args->arguments.args;
    uint32_t n = positional->len + rest->len, n_defaults = args->arguments.defaults.len;
    for (uint32_t i = n - n_defaults; i < n; i++) {
        const ast *parameter = i < positional->len ? positional->at[i] : rest->at[i - positional->len];
        set_default(m, out, parameter, args->arguments.defaults.at[i - (n - n_defaults)]);
    }
    for (uint32_t i = 0; i < args->arguments.kwonlyargs.len; i++) {
        if (args->arguments.kw_defaults.at[i])
            set_default(m, out, args->arguments.kwonlyargs.at[i], args->arguments.kw_defaults.at[i]);
    }
    return out;
}

/* The lines of the function, from "def" on. */
static const char *function_text(const module *m, const ast *def) {
    span at = def->at;
    at.col = 0;
    return arena_printf(m->a, "%s\n", source_of(m, at));
}

json_t *module_request(module *m, const module_function *f) {
    uint32_t errors = m->d->errors;
    vec_push(m->a, &m->open, f);
    json_t *options_given = decorator_options(m, f);
    json_t *bindings = make_bindings(m, f), *defaults = make_defaults(m, f->def->FunctionDef.args);
    m->open.len--;
    if (m->d->errors > errors) {
        json_decref(options_given);
        json_decref(bindings);
        json_decref(defaults);
        return NULL;
    }
    json_t *request = json_pack("{s:s,s:s,s:i,s:s,s:o,s:o,s:o}", "source", function_text(m, f->def), "file",
                                m->d->sources.at[m->file].name, "first_line", (int)f->def->at.line, "function",
                                f->name->text, "bindings", bindings, "defaults", defaults, "options", options_given);
    if (!request)
        diag_report(m->d, DIAG_SYNTAX, f->def->at, NULL, "the text of '%s' is not UTF-8", f->name->text);
    return request;
}

/* ---- guesses and arguments ------------------------------------------------------------------------------------------------ */

static const ast *function_called(void *context, sym name) {
    module *m = context;
    const meaning *found = find_meaning(m, name);
    return found && found->kind == MEANING_FUNCTION ? m->functions.at[found->function].def : NULL;
}

static bool is_kernel(void *context, const ast *function) {
    const module *m = context;
    for (uint32_t i = 0; i < m->functions.len; i++)
        if (m->functions.at[i].def == function)
            return m->functions.at[i].is_kernel;
    return false;
}

signature_guess module_guess(module *m, const module_function *f) {
    call_finder finder = {.a = m->a, .find = function_called, .is_kernel = is_kernel, .context = m};
    return guess_signature(&finder, m->tree, f->def);
}

static const constant *no_names(void *context, sym name) {
    (void)context;
    (void)name;
    return NULL;
}

json_t *module_argument(arena *a, sym_table *syms, diags *d, const char *written) {
    constant c;
    json_t *kept = json_array();
    constant_scope scope = {.a = a, .find = no_names, .kept = kept};
    uint32_t file = diag_add_source(d, "<argument>", written, strlen(written), 1, 0);
    ast *e = syntax_parse_expression(a, syms, d, file);
    json_t *binding = e && constant_of(&scope, e, &c) ? constant_binding(&c) : NULL;
    if (e && !binding)
        diag_report(d, DIAG_REQUEST, e->at, "numbers, bools, tuples of them and .npy files are arguments",
                    "not a constant");
    json_decref(kept);
    return binding;
}
