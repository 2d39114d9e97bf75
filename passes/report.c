/* The parallel report: one entry per loop of the source, with a reason from reasons.def. A loop may exist several times
 * (inlined twice, versioned by a guard); the entry then tells of the parallel copy. */
#include "kir/op.h"
#include "passes/pass.h"
#include "passes/vars.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct reason {
    const char *code, *sentence, *hint;
} reason;

static const reason reasons[] = {
#define REASON(code, sentence, hint) {#code, sentence, hint},
#include "passes/reasons.def"
#undef REASON
};

static const reason *find_reason(const char *code) {
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (strcmp(reasons[i].code, code) == 0)
            return &reasons[i];
    return NULL;
}

const char *pass_reason_code(size_t i) {
    return i < sizeof reasons / sizeof *reasons ? reasons[i].code : NULL;
}

/* Fills the %s of a sentence, in order. Sentences hold nothing else that printf would read. */
static const char *fill(arena *a, const char *sentence, va_list *args) {
    text t = text_new(a);
    text_put(&t, "");
    for (const char *p = sentence; *p;) {
        const char *mark = strstr(p, "%s");
        text_putn(&t, p, mark ? (size_t)(mark - p) : strlen(p));
        if (!mark)
            break;
        text_put(&t, va_arg(*args, const char *));
        p = mark + 2;
    }
    return t.at;
}

void pass_decide(kir_module *m, uint32_t loop, kir_decision decision, const char *code, ...) {
    const reason *why = find_reason(code);
    if (!loop || loop >= m->report.len || !why)
        return;
    kir_report *r = &m->report.at[loop];
    if (r->reason && r->decision == KIR_PARALLEL && decision == KIR_SERIAL)
        return;
    va_list args, again;
    va_start(args, code);
    va_copy(again, args);
    r->decision = decision;
    r->reason = why->code;
    r->text = fill(m->a, why->sentence, &args);
    r->hint = why->hint ? fill(m->a, why->hint, &again) : NULL;
    va_end(again);
    va_end(args);
}

static const char *fill_with(arena *a, const char *sentence, ...) {
    va_list args;
    va_start(args, sentence);
    const char *r = fill(a, sentence, &args);
    va_end(args);
    return r;
}

const char *pass_sentence(kir_module *m, const char *code, const char *first, const char *second) {
    const reason *why = find_reason(code);
    return why ? fill_with(m->a, why->sentence, first ? first : "", second ? second : "") : code;
}

/* ---- names in the user's words ------------------------------------------------------------------------------------------ */

static const char *name_of(const kir_var *v) {
    sym name = v->called ? v->called : v->name;
    return name ? name->text : NULL;
}

static const char *name_of_made(kir_module *m, const kir_var *v, const kir_stmt *d) {
    uint32_t line = d->at.line ? d->at.line : v->at.line;
    return line ? arena_printf(m->a, "an array made in line %u", line) : "an array";
}

const char *pass_array_name(kir_module *m, const var_defs *defs, const kir_var *v) {
    bool looks_into = false;
    for (int steps = 0; steps < 64 && v; steps++) {
        if (name_of(v))
            return looks_into ? arena_printf(m->a, "a view of %s", name_of(v)) : name_of(v);
        const kir_stmt *d = defs->only[v->id];
        if (!d || d->kind != KIR_ASSIGN)
            break;
        if (d->value->kind == KIR_ALLOC)
            return name_of_made(m, v, d);
        looks_into |= d->value->kind != KIR_VAR;
        v = d->value->var;
    }
    return "an array";
}

const char *pass_var_name(kir_module *m, const kir_var *v, kir_op op) {
    static const struct {
        kir_op op;
        const char *word;
    } results[] = {{KIR_OP_ADD, "a sum"},       {KIR_OP_MUL, "a product"},  {KIR_OP_MIN, "a minimum"},
                   {KIR_OP_NPMIN, "a minimum"}, {KIR_OP_FMIN, "a minimum"}, {KIR_OP_MAX, "a maximum"},
                   {KIR_OP_NPMAX, "a maximum"}, {KIR_OP_FMAX, "a maximum"}, {KIR_OP_AND, "an all()"},
                   {KIR_OP_OR, "an any()"}};
    if (name_of(v))
        return name_of(v);
    const char *what = v->ty->kind == TYPE_ARRAY ? "an array" : "an intermediate result";
    for (size_t i = 0; v->ty->kind != TYPE_ARRAY && i < sizeof results / sizeof *results; i++)
        if (results[i].op == op)
            what = results[i].word;
    return v->at.line ? arena_printf(m->a, "%s made in line %u", what, v->at.line) : what;
}

/* ---- conditions in the user's words ------------------------------------------------------------------------------------ */

typedef struct speller {
    kir_module *m;
    const var_defs *defs;
    text *out;
    uint32_t depth;
} speller;

enum { DEEPEST = 12 };

static void put(speller *p, const kir_expr *e);

/* What a temporary holds, when it is assigned once: shown in its place. */
static const kir_expr *held_by(const speller *p, const kir_var *v) {
    const kir_stmt *d = p->defs && !name_of(v) ? p->defs->only[v->id] : NULL;
    return d && d->kind == KIR_ASSIGN && p->depth < DEEPEST ? d->value : NULL;
}

static void put_name(speller *p, const kir_var *v) {
    const kir_expr *value = held_by(p, v);
    if (v->ty->kind == TYPE_ARRAY)
        text_put(p->out, p->defs ? pass_array_name(p->m, p->defs, v) : name_of(v) ? name_of(v) : "an array");
    else if (value)
        put(p, value);
    else
        text_put(p->out, name_of(v) ? name_of(v) : "an intermediate value");
}

static void put_list(speller *p, kir_expr *const *at, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        text_put(p->out, i ? ", " : "");
        put(p, at[i]);
    }
}

static const kir_expr *without_casts(const speller *p, const kir_expr *e) {
    while (e->kind == KIR_WRAP || e->kind == KIR_CAST || (e->kind == KIR_VAR && e->ty->kind != TYPE_ARRAY)) {
        const kir_expr *next = e->kind == KIR_VAR ? held_by(p, e->var) : e->args[0];
        if (!next)
            break;
        e = next;
    }
    return e;
}

static void put_operand(speller *p, const kir_expr *e) {
    const kir_expr *inner = without_casts(p, e);
    bool compound = (inner->kind == KIR_BINARY && kir_op_facts(inner->op)->infix) || inner->kind == KIR_SELECT;
    text_put(p->out, compound ? "(" : "");
    put(p, e);
    text_put(p->out, compound ? ")" : "");
}

static bool is_logical(const kir_expr *e) {
    return e->ty->kind == TYPE_BOOL && (e->op == KIR_OP_AND || e->op == KIR_OP_OR);
}

/* `a or b` beside an `and`: to be read without knowing which binds closer. */
static bool mixes(const kir_expr *e) {
    for (uint32_t i = 0; is_logical(e) && i < 2; i++)
        if (e->args[i]->kind == KIR_BINARY && is_logical(e->args[i]) && e->args[i]->op != e->op)
            return true;
    return false;
}

/* Arithmetic beside a comparison needs no parentheses, a choice does. */
static void put_side(speller *p, const kir_expr *e, bool of_comparison) {
    if (of_comparison && without_casts(p, e)->kind != KIR_SELECT)
        put(p, e);
    else
        put_operand(p, e);
}

static void put_binary(speller *p, const kir_expr *e) {
    const char *sign = is_logical(e) ? (e->op == KIR_OP_AND ? "and" : "or") : kir_op_facts(e->op)->infix;
    int64_t c;
    if (!sign) {
        text_printf(p->out, "%s(", e->op == KIR_OP_MIN ? "min" : e->op == KIR_OP_MAX ? "max" : kir_op_name(e->op));
        put_list(p, e->args, 2);
        text_put(p->out, ")");
        return;
    }
    bool compares = is_logical(e) || (e->op >= KIR_OP_EQ && e->op <= KIR_OP_GE);
    bool negative = e->op == KIR_OP_ADD && kir_is_const_int(e->args[1], &c) && c < 0;
    put_side(p, e->args[0], compares && !mixes(e));
    if (negative) {
        text_printf(p->out, " - %lld", -(long long)c);
        return;
    }
    text_printf(p->out, " %s ", sign);
    put_side(p, e->args[1], compares && !mixes(e));
}

static void put_unary(speller *p, const kir_expr *e) {
    static const char *const words[] = {[KIR_OP_NEG] = "-", [KIR_OP_NOT] = "not ", [KIR_OP_INVERT] = "~"};
    const char *word = e->op < sizeof words / sizeof *words ? words[e->op] : NULL;
    if (word) {
        text_put(p->out, word);
        put_operand(p, e->args[0]);
        return;
    }
    text_printf(p->out, "%s(", kir_op_name(e->op));
    put_list(p, e->args, e->n_args);
    text_put(p->out, ")");
}

static void put_number(const kir_expr *e, text *out) {
    int64_t c;
    if (kir_is_const_int(e, &c))
        text_printf(out, e->ty->kind == TYPE_BOOL ? (c ? "True" : "False") : "%lld", (long long)c);
    else if (e->ty->kind == TYPE_FLOAT)
        text_printf(out, "%.12g", e->value.f);
    else
        text_printf(out, "(%.12g%+.12gj)", e->value.c[0], e->value.c[1]);
}

static void put_select(speller *p, const kir_expr *e) {
    put_operand(p, e->args[1]);
    text_put(p->out, " if ");
    put(p, e->args[0]);
    text_put(p->out, " else ");
    put_operand(p, e->args[2]);
}

static void put(speller *p, const kir_expr *e) {
    p->depth++;
    switch (e->kind) {
    case KIR_CONST:
        put_number(e, p->out);
        break;
    case KIR_VAR:
        put_name(p, e->var);
        break;
    case KIR_DIM:
    case KIR_STRIDE:
        put_name(p, e->var);
        text_printf(p->out, e->kind == KIR_DIM ? ".shape[%d]" : ".strides[%d]", e->axis);
        break;
    case KIR_WRAP:
    case KIR_CAST:
        put(p, e->args[0]);
        break;
    case KIR_LOAD:
        put_name(p, e->var);
        text_put(p->out, "[");
        put_list(p, e->args, e->n_args);
        text_put(p->out, "]");
        break;
    case KIR_BINARY:
        put_binary(p, e);
        break;
    case KIR_SELECT:
        put_select(p, e);
        break;
    case KIR_UNARY:
    case KIR_MATH:
        put_unary(p, e);
        break;
    case KIR_OVERLAP:
        put_name(p, e->var);
        text_put(p->out, " overlaps ");
        put(p, e->args[0]);
        break;
    default:
        text_put(p->out, "an intermediate value");
        break;
    }
    p->depth--;
}

void pass_put_condition(kir_module *m, const var_defs *defs, const kir_expr *e, text *out) {
    speller p = {m, defs, out, 0};
    put(&p, e);
}

/* ---- guards --------------------------------------------------------------------------------------------------------------- */

enum { LONGEST_LIST = 240 };

/* `a >= b + 2` says more than `a >= b`: what it is without the 2, which goes to `offset`. */
static size_t without_offset(const char *what, size_t n, long *offset) {
    size_t k = n;
    while (k > 0 && what[k - 1] >= '0' && what[k - 1] <= '9')
        k--;
    *offset = 0;
    if (k == n || n - k > 9 || k < 3 || (memcmp(what + k - 3, " + ", 3) && memcmp(what + k - 3, " - ", 3)))
        return n;
    *offset = what[k - 2] == '-' ? -strtol(what + k, NULL, 10) : strtol(what + k, NULL, 10);
    return k - 3;
}

static bool is_least(const char *what, size_t n) {
    const char *sign = strstr(what, " >= "), *either = strstr(what, " or ");
    return sign && sign < what + n && !(either && either < what + n);
}

/* How strong the listed condition is against another one: 1 when it says as much, -1 less, 0 something else. */
static int compare_guards(const char *listed, size_t n, const char *what, size_t m) {
    if (n == m && memcmp(listed, what, n) == 0)
        return 1;
    long here, there;
    size_t base = without_offset(listed, n, &here), other = without_offset(what, m, &there);
    if (base != other || memcmp(listed, what, base) != 0 || !is_least(what, m))
        return 0;
    return here >= there ? 1 : -1;
}

/* Of conditions that differ in a constant only the strongest is listed. */
void pass_add_guard(kir_module *m, kir_report *entry, const char *what) {
    static const char more[] = "; and more";
    const char *old = entry->guards;
    if (!old) {
        entry->guards = arena_strndup(m->a, what, strlen(what));
        return;
    }
    for (const char *at = old, *end; *at; at = *end ? end + 2 : end) {
        end = strstr(at, "; ");
        end = end ? end : at + strlen(at);
        int order = compare_guards(at, (size_t)(end - at), what, strlen(what));
        if (order < 0)
            entry->guards = arena_printf(m->a, "%.*s%s%s", (int)(at - old), old, what, end);
        if (order != 0)
            return;
    }
    size_t n = strlen(old), tail = sizeof more - 1;
    if (n > tail && strcmp(old + n - tail, more) == 0)
        return;
    entry->guards = arena_printf(m->a, "%s%s%s", old, n > LONGEST_LIST ? "" : "; ", n > LONGEST_LIST ? more : what);
}

typedef struct memory_scan {
    kir_module *m;
    kir_report *entry;
    const var_defs *defs;
    VEC(const kir_var *) done; /* arrays whose elements were said to be apart, or that were the first of a pair */
    const kir_expr *whole;
} memory_scan;

static const char *array_of(memory_scan *c, const kir_var *v) {
    return pass_array_name(c->m, c->defs, v);
}

static bool is_done(memory_scan *c, const kir_var *v) {
    for (uint32_t i = 0; i < c->done.len; i++)
        if (c->done.at[i] == v)
            return true;
    vec_push(c->m->a, &c->done, v);
    return false;
}

typedef struct partners {
    memory_scan *c;
    const kir_var *of;
    text names;
    uint32_t n;
} partners;

static void add_partner(kir_expr **slot, void *context) {
    partners *p = context;
    const kir_expr *e = *slot;
    if (e->kind != KIR_OVERLAP || e->var != p->of)
        return;
    const char *name = array_of(p->c, e->args[0]->var);
    if (!p->n || !strstr(p->names.at, name))
        text_printf(&p->names, "%s%s", p->n++ ? ", " : "", name);
}

static void note_memory(kir_expr **slot, void *context) {
    memory_scan *c = context;
    const kir_expr *e = *slot;
    if ((e->kind != KIR_OVERLAP && e->kind != KIR_STRIDE) || is_done(c, e->var))
        return;
    if (e->kind == KIR_STRIDE) {
        pass_add_guard(c->m, c->entry, arena_printf(c->m->a, "elements of %s do not overlap", array_of(c, e->var)));
        return;
    }
    partners p = {c, e->var, text_new(c->m->a), 0};
    kir_expr *whole = (kir_expr *)(uintptr_t)c->whole;
    kir_each_subexpr(&whole, add_partner, &p);
    pass_add_guard(c->m, c->entry, arena_printf(c->m->a, "%s does not overlap %s", array_of(c, e->var), p.names.at));
}

static void note_memory_test(kir_expr **slot, void *context) {
    *(bool *)context |= (*slot)->kind == KIR_OVERLAP || (*slot)->kind == KIR_STRIDE;
}

/* A comparison with a number that no index can have. */
static bool is_about_overflow(const kir_expr *e) {
    const kir_expr *limit = e->n_args == 2 ? e->args[1] : NULL;
    if (e->kind != KIR_BINARY || limit->kind != KIR_CONST)
        return false;
    if (limit->ty->kind == TYPE_FLOAT)
        return limit->value.f >= 0x1p50;
    return limit->ty->kind == TYPE_INT && (limit->value.i >= INT64_C(1) << 55 || limit->value.i <= -(INT64_C(1) << 55));
}

/* What the condition says beside memory. */
static void note_numbers(memory_scan *c, const kir_expr *e) {
    if (e->kind == KIR_BINARY && e->op == KIR_OP_AND) {
        note_numbers(c, e->args[0]);
        note_numbers(c, e->args[1]);
        return;
    }
    kir_expr *whole = (kir_expr *)(uintptr_t)e;
    bool memory = false;
    kir_each_subexpr(&whole, note_memory_test, &memory);
    if (memory || e->kind == KIR_CONST)
        return;
    text t = text_new(c->m->a);
    if (is_about_overflow(e))
        text_put(&t, "index arithmetic does not overflow");
    else
        pass_put_condition(c->m, c->defs, e, &t);
    pass_add_guard(c->m, c->entry, t.at);
}

void pass_add_memory_guards(kir_module *m, kir_report *entry, const var_defs *defs, const kir_expr *when) {
    memory_scan c = {.m = m, .entry = entry, .defs = defs, .whole = when};
    kir_expr *whole = (kir_expr *)(uintptr_t)when;
    kir_each_subexpr(&whole, note_memory, &c);
    note_numbers(&c, when);
}

/* ---- parallel='require' ----------------------------------------------------------------------------------------------------- */

static bool is_refused_prange(const kir_report *r) {
    return r->kind == KIR_LOOP_PRANGE && r->decision == KIR_SERIAL && r->reason &&
           strcmp(r->reason, "INSIDE_PARALLEL") != 0;
}

bool pass_demand_parallel(kir_module *m) {
    uint32_t errors = m->diags->errors;
    const kir_report *first = NULL;
    bool any = false;
    for (uint32_t i = 1; i < m->report.len; i++) {
        const kir_report *r = &m->report.at[i];
        any |= r->decision == KIR_PARALLEL;
        if (!first && r->reason)
            first = r;
        if (is_refused_prange(r))
            diag_report(m->diags, DIAG_LOWERING, r->at, r->hint,
                        "parallel='require': this prange loop stays serial: %s", r->text);
    }
    if (!any && m->diags->errors == errors)
        diag_report(m->diags, DIAG_LOWERING, first ? first->at : m->fns.at[0]->at, first ? first->hint : NULL,
                    "parallel='require': no loop of this kernel runs in parallel%s%s", first ? "; the first: " : "",
                    first ? first->text : "");
    return m->diags->errors == errors;
}
