# i4[:], i4[:]
def f(a, b):
    return a // b
