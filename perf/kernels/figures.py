"""The kernels of the figures: the same loops as perf/peers/c/figures.c."""
import numpy as np

from plait import njit, prange


@njit
def nothing():
    pass


@njit
def three(a, b, c):
    pass


@njit(parallel=True)
def saxpy(a, x, y):
    for i in prange(x.shape[0]):
        y[i] = a * x[i] + y[i]


@njit(parallel=True)
def dot(x, y):
    total = 0.0
    for i in prange(x.shape[0]):
        total += x[i] * y[i]
    return total


@njit(parallel=True)
def stencil(u, v):
    for i in prange(1, u.shape[0] - 1):
        for j in range(1, u.shape[1] - 1):
            v[i, j] = 0.2 * (u[i, j] + u[i, j - 1] + u[i, j + 1] + u[i + 1, j] + u[i - 1, j])


@njit(parallel=True)
def expression(a, b, c, out):
    out[:] = a * b + np.sqrt(c)


@njit(parallel=True)
def mandelbrot(out, x0, x1, y0, y1, limit):
    rows, columns = out.shape
    dx = (x1 - x0) / columns
    dy = (y1 - y0) / rows
    for i in prange(rows):
        for j in range(columns):
            cr = x0 + j * dx
            ci = y0 + i * dy
            zr = 0.0
            zi = 0.0
            n = 0
            while n < limit and zr * zr + zi * zi <= 4.0:
                t = zr * zr - zi * zi + cr
                zi = 2.0 * zr * zi + ci
                zr = t
                n += 1
            out[i, j] = n


@njit(parallel=True)
def regions(x, times):
    for t in range(times):
        for i in prange(x.shape[0]):
            x[i] = t
