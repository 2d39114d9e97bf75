/* Suites: files that name kernels and the arguments to call them with, for `plait tune` and `plait perf`. */
#ifndef PLAIT_SUITE_H
#define PLAIT_SUITE_H

#include "plait/runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Reads and checks a suite (docs/tuning.md). Its JSON, which the caller frees, or NULL and *problems, which the caller
 * frees too. Files are made relative to the suite's folder:
 * {"path": …, "kernels": [{"name", "file", "function", "threads": [n, …] if given,
 *   "points": [{"sizes": {name: n, …}, "arguments": [{"kind": "array", "shape": [n, …], "dtype", "distribution", "order",
 *                                                     "low", "high", "mean", "std", "value", "seed" as far as given}
 *                                                  | {"kind": "file", "path"} | {"kind": "value", "value"}]}]}]} */
PLRT_API char *plrt_suite_read(const char *path, char **problems);

#ifdef __cplusplus
}
#endif
#endif
