# int64, float64
def f(n, x):
    s = 0
    for i in range(n):
        s += x
    return s
