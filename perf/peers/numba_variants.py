"""The kernels as someone writes them who knows Numba: prange placed by hand, histograms in pieces of their own."""
import ast
import inspect
import linecache
import textwrap

import numba
import numpy as np
from numba import prange
from variants import LOOPS

PIECES = 64


def hist(x, nb):
    n = x.shape[0]
    pieces = np.zeros((PIECES, nb), np.int64)
    for c in prange(PIECES):
        for i in range(c * n // PIECES, (c + 1) * n // PIECES):
            pieces[c, int(x[i] * nb)] += 1
    return pieces.sum(axis=0)


def equalize(picture, out):
    rows = picture.shape[0]
    pieces = np.zeros((PIECES, 256), np.int64)
    for c in prange(PIECES):
        for i in range(c * rows // PIECES, (c + 1) * rows // PIECES):
            for j in range(picture.shape[1]):
                pieces[c, picture[i, j]] += 1
    h = pieces.sum(axis=0)
    table = np.zeros(256, np.uint8)
    total = picture.shape[0] * picture.shape[1]
    below = 0
    for v in range(256):
        below += h[v]
        table[v] = below * 255 // total
    for i in prange(rows):
        for j in range(picture.shape[1]):
            out[i, j] = table[picture[i, j]]


def sort(x, out):
    n = x.shape[0]
    work = np.empty(n)
    for k in prange(n):
        out[k] = x[k]
    width = 1
    while width < n:
        for pair in prange((n + 2 * width - 1) // (2 * width)):
            low = pair * 2 * width
            middle = min(low + width, n)
            high = min(low + 2 * width, n)
            i = low
            j = middle
            for k in range(low, high):
                if i < middle and (j >= high or out[i] <= out[j]):
                    work[k] = out[i]
                    i += 1
                else:
                    work[k] = out[j]
                    j += 1
        for k in prange(n):
            out[k] = work[k]
        width = 2 * width


def kmeans(times, X, C, nearest):
    n = X.shape[0]
    d = X.shape[1]
    k = C.shape[0]
    for t in range(times):
        sums = np.zeros((PIECES, k, d))
        counts = np.zeros((PIECES, k), np.int64)
        for p in prange(PIECES):
            for i in range(p * n // PIECES, (p + 1) * n // PIECES):
                best = np.inf
                where = 0
                for c in range(k):
                    s = 0.0
                    for m in range(d):
                        e = X[i, m] - C[c, m]
                        s += e * e
                    if s < best:
                        best = s
                        where = c
                nearest[i] = where
                counts[p, where] += 1
                for m in range(d):
                    sums[p, where, m] += X[i, m]
        for c in range(k):
            count = counts[:, c].sum()
            if count > 0:
                for m in range(d):
                    C[c, m] = sums[:, c, m].sum() / count


BY_HAND = {f.__name__: f for f in (hist, equalize, sort, kmeans)}


def with_prange(function, chosen):
    """The function with prange in place of range in the chosen loops (their numbers in the text's order)."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    loops = sorted((node for node in ast.walk(tree) if isinstance(node, ast.For)), key=lambda node: node.lineno)
    for number in chosen:
        loops[number].iter.func = ast.Name("prange", ast.Load())
    text, name = ast.unparse(ast.fix_missing_locations(tree)), f"<{function.__name__} with prange {chosen}>"
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    space = {**function.__globals__, "prange": prange}
    exec(compile(text, name, "exec"), space)
    return space[function.__name__]


def variants(name, function):
    """{how: a function to compile with the options}"""
    yield "serial", function, {}
    sources = [with_prange(function, chosen) for chosen in LOOPS.get(name, ())]
    sources += [BY_HAND[name]] if name in BY_HAND else []
    for number, source in enumerate(sources or [function]):
        yield f"parallel{number or ''}", source, {"parallel": True}


def compiled(name, function):
    for how, source, options in variants(name, function):
        for fast in (False, True):
            yield f"numba {how}{' fast' * fast}", numba.njit(fastmath=fast, **options)(source)


VERSION = f"Numba {numba.__version__}"


def set_threads(count):
    numba.set_num_threads(count)
