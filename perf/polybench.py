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
import pathlib
import statistics
import sys

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import floors  # noqa: E402
import measure  # noqa: E402
import suite  # noqa: E402
from kernels.polybench import NAMES, load  # noqa: E402

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
    """Lines that appear as they are known, and the numbers behind them."""

    def __init__(self, name, columns):
        self.name, self.numbers = name, {}
        self.lines = []
        self.line(*columns)
        self.line(*("---" for _ in columns))

    def line(self, *cells):
        self.lines.append("| " + " | ".join(str(c) for c in cells) + " |")
        print(self.lines[-1], flush=True)

    def remark(self, text):
        self.lines += ["", text]
        print(f"\n{text}", flush=True)

    def keep(self):
        measure.keep_table(self.name, f"{measure.machine()}\n\n" + "\n".join(self.lines))
        folder = HERE / "results"
        folder.mkdir(exist_ok=True)
        text = json.dumps({"machine": measure.machine(), "kernels": self.numbers}, indent=1)
        (folder / f"{self.name}.json").write_text(text + "\n")


def threads_setter(count):
    import plait

    return lambda: plait.set_num_threads(count)


def milliseconds(seconds):
    ms = seconds * 1e3
    return f"{ms:.0f}" if ms >= 100 else f"{ms:.3g}"


# ---- speed -------------------------------------------------------------------------------------------------------------

TOLERANCE = 1e-8


def candidates_of(kernel, threads, with_clang):
    mine = kernel.compiled(parallel=True)
    runs = {f"{n} threads" if n > 1 else "1 thread": (threads_setter(n), mine) for n in sorted(threads, reverse=True)}
    runs["sequential"] = (threads_setter(1), kernel.compiled())
    if with_clang:
        runs["clang"] = (threads_setter(1), suite.c_peer(kernel.name, kernel.size, suite.CLANG))
    runs["gcc"] = (threads_setter(1), suite.c_peer(kernel.name, kernel.size))
    return runs


def speed(options):
    machine = floors.Machine(max(options.threads))
    most = f"{max(options.threads)} threads" if max(options.threads) > 1 else "1 thread"
    t = None
    for name in options.kernels:
        kernel = suite.Kernel(name, options.size)
        runs = candidates_of(kernel, options.threads, options.clang)
        if t is None:
            t = Table(f"polybench-speed-{options.size}",
                      ("kernel", *(f"{r}, ms" for r in runs), f"{most} / gcc", f"{most} / sequential", "floor, ms", "of",
                       "distance"))
        taken, errors = suite.take_turns(kernel, runs, options.rounds, options.cap)
        took = {r: suite.median(s) for r, s in taken.items()}
        wrong = [f"{r} differs by {e:.1g}" for r, e in errors.items() if e > TOLERANCE]
        floor, bound = machine.floor(name, kernel.size, kernel.bytes())
        t.numbers[name] = {"seconds": taken, "floor": floor, "bound": bound, "wrong": wrong}
        t.line(name, *(milliseconds(s) for s in took.values()), f"{took['gcc'] / took[most]:.2f}",
               f"{took['sequential'] / took[most]:.2f}", milliseconds(floor), bound,
               f"{took[most] / floor:.1f} ×" + (f" WRONG: {'; '.join(wrong)}" if wrong else ""))
    medians = {n: {r: suite.median(s) for r, s in k["seconds"].items()} for n, k in t.numbers.items()}
    mean = lambda a, b: suite.geometric_mean(m[a] / m[b] for m in medians.values())
    slow = [n for n, m in medians.items() if m["sequential"] / m[most] < 0.8]
    t.remark(f"Geometric mean against gcc: {mean('gcc', most):.2f} with {most}, {mean('gcc', '1 thread'):.2f} with one, "
             f"{mean('gcc', 'sequential'):.2f} sequential; against its sequential self {mean('sequential', most):.2f}; "
             f"below 0.8 of that: {', '.join(slow) or 'none'}.")
    return t


# ---- checks ------------------------------------------------------------------------------------------------------------


def checks(options):
    t = Table(f"polybench-checks-{options.size}", ("kernel", "checked, ms", "unchecked, ms", "ratio"))
    ratios = []
    for name in options.kernels:
        kernel = suite.Kernel(name, options.size)
        set_threads = threads_setter(max(options.threads))
        runs = {"checked": (set_threads, kernel.compiled(parallel=True)),
                "unchecked": (set_threads, kernel.compiled(parallel=True, boundscheck=False))}
        taken, errors = suite.take_turns(kernel, runs, options.rounds, options.cap)
        took = {r: suite.median(s) for r, s in taken.items()}
        ratios.append(took["checked"] / took["unchecked"])
        t.numbers[name] = {"seconds": taken}
        t.line(name, *(milliseconds(s) for s in took.values()),
               f"{ratios[-1]:.3f}" + (" WRONG" if max(errors.values()) > TOLERANCE else ""))
    t.remark(f"Geometric mean {suite.geometric_mean(ratios):.3f}, largest {max(ratios):.3f}.")
    return t


# ---- compile time ------------------------------------------------------------------------------------------------------


def compile_times(kernel):
    """{stage: milliseconds} of a compile."""
    (overload,) = kernel.compiled(parallel=True).overloads.values()
    times = dict(overload.metadata["pipeline_times"])
    return {**times.pop("passes"), **times}


def compiling(options):
    t = Table("polybench-compile", ("kernel", "total, ms", "LLVM, ms", "the rest, ms", "rest / LLVM", "largest stages"))
    totals, rests, llvms = [], [], []
    for name in options.kernels:
        kernel = suite.Kernel(name, "MINI")
        samples = [compile_times(kernel) for _ in range(max(1, min(options.rounds, 5)))]
        stages = {s: statistics.median(x.get(s, 0.0) for x in samples) for s in samples[-1]}
        llvm = sum(ms for s, ms in stages.items() if s.startswith("llvm_"))
        total = stages.pop("total")
        totals.append(total), rests.append(total - llvm), llvms.append(llvm)
        largest = sorted(stages.items(), key=lambda x: -x[1])[:4]
        t.numbers[name] = stages
        t.line(name, f"{total:.0f}", f"{llvm:.0f}", f"{total - llvm:.0f}", f"{(total - llvm) / llvm:.2f}",
               ", ".join(f"{s} {ms:.0f}" for s, ms in largest))
    t.remark(f"Median total {statistics.median(totals):.0f} ms, LLVM {statistics.median(llvms):.0f} ms, the rest "
             f"{statistics.median(rests):.0f} ms; largest total {max(totals):.0f} ms.")
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
    options = p.parse_args()
    unknown = [n for n in options.kernels if n not in NAMES]
    if unknown:
        p.error(f"no such kernel: {', '.join(unknown)}")
    options.kernels = options.kernels or NAMES
    if options.what:
        t = options.what(options)
        if options.keep:
            t.keep()
        return
    text = table()
    if options.keep:
        TARGET.write_text(HEAD + text)
    print(text, end="")


if __name__ == "__main__":
    main()
