"""Threads: what placing them costs, limits, many callers, forks, threads that cannot be made.

    ./dev perf threads [--only WORD] [--keep]       --keep writes the table into perf/README.md
"""
import concurrent.futures
import contextlib
import ctypes
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import measure
import numpy as np

SPREAD, NONE = 1, 7
HERE = pathlib.Path(__file__).parent


def seats():
    """perf/peers/c/seats.c against the package's runtime."""
    import plait

    runtime = pathlib.Path(plait.__file__).parent / "libplait_rt.so"
    ctypes.CDLL(str(runtime), mode=ctypes.RTLD_GLOBAL)
    library = measure.c_library("seats")
    library.enter.argtypes = [ctypes.c_int64, ctypes.c_int64]
    library.seats.argtypes = [ctypes.c_int64, ctypes.c_int64, ctypes.POINTER(ctypes.c_int64)]
    return library


def rows_of_placing():
    import plait

    if (threads := plait.get_num_threads()) < 2:
        return
    library, runtime, times = seats(), measure.runtime(), 3000
    out = (ctypes.c_int64 * 3)()
    runtime.plrt_set_placement(SPREAD, None)
    library.seats(1000, threads, out)
    seen, elsewhere, open_ = out
    yield ("pool threads found on their unit in 1,000 regions", "100 %",
           f"{seen - elsewhere - open_} of {seen}", elsewhere == 0 and open_ == 0 and seen >= 1000)

    def entering(placement):
        def run():
            runtime.plrt_set_placement(placement, None)
            library.enter(10, threads)  # who has to move moves here
            start = time.perf_counter()
            library.enter(times, threads)
            taken[placement].append(time.perf_counter() - start)
        return run

    taken = {SPREAD: [], NONE: []}
    for _ in range(15):
        entering(SPREAD)(), entering(NONE)()
    placed, unplaced = (statistics.median(taken[p]) / times * 1e6 for p in (SPREAD, NONE))
    runtime.plrt_set_placement(SPREAD, None)
    yield ("entering a region, placed", "≤ 1.1 × unplaced", f"{placed:.2f} µs against {unplaced:.2f} µs: "
           f"{placed / unplaced:.2f} ×", placed <= 1.1 * unplaced)


def rows_of_plans():
    import plait

    def took(threads):
        start = time.perf_counter()
        machine = plait.topology(synthetic="pack:12 [numa] l3:2 core:8 pu:2", threads=threads)
        return time.perf_counter() - start, len(machine["placements"])

    few, many = (min(took(n) for _ in range(7)) for n in (1, 384))
    each = max(many[0] - few[0], 0) / many[1] * 1e3
    yield "planning 384 threads on 384 units", "≤ 5 ms", f"{each:.2f} ms", each <= 5
    here = statistics.median(timed_topology() for _ in range(7)) * 1e3
    yield "loading this machine's topology, once, after 20 million operations", "", f"{here:.1f} ms", True


def timed_topology():
    code = """
import ctypes, pathlib, time, plait
library = ctypes.CDLL(str(pathlib.Path(plait.__file__).parent / "libplait_topology.so"))
class Team(ctypes.Structure):
    _fields_ = [("allowed", ctypes.POINTER(ctypes.c_uint64)), ("words", ctypes.c_int32), ("threads", ctypes.c_int32),
                ("placement", ctypes.c_int32), ("near", ctypes.c_void_p)]
import os
mask = (ctypes.c_uint64 * 64)()
for unit in os.sched_getaffinity(0): mask[unit // 64] |= 1 << unit % 64
team, units = Team(mask, 64, 2, 1, None), (ctypes.c_int32 * 2)()
start = time.perf_counter()
assert library.plait_topology_place(ctypes.byref(team), units) == 0
print(time.perf_counter() - start)
"""
    return float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)


# ---- limits ---------------------------------------------------------------------------------------------------------------

WORK = """
import sys, time
sys.path.insert(0, {here!r})
import numpy as np
from kernels import figures
picture = np.zeros((480, 640), np.int64)
call = lambda: figures.mandelbrot(picture, -2.0, 0.5, -1.25, 1.25, 2048)
call()
times = []
for _ in range(9):
    start = time.perf_counter(); call(); times.append(time.perf_counter() - start)
print(sorted(times)[4])
"""


def seconds_with(prepare, **environment):
    keep = {k: v for k, v in os.environ.items() if not k.endswith("NUM_THREADS")}
    done = subprocess.run([sys.executable, "-c", WORK.format(here=str(HERE))], capture_output=True, text=True, check=True,
                          env={**keep, **environment}, preexec_fn=prepare)
    return float(done.stdout)


def row_of_limit(what, prepare):
    by_hand = {n: min(seconds_with(prepare, PLAIT_NUM_THREADS=str(n)) for _ in range(2)) for n in (1, 2)}
    mine = min(seconds_with(prepare) for _ in range(2))
    best = min(by_hand.values())
    return (what, "≤ 1.2 × the best count by hand", f"{mine * 1e3:.0f} ms; 1 thread {by_hand[1] * 1e3:.0f}, "
            f"2 threads {by_hand[2] * 1e3:.0f}: {mine / best:.2f} ×", mine <= 1.2 * best)


@contextlib.contextmanager
def group_of(controller, file, value):
    """A cgroup (version 1) with a limit."""
    group = pathlib.Path("/sys/fs/cgroup") / controller / f"plait-perf-{os.getpid()}"
    group.mkdir()
    try:
        (group / file).write_text(str(value))
        yield group
    finally:
        with contextlib.suppress(OSError):
            group.rmdir()


def rows_of_limits():
    one = min(os.sched_getaffinity(0))
    yield row_of_limit("mask of one unit", lambda: os.sched_setaffinity(0, {one}))
    units = len(os.sched_getaffinity(0))
    try:
        with group_of("cpu", "cpu.cfs_quota_us", 100_000 * max(1, units // 2)) as group:
            join = lambda: (group / "tasks").write_text("0")
            yield row_of_limit(f"quota of {max(1, units // 2)} CPU, mask of {units}", join)
    except OSError as error:
        print(f"no cgroup can be made here: {error}", file=sys.stderr)


# ---- callers ----------------------------------------------------------------------------------------------------------------


def rows_of_callers():
    from kernels import figures

    calls, callers = 960, 16
    pairs = [(np.ones(200_000), np.ones(200_000)) for _ in range(callers)]

    def one_after_another():
        for i in range(calls):
            figures.dot(*pairs[i % callers])

    def from_threads():
        def call(pair):
            for _ in range(calls // callers):
                figures.dot(*pair)
        threads = [threading.Thread(target=call, args=(p,)) for p in pairs]
        for t in threads:
            t.start()
        for t in threads:
            t.join()

    took = measure.interleaved({"one": one_after_another, "many": from_threads}, rounds=9)
    ratio = took["many"] / took["one"]
    yield ("16 Python threads calling one parallel kernel", "≤ 1.3 × one thread's wall time",
           f"{took['many'] * 1e3:.0f} ms against {took['one'] * 1e3:.0f} ms: {ratio:.2f} ×", ratio <= 1.3)


# ---- what must not happen --------------------------------------------------------------------------------------------------------

CHILDREN = """
import os, signal, sys
sys.path.insert(0, {here!r})
import numpy as np, plait
from kernels import figures
plait._plait._tune(0, 0, 0)
x = np.ones(4096)
want, bad = figures.dot(x, x), 0
for i in range(1000):
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        y = np.ones(4096)
        figures.saxpy(2.0, x, y)
        os._exit(0 if figures.dot(x, x) == want and y.sum() == 3 * 4096 else 1)
    bad += os.waitpid(child, 0)[1] != 0
    figures.saxpy(2.0, x, np.ones(4096))
print(1000 - bad)
"""

FEWER = """
import resource, sys
sys.path.insert(0, {here!r})
import numpy as np, plait
from kernels import figures
x = np.ones(1 << 18)
plait.set_num_threads(1)
figures.dot(x, x)
if {extra} < 0:
    open({group!r} + "/tasks", "w").write("0")
else:
    room = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (room + {extra}, room + {extra}))
plait.set_num_threads(32)
print(all(figures.dot(x, x) == 1 << 18 for i in range(20)))
"""

LEAVE = """
import os, sys, threading, time
import numpy as np
from plait import njit, prange
@njit(parallel=True)
def slow(x, times):
    for i in prange(len(x)):
        for t in range(times):
            x[i] = x[i] * 0.5 + t
x = np.ones(4096)
slow(x, 1)
threading.Thread(target=slow, args=(x, 10**9), daemon=True).start()
time.sleep(0.02 * {steps})
{end}
"""

INTERRUPT = """
import os, signal, time
import numpy as np
from plait import njit, prange
@njit(parallel={parallel})
def kernel(x, y, n):
    {body}
small = np.ones((8, 8))
x = np.broadcast_to(np.ones(1), (1 << 45,))
{warm}
reader, writer = os.pipe()
if os.fork() == 0:
    time.sleep(0.3)
    os.write(writer, str(time.perf_counter()).encode())
    os.kill(os.getppid(), signal.SIGINT)
    os._exit(0)
try:
    {call}
except KeyboardInterrupt:
    print(time.perf_counter() - float(os.read(reader, 100)))
"""

NEST = """for i in {loop}(len(x)):
        for t in range(n):
            x[i] = x[i] * 0.999 + t"""
LOOPS = {  # name: parallel, the body, a call that compiles, the call that is stopped
    "a region": (True, NEST.format(loop="prange"), "kernel(np.ones(9), small, 1)", "kernel(np.ones(1000), small, 10**9)"),
    "a nest on one thread": (False, NEST.format(loop="range"), "kernel(np.ones(9), small, 1)", "kernel(np.ones(1000), small, 10**9)"),
    "a reduction of 2**62 iterations": (True, "s = 0\n    for i in prange(n):\n        s += i & 7\n    return s",
                                        "kernel(x, small, 1)", "kernel(x, small, 2**62)"),
    "one counted loop": (False, "s = 0.0\n    for t in range(n):\n        s = s * 0.999 + t\n    return s", "kernel(x, small, 1)",
                         "kernel(x, small, 10**15)"),
    "a while loop": (False, "t = 0\n    while t < n:\n        t += t % 3 + 1\n    return t", "kernel(x, small, 1)", "kernel(x, small, 10**15)"),
    "a loop along an array": (False, "s = 0.0\n    for i in range(len(x)):\n        s = s * 0.5 + x[i]\n    return s",
                              "kernel(x[:9], small, 1)", "kernel(x, small, 1)"),
    "an array expression": (False, "return np.sum(np.exp(x) * np.sin(x))", "kernel(x[:9], small, 1)", "kernel(x, small, 1)"),
    "a reordered nest": (True, "for i in range(n):\n        for j in range(n):\n            for k in range(n):\n"
                         "                y[i, j] += y[k, i] * x[j]", "kernel(x, small, 8)", "kernel(x, np.ones((3000, 3000)), 3000)"),
    "a wavefront": (True, "for t in range(n):\n        for i in range(1, y.shape[0]):\n            for j in range(1, y.shape[1]):\n"
                    "                y[i, j] = y[i - 1, j] * 0.5 + y[i, j - 1] * 0.5", "kernel(x, small, 1)",
                    "kernel(x, np.ones((2000, 2000)), 10**6)"),
}  # fmt: skip


def printed(code, **environment):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "program.py"
        path.write_text(code)
        done = subprocess.run([sys.executable, path], capture_output=True, text=True, env={**os.environ, **environment})
    return done.stdout.strip() if done.returncode == 0 else f"exit status {done.returncode}"


def printed_by(code, **values):
    return printed(code.format(here=str(HERE), **values), PLAIT_NUM_THREADS="32")


def rows_of_mishaps():
    right = printed(CHILDREN.format(here=str(HERE)), PLAIT_NUM_THREADS="2")
    yield "children of fork() that are right", "1,000 of 1,000", right, right == "1000"
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        good = sum(pool.map(lambda i: printed_by(FEWER, extra=(i % 20) << 22, group="") == "True", range(200)))
    yield "right in processes without room for threads' stacks", "200 of 200", f"{good} of 200", good == 200
    try:
        with group_of("pids", "pids.max", 5) as group:
            good = sum(printed_by(FEWER, extra=-1, group=str(group)) == "True" for _ in range(20))
            yield "right in a cgroup of 5 threads", "20 of 20", f"{good} of 20", good == 20
    except OSError as error:
        print(f"no cgroup can be made here: {error}", file=sys.stderr)
    yield from rows_of_ends()


def rows_of_ends():
    """500 programs, eight at a time."""
    ends = ("", "sys.exit(0)", "os._exit(0)", "raise SystemExit", "sys.exit(0)  # with\nimport plait; plait.set_num_threads(1)")
    codes = [LEAVE.format(end=ends[i % len(ends)], steps=1 + i % 7) for i in range(500)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        ended = sum(said == "" for said in pool.map(printed, codes))
    yield "programs that end while a daemon thread is in a region", "500 of 500", f"{ended} of 500", ended == 500


def rows_of_interrupts():
    for name, (parallel, body, warm, call) in LOOPS.items():
        code = INTERRUPT.format(parallel=parallel, body=body, warm=warm, call=call)
        worst = max(float(printed(code)) for _ in range(5)) * 1e3
        yield f"Ctrl-C in {name}", "≤ 100 ms", f"{worst:.0f} ms, worst of 5", worst <= 100


GROUPS = {"placing": rows_of_placing, "plans": rows_of_plans, "limits": rows_of_limits, "callers": rows_of_callers,
          "mishaps": rows_of_mishaps, "interrupts": rows_of_interrupts}


if __name__ == "__main__":
    measure.main(__doc__, GROUPS, "threads")
