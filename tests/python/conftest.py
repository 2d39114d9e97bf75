"""Conventions of the package's tests.

A test is a few lines with one idea and its name is the claim. The fixture `agree` is the one way to say "this kernel
means what Python means": it runs the function under CPython and NumPy, compiled without `parallel`, and compiled with
`parallel=True` on 1, 2 and 4 threads, with parallel loops in shuffled serial order and as baseline code. All parallel runs have to agree
to the bit with one another; all of them with the oracle to `rtol` (`bits=True`: to the bit).
"""
import ctypes
import os
import pathlib

os.environ.setdefault("PLAIT_NUM_THREADS", "4")  # more than some machines have: results may not depend on it
os.environ["PLAIT_CONFIG"] = ""  # nobody's configuration files
os.environ.setdefault("PLAIT_TIERED", "0")  # the small inputs of tests shall run optimised code; `agree` runs both

import numpy as np
import pytest

THREADS = (1, 2, 4)
SHUFFLES = (1, 20240229)


@pytest.fixture(scope="session")
def runtime():
    """libplait_rt of the package under test, by ctypes: the switches of include/plait/runtime.h."""
    import plait

    library = ctypes.CDLL(str(pathlib.Path(plait.__file__).parent / "libplait_rt.so"))
    library.plrt_set_shuffle.argtypes = [ctypes.c_uint64]
    library.plrt_set_min_work.argtypes = [ctypes.c_int64]
    library.plrt_set_num_threads.argtypes = [ctypes.c_int32]
    library.plrt_memory_stats.argtypes = [ctypes.POINTER(ctypes.c_int64)] * 2
    library.plrt_memory_made.restype = ctypes.c_int64
    library.plrt_set_tiny_work.argtypes = [ctypes.c_int64]
    return library


@pytest.fixture(scope="session", autouse=True)
def tiny_loops_fork(runtime):
    """Rows of a few elements shall be parallel, too, where the tests ask for it."""
    runtime.plrt_set_tiny_work(0)


@pytest.fixture
def alive(runtime):
    """alive() → number of blocks of array memory now alive: equal before and after means no leak."""

    def count():
        blocks, size = ctypes.c_int64(), ctypes.c_int64()
        runtime.plrt_memory_stats(ctypes.byref(blocks), ctypes.byref(size))
        return blocks.value

    return count


@pytest.fixture
def made(runtime):
    """made(kernel, *args) → blocks of array memory that the second call of the kernel made."""

    def count(kernel, *args):
        kernel(*args)
        before = runtime.plrt_memory_made()
        kernel(*args)
        return runtime.plrt_memory_made() - before

    return count


def fresh(value):
    """A copy with the same strides, so that kernels see the same layout and originals stay as they were."""
    if isinstance(value, tuple):
        items = [fresh(item) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    if not isinstance(value, np.ndarray):
        return value
    if value.flags.c_contiguous or value.flags.f_contiguous or value.base is None:
        copy = value.copy(order="K")
    else:
        low, high = bounds(value)
        start = value.__array_interface__["data"][0] - low
        memory = np.frombuffer(bytearray(high - low), np.uint8)
        copy = np.ndarray(value.shape, value.dtype, memory.data, start, value.strides)
        copy[...] = value
    copy.flags.writeable = value.flags.writeable
    return copy


def bounds(array):
    return (np.lib.array_utils if hasattr(np.lib, "array_utils") else np).byte_bounds(array)


def fresh_together(values):
    """Copies of arguments; arrays that share memory have copies that share memory in the same way."""
    copies = [fresh(value) for value in values]
    arrays = sorted((bounds(v), k) for k, v in enumerate(values) if isinstance(v, np.ndarray) and v.size)
    groups = []  # of arrays whose bytes lie across each other: [end, numbers]
    for (low, high), k in arrays:
        if groups and low < groups[-1][0]:
            groups[-1] = max(groups[-1][0], high), groups[-1][1] + [k]
        else:
            groups.append((high, [k]))
    for high, members in groups:
        if len(members) == 1 or any(values[k].dtype.hasobject for k in members):
            continue
        low = bounds(values[members[0]])[0]
        memory = np.empty(high - low + 64, np.uint8)
        start = (low - memory.ctypes.data) % 64  # aligned as the original is
        memory[start:start + high - low] = np.frombuffer(ctypes.string_at(low, high - low), np.uint8)
        for k in members:
            v = values[k]
            copies[k] = np.ndarray(v.shape, v.dtype, memory.data, start + v.__array_interface__["data"][0] - low, v.strides)
            copies[k].flags.writeable = v.flags.writeable
    return copies


def outcome(function, args, keywords):
    """What a call did: (kind, result or exception, arguments afterwards)."""
    args = fresh_together(args)
    try:
        with np.errstate(all="ignore"):
            return "value", function(*args, **keywords), args
    except Exception as error:  # the oracle's exceptions are results too
        return "raised", error, args


def same(a, b, rtol, where):
    """Equal in type, shape, dtype and value (NaN equals NaN)."""
    if isinstance(a, tuple):
        assert isinstance(b, tuple) and len(a) == len(b), f"{where}: {a!r} against {b!r}"
        for i, (x, y) in enumerate(zip(a, b)):
            same(x, y, rtol, f"{where}[{i}]")
        return
    if a is None or b is None or isinstance(a, str):
        assert a is b or a == b, f"{where}: {a!r} against {b!r}"
        return
    x, y = np.asarray(a), np.asarray(b)
    assert x.shape == y.shape, f"{where}: shape {x.shape} against {y.shape}"
    both = isinstance(a, np.ndarray) and isinstance(b, np.ndarray)
    kinds = [k.replace("u", "i") for k in (x.dtype.kind, y.dtype.kind)]  # scalars come back as Python's numbers
    assert both or kinds[0] == kinds[1], f"{where}: dtype {x.dtype} against {y.dtype}"
    if both:
        assert x.dtype == y.dtype, f"{where}: dtype {x.dtype} against {y.dtype}"
    if rtol and x.dtype.kind in "fc":
        np.testing.assert_allclose(x, y, rtol=rtol, atol=rtol, equal_nan=True, err_msg=where)
    else:
        np.testing.assert_array_equal(x, y, err_msg=where)


def compare(got, want, rtol, where):
    assert got[0] == want[0], f"{where}: {got[0]} {got[1]!r}, expected {want[0]} {want[1]!r}"
    if got[0] == "raised":
        assert type(got[1]) is type(want[1]), f"{where}: raised {got[1]!r}, expected {want[1]!r}"
        return
    same(got[1], want[1], rtol, f"{where}: result")
    same(tuple(got[2]), tuple(want[2]), rtol, f"{where}: arguments")


@pytest.fixture
def agree(runtime):
    """agree(function, *args, rtol=1e-12, bits=False, serial=True, parallel=True, options={}, **keywords)"""
    import plait

    def check(function, *args, rtol=1e-12, bits=False, serial=True, parallel=True, options=None, **keywords):
        plain = getattr(function, "py_func", function)
        rtol = 0 if bits else rtol
        want = outcome(plain, args, keywords)
        options = options or {}
        if serial:
            compare(outcome(plait.njit(**options)(plain), args, keywords), want, rtol, "serial")
        if not parallel:
            return want[1]
        kernel = plait.njit(**{"parallel": True, **options})(plain)
        before, first = plait.get_num_threads(), None
        runtime.plrt_set_min_work(0)  # small test inputs shall fork all the same
        try:
            for label, threads, seed in [(f"{n} threads", n, 0) for n in THREADS] + [
                (f"shuffled by {s}", 1, s) for s in SHUFFLES
            ]:
                plait.set_num_threads(threads)
                runtime.plrt_set_shuffle(seed)
                got = outcome(kernel, args, keywords)
                compare(got, want, rtol, label)
                first = first or got
                compare(got, first, 0, f"{label} against 1 thread")
            runtime.plrt_set_shuffle(0)
            runtime.plrt_set_min_work(-1)  # as users run it: small regions are called in place
            compare(outcome(kernel, args, keywords), first, 0, "small work in place")
            plait.config.tiered = True
            compare(outcome(plait.njit(**{"parallel": True, **options})(plain), args, keywords), first, 0, "baseline code")
        finally:
            plait.config.tiered = None
            runtime.plrt_set_shuffle(0)
            runtime.plrt_set_min_work(-1)
            plait.set_num_threads(before)
        return want[1]

    return check
