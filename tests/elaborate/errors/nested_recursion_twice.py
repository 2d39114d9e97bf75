# int64
def f(n):
    def g(x):
        if x < 2:
            return x
        return g(x - 1) + g(x - 2)  # UnsupportedError: nested function g() calls itself | make it a kernel of its own: kernels may call themselves

    return g(n)
