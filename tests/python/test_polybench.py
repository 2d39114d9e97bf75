"""PolyBench's 30 kernels, plain `range` loops: right at every number of threads, the same bits at each, and which loops
run in parallel is held in a committed table."""
import pathlib
import sys

import numpy as np
import pytest

import switches as _testing
from plait import njit

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
from perf.kernels.polybench import NAMES, determined, load  # noqa: E402

TABLE = (ROOT / "perf/kernels/polybench/README.md").read_text()


def run(function, inputs, size):
    arguments = inputs(size, np.random.default_rng(7))
    function(*arguments)
    return arguments


@pytest.mark.parametrize("name", NAMES)
def test_is_right_at_every_number_of_threads(name):
    function, inputs, sizes = load(name)
    want = run(function, inputs, sizes["MINI"])
    serial = run(njit(function), inputs, sizes["MINI"])
    for w, got in zip(want, serial):
        np.testing.assert_array_equal(got, w, err_msg="a serial kernel gives CPython's bits")
    kernel = njit(parallel=True)(function)
    first = None
    for threads in (1, 2, 3, 4, 8, 16):
        for schedule in ("static", "dynamic", "guided"):
            with _testing.threads(threads, schedule=schedule, min_work=0):
                got = run(kernel, inputs, sizes["MINI"])
            if first is None:
                first = got
                for w, g in zip(determined(name, want), determined(name, got)):
                    np.testing.assert_allclose(g, w, rtol=1e-10, atol=1e-12)
            for f, g in zip(first, got):
                np.testing.assert_array_equal(g, f)
    for f, g in zip(first, run(kernel, inputs, sizes["MINI"])):
        np.testing.assert_array_equal(g, f, err_msg="small regions called in place")
    with _testing.shuffled(3):
        for f, g in zip(first, run(kernel, inputs, sizes["MINI"])):
            np.testing.assert_array_equal(g, f)


def decisions_kept(name):
    rows = [line.split(" | ") for line in TABLE.splitlines() if line.startswith(f"| {name} | ")]
    return [(int(line), decision) for _, line, decision, *_ in rows]


@pytest.mark.parametrize("name", NAMES)
def test_loops_run_in_parallel_as_the_table_says(name):
    """After a change that is meant: ./dev perf polybench --keep."""
    function, inputs, sizes = load(name)
    kernel = njit(parallel=True)(function)
    kernel(*inputs(sizes["MINI"], np.random.default_rng(0)))
    now = [(e["line"], e["decision"]) for e in kernel.parallel_report() if e["reason"] != "INSIDE_PARALLEL"]
    assert now == decisions_kept(name)
