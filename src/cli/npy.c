#include "cli/npy.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char magic[6] = {'\x93', 'N', 'U', 'M', 'P', 'Y'};
enum { MAX_HEADER = 1 << 20 };

__attribute__((format(printf, 2, 3))) static bool fail(char error[NPY_ERROR_SIZE], const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(error, NPY_ERROR_SIZE, format, args);
    va_end(args);
    return false;
}

int64_t npy_count(const npy_array *a) {
    int64_t n = 1;
    for (uint32_t i = 0; i < a->ndim; i++)
        n *= a->shape[i];
    return n;
}

void npy_free(npy_array *a) {
    free(a->data);
    a->data = NULL;
}

static bool is_big_endian_machine(void) {
    const uint16_t one = 1;
    return *(const unsigned char *)&one == 0;
}

/* ---- the header: a Python dict literal of three known keys -------------------------------------------------------- */

typedef struct header {
    const char *at;
    npy_array *out;
    bool swapped;
} header;

static void skip_space(header *h) {
    while (isspace((unsigned char)*h->at))
        h->at++;
}

static bool take(header *h, char c) {
    skip_space(h);
    if (*h->at != c)
        return false;
    h->at++;
    return true;
}

static bool take_word(header *h, const char *word) {
    skip_space(h);
    size_t n = strlen(word);
    if (strncmp(h->at, word, n) != 0)
        return false;
    h->at += n;
    return true;
}

static bool take_string(header *h, char *out, size_t size) {
    skip_space(h);
    char quote = *h->at;
    if (quote != '\'' && quote != '"')
        return false;
    size_t n = 0;
    for (h->at++; *h->at && *h->at != quote; h->at++) {
        if (n + 1 < size)
            out[n++] = *h->at;
    }
    out[n] = '\0';
    return take(h, quote);
}

static bool is_known_dtype(char kind, unsigned long size) {
    switch (kind) {
    case 'b':
        return size == 1;
    case 'i':
    case 'u':
        return size == 1 || size == 2 || size == 4 || size == 8;
    case 'f':
        return size == 4 || size == 8;
    case 'c':
        return size == 8 || size == 16;
    default:
        return false;
    }
}

static bool read_descr(header *h, char error[NPY_ERROR_SIZE]) {
    char descr[32] = "";
    if (!take_string(h, descr, sizeof descr))
        return fail(error, "structured dtypes are not supported");
    bool has_order = descr[0] && strchr("<>|=", descr[0]);
    const char *kind = descr + has_order;
    char *end = NULL;
    unsigned long size = *kind ? strtoul(kind + 1, &end, 10) : 0;
    if (!end || *end || !is_known_dtype(*kind, size))
        return fail(error, "dtype '%s' is not supported", descr);
    h->out->kind = *kind;
    h->out->size = (uint32_t)size;
    h->swapped = descr[0] == (is_big_endian_machine() ? '<' : '>');
    return true;
}

static bool read_order(header *h, char error[NPY_ERROR_SIZE]) {
    h->out->fortran = take_word(h, "True");
    return h->out->fortran || take_word(h, "False") || fail(error, "the header is malformed");
}

static bool read_extent(header *h, char error[NPY_ERROR_SIZE]) {
    char *end;
    errno = 0;
    skip_space(h);
    long long extent = strtoll(h->at, &end, 10);
    if (end == h->at || errno || extent < 0)
        return fail(error, "the header's shape is malformed");
    if (h->out->ndim == NPY_MAX_NDIM)
        return fail(error, "the array has more than %d dimensions", NPY_MAX_NDIM);
    h->at = end;
    h->out->shape[h->out->ndim++] = extent;
    return true;
}

static bool read_shape(header *h, char error[NPY_ERROR_SIZE]) {
    if (!take(h, '('))
        return fail(error, "the header's shape is malformed");
    h->out->ndim = 0;
    while (!take(h, ')')) {
        if (!read_extent(h, error))
            return false;
        if (!take(h, ',') && *h->at != ')')
            return fail(error, "the header's shape is malformed");
    }
    return true;
}

static bool read_header(header *h, char error[NPY_ERROR_SIZE]) {
    static const struct {
        const char *key;
        bool (*read)(header *h, char error[NPY_ERROR_SIZE]);
    } keys[] = {{"descr", read_descr}, {"fortran_order", read_order}, {"shape", read_shape}};
    unsigned seen = 0;
    if (!take(h, '{'))
        return fail(error, "the header is malformed");
    while (!take(h, '}')) {
        char key[32];
        unsigned i = 0;
        if (!take_string(h, key, sizeof key) || !take(h, ':'))
            return fail(error, "the header is malformed");
        while (i < 3 && strcmp(keys[i].key, key) != 0)
            i++;
        if (i == 3 || seen >> i & 1)
            return fail(error, "the header is malformed");
        if (!keys[i].read(h, error))
            return false;
        seen |= 1u << i;
        take(h, ',');
    }
    return seen == 7 || fail(error, "the header is malformed");
}

/* ---- reading -------------------------------------------------------------------------------------------------------- */

/* Bytes of the data, or false when they cannot be counted. */
static bool count_bytes(const npy_array *a, size_t *bytes) {
    *bytes = a->size;
    for (uint32_t i = 0; i < a->ndim; i++) {
        if (__builtin_mul_overflow(*bytes, (size_t)a->shape[i], bytes))
            return false;
    }
    return *bytes <= PTRDIFF_MAX;
}

static void set_strides(npy_array *a, bool fortran) {
    int64_t stride = a->size;
    for (uint32_t i = 0; i < a->ndim; i++) {
        uint32_t axis = fortran ? i : a->ndim - 1 - i;
        a->strides[axis] = stride;
        stride *= a->shape[axis] > 0 ? a->shape[axis] : 1;
    }
}

static void swap_bytes(npy_array *a, size_t bytes) {
    size_t part = a->kind == 'c' ? a->size / 2 : a->size;
    unsigned char *at = a->data;
    for (size_t i = 0; i + part <= bytes; i += part) {
        for (size_t k = 0; k < part / 2; k++) {
            unsigned char c = at[i + k];
            at[i + k] = at[i + part - 1 - k];
            at[i + part - 1 - k] = c;
        }
    }
}

static bool read_preamble(FILE *f, size_t *header_len, char error[NPY_ERROR_SIZE]) {
    unsigned char start[8], len[4] = {0};
    if (fread(start, 1, 8, f) != 8 || memcmp(start, magic, 6) != 0)
        return fail(error, "not a .npy file");
    if (start[6] < 1 || start[6] > 3)
        return fail(error, "version %d of the format is not supported", start[6]);
    size_t n = start[6] == 1 ? 2 : 4;
    if (fread(len, 1, n, f) != n)
        return fail(error, "the file ends too early");
    *header_len = (size_t)len[0] | (size_t)len[1] << 8 | (size_t)len[2] << 16 | (size_t)len[3] << 24;
    return *header_len <= MAX_HEADER || fail(error, "the header is too long");
}

/* A file's header may ask for any amount of memory: what the rest of the file cannot fill is not asked for. Pipes have no
 * size that could be compared. */
static bool is_long_enough(FILE *f, size_t bytes) {
    struct stat info;
    off_t at = ftello(f);
    if (at < 0 || fstat(fileno(f), &info) != 0 || !S_ISREG(info.st_mode))
        return true;
    return info.st_size >= at && (uint64_t)(info.st_size - at) >= bytes;
}

static bool read_data(FILE *f, npy_array *out, bool swapped, char error[NPY_ERROR_SIZE]) {
    size_t bytes;
    if (!count_bytes(out, &bytes))
        return fail(error, "the array is too large");
    if (!is_long_enough(f, bytes))
        return fail(error, "the file ends too early");
    out->data = aligned_alloc(64, (bytes / 64 + 1) * 64);
    if (!out->data)
        return fail(error, "out of memory: %zu bytes are needed", bytes);
    if (fread(out->data, 1, bytes, f) != bytes) {
        npy_free(out);
        return fail(error, "the file ends too early");
    }
    if (swapped)
        swap_bytes(out, bytes);
    set_strides(out, out->fortran);
    return true;
}

static bool read_file(FILE *f, npy_array *out, char error[NPY_ERROR_SIZE]) {
    size_t len = 0;
    if (!read_preamble(f, &len, error))
        return false;
    char *text = calloc(1, len + 1);
    if (!text)
        return fail(error, "out of memory");
    header h = {.at = text, .out = out};
    bool ok = fread(text, 1, len, f) == len ? read_header(&h, error) : fail(error, "the file ends too early");
    free(text);
    return ok && read_data(f, out, h.swapped, error);
}

bool npy_read(const char *path, npy_array *out, char error[NPY_ERROR_SIZE]) {
    *out = (npy_array){0};
    FILE *f = fopen(path, "rb");
    if (!f)
        return fail(error, "%s", strerror(errno));
    bool ok = read_file(f, out, error);
    fclose(f);
    return ok;
}

/* ---- writing -------------------------------------------------------------------------------------------------------- */

static bool is_contiguous(const npy_array *a, bool fortran) {
    npy_array packed = *a;
    set_strides(&packed, fortran);
    for (uint32_t i = 0; i < a->ndim; i++) {
        if (a->shape[i] > 1 && a->strides[i] != packed.strides[i])
            return false;
    }
    return true;
}

/* Elements in C order, an axis a level; the last axis in one piece where it can be. */
static bool write_axis(FILE *f, const npy_array *a, uint32_t axis, const char *at) {
    if (axis == a->ndim)
        return fwrite(at, a->size, 1, f) == 1;
    if (axis + 1 == a->ndim && a->strides[axis] == a->size)
        return fwrite(at, a->size, (size_t)a->shape[axis], f) == (size_t)a->shape[axis];
    for (int64_t i = 0; i < a->shape[axis]; i++) {
        if (!write_axis(f, a, axis + 1, at + i * a->strides[axis]))
            return false;
    }
    return true;
}

static bool write_header(FILE *f, const npy_array *a, bool fortran) {
    char text[1024];
    int n = snprintf(text, sizeof text, "{'descr': '%c%c%u', 'fortran_order': %s, 'shape': (",
                     a->size == 1              ? '|'
                     : is_big_endian_machine() ? '>'
                                               : '<',
                     a->kind, a->size, fortran ? "True" : "False");
    for (uint32_t i = 0; i < a->ndim; i++)
        n += snprintf(text + n, sizeof text - (size_t)n,
                      a->ndim == 1 ? "%lld,"
                      : i          ? ", %lld"
                                   : "%lld",
                      (long long)a->shape[i]);
    n += snprintf(text + n, sizeof text - (size_t)n, "), }");
    size_t len = ((size_t)n + 11 + 63) / 64 * 64 - 10; /* the data begin at a multiple of 64 */
    unsigned char start[4] = {1, 0, (unsigned char)(len & 0xff), (unsigned char)(len >> 8)};
    memset(text + n, ' ', len - (size_t)n);
    text[len - 1] = '\n';
    return fwrite(magic, 1, 6, f) == 6 && fwrite(start, 1, 4, f) == 4 && fwrite(text, 1, len, f) == len;
}

static npy_array transposed(const npy_array *a) {
    npy_array t = *a;
    for (uint32_t i = 0; i < a->ndim; i++) {
        t.shape[i] = a->shape[a->ndim - 1 - i];
        t.strides[i] = a->strides[a->ndim - 1 - i];
    }
    return t;
}

bool npy_write(const char *path, const npy_array *a, char error[NPY_ERROR_SIZE]) {
    FILE *f = fopen(path, "wb");
    if (!f)
        return fail(error, "%s", strerror(errno));
    bool fortran = a->ndim > 1 && is_contiguous(a, true) && !is_contiguous(a, false);
    npy_array in_order = fortran ? transposed(a) : *a;
    bool ok = write_header(f, a, fortran) && write_axis(f, &in_order, 0, a->data);
    ok = fclose(f) == 0 && ok;
    return ok || fail(error, "%s", strerror(errno));
}
