# int64
def f(x):
    if x > 0:
        y = x
    else:
        y = None
    return y  # TypingError: variable 'y' is int64 on one path and None on another | give the variable one kind of value on every path, or use two variables
