/* The parallel report: one entry per loop of the source, with a reason from reasons.def. A loop may exist several times
 * (inlined twice, versioned by a guard); the entry then tells of the parallel copy. */
#include "kir/op.h"
#include "passes/pass.h"
#include "passes/vars.h"
#include <stdarg.h>
#include <stdio.h>
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

static const char *name_of_made(kir_module *m, const kir_var *v, const kir_stmt *d) {
    uint32_t line = d->at.line ? d->at.line : v->at.line;
    return line ? arena_printf(m->a, "an array made in line %u", line) : "an array";
}

const char *pass_array_name(kir_module *m, const var_defs *defs, const kir_var *v) {
    bool looks_into = false;
    for (int steps = 0; steps < 64 && v; steps++) {
        if (v->name)
            return looks_into ? arena_printf(m->a, "a view of %s", v->name->text) : v->name->text;
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

/* ---- conditions in the user's words ------------------------------------------------------------------------------------ */

static void put_name(const kir_var *v, text *out) {
    text_put(out, v->name ? v->name->text : "…");
}

static void put_operand(const kir_expr *e, text *out) {
    bool compound = e->kind == KIR_BINARY;
    text_put(out, compound ? "(" : "");
    pass_put_condition(e, out);
    text_put(out, compound ? ")" : "");
}

static bool is_plain_operator(kir_op op) {
    return (op >= KIR_OP_EQ && op <= KIR_OP_GE) || op == KIR_OP_ADD || op == KIR_OP_SUB || op == KIR_OP_MUL ||
           op == KIR_OP_FLOORDIV || op == KIR_OP_MOD;
}

static void put_binary(const kir_expr *e, text *out) {
    const char *sign = kir_op_facts(e->op)->infix;
    int64_t c;
    bool compares = e->op >= KIR_OP_EQ && e->op <= KIR_OP_GE;
    bool negative = e->op == KIR_OP_ADD && kir_is_const_int(e->args[1], &c) && c < 0;
    void (*put)(const kir_expr *, text *) = compares ? pass_put_condition : put_operand;
    put(e->args[0], out);
    if (negative) {
        text_printf(out, " - %lld", -(long long)c);
        return;
    }
    text_printf(out, " %s ", sign);
    put(e->args[1], out);
}

void pass_put_condition(const kir_expr *e, text *out) {
    int64_t c;
    if (kir_is_const_int(e, &c)) {
        text_printf(out, "%lld", (long long)c);
    } else if (e->kind == KIR_VAR) {
        put_name(e->var, out);
    } else if (e->kind == KIR_DIM) {
        put_name(e->var, out);
        text_printf(out, ".shape[%d]", e->axis);
    } else if (e->kind == KIR_WRAP || e->kind == KIR_CAST) {
        pass_put_condition(e->args[0], out);
    } else if (e->kind == KIR_BINARY && is_plain_operator(e->op) && kir_op_facts(e->op)->infix) {
        put_binary(e, out);
    } else {
        text_put(out, "…");
    }
}

enum { LONGEST_LIST = 160 };

static bool is_listed(const char *list, const char *what) {
    size_t n = strlen(what);
    for (const char *p = list; (p = strstr(p, what)) != NULL; p += n)
        if ((p == list || strncmp(p - 2, ", ", 2) == 0) && (p[n] == ',' || p[n] == 0))
            return true;
    return false;
}

void pass_add_guard(kir_module *m, kir_report *entry, const char *what) {
    static const char more[] = ", and more";
    const char *old = entry->guards;
    if (!old) {
        entry->guards = arena_strndup(m->a, what, strlen(what));
        return;
    }
    size_t n = strlen(old), tail = sizeof more - 1;
    if (is_listed(old, what) || (n > tail && strcmp(old + n - tail, more) == 0))
        return;
    entry->guards = arena_printf(m->a, "%s%s%s", old, n > LONGEST_LIST ? "" : ", ", n > LONGEST_LIST ? more : what);
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
