"""Euclid's norms of a matrix's rows."""

import math

import numpy as np

SIZES = {"SMALL": (20, 33), "CACHE": (64, 200), "FULL": (4000, 2000)}


def inputs(size, rng):
    return rng.random(size), np.zeros(size[0])


def l2rows(X, out):
    for i in range(X.shape[0]):
        s = 0.0
        for j in range(X.shape[1]):
            s += X[i, j] * X[i, j]
        out[i] = math.sqrt(s)


def reference(X, out):
    out[:] = np.sqrt(np.einsum("ij,ij->i", X, X))


def flops(rows, columns):
    return 2 * rows * columns


def traffic(rows, columns):
    return 8 * rows * columns
