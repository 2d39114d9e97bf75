"""Variables that count with a loop: functions of its index in parallel code, with CPython's values everywhere."""
import numpy as np
import pytest

from plait import njit


def upwards(x, out, n):
    k = 3
    for i in range(n):
        out[k] = x[i]
        k += 2
        out[k - 1] = -x[i]
    return k


def downwards(x, out, n):
    k = n
    for i in range(n - 1, -1, -1):
        k -= 1
        out[k] = x[i] + k
    return k


def in_steps(x, out, n):
    k = 0
    for i in range(0, n, 3):
        out[k] = x[i]
        k += 1
    for i in range(n - 1, -1, -2):
        k -= 1
        out[k] = x[i]
    return k


def by_a_value(x, out, n, by):
    k = 0
    for i in range(n):
        out[k] = x[i] + k
        k = by + k
    return k


def twice(x, out, n):
    k, j = 0, 10
    for i in range(n):
        out[k] = x[i]
        k += 1
        out[k] = j
        k += 1
        j -= 1
    return k, j


def in_a_nest(x, out, n):
    k = 0
    for i in range(n):
        for j in range(n):
            out[k] = x[i] * x[j]
            k += 1
        k += 1
    return k


def through_a_triangle(x, out, n):
    k = 0
    for i in range(n):
        for j in range(i):
            out[k] = x[i] * x[j]
            k += 1
    return k


def with_continue(x, out, n):
    k = 0
    for i in range(n):
        if x[i] > 0.5:
            continue
        out[k] = x[i]
        k += 1
    return k


def with_break(x, out, n):
    k = 0
    for i in range(n):
        if i == 4:
            break
        out[k] = x[i]
        k += 2
    return k


def bounds_that_change(x, out, n):
    k = 0
    m = n
    for i in range(m):
        m = 3
        out[k] = x[i]
        k += 1
    return k, m


def wraps_around(x, out, n):
    k = 9223372036854775800
    for i in range(n):
        out[k % 50] = x[i]
        k += 3
    return k


def too_long(x, out, n):
    k = 5
    for i in range(n):
        out[k] = x[i]
        k += 7
    return k


def on_both_paths(x, out, n):
    k = 0
    for i in range(n):
        if x[i] > 0.5:
            out[k] = 1.0
            k += 1
            out[k] = 2.0
            k += 2
        elif k > 6:
            k += 3
        else:
            k = 3 + k
        out[k - 1] += k
    return k


def unlike_paths(x, out, n):
    k = 0
    for i in range(n):
        if x[i] > 0.5:
            k += 1
        else:
            k += 2
        out[k] = x[i]
    return k


def through_another(x, out, n):
    j = -1
    for i in range(n):
        k = j + 1
        out[k] = x[i]
        j = k + 1
        out[j] = -x[i]
    return j


def through_one_that_changes(x, out, n):
    j = k = 0
    for i in range(n):
        k = j + 1
        if x[i] > 0.5:
            k += 1
        out[k] = x[i]
        j = k + 1
    return j, k


def in_an_arm_of_an_arm(x, out, n):
    k = 0
    for i in range(n):
        if x[i] > 0.3:
            if x[i] > 0.6:
                k += 4
                out[k] = 1.0
            else:
                k += 2
                k += 2
        else:
            out[k] = 3.0
            k += 4
        out[k + 1] += k
    return k


@pytest.mark.parametrize("kernel", [on_both_paths, unlike_paths, through_another, through_one_that_changes,
                                    in_an_arm_of_an_arm, upwards, downwards, in_steps, twice, in_a_nest, through_a_triangle, with_continue,
                                    with_break, bounds_that_change])
@pytest.mark.parametrize("n", [0, 1, 2, 7])
def test_values_are_pythons(agree, kernel, n):
    agree(kernel, np.random.default_rng(n).random(8), np.zeros(64), n)


@pytest.mark.parametrize("by", [0, 1, -1, 5])
def test_growth_by_a_value(agree, by):
    agree(by_a_value, np.arange(6.0), np.zeros(64), 6, by)


def test_an_index_that_leaves_the_array(agree):
    agree(too_long, np.arange(20.0), np.zeros(64), 3)
    with pytest.raises(IndexError, match="index 68"):
        njit(parallel=True)(too_long)(np.arange(20.0), np.zeros(64), 20)


def test_a_counter_that_wraps():
    out = np.zeros(50)
    got = njit(parallel=True)(wraps_around)(np.arange(9.0), out, 9)
    assert got == 9223372036854775800 + 27 - 2**64


def test_the_loop_runs_in_parallel():
    kernel = njit(parallel=True)(upwards)
    kernel(np.arange(4.0), np.zeros(64), 4)
    assert [e["decision"] for e in kernel.parallel_report()] == ["parallel"]


def every_so_many_backwards(a, b, first, last, step):
    q = 0
    for i in range(first, last, step):
        q += 1
        a[i] = a[i] + b[len(b) - q]
    return q, i


def moves_on_by_the_step(a, b, first, last, step):
    q = 5
    for i in range(first, last, step):
        b[q] = a[i] * 2.0
        q += step
    return q


def block_results(a, b, first, last, step):
    q = 0
    for t in range(first, last, step):
        s = 0.0
        for i in range(t, min(t + step, len(a))):
            s += a[i]
            a[i] = s
        b[q] = s
        q += 1
    return q


def changes_its_step(a, b, first, last, step):
    q = 0
    for i in range(first, last, step):
        step = 1
        a[i] = b[q]
        q += 2
    return q


def in_both_arms(a, b, first, last, step):
    q = 0
    for i in range(first, last, step):
        if a[i] > 0:
            b[q] = a[i]
            q += 1
        else:
            b[q + 1] = a[i]
            q += 1
    return q


STEPS = [every_so_many_backwards, moves_on_by_the_step, block_results, changes_its_step, in_both_arms]


@pytest.mark.parametrize("f", STEPS, ids=lambda f: f.__name__)
def test_counters_of_loops_of_unknown_step(agree, f):
    a, b = np.random.default_rng(1).random(60) - 0.3, np.random.default_rng(2).random(64)
    runs = [(0, 60, 1), (0, 60, 7), (1, 60, 2), (59, -1, -1), (58, 0, -3), (3, 4, 100), (0, 60, 0), (0, 61, 1), (-3, 20, 2)]
    far = 2**63 - 1
    runs += [(0, 60, 2**62), (5, far, 2**62), (5, -far - 1, -(2**62)), (0, -far - 1, -far - 1), (59, -far - 1, -20), (0, far - 10, far - 10)]
    for first, last, step in runs[:9] if f is block_results else runs:  # t + step would not be an int64
        agree(f, a, b, first, last, step, serial=False)


@pytest.mark.parametrize("f", STEPS[:2], ids=lambda f: f.__name__)
def test_counters_of_loops_of_unknown_step_are_no_obstacle(f):
    kernel = njit(parallel=True)(f)
    kernel(np.ones(60), np.ones(64), 1, 58, 2)
    assert kernel.parallel_report()[0]["decision"] == "parallel", kernel.parallel_report()[0]["text"]
