a = f'a{b}c' 'd' f'{e!r:>{w}.2f}{{}}'
b = f'{x = }'
c = f'{a, b}'
