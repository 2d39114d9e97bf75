"""Signatures that `plait explain` assumes when none is given: from the file's own calls, else from the body; and it says
which, why, and what it does not know."""
import json
import subprocess

import pytest
from test_cli import PLAIT

pytestmark = pytest.mark.skipif(PLAIT is None, reason="the command is not built")
PRELUDE = "import math\nimport numpy as np\nfrom plait import njit, prange\n\n@njit(parallel=True)\n"


def arguments_of(signature):
    """What stands in the last parentheses."""
    depth = 0
    for i in range(len(signature) - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(signature[i], 0)
        if depth == 0:
            return signature[i + 1 : -1]


@pytest.fixture
def guess(tmp_path):
    """guess(body of the file, kernel) → (argument types, why)"""

    def run(text, kernel="f"):
        (tmp_path / "k.py").write_text(PRELUDE + text)
        done = subprocess.run([PLAIT, "explain", f"k.py:{kernel}", "--json"], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        (found,) = json.loads(done.stdout)
        assert found["guessed"] is True
        return arguments_of(found["signature"]), found["guessed_from"]

    return run


A1, A2, I1 = "array(float64, 1d, C)", "array(float64, 2d, C)", "array(int64, 1d, C)"

BODIES = {
    "subscripts": ("def f(a, b):\n    for i in range(a.shape[0]):\n        b[i] = a[i, 0] + a[i][1]\n", [A2, A1]),
    "elements that are indices": ("def f(k, h):\n    for i in range(len(k)):\n        h[k[i]] += 0.5\n", [I1, A1]),
    "through a local": ("def f(k, h):\n    for i in range(k.shape[0]):\n        j = k[i] + 1\n        h[j] += 0.5\n", [I1, A1]),
    "through a loop over elements": ("def f(k, h):\n    for j in k:\n        h[j] += 0.5\n", [I1, A1]),
    "ranges from an array": ("def f(p, y):\n    for i in range(len(y)):\n        for j in range(p[i], p[i + 1]):\n            y[i] += j\n", [I1, I1]),
    "a conversion is no index": ("def f(x, n):\n    h = np.zeros(n)\n    for i in range(len(x)):\n        h[int(x[i] * n)] += 1\n    return h\n", [A1, "int64"]),
    "a mask that is set": ("def f(m):\n    for i in range(len(m)):\n        m[i] = True\n", ["array(bool, 1d, C)"]),
    "compared with a counter": ("def f(k, n):\n    c = 0\n    for j in range(n):\n        for i in range(len(k)):\n            if k[i] == j:\n                c += 1\n    return c\n", [I1, "int64"]),
    "softmax of a vector": ("def f(x):\n    e = np.exp(x - np.max(x))\n    return e / np.sum(e)\n", [A1]),
    "softmax of rows": ("def f(x):\n    m = np.max(x, axis=1)\n    e = np.exp(x - m[:, None])\n    return e / e.sum(axis=1)[:, None]\n", [A2]),
    "one of two operands": ("def f(a, b):\n    return np.max(np.abs(a - b))\n", [A1, A1]),
    "an unpacked shape": ("def f(a):\n    n, m = a.shape\n    return n * m\n", [A2]),
    "rows of an array": ("def f(a):\n    t = 0.0\n    for row in a:\n        t += row.sum()\n    return t\n", [A2]),
    "annotations and defaults": ("def f(x: np.float32, y: 'f4[:, ::1]', n: int, k=2):\n    return x + y[0, 0] + n + k\n", ["float32", "array(float32, 2d, C)", "int64", "int64"]),
    "numbers": ("def f(x, n):\n    t = 0.0\n    for i in range(n):\n        t += x\n    return t\n", ["float64", "int64"]),
    "bits": ("def f(x):\n    return x & 255\n", ["int64"]),
}  # fmt: skip


@pytest.mark.parametrize("what", BODIES)
def test_the_body_tells(guess, what):
    body, types = BODIES[what]
    assert guess(body)[0] == ", ".join(types)


CALLS = {
    "module code": ("f(np.zeros((3, 4)), 5)\n", f"{A2}, int64"),
    "names": ("n = 10\ngrid = np.ones((n, n), dtype=np.float32)\nf(grid, n)\n", "array(float32, 2d, C), int64"),
    "main": ("if __name__ == '__main__':\n    rng = np.random.default_rng(1)\n    f(rng.random((5, 2)), 2)\n", f"{A2}, int64"),
    "a function that is called": ("def main(n):\n    x = np.random.rand(n, n)\n    x, y = x.astype('f4'), 3\n    f(x, y)\n\nmain(4)\n", "array(float32, 2d, C), int64"),
    "a test": ("def test_it():\n    f(np.eye(3), 1)\n", f"{A2}, int64"),
    "keywords": ("f(n=2.5, a=np.array([[1, 2], [3, 4]]))\n", "array(int64, 2d, C), float64"),
    "what another function made": ("def make(n):\n    return np.linspace(0, 1, n).reshape(n // 2, 2)\n\nf(make(8), 1)\n", f"{A2}, int64"),
    "a transposed array": ("f(np.zeros((3, 4)).T, 5)\n", "array(float64, 2d, F), int64"),
    "the best known of several": ("def g(u):\n    f(u, 1)\n\nf(np.zeros((2, 2), np.int32), 1)\n", "array(int32, 2d, C), int64"),
}  # fmt: skip


@pytest.mark.parametrize("what", CALLS)
def test_calls_in_the_file_tell_more_than_the_body(guess, what):
    code, types = CALLS[what]
    found, why = guess("def f(a, n):\n    return a[0, 0] * n\n\n" + code)
    assert found == types and why.startswith("the call in line ")


def test_kernels_that_call_a_kernel_tell_its_arguments(guess):
    found, why = guess("def f(v, i):\n    return v * i\n\n@njit\ndef g(a):\n    for i in range(len(a)):\n        a[i] = f(a[i], i)\n")
    assert found == "float64, int64" and "the call in line" in why


def test_what_nothing_tells_is_said_and_how_to_say_it(tmp_path):
    (tmp_path / "k.py").write_text(PRELUDE + "def f(a, x):\n    return a * x\n")
    said = subprocess.run([PLAIT, "explain", "k.py"], cwd=tmp_path, capture_output=True, text=True).stdout
    assert "signature (float64, float64) guessed" in said
    assert "a: nothing tells, float64 is assumed; x: nothing tells" in said
    assert "the file does not tell all of it; for other types: plait explain k.py:f --sig '(float64, float64)'" in said
