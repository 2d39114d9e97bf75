/* The parallel report: every loop of the source, what became of it and why; as JSON and as text with the source in the
 * margin:
 *
 *     heat.py: heat(array(float64, 2d, C), int64) -> none
 *        4  serial    |     for t in range(steps):
 *        5  PARALLEL  |         for i in range(1, u.shape[0] - 1):
 *      line 4: serial: carried through u, distance 1
 */
#include "driver/driver.h"

#include <string.h>

static const char *kind_name(kir_loop_kind k) {
    static const char *const names[] = {"", "range", "prange", "array", "iterator"};
    return names[k];
}

static void put_field(text *t, const char *key, const char *s) {
    text_printf(t, ",\"%s\":", key);
    if (s)
        text_put_json(t, s, strlen(s));
    else
        text_put(t, "null");
}

static void put_entry(text *t, const kir_module *m, const kir_report *e, uint32_t id) {
    const char *file = e->at.line && e->at.file < m->diags->sources.len ? m->diags->sources.at[e->at.file].name : NULL;
    text_printf(t, "{\"id\":%u,\"line\":%u,\"col\":%u", id, e->at.line, e->at.col);
    put_field(t, "file", file);
    put_field(t, "function", e->function ? e->function->text : NULL);
    put_field(t, "kind", kind_name(e->kind));
    put_field(t, "decision", e->decision == KIR_PARALLEL ? "parallel" : "serial");
    put_field(t, "reason", e->reason);
    put_field(t, "text", e->text);
    put_field(t, "hint", e->hint);
    put_field(t, "reductions", e->reductions);
    put_field(t, "private", e->private);
    put_field(t, "guards", e->guards);
    put_field(t, "schedule", e->schedule);
    put_field(t, "tile", e->tile);
    text_printf(t, ",\"vector\":%s,\"parent\":%u,\"fused_with\":%u,\"work\":%lld}", e->vector ? "true" : "false",
                e->parent, e->fused_with, (long long)e->work);
}

const char *report_json(arena *a, const kir_module *m) {
    text t = text_new(a);
    text_put(&t, "[");
    for (uint32_t i = 1; i < m->report.len; i++) {
        text_put(&t, i > 1 ? "," : "");
        put_entry(&t, m, &m->report.at[i], i);
    }
    text_put(&t, "]");
    return t.at;
}

/* ---- text ------------------------------------------------------------------------------------------------------------------- */

/* What stands in the margin of a line: the best of its loops. */
static const char *margin(const kir_module *m, uint32_t file, uint32_t line) {
    const char *mark = "";
    for (uint32_t i = 1; i < m->report.len; i++) {
        const kir_report *e = &m->report.at[i];
        if (e->at.file != file || e->at.line != line)
            continue;
        if (e->decision == KIR_PARALLEL)
            return "PARALLEL";
        mark = e->vector ? "vector" : "serial";
    }
    return mark;
}

static void put_line(text *t, const source *s, const char *mark, uint32_t line) {
    uint32_t at = line - s->first_line;
    size_t from = s->line_start[at], to = at + 1 < s->line_count ? s->line_start[at + 1] : s->len;
    while (to > from && (s->text[to - 1] == '\n' || s->text[to - 1] == '\r'))
        to--;
    text_printf(t, "%5u  %-8s | ", line, mark);
    text_putn(t, s->text + from, to - from);
    text_put(t, "\n");
}

static void put_source(text *t, const kir_module *m, const request *r) {
    const source *s = &m->diags->sources.at[r->file];
    span at = r->entry->function->at;
    uint32_t end = at.end_line > at.line ? at.end_line : at.line;
    for (uint32_t line = at.line; line <= end && line - s->first_line < s->line_count; line++)
        put_line(t, s, margin(m, r->file, line), line);
}

static void put_detail(text *t, const char *name, const char *value) {
    if (value && *value)
        text_printf(t, "        %s: %s\n", name, value);
}

static void put_loop(text *t, const kir_module *m, const kir_report *e, uint32_t file) {
    if (e->at.file != file && e->at.file < m->diags->sources.len)
        text_printf(t, "  %s:%u", m->diags->sources.at[e->at.file].name, e->at.line);
    else
        text_printf(t, "  line %u", e->at.line);
    text_printf(t, ", %s: %s: %s\n", kind_name(e->kind), e->decision == KIR_PARALLEL ? "parallel" : "serial",
                e->text     ? e->text
                : e->reason ? e->reason
                            : "");
    put_detail(t, "hint", e->hint);
    put_detail(t, "reductions", e->reductions);
    put_detail(t, "private", e->private);
    put_detail(t, "guards", e->guards);
    put_detail(t, "schedule", e->schedule);
    put_detail(t, "tile", e->tile);
    if (e->fused_with)
        text_printf(t, "        fused with the loop at line %u\n", m->report.at[e->fused_with].at.line);
}

const char *report_explain(arena *a, const kir_module *m, const request *r, const char *signature) {
    text t = text_new(a);
    uint32_t parallel = 0, total = m->report.len > 1 ? m->report.len - 1 : 0;
    text_printf(&t, "%s: %s  %s\n", m->diags->sources.at[r->file].name, r->entry->name->text, signature);
    put_source(&t, m, r);
    for (uint32_t i = 1; i < m->report.len; i++) {
        parallel += m->report.at[i].decision == KIR_PARALLEL;
        put_loop(&t, m, &m->report.at[i], r->file);
    }
    text_printf(&t, "  %u %s, %u parallel\n", total, total == 1 ? "loop" : "loops", parallel);
    return t.at;
}
