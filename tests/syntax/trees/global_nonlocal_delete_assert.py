global a, b
nonlocal c
del d, (e, f[0])
assert g, "h"
