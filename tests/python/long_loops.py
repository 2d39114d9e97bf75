"""Loops that can be asked to run for years, as text for a program of its own: what is done between two looks for Ctrl-C."""

LOOPS = """
@njit
def counted(n):
    s = 0.0
    for t in range(n):
        s = s * 0.999 + t
    return s

@njit
def downwards(n):
    c = 0
    for t in range(n, 0, -3):
        c += t % 7 == 0
    return c

@njit(parallel=True)
def reduced(n):
    s = 0
    for i in prange(n):
        s += i & 7
    return s

@njit(parallel=True)
def inner(x, n):
    for i in prange(len(x)):
        s = 0.0
        for t in range(n):
            s = s * 0.5 + t
        x[i] = s
"""
