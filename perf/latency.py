"""What a user waits for: import, compile, call, enter a region; and five loops against the same loops in C.

    ./dev perf latency [--only WORD] [--keep]       --keep writes the table into perf/README.md
"""
import ctypes
import importlib.util
import pathlib
import statistics
import tempfile
import time
import timeit

import measure
import numpy as np

SAXPY = """from plait import njit, prange

@njit(parallel=True)
def saxpy(a, x, y):
    for i in prange(x.shape[0]):
        y[i] = a * x[i] + y[i]
"""


def rows_of_import():
    code = "import time, numpy; t = time.perf_counter(); import plait; print((time.perf_counter() - t) * 1e3)"
    took = measure.fresh_process(code)
    yield "`import plait` over `import numpy`", "≤ 15 ms", f"{took:.1f} ms", took <= 15


def imported(path, name):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def llvm_milliseconds(kernel):
    """What LLVM took of the kernel's compile: optimising and emitting the module."""
    (overload,) = kernel.overloads.values()
    times = overload.metadata["pipeline_times"]
    return times["llvm_opt"] + times["llvm_codegen"]


def rows_of_compiling():
    import plait

    x, y = np.ones(1000), np.ones(1000)
    with tempfile.TemporaryDirectory() as folder:
        first = pathlib.Path(folder) / "first.py"
        first.write_text(SAXPY)
        code = (f"import sys, time, numpy as np; sys.path.insert(0, {folder!r}); x = np.ones(1000); y = np.ones(1000)\n"
                "from first import saxpy; t = time.perf_counter(); saxpy(2.0, x, y)\n"
                "print((time.perf_counter() - t) * 1e3)")
        cold = measure.fresh_process(code)
        calls, shares = {True: [], False: []}, []
        for i in range(42):
            path = pathlib.Path(folder) / f"warm{i}.py"
            path.write_text(SAXPY)
            kernel = imported(path, f"warm{i}").saxpy
            plait.config.tiered = tiered = i % 2 == 1
            start = time.perf_counter()
            kernel(2.0, x, y)
            if i:  # the first one loads the compiler
                calls[tiered].append((time.perf_counter() - start) * 1e3)
                shares += [] if tiered else [llvm_milliseconds(kernel)]
    plait.config.tiered = None
    baseline, warm, llvm = statistics.median(calls[True]), statistics.median(calls[False]), statistics.median(shares)
    yield ("first call of saxpy, `parallel=True`, optimised, warm process", "≤ 1.5 × LLVM alone",
           f"{warm:.1f} ms; LLVM alone {llvm:.1f} ms: {warm / llvm:.2f} ×", warm <= 1.5 * llvm)
    yield "the same in baseline code", "less than that", f"{baseline:.1f} ms", baseline < warm
    yield "first compile in a process", "≤ 60 ms", f"{cold:.1f} ms", cold <= 60


def nanoseconds(call, **names):
    """Median of a call in a tight loop, the loop included."""
    return statistics.median(timeit.repeat(call, globals=names, number=200_000, repeat=15)) / 200_000 * 1e9


def rows_of_calling():
    from kernels import figures

    def python_nothing():
        pass

    a = np.ones(8)
    figures.nothing(), figures.three(a, a, a)
    empty = nanoseconds("f()", f=figures.nothing)
    arrays = nanoseconds("f(a, a, a)", f=figures.three, a=a)
    plain = nanoseconds("f()", f=python_nothing)
    yield ("calling a kernel without arguments", "≤ 55 ns", f"{empty:.0f} ns (a Python no-op: {plain:.0f})", empty <= 55)
    yield "calling a kernel with three float64 arrays", "≤ 180 ns", f"{arrays:.0f} ns", arrays <= 180


def rows_of_regions():
    import plait
    from kernels import figures

    if plait.get_num_threads() < 2:
        return
    library, runtime, x, times = measure.c_library("figures", "-fopenmp"), measure.runtime(), np.zeros(2), 2000
    pointer = ctypes.c_void_p(x.ctypes.data)
    plait.set_num_threads(2)
    library.omp_set_num_threads(2)
    runtime.plrt_set_min_work(0)
    try:
        took = measure.interleaved({
            "plait": lambda: figures.regions(x, times),
            "C": lambda: library.regions(pointer, ctypes.c_int64(2), ctypes.c_int64(times)),
        })
    finally:
        runtime.plrt_set_min_work(-1)
    mine, peer = took["plait"] / times * 1e6, took["C"] / times * 1e6
    yield ("entering an empty region, 2 threads", "≤ 2 × GOMP_parallel",
           f"{mine:.2f} µs against {peer:.2f} µs: {mine / peer:.2f} ×", mine <= 2 * peer)


def loops():
    """{name: (plait's call, C's call on a library)}"""
    from kernels import figures

    rng, n, side, long = np.random.default_rng(0), 1 << 22, 1500, ctypes.c_int64
    a, b, c, out = (rng.random(n) for _ in range(4))
    u, v = rng.random((side, side)), np.zeros((side, side))
    picture = np.zeros((480, 640), np.int64)
    view = (-2.0, 0.5, -1.25, 1.25)
    at = lambda array: ctypes.c_void_p(array.ctypes.data)
    real = ctypes.c_double
    return {
        "saxpy": (lambda: figures.saxpy(0.5, a, out),
                  lambda lib: lib.saxpy(real(0.5), at(a), at(out), long(n))),
        "dot": (lambda: figures.dot(a, b), lambda lib: lib.dot(at(a), at(b), long(n))),
        "5-point stencil": (lambda: figures.stencil(u, v), lambda lib: lib.stencil(at(u), at(v), long(side), long(side))),
        "`a*b+sqrt(c)`": (lambda: figures.expression(a, b, c, out),
                          lambda lib: lib.expression(at(a), at(b), at(c), at(out), long(n))),
        "Mandelbrot": (lambda: figures.mandelbrot(picture, *view, 256),
                       lambda lib: lib.mandelbrot(at(picture), long(480), long(640), *map(real, view), long(256))),
    }


def rows_of_loops():
    import plait

    most = min(2, plait.get_num_threads())
    serial, parallel = measure.c_library("figures"), measure.c_library("figures", "-fopenmp")
    parallel.omp_set_num_threads(most)
    for name, (mine, peer) in loops().items():
        for threads, library in ((1, serial), (2, parallel)):
            if threads > most:
                continue
            plait.set_num_threads(threads)
            took = measure.interleaved({"plait": mine, "C": lambda: peer(library)}, rounds=15)
            speed = took["C"] / took["plait"]
            yield (f"{name}, {threads} thread{'s' * (threads > 1)}", "≥ 0.95 × C",
                   f"{took['plait'] * 1e3:.2f} ms, C {took['C'] * 1e3:.2f} ms: {speed:.2f} ×", speed >= 0.95)


GROUPS = {"import": rows_of_import, "compiling": rows_of_compiling, "calling": rows_of_calling,
          "regions": rows_of_regions, "loops": rows_of_loops}


if __name__ == "__main__":
    measure.main(__doc__, GROUPS, "figures")
