# int64
def f(n):
    if n > 0:
        t = n
    return t
