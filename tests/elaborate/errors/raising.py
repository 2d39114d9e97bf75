# int64
def f(n):
    if n == 1:
        raise n  # TypingError: int64 cannot be raised | raise an exception class or an instance made here
    if n == 2:
        raise ValueError("a") from n  # UnsupportedError: 'raise … from' is not supported in a kernel | raise the exception alone
    if n == 3:
        raise ValueError((lambda: n))  # UnsupportedError: a nested function as argument of an exception is not supported in a kernel | pass numbers or text
    return n
