def f(a, /, b: int, c=1, *args: *Ts, d, e=2, **rest) -> float:
    return lambda x, /, y=1, *, z: x
