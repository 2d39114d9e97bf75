# int64, int64, float64[::1], float64[::1]
def f(a, b, u, v):
    for i in range(3):
        a, b = b, a
        u, v = v, u
    return a, u
