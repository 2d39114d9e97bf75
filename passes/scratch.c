/* scratch: arrays that live within an iteration are allocated once, not in every iteration.
 *
 *   for %k in range(%begin, %end, 1) region_loop {          %h = alloc(max(%m, 0))
 *       %t = alloc zeroed(%m)                               for %k in range(%begin, %end, 1) region_loop {
 *       … store %t[%j] … load %t[%j] …                 →        %t scratch = %h
 *   }                                                           for %z in range(0, dim(%t, 0), 1) { store %t[%z] = 0 }
 *                                                               … store %t[%j] … load %t[%j] …
 *                                                           }
 *
 * The array's variable is assigned once and nothing that outlives the iteration gets hold of its memory: it is loaded
 * from, stored into, looked at through views that stay inside too, given to runtime functions and regions; it is not
 * returned, not assigned to a variable of the user's that lives on. Its extents do not change in the loop. The outermost
 * loop with nothing but loops between, and conditions that it does not change, takes the allocation; as the body of a
 * region is a function that every thread calls for itself, threads share nothing. A loop of the function itself may have no
 * iterations, so it is entered under a test then, and nothing is allocated that was not before. (When memory runs out,
 * MemoryError comes at the loop's first iteration instead of a later statement of it.)
 *
 * Arrays of at most 4 KiB with constant extents are put on the stack (their variable is marked `borrowed` besides), in
 * a loop or not. `scratch` tells code generation that iterations of the loops around use the memory again, so that these
 * accesses are not said to be independent there; in loops inside they still are. Runs after outline. Cost: two walks. */
#include "passes/passes.h"
#include "passes/vars.h"

enum { STACK_BYTES = 4096, STACK_TOTAL = 32768, DEPTH_MAX = 16 };

typedef struct scratcher {
    kir_module *m;
    kir_fn *f;
    arena *scratch;
    var_defs defs;
    kir_var **base; /* by variable id: the array behind a view that is assigned once */
    bool *escapes;  /* by variable id */
    kir_stmt *loops[DEPTH_MAX];
    kir_block moved[DEPTH_MAX]; /* what goes in front of each loop around */
    var_set written[DEPTH_MAX];
    uint32_t depth, clear; /* loops from `clear` on have nothing but loops between them and here, and conditions: */
    struct {
        kir_expr *e;    /* that the loops from `clear` on do not change */
        bool truth;     /* here */
        uint32_t depth; /* loops around it */
    } conditions[DEPTH_MAX];
    uint32_t n_conditions;
    int64_t on_stack;
} scratcher;

/* ---- what gets out ------------------------------------------------------------------------------------------------------- */

static bool is_sharing(const kir_expr *e) {
    return e->kind == KIR_VAR || e->kind == KIR_VIEW || e->kind == KIR_TRANSPOSE || e->kind == KIR_RESHAPE ||
           e->kind == KIR_REINTERPRET;
}

static void let_out(kir_var *v, void *context) {
    scratcher *z = context;
    if (v->ty->kind == TYPE_ARRAY)
        z->escapes[v->id] = true;
}

static void let_out_slot(kir_expr **slot, void *context) {
    vars_in_expr(*slot, let_out, context);
}

static bool gives_arrays(const kir_stmt *s) {
    for (uint32_t i = 0; i < s->results.len; i++)
        if (s->results.at[i] && s->results.at[i]->ty->kind == TYPE_ARRAY)
            return true;
    return false;
}

static bool look_at(kir_stmt *s, void *context) {
    scratcher *z = context;
    bool calls = s->kind == KIR_CALL || s->kind == KIR_RUNTIME || s->kind == KIR_REGION;
    if (s->kind == KIR_RETURN || (calls && gives_arrays(s)))
        kir_each_expr(s, let_out_slot, z);
    if (s->kind != KIR_ASSIGN || s->var->ty->kind != TYPE_ARRAY || !is_sharing(s->value))
        return true;
    if (s->var->is_temp && z->defs.count[s->var->id] == 1)
        z->base[s->var->id] = s->value->var;
    else
        z->escapes[s->value->var->id] = true;
    return true;
}

/* What a view lets out, the array behind it does. */
static void find_escapes(scratcher *z) {
    z->base = arena_array(z->scratch, kir_var *, z->f->next_var + 1);
    z->escapes = arena_array(z->scratch, bool, z->f->next_var + 1);
    kir_each_stmt(&z->f->body, look_at, z);
    for (bool grew = true; grew;) {
        grew = false;
        for (uint32_t i = 0; i < z->f->vars.len; i++) {
            uint32_t id = z->f->vars.at[i]->id;
            if (z->base[id] && z->escapes[id] && !z->escapes[z->base[id]->id])
                grew = z->escapes[z->base[id]->id] = true;
        }
    }
}

static bool is_kept_inside(const scratcher *z, const kir_stmt *s) {
    return s->kind == KIR_ASSIGN && s->value->kind == KIR_ALLOC && s->var->is_temp && !s->var->is_param &&
           !s->var->scratch && z->defs.count[s->var->id] == 1 && !z->escapes[s->var->id];
}

/* ---- the stack -------------------------------------------------------------------------------------------------------------- */

static int64_t constant_bytes(const kir_stmt *alloc) {
    int64_t bytes = type_size(alloc->var->ty->dtype), n;
    for (uint32_t k = 0; k < alloc->value->n_args; k++) {
        if (!kir_is_const_int(alloc->value->args[k], &n) || n < 0 || n > STACK_BYTES)
            return -1;
        bytes *= n;
        if (bytes > STACK_BYTES)
            return -1;
    }
    return bytes;
}

static bool put_on_stack(scratcher *z, kir_stmt *alloc) {
    int64_t bytes = constant_bytes(alloc);
    if (bytes < 0 || z->f->is_recursive || z->on_stack + bytes > STACK_TOTAL)
        return false;
    z->on_stack += bytes;
    alloc->var->scratch = alloc->var->borrowed = true;
    return true;
}

/* ---- out of loops -------------------------------------------------------------------------------------------------------------- */

static bool is_invariant(const kir_expr *alloc, const var_set *written) {
    for (uint32_t k = 0; k < alloc->n_args; k++)
        if (vars_mentions_any(alloc->args[k], written))
            return false;
    return true;
}

static bool may_take(const scratcher *z, uint32_t d, const kir_stmt *alloc) {
    int64_t step;
    const kir_stmt *loop = z->loops[d];
    bool counted = loop->loop->is_region || (kir_is_const_int(loop->step, &step) && step != 0);
    return counted && is_invariant(alloc->value, &z->written[d]);
}

/* An extent that a check behind it may refuse must not become a size. */
static kir_expr *size_of(scratcher *z, const kir_expr *e) {
    int64_t n;
    kir_expr *copy = kir_copy_expr(z->m, e, NULL);
    if (e->kind == KIR_DIM || (kir_is_const_int(e, &n) && n >= 0))
        return copy;
    return kir_binary(z->m, KIR_OP_MAX, copy, kir_int(z->m, 0, e->at), e->at);
}

/* What holds here and need not in front of loop `d`: nothing is allocated there when it does not. */
static kir_expr *condition_below(scratcher *z, uint32_t d) {
    kir_expr *all = NULL;
    for (uint32_t i = 0; i < z->n_conditions; i++) {
        if (z->conditions[i].depth <= d)
            continue;
        kir_expr *one = kir_copy_expr(z->m, z->conditions[i].e, NULL);
        one = z->conditions[i].truth ? one : kir_unary(z->m, KIR_OP_NOT, one, one->at);
        all = all ? kir_binary(z->m, KIR_OP_AND, all, one, one->at) : one;
    }
    return all;
}

static kir_stmt *allocate(scratcher *z, const kir_stmt *s, kir_expr *when) {
    const kir_expr *was = s->value;
    kir_var *memory = kir_temp_new(z->m, z->f, s->var->ty, s->at);
    kir_expr *alloc = kir_expr_new(z->m, KIR_ALLOC, was->ty, was->n_args, was->at);
    for (uint32_t k = 0; k < was->n_args; k++) {
        kir_expr *size = size_of(z, was->args[k]);
        alloc->args[k] =
            when ? kir_select(z->m, kir_copy_expr(z->m, when, NULL), size, kir_int(z->m, 0, s->at), s->at) : size;
    }
    return kir_assign(z->m, memory, alloc, s->at);
}

/* A nest that stores zero in every element, in the order of the memory. */
static kir_stmt *clear_array(scratcher *z, kir_var *v, span at) {
    kir_module *m = z->m;
    kir_stmt *outer = NULL, *loop = NULL;
    kir_expr *index[TYPE_MAX_NDIM];
    uint32_t n = v->ty->ndim;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t axis = v->ty->layout == LAYOUT_F ? n - 1 - i : i;
        kir_var *k = kir_temp_new(m, z->f, type_int64(m->types), at);
        kir_stmt *next =
            kir_for(m, k, kir_int(m, 0, at), kir_dim(m, v, axis, at), kir_int(m, 1, at), KIR_LOOP_ARRAY, at);
        next->loop->class = KIR_CLASS_INDEPENDENT;
        next->loop->vector = true;
        index[axis] = kir_ref(m, k, at);
        if (loop)
            vec_push(m->a, &loop->body, next);
        outer = outer ? outer : next;
        loop = next;
    }
    type *ty = v->ty->dtype;
    kir_expr *zero = ty->kind == TYPE_BOOL      ? kir_bool(m, false, at)
                     : ty->kind == TYPE_INT     ? kir_const_int(m, ty, 0, at)
                     : ty->kind == TYPE_COMPLEX ? kir_const_complex(m, ty, 0.0, 0.0, at)
                                                : kir_const_float(m, ty, 0.0, at);
    kir_stmt *store = kir_store(m, v, index, n, zero, at);
    if (!loop)
        return store;
    vec_push(m->a, &loop->body, store);
    return outer;
}

/* The outermost loop that may take the allocation gets it in front; what stands here afterwards goes to `out`. */
static bool move_out(scratcher *z, kir_stmt *s, kir_block *out) {
    for (uint32_t d = z->clear; d < z->depth; d++) {
        if (!may_take(z, d, s))
            continue;
        bool zeroed = s->value->op == 1;
        kir_stmt *made = allocate(z, s, condition_below(z, d));
        vec_push(z->m->a, &z->moved[d], made);
        s->value = kir_ref(z->m, made->var, s->at);
        s->var->scratch = true;
        vec_push(z->m->a, out, s);
        if (zeroed)
            vec_push(z->m->a, out, clear_array(z, s->var, s->at));
        return true;
    }
    return false;
}

/* ---- the walk --------------------------------------------------------------------------------------------------------------------- */

static void walk_block(scratcher *z, kir_block *b);

static kir_expr *is_entered(scratcher *z, const kir_stmt *loop) {
    int64_t step = 1;
    kir_is_const_int(loop->step, &step);
    kir_expr *lo = kir_copy_expr(z->m, loop->lo, NULL), *hi = kir_copy_expr(z->m, loop->hi, NULL);
    return kir_binary(z->m, step > 0 ? KIR_OP_LT : KIR_OP_GT, lo, hi, loop->at);
}

static void walk_loop(scratcher *z, kir_stmt *s, kir_block *out) {
    if (z->depth == DEPTH_MAX) {
        vec_push(z->m->a, out, s);
        return;
    }
    uint32_t d = z->depth++;
    z->loops[d] = s;
    z->moved[d] = (kir_block){0};
    z->written[d] = vars_new(z->scratch, z->f);
    vars_written_in(&s->body, &z->written[d]);
    vars_add(&z->written[d], s->var);
    walk_block(z, &s->body);
    z->depth--;
    if (!z->moved[d].len) {
        vec_push(z->m->a, out, s);
        return;
    }
    kir_block *to = out;
    if (!s->loop->is_region) {
        kir_stmt *entered = kir_stmt_new(z->m, KIR_IF, s->at);
        entered->value = is_entered(z, s);
        vec_push(z->m->a, out, entered);
        to = &entered->body;
    }
    for (uint32_t i = 0; i < z->moved[d].len; i++)
        vec_push(z->m->a, to, z->moved[d].at[i]);
    vec_push(z->m->a, to, s);
}

/* The first of the loops around that, with those inside it, does not change the condition. */
static uint32_t first_unchanging(const scratcher *z, kir_expr *condition) {
    uint32_t d = z->clear;
    while (d < z->depth && vars_mentions_any(condition, &z->written[d]))
        d++;
    return z->n_conditions < DEPTH_MAX ? d : z->depth;
}

/* The loop that runs where arrays overlap also runs where there is little work (gen_region_versions): whether it does is
 * not known in front of it. */
static bool asks_for_overlap(const kir_expr *e) {
    bool asks = e->kind == KIR_OVERLAP;
    for (uint32_t i = 0; i < e->n_args && !asks; i++)
        asks = asks_for_overlap(e->args[i]);
    return asks;
}

/* Loops beyond an IF that they change, or a loop without count, do not take what stands inside it. */
static void walk_inside(scratcher *z, kir_stmt *s) {
    uint32_t clear = z->clear, known = z->n_conditions;
    z->clear = s->kind == KIR_IF ? first_unchanging(z, s->value) : z->depth;
    if (z->clear < z->depth) {
        z->conditions[z->n_conditions].e = s->value;
        z->conditions[z->n_conditions].depth = z->depth;
        z->conditions[z->n_conditions++].truth = true;
    }
    walk_block(z, &s->body);
    if (z->n_conditions > known)
        z->conditions[known].truth = false;
    if (s->kind == KIR_IF && asks_for_overlap(s->value))
        z->clear = z->depth;
    walk_block(z, &s->orelse);
    z->n_conditions = known;
    z->clear = clear;
}

static void walk_block(scratcher *z, kir_block *b) {
    kir_block out = {0};
    for (uint32_t i = 0; i < b->len; i++) {
        kir_stmt *s = b->at[i];
        if (s->kind == KIR_FOR) {
            walk_loop(z, s, &out);
            continue;
        }
        if (s->kind == KIR_IF || s->kind == KIR_LOOP || s->kind == KIR_BLOCK)
            walk_inside(z, s);
        else if (is_kept_inside(z, s) && !put_on_stack(z, s) && move_out(z, s, &out))
            continue;
        vec_push(z->m->a, &out, s);
    }
    *b = out;
}

/* Views of scratch are scratch. */
static void mark_views(scratcher *z, uint32_t known) {
    for (bool grew = true; grew;) {
        grew = false;
        for (uint32_t i = 0; i < z->f->vars.len; i++) {
            kir_var *v = z->f->vars.at[i];
            if (v->id < known && z->base[v->id] && z->base[v->id]->scratch && !v->scratch)
                grew = v->scratch = true;
        }
    }
}

static bool note_alloc(kir_stmt *s, void *context) {
    bool *any = context;
    *any |= s->kind == KIR_ASSIGN && s->value->kind == KIR_ALLOC;
    return !*any;
}

bool scratch_run(pass_context *c) {
    for (uint32_t i = 0; i < c->m->fns.len; i++) {
        scratcher z = {.m = c->m, .f = c->m->fns.at[i], .scratch = c->scratch};
        bool any = false;
        kir_each_stmt(&z.f->body, note_alloc, &any);
        if (!any)
            continue;
        z.defs = vars_defs(c->scratch, z.f);
        uint32_t known = z.f->next_var;
        find_escapes(&z);
        walk_block(&z, &z.f->body);
        mark_views(&z, known);
    }
    return true;
}
