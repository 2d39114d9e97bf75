# f8[:], f8[:]
def f(x, y):
    return x[:, None] - y[None, :]
