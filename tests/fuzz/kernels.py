"""Differential fuzzing of whole kernels: random loop nests, compiled, against CPython.

A kernel is made as a small tree and rendered twice: as the source that is compiled, and as an oracle for CPython in
which every load becomes a Python number, every arithmetic operation wraps or rounds as the kernel language says
(machine integers, float32), and every store converts. So the oracle needs no NumPy scalar rules. Serial and parallel
results, for several numbers of threads, schedules and the shuffled serial order, must agree

    - to the bit with the oracle where no float reduction is parallel,
    - to the bit with one another always,
    - within n * eps * sum|x| of the oracle for float reductions,

and exceptions must be the oracle's, by type, with all other argument arrays' guard zones untouched.

    python tests/fuzz/kernels.py --count 2000 --seed 1        # prints a line per finding, shrunk, and the counters
    python tests/fuzz/kernels.py --show 17                    # the kernel of seed 17
"""
import argparse
import collections
import copy
import json
import math
import pathlib
import random
import signal
import sys
import textwrap
import time

import numpy as np

HERE = pathlib.Path(__file__).parent
INT_DTYPES = ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"]
FLOAT_DTYPES = ["float64", "float64", "float32"]
CANARY = 64  # bytes of guard zone on each side of an array


# ---- the tree ----------------------------------------------------------------------------------------------------------

class Node:
    """One statement or expression: `kind`, a value type for expressions, children in fields."""

    def __init__(self, kind, ty=None, **fields):
        self.kind, self.ty = kind, ty
        self.__dict__.update(fields)


def wrap(ty, x):
    """Python number → the number a machine register of type `ty` holds."""
    if ty == "int64":
        return (int(x) + 2**63) % 2**64 - 2**63
    if ty == "uint64":
        return int(x) % 2**64
    if ty == "float32":
        return float(np.float32(x))
    return x


def cast_store(dtype, x):
    """Value converted for storing into an array of `dtype`: C rules, integers wrap."""
    dt = np.dtype(dtype)
    if dt.kind in "iu":
        bits = 8 * dt.itemsize
        v = int(x) % 2**bits
        return v - 2**bits if dt.kind == "i" and v >= 2 ** (bits - 1) else v
    if dt.kind == "b":
        return bool(x)
    with np.errstate(over="ignore"):
        return dt.type(x)


def load(a, *index):
    """Element as a Python number, with NumPy's own wraparound and IndexError."""
    return a[index].item()


class Maker:
    """Makes one kernel from a seed. Array extents are chosen after the body, from the subscripts' ranges."""

    def __init__(self, seed):
        self.r = random.Random(seed)
        self.seed = seed
        self.arrays = {}    # name → dict(dtype, ndim, lo/hi per axis, flavour)
        self.params = {}    # scalar parameters: name → value
        self.scalars = {}   # scalar locals → type
        self.features = collections.Counter()
        self.counter = 0

    def name(self, prefix):
        self.counter += 1
        return f"{prefix}{self.counter}"

    # -- arrays and subscripts

    def array(self, want=None):
        r = self.r
        fits = [n for n, a in self.arrays.items() if want is None or want(a)]
        if fits and (len(self.arrays) >= 5 or r.random() < 0.65):
            return r.choice(fits)
        n = self.name("a")
        kind = r.random()
        dtype = r.choice(FLOAT_DTYPES) if kind < 0.55 else r.choice(INT_DTYPES) if kind < 0.95 else "bool"
        ndim = r.choices([1, 2, 3], [6, 4, 1])[0]
        self.arrays[n] = dict(dtype=dtype, ndim=ndim, hi=[0] * ndim, lo=[0] * ndim,
                              flavour=r.choices(["C", "F", "neg", "offset", "view", "misaligned"], [10, 2, 2, 2, 2, 1])[0])
        if want is not None and not want(self.arrays[n]):
            self.arrays[n].update(dtype="float64", flavour="C", ndim=1, hi=[0], lo=[0])
        return n

    def index_array(self, size):
        """An int64 array of indices in [0, size): a permutation, or with duplicates, or with negatives."""
        n = self.name("ix")
        self.arrays[n] = dict(dtype="int64", ndim=1, hi=[0], lo=[0], flavour="C", index_of=size,
                              style=self.r.choice(["permutation", "duplicates", "negatives"]))
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
        style = r.choices(["i", "i+c", "2i", "c-i", "i//2", "i%3", "i+j", "neg"], [10, 6, 2, 2, 1, 1, 2, 1])[0]
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
        var2, lo2, hi2 = r.choice(loops)
        if hi2 < lo2:
            lo2 = hi2 = 0
        return f"{var} + {var2}", lo + lo2, hi + hi2

    def element(self, loops, want=None):
        n = self.array(want)
        a = self.arrays[n]
        subs = []
        for axis in range(a["ndim"]):
            t, lo, hi = self.affine(loops)
            a["hi"][axis] = max(a["hi"][axis], hi, -lo - 1 if lo < 0 else 0)
            subs.append(t)
        return Node("load", self.loaded(a["dtype"]), array=n, subs=subs)

    @staticmethod
    def loaded(dtype):
        """Type of an arithmetic operand after loading an element of `dtype`."""
        return {"bool": "bool", "float32": "float32", "float64": "float64"}.get(
            dtype, "uint64" if dtype.startswith("u") else "int64")

    # -- expressions

    def expr(self, loops, depth=2):
        r = self.r
        c = r.random()
        if depth == 0 or c < 0.3:
            c = r.random()
            if c < 0.6:
                return self.element(loops)
            if c < 0.75 and loops:
                return Node("var", "int64", name=r.choice(loops)[0])
            if c < 0.85 and self.scalars:
                n = r.choice(sorted(self.scalars))
                if n not in getattr(self, "no_read", ()):
                    return Node("var", self.scalars[n], name=n)
            if r.random() < 0.5:
                return Node("const", "int64", value=r.randint(-5, 9))
            return Node("const", "float64", value=r.choice([0.5, -1.25, 3.0, 0.1, 1e-3, 2.0]))
        op = r.choices(["+", "-", "*", "min", "max", "&", "|", "^", "if", "abs", "sqrt", "//", "%", "/", "neg"],
                       [8, 6, 6, 2, 2, 1, 1, 1, 2, 1, 1, 1, 1, 1, 1])[0]
        a = self.expr(loops, depth - 1)
        if op == "neg":
            a = self.number(a)
            return Node("neg", a.ty, a=a)
        if op == "abs":
            a = self.number(a)
            return Node("abs", a.ty, a=a)
        if op == "sqrt":
            return Node("sqrt", "float64", a=self.to_float(a))
        b = self.expr(loops, depth - 1)
        if op == "if":
            t = Node("compare", "bool", op=r.choice(["<", "<=", ">", ">=", "==", "!="]),
                     a=self.number(self.expr(loops, 0)), b=Node("const", "int64", value=r.randint(-2, 5)))
            if t.a.ty == "uint64":
                t.a = self.to_int(t.a)
            a, b = self.to_float(a), self.to_float(b)
            return Node("if", "float64", test=t, a=a, b=b)
        if op in "&|^":
            a, b = self.to_int(a), self.to_int(b)
            return Node("bin", "int64", op=op, a=a, b=b)
        a, b = self.number(a), self.number(b)
        if op in ("min", "max"):
            a, b = self.to_float(a), self.to_float(b)
            return Node(op, "float64", a=a, b=b)
        if op in ("//", "%", "/"):
            b = Node("const", "int64", value=r.choice([1, 2, 3, -2, 7])) if r.random() < 0.8 else b
            if "uint64" in (a.ty, b.ty):
                a, b = self.to_int(a), self.to_int(b)
            if "float" in a.ty + b.ty or op == "/":
                a, b = self.to_float(a), self.to_float(b)
            self.features["operator " + op] += 1
            return Node("bin", a.ty if op != "/" else "float64", op=op, a=a, b=b)
        ty = self.promote(a.ty, b.ty)
        return Node("bin", ty, op=op, a=a, b=b)

    @staticmethod
    def promote(a, b):
        if a == b:
            return a
        if "float" in a + b:
            return "float64"
        return "int64"  # Numba: signed when either is

    @staticmethod
    def number(x):
        return Node("to", "int64", a=x) if x.ty == "bool" else x

    @staticmethod
    def to_float(x):
        return x if x.ty == "float64" else Node("to", "float64", a=x)

    def to_int(self, x):
        if x.ty == "int64":
            return x
        if "float" in x.ty:
            return Node("const", "int64", value=self.r.randint(-4, 9))
        return Node("to", "int64", a=x)

    # -- statements

    def bounds(self, loops):
        """(lo text, hi text, step, least value, greatest value) of a range."""
        r = self.r
        style = r.choices(["n", "const", "tri", "reverse", "step", "empty", "tri-lo", "one"], [8, 4, 3, 2, 2, 1, 2, 1])[0]
        self.features["bounds " + style] += 1
        if style == "empty":
            return "3", "3", 1, 3, 2
        if style == "one":
            return "2", "3", 1, 2, 2
        if style == "const":
            lo = r.randint(0, 3)
            n = r.choice([1, 2, 3, 5, 7, 13])
            return str(lo), str(lo + n), 1, lo, lo + n - 1
        if style in ("tri", "tri-lo") and loops:
            var, lo, hi = loops[-1]
            if hi >= lo:
                if style == "tri":
                    return "0", f"{var} + 1", 1, 0, hi
                top = hi + r.randint(1, 3)
                return f"{var}", str(top), 1, lo, top - 1
        n = r.choice(["n", "m"])
        v = self.params[n]
        if style == "reverse":
            return f"{n} - 1", "-1", -1, 0, v - 1
        if style == "step":
            s = r.choice([2, 3])
            return "1", n, s, 1, v - 1
        lo = r.choice([0, 0, 1])
        return str(lo), n, 1, lo, v - 1

    def block(self, loops, depth, size):
        return [self.statement(loops, depth) for _ in range(size)]

    def statement(self, loops, depth):
        r = self.r
        if depth > 0 and r.random() < 0.55:
            return self.loop(loops, depth)
        c = r.random()
        if c < 0.5 or not loops:
            if not loops and self.scalars and r.random() < 0.5:
                n = self.name("t")
                value = self.expr(loops)
                self.scalars[n] = value.ty
                return Node("assign", name=n, value=value)
            t = self.element(loops)
            self.features["store"] += 1
            return Node("store", array=t.array, subs=t.subs, value=self.storable(t.array, self.expr(loops)))
        if c < 0.62:
            t = self.element(loops, lambda a: a["dtype"] != "bool")
            op = r.choice(["+", "-", "*"])
            self.features["array update"] += 1
            value = self.number(self.expr(loops, 1))
            if "int" in self.arrays[t.array]["dtype"]:
                value = self.to_int(value)
            return Node("update", array=t.array, subs=t.subs, op=op, value=value, ty=self.promote(t.ty, value.ty))
        if c < 0.72:
            return self.histogram(loops)
        if c < 0.84:
            n = self.name("t")
            value = self.expr(loops)
            use = self.element(loops, lambda a: a["dtype"] == "float64")
            self.features["private scalar"] += 1
            return Node("block", body=[
                Node("assign", name=n, value=value),
                Node("store", array=use.array, subs=use.subs,
                     value=Node("bin", "float64", op="*", a=self.to_float(Node("var", value.ty, name=n)),
                                b=Node("const", "float64", value=0.5)))])
        self.features["condition"] += 1
        test = Node("compare", "bool", op=r.choice(["<", ">", "!="]), a=Node("var", "int64", name=r.choice(loops)[0]),
                    b=Node("const", "int64", value=r.randint(0, 5)))
        return Node("when", test=test, body=self.block(loops, 0, r.randint(1, 2)))

    def histogram(self, loops):
        t = self.array(lambda a: a["ndim"] == 1 and a["dtype"] in ("int64", "float64", "int32") and "index_of" not in a)
        a = self.arrays[t]
        size = max(a["hi"][0] + 1, 4)
        a["hi"][0] = size - 1
        ix = self.index_array(size)
        text, lo, hi = self.affine(loops)
        b = self.arrays[ix]
        b["hi"][0] = max(hi, -lo - 1 if lo < 0 else 0)
        value = self.number(self.expr(loops, 1))
        if "int" in a["dtype"]:
            value = self.to_int(value)
        self.features["indirect"] += 1
        ty = self.promote(self.loaded(a["dtype"]), value.ty)
        sub = f"{ix}[{text}]"
        if self.r.random() < 0.5:
            return Node("update", array=t, subs=[sub], op="+", value=value, ty=ty)
        return Node("store", array=t, subs=[sub], value=self.storable(t, value))

    def storable(self, array, value):
        """Float to integer stores are kept in range of every integer type: their overflow is not defined."""
        dt = self.arrays[array]["dtype"]
        if "float" in value.ty and ("int" in dt or dt == "bool"):
            return Node("const", "int64", value=self.r.randint(0, 100))
        return value

    def reduction(self, loops, depth):
        r = self.r
        n = self.name("s")
        kind = r.choice(["+", "+", "-", "*", "min", "max", "&", "|", "^", "cond+", "cond max"])
        integer = kind in "&|^" or r.random() < 0.5
        ty = "int64" if integer else "float64"
        start = r.choice([0, 1, 5]) if integer else r.choice([0.0, 2.5])
        self.features["reduction " + kind] += 1

        def update(inner):
            e = self.expr(inner, 1)
            e = self.to_int(e) if integer else self.to_float(e)
            v = Node("var", ty, name=n)
            if kind in ("+", "-", "*", "&", "|", "^"):
                return [Node("assign", name=n, value=Node("bin", ty, op=kind, a=v, b=e), aug=kind)]
            if kind in ("min", "max"):
                return [Node("assign", name=n, value=Node(kind, ty, a=v, b=e))]
            if kind == "cond+":
                test = Node("compare", "bool", op=">", a=e, b=Node("const", ty, value=1 if integer else 1.0))
                return [Node("when", test=test, body=[Node("assign", name=n, aug="+",
                        value=Node("bin", ty, op="+", a=v, b=copy.deepcopy(e)))])]
            test = Node("compare", "bool", op=">", a=e, b=v)
            return [Node("when", test=test, body=[Node("assign", name=n, value=copy.deepcopy(e))])]

        loop = self.loop(loops, depth, innermost=update)
        self.scalars[n] = ty
        return Node("block", body=[Node("assign", name=n, value=Node("const", ty, value=start)), loop])

    def loop(self, loops, depth, innermost=None):
        r = self.r
        var = "ijklpq"[len(loops)]
        lo, hi, step, least, most = self.bounds(loops)
        inner = loops + [(var, least, most)]
        body = []
        if innermost is None or r.random() < 0.4:
            body += self.block(inner, depth - 1 if innermost is None else 0, r.choices([1, 2, 3], [5, 3, 1])[0])
        if innermost is not None:
            body += [self.loop(inner, depth - 1, innermost)] if depth > 1 and r.random() < 0.4 else innermost(inner)
        if innermost is None and r.random() < 0.04:
            self.features["break"] += 1
            body.append(Node("when", test=Node("compare", "bool", op=">", a=Node("var", "int64", name=var),
                             b=Node("const", "int64", value=r.randint(1, 6))), body=[Node(r.choice(["break", "continue"]))]))
        return Node("for", var=var, lo=lo, hi=hi, step=step, body=body)

    def kernel(self):
        r = self.r
        self.params = {"n": r.choice([0, 1, 2, 5, 7, 13, 16, 17, 33]), "m": r.choice([1, 3, 4, 8, 11])}
        body = []
        for _ in range(r.choices([1, 2, 3], [5, 3, 1])[0]):
            depth = r.choices([1, 2, 3, 4], [4, 6, 2, 1])[0]
            body.append(self.reduction([], depth) if r.random() < 0.3 else self.loop([], depth))
        wrong = r.random() < 0.06
        return Kernel(self.seed, self.params, self.arrays, dict(self.scalars), body, self.features, wrong)


# ---- rendering ------------------------------------------------------------------------------------------------------------

class Kernel:
    def __init__(self, seed, params, arrays, scalars, body, features, wrong):
        self.seed, self.params, self.arrays, self.scalars = seed, params, arrays, scalars
        self.body, self.features, self.wrong = body, features, wrong

    def names(self):
        return list(self.params) + list(self.arrays)

    def source(self, oracle=False):
        lines = [f"def kernel({', '.join(self.names())}):"]
        for s in self.body:
            lines += self.statement(s, 1, oracle)
        returned = sorted(n for n in self.scalars if n in top_names(self.body))
        lines.append(f"    return ({''.join(n + ', ' for n in returned)})" if returned else "    return None")
        return "\n".join(lines) + "\n"

    def statement(self, s, depth, oracle):
        pad = "    " * depth
        e = lambda x: self.expr(x, oracle)
        if s.kind == "for":
            step = "" if s.step == 1 else f", {s.step}"
            lo = "" if s.lo == "0" and not step else s.lo + ", "
            out = [f"{pad}for {s.var} in range({lo}{s.hi}{step}):"]
            body = [line for b in s.body for line in self.statement(b, depth + 1, oracle)]
            return out + (body or [pad + "    pass"])
        if s.kind == "block":
            return [line for b in s.body for line in self.statement(b, depth, oracle)]
        if s.kind == "when":
            body = [line for b in s.body for line in self.statement(b, depth + 1, oracle)]
            return [f"{pad}if {e(s.test)}:"] + (body or [pad + "    pass"])
        if s.kind in ("break", "continue"):
            return [pad + s.kind]
        if s.kind == "assign":
            if not oracle and getattr(s, "aug", None):
                return [f"{pad}{s.name} {s.aug}= {e(s.value.b)}"]
            return [f"{pad}{s.name} = {e(s.value)}"]
        target = f"{s.array}[{self.subscript(s.subs, oracle)}]"
        if s.kind == "store":
            if oracle:
                return [f"{pad}{target} = cast_store('{self.arrays[s.array]['dtype']}', {e(s.value)})"]
            return [f"{pad}{target} = {e(s.value)}"]
        assert s.kind == "update"
        if oracle:
            dt = self.arrays[s.array]["dtype"]
            loaded = f"load({s.array}, {self.subscript(s.subs, oracle)})"
            return [f"{pad}{target} = cast_store('{dt}', wrap('{s.ty}', {loaded} {s.op} {e(s.value)}))"]
        return [f"{pad}{target} {s.op}= {e(s.value)}"]

    @staticmethod
    def subscript(subs, oracle):
        return ", ".join(subs)

    def expr(self, x, oracle):
        e = lambda y: self.expr(y, oracle)
        k = x.kind
        w = (lambda t: f"wrap('{x.ty}', {t})") if oracle and x.ty in ("int64", "uint64", "float32") else (lambda t: f"({t})")
        if k == "load":
            return f"load({x.array}, {self.subscript(x.subs, oracle)})" if oracle else f"{x.array}[{', '.join(x.subs)}]"
        if k == "var":
            return x.name
        if k == "const":
            return f"({x.value!r})" if x.value < 0 else repr(x.value)
        if k == "neg":
            return w(f"-{e(x.a)}")
        if k == "abs":
            return w(f"abs({e(x.a)})")
        if k == "sqrt":
            return f"math.sqrt(abs({e(x.a)}))"
        if k == "to":
            return w(f"int({e(x.a)})") if x.ty == "int64" else f"float({e(x.a)})"
        if k in ("min", "max"):
            return f"{k}({e(x.a)}, {e(x.b)})"
        if k == "compare":
            return f"{e(x.a)} {x.op} {e(x.b)}"
        if k == "if":
            return f"({e(x.a)} if {e(x.test)} else {e(x.b)})"
        assert k == "bin", k
        return w(f"{e(x.a)} {x.op} {e(x.b)}")

    # -- arguments

    def build(self):
        """Fresh argument list: [(value, whole buffer or None)]. The same every time."""
        r = np.random.default_rng(self.seed)
        out = [(v, None) for v in self.params.values()]
        for name, a in self.arrays.items():
            shape = tuple(h + 1 for h in a["hi"])
            if self.wrong and "index_of" not in a and shape[0] > 1:
                shape = (shape[0] - 1,) + shape[1:]
            out.append(make_array(r, a, shape))
        return out


def make_array(r, a, shape):
    dt = np.dtype(a["dtype"])
    count = int(np.prod(shape))
    if "index_of" in a:
        size = a["index_of"]
        if a["style"] == "permutation":
            values = np.resize(r.permutation(size), count)
        else:
            values = r.integers(-size if a["style"] == "negatives" else 0, size, count)
    elif dt.kind == "f":
        values = np.round(r.uniform(-4, 4, count), 2)
    elif dt.kind == "b":
        values = r.integers(0, 2, count)
    else:
        values = r.integers(0 if dt.kind == "u" else -9, 10, count)
    values = values.astype(dt).reshape(shape)
    flavour = a["flavour"]
    item = dt.itemsize
    if flavour == "view":  # every other element of a larger buffer, on the last axis
        big = shape[:-1] + (2 * shape[-1],)
    else:
        big = shape
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
    return array, whole


def top_names(body):
    """Scalars assigned where they are surely bound at the end: at the top level, outside loops."""
    names = set()
    for s in body:
        if s.kind == "assign":
            names.add(s.name)
        elif s.kind == "block":
            names |= top_names(s.body)
    return names


# ---- running ----------------------------------------------------------------------------------------------------------------

def outcome(function, kernel):
    """Runs on fresh arguments: (exception name or None, result, bytes of every array's whole buffer)."""
    args = kernel.build()
    error = result = None
    try:
        with np.errstate(all="ignore"):
            result = function(*[v for v, _ in args])
    except (ZeroDivisionError, IndexError, ValueError, OverflowError) as e:
        error = type(e).__name__
    return error, result, [w.tobytes() for _, w in args if w is not None], args


def oracle_of(kernel):
    space = dict(wrap=wrap, cast_store=cast_store, load=load, math=math, np=np)
    exec(compile(kernel.source(oracle=True), "<oracle>", "exec"), space)
    return space["kernel"]


def same_scalars(a, b, exact):
    if (a is None) != (b is None):
        return False
    if a is None:
        return True
    for x, y in zip(a, b):
        if isinstance(y, float) and math.isnan(y) and isinstance(x, float) and math.isnan(x):
            continue
        if x == y:
            continue
        if exact or not math.isclose(x, y, rel_tol=1e-9, abs_tol=1e-9):
            return False
    return len(a) == len(b)


def close_arrays(got, want):
    for (x, _), (y, _) in zip(got, want):
        if isinstance(x, np.ndarray):
            if x.dtype.kind == "f":
                tolerance = 1e-3 if x.dtype == np.float32 else 1e-9
                if not np.allclose(x, y, rtol=tolerance, atol=tolerance, equal_nan=True):
                    return False
            elif not np.array_equal(x, y):
                return False
    return True


def canaries_intact(args):
    """The guard zones of every argument are as they were made."""
    for value, whole in args:
        if whole is not None and value.flags.forc and value.dtype.itemsize:
            if (whole[:CANARY] != 0xA5).any() or (whole[-15:] != 0xA5).any():
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

    def check(self, kernel):
        """None, or a sentence that says what differs."""
        import linecache
        oracle = oracle_of(kernel)
        want_error, want, want_bytes, want_args = outcome(oracle, kernel)
        text = kernel.source()
        filename = f"<fuzz {kernel.seed}>"
        linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
        space = {"math": math, "np": np}
        exec(compile(text, filename, "exec"), space)
        function = space["kernel"]
        linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
        serial = self.plait.njit(function)
        parallel = self.plait.njit(parallel=True)(function)
        problem = self.compare("serial", outcome(serial, kernel), want_error, want, want_bytes, want_args, True)
        if problem:
            return problem
        first = None
        for schedule in self.schedules:
            for n in self.threads:
                with self.testing.threads(n, schedule=schedule, min_work=0):
                    got = outcome(parallel, kernel)
                label = f"parallel, {n} threads, {schedule}"
                problem = self.compare(label, got, want_error, want, want_bytes, want_args, False)
                if problem:
                    return problem
                if first is None:
                    first = got
                elif want_error is None and (got[2] != first[2] or not same_scalars(got[1], first[1], True)):
                    return f"{label}: other bits than with {self.threads[0]} threads"
        with self.testing.shuffled(kernel.seed + 1):
            got = outcome(parallel, kernel)
        problem = self.compare("shuffled serial order", got, want_error, want, want_bytes, want_args, False)
        if problem:
            return problem
        for entry in parallel.parallel_report():
            self.counters[f"{entry['decision']} {entry['reason']}"] += 1
        return None

    def compare(self, label, got, want_error, want, want_bytes, want_args, exact):
        error, result, arrays, args = got
        if error != want_error:
            return f"{label}: {error or 'no exception'} where CPython has {want_error or 'none'}"
        if not canaries_intact(args):
            return f"{label}: wrote outside an array"
        if error is not None:
            return None
        if not same_scalars(result, want, exact):
            return f"{label}: returned {result}, CPython {want}"
        if arrays != want_bytes and not (not exact and close_arrays(args, want_args)):
            if close_arrays(args, want_args) and same_up_to_nan(args, want_args):
                return None
            return f"{label}: arrays differ"
        return None


def same_up_to_nan(got, want):
    """Equal but for the bits of NaNs."""
    return all(not isinstance(x, np.ndarray) or np.array_equal(x, y, equal_nan=x.dtype.kind == "f")
               for (x, _), (y, _) in zip(got, want))


# ---- shrinking ---------------------------------------------------------------------------------------------------------------

def bodies(statements):
    yield statements
    for s in statements:
        if hasattr(s, "body"):
            yield from bodies(s.body)


def expressions(node):
    """(owner, field) of every expression slot below a statement list."""
    for name in ("value", "a", "b", "test"):
        child = getattr(node, name, None)
        if isinstance(child, Node):
            yield node, name
            yield from expressions(child)
    for child in getattr(node, "body", ()):
        yield from expressions(child)


def smaller(kernel):
    """Kernels with one thing less."""
    for b in range(sum(1 for _ in bodies(kernel.body))):
        for i in range(len(list(bodies(kernel.body))[b])):
            k = copy.deepcopy(kernel)
            del list(bodies(k.body))[b][i]
            yield k
    slots = [s for top in kernel.body for s in expressions(top)]
    for n in range(len(slots)):
        for replace in ("a", "b", "const"):
            k = copy.deepcopy(kernel)
            owner, field = [s for top in k.body for s in expressions(top)][n]
            old = getattr(owner, field)
            if replace == "const":
                if old.kind == "const" or old.ty == "bool":
                    continue
                new = Node("const", old.ty, value=1 if "int" in old.ty else 1.0)
            else:
                new = getattr(old, replace, None)
                if not isinstance(new, Node) or new.ty != old.ty:
                    continue
            setattr(owner, field, new)
            yield k
    for p, v in kernel.params.items():
        for less in (0, 1, 2, v // 2):
            if less < v:
                k = copy.deepcopy(kernel)
                k.params[p] = less
                yield k


def shrink(kernel, fails, budget=300):
    """Smallest kernel found on which `fails` still holds."""
    progress = True
    while progress and budget > 0:
        progress = False
        for k in smaller(kernel):
            budget -= 1
            if budget <= 0:
                break
            try:
                if fails(k):
                    kernel, progress = k, True
                    break
            except Exception:
                continue
    return kernel


def report(kernel, problem, folder):
    text = kernel.source()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"seed_{kernel.seed}.txt"
    path.write_text(f"# seed {kernel.seed}: {problem}\n# params {kernel.params}\n"
                    f"# arrays {json.dumps(kernel.arrays)}\n{text}")
    print(f"FINDING seed {kernel.seed}: {problem}\n{textwrap.indent(text, '    ')}    -> {path}", flush=True)


def main(argv=None):
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--count", type=int, default=200)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--show", type=int)
    p.add_argument("--threads", default="1,2,3,8")
    p.add_argument("--findings", default="build/fuzz-findings", type=pathlib.Path)
    p.add_argument("--no-shrink", action="store_true")
    o = p.parse_args(argv)
    if o.show is not None:
        k = Maker(o.show).kernel()
        print(k.params, json.dumps(k.arrays, indent=1), k.source(), k.source(oracle=True), sep="\n")
        return 0
    runner = Runner(threads=tuple(int(x) for x in o.threads.split(",")))
    findings, features, start = 0, collections.Counter(), time.monotonic()
    for seed in range(o.seed, o.seed + o.count):
        kernel = Maker(seed).kernel()
        features.update(kernel.features)
        problem = attempt(runner, kernel)
        if problem:
            findings += 1
            kind = problem.split(":")[0]
            if not o.no_shrink:
                kernel = shrink(kernel, lambda k: (attempt(runner, k) or "").startswith(kind))
            report(kernel, problem, o.findings)
    seconds = time.monotonic() - start
    for title, counter in (("generated", features), ("decisions", runner.counters)):
        print(title + ": " + ", ".join(f"{k} {v}" for k, v in sorted(counter.items())))
    print(f"{o.count} kernels, {findings} findings, {seconds:.0f} s")
    return 1 if findings else 0


def attempt(runner, kernel):
    """check(), with errors of the compiler itself as findings."""
    signal.alarm(60)
    try:
        return runner.check(kernel)
    except Exception as e:  # a compile error on a valid kernel is a finding
        return f"{type(e).__name__}: {str(e).splitlines()[0] if str(e) else ''}"
    finally:
        signal.alarm(0)


if __name__ == "__main__":
    sys.exit(main())
