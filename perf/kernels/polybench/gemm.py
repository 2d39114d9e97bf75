"""c = alpha*a*b + beta*c."""

import numpy as np

SIZES = {
    "MINI": (20, 25, 30),
    "SMALL": (60, 70, 80),
    "MEDIUM": (200, 220, 240),
    "LARGE": (1000, 1100, 1200),
}


def inputs(size, rng):
    ni, nj, nk = size
    return 1.5, 1.2, rng.random((ni, nj)), rng.random((ni, nk)), rng.random((nk, nj))


def gemm(alpha, beta, c, a, b):
    for i in range(c.shape[0]):
        for j in range(c.shape[1]):
            c[i, j] *= beta
        for k in range(a.shape[1]):
            for j in range(c.shape[1]):
                c[i, j] += alpha * a[i, k] * b[k, j]
