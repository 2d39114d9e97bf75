"""Kernels from text, so that a table of tests can be a table of lines."""
import itertools
import linecache
import math

import numpy as np

_numbers = itertools.count()


def function_of(text, parameters):
    """def f(parameters): text. A text without a line break that is an expression is returned."""
    body = text.strip("\n").split("\n")
    if len(body) == 1 and not body[0].lstrip().startswith(("return", "raise")) and "; " not in body[0]:
        body = ["return " + body[0].strip()]
    if len(body) == 1:
        body = [line.strip() for line in body[0].split("; ")]
    source = f"def f({parameters}):\n" + "".join(f"    {line}\n" for line in body)
    name = f"<kernel {next(_numbers)}>"
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    scope = {"np": np, "math": math}
    exec(compile(source, name, "exec"), scope)
    return scope["f"]
