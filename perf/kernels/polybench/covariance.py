"""Covariance matrix of the columns of data[n, m]."""

import numpy as np

SIZES = {
    "MINI": (28, 32),
    "SMALL": (80, 100),
    "MEDIUM": (240, 260),
    "LARGE": (1200, 1400),
}


def inputs(size, rng):
    m, n = size
    return rng.random((n, m)), np.zeros((m, m)), np.zeros(m)


def covariance(data, cov, mean):
    n = data.shape[0]
    m = data.shape[1]
    for j in range(m):
        mean[j] = 0.0
        for i in range(n):
            mean[j] += data[i, j]
        mean[j] /= n
    for i in range(n):
        for j in range(m):
            data[i, j] -= mean[j]
    for i in range(m):
        for j in range(i, m):
            cov[i, j] = 0.0
            for k in range(n):
                cov[i, j] += data[k, i] * data[k, j]
            cov[i, j] /= n - 1.0
            cov[j, i] = cov[i, j]
