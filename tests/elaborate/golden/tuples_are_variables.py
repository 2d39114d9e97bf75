# int64
def f(n):
    t = (n, 0.5)
    for i in range(n):
        t = (t[0] + 1, t[1] * 2.0)
    return t
