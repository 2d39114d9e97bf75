"""How many numbers fall into each of 256 bins."""

import numpy as np

EXACT = True
SIZES = {"SMALL": (1000,), "CACHE": (1 << 14,), "FULL": (1 << 23,)}


def inputs(size, rng):
    return rng.random(size[0]), 256


def hist(x, nb):
    h = np.zeros(nb, np.int64)
    for i in range(x.shape[0]):
        b = int(x[i] * nb)
        h[b] += 1
    return h


def reference(x, nb):
    return np.bincount((x * nb).astype(np.int64), minlength=nb)


def flops(n):
    return 2 * n


def traffic(n):
    return 8 * n
