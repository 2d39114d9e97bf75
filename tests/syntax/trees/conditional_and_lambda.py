r = lambda: a if b else c
