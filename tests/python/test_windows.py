"""Work arrays made outside of the loop that uses them: each iteration gets its own when it writes what it reads, be it all of
the array, read wherever the data say."""
import numpy as np
import pytest

from plait import njit

rng = np.random.default_rng(5)


def decision(f, *args):
    kernel = njit(parallel=True)(f)
    kernel(*[a.copy() if isinstance(a, np.ndarray) else a for a in args])
    return kernel.parallel_report()[0]


def median(a, out):
    n, m = a.shape
    w = np.empty(9)
    for i in range(1, n - 1):
        for j in range(1, m - 1):
            k = 0
            for di in range(-1, 2):
                for dj in range(-1, 2):
                    w[k] = a[i + di, j + dj]
                    k += 1
            for p in range(1, 9):
                x = w[p]
                q = p - 1
                while q >= 0 and w[q] > x:
                    w[q + 1] = w[q]
                    q -= 1
                w[q + 1] = x
            out[i, j] = w[4]


def histogram_of_each_row(a, out):
    h = np.zeros(16, np.int64)
    for i in range(a.shape[0]):
        for b in range(16):
            h[b] = 0
        for j in range(a.shape[1]):
            h[a[i, j]] += 1
        for b in range(16):
            out[i, b] = h[b]


def window_of_a_size(a, out, r):
    w = np.empty(2 * r + 1)
    for i in range(r, len(a) - r):
        for k in range(2 * r + 1):
            w[k] = a[i + k - r]
        best = 0
        while best < 2 * r and w[best] <= w[best + 1]:
            best += 1
        out[i] = w[best]


def table_of_two_axes(a, out):
    t = np.empty((4, 3))
    for i in range(a.shape[0]):
        for x in range(4):
            for y in range(3):
                t[x, y] = 0.0
        for j in range(a.shape[1]):
            t[a[i, j] % 4, a[i, j] % 3] += 1.0
        out[i] = t[a[i, 0] % 4, 1] + t[1, a[i, 0] % 3]


def keys(*shape):
    return rng.integers(0, 16, shape)


PARALLEL = [
    (median, (rng.random((9, 11)), np.zeros((9, 11)))), (median, (rng.random((2, 2)), np.zeros((2, 2)))),
    (histogram_of_each_row, (keys(7, 50), np.zeros((7, 16), int))), (histogram_of_each_row, (keys(7, 0), np.zeros((7, 16), int))),
    (histogram_of_each_row, (keys(3, 5) - 16, np.zeros((3, 16), int))), (histogram_of_each_row, (keys(3, 5) + 20, np.zeros((3, 16), int))),
    (window_of_a_size, (rng.random(50), np.zeros(50), 3)), (window_of_a_size, (rng.random(50), np.zeros(50), 0)),
    (window_of_a_size, (rng.random(5), np.zeros(5), 7)), (table_of_two_axes, (keys(6, 20), np.zeros(6))),
]


# ---- what the iteration before left there ------------------------------------------------------------------------------------


def one_short(a, out):
    h = np.zeros(16, np.int64)
    for i in range(a.shape[0]):
        for b in range(15):
            h[b] = 0
        for j in range(a.shape[1]):
            h[a[i, j]] += 1
        for b in range(16):
            out[i, b] = h[b]


def only_sometimes(a, out):
    h = np.zeros(16, np.int64)
    for i in range(a.shape[0]):
        if a[i, 0] > 5:
            for b in range(16):
                h[b] = 0
        for j in range(a.shape[1]):
            h[a[i, j]] += 1
        for b in range(16):
            out[i, b] = h[b]


def too_late(a, out):
    h = np.zeros(16, np.int64)
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            h[a[i, j]] += 1
        for b in range(16):
            out[i, b] = h[b]
            h[b] = 0


def left_early(a, out):
    h = np.zeros(16, np.int64)
    for i in range(a.shape[0]):
        for b in range(16):
            if b == a[i, 0]:
                break
            h[b] = 0
        for j in range(a.shape[1]):
            h[a[i, j]] += 1
        for b in range(16):
            out[i, b] = h[b]


def else_of_a_loop(a, out):
    h = np.zeros(16, np.int64)
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            if a[i, j] == 3:
                break
        else:
            for b in range(16):
                h[b] = 0
        for j in range(a.shape[1]):
            h[a[i, j]] += 1
        for b in range(16):
            out[i, b] = h[b]


def size_that_changes(a, out, n):
    h = np.zeros(n, np.int64)
    n = 4
    for i in range(a.shape[0]):
        for b in range(n):
            h[b] = 0
        for j in range(a.shape[1]):
            h[a[i, j]] += 1
        for b in range(n):
            out[i, b] = h[b] + h[a[i, 0]]


def every_second(a, out):
    h = np.zeros(16, np.int64)
    for i in range(a.shape[0]):
        for b in range(0, 16, 2):
            h[b] = 0
        for j in range(a.shape[1]):
            h[a[i, j]] += 1
        for b in range(16):
            out[i, b] = h[b]


SERIAL = [(f, (keys(12, 7), np.zeros((12, 16), int))) for f in (one_short, only_sometimes, too_late, left_early, else_of_a_loop, every_second)]
SERIAL += [(size_that_changes, (keys(12, 7), np.zeros((12, 16), int), 16))]
name = lambda x: getattr(x, "__name__", None)


@pytest.mark.parametrize("f, args", PARALLEL + SERIAL, ids=name)
def test_work_arrays_agree(agree, f, args):
    agree(f, *args)


@pytest.mark.parametrize("f, args", [PARALLEL[k] for k in (0, 2, 6, 9)], ids=name)
def test_iterations_get_their_own(f, args):
    assert decision(f, *args)["decision"] == "parallel"


@pytest.mark.parametrize("f, args", SERIAL, ids=name)
def test_what_is_handed_on_is_not_private(f, args):
    assert decision(f, *args)["decision"] == "serial"


# ---- the same number written by several iterations -------------------------------------------------------------------------------


def mark(seen, index):
    for i in range(len(index)):
        seen[index[i]] = True


def sieve(p):
    n = len(p)
    for i in range(2, int(n ** 0.5) + 1):
        if p[i]:
            for j in range(i * i, n, i):
                p[j] = False


def sieve_with_while(p):
    n = len(p)
    i = 2
    while i * i < n:
        if p[i]:
            for j in range(i * i, n, i):
                p[j] = False
        i += 1


def any_above(x, limit, found):
    for i in range(len(x)):
        if x[i] > limit:
            found[0] = 1


def zeroed_and_marked(seen, index):
    for i in range(len(index)):
        seen[index[i]] = 1.0
        seen[index[i]] = 0.0


def two_numbers(seen, index):
    for i in range(len(index)):
        if index[i] % 2:
            seen[index[i] // 2] = 1.0
        else:
            seen[index[i] // 2] = 2.0


def signed_zeros(seen, index):
    for i in range(len(index)):
        if index[i] % 2:
            seen[index[i] // 2] = 0.0
        else:
            seen[index[i] // 2] = -0.0


def read_as_well(seen, index):
    count = 0
    for i in range(len(index)):
        if not seen[index[i]]:
            seen[index[i]] = True
            count += 1
    return count


def numbers_that_differ(seen, index):
    for i in range(len(index)):
        seen[index[i]] = 1.0 * i


def again_and_again(x, times):
    for t in range(times):
        for i in range(len(x)):
            x[i] = 0.0


INDEX = rng.integers(0, 40, 100)
SAME = [(mark, (np.zeros(40, bool), INDEX)), (mark, (np.zeros(40, bool), INDEX - 40)), (mark, (np.zeros(30, bool), INDEX)), (mark, (np.zeros(0, bool), INDEX[:0])),
        (sieve, (np.ones(500, bool),)), (sieve, (np.ones(0, bool),)), (sieve_with_while, (np.ones(500, bool),)),
        (any_above, (rng.random(50), 0.9, np.zeros(1, int))), (any_above, (rng.random(50), 2.0, np.zeros(1, int))), (any_above, (rng.random(50), 0.5, np.zeros(0, int)))]
OTHER = [(any_above, (rng.random(50), 0.9, np.zeros(1, int))), (again_and_again, (np.ones(9), 5)),
         (zeroed_and_marked, (np.ones(40), INDEX)), (two_numbers, (np.zeros(20), INDEX)), (signed_zeros, (np.ones(20), INDEX)), (read_as_well, (np.zeros(40, bool), INDEX)),
         (numbers_that_differ, (np.zeros(40), INDEX))]


@pytest.mark.parametrize("f, args", SAME + OTHER, ids=name)
def test_marks_agree(agree, f, args):
    agree(f, *args)


@pytest.mark.parametrize("f, args, loop", [(*SAME[0], 0), (*SAME[4], 1), (*SAME[6], 0)], ids=name)
def test_the_same_number_is_written_in_any_order(f, args, loop):
    kernel = njit(parallel=True)(f)
    kernel(*args)
    assert kernel.parallel_report()[loop]["decision"] == "parallel"


@pytest.mark.parametrize("f, args", OTHER, ids=name)
def test_other_writes_stay_in_order(f, args):
    assert decision(f, *args)["decision"] == "serial"
