"""A loop with an independent part and one that hands values on becomes two loops: the same values, and only where right."""
import math

import numpy as np
import pytest

from plait import njit

N = 400


def numbers(*shape, seed=1):
    return np.random.default_rng(seed).uniform(0.5, 2.0, shape)


def decision(function, *args):
    kernel = njit(parallel=True)(function)
    try:
        kernel(*args)
    except ValueError:
        pass
    return kernel.parallel_report()[0]["reason"]


def smooth(x, s):
    for i in range(1, len(x)):
        t = math.exp(-x[i] * x[i]) * x[i]
        s[i] = s[i - 1] * 0.5 + t


def backwards(x, s):
    for i in range(len(x) - 2, -1, -1):
        t = math.sin(x[i]) * math.cos(x[i])
        s[i] = s[i + 1] * 0.5 + t + i


def recurrence(x, s):
    v = 1.0
    for i in range(len(x)):
        t = math.exp(-x[i]) + math.sqrt(abs(x[i]))
        v = v * 0.5 + t
        s[i] = v
    return v, t


def last_value(x, s):
    v = 0.0
    t = 7.0
    for i in range(len(x)):
        t = math.exp(-x[i] * x[i])
        s[i] = t * 2.0
        v = t - v
    return t, v


def reads_behind(x, s):
    for i in range(1, len(x) - 1):
        t = math.exp(-x[i] * x[i]) + s[i + 1]
        s[i] = s[i - 1] * 0.5 + t


def with_a_sum(x, s):
    total = 0.0
    v = 0.0
    for i in range(len(x)):
        t = math.exp(-x[i] * x[i])
        total += t
        v = v * 0.25 + t
        s[i] = v
    return total


def inner_loop(a, x, s):
    for i in range(1, a.shape[0]):
        t = 0.0
        for j in range(a.shape[1]):
            t += a[i, j] * x[j]
        s[i] = s[i - 1] * 0.5 + t


def under_a_condition(x, s):
    v = 0.0
    for i in range(len(x)):
        t = math.exp(-x[i] * x[i])
        if t > 0.3:
            v = v * 0.5 + t
        s[i] = v


def integers(x, s):
    k = 0
    for i in range(len(x)):
        m = int(math.exp(-x[i] * x[i]) * 10.0)
        b = math.exp(-x[i] * x[i]) > 0.3
        k = (k * 3 + m) % 101
        if b:
            k += 1
        s[i] = k


SPLIT = [smooth, backwards, recurrence, last_value, with_a_sum, under_a_condition, integers]


@pytest.mark.parametrize("function", SPLIT, ids=lambda f: f.__name__)
def test_the_independent_part_runs_apart(agree, function):
    for n in (0, 1, 2, 3, N):
        agree(function, numbers(n), np.ones(n))
    assert decision(function, numbers(N), np.ones(N)) == "SPLIT"


def test_an_inner_loop_is_the_independent_part(agree):
    agree(inner_loop, numbers(30, 40), numbers(40), np.ones(30))
    agree(inner_loop, numbers(0, 40), numbers(40), np.ones(0))
    assert decision(inner_loop, numbers(30, 40), numbers(40), np.ones(30)) == "SPLIT"


def test_an_element_that_is_overwritten_later_is_read_before(agree):
    agree(reads_behind, numbers(N), np.ones(N))


@pytest.mark.parametrize("offsets", [(0, 0), (0, 1), (1, 0), (0, 5), (5, 0), (0, 30)])
@pytest.mark.parametrize("function", SPLIT, ids=lambda f: f.__name__)
def test_arguments_that_overlap(function, offsets):
    results = []
    for f in (function, njit(function), njit(parallel=True)(function)):
        memory = numbers(80)
        f(*(memory[o : o + 25] for o in offsets))
        results.append(memory)
    for got in results[1:]:
        np.testing.assert_allclose(got, results[0], rtol=1e-12)


def bounds_change(x, s, n):
    k = n
    for i in range(k):
        t = math.exp(-x[i] * x[i]) * math.exp(-x[i])
        k = k - 1
        s[i] = k + t
    return k


def test_bounds_that_the_loop_changes(agree):
    agree(bounds_change, numbers(N), np.ones(N), N)


def whole_circle(x, s):
    for i in range(1, len(x)):
        t = math.exp(s[i - 1] * 0.1) * x[i]
        s[i] = math.sin(t)


def raises(x, s):
    v = 0.0
    for i in range(len(x)):
        t = math.exp(-x[i] * x[i])
        if t > 0.7:
            raise ValueError
        v = v * 0.5 + t
        s[i] = v


@pytest.mark.parametrize("function", [whole_circle, raises], ids=lambda f: f.__name__)
def test_what_cannot_be_parted_stays(agree, function):
    agree(function, numbers(N), np.ones(N))
    assert decision(function, numbers(N), np.ones(N)) != "SPLIT"


def test_more_iterations_than_an_array_should_have_run_as_they_are():
    def count(n):
        v = 0.0
        for i in range(n):
            t = math.sin(i * 1e-3) + math.cos(i * 1e-3)
            v = v * 0.5 + t
        return v

    n = (1 << 24) + 10
    np.testing.assert_allclose(njit(parallel=True)(count)(n), njit(count)(n), rtol=1e-10)
