/* YAML files as trees, with places: for configuration files and suites. libyaml is loaded when the first file is read.
 *
 * The YAML of these files is small on purpose: UTF-8, one document, no anchors, aliases or tags, at most 1 MiB, 16
 * levels and 50,000 nodes, no key twice. */
#ifndef PLAIT_RUNTIME_YAML_H
#define PLAIT_RUNTIME_YAML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef enum yaml_kind { RT_YAML_SCALAR = 1, RT_YAML_LIST, RT_YAML_MAP } yaml_kind;

typedef struct rt_node {
    yaml_kind kind;
    int32_t line, col, width; /* from 1, from 0, in characters; width of what is marked in messages */
    bool plain;               /* SCALAR: not quoted */
    const char *text;         /* SCALAR */
    int32_t count;            /* LIST: of items; MAP: of pairs */
    struct rt_node **items;   /* LIST, MAP: the values */
    struct rt_node **keys;    /* MAP: scalars */
} rt_node;

typedef struct rt_document {
    const char *path;
    const char *bytes;
    size_t len;
    rt_node *root; /* NULL: an empty file */
    struct rt_block *blocks;
} rt_document;

/* Messages about files, gathered as text: "file:line:col: error: …" with the line and a caret. */
typedef struct rt_problems {
    FILE *out; /* a memory stream, made by the first message */
    char *text;
    size_t len;
    int32_t count;
} rt_problems;

enum { RT_PROBLEMS_MOST = 20 }; /* further ones are counted, not written */

/* NULL after a message; free with rt_document_free. `exists`: NULL, or set to false in place of a message when there is
 * no such file. */
rt_document *rt_document_read(const char *path, rt_problems *p, bool *exists);
rt_document *rt_document_parse(const char *path, const char *bytes, size_t len, rt_problems *p);
void rt_document_free(rt_document *d);
/* Memory that lives as long as the document, zeroed; NULL: none left. */
void *rt_document_alloc(rt_document *d, size_t size);

/* hint: NULL, or what to do. node: NULL, or the place. */
void rt_problem(rt_problems *p, const rt_document *d, const rt_node *node, const char *hint, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/* A message without a file. */
void rt_problem_about(rt_problems *p, const char *what, const char *hint, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* All of it, the caller's to free; NULL when there was none. */
char *rt_problems_take(rt_problems *p);

/* The value of a key of a map, or NULL. */
rt_node *rt_node_get(const rt_node *map, const char *key);
const char *rt_node_kind(const rt_node *node); /* "a list", "a section", "a text" … */
bool rt_node_int(const rt_node *node, int64_t *value);
bool rt_node_float(const rt_node *node, double *value);
bool rt_node_bool(const rt_node *node, bool *value);
bool rt_node_null(const rt_node *node);

/* The name in names[n] nearest to `word`; NULL: none is near. */
const char *rt_nearest(const char *word, const char *const *names, size_t n);

/* ---- JSON text ---------------------------------------------------------------------------------------------------- */

void rt_json_text(FILE *f, const char *text);
void rt_json_node(FILE *f, const rt_node *node); /* scalars by YAML's rules for plain ones */

#endif
