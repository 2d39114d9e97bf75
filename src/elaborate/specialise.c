/* Kernels for given argument types: each becomes one KIR function, elaborated when it is first called.
 *
 * A call of a kernel that is being elaborated (recursion) uses the result type that is known so far: at first none, so
 * the call has no value, and the paths that do return one tell the type. When a round over the body ends with another
 * type than its own calls assumed, the body is elaborated again, and so is every other kernel that was elaborated
 * meanwhile and used the assumption (mutual recursion): `lowest` says on whose assumptions one rests. */
#include "elaborate/flow.h"

#include <string.h>

enum { MAX_DEPTH = 100, MAX_SPECS = 1000, MAX_ROUNDS = 12 };

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

static value shape_of_tuple(elab *e, type *t, span at) {
    value *items = arena_array(e->a, value, t->len ? t->len : 1);
    for (uint32_t i = 0; i < t->len; i++)
        items[i] = elab_shape_of_type(e, t->items[i], at);
    value v = value_tuple(e, items, t->len, at);
    if (t->fields)
        v.ty = t;
    return v;
}

/* What an argument of this type looks like inside the kernel. */
value elab_shape_of_type(elab *e, type *t, span at) {
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
    value asked = elab_shape_of_type(e, wanted, act->scope->facts->function->at);
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
void elab_run_spec(elab *e, spec *s, type *wanted) {
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

spec *elab_find_spec(elab *e, const elab_source *from, const spec_arg *args, uint32_t n) {
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

const bound *elab_find_default(const elab_source *from, sym name) {
    for (uint32_t i = 0; i < from->n_defaults; i++)
        if (from->defaults[i].name == name)
            return from->defaults[i].what;
    return NULL;
}

bool elab_default_value(elab *e, const elab_source *from, const param *p, span at, value *out) {
    const bound *b = elab_find_default(from, p->name);
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
        if (e->depth >= MAX_DEPTH || e->specs.len > MAX_SPECS)
            return elab_error(e, DIAG_UNSUPPORTED, at, "pass the same types in the recursive call",
                              "kernels call one another with new types without end");
        elab_run_spec(e, s, NULL);
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

value elab_call_kernel(elab *e, const elab_source *from, const call_args *args) {
    span at = args->place;
    const ast *syntax = elab_arguments_of(from->function);
    if (syntax->arguments.kwarg)
        return elab_unsupported(e, at, "name the parameters", "a kernel with a **parameter");
    const signature *s = elab_signature_of(e, syntax);
    value *params = arena_array(e->a, value, s->n ? s->n : 1);
    bool *given = arena_array(e->a, bool, s->n ? s->n : 1);
    spec_arg *shapes = arena_array(e->a, spec_arg, s->n ? s->n : 1);
    if (!elab_place_arguments(e, s, from->name->text, args, params, given))
        return value_invalid(at);
    bool closures = false;
    for (uint32_t i = 0; i < s->n; i++) {
        if (!given[i] && !elab_default_value(e, from, &s->at[i], at, &params[i]))
            return elab_missing_argument(e, from->name->text, &s->at[i], at);
        if (params[i].kind == VAL_INVALID || params[i].kind == VAL_BOTTOM)
            return params[i];
        closures |= value_has(&params[i], VAL_CLOSURE) || value_has(&params[i], VAL_ITERATOR);
        params[i] = elab_hold_arrays(e, &params[i]);
        shapes[i] = (spec_arg){.shape = params[i], .constant = !given[i] && value_is_constant(&params[i])};
        if (params[i].kind != VAL_EXPR && value_is_constant(&params[i]) && params[i].kind != VAL_TUPLE)
            shapes[i].constant = true;
    }
    if (closures || (from->inline_always && !is_running(e, from)))
        return elab_inline(e, from->function, NULL, from, from->name, params, false, at);
    spec *found = elab_find_spec(e, from, shapes, s->n);
    diag_mark mark = mark_diags(e);
    value v = use_spec(e, found, params, at);
    if (v.kind != VAL_INVALID || !has_literal_int(params, shapes, s->n))
        return v;
    /* The callee may need the values of its arguments (a tuple index, an axis): once more with them. */
    diag_mark failed = mark_diags(e);
    for (uint32_t i = 0; i < s->n; i++)
        shapes[i].constant = value_is_constant(&params[i]);
    spec *literal = elab_find_spec(e, from, shapes, s->n);
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
