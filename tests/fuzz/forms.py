"""The kinds of statement a kernel is made of: a mixin of generate.Maker. To add one, write make_NAME(self, loops), which
returns a Node, and give it a weight in Forms.INNER (inside loops) or Forms.OUTER (a whole nest)."""
import copy
import math

from arguments import LAST, MOST_ITERATIONS
from nests import Nests
from subscripts import Subscripts
from tree import Node, const, is_complex, is_float, is_int, promote, put_text, unify, var


class Forms(Nests, Subscripts):
    INNER = {"store": 50, "update": 12, "histogram": 10, "private": 12, "condition": 10, "carried": 4, "last": 4,
             "array": 5, "raise": 1, "reduce": 2, "local_array": 3, "view": 4, "induction": 3, "element_sum": 6,
             "row_sum": 3, "array_call": 2.5, "two_raises": 0.7, "print": 0.9, "several": 4, "chosen_row": 0.7, "stages": 2,
             "seen_sum": 2.5, "seen_before": 1, "moved_index": 1.5}
    OUTER = {"loop": 55, "reduction": 33, "prange": 8, "array": 5, "swap": 4, "stencil": 7, "product": 4, "siblings": 6,
             "rows": 2, "scatter": 1, "cumulative": 2.5, "trusted": 2, "shared_update": 3, "stages": 8,
             "combine": 17, "recurrence": 4, "columns": 4, "factor": 3, "sweeps": 9, "paths": 3, "intervals": 1.5, "calls": 2,
             "absent": 0.8, "raises": 2,
             "escape": 4, "before": 3, "items": 1.5, "checked": 2,
             "solve": 2, "vectors": 4, "products": 4, "overlapped": 3, "single": 8, "ring": 5,
             "float_index": 7, "marks": 5, "indexed_constant": 2.5, "blocked": 6, "strided": 3.5, "flat": 8, "two_buffers": 3.5,
             "contraction": 6}

    COMBINED = {"+": 2, "-": 1, "*": 4, "min": 2, "max": 4, "npmin": 3, "npmax": 3, "&": 4, "|": 5, "^": 4, "when": 1.5,
                "through": 1}  # how iterations update an element that they share

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

    def make_two_raises(self, loops):
        """Two exceptions of different types: the one that comes first in program order is raised."""
        self.features["two exceptions"] += 1
        v, lo, hi = self.r.choice(loops)

        def at(name):
            test = Node("compare", "bool", op=self.r.choice(["==", "==", ">"]), a=var(v), b=const(self.r.randint(0, 12)))
            return Node("when", test=test, body=[Node("raise", name=name)], orelse=[])

        names = ["ValueError", "IndexError"]
        self.r.shuffle(names)
        return Node("block", body=[at(n) for n in names])

    def make_print(self, loops):
        self.features["print"] += 1
        return Node("when", test=Node("compare", "bool", op="==", a=var(loops[-1][0]), b=const(2)),
                    body=[Node("text", code="print(1)")], orelse=[])

    def make_several(self, loops):
        """A variable assigned in both arms of a condition, then used as a subscript."""
        self.features["variable with two values"] += 1
        n, (v, lo, hi) = self.name("t"), self.r.choice(loops)
        c, d = self.r.randint(0, 2), self.r.randint(0, 3)
        out = self.element([("0", 0, 0)], lambda a: a["ndim"] == 1 and not is_complex(a["dtype"]), written=True)
        self.reach(out.array, 0, lo + min(c, d), max(hi, lo) + max(c, d))
        first = Node("assign", name=n, value=Node("bin", "int64", op="+", a=var(v), b=const(c)))
        second = Node("assign", name=n, value=Node("bin", "int64", op="+", a=var(v), b=const(d)))
        value = self.storable(out.array, self.real(self.expr(loops, 1)))
        store = Node("store", array=out.array, subs=[n], value=value)
        if self.r.random() < 0.6:  # the second value from the second iteration of an inner loop on
            if self.r.random() < 0.6:
                second = Node("when", test=self.condition(loops), body=[second], orelse=[])
            return Node("block", body=[first, Node("for", var=self.name("k"), lo="0", hi="2", step=1, body=[store, second])])
        again = Node("when", test=self.condition(loops), body=[second], orelse=[])
        return Node("block", body=[first, again, store])

    def make_induction(self, loops):
        """A counter that every iteration moves on, as a subscript."""
        self.features["induction variable"] += 1
        r, n = self.r, self.outer_scalar("int64", r0 := self.r.randint(0, 2))
        step = r.choice([1, 1, 2])
        trips = math.prod(max(h - l + 1, 0) for _, l, h in loops)
        t = self.array(lambda a: a["ndim"] == 1 and not is_complex(a["dtype"]) and "index_of" not in a, written=True)
        if self.arrays[t]["ndim"] != 1 or trips > 2 * MOST_ITERATIONS:
            return self.make_store(loops)
        self.reach(t, 0, r0, r0 + step * trips)
        value = self.storable(t, self.real(self.expr(loops, 1)))
        store = Node("store", array=t, subs=[n], value=value)
        move = Node("assign", name=n, aug="+", value=Node("bin", "int64", op="+", a=var(n), b=const(step)))
        if r.random() < 0.3:
            self.after[n] = "int64"
        return Node("block", body=[store, move] if r.random() < 0.5 else [move, store])

    def make_element_sum(self, loops):
        """An array element that the innermost loop accumulates into."""
        self.features["element sum"] += 1
        return self.make_update_at(loops, loops[:-1])

    def make_seen_sum(self, loops):
        """An element that is read, changed in a loop, and read again; sometimes the loop does not run, and then the element
        need not exist."""
        r = self.r
        self.features["element sum seen"] += 1
        k, out = self.name("k"), self.element(loops, lambda a: a["dtype"] == "float64", written=True)
        trips = r.choice([0, 0, 1, 2, 3])
        inner = loops + [(k, 0, max(trips, 1) - 1)]
        bounds = {"lo": "0", "hi": str(trips), "step": 1}
        if trips == 0:
            bounds = r.choice([{"lo": "m", "hi": "m - 1", "step": 1}, {"lo": "0", "hi": "n - n", "step": 1},
                               {"lo": "m - 1", "hi": "m", "step": -1}])
        update = self.make_update_at(inner, loops)
        see = Node("store", array=out.array, subs=out.subs, value=self.storable(
            out.array, self.real(Node("load", self.arrays[update.array]["dtype"], array=update.array, subs=update.subs))))
        if trips == 0 and r.random() < 0.6:
            far = [r.choice(["n + 1000000007", "-m - 1000000007", s]) for s in update.subs]
            update = copy.deepcopy(update)
            loaded = getattr(update.value, "a", None)
            if update.kind == "store" and loaded is not None:
                loaded.subs = far
            update.subs = far
            return Node("for", var=k, body=[update], **bounds)
        parts = [see, Node("for", var=k, body=[update], **bounds)]
        if r.random() < 0.5:
            parts.append(copy.deepcopy(see))
        return Node("block", body=parts if r.random() < 0.8 else parts[1:])

    def make_seen_before(self, loops):
        """An element that is read in front of a loop, and in it, where it changes."""
        r = self.r
        self.features["element seen before a loop"] += 1
        k, t, out = self.name("k"), self.name("t"), self.element(loops, lambda a: a["dtype"] == "float64", written=True)
        e = self.element(loops, lambda a: not is_complex(a["dtype"]) and a["dtype"] != "bool", written=True)
        inner = loops + [(k, 0, 2)]
        old = Node("load", e.ty, array=e.array, subs=e.subs)
        new = Node("bin", promote(e.ty, "int64"), op=r.choice("+-"), a=old, b=r.choice([const(1), var(k)]))
        see = Node("store", array=out.array, subs=self.element(inner, of=out.array).subs, value=self.to_float(old))
        change = Node("store", array=e.array, subs=e.subs, value=new)
        parts = [change] if r.random() < 0.4 else [see, change]
        if r.random() < 0.3:
            parts[-1] = Node("when", test=self.condition(inner), body=[parts[-1]], orelse=[])
        return Node("block", body=[Node("assign", name=t, value=copy.deepcopy(old)),
                                   Node("for", var=k, lo="0", hi=r.choice(["3", "2", "min(m, 3)"]), step=1, body=parts),
                                   Node("store", array=out.array, subs=out.subs, value=self.to_float(var(t, e.ty)))])

    def make_moved_index(self, loops):
        """A subscript in a variable that an inner loop moves on when something holds."""
        r = self.r
        self.features["index moved in a loop"] += 1
        t, k, (v, lo, hi) = self.name("t"), self.name("k"), r.choice(loops)
        c, d = r.sample([0, 1, 2], 2)
        out = self.new_array(r.choice(["float64", "int64"]), 1, r.choice(["C", "C", "view", "neg"]))
        self.reach(out, 0, lo, max(hi, lo) + 2)
        inner = loops + [(k, 0, 2)]
        value = self.to_float(self.expr(inner, 1)) if self.arrays[out]["dtype"] == "float64" else var(k)
        move = Node("when", test=self.condition(inner), orelse=[],
                    body=[Node("assign", name=t, value=Node("bin", "int64", op="+", a=var(v), b=const(d)))])
        body = [Node("store", array=out, subs=[t], value=value), move]
        return Node("block", body=[Node("assign", name=t, value=Node("bin", "int64", op="+", a=var(v), b=const(c))),
                                   Node("for", var=k, lo="0", hi=r.choice(["3", "2", "min(m, 3)"]), step=1, body=body)])

    def make_absent(self, loops, depth):
        """Elements far outside of an array, touched only in loops that do not run for them."""
        r = self.r
        self.features["elements that do not exist"] += 1
        ty = r.choice(["float64", "float64", "int64", "int32"])
        a, b = self.new_array(ty, 1, r.choice(["C", "C", "view", "neg"])), self.new_array(ty, 1, "C")
        for n in (a, b):
            self.arrays[n].pop("overlaps", None)
            self.reach(n, 0, 0, 3)
        self.arrays[a].update(pinned=True, whole=True)
        step = r.choice([1, 700000001, 1000000007])
        value = Node("load", ty, array=b, subs=[r.choice(["k", "k", "0"])])
        body = Node("update", array=a, subs=["i"], op=r.choice("+-*"), value=value, ty=promote(ty, ty))
        inner = Node("for", var="k", lo="i", hi=f"{a}.shape[0]", step=1, body=[body])
        return Node("for", var="i", lo="0", hi=str(step * 4), step=step, body=[inner])

    def make_raises(self, loops, depth):
        """Several iterations raise, not all of them the same: the first one counts, whichever runs first."""
        r = self.r
        self.features["several iterations raise"] += 1
        n = r.choice(["n", "n", "17"])
        most = max(self.value_of(n) - 1, 0)
        around = [("i", 0, most)]
        out = self.new_array("float64", 1, "C")
        self.arrays[out].pop("overlaps", None)
        self.arrays[out]["alone"] = True
        self.reach(out, 0, 0, most)
        self.closed = {out}
        parts = [Node("store", array=out, subs=["i"], value=self.to_float(self.expr(around, 1)))]
        names = ["ValueError", "IndexError", "ZeroDivisionError"]
        r.shuffle(names)
        for name in names[:2]:
            test = Node("compare", "bool", op=r.choice(["==", "==", ">", "<"]), a=var("i"), b=const(r.randint(0, most)))
            parts.insert(r.randint(0, len(parts)), Node("when", test=test, body=[Node("raise", name=name)], orelse=[]))
        if r.random() < 0.3:
            parts.append(Node("update", array=out, subs=["i"], op="/", ty="float64", value=self.to_float(self.leaf(around))))
        self.closed = set()
        return Node("for", var="i", lo="0", hi=n, step=1, body=parts, prange=r.random() < 0.3)

    def make_single(self, loops, depth):
        """A loop, or two, around one statement that has a loop or a variable of its own, and nothing else."""
        lo, hi, step, least, most = self.bounds([], MOST_ITERATIONS // 8)
        around = [("(i - far)" if lo == "far" else "i", least, most)]
        form = self.r.choice(["moved_index", "seen_before", "local_array", "local_array", "several", "seen_sum", "view", "reduce",
                              "carried"])
        body = [getattr(self, f"make_{form}")(around)]
        return Node("for", var="i", lo=lo, hi=hi, step=step, body=body)

    def make_calls(self, loops, depth):
        """Iterations that only call: what the function does to the array decides what may run side by side."""
        r = self.r
        lo, hi, step, least, most = self.bounds([], MOST_ITERATIONS // 8)
        v = "(i - far)" if lo == "far" else "i"
        body = [self.make_array_call([(v, least, most)])]
        if r.random() < 0.3:
            body.insert(r.randint(0, 1), self.make_store([(v, least, most)]))
        return Node("for", var="i", lo=lo, hi=hi, step=step, body=body)

    def make_row_sum(self, loops):
        """A row that the outer loop accumulates into."""
        self.features["row sum"] += 1
        return self.make_update_at(loops, loops[-1:])

    def make_update_at(self, loops, outer):
        t = self.element(outer, lambda a: a["dtype"] not in ("bool", "complex128"), written=True)
        floats = is_float(t.ty)
        op = self.pick(["+", "-", "*", "min", "max"] + ([] if floats else ["&", "|", "^"]),
                       [6, 3, 2, 2, 2] + ([] if floats else [1, 1, 1]))
        value = self.expr(loops, 1)
        value = self.to_float(value) if floats else self.to_integer(value)
        if op in ("min", "max"):
            load = Node("load", t.ty, array=t.array, subs=t.subs)
            if not floats:
                value = self.to_int(value)
            return Node("store", array=t.array, subs=t.subs,
                        value=Node(op, unify(t.ty, value.ty), a=load, b=value))
        return Node("update", array=t.array, subs=t.subs, op=op, value=value, ty=promote(t.ty, value.ty))

    def array_helper(self):
        """A function that stores into its argument, or adds to an element; sometimes never inlined."""
        made = [h for h in self.helpers if h.kind == "array helper"]
        if made and self.r.random() < 0.5:
            return self.r.choice(made)
        r = self.r
        load = lambda k: Node("load", "float64", array="w", subs=[k])
        value = Node("bin", "float64", op=r.choice("+-"), a=load(r.choice(["k", "k", "k + 1"])), b=var("v", "float64"))
        body = [Node("store", array="w", subs=["k"], value=value)]
        if r.random() < 0.4:
            body.append(Node("update", array="w", subs=["k + 1"], op="+", value=const(0.5), ty="float64"))
        h = Node("array helper", name=self.name("g"), body=body)
        if r.random() < 0.5:  # recursive functions are called
            body.append(Node("when", test=Node("compare", "bool", op=">", a=var("k"), b=const(2)), orelse=[],
                             body=[Node("text", code=f"{h.name}(w, k - 3, v)")]))
        self.helpers.append(h)
        return h

    def make_chosen_row(self, loops):
        """A row of one array or another, by a condition, stored through."""
        self.features["row of one array or another"] += 1
        (v, lo, hi), w = loops[-1], self.name("w")
        flavour = self.r.choice(["C", "F", "view"])
        a, b = (self.new_array("float64", 2, flavour) for _ in range(2))
        for n in (a, b):
            self.arrays[n].update(flavour=flavour)
            self.arrays[n].pop("overlaps", None)
            self.reach(n, 0, lo, max(hi, lo))
            self.reach(n, 1, 0, 2)
        store = Node("store", array=w, subs=[self.r.choice(["0", "1", "-1"])], value=self.to_float(self.expr(loops, 1)))
        return Node("block", body=[
            Node("text", code=f"{w} = {a}[{v}]"),
            Node("when", test=self.condition(loops), body=[Node("text", code=f"{w} = {b}[{v}]")], orelse=[]), store])

    def make_array_call(self, loops):
        self.features["call with an array"] += 1
        h = self.array_helper()
        t = self.array(lambda a: a["ndim"] == 1 and a["dtype"] == "float64" and "index_of" not in a, written=True)
        if self.arrays[t]["ndim"] != 1 or self.arrays[t]["dtype"] != "float64":
            return self.make_store(loops)
        text, lo, hi = self.affine(loops)
        if hi >= 0 > lo or lo < 0:  # k + 1 shall not leave the array
            text, lo, hi = loops[-1]
        self.reach(t, 0, lo, hi + 1)
        return Node("text", code=f"{h.name}({t}, {text}, {self.r.choice(['x', '0.5', '-1.25'])})")

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
        size = length = self.r.choice([2, 3, 5])
        if self.r.random() < 0.5:  # an extent that is not known is kept in memory that iterations share
            size, length = self.params["m"], "m"
        inner = loops + [(k, 0, size - 1)]
        filled = self.r.choice([size, size, size - 1, 1])  # the rest is as it was made
        made = self.r.choice(["zeros", "ones", "empty"] if filled == size else ["zeros", "zeros", "ones"])
        fill = Node("store", array=n, subs=[k], value=self.to_float(self.expr(inner, 1)), dtype="float64")
        if made != "empty" and self.r.random() < 0.6:  # other elements in every iteration
            (v, lo, hi), seen = loops[-1], self.new_array("float64", 1)
            self.reach(seen, 0, lo, max(hi, lo) + size - 1)
            test = Node("compare", "bool", op="<", a=Node("load", "float64", array=seen, subs=[f"{v} + {k}"]), b=const(0.0))
            fill = Node("when", test=test, body=[fill], orelse=[])
        return Node("block", body=[
            Node("text", code=f"{n} = np.{made}({length})"),
            Node("for", var=k, lo="0", hi=str(length if filled == size else filled), step=1, body=[fill]),
            Node("for", var=k, lo="0", hi=str(length), step=1, body=[
                Node("update", array=out.array, subs=out.subs, op="+", ty="float64",
                     value=Node("load", "float64", array=n, subs=[k]))])])

    def make_stages(self, loops, depth=None):
        """Loops over the same iterations, one after the other: a local array goes from the first to the later ones, and
        they read and write one another's elements. Sometimes a statement stands between, sometimes the start differs."""
        r = self.r
        self.features["stages"] += 1
        v, w = "ijklpq"[len(loops)], self.name("w")
        room = MOST_ITERATIONS // 3 // math.prod(max(h - l + 1, 1) for _, l, h in loops)
        lo, hi, step, least, most = self.bounds(loops, room)
        inner = loops + [(v, least, most)]
        exact = r.random() < 0.7
        size = max(most, 0) + 5
        body = [Node("text", code=f"{w} = np.zeros({size})")]
        store = Node("store", array=w, subs=[v], value=self.to_float(self.expr(inner, 1)), dtype="float64")
        first = [store] if exact or r.random() < 0.6 else [Node("when", test=self.condition(inner), body=[store], orelse=[])]
        if r.random() < 0.5:
            first.append(self.make_store(inner))
        body.append(Node("for", var=v, lo=lo, hi=hi, step=step, body=first))
        touched = first[-1].array if first[-1].kind == "store" and first[-1].array != w else None
        for _ in range(r.choice([1, 1, 2])):
            seen = None
            if r.random() < 0.25:  # an element of what the first loop made, read between the loops
                seen = var(self.name("t"), "float64")
                body.append(Node("assign", name=seen.name, value=Node(
                    "load", "float64", array=w, subs=[str(r.randint(0, min(size - 1, 4)))])))
            elif r.random() < 0.2:
                body.append(self.make_store(loops) if r.random() < 0.5 else
                            Node("text", code=f"{self.name('w')} = np.zeros({size})"))
            shift = r.choice([1, 2]) if exact and "+" not in hi and step == 1 and lo.isdigit() and r.random() < 0.2 else 0
            sub = v if exact else r.choice([v, v, f"{v} + 1", f"{v} + 2"])
            if shift:
                self.features["stages shifted"] += 1
                sub = f"{v} - {shift}"
            around = loops + [(v, least + shift, most + shift)]
            value = Node("load", "float64", array=w, subs=[sub])
            other = self.to_float(self.element(around, of=touched) if touched and r.random() < 0.5
                                  else self.expr(around, 1))
            value = Node("bin", "float64", op=r.choice("+-*"), a=value, b=seen or other)
            out = self.element(around, lambda a: a["dtype"] == "float64", written=True)
            later = [Node("store", array=out.array, subs=out.subs, value=value)]
            if touched and not shift and r.random() < 0.3:
                later.append(self.make_update(around, of=touched) if self.arrays[touched]["dtype"] != "bool" else
                             self.make_store(around))
            if exact and r.random() < 0.3:
                later.append(Node("update", array=w, subs=[sub], op="+", ty="float64", value=const(1.5)))
            body.append(Node("for", var=v, lo=f"{lo} + {shift}" if shift else lo, hi=f"{hi} + {shift}" if shift else hi,
                             step=step, body=later))
        return Node("block", body=body)

    def make_view(self, loops):
        """A view named, and a loop over its own length that stores through it."""
        self.features["view"] += 1
        a = self.array(lambda a: a["dtype"] == "float64" and a["ndim"] < 3 and "index_of" not in a, written=True)
        n, k = self.name("w"), self.name("k")
        length, value = self.span_of(loops)
        if value * math.prod(max(h - l + 1, 1) for _, l, h in loops) > 2 * MOST_ITERATIONS:
            return self.make_store(loops)
        parts = [self.slice_of(a, self.arrays[a]["ndim"] - 1, length, value)]
        if self.arrays[a]["ndim"] == 2:
            t, lo, hi = self.affine(loops)
            self.reach(a, 0, lo, hi)
            parts.insert(0, t)
        inner = loops + [(k, 0, value - 1)]
        new = self.to_float(self.expr(inner, 1))
        if self.r.random() < 0.5:  # what the view looks into is read under its own name too
            new = Node("bin", "float64", op="-", a=new, b=self.element(inner, of=a))
        return Node("block", body=[
            Node("text", code=f"{n} = {a}[{', '.join(parts)}]"),
            Node("for", var=k, lo="0", hi=f"{n}.shape[0]", step=1, body=[
                Node("store", array=n, subs=[k], value=new)])])

    def nest(self, heads, body):
        for v, lo, hi, step in reversed(heads):
            body = [Node("for", var=v, lo=lo, hi=hi, step=step, body=body)]
        return body[0]

    def make_stencil(self, loops, depth):
        """Rows and columns without their borders, from neighbours in the same array or another: Seidel, Jacobi, dynamic
        programming; sometimes in a time loop."""
        self.features["stencil"] += 1
        r = self.r
        n, m = (r.choice(["n", "m", "12"]) for _ in range(2))
        rows, columns = (self.params.get(s, 12) for s in (n, m))
        a = self.new_array(r.choice(["float64", "float64", "int64", "int32"]), 2, r.choice(["C", "C", "F", "view", "neg"]))
        sources = [a] if r.random() < 0.7 else [a, self.new_array(self.arrays[a]["dtype"], 2)]
        heads = [("i", "1", f"{n} - 1", 1), ("j", "1", f"{m} - 1", 1)]
        if r.random() < 0.25:
            k = r.randrange(2)
            v, lo, hi, _ = heads[k]
            heads[k] = (v, f"{hi} - 1" if hi != "12 - 1" else "10", "0", -1)
        elif r.random() < 0.2:
            heads[1] = ("j", "1" if r.random() < 0.5 else "i", "i + 1" if r.random() < 0.3 else f"{m} - 1", 1)
            rows = max(rows, columns)
            columns = rows + 1
        for s in sources:
            self.reach(s, 0, 0, max(rows - 1, 0))
            self.reach(s, 1, 0, max(columns - 1, 0))
        ty = self.arrays[a]["dtype"]
        wide = promote(ty, "int64" if is_int(ty) else "float64")

        def neighbour():
            s = r.choice(sources)
            subs = [v + r.choice(["", "", " - 1", " + 1", " - 1"]) for v in "ij"]
            return Node("load", ty, array=s, subs=subs)

        value = neighbour()
        for _ in range(r.randint(1, 3)):
            op = self.pick(["+", "-", "min", "max"], [6, 2, 1, 1])
            b = neighbour()
            value = (Node(op, unify(value.ty, b.ty), a=value, b=b) if op in ("min", "max") else
                     Node("bin", wide, op=op, a=value, b=b))
        if not is_int(ty):
            value = Node("bin", "float64", op="*", a=self.to_float(value), b=const(0.25))
        body = [Node("store", array=a, subs=["i", "j"], value=value)]
        if r.random() < 0.15:
            body = [Node("when", test=self.condition([("i", 1, 1), ("j", 1, 1)]), body=body, orelse=[])]
        if r.random() < 0.2:
            heads.insert(0, ("t", "0", r.choice(["2", "3"]), 1))
        return self.nest(heads, body)

    def make_overlapped(self, loops, depth):
        """Two arguments that share memory, if only one element, and what one iteration stores another reads."""
        r = self.r
        self.features["overlapped"] += 1
        ndim, n = r.choice([1, 1, 2]), r.choice(["n", "n", "m", "9"])
        ty, most = r.choice(["float64", "int64", "float32"]), max(self.value_of(n) - 1, 0)
        a, b = (self.new_array(ty, ndim, r.choice(["neg", "neg", "view", "C"])) for _ in range(2))
        for x in (a, b):
            self.arrays[x].pop("overlaps", None)
            if ndim == 2:
                self.reach(x, 1, 0, 2)
        self.lay_over(b, a, r.choice([LAST, LAST, 1, 2, max(most // 2, 1)]))
        c, column = r.choice([0, 0, 1]), [r.choice(["0", "2"])] if ndim == 2 else []
        to, of = (a, b) if r.random() < 0.5 else (b, a)
        self.reach(to, 0, 0, most)
        self.reach(of, 0, 0, most + c)
        wide = promote(ty, "int64") if is_int(ty) else ty
        value = Node("bin", wide, op=r.choice("+-"), a=Node("load", ty, array=of, subs=[f"i + {c}" if c else "i"] + column),
                     b=Node("load", ty, array=to, subs=["i"] + column) if r.random() < 0.5 else const(3, wide))
        body = [Node("store", array=to, subs=["i"] + column, value=value)]
        if r.random() < 0.2:
            body.append(self.make_store([("i", 0, most)]))
        heads = r.choice([("0", n, 1), ("0", n, 1), (f"{n} - 1", "-1", -1)])
        return Node("for", var="i", lo=heads[0], hi=heads[1], step=heads[2], body=body)

    def make_product(self, loops, depth):
        """c[i, j] += a[i, k] * b[k, j], its loops in any order, some of its subscripts the wrong way round."""
        self.features["product"] += 1
        r = self.r
        sizes = {v: r.choice(["m", "n", "m", c]) for v, c in zip("ijk", "948")}
        value = {v: self.params.get(s, None) or int(s) if s.isdigit() else self.params[s] for v, s in sizes.items()}
        if math.prod(value.values()) > MOST_ITERATIONS:
            sizes = {v: "m" for v in "ijk"}
            value = dict.fromkeys("ijk", self.params["m"])
        ty = r.choice(["float64", "float64", "int64", "int32", "float32"])
        names = [self.new_array(ty, 2, f) for f in (r.choice(["C", "F", "view"]), None, None)]
        subs = [["i", "j"], ["i", "k"], ["k", "j"]]
        for s in subs[1:]:
            if r.random() < 0.2:
                s.reverse()
        if r.random() < 0.25:
            names[r.choice([1, 2, 2])] = names[0]
        for n, s in zip(names, subs):
            for axis, v in enumerate(s):
                shift = r.choice([0, 0, 0, 0, 0, 1]) if names.count(names[0]) > 1 else 0
                self.reach(n, axis, 0, max(value[v] - 1, 0) + shift)
                s[axis] = f"{v} + {shift}" if shift else v
        wide = promote(ty, ty)
        term = Node("bin", wide, op="*", a=Node("load", ty, array=names[1], subs=subs[1]),
                    b=Node("load", ty, array=names[2], subs=subs[2]))
        body = [Node("update", array=names[0], subs=subs[0], op=r.choice("++-"), value=term, ty=wide)]
        order = list("ijk")
        r.shuffle(order)
        if r.random() < 0.25:  # no sum: the order of k counts
            old = Node("load", ty, array=names[0], subs=subs[0])
            half = Node("bin", wide, op="-", a=term, b=old)
            body = [Node("store", array=names[0], subs=subs[0], value=half)]
            order = r.choice(["kji", "kji", "kij", order])
        heads = [(v, "0", sizes[v], 1) for v in order]
        if r.random() < 0.2:
            v, lo, hi, _ = heads[-1]
            if value[heads[0][0]] <= value[v]:
                heads[-1] = (v, "0", f"{heads[0][0]} + 1", 1)
        return self.nest(heads, body)

    def costly(self, loops):
        """A float64 expression that is worth a loop of its own."""
        a, b = self.to_float(self.expr(loops, 1)), self.to_float(self.expr(loops, 1))
        root = Node("sqrt", "float64", a=a)
        bottom = Node("bin", "float64", op="+", a=Node("abs", "float64", a=b), b=const(1.5))
        return Node("bin", "float64", op="/", a=root, b=bottom)

    def make_recurrence(self, loops, depth):
        """A loop of which one part needs the iteration before and another one does not."""
        self.features["recurrence"] += 1
        r = self.r
        a, out = self.new_array("float64", 1), self.new_array("float64", 1)
        for n in (a, out):
            if self.arrays[n]["flavour"] in ("readonly", "broadcast"):
                self.arrays[n]["flavour"] = "C"
        n = r.choice(["n", "n", "m"])
        around = [("i", 1, self.params[n] - 1)]
        for x in (a, out):
            self.reach(x, 0, 0, max(self.params[n] - 1, 0) + 1)
        t, u = self.name("t"), self.name("u")
        half = lambda x: Node("bin", "float64", op="*", a=x, b=const(0.5))
        load = lambda x, s: Node("load", "float64", array=x, subs=[s])
        parts = [Node("assign", name=t, value=self.costly(around)),
                 Node("store", array=a, subs=["i"], value=Node(
                     "bin", "float64", op=r.choice("+-"), a=half(load(a, r.choice(["i - 1", "i - 1", "i + 1", "i"]))),
                     b=var(t, "float64")))]
        if r.random() < 0.6:
            parts.insert(r.randint(1, 2), Node("store", array=out, subs=[r.choice(["i", "i", "i - 1"])], value=half(
                r.choice([var(t, "float64"), load(a, "i"), load(a, "i - 1")]))))
        if r.random() < 0.35:  # an element as it was, beside the element as it is
            old = self.name("t")
            parts.insert(0, Node("assign", name=old, value=load(a, r.choice(["i", "i", "i + 1"]))))
            parts.append(Node("store", array=out, subs=["i"], value=half(Node(
                "bin", "float64", op="+", a=load(a, r.choice(["i", "i", "i - 1"])), b=var(old, "float64")))))
        if r.random() < 0.3:
            c = self.outer_scalar("float64", 0.25)
            parts.append(Node("assign", name=c, value=half(Node("bin", "float64", op="+", a=var(c, "float64"),
                                                                b=var(t, "float64")))))
            self.after[c] = "float64"
        if r.random() < 0.3:
            parts.insert(1, Node("assign", name=u, value=self.costly(around)))
            parts.append(Node("store", array=out, subs=["i + 1"], value=var(u, "float64")))
        if r.random() < 0.2:
            parts.append(self.statement(around, 0))
        return Node("for", var="i", lo="1", hi=n, step=1, body=parts)

    def make_columns(self, loops, depth):
        """Independent iterations, in each of which a chain runs down a column."""
        self.features["columns"] += 1
        r = self.r
        a = self.new_array(r.choice(["float64", "float64", "int64"]), 2, r.choice(["C", "C", "F", "view", "neg"]))
        ty = self.arrays[a]["dtype"]
        self.reach(a, 0, 0, max(self.params["m"] - 1, 0) + 1)
        self.reach(a, 1, 0, max(self.params["n"] - 1, 0) + 1)
        around = [("i", 0, self.params["n"] - 1), ("j", 1, self.params["m"] - 1)]
        before = Node("load", ty, array=a, subs=[r.choice(["j - 1", "j - 1", "j + 1"]), "i"])
        value = Node("bin", promote(ty, "int64"), op=r.choice("+-"), a=before, b=Node("load", ty, array=a, subs=["j", "i"]))
        if ty == "float64":
            value = Node("bin", "float64", op="*", a=value, b=const(0.5))
        body = [Node("store", array=a, subs=["j", "i"], value=value)]
        head, tail = [], []
        if r.random() < 0.6:
            c, wide = self.name("c"), "float64" if ty == "float64" else "int64"
            head.append(Node("assign", name=c, value=const(0.5 if wide == "float64" else 1)))
            step = Node("bin", wide, op=r.choice("+-"), a=var(c, wide), b=Node("load", ty, array=a, subs=["j", "i"]))
            if wide == "float64":
                step = Node("bin", wide, op="*", a=step, b=const(0.5))
            body.insert(r.randint(0, 1), Node("assign", name=c, value=step))
            tail.append(Node("store", array=a, subs=["0", "i"], value=var(c, wide)))
        if r.random() < 0.3:
            body = [Node("when", test=self.condition(around), body=body, orelse=[])]
        if r.random() < 0.3:
            body.append(self.statement(around, 0))
        inner = Node("for", var="j", lo="1", hi="m", step=1, body=body)
        return Node("for", var="i", lo="0", hi="n", step=1, body=head + [inner] + tail)

    def make_factor(self, loops, depth):
        """A factorisation without pivots: triangular updates of a square."""
        self.features["factorisation"] += 1
        r = self.r
        a, n = self.new_array("float64", 2, r.choice(["C", "C", "F", "view"])), r.choice(["m", "m", "9"])
        most = max(self.params.get(n, 9) - 1, 0)
        for axis in range(2):
            self.reach(a, axis, 0, most)
        load = lambda x, y: Node("load", "float64", array=a, subs=[x, y])
        term = Node("bin", "float64", op="*", a=load("i", "k"), b=load(*r.choice([("k", "j"), ("j", "k")])))
        update = Node("update", array=a, subs=["i", "j"], op="-", value=term, ty="float64")
        scale = Node("update", array=a, subs=["i", "k"], op="*", value=const(0.125), ty="float64")
        if r.random() < 0.5:
            pivot = load("k", "k")
            pivot = pivot if r.random() < 0.2 else Node("bin", "float64", op="+", a=pivot, b=const(9.0))
            scale = Node("update", array=a, subs=["i", "k"], op="/", value=pivot, ty="float64")
        style = r.randrange(3)
        if style == 0:
            body = [Node("for", var="i", lo="k + 1", hi=n, step=1, body=[
                scale, Node("for", var="j", lo="k + 1", hi=n, step=1, body=[update])])]
        elif style == 1:
            body = [Node("for", var="i", lo="k + 1", hi=n, step=1, body=[scale]),
                    Node("for", var="i", lo="k + 1", hi=n, step=1, body=[
                        Node("for", var="j", lo="k + 1", hi=r.choice([n, "i + 1"]), step=1, body=[update])])]
        else:
            return self.nest([("i", "0", n, 1), ("j", "0", r.choice([n, "i", "i + 1"]), 1), ("k", "0", "j", 1)], [update])
        return Node("for", var="k", lo="0", hi=n, step=1, body=body)

    def make_siblings(self, loops, depth):
        """Loops one behind the other over nearly the same range, which use one another's arrays: fusion, and its
        limits."""
        self.features["siblings"] += 1
        r = self.r
        lo, hi, step, least, most = self.bounds([], MOST_ITERATIONS // 4)
        around = [("i", least, most)]
        shared = [self.new_array(r.choice(["float64", "int64", "float64"]), 1, r.choice(["C", "C", "view", "neg"]))
                  for _ in range(r.randint(1, 2))]
        out = []
        for k in range(r.randint(2, 3)):
            mine, c, d = r.choice(shared), r.choice([0, 0, 0, 1, -1]), r.choice([0, 0, 0, 1])
            ty = self.arrays[mine]["dtype"]
            source = Node("load", self.arrays[s := r.choice(shared)]["dtype"], array=s,
                          subs=[f"i + {1 + c}" if lo != "far" else f"(i - far) + {1 + c}"])
            here = around if lo != "far" else [("(i - far)", least, most)]
            for n in (mine, s):
                self.reach(n, 0, least, max(most, 0) + 2)
            value = Node("bin", promote(source.ty, "int64"), op=r.choice("+-*"), a=source, b=const(r.randint(1, 3)))
            value = self.to_float(value) if ty == "float64" else self.to_int(value)
            body = [Node("store", array=mine, subs=[f"{here[0][0]} + 1"], value=value)]
            if r.random() < 0.3:
                body.append(self.statement(here, 0))
            other = r.random()
            bounds = (lo, hi) if other < 0.7 or lo == "far" else (lo, f"min({hi}, 7)") if step > 0 else (lo, hi)
            out.append(Node("for", var="i", lo=bounds[0], hi=bounds[1], step=step, body=body))
            if r.random() < 0.15:
                out.append(self.straight())
        if r.random() < 0.3:
            n = self.name("s")
            self.scalars[n] = "float64"
            out.insert(0, Node("assign", name=n, value=const(0.0)))
            e = self.to_float(Node("load", self.arrays[shared[0]]["dtype"], array=shared[0],
                                   subs=["i" if lo != "far" else "(i - far)"]))
            self.reach(shared[0], 0, least, max(most, 0))
            out.append(Node("for", var="i", lo=lo, hi=hi, step=step, body=[
                Node("assign", name=n, aug="+", value=Node("bin", "float64", op="+", a=var(n, "float64"), b=e))]))
        return Node("block", body=out)

    def make_rows(self, loops, depth):
        """A row of an array named in the loop, stored through, and used after the loop."""
        self.features["row outlives its loop"] += 1
        a, w, t = self.new_array("float64", 2, self.r.choice(["C", "F", "neg", "view"])), self.name("w"), self.name("t")
        self.reach(a, 0, 0, max(self.params["n"] - 1, 0))
        self.reach(a, 1, 0, 3)
        store = Node("store", array=w, subs=["1"], value=self.to_float(self.expr([("i", 0, self.params["n"] - 1)], 1)))
        self.scalars[t] = "float64"
        return Node("block", body=[
            Node("text", code=f"{w} = {a}[0]"),
            Node("for", var="i", lo="0", hi="n", step=1, body=[Node("text", code=f"{w} = {a}[i]"), store]),
            Node("assign", name=t, value=Node("load", "float64", array=w, subs=["1"]))])

    def make_scatter(self, loops, depth):
        """Stores through an index array: of equal indices the last one counts."""
        self.features["scatter"] += 1
        length, value = self.span_of(loops)
        t, b = self.new_array("float64", 1, "C"), self.new_array("float64", 1, "C")
        size = max(value, 4)
        ix = self.index_array(size)
        self.reach(t, 0, 0, size - 1)
        for n in (ix, b):
            self.reach(n, 0, 0, max(value - 1, 0))
        self.arrays[b]["whole"] = True  # of two errors NumPy and we may name different ones
        return Node("text", code=f"{t}[{ix}[:{length}]] = {b}[:{length}]",
                    oracle=f"{t}[{ix}[:{length}]] = np.array({b}[:{length}])")

    def make_cumulative(self, loops, depth):
        """A running sum: every element needs the one before."""
        self.features["cumulative"] += 1
        length, value = self.span_of(loops)
        ty = self.r.choice(["float64", "int64"])
        a, b = self.new_array(ty, 1), self.new_array(ty, 1, "C")
        for n in (a, b):
            self.reach(n, 0, 0, max(value - 1, 0))
        if value > 0 and self.r.random() < 0.6:
            n, f = self.name("t"), self.r.choice(["np.argmin", "np.argmax"])
            self.arrays[a]["whole"] = True
            self.scalars[n] = "int64"
            return Node("text", code=f"{n} = {f}({a}[:{length}])", oracle=f"{n} = {f}({a}[:{length}]).item()", binds=n)
        return Node("text", code=f"{b}[:{length}] = np.cumsum({a}[:{length}])",
                    oracle=f"{b}[:{length}] = np.cumsum(np.array({a}[:{length}]))")

    def own_index(self, most, style):
        """An index array that names each of 0 … most once, or some of them several times."""
        n = self.name("ix")
        self.arrays[n] = dict(dtype=self.r.choice(["int64", "int32"]), ndim=1, hi=[most], flavour="C",
                              index_of=most + 1, style=style)
        return n

    def make_trusted(self, loops, depth):
        """A prange that stores through a permutation: not proven, trusted, and right."""
        self.features["trusted prange"] += 1
        most = max(self.params["n"] - 1, 0)
        out, ix = self.new_array("float64", 1, "C"), self.own_index(most, "permutation")
        self.arrays[out].pop("overlaps", None)
        self.arrays[out]["alone"] = True
        self.reach(out, 0, 0, most)
        self.closed = {out}
        value = self.to_float(self.expr([("i", 0, most)]))
        self.closed = set()
        return Node("for", var="i", lo="0", hi="n", step=1, prange=True,
                    body=[Node("store", array=out, subs=[f"{ix}[i]"], value=value)])

    def make_combine(self, loops, depth):
        """A nest whose iterations meet in elements of arrays that they only update; now and then they also read one."""
        r = self.r
        self.features["combine"] += 1
        targets = []
        for _ in range(r.choice([1, 1, 2, 3])):
            ty = r.choice(["int64", "int64", "float64", "float64", "int32", "float32"])
            n = self.new_array(ty, r.choice([1, 1, 2]), r.choice(["C", "C", "C", "F", "neg", "view"]))
            self.arrays[n]["hi"] = [r.randint(1, 5)] * self.arrays[n]["ndim"]
            if r.random() < 0.8:
                self.arrays[n].pop("overlaps", None)
                self.arrays[n]["alone"] = True
            weights = self.COMBINED if is_int(ty) else {k: w for k, w in self.COMBINED.items() if k not in "&|^"}
            form = self.pick(list(weights), weights.values())
            targets.append((n, ty, form))
            self.features["combine " + form] += 1
        alone = {n for n, _, _ in targets} if r.random() < 0.9 else set()

        def subscripts(n, inner):
            out = []
            for axis, hi in enumerate(self.arrays[n]["hi"]):
                v = r.choice(inner)[0]
                text, lo, hi_at = self.affine(inner)
                how = r.random()
                if how < 0.4:
                    ix = self.index_array(hi + 1)
                    self.reach(ix, 0, lo, hi_at)
                    out.append(f"{ix}[{text}]")
                elif how < 0.8:
                    out.append(f"({v} * {r.randint(1, 3)} + {r.randint(0, 2)}) % {hi + 1}")
                else:
                    self.reach(n, axis, lo, hi_at)
                    out.append(text)
            return out

        def update(inner):
            out = []
            for n, ty, form in targets:
                subs = subscripts(n, inner)
                self.closed = set(alone)
                e = self.expr(inner, 1)
                self.closed = set()
                e = self.to_int(e) if is_int(ty) else self.to_float(e)
                old = Node("load", ty, array=n, subs=subs)
                both = promote(ty, e.ty)
                if form in "+-*&|^":
                    s = Node("update", array=n, subs=subs, op=form, value=e, ty=both)
                elif form in ("min", "max", "npmin", "npmax"):
                    s = Node("store", array=n, subs=subs, value=Node(form, both, a=old, b=e))
                elif form == "through":
                    t = self.name("t")
                    s = Node("block", body=[Node("assign", name=t, value=old), Node(
                        "store", array=n, subs=subs, value=Node("bin", both, op="+", a=var(t, ty), b=e))])
                else:
                    test = Node("compare", "bool", op=r.choice("<>"), a=copy.deepcopy(e), b=old)
                    s = Node("when", test=test, body=[Node("store", array=n, subs=subs, value=e)], orelse=[])
                if r.random() < 0.3:
                    s = Node("when", test=self.condition(inner), body=[s], orelse=[])
                out.append(s)
            return out

        return self.loop(loops, depth, innermost=update)

    def make_shared_update(self, loops, depth):
        """A prange that adds to elements which iterations share: no term may be lost."""
        self.features["shared update"] += 1
        most = max(self.params["n"] - 1, 0)
        ty = self.r.choice(["int64", "float64", "int32"])
        out, ix = self.new_array(ty, 1, "C"), self.own_index(most, "duplicates")
        self.arrays[out].pop("overlaps", None)
        self.arrays[out]["alone"] = True
        self.reach(out, 0, 0, most)
        self.closed = {out}
        value = self.expr([("i", 0, most)], 1)
        value = self.to_integer(value) if is_int(ty) else self.to_float(value)
        self.closed = set()
        body = [Node("update", array=out, subs=[f"{ix}[i]"], op="+", value=value, ty=promote(ty, value.ty))]
        how = self.r.random()
        if how < 0.35:  # the sum so far is seen: no order but the source's will do
            see = self.new_array(ty, 1, "C")
            self.arrays[see].pop("overlaps", None)
            self.arrays[see]["alone"] = True
            self.reach(see, 0, 0, most)
            where = self.r.choice([f"{ix}[i]", f"{self.own_index(most, 'permutation')}[i]"])
            body.append(Node("store", array=see, subs=["i"], value=Node("load", ty, array=out, subs=[where])))
        elif how < 0.65:  # two operators
            two = const(2) if is_int(ty) else const(0.5)
            body.append(Node("update", array=out, subs=[f"{ix}[i]"], op=self.r.choice("*-"), value=two,
                             ty=promote(ty, two.ty)))
        if len(body) > 1 and self.r.random() < 0.5:
            body.reverse()
        return Node("for", var="i", lo="0", hi="n", step=1, prange=True, body=body)

    # -- arrays with names of their own

    def name_views(self):
        """Statements that give views of arguments, and arrays made here, names; loops use them like arguments."""
        r, out = self.r, []
        for _ in range(r.randint(1, 2)):
            ty = r.choice(["float64", "float64", "int64", "int32"])
            how = self.pick(["shift", "cut", "reverse", "step", "transpose", "row", "column", "whole", "made"],
                            [4, 2, 3, 2, 2, 2, 2, 1, 4])
            ndim = 2 if how == "transpose" else r.choice([1, 1, 2])
            w, c = self.name("w"), r.randint(1, 3)
            self.features["named " + how] += 1
            if how == "made":
                self.make_made(w, ty, ndim, out)
                continue
            base = self.new_array(ty, ndim + (how in ("row", "column")))
            if how == "step":
                c = 0
            if self.arrays[base]["flavour"] in ("readonly", "broadcast"):
                self.arrays[base]["flavour"] = "C"
            text = {"shift": f"[{c}:]", "cut": f"[:-{c}]", "reverse": "[::-1]", "step": "[::2]", "transpose": ".T",
                    "row": f"[{c}]", "column": f"[..., {c}]" if ndim == 2 else f"[:, {c}]", "whole": ""}[how]
            if how == "column" and ndim == 2:
                text = f"[:, :, {c}]"
            self.arrays[w] = dict(dtype=ty, ndim=ndim, hi=[-1] * ndim, flavour="named", local=True)
            self.views.append((w, base, how, c))
            out.append(Node("text", code=f"{w} = {base}{text}"))
        return out

    def make_made(self, w, ty, ndim, out):
        target = self.new_array(ty, ndim, "C")
        self.arrays[target].pop("overlaps", None)
        self.arrays[target].update(alone=True, pinned=True, whole=True)
        self.arrays[w] = dict(dtype=ty, ndim=ndim, hi=[-1] * ndim, flavour="named", local=True)
        self.fills[w] = Node("text", code=f"{w} = np.{self.r.choice(['zeros', 'ones'])}(SHAPE, np.{ty})")
        self.made.append((w, target))
        out.append(self.fills[w])

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
        def fits(a):
            return a["dtype"] in dtypes and a["ndim"] in (ndim, ndim + 1) and "index_of" not in a

        n = self.array(fits, written)
        a = self.arrays[n]
        if not fits(a):
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
            f = r.choice(["np.sum", "np.max", "np.min", "np.argmax" if ndim == 1 else "np.max"])
            if f != "np.sum" and any(v == 0 for _, v in lengths):
                f = "np.sum"
            ty = "float64" if dtypes == ["float64"] else "int64" if dtypes == ["int64"] else None
            if ty:
                self.rough |= ty == "float64" and f == "np.sum"
                self.scalars[n] = "int64" if f == "np.argmax" else ty
                return Node("text", code=f"{n} = {f}({value})", oracle=f"{n} = {f}({value}).item()", binds=n)
        target = self.whole(loops, dtypes[:1], ndim, lengths, written=True)
        op = r.choice(["=", "=", "=", "+=", "-="])
        # NumPy 2.4 itself is wrong for a[:8:2] = a[:4], so the oracle reads before it writes.
        return Node("text", code=f"{target} {op} {value}", oracle=put_text(target, op, value))

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
        kind = r.choice(["+", "+", "-", "*", "min", "max", "&", "&", "|", "|", "^", "^", "cond+", "first", "cond max", "mixed", "- x",
                         "and", "or", "first", "twice", "read"])
        if kind in ("and", "or"):
            return self.logical_reduction(loops, depth, n, kind)
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
            if kind == "first":
                test = Node("compare", "bool", op=r.choice(["<", "<", ">", ">", "<=", ">="]), a=e, b=var(n, ty))
                return [Node("when", test=test, body=[Node("assign", name=n, value=copy.deepcopy(e)),
                                                      Node("assign", name=n + "_at", value=var(inner[-1][0]))], orelse=[])]
            if kind == "twice":
                return [Node("assign", name=n, value=Node("bin", ty, op="+", b=e, a=Node(
                    "bin", ty, op="+", a=var(n, ty), b=var(n, ty) if r.random() < 0.3 else copy.deepcopy(e))))]
            if kind == "read":
                t = self.element(inner, lambda a: a["dtype"] in ("float64", "int64"), written=True)
                seen = var(n, ty) if ty == t.ty else self.to_float(var(n, ty)) if t.ty == "float64" else const(3)
                parts = [step("+", e), Node("store", array=t.array, subs=t.subs, value=seen)]
                return parts if r.random() < 0.5 else parts[::-1]
            if kind == "mixed":
                return [step("+", e), step(r.choice("*-"), const(2 if integer else 0.5, ty))]
            if kind == "- x":
                return [Node("assign", name=n, value=Node("bin", ty, op="-", a=e, b=var(n, ty)))]
            test = Node("compare", "bool", op=">", a=e, b=var(n, ty))
            return [Node("when", test=test, body=[Node("assign", name=n, value=copy.deepcopy(e))], orelse=[])]

        loop = self.loop(loops, depth, innermost=update)
        self.scalars[n] = ty
        begin = [Node("assign", name=n, value=const(start, ty))]
        if kind == "first":
            self.scalars[n + "_at"] = "int64"
            begin.append(Node("assign", name=n + "_at", value=const(-1)))
        return Node("block", body=begin + [loop])

    def logical_reduction(self, loops, depth, n, kind):
        self.features["reduction " + kind] += 1
        start = kind == "and"

        def update(inner):
            test = self.condition(inner)
            a, b = (var(n, "bool"), test) if self.r.random() < 0.7 else (test, var(n, "bool"))
            return [Node("assign", name=n, value=Node(kind, "bool", a=a, b=b))]

        loop = self.loop(loops, depth, innermost=update)
        self.scalars[n] = "bool"
        return Node("block", body=[Node("assign", name=n, value=Node("const", "bool", value=start)), loop])

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
