"""b = alpha * transpose(a) * b, a unit lower triangular."""

import numpy as np

SIZES = {
    "MINI": (20, 30),
    "SMALL": (60, 80),
    "MEDIUM": (200, 240),
    "LARGE": (1000, 1200),
}


def inputs(size, rng):
    m, n = size
    return 1.5, rng.random((m, m)), rng.random((m, n))


def trmm(alpha, a, b):
    m = b.shape[0]
    for i in range(m):
        for j in range(b.shape[1]):
            for k in range(i + 1, m):
                b[i, j] += a[k, i] * b[k, j]
            b[i, j] = alpha * b[i, j]
