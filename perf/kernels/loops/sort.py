"""Merge sort from the bottom up."""

import numpy as np

EXACT = True
SIZES = {"SMALL": (300,), "CACHE": (1 << 12,), "FULL": (1 << 20,)}


def inputs(size, rng):
    return rng.random(size[0]), np.zeros(size[0])


def sort(x, out):
    n = x.shape[0]
    work = np.empty(n)
    for k in range(n):
        out[k] = x[k]
    width = 1
    while width < n:
        for low in range(0, n, 2 * width):
            middle = min(low + width, n)
            high = min(low + 2 * width, n)
            i = low
            j = middle
            for k in range(low, high):
                if i < middle and (j >= high or out[i] <= out[j]):
                    work[k] = out[i]
                    i += 1
                else:
                    work[k] = out[j]
                    j += 1
        for k in range(n):
            out[k] = work[k]
        width = 2 * width


def reference(x, out):
    out[:] = np.sort(x)


def flops(n):
    return n * np.log2(n)


def traffic(n):
    return 24 * n


def own(n):
    return 8 * n
