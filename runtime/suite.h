/* Suites in memory (suite.c), for tests. */
#ifndef PLAIT_RUNTIME_SUITE_H
#define PLAIT_RUNTIME_SUITE_H

#include <stddef.h>

/* As plrt_suite_read, for a text. */
char *rt_suite_read_text(const char *path, const char *bytes, size_t len, char **problems);

#endif
