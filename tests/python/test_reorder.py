"""Nests in another order of iterations: interchange, distribution, tiles and register blocks give what the source says.

Sizes are chosen around the blocks (4 by 4) and the tiles (32 and more). Sums keep the source's order of terms wherever the
innermost loop is not the sum itself, so most kernels agree to the bit."""
import numpy as np
import pytest

from plait import njit


def matmul(c, a, b):
    for i in range(c.shape[0]):
        for j in range(c.shape[1]):
            for k in range(a.shape[1]):
                c[i, j] += a[i, k] * b[k, j]


def matmul_kij(c, a, b):
    for k in range(a.shape[1]):
        for i in range(c.shape[0]):
            for j in range(c.shape[1]):
                c[i, j] -= a[i, k] * b[k, j]


def matmul_and_start(c, a, b):
    for i in range(c.shape[0]):
        for j in range(c.shape[1]):
            c[i, j] = 0.0
            for k in range(a.shape[1]):
                c[i, j] += a[i, k] * b[k, j]
            c[i, j] /= 3.0


def matmul_backwards(c, a, b):
    for i in range(c.shape[0] - 1, -1, -1):
        for k in range(a.shape[1]):
            for j in range(c.shape[1] - 1, -1, -1):
                c[i, j] += a[i, k] * b[k, j]


def matmul_sum_backwards(c, a, b):
    for i in range(c.shape[0]):
        for j in range(c.shape[1]):
            for k in range(a.shape[1] - 1, -1, -1):
                c[i, j] += a[i, k] * b[k, j]


def matmul_steps(c, a, b):
    for i in range(1, c.shape[0], 2):
        for j in range(0, c.shape[1], 3):
            for k in range(a.shape[1]):
                c[i, j] += a[i, k] * b[k, j]


def matmul_scaled_rows(c, a, b):
    for i in range(c.shape[0]):
        for j in range(c.shape[1]):
            c[i, j] *= 1.25
        for k in range(a.shape[1]):
            for j in range(c.shape[1]):
                c[i, j] += 0.5 * a[i, k] * b[k, j]


def matmul_both(c, a, b):
    for i in range(c.shape[0]):
        for j in range(c.shape[1]):
            s = 0.5
            for k in range(a.shape[1]):
                s += a[i, k] * b[k, j] - b[k, j] / (1.0 + a[i, k])
            c[i, j] += s


def matmul_below(c, a, b):
    for i in range(c.shape[0]):
        for k in range(min(i + 1, a.shape[1])):
            for j in range(c.shape[1]):
                c[i, j] += a[i, k] * b[k, j]


def matmul_left(c, a, b):
    for i in range(c.shape[0]):
        for k in range(a.shape[1]):
            for j in range(min(i + 1, c.shape[1])):
                c[i, j] += a[i, k] * b[k, j]


SHAPES = [(0, 5, 5), (5, 0, 5), (5, 5, 0), (1, 1, 1), (3, 3, 3), (4, 4, 4), (5, 9, 7), (33, 31, 65), (70, 130, 37), (18, 64, 3),
          (13, 33, 259)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("kernel", [matmul, matmul_kij, matmul_and_start, matmul_backwards, matmul_sum_backwards,
                                    matmul_steps, matmul_scaled_rows, matmul_both, matmul_below, matmul_left], ids=lambda f: f.__name__)
def test_products_of_matrices_are_the_sources_to_the_bit(agree, kernel, shape):
    n, m, k = shape
    rng = np.random.default_rng(1)
    exact = kernel is not matmul_steps  # stays as it is: the inner loop is a reduction
    agree(kernel, rng.random((n, m)), rng.random((n, k)), rng.random((k, m)), bits=exact, rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "int64", "int8", "complex128"])
def test_other_types(agree, dtype):
    rng = np.random.default_rng(1)
    c, a, b = ((rng.random(s) * 9).astype(dtype) for s in ((37, 70), (37, 41), (41, 70)))
    agree(matmul, c, a, b, bits=True)


@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_in_both_orders_and_views(agree, order):
    rng = np.random.default_rng(2)
    a, b = np.asarray(rng.random((37, 41)), order=order), np.asarray(rng.random((41, 70)), order=order)
    agree(matmul, np.zeros((37, 70), order=order), a, b, rtol=1e-13)
    agree(matmul, np.zeros((74, 140))[::2, ::2], a[::-1], b[:, ::-1], rtol=1e-13)
    agree(matmul, np.zeros((37, 70)), np.broadcast_to(a[0], (37, 41)), np.broadcast_to(b[:, :1], (41, 70)), rtol=1e-13)


@pytest.mark.parametrize("which", ["a", "b", "part"])
def test_arrays_that_overlap_run_in_source_order(agree, which):
    rng = np.random.default_rng(3)
    x = rng.random((40, 40)) / 40
    y = rng.random((40, 40)) / 40
    if which == "a":
        agree(matmul_of_one, x, x, y, bits=True)
    elif which == "b":
        agree(matmul_of_one, x, y, x, bits=True)
    else:
        agree(matmul_of_parts, rng.random(4000) / 40, bits=True)


def matmul_of_one(c, a, b):
    for i in range(40):
        for j in range(40):
            for k in range(40):
                c[i, j] += a[i, k] * b[k, j]


def matmul_of_parts(x):
    c, a, b = x[:1600].reshape(40, 40), x[800:2400].reshape(40, 40), x[2400:].reshape(40, 40)
    matmul_inner(c, a, b)


@njit
def matmul_inner(c, a, b):
    for i in range(40):
        for j in range(40):
            for k in range(40):
                c[i, j] += a[i, k] * b[k, j]


def triangle_of_columns(b, a):
    m = b.shape[0]
    for i in range(m):
        for j in range(b.shape[1]):
            for k in range(i + 1, m):
                b[i, j] += a[k, i] * b[k, j]
            b[i, j] = 0.5 * b[i, j]


def triangle_of_rows(c, a):
    for i in range(a.shape[0]):
        for j in range(i + 1):
            for k in range(a.shape[1]):
                c[i, j] += a[i, k] * a[j, k]


def symmetric(c, a):
    n = a.shape[0]
    for i in range(c.shape[0]):
        for j in range(i, c.shape[0]):
            c[i, j] = 0.0
            for k in range(n):
                c[i, j] += a[k, i] * a[k, j]
            c[i, j] /= 3.0
            c[j, i] = c[i, j]


def trapezoid(c, a):
    for i in range(c.shape[0]):
        for k in range(max(0, i - 9), min(a.shape[1], i + 13)):
            for j in range(k // 2, c.shape[1] - i // 3):
                c[i, j] += a[i, k] * a[k, j]


@pytest.mark.parametrize("n", [1, 2, 4, 5, 8, 33, 67])
def test_triangles(agree, n):
    rng = np.random.default_rng(n)
    agree(triangle_of_columns, rng.random((n, n + 3)), rng.random((n, n)), bits=True)
    agree(triangle_of_rows, rng.random((n, n)), rng.random((n, n + 5)), rtol=1e-13)
    agree(symmetric, rng.random((n, n)), rng.random((n + 2, n)), bits=True)
    agree(trapezoid, rng.random((n, n)), rng.random((n, n)), bits=True)


def columns(s, a):
    for j in range(a.shape[1]):
        s[j] = 0.0
        for i in range(a.shape[0]):
            s[j] += a[i, j]
        s[j] /= 7.0


def transposed_product(x, a, y):
    for i in range(x.shape[0]):
        for j in range(x.shape[0]):
            x[i] = x[i] + a[j, i] * y[j]


@pytest.mark.parametrize("n", [1, 3, 4, 31, 200])
def test_walks_across_rows_are_turned(agree, n):
    rng = np.random.default_rng(n)
    agree(columns, np.zeros(n), rng.random((n + 1, n)), bits=True)
    agree(transposed_product, rng.random(n), rng.random((n, n)), rng.random(n), bits=True)


def in_place(a):
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            for k in range(a.shape[0]):
                a[i, j] += a[i, k] * a[k, j]


def shifted(a):
    for i in range(1, a.shape[0]):
        for j in range(a.shape[1] - 1):
            for k in range(4, 20):
                a[i, j] += 0.5 * a[i - 1, j + 1]


def carried_by_all(c, a):
    for i in range(1, c.shape[0]):
        for j in range(1, c.shape[1]):
            for k in range(a.shape[1]):
                c[i, j] += a[i, k] * c[i - 1, j] - c[i, j - 1]


def chain(c, d, a):
    for i in range(a.shape[0]):
        for j in range(a.shape[0]):
            for k in range(a.shape[0]):
                c[i, j] += a[i, k] * d[k, j]
            d[i, j] = c[i, j] * 0.001


@pytest.mark.parametrize("n", [3, 5, 33])
def test_dependences_that_forbid_it(agree, n):
    rng = np.random.default_rng(n)
    agree(in_place, rng.random((n, n)) / n, bits=True)
    agree(shifted, rng.random((n, n)), bits=True)
    agree(carried_by_all, rng.random((n, n)) / 9, rng.random((n, n)) / 9, rtol=1e-10)
    agree(chain, rng.random((n, n)), rng.random((n, n)), rng.random((n, n)), bits=True)


def test_nan_and_infinities(agree):
    a = np.ones((9, 9))
    a[3, 4], a[5, 5] = np.nan, np.inf
    agree(matmul, np.zeros((9, 9)), a, -a, bits=True)


def test_an_index_out_of_range_raises_where_python_does(agree):
    agree(matmul, np.zeros((20, 20)), np.ones((20, 20)), np.ones((19, 20)))
    agree(matmul, np.zeros((20, 20)), np.ones((19, 20)), np.ones((20, 20)))


def test_a_division_by_zero_raises(agree):
    def divided(c, a, d):
        for i in range(c.shape[0]):
            for j in range(c.shape[1]):
                for k in range(a.shape[1]):
                    c[i, j] += a[i, k] / d[k, j]

    d = np.ones((20, 20))
    rng = np.random.default_rng(5)
    agree(divided, rng.random((20, 20)), rng.random((20, 20)), d, bits=True)
    d[7, 9] = 0.0
    with pytest.raises(ZeroDivisionError):
        njit(parallel=True)(divided)(np.zeros((20, 20)), np.ones((20, 20)), d)


def test_the_report_tells_tiles_and_who_runs_in_parallel():
    kernel = njit(parallel=True)(matmul)
    kernel(np.zeros((5, 5)), np.zeros((5, 5)), np.zeros((5, 5)))
    first, second, third = kernel.parallel_report()
    assert first["decision"] == "parallel" and first["reason"] == "INDEPENDENT"
    assert "i by " in first["tile"] and "in registers" in first["tile"]
    assert second["reason"] == third["reason"] == "INSIDE_PARALLEL"
    assert "c does not overlap a, b" in first["guards"]


def test_every_loop_of_a_distributed_nest_is_reported():
    kernel = njit(parallel=True)(matmul_and_start)
    kernel(np.zeros((5, 5)), np.zeros((5, 5)), np.zeros((5, 5)))
    assert [e["reason"] for e in kernel.parallel_report()] == ["INDEPENDENT", "INSIDE_PARALLEL", "INSIDE_PARALLEL"]


@pytest.mark.parametrize("tile", [(3,), (0, 5), (4, 7, 2), (32767, 2), (0, 0, 3)])
def test_an_edge_for_each_loop(agree, tile):
    r = np.random.default_rng(5)
    a, b, c = r.random((23, 19)), r.random((19, 31)), r.random((23, 31))
    agree(matmul, c, a, b, bits=True, options={"tile": tile})
    agree(matmul, c[:0], a[:0], b, bits=True, options={"tile": tile})


def test_without_parallel_nothing_is_reordered():
    kernel = njit(matmul)
    rng = np.random.default_rng(1)
    a, b = rng.random((30, 30)), rng.random((30, 30))
    c, want = np.zeros((30, 30)), np.zeros((30, 30))
    kernel(c, a, b)
    matmul(want, a, b)
    np.testing.assert_array_equal(c, want)


def lu(a):
    n = a.shape[0]
    for i in range(n):
        for j in range(i):
            for k in range(j):
                a[i, j] -= a[i, k] * a[k, j]
            a[i, j] /= a[j, j]
        for j in range(i, n):
            for k in range(i):
                a[i, j] -= a[i, k] * a[k, j]


def lu_by_columns_first(a):
    n = a.shape[0]
    for k in range(n):
        for i in range(k + 1, n):
            a[i, k] /= a[k, k]
        for i in range(k + 1, n):
            for j in range(k + 1, n):
                a[i, j] -= a[i, k] * a[k, j]


@pytest.mark.parametrize("n", [1, 2, 5, 31, 32, 33, 64, 67, 100])
def test_factorisations_run_as_wavefronts_of_tiles(agree, n):
    a = np.random.default_rng(n).random((n, n)) + n * np.eye(n)
    agree(lu, a, bits=True)
    agree(lu_by_columns_first, a, bits=True)


@pytest.mark.parametrize("kernel", [lu, lu_by_columns_first], ids=lambda f: f.__name__)
def test_a_pivot_of_zero_raises(kernel):
    a = np.random.default_rng(1).random((40, 40)) + 40 * np.eye(40)
    a[0, 0] = 0.0
    for options in ({}, {"parallel": True}):
        with pytest.raises(ZeroDivisionError):
            njit(**options)(kernel)(a.copy())


def test_wavefronts_of_tiles_are_reported():
    kernel = njit(parallel=True)(lu)
    kernel(np.eye(5))
    first, *rest = kernel.parallel_report()
    assert first["reason"] == "WAVEFRONT" and "registers" in first["tile"]
    assert {e["reason"] for e in rest} == {"INSIDE_PARALLEL"}


def matmul_by_scalar(c, a, b):
    for i in range(c.shape[0]):
        for j in range(c.shape[1]):
            s = 0.0
            for k in range(a.shape[1]):
                s += a[i, k] * b[k, j]
            c[i, j] = s


def row_factor(c, a, b):
    for i in range(c.shape[0]):
        for k in range(a.shape[1]):
            t = 0.5 * a[i, k]
            for j in range(c.shape[1]):
                c[i, j] += t * b[k, j]


def symmetric_product(c, a, b):
    for i in range(c.shape[0]):
        for j in range(c.shape[1]):
            temp = 0.0
            for k in range(i):
                c[k, j] += 1.5 * b[i, j] * a[i, k]
                temp += b[k, j] * a[i, k]
            c[i, j] = 1.25 * c[i, j] + 1.5 * b[i, j] * a[i, i] + 1.5 * temp


def ludcmp(a):
    n = a.shape[0]
    for i in range(n):
        for j in range(i):
            w = a[i, j]
            for k in range(j):
                w -= a[i, k] * a[k, j]
            a[i, j] = w / a[j, j]
        for j in range(i, n):
            w = a[i, j]
            for k in range(i):
                w -= a[i, k] * a[k, j]
            a[i, j] = w


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_sums_in_scalars(agree, shape):
    n, m, k = shape
    rng = np.random.default_rng(1)
    for kernel in (matmul_by_scalar, row_factor):
        agree(kernel, rng.random((n, m)), rng.random((n, k)), rng.random((k, m)), bits=True)


@pytest.mark.parametrize("n", [1, 2, 5, 31, 33, 67])
def test_scalars_between_loops(agree, n):
    rng = np.random.default_rng(n)
    agree(symmetric_product, rng.random((n, n + 3)), rng.random((n, n)), rng.random((n, n + 3)), bits=True)
    agree(ludcmp, rng.random((n, n)) + n * np.eye(n), bits=True)


def test_a_scalar_read_after_the_nest_stays(agree):
    def last(c, a, b):
        s = 7.0
        for i in range(c.shape[0]):
            for j in range(c.shape[1]):
                s = 0.0
                for k in range(a.shape[1]):
                    s += a[i, k] * b[k, j]
                c[i, j] = s
        return s

    rng = np.random.default_rng(1)
    agree(last, np.zeros((20, 21)), rng.random((20, 20)), rng.random((20, 21)), rtol=1e-13)
    agree(last, np.zeros((0, 21)), rng.random((0, 20)), rng.random((20, 21)))


def test_a_scalar_that_goes_on_from_row_to_row_stays(agree):
    def running(c, a, b):
        s = 0.0
        for i in range(c.shape[0]):
            for j in range(c.shape[1]):
                for k in range(a.shape[1]):
                    s += a[i, k] * b[k, j]
                c[i, j] = s

    rng = np.random.default_rng(1)
    agree(running, np.zeros((9, 9)), rng.random((9, 9)), rng.random((9, 9)), rtol=1e-12)


def test_memory_of_expanded_scalars_is_given_back(alive):
    kernel = njit(parallel=True)(matmul_by_scalar)
    x = np.ones((33, 33))
    kernel(x.copy(), x, x)
    before = alive()
    for _ in range(5):
        kernel(x.copy(), x, x)
    assert alive() == before


def shortest_paths(d):
    n = d.shape[0]
    for k in range(n):
        for i in range(n):
            for j in range(n):
                d[i, j] = min(d[i, j], d[i, k] + d[k, j])


def against_one_row(a, m):
    for r in range(3):
        for i in range(a.shape[0]):
            for j in range(a.shape[1]):
                a[i, j] = a[i, j] * 0.5 + a[m, j] - a[i, r]


@pytest.mark.parametrize("n", [1, 2, 3, 17, 40])
def test_loops_are_cut_at_the_row_that_all_read(agree, n):
    rng = np.random.default_rng(n)
    agree(shortest_paths, rng.integers(-3, 99, (n, n)), bits=True)
    for m in {0, n // 2, n - 1, -1}:
        agree(against_one_row, rng.random((n, n + 3)), m, bits=True)


def test_a_loop_that_is_cut_runs_in_parallel():
    kernel = njit(parallel=True)(shortest_paths)
    kernel(np.ones((4, 4), np.int64))
    assert [e["decision"] for e in kernel.parallel_report()] == ["serial", "parallel", "serial"]


def test_subscripts_that_the_body_computes(agree):
    def shifted_by_one(b, a, c):
        for i in range(b.shape[0]):
            for j in range(i, b.shape[0]):
                for k in range(i):
                    b[k, i - 1] += c[k, j] * a[j, j]

    rng = np.random.default_rng(1)
    agree(shifted_by_one, *(rng.random((37, 37)) for _ in range(3)), bits=True)


def halves_over_a_growing_part(steps, a, b, c):
    for t in range(steps):
        for i in range(1, a.shape[0]):
            for j in range(1, a.shape[1]):
                b[i, j] = a[i, j] * 0.5
        for i in range(0, a.shape[0] - 1):
            for j in range(0, a.shape[1] - 1):
                c[i, j] = a[i, j] * 0.25
        for i in range(0, a.shape[0] - 1):
            for j in range(0, min(a.shape[1], t)):
                b[i, j] = (a[i, j] - c[i, j]) * 0.5


def test_the_exact_copy_holds_whatever_part_of_the_condition_fails(agree):
    """Its loops were simplified by what guard's condition said when it failed; then reorder asked for more. Rows of 3 and of
    13, in Fortran's order, of which b and c come after one another."""
    a, c = (np.asfortranarray(np.random.default_rng(k).random((3, 13))) for k in range(2))
    for steps in (1, 2, 3):
        agree(halves_over_a_growing_part, steps, a, a.copy("F"), c, bits=True)
    kernel = njit(parallel=True)(halves_over_a_growing_part)
    want, got = a.copy("F"), a.copy("F")
    halves_over_a_growing_part(3, want, want, c.copy("F"))
    kernel(3, got, got, c.copy("F"))
    np.testing.assert_array_equal(got, want)


def product_of(a, b, c):
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            s = 0.0
            for k in range(a.shape[1]):
                s += a[i, k] * b[k, j]
            c[i, j] = s


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, np.int32, np.int16])
@pytest.mark.parametrize("fastmath", [False, True])
def test_products_of_all_sizes_add_in_the_sources_order(dtype, fastmath):
    """Little work takes rows one by one, more takes blocks of rows, strips are whole or end early: each its own code."""
    kernel = njit(parallel=True, fastmath=fastmath)(product_of)
    rng = np.random.default_rng(5)
    sizes = [(1, 1, 1), (3, 40, 9), (24, 24, 24), (25, 26, 25), (26, 32, 26), (32, 64, 9), (33, 33, 33), (5, 70, 60)]
    for n, m, k in sizes + [(70, 64, 300), (4, 1, 5000), (70, 0, 300), (0, 70, 300), (70, 70, 0), (24, 24, 24)]:
        a = (rng.random((n, k)) * 20).astype(dtype)
        b = (rng.random((k, m)) * 20).astype(dtype)
        c, expected = np.full((n, m), 77, dtype), np.zeros((n, m), dtype)
        kernel(a, b, c)
        for t in range(k):
            expected += a[:, t : t + 1] * b[t : t + 1]
        if fastmath or dtype == np.float32:
            np.testing.assert_allclose(c, expected, rtol=1e-4 if dtype == np.float32 else 1e-12)
        else:
            np.testing.assert_array_equal(c, expected)


def distances(x, d):
    for i in range(x.shape[0]):
        for j in range(x.shape[0]):
            s = 0.0
            for k in range(x.shape[1]):
                t = x[i, k] - x[j, k]
                s += t * t
            d[i, j] = np.sqrt(s)


def test_sums_of_a_few_terms_run_as_written():
    kernel = njit(parallel=True)(distances)
    rng = np.random.default_rng(6)
    for n, k in [(0, 3), (1, 1), (10, 3), (30, 5), (30, 8), (36, 7), (33, 7), (37, 5), (70, 5), (9, 300), (12, 0)]:
        x, d, expected = rng.random((n, k)), np.full((n, n), 7.0), np.zeros((n, n))
        kernel(x, d)
        for t in range(k):
            expected += (x[:, t, None] - x[None, :, t]) ** 2
        np.testing.assert_allclose(d, np.sqrt(expected), rtol=1e-12)
        if n * n * k < 8192 and k < 8:
            np.testing.assert_array_equal(d, np.sqrt(expected))
