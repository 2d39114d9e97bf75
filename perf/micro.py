"""What comes before a kernel's own work: importing, compiling by phase, calling with 0 to 8 arguments, entering a region on 1 to
16 threads (more than there are units, from some number on).

    ./dev perf micro [--only WORD] [--keep]     --keep writes the tables into perf/README.md

Measurements go to build/perf/micro.json in pyperf's format.
"""
import argparse
import ctypes
import os
import statistics
import sys
import time
import timeit

import measure
import numpy as np
from kernels.loops import FOURTEEN, arguments_of, fresh, function_of

SHARE = 64  # iterations of a thread: cheap ones are handed out in so many


def table(columns, lines):
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in (columns, ["---"] * len(columns), *lines))


# ---- importing ---------------------------------------------------------------------------------------------------------


def importing(benchmarks):
    code = "import time, numpy; t = time.perf_counter(); import plait; print(time.perf_counter() - t)"
    benchmarks["import plait"] = values = measure.fresh_numbers(code)
    return table(["`import plait` over `import numpy`, ms"], [[f"{statistics.median(values) * 1e3:.1f}"]])


# ---- calling -----------------------------------------------------------------------------------------------------------


def empty_kernel(count):
    from plait import njit

    names = ", ".join(f"a{i}" for i in range(count))
    return njit(measure.function_from(f"def taking_{count}({names}):\n    pass\n", f"taking_{count}"))


def nanoseconds(call, **names):
    return [t / 100_000 for t in timeit.repeat(call, globals=names, number=100_000, repeat=15)]


def calling(benchmarks):
    lines = []
    for count in (0, 1, 2, 3, 4, 6, 8):
        kernel, cells = empty_kernel(count), [count]
        for what, value in (("float64", 1.5), ("int64", 7), ("array", np.ones(8))):
            kernel(*[value] * count)
            values = nanoseconds(f"f({', '.join('a' * count)})", f=kernel, a=value)
            benchmarks[f"call arguments={count} {what}"] = values
            cells.append(f"{statistics.median(values) * 1e9:.0f}")
        lines.append(cells)
    return table(["arguments", "float64, ns a call", "int64", "arrays"], lines)


# ---- entering a region -------------------------------------------------------------------------------------------------


def team_of(regions, x):
    """How many threads a region of the kernel really has."""
    import plait

    plait.stats(True)
    plait.stats(reset=True)
    regions(x, 1)
    found = plait.stats()
    plait.stats(False)
    return max(r["most_threads"] for r in found if r["calls"])


def entering(benchmarks):
    os.environ["PLAIT_NUM_THREADS"] = "16"  # more than there are, which a process may have if it says so before it has any
    import plait
    from kernels import figures

    library, runtime = measure.c_library("figures", "-fopenmp"), measure.runtime()
    units, lines = len(os.sched_getaffinity(0)), []
    runtime.plrt_set_num_threads.argtypes = [ctypes.c_int32]
    runtime.plrt_set_min_work(0)
    try:
        for threads in (1, 2, 3, 4, 6, 8, 12, 16):
            runtime.plrt_set_num_threads(threads)
            library.omp_set_num_threads(threads)
            x = np.zeros(SHARE * threads)
            pointer = ctypes.c_void_p(x.ctypes.data)
            times = 2000 if threads <= units else 200
            taken = {"plait": [], "GOMP_parallel": []}
            for _ in range(21 if threads <= units else 11):
                for who, call in (("plait", lambda: figures.regions(x, times)),
                                  ("GOMP_parallel", lambda: library.regions(pointer, ctypes.c_int64(len(x)), ctypes.c_int64(times)))):
                    call()
                    start = time.perf_counter()
                    call()
                    taken[who].append((time.perf_counter() - start) / times)
            for who, values in taken.items():
                benchmarks[f"region threads={threads} {who}"] = values
            mine, theirs = (statistics.median(taken[who]) * 1e6 for who in taken)
            lines.append([threads, team_of(figures.regions, x), f"{mine:.2f}", f"{theirs:.2f}", f"{mine / theirs:.2f}"])
    finally:
        runtime.plrt_set_min_work(-1)
        plait.set_num_threads(units)
    return table(["threads asked for", "threads of plait's team", "plait, µs a region", "GOMP_parallel, µs", "ratio"], lines)


# ---- compiling ---------------------------------------------------------------------------------------------------------


def phases_of(function, arguments):
    """(seconds of the first call, {phase: milliseconds}) of a new kernel."""
    from plait import njit

    kernel = njit(parallel=True)(function)
    given = fresh(arguments)
    start = time.perf_counter()
    kernel(*given)
    took = time.perf_counter() - start
    (overload,) = kernel.overloads.values()
    times = overload.metadata["pipeline_times"]
    flat = {name: taken for name, taken in times.items() if not isinstance(taken, dict)}
    for part in times.values():
        flat.update(part if isinstance(part, dict) else {})
    flat.pop("total", None)
    return took, flat


GROUPS = {"parse": ("parse",), "elaborate": ("elaborate",), "LLVM: building": ("llvm_build",), "LLVM: optimising": ("llvm_opt",),
          "LLVM: emitting": ("llvm_codegen",)}


def group_of(phase):
    return next((group for group, phases in GROUPS.items() if phase in phases), "passes")


def compiling(benchmarks):
    phases_of(function_of("saxpy"), arguments_of("saxpy"))  # loads the compiler
    lines, columns = [], [*list(GROUPS)[:2], "passes", *list(GROUPS)[2:]]
    for name in FOURTEEN:
        runs = [phases_of(function_of(name), arguments_of(name)) for _ in range(7)]
        benchmarks[f"first call {name}"] = [took for took, _ in runs]
        sums = {column: [] for column in columns}
        for _, phases in runs:
            for column in columns:
                sums[column].append(sum(t for phase, t in phases.items() if group_of(phase) == column))
        largest = max((p for p in runs[0][1] if group_of(p) == "passes"), key=lambda p: runs[0][1][p], default="")
        first = statistics.median(took for took, _ in runs) * 1e3
        lines.append([name, f"{first:.1f}", *(f"{statistics.median(sums[c]):.1f}" for c in columns), largest])
    return table(["kernel", "first call, ms", *columns, "largest pass"], lines)


PARTS = {"regions": entering, "import": importing, "calling": calling, "compiling": compiling}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--keep", action="store_true", help="write the tables into perf/README.md")
    options = parser.parse_args()
    benchmarks, tables = {}, [measure.machine()]
    for name, part in PARTS.items():
        if options.only in (None, name):
            tables.append(part(benchmarks))
            print(tables[-1], end="\n\n", flush=True)
    path = measure.BUILD / "perf" / "micro.json"
    measure.write_pyperf(path, [(name, values, {}) for name, values in benchmarks.items()])
    print(f"written: {path}", file=sys.stderr)
    if options.keep:
        measure.keep_table("micro", "\n\n".join(tables))


if __name__ == "__main__":
    main()
