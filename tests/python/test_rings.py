"""Subscripts that go round: (i + k) % n, neighbours on a ring however they are written. Where a loop goes round once, its
iterations are apart; where it goes round more often, the exact loop runs."""
import numpy as np
import pytest

from plait import _plait, njit, prange


def flat(n):
    return np.arange(1.0 * n)


def rotated(o, a, k, n):
    for i in range(n):
        o[(i + k) % n] = a[i]


def rotated_so_often(o, a, k, n, times):
    for i in range(times):
        o[(i + k) % n] = a[i]


def backwards(o, a, k, n):
    for i in range(n - 1, -1, -1):
        o[(k - i) % n] += a[i]


def in_place(o, a, k, n):
    for i in range(n):
        o[(i + k) % n] = o[(i + k) % n] * 2.0 + a[i]


def by_sixes(o, a, k, n, times):
    for i in range(times):
        o[(6 * i + k) % n] = a[i]


def all_but_two(o, a, k, n):
    for i in range(1, n - 1):
        o[(k - i) % n] -= a[i]


def rotated_matrix(o, a, p, q):
    n, m = a.shape
    for i in range(n):
        for j in range(m):
            o[(i + p) % n, (j + q) % m] = a[i, j]


def rotated_rows(o, a, p):
    n, m = a.shape
    for i in range(n):
        for j in range(m):
            o[i, (j + p) % m] = a[i, j]


def in_parallel(o, a, k, n):
    for i in prange(n):
        o[(i + k) % n] = a[i] + 1.0


def next_on_the_ring(o, a, n):
    for i in range(n):
        o[(i + 1) % n] = a[i] - a[(i - 1) % n]


SMALL, HUGE = [-7, -1, 0, 1, 5, 100], [2**62, -(2**62), 2**56]
PARALLEL = [
    *[(rotated, (np.zeros(12), flat(12), k, 12)) for k in SMALL], *[(rotated_so_often, (np.zeros(12), flat(12), k, 12, 9)) for k in SMALL],
    (rotated, (np.zeros(14), flat(13), 3, 12)), (backwards, (np.zeros(12), flat(12), 5, 12)), (in_place, (np.zeros(11), flat(11), 5, 11)),
    (in_place, (np.zeros(8), flat(8), -5, 8)), (all_but_two, (np.zeros(35), flat(35), 3, 35)), (by_sixes, (np.zeros(36), flat(6), 3, 36, 6)),
    (rotated_matrix, (np.zeros((6, 5)), flat(30).reshape(6, 5), 2, 3)), (rotated_rows, (np.zeros((6, 5)), flat(30).reshape(6, 5), 7)),
    (in_parallel, (np.zeros(12), flat(12), 5, 12)), (next_on_the_ring, (np.zeros(12), flat(12), 12)),
]
EXACT = [ # the test at entry does not hold
    *[(rotated, (np.zeros(12), flat(12), k, 12)) for k in HUGE], (rotated_so_often, (np.zeros(12), flat(40), 3, 12, 40)),
    (rotated_so_often, (np.zeros(12), flat(13), 3, 12, 13)), (rotated_so_often, (np.zeros(12), flat(12), 3, -12, 12)),
    (rotated_so_often, (np.zeros(12), flat(12), 3, 0, 12)), (rotated, (np.zeros(11), flat(12), 3, 12)), (rotated, (np.zeros(12), flat(11), 3, 12)),
    (in_place, (np.zeros(12), flat(12), 2**60, 12)), (by_sixes, (np.zeros(36), flat(7), 3, 36, 7)), (by_sixes, (np.zeros(35), flat(36), 3, 35, 36)),
    (rotated_matrix, (np.zeros((5, 5)), flat(30).reshape(6, 5), 2, 3)),
]
EMPTY = [
    (rotated, (np.zeros(12), flat(12), 3, 0)), (rotated, (np.zeros(12), flat(12), 3, -5)), (rotated_so_often, (np.zeros(12), flat(12), 3, 12, -1)),
    (rotated_matrix, (np.zeros((0, 5)), np.zeros((0, 5)), 2, 3)), (rotated_matrix, (np.zeros((5, 0)), np.zeros((5, 0)), 2, 3)),
    (next_on_the_ring, (np.zeros(1), flat(1), 1)), (next_on_the_ring, (np.zeros(2), flat(2), 2)), (next_on_the_ring, (np.zeros(0), flat(0), 0)),
    (next_on_the_ring, (np.zeros(2), flat(2), 3)),
]
name = lambda x: getattr(x, "__name__", None)


@pytest.mark.parametrize("f, args", PARALLEL + EXACT + EMPTY, ids=name)
def test_rings_agree(agree, f, args):
    agree(f, *args)


def call(f, args):
    kernel = njit(parallel=True)(f)
    before = _plait._exact_runs()
    try:
        kernel(*[a.copy() if isinstance(a, np.ndarray) else a for a in args])
    except (IndexError, ZeroDivisionError):
        pass
    return kernel.parallel_report(), _plait._exact_runs() > before


@pytest.mark.parametrize("f, args", PARALLEL, ids=name)
def test_once_round_is_parallel(f, args, runtime):
    runtime.plrt_set_min_work(0)
    report, exact = call(f, args)
    runtime.plrt_set_min_work(-1)
    assert report[0]["decision"] == "parallel" and report[0]["reason"] == "INDEPENDENT" and not exact


@pytest.mark.parametrize("f, args", EXACT, ids=name)
def test_more_than_once_runs_in_order(f, args, runtime):
    runtime.plrt_set_min_work(0)
    exact = call(f, args)[1]
    runtime.plrt_set_min_work(-1)
    assert exact


# ---- neighbours on a ring ------------------------------------------------------------------------------------------------------


def by_remainder(o, a):
    n = len(a)
    for i in range(n):
        o[i] = a[(i - 1) % n] - 2.0 * a[i] + a[(i + 1) % n]


def by_a_choice(o, a):
    n = len(a)
    for i in range(n):
        o[i] = a[i - 1 if i > 0 else n - 1] - 2.0 * a[i] + a[i + 1 if i < n - 1 else 0]


def by_a_size(o, a, n):
    for i in range(n):
        o[i] = a[i - 1 if i > 0 else n - 1] - 2.0 * a[i] + a[0 if i == n - 1 else i + 1]


def by_mending(o, a):
    n = len(a)
    for i in range(n):
        left = i - 1
        if left < 0:
            left = n - 1
        right = i + 1
        if right == n:
            right = 0
        o[i] = a[left] - 2.0 * a[i] + a[right]


def by_two_arms(o, a):
    n = len(a)
    for i in range(n):
        if i > 0:
            left = i - 1
        else:
            left = n - 1
        o[i] = a[left] - 2.0 * a[i] + a[i - n + 1]


def by_adding(o, a):
    n = len(a)
    for i in range(n):
        k = i - 2
        if k < 0:
            k += n
        o[i] = a[k]


def torus(o, a):
    n, m = a.shape
    for i in range(n):
        for j in range(m):
            o[i, j] = a[(i - 1) % n, j] + a[(i + 1) % n, j] + a[i, (j - 1) % m] + a[i, (j + 1) % m] - 4.0 * a[i, j]


def life(o, a):
    n, m = a.shape
    for i in range(n):
        up, down = (i - 1) % n, (i + 1) % n
        for j in range(m):
            left, right = (j + m - 1) % m, (j + 1) % m
            o[i, j] = a[up, left] + a[up, j] + a[up, right] + a[i, left] + a[i, right] + a[down, left] + a[down, j] + a[down, right]


@pytest.mark.parametrize("f", [by_remainder, by_a_choice, by_mending, by_two_arms, by_adding], ids=name)
@pytest.mark.parametrize("n", [0, 1, 2, 3, 50])
def test_neighbours(agree, f, n):
    if f is by_adding and n == 1:
        n = 4 # k = -2 + 1 is no subscript of one element, and stays -1
    agree(f, np.zeros(n), flat(n))
    agree(f, np.zeros(n + 3), flat(n))
    agree(f, np.zeros(max(n - 1, 0)), flat(n))
    shared = flat(n)
    agree(f, shared, shared)


@pytest.mark.parametrize("n", [-3, 0, 1, 2, 7, 8, 2**62, -(2**63)])
def test_neighbours_by_a_size(agree, n):
    agree(by_a_size, np.zeros(8), flat(7), n)


@pytest.mark.parametrize("f", [torus, life], ids=name)
@pytest.mark.parametrize("shape", [(0, 0), (1, 1), (1, 5), (2, 2), (7, 9), (3, 0)])
def test_neighbours_on_a_torus(agree, f, shape):
    agree(f, np.zeros(shape), np.arange(1.0 * shape[0] * shape[1]).reshape(shape))


@pytest.mark.parametrize("f, args", [(by_remainder, (flat(9), flat(9))), (by_a_choice, (flat(9), flat(9))), (by_mending, (flat(9), flat(9))),
                                     (by_two_arms, (flat(9), flat(9))), (by_a_size, (flat(9), flat(9), 9)),
                                     (torus, (np.ones((4, 5)), np.ones((4, 5)))), (life, (np.ones((4, 5)), np.ones((4, 5))))], ids=name)
def test_neighbours_need_no_checks_and_no_divisions(f, args):
    report, _ = call(f, args)
    assert report[0]["decision"] == "parallel"
    assert report[-1]["vector"] or f not in (torus, life)


def shift_in_place(a):
    n = len(a)
    for i in range(n):
        a[i] = a[(i + 1) % n]


def smear(a, n):
    for i in range(n):
        a[(i + 1) % n] = a[i] + 1.0


def twice_round(a, n):
    for i in range(2 * n):
        a[i % n] = 1.0 * i


def last_one_wins(n):
    k = 5
    for i in range(n):
        k = i - 1
        if k < 0:
            k = n - 1
    return k


def constant_ring(a):
    for i in range(len(a)):
        a[i % 4] = 1.0 * i


def multiples(a, n):
    for i in range(n):
        a[(7 * i) % n] = 1.0 * i


def counts_round(a, n):
    k = 0
    for i in range(len(a)):
        a[i] = 1.0 * k
        k += 1
        if k == n:
            k = 0
    return k


@pytest.mark.parametrize("f, args", [(shift_in_place, (flat(9),)), (smear, (flat(9), 9)), (twice_round, (flat(9), 9)), (constant_ring, (flat(9),)),
                                     (multiples, (flat(9), 9)), (multiples, (flat(14), 14)), (last_one_wins, (7,)),
                                     (last_one_wins, (0,)), (counts_round, (flat(9), 4)), (counts_round, (flat(9), 0))], ids=name)
def test_what_meets_stays_in_order(agree, f, args):
    agree(f, *args)
    report, _ = call(f, args)
    assert f is last_one_wins or report[0]["decision"] == "serial"


def test_a_race_on_a_ring_is_one():
    import plait

    def races(a):
        n = len(a)
        for i in prange(n):
            a[(i + 1) % n] = a[i] + 1.0

    with pytest.raises(plait.ParallelRaceError):
        njit(parallel=True)(races)(flat(9))


def test_sums_on_a_ring_stay_sums(agree):
    def sums(h, x, n):
        for i in range(len(x)):
            h[i % n] += x[i]

    for n in (1, 3, 8):
        agree(sums, np.zeros(8), flat(1000), n)
    report, _ = call(sums, (np.zeros(8), flat(1000), 8))
    assert report[0]["reductions"] == "add h[:]"
