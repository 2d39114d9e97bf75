r = (a) + (b)
s = (a).b
