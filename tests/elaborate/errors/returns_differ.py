# int64
def f(x):
    if x > 0:
        return x
    return None  # TypingError: f() returns None here and int64 elsewhere | return values of one type on every path
