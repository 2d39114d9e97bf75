# int64
def f(n):
    a = [i for i in range(n)]  # UnsupportedError: a list comprehension is not supported in a kernel | make an array of it: np.array([...])
    b = np.array([[j for j in range(i)] for i in range(n)])  # UnsupportedError: an inner loop that depends on an outer one's variable is not supported in a kernel | write the loops out
    c = np.array([(i, i) for i in range(n)])  # UnsupportedError: a comprehension of UniTuple(int64 x 2) is not supported in a kernel | write the loops out
    d = {i for i in range(n)}  # UnsupportedError: a set comprehension is not supported in a kernel | fill an array in a loop
    return a, b, c, d
