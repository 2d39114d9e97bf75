"""libplait_rt's arithmetic and texts against CPython and NumPy, on many random values."""
import ctypes
import math
import random

import numpy as np
import pytest

import plait  # noqa: F401  (loads the runtime)

PRINT = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_size_t)
DOUBLES = [0.0, -0.0, 1.0, -1.0, 0.5, 2.5, 1e300, -1e-300, 5e-324, math.inf, -math.inf, 3.0, 7.25, 1e16, 1e-5, 0.1]


def some_doubles(count, seed):
    r = random.Random(seed)
    values = list(DOUBLES)
    for _ in range(count):
        values.append(r.choice([r.uniform(-10, 10), r.gauss(0, 1e6), r.uniform(-1, 1) * 10.0 ** r.randint(-300, 300),
                                float(r.randint(-1000, 1000)), round(r.uniform(-100, 100), 2)]))  # fmt: skip
    return values


def function(runtime, name, result, *args):
    f = getattr(runtime, name)
    f.restype, f.argtypes = result, args
    return f


def equal(a, b):
    return (math.isnan(a) and math.isnan(b)) or (a == b and math.copysign(1, a) == math.copysign(1, b))


D, I = ctypes.c_double, ctypes.c_int64


def test_floor_division_and_modulo_are_pythons(runtime):
    mod = function(runtime, "plrt_fmod_floor", D, D, D)
    div = function(runtime, "plrt_floordiv", D, D, D)
    values = some_doubles(300, 1)
    for x in values:
        for y in random.Random(2).sample(values, 20):
            if y != 0 and not math.isinf(x):
                assert equal(mod(x, y), x % y), (x, y)
                assert equal(div(x, y), x // y), (x, y)


def test_rounding_to_digits_is_pythons(runtime):
    f = function(runtime, "plrt_round_digits", D, D, I)
    for x in some_doubles(500, 3):
        for digits in (-310, -20, -3, -2, -1, 0, 1, 2, 5, 17, 330):
            try:
                want = round(x, digits)
            except OverflowError:
                continue
            assert equal(f(x, digits), want), (x, digits)


def test_rounding_of_arrays_is_numpys(runtime):
    f = function(runtime, "plrt_np_round", D, D, I)
    for x in some_doubles(500, 4):
        for digits in (-3, -1, 0, 1, 2, 5):
            with np.errstate(all="ignore"):
                assert equal(f(x, digits), float(np.round(np.float64(x), digits))), (x, digits)


def test_integer_powers_wrap_as_numpys(runtime):
    f = function(runtime, "plrt_pow_i64", I, I, I)
    r = random.Random(5)
    for _ in range(1000):
        x, n = r.randint(-(2**63), 2**63 - 1) >> r.randint(0, 62), r.randint(0, 200)
        want = pow(x, n, 2**64)
        assert f(x, n) == want - (want >> 63 << 64), (x, n)


def test_complex_division_and_powers_are_pythons(runtime):
    out = (D * 2)()
    div = function(runtime, "plrt_cdiv", None, D, D, D, D, ctypes.POINTER(D))
    power = function(runtime, "plrt_cpow", None, D, D, D, D, ctypes.POINTER(D))
    r = random.Random(6)
    for _ in range(1000):
        a, b = complex(r.uniform(-9, 9), r.uniform(-9, 9)), complex(r.uniform(-3, 3), r.choice([0.0, r.uniform(-3, 3)]))
        div(a.real, a.imag, b.real, b.imag, out)
        assert complex(*out) == pytest.approx(a / b, rel=1e-15)
        power(a.real, a.imag, b.real, b.imag, out)
        assert complex(*out) == pytest.approx(a**b, rel=1e-13)
        power(a.real, a.imag, float(round(b.real)), 0.0, out)
        assert complex(*out) == pytest.approx(a ** round(b.real), rel=1e-13)


@pytest.fixture
def written(runtime, tmp_path):
    """written(f): what the runtime prints while f runs, by way of sys.stdout."""

    def collect(print_it, capsys):
        print_it()
        runtime.plrt_print_end()
        return capsys.readouterr().out

    return collect


def test_floats_print_as_repr(runtime, written, capsys):
    f = function(runtime, "plrt_print_float", None, D)
    for x in some_doubles(2000, 7) + [math.nan]:
        assert written(lambda: f(x), capsys) == repr(x)
    g = function(runtime, "plrt_print_float32", None, ctypes.c_float)
    for x in some_doubles(500, 8):
        if abs(x) < 1e38:
            text = written(lambda: g(x), capsys)
            assert np.float32(text) == np.float32(x) and float(text) == float(str(np.float32(x)))


def test_complex_numbers_print_as_repr(runtime, written, capsys):
    f = function(runtime, "plrt_print_complex", None, D, D)
    values = DOUBLES + [math.nan]
    for re in values:
        for im in values:
            assert written(lambda: f(re, im), capsys) == repr(complex(re, im))


def arrays():
    r = np.random.default_rng(9)
    yield np.arange(24).reshape(2, 3, 4)
    yield np.arange(5, dtype="u1")
    yield np.array([True, False])
    yield np.array([[-1, 100], [7, 8]], "i4")
    yield np.arange(2000)
    yield np.arange(40000).reshape(200, 200)
    yield np.arange(60).reshape(30, 2)
    yield np.array([2**64 - 1, 0], "u8")
    yield np.array(3)
    yield np.array(2.5)
    yield np.array([1.0, 2.0, 3.5])
    yield np.array([0.1, -0.25, 1000.125])
    yield np.array([1e-5, 1.0])
    yield np.array([1e10, 1.0])
    yield np.array([1.0, np.nan, -np.inf])
    yield np.zeros((3, 3))
    yield np.linspace(0, 1, 50)
    yield r.normal(size=(4, 4))
    yield r.normal(size=(4, 4)).astype("f4")
    yield r.normal(size=(3, 5)) * 1e6
    yield r.normal(size=1500)
    yield np.array([1 + 2j, -0.5j])
    yield np.array([0.001, 0.5])
    yield np.zeros((0, 3))
    yield np.arange(12.0).reshape(3, 4)[::-1, ::2]
    yield np.array([1e-3, 12345.678])


@pytest.mark.parametrize("a", list(arrays()), ids=lambda a: f"{a.dtype}{list(a.shape)}")
def test_arrays_print_as_numpys_str(runtime, written, capsys, a):
    class Head(ctypes.Structure):
        _fields_ = [("data", ctypes.c_void_p), ("owner", ctypes.c_void_p), ("dims", I * 8)]

    head = Head(a.ctypes.data, None, (I * 8)(*a.shape, *a.strides))
    f = function(runtime, "plrt_print_array", None, ctypes.c_void_p, ctypes.c_int32, ctypes.c_int32)
    code = {"l": "l", "q": "l"}.get(a.dtype.char, a.dtype.char)
    assert written(lambda: f(ctypes.addressof(head), a.ndim, ord(code)), capsys) == str(a)
