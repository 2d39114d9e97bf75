"""Baseline code for first calls with little to do, optimised code for larger or later ones: the same results."""
import numpy as np
import plait
import pytest
from plait import njit


@pytest.fixture(autouse=True)
def tiered():
    plait.config.tiered = True
    yield
    plait.config.tiered = None


def only(kernel):
    (overload,) = kernel.overloads.values()
    return overload


def scaled(x, factor):
    y = np.empty_like(x)
    for i in range(x.shape[0]):
        y[i] = x[i] * factor + 1.0
    return y


def test_a_first_call_with_little_to_do_runs_baseline_code():
    kernel = njit(parallel=True)(scaled)
    x = np.arange(100.0)
    np.testing.assert_array_equal(kernel(x, 3.0), x * 3.0 + 1.0)
    assert only(kernel).is_baseline


def test_a_larger_call_runs_optimised_code():
    kernel = njit(parallel=True)(scaled)
    x = np.arange(1000.0)
    kernel(x[:100], 3.0)
    np.testing.assert_array_equal(kernel(x, 3.0), x * 3.0 + 1.0)
    assert not only(kernel).is_baseline


def test_smaller_calls_keep_the_baseline_code():
    kernel = njit(parallel=True)(scaled)
    x = np.arange(100.0)
    for n in (100, 0, 1, 99):
        np.testing.assert_array_equal(kernel(x[:n], 3.0), x[:n] * 3.0 + 1.0)
    assert only(kernel).is_baseline


def test_many_calls_run_optimised_code_in_the_end():
    kernel = njit(parallel=True)(scaled)
    x = np.arange(10.0)
    for _ in range(1002):
        kernel(x, 3.0)
    assert not only(kernel).is_baseline
    np.testing.assert_array_equal(kernel(x, 3.0), x * 3.0 + 1.0)


def test_a_first_call_with_much_to_do_runs_optimised_code():
    kernel = njit(parallel=True)(scaled)
    kernel(np.arange(10_000_000.0), 3.0)
    assert not only(kernel).is_baseline


def until(x, limit):
    while x > limit:
        x = x * 0.5
    return x


def test_loops_of_unknown_length_are_optimised():
    kernel = njit(until)
    assert kernel(100.0, 1.0) == until(100.0, 1.0)
    assert not only(kernel).is_baseline


def below(x, n):
    i, total = 0, 0
    while i < n and x[i] >= 0:
        total += x[i]
        i += 1
    return total


def test_a_while_loop_over_a_known_number_of_elements_has_a_known_length():
    kernel = njit(below)
    x = np.arange(20)
    assert kernel(x, 20) == 190
    assert only(kernel).is_baseline


def triangle(n):
    count = 0
    for i in range(n):
        for j in range(i, n):
            for k in range(j, n):
                count += 1
    return count


def test_an_integer_larger_than_the_first_is_a_larger_call():
    kernel = njit(triangle)
    assert kernel(4) == 20
    assert only(kernel).is_baseline
    assert kernel(-1) == 0
    assert not only(kernel).is_baseline
    assert kernel(40) == 11480


def held(x, n):
    i, k = 0, 0
    while i < n:
        if k < x:
            k += 1
            continue
        i += 1
    return k


def converted(n):
    count = 0
    for _ in range(np.int32(n)):
        count += 1
    return count


@pytest.mark.parametrize("function, args, result", [
    (held, (20_000_000, 10), 20_000_000),
    (converted, (20_000_000 - 2**32,), 20_000_000),
])
def test_what_takes_longer_than_it_seems_is_optimised(function, args, result):
    kernel = njit(function)
    assert kernel(*args) == result
    assert not only(kernel).is_baseline


def test_a_going_on_behind_the_count_changes_nothing():
    def odd(x, n):
        i, total = -1, 0
        while i < n:
            i += 1
            if i % 2 == 0:
                continue
            total += x
        return total

    kernel = njit(odd)
    assert kernel(3, 10) == odd(3, 10)
    assert only(kernel).is_baseline


factor, table = 2, np.arange(5.0)


def looked_up(i):
    return table[i] * factor


def test_optimised_code_has_the_globals_of_baseline_code():
    global factor, table
    kernel = njit(looked_up)
    assert kernel(1) == 2.0
    before = factor, table
    try:
        factor, table = 3, np.ones(5)
        assert kernel(0) == 0.0
        assert kernel(2) == 4.0
        assert not only(kernel).is_baseline
        kernel.recompile()
        assert kernel(2) == 3.0
    finally:
        factor, table = before


def test_without_memory_for_optimised_code_baseline_code_goes_on(monkeypatch):
    from plait import dispatcher

    def starve(*args):
        raise MemoryError

    kernel = njit(scaled)
    x = np.arange(100.0)
    kernel(x[:10], 3.0)
    with monkeypatch.context() as starving:
        starving.setattr(dispatcher, "_optimised", starve)
        for _ in range(3):
            np.testing.assert_array_equal(kernel(x, 3.0), x * 3.0 + 1.0)
    assert only(kernel).is_baseline
    for _ in range(1001):
        kernel(x, 3.0)
    assert not only(kernel).is_baseline


def test_interrupted_in_optimising_a_call_can_be_made_again(monkeypatch):
    from plait import dispatcher

    def interrupt(*args):
        raise KeyboardInterrupt

    kernel = njit(scaled)
    x = np.arange(100.0)
    kernel(x[:10], 3.0)
    with monkeypatch.context() as interrupting:
        interrupting.setattr(dispatcher, "_optimised", interrupt)
        with pytest.raises(KeyboardInterrupt):
            kernel(x, 3.0)
    np.testing.assert_array_equal(kernel(x, 3.0), x * 3.0 + 1.0)
    assert not only(kernel).is_baseline


def test_an_integer_far_below_the_first_may_be_a_larger_call():
    def rest(start, end):
        total = 0
        for i in range(start, end):
            total += i & 3
        return total

    kernel = njit(rest)
    kernel(999_990, 1_000_000)
    kernel(999_980, 1_000_000)
    assert only(kernel).is_baseline
    assert kernel(0, 1_000_000) == 1_500_000
    assert not only(kernel).is_baseline


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int64, np.uint64])
def test_numpy_integers_are_known_as_integers_are(kind):
    kernel = njit(triangle)
    assert kernel(kind(4)) == 20
    assert only(kernel).is_baseline
    assert kernel(kind(40)) == 11480
    assert not only(kernel).is_baseline


def test_sums_of_floats_have_the_bits_of_optimised_code_from_the_first_call_on():
    def total(x):
        s = 0.0
        for i in range(x.shape[0]):
            s += x[i]
        return s

    x = np.random.default_rng(1).random(999)
    kernel = njit(parallel=True)(total)
    first = kernel(x)
    assert not only(kernel).is_baseline
    plait.config.tiered = False
    assert njit(parallel=True)(total)(x) == first


def test_fastmath_is_optimised_from_the_first_call_on():
    kernel = njit(parallel=True, fastmath=True)(scaled)
    kernel(np.arange(10.0), 3.0)
    assert not only(kernel).is_baseline


def test_an_error_in_baseline_code_is_the_same_error():
    def at(x, i):
        return x[i]

    kernel = njit(boundscheck=True)(at)
    with pytest.raises(IndexError, match="index 7 is out of bounds for axis 0 with size 3"):
        kernel(np.arange(3), 7)
    assert only(kernel).is_baseline


def test_explicit_compilation_gives_optimised_code():
    kernel = njit(parallel=True)(scaled)
    x = np.arange(10.0)
    kernel(x, 3.0)
    kernel.compile("float64[::1], float64")
    assert not only(kernel).is_baseline
    np.testing.assert_array_equal(kernel(x, 3.0), x * 3.0 + 1.0)


def test_without_tiers_all_code_is_optimised():
    plait.config.tiered = False
    kernel = njit(parallel=True)(scaled)
    kernel(np.arange(10.0), 3.0)
    assert not only(kernel).is_baseline


def test_tuples_are_compared_element_by_element():
    def length(t):
        n = 0
        for i in range(t[1][0]):
            n += t[0].shape[0]
        return n

    kernel = njit(length)
    assert kernel((np.ones(3), (5, 1.0))) == 15
    assert kernel((np.ones(2), (4, 9.0))) == 8
    assert only(kernel).is_baseline
    assert kernel((np.ones(2), (6, 1.0))) == 12
    assert not only(kernel).is_baseline


def test_threads_may_outgrow_baseline_code_at_once():
    import threading

    kernel = njit(parallel=True, nogil=True)(scaled)
    x = np.arange(2000.0)
    kernel(x[:10], 2.0)
    wrong = []

    def work(n):
        for k in range(n, 2000, 97):
            if not np.array_equal(kernel(x[:k], 2.0), x[:k] * 2.0 + 1.0):
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


NUMBERS = """v ** 2.0; v ** 0.5; v ** 2; v ** 3; v ** -1.0; v ** -2; v ** 1.5; v ** k; v ** (k * 1.0); 2.0 ** v; 10.0 ** v
math.pow(v, 2.0); math.pow(v, k); math.pow(2.0, v); np.power(v, 2.0); np.power(v, k); np.float32(v) ** np.float32(0.5)
math.sin(v); math.cos(-v); math.tan(v); math.asin(v / 11); math.acos(v / 11); np.arctan(v); math.atan2(v, 2.0); math.sinh(v); math.tanh(v)
math.exp(v); np.exp2(v); math.expm1(v); math.log(v); math.log2(v); math.log10(v); math.log1p(v); math.erf(v); math.gamma(v); math.lgamma(v)
math.hypot(v, 3.0); np.cbrt(v); math.sqrt(v); math.fmod(v, 0.3); v % 0.3; v // 0.3; math.floor(v); round(v); np.rint(v); int(v * 1e3)
np.float32(v); v * 3.0 + 1.0; v / 3.0; v / 8.0; 1.0 / v; -(v - 1.0); v + 0.0; v - v; v * 0.0; abs(v - 3.0); max(v, 3.0); min(v, 3.0)
np.minimum(v, -v); np.maximum(0.0 * v, -0.0 * v); np.fmin(0.0 * v, -0.0 * v); math.copysign(v, -1.0); np.sign(v - 1.0); math.ldexp(v, 3)
np.deg2rad(v); np.nextafter(v, 100.0); np.logaddexp(v, 1.0); 1.0 if v > 3.0 else v; v if v == v else 0.0; abs(v + 1j)"""
COMPLEX = "(v + 1j) * (v - 2j); (v + 1j) / (v - 2j); np.exp(v * 1j); np.sqrt(v + 1j); (v + 1j) ** 2"


@pytest.mark.parametrize("parallel", [False, True])
@pytest.mark.parametrize("expression, dtype", [
    *((e.strip(), float) for line in NUMBERS.splitlines() for e in line.split(";")),
    *((e.strip(), complex) for e in COMPLEX.split(";")),
])
def test_both_tiers_compute_the_same_bits(expression, dtype, parallel, tmp_path):
    import importlib.util

    path = tmp_path / "computing.py"
    path.write_text(f"import math\nimport numpy as np\n\n\ndef compute(x, out):\n    k = 2\n"
                    f"    for i in range(x.shape[0]):\n        v = x[i]\n        out[i] = {expression}\n")
    spec = importlib.util.spec_from_file_location("computing", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    x = np.random.default_rng(3).random(2000) * 10
    x[:4] = 1.0, 2.5, 5e-324, 1e-300
    results = []
    for plait.config.tiered in (True, False):
        kernel, out = njit(parallel=parallel, error_model="numpy")(module.compute), np.zeros(x.shape, dtype)
        kernel(x, out)
        results.append(out.tobytes())
    assert results[0] == results[1]
