/* Comprehensions where an array is wanted: np.array([f(i) for i in range(n)]), sum(x * x for x in a).
 *
 * There are no lists in a kernel, so the array is allocated first and filled by loops:
 *   nested brackets   [[f(i, j) for j in J] for i in I]    one axis each; I and J are evaluated once, before
 *   several `for`s    [f(i, j) for i in I for j in J]      one axis, as long as the product
 *   conditions        [f(i) for i in I if c(i)]            as long as I, then the part that was filled
 * The type of the elements is found by elaborating the element once and throwing the code away.
 */
#include "elaborate/arrays.h"
#include "elaborate/flow.h"

enum { MAX_LEVELS = 8 };

typedef struct comprehension {
    span at;
    uint32_t n;
    const ast *part[MAX_LEVELS];
    value items[MAX_LEVELS];
    kir_expr *length[MAX_LEVELS];
    kir_var *index[MAX_LEVELS];
    uint32_t report[MAX_LEVELS];
    const ast *element;
    kir_var *array, *count; /* count: elements so far, when they are not one for each place of the grid */
} comprehension;

static bool is_poison(const value *v) {
    return v->kind == VAL_INVALID || v->kind == VAL_BOTTOM;
}

static kir_expr *again(elab *e, const kir_expr *x) {
    return kir_copy_expr(e->m, x, NULL);
}

/* ---- reading the syntax -------------------------------------------------------------------------------------------------- */

static bool refuse(elab *e, span at, const char *hint, const char *what) {
    elab_unsupported(e, at, hint, what);
    return false;
}

static bool depends_on_earlier(const comprehension *c, const ast *iter) {
    for (uint32_t i = 0; i < c->n; i++)
        if (ast_mentions_target(iter, c->part[i]->comprehension.target))
            return true;
    return false;
}

static bool read_parts(elab *e, comprehension *c, const ast *x) {
    for (;;) {
        bool filtered = false;
        for (uint32_t i = 0; i < x->ListComp.generators.len; i++) {
            const ast *part = x->ListComp.generators.at[i];
            if (c->n == MAX_LEVELS)
                return refuse(e, x->at, "write the loops out", "a comprehension of more than 8 loops");
            if (depends_on_earlier(c, part->comprehension.iter))
                return refuse(e, part->at, "write the loops out",
                              "an inner loop that depends on an outer one's variable");
            filtered |= part->comprehension.ifs.len > 0;
            c->part[c->n++] = part;
        }
        c->element = x->ListComp.elt;
        bool flat = filtered || x->ListComp.generators.len > 1;
        if (c->element->kind != AST_ListComp) {
            if (flat)
                c->count = kir_var_new(e->m, e->fn, NULL, type_int64(e->m->types), x->at);
            break;
        }
        if (flat)
            return refuse(e, x->at, "write the loops out", "a comprehension with rows of different lengths");
        x = c->element;
    }
    if (c->count && c->n > 1 && c->part[c->n - 1] && c->element->kind == AST_ListComp)
        return refuse(e, x->at, "write the loops out", "this comprehension");
    return true;
}

static bool evaluate_items(elab *e, comprehension *c) {
    for (uint32_t i = 0; i < c->n; i++) {
        const ast *iter = c->part[i]->comprehension.iter;
        value v = iter->kind == AST_List ? elab_items(e, iter) : elab_expression(e, iter);
        if (is_poison(&v))
            return false;
        if (!value_is_iterable(&v)) {
            elab_error(e, DIAG_TYPING, iter->at, NULL, "%s cannot be iterated over", value_describe(e, &v));
            return false;
        }
        c->items[i] = elab_hold_value(e, &v);
        value same = value_again(e, &c->items[i]), length = elab_sequence_length(e, &same, iter->at);
        if (is_poison(&length))
            return false;
        c->length[i] = elab_hold(e, length.expr);
    }
    return true;
}

/* ---- making it ---------------------------------------------------------------------------------------------------------------- */

static void bind_target(elab *e, comprehension *c, uint32_t level) {
    const ast *target = c->part[level]->comprehension.target;
    value items = value_again(e, &c->items[level]);
    value item = elab_sequence_at(e, &items, kir_ref(e->m, c->index[level], target->at), target->at);
    item = elab_hold_value(e, &item);
    slot *s = target->kind == AST_Name ? slot_find(e, target->Name.id, NULL) : NULL;
    if (s)
        slot_bind(e, s, &item, target->at);
    else
        elab_assign_target(e, target, &item);
}

static kir_expr *place_of(elab *e, const comprehension *c, uint32_t level) {
    return kir_ref(e->m, c->index[level], c->at);
}

static void store_element(elab *e, comprehension *c) {
    value v = elab_expression(e, c->element);
    if (is_poison(&v) || !value_is_scalar(&v))
        return;
    value fits = elab_convert(e, &v, c->array->ty->dtype, c->element->at);
    if (is_poison(&fits))
        return;
    kir_expr *index[MAX_LEVELS];
    uint32_t n = c->count ? 1 : c->n;
    for (uint32_t i = 0; i < n; i++)
        index[i] = c->count ? kir_ref(e->m, c->count, c->at) : place_of(e, c, i);
    elab_emit(e, kir_store(e->m, c->array, index, n, fits.expr, c->element->at));
    if (!c->count)
        return;
    kir_expr *next = kir_binary(e->m, KIR_OP_ADD, kir_ref(e->m, c->count, c->at), kir_int(e->m, 1, c->at), c->at);
    elab_emit(e, kir_assign(e->m, c->count, next, c->at));
}

static void fill(elab *e, comprehension *c, uint32_t level);

/* The conditions of one `for`, then what is inside it. */
static void fill_where(elab *e, comprehension *c, uint32_t level, uint32_t condition) {
    const ast_list *ifs = &c->part[level]->comprehension.ifs;
    if (condition == ifs->len) {
        fill(e, c, level + 1);
        return;
    }
    kir_expr *holds = elab_condition(e, ifs->at[condition]);
    if (!holds)
        return;
    kir_stmt *branch = kir_stmt_new(e->m, KIR_IF, ifs->at[condition]->at);
    branch->value = holds;
    elab_push_block(e, &branch->body);
    fill_where(e, c, level, condition + 1);
    elab_pop_block(e);
    elab_emit(e, branch);
}

static void fill(elab *e, comprehension *c, uint32_t level) {
    if (level == c->n) {
        store_element(e, c);
        return;
    }
    const ast *part = c->part[level];
    c->index[level] = kir_var_new(e->m, e->fn, NULL, type_int64(e->m->types), part->at);
    kir_stmt *s = kir_for(e->m, c->index[level], kir_int(e->m, 0, part->at), again(e, c->length[level]),
                          kir_int(e->m, 1, part->at), KIR_LOOP_ITER, part->at);
    s->loop->id = elab_report(e, KIR_LOOP_ITER, part, part->at);
    loop_context inside = {.outer = e->loop, .report = s->loop->id, .mark = e->loop ? e->loop->mark : 0};
    loop_context *outer = e->loop;
    e->loop = &inside;
    elab_push_block(e, &s->body);
    bind_target(e, c, level);
    fill_where(e, c, level, 0);
    elab_pop_block(e);
    e->loop = outer;
    elab_emit(e, s);
}

/* The type of an element: elaborates it into a block that is forgotten. */
static type *element_type(elab *e, comprehension *c) {
    kir_block unused = {0};
    uint32_t mark = e->trail.len, notes = e->result ? e->result->notes.len : 0, errors = e->m->diags->errors;
    elab_push_block(e, &unused);
    for (uint32_t i = 0; i < c->n; i++) {
        c->index[i] = kir_var_new(e->m, e->fn, NULL, type_int64(e->m->types), c->at);
        bind_target(e, c, i);
        const ast_list *ifs = &c->part[i]->comprehension.ifs;
        for (uint32_t k = 0; k < ifs->len; k++) /* they may assign, which is refused */
            elab_expression(e, ifs->at[k]);
    }
    value v = elab_expression(e, c->element);
    elab_pop_block(e);
    trail_undo(e, mark);
    if (e->result)
        e->result->notes.len = notes;
    if (is_poison(&v) || e->m->diags->errors > errors)
        return NULL;
    if (!value_is_scalar(&v)) {
        elab_unsupported(e, c->element->at, "write the loops out",
                         arena_printf(e->a, "a comprehension of %s", value_describe(e, &v)));
        return NULL;
    }
    return v.ty;
}

/* Items in all, at most; more than memory holds where int64 does not hold the product. */
static kir_expr *most_items(elab *e, comprehension *c) {
    kir_expr *length[MAX_LEVELS], *fits, *product = kir_int(e->m, 1, c->at);
    for (uint32_t i = 0; i < c->n; i++) {
        length[i] = again(e, c->length[i]);
        product = kir_binary(e->m, KIR_OP_MUL, product, again(e, c->length[i]), c->at);
    }
    fits = array_extents_fit(e, c->n, length, 1, true, c->at);
    return fits ? kir_select(e->m, fits, product, kir_int(e->m, INT64_MAX, c->at), c->at) : product;
}

static value allocate(elab *e, comprehension *c, type *t) {
    value dims[MAX_LEVELS];
    uint32_t n = c->count ? 1 : c->n;
    for (uint32_t i = 0; i < n; i++)
        dims[i] = value_of(e, c->count ? most_items(e, c) : again(e, c->length[i]));
    value args[2] = {value_tuple(e, dims, n, c->at), value_of_type(e, t, c->at)};
    return elab_call_builtin(e, "numpy.empty", args, 2, c->at);
}

/* The targets belong to the comprehension alone: what variables of their names held before is put back. */
value elab_comprehension(elab *e, const ast *x) {
    comprehension c = {.at = x->at};
    if (!read_parts(e, &c, x) || !evaluate_items(e, &c))
        return value_invalid(x->at);
    uint32_t mark = e->trail.len, epoch = e->epoch;
    type *t = element_type(e, &c);
    if (!t)
        return value_invalid(x->at);
    if (e->epoch != epoch)
        return elab_unsupported(e, x->at, "write the loops out", "an assignment inside a comprehension");
    value array = allocate(e, &c, t);
    if (is_poison(&array))
        return array;
    c.array = elab_array_var(e, &array);
    if (c.count)
        elab_emit(e, kir_assign(e->m, c.count, kir_int(e->m, 0, x->at), x->at));
    fill(e, &c, 0);
    trail_undo(e, mark);
    value whole = value_of(e, kir_ref(e->m, c.array, x->at));
    if (!c.count)
        return whole;
    value parts[3] = {value_none(e, x->at), value_of(e, kir_ref(e->m, c.count, x->at)), value_none(e, x->at)};
    value filled = value_tuple(e, parts, 3, x->at);
    filled.kind = VAL_SLICE;
    return elab_get_item(e, &whole, &filled, x->at);
}
