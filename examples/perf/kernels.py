"""Kernels that suite.yaml keeps an eye on."""
import math

import numpy as np

from plait import njit


@njit
def axpy(a, x, y):
    for i in range(len(x)):
        y[i] += a * x[i]


@njit
def blur(image, out):
    for i in range(1, image.shape[0] - 1):
        for j in range(1, image.shape[1] - 1):
            out[i, j] = (image[i - 1, j] + image[i + 1, j] + image[i, j - 1] + image[i, j + 1] + 4 * image[i, j]) / 8


@njit
def matmul(a, b):
    c = np.zeros((a.shape[0], b.shape[1]))
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            for k in range(a.shape[1]):
                c[i, j] += a[i, k] * b[k, j]
    return c


@njit
def gather(values, where):
    total = 0.0
    for i in range(len(where)):
        total += math.sqrt(values[where[i]])
    return total
