a = [i for i in x if i if j]
b = {i: j for i, j in x for k in i}
c = {i async for i in x}
