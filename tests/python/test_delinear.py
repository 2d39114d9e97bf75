"""Matrices in flat arrays: a[i*n + j] with n not known is as good as a[i, j] where 0 <= j < n holds, and only there."""
import numpy as np
import pytest

from plait import njit


def decision(f, *args):
    kernel = njit(parallel=True)(f)
    try:
        kernel(*[a.copy() if isinstance(a, np.ndarray) else a for a in args])
    except (IndexError, ZeroDivisionError):
        pass
    return {e["line"] - f.__code__.co_firstlineno: (e["decision"], e["reason"]) for e in kernel.parallel_report()}


def is_parallel(f, line, *args):
    return decision(f, *args)[line][0] == "parallel"


def flat(n):
    return np.arange(1.0 * n)


def blocks(a, s):
    for b in range(len(a) // s):
        for i in range(s):
            a[b * s + i] = 10.0 * b + i


def sums_of_rows(a, n, m, out):
    for i in range(n):
        s = 0.0
        for j in range(m):
            s += a[i * m + j]
        out[i] = s


def scaled_in_place(a, n, m):
    for i in range(n):
        for j in range(m):
            a[i * m + j] = a[i * m + j] * 0.5 + j


def three_digits(a, n, m, k):
    for x in range(n):
        for y in range(m):
            for z in range(k):
                a[(x * m + y) * k + z] = a[(x * m + y) * k + z] + x - 2.0 * y + z


def three_digits_written_out(a, n, m, k):
    for x in range(n):
        for y in range(m):
            for z in range(k):
                a[x * m * k + y * k + z] += 1.0


def from_the_other_end(a, n, m):
    for i in range(n):
        for j in range(m):
            a[i * m + m - 1 - j] = 1.0 * i - j


def stencil_with_a_rim(a, b, n, m):
    for i in range(1, n - 1):
        for j in range(1, m - 1):
            b[i * m + j] = a[(i - 1) * m + j] + a[(i + 1) * m + j] + a[i * m + j - 1] + a[i * m + j + 1]


def base_is_a_sum(a, n, m):
    for i in range(n):
        for j in range(m):
            a[i * (m + 2) + j + 1] = 3.0 * i + j


def with_a_start(a, start, n, m):
    for i in range(n):
        for j in range(m):
            a[start + i * m + j] = 1.0 * i + j


def downwards(a, n, m):
    for i in range(n - 1, -1, -1):
        for j in range(m):
            a[i * m + j] += 2.0


def triangle(a, n):
    for i in range(n):
        for j in range(i):
            a[i * n + j] = 1.0 * i - j


def counted(x, out):
    k = 0
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            out[k] = x[i, j]
            k += 1
    return k


def step_of_two(a, n, m):
    for i in range(0, n, 2):
        for j in range(m):
            a[i * m + j] = a[(i + 1) * m + j] * 2.0


def base_grows(a, n, m):
    for i in range(n):
        m = m + 1
        for j in range(m):
            a[i * m + j] = 1.0 * i - j


GOOD = [
    (blocks, 1, (flat(120), 6)), (blocks, 1, (flat(121), 7)), (blocks, 1, (flat(5), 9)), (blocks, 1, (flat(40), -3)),
    (blocks, 1, (flat(40), 1)), (sums_of_rows, 1, (flat(77), 7, 11, np.zeros(7))),
    (scaled_in_place, 1, (flat(60), 5, 12)), (scaled_in_place, 1, (flat(60), 5, 0)), (scaled_in_place, 1, (flat(60), 5, -4)),
    (scaled_in_place, 1, (flat(60), -5, 4)), (scaled_in_place, 1, (flat(59), 5, 12)),
    (three_digits, 1, (flat(210), 5, 6, 7)), (three_digits, 1, (flat(210), 5, 6, 0)), (three_digits, 1, (flat(210), 6, -5, -7)),
    (three_digits_written_out, 1, (flat(210), 5, 6, 7)), (from_the_other_end, 1, (flat(60), 5, 12)),
    (stencil_with_a_rim, 1, (flat(80), np.zeros(80), 8, 10)), (base_is_a_sum, 1, (flat(80), 8, 8)),
    (base_is_a_sum, 1, (flat(80), 8, -2)), (with_a_start, 1, (flat(70), 9, 5, 12)),
    (with_a_start, 1, (flat(70), -9, 5, 12)), (with_a_start, 1, (flat(70), -60, 5, 12)), (with_a_start, 1, (flat(70), 2**62, 5, 12)),
    (downwards, 1, (flat(60), 5, 12)), (triangle, 1, (flat(81), 9)), (counted, 2, (flat(48).reshape(6, 8), np.zeros(48))),
    (counted, 2, (flat(48).reshape(6, 8), np.zeros(47))), (counted, 2, (flat(0).reshape(6, 0), np.zeros(4))),
    (step_of_two, 1, (flat(96), 8, 12)), (base_grows, 1, (flat(200), 5, 12)), (base_grows, 1, (flat(200), 9, -4)),
]


@pytest.mark.parametrize("f, line, args", GOOD, ids=lambda x: getattr(x, "__name__", None))
def test_digits_keep_iterations_apart(agree, f, line, args):
    agree(f, *args)
    assert is_parallel(f, line, *args), decision(f, *args)


# ---- what only looks like it ------------------------------------------------------------------------------------------------


def one_too_many(a, n, m):
    for i in range(n):
        for j in range(m + 1):
            a[i * m + j] = 1.0 * i - j


def columns_not_said(a, n, m, k):
    for i in range(n):
        for j in range(k):
            a[i * m + j] = 1.0 * i - j


def neighbour_in_the_row_before(a, n, m):
    for i in range(1, n):
        for j in range(m):
            a[i * m + j] = a[i * m + j - 1] + 1.0


def two_bases(a, n, m, k):
    for i in range(n):
        for j in range(m):
            a[i * m + j] = a[i * k] + 1.0


def negative_rows(a, n, m):
    for i in range(-n, n):
        for j in range(m):
            a[i * m + j] = 1.0 * i - j


def base_shrinks(a, n, m):
    for i in range(n):
        m = m - 1
        for j in range(m):
            a[i * m + j] = 1.0 * i - j


def sign_of_the_base(a, n, m):
    for i in range(n):
        for j in range(-m):
            a[i * m + j + 60] = 1.0 * i - j


def two_starts(a, p, q, n, m):
    for i in range(n):
        for j in range(m):
            a[p + i * m + j] = a[q + i * m + j] + 1.0


BAD = [
    (one_too_many, 1, (flat(100), 5, 12)), (columns_not_said, 1, (flat(100), 5, 7, 12)),
    (neighbour_in_the_row_before, 1, (flat(60), 5, 12)), (two_bases, 1, (flat(100), 5, 12, 7)),
    (negative_rows, 1, (flat(60), 5, 12)), (negative_rows, 1, (flat(33), 2, 12)), (base_shrinks, 1, (flat(200), 5, 12)),
    (sign_of_the_base, 1, (flat(100), 5, -12)), (two_starts, 1, (flat(100), 0, 12, 5, 12)),
]


@pytest.mark.parametrize("f, line, args", BAD, ids=lambda x: getattr(x, "__name__", None))
def test_others_stay_in_order(agree, f, line, args):
    agree(f, *args)
    assert not is_parallel(f, line, *args), decision(f, *args)


def big_factors(a, n, m, rows):
    for i in range(0, n, rows):
        for j in range(min(m, 3)):
            a[i * m + j] = 1.0 + i + j


@pytest.mark.parametrize("n, m, rows", [(2**40, 2**40, 2**39), (2**33, 2**31, 2**32), (4, 2**62, 1), (2**62, 4, 2**61)])
def test_products_that_wrap_run_in_order(agree, n, m, rows):
    """Python's numbers do not wrap: there the index is out of range. Here it may come back into the array."""
    kernel = njit(parallel=True)(big_factors)
    serial = njit(big_factors)
    a, b = flat(50), flat(50)
    outcomes = []
    for f, x in ((kernel, a), (serial, b)):
        try:
            f(x, n, m, rows)
            outcomes.append(None)
        except IndexError as error:
            outcomes.append(str(error))
    assert outcomes[0] == outcomes[1] and np.array_equal(a, b)


def through_a_view(a, n, m):
    v = a[3:]
    for i in range(n):
        for j in range(m):
            v[i * m + j] = 1.0 * i - j


def strided(a, n, m):
    for i in range(n):
        for j in range(m):
            a[i * m + j] += 1.0 * i - j


def test_views_and_strides(agree):
    agree(through_a_view, flat(70), 5, 12)
    agree(strided, flat(140)[::2], 5, 12)
    agree(strided, flat(60)[::-1], 5, 12)
    shared = np.lib.stride_tricks.as_strided(flat(4), (60,), (0,))
    agree(strided, shared, 5, 12)


def condition_behind_the_test(a, k):
    n = len(a) - k
    if k >= n:
        for i in range(n):
            a[i] = a[i + k]


def test_conditions_of_values_computed_before_are_known(agree):
    for k in (50, 60, 100, 49):
        agree(condition_behind_the_test, flat(100), k)
    assert is_parallel(condition_behind_the_test, 3, flat(100), 50)


def two_buffers(x, times):
    n = x.shape[1]
    source = 0
    for t in range(times):
        target = 1 - source
        for i in range(1, n):
            x[target, i] = x[source, i - 1] + 1.0
        for i in range(n):
            x[target, i] += x[source, i] * 0.5
        source = target
        target = 1 - target
        x[target, 0] = t
    return source


@pytest.mark.parametrize("times", [0, 1, 2, 5])
def test_two_buffers_by_turns(agree, times):
    agree(two_buffers, np.random.default_rng(9).random((2, 100)), times)
    agree(two_buffers, np.random.default_rng(9).random((2, 1)), times)
