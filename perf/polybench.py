"""PolyBench's 30 kernels, written as plain `range` loops: what becomes of each loop, and what the whole costs.

    ./dev perf polybench                       which loops are parallel, which are serial and why
    ./dev perf polybench --speed               against gcc -O3 -march=native -ffast-math (serial C) and against itself
    ./dev perf polybench --checks              with bounds checks (the default) against without
    ./dev perf polybench --compile             where the time of a compile goes

Each takes names of kernels, `--size LARGE|MEDIUM|…`, `--rounds N`, `--cap SECONDS` (a kernel, after which no further round
is begun); `--keep` writes the table to perf/README.md (the first one to perf/kernels/polybench/README.md) and the numbers
to perf/results/.
"""
import argparse
import json
import math
import pathlib
import statistics
import sys
import time

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "peers"))
import c_variants  # noqa: E402
import floors  # noqa: E402
import measure  # noqa: E402
from kernels.polybench import NAMES, determined, load  # noqa: E402

# ---- loop by loop ------------------------------------------------------------------------------------------------------

TARGET = HERE / "kernels" / "polybench" / "README.md"
HEAD = """# PolyBench: loop by loop

Written by `./dev perf polybench --keep`. A loop inside a parallel one is not listed when that is the only reason why it is
serial. Line numbers are those of the kernel's file; a witness names the two iterations that isl found to need one another.

"""


def report_of(name):
    from plait import njit

    function, inputs, sizes = load(name)
    kernel = njit(parallel=True)(function)
    kernel(*inputs(sizes["MINI"], np.random.default_rng(0)))
    return kernel.parallel_report()


def rows(name, report):
    for entry in report:
        if entry["reason"] != "INSIDE_PARALLEL":
            yield f"| {name} | {entry['line']} | {entry['decision']} | {entry['text'] or ''} |"


def table():
    lines, with_region = ["| kernel | line | decision | why |", "| --- | --- | --- | --- |"], 0
    for name in NAMES:
        report = report_of(name)
        with_region += any(e["decision"] == "parallel" for e in report)
        lines += rows(name, report)
    return f"{with_region} of {len(NAMES)} kernels have a parallel region.\n\n" + "\n".join(lines) + "\n"


# ---- tables of numbers -------------------------------------------------------------------------------------------------


class Table:
    """A line for each kernel as soon as it is measured, and the numbers behind them. `line` makes a line's cells of a
    kernel's numbers, `remarks` a sentence of them all."""

    def __init__(self, name, columns, line, remarks, settle=lambda numbers: None):
        self.name, self.columns, self.line, self.remarks, self.settle = name, columns, line, remarks, settle
        self.numbers = {}
        self.show(columns)
        self.show("---" for _ in columns)

    def show(self, cells):
        print(self.text(cells), flush=True)

    @staticmethod
    def text(cells):
        return "| " + " | ".join(str(c) for c in cells) + " |"

    def add(self, name, **numbers):
        self.numbers[name] = numbers
        self.show([name, *self.line(numbers)])

    def file(self):
        return HERE / "results" / f"{self.name}.json"

    def keep(self, kept):
        """Writes the table; `kept`: with the kernels that were kept before and not measured now."""
        if kept and self.file().exists():
            self.numbers = {**json.loads(self.file().read_text())["kernels"], **self.numbers}
        self.numbers = dict(sorted(self.numbers.items()))
        self.settle(self.numbers)
        self.file().parent.mkdir(exist_ok=True)
        text = json.dumps({"machine": measure.machine(), "kernels": self.numbers}, indent=1)
        self.file().write_text(text + "\n")
        lines = [self.text(self.columns), self.text("---" for _ in self.columns)]
        lines += [self.text([name, *self.line(numbers)]) for name, numbers in self.numbers.items()]
        measure.keep_table(self.name, "\n".join([measure.machine(), "", *lines, "", self.remarks(self.numbers)]))


def threads_setter(count):
    import plait

    return lambda: plait.set_num_threads(count)


def milliseconds(seconds):
    ms = seconds * 1e3
    return f"{ms:.0f}" if ms >= 100 else f"{ms:.3g}"


# ---- taking turns --------------------------------------------------------------------------------------------------------


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


def c_peer(kernel, compiler):
    return c_variants.of_polybench(measure.BUILD / "perf" / "polybench", kernel.name, kernel.size, compiler)


# ---- speed -------------------------------------------------------------------------------------------------------------

TOLERANCE = 1e-8


def candidates_of(kernel, threads, with_clang):
    mine = kernel.compiled(parallel=True)
    runs = {f"{n} threads" if n > 1 else "1 thread": (threads_setter(n), mine) for n in sorted(threads, reverse=True)}
    runs["sequential"] = (threads_setter(1), kernel.compiled())
    if with_clang:
        runs["clang"] = (threads_setter(1), c_peer(kernel, "clang"))
    runs["gcc"] = (threads_setter(1), c_peer(kernel, "gcc"))
    return runs


def speed_line(numbers):
    took = {r: statistics.median(s) for r, s in numbers["seconds"].items()}
    most, floor = next(iter(took)), numbers["floor"]
    wrong = f" WRONG: {'; '.join(numbers['wrong'])}" if numbers["wrong"] else ""
    return [*map(milliseconds, took.values()), f"{took['gcc'] / took[most]:.2f}",
            f"{took['sequential'] / took[most]:.2f}", milliseconds(floor), numbers["bound"],
            f"{took[most] / floor:.1f} ×{wrong}"]


def speed_remarks(numbers):
    medians = {n: {r: statistics.median(s) for r, s in k["seconds"].items()} for n, k in numbers.items()}
    runs = list(next(iter(medians.values())))
    mean = lambda a, b: measure.geometric_mean(m[a] / m[b] for m in medians.values())
    slow = [n for n, m in medians.items() if m["sequential"] / m[runs[0]] < 0.8]
    against = ", ".join(f"{mean('gcc', r):.2f} {r}" for r in runs if r != "gcc")
    return (f"Geometric mean against gcc: {against}; {runs[0]} against its sequential self "
            f"{mean('sequential', runs[0]):.2f}; below 0.8 of that: {', '.join(slow) or 'none'}.")


def speed(options):
    machine = floors.Machine(max(options.threads))
    t = None
    for name in options.kernels:
        kernel = Kernel(name, options.size)
        runs = candidates_of(kernel, options.threads, options.clang)
        if t is None:
            most = next(iter(runs))
            t = Table(f"polybench-speed-{options.size}",
                      ("kernel", *(f"{r}, ms" for r in runs), f"{most} / gcc", f"{most} / sequential", "floor, ms", "of",
                       "distance"), speed_line, speed_remarks, lambda numbers: floors.settle(numbers, options.size))
        taken, errors = take_turns(kernel, runs, options.rounds, options.cap)
        floor, bound = machine.floor(name, kernel.size, kernel.bytes())
        wrong = [f"{r} differs by {e:.1g}" for r, e in errors.items() if e > TOLERANCE]
        t.add(name, seconds=taken, floor=floor, bound=bound, wrong=wrong)
    return t


# ---- checks ------------------------------------------------------------------------------------------------------------


def checks_ratio(numbers):
    took = {r: statistics.median(s) for r, s in numbers["seconds"].items()}
    return took["checked"] / took["unchecked"]


def checks_line(numbers):
    took = [milliseconds(statistics.median(s)) for s in numbers["seconds"].values()]
    return [*took, f"{checks_ratio(numbers):.3f}" + (" WRONG" if numbers["wrong"] else "")]


def checks_remarks(numbers):
    ratios = [checks_ratio(n) for n in numbers.values()]
    return f"Geometric mean {measure.geometric_mean(ratios):.3f}, largest {max(ratios):.3f}."


def checks(options):
    t = Table(f"polybench-checks-{options.size}", ("kernel", "checked, ms", "unchecked, ms", "ratio"), checks_line,
              checks_remarks)
    for name in options.kernels:
        kernel = Kernel(name, options.size)
        set_threads = threads_setter(max(options.threads))
        runs = {"checked": (set_threads, kernel.compiled(parallel=True)),
                "unchecked": (set_threads, kernel.compiled(parallel=True, boundscheck=False))}
        taken, errors = take_turns(kernel, runs, options.rounds, options.cap)
        t.add(name, seconds=taken, wrong=max(errors.values()) > TOLERANCE)
    return t


# ---- compile time ------------------------------------------------------------------------------------------------------


def compile_times(kernel):
    """{stage: milliseconds} of a compile."""
    (overload,) = kernel.compiled(parallel=True).overloads.values()
    times = dict(overload.metadata["pipeline_times"])
    return {**times.pop("passes"), **times}


def of_llvm(stages):
    return sum(ms for s, ms in stages.items() if s.startswith("llvm_") or s == "ahead")


def of_others(stages):
    """LLVM's two threads run side by side: this is no difference of the total."""
    return sum(ms for s, ms in stages.items() if s != "total") - of_llvm(stages)


def compile_line(stages):
    llvm, others, total = of_llvm(stages), of_others(stages), stages["total"]
    largest = sorted((s for s in stages.items() if s[0] != "total"), key=lambda x: -x[1])[:4]
    return [f"{total:.0f}", f"{llvm:.0f}", f"{others:.0f}", f"{others / llvm:.2f}",
            ", ".join(f"{s} {ms:.0f}" for s, ms in largest)]


def compile_remarks(numbers):
    totals, llvms = [s["total"] for s in numbers.values()], [of_llvm(s) for s in numbers.values()]
    rests = [of_others(s) for s in numbers.values()]
    return (f"Median total {statistics.median(totals):.0f} ms, LLVM {statistics.median(llvms):.0f} ms, the rest "
            f"{statistics.median(rests):.0f} ms; largest total {max(totals):.0f} ms.")


def compiling(options):
    t = Table("polybench-compile", ("kernel", "total, ms", "LLVM, ms", "the rest, ms", "rest / LLVM", "largest stages"),
              compile_line, compile_remarks)
    for name in options.kernels:
        kernel = Kernel(name, "MINI")
        samples = [compile_times(kernel) for _ in range(max(1, min(options.rounds, 5)))]
        t.add(name, **{s: statistics.median(x.get(s, 0.0) for x in samples) for s in samples[-1]})
    return t


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("kernels", nargs="*", metavar="KERNEL")
    what = p.add_mutually_exclusive_group()
    what.add_argument("--speed", dest="what", action="store_const", const=speed)
    what.add_argument("--checks", dest="what", action="store_const", const=checks)
    what.add_argument("--compile", dest="what", action="store_const", const=compiling)
    p.add_argument("--size", default="LARGE", choices=("MINI", "SMALL", "MEDIUM", "LARGE"))
    p.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--cap", type=float, default=8.0)
    p.add_argument("--clang", action="store_true", help="clang-19 with the same flags as a further peer")
    p.add_argument("--keep", action="store_true", help="write the table")
    p.add_argument("--add", action="store_true", help="write it with the kernels that were kept before")
    options = p.parse_args()
    unknown = [n for n in options.kernels if n not in NAMES]
    if unknown:
        p.error(f"no such kernel: {', '.join(unknown)}")
    options.kernels = options.kernels or NAMES
    if options.what:
        t = options.what(options)
        print(f"\n{t.remarks(t.numbers)}")
        if options.keep or options.add:
            t.keep(options.add)
        return
    text = table()
    if options.keep:
        TARGET.write_text(HEAD + text)
    print(text, end="")


if __name__ == "__main__":
    main()
