"""Comprehensions where an array is wanted."""
import numpy as np


@cases((5,), (1,))
def of_a_range(n):
    i = 99
    a = np.array([i * i for i in range(n)])
    return len(a), a[0], a[-1], a.sum(), i


@cases((3, 4), (1, 2))
def nested(n, m):
    a = np.array([[i + j * 0.5 for j in range(m)] for i in range(n)])
    return a.shape, a[n - 1, m - 1], a.sum()


@cases((6,), (1,))
def with_a_condition(n):
    a = np.array([i * 0.5 for i in range(n) if i % 2 == 1 if i > 1])
    return len(a), a.sum()


@cases((3,), (1,))
def several_loops(n):
    a = np.array([i * 10 + j for i in range(n) for j in (1, 2)])
    return len(a), a[0], a[-1]


@cases((4,), (1,))
def as_arguments(n):
    return sum(i * i for i in range(n)), max([i - 3 for i in range(n)]), sum([x * y for x, y in zip(range(n), (1.0, 2.0))])


@cases((4,))
def in_a_loop(n):
    s = 0
    for k in range(n):
        s += np.array([k * i for i in range(k + 1)]).sum()
    return s


@cases((4,), (2,))
def of_a_nested_function(n):
    def f(x):
        return x * n + 0.5

    return np.array([f(i) for i in range(3)]).sum()


@cases((3,))
def raises_inside(n):
    return np.array([10 // (2 - i) for i in range(n)])[0]
