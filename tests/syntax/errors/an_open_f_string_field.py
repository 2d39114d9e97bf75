x = f'a{b'
