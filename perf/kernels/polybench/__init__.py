"""The 30 kernels of PolyBench/C 4.2.1, written as plain `range` loops in the kernel language.

Each module NAME holds SIZES (problem sizes of the suite), inputs(size, rng) and the function NAME itself. Initial
values are random instead of the suite's formulas: what is compared is our result with CPython's on the same input.
"""
import importlib
import pkgutil

NAMES = sorted(m.name for m in pkgutil.iter_modules(__path__))


def load(name):
    """(function, inputs, SIZES) of one kernel."""
    module = importlib.import_module(f"{__name__}.{name}")
    return getattr(module, name), module.inputs, module.SIZES
