"""Vector multiplication and matrix addition."""

import numpy as np

SIZES = {
    "MINI": (40,),
    "SMALL": (120,),
    "MEDIUM": (400,),
    "LARGE": (2000,),
}


def inputs(size, rng):
    n, = size
    v = lambda: rng.random(n)
    return 1.5, 1.2, rng.random((n, n)), v(), v(), v(), v(), np.zeros(n), np.zeros(n), v(), v()


def gemver(alpha, beta, a, u1, v1, u2, v2, w, x, y, z):
    n = a.shape[0]
    for i in range(n):
        for j in range(n):
            a[i, j] = a[i, j] + u1[i] * v1[j] + u2[i] * v2[j]
    for i in range(n):
        for j in range(n):
            x[i] = x[i] + beta * a[j, i] * y[j]
    for i in range(n):
        x[i] = x[i] + z[i]
    for i in range(n):
        for j in range(n):
            w[i] = w[i] + alpha * a[i, j] * x[j]
