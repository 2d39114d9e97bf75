try:
    a
except* B:
    pass
