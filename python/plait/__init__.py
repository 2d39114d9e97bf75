"""plait: Python-syntax array kernels as parallel native code.

    from plait import njit, prange

    @njit(parallel=True)
    def axpy(a, x, y):
        for i in prange(len(x)):
            y[i] += a * x[i]

Importing this module loads neither the compiler nor anything that a program without kernels does not need.
"""
from ._plait import (
    get_num_threads,
    get_parallel_chunksize,
    get_thread_id,
    set_num_threads,
    set_parallel_chunksize,
)
from .decorators import jit, njit

__version__ = "0.1.0"


class prange:
    """A range whose iterations may run at the same time, in a kernel compiled with parallel=True; else range."""

    def __new__(cls, *args):
        return range(*args)


class parallel_chunksize:
    """with parallel_chunksize(n): regions entered by this thread hand out chunks of n iterations."""

    def __init__(self, chunksize):
        self._chunksize = chunksize

    def __enter__(self):
        self._before = set_parallel_chunksize(self._chunksize)
        return self._before

    def __exit__(self, *exception):
        set_parallel_chunksize(self._before)


def threading_layer():
    """The name of what runs parallel regions: 'omp'."""
    return "omp"


_SUBMODULES = ("types", "errors", "config", "dispatcher", "decorators", "bindings", "source", "observe")
_FROM_OBSERVE = ("stats", "trace")
_FROM_ERRORS = (
    "TypingError", "UnsupportedError", "LoweringError", "NumbaError", "NumbaWarning", "NumbaPerformanceWarning",
    "NumbaDeprecationWarning", "PlaitError", "PlaitWarning", "ParallelRaceError",
    "ConfigError",
)  # fmt: skip


# What to write instead of Numba's other doors.
_INSTEAD = {
    "vectorize": "write the function over whole arrays, or loop over them, with @njit(parallel=True)",
    "guvectorize": "loop over the outer dimensions with @njit(parallel=True)",
    "stencil": "loop over the inner points with @njit(parallel=True)",
    "cfunc": "`plait compile FILE.py:FUNCTION -o FILE.h -o FILE.o` makes functions for C",
    "jitclass": "pass a namedtuple",
    "typed": "pass arrays and tuples",
    "objmode": "call Python before or after the kernel",
    "cuda": "kernels run on the processor's cores",
}


def __getattr__(name):
    from importlib import import_module

    if name in _SUBMODULES:
        return import_module("." + name, __name__)
    if name == "topology":
        return import_module(".machine", __name__).topology
    if name in _FROM_ERRORS:
        return getattr(import_module(".errors", __name__), name)
    if name in _FROM_OBSERVE:
        return getattr(import_module(".observe", __name__), name)
    if name == "threads":
        return import_module(".choices", __name__).threads
    if name == "tune":
        return import_module(".tuning", __name__).tune
    if not name.startswith("__"):
        types = import_module(".types", __name__)
        if name in types.TOP_LEVEL:
            return getattr(types, name)
    hint = _INSTEAD.get(name)
    raise AttributeError(f"module 'plait' has no attribute {name!r}" + (f": {hint}" if hint else ""))


def __dir__():
    from . import types

    return sorted({*globals(), "threads", "topology", "tune", *_SUBMODULES, *_FROM_ERRORS, *_FROM_OBSERVE, *types.TOP_LEVEL})
