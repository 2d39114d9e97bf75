"""Loops that begin with sums along short rows and combine what comes out: strips of rows are turned, the rest is in order."""
import numpy as np
import pytest


def centres(X, C, nearest, sums, counts):
    for i in range(X.shape[0]):
        best = np.inf
        where = 0
        for c in range(C.shape[0]):
            s = 0.0
            for m in range(X.shape[1]):
                e = X[i, m] - C[c, m]
                s += e * e
            if s < best:
                best = s
                where = c
        nearest[i] = where
        counts[where] += 1
        for m in range(X.shape[1]):
            sums[where, m] += X[i, m]


def votes(X, C, nearest, sums, counts):
    for i in range(X.shape[0]):
        inside = 0
        widest = -np.inf
        for c in range(C.shape[0]):
            s = 1.0
            for m in range(1, X.shape[1]):
                s = s * 0.5 + abs(X[i, m] - C[c, m])
            if s < 3.0:
                inside += 1
            widest = max(widest, s)
        if inside == 0:
            continue
        counts[inside - 1] += 1
        sums[inside - 1, 0] += widest


def of_rows_of_both(X, C, nearest, sums, counts):
    for i in range(X.shape[0]):
        where = 0
        top = 0.0
        for c in range(C.shape[0]):
            s = 0.0
            for m in range(X.shape[1]):
                s += X[i, m] * C[c, m]
            r = 0.0
            for m in range(2, X.shape[1]):
                r += X[i, m] + C[c, m - 2] * c
            if r * s > top:
                top = r * s
                where = c
        counts[where] += 2
        nearest[i] = where


def quotients(X, C, nearest, sums, counts):
    n = X.shape[0]
    for i in range(n):
        best = 0
        for c in range(C.shape[0]):
            s = 0.0
            for m in range(X.shape[1]):
                s += X[i, m] * C[c, m]
            if s > 100 // (n - i) + c:
                best = c
        nearest[i] = best
        counts[best] += 1


def overlapping(X, C, nearest, sums, counts):
    for i in range(X.shape[0]):
        where = 0
        low = np.inf
        for c in range(C.shape[0]):
            s = 0.0
            for m in range(X.shape[1]):
                s += abs(X[i, m] - C[c, m])
            if s < low:
                low = s
                where = c
        counts[where] += 1
        X[i, 0] = where


def left_behind(X, C, nearest, sums, counts):
    where = -1
    for i in range(X.shape[0]):
        where = 0
        low = np.inf
        for c in range(C.shape[0]):
            s = 0.0
            for m in range(X.shape[1]):
                s += (X[i, m] - C[c, m]) ** 2
            if s < low:
                low = s
                where = c
        counts[where] += 1
    return where


KERNELS = (centres, votes, of_rows_of_both, quotients, overlapping, left_behind)
SHAPES = ((0, 8, 16), (1, 8, 16), (31, 3, 4), (300, 0, 5), (300, 8, 0), (300, 2, 3), (700, 3, 4), (400, 8, 16), (300, 12, 7),
          (300, 13, 7), (300, 32, 12), (300, 33, 12))  # fmt: skip


def whole_numbers(shape, seed):
    """Sums of these are exact in any order."""
    n, d, k = shape
    rng = np.random.default_rng(seed)
    X = rng.integers(-9, 10, (n, d)).astype(np.float64)
    C = rng.integers(-9, 10, (k, d)).astype(np.float64)
    return X, C, np.zeros(n, np.int64), np.zeros((max(k, 1), max(d, 1))), np.zeros(max(k, 1), np.int64)


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_sizes(agree, kernel, shape):
    agree(kernel, *whole_numbers(shape, 1))


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("dtype", (np.float32, np.int32, np.int64))
def test_types(agree, kernel, dtype):
    X, C, *others = whole_numbers((500, 5, 6), 2)
    agree(kernel, X.astype(dtype), C.astype(dtype), *others)


def test_numbers_that_compare_with_nothing(agree):
    X, C, *others = whole_numbers((600, 4, 5), 3)
    X[::7, 1] = np.nan
    X[3::50] = np.inf
    C[2] = np.nan
    agree(centres, X, C, *others)


def test_views(agree):
    X, C, nearest, sums, counts = whole_numbers((1000, 6, 8), 4)
    agree(centres, X[::2, ::-1], C[::-1], nearest[::2], sums, counts)
    agree(centres, np.asfortranarray(X), np.asfortranarray(C), nearest, sums, counts)
    agree(centres, np.broadcast_to(X[3], X.shape), C, nearest, sums, counts)
    agree(centres, X, np.broadcast_to(C[0], C.shape), nearest, sums, counts)
    agree(centres, X, X[:8], nearest, sums, counts)


def test_memory_that_is_shared(agree):
    X, C, nearest, sums, counts = whole_numbers((600, 6, 8), 5)
    whole = X.astype(np.int64)
    agree(centres, whole, C.astype(np.int64), whole.reshape(-1)[1200:1800], sums, counts)
    agree(centres, whole, C.astype(np.int64), whole[:, 5], sums, counts)
    agree(centres, X, C, nearest, C, counts)
    agree(overlapping, X, X[100:108], nearest, sums, counts)


def test_an_index_out_of_bounds(agree):
    """The beginning runs ahead of the rest, which raises where it would."""
    X, C, nearest, sums, counts = whole_numbers((600, 3, 8), 6)
    agree(centres, X, C, nearest, sums, counts[:3])
    agree(centres, X, C, nearest, sums[:4], counts)
    agree(centres, X, C, nearest[:500], sums, counts)


def test_the_report_says_so():
    from plait import njit

    kernel = njit(parallel=True)(centres)
    kernel(*whole_numbers((4000, 8, 16), 7))
    assert "side by side" in kernel.parallel_report()[0]["tile"]
