/* Suites of kernels with arguments: from YAML, checked, to JSON in which every shape is numbers.
 *
 * A suite gives sizes names, and shapes are sums and products of them; each combination of sizes is a *point*, for which
 * all arguments are written out, so that whoever reads the JSON has nothing left to work out. What the suite says for all
 * its kernels is written out with each of them likewise. */
#define _GNU_SOURCE
#include "plait/suite.h"
#include "plait/tile.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/suite.h"
#include "runtime/yaml.h"

enum { MOST_POINTS = 1000, MOST_NAMES = 16, MOST_DIMS = 8 };

typedef struct point { /* values of the names */
    int64_t values[MOST_NAMES];
} point;

typedef struct reader {
    const rt_document *d;
    rt_problems *p;
    FILE *out;
    const char *names[MOST_NAMES];
    int32_t n_names;
    point *points;
    int32_t n_points;
} reader;

/* ---- checks ------------------------------------------------------------------------------------------------------- */

static bool has_keys(const reader *r, const rt_node *node, const char *const *known, size_t n, const char *what) {
    bool ok = node->kind == RT_YAML_MAP;
    char hint[200];
    if (!ok)
        rt_problem(r->p, r->d, node, NULL, "%s is a section, not %s", what, rt_node_kind(node));
    for (int32_t i = 0; node->kind == RT_YAML_MAP && i < node->count; i++) {
        size_t k = 0;
        while (k < n && strcmp(known[k], node->keys[i]->text) != 0)
            k++;
        if (k < n)
            continue;
        const char *near = rt_nearest(node->keys[i]->text, known, n);
        if (near != NULL)
            snprintf(hint, sizeof hint, "did you mean '%s'?", near);
        rt_problem(r->p, r->d, node->keys[i], near != NULL ? hint : NULL, "in %s the key '%s' is not known", what,
                   node->keys[i]->text);
        ok = false;
    }
    return ok;
}

static bool is_one_of(const reader *r, const rt_node *node, const char *const *words, size_t n, const char *what) {
    for (size_t i = 0; node->kind == RT_YAML_SCALAR && i < n; i++)
        if (strcmp(node->text, words[i]) == 0)
            return true;
    char hint[300] = "known are ";
    size_t at = strlen(hint);
    const char *near = node->kind == RT_YAML_SCALAR ? rt_nearest(node->text, words, n) : NULL;
    if (near != NULL)
        snprintf(hint, sizeof hint, "did you mean '%s'?", near);
    for (size_t i = 0; near == NULL && i < n && at < sizeof hint; i++)
        at += (size_t)snprintf(hint + at, sizeof hint - at, "%s%s", i > 0 ? ", " : "", words[i]);
    rt_problem(r->p, r->d, node, hint, "%s: not %s", what,
               node->kind == RT_YAML_SCALAR ? node->text : rt_node_kind(node));
    return false;
}

/* ---- extents: sums and products of names and numbers ---------------------------------------------------------------- */

typedef struct formula {
    const reader *r;
    const point *p;
    const char *at;
    const char *wrong;
} formula;

static int64_t read_sum(formula *f, int depth);

static void skip_blanks(formula *f) {
    f->at += strspn(f->at, " ");
}

/* log2(SUM), rounded down. */
static int64_t read_log2(formula *f, int depth) {
    int64_t bits = 0;
    f->at += 4;
    skip_blanks(f);
    if (*f->at != '(' || depth > 16) {
        f->wrong = "lacks a ( after log2";
        return 0;
    }
    f->at++;
    int64_t n = read_sum(f, depth + 1);
    skip_blanks(f);
    if (f->wrong == NULL && *f->at != ')')
        f->wrong = "lacks a )";
    if (f->wrong == NULL && n <= 0)
        f->wrong = "takes log2 of what is not positive";
    f->at += f->wrong == NULL;
    for (; n > 1; n >>= 1)
        bits++;
    return bits;
}

static int64_t read_name(formula *f, int depth) {
    size_t n = 0;
    while ((f->at[n] >= 'a' && f->at[n] <= 'z') || (f->at[n] >= 'A' && f->at[n] <= 'Z') || f->at[n] == '_' ||
           (n > 0 && f->at[n] >= '0' && f->at[n] <= '9'))
        n++;
    if (n == 4 && strncmp(f->at, "log2", 4) == 0)
        return read_log2(f, depth);
    for (int32_t i = 0; n > 0 && i < f->r->n_names; i++)
        if (strlen(f->r->names[i]) == n && strncmp(f->r->names[i], f->at, n) == 0) {
            f->at += n;
            return f->p->values[i];
        }
    f->wrong = n > 0 ? "names no size (a text is quoted)" : "is no formula of sizes (a text is quoted)";
    return 0;
}

static int64_t read_atom(formula *f, int depth) {
    skip_blanks(f);
    if (*f->at >= '0' && *f->at <= '9') {
        char *end;
        int64_t n = strtoll(f->at, &end, 10);
        f->at = end;
        return n;
    }
    if (*f->at != '(' || depth > 16)
        return read_name(f, depth);
    f->at++;
    int64_t n = read_sum(f, depth + 1);
    skip_blanks(f);
    if (*f->at == ')')
        f->at++;
    else if (f->wrong == NULL)
        f->wrong = "lacks a )";
    return n;
}

/* ATOM ** ATOM, as in Python from the right. */
static int64_t read_power(formula *f, int depth) {
    int64_t n = read_atom(f, depth), product = 1;
    skip_blanks(f);
    if (f->wrong != NULL || strncmp(f->at, "**", 2) != 0)
        return n;
    f->at += 2;
    int64_t times = depth > 16 ? -1 : read_power(f, depth + 1);
    if (f->wrong == NULL && (times < 0 || times > 62))
        f->wrong = "has an exponent out of 0 to 62";
    for (int64_t i = 0; f->wrong == NULL && i < times; i++)
        if (__builtin_mul_overflow(product, n, &product))
            f->wrong = "is too large";
    return product;
}

static int64_t read_product(formula *f, int depth) {
    int64_t n = read_power(f, depth);
    for (;;) {
        skip_blanks(f);
        bool divides = strncmp(f->at, "//", 2) == 0;
        if (f->wrong != NULL || (*f->at != '*' && !divides))
            return n;
        f->at += 1 + divides;
        int64_t m = read_power(f, depth);
        if (divides && m <= 0)
            f->wrong = "divides by what is not positive";
        else if (divides)
            n /= m;
        else if (__builtin_mul_overflow(n, m, &n))
            f->wrong = "is too large";
    }
}

static int64_t read_sum(formula *f, int depth) {
    int64_t n = read_product(f, depth);
    for (;;) {
        skip_blanks(f);
        char sign = *f->at;
        if (f->wrong != NULL || (sign != '+' && sign != '-'))
            return n;
        f->at++;
        int64_t m = read_product(f, depth);
        if (sign == '+' ? __builtin_add_overflow(n, m, &n) : __builtin_sub_overflow(n, m, &n))
            f->wrong = "is too large";
    }
}

static int64_t evaluate(const reader *r, const rt_node *node, const point *p) {
    formula f = {.r = r, .p = p, .at = node->kind == RT_YAML_SCALAR ? node->text : ""};
    int64_t n = read_sum(&f, 0);
    skip_blanks(&f);
    if (f.wrong == NULL && *f.at != '\0')
        f.wrong = "is no formula of sizes";
    if (f.wrong == NULL && n < 0)
        f.wrong = "is negative";
    if (f.wrong == NULL && n > INT64_C(1) << 48)
        f.wrong = "is too large";
    if (f.wrong != NULL)
        rt_problem(r->p, r->d, node, NULL, "%.60s %s", node->kind == RT_YAML_SCALAR ? node->text : "this", f.wrong);
    return f.wrong == NULL ? n : 0;
}

/* ---- sizes -------------------------------------------------------------------------------------------------------- */

static bool is_name(const char *text) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
    return *text != '\0' && (*text < '0' || *text > '9') && strspn(text, letters) == strlen(text) && strlen(text) < 64;
}

static bool add_name(reader *r, const rt_node *key) {
    if (!is_name(key->text))
        rt_problem(r->p, r->d, key, NULL, "a size has a name of letters, as n");
    else if (r->n_names == MOST_NAMES)
        rt_problem(r->p, r->d, key, NULL, "more than %d sizes", MOST_NAMES);
    else
        r->names[r->n_names++] = key->text;
    return r->p->count == 0;
}

static void refuse_size(const reader *r, const rt_node *node) {
    rt_problem(r->p, r->d, node, NULL, "a size is a whole number from 0 on");
}

/* {n: [10, 100], m: 5}: lists are gone through together, single numbers stay. */
static bool read_together(reader *r, const rt_node *node) {
    int32_t count = 1;
    for (int32_t i = 0; i < node->count; i++)
        if (add_name(r, node->keys[i]) && node->items[i]->kind == RT_YAML_LIST && node->items[i]->count != count) {
            if (count != 1)
                rt_problem(r->p, r->d, node->items[i], NULL, "this list has %d sizes and the one before %d",
                           node->items[i]->count, count);
            count = node->items[i]->count;
        }
    if (count > MOST_POINTS)
        rt_problem(r->p, r->d, node, NULL, "more than %d combinations of sizes", MOST_POINTS);
    if (r->p->count > 0)
        return false;
    r->points = calloc((size_t)count + 1, sizeof *r->points);
    r->n_points = r->points != NULL ? count : 0;
    for (int32_t k = 0; k < r->n_points; k++)
        for (int32_t i = 0; i < node->count; i++) {
            const rt_node *v = node->items[i];
            v = v->kind == RT_YAML_LIST ? v->items[k] : v;
            if (!rt_node_int(v, &r->points[k].values[i]) || r->points[k].values[i] < 0)
                refuse_size(r, v);
        }
    return r->p->count == 0;
}

/* [{n: 10, m: 5}, {n: 100, m: 7}] */
static bool read_list_of_sizes(reader *r, const rt_node *node) {
    if (node->count == 0 || node->count > MOST_POINTS || node->items[0]->kind != RT_YAML_MAP) {
        rt_problem(r->p, r->d, node, NULL, "sizes is a list of sections as {n: 100}");
        return false;
    }
    for (int32_t i = 0; i < node->items[0]->count; i++)
        if (!add_name(r, node->items[0]->keys[i]))
            return false;
    r->points = calloc((size_t)node->count, sizeof *r->points);
    r->n_points = r->points != NULL ? node->count : 0;
    for (int32_t k = 0; k < r->n_points; k++)
        for (int32_t i = 0; i < r->n_names; i++) {
            const rt_node *v = rt_node_get(node->items[k], r->names[i]);
            if (v == NULL)
                rt_problem(r->p, r->d, node->items[k], NULL, "the size %s is missing here", r->names[i]);
            else if (!rt_node_int(v, &r->points[k].values[i]) || r->points[k].values[i] < 0)
                refuse_size(r, v);
        }
    return r->p->count == 0;
}

static bool read_sizes(reader *r, const rt_node *node) {
    r->n_names = 0;
    if (node == NULL) {
        r->points = calloc(1, sizeof *r->points);
        r->n_points = r->points != NULL;
        return true;
    }
    if (node->kind == RT_YAML_MAP)
        return read_together(r, node);
    if (node->kind == RT_YAML_LIST)
        return read_list_of_sizes(r, node);
    rt_problem(r->p, r->d, node, NULL, "sizes is a section as {n: [100, 1000]}, not %s", rt_node_kind(node));
    return false;
}

/* ---- arguments ---------------------------------------------------------------------------------------------------- */

static const char *const dtypes[] = {"bool",   "int8",   "int16",   "int32",   "int64",     "uint8",     "uint16",
                                     "uint32", "uint64", "float32", "float64", "complex64", "complex128"};
static const char *const distributions[] = {"zeros",    "ones",   "constant",    "uniform", "normal",
                                            "integers", "arange", "permutation", "linspace"};

static void put_text(const reader *r, const char *key, const char *text) {
    fprintf(r->out, ",\"%s\":", key);
    rt_json_text(r->out, text);
}

static void put_path(const reader *r, const char *key, const char *path, size_t len) {
    const char *slash = strrchr(r->d->path, '/');
    char whole[PATH_MAX];
    int folder = path[0] != '/' && slash != NULL ? (int)(slash - r->d->path) + 1 : 0;
    snprintf(whole, sizeof whole, "%.*s%.*s", folder, r->d->path, (int)len, path);
    put_text(r, key, whole);
}

static void put_shape(const reader *r, const rt_node *shape, const point *p) {
    bool is_list = shape->kind == RT_YAML_LIST;
    if (is_list && shape->count > MOST_DIMS)
        rt_problem(r->p, r->d, shape, NULL, "more than %d dimensions", MOST_DIMS);
    fputs(",\"shape\":[", r->out);
    for (int32_t i = 0; i < (is_list ? shape->count : 1); i++)
        fprintf(r->out, "%s%lld", i > 0 ? "," : "", (long long)evaluate(r, is_list ? shape->items[i] : shape, p));
    fputc(']', r->out);
}

/* What is not quoted and no number, true, false or null. */
static bool is_formula(const rt_node *node) {
    bool truth;
    double number;
    return node->plain && !rt_node_null(node) && !rt_node_bool(node, &truth) && !rt_node_float(node, &number);
}

/* A number, or a formula of sizes. */
static void put_number(const reader *r, const rt_node *node, const char *key, const point *p) {
    const rt_node *v = rt_node_get(node, key);
    double number;
    if (v != NULL && v->kind == RT_YAML_SCALAR && is_formula(v)) {
        fprintf(r->out, ",\"%s\":%lld", key, (long long)evaluate(r, v, p));
        return;
    }
    if (v != NULL && !rt_node_float(v, &number))
        rt_problem(r->p, r->d, v, NULL, "%s is a number, not %s", key, rt_node_kind(v));
    if (v == NULL || !rt_node_float(v, &number))
        return;
    fprintf(r->out, ",\"%s\":", key);
    rt_json_node(r->out, v);
}

static void put_word(const reader *r, const rt_node *node, const char *key, const char *const *words, size_t n,
                     const char *fallback) {
    const rt_node *v = rt_node_get(node, key);
    if (v != NULL && !is_one_of(r, v, words, n, key))
        return;
    put_text(r, key, v != NULL ? v->text : fallback);
}

static void put_array(const reader *r, const rt_node *node, const point *p) {
    static const char *const orders[] = {"C", "F"};
    static const char *const numbers[] = {"low", "high", "mean", "std", "value", "seed"};
    fputs("{\"kind\":\"array\"", r->out);
    put_shape(r, rt_node_get(node, "shape"), p);
    put_word(r, node, "dtype", dtypes, sizeof dtypes / sizeof *dtypes, "float64");
    put_word(r, node, "distribution", distributions, sizeof distributions / sizeof *distributions, "uniform");
    put_word(r, node, "order", orders, 2, "C");
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        put_number(r, node, numbers[i], p);
    fputc('}', r->out);
}

static void put_argument(const reader *r, const rt_node *node, const point *p) {
    static const char *const known[] = {"shape", "dtype", "distribution", "low",  "high", "mean",
                                        "std",   "seed",  "order",        "file", "size", "value"};
    if (node->kind == RT_YAML_SCALAR && is_formula(node)) {
        fprintf(r->out, "{\"kind\":\"value\",\"value\":%lld}", (long long)evaluate(r, node, p));
        return;
    }
    if (node->kind == RT_YAML_SCALAR) {
        fputs("{\"kind\":\"value\",\"value\":", r->out);
        rt_json_node(r->out, node);
        fputc('}', r->out);
        return;
    }
    if (!has_keys(r, node, known, sizeof known / sizeof *known, "an argument"))
        return;
    const rt_node *file = rt_node_get(node, "file"), *size = rt_node_get(node, "size");
    if (rt_node_get(node, "shape") != NULL) {
        put_array(r, node, p);
    } else if (file != NULL && file->kind == RT_YAML_SCALAR) {
        fputs("{\"kind\":\"file\"", r->out);
        put_path(r, "path", file->text, strlen(file->text));
        fputc('}', r->out);
    } else if (size != NULL) {
        fprintf(r->out, "{\"kind\":\"value\",\"value\":%lld}", (long long)evaluate(r, size, p));
    } else if (rt_node_get(node, "value") != NULL) {
        fputs("{\"kind\":\"value\",\"value\":", r->out);
        rt_json_node(r->out, rt_node_get(node, "value"));
        fputc('}', r->out);
    } else {
        rt_problem(r->p, r->d, node, NULL, "an argument has a shape, a file, a size or a value");
    }
}

/* How many bytes a call moves, and how many operations it does. */
static void put_amount(const reader *r, const rt_node *kernel, const char *key, const point *p) {
    const rt_node *v = rt_node_get(kernel, key);
    if (v != NULL)
        fprintf(r->out, "\"%s\":%lld,", key, (long long)evaluate(r, v, p));
}

static void put_point(const reader *r, const rt_node *kernel, const point *p) {
    const rt_node *arguments = rt_node_get(kernel, "arguments");
    fputs("{\"sizes\":{", r->out);
    for (int32_t i = 0; i < r->n_names; i++)
        fprintf(r->out, "%s\"%s\":%lld", i > 0 ? "," : "", r->names[i], (long long)p->values[i]);
    fputs("},", r->out);
    put_amount(r, kernel, "bytes", p);
    put_amount(r, kernel, "flops", p);
    fputs("\"arguments\":[", r->out);
    for (int32_t i = 0; i < arguments->count && r->p->count == 0; i++) {
        fputs(i > 0 ? "," : "", r->out);
        put_argument(r, arguments->items[i], p);
    }
    fputs("]}", r->out);
}

/* ---- options ------------------------------------------------------------------------------------------------------ */

typedef enum option_kind { OPTION_SWITCH = 1, OPTION_NUMBER, OPTION_NUMBERS, OPTION_WORD, OPTION_WORDS } option_kind;

/* Of the compile, as plait/plait.h spells them. A switch may have words beside true and false, or (fastmath) lists of
 * them; words that are not listed here are the compiler's to judge. */
static const struct {
    const char *name;
    option_kind kind;
    const char *words[8];
    bool lists;
} options[] = {{"parallel", OPTION_SWITCH, {"require"}, false},
               {"fastmath", OPTION_SWITCH, {"nnan", "ninf", "nsz", "arcp", "contract", "afn", "reassoc"}, true},
               {"boundscheck", OPTION_SWITCH, {NULL}, false},
               {"error_model", OPTION_WORD, {"python", "numpy"}, false},
               {"opt", OPTION_NUMBER, {NULL}, false},
               {"schedule", OPTION_WORD, {"static", "dynamic", "guided"}, false},
               {"chunk", OPTION_NUMBER, {NULL}, false},
               {"tile", OPTION_NUMBERS, {NULL}, false},
               {"math", OPTION_WORD, {"auto", "libm", "sleef", "libmvec"}, false},
               {"race", OPTION_WORD, {"error", "warn", "trust", "check"}, false},
               {"disable", OPTION_WORDS, {NULL}, true}};
enum { N_OPTIONS = sizeof options / sizeof *options };

static size_t count_words(size_t option) {
    size_t n = 0;
    while (n < 8 && options[option].words[n] != NULL)
        n++;
    return n;
}

static bool is_right_list(const reader *r, size_t option, const rt_node *v) {
    size_t n = count_words(option);
    for (int32_t i = 0; i < v->count; i++) {
        if (v->items[i]->kind != RT_YAML_SCALAR) {
            rt_problem(r->p, r->d, v->items[i], NULL, "%s is a list of words", options[option].name);
            return false;
        }
        if (n > 0 && !is_one_of(r, v->items[i], options[option].words, n, options[option].name))
            return false;
    }
    return true;
}

static bool are_numbers(const reader *r, size_t option, const rt_node *v) {
    int64_t number;
    for (int32_t i = 0; i < v->count; i++)
        if (!rt_node_int(v->items[i], &number) || number < 0 || number > PLAIT_TILE_MOST) {
            rt_problem(r->p, r->d, v->items[i], NULL,
                       "%s is a whole number from 0 on, or a list of 1 to %d from 0 to %d", options[option].name,
                       PLAIT_TILE_EDGES, PLAIT_TILE_MOST);
            return false;
        }
    if (v->count >= 1 && v->count <= PLAIT_TILE_EDGES)
        return true;
    rt_problem(r->p, r->d, v, NULL, "%s is a list of 1 to %d numbers, not of %d", options[option].name,
               PLAIT_TILE_EDGES, v->count);
    return false;
}

static bool is_right_option(const reader *r, size_t option, const rt_node *v) {
    int64_t number;
    bool truth;
    if (v->kind == RT_YAML_LIST && options[option].lists)
        return is_right_list(r, option, v);
    switch (options[option].kind) {
    case OPTION_NUMBERS:
        if (v->kind == RT_YAML_LIST)
            return are_numbers(r, option, v);
        /* fall through */
    case OPTION_NUMBER:
        if (rt_node_int(v, &number) && number >= 0)
            return true;
        rt_problem(r->p, r->d, v, NULL, "%s is a whole number from 0 on", options[option].name);
        return false;
    case OPTION_WORDS:
        rt_problem(r->p, r->d, v, NULL, "%s is a list of words, not %s", options[option].name, rt_node_kind(v));
        return false;
    case OPTION_SWITCH:
        if (rt_node_bool(v, &truth))
            return true;
        if (!options[option].lists && count_words(option) > 0)
            return is_one_of(r, v, options[option].words, count_words(option), options[option].name);
        rt_problem(r->p, r->d, v, NULL, "%s is true%s, not %s", options[option].name,
                   options[option].lists ? ", false or a list" : " or false", rt_node_kind(v));
        return false;
    default:
        return is_one_of(r, v, options[option].words, count_words(option), options[option].name);
    }
}

static bool check_options(const reader *r, const rt_node *node) {
    const char *known[N_OPTIONS];
    bool ok = true;
    for (size_t i = 0; i < N_OPTIONS; i++)
        known[i] = options[i].name;
    if (node == NULL)
        return true;
    if (!has_keys(r, node, known, N_OPTIONS, "options"))
        return false;
    for (size_t i = 0; i < N_OPTIONS; i++) {
        const rt_node *v = rt_node_get(node, options[i].name);
        ok = (v == NULL || is_right_option(r, i, v)) && ok;
    }
    return ok;
}

/* The options of the last section of `from` that has them, each. */
static void put_options(const reader *r, const rt_node *const *from, size_t n) {
    bool any = false;
    fputs(",\"options\":{", r->out);
    for (size_t i = 0; i < N_OPTIONS; i++) {
        const rt_node *v = NULL;
        for (size_t k = 0; k < n; k++) {
            const rt_node *said = from[k] != NULL ? rt_node_get(from[k], options[i].name) : NULL;
            v = said != NULL ? said : v;
        }
        if (v == NULL)
            continue;
        fprintf(r->out, "%s\"%s\":", any ? "," : "", options[i].name);
        rt_json_node(r->out, v);
        any = true;
    }
    fputc('}', r->out);
}

/* ---- kernels ------------------------------------------------------------------------------------------------------ */

static void put_threads(const reader *r, const rt_node *node) {
    if (node == NULL)
        return;
    bool ok = node->kind == RT_YAML_LIST;
    int64_t n;
    for (int32_t i = 0; ok && i < node->count; i++)
        ok = rt_node_int(node->items[i], &n) && n >= 1;
    if (!ok) {
        rt_problem(r->p, r->d, node, NULL, "threads is a list of numbers from 1 on, as [1, 2]");
        return;
    }
    fputs(",\"threads\":", r->out);
    rt_json_node(r->out, node);
}

/* FILE.py:FUNCTION: where the colon is; NULL after a message. */
static const char *find_function(const reader *r, const rt_node *kernel, const rt_node *section) {
    const char *colon = kernel != NULL && kernel->kind == RT_YAML_SCALAR ? strrchr(kernel->text, ':') : NULL;
    if (colon != NULL && colon != kernel->text && colon[1] != '\0')
        return colon;
    rt_problem(r->p, r->d, kernel != NULL ? kernel : section, NULL, "kernel: FILE.py:FUNCTION is missing here");
    return NULL;
}

static void put_function(const reader *r, const rt_node *kernel, const char *colon) {
    put_path(r, "file", kernel->text, (size_t)(colon - kernel->text));
    put_text(r, "function", colon + 1);
}

/* What the kernel is compared with: the same with other options, or another function. */
static void put_baseline(const reader *r, const rt_node *kernel) {
    static const char *const known[] = {"options", "kernel"};
    const rt_node *of_suite = rt_node_get(r->d->root, "baseline"), *own = rt_node_get(kernel, "baseline");
    const rt_node *node = own != NULL ? own : of_suite, *other = rt_node_get(kernel, "kernel");
    const char *colon = strrchr(other->text, ':');
    if (node == NULL || !has_keys(r, node, known, own != NULL ? 2 : 1, "a baseline"))
        return;
    if (!check_options(r, rt_node_get(node, "options")))
        return;
    if (rt_node_get(node, "kernel") != NULL) {
        other = rt_node_get(node, "kernel");
        colon = find_function(r, other, node);
    }
    if (colon == NULL)
        return;
    const rt_node *from[] = {rt_node_get(r->d->root, "options"), rt_node_get(kernel, "options"),
                             rt_node_get(node, "options")};
    fputs(",\"baseline\":{\"kind\":\"kernel\"", r->out);
    put_function(r, other, colon);
    put_options(r, from, 3);
    fputc('}', r->out);
}

/* A key whose value is a text. */
static void put_said(const reader *r, const rt_node *kernel, const char *key) {
    const rt_node *v = rt_node_get(kernel, key);
    if (v != NULL && v->kind != RT_YAML_SCALAR)
        rt_problem(r->p, r->d, v, NULL, "a %s is a text, not %s", key, rt_node_kind(v));
    else if (v != NULL)
        put_text(r, key, v->text);
}

static void put_facts(const reader *r, const rt_node *node) {
    static const char *const restores[] = {"changed", "always", "never"};
    const rt_node *root = r->d->root, *threads = rt_node_get(node, "threads");
    const rt_node *from[] = {rt_node_get(root, "options"), rt_node_get(node, "options")};
    put_threads(r, threads != NULL ? threads : rt_node_get(root, "threads"));
    if ((from[0] != NULL || from[1] != NULL) && check_options(r, from[1]))
        put_options(r, from, 2);
    put_said(r, node, "signature");
    if (rt_node_get(node, "restore") != NULL)
        put_word(r, node, "restore", restores, 3, NULL);
    put_baseline(r, node);
}

static void put_kernel(reader *r, const rt_node *node) {
    static const char *const known[] = {"kernel", "name",  "sizes",     "threads", "arguments", "options",
                                        "bytes",  "flops", "signature", "restore", "baseline"};
    if (!has_keys(r, node, known, sizeof known / sizeof *known, "a kernel"))
        return;
    const rt_node *kernel = rt_node_get(node, "kernel"), *name = rt_node_get(node, "name");
    const rt_node *arguments = rt_node_get(node, "arguments");
    const char *colon = find_function(r, kernel, node);
    if (colon == NULL)
        return;
    if (arguments == NULL || arguments->kind != RT_YAML_LIST) {
        rt_problem(r->p, r->d, arguments != NULL ? arguments : node, NULL, "arguments: a list is missing here");
    } else if (name != NULL && name->kind != RT_YAML_SCALAR) {
        rt_problem(r->p, r->d, name, NULL, "a name is a text, not %s", rt_node_kind(name));
    } else if (read_sizes(r, rt_node_get(node, "sizes"))) {
        fputs("{\"name\":", r->out);
        rt_json_text(r->out, name != NULL ? name->text : colon + 1);
        fprintf(r->out, ",\"line\":%d", kernel->line);
        put_function(r, kernel, colon);
        put_facts(r, node);
        fputs(",\"points\":[", r->out);
        for (int32_t i = 0; i < r->n_points && r->p->count == 0; i++) {
            fputs(i > 0 ? ",\n" : "\n", r->out);
            put_point(r, node, &r->points[i]);
        }
        fputs("]}", r->out);
    }
    free(r->points);
    r->points = NULL;
    r->n_points = 0;
}

/* ---- the suite ---------------------------------------------------------------------------------------------------- */

/* "1%" or 0.01 */
static bool read_share(const rt_node *node, double *share) {
    char *end = NULL;
    if (rt_node_float(node, share))
        return true;
    *share = node->kind == RT_YAML_SCALAR ? strtod(node->text, &end) / 100 : 0;
    return end != NULL && end != node->text && strcmp(end, "%") == 0;
}

/* How `plait perf` measures, as far as it is said. */
static void put_settings(const reader *r, const rt_node *root) {
    const rt_node *processes = rt_node_get(root, "processes"), *precision = rt_node_get(root, "precision");
    const rt_node *budget = rt_node_get(root, "budget");
    int64_t n = 2;
    double share = 0.01, seconds = 1;
    if (processes != NULL && (!rt_node_int(processes, &n) || n < 2 || n > 1000))
        rt_problem(r->p, r->d, processes, NULL, "processes is a whole number from 2 to 1000");
    if (precision != NULL && (!read_share(precision, &share) || !(share > 0 && share < 1)))
        rt_problem(r->p, r->d, precision, NULL, "precision is a part of the time, as 1%%");
    if (budget != NULL && (!rt_node_float(budget, &seconds) || !(seconds > 0 && seconds < 1e6)))
        rt_problem(r->p, r->d, budget, NULL, "budget is a number of seconds above 0");
    const char *between = "";
    fputs("\"settings\":{", r->out);
    if (processes != NULL)
        fprintf(r->out, "\"processes\":%lld", (long long)n);
    between = processes != NULL ? "," : between;
    if (precision != NULL)
        fprintf(r->out, "%s\"precision\":%.17g", between, share);
    between = precision != NULL ? "," : between;
    if (budget != NULL)
        fprintf(r->out, "%s\"budget\":%.17g", between, seconds);
    fputs("},", r->out);
}

static void put_suite(reader *r) {
    static const char *const known[] = {"kernels",   "options",   "threads", "baseline",
                                        "processes", "precision", "budget"};
    const rt_node *root = r->d->root, *kernels = rt_node_get(root, "kernels");
    fputs("{\"path\":", r->out);
    rt_json_text(r->out, r->d->path);
    fputc(',', r->out);
    if (root == NULL || kernels == NULL || kernels->kind != RT_YAML_LIST || kernels->count == 0) {
        rt_problem(r->p, r->d, root, NULL, "a suite has a list \"kernels:\"");
    } else if (has_keys(r, root, known, sizeof known / sizeof *known, "a suite") &&
               check_options(r, rt_node_get(root, "options"))) {
        put_settings(r, root);
        fputs("\"kernels\":[", r->out);
        for (int32_t i = 0; i < kernels->count; i++) {
            fputs(i > 0 ? ",\n" : "\n", r->out);
            put_kernel(r, kernels->items[i]);
        }
    }
    fputs("]}\n", r->out);
}

/* Takes over the document, which may be NULL, after the messages in p. */
static char *read_document(rt_document *d, rt_problems *p, char **problems) {
    char *json = NULL;
    size_t len;
    reader r = {.d = d, .p = p, .out = d != NULL ? open_memstream(&json, &len) : NULL};
    if (r.out != NULL) {
        put_suite(&r);
        fclose(r.out);
    }
    rt_document_free(d);
    *problems = rt_problems_take(p);
    if (*problems != NULL) {
        free(json);
        return NULL;
    }
    return json;
}

char *plrt_suite_read(const char *path, char **problems) {
    rt_problems p = {0};
    return read_document(rt_document_read(path, &p, NULL), &p, problems);
}

char *rt_suite_read_text(const char *path, const char *bytes, size_t len, char **problems) {
    rt_problems p = {0};
    return read_document(rt_document_parse(path, bytes, len, &p), &p, problems);
}
