"""The two products of BiCG: s = transpose(a)*r, q = a*p."""

import numpy as np

SIZES = {
    "MINI": (38, 42),
    "SMALL": (116, 124),
    "MEDIUM": (390, 410),
    "LARGE": (1900, 2100),
}


def inputs(size, rng):
    m, n = size
    return rng.random((n, m)), np.zeros(m), np.zeros(n), rng.random(m), rng.random(n)


def bicg(a, s, q, p, r):
    n = a.shape[0]
    m = a.shape[1]
    for i in range(m):
        s[i] = 0.0
    for i in range(n):
        q[i] = 0.0
        for j in range(m):
            s[j] = s[j] + r[i] * a[i, j]
            q[i] = q[i] + a[i, j] * p[j]
