# f8[:]
def f(a):
    return a[2:] - a[:-2]
