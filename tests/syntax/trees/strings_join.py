a = 'a' "b" '''c
d''' r'\n' u'e'
b = b'\x00\xff' rb'\d'
