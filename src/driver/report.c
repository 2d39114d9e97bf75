/* The parallel report: every loop of the source, what became of it and why; as JSON and as text with the source in the
 * margin:
 *
 *     heat.py: heat(array(float64, 2d, C), int64) -> none
 *        4  serial    |     for t in range(steps):
 *        5  PARALLEL  |         for i in range(1, u.shape[0] - 1):
 *      line 4: serial: carried through u, distance 1
 */
#include "driver/driver.h"
#include "syntax/ast.h"

#include <string.h>

/* A loop over an array, enumerate() or zip() is a loop like one over range(). */
static const char *kind_name(kir_loop_kind k) {
    static const char *const names[] = {"", "range", "prange", "array", "range"};
    return names[k];
}

/* ---- order, and who was fused with whom ------------------------------------------------------------------------------------ */

static const kir_report *entry(const kir_module *m, uint32_t id) {
    return &m->report.at[id];
}

static int compare(uint32_t a, uint32_t b) {
    return a < b ? -1 : a > b;
}

/* In the order of the source: entries of array expressions are made after those of the loops around them. */
static const uint32_t *in_order(arena *a, const kir_module *m) {
    uint32_t *ids = arena_array(a, uint32_t, m->report.len + 1);
    for (uint32_t i = 1; i < m->report.len; i++) {
        const kir_report *e = entry(m, i);
        uint32_t k = i - 1;
        for (; k > 0; k--) {
            const kir_report *before = entry(m, ids[k - 1]);
            int order = compare(before->at.file, e->at.file);
            order = order ? order : compare(before->at.line, e->at.line);
            order = order ? order : compare(before->at.col, e->at.col);
            if (order <= 0)
                break;
            ids[k] = ids[k - 1];
        }
        ids[k] = i;
    }
    return ids;
}

static uint32_t leader_of(const kir_module *m, uint32_t id) {
    for (uint32_t steps = 0; entry(m, id)->fused_with && steps < m->report.len; steps++)
        id = entry(m, id)->fused_with;
    return id;
}

static bool at_one_place(const kir_report *a, const kir_report *b) {
    return a->at.file == b->at.file && a->at.line == b->at.line && a->at.col == b->at.col;
}

/* The other loops that became one with `id`. Calls `put` for each place in the order of the source, which one expression
 * that is several loops has once; returns their number. */
static uint32_t each_fused(text *t, const kir_module *m, const uint32_t *ids, uint32_t id,
                           void (*put)(text *t, const kir_report *e, uint32_t before)) {
    uint32_t n = 0, leader = leader_of(m, id);
    const kir_report *self = entry(m, id), *last = self;
    for (uint32_t i = 0; i + 1 < m->report.len; i++) {
        const kir_report *e = entry(m, ids[i]);
        if (leader_of(m, ids[i]) != leader || at_one_place(e, self) || at_one_place(e, last))
            continue;
        put(t, e, n++);
        last = e;
    }
    return n;
}

static void put_place(text *t, const kir_report *e, uint32_t before) {
    text_printf(t, "%s\"%u:%u\"", before ? "," : "", e->at.line, e->at.col);
}

static void put_words(text *t, const kir_report *e, uint32_t before) {
    text_printf(t, "%sline %u, column %u", before ? "; " : "        fused with: ", e->at.line, e->at.col);
}

/* ---- JSON ------------------------------------------------------------------------------------------------------------------- */

static void put_field(text *t, const char *key, const char *s) {
    text_printf(t, ",\"%s\":", key);
    if (s)
        text_put_json(t, s, strlen(s));
    else
        text_put(t, "null");
}

static void put_entry(text *t, const kir_module *m, const uint32_t *ids, uint32_t id) {
    const kir_report *e = entry(m, id);
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
    text_put(t, ",\"fused_with\":[");
    each_fused(t, m, ids, id, put_place);
    text_printf(t, "],\"vector\":%s,\"parent\":%u,\"work\":%lld}", e->vector ? "true" : "false", e->parent,
                (long long)e->work);
}

const char *report_json(arena *a, const kir_module *m) {
    text t = text_new(a);
    const uint32_t *ids = in_order(a, m);
    text_put(&t, "[");
    for (uint32_t i = 0; i + 1 < m->report.len; i++) {
        text_put(&t, i ? "," : "");
        put_entry(&t, m, ids, ids[i]);
    }
    text_put(&t, "]");
    return t.at;
}

/* ---- text ------------------------------------------------------------------------------------------------------------------- */

/* What stands in the margin of a line: the best of its loops. */
static const char *margin(const kir_module *m, uint32_t file, uint32_t line) {
    static const char *const marks[] = {"", "serial", "vector", "PARALLEL"};
    uint32_t best = 0;
    for (uint32_t i = 1; i < m->report.len; i++) {
        const kir_report *e = entry(m, i);
        if (e->at.file != file || e->at.line != line)
            continue;
        uint32_t rank = e->decision == KIR_PARALLEL ? 3 : e->vector ? 2 : 1;
        best = rank > best ? rank : best;
    }
    return marks[best];
}

typedef struct while_scan {
    VEC(uint32_t) lines;
    arena *a;
} while_scan;

static void look_for_while(void *context, ast *n) {
    while_scan *w = context;
    if (n->kind == AST_While)
        vec_push(w->a, &w->lines, n->at.line);
    ast_each_child(n, look_for_while, w);
}

static bool has_while(const while_scan *w, uint32_t line) {
    for (uint32_t i = 0; i < w->lines.len; i++)
        if (w->lines.at[i] == line)
            return true;
    return false;
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

static void put_source(text *t, const kir_module *m, const request *r, const while_scan *w) {
    const source *s = &m->diags->sources.at[r->file];
    span at = r->entry->function->at;
    uint32_t end = at.end_line > at.line ? at.end_line : at.line;
    for (uint32_t line = at.line; line <= end && line - s->first_line < s->line_count; line++) {
        const char *mark = margin(m, r->file, line);
        put_line(t, s, !*mark && has_while(w, line) ? "while" : mark, line);
    }
}

static void put_detail(text *t, const char *name, const char *value) {
    if (value && *value)
        text_printf(t, "        %s: %s\n", name, value);
}

/* The place and number (by which configuration files know the loop), then what became of it and why. */
static void put_loop(text *t, const kir_module *m, const uint32_t *ids, uint32_t id, uint32_t file) {
    const kir_report *e = entry(m, id);
    if (e->at.file != file && e->at.file < m->diags->sources.len)
        text_printf(t, "  %s:%u", m->diags->sources.at[e->at.file].name, e->at.line);
    else
        text_printf(t, "  line %u", e->at.line);
    text_printf(t, ", column %u, %s (#%u): %s%s: %s\n", e->at.col, kind_name(e->kind), id,
                e->decision == KIR_PARALLEL ? "parallel" : "serial", e->vector ? ", vector" : "",
                e->text     ? e->text
                : e->reason ? e->reason
                            : "");
    put_detail(t, "hint", e->hint);
    put_detail(t, "reductions", e->reductions);
    put_detail(t, "private", e->private);
    put_detail(t, "guards", e->guards);
    if (e->decision == KIR_PARALLEL)
        put_detail(t, "schedule", e->schedule);
    put_detail(t, "tile", e->tile);
    if (each_fused(t, m, ids, id, put_words))
        text_put(t, "\n");
    if (e->work)
        text_printf(t, "        work: about %lld operations an iteration\n", (long long)e->work);
}

const char *report_explain(arena *a, const kir_module *m, const request *r, const char *signature) {
    text t = text_new(a);
    uint32_t parallel = 0, total = m->report.len > 1 ? m->report.len - 1 : 0;
    const uint32_t *ids = in_order(a, m);
    while_scan w = {.a = a};
    look_for_while(&w, r->entry->function);
    text_printf(&t, "%s: %s  %s\n", m->diags->sources.at[r->file].name, r->entry->name->text, signature);
    put_source(&t, m, r, &w);
    for (uint32_t i = 0; i < total; i++) {
        parallel += entry(m, ids[i])->decision == KIR_PARALLEL;
        put_loop(&t, m, ids, ids[i], r->file);
    }
    for (uint32_t i = 0; i < w.lines.len; i++)
        text_printf(&t, "  line %u, while: runs in order: how often it goes round is known only when it has\n",
                    w.lines.at[i]);
    text_printf(&t, "  %u %s, %u parallel\n", total, total == 1 ? "loop" : "loops", parallel);
    return t.at;
}
