"""Indices that data decide are computed for a block of iterations: what the loop does, and where it stops, is the source's."""
import numpy as np
import pytest

from plait import njit


def histogram(x, n):
    h = np.zeros(n, np.int64)
    for i in range(len(x)):
        b = int(x[i] * n)
        h[b] += 1
    return h


def what_is_left(x, n):
    h = np.zeros(n)
    b = -7
    i = -5
    for i in range(3, len(x)):
        b = int(x[i] * n)
        h[b] = h[b] * 0.5 + i
    return h, b, i


def weighted(x, y, w, n):
    h = np.zeros((n, n))
    for i in range(len(x)):
        h[int(x[i] * n), int(y[i] * n)] += w[i]
    return h


def chained(x, n):
    """The second index is read by the first: not early."""
    h = np.zeros(n, np.int64)
    at = np.arange(n)[::-1].copy()
    for i in range(len(x)):
        h[at[int(x[i] * n)]] += i
    return h


def moving(x, n):
    """What is read has been written by earlier iterations."""
    h = x.copy()
    for i in range(len(x)):
        h[int(h[i] * n) % len(x)] += 0.125
        h[int(h[i])] += 0.25
    return h


def carried(x, n):
    h = np.zeros(n, np.int64)
    last = 0
    for i in range(len(x)):
        h[last] += 1
        last = int(x[i] * n)
    return h, last


def backwards(x, n):
    h = np.zeros(n)
    for i in range(len(x) - 1, -1, -1):
        h[int(x[i] * n)] = i
    return h


LENGTHS = [0, 1, 3, 4, 127, 128, 129, 131, 700, 20_000]


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("kernel", [histogram, what_is_left, chained, moving, carried, backwards], ids=lambda f: f.__name__)
def test_loops_over_picked_elements(agree, kernel, length):
    agree(kernel, np.random.default_rng(1).random(length), 16, bits=True)


@pytest.mark.parametrize("length", LENGTHS)
def test_two_indices_and_weights(agree, length):
    rng = np.random.default_rng(2)
    agree(weighted, rng.random(length), rng.random(length), rng.random(length), 9, rtol=1e-12)


def test_indices_count_from_the_end(agree):
    agree(histogram, np.random.default_rng(3).random(1000) * 2 - 1, 16, bits=True)
    agree(what_is_left, np.random.default_rng(3).random(1000) * 1.9 - 0.95, 16, bits=True)
    for at in (0, 255, 256, 700, 1999):
        x = np.random.default_rng(4).random(2000)
        x[at] = -0.5
        agree(histogram, x, 16, bits=True)
        agree(what_is_left, x, 16, bits=True)


def test_other_floats(agree):
    agree(histogram, np.random.default_rng(4).random(1000).astype(np.float32), 16, bits=True)
    agree(histogram, np.random.default_rng(4).random(2000)[::-2], 16, bits=True)


def keep_counting(h, x):
    n = len(h)
    counts = np.zeros(n)
    for i in range(len(x)):
        counts[int(x[i])] += 1.0
        h[i] = counts[int(x[i])]
    return counts


@pytest.mark.parametrize("parallel", [False, True])
@pytest.mark.parametrize("bad", [16.0, -17.0, 1e300, -1e300, np.inf, -np.inf, 2.0**63, -(2.0**63)])
@pytest.mark.parametrize("at", [0, 1, 255, 256, 258, 999])
@pytest.mark.parametrize("least", [-16, 0])
def test_a_bad_index_is_met_where_it_stands(bad, at, least, parallel):
    """What iterations before it stored is there, what later ones would store is not."""
    def walk(h, x, n):
        for i in range(len(x)):
            b = int(x[i])
            h[b] += 1
        return h

    kernel = njit(parallel=parallel)(walk)
    local = njit(parallel=parallel)(histogram)
    x = np.random.default_rng(5).integers(least, 16, 1000).astype(float)
    x[at] = bad
    h = np.zeros(16, np.int64)
    with pytest.raises(IndexError) as caught:
        kernel(h, x, 16)
    assert h.sum() == at
    big = int(np.clip(bad, -(2.0**63), 2.0**62)) if abs(bad) < 2.0**63 else (2**63 - 1 if bad > 0 else -(2**63))
    assert f"index {big} " in str(caught.value)
    with pytest.raises(IndexError):
        local(x / 16, 16)


@pytest.mark.parametrize("parallel", [False, True])
def test_not_a_number_saturates_to_zero(parallel):
    """As everywhere: int() of it is 0."""
    x = np.full(300, 0.5)
    x[[5, 200]] = np.nan
    assert list(njit(parallel=parallel)(histogram)(x, 4)) == [2, 0, 298, 0]


def test_values_computed_on_the_way(agree):
    agree(keep_counting, np.zeros(16), np.random.default_rng(6).integers(-16, 16, 16).astype(float), bits=True)


def test_the_report_says_it():
    kernel = njit(parallel=True)(histogram)
    kernel(np.random.default_rng(7).random(100), 4)
    assert any("indices of" in (entry["tile"] or "") for entry in kernel.parallel_report())
