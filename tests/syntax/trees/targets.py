(a, *b), c.d, e[0] = x = y
for i, in z:
    pass
