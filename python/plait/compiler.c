/* libplait, which carries LLVM, is loaded at the first compile: importing the package does not wait for it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>

#include "ext.h"

typedef struct library {
    const char *(*version)(void);
    plait_status (*compile)(const char *, size_t, plait_artifact **, plait_diagnostics **);
    void (*diagnostics_free)(plait_diagnostics *);
    size_t (*diagnostics_count)(const plait_diagnostics *);
    plait_diagnostic (*diagnostics_get)(const plait_diagnostics *, size_t);
    void (*artifact_free)(plait_artifact *);
    const void *(*artifact_object)(const plait_artifact *, size_t *);
    const char *(*artifact_entry)(const plait_artifact *);
    const char *(*artifact_signature)(const plait_artifact *);
    const char *(*artifact_metadata)(const plait_artifact *);
    const char *(*artifact_report)(const plait_artifact *);
    const char *(*artifact_explain)(const plait_artifact *);
    const char *(*artifact_dump)(const plait_artifact *, const char *);
    const char *(*artifact_timings)(const plait_artifact *);
    plait_status (*artifact_write)(const plait_artifact *, const char *, plait_diagnostics **);
    plait_status (*load)(const plait_artifact *, plait_kernel **, plait_diagnostics **);
    void (*kernel_free)(plait_kernel *);
    plait_entry (*kernel_entry)(const plait_kernel *);
} library;

static library lib;

static const struct {
    const char *name;
    size_t offset;
} functions[] = {
    {"plait_version", offsetof(library, version)},
    {"plait_compile", offsetof(library, compile)},
    {"plait_diagnostics_free", offsetof(library, diagnostics_free)},
    {"plait_diagnostics_count", offsetof(library, diagnostics_count)},
    {"plait_diagnostics_get", offsetof(library, diagnostics_get)},
    {"plait_artifact_free", offsetof(library, artifact_free)},
    {"plait_artifact_object", offsetof(library, artifact_object)},
    {"plait_artifact_entry", offsetof(library, artifact_entry)},
    {"plait_artifact_signature", offsetof(library, artifact_signature)},
    {"plait_artifact_metadata", offsetof(library, artifact_metadata)},
    {"plait_artifact_report", offsetof(library, artifact_report)},
    {"plait_artifact_explain", offsetof(library, artifact_explain)},
    {"plait_artifact_dump", offsetof(library, artifact_dump)},
    {"plait_artifact_timings", offsetof(library, artifact_timings)},
    {"plait_artifact_write", offsetof(library, artifact_write)},
    {"plait_load", offsetof(library, load)},
    {"plait_kernel_free", offsetof(library, kernel_free)},
    {"plait_kernel_entry", offsetof(library, kernel_entry)},
};

/* ---- loading ------------------------------------------------------------------------------------------------------ */

static PyObject *library_path(void) {
    Dl_info info;
    if (dladdr(&lib, &info) == 0 || info.dli_fname == NULL)
        return PyUnicode_FromString("libplait.so");
    const char *slash = strrchr(info.dli_fname, '/');
    PyObject *folder = PyUnicode_DecodeFSDefaultAndSize(info.dli_fname, slash != NULL ? slash + 1 - info.dli_fname : 0);
    if (folder == NULL)
        return NULL;
    PyObject *path = PyUnicode_FromFormat("%Ulibplait.so", folder);
    Py_DECREF(folder);
    return path;
}

static int fill_table(void *handle) {
    library found;
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        void *address = dlsym(handle, functions[i].name);
        if (address == NULL) {
            PyErr_Format(PyExc_ImportError, "libplait.so lacks %s", functions[i].name);
            return -1;
        }
        memcpy((char *)&found + functions[i].offset, &address, sizeof address);
    }
    lib = found;
    return 0;
}

static int load_library(void) {
    if (lib.compile != NULL)
        return 0;
    PyObject *path = library_path();
    const char *text = path != NULL ? PyUnicode_AsUTF8(path) : NULL;
    if (text == NULL)
        return -1;
    void *handle = dlopen(text, RTLD_NOW | RTLD_LOCAL);
    int status = -1;
    if (handle == NULL)
        PyErr_Format(PyExc_ImportError, "the compiler cannot be loaded: %s", dlerror());
    else
        status = fill_table(handle);
    Py_DECREF(path);
    return status;
}

void compiler_free_kernel(plait_kernel *k) {
    lib.kernel_free(k);
}

/* ---- diagnostics -------------------------------------------------------------------------------------------------- */

/* List of (kind, file, line, col, end line, end col, message, hint, text); frees them. */
static PyObject *list_diagnostics(plait_diagnostics *diagnostics) {
    size_t count = diagnostics != NULL ? lib.diagnostics_count(diagnostics) : 0;
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (size_t i = 0; list != NULL && i < count; i++) {
        plait_diagnostic d = lib.diagnostics_get(diagnostics, i);
        PyObject *item = Py_BuildValue("(szIIIIszz)", d.kind, d.file, d.line, d.col, d.end_line, d.end_col, d.message,
                                       d.hint, d.text);
        if (item == NULL)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, (Py_ssize_t)i, item);
    }
    if (diagnostics != NULL)
        lib.diagnostics_free(diagnostics);
    return list;
}

/* ---- artifacts ---------------------------------------------------------------------------------------------------- */

typedef struct Artifact {
    PyObject_HEAD plait_artifact *artifact;
} Artifact;

/* compile(request: bytes) → (Artifact or None, diagnostics) */
static PyObject *compile_request(PyObject *module, PyObject *request) {
    char *text;
    Py_ssize_t len;
    plait_artifact *made = NULL;
    plait_diagnostics *diagnostics = NULL;
    plait_status status;
    (void)module;
    if (PyBytes_AsStringAndSize(request, &text, &len) < 0 || load_library() < 0)
        return NULL;
    Artifact *a = PyObject_New(Artifact, ext.artifact_type);
    if (a == NULL)
        return NULL;
    a->artifact = NULL;
    Py_BEGIN_ALLOW_THREADS status = lib.compile(text, (size_t)len, &made, &diagnostics);
    Py_END_ALLOW_THREADS a->artifact = status == PLAIT_OK ? made : NULL;
    PyObject *list = list_diagnostics(diagnostics), *result = NULL;
    if (status == PLAIT_OUT_OF_MEMORY)
        PyErr_NoMemory();
    else if (list != NULL)
        result = PyTuple_Pack(2, a->artifact != NULL ? (PyObject *)a : Py_None, list);
    Py_DECREF(a);
    Py_XDECREF(list);
    return result;
}

static PyObject *text_or_none(const char *text) {
    if (text == NULL)
        Py_RETURN_NONE;
    return PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
}

static const plait_artifact *artifact_of(PyObject *self) {
    return ((Artifact *)self)->artifact;
}

static PyObject *get_object(PyObject *self, PyObject *ignored) {
    size_t len;
    (void)ignored;
    const char *bytes = lib.artifact_object(artifact_of(self), &len);
    return PyBytes_FromStringAndSize(bytes, (Py_ssize_t)len);
}

static PyObject *get_entry(PyObject *self, PyObject *ignored) {
    (void)ignored;
    return text_or_none(lib.artifact_entry(artifact_of(self)));
}

static PyObject *get_signature(PyObject *self, PyObject *ignored) {
    (void)ignored;
    return text_or_none(lib.artifact_signature(artifact_of(self)));
}

static PyObject *get_metadata(PyObject *self, PyObject *ignored) {
    (void)ignored;
    return text_or_none(lib.artifact_metadata(artifact_of(self)));
}

static PyObject *get_report(PyObject *self, PyObject *ignored) {
    (void)ignored;
    return text_or_none(lib.artifact_report(artifact_of(self)));
}

static PyObject *get_explanation(PyObject *self, PyObject *ignored) {
    (void)ignored;
    return text_or_none(lib.artifact_explain(artifact_of(self)));
}

static PyObject *get_timings(PyObject *self, PyObject *ignored) {
    (void)ignored;
    return text_or_none(lib.artifact_timings(artifact_of(self)));
}

static PyObject *get_dump(PyObject *self, PyObject *name) {
    const char *text = PyUnicode_AsUTF8(name);
    return text != NULL ? text_or_none(lib.artifact_dump(artifact_of(self), text)) : NULL;
}

static PyObject *write_file(PyObject *self, PyObject *path) {
    plait_diagnostics *diagnostics = NULL;
    const char *text = PyUnicode_AsUTF8(path);
    plait_status status;
    if (text == NULL)
        return NULL;
    Py_BEGIN_ALLOW_THREADS status = lib.artifact_write(artifact_of(self), text, &diagnostics);
    Py_END_ALLOW_THREADS PyObject *list = list_diagnostics(diagnostics);
    if (list == NULL || status == PLAIT_OK || PyList_GET_SIZE(list) > 0)
        return list;
    Py_DECREF(list);
    return PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, path);
}

/* load(result, info, nogil, watches) → (Kernel or None, diagnostics) */
static PyObject *load_kernel(PyObject *self, PyObject *args) {
    PyObject *result, *info;
    int nogil, watches;
    plait_kernel *loaded = NULL;
    plait_diagnostics *diagnostics = NULL;
    plait_status status;
    if (!PyArg_ParseTuple(args, "OOpp", &result, &info, &nogil, &watches))
        return NULL;
    Py_BEGIN_ALLOW_THREADS status = lib.load(artifact_of(self), &loaded, &diagnostics);
    Py_END_ALLOW_THREADS PyObject *list = list_diagnostics(diagnostics), *kernel = NULL;
    if (status == PLAIT_OUT_OF_MEMORY)
        PyErr_NoMemory();
    else if (list != NULL && status == PLAIT_OK)
        kernel = (PyObject *)kernel_new(lib.kernel_entry(loaded), loaded, result, info, nogil, watches);
    else if (list != NULL)
        kernel = Py_NewRef(Py_None);
    PyObject *pair = kernel != NULL ? PyTuple_Pack(2, kernel, list) : NULL;
    Py_XDECREF(kernel);
    Py_XDECREF(list);
    return pair;
}

static void dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    if (artifact_of(self) != NULL)
        lib.artifact_free(((Artifact *)self)->artifact);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef methods[] = {
    {"object", get_object, METH_NOARGS, "the relocatable object"},
    {"entry", get_entry, METH_NOARGS, "the entry's symbol"},
    {"signature", get_signature, METH_NOARGS, NULL},
    {"metadata", get_metadata, METH_NOARGS, "JSON"},
    {"report", get_report, METH_NOARGS, "the parallel report, JSON"},
    {"explain", get_explanation, METH_NOARGS, "the parallel report as text"},
    {"timings", get_timings, METH_NOARGS, "milliseconds by phase, JSON"},
    {"dump", get_dump, METH_O, "what a stage printed, or None"},
    {"write", write_file, METH_O, "writes a file by its extension; returns diagnostics"},
    {"load", load_kernel, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_dealloc, dealloc},
    {Py_tp_methods, methods},
    {Py_tp_doc, "What a compile gave."},
    {0, NULL},
};

static PyType_Spec spec = {"plait._plait.Artifact", sizeof(Artifact), 0,
                           Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};

static PyMethodDef module_functions[] = {
    {"compile", compile_request, METH_O, "compile(request: bytes) -> (Artifact or None, diagnostics)"},
    {NULL, NULL, 0, NULL},
};

int compiler_setup(PyObject *module) {
    ext.artifact_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, NULL);
    if (ext.artifact_type == NULL || PyModule_AddType(module, ext.artifact_type) < 0)
        return -1;
    return PyModule_AddFunctions(module, module_functions);
}
