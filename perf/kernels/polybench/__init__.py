"""The 30 kernels of PolyBench/C 4.2.1, written as plain `range` loops in the kernel language.

Each module NAME holds SIZES (problem sizes of the suite), inputs(size, rng) and the function NAME itself. Initial
values are random instead of the suite's formulas: what is compared is our result with CPython's on the same input.
"""
import importlib
import pkgutil

import numpy as np

NAMES = sorted(m.name for m in pkgutil.iter_modules(__path__))


def determined(name, arguments):
    """The arrays, or the parts of them, that the kernel's input determines: what two runs can be compared by."""
    select = getattr(importlib.import_module(f"{__name__}.{name}"), "determined", lambda *all: all)
    return [a for a in select(*arguments) if isinstance(a, np.ndarray)]


def load(name):
    """(function, inputs, SIZES) of one kernel."""
    module = importlib.import_module(f"{__name__}.{name}")
    return getattr(module, name), module.inputs, module.SIZES
