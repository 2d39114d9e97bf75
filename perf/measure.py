"""Shared by the measurements: medians of interleaved runs, this machine in a line, tables kept in perf/README.md."""
import argparse
import ctypes
import json
import linecache
import math
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
os.environ.setdefault("PLAIT_TIERED", "0")  # optimised code is measured, even by calls with little to do
BUILD = pathlib.Path(os.environ.get("PLAIT_BUILD_DIR", ROOT / "build/release"))


def interleaved(candidates, rounds=21, least_seconds=0.002):
    """{name: median seconds of a call}. Candidates take turns, so that a noisy neighbour hits all of them."""
    repeats = {}
    for name, call in candidates.items():
        call()
        start = time.perf_counter()
        call()
        repeats[name] = max(1, int(least_seconds / max(time.perf_counter() - start, 1e-7)))
    taken = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, call in candidates.items():
            start = time.perf_counter()
            for _ in range(repeats[name]):
                call()
            taken[name].append((time.perf_counter() - start) / repeats[name])
    return {name: statistics.median(times) for name, times in taken.items()}


def geometric_mean(ratios):
    """Of those that are numbers; NaN of none."""
    ratios = [r for r in ratios if not math.isnan(r)]
    return math.exp(sum(map(math.log, ratios)) / len(ratios)) if ratios else math.nan


def fresh_numbers(code, runs=11):
    """The number that `code` prints in a new interpreter, `runs` times."""
    command = [sys.executable, "-c", code]
    return [float(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1]) for _ in range(runs)]


def fresh_process(code, runs=11):
    """Median of the number that `code` prints in a new interpreter."""
    return statistics.median(fresh_numbers(code, runs))


def function_from(text, name):
    """A function of a text that inspect can find."""
    file = f"<{name}>"
    linecache.cache[file] = (len(text), None, text.splitlines(True), file)
    space = {}
    exec(compile(text, file, "exec"), space)
    return space[name]


def write_pyperf(path, benchmarks):
    """A file that pyperf reads, of (name, [seconds], {more facts}) each."""
    path.parent.mkdir(parents=True, exist_ok=True)
    found = [{"metadata": {"name": name, "unit": "second", "loops": 1, **facts}, "runs": [{"values": list(values)}]}
             for name, values, facts in benchmarks]
    path.write_text(json.dumps({"version": "1.0", "metadata": {}, "benchmarks": found}, indent=1) + "\n")


def c_library(source, *flags):
    """A C file of perf/peers/c/ as a ctypes library, by gcc -O3 -march=native."""
    folder = BUILD / "perf"
    folder.mkdir(parents=True, exist_ok=True)
    output = folder / f"{source}{'-'.join(flags)}.so"
    command = ["gcc", "-O3", "-march=native", "-std=gnu17", "-shared", "-fPIC", "-I", ROOT / "include", *flags]
    subprocess.run([*command, "-o", output, ROOT / f"perf/peers/c/{source}.c", "-lm"], check=True)
    return ctypes.CDLL(str(output))


def runtime():
    """libplait_rt of the package, for its switches."""
    import plait

    library = ctypes.CDLL(str(pathlib.Path(plait.__file__).parent / "libplait_rt.so"))
    library.plrt_set_min_work.argtypes = [ctypes.c_int64]
    return library


def machine():
    """This machine, the compilers and the libraries in a line."""
    import numpy

    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")),
                 platform.machine())
    gcc = subprocess.run(["gcc", "-dumpfullversion"], capture_output=True, text=True).stdout.strip()
    return (f"{time.strftime('%Y-%m-%d')}; {model}, {len(os.sched_getaffinity(0))} CPUs; gcc {gcc}, "
            f"CPython {platform.python_version()}, NumPy {numpy.__version__}")


def keep_table(name, text, page="perf/README.md"):
    """Writes `text` between the marks <!-- NAME --> and <!-- /NAME --> of a page."""
    path = ROOT / page
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, found, rest = path.read_text().partition(begin)
    if not found:
        sys.exit(f"{page} has no place for the table {name}: it keeps other sizes of this measurement")
    path.write_text(f"{before}{begin}\n{text.rstrip()}\n{end}{rest.split(end)[1]}")
    print(f"written to {page}, {name}")


def main(title, groups, table):
    """The command line of a measurement: prints the rows (what, to reach, measured, reached) of its groups, one by one."""
    parser = argparse.ArgumentParser(description=title.splitlines()[0])
    parser.add_argument("--only", choices=groups)
    parser.add_argument("--keep", action="store_true", help="write the table into perf/README.md")
    options = parser.parse_args()
    lines = ["| what | to reach | measured | |", "| --- | --- | --- | --- |"]
    for name, rows in groups.items():
        if options.only in (None, name):
            for what, wanted, measured, reached in rows():
                lines.append(f"| {what} | {wanted} | {measured} | {'yes' if reached else 'no'} |")
                print(lines[-1], flush=True)
    if options.keep:
        keep_table(table, f"{machine()}\n\n" + "\n".join(lines))
