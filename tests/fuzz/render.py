"""A kernel's text, for the compiler and for CPython, and its arguments."""
import numpy as np

from arguments import LAST, make_array, overlapping
from tree import Node, bodies, is_float, is_int, top_names, unify, walk


class Kernel:
    def __init__(self, maker, body, wrong, exact, grain):
        self.seed, self.params, self.arrays, self.scalars = maker.seed, maker.params, maker.arrays, dict(maker.scalars)
        self.helpers, self.features, self.rough = maker.helpers, maker.features, maker.rough
        self.body, self.wrong, self.exact, self.grain = body, wrong, exact, grain

    def names(self):
        return list(self.params) + [n for n, a in self.arrays.items() if "local" not in a]

    def loop_lines(self):
        """The loops of the source with the lines they stand in: [(line, node)], the first line is 1."""
        text = self.source().splitlines()
        first = next(k for k, line in enumerate(text) if line.startswith("def kernel("))
        heads = [k + 1 for k, line in enumerate(text) if k > first and line.lstrip().startswith(("for ", "while "))]
        nodes = [s for s in walk(self.body) if s.kind in ("for", "while", "under")]
        return list(zip(heads, nodes, strict=True))

    def source(self, oracle=False):
        """Text of the helpers and the kernel."""
        lines = []
        for h in self.helpers:
            lines += self.array_helper(h, oracle) if h.kind == "array helper" else self.helper(h, oracle)
        lines.append(f"def kernel({', '.join(self.names())}):")
        for s in self.body:
            lines += self.statement(s, 1, oracle)
        returned = sorted(n for n in self.scalars if n in top_names(self.body))
        self.returned = returned
        lines.append(f"    return {self.result()}")
        return "\n".join(lines) + "\n"

    def result(self):
        return f"({''.join(n + ', ' for n in self.returned)})" if self.returned else "None"

    def array_helper(self, h, oracle):
        """A function that changes elements of an array it is given."""
        lines = [f"def {h.name}(w, k, v):"] if oracle else ["@njit", f"def {h.name}(w, k, v):"]
        return lines + [line for s in h.body for line in self.statement(s, 1, oracle)] + [""]

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
            values = f"{name}({lo}{s.hi}{step})"
            if oracle and getattr(s, "any_order", False):
                values = f"any_order({values})"
            return [f"{pad}for {s.var} in {values}:"] + (inside(s.body) or [pad + "    pass"])
        if s.kind == "while":
            body = inside(s.body)
            return [f"{pad}{s.var} = {s.lo} - ({s.step})",
                    f"{pad}while {s.var} + ({s.step}) {'<' if s.step > 0 else '>'} {s.hi}:",
                    f"{pad}    {s.var} += {s.step}"] + body
        if s.kind == "under":  # a line of text with a block
            return [pad + (getattr(s, "oracle", s.code) if oracle else s.code)] + inside(s.body)
        if s.kind == "block":
            return [line for b in s.body for line in self.statement(b, depth, oracle)]
        if s.kind == "when":
            out = [f"{pad}if {e(s.test)}:"] + (inside(s.body) or [pad + "    pass"])
            orelse = inside(s.orelse)
            return out + ([pad + "else:"] + orelse if orelse else [])
        if s.kind == "return":
            zeros = {"int64": "0", "uint64": "np.uint64(0)", "bool": "False", "complex128": "0j"}
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
            value = self.noted(s) if oracle and getattr(s, "aug", None) else s.value
            return [f"{pad}{s.name} = {e(value)}"]
        target = f"{s.array}[{self.subscript(s.subs, oracle)}]"
        dtype = self.arrays[s.array]["dtype"] if s.array in self.arrays else "float64"
        if s.kind == "store":
            return [f"{pad}{target} = cast_store('{dtype}', {e(s.value)})" if oracle else f"{pad}{target} = {e(s.value)}"]
        assert s.kind == "update", s.kind
        if oracle:
            a = Node("load", dtype, array=s.array, subs=s.subs)
            b = Node("noted", s.value.ty, how=f"factor('{dtype}', ", a=s.value) if s.op == "*" and is_float(dtype) else s.value
            return [f"{pad}{target} = cast_store('{dtype}', {e(Node('bin', s.ty, op=s.op, a=a, b=b))})"]
        return [f"{pad}{target} {s.op}= {e(s.value)}"]

    def noted(self, s):
        """The value of `name op= term` with the term told to the oracle's watch, where a bound follows from it."""
        if not is_float(s.value.ty) or s.aug not in "+-*":
            return s.value
        how = f"factor('{s.value.ty}', " if s.aug == "*" else f"term('{s.name}', '{s.aug}', "
        return Node("bin", s.value.ty, op=s.value.op, a=s.value.a, b=Node("noted", s.value.b.ty, how=how, a=s.value.b))

    def exact_sums(self):
        """Names of returned sums of floats whose terms are the same to the bit whatever the order: they are made of loop
        variables, parameters and arrays that nothing stores into."""
        statements = [s for b in bodies(self.body) for s in b]
        if any(s.kind in ("return", "text") for s in statements) or any("overlaps" in a for a in self.arrays.values()):
            return []
        stored = {s.array for s in statements if s.kind in ("store", "update")}
        assigned = [s for s in statements if s.kind == "assign"]
        scalars = {s.name for s in assigned}

        outside = [s for b in self.body for s in (b.body if b.kind == "block" else [b])]

        def is_steady(x):
            if x.kind == "load":
                return x.array not in stored and not any(n in sub for sub in x.subs for n in scalars)
            if x.kind == "var":
                return x.name not in scalars
            return all(is_steady(getattr(x, k)) for k in ("a", "b", "test") if isinstance(getattr(x, k, None), Node))

        def is_sum(name):
            own = [s for s in assigned if s.name == name]
            starts = [s for s in own if not getattr(s, "aug", None)]
            return self.scalars[name] == "float64" and len(starts) == 1 and starts[0] in outside and \
                starts[0].value.kind == "const" and all(
                    s.aug in "+-" and s.value.ty == "float64" and s.value.a.kind == "var" and is_steady(s.value.b)
                    for s in own if s is not starts[0])

        return [n for n in self.scalars if n in scalars and is_sum(n)]

    def returned_names(self):
        names = top_names(self.body)
        return sorted(n for n in self.scalars if n in names)

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
        if k == "noted":
            return f"{x.how}{e(x.a)})"
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
            if k in ("npmin", "npmax"):
                return f"np.{k[2:]}imum({e(x.a)}, {e(x.b)})"
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
        if k in ("npmin", "npmax"):
            return f"wrap('{x.ty}', np_extreme('{k}', {in_type(x.a, x.ty)}, {in_type(x.b, x.ty)}))"
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

    def shift(self, a):
        return max(self.arrays[a["overlaps"]]["hi"][0], 0) if a["shift"] == LAST else a["shift"]

    def build(self):
        """Fresh argument list: [(value, whole buffer or None)]. The same every time."""
        r = np.random.default_rng(self.seed)
        out = [(v, None) for v in self.params.values()]
        made = {}
        for name, a in self.arrays.items():
            if "local" in a:
                continue
            shape = tuple(h + 1 for h in a["hi"])
            if self.wrong and "index_of" not in a and "whole" not in a and shape[0] > 1:
                shape = (shape[0] - 1,) + shape[1:]
            if a.get("overlaps") in made:
                made[name] = overlapping(made[a["overlaps"]], {**a, "shift": self.shift(a)}, shape)
            if name not in made:
                room = max([s["hi"][0] + 1 + self.shift(s) for s in self.arrays.values() if s.get("overlaps") == name],
                           default=0)
                made[name] = make_array(r, a, shape, room, self.exact)
            out.append(made[name][:2])
        return out
