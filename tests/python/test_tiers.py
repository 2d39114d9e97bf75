"""Baseline code for first calls with little to do, optimised code for larger or later ones: the same results."""
import numpy as np
import plait
import pytest
from plait import njit


@pytest.fixture(autouse=True)
def tiered():
    plait.config.tiered = True
    yield
    plait.config.tiered = None


def only(kernel):
    (overload,) = kernel.overloads.values()
    return overload


def scaled(x, factor):
    y = np.empty_like(x)
    for i in range(x.shape[0]):
        y[i] = x[i] * factor + 1.0
    return y


def test_a_first_call_with_little_to_do_runs_baseline_code():
    kernel = njit(parallel=True)(scaled)
    x = np.arange(100.0)
    np.testing.assert_array_equal(kernel(x, 3.0), x * 3.0 + 1.0)
    assert only(kernel).is_baseline


def test_a_larger_call_runs_optimised_code():
    kernel = njit(parallel=True)(scaled)
    x = np.arange(1000.0)
    kernel(x[:100], 3.0)
    np.testing.assert_array_equal(kernel(x, 3.0), x * 3.0 + 1.0)
    assert not only(kernel).is_baseline


def test_smaller_calls_keep_the_baseline_code():
    kernel = njit(parallel=True)(scaled)
    x = np.arange(100.0)
    for n in (100, 0, 1, 99):
        np.testing.assert_array_equal(kernel(x[:n], 3.0), x[:n] * 3.0 + 1.0)
    assert only(kernel).is_baseline


def test_many_calls_run_optimised_code_in_the_end():
    kernel = njit(parallel=True)(scaled)
    x = np.arange(10.0)
    for _ in range(1002):
        kernel(x, 3.0)
    assert not only(kernel).is_baseline
    np.testing.assert_array_equal(kernel(x, 3.0), x * 3.0 + 1.0)


def test_a_first_call_with_much_to_do_runs_optimised_code():
    kernel = njit(parallel=True)(scaled)
    kernel(np.arange(10_000_000.0), 3.0)
    assert not only(kernel).is_baseline


def until(x, limit):
    while x > limit:
        x = x * 0.5
    return x


def test_loops_of_unknown_length_are_optimised():
    kernel = njit(until)
    assert kernel(100.0, 1.0) == until(100.0, 1.0)
    assert not only(kernel).is_baseline


def below(x, n):
    i, total = 0, 0
    while i < n and x[i] >= 0:
        total += x[i]
        i += 1
    return total


def test_a_while_loop_over_a_known_number_of_elements_has_a_known_length():
    kernel = njit(below)
    x = np.arange(20)
    assert kernel(x, 20) == 190
    assert only(kernel).is_baseline


def triangle(n):
    count = 0
    for i in range(n):
        for j in range(i, n):
            for k in range(j, n):
                count += 1
    return count


def test_an_integer_larger_than_the_first_is_a_larger_call():
    kernel = njit(triangle)
    assert kernel(4) == 20
    assert only(kernel).is_baseline
    assert kernel(-1) == 0
    assert not only(kernel).is_baseline
    assert kernel(40) == 11480


def test_sums_of_floats_have_the_bits_of_optimised_code_from_the_first_call_on():
    def total(x):
        s = 0.0
        for i in range(x.shape[0]):
            s += x[i]
        return s

    x = np.random.default_rng(1).random(999)
    kernel = njit(parallel=True)(total)
    first = kernel(x)
    assert not only(kernel).is_baseline
    plait.config.tiered = False
    assert njit(parallel=True)(total)(x) == first


def test_fastmath_is_optimised_from_the_first_call_on():
    kernel = njit(parallel=True, fastmath=True)(scaled)
    kernel(np.arange(10.0), 3.0)
    assert not only(kernel).is_baseline


def test_an_error_in_baseline_code_is_the_same_error():
    def at(x, i):
        return x[i]

    kernel = njit(boundscheck=True)(at)
    with pytest.raises(IndexError, match="index 7 is out of bounds for axis 0 with size 3"):
        kernel(np.arange(3), 7)
    assert only(kernel).is_baseline


def test_explicit_compilation_gives_optimised_code():
    kernel = njit(parallel=True)(scaled)
    x = np.arange(10.0)
    kernel(x, 3.0)
    kernel.compile("float64[::1], float64")
    assert not only(kernel).is_baseline
    np.testing.assert_array_equal(kernel(x, 3.0), x * 3.0 + 1.0)


def test_without_tiers_all_code_is_optimised():
    plait.config.tiered = False
    kernel = njit(parallel=True)(scaled)
    kernel(np.arange(10.0), 3.0)
    assert not only(kernel).is_baseline


def test_tuples_are_compared_element_by_element():
    def length(t):
        n = 0
        for i in range(t[1][0]):
            n += t[0].shape[0]
        return n

    kernel = njit(length)
    assert kernel((np.ones(3), (5, 1.0))) == 15
    assert kernel((np.ones(2), (4, 9.0))) == 8
    assert only(kernel).is_baseline
    assert kernel((np.ones(2), (6, 1.0))) == 12
    assert not only(kernel).is_baseline


def test_threads_may_outgrow_baseline_code_at_once():
    import threading

    kernel = njit(parallel=True, nogil=True)(scaled)
    x = np.arange(2000.0)
    kernel(x[:10], 2.0)
    wrong = []

    def work(n):
        for k in range(n, 2000, 97):
            if not np.array_equal(kernel(x[:k], 2.0), x[:k] * 2.0 + 1.0):
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong
