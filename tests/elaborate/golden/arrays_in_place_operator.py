# f4[:], f8
def f(a, x):
    a += x
