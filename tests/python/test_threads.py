"""How many threads, and where: the command, the environment, other users of OpenMP, forks."""
import json
import os
import pathlib
import subprocess
import sys
import xml.etree.ElementTree

import plait
import pytest

from long_loops import LOOPS

PACKAGE = pathlib.Path(plait.__file__).parent
COMMAND = os.environ.get("PLAIT_CLI", str(PACKAGE.parent.parent / "plait"))
POWER8 = "pack:2 [numa(memory=128GB)] l3:10(size=8MB) core:1 pu:8"
COUNTS = ("PLAIT_NUM_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS")
PLACES = ("OMP_PLACES", "OMP_PROC_BIND", "GOMP_CPU_AFFINITY", "PLAIT_PLACEMENT")

KERNEL = """
import os, signal, sys, threading, time
import numpy as np
import plait
from plait import njit, prange

@njit(parallel=True)
def work(x, times):
    for i in prange(len(x)):
        for t in range(times):
            x[i] = x[i] * 0.5 + i

@njit(parallel=True)
def total(x):
    s = 0.0
    for i in prange(len(x)):
        s += x[i]
    return s
"""


def environment(**values):
    keep = {k: v for k, v in os.environ.items() if k not in COUNTS + PLACES}
    return {**keep, **values}


def command(*words, status=0, **values):
    done = subprocess.run([COMMAND, *words], capture_output=True, text=True, env=environment(**values), timeout=60)
    assert done.returncode == status, done.stderr
    return done.stdout if status == 0 else done.stderr


@pytest.fixture
def program(tmp_path):
    """program(code, preexec_fn=None, status=0, **environment) → what the program printed."""

    def run(code, preexec_fn=None, status=0, timeout=120, **values):
        path = tmp_path / "program.py"
        path.write_text(KERNEL + code)
        done = subprocess.run([sys.executable, path], capture_output=True, text=True, env=environment(**values),
                              preexec_fn=preexec_fn, timeout=timeout)
        assert done.returncode == status, done.stderr + done.stdout
        return done.stdout

    return run


# ---- the command and plait.topology() ---------------------------------------------------------------------------------


def test_topology_counts_what_the_description_says():
    machine = json.loads(command("topology", "--json", "--synthetic", POWER8))
    assert (machine["packages"], machine["memory_nodes"], machine["cores"], machine["units"]) == (2, 2, 20, 160)
    assert machine["caches"][0]["level"] == 3 and machine["caches"][0]["count"] == 20


def test_spread_takes_a_unit_of_every_core():
    machine = json.loads(command("topology", "--json", "--synthetic", POWER8))
    assert machine["placements"]["spread"] == list(range(0, 160, 8))
    assert machine["placements"]["threads"] == list(range(160))
    assert "spread          20  0-152:8" in command("topology", "--synthetic", POWER8)


def test_threads_option_is_the_size_of_the_team():
    machine = json.loads(command("topology", "--json", "--synthetic", "pack:2 core:4 pu:2", "--threads", "2"))
    assert machine["placements"]["spread"] == [0, 8]
    assert machine["placements"]["compact"] == [0, 2]


def test_lists_go_round():
    machine = json.loads(command("topology", "--json", "--synthetic", "core:4 pu:1", "--placement", "3,1", "--threads", "3"))
    assert machine["placements"]["list"] == [3, 1, 3]


def test_of_a_list_counts_what_is_allowed(tmp_path):
    shape = ("topology", "--synthetic", "core:4 pu:1", "--svg", str(tmp_path / "x.svg"))
    machine = json.loads(command(*shape, "--json", "--placement", "7,3,9,1"))
    assert machine["placements"]["list"] == [3, 1]
    assert json.loads(command(*shape, "--json", "--placement", "7-9", "--threads", "2"))["placements"]["list"] == []
    assert "list             0  none of these is allowed" in command(*shape[:3], "--placement", "7-9")


def test_this_machine_uses_what_it_is_allowed():
    machine = json.loads(command("topology", "--json"))
    for units in machine["placements"].values():
        assert set(units) <= os.sched_getaffinity(0)


def test_the_picture_shows_every_thread(tmp_path):
    path = tmp_path / "machine.svg"
    command("topology", "--synthetic", POWER8, "--svg", str(path), "--placement", "compact", "--threads", "5")
    picture = xml.etree.ElementTree.parse(path).getroot()
    circles = [e for e in picture.iter() if e.tag.endswith("circle")]
    assert len(circles) == 5 + 1  # and the legend's
    assert "compact, 5 threads" in path.read_text()


@pytest.mark.parametrize("words, message", [
    (("--synthetic", "pack:"), "no synthetic topology"),
    (("--synthetic", "core:20000 pu:2"), "at most 8192 units"),
    (("--synthetic", "pu:99999999999999999999"), "at most 2048 parts"),
    (("--synthetic", "pack:8 [numa] core:2049"), "at most 8192 units"),
    (("--xml", "/dev/null"), "hwloc can read"),
    (("--xml", "no-such-machine.xml"), "no-such-machine.xml: No such file"),
    (("--xml", "/dev/null", "--json"), "/dev/null"),
])
def test_what_is_no_topology_is_an_error(words, message):
    assert message in command("topology", *words, status=1)


@pytest.mark.parametrize("words", [("--placement", "somewhere"), ("x",), ("--xml", "a", "--synthetic", "b"), ("-t", "0")])
def test_misuse_is_told(words):
    command("topology", *words, status=2)


def test_python_sees_the_same_machine():
    assert plait.topology()["units"] == json.loads(command("topology", "--json"))["units"]
    assert plait.topology(synthetic=POWER8)["placements"]["spread"] == list(range(0, 160, 8))
    with pytest.raises(ValueError, match="synthetic topology"):
        plait.topology(synthetic="nonsense:")


@pytest.mark.skipif("PLAIT_TOPOLOGIES" not in os.environ, reason="PLAIT_TOPOLOGIES names no folder")
def test_captured_machines_are_described_and_drawn(tmp_path):
    for path in pathlib.Path(os.environ["PLAIT_TOPOLOGIES"]).glob("*.xml"):
        machine = json.loads(command("topology", "--json", "--xml", str(path)))
        assert len(set(machine["placements"]["spread"])) == machine["allowed_cores"], path.name
        command("topology", "--xml", str(path), "--svg", str(tmp_path / "x.svg"))


def test_hwloc_is_not_loaded_by_import_nor_by_little_work(program):
    code = """
work(np.ones(100), 2)
assert "hwloc" not in open("/proc/self/maps").read()
work(np.ones(1 << 20), 50)
print("hwloc" in open("/proc/self/maps").read() or plait.get_num_threads() == 1)
"""
    assert program(code, PLAIT_NUM_THREADS="2") == "True\n"


# ---- counts -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("values, count", [
    ({"PLAIT_NUM_THREADS": "3", "OMP_NUM_THREADS": "4", "NUMBA_NUM_THREADS": "5"}, 3),
    ({"OMP_NUM_THREADS": "4,2", "NUMBA_NUM_THREADS": "5"}, 4),
    ({"NUMBA_NUM_THREADS": "5"}, 5),
    ({"OMP_NUM_THREADS": "many", "NUMBA_NUM_THREADS": "2"}, 2),
])
def test_environment_in_its_order(program, values, count):
    assert program("print(plait.get_num_threads())", **values) == f"{count}\n"


@pytest.mark.parametrize("value", ["many", "0", "-1", "2.5", "5000"])
@pytest.mark.parametrize("ask", ["plait.get_num_threads()", "plait.config.NUM_THREADS", "work(np.ones(8), 1)"])
def test_a_wrong_number_is_refused_by_whoever_asks_first(program, ask, value):
    code = f"""
try:
    {ask}
except plait.errors.ConfigError as e:
    print(str(e).split(" ")[0])
"""
    assert program(code, PLAIT_NUM_THREADS=value) == "PLAIT_NUM_THREADS:\n"


def test_one_allowed_unit_means_one_thread(program):
    one = min(os.sched_getaffinity(0))
    code = "print(plait.get_num_threads())"
    assert program(code, preexec_fn=lambda: os.sched_setaffinity(0, {one})) == "1\n"


def test_a_mask_that_changes_is_followed(program):
    code = """
all = os.sched_getaffinity(0)
before = plait.get_num_threads()
x = np.ones(1 << 16)
work(x, 10)
os.sched_setaffinity(0, {min(all)})
time.sleep(0.1)
work(x, 10)
assert plait.get_num_threads() == 1
os.sched_setaffinity(0, all)
time.sleep(0.1)
work(x, 10)
print(plait.get_num_threads() == before)
"""
    assert program(code) == "True\n"


def test_OpenMPs_places_do_not_make_it_one_thread(program):
    assert int(program("print(plait.get_num_threads())", OMP_PLACES="threads")) == len(os.sched_getaffinity(0))


# ---- other users of OpenMP -----------------------------------------------------------------------------------------------------

OTHER = r"""
#include <omp.h>
#include <sched.h>
int members(void) { int n = 0;
    #pragma omp parallel
    #pragma omp atomic
    n++;
    return n; }
void set(int n) { omp_set_num_threads(n); }
int get(void) { return omp_get_max_threads(); }
int narrow(void) { int narrowed = 0;   /* members whose mask is not the caller's */
    cpu_set_t mine; sched_getaffinity(0, sizeof mine, &mine);
    #pragma omp parallel reduction(+ : narrowed)
    { cpu_set_t other; sched_getaffinity(0, sizeof other, &other); narrowed += !CPU_EQUAL(&mine, &other); }
    return narrowed; }
"""


def test_another_library_on_libgomp_keeps_its_settings_and_we_ours(program, tmp_path):
    (tmp_path / "other.c").write_text("#define _GNU_SOURCE\n" + OTHER)
    library = tmp_path / "libother.so"
    subprocess.run(["gcc", "-O1", "-fopenmp", "-shared", "-fPIC", "-o", library, tmp_path / "other.c"], check=True)
    code = f"""
import ctypes
other = ctypes.CDLL({str(library)!r})
other.set(3)
x = np.ones(1 << 16)
for i in range(20):
    assert other.members() == 3 and other.get() == 3
    work(x, 100)
    assert plait.get_num_threads() == 2
    assert abs(total(np.ones(1 << 16)) - (1 << 16)) == 0
other.set(5)
work(x, 100)
print(other.members(), other.get(), plait.get_num_threads())
"""
    assert program(code, PLAIT_NUM_THREADS="2") == "5 5 2\n"


# ---- forks ---------------------------------------------------------------------------------------------------------------------------


def test_two_hundred_children_are_right(program):
    code = """
x = np.ones(1 << 12)
plait._plait._tune(0, 0, 0)
want = total(x)
work(np.ones(64), 2)
bad = 0
for i in range(200):
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        y = np.ones(64)
        work(y, 2)
        os._exit(0 if total(x) == want and y[3] == 0.25 + 1.5 + 3 else 1)
    bad += os.waitpid(child, 0)[1] != 0
    work(np.ones(64), 2)
print(bad)
"""
    assert program(code, PLAIT_NUM_THREADS="2", timeout=300) == "0\n"


def test_children_made_while_another_thread_is_in_a_region(program):
    code = """
x, over = np.ones(1 << 12), False
plait._plait._tune(0, 0, 0)
want = total(x)
def call():
    y = np.ones(4096)
    while not over:
        work(y, 50)
thread = threading.Thread(target=call)
thread.start()
bad = 0
for i in range(100):
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        os._exit(0 if total(x) == want else 1)
    bad += os.waitpid(child, 0)[1] != 0
over = True
thread.join()
print(bad)
"""
    assert program(code, PLAIT_NUM_THREADS="2") == "0\n"


# ---- the end of the program ---------------------------------------------------------------------------------------------------------------

ENDINGS = {
    "the main thread returns": "",
    "sys.exit": "sys.exit(0)",
    "os._exit": "os._exit(0)",
    "an exit handler calls a kernel": "import atexit; atexit.register(lambda: total(np.ones(1 << 16)))",
}


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS.keys())
def test_programs_end_while_a_daemon_thread_is_in_a_region(program, ending):
    code = """
x = np.ones(4096)
work(x, 1)
threading.Thread(target=lambda: work(x, 10**9), daemon=True).start()
time.sleep(0.2)
""" + ending
    program(code, PLAIT_NUM_THREADS="2", timeout=60)


# ---- calls from many threads -------------------------------------------------------------------------------------------------------------------


def test_sixteen_threads_get_what_one_gets(program):
    code = """
def call(k, out):
    x = np.full(20000, float(k))
    for i in range(20):
        out.append(total(x))
results = [[] for _ in range(16)]
threads = [threading.Thread(target=call, args=(k, results[k])) for k in range(16)]
[t.start() for t in threads]
[t.join() for t in threads]
print(all(r == [k * 20000.0] * 20 for k, r in enumerate(results)))
"""
    assert program(code, PLAIT_NUM_THREADS="4") == "True\n"


# ---- Ctrl-C ------------------------------------------------------------------------------------------------------------------------------------

LONG = LOOPS + """
@njit
def walk(x):
    s = 0
    for i in range(len(x)):
        s += x[i]
    return s
"""


@pytest.mark.parametrize("call", ["counted(10**15)", "downwards(2**62)", "reduced(2**62)", "inner(np.zeros(4), 10**15)"])
def test_a_single_loop_is_interrupted(program, call):
    code = LONG + f"""
counted(1), downwards(1), reduced(1), inner(np.zeros(4), 1)
if os.fork() == 0:
    time.sleep(0.3)
    os.kill(os.getppid(), signal.SIGINT)
    os._exit(0)
try:
    {call}
except KeyboardInterrupt:
    print("interrupted")
"""
    assert program(code, PLAIT_NUM_THREADS="2", timeout=60) == "interrupted\n"


def test_loops_that_are_cut_make_every_iteration_once(program):
    code = LONG + """
for piece in (1 << 18, 1 << 19, 1 << 20, 1 << 21, 1 << 22):
    for n in (0, 1, 2, 3, piece - 1, piece, piece + 1, 2 * piece, 2 * piece + 5):
        assert reduced(n) == n // 8 * 28 + n % 8 * (n % 8 - 1) // 2, n
    for n in (0, 1, 3, 3 * piece - 1, 3 * piece, 3 * piece + 1, 6 * piece + 2):
        assert downwards(n) == np.count_nonzero(np.arange(n, 0, -3) % 7 == 0), n
    walked = np.arange(2 * piece + 3, dtype=np.int32)
    for n in (piece - 1, piece, piece + 1, 2 * piece + 3):
        assert walk(walked[:n]) == n * (n - 1) // 2, n
print("right")
"""
    assert program(code) == "right\n"


def test_nogil_lets_other_threads_run(program):
    code = """
@njit(nogil=True)
def long(n):
    s = 0.0
    for t in range(n):
        s = s * 0.999 + t
    return s
long(1)
count, seen, over = 0, [], []
def call():
    before = count
    long(400_000_000)
    seen.append(count - before)
    over.append(True)
thread = threading.Thread(target=call)
thread.start()
while not over:
    count += 1
print(seen[0] > 0)
"""
    assert program(code) == "True\n"
