y = f(x,
      1
return y
