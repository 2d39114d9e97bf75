/* The module plait._plait: types, thread settings, and the runtime's hooks into the interpreter. */
#define EXT_IMPORTS_NUMPY
#include "ext.h"

ext_state ext;

/* ---- hooks -------------------------------------------------------------------------------------------------------- */

/* All take the lock themselves: the caller may have given it up. */
static int32_t is_interrupted(void) {
    PyGILState_STATE state = PyGILState_Ensure();
    int stop = PyErr_CheckSignals() != 0;
    PyGILState_Release(state);
    return stop;
}

static void print_text(const char *text, size_t len) {
    PyGILState_STATE state = PyGILState_Ensure();
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyObject *out = PySys_GetObject("stdout");
    PyObject *string = PyUnicode_DecodeUTF8(text, (Py_ssize_t)len, "replace");
    PyObject *done =
        out != NULL && out != Py_None && string != NULL ? PyObject_CallMethod(out, "write", "O", string) : NULL;
    if (done == NULL)
        PyErr_Clear();
    Py_XDECREF(done);
    Py_XDECREF(string);
    PyErr_Restore(type, value, traceback);
    PyGILState_Release(state);
}

static void *release_lock(void) {
    return PyGILState_Check() ? PyEval_SaveThread() : NULL;
}

static void take_lock(void *token) {
    PyEval_RestoreThread(token);
}

/* ---- threads ------------------------------------------------------------------------------------------------------ */

static int read_count(PyObject *value, const char *what, long long least, long long most, long long *count) {
    *count = PyLong_AsLongLong(value);
    if (*count == -1 && PyErr_Occurred()) {
        if (!PyErr_ExceptionMatches(PyExc_OverflowError))
            return -1;
        PyErr_Clear();
        *count = least - 1;
    }
    if (*count >= least && *count <= most)
        return 0;
    PyErr_Format(PyExc_ValueError, "%s must be between %lld and %lld", what, least, most);
    return -1;
}

static PyObject *set_num_threads(PyObject *module, PyObject *value) {
    long long count;
    (void)module;
    if (read_count(value, "The number of threads", 1, plrt_max_threads(), &count) < 0)
        return NULL;
    plrt_set_num_threads((int32_t)count);
    Py_RETURN_NONE;
}

/* What is wrong in a file or in the environment is said here too, not only when the first kernel is compiled; once for each
 * state of the configuration. */
static int check_config(void) {
    if (ext.checked && ext.epoch == plrt_config_epoch)
        return 0;
    PyObject *config = PyImport_ImportModule("plait.config");
    PyObject *done = config != NULL ? PyObject_CallMethod(config, "ensure", NULL) : NULL;
    Py_XDECREF(config);
    if (done == NULL)
        return -1;
    Py_DECREF(done);
    ext.epoch = plrt_config_epoch;
    ext.checked = true;
    return 0;
}

static PyObject *get_num_threads(PyObject *module, PyObject *ignored) {
    (void)module;
    (void)ignored;
    return check_config() < 0 ? NULL : PyLong_FromLong(plrt_get_num_threads());
}

static PyObject *get_max_threads(PyObject *module, PyObject *ignored) {
    (void)module;
    (void)ignored;
    return PyLong_FromLong(plrt_max_threads());
}

static PyObject *get_thread_id(PyObject *module, PyObject *ignored) {
    (void)module;
    (void)ignored;
    return PyLong_FromLong(plrt_get_thread_id());
}

static PyObject *set_chunksize(PyObject *module, PyObject *value) {
    long long count;
    (void)module;
    if (read_count(value, "The chunk size", 0, INT64_MAX / 4, &count) < 0)
        return NULL;
    return PyLong_FromLongLong(plrt_set_chunksize(count));
}

static PyObject *get_chunksize(PyObject *module, PyObject *ignored) {
    (void)module;
    (void)ignored;
    return PyLong_FromLongLong(plrt_get_chunksize());
}

/* A core's threads are one: placement fills cores before siblings. */
static PyObject *caches(PyObject *module, PyObject *ignored) {
    plrt_caches c;
    long long bytes[2];
    (void)module;
    (void)ignored;
    plrt_topology_caches(&c);
    for (int i = 0; i < 2; i++)
        bytes[i] = c.shared[i] > c.shared[0] && c.shared[0] > 0 ? c.bytes[i] * c.shared[0] / c.shared[i] : c.bytes[i];
    return Py_BuildValue("[LL]", bytes[0], bytes[1]);
}

static PyObject *memory_stats(PyObject *module, PyObject *ignored) {
    int64_t blocks, bytes;
    (void)module;
    (void)ignored;
    plrt_memory_stats(&blocks, &bytes);
    return Py_BuildValue("(LL)", (long long)blocks, (long long)bytes);
}

static PyObject *exact_runs(PyObject *module, PyObject *ignored) {
    (void)module;
    (void)ignored;
    return PyLong_FromLongLong((long long)plrt_exact_runs);
}

/* _tune(schedule, shuffle, min_work, grain=0): see runtime.h. */
static PyObject *tune(PyObject *module, PyObject *args) {
    int schedule;
    unsigned long long seed;
    long long work, grain = 0;
    (void)module;
    if (!PyArg_ParseTuple(args, "iKL|L", &schedule, &seed, &work, &grain))
        return NULL;
    plrt_set_schedule((plrt_schedule)schedule);
    plrt_set_shuffle(seed);
    plrt_set_min_work(work);
    plrt_set_grain(grain);
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"set_num_threads", set_num_threads, METH_O, "Sets how many threads parallel regions of this process use."},
    {"get_num_threads", get_num_threads, METH_NOARGS, "How many threads parallel regions use."},
    {"_max_threads", get_max_threads, METH_NOARGS, "The most threads that this process will use."},
    {"get_thread_id", get_thread_id, METH_NOARGS, "Number of the thread in a parallel region, 0 outside."},
    {"set_parallel_chunksize", set_chunksize, METH_O,
     "Sets this thread's chunk size, 0 for the default; returns the old."},
    {"get_parallel_chunksize", get_chunksize, METH_NOARGS, "This thread's chunk size, 0 for the default."},
    {"_caches", caches, METH_NOARGS, "Bytes of the first and the second data cache that one thread has, 0: unknown."},
    {"_memory_stats", memory_stats, METH_NOARGS, "(blocks, bytes) of array memory now alive."},
    {"_exact_runs", exact_runs, METH_NOARGS, "How often a nest ran as its exact copy because a test at entry failed."},
    {"_tune", tune, METH_VARARGS, "_tune(schedule, shuffle seed, min_work, grain=0): for tests."},
    {"_set_callbacks", dispatcher_set_callbacks, METH_VARARGS, "_set_callbacks(miss, raise, methods)"},
    {NULL, NULL, 0, NULL},
};

/* ---- initialisation ----------------------------------------------------------------------------------------------- */

/* The runtime's hooks and settings are the process's: a second interpreter would share them. */
static int check_interpreter(void) {
    if (PyInterpreterState_Get() == PyInterpreterState_Main())
        return 0;
    PyErr_SetString(PyExc_ImportError, "plait works in the main interpreter only");
    return -1;
}

static int execute(PyObject *module) {
    static const plrt_hooks hooks = {print_text, is_interrupted, release_lock, take_lock};
    if (check_interpreter() < 0)
        return -1;
    import_array1(-1);
    if (pack_setup() < 0 || kernel_setup(module) < 0 || compiler_setup(module) < 0 || dispatcher_setup(module) < 0 ||
        settings_setup(module) < 0)
        return -1;
    plrt_set_hooks(&hooks);
    return 0;
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, execute},
#ifdef Py_mod_multiple_interpreters
    {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED},
#endif
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_plait", "What calls kernels.", 0, functions, module_slots, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__plait(void);

PyMODINIT_FUNC PyInit__plait(void) {
    return PyModuleDef_Init(&definition);
}
