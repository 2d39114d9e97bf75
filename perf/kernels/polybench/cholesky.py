"""Cholesky factor of a symmetric positive definite matrix, in the lower half."""
import math

import numpy as np

SIZES = {
    "MINI": (40,),
    "SMALL": (120,),
    "MEDIUM": (400,),
    "LARGE": (2000,),
}


def inputs(size, rng):
    n, = size
    g = rng.random((n, n))
    a = g @ g.T + n * np.eye(n)
    return a,


def cholesky(a):
    for i in range(a.shape[0]):
        for j in range(i):
            for k in range(j):
                a[i, j] -= a[i, k] * a[j, k]
            a[i, j] /= a[j, j]
        for k in range(i):
            a[i, i] -= a[i, k] * a[i, k]
        a[i, i] = math.sqrt(a[i, i])
