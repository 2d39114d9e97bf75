def f(a):
    if a:  # comment

        return (a +
   1)
  # comment
x
