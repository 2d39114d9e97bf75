/* Which variables may still be read: what the elaborator asks at every merge.
 *
 * One walk over the syntax gives each statement its use, def and may sets (bottom-up), a second one, backwards over
 * each block, what is live behind each statement that joins paths. Jumps are treated generously: a statement that
 * contains a `break` or `continue` keeps alive whatever lives at their targets. Variables that nested functions see are
 * live everywhere (`captured`). Too much liveness costs a conversion; too little would be wrong.
 */
#include "elaborate/flow.h"

#include <string.h>

typedef struct walk {
    elab *e;
    fn_facts *f;
} walk;

/* ---- names ------------------------------------------------------------------------------------------------------------- */

static uint32_t name_slot(const fn_facts *f, sym name) {
    uint32_t at = name->hash & (f->name_cap - 1);
    while (f->name_table[at] && f->names[f->name_table[at] - 1] != name)
        at = (at + 1) & (f->name_cap - 1);
    return at;
}

bool facts_name(const fn_facts *f, sym name, uint32_t *index) {
    uint32_t at = name_slot(f, name);
    if (!f->name_table[at])
        return false;
    *index = f->name_table[at] - 1;
    return true;
}

static void grow_names(walk *w) {
    fn_facts *f = w->f;
    uint32_t cap = f->name_cap ? 2 * f->name_cap : 32;
    sym *names = arena_array(w->e->a, sym, cap);
    if (f->n_names)
        memcpy(names, f->names, f->n_names * sizeof *names);
    f->names = names;
    f->name_cap = cap;
    f->name_table = arena_array(w->e->a, uint32_t, cap);
    for (uint32_t i = 0; i < f->n_names; i++)
        f->name_table[name_slot(f, f->names[i])] = i + 1;
}

static void add_name(walk *w, sym name) {
    fn_facts *f = w->f;
    for (uint32_t i = 0; i < f->outer.len; i++)
        if (f->outer.at[i] == name)
            return;
    if (2 * (f->n_names + 1) > f->name_cap)
        grow_names(w);
    uint32_t at = name_slot(f, name);
    if (f->name_table[at])
        return;
    f->names[f->n_names++] = name;
    f->name_table[at] = f->n_names;
}

/* Calls `visit` for every child that lies in the same function; nested functions' defaults count, their bodies do not. */
typedef void visitor(walk *w, const ast *x, void *context);
static void each_of(walk *w, const ast_list *list, visitor *visit, void *context) {
    for (uint32_t i = 0; i < list->len; i++)
        if (list->at[i])
            visit(w, list->at[i], context);
}

static void each_optional(walk *w, const ast *x, visitor *visit, void *context) {
    if (x)
        visit(w, x, context);
}

static void each_default(walk *w, const ast *args, visitor *visit, void *context) {
    each_of(w, &args->arguments.defaults, visit, context);
    each_of(w, &args->arguments.kw_defaults, visit, context);
}

static void each_expression_child(walk *w, const ast *x, visitor *visit, void *context) {
    switch (x->kind) {
    case AST_BoolOp:
        each_of(w, &x->BoolOp.values, visit, context);
        break;
    case AST_NamedExpr:
        visit(w, x->NamedExpr.value, context);
        visit(w, x->NamedExpr.target, context);
        break;
    case AST_BinOp:
        visit(w, x->BinOp.left, context);
        visit(w, x->BinOp.right, context);
        break;
    case AST_UnaryOp:
        visit(w, x->UnaryOp.operand, context);
        break;
    case AST_Lambda:
        each_default(w, x->Lambda.args, visit, context);
        break;
    case AST_IfExp:
        visit(w, x->IfExp.test, context);
        visit(w, x->IfExp.body, context);
        visit(w, x->IfExp.orelse, context);
        break;
    case AST_Compare:
        visit(w, x->Compare.left, context);
        each_of(w, &x->Compare.comparators, visit, context);
        break;
    case AST_Call:
        visit(w, x->Call.func, context);
        each_of(w, &x->Call.args, visit, context);
        each_of(w, &x->Call.keywords, visit, context);
        break;
    case AST_keyword:
        visit(w, x->keyword.value, context);
        break;
    case AST_FormattedValue:
        visit(w, x->FormattedValue.value, context);
        each_optional(w, x->FormattedValue.format_spec, visit, context);
        break;
    case AST_JoinedStr:
        each_of(w, &x->JoinedStr.values, visit, context);
        break;
    case AST_Attribute:
        visit(w, x->Attribute.value, context);
        break;
    case AST_Subscript:
        visit(w, x->Subscript.value, context);
        visit(w, x->Subscript.slice, context);
        break;
    case AST_Starred:
        visit(w, x->Starred.value, context);
        break;
    case AST_List:
    case AST_Tuple:
    case AST_Set:
        each_of(w, &x->List.elts, visit, context);
        break;
    case AST_Slice:
        each_optional(w, x->Slice.lower, visit, context);
        each_optional(w, x->Slice.upper, visit, context);
        each_optional(w, x->Slice.step, visit, context);
        break;
    case AST_ListComp:
    case AST_SetComp:
    case AST_GeneratorExp:
    case AST_DictComp:
        visit(w, x->ListComp.elt, context);
        each_optional(w, x->ListComp.value, visit, context);
        each_of(w, &x->ListComp.generators, visit, context);
        break;
    case AST_comprehension:
        visit(w, x->comprehension.iter, context);
        visit(w, x->comprehension.target, context);
        each_of(w, &x->comprehension.ifs, visit, context);
        break;
    case AST_Dict:
        each_of(w, &x->Dict.keys, visit, context);
        each_of(w, &x->Dict.values, visit, context);
        break;
    default:
        break;
    }
}

/* The expressions of a statement itself, without the statements inside it. */
static void each_expression(walk *w, const ast *s, visitor *visit, void *context) {
    switch (s->kind) {
    case AST_FunctionDef:
        each_default(w, s->FunctionDef.args, visit, context);
        break;
    case AST_Return:
        each_optional(w, s->Return.value, visit, context);
        break;
    case AST_Delete:
        each_of(w, &s->Delete.targets, visit, context);
        break;
    case AST_Assign:
        visit(w, s->Assign.value, context);
        each_of(w, &s->Assign.targets, visit, context);
        break;
    case AST_AugAssign:
        visit(w, s->AugAssign.value, context);
        visit(w, s->AugAssign.target, context);
        break;
    case AST_AnnAssign:
        each_optional(w, s->AnnAssign.value, visit, context);
        visit(w, s->AnnAssign.target, context);
        break;
    case AST_For:
        visit(w, s->For.iter, context);
        visit(w, s->For.target, context);
        break;
    case AST_While:
        visit(w, s->While.test, context);
        break;
    case AST_If:
        visit(w, s->If.test, context);
        break;
    case AST_Raise:
        each_optional(w, s->Raise.exc, visit, context);
        each_optional(w, s->Raise.cause, visit, context);
        break;
    case AST_Assert:
        visit(w, s->Assert.test, context);
        each_optional(w, s->Assert.msg, visit, context);
        break;
    case AST_Expr:
        visit(w, s->Expr.value, context);
        break;
    case AST_With:
        for (uint32_t i = 0; i < s->With.items.len; i++) {
            visit(w, s->With.items.at[i]->withitem.context_expr, context);
            each_optional(w, s->With.items.at[i]->withitem.optional_vars, visit, context);
        }
        break;
    default:
        break;
    }
}

static uint32_t inner_blocks(const ast *s, const ast_list *blocks[2]) {
    switch (s->kind) {
    case AST_If:
        blocks[0] = &s->If.body, blocks[1] = &s->If.orelse;
        return 2;
    case AST_For:
        blocks[0] = &s->For.body, blocks[1] = &s->For.orelse;
        return 2;
    case AST_While:
        blocks[0] = &s->While.body, blocks[1] = &s->While.orelse;
        return 2;
    case AST_With:
        blocks[0] = &s->With.body;
        return 1;
    default:
        return 0;
    }
}

typedef struct mention {
    const ast *target;
    bool found;
} mention;

static void look_for_target(walk *w, const ast *x, void *context) {
    mention *m = context;
    const ast *t = m->target;
    if (x->kind == AST_Name && t->kind == AST_Name)
        m->found |= x->Name.id == t->Name.id;
    else if (x->kind == AST_Name)
        m->found |= ast_mentions_target(t, x);
    each_expression_child(w, x, look_for_target, context);
}

/* With a tuple as target its names are looked for one by one (x and target change places). */
bool ast_mentions_target(const ast *x, const ast *target) {
    mention m = {target, false};
    look_for_target(NULL, x, &m);
    return m.found;
}

static void collect_targets(walk *w, const ast *x, void *context) {
    if (x->kind == AST_Name && x->Name.ctx != CTX_Load)
        add_name(w, x->Name.id);
    each_expression_child(w, x, collect_targets, context);
}

static void collect_outer(walk *w, const ast_list *body) {
    for (uint32_t i = 0; i < body->len; i++) {
        const ast *s = body->at[i];
        if (s->kind == AST_Nonlocal) {
            w->f->writes_outer = true;
            for (uint32_t k = 0; k < s->Global.names.len; k++)
                vec_push(w->e->a, &w->f->outer, s->Global.names.at[k]);
        }
        const ast_list *blocks[2];
        for (uint32_t k = 0, n = inner_blocks(s, blocks); k < n; k++)
            collect_outer(w, blocks[k]);
    }
}

static void collect_names(walk *w, const ast_list *body) {
    for (uint32_t i = 0; i < body->len; i++) {
        const ast *s = body->at[i];
        if (s->kind == AST_FunctionDef)
            add_name(w, s->FunctionDef.name);
        each_expression(w, s, collect_targets, NULL);
        const ast_list *blocks[2];
        for (uint32_t k = 0, n = inner_blocks(s, blocks); k < n; k++)
            collect_names(w, blocks[k]);
    }
}

static void add_parameters(walk *w, const ast *args) {
    for (uint32_t i = 0; i < args->arguments.posonlyargs.len; i++)
        add_name(w, args->arguments.posonlyargs.at[i]->arg.arg);
    for (uint32_t i = 0; i < args->arguments.args.len; i++)
        add_name(w, args->arguments.args.at[i]->arg.arg);
    for (uint32_t i = 0; i < args->arguments.kwonlyargs.len; i++)
        add_name(w, args->arguments.kwonlyargs.at[i]->arg.arg);
    if (args->arguments.vararg)
        add_name(w, args->arguments.vararg->arg.arg);
    w->f->n_params = w->f->n_names;
}

/* ---- sets --------------------------------------------------------------------------------------------------------------- */

static uint64_t *new_set(walk *w) {
    return arena_array(w->e->a, uint64_t, w->f->words);
}

static void add_all(const fn_facts *f, uint64_t *to, const uint64_t *from) {
    for (uint32_t i = 0; i < f->words; i++)
        to[i] |= from[i];
}

static void add_without(const fn_facts *f, uint64_t *to, const uint64_t *from, const uint64_t *without) {
    for (uint32_t i = 0; i < f->words; i++)
        to[i] |= from[i] & ~without[i];
}

static void add_common(const fn_facts *f, uint64_t *to, const uint64_t *a, const uint64_t *b) {
    for (uint32_t i = 0; i < f->words; i++)
        to[i] |= a[i] & b[i];
}

static void add_bit(const fn_facts *f, uint64_t *to, sym name) {
    uint32_t i;
    if (facts_name(f, name, &i))
        to[i / 64] |= (uint64_t)1 << (i % 64);
}

/* ---- nested functions: every name that they mention is captured ---------------------------------------------------- */

static void capture_function(walk *w, const ast *function);

static void capture_names(walk *w, const ast *x, void *context) {
    if (x->kind == AST_Name)
        add_bit(w->f, w->f->captured, x->Name.id);
    if (x->kind == AST_Lambda)
        capture_function(w, x);
    each_expression_child(w, x, capture_names, context);
}

static void capture_block(walk *w, const ast_list *body) {
    for (uint32_t i = 0; i < body->len; i++) {
        const ast *s = body->at[i];
        if (s->kind == AST_FunctionDef)
            capture_function(w, s);
        each_expression(w, s, capture_names, NULL);
        const ast_list *blocks[2];
        for (uint32_t k = 0, n = inner_blocks(s, blocks); k < n; k++)
            capture_block(w, blocks[k]);
    }
}

static void capture_function(walk *w, const ast *function) {
    if (function->kind == AST_Lambda)
        capture_names(w, function->Lambda.body, NULL);
    else
        capture_block(w, &function->FunctionDef.body);
}

static void find_lambdas(walk *w, const ast *x, void *context) {
    if (x->kind == AST_Lambda)
        capture_function(w, x);
    each_expression_child(w, x, find_lambdas, context);
}

static void find_nested(walk *w, const ast_list *body) {
    for (uint32_t i = 0; i < body->len; i++) {
        const ast *s = body->at[i];
        if (s->kind == AST_FunctionDef)
            capture_function(w, s);
        each_expression(w, s, find_lambdas, NULL);
        const ast_list *blocks[2];
        for (uint32_t k = 0, n = inner_blocks(s, blocks); k < n; k++)
            find_nested(w, blocks[k]);
    }
}

/* ---- use, def, may ------------------------------------------------------------------------------------------------------ */

static void put_facts(fn_facts *f, stmt_facts *s) {
    uint32_t at = (uint32_t)(((uintptr_t)s->node >> 4) * 2654435761u) & (f->cap - 1);
    while (f->table[at])
        at = (at + 1) & (f->cap - 1);
    f->table[at] = s;
}

const stmt_facts *facts_of(const fn_facts *f, const ast *stmt) {
    uint32_t at = (uint32_t)(((uintptr_t)stmt >> 4) * 2654435761u) & (f->cap - 1);
    while (f->table[at] && f->table[at]->node != stmt)
        at = (at + 1) & (f->cap - 1);
    return f->table[at];
}

typedef struct effects {
    uint64_t *use, *may;
} effects;

static void expression_effects(walk *w, const ast *x, void *context) {
    effects *to = context;
    if (x->kind == AST_Name)
        add_bit(w->f, x->Name.ctx == CTX_Load ? to->use : to->may, x->Name.id);
    each_expression_child(w, x, expression_effects, context);
}

static void target_names(walk *w, const ast *x, void *context) {
    if (x->kind == AST_Name && x->Name.ctx == CTX_Store)
        add_bit(w->f, context, x->Name.id);
    if (x->kind == AST_Tuple || x->kind == AST_List || x->kind == AST_Starred)
        each_expression_child(w, x, target_names, context);
}

static bool never_falls_through(const ast_list *body) {
    if (!body->len)
        return false;
    const ast *last = body->at[body->len - 1];
    switch (last->kind) {
    case AST_Return:
    case AST_Raise:
    case AST_Break:
    case AST_Continue:
        return true;
    case AST_If:
        return last->If.orelse.len && never_falls_through(&last->If.body) && never_falls_through(&last->If.orelse);
    default:
        return false;
    }
}

typedef struct block_facts {
    uint64_t *use, *def, *may;
    bool leaves;
} block_facts;
static stmt_facts *statement_facts(walk *w, const ast *s);

static block_facts facts_of_block(walk *w, const ast_list *body) {
    block_facts b = {new_set(w), new_set(w), new_set(w), false};
    for (uint32_t i = 0; i < body->len; i++) {
        stmt_facts *s = statement_facts(w, body->at[i]);
        add_without(w->f, b.use, s->use, b.def);
        add_all(w->f, b.def, s->def);
        add_all(w->f, b.may, s->may);
        b.leaves |= s->leaves;
    }
    return b;
}

static void if_facts(walk *w, const ast *node, stmt_facts *s) {
    block_facts a = facts_of_block(w, &node->If.body), b = facts_of_block(w, &node->If.orelse);
    add_all(w->f, s->use, a.use);
    add_all(w->f, s->use, b.use);
    add_all(w->f, s->may, a.may);
    add_all(w->f, s->may, b.may);
    if (never_falls_through(&node->If.body))
        add_all(w->f, s->def, b.def);
    else if (never_falls_through(&node->If.orelse))
        add_all(w->f, s->def, a.def);
    else
        add_common(w->f, s->def, a.def, b.def);
    s->leaves = a.leaves || b.leaves;
}

static void loop_facts(walk *w, const ast *node, stmt_facts *s) {
    bool is_for = node->kind == AST_For;
    block_facts body = facts_of_block(w, is_for ? &node->For.body : &node->While.body);
    block_facts other = facts_of_block(w, is_for ? &node->For.orelse : &node->While.orelse);
    uint64_t *target = new_set(w);
    if (is_for)
        target_names(w, node->For.target, target);
    s->inside = body.may;
    s->live_head = new_set(w);
    if (!is_for)
        add_all(w->f, s->live_head, s->use);
    add_without(w->f, s->live_head, body.use, target);
    add_all(w->f, s->live_head, other.use);
    add_all(w->f, s->use, s->live_head);
    add_all(w->f, s->may, body.may);
    add_all(w->f, s->may, other.may);
    s->leaves = other.leaves;
}

static stmt_facts *statement_facts(walk *w, const ast *node) {
    stmt_facts *s = arena_make(w->e->a, stmt_facts);
    s->node = node;
    s->use = new_set(w);
    s->def = new_set(w);
    s->may = new_set(w);
    effects to = {s->use, s->may};
    each_expression(w, node, expression_effects, &to);
    switch (node->kind) {
    case AST_If:
        if_facts(w, node, s);
        break;
    case AST_For:
    case AST_While:
        loop_facts(w, node, s);
        break;
    case AST_With: {
        block_facts b = facts_of_block(w, &node->With.body);
        add_all(w->f, s->use, b.use);
        add_all(w->f, s->may, b.may);
        s->leaves = b.leaves;
        break;
    }
    case AST_Assign:
        for (uint32_t i = 0; i < node->Assign.targets.len; i++)
            target_names(w, node->Assign.targets.at[i], s->def);
        break;
    case AST_AnnAssign:
        if (node->AnnAssign.value)
            target_names(w, node->AnnAssign.target, s->def);
        break;
    case AST_AugAssign:
        if (node->AugAssign.target->kind == AST_Name)
            add_bit(w->f, s->use, node->AugAssign.target->Name.id);
        break;
    case AST_FunctionDef:
        add_bit(w->f, s->def, node->FunctionDef.name);
        add_bit(w->f, s->may, node->FunctionDef.name);
        break;
    case AST_Break:
    case AST_Continue:
        s->leaves = true;
        break;
    default:
        break;
    }
    put_facts(w->f, s);
    return s;
}

/* ---- liveness, backwards over each block -------------------------------------------------------------------------------- */

static void live_block(walk *w, const ast_list *body, const uint64_t *out, const uint64_t *jump_live);

static void live_inside(walk *w, stmt_facts *s, const uint64_t *jump_live) {
    const ast *node = s->node;
    if (node->kind == AST_If) {
        live_block(w, &node->If.body, s->live_out, jump_live);
        live_block(w, &node->If.orelse, s->live_out, jump_live);
    } else if (node->kind == AST_With) {
        live_block(w, &node->With.body, s->live_out, jump_live);
    } else if (node->kind == AST_For || node->kind == AST_While) {
        bool is_for = node->kind == AST_For;
        add_all(w->f, s->live_head, s->live_out);
        live_block(w, is_for ? &node->For.orelse : &node->While.orelse, s->live_out, jump_live);
        live_block(w, is_for ? &node->For.body : &node->While.body, s->live_head, s->live_head);
    }
}

/* `jump_live`: what lives at the targets of break and continue. */
static void live_block(walk *w, const ast_list *body, const uint64_t *out, const uint64_t *jump_live) {
    uint64_t *live = new_set(w);
    add_all(w->f, live, out);
    for (uint32_t i = body->len; i-- > 0;) {
        stmt_facts *s = (stmt_facts *)(uintptr_t)facts_of(w->f, body->at[i]);
        bool joins = s->node->kind == AST_If || s->node->kind == AST_For || s->node->kind == AST_While ||
                     s->node->kind == AST_With;
        if (joins) {
            s->live_out = new_set(w);
            add_all(w->f, s->live_out, live);
            add_all(w->f, s->live_out, w->f->captured);
            live_inside(w, s, jump_live);
        }
        for (uint32_t k = 0; k < w->f->words; k++)
            live[k] = (live[k] & ~s->def[k]) | s->use[k];
        if (s->leaves && jump_live)
            add_all(w->f, live, jump_live);
    }
}

static uint32_t count_statements(const ast_list *body) {
    uint32_t n = body->len;
    for (uint32_t i = 0; i < body->len; i++) {
        const ast_list *blocks[2];
        for (uint32_t k = 0, m = inner_blocks(body->at[i], blocks); k < m; k++)
            n += count_statements(blocks[k]);
    }
    return n;
}

static void make_table(walk *w, uint32_t statements) {
    w->f->cap = 16;
    while (w->f->cap < 2 * statements)
        w->f->cap *= 2;
    w->f->table = arena_array(w->e->a, stmt_facts *, w->f->cap);
}

static void analyse_body(walk *w, const ast_list *body) {
    collect_outer(w, body);
    add_parameters(w, w->f->args);
    collect_names(w, body);
    w->f->words = w->f->n_names / 64 + 1;
    w->f->captured = new_set(w);
    find_nested(w, body);
    make_table(w, count_statements(body));
    block_facts b = facts_of_block(w, body);
    w->f->assigned = b.may;
    live_block(w, body, new_set(w), NULL);
}

static void analyse_lambda(walk *w, const ast *body) {
    add_parameters(w, w->f->args);
    collect_targets(w, body, NULL);
    w->f->words = w->f->n_names / 64 + 1;
    w->f->captured = new_set(w);
    find_lambdas(w, body, NULL);
    make_table(w, 0);
    effects to = {new_set(w), new_set(w)};
    expression_effects(w, body, &to);
    w->f->assigned = to.may;
}

fn_facts *facts_of_function(elab *e, const ast *function) {
    for (uint32_t i = 0; i < e->facts.len; i++)
        if (e->facts.at[i]->function == function)
            return e->facts.at[i];
    fn_facts *f = arena_make(e->a, fn_facts);
    f->function = function;
    walk w = {e, f};
    grow_names(&w);
    if (function->kind == AST_Lambda) {
        f->args = function->Lambda.args;
        analyse_lambda(&w, function->Lambda.body);
    } else {
        f->args = function->FunctionDef.args;
        analyse_body(&w, &function->FunctionDef.body);
    }
    vec_push(e->a, &e->facts, f);
    return f;
}
