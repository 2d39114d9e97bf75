"""Arrays that share memory with the indices and masks they are assigned through, and numbers at the ends of int64 where
shapes, slices and offsets are expected. What an index says is checked once: nothing may change it afterwards."""

import math
import warnings

import numpy as np
import pytest

from plait import njit

FAR = 2**63


def check_shared(function, make):
    """The same results and the same arguments afterwards, made anew for each run because they share memory."""
    want_args = make()
    want = function(*want_args)
    for options in ({}, {"parallel": True}):
        args = make()
        np.testing.assert_array_equal(njit(**options)(function)(*args), want)
        for got, expected in zip(args, want_args):
            np.testing.assert_array_equal(got, expected)


def assign(y, k, v):
    y[k] = v


def add(y, k, v):
    y[k] += v


def triple(y, k, v):
    y[k] *= 3


def backwards(y, k, v):
    y[k[::-1]] = v[k]


def through_row(y, k, v):
    m = y.reshape(1, -1)
    m[0, k] = v


def twice(y, k, v):
    y[k] = v
    y[k % 4] = 7


def far(y, k, v):
    y[k] = 10**12


@pytest.mark.parametrize("statement", [assign, add, triple, backwards, through_row, twice, far])
@pytest.mark.parametrize("part", [slice(None), slice(None, None, -1), slice(1, 3), slice(None, None, 2)])
def test_indices_that_share_memory_with_the_target_are_read_before_the_first_store(statement, part):
    def make():
        y = np.array([2, 0, 3, 1])
        return y, y[part], np.array([3, 0, 1, 2])[: y[part].size] if statement is not backwards else np.arange(4)

    check_shared(statement, make)


def test_far_values_stored_through_indices_that_they_overwrite_stay_in_the_array():
    def make():
        y = np.arange(1000)[::-1].copy()
        return y, y, y

    check_shared(far, make)


def rows(a, k, v):
    a[k, :] = v


def columns(a, k, v):
    a[:, k] = v


def added_columns(a, k, v):
    a[:, k] += v


@pytest.mark.parametrize("statement", [rows, columns, added_columns])
@pytest.mark.parametrize("pick", [lambda a: a[0], lambda a: a[:, 0], lambda a: a[::-1, 2], lambda a: a[1][::-1]])
def test_rows_and_columns_named_by_the_array_itself(statement, pick):
    def make():
        a = np.array([[2, 0, 1], [1, 2, 0], [0, 2, 2]])
        return a, pick(a), 100 + np.arange(9).reshape(3, 3)

    check_shared(statement, make)


def test_indices_of_another_type_in_the_same_memory():
    def make():
        y = np.array([2, 0, 3, 1])
        return y.view(np.float64), y, np.array([1.5, 2.5, 3.5, 4.5])

    check_shared(assign, make)


def test_local_arrays_share_memory_as_well():
    def kernel(n):
        y = np.arange(n)[::-1].copy()
        k = y[1:]
        y[k] = 10**12
        return y

    check_shared(kernel, lambda: (100,))


@pytest.mark.parametrize("part", [slice(None), slice(None, None, -1)])
def test_a_mask_that_the_stores_change_is_read_before(part):
    def make():
        y = np.array([True, False, False, True, True, False])
        return y, y[part], np.array([False, True, False])

    def copied(y, m, v):
        y[m.copy()] = v

    want = make()
    copied(*want)
    for options in ({}, {"parallel": True}):
        got = make()
        njit(**options)(assign)(*got)
        np.testing.assert_array_equal(got[0], want[0])


# ---- shapes ------------------------------------------------------------------------------------------------------------


def reshape2(x, k, n):
    return x.reshape(k, n).sum(axis=0)


@pytest.mark.parametrize(
    "shape",
    [(3, 4), (-1, 4), (3, -1), (-1, 12), (-1, -1), (-2, -6), (5, -1), (20015, 3518844310438324660), (2**32, 2**32),
     (0, -1), (-FAR, 12), (-FAR, -FAR), (2**62, 4), (FAR - 1, -1)],
)  # fmt: skip
def test_reshape_to_extents_known_at_run_time(agree, shape):
    agree(reshape2, np.arange(12.0), *shape)


@pytest.mark.parametrize("shape", [(2**32, 2**32, 10), (2**32, 2**32, 0), (0, 5, 3), (-1, 3, 1), (0, -1, 2), (-1, 0, 0)])
def test_reshape_of_nothing(agree, shape):
    def kernel(x, i, j, k):
        return x.reshape(i, j, k).shape

    agree(kernel, np.zeros(0), *shape)


def test_loops_over_the_extents_that_were_asked_for_need_no_checks():
    @njit(parallel=True)
    def kernel(x, n, m):
        a = x.reshape(n, m)
        s = 0.0
        for i in range(n):
            for j in range(m):
                s += a[i, j]
        return s

    assert kernel(np.arange(12.0), 3, 4) == 66.0
    assert kernel(np.arange(12.0), 3, -1) == 0.0
    assert not any(entry.get("guards") for entry in kernel.parallel_report())
    assert kernel.parallel_report()[0]["decision"] == "parallel"


def test_reshape_to_constant_extents_that_wrap(agree):
    def kernel(x):
        return x.reshape(4294967296, 4294967296, 10).size

    def empty(x):
        return x.reshape(0, -1).size

    agree(kernel, np.zeros(0))
    agree(empty, np.zeros(0))


@pytest.mark.parametrize("shape", [(2**32, 2**32), (2**32, 2**32, 0), (2**62, 4), (FAR - 1, FAR - 1), (0, 2**40), (3, 0)])
def test_shapes_whose_product_does_not_fit(agree, shape):
    def made(*s):
        return np.zeros(s).size

    def spread(*s):
        return np.broadcast_to(1.0, s).size

    def filled(*s):
        return np.full(s, 2.0).size

    agree(made, *shape)
    agree(spread, *shape)
    agree(filled, *shape)


def test_a_filtered_comprehension_over_too_many_places_is_refused_memory():
    def kernel(n, m):
        return np.array([i for i in range(n) for j in range(m) if i >= 0])

    np.testing.assert_array_equal(njit(kernel)(2, 3), kernel(2, 3))
    for n, m in ((2**32, 2**32), (2**33, 2**31), (2**62, 4)):
        with pytest.raises(MemoryError):
            njit(kernel)(n, m)


# ---- slices --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [FAR - 1, FAR - 9, 2**62, -FAR + 1, -FAR, -(2**62), 3, -3])
@pytest.mark.parametrize("n", [0, 1, 10])
def test_slices_with_huge_steps(agree, step, n):
    def kernel(x, k):
        return x[::k], x[2:7:k], x[7:2:k], x[::k][::k]

    agree(kernel, np.arange(n), step)


def test_constant_steps_and_ends_at_the_ends_of_int64(agree):
    def kernel(x):
        return (x[::9223372036854775807], x[::-9223372036854775807], x[8:1:-9223372036854775808],
                x[9223372036854775807:-9223372036854775807], x[-9223372036854775808::2],
                x[:18446744073709551615], x[9223372036854775808:], x[3::18446744073709551615])  # fmt: skip

    agree(kernel, np.arange(10))


def test_slice_ends_and_steps_of_uint64(agree):
    def kernel(x, m):
        return x[: m[0]].size, x[m[1] :].size, x[m[2] : m[3]].size, x[2 : m[3] : m[0]].size, x[:: m[1]].size

    agree(kernel, np.arange(10), np.array([2**64 - 1, 2**63, 3, 7], np.uint64))


@pytest.mark.parametrize("index", [2**63, 2**64 - 1, 10])
def test_an_index_of_uint64_is_not_a_negative_one(index):
    def one(x, m):
        return x[m[0]]

    def several(x, m):
        return x[m]

    def store(x, m):
        x[m] = 1

    for kernel in (one, several, store):
        with pytest.raises(IndexError):
            njit(kernel)(np.arange(10), np.array([index], np.uint64))


# ---- numbers ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("values", [[np.nan, np.nan], [], [1.0, np.nan, 3.0]])
def test_means_of_nothing_are_nan(agree, values):
    def kernel(x):
        return np.nanmean(x), np.nanvar(x), np.nanstd(x), np.nanvar(x, ddof=2)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        agree(kernel, np.array(values))
        agree(kernel, np.array(values, np.float32), rtol=1e-6)


def test_float32_is_rounded_in_float32(agree):
    def constant(x):
        return np.round(x, 1), np.round(x, -1), np.around(x, 3), x.round(2)

    def at_run_time(x, d):
        return np.round(x, d)

    x = np.array([-1.85, 0.35, 1.15, -0.85, 12345.678, 1e30, np.inf, np.nan, -0.0], np.float32)
    agree(constant, x, bits=True)
    for digits in (-2, -1, 0, 1, 4):
        agree(at_run_time, x, digits, bits=True)


def test_a_negative_least_length_of_counts_is_refused(agree):
    def kernel(x, k):
        return np.bincount(x, minlength=k)

    for k in (-1, 0, 1, 9):
        agree(kernel, np.array([1, 2]), k)


def test_diagonals_far_outside_are_empty():
    def kernel(a, k):
        return np.trace(a, k), np.diag(a, k).size, np.diagonal(a, k).size

    for k in (-FAR, -FAR + 1, -(2**62), FAR - 1, -3, 3):
        assert njit(kernel)(np.ones((3, 3)), k) == (0.0, 0, 0)
    assert njit(kernel)(np.ones((3, 3)), -2) == kernel(np.ones((3, 3)), -2)


def test_negative_powers_of_no_integers(agree):
    def kernel(a, n):
        return a**-2, a**n

    agree(kernel, np.zeros(0, np.int64), -3)
    agree(kernel, np.array([1, 2]), -3)
    agree(kernel, np.zeros((0, 3), np.int32), -3)


@pytest.mark.parametrize(
    "pair",
    [(4, 6), (-4, 6), (0, 5), (2**62, 2), (-(2**62), 1), (FAR - 1, FAR - 1), (3037000499, 3037000500), (7, -7)],
)
def test_least_common_multiples(agree, pair):
    agree(lambda a, b: math.lcm(a, b), *pair)


@pytest.mark.parametrize("pair", [(2, FAR - 1), (-FAR, 1), (1, -FAR), (-FAR, -FAR), (2**62, 3), (2**40, 3**20)])
def test_least_common_multiples_beyond_int64_raise(pair):
    with pytest.raises(OverflowError):
        njit(lambda a, b: math.lcm(a, b))(*pair)


def test_an_assignment_in_a_condition_of_a_comprehension_is_named():
    from plait.errors import UnsupportedError

    def kernel(a):
        return np.array([y for x in a if (y := x * 2) > 0])

    with pytest.raises(UnsupportedError, match="assignment inside a comprehension"):
        njit(kernel)(np.arange(4.0))
