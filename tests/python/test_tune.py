"""Tuning: the race, what is tried, what is written, and who reads it. Times come from functions here, so that what is fastest is
known; the tests that measure ask only that it works."""
import itertools
import json
import math
import os
import pathlib
import random
import subprocess
import sys

import numpy as np
import pytest

import plait
from plait import _plait, config, njit, prange
from plait.tuning import arguments, candidates, race, write
from plait.tuning.candidates import Candidate
from plait.tuning.race import Race

ROOT = pathlib.Path(__file__).parents[2]


@njit(parallel=True)
def fill(x):
    for i in prange(len(x)):
        x[i] = x[i] + 1.0


@njit(parallel=True)
def divide(x):
    for i in prange(len(x)):
        x[i] = 7 // x[i]


# ---- statistics ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("df, t, p", [(1, 1.0, 0.75), (2, 1.886, 0.90), (3, 3.182, 0.975), (4, 2.776, 0.975), (9, 2.821, 0.99),
                                      (10, 3.169, 0.995), (30, 2.042, 0.975), (4, 0.0, 0.5), (5, -2.015, 0.05)])
def test_students_t(df, t, p):
    assert race.t_cdf(t, df) == pytest.approx(p, abs=2e-4)
    if p > 0.5:
        assert race.t_quantile(p, df) == pytest.approx(t, rel=2e-3)


def noisy(seconds, seed, noise=0.05):
    rng = random.Random(seed)
    return lambda c: seconds[c] * math.exp(rng.gauss(0, noise)) * (3 if rng.random() < 0.02 else 1)


@pytest.mark.parametrize("seed", range(20))
def test_a_race_finds_the_fastest_and_ends_early(seed):
    seconds = {"a": 1.0, "b": 0.8, "c": 1.3, "d": 5.0, "e": 1.0}
    r = Race(seconds, noisy(seconds, seed), seed)
    assert r.run(until=math.inf) == "b"
    assert len(r.logs["d"]) <= 2 and r.rounds < 100


def test_equal_candidates_do_not_beat_one_another():
    wins = 0
    for seed in range(300):
        r = Race("ab", noisy({"a": 1.0, "b": 1.0}, seed), seed)
        for _ in range(20):
            r.run_round()
        wins += r.beats("a", "b", 0.0) or r.beats("b", "a", 0.0)
    assert wins <= 0.07 * 300


def test_a_fifth_faster_is_seen():
    wins = 0
    for seed in range(100):
        r = Race("ab", noisy({"a": 0.8, "b": 1.0}, seed, 0.03), seed)
        for _ in range(40):
            r.run_round()
        wins += r.beats("a", "b", 0.03)
    assert wins >= 95


def test_a_race_of_one_and_of_exactly_equal_ones_ends():
    assert Race(["a"], lambda c: 1.0).run(math.inf) == "a"
    r = Race("abc", lambda c: 1.0)
    r.run(math.inf)
    assert r.rounds == race.LEAST_ROUNDS


# ---- what is tried -----------------------------------------------------------------------------------------------------


def test_numbers_of_threads():
    assert candidates.thread_counts(1) == [1]
    assert candidates.thread_counts(2) == [1, 2]
    assert candidates.thread_counts(20) == [1, 2, 3, 4, 6, 8, 12, 16, 20]


def test_one_thread_is_tried_once_and_more_with_each_schedule():
    tried = candidates.of_work([1, 4], 1000, candidates.Fixed())
    assert [c for c in tried if c.threads == 1] == [Candidate(1)]
    assert {(c.schedule, c.chunk) for c in tried if c.threads == 4} == {
        ("static", 0), ("dynamic", 0), ("dynamic", 62), ("dynamic", 7), ("guided", 0)}


def test_what_the_decorator_says_is_not_tried_otherwise():
    fixed = candidates.Fixed(threads=3, schedule="guided", placement="compact")
    assert candidates.of_work([1, 2, 4], 1000, fixed) == [Candidate(3, "guided", 0, "compact")]
    assert candidates.of_placement(Candidate(3), {"spread": [0, 1], "compact": [1, 0]}, fixed) == []


def test_placements_that_come_to_the_same_are_tried_once():
    tried = candidates.of_placement(Candidate(2), {"spread": [0, 1], "compact": [0, 1], "none": []}, candidates.Fixed())
    assert tried == [Candidate(2, placement="none")]


# ---- tuning with known times -------------------------------------------------------------------------------------------


def times(best, fast=0.5, noise=0.0):
    """The candidate for which best(c) holds is fast."""
    rng = random.Random(1)
    return lambda c: (fast if best(c) else 1.0) * math.exp(rng.gauss(0, noise))


@pytest.fixture
def file(tmp_path, monkeypatch):
    """A configuration file that this process reads."""
    path = tmp_path / "config.yaml"
    monkeypatch.setenv("PLAIT_CONFIG", str(path))
    path.write_text("")
    yield path
    monkeypatch.setenv("PLAIT_CONFIG", "")
    config.reload()


X = np.zeros(100_000)


def tuned(file, measure, kernel=fill, args=(X,), **options):
    return plait.tune(kernel, *args, file=file, budget=60, threads=[1, 2, 3], measure=measure, progress=False, **options)


def threads_used(*args):
    _plait._tune(0, 0, 0)
    plait.stats(True)
    plait.stats(reset=True)
    try:
        fill(*args)
        return plait.stats(False, reset=True)[0]["threads"]
    finally:
        _plait._tune(0, 0, -1)


def test_the_winner_is_written_and_used_at_once(file):
    found = tuned(file, times(lambda c: c.threads == 3 and c.schedule == "guided"))
    assert found.winner == Candidate(3, "guided") and found.changed and found.gain == pytest.approx(2.0)
    assert file.read_text() == "kernels:\n  test_tune.fill:\n    sizes:\n      - {up_to: 1MiB, threads: 3, schedule: guided}\n"
    assert threads_used(X) == 3
    assert threads_used(np.zeros(1 << 20)) == plait.get_num_threads()  # another size class
    assert config.kernel("test_tune.fill", X.nbytes) == {"threads": 3, "schedule": "guided"}


def test_a_second_run_changes_no_byte(file):
    measure = times(lambda c: c.threads == 3 and c.schedule == "guided", noise=0.05)
    assert tuned(file, measure).changed
    before, stamp = file.read_bytes(), file.stat().st_mtime_ns
    again = tuned(file, measure, seed=5)
    assert not again.changed and again.was_in_file and again.winner == Candidate(3, "guided")
    assert file.read_bytes() == before and file.stat().st_mtime_ns == stamp


def test_the_table_compares_what_did_not_run_side_by_side(file):
    calls, fast = itertools.count(), times(lambda c: c.placement == "none")
    found = tuned(file, lambda c: fast(c) * 1.01 ** next(calls))  # a machine that becomes slower and slower
    assert found.winner.placement == "none"
    others = [seconds / found.seconds(found.winner) for c, seconds, *_ in found.rows if c.placement != "none"]
    assert len(others) > 3 and 1.7 < min(others) and max(others) < 2.35


def test_a_little_faster_does_not_take_the_place_of_what_is_there(file):
    tuned(file, times(lambda c: c.threads == 3 and c.schedule == "guided"))
    before = file.read_bytes()
    assert not tuned(file, times(lambda c: c.threads == 2 and c.schedule == "static", fast=0.985)).changed
    assert file.read_bytes() == before
    assert tuned(file, times(lambda c: c.threads == 2 and c.schedule == "static")).changed
    assert "{up_to: 1MiB, threads: 2, schedule: static}" in file.read_text()


def test_where_nothing_is_faster_the_default_is_written_once(file):
    found = tuned(file, lambda c: 1.0)
    assert found.changed and found.winner == found.before == Candidate(plait.get_num_threads(), "auto")
    assert not tuned(file, lambda c: 1.0).changed


def test_what_the_sections_say_keeps_its_place_until_beaten(file):
    file.write_text("schedule: guided\nkernels:\n  'test_tune.*': {schedule: dynamic, chunk: 7}\n  other: {threads: 1}\n")
    config.reload()
    found = tuned(file, lambda c: 1.0)
    assert not found.was_in_file and found.winner == found.before == Candidate(plait.get_num_threads(), "dynamic", 7)
    assert f"threads: {plait.get_num_threads()}, schedule: dynamic, chunk: 7" in file.read_text()
    assert not tuned(file, lambda c: 1.0, write=False).changed


def test_figures_of_a_few_disturbed_rounds_are_those_of_the_others(file):
    """A thread that was kept waiting takes a thousand times as long."""
    rng = random.Random(3)
    found = tuned(file, lambda c: (1.0 if c.threads == 3 else 2.0) * rng.choice([1, 1, 1, 1, 1.01, 1.01, 1000]))
    for candidate, seconds, rounds, low, high in found.rows:
        assert 0.4 < seconds < 2.5, candidate
        assert math.isinf(high) or low == high == 0.0 or math.exp(low) <= seconds / found.seconds(found.winner) * 1.001 <= math.exp(high) * 1.002


def test_the_interval_of_a_median():
    assert race.interval_of_median([1.0] * 5, 0.025) == (-math.inf, math.inf)
    assert race.interval_of_median([3.0, 1.0, 2.0, 6.0, 5.0, 4.0], 0.025) == (1.0, 6.0)
    assert race.interval_of_median(list(range(1, 21)), 0.025) == (6, 15)  # of tables of the sign test
    assert race.median([3, 1, 2]) == 2 and race.median([4, 1, 2, 3]) == 2.5


def test_the_rest_of_the_file_stays(file):
    file.write_text("# mine\nstats: false   # really\n\nkernels:\n  # a comment on other\n  other: {threads: 2} # kept\n"
                    "  fill:\n    chunk: 16     # before\n    sizes:\n      - {up_to: 4KiB, threads: 1} # small\n"
                    "      - {up_to: 2GiB, threads: 2}\n")
    assert tuned(file, times(lambda c: c.threads == 3 and c.schedule == "static")).changed
    assert file.read_text() == (
        "# mine\nstats: false   # really\n\nkernels:\n  # a comment on other\n  other: {threads: 2} # kept\n"
        "  fill:\n    chunk: 16     # before\n    sizes:\n      - {up_to: 4KiB, threads: 1} # small\n"
        "      - {up_to: 1MiB, threads: 3, schedule: static}\n      - {up_to: 2GiB, threads: 2}\n")


def test_a_file_that_is_wrong_is_left_alone(file, tmp_path):
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("thread: 3\n")
    with pytest.raises(plait.ConfigError, match="did you mean 'threads'"):
        tuned(wrong, lambda c: 1.0)
    assert wrong.read_text() == "thread: 3\n"


def test_links_and_modes_stay(file, tmp_path):
    target = tmp_path / "target.yaml"
    target.write_text("stats: false\n")
    target.chmod(0o640)
    link = tmp_path / "link.yaml"
    link.symlink_to(target)
    assert tuned(link, lambda c: 1.0).changed
    assert link.is_symlink() and "kernels" in target.read_text() and target.stat().st_mode & 0o777 == 0o640
    assert sorted(p.name for p in tmp_path.iterdir()) == ["config.yaml", "link.yaml", "target.yaml"]


def test_nothing_is_written_without_leave(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = plait.tune(fill, X, write=False, measure=lambda c: 1.0, progress=False)
    assert found.file is None and not found.changed and list(tmp_path.iterdir()) == []


def test_the_file_is_the_nearest_or_a_new_one(tmp_path, monkeypatch):
    inner = tmp_path / "inner"
    inner.mkdir()
    monkeypatch.chdir(inner)
    assert write.default_file() == inner / ".plait.yaml"
    (tmp_path / ".plait.yaml").write_text("")
    assert write.default_file() == tmp_path / ".plait.yaml"


def test_the_next_process_uses_it(file):
    tuned(file, times(lambda c: c.threads == 3 and c.schedule == "static"))
    out = subprocess.run([sys.executable, "-c", "from test_tune import *; print(threads_used(X))"], capture_output=True, text=True,
                         cwd=pathlib.Path(__file__).parent)
    assert out.stdout.strip() == "3.0", out.stderr


def test_a_kernel_without_regions_is_refused():
    with pytest.raises(plait.errors.PlaitError, match="no parallel region"):
        plait.tune(njit(lambda x: x), 3, progress=False)
    with pytest.raises(TypeError, match="takes a kernel"):
        plait.tune(fill.py_func, X)


@njit(parallel=True)
def multiply(a, b, c):
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            for k in range(a.shape[1]):
                c[i, j] += a[i, k] * b[k, j]


def test_tiles_are_of_a_size_and_stay_until_beaten(file):
    a, b = np.ones((70, 70)), np.ones((120, 120))
    args, larger = (a, a.copy(), np.zeros((70, 70))), (b, b.copy(), np.zeros((120, 120)))
    found = tuned(file, times(lambda c: c.tile == 32), multiply, args)
    assert found.winner.tile == 32 and "tile: 32" in file.read_text()
    tuned(file, times(lambda c: c.tile == 64), multiply, larger)
    assert file.read_text().count("tile: ") == 2
    overload = next(iter(multiply.overloads.values()))
    multiply(*args), multiply(*larger)  # compiled by itself, each as its size wants it
    assert {32, 64} <= {overload.tile, *overload.variants}
    before = file.read_bytes()
    assert not tuned(file, times(lambda c: c.tile == 64), multiply, larger).changed
    assert not tuned(file, times(lambda c: c.tile == 32), multiply, args).changed
    assert not tuned(file, lambda c: 1.0, multiply, args, tile=False).changed
    assert file.read_bytes() == before
    assert tuned(file, times(lambda c: c.tile == 0), multiply, args).changed and file.read_text().count("tile: ") == 1
    file.write_text("kernels:\n  multiply:\n    tile: 16\n")
    config.reload()
    assert tuned(file, times(lambda c: c.tile == 0), multiply, args).winner.tile == 0 and "tile: 0" in file.read_text()


def test_tiles_longer_one_way_are_tried_around_the_best(file):
    a = np.ones((60, 60))
    args = a, a.copy(), np.zeros((60, 60))
    best = lambda c: (c.tile == (32, 128)) * 4 + (c.tile == 32) * 2
    cost = lambda c: 1.0 / (1 + best(c))
    found = tuned(file, cost, multiply, args)
    assert found.winner.tile == (32, 128) and "tile: [32, 128]" in file.read_text()
    multiply(*args)
    overload = next(iter(multiply.overloads.values()))
    assert (32, 128) in {overload.tile, *overload.variants}
    before = file.read_bytes()
    assert not tuned(file, cost, multiply, args).changed and file.read_bytes() == before
    assert "tile [32, 128]" in found.table()


# ---- arguments ---------------------------------------------------------------------------------------------------------


def test_arguments_are_as_they_were(tmp_path):
    x = np.arange(1000.0)
    strided, fixed = np.arange(2000.0)[::2], np.arange(10.0)
    fixed.flags.writeable = False

    @njit(parallel=True)
    def work(a, pair, c):
        for i in prange(len(a)):
            a[i] += pair[0][i] * c[0]
            pair[0][i] = -1.0

    plait.tune(work, x, (strided, 2), fixed, budget=0.1, threads=[1, 2], file=tmp_path / "f.yaml", progress=False)
    np.testing.assert_array_equal(x, np.arange(1000.0))
    np.testing.assert_array_equal(strided, np.arange(0, 2000.0, 2))


def test_arguments_are_as_they_were_after_an_exception(tmp_path):
    x = np.array([1, 2, 0, 3] * 100)
    before = x.copy()
    with pytest.raises(ZeroDivisionError):
        plait.tune(divide, x, budget=0.1, file=tmp_path / "f.yaml", progress=False)
    np.testing.assert_array_equal(x, before)


def test_nan_is_not_a_change(tmp_path):
    x = np.full(1000, np.nan)
    assert plait.tune(fill, x, budget=0.05, threads=[1, 2], file=tmp_path / "f.yaml", progress=False).rows


def test_a_bar_is_shown_when_asked_for(file, capfd):
    plait.tune(fill, X, file=file, threads=[1, 2], measure=lambda c: 1.0, progress=True)
    assert "fill" in capfd.readouterr().err
    plait.tune(fill, X, file=file, threads=[1, 2], measure=lambda c: 1.0)
    assert capfd.readouterr().err == ""  # no terminal


# ---- reports -----------------------------------------------------------------------------------------------------------


def test_table_and_pictures(file, tmp_path):
    found = tuned(file, times(lambda c: c.threads == 3 and c.schedule == "static", noise=0.02))
    text = found.table()
    assert "3 threads, static" in text and "winner" in text and "1 thread " in text
    for name, start in (("p.png", b"\x89PNG"), ("p.svg", b"<?xml")):
        found.plot(tmp_path / name)
        assert (tmp_path / name).read_bytes().startswith(start)


def test_libraries_that_are_missing_are_named(file, monkeypatch):
    found = tuned(file, lambda c: 1.0)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(plait.errors.PlaitError, match=r"plots need matplotlib: pip install 'plait\[tune\]'"):
        found.plot("x.png")
    monkeypatch.setitem(sys.modules, "ruamel.yaml", None)
    file.write_text("stats: false\n")
    with pytest.raises(plait.errors.PlaitError, match="needs ruamel.yaml"):
        tuned(file, lambda c: 1.0)


# ---- suites -------------------------------------------------------------------------------------------------------------

SUITE = """
kernels:
  - kernel: work.py:add
    name: addition
    sizes: {n: [10, 2000], m: 3}
    threads: [1, 2]
    arguments:
      - {shape: [n, m * 2 + 1], dtype: float32, distribution: normal, mean: 5, std: 2, seed: 3}
      - {shape: (n - 1) // 2, distribution: integers, low: -3, high: 4, dtype: int16}
      - {shape: [m], distribution: constant, value: 2.5, order: F}
      - {file: data.npy}
      - n * m
      - 2.5
      - {value: true}
      - "text"
      - {size: n}
"""


def test_suites_are_written_out(tmp_path):
    (tmp_path / "s.yaml").write_text(SUITE)
    np.save(tmp_path / "data.npy", np.arange(3))
    (kernel,) = arguments.read_suite(tmp_path / "s.yaml")["kernels"]
    assert kernel["name"] == "addition" and kernel["file"] == f"{tmp_path}/work.py" and kernel["function"] == "add"
    assert kernel["threads"] == [1, 2] and [p["sizes"] for p in kernel["points"]] == [{"n": 10, "m": 3}, {"n": 2000, "m": 3}]
    a, b, c, d, *rest = arguments.make_arguments(kernel["points"][1])
    assert a.shape == (2000, 7) and a.dtype == np.float32 and 4.9 < a.mean() < 5.1 and 1.9 < a.std() < 2.1
    assert b.shape == (999,) and b.dtype == np.int16 and set(b) == set(range(-3, 4))
    assert (c == 2.5).all() and list(d) == [0, 1, 2]
    assert rest == [6000, 2.5, True, "text", 2000]
    again = arguments.make_arguments(kernel["points"][1])
    np.testing.assert_array_equal(a, again[0])


MEASURED = """
options: {parallel: true, fastmath: [contract]}
threads: [1, 2]
processes: 12
precision: 2%
budget: 0.5
baseline: {options: {fastmath: false}}
kernels:
  - kernel: work.py:fft
    sizes: {n: [8, 1024]}
    bytes: 2 * 16 * n
    flops: 5 * n * log2(n) + n ** 2 ** 1 * 0
    signature: "none(f8[::1])"
    restore: never
    arguments: [{shape: n, distribution: linspace, low: -1, high: n - 1}]
  - kernel: work.py:add
    options: {parallel: false, disable: [fuse, tile], opt: 2}
    threads: [4]
    baseline: {kernel: old/work.py:add2, options: {opt: 3}}
    arguments: []
"""


def test_what_a_suite_says_of_measuring(tmp_path):
    (tmp_path / "s.yaml").write_text(MEASURED)
    suite = arguments.read_suite(tmp_path / "s.yaml")
    assert suite["settings"] == {"processes": 12, "precision": 0.02, "budget": 0.5}
    fft, add = suite["kernels"]
    assert fft["options"] == {"parallel": True, "fastmath": ["contract"]} and fft["threads"] == [1, 2]
    assert fft["baseline"] == {"kind": "kernel", "file": f"{tmp_path}/work.py", "function": "fft",
                               "options": {"parallel": True, "fastmath": False}}
    assert fft["signature"] == "none(f8[::1])" and fft["restore"] == "never"
    assert [(p["bytes"], p["flops"]) for p in fft["points"]] == [(256, 120), (32768, 51200)]
    (values,) = arguments.make_arguments(fft["points"][0])
    np.testing.assert_array_equal(values, np.linspace(-1, 7, 8))
    assert add["options"] == {"parallel": False, "fastmath": ["contract"], "disable": ["fuse", "tile"], "opt": 2}
    assert add["threads"] == [4] and add["baseline"] == {
        "kind": "kernel", "file": f"{tmp_path}/old/work.py", "function": "add2",
        "options": {"parallel": False, "fastmath": ["contract"], "disable": ["fuse", "tile"], "opt": 3}}


@pytest.mark.parametrize("spec, values", [
    ({"distribution": "zeros"}, [0, 0, 0, 0]), ({"distribution": "ones", "dtype": "complex64"}, [1, 1, 1, 1]),
    ({"distribution": "arange", "dtype": "uint8"}, [0, 1, 2, 3]), ({"distribution": "constant", "value": 7}, [7, 7, 7, 7]),
])
def test_distributions(spec, values):
    made = arguments.make_array({"shape": [2, 2], "dtype": "float64", "order": "F", **spec})
    assert made.ravel("C").tolist() == values and made.flags.f_contiguous


def test_random_distributions():
    make = lambda **spec: arguments.make_array({"shape": [1000], "dtype": "float64", "seed": 2, **spec})
    assert sorted(make(distribution="permutation", dtype="int64")) == list(range(1000))
    u = make(distribution="uniform", low=-2, high=-1)
    assert -2 <= u.min() < -1.9 and -1.1 < u.max() < -1
    assert set(make(distribution="uniform", dtype="bool")) == {False, True}
    z = make(distribution="uniform", dtype="complex128")
    assert (z.imag != z.real).any() and not np.array_equal(u, make(distribution="uniform", low=-2, high=-1, seed=3))


WRONG_SUITES = {
    "empty": ("", "a suite has a list"),
    "no list": ("kernels: {}\n", "a suite has a list"),
    "unknown": ("kernels: [{kernel: a.py:f, arguments: [], size: 3}]\n", ":1:43: error: in a kernel the key 'size' is not known\n"),
    "extra": ("kernels: [{kernel: a.py:f, arguments: []}]\nbudgets: 3\n", ":2:1: error: in a suite the key 'budgets' is not known\n"),
    "budget": ("kernels: [{kernel: a.py:f, arguments: []}]\nbudget: -1\n", ":2:9: error: budget is a number of seconds"),
    "processes": ("kernels: [{kernel: a.py:f, arguments: []}]\nprocesses: 1\n", ":2:12: error: processes is a whole number"),
    "precision": ("kernels: [{kernel: a.py:f, arguments: []}]\nprecision: good\n", ":2:12: error: precision is a part"),
    "option": ("kernels: [{kernel: a.py:f, arguments: [], options: {fastmaths: true}}]\n", "did you mean 'fastmath'?"),
    "option of the suite": ("options: {fastmath: yse}\nkernels: [{kernel: a.py:f, arguments: []}]\n", ":1:21: error: fastmath is true, false or a list"),
    "flag": ("kernels: [{kernel: a.py:f, arguments: [], options: {fastmath: [contrac]}}]\n", "did you mean 'contract'?"),
    "parallel": ("kernels: [{kernel: a.py:f, arguments: [], options: {parallel: require_}}]\n", "did you mean 'require'?"),
    "opt": ("kernels: [{kernel: a.py:f, arguments: [], options: {opt: -1}}]\n", ":1:58: error: opt is a whole number"),
    "restore": ("kernels: [{kernel: a.py:f, arguments: [], restore: nevr}]\n", "did you mean 'never'?"),
    "signature": ("kernels: [{kernel: a.py:f, arguments: [], signature: [f8]}]\n", "a signature is a text"),
    "baseline": ("kernels: [{kernel: a.py:f, arguments: [], baseline: {option: {}}}]\n", "did you mean 'options'?"),
    "baseline's kernel": ("kernels: [{kernel: a.py:f, arguments: [], baseline: {kernel: a.py}}]\n", "kernel: FILE.py:FUNCTION"),
    "kernel of all": ("baseline: {kernel: a.py:f}\nkernels: [{kernel: a.py:f, arguments: []}]\n", "in a baseline the key 'kernel'"),
    "flops": ("kernels: [{kernel: a.py:f, sizes: {n: 3}, flops: 2 * m, arguments: []}]\n", ":1:50: error: 2 * m names no size"),
    "exponent": ("kernels: [{kernel: a.py:f, sizes: {n: 3}, flops: n ** 70, arguments: []}]\n", "has an exponent"),
    "power": ("kernels: [{kernel: a.py:f, sizes: {n: 3}, flops: 2 ** 60, arguments: []}]\n", "too large"),
    "log2": ("kernels: [{kernel: a.py:f, sizes: {n: 0}, flops: log2(n), arguments: []}]\n", "takes log2 of what is not positive"),
    "no function": ("kernels: [{kernel: a.py, arguments: []}]\n", ":1:20: error: kernel: FILE.py:FUNCTION"),
    "no arguments": ("kernels: [{kernel: a.py:f}]\n", "arguments: a list is missing"),
    "no size": ("kernels: [{kernel: a.py:f, arguments: [{shape: [n]}]}]\n", "n names no size"),
    "formula": ("kernels: [{kernel: a.py:f, sizes: {n: 3}, arguments: [{shape: [n +]}]}]\n", "no formula"),
    "bracket": ("kernels: [{kernel: a.py:f, sizes: {n: 3}, arguments: [{shape: [(n]}]}]\n", "lacks a )"),
    "negative": ("kernels: [{kernel: a.py:f, sizes: {n: 3}, arguments: [{shape: [n - 4]}]}]\n", "is negative"),
    "zero": ("kernels: [{kernel: a.py:f, sizes: {n: 0}, arguments: [{shape: [5 // n]}]}]\n", "divides by"),
    "too large": ("kernels: [{kernel: a.py:f, arguments: [{shape: [9999999999 * 9999999999]}]}]\n", "too large"),
    "deep": ("kernels: [{kernel: a.py:f, arguments: [{shape: ['" + "(" * 100000 + "']}]}]\n", "no formula"),
    "dtype": ("kernels: [{kernel: a.py:f, arguments: [{shape: 3, dtype: flaot64}]}]\n", "did you mean 'float64'?"),
    "distribution": ("kernels: [{kernel: a.py:f, arguments: [{shape: 3, distribution: gauss}]}]\n", "known are zeros"),
    "quoted number": ("kernels: [{kernel: a.py:f, arguments: [{shape: 3, low: '1'}]}]\n", "low is a number"),
    "number": ("kernels: [{kernel: a.py:f, arguments: [{shape: 3, low: small}]}]\n", "small names no size"),
    "nothing": ("kernels: [{kernel: a.py:f, arguments: [{dtype: int8}]}]\n", "a shape, a file, a size or a value"),
    "lists": ("kernels: [{kernel: a.py:f, sizes: {n: [1, 2], m: [1, 2, 3]}, arguments: []}]\n", "3 sizes and the one before 2"),
    "sizes": ("kernels: [{kernel: a.py:f, sizes: 3, arguments: []}]\n", "sizes is a section"),
    "missing": ("kernels: [{kernel: a.py:f, sizes: [{n: 1, m: 2}, {n: 3}], arguments: []}]\n", "the size m is missing"),
    "threads": ("kernels: [{kernel: a.py:f, threads: 2, arguments: []}]\n", "threads is a list"),
    "text": ("kernels: [{kernel: a.py:f, arguments: [left]}]\n", "a text is quoted"),
}


@pytest.mark.parametrize("name", WRONG_SUITES)
def test_wrong_suites_have_a_message_with_a_place(name, tmp_path):
    text, words = WRONG_SUITES[name]
    (tmp_path / "s.yaml").write_text(text)
    with pytest.raises(plait.ConfigError) as caught:
        arguments.read_suite(tmp_path / "s.yaml")
    assert words in str(caught.value) and str(caught.value).startswith(f"{tmp_path}/s.yaml")


@pytest.mark.parametrize("name", ["suite.yaml", "perf/suite.yaml"])
def test_the_example_suites_are_right(name):
    suite = arguments.read_suite(ROOT / "examples" / name)
    for kernel in suite["kernels"]:
        assert arguments.load_kernel(kernel["file"], kernel["function"]).py_func
        arguments.make_arguments(kernel["points"][0])


# ---- the command --------------------------------------------------------------------------------------------------------


def command(*words, cwd):
    build = pathlib.Path(os.environ.get("PLAIT_BUILD_DIR", ROOT / "build/release"))
    return subprocess.run([build / "plait", "tune", *words], capture_output=True, text=True, cwd=cwd, timeout=200,
                          env={**os.environ, "PLAIT_PYTHON": sys.executable, "PLAIT_CONFIG": str(cwd / ".plait.yaml")})


KERNELS = """
from plait import njit, prange
@njit(parallel=True)
def twice(x, n):
    for i in prange(n):
        x[i] *= 2.0
@njit
def nothing(x):
    return x
"""


def test_plait_tune_measures_writes_and_reports(tmp_path):
    (tmp_path / "work.py").write_text(KERNELS)
    (tmp_path / ".plait.yaml").write_text("# mine\nstats: false\n")
    (tmp_path / "s.yaml").write_text("kernels:\n  - {kernel: work.py:twice, sizes: {n: [1000, 50000]}, arguments: [{shape: n}, n]}\n")
    dry = command("s.yaml", "--budget", "0.2", "--dry-run", "--quiet", cwd=tmp_path)
    assert dry.returncode == 0 and (tmp_path / ".plait.yaml").read_text() == "# mine\nstats: false\n", dry.stderr
    done = command("s.yaml", "--budget", "0.2", "--plot", "p.svg", cwd=tmp_path)
    assert done.returncode == 0 and "2 of 2 entries changed" in done.stdout, done.stderr
    text = (tmp_path / ".plait.yaml").read_text()
    assert text.startswith("# mine\nstats: false\n") and "up_to: 8KiB, threads: " in text and "up_to: 512KiB, threads: " in text
    assert _plait._config_check(tmp_path / ".plait.yaml") is None and (tmp_path / "p.svg").read_bytes().startswith(b"<?xml")
    found = json.loads(command("s.yaml", "--budget", "0.1", "--json", "--dry-run", cwd=tmp_path).stdout)
    assert [f["sizes"] for f in found] == [{"n": 1000}, {"n": 50000}] and all(f["rows"] for f in found)


def test_plait_tune_says_what_is_wrong(tmp_path):
    (tmp_path / "work.py").write_text(KERNELS)
    (tmp_path / ".plait.yaml").write_text("")
    (tmp_path / "s.yaml").write_text("kernels:\n  - {kernel: work.py:nothing, arguments: [{shape: 3}]}\n  - {kernel: work.py:none, arguments: []}\n")
    out = command("s.yaml", cwd=tmp_path)
    assert out.returncode == 1 and "nothing(" in out.stderr and "it has no none" in out.stderr
    out = command("none.yaml", cwd=tmp_path)
    assert out.returncode == 1 and out.stderr == "plait tune: none.yaml: error: No such file or directory\n"
    assert "usage: plait tune" in command("--help", cwd=tmp_path).stdout
    out = command("s.yaml", "--only", "neither", cwd=tmp_path)
    assert out.returncode == 1 and out.stderr == "plait tune: s.yaml: no kernel's name has 'neither' in it\n"
    assert "it has no none" in command("s.yaml", "--only", "work.none", cwd=tmp_path).stderr


def test_what_modules_and_kernels_do_is_told_with_the_suites_line(tmp_path):
    (tmp_path / "ends.py").write_text("import sys\nsys.exit(0)\n")
    (tmp_path / "raises.py").write_text("def f():\n    return 1 // 0\nf()\n")
    (tmp_path / "work.py").write_text("from plait import njit, prange\n@njit(parallel=True)\ndef f(x, n):\n    for i in prange(n):\n"
                                      "        x[i] = 1 // (i - 5)\n")
    (tmp_path / ".plait.yaml").write_text("")
    (tmp_path / "s.yaml").write_text("kernels:\n  - {kernel: ends.py:f, arguments: []}\n  - {kernel: ends.py:g, arguments: []}\n"
                                     "  - {kernel: raises.py:f, arguments: []}\n  - {kernel: work.py:f, arguments: [{shape: 9}, 9]}\n")
    out = command("s.yaml", "--dry-run", cwd=tmp_path)
    assert out.returncode == 1 and "Traceback" not in out.stderr
    assert f"s.yaml:2: error: f: its module ended the program (SystemExit: 0)\n    {tmp_path}/ends.py:2, in <module>\n" in out.stderr
    assert "s.yaml:3: error: g: its module ended" in out.stderr
    assert f"s.yaml:4: error: f: ZeroDivisionError: integer division or modulo by zero\n    {tmp_path}/raises.py:3" in out.stderr
    assert "s.yaml:5: error: f: ZeroDivisionError" in out.stderr and f"{tmp_path}/work.py:5" in out.stderr
