# f8[:,:], i4[:], c16[:], Array(float64, 1, 'C', readonly=True)
def f(a, k, z, r):
    a[0, 0, 0]  # TypingError: too many indices for array: array is 2-dimensional, but 3 were indexed | index it less often, or pass an array of more dimensions
    a[0.5]  # TypingError: only integers, slices, ellipsis, None and integer or boolean arrays are valid indices, not float64 | convert with int(…)
    a[..., ...]  # TypingError: an index can only have a single ellipsis ('...')
    a[::0]  # TypingError: slice step cannot be zero
    k /= 2  # TypingError: cannot cast ufunc 'true_divide' output from float64 to int32 with casting rule 'same_kind' | write a = a op b, or convert the right side
    k += 1j  # TypingError: cannot cast ufunc 'add' output from complex128 to int32 with casting rule 'same_kind' | write a = a op b, or convert the right side
    r[0] = 1  # TypingError: the array is read-only and cannot be assigned to | copy it first: a = a.copy()
    r += 1  # TypingError: the array is read-only and cannot be assigned to | copy it first: a = a.copy()
    a[0] = z  # TypingError: complex128 cannot be converted to float64 | take .real or abs()
    a.sum(2)  # TypingError: axis 2 is out of bounds for array of dimension 2
    a.shap  # TypingError: array(float64, 2d, A) has no attribute 'shap' in a kernel | arrays have shape, ndim, size, dtype, strides, itemsize, nbytes, T, real, imag, flat, flags, and methods
    np.sqrrt(a)  # TypingError: numpy.sqrrt is not known in kernels | did you mean sqrt?
    np.zeros((2, 1.5))  # TypingError: a shape is made of integers, not float64 | convert with int(…)
    np.zeros(3, "text")  # TypingError: this is not a dtype that arrays in kernels can have | bool, integers of 8 to 64 bits, float32/64 and complex64/128 are supported
    k + 3000000000  # TypingError: integer 3000000000 is out of bounds for int32 | convert the array first
    return k
