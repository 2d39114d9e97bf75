"""y = alpha*a*x + beta*b*x."""

import numpy as np

SIZES = {
    "MINI": (30,),
    "SMALL": (90,),
    "MEDIUM": (250,),
    "LARGE": (1300,),
}


def inputs(size, rng):
    n, = size
    return 1.5, 1.2, rng.random((n, n)), rng.random((n, n)), np.zeros(n), rng.random(n), np.zeros(n)


def gesummv(alpha, beta, a, b, tmp, x, y):
    n = a.shape[0]
    for i in range(n):
        tmp[i] = 0.0
        y[i] = 0.0
        for j in range(n):
            tmp[i] = a[i, j] * x[j] + tmp[i]
            y[i] = b[i, j] * x[j] + y[i]
        y[i] = alpha * tmp[i] + beta * y[i]
