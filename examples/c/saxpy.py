"""A kernel for ahead_of_time.c."""
from plait import njit, prange


@njit("none(float64, float64[::1], float64[::1])", parallel=True)
def saxpy(a, x, y):
    for i in prange(x.shape[0]):
        y[i] = a * x[i] + y[i]
