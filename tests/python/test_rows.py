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
