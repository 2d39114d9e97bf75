# int64, float64
def f(n, x):
    if n > 0:
        t = n
        x = x + t
    else:
        t = x
        x = t * 2.0
    return x
