# int64
def f(n):
    for i in range(0, n, 3):
        pass
    return i
