"""Finite-difference time-domain method on a 2-D grid."""

import numpy as np

SIZES = {
    "MINI": (20, 20, 30),
    "SMALL": (40, 60, 80),
    "MEDIUM": (100, 200, 240),
    "LARGE": (500, 1000, 1200),
}


def inputs(size, rng):
    tmax, nx, ny = size
    return rng.random((nx, ny)), rng.random((nx, ny)), rng.random((nx, ny)), rng.random(tmax)


def fdtd_2d(ex, ey, hz, fict):
    nx = ex.shape[0]
    ny = ex.shape[1]
    for t in range(fict.shape[0]):
        for j in range(ny):
            ey[0, j] = fict[t]
        for i in range(1, nx):
            for j in range(ny):
                ey[i, j] = ey[i, j] - 0.5 * (hz[i, j] - hz[i - 1, j])
        for i in range(nx):
            for j in range(1, ny):
                ex[i, j] = ex[i, j] - 0.5 * (hz[i, j] - hz[i, j - 1])
        for i in range(nx - 1):
            for j in range(ny - 1):
                hz[i, j] = hz[i, j] - 0.7 * (ex[i, j + 1] - ex[i, j] + ey[i + 1, j] - ey[i, j])
