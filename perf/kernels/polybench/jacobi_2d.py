"""2-D Jacobi relaxation."""

import numpy as np

SIZES = {
    "MINI": (20, 30),
    "SMALL": (40, 90),
    "MEDIUM": (100, 250),
    "LARGE": (500, 1300),
}


def inputs(size, rng):
    tsteps, n = size
    return tsteps, rng.random((n, n)), rng.random((n, n))


def jacobi_2d(tsteps, a, b):
    n = a.shape[0]
    for t in range(tsteps):
        for i in range(1, n - 1):
            for j in range(1, n - 1):
                b[i, j] = 0.2 * (a[i, j] + a[i, j - 1] + a[i, j + 1] + a[i + 1, j] + a[i - 1, j])
        for i in range(1, n - 1):
            for j in range(1, n - 1):
                a[i, j] = 0.2 * (b[i, j] + b[i, j - 1] + b[i, j + 1] + b[i + 1, j] + b[i - 1, j])
