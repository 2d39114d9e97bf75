# int64
def g(a, b, c=1, *, d=2):
    return a + b + c + d


def f(x):
    a = g(x)  # TypingError: g() missing required argument 'b'
    b = g(1, 2, 3, 4)  # TypingError: g() takes from 2 to 3 positional arguments but 4 were given
    c = g(1, 2, e=3)  # TypingError: g() got an unexpected keyword argument 'e'
    h = g(1, 2, a=3)  # TypingError: g() got multiple values for argument 'a'
    i = x(1)  # TypingError: int64 cannot be called
    j = len()  # TypingError: len() missing required argument 'obj'
    k = abs(1, 2)  # TypingError: abs() takes 1 positional argument but 2 were given
    return a, b, c, h, i, j, k
