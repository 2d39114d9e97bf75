/* The parallel report: one entry per loop of the source, with a reason from reasons.def. A loop may exist several times
 * (inlined twice, versioned by a guard); the entry then tells of the parallel copy. */
#include "passes/pass.h"
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
