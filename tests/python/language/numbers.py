"""Operators on scalars of every kind."""


@cases((7, 2), (-7, 2), (7, -2), (-7, -2), (0, 5), (1, 0))
def int_division(a, b):
    return a // b, a % b, a / b


@cases((7.5, 2.0), (-7.5, 2.0), (7.5, -2.0), (-0.0, 3.0), (1e300, 1e-300), (1.0, 0.0))
def float_division(a, b):
    return a / b, a // b, a % b


@cases((1, 0), (5, 3))
def int_modulo(a, b):
    return a % b


@cases((1, 0), (5, 3))
def int_true_division(a, b):
    return a / b


@cases((1.0, 0.0), (5.0, 3.0))
def float_modulo(a, b):
    return a % b


@cases((1.0, 0.0), (5.0, 3.0))
def float_floor_division(a, b):
    return a // b


@cases((7, 2), (-7, 2), (7, 0))
def divides_with_divmod(a, b):
    return divmod(a, b)


@cases((7.5, 2.0), (-7.5, 2.0))
def divmod_of_floats(a, b):
    return divmod(a, b)


@cases((3, 4), (-3, 5), (0, 0), (10, 0), (2, 62))
def int_power(a, b):
    return a**b


@cases((2.5, 3), (0.5, 0), (-2.0, 5))
def float_to_int_power(a, b):
    return a**b


@cases((2.5, 0.5), (10.0, -3.5))
def float_power(a, b):
    return a**b


@cases((3,), (-3,), (0,))
def constant_powers(x):
    return x**0, x**1, x**2, x**3, x**4


@cases((3.5,), (-0.5,))
def constant_powers_of_floats(x):
    return x**0, x**1, x**2


@cases((4,), (0,))
def constant_negative_power(x):
    return x**-1


@cases((5, 3), (-5, 3), (12, 10))
def bits(a, b):
    return a & b, a | b, a ^ b, ~a


@cases((5, 3), (-5, 3), (1, 62), (1, 0), (5, -1))
def shifts(a, b):
    return a << b, a >> b


@cases((True, False), (True, True))
def bools(a, b):
    return a & b, a | b, a ^ b, a + b, a * 3, -a, +a, a == b, a < b, not a


@cases((True, 5), (False, 2))
def bool_with_int(a, n):
    return a & n, a | n, a + n, a * n, a < n, n << a


@cases((3, 2.5), (0, -1.0))
def mixed(a, x):
    return a + x, a - x, a * x, x - a, a < x, a == x


@cases((3,), (-3,), (0,))
def unary(a):
    return -a, +a, ~a, not a, abs(a)


@cases((3.5,), (-3.5,), (-0.0,), (float("nan"),))
def unary_of_floats(a):
    return -a, +a, not a, abs(a)


@cases((1, 2, 3), (3, 2, 1), (2, 2, 2), (1, 3, 2))
def chained(a, b, c):
    return a < b < c, a <= b <= c, a == b == c, a < b > c, a != b != c


@cases((1, 2), (2, 1), (0, 0))
def and_or(a, b):
    return a and b, a or b, not a and b, a or not b


@cases((1, 2.5), (0, 2.5), (0, 0.0))
def and_or_of_different_types(a, x):
    return (a and x) + 0.0, (a or x) + 0.0


@cases((1, 0), (4, 2))
def short_circuit(a, b):
    return b != 0 and a // b > 1, b == 0 or a // b > 1


@cases((1, 0), (4, 2))
def conditional_short_circuit(a, b):
    return a // b if b else -1


@cases((2 + 3j, 1 - 1j), (0j, 1 + 1j), (1 + 1j, 0j))
def complex_arithmetic(a, b):
    return a + b, a - b, a * b, a / b, a == b, a != b, -a


@cases((3 + 4j,), (0j,))
def complex_parts(z):
    return z.real, z.imag, z.conjugate(), abs(z)


@cases((2 + 3j, 2.0), (1j, 3))
def complex_with_real(z, x):
    return z + x, z * x, x - z, z**2


@cases((1.5, 2.5))
def makes_complex(a, b):
    return complex(a, b), complex(a), a + b * 1j, complex(a, b) == a + b * 1j


@cases((5,), (-5,), (0,))
def conversions(n):
    return float(n), int(n + 0.75), bool(n), complex(n), int(True), float(False)


@cases((2.5,), (-2.5,), (3.5,), (0.49999999999999994,), (1e15,))
def rounds(x):
    return round(x), round(x, 1), round(x, 0)


@cases((2.675, 2), (1234.5678, -2), (-0.125, 2))
def rounds_to_digits(x, n):
    return round(x, n)


@cases((1251, -1), (1250, -2), (-35, -1), (7, 2))
def rounds_ints(x, n):
    return round(x, n)


@cases((3, 5, 2), (1, 1, 1), (-1, -5, 0))
def extremes(a, b, c):
    return min(a, b), max(a, b), min(a, b, c), max(a, b, c), min((a, b, c)), max((c, b))


@cases((1.5, float("nan")), (float("nan"), 1.5), (0.0, -0.0), (-0.0, 0.0))
def extremes_of_floats(a, b):
    return min(a, b), max(a, b)


@cases((3, 2.5), (1, 2.5))
def extremes_mixed(a, x):
    return min(a, x) + 0.0, max(a, x) + 0.0


@cases((2, 10, 7), (3, 0, 5), (2, 5, -3), (5, 3, 0))
def power_modulo(a, b, m):
    return pow(a, b, m)


@cases((2, 10), (2.0, 0.5))
def power_function(a, b):
    return pow(a, b)


@cases((3,), (0,))
def integer_limits(x):
    return 9223372036854775807 - x, -9223372036854775807 + x, 0x7FFF, 0b101, 0o17, 1_000


@cases((1.0,))
def float_limits(x):
    return x * 1e308 * 10, x / 1e308 / 1e308, x - x, 1e-320 * x


@cases((5, 5.0), (2, 2.5))
def compares_int_and_float(a, x):
    return a < x or a > x


@cases((0.1, 0.2), (1e16, 1.0))
def keeps_float_order(a, b):
    return a + b + b, a + (b + b), (a + b) - a
