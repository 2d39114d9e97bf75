"""Loops that run as one, arrays that need no memory: the same values, exceptions and stores as one after the other; and
the pairs that must not be fused."""
import re

import numpy as np
import pytest

from plait import njit, prange

N = 1000


def numbers(*shape, seed=1):
    return np.random.default_rng(seed).uniform(0.5, 2.0, shape)


def fused(function, *args, **options):
    """Lines of the loops that went into another one, and of that one."""
    kernel = njit(parallel=True, **options)(function)
    kernel(*args)
    report = kernel.parallel_report()
    first = function.__code__.co_firstlineno
    leader = re.compile(r"is fused with the loop at line (\d+)")
    pairs = [(e, leader.match(e["text"])) for e in report if e["reason"] == "FUSED"]
    for e, found in pairs:
        others = [other for other in report if f"{other['line']}:{other['col']}" in e["fused_with"]]
        assert int(found[1]) in [other["line"] for other in others]
        assert all(f"{e['line']}:{e['col']}" in other["fused_with"] for other in others)
    return [(e["line"] - first, int(found[1]) - first) for e, found in pairs]


# ---- what is fused ---------------------------------------------------------------------------------------------------------


def chain(a, b, c):
    t = a * b
    u = t + c
    return np.sqrt(u)


@pytest.mark.parametrize("shapes", [(9, 9, 9), (9, 1, 9), (1, 1, 9), (1, 1, 1), (0, 0, 0), (0, 1, 1), (9, 9, 1)])
def test_a_chain_of_array_expressions(agree, shapes):
    agree(chain, *(numbers(n, seed=n + 1) for n in shapes), bits=True)


def test_a_chain_is_one_loop_and_allocates_its_result_alone(made):
    args = [numbers(N, seed=s) for s in (1, 2, 3)]
    assert fused(chain, *args) == [(2, 1), (3, 1)]
    assert made(njit(parallel=True)(chain), *args) == 1
    assert made(njit(chain), *args) == 1


def test_shapes_that_do_not_broadcast_raise_in_order(agree):
    agree(chain, numbers(3), numbers(4), numbers(5))
    agree(chain, numbers(3), numbers(3), numbers(5))


def explicit(a, b, c):
    n = len(a)
    t = np.empty(n)
    for i in range(n):
        t[i] = a[i] * b[i]
    u = np.empty(n)
    for i in range(n):
        u[i] = t[i] + c[i]
    return u


@pytest.mark.parametrize("lengths", [(9, 9, 9), (9, 12, 10), (0, 0, 0), (1, 1, 1), (9, 8, 9), (9, 9, 8), (9, 8, 8)])
def test_explicit_loops_and_indices_out_of_range(agree, lengths):
    agree(explicit, *(numbers(n, seed=n + 1) for n in lengths), bits=True)


def test_explicit_loops_are_one_and_allocate_their_result_alone(made):
    args = [numbers(N, seed=s) for s in (1, 2, 3)]
    assert fused(explicit, *args) == [(6, 3)]
    assert made(njit(parallel=True)(explicit), *args) == 1


def two_dimensions(a, b):
    d = a - b
    s = d * d
    return s / (1.0 + np.abs(d))


def test_two_dimensions(agree, made):
    args = [numbers(30, 40, seed=s) for s in (1, 2)]
    agree(two_dimensions, *args, bits=True)
    assert made(njit(parallel=True)(two_dimensions), *args) == 1
    agree(two_dimensions, numbers(30, 1), numbers(40), bits=True)


def rows(x):
    return np.sqrt((x * x).sum(axis=1))


def test_sums_of_rows_and_their_roots(agree, made):
    agree(rows, numbers(30, 40))
    agree(rows, numbers(0, 40))
    agree(rows, numbers(4, 0))
    assert fused(rows, numbers(3, 4)) == [(1, 1)]
    assert made(njit(parallel=True)(rows), numbers(30, 40)) == 1


def softmax(x):
    m = x.max(axis=1)
    e = np.exp(x - m[:, None])
    s = e.sum(axis=1)
    return e / s[:, None]


def test_softmax_of_a_matrix_goes_row_by_row(agree):
    agree(softmax, numbers(20, 30))
    agree(softmax, numbers(1, 1))
    agree(softmax, numbers(7, 2000))
    agree(softmax, numbers(0, 3))


def standardize(x):
    d = x - x.mean()
    return d / np.sqrt((d * d).mean())


def test_means_between(agree):
    agree(standardize, numbers(N))


def inner(a, out):
    n, m = a.shape
    for i in range(n):
        row = np.empty(m)
        for j in range(m):
            row[j] = a[i, j] * 2.0
        for j in range(m):
            out[i, j] = row[j] + 1.0


def test_inner_loops_of_a_loop(agree, made):
    args = numbers(20, 30), np.zeros((20, 30))
    agree(inner, *args, bits=True)
    assert fused(inner, *args) == [(6, 4)]
    assert made(njit(parallel=True)(inner), *args) == 0


def shifted(a, out):
    n = len(a)
    t = np.empty(n)
    for i in range(n - 2):
        t[i + 1] = a[i] * 2.0
    for i in range(1, n - 1):
        out[i] = t[i] + a[i]


def test_the_same_iterations_counted_from_another_start(agree):
    for n in (0, 1, 2, 3, 50):
        agree(shifted, numbers(n), np.zeros(n), bits=True)
    assert fused(shifted, numbers(N), np.zeros(N)) == [(5, 3)]


def backwards(a, b, c):
    for i in range(len(a) - 1, -1, -2):
        b[i] = a[i] + 1.0
    for k in range(len(a) - 1, -1, -2):
        c[k] = b[k] * a[k]


def test_negative_steps(agree):
    for n in (0, 1, 2, 9):
        agree(backwards, numbers(n), np.zeros(n), np.zeros(n), bits=True)
    assert fused(backwards, numbers(N), np.zeros(N), np.zeros(N)) == [(3, 1)]


def mixed(a):
    t = np.empty(len(a))
    for i in prange(len(a)):
        t[i] = a[i] * a[i]
    s = 0.0
    for i in range(len(a)):
        s += t[i]
    return s


def test_prange_and_range_and_a_sum(agree, made):
    agree(mixed, numbers(N))
    assert fused(mixed, numbers(N)) == [(5, 2)]
    assert made(njit(parallel=True)(mixed), numbers(N)) == 0


def user_variable(a, b):
    for i in range(len(a)):
        v = a[i] * 2.0
        b[i] = v
    for i in range(len(a)):
        v = a[i] + b[i]
        b[i] = v * v
    return v, i


def test_variables_that_both_loops_use(agree):
    agree(user_variable, numbers(9), np.zeros(9))
    agree(user_variable, numbers(1), np.zeros(1))
    agree(user_variable, numbers(0), np.zeros(0))


def between(a, b, k):
    for i in range(len(a)):
        b[i] = a[i] + 1.0
    scale = k * 3
    w = np.zeros(len(a))
    for i in range(len(a)):
        w[i] = b[i] * scale
    return w


def test_statements_between(agree):
    agree(between, numbers(N), np.zeros(N), 7, bits=True)
    assert fused(between, numbers(N), np.zeros(N), 7) == [(5, 1)]


def zeros_are_read(a, k):
    t = np.zeros(len(a))
    out = np.empty(len(a))
    for i in range(len(a)):
        if a[i] > k:
            t[i] = a[i]
        out[i] = t[i] + 1.0
    return out


def test_an_array_that_is_not_always_written_stays(agree):
    agree(zeros_are_read, numbers(N), 1.0, bits=True)


def one_arm_alone(c, a, n):
    t = np.zeros(len(a))
    s = 0.0
    for i in range(n):
        if c[i] > 0:
            t[3] = a[i]
            s += t[3]
        else:
            s += t[3] * 2.0
    return s


def test_an_array_that_carries_values_between_iterations_stays(agree):
    agree(one_arm_alone, np.array([1, -1, 1, -1, -1]), numbers(5), 5)


def rows_over_time(a, steps):
    t = np.zeros((3, len(a)))
    s = 0.0
    for k in range(steps):
        for i in range(3):
            for j in range(len(a)):
                s += t[i, j]
                t[i, j] = a[j] + k
    return s


def test_rows_that_an_outer_loop_comes_back_to_stay(agree):
    agree(rows_over_time, numbers(9), 4)


# ---- what must not be fused --------------------------------------------------------------------------------------------------


def maximum(a):
    return a / a.max()


def test_a_maximum_comes_first(agree):
    agree(maximum, numbers(N), bits=True)
    assert fused(maximum, numbers(N)) == []


def forward(a, b, c):
    for i in range(len(a)):
        b[i] = a[i] * 2.0
    for i in range(len(a) - 1):
        c[i] = b[i + 1]


def equal_forward(a, b, c):
    n = len(a) - 1
    for i in range(n):
        b[i] = a[i] * 2.0
    for i in range(n):
        c[i] = b[i + 1]


def backward(a, b, c):
    n = len(a)
    for i in range(1, n):
        b[i] = a[i] * 2.0
    for i in range(1, n):
        c[i] = b[i - 1]


def anti(a, b, c):
    n = len(a) - 1
    for i in range(n):
        b[i] = a[i + 1]
    for i in range(n):
        a[i] = c[i]


def output(a, b, c):
    n = len(a) - 1
    for i in range(n):
        b[i] = a[i]
    for i in range(n):
        b[i + 1] = c[i]


def reversed_reading(a, b, c):
    n = len(a)
    for i in range(n):
        b[i] = a[i] * 2.0
    for i in range(n):
        c[i] = b[n - 1 - i]


def gathers(a, b, c):
    for i in range(len(a)):
        b[i] = a[i] * 2.0
    for i in range(len(a)):
        c[i] = b[int(a[i] * 1e6) % len(a)]


def other_lengths(a, b, c):
    for i in range(len(a)):
        b[i] = a[i] * 2.0
    for i in range(0, len(a) - 1):
        c[i] = b[i] + 1.0


def recurrence(a, b, c):
    for i in range(1, len(a)):
        b[i] = a[i] * 2.0
    for i in range(1, len(a)):
        c[i] = c[i - 1] + b[i]


def scalar_between(a, b, c):
    v = 0.0
    for i in range(len(a)):
        v = a[i] + v * 0.5
        b[i] = a[i]
    for i in range(len(a)):
        c[i] = b[i] + v


def last_value(a, b, c):
    for i in range(len(a)):
        v = a[i]
        b[i] = v
    for i in range(len(a)):
        if i == 2:
            v = b[i] * 100.0
        c[i] = b[i]
    c[0] = v


FORBIDDEN = [forward, equal_forward, backward, anti, output, reversed_reading, gathers, other_lengths, recurrence,
             scalar_between, last_value]


@pytest.mark.parametrize("function", FORBIDDEN, ids=lambda f: f.__name__)
def test_what_would_change_or_serialise_is_left_alone(agree, function):
    args = numbers(N, seed=1), np.zeros(N), numbers(N, seed=3)
    agree(function, *args, bits=True)
    assert fused(function, *args) == []


# ---- memory that arguments share ------------------------------------------------------------------------------------------


def doubled(a, b, c):
    n = len(a)
    for i in range(n):
        b[i] = a[i] * 2.0
    for i in range(n):
        c[i] = b[i] + a[i]


@pytest.mark.parametrize("offsets", [(0, 0, 0), (0, 1, 0), (0, 0, 1), (1, 0, 0), (2, 1, 0), (0, 1, 2), (0, 20, 40),
                                     (0, 0, 20), (0, 20, 0), (20, 0, 0), (0, 19, 38)])
def test_arguments_that_overlap(offsets):
    kernels = [njit(doubled), njit(parallel=True)(doubled)]
    results = []
    for function in [doubled] + kernels:
        memory = numbers(80)
        function(*(memory[o : o + 20] for o in offsets))
        results.append(memory)
    for got in results[1:]:
        np.testing.assert_array_equal(got, results[0])


@pytest.mark.parametrize("step", [0, 1, -1, 3])
def test_strided_and_broadcast_arguments(step):
    results = []
    for function in [doubled, njit(doubled), njit(parallel=True)(doubled)]:
        memory = numbers(3, 100)
        shape, base = 20, memory[:, 30:]
        views = [np.lib.stride_tricks.as_strided(base[k], (shape,), (8 * step,), writeable=True) for k in range(3)]
        if step == 0:
            views[0] = memory[0, :20]
        function(*views)
        results.append(memory)
    for got in results[1:]:
        np.testing.assert_array_equal(got, results[0])


# ---- exceptions ------------------------------------------------------------------------------------------------------------------


def raises_second(a, b, k):
    for i in range(len(a)):
        b[i] = a[i] + 1.0
    for i in range(len(a)):
        if b[i] > k:
            raise ValueError("large")
        b[i] = b[i] * 2.0


def raises_first(a, b, k):
    for i in range(len(a)):
        if a[i] > k:
            raise ValueError("large")
        b[i] = a[i] + 1.0
    for i in range(len(a)):
        a[i] = b[i] * 2.0


def both_raise(a, b, k):
    t = np.zeros(len(a))
    for i in range(len(a)):
        if a[i] > k:
            raise ValueError("first")
        t[i] = a[i]
    for i in range(len(a)):
        if t[i] < 1.0:
            raise KeyError("second")
        b[i] = t[i]


def divides(a, b, k):
    n = len(a)
    q = np.zeros(n, np.int64)
    for i in range(n):
        q[i] = 100 // (i - int(k))
    for i in range(n):
        b[i] = q[i] + 1.0


@pytest.mark.parametrize("function", [raises_second, raises_first, both_raise, divides], ids=lambda f: f.__name__)
@pytest.mark.parametrize("k", [0.1, 1.0, 1.99, 5.0])
def test_exceptions_and_stores_keep_their_order(agree, function, k):
    agree(function, numbers(50), np.zeros(50), k)
    results = []
    for f in (function, njit(function)):  # serial: arrays are as CPython leaves them
        a, b = numbers(50), np.zeros(50)
        try:
            f(a, b, k)
        except Exception:
            pass
        results.append((a, b))
    for got, want in zip(results[1], results[0]):
        np.testing.assert_array_equal(got, want)


# ---- switches and the report ----------------------------------------------------------------------------------------------------


def test_fusion_can_be_switched_off():
    args = [numbers(N, seed=s) for s in (1, 2, 3)]
    kernel = njit(parallel={"fusion": False})(explicit)
    np.testing.assert_array_equal(kernel(*args), explicit(*args))
    assert not any(e["fused_with"] for e in kernel.parallel_report())


def test_fused_loops_have_the_decision_of_the_one_they_went_into():
    args = [numbers(N, seed=s) for s in (1, 2, 3)]
    kernel = njit(parallel="require")(explicit)
    kernel(*args)
    first, second = kernel.parallel_report()
    assert second["reason"] == "FUSED" and second["decision"] == first["decision"] == "parallel"
    assert f"line {first['line']}" in second["text"]


# ---- arrays made in every iteration -------------------------------------------------------------------------------------------


def softmax_rows(x):
    out = np.empty_like(x)
    for i in prange(x.shape[0]):
        r = x[i]
        e = np.exp(r - r.max())
        out[i] = e / e.sum()
    return out


def test_an_array_of_each_iteration_is_allocated_once(agree, made):
    agree(softmax_rows, numbers(20, 30))
    agree(softmax_rows, numbers(0, 3))
    x = numbers(5000, 20)
    assert made(njit(softmax_rows), x) == 2
    assert made(njit(parallel=True)(softmax_rows), x) < 200


def on_stack(p, q, k):
    out = np.zeros(len(p))
    for i in range(len(p)):
        d = np.zeros(3)
        for j in range(3):
            if p[i, j] > k:
                d[j] = p[i, j] - q[j]
        for j in range(3):
            out[i] += d[j] * d[2 - j]
    return out


def test_small_arrays_are_on_the_stack_and_cleared_in_every_iteration(agree, made):
    args = numbers(500, 3), numbers(3), 1.2
    agree(on_stack, *args)
    for options in ({}, {"parallel": True}):
        assert made(njit(**options)(on_stack), *args) == 1


def cleared(p, n, k):
    out = np.zeros(len(p))
    for i in range(len(p)):
        t = np.zeros((n, 2))
        t[i % n, 1] = p[i]
        for j in range(n):
            out[i] += t[j, 1] + t[j, 0] * k
    return out


def test_zeros_are_zero_in_every_iteration(agree, made):
    agree(cleared, numbers(50), 7, 2.0)
    agree(cleared, numbers(50), 0, 2.0)
    agree(cleared, numbers(50), -1, 2.0)
    assert made(njit(cleared), numbers(50), 7, 2.0) == 2


def varying(n):
    s = 0.0
    for i in range(n):
        t = np.zeros(i)
        for j in range(i):
            t[j] = j * 0.5
        for j in range(i):
            s += t[i - 1 - j] * i
    return s


def test_arrays_of_varying_size(agree):
    agree(varying, 30)


def alternates(a, n):
    before = np.zeros(len(a))
    for k in range(n):
        now = np.empty(len(a))
        for i in range(len(a)):
            now[i] = a[i] + before[len(a) - 1 - i] * 0.5
        before = now
    return before


def test_an_array_that_the_next_iteration_uses_stays_its_own(agree):
    for n in (0, 1, 2, 5):
        agree(alternates, numbers(9), n, bits=True)


def keeps_a_row(a, n):
    best = np.zeros(2)
    for k in range(n):
        t = np.empty((2, 2))
        t[0, 0], t[0, 1], t[1, 0], t[1, 1] = k, a[k], k + 1, -a[k]
        row = t[k % 2]
        if a[k] > 1.0:
            best = row
    return best


def test_a_view_that_is_kept_keeps_its_array(agree):
    agree(keeps_a_row, numbers(9), 9, bits=True)


def too_large(n, size):
    s = 0
    for i in range(n):
        t = np.empty(size)
        t[size - 1] = 2
        t[0] = i
        s += int(t[0])
    return s


def test_a_loop_without_iterations_allocates_nothing():
    for options in ({}, {"parallel": True}):
        kernel = njit(**options)(too_large)
        assert kernel(0, 1 << 55) == 0
        assert kernel(3, 2) == 3
        with pytest.raises(MemoryError):
            kernel(1, 1 << 55)
        with pytest.raises(ValueError):
            kernel(1, -1)


def helper(t, k):
    u = np.zeros(4)
    for i in range(4):
        u[i] = t[i] * k
    return u


helper_kernel = njit(helper)


def calls(a):
    s = 0.0
    for i in range(len(a)):
        t = np.full(4, a[i])
        u = helper_kernel(t, i)
        for j in range(4):
            s += u[j]
    return s


def test_arrays_of_inlined_calls(agree, made):
    agree(calls, numbers(40))
    assert made(njit(calls), numbers(40)) == 0


def short_vectors(p, out):
    n = len(p)
    for i in range(n):
        d = np.empty(2)
        f = np.zeros(2)
        for j in range(n):
            d[0] = p[i, 0] - p[j, 0]
            d[1] = p[i, 1] - p[j, 1]
            w = 1.0 / (d[0] * d[0] + d[1] * d[1] + 0.1)
            f[0] += d[0] * w
            f[1] += d[1] * w
        out[i, 0] = f[0]
        out[i, 1] = f[1]


def test_short_vectors_in_a_nest(agree, made):
    args = numbers(60, 2), np.zeros((60, 2))
    agree(short_vectors, *args)
    assert made(njit(parallel=True)(short_vectors), *args) == 0


# ---- sums, which run in blocks -----------------------------------------------------------------------------------------------


def squared_error(p, t):
    e = p - t
    return (e * e).sum()


@pytest.mark.parametrize("n", [0, 1, 2, 1023, 1024, 1025, 5000])
def test_a_temporary_that_is_summed_up_needs_no_memory(agree, made, n):
    agree(squared_error, numbers(n), numbers(n, seed=2))
    for options in ({}, {"parallel": True}):
        assert made(njit(**options)(squared_error), numbers(n), numbers(n, seed=2)) == 0


def test_a_sum_has_the_same_bits_with_and_without_fusion():
    p, t = numbers(50_001), numbers(50_001, seed=2)
    plain = njit(parallel={"fusion": False})(squared_error)
    assert njit(parallel=True)(squared_error)(p, t) == plain(p, t)
    assert fused(squared_error, p, t) == [(2, 1)]


def sums_of_both(x, y):
    a = x * y
    b = a + 1.0
    s = a.sum()
    return s + b.sum(), b


def test_several_sums_and_results(agree, made):
    for n in (1, 1024, 3000):
        agree(sums_of_both, numbers(n), numbers(n, seed=2))
    assert made(njit(parallel=True)(sums_of_both), numbers(3000), numbers(3000)) == 1


def loop_and_sum(x, out):
    for i in range(len(x)):
        out[i] = x[i] * 2.0
    return out.sum()


def test_a_loop_of_the_users_and_a_sum(agree):
    for n in (0, 1, 1500):
        agree(loop_and_sum, numbers(n), np.zeros(n))


def sum_of_rows(x):
    d = x - 1.0
    s = (d * d).sum(axis=1)
    return s, d.sum()


def test_sums_of_rows_of_a_temporary(agree):
    agree(sum_of_rows, numbers(30, 40))
    agree(sum_of_rows, numbers(3, 3000))
    agree(sum_of_rows, numbers(0, 4))


def sum_then_use(x):
    d = x + 1.0
    s = d.sum()
    e = d / s
    return e.sum()


def test_a_sum_that_is_used_afterwards_comes_first(agree):
    agree(sum_then_use, numbers(3000))


# ---- work arrays from outside the loop ------------------------------------------------------------------------------------------


def decisions(function, *args):
    kernel = njit(parallel=True)(function)
    kernel(*args)
    return [e["decision"] for e in kernel.parallel_report()]


def work_array(a, out):
    n, m = a.shape
    t = np.zeros(m)
    for i in range(n):
        for j in range(m):
            t[j] = a[i, j] * 2.0
        for j in range(m):
            out[i, j] = t[j] + t[m - 1 - j]


def test_iterations_have_work_arrays_of_their_own(agree):
    for n, m in ((20, 30), (0, 3), (3, 0), (1, 1)):
        agree(work_array, numbers(n, m), np.zeros((n, m)), bits=True)
    assert decisions(work_array, numbers(20, 30), np.zeros((20, 30)))[0] == "parallel"


def two_work_arrays(a, out):
    n, m = a.shape
    t, u = np.empty(m), np.empty((m, m))
    for i in range(n):
        for j in range(m):
            t[j] = a[i, j] * 2.0
            for k in range(j + 1):
                u[j, k] = t[j] + k
        for j in range(m):
            s = 0.0
            for k in range(j + 1):
                s += u[j, k] * t[j - k]
            out[i, j] = s


def test_several_work_arrays_of_triangular_nests(agree):
    agree(two_work_arrays, numbers(20, 9), np.zeros((20, 9)))  # the sums are taken in lanes
    assert decisions(two_work_arrays, numbers(20, 9), np.zeros((20, 9)))[0] == "parallel"


def boundary_stays(a, out):
    n, m = a.shape
    t = np.zeros(m + 1)
    t[0] = 5.0
    for i in range(n):
        for j in range(m):
            t[j + 1] = a[i, j]
        for j in range(m):
            out[i, j] = t[j] + t[j + 1]


def read_afterwards(a, out):
    n, m = a.shape
    t = np.zeros(m)
    for i in range(n):
        for j in range(m):
            t[j] = a[i, j]
        for j in range(m):
            out[i, j] = t[m - 1 - j]
    for j in range(m):
        out[0, j] += t[j]


def sometimes_written(a, out):
    n, m = a.shape
    t = np.zeros(m)
    for i in range(n):
        for j in range(m):
            if a[i, j] > 1.0:
                t[j] = a[i, j]
        for j in range(m):
            out[i, j] = t[m - 1 - j]


def read_before_written(a, out):
    n, m = a.shape
    t = np.zeros(m)
    for i in range(n):
        for j in range(m):
            out[i, j] = t[m - 1 - j]
        for j in range(m):
            t[j] = a[i, j]


@pytest.mark.parametrize("function", [boundary_stays, read_afterwards, sometimes_written, read_before_written],
                         ids=lambda f: f.__name__)
def test_work_arrays_that_iterations_share_stay_shared(agree, function):
    agree(function, numbers(20, 9), np.zeros((20, 9)), bits=True)
    if function is not boundary_stays:
        assert decisions(function, numbers(20, 9), np.zeros((20, 9)))[0] == "serial"


# ---- arms that look like versions of a loop ---------------------------------------------------------------------------------


@njit
def doubled_in_place(x):
    x[:] = x * 2.0


def either(n, m, c):
    x, y, z = np.ones(n), np.ones(n), np.ones(m)
    if c > 0:
        doubled_in_place(x)
    else:
        doubled_in_place(y)
    z[:] = x + z
    return x.sum(), y.sum(), z.sum()


def either_plain(n, m, c):
    x, y, z = np.ones(n), np.ones(n), np.ones(m)
    if c > 0:
        x[:] = x * 2.0
    else:
        y[:] = y * 2.0
    z[:] = x + z
    return x.sum(), y.sum(), z.sum()


@pytest.mark.parametrize("n, m", [(1, 5), (5, 5), (1, 1), (0, 0)])
@pytest.mark.parametrize("c", [0, 1])
def test_the_other_arm_of_a_condition_is_no_slow_version(n, m, c):
    want = either_plain(n, m, c)
    for options in ({}, {"parallel": True}):
        assert njit(**options)(either)(n, m, c) == want
        assert njit(**options)(either_plain)(n, m, c) == want


def two_conditions(a, b, k):
    n = len(a)
    t = np.zeros(n, np.int64)
    for i in range(n):
        t[i] = int(a[i]) // k
    c = np.zeros(n, np.int64)
    for i in range(n):
        c[i] = t[i] + b[i]
    return c


@pytest.mark.parametrize("k", [0, 2])
@pytest.mark.parametrize("length", [0, 3, 9])
def test_a_condition_of_one_loop_says_nothing_of_the_other(agree, k, length):
    agree(two_conditions, np.arange(9), np.arange(length), k)
    agree(two_conditions, np.arange(0), np.arange(length), k)


def greatest_of_rows(x, b):
    n = x.shape[0]
    t = np.zeros(n)
    for i in range(n):
        t[i] = x[i].max()
    c = np.zeros(n)
    for i in range(n):
        c[i] = t[i] + b[i]
    return c


@pytest.mark.parametrize("columns", [0, 2])
@pytest.mark.parametrize("length", [0, 3, 9])
def test_a_slow_version_runs_for_its_own_test_alone(agree, columns, length):
    agree(greatest_of_rows, numbers(9, columns), numbers(length))
    agree(greatest_of_rows, numbers(0, columns), numbers(length))
