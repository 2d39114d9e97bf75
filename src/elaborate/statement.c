/* Statements: assignment in all its forms, branches, raise and assert, return. How paths meet is in environment.c,
 * loops are in loop.c. */
#include "elaborate/flow.h"

#include <string.h>

static bool is_poison(const value *v) {
    return v->kind == VAL_INVALID || v->kind == VAL_BOTTOM;
}

/* ---- assignment ---------------------------------------------------------------------------------------------------------- */

static const ast *starred_target(const ast_list *targets, uint32_t *index) {
    for (uint32_t i = 0; i < targets->len; i++)
        if (targets->at[i]->kind == AST_Starred) {
            *index = i;
            return targets->at[i];
        }
    return NULL;
}

void elab_break_targets(elab *e, const ast *target) {
    if (target->kind == AST_Name) {
        slot *s = slot_find(e, target->Name.id, NULL);
        if (s)
            slot_break(e, s);
    } else if (target->kind == AST_Tuple || target->kind == AST_List) {
        for (uint32_t i = 0; i < target->List.elts.len; i++)
            elab_break_targets(e, target->List.elts.at[i]);
    } else if (target->kind == AST_Starred) {
        elab_break_targets(e, target->Starred.value);
    }
}

static bool mentions_target(const value *v, const ast *target) {
    if (target->kind == AST_Name)
        return value_mentions(v, target->Name.id);
    if (target->kind == AST_Starred)
        return mentions_target(v, target->Starred.value);
    if (target->kind == AST_Tuple || target->kind == AST_List)
        for (uint32_t i = 0; i < target->List.elts.len; i++)
            if (mentions_target(v, target->List.elts.at[i]))
                return true;
    return false;
}

/* `a, b = b, a`: an item that an earlier target of the same statement changes is held first. Stores into elements may
 * change arrays that are still expressions. */
static void hold_overwritten(elab *e, value *items, uint32_t n, const ast_list *targets) {
    for (uint32_t i = 1; i < n; i++) {
        bool overwritten = false;
        for (uint32_t k = 0; k < i && k < targets->len && !overwritten; k++)
            overwritten = mentions_target(&items[i], targets->at[k]) ||
                          (targets->at[k]->kind == AST_Subscript && value_is_array(&items[i]));
        if (overwritten)
            items[i] = elab_hold_value(e, &items[i]);
    }
}

static void unpack_items(elab *e, const ast *target, value *items, uint32_t n) {
    const ast_list *targets = &target->List.elts;
    uint32_t star = 0;
    const ast *starred = starred_target(targets, &star);
    if (starred ? n + 1 < targets->len : n != targets->len) {
        const char *which = n < targets->len ? "not enough" : "too many";
        elab_error(e, DIAG_TYPING, target->at, NULL, "%s values to unpack (expected %s%u, got %u)", which,
                   starred ? "at least " : "", starred ? targets->len - 1 : targets->len, n);
        elab_break_targets(e, target);
        return;
    }
    if (!starred) {
        hold_overwritten(e, items, n, targets);
        for (uint32_t i = 0; i < n; i++)
            elab_assign_target(e, targets->at[i], &items[i]);
        return;
    }
    for (uint32_t i = 0; i < n; i++)
        items[i] = elab_hold_value(e, &items[i]);
    uint32_t rest = n + 1 - targets->len;
    for (uint32_t i = 0; i < star; i++)
        elab_assign_target(e, targets->at[i], &items[i]);
    value middle = value_tuple(e, items + star, rest, starred->at);
    elab_assign_target(e, starred->Starred.value, &middle);
    for (uint32_t i = star + 1; i < targets->len; i++)
        elab_assign_target(e, targets->at[i], &items[i + rest - 1]);
}

/* Unpacking something whose length is known at run time only: it must be what the targets say. */
static void unpack_sequence(elab *e, const ast *target, const value *v) {
    uint32_t n = target->List.elts.len, star;
    value held = elab_hold_value(e, v);
    value length = elab_sequence_length(e, &held, target->at);
    if (is_poison(&length) || starred_target(&target->List.elts, &star)) {
        if (length.kind != VAL_INVALID)
            elab_unsupported(e, target->at, "index the array instead", "a starred target for an array");
        elab_break_targets(e, target);
        return;
    }
    kir_expr *size = elab_hold(e, length.expr);
    kir_expr *enough =
        kir_binary(e->m, KIR_OP_EQ, kir_copy_expr(e->m, size, NULL), kir_int(e->m, n, target->at), target->at);
    kir_expr *got = kir_copy_expr(e->m, size, NULL);
    elab_check(e, enough, "ValueError", arena_printf(e->a, "cannot unpack %%d values into %u", n), &got, 1, target->at);
    value *items = arena_array(e->a, value, n ? n : 1);
    for (uint32_t i = 0; i < n; i++) {
        value again = value_again(e, &held);
        value item = elab_sequence_at(e, &again, kir_int(e->m, i, target->at), target->at);
        items[i] = elab_hold_value(e, &item);
    }
    unpack_items(e, target, items, n);
}

static void assign_tuple(elab *e, const ast *target, const value *v) {
    uint32_t n;
    if (v->kind == VAL_TUPLE) {
        value *items = arena_array(e->a, value, v->len ? v->len : 1);
        if (v->len)
            memcpy(items, v->items, v->len * sizeof *items);
        unpack_items(e, target, items, v->len);
    } else if (elab_static_length(e, v, &n)) {
        value *items = arena_array(e->a, value, n ? n : 1);
        for (uint32_t i = 0; i < n; i++)
            items[i] = elab_sequence_item(e, v, i, target->at);
        unpack_items(e, target, items, n);
    } else if (value_is_iterable(v)) {
        unpack_sequence(e, target, v);
    } else {
        if (!is_poison(v))
            elab_error(e, DIAG_TYPING, target->at, NULL, "%s cannot be unpacked", value_describe(e, v));
        elab_break_targets(e, target);
    }
}

static void assign_subscript(elab *e, const ast *target, const value *v) {
    value container = elab_expression(e, target->Subscript.value);
    value index = is_poison(&container) ? container : elab_index(e, target->Subscript.slice);
    if (is_poison(&container) || is_poison(&index) || is_poison(v))
        return;
    if (!value_is_array(&container)) {
        elab_error(e, DIAG_TYPING, target->at, container.kind == VAL_TUPLE ? "make a new tuple" : NULL,
                   "items of %s cannot be assigned", value_describe(e, &container));
        return;
    }
    elab_set_item(e, &container, &index, v, target->at);
}

/* The attributes of an array through which its elements can be assigned. */
static bool require_part(elab *e, const value *owner, const ast *target) {
    sym part = target->Attribute.attr;
    bool imag = sym_is(part, "imag");
    if (!value_is_array(owner) || !(imag || sym_is(part, "real") || sym_is(part, "flat"))) {
        elab_unsupported(e, target->at, value_is_array(owner) ? "assign to elements: a[...] = x" : "use a variable",
                         "assigning an attribute");
        return false;
    }
    if (imag && owner->ty->dtype->kind != TYPE_COMPLEX) {
        elab_error(e, DIAG_TYPING, target->at, "make the array complex", "array does not have imaginary part to set");
        return false;
    }
    return true;
}

static void assign_attribute(elab *e, const ast *target, const value *v) {
    value owner = elab_expression(e, target->Attribute.value);
    if (is_poison(&owner) || is_poison(v) || !require_part(e, &owner, target))
        return;
    value view = elab_get_attribute(e, &owner, target->Attribute.attr, target->at);
    value all = {.kind = VAL_ELLIPSIS, .at = target->at};
    if (!is_poison(&view))
        elab_set_item(e, &view, &all, v, target->at);
}

void elab_assign_target(elab *e, const ast *target, const value *v) {
    switch (target->kind) {
    case AST_Name:
        elab_assign_name(e, target->Name.id, v, target->at);
        break;
    case AST_Tuple:
    case AST_List:
        assign_tuple(e, target, v);
        break;
    case AST_Subscript:
        assign_subscript(e, target, v);
        break;
    case AST_Attribute:
        assign_attribute(e, target, v);
        break;
    default:
        elab_unsupported(e, target->at, NULL, "this target");
        break;
    }
}

/* The right side; a list there that is taken apart at once, or stored into an array, needs no list. */
static value assigned_value(elab *e, const ast *s) {
    const ast *x = s->Assign.value;
    ast_kind target = s->Assign.targets.at[0]->kind;
    if (x->kind != AST_List || s->Assign.targets.len > 1 || target == AST_Name)
        return elab_expression(e, x);
    value items = elab_items(e, x);
    if (target != AST_Subscript || is_poison(&items))
        return items;
    return elab_call_builtin(e, "numpy.array", &items, 1, x->at);
}

static void assign(elab *e, const ast *s) {
    const ast_list *targets = &s->Assign.targets;
    value v = assigned_value(e, s);
    if (targets->len == 1) {
        elab_assign_target(e, targets->at[0], &v);
        return;
    }
    v = elab_hold_value(e, &v);
    for (uint32_t i = 0; i < targets->len; i++) {
        value again = value_again(e, &v);
        elab_assign_target(e, targets->at[i], &again);
    }
}

static void ann_assign(elab *e, const ast *s) {
    if (!s->AnnAssign.value)
        return;
    value v = elab_expression(e, s->AnnAssign.value);
    elab_assign_target(e, s->AnnAssign.target, &v);
}

static void aug_assign_name(elab *e, const ast *s) {
    const ast *target = s->AugAssign.target;
    value old = elab_name(e, target->Name.id, target->at);
    eval_place after = elab_place(e);
    value v = elab_expression(e, s->AugAssign.value);
    elab_hold_since(e, &old, &after);
    if (is_poison(&old) || is_poison(&v)) {
        elab_assign_name(e, target->Name.id, is_poison(&old) ? &old : &v, target->at);
    } else if (value_is_array(&old)) {
        elab_array_augassign(e, s->AugAssign.op, &old, &v, s->at);
    } else {
        value sum = elab_binary(e, s->AugAssign.op, &old, &v, s->at);
        elab_assign_name(e, target->Name.id, &sum, target->at);
    }
}

/* Masks and integer arrays name many places, which are read and written in one go. */
static bool is_gathering(const value *index) {
    if (index->kind != VAL_TUPLE)
        return value_is_array(index);
    for (uint32_t i = 0; i < index->len; i++)
        if (value_is_array(&index->items[i]) || index->items[i].kind == VAL_TUPLE)
            return true;
    return false;
}

static void aug_assign_item(elab *e, const value *container, const ast *s) {
    const ast *target = s->AugAssign.target;
    if (!value_is_array(container)) {
        elab_error(e, DIAG_TYPING, target->at, NULL, "items of %s cannot be assigned", value_describe(e, container));
        return;
    }
    value array = elab_hold_arrays(e, container);
    value index = elab_index(e, target->Subscript.slice);
    if (is_poison(&index))
        return;
    index = elab_hold_value(e, &index);
    if (is_gathering(&index)) {
        value v = elab_expression(e, s->AugAssign.value);
        if (!is_poison(&v))
            elab_item_augassign(e, s->AugAssign.op, &array, &index, &v, s->at);
        return;
    }
    value a = value_again(e, &array), i = value_again(e, &index);
    value old = elab_get_item(e, &a, &i, target->at);
    eval_place after = elab_place(e);
    value v = elab_expression(e, s->AugAssign.value);
    if (!value_is_array(&old))
        elab_hold_since(e, &old, &after);
    if (is_poison(&old) || is_poison(&v))
        return;
    bool is_view = value_is_array(&old) && (old.expr->kind == KIR_VIEW || old.expr->kind == KIR_VAR);
    if (is_view) {
        elab_array_augassign(e, s->AugAssign.op, &old, &v, s->at);
        return;
    }
    value sum = elab_binary(e, s->AugAssign.op, &old, &v, s->at);
    if (!is_poison(&sum))
        elab_set_item(e, &array, &index, &sum, target->at);
}

static void aug_assign(elab *e, const ast *s) {
    const ast *target = s->AugAssign.target;
    if (target->kind == AST_Name) {
        aug_assign_name(e, s);
    } else if (target->kind == AST_Subscript) {
        value container = elab_expression(e, target->Subscript.value);
        if (!is_poison(&container))
            aug_assign_item(e, &container, s);
    } else {
        value owner = elab_expression(e, target->Attribute.value);
        if (is_poison(&owner) || !require_part(e, &owner, target))
            return;
        value old = elab_get_attribute(e, &owner, target->Attribute.attr, target->at);
        value v = elab_expression(e, s->AugAssign.value);
        if (!is_poison(&old) && !is_poison(&v))
            elab_array_augassign(e, s->AugAssign.op, &old, &v, s->at);
    }
}

static void delete_names(elab *e, const ast *s) {
    for (uint32_t i = 0; i < s->Delete.targets.len; i++) {
        const ast *target = s->Delete.targets.at[i];
        slot *found = target->kind == AST_Name ? slot_find(e, target->Name.id, NULL) : NULL;
        if (found)
            slot_unbind(e, found);
        else
            elab_unsupported(e, target->at, NULL, "deleting anything but a variable");
    }
}

/* ---- return ---------------------------------------------------------------------------------------------------------------- */

void elab_return(elab *e, const value *v, span at) {
    activation *act = e->act;
    value kept = *v;
    if (kept.kind == VAL_FORMATTED || kept.kind == VAL_RAISED) {
        elab_error(e, DIAG_TYPING, at, NULL, "a kernel cannot return %s", value_describe(e, v));
        kept = value_invalid(at);
    }
    if (act->spec) {
        if (kept.kind == VAL_EXPR || kept.kind == VAL_TUPLE)
            kept = elab_hold_arrays(e, &kept);
        kir_stmt *s = kir_stmt_new(e->m, KIR_RETURN, at);
        elab_emit(e, s);
        if (!e->unreachable)
            vec_push(e->a, &act->returns, (returned){e->block, s, kept, at});
    } else {
        if (e->writes_outer)
            kept = elab_hold_value(e, &kept);
        slot_bind(e, scope_result(act->scope), &kept, at);
        kir_stmt *s = kir_stmt_new(e->m, KIR_BREAK, at);
        s->target = act->block;
        elab_emit(e, s);
        merge_edge(e, act->exit, s);
    }
    e->unreachable = true;
}

static void return_statement(elab *e, const ast *s) {
    value v = s->Return.value ? elab_expression(e, s->Return.value) : value_none(e, s->at);
    if (!e->unreachable)
        elab_return(e, &v, s->at);
}

/* ---- if ------------------------------------------------------------------------------------------------------------------------ */

static void if_statement(elab *e, const ast *s) {
    kir_expr *condition = elab_condition(e, s->If.test);
    int64_t known;
    if (condition && kir_is_const_int(condition, &known)) {
        elab_statements(e, known ? &s->If.body : &s->If.orelse);
        return;
    }
    if (!condition)
        condition = kir_bool(e->m, true, s->at);
    kir_stmt *branch = kir_stmt_new(e->m, KIR_IF, s->at);
    branch->value = condition;
    merge m;
    merge_begin(e, &m);
    for (int k = 0; k < 2; k++) {
        elab_push_block(e, k == 0 ? &branch->body : &branch->orelse);
        elab_statements(e, k == 0 ? &s->If.body : &s->If.orelse);
        merge_edge(e, &m, NULL);
        elab_pop_block(e);
        trail_undo(e, m.mark);
        e->unreachable = false;
    }
    elab_emit(e, branch);
    merge_end(e, &m, e->act->scope, facts_of(e->act->scope->facts, s)->live_out);
    if (!branch->body.len && !branch->orelse.len && e->block->at[e->block->len - 1] == branch)
        e->block->len--;
}

/* ---- raise, assert ------------------------------------------------------------------------------------------------------------------------ */

typedef struct message {
    text format, json;
    kir_expr *dynamic[6];
    uint32_t n;
    bool ok;
} message;

static void put_dynamic(elab *e, message *m, const value *v, bool quoted) {
    if (m->n == 6) {
        elab_unsupported(e, v->at, NULL, "an exception with more than 6 values that are known at run time only");
        m->ok = false;
        return;
    }
    const char *format = v->ty->kind == TYPE_FLOAT ? "%g" : v->ty->kind == TYPE_BOOL ? "%b" : "%d";
    if (quoted)
        text_printf(&m->json, "{\"slot\": %u}", m->n);
    else
        text_put(&m->format, format);
    m->dynamic[m->n++] = v->expr;
    (void)e;
}

static void put_argument(elab *e, message *m, const value *v);

static void put_items(elab *e, message *m, const value *v) {
    text_put(&m->json, "[");
    for (uint32_t i = 0; i < v->len; i++) {
        if (i)
            text_put(&m->json, ", ");
        put_argument(e, m, &v->items[i]);
    }
    text_put(&m->json, "]");
}

static void put_argument(elab *e, message *m, const value *v) {
    switch (v->kind) {
    case VAL_NONE:
        text_put(&m->json, "null");
        break;
    case VAL_STRING:
        text_put_json(&m->json, v->text->text, v->text->len);
        break;
    case VAL_TUPLE:
        put_items(e, m, v);
        break;
    case VAL_EXPR:
        if (v->ty->kind == TYPE_ARRAY || v->ty->kind == TYPE_COMPLEX) {
            elab_unsupported(e, v->at, "pass numbers or text",
                             "an array or complex number as argument of an exception");
            m->ok = false;
        } else if (v->literal && v->ty->kind == TYPE_BOOL) {
            text_put(&m->json, v->expr->value.i ? "true" : "false");
        } else if (v->literal && v->ty->kind == TYPE_INT && v->ty->is_signed) {
            text_printf(&m->json, "%lld", (long long)v->expr->value.i);
        } else {
            put_dynamic(e, m, v, true);
        }
        break;
    default:
        if (v->kind != VAL_INVALID)
            elab_unsupported(e, v->at, "pass numbers or text",
                             arena_printf(e->a, "%s as argument of an exception", value_describe(e, v)));
        m->ok = false;
        break;
    }
}

static void put_text(message *m, sym piece) {
    for (uint32_t i = 0; i < piece->len; i++) {
        if (piece->text[i] == '%')
            text_putn(&m->format, "%", 1);
        text_putn(&m->format, &piece->text[i], 1);
    }
}

static void put_piece(elab *e, message *m, const value *v);

/* As repr() shows a tuple. */
static void put_shown(elab *e, message *m, const value *v) {
    text_put(&m->format, "(");
    for (uint32_t i = 0; i < v->len; i++) {
        value item = elab_constant_text(e, &v->items[i]);
        text_put(&m->format, i ? ", " : "");
        put_piece(e, m, &item);
    }
    text_put(&m->format, v->len == 1 ? ",)" : ")");
}

static bool holds_text(const value *v) {
    for (uint32_t i = 0; i < v->len; i++) {
        if (v->items[i].kind == VAL_STRING)
            return true;
    }
    return false;
}

static void put_piece(elab *e, message *m, const value *v) {
    if (v->kind == VAL_STRING) {
        put_text(m, v->text);
    } else if (v->kind == VAL_TUPLE && !(v->ty && v->ty->fields) && !holds_text(v)) {
        put_shown(e, m, v);
    } else if (value_is_scalar(v) && v->ty->kind != TYPE_COMPLEX) {
        put_dynamic(e, m, v, false);
    } else {
        m->ok = false;
        elab_unsupported(e, v->at, "put numbers, texts or tuples of numbers into it",
                         arena_printf(e->a, "%s in a message", value_describe(e, v)));
    }
}

static void put_pieces(elab *e, message *m, const value *v) {
    for (uint32_t i = 0; i < v->len; i++)
        put_piece(e, m, &v->items[i]);
}

/* The site's message and arguments for an exception with these arguments. */
static bool describe_arguments(elab *e, const value *items, uint32_t n, kir_site *site, message *m) {
    *m = (message){.format = text_new(e->a), .json = text_new(e->a), .ok = true};
    if (n == 1 && items[0].kind == VAL_FORMATTED) {
        text_putn(&m->format, "", 0);
        put_pieces(e, m, &items[0]);
        site->message = m->format.at;
    } else if (n) {
        value all = {.kind = VAL_TUPLE, .len = n, .items = (value *)(uintptr_t)items};
        put_items(e, m, &all);
        site->args_json = m->json.at;
    }
    return m->ok;
}

static void emit_raise(elab *e, const value *class, const value *items, uint32_t n, span at) {
    kir_site site = {.exception = class->text->text, .function = e->act->scope->name, .at = at};
    if (class->bound)
        site.key = class->bound->key;
    message m;
    if (!describe_arguments(e, items, n, &site, &m))
        return;
    kir_stmt *s = kir_stmt_new(e->m, KIR_RAISE, at);
    for (uint32_t i = 0; i < m.n; i++) {
        site.arg_types[i] = m.dynamic[i]->ty;
        vec_push(e->a, &s->index, m.dynamic[i]);
    }
    site.n_args = m.n;
    s->site = kir_site_new(e->m, site);
    elab_emit(e, s);
}

static void raise_statement(elab *e, const ast *s) {
    const ast *cause = s->Raise.cause;
    if (!s->Raise.exc) {
        elab_unsupported(e, s->at, "name the exception", "a bare raise");
    } else if (cause && !(cause->kind == AST_Constant && cause->Constant.type == CONST_None)) {
        elab_unsupported(e, cause->at, "raise the exception alone", "'raise … from'");
    } else {
        value v = elab_expression(e, s->Raise.exc);
        if (v.kind == VAL_EXCEPTION || v.kind == VAL_RAISED)
            emit_raise(e, &v, v.items, v.len, s->at);
        else if (!is_poison(&v))
            elab_error(e, DIAG_TYPING, s->Raise.exc->at, "raise an exception class or an instance made here",
                       "%s cannot be raised", value_describe(e, &v));
    }
    e->unreachable = true;
}

/* CHECK when the message needs no statements of its own. */
static void assert_statement(elab *e, const ast *s) {
    kir_expr *condition = elab_condition(e, s->Assert.test);
    if (!condition)
        return;
    kir_stmt *branch = kir_stmt_new(e->m, KIR_IF, s->at);
    value class = elab_exception(e, "AssertionError", s->at), text_value = value_none(e, s->at);
    uint32_t mark = e->trail.len;
    elab_push_block(e, &branch->body);
    if (s->Assert.msg)
        text_value = elab_expression(e, s->Assert.msg);
    bool pure = branch->body.len == 0;
    uint32_t n = s->Assert.msg ? 1 : 0;
    if (!pure)
        emit_raise(e, &class, &text_value, n, s->at);
    elab_pop_block(e);
    trail_undo(e, mark);
    if (is_poison(&text_value))
        return;
    if (!pure) {
        branch->value = elab_not(e, condition);
        elab_emit(e, branch);
        return;
    }
    kir_site site = {.exception = "AssertionError", .function = e->act->scope->name, .at = s->at};
    message m;
    int64_t known;
    if (!describe_arguments(e, &text_value, n, &site, &m) || (kir_is_const_int(condition, &known) && known))
        return;
    kir_stmt *check = kir_stmt_new(e->m, KIR_CHECK, s->at);
    check->value = condition;
    for (uint32_t i = 0; i < m.n; i++) {
        site.arg_types[i] = m.dynamic[i]->ty;
        vec_push(e->a, &check->index, m.dynamic[i]);
    }
    site.n_args = m.n;
    check->site = kir_site_new(e->m, site);
    elab_emit(e, check);
}

/* ---- the rest -------------------------------------------------------------------------------------------------------------------------------- */

static void function_definition(elab *e, const ast *s) {
    if (s->FunctionDef.decorator_list.len)
        elab_unsupported(e, s->FunctionDef.decorator_list.at[0]->at, "define it outside the kernel",
                         "a decorated function inside a kernel");
    value v = elab_make_closure(e, s);
    elab_assign_name(e, s->FunctionDef.name, &v, s->at);
}

static void expression_statement(elab *e, const ast *s) {
    if (s->Expr.value->kind == AST_Constant)
        return;
    value v = elab_expression(e, s->Expr.value);
    (void)v;
}

static void pass_statement(elab *e, const ast *s) {
    (void)e;
    (void)s;
}

static void global_statement(elab *e, const ast *s) {
    uint32_t i;
    for (uint32_t k = 0; k < s->Global.names.len; k++)
        if (facts_name(e->act->scope->facts, s->Global.names.at[k], &i) &&
            bit_is_set(e->act->scope->facts->assigned, i)) {
            elab_unsupported(e, s->at, "return the value instead", "assigning a global variable");
            return;
        }
}

typedef struct refusal {
    ast_kind kind;
    const char *what, *hint;
} refusal;

static void refuse(elab *e, const ast *s) {
    static const refusal table[] = {
        {AST_AsyncFunctionDef, "an async function", NULL},
        {AST_ClassDef, "a class definition", "use a namedtuple defined outside"},
        {AST_AsyncFor, "async for", NULL},
        {AST_With, "a with statement", "write it in Python, around the call of the kernel"},
        {AST_AsyncWith, "async with", "write it in Python, around the call of the kernel"},
        {AST_Match, "a match statement", "use if and elif"},
        {AST_Try, "try", "test before, or return a code"},
        {AST_TryStar, "try with except*", NULL},
        {AST_Import, "import", "import at the top of the module"},
        {AST_ImportFrom, "import", "import at the top of the module"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].kind == s->kind) {
            elab_unsupported(e, s->at, table[i].hint, table[i].what);
            return;
        }
    elab_unsupported(e, s->at, NULL, s->kind == AST_Unsupported ? s->Unsupported.name : ast_kind_name(s->kind));
}

static void statement(elab *e, const ast *s) {
    static void (*const table[AST_KIND_COUNT])(elab *, const ast *) = {
        [AST_FunctionDef] = function_definition,
        [AST_Return] = return_statement,
        [AST_Delete] = delete_names,
        [AST_Assign] = assign,
        [AST_AugAssign] = aug_assign,
        [AST_AnnAssign] = ann_assign,
        [AST_For] = elab_for,
        [AST_While] = elab_while,
        [AST_If] = if_statement,
        [AST_Raise] = raise_statement,
        [AST_Assert] = assert_statement,
        [AST_Global] = global_statement,
        [AST_Nonlocal] = pass_statement,
        [AST_Expr] = expression_statement,
        [AST_Pass] = pass_statement,
        [AST_Break] = elab_break,
        [AST_Continue] = elab_continue,
    };
    (table[s->kind] ? table[s->kind] : refuse)(e, s);
}

void elab_statements(elab *e, const ast_list *body) {
    for (uint32_t i = 0; i < body->len && !e->unreachable; i++)
        statement(e, body->at[i]);
}
