/* libyaml's events become a tree.
 *
 * Every limit is there because a file may be anything: a directory, a pipe, somebody's core dump, or made to hurt
 * (aliases that double at every level). What libyaml itself finds wrong has a place too, which it counts in characters
 * or, for bytes that are no UTF-8, as an offset. */
#define _GNU_SOURCE
#include "runtime/yaml.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

enum { MOST_BYTES = 1 << 20, MOST_DEPTH = 16, MOST_NODES = 50000, SHOWN = 100, BLOCK = 1 << 14 };

/* ---- memory ------------------------------------------------------------------------------------------------------- */

typedef struct rt_block {
    struct rt_block *next;
    size_t used, size;
    _Alignas(16) char bytes[];
} rt_block;

void *rt_document_alloc(rt_document *d, size_t size) {
    size = (size + 15) / 16 * 16;
    if (d->blocks == NULL || d->blocks->size - d->blocks->used < size) {
        size_t room = size > BLOCK ? size : BLOCK;
        rt_block *b = calloc(1, sizeof *b + room);
        if (b == NULL)
            return NULL;
        b->size = room;
        b->next = d->blocks;
        d->blocks = b;
    }
    void *at = d->blocks->bytes + d->blocks->used;
    d->blocks->used += size;
    return at;
}

void rt_document_free(rt_document *d) {
    if (d == NULL)
        return;
    for (rt_block *b = d->blocks, *next; b != NULL; b = next) {
        next = b->next;
        free(b);
    }
    free((char *)(uintptr_t)d->bytes);
    free(d);
}

static char *copy_text(rt_document *d, const char *text, size_t len) {
    char *copy = rt_document_alloc(d, len + 1);
    if (copy != NULL)
        memcpy(copy, text, len);
    return copy;
}

/* ---- messages ----------------------------------------------------------------------------------------------------- */

static bool is_start(char c) {
    return ((unsigned char)c & 0xc0) != 0x80;
}

static const char *after_chars(const char *at, const char *end, int32_t chars) {
    while (at < end && chars > 0) {
        at++;
        while (at < end && !is_start(*at))
            at++;
        chars--;
    }
    return at;
}

/* Where the line begins; the document's length when it has fewer. */
static size_t start_of_line(const rt_document *d, int32_t line) {
    size_t at = 0;
    for (; line > 1 && at < d->len; line--) {
        const char *end = memchr(d->bytes + at, '\n', d->len - at);
        at = end == NULL ? d->len : (size_t)(end - d->bytes) + 1;
    }
    return at;
}

/* The line with a caret below the column; of a long line, the part around it. */
static void show_place(FILE *out, const rt_document *d, int32_t line, int32_t col, int32_t width) {
    size_t begin = start_of_line(d, line), left = begin < d->len ? d->len - begin : 0;
    const char *at = d->bytes + begin, *stop = left > 0 ? memchr(at, '\n', left) : NULL;
    if (stop == NULL)
        stop = at + left;
    if (stop > at && stop[-1] == '\r')
        stop--;
    int32_t skip = col > SHOWN / 2 ? col - SHOWN / 2 : 0;
    at = after_chars(at, stop, skip);
    const char *last = after_chars(at, stop, SHOWN);
    fprintf(out, "\n    %s", skip > 0 ? "…" : "");
    for (const char *c = at; c < last; c++)
        fputc(((unsigned char)*c < 0x20 && *c != '\t') || *c == 0x7f ? '?' : *c, out);
    fprintf(out, "%s\n    %s", last < stop ? "…" : "", skip > 0 ? " " : "");
    const char *c = at;
    for (int32_t i = skip; i < col; i++, c = after_chars(c, last, 1))
        fputc(c < last && *c == '\t' ? '\t' : ' ', out);
    fputc('^', out);
    for (int32_t i = 1; i < width && i < SHOWN && col + i < skip + SHOWN; i++)
        fputc('~', out);
}

/* What is wrong may be long; the beginning tells. */
static void say(FILE *out, const char *format, va_list args) {
    char text[600];
    int n = vsnprintf(text, sizeof text, format, args);
    size_t len = strlen(text);
    while (n >= (int)sizeof text && len > 0 && !is_start(text[len - 1]))
        text[--len] = '\0';
    for (const char *c = text; *c != '\0'; c++)
        fputc((unsigned char)*c < 0x20 || *c == 0x7f ? '?' : *c, out);
    fputs(n >= (int)sizeof text ? "…" : "", out);
}

/* false: enough was said already. */
static bool begin_message(rt_problems *p) {
    if (p->out == NULL)
        p->out = open_memstream(&p->text, &p->len);
    p->count++;
    if (p->out == NULL || p->count > RT_PROBLEMS_MOST)
        return false;
    if (p->count > 1)
        fputc('\n', p->out);
    return true;
}

static void message(rt_problems *p, const rt_document *d, const rt_node *at, const char *hint, const char *format,
                    va_list args) {
    if (!begin_message(p))
        return;
    fputs(d->path, p->out);
    if (at != NULL)
        fprintf(p->out, ":%d:%d", at->line, at->col + 1);
    fputs(": error: ", p->out);
    say(p->out, format, args);
    if (at != NULL)
        show_place(p->out, d, at->line, at->col, at->width);
    if (hint != NULL)
        fprintf(p->out, "\n    %s", hint);
}

void rt_problem(rt_problems *p, const rt_document *d, const rt_node *node, const char *hint, const char *format, ...) {
    va_list args;
    va_start(args, format);
    message(p, d, node, hint, format, args);
    va_end(args);
}

void rt_problem_about(rt_problems *p, const char *what, const char *hint, const char *format, ...) {
    va_list args;
    if (!begin_message(p))
        return;
    fprintf(p->out, "%s: error: ", what);
    va_start(args, format);
    say(p->out, format, args);
    va_end(args);
    if (hint != NULL)
        fprintf(p->out, "\n    %s", hint);
}

char *rt_problems_take(rt_problems *p) {
    if (p->out != NULL) {
        if (p->count > RT_PROBLEMS_MOST)
            fprintf(p->out, "\n(and %d more)", p->count - RT_PROBLEMS_MOST);
        fclose(p->out);
    }
    char *text = p->text;
    if (text == NULL && p->count > 0)
        text = strdup("out of memory");
    *p = (rt_problems){0};
    return text;
}

/* ---- libyaml ------------------------------------------------------------------------------------------------------ */

static struct {
    int (*initialize)(yaml_parser_t *);
    void (*set_input)(yaml_parser_t *, const unsigned char *, size_t);
    int (*parse)(yaml_parser_t *, yaml_event_t *);
    void (*delete_event)(yaml_event_t *);
    void (*delete_parser)(yaml_parser_t *);
    bool loaded;
} yaml;

static pthread_once_t yaml_once = PTHREAD_ONCE_INIT;

static void load_libyaml(void) {
    static const char *const names[] = {"libyaml-0.so.2", "libyaml.so"};
    void *library = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names && library == NULL; i++)
        library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    if (library == NULL)
        return;
    const struct {
        const char *name;
        void *into;
    } functions[] = {{"yaml_parser_initialize", &yaml.initialize},
                     {"yaml_parser_set_input_string", &yaml.set_input},
                     {"yaml_parser_parse", &yaml.parse},
                     {"yaml_event_delete", &yaml.delete_event},
                     {"yaml_parser_delete", &yaml.delete_parser}};
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        void *symbol = dlsym(library, functions[i].name);
        if (symbol == NULL)
            return;
        memcpy(functions[i].into, &symbol, sizeof symbol);
    }
    yaml.loaded = true;
}

/* ---- the tree ----------------------------------------------------------------------------------------------------- */

typedef struct builder {
    rt_document *d;
    rt_problems *p;
    yaml_parser_t parser;
    int32_t nodes;
    bool failed;
} builder;

static void fail_at(builder *b, yaml_mark_t mark, int32_t width, const char *hint, const char *format, ...) {
    rt_node at = {.line = (int32_t)mark.line + 1, .col = (int32_t)mark.column, .width = width};
    va_list args;
    b->failed = true;
    va_start(args, format);
    message(b->p, b->d, &at, hint, format, args);
    va_end(args);
}

static void fail_memory(builder *b) {
    b->failed = true;
    rt_problem(b->p, b->d, NULL, NULL, "out of memory");
}

/* The place of a byte, for what libyaml cannot read at all. */
static yaml_mark_t mark_of_offset(const rt_document *d, size_t offset) {
    yaml_mark_t mark = {0};
    for (size_t i = 0; i < offset && i < d->len; i++) {
        mark.column++;
        if (d->bytes[i] == '\n') {
            mark.line++;
            mark.column = 0;
        }
    }
    return mark;
}

static void fail_as_parser(builder *b) {
    const yaml_parser_t *q = &b->parser;
    const char *problem = q->problem != NULL ? q->problem : "this is not YAML";
    if (q->error == YAML_MEMORY_ERROR) {
        fail_memory(b);
    } else if (q->error == YAML_READER_ERROR) {
        fail_at(b, mark_of_offset(b->d, q->problem_offset), 1, "configuration files are text in UTF-8", "%s", problem);
    } else {
        size_t at = q->problem_mark.index < b->d->len ? q->problem_mark.index : b->d->len;
        bool tab = b->d->len > 0 && at < b->d->len && b->d->bytes[at] == '\t';
        fail_at(b, q->problem_mark, 1, tab ? "YAML is indented with spaces" : NULL, "%s%s%s",
                q->context != NULL ? q->context : "", q->context != NULL ? ": " : "", problem);
    }
}

static bool next_event(builder *b, yaml_event_t *event) {
    if (yaml.parse(&b->parser, event))
        return true;
    fail_as_parser(b);
    return false;
}

static int32_t width_of(const yaml_event_t *e) {
    if (e->end_mark.line != e->start_mark.line || e->end_mark.column <= e->start_mark.column)
        return 1;
    return (int32_t)(e->end_mark.column - e->start_mark.column);
}

static rt_node *new_node(builder *b, const yaml_event_t *e, yaml_kind kind) {
    if (++b->nodes > MOST_NODES) {
        fail_at(b, e->start_mark, 1, NULL, "a file of more than %d values is not read", MOST_NODES);
        return NULL;
    }
    rt_node *n = rt_document_alloc(b->d, sizeof *n);
    if (n == NULL) {
        fail_memory(b);
        return NULL;
    }
    n->kind = kind;
    n->line = (int32_t)e->start_mark.line + 1;
    n->col = (int32_t)e->start_mark.column;
    n->width = kind == RT_YAML_SCALAR ? width_of(e) : 1;
    return n;
}

typedef struct growing {
    rt_node **at;
    size_t len, cap;
} growing;

static bool push(builder *b, growing *g, rt_node *n) {
    if (g->len == g->cap) {
        size_t cap = g->cap == 0 ? 8 : g->cap * 2;
        rt_node **at = realloc(g->at, cap * sizeof *at);
        if (at == NULL) {
            fail_memory(b);
            return false;
        }
        g->at = at;
        g->cap = cap;
    }
    g->at[g->len++] = n;
    return true;
}

static rt_node **keep(builder *b, const growing *g) {
    rt_node **at = rt_document_alloc(b->d, (g->len + 1) * sizeof *at);
    if (at == NULL)
        fail_memory(b);
    else if (g->len > 0)
        memcpy(at, g->at, g->len * sizeof *at);
    return at;
}

static int compare_keys(const void *a, const void *b) {
    const rt_node *x = *(rt_node *const *)a, *y = *(rt_node *const *)b;
    int order = strcmp(x->text, y->text);
    return order != 0 ? order : x->line != y->line ? (x->line > y->line) - (x->line < y->line) : x->col - y->col;
}

static void refuse_double_keys(builder *b, growing *keys) {
    if (keys->len > 0)
        qsort(keys->at, keys->len, sizeof *keys->at, compare_keys);
    for (size_t i = 1; i < keys->len; i++) {
        const rt_node *k = keys->at[i];
        if (strcmp(keys->at[i - 1]->text, k->text) != 0)
            continue;
        rt_problem(b->p, b->d, k, NULL, "the key '%s' stands here twice, first in line %d", k->text,
                   keys->at[i - 1]->line);
        b->failed = true;
    }
}

static rt_node *build(builder *b, yaml_event_t *event, int depth);

/* Takes over the event. */
static rt_node *build_list(builder *b, yaml_event_t *start, int depth) {
    rt_node *list = new_node(b, start, RT_YAML_LIST);
    yaml.delete_event(start);
    growing items = {0};
    while (!b->failed) {
        yaml_event_t e;
        if (!next_event(b, &e))
            break;
        if (e.type == YAML_SEQUENCE_END_EVENT) {
            yaml.delete_event(&e);
            list->items = keep(b, &items);
            list->count = (int32_t)items.len;
            break;
        }
        rt_node *item = build(b, &e, depth + 1);
        if (item != NULL)
            push(b, &items, item);
    }
    free(items.at);
    return b->failed ? NULL : list;
}

static rt_node *build_key(builder *b, yaml_event_t *e) {
    if (e->type == YAML_SCALAR_EVENT)
        return build(b, e, 0);
    fail_at(b, e->start_mark, 1, NULL, "a key is a word");
    yaml.delete_event(e);
    return NULL;
}

static rt_node *build_map(builder *b, yaml_event_t *start, int depth) {
    rt_node *map = new_node(b, start, RT_YAML_MAP);
    yaml.delete_event(start);
    growing keys = {0}, items = {0};
    while (!b->failed) {
        yaml_event_t e;
        if (!next_event(b, &e))
            break;
        if (e.type == YAML_MAPPING_END_EVENT) {
            yaml.delete_event(&e);
            map->items = keep(b, &items);
            map->keys = keep(b, &keys);
            map->count = (int32_t)items.len;
            if (!b->failed)
                refuse_double_keys(b, &keys);
            break;
        }
        rt_node *key = build_key(b, &e);
        if (key == NULL || !next_event(b, &e))
            break;
        rt_node *item = build(b, &e, depth + 1);
        if (item != NULL && push(b, &keys, key))
            push(b, &items, item);
    }
    free(keys.at);
    free(items.at);
    return b->failed ? NULL : map;
}

static rt_node *build_scalar(builder *b, yaml_event_t *e) {
    rt_node *n = new_node(b, e, RT_YAML_SCALAR);
    if (n != NULL) {
        if (memchr(e->data.scalar.value, '\0', e->data.scalar.length) != NULL)
            fail_at(b, e->start_mark, n->width, NULL, "a text with a NUL character");
        n->plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
        n->text = copy_text(b->d, (const char *)e->data.scalar.value, e->data.scalar.length);
        if (n->text == NULL)
            fail_memory(b);
    }
    yaml.delete_event(e);
    return b->failed ? NULL : n;
}

static const yaml_char_t *tag_of(const yaml_event_t *e) {
    return e->type == YAML_SCALAR_EVENT           ? e->data.scalar.tag
           : e->type == YAML_SEQUENCE_START_EVENT ? e->data.sequence_start.tag
           : e->type == YAML_MAPPING_START_EVENT  ? e->data.mapping_start.tag
                                                  : NULL;
}

static const yaml_char_t *anchor_of(const yaml_event_t *e) {
    return e->type == YAML_ALIAS_EVENT            ? e->data.alias.anchor
           : e->type == YAML_SCALAR_EVENT         ? e->data.scalar.anchor
           : e->type == YAML_SEQUENCE_START_EVENT ? e->data.sequence_start.anchor
           : e->type == YAML_MAPPING_START_EVENT  ? e->data.mapping_start.anchor
                                                  : NULL;
}

/* The node that begins with the event, which it takes over; NULL after a message. */
static rt_node *build(builder *b, yaml_event_t *e, int depth) {
    if (anchor_of(e) != NULL)
        fail_at(b, e->start_mark, width_of(e), "write the values out", "anchors and aliases are not read");
    else if (tag_of(e) != NULL)
        fail_at(b, e->start_mark, width_of(e), NULL, "tags are not read");
    else if (depth > MOST_DEPTH)
        fail_at(b, e->start_mark, 1, NULL, "more than %d levels are not read", MOST_DEPTH);
    else if (e->type == YAML_SCALAR_EVENT)
        return build_scalar(b, e);
    else if (e->type == YAML_SEQUENCE_START_EVENT)
        return build_list(b, e, depth);
    else if (e->type == YAML_MAPPING_START_EVENT)
        return build_map(b, e, depth);
    yaml.delete_event(e);
    b->failed = true;
    return NULL;
}

static void build_document(builder *b) {
    bool seen = false;
    while (!b->failed) {
        yaml_event_t e;
        if (!next_event(b, &e))
            return;
        yaml_event_type_t type = e.type;
        yaml_mark_t mark = e.start_mark;
        if (type == YAML_SCALAR_EVENT || type == YAML_SEQUENCE_START_EVENT || type == YAML_MAPPING_START_EVENT ||
            type == YAML_ALIAS_EVENT) {
            b->d->root = build(b, &e, 0);
            continue;
        }
        yaml.delete_event(&e);
        if (type == YAML_STREAM_END_EVENT)
            return;
        if (type == YAML_DOCUMENT_START_EVENT && seen)
            fail_at(b, mark, 3, NULL, "a second document in one file");
        seen = seen || type == YAML_DOCUMENT_START_EVENT;
    }
}

/* Takes over the bytes, which end with a NUL that is not counted. */
static rt_document *parse(const char *path, char *bytes, size_t len, rt_problems *p) {
    rt_document *d = calloc(1, sizeof *d);
    if (d == NULL || bytes == NULL) {
        free(d);
        free(bytes);
        rt_problem_about(p, path, NULL, "out of memory");
        return NULL;
    }
    d->bytes = bytes;
    d->len = len;
    d->path = copy_text(d, path, strlen(path));
    builder b = {.d = d, .p = p};
    pthread_once(&yaml_once, load_libyaml);
    if (d->path == NULL) {
        d->path = "";
        fail_memory(&b);
    } else if (!yaml.loaded) {
        rt_problem(p, d, NULL, "on Debian: apt install libyaml-0-2",
                   "reading it needs libyaml, which is not installed");
        b.failed = true;
    } else if (len >= 2 && ((unsigned char)bytes[0] ^ (unsigned char)bytes[1]) == 0x01 &&
               (unsigned char)bytes[0] >= 0xfe) {
        rt_problem(p, d, NULL, NULL, "configuration files are text in UTF-8, not in UTF-16");
        b.failed = true;
    } else if (!yaml.initialize(&b.parser)) {
        fail_memory(&b);
    } else {
        yaml.set_input(&b.parser, (const unsigned char *)bytes, len);
        build_document(&b);
        yaml.delete_parser(&b.parser);
    }
    if (!b.failed)
        return d;
    rt_document_free(d);
    return NULL;
}

rt_document *rt_document_parse(const char *path, const char *bytes, size_t len, rt_problems *p) {
    char *copy = calloc(1, len + 1);
    if (copy != NULL)
        memcpy(copy, bytes, len);
    return parse(path, copy, len, p);
}

/* ---- files -------------------------------------------------------------------------------------------------------- */

static char *read_all(int file, size_t size, size_t *len) {
    char *bytes = calloc(1, size + 1);
    *len = 0;
    while (bytes != NULL && *len < size) {
        ssize_t n = read(file, bytes + *len, size - *len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            int error = errno;
            free(bytes);
            errno = error;
            return NULL;
        }
        if (n == 0)
            break;
        *len += (size_t)n;
    }
    return bytes;
}

/* O_NONBLOCK: opening a pipe does not wait for a writer. */
rt_document *rt_document_read(const char *path, rt_problems *p, bool *exists) {
    struct stat about;
    size_t len;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (file < 0) {
        if (exists != NULL && (errno == ENOENT || errno == ENOTDIR))
            *exists = false;
        else
            rt_problem_about(p, path, NULL, "%s", strerror(errno));
        return NULL;
    }
    char *bytes = NULL;
    if (fstat(file, &about) != 0)
        rt_problem_about(p, path, NULL, "%s", strerror(errno));
    else if (!S_ISREG(about.st_mode))
        rt_problem_about(p, path, NULL, "%s, not a file", S_ISDIR(about.st_mode) ? "a folder" : "a device or a pipe");
    else if (about.st_size > MOST_BYTES)
        rt_problem_about(p, path, NULL, "it has %lld bytes, and files of more than %d are not read",
                         (long long)about.st_size, MOST_BYTES);
    else if ((bytes = read_all(file, MOST_BYTES, &len)) == NULL)
        rt_problem_about(p, path, NULL, "%s", strerror(errno));
    close(file);
    return bytes != NULL ? parse(path, bytes, len, p) : NULL;
}

/* ---- values ------------------------------------------------------------------------------------------------------- */

rt_node *rt_node_get(const rt_node *map, const char *key) {
    for (int32_t i = 0; map != NULL && map->kind == RT_YAML_MAP && i < map->count; i++)
        if (strcmp(map->keys[i]->text, key) == 0)
            return map->items[i];
    return NULL;
}

bool rt_node_int(const rt_node *node, int64_t *value) {
    if (node->kind != RT_YAML_SCALAR || !node->plain)
        return false;
    const char *digits = node->text + (node->text[0] == '-' || node->text[0] == '+');
    if (*digits == '\0' || strspn(digits, "0123456789") != strlen(digits) || strlen(digits) > 19)
        return false;
    errno = 0;
    *value = strtoll(node->text, NULL, 10);
    return errno == 0;
}

bool rt_node_float(const rt_node *node, double *value) {
    int64_t whole;
    if (rt_node_int(node, &whole)) {
        *value = (double)whole;
        return true;
    }
    if (node->kind != RT_YAML_SCALAR || !node->plain || node->text[0] == '\0' ||
        strspn(node->text, "0123456789+-.eE") != strlen(node->text))
        return false;
    char *end;
    *value = strtod(node->text, &end);
    return *end == '\0' && isfinite(*value);
}

bool rt_node_bool(const rt_node *node, bool *value) {
    static const char *const words[] = {"true", "yes", "on", "false", "no", "off"};
    for (size_t i = 0; node->kind == RT_YAML_SCALAR && node->plain && i < 6; i++)
        if (strcasecmp(node->text, words[i]) == 0) {
            *value = i < 3;
            return true;
        }
    return false;
}

bool rt_node_null(const rt_node *node) {
    return node->kind == RT_YAML_SCALAR && node->plain &&
           (node->text[0] == '\0' || strcmp(node->text, "~") == 0 || strcmp(node->text, "null") == 0);
}

const char *rt_node_kind(const rt_node *node) {
    bool truth;
    double number;
    if (node->kind != RT_YAML_SCALAR)
        return node->kind == RT_YAML_LIST ? "a list" : "a section";
    if (rt_node_null(node))
        return "nothing";
    return rt_node_float(node, &number) ? "a number" : rt_node_bool(node, &truth) ? "true or false" : "a text";
}

/* ---- the nearest name --------------------------------------------------------------------------------------------- */

enum { MOST_NAME = 40 };

/* Letters to insert, remove, change, or neighbours to swap. */
static size_t distance(const char *a, const char *b) {
    size_t m = strlen(a), n = strlen(b), d[MOST_NAME + 1][MOST_NAME + 1];
    if (m > MOST_NAME || n > MOST_NAME)
        return MOST_NAME;
    for (size_t i = 0; i <= m; i++)
        for (size_t j = 0; j <= n; j++) {
            if (i == 0 || j == 0) {
                d[i][j] = i + j;
                continue;
            }
            size_t best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            if (d[i - 1][j] + 1 < best)
                best = d[i - 1][j] + 1;
            if (d[i][j - 1] + 1 < best)
                best = d[i][j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && d[i - 2][j - 2] + 1 < best)
                best = d[i - 2][j - 2] + 1;
            d[i][j] = best;
        }
    return d[m][n];
}

const char *rt_nearest(const char *word, const char *const *names, size_t n) {
    size_t len = strlen(word), best = len < 4 ? 2 : len / 3 + 2;
    const char *found = NULL;
    for (size_t i = 0; i < n; i++) {
        size_t d = distance(word, names[i]);
        if (len >= 3 && strncmp(word, names[i], len < strlen(names[i]) ? len : strlen(names[i])) == 0 && d > 1)
            d = 1;
        if (d < best) {
            best = d;
            found = names[i];
        }
    }
    return found;
}

/* ---- JSON --------------------------------------------------------------------------------------------------------- */

void rt_json_text(FILE *f, const char *text) {
    fputc('"', f);
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\')
            fprintf(f, "\\%c", *c);
        else if (*c < 0x20 || *c == 0x7f)
            fprintf(f, "\\u%04x", *c);
        else
            fputc(*c, f);
    }
    fputc('"', f);
}

static void json_scalar(FILE *f, const rt_node *node) {
    int64_t whole;
    double number;
    bool truth;
    if (rt_node_null(node))
        fputs("null", f);
    else if (rt_node_int(node, &whole))
        fprintf(f, "%lld", (long long)whole);
    else if (rt_node_float(node, &number))
        fprintf(f, "%.17g", number);
    else if (rt_node_bool(node, &truth))
        fputs(truth ? "true" : "false", f);
    else
        rt_json_text(f, node->text);
}

void rt_json_node(FILE *f, const rt_node *node) {
    if (node->kind == RT_YAML_SCALAR) {
        json_scalar(f, node);
        return;
    }
    fputc(node->kind == RT_YAML_LIST ? '[' : '{', f);
    for (int32_t i = 0; i < node->count; i++) {
        fputs(i > 0 ? "," : "", f);
        if (node->kind == RT_YAML_MAP) {
            rt_json_text(f, node->keys[i]->text);
            fputc(':', f);
        }
        rt_json_node(f, node->items[i]);
    }
    fputc(node->kind == RT_YAML_LIST ? ']' : '}', f);
}
