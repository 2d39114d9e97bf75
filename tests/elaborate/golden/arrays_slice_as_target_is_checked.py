# f8[:], f8[:]
def f(a, b):
    a[1:] = b
