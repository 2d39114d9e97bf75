"""All-pairs shortest paths, int64."""

import numpy as np

SIZES = {
    "MINI": (60,),
    "SMALL": (180,),
    "MEDIUM": (500,),
    "LARGE": (2800,),
}


def inputs(size, rng):
    n, = size
    return rng.integers(1, 1000, (n, n)),


def floyd_warshall(path):
    n = path.shape[0]
    for k in range(n):
        for i in range(n):
            for j in range(n):
                path[i, j] = min(path[i, j], path[i, k] + path[k, j])
