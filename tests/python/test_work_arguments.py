"""Arguments that iterations use as work arrays: each iteration has its own, the last one's elements are the caller's."""
import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided

from plait import njit

TRIPS = [0, 1, 2, 15, 16, 17, 40]


def entry(f, *args):
    kernel = njit(parallel=True)(f)
    kernel(*[a.copy() if isinstance(a, np.ndarray) else a for a in args])
    return kernel.parallel_report()[0]


def numbers(*shape):
    return np.random.default_rng(shape).random(shape)


# ---- what runs in parallel -------------------------------------------------------------------------------------------------


def doitgen(a, c4, acc):
    for r in range(a.shape[0]):
        for q in range(a.shape[1]):
            for p in range(a.shape[2]):
                acc[p] = 0.0
                for s in range(a.shape[2]):
                    acc[p] += a[r, q, s] * c4[s, p]
            for p in range(a.shape[2]):
                a[r, q, p] = acc[p]


def upwards(x, out, w):
    for i in range(len(out)):
        for j in range(x.shape[1]):
            w[j] = x[i, j] * 2.0
        for j in range(x.shape[1]):
            out[i] += w[x.shape[1] - 1 - j]


def downwards(x, out, w):
    for i in range(len(out) - 1, -1, -1):
        for j in range(x.shape[1]):
            w[j] = x[i, j] - 1.0
        for j in range(x.shape[1]):
            out[i] += w[j] * w[0]


def inner_loop_downwards(x, out, w):
    for i in range(len(out)):
        for j in range(x.shape[1] - 1, -1, -2):
            w[j] = x[i, j]
        for j in range(x.shape[1] - 1, -1, -2):
            out[i] += w[j]


def one_element(x, out, w):
    for i in range(len(out)):
        w[1] = x[i, 0] + 1.0
        out[i] = w[1] * w[1]


def two_arrays(x, out, w, v):
    for i in range(len(out)):
        for j in range(x.shape[1]):
            w[j] = x[i, j]
        for j in range(x.shape[1]):
            v[j] = w[j] + w[0]
        for j in range(x.shape[1]):
            out[i] += v[j] * w[j]


def two_axes(x, out, w):
    for i in range(len(out)):
        for j in range(x.shape[1]):
            for k in range(j + 1):
                w[j, k] = x[i, j] * x[i, k]
        for j in range(x.shape[1]):
            for k in range(j + 1):
                out[i] += w[j, k]


def conditional_update(x, out, w):
    for i in range(len(out)):
        for j in range(x.shape[1]):
            w[j] = 0.0
        for j in range(x.shape[1]):
            if x[i, j] > 0.5:
                w[j] = x[i, j]
        for j in range(x.shape[1]):
            out[i] += w[j]


def in_a_loop_in_order(x, out, w):
    for t in range(3):
        for i in range(len(out)):
            for j in range(x.shape[1]):
                w[j] = x[i, j] + out[i] + t
            for j in range(x.shape[1]):
                out[i] += w[j]


@pytest.mark.parametrize("n", TRIPS)
@pytest.mark.parametrize("m", [0, 1, 5])
def test_the_last_iteration_leaves_its_elements(agree, n, m):
    agree(doitgen, numbers(n, m, m), numbers(m, m), np.full(m + 2, 7.0), bits=True)
    agree(doitgen, numbers(n, 0, m), numbers(m, m), np.full(m + 2, 7.0), bits=True)
    for f in (upwards, downwards, inner_loop_downwards, conditional_update, in_a_loop_in_order):
        agree(f, numbers(n, m), np.zeros(n), np.full(m + 3, 7.0))
    agree(one_element, numbers(n, 1), np.zeros(n), np.full(4, 7.0))
    agree(two_arrays, numbers(n, m), np.zeros(n), np.full(m, 7.0), np.full(m + 1, 8.0))
    agree(two_axes, numbers(n, m), np.zeros(n), np.full((m + 1, m + 2), 7.0))
    agree(two_axes, numbers(n, m), np.zeros(n), np.full((m + 2, m + 1), 7.0).T)


@pytest.mark.parametrize("f", [upwards, downwards, inner_loop_downwards, conditional_update])
def test_loops_run_in_parallel(f):
    report = entry(f, numbers(20, 6), np.zeros(20), np.zeros(6))
    assert report["decision"] == "parallel" and "w (last)" in report["private"]
    assert "out does not overlap w" in report["guards"]


def test_more_loops_that_run_in_parallel():
    report = entry(doitgen, numbers(20, 3, 4), numbers(4, 4), np.zeros(4))
    assert report["decision"] == "parallel" and "acc (last)" in report["private"]
    assert "w (last), v (last)" in entry(two_arrays, numbers(20, 6), np.zeros(20), np.zeros(6), np.zeros(6))["private"]
    assert "w (last)" in entry(two_axes, numbers(20, 6), np.zeros(20), np.zeros((6, 6)))["private"]
    assert entry(one_element, numbers(20, 6), np.zeros(20), np.zeros(6))["decision"] == "parallel"
    kernel = njit(parallel=True)(in_a_loop_in_order)
    kernel(numbers(20, 6), np.zeros(20), np.zeros(6))
    assert [e["decision"] for e in kernel.parallel_report()[:2]] == ["serial", "parallel"]


# ---- memory that is shared -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [0, 3, 17, 39])
def test_work_arrays_that_share_memory(agree, at):
    memory = numbers(60)
    agree(upwards, numbers(20, 5), memory[:20], memory[at:at + 5])
    x = numbers(20, 5)
    agree(upwards, x, np.zeros(20), x.reshape(-1)[at:at + 5])
    agree(upwards, x, np.zeros(20), x[7])
    agree(upwards, x, np.zeros(20), x[-1])
    a = numbers(20, 3, 4)
    agree(doitgen, a, numbers(4, 4), a.reshape(-1)[at:at + 4])
    agree(doitgen, a, numbers(4, 4), a[3, 1])
    c4 = numbers(4, 4)
    agree(doitgen, a, c4, c4[2])
    w = np.zeros(9)
    agree(two_arrays, x, np.zeros(20), w[:5], w[at % 5:][:5])
    agree(two_arrays, x, np.zeros(20), w[:5], w[:5])


@pytest.mark.parametrize("n", [3, 20])
def test_layouts(agree, n):
    x, wide = numbers(n, 5), np.full(15, 3.0)
    agree(upwards, x, np.zeros(n), wide[::3])
    agree(upwards, x, np.zeros(n), wide[::-3])
    one = np.zeros(1)
    agree(upwards, x, np.zeros(n), as_strided(one, (5,), (0,)))
    agree(upwards, x, np.zeros(n), as_strided(np.zeros(8), (5,), (4 * 2,)))
    agree(two_axes, x, np.zeros(n), as_strided(np.zeros(20), (5, 5), (8, 8)))
    agree(two_axes, x, np.zeros(n), np.zeros((11, 11))[::2, ::-2])


def test_types_of_elements(agree):
    for kind in ("int8", "uint64", "float32", "complex128"):
        x = np.floor(numbers(30, 5) * 9).astype(kind)
        agree(copies, x, np.zeros(30, kind), np.zeros(7, kind), bits=True)


def copies(x, out, w):
    for i in range(len(out)):
        for j in range(x.shape[1]):
            w[j] = x[i, j]
        for j in range(x.shape[1]):
            out[i] += w[j]


# ---- what stays in order -------------------------------------------------------------------------------------------------------


def read_before(x, out, w):
    for i in range(len(out)):
        out[i] = w[0]
        for j in range(x.shape[1]):
            w[j] = x[i, j]


def read_beyond(x, out, w):
    for i in range(len(out)):
        for j in range(x.shape[1] - 1):
            w[j] = x[i, j]
        for j in range(x.shape[1]):
            out[i] += w[j]


def written_in_part(x, out, w):
    for i in range(len(out)):
        for j in range(x.shape[1]):
            if x[i, j] > 0.5:
                w[j] = x[i, j]
        for j in range(x.shape[1]):
            out[i] += w[j]


def fewer_each_time(x, out, w):
    for i in range(len(out)):
        for j in range(min(x.shape[1], len(out) - i)):
            w[j] = x[i, j]
        for j in range(min(x.shape[1], len(out) - i)):
            out[i] += w[j]


def another_element_each_time(x, out, w):
    for i in range(len(out)):
        w[i % 4] = x[i, 0]
        out[i] = w[i % 4]


def sometimes_not(x, out, w):
    for i in range(len(out)):
        if x[i, 0] > 0.3:
            for j in range(x.shape[1]):
                w[j] = x[i, j]
            for j in range(x.shape[1]):
                out[i] += w[j]


def also_elsewhere(x, out, w):
    for i in range(len(out)):
        for j in range(x.shape[1]):
            w[j] = x[i, j]
        out[i] = w[0] + w[1]
        if x[i, 0] > 0.5:
            w[x.shape[1]] = x[i, 1]


def number_of_elements_changes(x, out, w):
    m = x.shape[1]
    for i in range(len(out)):
        for j in range(m):
            w[j] = x[i, j]
        for j in range(m):
            out[i] += w[j]
        if x[i, 0] > 0.9 and m > 2:
            m -= 1


def as_a_whole(x, out, w):
    for i in range(len(out)):
        for j in range(x.shape[1]):
            w[j] = x[i, j]
        out[i] = w.sum()


def left_early(x, out, w):
    for i in range(len(out)):
        for j in range(x.shape[1]):
            w[j] = x[i, j]
            if x[i, j] > 0.8:
                break
        for j in range(x.shape[1]):
            out[i] += w[j]


def left_altogether(x, out, w):
    for i in range(len(out)):
        for j in range(x.shape[1]):
            w[j] = x[i, j]
        for j in range(x.shape[1]):
            out[i] += w[j]
        if out[i] > 3.6:
            break


def carried_besides(x, out, w):
    for i in range(1, len(out)):
        for j in range(x.shape[1]):
            w[j] = x[i, j] + out[i - 1]
        for j in range(x.shape[1]):
            out[i] += w[j]


SERIAL = [read_before, read_beyond, written_in_part, fewer_each_time, another_element_each_time, sometimes_not,
          also_elsewhere, number_of_elements_changes, as_a_whole, left_early, left_altogether, carried_besides]


@pytest.mark.parametrize("f", SERIAL)
@pytest.mark.parametrize("n", [0, 1, 16, 33])
def test_what_stays_in_order(agree, f, n):
    agree(f, numbers(n, 6), np.zeros(n), np.full(8, 7.0))


@pytest.mark.parametrize("f", SERIAL)
def test_what_stays_in_order_is_said_to(f):
    assert entry(f, numbers(20, 6), np.zeros(20), np.zeros(8))["decision"] == "serial"


def test_reads_before_writes_are_carried():
    for f in (read_before, read_beyond, written_in_part):
        report = entry(f, numbers(20, 6), np.zeros(20), np.zeros(8))
        assert report["reason"] == "CARRIED" and report["text"].startswith("w written by one iteration is used by another")


def test_exceptions(agree):
    agree(upwards, numbers(20, 6), np.zeros(20), np.zeros(5))
    agree(upwards, numbers(19, 6), np.zeros(20), np.zeros(6))
