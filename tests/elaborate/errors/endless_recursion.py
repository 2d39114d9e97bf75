# int64
def f(n):  # TypingError: the result type of the recursive function f() cannot be inferred | return a value without calling itself on some path
    return f(n - 1)
