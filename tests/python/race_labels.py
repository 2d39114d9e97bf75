"""The labels of the collection's loops (race_collection.py), and the arguments that most of them take."""
import inspect

import numpy as np

PARALLEL, RACY = [], []


def parallel(*arguments):
    return lambda f: PARALLEL.append((f, arguments)) or f


def racy(*arguments):
    return lambda f: RACY.append((f, arguments)) or f


def labelled_line(f):
    lines, first = inspect.getsourcelines(f)
    loops = [k for k, line in enumerate(lines) if line.strip().startswith(("for ", "while "))]
    marked = [k for k, line in enumerate(lines) if "# <-" in line]
    return first + (marked or loops)[0]


def v(n=40, seed=0):
    return np.random.default_rng(seed).random(n) - 0.3


def m(n=12, k=12, seed=0):
    return np.random.default_rng(seed).random((n, k))


def order(n=40, seed=5):
    return np.random.default_rng(seed).permutation(n)


def few(n=40, k=7, seed=6):
    return np.random.default_rng(seed).integers(0, k, n)


N = 40
