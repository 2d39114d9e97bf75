"""Random sweeps over time steps: nests `for t: sweep; sweep; …` whose statements read neighbours at random distances, in one
to three dimensions, with boundaries, with and without a legal tiling. Compiled with small tiles and compared with CPython
and NumPy to the bit, on several threads and in shuffled order.

    python3 tests/fuzz/steps.py SEED COUNT      prints what disagrees and how many nests were tiled
"""
import linecache
import random
import sys
import time

import numpy as np

AXES = "ijk"
ORDERS = ((1, 0), (2, 0), (3, 0), (8, 0), (1, 20240229), (1, 7))


class Nest:
    """The text of one function `f(T, a, b, c, s)` and how to call it."""

    def __init__(self, seed):
        self.seed = seed
        self.r = r = random.Random(seed)
        self.rank = r.choice((1, 1, 2, 2, 2, 3))
        self.arrays = list("abc"[: r.choice((1, 2, 2, 3, 3))])
        self.reach = r.choice((0, 1, 1, 1, 1, 1, 2))
        self.slices = r.random() < 0.15
        self.lines = []
        self.kept = None  # an array that is not read now
        self.promises = False  # there is a prange
        first = r.choice(("0", "0", "1", "-3"))
        last = "T" if first == "0" else f"T + {first}" if first == "1" else "T - 3"
        if r.random() < 0.05:
            self.put(1, f"for t in range({last} - 1, {first} - 1, -1):")
        else:
            self.put(1, f"for t in range({first}, {last}):")
        for _ in range(r.choice((1, 2, 2, 2, 2, 3, 4))):
            if r.random() < 0.2:
                self.put_boundary()
            elif self.slices:
                self.put_slices()
            elif r.random() < 0.1:
                self.put_copy()
            else:
                self.put_sweep()
        self.source = "def f(T, a, b, c, s):\n" + "\n".join(self.lines) + "\n"

    def put(self, depth, line):
        self.lines.append("    " * depth + line)

    def extent(self, axis):
        return f"a.shape[{axis}]"

    def distance(self):
        return self.r.choice((0, *range(-self.reach, self.reach + 1)))

    def load(self):
        """A neighbour; sometimes a value of the step, sometimes one that lies fixed."""
        r = self.r
        array = r.choice([x for x in self.arrays if x != self.kept] or self.arrays)
        if r.random() < 0.03:
            return f"s[{r.choice(('t', '1', '0'))}]"
        subs = []
        for axis in AXES[: self.rank]:
            d = self.distance()
            subs.append(axis if d == 0 else f"{axis} {'+' if d > 0 else '-'} {abs(d)}")
        if r.random() < 0.03:
            subs[r.randrange(self.rank)] = r.choice(("0", "2"))
        return f"{array}[{', '.join(subs)}]"

    def value(self):
        r = self.r
        terms = [self.load() for _ in range(r.choice((1, 2, 3, 3, 5)))]
        text = terms[0]
        for term in terms[1:]:
            text = f"({text} {r.choice('+-+')} {term})"
        return f"{text} {r.choice(('* 0.25', '* 0.5', '+ 1.0', '- 2.0'))}"

    def put_loops(self, axes, depth=2, promise=False):
        r = self.r
        for q, axis in enumerate(axes):
            lo, hi = self.reach + r.choice((0, 0, 1)), self.reach + r.choice((0, 0, 1))
            where = AXES.index(axis)
            end = f"{self.extent(where)} - {hi}" if hi else self.extent(where)
            kind = "prange" if promise and q == 0 else "range"
            if r.random() < 0.03:
                self.put(depth, f"for {axis} in range({end} - 1, {lo} - 1, -1):")
            elif r.random() < 0.03:
                self.put(depth, f"for {axis} in range({lo}, min({end}, {lo} + t)):")
            else:
                self.put(depth, f"for {axis} in {kind}({lo}, {end}):")
            depth += 1
        return depth

    def put_sweep(self):
        r = self.r
        axes = AXES[: self.rank]
        target = r.choice(self.arrays)
        apart = len(self.arrays) > 1 and r.random() < 0.8  # nothing that is written is read
        promise = apart and r.random() < 0.1
        self.kept, self.promises = target if apart else None, self.promises or promise
        depth = self.put_loops(axes, promise=promise)
        place = ", ".join(axes)
        kind = r.random()
        if kind < 0.6:
            self.put(depth, f"{target}[{place}] = {self.value()}")
        elif kind < 0.75:
            self.put(depth, f"{target}[{place}] {r.choice(('+=', '-='))} {self.value()}")
        elif kind < 0.85:
            self.put(depth, f"x = {self.value()}")
            self.put(depth, f"{target}[{place}] = x * x")
        elif kind < 0.93:
            self.put(depth, f"if {self.load()} > {self.load()}:")
            self.put(depth + 1, f"{target}[{place}] = {self.value()}")
        else:
            self.put(depth, f"{target}[{place}] = {self.value()}")
            other = target if apart else r.choice(self.arrays)
            self.put(depth, f"{other}[{place}] = {self.value()}")
        self.kept = None

    def put_boundary(self):
        """A plane: one axis lies fixed."""
        r = self.r
        fixed = r.randrange(self.rank)
        axes = [a for q, a in enumerate(AXES[: self.rank]) if q != fixed]
        depth = self.put_loops(axes)
        at = r.choice(("0", "1", f"{self.extent(fixed)} - 1"))
        inside = {"0": "1", "1": "2"}.get(at, f"{self.extent(fixed)} - 2")
        subs = [a if q != fixed else at for q, a in enumerate(AXES[: self.rank])]
        other = [a if q != fixed else inside for q, a in enumerate(AXES[: self.rank])]
        target = r.choice(self.arrays)
        value = r.choice(("s[t]", "0.5", f"{target}[{', '.join(other)}]", f"{r.choice(self.arrays)}[{', '.join(other)}]"))
        self.put(depth, f"{target}[{', '.join(subs)}] = {value}")

    def put_copy(self):
        """A sweep that reads a copy."""
        target, axes = self.r.choice(self.arrays), AXES[: self.rank]
        self.put(2, f"old = {target}.copy()")
        depth = self.put_loops(axes)
        names, self.arrays = self.arrays, ["old"]
        self.put(depth, f"{target}[{', '.join(axes)}] = {self.value()}")
        self.arrays = names

    def put_slices(self):
        r = self.r
        reach = max(self.reach, 1)

        def part(d):
            return f"{reach + d}:{d - reach}" if d < reach else f"{2 * reach}:"

        def cut(array, ways):
            return f"{array}[{', '.join(part(d) for d in ways)}]"

        target = r.choice(self.arrays)
        terms = [cut(r.choice(self.arrays), [r.randint(-reach, reach) for _ in range(self.rank)]) for _ in range(3)]
        self.put(2, f"{cut(target, [0] * self.rank)} = ({' + '.join(terms)}) * 0.25")

    def function(self):
        import plait

        name = f"<steps {self.seed}>"
        linecache.cache[name] = (len(self.source), None, self.source.splitlines(True), name)
        space = {"prange": plait.prange}
        exec(compile(self.source, name, "exec"), space)
        return space["f"]

    def dtype(self):
        return self.r.choice((np.float64, np.float64, np.float64, np.float32, np.int64))

    def arguments(self, r, dtype, layout, shape, steps):
        """A function that makes the same arguments each time."""
        data = np.random.default_rng(r.randrange(1 << 30)).integers(0, 64, (3, *shape)) / 8
        meets = 1.0 if self.promises else r.random()

        def make():
            arrays = []
            for x in data:
                if layout == "F":
                    arrays.append(np.asfortranarray(x.astype(dtype)))
                elif layout == "A":
                    wide = np.zeros([2 * n for n in shape], dtype)
                    view = wide[tuple(slice(1, None, 2) for _ in shape)]
                    view[...] = x
                    arrays.append(view)
                else:
                    arrays.append(x.astype(dtype))
            if meets < 0.1:
                arrays[1] = arrays[0]
            elif meets < 0.2 and layout == "C" and shape[0] > 2:
                both = np.concatenate([arrays[0], arrays[0][:1]])
                arrays[0], arrays[1] = both[:-1], both[1:]
            return (steps, *arrays, (np.arange(steps + 4) * 0.125).astype(dtype))

        return make


def run(function, args):
    try:
        with np.errstate(all="ignore"):
            function(*args)
    except Exception as error:  # the oracle's exceptions are results too
        return type(error)
    return None


def check(seed, runtime=None):
    """Compares one nest; (what is wrong or None, was it tiled, its text)."""
    import plait

    nest = Nest(seed)
    r, function = nest.r, nest.function()
    tile = r.choice((1, 2, 3, 3, 4, 5, 8))
    kernel = plait.njit(parallel=True, tile=tile)(function)
    dtype, layout = nest.dtype(), r.choice("CCCCFA")
    # Literals are float64 in compiled code, where NumPy takes them for the array's type: code that is not parallel decides.
    oracle = function if dtype is np.float64 else plait.njit(function)
    before = plait.get_num_threads()
    try:
        for _ in range(3):
            shape = tuple(r.choice((1, 2, 3, 5, 8, 11, 13)) for _ in range(nest.rank))
            make = nest.arguments(r, dtype, layout, shape, r.choice((0, 1, 2, 3, 5, 9)))
            want = make()
            raised = run(oracle, want)
            for threads, shuffle in ORDERS:
                plait.set_num_threads(min(threads, before))
                if runtime is not None:
                    runtime.plrt_set_shuffle(shuffle)
                got = make()
                if run(kernel, got) is not raised:
                    return f"shape {shape}: {raised} was expected", False, nest.source
                for x, y in zip(want[1:4], got[1:4]):
                    if raised is None and not np.array_equal(x, y, equal_nan=True):
                        return f"shape {shape}, {threads} threads, tile {tile}: differs", False, nest.source
    finally:
        plait.set_num_threads(before)
        if runtime is not None:
            runtime.plrt_set_shuffle(0)
    report = kernel.parallel_report()
    loops = [e for r in report.values() for e in r] if isinstance(report, dict) else report
    tiled = any(e["reason"] == "TIME_TILES" for e in loops)
    return None, tiled, nest.source


def load_runtime():
    import ctypes
    import pathlib

    import plait

    runtime = ctypes.CDLL(str(pathlib.Path(plait.__file__).parent / "libplait_rt.so"))
    runtime.plrt_set_shuffle.argtypes = [ctypes.c_uint64]
    runtime.plrt_set_min_work.argtypes = [ctypes.c_int64]
    return runtime


def main(first, count):
    runtime, start, tiled, wrong = load_runtime(), time.monotonic(), 0, 0
    runtime.plrt_set_min_work(0)
    for seed in range(first, first + count):
        complaint, was_tiled, source = check(seed, runtime)
        tiled += was_tiled
        if complaint:
            wrong += 1
            print(f"seed {seed}: {complaint}\n{source}", flush=True)
    print(f"{count} nests, {tiled} tiled, {wrong} wrong, {time.monotonic() - start:.0f} s")
    return wrong != 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
