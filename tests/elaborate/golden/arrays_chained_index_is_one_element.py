# f8[:,:], i8, i8
def f(a, i, j):
    a[i][j] = a.T[j][i]
