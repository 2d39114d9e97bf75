"""Iterations of a parallel loop that walk side by side through inner loops of chains: CPython's bits, whatever the width."""
import numpy as np
import pytest

SIZES = (0, 1, 7, 16, 17, 63, 65, 300)


def filter_columns(x, y):
    for j in range(x.shape[1]):
        before = 0.0
        second = 0.0
        for i in range(x.shape[0]):
            y[i, j] = x[i, j] + 0.5 * before - 0.25 * second
            second = before
            before = y[i, j]


def filter_rows_backwards(x, y):
    for i in range(x.shape[0]):
        carry = 1.0
        for j in range(x.shape[1] - 1, -1, -1):
            carry = carry * 0.5 + x[i, j]
            y[i, j] = carry
        y[i, 0] += carry


def conditional(x, y):
    for j in range(x.shape[1]):
        high = 0.0
        rising = False
        steps = 0
        for i in range(x.shape[0]):
            if x[i, j] > high:
                high = x[i, j]
                rising = True
                steps += 1
            else:
                high = high * 0.75
                rising = rising and steps > 2
            y[i, j] = high + steps if rising else -high


def two_loops_inside(x, y):
    for j in range(x.shape[1]):
        level = 1.0
        for k in range(3):
            for i in range(1, x.shape[0]):
                y[i, j] = y[i - 1, j] * 0.5 + x[i, j] * level
            level = level + y[x.shape[0] - 1, j]
        for i in range(x.shape[0]):
            y[i, j] = y[i, j] / (1.0 + level * level)


def complex_chain(x, y):
    for j in range(x.shape[1]):
        z = 0.5 + 0.25j
        for i in range(x.shape[0]):
            z = z * z + 0.1 * x[i, j]
            y[i, j] = z.real - z.imag


def sum_of_columns(x, y):
    for j in range(x.shape[1]):
        total = 0.0
        for i in range(x.shape[0]):
            total += x[i, j] * x[i, j]
        y[0, j] = total


def bounds_differ(x, y):
    for j in range(x.shape[1]):
        carry = 0.0
        for i in range(min(j, x.shape[0])):
            carry = carry * 0.5 + x[i, j]
            y[i, j] = carry


CHAINS = (filter_columns, filter_rows_backwards, conditional, two_loops_inside, complex_chain, sum_of_columns, bounds_differ)


@pytest.mark.parametrize("chain", CHAINS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("long", SIZES)
def test_chains(agree, chain, long):
    rng = np.random.default_rng(long)
    for shape in ((9, long), (long, 9)):
        if min(shape) > 0 or chain is filter_columns:
            agree(chain, rng.random(shape), rng.random(shape))


@pytest.mark.parametrize("chain", (filter_columns, filter_rows_backwards), ids=lambda f: f.__name__)
def test_views(agree, chain):
    rng = np.random.default_rng(1)
    x, y = rng.random((40, 70)), rng.random((40, 70))
    agree(chain, x[::2, ::-1], y[::2])
    agree(chain, x.T, y.T)
    agree(chain, np.broadcast_to(x[0], x.shape), y)
    agree(chain, x, x)
    agree(chain, x[1:], x[:-1])


def test_strips_are_reported():
    from plait import njit

    kernel = njit(parallel=True)(filter_columns)
    kernel(np.ones((5, 100)), np.ones((5, 100)))
    outer = kernel.parallel_report()[0]
    assert outer["decision"] == "parallel" and "side by side" in outer["tile"]


def sweeps(a, times):
    for t in range(times):
        for i in range(1, a.shape[0] - 1):
            for j in range(1, a.shape[1] - 1):
                a[i, j] = (a[i - 1, j] + a[i, j - 1] + a[i, j] + a[i, j + 1] + a[i + 1, j]) / 5.0


def sweeps_both_ways(a, times):
    for t in range(times):
        for i in range(2, a.shape[0] - 2):
            for j in range(a.shape[1] - 2, 0, -1):
                a[i, j] = 0.25 * (a[i - 2, j + 1] + a[i, j + 1] + a[i, j] + a[i + 1, j - 1])
            for j in range(1, a.shape[1] - 1):
                a[i, j] = a[i, j - 1] * 0.5 + a[i - 1, j]


def sweeps_back_in_time(a, times):
    for t in range(times - 1, -1, -1):
        for i in range(1, a.shape[0] - 1):
            for j in range(1, a.shape[1]):
                a[i, j] = a[i, j - 1] * 0.5 + a[i + 1, j] * 0.25 - a[i - 1, j] + t


@pytest.mark.parametrize("sweep", (sweeps, sweeps_both_ways, sweeps_back_in_time), ids=lambda f: f.__name__)
@pytest.mark.parametrize("shape", ((3, 3), (5, 40), (40, 5), (70, 12), (150, 9)))
@pytest.mark.parametrize("times", (0, 1, 2, 17, 40))
def test_columns_of_a_wavefront(agree, sweep, shape, times):
    agree(sweep, np.random.default_rng(times).random(shape), times)


def dividing(x, y):
    for i in range(x.shape[0]):
        carry = 1.0
        for j in range(x.shape[1]):
            carry = carry / x[i, j]
            if carry * carry > 16.0:
                carry = 1.0 / (y[i, j] - 2.0)
            y[i, j] = carry


def failing_line(function, *arguments):
    with pytest.raises(ZeroDivisionError) as error:
        function(*arguments)
    return error.traceback[-1].lineno


@pytest.mark.parametrize("rows", (8, 40, 200))
def test_the_lowest_iteration_raises(agree, runtime, rows):
    import plait

    x, y = np.full((rows, 30), 0.5), np.ones((rows, 30))
    agree(dividing, x, y)
    first = dividing.__code__.co_firstlineno + 3
    x[rows // 2, 1] = 0.0
    late = y.copy()
    late[rows // 3, 20:] = 2.0
    kernel, before = plait.njit(parallel=True)(dividing), plait.get_num_threads()
    runtime.plrt_set_min_work(0)
    try:
        for threads in range(1, before + 1):
            plait.set_num_threads(threads)
            assert failing_line(kernel, x.copy(), y.copy()) == first
            assert failing_line(kernel, x.copy(), late.copy()) == first + 2
        plait.set_num_threads(before)
        assert failing_line(plait.njit(dividing), x.copy(), late.copy()) == first + 2
        assert kernel.parallel_report()[0]["tile"]
    finally:
        runtime.plrt_set_min_work(-1)
        plait.set_num_threads(before)
