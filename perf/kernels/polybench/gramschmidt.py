"""QR decomposition by modified Gram-Schmidt."""
import math

import numpy as np

SIZES = {
    "MINI": (20, 30),
    "SMALL": (60, 80),
    "MEDIUM": (200, 240),
    "LARGE": (1000, 1200),
}


def inputs(size, rng):
    m, n = size
    return rng.random((m, n)) + np.eye(m, n), np.zeros((n, n)), np.zeros((m, n))


def determined(a, r, q):
    """A matrix of m rows has m independent columns: what becomes of the others are rounding errors, normalised."""
    m = a.shape[0]
    return a[:, :m], r[:m, :m], q[:, :m]


def gramschmidt(a, r, q):
    m = a.shape[0]
    n = a.shape[1]
    for k in range(n):
        nrm = 0.0
        for i in range(m):
            nrm += a[i, k] * a[i, k]
        r[k, k] = math.sqrt(nrm)
        for i in range(m):
            q[i, k] = a[i, k] / r[k, k]
        for j in range(k + 1, n):
            r[k, j] = 0.0
            for i in range(m):
                r[k, j] += q[i, k] * a[i, j]
            for i in range(m):
                a[i, j] = a[i, j] - q[i, k] * r[k, j]
