x = f'''ab
  {c d} e'''
