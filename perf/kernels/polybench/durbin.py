"""Levinson-Durbin recursion for a Toeplitz system."""

import numpy as np

SIZES = {
    "MINI": (40,),
    "SMALL": (120,),
    "MEDIUM": (400,),
    "LARGE": (2000,),
}


def inputs(size, rng):
    n, = size
    return rng.random(n) / n, np.zeros(n), np.zeros(n)


def durbin(r, y, z):
    y[0] = -r[0]
    beta = 1.0
    alpha = -r[0]
    for k in range(1, r.shape[0]):
        beta = (1.0 - alpha * alpha) * beta
        total = 0.0
        for i in range(k):
            total += r[k - i - 1] * y[i]
        alpha = -(r[k] + total) / beta
        for i in range(k):
            z[i] = y[i] + alpha * y[k - i - 1]
        for i in range(k):
            y[i] = z[i]
        y[k] = alpha
