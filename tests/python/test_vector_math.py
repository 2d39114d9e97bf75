"""Functions in vectorised loops: at most 1 ulp from the true value, 4 under fastmath, on arguments that are hard.

The truth comes from the 64-bit significands of np.longdouble (whose own error is below 0.001 ulp of a double), erf's
from its series in Fractions, and that of float32 from float64."""
import functools
import linecache
import math
from fractions import Fraction

import numpy as np
import pytest

from plait import njit

TINY = (0.0, -0.0, 5e-324, -5e-324, 2.2250738585072014e-308, -1e-310, 1e-300, -1e-20, 1.5e-8, 1e-5)
ENDLESS = (math.inf, -math.inf, math.nan)


def near_quarter_turns():
    """Doubles next to multiples of π/2, the famous worst case of reduction among them, and huge ones."""
    k = np.r_[1:200, 10**5 : 10**5 + 50, 10**9 : 10**9 + 50, 2**40]
    x = (k * (np.longdouble(1) * np.arctan2(np.longdouble(1), np.longdouble(0)))).astype(float)
    return np.r_[x, -x, np.nextafter(x, 0), np.nextafter(x, np.inf), 6381956970095103.0 * 2.0**797, 1e22, 1e300, 2.0**1023]


def spread(lowest, highest, more=()):
    rng = np.random.default_rng(1)
    inner = rng.uniform(lowest, highest, 1500)
    lengths = np.exp(rng.uniform(-690.0, math.log(max(abs(lowest), abs(highest), 1e-300)), 500)) * rng.choice([-1, 1], 500)
    x = np.r_[inner, lengths, TINY, lowest, highest, np.nextafter(lowest, highest), np.nextafter(highest, lowest), more]
    return x[(x >= lowest) & (x <= highest)]


def by_size(more=()):
    rng = np.random.default_rng(2)
    return np.r_[np.exp(rng.uniform(-745.0, 709.0, 1500)), rng.uniform(0.5, 2.0, 500), 1.0, 1.0 + 2.0**-52, 1.0 - 2.0**-53,
                 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, more]


QUARTERS = near_quarter_turns()
ARGUMENTS = {
    "exp": spread(-745.2, 709.78), "exp2": spread(-1075.0, 1023.9), "expm1": spread(-50.0, 709.78),
    "log": by_size(), "log2": by_size(), "log10": by_size(), "log1p": spread(-1.0 + 1e-16, 1e300),
    "sin": spread(-100.0, 100.0, QUARTERS), "cos": spread(-100.0, 100.0, QUARTERS), "tan": spread(-100.0, 100.0, QUARTERS),
    "arcsin": spread(-1.0, 1.0), "arccos": spread(-1.0, 1.0), "arctan": spread(-1e300, 1e300, by_size()),
    "sinh": spread(-700.0, 700.0), "cosh": spread(-700.0, 700.0), "tanh": spread(-30.0, 30.0),
    "arctanh": spread(-1.0 + 2e-16, 1.0 - 2e-16), "cbrt": np.r_[by_size(), -by_size()], "sqrt": by_size()}
EXACT_AT_THE_EDGES = {  # function: (argument, value)
    "exp": ((math.inf, math.inf), (-math.inf, 0.0), (0.0, 1.0), (-0.0, 1.0), (1000.0, math.inf), (-1000.0, 0.0)),
    "log": ((0.0, -math.inf), (math.inf, math.inf), (1.0, 0.0), (-1.0, math.nan)),
    "log1p": ((-0.0, -0.0), (-1.0, -math.inf), (math.inf, math.inf)),
    "expm1": ((-0.0, -0.0), (-math.inf, -1.0), (math.inf, math.inf)),
    "sin": ((-0.0, -0.0), (math.inf, math.nan)), "cos": ((-0.0, 1.0), (-math.inf, math.nan)),
    "tan": ((-0.0, -0.0), (math.inf, math.nan)), "arcsin": ((-0.0, -0.0), (2.0, math.nan)),
    "arctan": ((-0.0, -0.0), (math.inf, math.pi / 2)), "tanh": ((-0.0, -0.0), (-math.inf, -1.0), (400.0, 1.0)),
    "cbrt": ((-0.0, -0.0), (-math.inf, -math.inf), (-27.0, -3.0)), "sqrt": ((-0.0, -0.0), (-1.0, math.nan))}


def written(name):
    """A function made from text, which the compiler finds where tracebacks would."""
    text = f"def f(x, y):\n    for i in range(x.shape[0]):\n        y[i] = np.{name}(x[i])\n"
    file, names = f"<vector math {name}>", {"np": np}
    linecache.cache[file] = (len(text), None, text.splitlines(True), file)
    exec(compile(text, file, "exec"), names)
    return names["f"]


@functools.cache
def mapper(name, fast):
    return njit(parallel=True, fastmath=fast)(written(name))


def computed(name, fast, x):
    y = np.zeros_like(x)
    mapper(name, fast)(x, y)
    return y


def ulps(got, want, digits, least):
    """Distance in units of the last place of a number of that size."""
    exponent = np.maximum(np.frexp(want)[1] - digits, least)
    with np.errstate(invalid="ignore"):
        distance = np.abs(got.astype(want.dtype) - want) / np.ldexp(want.dtype.type(1), exponent)
    return np.where(got == want.astype(got.dtype), 0, distance).astype(float)


def expect_close(name, fast, x, got, far):
    worst = int(np.argmax(np.where(np.isnan(far), np.inf, far)))
    assert far[worst] <= (4 if fast else 1), f"{name}({x[worst]!r}) = {got[worst]!r}: {far[worst]} ulp"


@pytest.mark.parametrize("fast", (False, True), ids=("strict", "fast"))
@pytest.mark.parametrize("name", ARGUMENTS)
def test_float64(name, fast):
    x = ARGUMENTS[name]
    with np.errstate(all="ignore"):
        want = getattr(np, name)(x.astype(np.longdouble))
    got = computed(name, fast, x)
    normal = np.isfinite(want.astype(float)) & (not fast or (np.abs(want) > 2.3e-308) & (np.abs(x) > 2.3e-308))
    expect_close(name, fast, x[normal], got[normal], ulps(got, want, 53, -1074)[normal])


@pytest.mark.parametrize("fast", (False, True), ids=("strict", "fast"))
@pytest.mark.parametrize("name", ARGUMENTS)
def test_float32(name, fast):
    with np.errstate(all="ignore"):
        x = ARGUMENTS[name].astype(np.float32)
        x = x[np.abs(x) < (88.0 if name in ("sinh", "cosh") else np.inf)]  # SLEEF's overflow a little early
        want = getattr(np, name)(x.astype(float))
    got = computed(name, fast, x)
    normal = (np.abs(want) < 3.4e38) & (not fast or (np.abs(want) > 1.2e-38) & (np.abs(x) > 1.2e-38))
    expect_close(name, fast, x[normal], got[normal], ulps(got, want, 24, -149)[normal])


@pytest.mark.parametrize("name", EXACT_AT_THE_EDGES)
def test_edges(name):
    pairs = EXACT_AT_THE_EDGES[name] + ((math.nan, math.nan),)
    for repeat in (1, 9):  # a tail, and whole vectors
        x = np.repeat([p[0] for p in pairs], repeat)
        want = np.repeat([p[1] for p in pairs], repeat)
        got = computed(name, False, x)
        np.testing.assert_array_equal(got, want)
        assert np.array_equal(np.signbit(got[want == 0]), np.signbit(want[want == 0]))


def power(x, y, out):
    for i in range(x.shape[0]):
        out[i] = x[i] ** y[i]


@pytest.mark.parametrize("fast", (False, True), ids=("strict", "fast"))
def test_power(fast):
    rng = np.random.default_rng(3)
    x = np.r_[by_size(), rng.uniform(0.9, 1.1, 1000)]
    y = np.r_[rng.uniform(-2.0, 2.0, x.shape[0] - 1000), rng.uniform(-3000.0, 3000.0, 1000)]
    with np.errstate(all="ignore"):
        want = x.astype(np.longdouble) ** y.astype(np.longdouble)
    got = np.zeros_like(x)
    njit(parallel=True, fastmath=fast)(power)(x, y, got)
    normal = np.isfinite(want.astype(float)) & (np.abs(want) > 2.3e-308)
    expect_close("pow", fast, x[normal], got[normal], ulps(got, want, 53, -1074)[normal])


def errors(x, y):
    for i in range(x.shape[0]):
        y[i] = math.erf(x[i])


def true_erf(x):
    """2/√π Σ (-1)^k x^(2k+1) / (k! (2k+1)), as a Fraction."""
    x = Fraction(x)
    term, total, k = x, x, 0
    while abs(term) > Fraction(1, 2**120) * abs(total):
        k += 1
        term *= -x * x / k
        term = Fraction(round(term * 2**1400), 2**1400)
        total += term / (2 * k + 1)
    return total * Fraction("1.1283791670955125738961589031215451716881012586580")


def fraction_ulps(got, want):
    if want == 0:
        return 0.0 if got == 0 else math.inf
    size = float(abs(want))
    return float(abs(Fraction(got) - want) / Fraction(max(math.ulp(size) if size >= math.ulp(size) * 2**52 else 0, 5e-324)))


@pytest.mark.parametrize("fast", (False, True), ids=("strict", "fast"))
def test_erf(fast):
    rng = np.random.default_rng(4)
    steps = np.arange(17) * 0.375
    x = np.r_[rng.uniform(-6.0, 6.0, 150), rng.uniform(-0.4, 0.4, 100), np.exp(rng.uniform(-300.0, 0.0, 50)), steps,
              np.nextafter(steps, 9.0), np.nextafter(steps, -9.0), 1e-300, -1e-20]
    got = np.zeros_like(x)
    njit(parallel=True, fastmath=fast)(errors)(x, got)
    far = np.array([fraction_ulps(g, true_erf(v)) for g, v in zip(got, x)])
    expect_close("erf", fast, x, got, far)
    if not fast:
        special = np.array((math.inf, -math.inf, 6.5, -1e300, 0.0, -0.0, 5e-324, -5e-324, math.nan))
        for repeat in (1, 8):
            got = np.zeros(9 * repeat)
            njit(parallel=True)(errors)(np.repeat(special, repeat), got)
            want = np.repeat((1.0, -1.0, 1.0, -1.0, 0.0, -0.0, 5e-324, -5e-324, math.nan), repeat)
            np.testing.assert_array_equal(got, want)
            assert np.array_equal(np.signbit(got[:-repeat]), np.signbit(want[:-repeat]))


@pytest.mark.parametrize("fast", (False, True), ids=("strict", "fast"))
def test_erf_of_float32(fast):
    rng = np.random.default_rng(6)
    steps = np.arange(17) * 0.375
    x = np.r_[rng.uniform(-4.5, 4.5, 3000), rng.uniform(-0.4, 0.4, 1000), np.exp(rng.uniform(-80.0, 0.0, 1000)), steps,
              np.nextafter(steps, 9.0), 4.0, -4.0, 5.0, -100.0].astype(np.float32)
    got = np.zeros_like(x)
    njit(parallel=True, fastmath=fast)(errors)(x, got)
    want = np.array([math.erf(v) for v in x])
    expect_close("erf", fast, x, got, ulps(got, want, 24, -149))
    if not fast:
        special = np.array((math.inf, -math.inf, -0.0, 1e-45, math.nan), np.float32)
        got = np.zeros(5 * 16, np.float32)
        njit(parallel=True)(errors)(np.repeat(special, 16), got)
        np.testing.assert_array_equal(got[:-16], np.repeat(np.array((1.0, -1.0, -0.0, 1e-45), np.float32), 16))
        assert np.all(np.isnan(got[-16:])) and np.all(np.signbit(got[32:48]))
