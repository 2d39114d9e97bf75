"""race='check': a prange loop that is not proven runs in order, every access watched; what two iterations fight over is
an exception with both of them, the element and both lines. What is clean gives sequential execution's results."""
import pathlib
import re
import subprocess

import numpy as np
import pytest

import plait
from plait import njit, prange
from plait.errors import OptionError, ParallelRaceError

check = njit(parallel=True, race="check")


def race_of(kernel, *args):
    with pytest.raises(ParallelRaceError) as caught:
        kernel(*args)
    return str(caught.value)


def reasons(kernel):
    return [entry["reason"] for entry in kernel.parallel_report()]


@check
def by_modulo(y, x):
    for i in prange(len(x)):
        y[i % 4] = y[i % 4] * 0.5 + x[i]


def test_elements_by_modulo():
    said = race_of(by_modulo, np.zeros(4), np.arange(10.0))
    assert "iterations i = 0 and i = 4 of the prange loop" in said
    assert "the later one reads y[0]" in said and "the earlier one wrote it" in said
    first = by_modulo.py_func.__code__.co_firstlineno
    assert re.findall(r"line (\d+)", said) == [str(first + 2), str(first + 3), str(first + 3)]


def test_it_says_so_in_the_report():
    by_modulo(np.zeros(4), np.arange(4.0))
    entry = by_modulo.parallel_report()[0]
    assert (entry["decision"], entry["reason"]) == ("serial", "CHECKED")
    assert "watched" in entry["text"]


@check
def scatter(a, idx, x):
    for i in prange(len(idx)):
        a[idx[i]] = x[i]


def test_a_repeated_index_is_found_and_a_permutation_is_clean():
    x = np.arange(8.0)
    said = race_of(scatter, np.zeros(8), np.array([3, 1, 0, 1]), x)
    assert "i = 1 and i = 3" in said and "writes a[1]" in said
    a = np.zeros(8)
    order = np.random.default_rng(0).permutation(8)
    scatter(a, order, x)
    assert np.array_equal(a[order], x)


def test_a_million_iterations():
    n = 10**6
    a, x = np.zeros(n), np.random.default_rng(1).random(n)
    order = np.random.default_rng(0).permutation(n)
    scatter(a, order, x)
    assert np.array_equal(a[order], x)
    order[n - 1] = order[17]
    assert f"i = 17 and i = {n - 1}" in race_of(scatter, a, order, x)


@check
def neighbours(a):
    for i in prange(1, len(a)):
        a[i] = a[i - 1] + 1.0


@check
def neighbours_ahead(a):
    for i in prange(len(a) - 1):
        a[i] = a[i + 1]


@check
def downwards(a):
    for i in prange(len(a) - 2, -1, -2):
        a[i] = a[i + 2 if i + 2 < len(a) else 0]


def test_neighbours():
    assert "i = 1 and i = 2" in race_of(neighbours, np.zeros(5))
    assert "the later one writes a[1]" in race_of(neighbours_ahead, np.zeros(5))
    assert "the earlier one read it" in race_of(neighbours_ahead, np.zeros(5))
    assert re.search(r"i = 4 and i = 2|i = 6 and i = 4", race_of(downwards, np.zeros(8)))


def test_results_up_to_the_conflict_are_those_of_sequential_execution():
    a = np.zeros(5)
    race_of(neighbours, a)
    assert a.tolist() == [0, 1, 0, 0, 0]


@check
def copy(a, b):
    for i in prange(len(b)):
        a[i] = b[i]


def test_arguments_that_overlap():
    memory = np.arange(12.0)
    assert "i = 0 and i = 1" in race_of(copy, memory[1:], memory[:-1])
    copy(memory[:6], memory[6:])
    copy(memory, memory)
    assert memory.tolist() == [6, 7, 8, 9, 10, 11] * 2
    assert "b[3]" in race_of(copy, memory[:6][::-1], memory[:6])


def test_arguments_of_several_dtypes_that_overlap():
    memory = np.zeros(8)
    halves = memory.view(np.int32)
    assert "i = 0 and i = 1" in race_of(copy, halves, memory)
    copy(halves[8:], memory[:4])
    assert "the later one writes a[1]" in race_of(copy, memory.view(np.int8)[3:], memory[:2])
    copy(memory.view(np.int8)[16:], memory[:2])


@check
def row_pairs(a, p, q):
    for i in prange(len(p)):
        a[p[i], q[i]] = a[p[i], q[i]] * 2 + 1


def test_two_dimensions():
    a = np.zeros((3, 4), np.int8)
    row_pairs(a, np.array([0, 0, 1, 2]), np.array([0, 1, 1, 3]))
    assert a.sum() == 4
    assert "a[2, 3]" in race_of(row_pairs, a, np.array([0, 2, 2]), np.array([0, 3, 3]))


@check
def from_the_end(a, k):
    for i in prange(len(a)):
        a[k[i]] = i


def test_negative_indices_are_the_elements_that_they_are():
    a = np.zeros(4)
    from_the_end(a, np.array([-1, -2, -3, -4]))
    assert a.tolist() == [3, 2, 1, 0]
    assert "writes a[3]" in race_of(from_the_end, a, np.array([3, -2, -1, 0]))


@check
def carried(a):
    t = 0.0
    for i in prange(len(a)):
        a[i] = t
        t = a[i] * 2.0 + i
    return t


@check
def carried_sometimes(a, m):
    t = -1.0
    for i in prange(len(a)):
        if m[i]:
            t = a[i]
        a[i] = t


def test_variables_that_iterations_hand_on():
    assert "reads variable `t`" in race_of(carried, np.zeros(4))
    a = np.arange(4.0)
    carried_sometimes(a, np.array([True, True, True, True]))
    assert a.tolist() == [0, 1, 2, 3]
    assert "i = 1 and i = 2" in race_of(carried_sometimes, a, np.array([False, True, False, True]))


@check
def private_work(x, idx):
    out = np.zeros(len(x))
    for i in prange(len(x)):
        row = np.empty(3)
        for k in range(3):
            row[k] = x[i] * k
        out[idx[i]] = row[1] + row[2]
    return out


def test_arrays_of_an_iteration_are_its_own():
    assert np.array_equal(private_work(np.arange(50.0), np.arange(50)), 3.0 * np.arange(50.0))


@njit
def fill(row, value):
    for k in range(len(row)):
        row[k] = value


@njit
def deep(row, value, level):
    if level > 0:
        deep(row, value, level - 1)
    else:
        row[0] = value


@check
def calls(a, rows):
    for i in prange(len(rows)):
        fill(a[rows[i]], 1.0 * i)


@check
def calls_recursive(a, rows):
    for i in prange(len(rows)):
        deep(a[rows[i]], 1.0 * i, 3)


@pytest.mark.parametrize("kernel", [calls, calls_recursive])
def test_functions_that_the_loop_calls(kernel):
    a = np.zeros((4, 3))
    kernel(a, np.array([2, 0, 1]))
    assert a[:, 0].tolist() == [1, 2, 0, 0]
    assert re.search("iterations (i = )?1 and (i = )?2 of", race_of(kernel, a, np.array([2, 0, 0])))


@njit
def scaled(row, x):
    own = np.empty(2)
    for k in range(2):
        own[k] = row[k] * x
    return own[0] + own[1]


@njit
def scaled_deep(row, x, level):
    own = np.empty(2)
    own[0] = row[level % 2]
    return scaled_deep(row, x, level - 1) + own[0] if level > 0 else scaled(row, x)


@check
def small_arrays_in_calls(x, idx):
    for i in prange(len(x)):
        row = np.empty(2)
        row[0] = row[1] = 1.0
        x[idx[i]] = scaled_deep(row, x[idx[i]], 2)


def test_small_arrays_that_functions_get_or_make_are_the_iterations_own():
    x = np.arange(5.0)
    small_arrays_in_calls(x, np.arange(5))
    assert np.array_equal(x, 2.0 + 2.0 * np.arange(5.0))


@check
def sums(x, idx):
    total, largest, count = 0.0, x[0], 0
    for i in prange(len(x)):
        v = x[idx[i]]
        total += v
        largest = max(largest, v)
        if v > 2.0:
            count += 1
    return total, largest, count


def test_reductions_are_no_conflict():
    assert sums(np.arange(6.0), np.arange(6)) == (15.0, 5.0, 3)


@check
def proven(x):
    y = np.empty_like(x)
    for i in prange(len(x)):
        y[i] = x[i] + 1.0
    return y


def test_what_is_proven_runs_in_parallel_and_is_not_watched():
    assert proven(np.arange(4.0)).tolist() == [1, 2, 3, 4]
    assert reasons(proven)[:1] == ["INDEPENDENT"]


@check
def nested(a, idx):
    for i in prange(a.shape[0]):
        for j in prange(a.shape[1]):
            a[idx[i], j] = a[idx[i], 0] + i


def test_of_nested_loops_the_outermost_counts():
    a = np.zeros((3, 4))
    nested(a, np.arange(3))
    assert a.tolist() == [[0, 0, 0, 0], [1, 2, 2, 2], [2, 4, 4, 4]]
    assert "i = 1 and i = 2" in race_of(nested, a, np.array([0, 1, 1]))
    assert set(reasons(nested)) == {"CHECKED", "INSIDE_CHECKED"}


@check
def counts_pairs(a, idx):
    for i in prange(a.shape[0]):
        for j in prange(a.shape[1]):
            a[idx[i], j] += 1.0
            a[idx[i], 0] += 1.0


def test_nothing_inside_a_proven_loop_is_watched():
    a = np.zeros((3, 4))
    counts_pairs(a, np.array([0, 1, 1]))
    assert a.tolist() == [[5, 1, 1, 1], [10, 2, 2, 2], [0, 0, 0, 0]]


@check
def in_a_loop(a, idx, n):
    for t in range(n):
        for i in prange(len(idx)):
            a[idx[i]] = a[idx[i]] * 0.5 + t


def test_only_iterations_of_one_execution_can_conflict():
    a = np.zeros(4)
    in_a_loop(a, np.array([1, 3, 0]), 4)
    assert a.tolist() == [4.25, 4.25, 0, 4.25]
    assert "INSIDE_CHECKED" in reasons(in_a_loop)


@check
def raises(a, idx):
    for i in prange(len(idx)):
        a[idx[i]] = 1.0


def test_the_kernels_own_exception_wins_when_it_is_earlier():
    with pytest.raises(IndexError):
        raises(np.zeros(3), np.array([0, 9, 0, 0]))
    assert "i = 0 and i = 1" in race_of(raises, np.zeros(3), np.array([0, 0, 9]))
    a = np.zeros(3)
    raises(a, np.array([2, 1]))
    assert a.tolist() == [0, 1, 1]


@check
def whole_arrays(a, idx):
    for i in prange(len(idx)):
        a[idx[i]:idx[i] + 2] = 1.0 * i


def test_whole_arrays_are_watched_element_by_element():
    whole_arrays(np.zeros(8), np.array([0, 4, 2]))
    assert "i = 0 and i = 2" in race_of(whole_arrays, np.zeros(8), np.array([0, 4, 1]))


@check
def products(a, b, c, idx):
    for i in prange(len(idx)):
        c[idx[i]] = np.dot(a[i], b)


def test_products_are_watched():
    r = np.random.default_rng(0)
    a, b, c = r.random((3, 2, 2)), r.random((2, 2)), np.zeros((3, 2, 2))
    products(a, b, c, np.array([2, 0, 1]))
    assert np.allclose(c[2], a[0] @ b)
    race_of(products, a, b, c, np.array([2, 0, 2]))


@check
def through_a_view(a, idx):
    for i in prange(len(idx)):
        a[1:-1][idx[i]] = 1.0 * i


def test_elements_of_views_are_said_by_the_array_that_they_look_into():
    assert "writes a[3] (line" in race_of(through_a_view, np.zeros(6), np.array([1, 2, 2]))


def test_a_race_that_is_proven_is_left_to_the_run():
    with pytest.raises(ParallelRaceError):
        njit(parallel=True)(neighbours.py_func)(np.zeros(4))
    neighbours(np.zeros(1))


def test_another_word_is_refused():
    with pytest.raises(OptionError):
        njit(parallel=True, race="verify")


def test_arrays_that_the_kernel_made_have_their_names():
    def scattered(k, n):
        out = np.zeros(n)
        for i in prange(len(k)):
            out[k[i]] = i
        return out

    assert "writes out[1] (line" in race_of(check(scattered), np.array([1, 2, 1]), 5)


def test_serial_code_is_not_watched():
    a = np.zeros(4)
    with pytest.warns(plait.PlaitWarning, match="no effect"):
        njit(race="check")(neighbours.py_func)(a)
    assert a.tolist() == [0, 1, 2, 3]


def test_nothing_leaks(alive):
    kernel = check(private_work.py_func)
    kernel(np.arange(5.0), np.arange(5))
    before = alive()
    for _ in range(3):
        kernel(np.arange(50.0), np.arange(50))
        race_of(kernel, np.arange(5.0), np.zeros(5, np.int64))
    assert alive() == before


def test_the_command_knows_the_option(tmp_path):
    (tmp_path / "k.py").write_text("from plait import prange\ndef k(a):\n    for i in prange(1, len(a)):\n"
                                   "        a[i] = a[i - 1]\n")
    np.save(tmp_path / "a.npy", np.zeros(5))
    import plait

    command = pathlib.Path(plait.__file__).parents[2] / "plait"
    if not command.exists():
        pytest.skip("no command beside the package")
    said = subprocess.run([command, "run", "--parallel", "--race", "check", f"{tmp_path}/k.py:k", f"{tmp_path}/a.npy"],
                          capture_output=True, text=True)
    assert "ParallelRaceError" in said.stderr and "i = 1 and i = 2" in said.stderr, said


def racy_chain(a):
    for i in prange(1, len(a)):
        a[i] = a[i - 1] + 1


def test_warn_warns_of_a_proven_race():
    with pytest.warns(plait.errors.PlaitWarning, match="not independent"):
        plait.njit(parallel=True, race="warn")(racy_chain)(np.zeros(10))
