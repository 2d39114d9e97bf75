"""The heat equation's stencil of seven points in three dimensions, to and fro."""

SIZES = {"SMALL": (2, 12), "CACHE": (4, 24), "FULL": (5, 160)}


def inputs(size, rng):
    times, n = size
    return times, rng.random((n, n, n)), rng.random((n, n, n))


def stencil3(T, A, B):
    n = A.shape[0]
    m = A.shape[1]
    l = A.shape[2]
    for t in range(T):
        for i in range(1, n - 1):
            for j in range(1, m - 1):
                for k in range(1, l - 1):
                    B[i, j, k] = 0.4 * A[i, j, k] + 0.1 * (A[i - 1, j, k] + A[i + 1, j, k] + A[i, j - 1, k] +
                                                           A[i, j + 1, k] + A[i, j, k - 1] + A[i, j, k + 1])
        for i in range(1, n - 1):
            for j in range(1, m - 1):
                for k in range(1, l - 1):
                    A[i, j, k] = 0.4 * B[i, j, k] + 0.1 * (B[i - 1, j, k] + B[i + 1, j, k] + B[i, j - 1, k] +
                                                           B[i, j + 1, k] + B[i, j, k - 1] + B[i, j, k + 1])


def sweep(A, B):
    c = slice(1, -1)
    B[c, c, c] = 0.4 * A[c, c, c] + 0.1 * (A[:-2, c, c] + A[2:, c, c] + A[c, :-2, c] + A[c, 2:, c] + A[c, c, :-2] +
                                           A[c, c, 2:])


def reference(T, A, B):
    for t in range(T):
        sweep(A, B)
        sweep(B, A)


def flops(times, n):
    return 16 * times * n**3


def traffic(times, n):
    return 16 * n**3


def swept(times, n):
    return 2 * times, 24 * n**3
