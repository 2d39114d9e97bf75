a += 1
b: int
(c): int = 2
d.e: float = 3, 4
