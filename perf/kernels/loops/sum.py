"""The sum of a vector."""

import numpy as np

SIZES = {"SMALL": (1000,), "CACHE": (1 << 15,), "FULL": (1 << 24,)}


def inputs(size, rng):
    return (rng.random(size[0]),)


def sum(x):
    s = 0.0
    for i in range(x.shape[0]):
        s += x[i]
    return s


def reference(x):
    return float(np.sum(x))


def flops(n):
    return n


def traffic(n):
    return 8 * n
