# f8[:,:], Array(float64, 1, 'C', readonly=True)
def f(a, r):
    a[0] = "one"  # TypingError: an array or a number is needed here, not Literal[str]("one") | kernels compute with numbers; texts are constants, for comparisons, messages and print()
    a(0)  # TypingError: array(float64, 2d, A) cannot be called | elements stand in square brackets: a[i]
    a.T = r  # UnsupportedError: assigning an attribute is not supported in a kernel | assign to elements: a[...] = x
    a.T += 1  # UnsupportedError: assigning an attribute is not supported in a kernel | assign to elements: a[...] = x
    a.imag = 1  # TypingError: array does not have imaginary part to set | make the array complex
    a["field"]  # TypingError: only integers, slices, ellipsis, None and integer or boolean arrays are valid indices, not Literal[str]("field") | arrays have no fields here: pass each as an array
    return len(3)  # TypingError: int64 has no len() | pass an array: this is a number
