if a:
    b = """x
y"""
