"""A sparse matrix, stored by rows, times a vector."""

import numpy as np

SIZES = {"SMALL": (60, 5), "CACHE": (1000, 10), "FULL": (1 << 18, 16)}


def inputs(size, rng):
    n, each = size
    starts = np.concatenate(([0], np.cumsum(rng.integers(0, 2 * each + 1, n))))
    total = int(starts[-1])
    return starts.astype(np.int64), rng.integers(0, n, total), rng.random(total), rng.random(n), np.zeros(n)


def spmv(starts, columns, values, x, y):
    for i in range(y.shape[0]):
        s = 0.0
        for k in range(starts[i], starts[i + 1]):
            s += values[k] * x[columns[k]]
        y[i] = s


def reference(starts, columns, values, x, y):
    rows = np.repeat(np.arange(len(y)), np.diff(starts))
    y[:] = np.bincount(rows, values * x[columns], minlength=len(y))


def flops(n, each):
    return 2 * n * each


def traffic(n, each):
    return n * each * 16 + 24 * n
