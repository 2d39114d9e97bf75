"""Checks of a block of iterations are made before the block runs: what is raised, and what was stored until then, is as
if each had been made in its place."""
import math

import numpy as np
import pytest

import plait

N = 1000  # several blocks and a rest
PLACES = [None, 0, 1, 255, 256, 257, 511, 700, 999]


def divide(a, b, out):
    for i in range(len(out)):
        out[i] = a[i] / b[i]


def divide_in_place(a, b):
    for i in range(len(a)):
        a[i] = math.exp(a[i]) / b[i]


def divide_by_gathered(a, k, out):
    for i in range(len(k)):
        out[i] = math.sqrt(1.0 / a[k[i]])


def divide_where_positive(a, b, out):
    for i in range(len(out)):
        if a[i] > 0.5:
            out[i] = a[i] / b[i]
        else:
            out[i] = 1.0 / (a[i] - 2.0)


def sum_of_ratios(a, b):
    total = 0.0
    for i in range(len(a)):
        total += a[i] / b[i]
    return total


def quotients(p, q, out):
    for i in range(len(out)):
        d = p[i] // q[i]
        out[i] = 100.0 / d + p[i] % q[i]


def store_then_divide(a, b, out):
    for i in range(len(out)):
        out[i] = -1.0
        out[i] = a[i] / b[i]


def rows(a, b, out):
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            out[i, j] = math.sqrt(a[i, j]) / b[j]


def data(seed=0):
    r = np.random.default_rng(seed)
    return r.uniform(0.1, 1, N), r.uniform(0.5, 1, N), np.zeros(N)


def until_raise(kernel, plain, args, written):
    """Both raise the same; what the source's order stores before the exception is stored."""
    want, got = [a.copy() for a in args], [a.copy() for a in args]
    with pytest.raises(Exception) as expected:
        plain(*[a.tolist() if a.ndim == 1 and i != written else a for i, a in enumerate(want)])
    with pytest.raises(type(expected.value)):
        kernel(*got)
    return want[written], got[written]


@pytest.mark.parametrize("place", PLACES)
def test_a_zero_divisor_raises_wherever_it_is(agree, place):
    a, b, out = data()
    if place is None:
        agree(divide, a, b, out, bits=True)
        return
    b[place] = 0.0
    want, got = until_raise(plait.njit(parallel=True)(divide), divide, (a, b, out), 2)
    np.testing.assert_array_equal(got[:place], want[:place])
    assert got[place] == 0.0


@pytest.mark.parametrize("place", PLACES)
def test_an_update_in_place_is_made_once(place):
    a, b, _ = data(1)
    if place is not None:
        b[place] = 0.0
    got = a.copy()
    kernel = plait.njit(parallel=True)(divide_in_place)
    if place is None:
        kernel(got, b)
        place = N
    else:
        with pytest.raises(ZeroDivisionError):
            kernel(got, b)
        assert got[place] == a[place]
    np.testing.assert_allclose(got[:place], (np.exp(a) / np.where(b == 0, 1, b))[:place], rtol=1e-14)


@pytest.mark.parametrize("least", [0, -N])
@pytest.mark.parametrize("bad", [None, N, -1, -N, -N - 1, 2**62, "zero"])
@pytest.mark.parametrize("place", [0, 256, 999])
def test_a_bad_index_never_reads_memory(agree, bad, place, least):
    a, _, out = data(2)
    k = np.random.default_rng(3).integers(least, N, N)
    if bad == "zero":
        a[k[place]] = 0.0
    elif bad is not None:
        k[place] = bad
    kernel = plait.njit(parallel=True)(divide_by_gathered)
    if bad in (None, -1, -N):  # those that count from the end are right, too
        agree(divide_by_gathered, a, k, out)
    else:
        with pytest.raises(ZeroDivisionError if bad == "zero" else IndexError):
            kernel(a, k, out)


def row_sums(starts, columns, x, y):
    for i in range(y.shape[0]):
        s = 0.0
        for k in range(starts[i], starts[i + 1]):
            s += x[columns[k]]
        y[i] = s


def moved_index(k, a, out):
    for i in range(len(k)):
        at = k[i]
        first = a[at]
        if first > 0.25:
            at = at - 3
        out[i] = math.sqrt(first + a[at])


def checked_in_a_branch(k, a, b, out):
    for i in range(len(k)):
        at = k[i]
        s = 1.0
        if b[i] > 0.5:
            s = a[at]
        out[i] = math.sqrt(s)


@pytest.mark.parametrize("place", [None, 0, 255, 256, 700, 1999])
def test_sums_of_what_counts_from_the_end(agree, place):
    starts, columns = np.array([0, 0, 1, 700, 701, 2000]), np.arange(2000) % N
    if place is not None:
        columns[place] -= N
    agree(row_sums, starts, columns, np.random.default_rng(4).random(N), np.zeros(5))


@pytest.mark.parametrize("least", [3, 0, -N + 3])
def test_an_index_that_is_assigned_twice_keeps_its_ways(agree, least):
    k = np.random.default_rng(5).integers(least, N, N)
    a, b, out = data(6)
    agree(moved_index, k, a, out)
    agree(checked_in_a_branch, k, a, b, out)


def divide_where_large(a, b, out):
    for i in range(len(out)):
        if a[i] > 0.5:
            out[i] = a[i] / b[i]


def test_a_check_in_a_branch_counts_only_there(agree):
    a, b, out = data(4)
    b[a <= 0.5] = 0.0
    agree(divide_where_positive, a, b, out, bits=True)
    b[np.flatnonzero(a > 0.5)[300]] = 0.0
    with pytest.raises(ZeroDivisionError):
        plait.njit(parallel=True)(divide_where_large)(a, b, out)


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 513, N])
def test_sums_over_blocks_have_one_value(agree, size):
    a, b, _ = data(5)
    agree(sum_of_ratios, a[:size], b[:size], rtol=1e-12)


def rows_of_sums(a, b, out):
    for i in range(a.shape[0]):
        total = 0.0
        for j in range(a.shape[1]):
            total += a[i, j] / b[j]
        out[i] = total


@pytest.mark.parametrize("place", [0, 4095, 4096, 9000])
def test_a_sum_starts_a_block_again_when_a_divisor_is_zero(agree, place):
    r = np.random.default_rng(9)
    a, b = r.uniform(0.5, 1, 9001), r.uniform(0.5, 1, 9001)
    agree(sum_of_ratios, a, b)
    agree(rows_of_sums, np.stack([a, 2 * a, -a]), b, np.zeros(3))
    b[place] = 0.0
    with pytest.raises(ZeroDivisionError):
        plait.njit(parallel=True)(sum_of_ratios)(a, b)
    out = np.zeros(3)
    with pytest.raises(ZeroDivisionError):
        plait.njit(parallel=True)(rows_of_sums)(np.stack([a, a, a]), b, out)
    assert not out.any()


@pytest.mark.parametrize("place", [None, 3, 256, 998])
@pytest.mark.parametrize("divisor", [0, -1])
def test_integer_division_behind_its_check(agree, place, divisor):
    r = np.random.default_rng(6)
    p, q, out = r.integers(50, 100, N), r.integers(1, 10, N), np.zeros(N)
    if place is not None:
        q[place] = divisor
    if place is not None and divisor == 0:
        with pytest.raises(ZeroDivisionError):
            plait.njit(parallel=True)(quotients)(p, q, out)
    else:
        agree(quotients, p, q, out)


def test_the_smallest_integer_by_minus_one_does_not_trap():
    p, q, out = np.full(N, -(2**63)), np.ones(N, np.int64), np.zeros(N)
    q[500] = -1
    plait.njit(parallel=True)(quotients)(p, q, out)  # wraps, as machine integers do
    assert out[499] == 100.0 / -(2.0**63)


@pytest.mark.parametrize("same", [False, True])
def test_a_divisor_stored_before_is_seen(agree, same):
    a, b, out = data(7)
    if same:
        with pytest.raises(ZeroDivisionError):
            plait.njit(parallel=True)(set_then_divide)(a, b, b)
    else:
        agree(store_then_divide, a, b, out, bits=True)


def set_then_divide(a, b, out):
    for i in range(len(out)):
        out[i] = 0.0
        out[i] = a[i] / b[i]


@pytest.mark.parametrize("columns", [1, 3, 300])
def test_inner_loops(agree, columns):
    r = np.random.default_rng(8)
    a, b = r.uniform(0, 1, (40, columns)), r.uniform(1, 2, columns)
    agree(rows, a, b, np.zeros((40, columns)), bits=True)
    b[columns // 2] = 0.0
    with pytest.raises(ZeroDivisionError):
        plait.njit(parallel=True)(rows)(a, b, np.zeros((40, columns)))


def test_denominators_above_zero(agree):
    def kernel(x, y):
        for i in range(x.shape[0]):
            a = abs(x[i])
            y[i] = 1.0 / (1.0 + 0.25 * a) + 2.0 / (0.5 + x[i] * x[i])

    def may_be_zero(x, y):
        for i in range(x.shape[0]):
            a = abs(x[i])
            y[i] = 1.0 / (1e-200 * a)

    x = np.concatenate([[0.0, -0.0, np.inf, -np.inf, np.nan, 5e-324], np.linspace(-3, 3, 500)])
    agree(kernel, x, np.zeros(len(x)))
    for zero in (x, x[6:] * 1e-200):
        with pytest.raises(ZeroDivisionError):
            plait.njit(parallel=True)(may_be_zero)(zero, np.zeros(len(zero)))


def divide_by_roots(a, b, v, out):
    for i in range(len(out)):
        d = v * math.sqrt(b[i])
        out[i] = a[i] / d + 1.0 / math.sqrt(b[i] * a[i])


def divide_by_many_roots(a, b, v, out):
    for i in range(len(out)):
        d = math.sqrt(b[i])
        e = d * d * d * v
        out[i] = a[i] / (e * e * e)


def divide_by_what_was_a_root(a, b, v, out):
    for i in range(len(out)):
        x = b[i]
        d = math.sqrt(x) * v
        x = a[i] - 0.75
        out[i] = x / d


def divide_by_one_of_two_roots(a, b, v, out):
    for i in range(len(out)):
        d = v
        if a[i] > 0.5:
            d = math.sqrt(b[i])
        if b[i] != 0.0:
            out[i] = a[i] / d
        else:
            out[i] = 1.0


ROOTS = (divide_by_roots, divide_by_many_roots, divide_by_what_was_a_root, divide_by_one_of_two_roots)


@pytest.mark.parametrize("kernel", ROOTS)
@pytest.mark.parametrize("place", [0, 256, 700, 999])
@pytest.mark.parametrize("number", [0.0, -0.0, 5e-324, 6e-61, 7e-61, 1e-200, 1e-30, math.inf, math.nan, 1.0])
@pytest.mark.parametrize("factor", [1.0, -1e-30, 1e-31, 1e-200, 5e-324, 0.0])
def test_divisors_with_roots(kernel, place, number, factor):
    a, b, out = data(9)
    b[place] = number
    got, raises = out.copy(), None
    try:
        kernel(a.tolist(), b.tolist(), factor, out)
    except ZeroDivisionError:
        raises = True
    compiled = ROOT_KERNELS[kernel]
    if raises:
        with pytest.raises(ZeroDivisionError):
            compiled(a, b, factor, got)
        place = int(np.argmin(out != 0))  # the first one that was not stored
        np.testing.assert_array_equal(got[:place], out[:place])
    else:
        compiled(a, b, factor, got)
        np.testing.assert_array_equal(got, out)


ROOT_KERNELS = {k: plait.njit(parallel=True)(k) for k in ROOTS}
