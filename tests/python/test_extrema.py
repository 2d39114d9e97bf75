"""The greatest and least of many floats, which vectors find in an order of their own: NaN and the sign of a zero are CPython's."""
import math

import numpy as np
import pytest

COUNTS = (1, 2, 33, 100, 1000, 5000)


def greatest(x, out):
    m = x[0]
    for i in range(len(x)):
        m = max(m, x[i])
    out[0] = m
    out[1] = math.copysign(1.0, m)


def least_of_three(x, out):
    m = np.inf
    for i in range(len(x)):
        m = min(min(m, x[i]), abs(x[i]))
    out[0] = m
    out[1] = math.copysign(1.0, m)


def both_and_a_sum(x, out):
    low = x[0]
    high = x[0]
    zeros = 0
    for i in range(len(x)):
        if x[i] < low:
            low = x[i]
        if high < x[i]:
            high = x[i]
        zeros += x[i] == 0.0
    out[0] = low
    out[1] = high
    out[2] = math.copysign(1.0, low)
    out[3] = math.copysign(1.0, high)
    out[4] = zeros


def rows(x, out):
    n = x.shape[0] // 50
    for i in range(n):
        m = -0.0
        for j in range(50):
            m = max(m, -x[50 * i + j])
        out[i] = m
        out[n + i] = math.copysign(1.0, m)


KERNELS = (greatest, least_of_three, both_and_a_sum, rows)


def numbers(count, kind, dtype):
    rng = np.random.default_rng(count)
    x = rng.standard_normal(count).astype(dtype)
    if kind == "NaN":
        x[rng.integers(0, count, 1 + count // 7)] = np.nan
    elif kind == "NaN first":
        x[0] = np.nan
    elif kind == "zeros":
        x = np.where(rng.random(count) < 0.5, 0.0, -0.0).astype(dtype)
    elif kind == "no less than zeros":
        x = np.where(rng.random(count) < 0.5, rng.random(count), np.where(rng.random(count) < 0.5, 0.0, -0.0)).astype(dtype)
    elif kind == "infinite":
        x[rng.integers(0, count, 2)] = [np.inf, -np.inf]
    return x


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("kind", ("plain", "NaN", "NaN first", "zeros", "no less than zeros", "infinite"))
@pytest.mark.parametrize("dtype", (np.float64, np.float32))
def test_nan_and_zeros(agree, kernel, kind, dtype):
    for count in COUNTS:
        agree(kernel, numbers(count, kind, dtype), np.zeros(max(5, count // 25)))


def test_results_that_share_memory(agree):
    x = numbers(3000, "no less than zeros", np.float64)
    for kernel in KERNELS:
        agree(kernel, x, x[:120])
        agree(kernel, x[::-2], x[5:200])
