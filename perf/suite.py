"""PolyBench timed: plait's variants of a kernel and the same loops in C take turns on equal inputs."""
import ctypes
import hashlib
import math
import statistics
import subprocess
import time

import measure
import numpy as np
from kernels.polybench import determined, load

GCC = ("gcc", "-O3", "-march=native", "-ffast-math")
CLANG = ("clang-19", "-O3", "-march=native", "-ffast-math", "-fveclib=libmvec")


def c_peer(name, size, compiler=GCC):
    """The kernel in C for one problem size. Objects are linked without -ffast-math, which would make the whole process
    flush subnormal numbers to zero."""
    folder = measure.BUILD / "perf" / "polybench"
    folder.mkdir(parents=True, exist_ok=True)
    source = measure.ROOT / "perf/peers/c/polybench.c"
    flags = [*compiler, "-std=gnu17", "-fPIC", f"-D{name}", *(f"-DS{i}={n}" for i, n in enumerate(size))]
    key = hashlib.sha256(repr(flags).encode() + source.read_bytes()).hexdigest()[:16]
    library, part = folder / f"{name}-{key}.so", folder / f"{name}-{key}.o"
    if not library.exists():
        subprocess.run([*flags, "-c", source, "-o", part], check=True)
        subprocess.run([compiler[0], "-shared", "-o", library, part, "-lmvec", "-lm"], check=True)
    kernel = ctypes.CDLL(str(library)).kernel
    kernel.restype = None

    def call(*arguments):
        kernel(*(as_c(a) for a in arguments))

    return call


def as_c(value):
    if isinstance(value, np.ndarray):
        return ctypes.c_void_p(value.ctypes.data)
    return ctypes.c_double(value) if isinstance(value, float) else ctypes.c_int64(value)


class Kernel:
    """A kernel with inputs of one size; every run starts from a fresh copy of them."""

    def __init__(self, name, size_name):
        self.name = name
        self.function, inputs, sizes = load(name)
        self.size = sizes[size_name]
        self.first = inputs(self.size, np.random.default_rng(1))
        self.small = inputs(sizes["MINI"], np.random.default_rng(1))
        self.work = [a.copy() if isinstance(a, np.ndarray) else a for a in self.first]

    def bytes(self):
        return sum(a.nbytes for a in self.first if isinstance(a, np.ndarray))

    def compiled(self, **options):
        """A plait kernel, compiled (for the types, on the smallest size)."""
        from plait import njit

        kernel = njit(**options)(self.function)
        kernel(*(a.copy() if isinstance(a, np.ndarray) else a for a in self.small))
        return kernel

    def seconds(self, call, repeats=1):
        """Time of a run, the mean of `repeats` where one is too short for the clock."""
        taken = 0.0
        for _ in range(repeats):
            for a, b in zip(self.work, self.first):
                if isinstance(a, np.ndarray):
                    np.copyto(a, b)
            start = time.perf_counter()
            call(*self.work)
            taken += time.perf_counter() - start
        return taken / repeats

    def results(self):
        return [a.copy() for a in determined(self.name, self.work)]


def largest_error(got, want):
    """Relative to the largest number of each array."""
    worst = 0.0
    for g, w in zip(got, want):
        if not np.isfinite(w.astype(float)).all() or not np.isfinite(g.astype(float)).all():
            return math.inf
        scale = max(float(np.max(np.abs(w))), 1e-300)
        worst = max(worst, float(np.max(np.abs(g.astype(float) - w.astype(float)))) / scale)
    return worst


def take_turns(kernel, candidates, rounds, cap, least=0.002):
    """{name: [seconds]} and {name: error against the last candidate}. `candidates` are {name: (before, call)}, where
    `before()` sets what is not the call's own, as the number of threads. After the first round more follow until `rounds`
    are done or `cap` seconds have passed."""
    taken, results, repeats = {n: [] for n in candidates}, {}, {}
    began = time.perf_counter()
    for turn in range(rounds + 1):
        for name, (before, call) in candidates.items():
            before()
            took = kernel.seconds(call, repeats.get(name, 1))
            if turn == 0:
                results[name] = kernel.results()
                repeats[name] = min(50, max(1, math.ceil(least / max(took, 1e-7))))
            if turn > 0 or took > cap / (4 * len(candidates)):  # the first run of a short one warms up
                taken[name].append(took)
        if time.perf_counter() - began > cap and all(taken.values()):
            break
    *_, last = candidates
    return taken, {name: largest_error(result, results[last]) for name, result in results.items()}


def median(times):
    return statistics.median(times)


def geometric_mean(ratios):
    ratios = list(ratios)
    return math.exp(sum(map(math.log, ratios)) / len(ratios)) if ratios else math.nan
