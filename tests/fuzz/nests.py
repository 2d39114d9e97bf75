"""Kinds of whole nests that reordering passes look for: sweeps over a grid in a time loop, shortest paths, triangular
solves, products of matrices with vectors, chains of products. Each is made right and nearly right. A mixin of
generate.Maker, as forms.py."""
import copy
import math

from arguments import MOST_ITERATIONS
from tree import Node, const, is_float, is_int, promote, put_text, unify, var


def load(ty, array, *subs):
    return Node("load", ty, array=array, subs=list(subs))


class Nests:
    def grid(self, ty, extents, flavours="C C C F neg view"):
        """A new array, writable, of at least these extents."""
        n = self.new_array(ty, len(extents), self.r.choice(flavours.split()))
        for axis, extent in enumerate(extents):
            self.reach(n, axis, 0, max(extent - 1, 0))
        return n

    def value_of(self, text):
        return self.params[text] if text in self.params else int(text)

    # -- time loops

    def make_sweeps(self, loops, depth):
        """Sweeps over grids inside a time loop: from one to the other and back, a sweep and a copy, fields that take turns,
        one grid in place; as loops or as array statements."""
        r = self.r
        ndim = self.pick([1, 2, 3], [5, 5, 1])
        times = r.choice(["0", "1", "2", "3", "4", "5", "m", "m", "n // 2"])
        sizes = [r.choice(["n", "n", "m", "12", "7"]) for _ in range(ndim)]
        steps = self.params["n"] // 2 if times == "n // 2" else self.value_of(times)
        while math.prod(self.value_of(s) for s in sizes) * max(steps, 1) > MOST_ITERATIONS:
            longest = max(range(ndim), key=lambda k: self.value_of(sizes[k]))
            if self.value_of(sizes[longest]) > 5:
                sizes[longest] = "5"
            else:
                times, steps = "2", 2
        ty = r.choice(["float64", "float64", "float64", "float32", "int64"])
        style = self.pick(["back", "copy", "fields", "place", "slices"], [6, 4, 3, 2, 3])
        self.features[f"sweeps {style}"] += 1
        extents = [self.value_of(s) for s in sizes]
        grids = [self.grid(ty, extents, "C" if style == "slices" else "C C C F neg view")
                 for _ in range(1 if style == "place" else 3 if style == "fields" and ndim == 2 else 2)]
        if style == "slices":
            body = self.sliced_sweeps(grids, ndim)
        else:
            body = self.looped_sweeps(style, grids, sizes, ty)
        return Node("for", var="t", lo="0", hi=times, step=1, body=body)

    def sliced_sweeps(self, grids, ndim):
        """b[1:-1] = (a[:-2] + a[2:]) * 0.5 and back."""
        r = self.r
        for g in grids:
            self.arrays[g].pop("overlaps", None)
            self.arrays[g].update(alone=True, pinned=True, whole=True)
        if r.random() < 0.15:
            grids[1] = grids[0]

        def part(g, axis=None, way="1:-1"):
            subs = ["1:-1"] * ndim
            if axis is not None:
                subs[axis] = way
            return f"{g}[{', '.join(subs)}]"

        out = []
        for to, of in ((grids[1], grids[0]), (grids[0], grids[1])):
            terms = [part(of, axis, way) for axis in range(ndim) for way in (":-2", "2:") if r.random() < 0.8]
            value = " + ".join(terms + [part(of)])
            if is_float(self.arrays[of]["dtype"]):
                value = f"({value}) * 0.25"
            if r.random() < 0.2:
                value = part(of)
            op = r.choice(["=", "=", "=", "+="]) if is_float(self.arrays[of]["dtype"]) else "="
            out.append(Node("text", code=f"{part(to)} {op} {value}", oracle=put_text(part(to), op, value)))
        return out

    def looped_sweeps(self, style, grids, sizes, ty):
        """The statements of one time step."""
        r = self.r
        axes = "ijk"[:len(sizes)]
        wide = promote(ty, "int64") if is_int(ty) else ty
        plain = [[0] * len(axes)]
        near = plain + [[d if a == b else 0 for b in axes] for a in axes for d in (-1, 1)]

        def at(g, shift):
            return load(ty, g, *(f"{v} {'+' if d > 0 else '-'} {abs(d)}" if d else v for v, d in zip(axes, shift)))

        def around(g, least=2):
            shifts = r.sample(near, min(r.randint(least, len(near)), len(near)))
            if r.random() < 0.15:
                shifts.append([r.choice([-1, 0, 1]) for _ in axes])
            value = at(g, shifts[0])
            for s in shifts[1:]:
                if r.random() < 0.1:
                    b = at(g, s)
                    value = Node(r.choice(["min", "max"]), unify(value.ty, b.ty), a=value, b=b)
                else:
                    value = Node("bin", wide, op=r.choice("++-"), a=value, b=at(g, s))
            return self.weighed(value, ty)

        def store(g, value):
            return Node("store", array=g, subs=list(axes), value=value)

        if style == "place":
            parts = [store(grids[0], around(grids[0]))]
        elif style == "copy":
            parts = [store(grids[1], around(grids[0])), store(grids[0], at(grids[1], plain[0]))]
        elif style == "fields":
            parts = []
            for k, g in enumerate(grids):
                other = grids[-1] if k + 1 < len(grids) else grids[0]
                axis = k % len(axes)
                back = [0] * len(axes)
                back[axis] = -1 if k + 1 < len(grids) else 1
                slope = Node("bin", wide, op="-", a=at(other, plain[0]), b=at(other, back))
                if k + 1 == len(grids) and len(grids) == 3:
                    more = Node("bin", wide, op="-", a=at(grids[1], near[3]), b=at(grids[1], plain[0]))
                    slope = Node("bin", wide, op="+", a=slope, b=more)
                slope = self.weighed(slope, ty)
                parts.append(Node("update", array=g, subs=list(axes), op="-", ty=promote(ty, slope.ty), value=slope))
        else:
            parts = [store(grids[1], around(grids[0])), store(grids[0], around(grids[1]))]
        return self.spoiled([self.sweep(p, sizes, axes) for p in parts], grids, ty, wide)

    def weighed(self, value, ty):
        if not is_float(ty):
            return value
        both = promote(value.ty, "float64")
        weight = const(self.r.choice([0.25, 0.5, 0.3]))
        return Node("bin", both, op="*", a=value, b=weight)

    def sweep(self, statement, sizes, axes):
        """A nest over the inside of the grid; sometimes over a little less, backwards or by twos."""
        r = self.r
        heads = [(v, "1", f"{s} - 1", 1) for v, s in zip(axes, sizes)]
        if r.random() < 0.2:
            k = r.randrange(len(heads))
            v, lo, hi, _ = heads[k]
            heads[k] = r.choice([(v, "2", hi, 1), (v, lo, f"{sizes[k]} - 2", 1), (v, lo, hi, 2), (v, f"{sizes[k]} - 2", "0", -1)])
        if len(heads) > 1 and r.random() < 0.1:
            heads.reverse()
        if r.random() < 0.1:
            statement = Node("when", test=self.condition([(v, 1, 1) for v in axes]), body=[statement], orelse=[])
        return self.nest(heads, [statement])

    def spoiled(self, parts, grids, ty, wide):
        """Sometimes something stands between the sweeps: a border, a sum, a use of the time."""
        r = self.r
        if r.random() > 0.3:
            return parts
        g, zero = r.choice(grids), ["0"] * self.arrays[grids[0]]["ndim"]
        how = r.choice(["border", "border", "time", "sum", "read"])
        if how == "border":
            value = load(ty, r.choice(grids), *(["1"] * len(zero)))
            for other in grids:
                for axis in range(len(zero)):
                    self.reach(other, axis, 0, 1)
            extra = Node("store", array=g, subs=zero, value=value)
        elif how == "time":
            extra = Node("update", array=g, subs=zero, op="+", ty=wide, value=var("t"))
            if is_float(ty):
                extra.value = self.to_float(extra.value)
                extra.ty = promote(ty, "float64")
        else:
            kind = "float64" if is_float(ty) else "int64"
            s = self.outer_scalar(kind, 0.5 if kind == "float64" else 1)
            self.after[s] = kind
            read = load(ty, g, *zero)
            extra = Node("assign", name=s, value=Node("bin", kind, op="+", a=var(s, kind), b=self.to_float(read) if
                                                     kind == "float64" else self.to_int(read)))
        parts.insert(r.randint(0, len(parts)), extra)
        return parts

    # -- rows that all others read

    def make_paths(self, loops, depth):
        """Shortest paths, reachability, and the like: row k is read by every row."""
        r = self.r
        self.features["paths"] += 1
        ty, n = r.choice(["float64", "int64", "int32", "float32"]), r.choice(["m", "9", "11"])
        d = self.grid(ty, [self.value_of(n)] * 2, "C C F view")
        one, two = load(ty, d, "i", "k"), load(ty, d, *r.choice([("k", "j"), ("k", "j"), ("j", "k")]))
        wide = promote(ty, "int64") if is_int(ty) else ty
        old = load(ty, d, "i", "j")
        if is_int(ty) and r.random() < 0.3:
            body = [Node("update", array=d, subs=["i", "j"], op="|", ty=wide, value=Node("bin", wide, op="&", a=one, b=two))]
        else:
            way = Node("bin", wide, op="+", a=one, b=two)
            if r.random() < 0.5:
                body = [Node("store", array=d, subs=["i", "j"], value=Node("min", unify(ty, way.ty), a=old, b=way))]
            else:
                test = Node("compare", "bool", op=r.choice(["<", ">"]), a=way, b=old)
                body = [Node("when", test=test, body=[Node("store", array=d, subs=["i", "j"], value=way)], orelse=[])]
        heads = [(v, "0", n, 1) for v in r.choice(["kij", "kij", "kji", "ikj", "ijk"])]
        if r.random() < 0.15:
            v = heads[2][0]
            heads[2] = (v, "0", f"{heads[1][0]} + 1", 1)
        return self.nest(heads, body)

    def make_intervals(self, loops, depth):
        """A table of intervals: t[i, j] from all t[i, k] and t[k + 1, j] between."""
        r = self.r
        self.features["intervals"] += 1
        n = r.choice(["m", "9", "11"])
        ty = r.choice(["int64", "int64", "float64"])
        t = self.grid(ty, [self.value_of(n)] * 2, "C C F view")
        cut = Node("bin", promote(ty, ty), op="+", a=load(ty, t, "i", "k"), b=load(ty, t, r.choice(["k + 1", "k + 1", "k"]), "j"))
        best = Node("store", array=t, subs=["i", "j"], value=Node(r.choice(["max", "min"]), cut.ty, a=load(ty, t, "i", "j"), b=cut))
        inner = [Node("for", var="k", lo=r.choice(["i", "i + 1"]), hi="j", step=1, body=[best])]
        if r.random() < 0.6:
            first = Node("max", ty, a=load(ty, t, "i", "j"), b=load(ty, t, *r.choice([("i", "j - 1"), ("i + 1", "j")])))
            inner.insert(0, Node("store", array=t, subs=["i", "j"], value=first))
        rows = ("i", f"{n} - 1", "-1", -1) if r.random() < 0.8 else ("i", "0", f"{n} - 1", 1)
        return self.nest([rows, ("j", "i + 1", n, 1)], inner)

    def make_solve(self, loops, depth):
        """A triangular system, by rows or by columns; now and then a pivot is zero."""
        r = self.r
        self.features["solve"] += 1
        n = r.choice(["m", "9", "n"])
        size = self.value_of(n)
        if size > 40:
            n, size = "9", 9
        low, x = self.grid("float64", [size] * 2), self.grid("float64", [size])
        divide = Node("update", array=x, subs=["i"], op="/", ty="float64", value=load("float64", low, "i", "i"))
        if r.random() < 0.6:
            divide.value = Node("bin", "float64", op="+", a=divide.value, b=const(5.0))
        if r.random() < 0.5:
            term = Node("bin", "float64", op="*", a=load("float64", low, "i", "j"), b=load("float64", x, "j"))
            update = Node("update", array=x, subs=["i"], op="-", ty="float64", value=term)
            body = [Node("for", var="j", lo="0", hi="i", step=1, body=[update]), divide]
            if r.random() < 0.4:
                body.insert(0, self.make_store([("i", 0, size - 1)]))
        else:
            term = Node("bin", "float64", op="*", a=load("float64", low, "j", "i"), b=load("float64", x, "i"))
            update = Node("update", array=x, subs=["j"], op="-", ty="float64", value=term)
            body = [divide, Node("for", var="j", lo="i + 1", hi=n, step=1, body=[update])]
        return Node("for", var="i", lo="0", hi=n, step=1, body=body)

    # -- matrices and vectors

    def make_vectors(self, loops, depth):
        """Products of a matrix with vectors from both sides, in one nest."""
        r = self.r
        self.features["matrix and vectors"] += 1
        sizes = {v: r.choice(["n", "m", "n", "12"]) for v in "ij"}
        if math.prod(self.value_of(s) for s in sizes.values()) > MOST_ITERATIONS:
            sizes["i"] = "m"
        ty = r.choice(["float64", "float64", "int64", "float32"])
        wide = promote(ty, ty)
        extent = {v: self.value_of(s) for v, s in sizes.items()}
        a = self.grid(ty, [extent["i"], extent["j"]])
        body, head, tail = [], [], []
        for out in r.choice(["i", "j", "ij", "ij", "ji", "s", "sj"]):
            over = "j" if out in "is" else "i"
            term = Node("bin", wide, op="*", a=load(ty, a, "i", "j"), b=load(ty, self.grid(ty, [extent[over]]), over))
            if out == "s":
                s, kind = self.name("s"), "float64" if is_float(ty) else "int64"
                head.append(Node("assign", name=s, value=const(0.0 if kind == "float64" else 0)))
                term = self.to_float(term) if kind == "float64" else term
                body.append(Node("assign", name=s, aug="+", value=Node("bin", kind, op="+", a=var(s, kind), b=term)))
                tail.append(Node("store", array=self.grid("float64" if is_float(ty) else "int64", [extent["i"]]),
                                 subs=["i"], value=var(s, kind)))
                continue
            y = self.grid(ty, [extent[out]])
            if out == "i" and r.random() < 0.4:
                head.append(Node("store", array=y, subs=["i"], value=const(0.0 if is_float(ty) else 0)))
            body.append(Node("update", array=y, subs=[out], op=r.choice("++-"), ty=wide, value=term))
        if head or tail or r.random() < 0.6:
            inner = Node("for", var="j", lo="0", hi=r.choice([sizes["j"]] * 4 + ["min(i, 3)"]), step=1, body=body)
            if inner.hi != sizes["j"]:
                self.reach(a, 1, 0, 3)
                inner.hi = f"min({sizes['j']}, i)"
            return Node("for", var="i", lo="0", hi=sizes["i"], step=1, body=head + [inner] + tail)
        return self.nest([("j", "0", sizes["j"], 1), ("i", "0", sizes["i"], 1)], body)

    def make_products(self, loops, depth):
        """c = beta * c + a b, then e = c d: elements scaled or cleared before the sum, or summed in a scalar."""
        r = self.r
        self.features["products"] += 1
        n = r.choice(["m", "m", "8", "9", "6"])
        size = self.value_of(n)
        ty = r.choice(["float64", "float64", "int64", "float32"])
        wide = promote(ty, ty)
        zero = const(0.0 if is_float(ty) else 0)
        c = self.grid(ty, [size] * 2)
        out, of = [], self.grid(ty, [size] * 2)
        for to in [c] if r.random() < 0.5 else [c, self.grid(ty, [size] * 2)]:
            by = to if r.random() < 0.25 else self.grid(ty, [size] * 2)
            subs = r.choice([("k", "j"), ("k", "j"), ("j", "k")])
            term = Node("bin", wide, op="*", a=load(ty, of, *r.choice([("i", "k"), ("i", "k"), ("k", "i")])), b=load(ty, by, *subs))
            if is_float(ty) and r.random() < 0.3:
                term = Node("bin", "float64", op="*", a=self.to_float(term), b=var("x", "float64"))
            both = promote(ty, term.ty)
            update = Node("update", array=to, subs=["i", "j"], op="+", ty=both, value=term)
            begin = r.choice([Node("store", array=to, subs=["i", "j"], value=zero), Node(
                "update", array=to, subs=["i", "j"], op="*", ty=promote(ty, "int64") if is_int(ty) else "float64",
                value=const(2 if is_int(ty) else 0.5))])
            summing = lambda body: Node("for", var="k", lo=r.choice(["0", "0", "0", "i"]), hi=n, step=1, body=body)
            style = r.randrange(4)
            if style == 0:  # a scalar
                s, kind = self.name("s"), "float64" if is_float(ty) else "int64"
                term = self.to_float(term) if kind == "float64" else self.to_int(term)
                step = Node("assign", name=s, aug="+", value=Node("bin", kind, op="+", a=var(s, kind), b=term))
                body = [Node("assign", name=s, value=const(0.0 if kind == "float64" else 0)), summing([step]),
                        Node("store", array=to, subs=["i", "j"], value=var(s, kind))]
                out.append(self.nest([("i", "0", n, 1), ("j", "0", n, 1)], body))
            elif style == 1:
                out.append(self.nest([("i", "0", n, 1), ("j", "0", n, 1)], [begin, summing([update])]))
            elif style == 2:
                rows = [Node("for", var="j", lo="0", hi=n, step=1, body=[begin]),
                        summing([Node("for", var="j", lo="0", hi=n, step=1, body=[update])])]
                out.append(Node("for", var="i", lo="0", hi=n, step=1, body=rows))
            else:
                out += [self.nest([("i", "0", n, 1), ("j", "0", n, 1)], [begin]),
                        self.nest([("i", "0", n, 1), ("j", "0", n, 1)], [summing([update])])]
            of = to
        return Node("block", body=out)

    # -- loops whose length nobody knows, values of the iteration before, loops over items

    def make_escape(self, loops, depth):
        """Every iteration steps until something holds, each a number of times of its own; in a loop, in a nest, sometimes
        in two stages. Loads in front of the steps, so that several iterations can step at once."""
        r = self.r
        self.features["escape"] += 1
        n, rows = r.choice(["n", "n", "m", "17", "521"]), r.choice([None, "2", "m", "5"])
        n = "n" if rows and n == "521" else n
        at = ["i", "j"] if rows else ["i"]
        extents = [self.value_of(x) for x in ([rows, n] if rows else [n])]
        c, out = self.grid("float64", extents), self.grid(r.choice(["float64", "int64"]), extents)
        z, k, w, t = (self.name(x) for x in "zkwt")
        most = r.choice([0, 1, 3, 3, 9, 9])
        step = load("float64", c, *at) if r.random() < 0.15 else var(t, "float64")
        move = Node("assign", name=z, value=Node("bin", "float64", op=r.choice("+-"), b=step, a=Node(
            "bin", "float64", op="*", a=var(z, "float64"), b=r.choice([var(z, "float64"), const(0.75)]))))
        count = Node("assign", name=k, value=Node("bin", "int64", op="+", a=var(k), b=const(1)))
        keep = Node("assign", name=w, value=Node("bin", "float64", op=r.choice("+-"), a=var(z, "float64"), b=const(0.5)))

        def when(bound, *body):
            test = Node("compare", "bool", op=r.choice([">", ">", "<"]), a=var(z, "float64"), b=const(bound))
            return Node("when", test=test, body=list(body), orelse=[])

        def stage(most):
            steps = [copy.deepcopy(x) for x in r.choice([[move, count], [move, count], [count, move], [keep, move, count]])]
            if r.random() < 0.3:
                steps.insert(1, when(1.0, Node("assign", name=z, value=Node(
                    "bin", "float64", op="-", a=var(z, "float64"), b=const(0.5)))))
            if r.random() < 0.3:
                steps.insert(r.randint(0, len(steps)), when(0.0, copy.deepcopy(keep)))
            bound = r.choice([4.0, 2.0, 0.5, 0.5])
            style = r.random()
            if style < 0.35:
                return Node("under", code=f"while {k} < {most} and {z} <= {bound}:", body=steps)
            steps.insert(r.choice([r.randint(0, len(steps)), len(steps)]), Node("when", orelse=[], body=[Node("break")], test=Node(
                "compare", "bool", op=">", a=var(r.choice([z, z, w]), "float64"), b=const(bound))))
            if style < 0.55:
                return Node("under", code=f"while {k} < {most}:", body=steps)
            return Node("for", var=self.name("q"), lo="0", hi=str(most), step=1, body=steps)

        body = [Node("assign", name=t, value=load("float64", c, *at)),
                Node("assign", name=z, value=r.choice([const(0.0), var(t, "float64")])),
                Node("assign", name=k, value=const(0)), Node("assign", name=w, value=r.choice([const(1.5), var(t, "float64")])),
                stage(most)]
        if r.random() < 0.4:
            between = [copy.deepcopy(keep)] + ([Node("assign", name=z, value=const(0.25))] if r.random() < 0.5 else [])
            body += [when(r.choice([0.0, 1.0]), *between), stage(2 * most)]
        ty = self.arrays[out]["dtype"]
        both = Node("bin", "float64", op="+", a=var(z, "float64"), b=var(*r.choice([(w, "float64"), (k, "int64")])))
        result = var(k) if ty == "int64" else r.choice([var(k), var(z, "float64"), var(w, "float64"), both, both])
        body.append(r.choice([Node("store", array=out, subs=at, value=result),
                              Node("update", array=out, subs=at, op="+", ty=promote(ty, result.ty), value=result)]))
        heads = [(at[-1], r.choice(["0", "0", "1"]), n, 1)]
        nest = self.nest([("i", "0", rows, 1)] + heads if rows else heads, body)
        nest.prange = r.random() < 0.2
        return nest

    def make_ring(self, loops, depth):
        """Subscripts that go round, however they are written; the loop goes round once, not quite, or more often."""
        r = self.r
        self.features["ring"] += 1
        n = r.choice(["n", "n", "m", "9", "(n + 1)"])
        size = self.params["n"] + 1 if n == "(n + 1)" else self.value_of(n)
        trips, count = r.choice([(n, size), (n, size), (n, size), (f"{n} - 1", size - 1), (f"{n} // 2", size // 2),
                                 (f"2 * {n}", 2 * size), ("m", self.params["m"]), ("m", self.params["m"]),
                                 (f"{n} + m", size + self.params["m"]), ("n + 2", self.params["n"] + 2)])
        ty = r.choice(["float64", "int64", "float64", "int32"])
        wide = promote(ty, "int64") if is_int(ty) else ty
        a, out = self.grid(ty, [count]), self.grid(ty, [size])
        far = r.choice([0, 0, 0, 0, 1])

        def at(array):
            c, sign = r.choice(["1", "1", "2", "0", "m", "n"] + ["far"] * far), r.choice("+-")
            self.far |= c == "far"
            style = self.pick(["shift", "back", "times", "choice", "plain"], [8, 2, 1, 3, 2])
            if style in ("choice", "plain"):
                self.reach(array, 0, 0, max(count, size))
            return {"shift": f"(i {sign} {c}) % {n}", "back": f"({c} - i) % {n}", "times": f"({r.choice('236')} * i + {c}) % {n}",
                    "choice": r.choice([f"(i - 1 if i > 0 else {n} - 1)", f"(i + 1 if i < {n} - 1 else 0)",
                                        f"(0 if i == {n} - 1 else i + 1)"]), "plain": "i"}[style]

        body, subs = [], at(out)
        if r.random() < 0.3:  # an index that is mended
            p = self.name("p")
            body = [Node("assign", name=p, value=Node("bin", "int64", op="-", a=var("i"), b=const(1))),
                    Node("when", test=Node("compare", "bool", op="<", a=var(p), b=const(0)), orelse=[],
                         body=[Node("assign", name=p, value=Node("bin", "int64", op="-", a=var("n" if n == "n" else "m"), b=const(1)))])]
            self.reach(a, 0, 0, max(count, self.params["n"], self.params["m"]))
        read = load(ty, a, p if body else at(a))
        other = load(ty, *r.choice([(a, at(a)), (a, "i"), (a, "i"), (out, subs), (out, at(out))]))
        self.reach(a, 0, 0, max(count - 1, 0))
        value = Node("bin", wide, op=r.choice("+-"), a=read, b=other)
        body.append(r.choice([Node("store", array=out, subs=[subs], value=value), Node("store", array=out, subs=[subs], value=value),
                              Node("update", array=out, subs=[subs], op=r.choice("+-"), ty=promote(ty, wide), value=value)]))
        heads = r.choice([("0", trips, 1), ("0", trips, 1), ("1", trips, 1), (f"{trips} - 1", "-1", -1)])
        ring = Node("for", var="i", lo=heads[0], hi=heads[1], step=heads[2], body=body)
        return Node("for", var="t", lo="0", hi="2", step=1, body=[ring]) if r.random() < 0.15 else ring

    def make_before(self, loops, depth):
        """What the iteration before had: a value or an index kept in a variable."""
        r = self.r
        self.features["iteration before"] += 1
        n = r.choice(["n", "n", "m", "9"])
        size = self.value_of(n)
        ty = r.choice(["float64", "int64"])
        a, out, p = self.grid(ty, [size]), self.grid(ty, [size]), self.name("p")
        around = [("i", 0, size - 1)]
        wide = promote(ty, ty)
        if r.random() < 0.5:  # an index
            first, before, now = const(r.randint(0, max(size - 1, 0))), load(ty, a, p), var("i")
        else:
            first = const(1.5 if ty == "float64" else 3)
            before, now = var(p, ty), load(ty, a, "i")
        self.before.append(Node("assign", name=p, value=first))
        body = [Node("store", array=out, subs=["i"], value=Node("bin", wide, op=r.choice("+-"), a=load(ty, a, "i"), b=before)),
                Node("assign", name=p, value=now)]
        if r.random() < 0.15:
            body.reverse()
        if r.random() < 0.25:
            body[-1] = Node("when", test=self.condition(around), body=[body[-1]], orelse=[])
        if r.random() < 0.3:
            body.insert(r.randint(0, 2), self.make_store(around))
        elif r.random() < 0.3 and "overlaps" not in self.arrays[a]:  # what was read changes before its value is used
            other = self.grid(ty, [size], "C")
            self.lay_over(other, a, r.choice([0, 0, 0, 1]))
            body.append(Node("store", array=other, subs=["i"], value=const(2.5 if ty == "float64" else 7)))
        if r.random() < 0.4:
            self.after[p] = now.ty
        step = r.choice([1, 1, 1, 2])
        heads = r.choice([("0", n, step), ("1", n, step), (f"{n} - 1", "-1", -1)])
        return Node("for", var="i", lo=heads[0], hi=heads[1], step=heads[2], body=body)

    def make_items(self, loops, depth):
        """A loop over the items of a tuple."""
        r = self.r
        self.features["loop over items"] += 1
        c = self.name("c")
        items = [r.randint(0, 5) for _ in range(r.randint(1, 3))]
        around = loops + [(c, min(items), max(items))]
        tuple_ = f"({', '.join(map(str, items))},)"
        body = [self.make_update(around)] if r.random() < 0.5 else [Node(
            "for", var="i", lo="0", hi="m", step=1, body=[self.make_store(around + [("i", 0, self.params["m"] - 1)])])]
        return Node("under", code=f"for {c} in {tuple_}:", body=body)

    def make_checked(self, loops, depth):
        """What is checked in an iteration was stored by it: a divisor, an index."""
        r = self.r
        self.features["check of what was stored"] += 1
        n = r.choice(["n", "n", "17", "m"])
        size = self.value_of(n)
        t, out = self.grid("float64", [max(size, 4)]), self.grid("float64", [size], "C")
        k, style = r.choice([0, 1, 2, 3, 20]), r.random()
        if style < 0.25:  # an index far outside, and a divisor behind it
            index = self.index_array(2)
            self.arrays[index]["dtype"] = "int64"  # NumPy refuses or wraps the product of a shorter one
            far = load("float64", t, f"{index}[i] * 1000000007")
            self.reach(index, 0, 0, max(size - 1, 0))
            value = Node("bin", "float64", op="/", a=var("x", "float64"), b=far)
            return Node("for", var="i", lo="0", hi=n, step=1, body=[Node("store", array=out, subs=["i"], value=value)])
        if style < 0.6:
            a, b = self.grid("float64", [size]), self.grid("float64", [size], "C C view neg")
            made = Node("bin", "float64", op=r.choice("+-"), a=load("float64", a, "i"), b=const(0.25 * k))
            use = Node("bin", "float64", op="/", a=load("float64", t, "i"), b=load("float64", b, "i"))
        else:
            ty = r.choice(["int64", "int32"])
            a, b = self.grid(ty, [size]), self.grid(ty, [size], "C C view neg")
            made = Node("bin", "int64", op="+", a=r.choice([var("i"), load(ty, a, "i")]), b=const(k))
            use = load("float64", t, f"{b}[i]")
        first = Node("store", array=b, subs=["i"], value=made)
        if r.random() < 0.2:
            first = Node("when", test=self.condition([("i", 0, size - 1)]), body=[first], orelse=[])
        return Node("for", var="i", lo="0", hi=n, step=1, body=[first, Node("store", array=out, subs=["i"], value=use)])
