"""Checks of subscripts with products are made once, at the corners of the nest: what is asked for is enough, and where it does
not hold, the exact loop raises at its iteration (or does not)."""
import numpy as np
import pytest

from plait import _plait, njit


def flat(n):
    return np.arange(1.0 * n)


def rows(a, n, m):
    for i in range(n):
        for j in range(m):
            a[i * m + j] += 1.0 * i - j


def rows_of_a_wider_matrix(a, n, m, width):
    for i in range(n):
        for j in range(m):
            a[i * width + j] += 1.0 * i - j


def five_points(a, b, n, m):
    for i in range(1, n - 1):
        for j in range(1, m - 1):
            b[i * m + j] = a[i * m + j] - a[i * m + j - 1] + a[i * m + j + 1] * a[(i - 1) * m + j] - a[(i + 1) * m + j]


def product(a, b, c, n, m, k):
    for i in range(n):
        for j in range(m):
            s = 0.0
            for x in range(k):
                s += a[i * k + x] * b[x * m + j]
            c[i * m + j] = s


def cube(a, x, y, z):
    for i in range(x):
        for j in range(y):
            for k in range(z):
                a[(i * y + j) * z + k] = 100.0 * i + 10.0 * j + k


def from_the_end(a, n, m):
    for i in range(n):
        for j in range(m):
            a[i * m + m - 1 - j] = 1.0 * i - j


def downwards(a, n, m):
    for i in range(n - 1, -1, -1):
        for j in range(m - 1, -1, -1):
            a[i * m + j] = 2.0 * i + j


def lower_triangle(a, n):
    for i in range(n):
        for j in range(i + 1):
            a[i * n + j] = 1.0 * i - j


def packed_triangle(a, n):
    for i in range(n):
        for j in range(i + 1):
            a[i * (i + 1) // 2 + j] = 10.0 * i + j


def by_blocks(a, n, size):
    for b in range((n + size - 1) // size):
        for i in range(b * size, min((b + 1) * size, n)):
            a[i] = 1.0 * b


def with_a_base(a, out, n, m):
    for i in range(n):
        base = i * m
        s = 0.0
        for j in range(m):
            s += a[base + j]
        out[i] = s


def from_row_k(a, k, n, m):
    for i in range(k, n):
        for j in range(m):
            a[i * m + j] = 1.0 * i


def at_a_start(a, start, n, m):
    for i in range(n):
        for j in range(m):
            a[start + i * m + j] = 1.0 * i - j


def one_at_a_time(a, n, m):
    for i in range(n):
        a[i * m] = 1.0 * i


def some_of_them(a, n, m, limit):
    for i in range(n):
        for j in range(m):
            if i * m + j < limit:
                a[i * m + j] = 1.0 * j


def squares(a, n):
    for i in range(n):
        a[i * i] = 1.0 * i


def squares_from(a, k, n):
    for i in range(k, n):
        a[i * i] = 1.0 * i


def mixed_signs(a, n, m):
    for i in range(n):
        for j in range(m):
            a[i * m - i + j] += 1.0


def half_rows(a, n, m):
    for i in range(n):
        for j in range(m):
            a[i * m // 2 + j] += 1.0


HUGE = 2**62
GOOD = [ # function, arguments with which the test at entry holds
    (rows, (flat(60), 5, 12)), (rows, (flat(61), 5, 12)), (rows_of_a_wider_matrix, (flat(80), 5, 12, 15)),
    (rows_of_a_wider_matrix, (flat(62), 5, 2, 15)), (five_points, (flat(80), np.zeros(80), 8, 10)),
    (product, (flat(35), flat(42), np.zeros(30), 5, 6, 7)), (cube, (flat(210), 5, 6, 7)), (from_the_end, (flat(60), 5, 12)),
    (downwards, (flat(60), 5, 12)), (lower_triangle, (flat(81), 9)), (packed_triangle, (flat(45), 9)), 
    (with_a_base, (flat(60), np.zeros(5), 5, 12)), (from_row_k, (flat(60), 2, 5, 12)), (at_a_start, (flat(70), 9, 5, 12)),
    (one_at_a_time, (flat(60), 5, 12)), (squares, (flat(82), 9)), (mixed_signs, (flat(60), 5, 12)), (half_rows, (flat(60), 5, 12)),
    (some_of_them, (flat(60), 5, 12, 40)),
]
BAD = [ # the test does not hold: an error, or none after all
    (rows, (flat(59), 5, 12)), (rows, (flat(60), 5, 2**61)), (rows, (flat(0), 5, 12)),
    (rows, (flat(60), 1, 61)), (rows, (flat(8), 2**40, 2**40)),
    (rows_of_a_wider_matrix, (flat(60), 5, 12, -12)), (rows_of_a_wider_matrix, (flat(60), 5, 3, HUGE)),
    (rows_of_a_wider_matrix, (flat(60), 5, 12, 13)), (five_points, (flat(78), np.zeros(80), 8, 10)),
    (five_points, (flat(80), np.zeros(60), 8, 10)), (product, (flat(35), flat(42), np.zeros(29), 5, 6, 7)),
    (product, (flat(35), flat(41), np.zeros(30), 5, 6, 7)), (cube, (flat(209), 5, 6, 7)), (cube, (flat(210), 2**21, 2**21, 2**22)),
    (from_the_end, (flat(59), 5, 12)), (downwards, (flat(59), 5, 12)), (lower_triangle, (flat(80), 9)),
    (packed_triangle, (flat(44), 9)), (packed_triangle, (flat(3), 2**33)), (with_a_base, (flat(59), np.zeros(5), 5, 12)),
    (from_row_k, (flat(60), -2, 5, 12)), (at_a_start, (flat(70), -60, 5, 12)), (at_a_start, (flat(70), HUGE, 5, 12)),
    (one_at_a_time, (flat(48), 5, 12)), (one_at_a_time, (flat(60), 5, -12)), (squares, (flat(64), 9)),
    (half_rows, (flat(35), 5, 12)), (some_of_them, (flat(40), 5, 12, 40)),
    (mixed_signs, (flat(55), 5, 12)),
]
EMPTY = [ # or not for the test
    (rows, (flat(60), -5, -12)), (squares_from, (flat(82), -3, 9)),
    (by_blocks, (flat(50), 50, 7)), (by_blocks, (flat(50), 50, -7)), (squares_from, (flat(82), 0, 9)),
    (rows, (flat(60), 0, 12)), (rows, (flat(60), 5, 0)), (rows, (flat(60), 5, -1)), (rows, (flat(0), 0, 0)), (rows, (flat(0), -3, HUGE)),
    (five_points, (flat(4), np.zeros(4), 2, 2)), (five_points, (flat(0), np.zeros(0), 0, 0)), (product, (flat(0), flat(0), flat(30), 5, 6, 0)),
    (cube, (flat(0), 5, 0, 7)), (lower_triangle, (flat(0), 0)), (packed_triangle, (flat(0), -1)), (from_row_k, (flat(60), 7, 5, 12)),
]
name = lambda x: getattr(x, "__name__", None)


@pytest.mark.parametrize("f, args", GOOD + BAD + EMPTY, ids=name)
def test_flat_matrices_agree(agree, f, args):
    agree(f, *args)




def call(f, args):
    """The kernel's report, and whether some exact loop ran."""
    kernel = njit(parallel=True)(f)
    before = _plait._exact_runs()
    try:
        kernel(*[a.copy() if isinstance(a, np.ndarray) else a for a in args])
    except IndexError:
        pass
    return kernel.parallel_report(), _plait._exact_runs() > before


@pytest.mark.parametrize("f, args", GOOD, ids=name)
def test_the_test_at_entry_is_enough(f, args):
    report, exact = call(f, args)
    assert not exact
    assert "a.shape[0]" in str(report[0]["guards"]), report


@pytest.mark.parametrize("f, args", BAD, ids=name)
def test_else_the_exact_loop_runs(f, args):
    assert call(f, args)[1]


@pytest.mark.parametrize("f", [rows, rows_of_a_wider_matrix, five_points, cube, downwards, lower_triangle, packed_triangle,
                               with_a_base, at_a_start, half_rows], ids=name)
def test_inner_loops_are_vector_loops(f):
    report, _ = call(f, next(args for g, args in GOOD if g is f))
    assert report[-1]["vector"], report


def huge_values_do_not_wrap_past_the_test(a, n, m):
    for i in range(n):
        for j in range(m):
            a[i * m + j] += 1.0


@pytest.mark.parametrize("n, m", [(2**32, 2**32), (2**33, 2**31), (4, 2**62), (2**62, 4), (-(2**32), -(2**32)), (1, 2**63 - 1)])
def test_products_that_wrap_around_fail_the_test(agree, n, m):
    agree(huge_values_do_not_wrap_past_the_test, flat(16), n, m)
