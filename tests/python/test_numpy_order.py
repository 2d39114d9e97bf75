"""Array expressions are evaluated when and as often as Python evaluates them; arrays share memory as in NumPy."""
import numpy as np
import pytest

from kernel_text import function_of

TABLE = np.arange(12.0).reshape(3, 4)
WEIGHTS = np.array([1, 2, 3], np.int8)


def test_value_is_taken_when_assigned(agree):
    agree(function_of("x = a + 1; a[0] = 9; a += 5; return x, a", "a"), np.arange(4.0))
    agree(function_of("x = a[1:]; a[1] = 9; return x, a", "a"), np.arange(4.0))
    agree(function_of("x = (a + 1, a[1:]); a[:] = 0; return x, a", "a"), np.arange(4.0))
    agree(function_of("s = 2.0; x = a * s; s = 3.0; return x, a * s", "a"), np.arange(4.0))
    agree(function_of("i = 1; x = a[i:]; i = 2; return x, a[i:]", "a"), np.arange(4.0))
    agree(function_of("x = np.arange(3) + a[:3]; a[:] = 0; y = x.T; x[0] = 7; return x, y", "a"), np.arange(4.0))


def test_effects_inside_an_expression_happen_in_order(agree):
    def f(a):
        def bump(x):
            x += 1
            return x.sum()

        first = (a * 2) + bump(a)
        second = a + bump(a)
        third = bump(a) * a[0] + (a[1:] - 1)[0] * bump(a)
        return first, second, third, a

    agree(f, np.arange(4.0))


def test_swapped_names_swap_arrays(agree):
    agree(function_of("for t in range(5):\n    b[:] = a * 2\n    a, b = b, a\nreturn a, b", "a, b"), np.arange(4.0), np.zeros(4))
    agree(function_of("x, y = a[::-1], a + 1\nx, y = y, x\nx[0] = 50\nreturn x, y, a", "a"), np.arange(4.0))


def test_arrays_joined_on_two_paths(agree):
    for flag in (True, False):
        agree(function_of("if c:\n    x = a + 1\nelse:\n    x = a\nx[0] = 9\nreturn x, a", "a, c"), np.arange(4.0), flag)
        agree(function_of("x = a[::2] if c else a\nx[1] = 9\nreturn x.copy(), a", "a, c"), np.arange(4.0), flag)
        agree(function_of("x = a\nwhile x.size > 2:\n    x = x[1:]\n    if c:\n        x = x * 2\nreturn x, a", "a, c"), np.arange(6.0), flag)


def test_views_keep_their_array_alive(agree):
    agree(function_of("x = np.arange(n)[2:]\nfor k in range(3):\n    x = x[1:]\ny = np.ones(n)\nreturn x, y", "n"), 20)
    agree(function_of("return np.arange(n).reshape(2, -1)[1]", "n"), 10)


def test_constant_arrays_are_read(agree):
    def f(i):
        return TABLE[i, 1:] * 2, TABLE.sum(0), WEIGHTS + 1, TABLE[WEIGHTS - 1], TABLE.T[i], len(TABLE), TABLE[i][i]

    agree(f, 2)


def test_constant_arrays_are_read_only():
    import plait

    def f():
        TABLE[0, 0] = 1

    with pytest.raises(plait.errors.TypingError, match="read-only"):
        plait.njit(f)()


def test_arrays_inside_parallel_loops(agree):
    from plait import prange

    def rows(a, out):
        for i in prange(a.shape[0]):
            out[i] = a[i].sum() + (a[i] * a[i, ::-1]).max()
        return out

    def temporaries(a):
        out = np.empty_like(a)
        for i in prange(a.shape[0]):
            t = np.zeros(a.shape[1])
            t += a[i]
            t[1:] += a[i, :-1]
            out[i, :] = t * 2
        return out

    def masks(a):
        n = np.zeros(a.shape[0])
        for i in prange(a.shape[0]):
            row = a[i]
            n[i] = row[row > 5].sum() + row[np.array([0, 1])].sum()
        return n

    a = np.arange(120.0).reshape(20, 6) % 17
    agree(rows, a, np.zeros(20))
    agree(temporaries, a)
    agree(masks, a)


def test_memory_of_loops_is_given_back(alive):
    import plait
    from plait import prange

    def f(a):
        s = 0.0
        for i in prange(a.shape[0]):
            t = a[i] * 2
            s += t[t > 1].sum() + np.concatenate((t, t))[i % 3]
        return s

    for parallel in (False, True):
        kernel = plait.njit(parallel=parallel)(f)
        kernel(np.ones((50, 4)))
        before = alive()
        for _ in range(20):
            kernel(np.ones((50, 4)))
        assert alive() == before
