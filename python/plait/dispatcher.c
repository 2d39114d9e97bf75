/* The callable: arguments → codes → specialisation → entry → result.
 *
 * A dispatcher has a table of entries, one for each list of type codes that was called; an entry may convert (eager
 * signatures take what can be converted). The table only grows or is emptied, under the interpreter's lock; a call holds
 * its kernel while it runs. What is not in the table goes to plait.dispatcher, in Python.
 *
 * Attributes that are not found here are looked up in the class `ext.methods`, so that all that is not speed is written
 * in Python without a Python subclass, which would lose the vectorcall protocol on older interpreters. */
#include "ext.h"

#include <structmember.h>
#include <time.h>

typedef struct leaf { /* a scalar to convert, or slots to copy */
    int slots;
    ext_dtype from, to; /* DT_COUNT: copy */
} leaf;

typedef struct entry {
    Py_ssize_t n_codes;
    uint64_t *codes;
    Kernel *kernel;
    int n_leaves; /* 0: nothing to convert */
    leaf *leaves;
} entry;

typedef struct Dispatcher {
    PyObject_HEAD vectorcallfunc vectorcall;
    PyObject *dict, *weak;
    PyObject *py_func;
    PyObject *names;         /* tuple of str: parameters; the last one collects the rest when `varargs` */
    PyObject *defaults;      /* dict: parameter → value */
    Py_ssize_t n_plain;      /* parameters without *args */
    Py_ssize_t n_positional; /* of these, those that may be given by position */
    bool varargs;
    PyObject *constants;
    entry *entries;
    Py_ssize_t n_entries;
} Dispatcher;

enum { PARAMETERS_INLINE = 16, RESULTS_INLINE = 32 };

/* ---- conversion to an eager signature ----------------------------------------------------------------------------- */

typedef struct number {
    ext_dtype dtype;
    double re, im;
    int64_t i;
} number;

static bool is_integer(ext_dtype d) {
    return d <= DT_UINT64;
}

static bool is_unsigned(ext_dtype d) {
    return d >= DT_UINT8 && d <= DT_UINT64;
}

static double low_float(int64_t slot) {
    float x;
    memcpy(&x, &slot, sizeof x);
    return (double)x;
}

static number read_number(ext_dtype dtype, const int64_t *slot) {
    number n = {.dtype = dtype, .i = slot[0]};
    if (dtype == DT_FLOAT32 || dtype == DT_COMPLEX64)
        n.re = low_float(slot[0]);
    else if (dtype == DT_FLOAT64 || dtype == DT_COMPLEX128)
        memcpy(&n.re, slot, sizeof n.re);
    else
        n.re = is_unsigned(dtype) ? (double)(uint64_t)n.i : (double)n.i;
    if (dtype == DT_COMPLEX64)
        n.im = low_float((int64_t)((uint64_t)slot[0] >> 32));
    else if (dtype == DT_COMPLEX128)
        memcpy(&n.im, slot + 1, sizeof n.im);
    return n;
}

static double clamp(double x, double low, double high) {
    return x < low ? low : x > high ? high : x;
}

/* As kernels convert: towards zero, NaN is 0, and what is too far is the nearest of the type by way of which it goes. */
static int64_t truncate_real(double x, ext_dtype to) {
    if (x != x)
        return 0;
    if (to <= DT_INT32 || to == DT_UINT8 || to == DT_UINT16)
        x = clamp(x, INT32_MIN, INT32_MAX);
    if (x < 9223372036854775808.0)
        return x < -9223372036854775808.0 ? INT64_MIN : (int64_t)x;
    if (to != DT_UINT64)
        return INT64_MAX;
    return x < 18446744073709551616.0 ? (int64_t)(uint64_t)x : -1;
}

static int64_t wrap_integer(int64_t x, ext_dtype to) {
    switch (to) {
    case DT_INT8:
        return (int8_t)x;
    case DT_INT16:
        return (int16_t)x;
    case DT_INT32:
        return (int32_t)x;
    case DT_UINT8:
        return (uint8_t)x;
    case DT_UINT16:
        return (uint16_t)x;
    case DT_UINT32:
        return (uint32_t)x;
    default:
        return x;
    }
}

static uint32_t float_bits(double x) {
    float f = (float)x;
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return bits;
}

static void write_number(number n, ext_dtype to, int64_t *slot) {
    if (to == DT_BOOL)
        slot[0] = is_integer(n.dtype) ? n.i != 0 : n.re != 0.0 || n.im != 0.0;
    else if (is_integer(to))
        slot[0] = wrap_integer(is_integer(n.dtype) ? n.i : truncate_real(n.re, to), to);
    else if (to == DT_FLOAT32)
        slot[0] = float_bits(n.re);
    else if (to == DT_COMPLEX64)
        slot[0] = (int64_t)((uint64_t)float_bits(n.im) << 32 | float_bits(n.re));
    else
        memcpy(slot, &n.re, sizeof n.re);
    if (to == DT_COMPLEX128)
        memcpy(slot + 1, &n.im, sizeof n.im);
}

/* Slots as the entry's kernel takes them, in fresh memory. */
static int64_t *convert_slots(const entry *e, const int64_t *slots) {
    int64_t total = 0;
    for (int i = 0; i < e->n_leaves; i++)
        total += e->leaves[i].slots > 2 ? e->leaves[i].slots : 2;
    int64_t *converted = PyMem_Malloc((size_t)(total + 1) * sizeof *converted), *out = converted;
    if (converted == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    for (int i = 0; i < e->n_leaves; slots += e->leaves[i++].slots) {
        const leaf *l = &e->leaves[i];
        if (l->to == DT_COUNT) {
            memcpy(out, slots, (size_t)l->slots * sizeof *out);
            out += l->slots;
        } else {
            write_number(read_number(l->from, slots), l->to, out);
            out += dtype_slots(l->to);
        }
    }
    return converted;
}

/* ---- calling ------------------------------------------------------------------------------------------------------ */

static int32_t enter(Kernel *kernel, const int64_t *slots, int64_t *results, plrt_error *err) {
    if (!kernel->nogil)
        return kernel->entry(slots, results, err);
    int32_t status;
    Py_BEGIN_ALLOW_THREADS status = kernel->entry(slots, results, err);
    Py_END_ALLOW_THREADS return status;
}

/* The configuration changed since the last call. */
static void find_settings(Kernel *kernel) {
    kernel->epoch = plrt_config_epoch;
    kernel->settings = plrt_config_kernel(kernel->name);
    kernel->tile_varies = kernel->tile >= 0 && plrt_config_tile_varies(kernel->settings);
}

/* Asked once a call, of whatever kernel: what parallel ones alone do would be felt beside a few elements. */
static inline void refresh(Kernel *kernel) {
    if (kernel->name != NULL && kernel->epoch != plrt_config_epoch)
        find_settings(kernel);
}

static int64_t bytes_of(const packed *args) {
    int64_t bytes = 0;
    for (Py_ssize_t i = 0; i < args->n_arrays; i++)
        bytes += (int64_t)PyArray_NBYTES((PyArrayObject *)args->arrays[i]);
    return bytes;
}

static int32_t enter_with_settings(Kernel *kernel, const int64_t *slots, int64_t *results, plrt_error *err,
                                   const packed *args) {
    plrt_call call;
    plrt_call_enter(&call, kernel->settings, kernel->has_own ? &kernel->own : NULL, bytes_of(args));
    int32_t status = enter(kernel, slots, results, err);
    plrt_call_leave(&call);
    return status;
}

static PyObject *call_kernel(Kernel *kernel, const int64_t *slots, const packed *args) {
    int64_t small[RESULTS_INLINE], *results = small;
    plrt_error err;
    if (kernel->result_slots > RESULTS_INLINE) {
        results = PyMem_Malloc((size_t)kernel->result_slots * sizeof *results);
        if (results == NULL)
            return PyErr_NoMemory();
    }
    if (kernel->watches)
        plrt_interrupt_watch();
    PyObject *result = NULL;
    int32_t status = kernel->settings == NULL && !kernel->has_own
                         ? enter(kernel, slots, results, &err)
                         : enter_with_settings(kernel, slots, results, &err, args);
    if (status == 0)
        result = box_result(kernel, results, args);
    else
        kernel_raise(kernel, &err);
    if (results != small)
        PyMem_Free(results);
    return result;
}

/* ---- baseline code ------------------------------------------------------------------------------------------------
 *
 * The first call with new types has often little to do. Then baseline code is made for it (src/llvm/emit.c), good for calls
 * that are not larger: extents and integers not above those of the first, nor integers far below, from which loops may
 * start. Larger calls, and any once there were many, have optimised code made. The results are the same. */

enum { BASELINE_CALLS = 1000, BASELINE_NS = 10000000, FAR_BELOW = 1024 };

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* The value of one code, in these slots. */
static bool is_larger(uint64_t code, const int64_t *slots, const int64_t *most) {
    bool is_array = code_kind_of(code) == CODE_ARRAY;
    bool is_number = code_kind_of(code) == CODE_SCALAR && (ext_dtype)(code & 0xff) >= DT_FLOAT32;
    int first = is_array ? 2 : 0, n = is_array ? (int)(code >> 8 & 0xff) : is_number ? 0 : pack_own_slots(code);
    int64_t below = is_array ? INT64_MAX : FAR_BELOW;
    for (int i = first; i < first + n; i++)
        if (slots[i] != most[i] && (slots[i] > most[i] || slots[i] < 0 || most[i] - slots[i] > below))
            return true;
    return false;
}

static bool is_outgrown(Kernel *kernel, const packed *args) {
    if (--kernel->calls_left < 0 || kernel->ns_left < 0)
        return true;
    for (Py_ssize_t c = 0, slot = 0; c < args->n_codes; slot += pack_own_slots(args->codes[c++]))
        if (is_larger(args->codes[c], args->slots + slot, kernel->most + slot))
            return true;
    return false;
}

/* Baseline code is good for calls as large as this one from now on. */
static void start_baseline(Kernel *kernel, const packed *args) {
    memcpy(kernel->most, args->slots, (size_t)args->n_slots * sizeof *kernel->most);
    kernel->calls_left = BASELINE_CALLS;
    kernel->ns_left = BASELINE_NS;
}

static PyObject *call_baseline(Kernel *kernel, const packed *args) {
    int64_t start = now_ns();
    PyObject *result = call_kernel(kernel, args->slots, args);
    kernel->ns_left -= now_ns() - start;
    return result;
}

static PyObject *call_entry(const entry *e, const packed *args) {
    Kernel *kernel = e->kernel;
    PyObject *result = NULL;
    Py_INCREF(kernel);
    if (kernel->most != NULL) {
        result = call_baseline(kernel, args);
    } else if (e->n_leaves == 0) {
        result = call_kernel(kernel, args->slots, args);
    } else {
        int64_t *converted = convert_slots(e, args->slots);
        if (converted != NULL)
            result = call_kernel(kernel, converted, args);
        PyMem_Free(converted);
    }
    Py_DECREF(kernel);
    return result;
}

enum { ANY_TILE = -2, MOST_TRIES = 1000 };

static const entry *find_entry(const Dispatcher *d, const packed *args, int64_t tile) {
    for (Py_ssize_t i = 0; i < d->n_entries; i++) {
        const entry *e = &d->entries[i];
        if (e->n_codes != args->n_codes || (tile != ANY_TILE && e->kernel->tile != tile))
            continue;
        Py_ssize_t c = 0;
        while (c < e->n_codes && e->codes[c] == args->codes[c])
            c++;
        if (c == e->n_codes)
            return e;
    }
    return NULL;
}

static PyObject *pack_values(PyObject *const *values, Py_ssize_t count) {
    PyObject *tuple = PyTuple_New(count);
    for (Py_ssize_t i = 0; tuple != NULL && i < count; i++)
        PyTuple_SET_ITEM(tuple, i, Py_NewRef(values[i]));
    return tuple;
}

/* What plait.dispatcher gives back is raised here, so that no frame of its own is in the traceback. */
static int miss(Dispatcher *d, const packed *args, PyObject *values) {
    if (ext.miss == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "plait.dispatcher is not loaded");
        return -1;
    }
    PyObject *done = PyObject_CallFunction(ext.miss, "OOL", (PyObject *)d, values, (long long)bytes_of(args));
    bool fine = done == Py_None;
    if (done != NULL && PyExceptionInstance_Check(done))
        PyErr_SetObject((PyObject *)Py_TYPE(done), done);
    Py_XDECREF(done);
    return fine ? 0 : -1;
}

/* Compiles by way of Python and looks again; and again, where another thread has emptied the table in between
 * (recompile(), a changed configuration). */
static const entry *make_entry(Dispatcher *d, const packed *args, PyObject *const *values, Py_ssize_t count) {
    const entry *e = NULL;
    PyObject *tuple = pack_values(values, count);
    if (tuple == NULL)
        return NULL;
    bool fine = true;
    for (int tries = 0; tries < MOST_TRIES && fine && e == NULL; tries++) {
        fine = miss(d, args, tuple) == 0;
        e = fine ? find_entry(d, args, ANY_TILE) : NULL;
    }
    Py_DECREF(tuple);
    if (fine && e == NULL)
        PyErr_SetString(PyExc_SystemError, "no specialisation after compiling");
    return e;
}

/* Optimised code in the place of the entry's baseline code. Where there is no memory to make it, baseline code goes on. */
static const entry *outgrow(Dispatcher *d, const packed *args, PyObject *const *values, Py_ssize_t count) {
    const entry *e = make_entry(d, args, values, count);
    if (e != NULL || !PyErr_ExceptionMatches(PyExc_MemoryError))
        return e;
    e = find_entry(d, args, ANY_TILE);
    if (e == NULL)
        return NULL;
    PyErr_Clear();
    if (e->kernel->most != NULL)
        start_baseline(e->kernel, args);
    return e;
}

/* Where the configuration has tiles by size, the entry with the one for these arguments, which may have to be compiled
 * first. Should the configuration change meanwhile, any will do: the results are the same. */
static const entry *entry_of_size(Dispatcher *d, const packed *args, const entry *e, PyObject *const *values,
                                  Py_ssize_t count) {
    Kernel *kernel = e->kernel;
    int64_t tile = plrt_config_tile(kernel->settings, bytes_of(args));
    if (tile == kernel->tile)
        return e;
    const entry *other = find_entry(d, args, tile);
    if (other == NULL && make_entry(d, args, values, count) != NULL && (other = find_entry(d, args, tile)) == NULL)
        other = find_entry(d, args, ANY_TILE);
    if (other != NULL)
        refresh(other->kernel);
    return other;
}

/* Turns the error of an argument that cannot be read into one that names it. */
static void name_argument(const Dispatcher *d, Py_ssize_t i) {
    PyObject *type, *value, *traceback;
    if (!PyErr_ExceptionMatches(PyExc_TypeError))
        return;
    PyErr_Fetch(&type, &value, &traceback);
    PyObject *errors = PyImport_ImportModule("plait.errors");
    PyObject *class = errors != NULL ? PyObject_GetAttrString(errors, "TypingError") : NULL;
    if (class != NULL) {
        PyObject *name = PyObject_GetAttrString((PyObject *)d, "__name__");
        PyErr_Format(class, "%S(): argument '%S': %S", name != NULL ? name : Py_None, PyTuple_GET_ITEM(d->names, i),
                     value);
        Py_XDECREF(name);
    }
    Py_XDECREF(errors);
    Py_XDECREF(class);
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
}

static PyObject *call_values(Dispatcher *d, PyObject *const *values, Py_ssize_t count) {
    packed args;
    PyObject *result = NULL;
    pack_begin(&args, d->constants);
    Py_ssize_t i = 0;
    while (i < count && pack_argument(&args, values[i]) == 0)
        i++;
    if (i < count) {
        name_argument(d, i);
    } else {
        const entry *e = find_entry(d, &args, ANY_TILE);
        if (e == NULL)
            e = make_entry(d, &args, values, count);
        else if (e->kernel->most != NULL && is_outgrown(e->kernel, &args))
            e = outgrow(d, &args, values, count);
        if (e != NULL)
            refresh(e->kernel);
        if (e != NULL && e->kernel->tile_varies)
            e = entry_of_size(d, &args, e, values, count);
        if (e != NULL)
            result = call_entry(e, &args);
    }
    pack_end(&args);
    return result;
}

/* ---- binding of arguments, with CPython's messages ---------------------------------------------------------------- */

static PyObject *name_of(Dispatcher *d) {
    PyObject *name = PyObject_GetAttrString((PyObject *)d, "__name__");
    if (name != NULL)
        return name;
    PyErr_Clear();
    return PyUnicode_FromString("kernel");
}

static int complain(Dispatcher *d, const char *format, PyObject *what) {
    PyObject *name = name_of(d);
    if (name != NULL)
        PyErr_Format(PyExc_TypeError, format, name, what);
    Py_XDECREF(name);
    return -1;
}

static Py_ssize_t find_name(const Dispatcher *d, PyObject *name) {
    for (Py_ssize_t i = 0; i < d->n_plain; i++) {
        PyObject *at = PyTuple_GET_ITEM(d->names, i);
        if (at == name || PyUnicode_Compare(at, name) == 0)
            return i;
    }
    return -1;
}

static int bind_keywords(Dispatcher *d, PyObject **values, PyObject *const *given, PyObject *names) {
    for (Py_ssize_t k = 0; names != NULL && k < PyTuple_GET_SIZE(names); k++) {
        PyObject *name = PyTuple_GET_ITEM(names, k);
        Py_ssize_t i = find_name(d, name);
        if (i < 0)
            return complain(d, "%U() got an unexpected keyword argument '%U'", name);
        if (values[i] != NULL)
            return complain(d, "%U() got multiple values for argument '%U'", name);
        values[i] = given[k];
    }
    return 0;
}

static int bind_defaults(Dispatcher *d, PyObject **values) {
    for (Py_ssize_t i = 0; i < d->n_plain; i++) {
        PyObject *name = PyTuple_GET_ITEM(d->names, i);
        if (values[i] == NULL)
            values[i] = PyDict_GetItemWithError(d->defaults, name);
        if (values[i] == NULL)
            return complain(d, "%U() missing a required argument: '%U'", name);
    }
    return 0;
}

/* values[0…n_plain) borrowed; *rest a new tuple when there is *args. */
static int bind(Dispatcher *d, PyObject **values, PyObject *const *given, Py_ssize_t count, PyObject *names,
                PyObject **rest) {
    Py_ssize_t positional = count < d->n_positional ? count : d->n_positional;
    for (Py_ssize_t i = 0; i < d->n_plain; i++)
        values[i] = i < positional ? given[i] : NULL;
    if (count > positional && !d->varargs) {
        PyObject *text = PyUnicode_FromFormat("%zd positional argument%s but %zd were given", d->n_positional,
                                              d->n_positional == 1 ? "" : "s", count);
        if (text != NULL)
            complain(d, "%U() takes %U", text);
        Py_XDECREF(text);
        return -1;
    }
    if (bind_keywords(d, values, given + count, names) < 0 || bind_defaults(d, values) < 0)
        return -1;
    if (!d->varargs)
        return 0;
    *rest = pack_values(given + positional, count - positional);
    values[d->n_plain] = *rest;
    return *rest != NULL ? 0 : -1;
}

static PyObject *call_bound(Dispatcher *d, PyObject *const *given, Py_ssize_t count, PyObject *names) {
    PyObject *small[PARAMETERS_INLINE], **values = small, *rest = NULL, *result = NULL;
    Py_ssize_t total = d->n_plain + (d->varargs ? 1 : 0);
    if (total > PARAMETERS_INLINE) {
        values = PyMem_Malloc((size_t)total * sizeof *values);
        if (values == NULL)
            return PyErr_NoMemory();
    }
    if (bind(d, values, given, count, names, &rest) == 0)
        result = call_values(d, values, total);
    Py_XDECREF(rest);
    if (values != small)
        PyMem_Free(values);
    return result;
}

static PyObject *call(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names) {
    Dispatcher *d = (Dispatcher *)self;
    Py_ssize_t count = PyVectorcall_NARGS(nargsf);
    if (names == NULL && count == d->n_positional && count == d->n_plain && !d->varargs)
        return call_values(d, args, count);
    return call_bound(d, args, count, names);
}

/* ---- the table, for Python ---------------------------------------------------------------------------------------- */

static void clear_entry(entry *e) {
    PyMem_Free(e->codes);
    PyMem_Free(e->leaves);
    Py_CLEAR(e->kernel);
}

/* Conversions: one (slots, from, to) for each leaf, `to` < 0 for a copy. */
static int read_leaves(entry *e, PyObject *conversions) {
    Py_ssize_t n = PyTuple_GET_SIZE(conversions);
    e->leaves = PyMem_Calloc((size_t)n + 1, sizeof *e->leaves);
    if (e->leaves == NULL)
        return -1;
    for (Py_ssize_t i = 0; i < n; i++) {
        int slots, from, to;
        if (!PyArg_ParseTuple(PyTuple_GET_ITEM(conversions, i), "iii", &slots, &from, &to))
            return -1;
        e->leaves[i] = (leaf){slots, from < 0 ? DT_COUNT : (ext_dtype)from, to < 0 ? DT_COUNT : (ext_dtype)to};
    }
    e->n_leaves = (int)n;
    return 0;
}

/* Baseline code gives way to what was made for the same types. */
static int append_entry(Dispatcher *d, entry *e) {
    for (Py_ssize_t i = 0; i < d->n_entries; i++) {
        entry *old = &d->entries[i];
        if (old->kernel->most == NULL || old->n_codes != e->n_codes ||
            memcmp(old->codes, e->codes, (size_t)e->n_codes * sizeof *e->codes) != 0)
            continue;
        entry given_up = *old;
        *old = *e;
        clear_entry(&given_up);
        return 0;
    }
    entry *moved = PyMem_Realloc(d->entries, (size_t)(d->n_entries + 1) * sizeof *moved);
    if (moved == NULL)
        return -1;
    d->entries = moved;
    d->entries[d->n_entries++] = *e;
    return 0;
}

static int note_most(Kernel *kernel, const packed *p) {
    kernel->most = PyMem_Malloc(((size_t)p->n_slots + 1) * sizeof *kernel->most);
    if (kernel->most == NULL)
        return -1;
    start_baseline(kernel, p);
    return 0;
}

/* _insert(values, kernel, conversions or None, baseline): calls with values of these types go to the kernel, baseline ones
 * while they are not larger than these. */
static PyObject *insert(PyObject *self, PyObject *args) {
    Dispatcher *d = (Dispatcher *)self;
    PyObject *values, *kernel, *conversions;
    packed p;
    int baseline = 0;
    if (!PyArg_ParseTuple(args, "O!O!O|p", &PyTuple_Type, &values, ext.kernel_type, &kernel, &conversions, &baseline))
        return NULL;
    if (conversions != Py_None && !PyTuple_Check(conversions)) {
        PyErr_SetString(PyExc_TypeError, "conversions are a tuple");
        return NULL;
    }
    entry e = {0};
    pack_begin(&p, d->constants);
    bool ok = true;
    for (Py_ssize_t i = 0; ok && i < PyTuple_GET_SIZE(values); i++)
        ok = pack_argument(&p, PyTuple_GET_ITEM(values, i)) == 0;
    if (ok) {
        e.codes = PyMem_Malloc(((size_t)p.n_codes + 1) * sizeof *e.codes);
        e.n_codes = p.n_codes;
        ok = e.codes != NULL && (conversions == Py_None || read_leaves(&e, conversions) == 0);
    }
    if (ok) {
        memcpy(e.codes, p.codes, (size_t)p.n_codes * sizeof *e.codes);
        e.kernel = (Kernel *)Py_NewRef(kernel);
        ok = (!baseline || note_most(e.kernel, &p) == 0) && append_entry(d, &e) == 0;
    }
    pack_end(&p);
    if (ok)
        Py_RETURN_NONE;
    clear_entry(&e);
    return PyErr_Occurred() ? NULL : PyErr_NoMemory();
}

static PyObject *forget(PyObject *self, PyObject *ignored) {
    Dispatcher *d = (Dispatcher *)self;
    entry *entries = d->entries;
    Py_ssize_t n = d->n_entries;
    (void)ignored;
    d->entries = NULL;
    d->n_entries = 0;
    for (Py_ssize_t i = 0; i < n; i++)
        clear_entry(&entries[i]);
    PyMem_Free(entries);
    Py_RETURN_NONE;
}

/* _bind(*args, **kwargs): the arguments as a kernel gets them, defaults filled in. */
static PyObject *bind_for_python(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names) {
    Dispatcher *d = (Dispatcher *)self;
    Py_ssize_t total = d->n_plain + (d->varargs ? 1 : 0);
    PyObject **values = PyMem_Malloc(((size_t)total + 1) * sizeof *values), *rest = NULL, *bound = NULL;
    if (values == NULL)
        return PyErr_NoMemory();
    if (bind(d, values, args, count, names, &rest) == 0)
        bound = pack_values(values, total);
    Py_XDECREF(rest);
    PyMem_Free(values);
    return bound;
}

/* ---- the type ----------------------------------------------------------------------------------------------------- */

static PyObject *make_dispatcher(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"py_func", "names", "defaults", "keyword_only", "varargs", NULL};
    PyObject *function, *names, *defaults;
    int keyword_only = 0, varargs = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO!O!|ip", keywords, &function, &PyTuple_Type, &names, &PyDict_Type,
                                     &defaults, &keyword_only, &varargs))
        return NULL;
    Dispatcher *d = (Dispatcher *)type->tp_alloc(type, 0);
    if (d == NULL)
        return NULL;
    d->vectorcall = call;
    d->py_func = Py_NewRef(function);
    d->names = Py_NewRef(names);
    d->defaults = Py_NewRef(defaults);
    d->varargs = varargs != 0;
    d->n_plain = PyTuple_GET_SIZE(names) - (varargs ? 1 : 0);
    d->n_positional = d->n_plain - keyword_only;
    d->constants = PyDict_New();
    if (d->constants == NULL)
        Py_CLEAR(d);
    return (PyObject *)d;
}

static int traverse(PyObject *self, visitproc visit, void *arg) {
    Dispatcher *d = (Dispatcher *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(d->dict);
    Py_VISIT(d->py_func);
    Py_VISIT(d->names);
    Py_VISIT(d->defaults);
    Py_VISIT(d->constants);
    for (Py_ssize_t i = 0; i < d->n_entries; i++)
        Py_VISIT(d->entries[i].kernel);
    return 0;
}

static int clear(PyObject *self) {
    Dispatcher *d = (Dispatcher *)self;
    Py_DECREF(forget(self, NULL));
    Py_CLEAR(d->dict);
    Py_CLEAR(d->py_func);
    Py_CLEAR(d->names);
    Py_CLEAR(d->defaults);
    Py_CLEAR(d->constants);
    return 0;
}

static void dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    if (((Dispatcher *)self)->weak != NULL)
        PyObject_ClearWeakRefs(self);
    clear(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *bind_method(PyObject *self, PyObject *object, PyObject *type) {
    (void)type;
    return object == NULL || object == Py_None ? Py_NewRef(self) : PyMethod_New(self, object);
}

static PyObject *get_attribute(PyObject *self, PyObject *name) {
    PyObject *found = PyObject_GenericGetAttr(self, name);
    if (found != NULL || ext.methods == NULL || !PyErr_ExceptionMatches(PyExc_AttributeError))
        return found;
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyObject *class_dict = ((PyTypeObject *)ext.methods)->tp_dict;
    PyObject *attribute = PyDict_GetItemWithError(class_dict, name);
    if (attribute == NULL) {
        PyErr_Clear();
        PyErr_Restore(type, value, traceback);
        return NULL;
    }
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
    descrgetfunc get = Py_TYPE(attribute)->tp_descr_get;
    return get != NULL ? get(attribute, self, (PyObject *)Py_TYPE(self)) : Py_NewRef(attribute);
}

static PyObject *call_python(PyObject *self, const char *name) {
    PyObject *text = PyUnicode_FromString(name);
    PyObject *method = text != NULL ? get_attribute(self, text) : NULL;
    PyObject *result = method != NULL ? PyObject_CallNoArgs(method) : NULL;
    Py_XDECREF(method);
    Py_XDECREF(text);
    return result;
}

static PyObject *reduce(PyObject *self, PyObject *ignored) {
    (void)ignored;
    return call_python(self, "_reduce");
}

static PyObject *represent(PyObject *self) {
    return call_python(self, "_represent");
}

static PyMethodDef methods[] = {
    {"_insert", insert, METH_VARARGS, NULL},
    {"_forget", forget, METH_NOARGS, NULL},
    {"_bind", (PyCFunction)(void (*)(void))bind_for_python, METH_FASTCALL | METH_KEYWORDS, NULL},
    {"__reduce__", reduce, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Dispatcher, vectorcall), READONLY, NULL},
    {"__dictoffset__", T_PYSSIZET, offsetof(Dispatcher, dict), READONLY, NULL},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(Dispatcher, weak), READONLY, NULL},
    {"py_func", T_OBJECT, offsetof(Dispatcher, py_func), 0, "the function as written"},
    {"_names", T_OBJECT, offsetof(Dispatcher, names), READONLY, NULL},
    {"_defaults", T_OBJECT, offsetof(Dispatcher, defaults), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef properties[] = {
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_new, make_dispatcher},    {Py_tp_dealloc, dealloc},
    {Py_tp_traverse, traverse},      {Py_tp_clear, clear},
    {Py_tp_call, PyVectorcall_Call}, {Py_tp_descr_get, bind_method},
    {Py_tp_getattro, get_attribute}, {Py_tp_repr, represent},
    {Py_tp_methods, methods},        {Py_tp_members, members},
    {Py_tp_getset, properties},      {0, NULL},
};

static PyType_Spec spec = {
    "plait._plait.Dispatcher", sizeof(Dispatcher), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_IMMUTABLETYPE, slots};

int dispatcher_setup(PyObject *module) {
    ext.dispatcher_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, NULL);
    return ext.dispatcher_type == NULL ? -1 : PyModule_AddType(module, ext.dispatcher_type);
}

PyObject *dispatcher_set_callbacks(PyObject *module, PyObject *args) {
    PyObject *miss, *raise, *class;
    (void)module;
    if (!PyArg_ParseTuple(args, "OOO!", &miss, &raise, &PyType_Type, &class))
        return NULL;
    Py_XSETREF(ext.miss, Py_NewRef(miss));
    Py_XSETREF(ext.raise, Py_NewRef(raise));
    Py_XSETREF(ext.methods, Py_NewRef(class));
    Py_RETURN_NONE;
}
