/* Any bytes: the KIR parser gives a module or one error. A module's text must be stable (print, parse, print), and the
 * verifier must answer. */
#include "kir/kir.h"

#include <stdlib.h>
#include <string.h>

static kir_module *parse(arena *a, const char *written, size_t len) {
    sym_table *syms = sym_table_new(a);
    diags *d = diags_new(a);
    kir_module *m = kir_parse(a, syms, types_new(a, syms), d, written, len);
    if (!m != (d->errors == 1))
        abort();
    if (!m) {
        text rendered = text_new(a);
        diag_render(d, &d->items.at[0], &rendered);
    }
    return m;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    arena *a = arena_new(NULL);
    kir_module *m = a ? parse(a, (const char *)data, size) : NULL;
    if (m) {
        text once = text_new(a), twice = text_new(a);
        kir_print_module(m, &once);
        kir_verify(m);
        kir_module *again = parse(a, once.at, once.len);
        if (!again)
            abort();
        kir_print_module(again, &twice);
        if (strcmp(once.at, twice.at) != 0)
            abort();
    }
    arena_free(a);
    return 0;
}
