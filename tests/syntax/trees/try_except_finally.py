try:
    a
except B as c:
    pass
except:
    raise D from e
else:
    pass
finally:
    pass
