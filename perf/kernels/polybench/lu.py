"""LU decomposition without pivoting, in place."""

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


def lu(a):
    n = a.shape[0]
    for i in range(n):
        for j in range(i):
            for k in range(j):
                a[i, j] -= a[i, k] * a[k, j]
            a[i, j] /= a[j, j]
        for j in range(i, n):
            for k in range(i):
                a[i, j] -= a[i, k] * a[k, j]
