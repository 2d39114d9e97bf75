"""Blocks of a size known only at run time, packed triangles, shares of threads, rows and columns by division: where an
iteration's elements begin is not affine in its index, but only ever rises. And what looks like it and is not independent."""
import numpy as np
import pytest

from plait import njit


def flat(n=67, seed=0):
    return np.random.default_rng(seed).random(n) - 0.3


def square(n=12, seed=1):
    return np.random.default_rng(seed).random((n, n)) - 0.3


def blocks(a, b, B):
    for t in range(0, len(a), B):
        for i in range(t, min(t + B, len(a))):
            a[i] = 2.0 * b[i] + a[i] * 0.5


def blocks_of_a_computed_size(a, b, parts):
    size = (len(a) + parts - 1) // parts
    for t in range(0, len(a), size):
        for i in range(t, min(t + size, len(a))):
            a[i] = 2.0 * b[i] + a[i] * 0.5


def end_in_a_variable(a, b, B):
    n = len(a)
    for t in range(0, n, B):
        end = t + B
        if end > n:
            end = n
        for i in range(t + 1, end):
            a[i] += a[i - 1] * b[i]


def blocks_as_slices(a, b, B):
    for t in range(0, len(a), B):
        a[t : t + B] = a[t : t + B] / 3.0 + 1.0


def blocks_by_number(a, b, B):
    n = len(a)
    for q in range((n + B - 1) // B):
        running = 0.0
        for i in range(q * B, min(n, q * B + B)):
            running += b[i]
            a[i] = running - a[i]


def sum_of_each_block(a, b, B):
    for t in range(0, len(a), B):
        x = 0.0
        for i in range(t, min(t + B, len(a))):
            x += a[i]
        b[t // B] = x


def shares(a, b, parts):
    n = len(a)
    size = (n + parts - 1) // parts
    for q in range(parts):
        for i in range(q * size, min(n, (q + 1) * size)):
            a[i] = a[i] * 0.5 + b[i]


def shares_rounded_down(a, b, parts):
    n = len(a)
    for q in range(parts):
        for i in range(q * n // parts, (q + 1) * n // parts):
            a[i] = a[i] * 0.5 + b[i]


def merges(a, out, w):
    n = len(a)
    for lo in range(0, n, 2 * w):
        middle, high = min(lo + w, n), min(lo + 2 * w, n)
        i, j = lo, middle
        for k in range(lo, high):
            if i < middle and (j >= high or a[i] <= a[j]):
                out[k] = a[i]
                i += 1
            else:
                out[k] = a[j]
                j += 1


def pairs_of_halves(a, b, h):
    for s in range(0, len(a) - 2 * h + 1, 2 * h):
        for j in range(s, s + h):
            x, y = a[j], a[j + h]
            a[j] = x + y
            a[j + h] = (x - y) * b[j]


def sums_in_a_tree(a, b, s):
    for i in range(0, len(a) - s, 2 * s):
        a[i] = a[i] * 0.5 + a[i + s]


def halves_downwards(a, b, B):
    for q in range(len(a) // B - 1, -1, -1):
        for i in range(q * B, q * B + B):
            a[i] = a[i] * 0.5 + b[i]


BLOCKS = [blocks, blocks_of_a_computed_size, end_in_a_variable, blocks_as_slices, blocks_by_number, sum_of_each_block, shares,
          shares_rounded_down, merges, pairs_of_halves, sums_in_a_tree, halves_downwards]


def one_too_long(a, b, B):
    for t in range(0, len(a), B):
        for i in range(t, min(t + B + 1, len(a))):
            a[i] = 2.0 * b[i] + a[i] * 0.5


def reads_the_one_before(a, b, B):
    for t in range(1, len(a), B):
        for i in range(t, min(t + B, len(a))):
            a[i] = a[i - 1] * 0.5 + b[i]


def half_a_step(a, b, B):
    for q in range(len(a) // B - 1):
        for i in range(q * B, q * B + 2 * B):
            a[i] = a[i] * 0.5 + q


def shares_that_overlap(a, b, parts):
    n = len(a)
    for q in range(parts):
        for i in range(q * n // parts, min(n, (q + 1) * n // parts + 1)):
            a[i] = a[i] * 0.5 + q


def number_of_half_a_block(a, b, B):
    for t in range(0, len(a), B):
        b[t // (2 * B)] = b[t // (2 * B)] * 0.5 + a[t]


OVERLAPPING = [one_too_long, reads_the_one_before, half_a_step, shares_that_overlap, number_of_half_a_block]


def packed_rows(p, a):
    for i in range(a.shape[0]):
        for j in range(i + 1):
            p[i * (i + 1) // 2 + j] = a[i, j] - p[i * (i + 1) // 2 + j]


def packed_columns(p, a):
    for j in range(a.shape[0]):
        for i in range(j + 1):
            p[i + ((j * j + j) >> 1)] = a[i, j]


def packed_with_its_diagonal(p, a):
    for i in range(a.shape[0]):
        d = p[i * (i + 1) // 2 + i]
        for j in range(i):
            p[i * (i + 1) // 2 + j] = a[i, j] + d
        p[i * (i + 3) // 2] = a[i, i]


def pairs_in_order(p, a):
    n = a.shape[0]
    for i in range(n):
        for j in range(i + 1, n):
            p[n * i - i * (i + 1) // 2 + j - i - 1] = a[i, j] * 2.0


def pairs_from_behind(p, a):
    n = a.shape[0]
    for i in range(n - 1):
        for j in range(i + 1, n):
            p[n * (n - 1) // 2 - (n - i) * (n - i - 1) // 2 + j - i - 1] = a[i, j] - 1.0


PACKED = [packed_rows, packed_columns, packed_with_its_diagonal, pairs_in_order, pairs_from_behind]


def packed_too_long(p, a):
    for i in range(a.shape[0] - 1):
        for j in range(i + 2):
            p[i * (i + 1) // 2 + j] = a[i, j] + p[i * (i + 1) // 2 + j] * 0.5


def packed_and_the_row_before(p, a):
    for i in range(1, a.shape[0]):
        for j in range(i + 1):
            p[i * (i + 1) // 2 + j] = a[i, j] + p[i * (i + 1) // 2 - 1]


def not_quite_a_triangle(p, a):
    for i in range(a.shape[0]):
        for j in range(i + 1):
            p[i * i // 2 + j] = a[i, j] + p[i * i // 2 + j] * 0.5


NOT_PACKED = [packed_too_long, packed_and_the_row_before, not_quite_a_triangle]


def says(f, *arguments):
    kernel = njit(parallel=True)(f)
    kernel(*[x.copy() if isinstance(x, np.ndarray) else x for x in arguments])
    return kernel.parallel_report()[0]


@pytest.mark.parametrize("f", BLOCKS)
def test_blocks_of_unknown_size_run_in_parallel(f, agree):
    assert says(f, flat(64), flat(64, 1), 8)["decision"] == "parallel"
    for n in (64, 67, 1, 0):
        for size in (1, 2, 7, 8, 64, 100):
            agree(f, flat(n), flat(max(n, 1), 1)[: n], size, serial=False)


@pytest.mark.parametrize("f", BLOCKS + OVERLAPPING)
@pytest.mark.parametrize("size", [0, -1, -8, 1 << 62, (1 << 62) + 4, -(1 << 63)])
def test_sizes_that_are_none(f, size, agree):
    if f in (shares, shares_rounded_down, shares_that_overlap) and abs(size) > 8:
        pytest.skip("CPython would take a while")
    if abs(size) > 8:  # Python's integers do not wrap: only that no other iteration's elements are touched is asked
        kernel = njit(parallel=True)(f)
        try:
            kernel(flat(64), flat(64, 1), size)
        except (IndexError, ValueError, ZeroDivisionError, OverflowError):
            pass
    else:
        agree(f, flat(64), flat(64, 1), size, serial=False)


@pytest.mark.parametrize("f", OVERLAPPING)
def test_blocks_that_overlap_do_not(f, agree):
    assert says(f, flat(64), flat(64, 1), 8)["decision"] == "serial"
    for size in (1, 2, 8):
        agree(f, flat(64), flat(64, 1), size, serial=False)


@pytest.mark.parametrize("f", PACKED)
def test_packed_triangles_are_as_good_as_matrices(f, agree):
    assert says(f, flat(78), square())["decision"] == "parallel"
    for n in (12, 2, 1, 0):
        agree(f, flat(78), square(n), serial=False)
    agree(f, flat(9), square(), serial=False)  # too short: IndexError where Python raises it


@pytest.mark.parametrize("f", NOT_PACKED)
def test_what_only_looks_like_a_triangle_is_not(f, agree):
    assert says(f, flat(78), square())["decision"] == "serial"
    agree(f, flat(78), square(), serial=False)


def tiles(A, B, C, T):
    n = A.shape[0]
    for ii in range(0, n, T):
        for jj in range(0, n, T):
            for kk in range(0, n, T):
                for i in range(ii, min(ii + T, n)):
                    for j in range(jj, min(jj + T, n)):
                        s = C[i, j]
                        for k in range(kk, min(kk + T, n)):
                            s += A[i, k] * B[k, j]
                        C[i, j] = s


def test_tiles_of_unknown_size(agree):
    arguments = square(20), square(20, 2), np.zeros((20, 20))
    assert says(tiles, *arguments, 6)["decision"] == "parallel"
    for T in (1, 6, 20, 33, -3):
        agree(tiles, *arguments, T, serial=False)


def by_division(a, n, w):
    for i in range(n):
        a[i // w, i % w] = a[i // w, i % w] * 0.5 + i


def by_division_of_another_width(a, n, w):
    for i in range(n):
        a[i // w, i % (w - 1)] = a[i // w, i % (w - 1)] * 0.5 + i


def test_row_and_column_by_division(agree):
    a = np.random.default_rng(3).random((80, 80))
    assert says(by_division, a, 640, 80)["decision"] == "parallel"
    assert says(by_division_of_another_width, a, 640, 80)["decision"] == "serial"
    for f in (by_division, by_division_of_another_width):
        for n, w in ((6400, 80), (6400, 79), (80, 1), (80, 2), (0, 0), (5, 0), (40, -3), (6401, 80)):
            agree(f, a, n, w, serial=False)


def best_value(t, weight, value):
    for i in range(len(weight)):
        for c in range(t.shape[1]):
            t[i + 1, c] = t[i, c]
            if c >= weight[i]:
                t[i + 1, c] = max(t[i + 1, c], t[i, c - weight[i]] + value[i])


def test_a_column_that_is_not_known_does_not_hide_the_row(agree):
    weight = np.array([3, 5, 70, 2])
    kernel = njit(parallel=True)(best_value)
    kernel(np.zeros((5, 300)), weight, flat(4))
    assert [entry["decision"] for entry in kernel.parallel_report()] == ["serial", "parallel"]
    agree(best_value, np.zeros((5, 300)), weight, flat(4) + 1, serial=False)
    agree(best_value, np.zeros((5, 300)), -weight, flat(4) + 1, serial=False)


def test_the_guard_is_in_the_report():
    entry = says(blocks, flat(), flat(67, 1), 8)
    assert "B >= 1" in entry["guards"]


def every_so_many(a, b, s, at):
    for i in range(len(b)):
        a[at + i * s] = b[i] - a[at + i * s]


def every_so_many_in_rows(a, b, s, at):
    for i in range(1, len(b)):
        for j in range(3):
            a[at + i * s + j] = b[i - 1] + j


def every_so_many_and_the_next(a, b, s, at):
    for i in range(len(b)):
        a[at + i * s] = b[i] + a[at + i * s + 1] * 0.5


@pytest.mark.parametrize("f", [every_so_many, every_so_many_in_rows, every_so_many_and_the_next])
def test_elements_a_variable_number_apart(agree, f):
    for s, at in ((1, 0), (2, 0), (3, 1), (4, 2), (0, 3), (-1, 20), (-2, 45), (-1, 0), (50, 0), (2**62, 0), (-(2**63), 0)):
        agree(f, flat(100), flat(22, 1), s, at, serial=False)
    agree(f, flat(100), flat(0), 3, 0, serial=False)
    agree(f, flat(3), flat(1), 0, 0, serial=False)


def test_elements_a_variable_number_apart_are_asked_to_be_different():
    entry = says(every_so_many, flat(100), flat(22, 1), 2, 0)
    assert entry["decision"] == "parallel" and "s >= 1" in entry["guards"]
    assert says(every_so_many_and_the_next, flat(100), flat(22, 1), 2, 0)["decision"] == "serial"


def far_steps_down(a, n):
    for i in range(20001, 0, -5000):
        for k in range(i * n, i * n + n):
            a[k] = a[k] * 2.0 + a[n]


def test_steps_that_are_long(agree):
    for n in (-1, 0, 1, 3):
        agree(far_steps_down, flat(80_000), n)


def butterflies(a, n, h, d):
    for q in range(n):
        i = (q // h) * 2 * h + q % h
        x = a[i]
        y = a[i + d]
        a[i] = x + y
        a[i + d] = x * 0.5 - y


def groups_in_place(a, n, h, d):
    for q in range(n):
        a[(q // h) * h + q % h + d] += q * 0.5


@pytest.mark.parametrize("f", [butterflies, groups_in_place], ids=lambda f: f.__name__)
def test_groups_by_division(agree, f):
    for n, h, d in ((32, 4, 4), (32, 1, 1), (30, 3, 3), (32, 4, 3), (32, 4, 5), (31, 5, 0), (8, 64, 4), (0, 0, 0), (5, 0, 0), (8, -2, 4)):
        agree(f, flat(80), n, h, d, serial=False)


def up_and_down(a, n, h):
    for q in range(-3, n):
        a[3 * (q - 1) * h + q] = a[-(q - 1) * h + 2 * q] + q


def test_what_stairs_rest_on_is_asked_for_whatever_else_fails(agree):
    assert says(up_and_down, flat(200), 30, 1)["decision"] == "serial"
    for n, h in ((30, 1), (30, 0), (30, -1), (40, 1), (20, 2)):
        agree(up_and_down, flat(200), n, h, serial=False)
