"""Histogram equalisation of a grey picture."""

import numpy as np

EXACT = True
SIZES = {"SMALL": (20, 31), "CACHE": (128, 128), "FULL": (3000, 4000)}


def inputs(size, rng):
    return (rng.random(size) ** 2 * 200 + 20).astype(np.uint8), np.zeros(size, np.uint8)


def equalize(picture, out):
    h = np.zeros(256, np.int64)
    for i in range(picture.shape[0]):
        for j in range(picture.shape[1]):
            h[picture[i, j]] += 1
    table = np.zeros(256, np.uint8)
    total = picture.shape[0] * picture.shape[1]
    below = 0
    for v in range(256):
        below += h[v]
        table[v] = below * 255 // total
    for i in range(picture.shape[0]):
        for j in range(picture.shape[1]):
            out[i, j] = table[picture[i, j]]


def reference(picture, out):
    h = np.bincount(picture.ravel(), minlength=256)
    out[:] = (np.cumsum(h) * 255 // picture.size).astype(np.uint8)[picture]


def flops(rows, columns):
    return 2 * rows * columns


def traffic(rows, columns):
    return 3 * rows * columns
