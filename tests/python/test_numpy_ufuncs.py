"""Element-wise functions and operators: values, dtypes, shapes and exceptions are NumPy's."""
import numpy as np
import pytest

from kernel_text import function_of

DTYPES = ["?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8", "c8", "c16"]
SMALL = ("b1", "i1", "u1")


def sample(dtype, n=7, start=1):
    if dtype == "?":
        return np.arange(n) % 2 == start % 2
    if np.dtype(dtype).kind == "c":
        return (np.arange(start, n + start) * (1 - 0.5j)).astype(dtype)
    return np.arange(start, n + start).astype(dtype)


@pytest.mark.parametrize("op", ["+", "-", "*", "/", "//", "%", "==", "!=", "<", "<=", ">", ">=", "&", "|", "^"])
def test_operator_on_every_pair_of_dtypes(op):
    import plait

    kernel = plait.njit(function_of(f"a {op} b", "a, b"))
    plain = kernel.py_func
    dtypes = DTYPES if op in "+/" else ["?", "i1", "u2", "i8", "u8", "f4", "c16"]
    for left in dtypes:
        for right in dtypes:
            a, b = sample(left), sample(right, start=2)
            try:
                with np.errstate(all="ignore"):
                    want = plain(a, b)
            except TypeError:
                with pytest.raises(plait.errors.TypingError):
                    kernel(a, b)
                continue
            got = kernel(a, b)
            if want.dtype == np.float16:
                assert got.dtype == np.float32
                continue
            assert got.dtype == want.dtype, (left, op, right, got.dtype, want.dtype)
            np.testing.assert_allclose(got, want, rtol=1e-6 if want.dtype in (np.float32, np.complex64) else 1e-14)


@pytest.mark.parametrize("text", ["a + 1", "1 + a", "a * 2.5", "a / 2", "a // 2", "a % 3", "a - True", "2 ** a", "a ** 2", "a << 1",
                                  "a >> 1", "a & 3", "a | 4", "a ^ 5", "-a", "+a", "~a", "abs(a)", "a > 2", "2 >= a", "a == 3", "a + 1j"])
def test_operator_with_a_python_number_keeps_the_array_width(text):
    import plait

    f = function_of(text, "a")
    kernel = plait.njit(f)
    for dtype in DTYPES:
        a = sample(dtype)
        try:
            with np.errstate(all="ignore"):
                want = f(a)
        except TypeError:
            with pytest.raises(plait.errors.TypingError):
                kernel(a)
            continue
        got = kernel(a)
        if want.dtype == np.float16:
            assert got.dtype == np.float32
            continue
        assert got.dtype == want.dtype, (dtype, got.dtype, want.dtype)
        np.testing.assert_allclose(got, want, rtol=1e-6)


UNARY = """sqrt cbrt exp exp2 expm1 log log2 log10 log1p sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh arccosh arctanh floor
ceil trunc rint fabs absolute negative positive square reciprocal sign conjugate deg2rad rad2deg degrees radians isnan isinf isfinite
signbit logical_not invert spacing real imag""".split()


@pytest.mark.parametrize("name", UNARY)
def test_unary_function_of_every_dtype(name):
    import plait

    f = function_of(f"np.{name}(a)", "a")
    kernel = plait.njit(f)
    for dtype in DTYPES:
        a = sample(dtype)
        if name in ("arcsin", "arccos", "arctanh") and np.dtype(dtype).kind in "fc":
            a = a / 10
        try:
            with np.errstate(all="ignore"):
                want = f(a)
        except TypeError:
            with pytest.raises(plait.errors.TypingError):
                kernel(a)
            continue
        got = kernel(a)
        if want.dtype == np.float16:
            assert got.dtype == np.float32
            if name != "spacing":
                np.testing.assert_allclose(got, want, rtol=2e-3)
            continue
        assert got.dtype == want.dtype, (dtype, got.dtype, want.dtype)
        np.testing.assert_allclose(got, want, rtol=1e-6 if want.dtype in (np.float32, np.complex64) else 1e-13, atol=1e-15)


SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.5, -2.5, 3.5, np.inf, -np.inf, np.nan, 1e300, -1e-300, 7.0, -7.0])


@pytest.mark.parametrize("name", [n for n in UNARY if n not in ("invert", "real", "imag")])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_unary_function_of_special_values(agree, name, dtype):
    with np.errstate(all="ignore"):
        a = SPECIAL.astype(dtype)
    agree(function_of(f"np.{name}(a)", "a"), a, rtol=2e-6 if dtype == "f4" else 1e-13, parallel=False)


BINARY = """add subtract multiply divide true_divide floor_divide remainder mod fmod power float_power arctan2 hypot copysign nextafter
logaddexp logaddexp2 heaviside maximum minimum fmax fmin equal not_equal less less_equal greater greater_equal logical_and logical_or
logical_xor""".split()


@pytest.mark.parametrize("name", BINARY)
def test_binary_function_of_special_values(agree, name):
    a, b = np.repeat(SPECIAL, len(SPECIAL)), np.tile(SPECIAL, len(SPECIAL))
    agree(function_of(f"np.{name}(a, b)", "a, b"), a, b, rtol=1e-13, parallel=False)


@pytest.mark.parametrize("op", ["//", "%", "/"])
@pytest.mark.parametrize("dtype", ["i1", "u1", "i4", "i8", "u8", "f4", "f8"])
def test_division_by_zero_does_not_raise_in_arrays(agree, op, dtype):
    a = np.array([0, 1, 7, 9, 100, 3], dtype)
    b = np.array([0, 0, 2, 0, 7, 1], dtype)
    agree(function_of(f"a {op} b", "a, b"), a, b, rtol=1e-6)
    agree(function_of(f"a {op} 0", "a"), a, rtol=1e-6)


def test_integer_division_floors_and_wraps(agree):
    a = np.array([7, -7, 7, -7, -2**63, -2**63, 0], np.int64)
    b = np.array([2, 2, -2, -2, -1, 3, -5], np.int64)
    agree(function_of("return a // b, a % b, np.fmod(a, b)", "a, b"), a, b)


BITS = "bitwise_and bitwise_or bitwise_xor left_shift right_shift gcd lcm"


@pytest.mark.parametrize("name", BITS.split())
def test_bit_function_on_integers(agree, name):
    for dtype in ("i1", "u1", "i4", "u4", "i8", "u8"):
        a, b = np.array([1, 6, 100, 7, 0, 12], dtype), np.array([3, 1, 2, 0, 5, 4], dtype)
        agree(function_of(f"np.{name}(a, b)", "a, b"), a, b, parallel=dtype == "i4")


def test_integer_power(agree):
    a, b = np.array([2, -3, 5, 0, 7]), np.array([3, 5, 0, 0, 2])
    agree(function_of("return a ** b, a ** 3, np.power(a, 2), np.square(a)", "a, b"), a, b)
    agree(function_of("a ** b", "a, b"), a, -b)
    agree(function_of("a ** k", "a, k"), a, -1)


def test_float_power_special_exponents(agree):
    a = np.array([0.0, 1.0, 2.0, 9.0, 1e-10])
    agree(function_of("return a ** 2, a ** 0.5, a ** -1.0, a ** 3, a ** 1, a ** 0", "a"), a, rtol=1e-14)


SHAPES = [((5,), (5,)), ((1,), (5,)), ((5,), (1,)), ((3, 5), (5,)), ((3, 1), (1, 5)), ((3, 1), (5,)), ((2, 3, 4), (3, 1)), ((1, 1), (4, 1)),
          ((0,), (1,)), ((0, 3), (3,)), ((), (4,)), ((2, 1, 4), (3, 4)), ((3,), (4,)), ((2, 3), (3, 2)), ((2, 3), (2,)), ((0,), (3,))]


@pytest.mark.parametrize("left, right", SHAPES)
def test_broadcasting(agree, left, right):
    a, b = np.arange(np.prod(left, dtype=int)).reshape(left) + 0.5, np.arange(np.prod(right, dtype=int)).reshape(right) + 1.0
    agree(function_of("a + b * 2", "a, b"), a, b)
    agree(function_of("np.where(a > b, a, b)", "a, b"), a, b)
    agree(function_of("np.maximum(a, b).shape", "a, b"), a, b)


def test_three_operands_broadcast_together(agree):
    a, b, c = np.arange(3.0).reshape(3, 1), np.arange(4.0), np.arange(12.0).reshape(3, 4)
    agree(function_of("return a + b + c, a * b - c, c - a / (b + 1)", "a, b, c"), a, b, c)


def test_run_time_axis_of_length_one_against_n(agree):
    f = function_of("c = a + b; return c, c.shape", "a, b")
    for n, m in ((1, 4), (4, 1), (4, 4), (1, 1)):
        agree(f, np.arange(n * 3.0).reshape(n, 3), np.arange(m * 3.0).reshape(m, 3))


EXPRESSIONS = """a * b + np.sqrt(c) | np.exp(-a * a) * b - c / 2 | np.where(a > 2, a, -b) + c | (a > b) & (c < 3) | ~(a > b) | a[1:] - a[:-1]
np.clip(a, 1, 4) | np.clip(a, None, 3) | np.clip(a, b, c) | np.minimum(np.maximum(a, b), c) | np.hypot(a, b) * 2 | -a ** 2 | (a - a.mean()) / a.std()
a.clip(1, 3) | np.round(a / 3) | np.round(a / 3, 2) | np.fix(a / 3 - 1) | np.around(a * 12.345, 1) | (a * 7).round() | np.abs(a - b).max() | np.sum(a * b)
a + b[::-1] | np.arctan2(a, b) | np.sign(a - 2) | np.isnan(a / b) | np.cos(a) ** 2 + np.sin(a) ** 2 | np.square(a) - a * a | np.add(a, b) | a @ b
np.logical_and(a > 1, b > 1) | np.sqrt(a[1:] * b[:-1]) | np.where(a > 2, 1, 0) | np.where(a > 2, 1, 0.5) | np.abs(a) < 2 | 1.0 / (1.0 + np.exp(-a))
np.divmod(a, 2)[0] | np.add(np.add(a, b), c) | np.positive(a) | np.negative(b) | np.angle(a) | np.real(a) | np.isclose(a, b) | np.allclose(a, a)"""


@pytest.mark.parametrize("text", [t.strip() for line in EXPRESSIONS.split("\n") for t in line.split(" | ")])
def test_expression(agree, text):
    agree(function_of(text, "a, b, c"), np.arange(6.0), np.array([3.0, 1, 4, 1, 5, 9]), np.array([2.0, 7, 1, 8, 2, 8]), rtol=1e-14)


@pytest.mark.parametrize("text", ["a + a.T", "a * 2", "a[:, ::2] + a[:, 1::2]", "np.sqrt(a) + a[0]", "a.T + 1", "(a + a).T", "a[::-1] - a"])
def test_expression_in_every_layout(agree, text):
    a = np.arange(16.0).reshape(4, 4)
    for x in (a, np.asfortranarray(a), np.arange(64.0).reshape(8, 8)[::2, ::2]):
        agree(function_of(text, "a"), x, rtol=1e-14)


@pytest.mark.parametrize("text", ["np.add(a, b, out)", "np.sqrt(a, out)", "np.multiply(a, 2, out=out)", "np.maximum(a, b, out=out[::-1])",
                                  "np.clip(a, 1, 3, out)", "np.exp(a, out=a)"])
def test_out_receives_the_result(agree, text):
    agree(function_of(f"r = {text}; return r, out", "a, b, out"), np.arange(5.0), np.arange(5.0)[::-1].copy(), np.zeros(5))


SCALARS = """np.sqrt(x) | np.exp(x) | np.sin(i) | np.add(x, i) | np.maximum(x, 2.5) | np.minimum(i, 3) | np.abs(-x) | np.floor(x) | np.sign(x)
np.where(x > 1, x, i) | np.isnan(x) | np.arctan2(x, i) | np.power(x, i) | np.square(i) | np.clip(x, 0, 1) | np.float32(x) * 2 | np.hypot(x, x)
np.isfinite(x) | np.rint(x) | np.round(x, 1) | np.mod(i, 3) | np.floor_divide(i, 2) | np.bitwise_and(i, 3) | np.left_shift(i, 2) | np.gcd(i, 10)
np.conj(z) | np.abs(z) | np.real(z) | np.imag(z) | np.angle(z) | np.exp(z) | np.sqrt(z) | np.log(x) | np.sqrt(-x) | np.pi * x | np.e + x
np.deg2rad(x) | np.logaddexp(x, i) | np.float64(i) | np.int32(x) | np.bool_(i) | np.uint8(i) | np.ldexp(x, i) | np.copysign(x, -1.0)"""


@pytest.mark.parametrize("text", [t.strip() for line in SCALARS.split("\n") for t in line.split(" | ")])
def test_function_of_scalars(agree, text):
    agree(function_of(text, "x, i, z"), 1.75, 4, 1.5 - 2j, rtol=1e-13, parallel=False)


@pytest.mark.parametrize("text", ["z * z", "z / w", "z + 1", "abs(z)", "z.real * 2", "z.imag", "z.conj()", "z == w", "np.exp(z)", "np.sqrt(z)", "z ** 2",
                                  "np.log(z + 1)", "np.sin(z)", "z.sum()", "z * a", "z.real + a", "np.isnan(z)", "z.mean()", "-z", "np.angle(z)",
                                  "np.tanh(z)", "np.abs(z).max()", "(z * w).real", "1j * z"])
def test_complex_arrays(agree, text):
    z = np.array([1 + 2j, -3 + 0.5j, 2 - 1j, 0.25j])
    agree(function_of(text, "z, w, a"), z, z[::-1] + 1, np.arange(4.0), rtol=1e-13)


def test_writing_to_parts_of_a_complex_array(agree):
    f = function_of("z.real[:] = a; z.imag[1:] = 5; z.real[0] += 1; return z", "z, a")
    agree(f, np.zeros(4, complex), np.arange(4.0))


def test_in_place_operators_keep_the_type(agree):
    for dtype in ("i1", "i4", "f4", "f8", "c16"):
        agree(function_of("a += 1; a *= 2; a -= b; return a", "a, b"), np.arange(5).astype(dtype), np.arange(5).astype(dtype))


@pytest.mark.parametrize("text", ["a += 1.5", "a /= 2", "a += 1j", "f += 1j", "u += a"])
def test_in_place_operator_that_would_lose_the_kind_is_refused(text):
    import plait

    with pytest.raises(plait.errors.TypingError, match="same_kind"):
        plait.njit(function_of(text + "; return 0", "a, f, u"))(np.arange(3), np.arange(3.0), np.arange(3, dtype="u1"))


@pytest.mark.parametrize("op", ["<", "<=", ">", ">=", "==", "!="])
def test_integers_are_compared_by_value(agree, op):
    k, w = np.array([-3, 0, 200, 2**62], np.int64), np.array([0, 253, 2**63, 2**64 - 3], np.uint64)
    for i in (-3, 0, 253, 300, -2**63):
        f = function_of(f"return u {op} i, i {op} u, w {op} i, i {op} w", "u, w, i")
        agree(f, np.array([0, 3, 253, 255], np.uint8), w, i, parallel=False)
    agree(function_of(f"return w {op} k, k {op} w, w {op} -3, b {op} 300", "w, k, b"), w, k, np.arange(-2, 2, dtype=np.int8))


def test_constant_that_the_array_type_cannot_hold_is_refused():
    import plait

    with pytest.raises(plait.errors.TypingError, match="out of bounds for uint8"):
        plait.njit(function_of("a + 300", "a"))(np.zeros(3, np.uint8))


def test_truth_of_an_array_is_refused():
    import plait

    with pytest.raises(plait.errors.TypingError, match="any"):
        plait.njit(function_of("if a > 1:\n    return 1\nreturn 0", "a"))(np.arange(3))


def test_tuples_count_as_arrays(agree):
    agree(function_of("return a + (1, 2, 3), np.add((1, 2), (3, 4)), a * (0.5, 1.5, 2.5)", "a"), np.arange(3))
