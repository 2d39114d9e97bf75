"""Stores past the caches: results larger than the last cache, and those that just look like it."""
import ctypes

import numpy as np
import pytest

from plait import njit

LAST = 32 << 20  # bytes; where the last cache is larger the usual loops run, and give the same


def root_of_sum(a, b, c):
    return a * b + np.sqrt(c)


def into_fresh(a, k):
    out = np.empty(a.shape[0], a.dtype)
    for i in range(a.shape[0]):
        out[i] = a[i] * k
    return out


def two_results(a):
    up, down = np.empty_like(a), np.empty_like(a)
    for i in range(a.shape[0]):
        up[i] = a[i] + 1
        down[a.shape[0] - 1 - i] = a[i] - 1
    return up, down


def in_place(a, out):
    for i in range(a.shape[0]):
        out[i] = out[i] + a[i]


def later(a, out, start):
    for i in range(start, a.shape[0]):
        out[i] = a[i - start] + 0.5


def arguments(dtype, n):
    return np.arange(n).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, np.int16, np.complex64])
@pytest.mark.parametrize("parallel", [False, True])
def test_results_larger_than_the_last_cache(dtype, parallel):
    a = arguments(dtype, LAST // np.dtype(dtype).itemsize + 77)
    got = njit(parallel=parallel)(into_fresh)(a, a[3])
    np.testing.assert_array_equal(got, a * a[3])


@pytest.mark.parametrize("parallel", [False, True])
def test_array_expressions(parallel):
    a = arguments(np.float64, LAST // 8 + 5)
    got = njit(parallel=parallel)(root_of_sum)(a, a[::-1].copy(), a)
    np.testing.assert_allclose(got, root_of_sum(a, a[::-1], a), rtol=1e-15)


@pytest.mark.parametrize("parallel", [False, True])
def test_several_results_in_both_directions(parallel):
    a = arguments(np.float64, LAST // 8 + 3)
    up, down = njit(parallel=parallel)(two_results)(a)
    np.testing.assert_array_equal(up, a + 1)
    np.testing.assert_array_equal(down, a[::-1] - 1)


@pytest.mark.parametrize("start", [0, 1, 8])
@pytest.mark.parametrize("shift", [0, 1, 3])
def test_wherever_the_memory_begins(start, shift):
    n = LAST // 8 + 9
    memory = np.zeros(n + 16)
    first = (-memory.ctypes.data % 64) // 8 + shift  # `shift` numbers behind a line's beginning
    out, a = memory[first:first + n], arguments(np.float64, n)
    njit(parallel=True)(later)(a, out, start)
    np.testing.assert_array_equal(out[start:], a[:n - start] + 0.5)
    assert not out[:start].any() and not memory[:first].any() and not memory[first + n:].any()


def test_what_is_read_too_and_what_is_the_same_array():
    a = arguments(np.float64, LAST // 8 + 1)
    out = a[::-1].copy()
    njit(parallel=True)(in_place)(a, out)
    np.testing.assert_array_equal(out, np.full_like(a, a[-1]))
    njit(parallel=True)(later)(a, a, 0)  # the array is its own source
    np.testing.assert_array_equal(a, arguments(np.float64, len(a)) + 0.5)


def test_only_where_vectors_are_lines():
    kernel = njit(parallel=True)(root_of_sum)
    kernel(np.ones(1000), np.ones(1000), np.ones(1000))
    text = kernel.inspect_llvm(kernel.signatures[0])
    assert ("!nontemporal" in text) == ("<8 x double>" in text)


def test_the_question(runtime):
    """A loop outside of regions is asked about by its own bytes."""
    streams = lambda iterations, size: runtime.plrt_stores_stream(ctypes.c_int64(iterations), ctypes.c_int64(size))
    assert streams(1, 1 << 40) == 1
    assert streams(1 << 20, 1 << 10) == 0
