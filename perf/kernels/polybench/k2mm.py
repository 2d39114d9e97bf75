"""d = alpha*a*b*c + beta*d."""

import numpy as np

SIZES = {
    "MINI": (16, 18, 22, 24),
    "SMALL": (40, 50, 70, 80),
    "MEDIUM": (180, 190, 210, 220),
    "LARGE": (800, 900, 1100, 1200),
}


def inputs(size, rng):
    ni, nj, nk, nl = size
    return 1.5, 1.2, np.zeros((ni, nj)), rng.random((ni, nk)), rng.random((nk, nj)), rng.random((nj, nl)), rng.random((ni, nl))


def k2mm(alpha, beta, tmp, a, b, c, d):
    for i in range(tmp.shape[0]):
        for j in range(tmp.shape[1]):
            tmp[i, j] = 0.0
            for k in range(a.shape[1]):
                tmp[i, j] += alpha * a[i, k] * b[k, j]
    for i in range(d.shape[0]):
        for j in range(d.shape[1]):
            d[i, j] *= beta
            for k in range(tmp.shape[1]):
                d[i, j] += tmp[i, k] * c[k, j]
