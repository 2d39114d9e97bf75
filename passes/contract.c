/* contract: arrays of which only the element just computed is used become variables.
 *
 *   %t = alloc(%n)                                  for %i in range(0, %n, 1) {
 *   for %i in range(0, %n, 1) {                         %s = %x * %y
 *       store %t[%i] = %x * %y                →         store %u[%i] = %s + …
 *       %v = load %t[%i]                            }
 *       store %u[%i] = %v + …
 *   }
 *
 * The array was allocated in this function, and everything that is done with it are stores and loads (and questions for
 * its extents). In some block, a store of it is the first thing that happens to it, everything else that happens to it
 * comes behind in that block, at the same subscripts, and nothing that stands in the subscripts changes there. So no
 * value passes from one execution of the block to another, and a variable takes the array's place.
 *
 * When that does not hold, but all accesses in a loop's body have the loop's index as first subscript, the array loses
 * that axis: each iteration gets a row of its own, which is allocated in the body (and moved out again, once for each
 * thread, by scratch.c).
 *
 * When neither holds, but every element that an iteration of a loop reads was written in the same iteration before (an
 * exact question, see dependence.c), the iterations need not share the array: each gets one of its own, likewise. So a
 * loop that uses a work array from outside can run in parallel.
 *
 * An array that the caller gave for such work has its last value kept: stand_in.c.
 *
 * The two arms of an IF are looked at one by one: what remains (a cold version that keeps the array) takes the
 * allocation with it. Cost: one walk of the function for all arrays, one of its accesses for each that qualifies. */
#include "passes/dependence.h"
#include "passes/passes.h"
#include "passes/vars.h"

typedef struct local_array {
    kir_var *v;
    kir_stmt *alloc;
    bool fit; /* nothing but loads, stores and extents */
    uint32_t accesses, extents;
} local_array;

typedef struct contractor {
    kir_module *m;
    kir_fn *f;
    arena *scratch;
    var_defs defs;
    local_array *of; /* by variable id */
    uint32_t n_vars;
    bool changed;
} contractor;

/* ---- which arrays ------------------------------------------------------------------------------------------------------- */

static void count_use(kir_expr **slot, void *context) {
    contractor *z = context;
    const kir_expr *e = *slot;
    if (!e->var || e->var->id >= z->n_vars || !z->of[e->var->id].alloc)
        return;
    local_array *x = &z->of[e->var->id];
    if (e->kind == KIR_LOAD)
        x->accesses++;
    else if (e->kind == KIR_DIM)
        x->extents++;
    else
        x->fit = false;
}

static void count_slot(kir_expr **slot, void *context) {
    kir_each_subexpr(slot, count_use, context);
}

static bool count_stmt(kir_stmt *s, void *context) {
    contractor *z = context;
    kir_each_expr(s, count_slot, z);
    if (s->var && s->var->id < z->n_vars && z->of[s->var->id].alloc && s != z->of[s->var->id].alloc) {
        if (s->kind == KIR_STORE)
            z->of[s->var->id].accesses++;
        else
            z->of[s->var->id].fit = false;
    }
    return true;
}

static void mark_unstable(kir_var *v, void *context) {
    void **c = context;
    const contractor *z = c[0];
    if (z->defs.count[v->id] > 1)
        *(bool *)c[1] = false;
}

/* May the allocation stand anywhere behind its place? */
static bool is_movable(contractor *z, kir_stmt *alloc) {
    bool stable = true;
    void *c[2] = {z, &stable};
    for (uint32_t i = 0; i < alloc->value->n_args; i++)
        vars_in_expr(alloc->value->args[i], mark_unstable, c);
    return stable;
}

static bool find_arrays(contractor *z) {
    bool any = false;
    z->n_vars = z->f->next_var;
    z->of = arena_array(z->scratch, local_array, z->n_vars + 1);
    for (uint32_t i = 0; i < z->f->vars.len; i++) {
        kir_var *v = z->f->vars.at[i];
        kir_stmt *d = z->defs.only[v->id];
        if (v->ty->kind != TYPE_ARRAY || v->is_param || z->defs.count[v->id] != 1 || !d ||
            d->value->kind != KIR_ALLOC || !is_movable(z, d))
            continue;
        z->of[v->id] = (local_array){.v = v, .alloc = d, .fit = true};
        any = true;
    }
    if (any)
        kir_each_stmt(&z->f->body, count_stmt, z);
    return any;
}

/* ---- accesses of one array --------------------------------------------------------------------------------------------------- */

typedef struct access_scan {
    const kir_var *v;
    VEC(kir_stmt *) found;
    arena *a;
} access_scan;

static bool is_load_of(const kir_stmt *s, const kir_var *v) {
    return s->kind == KIR_ASSIGN && s->value->kind == KIR_LOAD && s->value->var == v;
}

static bool is_store_of(const kir_stmt *s, const kir_var *v) {
    return s->kind == KIR_STORE && s->var == v;
}

static bool find_access(kir_stmt *s, void *context) {
    access_scan *scan = context;
    if (is_load_of(s, scan->v) || is_store_of(s, scan->v))
        vec_push(scan->a, &scan->found, s);
    return true;
}

static access_scan accesses_in(contractor *z, kir_stmt *s, const kir_var *v) {
    access_scan scan = {.v = v, .a = z->scratch};
    kir_block single = {.at = &s, .len = 1, .cap = 1};
    kir_each_stmt(&single, find_access, &scan);
    return scan;
}

static kir_expr *const *subscripts(const kir_stmt *s) {
    return s->kind == KIR_STORE ? s->index.at : s->value->args;
}

static bool same_element(const kir_stmt *a, const kir_stmt *b, uint32_t n) {
    kir_expr *const *x = subscripts(a), *const *y = subscripts(b);
    for (uint32_t k = 0; k < n; k++)
        if (!kir_expr_equal(x[k], y[k]))
            return false;
    return true;
}

/* ---- one element at a time --------------------------------------------------------------------------------------------------- */

/* Statement b->at[first] is a store; does everything later in the block touch the same element? */
static bool is_single_element(contractor *z, kir_block *b, uint32_t first, const kir_var *v) {
    kir_stmt *store = b->at[first];
    var_set written = vars_new(z->scratch, z->f);
    for (uint32_t i = first; i < b->len; i++) {
        kir_block single = {.at = &b->at[i], .len = 1, .cap = 1};
        vars_written_in(&single, &written);
        access_scan scan = accesses_in(z, b->at[i], v);
        for (uint32_t k = 0; k < scan.found.len; k++)
            if (!same_element(store, scan.found.at[k], v->ty->ndim))
                return false;
    }
    for (uint32_t k = 0; k < v->ty->ndim; k++)
        if (vars_mentions_any(store->index.at[k], &written))
            return false;
    return true;
}

static void replace_accesses(contractor *z, kir_block *b, uint32_t first, const local_array *x) {
    kir_var *scalar = kir_var_new(z->m, z->f, x->v->name, x->v->ty->dtype, x->v->at);
    scalar->called = x->v->called;
    for (uint32_t i = first; i < b->len; i++) {
        access_scan scan = accesses_in(z, b->at[i], x->v);
        for (uint32_t k = 0; k < scan.found.len; k++) {
            kir_stmt *s = scan.found.at[k];
            if (s->kind == KIR_STORE) {
                s->kind = KIR_ASSIGN;
                s->var = scalar;
                s->index.len = 0;
            } else {
                s->value = kir_ref(z->m, scalar, s->at);
            }
        }
    }
    z->changed = true;
}

/* ---- one row at a time -------------------------------------------------------------------------------------------------------- */

/* All accesses in the loop's body have its index as first subscript: each iteration has a row of its own. */
static bool has_own_rows(contractor *z, const access_scan *in, const kir_stmt *loop) {
    if (in->v->ty->ndim < 2 || in->v->ty->layout != LAYOUT_C || z->defs.count[loop->var->id] != 1)
        return false;
    for (uint32_t k = 0; k < in->found.len; k++) {
        const kir_expr *e = subscripts(in->found.at[k])[0];
        if (e->kind != KIR_VAR || e->var != loop->var)
            return false;
    }
    return true;
}

static void use_row(kir_stmt *s, kir_var *row, uint32_t n) {
    if (s->kind == KIR_STORE) {
        s->var = row;
        for (uint32_t k = 1; k < n; k++)
            s->index.at[k - 1] = s->index.at[k];
        s->index.len = n - 1;
        return;
    }
    kir_expr *e = s->value;
    e->var = row;
    for (uint32_t k = 1; k < n; k++)
        e->args[k - 1] = e->args[k];
    e->n_args = n - 1;
}

/* An array of the loop's body, allocated there, like x without its first `dropped` axes. */
static local_array *add_own(contractor *z, const local_array *x, uint32_t dropped, kir_stmt *loop) {
    kir_module *m = z->m;
    type *was = x->v->ty;
    uint32_t n = was->ndim - dropped;
    type *ty = dropped ? type_array(m->types, was->dtype, n, LAYOUT_C, false, was->aligned) : was;
    kir_var *own = kir_var_new(m, z->f, x->v->name, ty, x->v->at);
    own->called = x->v->called;
    own->is_temp = true;
    kir_expr *alloc = kir_expr_new(m, KIR_ALLOC, ty, n, x->alloc->at);
    alloc->op = dropped ? x->alloc->value->op : KIR_OP_INVALID;
    for (uint32_t k = 0; k < n; k++)
        alloc->args[k] = kir_copy_expr(m, x->alloc->value->args[k + dropped], NULL);
    local_array *made = arena_make(z->scratch, local_array);
    *made = (local_array){.v = own, .alloc = kir_assign(m, own, alloc, x->alloc->at), .fit = true};
    kir_block body = {0};
    vec_push(m->a, &body, made->alloc);
    for (uint32_t i = 0; i < loop->body.len; i++)
        vec_push(m->a, &body, loop->body.at[i]);
    loop->body = body;
    z->changed = true;
    return made;
}

static local_array *add_row(contractor *z, const local_array *x, const access_scan *in, kir_stmt *loop) {
    local_array *made = add_own(z, x, 1, loop);
    for (uint32_t k = 0; k < in->found.len; k++)
        use_row(in->found.at[k], made->v, x->v->ty->ndim);
    return made;
}

/* ---- one array for each iteration ------------------------------------------------------------------------------------------ */

static bool is_private(contractor *z, const local_array *x, kir_stmt *loop) {
    int64_t step;
    if (!z->m->options.parallel || loop->loop->cold || loop->loop->kind == KIR_LOOP_ARRAY ||
        !kir_is_const_int(loop->step, &step) || body_escapes(loop))
        return false;
    dep_session *session = dep_open(z->m, z->f, z->scratch);
    bool yes = dep_is_private(session, loop, x->v);
    dep_close(session);
    return yes;
}

static void make_private(contractor *z, const local_array *x, const access_scan *in, kir_stmt *loop) {
    const local_array *own = add_own(z, x, 0, loop);
    for (uint32_t k = 0; k < in->found.len; k++) {
        kir_stmt *s = in->found.at[k];
        *(s->kind == KIR_STORE ? &s->var : &s->value->var) = own->v;
    }
}

/* ---- the search -------------------------------------------------------------------------------------------------------------------- */

static void drop_statement(kir_block *b, const kir_stmt *s) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < b->len; i++)
        if (b->at[i] != s)
            b->at[n++] = b->at[i];
    b->len = n;
}

typedef struct attempt {
    contractor *z;
    const local_array *x;
    bool in_loop; /* below a loop that stands behind the allocation: its iterations share the array */
    bool tries;   /* only asks */
    bool shares;  /* iterations may get arrays of their own */
} attempt;

static bool contract_in(attempt t, kir_block *b);

static bool contract_in_loop(attempt t, kir_stmt *loop, const access_scan *in) {
    bool own = !t.in_loop && loop->kind == KIR_FOR && !loop->loop->cold && has_own_rows(t.z, in, loop);
    bool shares = t.shares && loop->kind == KIR_FOR;
    t.in_loop = true;
    t.shares = false;
    if (contract_in(t, &loop->body))
        return true;
    if (own && !t.tries) {
        local_array *row = add_row(t.z, t.x, in, loop);
        if (contract_in((attempt){t.z, row, false, false, true}, &loop->body))
            drop_statement(&loop->body, row->alloc);
    }
    if (own || !shares)
        return own;
    if (is_private(t.z, t.x, loop)) {
        if (!t.tries)
            make_private(t.z, t.x, in, loop);
        return true;
    }
    t.shares = true;
    return contract_in(t, &loop->body);
}

/* Outside loops one arm alone runs, so each may do as it likes; inside, an iteration in the one may have left values for
 * an iteration in the other. */
static bool contract_in_arms(attempt t, kir_stmt *s) {
    attempt question = t;
    question.tries = true;
    if (t.in_loop && !(contract_in(question, &s->body) && contract_in(question, &s->orelse)))
        return false;
    bool yes = contract_in(t, &s->body), no = contract_in(t, &s->orelse);
    return yes && no;
}

/* True when nothing in the block needs the array any more. */
static bool contract_in(attempt t, kir_block *b) {
    uint32_t users = 0, first = 0;
    for (uint32_t i = b->len; i-- > 0;)
        if (accesses_in(t.z, b->at[i], t.x->v).found.len) {
            users++;
            first = i;
        }
    if (users == 0)
        return true;
    kir_stmt *s = b->at[first];
    if (is_store_of(s, t.x->v) && is_single_element(t.z, b, first, t.x->v)) {
        if (!t.tries)
            replace_accesses(t.z, b, first, t.x);
        return true;
    }
    if (users > 1)
        return false;
    access_scan in = accesses_in(t.z, s, t.x->v);
    switch (s->kind) {
    case KIR_IF:
        return contract_in_arms(t, s);
    case KIR_FOR:
    case KIR_LOOP:
        return contract_in_loop(t, s, &in);
    case KIR_BLOCK:
        return contract_in(t, &s->body);
    default:
        return false;
    }
}

/* ---- what is left of the allocation ------------------------------------------------------------------------------------------------ */

typedef struct extent_swap {
    contractor *z;
    const local_array *x;
} extent_swap;

static void swap_extent(kir_expr **slot, void *context) {
    extent_swap *swap = context;
    kir_expr *e = *slot;
    if (e->kind == KIR_DIM && e->var == swap->x->v)
        *slot = kir_copy_expr(swap->z->m, swap->x->alloc->value->args[e->axis], NULL);
}

static void swap_in_slot(kir_expr **slot, void *context) {
    kir_each_subexpr(slot, swap_extent, context);
}

static bool swap_in_stmt(kir_stmt *s, void *context) {
    kir_each_expr(s, swap_in_slot, context);
    return true;
}

/* Puts the allocation where it is needed: down through IFs as long as one arm alone has the accesses. */
static void sink_alloc(contractor *z, kir_block *b, const local_array *x) {
    uint32_t users = 0, first = 0;
    for (uint32_t i = b->len; i-- > 0;)
        if (accesses_in(z, b->at[i], x->v).found.len) {
            users++;
            first = i;
        }
    kir_stmt *s = users ? b->at[first] : NULL;
    if (users == 1 && (s->kind == KIR_IF || s->kind == KIR_BLOCK)) {
        bool in_body = false, in_else = false;
        for (uint32_t i = 0; i < s->body.len; i++)
            in_body |= accesses_in(z, s->body.at[i], x->v).found.len > 0;
        for (uint32_t i = 0; i < s->orelse.len; i++)
            in_else |= accesses_in(z, s->orelse.at[i], x->v).found.len > 0;
        if (in_body != in_else) {
            sink_alloc(z, in_body ? &s->body : &s->orelse, x);
            return;
        }
    }
    kir_block out = {0};
    for (uint32_t i = 0; i < b->len; i++) {
        if (i == first)
            vec_push(z->m->a, &out, x->alloc);
        vec_push(z->m->a, &out, b->at[i]);
    }
    *b = out;
}

/* The block that holds the allocation. */
static kir_block *home_of(kir_block *b, const kir_stmt *alloc) {
    for (uint32_t i = 0; i < b->len; i++) {
        if (b->at[i] == alloc)
            return b;
        kir_block *inside = home_of(&b->at[i]->body, alloc);
        inside = inside ? inside : home_of(&b->at[i]->orelse, alloc);
        if (inside)
            return inside;
    }
    return NULL;
}

static void contract_array(contractor *z, const local_array *x) {
    kir_block *home = home_of(&z->f->body, x->alloc);
    bool before = z->changed;
    z->changed = false;
    bool gone = home && contract_in((attempt){z, x, false, false, true}, home);
    if (z->changed || (gone && x->accesses == 0)) {
        extent_swap swap = {z, x};
        kir_each_stmt(&z->f->body, swap_in_stmt, &swap);
        drop_statement(home, x->alloc);
        if (!gone)
            sink_alloc(z, home, x);
        z->changed = true;
    }
    z->changed |= before;
}

bool contract_run(pass_context *c) {
    c->unchanged = true;
    if (c->m->options.parallel && !c->m->options.par_fusion)
        return true;
    for (uint32_t i = 0; i < c->m->fns.len; i++) {
        contractor z = {.m = c->m, .f = c->m->fns.at[i], .scratch = c->scratch};
        if (z.f->kind == KIR_FN_REGION || z.f->cold)
            continue;
        if (stand_in(c, z.f))
            c->unchanged = false;
        z.defs = vars_defs(c->scratch, z.f);
        if (!find_arrays(&z))
            continue;
        uint32_t n = z.n_vars;
        for (uint32_t k = 0; k < n; k++)
            if (z.of[k].alloc && z.of[k].fit)
                contract_array(&z, &z.of[k]);
        c->unchanged = c->unchanged && !z.changed;
    }
    return true;
}
