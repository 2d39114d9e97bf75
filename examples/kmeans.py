"""k-means clustering by Lloyd's iterations.

    python examples/kmeans.py --points 200000 --clusters 8
"""
import argparse
import time

import numpy as np

from plait import njit, prange


@njit(parallel=True)
def assign(points, centres, labels):
    """Labels each point with its nearest centre; gives the sum of squared distances."""
    inertia = 0.0
    for i in prange(points.shape[0]):
        best = 0
        smallest = np.inf
        for c in range(centres.shape[0]):
            square = 0.0
            for k in range(points.shape[1]):
                difference = points[i, k] - centres[c, k]
                square += difference * difference
            if square < smallest:
                smallest = square
                best = c
        labels[i] = best
        inertia += smallest
    return inertia


@njit(parallel=True)
def recentre(points, labels, centres):
    """Moves each centre to the mean of its points; one without points stays."""
    for c in prange(centres.shape[0]):
        members = 0
        for i in range(points.shape[0]):
            if labels[i] == c:
                members += 1
        if members == 0:
            continue
        for k in range(points.shape[1]):
            total = 0.0
            for i in range(points.shape[0]):
                if labels[i] == c:
                    total += points[i, k]
            centres[c, k] = total / members


def cluster(points, centres, most=100):
    """(centres, labels, inertia, iterations) once the inertia stays."""
    centres, labels, inertia = centres.copy(), np.zeros(len(points), np.int64), np.inf
    for iteration in range(1, most + 1):
        before, inertia = inertia, assign(points, centres, labels)
        if inertia >= before * (1 - 1e-9):
            break
        recentre(points, labels, centres)
    return centres, labels, inertia, iteration


def blobs(count, clusters, dimensions=2, seed=5):
    rng = np.random.default_rng(seed)
    middles = rng.uniform(-10, 10, (clusters, dimensions))
    return middles[rng.integers(clusters, size=count)] + rng.normal(0, 0.6, (count, dimensions))


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=200_000)
    parser.add_argument("--clusters", type=int, default=8)
    options = parser.parse_args(argv)

    points = blobs(options.points, options.clusters)
    start = time.perf_counter()
    centres, labels, inertia, iterations = cluster(points, points[: options.clusters])
    print(f"{options.points} points, {options.clusters} clusters: {iterations} iterations in "
          f"{time.perf_counter() - start:.3f} s (compiling included), inertia {inertia:.1f}")
    return centres, labels, inertia


if __name__ == "__main__":
    main()
