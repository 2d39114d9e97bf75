/* Statements and control flow.
 *
 * A FOR runs on a counter of its own; the user's variable is set from it at the start of each iteration. Loops are
 * written bottom-tested behind a guard, as LLVM's loop passes want them:
 *
 *     if lo < hi:  k = lo;  do { var = k; body; continue: k += 1 } while k < hi       (step 1)
 *     n = number of iterations;  if n != 0:  k = 0, x = lo;  do { var = x; …; k += 1, x += step } while k != n
 *
 * Increments carry nsw: the last one, which may overflow, is never used. */
#include "llvm/gen.h"

#include <llvm-c/DebugInfo.h>
#include <string.h>

/* ---- failing ------------------------------------------------------------------------------------------------------------ */

static LLVMValueRef error_field(gen *g, int64_t offset) {
    LLVMValueRef at = gen_int(g, offset);
    return LLVMBuildInBoundsGEP2(g->b, g->i8, g->err, &at, 1, "");
}

/* Fills *err and leaves the function. */
void gen_raise(gen *g, int32_t site, const LLVMValueRef *slots, uint32_t n) {
    LLVMBuildStore(g->b, gen_int32(g, site), error_field(g, offsetof(plrt_error, site)));
    LLVMBuildStore(g->b, gen_int32(g, (int32_t)n), error_field(g, offsetof(plrt_error, nargs)));
    if (g->iteration)
        LLVMBuildStore(g->b, LLVMBuildLoad2(g->b, g->i64, g->iteration, ""),
                       error_field(g, offsetof(plrt_error, iteration)));
    for (uint32_t i = 0; i < n; i++)
        LLVMBuildStore(g->b, slots[i], error_field(g, (int64_t)offsetof(plrt_error, args) + 8 * i));
    gen_jump(g, g->fail);
}

static void raise_site(gen *g, const kir_stmt *s) {
    LLVMValueRef slots[6];
    uint32_t n = s->index.len < 6 ? s->index.len : 6;
    for (uint32_t i = 0; i < n; i++)
        slots[i] = gen_to_slot(g, gen_expr(g, s->index.at[i]), s->index.at[i]->ty);
    gen_raise(g, (int32_t)s->site, slots, n);
}

static void check(gen *g, const kir_stmt *s) {
    LLVMValueRef c = gen_expr(g, s->value).re;
    LLVMBasicBlockRef bad = gen_block(g, "raise"), good = gen_block(g, "");
    gen_branch(g, c, good, bad, 1);
    gen_start(g, bad);
    raise_site(g, s);
    gen_start(g, good);
}

/* A callee's status: *err is filled already; in a region the iteration is noted. */
void gen_fail_if(gen *g, LLVMValueRef status) {
    LLVMBasicBlockRef good = gen_block(g, ""), bad = g->iteration ? gen_block(g, "failed") : g->fail;
    gen_branch(g, LLVMBuildICmp(g->b, LLVMIntNE, status, gen_int32(g, 0), ""), bad, good, -1);
    if (g->iteration) {
        gen_start(g, bad);
        LLVMBuildStore(g->b, LLVMBuildLoad2(g->b, g->i64, g->iteration, ""),
                       error_field(g, offsetof(plrt_error, iteration)));
        gen_jump(g, g->fail);
    }
    gen_start(g, good);
}

static LLVMValueRef declare_take(gen *g) {
    LLVMTypeRef params[1] = {g->ptr};
    return gen_declare(g, "plrt_interrupt_take", LLVMFunctionType(g->i32, params, 1, false));
}

/* The question to the host as a function of the module, which leaves all registers as they are but one: at the end of an
 * outer loop the usual call would have everything that the nest uses saved, and fetched again for each row. */
static LLVMValueRef sparing_take(gen *g) {
    static const char name[] = "plait.interrupted";
    LLVMValueRef take = declare_take(g), fn = LLVMGetNamedFunction(g->module, name);
    if (!g->is_x86)
        return take;
    if (fn)
        return fn;
    fn = gen_open_cold(g, name, LLVMGlobalGetValueType(take));
    LLVMSetFunctionCallConv(fn, LLVMPreserveMostCallConv);
    LLVMBuilderRef b = LLVMCreateBuilderInContext(g->context);
    LLVMPositionBuilderAtEnd(b, LLVMAppendBasicBlockInContext(g->context, fn, ""));
    LLVMValueRef err = LLVMGetParam(fn, 0);
    LLVMBuildRet(b, LLVMBuildCall2(b, LLVMGlobalGetValueType(take), take, &err, 1, ""));
    LLVMDisposeBuilder(b);
    return fn;
}

static void poll(gen *g, LLVMValueRef take) {
    LLVMValueRef flag = gen_runtime_global(g, "plrt_interrupted", g->i32);
    LLVMValueRef seen = LLVMBuildLoad2(g->b, g->i32, flag, "");
    LLVMSetVolatile(seen, true);
    LLVMBasicBlockRef asked = gen_block(g, "interrupted"), on = gen_block(g, "");
    gen_branch(g, LLVMBuildICmp(g->b, LLVMIntNE, seen, gen_int32(g, 0), ""), asked, on, -1);
    gen_start(g, asked);
    LLVMValueRef taken = gen_call(g, take, &g->err, 1);
    LLVMSetInstructionCallConv(taken, LLVMGetFunctionCallConv(take));
    gen_fail_if(g, taken);
    gen_jump(g, on);
    gen_start(g, on);
}

/* At a back edge or a call: a flag in memory, and behind it the question to the host. */
void gen_poll_interrupt(gen *g) {
    poll(g, declare_take(g));
}

/* ---- loops -------------------------------------------------------------------------------------------------------------- */

static LLVMMetadataRef loop_property(gen *g, const char *name, LLVMValueRef value) {
    LLVMMetadataRef parts[2] = {gen_md_string(g, name), value ? LLVMValueAsMetadata(value) : NULL};
    return LLVMMDNodeInContext2(g->context, parts, value ? 2 : 1);
}

/* Lines that instructions are fetched by: a short loop that crosses one takes up to half as long again (gen.c). */
enum { LOOP_ALIGN = 64 };

enum { VECTOR_MOST = 64 /* bytes */ };

static bool note_widest(kir_stmt *s, void *context) {
    int64_t *widest = context, size = s->kind == KIR_STORE || s->kind == KIR_ASSIGN ? type_size(s->var->ty) : 0;
    if (s->kind == KIR_STORE)
        size = type_size(s->var->ty->dtype);
    if (size > *widest)
        *widest = size;
    return true;
}

/* One vector of a processor's each: a single one of all iterations would hold their masks in one register, and cutting
 * that up and putting it together again takes longer than the numbers do. */
static int64_t lanes_abreast(kir_stmt *s, int64_t trips) {
    int64_t widest = 1;
    kir_each_stmt(&s->body, note_widest, &widest);
    int64_t lanes = VECTOR_MOST / widest;
    return lanes > 0 && trips % lanes == 0 ? lanes : trips;
}

/* !llvm.loop on the back edge. A loop's identity is a node that names itself. */
static void describe_loop(gen *g, const kir_stmt *s, LLVMValueRef back_edge, LLVMValueRef group) {
    const kir_loop_info *l = s->loop;
    LLVMMetadataRef parts[10];
    unsigned n = 1;
    if (group) {
        LLVMMetadataRef both[2] = {gen_md_string(g, "llvm.loop.parallel_accesses"), LLVMValueAsMetadata(group)};
        parts[n++] = LLVMMDNodeInContext2(g->context, both, 2);
    }
    if (l->cold && !g->warm) {
        parts[n++] = loop_property(g, "llvm.loop.vectorize.width", gen_int32(g, 1));
        parts[n++] = loop_property(g, "llvm.loop.interleave.count", gen_int32(g, 1));
        parts[n++] = loop_property(g, "llvm.loop.unroll.disable", NULL);
        parts[n++] = loop_property(g, "llvm.loop.distribute.enable", LLVMConstInt(g->i1, 0, false));
    } else if (g->is_x86) {
        parts[n++] = loop_property(g, "llvm.loop.align", gen_int32(g, LOOP_ALIGN));
    }
    if (l->abreast) {
        int64_t trips = 0;
        kir_is_const_int(s->hi, &trips);
        int64_t lanes = lanes_abreast((kir_stmt *)(uintptr_t)s, trips);
        parts[n++] = loop_property(g, "llvm.loop.vectorize.width", gen_int32(g, (int32_t)lanes));
        parts[n++] = loop_property(g, "llvm.loop.interleave.count", gen_int32(g, (int32_t)(trips / lanes)));
        parts[n++] = loop_property(g, "llvm.loop.unroll.disable", NULL);
    }
    if (l->few && !l->cold && !l->abreast)
        parts[n++] = loop_property(g, "llvm.loop.interleave.count", gen_int32(g, 1));
    if (l->few && !l->cold && !l->vector)
        parts[n++] = loop_property(g, "llvm.loop.vectorize.width", gen_int32(g, 1));
    if (n == 1)
        return;
    LLVMMetadataRef self = LLVMTemporaryMDNode(g->context, NULL, 0);
    parts[0] = self;
    LLVMMetadataRef node = LLVMMDNodeInContext2(g->context, parts, n);
    LLVMMetadataReplaceAllUsesWith(self, node);
    LLVMSetMetadata(back_edge, g->md_loop, LLVMMetadataAsValue(g->context, node));
}

static bool note_assigned(kir_stmt *s, void *context) {
    bool *assigned = context;
    if (s->var && (s->kind == KIR_ASSIGN || s->kind == KIR_FOR))
        assigned[s->var->id] = true;
    for (uint32_t i = 0; i < s->results.len; i++)
        assigned[s->results.at[i]->id] = true;
    return true;
}

static bool note_obstacle(kir_stmt *s, void *context) {
    bool *packs = context;
    bool array = s->var && s->var->ty->kind == TYPE_ARRAY;
    if (!(s->kind == KIR_STORE || s->kind == KIR_IF || s->kind == KIR_CHECK || (s->kind == KIR_ASSIGN && !array)))
        *packs = false;
    return *packs;
}

/* Straight code in a loop of independent iterations. A cold version has its fast version's functions, so that a failed
 * guard does not change the last bit: there, checks are overlooked. */
static bool may_pack(const kir_stmt *s) {
    const kir_loop_info *l = s->loop;
    bool packs = l->vector || l->cold || l->kind == KIR_LOOP_ARRAY;
    kir_block body = s->body;
    if (packs)
        kir_each_stmt(&body, note_obstacle, &packs);
    return packs;
}

static void push_loop(gen *g, const kir_stmt *s) {
    bool independent = s->loop->vector && !s->loop->cold && g->groups && g->groups[g->n_groups];
    g->loops[g->depth] = s->loop;
    g->packs[g->depth] = may_pack(s);
    g->assigned[g->depth] = arena_array(g->a, bool, g->f->next_var + 1);
    g->assigned[g->depth][s->var->id] = true;
    kir_block body = s->body;
    kir_each_stmt(&body, note_assigned, g->assigned[g->depth]);
    g->access[g->depth++] = independent ? g->groups[g->n_groups++] : NULL;
}

/* Iterations of range(lo, hi, step) without overflow: ((hi - lo - 1) as unsigned) / step + 1, mirrored downwards. */
static LLVMValueRef count_up(gen *g, LLVMValueRef lo, LLVMValueRef hi, LLVMValueRef step) {
    LLVMValueRef last = LLVMBuildSub(g->b, LLVMBuildSub(g->b, hi, lo, ""), gen_int(g, 1), "");
    LLVMValueRef n = LLVMBuildAdd(g->b, LLVMBuildUDiv(g->b, last, step, ""), gen_int(g, 1), "");
    LLVMValueRef some = LLVMBuildICmp(g->b, LLVMIntSLT, lo, hi, "");
    return LLVMBuildSelect(g->b, some, n, gen_int(g, 0), "");
}

static LLVMValueRef count_trips(gen *g, LLVMValueRef lo, LLVMValueRef hi, LLVMValueRef step) {
    if (LLVMIsAConstantInt(step)) {
        int64_t x = LLVMConstIntGetSExtValue(step);
        LLVMValueRef size = LLVMConstInt(g->i64, x < 0 ? 0 - (uint64_t)x : (uint64_t)x, false);
        return x > 0 ? count_up(g, lo, hi, size) : count_up(g, hi, lo, size);
    }
    LLVMValueRef up = LLVMBuildICmp(g->b, LLVMIntSGT, step, gen_int(g, 0), "");
    LLVMValueRef size = LLVMBuildSelect(g->b, up, step, LLVMBuildNeg(g->b, step, ""), "");
    LLVMValueRef zero = LLVMBuildICmp(g->b, LLVMIntEQ, size, gen_int(g, 0), "");
    size = LLVMBuildSelect(g->b, zero, gen_int(g, 1), size, "");
    LLVMValueRef from = LLVMBuildSelect(g->b, up, lo, hi, ""), to = LLVMBuildSelect(g->b, up, hi, lo, "");
    return count_up(g, from, to, size);
}

/* ---- a loop's counter ---------------------------------------------------------------------------------------------------- */

typedef struct counter {            /* of the loop being written */
    LLVMValueRef k, x, hi, n, step; /* step NULL: x is k, which runs from lo to hi */
    LLVMBasicBlockRef body, latch, after;
    LLVMBasicBlockRef next_piece; /* NULL: the loop is not cut */
    LLVMValueRef first_k, first_x, limit;
} counter;

static bool is_unit_step(const kir_stmt *s) {
    int64_t step = 1;
    return !s->step || (kir_is_const_int(s->step, &step) && step == 1);
}

/* Begins a piece: from `first` on, as many iterations as there are, at most `size`. */
static void open_piece(gen *g, counter *c, LLVMValueRef from, LLVMValueRef lo, LLVMBasicBlockRef before, int64_t size) {
    c->next_piece = gen_block(g, "next_piece");
    c->first_k = LLVMBuildPhi(g->b, g->i64, "");
    LLVMAddIncoming(c->first_k, &from, &before, 1);
    if (c->step) {
        c->first_x = LLVMBuildPhi(g->b, g->i64, "");
        LLVMAddIncoming(c->first_x, &lo, &before, 1);
    }
    LLVMValueRef end = c->step ? c->n : c->hi, left = LLVMBuildSub(g->b, end, c->first_k, "");
    LLVMValueRef last = LLVMBuildICmp(g->b, LLVMIntULE, left, gen_int(g, size), "");
    c->limit = LLVMBuildSelect(g->b, last, end, LLVMBuildAdd(g->b, c->first_k, gen_int(g, size), ""), "");
}

static counter open_counter(gen *g, const kir_stmt *s) {
    counter c = {.body = gen_block(g, "loop"), .latch = gen_block(g, "next"), .after = gen_block(g, "after")};
    LLVMValueRef lo = gen_int64(g, s->lo), some, from;
    c.hi = gen_int64(g, s->hi);
    if (is_unit_step(s)) {
        some = LLVMBuildICmp(g->b, LLVMIntSLT, lo, c.hi, "");
        from = lo;
        c.limit = c.hi;
    } else {
        c.step = gen_int64(g, s->step);
        c.n = count_trips(g, lo, c.hi, c.step);
        some = LLVMBuildICmp(g->b, LLVMIntNE, c.n, gen_int(g, 0), "");
        from = gen_int(g, 0);
        c.limit = c.n;
    }
    LLVMBasicBlockRef before = LLVMGetInsertBlock(g->b), piece = NULL;
    int64_t size = gen_piece(g, s);
    if (size > 0)
        piece = gen_block(g, "piece");
    gen_branch(g, some, piece ? piece : c.body, c.after, 0);
    if (piece) {
        gen_start(g, piece);
        open_piece(g, &c, from, lo, before, size);
        from = c.first_k;
        lo = c.first_x;
        before = piece;
        gen_jump(g, c.body);
    }
    gen_start(g, c.body);
    c.k = c.x = LLVMBuildPhi(g->b, g->i64, "");
    LLVMAddIncoming(c.k, &from, &before, 1);
    if (c.step) {
        c.x = LLVMBuildPhi(g->b, g->i64, "");
        LLVMAddIncoming(c.x, &lo, &before, 1);
    }
    return c;
}

static void close_piece(gen *g, const counter *c, LLVMValueRef next, LLVMValueRef value) {
    LLVMBasicBlockRef piece = LLVMGetInstructionParent(c->first_k);
    gen_start(g, c->next_piece);
    gen_poll_interrupt(g);
    LLVMBasicBlockRef from = LLVMGetInsertBlock(g->b);
    LLVMAddIncoming(c->first_k, &next, &from, 1);
    if (c->step)
        LLVMAddIncoming(c->first_x, &value, &from, 1);
    LLVMValueRef more = LLVMBuildICmp(g->b, LLVMIntNE, next, c->step ? c->n : c->hi, "");
    gen_branch(g, more, piece, c->after, 0);
}

static LLVMValueRef close_counter(gen *g, const counter *c) {
    LLVMValueRef next =
        c->step ? LLVMBuildNUWAdd(g->b, c->k, gen_int(g, 1), "") : LLVMBuildNSWAdd(g->b, c->k, gen_int(g, 1), "");
    LLVMValueRef value = c->step ? LLVMBuildNSWAdd(g->b, c->x, c->step, "") : next;
    LLVMValueRef more = c->step ? LLVMBuildICmp(g->b, LLVMIntNE, next, c->limit, "")
                                : LLVMBuildICmp(g->b, LLVMIntSLT, next, c->limit, "");
    LLVMBasicBlockRef from = LLVMGetInsertBlock(g->b);
    LLVMAddIncoming(c->k, &next, &from, 1);
    if (c->step)
        LLVMAddIncoming(c->x, &value, &from, 1);
    LLVMValueRef back = LLVMBuildCondBr(g->b, more, c->body, c->next_piece ? c->next_piece : c->after);
    g->terminated = true;
    if (c->next_piece)
        close_piece(g, c, next, value);
    return back;
}

/* Exact copies count their runs, so that tests see which way a test at entry went. */
void gen_count_exact_run(gen *g) {
    LLVMBuildAtomicRMW(g->b, LLVMAtomicRMWBinOpAdd, gen_runtime_global(g, "plrt_exact_runs", g->i64), gen_int(g, 1),
                       LLVMAtomicOrderingMonotonic, false);
}

static void enter_exact_copy(gen *g, const kir_stmt *s) {
    for (uint32_t d = 0; d < g->depth; d++)
        if (g->loops[d]->cold)
            return;
    if (s->loop->cold && !g->warm)
        gen_count_exact_run(g);
}

static void write_for(gen *g, const kir_stmt *s) {
    if (g->depth == GEN_MAX_DEPTH) {
        diag_report(g->m->diags, DIAG_LOWERING, s->at, NULL, "loops are nested more than %d deep", GEN_MAX_DEPTH);
        return;
    }
    enter_exact_copy(g, s);
    counter c = open_counter(g, s);
    uint32_t conditions = g->conditions;
    g->conditions = 0;
    push_loop(g, s);
    double trips = gen_guess_enter(g, s);
    LLVMValueRef group = g->access[g->depth - 1];
    gen_target target = {s, c.after, c.latch, g->targets};
    g->targets = &target;
    LLVMBuildStore(g->b, c.x, g->vars[s->var->id].slot.re);
    if (s->loop->is_region && g->iteration)
        LLVMBuildStore(g->b, c.x, g->iteration);
    gen_statements(g, &s->body);
    gen_jump(g, c.latch);
    gen_start(g, c.latch);
    g->targets = target.outer;
    gen_guess_leave(g, trips);
    if (gen_runs_long(&s->body))
        poll(g, sparing_take(g));
    describe_loop(g, s, close_counter(g, &c), group);
    g->depth--;
    g->conditions = conditions;
    gen_start(g, c.after);
}

static void write_endless(gen *g, const kir_stmt *s) {
    LLVMBasicBlockRef body = gen_block(g, "while"), next = gen_block(g, "again"), after = gen_block(g, "after");
    gen_target target = {s, after, next, g->targets};
    gen_jump(g, body);
    gen_start(g, body);
    g->targets = &target;
    double trips = gen_guess_enter(g, s);
    gen_statements(g, &s->body);
    gen_guess_leave(g, trips);
    g->targets = target.outer;
    gen_jump(g, next);
    gen_start(g, next);
    gen_poll_interrupt(g);
    gen_jump(g, body);
    gen_start(g, after);
}

static void write_block(gen *g, const kir_stmt *s) {
    gen_target target = {s, gen_block(g, "after"), NULL, g->targets};
    g->targets = &target;
    gen_statements(g, &s->body);
    g->targets = target.outer;
    gen_jump(g, target.on_break);
    gen_start(g, target.on_break);
}

static void leave(gen *g, const kir_stmt *s) {
    for (const gen_target *t = g->targets; t; t = t->outer)
        if (t->stmt == s->target) {
            gen_jump(g, s->kind == KIR_BREAK ? t->on_break : t->on_continue);
            return;
        }
}

static void write_if(gen *g, const kir_stmt *s) {
    if (gen_region_versions(g, s))
        return;
    LLVMBasicBlockRef yes = gen_block(g, "then"), after = gen_block(g, "");
    LLVMBasicBlockRef no = s->orelse.len ? gen_block(g, "else") : after;
    if (gen_test_overlap(g, s->value, no))
        gen_jump(g, yes);
    else
        gen_branch(g, gen_expr(g, s->value).re, yes, no, 0);
    g->conditions++;
    gen_start(g, yes);
    gen_guess guess = gen_guess_of(g, s->value);
    gen_arm(g, &s->body, &s->orelse, false, guess);
    gen_jump(g, after);
    if (s->orelse.len) {
        gen_start(g, no);
        gen_arm(g, &s->orelse, &s->body, true, gen_guess_not(guess));
        gen_jump(g, after);
    }
    g->conditions--;
    gen_start(g, after);
}

/* ---- assignments, calls, results ---------------------------------------------------------------------------------------- */

static void put_scalar(gen *g, const kir_var *v, gen_value x) {
    const gen_var *s = &g->vars[v->id];
    LLVMBuildStore(g->b, x.re, s->slot.re);
    if (s->slot.im)
        LLVMBuildStore(g->b, x.im, s->slot.im);
}

static void assign(gen *g, const kir_stmt *s) {
    if (s->var->ty->kind == TYPE_ARRAY)
        gen_assign_array(g, s->var, s->value);
    else
        put_scalar(g, s->var, gen_expr(g, s->value));
}

static void store(gen *g, const kir_stmt *s) {
    gen_value v = gen_expr(g, s->value);
    gen_store(g, s->var->ty->dtype, gen_element(g, s->var, s->index.at, s->index.len), v, s->var->ty->aligned);
}

/* An array result carries a reference of its own: a new one, unless the variable's own can be handed on. */
static uint32_t result_array(gen *g, type *t, const kir_expr *e, LLVMValueRef *fields) {
    gen_array a = gen_load_array(g, e->var);
    for (uint32_t i = 0; i < t->ndim && t->layout == LAYOUT_A; i++)
        a.strides[i] = gen_stride(g, e->var->ty, &a, i);
    gen_retain(g, a.owner);
    return gen_array_fields(g, t, &a, fields);
}

static void write_return(gen *g, const kir_stmt *s) {
    LLVMValueRef fields[GEN_MAX_FIELDS];
    for (uint32_t i = 0, at = 0; i < s->index.len && at < g->n_results; i++) {
        const kir_expr *e = s->index.at[i];
        uint32_t n = 1;
        if (e->ty->kind == TYPE_ARRAY) {
            n = result_array(g, g->f->results.at[i], e, fields);
        } else {
            gen_value v = gen_expr(g, e);
            fields[0] = v.re;
            fields[1] = v.im;
            n = v.im ? 2 : 1;
        }
        for (uint32_t k = 0; k < n; k++)
            LLVMBuildStore(g->b, fields[k], g->results[at++].re);
    }
    gen_jump(g, g->done);
}

/* An array argument in the fields that the parameter's layout asks for. */
static uint32_t argument(gen *g, type *t, const kir_expr *e, LLVMValueRef *fields) {
    if (t->kind == TYPE_ARRAY) {
        gen_array a = gen_load_array(g, e->var);
        for (uint32_t i = 0; i < t->ndim && t->layout == LAYOUT_A; i++)
            a.strides[i] = gen_stride(g, e->var->ty, &a, i);
        return gen_array_fields(g, t, &a, fields);
    }
    gen_value v = gen_expr(g, e);
    fields[0] = v.re;
    fields[1] = v.im;
    return v.im ? 2 : 1;
}

static void call(gen *g, const kir_stmt *s) {
    const gen_fn *callee = gen_fn_of(g, s->fn);
    VEC(LLVMValueRef) args = {0};
    LLVMValueRef fields[GEN_MAX_FIELDS];
    for (uint32_t i = 0; i < s->index.len; i++)
        for (uint32_t k = 0, n = argument(g, s->fn->params.at[i]->ty, s->index.at[i], fields); k < n; k++)
            vec_push(g->a, &args, fields[k]);
    if (g->is_recursive)
        vec_push(g->a, &args, g->stack_limit ? g->stack_limit : LLVMConstNull(g->ptr));
    vec_push(g->a, &args, g->err);
    LLVMValueRef all = LLVMBuildCall2(g->b, callee->type, callee->value, args.at, args.len, "");
    if (callee->result == g->i32) {
        gen_fail_if(g, all);
        return;
    }
    gen_fail_if(g, LLVMBuildExtractValue(g->b, all, 0, ""));
    LLVMTypeRef field_types[GEN_MAX_FIELDS];
    for (uint32_t i = 0, from = 1; i < s->results.len; i++) {
        uint32_t n = gen_fields(g, s->results.at[i]->ty, field_types);
        for (uint32_t k = 0; k < n; k++)
            fields[k] = LLVMBuildExtractValue(g->b, all, from++, "");
        gen_put_var(g, s->results.at[i], fields, n);
    }
}

static void statement(gen *g, const kir_stmt *s) {
    gen_debug_at(g, s->at);
    gen_guess_work(g, s);
    switch (s->kind) {
    case KIR_ASSIGN:
        gen_guess_assigned(g, s);
        assign(g, s);
        break;
    case KIR_STORE:
        store(g, s);
        break;
    case KIR_IF:
        write_if(g, s);
        break;
    case KIR_FOR:
        write_for(g, s);
        break;
    case KIR_LOOP:
        write_endless(g, s);
        break;
    case KIR_BLOCK:
        write_block(g, s);
        break;
    case KIR_BREAK:
    case KIR_CONTINUE:
        leave(g, s);
        break;
    case KIR_RETURN:
        write_return(g, s);
        break;
    case KIR_CHECK:
        check(g, s);
        break;
    case KIR_RAISE:
        raise_site(g, s);
        break;
    case KIR_CALL:
        gen_guess_called(g, s);
        call(g, s);
        break;
    case KIR_RUNTIME:
        gen_runtime(g, s);
        break;
    case KIR_REGION:
        gen_region(g, s);
        break;
    default:
        diag_report(g->m->diags, DIAG_INTERNAL, s->at, NULL, "a whole-array statement reached code generation");
        break;
    }
}

/* What follows a statement that leaves is unreachable and not written. */
void gen_statements(gen *g, const kir_block *b) {
    for (uint32_t i = 0; i < b->len && !g->terminated; i++)
        statement(g, b->at[i]);
}
