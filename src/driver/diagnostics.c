/* Diagnostics as the public API hands them out: copies, in an arena of their own. */
#include "driver/driver.h"

#include <stdlib.h>
#include <string.h>

struct plait_diagnostics {
    arena *a;
    VEC(plait_diagnostic) items;
};

static plait_diagnostics *make_list(void) {
    arena *a = arena_new(NULL);
    plait_diagnostics *d = a ? arena_make(a, plait_diagnostics) : NULL;
    if (d)
        d->a = a;
    else if (a)
        arena_free(a);
    return d;
}

static const char *copy_text(arena *a, const char *s) {
    return s ? arena_strndup(a, s, strlen(s)) : NULL;
}

static plait_diagnostic copy_item(arena *a, const diags *from, const diag *item) {
    text rendered = text_new(a);
    diag_render(from, item, &rendered);
    bool placed = item->at.line != 0 && item->at.file < from->sources.len;
    return (plait_diagnostic){
        .kind = copy_text(a, diag_class_name(item->class)),
        .file = copy_text(a, placed ? from->sources.at[item->at.file].name : NULL),
        .line = placed ? item->at.line : 0,
        .col = placed ? item->at.col : 0,
        .end_line = placed ? item->at.end_line : 0,
        .end_col = placed ? item->at.end_col : 0,
        .message = copy_text(a, item->message),
        .hint = copy_text(a, item->hint),
        .text = rendered.at ? rendered.at : "",
    };
}

plait_diagnostics *diagnostics_copy(const diags *d) {
    plait_diagnostics *out = d->items.len ? make_list() : NULL;
    for (uint32_t i = 0; out && i < d->items.len; i++)
        vec_push(out->a, &out->items, copy_item(out->a, d, &d->items.at[i]));
    return out;
}

plait_diagnostics *diagnostics_one(const char *kind, const char *message, const char *hint) {
    plait_diagnostics *out = make_list();
    if (!out)
        return NULL;
    plait_diagnostic item = {.kind = kind, .message = copy_text(out->a, message), .hint = copy_text(out->a, hint)};
    item.text = hint ? arena_printf(out->a, "error: %s\n    %s\n", message, hint)
                     : arena_printf(out->a, "error: %s\n", message);
    vec_push(out->a, &out->items, item);
    return out;
}

void plait_diagnostics_free(plait_diagnostics *d) {
    if (d)
        arena_free(d->a);
}

size_t plait_diagnostics_count(const plait_diagnostics *d) {
    return d ? d->items.len : 0;
}

plait_diagnostic plait_diagnostics_get(const plait_diagnostics *d, size_t i) {
    return d && i < d->items.len ? d->items.at[i] : (plait_diagnostic){0};
}
