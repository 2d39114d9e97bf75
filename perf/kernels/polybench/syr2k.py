"""Symmetric rank-2k update of the lower half of c."""

import numpy as np

SIZES = {
    "MINI": (20, 30),
    "SMALL": (60, 80),
    "MEDIUM": (200, 240),
    "LARGE": (1000, 1200),
}


def inputs(size, rng):
    m, n = size
    return 1.5, 1.2, rng.random((n, n)), rng.random((n, m)), rng.random((n, m))


def syr2k(alpha, beta, c, a, b):
    for i in range(a.shape[0]):
        for j in range(i + 1):
            c[i, j] *= beta
        for k in range(a.shape[1]):
            for j in range(i + 1):
                c[i, j] += a[j, k] * alpha * b[i, k] + b[j, k] * alpha * a[i, k]
