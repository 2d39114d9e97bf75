rb'x' f"y" '''a
b'''  'c'
