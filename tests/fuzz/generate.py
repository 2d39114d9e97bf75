"""Makes one kernel from a seed: arrays, subscripts, expressions, bounds and loops; forms.py has the kinds of statement."""
import collections
import copy
import math
import random

from arguments import LAST, MOST_ITERATIONS
from forms import Forms
from render import Kernel
from tree import Node, bodies, const, is_complex, is_int, promote, unify, var

INT_DTYPES = ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"]
FLOAT_DTYPES = ["float64", "float64", "float32"]


class Maker(Forms):
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
        self.made, self.fills = [], {}  # arrays made by the kernel and where they go; the statements
        self.views = []         # (name, array it looks into, how, offset): extents follow from the view's
        self.pinned = {}        # loop variable → array of the length that bounds it
        self.returns = True     # scalars are returned
        self.far = False        # an expression mentions it; statements that do are found

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
        flavour = flavour or self.pick(
            ["C", "F", "neg", "offset", "view", "misaligned", "readonly", "broadcast", "folded"],
            [20, 4, 4, 4, 4, 2, 1, 1, 1.5])
        self.arrays[n] = dict(dtype=dtype, ndim=ndim, hi=[-1] * ndim, flavour=flavour)
        base = [b for b, s in self.arrays.items()
                if b != n and s["dtype"] == dtype and s["ndim"] == ndim and s["flavour"] in ("C", "view", "neg")
                and not {"index_of", "alone", "local", "overlaps"} & set(s)]
        if base and r.random() < 0.15 and flavour in ("C", "view", "neg"):
            self.lay_over(n, r.choice(base), r.choice([0, 0, 1, 2, LAST]))
        return n

    def lay_over(self, n, base, shift):
        """Array n looks into the memory of `base`, from the shift-th element of its first axis on, perhaps backwards."""
        self.features["overlapping arguments"] += 1
        self.arrays[n].update(flavour="C", overlaps=base, shift=shift, turned=self.r.random() < 0.2)

    def array(self, want=None, written=False):
        """Name of an array; `want` says which specifications fit, `written` that it has to be writable."""
        def fits(a):
            return (want is None or want(a)) and not (written and a["flavour"] in ("readonly", "broadcast"))

        candidates = [n for n, a in self.arrays.items() if fits(a) and n not in self.closed and "pinned" not in a]
        if self.views and self.r.random() < 0.5:  # a view and what it looks into, in one loop
            related = {n for view in self.views for n in view[:2]}
            candidates = [n for n in candidates if n in related] or candidates
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
            c = r.choice([0, 0, 1, 2, 3, 4, -1, -2])
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
            k = r.choice([2, 2, 3, 4])
            return f"{var} // {k}", lo // k, hi // k
        if style == "i%3":
            k = r.choice([2, 3, 3, 4, 7])
            return f"{var} % {k}", 0, k - 1
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

    @staticmethod
    def reaches_near(loops):
        """Few enough iterations that an array of three axes, each as long as them, is small."""
        return all(hi - lo < 100 for _, lo, hi in loops)

    def element(self, loops, want=None, written=False, of=None):
        r = self.r
        pins = [self.pinned[v] for v, _, _ in loops if v in self.pinned and not self.closed]
        if of is None and pins and r.random() < 0.4:
            n = r.choice(pins)
            if (want is None or want(self.arrays[n])) and (not written or self.arrays[n]["flavour"] != "readonly"):
                at = next(v for v, _, _ in loops if self.pinned.get(v) == n)
                return Node("load", self.arrays[n]["dtype"], array=n, subs=[at])
        if self.reaches_near(loops):
            n = of or self.array(want, written)
        else:
            n = of or self.array(lambda a: a["ndim"] < 3 and (want is None or want(a)), written)
        a = self.arrays[n]
        subs = []
        for axis in range(a["ndim"]):
            t, lo, hi = self.affine(loops)
            if all(l <= h for _, l, h in loops):
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
        made = [h for h in self.helpers if h.kind == "helper"]
        if made and self.r.random() < 0.5:
            h = self.r.choice(made)
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
        style = self.pick(["n", "const", "tri", "reverse", "step", "empty", "tri-lo", "one", "minmax", "len", "far",
                           "back"], [16, 8, 6, 4, 4, 2, 4, 2, 2, 3, 1, 1])
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
        if style == "back":  # down by more than one: the last value is not the bound
            s = r.choice([2, 3])
            return f"{n}", "0", -s, 1, v
        if style == "len" and v > 0:
            a = self.new_array(r.choice(["float64", "int64", "float64", "int32"]), 1, r.choice(["C", "C", "neg", "view"]))
            self.arrays[a].pop("overlaps", None)
            self.arrays[a].update(hi=[v - 1], pinned=True)
            self.pin = a
            return "0", r.choice([f"len({a})", f"{a}.shape[0]", f"{a}.size"]), 1, 0, v - 1
        if style == "far":
            return "far", f"far + {n}", 1, 0, v - 1
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

    # -- nests

    def loop(self, loops, depth, innermost=None):
        r = self.r
        var_ = "ijklpq"[len(loops)]
        room = MOST_ITERATIONS // math.prod(max(h - l + 1, 1) for _, l, h in loops)
        self.pin = None
        lo, hi, step, least, most = self.bounds(loops, room)
        inner = loops + [("(" + var_ + " - far)" if lo == "far" else var_, least, most)]
        self.pinned.pop(var_, None)
        if self.pin:
            self.pinned[var_] = self.pin
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
        elif r.random() < 0.02 and lo != "far":
            self.features["loop variable assigned"] += 1
            body += [Node("assign", name=var_, value=const(r.randint(0, 2))), self.make_store([(var_, 0, 2)])]
        return Node(kind, var=var_, lo=lo, hi=hi, step=step, body=body)

    def kernel(self):
        r = self.r
        self.params = {"n": r.choice([0, 1, 2, 3, 5, 7, 13, 15, 16, 17, 31, 33, 64, 65]), "m": r.choice([1, 3, 4, 8, 11]),
                       "x": r.choice([0.5, 1.75, -2.0])}
        body = self.name_views() if r.random() < 0.2 else []
        for _ in range(r.choices([1, 2, 3], [5, 3, 1])[0]):
            depth = r.choices([1, 2, 3, 4], [4, 6, 2, 1])[0]
            self.before, self.behind, self.after = [], [], {}
            s = getattr(self, "make_" + self.pick(list(self.OUTER), self.OUTER.values()))([], depth)
            body += self.before + [s] + self.behind
            self.scalars.update(self.after)
        self.settle_views()
        for a, b in self.twins:
            both = [max(x, y) for x, y in zip(self.arrays[a]["hi"], self.arrays[b]["hi"])]
            self.arrays[a]["hi"], self.arrays[b]["hi"] = both, list(both)
        wrong = r.random() < 0.06
        exact = r.random() < 0.7
        grain = self.pick([1, 3, 0], [6, 3, 1])
        body += self.copies_out()
        if self.far or "far" in "".join(str(s.__dict__) for b in bodies(body) for s in b):
            self.params["far"] = r.choice([2**62, -2**62, 2**31, 10])
        return Kernel(self, body, wrong, exact, grain)

    def settle_views(self):
        """Extents of what views look into, from the views' own; the last made may look into ones before."""
        for name, base, how, c in reversed(self.views):
            hi = [max(h, 0) for h in self.arrays[name]["hi"]]
            lengths = {"shift": [hi[0] + c] + hi[1:], "cut": [hi[0] + c] + hi[1:], "reverse": hi, "whole": hi,
                       "step": [2 * hi[0] + c] + hi[1:], "transpose": hi[::-1], "row": [c] + hi, "column": hi + [c]}[how]
            for axis, most in enumerate(lengths):
                self.reach(base, axis, 0, most)
            if how == "cut":
                self.arrays[base]["hi"][0] = max(self.arrays[base]["hi"][0], c)

    def copies_out(self):
        """Arrays made in the kernel go out through an argument of their own, at its end."""
        out = []
        for made, target in self.made:
            self.arrays[target]["hi"] = [max(h, 0) for h in self.arrays[made]["hi"]]
            shape = ", ".join(str(h + 1) for h in self.arrays[target]["hi"])
            self.fills[made].code = self.fills[made].code.replace("SHAPE", f"({shape})")
            out.append(Node("text", code=f"{target}[:] = {made}"))
        return out
