"""Parts of a kernel that are compiled when they are first entered: the way that a call takes must not show."""

import json
import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from plait import njit


def smooth(times, a, b):
    for t in range(times):
        for i in range(1, a.shape[0] - 1):
            b[i] = 0.25 * (a[i - 1] + a[i] + a[i + 1])
        for i in range(1, a.shape[0] - 1):
            a[i] = 0.25 * (b[i - 1] + b[i] + b[i + 1])


def shifted(x, y):
    last = -1.0
    for i in range(x.shape[0]):
        y[i] = x[i] + 1.0
        last = y[i]
    return last


def outer(a, b):
    total = 0.0
    for t in range(3):
        c = a + b * float(t)
        a[1:] = c[:-1]
        total += c.sum()
    return total


def compare(kernel, function, *arguments):
    """As CPython does it: results, exceptions and what is left in the arrays."""
    mine, theirs = ([x.copy() if isinstance(x, np.ndarray) else x for x in arguments] for _ in range(2))
    answers = []
    for run, given in ((kernel, mine), (function, theirs)):
        try:
            answers.append(run(*given))
        except IndexError as e:
            answers.append(str(e).partition(" with")[0])
    np.testing.assert_equal(*answers)
    for x, y in zip(mine, theirs):
        np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 10, 1000, 100_000])
@pytest.mark.parametrize("times", [0, 1, 5])
def test_every_way_through_a_nest(n, times):
    rng = np.random.default_rng(n)
    times = min(times, 1) if n > 1000 else times
    kernel = njit(parallel=True)(smooth)
    compare(kernel, smooth, times, rng.random(n), rng.random(n))
    if n > 3:
        compare(kernel, smooth, times, rng.random(n), rng.random(n - 2))  # raises in the exact copy


def ahead(kernel):
    """Milliseconds that a second thread spent on what the first call was expected to need."""
    (overload,) = kernel.overloads.values()
    return overload.metadata["pipeline_times"]["ahead"]


TWO_PROCESSORS = len(os.sched_getaffinity(0)) > 1


@pytest.mark.parametrize("n", [0, 1, 10, 1000, 300_000])
def test_what_a_call_needs_is_compiled_beside_the_rest(n):
    a, b = np.random.default_rng(n).random((2, n))
    kernel, as_it_was = njit(parallel=True)(smooth), njit("(int64, float64[::1], float64[::1])", parallel=True)(smooth)
    kernel(3, a, b)
    assert (ahead(kernel) > 0) == TWO_PROCESSORS
    assert ahead(as_it_was) == 0  # no call, no guess
    for size in (0, 2, 5, 700, 200_000):
        compare(kernel, as_it_was, 2, *np.random.default_rng(size).random((2, size)))


def stepped(x, y, begin, count):
    total = 0.0
    k = count
    if begin > 5:
        k = count // 2
    view = y[begin : begin + k]
    for i in range(k):
        view[i] = x[i] * 2.0
    for i in range(k):
        total += view[i]
    return total


def test_wrong_guesses_do_not_show():
    """What a second thread compiled for one call is not what the next ones pass through."""
    x = np.random.default_rng(1).random(200_000)
    for first in ((0, 10), (0, 100_000), (6, 30), (6, 150_000)):
        kernel = njit(parallel=True)(stepped)
        for begin, count in (first, (0, 10), (0, 100_000), (6, 30), (6, 150_000), (7, 0)):
            mine, theirs = np.zeros(200_000), np.zeros(200_000)
            assert kernel(x, mine, begin, count) == pytest.approx(stepped(x, theirs, begin, count), rel=1e-12)
            np.testing.assert_array_equal(mine, theirs)
        memory, same = x.copy(), x.copy()
        kernel(memory[:-1], memory[1:], 0, 1000), stepped(same[:-1], same[1:], 0, 1000)  # they overlap
        np.testing.assert_array_equal(memory, same)


@pytest.mark.parametrize("order", [(10, 50_000), (50_000, 10)])
def test_in_whichever_order(order):
    kernel = njit(parallel=True)(shifted)
    for n in order:
        memory, same = np.zeros(n + 1), np.zeros(n + 1)
        assert kernel(memory[:-1], memory[1:]) == float(n)  # overlaps: carried from one to the next
        for i in range(n):
            same[i + 1] = same[i] + 1.0
        np.testing.assert_array_equal(memory, same)
        compare(kernel, shifted, np.arange(float(n)), np.zeros(n))
        compare(kernel, shifted, np.arange(float(n)), np.zeros(n - 1))


def test_arrays_made_apart():
    rng = np.random.default_rng(3)
    kernel = njit(parallel=True)(outer)
    for n in (1, 2, 30, 5000):
        a, b = rng.random(n), rng.random(n)
        mine, theirs = a.copy(), a.copy()
        assert kernel(mine, b) == pytest.approx(outer(theirs, b), rel=1e-12)
        np.testing.assert_allclose(mine, theirs, rtol=1e-12)


def test_threads_that_come_at_once():
    wanted = np.arange(20_000.0) + 1.0
    for _ in range(5):
        kernel = njit(parallel=True)(shifted)
        kernel(np.zeros(2), np.zeros(2))
        results = [np.zeros(20_000) for _ in range(8)]
        gate = threading.Barrier(8)

        def run(y, kernel=kernel, gate=gate):
            gate.wait()
            kernel(np.arange(20_000.0), y)

        threads = [threading.Thread(target=run, args=(y,)) for y in results]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for y in results:
            np.testing.assert_array_equal(y, wanted)


def test_on_a_small_stack():
    kernel = njit(parallel=True)(shifted)
    kernel(np.zeros(2), np.zeros(2))
    y = np.zeros(20_000)
    before = threading.stack_size(256 << 10)
    try:
        thread = threading.Thread(target=kernel, args=(np.arange(20_000.0), y))
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join()
    np.testing.assert_array_equal(y, np.arange(20_000.0) + 1.0)


def test_in_a_child():
    kernel = njit(parallel=True)(shifted)
    kernel(np.zeros(2), np.zeros(2))
    child = os.fork()
    if child == 0:
        status = 1
        try:
            y = np.zeros(20_000)
            kernel(np.arange(20_000.0), y)
            status = int(not np.array_equal(y, np.arange(20_000.0) + 1.0))
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    y = np.zeros(20_000)
    kernel(np.arange(20_000.0), y)
    np.testing.assert_array_equal(y, np.arange(20_000.0) + 1.0)


def test_such_an_object_is_not_written(tmp_path):
    request = {"source": "def f(x, y):\n    for i in range(x.shape[0]):\n        y[i] = x[i] + 1.0\n", "function": "f",
               "signature": "(float64[::1], float64[::1])", "options": {"parallel": True, "lazy": True}}
    from plait import _plait

    artifact, found = _plait.compile(json.dumps(request).encode())
    assert not found and b"plait_resolve" in artifact.object()
    refusal = artifact.write(str(tmp_path / "f.o"))
    assert "first run" in str(refusal) and not (tmp_path / "f.o").exists()
    again, _ = _plait.compile(json.dumps(request).encode())
    assert again.object() == artifact.object()
    del request["options"]["lazy"]
    whole, _ = _plait.compile(json.dumps(request).encode())
    assert b"plait_resolve" not in whole.object()


def test_kernels_come_and_go(tmp_path):
    (tmp_path / "script.py").write_text("""
import gc, resource
import numpy as np
from plait import njit
def used():
    gc.collect()
    return int(open('/proc/self/statm').read().split()[1]) * resource.getpagesize()
def once():
    @njit(parallel=True)
    def f(x, y):
        for i in range(x.shape[0]):
            y[i] = x[i] + 1.0
    f(np.zeros(2), np.zeros(2))
    f(np.zeros(20000), np.zeros(20000))
for _ in range(20):
    once()
before = used()
for _ in range(40):
    once()
print((used() - before) // 40)
""")
    # The sanitizer keeps what was freed for a while, up to 256 MB.
    keeps_little = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1:thread_local_quarantine_size_kb=64"
    said = subprocess.run([sys.executable, tmp_path / "script.py"], capture_output=True, text=True, check=True,
                          env=os.environ | {"ASAN_OPTIONS": keeps_little}).stdout
    assert int(said) < 200_000
