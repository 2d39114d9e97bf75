/* Any text as a signature: types or one error; what is printed reads back. */
#include "types/types.h"

#include <stdlib.h>
#include <string.h>

/* Strings that are not UTF-8 are printed with lone surrogates, two of which may meet: they need not read back. */
static void check_type(types *t, diags *d, type *x) {
    const char *printed = type_name(t, x);
    type *again = type_parse(t, printed, d);
    if (again != x && !strstr(printed, "\\ud"))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    arena *a = arena_new(NULL);
    if (!a)
        return 0;
    sym_table *syms = sym_table_new(a);
    types *t = types_new(a, syms);
    diags *d = diags_new(a);
    type *result, *const *args;
    uint32_t n;
    const char *written = arena_strndup(a, (const char *)data, size);
    if (type_parse_signature(t, a, written, d, &result, &args, &n)) {
        if (result)
            check_type(t, d, result);
        for (uint32_t i = 0; i < n; i++) {
            check_type(t, d, args[i]);
            type_unify(t, args[0], args[i]);
            type_can_convert(args[i], args[0]);
        }
    } else if (d->errors != 1) {
        abort();
    }
    arena_free(a);
    return 0;
}
