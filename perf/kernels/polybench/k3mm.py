"""g = (a*b)*(c*d)."""

import numpy as np

SIZES = {
    "MINI": (16, 18, 20, 22, 24),
    "SMALL": (40, 50, 60, 70, 80),
    "MEDIUM": (180, 190, 200, 210, 220),
    "LARGE": (800, 900, 1000, 1100, 1200),
}


def inputs(size, rng):
    ni, nj, nk, nl, nm = size
    return np.zeros((ni, nj)), rng.random((ni, nk)), rng.random((nk, nj)), np.zeros((nj, nl)), rng.random((nj, nm)), rng.random((nm, nl)), np.zeros((ni, nl))


def k3mm(e, a, b, f, c, d, g):
    for i in range(e.shape[0]):
        for j in range(e.shape[1]):
            e[i, j] = 0.0
            for k in range(a.shape[1]):
                e[i, j] += a[i, k] * b[k, j]
    for i in range(f.shape[0]):
        for j in range(f.shape[1]):
            f[i, j] = 0.0
            for k in range(c.shape[1]):
                f[i, j] += c[i, k] * d[k, j]
    for i in range(g.shape[0]):
        for j in range(g.shape[1]):
            g[i, j] = 0.0
            for k in range(e.shape[1]):
                g[i, j] += e[i, k] * f[k, j]
