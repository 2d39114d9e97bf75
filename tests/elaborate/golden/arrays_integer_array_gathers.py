# f8[:], i8[:]
def f(a, k):
    return a[k]
