# int64, none
def f(n, scale):
    if scale is None:
        scale = 2
    if isinstance(n, float):
        return n.nonsense
    flag = True
    return n * scale if flag else 0.5
