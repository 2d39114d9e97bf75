import math

from plait import njit, prange


@njit(parallel=True)
def rms(x):
    total = 0.0
    for i in prange(len(x)):
        total += x[i] * x[i]
    return math.sqrt(total / len(x))
