/* The driver's own header: a request read from JSON, the compile, the artifact. */
#ifndef PLAIT_DRIVER_DRIVER_H
#define PLAIT_DRIVER_DRIVER_H

#include "elaborate/elaborate.h"
#include "kir/kir.h"
#include "plait/plait.h"
#include "llvm/llvm.h"

#include <stdatomic.h>

/* ---- request.c, bindings.c ------------------------------------------------------------------------------------------- */

typedef struct request {
    elab_source *entry;
    ast *module;   /* the entry's whole file */
    uint32_t file; /* of the entry, in diags.sources */
    type *const *args;
    uint32_t n_args;
    type *result; /* wanted, or NULL */
    kir_options options;
    const char **disable; /* passes, NULL-terminated, or NULL */
    const char **dump;    /* stages, NULL-terminated, or NULL */
    bool verify, lazy, tiered;
    uint32_t n_call; /* the arguments of the call that it is for; 0: not known */
    const llvm_argument *call;
    llvm_target target;
    llvm_math_library math;
} request;

typedef struct session { /* what one compile shares */
    arena *a;
    sym_table *syms;
    diags *diags;
    types *types;
    VEC(ast *) modules; /* by index of the source */
} session;

/* Reads a request; NULL after reporting what is wrong with it, the field named. */
request *request_read(session *s, const char *json, size_t len);
bool request_wants_dump(const request *r, const char *name);

/* For bindings.c and request.c alone (struct json_t from jansson). */
struct json_t;
bool request_error(session *s, const char *path, const char *what); /* always false */
elab_source *request_read_source(session *s, const struct json_t *o, const char *path, uint32_t depth, uint32_t *file,
                                 ast **module);
bool request_read_names(session *s, const struct json_t *o, const char *path, uint32_t depth, uint32_t *n,
                        const bound_name **names);

/* ---- artifact.c -------------------------------------------------------------------------------------------------------- */

typedef struct artifact_site { /* what PLRT errors of a site mean */
    const char *exception, *message, *args_json;
    uint32_t n_args;
    char kinds[6]; /* of dynamic arguments: i int, u unsigned, b bool, f float, s float32 */
} artifact_site;

typedef struct artifact_text {
    const char *name, *text;
} artifact_text;

struct plait_artifact {
    atomic_int refs; /* kernels hold it too */
    arena *a;
    const void *object;
    size_t object_size;
    const char *entry, *function, *signature, *metadata, *report, *explain, *timings, *header;
    VEC(artifact_site) sites; /* 0 unused */
    VEC(artifact_text) dumps;
    bool uses_sleef, uses_libmvec;
    llvm_asides asides; /* parts of the object that are compiled when they are first run */
};

plait_artifact *artifact_new(void); /* NULL when memory is out */
void artifact_put_dump(plait_artifact *a, const char *name, const char *text);
const char *artifact_copy(plait_artifact *a, const char *text);
/* Python's text of an error: "ValueError: message". */
void artifact_error_text(const plait_artifact *a, const plrt_error *err, text *out);

/* ---- describe.c, report.c, header.c: texts made from a compiled module ---------------------------------------------------- */

const char *describe_signature(arena *a, const request *r, type *result);
const char *describe_metadata(arena *a, const kir_module *m, const request *r, const elab_result *e,
                              const llvm_result *l);
const char *report_json(arena *a, const kir_module *m);
const char *report_explain(arena *a, const kir_module *m, const request *r, const char *signature);
const char *header_text(arena *a, const kir_module *m, const request *r, const char *entry, const char *signature);

/* ---- link.c ----------------------------------------------------------------------------------------------------------------- */

plait_status link_shared(const plait_artifact *a, const char *path, plait_diagnostics **diagnostics);

/* ---- diagnostics.c --------------------------------------------------------------------------------------------------------- */

plait_diagnostics *diagnostics_copy(const diags *d); /* NULL when there is none, or memory is out */
plait_diagnostics *diagnostics_one(const char *kind, const char *message, const char *hint);

#endif
