"""Ctrl-C is seen in every kind of loop. The request stands from the beginning and for good, so each kernel asks the host
wherever it looks; the host says "go on". How often it was asked bounds the iterations in between, whatever the clock says."""
import json
import subprocess
import sys

import pytest

from long_loops import LOOPS

MOST = 1 << 22  # iterations between two questions: some milliseconds

PROGRAM = """
import ctypes, json, pathlib, sys
import numpy as np
import plait
from plait import njit, prange

class Hooks(ctypes.Structure):
    _fields_ = [("print", ctypes.c_void_p), ("interrupted", ctypes.CFUNCTYPE(ctypes.c_int32)),
                ("release_lock", ctypes.c_void_p), ("take_lock", ctypes.c_void_p)]

library = ctypes.CDLL(str(pathlib.Path(plait.__file__).parent / "libplait_rt.so"))
flag = ctypes.c_int32.in_dll(library, "plrt_interrupted")
asked, refuse_at = 0, 0

@Hooks._fields_[1][1]
def interrupted():
    global asked
    asked += 1
    flag.value = 1
    return int(asked == refuse_at)

hooks = Hooks(None, interrupted, None, None)
library.plrt_set_hooks(ctypes.byref(hooks))

def questions(kernel, *args, refuse=0):
    global asked, refuse_at
    asked, refuse_at, flag.value = 0, refuse, 1
    kernel(*args)
    flag.value = 0
    return asked

N = 1 << 24
bytes_, more = np.zeros(N, np.int8), np.zeros(N, np.int8)
wide = np.broadcast_to(np.ones(1), (N,))    # long, and no memory
row = np.broadcast_to(np.ones(1), (1, N // 4))
column = np.broadcast_to(np.ones(1), (N // 64, 64))
square = np.zeros((4096, 4096), np.float32)
small = np.zeros((512, 512))
""" + LOOPS + """
@njit
def stepping(n, step):
    c = 0
    for t in range(0, n * step, step):
        c ^= t
    return c

@njit
def without_end(n):
    t = 0
    while t < n:
        t += 1
    return t

@njit
def reads(x):
    s = 0.0
    for i in range(len(x)):
        s = s * 0.5 + x[i]
    return s

@njit
def writes(x):
    for i in range(len(x)):
        x[i] = i & 3

@njit
def indirect(x, y):
    for i in range(len(x)):
        y[x[i]] += 1

@njit
def one_long_row(x):
    s = 0.0
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            s += np.exp(x[i, j]) * np.sin(x[i, j]) * np.cos(x[i, j]) * np.exp(-x[i, j]) * np.sin(s)
    return s

@njit
def many_rows(x):
    s = 0.0
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            s += x[i, j]
    return s

@njit
def search(x):
    for i in range(len(x)):
        if x[i] > 2.0:
            return i
    return -1

@njit
def expression(x, y):
    y[:] = x + y * 2

@njit
def summed(x):
    return np.sum(x)

@njit(parallel=True)
def expression_on_threads(x, y):
    y[:] = x + y * 2

@njit(parallel=True)
def dot(x, y):
    s = 0.0
    for i in prange(len(x)):
        s += x[i] * y[i]
    return s

@njit(parallel=True)
def histogram(x, h):
    for i in prange(len(x)):
        h[x[i]] += 1

@njit(parallel=True)
def smallest(x):
    return np.argmin(x)

@njit(parallel=True)
def product(a, b, c):
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            for k in range(a.shape[1]):
                c[i, j] += a[i, k] * b[k, j]

@njit(parallel=True)
def wavefront(a):
    for i in range(1, a.shape[0]):
        for j in range(1, a.shape[1]):
            a[i, j] = a[i - 1, j] + a[i, j - 1] * np.float32(0.5)

@njit(parallel=True)
def factors(a):
    n = a.shape[0]
    for k in range(n):
        for i in range(k + 1, n):
            a[i, k] /= a[k, k]
        for i in range(k + 1, n):
            for j in range(k + 1, n):
                a[i, j] -= a[i, k] * a[k, j]

@njit(parallel=True)
def time_steps(u, v, steps):
    for t in range(steps):
        for i in range(1, len(u) - 1):
            v[i] = u[i - 1] + u[i + 1]
        u, v = v, u

@njit
def fibonacci(n):
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)

# name: the call, and how many iterations it makes
CALLS = {
    "counted": (lambda: (counted, N), N),
    "downwards": (lambda: (downwards, 3 * N), N),
    "stepping": (lambda: (stepping, N, 3), N),
    "while": (lambda: (without_end, N // 64), N // 64),
    "reads": (lambda: (reads, wide), N),
    "writes": (lambda: (writes, bytes_), N),
    "indirect": (lambda: (indirect, bytes_, more), N),
    "one long row": (lambda: (one_long_row, row), N // 4),
    "many rows": (lambda: (many_rows, column), N),
    "search": (lambda: (search, wide), N),
    "array expression": (lambda: (expression, bytes_, more), N),
    "np.sum": (lambda: (summed, wide), N),
    "array expression on threads": (lambda: (expression_on_threads, bytes_, more), N // 2),
    "reduction": (lambda: (reduced, 2 * N), N),
    "reduction of arrays": (lambda: (dot, wide, wide), N // 2),
    "reduction into an array": (lambda: (histogram, bytes_, np.zeros(4)), N // 2),
    "np.argmin": (lambda: (smallest, wide), N // 2),
    "inside a region": (lambda: (inner, np.zeros(2), N), N),
    "reordered nest": (lambda: (product, small, small.copy(), small.copy()), 512**3 // 2),
    "wavefront": (lambda: (wavefront, square), 4096**2 // 2),
    "factorisation": (lambda: (factors, small + 1000 * np.eye(512)), 512**3 // 6),
    "time steps": (lambda: (time_steps, np.zeros(1 << 16), np.zeros(1 << 16), 128), 1 << 22),
    "recursion": (lambda: (fibonacci, 20), 1 << 13),
}

def run(name):
    call, iterations = CALLS[name]
    kernel, *args = call()
    often = questions(kernel, *args)
    try:
        stopped = questions(kernel, *args, refuse=2 if often > 1 else 1) and False
    except KeyboardInterrupt:
        stopped = asked == refuse_at
    flag.value = 0
    return iterations, often, stopped

print(json.dumps({name: run(name) for name in CALLS}))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    path = tmp_path_factory.mktemp("interrupts") / "loops.py"
    path.write_text(PROGRAM)
    p = subprocess.run([sys.executable, path], capture_output=True, text=True, timeout=500)
    assert p.returncode == 0, p.stderr
    return json.loads(p.stdout)


KINDS = ["counted", "downwards", "stepping", "while", "reads", "writes", "indirect", "one long row", "many rows", "search",
         "array expression", "np.sum", "array expression on threads", "reduction", "reduction of arrays",
         "reduction into an array", "np.argmin", "inside a region", "reordered nest", "wavefront", "factorisation",
         "time steps", "recursion"]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_an_interrupt_is_seen_every_few_iterations_and_ends_the_kernel(found, kind):
    iterations, often, stopped = found[kind]
    assert often >= max(1, iterations // MOST), f"{often} questions in {iterations} iterations"
    assert stopped
