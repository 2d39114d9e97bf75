/* The standard library that is written in the kernel language: the .py files of this folder, embedded at build time. */
#ifndef PLAIT_LIBRARY_LIBRARY_H
#define PLAIT_LIBRARY_LIBRARY_H

#include <stddef.h>

typedef struct library_module {
    const char *name; /* the file's name without .py */
    const char *text; /* UTF-8, NUL-terminated */
    size_t len;
} library_module;

/* Sorted by name; a row of NULLs follows the last one. */
extern const library_module library_modules[];
extern const size_t library_module_count;

#endif
