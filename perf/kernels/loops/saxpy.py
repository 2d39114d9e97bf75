"""y = a*x + y."""

SIZES = {"SMALL": (1000,), "CACHE": (1 << 14,), "FULL": (1 << 24,)}


def inputs(size, rng):
    return 1.0001, rng.random(size[0]), rng.random(size[0])


def saxpy(a, x, y):
    for i in range(x.shape[0]):
        y[i] = a * x[i] + y[i]


def reference(a, x, y):
    y += a * x


def flops(n):
    return 2 * n


def traffic(n):
    return 24 * n
