/* What the files of the extension share.
 *   pack.c        arguments → type codes (by which a specialisation is found) and slots
 *   box.c         result slots → Python objects
 *   dispatcher.c  the callable
 *   kernel.c      compiled code and what its results and errors mean in Python
 *   compiler.c    libplait, loaded at the first compile
 *   settings.c    configuration, counters, traces
 *   module.c      the module, the runtime's hooks
 */
#ifndef PLAIT_EXT_H
#define PLAIT_EXT_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>
#include <stdint.h>

#define NPY_NO_DEPRECATED_API NPY_1_22_API_VERSION
#define NPY_TARGET_VERSION NPY_1_22_API_VERSION
#define PY_ARRAY_UNIQUE_SYMBOL plait_numpy_api
#ifndef EXT_IMPORTS_NUMPY
#define NO_IMPORT_ARRAY
#endif
#include <numpy/arrayobject.h>
#include <numpy/arrayscalars.h>

#include "plait/config.h"
#include "plait/plait.h"

/* ---- scalar types, as the kernels know them ----------------------------------------------------------------------- */

typedef enum ext_dtype {
    DT_BOOL,
    DT_INT8,
    DT_INT16,
    DT_INT32,
    DT_INT64,
    DT_UINT8,
    DT_UINT16,
    DT_UINT32,
    DT_UINT64,
    DT_FLOAT32,
    DT_FLOAT64,
    DT_COMPLEX64,
    DT_COMPLEX128,
    DT_COUNT
} ext_dtype;

static inline int dtype_slots(ext_dtype dtype) {
    return dtype == DT_COMPLEX128 ? 2 : 1;
}

/* NumPy's number for each, and back (DT_COUNT: none of ours). */
extern const int ext_typenums[DT_COUNT];
ext_dtype ext_dtype_of(int typenum);

/* ---- pack.c ------------------------------------------------------------------------------------------------------- */

/* A type code: the kind in the top byte, the rest depends on it. Equal sequences of codes mean equal types. */
typedef enum code_kind {
    CODE_INVALID,
    CODE_SCALAR, /* dtype */
    CODE_NONE,
    CODE_ARRAY,    /* dtype | ndim << 8 | layout << 16 (C, F, A) | readonly << 18 | unaligned << 19 */
    CODE_TUPLE,    /* length; then its items' codes */
    CODE_NAMED,    /* length; then the class as a constant; then its items' codes */
    CODE_CONSTANT, /* number in the dispatcher's table of constants */
    CODE_RANGE,
    CODE_SLICE, /* has a step */
} code_kind;

static inline uint64_t make_code(code_kind kind, uint64_t rest) {
    return (uint64_t)kind << 56 | rest;
}

static inline code_kind code_kind_of(uint64_t code) {
    return (code_kind)(code >> 56);
}

enum { CODES_INLINE = 24, SLOTS_INLINE = 96, ARRAYS_INLINE = 12 };

typedef struct packed {
    uint64_t *codes;
    int64_t *slots;
    PyObject **arrays; /* borrowed: argument arrays by number, as result owners name them */
    Py_ssize_t n_codes, n_slots, n_arrays;
    Py_ssize_t codes_cap, slots_cap, arrays_cap;
    PyObject *constants; /* dict: (class, constant) → number */
    uint64_t codes_inline[CODES_INLINE];
    int64_t slots_inline[SLOTS_INLINE];
    PyObject *arrays_inline[ARRAYS_INLINE];
} packed;

void pack_begin(packed *p, PyObject *constants);
/* Appends one argument; -1 with an exception set. */
int pack_argument(packed *p, PyObject *value);
void pack_end(packed *p);
int pack_setup(void);
/* Slots that belong to one code; a tuple's are its items'. */
int pack_own_slots(uint64_t code);
/* Slots that the value described by codes[*at…] takes; moves *at past it. */
int pack_slots_of(const uint64_t *codes, Py_ssize_t *at);

/* ---- kernel.c ----------------------------------------------------------------------------------------------------- */

typedef enum result_kind {
    RESULT_INVALID,
    RESULT_NONE,
    RESULT_SCALAR,
    RESULT_ARRAY,
    RESULT_TUPLE,
    RESULT_CONSTANT,
    RESULT_RANGE,
    RESULT_SLICE
} result_kind;

typedef struct result_type {
    result_kind kind;
    ext_dtype dtype; /* SCALAR, ARRAY */
    int ndim;        /* ARRAY */
    bool readonly;   /* ARRAY */
    bool has_step;   /* SLICE */
    int len;         /* TUPLE */
    struct result_type *items;
    PyObject *object; /* TUPLE: class or NULL; CONSTANT: the value */
} result_type;

typedef struct Kernel {
    PyObject_HEAD plait_entry entry;
    plait_kernel *loaded; /* or NULL: the code is someone else's */
    result_type result;
    int result_slots;
    bool nogil;
    bool watches;   /* it looks at the interrupt flag: see to the signal handler before */
    PyObject *info; /* what Python keeps with it */
    char *name;     /* "module.function", or NULL: it has no settings */
    uint32_t epoch; /* of the configuration that `settings` are from */
    const plrt_kernel_settings *settings;
    plrt_choice own; /* what its decorator says */
    bool has_own;
    int64_t *most;  /* baseline code (dispatcher.c): the slots of the largest call that it is for; else NULL */
    int calls_left; /* of baseline code, before better code is made */
    int64_t ns_left;
    int64_t tile;     /* that it was compiled with; -1: whatever the configuration says about the call's size */
    bool tile_varies; /* by its settings: another size of arrays may want another kernel */
} Kernel;

/* ---- box.c -------------------------------------------------------------------------------------------------------- */

/* Takes over the references that the slots hold, also on failure. */
PyObject *box_result(Kernel *kernel, const int64_t *slots, const packed *args);
int result_slots(const result_type *t);

/* ---- the rest ----------------------------------------------------------------------------------------------------- */

typedef struct ext_state { /* one interpreter only: see module.c */
    PyTypeObject *kernel_type, *artifact_type, *dispatcher_type;
    PyObject *miss;    /* plait.dispatcher: called when no specialisation fits */
    PyObject *raise;   /* plait.dispatcher: makes the exception of a raise site */
    PyObject *methods; /* class whose attributes dispatchers have besides their own */
    uint32_t epoch;    /* of the configuration that nothing was found wrong with, if `checked` */
    bool checked;
} ext_state;

extern ext_state ext;

int kernel_setup(PyObject *module);
int compiler_setup(PyObject *module);
int dispatcher_setup(PyObject *module);
int settings_setup(PyObject *module);
Kernel *kernel_new(plait_entry entry, plait_kernel *loaded, PyObject *result, PyObject *info, int nogil, int watches);
void compiler_free_kernel(plait_kernel *k);
/* Sets the Python exception for what the entry reported. */
void kernel_raise(Kernel *kernel, const plrt_error *err);
PyObject *dispatcher_set_callbacks(PyObject *module, PyObject *args);

#endif
