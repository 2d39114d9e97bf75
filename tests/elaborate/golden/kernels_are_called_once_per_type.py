# int64, float64
def square(x):
    return x * x


def f(n, x):
    return square(n) + square(n + 1) + square(x)
