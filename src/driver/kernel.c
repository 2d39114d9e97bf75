/* Kernels: artifacts loaded into the process. */
#include "driver/driver.h"
#include "driver/load.h"

#include <stdlib.h>
#include <string.h>

struct plait_kernel {
    plait_artifact *artifact; /* a reference of its own */
    loaded *code;
    plait_entry entry;
};

plait_status plait_load(const plait_artifact *a, plait_kernel **kernel, plait_diagnostics **diagnostics) {
    *kernel = NULL;
    if (diagnostics)
        *diagnostics = NULL;
    plait_kernel *k = calloc(1, sizeof *k);
    if (!k)
        return PLAIT_OUT_OF_MEMORY;
    char *message = NULL;
    k->code = load_with_asides(a->object, a->object_size, a->entry, &a->asides, &message);
    if (!k->code) {
        if (diagnostics)
            *diagnostics = diagnostics_one("ValueError", message ? message : "the object cannot be loaded",
                                           "only objects for this machine can be loaded");
        free(message);
        free(k);
        return PLAIT_ERROR;
    }
    k->entry = (plait_entry)loaded_entry(k->code);
    k->artifact = (plait_artifact *)(uintptr_t)a;
    atomic_fetch_add(&k->artifact->refs, 1);
    *kernel = k;
    return PLAIT_OK;
}

void plait_kernel_free(plait_kernel *k) {
    if (!k)
        return;
    loaded_free(k->code);
    plait_artifact_free(k->artifact);
    free(k);
}

plait_entry plait_kernel_entry(const plait_kernel *k) {
    return k->entry;
}

size_t plait_kernel_error_text(const plait_kernel *k, const plrt_error *err, char *out, size_t size) {
    arena *a = arena_new(NULL);
    if (!a)
        return 0;
    text t = text_new(a);
    artifact_error_text(k->artifact, err, &t);
    if (size > 0) {
        size_t n = t.len < size - 1 ? t.len : size - 1;
        memcpy(out, t.at ? t.at : "", n);
        out[n] = '\0';
    }
    size_t len = t.len;
    arena_free(a);
    return len;
}
