"""Kernels that were once compiled wrongly, found by tests/fuzz/kernels.py: each against CPython, serial and parallel."""
import inspect

import numpy as np
import pytest

import plait
import switches
from kernel_text import function_of


def outcome(function, arguments):
    arguments = [a.copy() if isinstance(a, np.ndarray) else a for a in arguments]
    try:
        result = function(*arguments)
    except (IndexError, ValueError, ZeroDivisionError) as e:
        result = type(e).__name__
    return result, [a.tolist() if isinstance(a, np.ndarray) else a for a in arguments]


def checks_known_at_entry(n, m, a, ix):
    for i in range(max(0, 1), min(m, 5)):
        for j in range(i, 6):
            a[ix[i]] = 0.5


def dead_inner_loop_with_promoted_element(n, m, a, b):
    for i in range(1, n):
        for j in range(3, 3):
            for k in range(1, m, 2):
                b[j] = 35
                a[j + 1] = max(a[j + 1], 1)


CASES = [
    (checks_known_at_entry, (3, 4, np.zeros(4), np.array([3, 0, 2, 1]))),
    (dead_inner_loop_with_promoted_element, (3, 5, np.ones(6, np.float32), np.zeros(5, np.uint32))),
]


@pytest.mark.parametrize("function, arguments", CASES, ids=[f.__name__ for f, _ in CASES])
def test_as_in_cpython(function, arguments):
    want = outcome(function, arguments)
    assert outcome(plait.njit(function), arguments) == want
    parallel = plait.njit(parallel=True)(function)
    for n in (1, 2, 3):
        with switches.threads(n, min_work=0):
            assert outcome(parallel, arguments) == want
    with switches.shuffled(1):
        assert outcome(parallel, arguments) == want


def sum_in_an_element(n, a):
    for i in range(n):
        a[4] += 1.0


@pytest.mark.parametrize("name", ["inline", "simplify", "induction", "wraparound", "guard", "split", "fuse", "contract", "reorder",
                                  "conditions", "promote", "reduction", "privatize", "classify", "blocks", "schedule",
                                  "march", "lanes", "indices", "precheck", "rows", "extrema", "scratch", "borrow"])
def test_a_pass_switched_off_makes_nothing_wrong(name):
    kernel = plait.njit(parallel=True, tile=2, disable=[name])(sum_in_an_element)
    for n in (0, 1, 7, 100):
        a = np.zeros(6, np.float32)
        with switches.threads(3, min_work=0):
            kernel(n, a)
        assert a.tolist() == [0, 0, 0, 0, n, 0]


def grow_by_all_before(a):
    for i in range(1, len(a)):
        for k in range(i):
            a[i] += a[k]


def grow_by_rows_below(b):
    for i in range(b.shape[0]):
        for j in range(b.shape[1]):
            for k in range(i + 1, b.shape[0]):
                b[i, j] += b[k, j]
            b[i, j] = 2 * b[i, j]


@pytest.mark.parametrize("options", [{}, {"parallel": True}])
@pytest.mark.parametrize("function, shape, strides", [(grow_by_all_before, (6,), (0,)), (grow_by_all_before, (6,), (8,)),
                                                      (grow_by_rows_below, (6, 6), (0, 8)),
                                                      (grow_by_rows_below, (6, 6), (8, 8)),
                                                      (grow_by_rows_below, (6, 6), (96, 8))])
def test_elements_that_share_memory_in_one_array(function, shape, strides, options):
    want, got = np.arange(1, 100), np.arange(1, 100)
    function(np.lib.stride_tricks.as_strided(want, shape, strides))
    plait.njit(**options)(function)(np.lib.stride_tricks.as_strided(got, shape, strides))
    assert (got == want).all()


def add_reversed_in_place(a):
    w = a[::-1]
    w[:4] += w[:4] * 2


def add_to_itself(a):
    a += a * a[:1]


def copy_row_into_its_neighbour(a):
    a[1] = a[0]


def double_where_small(a):
    a[:] = np.where(a < 3, a * 2 + 1, a)


@pytest.mark.parametrize("options", [{}, {"parallel": True}])
@pytest.mark.parametrize("strides", [(0, 0), (0, 8), (8, 8), (16, 8), (48, 8)])
@pytest.mark.parametrize("function", [add_reversed_in_place, add_to_itself, copy_row_into_its_neighbour, double_where_small])
def test_array_statements_read_before_they_write_elements_that_share_memory(function, strides, options):
    """Of elements that share memory the last one in the order of subscripts counts; NumPy's order is its own affair where
    a stride is negative."""
    for rows in (slice(None), 0):
        want, got = np.arange(1, 100), np.arange(1, 100)
        target, mine = (np.lib.stride_tricks.as_strided(a, (6, 6), strides)[rows] for a in (want, got))
        if rows == 0 and function is not add_reversed_in_place:
            continue
        if function is add_reversed_in_place:  # what NumPy does, in the order of subscripts
            values = target[::-1][:4] + target[::-1][:4] * 2
            for k in np.ndindex(values.shape):
                target[::-1][:4][k] = values[k]
        else:
            function(target)
        plait.njit(**options)(function)(mine)
        assert got.tolist() == want.tolist()


def fill_rows(a, b):
    a[:, :] = b


def add_columns(a, b):
    a[:, ::2] = a[:, :3] + b[:, :3]


@pytest.mark.parametrize("strides", [(0, 8), (8, 8), (24, 8), (48, 8)])
@pytest.mark.parametrize("function, step", [(fill_rows, 1), (add_columns, 2)])
def test_of_elements_that_share_memory_the_last_one_counts(function, step, strides):
    """The last in the order of subscripts, also when iterations run in another order."""
    kernel, b = plait.njit(parallel=True)(function), np.arange(36.0).reshape(6, 6)
    want, got = np.arange(99.0), np.arange(99.0)
    a = np.lib.stride_tricks.as_strided(want, (6, 6), strides)
    values = b if step == 1 else a[:, :3] + b[:, :3]
    for i, j in np.ndindex(values.shape):
        a[i, step * j] = values[i, j]
    with switches.shuffled(3):
        kernel(np.lib.stride_tricks.as_strided(got, (6, 6), strides), b)
    assert got.tolist() == want.tolist()


def extremes_of_two_types(a, b, out):
    for i in range(len(b)):
        out[i] = np.maximum(a[i], b[i]) - np.minimum(b[i], a[i])


@pytest.mark.parametrize("types", [("int64", "uint8"), ("int64", "int16"), ("int64", "uint32"), ("float64", "float32")])
def test_the_extreme_of_two_scalars_is_one_of_them(types):
    """No array stands beside them, so neither gives way to the other's type."""
    a, b = (np.array([-9.1, -1.3, 300.7, 5.9]).astype(types[0]), np.arange(4).astype(types[1]))
    out, want = np.zeros(4), np.zeros(4)
    extremes_of_two_types(a, b, want)
    plait.njit(extremes_of_two_types)(a, b, out)
    assert out.tolist() == want.tolist()


@pytest.mark.parametrize("before", range(20))
def test_any_number_of_loops_before_one_over_items(before):
    """The report is a vector, which moves when it grows."""
    text = "for i in range(3):\n    a[i] += 1.0\n" * before + "for c in (0, 2, 1):\n    a[c] *= 2.0"
    kernel, a = plait.njit(function_of(text, "a")), np.ones(3)
    kernel(a)
    assert a.tolist() == [2.0 * (1 + before)] * 3
    assert kernel.parallel_report()[-1]["reason"] == "UNROLLED"


@pytest.mark.parametrize("extent", [9, 8])
@pytest.mark.parametrize("tile", [0, 1, 2, 5])
def test_other_orders_of_a_nest_whose_bounds_are_constants(tile, extent):
    """There is nothing to ask at its entry but the array's extents, which another test asks already."""
    text = "for i in range(9):\n    for j in range(i):\n        for k in range(j):\n            a[i, j] -= 1.0"
    function = function_of(text, "a")
    a = np.arange(extent * extent, dtype=float).reshape(extent, extent)
    want = outcome(function, (a,))
    with switches.threads(2, min_work=0):
        got = outcome(plait.njit(parallel=True, tile=tile)(function), (a,))
    assert got == want if extent == 9 else got[0] == want[0] == "IndexError"


def sum_of_rows_made_here(a, b, n, m):
    for i in range(1, m):
        for j in range(1, n):
            v, w = np.zeros(m), np.ones(m)
            for k in range(m):
                if b[j + k] < 0.0:
                    v[k] = 7.0
            for k in range(m):
                a[j + 3] += v[k] - w[m - 1 - k]


@pytest.mark.parametrize("shift", [0, 2])
def test_the_loop_as_it_was_has_its_arrays_where_there_is_little_work(shift):
    """It runs where arrays overlap, and where they do not but a team would not pay."""
    def arguments():
        both = -np.ones(40)
        return both[:30], both[shift:shift + 30] if shift else -np.ones(30), 9, 21
    want, got = arguments(), arguments()
    sum_of_rows_made_here(*want)
    plait.njit(parallel=True)(sum_of_rows_made_here)(*got)
    assert got[0].tolist() == want[0].tolist()


@pytest.mark.parametrize("a, b", [(2**64 - 2, 1), (2**64 - 2, -3), (2**63 + 5, 7), (3, 4), (0, 5)])
def test_unsigned_by_signed_is_divided_as_reals(a, b):
    """They have no common integer type that holds both."""
    divide = plait.njit(lambda a, b: a / b)
    assert divide(np.uint64(a), b) == float(a) / b
    assert divide(b, np.uint64(a)) == b / float(a) if a else True


def rows_copied_behind_a_loop_without_count(a, b, ix, n):
    i = 0
    while i + 1 < n:
        i += 1
        for j in range(i, 10):
            a[i // 3] = 47.0
            if j > 1:
                continue
    b[ix[:n]] = a[:n]


def test_allocations_beside_loops_without_count():
    want, got = (np.ones(9), np.zeros(9), np.arange(9)[::-1].copy(), 7), (np.ones(9), np.zeros(9), np.arange(9)[::-1].copy(), 7)
    rows_copied_behind_a_loop_without_count(*want)
    plait.njit(parallel=True)(rows_copied_behind_a_loop_without_count)(*got)
    assert [x.tolist() for x in want[:2]] == [x.tolist() for x in got[:2]]


def test_cases_are_all_of_the_module():
    local = [f for n, f in globals().items() if inspect.isfunction(f) and f.__module__ == __name__]
    cases = {f for f, _ in CASES}
    assert {f for f in local if not f.__name__.startswith("test_") and f not in (outcome, sum_in_an_element, grow_by_all_before,
                                                                             grow_by_rows_below, add_reversed_in_place,
                                                                             add_to_itself, copy_row_into_its_neighbour,
                                                                             double_where_small, fill_rows, add_columns,
                                                                             extremes_of_two_types,
                                                                             sum_of_rows_made_here,
                                                                             rows_copied_behind_a_loop_without_count)} == cases
