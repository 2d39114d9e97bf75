"""Variables that hold what the iteration before computed: from the index where that is possible, CPython's values everywhere."""
import numpy as np
import pytest

from plait import njit, prange
from plait.errors import ParallelRaceError


def differences(x, out, n):
    before = x[0]
    for i in range(1, n):
        t = x[i]
        out[i] = t - before
        before = t
    return before


def two_before(x, out, n):
    p, q = 1.0, 2.0
    for i in range(n):
        out[i] = x[i] + p - q
        q = p
        p = x[i] * 0.5
    return p, q


def three_before(x, out, n):
    p, q, r = 1.0, 2.0, 3.0
    for i in range(n):
        out[i] = x[i] + p - q * r
        r = q
        q = p
        p = x[i]
    return p, q, r


def downwards_in_steps(x, out, n):
    p = 7.0
    for i in range(n - 1, -1, -2):
        out[i] = p
        p = x[i] + i
    return p


def from_a_bound(x, out, n):
    before = -1.0
    for i in range(n // 2, n):
        out[i] = before + i
        before = x[i] * x[i - 1]
    return before


def neighbour(x, out, n):
    k = n - 1
    for i in range(n):
        out[i] = x[i] - x[k]
        k = i
    return k


def path(x, out, n):
    u, s = x[0], 0.0
    for i in range(1, n):
        s += abs(x[i] - u)
        u = x[i]
    return s


def on_condition(x, out, n):
    before = 0.0
    for i in range(n):
        out[i] = before
        if x[i] > 0.5:
            before = x[i]
    return before


def of_what_is_written(x, out, n):
    before = 0.0
    for i in range(1, n):
        x[i] = x[i - 1] - before
        before = x[i] + out[i]
    return before


def running_sum(x, out, n):
    s = before = 0.0
    for i in range(n):
        out[i] = s - before
        s += x[i]
        before = x[i]
    return s, before


def with_a_loop_inside(x, out, n):
    before = 0.5
    for i in range(n):
        s = 0.0
        for j in range(i):
            s += x[j] * before
        out[i] = s
        before = x[i]
    return before


def with_continue(x, out, n):
    before = 0.5
    for i in range(n):
        out[i] = before
        if x[i] < 0.5:
            continue
        before = x[i]
    return before


KERNELS = [differences, two_before, three_before, downwards_in_steps, from_a_bound, neighbour, path, on_condition,
           of_what_is_written, running_sum, with_a_loop_inside, with_continue]
FREED = [differences, two_before, three_before, downwards_in_steps, from_a_bound, neighbour, path, with_a_loop_inside]


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 100])
@pytest.mark.parametrize("kernel", KERNELS)
def test_values_are_pythons(agree, kernel, n):
    agree(kernel, np.random.default_rng(n).random(n), np.zeros(n), n)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("source, target", [(slice(0, 50), slice(0, 50)), (slice(0, 49), slice(1, 50)),
                                            (slice(1, 50), slice(0, 49)), (slice(49, None, -1), slice(0, 50))])
def test_arrays_that_share_memory(kernel, source, target):
    want, got = np.random.default_rng(3).random(50), np.random.default_rng(3).random(50)
    n = len(want[source])
    expected = kernel(want[source], want[target], n)
    assert njit(parallel=True)(kernel)(got[source], got[target], n) == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(got, want, rtol=1e-12)


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_loops_that_are_freed(kernel):
    freed = njit(parallel=True)(kernel)
    freed(np.zeros(9), np.zeros(9), 9)
    assert (freed.parallel_report()[0]["decision"] == "parallel") == (kernel in FREED)


@pytest.mark.parametrize("kernel", [differences, two_before, from_a_bound])
def test_an_index_that_leaves_the_array(kernel):
    want, got = np.zeros(5), np.zeros(5)
    with pytest.raises(IndexError):
        kernel(np.arange(9.0), want, 9)
    with pytest.raises(IndexError):
        njit(parallel=True)(kernel)(np.arange(9.0), got, 9)
    np.testing.assert_array_equal(got, want)


def bounds_at_the_end_of_int64(out, lo, hi):
    before = 0
    for i in range(lo, hi, 2):
        out[i % 3] += before
        before = i
    return before


@pytest.mark.parametrize("lo, hi", [(2**63 - 2, 2**63 - 1), (2**63 - 4, 2**63 - 1), (-2**63, -2**63 + 3), (5, 5), (6, 5)])
def test_bounds_at_the_ends_of_int64(lo, hi):
    want, got = np.zeros(3, np.int64), np.zeros(3, np.int64)
    with np.errstate(all="ignore"):
        expected = bounds_at_the_end_of_int64(want, lo, hi)
    assert njit(parallel=True)(bounds_at_the_end_of_int64)(got, lo, hi) == expected
    np.testing.assert_array_equal(got, want)


def by_a_step(x, out, start, n, step):
    for i in range(start, n, step):
        out[i] += x[i]


@pytest.mark.parametrize("start, n, step", [(0, 20, 1), (1, 20, 3), (19, -1, -1), (0, 20, 25), (5, 5, 2), (-3, 4, 1), (19, -5, -4)])
def test_a_step_known_at_run_time(agree, start, n, step):
    agree(by_a_step, np.arange(20.0), np.ones(20), start, n, step)


def test_a_step_known_at_run_time_is_independent():
    kernel = njit(parallel=True)(by_a_step)
    kernel(np.arange(20.0), np.ones(20), 0, 20, 2)
    (entry,) = kernel.parallel_report()
    assert entry["decision"] == "parallel" and "step >= 1" in entry["guards"]
    with pytest.raises(ValueError):
        kernel(np.arange(20.0), np.ones(20), 0, 20, 0)


def test_a_prange_says_that_nothing_is_handed_on():
    def kernel(x, out):
        before = 0.0
        for i in prange(len(x)):
            out[i] = before
            before = x[i]

    stays = njit(parallel=True)(kernel)
    stays(np.zeros(5), np.zeros(5))
    (entry,) = stays.parallel_report()
    assert (entry["decision"], entry["reason"]) == ("serial", "CARRIED_SCALAR")
    with pytest.raises(ParallelRaceError):
        njit(parallel=True, race="check")(kernel)(np.zeros(5), np.zeros(5))
