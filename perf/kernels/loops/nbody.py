"""Accelerations of bodies that attract one another; a body's coordinates stand together."""

import math

import numpy as np

SIZES = {"SMALL": (40,), "CACHE": (200,), "FULL": (3000,)}


def inputs(size, rng):
    n = size[0]
    return rng.random((n, 3)), rng.random(n), np.zeros((n, 3)), 1e-3


def nbody(P, M, acc, eps):
    n = P.shape[0]
    for i in range(n):
        ax = 0.0
        ay = 0.0
        az = 0.0
        for j in range(n):
            dx = P[j, 0] - P[i, 0]
            dy = P[j, 1] - P[i, 1]
            dz = P[j, 2] - P[i, 2]
            r2 = dx * dx + dy * dy + dz * dz + eps
            inv = 1.0 / (r2 * math.sqrt(r2))
            f = M[j] * inv
            ax += f * dx
            ay += f * dy
            az += f * dz
        acc[i, 0] = ax
        acc[i, 1] = ay
        acc[i, 2] = az


def reference(P, M, acc, eps):
    for i in range(P.shape[0]):
        d = P - P[i]
        r2 = (d * d).sum(axis=1) + eps
        acc[i] = (M / (r2 * np.sqrt(r2))) @ d


def flops(n):
    return 20 * n * n


def traffic(n):
    return 56 * n
