/* libplait: compile Python-syntax array kernels to native parallel code.
 *
 *   request  = source text, function, bindings of free names, argument types, options, target      (a value: JSON)
 *   artifact = object code, entry point, result type, raise sites, parallel report
 *   plait_compile : request -> artifact | diagnostics      pure: no globals, no clock, no environment
 *
 * Every function may be called from any thread; a single object is used by one thread at a time unless it says
 * otherwise. Nothing here prints, exits or aborts on bad input. Strings are UTF-8. Objects returned by pointer are the
 * caller's to free with the function named beside them; strings returned live as long as the object asked.
 *
 * The request as JSON (the canonical, serialisable form; what the cache keys and the service receives):
 * {
 *   "source":   "def saxpy(a, x, y): …",
 *   "file":     "saxpy.py",  "first_line": 10,  "first_col": 4,      where the text stands in the user's file
 *   "function": "saxpy",     "line": 12, "col": 8,                   line/col optional: which one, when names repeat
 *   "bindings": {"np": {"module": "numpy"}, "N": {"int": "100"}, …}, what the free names mean, see below
 *   "defaults": {"eps": <binding>},                                  values of default arguments, by parameter
 *   "signature": "(float64, array(float64, 1d, C))" or "f8[::1](f8, f8[::1])",   argument types; with a result type
 *                                                                    the result is converted to it
 *   "options":  {"parallel": true, "fastmath": [], "error_model": "python", "boundscheck": true, "opt": 3,
 *                "schedule": "static", "chunk": 0, "tile": 0 or [32, 256], "caches": [32768, 1048576], "disable": ["fuse"],
 *                "locals": {"x": "float32"}, "lazy": true, …},            absent: default. lazy: for plait_load alone;
 *                                                                    parts that may never run are compiled when they do;
 *                                                                    "call": [100, [30, 40], null] with it: integers and
 *                                                                    shapes of the call that is next, by parameter;
 *                                                                    "tiered": true with that: baseline code, made
 *                                                                    quickly, if that call has little to do
 *   "target":   {"triple": "…", "cpu": "…", "features": "…"}                      absent: the host
 * }
 * A binding is one of
 *   {"none": true} {"bool": true} {"int": "-3"} {"float": "0x1.8p+1" or "inf"} {"complex": [re, im]} {"str": "…"}
 *   (numbers may be NumPy's: {"float": "0x1.8p+1", "dtype": "float32"})
 *   {"module": "numpy"}  {"object": "numpy.sqrt"} (a member of a known module, dotted)   {"builtin": "len"}
 *   {"dtype": "float32"}  {"type": "int64"}   {"tuple": [binding, …], "fields": ["x", "y"], "name": "Point"}
 *   {"namedtuple": "Point", "fields": ["x", "y"]}  (the class)
 *   {"exception": "ValueError"} or {"exception": "MyError", "base": "ValueError", "key": "…"}
 *   {"kernel": <request without signature>}                 another kernel
 *   {"array": {"dtype": "float64", "shape": [2, 3], "order": "C", "data": "<base64>"}}   frozen, read-only
 */
#ifndef PLAIT_H
#define PLAIT_H

#include "plait/runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PLAIT_API __attribute__((visibility("default")))

typedef struct plait_artifact plait_artifact;
typedef struct plait_kernel plait_kernel;
typedef struct plait_diagnostics plait_diagnostics;

typedef enum plait_status {
    PLAIT_OK = 0,
    PLAIT_ERROR = 1,         /* the diagnostics say what */
    PLAIT_OUT_OF_MEMORY = 2, /* no diagnostics */
    PLAIT_IO_ERROR = 3       /* errno says what */
} plait_status;

PLAIT_API const char *plait_version(void); /* "0.1.0" */

/* Compiles. On PLAIT_OK *artifact is set (free with plait_artifact_free). *diagnostics (may be passed as NULL) is set
 * whenever there are errors or warnings, else NULL; free with plait_diagnostics_free. */
PLAIT_API plait_status plait_compile(const char *request_json, size_t len, plait_artifact **artifact,
                                     plait_diagnostics **diagnostics);

/* ---- diagnostics --------------------------------------------------------------------------------------------------- */
PLAIT_API void plait_diagnostics_free(plait_diagnostics *d);
PLAIT_API size_t plait_diagnostics_count(const plait_diagnostics *d);
typedef struct plait_diagnostic {
    const char *kind; /* "SyntaxError" "UnsupportedError" "TypingError" "LoweringError" "ParallelRaceError"
                            "ValueError" "InternalError" "Warning" */
    const char *file;
    uint32_t line, col, end_line, end_col; /* 1-based lines, 0-based byte columns; line 0: no place */
    const char *message;                   /* cause */
    const char *hint;                      /* remedy, or NULL */
    const char *text;                      /* all of it, rendered with the source line and a caret */
} plait_diagnostic;
PLAIT_API plait_diagnostic plait_diagnostics_get(const plait_diagnostics *d, size_t i);

/* ---- artifacts ----------------------------------------------------------------------------------------------------- */
PLAIT_API void plait_artifact_free(plait_artifact *a);
PLAIT_API const void *plait_artifact_object(const plait_artifact *a, size_t *len); /* ELF relocatable object */
PLAIT_API const char *plait_artifact_entry(const plait_artifact *a);               /* symbol of the entry */
PLAIT_API const char *plait_artifact_signature(const plait_artifact *a); /* "none(float64, array(float64, 1d, C))" */
/* JSON: {"entry", "function", "args": [type…], "result": type, "sites": [{"exception", "key", "message", "args": [slot
 * types], "file", "line", "col", "function"}], "regions": n, "types": {…}, "baseline": true
 * (only when it is such code)}. Types are objects: {"kind": "int", "bits": 64,
 * "signed": true}, {"kind":"array","dtype":…,"ndim":1,"layout":"C","readonly":false}, {"kind":"tuple","items":[…],
 * "name","fields"}, {"kind":"none"} … */
PLAIT_API const char *plait_artifact_metadata(const plait_artifact *a);
/* JSON list: one object per loop of the source, keys line, col, kind, decision, reason, text, reductions, private,
 * guards, schedule, tile, fused_with. */
PLAIT_API const char *plait_artifact_report(const plait_artifact *a);
/* The parallel report as text with the source in the margin. */
PLAIT_API const char *plait_artifact_explain(const plait_artifact *a);
/* What a stage printed, when the request's options ask for it with "dump": ["ast", "kir", "after:PASS", "llvm",
 * "optimized", "asm", "types", "tokens", "all"]; NULL when there is none of that name. */
PLAIT_API const char *plait_artifact_dump(const plait_artifact *a, const char *name);
/* Milliseconds by phase, JSON: {"parse":…, "elaborate":…, "passes": {name: …}, "llvm_build":…, "llvm_opt":…,
 * "llvm_codegen":…, "total":…}. */
PLAIT_API const char *plait_artifact_timings(const plait_artifact *a);

/* Writes by extension: .o, .so (needs a C compiler or linker at run time), .ll, .s, .h (C header with a typed wrapper).
 * The request must have asked for it for .ll ("dump": ["optimized"]) and .s ("dump": ["asm"]). */
PLAIT_API plait_status plait_artifact_write(const plait_artifact *a, const char *path, plait_diagnostics **diagnostics);

/* ---- kernels: loaded artifacts --------------------------------------------------------------------------------------- */
typedef int32_t (*plait_entry)(const int64_t *args, int64_t *results, plrt_error *err);

/* Loads the object into executable memory (LLVM ORC). The kernel holds what it needs of the artifact, which may be
 * freed. plait_kernel_free releases the code; no call may be under way. */
PLAIT_API plait_status plait_load(const plait_artifact *a, plait_kernel **kernel, plait_diagnostics **diagnostics);
PLAIT_API void plait_kernel_free(plait_kernel *k);
PLAIT_API plait_entry plait_kernel_entry(const plait_kernel *k); /* callable from any number of threads at once */
/* "ValueError: message" for an error that the entry reported; returns the length, writes at most `size` bytes. */
PLAIT_API size_t plait_kernel_error_text(const plait_kernel *k, const plrt_error *err, char *text, size_t size);

#ifdef __cplusplus
}
#endif
#endif
