"""Writes runtime/erf.def and runtime/erff.def: polynomials for erf on 16 intervals of 3/8 (runtime/erf.c uses them).

Needs mpmath. When intervals or degrees change:
    python3 runtime/erf_table.py double > runtime/erf.def; python3 runtime/erf_table.py float > runtime/erff.def
"""
import struct
import sys

from mpmath import chebyfit, erf, mp, mpf, sqrt

INTERVALS, STEP = 16, mpf(3) / 8
COEFFICIENTS = {"double": 12, "float": 6}[sys.argv[1]]
mp.dps = 60


def rounded(x):
    return float(x) if sys.argv[1] == "double" else struct.unpack("f", struct.pack("f", float(x)))[0]


def first():
    """erf(x) = x + x P(x²) on [0, 3/8]: P's coefficients, lowest first."""
    ratio = lambda u: erf(sqrt(u)) / sqrt(u) - 1 if u else 2 / sqrt(mp.pi) - 1
    return chebyfit(ratio, [0, STEP**2], COEFFICIENTS)[::-1]


def other(k):
    """erf(c + t) for |t| <= 3/16 around the middle of interval k: coefficients, lowest first."""
    middle = STEP * k + STEP / 2
    return chebyfit(lambda t: erf(middle + t), [-STEP / 2, STEP / 2], COEFFICIENTS + 2)[::-1]


def row(name, values):
    texts = [rounded(v).hex() + ("f" if sys.argv[1] == "float" else "") for v in values]
    lines = [", ".join(texts[i : i + 4]) for i in range(0, len(texts), 4)]
    print("ROW(%s, %s)" % (name, ",\n    ".join(lines)))


high, low, slope, columns = [0.0], [0.0], [0.0], [first()]
for k in range(1, INTERVALS):
    a = other(k)
    high.append(rounded(a[0]))
    low.append(a[0] - mpf(high[-1]))
    slope.append(a[1])
    columns.append(a[2:])
print("/* Made by erf_table.py. For each of 16 intervals: ROW(what, its numbers). */")
row("high", high)
row("low", low)
row("slope", slope)
for n in range(COEFFICIENTS):
    row("c%d" % n, [c[n] for c in columns])
