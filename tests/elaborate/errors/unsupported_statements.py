# int64
def f(x):
    with x:  # UnsupportedError: a with statement is not supported in a kernel | write it in Python, around the call of the kernel
        pass
    try:  # UnsupportedError: try is not supported in a kernel | test before, or return a code
        pass
    except ValueError:
        pass
    import os  # UnsupportedError: import is not supported in a kernel | import at the top of the module
    a = [x]  # UnsupportedError: a list is not supported in a kernel | use a tuple, or an array: np.array([...]), np.empty(n)
    b = {x: 1}  # UnsupportedError: a dict is not supported in a kernel | use arrays or a namedtuple
    c = {x}  # UnsupportedError: a set is not supported in a kernel | use a tuple or a sorted array
    yield x  # UnsupportedError: yield is not supported in a kernel | return an array
    d = a + b + c
    raise  # UnsupportedError: a bare raise is not supported in a kernel | name the exception
