"""Numba's published wrong answers: each must be right here, or refused with a reason (numbers are Numba's issues)."""
import numpy as np
import pytest

import plait
from plait import njit, prange


def both(function, *make):
    """Result and arguments of the kernel in parallel, beside those of CPython; the same at every number of threads."""
    def run(f):
        args = [m() for m in make]
        return f(*args), args
    want, want_args = run(function)
    kernel = njit(parallel=True)(function)
    import switches as _testing
    for threads in (1, 2, 3, 4):
        with _testing.threads(threads, min_work=0):
            got, got_args = run(kernel)
        np.testing.assert_allclose(got, want, rtol=1e-12) if want is not None else None
        for g, w in zip(got_args, want_args):
            np.testing.assert_allclose(g, w, rtol=1e-12)
    return want


def test_4922_reduction_inside_a_condition():
    def count(a):
        n = 0
        for i in prange(a.shape[0]):
            if a[i] > 3:
                n += 1
        return n
    assert both(count, lambda: np.arange(14)) == 10


def test_7344_start_value_counts_once():
    def total(n):
        s = 100
        for i in prange(n):
            s += i
        return s
    assert both(total, lambda: 50) == 100 + 49 * 25


def test_7630_two_pranges_on_two_paths():
    def pick(a, flag):
        s = 0.0
        if flag:
            for i in prange(a.shape[0]):
                s += a[i]
        else:
            for i in prange(a.shape[0]):
                s += 2 * a[i]
        return s
    for flag in (False, True):
        both(pick, lambda: np.arange(100.0), lambda: flag)


def test_9518_subtracting_reduction():
    def norm(a, b):
        err = 0.0
        for i in prange(a.shape[0]):
            err = err - (a[i] - b[i])
        return err
    both(norm, lambda: np.arange(100.0), lambda: np.ones(100))


def test_operand_position_matters():
    def alternate(x):
        a = 1.0
        for i in range(x.shape[0]):
            a = x[i] - a
        return a
    both(alternate, lambda: np.arange(101.0))


def test_9139_division_by_own_maximum():
    def scale(a):
        return a / a.max()
    both(scale, lambda: np.arange(1.0, 50.0))


def test_8007_stencil_sum():
    def blur(a, out):
        for i in prange(1, a.shape[0] - 1):
            for j in range(1, a.shape[1] - 1):
                s = 0.0
                for di in range(-1, 2):
                    for dj in range(-1, 2):
                        s += a[i + di, j + dj]
                out[i, j] = s
    both(blur, lambda: np.arange(400.0).reshape(20, 20), lambda: np.zeros((20, 20)))


def test_7170_normalising_inside_prange():
    def normalise(h):
        for i in prange(h.shape[0]):
            row = h[i] / np.sum(h[i])
            h[i, :] = row
    both(normalise, lambda: np.arange(1.0, 101.0).reshape(10, 10))


def test_9379_scratch_array_in_the_loop():
    def rows(a, out):
        for i in prange(a.shape[0]):
            t = np.zeros(a.shape[1])
            for j in range(a.shape[1]):
                t[j] += a[i, j] * 2
            out[i] = t.sum()
    both(rows, lambda: np.arange(60.0).reshape(6, 10), lambda: np.zeros(6))


def test_9529_allocation_is_not_shared_between_iterations():
    def keep(n):
        out = np.zeros((n, 3))
        for i in prange(n):
            t = np.empty(3)
            for k in range(3):
                t[k] = i * 10 + k
            out[i] = t
        return out
    both(keep, lambda: 40)


def test_9490_same_answer_every_time():
    def f(a):
        s = 0.0
        for i in prange(a.shape[0]):
            t = a[i] * 0.1
            s += t
        return s
    kernel = njit(parallel=True)(f)
    a = np.random.default_rng(0).random(10001)
    assert len({kernel(a) for _ in range(50)}) == 1


@pytest.mark.parametrize("sub", ["y[0, 1] += x[i]", "y[i % 4, 0] += x[i]"])
def test_3681_update_of_a_shared_element_is_right_or_refused(sub):
    space = {"prange": prange}
    source = f"def f(x, y):\n    for i in prange(x.shape[0]):\n        {sub}\n"
    import linecache
    name = f"<numba 3681 {sub}>"
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    exec(compile(source, name, "exec"), space)
    try:
        both(space["f"], lambda: np.arange(100.0), lambda: np.zeros((4, 2)))
    except plait.errors.ParallelRaceError as e:
        assert "line 3" in str(e) or ":3:" in str(e)


def test_5942_update_after_a_slice_copy():
    def f(g):
        out = np.zeros_like(g)
        for i in prange(g.shape[0]):
            out[i] = g[i]
            out[i, 0] += 1
        return out
    both(f, lambda: np.arange(30.0).reshape(10, 3))


def test_2646_slice_store_of_a_small_array():
    def f(n):
        out = np.zeros((n, 2))
        for i in prange(n):
            out[i, :] = np.array([i, 2.0 * i])
        return out
    both(f, lambda: 20)


def test_3069_array_update_in_prange():
    def f(n):
        a = np.zeros(1)
        for i in prange(n):
            a += 1.0
        return a
    try:
        both(f, lambda: 10)
    except plait.errors.ParallelRaceError:
        pass


def test_4630_slice_store_touches_the_slice_only():
    def f(x):
        x[:0] = 2
        x[3:5] = 7
    both(f, lambda: np.zeros(10))


def test_8652_negated_unsigned_index():
    def f(a):
        out = np.zeros_like(a)
        for i in prange(1, a.shape[0]):
            out[i] = a[-i]
        return out
    both(f, lambda: np.arange(10.0))


def test_6976_division_by_zero_raises():
    def f(a):
        s = np.zeros(a.shape[0])
        for i in prange(a.shape[0]):
            s[i] = 1 / a[i]
        return s
    with pytest.raises(ZeroDivisionError):
        njit(parallel=True)(f)(np.array([1, 2, 0, 4]))


def test_9380_out_of_bounds_raises_in_parallel():
    def f(a, n):
        for i in prange(n):
            a[i] = i
    a = np.zeros(8)
    with pytest.raises(IndexError):
        njit(parallel=True, boundscheck=True)(f)(a, 9)


def test_documented_race_by_modulo_is_right_or_refused():
    def f(x):
        y = np.zeros(4)
        for i in prange(x.shape[0]):
            y[i % 4] += x[i]
        return y
    try:
        both(f, lambda: np.arange(100.0))
    except plait.errors.ParallelRaceError:
        pass


def test_8515_two_successive_loops_are_not_merged_wrongly():
    def f(a, b):
        for i in prange(a.shape[0]):
            b[i] = a[i] * 2
        for i in prange(1, a.shape[0]):
            a[i] = b[i - 1]
    both(f, lambda: np.arange(100.0), lambda: np.zeros(100))


def test_5979_reused_scratch():
    def f(n):
        out = np.zeros(n)
        for i in prange(n):
            t = np.zeros(4)
            t[i % 4] = i
            out[i] = t[0] + 2 * t[1] + 3 * t[2] + 4 * t[3]
        return out
    both(f, lambda: 37)


def test_9_required_parallelism_is_an_error_when_there_is_none():
    def f(x):
        for i in range(1, x.shape[0]):
            x[i] = x[i - 1] * 0.5 + x[i]

    with pytest.raises(plait.errors.LoweringError, match="no loop of this kernel runs in parallel"):
        njit(parallel="require")(f)(np.ones(100))


def test_9_required_parallelism_holds_for_a_loop_that_has_it():
    def f(x):
        for i in range(x.shape[0]):
            x[i] = 2 * x[i]

    x = np.ones(100)
    njit(parallel="require")(f)(x)
    assert (x == 2).all()


def test_an_array_that_all_iterations_add_to_is_refused_behind_checks_too():
    def f(x, nb):
        h = np.zeros(nb, np.int64)
        for i in prange(x.shape[0]):
            t = np.zeros(nb, np.int64)
            t[int(x[i] * nb)] = 1
            h += t
        return h

    try:
        both(f, lambda: np.random.default_rng(0).random(5000), lambda: 8)
    except plait.errors.ParallelRaceError:
        pass


def test_a_small_matrix_that_all_iterations_add_to_is_refused():
    def f(x):
        s = np.zeros((3, 3))
        for i in prange(x.shape[0]):
            s += np.outer(x[i], x[i])
        return s

    try:
        both(f, lambda: np.random.default_rng(0).random((5000, 3)))
    except plait.errors.ParallelRaceError:
        pass
