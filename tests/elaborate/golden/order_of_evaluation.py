# int64
def f(n):
    return n + (n := 5) + n
