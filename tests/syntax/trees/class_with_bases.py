class A(B, *C, metaclass=D):
    x: int = 1
