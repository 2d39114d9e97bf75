# int64, float64
def f(n, x):
    t = 0
    for i in range(n):
        t = i * x
        x = x + t
    return x
