"""Writes runtime/erf.def and runtime/erff.def: polynomials for erf on 8 and on 16 intervals (runtime/erf.c uses them).

Needs mpmath. When intervals or degrees change:
    python3 runtime/erf_table.py double > runtime/erf.def; python3 runtime/erf_table.py float > runtime/erff.def
"""
import struct
import sys

from mpmath import chebyfit, erf, exp, mp, mpf, pi, sqrt

mp.dps = 60

# ---- float: 16 intervals of 3/8 --------------------------------------------------------------------------------------
INTERVALS, STEP, COEFFICIENTS = 16, mpf(3) / 8, 6


def to_float(x):
    return struct.unpack("f", struct.pack("f", float(x)))[0]


def first():
    """erf(x) = x + x P(x²) on [0, 3/8]: P's coefficients, lowest first."""
    ratio = lambda u: erf(sqrt(u)) / sqrt(u) - 1 if u else 2 / sqrt(pi) - 1
    return chebyfit(ratio, [0, STEP**2], COEFFICIENTS)[::-1]


def other(k):
    """erf(c + t) for |t| <= 3/16 around the middle of interval k: coefficients, lowest first."""
    middle = STEP * k + STEP / 2
    return chebyfit(lambda t: erf(middle + t), [-STEP / 2, STEP / 2], COEFFICIENTS + 2)[::-1]


def row(name, values, suffix=""):
    texts = [float(v).hex() + suffix for v in values]
    lines = [", ".join(texts[i : i + 4]) for i in range(0, len(texts), 4)]
    print("ROW(%s, %s)" % (name, ",\n    ".join(lines)))


def write_float():
    high, low, slope, columns = [0.0], [0.0], [0.0], [first()]
    for k in range(1, INTERVALS):
        a = other(k)
        high.append(to_float(a[0]))
        low.append(to_float(a[0] - mpf(high[-1])))
        slope.append(to_float(a[1]))
        columns.append(a[2:])
    print("/* Made by erf_table.py. For each of 16 intervals: ROW(what, its numbers). */")
    row("high", high, "f")
    row("low", low, "f")
    row("slope", slope, "f")
    for n in range(COEFFICIENTS):
        row("c%d" % n, [to_float(c[n]) for c in columns], "f")


# ---- double: [0, FIRST) and seven intervals up to END ----------------------------------------------------------------
FIRST, END, TERMS, HALVES = mpf("0.4805"), mpf("5.9325"), 16, 6
WIDTH = (END - FIRST) / 7
SLACK = mpf(2) ** -20  # which interval a number belongs to is found by rounding


def bits_of(x):
    return struct.unpack("<Q", struct.pack("<d", float(x)))[0]


def double_of(bits):
    return struct.unpack("<d", struct.pack("<Q", bits))[0]


def upper_half(x):
    return double_of((bits_of(x) + (1 << 31)) & ~0xFFFFFFFF)


def joined(x, lower):
    """The double next to x whose lower half is the upper half of `lower`."""
    at = (bits_of(x) >> 32) + 0
    return min((double_of(u << 32 | bits_of(lower) >> 32) for u in (at - 1, at, at + 1)), key=lambda d: abs(mpf(d) - x))


def settle(f, low, high, terms):
    """`terms` coefficients of f, lowest first. From the last one down each is rounded, and the others are fitted to what it
    leaves. The last HALVES are half as long; of each two the first has the second in its lower half."""
    settled = {}
    while terms:
        left = lambda t: f(t) - sum(c * t**n for n, c in settled.items())
        c = chebyfit(left, [low, high], terms)
        if len(settled) < HALVES:
            settled[terms - 1] = mpf(upper_half(c[0]))
            settled[terms - 2] = mpf(joined(c[1], settled[terms - 1]))
            terms -= 2
        else:
            settled[terms - 1] = mpf(float(c[0]))
            terms -= 1
    return [settled[n] for n in range(len(settled))]


def centre(low, high):
    """A number left of the middle (right of it the slope is smaller, and rounded by less) at which the constant and the slope fitted are doubles, but for a hundredth of what a sum
    below 1 is rounded by."""
    middle = float(low + (high - low) * 3 / 7)
    slope = lambda c: 2 / sqrt(pi) * exp(-c * c)
    fitted = chebyfit(lambda t: erf(middle + t), [low - middle, high - middle], TERMS + 1)[::-1]
    constant_more, slope_more = fitted[0] - erf(middle), fitted[1] - slope(mpf(middle))
    away = lambda x: abs(x - mpf(float(x))) * mpf(2) ** 53
    far = lambda c: max(away(erf(c) + constant_more), away(slope(c) + slope_more) * WIDTH / 2)
    tried = (mpf(middle) + k * mpf(2) ** -30 for k in range(-3000, 3000))
    return next((c for c in tried if far(c) < mpf("0.01")), mpf(middle))


def write_double():
    tiny = mpf(10) ** -25
    centres, highs = [0], [0]
    columns = [settle(lambda x: erf(x) / x - 1, tiny, FIRST + SLACK, TERMS)]
    for k in range(7):
        low, high = FIRST + k * WIDTH, FIRST + (k + 1) * WIDTH
        c = centre(low, high)
        constant, *others = settle(lambda t: erf(c + t), low - c - SLACK, high - c + SLACK, TERMS + 1)
        centres.append(c)
        highs.append(constant)
        columns.append(others)
    print("/* Made by erf_table.py. For each of 8 intervals: ROW(what, its numbers). */")
    row("centre", centres)
    row("high", highs)
    for n in [*range(TERMS - HALVES), *range(TERMS - HALVES, TERMS, 2)]:
        row("c%d" % n, [c[n] for c in columns])
    print("/* Interval k has the numbers x for which k <= x scale + first < k + 1; just before the end of the last one. */")
    row("scale", [1 / WIDTH, 1 - FIRST / WIDTH, END - 4 * SLACK])


write_double() if sys.argv[1] == "double" else write_float()
