"""An array expression with a fresh result."""

import numpy as np

SIZES = {"SMALL": (1000,), "CACHE": (1 << 13,), "FULL": (1 << 23,)}


def inputs(size, rng):
    n = size[0]
    return rng.random(n), rng.random(n), rng.random(n)


def aexpr(a, b, c):
    return a * b + np.sqrt(c)


def reference(a, b, c):
    return a * b + np.sqrt(c)


def flops(n):
    return 3 * n


def traffic(n):
    return 32 * n
