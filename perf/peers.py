"""The 24 kernels by plait, by its peers and by hand, in one run: who is how far from the best.

    ./dev perf peers [--kernels sum,bs,…] [--threads 2,1] [--install] [--keep]

Every kernel has a process of its own, in which all implementations are checked against the reference and then take turns.
`--install` makes the peers' environment (build/perf/peers-venv) and says which packages of the system are missing; what is
not there is left out. Measurements go to build/perf/peers/KERNEL.json in pyperf's format; the tables are made of all that is
there. `--keep` writes them into perf/README.md and the measurements into perf/results/peers.json. `--compile` measures first calls
of plait and Numba instead.
"""
import argparse
import contextlib
import json
import math
import os
import pathlib
import shlex
import shutil
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE / "peers")]
import measure  # noqa: E402
import numpy as np  # noqa: E402
from kernels.loops import FOURTEEN, NAMES, answer, arguments_of, fresh, function_of, load  # noqa: E402

FOLDER = measure.BUILD / "perf" / "peers"
VENV = measure.BUILD / "perf" / "peers-venv"
PYPI = ("numpy", "scipy", "threadpoolctl", "numba", "pythran", "setuptools", "jax[cpu]")
APT = ("gcc", "clang-19", "libomp-19-dev", "llvm-19-linker-tools")
ENVIRONMENT = {"KMP_BLOCKTIME": "1", "OPENBLAS_THREAD_TIMEOUT": "20", "JAX_PLATFORMS": "cpu", "PLAIT_CONFIG": ""}
FIRST_CALLS = measure.BUILD / "perf" / "first-calls.json"
PAUSE = 0.012  # after which the last one's threads have gone to sleep: libgomp's look for work for 8 ms


# ---- implementations -----------------------------------------------------------------------------------------------------


class Peer:
    """One implementation of a kernel. `set_threads` says False when it cannot run on so many; `keeps`: it changes its
    arguments only when asked to."""

    def __init__(self, how, call, set_threads=lambda count: None, keeps=False):
        self.how, self.call, self.set_threads, self.keeps = how, call, set_threads, keeps

    def result(self, arguments):
        arguments = fresh(arguments)
        return answer(self.call(*arguments, **({"keep": True} if self.keeps else {})), arguments)


def of_plait(name):
    import plait

    for fast in (False, True):
        yield Peer(f"plait{' fast' * fast}", plait.njit(parallel=True, fastmath=fast)(function_of(name)), plait.set_num_threads)


def of_c(name):
    import c_variants

    for how, call, set_threads in c_variants.builds(FOLDER / "c", name):
        if set_threads is None:
            print(f"    {how}: {call}", file=sys.stderr)
        else:
            yield Peer(how, call, set_threads)


def of_numba(name):
    import numba_variants

    for how, call in numba_variants.compiled(name, function_of(name)):
        yield Peer(how, call, numba_variants.set_threads)


def of_numpy(name):
    import threadpoolctl

    def set_threads(count):
        threadpoolctl.threadpool_limits(count)

    if not getattr(load(name), "LOOKED_UP", False):
        yield Peer("numpy", load(name).reference, set_threads)


def of_libraries(name):
    import library_variants
    import threadpoolctl

    def set_threads(count):
        threadpoolctl.threadpool_limits(count)
        library_variants.threads[0] = count

    if name in library_variants.FUNCTIONS:
        yield Peer("scipy", library_variants.FUNCTIONS[name], set_threads)


def of_pythran(name):
    import pythran_variants

    kernel = pythran_variants.compiled(name, function_of(name), arguments_of(name), FOLDER)
    yield Peer("pythran", kernel, gomp_threads)


def of_jax(name):
    import jax_variants

    if name in jax_variants.FUNCTIONS:
        all_or_none = lambda count: count >= len(UNITS)  # it takes what the machine has
        yield Peer("jax", jax_variants.compiled(name), all_or_none, keeps=True)


def gomp_threads(count):
    import ctypes

    ctypes.CDLL("libgomp.so.1").omp_set_num_threads(count)


SOURCES = (of_plait, of_c, of_numba, of_numpy, of_libraries, of_pythran, of_jax)


def all_of(name):
    """Every implementation that there is here."""
    for source in SOURCES:
        try:
            yield from source(name)
        except Exception as error:  # a peer that is missing, or cannot do this kernel, is no reason to stop
            print(f"    {source.__name__}: {type(error).__name__}: {str(error)[:200]}", file=sys.stderr)


# ---- one kernel ------------------------------------------------------------------------------------------------------------


def is_right(name, got, want, fast):
    if len(got) != len(want):
        return False
    module = load(name)
    if name == "mandel":  # multiply-adds move some points of the border by one
        return float(np.mean(got[0] != want[0])) < 0.002
    rtol = max(getattr(module, "TOLERANCE", 0), 1e-6 if fast else 1e-9)
    return all(np.allclose(g, w, rtol=rtol, atol=rtol * max(1.0, float(np.max(np.abs(w), initial=0)))) for g, w in zip(got, want))


UNITS = os.sched_getaffinity(0)


def checked(name, size):
    """The implementations that are right on the small and on the full arguments."""
    module, small, full = load(name), arguments_of(name), arguments_of(name, size)
    arguments = fresh(small)
    want_small = answer(module.reference(*arguments), arguments)
    want, peers = None, []
    for peer in all_of(name):
        try:
            right = is_right(name, peer.result(small), want_small, True)
            got = peer.result(full)
        except Exception as error:
            print(f"    {peer.how}: {type(error).__name__}: {str(error)[:200]}", file=sys.stderr)
            continue
        want = want or got
        if right and is_right(name, got, want, True):
            peers.append(peer)
        else:
            print(f"    {peer.how}: WRONG, left out", file=sys.stderr)
    return peers, full


def take_turns(peers, arguments, rounds, budget):
    """{how: [seconds]}. Who is slow against the best has fewer rounds: five times three, twenty times one."""
    taken = {peer.how: [] for peer in peers}
    best, began = math.inf, time.perf_counter()
    for turn in range(rounds):
        late = time.perf_counter() - began > budget
        for peer in peers:
            values = taken[peer.how]
            slower = min(values) / best if values else 1.0
            if turn >= 1 and slower > 20 or turn >= 3 and (slower > 5 or late):
                continue
            time.sleep(PAUSE)
            start = time.perf_counter()
            peer.call(*arguments)
            first = time.perf_counter() - start
            if first > 0.15:
                values.append(first)
            else:
                repeats = max(1, int(0.005 / max(first, 1e-6)))
                start = time.perf_counter()
                for _ in range(repeats):
                    peer.call(*arguments)
                values.append((time.perf_counter() - start) / repeats)
            best = min(best, values[-1])
    return taken


@contextlib.contextmanager
def beside(command):
    """A command that runs while something is timed, for instance one that keeps other work off the machine. Timing begins
    when it has written a line; it is to end when its standard input does."""
    if not command:
        yield
        return
    process = subprocess.Popen(shlex.split(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.stdout.readline()
    try:
        yield
    finally:
        process.stdin.close()
        process.wait()


def measured(name, options):
    """Measures one kernel in this process and writes its file."""
    peers, arguments = checked(name, options.size)
    benchmarks = []
    size = load(name).SIZES[options.size]
    formulas = {"flops": load(name).flops(*size), "bytes": load(name).traffic(*size)}
    with beside(options.beside):
        for threads in options.threads:
            able = [peer for peer in peers if peer.set_threads(threads) is not False]
            taken = take_turns(able, arguments, options.rounds, options.budget)
            for how, values in taken.items():
                facts = {"kernel": name, "implementation": how, "threads": threads, "size": options.size, **formulas}
                benchmarks.append((f"{name} threads={threads} {how}", values, facts))
    measure.write_pyperf(FOLDER / f"{name}{'' if options.size == 'FULL' else '-' + options.size}.json", benchmarks)
    for title, values, facts in sorted(benchmarks, key=lambda b: (b[2]["threads"], statistics.median(b[1]))):
        print(f"    {title:40} {statistics.median(values) * 1e3:10.3f} ms")


def first_calls(options):
    """Measures first calls in this process; prints the table and writes its file."""
    import first_calls

    with beside(options.beside):
        found = first_calls.measured()
    measure.write_pyperf(FIRST_CALLS, [(f"first call {name} {who}", values, {"kernel": name, "implementation": who})
                                       for name, who, values in found])


def page_of_first_calls():
    times = {}
    for benchmark in json.loads(FIRST_CALLS.read_text())["benchmarks"]:
        facts = benchmark["metadata"]
        times.setdefault(facts["kernel"], {})[facts["implementation"]] = statistics.median(benchmark["runs"][0]["values"])
    times["**geometric mean**"] = {who: measure.geometric_mean(t[who] for t in times.values())
                                   for who in ("plait", "optimised", "numba")}
    lines = ["| kernel | plait, ms | Numba, ms | Numba / plait | plait without baseline code, ms | Numba / that |",
             "| --- | --- | --- | --- | --- | --- |"]
    for name, t in times.items():
        lines.append(f"| {name} | {t['plait'] * 1e3:.1f} | {t['numba'] * 1e3:.0f} | {t['numba'] / t['plait']:.1f} "
                     f"| {t['optimised'] * 1e3:.1f} | {t['numba'] / t['optimised']:.1f} |")
    return f"{measure.machine()}; {versions()}\n\n" + "\n".join(lines)


# ---- tables ----------------------------------------------------------------------------------------------------------------


def kept():
    """{(kernel, threads): {how: median seconds}} of all files."""
    found = {}
    for path in sorted(FOLDER.glob("*.json")):
        suite = json.loads(path.read_text())
        for benchmark in suite["benchmarks"]:
            facts = {**suite["metadata"], **benchmark["metadata"]}
            values = [v for run in benchmark["runs"] for v in run.get("values", [])]
            key = (facts["kernel"] + ("" if facts["size"] == "FULL" else f" {facts['size']}"), facts["threads"])
            found.setdefault(key, {})[facts["implementation"]] = statistics.median(values)
    return found


def groups_of(times):
    """The table's columns from all implementations of a kernel."""
    best_of = lambda match: min(((t, how) for how, t in times.items() if match(how)), default=(math.nan, ""))
    numba = best_of(lambda how: how.startswith("numba"))
    compilers = ("gcc", "clang", "polly")
    is_c = lambda how: how.split()[0] in compilers
    return {
        "plait": times.get("plait", math.nan), "plait fast": times.get("plait fast", math.nan), "numba": numba,
        "numpy": times.get("numpy", math.nan), "pythran": times.get("pythran", math.nan), "jax": times.get("jax", math.nan),
        "c": best_of(lambda how: is_c(how) and "fast" not in how), "c fast": best_of(lambda how: is_c(how) and "fast" in how),
        "best": best_of(lambda how: not how.startswith("plait")),
    }


def figure(seconds):
    return "–" if math.isnan(seconds) else f"{seconds * 1e3:.3g}"


COLUMNS = ("kernel", "plait strict", "plait fast", "Numba", "NumPy", "Pythran", "JAX", "C strict", "C fast", "BEST", "by",
           "strict / BEST", "fast / BEST", "Numba / plait")


def rows_of(found, names, threads):
    """The table's lines and the ratios of each (strict / BEST, fast / BEST, Numba / plait's better one)."""
    lines, ratios = [], {}
    for name in names:
        if (name, threads) not in found:
            continue
        g = groups_of(found[name, threads])
        best, by = g["best"]
        quicker = min(t for t in (g["plait"], g["plait fast"]) if not math.isnan(t))
        ratios[name] = (g["plait"] / best, g["plait fast"] / best, g["numba"][0] / quicker)
        cells = [name, *map(figure, (g["plait"], g["plait fast"], g["numba"][0], g["numpy"], g["pythran"], g["jax"], g["c"][0],
                                     g["c fast"][0], best)), by, *(f"{r:.2f}" for r in ratios[name])]
        lines.append("| " + " | ".join(cells) + " |")
    return lines, ratios


def mean_row(title, ratios, names):
    means = [f"{measure.geometric_mean(ratios[n][i] for n in names if n in ratios):.2f}" for i in range(3)]
    return f"| **{title}** |" + " |" * 10 + " " + " | ".join(f"**{m}**" for m in means) + " |"


def versions():
    lines = []
    for module in ("numba_variants", "pythran_variants", "jax_variants", "library_variants"):
        with contextlib.suppress(Exception):
            lines.append(__import__(module).VERSION)
    import c_variants
    lines += [c_variants.version("gcc"), c_variants.version(c_variants.CLANG) + " with Polly" * c_variants.has_polly()]
    return ", ".join(lines)


def page(size):
    found, parts = kept(), [f"{measure.machine()}; {versions()}"]
    if size == "FULL":
        titles, extra = {n: n for n in NAMES}, ["matmul LARGE"]
    else:
        titles, extra = {n: f"{n} {size}" for n in NAMES}, []
    fourteen = [titles[n] for n in FOURTEEN]
    for threads in sorted({t for _, t in found}, reverse=True):
        names = [n for n in fourteen + extra if (n, threads) in found]
        more = [titles[n] for n in NAMES if n not in FOURTEEN and (titles[n], threads) in found]
        lines, ratios = rows_of(found, names, threads)
        more_lines, more_ratios = rows_of(found, more, threads)
        title = f"**{threads} thread{'s' * (threads > 1)}**, milliseconds"
        table = ["| " + " | ".join(COLUMNS) + " |", "|" + " --- |" * len(COLUMNS), *lines]
        table.append(mean_row("the 14, geometric mean", ratios, fourteen))
        if more_lines:
            table += [*more_lines, mean_row("the 10, geometric mean", more_ratios, more)]
        parts.append(title + "\n\n" + "\n".join(table))
    return "\n\n".join(parts)


def keep_results():
    merged = {"version": "1.0", "benchmarks": []}
    for path in sorted(FOLDER.glob("*.json")):
        merged["benchmarks"] += json.loads(path.read_text())["benchmarks"]
    (HERE / "results").mkdir(exist_ok=True)
    (HERE / "results" / "peers.json").write_text(json.dumps(merged, separators=(",", ":"), sort_keys=True) + "\n")


# ---- the environment -----------------------------------------------------------------------------------------------------------


def install():
    missing = [p for p in APT if shutil.which("dpkg-query") and subprocess.run(
        ["dpkg-query", "-W", "-f=${Status}", p], capture_output=True, text=True).stdout != "install ok installed"]
    if missing:
        print(f"missing on the system: apt-get install {' '.join(missing)}", file=sys.stderr)
    if not (VENV / "bin/python").exists():
        subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
    for package in PYPI:  # one by one: what cannot be had is left out
        done = subprocess.run([VENV / "bin/python", "-m", "pip", "install", "-q", "--disable-pip-version-check", package])
        if done.returncode:
            print(f"{package} cannot be installed here: left out", file=sys.stderr)
    listed = subprocess.run([VENV / "bin/python", "-m", "pip", "list", "--format=freeze", "--disable-pip-version-check"],
                            capture_output=True, text=True).stdout.split()
    wanted = {package.split("[")[0] for package in PYPI}
    print("peers:", ", ".join(line.replace("==", " ") for line in listed if line.split("==")[0] in wanted))


def interpreter():
    return str(VENV / "bin/python") if (VENV / "bin/python").exists() else sys.executable


def arguments():
    numbers = lambda text: [int(n) for n in text.split(",")]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kernels", type=lambda text: text.split(","), default=list(NAMES))
    parser.add_argument("--threads", type=numbers, default=[n for n in (2, 1) if n <= len(UNITS)])
    parser.add_argument("--size", default="FULL")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--budget", type=float, default=8, help="seconds for a kernel and a number of threads")
    parser.add_argument("--beside", help="a command that runs while a kernel is timed")
    parser.add_argument("--install", action="store_true", help="make the peers' environment first")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--compile", action="store_true", help="first calls, against Numba's")
    parser.add_argument("--table", action="store_true", help="make the tables of what was measured, measure nothing")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--page", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def main():
    options = arguments()
    if options.child:
        first_calls(options) if options.compile else measured(options.child, options)
        return
    if options.page:  # with the peers' environment, for their versions
        print(page_of_first_calls() if options.compile else page(options.size))
        return
    if options.install:
        install()
    environment, kernels = {**os.environ, **ENVIRONMENT}, ["all"] if options.compile else options.kernels
    compiling = ["--compile"] * options.compile
    keywords = ["--threads", ",".join(map(str, options.threads)), "--size", options.size, "--rounds", str(options.rounds),
                "--budget", str(options.budget), *(["--beside", options.beside] if options.beside else []), *compiling]
    for name in kernels if not options.table else ():
        print(name, flush=True)
        done = subprocess.run([interpreter(), "-W", "ignore", __file__, "--child", name, *keywords], env=environment, cwd="/")
        if done.returncode:
            print(f"{name}: exit status {done.returncode}", file=sys.stderr)
    text = subprocess.run([interpreter(), "-W", "ignore", __file__, "--page", *keywords], env=environment, capture_output=True,
                          text=True).stdout
    print(text)
    if options.keep and not options.compile:
        keep_results()
    if options.keep:
        measure.keep_table("first-calls" if options.compile else "peers", text)


if __name__ == "__main__":
    main()
