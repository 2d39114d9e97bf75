"""Arrays in another shape: their iterations are as independent as those over other arrays, unless the same memory is also
touched in the shape that it had, of which nothing is known then."""
import numpy as np
import pytest

import plait
from plait import njit


def flat(seed=0):
    return np.random.default_rng(seed).random(4096) - 0.3


def rows(seed=0):
    return np.random.default_rng(seed).random((300, 64)) - 0.3


def flattened(a):
    f = a.ravel()
    for i in range(len(f)):
        f[i] = f[i] * 2.0


def squared(a):
    b = a.reshape(64, 64)
    for i in range(b.shape[0]):
        for j in range(64):
            b[i, j] = b[i, j] * 0.5 + i


def flat_shapes(a, b):
    f, g = a.reshape(-1), b.reshape(-1)
    for i in range(len(f) - 1):
        f[i + 1] = g[i] * 0.5 + f[i + 1]


def shape_of_each_row(a):
    for i in range(a.shape[0]):
        r = a[i].reshape(8, 8)
        for x in range(8):
            for y in range(8):
                r[x, y] = 2.0 + r[y, x]


def two_shapes_of_each_row(a):
    for i in range(a.shape[0]):
        r, q = a[i].reshape(8, 8), a[i].reshape(64)
        for x in range(8):
            r[x, 0] = 2.0 + q[x]


def sums(a, k):
    b = a.reshape(64, 64)
    for i in range(len(k)):
        b[0, k[i]] += 1.0 * i


def fresh(a):
    t = np.zeros(4096)
    b = t.reshape(64, 64)
    for i in range(a.shape[0]):
        for j in range(64):
            b[i % 64, j] += a[i]
    return t


few = np.random.default_rng(4).integers(0, 64, 5000)
PARALLEL = [(flattened, (rows(),)), (squared, (flat(),)), (flat_shapes, (rows(), rows(1))), (shape_of_each_row, (rows(),)),
            (two_shapes_of_each_row, (rows(),)), (sums, (flat(), few)), (fresh, (flat(),))]


def shape_and_itself(a):
    b = a.reshape(64, 64)
    for i in range(b.shape[0] - 1):
        for j in range(64):
            b[i, j] = a[64 * i + j + 64] + 1.0


def two_shapes(a):
    b, c = a.reshape(64, 64), a.reshape(128, 32)
    for i in range(1, b.shape[0]):
        for j in range(32):
            b[i, j] = c[i, j] + 1.0


def views_of_a_shape(a):
    b = a.reshape(64, 64)
    up, low = b[:-1], b[1:]
    for i in range(up.shape[0]):
        for j in range(64):
            low[i, j] = up[i, j] + 1.0


def shapes_of_two_rows(a):
    for i in range(a.shape[0] - 1):
        r, q = a[i].reshape(8, 8), a[i + 1].reshape(64)
        for x in range(8):
            q[x] = 2.0 + r[x, 0]


def shape_of_all(a):
    for i in range(a.shape[0]):
        r = a.reshape(100, 192)
        r[i // 3, 0] = r[i // 3, 1] * 0.5 + i


def sums_that_are_read(a, k):
    b = a.reshape(64, 64)
    for i in range(len(k)):
        b[0, k[i]] += a[i % 64]


def recurrence(a):
    f = a.ravel()
    for i in range(len(f) - 1):
        f[i + 1] = f[i] * 0.5 + f[i + 1]


SERIAL = [(shape_and_itself, (flat(),)), (two_shapes, (flat(),)), (views_of_a_shape, (flat(),)), (shapes_of_two_rows, (rows(),)),
          (shape_of_all, (rows(),)), (sums_that_are_read, (flat(), few)), (recurrence, (rows(),))]


def first_loop(f, arguments):
    kernel = njit(parallel=True)(f)
    kernel(*[a.copy() for a in arguments])
    return kernel.parallel_report()[0]


@pytest.mark.parametrize("f, arguments", PARALLEL)
def test_other_shapes_run_in_parallel(f, arguments, agree):
    entry = first_loop(f, arguments)
    assert entry["decision"] == "parallel" or entry["reason"] == "SMALL", entry["text"]
    agree(f, *arguments, serial=False)


@pytest.mark.parametrize("f, arguments", SERIAL)
def test_memory_in_two_shapes_stays_in_order(f, arguments, agree):
    entry = first_loop(f, arguments)
    assert entry["decision"] == "serial" and entry["reason"] in ("CARRIED", "NOT_AFFINE"), entry["text"]
    agree(f, *arguments, serial=False)


@pytest.mark.parametrize("threads", [1, 4])
def test_arguments_that_overlap_are_seen_at_run_time(threads, runtime):
    want, got = [np.random.default_rng(7).random(4200) for _ in range(2)]
    flat_shapes(want[:4096], want[1:4097])
    before = plait.get_num_threads()
    runtime.plrt_set_min_work(0)
    plait.set_num_threads(threads)
    try:
        njit(parallel=True)(flat_shapes)(got[:4096], got[1:4097])
    finally:
        plait.set_num_threads(before)
        runtime.plrt_set_min_work(-1)
    np.testing.assert_array_equal(got, want)
