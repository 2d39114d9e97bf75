"""Loops whose iterations only combine: in elements of arrays, in extremes with what belongs to them, in scalars."""
import numpy as np
import pytest

import plait
from plait import njit, prange

rng = np.random.default_rng(20240229)
THREADS = (1, 2, 3, 4, 8, 16)
SCHEDULES = ("static", "dynamic", "guided")
TILES = (0, 1, 7)  # iterations of a block; 0: as many as pay


def entry(kernel, line=None):
    """The report's entry of the first loop in blocks."""
    return next(e for e in kernel.parallel_report() if e["decision"] == "parallel")


def combines(function, args, reductions, agree, **keywords):
    """Agrees with CPython for blocks of every size, and is reported as the reductions named."""
    for tile in TILES:
        agree(function, *args, options={"tile": tile}, **keywords)
    kernel = njit(parallel=True)(function)
    kernel(*[a.copy() if isinstance(a, np.ndarray) else a for a in args])
    assert entry(kernel)["reductions"] == reductions
    assert entry(kernel)["reason"] == "REDUCTION"


def stays_serial(function, args, reason, agree, **keywords):
    for tile in TILES:
        agree(function, *args, options={"tile": tile}, **keywords)
    kernel = njit(parallel=True)(function)
    kernel(*[a.copy() if isinstance(a, np.ndarray) else a for a in args])
    first = kernel.parallel_report()[0]
    assert (first["decision"], first["reason"]) == ("serial", reason)


# ---- updates of array elements ---------------------------------------------------------------------------------------


def rows_times_vector(a, x, y):
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            y[j] += a[i, j] * x[i]


def atax(a, x, y):
    for i in range(a.shape[0]):
        t = 0.0
        for j in range(a.shape[1]):
            t += a[i, j] * x[j]
        for j in range(a.shape[1]):
            y[j] = y[j] + a[i, j] * t


def bicg(a, r, p, s, q):
    for i in range(a.shape[0]):
        q[i] = 0.0
        for j in range(a.shape[1]):
            s[j] = s[j] + r[i] * a[i, j]
            q[i] = q[i] + a[i, j] * p[j]


@pytest.mark.parametrize("shape", [(0, 5), (1, 5), (5, 0), (3, 4), (37, 11)])
def test_sums_into_a_vector_by_rows(agree, shape):
    a = rng.random(shape)
    args = (a, rng.random(shape[0]), rng.random(shape[1]))
    combines(rows_times_vector, args, "add y[:]", agree)
    for tile in TILES:
        agree(atax, a, rng.random(shape[1]), rng.random(shape[1]), options={"tile": tile})
        agree(bicg, a, rng.random(shape[0]), rng.random(shape[1]), rng.random(shape[1]), rng.random(shape[0]),
              options={"tile": tile})  # fmt: skip


def test_large_accumulators_are_summed_in_the_order_of_the_source(agree):
    def matmul_k_outside(a, b, c):
        for k in range(a.shape[1]):
            for i in range(c.shape[0]):
                for j in range(c.shape[1]):
                    c[i, j] += a[i, k] * b[k, j]

    a = rng.random((40, 40))
    for tile in TILES:
        agree(matmul_k_outside, a, a[::-1].copy(), a.copy(), options={"tile": tile})
    agree(matmul_k_outside, a[:, :5], a[:5], a.copy(), bits=True)


def whole_arrays(a):
    s = np.zeros(a.shape[1])
    for i in range(a.shape[0]):
        s += a[i]
    return s


def slices(a, s):
    for i in range(a.shape[0]):
        s[:] += a[i]


def parts(a, s):
    for i in range(a.shape[0]):
        s[1:-1] += a[i, 2:]


def rows_of_a_table(a, k, table):
    for i in range(a.shape[0]):
        table[k[i], :] += a[i]


def test_whole_arrays_and_slices(agree):
    a, s = rng.random((29, 8)), rng.random(8)
    combines(whole_arrays, (a,), "add s[:]", agree)
    combines(slices, (a, s), "add s[:]", agree)
    for tile in TILES:
        agree(parts, a, s, options={"tile": tile})
        agree(parts, a, rng.random(20), options={"tile": tile})  # ValueError
        agree(rows_of_a_table, a, rng.integers(0, 3, 29), rng.random((3, 8)), options={"tile": tile})
        agree(slices, a[:, :1], s, options={"tile": tile})  # broadcast


def test_overlapping_slices_keep_the_order(agree):
    memory = rng.random((30, 8))

    def own_row(a):
        for i in range(a.shape[0]):
            a[0, :] += a[i]

    def shifted(s):
        for _ in range(9):
            s[1:] += s[:-1]

    for tile in TILES:
        agree(own_row, memory, options={"tile": tile})
        agree(shifted, memory[0], options={"tile": tile})
    for a, s in [(memory, memory[3]), (memory, memory[:, 2][:8]), (memory[::-1], memory[0])]:
        want, got = memory.copy(), memory.copy()
        low = memory.__array_interface__["data"][0]

        def at(base, view):
            start = (view.__array_interface__["data"][0] - low) // 8
            return np.lib.stride_tricks.as_strided(base.reshape(-1)[start:], view.shape, view.strides)

        x, y = at(want, a), at(want, s)
        for i in range(x.shape[0]):
            y[:] += x[i].copy()
        njit(parallel=True, tile=2)(slices)(at(got, a), at(got, s))
        np.testing.assert_array_equal(got, want)


def test_accumulators_of_two_and_three_dimensions(agree):
    def table(a, c):
        for t in range(a.shape[0]):
            for i in range(a.shape[1]):
                c[i // 2, t % 3] += a[t, i]

    def cube(a, c):
        for t in range(a.shape[0]):
            for i in range(a.shape[1]):
                c[i % 2, t % 3, (i + t) % 4] -= a[t, i]

    a = rng.random((31, 9))
    combines(table, (a, rng.random((5, 3))), "add c[:]", agree)
    combines(cube, (a, rng.random((2, 3, 4))), "add c[:]", agree)
    for tile in TILES:
        agree(cube, a, np.asfortranarray(rng.random((2, 3, 4))), options={"tile": tile})
        agree(cube, a, rng.random((4, 6, 4))[::2, ::2], options={"tile": tile})


def test_several_accumulators_and_a_scalar(agree):
    def moments(x, k, n, s, q):
        total = 0.0
        for i in range(len(x)):
            n[k[i]] += 1
            s[k[i]] += x[i]
            q[k[i]] += x[i] * x[i]
            total += x[i]
        return total

    x, k = rng.random(200), rng.integers(0, 7, 200)
    combines(moments, (x, k, np.zeros(7, np.int64), np.zeros(7), np.zeros(7)),
             "add n[:], add s[:], add q[:], add total", agree)  # fmt: skip


def test_conditional_updates_and_inlined_calls(agree):
    @njit
    def put(h, k, v):
        h[k] += v
        if v > 0.5:
            h[k + 1] -= 2.0

    def calls(x, k, h):
        for i in range(len(x)):
            if x[i] > 0.25:
                put(h, k[i], x[i])

    x, k = rng.random(200), rng.integers(0, 7, 200)
    combines(calls, (x, k, np.zeros(8)), "add h[:]", agree)


def test_an_update_through_a_variable(agree):
    def through(x, k, h):
        for i in range(len(x)):
            old = h[k[i]]
            new = old + x[i]
            h[k[i]] = new

    combines(through, (rng.random(99), rng.integers(0, 7, 99), np.zeros(8)), "add h[:]", agree)


def test_an_array_that_is_independent_is_not_copied(agree):
    def both(x, k, z, h):
        for i in range(len(x)):
            z[i] += x[i]
            h[k[i]] += z[i]

    combines(both, (rng.random(99), rng.integers(0, 7, 99), rng.random(99), np.zeros(8)), "add h[:]", agree)


def test_elements_that_a_loop_inside_sums_up(agree):
    def groups(a, k, y):
        for i in range(a.shape[0]):
            for j in range(a.shape[1]):
                y[k[i]] += a[i, j]

    def forces(x, f):
        for i in range(len(x)):
            for j in range(i + 1, len(x)):
                g = (x[i] - x[j]) ** 3
                f[i] += g
                f[j] -= g

    def overwritten(x, k, y):
        for i in range(len(x)):
            e = k[i]
            v = y[e]
            for j in range(3):
                y[(i + j) % 5] += x[j]
                v += x[i]
            y[e] = v

    combines(groups, (rng.random((31, 5)), rng.integers(0, 4, 31), rng.random(4)), "add y[:]", agree)
    combines(forces, (rng.random(30), np.zeros(30)), "add f[:]", agree)
    combines(overwritten, (rng.random(30), rng.integers(0, 5, 30), rng.random(5)), "add y[:]", agree)


def test_clusters(agree):
    def assign(x, centres, count, sums):
        total = 0.0
        for i in range(x.shape[0]):
            best = np.inf
            which = 0
            for k in range(centres.shape[0]):
                d = 0.0
                for j in range(x.shape[1]):
                    d += (x[i, j] - centres[k, j]) ** 2
                if d < best:
                    best = d
                    which = k
            count[which] += 1
            for j in range(x.shape[1]):
                sums[which, j] += x[i, j]
            total += best
        return total

    args = (rng.random((40, 3)), rng.random((4, 3)), np.zeros(4, np.int64), np.zeros((4, 3)))
    combines(assign, args, "add count[:], add sums[:], add total", agree)


OPERATORS = {
    "add": "h[k[i]] += x[i]",
    "sub": "h[k[i]] -= x[i]",
    "mul": "h[k[i]] *= x[i]",
    "min": "h[k[i]] = min(h[k[i]], x[i])",
    "max": "h[k[i]] = max(h[k[i]], x[i])",
    "np.minimum": "h[k[i]] = np.minimum(x[i], h[k[i]])",
    "np.maximum": "h[k[i]] = np.maximum(h[k[i]], x[i])",
    "if less": "if x[i] < h[k[i]]:\n            h[k[i]] = x[i]",
    "if greater": "if h[k[i]] < x[i]:\n            h[k[i]] = x[i]",
    "and": "h[k[i]] &= x[i]",
    "or": "h[k[i]] |= x[i]",
    "xor": "h[k[i]] ^= x[i]",
}
REPORTED = {"sub": "add", "np.minimum": "npmin", "np.maximum": "npmax", "if less": "min", "if greater": "max"}
BITS = ("and", "or", "xor")


def made(tmp_path, body, name):
    path = tmp_path / f"{name}.py"
    path.write_text(f"import numpy as np\ndef kernel(x, k, h):\n    for i in range(len(x)):\n        {body}\n")
    space = {}
    exec(compile(path.read_text(), str(path), "exec"), space)
    return space["kernel"]


def values(dtype, n):
    if dtype == "bool":
        return rng.random(n) > 0.5
    if dtype.startswith(("int", "uint")):
        return rng.integers(0, 100, n).astype(dtype)
    x = (rng.random(n) * 2 - 0.5).astype(dtype)
    x[rng.integers(0, n, n // 10)] = 0.0
    x[rng.integers(0, n, n // 10)] = -0.0
    return x


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "int64", "uint64", "float32", "float64", "bool"])
@pytest.mark.parametrize("operator", OPERATORS)
def test_operators_and_types(agree, tmp_path, operator, dtype):
    bits = operator in BITS
    if dtype == "bool" and not bits or dtype.startswith("float") and bits:
        pytest.skip("no such operation")
    kernel = made(tmp_path, OPERATORS[operator], "kernel")
    x, k, h = values(dtype, 150), rng.integers(-5, 5, 150), values(dtype, 5)
    exact = not dtype.startswith("float") or operator not in ("add", "sub", "mul")
    agree(kernel, x, k, h, bits=exact, rtol=1e-4 if dtype == "float32" else 1e-12, options={"tile": 7})
    compiled = njit(parallel=True)(kernel)
    compiled(x, k, h.copy())
    assert compiled.parallel_report()[0]["decision"] == "parallel", compiled.parallel_report()
    assert entry(compiled)["reductions"] == f"{REPORTED.get(operator, operator)} h[:]"


@pytest.mark.parametrize("operator", ["add", "min", "max", "np.minimum", "np.maximum", "if less", "if greater"])
def test_nan_infinities_and_signed_zeros(agree, tmp_path, operator):
    kernel = made(tmp_path, OPERATORS[operator], "kernel")
    special = np.array([0.0, -0.0, np.nan, np.inf, -np.inf, 1.0])
    x, k = special[rng.integers(0, 6, 120)], rng.integers(0, 40, 120)
    for start in (special[rng.integers(0, 6, 40)], np.full(40, -0.0), np.full(40, np.nan)):
        agree(kernel, x, k, start, bits=True, options={"tile": 7})
        h, want = start.copy(), start.copy()
        with np.errstate(all="ignore"):
            kernel(x, k, want)
        njit(parallel=True, tile=7)(kernel)(x, k, h)
        if not operator.startswith("np."):  # which of two zeros is smaller is NumPy's secret
            np.testing.assert_array_equal(np.signbit(h[want == 0]), np.signbit(want[want == 0]))


def test_complex_sums(agree):
    def sums(x, k, h):
        for i in range(len(x)):
            h[k[i]] += x[i]

    def products(x, k, h):
        for i in range(len(x)):
            h[k[i]] *= x[i]

    x = rng.random(99) + 1j * rng.random(99)
    combines(sums, (x, rng.integers(0, 7, 99), np.zeros(8, complex)), "add h[:]", agree)
    stays_serial(products, (x, rng.integers(0, 7, 99), np.full(8, complex(np.inf, 1))), "NOT_AFFINE", agree)


def test_narrow_integers_wrap_alike(agree):
    def histogram(x, h):
        for i in range(len(x)):
            h[x[i]] += 100

    for dtype in (np.int8, np.uint8, np.int16):
        for tile in TILES:
            agree(histogram, rng.integers(0, 3, 500), np.zeros(3, dtype), bits=True, options={"tile": tile})


# ---- exceptions, overlaps, layouts -------------------------------------------------------------------------------------


def histogram(x, h):
    for i in range(len(x)):
        h[x[i]] += 1


@pytest.mark.parametrize("where", [0, 1, 50, 98])
def test_an_index_out_of_range_raises_at_its_iteration(where):
    x = rng.integers(0, 7, 99)
    x[where] = 100 + where
    x[98] = 777 if where != 98 else x[98]
    for tile in TILES:
        kernel = njit(parallel=True, tile=tile)(histogram)
        with pytest.raises(IndexError, match=f"index {100 + where} is out of bounds for axis 0 with size 7"):
            kernel(x, np.zeros(7, np.int64))


def test_a_failed_loop_leaves_the_accumulator_as_it_was():
    h = np.arange(7)
    with pytest.raises(IndexError):
        njit(parallel=True, tile=3)(histogram)(np.array([0, 1, 2, 3, 4, 5, 6, 7] * 4), h)
    np.testing.assert_array_equal(h, np.arange(7))


def test_an_accumulator_that_overlaps_what_is_read(agree):
    memory = rng.integers(0, 20, 40)
    for tile in TILES:
        want, got = memory.copy(), memory.copy()
        histogram(want[:30], want[10:])
        njit(parallel=True, tile=tile)(histogram)(got[:30], got[10:])
        np.testing.assert_array_equal(got, want)


def test_elements_that_are_one_place_in_memory():
    for tile in TILES:
        memory, again = np.zeros(1), np.zeros(1)
        h = np.lib.stride_tricks.as_strided(memory, (7,), (0,))
        want = np.lib.stride_tricks.as_strided(again, (7,), (0,))
        x = rng.integers(0, 7, 99)
        histogram(x, want)
        njit(parallel=True, tile=tile)(histogram)(x, h)
        assert memory[0] == again[0] == 99


def test_strided_reversed_and_empty_accumulators(agree):
    x = rng.integers(0, 7, 99)
    for tile in TILES:
        agree(histogram, x, np.zeros(14, np.int64)[::2], options={"tile": tile})
        agree(histogram, x, np.zeros(7, np.int64)[::-1], options={"tile": tile})
        agree(histogram, x[:0], np.zeros(0, np.int64), options={"tile": tile})
        agree(histogram, x, np.zeros(0, np.int64), options={"tile": tile})  # IndexError
        agree(histogram, x[:1], np.zeros(7, np.int64), options={"tile": tile})


def test_steps_of_every_kind(agree):
    def backwards(x, h, lo, hi):
        for i in range(hi, lo, -3):
            h[x[i]] += i
        for i in range(lo, hi, 4):
            h[x[i]] -= 2 * i

    x = rng.integers(0, 7, 99)
    for lo, hi in [(0, 98), (0, 97), (5, 5), (7, 6), (90, 95), (0, 1)]:
        for tile in TILES:
            agree(backwards, x, np.zeros(7, np.int64), lo, hi, options={"tile": tile})


def test_the_last_value_of_a_variable(agree):
    def last(x, h):
        y = -1
        for i in range(len(x)):
            h[x[i]] += 1
            if x[i] > 3:
                y = i
        return y, i

    for tile in TILES:
        agree(last, rng.integers(0, 7, 99), np.zeros(7, np.int64), options={"tile": tile})


def test_reads_and_stores_elsewhere_keep_the_loop_serial(agree):
    def prefix(x, h):
        for i in range(len(x)):
            h[x[i]] += h[0] + 1

    def reset(x, h):
        for i in range(len(x)):
            h[x[i]] += 1
            h[3] = 0

    def mixed(x, h):
        for i in range(len(x)):
            h[x[i]] += 1
            h[x[i]] *= 2

    def turned(x, h):
        for i in range(len(x)):
            h[x[i]] = x[i] - h[x[i]]

    def divided(x, h):
        for i in range(len(x)):
            h[x[i]] /= 2.0

    def used(x, h):
        s = 0
        for i in range(len(x)):
            v = h[x[i]]
            h[x[i]] = v + 1
            s += v
        return s

    def moved(x, h):
        for i in range(len(x)):
            k = x[i]
            v = h[k]
            k = x[i - 1]
            h[k] = v + 1

    x = rng.integers(0, 7, 60)
    for kernel in (prefix, reset, mixed, turned, used, moved):
        stays_serial(kernel, (x, np.zeros(7, np.int64)), "NOT_AFFINE", agree)
    stays_serial(divided, (x, rng.random(7)), "NOT_AFFINE", agree)


def test_prange_loops_that_update_are_right(agree):
    def columns(a, y):
        for i in prange(a.shape[0]):
            for j in range(a.shape[1]):
                y[j] += a[i, j]

    def counts(x, h):
        for i in prange(len(x)):
            h[x[i]] += 1

    def read_elsewhere(x, h):
        for i in prange(len(x)):
            h[x[i]] += h[x[i] - 1]

    combines(columns, (rng.random((33, 6)), rng.random(6)), "add y[:]", agree)
    combines(counts, (rng.integers(0, 7, 99), np.zeros(7, np.int64)), "add h[:]", agree)
    stays_serial(read_elsewhere, (rng.integers(0, 7, 99), np.ones(7, np.int64)), "UPDATES", agree)
    trusted = njit(parallel=True, race="trust", tile=3)(columns)
    y = np.zeros(6)
    trusted(np.ones((33, 6)), y)
    np.testing.assert_array_equal(y, 33.0)


# ---- extremes and what belongs to them -----------------------------------------------------------------------------------


def first_least(x, best):
    where = -1
    for i in range(len(x)):
        if x[i] < best:
            best = x[i]
            where = i
    return best, where


def last_least(x, best):
    where = -1
    for i in range(len(x)):
        if x[i] <= best:
            best = x[i]
            where = i
    return best, where


def first_most(x, best):
    where = -1
    for i in range(len(x)):
        if best < x[i]:
            best = x[i]
            where = i
    return best, where


def last_most(x, best):
    where = -1
    for i in range(len(x)):
        if best <= x[i]:
            where = i
            best = x[i]
    return best, where


@pytest.mark.parametrize("kernel", [first_least, last_least, first_most, last_most])
def test_the_first_and_the_last_extreme(agree, kernel):
    special = np.array([0.0, -0.0, np.nan, np.inf, -np.inf, 1.0, -1.0, 2.0])
    for n in (0, 1, 2, 50, 333):
        for x in (special[rng.integers(0, 8, n)], rng.integers(0, 5, n) * 1.0, np.full(n, np.nan), rng.random(n)):
            for best in (np.inf, -np.inf, np.nan, 0.5, -0.0):
                agree(kernel, x, best, bits=True, options={"tile": 7})
        agree(kernel, rng.integers(0, 5, n), 3, bits=True, options={"tile": 1})
        agree(kernel, rng.integers(0, 5, n).astype(np.uint8), 3, bits=True, options={"tile": 3})
    least = "min" if "least" in kernel.__name__ else "max"
    combines(kernel, (rng.random(99), 0.5), f"arg{least} best, where", agree, bits=True)


@pytest.mark.parametrize("kernel", [first_least, last_least, first_most, last_most])
def test_extremes_of_long_loops_are_looked_for_chunk_by_chunk(agree, kernel):
    special = np.array([0.0, -0.0, np.inf, -np.inf, 1.0, -1.0, 2.0])
    n = 5000
    nans = np.where(rng.random(n) > 0.999, np.nan, rng.random(n))
    for x in (special[rng.integers(0, 7, n)], np.arange(n) * 1.0, -np.arange(n) * 1.0, nans, np.full(n, np.nan)):
        for best in (np.inf, -np.inf, np.nan, 0.5):
            agree(kernel, x, best, bits=True, serial=False, options={"tile": 2100})
    agree(kernel, rng.integers(-9, 9, n), 3, bits=True, serial=False, options={"tile": 1700})
    agree(kernel, rng.integers(0, 255, n).astype(np.uint8), 3, bits=True, serial=False, options={"tile": 1024})
    agree(kernel, rng.random(n).astype(np.float32)[::3], 3.0, bits=True, serial=False, options={"tile": 500})


def test_extremes_of_nested_loops_with_two_indices(agree):
    def largest(a):
        best = a[0, 0]
        bi = bj = 0
        for i in range(a.shape[0]):
            for j in range(a.shape[1]):
                v = abs(a[i, j])
                if v > best:
                    best = v
                    bi, bj = i, j
        return best, bi, bj

    combines(largest, (rng.random((13, 17)) - 0.7,), "argmax best, bi, bj", agree, bits=True)
    agree(largest, rng.random((3, 3000)) - 0.7, bits=True, options={"tile": 1})


def test_several_extremes_and_a_sum_in_one_loop(agree):
    def both(x):
        low, high, at_low, at_high, total = np.inf, -np.inf, -1, -1, 0
        for i in range(len(x)):
            total += i
            if x[i] < low:
                low = x[i]
                at_low = i
            if x[i] > high:
                high = x[i]
                at_high = i
        return low, at_low, high, at_high, total

    combines(both, (rng.random(99),), "argmin low, at_low, argmax high, at_high, add total", agree, bits=True)


def test_payload_of_any_kind(agree):
    def nearest(x, y, names, px, py):
        best, bx, by, name, found = 1e300, 0.0, 0.0, 0, False
        for i in range(len(x)):
            d = (x[i] - px) ** 2 + (y[i] - py) ** 2
            if d < best:
                best = d
                bx = x[i]
                by = y[i]
                name = names[i]
                found = True
        return best, bx, by, name, found

    args = (rng.random(99), rng.random(99), rng.integers(0, 99, 99), 0.5, 0.25)
    for tile in TILES:
        agree(nearest, *args, bits=True, options={"tile": tile})
    agree(nearest, rng.random(0), rng.random(0), rng.integers(0, 9, 0), 0.5, 0.25, bits=True)
    kernel = njit(parallel=True)(nearest)
    kernel(*args)
    assert entry(kernel)["reductions"].startswith("argmin best")


def collatz(n):
    best, where = 0, 0
    for i in range(1, n):
        k, steps = i, 0
        while k != 1:
            k = k // 2 if k % 2 == 0 else 3 * k + 1
            steps += 1
        if steps > best:
            best = steps
            where = i
    return best, where


def nearest_row(x, y):
    best, where = np.inf, -1
    for i in range(x.shape[0]):
        square = 0.0
        for j in range(x.shape[1]):
            square += (x[i, j] - y[j]) ** 2
        if square < best:
            best, where = square, i
    return best, where


def test_extremes_of_a_value_that_is_computed_step_by_step(agree):
    x = rng.random((300, 5))
    x[250] = x[7]  # the first of two equal ones counts
    for tile in TILES:
        agree(collatz, 400, bits=True, options={"tile": tile})
        agree(nearest_row, x, x[7] + 1e-3, options={"tile": tile})
    agree(nearest_row, x[:0], x[7])
    agree(collatz, 1, bits=True)
    for kernel, args in ((collatz, (400,)), (nearest_row, (x, x[7]))):
        compiled = njit(parallel=True)(kernel)
        compiled(*args)
        assert entry(compiled)["decision"] == "parallel"


def raised_in_the_branch(x):
    best = 0.0
    for i in range(x.shape[0]):
        square = 0.0
        for j in range(x.shape[1]):
            square += x[i, j]
        if square > best:
            square += 1.0
            best = square
    return best


def used_after_the_branch(x):
    best, total = 0.0, 0.0
    for i in range(x.shape[0]):
        square = 0.0
        for j in range(x.shape[1]):
            square += x[i, j]
        if square > best:
            best = square
            square = 0.0
        total += square
    return best, total


@pytest.mark.parametrize("kernel", [raised_in_the_branch, used_after_the_branch])
def test_a_branch_that_changes_what_was_compared_is_no_extreme(agree, kernel):
    x = rng.random((300, 3))
    agree(kernel, x)
    compiled = njit(parallel=True)(kernel)
    compiled(x)
    assert entry(compiled)["reductions"] is None or "best" not in entry(compiled)["reductions"]


def test_conditions_with_and(agree):
    def masked(x, m, k):
        best = np.inf
        where = -1
        for i in range(len(x)):
            if m[i] and k[i] > 2 and x[i] < best:
                best = x[i]
                where = i
        return best, where

    def turned(x, m, k):
        best = np.inf
        where = -1
        for i in range(len(x)):
            if x[i] < best and m[i]:
                best = x[i]
                where = i
        return best, where

    args = (rng.random(99), rng.random(99) > 0.5, rng.integers(0, 5, 99))
    combines(masked, args, "argmin best, where", agree, bits=True)
    for tile in TILES:
        agree(turned, *args, bits=True, options={"tile": tile})


def test_what_is_not_an_extreme_stays_serial(agree):
    def second(x):
        best, runner = np.inf, np.inf
        for i in range(len(x)):
            if x[i] < best:
                runner = best
                best = x[i]
        return best, runner

    def other_value(x):
        best = np.inf
        for i in range(len(x)):
            if x[i] < best:
                best = x[i] - 0.25
        return best

    def complement(x):
        best, where = np.inf, -1
        for i in range(len(x)):
            if not (x[i] >= best):
                best = x[i]
                where = i
        return best, where

    def or_first(x):
        best, where = 0.0, -1
        for i in range(len(x)):
            if where < 0 or x[i] < best:
                best = x[i]
                where = i
        return best, where

    def counted(x):
        best, n = np.inf, 0
        for i in range(len(x)):
            if x[i] < best:
                best = x[i]
                n += 1
        return best, n

    def used(x, y):
        best, where = np.inf, -1
        for i in range(len(x)):
            if x[i] < best:
                best = x[i]
                where = i
            y[i] = where
        return best

    def otherwise(x):
        best, where, n = np.inf, -1, 0
        for i in range(len(x)):
            if x[i] < best:
                best = x[i]
                where = i
            else:
                n += i
        return best, where, n

    def overwritten(x):
        best, where = np.inf, -1
        for i in range(len(x)):
            if x[i] < best:
                best = x[i]
                where = i
            if x[i] > 0.9:
                where = -5
        return best, where

    def sometimes(x):
        best, where = np.inf, -1
        for i in range(len(x)):
            if x[i] < best:
                best = x[i]
                if i % 2:
                    where = i
        return best, where

    def noted(x):
        best, better = np.inf, False
        n = 0
        for i in range(len(x)):
            better = False
            if x[i] < best:
                best = x[i]
                better = True
            if better:
                n += i
        return best, n

    def stored(x, y):
        best = np.inf
        for i in range(len(x)):
            if x[i] < best:
                best = x[i]
                y[i] = 1
        return best

    def tallied(x, y):
        best, where = np.inf, -1
        for i in range(len(x)):
            if x[i] < best:
                best = x[i]
                where = i
                y[i % 3] += 1
        return best, where

    def looked_up(x, y):
        best, name = np.inf, -1.0
        for i in range(len(x)):
            if x[i] < best:
                best = x[i]
                name = y[int(x[i] * 10)]
        return best, name

    x = np.concatenate([rng.random(50), [np.nan], rng.random(20)])
    for kernel in (stored, tallied, looked_up):
        stays_serial(kernel, (x, np.zeros(71)), "CARRIED_SCALAR", agree, bits=True)
    falling = np.arange(5, 0, -1.0) / 10
    agree(looked_up, falling[::-1], np.zeros(2), options={"tile": 1})  # only the first is looked up
    for kernel in (sometimes, noted, second, other_value, complement, or_first, counted, otherwise, overwritten):
        stays_serial(kernel, (x,), "CARRIED_SCALAR", agree, bits=True)
    stays_serial(used, (x, np.zeros(71)), "CARRIED_SCALAR", agree, bits=True)


def test_prange_extremes(agree):
    def least(x):
        best, where = np.inf, -1
        for i in prange(len(x)):
            if x[i] < best:
                best = x[i]
                where = i
        return best, where

    combines(least, (rng.random(99),), "argmin best, where", agree, bits=True)


# ---- scalars ---------------------------------------------------------------------------------------------------------------


def test_sums_with_both_signs_and_conditions(agree):
    def both(x):
        s, p, n = 1.5, 2.0, 7
        for i in range(len(x)):
            s += x[i]
            if x[i] > 0.5:
                s -= 2.0 * x[i]
                n = n - 3
            elif x[i] > 0.25:
                n += 1
            p *= 1.0 + x[i] / 100
        return s, p, n

    combines(both, (rng.random(300),), "add s, mul p, add n", agree)


def test_differences(agree):
    def legal(x):
        e = 1.0
        for i in range(len(x)):
            e = e - x[i]
        return e

    def alternating(x):
        a = 1.0
        for i in range(len(x)):
            a = x[i] - a
        return a

    def quotients(x):
        a = 1.0
        for i in range(len(x)):
            a /= 1.0 + x[i]
        return a

    def mixed(x):
        a = 1.0
        for i in range(len(x)):
            a += x[i]
            a *= 0.5
        return a

    def one_expression(x):
        a = 1.0
        for i in range(len(x)):
            a = a * 0.5 + x[i]
        return a

    def read(x, y):
        a = 1.0
        for i in range(len(x)):
            a += x[i]
            y[i] = a
        return a

    def twice(x):
        a = 1.0
        for i in range(len(x)):
            a = a + a * x[i]
        return a

    x = rng.random(300)
    combines(legal, (x,), "add e", agree)
    for kernel in (alternating, quotients, mixed, one_expression, twice):
        stays_serial(kernel, (x,), "CARRIED_SCALAR", agree)
    stays_serial(read, (x, np.zeros(300)), "CARRIED_SCALAR", agree)


@pytest.mark.parametrize("form", ["m = min(m, x[i])", "m = np.minimum(m, x[i])", "m = np.minimum(x[i], m)",
                                  "m = min(x[i], m)", "m = min(m, x[i], x[i - 1])", "m = x[i] if x[i] < m else m",
                                  "m = np.fmin(m, x[i])", "m = min(m, x[i] + m * 0)"])  # fmt: skip
def test_minima_in_every_form(agree, form):
    space = {"np": np}
    source = f"def kernel(x, m):\n    for i in range(len(x)):\n        {form}\n    return m\n"
    import linecache

    name = f"<minimum {form}>"
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    exec(compile(source, name, "exec"), space)
    for x in (rng.random(99), np.where(rng.random(99) > 0.8, np.nan, rng.random(99)), np.zeros(0)):
        for start in (np.inf, np.nan, 0.5):
            agree(space["kernel"], x, start, bits=True)


def test_short_circuits(agree):
    def every(x):
        ok = True
        for i in range(len(x)):
            ok = ok and x[i] > 0.01
        return ok

    def some(x):
        found = False
        for i in range(len(x)):
            found = found or x[i] > 0.99
        return found

    def bits(x):
        ok, odd = True, False
        for i in range(len(x)):
            ok &= x[i] > 0.001
            odd ^= x[i] > 0.5
        return ok, odd

    for n in (0, 1, 7, 300):
        for kernel in (every, some, bits):
            agree(kernel, rng.random(n), bits=True)


def test_integers_wrap(agree):
    def wraps(x):
        s, p = np.int64(2**62), np.int64(3)
        for i in range(len(x)):
            s += x[i]
            p *= x[i]
        return s, p

    x = rng.integers(2**60, 2**62, 99)
    for threads in THREADS:
        plain, parallel = njit()(wraps)(x), njit(parallel=True)(wraps)(x)
        assert plain == parallel


# ---- the same bits everywhere ----------------------------------------------------------------------------------------------


def everything(a, k, y, h):
    total, best, bi, bj = 0.0, -np.inf, -1, -1
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            v = a[i, j]
            y[j] += v / 3.0
            h[k[i], j % 5] += v * v
            total += v
            if v > best:
                best = v
                bi, bj = i, j
    return total, best, bi, bj


@pytest.mark.parametrize("tile", [0, 1, 5])
def test_bits_do_not_depend_on_threads_or_schedule(runtime, tile):
    a, k = rng.random((500, 300)), rng.integers(0, 3, 500)
    first, before = None, plait.get_num_threads()
    runtime.plrt_set_min_work(0)
    runtime.plrt_set_num_threads(16)
    try:
        for schedule in SCHEDULES:
            kernel = njit(parallel=True, schedule=schedule, tile=tile)(everything)
            for threads, seed in [(n, 0) for n in THREADS] + [(1, 1), (1, 99)]:
                runtime.plrt_set_num_threads(threads)
                runtime.plrt_set_shuffle(seed)
                y, h = np.zeros(300), np.zeros((3, 5))
                got = (kernel(a, k, y, h), y.tobytes(), h.tobytes())
                first = first or got
                assert got == first, (schedule, threads, seed)
            assert entry(kernel)["reductions"].startswith("add y[:], add h[:]")
    finally:
        runtime.plrt_set_shuffle(0)
        runtime.plrt_set_min_work(-1)
        plait.set_num_threads(before)
    np.testing.assert_allclose(first[0][0], a.sum())


def all_positive(a):
    ok = True
    for i in range(len(a)):
        ok = ok and a[i] > 0
    return ok


def any_negative(a):
    found = False
    for i in range(len(a)):
        found = found or a[i] < 0
    return found


def all_inverses_large(a):
    ok = True
    for i in range(len(a)):
        ok = ok and 1.0 / a[i] > 0.1
    return ok


@pytest.mark.parametrize("function", [all_positive, any_negative])
def test_and_and_or_between_iterations_are_reductions(agree, function):
    a = np.ones(5000)
    for place in (None, 0, 2500, 4999):
        if place is not None:
            a[place] = -1.0
        agree(function, a)
        agree(function, a[:0])
    kernel = plait.njit(parallel=True)(function)
    kernel(a)
    assert [e["reason"] for e in kernel.parallel_report()] == ["REDUCTION"]


def test_an_operand_that_may_raise_is_evaluated_where_python_evaluates_it():
    kernel = plait.njit(parallel=True)(all_inverses_large)
    assert kernel(np.array([1.0, -1.0, 0.0])) is False
    with pytest.raises(ZeroDivisionError):
        kernel(np.array([1.0, 0.0]))


# ---- places without values ------------------------------------------------------------------------------------------------


def place_of_the_least(x, w):
    for i in range(len(x)):
        if x[i] < x[w]:
            w = i
    return w


def last_place_of_the_greatest(x, w):
    for i in range(len(x)):
        if x[w] <= x[i]:
            w = i
    return w


def place_in_a_matrix(x):
    r = 0
    c = 0
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            if x[i, j] > x[r, c]:
                r = i
                c = j
    return r, c


def place_and_payload(x, y, w):
    z = -1.0
    for i in range(len(x) - 1, -1, -1):
        if x[i] < x[w]:
            w = i
            z = y[i]
    return w, z


def place_of_another(x, w):
    for i in range(1, len(x)):
        if x[i] < x[w]:
            w = i - 1
    return w


def place_while_storing(x, y, w):
    for i in range(len(x)):
        y[i] = 0.5
        if x[i] < x[w]:
            w = i
    return w


def place_moved_elsewhere(x, w):
    for i in range(len(x)):
        if x[i] < x[w]:
            w = i
        if x[i] == 3.0:
            w = 0
    return w


PLACES = (place_of_the_least, last_place_of_the_greatest, place_of_another, place_moved_elsewhere)


@pytest.mark.parametrize("f", PLACES, ids=lambda f: f.__name__)
@pytest.mark.parametrize("n, w", [(0, 0), (1, 0), (1, -1), (1, 1), (50, 7), (50, -3), (50, 50), (50, -51), (3000, 1)])
def test_places_of_extremes(agree, f, n, w):
    x = np.random.default_rng(n).integers(0, 40, n).astype(float)
    agree(f, x.astype(np.int16), w)
    agree(f, x, w)
    x[n // 3:n // 3 + 1] = np.nan
    agree(f, x, w)


@pytest.mark.parametrize("shape", [(0, 0), (0, 4), (4, 0), (1, 1), (20, 30)])
def test_places_in_matrices(agree, shape):
    agree(place_in_a_matrix, np.random.default_rng(1).integers(0, 90, shape).astype(float))


def test_places_with_more(agree):
    x, y = np.random.default_rng(2).random((2, 500))
    agree(place_and_payload, x, y, 3)
    agree(place_and_payload, x, x[::-1], -2)
    agree(place_while_storing, x, y, 3)
    agree(place_while_storing, x, x, 3)


def test_places_are_found_in_parallel():
    x = np.random.default_rng(2).random(500)
    for f in (place_of_the_least, last_place_of_the_greatest):
        kernel = njit(parallel=True)(f)
        kernel(x, 0)
        assert [e["decision"] for e in kernel.parallel_report()] == ["parallel"]
    kernel = njit(parallel=True)(place_of_another)
    kernel(x, 0)
    assert [e["decision"] for e in kernel.parallel_report()] == ["serial"]
