"""Reductions give the same bits on 1 to 16 threads, under every schedule, and where small work is called in place."""
import numpy as np
import pytest

import switches
from plait import _plait, njit, prange


def total(x, y):
    s = 0.0
    for i in prange(x.shape[0]):
        s += x[i] * y[i]
    return s


def several(x, y):
    s, p, low, high, hits = 1.0, 1.0, np.inf, -np.inf, 0
    for i in range(x.shape[0]):
        s -= x[i] / (1.0 + y[i])
        p *= 1.0 + 1e-3 * x[i]
        low = min(low, x[i] - y[i])
        if y[i] > high:
            high = y[i]
        if x[i] > 0.5:
            hits += 1
    return s, p, low, high, hits


def nested(x, y):
    s = 0.0
    for i in range(x.shape[0]):
        row = 0.0
        for j in range(i):
            row += x[j] * y[i - j]
        s += row * row
    return s


def arrays(x, y):
    return np.sum(x * y) + np.mean(x) + np.max(y - x)


@pytest.mark.parametrize("kernel", (total, several, nested, arrays), ids=lambda f: f.__name__)
@pytest.mark.parametrize("size", (1, 100, 1777))
def test_reductions(kernel, size):
    rng = np.random.default_rng(size)
    x, y = rng.random(size), rng.random(size)
    compiled = njit(parallel=True)(kernel)
    for grain in (0, 13):
        results = set()
        for threads in (1, 2, 3, 4, 8, 16):
            for schedule in ("static", "dynamic", "guided"):
                with switches.threads(threads, schedule=schedule, min_work=0, grain=grain):
                    results.add(np.array(compiled(x, y), float).tobytes())
        if not grain:
            results.add(np.array(compiled(x, y), float).tobytes())
        with switches.shuffled(5, grain=grain):
            results.add(np.array(compiled(x, y), float).tobytes())
        assert len(results) == 1
    np.testing.assert_allclose(compiled(x, y), kernel(x, y), rtol=1e-9)


def rows(x, y):
    out = np.zeros(x.shape[0])
    add_rows(x, y, out)
    return out


@njit(parallel=True)
def add_rows(x, y, out):
    for i in range(x.shape[0]):
        s = y[0]
        for j in range(x.shape[1]):
            s += x[i, j] * y[j]
        out[i] = s


@pytest.mark.parametrize("shape", [(1, 1), (3, 4), (7, 40), (40, 7), (9, 1), (30, 30)])
def test_tiny_sums_within_iterations(runtime, shape):
    """What has next to no work runs as it was written, whatever the settings are."""
    rng = np.random.default_rng(5)
    x, y = rng.random(shape), rng.random(shape[1])
    runtime.plrt_set_tiny_work(-1)
    try:
        results = {rows(x, y).tobytes()}
        for threads in (1, 2, 4):
            with switches.threads(threads, schedule="dynamic", min_work=0):
                results.add(rows(x, y).tobytes())
        with switches.shuffled(7):
            results.add(rows(x, y).tobytes())
        before = _plait._stats_enable(True)
        results.add(rows(x, y).tobytes())
        _plait._stats_enable(before)
    finally:
        runtime.plrt_set_tiny_work(0)
    assert len(results) == 1
    np.testing.assert_allclose(np.frombuffer(results.pop()), y[0] + x @ y, rtol=1e-12)
