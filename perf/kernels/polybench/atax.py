"""y = transpose(a) * (a * x)."""

import numpy as np

SIZES = {
    "MINI": (38, 42),
    "SMALL": (116, 124),
    "MEDIUM": (390, 410),
    "LARGE": (1900, 2100),
}


def inputs(size, rng):
    m, n = size
    return rng.random((m, n)), rng.random(n), np.zeros(n), np.zeros(m)


def atax(a, x, y, tmp):
    m = a.shape[0]
    n = a.shape[1]
    for i in range(n):
        y[i] = 0.0
    for i in range(m):
        tmp[i] = 0.0
        for j in range(n):
            tmp[i] = tmp[i] + a[i, j] * x[j]
        for j in range(n):
            y[j] = y[j] + a[i, j] * tmp[i]
