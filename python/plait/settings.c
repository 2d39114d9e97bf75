/* Configuration, counters and traces, for plait.config, plait.observe and plait.tune. */
#include "ext.h"

#include "plait/config.h"
#include "plait/stats.h"
#include "plait/suite.h"

static PyObject *text_or_none(const char *text) {
    if (text == NULL)
        Py_RETURN_NONE;
    return PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "surrogateescape");
}

/* Takes over what the runtime allocated. */
static PyObject *taken_text(char *text) {
    PyObject *o = text_or_none(text);
    free(text);
    return o;
}

/* ---- configuration ------------------------------------------------------------------------------------------------ */

static PyObject *config_problems(PyObject *module, PyObject *ignored) {
    (void)module;
    (void)ignored;
    return text_or_none(plrt_config_problems());
}

static PyObject *config_reload(PyObject *module, PyObject *ignored) {
    (void)module;
    (void)ignored;
    plrt_config_reload();
    Py_RETURN_NONE;
}

/* The environment variables of all settings, with blanks between. */
static PyObject *config_variables(PyObject *module, PyObject *ignored) {
    plrt_setting s;
    (void)module;
    (void)ignored;
    PyObject *all = PyUnicode_FromString("");
    for (size_t i = 0; all != NULL && plrt_config_get(i, &s); i++)
        Py_XSETREF(all, PyUnicode_FromFormat("%U %s", all, s.variables));
    return all;
}

static PyObject *config_json(PyObject *module, PyObject *ignored) {
    (void)module;
    (void)ignored;
    return taken_text(plrt_config_json());
}

/* _config_get(name) → (value, origin, kind), or None when there is no such setting. */
static PyObject *config_get(PyObject *module, PyObject *name) {
    plrt_setting s;
    (void)module;
    const char *text = PyUnicode_AsUTF8(name);
    if (text == NULL)
        return NULL;
    int32_t row = plrt_config_find(text);
    if (row < 0)
        Py_RETURN_NONE;
    plrt_config_get((size_t)row, &s);
    PyObject *value = text_or_none(s.value);
    return value != NULL ? Py_BuildValue("(Nss)", value, s.origin, s.kind) : NULL;
}

static PyObject *config_set(PyObject *module, PyObject *args) {
    const char *name, *value;
    (void)module;
    if (!PyArg_ParseTuple(args, "sz", &name, &value))
        return NULL;
    return taken_text(plrt_config_set(name, value));
}

static PyObject *config_check(PyObject *module, PyObject *path) {
    PyObject *bytes;
    (void)module;
    if (!PyUnicode_FSConverter(path, &bytes))
        return NULL;
    PyObject *found = taken_text(plrt_config_check(PyBytes_AS_STRING(bytes)));
    Py_DECREF(bytes);
    return found;
}

static PyObject *config_kernel(PyObject *module, PyObject *args) {
    const char *name;
    long long bytes;
    (void)module;
    if (!PyArg_ParseTuple(args, "sL", &name, &bytes))
        return NULL;
    return taken_text(plrt_config_kernel_json(name, bytes));
}

/* _config_effective(name, bytes, (threads, schedule, chunk, placement), tile or -1) → JSON */
static PyObject *config_effective(PyObject *module, PyObject *args) {
    const char *name, *placement;
    long long bytes, chunk, tile;
    int threads, schedule;
    (void)module;
    if (!PyArg_ParseTuple(args, "sL(iiLz)L", &name, &bytes, &threads, &schedule, &chunk, &placement, &tile))
        return NULL;
    const plrt_choice own = {threads, schedule, chunk, placement};
    return taken_text(plrt_config_effective_json(name, &own, tile, bytes));
}

static PyObject *suite_read(PyObject *module, PyObject *path) {
    PyObject *bytes;
    char *problems = NULL;
    (void)module;
    if (!PyUnicode_FSConverter(path, &bytes))
        return NULL;
    char *json = plrt_suite_read(PyBytes_AS_STRING(bytes), &problems);
    Py_DECREF(bytes);
    PyObject *first = taken_text(json), *second = taken_text(problems);
    return first != NULL && second != NULL ? Py_BuildValue("(NN)", first, second) : NULL;
}

/* ---- scopes ------------------------------------------------------------------------------------------------------- */

static bool read_choice(PyObject *args, plrt_choice *choice) {
    int threads, schedule;
    long long chunk;
    const char *placement;
    if (!PyArg_ParseTuple(args, "iiLz", &threads, &schedule, &chunk, &placement))
        return false;
    *choice = (plrt_choice){threads, schedule, chunk, placement};
    return true;
}

static const char open_scope[] = "plait.scope", closed_scope[] = "plait.closed scope";

/* _push_choice(threads, schedule, chunk, placement) → what _pop_choice takes, on any thread. */
static PyObject *push_choice(PyObject *module, PyObject *args) {
    plrt_choice choice;
    (void)module;
    if (!read_choice(args, &choice))
        return NULL;
    plrt_scope *scope = plrt_scope_open(&choice);
    if (scope == NULL) {
        PyErr_SetString(PyExc_ValueError, "placement is spread, compact, numa, cores, threads, none or a list of CPUs");
        return NULL;
    }
    PyObject *handle = PyCapsule_New(scope, open_scope, NULL);
    if (handle == NULL)
        plrt_scope_close(scope);
    return handle;
}

static PyObject *pop_choice(PyObject *module, PyObject *handle) {
    (void)module;
    if (!PyCapsule_IsValid(handle, open_scope)) {
        PyErr_SetString(PyExc_RuntimeError, "this scope is not open");
        return NULL;
    }
    plrt_scope *scope = PyCapsule_GetPointer(handle, open_scope);
    PyCapsule_SetName(handle, closed_scope);
    plrt_scope_close(scope);
    Py_RETURN_NONE;
}

/* Whether it is the name of a placement, or a list of CPUs. */
static PyObject *is_placement(PyObject *module, PyObject *text) {
    (void)module;
    const char *name = PyUnicode_AsUTF8(text);
    return name != NULL ? PyBool_FromLong(plrt_placement_named(name) != PLRT_PLACE_INVALID) : NULL;
}

static PyObject *config_unknown(PyObject *module, PyObject *ignored) {
    (void)module;
    (void)ignored;
    return taken_text(plrt_config_unknown_variables());
}

/* _name_kernel(kernel, "module.function", threads, schedule, chunk, placement, tile): by which its settings are found, what
 * its decorator says, and the tile that it was compiled with (-1: not by the configuration). */
static PyObject *name_kernel(PyObject *module, PyObject *args) {
    Kernel *kernel;
    const char *name, *placement;
    int threads, schedule;
    long long chunk, tile;
    (void)module;
    if (!PyArg_ParseTuple(args, "O!siiLzL", ext.kernel_type, &kernel, &name, &threads, &schedule, &chunk, &placement,
                          &tile))
        return NULL;
    const plrt_choice own = {threads, schedule, chunk, placement};
    if (plrt_choice_keep(&own, &kernel->own) != 0) {
        PyErr_SetString(PyExc_ValueError, "placement is spread, compact, numa, cores, threads, none or a list of CPUs");
        return NULL;
    }
    char *copy = PyMem_Malloc(strlen(name) + 1);
    if (copy == NULL)
        return PyErr_NoMemory();
    strcpy(copy, name);
    PyMem_Free(kernel->name);
    kernel->name = copy;
    kernel->has_own = threads != 0 || schedule != 0 || chunk != 0 || placement != NULL;
    kernel->tile = tile;
    kernel->epoch = plrt_config_epoch - 1;
    Py_RETURN_NONE;
}

/* ---- counters ----------------------------------------------------------------------------------------------------- */

static PyObject *stats_enable(PyObject *module, PyObject *on) {
    (void)module;
    int truth = PyObject_IsTrue(on);
    return truth < 0 ? NULL : PyBool_FromLong(plrt_stats_enable(truth));
}

static PyObject *stats_reset(PyObject *module, PyObject *ignored) {
    (void)module;
    (void)ignored;
    plrt_stats_reset();
    Py_RETURN_NONE;
}

static PyObject *reasons_of(const plrt_region_stats *s) {
    PyObject *reasons = PyDict_New();
    for (int32_t i = 0; reasons != NULL && i < PLRT_ALONE_REASONS; i++) {
        if (s->alone[i] == 0)
            continue;
        PyObject *count = PyLong_FromLongLong(s->alone[i]);
        if (count == NULL || PyDict_SetItemString(reasons, plrt_alone_reason(i), count) < 0)
            Py_CLEAR(reasons);
        Py_XDECREF(count);
    }
    return reasons;
}

static PyObject *region_stats(const plrt_region_stats *s) {
    PyObject *reasons = reasons_of(s), *file = text_or_none(s->file);
    if (reasons == NULL || file == NULL) {
        Py_XDECREF(reasons);
        Py_XDECREF(file);
        return NULL;
    }
    double parallel = s->parallel_calls > 0 ? (double)s->parallel_calls : 1;
    return Py_BuildValue("{s:s,s:N,s:i,s:i,s:L,s:L,s:L,s:L,s:d,s:d,s:d,s:i,s:d,s:d,s:N}", "region", s->name, "file",
                         file, "line", (int)s->line, "loop", (int)s->loop, "calls", (long long)s->calls,
                         "parallel_calls", (long long)s->parallel_calls, "iterations", (long long)s->trips,
                         "operations", (long long)s->work, "seconds", (double)s->time * 1e-9, "longest",
                         (double)s->longest * 1e-9, "threads",
                         s->parallel_calls > 0 ? (double)s->threads / parallel : 1.0, "most_threads",
                         (int)s->most_threads, "busy_seconds", (double)s->busy * 1e-9, "imbalance",
                         s->mean > 0 ? (double)s->busiest / (double)s->mean : 1.0, "sequential", reasons);
}

static PyObject *stats_list(PyObject *module, PyObject *ignored) {
    (void)module;
    (void)ignored;
    size_t room = plrt_stats_get(NULL, 0) + 64;
    plrt_region_stats *all = PyMem_Malloc(room * sizeof *all);
    if (all == NULL)
        return PyErr_NoMemory();
    size_t n = plrt_stats_get(all, room);
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list != NULL && i < n && i < room; i++) {
        PyObject *one = region_stats(&all[i]);
        if (one == NULL || PyList_Append(list, one) < 0)
            Py_CLEAR(list);
        Py_XDECREF(one);
    }
    PyMem_Free(all);
    return list;
}

/* ---- traces ------------------------------------------------------------------------------------------------------- */

static PyObject *fail_with(int32_t error, PyObject *path) {
    if (error == 0)
        Py_RETURN_NONE;
    errno = error;
    return PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, path);
}

static PyObject *trace_start(PyObject *module, PyObject *args) {
    PyObject *path, *bytes;
    long long limit;
    (void)module;
    if (!PyArg_ParseTuple(args, "OL", &path, &limit) || !PyUnicode_FSConverter(path, &bytes))
        return NULL;
    int32_t error = plrt_trace_start(PyBytes_AS_STRING(bytes), limit);
    Py_DECREF(bytes);
    return fail_with(error, path);
}

static PyObject *trace_stop(PyObject *module, PyObject *path) {
    (void)module;
    return fail_with(plrt_trace_stop(), path);
}

static PyObject *trace_is_on(PyObject *module, PyObject *ignored) {
    (void)module;
    (void)ignored;
    return PyBool_FromLong(plrt_trace_is_on());
}

static PyObject *trace_span(PyObject *module, PyObject *args) {
    const char *name, *category;
    long long begin, end;
    (void)module;
    if (!PyArg_ParseTuple(args, "ssLL", &name, &category, &begin, &end))
        return NULL;
    plrt_trace_span(name, category, begin, end);
    Py_RETURN_NONE;
}

static PyObject *clock_now(PyObject *module, PyObject *ignored) {
    (void)module;
    (void)ignored;
    return PyLong_FromLongLong(plrt_clock());
}

static PyMethodDef functions[] = {
    {"_config_problems", config_problems, METH_NOARGS, "What is wrong with the configuration, or None."},
    {"_config_reload", config_reload, METH_NOARGS, "Reads files and environment again."},
    {"_config_variables", config_variables, METH_NOARGS, "The environment variables of all settings."},
    {"_config_json", config_json, METH_NOARGS, "All settings."},
    {"_config_get", config_get, METH_O, "_config_get(name) → (value, origin, kind) or None"},
    {"_config_set", config_set, METH_VARARGS, "_config_set(name, text or None) → what is wrong, or None"},
    {"_config_check", config_check, METH_O, "_config_check(path) → what is wrong with the file, or None"},
    {"_config_kernel", config_kernel, METH_VARARGS, "_config_kernel(name, bytes) → JSON"},
    {"_config_effective", config_effective, METH_VARARGS, "_config_effective(name, bytes, choice, tile) → JSON"},
    {"_suite_read", suite_read, METH_O, "_suite_read(path) → (JSON or None, what is wrong or None)"},
    {"_config_unknown", config_unknown, METH_NOARGS, "Lines of unknown variables with the nearest names, or None."},
    {"_is_placement", is_placement, METH_O, "Whether it is the name of a placement, or a list of CPUs."},
    {"_push_choice", push_choice, METH_VARARGS, "_push_choice(threads, schedule, chunk, placement)"},
    {"_pop_choice", pop_choice, METH_O, "_pop_choice(what _push_choice gave)"},
    {"_name_kernel", name_kernel, METH_VARARGS,
     "_name_kernel(kernel, name, threads, schedule, chunk, placement, tile)"},
    {"_stats_enable", stats_enable, METH_O, "Counts regions from now on, or no longer; returns what it was."},
    {"_stats_reset", stats_reset, METH_NOARGS, "Sets all counters to zero."},
    {"_stats", stats_list, METH_NOARGS, "One dict for each region."},
    {"_trace_start", trace_start, METH_VARARGS, "_trace_start(path, limit)"},
    {"_trace_stop", trace_stop, METH_O, "_trace_stop(path, for messages)"},
    {"_trace_is_on", trace_is_on, METH_NOARGS, "Whether a trace is being recorded."},
    {"_trace_span", trace_span, METH_VARARGS, "_trace_span(name, category, begin, end)"},
    {"_clock", clock_now, METH_NOARGS, "Nanoseconds, as _trace_span takes them."},
    {NULL, NULL, 0, NULL},
};

int settings_setup(PyObject *module) {
    return PyModule_AddFunctions(module, functions);
}
