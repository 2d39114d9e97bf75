/* Parallel regions.
 *
 * The outlined function becomes the body of a plrt_region, int32_t (context, begin, end, block, err), and the REGION
 * statement a call of plrt_region_run with a context on the stack: in 8-byte slots, first the buffer for partial
 * results, then the captured variables' fields. The body loads them all at its start.
 *
 * Partial results: the iterations are cut into blocks whose number depends on the trip count alone
 * (plrt_region_blocks). The body starts its accumulators from the operator's identity and writes them at its end to
 * buffer + block * stride, a stride being whole pairs of cache lines; afterwards the blocks are combined in order with the
 * caller's variables. So the result is the same for any number of threads. That is done in a function of its own, whose frame
 * has the buffer: where the work is little it would stand in the way. There the body is block -1, whose
 * accumulators go on from the values in the buffer, as the loop itself would. */
#include "llvm/gen.h"

#include <stdio.h>
#include <string.h>

enum { LINE = 128, STACK_BYTES = 16 << 10 };

/* Slots of one block's partial results: reductions' values, last privates' values and flags. */
static uint32_t value_slots(type *t) {
    return t->kind == TYPE_COMPLEX ? 2 : 1;
}

static int64_t partial_stride(const kir_fn *f) {
    uint32_t slots = 0;
    for (uint32_t i = 0; i < f->reductions.len; i++)
        slots += value_slots(f->reductions.at[i].var->ty);
    for (uint32_t i = 0; i < f->last.n; i++)
        slots += value_slots(f->last.value[i]->ty) + 1;
    return ((int64_t)slots * 8 + LINE - 1) / LINE * LINE;
}

static bool has_partials(const kir_fn *f) {
    return f->reductions.len + f->last.n > 0;
}

static LLVMValueRef slot_of(gen *g, LLVMValueRef base, uint32_t i) {
    LLVMValueRef at = gen_int(g, i);
    return LLVMBuildInBoundsGEP2(g->b, g->i64, base, &at, 1, "");
}

static LLVMTypeRef part_type(gen *g, type *t) {
    return t->kind == TYPE_BOOL ? g->i8 : gen_type(g, t);
}

static void put_part(gen *g, LLVMValueRef base, uint32_t *at, type *t, gen_value v) {
    if (t->kind == TYPE_BOOL)
        v.re = LLVMBuildZExt(g->b, v.re, g->i8, "");
    LLVMBuildStore(g->b, v.re, slot_of(g, base, (*at)++));
    if (v.im)
        LLVMBuildStore(g->b, v.im, slot_of(g, base, (*at)++));
}

static gen_value get_part(gen *g, LLVMValueRef base, uint32_t *at, type *t) {
    gen_value v = {LLVMBuildLoad2(g->b, part_type(g, t), slot_of(g, base, (*at)++), ""), NULL};
    if (t->kind == TYPE_BOOL)
        v.re = LLVMBuildICmp(g->b, LLVMIntNE, v.re, LLVMConstNull(g->i8), "");
    if (t->kind == TYPE_COMPLEX)
        v.im = LLVMBuildLoad2(g->b, part_type(g, t), slot_of(g, base, (*at)++), "");
    return v;
}

static gen_value get_var(gen *g, const kir_var *v) {
    const gen_var *s = &g->vars[v->id];
    LLVMTypeRef t = gen_type(g, v->ty);
    return (gen_value){LLVMBuildLoad2(g->b, t, s->slot.re, ""),
                       s->slot.im ? LLVMBuildLoad2(g->b, t, s->slot.im, "") : NULL};
}

static void put_var(gen *g, const kir_var *v, gen_value x) {
    LLVMValueRef fields[2] = {x.re, x.im};
    gen_put_var(g, v, fields, x.im ? 2 : 1);
}

/* ---- the body -------------------------------------------------------------------------------------------------------------- */

/* Captured arrays are never counted here: the caller holds them, and counts are not atomic. */
static void load_captured(gen *g, const kir_fn *f, LLVMValueRef context) {
    LLVMTypeRef field_types[GEN_MAX_FIELDS];
    LLVMValueRef fields[GEN_MAX_FIELDS];
    uint32_t at = 0;
    g->part = LLVMBuildLoad2(g->b, g->ptr, slot_of(g, context, at++), "");
    for (uint32_t i = 0; i < f->params.len; i++) {
        const kir_var *v = f->params.at[i];
        uint32_t n = gen_fields(g, v->ty, field_types);
        for (uint32_t k = 0; k < n; k++) {
            LLVMTypeRef t = field_types[k] == g->i1 ? g->i8 : field_types[k];
            fields[k] = LLVMBuildLoad2(g->b, t, slot_of(g, context, at++), "");
            if (v->ty->kind == TYPE_ARRAY && k >= 2 && k < 2 + v->ty->ndim)
                gen_mark_extent(g, fields[k]);
            if (t != field_types[k])
                fields[k] = LLVMBuildICmp(g->b, LLVMIntNE, fields[k], LLVMConstNull(t), "");
        }
        if (v->ty->kind == TYPE_ARRAY)
            fields[1] = LLVMConstNull(g->ptr);
        gen_put_var(g, v, fields, n);
    }
    if (g->is_recursive)
        g->stack_limit = gen_stack_limit(g);
}

static bool regroups(const kir_reduction *r) {
    bool sums = r->op == KIR_OP_ADD || r->op == KIR_OP_SUB || r->op == KIR_OP_MUL;
    return sums && r->var->ty->kind != TYPE_INT && r->var->ty->kind != TYPE_BOOL;
}

/* Sums of floats across the iterations of the region. */
static bool rounds(const kir_fn *f) {
    for (uint32_t i = 0; i < f->reductions.len; i++)
        if (regroups(&f->reductions.at[i]))
            return true;
    return false;
}

static bool copies_blocks(const kir_fn *f);

/* Where it runs as one block, the body goes on from the caller's values: nothing is rounded, or the sizes alone say so. */
static bool goes_on(const kir_fn *f) {
    return f->reductions.len > 0 && (!rounds(f) || copies_blocks(f));
}

static LLVMValueRef is_only_block(gen *g) {
    return LLVMBuildICmp(g->b, LLVMIntSLT, g->block_index, gen_int(g, 0), "");
}

static void start_partials(gen *g, const kir_fn *f) {
    for (uint32_t i = 0; i < f->last.n; i++)
        put_var(g, f->last.was_set[i], (gen_value){LLVMConstNull(g->i1), NULL});
    for (uint32_t i = 0; i < f->reductions.len && !g->only_block; i++)
        put_var(g, f->reductions.at[i].var, gen_identity(g, f->reductions.at[i].op, f->reductions.at[i].var->ty));
    if (!goes_on(f))
        return;
    LLVMBasicBlockRef only = gen_block(g, "only"), on = gen_block(g, "");
    gen_branch(g, is_only_block(g), only, on, 0);
    gen_start(g, only);
    uint32_t at = 0;
    for (uint32_t i = 0; i < f->reductions.len; i++)
        put_var(g, f->reductions.at[i].var, get_part(g, g->part, &at, f->reductions.at[i].var->ty));
    gen_jump(g, on);
    gen_start(g, on);
}

static void write_partials(gen *g, const kir_fn *f) {
    LLVMValueRef block = LLVMBuildSelect(g->b, is_only_block(g), gen_int(g, 0), g->block_index, "");
    LLVMValueRef offset = LLVMBuildMul(g->b, block, gen_int(g, partial_stride(f)), "");
    LLVMValueRef base = LLVMBuildInBoundsGEP2(g->b, g->i8, g->part, &offset, 1, "");
    uint32_t at = 0;
    for (uint32_t i = 0; i < f->reductions.len; i++)
        put_part(g, base, &at, f->reductions.at[i].var->ty, get_var(g, f->reductions.at[i].var));
    for (uint32_t i = 0; i < f->last.n; i++) {
        put_part(g, base, &at, f->last.value[i]->ty, get_var(g, f->last.value[i]));
        put_part(g, base, &at, f->last.was_set[i]->ty, get_var(g, f->last.was_set[i]));
    }
}

void gen_region_function(gen *g, const kir_fn *f) {
    LLVMValueRef begin = LLVMGetParam(g->fn, 1), end = LLVMGetParam(g->fn, 2);
    g->block_index = LLVMGetParam(g->fn, 3);
    load_captured(g, f, LLVMGetParam(g->fn, 0));
    put_var(g, f->begin, (gen_value){begin, NULL});
    put_var(g, f->end, (gen_value){end, NULL});
    g->iteration = gen_slot(g, g->i64, "iteration");
    LLVMBuildStore(g->b, begin, g->iteration);
    start_partials(g, f);
    LLVMBasicBlockRef done = g->done, finished = gen_block(g, "finished");
    g->done = finished; /* a RETURN in the body ends it like its end */
    gen_statements(g, &f->body);
    gen_jump(g, finished);
    gen_start(g, finished);
    if (has_partials(f))
        write_partials(g, f);
    g->done = done;
}

/* ---- the statement --------------------------------------------------------------------------------------------------------- */

/* Number of the loop that a region runs, in the module's report. */
static uint32_t loop_number(const kir_fn *f) {
    for (uint32_t i = 0; i < f->body.len; i++)
        if (f->body.at[i]->kind == KIR_FOR && f->body.at[i]->loop->is_region)
            return f->body.at[i]->loop->id;
    return 0;
}

/* "function:line", and behind its NUL the file. */
static LLVMValueRef label_of(gen *g, const kir_fn *f) {
    char name[256];
    const char *file = f->at.file < g->m->diags->sources.len ? g->m->diags->sources.at[f->at.file].name : "";
    int n = snprintf(name, sizeof name, "%.200s:%u", f->user_name ? f->user_name->text : f->name->text, f->at.line);
    size_t len = (size_t)n + 1 + strlen(file);
    char *both = arena_alloc(g->a, len + 1);
    memcpy(both, name, (size_t)n + 1);
    memcpy(both + n + 1, file, len - (size_t)n);
    LLVMValueRef bytes = LLVMConstStringInContext2(g->context, both, len, false);
    LLVMValueRef v = LLVMAddGlobal(g->module, LLVMTypeOf(bytes), "plait.region.name");
    LLVMSetInitializer(v, bytes);
    LLVMSetGlobalConstant(v, true);
    LLVMSetLinkage(v, LLVMPrivateLinkage);
    return v;
}

static LLVMValueRef private_data(gen *g, LLVMValueRef value) {
    LLVMValueRef v = LLVMAddGlobal(g->module, LLVMTypeOf(value), "plait.region");
    LLVMSetInitializer(v, value);
    LLVMSetGlobalConstant(v, true);
    LLVMSetLinkage(v, LLVMInternalLinkage);
    return v;
}

/* Where the captured arrays lie in the context: the table of plrt_captured, or NULL without arrays. */
static LLVMValueRef captured_arrays(gen *g, const kir_fn *f, int64_t *count) {
    VEC(LLVMValueRef) rows = {0};
    LLVMTypeRef field_types[GEN_MAX_FIELDS], row_type = LLVMArrayType2(g->i32, 4);
    uint32_t at = 1;
    for (uint32_t i = 0; i < f->params.len; i++) {
        type *t = f->params.at[i]->ty;
        if (t->kind == TYPE_ARRAY) {
            LLVMValueRef row[] = {gen_int32(g, (int32_t)at), gen_int32(g, (int32_t)t->ndim),
                                  gen_int32(g, (int32_t)type_size(t->dtype)), gen_int32(g, t->layout == LAYOUT_A)};
            vec_push(g->a, &rows, LLVMConstArray2(g->i32, row, 4));
        }
        at += gen_fields(g, t, field_types);
    }
    *count = rows.len;
    return rows.len ? private_data(g, LLVMConstArray2(row_type, rows.at, rows.len)) : LLVMConstNull(g->ptr);
}

/* Iterations are uneven when the data say how long they take (a loop without count, or left early), and when an inner
 * loop's length follows from the iteration's number. A loop over blocks of iterations, whose inner loops begin at the block's
 * number and are equally long, has no iterations of its own. A region that is entered again and again keeps uneven lengths
 * where the caches have them. */
typedef struct unevenness {
    const kir_var *iteration;
    bool open, triangular;
} unevenness;

static bool mentions(const kir_expr *e, const kir_var *v) {
    bool found = e->kind == KIR_VAR && e->var == v;
    for (uint32_t i = 0; i < e->n_args && !found; i++)
        found = mentions(e->args[i], v);
    return found;
}

static bool note_unevenness(kir_stmt *s, void *context) {
    unevenness *u = context;
    u->open |= s->kind == KIR_LOOP || (s->kind == KIR_BREAK && s->target->kind == KIR_FOR);
    int64_t step;
    if (s->kind == KIR_FOR && s->loop->is_region && kir_is_const_int(s->step, &step) && step != 1)
        return true;
    if (s->kind == KIR_FOR && s->loop->is_region)
        u->iteration = s->var;
    else if (s->kind == KIR_FOR && u->iteration)
        u->triangular |= mentions(s->lo, u->iteration) != mentions(s->hi, u->iteration);
    return true;
}

static int32_t flags_of(const gen *g, const kir_fn *f) {
    unevenness u = {0};
    kir_block body = f->body;
    kir_each_stmt(&body, note_unevenness, &u);
    bool uneven = u.open || (u.triangular && g->depth == 0);
    return PLRT_REGION_FILE | (has_partials(f) ? PLRT_REGION_REDUCES : 0) | (uneven ? PLRT_REGION_UNEVEN : 0);
}

/* The constant plrt_region of an outlined function. */
static LLVMValueRef region_data(gen *g, const kir_fn *f) {
    gen_fn *target = gen_fn_of(g, f);
    if (target->region)
        return target->region;
    int64_t n_arrays;
    LLVMValueRef arrays = captured_arrays(g, f, &n_arrays);
    LLVMValueRef values[] = {target->value,
                             label_of(g, f),
                             gen_int32(g, (int32_t)f->at.line),
                             gen_int32(g, flags_of(g, f)),
                             gen_int32(g, f->schedule),
                             gen_int32(g, (int32_t)loop_number(f)),
                             gen_int(g, f->chunk),
                             gen_int(g, f->grain),
                             arrays,
                             gen_int(g, n_arrays)};
    LLVMValueRef data = LLVMConstStructInContext(g->context, values, sizeof values / sizeof values[0], false);
    g->regions++;
    return target->region = private_data(g, data);
}

static uint32_t context_slots(gen *g, const kir_fn *f) {
    LLVMTypeRef field_types[GEN_MAX_FIELDS];
    uint32_t n = 1;
    for (uint32_t i = 0; i < f->params.len; i++)
        n += gen_fields(g, f->params.at[i]->ty, field_types);
    return n;
}

static void put_captured(gen *g, LLVMValueRef context, uint32_t *at, type *t, const kir_expr *e) {
    LLVMValueRef fields[GEN_MAX_FIELDS];
    uint32_t n;
    if (t->kind == TYPE_ARRAY) {
        gen_array a = gen_load_array(g, e->var);
        for (uint32_t i = 0; i < t->ndim && t->layout == LAYOUT_A; i++)
            a.strides[i] = gen_stride(g, e->var->ty, &a, i);
        n = gen_array_fields(g, t, &a, fields);
        fields[1] = LLVMConstNull(g->ptr); /* bodies do not count */
    } else {
        gen_value v = gen_expr(g, e);
        fields[0] = t->kind == TYPE_BOOL ? LLVMBuildZExt(g->b, v.re, g->i8, "") : v.re;
        fields[1] = v.im;
        n = v.im ? 2 : 1;
    }
    for (uint32_t k = 0; k < n; k++)
        LLVMBuildStore(g->b, fields[k], slot_of(g, context, (*at)++));
}

/* All but the buffer for partial results, the context's first slot. */
static LLVMValueRef fill_context(gen *g, const kir_stmt *s) {
    LLVMValueRef context = gen_slot(g, LLVMArrayType2(g->i64, context_slots(g, s->fn)), "context");
    uint32_t at = 1;
    gen_guess_called(g, s);
    for (uint32_t i = 0; i < s->fn->params.len; i++)
        put_captured(g, context, &at, s->fn->params.at[i]->ty, s->index.at[i]);
    return context;
}

typedef struct buffer { /* partial results of a region being run */
    LLVMValueRef data, owner, blocks;
} buffer;

/* On the stack while small, else from the heap (owner is then not NULL). */
static buffer open_buffer(gen *g, const kir_stmt *s, LLVMValueRef region, LLVMValueRef trips) {
    LLVMTypeRef params[2] = {g->ptr, g->i64};
    LLVMValueRef count = gen_declare(g, "plrt_region_blocks", LLVMFunctionType(g->i64, params, 2, false));
    LLVMValueRef args[2] = {region, trips};
    buffer b = {.blocks = gen_call(g, count, args, 2)};
    LLVMValueRef scratch = gen_slot(g, LLVMArrayType2(g->i8, STACK_BYTES), "partials");
    LLVMSetAlignment(scratch, LINE);
    LLVMValueRef data = gen_slot(g, g->ptr, "partials"), owner = gen_slot(g, g->ptr, "partials");
    LLVMValueRef bytes = LLVMBuildMul(g->b, b.blocks, gen_int(g, partial_stride(s->fn)), "");
    LLVMBasicBlockRef large = gen_block(g, "heap"), bad = gen_block(g, "no_memory"), made = gen_block(g, ""),
                      go = gen_block(g, "");
    LLVMBuildStore(g->b, scratch, data);
    LLVMBuildStore(g->b, LLVMConstNull(g->ptr), owner);
    gen_branch(g, LLVMBuildICmp(g->b, LLVMIntSGT, bytes, gen_int(g, STACK_BYTES), ""), large, go, -1);
    gen_start(g, large);
    LLVMTypeRef new_params[2] = {g->i64, g->i32};
    LLVMValueRef new_block = gen_declare(g, "plrt_block_new", LLVMFunctionType(g->ptr, new_params, 2, false));
    LLVMValueRef new_args[2] = {bytes, gen_int32(g, 0)};
    LLVMValueRef block = gen_call(g, new_block, new_args, 2), field = gen_int(g, offsetof(plrt_block, data));
    LLVMBuildStore(g->b, block, owner);
    gen_branch(g, LLVMBuildIsNull(g->b, block, ""), bad, made, -1);
    gen_start(g, bad);
    gen_raise(g, PLRT_SITE_MEMORY, &bytes, 1);
    gen_start(g, made);
    LLVMValueRef at = LLVMBuildInBoundsGEP2(g->b, g->i8, block, &field, 1, "");
    LLVMBuildStore(g->b, LLVMBuildLoad2(g->b, g->ptr, at, ""), data);
    gen_jump(g, go);
    gen_start(g, go);
    b.data = LLVMBuildLoad2(g->b, g->ptr, data, "");
    b.owner = owner;
    return b;
}

static void merge_block(gen *g, const kir_stmt *s, LLVMValueRef base, bool went_on) {
    const kir_fn *f = s->fn;
    uint32_t at = 0;
    for (uint32_t i = 0; i < f->reductions.len; i++) {
        const kir_var *into = s->results.at[i];
        gen_value part = get_part(g, base, &at, into->ty);
        if (went_on)
            put_var(g, into, part);
        else
            put_var(g, into, gen_binary(g, f->reductions.at[i].op, into->ty, get_var(g, into), part));
    }
    for (uint32_t i = 0; i < f->last.n; i++) {
        const kir_var *into = s->results.at[f->reductions.len + i];
        gen_value part = get_part(g, base, &at, into->ty), flag = get_part(g, base, &at, f->last.was_set[i]->ty);
        gen_value old = get_var(g, into);
        gen_value v = {LLVMBuildSelect(g->b, flag.re, part.re, old.re, ""),
                       part.im ? LLVMBuildSelect(g->b, flag.re, part.im, old.im, "") : NULL};
        put_var(g, into, v);
    }
}

static void merge(gen *g, const kir_stmt *s, const buffer *b) {
    LLVMBasicBlockRef loop = gen_block(g, "merge"), after = gen_block(g, "");
    LLVMValueRef counter = gen_slot(g, g->i64, "block");
    LLVMBuildStore(g->b, gen_int(g, 0), counter);
    gen_branch(g, LLVMBuildICmp(g->b, LLVMIntSGT, b->blocks, gen_int(g, 0), ""), loop, after, 0);
    gen_start(g, loop);
    LLVMValueRef i = LLVMBuildLoad2(g->b, g->i64, counter, "");
    LLVMValueRef offset = LLVMBuildMul(g->b, i, gen_int(g, partial_stride(s->fn)), "");
    merge_block(g, s, LLVMBuildInBoundsGEP2(g->b, g->i8, b->data, &offset, 1, ""), false);
    LLVMValueRef next = LLVMBuildNSWAdd(g->b, i, gen_int(g, 1), "");
    LLVMBuildStore(g->b, next, counter);
    gen_branch(g, LLVMBuildICmp(g->b, LLVMIntSLT, next, b->blocks, ""), loop, after, 0);
    gen_start(g, after);
}

/* ---- little work ------------------------------------------------------------------------------------------------------------
 *
 * A call with little work must cost no more than the sequential loop does: a few nanoseconds are the work of ten
 * iterations. So the size is looked at first, before any test that only the parallel version needs, and a second copy of
 * the loop stands in line: where a test at the entry chooses between the region and the loop as it was, that loop is the
 * copy, optimised then like any other; else the region's body is inlined. Large bodies are worth neither LLVM's time nor
 * the space, and stay one function that is called.
 *
 * A copy of a sum of floats may be vectorised in another way than the region's body, and no setting must decide about the
 * result. Where iterations sum, the copy runs whenever there is one block (and moderate work), by the sizes alone. Where
 * sums are within an iteration, the loop as it was runs when there is next to no work, by the sizes alone too. So it does
 * where the region runs in another order, which is the faster one from a few operations on; for little work the region's
 * function is called then. */

enum { COPY_STATEMENTS = 24, COPY_COST = 300, BLOCK_WORK = 16000, FEWEST = 8 };

static bool selects(const kir_expr *e) {
    bool found = e->kind == KIR_SELECT;
    for (uint32_t i = 0; i < e->n_args && !found; i++)
        found = selects(e->args[i]);
    return found;
}

/* Array expressions in which extents are 1 choose their subscripts; beside the version without, that is the rarer one. */
static bool count_statement(kir_stmt *s, void *context) {
    uint32_t *n = context;
    ++*n;
    for (uint32_t i = 0; s->kind == KIR_ASSIGN && s->value->kind == KIR_LOAD && i < s->value->n_args; i++)
        *n += selects(s->value->args[i]) ? COPY_STATEMENTS : 0;
    return true;
}

static bool is_worth_a_copy(const kir_block *b) {
    uint32_t n = 0;
    kir_block all = *b;
    kir_each_stmt(&all, count_statement, &n);
    return n <= COPY_STATEMENTS;
}

static void note_function(kir_expr **slot, void *context) {
    bool *found = context;
    *found |= (*slot)->kind == KIR_MATH && (*slot)->op >= KIR_OP_EXP && (*slot)->op <= KIR_OP_ERFC;
}

static void note_functions(kir_expr **slot, void *context) {
    kir_each_subexpr(slot, note_function, context);
}

/* Where one iteration takes much longer than a call, by its estimated cost or because it calls functions itself. */
static bool note_heavy(kir_stmt *s, void *context) {
    bool *heavy = context;
    *heavy |= s->kind == KIR_FOR && s->loop->is_region && s->loop->cost >= COPY_COST;
    kir_each_expr(s, note_functions, heavy);
    return !*heavy;
}

static bool is_light(const kir_fn *f) {
    bool heavy = false;
    kir_block body = f->body;
    kir_each_stmt(&body, note_heavy, &heavy);
    return !heavy;
}

static bool note_regrouping(kir_stmt *s, void *context) {
    uint32_t *widest = context;
    for (uint32_t i = 0; s->kind == KIR_FOR && i < s->loop->reductions.len; i++) {
        const kir_reduction *r = &s->loop->reductions.at[i];
        uint32_t bits = r->var->ty->kind == TYPE_COMPLEX ? r->var->ty->bits / 2 : r->var->ty->bits;
        if (regroups(r) && bits > *widest)
            *widest = bits;
    }
    return true;
}

/* Bits of the widest sum of floats within the region's iterations; 0: there is none. */
static uint32_t widest_sum(const kir_fn *f) {
    uint32_t widest = 0;
    kir_block body = f->body;
    kir_each_stmt(&body, note_regrouping, &widest);
    return widest;
}

/* Sums of floats anywhere in the region. */
static bool rounds_inside(const kir_fn *f) {
    return rounds(f) || widest_sum(f) > 0;
}

/* What is one block runs on one thread whatever the settings are: its copy is taken by the sizes alone. */
static bool copies_blocks(const kir_fn *f) {
    return rounds(f) && is_worth_a_copy(&f->body);
}

static bool note_length(kir_stmt *s, void *context) {
    bool *is_long = context;
    *is_long |= (s->kind == KIR_FOR && !s->loop->is_region) || s->kind == KIR_LOOP || s->kind == KIR_CALL ||
                s->kind == KIR_RUNTIME;
    return !*is_long;
}

/* The work of a block of straight code is bounded by its grain. */
static bool has_long_iterations(const kir_fn *f) {
    bool is_long = false;
    kir_block body = f->body;
    kir_each_stmt(&body, note_length, &is_long);
    return is_long;
}

/* Little work has a copy of the body. */
static bool is_copied(const kir_fn *f) {
    return copies_blocks(f) || (is_worth_a_copy(&f->body) && is_light(f) && !rounds_inside(f));
}

bool gen_is_quick(const kir_block *b) {
    const kir_stmt *s = b->len == 1 ? b->at[0] : NULL;
    return s && s->kind == KIR_REGION && s->work && is_copied(s->fn) && gen_is_short(&s->fn->body);
}

/* The body called as one block, here. */
static void run_small(gen *g, const kir_stmt *s, LLVMValueRef trips) {
    LLVMValueRef part = LLVMConstNull(g->ptr), context = fill_context(g, s);
    if (has_partials(s->fn))
        part = gen_slot(g, LLVMArrayType2(g->i64, (uint64_t)partial_stride(s->fn) / 8), "partials");
    LLVMBuildStore(g->b, part, context);
    for (uint32_t i = 0, at = 0; i < s->fn->reductions.len && goes_on(s->fn); i++)
        put_part(g, part, &at, s->results.at[i]->ty, get_var(g, s->results.at[i]));
    LLVMValueRef zero = gen_int(g, 0), args[5] = {context, zero, trips, gen_int(g, -1), g->err};
    bool copied = is_copied(s->fn);
    bool is_short = copied && goes_on(s->fn) && !has_long_iterations(s->fn);
    LLVMValueRef status = gen_call(g, is_short ? gen_copy_of(g, s->fn) : gen_fn_of(g, s->fn)->value, args, 5);
    const char *how = copied ? "alwaysinline" : "noinline";
    unsigned kind = LLVMGetEnumAttributeKindForName(how, strlen(how));
    LLVMAddCallSiteAttribute(status, (LLVMAttributeIndex)LLVMAttributeFunctionIndex,
                             LLVMCreateEnumAttribute(g->context, kind, 0));
    gen_fail_if(g, status);
    if (has_partials(s->fn))
        merge_block(g, s, part, goes_on(s->fn));
}

/* Work is estimated in floats, and as such compared: the way back to an integer takes longer than a short loop. */
static const kir_expr *estimate_of(const kir_expr *work) {
    double most;
    if (work->kind != KIR_CAST || work->args[0]->kind != KIR_BINARY || work->args[0]->op != KIR_OP_MIN)
        return NULL;
    const kir_expr *limit = work->args[0]->args[0];
    most = limit->kind == KIR_CONST && limit->ty->kind == TYPE_FLOAT ? limit->value.f : 0;
    return most >= 1e18 ? work->args[0]->args[1] : NULL;
}

/* Whether the region's work is less than `limit`. */
static LLVMValueRef is_less_work(gen *g, const kir_stmt *s, LLVMValueRef limit) {
    const kir_expr *estimate = estimate_of(s->work);
    if (!estimate)
        return LLVMBuildFCmp(g->b, LLVMRealOLT, LLVMBuildSIToFP(g->b, gen_int64(g, s->work), g->f64, ""), limit, "");
    return LLVMBuildFCmp(g->b, LLVMRealOLT, gen_expr(g, estimate).re, limit, "");
}

static LLVMValueRef load_global(gen *g, const char *name) {
    return LLVMBuildLoad2(g->b, g->f64, gen_runtime_global(g, name, g->f64), "");
}

/* One block, as plrt_region_blocks counts them, tests aside. */
static LLVMValueRef is_one_block(gen *g, const kir_fn *f, LLVMValueRef trips) {
    int64_t two = f->grain < INT64_MAX / 2 ? 2 * f->grain : INT64_MAX;
    return LLVMBuildICmp(g->b, LLVMIntSLT, trips, gen_int(g, two), "");
}

/* What the estimate does not exceed while the integers in it are at most x; they are put into `of`, two at most. -1: not
 * of the form. */
typedef struct sizes {
    const kir_expr *of[2];
    uint32_t n;
} sizes;

static bool note_size(sizes *z, const kir_expr *e) {
    for (uint32_t i = 0; i < z->n; i++)
        if (kir_expr_equal(z->of[i], e))
            return true;
    if (z->n == 2)
        return false;
    z->of[z->n++] = e;
    return true;
}

static bool is_not_negative(const kir_expr *e) {
    if (e->kind == KIR_CONST)
        return e->ty->kind == TYPE_FLOAT && e->value.f >= 0;
    if (e->kind == KIR_CAST)
        return e->args[0]->kind == KIR_DIM;
    if (e->kind != KIR_BINARY || (e->op != KIR_OP_MAX && e->op != KIR_OP_ADD && e->op != KIR_OP_MUL))
        return false;
    bool a = is_not_negative(e->args[0]), b = is_not_negative(e->args[1]);
    return e->op == KIR_OP_MAX ? a || b : a && b;
}

static double most_of(const kir_expr *e, double x, sizes *z) {
    if (e->kind == KIR_CONST && e->ty->kind == TYPE_FLOAT)
        return e->value.f >= 0 ? e->value.f : -1;
    if (e->kind == KIR_CAST && e->args[0]->ty->kind == TYPE_INT && e->args[0]->ty->is_signed)
        return note_size(z, e->args[0]) ? x : -1;
    if (e->kind != KIR_BINARY)
        return -1;
    double a = most_of(e->args[0], x, z);
    if (e->op == KIR_OP_SUB && is_not_negative(e->args[1]))
        return a;
    double b = most_of(e->args[1], x, z);
    if (a < 0 || b < 0 || (e->op == KIR_OP_MUL && !is_not_negative(e->args[0]) && !is_not_negative(e->args[1])))
        return -1;
    return e->op == KIR_OP_ADD ? a + b : e->op == KIR_OP_MUL ? a * b : e->op == KIR_OP_MAX ? (a > b ? a : b) : -1;
}

static LLVMValueRef is_usual(gen *g) {
    LLVMValueRef usual = LLVMBuildLoad2(g->b, g->i32, gen_runtime_global(g, "plrt_small_is_usual", g->i32), "");
    return LLVMBuildICmp(g->b, LLVMIntNE, usual, gen_int32(g, 0), "");
}

/* Goes to `yes` where one or two sizes alone, compared with constants, say that the work is less than the least usual
 * limit; a limit that nobody can set needs not be usual. The estimate itself takes as long as a few iterations of a short
 * loop. */
static void test_sizes(gen *g, const kir_expr *estimate, int64_t limit, bool is_set, LLVMBasicBlockRef yes) {
    sizes z = {0};
    int64_t least = 0, most = limit;
    if (!estimate || most_of(estimate, 1, &z) < 0 || z.n == 0)
        return;
    while (most - least > 1) {
        int64_t x = least + (most - least) / 2;
        *(most_of(estimate, (double)x, &z) < (double)limit ? &least : &most) = x;
    }
    if (least < FEWEST)
        return;
    LLVMBasicBlockRef no = gen_block(g, "");
    for (uint32_t i = 0; i < z.n; i++) {
        LLVMBasicBlockRef on = i + 1 < z.n || is_set ? gen_block(g, "") : yes;
        gen_branch(g, LLVMBuildICmp(g->b, LLVMIntSLE, gen_int64(g, z.of[i]), gen_int(g, least), ""), on, no, 1);
        if (on != yes)
            gen_start(g, on);
    }
    if (is_set)
        gen_branch(g, is_usual(g), yes, no, 1);
    gen_start(g, no);
}

/* Goes to `small` or `large`; a region that reduces must also be one block to be small. */
static void test_work(gen *g, const kir_stmt *s, LLVMValueRef trips, LLVMBasicBlockRef small, LLVMBasicBlockRef large) {
    bool always = copies_blocks(s->fn);
    if (has_partials(s->fn)) {
        LLVMBasicBlockRef one = always && !has_long_iterations(s->fn) ? small : gen_block(g, "");
        gen_branch(g, is_one_block(g, s->fn, trips), one, large, 0);
        if (one == small)
            return;
        gen_start(g, one);
    }
    test_sizes(g, estimate_of(s->work), always ? BLOCK_WORK : PLRT_SMALL_LEAST, !always, small);
    LLVMValueRef limit = always ? LLVMConstReal(g->f64, BLOCK_WORK) : load_global(g, "plrt_small_work");
    gen_branch(g, is_less_work(g, s, limit), small, large, 0);
}

static gen_guess guess_work(const gen *g, const kir_stmt *s) {
    return gen_guess_less(g, s->work, copies_blocks(s->fn) ? (double)BLOCK_WORK : (double)plrt_get_min_work());
}

/* Goes to `watched` when somebody wants to hear of every run. Control is in a block of its own then; the other comes from
 * two. */
static LLVMBasicBlockRef test_watched(gen *g, LLVMBasicBlockRef watched, LLVMBasicBlockRef on) {
    LLVMBasicBlockRef unusual = gen_block(g, "unusual");
    gen_branch(g, is_usual(g), on, unusual, 1);
    gen_start(g, unusual);
    LLVMValueRef asked = LLVMBuildFCmp(g->b, LLVMRealOEQ, load_global(g, "plrt_small_work"), LLVMConstNull(g->f64), "");
    gen_branch(g, asked, watched, on, -1);
    return unusual;
}

/* Tells the runtime of a run; whether it is to go on as one block. */
static LLVMValueRef note(gen *g, const kir_stmt *s, LLVMValueRef trips) {
    LLVMTypeRef params[3] = {g->ptr, g->i64, g->i64};
    LLVMValueRef fn = gen_declare(g, "plrt_region_note", LLVMFunctionType(g->i32, params, 3, false));
    LLVMValueRef args[3] = {region_data(g, s->fn), trips, gen_int64(g, s->work)};
    return LLVMBuildICmp(g->b, LLVMIntNE, gen_call(g, fn, args, 3), gen_int32(g, 0), "");
}

/* Those who watch hear of the run from here, as it does not pass through the runtime. Tests may have blocks smaller: then
 * it does, and this goes on at `no`. */
static void note_run(gen *g, const kir_stmt *s, LLVMValueRef trips, LLVMBasicBlockRef no) {
    LLVMBasicBlockRef watched = gen_block(g, "watched"), on = gen_block(g, "");
    test_watched(g, watched, on);
    gen_start(g, watched);
    gen_branch(g, note(g, s, trips), on, no, 0);
    gen_start(g, on);
}

static LLVMValueRef call_runtime(gen *g, const kir_stmt *s, LLVMValueRef context, LLVMValueRef trips,
                                 LLVMValueRef work) {
    LLVMTypeRef params[5] = {g->ptr, g->ptr, g->i64, g->i64, g->ptr};
    LLVMValueRef run = gen_declare(g, "plrt_region_run", LLVMFunctionType(g->i32, params, 5, false));
    LLVMValueRef args[5] = {region_data(g, s->fn), context, trips, work, g->err};
    return gen_call(g, run, args, 5);
}

/* The variables that the region's results go to, to and from memory. */
static void put_results(gen *g, const kir_stmt *s, LLVMValueRef memory) {
    for (uint32_t i = 0, at = 0; i < s->results.len; i++)
        put_part(g, memory, &at, s->results.at[i]->ty, get_var(g, s->results.at[i]));
}

static void get_results(gen *g, const kir_stmt *s, LLVMValueRef memory) {
    for (uint32_t i = 0, at = 0; i < s->results.len; i++)
        put_var(g, s->results.at[i], get_part(g, memory, &at, s->results.at[i]->ty));
}

typedef struct writer { /* what is put aside while another function is written */
    LLVMValueRef fn, err, iteration;
    LLVMBasicBlockRef block, entry, fail;
    LLVMMetadataRef place;
    gen_value *slots; /* of the results' variables */
} writer;

static writer open_merger(gen *g, const kir_stmt *s, LLVMValueRef fn) {
    writer was = {g->fn,
                  g->err,
                  g->iteration,
                  LLVMGetInsertBlock(g->b),
                  LLVMGetInsertBlock(g->entry_b),
                  g->fail,
                  LLVMGetCurrentDebugLocation2(g->b),
                  arena_array(g->a, gen_value, s->results.len + 1)};
    LLVMSetCurrentDebugLocation2(g->b, NULL);
    g->fn = fn;
    g->err = LLVMGetParam(fn, 4);
    g->iteration = NULL;
    LLVMBasicBlockRef entry = gen_block(g, "entry"), body = gen_block(g, "body");
    LLVMPositionBuilderAtEnd(g->entry_b, entry);
    g->fail = gen_block(g, "fail");
    for (uint32_t i = 0; i < s->results.len; i++) {
        gen_value *slot = &g->vars[s->results.at[i]->id].slot;
        LLVMTypeRef t = gen_type(g, s->results.at[i]->ty);
        was.slots[i] = *slot;
        *slot = (gen_value){gen_slot(g, t, ""), slot->im ? gen_slot(g, t, "") : NULL};
    }
    gen_start(g, body);
    return was;
}

static void close_merger(gen *g, const kir_stmt *s, const writer *was) {
    gen_start(g, g->fail);
    LLVMBuildRet(g->b, gen_int32(g, 1));
    LLVMBuildBr(g->entry_b, LLVMGetNextBasicBlock(LLVMGetEntryBasicBlock(g->fn)));
    for (uint32_t i = s->results.len; i-- > 0;)
        g->vars[s->results.at[i]->id].slot = was->slots[i];
    g->fn = was->fn;
    g->err = was->err;
    g->iteration = was->iteration;
    g->fail = was->fail;
    LLVMPositionBuilderAtEnd(g->entry_b, was->entry);
    gen_start(g, was->block);
    LLVMSetCurrentDebugLocation2(g->b, was->place);
}

/* `i32 py.NAME.merged(context, results, trips, work, err)`: runs the region in blocks and combines them with the results, which
 * come and go in memory. */
static LLVMValueRef merging_function(gen *g, const kir_stmt *s) {
    LLVMTypeRef params[5] = {g->ptr, g->ptr, g->i64, g->i64, g->ptr};
    char name[128];
    snprintf(name, sizeof name, "py.%.100s.merged", s->fn->name->text);
    LLVMValueRef fn = gen_open_cold(g, name, LLVMFunctionType(g->i32, params, 5, false));
    for (unsigned i = 1; i <= 5; i += i == 2 ? 3 : 1)
        gen_attribute(g, fn, i, "noalias", 0);
    writer was = open_merger(g, s, fn);
    LLVMValueRef context = LLVMGetParam(fn, 0), results = LLVMGetParam(fn, 1), trips = LLVMGetParam(fn, 2);
    get_results(g, s, results);
    buffer b = open_buffer(g, s, region_data(g, s->fn), trips);
    LLVMBuildStore(g->b, b.data, context);
    LLVMValueRef status = call_runtime(g, s, context, trips, LLVMGetParam(fn, 3));
    LLVMBasicBlockRef good = gen_block(g, ""), after = gen_block(g, "");
    gen_branch(g, LLVMBuildICmp(g->b, LLVMIntEQ, status, gen_int32(g, 0), ""), good, after, 1);
    gen_start(g, good);
    merge(g, s, &b);
    put_results(g, s, results);
    gen_jump(g, after);
    gen_start(g, after);
    gen_release(g, LLVMBuildLoad2(g->b, g->ptr, b.owner, ""));
    LLVMBuildRet(g->b, status);
    close_merger(g, s, &was);
    return fn;
}

static void run_by_runtime(gen *g, const kir_stmt *s, LLVMValueRef trips) {
    LLVMValueRef context = fill_context(g, s), work = s->work ? gen_int64(g, s->work) : gen_int(g, INT64_MAX);
    if (!has_partials(s->fn)) {
        LLVMBuildStore(g->b, LLVMConstNull(g->ptr), context);
        gen_fail_if(g, call_runtime(g, s, context, trips, work));
        return;
    }
    LLVMValueRef results = gen_slot(g, LLVMArrayType2(g->i64, (uint64_t)partial_stride(s->fn) / 8), "results");
    put_results(g, s, results);
    LLVMValueRef args[5] = {context, results, trips, work, g->err};
    gen_fail_if(g, gen_call(g, merging_function(g, s), args, 5));
    get_results(g, s, results);
}

/* ---- much work, apart ------------------------------------------------------------------------------------------------------- *
 * Where little work has code of its own, that for more is an aside: made when it is first needed. There the region's data
 * are, so that it also hears of runs with little work: the word that goes with it says that one is meant. */

enum { FOR_MUCH, FOR_LITTLE };

static kir_block block_of(const kir_stmt **s) {
    return (kir_block){.at = (kir_stmt **)(uintptr_t)s, .len = 1, .cap = 1};
}

static void set_word(gen *g, int64_t x) {
    LLVMBuildStore(g->b, gen_int(g, x), g->word);
}

/* The word afterwards: whether little work is still to be done. */
static void write_noted(gen *g, const kir_stmt *s, void (*write)(gen *, const kir_stmt *), bool sums) {
    LLVMBasicBlockRef little = gen_block(g, "little"), much = gen_block(g, "much"), after = gen_block(g, "");
    LLVMValueRef word = LLVMBuildLoad2(g->b, g->i64, g->word, "");
    gen_branch(g, LLVMBuildICmp(g->b, LLVMIntEQ, word, gen_int(g, FOR_LITTLE), ""), little, much, -1);
    gen_start(g, little);
    LLVMValueRef whole = note(g, s, gen_int64(g, s->value));
    gen_branch(g, whole, after, sums ? after : much, 0);
    gen_start(g, much);
    set_word(g, FOR_MUCH);
    write(g, s);
    gen_jump(g, after);
    gen_start(g, after);
}

static void write_by_runtime(gen *g, const kir_stmt *s) {
    run_by_runtime(g, s, gen_int64(g, s->value));
}

static void write_region_apart(gen *g, const void *s) {
    write_noted(g, s, write_by_runtime, false);
}

static void write_versions_apart(gen *g, const void *s) {
    write_noted(g, s, gen_region, true);
}

/* The region in an aside, entered from `little` (being written) when somebody watches and from `large`. Goes on where the
 * little work is done; after the region control is at `after`. */
static void run_apart(gen *g, const kir_stmt *s, bool noted, bool sums, bool expected, LLVMBasicBlockRef large,
                      LLVMBasicBlockRef after) {
    LLVMBasicBlockRef apart = gen_block(g, "apart"), here = gen_block(g, "here"), from = NULL;
    LLVMValueRef words[2] = {gen_int(g, FOR_LITTLE), gen_int(g, FOR_MUCH)};
    if (noted)
        from = test_watched(g, apart, here);
    else
        gen_jump(g, here);
    gen_start(g, large);
    gen_jump(g, apart);
    gen_start(g, apart);
    LLVMValueRef word = LLVMBuildPhi(g->b, g->i64, "");
    LLVMBasicBlockRef blocks[2] = {from, large};
    LLVMAddIncoming(word, words + !noted, blocks + !noted, noted ? 2 : 1);
    kir_block b = block_of(&s);
    LLVMValueRef answer = gen_aside(g, &b, sums ? write_versions_apart : write_region_apart, s, word, true, expected);
    if (noted)
        gen_branch(g, LLVMBuildICmp(g->b, LLVMIntEQ, answer, gen_int(g, FOR_LITTLE), ""), here, after, -1);
    else
        gen_jump(g, after);
    gen_start(g, here);
}

/* Of two threads that compile, one has a large region and the other what leads there. Entering an aside is nothing beside
 * what is done in such a region. */
static void write_large(gen *g, const void *s) {
    gen_region(g, s);
}

enum { LARGE_STATEMENTS = 100 };

static bool count_any(kir_stmt *s, void *context) {
    (void)s;
    ++*(uint32_t *)context;
    return true;
}

static bool is_large(gen *g, const kir_stmt *s) {
    uint32_t n = 0;
    kir_block body = s->fn->body, b = block_of(&s);
    kir_each_stmt(&body, count_any, &n);
    return n > LARGE_STATEMENTS && s->work && !g->in_aside && !gen_is_looped(g) && gen_aside_fits(g, &b);
}

void gen_region(gen *g, const kir_stmt *s) {
    if (is_large(g, s)) {
        kir_block b = block_of(&s);
        gen_aside(g, &b, write_large, s, NULL, false, true);
        return;
    }
    LLVMValueRef trips = gen_int64(g, s->value);
    if (!s->work) {
        run_by_runtime(g, s, trips);
        return;
    }
    LLVMBasicBlockRef small = gen_block(g, "small"), large = gen_block(g, "large"), after = gen_block(g, "");
    LLVMBasicBlockRef some = gen_block(g, "");
    gen_branch(g, LLVMBuildICmp(g->b, LLVMIntSGT, trips, gen_int(g, 0), ""), some, after, 0);
    gen_start(g, some);
    test_work(g, s, trips, small, large);
    gen_start(g, small);
    kir_block b = block_of(&s);
    if (is_copied(s->fn) && gen_aside_fits(g, &b)) {
        run_apart(g, s, copies_blocks(s->fn), false, guess_work(g, s) != GEN_TRUE, large, after);
        run_small(g, s, trips);
    } else {
        if (copies_blocks(s->fn))
            note_run(g, s, trips, large);
        run_small(g, s, trips);
        gen_jump(g, after);
        gen_start(g, large);
        run_by_runtime(g, s, trips);
    }
    gen_jump(g, after);
    gen_start(g, after);
}

/* ---- a region and the loop as it was ---------------------------------------------------------------------------------------- */

/* The loop as it was may make arrays that the region does without. */
static bool note_more(kir_stmt *s, void *context) {
    bool *found = context;
    *found |= s->kind == KIR_REGION || (s->kind == KIR_ASSIGN && s->value->kind == KIR_ALLOC);
    return !*found;
}

static bool asks_for_overlap(const kir_expr *e) {
    bool asks = e->kind == KIR_OVERLAP;
    for (uint32_t i = 0; i < e->n_args && !asks; i++)
        asks = asks_for_overlap(e->args[i]);
    return asks;
}

static bool are_versions(const kir_stmt *s) {
    const kir_stmt *region = s->body.len == 1 ? s->body.at[0] : NULL;
    if (!region || region->kind != KIR_REGION || !region->work || rounds(region->fn) || !s->orelse.len)
        return false;
    bool found = false;
    kir_block other = s->orelse;
    kir_each_stmt(&other, note_more, &found);
    return !found && is_worth_a_copy(&s->orelse) && asks_for_overlap(s->value);
}

/* Goes on where the terms of the conjunction `e` hold, those about overlap or the others; else to `no`. */
static void test_terms(gen *g, const kir_expr *e, bool about_overlap, LLVMBasicBlockRef no) {
    if (e->kind == KIR_BINARY && e->op == KIR_OP_AND && e->ty->kind == TYPE_BOOL) {
        test_terms(g, e->args[0], about_overlap, no);
        test_terms(g, e->args[1], about_overlap, no);
    } else if (asks_for_overlap(e) == about_overlap) {
        LLVMBasicBlockRef yes = gen_block(g, "");
        gen_branch(g, gen_expr(g, e).re, yes, no, 1);
        gen_start(g, yes);
    }
}

/* As test_terms of all terms, the others first. False: none is about overlap, which is the costly one. */
bool gen_test_overlap(gen *g, const kir_expr *e, LLVMBasicBlockRef no) {
    if (!asks_for_overlap(e))
        return false;
    test_terms(g, e, false, no);
    test_terms(g, e, true, no);
    return true;
}

/* Goes to `loop` or `large`, or to `noted` when the run is to be noted first: rows so short that vectors do not fill run as
 * they were written. */
static void test_tiny(gen *g, const kir_stmt *region, LLVMBasicBlockRef loop, LLVMBasicBlockRef noted,
                      LLVMBasicBlockRef large) {
    int32_t times = widest_sum(region->fn) <= 32 ? 2 : 1;
    test_sizes(g, estimate_of(region->work), PLRT_TINY_WORK * times, true, loop);
    LLVMValueRef limit = LLVMBuildFMul(g->b, load_global(g, "plrt_tiny_work"), LLVMConstReal(g->f64, times), "");
    gen_branch(g, is_less_work(g, region, limit), noted, large, 0);
}

static gen_guess guess_tiny(const gen *g, const kir_stmt *region) {
    return gen_guess_less(g, region->work, plrt_tiny_work * (widest_sum(region->fn) <= 32 ? 2 : 1));
}

/* A nest whose order was changed for the sake of caches and vectors. */
static bool is_reordered(const kir_fn *f) {
    return f->body.len == 1 && f->body.at[0]->kind == KIR_FOR && f->body.at[0]->loop->reordered;
}

static void write_loop(gen *g, const void *b) {
    gen_statements(g, b);
}

/* if apart { region } else { loop }: the loop also where there is little work. False: that is not what `s` is. */
bool gen_region_versions(gen *g, const kir_stmt *s) {
    if (!are_versions(s))
        return false;
    const kir_stmt *region = s->body.at[0];
    LLVMBasicBlockRef failed = gen_block(g, "failed"), large = gen_block(g, "large"), loop = gen_block(g, "as_it_was"),
                      after = gen_block(g, "");
    test_terms(g, s->value, false, failed);
    kir_block b = block_of(&region);
    bool by_sizes = rounds_inside(region->fn) || is_reordered(region->fn), apart = gen_aside_fits(g, &b);
    bool much = gen_guess_of(g, s->value) != GEN_FALSE &&
                (by_sizes ? guess_tiny(g, region) : guess_work(g, region)) != GEN_TRUE;
    LLVMBasicBlockRef noted = by_sizes || apart ? gen_block(g, "tiny") : loop;
    if (by_sizes)
        test_tiny(g, region, loop, noted, large);
    else
        test_work(g, region, has_partials(region->fn) ? gen_int64(g, region->value) : NULL, noted, large);
    if (by_sizes && !apart) {
        gen_start(g, noted);
        note_run(g, region, gen_int64(g, region->value), loop);
        gen_jump(g, loop);
    }
    gen_start(g, large);
    test_terms(g, s->value, true, failed);
    if (apart) {
        LLVMBasicBlockRef tested = LLVMGetInsertBlock(g->b);
        gen_start(g, noted);
        run_apart(g, region, by_sizes, by_sizes, much, tested, after);
        gen_jump(g, loop);
    } else {
        if (by_sizes)
            gen_region(g, region);
        else
            run_by_runtime(g, region, gen_int64(g, region->value));
        gen_jump(g, after);
    }
    gen_start(g, failed);
    gen_count_exact_run(g);
    gen_jump(g, loop);
    gen_start(g, loop);
    g->warm++;
    if (!is_light(region->fn) && !gen_is_short(&s->orelse) && gen_aside_fits(g, &s->orelse))
        gen_aside(g, &s->orelse, write_loop, &s->orelse, NULL, false, !much);
    else
        gen_statements(g, &s->orelse);
    g->warm--;
    gen_jump(g, after);
    gen_start(g, after);
    return true;
}
