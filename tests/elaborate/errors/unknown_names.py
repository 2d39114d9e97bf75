# int64, float64
def f(count, x):
    a = cuont + 1  # TypingError: name 'cuont' is not defined | did you mean 'count'?
    b = math.sqr(x)  # TypingError: math.sqr is not known in kernels | did you mean sqrt?
    c = a + b + nothing_like_it  # TypingError: name 'nothing_like_it' is not defined
    d = p  # TypingError: name 'p' is not defined
    return a + b + c
