"""Random kernels against CPython: branches, loops with else, break and continue, early returns, exceptions, variables
that are not bound on every path, nested functions with nonlocal, assignments inside expressions. What one run finds,
the next one finds again: PLAIT_RANDOM=FIRST:LAST runs other seeds than the ones here."""
import os
import random

import plait
import pytest

FIRST, LAST = map(int, os.environ.get("PLAIT_RANDOM", "0:60").split(":"))
INTS, FLOATS = ["i0", "i1", "i2", "a"], ["x0", "x1", "b"]
ARGUMENTS = [(3, 1.5), (-4, 0.0), (0, -2.25), (17, 8.0)]
MOVES = [
    "i0, i1 = i1, i0",
    "x0, x1 = x1, x0",
    "i0, i1, i2 = i2, i0, i1",
    "(i0, x0), i1 = (i1, x1), i0",
    "i0 = i1 = i2",
]


class Program:
    """Integers and floats have variables of their own: a variable that is both would be a float in the kernel."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.lines, self.functions, self.made, self.budget = [], [], 0, 28
        self.put(0, "def f(a, b):")
        for line in ("i0 = 1", "i1 = a", "i2 = 3", "x0 = 0.5", "x1 = b", "if a > 1000: y0 = y1 = k0 = 0"):
            self.put(1, line)
        while self.budget > 0:
            self.functions = [f for f, indent in self.functions_at if indent == 1] if self.made else []
            self.statement(1, False)
        self.put(1, "return i0, i1, i2, x0, x1")
        self.text = "\n".join(self.lines) + "\n"

    functions_at = ()

    def put(self, indent, line):
        self.lines.append("    " * indent + line)

    def choose(self, *options):
        return self.random.choice(options)

    def new_name(self, letter):
        self.made += 1
        return f"{letter}{self.made}"

    def integer(self, depth=0):
        k, e = self.random.random(), lambda: self.integer(depth + 1)
        if depth > 2 or k < 0.35:
            return self.choose(*INTS)
        if k < 0.5:
            return str(self.random.randint(-5, 9))
        if k < 0.75:
            return f"({e()} {self.choose('+', '-', '*')} {e()})"
        if k < 0.84:
            return f"({e()} {self.choose('//', '%', '&', '|', '^')} {e()})"
        if k < 0.9:
            return f"({e()} if {self.condition(depth + 1)} else {e()})"
        if k < 0.93:
            return f"{self.choose('min', 'max')}({e()}, {e()})"
        if k < 0.95 and self.functions:
            return f"{self.choose(*self.functions)}({e()})"
        if k < 0.97:
            return f"({e()}, {e()}, 7)[{self.choose('0', '-1', '1', f'abs({e()}) % 3')}]"
        if k < 0.985:
            return f"({self.choose('i0', 'i1', 'i2')} := {e()} % 1009)"
        return f"({e()} {self.choose('and', 'or')} {e()})"

    def real(self, depth=0):
        k, e = self.random.random(), lambda: self.real(depth + 1)
        if depth > 2 or k < 0.4:
            return self.choose(*FLOATS)
        if k < 0.55:
            return str(self.random.randint(-50, 50) / 8)
        if k < 0.8:
            return f"({e()} {self.choose('+', '-', '*')} {self.choose(self.real, self.integer)(depth + 1)})"
        if k < 0.86:
            return f"({e()} / {e()})"
        if k < 0.95:
            return f"({e()} if {self.condition(depth + 1)} else {self.choose(self.real, self.integer)(depth + 1)})"
        return f"max({e()}, {e()})"

    def condition(self, depth=0):
        k, e = self.random.random(), lambda: self.integer(depth + 1)
        if k < 0.5 or depth > 2:
            return f"{e()} {self.choose('<', '>', '<=', '>=', '==', '!=')} {e()}"
        if k < 0.65:
            return f"{self.real(depth + 1)} {self.choose('<', '>')} {self.real(depth + 1)}"
        if k < 0.75:
            return f"{e()} < {e()} <= {e()}"
        if k < 0.85:
            return f"({self.condition(depth + 1)} {self.choose('and', 'or')} {self.condition(depth + 1)})"
        if k < 0.9:
            return f"not ({self.condition(depth + 1)})"
        return f"{e()} in (1, 2, {e()})" if k < 0.95 else e()

    def block(self, indent, in_loop):
        for _ in range(self.random.randint(1, 3)):
            self.statement(indent, in_loop)

    def statement(self, indent, in_loop):
        self.budget -= 1
        k = self.random.random() * (0.4 if self.budget < 0 or indent > 4 else 1)
        if k < 0.22:
            self.put(indent, f"{self.choose(*INTS[:3])} = {self.integer()} % 1009")
        elif k < 0.32:
            self.put(indent, f"{self.choose(*FLOATS[:2])} = {self.choose(self.real, self.real, self.integer)()}")
        elif k < 0.36:
            self.put(indent, f"{self.choose(*INTS[:3])} += {self.integer()} % 7")
        elif k < 0.4:
            self.put(indent, self.choose(*MOVES))
        elif k < 0.56:
            self.branch(indent, in_loop)
        elif k < 0.72:
            self.counted_loop(indent, in_loop)
        elif k < 0.8:
            self.while_loop(indent, in_loop)
        elif k < 0.87 and in_loop:
            self.put(indent, f"if {self.condition()}:")
            self.put(indent + 1, self.choose("break", "continue"))
        elif k < 0.9:
            self.put(indent, f"if {self.condition()}:")
            leave = f"return {self.integer()}, i1, i2, {self.real()}, x1"
            self.put(indent + 1, self.choose(leave, f"raise ValueError({self.integer()})", f"assert {self.condition()}"))
        elif k < 0.94 and indent <= 2:
            self.function(indent)
        elif k < 0.97:
            self.put(indent, f"{self.choose('y0', 'y1')} = {self.integer()} % 11")
        else:
            self.put(indent, f"i0 = {self.choose('y0', 'y1', 'k0')} + 1")

    def maybe_else(self, indent, in_loop, chance):
        if self.random.random() < chance:
            self.put(indent, "else:")
            self.block(indent + 1, in_loop)

    def branch(self, indent, in_loop):
        self.put(indent, f"if {self.condition()}:")
        self.block(indent + 1, in_loop)
        if self.random.random() < 0.3:
            self.put(indent, f"elif {self.condition()}:")
            self.block(indent + 1, in_loop)
        self.maybe_else(indent, in_loop, 0.5)

    def counted_loop(self, indent, in_loop):
        items = self.choose(
            f"range({self.integer()} % 5)",
            f"range({self.random.randint(-2, 3)}, {self.integer()} % 6)",
            f"range(6, {self.integer()} % 4, -2)",
            f"(1, 2, {self.integer()})",
            "reversed(range(3))",
        )
        self.put(indent, f"for {self.choose('k0', 'k1', 'i2')} in {items}:")
        self.block(indent + 1, True)
        self.maybe_else(indent, in_loop, 0.2)

    def while_loop(self, indent, in_loop):
        turn = self.new_name("t")
        self.put(indent, f"{turn} = 0")
        self.put(indent, f"while {turn} < {self.random.randint(1, 4)} and ({self.condition()}):")
        self.put(indent + 1, f"{turn} += 1")
        self.block(indent + 1, True)
        self.maybe_else(indent, in_loop, 0.2)

    def function(self, indent):
        name = self.new_name("g")
        self.put(indent, f"def {name}(p, q=2):")
        if self.random.random() < 0.3:
            changed = self.choose("i0", "i1")
            self.put(indent + 1, f"nonlocal {changed}")
            self.put(indent + 1, f"{changed} = ({changed} + p) % 1009")
        self.put(indent + 1, f"if p > {self.random.randint(-3, 9)}:")
        self.put(indent + 2, f"return p * q - {self.choose('a', 'i2')}")
        self.put(indent + 1, "return q")
        self.functions_at = (*self.functions_at, (name, indent))
        self.functions.append(name)


def run(function, args):
    try:
        return function(*args)
    except (ArithmeticError, ValueError, AssertionError, UnboundLocalError, IndexError) as error:
        return type(error).__name__


def close(x, y):
    return x == y or (x != x and y != y) or abs(x - y) <= 1e-9 * abs(y)


@pytest.mark.parametrize("seed", range(FIRST, LAST))
def test_agrees_with_cpython(seed, tmp_path):
    path = tmp_path / f"random_{seed}.py"
    path.write_text(Program(seed).text)
    module = {"__name__": "random_kernel"}
    exec(compile(path.read_text(), str(path), "exec"), module)
    kernel = plait.njit(module["f"])
    for args in ARGUMENTS:
        wanted = run(module["f"], args)
        try:
            got = run(kernel, args)
        except plait.errors.TypingError as error:
            if "used before it is assigned" in str(error):
                pytest.skip("a variable is surely unbound")
            raise
        if isinstance(wanted, tuple) and isinstance(got, tuple):
            assert all(map(close, got, wanted)), f"f{args} gives {got}, CPython {wanted}\n{path.read_text()}"
        else:
            assert got == wanted, f"f{args}\n{path.read_text()}"
