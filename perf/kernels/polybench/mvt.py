"""x1 += a*y1, x2 += transpose(a)*y2."""

import numpy as np

SIZES = {
    "MINI": (40,),
    "SMALL": (120,),
    "MEDIUM": (400,),
    "LARGE": (2000,),
}


def inputs(size, rng):
    n, = size
    return rng.random(n), rng.random(n), rng.random(n), rng.random(n), rng.random((n, n))


def mvt(x1, x2, y1, y2, a):
    n = a.shape[0]
    for i in range(n):
        for j in range(n):
            x1[i] = x1[i] + a[i, j] * y1[j]
    for i in range(n):
        for j in range(n):
            x2[i] = x2[i] + a[j, i] * y2[j]
