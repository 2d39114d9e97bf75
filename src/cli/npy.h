/* NumPy's .npy files: arrays of bools, integers, floats and complex numbers, versions 1 to 3 of the format, either byte
 * order. */
#ifndef PLAIT_CLI_NPY_H
#define PLAIT_CLI_NPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NPY_MAX_NDIM = 32, NPY_ERROR_SIZE = 200 };

typedef struct npy_array {
    char kind;     /* NumPy's: b i u f c */
    uint32_t size; /* bytes of an element */
    uint32_t ndim;
    int64_t shape[NPY_MAX_NDIM];
    int64_t strides[NPY_MAX_NDIM]; /* bytes */
    bool fortran;                  /* read: the order of the file */
    void *data;                    /* read: aligned to 64 bytes, in this machine's byte order; free with npy_free */
} npy_array;

/* False after writing a sentence to `error`. */
bool npy_read(const char *path, npy_array *out, char error[NPY_ERROR_SIZE]);
/* Writes any strides; in Fortran order when the array is contiguous that way alone, else in C order. */
bool npy_write(const char *path, const npy_array *a, char error[NPY_ERROR_SIZE]);
void npy_free(npy_array *a);
int64_t npy_count(const npy_array *a); /* elements */

#endif
