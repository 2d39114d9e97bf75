"""RNA secondary structure prediction by dynamic programming, int64."""

import numpy as np

SIZES = {
    "MINI": (60,),
    "SMALL": (180,),
    "MEDIUM": (500,),
    "LARGE": (2500,),
}


def inputs(size, rng):
    n, = size
    return rng.integers(0, 4, n), np.zeros((n, n), np.int64)


def nussinov(seq, table):
    n = seq.shape[0]
    for i in range(n - 1, -1, -1):
        for j in range(i + 1, n):
            if j - 1 >= 0:
                table[i, j] = max(table[i, j], table[i, j - 1])
            if i + 1 < n:
                table[i, j] = max(table[i, j], table[i + 1, j])
            if j - 1 >= 0 and i + 1 < n:
                if i < j - 1:
                    pair = 1 if seq[i] + seq[j] == 3 else 0
                    table[i, j] = max(table[i, j], table[i + 1, j - 1] + pair)
                else:
                    table[i, j] = max(table[i, j], table[i + 1, j - 1])
            for k in range(i + 1, j):
                table[i, j] = max(table[i, j], table[i, k] + table[k + 1, j])
