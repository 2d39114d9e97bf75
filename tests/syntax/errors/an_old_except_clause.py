try:
    pass
except A, e:
    pass
