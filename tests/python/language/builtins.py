"""Tuples, ranges, built-in functions, strings that are known."""
import cmath
import math
import operator

N = 12
WEIGHTS = (1, 2, 3)
SCALE = 0.5


@cases((1, 2, 3.5), (0, -1, 2.0))
def tuples(a, b, x):
    t = (a, b, x)
    u = t + (a,)
    p, (q, r) = a, (b, x)
    first, *middle, last = u
    return t[0], t[-1], len(u), u[1:3], u[::-1], t == (a, b, x), t < (a, b, x + 1), p, q, r, first, middle[0], last


@cases((0,), (2,), (-1,), (3,), (-4,))
def runtime_tuple_index(i):
    t = (10, 20, 30)
    return t[i]


@cases((0,), (2,), (-1,))
def runtime_tuple_index_of_floats(i):
    return (1.5, 2, 3.5)[i] + 0.0


@cases((2,), (5,))
def membership(x):
    return x in (1, 2, 3), x not in (1, 2), x in range(0, 10, 2), x in range(10, 0, -3), x in [5, 6]


@cases((1, 2), (2, 1), (1, 1))
def compares_tuples(a, b):
    return (a, b) < (b, a), (a, b) <= (b, a), (a, b) == (b, a), (a, b) != (b, a), (a, b) > (1, 1), (a,) < (a, b), () < (a,)


@cases((3,), (0,))
def repeats(n):
    t = (n, 1) * 2
    s = 0
    for x in t:
        s = s * 10 + x
    return s, len(t)


@cases((10, 2, 3), (2, 10, -1), (10, 2, -3), (0, 0, 1))
def ranges(a, b, c):
    r = range(a, b, c)
    return len(range(a)), len(range(a, b)), len(r), r.start, r.stop, r.step


@cases((7, 2, -2, 1), (7, 2, -2, 9), (7, 2, -2, -1))
def range_item(a, b, c, i):
    return range(a, b, c)[i]


@cases((4,), (0,))
def enumerates(n):
    s = 0
    for i, x in enumerate((5, 6, 7)):
        s += i * x
    for i, k in enumerate(range(n), 10):
        s += i * k
    return s


@cases((4, 6), (6, 4), (0, 1))
def zips(n, m):
    s = 0
    for a, b in zip(range(n), range(0, 3 * m, 3)):
        s += a * b
    for a, b, c in zip((1, 2), (3.0, 4.0), (n, m)):
        s += a * b * c
    return s


@cases((5,), (0,))
def reverses(n):
    s = 0
    for i in reversed(range(n)):
        s = s * 10 + i
    for x in reversed((1, 2, 3)):
        s = s * 10 + x
    return s


@cases((5,), (1,))
def sums(n):
    return sum(range(n)), sum((n, 2.5, 1)), sum(range(n), 100), all((n, 1)), any((0, n - 1)), all(()), min(range(n)), max(range(n))


@cases((3,), (4,))
def globals_are_constants(n):
    s = 0
    for w in WEIGHTS:
        s += w * n
    return s * SCALE + N


@cases((3,), (3.5,), (True,))
def asks_for_types(x):
    if isinstance(x, bool):
        return 1
    if isinstance(x, int):
        return 2
    elif isinstance(x, (float, complex)):
        return 3
    return 4


@cases((None, 5), (3, 5))
def none_as_argument(a, b):
    if a is None:
        return b
    return a + b


@cases((5,))
def optional_default(n, scale=None, shift=2):
    if scale is not None:
        n = n * scale
    return n + shift


@cases((0.5,), (1.0,), (2.25,))
def math_functions(x):
    return (
        math.sqrt(x), math.floor(x), math.ceil(x), math.trunc(-x), math.fabs(-x), math.copysign(x, -1.0), math.fmod(7.5, x),
        math.degrees(x), math.radians(x), math.isnan(x), math.isinf(x), math.isfinite(x), math.ldexp(x, 3), math.hypot(x, 2.0),
        math.pi, math.e, math.inf, math.tau,
    )


@cases((0.5,), (0.9,))
def math_functions_closely(x):
    return (
        math.exp(x), math.log(x), math.log(x, 2), math.log2(x), math.log10(x), math.log1p(x), math.expm1(x), math.sin(x),
        math.cos(x), math.tan(x), math.asin(x), math.acos(x), math.atan(x), math.atan2(x, 2.0), math.sinh(x), math.cosh(x),
        math.tanh(x), math.asinh(x), math.acosh(x + 1), math.atanh(x), math.erf(x), math.erfc(x), math.gamma(x),
        math.lgamma(x), math.pow(x, 2.5), math.cbrt(x), math.exp2(x),
    )


@cases((12, 18), (0, 5), (-4, 6))
def integer_math(a, b):
    return math.gcd(a, b), math.lcm(a, b), math.gcd(), math.gcd(a), math.gcd(a, b, 4), math.lcm(), math.lcm(a), math.lcm(a, b, 4)


@cases((10, 3), (5, 5), (5, 0), (3, 5), (-1, 2), (20, 10))
def combinatorics(n, k):
    return math.comb(n, k), math.perm(n, k)


@cases((0,), (1,), (20,), (-1,))
def factorial(n):
    return math.factorial(n)


@cases((0,), (15,), (16,), (10**12,), (2**62,), (-4,))
def integer_root(n):
    return math.isqrt(n)


@cases((0.0,), (8.5,), (-3.25,), (1e-320,))
def splits_floats(x):
    m, k = math.frexp(x)
    return m, k, math.modf(x), math.ulp(x)


@cases((7.5, 2.0), (-7.5, 2.0), (8.0, 3.0), (1.0, 0.0))
def ieee_remainder(x, y):
    return math.remainder(x, y)


@cases((1.0, 1.0 + 1e-10), (1.0, 1.1))
def close(x, y):
    return math.isclose(x, y), math.isclose(x, y, abs_tol=0.5), math.isclose(x, y, rel_tol=0.2)


@cases((3, 4), (2.5, 2))
def operators(a, b):
    return operator.add(a, b), operator.mul(a, b), operator.lt(a, b), operator.neg(a), operator.truediv(a, b)


@cases((1,), (7,))
def slices(n):
    s = slice(1, n, 2)
    return s.start, s.stop, s.step


@cases((10, 5), (10, -3), (3, 20))
def slice_indices(n, stop):
    return slice(None, stop).indices(n), slice(-4, None, 2).indices(n), slice(None, None, -1).indices(n)


@cases((3,), (1,))
def strings(n):
    name = "abc"
    mode = "fast" if n > 0 else "fast"
    return len(name), name == "abc", "b" in name, name + "d" == "abcd", name[1] == "b", name < "abd", mode == "fast"


@cases((2,), (3,))
def finds_in_tuple(x):
    return (1, 2, 3, 2).index(x), (1, 2, 3, 2).count(x)


@cases((3.7,), (-3.7,))
def converts_text(x):
    return float("inf") > x, int("42"), float("2.5") + x


@cases((1 + 2j,), (-0.5 + 0.25j,), (2 - 1j,))
def complex_math_closely(z):
    return (
        cmath.sqrt(z), cmath.exp(z), cmath.log(z), cmath.log10(z), cmath.log(z, 2), cmath.sin(z), cmath.cos(z), cmath.tan(z),
        cmath.asin(z), cmath.acos(z), cmath.atan(z), cmath.sinh(z), cmath.cosh(z), cmath.tanh(z), cmath.asinh(z),
        cmath.acosh(z), cmath.atanh(z), cmath.phase(z), cmath.polar(z), cmath.rect(1.5, 0.5), cmath.isnan(z), cmath.isinf(z),
        cmath.isfinite(z), cmath.pi, z**2, z**0.5, z**z,
    )


@cases((3.0, 4.0), (-1.5, 0.0))
def distances_closely(x, y):
    return math.hypot(), math.hypot(x), math.hypot(x, y), math.hypot(x, y, 12.0), math.dist((x, y), (1.0, 2.0))


@cases((1 + 1j, 1 + 1.0000000001j), (1j, 2j), (0j, 1e-12j))
def complex_closeness(a, b):
    return cmath.isclose(a, b), cmath.isclose(a, b, abs_tol=0.01), cmath.isclose(a, b, rel_tol=0.9)
