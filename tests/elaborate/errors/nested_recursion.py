# int64
def f(n):
    def g(x):
        return g(x - 1) if x > 0 else 0  # UnsupportedError: nested function g() calls itself | make it a kernel of its own: kernels may call themselves

    return g(n)
