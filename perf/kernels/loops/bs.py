"""Black and Scholes' prices of European options."""

import math

import numpy as np

SIZES = {"SMALL": (300,), "CACHE": (1 << 13,), "FULL": (1 << 20,)}


def inputs(size, rng):
    n = size[0]
    return rng.random(n) * 90 + 10, rng.random(n) * 90 + 10, rng.random(n) * 2 + 0.1, 0.05, 0.2, np.zeros(n), np.zeros(n)


def bs(S, X, T, r, v, call, put):
    for i in range(S.shape[0]):
        sq = math.sqrt(T[i])
        d1 = (math.log(S[i] / X[i]) + (r + 0.5 * v * v) * T[i]) / (v * sq)
        d2 = d1 - v * sq
        c1 = 0.5 + 0.5 * math.erf(d1 * 0.7071067811865476)
        c2 = 0.5 + 0.5 * math.erf(d2 * 0.7071067811865476)
        e = math.exp(-r * T[i])
        call[i] = S[i] * c1 - X[i] * e * c2
        put[i] = X[i] * e * (1.0 - c2) - S[i] * (1.0 - c1)


def reference(S, X, T, r, v, call, put):
    erf = np.vectorize(math.erf, otypes=[float])
    sq = np.sqrt(T)
    d1 = (np.log(S / X) + (r + 0.5 * v * v) * T) / (v * sq)
    d2 = d1 - v * sq
    c1, c2 = 0.5 + 0.5 * erf(d1 * 0.7071067811865476), 0.5 + 0.5 * erf(d2 * 0.7071067811865476)
    e = np.exp(-r * T)
    call[:] = S * c1 - X * e * c2
    put[:] = X * e * (1.0 - c2) - S * (1.0 - c1)


def flops(n):
    return 150 * n


def traffic(n):
    return 56 * n
