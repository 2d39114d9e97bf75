"""Black and Scholes' prices in single precision, the normal distribution by a polynomial."""

import numpy as np

TOLERANCE = 2e-4
SIZES = {"SMALL": (300,), "CACHE": (1 << 13,), "FULL": (1 << 21,)}


def inputs(size, rng):
    n = size[0]
    f = np.float32
    return ((rng.random(n) * 90 + 10).astype(f), (rng.random(n) * 90 + 10).astype(f), (rng.random(n) * 2 + 0.1).astype(f),
            f(0.05), f(0.2), np.zeros(n, f), np.zeros(n, f))


def bs32(S, X, T, r, v, call, put):
    def below(d):
        a = np.abs(d)
        k = np.float32(1.0) / (np.float32(1.0) + np.float32(0.2316419) * a)
        p = k * (np.float32(0.31938153) + k * (np.float32(-0.356563782) + k * (np.float32(1.781477937) + k * (
            np.float32(-1.821255978) + k * np.float32(1.330274429)))))
        tail = np.float32(0.39894228) * np.exp(np.float32(-0.5) * a * a) * p
        return np.float32(1.0) - tail if d > np.float32(0.0) else tail

    half = np.float32(0.5)
    one = np.float32(1.0)
    for i in range(S.shape[0]):
        sq = np.sqrt(T[i])
        d1 = (np.log(S[i] / X[i]) + (r + half * v * v) * T[i]) / (v * sq)
        d2 = d1 - v * sq
        c1 = below(d1)
        c2 = below(d2)
        e = np.exp(-r * T[i])
        call[i] = S[i] * c1 - X[i] * e * c2
        put[i] = X[i] * e * (one - c2) - S[i] * (one - c1)


def many_below(d):
    f = np.float32
    a = np.abs(d)
    k = f(1) / (f(1) + f(0.2316419) * a)
    p = k * (f(0.31938153) + k * (f(-0.356563782) + k * (f(1.781477937) + k * (f(-1.821255978) + k * f(1.330274429)))))
    tail = f(0.39894228) * np.exp(f(-0.5) * a * a) * p
    return np.where(d > 0, f(1) - tail, tail)


def reference(S, X, T, r, v, call, put):
    f = np.float32
    sq = np.sqrt(T)
    d1 = (np.log(S / X) + (r + f(0.5) * v * v) * T) / (v * sq)
    d2 = d1 - v * sq
    c1, c2 = many_below(d1), many_below(d2)
    e = np.exp(-r * T)
    call[:] = S * c1 - X * e * c2
    put[:] = X * e * (f(1) - c2) - S * (f(1) - c1)


def flops(n):
    return 90 * n


def traffic(n):
    return 28 * n
