"""The kinds of statement a kernel is made of: a mixin of generate.Maker. To add one, write make_NAME(self, loops), which
returns a Node, and give it a weight in Forms.INNER (inside loops) or Forms.OUTER (a whole nest)."""
import copy
import math

from arguments import MOST_ITERATIONS
from tree import Node, const, is_complex, is_float, is_int, promote, var


class Forms:
    INNER = {"store": 50, "update": 12, "histogram": 10, "private": 12, "condition": 10, "carried": 4, "last": 4,
             "array": 5, "raise": 1, "reduce": 2, "local_array": 2, "view": 4}
    OUTER = {"loop": 60, "reduction": 26, "prange": 9, "array": 5, "swap": 5}

    def statement(self, loops, depth):
        r = self.r
        if depth > 0 and r.random() < 0.55:
            return self.loop(loops, depth)
        if not loops:
            return self.straight()
        return getattr(self, "make_" + self.pick(list(self.INNER), self.INNER.values()))(loops)

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

    def make_swap(self, loops, depth=None):
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

    def make_array(self, loops, depth=None):
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

    def make_loop(self, loops, depth):
        return self.loop(loops, depth)

    def make_reduction(self, loops, depth):
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

    def make_prange(self, loops, depth):
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
