# float64
def g(x):
    return x & 1  # TypingError: unsupported operand types for &: float64 and int64


def f(x):
    return g(x) + g(x)
