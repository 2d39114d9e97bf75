/* Arguments → type codes and slots, in one walk.
 *
 * The usual types are told by their type pointer. What has no value at run time (strings, kernels, types) is a constant:
 * its code is a number given to it by its dispatcher, so that each such argument value has its own specialisation. */
#include <string.h>

#include "ext.h"

const int ext_typenums[DT_COUNT] = {
    [DT_BOOL] = NPY_BOOL,
    [DT_INT8] = NPY_INT8,
    [DT_INT16] = NPY_INT16,
    [DT_INT32] = NPY_INT32,
    [DT_INT64] = NPY_INT64,
    [DT_UINT8] = NPY_UINT8,
    [DT_UINT16] = NPY_UINT16,
    [DT_UINT32] = NPY_UINT32,
    [DT_UINT64] = NPY_UINT64,
    [DT_FLOAT32] = NPY_FLOAT32,
    [DT_FLOAT64] = NPY_FLOAT64,
    [DT_COMPLEX64] = NPY_COMPLEX64,
    [DT_COMPLEX128] = NPY_COMPLEX128,
};

enum { TYPENUMS = 32 };

static unsigned char dtype_by_typenum[TYPENUMS];

enum { SCALAR_CLASSES = 16 };

static struct {
    PyTypeObject *type;
    ext_dtype dtype;
} scalar_classes[SCALAR_CLASSES];

static int scalar_class_count;

static ext_dtype integer_dtype(size_t size, bool is_signed) {
    int power = size == 1 ? 0 : size == 2 ? 1 : size == 4 ? 2 : 3;
    return (ext_dtype)((is_signed ? DT_INT8 : DT_UINT8) + power);
}

static void add_class(PyTypeObject *type, int typenum, ext_dtype dtype) {
    scalar_classes[scalar_class_count].type = type;
    scalar_classes[scalar_class_count++].dtype = dtype;
    dtype_by_typenum[typenum] = (unsigned char)dtype;
}

/* C's integer types rather than sized ones: long and long long are both here, whatever their size. */
int pack_setup(void) {
    memset(dtype_by_typenum, DT_COUNT, sizeof dtype_by_typenum);
    add_class(&PyDoubleArrType_Type, NPY_DOUBLE, DT_FLOAT64);
    add_class(&PyFloatArrType_Type, NPY_FLOAT, DT_FLOAT32);
    add_class(&PyLongArrType_Type, NPY_LONG, integer_dtype(sizeof(long), true));
    add_class(&PyBoolArrType_Type, NPY_BOOL, DT_BOOL);
    add_class(&PyByteArrType_Type, NPY_BYTE, DT_INT8);
    add_class(&PyShortArrType_Type, NPY_SHORT, DT_INT16);
    add_class(&PyIntArrType_Type, NPY_INT, integer_dtype(sizeof(int), true));
    add_class(&PyLongLongArrType_Type, NPY_LONGLONG, DT_INT64);
    add_class(&PyUByteArrType_Type, NPY_UBYTE, DT_UINT8);
    add_class(&PyUShortArrType_Type, NPY_USHORT, DT_UINT16);
    add_class(&PyUIntArrType_Type, NPY_UINT, integer_dtype(sizeof(int), false));
    add_class(&PyULongArrType_Type, NPY_ULONG, integer_dtype(sizeof(long), false));
    add_class(&PyULongLongArrType_Type, NPY_ULONGLONG, DT_UINT64);
    add_class(&PyCFloatArrType_Type, NPY_CFLOAT, DT_COMPLEX64);
    add_class(&PyCDoubleArrType_Type, NPY_CDOUBLE, DT_COMPLEX128);
    return 0;
}

ext_dtype ext_dtype_of(int typenum) {
    return typenum >= 0 && typenum < TYPENUMS ? (ext_dtype)dtype_by_typenum[typenum] : DT_COUNT;
}

/* ---- the buffers -------------------------------------------------------------------------------------------------- */

void pack_begin(packed *p, PyObject *constants) {
    p->codes = p->codes_inline;
    p->slots = p->slots_inline;
    p->arrays = p->arrays_inline;
    p->n_codes = p->n_slots = p->n_arrays = 0;
    p->codes_cap = CODES_INLINE;
    p->slots_cap = SLOTS_INLINE;
    p->arrays_cap = ARRAYS_INLINE;
    p->constants = constants;
}

void pack_end(packed *p) {
    if (p->codes != p->codes_inline)
        PyMem_Free(p->codes);
    if (p->slots != p->slots_inline)
        PyMem_Free(p->slots);
    if (p->arrays != p->arrays_inline)
        PyMem_Free(p->arrays);
}

/* All three kinds of element have 8 bytes. */
static int grow(void *buffer, Py_ssize_t *cap, Py_ssize_t wanted, const void *first) {
    void **at = buffer;
    Py_ssize_t bigger = *cap * 2 > wanted ? *cap * 2 : wanted;
    bool was_inline = *at == first;
    void *moved = PyMem_Realloc(was_inline ? NULL : *at, (size_t)bigger * 8);
    if (moved == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    if (was_inline)
        memcpy(moved, first, (size_t)*cap * 8);
    *at = moved;
    *cap = bigger;
    return 0;
}

static inline int reserve(packed *p, Py_ssize_t codes, Py_ssize_t slots) {
    if (p->n_codes + codes > p->codes_cap && grow(&p->codes, &p->codes_cap, p->n_codes + codes, p->codes_inline) < 0)
        return -1;
    if (p->n_slots + slots > p->slots_cap && grow(&p->slots, &p->slots_cap, p->n_slots + slots, p->slots_inline) < 0)
        return -1;
    return 0;
}

/* ---- one argument ------------------------------------------------------------------------------------------------- */

static void put_float64(packed *p, double x) {
    memcpy(&p->slots[p->n_slots++], &x, sizeof x);
}

static int pack_float(packed *p, PyObject *value) {
    if (reserve(p, 1, 1) < 0)
        return -1;
    p->codes[p->n_codes++] = make_code(CODE_SCALAR, DT_FLOAT64);
    put_float64(p, PyFloat_AS_DOUBLE(value));
    return 0;
}

/* With its digits, unless there are more than Python writes. */
static void refuse_int(PyObject *value) {
    PyObject *digits = PyObject_Repr(value);
    PyErr_Clear();
    if (digits != NULL)
        PyErr_Format(PyExc_ValueError, "int argument is too large: %U does not fit 64 bits", digits);
    else
        PyErr_SetString(PyExc_ValueError, "int argument is too large: it does not fit 64 bits");
    Py_XDECREF(digits);
}

static int pack_int(packed *p, PyObject *value) {
    int overflow;
    if (reserve(p, 1, 1) < 0)
        return -1;
    long long x = PyLong_AsLongLongAndOverflow(value, &overflow);
    ext_dtype dtype = DT_INT64;
    if (overflow > 0) {
        x = (long long)PyLong_AsUnsignedLongLong(value);
        dtype = DT_UINT64;
    }
    if (overflow < 0 || PyErr_Occurred()) {
        PyErr_Clear();
        refuse_int(value);
        return -1;
    }
    p->codes[p->n_codes++] = make_code(CODE_SCALAR, dtype);
    p->slots[p->n_slots++] = x;
    return 0;
}

static int pack_bool(packed *p, PyObject *value) {
    if (reserve(p, 1, 1) < 0)
        return -1;
    p->codes[p->n_codes++] = make_code(CODE_SCALAR, DT_BOOL);
    p->slots[p->n_slots++] = value == Py_True;
    return 0;
}

static int pack_complex(packed *p, PyObject *value) {
    if (reserve(p, 1, 2) < 0)
        return -1;
    Py_complex z = PyComplex_AsCComplex(value);
    p->codes[p->n_codes++] = make_code(CODE_SCALAR, DT_COMPLEX128);
    put_float64(p, z.real);
    put_float64(p, z.imag);
    return 0;
}

static int pack_none(packed *p) {
    if (reserve(p, 1, 0) < 0)
        return -1;
    p->codes[p->n_codes++] = make_code(CODE_NONE, 0);
    return 0;
}

static uint64_t array_code(PyArrayObject *a, ext_dtype dtype, int ndim) {
    int flags = PyArray_FLAGS(a);
    uint64_t layout = flags & NPY_ARRAY_C_CONTIGUOUS ? 0 : flags & NPY_ARRAY_F_CONTIGUOUS ? 1 : 2;
    uint64_t readonly = !(flags & NPY_ARRAY_WRITEABLE), unaligned = !(flags & NPY_ARRAY_ALIGNED);
    return make_code(CODE_ARRAY,
                     (uint64_t)dtype | (uint64_t)ndim << 8 | layout << 16 | readonly << 18 | unaligned << 19);
}

static int refuse(PyObject *value, const char *why) {
    PyErr_Format(PyExc_TypeError, "%s of type %.200s", why, Py_TYPE(value)->tp_name);
    return -1;
}

/* The tag of a borrowed array is its number, so that a result which is a view of an argument finds its base. */
static int pack_array(packed *p, PyObject *value) {
    PyArrayObject *a = (PyArrayObject *)value;
    ext_dtype dtype = ext_dtype_of(PyArray_DESCR(a)->type_num);
    int ndim = PyArray_NDIM(a);
    if (dtype == DT_COUNT) {
        PyErr_Format(PyExc_TypeError, "arrays of dtype %S are not supported: convert it with .%s",
                     (PyObject *)PyArray_DESCR(a),
                     PyArray_DESCR(a)->type_num == NPY_HALF ? "astype(np.float32)" : "astype(…), to numbers");
        return -1;
    }
    if (!PyArray_ISNOTSWAPPED(a)) {
        PyErr_Format(PyExc_TypeError,
                     "arrays of dtype %S, with the other byte order, are not supported: "
                     "pass a.astype(a.dtype.newbyteorder('='))",
                     (PyObject *)PyArray_DESCR(a));
        return -1;
    }
    if (ndim > 32) {
        PyErr_Format(PyExc_TypeError, "arrays have at most 32 dimensions, not %d", ndim);
        return -1;
    }
    if (reserve(p, 1, 2 + 2 * ndim) < 0)
        return -1;
    if (p->n_arrays == p->arrays_cap && grow(&p->arrays, &p->arrays_cap, p->n_arrays + 1, p->arrays_inline) < 0)
        return -1;
    p->codes[p->n_codes++] = array_code(a, dtype, ndim);
    int64_t *slot = p->slots + p->n_slots;
    slot[0] = (int64_t)(intptr_t)PyArray_DATA(a);
    slot[1] = (int64_t)p->n_arrays << 1 | 1;
    const npy_intp *shape = PyArray_DIMS(a), *strides = PyArray_STRIDES(a);
    for (int i = 0; i < ndim; i++) {
        slot[2 + i] = shape[i];
        slot[2 + ndim + i] = strides[i];
    }
    p->arrays[p->n_arrays++] = value;
    p->n_slots += 2 + 2 * ndim;
    return 0;
}

static int pack_numpy_scalar(packed *p, PyObject *value, ext_dtype dtype) {
    union {
        npy_bool b;
        int8_t i8;
        int16_t i16;
        int32_t i32;
        int64_t i64;
        uint8_t u8;
        uint16_t u16;
        uint32_t u32;
        int64_t slots[2];
    } x = {.slots = {0, 0}};
    if (reserve(p, 1, 2) < 0)
        return -1;
    PyArray_ScalarAsCtype(value, &x);
    int64_t first = x.slots[0];
    switch (dtype) {
    case DT_BOOL:
        first = x.b != 0;
        break;
    case DT_INT8:
        first = x.i8;
        break;
    case DT_INT16:
        first = x.i16;
        break;
    case DT_INT32:
        first = x.i32;
        break;
    case DT_UINT8:
        first = x.u8;
        break;
    case DT_UINT16:
        first = x.u16;
        break;
    case DT_UINT32:
    case DT_FLOAT32:
        first = x.u32;
        break;
    default:
        break;
    }
    p->codes[p->n_codes++] = make_code(CODE_SCALAR, dtype);
    p->slots[p->n_slots++] = first;
    if (dtype == DT_COMPLEX128)
        p->slots[p->n_slots++] = x.slots[1];
    return 0;
}

static int pack_constant(packed *p, PyObject *value) {
    if (reserve(p, 1, 0) < 0)
        return -1;
    PyObject *key = PyTuple_Pack(2, (PyObject *)Py_TYPE(value), value);
    if (key == NULL)
        return -1;
    PyObject *number = PyDict_GetItemWithError(p->constants, key), *made = NULL;
    if (number == NULL && !PyErr_Occurred()) {
        number = made = PyLong_FromSsize_t(PyDict_GET_SIZE(p->constants));
        if (made != NULL && PyDict_SetItem(p->constants, key, made) < 0)
            number = NULL;
    }
    Py_DECREF(key);
    if (number != NULL)
        p->codes[p->n_codes++] = make_code(CODE_CONSTANT, (uint64_t)PyLong_AsLongLong(number));
    Py_XDECREF(made);
    return number != NULL ? 0 : -1;
}

static int pack_tuple(packed *p, PyObject *value) {
    Py_ssize_t len = PyTuple_GET_SIZE(value);
    bool named = !PyTuple_CheckExact(value);
    if (reserve(p, 1, 0) < 0)
        return -1;
    p->codes[p->n_codes++] = make_code(named ? CODE_NAMED : CODE_TUPLE, (uint64_t)len);
    if (named && pack_constant(p, (PyObject *)Py_TYPE(value)) < 0)
        return -1;
    if (Py_EnterRecursiveCall(" while reading an argument"))
        return -1;
    int status = 0;
    for (Py_ssize_t i = 0; i < len && status == 0; i++)
        status = pack_argument(p, PyTuple_GET_ITEM(value, i));
    Py_LeaveRecursiveCall();
    return status;
}

/* Attributes start, stop and step as int64 slots. */
static int pack_bounds(packed *p, PyObject *value, uint64_t code, int count) {
    static const char *const names[] = {"start", "stop", "step"};
    if (reserve(p, 1, count) < 0)
        return -1;
    p->codes[p->n_codes++] = code;
    for (int i = 0; i < count; i++) {
        PyObject *x = PyObject_GetAttrString(value, names[i]);
        if (x == NULL)
            return -1;
        p->slots[p->n_slots++] = PyLong_AsLongLong(x);
        Py_DECREF(x);
        if (PyErr_Occurred())
            return -1;
    }
    return 0;
}

static int pack_slice(packed *p, PyObject *value) {
    PySliceObject *s = (PySliceObject *)value;
    bool has_step = s->step != Py_None;
    return pack_bounds(p, value, make_code(CODE_SLICE, has_step), has_step ? 3 : 2);
}

static bool is_named_tuple(PyObject *value) {
    return PyTuple_Check(value) && PyObject_HasAttrString((PyObject *)Py_TYPE(value), "_fields");
}

/* A static name before NumPy 2, the bare one since. */
static bool is_memmap(const PyTypeObject *type) {
    return strcmp(type->tp_name, "numpy.memmap") == 0 || strcmp(type->tp_name, "memmap") == 0;
}

static int pack_rare(packed *p, PyObject *value) {
    PyTypeObject *type = Py_TYPE(value);
    for (int i = 0; i < scalar_class_count; i++)
        if (scalar_classes[i].type == type)
            return pack_numpy_scalar(p, value, scalar_classes[i].dtype);
    if (type == ext.dispatcher_type || PyUnicode_CheckExact(value) || PyType_Check(value) || PyArray_DescrCheck(value))
        return pack_constant(p, value);
    if (is_named_tuple(value))
        return pack_tuple(p, value);
    if (PyArray_Check(value) && is_memmap(type))
        return pack_array(p, value);
    if (PyArray_Check(value))
        return refuse(value, "pass np.asarray(…): kernels take plain arrays, not a subclass");
    if (PyRange_Check(value))
        return pack_bounds(p, value, make_code(CODE_RANGE, 0), 3);
    if (PySlice_Check(value))
        return pack_slice(p, value);
    if (PyLong_Check(value))
        return pack_int(p, value);
    if (PyFloat_Check(value))
        return pack_float(p, value);
    if (PyComplex_Check(value))
        return pack_complex(p, value);
    if (PyCallable_Check(value) && PyObject_HasAttrString(value, "__code__"))
        return refuse(value, "a plain function cannot be an argument: decorate it with @njit; got a value");
    if (PyList_Check(value) || PyAnySet_Check(value))
        return refuse(value, "pass np.array(…) or a tuple: kernels do not take values");
    if (PyDict_Check(value))
        return refuse(value, "pass its values one by one, or as a namedtuple: kernels do not take values");
    return refuse(value, "pass the numbers and arrays that it holds: kernels do not take values");
}

int pack_argument(packed *p, PyObject *value) {
    PyTypeObject *type = Py_TYPE(value);
    if (type == &PyArray_Type)
        return pack_array(p, value);
    if (type == &PyFloat_Type)
        return pack_float(p, value);
    if (type == &PyLong_Type)
        return pack_int(p, value);
    if (type == &PyBool_Type)
        return pack_bool(p, value);
    if (type == &PyTuple_Type)
        return pack_tuple(p, value);
    if (value == Py_None)
        return pack_none(p);
    if (type == &PyComplex_Type)
        return pack_complex(p, value);
    return pack_rare(p, value);
}

int pack_own_slots(uint64_t code) {
    switch (code_kind_of(code)) {
    case CODE_SCALAR:
        return dtype_slots((ext_dtype)(code & 0xff));
    case CODE_ARRAY:
        return 2 + 2 * (int)(code >> 8 & 0xff);
    case CODE_RANGE:
        return 3;
    case CODE_SLICE:
        return code & 1 ? 3 : 2;
    default:
        return 0;
    }
}

int pack_slots_of(const uint64_t *codes, Py_ssize_t *at) {
    uint64_t code = codes[(*at)++];
    int slots = pack_own_slots(code), len = (int)(code & 0xffffffff);
    bool named = code_kind_of(code) == CODE_NAMED;
    *at += named;
    for (int i = 0; i < len && (named || code_kind_of(code) == CODE_TUPLE); i++)
        slots += pack_slots_of(codes, at);
    return slots;
}
