/* Result slots → Python objects. Scalars become Python's, as with Numba (a float32 result is a float). */
#include <string.h>

#include "ext.h"

static double slot_double(int64_t slot) {
    double x;
    memcpy(&x, &slot, sizeof x);
    return x;
}

static double slot_float(int64_t slot) {
    float x;
    uint32_t bits = (uint32_t)slot;
    memcpy(&x, &bits, sizeof x);
    return (double)x;
}

static PyObject *box_scalar(ext_dtype dtype, const int64_t *slot) {
    switch (dtype) {
    case DT_BOOL:
        return PyBool_FromLong(*slot != 0);
    case DT_INT8:
    case DT_INT16:
    case DT_INT32:
    case DT_INT64:
        return PyLong_FromLongLong(*slot);
    case DT_FLOAT32:
        return PyFloat_FromDouble(slot_float(*slot));
    case DT_FLOAT64:
        return PyFloat_FromDouble(slot_double(*slot));
    case DT_COMPLEX64:
        return PyComplex_FromDoubles(slot_float(*slot), slot_float((int64_t)((uint64_t)*slot >> 32)));
    case DT_COMPLEX128:
        return PyComplex_FromDoubles(slot_double(slot[0]), slot_double(slot[1]));
    default:
        return PyLong_FromUnsignedLongLong((unsigned long long)*slot);
    }
}

/* ---- arrays ------------------------------------------------------------------------------------------------------- */

static void release_block(PyObject *capsule) {
    plrt_release(PyCapsule_GetPointer(capsule, "plait.memory"));
}

static bool is_same_array(PyArrayObject *a, const result_type *t, const int64_t *slot) {
    size_t bytes = (size_t)t->ndim * sizeof(npy_intp);
    if (PyArray_DATA(a) != (void *)(intptr_t)slot[0] || PyArray_NDIM(a) != t->ndim ||
        ext_dtype_of(PyArray_DESCR(a)->type_num) != t->dtype)
        return false;
    return bytes == 0 || (memcmp(PyArray_DIMS(a), slot + 2, bytes) == 0 &&
                          memcmp(PyArray_STRIDES(a), slot + 2 + t->ndim, bytes) == 0);
}

/* New reference to what keeps the memory alive: an argument, a counted block, or the kernel for its constants. */
static PyObject *find_base(Kernel *kernel, int64_t owner, const packed *args) {
    PyObject *base = (PyObject *)kernel;
    if (owner != 0 && (owner & 1) == 0)
        return PyCapsule_New((void *)(intptr_t)owner, "plait.memory", release_block);
    if (owner & 1 && owner >> 1 < args->n_arrays && owner >> 1 >= 0)
        base = args->arrays[owner >> 1];
    Py_INCREF(base);
    return base;
}

static PyObject *box_array(Kernel *kernel, const result_type *t, const int64_t *slot, const packed *args) {
    int64_t owner = slot[1];
    PyObject *base = find_base(kernel, owner, args);
    if (base == NULL) {
        plrt_release((void *)(intptr_t)owner);
        return NULL;
    }
    bool writeable = owner != 0 && !t->readonly;
    if (owner & 1) {
        PyArrayObject *a = (PyArrayObject *)base;
        if (is_same_array(a, t, slot))
            return base;
        writeable = PyArray_ISWRITEABLE(a) && !t->readonly;
    }
    PyObject *result = PyArray_NewFromDescr(&PyArray_Type, PyArray_DescrFromType(ext_typenums[t->dtype]), t->ndim,
                                            (const npy_intp *)(slot + 2), (const npy_intp *)(slot + 2 + t->ndim),
                                            (void *)(intptr_t)slot[0], writeable ? NPY_ARRAY_WRITEABLE : 0, NULL);
    if (result == NULL) {
        Py_DECREF(base);
        return NULL;
    }
    if (PyArray_SetBaseObject((PyArrayObject *)result, base) < 0)
        Py_CLEAR(result);
    return result;
}

/* ---- all ---------------------------------------------------------------------------------------------------------- */

int result_slots(const result_type *t) {
    int slots = 0;
    switch (t->kind) {
    case RESULT_SCALAR:
        return dtype_slots(t->dtype);
    case RESULT_ARRAY:
        return 2 + 2 * t->ndim;
    case RESULT_TUPLE:
        for (int i = 0; i < t->len; i++)
            slots += result_slots(&t->items[i]);
        return slots;
    case RESULT_RANGE:
        return 3;
    case RESULT_SLICE:
        return t->has_step ? 3 : 2;
    default:
        return 0;
    }
}

static void release_slots(const result_type *t, const int64_t *slots) {
    if (t->kind == RESULT_ARRAY)
        plrt_release((void *)(intptr_t)slots[1]);
    for (int i = 0; t->kind == RESULT_TUPLE && i < t->len; slots += result_slots(&t->items[i++]))
        release_slots(&t->items[i], slots);
}

static PyObject *box(Kernel *kernel, const result_type *t, const int64_t *slots, const packed *args);

static PyObject *box_tuple(Kernel *kernel, const result_type *t, const int64_t *slots, const packed *args) {
    PyObject *tuple = PyTuple_New(t->len);
    for (int i = 0; i < t->len; slots += result_slots(&t->items[i++])) {
        if (tuple == NULL) {
            release_slots(&t->items[i], slots);
            continue;
        }
        PyObject *item = box(kernel, &t->items[i], slots, args);
        if (item == NULL)
            Py_CLEAR(tuple);
        else
            PyTuple_SET_ITEM(tuple, i, item);
    }
    if (tuple == NULL || t->object == NULL)
        return tuple;
    PyObject *named = PyObject_Call(t->object, tuple, NULL);
    Py_DECREF(tuple);
    return named;
}

static PyObject *box(Kernel *kernel, const result_type *t, const int64_t *slots, const packed *args) {
    switch (t->kind) {
    case RESULT_SCALAR:
        return box_scalar(t->dtype, slots);
    case RESULT_ARRAY:
        return box_array(kernel, t, slots, args);
    case RESULT_TUPLE:
        return box_tuple(kernel, t, slots, args);
    case RESULT_CONSTANT:
        Py_INCREF(t->object);
        return t->object;
    case RESULT_RANGE:
        return PyObject_CallFunction((PyObject *)&PyRange_Type, "LLL", (long long)slots[0], (long long)slots[1],
                                     (long long)slots[2]);
    case RESULT_SLICE:
        return t->has_step
                   ? PyObject_CallFunction((PyObject *)&PySlice_Type, "LLL", (long long)slots[0], (long long)slots[1],
                                           (long long)slots[2])
                   : PyObject_CallFunction((PyObject *)&PySlice_Type, "LL", (long long)slots[0], (long long)slots[1]);
    default:
        Py_RETURN_NONE;
    }
}

PyObject *box_result(Kernel *kernel, const int64_t *slots, const packed *args) {
    return box(kernel, &kernel->result, slots, args);
}
