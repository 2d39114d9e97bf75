"""Operators on scalars of every NumPy type give the types that Numba gives, and wrap where it wraps."""
import operator

import numpy as np
import plait
import pytest

ADD, SUBTRACT, MULTIPLY = operator.add, operator.sub, operator.mul
DIVIDE, FLOOR, MODULO, POWER = operator.truediv, operator.floordiv, operator.mod, operator.pow
AND, LEFT, RIGHT, LESS, EQUAL = operator.and_, operator.lshift, operator.rshift, operator.lt, operator.eq
BIG = np.uint64(2**63)


@pytest.mark.parametrize(
    "operation, x, y, value, type_name",
    [
        (ADD, np.int8(100), np.int8(100), 200, "int64"),
        (ADD, np.uint8(200), np.uint8(100), 300, "uint64"),
        (SUBTRACT, np.uint8(1), np.uint8(2), 2**64 - 1, "uint64"),
        (ADD, np.int32(-5), np.uint32(7), 2, "int64"),
        (ADD, np.int64(-1), np.uint64(1), 0, "int64"),
        (MULTIPLY, 2**62, 4, 0, "int64"),
        (ADD, True, True, 2, "int64"),
        (ADD, True, np.uint8(3), 4, "uint64"),
        (DIVIDE, 1, 2, 0.5, "float64"),
        (DIVIDE, np.float32(1), np.float32(2), 0.5, "float32"),
        (DIVIDE, np.int8(1), np.int8(4), 0.25, "float64"),
        (DIVIDE, BIG, 2, 2.0**62, "float64"),
        (DIVIDE, 3, BIG, 3 / 2**63, "float64"),
        (DIVIDE, BIG, np.int8(-2), -(2.0**62), "float64"),
        (ADD, np.float32(0.5), 1, 1.5, "float64"),
        (ADD, np.float32(0.5), np.int8(1), 1.5, "float32"),
        (MULTIPLY, np.float32(0.5), 2.0, 1.0, "float64"),
        (ADD, np.complex64(1j), np.float32(1), 1 + 1j, "complex64"),
        (ADD, np.complex64(1j), 1.0, 1 + 1j, "complex128"),
        (FLOOR, np.int8(-7), np.int8(2), -4, "int64"),
        (FLOOR, -(2**63), -1, -(2**63), "int64"),
        (MODULO, -(2**63), -1, 0, "int64"),
        (MODULO, np.uint8(7), np.uint8(4), 3, "uint64"),
        (FLOOR, np.float32(-7), np.float32(2), -4.0, "float32"),
        (POWER, 2, 10, 1024, "int64"),
        (POWER, 2, -1, 0, "int64"),
        (POWER, -1, -3, -1, "int64"),
        (POWER, np.float32(2), 3, 8.0, "float32"),
        (POWER, np.uint8(3), np.uint8(5), 243, "uint64"),
        (AND, True, False, False, "bool"),
        (AND, np.int8(6), True, 0, "int64"),
        (LEFT, np.int8(1), 40, 2**40, "int64"),
        (LEFT, 1, 64, 0, "int64"),
        (RIGHT, -1, 100, -1, "int64"),
        (RIGHT, BIG, 63, 1, "uint64"),
        (LESS, np.int64(-1), np.uint64(2), True, "bool"),
        (LESS, BIG, np.int64(-1), False, "bool"),
        (EQUAL, np.int64(-1), np.uint64(2**64 - 1), False, "bool"),
        (EQUAL, np.int8(-1), np.uint8(255), False, "bool"),
        (LESS, np.int8(-1), np.uint8(255), True, "bool"),
    ],
)
def test_operator(operation, x, y, value, type_name):
    kernel = plait.njit(lambda a, b: operation(a, b))
    assert kernel(x, y) == value
    assert str(kernel.nopython_signatures[0].return_type) == type_name


@plait.njit
def converted(x):
    return np.int8(x), np.uint8(x), np.int32(x), np.float32(x), np.bool_(x), np.complex64(x)


@pytest.mark.parametrize(
    "x, values",
    [
        (300, (44, 44, 300, 300.0, True, 300 + 0j)),
        (-1, (-1, 255, -1, -1.0, True, -1 + 0j)),
        (0, (0, 0, 0, 0.0, False, 0j)),
        (2.9, (2, 2, 2, float(np.float32(2.9)), True, complex(np.complex64(2.9)))),
    ],
)
def test_conversion(x, values):
    assert converted(x) == values


@plait.njit(error_model="numpy")
def quotients(a, b):
    return a // b, a % b, a / b


def test_division_by_zero_with_numpys_rules():
    assert quotients(5, 0) == (0, 0, float("inf"))
    assert quotients(5, 2) == (2, 1, 2.5)
    whole, rest, quotient = quotients(-5.0, 0.0)
    assert whole == quotient == float("-inf") and rest != rest


@plait.njit(locals={"x": plait.float32, "k": "int8"})
def forced(a):
    x = a / 3
    k = 100
    k += 100
    return x, k


def test_locals_have_the_types_that_were_asked_for():
    assert forced(1.0) == (float(np.float32(1 / 3)), -56)


def join(flag, x, y):
    z = x
    if flag:
        z = y
    return z


@pytest.mark.parametrize(
    "x, y, type_name",
    [
        (1, 2.5, "float64"),
        (np.int8(1), np.int32(2), "int32"),
        (np.int64(1), np.uint64(2), "float64"),
        (np.float32(1), np.int64(2), "float64"),
        (True, 2, "int64"),
        (1.5, 2j, "complex128"),
        ((1, 2), (1.5, 2), "Tuple(float64, int64)"),
    ],
)
def test_paths_join_in_a_type_that_holds_both(x, y, type_name):
    kernel = plait.njit(join)
    assert kernel(True, x, y) == y and kernel(False, x, y) == x
    assert str(kernel.nopython_signatures[0].return_type) == type_name
