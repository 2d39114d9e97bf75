"""The LU factors of a matrix without exchanging rows (its diagonal dominates)."""

import numpy as np

SIZES = {"SMALL": (24,), "CACHE": (64,), "FULL": (600,)}


def inputs(size, rng):
    n = size[0]
    return rng.random((n, n)) + n * np.eye(n), np.zeros((n, n))


def lu(A, F):
    n = A.shape[0]
    for i in range(n):
        for j in range(n):
            F[i, j] = A[i, j]
    for k in range(n):
        for i in range(k + 1, n):
            F[i, k] /= F[k, k]
            for j in range(k + 1, n):
                F[i, j] -= F[i, k] * F[k, j]


def reference(A, F):
    F[:] = A
    for k in range(len(A)):
        F[k + 1:, k] /= F[k, k]
        F[k + 1:, k + 1:] -= np.outer(F[k + 1:, k], F[k, k + 1:])


def flops(n):
    return 2 * n**3 / 3


def traffic(n):
    return 16 * n * n
