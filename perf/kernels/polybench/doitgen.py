"""Multiresolution analysis: a[r, q, :] = a[r, q, :] * c4."""

import numpy as np

SIZES = {
    "MINI": (8, 10, 12),
    "SMALL": (20, 25, 30),
    "MEDIUM": (40, 50, 60),
    "LARGE": (140, 150, 160),
}


def inputs(size, rng):
    nq, nr, np_ = size
    return rng.random((nr, nq, np_)), rng.random((np_, np_)), np.zeros(np_)


def doitgen(a, c4, acc):
    np_ = a.shape[2]
    for r in range(a.shape[0]):
        for q in range(a.shape[1]):
            for p in range(np_):
                acc[p] = 0.0
                for s in range(np_):
                    acc[p] += a[r, q, s] * c4[s, p]
            for p in range(np_):
                a[r, q, p] = acc[p]
