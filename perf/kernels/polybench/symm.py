"""c = alpha*a*b + beta*c, a symmetric with its lower half stored."""

import numpy as np

SIZES = {
    "MINI": (20, 30),
    "SMALL": (60, 80),
    "MEDIUM": (200, 240),
    "LARGE": (1000, 1200),
}


def inputs(size, rng):
    m, n = size
    return 1.5, 1.2, rng.random((m, n)), rng.random((m, m)), rng.random((m, n))


def symm(alpha, beta, c, a, b):
    for i in range(c.shape[0]):
        for j in range(c.shape[1]):
            temp2 = 0.0
            for k in range(i):
                c[k, j] += alpha * b[i, j] * a[i, k]
                temp2 += b[k, j] * a[i, k]
            c[i, j] = beta * c[i, j] + alpha * b[i, j] * a[i, i] + alpha * temp2
