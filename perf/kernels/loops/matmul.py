"""The product of two matrices as three loops, in the order of the textbook."""

import numpy as np

SIZES = {"SMALL": (24,), "CACHE": (64,), "FULL": (512,), "LARGE": (1024,)}


def inputs(size, rng):
    n = size[0]
    return rng.random((n, n)), rng.random((n, n)), np.zeros((n, n))


def matmul(A, B, C):
    n = A.shape[0]
    m = B.shape[1]
    K = A.shape[1]
    for i in range(n):
        for j in range(m):
            s = 0.0
            for k in range(K):
                s += A[i, k] * B[k, j]
            C[i, j] = s


def reference(A, B, C):
    np.matmul(A, B, out=C)


def flops(n):
    return 2 * n**3


def traffic(n):
    return 24 * n * n
