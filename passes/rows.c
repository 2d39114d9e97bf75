/* rows: loops that go down columns of arrays with short rows, or along short rows.
 *
 *   for %j … vector {                               if (dim(%p, 1) == 3) {
 *       %x = %p[%j, 0]                                  for %j … vector { … }
 *       %y = %p[%j, 1]                          →   } else {
 *       %z = %p[%j, 2]                                  for %j … vector { … }
 *   }                                               }
 *
 * Points are mostly kept as rows of an array: p[n, 3]. A compiler that does not know the length of a row sees a stride
 * known at run time alone, and gathers element by element. Where it is a constant, neighbouring rows are read as whole
 * vectors that shuffles part into columns, at a fraction of the time; LLVM puts the constant in place of the extent by
 * itself where a branch says that they are equal.
 *
 * Sums along rows whose length is not known have a version for at most 32 terms: LLVM's vector loop adds four vectors at a
 * time, so that short rows would be all remainder. Which of them runs depends on the number of terms alone, so that sums
 * keep their bits however many threads there are.
 *
 * The length of rows of points is guessed from the columns that the loop names: one more than the last, at least two of
 * them. Only innermost loops are copied, so the code grows little; what the copies compute is the same. Runs behind
 * precheck, whose exact copies need no version. Cost: a walk over innermost loops. */
#include "passes/cost.h"
#include "passes/passes.h"
#include "passes/vars.h"

enum { ROW_MOST = 8, ARRAYS_MOST = 4, SHORT = 32, SUMS_MOST = 2 };

typedef struct row { /* an array, and which of its columns are named, as bits */
    kir_var *array;
    uint32_t columns;
} row;

typedef struct rower {
    kir_module *m;
    kir_fn *f;
    arena *scratch;
    const kir_stmt *loop; /* being looked at */
    row rows[ARRAYS_MOST];
    uint32_t n;
    bool inner; /* nothing but straight code so far */
    bool changed;
} rower;

static void note_access(rower *z, kir_var *array, kir_expr *const *index, uint32_t n) {
    int64_t column;
    if (array->ty->layout != LAYOUT_C || n < 2 || !kir_is_const_int(index[n - 1], &column) || column < 0 ||
        column >= ROW_MOST || !vars_mentions(index[n - 2], z->loop->var))
        return;
    uint32_t k = 0;
    while (k < z->n && z->rows[k].array != array)
        k++;
    if (k == ARRAYS_MOST)
        return;
    if (k == z->n)
        z->rows[z->n++] = (row){array, 0};
    z->rows[k].columns |= 1u << column;
}

static bool note_stmt(kir_stmt *s, void *context) {
    rower *z = context;
    z->inner &= s->kind == KIR_ASSIGN || s->kind == KIR_STORE || s->kind == KIR_IF;
    if (s->kind == KIR_STORE)
        note_access(z, s->var, s->index.at, s->index.len);
    if (s->kind == KIR_ASSIGN && s->value->kind == KIR_LOAD)
        note_access(z, s->value->var, s->value->args, s->value->n_args);
    return z->inner;
}

static int64_t length_of(uint32_t columns) {
    int64_t n = 0;
    while (columns >> n)
        n++;
    return n;
}

/* All arrays have the rows that were guessed; NULL when there are none. */
static kir_expr *guess(rower *z, span at) {
    kir_expr *all = NULL;
    for (uint32_t k = 0; k < z->n; k++) {
        uint32_t columns = z->rows[k].columns;
        if ((columns & (columns - 1)) == 0)
            continue;
        kir_var *v = z->rows[k].array;
        kir_expr *length = kir_int(z->m, length_of(columns), at);
        kir_expr *same = kir_binary(z->m, KIR_OP_EQ, kir_dim(z->m, v, v->ty->ndim - 1, at), length, at);
        all = all ? kir_binary(z->m, KIR_OP_AND, all, same, at) : same;
    }
    return all;
}

static kir_stmt *in_versions(rower *z, kir_stmt *s) {
    const kir_loop_info *l = s->loop;
    if (!l->vector || l->cold || l->few || l->is_region)
        return s;
    z->loop = s;
    z->n = 0;
    z->inner = true;
    kir_each_stmt(&s->body, note_stmt, z);
    kir_expr *test = z->inner ? guess(z, s->at) : NULL;
    if (!test)
        return s;
    kir_stmt *either = kir_stmt_new(z->m, KIR_IF, s->at);
    kir_block one = {0};
    vec_push(z->scratch, &one, s);
    either->value = test;
    either->orelse = kir_copy_block(z->m, &one, pass_renamed_temps(z->m, z->f, z->scratch, &one));
    vec_push(z->m->a, &either->body, s);
    pass_mark_versions(z->m, either);
    z->changed = true;
    return either;
}

static void report_short(rower *z, uint32_t id) {
    kir_module *m = z->m;
    if (id > 0 && id < m->report.len && !m->report.at[id].tile)
        m->report.at[id].tile = arena_printf(m->a, "up to %d iterations: one vector at a time", SHORT);
}

/* As precheck makes them: a condition over the elements of a block. */
static bool only_looks(const kir_stmt *s) {
    for (uint32_t i = 0; i < s->body.len; i++)
        if (s->body.at[i]->kind != KIR_ASSIGN)
            return false;
    return s->loop->reductions.len == 0 && s->loop->id == 0;
}

/* A sum of a few terms: LLVM's vector loop, four vectors abreast, would never run. */
static kir_stmt *with_short_version(rower *z, kir_stmt *s, uint32_t depth) {
    const kir_loop_info *l = s->loop;
    int64_t step, known;
    bool sums = l->reductions.len > 0 && l->reductions.len <= SUMS_MOST;
    if (!l->vector || l->cold || l->few || l->is_region || !(sums || (depth > 1 && only_looks(s))) ||
        !kir_is_const_int(s->step, &step) || step != 1 ||
        (kir_is_const_int(s->lo, &known) && kir_is_const_int(s->hi, &known)))
        return s;
    z->loop = s;
    z->n = 0;
    z->inner = true;
    kir_each_stmt(&s->body, note_stmt, z);
    if (!z->inner)
        return s;
    kir_stmt *either = kir_stmt_new(z->m, KIR_IF, s->at);
    kir_block one = {0};
    vec_push(z->scratch, &one, s);
    either->value = kir_binary(z->m, KIR_OP_LE, cost_trip_expr(z->m, s), kir_int(z->m, SHORT, s->at), s->at);
    either->body = kir_copy_block(z->m, &one, pass_renamed_temps(z->m, z->f, z->scratch, &one));
    either->body.at[0]->loop->few = true;
    vec_push(z->m->a, &either->orelse, s);
    pass_mark_versions(z->m, either);
    report_short(z, l->id);
    z->changed = true;
    return either;
}

static void walk(rower *z, kir_block *b, uint32_t depth) {
    for (uint32_t i = 0; i < b->len; i++) {
        kir_stmt *s = b->at[i];
        walk(z, &s->body, depth + (s->kind == KIR_FOR));
        walk(z, &s->orelse, depth);
        if (s->kind != KIR_FOR)
            continue;
        b->at[i] = in_versions(z, s);
        if (depth && b->at[i] == s)
            b->at[i] = with_short_version(z, s, depth);
    }
}

bool rows_run(pass_context *c) {
    c->unchanged = true;
    for (uint32_t i = 0; i < c->m->fns.len; i++) {
        rower z = {.m = c->m, .f = c->m->fns.at[i], .scratch = c->scratch};
        if (!z.f->cold)
            walk(&z, &z.f->body, 0);
        c->unchanged &= !z.changed;
    }
    return true;
}
