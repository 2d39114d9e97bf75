"""Kinds of whole nests whose subscripts and bounds are the point: subscripts made of floats, marks and constants stored
through indices, blocks of a length that is an argument, matrices in flat arrays, two buffers in one array, and sums over
products of odd extents. Each is made right and nearly right. A mixin of generate.Maker, as forms.py."""
from arguments import MOST_ITERATIONS
from nests import load
from tree import Node, const, is_float, is_int, promote, var


def plus(text, c):
    return f"{text} {'+' if c > 0 else '-'} {abs(c)}" if c else text


class Subscripts:
    def alone(self, ty, extents, flavours="C C C F neg view"):
        """A new array of these extents that shares no memory with others."""
        n = self.grid(ty, extents, flavours)
        self.arrays[n].pop("overlaps", None)
        self.arrays[n].update(alone=True)
        return n

    def fix(self, *names):
        """Nothing else in the kernel touches these arrays, so their extents and what is in them stay as they are."""
        for n in names:
            self.arrays[n].update(pinned=True, whole=True)

    def in_type(self, value, ty):
        """The value as it can be stored into an array of `ty` without a conversion that C leaves open."""
        return self.to_float(value) if is_float(ty) else self.to_integer(value)

    # -- indices

    def make_float_index(self, loops, depth):
        """Elements picked by numbers that were floats: histograms, bins, nearest neighbours. Some rows are longer than the
        blocks in which indices are computed, some numbers lie outside."""
        r = self.r
        self.features["index from a float"] += 1
        n = r.choice(["n", "n", "m", "9", "127", "128", "129", "300", "4 * n"])
        trips = 4 * self.params["n"] if n == "4 * n" else self.value_of(n)
        most = max(trips - 1, 0)
        ty = r.choice(["float64", "float64", "float32"])
        x = self.alone(ty, [most + 1], "C C view neg F")
        self.arrays[x]["pinned"] = True  # int() of NaN is an error in CPython alone
        k = r.choice([1.0, 2.0, 4.0, 0.5])
        size = max(int(4 * k) + 1 + r.choice([0, 0, 0, 1, 3, -1, -2]), 1)  # values lie within -4 … 4
        ndim = r.choice([1, 1, 1, 2])
        kind = r.choice(["int64", "float64", "int32", "float64"])
        h = self.alone(kind, [size] * ndim, "C C C F neg")
        at = r.choice(["i", "i", "i", f"{most} - i"])

        def index():
            element = f"float({x}[{at}])" if ty == "float32" else f"{x}[{at}]"
            return r.choice([f"int({element} * {k})", f"int({element} * {k})", f"int(abs({element} * {k}))",
                             f"int(math.floor({element} * {k}))", f"int(({element} + 4.0) * {0.5 * k})"])

        around = [("i", 0, most)]
        self.closed = {h, x}
        body, subs = [], [index() for _ in range(ndim)]
        if r.random() < 0.5:  # the index has a name
            name = self.name("k")
            body.append(Node("text", code=f"{name} = {subs[0]}"))
            subs[0] = name
            if r.random() < 0.3:
                subs[0] = f"{name} // 2" if r.random() < 0.5 else f"{name} + {r.choice([1, -1])}"
            if r.random() < 0.15:
                body.append(Node("when", test=Node("compare", "bool", op="<", a=var(name), b=const(0)), orelse=[],
                                 body=[Node("assign", name=name, value=const(0))]))
        weight = self.in_type(r.choice([const(1), const(1), self.expr(around, 1), var("x", "float64")]), kind)
        how = self.pick(["update", "store", "load", "both"], [6, 2, 2, 1])
        if how in ("update", "both"):
            body.append(Node("update", array=h, subs=subs, op=r.choice("++-"), value=weight, ty=promote(kind, weight.ty)))
        if how == "store":
            body.append(Node("store", array=h, subs=subs, value=weight))
        if how in ("load", "both"):
            out = self.alone(kind, [most + 1])
            body.append(Node("store", array=out, subs=["i"], value=load(kind, h, *subs)))
        if r.random() < 0.15:  # what the index is made of changes
            body.append(Node("store", array=x, subs=[r.choice(["i", "0"])], value=const(0.25)))
        if r.random() < 0.15:
            body.append(self.make_store(around))
        self.closed = set()
        heads = r.choice([("0", n, 1)] * 4 + [("1", n, 1), (f"{n} - 1", "-1", -1), ("0", n, 2)])
        return Node("for", var="i", lo=heads[0], hi=heads[1], step=heads[2], body=body)

    def make_marks(self, loops, depth):
        """Marks: the same constant or the same number stored through indices, whoever comes last; nearly so: a number of the
        iteration's own, two marks, a mark that is looked at."""
        r = self.r
        n = r.choice(["n", "n", "m", "17"])
        most = max(self.value_of(n) - 1, 0)
        ty = r.choice(["bool", "bool", "int64", "float64", "uint8", "int32"])
        size, ndim = r.choice([1, 3, 8, 20]), r.choice([1, 1, 1, 2])
        seen = self.alone(ty, [size] * ndim, "C C C F neg view misaligned")
        marks = {"bool": [Node("const", "bool", value=True), Node("const", "bool", value=False)],
                 "float64": [const(1.5), const(0.0), var("x", "float64")]}.get(ty, [const(1), const(7), var("m")])
        if ty == "uint8" or ty == "int32":
            marks = [const(1), const(7)]
        style = self.pick(["constant", "own", "two", "looked at", "several"], [6, 3, 5, 3, 3])
        self.features[f"marks {style}"] += 1

        def subscripts():
            out = []
            for _ in range(ndim):
                ix = self.own_index(most, r.choice(["duplicates", "duplicates", "permutation"]))
                self.arrays[ix].update(index_of=size, style=r.choice(["duplicates", "negatives", "duplicates"]))
                out.append(r.choice([f"{ix}[i]", f"{ix}[i]", f"{ix}[{most} - i]", f"(i * {r.randint(1, 5)}) % {size}"]))
            return out

        around = [("i", 0, most)]
        mark, subs = r.choice(marks), subscripts()
        if style == "own":
            mark = self.in_type(var("i"), ty) if ty != "bool" else self.condition(around)
        body = [Node("store", array=seen, subs=subs, value=mark)]
        if style == "two":
            body[0].value, other = r.sample(marks[:2], 2)
            body.append(Node("store", array=seen, subs=r.choice([subs, subscripts(), subscripts()]),
                             value=r.choice([other, other, other, mark])))
        if style == "several":
            other = self.alone(ty, [size] * ndim)
            body.append(Node("store", array=other, subs=subscripts(), value=r.choice(marks)))
        self.closed = {seen}
        if r.random() < 0.3:
            body = [Node("when", test=self.condition(around), body=body, orelse=[])]
        if r.random() < 0.2:
            body.append(self.make_store(around))
        self.closed = set()
        if style == "looked at":
            out = self.alone("int64", [most + 1])
            if ty == "bool":
                test = Node("compare", "bool", op="!=", a=load(ty, seen, *subs), b=const(0))
                look = Node("if", "int64", test=test, a=const(1), b=var("i"))
            else:
                look = self.to_int(load(ty, seen, *subs)) if is_int(ty) else const(3)
            body.insert(r.choice([0, len(body)]), Node("store", array=out, subs=["i"], value=look))
        trusted = style == "constant" and len(body) == 1 and r.random() < 0.15 and all("[" in s for s in subs)
        loop = Node("for", var="i", lo="0", hi=n, step=1, body=body, prange=trusted)
        if r.random() < 0.2 and self.value_of(n) * 3 < MOST_ITERATIONS:
            return Node("for", var="t", lo="0", hi=r.choice(["2", "3"]), step=1, body=[loop])
        return loop

    def make_indexed_constant(self, loops, depth):
        """One number stored through an index array or a mask, in one statement."""
        r = self.r
        self.features["number through an index array"] += 1
        length, value = self.span_of(loops)
        ty = r.choice(["float64", "int64", "float32", "int32"])
        size = max(value, r.choice([1, 4, 9]))
        t = self.alone(ty, [size], "C C neg view")
        number = r.choice([["0.5", "x", "-3.0"], ["3", "m", "-1"]][is_int(ty)])
        if r.random() < 0.7:
            ix = self.index_array(size)
            self.reach(ix, 0, 0, max(value - 1, 0))
            where = f"{ix}[:{length}]"
        else:
            other = self.alone(ty, [size], "C")
            self.fix(t, other)
            where = f"{r.choice([t, other])} > {r.choice(['0', '1'])}"
        op = r.choice(["=", "=", "=", "+=", "-="])
        return Node("text", code=f"{t}[{where}] {op} {number}")

    # -- blocks

    def make_blocked(self, loops, depth):
        """A loop over blocks whose length is an argument, and in it one over the block's elements."""
        r = self.r
        self.features["blocks of an argument's length"] += 1
        n = r.choice(["n", "n", "m", "17", "n - 1"])
        size = max(self.params["n"] - 1, 0) if n == "n - 1" else self.value_of(n)
        step = r.choice(["m", "m", "m", "2", "5"])
        width = self.value_of(step)
        ty = r.choice(["float64", "float64", "int64", "float32"])
        wide = promote(ty, "int64") if is_int(ty) else ty
        a, b = self.grid(ty, [size + 1]), self.grid(ty, [size + 1])
        end = r.choice([f"min(b + {step}, {n})"] * 5 + [f"min(b + {step}, {n})", f"min({n}, b + {step} + 1)", f"b + {step}"])
        reaching = size + width + 1
        for x in (a, b):
            if not end.startswith("min"):
                self.reach(x, 0, 0, reaching)
        around = [("b", 0, max(size - 1, 0)), ("i", 0, max(size, 0) if end.startswith("min") else reaching)]
        style = self.pick(["own", "block", "shift", "flat", "sum", "any"], [4, 3, 3, 2, 2, 2])
        self.features[f"blocks {style}"] += 1
        new = Node("bin", wide, op=r.choice("+-"), a=load(ty, b, "i"), b=load(ty, r.choice([a, b]), r.choice(["i", "i", "b"])))
        head, tail = [], []
        if style == "own":
            body = [Node("store", array=a, subs=["i"], value=new)]
        elif style == "block":  # an element of the block, made of all of it
            count = self.grid(ty, [size // max(width, 1) + 1 if r.random() < 0.9 else 1])
            value = self.in_type(load(ty, b, "i"), ty)
            body = [Node("update", array=count, subs=[f"b // {step}"], op="+", value=value, ty=promote(ty, value.ty))]
        elif style == "shift":
            other = r.choice([f"i - {step}", "i - 1", f"i + {step}"])
            self.reach(a, 0, -reaching if "-" in other else 0, reaching + width)
            body = [Node("store", array=a, subs=["i"], value=Node("bin", wide, op="+", a=load(ty, a, other), b=load(ty, b, "i")))]
        elif style == "flat":  # the start of the block found again
            q = self.alone(ty, [max(size, reaching) * 2 + width + 2])
            body = [Node("store", array=q, subs=[r.choice([f"b // {step} * {step} + (i - b)", "2 * b + (i - b)", "i"])], value=new)]
        elif style == "sum":
            s, kind = self.name("s"), "float64" if is_float(ty) else "int64"
            out = self.grid(kind, [size + 1])
            term = self.to_float(load(ty, b, "i")) if kind == "float64" else load(ty, b, "i")
            head.append(Node("assign", name=s, value=const(0.0 if kind == "float64" else 0)))
            body = [Node("assign", name=s, aug="+", value=Node("bin", kind, op="+", a=var(s, kind), b=term))]
            tail.append(Node("store", array=out, subs=["b"], value=var(s, kind)))
        else:
            body = [self.statement(around, 0)]
        inner = [Node("for", var="i", lo="b", hi=end, step=1, body=body)]
        if r.random() < 0.2:
            rows = self.grid(ty, [size + width + 2, 4])
            inner = [Node("for", var="i", lo="b", hi=end, step=1, body=[Node("for", var="j", lo="0", hi="4", step=1, body=[
                Node("update", array=rows, subs=["i", "j"], op="+", value=self.in_type(var("j"), ty), ty=promote(ty, "int64")
                     if is_int(ty) else "float64")])])]
        if r.random() < 0.15:  # down
            return Node("for", var="b", lo=f"({n} - 1) // {step} * {step}", hi="-1", step=f"-{step}", body=head + inner + tail)
        return Node("for", var="b", lo="0", hi=n, step=step, body=head + inner + tail)

    def make_strided(self, loops, depth):
        """A loop whose step is an argument, beside one that fills the gaps: sieves, interleaved planes."""
        r = self.r
        self.features["step of an argument"] += 1
        n = r.choice(["n", "n", "17", "3 * m"])
        size = 3 * self.params["m"] if n == "3 * m" else self.value_of(n)
        step = r.choice(["m", "m", "m", "2 * m", "(i + 1)", "(m - 1)"])  # a step of zero is an error
        ty = r.choice(["float64", "int64", "int32"])
        a, b = self.grid(ty, [size + 1]), self.grid(ty, [size + 1])
        value = self.in_type(load(ty, b, "j"), ty)
        style = r.choice(["phase", "sieve", "rows"])
        if style == "phase":  # every phase takes its own elements
            inner = Node("for", var="j", lo=r.choice(["i", "i", "i + 1", "0"]), hi=n, step=step, body=[
                Node("update", array=a, subs=["j"], op=r.choice("+-"), value=value, ty=promote(ty, value.ty))])
            return Node("for", var="i", lo="0", hi="m", step=1, body=[inner])
        if style == "sieve":
            mark = const(0.5) if is_float(ty) else const(r.randint(0, 3))
            inner = Node("for", var="j", lo=r.choice(["i", "2 * i", "i * i"]), hi=n, step="i", body=[
                Node("store", array=a, subs=["j"], value=mark)])
            if r.random() < 0.5:
                test = Node("compare", "bool", op=">", a=load(ty, a, "i"), b=const(0))
                inner = Node("when", test=test, body=[inner], orelse=[])
            return Node("for", var="i", lo="1", hi=n, step=1, body=[inner])
        down = r.random() < 0.3
        step = "m" if step == "(i + 1)" else step
        heads = (f"{n} - 1", "-1", f"-{step}") if down else (r.choice(["0", "1"]), n, step)
        body = [Node("store", array=a, subs=["i"], value=Node(
            "bin", promote(ty, "int64") if is_int(ty) else ty, op="+", a=load(ty, b, "i"),
            b=load(ty, a, r.choice(["i", "i - m", "i", "i + m", "i - 1"]))))]
        self.reach(a, 0, -size - self.params["m"] - 1, size + self.params["m"])
        return Node("for", var="i", lo=heads[0], hi=heads[1], step=heads[2], body=body)

    # -- matrices in flat arrays

    def make_flat(self, loops, depth):
        """a[i * n + j]: the array fits, is too short, or another width is multiplied with."""
        r = self.r
        rows, columns = r.choice(["m", "m", "5", "n"]), r.choice(["n", "n", "m", "7"])
        if self.value_of(rows) * self.value_of(columns) > MOST_ITERATIONS // 2:
            rows = "m"
        width = r.choice([columns] * 6 + [rows, f"({columns} + 1)", f"({columns} - 1)", "3"])
        w = {f"({columns} + 1)": self.value_of(columns) + 1, f"({columns} - 1)": self.value_of(columns) - 1}.get(
            width) if width.startswith("(") else self.value_of(width)
        m, n = self.value_of(rows), self.value_of(columns)
        ty = r.choice(["float64", "float64", "int64", "float32", "int32"])
        wide = promote(ty, "int64") if is_int(ty) else ty
        self.features["flat matrix" if width == columns else "flat matrix of another width"] += 1
        forms = {  # text, least, most
            "plain": (f"i * {width} + j", 0, (m - 1) * w + n - 1),
            "turned": (f"j * {rows} + i", 0, (n - 1) * m + m - 1),
            "back": (f"i * {width} + {columns} - 1 - j", 0, (m - 1) * w + n - 1),
            "up": (f"({rows} - 1 - i) * {width} + j", 0, (m - 1) * w + n - 1),
            "start": (f"m + i * {width} + j", 0, self.params["m"] + (m - 1) * w + n),
            "right": (f"i * {width} + j + 1", 0, (m - 1) * w + n),
            "below": (f"(i + 1) * {width} + j", 0, m * w + n),
            "left": (f"i * {width} + j - 1", -1, (m - 1) * w + n - 1),
            "planes": (f"(i * {width} + j) * 2 + {r.choice('01')}", 0, 2 * ((m - 1) * w + n)),
            "triangle": ("i * (i + 1) // 2 + j", 0, m * (m + 1) // 2 + n),
            "square": ("i * i + j", 0, m * m + n),
            "remainder": (f"i * {width} + j % {max(n - 1, 1)}", 0, (m - 1) * w + n - 1)}

        def at(array, style):
            text, least, most = forms[style]
            most = max(most, 0)
            self.reach(array, 0, 0, most)
            if least < 0:
                self.reach(array, 0, least, 0)
            return text

        kinds = list(forms)
        usual = ["plain"] * 8 + ["turned", "back", "up", "start"]
        out, of = self.alone(ty, [1]), self.alone(ty, [1])
        place = at(out, r.choice(usual + ["planes", "triangle", "square", "remainder"]))
        sources = [load(ty, x, at(x, r.choice(usual + kinds))) for x in (of, r.choice([of, of, out]))]
        value = Node("bin", wide, op=r.choice("+-"), a=sources[0], b=sources[1])
        how = r.random()
        if how < 0.6:
            body = [Node("store", array=out, subs=[place], value=value)]
        elif how < 0.8:
            body = [Node("update", array=out, subs=[place], op="+", value=value, ty=promote(ty, value.ty))]
        else:  # a row's sum
            row = self.alone(ty, [m])
            body = [Node("update", array=row, subs=["i"], op="+", value=value, ty=promote(ty, value.ty))]
        if r.random() < 0.25:  # elements are missing: IndexError in the middle, or a subscript that counts from the end
            x = r.choice([out, of])
            self.arrays[x]["hi"][0] = max(self.arrays[x]["hi"][0] - r.choice([1, 1, 2, n, w + 1]), 0)
        heads = [("i", r.choice(["0", "0", "0", "1"]), rows, 1), ("j", r.choice(["0", "0", "0", "1", "i"]), columns, 1)]
        if r.random() < 0.15:
            heads[1] = ("j", f"{columns} - 1", "-1", -1)
        if r.random() < 0.15:
            heads.reverse()
            heads = [(v, "0" if lo == "i" else lo, hi, step) for v, lo, hi, step in heads]
        if r.random() < 0.1:
            body = [Node("when", test=self.condition([("i", 0, m - 1), ("j", 0, n - 1)]), body=body, orelse=[])]
        return self.nest(heads, body)

    # -- two buffers in one array

    def make_two_buffers(self, loops, depth):
        """x[1 - s] from x[s], then s = 1 - s; or the buffer follows from the time step."""
        r = self.r
        self.features["two buffers"] += 1
        n, ndim = r.choice(["n", "n", "m", "12"]), r.choice([1, 1, 2])
        size = self.value_of(n)
        while size ** ndim * 4 > MOST_ITERATIONS:
            n, size = "12", 12
            ndim = 1 if size ** ndim * 4 > MOST_ITERATIONS else ndim
        ty = r.choice(["float64", "float64", "int64", "float32"])
        x = self.alone(ty, [2 + r.choice([0, 0, 1])] + [size + 1] * ndim, "C C C F neg view")
        steps = r.choice(["1", "2", "3", "m"])
        if steps == "m" and self.params["m"] * size ** ndim > MOST_ITERATIONS:
            steps = "3"
        s = None
        style = self.pick(["flip", "flip late", "parity", "bit", "wrong"], [5, 1, 4, 2, 1])
        if style.startswith("flip"):
            s = self.outer_scalar("int64", r.choice([0, 0, 1]))
            old, new = s, f"1 - {s}"
            self.after[s] = "int64"
        elif style == "parity":
            old, new = "t % 2", r.choice(["(t + 1) % 2", "1 - t % 2"])
        elif style == "bit":
            old, new = "t & 1", "1 - (t & 1)"
        else:
            old, new = "t % 2", r.choice(["t % 2", "0"])
        axes = "ij"[:ndim]

        def at(buffer):
            subs = list(axes)
            k = r.randrange(ndim)
            subs[k] = plus(subs[k], r.choice([-1, 0, 1, 1]))
            return load(ty, x, buffer, *subs)

        wide = promote(ty, "int64") if is_int(ty) else ty
        value = Node("bin", wide, op=r.choice("+-"), a=at(old), b=at(r.choice([old] * 6 + [new])))
        value = self.weighed(value, ty)
        body = [Node("store", array=x, subs=[new, *axes], value=value)]
        nest = self.nest([(v, "1", f"{n} - 1" if r.random() < 0.8 else n, 1) for v in axes], body)
        parts = [nest]
        if s:
            flip = Node("assign", name=s, value=Node("bin", "int64", op="-", a=const(1), b=var(s)))
            parts = [nest, flip] if style == "flip" else [flip, nest]
        return Node("for", var="t", lo="0", hi=steps, step=1, body=parts)

    # -- sums over products

    def make_contraction(self, loops, depth):
        """c[i, j] += a[i, k] * b[k, j] with odd extents, wide enough for strips of vectors and what is left of them, long
        enough for blocks of rows and what is left of these."""
        r = self.r
        self.features["contraction of odd extents"] += 1
        rows, inner = r.choice([1, 2, 3, 4, 5, 7, 9, 13, 17]), r.choice([0, 1, 2, 3, 5, 7])
        columns = r.choice([1, 3, 7, 8, 15, 17, 31, 33, 35, 63, 64, 65, 67])
        while rows * inner * columns > MOST_ITERATIONS:
            columns = columns // 2
        extent, text = {"i": rows, "k": inner, "j": columns}, {}
        for v, size in extent.items():  # known, or the extent of an array
            text[v] = str(size)
        ty = r.choice(["float64", "float64", "float64", "float32", "int64", "int32"])
        wide = promote(ty, ty)
        batch = r.random() < 0.15
        first = ["p"] if batch else []
        deep = [2] if batch else []
        subs = {"c": ["i", "j"], "a": ["i", "k"], "b": ["k", "j"]}
        for s in ("a", "b"):
            if r.random() < 0.25:
                subs[s] = subs[s][::-1]
        if r.random() < 0.1:
            subs[r.choice("ab")] = [r.choice(["i", "j"])]
        names = {s: self.grid(ty, deep + [extent[v] for v in subs[s]], "C C C C F view neg") for s in "cab"}
        if r.random() < 0.6:
            for v, s in (("i", "c"), ("j", "c"), ("k", "a")):
                if r.random() < 0.7 and v in subs[s] and extent[v] > 0 and not self.arrays[names[s]].get("overlaps"):
                    self.fix(names[s])
                    text[v] = f"{names[s]}.shape[{subs[s].index(v) + len(deep)}]"
        part = {s: load(ty, names[s], *first, *subs[s]) for s in "cab"}
        term = Node("bin", wide, op="*", a=part["a"], b=part["b"])
        if r.random() < 0.2:
            term = Node("bin", wide, op=r.choice("+*"), a=term, b=load(ty, names["b"], *first, *subs["b"]))
        op = r.choice("+++-")
        update = Node("update", array=names["c"], subs=first + subs["c"], op=op, ty=wide, value=term)
        order = r.choice(["ijk", "ijk", "ikj", "ikj", "jik", "kij", "jki", "kji"])
        heads = [(v, "0", text[v], 1) for v in order]
        if r.random() < 0.12:
            heads[1] = (heads[1][0], "1", heads[1][2], 1)
        if r.random() < 0.1 and extent[order[0]] <= extent[order[2]]:
            heads[2] = (order[2], "0", f"{order[0]} + 1", 1)
        body = [update]
        if order in ("ijk", "jik") and r.random() < 0.5:
            clear = Node("store", array=names["c"], subs=first + subs["c"], value=const(0.0 if is_float(ty) else 0))
            nest = self.nest(heads[:2], [clear, self.nest(heads[2:], body)])
        elif order in ("ijk", "jik") and r.random() < 0.4:
            s, kind = self.name("s"), "float64" if is_float(ty) else "int64"
            term = self.to_float(term) if kind == "float64" else self.to_int(term)
            step = Node("assign", name=s, aug="+", value=Node("bin", kind, op="+", a=var(s, kind), b=term))
            store = Node("store", array=names["c"], subs=first + subs["c"], value=var(s, kind))
            nest = self.nest(heads[:2], [Node("assign", name=s, value=const(0.0 if kind == "float64" else 0)),
                                         self.nest(heads[2:], [step]), store])
        else:
            nest = self.nest(heads, body)
        return Node("for", var="p", lo="0", hi="2", step=1, body=[nest]) if batch else nest
