# int64
def f(n):
    return lambda x: x + n  # TypingError: a kernel cannot return a nested function | return numbers, arrays, tuples of them or None
