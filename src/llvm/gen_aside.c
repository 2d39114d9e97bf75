/* Asides: parts of a function that may never run, as functions of their own.
 *
 * A parallel kernel is several programs in one: the loops for little work, the region for much, the nest in tiles and the
 * nest as it was, and for every test at an entry the exact copy that runs when it fails. One call takes one way through
 * them. Where the code is made to be run here and now (llvm_request.lazy), the ways become functions, int32_t
 * (context, err, slot), called through a slot in memory: { function, plait_loaded, number }. Its function is at first
 *
 *     plait_resolve(context, err, slot)
 *
 * of driver/load.c, which compiles the aside, puts it into the slot and calls it. What never runs is never optimised, which
 * is most of LLVM's work.
 *
 * The context lies on the caller's stack, one for all asides of a function, and holds what the part mentions and does not
 * make itself; what it assigns and others mention is read back. So the variables stay in registers on both sides. Which parts become asides follows from
 * the request alone, and an aside's code from the module: nothing depends on what ran before. */
#include "passes/vars.h"
#include "llvm/gen.h"

#include <stdio.h>
#include <string.h>

/* ---- what a part mentions ------------------------------------------------------------------------------------------------
 *
 * Variables that statements before the part mention may bring a value to it, and those mentioned after it may take one
 * away; the arms of an IF exclude each other. A part within a loop comes before and after everything there, itself too:
 * what it may read before it writes it lasts from one time to the next. */

typedef enum place { BEFORE, INSIDE, AFTER, N_PLACES } place;

typedef struct mentions { /* by variable's id */
    const kir_block *part;
    bool *in[N_PLACES], *written; /* written: inside */
    bool *lasts;                  /* kept from one time to the next */
    place now;
    bool looped, block_index, owners;
} mentions;

static void mention(mentions *m, const kir_var *v) {
    if (!v)
        return;
    m->in[m->now][v->id] = true;
    if (m->looped && m->now != INSIDE)
        m->in[BEFORE][v->id] = m->in[AFTER][v->id] = true;
}

static void note_subexpr(kir_expr **slot, void *context) {
    mentions *m = context;
    mention(m, (*slot)->var);
    m->block_index |= m->now == INSIDE && (*slot)->kind == KIR_BLOCK_INDEX;
}

static void note_expr(kir_expr **slot, void *context) {
    kir_each_subexpr(slot, note_subexpr, context);
}

static void note_write(mentions *m, const kir_var *v) {
    mention(m, v);
    if (m->now == INSIDE)
        m->written[v->id] = true;
}

static void note_own(mentions *m, kir_stmt *s) {
    if (s->var && (s->kind == KIR_ASSIGN || s->kind == KIR_FOR))
        note_write(m, s->var);
    else
        mention(m, s->var);
    for (uint32_t i = 0; i < s->results.len; i++)
        note_write(m, s->results.at[i]);
    kir_each_expr(s, note_expr, m);
    m->owners |= m->now == INSIDE && (s->kind == KIR_CALL || s->kind == KIR_RUNTIME ||
                                      (s->kind == KIR_ASSIGN && s->var->ty->kind == TYPE_ARRAY));
}

static bool is_part(const mentions *m, const kir_stmt *s) {
    for (uint32_t i = 0; i < m->part->len; i++)
        if (m->part->at[i] == s)
            return true;
    return false;
}

typedef struct part_search {
    const mentions *m;
    bool found;
} part_search;

static bool look_for_part(kir_stmt *s, void *context) {
    part_search *search = context;
    search->found |= is_part(search->m, s);
    return !search->found;
}

static bool holds_part(const mentions *m, const kir_block *b) {
    part_search search = {m, false};
    kir_block all = *b;
    kir_each_stmt(&all, look_for_part, &search);
    return search.found;
}

static void note_block(mentions *m, const kir_block *b) {
    for (uint32_t i = 0; i < b->len; i++) {
        kir_stmt *s = b->at[i];
        bool starts = m->now == BEFORE && is_part(m, s);
        if (starts)
            m->now = INSIDE;
        note_own(m, s);
        bool choice = s->kind == KIR_IF && !m->looped && m->now == BEFORE;
        if (!choice || !holds_part(m, &s->orelse))
            note_block(m, &s->body);
        if (!choice || !holds_part(m, &s->body))
            note_block(m, &s->orelse);
        if (m->now == INSIDE && is_part(m, s) && s == m->part->at[m->part->len - 1])
            m->now = AFTER;
    }
}

static void note_lasting(gen *g, mentions *m) {
    m->lasts = arena_array(g->a, bool, g->f->next_var + 1);
    if (!m->looped)
        return;
    kir_stmt again = {.kind = KIR_LOOP, .body = *m->part};
    var_set exposed = live_exposed(g->a, g->f, &again);
    for (uint32_t i = 0; i < g->f->vars.len; i++) {
        const kir_var *v = g->f->vars.at[i];
        m->lasts[v->id] = m->written[v->id] && v->ty->kind != TYPE_ARRAY && vars_has(&exposed, v);
    }
}

/* Besides the statements: parameters, and what a region hands on at its end. */
static mentions find_mentions(gen *g, const kir_block *part, bool looped) {
    mentions m = {.part = part, .looped = looped, .now = BEFORE};
    for (place p = BEFORE; p < N_PLACES; p++)
        m.in[p] = arena_array(g->a, bool, g->f->next_var + 1);
    m.written = arena_array(g->a, bool, g->f->next_var + 1);
    const kir_fn *f = g->f;
    for (uint32_t i = 0; i < f->params.len; i++)
        mention(&m, f->params.at[i]);
    mention(&m, f->begin);
    mention(&m, f->end);
    for (uint32_t i = 0; i < f->reductions.len; i++)
        m.in[BEFORE][f->reductions.at[i].var->id] = m.in[AFTER][f->reductions.at[i].var->id] = true;
    for (uint32_t i = 0; i < f->last.n; i++) {
        m.in[BEFORE][f->last.value[i]->id] = m.in[AFTER][f->last.value[i]->id] = true;
        m.in[BEFORE][f->last.was_set[i]->id] = m.in[AFTER][f->last.was_set[i]->id] = true;
    }
    note_block(&m, &f->body);
    note_lasting(g, &m);
    return m;
}

static bool comes_in(const mentions *m, const kir_var *v) {
    return m->in[INSIDE][v->id] && (m->lasts[v->id] || m->in[BEFORE][v->id]);
}

static bool goes_out(const mentions *m, const kir_var *v) {
    return m->in[INSIDE][v->id] && m->written[v->id] && (m->lasts[v->id] || m->in[AFTER][v->id]);
}

/* ---- which parts -------------------------------------------------------------------------------------------------------- */

typedef struct exits {
    VEC(const kir_stmt *) inside;
    arena *a;
    bool leaves;
} exits;

static bool note_target(kir_stmt *s, void *context) {
    exits *e = context;
    vec_push(e->a, &e->inside, s);
    if (s->kind == KIR_RETURN)
        e->leaves = true;
    if (s->kind != KIR_BREAK && s->kind != KIR_CONTINUE)
        return true;
    bool found = false;
    for (uint32_t i = 0; i < e->inside.len && !found; i++)
        found = e->inside.at[i] == s->target;
    e->leaves |= !found;
    return true;
}

static bool leaves(gen *g, const kir_block *b) {
    exits e = {.a = g->a};
    kir_block all = *b;
    kir_each_stmt(&all, note_target, &e);
    return e.leaves;
}

bool gen_is_looped(const gen *g) {
    bool looped = g->depth > 0;
    for (const gen_target *t = g->targets; t; t = t->outer)
        looped |= t->on_continue != NULL;
    return looped;
}

/* Arrays that the part makes or turns to something else and which others see stay with their function. */
bool gen_aside_fits(gen *g, const kir_block *b) {
    if (!g->request->lazy || g->debug || g->is_recursive || g->m->globals.len || leaves(g, b))
        return false;
    mentions m = find_mentions(g, b, gen_is_looped(g));
    if (m.block_index)
        return false;
    for (uint32_t i = 0; i < g->f->vars.len; i++) {
        const kir_var *v = g->f->vars.at[i];
        bool shared = m.in[BEFORE][v->id] || m.in[AFTER][v->id] || (!v->is_temp && m.looped);
        if (m.written[v->id] && v->ty->kind == TYPE_ARRAY && shared)
            return false;
    }
    return true;
}

/* ---- what crosses ------------------------------------------------------------------------------------------------------- */

enum { ITERATION, WORD, FIRST_VAR }; /* slots of the context */

typedef struct aside {
    const mentions *m;
    LLVMValueRef context;
    const uint32_t *places; /* by variable: its first slot */
    uint32_t at;            /* next slot */
} aside;

static LLVMValueRef slot_at(gen *g, LLVMValueRef base, uint32_t i) {
    LLVMValueRef at = gen_int(g, i);
    return LLVMBuildInBoundsGEP2(g->b, g->i64, base, &at, 1, "");
}

static void copy_field(gen *g, aside *x, LLVMTypeRef t, LLVMValueRef slot, bool into, bool extent) {
    LLVMTypeRef stored = t == g->i1 ? g->i8 : t;
    LLVMValueRef at = slot_at(g, x->context, x->at++);
    if (into) {
        LLVMValueRef v = LLVMBuildLoad2(g->b, t, slot, "");
        LLVMBuildStore(g->b, t == g->i1 ? LLVMBuildZExt(g->b, v, stored, "") : v, at);
        return;
    }
    LLVMValueRef v = LLVMBuildLoad2(g->b, stored, at, "");
    if (extent)
        gen_mark_extent(g, v);
    if (t == g->i1)
        v = LLVMBuildICmp(g->b, LLVMIntNE, v, LLVMConstNull(stored), "");
    LLVMBuildStore(g->b, v, slot);
}

/* One variable's slots of the function being written, into the context or out of it. */
static void copy_var(gen *g, aside *x, const kir_var *v, bool into) {
    const gen_var *s = &g->vars[v->id];
    if (v->ty->kind != TYPE_ARRAY) {
        copy_field(g, x, gen_type(g, v->ty), s->slot.re, into, false);
        if (s->slot.im)
            copy_field(g, x, gen_type(g, v->ty), s->slot.im, into, false);
        return;
    }
    copy_field(g, x, g->ptr, s->data, into, false);
    if (x->m->owners)
        copy_field(g, x, g->ptr, s->owner, into, false);
    else if (!into)
        LLVMBuildStore(g->b, LLVMConstNull(g->ptr), s->owner);
    x->at += !x->m->owners;
    for (uint32_t i = 0; i < v->ty->ndim; i++) {
        copy_field(g, x, g->i64, s->shape[i], into, !into);
        if (s->strides)
            copy_field(g, x, g->i64, s->strides[i], into, false);
    }
}

/* On the way back those are copied that the part assigns for others. */
static void copy_vars(gen *g, aside *x, bool into, bool back) {
    for (uint32_t i = 0; i < g->f->vars.len; i++) {
        const kir_var *v = g->f->vars.at[i];
        x->at = x->places[v->id];
        if (back ? goes_out(x->m, v) : comes_in(x->m, v))
            copy_var(g, x, v, into);
    }
}

/* Arrays that come in are the caller's. */
static bool is_own(const aside *x, const kir_var *v) {
    return x->m->written[v->id] && !comes_in(x->m, v);
}

/* The arrays that it made go with it. */
static void release_own(gen *g, const aside *x) {
    for (uint32_t i = 0; i < g->f->vars.len; i++) {
        const kir_var *v = g->f->vars.at[i];
        if (x->m->in[INSIDE][v->id] && is_own(x, v) && v->ty->kind == TYPE_ARRAY && g->vars[v->id].counted)
            gen_release(g, LLVMBuildLoad2(g->b, g->ptr, g->vars[v->id].owner, ""));
    }
}

/* ---- the context -----------------------------------------------------------------------------------------------------------
 *
 * How large it is is known when the function has been written: until then something stands for it. */

static const uint32_t *place_vars(gen *g, const mentions *m) {
    LLVMTypeRef fields[GEN_MAX_FIELDS];
    if (!g->context_on_stack) {
        g->context_on_stack = gen_slot(g, g->i64, "context");
        g->context_places = arena_array(g->a, uint32_t, g->f->next_var + 1);
        g->context_size = FIRST_VAR;
    }
    for (uint32_t i = 0; i < g->f->vars.len; i++) {
        const kir_var *v = g->f->vars.at[i];
        if (g->context_places[v->id] || !(comes_in(m, v) || goes_out(m, v)))
            continue;
        g->context_places[v->id] = g->context_size;
        g->context_size += gen_fields(g, v->ty, fields);
    }
    return g->context_places;
}

void gen_close_context(gen *g) {
    if (!g->context_on_stack)
        return;
    LLVMValueRef context = gen_slot(g, LLVMArrayType2(g->i64, g->context_size), "context");
    LLVMReplaceAllUsesWith(g->context_on_stack, context);
    LLVMInstructionEraseFromParent(g->context_on_stack);
    g->context_on_stack = NULL;
}

/* ---- the function --------------------------------------------------------------------------------------------------------- */

static void open_aside(gen *g, const aside *x) {
    LLVMBasicBlockRef entry = gen_block(g, "entry"), body = gen_block(g, "body");
    LLVMPositionBuilderAtEnd(g->entry_b, entry);
    gen_var *outer = g->vars;
    g->vars = arena_array(g->a, gen_var, g->f->next_var + 1);
    memcpy(g->vars, outer, sizeof *outer * (g->f->next_var + 1));
    for (uint32_t i = 0; i < g->f->vars.len; i++) {
        const kir_var *v = g->f->vars.at[i];
        if (!x->m->in[INSIDE][v->id])
            continue;
        g->vars[v->id].counted &= is_own(x, v);
        gen_make_slots(g, v);
    }
    g->fail = gen_block(g, "fail");
    gen_start(g, body);
}

static LLVMTypeRef aside_type(gen *g) {
    LLVMTypeRef params[3] = {g->ptr, g->ptr, g->ptr};
    return LLVMFunctionType(g->i32, params, 3, false);
}

static void write_function(gen *g, aside *x, const char *name, void (*write)(gen *, const void *), const void *what,
                           bool expected) {
    LLVMBasicBlockRef before = LLVMGetInsertBlock(g->b), entry = LLVMGetEntryBasicBlock(g->fn);
    gen outer = *g;
    g->fn = LLVMAddFunction(g->module, name, aside_type(g));
    g->context_on_stack = NULL;
    g->expected = expected;
    g->in_aside = true;
    LLVMSetLinkage(g->fn, LLVMInternalLinkage);
    gen_function_attributes(g, g->fn, g->f);
    gen_attribute(g, g->fn, (unsigned)LLVMAttributeFunctionIndex, "noinline", 0);
    for (unsigned i = 1; i <= 2; i++) {
        gen_attribute(g, g->fn, i, "noalias", 0);
        gen_attribute(g, g->fn, i, "nocapture", 0);
    }
    x->context = LLVMGetParam(g->fn, 0);
    g->err = LLVMGetParam(g->fn, 1);
    open_aside(g, x);
    copy_vars(g, x, false, false);
    if (outer.iteration) {
        g->iteration = gen_slot(g, g->i64, "iteration");
        LLVMBuildStore(g->b, LLVMBuildLoad2(g->b, g->i64, slot_at(g, x->context, ITERATION), ""), g->iteration);
    }
    g->word = slot_at(g, x->context, WORD);
    write(g, what);
    if (!g->terminated) {
        copy_vars(g, x, true, true);
        release_own(g, x);
        LLVMBuildRet(g->b, gen_int32(g, 0));
    }
    gen_start(g, g->fail);
    release_own(g, x);
    LLVMBuildRet(g->b, gen_int32(g, 1));
    gen_close_context(g);
    LLVMBuildBr(g->entry_b, LLVMGetNextBasicBlock(LLVMGetEntryBasicBlock(g->fn)));
    uint32_t n_groups = g->n_groups, n_asides = g->n_asides, regions = g->regions;
    __typeof__(g->vector_functions) kept = g->vector_functions;
    __typeof__(g->ahead) ahead = g->ahead;
    double work = g->work;
    bool is_loose = g->is_loose;
    *g = outer;
    g->work = work;
    g->is_loose = is_loose;
    g->n_groups = n_groups;
    g->n_asides = n_asides;
    g->regions = regions;
    g->vector_functions = kept;
    g->ahead = ahead;
    x->context = g->context_on_stack;
    LLVMPositionBuilderAtEnd(g->b, before);
    LLVMPositionBuilderAtEnd(g->entry_b, entry);
    g->terminated = false;
}

/* ---- the call --------------------------------------------------------------------------------------------------------------- */

static LLVMValueRef make_slot(gen *g, uint32_t number) {
    LLVMValueRef fields[3] = {gen_declare(g, "plait_resolve", aside_type(g)),
                              gen_runtime_global(g, "plait_loaded", g->i8), gen_int32(g, (int32_t)number)};
    LLVMValueRef first = LLVMConstStructInContext(g->context, fields, 3, false);
    char name[40];
    snprintf(name, sizeof name, LLVM_SLOT "%u", number);
    LLVMValueRef slot = LLVMAddGlobal(g->module, LLVMTypeOf(first), name);
    LLVMSetInitializer(slot, first);
    LLVMSetLinkage(slot, LLVMInternalLinkage);
    return slot;
}

static LLVMValueRef call_slot(LLVMBuilderRef b, gen *g, LLVMValueRef *args) {
    LLVMValueRef target = LLVMBuildLoad2(b, g->ptr, args[2], "");
    LLVMSetOrdering(target, LLVMAtomicOrderingAcquire);
    LLVMSetAlignment(target, 8);
    return LLVMBuildCall2(b, aside_type(g), target, args, 3, "");
}

/* The call as a function that leaves all registers as they are but one, for asides that are rarely entered: what their
 * callers do otherwise needs then neither saved registers nor a way round the call. */
static LLVMValueRef sparing_call(gen *g, uint32_t number) {
    LLVMTypeRef params[2] = {g->ptr, g->ptr};
    LLVMValueRef fn = gen_open_cold(g, "plait.enter", LLVMFunctionType(g->i32, params, 2, false)), args[3];
    LLVMSetFunctionCallConv(fn, LLVMPreserveMostCallConv);
    LLVMGetParams(fn, args);
    args[2] = make_slot(g, number);
    LLVMBuilderRef b = LLVMCreateBuilderInContext(g->context);
    LLVMPositionBuilderAtEnd(b, LLVMAppendBasicBlockInContext(g->context, fn, ""));
    LLVMBuildRet(b, call_slot(b, g, args));
    LLVMDisposeBuilder(b);
    return fn;
}

static LLVMValueRef call_aside(gen *g, uint32_t number, LLVMValueRef context, bool rare) {
    LLVMValueRef args[3] = {context, g->err, NULL};
    if (rare && g->is_x86) {
        LLVMValueRef status = gen_call(g, sparing_call(g, number), args, 2);
        LLVMSetInstructionCallConv(status, LLVMPreserveMostCallConv);
        return status;
    }
    args[2] = make_slot(g, number);
    return call_slot(g->b, g, args);
}

/* Writes what `write` makes of `what`, which is block `b` of the function being written, as an aside and the call of it.
 * A word goes with it: `write` finds it at g->word and may change it, and what it is then is returned. It is
 * expected if the call at hand comes here from where it is written. */
LLVMValueRef gen_aside(gen *g, const kir_block *b, void (*write)(gen *, const void *), const void *what,
                       LLVMValueRef word, bool rare, bool expected) {
    mentions m = find_mentions(g, b, gen_is_looped(g));
    char name[40];
    uint32_t number = g->n_asides++;
    snprintf(name, sizeof name, LLVM_ASIDE "%u", number);
    aside x = {.m = &m, .places = place_vars(g, &m)};
    expected &= g->expected;
    if (expected)
        vec_push(g->a, &g->ahead, number);
    write_function(g, &x, name, write, what, expected);
    if (g->iteration)
        LLVMBuildStore(g->b, LLVMBuildLoad2(g->b, g->i64, g->iteration, ""), slot_at(g, x.context, ITERATION));
    if (word)
        LLVMBuildStore(g->b, word, slot_at(g, x.context, WORD));
    copy_vars(g, &x, true, false);
    LLVMValueRef status = call_aside(g, number, x.context, rare);
    LLVMBasicBlockRef good = gen_block(g, "");
    gen_branch(g, LLVMBuildICmp(g->b, LLVMIntNE, status, gen_int32(g, 0), ""), g->fail, good, -1);
    gen_start(g, good);
    copy_vars(g, &x, false, true);
    return word ? LLVMBuildLoad2(g->b, g->i64, slot_at(g, x.context, WORD), "") : NULL;
}

/* ---- arms of IFs -------------------------------------------------------------------------------------------------------------- */

typedef struct loops {
    bool any, warm, regions;
} loops;

static bool note_loop(kir_stmt *s, void *context) {
    loops *l = context;
    l->regions |= s->kind == KIR_REGION;
    l->any |= s->kind == KIR_FOR || s->kind == KIR_LOOP || s->kind == KIR_REGION;
    l->warm |= (s->kind == KIR_FOR && !s->loop->cold) || s->kind == KIR_LOOP || s->kind == KIR_REGION;
    return true;
}

static loops find_loops(const kir_block *b) {
    loops l = {0};
    kir_block all = *b;
    kir_each_stmt(&all, note_loop, &l);
    return l;
}

/* A loop as it was that is taken for a few elements: entering an aside takes 3 to 5 ns, a tenth of a call. */
enum { SHORT_STATEMENTS = 12 };

static void write_block(gen *g, const void *b) {
    gen_statements(g, b);
}

static void write_expected(gen *g, const kir_block *b, bool expected) {
    bool before = g->expected;
    g->expected &= expected;
    gen_statements(g, b);
    g->expected = before;
}

static bool count_statement(kir_stmt *s, void *context) {
    (void)s;
    return ++*(uint32_t *)context <= SHORT_STATEMENTS;
}

bool gen_is_short(const kir_block *b) {
    uint32_t n = 0;
    kir_block all = *b;
    kir_each_stmt(&all, count_statement, &n);
    return n <= SHORT_STATEMENTS;
}

static bool is_apart(const kir_block *b) {
    return b->len && b->at[b->len - 1]->kind == KIR_FOR && b->at[b->len - 1]->loop->apart;
}

/* An arm of an IF: apart when it is an exact copy or marked so, or when both arms hold loops, versions of one nest. Within
 * loops only the second arm is, which is the rarer, and only if there is so much in it that a call more is not felt. A first
 * arm that is a region with a few statements for little work stays: what is for much work is an aside of its own. */
void gen_arm(gen *g, const kir_block *b, const kir_block *other, bool second, gen_guess taken) {
    loops mine = find_loops(b), its = find_loops(other);
    bool cold = mine.any && !mine.warm && g->warm == 0;
    bool version = mine.warm && its.warm && (g->depth == 0 || (second && mine.regions && its.regions));
    version &= g->depth > 0 || mine.regions || !gen_is_short(b);
    version &= second || !gen_is_quick(b);
    bool expected = taken == GEN_TRUE || (taken == GEN_UNKNOWN && !second && !cold);
    gen_way before = gen_guess_enter_arm(g, taken);
    if ((cold || version || is_apart(b)) && gen_aside_fits(g, b))
        gen_aside(g, b, write_block, b, NULL, cold || second, expected);
    else
        write_expected(g, b, expected);
    gen_guess_leave_arm(g, before, taken);
}
