# int64, float64[::1]
def f(i, a):
    x = 1 if i > 0 else 2
    y = a[i] if i > 0 and a[i - 1] > 0.0 else 0.0
    return x + y
