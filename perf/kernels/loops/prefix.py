"""Sums of all beginnings of a vector."""

import numpy as np

SIZES = {"SMALL": (1000,), "CACHE": (1 << 14,), "FULL": (1 << 23,)}


def inputs(size, rng):
    return rng.random(size[0]), np.zeros(size[0])


def prefix(x, out):
    s = 0.0
    for i in range(x.shape[0]):
        s += x[i]
        out[i] = s


def reference(x, out):
    np.cumsum(x, out=out)


def flops(n):
    return n


def traffic(n):
    return 16 * n
