"""Counters and traces of regions, and scopes."""
import json
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import plait
from plait import _plait, njit, prange


@njit(parallel=True)
def twice(x, y):
    for i in prange(len(x)):
        y[i] = 2.0 * x[i]


@njit(parallel=True)
def invert(x):
    total = 0
    for i in prange(len(x)):
        total += 100 // x[i]
    return total


@pytest.fixture
def counted():
    """Regions of this test alone are counted."""
    before = _plait._stats_enable(True)
    plait.stats(reset=True)
    _plait._tune(0, 0, 0)
    yield
    _plait._tune(0, 0, -1)
    _plait._stats_enable(before)


def only():
    (region,) = plait.stats(reset=True)
    return region


X = np.arange(1000.0)


@njit(parallel=True)
def sum_of(x):
    total = 0.5
    for i in prange(len(x)):
        total += x[i]
    return total


def test_a_sum_of_one_block_is_counted_and_watching_does_not_change_its_bits(counted):
    x = np.random.default_rng(3).random(777)
    watched = sum_of(x)
    region = only()
    assert region["calls"] == 1 and region["iterations"] == 777 and region["parallel_calls"] == 0
    assert region["sequential"] == {"one item": 1}
    _plait._stats_enable(False)
    assert sum_of(x) == watched


def test_a_region_is_counted_with_its_place(counted):
    y = np.empty_like(X)
    with plait.threads(2):
        for _ in range(3):
            twice(X, y)
    region = only()
    line = twice.py_func.__code__.co_firstlineno + 2
    assert region["region"] == f"twice:{line}" and region["line"] == line and region["loop"] == 1
    assert region["file"] == __file__
    assert region["calls"] == region["parallel_calls"] == 3 and region["iterations"] == 3000
    assert region["threads"] == region["most_threads"] == 2
    assert region["imbalance"] >= 1.0 and region["seconds"] >= region["longest"] > 0
    assert region["sequential"] == {}


def test_why_a_region_was_sequential(counted):
    y = np.empty_like(X)
    with plait.threads(1):
        twice(X, y)
    assert only()["sequential"] == {"one thread": 1}
    _plait._tune(0, 0, 1 << 40)
    twice(X, y)
    assert only()["sequential"] == {"small work": 1}
    _plait._tune(0, 0, 0)
    twice(X[:1], y)
    assert only()["sequential"] == {"one item": 1}


def test_specialisations_of_a_loop_are_one_region(counted):
    twice(X, np.empty_like(X))
    twice(X.astype(np.float32), np.empty(1000, np.float32))
    assert only()["calls"] == 2


def test_counting_is_off_until_asked_for():
    assert subprocess_says("print(plait.stats())") == "[]"
    assert subprocess_says("print([r['calls'] for r in plait.stats()])", PLAIT_STATS="1") == "[1]"


def subprocess_says(code, **environment):
    program = f"""if 1:
        import numpy as np, plait
        from test_stats import twice, X
        twice(X, np.empty_like(X))
        {code}
    """
    out = subprocess.run([sys.executable, "-c", program], env={**os.environ, **environment}, capture_output=True, text=True,
                         cwd=os.path.dirname(__file__))
    assert out.returncode == 0, out.stderr
    return out.stdout.strip()


def test_an_exception_in_an_iteration_is_counted_too(counted):
    with pytest.raises(ZeroDivisionError):
        invert(np.array([1, 0, 2]))
    assert only()["calls"] == 1


# ---- scopes ----------------------------------------------------------------------------------------------------------


def threads_used():
    twice(X, np.empty_like(X))
    return only()["threads"]


def test_scopes_nest_and_end(counted):
    usual = plait.get_num_threads()
    with plait.threads(3):
        assert plait.get_num_threads() == 3 and threads_used() == 3
        with plait.threads(2, schedule="dynamic", chunk=10):
            assert threads_used() == 2
        with plait.threads(schedule="guided"):
            assert plait.get_num_threads() == 3 and threads_used() == 3
        assert threads_used() == 3
    assert plait.get_num_threads() == usual and threads_used() == usual


def test_a_scope_is_of_its_thread(counted):
    seen = []
    with plait.threads(2):
        other = threading.Thread(target=lambda: seen.append(plait.get_num_threads()))
        other.start()
        other.join()
    assert seen == [plait.get_num_threads()]


def test_a_scope_ends_with_an_exception():
    before = plait.get_num_threads()
    with pytest.raises(KeyError):
        with plait.threads(1):
            raise KeyError
    assert plait.get_num_threads() == before


def test_one_scope_object_serves_again_and_within_itself(counted):
    scope = plait.threads(2)
    with scope:
        with plait.threads(3):
            with scope:
                assert threads_used() == 2
            assert threads_used() == 3
        assert threads_used() == 2


@pytest.mark.parametrize("wrong", [0, -1, "2", 2.5, True])
def test_a_number_of_threads_that_is_none(wrong):
    with pytest.raises(plait.errors.OptionError, match="threads"):
        plait.threads(wrong)


def test_other_choices_that_are_none():
    with pytest.raises(plait.errors.OptionError, match="schedule"):
        plait.threads(2, schedule="sometimes")
    with pytest.raises(plait.errors.OptionError, match="placement"):
        plait.threads(2, placement="left")
    with pytest.raises(plait.errors.OptionError, match="placement"):
        plait.threads(2, placement="3-1")


def test_decorators_say_how_many_threads(counted):
    two = njit(parallel=True, threads=2, placement="none")(twice.py_func)
    two(X, np.empty_like(X))
    assert only()["threads"] == 2
    with plait.threads(3):
        two(X, np.empty_like(X))
    assert only()["threads"] == 3
    with pytest.raises(plait.errors.OptionError, match="threads"):
        njit(parallel=True, threads=0)


# ---- traces ----------------------------------------------------------------------------------------------------------


def events(path, category):
    whole = json.loads(path.read_text())
    assert {"traceEvents", "displayTimeUnit"} <= set(whole)
    return [e for e in whole["traceEvents"] if e.get("cat") == category]


def test_a_trace_shows_regions_threads_pieces_and_compiles(tmp_path):
    path = tmp_path / "trace.json"
    fresh = njit(parallel=True)(twice.py_func)
    _plait._tune(0, 0, 0)
    try:
        with plait.trace(path), plait.threads(2):
            fresh(X, np.empty_like(X))
    finally:
        _plait._tune(0, 0, -1)
    (region,) = events(path, "region")
    members = events(path, "thread")
    assert region["name"].startswith("twice:") and region["args"] == {"iterations": 1000, "threads": 2}
    assert len(members) == 2 and len({m["tid"] for m in members}) == 2
    for part in members + events(path, "piece"):
        assert region["ts"] <= part["ts"] and part["ts"] + part["dur"] <= region["ts"] + region["dur"] + 1
    names = [e["name"] for e in events(path, "compile")]
    assert names[0] == "compile twice" and "llvm_opt" in names


def test_a_trace_is_whole_after_an_exception(tmp_path):
    path = tmp_path / "trace.json"
    with pytest.raises(ZeroDivisionError):
        with plait.trace(path):
            invert(np.array([1, 0, 2] * 100))
    assert len(events(path, "region")) == 1
    with plait.trace(path):  # and the next one begins anew
        pass
    assert events(path, "region") == []


def test_two_traces_at_a_time_are_refused(tmp_path):
    with plait.trace(tmp_path / "a.json"):
        with pytest.raises(OSError):
            with plait.trace(tmp_path / "b.json"):
                pass
    with pytest.raises(FileNotFoundError):
        with plait.trace(tmp_path / "no" / "such.json"):
            pass


def test_a_trace_by_variable_is_written_at_exit_also_after_an_exception(tmp_path):
    path = tmp_path / "a \"b\".json"
    subprocess_says("pass", PLAIT_TRACE=str(path))
    assert len(events(path, "region")) == 1
    program = "import plait\nfrom test_stats import *\ntwice(X, X.copy())\ninvert(np.array([1, 0]))"
    out = subprocess.run([sys.executable, "-c", program], env={**os.environ, "PLAIT_TRACE": str(path)}, capture_output=True,
                         text=True, cwd=os.path.dirname(__file__))
    assert "ZeroDivisionError" in out.stderr
    assert len(events(path, "region")) == 2


def test_a_trace_that_cannot_be_written_is_an_error_at_first_use():
    program = "import plait\nfrom test_stats import *\ntwice(X, X.copy())"
    out = subprocess.run([sys.executable, "-c", program], env={**os.environ, "PLAIT_TRACE": "/no/such/file"},
                         capture_output=True, text=True, cwd=os.path.dirname(__file__))
    assert "ConfigError: PLAIT_TRACE: error: trace: /no/such/file" in out.stderr


def test_a_child_of_fork_does_not_write_its_parents_trace(tmp_path):
    path = tmp_path / "trace.json"
    twice(X, np.empty_like(X))
    _plait._tune(0, 0, 0)
    try:
        with plait.trace(path):
            twice(X, np.empty_like(X))
            child = os.fork()
            if child == 0:
                twice(X, np.empty_like(X))
                os._exit(0)
            os.waitpid(child, 0)
    finally:
        _plait._tune(0, 0, -1)
    assert len(events(path, "region")) == 1
