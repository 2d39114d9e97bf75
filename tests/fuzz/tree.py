"""A kernel as a tree: statements and expressions, their types, and walks over them. It is rendered twice (render.py), as the
source that is compiled and as the text that CPython runs."""
import numpy as np


class Node:
    """One statement or expression: `kind`, a value type for expressions, children in fields."""

    def __init__(self, kind, ty=None, **fields):
        self.kind, self.ty = kind, ty
        self.__dict__.update(fields)


def const(value, ty=None):
    return Node("const", ty or ("float64" if isinstance(value, float) else "int64"), value=value)


def var(name, ty="int64"):
    return Node("var", ty, name=name)


def is_float(ty):
    return ty.startswith("float")


def is_complex(ty):
    return ty.startswith("complex")


def is_int(ty):
    return not is_float(ty) and not is_complex(ty)


def unify(a, b):
    """Type of a variable or a conditional expression whose two sides have these types: NumPy's promotion."""
    return str(np.promote_types(a, b))


def promote(a, b):
    """Type in which an operator computes on scalars."""
    if not (is_int(a) and is_int(b)):
        return unify(a, b)
    signs = [t for t in (a, b) if t != "bool"]
    return "uint64" if signs and all(t.startswith("u") for t in signs) else "int64"


def bodies(statements):
    yield statements
    for s in statements:
        for name in ("body", "orelse"):
            if getattr(s, name, None):
                yield from bodies(getattr(s, name))


def walk(statements):
    """Every statement, in the order of the text."""
    for s in statements:
        yield s
        for name in ("body", "orelse"):
            yield from walk(getattr(s, name, None) or ())


def expressions(node):
    """(owner, field) of every expression slot below a statement."""
    for name in ("value", "a", "b", "test"):
        child = getattr(node, name, None)
        if isinstance(child, Node):
            yield node, name
            yield from expressions(child)
    for name in ("body", "orelse"):
        for child in getattr(node, name, None) or ():
            yield from expressions(child)


def bound_names(statements):
    """Scalars assigned at the top level, where they are surely bound at the end."""
    for s in statements:
        if s.kind == "assign":
            yield s.name
        elif s.kind == "text" and hasattr(s, "binds"):
            yield s.binds
        elif s.kind == "block":
            yield from bound_names(s.body)


def top_names(body):
    return set(bound_names(body))


def put_text(target, op, value):
    """The oracle's text of an array statement. Python computes the value of `=` before it looks at the target."""
    value = f"np.array({value})"
    return f"put(value={value}, op='=', target={target})" if op == "=" else f"put({target}, '{op}', {value})"
