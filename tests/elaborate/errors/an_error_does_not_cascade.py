# int64
def f(n):
    a = missing  # TypingError: name 'missing' is not defined
    b = a + 1
    c = b * a
    for i in range(a):
        c += i
    while c < a:
        c += 1
    if a:
        c = 2
    return a[0], b, c
