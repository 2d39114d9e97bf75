"""What the oracle's text calls, and what is compared.

The oracle is the kernel's tree rendered so that every load becomes a Python number, every operation wraps or rounds as
the kernel language says, and every store converts: it needs no NumPy scalar rules."""
import math
import random

import numpy as np

from arguments import CANARY
from tree import is_int


class Watch:
    """What the oracle's run tells of its numbers: the greatest, whether a float comparison was nearly a tie, the terms of
    each sum, and how far products of their factors may go whatever their order (0 × … × inf is NaN where the order in the
    source never gets to inf)."""

    def __init__(self):
        self.reset()

    def reset(self):
        self.greatest, self.overflowed, self.tie = 1.0, False, False
        self.terms, self.factors = {}, 0.0
        self.single = False     # float32 numbers are stored: what is read again may be off by their rounding anywhere

    def see(self, x):
        size = abs(x)
        if size > self.greatest:
            self.greatest = size
        if not size < 1e150:
            self.overflowed = True


watch = Watch()


def term(name, sign, x):
    watch.terms.setdefault(name, []).append(-x if sign == "-" else x)
    return x


def factor(ty, x):
    if not isinstance(x, complex) and 1 < abs(x):
        watch.factors += math.log2(abs(x)) if math.isfinite(x) else 2000
        watch.overflowed |= watch.factors > (120 if ty == "float32" else 1000)
    return x


def is_sum_of(got, start, terms):
    """Is a float within the bound that holds for every order of additions, (n - 1) eps sum |x|, of the exact sum?"""
    terms = [start, *terms]
    n, eps = len(terms), 2.0**-53
    exact, size = math.fsum(terms), math.fsum(map(abs, terms))
    return abs(got - exact) <= n * eps / (1 - n * eps) * size


def wrap(ty, x):
    """Python number → the number that a register of type `ty` holds."""
    if ty == "int64":
        return (int(x) + 2**63) % 2**64 - 2**63
    if ty == "uint64":
        return int(x) % 2**64
    if is_int(ty):
        return cast_int(np.dtype(ty), x)
    if ty == "float32":
        x = float(np.float32(x)) if abs(x) < 3e38 or x != x else round_float32(x)
    elif ty == "float64":
        x = float(x)
    else:
        x = complex(x)
    watch.see(x)
    return x


def round_float32(x):
    with np.errstate(over="ignore"):
        return float(np.float64(x).astype(np.float32))


def near(a, b):
    """Marks the run if the order of two floats could hang on a rounding."""
    if a != b and abs(a - b) <= 1e-7 * max(abs(a), abs(b), 1e-3):
        watch.tie = True
    if a == b and a != 0 and a != int(a if abs(a) < 1e300 else 0):
        watch.tie = True
    if a != a or b != b:
        watch.tie = True


def least(a, b):
    return b if b < a else a


def greatest(a, b):
    return b if b > a else a


def np_extreme(kind, a, b):
    """np.minimum or np.maximum of two numbers: NaN if one of them is."""
    if a != a or b != b:
        watch.tie = True
        return math.nan
    return min(a, b) if kind == "npmin" else max(a, b)


def cast_int(dt, x):
    bits = 8 * dt.itemsize
    v = int(x) % 2**bits
    return v - 2**bits if dt.kind == "i" and v >= 2 ** (bits - 1) else v


def cast_store(dtype, x):
    """Value converted for storing into an array of `dtype`: C rules, integers wrap."""
    dt = np.dtype(dtype)
    if dt.kind in "iu":
        return cast_int(dt, x)
    if dt.kind == "b":
        return bool(x)
    watch.see(x)
    watch.single |= dtype == "float32"
    if isinstance(x, int):
        x = np.array(x, np.int64 if -2**63 <= x < 2**63 else np.uint64)
    else:
        x = np.array(x)
    with np.errstate(over="ignore"):
        return x.astype(dt)


def load(a, *index):
    """Element as a Python number, with NumPy's own wraparound and IndexError."""
    return a[index].item()


def put(target, op, value):
    """`target op= value`: all is read before anything is written. Of elements that share memory the last one in the order
    of subscripts counts; NumPy goes through memory upwards, whatever the sign of a stride."""
    if op == "+=":
        value = target + value
    elif op == "-=":
        value = target - value
    if np.unique(addresses(target)).size == target.size:
        target[...] = value
        return
    value = np.broadcast_to(value, target.shape)
    for index in np.ndindex(target.shape):
        target[index] = value[index]


def addresses(a):
    return sum((np.arange(n).reshape((-1,) + (1,) * (a.ndim - 1 - k)) * s
                for k, (n, s) in enumerate(zip(a.shape, a.strides))), np.zeros(a.shape, int))


ORDER = {"<": lambda a, b: a < b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
         "==": lambda a, b: a == b, "!=": lambda a, b: a != b}


def compare(op, ty, a, b):
    if ty != "int":
        a, b = wrap(ty, a), wrap(ty, b)
        near(a, b)
    return ORDER[op](a, b)


ERRORS = (ZeroDivisionError, IndexError, ValueError, OverflowError)


def outcome(function, kernel):
    """Runs on fresh arguments: (exception name or None, result, bytes of every array's whole buffer, arguments)."""
    args = kernel.build()
    error = result = None
    try:
        with np.errstate(all="ignore"):
            result = function(*[v for v, _ in args])
    except ERRORS as e:
        error = "IndexError" if isinstance(e, OverflowError) else type(e).__name__  # an index beyond int64
    return error, result, [w.tobytes() for _, w in args if w is not None], args


def oracle_of(kernel):
    orders = random.Random(f"order {kernel.seed}")

    def any_order(values):
        return values[::-1] if orders.random() < 0.5 else orders.sample(values, len(values))

    space = dict(put=put, term=term, factor=factor, np_extreme=np_extreme, wrap=wrap, cast_store=cast_store, load=load, math=math, np=np, compare=compare, least=least,
                 greatest=greatest, any_order=any_order)
    exec(compile(kernel.source(oracle=True), "<oracle>", "exec"), space)
    return space["kernel"]


def same_number(x, y, tolerance):
    if isinstance(x, complex) or isinstance(y, complex):
        x, y = complex(x), complex(y)
        return same_number(x.real, y.real, tolerance) and same_number(x.imag, y.imag, tolerance)
    if x == y or (x != x and y != y):
        return True
    return tolerance > 0 and isinstance(y, float) and abs(x - y) <= tolerance


def same_scalars(a, b, tolerance):
    if (a is None) != (b is None):
        return False
    if a is None:
        return True
    return len(a) == len(b) and all(same_number(x, y, tolerance) for x, y in zip(a, b))


def close_arrays(got, want, tolerance):
    """Equal but for the bits of NaNs, and, with a tolerance, up to it."""
    for (x, _), (y, _) in zip(got, want):
        if not isinstance(x, np.ndarray):
            continue
        if x.dtype.kind not in "fc":
            if not np.array_equal(x, y):
                return False
        elif tolerance:
            t = max(tolerance, 1e-5 * watch.greatest) if x.dtype == np.float32 else tolerance
            if not np.allclose(x, y, rtol=0, atol=t, equal_nan=True):
                return False
        elif not np.array_equal(x, y, equal_nan=True):
            return False
    return True


def canaries_intact(args):
    """The guard zones of every argument are as they were made."""
    for value, whole in args:
        if whole is not None and ((whole[:CANARY] != 0xA5).any() or (whole[-15:] != 0xA5).any()):
            return False
    return True
