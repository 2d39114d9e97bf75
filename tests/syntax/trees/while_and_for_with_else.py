while a:
    break
else:
    pass
for i in b:
    continue
else:
    pass
