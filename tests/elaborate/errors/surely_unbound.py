# int64
def f(x):
    y = z + x  # TypingError: variable 'z' is used before it is assigned | assign it on every path that leads here
    z = 1
    return y + z
