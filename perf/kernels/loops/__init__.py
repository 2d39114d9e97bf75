"""Twenty-four kernels that people write, as plain `range` loops: the 14 that the peers are compared by, and 10 more.

Each module NAME holds the function NAME itself, SIZES, inputs(size, rng), reference(*arguments) in NumPy (the same calls:
it fills the same arrays or returns the same value), flops(*size) and traffic(*size), the least operations and bytes of
memory that a run needs when every array passes the caches once a sweep. EXACT says that the answer does not depend on
the order of operations, own(*size) how many bytes its own large arrays have, swept(*size)
how many sweeps of how many bytes each it is when nothing keeps its arrays in a cache from one to the next.
"""
import importlib

import numpy as np

FOURTEEN = ("sum", "saxpy", "bs", "mandel", "jac1", "jac2", "jac2a", "matmul", "pdist", "hist", "aexpr", "nbody", "softmax",
            "l2rows")
TEN = ("spmv", "stencil3", "fft", "sort", "equalize", "lu", "prefix", "kmeans", "queens", "bs32")
NAMES = FOURTEEN + TEN


def load(name):
    """The module of one kernel."""
    return importlib.import_module(f"{__name__}.{name}")


def function_of(name):
    return getattr(load(name), name)


def arguments_of(name, size="SMALL", seed=1):
    module = load(name)
    return module.inputs(module.SIZES[size], np.random.default_rng(seed))


def fresh(arguments):
    return tuple(a.copy() if isinstance(a, np.ndarray) else a for a in arguments)


def answer(result, arguments):
    """What a call has left to compare: its result, and its arrays."""
    return [np.asarray(a) for a in ([] if result is None else [result]) + [a for a in arguments if isinstance(a, np.ndarray)]]
