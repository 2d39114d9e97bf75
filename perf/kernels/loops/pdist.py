"""Distances between all pairs of points."""

import math

import numpy as np

SIZES = {"SMALL": (30, 5), "CACHE": (100, 16), "FULL": (1500, 16)}


def inputs(size, rng):
    n, d = size
    return rng.random((n, d)), np.zeros((n, n))


def pdist(X, D):
    n = X.shape[0]
    d = X.shape[1]
    for i in range(n):
        for j in range(n):
            s = 0.0
            for k in range(d):
                t = X[i, k] - X[j, k]
                s += t * t
            D[i, j] = math.sqrt(s)


def reference(X, D):
    for i in range(X.shape[0]):
        t = X[i] - X
        D[i] = np.sqrt((t * t).sum(axis=1))


def flops(n, d):
    return n * n * (3 * d + 1)


def traffic(n, d):
    return 8 * n * n
