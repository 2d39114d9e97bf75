"""In how many ways n queens stand on a board of n rows without threatening each other."""

import numpy as np

EXACT = True
SIZES = {"SMALL": (6,), "CACHE": (8,), "FULL": (12,)}
LOOKED_UP = True  # the reference computes nothing
WAYS = (1, 1, 0, 0, 2, 10, 4, 40, 92, 352, 724, 2680, 14200, 73712)


def inputs(size, rng):
    return size


def queens(n):
    full = (1 << n) - 1
    ways = 0
    for pair in range(n * n):
        a = 1 << (pair // n)
        b = 1 << (pair % n)
        if ((a | (a << 1) | (a >> 1)) & b) == 0:
            columns = np.zeros(16, np.int64)
            left = np.zeros(16, np.int64)
            right = np.zeros(16, np.int64)
            free = np.zeros(16, np.int64)
            columns[0] = a | b
            left[0] = ((a << 1) | b) << 1
            right[0] = ((a >> 1) | b) >> 1
            free[0] = full & ~(columns[0] | left[0] | right[0])
            row = 0
            while row >= 0:
                if free[row] == 0:
                    row -= 1
                else:
                    queen = free[row] & -free[row]
                    free[row] ^= queen
                    c = columns[row] | queen
                    if c == full:
                        ways += 1
                    else:
                        le = (left[row] | queen) << 1
                        ri = (right[row] | queen) >> 1
                        row += 1
                        columns[row] = c
                        left[row] = le
                        right[row] = ri
                        free[row] = full & ~(c | le | ri)
    return ways


def reference(n):
    return WAYS[n]


def flops(n):
    return 0


def traffic(n):
    return 0
