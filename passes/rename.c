/* New names for temporaries, where a block is copied inside one function: a temporary has one assignment. */
#include "passes/passes.h"
#include "passes/vars.h"

kir_map *pass_renamed_temps(kir_module *m, kir_fn *f, arena *scratch, kir_block *b) {
    kir_map *map = kir_map_new(m);
    var_set written = vars_new(scratch, f);
    vars_written_in(b, &written);
    uint32_t n = f->vars.len;
    for (uint32_t i = 0; i < n; i++) {
        kir_var *v = f->vars.at[i];
        if (v->is_temp && vars_has(&written, v))
            kir_map_var(map, v, kir_temp_new(m, f, v->ty, v->at));
    }
    return map;
}
