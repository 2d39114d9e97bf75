# f8[:], i8, i8
def f(a, i, j):
    return a[i:j]
