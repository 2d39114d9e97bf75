@jit
x = 1
