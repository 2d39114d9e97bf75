"""Jacobi's stencil of five points, to and fro."""

SIZES = {"SMALL": (4, 40), "CACHE": (10, 150), "FULL": (10, 2000)}


def inputs(size, rng):
    times, n = size
    return times, rng.random((n, n)), rng.random((n, n))


def jac2(T, A, B):
    n = A.shape[0]
    m = A.shape[1]
    for t in range(T):
        for i in range(1, n - 1):
            for j in range(1, m - 1):
                B[i, j] = 0.2 * (A[i, j] + A[i, j - 1] + A[i, j + 1] + A[i + 1, j] + A[i - 1, j])
        for i in range(1, n - 1):
            for j in range(1, m - 1):
                A[i, j] = 0.2 * (B[i, j] + B[i, j - 1] + B[i, j + 1] + B[i + 1, j] + B[i - 1, j])


def reference(T, A, B):
    for t in range(T):
        B[1:-1, 1:-1] = 0.2 * (A[1:-1, 1:-1] + A[1:-1, :-2] + A[1:-1, 2:] + A[2:, 1:-1] + A[:-2, 1:-1])
        A[1:-1, 1:-1] = 0.2 * (B[1:-1, 1:-1] + B[1:-1, :-2] + B[1:-1, 2:] + B[2:, 1:-1] + B[:-2, 1:-1])


def flops(times, n):
    return 10 * times * n * n


def traffic(times, n):
    return 16 * n * n


def swept(times, n):
    return 2 * times, 24 * n * n
