#include "cli/names.h"

typedef struct scope {
    const struct scope *outer;
    VEC(sym) bound;
    VEC(sym) global; /* declared global: not bound here whatever is assigned */
} scope;

typedef struct walk {
    arena *a;
    scope *scope;
    free_names *found;
} walk;

static bool is_function(const ast *n) {
    return n->kind == AST_FunctionDef || n->kind == AST_AsyncFunctionDef || n->kind == AST_Lambda;
}

static bool is_comprehension(const ast *n) {
    return n->kind == AST_ListComp || n->kind == AST_SetComp || n->kind == AST_DictComp || n->kind == AST_GeneratorExp;
}

/* ---- what a scope binds --------------------------------------------------------------------------------------------- */

static void bind(walk *w, sym name) {
    if (name)
        vec_push(w->a, &w->scope->bound, name);
}

static void bind_target(void *w_, ast *n);

static void bind_imports(walk *w, const ast_list *names) {
    for (uint32_t i = 0; i < names->len; i++)
        bind(w, names->at[i]->alias.asname ? names->at[i]->alias.asname : names->at[i]->alias.name);
}

static void bind_globals(walk *w, const sym_list *names) {
    for (uint32_t i = 0; i < names->len; i++)
        vec_push(w->a, &w->scope->global, names->at[i]);
}

/* Names bound by `n`, without entering the scopes inside it. */
static void bind_target(void *w_, ast *n) {
    walk *w = w_;
    switch (n->kind) {
    case AST_Name:
        if (n->Name.ctx != CTX_Load)
            bind(w, n->Name.id);
        return;
    case AST_FunctionDef:
    case AST_AsyncFunctionDef:
        bind(w, n->FunctionDef.name);
        return;
    case AST_ClassDef:
        bind(w, n->ClassDef.name);
        return;
    case AST_Import:
        bind_imports(w, &n->Import.names);
        return;
    case AST_ImportFrom:
        bind_imports(w, &n->ImportFrom.names);
        return;
    case AST_Global:
        bind_globals(w, &n->Global.names);
        return;
    case AST_ExceptHandler:
        bind(w, n->ExceptHandler.name);
        break;
    default:
        break;
    }
    if (n->kind != AST_Lambda && !is_comprehension(n))
        ast_each_child(n, bind_target, w);
}

static void bind_parameter(void *w, ast *n) {
    if (n->kind == AST_arg)
        bind(w, n->arg.arg);
}

/* ---- what is read --------------------------------------------------------------------------------------------------- */

static bool is_in(const sym *names, uint32_t n, sym name) {
    for (uint32_t i = 0; i < n; i++) {
        if (names[i] == name)
            return true;
    }
    return false;
}

static bool is_bound(const scope *s, sym name) {
    for (; s; s = s->outer) {
        if (is_in(s->global.at, s->global.len, name))
            return false;
        if (is_in(s->bound.at, s->bound.len, name))
            return true;
    }
    return false;
}

static void read_name(walk *w, sym name, span at) {
    if (is_bound(w->scope, name))
        return;
    for (uint32_t i = 0; i < w->found->len; i++) {
        if (w->found->at[i].name == name)
            return;
    }
    vec_push(w->a, w->found, (free_name){name, at});
}

static void read_node(void *w, ast *n);

static void read_list(walk *w, const ast_list *list) {
    for (uint32_t i = 0; i < list->len; i++) {
        if (list->at[i])
            read_node(w, list->at[i]);
    }
}

static void read_function(walk *w, const ast *f) {
    scope inner = {.outer = w->scope};
    walk in = {.a = w->a, .scope = &inner, .found = w->found};
    bool is_lambda = f->kind == AST_Lambda;
    ast *args = is_lambda ? f->Lambda.args : f->FunctionDef.args;
    ast_each_child(args, bind_parameter, &in);
    if (is_lambda) {
        read_node(&in, f->Lambda.body);
        return;
    }
    for (uint32_t i = 0; i < f->FunctionDef.body.len; i++)
        bind_target(&in, f->FunctionDef.body.at[i]);
    read_list(&in, &f->FunctionDef.body);
}

/* The defaults of a nested function are read outside of it. */
static void read_nested(walk *w, const ast *f) {
    const ast *args = f->kind == AST_Lambda ? f->Lambda.args : f->FunctionDef.args;
    read_list(w, &args->arguments.defaults);
    read_list(w, &args->arguments.kw_defaults);
    read_function(w, f);
}

static void read_comprehension(walk *w, const ast *n) {
    scope inner = {.outer = w->scope};
    walk in = {.a = w->a, .scope = &inner, .found = w->found};
    for (uint32_t i = 0; i < n->ListComp.generators.len; i++)
        bind_target(&in, n->ListComp.generators.at[i]->comprehension.target);
    ast_each_child(n, read_node, &in);
}

static void read_node(void *w_, ast *n) {
    walk *w = w_;
    if (n->kind == AST_Name && n->Name.ctx == CTX_Load)
        read_name(w, n->Name.id, n->at);
    if (is_function(n))
        read_nested(w, n);
    else if (is_comprehension(n))
        read_comprehension(w, n);
    else if (n->kind == AST_AnnAssign && n->AnnAssign.value)
        read_node(w, n->AnnAssign.value);
    else
        ast_each_child(n, read_node, w);
}

free_names names_free(arena *a, const ast *function) {
    free_names found = {0};
    walk w = {.a = a, .found = &found};
    read_function(&w, function);
    return found;
}
