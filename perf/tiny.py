"""Tiny loops: what parallel=True costs where there is nothing to run in parallel.

    ./dev perf tiny [--only WORD] [--keep]       --keep writes the table into perf/README.md; kernels that are left out
                                                 by --only stand there as they were measured last

Sequential is the same kernel compiled without `parallel`, called in the same way. Both take turns in batches of some tens
of microseconds; a pair's ratio is the median of the ratios of neighbouring batches. Where code and data happen to lie
moves a ratio by some percent, so that several pairs are compiled, with arguments of their own, FEWEST at first and up to MOST while the confidence
interval (95 %, Student's, of the mean of the pairs' logarithms) has the limit of 1.02 inside: `within` means that the
interval ends below it, `above` that it begins above it, and `undecided` neither. Two sequential compilations are put to
the same test. Numba's two are measured in the same rounds. `entry` leaves Python out: the compiled entries are called
from C (perf/peers/c/tiny.c).
"""
import argparse
import contextlib
import ctypes
import gc
import itertools
import json
import math
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
import warnings

import measure
import numpy as np

SIZES = (1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000)
ROUNDS, BATCH, SLOW, FEWEST, MOST, LIMIT = 41, 40e-6, 400e-6, 4, 40, 1.02
STUDENT = (0, 12.71, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
           2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064)  # 97.5 %, by degrees of freedom

SOURCE = """import numpy as np

def saxpy(a, x, y):
    for i in prange(x.shape[0]):
        y[i] = a * x[i] + y[i]

def dot(x, y):
    s = x[0] * y[0]
    for i in prange(1, x.shape[0]):
        s += x[i] * y[i]
    return s

def scale(x):
    for i in prange(x.shape[0]):
        x[i] = x[i] * 2

def histogram(x, h):
    for i in range(x.shape[0]):
        h[x[i]] += 1

def expression(a, b, c):
    c[:] = a * b + c

def greatest(x):
    m = x[0]
    for i in prange(x.shape[0]):
        m = max(m, x[i])
    return m

def stencil(u, v):
    for i in prange(1, u.shape[0] - 1):
        for j in range(1, u.shape[1] - 1):
            v[i, j] = u[i, j] + u[i, j - 1] + u[i, j + 1] + u[i + 1, j] + u[i - 1, j]

def rows(u, out):
    for i in prange(u.shape[0]):
        s = u[i, 0]
        for j in range(1, u.shape[1]):
            s += u[i, j]
        out[i] = s
"""


def line(n, dtype):
    return (np.arange(n) % 7).astype(dtype)


def square(n, dtype):
    side = max(1, round(n ** 0.5)) + 2
    return (np.arange(side * side) % 5).astype(dtype).reshape(side, side)


ARGUMENTS = {
    "saxpy": lambda n, t: (line(1, t)[0].item() if t != "float32" else 0.5, line(n, t), line(n, t)),
    "dot": lambda n, t: (line(n, t), line(n, t)),
    "scale": lambda n, t: (line(n, t) * 0,),
    "histogram": lambda n, t: (line(n, t), np.zeros(16, "int64")),
    "expression": lambda n, t: (line(n, t) * 0, line(n, t), line(n, t)),
    "greatest": lambda n, t: (line(n, t),),
    "stencil": lambda n, t: (square(n, t), square(n, t)),
    "rows": lambda n, t: (square(n, t), square(n, t)[0].copy()),
}
REAL, ALL = ("float64", "float32", "int64", "int32"), ("float64", "float32", "int64", "int32", "complex128")
CASES = [(name, t) for name, types in (("saxpy", ALL), ("dot", ALL), ("scale", ALL), ("histogram", ("int64", "int32")),
                                       ("expression", ALL), ("greatest", REAL), ("stencil", REAL), ("rows", REAL))
         for t in types]


def functions(prange, path):
    space = {"__name__": "tiny_kernels", "prange": prange}
    exec(compile("\n" + SOURCE, str(path), "exec"), space)
    return space


def numbas():
    with contextlib.suppress(ImportError):
        import numba
        return numba
    return None


# ---- from Python ----------------------------------------------------------------------------------------------------------------


def seconds_of(call, arguments, calls):
    start = time.perf_counter()
    for _ in itertools.repeat(None, calls):
        call(*arguments)
    return time.perf_counter() - start


def seconds_of_one(call, arguments):
    """Of one call of twenty in a row, fewer where they take long."""
    taken = []
    while len(taken) < 20 and sum(taken) < 0.02:
        taken.append(seconds_of(call, arguments, 1))
    return statistics.fmean(taken[len(taken) // 2:])


def turns(candidates, arguments):
    """{name: nanoseconds of a call, round by round}; who is slow sits out most rounds"""
    calls, every, taken = {}, {}, {name: [] for name in candidates}
    for name, call in candidates.items():
        seconds_of_one(call, arguments)  # may compile, or wake a team
        seconds = seconds_of_one(call, arguments)
        calls[name], every[name] = max(1, int(BATCH / seconds)), 8 if seconds > SLOW else 1
    names = list(candidates)
    for i in range(ROUNDS):
        for name in names if i % 2 else reversed(names):
            if i % every[name] == 0:
                taken[name].append(seconds_of(candidates[name], arguments, calls[name]) / calls[name] * 1e9)
    return taken


def ratio(a, b):
    return statistics.median(y / x for x, y in zip(a, b))


def interval(ratios):
    """(mean, low, high) of the ratios of pairs, geometric."""
    logs = [math.log(r) for r in ratios]
    half = STUDENT[min(len(logs), len(STUDENT)) - 1] * statistics.stdev(logs) / len(logs) ** 0.5
    mean = statistics.fmean(logs)
    return tuple(math.exp(x) for x in (mean, mean - half, mean + half))


def verdict(low, high):
    return "within" if high <= LIMIT else "above" if low > LIMIT else "undecided"


# ---- from C ----------------------------------------------------------------------------------------------------------------------


def entries(path, name, signature, folder):
    out = []
    for flag in ("--no-parallel", "--parallel"):
        library = folder / f"{name}{flag}{abs(hash(signature))}.so"
        subprocess.run([measure.BUILD / "plait", "compile", f"{path}:{name}", "--sig", signature, flag, "-o", library],
                       check=True)
        out.append(ctypes.cast(getattr(ctypes.CDLL(str(library)), f"plait_entry_{name}"), ctypes.c_void_p))
    return out


def slots(arguments):
    """The arguments in 8-byte slots, as entries take them."""
    words = []
    for a in arguments:
        if isinstance(a, np.ndarray):
            words += [a.ctypes.data, 0, *a.shape, *a.strides]
        elif isinstance(a, complex):
            words += np.array([a.real, a.imag]).view("int64").tolist()
        elif isinstance(a, float):
            words.append(np.array([a]).view("int64").item())
        else:
            words.append(int(a))
    return (ctypes.c_int64 * len(words))(*words)


def entry_times(library, pair, arguments):
    held, calls = slots(arguments), 400
    a, b = (ctypes.c_double * ROUNDS)(), (ctypes.c_double * ROUNDS)()
    library.take_turns(*pair, held, calls, ROUNDS, a, b)
    return list(a), list(b)


# ---- the table -------------------------------------------------------------------------------------------------------------------


def judged(ratios):
    mean, low, high = interval(ratios)
    return {"ratio": mean, "low": low, "high": high, "pairs": len(ratios), "verdict": verdict(low, high)}


class Pairs:
    """Compilations of a kernel, made as they are asked for: sequential, parallel, and sequential again."""

    def __init__(self, name, path, arguments):
        self.name, self.path, self.arguments, self.made = name, path, arguments, []

    def __getitem__(self, i):
        import plait

        while len(self.made) <= i:
            f = lambda: functions(plait.prange, self.path)[self.name]
            three = {"sequential": plait.njit(f()), "parallel": plait.njit(parallel=True)(f()), "again": plait.njit(f())}
            for call in three.values():
                call(*self.arguments)
            self.made.append(three)
        return self.made[i]


def measured(name, dtype, path, library, folder):
    numba, result = numbas(), {}
    pairs = Pairs(name, path, ARGUMENTS[name](3, dtype))
    theirs = {}
    if numba:
        f = functions(numba.prange, path)[name]
        theirs = {"numba": numba.njit(f), "numba parallel": numba.njit(parallel=True)(f)}
    (signature,) = pairs[0]["parallel"].overloads
    pair = entries(path, name, f"({', '.join(str(t) for t in signature)})", folder)
    for n in SIZES:
        ours, noise, times, held = [], [], {}, []
        for i in range(MOST):
            held.append(bytearray(64 * (i * 37 % 64)))  # the next arguments lie elsewhere
            arguments = ARGUMENTS[name](n, dtype)
            taken = turns(pairs[i] | (theirs if i == 0 else {}), arguments)
            for key, values in taken.items():
                times.setdefault(key, []).extend(values)
            ours.append(ratio(taken["sequential"], taken["parallel"]))
            noise.append(ratio(taken["sequential"], taken["again"]))
            if i + 1 >= FEWEST and "undecided" not in (judged(ours)["verdict"], judged(noise)["verdict"]):
                break
        direct = entry_times(library, pair, arguments)
        result[str(n)] = {**{k: statistics.median(v) for k, v in times.items()}, **judged(ours), "noise": judged(noise),
                     "entry": statistics.median(y - x for x, y in zip(*direct)), "alone": statistics.median(direct[0])}
    return result


HEAD = ("kernel", "type", "within, undecided, above", "worst, from Python", "at n", "worst of two sequential ones",
        "entry alone, ns more: median, worst", "call at n = 1, 100: sequential, ns", "parallel, ns", "Numba, ns",
        "Numba parallel, ns")


def counts(results):
    found = [r["verdict"] for r in results]
    return ", ".join(str(found.count(word)) for word in ("within", "undecided", "above"))


def spread(r):
    return f"{r['ratio']:.3f} ({r['low']:.3f} to {r['high']:.3f})"


def row(name, dtype, result):
    at = max(result, key=lambda n: result[n]["ratio"])
    noise = max((r["noise"] for r in result.values()), key=lambda r: r["ratio"])
    extra = [r["entry"] for r in result.values()]
    one, hundred = result["1"], result["100"]
    pairs = lambda key: f"{one[key]:.0f}, {hundred[key]:.0f}" if key in one else ""
    return (name, dtype, counts(result.values()), spread(result[at]), str(at), f"{noise['ratio']:.3f}",
            f"{statistics.median(extra):+.1f}, {max(extra):+.1f}", pairs("sequential"), pairs("parallel"), pairs("numba"),
            pairs("numba parallel"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="")
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    library = measure.c_library("tiny")
    library.take_turns.argtypes = [ctypes.c_void_p] * 3 + [ctypes.c_int] * 2 + [ctypes.c_void_p] * 2
    store = measure.BUILD / "perf" / "tiny.json"
    known = json.loads(store.read_text()) if options.keep and store.exists() else {}
    gc.disable()
    warnings.simplefilter("ignore")  # Numba says what it does not parallelise
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "tiny_kernels.py"
        path.write_text("from plait import prange\n" + SOURCE)
        for name, dtype in CASES:
            if options.only not in f"{name} {dtype}":
                continue
            result = measured(name, dtype, path, library, pathlib.Path(folder))
            known[f"{name} {dtype}"] = result
            print(" | ".join(row(name, dtype, result)), file=sys.stderr, flush=True)
    store.write_text(json.dumps(known))
    text = table({case: known[case] for case in (f"{name} {dtype}" for name, dtype in CASES) if case in known})
    print(text)
    if options.keep:
        measure.keep_table("tiny", text)


def table(known):
    lines = [row(*case.split(), result) for case, result in known.items()]
    every = [(case, n, r) for case, result in known.items() for n, r in result.items()]
    theirs = [r["numba parallel"] / r["numba"] for _, _, r in every if "numba" in r]
    against = [r["numba parallel"] / r["parallel"] for _, _, r in every if "numba" in r]
    ratios = [r["ratio"] for _, _, r in every]
    text = [measure.machine(), "", "| " + " | ".join(HEAD) + " |", "|" + " --- |" * len(HEAD)]
    text += ["| " + " | ".join(l) + " |" for l in lines]
    text += ["", f"Of {len(every)} (kernel, type, n), within 1.02 × of sequential, undecided, above: {counts(r for _, _, r in every)}; "
             f"median {statistics.median(ratios):.3f} ×, worst {max(ratios):.3f} ×. Two compilations of one sequential kernel: "
             f"{counts(r['noise'] for _, _, r in every)}, worst {max(r['noise']['ratio'] for _, _, r in every):.3f} ×."]
    for word in ("above", "undecided"):
        found = [f"{case} {n}: {spread(r)}" for case, n, r in every if r["verdict"] == word]
        if found:
            text += ["", f"{word.capitalize()}: {'; '.join(found)}."]
    if theirs:
        text += ["", f"Numba's parallel against its sequential: median {statistics.median(theirs):.0f} ×, least {min(theirs):.1f} ×; "
                 f"against plait's parallel: median {statistics.median(against):.0f} ×, least {min(against):.1f} ×."]
    return "\n".join(text)


if __name__ == "__main__":
    main()
