# int64
def f(n):
    def g(x):
        if x > 0:
            return x
        return 0

    return g(n) + (lambda y: y + n)(1)
