def f(x):
    match x, 1:
        case (a, 1) if a:
            return a
        case _: pass
    match = match[0](1)
    match(x)
