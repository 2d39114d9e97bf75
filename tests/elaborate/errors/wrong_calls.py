# int64
def g(a, b, c=1, *, d=2):
    return a + b + c + d


def f(x):
    a = g(x)  # TypingError: g() missing required argument 'b'
    b = g(1, 2, 3, 4)  # TypingError: g() takes from 2 to 3 positional arguments but 4 were given
    c = g(1, 2, e=3)  # TypingError: g() got an unexpected keyword argument 'e' | it takes a, b, c, d
    h = g(1, 2, a=3)  # TypingError: g() got multiple values for argument 'a'
    i = x(1)  # TypingError: int64 cannot be called
    j = len()  # TypingError: len() missing required argument 'obj'
    k = abs(1, 2)  # TypingError: abs() takes 1 positional argument but 2 were given
    l = sum(x, strat=1)  # TypingError: sum() got an unexpected keyword argument 'strat' | did you mean 'start'?
    m = abs(*x)  # UnsupportedError: the number of items of *int64 is not known when the kernel is compiled | pass the array itself, or a tuple: its length is part of its type
    n = str(x)  # UnsupportedError: str() is not supported in a kernel | texts are made in f-strings, for print() and messages of exceptions only
    return a, b, c, h, i, j, k
