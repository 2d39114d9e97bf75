"""Calls with little work: the loop as it was, or the region's body in line; the same results and exceptions."""
import numpy as np
import pytest

import switches
from plait import _plait, njit, prange


def saxpy(a, x, y):
    for i in range(len(x)):
        y[i] = a * x[i] + y[i]


def last_value(x):
    t = -1.0
    for i in range(len(x)):
        if x[i] > 2.0:
            t = x[i]
    return t


def quotients(x, y):
    for i in range(len(x)):
        y[i] = 100 // int(x[i])


def several(x):
    s, m, k = 0.5, -np.inf, 0
    for i in range(len(x)):
        s += x[i]
        m = max(m, x[i])
        k += i
    return s, m, k


def rows(x, out):
    for i in range(x.shape[0]):
        s = 0.0
        for j in range(x.shape[1]):
            s += x[i, j]
        out[i] = s


def with_an_array_each(x, out):
    for i in range(len(x)):
        t = np.empty(3)
        for k in range(3):
            t[k] = x[i] * k
        out[i] = t[0] + t[1] * t[2]


@pytest.mark.parametrize("n", [0, 1, 2, 3, 17, 64])
def test_results(agree, n):
    x = np.arange(1.0, n + 1)
    agree(saxpy, 2.0, x, x[::-1].copy(), bits=True)
    agree(last_value, x, bits=True)
    agree(several, x)
    agree(rows, np.ones((n, 5)), np.zeros(n))
    agree(with_an_array_each, x, np.zeros(n))


@pytest.mark.parametrize("shift", [-2, -1, 0, 1, 2])
def test_arrays_that_overlap(agree, shift):
    def views(a):
        for i in range(5):
            a[i + 2] = a[i + 2 + shift] + 1.0

    memory = np.arange(12.0)
    first, second = memory[2:9], memory[2 + shift:9 + shift]
    expected = memory.copy()
    saxpy(2.0, expected[2 + shift:9 + shift], expected[2:9])
    njit(parallel=True)(saxpy)(2.0, second, first)
    assert np.array_equal(memory, expected)
    agree(views, np.arange(12.0))


def test_exceptions_of_the_first_iteration_that_fails(agree):
    for x in ([5, 0, 3, 0], [0], [1, 2, 3]):
        agree(quotients, np.array(x), np.zeros(len(x), int))
    agree(saxpy, 2.0, np.ones(6), np.ones(4))


def test_little_work_asks_for_no_overlap():
    kernel, memory = njit(parallel=True)(saxpy), np.ones(20)
    kernel(2.0, memory[:10], memory[5:15])
    before = _plait._exact_runs()
    kernel(2.0, memory[:10], memory[5:15])
    assert _plait._exact_runs() == before
    with switches.threads(2, min_work=0):
        kernel(2.0, memory[:10], memory[5:15])
    assert _plait._exact_runs() == before + 1


def test_regions_in_loops_with_little_work(agree):
    def sweeps(a, b, times):
        for t in range(times):
            for i in prange(1, len(a) - 1):
                b[i] = a[i - 1] + a[i + 1]
            for i in prange(1, len(a) - 1):
                a[i] = 0.5 * b[i]

    for n in (0, 1, 2, 3, 12):
        agree(sweeps, np.arange(1.0 * n), np.zeros(n), 7, bits=True)


def row_by_matrix(x, c, out):
    for p in range(len(out)):
        out[p] = 0.0
        for s in range(len(x)):
            out[p] += x[s] * c[s, p]


@pytest.mark.parametrize("n", [0, 1, 3, 8, 40, 70])
def test_nests_in_another_order(agree, n):
    random = np.random.default_rng(n)
    agree(row_by_matrix, random.random(n), random.random((n, n)), np.zeros(n), bits=True)


def test_a_nest_in_another_order_is_taken_for_little_work_too():
    """What was written is many times slower there: it is taken for next to no work alone, not where memory is not even
    looked at."""
    kernel, memory = njit(parallel=True)(row_by_matrix), np.ones(60)
    kernel(memory[:40], np.ones((40, 40)), memory[20:])
    before = _plait._exact_runs()
    kernel(memory[:40], np.ones((40, 40)), memory[20:])
    assert _plait._exact_runs() == before + 1
