# f8[:], f8[:]
def f(x, y):
    return x.reshape(-1, 1) * y.reshape((1, -1))
