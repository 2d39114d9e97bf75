/* See fingerprint.h. Everything is mixed in by value or, where equal things are one (types, names, variables of one
 * function), by address; places too, since expressions that simplify makes anew take theirs from the old ones. */
#include "passes/fingerprint.h"
#include <string.h>

static uint64_t mix(uint64_t h, uint64_t x) {
    h = (h ^ x) * UINT64_C(0x9e3779b97f4a7c15);
    return h ^ h >> 32;
}

static uint64_t mix_address(uint64_t h, const void *p) {
    return mix(h, (uint64_t)(uintptr_t)p);
}

static uint64_t mix_place(uint64_t h, span at) {
    h = mix(h, (uint64_t)at.file << 48 ^ (uint64_t)at.line << 24 ^ at.col);
    return mix(h, (uint64_t)at.end_line << 32 | at.end_col);
}

static uint64_t mix_var(uint64_t h, const kir_var *v) {
    if (!v)
        return mix(h, 1);
    h = mix_address(mix_address(h, v), v->ty);
    return mix(mix_address(mix_address(h, v->name), v->called), (uint64_t)v->is_param << 1 | v->is_temp);
}

static uint64_t mix_expr(uint64_t h, const kir_expr *e);

static uint64_t mix_subs(uint64_t h, const kir_sub *at, uint32_t n) {
    h = mix(h, n);
    for (uint32_t i = 0; i < n; i++) {
        h = mix_expr(mix(h, (uint64_t)at[i].kind), at[i].start);
        h = mix_expr(mix_expr(h, at[i].length), at[i].step);
    }
    return h;
}

/* What the kind of an expression has besides operands: kinds without any have zeros there. */
static uint64_t mix_own(uint64_t h, const kir_expr *e) {
    switch (e->kind) {
    case KIR_VIEW:
        return mix_subs(h, e->subs.at, e->subs.n);
    case KIR_TRANSPOSE:
        for (uint32_t i = 0; i < e->axes.n; i++)
            h = mix(h, e->axes.at[i]);
        return h;
    case KIR_CONST: {
        uint64_t words[sizeof e->value / sizeof(uint64_t)];
        memcpy(words, &e->value, sizeof words);
        for (uint32_t i = 0; i < sizeof words / sizeof *words; i++)
            h = mix(h, words[i]);
        return h;
    }
    case KIR_GLOBAL:
        return mix(h, e->global);
    default:
        return mix(h, (uint64_t)(uint32_t)e->axis);
    }
}

static uint64_t mix_expr(uint64_t h, const kir_expr *e) {
    if (!e)
        return mix(h, 2);
    h = mix(h, (uint64_t)e->kind << 48 | (uint64_t)e->op << 32 | e->n_args);
    h = mix_own(mix_address(mix_place(h, e->at), e->ty), e);
    if (e->var)
        h = mix_var(h, e->var);
    for (uint32_t i = 0; i < e->n_args; i++)
        h = mix_expr(h, e->args[i]);
    return h;
}

static uint64_t mix_block(uint64_t h, const kir_block *b);

static uint64_t mix_stmt(uint64_t h, const kir_stmt *s) {
    h = mix_place(mix(h, (uint64_t)s->kind << 32 | s->site), s->at);
    h = mix_subs(mix_expr(mix_var(h, s->var), s->value), s->subs.at, s->subs.n);
    h = mix(h, (uint64_t)s->index.len << 32 | s->results.len);
    for (uint32_t i = 0; i < s->index.len; i++)
        h = mix_expr(h, s->index.at[i]);
    for (uint32_t i = 0; i < s->results.len; i++)
        h = mix_var(h, s->results.at[i]);
    h = mix_expr(mix_expr(mix_expr(h, s->lo), s->hi), s->step);
    h = mix_expr(mix_expr(h, s->mask), s->work);
    h = mix_address(mix_address(mix_address(h, s->target), s->fn), s->name);
    if (s->loop)
        h = mix(h, (uint64_t)s->loop->id << 1 | s->loop->cold);
    return mix_block(mix_block(h, &s->body), &s->orelse);
}

/* Statements by their addresses besides: jumps name their targets by them. */
static uint64_t mix_block(uint64_t h, const kir_block *b) {
    h = mix(h, b->len);
    for (uint32_t i = 0; i < b->len; i++)
        h = mix_stmt(mix_address(h, b->at[i]), b->at[i]);
    return h;
}

uint64_t fingerprint_of(const kir_fn *f) {
    uint64_t h = mix_block(mix_address(0, f), &f->body);
    return h ? h : 1;
}
