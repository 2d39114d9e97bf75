if a:
    b

c
