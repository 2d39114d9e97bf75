/* Suites: files that name kernels and the arguments to call them with, for `plait tune` and `plait perf`. */
#ifndef PLAIT_SUITE_H
#define PLAIT_SUITE_H

#include "plait/runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Reads and checks a suite (docs/perf.md). Its JSON, which the caller frees, or NULL and *problems, which the caller
 * frees too. Files are made relative to the suite's folder; what the suite says for all kernels stands with each:
 * {"path": …, "settings": {"processes", "precision", "budget" as far as given},
 *  "kernels": [{"name", "line" (of the suite), "file", "function",
 *   "threads": [n, …], "options": {…}, "signature", "restore" as far as given,
 *   "baseline": {"kind": "kernel", "file", "function", "options"} if given,
 *   "points": [{"sizes": {name: n, …}, "bytes": n, "flops": n if given,
 *     "arguments": [{"kind": "array", "shape": [n, …], "dtype", "distribution", "order",
 *                    "low", "high", "mean", "std", "value", "seed" as far as given}
 *                 | {"kind": "file", "path"} | {"kind": "value", "value"}]}]}]} */
PLRT_API char *plrt_suite_read(const char *path, char **problems);

#ifdef __cplusplus
}
#endif
#endif
