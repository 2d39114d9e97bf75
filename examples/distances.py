"""Distances between all pairs of points, and each point's nearest neighbour.

    python examples/distances.py --points 3000 --dimensions 8
"""
import argparse
import math
import time

import numpy as np

from plait import njit, prange


@njit(parallel=True)
def distances(points):
    count, dimensions = points.shape
    result = np.empty((count, count))
    for i in prange(count):
        for j in range(count):
            square = 0.0
            for k in range(dimensions):
                difference = points[i, k] - points[j, k]
                square += difference * difference
            result[i, j] = math.sqrt(square)
    return result


@njit(parallel=True)
def nearest(distance):
    """Index of the nearest other point, the first one of several."""
    count = distance.shape[0]
    result = np.empty(count, np.int64)
    for i in prange(count):
        best = -1
        for j in range(count):
            if j != i and (best < 0 or distance[i, j] < distance[i, best]):
                best = j
        result[i] = best
    return result


def cloud(count, dimensions, seed=7):
    return np.random.default_rng(seed).random((count, dimensions))


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=3000)
    parser.add_argument("--dimensions", type=int, default=8)
    options = parser.parse_args(argv)

    points = cloud(options.points, options.dimensions)
    start = time.perf_counter()
    table = distances(points)
    neighbours = nearest(table)
    print(f"{table.size} distances in {time.perf_counter() - start:.3f} s (compiling included); "
          f"the nearest neighbour is {np.mean(table[np.arange(len(points)), neighbours]):.4f} away on average")
    return table, neighbours


if __name__ == "__main__":
    main()
