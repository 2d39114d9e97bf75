# f8[:,:]
def f(a):
    return a.reshape(-1)
