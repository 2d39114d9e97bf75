"""Writes runtime/explog.def: the tables and polynomials of exp and log (runtime/explog.c uses them).

Needs mpmath and NumPy. When intervals or degrees change:
    python3 runtime/explog_table.py > runtime/explog.def
"""
import numpy as np
from mpmath import chebyfit, cos, exp, log, lu_solve, matrix, mp, mpf, nint, pi, sqrt

mp.dps = 50
GRID = mpf(2) ** -43  # a multiple of it below 2^10 is a double


def row(name, values):
    texts = [float(v).hex() for v in values]
    lines = [", ".join(texts[i : i + 4]) for i in range(0, len(texts), 4)]
    print("ROW(%s, %s)" % (name, ",\n    ".join(lines)))


def exp_polynomial():
    """e^r = 1 + r + r² Q(r), |r| <= ln2 / 16: Q's coefficients. The error is r² times a polynomial in r² whose roots are
    those of a Chebyshev polynomial, moved so that the lowest one is 0."""
    widest = log(2) / 16
    roots = [cos((2 * i + 1) * pi / 8) for i in range(4)]
    squares = [(x - roots[-1]) / (1 - roots[-1]) * widest**2 for x in roots[:-1]]
    nodes = [sign * sqrt(s) for s in squares for sign in (1, -1)]
    return lu_solve(matrix([[r**p for p in range(6)] for r in nodes]), matrix([(exp(r) - 1 - r) / r**2 for r in nodes]))


def log_polynomial():
    """log(1 + r) = r + r² Q(r), -1/32 <= r <= 1/16: Q's coefficients."""
    return chebyfit(lambda r: (log(1 + r) - r) / r**2 if r else -mpf(1) / 2, [-mpf(1) / 32, mpf(1) / 16], 10)[::-1]


def log_interval(i):
    """A number near 1 / the middle of interval i whose logarithm is a multiple of GRID, but for 2^-61; and that multiple
    with the other sign."""
    if i in (0, 15):
        return 1.0, mpf(0)
    low, high = (mpf(16 + i) / 16, mpf(17 + i) / 16) if i < 8 else (mpf(16 + i) / 32, mpf(17 + i) / 32)
    near = float(2 / (low + high)) + np.random.default_rng(i).integers(-(2**40), 2**40, 1 << 20) * 2.0**-52
    units = np.log(near.astype(np.longdouble)) * np.longdouble(2) ** 43
    best = [float(near[k]) for k in np.argsort(np.abs(units - np.rint(units)))[:20]]
    away = lambda x: abs(log(mpf(x)) / GRID - nint(log(mpf(x)) / GRID))
    chosen = min(best, key=away)
    assert away(chosen) * GRID < mpf(2) ** -61
    return chosen, -nint(log(mpf(chosen)) / GRID) * GRID


powers = [mpf(2) ** (mpf(j) / 8) for j in range(8)]
intervals = [log_interval(i) for i in range(16)]
ln2, short = log(2), nint(log(2) / GRID) * GRID
print("/* Made by explog_table.py: ROW(what, its numbers). */")
row("power", powers)
row("power_rest", [p - mpf(float(p)) for p in powers])
row("exp_q", exp_polynomial())
row("inverse", [i[0] for i in intervals])
row("log_of", [i[1] for i in intervals])
row("log_q", log_polynomial())
print("/* 1 / ln2; ln2 as two doubles; ln2 as a multiple of 2^-43 and the rest. */")
row("constant", [1 / ln2, ln2, ln2 - mpf(float(ln2)), short, ln2 - short])
