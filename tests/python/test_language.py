"""The kernel language against CPython: every function of language/*.py is run as it is and compiled, on the arguments
that its @cases line gives. Values, their types and exceptions must agree; where two paths bring an int and a float
(or a bool and an int) the compiled variable has the joined type, so only the values must.

In those files `kernel` and `cases` are given: njit, or nothing at all for the run under CPython."""
import linecache
import math
import pathlib

import plait
import pytest

FOLDER = pathlib.Path(__file__).parent / "language"


def load(path, decorate):
    found = []

    def cases(*arguments):
        def remember(f):
            found.append((f.__name__, decorate(f), arguments))
            return found[-1][1]

        return remember

    module = {"__name__": path.stem, "__file__": str(path), "kernel": decorate, "cases": cases}
    linecache.checkcache(str(path))
    exec(compile(path.read_text(), str(path), "exec"), module)
    return found


def pairs():
    for path in sorted(FOLDER.glob("*.py")):
        plain = load(path, lambda f: f)
        compiled = load(path, plait.njit)
        for (name, expected, arguments), (_, kernel, _) in zip(plain, compiled):
            for args in arguments:
                yield pytest.param(expected, kernel, args, id=f"{path.stem}-{name}-{'-'.join(map(repr, args))}")


def run(function, args):
    try:
        return "value", function(*args)
    except Exception as error:
        return "raised", (type(error).__name__, str(error))


def agree(got, expected, closely):
    if isinstance(expected, tuple):
        return isinstance(got, tuple) and len(got) == len(expected) and all(map(lambda g, e: agree(g, e, closely), got, expected))
    if expected is None or isinstance(expected, str):
        return got == expected
    if isinstance(expected, complex):
        return isinstance(got, complex) and agree(got.real, expected.real, closely) and agree(got.imag, expected.imag, closely)
    if not isinstance(got, (bool, int, float)) or isinstance(expected, float) > isinstance(got, float):
        return False
    if closely:
        return math.isclose(got, expected, rel_tol=1e-14)
    if got != got or expected != expected:
        return got != got and expected != expected
    return got == expected and math.copysign(1, got) == math.copysign(1, expected)


@pytest.mark.parametrize("expected, kernel, args", list(pairs()))
def test_agrees_with_cpython(expected, kernel, args):
    kind, wanted = run(expected, args)
    got_kind, got = run(kernel, args)
    assert (got_kind, kind) == (kind, kind), f"got {got!r}, expected {wanted!r}"
    closely = "closely" in kernel.__name__
    assert agree(got, wanted, closely), f"got {got!r}, expected {wanted!r}"
