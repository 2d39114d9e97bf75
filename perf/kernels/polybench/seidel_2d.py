"""2-D Gauss-Seidel relaxation."""

import numpy as np

SIZES = {
    "MINI": (20, 40),
    "SMALL": (40, 120),
    "MEDIUM": (100, 400),
    "LARGE": (500, 2000),
}


def inputs(size, rng):
    tsteps, n = size
    return tsteps, rng.random((n, n))


def seidel_2d(tsteps, a):
    n = a.shape[0]
    for t in range(tsteps):
        for i in range(1, n - 1):
            for j in range(1, n - 1):
                a[i, j] = (a[i - 1, j - 1] + a[i - 1, j] + a[i - 1, j + 1]
                           + a[i, j - 1] + a[i, j] + a[i, j + 1]
                           + a[i + 1, j - 1] + a[i + 1, j] + a[i + 1, j + 1]) / 9.0
