"""Arrays with short rows, whose length loops are specialised for: every length gives what CPython gives."""
import numpy as np
import pytest


def attraction(p, mass, out):
    for i in range(p.shape[0]):
        ax = 0.0
        ay = 0.0
        for j in range(p.shape[0]):
            dx = p[j, 0] - p[i, 0]
            dy = p[j, 1] - p[i, 1]
            r = dx * dx + dy * dy + 0.01
            ax += mass[j] * dx / r
            ay += mass[j] * dy / r
        out[i, 0] = ax
        out[i, 1] = ay


def turn(p, mass, out):
    for i in range(p.shape[0]):
        out[i, 0] = p[i, 0] * 0.5 - p[i, 1] * 0.75
        out[i, 1] = p[i, 0] * 0.75 + p[i, 1] * 0.5 + mass[i]


def backwards(p, mass, out):
    for i in range(p.shape[0] - 1, 0, -1):
        if p[i, 1] > p[i - 1, 0]:
            out[i, 1] = p[i - 1, 1] + p[i, 0]
        else:
            out[i - 1, 0] = mass[i]


@pytest.mark.parametrize("kernel", (attraction, turn, backwards), ids=lambda f: f.__name__)
@pytest.mark.parametrize("length", (2, 3, 5))
@pytest.mark.parametrize("count", (0, 1, 2, 7, 65, 200))
def test_rows_of_any_length(agree, kernel, length, count):
    rng = np.random.default_rng(length)
    agree(kernel, rng.random((count, length)), rng.random(count), np.zeros((count, 2)))
    agree(kernel, rng.random((count, 2)), rng.random(count), np.zeros((count, length)))


@pytest.mark.parametrize("kernel", (attraction, turn, backwards), ids=lambda f: f.__name__)
def test_views_and_shared_memory(agree, kernel):
    rng = np.random.default_rng(3)
    both = rng.random((150, 4))
    agree(kernel, both[:, :2], rng.random(150), both[:, 2:])
    agree(kernel, both[::2], rng.random(75), np.zeros((2, 75)).T)
    p = rng.random((100, 2))
    agree(kernel, p, rng.random(100), p)
    agree(kernel, p[1:], rng.random(99), p[:-1])


@pytest.mark.parametrize("kernel", (attraction, turn), ids=lambda f: f.__name__)
def test_a_missing_column_raises(agree, kernel):
    agree(kernel, np.ones((5, 1)), np.ones(5), np.zeros((5, 2)))
    agree(kernel, np.ones((5, 2)), np.ones(5), np.zeros((5, 1)))
    agree(kernel, np.ones((5, 2)), np.ones(4), np.zeros((5, 2)))


def rows_of_lengths(starts, values, sums, least, counts):
    for i in range(sums.shape[0]):
        s = 0.0
        m = np.inf
        c = 0
        for k in range(starts[i], starts[i + 1]):
            s += values[k] * values[k]
        for k in range(starts[i], starts[i + 1]):
            m = min(m, values[k])
        for k in range(starts[i], starts[i + 1]):
            c += 1 if values[k] > 0.5 else 3
        sums[i] = s
        least[i] = m
        counts[i] = c


@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_short_rows(agree, kind):
    lengths = [0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 34, 63, 64, 65, 100, 0, 32, 33] * 5
    starts = np.concatenate([[0], np.cumsum(lengths)])
    rng = np.random.default_rng(5)
    values = rng.random(starts[-1]).astype(kind)
    n = len(lengths)
    agree(rows_of_lengths, starts, values, np.zeros(n), np.zeros(n), np.zeros(n, np.int64), rtol=1e-6)
    back = starts.copy()
    back[3:9] = back[3:9][::-1]  # bounds that go down: no iterations
    agree(rows_of_lengths, back, values, np.zeros(n), np.zeros(n), np.zeros(n, np.int64), rtol=1e-6)


def nearest_of(x, c, out):
    for i in range(x.shape[0]):
        best = np.inf
        where = 0
        for k in range(c.shape[0]):
            s = 0.0
            for m in range(c.shape[1]):
                e = x[i, m] - c[k, m]
                s += e * e
            if s < best:
                best = s
                where = k
        out[where] += 1


@pytest.mark.parametrize("shape", [(40, 0, 3), (40, 1, 1), (40, 5, 8), (300, 16, 8), (50, 3, 40), (0, 3, 3)])
def test_what_an_iteration_allocates_under_a_condition(agree, shape):
    n, k, d = shape
    rng = np.random.default_rng(6)
    agree(nearest_of, rng.random((n, d)), rng.random((k, d)), np.zeros(max(k, 1), np.int64))


def allocates_if(x, n, out):
    for i in range(x.shape[0]):
        if n > 3:
            t = np.zeros(n)
            for k in range(n):
                t[k] += x[i] * k
            out[i] = t[n - 1]
        else:
            u = np.ones(abs(n) + 1)
            u[0] += x[i]
            out[i] = u[0] * u[abs(n)]


@pytest.mark.parametrize("n", [-2, 0, 3, 4, 50])
def test_arrays_under_a_condition(agree, n):
    agree(allocates_if, np.random.default_rng(7).random(60), n, np.zeros(60))
    agree(allocates_if, np.zeros(0), n, np.zeros(0))
