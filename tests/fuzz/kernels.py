"""Differential fuzzing of whole kernels: random loop nests, compiled, against CPython.

A kernel is made as a small tree and rendered twice: as the source that is compiled, and as an oracle for CPython in
which every load becomes a Python number, every operation wraps or rounds as the kernel language says (types of scalars
follow Numba: integers compute in 64 bits, signed if either is; float32 stays float32), and every store converts. So the
oracle needs no NumPy scalar rules; whole-array statements run as they stand, in NumPy. Serial and parallel results, for
several numbers of threads, schedules and the shuffled serial order, must agree

    - serial: to the bit with the oracle (a float sum over a whole array, which NumPy adds in pairs, is only close);
    - parallel: to the bit with one another always, and with the oracle, but for float reductions, which are close: the
      tolerance grows with the greatest number that the oracle met, and where a float comparison in the kernel was
      nearly a tie, or a number overflowed, a difference in rounding may decide and the kernel is counted as undecided;
    - exceptions are the oracle's, by type; in serial code arrays are as CPython leaves them;
    - the guard zones around every argument are untouched.

Batches run in child processes: a crash or a hang is a finding like any other.

    python tests/fuzz/kernels.py --count 2000 --seed 1        # a line per finding, shrunk, and the counters
    python tests/fuzz/kernels.py --show 17                    # the kernel of seed 17
"""
import argparse
import collections
import copy
import json
import linecache
import math
import os
import pathlib
import random
import select
import signal
import sys
import textwrap
import time

import numpy as np

HERE = pathlib.Path(__file__).parent
INT_DTYPES = ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"]
FLOAT_DTYPES = ["float64", "float64", "float32"]
CANARY = 64          # bytes of guard zone on each side of an array
MOST_ITERATIONS = 3000  # of one nest: the oracle is CPython
SECONDS = 30         # for one kernel, then it counts as a hang


# ---- the tree ----------------------------------------------------------------------------------------------------------

class Node:
    """One statement or expression: `kind`, a value type for expressions, children in fields."""

    def __init__(self, kind, ty=None, **fields):
        self.kind, self.ty = kind, ty
        self.__dict__.update(fields)


def const(value, ty=None):
    return Node("const", ty or ("float64" if isinstance(value, float) else "int64"), value=value)


def var(name, ty="int64"):
    return Node("var", ty, name=name)


def is_float(ty):
    return ty.startswith("float")


def is_complex(ty):
    return ty.startswith("complex")


def is_int(ty):
    return not is_float(ty) and not is_complex(ty)


def unify(a, b):
    """Type of a variable or a conditional expression whose two sides have these types: NumPy's promotion."""
    return str(np.promote_types(a, b))


def promote(a, b):
    """Type in which an operator computes on scalars."""
    if not (is_int(a) and is_int(b)):
        return unify(a, b)
    signs = [t for t in (a, b) if t != "bool"]
    return "uint64" if signs and all(t.startswith("u") for t in signs) else "int64"


# ---- what the oracle's text calls --------------------------------------------------------------------------------------

class Watch:
    """What the oracle's run tells of its numbers: the greatest, and whether a float comparison was nearly a tie."""

    def __init__(self):
        self.greatest, self.overflowed, self.tie = 1.0, False, False

    def see(self, x):
        size = abs(x)
        if size > self.greatest:
            self.greatest = size
        if not size < 1e150:
            self.overflowed = True


watch = Watch()


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
    if isinstance(x, int):
        x = np.array(x, np.int64 if -2**63 <= x < 2**63 else np.uint64)
    else:
        x = np.array(x)
    with np.errstate(over="ignore"):
        return x.astype(dt)


def load(a, *index):
    """Element as a Python number, with NumPy's own wraparound and IndexError."""
    return a[index].item()


# ---- making kernels ----------------------------------------------------------------------------------------------------

class Maker:
    """Makes one kernel from a seed. Array extents are chosen after the body, from the subscripts' ranges."""

    def __init__(self, seed):
        self.r = random.Random(seed)
        self.seed = seed
        self.arrays = {}    # name → dict(dtype, ndim, hi per axis, flavour …)
        self.params = {}    # scalar parameters: name → value
        self.scalars = {}   # scalar locals → type
        self.helpers = []   # functions that the kernel calls
        self.features = collections.Counter()
        self.counter = 0
        self.rough = False      # has a sum that NumPy adds in another order
        self.twins = []         # pairs of arrays that change places: equally long
        self.closed = set()     # arrays that expressions may not read here (stored by a prange)
        self.only_read = False  # statements may not store here except where the maker says

    def name(self, prefix):
        self.counter += 1
        return f"{prefix}{self.counter}"

    def pick(self, choices, weights):
        return self.r.choices(choices, weights)[0]

    # -- arrays and subscripts

    def new_array(self, dtype=None, ndim=None, flavour=None):
        r = self.r
        n = self.name("a")
        if dtype is None:
            dtype = self.pick(["float", "int", "bool", "complex128"], [54, 38, 4, 4])
            dtype = r.choice(FLOAT_DTYPES) if dtype == "float" else r.choice(INT_DTYPES) if dtype == "int" else dtype
        ndim = ndim or self.pick([1, 2, 3], [6, 4, 1])
        flavour = flavour or self.pick(["C", "F", "neg", "offset", "view", "misaligned", "readonly", "broadcast"],
                                       [20, 4, 4, 4, 4, 2, 1, 1])
        self.arrays[n] = dict(dtype=dtype, ndim=ndim, hi=[0] * ndim, flavour=flavour)
        base = [b for b, s in self.arrays.items()
                if b != n and s["dtype"] == dtype and s["ndim"] == ndim and s["flavour"] == "C" and "index_of" not in s]
        if base and r.random() < 0.15 and flavour in ("C", "view"):
            self.features["overlapping arguments"] += 1
            self.arrays[n].update(flavour="C", overlaps=r.choice(base), shift=r.choice([0, 0, 1, 2]),
                                  turned=r.random() < 0.2)
        return n

    def array(self, want=None, written=False):
        """Name of an array; `want` says which specifications fit, `written` that it has to be writable."""
        def fits(a):
            return (want is None or want(a)) and not (written and a["flavour"] in ("readonly", "broadcast"))

        candidates = [n for n, a in self.arrays.items() if fits(a) and n not in self.closed]
        if candidates and (len(self.arrays) >= 6 or self.r.random() < 0.65):
            return self.r.choice(candidates)
        n = self.new_array()
        if not fits(self.arrays[n]):
            del self.arrays[n]
            n = self.new_array(flavour="C")
            if not fits(self.arrays[n]):
                del self.arrays[n]
                n = self.new_array("float64", 1, "C")
        return n

    def index_array(self, size):
        """An integer array of indices in [0, size): a permutation, or with duplicates, or with negatives."""
        n = self.name("ix")
        style = self.r.choice(["permutation", "duplicates", "negatives"])
        dtype = self.pick(["int64", "int32", "uint8", "uint64"], [6, 2, 1, 1])
        if style == "negatives" and dtype.startswith("u"):
            dtype = "int64"
        self.arrays[n] = dict(dtype=dtype, ndim=1, hi=[0], flavour="C", index_of=size, style=style)
        return n

    def affine(self, loops):
        """(text, low, high) of an integer expression over the loop variables."""
        r = self.r
        if not loops or r.random() < 0.06:
            c = r.randint(0, 4)
            return str(c), c, c
        var, lo, hi = r.choice(loops[-2:] if r.random() < 0.8 else loops)
        if hi < lo:
            lo = hi = 0
        style = self.pick(["i", "i+c", "2i", "c-i", "i//2", "i%3", "i+j", "neg", "i*i", "i+n"],
                          [20, 12, 4, 4, 2, 2, 4, 2, 1, 1])
        self.features["subscript " + style] += 1
        if style == "i":
            return var, lo, hi
        if style == "i+c":
            c = r.choice([-2, -1, 1, 1, 2, 3])
            return f"{var} {'+' if c > 0 else '-'} {abs(c)}", lo + c, hi + c
        if style == "2i":
            c = r.randint(0, 2)
            return f"2 * {var} + {c}", 2 * lo + c, 2 * hi + c
        if style == "c-i":
            c = hi + r.randint(0, 2)
            return f"{c} - {var}", c - hi, c - lo
        if style == "i//2":
            return f"{var} // 2", lo // 2, hi // 2
        if style == "i%3":
            return f"{var} % 3", 0, 2
        if style == "neg":
            return f"-1 - {var}", -1 - hi, -1 - lo
        if style == "i*i":
            return (f"{var} * {var}", 0, max(lo * lo, hi * hi)) if hi < 8 else (var, lo, hi)
        if style == "i+n":
            return f"{var} + n", lo + self.params["n"], hi + self.params["n"]
        var2, lo2, hi2 = r.choice(loops)
        if hi2 < lo2:
            lo2 = hi2 = 0
        return f"{var} + {var2}", lo + lo2, hi + hi2

    def reach(self, array, axis, lo, hi):
        """Makes the array long enough for subscripts lo … hi of an axis."""
        a = self.arrays[array]
        a["hi"][axis] = max(a["hi"][axis], hi, -lo - 1 if lo < 0 else 0)

    def element(self, loops, want=None, written=False, of=None):
        n = of or self.array(want, written)
        a = self.arrays[n]
        subs = []
        for axis in range(a["ndim"]):
            t, lo, hi = self.affine(loops)
            self.reach(n, axis, lo, hi)
            subs.append(t)
        return Node("load", a["dtype"], array=n, subs=subs)

    # -- expressions

    def leaf(self, loops):
        r = self.r
        c = r.random()
        if c < 0.6:
            return self.element(loops)
        if c < 0.75 and loops:
            return var(r.choice(loops)[0])
        if c < 0.85 and self.scalars:
            n = r.choice(sorted(self.scalars))
            return var(n, self.scalars[n])
        if c < 0.88:
            return var("x", "float64")
        if r.random() < 0.5:
            return const(r.randint(-5, 9))
        return const(r.choice([0.5, -1.25, 3.0, 2.0, 0.25, 1.5, 0.1]))

    def expr(self, loops, depth=2):
        r = self.r
        if depth == 0 or r.random() < 0.3:
            return self.leaf(loops)
        op = self.pick(["+", "-", "*", "min", "max", "&", "|", "^", "if", "abs", "sqrt", "//", "%", "/", "neg", "call"],
                       [16, 12, 12, 4, 4, 2, 2, 2, 5, 2, 2, 2, 2, 2, 2, 3])
        a = self.expr(loops, depth - 1)
        if op == "neg":
            return Node("neg", promote(a.ty, a.ty), a=a)
        if op == "abs":
            a = self.real(a)
            return Node("abs", promote(a.ty, a.ty), a=a)
        if op == "sqrt":
            return Node("sqrt", "float64", a=self.to_float(a))
        b = self.expr(loops, depth - 1)
        if op == "if":
            return Node("if", unify(a.ty, b.ty), test=self.condition(loops), a=a, b=b)
        if op == "call":
            return self.call(a, b)
        if op in "&|^":
            a, b = self.to_integer(a), self.to_integer(b)
            return Node("bin", "bool" if a.ty == b.ty == "bool" else promote(a.ty, b.ty), op=op, a=a, b=b)
        if op in ("min", "max"):
            a, b = self.real(a), self.real(b)
            return Node(op, unify(a.ty, b.ty), a=a, b=b)
        if op in ("//", "%", "/"):
            self.features["operator " + op] += 1
            b = const(r.choice([1, 2, 3, -2, 7])) if r.random() < 0.85 else b
            a, b = self.real(a), self.real(b)
            if "float" in a.ty + b.ty:
                a, b = self.to_float(a), self.to_float(b)
            ty = promote(a.ty, b.ty)
            return Node("bin", "float64" if op == "/" and is_int(ty) else ty, op=op, a=a, b=b)
        return Node("bin", promote(a.ty, b.ty), op=op, a=a, b=b)

    def condition(self, loops):
        r = self.r
        if r.random() < 0.1:
            return Node(r.choice(["and", "or"]), "bool", a=self.condition(loops), b=self.condition(loops))
        a = self.real(self.leaf(loops))
        b = const(r.randint(-2, 5)) if r.random() < 0.7 else self.real(self.leaf(loops))
        return Node("compare", "bool", op=r.choice(["<", "<=", ">", ">=", "==", "!="]), a=a, b=b)

    def call(self, a, b):
        """Call of a small function of two scalars, made here or before."""
        self.features["call"] += 1
        if self.helpers and self.r.random() < 0.5:
            h = self.r.choice(self.helpers)
        else:
            scalars, arrays, self.scalars = self.scalars, self.arrays, {"u": "float64", "v": "int64"}
            h = Node("helper", name=self.name("f"), body=None)
            body = self.scalar_expr(2)
            test = Node("compare", "bool", op=self.r.choice("<>"), a=var("v"), b=const(self.r.randint(-1, 4)))
            h.early = (test, self.scalar_expr(1)) if self.r.random() < 0.5 else None
            h.value = body
            h.ty = unify(body.ty, h.early[1].ty) if h.early else body.ty
            self.scalars, self.arrays = scalars, arrays
            self.helpers.append(h)
        return Node("call", h.ty, name=h.name, a=self.to_float(a), b=self.to_int(b))

    def scalar_expr(self, depth):
        """Expression over the scalars alone."""
        r = self.r
        if depth == 0 or r.random() < 0.2:
            return var(*r.choice(sorted(self.scalars.items()))) if r.random() < 0.7 else const(r.choice([1, 2, 0.5, -3]))
        a, b = self.scalar_expr(depth - 1), self.scalar_expr(depth - 1)
        return Node("bin", promote(a.ty, b.ty), op=r.choice("+-*"), a=a, b=b)

    @staticmethod
    def real(x):
        return const(2.5) if is_complex(x.ty) else x

    def to_float(self, x):
        x = self.real(x)
        return x if x.ty == "float64" else Node("to", "float64", a=x)

    def to_integer(self, x):
        return x if is_int(x.ty) else const(self.r.randint(-4, 9))

    def to_int(self, x):
        x = self.to_integer(x)
        return x if x.ty == "int64" else Node("to", "int64", a=x)

    # -- statements

    def bounds(self, loops, room):
        """(lo text, hi text, step, least value, greatest value) of a range of at most `room` values."""
        r = self.r
        style = self.pick(["n", "const", "tri", "reverse", "step", "empty", "tri-lo", "one", "minmax"],
                          [16, 8, 6, 4, 4, 2, 4, 2, 2])
        n = r.choice(["n", "m"])
        v = self.params[n]
        if v > room:
            style, n, v = ("const", "2", 2) if style not in ("empty", "one") else (style, n, v)
        self.features["bounds " + style] += 1
        if style == "empty":
            return "3", "3", 1, 3, 2
        if style == "one":
            return "2", "3", 1, 2, 2
        if style == "const":
            lo = r.randint(0, 3)
            c = r.choice([c for c in (1, 2, 3, 5, 7, 13) if c <= max(room, 1)])
            return str(lo), str(lo + c), 1, lo, lo + c - 1
        if style in ("tri", "tri-lo") and loops:
            var, lo, hi = loops[-1]
            if 0 <= lo <= hi <= room:
                if style == "tri":
                    return "0", f"{var} + 1", 1, 0, hi
                top = hi + r.randint(1, 3)
                return f"{var}", str(top), 1, lo, top - 1
        if style == "reverse":
            return f"{n} - 1", "-1", -1, 0, v - 1
        if style == "step":
            s = r.choice([2, 3])
            return "1", n, s, 1, v - 1
        if style == "minmax":
            c = r.randint(1, 9)
            return "max(0, 1)", f"min({n}, {c})", 1, 1, min(v, c) - 1
        lo = r.choice([0, 0, 1])
        return str(lo), n, 1, lo, v - 1

    def block(self, loops, depth, size):
        return [self.statement(loops, depth) for _ in range(size)]

    def statement(self, loops, depth):
        r = self.r
        if depth > 0 and r.random() < 0.55:
            return self.loop(loops, depth)
        if not loops:
            return self.straight()
        style = self.pick(["store", "update", "histogram", "private", "condition", "carried", "last", "array", "raise",
                           "reduce", "local array", "view"], [50, 12, 10, 12, 10, 4, 4, 5, 1, 2, 2, 4])
        return getattr(self, "make_" + style.replace(" ", "_"))(loops)

    def straight(self):
        """A statement outside loops."""
        if self.scalars and self.r.random() < 0.3:
            n = self.name("t")
            value = self.expr([])
            self.scalars[n] = value.ty
            return Node("assign", name=n, value=value)
        if self.r.random() < 0.5:
            return self.make_array([])
        return self.make_store([])

    def make_store(self, loops):
        t = self.element(loops, written=True)
        self.features["store"] += 1
        return Node("store", array=t.array, subs=t.subs, value=self.storable(t.array, self.expr(loops)))

    def make_update(self, loops, of=None):
        t = self.element(loops, lambda a: a["dtype"] != "bool", written=True, of=of)
        op = self.pick(["+", "-", "*", "&", "|", "^"], [6, 4, 3, 1, 1, 1])
        value = self.expr(loops, 1)
        if is_int(t.ty):
            value = self.to_integer(value)
        elif op in "&|^":
            op = "+"
        if not is_complex(t.ty):
            value = self.real(value)
        self.features["array update"] += 1
        return Node("update", array=t.array, subs=t.subs, op=op, value=value, ty=promote(t.ty, value.ty))

    def make_private(self, loops):
        n = self.name("t")
        value = self.real(self.expr(loops))
        use = self.element(loops, lambda a: a["dtype"] == "float64", written=True)
        self.features["private scalar"] += 1
        return Node("block", body=[
            Node("assign", name=n, value=value),
            Node("store", array=use.array, subs=use.subs,
                 value=Node("bin", "float64", op="*", a=self.to_float(var(n, value.ty)), b=const(0.5)))])

    def make_condition(self, loops):
        self.features["condition"] += 1
        test = self.condition(loops)
        if self.r.random() < 0.5:
            test = Node("compare", "bool", op=self.r.choice(["<", ">", "!="]), a=var(self.r.choice(loops)[0]),
                        b=const(self.r.randint(0, 5)))
        orelse = self.block(loops, 0, 1) if self.r.random() < 0.3 else []
        return Node("when", test=test, body=self.block(loops, 0, self.r.randint(1, 2)), orelse=orelse)

    def outer_scalar(self, ty, start):
        """A scalar that is set before the outermost loop."""
        n = self.name("c")
        self.before.append(Node("assign", name=n, value=const(start, ty)))
        return n

    def make_carried(self, loops):
        """t = what the iteration before left; then something new for the next one."""
        self.features["carried scalar"] += 1
        n = self.outer_scalar("float64", 0.5)
        use = self.element(loops, lambda a: a["dtype"] == "float64", written=True)
        return Node("block", body=[
            Node("store", array=use.array, subs=use.subs, value=var(n, "float64")),
            Node("assign", name=n, value=self.to_float(self.expr(loops, 1)))])

    def make_last(self, loops):
        """A scalar whose value after the loops counts, assigned always or under a condition."""
        self.features["last value"] += 1
        n = self.outer_scalar("float64", 1.5)
        self.after[n] = "float64"
        assign = Node("assign", name=n, value=self.to_float(self.expr(loops, 1)))
        if self.r.random() < 0.5:
            return assign
        return Node("when", test=self.condition(loops), body=[assign], orelse=[])

    def make_raise(self, loops):
        self.features["raise"] += 1
        test = Node("compare", "bool", op=">", a=self.real(self.leaf(loops)), b=const(self.r.randint(3, 12)))
        return Node("when", test=test, body=[Node("raise", name=self.r.choice(["ValueError", "IndexError"]))], orelse=[])

    def make_histogram(self, loops):
        t = self.array(lambda a: a["ndim"] == 1 and a["dtype"] in ("int64", "float64", "int32") and "index_of" not in a
                       and "local" not in a, written=True)
        a = self.arrays[t]
        size = max(a["hi"][0] + 1, 4)
        self.reach(t, 0, 0, size - 1)
        ix = self.index_array(size)
        text, lo, hi = self.affine(loops)
        self.reach(ix, 0, lo, hi)
        value = self.real(self.expr(loops, 1))
        if is_int(a["dtype"]):
            value = self.to_integer(value)
        self.features["indirect"] += 1
        sub = f"{ix}[{text}]"
        if self.r.random() < 0.5:
            return Node("update", array=t, subs=[sub], op="+", value=value, ty=promote(a["dtype"], value.ty))
        return Node("store", array=t, subs=[sub], value=self.storable(t, value))

    def make_local_array(self, loops):
        """A small array made in the iteration, filled and summed up."""
        self.features["local array"] += 1
        n, k = self.name("w"), self.name("k")
        out = self.element(loops, lambda a: a["dtype"] == "float64", written=True)
        size = self.r.choice([2, 3, 5])
        inner = loops + [(k, 0, size - 1)]
        return Node("block", body=[
            Node("text", code=f"{n} = np.{self.r.choice(['zeros', 'empty', 'ones'])}({size})"),
            Node("for", var=k, lo="0", hi=str(size), step=1, body=[
                Node("store", array=n, subs=[k], value=self.to_float(self.expr(inner, 1)), dtype="float64")]),
            Node("for", var=k, lo="0", hi=str(size), step=1, body=[
                Node("update", array=out.array, subs=out.subs, op="+", ty="float64",
                     value=Node("load", "float64", array=n, subs=[k]))])])

    def make_view(self, loops):
        """A view named, and a loop over its own length that stores through it."""
        self.features["view"] += 1
        a = self.array(lambda a: a["dtype"] == "float64" and a["ndim"] < 3 and "index_of" not in a, written=True)
        n, k = self.name("w"), self.name("k")
        length, value = self.span_of(loops)
        parts = [self.slice_of(a, self.arrays[a]["ndim"] - 1, length, value)]
        if self.arrays[a]["ndim"] == 2:
            t, lo, hi = self.affine(loops)
            self.reach(a, 0, lo, hi)
            parts.insert(0, t)
        inner = loops + [(k, 0, value - 1)]
        return Node("block", body=[
            Node("text", code=f"{n} = {a}[{', '.join(parts)}]"),
            Node("for", var=k, lo="0", hi=f"{n}.shape[0]", step=1, body=[
                Node("store", array=n, subs=[k], value=self.to_float(self.expr(inner, 1)))])])

    def make_swap(self, loops):
        """A time loop: one array computed from the other, then they change places."""
        self.features["swap"] += 1
        ndim = self.r.choice([1, 2])
        a, b = (self.new_array("float64", ndim, "C") for _ in range(2))
        t = self.name("k")
        steps = self.r.choice([1, 2, 3])
        room = MOST_ITERATIONS // 4
        body, inner, subs = [], loops, []
        heads = []
        for axis in range(ndim):
            lo, hi, step, least, most = self.bounds(inner, room // math.prod(max(h - l + 1, 1) for _, l, h in inner))
            inner = inner + [("ij"[axis], least, most)]
            heads.append(("ij"[axis], lo, hi, step))
            subs.append("ij"[axis])
            self.reach(b, axis, least, max(most, 0))
        value = Node("bin", "float64", op="*", b=const(0.5), a=Node(
            "bin", "float64", op="+", a=self.element(inner, of=a), b=self.to_float(self.expr(inner, 1))))
        body = [Node("store", array=b, subs=subs, value=value)]
        for v, lo, hi, step in reversed(heads):
            body = [Node("for", var=v, lo=lo, hi=hi, step=step, body=body)]
        self.twins.append((a, b))
        return Node("for", var=t, lo="0", hi=str(steps), step=1,
                    body=body + [Node("text", code=f"{a}, {b} = {b}, {a}")])

    # -- whole arrays

    def span_of(self, loops):
        """(text of a length, its value) for slices."""
        n = self.r.choice(["n", "m", "4"])
        return n, self.params.get(n, 4)

    def slice_of(self, array, axis, length, value):
        """Text of a slice of that length."""
        r = self.r
        style = self.pick(["0", "c", "step", "reverse"], [5, 4, 2, 2])
        if style == "reverse" and value > 0:
            self.reach(array, axis, 0, value - 1)
            return f"{length} - 1::-1"
        if style == "step":
            self.reach(array, axis, 0, max(2 * value - 1, 0))
            return f":2 * {length}:2"
        if style == "c":
            c = r.randint(1, 2)
            self.reach(array, axis, 0, value + c - 1)
            return f"{c}:{length} + {c}"
        self.reach(array, axis, 0, max(value - 1, 0))
        return f":{length}"

    def whole(self, loops, dtypes, ndim, lengths, written=False):
        """Text of a slice expression of `ndim` axes of these lengths."""
        n = self.array(lambda a: a["dtype"] in dtypes and a["ndim"] in (ndim, ndim + 1) and "index_of" not in a, written)
        a = self.arrays[n]
        if a["dtype"] not in dtypes or a["ndim"] not in (ndim, ndim + 1):
            n = self.new_array(dtypes[0], ndim, "C")
            a = self.arrays[n]
        if a["ndim"] == ndim == 2 and not written and self.r.random() < 0.2:
            subs = [self.slice_of(n, 1 - axis, *lengths[axis]) for axis in range(2)]
            return f"{n}.T[{', '.join(subs)}]"
        subs = [self.slice_of(n, axis + a["ndim"] - ndim, *lengths[axis]) for axis in range(ndim)]
        if a["ndim"] > ndim:
            t, lo, hi = self.affine(loops)
            self.reach(n, 0, lo, hi)
            subs.insert(0, t)
        return f"{n}[{', '.join(subs)}]"

    def array_expr(self, loops, dtypes, ndim, lengths, depth):
        r = self.r
        if depth == 0 or r.random() < 0.2:
            if ndim == 2 and r.random() < 0.2:
                return self.whole(loops, dtypes, 1, lengths[1:])
            return self.whole(loops, dtypes, ndim, lengths)
        floats = is_float(dtypes[0])
        op = self.pick(["+", "-", "*", "c", "min", "abs", "where", "sqrt"], [4, 3, 3, 3, 1, 1, 1, 1])
        a = self.array_expr(loops, dtypes, ndim, lengths, depth - 1)
        if op == "c":
            c = r.choice(["0.5", "2.0", "x"]) if floats else r.choice(["1", "2", "3"])
            return f"({a} {r.choice('+-*')} {c})"
        if op == "abs":
            return f"np.abs({a})"
        if op == "sqrt":
            return f"np.sqrt(np.abs({a}))" if floats else f"(-{a})"
        b = self.array_expr(loops, dtypes, ndim, lengths, depth - 1)
        if op == "min":
            return f"np.{r.choice(['minimum', 'maximum'])}({a}, {b})"
        if op == "where":
            return f"np.where({a} > {b}, {a}, {b})"
        return f"({a} {op} {b})"

    def make_array(self, loops):
        """A whole-array statement: a slice assigned, updated, or summed."""
        r = self.r
        self.features["whole array"] += 1
        dtypes = r.choice([["float64"], ["float64"], ["float64", "float32"], ["int64"], ["int32", "int64"], ["int8"]])
        ndim = r.choice([1, 1, 2])
        lengths = [self.span_of(loops) for _ in range(ndim)]
        iterations = math.prod(v for _, v in lengths) * math.prod(max(h - l + 1, 1) for _, l, h in loops)
        if iterations > 4 * MOST_ITERATIONS:
            lengths = [("4", 4)] * ndim
        value = self.array_expr(loops, dtypes, ndim, lengths, r.choice([0, 1, 2]))
        if r.random() < 0.15 and not loops:
            n = self.name("t")
            f = r.choice(["np.sum", "np.max", "np.min"])
            if f != "np.sum" and any(v == 0 for _, v in lengths):
                f = "np.sum"
            ty = "float64" if dtypes == ["float64"] else "int64" if dtypes == ["int64"] else None
            if ty:
                self.rough |= ty == "float64" and f == "np.sum"
                self.scalars[n] = ty
                return Node("text", code=f"{n} = {f}({value})", oracle=f"{n} = {f}({value}).item()", binds=n)
        target = self.whole(loops, dtypes[:1], ndim, lengths, written=True)
        op = r.choice(["=", "=", "=", "+=", "-="])
        # NumPy 2.4 itself is wrong for a[:8:2] = a[:4], so the oracle reads before it writes.
        return Node("text", code=f"{target} {op} {value}", oracle=f"{target} {op} np.array({value})")

    def make_reduce(self, loops):
        """A loop that reduces a row, and the result stored."""
        out = self.element(loops, lambda a: a["dtype"] == "float64", written=True)
        n, k = self.name("s"), self.name("k")
        inner = loops + [(k, 0, 3)]
        self.features["inner reduction"] += 1
        return Node("block", body=[
            Node("assign", name=n, value=const(0.0)),
            Node("for", var=k, lo="0", hi="4", step=1, body=[
                Node("assign", name=n, aug="+", value=Node("bin", "float64", op="+", a=var(n, "float64"),
                                                           b=self.to_float(self.expr(inner, 1))))]),
            Node("store", array=out.array, subs=out.subs, value=var(n, "float64"))])

    def storable(self, array, value):
        """Float to integer stores are avoided: their overflow is not defined."""
        dt = self.arrays[array]["dtype"]
        if is_complex(value.ty) and not is_complex(dt):
            value = self.real(value)
        if not is_int(value.ty) and is_int(dt):
            return const(self.r.randint(0, 100))
        return value

    def reduction(self, loops, depth):
        r = self.r
        n = self.name("s")
        kind = r.choice(["+", "+", "-", "*", "min", "max", "&", "|", "^", "cond+", "cond max", "mixed", "- x"])
        integer = kind in "&|^" or r.random() < 0.5
        ty = "int64" if integer else "float64"
        start = r.choice([0, 1, 5]) if integer else r.choice([0.0, 2.5])
        self.features["reduction " + kind] += 1

        def step(op, e):
            return Node("assign", name=n, aug=op, value=Node("bin", ty, op=op, a=var(n, ty), b=e))

        def update(inner):
            e = self.expr(inner, 1)
            e = self.to_int(e) if integer else self.to_float(e)
            if kind in ("+", "-", "*", "&", "|", "^"):
                return [step(kind, e)]
            if kind in ("min", "max"):
                first = r.random() < 0.7
                a, b = (var(n, ty), e) if first else (e, var(n, ty))
                return [Node("assign", name=n, value=Node(kind, ty, a=a, b=b))]
            if kind == "cond+":
                test = Node("compare", "bool", op=">", a=e, b=const(1 if integer else 1.0))
                return [Node("when", test=test, body=[step("+", copy.deepcopy(e))], orelse=[])]
            if kind == "mixed":
                return [step("+", e), step(r.choice("*-"), const(2 if integer else 0.5, ty))]
            if kind == "- x":
                return [Node("assign", name=n, value=Node("bin", ty, op="-", a=e, b=var(n, ty)))]
            test = Node("compare", "bool", op=">", a=e, b=var(n, ty))
            return [Node("when", test=test, body=[Node("assign", name=n, value=copy.deepcopy(e))], orelse=[])]

        loop = self.loop(loops, depth, innermost=update)
        self.scalars[n] = ty
        return Node("block", body=[Node("assign", name=n, value=const(start, ty)), loop])

    def loop(self, loops, depth, innermost=None):
        r = self.r
        var_ = "ijklpq"[len(loops)]
        room = MOST_ITERATIONS // math.prod(max(h - l + 1, 1) for _, l, h in loops)
        lo, hi, step, least, most = self.bounds(loops, room)
        inner = loops + [(var_, least, most)]
        body = []
        if innermost is None or r.random() < 0.4:
            body += self.block(inner, depth - 1 if innermost is None else 0, r.choices([1, 2, 3], [5, 3, 1])[0])
        if innermost is not None:
            body += [self.loop(inner, depth - 1, innermost)] if depth > 1 and r.random() < 0.4 else innermost(inner)
        if r.random() < 0.05:
            kind = self.pick(["break", "continue", "return"], [4, 4, 1])
            self.features[kind] += 1
            body.insert(r.randint(0, len(body)), Node(
                "when", test=Node("compare", "bool", op=">", a=var(var_), b=const(r.randint(1, 6))),
                body=[Node(kind)], orelse=[]))
        kind = "for"
        if r.random() < 0.05:
            kind = "while"
            self.features["while"] += 1
        return Node(kind, var=var_, lo=lo, hi=hi, step=step, body=body)

    def prange(self):
        """A prange nest without races by construction: every store is to the iteration's own row of a new array, which
        nothing else in the nest touches, or a sum."""
        r = self.r
        self.features["prange"] += 1
        lo, hi, step, least, most = self.bounds([], MOST_ITERATIONS)
        loops = [("i", least, most)]
        out = self.new_array(r.choice(["float64", "int64"]), r.choice([1, 2]), r.choice(["C", "F", "neg"]))
        self.arrays[out].pop("overlaps", None)
        self.arrays[out]["alone"] = True
        self.reach(out, 0, 0, max(most, 0))
        self.closed = {out}
        spec = self.arrays[out]
        subs, body = ["i"], []
        if spec["ndim"] == 2:
            jlo, jhi, jstep, jleast, jmost = self.bounds(loops, MOST_ITERATIONS // max(most - least + 1, 1))
            loops = loops + [("j", jleast, jmost)]
            subs.append("j")
            self.reach(out, 1, 0, max(jmost, 0))
        value = self.expr(loops)
        value = self.to_integer(value) if is_int(spec["dtype"]) else self.real(value)
        body.append(Node("store", array=out, subs=subs, value=value))
        before = []
        if r.random() < 0.4:
            n = self.name("s")
            ty = "int64" if r.random() < 0.5 else "float64"
            before.append(Node("assign", name=n, value=const(1 if ty == "int64" else 0.5, ty)))
            e = self.expr(loops, 1)
            e = self.to_int(e) if ty == "int64" else self.to_float(e)
            body.append(Node("assign", name=n, aug="+", value=Node("bin", ty, op="+", a=var(n, ty), b=e)))
        if spec["ndim"] == 2:
            body = [Node("for", var="j", lo=jlo, hi=jhi, step=jstep, body=body)]
        self.closed = set()
        if before:
            self.scalars[n] = ty
        return Node("block", body=before + [Node("for", var="i", lo=lo, hi=hi, step=step, body=body, prange=True)])

    def kernel(self):
        r = self.r
        self.params = {"n": r.choice([0, 1, 2, 5, 7, 13, 16, 17, 33]), "m": r.choice([1, 3, 4, 8, 11]),
                       "x": r.choice([0.5, 1.75, -2.0])}
        body = []
        for _ in range(r.choices([1, 2, 3], [5, 3, 1])[0]):
            depth = r.choices([1, 2, 3, 4], [4, 6, 2, 1])[0]
            self.before, self.after = [], {}
            kind = self.pick(["loop", "reduction", "prange", "array", "swap"], [60, 26, 9, 5, 5])
            if kind == "loop":
                s = self.loop([], depth)
            elif kind == "reduction":
                s = self.reduction([], depth)
            elif kind == "prange":
                s = self.prange()
            elif kind == "swap":
                s = self.make_swap([])
            else:
                s = self.make_array([])
            body += self.before + [s]
            self.scalars.update(self.after)
        for a, b in self.twins:
            both = [max(x, y) for x, y in zip(self.arrays[a]["hi"], self.arrays[b]["hi"])]
            self.arrays[a]["hi"], self.arrays[b]["hi"] = both, list(both)
        wrong = r.random() < 0.06
        exact = r.random() < 0.7
        grain = self.pick([1, 3, 0], [6, 3, 1])
        return Kernel(self, body, wrong, exact, grain)


# ---- rendering ------------------------------------------------------------------------------------------------------------

class Kernel:
    def __init__(self, maker, body, wrong, exact, grain):
        self.seed, self.params, self.arrays, self.scalars = maker.seed, maker.params, maker.arrays, dict(maker.scalars)
        self.helpers, self.features, self.rough = maker.helpers, maker.features, maker.rough
        self.body, self.wrong, self.exact, self.grain = body, wrong, exact, grain

    def names(self):
        return list(self.params) + list(self.arrays)

    def has_prange(self):
        return any(getattr(s, "prange", False) for statements in bodies(self.body) for s in statements)

    def source(self, oracle=False):
        """Text of the helpers and the kernel."""
        lines = []
        for h in self.helpers:
            lines += self.helper(h, oracle)
        lines.append(f"def kernel({', '.join(self.names())}):")
        for s in self.body:
            lines += self.statement(s, 1, oracle)
        returned = sorted(n for n in self.scalars if n in top_names(self.body))
        self.returned = returned
        lines.append(f"    return {self.result()}")
        return "\n".join(lines) + "\n"

    def result(self):
        return f"({''.join(n + ', ' for n in self.returned)})" if self.returned else "None"

    def helper(self, h, oracle):
        lines = [] if oracle else ["@njit"]
        lines.append(f"def {h.name}(u, v):")
        cast = (lambda x: f"wrap('{h.ty}', {self.expr(x, True)})") if oracle else (lambda x: self.expr(x, False))
        if h.early:
            lines += [f"    if {self.expr(h.early[0], oracle)}:", f"        return {cast(h.early[1])}"]
        return lines + [f"    return {cast(h.value)}", ""]

    def statement(self, s, depth, oracle):
        pad = "    " * depth
        e = lambda x: self.expr(x, oracle)
        inside = lambda body: [line for b in body for line in self.statement(b, depth + 1, oracle)]
        if s.kind == "for":
            step = "" if s.step == 1 else f", {s.step}"
            lo = "" if s.lo == "0" and not step else s.lo + ", "
            name = "prange" if getattr(s, "prange", False) and not oracle else "range"
            return [f"{pad}for {s.var} in {name}({lo}{s.hi}{step}):"] + (inside(s.body) or [pad + "    pass"])
        if s.kind == "while":
            body = inside(s.body)
            return [f"{pad}{s.var} = {s.lo} - ({s.step})",
                    f"{pad}while {s.var} + ({s.step}) {'<' if s.step > 0 else '>'} {s.hi}:",
                    f"{pad}    {s.var} += {s.step}"] + body
        if s.kind == "block":
            return [line for b in s.body for line in self.statement(b, depth, oracle)]
        if s.kind == "when":
            out = [f"{pad}if {e(s.test)}:"] + (inside(s.body) or [pad + "    pass"])
            orelse = inside(s.orelse)
            return out + ([pad + "else:"] + orelse if orelse else [])
        if s.kind == "return":
            zeros = {"int64": "0", "uint64": "np.uint64(0)"}
            values = [zeros.get(self.scalars[n], "0.0") for n in self.returned_names()]
            return [pad + "return " + (f"({''.join(v + ', ' for v in values)})" if values else "None")]
        if s.kind in ("break", "continue"):
            return [pad + s.kind]
        if s.kind == "raise":
            return [f"{pad}raise {s.name}(\"raised\")"]
        if s.kind == "text":
            return [pad + (getattr(s, "oracle", s.code) if oracle else s.code)]
        if s.kind == "assign":
            if not oracle and getattr(s, "aug", None):
                return [f"{pad}{s.name} {s.aug}= {e(s.value.b)}"]
            return [f"{pad}{s.name} = {e(s.value)}"]
        target = f"{s.array}[{self.subscript(s.subs, oracle)}]"
        dtype = self.arrays[s.array]["dtype"] if s.array in self.arrays else "float64"
        if s.kind == "store":
            return [f"{pad}{target} = cast_store('{dtype}', {e(s.value)})" if oracle else f"{pad}{target} = {e(s.value)}"]
        assert s.kind == "update", s.kind
        if oracle:
            a = Node("load", dtype, array=s.array, subs=s.subs)
            return [f"{pad}{target} = cast_store('{dtype}', {e(Node('bin', s.ty, op=s.op, a=a, b=s.value))})"]
        return [f"{pad}{target} {s.op}= {e(s.value)}"]

    def returned_names(self):
        return sorted(n for n in self.scalars if n in top_names(self.body))

    @staticmethod
    def subscript(subs, oracle):
        return ", ".join(subs)

    def expr(self, x, oracle):
        e = lambda y: self.expr(y, oracle)
        k = x.kind
        if k == "load":
            return f"load({x.array}, {self.subscript(x.subs, oracle)})" if oracle else f"{x.array}[{', '.join(x.subs)}]"
        if k == "var":
            return x.name
        if k == "const":
            return f"({x.value!r})" if x.value < 0 else repr(x.value)
        if k == "sqrt":
            return f"math.sqrt(abs({e(x.a)}))"
        if k == "call":
            return f"{x.name}({e(x.a)}, {e(x.b)})"
        if k in ("and", "or"):
            return f"({e(x.a)} {k} {e(x.b)})"
        if not oracle:
            if k == "neg":
                return f"(-{e(x.a)})"
            if k == "abs":
                return f"abs({e(x.a)})"
            if k == "to":
                return f"int({e(x.a)})" if x.ty == "int64" else f"float({e(x.a)})"
            if k in ("min", "max"):
                return f"{k}({e(x.a)}, {e(x.b)})"
            if k == "if":
                return f"({e(x.a)} if {e(x.test)} else {e(x.b)})"
            return f"({e(x.a)} {x.op} {e(x.b)})"
        in_type = lambda y, ty: e(y) if y.ty == ty or ty == "bool" else f"wrap('{ty}', {e(y)})"
        if k == "neg":
            return f"wrap('{x.ty}', -{in_type(x.a, x.ty)})"
        if k == "abs":
            return f"wrap('{x.ty}', abs({e(x.a)}))"
        if k == "to":
            return in_type(x.a, x.ty)
        if k in ("min", "max"):
            return f"{'least' if k == 'min' else 'greatest'}({in_type(x.a, x.ty)}, {in_type(x.b, x.ty)})"
        if k == "if":
            return f"({in_type(x.a, x.ty)} if {e(x.test)} else {in_type(x.b, x.ty)})"
        if k == "compare":
            return f"compare('{x.op}', '{self.compared(x)}', {e(x.a)}, {e(x.b)})"
        assert k == "bin", k
        if x.ty == "bool":
            return f"({e(x.a)} {x.op} {e(x.b)})"
        return f"wrap('{x.ty}', {in_type(x.a, x.ty)} {x.op} {in_type(x.b, x.ty)})"

    @staticmethod
    def compared(x):
        """Type in which two numbers are compared; integers are compared as they are."""
        return "int" if is_int(x.a.ty) and is_int(x.b.ty) else unify(x.a.ty, x.b.ty)

    # -- arguments

    def build(self):
        """Fresh argument list: [(value, whole buffer or None)]. The same every time."""
        r = np.random.default_rng(self.seed)
        out = [(v, None) for v in self.params.values()]
        made = {}
        for name, a in self.arrays.items():
            shape = tuple(h + 1 for h in a["hi"])
            if self.wrong and "index_of" not in a and shape[0] > 1:
                shape = (shape[0] - 1,) + shape[1:]
            if a.get("overlaps") in made:
                made[name] = overlapping(made[a["overlaps"]], a, shape)
            if name not in made:
                room = max([s["hi"][0] + 1 + s["shift"] for s in self.arrays.values() if s.get("overlaps") == name],
                           default=0)
                made[name] = make_array(r, a, shape, room, self.exact)
            out.append(made[name][:2])
        return out


def overlapping(base, a, shape):
    """A view of another argument's buffer, shifted along the first axis; shorter if that has not enough room."""
    big = base[2]
    part = big[a["shift"]:a["shift"] + shape[0]]
    if part.shape[0] < shape[0] or any(p < s for p, s in zip(part.shape, shape)):
        part = big
    part = part[tuple(slice(0, s) for s in shape)]
    return (part[::-1] if a["turned"] else part), None, big


def make_array(r, a, shape, room, exact):
    """(array, whole buffer with its guard zones, array of all the buffer). `room`: least extent of its first axis."""
    dt = np.dtype(a["dtype"])
    behind = (max(shape[0], room),) + shape[1:]
    count = int(np.prod(behind))
    if "index_of" in a:
        size = a["index_of"]
        if a["style"] == "permutation":
            values = np.resize(r.permutation(size), count)
        else:
            values = r.integers(-size if a["style"] == "negatives" else 0, size, count)
    elif dt.kind in "fc":
        values = r.integers(-16, 17, count) / 4 if exact else np.round(r.uniform(-4, 4, count), 2)
        if dt.kind == "c":
            values = values + 1j * (r.integers(-16, 17, count) / 4)
    elif dt.kind == "b":
        values = r.integers(0, 2, count)
    else:
        values = r.integers(0 if dt.kind == "u" else -9, 10, count)
    values = values.astype(dt).reshape(behind)
    flavour = a["flavour"]
    item = dt.itemsize
    big = behind[:-1] + (2 * behind[-1],) if flavour == "view" else behind  # every other element of a larger buffer
    nbytes = int(np.prod(big)) * item
    shift = 1 if flavour == "misaligned" and item > 1 else 0
    whole = np.full(2 * CANARY + nbytes + 16, 0xA5, np.uint8)
    raw = whole[CANARY + shift:CANARY + shift + nbytes]
    array = raw.view(dt).reshape(big, order="F" if flavour == "F" else "C")
    if flavour == "view":
        array = array[..., ::2]
    if flavour == "neg":
        array = array[::-1]
    array[...] = values
    if flavour == "readonly":
        array.flags.writeable = False
    if flavour == "broadcast":
        array = np.broadcast_to(array[:1], behind)
    return array[:shape[0]] if room > shape[0] else array, whole, array


def bound_names(statements):
    """Scalars assigned at the top level, where they are surely bound at the end."""
    for s in statements:
        if s.kind == "assign":
            yield s.name
        elif s.kind == "text" and hasattr(s, "binds"):
            yield s.binds
        elif s.kind == "block":
            yield from bound_names(s.body)


def top_names(body):
    return set(bound_names(body))


# ---- running ----------------------------------------------------------------------------------------------------------------

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
    space = dict(wrap=wrap, cast_store=cast_store, load=load, math=math, np=np, compare=compare, least=least,
                 greatest=greatest)
    exec(compile_text(kernel.source(oracle=True), "<oracle>"), space)
    return space["kernel"]


def compile_text(text, filename):
    return compile(text, filename, "exec")


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


class Runner:
    def __init__(self, threads=(1, 2, 3, 8), schedules=("static", "dynamic")):
        sys.path.insert(0, str(HERE.parent / "python"))
        import plait
        import switches
        self.plait, self.testing = plait, switches
        self.threads, self.schedules = threads, schedules
        self.counters = collections.Counter()

    def warm(self):
        """Loads the compiler, so that children need not."""
        self.space("def kernel(x):\n    return x\n", "<warm>")["kernel"]
        self.plait.njit(self.space("def kernel(x):\n    return x\n", "<warm>")["kernel"])(1)

    def space(self, text, filename):
        space = {"math": math, "np": np, "njit": self.plait.njit, "prange": self.plait.prange}
        linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
        exec(compile_text(text, filename), space)
        linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
        return space

    def check(self, kernel):
        """None, or a sentence that says what differs."""
        global watch
        watch = Watch()
        want = outcome(oracle_of(kernel), kernel)
        function = self.space(kernel.source(), f"<fuzz {kernel.seed}>")["kernel"]
        serial = self.plait.njit(function)
        parallel = self.plait.njit(parallel=True)(function)
        self.serial = True
        problem = self.compare("serial", outcome(serial, kernel), want, self.tolerance() if kernel.rough else 0)
        if problem:
            return problem
        self.serial = False
        tolerance = self.tolerance()
        first = None
        for schedule in self.schedules:
            for n in self.threads:
                with self.testing.threads(n, schedule=schedule, min_work=0, grain=kernel.grain):
                    got = outcome(parallel, kernel)
                label = f"parallel, {n} threads, {schedule}"
                problem = self.compare(label, got, want, tolerance)
                if problem:
                    return problem
                if first is None:
                    first = got
                elif want[0] is None and not self.bits(got, first):
                    return f"{label}: other bits than with {self.threads[0]} threads"
        with self.testing.shuffled(kernel.seed + 1, grain=kernel.grain):
            got = outcome(parallel, kernel)
        problem = self.compare("shuffled serial order", got, want, tolerance)
        if problem:
            return problem
        for entry in parallel.parallel_report():
            self.counters[f"{entry['decision']} {entry['reason']}"] += 1
        self.counters[f"raises {want[0]}" if want[0] else "returns"] += 1
        return None

    @staticmethod
    def bits(a, b):
        return (a[2] == b[2] or close_arrays(a[3], b[3], 0)) and same_scalars(a[1], b[1], 0)

    @staticmethod
    def tolerance():
        return 1e-11 * watch.greatest * 100

    def compare(self, label, got, want, tolerance):
        error, result, arrays, args = got
        want_error, want_result, want_arrays, want_args = want
        if error != want_error:
            return f"{label}: {error or 'no exception'} where CPython has {want_error or 'none'}"
        if not canaries_intact(args):
            return f"{label}: wrote outside an array"
        if error is not None and not self.serial:
            return None
        scalars = same_scalars(result, want_result, 0)
        equal = arrays == want_arrays or close_arrays(args, want_args, 0)
        if scalars and equal:
            return None
        if tolerance and (watch.tie or watch.overflowed):
            self.counters["undecided"] += 1
            return None
        if not scalars and not same_scalars(result, want_result, tolerance):
            return f"{label}: returned {result}, CPython {want_result}"
        if not equal and not (tolerance and close_arrays(args, want_args, tolerance)):
            return f"{label}: arrays differ" + (" after the exception" if error else "")
        return None


# ---- shrinking ---------------------------------------------------------------------------------------------------------------

def bodies(statements):
    yield statements
    for s in statements:
        for name in ("body", "orelse"):
            if getattr(s, name, None):
                yield from bodies(getattr(s, name))


def expressions(node):
    """(owner, field) of every expression slot below a statement."""
    for name in ("value", "a", "b", "test"):
        child = getattr(node, name, None)
        if isinstance(child, Node):
            yield node, name
            yield from expressions(child)
    for name in ("body", "orelse"):
        for child in getattr(node, name, None) or ():
            yield from expressions(child)


def smaller(kernel):
    """Kernels with one thing less."""
    for b in range(sum(1 for _ in bodies(kernel.body))):
        for i in range(len(list(bodies(kernel.body))[b])):
            k = copy.deepcopy(kernel)
            del list(bodies(k.body))[b][i]
            yield k
            k = copy.deepcopy(kernel)
            statements = list(bodies(k.body))[b]
            s = statements[i]
            if s.kind in ("when", "block"):
                statements[i:i + 1] = s.body
                yield k
    slots = [s for top in kernel.body for s in expressions(top)]
    for n in range(len(slots)):
        for replace in ("a", "b", "const"):
            k = copy.deepcopy(kernel)
            owner, field = [s for top in k.body for s in expressions(top)][n]
            old = getattr(owner, field)
            if replace == "const":
                if old.kind == "const" or old.ty not in ("int64", "float64"):
                    continue
                new = const(1 if old.ty == "int64" else 1.0)
            else:
                new = getattr(old, replace, None)
                if not isinstance(new, Node) or new.ty != old.ty:
                    continue
            setattr(owner, field, new)
            yield k
    for p, v in kernel.params.items():
        for less in (0, 1, 2, v // 2):
            if isinstance(v, int) and less < v:
                k = copy.deepcopy(kernel)
                k.params[p] = less
                yield k
    for name in kernel.arrays:
        if not uses(kernel, name):
            k = copy.deepcopy(kernel)
            del k.arrays[name]
            yield k
    for name, a in kernel.arrays.items():
        if a["flavour"] != "C":
            k = copy.deepcopy(kernel)
            k.arrays[name]["flavour"] = "C"
            yield k
    for i, h in enumerate(kernel.helpers):
        if not uses(kernel, h.name):
            k = copy.deepcopy(kernel)
            del k.helpers[i]
            yield k


def uses(kernel, name):
    lines = kernel.source().splitlines()
    lines = [line for line in lines if not line.startswith("def ")]
    return any(name in line for line in lines) or any(a.get("overlaps") == name for a in kernel.arrays.values())


def shrink(kernel, fails, budget=400):
    """Smallest kernel found on which `fails` still holds."""
    progress = True
    while progress and budget > 0:
        progress = False
        for k in smaller(kernel):
            budget -= 1
            if budget <= 0:
                break
            if fails(k):
                kernel, progress = k, True
                break
    return kernel


# ---- children ------------------------------------------------------------------------------------------------------------------

def attempt(runner, kernel):
    """check(), with errors of the compiler itself as findings."""
    try:
        return runner.check(kernel)
    except Exception as e:  # a compile error on a valid kernel is a finding
        return f"{type(e).__name__}: {str(e).splitlines()[0] if str(e) else ''}"


class Child:
    """A child process that runs work(say); what it says arrives line by line as JSON. `how` tells how it ended."""

    def __init__(self, work):
        self.read, write = os.pipe()
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self.read)
            status = 1
            try:
                os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
                work(lambda message: os.write(write, (json.dumps(message) + "\n").encode()))
                status = 0
            finally:
                os._exit(status)
        os.close(write)
        self.how = None

    def messages(self):
        waiting = b""
        while True:
            if not select.select([self.read], [], [], SECONDS)[0]:
                os.kill(self.pid, signal.SIGKILL)
                self.how = "hang"
                break
            got = os.read(self.read, 1 << 16)
            if not got:
                break
            waiting += got
            *lines, waiting = waiting.split(b"\n")
            for line in lines:
                yield json.loads(line)
        os.close(self.read)
        _, status = os.waitpid(self.pid, 0)
        if self.how is None and os.WIFSIGNALED(status):
            self.how = "crash: " + signal.Signals(os.WTERMSIG(status)).name
        elif self.how is None and status:
            self.how = f"crash: exit status {os.WEXITSTATUS(status)}"


def check_apart(runner, kernel):
    """attempt() in a child of its own."""
    child = Child(lambda say: say(attempt(runner, kernel)))
    said = list(child.messages())
    return child.how or (said[0] if said else None)


def run_batch(runner, seeds, counters, found):
    """Checks kernels in one child; returns the seeds that are left when it dies."""
    def work(say):
        for seed in seeds:
            say({"start": seed})
            kernel = Maker(seed).kernel()
            problem = attempt(runner, kernel)
            if problem:
                say({"problem": problem})
            for k, v in kernel.features.items():
                runner.counters["made " + k] += v
        say({"counters": runner.counters})

    child = Child(work)
    current = None
    for m in child.messages():
        current = m.get("start", current)
        if "problem" in m:
            found.append((current, m["problem"]))
        counters.update(m.get("counters", {}))
    if child.how is None:
        return []
    found.append((current, child.how))
    return [s for s in seeds if s > current]


def report(runner, seed, problem, o):
    kernel = Maker(seed).kernel()
    if not o.no_shrink:
        kind = problem.split(":")[0] + (problem.split(":")[1] if problem.startswith("crash") else "")
        same = lambda p: p and (p.split(":")[0] + (p.split(":")[1] if p.startswith("crash") else "")) == kind
        kernel = shrink(kernel, lambda k: same(check_apart(runner, k)))
    text = kernel.source()
    o.findings.mkdir(parents=True, exist_ok=True)
    path = o.findings / f"seed_{seed}.txt"
    about = f"# params {kernel.params}, short arrays {kernel.wrong}\n# arrays {json.dumps(kernel.arrays)}\n"
    path.write_text(f"# seed {seed}: {problem}\n{about}{text}")
    print(f"FINDING seed {seed}: {problem}\n{textwrap.indent(about + text, '    ')}    -> {path}", flush=True)


def main(argv=None):
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--count", type=int, default=200)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--show", type=int, help="print the kernel of that seed and its oracle")
    p.add_argument("--threads", default="1,2,3,8")
    p.add_argument("--batch", type=int, default=100, help="kernels in one child process")
    p.add_argument("--most-findings", type=int, default=20, help="stop after so many")
    p.add_argument("--findings", default="build/fuzz-findings", type=pathlib.Path)
    p.add_argument("--no-shrink", action="store_true")
    o = p.parse_args(argv)
    if o.show is not None:
        k = Maker(o.show).kernel()
        print(k.params, json.dumps(k.arrays, indent=1), k.source(), k.source(oracle=True), sep="\n")
        return 0
    runner = Runner(threads=tuple(int(x) for x in o.threads.split(",")))
    runner.warm()
    counters, found, reported, start, done = collections.Counter(), [], 0, time.monotonic(), 0
    left = list(range(o.seed, o.seed + o.count))
    while left and len(found) < o.most_findings:
        batch, left = left[:o.batch], left[o.batch:]
        unfinished = run_batch(runner, batch, counters, found)
        left = unfinished + left
        done += len(batch) - len(unfinished)
        for seed, problem in found[reported:o.most_findings]:
            report(runner, seed, problem, o)
        reported = len(found)
    for title, made in (("generated", True), ("outcomes and decisions", False)):
        print(title + ": " + ", ".join(f"{k.removeprefix('made ')} {v}" for k, v in sorted(counters.items())
                                        if k.startswith("made ") == made))
    print(f"{done} kernels, {len(found)} findings, {time.monotonic() - start:.0f} s")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
