# int64, float64, complex128
def f(n, x, z):
    a = n & x  # TypingError: unsupported operand types for &: int64 and float64
    b = z < z  # TypingError: < is not defined for complex numbers | compare abs(z), z.real or z.imag
    c = z // 2  # TypingError: unsupported operand types for //: complex128 and int64
    d = ~x  # TypingError: bad operand type for unary ~: float64
    e = "a" + n  # TypingError: unsupported operand types for +: str and int64 | kernels compute with numbers; texts are constants, for comparisons, messages and print()
    g = None + n  # TypingError: unsupported operand types for +: None and int64 | it is None here: give it a value, or ask `is None` before
    h = (1, 2)[x]  # TypingError: UniTuple(int64 x 2) cannot be indexed with float64
    i = (1, 2)[2]  # TypingError: tuple index out of range: UniTuple(int64 x 2) has 2 items
    s = None[n]  # TypingError: None cannot be indexed | it is None here: give it a value, or ask `is None` before
    k, m = 1, 2, 3  # TypingError: too many values to unpack (expected 2, got 3)
    o, p = n  # TypingError: int64 cannot be unpacked
    for q in n:  # TypingError: int64 cannot be iterated over | loop over range(), an array, a tuple, enumerate() or zip()
        pass
    for r in range(x):  # TypingError: range() takes integers, not float64 | convert it with int()
        pass
    return a
