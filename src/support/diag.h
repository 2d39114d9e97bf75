/* Diagnostics: everything a user can get wrong ends here, with a place in the source, a cause and a remedy. */
#ifndef PLAIT_SUPPORT_DIAG_H
#define PLAIT_SUPPORT_DIAG_H

#include "support/arena.h"
#include "support/text.h"
#include <stdbool.h>

/* One source text. `first_line` is the line number of its first line in the user's file (a function cut out of a
 * file starts late); `first_col` the number of columns that were cut from the left of each line (dedent). */
typedef struct source {
    const char *name; /* file name, or "<string>" */
    const char *text; /* UTF-8, NUL-terminated; owned by the compile's arena */
    size_t len;
    uint32_t first_line, first_col;
    uint32_t *line_start; /* offsets; built by diag_add_source */
    uint32_t line_count;
} source;

/* A place. Lines are 1-based, columns are 0-based UTF-8 byte offsets, end is exclusive: CPython's convention.
 * `line == 0` means nowhere. `file` indexes diags.sources. Lines and columns are the user's file's
 * (first_line/first_col already added). */
typedef struct span {
    uint32_t file;
    uint32_t line, col, end_line, end_col;
} span;

typedef enum diag_class { /* which Python exception the caller makes of it */
                          DIAG_INVALID,
                          DIAG_SYNTAX,      /* the text is not Python: SyntaxError */
                          DIAG_UNSUPPORTED, /* Python, but not a kernel: UnsupportedError */
                          DIAG_TYPING,      /* no type can be given: TypingError */
                          DIAG_LOWERING,    /* LoweringError */
                          DIAG_RACE,        /* a prange proven racy: ParallelRaceError */
                          DIAG_REQUEST,     /* a malformed request, option or signature: ValueError */
                          DIAG_INTERNAL,    /* a bug of ours: InternalError */
                          DIAG_WARNING      /* does not fail the compile */
} diag_class;

typedef struct diag {
    diag_class class;
    span at;
    const char *message; /* cause: one sentence, lower case, no full stop */
    const char *hint;    /* what to do, or NULL */
} diag;

typedef struct diags {
    arena *a;
    VEC(source) sources;
    VEC(diag) items;
    uint32_t errors; /* items that are not warnings */
    uint32_t limit;  /* after this many errors further ones are counted, not kept (default 20) */
} diags;

diags *diags_new(arena *a);
/* Registers a source (text must outlive the compile); its index is the `file` of spans. */
uint32_t diag_add_source(diags *d, const char *name, const char *text, size_t len, uint32_t first_line,
                         uint32_t first_col);
void diag_report(diags *d, diag_class class, span at, const char *hint, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/* "file:line:col: error: cause\n    source line\n    ^~~~\n    remedy", one per item. */
void diag_render(const diags *d, const diag *item, text *out);
const char *diag_class_name(diag_class class); /* "SyntaxError", "TypingError", … */

#endif
