"""Reductions give the same bits on 1 to 16 threads, under every schedule, and where small work is called in place."""
import numpy as np
import pytest

import switches
from plait import njit, prange


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
