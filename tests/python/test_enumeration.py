"""Every schedule is checked again by enumeration: the interpreter of tests/enumerate runs what the passes made of a
kernel on small arrays and watches every iteration of every loop marked parallel or vector. The texts at the end are
loops marked wrongly: the interpreter has to find each of them."""
import pathlib
import sys

import numpy as np
import pytest

import second_opinion
from plait import njit, prange
from second_opinion import opinion, opinion_of_texts

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
from perf.kernels.polybench import NAMES, load  # noqa: E402

pytestmark = pytest.mark.skipif(second_opinion.program() is None, reason="the build has no plait-enumerate")


@pytest.fixture(scope="module", autouse=True)
def interpreter():
    yield
    second_opinion.close()


# ---- PolyBench -----------------------------------------------------------------------------------------------------------

def small_sizes(mini):
    """0, 1, 2, primes, one different in every dimension, and the suite's smallest, which is longer than a tile."""
    same = [(n,) * len(mini) for n in (0, 1, 2, 3, 5, 7)]
    return [*same, tuple((3, 7, 5, 2, 11)[: len(mini)]), tuple((6, 3, 8, 13, 4)[: len(mini)]), mini]


def arguments(inputs, size):
    """None where the kernel's inputs have no such size (a matrix that is to be solved has a row)."""
    try:
        return inputs(size, np.random.default_rng(11))
    except (ValueError, IndexError, ZeroDivisionError, np.linalg.LinAlgError):
        return None


@pytest.mark.parametrize("name", NAMES)
def test_polybench_holds_for_small_sizes(name):
    function, inputs, sizes = load(name)
    lists = [a for a in (arguments(inputs, s) for s in small_sizes(sizes["MINI"])) if a is not None]
    assert len(lists) >= 6
    found = opinion(function, *lists).fine()
    assert found.parallel > 0, "no parallel loop ran"


# ---- kernels of interest -------------------------------------------------------------------------------------------------

def floats(*shape):
    return np.random.default_rng(3).random(shape)


def shift_apart(x, y, k):
    for i in range(len(x)):
        y[i + k] = x[i] * 2.0


def stencil(x, y):
    for i in range(1, len(x) - 1):
        y[i] = x[i - 1] + x[i] + x[i + 1]


def copy_backwards(x, y):
    for i in range(len(x) - 1, -1, -1):
        y[len(x) - 1 - i] = x[i]


@pytest.mark.parametrize("kernel", [stencil, copy_backwards])
@pytest.mark.parametrize("n", [0, 1, 2, 3, 7, 16])
def test_arguments_that_overlap(kernel, n):
    memory = floats(2 * n + 2)
    lists = [(memory[a:a + n], memory[b:b + n]) for a in range(0, n + 1, max(n // 3, 1)) for b in (0, 1, n // 2, n)]
    opinion(kernel, *lists).fine()


def test_a_shift_that_is_an_argument():
    memory = floats(40)
    lists = [(memory[a:a + 7], memory[b:b + 20], k) for a in (0, 3, 20) for b in (0, 1, 5, 20) for k in (0, 1, 5)]
    opinion(shift_apart, *lists).fine()


@pytest.mark.parametrize("steps", [(1, 1), (2, 1), (-1, 1), (-1, -1), (3, 2), (0, 1)])
def test_views_with_any_stride(steps):
    from numpy.lib.stride_tricks import as_strided

    lists = []
    for n in (1, 2, 5):
        memory = floats(64)
        views = [as_strided(memory[20:], (n,), (8 * s,)) for s in steps]
        lists.append((views[0], views[1]))
        lists.append((views[0], as_strided(memory[40:], (n,), (8 * steps[1],))))
    typed = njit("void(float64[:], float64[:])", parallel=True)(stencil)
    question = second_opinion.request(typed, lists[0])
    question["signature"] = "void(float64[:], float64[:])"
    answer = second_opinion._second.ask({"request": question, "cases": [second_opinion.case(a) for a in lists]})
    second_opinion.Opinion(answer).fine()


def several(x, idx, n):
    total = 0.0
    largest = x[0]
    count = 0
    last = -1
    for i in range(n):
        t = x[i] * 2.0
        if t > 0.5:
            total += t
            count += 1
            last = i
        largest = max(largest, t)
    out = np.zeros(n)
    for i in range(n):
        row = np.empty(3)
        for k in range(3):
            row[k] = x[i] + k
        out[i] = row[0] + row[1] * row[2]
    return total, largest, count, last, out


def test_reductions_last_values_and_arrays_of_an_iteration():
    opinion(several, *[(floats(8), np.arange(8), n) for n in (1, 2, 3, 5, 7, 8)]).fine()


def triangle(a, m):
    n = a.shape[0]
    for i in range(n):
        for j in range(i + 1):
            a[i, j] += m[j, i]
    for i in range(n):
        for j in range(max(0, i - 2), min(n, i + 3)):
            m[i, j] = a[i, j // 2] + a[j % n, i]


def seidel(a, t):
    for s in range(t):
        for i in range(1, a.shape[0] - 1):
            for j in range(1, a.shape[1] - 1):
                a[i, j] = (a[i - 1, j] + a[i, j - 1] + a[i, j] + a[i, j + 1] + a[i + 1, j]) / 5.0


def heat(a, b, t):
    for s in range(t):
        b[1:-1] = (a[:-2] + a[1:-1] + a[2:]) / 3.0
        a[1:-1] = (b[:-2] + b[1:-1] + b[2:]) / 3.0


def lcs(x, y, t):
    for i in range(1, len(x) + 1):
        for j in range(1, len(y) + 1):
            if x[i - 1] == y[j - 1]:
                t[i, j] = t[i - 1, j - 1] + 1
            else:
                t[i, j] = max(t[i - 1, j], t[i, j - 1])


@pytest.mark.parametrize("n", [1, 2, 3, 5, 17, 37])
def test_nests(n):
    opinion(triangle, (floats(n, n), floats(n, n))).fine()
    opinion(seidel, (floats(n, n + 3), 3)).fine()
    opinion(heat, (floats(n + 2), floats(n + 2), 4)).fine()
    r = np.random.default_rng(n)
    opinion(lcs, (r.integers(0, 3, n), r.integers(0, 3, n + 2), np.zeros((n + 1, n + 3), np.int64))).fine()


def histogram(idx, weights, n):
    h = np.zeros(n)
    for i in range(len(idx)):
        h[idx[i]] += weights[i]
    return h


def columns(a):
    s = np.zeros(a.shape[1])
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            s[j] += a[i, j]
    return s


def nearest(points, q):
    best = -1
    least = np.inf
    for i in range(points.shape[0]):
        d = 0.0
        for k in range(points.shape[1]):
            d += (points[i, k] - q[k]) ** 2
        if d < least:
            least = d
            best = i
    return best, least, np.argmin(points[:, 0])


@pytest.mark.parametrize("n", [1, 2, 7, 40])
def test_sums_into_arrays_and_positions(n):
    r = np.random.default_rng(n)
    opinion(histogram, (r.integers(0, 3, n), r.random(n), 3)).fine()
    opinion(columns, (r.random((n, 5)),)).fine()
    opinion(nearest, (r.random((n, 3)), r.random(3))).fine()


def counted(w, y, n):
    for i in range(n):
        y[i // 4] += w[i]


def test_sums_into_arrays_that_are_regrouped_are_close():
    w = np.random.default_rng(1).random(64)
    found = opinion(njit(parallel=True, tile=3)(counted), (w, np.zeros(16), 64)).fine()
    assert found.cases[0]["regroups"]
    assert not opinion(njit(parallel=True, tile=3)(counted), (np.arange(64), np.zeros(16, int), 64)).fine().cases[0]["regroups"]


# ---- it can fail -----------------------------------------------------------------------------------------------------------

HEAD = "options parallel par_prange par_numpy par_reduction par_range boundscheck\n"


def texts(body, params="%x.0: array(float64, 1d, C), %y.1: array(float64, 1d, C)", results="", mark="independent"):
    """The function with its loop plain, and with it marked parallel."""
    text = HEAD + f"fn entry @f({params}) -> ({results}) {{ @1:0\n{body}}}\n"
    return text.replace("MARK", ""), text.replace("MARK", f"{mark} parallel")


def complaints(body, *args, **keywords):
    return "\n".join(opinion_of_texts(*texts(body, **keywords), args).complaints())


def loop(*lines, lo="1", hi="8", step="1", facts="", declared="%i.2: int64"):
    inside = "".join(f"        {line} @{k + 3}:8\n" for k, line in enumerate(lines))
    return f"    for {declared} in [{lo}, {hi}, {step}) range MARK {{ @2:4\n{inside}    }}{facts}\n"


X, Y = np.arange(10.0), np.zeros(10)


def test_a_loop_marked_rightly_is_fine():
    body = loop("%3: float64 = %x.0[%i.2]", "%y.1[%i.2] = (%3 + 1.0)", facts=" privates(%3)")
    assert complaints(body, X, Y) == ""


@pytest.mark.parametrize("name, lines", [
    ("value of the iteration before", ("%3: float64 = %x.0[(%i.2 - 1)]", "%x.0[%i.2] = (%3 + 1.0)")),
    ("value that a later iteration overwrites", ("%3: float64 = %x.0[(%i.2 + 1)]", "%x.0[%i.2] = (%3 + 1.0)")),
    ("far dependence", ("%3: float64 = %x.0[%i.2]", "%x.0[(7 - %i.2)] = %3")),
    ("one element for all", ("%3: float64 = %y.1[%i.2]", "%x.0[0] = %3")),
    ("two writes apart", ("%x.0[%i.2] = 1.0", "%x.0[(%i.2 + 1)] = 2.0")),
    ("element by modulo", ("%3: float64 = %y.1[%i.2]", "%x.0[(%i.2 % 4)] = %3")),
])
def test_conflicts_are_found(name, lines):
    facts = " privates(%3)" if "%3" in "".join(lines) else ""
    found = complaints(loop(*lines, facts=facts), X, Y)
    assert "meet in memory" in found, found or name


def test_a_conflict_through_overlapping_arguments_is_found():
    body = loop("%3: float64 = %x.0[%i.2]", "%y.1[%i.2] = %3", facts=" privates(%3)")
    memory = np.arange(12.0)
    assert complaints(body, memory[:10], memory[2:]).count("meet in memory") == 1
    assert complaints(body, memory[:9].copy(), memory[2:]) == ""


def test_a_conflict_between_halves_of_an_element_is_found():
    params = "%x.0: array(float64, 1d, C), %y.1: array(int32, 1d, C)"
    body = loop("%3: float64 = %x.0[%i.2]", "%y.1[%i.2] = int32(%3)", facts=" privates(%3)", hi="4")
    memory = np.arange(10.0)
    assert "meet in memory" in complaints(body, memory, memory.view(np.int32), params=params)
    assert complaints(body, memory.copy(), memory.view(np.int32), params=params) == ""


def test_a_private_variable_read_before_it_is_written_is_found():
    body = "    var %t.3: float64 @1:0\n    %t.3 = 5.0 @1:0\n" + loop(
        "%y.1[%i.2] = %t.3", "%t.3 = float64(%i.2)", facts=" privates(%t.3)")
    assert "`t` (number 3) is read before it has a value" in complaints(body, X, Y)


def test_a_private_variable_read_after_the_loop_is_found():
    body = "    var %t.3: float64 @1:0\n    %t.3 = 5.0 @1:0\n" + loop(
        "%t.3 = float64(%i.2)", "%y.1[%i.2] = %t.3", facts=" {facts}(%t.3)") + "    return %t.3 @9:0\n"
    wrong, right = body.replace("{facts}", "privates"), body.replace("{facts}", "last_privates")
    assert "`t` (number 3) is read before it has a value" in complaints(wrong, X, Y, results="float64")
    assert complaints(right, X, Y, results="float64") == ""


SUM = "    var %s.3: float64 @1:0\n    %s.3 = 5.0 @1:0\n"


def reduced(*lines, op="add", value="%s.3"):
    facts = f" reductions({op} %s.3) privates(%4)"
    return SUM + loop("%4: float64 = %x.0[%i.2]", *lines, facts=facts) + f"    return {value} @9:0\n"


def test_a_reduction_that_is_one_is_fine():
    assert complaints(reduced("%s.3 = (%s.3 + %4)"), X, Y, results="float64", mark="reduction") == ""


def test_a_reduction_variable_read_in_the_body_is_found():
    found = complaints(reduced("%s.3 = (%s.3 + %4)", "%y.1[%i.2] = %s.3"), X, Y, results="float64", mark="reduction")
    assert "the reduction `s` is read in the loop" in found


@pytest.mark.parametrize("op, update", [("add", "(%4 - %s.3)"), ("mul", "(%s.3 + %4)"), ("add", "((%s.3 * 2.0) + %4)"),
                                        ("max", "min(%s.3, %4)"), ("add", "%4")])
def test_a_wrong_operator_is_found(op, update):
    found = complaints(reduced(f"%s.3 = {update}", op=op), X, Y, results="float64", mark="reduction")
    assert "result 0 differs" in found, found


def test_a_scalar_that_is_carried_is_found():
    body = "    var %t.3: float64 @1:0\n    %t.3 = 5.0 @1:0\n" + loop(
        "%t.3 = (%t.3 * 0.5)", "%y.1[%i.2] = %t.3")
    assert "is read before it has a value" in complaints(body, X, Y)


def test_a_vector_loop_that_is_none_is_found():
    before, after = texts(loop("%3: float64 = %x.0[(%i.2 - 1)]", "%x.0[%i.2] = %3", facts=" privates(%3)"))
    found = opinion_of_texts(before, after.replace("independent parallel", "independent vector"), (X, Y)).complaints()
    assert any("of a vector loop meet" in f for f in found), found


def test_an_inner_loop_marked_though_only_the_outer_is_parallel_is_found():
    inner = ("        for %j.3: int64 in [1, 5, 1) range MARK { @3:8\n            %4: float64 = %x.0[((%i.2 * 5) + (%j.3 - 1))] "
             "@4:12\n            %x.0[((%i.2 * 5) + %j.3)] = %4 @5:12\n        } privates(%4)\n")
    body = "    for %i.2: int64 in [0, 2, 1) range { @2:4\n" + inner + "    }\n"
    assert "iterations 1 and 2 of a parallel loop" in complaints(body, X, Y)


def test_another_result_is_found():
    before, _ = texts(loop("%3: float64 = %x.0[%i.2]", "%y.1[%i.2] = (%3 + 1.0)"))
    found = opinion_of_texts(before, before.replace("[1, 8, 1)", "[1, 7, 1)"), (X, Y)).complaints()
    assert found == ["case 0: array `y` differs"]


def test_an_exception_that_is_lost_is_found():
    def first(x, k):
        for i in range(k):
            x[i] = 1.0

    assert opinion(first, (floats(3), 3), (floats(3), 5)).fine().cases[1]["outcome"] == "raised"


def product_over_few(m, c, a, b):
    for i in range(m):
        for k in range(8):
            for j in range(m):
                c[i, j] += a[i, k] * b[k, j]


def product_over_one(m, c, a, b):
    for i in range(m):
        for k in range(1):
            for j in range(m):
                c[i, j] += a[i, k] * b[k, j]


@pytest.mark.parametrize("kernel", [product_over_few, product_over_one])
def test_a_product_over_a_short_constant_axis(kernel):
    r = np.random.default_rng(1)
    lists = [(m, r.random((m, m)), r.random((m, 8)), r.random((8, m))) for m in (1, 2, 7, 40)]
    opinion(kernel, *lists).fine()
