"""Steps of Lloyd's algorithm: points to the nearest centre, centres to the middle of their points."""

import numpy as np

SIZES = {"SMALL": (2, 100, 3, 4), "CACHE": (2, 1000, 8, 16), "FULL": (3, 100_000, 8, 16)}


def inputs(size, rng):
    times, n, d, k = size
    points = rng.random((n, d))
    return times, points, points[:k].copy(), np.zeros(n, np.int64)


def kmeans(times, X, C, nearest):
    n = X.shape[0]
    d = X.shape[1]
    k = C.shape[0]
    for t in range(times):
        sums = np.zeros((k, d))
        counts = np.zeros(k, np.int64)
        for i in range(n):
            best = np.inf
            where = 0
            for c in range(k):
                s = 0.0
                for m in range(d):
                    e = X[i, m] - C[c, m]
                    s += e * e
                if s < best:
                    best = s
                    where = c
            nearest[i] = where
            counts[where] += 1
            for m in range(d):
                sums[where, m] += X[i, m]
        for c in range(k):
            if counts[c] > 0:
                for m in range(d):
                    C[c, m] = sums[c, m] / counts[c]


def reference(times, X, C, nearest):
    for t in range(times):
        distances = np.empty((len(C), len(X)))
        for c in range(len(C)):
            e = X - C[c]
            distances[c] = (e * e).sum(axis=1)
        nearest[:] = distances.argmin(axis=0)
        counts = np.bincount(nearest, minlength=len(C))
        for m in range(X.shape[1]):
            sums = np.bincount(nearest, X[:, m], minlength=len(C))
            C[:, m] = np.where(counts > 0, sums / np.maximum(counts, 1), C[:, m])


def flops(times, n, d, k):
    return times * n * (3 * d * k + d)


def traffic(times, n, d, k):
    return times * n * (8 * d + 8)
