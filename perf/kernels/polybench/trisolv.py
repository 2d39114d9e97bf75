"""Forward substitution l*x = b."""

import numpy as np

SIZES = {
    "MINI": (40,),
    "SMALL": (120,),
    "MEDIUM": (400,),
    "LARGE": (2000,),
}


def inputs(size, rng):
    n, = size
    return rng.random((n, n)) + n * np.eye(n), np.zeros(n), rng.random(n)


def trisolv(l, x, b):
    for i in range(l.shape[0]):
        x[i] = b[i]
        for j in range(i):
            x[i] -= l[i, j] * x[j]
        x[i] = x[i] / l[i, i]
