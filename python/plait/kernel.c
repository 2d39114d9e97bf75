/* Kernels: an entry, what its result slots mean, and how its errors become exceptions. */
#include "ext.h"

#include <frameobject.h>
#include <structmember.h>

/* ---- result types from Python's description ----------------------------------------------------------------------- */

/* ("none",) ("scalar", dtype) ("array", dtype, ndim, readonly) ("tuple", items, class or None) ("constant", value)
 * ("range",) ("slice", has_step); dtype is the index of ext_dtype. */
static int read_result(PyObject *o, result_type *t);

static void clear_result(result_type *t) {
    for (int i = 0; i < t->len; i++)
        clear_result(&t->items[i]);
    PyMem_Free(t->items);
    Py_CLEAR(t->object);
    t->items = NULL;
    t->len = 0;
}

static int read_tuple(PyObject *o, result_type *t) {
    PyObject *items, *class;
    if (!PyArg_ParseTuple(o, "sO!O", &(const char *){0}, &PyTuple_Type, &items, &class))
        return -1;
    int len = (int)PyTuple_GET_SIZE(items);
    t->kind = RESULT_TUPLE;
    t->items = PyMem_Calloc((size_t)len + 1, sizeof *t->items);
    if (t->items == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    t->len = len;
    if (class != Py_None)
        t->object = Py_NewRef(class);
    for (int i = 0; i < len; i++)
        if (read_result(PyTuple_GET_ITEM(items, i), &t->items[i]) < 0)
            return -1;
    return 0;
}

static int read_dtype(int number, result_type *t) {
    if (number < 0 || number >= DT_COUNT) {
        PyErr_SetString(PyExc_ValueError, "unknown dtype of a result");
        return -1;
    }
    t->dtype = (ext_dtype)number;
    return 0;
}

static int read_result(PyObject *o, result_type *t) {
    const char *kind;
    int number = 0, flag = 0;
    if (!PyTuple_Check(o) || PyTuple_GET_SIZE(o) < 1 || (kind = PyUnicode_AsUTF8(PyTuple_GET_ITEM(o, 0))) == NULL) {
        PyErr_SetString(PyExc_TypeError, "a result type is a tuple");
        return -1;
    }
    if (strcmp(kind, "tuple") == 0)
        return read_tuple(o, t);
    if (strcmp(kind, "none") == 0) {
        t->kind = RESULT_NONE;
        return 0;
    }
    if (strcmp(kind, "scalar") == 0) {
        t->kind = RESULT_SCALAR;
        return PyArg_ParseTuple(o, "si", &kind, &number) ? read_dtype(number, t) : -1;
    }
    if (strcmp(kind, "array") == 0) {
        t->kind = RESULT_ARRAY;
        if (!PyArg_ParseTuple(o, "siip", &kind, &number, &t->ndim, &flag))
            return -1;
        t->readonly = flag != 0;
        return read_dtype(number, t);
    }
    if (strcmp(kind, "constant") == 0) {
        t->kind = RESULT_CONSTANT;
        if (!PyArg_ParseTuple(o, "sO", &kind, &t->object))
            return -1;
        Py_INCREF(t->object);
        return 0;
    }
    t->kind = strcmp(kind, "range") == 0 ? RESULT_RANGE : RESULT_SLICE;
    t->has_step = t->kind == RESULT_SLICE && PyTuple_GET_SIZE(o) > 1 && PyObject_IsTrue(PyTuple_GET_ITEM(o, 1));
    return 0;
}

/* ---- the object --------------------------------------------------------------------------------------------------- */

Kernel *kernel_new(plait_entry entry, plait_kernel *loaded, PyObject *result, PyObject *info, int nogil, int watches) {
    Kernel *k = PyObject_GC_New(Kernel, ext.kernel_type);
    if (k == NULL) {
        if (loaded != NULL)
            compiler_free_kernel(loaded);
        return NULL;
    }
    k->entry = entry;
    k->loaded = loaded;
    k->result = (result_type){.kind = RESULT_NONE};
    k->nogil = nogil != 0;
    k->watches = watches != 0;
    k->info = Py_NewRef(info);
    k->name = NULL;
    k->epoch = 0;
    k->settings = NULL;
    k->own = (plrt_choice){0};
    k->has_own = false;
    k->most = NULL;
    k->calls_left = 0;
    k->ns_left = 0;
    k->tile = -1;
    k->tile_varies = false;
    PyObject_GC_Track(k);
    if (read_result(result, &k->result) < 0) {
        Py_DECREF(k);
        return NULL;
    }
    k->result_slots = result_slots(&k->result);
    return k;
}

/* Kernel(address, result, info, nogil, keep): code from elsewhere. */
static PyObject *make_kernel(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"address", "result", "info", "nogil", NULL};
    PyObject *result, *info = Py_None;
    unsigned long long address;
    int nogil = 0;
    plait_entry entry;
    (void)type;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "KO|Op", names, &address, &result, &info, &nogil))
        return NULL;
    uintptr_t bits = (uintptr_t)address;
    memcpy(&entry, &bits, sizeof entry);
    return (PyObject *)kernel_new(entry, NULL, result, info, nogil, 1);
}

static int visit_result(const result_type *t, visitproc visit, void *arg) {
    Py_VISIT(t->object);
    for (int i = 0; i < t->len; i++) {
        int status = visit_result(&t->items[i], visit, arg);
        if (status != 0)
            return status;
    }
    return 0;
}

static int traverse(PyObject *self, visitproc visit, void *arg) {
    Kernel *k = (Kernel *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(k->info);
    return visit_result(&k->result, visit, arg);
}

static int clear(PyObject *self) {
    Py_CLEAR(((Kernel *)self)->info);
    return 0;
}

static void dealloc(PyObject *self) {
    Kernel *k = (Kernel *)self;
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    clear(self);
    clear_result(&k->result);
    PyMem_Free(k->name);
    PyMem_Free(k->most);
    if (k->loaded != NULL)
        compiler_free_kernel(k->loaded);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMemberDef members[] = {
    {"info", T_OBJECT, offsetof(Kernel, info), READONLY, "what was given at construction"},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_new, make_kernel},
    {Py_tp_dealloc, dealloc},
    {Py_tp_traverse, traverse},
    {Py_tp_clear, clear},
    {Py_tp_members, members},
    {Py_tp_doc, "Compiled code for one list of argument types."},
    {0, NULL},
};

static PyType_Spec spec = {"plait._plait.Kernel", sizeof(Kernel), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, slots};

int kernel_setup(PyObject *module) {
    ext.kernel_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, NULL);
    return ext.kernel_type == NULL ? -1 : PyModule_AddType(module, ext.kernel_type);
}

/* ---- errors ------------------------------------------------------------------------------------------------------- */

/* Adds a line of the kernel's source to the traceback of the exception that is set. */
static void add_traceback(const char *file, const char *function, int line) {
    PyObject *type, *value, *traceback, *globals = PyDict_New();
    PyErr_Fetch(&type, &value, &traceback);
    PyCodeObject *code = PyCode_NewEmpty(file, function, line);
    PyFrameObject *frame =
        code != NULL && globals != NULL ? PyFrame_New(PyThreadState_Get(), code, globals, NULL) : NULL;
    PyErr_Clear();
    PyErr_Restore(type, value, traceback);
    if (frame != NULL)
        PyTraceBack_Here(frame);
    Py_XDECREF(frame);
    Py_XDECREF(code);
    Py_XDECREF(globals);
}

/* plait.dispatcher gives (exception, file, function, line). */
static void raise_site(Kernel *kernel, const plrt_error *err) {
    PyObject *values = PyTuple_New(err->nargs), *exception;
    const char *file, *function;
    int line;
    for (int i = 0; values != NULL && i < err->nargs; i++)
        PyTuple_SET_ITEM(values, i, PyLong_FromLongLong(err->args[i]));
    if (values == NULL)
        return;
    PyObject *made = PyObject_CallFunction(ext.raise, "OiO", kernel->info, (int)err->site, values);
    Py_DECREF(values);
    if (made == NULL)
        return;
    if (PyArg_ParseTuple(made, "Ossi", &exception, &file, &function, &line)) {
        PyErr_SetObject((PyObject *)Py_TYPE(exception), exception);
        add_traceback(file, function, line);
    }
    Py_DECREF(made);
}

void kernel_raise(Kernel *kernel, const plrt_error *err) {
    switch (err->site) {
    case PLRT_SITE_MEMORY:
        if (err->args[0] == 0) /* driver/load.c */
            PyErr_SetString(PyExc_MemoryError, "a part of a kernel that is compiled when it is first entered");
        else
            PyErr_Format(PyExc_MemoryError, "a kernel wanted %lld bytes", (long long)err->args[0]);
        break;
    case PLRT_SITE_INTERRUPT:
        if (!PyErr_Occurred())
            PyErr_SetNone(PyExc_KeyboardInterrupt);
        break;
    case PLRT_SITE_RECURSION:
        PyErr_SetString(PyExc_RecursionError, "maximum recursion depth exceeded in a kernel");
        break;
    default:
        if (err->site > 0 && ext.raise != NULL)
            raise_site(kernel, err);
        else
            PyErr_Format(PyExc_SystemError, "a kernel reported error %d", (int)err->site);
    }
}
