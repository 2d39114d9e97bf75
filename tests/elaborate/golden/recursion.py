# int64
def half(n):
    if n < 2:
        return 1
    return half(n - 1) * 0.5


def f(n):
    return half(n)
