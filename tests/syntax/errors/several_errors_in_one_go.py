def f(x)
    y = (1, 2]
    return y +

z = = 2
w = 3 4
