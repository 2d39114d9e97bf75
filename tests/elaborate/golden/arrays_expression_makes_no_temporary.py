# f8[::1], f8[::1], f8
def f(a, b, x):
    return a * x + np.sqrt(b)
