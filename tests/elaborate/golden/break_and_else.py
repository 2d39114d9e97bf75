# int64, int64
def f(n, k):
    for i in range(n):
        if i == k:
            r = i
            break
    else:
        r = -1
    return r
