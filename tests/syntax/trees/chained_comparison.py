r = 0 <= i < n != m is not None not in x
