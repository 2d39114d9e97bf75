"""What of math, cmath and operator is easiest said in the kernel language itself.

These follow CPython's results; integers are int64 and raise OverflowError where CPython would go on to longer ones.
"""
import cmath
import math


def math_lcm(a, b):
    if a == 0 or b == 0:
        return 0
    x = a // math.gcd(a, b)
    if x < -9223372036854775807 or b < -9223372036854775807:
        raise OverflowError("lcm() result does not fit int64")
    x = abs(x)
    y = abs(b)
    if x > 9223372036854775807 // y:
        raise OverflowError("lcm() result does not fit int64")
    return x * y


def math_factorial(n):
    if n < 0:
        raise ValueError("factorial() not defined for negative values")
    if n > 20:
        raise OverflowError("factorial() result does not fit int64")
    result = 1
    for i in range(2, n + 1):
        result *= i
    return result


def math_perm(n, k=None):
    if k is None:
        return math_factorial(n)
    if n < 0:
        raise ValueError("n must be a non-negative integer")
    if k < 0:
        raise ValueError("k must be a non-negative integer")
    result = 1
    if k > n:
        result = 0
    else:
        for i in range(k):
            if result > 9223372036854775807 // (n - i):
                raise OverflowError("perm() result does not fit int64")
            result *= n - i
    return result


def math_comb(n, k):
    if n < 0:
        raise ValueError("n must be a non-negative integer")
    if k < 0:
        raise ValueError("k must be a non-negative integer")
    if k > n:
        return 0
    k = min(k, n - k)
    result = 1
    for i in range(k):
        g = math.gcd(result, i + 1)
        result //= g
        factor = (n - i) // ((i + 1) // g)
        if result > 9223372036854775807 // max(factor, 1):
            raise OverflowError("comb() result does not fit int64")
        result *= factor
    return result


def math_isqrt(n):
    if n < 0:
        raise ValueError("isqrt() argument must be nonnegative")
    root = int(math.sqrt(n))
    while root > 3037000499 or root * root > n:
        root -= 1
    while root < 3037000499 and (root + 1) * (root + 1) <= n:
        root += 1
    return root


def math_frexp(x):
    x = float(x)
    exponent = 0
    mantissa = x
    if x != 0.0 and math.isfinite(x):
        if abs(mantissa) < 2.2250738585072014e-308:
            mantissa *= 18014398509481984.0
            exponent -= 54
        guess = int(math.floor(math.log2(abs(mantissa)))) + 1
        half = guess // 2
        mantissa = math.ldexp(math.ldexp(mantissa, -half), half - guess)
        exponent += guess
        if abs(mantissa) >= 1.0:
            mantissa *= 0.5
            exponent += 1
        elif abs(mantissa) < 0.5:
            mantissa *= 2.0
            exponent -= 1
    return mantissa, exponent


def math_modf(x):
    x = float(x)
    if math.isinf(x):
        return math.copysign(0.0, x), x
    whole = math.copysign(math.floor(abs(x)) * 1.0, x) if abs(x) < 4503599627370496.0 else x
    return math.copysign(x - whole, x), whole


def math_remainder(x, y):
    x = float(x)
    y = float(y)
    if math.isnan(x) or math.isnan(y):
        return x + y
    if math.isinf(x) or y == 0.0:
        raise ValueError("math domain error")
    if math.isinf(y):
        return x
    ax = abs(x)
    ay = abs(y)
    m = math.fmod(ax, ay)
    c = ay - m
    if m < c:
        r = m
    elif m > c:
        r = -c
    else:
        r = m - 2.0 * math.fmod(0.5 * (ax - m), ay)
    return math.copysign(1.0, x) * r


def math_dist(p, q):
    if len(p) != len(q):
        raise ValueError("both points must have the same number of dimensions")
    total = 0.0
    for i in range(len(p)):
        total = math.hypot(total, float(p[i]) - float(q[i]))
    return total


def math_ulp(x):
    x = abs(float(x))
    if not math.isfinite(x):
        return x
    up = math.nextafter(x, math.inf)
    if math.isinf(up):
        return x - math.nextafter(x, -math.inf)
    return up - x


def math_prod(iterable, start=1):
    result = start
    for x in iterable:
        result = result * x
    return result


def math_fsum(seq):
    total = 0.0
    lost = 0.0
    for v in seq:
        x = float(v)
        t = total + x
        if abs(total) >= abs(x):
            lost += (total - t) + x
        else:
            lost += (x - t) + total
        total = t
    return total + lost


def math_isclose(a, b, rel_tol=1e-09, abs_tol=0.0):
    if rel_tol < 0.0 or abs_tol < 0.0:
        raise ValueError("tolerances must be non-negative")
    if a == b:
        return True
    if math.isinf(a) or math.isinf(b):
        return False
    diff = abs(b - a)
    return diff <= abs(rel_tol * b) or diff <= abs(rel_tol * a) or diff <= abs_tol


def cmath_log(z, base=None):
    if base is None:
        return cmath._log(z)
    return cmath._log(z) / cmath._log(base)


def operator_contains(b, a):
    return a in b


def cmath_isclose(a, b, rel_tol=1e-09, abs_tol=0.0):
    if rel_tol < 0.0 or abs_tol < 0.0:
        raise ValueError("tolerances must be non-negative")
    if a == b:
        return True
    if cmath.isinf(a) or cmath.isinf(b):
        return False
    diff = abs(a - b)
    return diff <= rel_tol * abs(b) or diff <= rel_tol * abs(a) or diff <= abs_tol
