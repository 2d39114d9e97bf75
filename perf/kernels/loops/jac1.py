"""Jacobi's stencil of three points, to and fro."""

SIZES = {"SMALL": (7, 200), "CACHE": (20, 1 << 13), "FULL": (100, 200_000)}


def inputs(size, rng):
    times, n = size
    return times, rng.random(n), rng.random(n)


def jac1(T, A, B):
    n = A.shape[0]
    for t in range(T):
        for i in range(1, n - 1):
            B[i] = 0.33333 * (A[i - 1] + A[i] + A[i + 1])
        for i in range(1, n - 1):
            A[i] = 0.33333 * (B[i - 1] + B[i] + B[i + 1])


def reference(T, A, B):
    for t in range(T):
        B[1:-1] = 0.33333 * (A[:-2] + A[1:-1] + A[2:])
        A[1:-1] = 0.33333 * (B[:-2] + B[1:-1] + B[2:])


def flops(times, n):
    return 6 * times * n


def traffic(times, n):
    return 16 * n
