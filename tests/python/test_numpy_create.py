"""Making arrays: shapes, dtypes and contents are NumPy's."""
import numpy as np
import pytest

from kernel_text import function_of

MADE = """np.zeros(n) | np.zeros((n, 2)) | np.zeros((n, 2), np.int32) | np.zeros(n, dtype=np.complex64) | np.zeros((), np.float32) | np.zeros(0)
np.ones(n) | np.ones((2, n), np.int8) | np.ones(n, dtype=bool) | np.full(n, 7) | np.full((n, n), 2.5) | np.full(n, 7, np.float32) | np.full(n, x)
np.full((2, 3), True) | np.zeros_like(a) | np.ones_like(a) | np.ones_like(a, np.float64) | np.full_like(a, 3) | np.full_like(a, 2.7)
np.empty_like(a).shape | np.empty((n, 3)).shape | np.empty(n, np.int16).dtype.itemsize | np.zeros(a.shape) | np.zeros(a.shape, a.dtype)
np.zeros((n,)) | np.zeros(n, "f4") | np.zeros(n, "int64") | np.zeros(n, np.dtype(np.int16)) | np.zeros(n, float) | np.zeros(n, int) | np.zeros(n, complex)
np.arange(n) | np.arange(2, n) | np.arange(n, 2) | np.arange(2, 20, 3) | np.arange(20, 2, -3) | np.arange(n, 0, -1) | np.arange(x) | np.arange(0, 1, 0.1)
np.arange(0.5, x, 0.25) | np.arange(5.0, 0, -0.5) | np.arange(n, dtype=np.float32) | np.arange(3, dtype=np.int8) | np.arange(0) | np.arange(-3, 3)
np.arange(1, n, m) | np.arange(n, 1, m) | np.arange(1.5, 4) | np.arange(10, 0, x)
np.linspace(0, 1, n) | np.linspace(0, 1) | np.linspace(x, 10, 7) | np.linspace(0, 1, 5, endpoint=False) | np.linspace(5, 5, 3) | np.linspace(1, 2, 1)
np.linspace(1, 2, 0) | np.linspace(3, -3, n) | np.linspace(0, 10, 4, dtype=np.int64) | np.linspace(0, 1j, 5) | np.linspace(0, 1, num=n)
np.eye(n) | np.eye(n, 3) | np.eye(3, n, 1) | np.eye(n, k=-1) | np.eye(n, dtype=np.int32) | np.identity(n) | np.identity(n, np.int8) | np.eye(0)
np.array((1, 2, 3)) | np.array([1, 2, 3]) | np.array([1, 2.5, n]) | np.array([[1, 2], [3, 4]]) | np.array(((1, x), (n, 2))) | np.array([True, False])
np.array([1, 2], np.float32) | np.array([1j, n]) | np.array(5) | np.array(x) | np.array([[1], [2], [3]]) | np.array([a, a]) | np.array((a[0], a[1]))
np.asanyarray(a) | np.array(a) | np.asarray(a) | np.array(a, np.float64) | np.asarray(a, np.float32) | np.asarray(x) | np.asarray((1, 2)) | np.asarray([n, x])
np.ascontiguousarray(a) | np.ascontiguousarray(a.T) | np.asfortranarray(a) | np.copy(a) | a.copy() | a.T.copy() | a.astype(np.float64) | a.astype(a.dtype)
a.astype(np.int8) | a.astype(np.complex64) | a.astype(bool) | a.astype("f4") | a.astype(float) | (a * 1.7).astype(np.int64) | np.float32(a) | np.int64(a * 2.5)
np.broadcast_to(x, (2, 3)) | np.broadcast_to(a[0], (n, 3)) | np.tri(n) | np.tril(a) | np.triu(a, 1) | np.diag(a) | np.diag(a[0], 1) | np.vander(a[0])
np.logspace(0, 2, 5) | np.geomspace(1, 1000, 4) | np.array([]) | np.array([[1, 2, 3]]).shape | np.full(3, np.nan) | np.full(3, np.inf)"""


@pytest.mark.parametrize("text", [t.strip() for line in MADE.split("\n") for t in line.split(" | ")])
def test_made_array(agree, text):
    a = np.arange(12, dtype=np.int32).reshape(4, 3) - 4
    agree(function_of(text, "n, m, x, a"), 5, -2, 3.25, a, rtol=1e-14)


@pytest.mark.parametrize("text", ["np.zeros(-n)", "np.ones((2, -n))", "np.empty(-1)", "np.full(-n, 1)", "np.arange(0, n, 0)", "np.broadcast_to(a, (2, 2))",
                                  "np.eye(-n)", "np.linspace(0, 1, -n)"])
def test_impossible_array_raises(text):
    import plait

    f = function_of(text, "n, a")
    with pytest.raises(Exception) as want:
        f(3, np.arange(3.0))
    kernel = plait.njit(f)
    if text == "np.eye(-n)":
        return
    with pytest.raises(type(want.value)):
        kernel(3, np.arange(3.0))


def test_copies_do_not_share_memory_and_views_do(agree):
    agree(function_of("b = a.copy(); b[0] = 9; c = np.array(a); c[1] = 9; d = a.astype(a.dtype); d[2] = 9; return a, b, c, d", "a"), np.arange(5.0))
    agree(function_of("b = np.asarray(a); b[0] = 9; c = a[1:]; c[0] = 8; d = a.ravel(); d[2] = 7; return a, b, c, d", "a"), np.arange(5.0))
    agree(function_of("b = +a; b[0] = 9; c = a + 0; c[1] = 9; d = a * 1; d[2] = 9; e = abs(a); e[3] = 9; return a, b, c, d, e", "a"), np.arange(5.0))
    agree(function_of("b = a.flatten(); b[0] = 9; c = a.reshape(6); c[1] = 8; d = a.T; d[0, 1] = 7; return a, b, c, d", "a"), np.arange(6.0).reshape(2, 3))
    agree(function_of("b = a.real; b[0] = 9; c = np.real(a); c[1] = 8; d = np.clip(a, None, None) if False else a; d[2] = 7; return a", "a"), np.arange(5.0))


def test_fill(agree):
    agree(function_of("a.fill(3); b = np.empty(4, np.int8); b.fill(7); a[1:3].fill(x); return a, b", "a, x"), np.arange(5.0), 2.5)


def test_results_keep_their_layout():
    import plait

    assert plait.njit(function_of("np.zeros_like(a)", "a"))(np.asfortranarray(np.eye(3))).flags.f_contiguous
    assert plait.njit(function_of("a + 1", "a"))(np.asfortranarray(np.ones((3, 4)))).flags.f_contiguous
    assert plait.njit(function_of("a + b", "a, b"))(np.asfortranarray(np.ones((3, 4))), np.ones((3, 4))).flags.c_contiguous
    assert plait.njit(function_of("a.T", "a"))(np.ones((3, 4))).strides == (8, 32)


def test_memory_is_given_back(alive):
    import plait

    kernel = plait.njit(function_of("b = np.zeros(n); c = b[1:] + np.ones(n)[1:]; d = c.reshape(-1); return d[0] + np.arange(n).sum()", "n"))
    kernel(10)
    before = alive()
    for _ in range(50):
        kernel(10)
    assert alive() == before


def test_memory_is_given_back_when_raising(alive):
    import plait

    kernel = plait.njit(function_of("b = np.zeros(n); c = b + 1; return c[k]", "n, k"))
    kernel(10, 1)
    before = alive()
    for _ in range(50):
        with pytest.raises(IndexError):
            kernel(10, 100)
    assert alive() == before
