# f8[:,:], c16[:]
def f(a, z):
    a.reshape(-1, -1)  # TypingError: can only specify one unknown dimension
    np.concatenate(a)  # TypingError: a tuple of arrays is needed here | write np.concatenate((a, b))
    z < a @ a @ a @ np.ones((2, 2, 2))  # UnsupportedError: products of arrays with more than two dimensions are not supported | loop over the leading axes
    a[None, None, None, None, None, None, None, None, None, None, None, None, None, None, None, None, None, None, None, None, None, None, None, None, None, None, None, None, None, None, None]  # TypingError: an array has at most 32 dimensions
    a.transpose(0, 0)  # TypingError: repeated axis in transpose
    return np.array([[1, 2], [3]])  # TypingError: setting an array element with a sequence: the nested sequences differ in length
