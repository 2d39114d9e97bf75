# int64
def f(n):
    assert n > 0, f"n is {n}"
    if n > 9:
        raise ValueError("too much", n)
    return n
