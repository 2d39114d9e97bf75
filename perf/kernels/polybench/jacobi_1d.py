"""1-D Jacobi relaxation."""

import numpy as np

SIZES = {
    "MINI": (20, 30),
    "SMALL": (40, 120),
    "MEDIUM": (100, 400),
    "LARGE": (500, 2000),
}


def inputs(size, rng):
    tsteps, n = size
    return tsteps, rng.random(n), rng.random(n)


def jacobi_1d(tsteps, a, b):
    n = a.shape[0]
    for t in range(tsteps):
        for i in range(1, n - 1):
            b[i] = 0.33333 * (a[i - 1] + a[i] + a[i + 1])
        for i in range(1, n - 1):
            a[i] = 0.33333 * (b[i - 1] + b[i] + b[i + 1])
