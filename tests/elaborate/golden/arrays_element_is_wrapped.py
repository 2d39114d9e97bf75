# f8[:], i8
def f(a, i):
    return a[i]
